"""The calibration that stands beside a checkpoint, in best.calibration.json, and holds for that very file."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from tinyalex.calibration import (
    LEAST,
    LEVEL,
    MOST,
    VIEWS,
    Calibration,
    calibration_errors,
    confidences,
    error_by_chance,
    fit_temperature,
    halves,
    tempered,
    threshold_for,
)
from tinyalex.evaluation import per_picture
from tinyalex.files import write_text
from tinyalex.runs.trained import Run
from tinyalex.schema import Missing, like, number, one_of, or_null, read_json, record, whole
from tinyalex.statistics import Interval
from tinyalex.terminal import say

SHARE = number(0, 1)
INTERVAL = record(mean=SHARE, low=SHARE, high=number(0))
CALIBRATION = record(
    temperature=number(LEAST * 0.999, MOST * 1.001),
    threshold=or_null(SHARE),
    risk=SHARE,
    level=SHARE,
    view=one_of(*VIEWS),
    pictures=whole(1),
    ece_before=INTERVAL,
    ece_after=INTERVAL,
    checkpoint=like(r"[0-9a-f]{64}", "a sha256"),
)


def checkpoint_hash(file: str | Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal digits."""
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def calibration_file(checkpoint: Path, ending: str = ".json") -> Path:
    """Where the calibration of a checkpoint stands: best.calibration.json beside best.safetensors."""
    return checkpoint.with_name(f"{checkpoint.stem}.calibration{ending}")


def find_calibration(run: Run, quiet: bool = False) -> Calibration | None:
    """The calibration of a run's checkpoint; None if there is none, or, which is said, if it is another checkpoint's.

    quiet: say nothing. UserError for a damaged file.
    """
    file = calibration_file(run.file)
    try:
        values = read_json(file, CALIBRATION)
    except Missing:
        return None
    if values["checkpoint"] != checkpoint_hash(run.file):
        say(f"{file}: not used, since it was made for another {run.file.name}; calibrate this one again", quiet)
        return None
    known = {field.name: values[field.name] for field in fields(Calibration)}
    for name in ("ece_before", "ece_after"):
        known[name] = Interval(*(known[name][end] for end in ("mean", "low", "high")))
    return Calibration(**known)


def save_calibration(run: Run, calibration: Calibration) -> Path:
    """Write it beside the run's checkpoint, whole or not at all; the file. UserError if it cannot be written."""
    file = calibration_file(run.file)
    write_text(file, json.dumps(asdict(calibration), indent=1) + "\n")
    return file


# ---------------------------------------------------------------------------------------------- making one


@dataclass(frozen=True)
class Study:
    """A calibration, and how it was found.

    judged: indices of the pictures that it was judged on, of all N;  fitted: how many the temperature was fitted to
    before, after: the probabilities of the judged, (J, K);  labels: theirs, (J,);  notes: sentences for people
    loss_before, loss_after: their mean −log of the right class's probability;  fell: by how much their ECE fell
    by_chance: the ECE, at most, of a network that is perfectly calibrated, on as many pictures
    """

    calibration: Calibration
    judged: np.ndarray
    fitted: int
    before: np.ndarray
    after: np.ndarray
    labels: np.ndarray
    loss_before: float
    loss_after: float
    fell: Interval
    by_chance: float
    notes: list[str]


def study(p: np.ndarray, labels: np.ndarray, risk: float, ten_crop: bool, checkpoint: str, seed: int = 0) -> Study:
    """Fit a temperature to half of the pictures; judge it, and choose a threshold, on the other half.

    p: the network's own probabilities, (N, K), N ≥ 2;  labels: (N,);  seed: of the halves, and of the intervals' draws
    Where the other half's loss does not fall, the temperature is 1. ValueError for fewer pictures.
    """
    if len(labels) < 2:
        raise ValueError(f"study: {len(labels)} pictures, expected at least 2")
    fitted, judged = halves(labels, seed)
    temperature, notes = fit_temperature(p[fitted], labels[fitted]), []
    before, labels = p[judged], labels[judged]
    if temperature == 1:
        notes.append(
            "The half for the temperature has no wrong answer, so nothing says how sure it may be: it stays 1."
        )
    loss_before, loss_after = (_loss(q, labels) for q in (before, tempered(before, temperature)))
    if loss_after > loss_before:
        notes.append(f"A temperature of {temperature:.3g} made the other half's loss larger, so it stays 1.")
        temperature, loss_after = 1.0, loss_before
    elif temperature <= LEAST * 1.001 or temperature >= MOST * 0.999:
        notes.append(
            f"The temperature {temperature:.3g} is the end of its range: too few answers are {_few(temperature)}."
        )
    after = tempered(before, temperature)
    ece_before, ece_after, fell = calibration_errors(before, after, labels, seed)
    answers, confidence = confidences(after)
    threshold = threshold_for(confidence, answers != labels, risk)
    view = VIEWS[int(ten_crop)]
    found = Calibration(temperature, threshold, risk, LEVEL, view, len(judged), ece_before, ece_after, checkpoint)
    by_chance = error_by_chance(confidence, seed)
    return Study(found, judged, len(fitted), before, after, labels, loss_before, loss_after, fell, by_chance, notes)


def least_risk(confidence: np.ndarray, wrong: np.ndarray) -> float:
    """The smallest risk, in whole hundredths, for which `threshold_for` finds a threshold; 1 is always one."""
    return next(r / 100 for r in range(1, 101) if threshold_for(confidence, wrong, r / 100) is not None)


def _loss(p, labels):
    return float(per_picture(p, labels)[1].mean())


def _few(temperature):
    return "wrong" if temperature < 1 else "right"

"""The calibration that stands beside a checkpoint, in best.calibration.json, and holds for that very file."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from tinyalex.calibration import LEAST, MOST, VIEWS, Calibration
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
    known = {name: values[name] for name in Calibration.__dataclass_fields__}
    intervals = {name: Interval(**known[name]) for name in ("ece_before", "ece_after")}
    return Calibration(**known | intervals)


def save_calibration(run: Run, calibration: Calibration) -> Path:
    """Write it beside the run's checkpoint, whole or not at all; the file. UserError if it cannot be written."""
    file = calibration_file(run.file)
    write_text(file, json.dumps(asdict(calibration), indent=1) + "\n")
    return file

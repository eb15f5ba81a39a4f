"""The validation pictures as a checkpoint sees them, for a comparison with the pictures that a service gets.

N pictures, S their side, M training pictures, D features. The file stands beside the checkpoint, `best.reference.json`
beside `best.safetensors`, and is for that checkpoint alone.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tinyalex.backend import array_module, matmul, to_device, to_host
from tinyalex.calibration import VIEWS, Calibration
from tinyalex.data.dataset import Dataset, Split
from tinyalex.errors import UserError
from tinyalex.evaluation import PICTURES_AT_ONCE, probabilities
from tinyalex.files import write_text
from tinyalex.inspection.features import activations, features_of, last_features
from tinyalex.inspection.subject import sample
from tinyalex.monitoring.pictures import STATISTICS, picture_statistics
from tinyalex.runs.calibrated import checkpoint_hash
from tinyalex.runs.trained import Run
from tinyalex.schema import Missing, anything, each, judge, like, number, one_of, read_json, record, table, text, whole
from tinyalex.terminal import progress_bar, say

MOST_PICTURES, MOST_TRAINING, MOST_MEASURED = 5000, 2000, 500  # validation, training, and for the layers' outputs
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)  # of the layers' outputs
AT_ONCE = 32  # pictures whose outputs of all layers are held at a time
TOP = 5
COLUMNS = (*STATISTICS, "confidence", "entropy", "novelty")

REFERENCE = record(
    checkpoint=like(r"[0-9a-f]{64}", "a sha256"),
    data=text(),
    view=one_of(*VIEWS),
    temperature=number(0),
    columns=record({name: each(number(), 1, MOST_PICTURES) for name in COLUMNS}),
    labels=each(whole(), 1, MOST_PICTURES),
    training_pictures=whole(1),
    layers=table(each(number(0), len(QUANTILES), len(QUANTILES))),
)


def make_reference(
    run: Run,
    dataset: Dataset,
    calibration: Calibration | None = None,
    p: np.ndarray | None = None,
    quiet: bool = False,
    trained_on: Dataset | None = None,
) -> dict[str, Any]:
    """The reference of a run's checkpoint, as JSON values; takes one or two evaluations of MOST_PICTURES pictures.

    p: the network's own probabilities for all validation pictures, (N, K), in the calibration's view, if known
    trained_on: the data from whose training pictures a service measures distances; None: `dataset`
    columns: for each validation picture, its statistics, the calibrated confidence and entropy (see `entropies`), and
        its `novelties`;  labels: its likeliest class
    layers: {layer: QUANTILES of the root mean square of its output for one picture}
    """
    training = training_features(run, trained_on or dataset, quiet)
    rows, pieces = sample(dataset.val, MOST_PICTURES, "reference"), []
    with progress_bar(len(rows), "reference", quiet=quiet) as bar:
        for start in range(0, len(rows), PICTURES_AT_ONCE):
            here = rows[start : start + PICTURES_AT_ONCE]
            pictures = dataset.val.gather(here)
            pieces.append(describe(run, pictures, training, calibration, None if p is None else p[here]))
            bar.update(len(pictures))
    columns = {name: np.concatenate([piece[name] for piece in pieces]) for name in (*COLUMNS, "label")}
    sizes = layer_sizes(run, dataset.val.gather(sample(dataset.val, MOST_MEASURED, "layers")))
    return {
        "checkpoint": checkpoint_hash(run.file),
        "data": dataset.name,
        "view": calibration.view if calibration else VIEWS[0],
        "temperature": calibration.temperature if calibration else 1.0,
        "columns": {name: rounded(columns[name]).tolist() for name in COLUMNS},
        "labels": columns["label"].tolist(),
        "training_pictures": len(training),
        "layers": {name: rounded(np.quantile(values, QUANTILES)).tolist() for name, values in sizes.items()},
    }


def describe(
    run: Run,
    pictures: np.ndarray,
    training: np.ndarray,
    calibration: Calibration | None = None,
    p: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """COLUMNS, float64 (N,) each, and the likeliest "label", int (N,), of uint8 pictures (N, S, S, 3).

    training: of `training_features`;  calibration: of the run, for its view
    p: the network's own probabilities in that view, (N, K), if known
    """
    if p is None:
        ten_crop = calibration is not None and calibration.view == VIEWS[1]
        on_device = to_device(pictures, array_module(run.view.mean))
        p = to_host(probabilities(run.network, on_device, run.view, ten_crop))
        run.check_answers(p)
    q = calibration.probabilities(p) if calibration else p.astype(np.float64)
    top = -np.sort(-q, axis=1)[:, :TOP]
    scores = {"confidence": top[:, 0], "entropy": entropies(top), "novelty": novelties(run, pictures, training)}
    return picture_statistics(pictures) | scores | {"label": q.argmax(axis=1)}


def entropies(top: np.ndarray) -> np.ndarray:
    """−Σ p log p of the TOP likeliest classes and of all others together, (N,): 0 for a sure answer.

    top: their probabilities, (N, TOP) or fewer; the log of a service holds no more
    """
    p = np.asarray(top, np.float64)
    p = np.concatenate([p, np.maximum(1 - p.sum(axis=1, keepdims=True), 0)], axis=1)
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=1)


# ---------------------------------------------------------------------------------------------- novelty


def training_features(run: Run, dataset: Dataset, quiet: bool = False) -> np.ndarray:
    """The features of at most MOST_TRAINING training pictures, always the same: float32 (M, D), rows of length 1."""
    rows = sample(dataset.train, MOST_TRAINING, "novelty")
    return _features(run, dataset.train, rows, quiet)


def novelties(run: Run, pictures: np.ndarray, training: np.ndarray) -> np.ndarray:
    """How unlike the training pictures each picture is: float64 (N,), from 0, the same, to 2.

    The distance to the nearest of them in the last layer's input, with every picture's features scaled to length 1.
    pictures: uint8 (N, S, S, 3);  training: of `training_features`
    Source: Sun, Ming, Zhu & Li, Out-of-Distribution Detection, ICML 2022, §3, with k = 1.
    """
    split = Split((pictures,), np.zeros(len(pictures), int))
    return novelty_of(_features(run, split, np.arange(len(pictures)), quiet=True), training)


def novelty_of(features: np.ndarray, training: np.ndarray) -> np.ndarray:
    """`novelties` of pictures whose features, float32 (N, D) of any length, are known."""
    nearest = matmul(_of_length_1(features), training.T).max(axis=1)  # with @, BLAS's threads spin on for a while
    return np.sqrt(np.maximum(2 - 2 * nearest.astype(np.float64), 0))


def _features(run, split, rows, quiet):
    _, layer = last_features(run.network)
    return _of_length_1(features_of(run.network, split, run.view, array_module(run.view.mean), layer, rows, quiet))


def _of_length_1(features):
    """The rows scaled to length 1, (N, D). A picture that no unit answers to keeps its zeros."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.divide(features, lengths, out=np.zeros_like(features), where=lengths > 0)


# ---------------------------------------------------------------------------------------------- layers


def layer_sizes(run: Run, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """{layer: √(mean y²) of its output for each picture, float64 (N,)}, for uint8 pictures (N, S, S, 3)."""
    found: dict[str, list] = {}
    for start in range(0, len(pictures), AT_ONCE):
        batch = to_device(pictures[start : start + AT_ONCE], array_module(run.view.mean))
        for name, y in activations(run.network, run.view.centre(batch)).items():
            flat = to_host(y).reshape(len(batch), -1)
            found.setdefault(name, []).append(np.sqrt(np.mean(flat * flat, axis=1, dtype=np.float64)))
    return {name: np.concatenate(pieces) for name, pieces in found.items()}


# ---------------------------------------------------------------------------------------------- the file


def reference_file(checkpoint: Path) -> Path:
    """Where the reference of a checkpoint stands."""
    return checkpoint.with_name(f"{checkpoint.stem}.reference.json")


def save_reference(run: Run, reference: dict[str, Any]) -> Path:
    """Write a run's reference, whole or not at all; the file. UserError if it cannot be written."""
    file = reference_file(run.file)
    write_text(file, json.dumps(reference) + "\n")
    return file


def find_reference(run: Run, quiet: bool = False) -> dict[str, Any] | None:
    """The reference of a run's checkpoint; None if there is none, or, which is said, if it is another checkpoint's.

    quiet: say nothing. UserError for a damaged file.
    """
    file = reference_file(run.file)
    try:
        found = check_reference(read_json(file, anything), file)
    except Missing:
        return None
    if found["checkpoint"] != checkpoint_hash(run.file):
        say(f"{file}: not used, since it was made for another {run.file.name}; calibrate this one again", quiet)
        return None
    return found


def check_reference(value: Any, where: Any) -> dict[str, Any]:
    """The value itself. UserError, with `where` in front, unless it is a reference."""
    judge(value, REFERENCE, where)
    lengths = {name: len(values) for name, values in ({"labels": value["labels"]} | value["columns"]).items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
        raise UserError(f"{where}: found columns of different lengths ({found}), expected as many pictures in each")
    return value


def columns_of(reference: dict[str, Any]) -> dict[str, np.ndarray]:
    """The columns of a reference for `drift_tests`: COLUMNS and "label"."""
    return {name: np.array(values) for name, values in reference["columns"].items()} | {
        "label": np.array(reference["labels"])
    }


def rounded(values: np.ndarray) -> np.ndarray:
    """Numbers with five digits, (N,): what is compared must be rounded alike, as many confidences lie close below 1."""
    return np.array([float(f"{value:.5g}") for value in values])

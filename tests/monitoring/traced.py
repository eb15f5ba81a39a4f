"""A log as a service leaves it, with kept pictures: small, and every answer in it known."""

import hashlib
import io
from types import SimpleNamespace

import numpy as np
from PIL import Image

from tests.inspection.small import write_data, write_run
from tests.tiny_runs import answering
from tinyalex.calibration import Calibration
from tinyalex.data import open_dataset
from tinyalex.library import load
from tinyalex.monitoring.log import Log, LoggedModel, Request, kept_picture
from tinyalex.monitoring.pictures import picture_statistics
from tinyalex.runs.calibrated import checkpoint_hash, save_calibration
from tinyalex.runs.trained import open_run
from tinyalex.statistics import Interval

NAMES = ["tabby cat, tabby", "dog <b>", "ant"]


def kept(log, request):
    """Where the picture of a request is kept."""
    return kept_picture(log, request.sha256, request.format)


KEPT = 9  # of the requests; the pictures of those after them were not kept
LABELS = ("class-0", "class-0", "class-1", "class-1", "class-1", "class-2", None, None, None, "class-1")
ODDS = np.e / (np.e + 2)  # the probability of the answer of a network that gives one class the score 1, others 0


def calibrate(run, threshold, temperature=1.0, view="centre crop"):
    """Put a calibration beside a run's checkpoint."""
    nothing = Interval(0.1, 0.05, 0.15)
    file = open_run(run, np, quiet=True).file
    made = Calibration(temperature, threshold, 0.1, 0.95, view, 100, nothing, nothing, checkpoint_hash(file))
    save_calibration(open_run(run, np, quiet=True), made)
    return made


def make(folder):
    """Networks that answer always the same class, "zero" and "one"; a log of `zero`'s answers to ten pictures."""
    data = write_data(folder / "data", NAMES, 9, 30)
    run = write_run(folder / "run", data)
    zero, one = (answering(run, folder / f"{name}.safetensors", k) for k, name in enumerate(("zero", "one")))
    path = folder / "requests.db"
    with Log(path) as log:
        add(log, zero, open_dataset(data).val.gather(range(len(LABELS))))
    return SimpleNamespace(folder=folder, data=data, run=run, zero=zero, one=one, log=path)


def add(log, run, squares):
    """Log a network's answers to prepared pictures, with LABELS, and keep the first KEPT pictures."""
    classifier = load(run)
    hash, ids = checkpoint_hash(classifier.run.file), list(classifier.class_ids)
    about = {"model": "alexnet-mini", "class_names": list(classifier.classes), "class_ids": ids, "view": "centre crop"}
    columns = {name: [0.0, 50.0, 100.0] for name in ("brightness", "contrast", "sharpness", "novelty")}
    layers = {"conv1": [0.0, 0, 0, 1e-9, 0, 0, 1e-8], "relu1": [0.0, 1, 2, 3, 4, 5, 1e9]}
    reference = {"data": "photos", "columns": columns, "layers": layers}
    log.add_model(LoggedModel(hash, str(run), about | {"calibration": None}, reference, 100.0))
    (log.path.parent / "requests-pictures").mkdir()
    for number, square in enumerate(squares):
        file = io.BytesIO()
        Image.fromarray(square).save(file, "PNG")
        said = classifier.classify(square[None])[0]
        top = tuple((ids.index(answer.id), answer.probability) for answer in said.answers)
        statistics = {name: float(values[0]) for name, values in picture_statistics(square[None]).items()}
        request = Request(
            id=f"{number:04x}{'abcd' * 3}",
            at=1000.0 + number,
            client="camera-1",
            sha256=hashlib.sha256(file.getvalue()).hexdigest(),
            bytes=len(file.getvalue()),
            format="PNG",
            width=64,
            height=64,
            prepared="PNG, RGB",
            **statistics,
            novelty=None,
            model=hash,
            label=top[0][0],
            confidence=top[0][1],
            sure=said.sure,
            reason=said.reason,
            top=top,
            milliseconds=12.0,
        )
        log.add([request])
        if number < KEPT:
            kept(log.path, request).write_bytes(file.getvalue())
        if LABELS[number] is not None:
            log.add_label(request.id, LABELS[number], 2000.0 + number)

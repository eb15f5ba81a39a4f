"""A trained network that answers questions about pictures.

N pictures, S the side that a network was trained on, K classes.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from io import IOBase
from os import PathLike
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from tinyalex.backend import to_device, to_host
from tinyalex.calibration import VIEWS, Calibration, undecided
from tinyalex.data import open_validation
from tinyalex.data.pictures import PictureError, read_picture
from tinyalex.errors import UserError
from tinyalex.evaluation import Evaluation, class_probabilities, pictures_at_once, probabilities
from tinyalex.exchange.exported import export_run
from tinyalex.programs import called_by_programs
from tinyalex.runs.calibrated import find_calibration
from tinyalex.runs.trained import Run, check_fits, history


class Answer(NamedTuple):
    """A class that a picture may show: its name for people, its id in the data set, its probability (0 to 1)."""

    name: str
    id: str
    probability: float


class Classification(NamedTuple):
    """The likeliest classes of a picture as `Answer`s, whether the first may be given, and if not, why, in words.

    sure: True wherever nothing says otherwise, as without a calibration;  reason: "" if sure
    """

    answers: list[Answer]
    sure: bool
    reason: str


class Classifier:
    """A trained network that answers questions about pictures. `load` and `train` make one.

    classes: K names for people, in the order of the network's outputs;  class_ids: K ids of the data set
    run: the `Run`, with the network itself and its checkpoint's file;  xp: numpy or cupy

    >>> classifier = load("runs/mine")
    >>> classifier.predict("cat.jpg", top=1)
    [Answer(name='tabby cat', id='n02123045', probability=0.62)]
    """

    def __init__(self, run: Run, xp: ModuleType) -> None:
        self.run, self.xp = run, xp
        self.classes, self.class_ids = tuple(run.info["class_names"]), tuple(run.info["class_ids"])

    def __repr__(self) -> str:
        info = self.run.info
        trained, data = f"{info['model']}, {len(self.classes)} classes", info["config"]["data"]
        epochs = f" of {data}, epoch {info['state']['epoch']} of {info['config']['epochs']}" if data else ", imported"
        return f"<Classifier {self.run.file}: {trained}{epochs}>"

    @cached_property
    def history(self) -> list[dict]:
        """A dict for each epoch of its training, with "train_loss", "val_top1_error" and so on."""
        return history(self.run)

    @cached_property
    def calibration(self) -> Calibration | None:
        """The calibration that `tinyalex calibrate` stored beside this very checkpoint; None if there is none."""
        return find_calibration(self.run)

    def calibrated(self, ten_crop: bool = False) -> Calibration | None:
        """The calibration of this view, centre crop or ten crops; None if there is none."""
        found = self.calibration
        return found if found and found.view == VIEWS[int(ten_crop)] else None

    @called_by_programs
    def predict(self, pictures: Any, top: int = 5, ten_crop: bool = False) -> list:
        """The `top` likeliest classes of a picture, as a list of `Answer`s; of several pictures, a list of such lists.

        pictures: one picture or several. A picture is a file's path, the bytes of a file, a Pillow image, or an array
            uint8 (H, W, 3), 0 to 255, red first; several are a list of these, or an array uint8 (N, H, W, 3).
            As in training, the shorter side is scaled to S and the centre is cut out.
        top: answers per picture; at most K are given
        ten_crop: average over four corners, the centre and their mirror images, which takes ten times as long
        Probabilities are calibrated if there is a calibration of this view.
        UserError for a picture that cannot be read, and for top below 1.

        >>> classifier.predict(["cat.jpg", "dog.png"], top=2)
        """
        answers = [one.answers for one in self.classify(pictures, top, ten_crop)]
        return answers[0] if is_one(pictures) else answers

    @called_by_programs
    def classify(self, pictures: Any, top: int = 5, ten_crop: bool = False) -> list[Classification]:
        """A `Classification` of each picture: its likeliest classes, and whether the first may be taken for the answer.

        The first is never another one because of the pictures beside it: where rounding could decide, a picture is
        computed again by itself. Arguments and errors as of `predict`; always a list.

        >>> classifier.classify(["cat.jpg"])[0].sure
        True
        """
        if top < 1:
            raise UserError(f"found {top}, expected 1 or more", "top")
        calibration = self.calibrated(ten_crop)
        p = self.probabilities(pictures, ten_crop)
        best = np.argsort(-p, axis=1, kind="stable")[:, :top]  # equal classes in their order
        scores = np.take_along_axis(p, best, axis=1)
        return [self._classification(*one, calibration) for one in zip(best.tolist(), scores.tolist())]

    @called_by_programs
    def probabilities(self, pictures: Any, ten_crop: bool = False) -> np.ndarray:
        """The probability of every class: (N, K), rows that add up to 1; arguments as of `predict`.

        float64 if they are calibrated, as `predict`'s are; else float32.
        """
        calibration = self.calibrated(ten_crop)
        p = self._own_probabilities(pictures, ten_crop, calibration)
        return calibration.probabilities(p) if calibration else p

    def _own_probabilities(self, pictures, ten_crop, calibration):
        """The network's own probabilities, float32 (N, K); those that rounding could make another answer, once more."""
        chosen = [pictures] if is_one(pictures) else pictures
        squares = (self._read(picture, number) for number, picture in enumerate(chosen, 1))
        rows = [np.empty((0, len(self.classes)), np.float32)]
        for batch in _batches(squares, pictures_at_once(ten_crop)):
            p = self._of_squares(np.stack(batch), ten_crop)
            for n in np.flatnonzero(undecided(p, calibration)) if len(batch) > 1 else ():
                p[n] = self._of_squares(batch[n][None], ten_crop)[0]
            rows.append(p)
        p = np.concatenate(rows)
        self.run.check_answers(p)
        return p

    @called_by_programs
    def evaluate(self, data: str | PathLike | None = None, ten_crop: bool = False, quiet: bool = False) -> Evaluation:
        """The errors on a data set's validation pictures, as `Evaluation(top1_error, top5_error, loss, images)`.

        Errors are fractions of 1; the loss is the mean of −log p(right class).
        data: "builtin" or a prepared folder; by default, the data that it was trained on
        ten_crop: as of `predict`;  quiet: no progress bar on stderr
        UserError unless the data have the network's classes, in its order, and pictures of S pixels.

        >>> classifier.evaluate().top1_error
        0.038
        """
        data = str(data or self.run.own_data())
        split, class_ids, size = open_validation(data, quiet=quiet)
        check_fits(self.run, data, class_ids, size)
        p = class_probabilities(self.run.network, split, self.run.view, self.xp, ten_crop, quiet=quiet)
        self.run.check_answers(p)
        return Evaluation.of(p, split.labels, pictures_at_once(ten_crop))

    @called_by_programs
    def export(self, file: str | PathLike, pixels: str | None = None) -> dict[str, Any]:
        """Write the network to a file for other libraries, as `tinyalex export` does; what is in it, as a dict.

        file: its ending says the form: .onnx, .safetensors (for PyTorch, whose module is the "code") or .npz
        pixels: of ONNX: pictures as "uint8", the default, or prepared, as "float"
        UserError for another ending, and for a file there that tinyalex did not write.

        >>> classifier.export("mine.onnx")["pictures"]
        """
        return export_run(self.run, file, pixels)

    @cached_property
    def _ready(self):
        """The network with everything computed that depends on its weights alone, which stay as they are."""
        return self.run.network.for_test()

    def _of_squares(self, squares, ten_crop):
        return to_host(probabilities(self._ready, to_device(squares, self.xp), self.run.view, ten_crop))

    def _read(self, picture, number):
        try:
            return read_picture(picture, self.run.view.size)
        except PictureError as error:
            name = picture if isinstance(picture, (str, PathLike)) else f"picture {number}"
            raise UserError(f"{name}: {error}") from None

    def _classification(self, best, p, calibration):
        """That of one picture's likeliest classes, with their probabilities."""
        reason = calibration.reason(p[0]) if calibration else ""
        answers = [Answer(self.classes[k], self.class_ids[k], probability) for k, probability in zip(best, p)]
        return Classification(answers, not reason, reason)


def is_one(pictures: Any) -> bool:
    """Whether this is one picture rather than several."""
    if isinstance(pictures, np.ndarray):
        return pictures.ndim != 4
    return not isinstance(pictures, Iterable) or isinstance(pictures, (str, bytes, bytearray, IOBase))


def _batches(items: Iterable, size: int) -> Iterator[list]:
    """Lists of `size` items; the last may be shorter."""
    batch: list = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch

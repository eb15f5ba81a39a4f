"""The network that answers, and its shadow, which is asked too and only logged. They change between two batches."""

import threading
import time
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tinyalex.calibration import VIEWS
from tinyalex.classifier import Classification, Classifier
from tinyalex.errors import UserError
from tinyalex.monitoring.log import LoggedModel
from tinyalex.monitoring.reference import find_reference
from tinyalex.runs.calibrated import checkpoint_hash
from tinyalex.runs.trained import find_checkpoint, open_run
from tinyalex.serving.novelty import Listener


@dataclass(frozen=True)
class Model:
    """A network ready to answer.

    path: the run folder or checkpoint that was named;  hash: of its checkpoint
    reference: what its validation pictures look like, if `calibrate` has written that down
    since: when it was ready, in seconds since 1970
    """

    path: Path
    classifier: Classifier
    hash: str
    reference: dict[str, Any] | None
    since: float = 0.0

    @classmethod
    def load(cls, path: str | Path, xp: ModuleType) -> "Model":
        """Read a network, and answer once so that the first client need not wait. UserError if it cannot answer."""
        run, hash = _read(path, xp)
        model = cls(Path(path), Classifier(run, xp), hash, find_reference(run))
        model.classify(np.zeros((1, model.size, model.size, 3), np.uint8))
        model = replace(model, since=time.time())
        if model.reference:
            model.listener.prepare()
        return model

    @property
    def size(self) -> int:
        """S, the side of the squares that it takes."""
        return self.classifier.run.view.size

    @property
    def calibrated(self) -> bool:
        """Whether its probabilities have been checked against pictures."""
        return self.classifier.calibration is not None

    @property
    def ten_crop(self) -> bool:
        """Whether it looks at ten crops: only if that is how it was calibrated."""
        calibration = self.classifier.calibration
        return calibration is not None and calibration.view == VIEWS[1]

    def classify(self, squares: np.ndarray) -> list[Classification]:
        """Answers about prepared pictures, uint8 (N, S, S, 3)."""
        return self.classifier.classify(squares, ten_crop=self.ten_crop)

    @cached_property
    def listener(self) -> Listener:
        """Classifies too, and measures novelty."""
        return Listener(self.classifier)

    @cached_property
    def logged(self) -> LoggedModel:
        """The model as the log has it."""
        classifier = self.classifier
        about = {
            "model": classifier.run.info["model"],
            "class_names": list(classifier.classes),
            "class_ids": list(classifier.class_ids),
            "view": VIEWS[int(self.ten_crop)],
            "calibration": classifier.calibration and asdict(classifier.calibration),
        }
        return LoggedModel(self.hash, str(self.path), about, self.reference, self.since)

    @property
    def logged_as(self) -> tuple:
        """Its checkpoint, calibration and reference, by which the log tells it from others."""
        return self.hash, self.classifier.calibration, self.reference

    @cached_property
    def places(self) -> dict[str, int]:
        """{class id: its place among the network's outputs}"""
        return {id: place for place, id in enumerate(self.classifier.class_ids)}

    def about(self) -> dict[str, str]:
        """The model for the operator."""
        return {"run": str(self.path)} | self.name()

    def name(self) -> dict[str, str]:
        """The model for anybody, without a path."""
        return {"model": self.classifier.run.info["model"], "hash": self.hash}


class Models:
    """The current model and its shadow or None, as `pair`, which is read once for each batch."""

    def __init__(self, current: Model, shadow: Model | None, xp: ModuleType) -> None:
        self.xp, self.changing = xp, threading.Lock()
        self.pair = (current, _fitting(shadow, current) if shadow else None)

    @property
    def current(self) -> Model:
        return self.pair[0]

    @property
    def shadow(self) -> Model | None:
        return self.pair[1]

    def promote(self) -> None:
        """Let shadow and current model change places; a second time takes it back. UserError without a shadow."""
        with self.changing:
            if self.shadow is None:
                raise UserError("there is no shadow to promote; serve with --shadow RUN2")
            self.pair = (self.shadow, self.current)

    def reload(self) -> None:
        """Take the newest checkpoint of the current run, and its calibration; answers go on meanwhile.

        UserError, and nothing changes, if it cannot be read or would answer with other classes.
        """
        with self.changing:
            newest = _fitting(Model.load(self.current.path, self.xp), self.current)
            if newest.logged_as != self.current.logged_as:
                self.pair = (newest, self.shadow)


def _read(path, xp):
    """(the `Run`, the hash of its checkpoint), which training may replace at any moment."""
    while True:
        hash, run = checkpoint_hash(find_checkpoint(path, quiet=True)), open_run(path, xp)
        if hash == checkpoint_hash(run.file):
            return run, hash


def _fitting(model, current):
    """The model. UserError if clients would notice: it must know the same classes, in pictures of the same size."""
    if (
        model.classifier.class_ids != current.classifier.class_ids
        or model.classifier.classes != current.classifier.classes
    ):
        raise UserError(
            f"{model.path}: knows classes that differ from {current.path}, expected the same in the same order"
        )
    if model.size != current.size:
        raise UserError(
            f"{model.path}: takes pictures of {model.size} pixels, expected {current.size} as {current.path}"
        )
    return model

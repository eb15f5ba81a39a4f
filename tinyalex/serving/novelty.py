"""How unlike the training pictures each picture is, from features that the network computes for its answer anyway."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np

from tinyalex.backend import Array, to_host
from tinyalex.classifier import Classification, Classifier
from tinyalex.data import open_dataset
from tinyalex.errors import UserError
from tinyalex.layers import Layer
from tinyalex.monitoring.reference import novelties, novelty_of, training_features
from tinyalex.serving.background import in_background
from tinyalex.terminal import say


class Ear:
    """A network's last layer, but it keeps what comes in."""

    def __init__(self, layer: Layer) -> None:
        self.layer, self.heard = layer, list[Array]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.layer, name)

    def for_test(self) -> "Ear":
        return self

    def predict(self, x: Array) -> Array:
        self.heard.append(x)
        return self.layer.predict(x)


class Listener:
    """A classifier that also measures novelty, once it knows the training pictures. One thread may use it."""

    def __init__(self, classifier: Classifier) -> None:
        self.plain = classifier
        self.ear, self.classifier = _listening(classifier)
        self.training: np.ndarray | None = None

    def prepare(self) -> None:
        """Begin to compute the training pictures' features, in the background."""
        in_background("tinyalex-novelty", self._prepare)

    def _prepare(self):
        run = self.plain.run
        try:
            self.training = training_features(run, open_dataset(run.own_data(), quiet=True), quiet=True)
        except UserError as error:
            say(f"without the training pictures of {run.path}, the log has no distances to them: {error.args[0]}")

    def classify(self, squares: np.ndarray, ten_crop: bool) -> tuple[list[Classification], np.ndarray | None]:
        """(answers about prepared pictures, their novelty (N,) or None while that is not known)."""
        if self.training is None:
            return self.plain.classify(squares, ten_crop=ten_crop), None
        if ten_crop:  # novelty is about the centre crop, so it takes a pass of its own
            return self.plain.classify(squares, ten_crop=True), novelties(self.plain.run, squares, self.training)
        self.ear.heard.clear()
        answers = self.classifier.classify(squares)
        return answers, novelty_of(to_host(self.ear.heard[0]), self.training)


def _listening(classifier):
    """(an `Ear`, a classifier on the same arrays that has it)."""
    network, head = copy.copy(classifier.run.network), copy.copy(classifier.run.network.classifier)
    *_, last = head.layers
    ear = Ear(head.layers[last])
    head.layers = head.layers | {last: ear}
    network.layers = network.layers | {"classifier": head}
    listening = Classifier(replace(classifier.run, network=network), classifier.xp)
    listening.calibration = classifier.calibration  # the file may have been written anew meanwhile
    return ear, listening

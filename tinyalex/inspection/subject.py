"""The subject of an inspection: a trained network, its data set, and its answers to all validation pictures."""

import functools
from dataclasses import dataclass

import numpy as np

from tinyalex.backend import random_stream, to_host
from tinyalex.evaluation import Evaluation
from tinyalex.inspection.errors import confusion
from tinyalex.layers import Conv2d


@dataclass(frozen=True)
class Subject:
    """A trained network with its `View` and `Dataset`.

    info: from its checkpoint;  p: its probabilities for the validation pictures, (N, K), on the host
    shown: pictures per gallery;  steps: the "step" lines of the metrics beside the checkpoint, if any
    """

    network: object
    view: object
    info: dict
    dataset: object
    xp: object
    p: np.ndarray
    shown: int
    steps: list

    @property
    def names(self):
        return self.info["class_names"]

    @property
    def labels(self):
        """The validation pictures' classes, (N,)."""
        return self.dataset.val.labels

    @functools.cached_property
    def answers(self):
        """The class that the network gives each validation picture, (N,)."""
        return self.p.argmax(axis=1)

    @functools.cached_property
    def right(self):
        return self.answers == self.labels

    @functools.cached_property
    def matrix(self):
        """How often each class got each answer, (K, K)."""
        return confusion(self.labels, self.answers, len(self.names))

    @functools.cached_property
    def measured(self):
        """Its errors on the validation pictures, as `tinyalex evaluate` gives them."""
        return Evaluation.of(self.p, self.labels)

    @property
    def weight(self):
        """The kernels of the first convolution if it sees colours, (KH, KW, 3, F), on the host; else None."""
        _, first = next(iter(self.convolutions), (None, None))
        return to_host(first.params["weight"]) if first and first.in_channels // first.groups == 3 else None

    @property
    def convolutions(self):
        """[(name, layer), …] of the trunk's convolutions, those inside blocks too."""
        layers = self.network.features.shapes(self.network.in_shape)
        return [(name, layer) for name, layer, _, _ in layers if isinstance(layer, Conv2d)]

    def crops(self, split, indices):
        """The centre crops of some pictures, as pictures: uint8 (N, T, T, 3)."""
        return central(split.gather(indices), self.view.crop)

    def some(self, candidates, count, purpose):
        """Draw `count` of the pictures `candidates`, of as many classes as possible. purpose: names the draw."""
        drawn = random_stream(0, "inspect", purpose).permutation(candidates).astype(int)
        first = np.zeros(len(drawn), bool)
        first[np.unique(self.labels[drawn], return_index=True)[1]] = True
        return np.concatenate([drawn[first], drawn[~first]])[:count]


def central(pictures, crop):
    """The centre crops of pictures, (N, S, S, 3): a view, (N, crop, crop, 3)."""
    start = (pictures.shape[1] - crop) // 2
    return pictures[:, start : start + crop, start : start + crop]


def sample(split, count, purpose):
    """Draw the indices of at most `count` pictures, in order. purpose: names the draw."""
    if len(split) <= count:
        return np.arange(len(split))
    return np.sort(random_stream(0, "inspect", purpose).choice(len(split), count, replace=False))

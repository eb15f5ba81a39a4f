"""What is read off a trained network: the numbers that the claims compare."""

import functools
import math

import numpy as np

from tinyalex.backend import to_host
from tinyalex.evaluation import class_probabilities, evaluate, measure
from tinyalex.inspection.colour import colour_selectivity, differences_by_chance, tower_colour
from tinyalex.inspection.features import features_of, last_features
from tinyalex.inspection.neighbours import nearest, purity
from tinyalex.inspection.subject import sample
from tinyalex.runs.config import read_json
from tinyalex.runs.folder import RunFolder, load_network

SAMPLE = 2000  # pictures of a split, at most, whose neighbours are looked for
NEIGHBOURS = 6  # paper, Fig. 4


class NoNumber(Exception):
    """A run whose loss ceased to be a number was asked for one."""


class Trained:
    """A finished run, measured when asked, each thing once. All errors are fractions, of the last epoch's weights.

    `NoNumber` where the run diverged, whatever epochs it had before.
    """

    def __init__(self, folder, dataset, xp):
        self.folder, self.dataset, self.xp = RunFolder(folder), dataset, xp

    @functools.cached_property
    def history(self):
        """The "epoch" lines of its metrics."""
        return self._with_numbers().read_metrics("epoch")

    @functools.cached_property
    def diverged(self):
        """Whether its loss ceased to be a number; then it has no other."""
        return "diverged" in read_json(self.folder.path / "result.json")

    def _with_numbers(self):
        if self.diverged:
            raise NoNumber
        return self.folder

    @functools.cached_property
    def probabilities(self):
        """(N, K) of the validation pictures, on their centre crops."""
        return class_probabilities(*self._on(self.dataset.val), quiet=True)

    @functools.cached_property
    def ten_crops(self):
        """(N, K) of the validation pictures, averaged over ten crops."""
        return class_probabilities(*self._on(self.dataset.val), ten_crop=True, quiet=True)

    @functools.cached_property
    def training_error(self):
        """Top-1 error on the training pictures as at test time: no dropout, no augmentation."""
        return evaluate(*self._on(self.dataset.train), quiet=True).top1_error

    def purity(self, space):
        """Share of the NEIGHBOURS nearest training pictures that have the validation picture's class.

        space: "fc7", or in a network without it whatever its last layer sees; or "pixels"
        """
        splits = self.dataset.val, self.dataset.train
        chosen = [sample(split, SAMPLE, "claims") for split in splits]
        if space == "fc7":
            _, layer = last_features(self._on(self.dataset.val)[0])
            points = [features_of(*self._on(split), layer, rows) for split, rows in zip(splits, chosen)]
        else:
            points = [
                split.gather(rows).reshape(len(rows), -1).astype(np.float32) for split, rows in zip(splits, chosen)
            ]
        labels, pool_labels = (split.labels[rows] for split, rows in zip(splits, chosen))
        return purity(labels, pool_labels[nearest(*points, min(NEIGHBOURS, len(pool_labels)))])

    @functools.cached_property
    def tower_colour(self):
        """(|difference| of the two towers' mean colour selectivity, its mean over random halves of the same kernels)."""
        weight = to_host(_load(self._with_numbers().last, self.xp)[0].params["conv1.weight"])
        towers = tower_colour(weight)
        return abs(towers[0] - towers[1]), float(differences_by_chance(colour_selectivity(weight)).mean())

    def _on(self, split):
        network, view = _load(self._with_numbers().last, self.xp)
        return network, split, view, self.xp


@functools.lru_cache(maxsize=2)  # not one a run: the paper's network is 240 MB
def _load(file, xp):
    """(network, view) of a checkpoint, on the device."""
    network, view, _, _ = load_network(file, xp)
    return network, view


# ---------------------------------------------------------------------------------------------- numbers


def top1(trained):
    """Top-1 validation error."""
    return trained.history[-1]["val_top1_error"]


def top5(trained):
    """Top-5 validation error; NaN for five classes or fewer, among which the right one always is."""
    return trained.history[-1]["val_top5_error"] if len(trained.dataset.class_ids) > 5 else math.nan


def training_error(trained):
    """Top-1 error on the training pictures, as at test time."""
    return trained.training_error


def overfitting(trained):
    """Validation less training error, both as at test time."""
    return top1(trained) - trained.training_error


def early_loss(trained):
    """Mean training loss over all epochs of a (short) run."""
    return float(np.mean([line["train_loss"] for line in trained.history]))


def ten_crop_error(trained, k=1):
    """Top-1 or top-5 error with ten crops."""
    return _error(trained.ten_crops, trained.dataset, k)


def ensemble_error(several, k=1):
    """Top-1 or top-5 error of the networks' averaged probabilities."""
    return _error(np.mean([trained.probabilities for trained in several], axis=0), several[0].dataset, k)


def _error(p, dataset, k):
    measured = measure(p, dataset.val.labels)
    if k == 1:
        return measured.top1_error
    return measured.top5_error if len(dataset.class_ids) > 5 else math.nan


def epochs_to_converge(trained, within=0.02):
    """The first epoch whose validation error is within `within` of the lowest that the run has."""
    errors = [line["val_top1_error"] for line in trained.history]
    return 1 + next(i for i, error in enumerate(errors) if error <= min(errors) + within)


def epochs_to(trained, error):
    """Epochs until the training error falls to `error`, in a straight line between two epochs; inf if it never does."""
    if trained.diverged:
        return math.inf
    before = 1.0  # not yet trained: everything is wrong, or nearly
    for epoch, line in enumerate(trained.history):
        now = line["train_top1_error"]
        if now <= error:
            return epoch + (before - error) / (before - now)
        before = now
    return math.inf

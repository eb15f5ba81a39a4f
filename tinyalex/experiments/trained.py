"""Numbers read off a trained network, for the claims to compare."""

import functools
import math
import re

import numpy as np

from tinyalex.backend import to_device, to_host
from tinyalex.evaluation import Evaluation, class_probabilities, evaluate, has_top5
from tinyalex.inspection.colour import colour_selectivity, differences_by_chance, tower_colour
from tinyalex.inspection.features import features_of, last_features
from tinyalex.inspection.linear import linear_answers
from tinyalex.inspection.neighbours import nearest, purity
from tinyalex.inspection.subject import sample
from tinyalex.optim import initialise
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.trained import load_network

SAMPLE = 2000  # at most this many pictures of a split in the search for neighbours
NEIGHBOURS = 6  # paper, Fig. 4


class NoNumber(Exception):
    """A diverged run was asked for a number."""


class Trained:
    """A finished run, measured on demand, each number once. Errors are fractions, with the last epoch's weights.

    judged: the `Split` of their pictures, if it has more than the data set's validation pictures
    Raises `NoNumber` if the run diverged, even after good epochs.
    """

    def __init__(self, folder, dataset, xp, judged=None):
        self.folder, self.dataset, self.xp, self.judged = RunFolder(folder), dataset, xp, judged or dataset.val
        self._linear_errors = {}

    @functools.cached_property
    def history(self):
        """The "epoch" lines of the run's metrics."""
        return self._with_numbers().read_metrics("epoch")

    @functools.cached_property
    def steps(self):
        """The "step" lines of the run's metrics."""
        return self._with_numbers().read_metrics("step")

    @functools.cached_property
    def diverged(self):
        """Whether the loss stopped being a number; such a run has no numbers at all."""
        return bool(self.folder.diverged())

    def _with_numbers(self):
        if self.diverged:
            raise NoNumber
        return self.folder

    @functools.cached_property
    def errors(self):
        """{"top1_error": …, "top5_error": … unless it means nothing} of the judged pictures on their centre crops."""
        if len(self.judged) > len(self.dataset.val):
            return evaluate(*self._on(self.judged), quiet=True).errors()
        last = self.history[-1]
        return {"top1_error": last["val_top1_error"]} | (
            {"top5_error": last["val_top5_error"]} if has_top5(len(self.dataset.class_ids)) else {}
        )

    @functools.cached_property
    def probabilities(self):
        """Class probabilities of the judged pictures on their centre crops, (N, K)."""
        return class_probabilities(*self._on(self.judged), quiet=True)

    @functools.cached_property
    def ten_crops(self):
        """Class probabilities of the judged pictures averaged over ten crops, (N, K)."""
        return class_probabilities(*self._on(self.judged), ten_crop=True, quiet=True)

    @functools.cached_property
    def training_error(self):
        """Top-1 error on the training pictures as at test time: no dropout, no augmentation."""
        return evaluate(*self._on(self.dataset.train), quiet=True).top1_error

    def purity(self, space):
        """Fraction of the NEIGHBOURS nearest training pictures that share the validation picture's class.

        space: "fc7" (in a network without it, the input of the last layer) or "pixels"
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

    def linear_error(self, dataset, layer, random=False):
        """Top-1 error of a linear classifier on a layer's output for a data set's pictures, on their centre crops.

        It learns from the training pictures and is measured on the others.
        random: with the network's first weights, as before its training
        """
        key = dataset.fingerprint, layer, random
        if key not in self._linear_errors:
            of = _first if random else _load
            network, view = of(self._with_numbers().last, self.xp)
            train, val = (features_of(network, split, view, self.xp, layer) for split in (dataset.train, dataset.val))
            answers = linear_answers(train, dataset.train.labels, val, len(dataset.class_ids))
            self._linear_errors[key] = float((answers != dataset.val.labels).mean())
        return self._linear_errors[key]

    @functools.cached_property
    def tower_colour(self):
        """(|difference| of the towers' mean colour selectivity, its mean over random halves of the same kernels)."""
        weight = to_host(_load(self._with_numbers().last, self.xp)[0].params["conv1.weight"])
        towers = tower_colour(weight)
        return abs(towers[0] - towers[1]), float(differences_by_chance(colour_selectivity(weight)).mean())

    def _on(self, split):
        network, view = _load(self._with_numbers().last, self.xp)
        return network, split, view, self.xp


@functools.lru_cache(maxsize=2)  # not one per run: the paper's network takes 240 MB
def _load(file, xp):
    """(network, view) of a checkpoint, on the device."""
    network, view, _, _ = load_network(file, xp)
    return network, view


@functools.lru_cache(maxsize=2)
def _first(file, xp):
    """(network, view) with the weights with which the run of a checkpoint began, if they came from no other run."""
    _, view, info, _ = load_network(file, xp)
    config = Config.from_dict(info["config"], file)
    model = config.find_model()
    network = model.build(len(info["class_ids"]))
    initialise(network, config.init, config.seed, model.input_rms, config.bias_init)
    network.map_arrays(lambda a: to_device(a, xp))
    return network, view


# ---------------------------------------------------------------------------------------------- numbers


def top1(trained):
    """Top-1 error of the judged pictures."""
    return trained.errors["top1_error"]


def top5(trained):
    """Top-5 error of the judged pictures; NaN for too few classes."""
    return trained.errors.get("top5_error", math.nan)


def training_error(trained):
    """Top-1 error on the training pictures, as at test time."""
    return trained.training_error


def overfitting(trained):
    """Error of the judged pictures minus training error, both as at test time."""
    return top1(trained) - trained.training_error


def top1_or_chance(trained):
    """Top-1 error of the judged pictures; a diverged run guesses."""
    return 1 - 1 / len(trained.dataset.class_ids) if trained.diverged else top1(trained)


def training_loss(trained):
    """Mean training loss of the last epoch."""
    return trained.history[-1]["train_loss"]


def gradient_norm(trained, layers, epoch):
    """Norm of the loss's gradient by one layer's parameters: root mean square over logged steps and layers.

    layers: a regular expression that their names begin with;  epoch: from 1, or −1 for the last
    """
    epoch = epoch if epoch > 0 else len(trained.history) + 1 + epoch
    norms = [
        norm
        for line in trained.steps
        if line["epoch"] == epoch
        for layer, norm in line["health"]["gradient_norm"].items()
        if re.match(layers, layer)
    ]
    return float(np.sqrt(np.mean(np.square(norms)))) if norms else math.nan


def early_loss(trained):
    """Mean training loss over all epochs of a short run."""
    return float(np.mean([line["train_loss"] for line in trained.history]))


def ten_crop_error(trained, k=1):
    """Top-1 or top-5 error with ten crops."""
    return _error(trained.ten_crops, trained.judged, k)


def ensemble_error(several, k=1):
    """Top-1 or top-5 error of the networks' averaged probabilities."""
    return _error(np.mean([trained.probabilities for trained in several], axis=0), several[0].judged, k)


def _error(p, judged, k):
    measured = Evaluation.of(p, judged.labels)
    return measured.errors().get(f"top{k}_error", math.nan)


def epochs_to_converge(trained, within=0.02):
    """The first epoch with a validation error at most `within` above the run's lowest."""
    errors = [line["val_top1_error"] for line in trained.history]
    return 1 + next(i for i, error in enumerate(errors) if error <= min(errors) + within)


def epochs_to(trained, error):
    """Epochs until the training error falls to `error`, interpolated linearly between epochs; inf if it never does."""
    if trained.diverged:
        return math.inf
    before = 1.0  # untrained: nearly everything is wrong
    for epoch, line in enumerate(trained.history):
        now = line["train_top1_error"]
        if now <= error:
            return epoch + (before - error) / (before - now)
        before = now
    return math.inf

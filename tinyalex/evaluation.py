"""How often the network is wrong: top-1 and top-5 error, on the centre crop or averaged over ten."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from tinyalex.backend import Array, array_module, prefetch, to_device, to_host
from tinyalex.data.augment import View
from tinyalex.data.dataset import Split
from tinyalex.layers import softmax
from tinyalex.layers.loss import check_labels, check_scores
from tinyalex.terminal import progress_bar

PICTURES_AT_ONCE = 128
TOP5_FROM = 6  # classes; among fewer, the right one is always one of the first five


def has_top5(classes: int) -> bool:
    """Whether a top-5 error says anything about a network with this many classes."""
    return classes >= TOP5_FROM


class Predicts(Protocol):
    """A network, whole or a worker's part of one."""

    def for_test(self) -> "Predicts":
        """The same for any number of batches, until the parameters change: what depends on these is computed once."""

    def predict(self, x: Array) -> Array:
        """Scores (N, K) of pictures."""


@dataclass(frozen=True)
class Evaluation:
    """Errors as fractions of 1, the mean loss −log p(label), and the number of pictures.

    top5_error: None with too few classes for it (see `has_top5`)
    """

    top1_error: float
    top5_error: float | None
    loss: float
    images: int

    @classmethod
    def of(cls, p: Array, labels: Array, at_once: int = PICTURES_AT_ONCE) -> "Evaluation":
        """The errors of class probabilities (N, K), of one network or averaged over several, for labels (N,).

        at_once: pictures looked at in one piece, so that work arrays stay small
        ValueError without a picture, and for labels that do not fit.
        """
        _check(p, labels, "Evaluation")
        if len(labels) == 0:
            raise ValueError(f"Evaluation: scores.shape = {p.shape}, expected (N, K) with N ≥ 1")
        top1 = top5 = loss = 0.0
        for start in range(0, len(labels), at_once):
            rank, losses = per_picture(p[start : start + at_once], labels[start : start + at_once])
            top1 += (rank >= 1).sum()
            top5 += (rank >= 5).sum()
            loss += losses.sum()
        N = len(labels)
        return cls(float(top1) / N, float(top5) / N if has_top5(p.shape[1]) else None, float(loss) / N, N)

    def errors(self) -> dict[str, float]:
        """{"top1_error": …, "top5_error": …}, the latter only if it says anything."""
        found = {"top1_error": self.top1_error, "top5_error": self.top5_error}
        return {name: error for name, error in found.items() if error is not None}

    def to_dict(self) -> dict[str, Any]:
        """The measurements, for JSON."""
        return self.errors() | {"loss": self.loss, "images": self.images}


def probabilities(network: Predicts, pictures: Array, view: View, ten_crop: bool = False) -> Array:
    """Class probabilities (N, K) of uint8 pictures (N, S, S, 3).

    ten_crop: the average of the ten views' softmax outputs (paper §4.1), not the softmax of their average.
    """
    if not ten_crop:
        return softmax(network.predict(view.centre(pictures)))
    views = view.ten(pictures)  # (10, N, T, T, 3)
    outputs = softmax(network.predict(views.reshape(10 * len(pictures), *views.shape[2:])))
    return outputs.reshape(10, len(pictures), outputs.shape[1]).mean(axis=0)


def ranks(scores: Array, labels: Array) -> Array:
    """For each picture, how many classes come before the right one: int (N,), 0 for a top-1 hit.

    scores: (N, K);  labels: (N,). Among equal scores the lower class number comes first, so a network that gives
    every class the same score is right as often as chance; NaN scores never are. ValueError or TypeError for labels
    that do not fit; on a device their range is not checked, since that would mean waiting.
    """
    _check(scores, labels, "ranks")
    xp = array_module(scores)
    classes = xp.arange(scores.shape[1])[None, :]
    own = xp.take_along_axis(scores, labels[:, None], axis=1)
    after = (scores < own) | ((scores == own) & (classes >= labels[:, None]))
    return (~after).sum(axis=1)  # not "before": a NaN is neither before nor after


def _check(scores, labels, label):
    check_scores(scores, f"{label}: scores")
    check_labels(labels, scores, label)


def evaluate(
    network: Predicts,
    split: Split,
    view: View,
    xp: ModuleType,
    ten_crop: bool = False,
    label: str = "evaluate",
    quiet: bool = False,
) -> Evaluation:
    """Run a whole split (in order) through the network; an `Evaluation`. The view and the network are on device `xp`.

    Memory: all probabilities at once, on the host (see `class_probabilities`).
    """
    p = class_probabilities(network, split, view, xp, ten_crop, label, quiet)
    return Evaluation.of(p, split.labels, pictures_at_once(ten_crop))


def class_probabilities(
    network: Predicts,
    split: Split,
    view: View,
    xp: ModuleType,
    ten_crop: bool = False,
    label: str = "evaluate",
    quiet: bool = False,
    batches: list[range] | None = None,
) -> Any:
    """The class probabilities of a whole split, in order: float32 (N, K) on the host.

    They take 200 MB for 50,000 pictures × 1,000 classes.

    As `probabilities`, a batch at a time, with a progress bar. The view and the network are on device `xp`.
    batches: the pictures of each batch; all of the split by default
    """
    at_once, p, done, ready = pictures_at_once(ten_crop), None, 0, network.for_test()
    if batches is None:
        batches = [range(start, min(start + at_once, len(split))) for start in range(0, len(split), at_once)]
    pictures_in_all = sum(map(len, batches))
    with progress_bar(pictures_in_all, label, quiet=quiet) as bar:
        pictures = (to_device(pictures, xp) for pictures in prefetch(split.gather, batches))
        for batch in map(to_host, one_behind(probabilities(ready, some, view, ten_crop) for some in pictures)):
            if p is None:  # the first batch says how many classes there are
                p = np.empty((pictures_in_all, batch.shape[1]), np.float32)
            p[done : done + len(batch)] = batch
            done += len(batch)
            bar.update(len(batch))
    return p


def one_behind(results: Iterable[Array]) -> Iterator[Array]:
    """The same, each once the next has been asked for: a device computes that one while we wait for this one."""
    before: list[Array] = []
    for result in results:
        yield from before
        before = [result]
    yield from before


def pictures_at_once(ten_crop: bool) -> int:
    """Pictures per batch, so that it holds about PICTURES_AT_ONCE views."""
    return max(1, PICTURES_AT_ONCE // (10 if ten_crop else 1))


def per_picture(p: Array, labels: Array) -> tuple[Array, Array]:
    """For each picture, how many classes come before the right one, and −log p of the right one: int, float64, (N,).

    A probability that rounds to 0 counts as the smallest float32. p: (N, K);  labels: (N,)
    """
    rank, xp = ranks(p, labels), array_module(p)
    right = xp.take_along_axis(p, labels[:, None], axis=1)[:, 0].astype(xp.float64)
    return rank, -xp.log(xp.maximum(right, float(xp.finfo(xp.float32).tiny)))

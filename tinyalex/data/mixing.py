"""Mixed pictures: each picture of a training batch is mixed with one of the batch, and so are their labels.

N pictures of T × T pixels; on average one of them is mixed with itself. The few random numbers are drawn on the host,
for the whole batch: CPU and GPU mix alike.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyalex.backend import Array, array_module


@dataclass(frozen=True)
class MixedLabels:
    """The labels of mixed pictures: `share` of picture n is of class labels[n], the rest of class partners[n].

    labels, partners: integers (N,)
    """

    labels: Array
    partners: Array
    share: float

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, run: slice) -> "MixedLabels":
        """The labels of a slice of the pictures."""
        return MixedLabels(self.labels[run], self.partners[run], self.share)

    @property
    def larger(self) -> Array:
        """The class with the larger share of each picture, (N,)."""
        return self.labels if self.share >= 0.5 else self.partners


@dataclass(frozen=True)
class Mix:
    """How the pictures of a batch are mixed.

    partners: (N,), the picture of the batch that each is mixed with
    share: of each picture in its mixture; its partner has the rest
    box: (rows, columns) that show the partner, as in CutMix; None: all pixels are weighted means, as in mixup
    """

    partners: np.ndarray
    share: float
    box: tuple[slice, slice] | None = None

    def into(self, x: Array, partners: Array) -> Array:
        """Mix `partners` into x; returns x. Both: floating point (n, T, T, 3), which may be overwritten"""
        if self.box:
            rows, columns = self.box
            x[:, rows, columns] = partners[:, rows, columns]
        else:
            x *= self.share
            partners *= 1 - self.share
            x += partners
        return x

    def labels(self, labels: Array) -> MixedLabels:
        """The labels of the mixed batch, from the labels of its pictures, (N,)."""
        return MixedLabels(labels, labels[array_module(labels).asarray(self.partners)], self.share)


def draw_mix(N: int, T: int, rng: Any, mixup: float = 0.0, cutmix: float = 0.0) -> Mix | None:
    """Draw how a batch of N pictures is mixed; None if both settings are 0.

    The share of each picture is from Beta(α, α), one draw for the batch: near 0 or 1 for a small α, near ½ for a large.
    mixup: α of weighted means (Zhang et al. 2017, arXiv:1710.09412)
    cutmix: α of boxes of the partner's pixels (Yun et al. 2019, arXiv:1905.04899). A box has the picture's proportions
        and its centre anywhere; what lies outside is cut off, so the picture's share is counted in pixels
    With both, each batch is mixed in one of the two ways, by chance.  rng: a NumPy generator
    """
    if not (mixup or cutmix):
        return None
    by_box = bool(cutmix) and (not mixup or rng.random() < 0.5)
    share, partners = rng.beta(*[cutmix if by_box else mixup] * 2), rng.permutation(N)
    if not by_box:
        return Mix(partners, share)
    side = round(T * math.sqrt(1 - share))
    starts = rng.integers(0, T, 2) - side // 2
    (top, left), (bottom, right) = (np.clip(ends, 0, T).tolist() for ends in (starts, starts + side))
    kept = 1 - (bottom - top) * (right - left) / T**2
    return Mix(partners, kept, (slice(top, bottom), slice(left, right)))

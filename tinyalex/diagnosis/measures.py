"""Simple measures of pictures, from which a linear classifier tells most classes far better than chance.

They need no training: if even they tell the classes of one part of the data but not of the other, the labels of that
other part are wrong. N pictures, S their side.
"""

import numpy as np

from tinyalex.inspection.linear import linear_answers

SIDE = 64  # larger pictures are averaged down to about this
CELLS, DIRECTIONS, SCALES, BANDS = 4, 8, (1, 2), 16


def measures(pictures):
    """float32 (N, 320): mean colours, directions of edges, both by place, and the strengths of fine and coarse detail.

    Source for the directions: Dalal, Triggs, Histograms of Oriented Gradients for Human Detection, CVPR 2005.
    """
    rows = [_measures(pictures[start : start + 64]) for start in range(0, len(pictures), 64)]
    return np.concatenate(rows)


def _measures(pictures):
    x = smaller(pictures, SIDE)  # (n, s, s, 3)
    grey = x.mean(axis=3)  # (n, s, s)
    edges = [np.sqrt(_by_place(_directions(shrunk(grey, scale)), CELLS)) for scale in SCALES]
    return np.concatenate([_by_place(x, CELLS), *edges, _bands(grey)], axis=1)


def smaller(pictures, side):
    """Pictures (N, S, S, 3) averaged over squares to a side from `side` to twice that, or as they are; float32."""
    return shrunk(np.asarray(pictures), max(1, pictures.shape[1] // side))


def shrunk(maps, k):
    """Maps (N, H, W, …), averaged over k×k squares; an incomplete one at the end is left out. float32"""
    if k == 1:
        return maps.astype(np.float32)
    N, H, W, *rest = maps.shape
    h, w = H // k, W // k
    return maps[:, : h * k, : w * k].reshape(N, h, k, w, k, *rest).mean(axis=(2, 4), dtype=np.float32)


def _by_place(maps, g):
    """(N, g·g·C): the means over g×g fields of maps (N, H, W, C)."""
    ends = [n * maps.shape[1] // g for n in range(g + 1)]
    fields = [slice(*both) for both in zip(ends, ends[1:])]
    return np.concatenate([maps[:, rows, columns].mean(axis=(1, 2)) for rows in fields for columns in fields], axis=1)


def _directions(grey):
    """(N, H − 2, W − 2, DIRECTIONS): the steepness at each pixel, in the map of its direction; 0 in the others."""
    down, right = grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1], grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]
    which = np.floor(np.arctan2(down, right) * (DIRECTIONS / (2 * np.pi))).astype(int) % DIRECTIONS
    maps = np.zeros((*which.shape, DIRECTIONS), np.float32)
    np.put_along_axis(maps, which[..., None], np.hypot(down, right)[..., None], axis=3)
    return maps


def _bands(grey):
    """(N, BANDS): the logarithm of the mean amplitude in rings of the spectrum, coarse detail first."""
    amplitude = np.abs(np.fft.rfft2(grey - grey.mean(axis=(1, 2), keepdims=True)))
    side = grey.shape[1]
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]) * 2 * BANDS
    rings = [amplitude[:, (radius >= b) & (radius < b + 1)] for b in range(BANDS)]
    return np.log1p(np.stack([ring.mean(axis=1) if ring.size else np.zeros(len(grey)) for ring in rings], axis=1))


def answers(features, labels, queries, K):
    """The classes of `queries` (Q, D), by a linear classifier learnt from `features` (N, D); both are scaled."""
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 1e-6, spread, 1)
    return linear_answers((features - mean) / spread, labels, (queries - mean) / spread, K)

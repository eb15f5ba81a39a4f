"""Whether pictures and scores differ from a reference's, by tests that together raise a false alarm at a wanted rate.

n pictures in a window, m in the reference, G groups of the window's pictures, J columns, L codes, D deals at a time.
A column is a number for each picture, such as its brightness, or a category, such as its class.
"""

import math
from typing import NamedTuple

import numpy as np

from tinyalex.backend import random_stream

LEAST = 30  # pictures in a window or a group that is tested
DEALS = 2000
IN_THE_TAIL = 5  # of these deals, the fewest above the threshold
PLACES = 64  # at which two distributions of numbers are compared: the quantiles of both together
AT_ONCE = 20  # deals
QUANTILES = {"lowest 5 %": 0.05, "median": 0.5, "highest 5 %": 0.95}  # that tell what has changed
WHOLE = ""  # the group of all pictures


class Test(NamedTuple):
    """A comparison of one column with the reference's.

    group: such as "client camera-1", or WHOLE;  column: its name;  pictures: in the group
    p: how often windows without drift have a comparison as striking as this, among all in one call
    before, now: what has changed most: one of QUANTILES of numbers, the share of a category; what: its name
    """

    group: str
    column: str
    pictures: int
    p: float
    alarm: bool
    what: str
    before: float
    now: float


def drift_tests(
    window: dict[str, np.ndarray],
    reference: dict[str, np.ndarray],
    alarm_rate: float,
    groups: dict[str, np.ndarray] | None = None,
    seed: int = 0,
) -> list[Test]:
    """Compare a window's columns with the reference's, all pictures and each group of at least LEAST of them.

    Numbers are compared by Kolmogorov's and Smirnov's statistic, the largest distance between the two shares of
    pictures below a number; categories by √χ². Each is measured in standard deviations from its mean over windows
    without drift. These are made by dealing all pictures, the window's and the reference's, anew to both, since both
    are samples, and to the same groups. p is the share of them in which the largest of *all* comparisons is at least
    this large, so one window in 1 / alarm_rate has a false alarm, however the columns depend on one another.
    The pictures must be independent: one that was sent twice should be there once.

    window: columns of n values;  reference: columns of m values. Those in both are compared; integers and texts are
        categories. groups: {kind: which of its groups each picture is in, (n,)}, such as {"client": …}
    Returns the tests, the most striking first; none for fewer than LEAST pictures.
    Source: Westfall & Young, Resampling-Based Multiple Testing (1993), single-step maxT with permutations.
    """
    names = [name for name in window if name in reference]
    if not names or min(len(window[names[0]]), len(reference[names[0]])) < LEAST:
        return []
    columns = [_Column.of(name, np.asarray(reference[name]), np.asarray(window[name])) for name in names]
    parts = [_Part.of("", np.full(len(window[names[0]]), WHOLE))]
    parts += [_Part.of(f"{kind} ", values) for kind, values in (groups or {}).items()]
    deals = math.ceil(max(DEALS, IN_THE_TAIL / alarm_rate))
    values = _statistics(columns, parts, deals, seed)  # (deals, G, J), the first as it was
    deviation, off = values.std(axis=0), values - values.mean(axis=0)
    z = np.divide(off, deviation, out=np.zeros_like(off), where=deviation > 1e-9)
    p = (z.max(axis=(1, 2))[:, None, None] >= z[0] - 1e-9).mean(axis=0)  # (G, J)
    alarms = (p <= alarm_rate).tolist()
    labelled = [(part.prefix + name, rows) for part in parts for name, rows in part.groups.items()]
    tests = [
        (z[0, g, j], Test(group, column.name, len(rows), float(p[g, j]), alarms[g][j], *column.change(rows)))
        for g, (group, rows) in enumerate(labelled)
        for j, column in enumerate(columns)
    ]
    return [test for _, test in sorted(tests, key=lambda pair: -pair[0])]


class _Column(NamedTuple):
    """A column of the reference and the window together, as codes below `width`, (m + n,)

    before, now: the values as they were;  categories: by code, None for numbers
    """

    name: str
    codes: np.ndarray
    width: int
    before: np.ndarray
    now: np.ndarray
    categories: list[str] | None

    @classmethod
    def of(cls, name, before, now):
        both = np.concatenate([before, now])
        if both.dtype.kind == "f":
            edges = np.unique(np.quantile(both, np.linspace(0, 1, PLACES + 1)[1:-1], method="inverted_cdf"))
            return cls(name, np.searchsorted(edges, both, side="left"), len(edges) + 1, before, now, None)
        categories, codes = np.unique(both, return_inverse=True)
        return cls(name, codes, len(categories), before, now, [str(one) for one in categories])

    def change(self, rows):
        """(what, before, now) of some of the window's pictures."""
        if self.categories is None:
            old, new = (np.quantile(values, list(QUANTILES.values())) for values in (self.before, self.now[rows]))
            shifts = np.abs(new - old) * np.where(np.array(list(QUANTILES)) == "median", 2, 1)  # rather the median
            q = int(np.argmax(shifts))
            return list(QUANTILES)[q], float(old[q]), float(new[q])
        old, new = self.codes[: len(self.before)], self.codes[len(self.before) :][rows]
        shares = [np.bincount(codes, minlength=self.width) / len(codes) for codes in (old, new)]
        k = int(np.argmax(np.abs(shares[1] - shares[0])))
        return self.categories[k], float(shares[0][k]), float(shares[1][k])


class _Part(NamedTuple):
    """A division of the window.

    groups: {name: rows};  places: the place of each picture's group among them, (n,); their number for no group
    """

    prefix: str
    groups: dict[str, np.ndarray]
    places: np.ndarray

    @classmethod
    def of(cls, prefix, values):
        names, counts = np.unique(values, return_counts=True)
        kept = names[counts >= LEAST]
        places, groups = np.full(len(values), len(kept)), {}
        for place, name in enumerate(kept):
            groups[str(name)] = rows = np.flatnonzero(values == name)
            places[rows] = place
        return cls(prefix, groups, places)


def _statistics(columns, parts, deals, seed):
    """How much each group differs from the reference, (deals, G, J): as it was, and after dealing all pictures anew."""
    ends, n, rng = np.cumsum([column.width for column in columns]), len(parts[0].places), random_stream(seed, "drift")
    ranges = [slice(end - column.width, end) for end, column in zip(ends, columns)]
    codes = np.stack([column.codes + here.start for column, here in zip(columns, ranges)], axis=1)  # (m + n, J)
    total, N, found = np.bincount(codes.ravel(), minlength=ends[-1]), len(codes), []
    for start in range(0, deals, AT_ONCE):
        rows = np.stack([rng.permutation(N)[:n] for _ in range(min(AT_ONCE, deals - start))])
        if start == 0:
            rows[0] = np.arange(N - n, N)
        counts = [_counts(codes[rows], part, ends[-1]) for part in parts]  # (D, G, L) each
        sizes = np.array([len(group) for part in parts for group in part.groups.values()])
        shares = np.concatenate(counts, axis=1) / sizes[:, None]
        base = (total - counts[0]) / (N - n)  # of what was dealt to the reference
        off = shares - base
        found.append(
            np.stack([_size(column, off[..., here], total[here]) for column, here in zip(columns, ranges)], -1)
        )
    return np.concatenate(found)


def _counts(codes, part, width):
    """How often each code comes in each group, (D, G, L). codes: (D, n, J)"""
    D, G = len(codes), len(part.groups)
    place = part.places[None, :, None] + (G + 1) * np.arange(D)[:, None, None]  # the last group is of all others
    counts = np.bincount((place * width + codes).ravel(), minlength=D * (G + 1) * width)
    return counts.reshape(D, G + 1, width)[:, :G]


def _size(column, off, total):
    """A column's statistic, (D, G), up to a factor, of how far shares are off, (D, G, width).

    total: pictures with each code, (width,). Each statistic is standardised later, so factors mean nothing.
    """
    if column.categories is None:
        return np.abs(np.cumsum(off, axis=-1)).max(axis=-1)
    return np.sqrt((off**2 / total).sum(axis=-1))

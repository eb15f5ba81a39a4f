"""Tests of random draws: how often, how spread, how independent. Each returns None, or the symptom in a sentence.

A right answer fails a test with a probability of at most `level`, proved for any number of draws: by exact binomial
tails, Hoeffding's, Bernstein's and Freedman's inequalities, and the Dvoretzky-Kiefer-Wolfowitz bound of Massart (1990).
"""

import functools
import math

import numpy as np

from tinyalex.teaching.exercise import PICTURE_AXES

LEVEL = 1e-6  # the probability that one test fails for right draws


def generator(draw, seeds=100):
    """Whether draw(rng) -> array takes its draws from the rng that it is given, and anew in each call."""
    first = [np.array(draw(np.random.default_rng(seed))) for seed in range(seeds)]
    if not np.array_equal(first[0], draw(np.random.default_rng(0))):
        return "Two generators with the same seed give different draws."
    rng = np.random.default_rng(0)
    if np.array_equal(np.array(draw(rng)), draw(rng)):
        return "Two calls with one generator give the same draws."
    if len({one.tobytes() for one in first}) < seeds:
        return "Two generators with different seeds give the same draws."
    return None


# ---------------------------------------------------------------------------------------------- how often


def share(true, chance, level=LEVEL):
    """Whether each of these booleans is True with this probability."""
    least, most = _usual_counts(np.size(true), chance, level)
    if least <= np.sum(true) <= most:
        return None
    return f"It is {np.sum(true):,} of {np.size(true):,}, expected {least:,} to {most:,}."


def counts_vary(counts, size, chance, level=LEVEL):
    """Whether counts, each of `size` draws with this probability, differ as much as independent draws make them.

    Draws without putting back, or a fixed number in each row, give counts that are all alike.
    """
    counts = np.ravel(counts)
    width = int(np.ptp(counts))
    total = np.cumsum(np.exp(_log_binomial(size, chance)))
    mass = (total[width:] - np.concatenate([[0], total[: size - width]])).max()  # the likeliest counts of this width
    if len(counts) * math.log(min(max(mass, 1e-300), 1)) + math.log(size + 1) > math.log(level):
        return None
    if width:
        return f"The {len(counts)} counts lie between {counts.min()} and {counts.max()}: independent ones differ more."
    return f"Each of the {len(counts)} times it is exactly {counts[0]} of {size}: independent draws differ."


def equally_often(draws, n, level=LEVEL):
    """Whether whole numbers are drawn from 0 … n − 1, all equally often."""
    draws = np.ravel(draws)
    if outside := [int(v) for v in (draws.min(), draws.max()) if not 0 <= v < n]:
        return f"{outside[0]} is drawn, expected 0 to {n - 1}."
    counts = np.bincount(draws.astype(int), minlength=n)
    least, most = _usual_counts(len(draws), 1 / n, level / 2 / n)
    if counts.min() < least or counts.max() > most:
        place = int(np.abs(counts - len(draws) / n).argmax())
        return f"{place} is drawn {counts[place]:,} times of {len(draws):,}, expected about {len(draws) / n:,.0f}."
    gap = np.cumsum(counts) / len(draws) - np.arange(1, n + 1) / n
    place = int(np.abs(gap).argmax())
    if abs(gap[place]) > _gap(len(draws), level / 2):
        return f"{gap[place] + (place + 1) / n:.1%} are 0 to {place}, expected about {(place + 1) / n:.1%}."
    return None


# ---------------------------------------------------------------------------------------------- how spread


def uniform(draws, low, high, level=LEVEL):
    """Whether numbers are spread evenly from low to high."""
    draws = np.ravel(draws).astype(np.float64)
    for found, wrong in ((draws.min(), draws.min() < low), (draws.max(), draws.max() > high)):
        if wrong:
            return f"{found:.4g} is drawn, expected {low:g} to {high:g}."
    return _spread_as(draws, (draws - low) / (high - low), level)


def normal(draws, std, mean=0.0, level=LEVEL):
    """Whether numbers are normal, with this mean and standard deviation."""
    z = (np.ravel(draws).astype(np.float64) - mean) / std
    if not np.isfinite(z).all():
        return "Some are not finite."
    n, level = len(z), level / 7
    squares, variance = float((z**2).mean()), float(z.var())  # the variance: chi-square over n, by Chernoff's bound
    ratio = n * variance / max(n - 1, 1)
    if n > 1 and (not ratio or (n - 1) / 2 * (ratio - 1 - math.log(ratio)) > math.log(2 / level)):
        return f"Their standard deviation is {std * z.std():.3g}, expected about {std:g}."
    if math.erfc(abs(z.mean()) * math.sqrt(n / 2)) < level:
        return f"Their mean is {mean + std * z.mean():.3g}, expected about {mean:g}."
    least, most = _usual_counts(n, math.erfc(3 / math.sqrt(2)), level)
    beyond = int((np.abs(z) > 3).sum())
    if not least <= beyond <= most:
        return f"{beyond} of {n:,} lie beyond three standard deviations, expected {least} to {most}."
    farthest = float(np.abs(z).max())
    if n * math.erfc(farthest / math.sqrt(2)) < level:
        return f"One lies {farthest:.1f} standard deviations from the mean; of {n:,} normal numbers none does."
    if math.erf(farthest / math.sqrt(2)) ** n < level:
        return f"The farthest of {n:,} is {farthest:.2f} standard deviations from the mean; some lie farther out."
    if found := _spread_as(z * std + mean, normal_rank(z), level):
        return found
    if abs(z.mean()) * math.sqrt(2 * n / math.pi) < level:  # the probability of a mean that near
        return f"Their mean is {mean:g} to many digits; the mean of independent numbers is only nearly so."
    if n > 2 and abs(squares - 1) * n / math.sqrt(math.pi * (n - 2)) < level:  # from chi-square's highest density
        return f"Their standard deviation is {std:g} to many digits; that of independent numbers is only nearly so."
    return None


def normal_rank(z):
    """The share of standard normal numbers below each z."""
    return np.reshape([(1 + math.erf(v / math.sqrt(2))) / 2 for v in np.ravel(z)], np.shape(z))


def _spread_as(draws, rank, level):
    """rank: the share of numbers that should lie below each draw, so that ranks are spread evenly from 0 to 1"""
    order, n = np.argsort(rank), np.size(rank)
    below = np.arange(n + 1) / n
    gap = np.maximum(below[1:] - rank[order], rank[order] - below[:-1])
    worst = int(gap.argmax())
    if gap[worst] <= _gap(n, level):
        return None
    at = draws[order[worst]]
    return f"{(draws <= at).mean():.1%} are at most {at:.3g}, expected about {rank[order[worst]]:.1%}."


# ---------------------------------------------------------------------------------------------- how independent


def independent(true, chance, axes=(), level=LEVEL):
    """Whether booleans, each True with this probability, are independent along every axis and in memory's order.

    Finds draws shared by a whole axis, by neighbours, pairs or blocks, or repeated after any number of draws. Test the
    `share` first: a wrong one looks like a dependence.

    axes: their names; "picture", "row", "column", "channel" or "axis 0", … if left out
    """
    x = np.asarray(true, np.float64) - chance
    usual = PICTURE_AXES if x.ndim == 4 else tuple(f"axis {i}" for i in range(x.ndim))
    views = [(name, np.moveaxis(x, i, -1)) for i, name in enumerate(axes or usual)]
    if x.ndim > 1:
        views.append(("memory", x.ravel()))
    views = [(name, view) for name, view in views if view.shape[-1] > 1]
    for name, view in views:
        if (view == view[..., :1]).all() and view.size >= 2 * math.log(2 / level) / min(chance, 1 - chance):
            return f"They do not change along {_along(name)}: one draw serves all."
    tests, found = sum(view.shape[-1] - 1 for _, view in views), []
    for name, view in views:
        length = view.shape[-1]
        pairs = view.size // length * np.arange(length - 1, 0, -1)
        sums = _products(view)[1:]
        correlation = sums / pairs / (chance * (1 - chance))
        strong = np.flatnonzero(np.abs(sums) > _usual_sum(pairs, chance, level / tests))
        found += [(correlation[gap].round(2), -gap, name) for gap in strong]
    if not found:
        return None
    correlation, gap, name = max(found, key=lambda f: (abs(f[0]).round(1), f[1]))  # the clearest, then the nearest
    where = f"Draws {1 - gap} apart" if gap else "Neighbours"
    return f"{where} along {_along(name)} are not independent: correlation {correlation:.2f}, expected about 0."


def independent_numbers(draws, rank, axes=(), level=LEVEL):
    """Whether numbers are independent: their sides of the median, and their distances from it.

    rank: function from the draws to the share of numbers that should lie below each, as `normal_rank`
    """
    rank = np.asarray(rank(np.asarray(draws, np.float64)))
    parts = rank < 0.5, np.abs(rank - 0.5) < 0.25
    return next(filter(None, (independent(part, 0.5, axes, level / 2) for part in parts)), None)


def unrelated(one, chance, other, other_chance, level=LEVEL):
    """Whether two arrays of booleans, with these probabilities, are independent of each other, entry by entry."""
    products = (np.asarray(one, np.float64) - chance) * (np.asarray(other, np.float64) - other_chance)
    variance = chance * (1 - chance) * other_chance * (1 - other_chance)
    largest = max(chance, 1 - chance) * max(other_chance, 1 - other_chance)
    if abs(products.sum()) <= _bernstein(products.size * variance, largest, level):
        return None
    found = products.mean() / math.sqrt(variance)
    return f"The two are not independent: correlation {found:.2f}, expected about 0."


def _along(name):
    return "the order of memory" if name == "memory" else name if name[-1].isdigit() else f"the {name} axis"


def _products(view):
    """Per distance along the last axis, the sum of x · (the x that far on)."""
    length = view.shape[-1]
    spectrum = np.abs(np.fft.rfft(view, 2 * length, axis=-1)) ** 2
    return np.fft.irfft(spectrum.reshape(-1, spectrum.shape[-1]).sum(axis=0), 2 * length)[:length]


# ---------------------------------------------------------------------------------------------- bounds


def _usual_sum(pairs, chance, level):
    """The most that a sum of products of centred booleans reaches (Freedman: each pair's second is new)."""
    largest = max(chance, 1 - chance)
    return _bernstein(pairs * largest**2 * chance * (1 - chance), largest**2, level)


def _bernstein(variance, largest, level):
    """t with 2 · exp(−t² / (2 · (variance + largest · t / 3))) = level."""
    log = math.log(2 / level)
    return largest * log / 3 + np.sqrt((largest * log / 3) ** 2 + 2 * variance * log)


def _gap(n, level):
    """The largest distance of n draws' cumulative shares from the true ones."""
    return math.sqrt(math.log(2 / level) / (2 * n))


@functools.cache
def _usual_counts(n, chance, level):
    """The least and the most of n booleans that are True; each tail beyond has a probability of at most level / 2."""
    weights = np.exp(_log_binomial(n, chance))
    below, above = np.cumsum(weights), np.cumsum(weights[::-1])
    return int((below <= level / 2).sum()), n - int((above <= level / 2).sum())


def _log_binomial(n, chance):
    """The logarithms of the probabilities of 0 … n of n."""
    if not 0 < chance < 1:
        raise ValueError(f"chance is {chance}, expected above 0 and below 1")
    k = np.arange(1, n + 1)
    steps = np.log((n - k + 1) / k) + math.log(chance / (1 - chance))
    return n * math.log(1 - chance) + np.concatenate([[0], np.cumsum(steps)])

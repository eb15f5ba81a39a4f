"""The power of n values: how small a mean shows, how many values a mean needs, how well a spread is known.

All effects are in deviations of a single value. n values, for example one difference per seed, independent and normal.
"""

import functools
import math

import numpy as np

from tinyalex.statistics import student_t

POWER = 0.8  # the usual one
MOST = 1000  # values: more are not asked for
STEPS = 600  # of an integral: right to three digits and more
WIDTHS = 12  # from its middle to each end, in standard deviations
_critical = functools.cache(student_t)  # bisection asks for the same ones again and again


def chance(effect, n, level=0.95):
    """The probability that the interval of n values of mean `effect` and deviation 1 lies on the effect's side of 0.

        P(δ) = ∫ Φ(√n·|δ| − t·r) f(r) dr,   f(r) ∝ r^(n−2) · exp(−(n−1)·r² / 2)

    where r is the deviation found, t = student_t(level, n − 1), and the interval `t_interval`'s. 0.803 for 1 and 10.
    n: 2 or more;  level: above 0, below 1. Raises ValueError for others.
    Source: the noncentral t distribution, as in Cohen, Statistical Power Analysis (1988), ch. 2.
    """
    if n < 2 or n != int(n):
        raise ValueError(f"chance: n = {n}, expected a whole number, 2 or more")
    t = _critical(level, n - 1)
    r, f = _deviations(n - 1)
    return float(f @ _normal(math.sqrt(n) * abs(effect) - t * r))


def smallest_effect(n):
    """The mean from which n values have a `chance` of at least POWER: 3.26 for 3 values, 1.00 for 10; by bisection.

    n: 2 or more. Raises ValueError for others.
    """
    low, high = 0.0, 2.0 * _critical(0.95, max(1, n - 1)) + 8
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle, n) < POWER else (low, middle)
    return (low + high) / 2


def values_needed(effect):
    """How many values give a mean a `chance` of at least POWER: 10 for 1; math.inf if over MOST; by bisection."""
    if chance(effect, MOST) < POWER:
        return math.inf
    low, high = 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if chance(effect, middle) < POWER else (low, middle)
    return high


def half_width(n):
    """Half of the 95 % interval of n values whose deviation is found to be 1: 2.48 for 3 values, 0.715 for 10."""
    return _critical(0.95, n - 1) / math.sqrt(n)


def spread_interval(deviation, freedom):
    """The 95 % interval (low, high) of the true deviation, where `deviation` was found.

    freedom · (found / true)² has the χ² distribution. 0.52 to 6.28 for 1 from three values.
    freedom: n − 1 for n values around their mean; 1 or more.
    Source: Snedecor & Cochran, Statistical Methods, ch. 5.
    """
    r, f = _deviations(freedom)
    step = r[1] - r[0]
    below = np.concatenate([[0.0], np.cumsum(f)])  # at r − step / 2 of each, and behind the last
    ends = np.interp([0.975, 0.025], below, np.append(r - step / 2, r[-1] + step / 2))
    return tuple(float(deviation / end) for end in ends)


@functools.cache
def _deviations(freedom):
    """Possible found deviations where the true one is 1, and their probabilities, both (STEPS,)."""
    width = WIDTHS / math.sqrt(2 * freedom)
    edges = np.linspace(max(0.0, 1 - width), 1 + width, STEPS + 1)
    r = (edges[1:] + edges[:-1]) / 2
    log_f = (freedom - 1) * np.log(r) - freedom * r * r / 2
    f = np.exp(log_f - log_f.max())
    return r, f / f.sum()


def _normal(z):
    """Φ(z): the share of a standard normal variable below z, elementwise."""
    return np.array([math.erfc(-value / math.sqrt(2)) / 2 for value in z.tolist()])

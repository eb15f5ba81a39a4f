"""How certain a difference is: intervals and a test, as pure functions on NumPy in float64.

n values (for example one per run), N pictures. Nothing here knows where the numbers come from.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tinyalex.backend import random_stream

DRAWS_AT_ONCE = 1 << 16  # picture indices drawn at once: half a MiB, which stays in the caches


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its confidence interval, in the units of the values."""

    mean: float
    low: float
    high: float


def student_t(level, freedom):
    """The t with P(|T| ≤ t) = level, for Student's T with `freedom` degrees of freedom: 12.706 for 0.95 and 1.

    With θ = atan(t / √freedom) the probability is a finite sum of powers of cos θ (see `_within`). It rises with θ from
    0 to 1, so bisecting (0, π/2) finds θ. level: above 0, below 1;  freedom: a whole number, 1 or more
    Raises ValueError for other values.
    Source: Student, The Probable Error of a Mean, Biometrika 6 (1908); sums: Abramowitz & Stegun, 26.7.3 and 26.7.4.
    """
    _check_level(level)
    if freedom < 1 or freedom != int(freedom):
        raise ValueError(f"student_t: freedom = {freedom}, expected a whole number, 1 or more")
    low, high = 0.0, math.pi / 2
    for _ in range(60):  # after 53 halvings float64 has no number in between
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, int(freedom)) < level else (low, middle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _within(theta, freedom):
    """P(|T| ≤ √freedom · tan θ).

    freedom even: sin θ · (1 + 1/2 cos²θ + 1·3/(2·4) cos⁴θ + …), freedom / 2 terms
    freedom odd: 2/π · (θ + sin θ · (cos θ + 2/3 cos³θ + 2·4/(3·5) cos⁵θ + …)), (freedom − 1) / 2 terms
    """
    odd, terms = freedom % 2, freedom // 2
    above = np.arange(1 + odd, freedom - 1, 2)  # each term is the previous one times above / (above + 1) · cos²θ
    factors = np.concatenate([[math.cos(theta) if odd else 1.0], above / (above + 1) * math.cos(theta) ** 2])
    total = math.sin(theta) * float(np.cumprod(factors)[:terms].sum())
    return 2 / math.pi * (theta + total) if odd else total


def t_interval(differences, level=0.95):
    """Student's t interval of the mean of n values, for example of differences between paired runs.

        mean ± t · s / √n,   s² = Σ (d − mean)² / (n − 1),   t = student_t(level, n − 1)

    It covers the true mean with probability `level` if the values are independent and normal. A single value says
    nothing about the spread: its interval is (−inf, inf). Equal values have an interval of width 0: no chance was seen,
    which does not mean that there is none. Raises ValueError for no values, or one that is not finite.
    Source: Student (1908), as in any textbook, for example Snedecor & Cochran, Statistical Methods, ch. 4.
    """
    d = _finite(differences, "t_interval: differences")
    _check_level(level)
    off = d - d[0]  # so that equal values have a deviation of exactly 0, and their mean is their value
    mean = float(d[0] + off.mean())
    if len(d) == 1:
        return Interval(mean, -math.inf, math.inf)
    half = student_t(level, len(d) - 1) * float(off.std(ddof=1)) / math.sqrt(len(d))
    return Interval(mean, mean - half, mean + half)


def wilson(hits, pictures, level=0.95):
    """Wilson's interval of a share, such as an error: `hits` of `pictures`, drawn independently.

        (p + z²/2n ± z · √(p (1 − p) / n + z²/4n²)) / (1 + z²/n),   p = hits / n, n = pictures, P(|N(0, 1)| ≤ z) = level

    Unlike p ± z · √(p (1 − p) / n) it stays within 0..1, and has a width at p = 0 and p = 1 too.
    Raises ValueError unless 0 ≤ hits ≤ pictures and pictures ≥ 1.
    Source: Wilson, Probable Inference, Journal of the American Statistical Association 22 (1927).
    """
    _check_level(level)
    if not (pictures >= 1 and 0 <= hits <= pictures):
        raise ValueError(f"wilson: {hits} of {pictures}, expected 0 or more of at least 1")
    p, n, z = hits / pictures, pictures, NormalDist().inv_cdf((1 + level) / 2)
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Interval(p, max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n)))


def binomial_at_most(hits, n, p):
    """P(X ≤ hits) = Σ_{i ≤ hits} C(n, i) pⁱ (1 − p)ⁿ⁻ⁱ: the chance of at most `hits` hits in n independent trials.

    hits, n: whole numbers, 0 or more;  p: of a hit, 0..1. Raises ValueError for others.
    """
    if not (hits >= 0 and n >= 0 and 0 <= p <= 1):
        raise ValueError(f"binomial_at_most: {hits} hits of {n} at p = {p}, expected 0 or more at 0..1")
    if hits >= n or p in (0, 1):
        return float(hits >= n or p == 0)
    i = np.arange(hits)  # each term is the previous one times (n − i) / (i + 1) · p / (1 − p)
    logs = n * math.log1p(-p) + np.append(0.0, np.cumsum(np.log((n - i) / (i + 1)) + math.log(p) - math.log1p(-p)))
    return min(1.0, float(np.exp(logs).sum()))


def binomial_upper(hits, n, level=0.95):
    """The upper end of a one-sided interval of a share: the p under which P(X ≤ hits) is 1 − level; 1 if all are hits.

    It is at least the true share with a probability of at least `level`, for any n. By bisection, as P falls with p.
    Raises ValueError unless 0 ≤ hits ≤ n and n ≥ 1.
    Source: Clopper & Pearson, The Use of Confidence or Fiducial Limits, Biometrika 26 (1934).
    """
    _check_level(level)
    if not 0 <= hits <= n or n < 1:
        raise ValueError(f"binomial_upper: {hits} of {n}, expected 0 or more of at least 1")
    low, high = hits / n, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if binomial_at_most(hits, n, middle) < 1 - level else (middle, high)
    return high


def paired_bootstrap(a, b, seed, draws=10_000, level=0.95):
    """The percentile bootstrap interval of mean(a − b), with a and b measured on the same N pictures.

    N of the N pictures are drawn with replacement, `draws` times; the interval runs from the (1 − level) / 2 to the
    (1 + level) / 2 quantile of the mean differences. Drawing pictures, not answers, keeps each picture's two answers
    together, so what is hard for both cancels out.
    The interval covers only the choice of pictures: networks trained with another seed would differ by more.

    a, b: (N,) wrong (1) or right (0), or any numbers, for example losses;  seed: of the draws
    Pictures are drawn in pieces that stay in the caches; 10,000 draws of 50,000 pictures take a few seconds.
    Raises ValueError for different shapes, no pictures, or numbers that are not finite.
    Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), ch. 13.
    """
    d = _finite(a, "paired_bootstrap: a") - _finite(b, "paired_bootstrap: b", np.shape(a))
    _check_level(level)
    if draws < 1:
        raise ValueError(f"paired_bootstrap: draws = {draws}, expected 1 or more")
    rng, means, at_once = random_stream(seed, "bootstrap"), np.empty(draws), max(1, DRAWS_AT_ONCE // len(d))
    for start in range(0, draws, at_once):
        here = means[start : start + at_once]
        here[:] = d[rng.integers(0, len(d), (len(here), len(d)))].mean(axis=1)  # (draws at once, N) before the mean
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(d.mean()), float(low), float(high))


def mcnemar(wrong_a, wrong_b):
    """McNemar's exact test: (pictures that only A got wrong, that only B got wrong, two-sided p).

    If A and B are equally good, a picture that only one of them gets wrong is equally likely to be A's or B's:

        p = min(1, 2 · Σ_{i ≤ min(only_a, only_b)} C(n, i) / 2ⁿ),   n = only_a + only_b

    and p = 1 if n is 0. Computed in whole numbers of any length, so n may be many thousands; a p below 1e-308 is 0.0.
    wrong_a, wrong_b: (N,) bools or 0 and 1. Raises ValueError for different shapes, no pictures, or other numbers.
    Source: McNemar, Psychometrika 12 (1947); the exact form: Dietterich, Neural Computation 10 (1998), among others.
    """
    a, b = _finite(wrong_a, "mcnemar: wrong_a"), _finite(wrong_b, "mcnemar: wrong_b", np.shape(wrong_a))
    if not np.isin([a, b], (0, 1)).all():
        raise ValueError("mcnemar: found numbers other than 0 and 1, expected 1 for a wrong answer, 0 for a right one")
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    n, term, total = only_a + only_b, 1, 0
    for i in range(min(only_a, only_b) + 1):
        total += term
        term = term * (n - i) // (i + 1)  # C(n, i + 1)
    return only_a, only_b, min(1.0, 2 * total / 2**n)


def holm(ps):
    """Holm's correction of m p-values for making m comparisons at once: a list of m, in the order given.

        p̃ of the i-th smallest = max over j ≤ i of min(1, (m − j + 1) · p of the j-th smallest)

    Calling those below α different makes one false claim or more with a probability of at most α, however the
    comparisons depend on one another. Never less strict than no correction, never stricter than Bonferroni's m · p.
    ps: m numbers in 0..1, m ≥ 1. Raises ValueError for others.
    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 6 (1979).
    """
    p = _finite(ps, "holm: ps")
    if p.min() < 0 or p.max() > 1:
        raise ValueError("holm: found a number outside 0..1, expected probabilities")
    order, corrected = np.argsort(p, kind="stable"), np.empty(len(p))
    corrected[order] = np.maximum.accumulate(np.minimum(1.0, np.arange(len(p), 0, -1) * p[order]))
    return corrected.tolist()


def verdict(interval, direction):
    """The verdict of an `Interval` on the claim that the difference is above 0 (direction +1) or below it (−1).

    "reproduced" if the whole interval is on the claimed side, "opposite" if it is on the other, otherwise "not resolved
    at this scale"; an end at 0 is on neither side. Raises ValueError for another direction.
    """
    if direction not in (1, -1):
        raise ValueError(f"verdict: direction = {direction}, expected 1 or -1")
    near, far = sorted((direction * interval.low, direction * interval.high))
    return "reproduced" if near > 0 else "opposite" if far < 0 else "not resolved at this scale"


def _finite(values, what, shape=None):
    """`values` as float64 (N,). Raises ValueError if there are none, one is not finite, or the shape is not `shape`."""
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) == 0 or shape not in (None, values.shape):
        expected = "(N,) with N ≥ 1" if shape is None else shape
        raise ValueError(f"{what}.shape = {values.shape}, expected {expected}")
    if not np.isfinite(values).all():
        raise ValueError(f"{what} holds a number that is not finite")
    return values


def _check_level(level):
    if not 0 < level < 1:
        raise ValueError(f"level = {level}, expected above 0 and below 1")

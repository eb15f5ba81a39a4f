"""Intervals and tests against numbers known by hand, brute-force enumeration, and simulations with a known truth."""

import itertools
import math
import statistics

import numpy as np
import pytest

from tests.checks import edited, refused
from tinyalex import statistics as ours
from tinyalex.statistics import Interval, holm, mcnemar, paired_bootstrap, student_t, t_interval, verdict, wilson

# ---------------------------------------------------------------------------------------------- Student's t


def density(t, freedom):
    """Student's density, from the gamma function."""
    log = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - math.log(freedom * math.pi) / 2
    return np.exp(log - (freedom + 1) / 2 * np.log1p(t**2 / freedom))


def within(t, freedom, steps=20_000):
    """P(|T| ≤ t): twice the integral of the density from 0 to t, by Simpson's rule."""
    weights = np.ones(steps + 1)
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    return 2 * t / steps / 3 * (weights * density(np.linspace(0, t, steps + 1), freedom)).sum()


def check_student_t(student_t):
    for level, freedom, t in [
        (0.95, 1, 12.7062047),
        (0.95, 2, 4.3026527),
        (0.95, 3, 3.1824463),
        (0.95, 4, 2.7764451),
        (0.95, 9, 2.2621572),
        (0.99, 1, 63.6567412),
        (0.99, 5, 4.0321430),
        (0.90, 10, 1.8124611),
        (0.5, 1, 1.0),
        (0.5, 2, math.sqrt(2 / 3)),
    ]:
        assert student_t(level, freedom) == pytest.approx(t, rel=1e-7), (level, freedom)


def test_student_t():
    check_student_t(student_t)
    normal = statistics.NormalDist().inv_cdf(0.975)
    assert normal == pytest.approx(1.959964, abs=1e-6) and student_t(0.95, 10**5) == pytest.approx(normal, abs=3e-5)


@pytest.mark.parametrize("freedom", [1, 2, 3, 6, 7, 30, 101])
@pytest.mark.parametrize("level", [1e-3, 0.5, 0.95, 0.999])
def test_student_t_agrees_with_the_density(level, freedom):
    if level == 0.999 and freedom == 1:
        return  # at t = 637 Simpson's steps are too wide; the value is known, tan(0.999 π/2)
    assert within(student_t(level, freedom), freedom) == pytest.approx(level, abs=1e-9)
    assert student_t(0.999, 1) == pytest.approx(math.tan(0.999 * math.pi / 2), rel=1e-9)


@pytest.mark.parametrize(
    "edits",
    [
        ("math.sqrt(freedom) * ", ""),
        ("< level", "< level / 2"),  # one-sided: 6.314 instead of 12.706
        ("range(60)", "range(15)"),
    ],
)
def test_student_t_teeth(edits):
    with pytest.raises(AssertionError):
        check_student_t(edited(student_t, *edits))


@pytest.mark.parametrize(
    "edits",
    [
        ("above / (above + 1) * math", "(above + 1) / (above + 2) * math"),
        ("[math.cos(theta) if odd else 1.0]", "[1.0]"),
        ("[:terms]", ""),  # with one degree of freedom there is no term
        ("(theta + total)", "total"),
        ("math.cos(theta) ** 2", "math.cos(theta)"),
    ],
)
def test_sum_teeth(monkeypatch, edits):
    monkeypatch.setattr(ours, "_within", edited(ours._within, *edits))
    with pytest.raises(AssertionError):
        check_student_t(student_t)


# ---------------------------------------------------------------------------------------------- t intervals


def check_t_interval(t_interval):
    found = t_interval([1.0, 2.0, 6.0])  # mean 3, s² = (4 + 1 + 9) / 2 = 7
    half = 4.30265273 * math.sqrt(7 / 3)
    assert (found.mean, found.low, found.high) == pytest.approx((3, 3 - half, 3 + half), rel=1e-8)
    found = t_interval([-1, 1], level=0.5)  # t = 1, s = √2: the two values themselves
    assert (found.mean, found.low, found.high) == pytest.approx((0, -1, 1), abs=1e-12)


def test_t_interval():
    check_t_interval(t_interval)


@pytest.mark.parametrize(
    "edits",
    [
        ("ddof=1", "ddof=0"),
        ("/ math.sqrt(len(d))", ""),
        ("len(d) - 1)", "len(d))"),
        ("student_t(level, len(d) - 1)", "1.96"),
    ],
)
def test_t_interval_teeth(edits):
    with pytest.raises(AssertionError):
        check_t_interval(edited(t_interval, *edits))


@pytest.mark.parametrize("n", [2, 5, 12])
def test_t_interval_covers_the_truth_as_often_as_promised(n):
    """2,000 samples of a normal distribution; 0.95 ± three standard errors of that share."""
    samples = np.random.default_rng(n).normal(3.0, 2.0, (2000, n))
    covered = sum(one.low <= 3.0 <= one.high for one in map(t_interval, samples)) / 2000
    assert abs(covered - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 2000)


def test_one_value_says_nothing_about_the_spread():
    assert t_interval([0.25]) == Interval(0.25, -math.inf, math.inf)


@pytest.mark.parametrize("value", [0.1, -1e9 / 3, 0.0])
def test_equal_values_have_no_width(value):
    assert t_interval([value] * 7) == Interval(value, value, value)


# ---------------------------------------------------------------------------------------------- bootstrap


def check_bootstrap(paired_bootstrap):
    """Against all 4⁴ ways to draw from four pictures: the same mean, nearly the same share of means below each end."""
    a, b = [1, 5, 2, 9], [0, 1, 3, 2]
    d = [1, 4, -1, 7]
    means = sorted(sum(one) / 4 for one in itertools.product(d, repeat=4))
    found = paired_bootstrap(a, b, seed=3, draws=20_000, level=0.8)
    assert found.mean == pytest.approx(2.75)
    for end, share in (found.low, 0.1), (found.high, 0.9):
        below, up_to = sum(m < end for m in means) / 256, sum(m <= end for m in means) / 256
        assert below - 0.01 <= share <= up_to + 0.01, f"{share} of the means should lie below {end}"


def test_bootstrap():
    check_bootstrap(paired_bootstrap)


@pytest.mark.parametrize(
    "edits",
    [
        ('_finite(a, "paired_bootstrap: a") - ', '_finite(a, "paired_bootstrap: a") + '),
        (
            "rng.integers(0, len(d), (len(here), len(d)))",
            "rng.permuted(np.tile(np.arange(len(d)), (len(here), 1)), axis=1)",
        ),
        ("rng.integers(0, len(d), ", "rng.integers(0, len(d) - 1, "),
        ("(len(here), len(d))", "(len(here), 1)"),
        ("(1 - level) / 2", "1 - level"),
    ],
)
def test_bootstrap_teeth(edits):
    with pytest.raises(AssertionError):
        check_bootstrap(edited(paired_bootstrap, *edits))


def wrong_answers(seed, pictures, only_a, only_b, both):
    """Two networks' wrong answers on the same pictures. only_a, only_b, both: the shares that they get wrong."""
    u = np.random.default_rng(seed).random(pictures)
    together = u < both
    return together | (u > 1 - only_a), together | ((both <= u) & (u < both + only_b))


def test_bootstrap_agrees_with_the_normal_distribution():
    """The mean over many pictures is nearly normal, with the standard deviation of d over √N."""
    a, b = wrong_answers(0, 4000, 0.12, 0.08, 0.3)
    d = a.astype(float) - b
    half = 1.959964 * d.std() / math.sqrt(4000)
    found = paired_bootstrap(a, b, seed=1)
    assert found.mean == pytest.approx(d.mean()) and 0.01 < d.mean() < 0.07
    assert (found.low, found.high) == pytest.approx((d.mean() - half, d.mean() + half), abs=0.06 * half)
    unpaired = 1.959964 * math.sqrt((a.var() + b.var()) / 4000)
    assert half < 0.7 * unpaired, "pairing should have mattered here"


def test_bootstrap_covers_the_truth_as_often_as_promised():
    """1,000 pairs of networks whose true difference is known; 0.95 ± three standard errors of that share."""
    covered = 0
    for seed in range(1000):
        found = paired_bootstrap(*wrong_answers(seed, 300, 0.15, 0.10, 0.2), seed, draws=400)
        covered += found.low <= 0.05 <= found.high
    assert abs(covered / 1000 - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 1000)


@pytest.mark.parametrize("at_once", [1, 64, 1 << 20])
def test_bootstrap_does_not_depend_on_its_pieces(monkeypatch, at_once):
    a, b = wrong_answers(0, 50, 0.3, 0.1, 0.2)
    expected = paired_bootstrap(a, b, seed=7, draws=333)
    monkeypatch.setattr(ours, "DRAWS_AT_ONCE", at_once)
    assert paired_bootstrap(a, b, seed=7, draws=333) == expected != paired_bootstrap(a, b, seed=8, draws=333)


def test_bootstrap_of_equal_answers_has_no_width():
    a, _ = wrong_answers(0, 50, 0.3, 0.1, 0.2)
    assert paired_bootstrap(a, a, seed=0) == Interval(0.0, 0.0, 0.0)
    assert paired_bootstrap(a + 2.5, a, seed=0) == Interval(2.5, 2.5, 2.5)


# ---------------------------------------------------------------------------------------------- McNemar


def answers(only_a, only_b, both=3, neither=4):
    wrong_a = [1] * only_a + [0] * only_b + [1] * both + [0] * neither
    wrong_b = [0] * only_a + [1] * only_b + [1] * both + [0] * neither
    return np.array(wrong_a), np.array(wrong_b)


def by_enumeration(only_a, only_b):
    """The share of all 2ⁿ ways to deal out the n pictures that are at least as uneven as the one found."""
    n = only_a + only_b
    dealt = [sum(coins) for coins in itertools.product((0, 1), repeat=n)]
    return sum(abs(2 * k - n) >= abs(only_a - only_b) for k in dealt) / 2**n


def check_mcnemar(mcnemar):
    for only_a in range(7):
        for only_b in range(7):
            expected = only_a, only_b, by_enumeration(only_a, only_b)
            assert mcnemar(*answers(only_a, only_b)) == pytest.approx(expected, rel=1e-12)
    assert mcnemar(*answers(1, 9)) == pytest.approx((1, 9, 2 * 11 / 1024))


def test_mcnemar():
    check_mcnemar(mcnemar)


@pytest.mark.parametrize(
    "edits",
    [
        ("2 * total / 2**n", "total / 2**n"),
        ("min(only_a, only_b) + 1", "min(only_a, only_b)"),
        ("min(1.0, 2 * total / 2**n)", "2 * total / 2**n"),
        ("(a > b)", "(a >= b)"),
        ("(n - i) // (i + 1)", "(n - i) // (i + 2)"),
        ("return only_a, only_b", "return only_b, only_a"),
    ],
)
def test_mcnemar_teeth(edits):
    with pytest.raises(AssertionError):
        check_mcnemar(edited(mcnemar, *edits))


@pytest.mark.parametrize("only_a, only_b", [(2500, 2620), (24_800, 25_200), (0, 900), (3, 5000)])
def test_mcnemar_of_thousands(only_a, only_b):
    """Against the sum in logarithms."""
    n, k = only_a + only_b, min(only_a, only_b)
    log_n = math.lgamma(n + 1) - (n - 1) * math.log(2)
    logs = [log_n - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in range(k + 1)]
    most = max(logs)
    expected = math.exp(most) * math.fsum(math.exp(log - most) for log in logs)
    assert mcnemar(*answers(only_a, only_b)) == (only_a, only_b, pytest.approx(expected, rel=1e-7, abs=1e-300))


def test_mcnemar_of_networks_that_agree():
    assert mcnemar(*answers(0, 0)) == (0, 0, 1.0)
    assert mcnemar(*answers(5, 5)) == (5, 5, 1.0)
    assert mcnemar(np.array([True, False]), np.array([False, False])) == (1, 0, 1.0)


# ---------------------------------------------------------------------------------------------- Wilson's interval


def check_wilson(wilson):
    """Its ends are the shares p from which hits/n is z standard deviations away: |hits/n − p| = z · √(p(1 − p)/n)."""
    for level, z in ((0.95, 1.959963985), (0.8, 1.281551566)):
        for hits, n in ((1, 10), (7, 20), (100, 250), (3, 4)):
            found = wilson(hits, n, level)
            assert found.mean == hits / n and found.low < found.mean < found.high
            for p in (found.low, found.high):
                assert abs(hits / n - p) == pytest.approx(z * math.sqrt(p * (1 - p) / n), rel=1e-8)
    assert wilson(0, 10).low == pytest.approx(0, abs=1e-15) and wilson(0, 10).high == pytest.approx(
        0.2775, abs=1e-4
    )  # z²/(n + z²)
    assert wilson(10, 10) == Interval(1, pytest.approx(0.7225, abs=1e-4), 1)


def test_wilson():
    check_wilson(wilson)
    for hits, n in ((-1, 5), (6, 5), (0, 0), (math.nan, 5)):
        refused(lambda: wilson(hits, n), "wilson", hits, n)
    refused(lambda: wilson(1, 5, 1.0), "level")


@pytest.mark.parametrize(
    "edits",
    [
        ("(1 + level) / 2", "level"),
        ("z * z / (4 * n * n)", "z * z / (4 * n)"),
        ("middle, half = p + z * z / (2 * n)", "middle, half = p"),
        ("max(0.0, (middle - half) / (1 + z * z / n))", "max(0.0, middle - half)"),
    ],
)
def test_wilson_teeth(edits):
    with pytest.raises(AssertionError):
        check_wilson(edited(wilson, *edits))


# ---------------------------------------------------------------------------------------------- what it says


@pytest.mark.parametrize(
    "low, high, above, below",
    [
        (0.1, 0.2, "reproduced", "opposite"),
        (-0.2, -0.1, "opposite", "reproduced"),
        (-0.1, 0.2, "not resolved at this scale", "not resolved at this scale"),
        (0.0, 0.2, "not resolved at this scale", "not resolved at this scale"),
        (0.0, 0.0, "not resolved at this scale", "not resolved at this scale"),
        (-math.inf, math.inf, "not resolved at this scale", "not resolved at this scale"),
    ],
)
def test_verdict(low, high, above, below):
    interval = Interval((low + high) / 2, low, high)
    assert (verdict(interval, 1), verdict(interval, -1)) == (above, below)


# ---------------------------------------------------------------------------------------------- what it refuses


def test_numbers_that_make_no_sense():
    refused(lambda: t_interval([]), "t_interval", "(0,)")
    refused(lambda: t_interval([[1.0, 2.0]]), "(1, 2)", "(N,)")
    refused(lambda: t_interval([1.0, math.nan]), "t_interval", "finite")
    refused(lambda: t_interval([1.0, 2.0], level=95), "level = 95")
    refused(lambda: t_interval([1.0], level=0), "level = 0")
    refused(lambda: student_t(0.95, 0), "freedom = 0")
    refused(lambda: student_t(0.95, 1.5), "freedom = 1.5")
    refused(lambda: paired_bootstrap([1, 0], [1, 0, 1], 0), "b.shape = (3,)", "expected (2,)")
    refused(lambda: paired_bootstrap([], [], 0), "a.shape = (0,)")
    refused(lambda: paired_bootstrap([1.0], [math.inf], 0), "b holds", "finite")
    refused(lambda: paired_bootstrap([1], [0], 0, draws=0), "draws = 0")
    refused(lambda: mcnemar([1, 0], [1]), "wrong_b.shape = (1,)", "(2,)")
    refused(lambda: mcnemar([1, 2], [1, 0]), "other than 0 and 1")
    refused(lambda: verdict(Interval(1, 1, 1), 0), "direction = 0")


# ---------------------------------------------------------------------------------------------- several comparisons


def rejected_by_steps(ps, level):
    """Holm's procedure as he wrote it: from the smallest p on, until one is above level / (number left)."""
    rejected = set()
    for i, k in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        if ps[k] > level / (len(ps) - i):
            break
        rejected.add(k)
    return rejected


def check_holm(holm):
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # by hand
    assert holm([0.2]) == [0.2] and holm([0.9, 0.8]) == [1, 1] and holm([0.0, 1.0]) == [0, 1]
    rng = np.random.default_rng(0)
    for m in (2, 3, 5, 20):
        ps = list(rng.random(m) ** 3)
        for level in (0.01, 0.05, 0.3):
            assert {k for k, p in enumerate(holm(ps)) if p <= level} == rejected_by_steps(ps, level)


def test_holm():
    check_holm(holm)
    check_holm(lambda ps: holm(np.array(ps)))


@pytest.mark.parametrize(
    "old, new",
    [
        ("np.maximum.accumulate(", "("),
        ("np.minimum(1.0, ", "("),
        ("np.arange(len(p), 0, -1)", "len(p)"),
        ("corrected[order] =", "corrected[:] ="),
    ],
)
def test_holm_teeth(old, new):
    wrong = edited(holm, old, new)
    with pytest.raises(AssertionError):
        check_holm(wrong)


@pytest.mark.parametrize("ps, word", [([], "N ≥ 1"), ([0.1, 1.1], "0..1"), ([-0.1], "0..1"), ([math.nan], "finite")])
def test_holm_refuses(ps, word):
    refused(lambda: holm(ps), word)


# ---------------------------------------------------------------------------------------------- binomial


def check_binomial(binomial_at_most):
    for n in (0, 1, 2, 7, 30):
        for p in (0, 0.03, 0.5, 0.81, 1):
            terms = [math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(n + 1)]
            for hits in range(n + 2):
                assert binomial_at_most(hits, n, p) == pytest.approx(sum(terms[: hits + 1]), abs=1e-12)
    assert binomial_at_most(5000, 10_000, 0.5) == pytest.approx(0.5, abs=0.005), "no overflow"


def test_binomial_at_most():
    check_binomial(ours.binomial_at_most)
    refused(lambda: ours.binomial_at_most(1, 2, 1.5), "p = 1.5")


@pytest.mark.parametrize(
    "edits", [("np.arange(hits)", "np.arange(hits + 1)"), ("(n - i) / (i + 1)", "(n - i) / (i + 2)")]
)
def test_binomial_teeth(edits):
    with pytest.raises(AssertionError):
        check_binomial(edited(ours.binomial_at_most, *edits))


def test_binomial_upper():
    assert ours.binomial_upper(0, 59) == pytest.approx(1 - 0.05 ** (1 / 59)), "no hits: (1 − p)ⁿ = 0.05"
    assert ours.binomial_upper(0, 59) < 0.05 < ours.binomial_upper(0, 58)
    assert ours.binomial_upper(3, 3) == 1
    for hits, n, level in ((3, 40, 0.95), (17, 30, 0.9)):
        upper = ours.binomial_upper(hits, n, level)
        assert ours.binomial_at_most(hits, n, upper) == pytest.approx(1 - level)
    refused(lambda: ours.binomial_upper(4, 3), "4 of 3")

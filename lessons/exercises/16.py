"""Lesson 16, what a change did and how surely: its exercises and the known mistakes."""

import math

import numpy as np

from tinyalex.statistics import Interval, mcnemar
from tinyalex.statistics import verdict as _verdict
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong

# ---------------------------------------------------------------------------------------------- effects, seed by seed


def effect(with_it, without):
    differences = 100 * (np.asarray(with_it, np.float64) - without)  # float64, as throughout tinyalex.statistics
    return differences, differences.mean()


def _errors():
    """Five seeds whose order differs between the arms; the mean is not the median."""
    return np.array([0.31, 0.27, 0.36, 0.29, 0.33]), np.array([0.35, 0.30, 0.315, 0.38, 0.34])


def _few_errors():
    return np.array([0.412, 0.385, 0.441]), np.array([0.393, 0.437, 0.402])


def _lost_run():
    return np.array([0.31, np.nan, 0.36]), np.array([0.35, 0.30, 0.315])


def _errors_of_600():
    """Shares of 600 pictures, whose digits do not end."""
    return np.array([197, 211, 184, 220, 203, 191, 208]) / 600, np.array([204, 205, 199, 201, 214, 200, 195]) / 600


def _mean_of(differences):
    """A wrong version: other differences, and their mean."""

    def wrong(with_it, without):
        found = differences(with_it, without)
        return found, found.mean()

    return wrong


def _other_mean(mean):
    """A wrong version: the right differences, but another number for their mean."""
    return lambda with_it, without: (effect(with_it, without)[0], mean(with_it, without))


EFFECT_WRONG = (
    Wrong(
        "E1",
        _mean_of(lambda w, o: 100 * (o - w)),
        "The sign is reversed: with minus without, so that −1.4 means 1.4 points fewer errors with it.",
    ),
    Wrong(
        "E2",
        _mean_of(lambda w, o: 100 * (np.sort(w) - np.sort(o))),
        "You sort before you subtract, which breaks the pairs: each difference is between two runs with the same seed.",
    ),
    Wrong(
        "E2",
        _mean_of(lambda w, o: 100 * (w[:, None] - o[None, :])),
        "You compare every run with every other, S × S differences. "
        "A pair is two runs with the same seed: there are S.",
    ),
    Wrong(
        "E2",
        _mean_of(lambda w, o: 100 * (w - o.mean())),
        "You subtract the mean of the other arm, so a seed's luck in both arms does not cancel. "
        "Subtract the run with the same seed.",
    ),
    Wrong(
        "E2",
        _mean_of(lambda w, o: 100 * (w.mean() - o)),
        "You subtract from the mean of one arm, so a seed's luck in both arms does not cancel. "
        "Pair the runs with the same seed.",
    ),
    Wrong(
        "E2",
        _mean_of(lambda w, o: 100 * (w - o.min())),
        "You compare every run with the best of the other arm. To pick the best is to pick luck: pair by seed.",
    ),
    Wrong(
        "E2",
        _mean_of(lambda w, o: 100 * (w - o[::-1])),
        "The pairs are mixed up: seed 0 meets the last seed of the other arm.",
    ),
    Wrong(
        "E3", _mean_of(lambda w, o: w - o), "You return fractions of 1; return percentage points, 100 times as much."
    ),
    Wrong(
        "E4",
        _mean_of(lambda w, o: 100 * (w - o) / o),
        "You return percent *of the error*. From 40 % to 38 % is 2 percentage points, but 5 percent: return points.",
    ),
    Wrong(
        "E4",
        _mean_of(lambda w, o: 100 * (w - o) / w),
        "You return percent *of the error*. From 40 % to 38 % is 2 percentage points: do not divide by an error.",
    ),
    Wrong(
        "E5",
        _mean_of(lambda w, o: w / o),
        "You return the ratio of the errors; return their difference, in percentage points.",
    ),
    Wrong(
        "E6",
        _mean_of(lambda w, o: 100 * np.abs(w - o)),
        "You drop the signs: a change that helps one seed and harms the next would seem to do much. Keep them.",
    ),
    Wrong(
        "E7",
        _other_mean(lambda w, o: float(np.median(100 * (w - o)))),
        "That is the median; return the mean, which the interval will be about.",
    ),
    Wrong(
        "E7",
        _other_mean(lambda w, o: 100 * (w - o).sum() / (len(w) - 1)),
        "You divide the sum by S − 1, as for a variance; the mean of S differences divides by S.",
    ),
    Wrong(
        "E7",
        _other_mean(lambda w, o: 100 * (w - o).sum()),
        "You add the differences up; divide by the number of seeds.",
    ),
    Wrong(
        "E7",
        _other_mean(lambda w, o: 100 * (w.mean() / o.mean() - 1)),
        "The differences are right, but your mean is in percent of the error: take the mean of the differences.",
    ),
    Wrong(
        "E7",
        _other_mean(lambda w, o: (w - o).mean()),
        "The differences are in points, but your mean is a fraction of 1.",
    ),
    Wrong(
        "E7",
        _other_mean(lambda w, o: (100 * (w - o)).min()),
        "That is the seed in which the change looks best, which is partly luck. Take the mean of all seeds.",
    ),
)


def _effect_by_hand(arguments, output, index):
    with_it, without = arguments
    d = 100 * (with_it - without)
    if output == "mean":
        return f"By hand: ({' '.join(f'{v:+.4g}' for v in d)}) / {len(d)} = {d.mean():.6g}."
    return f"By hand: seed {index[0]}: 100 · ({with_it[index]:.4g} − {without[index]:.4g}) = {d[index]:.6g}."


# ---------------------------------------------------------------------------------------------- Student's interval


def interval(d, t):
    d = np.asarray(d, np.float64)
    half = t * d.std(ddof=1) / math.sqrt(len(d))
    return d.mean() - half, d.mean() + half


def _five():
    return np.array([-1.5, 0.4, -2.2, -0.7, -3.0]), 2.5


def _three():
    return np.array([0.9, -0.3, 1.6]), 4.1


def _two():
    return np.array([-0.8, 1.9]), 12.7


def _seven():
    return np.array([0.3, -1.1, -2.7, 0.8, -1.9, 0.05, -0.6]), 2.4


def _around(half, centre=np.mean):
    """A wrong version: half(d, t, n) on each side of a centre."""

    def wrong(d, t):
        h = half(d, t, len(d))
        return centre(d) - h, centre(d) + h

    return wrong


def _s(d):
    return d.std(ddof=1)


def _half(d, t, n):
    return t * _s(d) / n**0.5


def _ends(ends):
    """A wrong version: two quantiles of the values."""
    return lambda d, t: tuple(np.quantile(d, ends))


INTERVAL_WRONG = (
    Wrong(
        "E8",
        _around(lambda d, t, n: t * d.std() / n**0.5),
        "The deviation is too small: n values have n − 1 degrees of freedom about their own mean, "
        "but np.std divides by n. Pass ddof=1.",
    ),
    Wrong(
        "E8",
        _around(lambda d, t, n: t * _s(d) / (n - 1) ** 0.5),
        "You divide by √(n − 1). The n − 1 belongs in the variance s²; the mean of n values has the deviation s / √n.",
    ),
    Wrong(
        "E9",
        _around(lambda d, t, n: t * _s(d)),
        "That is the spread of single seeds. Their *mean* varies √n times less: divide by √n.",
    ),
    Wrong(
        "E9",
        _around(lambda d, t, n: t * _s(d) / n),
        "You divide by n without its root: the mean of n values has the deviation s / √n.",
    ),
    Wrong(
        "E9",
        _around(lambda d, t, n: t * d.std()),
        "Two things are missing: np.std divides by n (ddof=1 makes it n − 1), "
        "and the mean varies √n times less than one seed.",
    ),
    Wrong(
        "E10",
        _around(lambda d, t, n: 1.96 * _s(d) / n**0.5),
        "You use 1.96 instead of t. That is for a known spread; "
        "from a few values it is only estimated, and t makes up for that.",
    ),
    Wrong(
        "E10",
        _around(lambda d, t, n: 2 * _s(d) / n**0.5),
        "You use 2 instead of t. That is for a known spread; "
        "from a few values it is only estimated, and t makes up for that.",
    ),
    Wrong(
        "E10",
        _around(lambda d, t, n: 1.96 * d.std() / n**0.5),
        "1.96 · np.std(d) / √n is for many values. With few it is far too narrow: use t for 1.96, and ddof=1.",
    ),
    Wrong(
        "E10",
        _around(lambda d, t, n: _s(d) / n**0.5),
        "t is missing: one standard error on each side covers the truth far less often than 95 times in 100.",
    ),
    Wrong(
        "E11",
        _around(lambda d, t, n: t * _s(d) ** 2 / n**0.5),
        "You use the variance s², in points squared; the interval is in points, so take its root.",
    ),
    Wrong(
        "E11", _around(lambda d, t, n: t * _s(d) ** 2 / n), "That is the variance of the mean, s² / n; take its root."
    ),
    Wrong(
        "E12",
        _around(lambda d, t, n: _half(d, t, n) / 2),
        "Half the right width: t · s / √n goes on *each* side of the mean.",
    ),
    Wrong(
        "E12",
        _around(lambda d, t, n: 2 * _half(d, t, n)),
        "Twice the right width: t · s / √n goes on each side of the mean.",
    ),
    Wrong(
        "E13",
        _around(_half, lambda d: 0.0),
        "Your interval is about 0. It must be about the mean of d; whether it contains 0 is the question.",
    ),
    Wrong("E13", _around(_half, np.median), "Your interval is about the median; s / √n is how far the *mean* varies."),
    Wrong(
        "E14",
        _around(lambda d, t, n: t * math.sqrt((d**2).mean() / n)),
        "You square d itself: take deviations from the mean of d, not from 0.",
    ),
    Wrong(
        "E14",
        _around(lambda d, t, n: t * math.sqrt((d**2).sum() / (n - 1) / n)),
        "You square d itself: take deviations from the mean of d, not from 0.",
    ),
    Wrong(
        "E14",
        _around(lambda d, t, n: t * np.abs(d - d.mean()).mean() / n**0.5),
        "You average absolute deviations. s is the root of their mean square (over n − 1).",
    ),
    Wrong("E15", lambda d, t: interval(d, t)[::-1], "The ends are swapped: low comes first."),
    Wrong(
        "E15",
        lambda d, t: (d.mean(), _half(d, t, len(d))),
        "You return the mean and the half-width; return the two ends.",
    ),
    Wrong(
        "E16",
        _ends((0.025, 0.975)),
        "That is the range of most seeds, which more seeds do not narrow. Return the interval of their mean.",
    ),
    Wrong(
        "E16",
        _ends((0.0, 1.0)),
        "That is the range from the smallest to the largest seed, which more seeds *widen*. "
        "Return the interval of their mean.",
    ),
)


def _interval_by_hand(arguments, output, index):
    d, t = arguments
    n, sign = len(d), "−" if output == "low" else "+"
    return (
        f"By hand: n = {n}, mean {d.mean():.6g}, s = √({((d - d.mean()) ** 2).sum():.6g} / {n - 1}) = {_s(d):.6g}; "
        f"{d.mean():.6g} {sign} {t:g} · {_s(d):.6g} / √{n} = {dict(zip(('low', 'high'), interval(d, t)))[output]:.6g}."
    )


# ---------------------------------------------------------------------------------------------- the verdict

REPRODUCED, OPPOSITE, NULL = VERDICTS = "reproduced", "opposite", "not resolved"
# on either side, across 0 with a mean on either side, ends at 0, and the interval of a single seed
ENDS = (-2.0, -0.5), (0.5, 2.0), (-2.0, 0.5), (-0.5, 2.0), (-2.0, 0.0), (0.0, 2.0), (-math.inf, math.inf)
CASES = [(low, high, direction) for low, high in ENDS for direction in (-1, 1)]
# small, wide and narrow intervals, and one that is 0 alone
MORE_ENDS = (
    (-0.03, -0.01),
    (0.002, 0.04),
    (-40.0, -0.3),
    (0.2, 55.0),
    (-0.7, -0.7),
    (0.0, 0.0),
    (-0.01, 30.0),
    (1e-200, 3e-200),
    (-math.inf, -0.5),
    (0.5, math.inf),
)
MORE_CASES = [(low, high, direction) for low, high in MORE_ENDS for direction in (-1, 1)]


def verdict(low, high, direction):
    words = _verdict(Interval((low + high) / 2, low, high), direction)
    return NULL if words.startswith(NULL) else words


def _by_mean(low, high, direction):
    if not math.isfinite(low + high):
        return NULL
    return REPRODUCED if direction * (low + high) > 0 else OPPOSITE


def _else_opposite(low, high, direction):
    return REPRODUCED if verdict(low, high, direction) == REPRODUCED else OPPOSITE


def _else_reproduced(low, high, direction):
    return OPPOSITE if verdict(low, high, direction) == OPPOSITE else REPRODUCED


def _never_opposite(low, high, direction):
    return REPRODUCED if verdict(low, high, direction) == REPRODUCED else NULL


def _any_side(low, high, direction):
    return REPRODUCED if low > 0 or high < 0 else NULL


def _ends_count(low, high, direction):
    near, far = sorted((direction * low, direction * high))
    return REPRODUCED if near >= 0 else OPPOSITE if far <= 0 else NULL


def _one_end(low, high, direction):
    """Judges by the end farthest on the claimed side, instead of both."""
    return REPRODUCED if max(direction * low, direction * high) > 0 else OPPOSITE


def _unsorted(low, high, direction):
    return REPRODUCED if direction * low > 0 else OPPOSITE if direction * high < 0 else NULL


def _swapped(low, high, direction):
    return {REPRODUCED: OPPOSITE, OPPOSITE: REPRODUCED, NULL: NULL}[verdict(low, high, direction)]


def _upside_down(low, high, direction):
    """Takes an interval that contains 0 for one that does not."""
    return REPRODUCED if low <= 0 <= high else NULL


def _one_of_three(function):
    for given in CASES:
        found = function(*given)
        if not isinstance(found, str) or found not in VERDICTS:
            low, high, direction = given
            more = " The interval contains 0: small effects of either sign are still possible."
            more = more if found == "no effect" else ""
            return f"For an interval of {low:g} to {high:g} and direction {direction:+d} it returns {found!r}.{more}"
    return True


def _not_as(*wrong):
    """A property that fails if the learner's function agrees with one of these in every case."""
    return lambda function: not any(all(function(*case) == one(*case) for case in CASES) for one in wrong)


def _right_in_all(function):
    for given in CASES + MORE_CASES:
        found, expected = function(*given), verdict(*given)
        if found != expected:
            low, high, direction = given
            side = "above" if direction > 0 else "below"
            return f"For {low:g} to {high:g}, claimed {side} 0, it returns {found!r}, expected {expected!r}."
    if function(np.float64(0.5), np.float64(2), np.sign(np.float64(3))) != REPRODUCED:
        return "It fails with NumPy's numbers: compare them by value."
    return True


VERDICT_PROPERTIES = (
    Property("E17", _one_of_three, f"Return one of {', '.join(map(repr, VERDICTS))}."),
    Property(
        "E18",
        _not_as(_by_mean),
        'You look only at the mean, which is never exactly 0: chance would be "reproduced" '
        "every second time. Ask where the whole interval lies.",
    ),
    Property(
        "E19",
        _not_as(_else_opposite),
        "You call everything opposite that is not reproduced. "
        "An interval that contains 0 speaks neither for the claim nor against it.",
    ),
    Property(
        "E19",
        _not_as(_else_reproduced),
        "You call everything reproduced that is not opposite. "
        "An interval that contains 0 speaks neither for the claim nor against it.",
    ),
    Property(
        "E19",
        _not_as(_never_opposite),
        "You never call anything opposite. An interval wholly on the other side is more than a lack of evidence.",
    ),
    Property(
        "E20",
        _not_as(
            lambda low, high, direction: verdict(low, high, -1), lambda low, high, direction: verdict(low, high, 1)
        ),
        "You ignore direction. Some claims are of fewer errors (−1), others of more (+1).",
    ),
    Property(
        "E20",
        _not_as(_any_side),
        "You ask only whether 0 is outside. An interval on the side opposite to the claim is the opposite of it.",
    ),
    Property("E20", _not_as(_swapped), "The sides are swapped: direction −1 claims that the effect is below 0."),
    Property(
        "E21",
        _not_as(_unsorted),
        "For direction −1 the ends swap roles: the whole interval is below 0 if high is below 0, not if low is.",
    ),
    Property(
        "E21", _not_as(_one_end), "You let one end of the interval decide. All of it must be on the claimed side."
    ),
    Property("E22", _not_as(_ends_count), "An interval that ends exactly at 0 does not exclude 0: it is not resolved."),
    Property(
        "E23", _not_as(_upside_down), "You have it the wrong way round: an interval that contains 0 resolves nothing."
    ),
    Property("E24", _right_in_all, "One case is not right yet."),
)


# ---------------------------------------------------------------------------------------------- other pictures


def bootstrap(a, b, drawn, level):
    means = (np.asarray(a, np.float64) - b)[drawn].mean(axis=1)
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def _losses():
    """Two nets' losses on 40 pictures, some of them hard for both nets, and 201 draws."""
    rng = np.random.default_rng(0)
    hard = rng.gamma(2.0, 1.0, 40)
    a, b = (hard + np.abs(rng.normal(0, 0.4, 40)) for _ in range(2))
    return a + 0.15, b, rng.integers(0, 40, (201, 40)), 0.9


def _answers():
    """Wrong (1) or right (0) on 31 pictures."""
    rng = np.random.default_rng(1)
    a, b = (rng.random(31) < share for share in (0.3, 0.5))
    return a.astype(float), b.astype(float), rng.integers(0, 31, (401, 31)), 0.8


def _between():
    """Quantiles that lie between two of the sorted means."""
    rng = np.random.default_rng(2)
    return rng.gamma(2, 0.7, 23), rng.gamma(2, 0.6, 23), rng.integers(0, 23, (150, 23)), 0.93


def _thousand_draws():
    a, b, _, _ = _answers()
    return a, b, np.random.default_rng(4).integers(0, 31, (1003, 31)), 0.9996


def _taken(place):
    """A wrong version: the sorted mean at place(q, number of means)."""

    def wrong(a, b, drawn, level):
        means = np.sort(_means(a, b, drawn))
        return tuple(means[min(place(q, len(means)), len(means) - 1)] for q in ((1 - level) / 2, (1 + level) / 2))

    return wrong


def _quantiles_of(means, tails=lambda level: ((1 - level) / 2, (1 + level) / 2)):
    """A wrong version: quantiles of other numbers, or other quantiles."""
    return lambda a, b, drawn, level: tuple(np.quantile(means(a, b, drawn), tails(level)))


def _means(a, b, drawn):
    return (a - b)[drawn].mean(axis=1)


def _normal(a, b, drawn, level):
    means = _means(a, b, drawn)
    return (a - b).mean() - 1.96 * means.std(), (a - b).mean() + 1.96 * means.std()


def _two_intervals(a, b, drawn, level):
    tails = [(1 - level) / 2, (1 + level) / 2]
    return tuple(np.quantile(a[drawn].mean(axis=1), tails) - np.quantile(b[drawn].mean(axis=1), tails))


def _each_once(a, b, drawn):
    return np.array([(a - b)[np.unique(row)].mean() for row in drawn])


BOOTSTRAP_WRONG = (
    Wrong(
        "E25",
        _quantiles_of(lambda a, b, drawn: a[drawn].mean(axis=1) - b[drawn[::-1]].mean(axis=1)),
        "You draw different pictures for a and b, which breaks the pairs. One draw serves both.",
    ),
    Wrong(
        "E25",
        _quantiles_of(lambda a, b, drawn: a[drawn].mean(axis=1) - b[np.roll(drawn, 1, axis=0)].mean(axis=1)),
        "You draw different pictures for a and b, which breaks the pairs. One draw serves both.",
    ),
    Wrong(
        "E25",
        _quantiles_of(lambda a, b, drawn: a[drawn].mean(axis=1) - b.mean()),
        "You draw pictures only for a, while b keeps all of its own. A draw changes the pictures of both nets.",
    ),
    Wrong(
        "E25",
        _quantiles_of(lambda a, b, drawn: a.mean() - b[drawn].mean(axis=1)),
        "You draw pictures only for b, while a keeps all of its own. A draw changes the pictures of both nets.",
    ),
    Wrong(
        "E25",
        _two_intervals,
        "You make an interval for each net and subtract the ends. "
        "Subtract first, picture by picture: what is hard for both cancels.",
    ),
    Wrong(
        "E26",
        _quantiles_of(_each_once),
        "You count each picture once per draw. With replacement, a picture drawn twice counts twice.",
    ),
    Wrong(
        "E26",
        lambda a, b, drawn, level: ((a - b).mean(), (a - b).mean()),
        "Both your ends are the mean of a − b over all pictures, each once. "
        "Take the mean of each row of drawn, with its repetitions.",
    ),
    Wrong(
        "E28",
        lambda a, b, drawn, level: (_means(a, b, drawn).mean(),) * 2,
        "Both your ends are the mean of all draws. Keep one mean for each row of drawn: their quantiles are the ends.",
    ),
    Wrong(
        "E27",
        _quantiles_of(_means, lambda level: (0, 1)),
        "Those are the smallest and the largest mean. Cut half of 1 − level off at each end.",
    ),
    Wrong(
        "E27",
        lambda a, b, drawn, level: (bootstrap(a, b, drawn, level)[0], _means(a, b, drawn).max()),
        "low is right, but high is the largest mean: cut half of 1 − level off at that end too.",
    ),
    Wrong(
        "E27",
        lambda a, b, drawn, level: (_means(a, b, drawn).min(), bootstrap(a, b, drawn, level)[1]),
        "high is right, but low is the smallest mean: cut half of 1 − level off at that end too.",
    ),
    Wrong(
        "E27",
        lambda a, b, drawn, level: tuple(np.percentile(_means(a, b, drawn), ((1 - level) / 2, (1 + level) / 2))),
        "np.percentile counts in percent. Give it 100 times as much, or use np.quantile.",
    ),
    *(
        Wrong("E40", _taken(place), "You take one of the sorted means. np.quantile goes between two of them.")
        for place in (
            lambda q, B: round(q * (B - 1)),
            lambda q, B: int(q * (B - 1)),
            lambda q, B: math.ceil(q * (B - 1)),
            lambda q, B: int(q * B),
            lambda q, B: round(q * B),
        )
    ),
    Wrong(
        "E27",
        _quantiles_of(_means, lambda level: (1 - level, level)),
        "You cut 1 − level off at *each* end, which leaves 2 · level − 1. Cut half of it off at each.",
    ),
    Wrong(
        "E27",
        _quantiles_of(_means, lambda level: (0, level)),
        "You cut at one end only: cut half of 1 − level off at each.",
    ),
    Wrong(
        "E27",
        _quantiles_of(_means, lambda level: (1 - level, 1)),
        "You cut at one end only: cut half of 1 − level off at each.",
    ),
    Wrong(
        "E27",
        _quantiles_of(_means, lambda level: (level / 2, 1 - level / 2)),
        "You cut level off, but it is the share that stays inside. Cut off 1 − level, half at each end.",
    ),
    Wrong("E27", _quantiles_of(_means, lambda level: (0.025, 0.975)), "You return a 95 % interval whatever level is."),
    Wrong(
        "E28",
        _quantiles_of(lambda a, b, drawn: (a - b)[drawn].sum(axis=1)),
        "You sum over the pictures of a draw; take their mean.",
    ),
    Wrong(
        "E28",
        _quantiles_of(lambda a, b, drawn: (a - b)[drawn].mean(axis=0)),
        "You average over the draws. Each row of drawn is a set of pictures with its own mean: average along axis 1.",
    ),
    Wrong(
        "E28",
        _quantiles_of(lambda a, b, drawn: (a - b)[drawn]),
        "You take quantiles of single pictures; take the mean of each draw first.",
    ),
    Wrong(
        "E28",
        _quantiles_of(lambda a, b, drawn: a - b),
        "You take quantiles of single pictures and ignore drawn; take the mean of each draw first.",
    ),
    Wrong(
        "E28",
        _quantiles_of(lambda a, b, drawn: np.median((a - b)[drawn], axis=1)),
        "You take each draw's median. Errors are means: the median of zeros and ones says next to nothing.",
    ),
    Wrong("E29", _quantiles_of(lambda a, b, drawn: -_means(a, b, drawn)), "The sign is reversed: take a − b."),
    Wrong(
        "E29",
        _quantiles_of(lambda a, b, drawn: np.abs(a - b)[drawn].mean(axis=1)),
        "You drop the signs: you count where the nets differ, not which of them is better.",
    ),
    Wrong(
        "E29",
        _quantiles_of(lambda a, b, drawn: np.abs(_means(a, b, drawn))),
        "You drop the signs of the means, so your interval can never contain 0.",
    ),
    Wrong(
        "E29",
        _quantiles_of(lambda a, b, drawn: 100 * _means(a, b, drawn)),
        "That is a hundred times too large: return the ends in the units of a and b.",
    ),
    Wrong(
        "E30",
        _normal,
        "You use the deviation of the means and 1.96. The draws tell more than that: take their quantiles.",
    ),
    Wrong(
        "E31", lambda a, b, drawn, level: bootstrap(a, b, drawn, level)[::-1], "The ends are swapped: low comes first."
    ),
)


def _bootstrap_by_hand(arguments, output, index):
    a, b, drawn, level = arguments
    means = np.sort(_means(a, b, drawn))
    q = (1 - level) / 2 if output == "low" else (1 + level) / 2
    return (
        f"By hand: {len(means)} means of a − b, from {means[0]:.4g} to {means[-1]:.4g}; quantile {q:.4g} is at place "
        f"{q * (len(means) - 1):.4g} of 0 to {len(means) - 1}: {np.quantile(means, q):.6g}."
    )


# ---------------------------------------------------------------------------------------------- McNemar


def mcnemar_test(wrong_a, wrong_b):
    return mcnemar(wrong_a, wrong_b)


def _crossed(only_a, only_b, both, none, seed):
    """Two nets' answers, 1 for wrong, in a shuffled order."""
    counts = (only_a, only_b, both, none)
    a, b = (np.repeat(values, counts) for values in ((1, 0, 1, 0), (0, 1, 1, 0)))
    order = np.random.default_rng(seed).permutation(sum(counts))
    return a[order], b[order]


def _all_only_a():
    return _crossed(0, 150, 2, 3, 4)


def _thousands():
    return _crossed(560, 610, 900, 700, 5)


def _few_only_a():
    return _crossed(3, 11, 6, 14, 0)


def _many_only_a():
    return _crossed(10, 4, 5, 23, 1)


def _equal_counts():
    """Equal counts, so that twice the tail exceeds 1."""
    return _crossed(4, 4, 3, 9, 2)


def _hundreds():
    """More coins than 2ⁿ has room for in 64 bits."""
    return _crossed(58, 77, 40, 225, 3)


def _counts(a, b):
    return int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())


def _tail(n, k):
    return sum(math.comb(n, i) for i in range(k + 1)) / 2**n


def _with_p(p):
    """A wrong version: the right counts, but another p(only_a, only_b, number of pictures)."""

    def wrong(a, b):
        counts = _counts(a, b)
        return *counts, p(*counts, len(a))

    return wrong


def _test_of(counts):
    """A wrong version: McNemar's test of other counts."""

    def wrong(a, b):
        i, j = (int(count) for count in counts(a, b))
        return i, j, min(1.0, 2 * _tail(i + j, min(i, j)))

    return wrong


def _chi2(correction):
    return lambda i, j, N: math.erfc(max(0.0, abs(i - j) - correction) / math.sqrt(2 * (i + j)))


def _two_shares(a, b):
    """A comparison of two shares, as if the nets had seen different pictures."""
    p, q, N = a.mean(), b.mean(), len(a)
    pooled = (p + q) / 2
    z = abs(p - q) / math.sqrt(2 * pooled * (1 - pooled) / N)
    return *_counts(a, b), math.erfc(z / math.sqrt(2))


MCNEMAR_WRONG = (
    Wrong(
        "E32",
        _test_of(lambda a, b: (a.sum(), b.sum())),
        "You count everything each got wrong. "
        "Pictures that both got wrong do not tell which is better: count those that only one did.",
    ),
    Wrong(
        "E32",
        _test_of(lambda a, b: ((a & b).sum(), ((1 - a) & (1 - b)).sum())),
        "You count where the nets agree, both wrong or both right. Count where only one is wrong.",
    ),
    Wrong(
        "E32",
        _test_of(lambda a, b: ((1 - a).sum(), (1 - b).sum())),
        "You count everything each got right. Count the pictures that only one of them got wrong.",
    ),
    Wrong(
        "E33",
        _test_of(lambda a, b: _counts(b, a)),
        "only_a and only_b are swapped: only_a counts pictures that A got wrong and B did not.",
    ),
    Wrong(
        "E34",
        _with_p(lambda i, j, N: 2 * _tail(i + j, min(i, j))),
        "If both counts are equal, your p exceeds 1, since both tails include the middle. Cap it at 1.",
    ),
    Wrong(
        "E41",
        _with_p(
            lambda i, j, N: min(1.0, np.float64(2 * _tail(i + j, min(i, j)) * 2 ** (i + j)) / np.int64(2) ** (i + j))
        ),
        "With many coins it goes wrong: 2ⁿ and factorials soon do not fit into NumPy's integers. Python's have no "
        "end: int(count).",
    ),
    Wrong(
        "E35",
        _with_p(lambda i, j, N: _tail(i + j, min(i, j))),
        "Your p is one-sided. Nobody said beforehand which net would be better, so the other tail counts too: "
        "double it.",
    ),
    Wrong(
        "E35",
        _with_p(lambda i, j, N: _tail(i + j, i)),
        "Your p is one-sided: it asks only whether A is better than B. Take the smaller count and double the tail.",
    ),
    Wrong(
        "E35",
        _with_p(lambda i, j, N: _tail(i + j, j)),
        "Your p is one-sided: it asks only whether B is better than A. Take the smaller count and double the tail.",
    ),
    Wrong(
        "E36",
        _with_p(_chi2(0)),
        "That is the χ² approximation, made for many pictures. "
        "Return the exact sum: with few pictures it differs much.",
    ),
    Wrong(
        "E36",
        _with_p(_chi2(1)),
        "That is the χ² approximation (with the correction), made for many pictures. Return the exact sum.",
    ),
    Wrong(
        "E36",
        _two_shares,
        "You compare two shares as if the nets had seen different pictures. "
        "They saw the same ones, and differ only where just one of them is wrong.",
    ),
    Wrong(
        "E37",
        _with_p(lambda i, j, N: min(1.0, 2 * _tail(N, min(i, j)))),
        "You take all pictures for n; n is only_a + only_b, the number of coins thrown.",
    ),
    Wrong(
        "E38",
        _with_p(lambda i, j, N: min(1.0, 2 * _tail(i + j, min(i, j) - 1))),
        "Your sum stops one short: the tail includes the outcome itself.",
    ),
    Wrong(
        "E38",
        _with_p(lambda i, j, N: min(1.0, 2 * math.comb(i + j, min(i, j)) / 2 ** (i + j))),
        "That is the chance of exactly this outcome. Add the more extreme ones.",
    ),
    Wrong(
        "E38",
        _with_p(lambda i, j, N: min(1.0, 2 * _tail(i + j, max(i, j)))),
        "You sum up to the larger count, which includes the middle. The tail ends at the smaller one.",
    ),
    Wrong(
        "E38",
        _with_p(lambda i, j, N: 1 - min(1.0, 2 * _tail(i + j, min(i, j)))),
        "That is 1 − p. p is the chance of an outcome at least as uneven if A and B are equally good.",
    ),
)


def _nothing_discordant(function):
    """Two nets with the same answers have p = 1."""
    same = np.array([1, 0, 0, 1, 0])
    found = float(function(same, same.copy())[2])
    return True if found == 1 else f"Yours gives {found:.4g}."


def _mcnemar_by_hand(arguments, output, index):
    i, j = _counts(*arguments)
    n, k = i + j, min(i, j)
    if output != "p":
        return f"By hand: only A is wrong in {i} pictures, only B in {j}."
    terms = [f"{math.comb(n, m):,}" for m in range(k + 1)]
    if k > 9:
        terms = [*terms[:3], "…", f"C({n}, {k})"]
    p = 2 * _tail(n, k)
    return f"By hand: n = {n}, 2 · ({' + '.join(terms)}) / 2^{n} = {p:.6g}{', so 1' if p > 1 else ''}."


LESSON = Lesson(
    "16",
    "The paper's claims, run again",
    60,
    75,
    (
        Exercise(
            "16-effect",
            "effect",
            effect,
            (_errors, _few_errors, _errors_of_600),
            ("differences", "mean"),
            axes={"differences": ("seed",)},
            wrong=EFFECT_WRONG,
            by_hand=_effect_by_hand,
            properties=(case("where an error is NaN: it must show", effect, _lost_run, ("differences", "mean")),),
            hints=(
                "Two runs with the same seed saw the same pictures in the same order. "
                "What remains when you subtract one from the other?",
                "differences = 100 · (with_it − without), seed by seed; mean = their sum / S",
                "differences = 100 * (with_it - without), and differences.mean()",
            ),
        ),
        Exercise(
            "16-interval",
            "interval",
            interval,
            (_five, _three, _two, _seven),
            ("low", "high"),
            wrong=INTERVAL_WRONG,
            by_hand=_interval_by_hand,
            hints=(
                "How far are single seeds from their mean? How much less does the mean of n seeds vary?",
                "mean ± t · s / √n,  s² = Σ (d − mean)² / (n − 1)",
                "half = t * d.std(ddof=1) / np.sqrt(len(d))",
            ),
        ),
        Exercise(
            "16-verdict",
            "verdict",
            verdict,
            outputs=("verdict",),
            compare=False,
            properties=VERDICT_PROPERTIES,
            hints=(
                "An interval is wholly on one side of 0, wholly on the other, or across it. What does each tell you?",
                'below 0 as a whole: high < 0;  above: low > 0;  which of them is "reproduced" depends on direction',
                'if low <= 0 <= high: return "not resolved"; then compare (low > 0) with (direction > 0)',
            ),
        ),
        Exercise(
            "16-bootstrap",
            "bootstrap",
            bootstrap,
            (_losses, _answers, _between),
            ("low", "high"),
            wrong=BOOTSTRAP_WRONG,
            properties=(case("for 1,003 draws", bootstrap, _thousand_draws, ("low", "high")),),
            by_hand=_bootstrap_by_hand,
            outside=("one",),
            hints=(
                "Which pictures might you have validated on instead? "
                "The best guess at hand: some of yours, some of them twice.",
                "means[i] = mean of (a − b) over the pictures drawn[i]; "
                "the ends are the quantiles (1 − level) / 2 and (1 + level) / 2",
                "means = (a - b)[drawn].mean(axis=1), then np.quantile(means, …)",
            ),
        ),
        Exercise(
            "16-mcnemar",
            "mcnemar_test",
            mcnemar_test,
            (_few_only_a, _many_only_a, _equal_counts, _hundreds),
            ("only_a", "only_b", "p"),
            wrong=MCNEMAR_WRONG,
            by_hand=_mcnemar_by_hand,
            properties=(
                Property(
                    "E39",
                    _nothing_discordant,
                    "Two nets with the same answers cannot be told apart, so p is 1.",
                    late=True,
                ),
                case("for nets that hardly agree", mcnemar_test, _all_only_a, ("only_a", "only_b", "p")),
                case("for thousands of pictures", mcnemar_test, _thousands, ("only_a", "only_b", "p")),
            ),
            hints=(
                "If A and B were equally good, a picture that only one of them gets wrong would be a fair coin. "
                "How unlikely is what these coins show?",
                "p = min(1, 2 · Σ C(n, i) / 2ⁿ over i = 0 … min(only_a, only_b)),  n = only_a + only_b",
                "2 * sum(math.comb(n, i) for i in range(min(only_a, only_b) + 1)) / 2**n",
            ),
        ),
    ),
)

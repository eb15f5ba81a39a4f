"""Lesson 16, what a change did and how surely: what is judged, and the mistakes that are known."""

import math

import numpy as np

from tinyalex.statistics import Interval, mcnemar
from tinyalex.statistics import verdict as _verdict
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong

# ---------------------------------------------------------------------------------------------- effects, seed by seed


def effect(with_it, without):
    differences = 100 * (
        np.asarray(with_it, np.float64) - without
    )  # as in all of tinyalex.statistics, whatever comes in
    return differences, differences.mean()


def _errors():
    """Five seeds, no two of which are in the same order in both arms; the mean is not the median."""
    return np.array([0.31, 0.27, 0.36, 0.29, 0.33]), np.array([0.35, 0.30, 0.315, 0.38, 0.34])


def _few_errors():
    return np.array([0.412, 0.385, 0.441]), np.array([0.393, 0.437, 0.402])


def _mean_of(differences):
    """A wrong version whose mean is that of its own differences."""

    def wrong(with_it, without):
        found = differences(with_it, without)
        return found, found.mean()

    return wrong


def _other_mean(mean):
    """Right differences, and another number for all of them."""
    return lambda with_it, without: (effect(with_it, without)[0], mean(with_it, without))


EFFECT_WRONG = (
    Wrong(
        "E1",
        _mean_of(lambda w, o: 100 * (o - w)),
        "The sign is turned round: with less without, so that −1.4 means 1.4 points fewer errors with it.",
    ),
    Wrong(
        "E2",
        _mean_of(lambda w, o: 100 * (np.sort(w) - np.sort(o))),
        "You sort before you subtract, which tears the pairs apart: each difference is of two runs with one seed.",
    ),
    Wrong(
        "E2",
        _mean_of(lambda w, o: 100 * (w[:, None] - o[None, :])),
        "You compare every run with every other, S × S differences. A pair is two runs with one seed: there are S.",
    ),
    Wrong(
        "E2",
        _mean_of(lambda w, o: 100 * (w - o.mean())),
        "You subtract the mean of the other arm, so what a seed does to both arms stays in. Subtract the run with the same seed.",
    ),
    Wrong(
        "E2",
        _mean_of(lambda w, o: 100 * (w.mean() - o)),
        "You subtract from the mean of the one arm, so what a seed does to both arms stays in. Pair the runs with the same seed.",
    ),
    Wrong(
        "E2",
        _mean_of(lambda w, o: 100 * (w - o.min())),
        "You compare every run with the best of the other arm. Whoever picks the best has picked luck: pair by seed.",
    ),
    Wrong(
        "E2",
        _mean_of(lambda w, o: 100 * (w - o[::-1])),
        "The pairs are mixed up: seed 0 meets the last seed of the other arm.",
    ),
    Wrong(
        "E3",
        _mean_of(lambda w, o: w - o),
        "These are fractions of 1; asked for are percentage points, 100 times as much.",
    ),
    Wrong(
        "E4",
        _mean_of(lambda w, o: 100 * (w - o) / o),
        "That is percent *of the error*. From 40 % to 38 % are 2 percentage points, and 5 percent: asked for are points.",
    ),
    Wrong(
        "E4",
        _mean_of(lambda w, o: 100 * (w - o) / w),
        "That is percent *of the error*. From 40 % to 38 % are 2 percentage points, whatever they are divided by.",
    ),
    Wrong(
        "E5",
        _mean_of(lambda w, o: w / o),
        "That is how many times as large the error is; asked for is the difference, in percentage points.",
    ),
    Wrong(
        "E6",
        _mean_of(lambda w, o: 100 * np.abs(w - o)),
        "The signs are gone: a change that helps one seed and harms the next would seem to do much. Keep them.",
    ),
    Wrong(
        "E7",
        _other_mean(lambda w, o: float(np.median(100 * (w - o)))),
        "That is the median; asked for is the mean, which the interval will be about.",
    ),
    Wrong(
        "E7",
        _other_mean(lambda w, o: 100 * (w - o).sum()),
        "You add the differences up; divide by the number of seeds.",
    ),
    Wrong(
        "E7",
        _other_mean(lambda w, o: 100 * (w.mean() / o.mean() - 1)),
        "The differences are right, but the mean is percent of the error: take the mean of the differences.",
    ),
    Wrong(
        "E7", _other_mean(lambda w, o: (w - o).mean()), "The differences are in points, their mean is a fraction of 1."
    ),
    Wrong(
        "E7",
        _other_mean(lambda w, o: (100 * (w - o)).min()),
        "That is the seed in which the change looks best, which is luck as well. The mean of all seeds tells.",
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


def _around(half, centre=np.mean):
    """A wrong version: half(d, t, n) to each side of a centre."""

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
        "The deviation is too small: about their own mean, n values have n − 1 degrees of freedom, and np.std divides by n unless told ddof=1.",
    ),
    Wrong(
        "E8",
        _around(lambda d, t, n: t * _s(d) / (n - 1) ** 0.5),
        "n − 1 stands under the root. It belongs into the variance; the mean of n values has the deviation s / √n.",
    ),
    Wrong(
        "E9",
        _around(lambda d, t, n: t * _s(d)),
        "That is how far single seeds lie apart. Their *mean* varies √n times less: divide by √n.",
    ),
    Wrong(
        "E9",
        _around(lambda d, t, n: t * _s(d) / n),
        "You divide by n; the root is missing: the mean of n values has the deviation s / √n.",
    ),
    Wrong(
        "E9",
        _around(lambda d, t, n: t * d.std()),
        "Twice too simple: np.std divides by n (ddof=1 makes it n − 1), and the mean varies √n times less than one seed.",
    ),
    Wrong(
        "E10",
        _around(lambda d, t, n: 1.96 * _s(d) / n**0.5),
        "You use 1.96 instead of t. That is for a spread that is known; from few values it is only guessed, and t makes up for that.",
    ),
    Wrong(
        "E10",
        _around(lambda d, t, n: 2 * _s(d) / n**0.5),
        "You use 2 instead of t. That is for a spread that is known; from few values it is only guessed, and t makes up for that.",
    ),
    Wrong(
        "E10",
        _around(lambda d, t, n: 1.96 * d.std() / n**0.5),
        "1.96 · np.std(d) / √n is for many values. With few it is far too narrow: t for 1.96, and ddof=1.",
    ),
    Wrong(
        "E10",
        _around(lambda d, t, n: _s(d) / n**0.5),
        "t is missing: one standard error to each side covers the truth far less often than 95 times in 100.",
    ),
    Wrong(
        "E11",
        _around(lambda d, t, n: t * _s(d) ** 2 / n**0.5),
        "You take the variance s², which is in points squared; the interval is in points, so take its root.",
    ),
    Wrong(
        "E11", _around(lambda d, t, n: t * _s(d) ** 2 / n), "That is the variance of the mean, s² / n; take its root."
    ),
    Wrong(
        "E12",
        _around(lambda d, t, n: _half(d, t, n) / 2),
        "Half as wide as it should be: t · s / √n goes to *each* side of the mean.",
    ),
    Wrong(
        "E12",
        _around(lambda d, t, n: 2 * _half(d, t, n)),
        "Twice as wide as it should be: t · s / √n goes to each side of the mean, and together that is the width.",
    ),
    Wrong(
        "E13",
        _around(_half, lambda d: 0.0),
        "Yours lies about 0: the mean is missing. The interval is about the mean of d, and whether 0 is inside is the question.",
    ),
    Wrong("E13", _around(_half, np.median), "Yours lies about the median; s / √n is how far the *mean* varies."),
    Wrong(
        "E14",
        _around(lambda d, t, n: t * math.sqrt((d**2).mean() / n)),
        "You square d itself: deviations are from the mean of d, not from 0.",
    ),
    Wrong(
        "E14",
        _around(lambda d, t, n: t * math.sqrt((d**2).sum() / (n - 1) / n)),
        "You square d itself: deviations are from the mean of d, not from 0.",
    ),
    Wrong(
        "E14",
        _around(lambda d, t, n: t * np.abs(d - d.mean()).mean() / n**0.5),
        "You take the mean of absolute deviations. s is the root of the mean of their squares (over n − 1).",
    ),
    Wrong("E15", lambda d, t: interval(d, t)[::-1], "The ends are exchanged: low comes first."),
    Wrong(
        "E15",
        lambda d, t: (d.mean(), _half(d, t, len(d))),
        "These are the mean and what goes to each side; asked for are the two ends.",
    ),
    Wrong(
        "E16",
        _ends((0.025, 0.975)),
        "That is where the seeds lie, and it does not get narrower with more of them. Asked for is where their mean lies.",
    ),
    Wrong(
        "E16",
        _ends((0.0, 1.0)),
        "That is from the smallest seed to the largest, which gets *wider* with more of them. Asked for is where their mean lies.",
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
CASES = [  # (low, high, direction): on either side, across 0 with a mean on either, ends at 0, and one seed's interval
    (low, high, direction)
    for low, high in (
        (-2.0, -0.5),
        (0.5, 2.0),
        (-2.0, 0.5),
        (-0.5, 2.0),
        (-2.0, 0.0),
        (0.0, 2.0),
        (-math.inf, math.inf),
    )
    for direction in (-1, 1)
]


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
    """The end that lies farthest on the claimed side, instead of all of it."""
    return REPRODUCED if max(direction * low, direction * high) > 0 else OPPOSITE


def _unsorted(low, high, direction):
    return REPRODUCED if direction * low > 0 else OPPOSITE if direction * high < 0 else NULL


def _swapped(low, high, direction):
    return {REPRODUCED: OPPOSITE, OPPOSITE: REPRODUCED, NULL: NULL}[verdict(low, high, direction)]


def _upside_down(low, high, direction):
    """Whether 0 is inside, taken the wrong way round."""
    return REPRODUCED if low <= 0 <= high else NULL


def _one_of_three(function):
    for case in CASES:
        found = function(*case)
        if not isinstance(found, str) or found not in VERDICTS:
            about = (
                " The interval holds 0: small effects, of either sign, are possible too."
                if found == "no effect"
                else ""
            )
            return (
                f"For an interval of {case[0]:g} to {case[1]:g} and direction {case[2]:+d} it returns {found!r}.{about}"
            )
    return True


def _not_as(*wrong):
    """A function of the learner's function: False where it says what one of these says, in every case."""
    return lambda function: not any(all(function(*case) == one(*case) for case in CASES) for one in wrong)


def _right_in_all(function):
    for case in CASES:
        found, expected = function(*case), verdict(*case)
        if found != expected:
            low, high, direction = case
            return f"An interval of {low:g} to {high:g}, claimed to be {'above' if direction > 0 else 'below'} 0: you say {found!r}, expected {expected!r}."
    return True


VERDICT_PROPERTIES = (
    Property("E17", _one_of_three, f"It is to return one of {', '.join(map(repr, VERDICTS))}."),
    Property(
        "E18",
        _not_as(_by_mean),
        'You look at the mean alone, which is never exactly 0: chance would be "reproduced" every second time. Ask where the whole interval lies.',
    ),
    Property(
        "E19",
        _not_as(_else_opposite),
        "All that is not reproduced is called opposite. An interval that holds 0 speaks neither for the claim nor against it.",
    ),
    Property(
        "E19",
        _not_as(_else_reproduced),
        "All that is not opposite is called reproduced. An interval that holds 0 speaks neither for the claim nor against it.",
    ),
    Property(
        "E19",
        _not_as(_never_opposite),
        "Nothing is ever opposite in yours. An interval that lies wholly on the other side is no mere lack of evidence.",
    ),
    Property(
        "E20",
        _not_as(
            lambda low, high, direction: verdict(low, high, -1), lambda low, high, direction: verdict(low, high, 1)
        ),
        "direction is not looked at. Some claims are of fewer errors (−1), others of more (+1).",
    ),
    Property(
        "E20",
        _not_as(_any_side),
        "You ask only whether 0 is outside. An interval on the other side than the claim's is the opposite of it.",
    ),
    Property("E20", _not_as(_swapped), "The sides are exchanged: direction −1 claims that the effect is below 0."),
    Property(
        "E21",
        _not_as(_unsorted),
        "For direction −1 the ends change parts: the whole interval lies below 0 where high is below 0, not where low is.",
    ),
    Property(
        "E21",
        _not_as(_one_end),
        "One end of the interval decides in yours. The whole of it must lie on the claimed side.",
    ),
    Property("E22", _not_as(_ends_count), "An end exactly at 0 has not left 0 behind: that is not resolved."),
    Property(
        "E23", _not_as(_upside_down), "The wrong way round: an interval that holds 0 is the one that resolves nothing."
    ),
    Property("E24", _right_in_all, "There is a case that is not right yet."),
)


# ---------------------------------------------------------------------------------------------- other pictures


def bootstrap(a, b, drawn, level):
    means = (np.asarray(a, np.float64) - b)[drawn].mean(axis=1)
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def _losses():
    """Two nets' losses on 40 pictures, hard ones being hard for both, and 201 draws."""
    rng = np.random.default_rng(0)
    hard = rng.gamma(2.0, 1.0, 40)
    a, b = (hard + np.abs(rng.normal(0, 0.4, 40)) for _ in range(2))
    return a + 0.15, b, rng.integers(0, 40, (201, 40)), 0.9


def _answers():
    """Wrong (1) or right (0) on 31 pictures."""
    rng = np.random.default_rng(1)
    a, b = (rng.random(31) < share for share in (0.3, 0.5))
    return a.astype(float), b.astype(float), rng.integers(0, 31, (401, 31)), 0.8


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
        "a and b are drawn on different pictures, so each picture's two answers are torn apart. One draw serves both.",
    ),
    Wrong(
        "E25",
        _quantiles_of(lambda a, b, drawn: a[drawn].mean(axis=1) - b[np.roll(drawn, 1, axis=0)].mean(axis=1)),
        "a and b are drawn on different pictures, so each picture's two answers are torn apart. One draw serves both.",
    ),
    Wrong(
        "E25",
        _quantiles_of(lambda a, b, drawn: a[drawn].mean(axis=1) - b.mean()),
        "Only a is drawn anew, and b stays. The other pictures of a draw are other pictures for both nets.",
    ),
    Wrong(
        "E25",
        _quantiles_of(lambda a, b, drawn: a.mean() - b[drawn].mean(axis=1)),
        "Only b is drawn anew, and a stays. The other pictures of a draw are other pictures for both nets.",
    ),
    Wrong(
        "E25",
        _two_intervals,
        "You make an interval for each net and subtract the ends. Subtract first: what is hard for both must cancel, picture by picture.",
    ),
    Wrong(
        "E26",
        _quantiles_of(_each_once),
        "Each picture counts once in a draw, however often it was drawn. With replacement means: twice drawn, twice counted.",
    ),
    Wrong(
        "E26",
        lambda a, b, drawn, level: ((a - b).mean(), (a - b).mean()),
        "Every draw has the same mean in yours: each holds all pictures once. Use the indices in drawn, with their repetitions.",
    ),
    Wrong(
        "E27",
        _quantiles_of(_means, lambda level: (1 - level, level)),
        "You cut 1 − level off at *either* end, so 2 · level − 1 is left. Half of it belongs to each.",
    ),
    Wrong(
        "E27",
        _quantiles_of(_means, lambda level: (0, level)),
        "You cut at one end only: half of 1 − level belongs to each.",
    ),
    Wrong(
        "E27",
        _quantiles_of(_means, lambda level: (1 - level, 1)),
        "You cut at one end only: half of 1 − level belongs to each.",
    ),
    Wrong(
        "E27",
        _quantiles_of(_means, lambda level: (level / 2, 1 - level / 2)),
        "level is the share that stays inside; you cut it off. Cut off 1 − level, half at each end.",
    ),
    Wrong("E27", _quantiles_of(_means, lambda level: (0.025, 0.975)), "Yours is a 95 % interval whatever level is."),
    Wrong(
        "E28",
        _quantiles_of(lambda a, b, drawn: (a - b)[drawn].sum(axis=1)),
        "These are sums over the pictures of a draw; the error is their mean.",
    ),
    Wrong(
        "E28",
        _quantiles_of(lambda a, b, drawn: (a - b)[drawn].mean(axis=0)),
        "You average over the draws. Each row of drawn is a set of pictures with a mean of its own: average along axis 1.",
    ),
    Wrong(
        "E28",
        _quantiles_of(lambda a, b, drawn: (a - b)[drawn]),
        "These are quantiles of single pictures; take the mean of each draw first.",
    ),
    Wrong(
        "E28",
        _quantiles_of(lambda a, b, drawn: a - b),
        "These are quantiles of single pictures, and drawn is not used; take the mean of each draw first.",
    ),
    Wrong(
        "E28",
        _quantiles_of(lambda a, b, drawn: np.median((a - b)[drawn], axis=1)),
        "You take each draw's median. Errors are means: of 0 and 1 the median says next to nothing.",
    ),
    Wrong("E29", _quantiles_of(lambda a, b, drawn: -_means(a, b, drawn)), "The sign is turned round: a − b."),
    Wrong(
        "E29",
        _quantiles_of(lambda a, b, drawn: np.abs(a - b)[drawn].mean(axis=1)),
        "The signs are gone: you count where the nets differ, not which of them is better.",
    ),
    Wrong(
        "E29",
        _quantiles_of(lambda a, b, drawn: np.abs(_means(a, b, drawn))),
        "The signs of the means are gone, so no interval of yours can ever hold 0 inside.",
    ),
    Wrong(
        "E29",
        _quantiles_of(lambda a, b, drawn: 100 * _means(a, b, drawn)),
        "That is a hundred times too large: the ends are to be in the units of a and b.",
    ),
    Wrong(
        "E30",
        _normal,
        "You use the deviation of the means and 1.96. The draws know more than that: take their quantiles.",
    ),
    Wrong(
        "E31",
        lambda a, b, drawn, level: bootstrap(a, b, drawn, level)[::-1],
        "The ends are exchanged: low comes first.",
    ),
)


def _bootstrap_by_hand(arguments, output, index):
    a, b, drawn, level = arguments
    means = np.sort(_means(a, b, drawn))
    q = (1 - level) / 2 if output == "low" else (1 + level) / 2
    return (
        f"By hand: {len(means)} means of a − b, from {means[0]:.4g} to {means[-1]:.4g}; the quantile {q:.4g} is the one at "
        f"place {q * (len(means) - 1):.4g} of 0 to {len(means) - 1}: {np.quantile(means, q):.6g}."
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


def _few_only_a():
    return _crossed(3, 11, 6, 14, 0)


def _many_only_a():
    return _crossed(10, 4, 5, 23, 1)


def _as_many():
    """Where twice the tail is more than 1."""
    return _crossed(4, 4, 3, 9, 2)


def _counts(a, b):
    return int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())


def _tail(n, k):
    return sum(math.comb(n, i) for i in range(k + 1)) / 2**n


def _with_p(p):
    """Right counts, and another p: p(only_a, only_b, number of pictures)."""

    def wrong(a, b):
        counts = _counts(a, b)
        return *counts, p(*counts, len(a))

    return wrong


def _test_of(counts):
    """McNemar's test of other counts."""

    def wrong(a, b):
        i, j = (int(count) for count in counts(a, b))
        return i, j, min(1.0, 2 * _tail(i + j, min(i, j)))

    return wrong


def _chi2(correction):
    return lambda i, j, N: math.erfc(max(0.0, abs(i - j) - correction) / math.sqrt(2 * (i + j)))


def _two_shares(a, b):
    """As if the nets had seen different pictures."""
    p, q, N = a.mean(), b.mean(), len(a)
    pooled = (p + q) / 2
    z = abs(p - q) / math.sqrt(2 * pooled * (1 - pooled) / N)
    return *_counts(a, b), math.erfc(z / math.sqrt(2))


MCNEMAR_WRONG = (
    Wrong(
        "E32",
        _test_of(lambda a, b: (a.sum(), b.sum())),
        "You count all that each got wrong. Pictures that both got wrong say nothing of which is better: count those that only one did.",
    ),
    Wrong(
        "E32",
        _test_of(lambda a, b: ((a & b).sum(), ((1 - a) & (1 - b)).sum())),
        "You count where the nets agree, both wrong or both right. It is where only one is wrong that decides.",
    ),
    Wrong(
        "E32",
        _test_of(lambda a, b: ((1 - a).sum(), (1 - b).sum())),
        "You count all that each got right. Count the pictures that only one of them got wrong.",
    ),
    Wrong(
        "E33",
        _test_of(lambda a, b: _counts(b, a)),
        "only_a and only_b are exchanged: only_a counts pictures that A got wrong and B did not.",
    ),
    Wrong(
        "E34",
        _with_p(lambda i, j, N: 2 * _tail(i + j, min(i, j))),
        "Where both counts are equal your p is above 1: both tails share the middle. Cap it at 1.",
    ),
    Wrong(
        "E35",
        _with_p(lambda i, j, N: _tail(i + j, min(i, j))),
        "That is one-sided. Nobody said beforehand which of the two would be better, so the other tail counts too: twice.",
    ),
    Wrong(
        "E35",
        _with_p(lambda i, j, N: _tail(i + j, i)),
        "That asks only whether A is better than B: one-sided. Take the smaller count, and twice the tail.",
    ),
    Wrong(
        "E35",
        _with_p(lambda i, j, N: _tail(i + j, j)),
        "That asks only whether B is better than A: one-sided. Take the smaller count, and twice the tail.",
    ),
    Wrong(
        "E36",
        _with_p(_chi2(0)),
        "That is the χ² approximation, made for many pictures. The exact sum is asked for: with few it differs much.",
    ),
    Wrong(
        "E36",
        _with_p(_chi2(1)),
        "That is the χ² approximation (with the correction), made for many pictures. The exact sum is asked for.",
    ),
    Wrong(
        "E36",
        _two_shares,
        "You compare two shares as if the nets had seen different pictures. They saw the same: only where one of them is wrong do they differ.",
    ),
    Wrong(
        "E37",
        _with_p(lambda i, j, N: min(1.0, 2 * _tail(N, min(i, j)))),
        "n is the number of all pictures in yours; it is only_a + only_b, the coins that were thrown.",
    ),
    Wrong(
        "E38",
        _with_p(lambda i, j, N: min(1.0, 2 * _tail(i + j, min(i, j) - 1))),
        "The sum stops one short: what was found itself belongs to the tail.",
    ),
    Wrong(
        "E38",
        _with_p(lambda i, j, N: min(1.0, 2 * math.comb(i + j, min(i, j)) / 2 ** (i + j))),
        "That is the chance of exactly this outcome. Add those that are further out.",
    ),
    Wrong(
        "E38",
        _with_p(lambda i, j, N: min(1.0, 2 * _tail(i + j, max(i, j)))),
        "You sum up to the larger count, which takes in the middle. The tail ends at the smaller one.",
    ),
    Wrong(
        "E38",
        _with_p(lambda i, j, N: 1 - min(1.0, 2 * _tail(i + j, min(i, j)))),
        "That is 1 − p. p is the chance to see at least as much where A and B are equally good.",
    ),
)


def _nothing_discordant(function):
    """Two nets with the very same answers."""
    same = np.array([1, 0, 0, 1, 0])
    found = float(function(same, same.copy())[2])
    return True if found == 1 else f"Yours is {found:.4g}."


def _mcnemar_by_hand(arguments, output, index):
    i, j = _counts(*arguments)
    n, k = i + j, min(i, j)
    if output != "p":
        return f"By hand: only A is wrong in {i} pictures, only B in {j}."
    terms = " + ".join(f"{math.comb(n, m):,}" for m in range(k + 1))
    return (
        f"By hand: n = {n}, 2 · ({terms}) / {2**n:,} = {2 * _tail(n, k):.6g}{', so 1' if 2 * _tail(n, k) > 1 else ''}."
    )


LESSON = Lesson(
    "16",
    "The paper's claims, run again",
    75,
    (
        Exercise(
            "16-effect",
            "effect",
            effect,
            (_errors, _few_errors),
            ("differences", "mean"),
            axes={"differences": ("seed",)},
            wrong=EFFECT_WRONG,
            by_hand=_effect_by_hand,
            hints=(
                "Two runs with one seed saw the same pictures in the same order. What is left when you subtract one from the other?",
                "differences = 100 · (with_it − without), seed by seed; mean = their sum / S",
                "differences = 100 * (with_it - without), and differences.mean()",
            ),
        ),
        Exercise(
            "16-interval",
            "interval",
            interval,
            (_five, _three),
            ("low", "high"),
            wrong=INTERVAL_WRONG,
            by_hand=_interval_by_hand,
            hints=(
                "How far do single seeds lie from their mean, and how much less far does a mean of n of them?",
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
                "Three places for an interval: all of it on one side of 0, all of it on the other, or across. What does each say?",
                'below 0 as a whole: high < 0;  above: low > 0;  which of them is "reproduced" depends on direction',
                'if low <= 0 <= high: return "not resolved"; then compare (low > 0) with (direction > 0)',
            ),
        ),
        Exercise(
            "16-bootstrap",
            "bootstrap",
            bootstrap,
            (_losses, _answers),
            ("low", "high"),
            wrong=BOOTSTRAP_WRONG,
            by_hand=_bootstrap_by_hand,
            hints=(
                "Had you validated on other pictures, which would they have been? The best guess at hand: some of yours, some of them twice.",
                "means[i] = mean of (a − b) over the pictures drawn[i]; the ends are the quantiles (1 − level) / 2 and (1 + level) / 2",
                "means = (a - b)[drawn].mean(axis=1), then np.quantile(means, …)",
            ),
        ),
        Exercise(
            "16-mcnemar",
            "mcnemar_test",
            mcnemar_test,
            (_few_only_a, _many_only_a, _as_many),
            ("only_a", "only_b", "p"),
            wrong=MCNEMAR_WRONG,
            by_hand=_mcnemar_by_hand,
            properties=(
                Property(
                    "E39",
                    _nothing_discordant,
                    "Two nets with the very same answers: there is nothing to tell them apart, so p is 1.",
                    late=True,
                ),
            ),
            hints=(
                "If A and B were equally good, a picture that only one of them gets wrong would be a fair coin. How odd is what the coins show?",
                "p = min(1, 2 · Σ C(n, i) / 2ⁿ over i = 0 … min(only_a, only_b)),  n = only_a + only_b",
                "2 * sum(math.comb(n, i) for i in range(min(only_a, only_b) + 1)) / 2**n",
            ),
        ),
    ),
)

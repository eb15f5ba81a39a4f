"""Lesson 21, after launch: its exercises and the known mistakes.

N pictures, K classes, B draws.
"""

import math

import numpy as np

from tinyalex.layers import softmax
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong, WrongKind

# ---------------------------------------------------------------------------------------------- right answers


def reliability(confidence, right, bins):
    return _rows(confidence, right, bins)


def calibration_error(count, mean, share):
    return _error(count, mean, share)


def tempered(p, T):
    with np.errstate(divide="ignore"):
        return softmax(np.log(p) / T)


def slope(p, labels, T):
    return _slope(p, labels, T)


def crossing(f, low, high, steps):
    return _halved(f, low, high, steps)


def risk_coverage(confidence, wrong):
    threshold, answered, errors = _answered(confidence, wrong)
    return threshold, answered / len(confidence), errors / answered


def allowed_errors(N, risk, level):
    return _allowed(N, risk, level)


def threshold_for(confidence, wrong, allowed):
    return _lowest(confidence, wrong, allowed)


def distance(window, reference):
    return _gap(window, reference)


def alarm_level(values, windows, references, rate):
    return np.quantile([_gap(values[w], values[r]) for w, r in zip(windows, references)], 1 - rate)


# ---------------------------------------------------------------------------------------------- reliability


def _rows(confidence, right, bins, place=None, mean=np.mean, share=np.mean, empty=math.nan):
    """place: function of (confidence, bins) → the bin of each;  mean: of a bin's confidences;  share: of its answers"""
    if place is None:
        place = _upper
    bin_of = place(confidence, bins)
    parts = [bin_of == b for b in range(bins)]
    count = np.array([part.sum() for part in parts])
    means = np.array([mean(confidence[part]) if part.any() else empty for part in parts], np.float64)
    shares = np.array([share(right[part]) if part.any() else empty for part in parts], np.float64)
    return count, means, shares


def _upper(confidence, bins):
    return np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)


def _lower(confidence, bins):
    return np.clip(np.floor(confidence * bins).astype(int), 0, bins - 1)


def _equally_full(confidence, bins):
    return np.argsort(np.argsort(confidence, kind="stable"), kind="stable") * bins // len(confidence)


def _from_the_lowest(confidence, bins):
    low, high = confidence.min(), confidence.max()
    return np.clip(np.ceil((confidence - low) / (high - low) * bins).astype(int) - 1, 0, bins - 1)


def _of_the_right(confidence, right, bins):
    count, _, share = reliability(confidence, right, bins)
    return count, reliability(confidence[right], right[right], bins)[1], share


def _wrong_rows(**how):
    return lambda confidence, right, bins: _rows(confidence, right, bins, **how)


def _then(change):
    """A wrong version: change(count, mean, share, confidence, right, bins) of the right rows."""
    return lambda confidence, right, bins: change(*reliability(confidence, right, bins), confidence, right, bins)


RELIABILITY_WRONG = (
    Wrong(
        "Y1",
        _wrong_rows(place=_lower),
        "Your bins include their lower ends. Here a bin includes its upper end: 0.5 belongs to what ends at 0.5.",
    ),
    Wrong(
        "Y1",
        _wrong_rows(place=lambda c, bins: np.floor(c * bins).astype(int)),
        "A confidence of exactly 1 is in none of your bins, and the others include their lower ends. A bin includes "
        "its upper end.",
    ),
    Wrong(
        "Y1",
        _wrong_rows(place=lambda c, bins: np.ceil(c * bins).astype(int) - 1),
        "A confidence of exactly 0 is in none of your bins. The first includes 0.",
    ),
    Wrong(
        "Y1",
        _wrong_rows(place=lambda c, bins: np.clip(np.round(c * bins).astype(int), 0, bins - 1)),
        "You round to the nearest border, so your bins are shifted by half a bin. Round up.",
    ),
    Wrong(
        "Y1",
        _wrong_rows(place=lambda c, bins: np.clip(np.ceil(c * bins).astype(int), 0, bins - 1)),
        "Your bins are shifted by one: what rounds up to 1 belongs to bin 0.",
    ),
    Wrong(
        "Y2", _wrong_rows(place=_equally_full), "Your bins are equally full; they should be equally wide, from 0 to 1."
    ),
    Wrong(
        "Y2",
        _wrong_rows(place=_from_the_lowest),
        "Your bins run from the lowest confidence to the highest; they should run from 0 to 1, whatever comes.",
    ),
    Wrong(
        "Y2",
        _wrong_rows(place=lambda c, bins: _lower((c - c.min()) / (c.max() - c.min()), bins)),
        "Your bins run from the lowest confidence to the highest, as np.histogram's do: pass range=(0, 1). And a bin "
        "includes its upper end.",
    ),
    Wrong("Y3", _of_the_right, "mean: you average the confidences of right answers alone; take all in the bin."),
    Wrong(
        "Y3",
        _then(lambda count, mean, share, c, right, bins: (count, (np.arange(bins) + 0.5) / bins, share)),
        "mean: you return the middle of each bin. Return the mean of the confidences that lie in it.",
    ),
    Wrong(
        "Y3",
        _then(
            lambda count, mean, share, c, right, bins: (
                count,
                np.where(count > 0, (np.arange(bins) + 0.5) / bins, np.nan),
                share,
            )
        ),
        "mean: you return the middle of each bin. Return the mean of the confidences that lie in it.",
    ),
    Wrong(
        "Y3",
        _then(lambda count, mean, share, c, right, bins: (count, (np.arange(bins) + 1) / bins, share)),
        "mean: you return the upper end of each bin. Return the mean of the confidences that lie in it.",
    ),
    Wrong("Y3", _wrong_rows(mean=np.median), "mean: you take the median of each bin's confidences; take their mean."),
    Wrong(
        "Y4",
        _wrong_rows(share=lambda right: 1 - right.mean()),
        "share: you return the share of wrong answers; return the share that is right.",
    ),
    Wrong("Y4", _wrong_rows(share=np.sum), "share: you count the right answers; divide by the pictures in the bin."),
    Wrong(
        "Y4",
        _then(lambda count, mean, share, c, right, bins: (count, mean, count * share / len(c))),
        "share: you divide by all pictures; divide by those in the bin.",
    ),
    Wrong(
        "Y4",
        _then(lambda count, mean, share, c, right, bins: (count, mean, np.nan_to_num(share * count) / len(c))),
        "share: you divide by all pictures; divide by those in the bin.",
    ),
    Wrong(
        "Y4",
        _then(lambda count, mean, share, c, right, bins: (count, mean, np.nan_to_num(share * count) / right.sum())),
        "share: you divide by all right answers; divide by the pictures in the bin.",
    ),
    Wrong(
        "Y5",
        _wrong_rows(empty=0.0),
        "You return 0 for an empty bin. Nothing was seen there, which is not the same as always wrong: return NaN.",
    ),
    Wrong(
        "Y5",
        _then(lambda count, mean, share, *_: tuple(a[count > 0] for a in (count, mean, share))),
        "You leave empty bins out, so nobody knows which bins the others are. Keep them: count 0, the others NaN.",
    ),
    Wrong(
        "Y5",
        _then(lambda count, mean, share, *_: tuple(a[: np.flatnonzero(count)[-1] + 1] for a in (count, mean, share))),
        "Your arrays end with the last bin that holds something. Keep all: np.bincount takes minlength=bins.",
    ),
    Wrong(
        "Y6",
        _then(lambda count, mean, share, c, right, bins: (count / len(c), mean, share)),
        "count: you return shares of all pictures; return how many there are.",
    ),
    Wrong(
        "Y6",
        _then(lambda count, mean, share, *_: (count.cumsum(), mean, share)),
        "count: you count all pictures up to the bin's end; count those in the bin.",
    ),
)


def _judged(seed, N, least=0.0, seldom=0.75, power=1.0):
    """Confidences, and whether each answer is right: less often than the confidence says."""
    rng = np.random.default_rng(seed)
    confidence = least + (1 - least) * rng.random(N) ** power
    return confidence, rng.random(N) < seldom * confidence


def _reliability_probe(seed, N, bins, at=()):
    """at: confidences on the borders of bins"""

    def make():
        confidence, right = _judged(seed, N)
        confidence[3 : 3 + len(at)] = at
        return confidence, right, bins

    return make


def _few_judged():
    confidence, right = _judged(4, 11, least=0.3)
    return 0.8 * confidence, right, 7


def _at_the_ends():
    return np.array([0.0, 1.0, 0.4, 1.0, 0.9, 0.0]), np.array([False, True, True, True, False, True]), 4


def _rows_by_hand(arguments, output, index):
    confidence, right, bins = arguments
    b = index[0]
    part = _upper(confidence, bins) == b
    here = f"By hand: bin {b} is above {b / bins:.4g}, up to and with {(b + 1) / bins:.4g}"
    if not part.any():
        return f"{here}; nothing is in it."
    said = {
        "count": f"{part.sum()} confidences",
        "mean": f"the mean of {part.sum()} confidences is {confidence[part].mean():.6g}",
        "share": f"{right[part].sum()} of {part.sum()} answers are right",
    }
    return f"{here}; {said[output]}."


# ---------------------------------------------------------------------------------------------- one number for it


def _error(count, mean, share, weight=None, gap=np.abs, join=np.sum):
    """weight: function of the counts of bins that are not empty"""
    full = np.asarray(count) > 0
    n = np.asarray(count, np.float64)[full]
    gaps = gap((np.asarray(share) - np.asarray(mean))[full])
    return (n * gaps).sum() / n.sum() if weight is None and join is np.sum else join(weight(n) * gaps)


def _wrong_error(**how):
    return lambda count, mean, share: _error(count, mean, share, **how)


ERROR_WRONG = (
    Wrong(
        "Y10",
        lambda count, mean, share: (count / count.sum() * np.abs(share - mean)).sum(),
        "An empty bin makes it NaN: 0 · NaN is NaN. Leave empty bins out.",
    ),
    Wrong(
        "Y11",
        _wrong_error(weight=lambda n: 1 / len(n)),
        "You count every bin alike. A bin of three pictures says less than one of three hundred: weigh by the count.",
    ),
    Wrong(
        "Y11",
        lambda count, mean, share: np.nansum(np.abs(share - mean)) / len(count),
        "You count every bin alike, the empty ones too. Weigh each by its pictures: count / all pictures.",
    ),
    Wrong("Y11", _wrong_error(weight=lambda n: n), "You do not divide by the number of all pictures."),
    Wrong(
        "Y11",
        lambda count, mean, share: _error(count, mean, share, weight=lambda n: n / len(count)),
        "You divide by the number of bins; divide by the number of pictures.",
    ),
    Wrong(
        "Y11",
        _wrong_error(weight=lambda n: n / len(n)),
        "You divide by the number of bins; divide by that of pictures.",
    ),
    Wrong("Y11", _wrong_error(weight=lambda n: 1.0), "You add the gaps up without weights: weigh by count / pictures."),
    Wrong(
        "Y12",
        _wrong_error(gap=lambda g: g),
        "You keep the signs, so a bin that is too sure cancels one that is not sure enough. Take absolute values.",
    ),
    Wrong(
        "Y12",
        _wrong_error(gap=lambda g: -g),
        "You keep the signs, so a bin that is too sure cancels one that is not sure enough. Take absolute values.",
    ),
    Wrong(
        "Y12",
        lambda count, mean, share: abs(_error(count, mean, share, gap=lambda g: g)),
        "You take the absolute value of the sum, where gaps have cancelled already. Take it in every bin.",
    ),
    Wrong("Y13", _wrong_error(gap=np.square), "You square the gaps; take their absolute values."),
    Wrong(
        "Y13",
        lambda count, mean, share: np.sqrt(_error(count, mean, share, gap=np.square)),
        "That is the root of the mean square; take the mean of the absolute values.",
    ),
    Wrong(
        "Y13",
        _wrong_error(weight=lambda n: 1.0, join=np.max),
        "That is the largest gap, of one bin perhaps with one picture. Take the weighted mean of all.",
    ),
    Wrong(
        "Y13", lambda count, mean, share: _error(count, mean, share) * 100, "You return per cent; return a share of 1."
    ),
    Wrong(
        "Y14",
        lambda count, mean, share: _error(count, 0 * mean, share),
        "You leave the confidences out: the gap is between share and mean.",
    ),
    Wrong(
        "Y14",
        lambda count, mean, share: _error(count, 1 - mean, share),
        "You compare the share that is right with 1 − confidence; compare it with the confidence.",
    ),
)


def _gaps_probe(seed, count, empty=True):
    def make():
        rng, n = np.random.default_rng(seed), np.array(count)
        mean, share = rng.random(len(n)), rng.random(len(n))
        return n, np.where(n > 0, mean, np.nan), np.where(n > 0, share, np.nan)

    return make


def _error_by_hand(arguments, output, index):
    count, mean, share = arguments
    full = count > 0
    terms = " + ".join(f"{n} · |{s:.3g} − {m:.3g}|" for n, m, s in list(zip(count[full], mean[full], share[full]))[:3])
    more = " + …" if full.sum() > 3 else ""
    return f"By hand: ({terms}{more}) / {count.sum()} = {_error(count, mean, share):.6g}."


# ---------------------------------------------------------------------------------------------- temperature


def _softmax_over(values, axis=1):
    e = np.exp(values - values.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _wrong_log(eps):
    return lambda p, T: _softmax_over(np.log(p + eps) / T)


TEMPERED_WRONG = (
    Wrong(
        "Y20",
        lambda p, T: _softmax_over(np.log(p) * T),
        "You multiply by T, or raise to it. A temperature above 1 should make the net *less* sure: log p / T, or "
        "p^(1/T).",
    ),
    Wrong(
        "Y21",
        lambda p, T: _softmax_over(p / T),
        "You take the softmax of probabilities. It wants scores: up to a constant for each picture, these are log p.",
    ),
    Wrong(
        "Y21",
        lambda p, T: _softmax_over(p),
        "You take the softmax of probabilities, and T plays no part. The scores are log p: divide them by T.",
    ),
    Wrong(
        "Y21",
        lambda p, T: p / T / (p / T).sum(axis=1, keepdims=True),
        "Your result is p again: a factor on all probabilities, or a number subtracted from all log p, has no effect "
        "once rows sum to 1. Divide the scores, log p, by T.",
    ),
    Wrong(
        "Y21", lambda p, T: p / T, "You divide probabilities by T: they no longer sum to 1. Divide the scores, log p."
    ),
    Wrong("Y22", lambda p, T: p ** (1 / T), "Your rows do not sum to 1: divide each by its sum."),
    Wrong("Y22", lambda p, T: np.log(p) / T, "These are scores; take their softmax."),
    Wrong(
        "Y22",
        lambda p, T: _softmax_over(np.log(p) / T, axis=0),
        "You sum over the pictures. Each picture's probabilities sum to 1: sum along its row.",
    ),
    Wrong(
        "Y22",
        lambda p, T: p ** (1 / T) / (p ** (1 / T)).sum(),
        "All your pictures together sum to 1; each picture's row should.",
    ),
    Wrong(
        "Y22",
        lambda p, T: p ** (1 / T) / (p ** (1 / T)).max(axis=1, keepdims=True),
        "You divide by the largest; divide by the sum.",
    ),
    *(
        Wrong(
            "Y23",
            _wrong_log(eps),
            f"You add {eps:g} to every probability, which lifts the small ones; and 0 should stay 0. Take log p "
            "itself: np.exp(-np.inf) is 0.",
        )
        for eps in (1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6)
    ),
    Wrong(
        "Y24",
        lambda p, T: _softmax_over(np.log(p / (1 - p)) / T),
        "You take log(p / (1 − p)), the score of two classes. With K classes the score is log p.",
    ),
    Wrong("Y24", lambda p, T: _softmax_over(np.log2(p) / T), "You take log to base 2; exp undoes the natural log."),
    Wrong("Y24", lambda p, T: _softmax_over(np.log10(p) / T), "You take log to base 10; exp undoes the natural log."),
    Wrong(
        "Y24",
        lambda p, T: _softmax_over(-np.log(p) / T),
        "Your sign is reversed: the least likely class becomes the likeliest.",
    ),
)


def _p(seed, N, K, spread=2.0):
    rng = np.random.default_rng(seed)
    return softmax(spread * rng.standard_normal((N, K)))


def _tempered_probe(seed, N, K, T, zero=False):
    def make():
        p = _p(seed, N, K)
        if zero:
            p[1, 2] = 0
            p[1] /= p[1].sum()
        return p, T

    return make


def _sure_of_one():
    return np.array([[0.0, 1.0, 0.0], [0.25, 0.5, 0.25]]), 1.6


def _tempered_by_hand(arguments, output, index):
    p, T = arguments
    i, k = index
    powers = p[i] ** (1 / T)
    return (
        f"By hand: {p[i, k]:.4g} to the power of 1/{T:g} is {powers[k]:.6g}, the row's sum of such powers "
        f"{powers.sum():.6g}; {powers[k] / powers.sum():.6g}."
    )


# ---------------------------------------------------------------------------------------------- the slope of the loss


def _slope(p, labels, T, q=None, factor=lambda T: 1 / T**2, of=None, join=np.mean):
    """q: which probabilities the mean of log p is taken over;  of: which entry stands for the truth"""
    z = np.log(p)
    weights = tempered(p, T) if q is None else q(p, T)
    truth = z[np.arange(len(p)), labels if of is None else of(p, labels)]
    return factor(T) * join(truth - (weights * z).sum(axis=1))


def _wrong_slope(**how):
    return lambda p, labels, T: _slope(p, labels, T, **how)


SLOPE_WRONG = (
    Wrong(
        "Y30",
        lambda p, labels, T: -slope(p, labels, T),
        "Your sign is reversed: the loss falls where you say it rises.",
    ),
    Wrong(
        "Y31",
        _wrong_slope(factor=lambda T: 1.0),
        "1/T² is missing: the score is log p / T, and its derivative with respect to T is −log p / T².",
    ),
    Wrong(
        "Y31",
        _wrong_slope(factor=lambda T: -1.0),
        "That is the slope with respect to 1/T. With respect to T it has the factor −1/T² more.",
    ),
    Wrong("Y31", _wrong_slope(factor=lambda T: 1 / T), "You divide by T; divide by T²."),
    Wrong(
        "Y31",
        _wrong_slope(factor=lambda T: -1 / T),
        "Divide by T², and look at the sign: the loss falls where yours rises.",
    ),
    Wrong("Y31", _wrong_slope(factor=lambda T: T**2), "You multiply by T²; divide by it."),
    Wrong(
        "Y32",
        _wrong_slope(q=lambda p, T: p),
        "You average log p over p itself. At temperature T the net believes tempered(p, T): use that.",
    ),
    Wrong(
        "Y32",
        _wrong_slope(q=lambda p, T: np.full_like(p, 1 / p.shape[1])),
        "You average log p over all classes alike; weigh each by tempered(p, T).",
    ),
    Wrong(
        "Y32",
        _wrong_slope(q=lambda p, T: 0 * p),
        "You leave out what the net believes: the slope of the log of the softmax's sum.",
    ),
    Wrong(
        "Y32",
        lambda p, labels, T: (
            np.mean(
                np.log(tempered(p, T))[np.arange(len(p)), labels]
                - (tempered(p, T) * np.log(tempered(p, T))).sum(axis=1)
            )
            / T**2
        ),
        "You divide by T three times: by T³, or by T² where the logs are of tempered probabilities, which hold 1/T "
        "already. Take log p itself, and divide by T².",
    ),
    Wrong(
        "Y33",
        _wrong_slope(of=lambda p, labels: p.argmax(axis=1)),
        "You take the likeliest class for the truth: take the label's log p.",
    ),
    Wrong(
        "Y33",
        lambda p, labels, T: (np.log(p)[:, labels].mean() - (tempered(p, T) * np.log(p)).sum(axis=1).mean()) / T**2,
        "z[:, labels] takes every picture's label for every picture. Use z[np.arange(len(p)), labels].",
    ),
    Wrong("Y34", _wrong_slope(join=np.sum), "You add up over the pictures; take the mean."),
    Wrong("Y34", lambda p, labels, T: slope(p, labels, T) / p.shape[1], "You take the mean over the classes too."),
    Wrong(
        "Y35",
        lambda p, labels, T: -np.log(tempered(p, T)[np.arange(len(p)), labels]).mean(),
        "That is the loss itself; return its slope.",
    ),
)


def _slope_probe(seed, N, K, T):
    def make():
        return _p(seed, N, K), np.random.default_rng(seed + 1).integers(0, K, N), T

    return make


def _is_not_0(function):
    found = function(*_slope_probe(31, 6, 4, 2.5)())
    return np.ndim(found) > 0 or abs(float(found)) > 1e-12


def _slope_by_hand(arguments, output, index):
    p, labels, T = arguments
    z, q = np.log(p[0]), tempered(p, T)[0]
    first = z[labels[0]] - (q * z).sum()
    return (
        f"By hand: for picture 0, log p of its label is {z[labels[0]]:.6g}, the mean of log p over tempered p "
        f"{(q * z).sum():.6g}; the difference over T² is {first / T**2:.6g}. The mean over the pictures: "
        f"{_slope(p, labels, T):.6g}."
    )


# ---------------------------------------------------------------------------------------------- where it crosses 0


def _halved(f, low, high, steps, left=lambda value: value < 0, end=lambda low, high: (low + high) / 2):
    """left: whether the crossing lies right of a middle with this value"""
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (middle, high) if left(f(middle)) else (low, middle)
    return end(low, high)


def _secant(f, low, high, steps):
    for _ in range(steps):
        place = low - f(low) * (high - low) / (f(high) - f(low))
        low, high = (place, high) if f(place) < 0 else (low, place)
    return (low + high) / 2


def _one_end_moves(which):
    def wrong(f, low, high, steps):
        for _ in range(steps):
            middle = (low + high) / 2
            if f(middle) < 0 and which == "low":
                low = middle
            elif f(middle) >= 0 and which == "high":
                high = middle
        return (low + high) / 2

    return wrong


def _last_middle(f, low, high, steps):
    middle = (low + high) / 2
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) < 0 else (low, middle)
    return middle


CROSSING_WRONG = (
    Wrong(
        "Y40",
        lambda f, low, high, steps: _halved(f, low, high, steps, left=lambda value: value > 0),
        "You keep the wrong half. Where f is below 0 the crossing lies to the right: raise low.",
    ),
    Wrong(
        "Y41",
        _last_middle,
        "You return the last middle that you tried, or halve once too few. Return the middle of what is left after the "
        "last halving.",
    ),
    Wrong(
        "Y41",
        lambda f, low, high, steps: _halved(f, low, high, steps, end=lambda low, high: low),
        "You return low; return the middle of what is left.",
    ),
    Wrong(
        "Y41",
        lambda f, low, high, steps: _halved(f, low, high, steps, end=lambda low, high: high),
        "You return high; return the middle of what is left.",
    ),
    Wrong("Y42", lambda f, low, high, steps: crossing(f, low, high, steps + 1), "You halve once too often."),
    Wrong(
        "Y42",
        lambda f, low, high, steps: (low + high) / 2,
        "You never halve: return what is left after `steps` halvings.",
    ),
    Wrong(
        "Y43",
        lambda f, low, high, steps: float(f(crossing(f, low, high, steps))),
        "You return the value of f; return the place.",
    ),
    Wrong(
        "Y44",
        _secant,
        "You cut where a straight line would cross. Cut in the middle: that halves, whatever f looks like.",
    ),
    Wrong("Y44", _one_end_moves("low"), "Your high never moves: where f is above 0, lower it to the middle."),
    Wrong("Y44", _one_end_moves("high"), "Your low never moves: where f is below 0, raise it to the middle."),
    Wrong(
        "Y44",
        lambda f, low, high, steps: math.sqrt(low * high) if steps == 0 else _halved_by_root(f, low, high, steps),
        "Your middle is the geometric mean; take (low + high) / 2.",
    ),
)


def _halved_by_root(f, low, high, steps):
    for _ in range(steps):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if f(middle) < 0 else (low, middle)
    return math.sqrt(low * high)


def _crossing_by_hand(arguments, output, index):
    f, low, high, steps = arguments
    text = []
    for _ in range(min(steps, 3)):
        middle = (low + high) / 2
        below = f(middle) < 0
        text.append(f"f({middle:.6g}) is {'below' if below else 'above'} 0")
        low, high = (middle, high) if below else (low, middle)
    return f"By hand: {', '.join(text)}: between {low:.6g} and {high:.6g} after {min(steps, 3)} halvings."


# ---------------------------------------------------------------------------------------------- risk and coverage


def _answered(confidence, wrong):
    """For each different confidence, the highest first: (it, how many are at least as sure, how many of those wrong)"""
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    last = np.append(falling[1:] != falling[:-1], True)
    return falling[last], np.flatnonzero(last) + 1, np.cumsum(np.asarray(wrong, int)[order])[last]


def _each_alone(confidence, wrong):
    order = np.argsort(-confidence, kind="stable")
    n = np.arange(1, len(order) + 1)
    return confidence[order], n / len(n), np.cumsum(wrong[order]) / n


def _counted(count):
    """A wrong version: count(threshold, answered, errors, N, wrong in all) → the three outputs."""
    return lambda confidence, wrong: count(*_answered(confidence, wrong), len(confidence), int(np.sum(wrong)))


def _upwards(confidence, wrong):
    threshold, answered, errors = _answered(-confidence, wrong)
    return -threshold, answered / len(confidence), errors / answered


def _without_the_threshold(confidence, wrong):
    """More than the threshold, not at least."""
    threshold, answered, errors = _answered(confidence, wrong)
    answered, errors = (np.append(0, a[:-1]) for a in (answered, errors))
    return threshold, answered / len(confidence), errors / np.maximum(answered, 1)


def _of_the_rejected(confidence, wrong):
    threshold, answered, errors = _answered(confidence, wrong)
    N, others = len(confidence), np.sum(wrong) - errors
    return threshold, answered / N, others / np.maximum(N - answered, 1)


def _wrong_stays(confidence, wrong):
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    last = np.append(falling[1:] != falling[:-1], True)
    n = np.flatnonzero(last) + 1
    return falling[last], n / len(order), np.cumsum(wrong)[last] / n


RISK_WRONG = (
    Wrong("Y50", _upwards, "You begin with the *least* sure pictures. Answer the surest first: sort downwards."),
    Wrong(
        "Y50",
        lambda c, w: tuple(a[::-1] for a in risk_coverage(c, w)),
        "Right, but upside down: the highest threshold comes first.",
    ),
    Wrong(
        "Y51",
        _each_alone,
        "Pictures of equal confidence have entries of their own. No threshold lies between them: one entry for all.",
    ),
    Wrong(
        "Y52",
        _counted(lambda t, n, e, N, all_wrong: (t, n / N, e / N)),
        "risk: you divide by all pictures; divide by those answered.",
    ),
    Wrong(
        "Y52",
        _counted(lambda t, n, e, N, all_wrong: (t, n / N, e / max(all_wrong, 1))),
        "risk: you divide by all errors; divide by the pictures answered.",
    ),
    Wrong(
        "Y52", _counted(lambda t, n, e, N, all_wrong: (t, n / N, 1 - e / n)), "risk: that is the share that is right."
    ),
    Wrong(
        "Y52",
        _counted(lambda t, n, e, N, all_wrong: (t, n / N, e)),
        "risk: you count the errors; divide by the pictures answered.",
    ),
    Wrong(
        "Y52",
        _counted(lambda t, n, e, N, all_wrong: (t, n / N, np.diff(e, prepend=0) / np.diff(n, prepend=0))),
        "risk: you look at the pictures of one confidence alone. All that are at least as sure are answered too.",
    ),
    Wrong(
        "Y53",
        _counted(lambda t, n, e, N, all_wrong: (t, n, e / n)),
        "coverage: you count the pictures; return their share.",
    ),
    Wrong(
        "Y53",
        _counted(lambda t, n, e, N, all_wrong: (t, 1 - n / N, e / n)),
        "coverage: that is the share not answered.",
    ),
    Wrong(
        "Y53",
        _counted(lambda t, n, e, N, all_wrong: (t, (n - e) / N, e / n)),
        "coverage: you count only right answers. Wrong ones were answered too.",
    ),
    Wrong(
        "Y53",
        _counted(lambda t, n, e, N, all_wrong: (t, (n - 1) / N, e / n)),
        "coverage: you are one picture short: the picture at the threshold is answered too.",
    ),
    Wrong(
        "Y54",
        _without_the_threshold,
        "You answer only above the threshold. A picture at the threshold is answered too.",
    ),
    Wrong(
        "Y52",
        _of_the_rejected,
        "risk: you look at the pictures that are *not* answered. Take those with at least the threshold's confidence.",
    ),
    Wrong(
        "Y52",
        _counted(lambda t, n, e, N, all_wrong: (t, n / N, np.maximum.accumulate(e / n))),
        "risk: you keep the largest so far. The risk may fall again when more is answered: return it as it is.",
    ),
    Wrong(
        "Y55",
        _wrong_stays,
        "You sort the confidences, but not `wrong` along with them: its entries belong to other pictures.",
    ),
)


def _risk_probe(seed, N, ties):
    def make():
        rng = np.random.default_rng(seed)
        confidence = rng.uniform(0.2, 1, N)
        wrong = rng.random(N) > 0.3 + 0.6 * confidence
        for some in ties:
            confidence[list(some)] = confidence[some[0]]
        return confidence, wrong

    return make


def _all_alike():
    return np.full(5, 0.7), np.array([True, False, True, False, False])


def _risk_by_hand(arguments, output, index):
    confidence, wrong = arguments
    threshold, answered, errors = (a[index[0]] for a in _answered(confidence, wrong))
    return (
        f"By hand: {answered} of {len(confidence)} pictures have a confidence of {threshold:.6g} or more, and {errors} "
        "of them are wrong."
    )


# ---------------------------------------------------------------------------------------------- how many may be wrong


def _allowed(N, risk, level, passes=lambda tail, level: tail <= 1 - level, none=-1, shift=0):
    """passes: function of (P(at most k) for k = 0 …, level) → whether k errors may be"""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, N + 1)))])  # log n!
    allowed = np.empty(N + 1, int)
    for n in range(N + 1):
        k = np.arange(n + 1)
        log_p = logs[n] - logs[k] - logs[n - k] + k * math.log(risk) + (n - k) * math.log1p(-risk)
        may = passes(np.cumsum(np.exp(log_p)), level)
        allowed[n] = int(may.sum()) - 1 + shift if may.any() else none
    return allowed


def _wrong_allowed(**how):
    return lambda N, risk, level: _allowed(N, risk, level, **how)


def _poisson(N, risk, level):
    allowed = []
    for n in range(N + 1):
        term = math.exp(-n * risk)
        total, k = term, 0
        while total <= 1 - level and k <= n:
            k += 1
            term *= n * risk / k
            total += term
        allowed.append(k - 1)
    return np.array(allowed)


ALLOWED_WRONG = (
    Wrong(
        "Y60",
        lambda N, risk, level: np.floor(risk * np.arange(N + 1) + 1e-9).astype(int),
        "You allow risk · n errors. If the true risk were exactly `risk`, so few would come by luck in about half of "
        "all cases. Ask how likely they are.",
    ),
    Wrong(
        "Y61",
        _wrong_allowed(passes=lambda tail, level: tail <= level),
        "You compare with `level`. To be that certain, luck may explain so few errors in 1 − level of all cases.",
    ),
    Wrong(
        "Y61",
        _wrong_allowed(passes=lambda tail, level: tail <= (1 - level) / 2),
        "You halve 1 − level, as for two sides. Only too few errors can deceive you: one side.",
    ),
    Wrong(
        "Y62",
        _wrong_allowed(passes=lambda tail, level: np.append(0, tail[:-1]) <= 1 - level),
        'You allow one error too many: the k errors themselves belong to "at most k".',
    ),
    Wrong(
        "Y62",
        _wrong_allowed(shift=-1),
        "You allow one error too few: the largest k whose chance is still at most 1 − level.",
    ),
    Wrong(
        "Y62",
        _wrong_allowed(passes=lambda tail, level: np.cumprod(np.diff(tail, prepend=0) <= 1 - level)),
        "You look at the chance of exactly k errors. Add the chances of fewer.",
    ),
    Wrong(
        "Y63",
        _wrong_allowed(none=0),
        "Where even no error at all could be luck, you allow 0 errors. Then one right answer would be proof: −1 there.",
    ),
    Wrong(
        "Y63",
        lambda N, risk, level: _allowed(N, risk, level)[1:],
        "allowed[n] is for n pictures, from n = 0 on: N + 1 entries.",
    ),
    Wrong(
        "Y63",
        lambda N, risk, level: _allowed(N, risk, level)[:-1],
        "allowed[n] is for n pictures, up to n = N: N + 1 entries.",
    ),
    Wrong(
        "Y63",
        lambda N, risk, level: np.where(_allowed(N, risk, level) < 0, np.nan, _allowed(N, risk, level)),
        "Where even no error at all could be luck, you return NaN; return −1, a whole number like the others.",
    ),
    Wrong(
        "Y64",
        _poisson,
        "You use Poisson's formula, an approximation for small risks. The number wrong of n is binomial.",
    ),
    Wrong(
        "Y65",
        lambda N, risk, level: _allowed(N, 1 - risk, level),
        "You exchange right and wrong: each answer is wrong with probability `risk`.",
    ),
    Wrong(
        "Y65",
        lambda N, risk, level: np.arange(N + 1) - _allowed(N, risk, level),
        "You return how many have to be right; return how many may be wrong.",
    ),
)


def _allowed_by_hand(arguments, output, index):
    N, risk, level = arguments
    n, k = index[0], int(_allowed(N, risk, level)[index])
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    ks = np.arange(n + 1)
    tail = np.cumsum(np.exp(logs[n] - logs[ks] - logs[n - ks] + ks * math.log(risk) + (n - ks) * math.log1p(-risk)))
    now = f"at most {k} wrong of {n} has the chance {tail[k]:.4g}, and " if k >= 0 else ""
    more = f"at most {k + 1} {tail[k + 1]:.4g}" if k < n else "that is all of them"
    return f"By hand: {now}{more}; 1 − level is {1 - level:.4g}: {k}."


# ---------------------------------------------------------------------------------------------- the threshold


def _lowest(confidence, wrong, allowed, passes=lambda e, a: e <= a, pick=lambda ok: ok[-1]):
    threshold, answered, errors = _answered(confidence, wrong)
    ok = np.flatnonzero(passes(errors, allowed[answered]))
    return float(threshold[pick(ok)]) if len(ok) else math.inf


def _until_it_fails(confidence, wrong, allowed):
    threshold, answered, errors = _answered(confidence, wrong)
    kept = math.inf
    for t, n, e in zip(threshold, answered, errors):
        if allowed[n] < 0:
            continue
        if e > allowed[n]:
            break
        kept = float(t)
    return kept


def _until_it_fails_at_all(confidence, wrong, allowed):
    threshold, answered, errors = _answered(confidence, wrong)
    kept = math.inf
    for t, n, e in zip(threshold, answered, errors):
        if e > allowed[n]:
            break
        kept = float(t)
    return kept


def _as_if_without_ties(confidence, wrong, allowed):
    order = np.argsort(-confidence, kind="stable")
    ok = np.flatnonzero(np.cumsum(wrong[order]) <= allowed[1:][: len(order)])
    return float(confidence[order][ok[-1]]) if len(ok) else math.inf


def _by_entry(confidence, wrong, allowed):
    threshold, _, errors = _answered(confidence, wrong)
    ok = np.flatnonzero(errors <= allowed[1 : len(errors) + 1])
    return float(threshold[ok[-1]]) if len(ok) else math.inf


def _coverage_of_it(confidence, wrong, allowed):
    found = _lowest(confidence, wrong, allowed)
    return float((confidence >= found).mean())


def _exchanged(confidence, wrong, allowed):
    threshold, answered, errors = _answered(confidence, wrong)
    ok = np.flatnonzero(answered <= allowed[errors])
    return float(threshold[ok[-1]]) if len(ok) else math.inf


def _by_errors_below(confidence, wrong, allowed):
    """Counts those above a threshold, not at it."""
    threshold, answered, errors = _answered(confidence, wrong)
    answered, errors = (np.append(0, a[:-1]) for a in (answered, errors))
    ok = np.flatnonzero(errors <= allowed[answered])
    return float(threshold[ok[-1]]) if len(ok) else math.inf


THRESHOLD_WRONG = (
    Wrong(
        "Y70",
        _until_it_fails,
        "You stop at the first threshold that fails. That is the safer rule, as you will see below, but here return "
        "the lowest threshold that passes.",
    ),
    Wrong(
        "Y70",
        _until_it_fails_at_all,
        "You stop where the first few pictures cannot prove anything yet (allowed is −1). Go on: the lowest that "
        "passes.",
    ),
    Wrong(
        "Y70",
        lambda c, w, a: _lowest(c, w, a, pick=lambda ok: ok[0]),
        "That is the highest threshold that passes; take the lowest, which answers more.",
    ),
    Wrong(
        "Y71",
        lambda c, w, a: _lowest(c, w, a, passes=lambda e, allowed: e < allowed),
        "As many errors as allowed are allowed: e ≤ allowed[n].",
    ),
    Wrong(
        "Y71",
        lambda c, w, a: _lowest(c, w, a, passes=lambda e, allowed: e > allowed),
        "You take thresholds that do *not* pass: e must be at most allowed[n].",
    ),
    Wrong(
        "Y72",
        _as_if_without_ties,
        "You cut between pictures of equal confidence. No threshold can: all of them are answered, or none.",
    ),
    Wrong("Y72", _by_errors_below, "You count the pictures above the threshold. Those at it are answered too."),
    Wrong(
        "Y74",
        _by_entry,
        "allowed[n] is for n *pictures*, not for the n-th different confidence: where some are equal, n is larger.",
    ),
    Wrong("Y75", _coverage_of_it, "You return the share that is answered; return the confidence from which on it is."),
    Wrong(
        "Y75",
        lambda c, w, a: float(c[w].max()),
        "That is the confidence of the surest wrong answer. `allowed` tells how many wrong ones may be among the "
        "answered.",
    ),
    Wrong("Y71", lambda c, w, a: _lowest(c, ~w, a), "You count right answers; `allowed` is about wrong ones."),
    Wrong(
        "Y75",
        _exchanged,
        "You look up allowed[number wrong] and compare it with the number answered: it is the other way round.",
    ),
    Wrong(
        "Y73", lambda c, w, a: _lowest(-c, w, a) * -1, "You begin with the least sure pictures; begin with the surest."
    ),
    Wrong(
        "Y74",
        lambda c, w, a: _lowest(c, w, np.full_like(a, a[-1])),
        "You compare with what is allowed among all pictures; compare with allowed[n], of the n answered.",
    ),
    Wrong(
        "Y74",
        lambda c, w, a: _lowest(c, w, np.append(a[1:], a[-1])),
        "allowed[n] is for n pictures: you are one entry on.",
    ),
    Wrong(
        "Y74",
        lambda c, w, a: _lowest(c, w, np.append(-1, a[:-1])),
        "allowed[n] is for n pictures: you are one entry short.",
    ),
)


def _some_allowed(N, share, from_):
    """An allowance with jumps, so that a threshold fails and a lower one passes again."""
    n = np.arange(N + 1)
    return np.where(n < from_, -1, (share * (n - from_)).astype(int))


def _threshold_probe(seed, N, share, ties, from_=4):
    def make():
        confidence, wrong = _risk_probe(seed, N, ties)()
        return confidence, wrong, _some_allowed(N, share, from_)

    return make


def _equally_sure():
    """The first of two that are equally sure is right, the second wrong."""
    confidence = np.array([0.8, 0.6, 0.95, 0.8, 0.5, 0.9, 0.43])
    return confidence, np.array([False, True, False, True, True, False, True]), np.array([-1, -1, 0, 0, 0, 0, 1, 3])


def _none_will_do():
    return np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, False, True]), np.array([-1, -1, 0, 0, 1])


def _threshold_by_hand(arguments, output, index):
    confidence, wrong, allowed = arguments
    found = _lowest(confidence, wrong, allowed)
    threshold, answered, errors = _answered(confidence, wrong)
    i = int(np.flatnonzero(threshold == found)[0])
    said = (
        f"By hand: from {found:.6g} on, {answered[i]} are answered, {errors[i]} wrong, {allowed[answered[i]]} allowed"
    )
    if i + 1 == len(threshold):
        return f"{said}; there is no lower one."
    return (
        f"{said}; from the next, {threshold[i + 1]:.6g}, on {answered[i + 1]}, {errors[i + 1]} and "
        f"{allowed[answered[i + 1]]}, and no lower one passes."
    )


# ---------------------------------------------------------------------------------------------- the distance


def _shares(values, places, side="right"):
    return np.searchsorted(np.sort(values), places, side=side) / len(values)


def _gap(window, reference, places=None, join=lambda gap: np.abs(gap).max(), sides=("right", "right")):
    """places: where the two curves are compared, a function of both samples"""
    at = np.concatenate([window, reference]) if places is None else places(window, reference)
    return join(_shares(window, at, sides[0]) - _shares(reference, at, sides[1]))


def _quantile_gap(n):
    at = np.linspace(0, 1, n)
    return lambda window, reference: np.abs(np.quantile(window, at) - np.quantile(reference, at)).max()


def _wrong_gap(**how):
    return lambda window, reference: _gap(window, reference, **how)


DISTANCE_WRONG = (
    Wrong(
        "Y80",
        lambda window, reference: abs(window.mean() - reference.mean()),
        "You compare the means. A window can have the same mean and be quite different: compare the shares below "
        "each value.",
    ),
    *(
        Wrong(
            "Y80",
            by_deviation,
            "You compare the means, in deviations. A window can have the same mean and be quite different: compare the "
            "shares below each value.",
        )
        for by_deviation in (
            lambda window, reference: abs(window.mean() - reference.mean()) / reference.std(),
            lambda window, reference: abs(window.mean() - reference.mean()) / reference.std(ddof=1),
        )
    ),
    *(
        Wrong(
            "Y80",
            quantiles,
            "You compare quantiles: how far apart two *values* are. Compare shares: how much lies at or below one "
            "value.",
        )
        for quantiles in (_quantile_gap(101), _quantile_gap(100), _quantile_gap(11))
    ),
    Wrong(
        "Y81",
        _wrong_gap(join=np.max),
        "Signs: where the window's share is the *smaller* one, your gap is negative. Take absolute values.",
    ),
    Wrong(
        "Y81",
        _wrong_gap(join=lambda gap: (-gap).max()),
        "Signs: where the window's share is the larger one, your gap is negative. Take absolute values.",
    ),
    Wrong(
        "Y82",
        _wrong_gap(places=lambda window, reference: window),
        "You look only at the window's values. The largest gap may be at one of the reference's: look at both.",
    ),
    Wrong(
        "Y82",
        _wrong_gap(places=lambda window, reference: reference),
        "You look only at the reference's values. The largest gap may be at one of the window's: look at both.",
    ),
    *(
        Wrong(
            "Y82",
            _wrong_gap(
                places=lambda window, reference, n=n: np.linspace(
                    min(window.min(), reference.min()), max(window.max(), reference.max()), n
                )
            ),
            "You look at evenly spaced places. The shares jump at the values themselves: look there.",
        )
        for n in (10, 11, 20)
    ),
    Wrong("Y83", _wrong_gap(join=lambda gap: np.abs(gap).mean()), "That is the mean gap; take the largest."),
    Wrong("Y83", _wrong_gap(join=lambda gap: np.abs(gap).sum()), "You add the gaps up; take the largest."),
    Wrong("Y83", _wrong_gap(join=lambda gap: (gap**2).max()), "You square the gap; take its absolute value."),
    Wrong(
        "Y83",
        _wrong_gap(join=lambda gap: gap.max() - gap.min()),
        "You add the largest gaps of both signs; take the larger.",
    ),
    Wrong(
        "Y84",
        _wrong_gap(sides=("left", "right")),
        "At a value that both have, you count it for the reference, but not for the window: at most, for both.",
    ),
    Wrong(
        "Y84",
        _wrong_gap(sides=("right", "left")),
        "At a value that both have, you count it for the window, but not for the reference: at most, for both.",
    ),
    Wrong(
        "Y85",
        lambda window, reference: _gap(window, reference) * len(window),
        "You compare counts; divide each by its own number of values.",
    ),
    Wrong(
        "Y85",
        lambda window, reference: np.abs(
            np.searchsorted(np.sort(window), np.r_[window, reference], side="right")
            - np.searchsorted(np.sort(reference), np.r_[window, reference], side="right")
        ).max(),
        "You compare counts. The two have different numbers of values: compare shares.",
    ),
    Wrong(
        "Y85",
        lambda window, reference: np.abs(
            np.searchsorted(np.sort(window), np.r_[window, reference], side="right") / len(window)
            - np.searchsorted(np.sort(reference), np.r_[window, reference], side="right") / len(window)
        ).max(),
        "You divide both counts by the window's number of values; divide each by its own.",
    ),
    Wrong(
        "Y86",
        lambda window, reference: np.abs(
            np.searchsorted(window, np.r_[window, reference], side="right") / len(window)
            - np.searchsorted(reference, np.r_[window, reference], side="right") / len(reference)
        ).max(),
        "np.searchsorted needs sorted values: sort window and reference first.",
    ),
)


def _distance_probe(seed, n, M, shift, scale=1.0, ties=()):
    """ties: (place in the window, place in the reference) that get the same value"""

    def make():
        rng = np.random.default_rng(seed)
        window, reference = shift + scale * rng.standard_normal(n), rng.standard_normal(M)
        for i, j in ties:
            window[i] = reference[j]
        return window, reference

    return make


def _whole_values():
    return np.array([0.3, 0.3, 0.5, 0.5, 0.5, 0.9, 0.9]), np.array([0.3, 0.3, 0.3, 0.3, 0.5, 0.7, 0.9, 0.9, 0.9])


def _crowded():
    rng = np.random.default_rng(64)
    return np.append(1e-7 * rng.random(8), 5.0), np.append(1e-7 * rng.random(11) ** 3, -5.0)


def _distance_by_hand(arguments, output, index):
    window, reference = arguments
    at = np.concatenate([window, reference])
    gaps = np.abs(_shares(window, at) - _shares(reference, at))
    place = at[gaps.argmax()]
    return (
        f"By hand: the largest gap is at {place:.4g}: {(window <= place).sum()} of {len(window)} in the window are at "
        f"most that, {(reference <= place).sum()} of {len(reference)} in the reference: {gaps.max():.6g}."
    )


# ---------------------------------------------------------------------------------------------- the alarm's level


def _level_of(distances, quantile=lambda rate: 1 - rate):
    """distances: function of (values, windows, references)"""
    return lambda values, windows, references, rate: np.quantile(distances(values, windows, references), quantile(rate))


def _drawn(values, windows, references):
    return [_gap(values[w], values[r]) for w, r in zip(windows, references)]


def _sorted_at(place):
    def wrong(values, windows, references, rate):
        distances = np.sort(_drawn(values, windows, references))
        return distances[min(place(rate, len(distances)), len(distances) - 1)]

    return wrong


ALARM_WRONG = (
    Wrong(
        "Y90",
        _level_of(lambda values, windows, references: [_gap(values[w], values) for w in windows]),
        "You measure each window from all values, as if the reference were the whole truth. It is a sample too, and "
        "another would differ: draw it as well, values[references[b]].",
    ),
    Wrong(
        "Y90",
        _level_of(lambda values, windows, references: [_gap(values[r], values) for r in references]),
        "You measure each drawn reference from all values; measure the drawn window from the drawn reference.",
    ),
    Wrong(
        "Y91",
        _level_of(_drawn, lambda rate: rate),
        "You take the quantile `rate`: nearly every window would ring. Take 1 − rate.",
    ),
    Wrong(
        "Y91",
        _level_of(_drawn, lambda rate: 1 - rate / 2),
        "You halve the rate, as for two sides. A distance has one: 1 − rate.",
    ),
    Wrong(
        "Y91", _level_of(_drawn, lambda rate: 1.0), "That is the largest distance drawn: take the quantile 1 − rate."
    ),
    Wrong(
        "Y91",
        lambda values, windows, references, rate: np.percentile(_drawn(values, windows, references), 1 - rate),
        "np.percentile counts in per cent. Use np.quantile.",
    ),
    Wrong(
        "Y92",
        lambda values, windows, references, rate: np.mean(_drawn(values, windows, references)),
        "That is the mean distance, which half of all windows exceed. Take the quantile 1 − rate.",
    ),
    *(
        Wrong(
            "Y92",
            lambda values, windows, references, rate, times=times: (
                np.mean(_drawn(values, windows, references)) + times * np.std(_drawn(values, windows, references))
            ),
            f"You take mean + {times} deviations. Distances are not normal, and `rate` plays no part: take their "
            "quantile.",
        )
        for times in (2, 3)
    ),
    *(
        Wrong("Y93", _sorted_at(place), "You take one of the sorted distances. np.quantile goes between two of them.")
        for place in (
            lambda rate, B: round((1 - rate) * (B - 1)),
            lambda rate, B: int((1 - rate) * (B - 1)),
            lambda rate, B: math.ceil((1 - rate) * (B - 1)),
            lambda rate, B: int((1 - rate) * B),
            lambda rate, B: math.ceil((1 - rate) * B) - 1,
        )
    ),
    Wrong(
        "Y94",
        _level_of(lambda values, windows, references: [_gap(w, r) for w, r in zip(windows, references)]),
        "You compare the numbers of the pictures. Look their values up: values[windows[b]].",
    ),
    Wrong(
        "Y94",
        _level_of(lambda values, windows, references: [_gap(values[windows].ravel(), values[references].ravel())]),
        "You throw all draws together. Each row is a day of its own: one distance for each.",
    ),
    Wrong(
        "Y94",
        _level_of(
            lambda values, windows, references: [
                abs(values[w].mean() - values[r].mean()) for w, r in zip(windows, references)
            ]
        ),
        "You compare means; use your `distance`.",
    ),
    Wrong(
        "Y94",
        _level_of(
            lambda values, windows, references: [_gap(values[w], values[r]) for w in windows for r in references]
        ),
        "You pair every window with every reference. Row b of windows goes with row b of references.",
    ),
    Wrong(
        "Y94",
        _level_of(lambda values, windows, references: [_gap(values[w], values[references[0]]) for w in windows]),
        "You measure every window from the first reference drawn; row b of windows goes with row b of references.",
    ),
)


def _alarm_probe(seed, N, n, M, B, rate):
    def make():
        rng = np.random.default_rng(seed)
        return rng.gamma(2, 1, N), rng.integers(0, N, (B, n)), rng.integers(0, N, (B, M)), rate

    return make


def _alarm_by_hand(arguments, output, index):
    values, windows, references, rate = arguments
    distances = np.sort(_drawn(values, windows, references))
    place = (1 - rate) * (len(distances) - 1)
    return (
        f"By hand: {len(distances)} distances, from {distances[0]:.4g} to {distances[-1]:.4g}; quantile {1 - rate:g} "
        f"is at place {place:.4g} of 0 to {len(distances) - 1}: {np.quantile(distances, 1 - rate):.6g}."
    )


# ---------------------------------------------------------------------------------------------- a report with troubles

RECOMPRESSED, LABELS, STUCK = "re-compressed", "labels shifted", "camera stuck"
DARK, OTHERS, CHANCE = "too dark", "other classes", "only chance"
CAUSES = (RECOMPRESSED, LABELS, STUCK, DARK, OTHERS, CHANCE)
FOUND = {"phone": (RECOMPRESSED, 9), "archive": (LABELS, 6), "kiosk": (STUCK, 11)}
CLIENTS = ("archive", "kiosk", "phone", "shop", "web")
WHY = {
    "archive": "From day 6 on its labels disagree with nearly every answer, while sharpness and confidence stay. A net "
    "that fails like that would not be so sure: suspect the labels. Is label minus answer always the same?",
    "kiosk": "From day 11 on it looks better than ever: no error, confidence near 1. But its brightness is the same "
    "every day. Count the *different* pictures.",
    "phone": "Its few labels prove little. But look at what needs no labels: which of its numbers drops from one day "
    "to the next, and stays there?",
}
FINE = {
    "shop": "shop sends other classes from day 8 on, hearts nearly always. It says so in the share of classes, and its "
    "error does not grow: the world has changed, and the net copes. Some errors among nine labels of one day prove "
    "nothing.",
    "web": "web has more traffic on some days, and numbers that wander as numbers of forty pictures do. Nothing lasts.",
}
WOULD = {
    RECOMPRESSED: "Compression takes detail away: sharpness would change, and stay changed.",
    LABELS: "Shifted labels would show in the error alone, and there it would be nearly 100 %.",
    STUCK: "A stuck camera would send one picture again and again: count the different ones.",
    DARK: "If the light had failed, the pictures would be darker, but still differ from one another.",
    OTHERS: "Other classes would show in the share of the answers.",
    CHANCE: "Chance comes and goes; what lasts for days is more.",
}


def troubles():
    return dict(FOUND)


def _named(function):
    """The result of a learner's function, {client: (cause, first day)}; `WrongKind` if it has another form."""
    found = function()
    if not isinstance(found, dict):
        raise WrongKind(f"it should return a dict, client: (cause, first day), found {type(found).__name__}")
    for client, said in found.items():
        if client not in CLIENTS:
            raise WrongKind(f"{client!r} is no client; expected some of {', '.join(CLIENTS)}")
        if not isinstance(said, (tuple, list)) or len(said) != 2:
            raise WrongKind(f"for {client} it says {said!r}, expected (cause, first day)")
        if str(said[0]).strip().lower() not in CAUSES:
            raise WrongKind(f"for {client} it says {said[0]!r}, expected one of {', '.join(map(repr, CAUSES))}")
        if isinstance(said[1], str) or said[1] != int(said[1]):
            raise WrongKind(f"for {client} it says day {said[1]!r}, expected a whole number")
    return {client: (str(cause).strip().lower(), int(day)) for client, (cause, day) in found.items()}


def _finds(client):
    def holds(function):
        found = _named(function)
        cause, day = FOUND[client]
        if client not in found:
            return f"You say nothing of {client}. {WHY[client]}"
        if found[client][0] != cause:
            return f"{client} is not {found[client][0]!r}. {WOULD[found[client][0]]} {WHY[client]}"
        if found[client][1] != day:
            early = found[client][1] < day
            return (
                f"{client}: the cause is right, but day {found[client][1]} is "
                f"{'still as the days before it' if early else 'not the first: look one day back'}."
            )
        return True

    return holds


def _leaves(client):
    def holds(function):
        found = _named(function)
        if client not in found or found[client][0] == CHANCE:
            return True
        if client == "shop" and found[client][0] == OTHERS:
            return f"You are right that shop sends other classes, but is that a problem? {FINE[client]}"
        return f"{client} is fine. {WOULD[found[client][0]]} {FINE[client]}"

    return holds


# ---------------------------------------------------------------------------------------------- the lesson

IN_0_TO_1 = ("huge", "far")  # what no probability can be

LESSON = Lesson(
    "21",
    "It is live. Now what?",
    90,
    20,
    (
        Exercise(
            "21-reliability",
            "reliability",
            reliability,
            (
                _reliability_probe(1, 40, 8, at=(0.25, 0.5, 0.875, 1.0, 0.125, 0.0)),
                _reliability_probe(2, 31, 5),
                _few_judged,
            ),
            ("count", "mean", "share"),
            axes={name: ("bin",) for name in ("count", "mean", "share")},
            wrong=RELIABILITY_WRONG,
            by_hand=_rows_by_hand,
            outside=IN_0_TO_1,
            properties=(
                case("for confidences of exactly 0 and 1", reliability, _at_the_ends, ("count", "mean", "share")),
            ),
            hints=(
                "Ten bins: in which one is 0.73? And 0.7, if a bin includes its upper end?",
                "bin = ⌈confidence · bins⌉ − 1, but 0 for a confidence of 0;  then count, mean and share of each bin",
                "place = np.maximum(np.ceil(confidence * bins).astype(int) - 1, 0); here = place == b",
            ),
        ),
        Exercise(
            "21-ece",
            "calibration_error",
            calibration_error,
            (_gaps_probe(11, (3, 0, 7, 12, 5)), _gaps_probe(42, (9, 1, 14, 6)), _gaps_probe(13, (0, 0, 4, 8, 0, 11))),
            ("error",),
            wrong=ERROR_WRONG,
            by_hand=_error_by_hand,
            hints=(
                "One bin has 3 pictures and a gap of 0.3, another 300 and a gap of 0.01. Which says more?",
                "Σ count / N · |share − mean| over the bins that are not empty, N = Σ count",
                "full = count > 0; (count[full] * abs(share[full] - mean[full])).sum() / count.sum()",
            ),
        ),
        Exercise(
            "21-tempered",
            "tempered",
            tempered,
            (_tempered_probe(21, 5, 4, 2.5), _tempered_probe(22, 4, 3, 0.4), _tempered_probe(23, 3, 5, 1.7, zero=True)),
            ("p",),
            axes={"p": ("picture", "class")},
            wrong=TEMPERED_WRONG,
            by_hand=_tempered_by_hand,
            properties=(case("for a net that is wholly sure", tempered, _sure_of_one, ("p",)),),
            hints=(
                "Which scores have p as their softmax? (Many have: they differ by a constant for each picture.)",
                "softmax(log p / T), which is p^(1/T), divided by the row's sum",
                "powers = p ** (1 / T); return powers / powers.sum(axis=1, keepdims=True)",
            ),
        ),
        Exercise(
            "21-slope",
            "slope",
            slope,
            (_slope_probe(31, 6, 4, 2.5), _slope_probe(32, 5, 3, 0.6), _slope_probe(33, 9, 5, 1.4)),
            ("slope",),
            wrong=SLOPE_WRONG,
            by_hand=_slope_by_hand,
            properties=(
                Property(
                    "Y36",
                    _is_not_0,
                    "Your slope is 0 whatever T is. The rows of q, less 1 at the label, sum to 0: before you add them "
                    "up, multiply by how each score changes with T, −log p / T².",
                ),
            ),
            hints=(
                "Lesson 02: the loss changes with score k by q_k, less 1 for the label. How does the score log p_k / T "
                "change with T?",
                "mean over pictures of (log p[label] − Σ q_k · log p_k) / T²,  q = tempered(p, T)",
                "z, q = np.log(p), tempered(p, T); (z[np.arange(len(p)), labels] - (q * z).sum(axis=1)).mean() / T**2",
            ),
        ),
        Exercise(
            "21-crossing",
            "crossing",
            crossing,
            (
                lambda: (lambda x: x**3 - 77.0, 2.0, 9.0, 4),
                lambda: (lambda x: math.log(x) - 2.9, 3.0, 24.0, 7),
                lambda: (lambda x: math.atan(x - 4.3), 2.0, 11.0, 6),
            ),
            ("place",),
            wrong=CROSSING_WRONG,
            by_hand=_crossing_by_hand,
            properties=(case("for 60 halvings", crossing, lambda: (lambda x: x**3 - 77.0, 2.0, 9.0, 60), ("place",)),),
            hints=(
                "f is below 0 in the middle. On which side of the middle is the crossing?",
                "steps times: middle = (low + high) / 2; f(middle) < 0: low = middle, else high = middle",
                "for _ in range(steps): …; return (low + high) / 2",
            ),
        ),
        Exercise(
            "21-risk",
            "risk_coverage",
            risk_coverage,
            (_risk_probe(41, 14, [(2, 5, 9), (1, 7)]), _risk_probe(42, 11, []), _risk_probe(43, 17, [(0, 3)])),
            ("threshold", "coverage", "risk"),
            axes={name: ("entry",) for name in ("threshold", "coverage", "risk")},
            wrong=RISK_WRONG,
            by_hand=_risk_by_hand,
            properties=(case("if all are equally sure", risk_coverage, _all_alike, ("threshold", "coverage", "risk")),),
            hints=(
                "Sort by confidence, the surest first. How many are answered down to the i-th, and how many of them "
                "are wrong? What if the next one is just as sure?",
                "for each different confidence t: coverage = share with confidence ≥ t; risk = wrong among these / "
                "these",
                "order = np.argsort(-confidence); errors = np.cumsum(wrong[order]); keep the last of equal ones",
            ),
        ),
        Exercise(
            "21-allowed",
            "allowed_errors",
            allowed_errors,
            (lambda: (45, 0.13, 0.8), lambda: (30, 0.3, 0.93), lambda: (60, 0.07, 0.75)),
            ("allowed",),
            axes={"allowed": ("n",)},
            wrong=ALLOWED_WRONG,
            by_hand=_allowed_by_hand,
            outside=("zeros",),
            properties=(case("for 1,500 pictures", allowed_errors, lambda: (1500, 0.02, 0.9), ("allowed",)),),
            hints=(
                "If each answer is wrong with probability `risk`, how likely is it that none of n is? That at most one "
                "is?",
                "P(at most k of n) = Σ C(n, i) · riskⁱ · (1 − risk)ⁿ⁻ⁱ over i = 0 … k; the largest k with P ≤ 1 − "
                "level",
                "term = (1 - risk) ** n; then term *= (n - k) / (k + 1) * risk / (1 - risk), k + 1 after k; add them "
                "up",
            ),
        ),
        Exercise(
            "21-threshold",
            "threshold_for",
            threshold_for,
            (
                _threshold_probe(51, 24, 0.3, [(2, 5, 9), (1, 7)]),
                _threshold_probe(52, 30, 0.2, [(11, 4), (8, 3)]),
                _threshold_probe(54, 19, 0.35, [(6, 10)], from_=1),
                _equally_sure,
            ),
            ("threshold",),
            wrong=THRESHOLD_WRONG,
            by_hand=_threshold_by_hand,
            properties=(case("if none will do: then it is np.inf", threshold_for, _none_will_do, ("threshold",)),),
            hints=(
                "You have the errors among the n surest for every n. Which n may you answer? Which of them is best?",
                "the smallest t with errors among {confidence ≥ t} ≤ allowed[number of them];  none: np.inf",
                "for t in np.unique(confidence): here = confidence >= t; if wrong[here].sum() <= allowed[here.sum()]: "
                "…",
            ),
        ),
        Exercise(
            "21-distance",
            "distance",
            distance,
            (
                _distance_probe(61, 9, 14, 0.7),
                _distance_probe(62, 12, 8, -0.6, ties=((2, 1), (7, 5))),
                _distance_probe(63, 15, 11, 0.1, scale=2.5),
                _whole_values,
            ),
            ("distance",),
            wrong=DISTANCE_WRONG,
            by_hand=_distance_by_hand,
            properties=(case("for values that lie close together", distance, _crowded, ("distance",)),),
            hints=(
                "Of the window, 30 % lie at or below 0.8; of the reference, 12 %. Where is that difference largest? "
                "Where can it change at all?",
                "max over all values v of both of |share of window ≤ v − share of reference ≤ v|",
                "at = np.concatenate([window, reference]); np.searchsorted(np.sort(window), at, side='right') / "
                "len(window)",
            ),
        ),
        Exercise(
            "21-alarm",
            "alarm_level",
            alarm_level,
            (_alarm_probe(73, 24, 7, 11, 30, 0.2), _alarm_probe(74, 19, 9, 5, 23, 0.35)),
            ("level",),
            wrong=ALARM_WRONG,
            by_hand=_alarm_by_hand,
            outside=("one",),
            hints=(
                "Nothing has changed, and yet a window differs from the reference, because both are samples. By how "
                "much, in all but `rate` of the cases?",
                "distances[b] = distance(values[windows[b]], values[references[b]]);  their quantile 1 − rate",
                "np.quantile([distance(values[w], values[r]) for w, r in zip(windows, references)], 1 - rate)",
            ),
        ),
        Exercise(
            "21-report",
            "troubles",
            troubles,
            outputs=("troubles",),
            compare=False,
            properties=(
                *(Property(f"Y{100 + i}", _finds(client), "", about=client) for i, client in enumerate(FOUND)),
                *(Property(f"Y{110 + i}", _leaves(client), "", about=client) for i, client in enumerate(FINE)),
            ),
            hints=(
                "Which lines leave their band and stay outside? Which only look out once?",
                "One trouble shows in what the pictures look like, one in the labels alone, and one looks like good "
                "news.",
                "`look(client, day)` prints single requests. Compare labels with answers, and the numbers of pictures.",
            ),
        ),
    ),
)

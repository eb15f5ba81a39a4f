"""Whether probabilities mean what they say, how to mend them, and when to give no answer. Pure functions on NumPy.

N pictures, K classes. p: probabilities (N, K);  labels: integers (N,);  confidence: the first answer's probability.
"""

import math
from dataclasses import dataclass

import numpy as np

from tinyalex.backend import random_stream
from tinyalex.layers import softmax
from tinyalex.statistics import Interval, binomial_at_most

BINS = 15  # of the confidence, as Guo et al. have
LEVEL = 0.95  # certainty of intervals and of promised risks
LEAST, MOST = 0.05, 20.0  # temperatures
SMALLEST = float(np.finfo(np.float32).tiny)
NEAR = 1e-5  # many times what rounding moves a probability by
ROWS_AT_ONCE = 1024
STEPS = 20  # of the share of pictures that are answered
NUMBERS_AT_ONCE = 1 << 20  # drawn at once
VIEWS = ("centre crop", "ten crops")

Row = tuple[int, float, float]


def confidences(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(answer, confidence), (N,) both: the likeliest class, the first of equals, and its probability in float64."""
    return np.argmax(p, axis=1), np.max(p, axis=1).astype(np.float64)


# ---------------------------------------------------------------------------------------------- confidence and errors


def reliability(p: np.ndarray, labels: np.ndarray, bins: int = BINS) -> list[Row]:
    """The rows of a reliability diagram: whether answers given with probability 0.8 are right in 8 of 10 cases.

    Returns (pictures, mean confidence, share of right answers) for each of `bins` equal bins of the confidence; a bin
    includes its upper end; an empty one has NaN for mean and share.
    """
    answer, confidence = confidences(p)
    right, place, rows = answer == labels, _bin(confidence, bins), []
    for b in range(bins):
        here = place == b
        count = int(here.sum())
        mean, share = (float(confidence[here].mean()), float(right[here].mean())) if count else (math.nan, math.nan)
        rows.append((count, mean, share))
    return rows


def expected_calibration_error(p: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """ECE = Σ pictures/N · |share right − mean confidence|, over the rows of `reliability`.

    Source: Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks (ICML 2017), eq. 3.
    """
    answer, confidence = confidences(p)
    return float(_errors(_gaps(confidence, answer == labels, bins).sum(axis=0), len(labels)))


def calibration_errors(
    before: np.ndarray, after: np.ndarray, labels: np.ndarray, seed: int, bins: int = BINS, draws: int = 2000
) -> tuple[Interval, Interval, Interval]:
    """The ECE of two networks, or of one before and after a change, and how far it fell, with LEVEL intervals.

    N of the N pictures are drawn with replacement, `draws` times, the same for both. An interval is 2·ECE − q, from
    the upper to the lower quantile q of the draws' errors, since these lie as far above the ECE found as this lies, on
    average, above the true one: noise only adds to a sum of distances. It holds the ECE found, and reaches down to 0 if
    chance alone explains that (`error_by_chance`). In simulations, 81 to 95 of 100 hold the true ECE.
    before, after: (N, K). Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), ch. 13 (basic interval).
    """
    gaps = [_gaps(c, answer == labels, bins) for answer, c in map(confidences, (before, after))]
    N, rng, drawn = len(labels), random_stream(seed, "calibration"), []
    for counts in _pieces(draws, N, lambda size: rng.multinomial(N, np.full(N, 1 / N), size)):
        drawn.append([_errors(counts @ gap, N) for gap in gaps])
    first, second = np.concatenate(drawn, axis=1)
    a, b = (float(_errors(gap.sum(axis=0), N)) for gap in gaps)
    chance = [error_by_chance(confidences(p)[1], seed, bins, draws) for p in (before, after)]
    fell = _basic(a - b, first - second)
    return _error(_basic(a, first), chance[0]), _error(_basic(b, second), chance[1]), fell


def error_by_chance(confidence: np.ndarray, seed: int, bins: int = BINS, draws: int = 2000) -> float:
    """The ECE, at most, that N pictures show if each answer is right with exactly its confidence: the LEVEL quantile.

    An ECE below it cannot be told from that of a perfectly calibrated network.
    Source: Bröcker & Smith, Increasing the Reliability of Reliability Diagrams (2007), §3.
    """
    N, rng = len(confidence), random_stream(seed, "chance")
    places = np.eye(bins)[_bin(confidence, bins)]
    drawn = [
        _errors((right - confidence) @ places, N)
        for right in _pieces(draws, N, lambda size: rng.random((size, N)) < confidence)
    ]
    return float(np.quantile(np.concatenate(drawn), LEVEL))


def _bin(confidence, bins):
    """The bin of each confidence, (N,)."""
    return np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)


def _gaps(confidence, right, bins):
    """(right − confidence) of each picture in the column of its bin, (N, bins)."""
    return np.eye(bins)[_bin(confidence, bins)] * (right - confidence)[:, None]


def _errors(sums, N):
    """The ECE of sums of gaps, (…, bins)."""
    return np.abs(sums).sum(axis=-1) / N


def _pieces(draws, N, draw):
    """The results of draw(size), whose sizes add up to `draws`."""
    at_once = max(1, NUMBERS_AT_ONCE // N)
    return (draw(min(at_once, draws - start)) for start in range(0, draws, at_once))


def _basic(found, drawn):
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(found, float(min(found, 2 * found - high)), float(max(found, 2 * found - low)))


def _error(interval, chance):
    """The interval of an error, which ends at 0."""
    return Interval(interval.mean, 0.0 if interval.mean <= chance else max(0.0, interval.low), interval.high)


# ---------------------------------------------------------------------------------------------- temperature


def tempered(p: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(log p / T), (N, K) in float64, in which no two numbers become equal: the order of the classes is kept.

    T above 1 makes a network less sure, below 1 surer; at 1 the numbers stay as they are. log p is the scores up to a
    constant for each picture, so for one view this is softmax(scores / T). A p below the smallest float32 counts as it.
    """
    if temperature == 1:
        return p.astype(np.float64)
    return softmax(_log(p) / temperature)


def _log(p):
    return np.log(np.maximum(p.astype(np.float64), SMALLEST))


def fit_temperature(p: np.ndarray, labels: np.ndarray) -> float:
    """The temperature, from LEAST to MOST, with the least mean −log of the right class's probability.

    With z = log p and b = 1/T the loss is convex in b: its slope is mean(E[z] − z[label]), its curvature mean(Var[z]),
    both under softmax(b·z). Newton's steps find the root of the slope, or halve the range where they would leave it.
    1 if nothing tells: without a picture, with the same p for every class, or if every answer is right, since then the
    loss falls without end as the network is made surer, and no wrong answer says how sure it may be.
    Source: Guo et al. (2017), §4.2; the scores of ten views are not averaged, their probabilities are.
    """
    if len(p) == 0 or (np.argmax(p, axis=1) == labels).all():
        return 1.0
    low, high, b = 1 / MOST, 1 / LEAST, 1.0
    for _ in range(100):
        slope, curvature = _slopes(p, labels, b)
        if slope == 0:
            break
        low, high = (low, b) if slope > 0 else (b, high)
        last, b = b, b - slope / curvature if curvature else low
        if not low < b < high:
            b = (low + high) / 2
        if abs(b - last) <= 1e-12 * b:
            break
    return 1 / b


def _slopes(p, labels, b):
    """(slope, curvature) of the mean loss at b = 1/T."""
    slope = curvature = 0.0
    for start in range(0, len(p), ROWS_AT_ONCE):
        z, here = _log(p[start : start + ROWS_AT_ONCE]), labels[start : start + ROWS_AT_ONCE]
        z -= z.max(axis=1, keepdims=True)
        q = softmax(b * z)
        mean = (q * z).sum(axis=1)
        slope += float((mean - z[np.arange(len(here)), here]).sum())
        curvature += float((q * (z - mean[:, None]) ** 2).sum())
    return slope / len(p), curvature / len(p)


def halves(labels: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two halves of the pictures as sorted indices, drawn at random within each class.

    The odd pictures of classes go to the two in turn, so that their sizes differ by one at most.
    """
    drawn = random_stream(seed, "halves").permutation(len(labels))
    by_class = drawn[np.argsort(np.asarray(labels)[drawn], kind="stable")]
    return np.sort(by_class[::2]), np.sort(by_class[1::2])


# ---------------------------------------------------------------------------------------------- giving no answer


def risk_coverage(confidence: np.ndarray, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(confidence, coverage, risk): what is answered from each confidence on, the highest first.

    coverage: the share of pictures with at least this confidence;  risk: the share of wrong answers among them
    confidence, wrong: (N,). Equal confidences are one entry, since no threshold lies between them.
    Source: El-Yaniv & Wiener, On the Foundations of Noise-free Selective Classification (JMLR 2010).
    """
    order = np.argsort(-confidence, kind="stable")
    sorted_ = confidence[order]
    ends = np.flatnonzero(np.append(sorted_[1:] != sorted_[:-1], True)) if len(order) else order
    errors = np.cumsum(np.asarray(wrong, bool)[order])[ends]
    return sorted_[ends], (ends + 1) / max(1, len(order)), errors / (ends + 1)


def threshold_for(confidence: np.ndarray, wrong: np.ndarray, risk: float, level: float = LEVEL) -> float | None:
    """The lowest confidence from which at most `risk` of the answers are wrong, with certainty `level`; or None.

    Thresholds are tried from high to low: those that answer a tenth of the pictures, and each twentieth more. The last
    before the first failure is taken. One holds if, under a larger risk, as few wrong answers as were found would have
    a probability of at most 1 − level. As their order is fixed beforehand, all that hold do so together with that
    certainty, without a correction for their number. Those with too few pictures for any promise are left out.
    confidence, wrong: (N,), of pictures that nothing was fitted to. Thresholds are whole ten-thousandths.
    Source: Geifman & El-Yaniv, Selective Classification for Deep Neural Networks (NeurIPS 2017), Lemma 3.1; the fixed
    order instead of its binary search: Angelopoulos et al., Learn then Test (2021), §3.2.
    """
    if risk >= 1:
        return 0.0
    N, kept = len(confidence), None
    thresholds, coverage, found = risk_coverage(np.floor(confidence * 1e4) / 1e4, wrong)
    answered = np.rint(coverage * N).astype(int)
    for step in range(STEPS // 10, STEPS + 1):
        wanted = math.ceil(N * step / STEPS)
        if binomial_at_most(0, wanted, risk) > 1 - level:
            continue
        place = int(np.searchsorted(answered, wanted))
        if binomial_at_most(round(found[place] * answered[place]), int(answered[place]), risk) > 1 - level:
            break
        kept = float(thresholds[place])
    return kept


# ---------------------------------------------------------------------------------------------- a calibrated network


@dataclass(frozen=True)
class Calibration:
    """How a network's probabilities become honest, and when it should give no answer.

    temperature;  threshold: the confidence from which it answers; None if none is known to suffice
    risk: the largest share of wrong answers wanted;  level: the certainty of that
    view: "centre crop" or "ten crops", the only one it is for
    pictures: those it was judged on, none of which the temperature was fitted to
    ece_before, ece_after: the expected calibration error of these;  checkpoint: the file's sha256
    """

    temperature: float
    threshold: float | None
    risk: float
    level: float
    view: str
    pictures: int
    ece_before: Interval
    ece_after: Interval
    checkpoint: str

    def probabilities(self, p: np.ndarray) -> np.ndarray:
        """The calibrated probabilities: float64 (N, K). p: the network's own"""
        return tempered(p, self.temperature)

    def sure(self, confidence: np.ndarray) -> np.ndarray:
        """Which answers may be given: bool, of the shape of `confidence`, which is calibrated."""
        if self.threshold is None:
            return np.zeros(np.shape(confidence), bool)
        return np.asarray(confidence) >= self.threshold

    def reason(self, confidence: float) -> str:
        """Why an answer of this calibrated confidence is not to be given, in words; "" if it is."""
        if self.sure(np.asarray(confidence)):
            return ""
        wanted = f"at most {100 * self.risk:.4g}% of the answers"
        if self.threshold is None:
            return f"no confidence is known from which {wanted} are wrong"
        found = math.floor(confidence * 1e4) / 1e4  # not rounded up to the threshold
        return f"its confidence, {found:.2%}, is below {self.threshold:.2%}, from which {wanted} are wrong"


def undecided(p: np.ndarray, calibration: Calibration | None = None) -> np.ndarray:
    """The pictures whose first answer, or whether it is given, rounding could change: bool (N,).

    Two classes are within NEAR, or the calibrated confidence is as near to the threshold. Computed alone, such a
    picture gets the same answer whatever else is asked. p: the network's own probabilities
    """
    if p.shape[1] > 1:
        second, first = np.partition(p, -2, axis=1)[:, -2:].T
        found = first - second < NEAR
    else:
        found = np.zeros(len(p), bool)
    if calibration and calibration.threshold:
        moved = NEAR * max(1.0, 1 / calibration.temperature)  # T below 1 enlarges the rounding of p
        found |= np.abs(confidences(calibration.probabilities(p))[1] - calibration.threshold) < moved
    return found

"""Honest probabilities, against loops, hand-made values, PyTorch, and simulations with a known truth."""

import math

import numpy as np
import pytest

from tests.checks import agree, edited
from tinyalex.calibration import (
    LEAST,
    MOST,
    Calibration,
    calibration_errors,
    confidences,
    error_by_chance,
    expected_calibration_error,
    fit_temperature,
    halves,
    reliability,
    risk_coverage,
    tempered,
    threshold_for,
    undecided,
)
from tinyalex.statistics import Interval

TINY = float(np.finfo(np.float32).tiny)


def answers(N, K, truth, seed=0):
    """(p, labels): softmax of random scores, and labels drawn as if the scores had been divided by `truth`."""
    rng = np.random.default_rng(seed)
    z = 3 * rng.standard_normal((N, K))
    p, q = (np.exp(scores - scores.max(axis=1, keepdims=True)) for scores in (z, z / truth))
    q = q / q.sum(axis=1, keepdims=True)
    labels = (rng.random((N, 1)) > q.cumsum(axis=1)).sum(axis=1).clip(0, K - 1)
    return (p / p.sum(axis=1, keepdims=True)).astype(np.float32), labels


# ---------------------------------------------------------------------------------------------- reliability


def reliability_by_loops(p, labels, bins):
    rows, ece = [], 0.0
    for b in range(bins):
        inside = [n for n in range(len(p)) if b / bins < max(p[n]) <= (b + 1) / bins]
        right = [list(p[n]).index(max(p[n])) == labels[n] for n in inside]
        mean = sum(max(p[n]) for n in inside) / len(inside) if inside else math.nan
        share = sum(right) / len(inside) if inside else math.nan
        rows.append((len(inside), mean, share))
        ece += len(inside) / len(p) * abs(share - mean) if inside else 0
    return rows, ece


def check_reliability(rows=reliability):
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.full(6, 0.4), 80)
    labels = rng.integers(0, 6, 80)
    for bins in (10, 4):
        expected, ece = reliability_by_loops(p.tolist(), labels, bins)
        np.testing.assert_allclose(rows(p, labels, bins), expected, rtol=1e-12)  # NaN for an empty bin, in both
        assert expected_calibration_error(p, labels, bins) == pytest.approx(ece, rel=1e-12)


def test_reliability():
    check_reliability()


@pytest.mark.parametrize("edits", [("answer == labels", "answer != labels"), ("right[here].mean()", "right.mean()")])
def test_reliability_teeth(edits):
    with pytest.raises(AssertionError):
        check_reliability(edited(reliability, *edits))


def test_reliability_by_hand():
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.5, 0.5]])
    labels = np.array([0, 1, 1, 0])
    agree(reliability(p, labels, bins=2), [(1, 0.5, 1.0), (3, 0.8, 2 / 3)], "0.5 belongs to the lower half")
    assert expected_calibration_error(p, labels, bins=2) == pytest.approx(0.25 * 0.5 + 0.75 * (0.8 - 2 / 3))
    assert expected_calibration_error(np.eye(3), np.arange(3)) == 0, "sure and right"
    assert expected_calibration_error(np.eye(3), np.array([1, 2, 0])) == 1, "sure and wrong"


def test_gaps_in_opposite_directions_do_not_cancel_between_bins():
    p = np.array([[0.9, 0.1]] * 10 + [[0.6, 0.4]] * 10)
    labels = np.array([1] * 4 + [0] * 16)  # 6 of 10 right at 0.9, all at 0.6
    assert expected_calibration_error(p, labels) == pytest.approx((0.3 + 0.4) / 2)


def test_intervals_hold_the_true_error():
    """The true ECE is known, as the chance that an answer is right is: the intervals miss it in few of 60 cases."""
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.15):
        held = 0
        for seed in range(60):
            confidence = rng.uniform(0.5, 1.0, 200)
            right = rng.random(200) < confidence - shift
            p = np.stack([confidence, 1 - confidence], axis=1)
            interval, _, fell = calibration_errors(p, p, np.where(right, 0, 1), seed, draws=200)
            held += interval.low <= shift <= interval.high
            assert interval.low <= interval.mean <= interval.high and fell == Interval(0, 0, 0)
        assert held >= 48


def test_chance_makes_an_error_of_perfect_probabilities():
    confidence = np.full(100, 0.8)
    rng = np.random.default_rng(0)
    expected = np.quantile(np.abs(rng.binomial(100, 0.8, 5000) / 100 - 0.8), 0.95)  # one bin: |share − 0.8|
    assert error_by_chance(confidence, 0) == pytest.approx(expected, abs=0.01)
    assert error_by_chance(np.ones(100), 0) == 0


# ---------------------------------------------------------------------------------------------- temperature


def test_tempered_by_hand():
    p = np.array([[0.64, 0.32, 0.04]], np.float32)
    agree(tempered(p, 2), np.sqrt(p) / np.sqrt(p).sum(), "T = 2 takes square roots", rtol=1e-6)
    agree(tempered(p, 0.5), p**2 / (p**2).sum(), "T = 1/2 takes squares", rtol=1e-6)
    agree(tempered(p, 1), p, "T = 1 changes nothing", exact=True)
    agree(tempered(np.array([[1, 0]], np.float32), 2), [[1, math.sqrt(TINY)]], "0 is the smallest float32", rtol=1e-9)


def test_the_ranking_is_kept():
    near = np.float32(0.25) + np.arange(4, dtype=np.float32) * np.spacing(np.float32(0.25))
    p = np.stack([near, near[::-1], near[[1, 3, 0, 2]]])
    for temperature in (LEAST, 0.7, 3, MOST):
        found = tempered(p, temperature)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(np.argsort(found, axis=1), np.argsort(p, axis=1))
        agree(found.sum(axis=1), np.ones(3), "rows add up to 1", rtol=1e-12)
        assert (np.diff(np.sort(found, axis=1)) > 0).all(), "no new ties"
    assert tempered(np.full((1, 4), 0.25), 5).tolist() == [[0.25] * 4]


@pytest.mark.parametrize("truth", [0.4, 1.0, 2.3])
def test_the_temperature_is_that_of_the_labels(truth):
    p, labels = answers(4000, 8, truth)
    assert fit_temperature(p, labels) == pytest.approx(truth, rel=0.06)


def loss(p, labels, temperature):
    return -np.log(tempered(p, temperature)[np.arange(len(p)), labels]).mean()


def check_fit(fit):
    for seed, truth in enumerate((0.5, 1.4, 4)):
        p, labels = answers(90, 5, truth, seed)
        found = fit(p, labels)
        values = [loss(p, labels, found * factor) for factor in (1 - 1e-3, 1, 1 + 1e-3)]
        assert values[1] < min(values[0], values[2]), "no least loss"


def test_fit_has_the_least_loss():
    check_fit(fit_temperature)


@pytest.mark.parametrize("edits", [("return 1 / b", "return b"), ("low, b) if slope > 0", "low, b) if slope < 0")])
def test_fit_teeth(edits):
    with pytest.raises(AssertionError):
        check_fit(edited(fit_temperature, *edits))


def test_fit_as_pytorch():
    torch = pytest.importorskip("torch")
    p, labels = answers(300, 7, 1.9)
    z, t = torch.log(torch.tensor(p, dtype=torch.float64)), torch.ones(1, dtype=torch.float64, requires_grad=True)
    tolerances = {"tolerance_grad": 1e-12, "tolerance_change": 1e-14}
    optimizer = torch.optim.LBFGS([t], max_iter=100, line_search_fn="strong_wolfe", **tolerances)

    def closure():
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(z / t, torch.tensor(labels))
        value.backward()
        return value

    optimizer.step(closure)
    assert fit_temperature(p, labels) == pytest.approx(t.item(), rel=1e-6)


def test_fits_without_a_least_loss():
    p = np.array([[0.7, 0.3], [0.2, 0.8]], np.float32)
    assert fit_temperature(p, np.array([0, 1])) == 1, "all right: nothing says how sure it may be"
    assert fit_temperature(p, np.array([1, 0])) == pytest.approx(MOST), "all wrong: as unsure as may be"
    assert fit_temperature(p[:0], np.array([], int)) == 1
    assert fit_temperature(np.full((4, 3), 1 / 3, np.float32), np.arange(4) % 3) == 1, "no class before another"
    assert fit_temperature(np.ones((3, 1), np.float32), np.zeros(3, int)) == 1, "one class"
    sure = np.tile(np.array([[1, 0, 0]], np.float32), (10, 1))
    assert fit_temperature(sure, np.array([0] * 9 + [1])) > 5, "a p of 0 for the right class is a finite loss"
    close = np.array([[0.51, 0.49]] * 99 + [[0.5001, 0.4999]], np.float32)
    assert fit_temperature(close, np.array([0] * 99 + [1])) == pytest.approx(LEAST), "one wrong, and nearly not"


def test_halves_are_stratified_and_seeded():
    labels = np.repeat(np.arange(5), [7, 1, 4, 3, 1])
    first, second = halves(labels)
    assert sorted([*first, *second]) == list(range(16)) and len(first) == len(second) == 8
    assert np.abs(np.bincount(labels[first], minlength=5) - np.bincount(labels[second], minlength=5)).max() <= 1
    np.testing.assert_array_equal(halves(labels)[0], first)
    assert halves(labels, seed=1)[0].tolist() != first.tolist()


# ---------------------------------------------------------------------------------------------- giving no answer


def test_risk_and_coverage_by_hand():
    confidence, wrong = np.array([0.5, 0.9, 0.7, 0.7]), np.array([True, False, True, False])
    found = risk_coverage(confidence, wrong)
    agree(found[0], [0.9, 0.7, 0.5], "equal confidences are one entry")
    agree(found[1], [1 / 4, 3 / 4, 1], "coverage")
    agree(found[2], [0, 1 / 3, 1 / 2], "risk")


def holds(errors, n, risk, level=0.95):
    return sum(math.comb(n, i) * risk**i * (1 - risk) ** (n - i) for i in range(errors + 1)) <= 1 - level


def threshold_by_loops(confidence, wrong, risk):
    """The rule as told: at each twentieth of the pictures count the wrong ones; stop at the first failure."""
    order = sorted(range(len(confidence)), key=lambda n: -confidence[n])
    kept = None
    for twentieths in range(2, 21):
        n = math.ceil(len(order) * twentieths / 20)
        if holds(0, n, risk):
            if not holds(sum(wrong[i] for i in order[:n]), n, risk):
                return kept
            kept = math.floor(confidence[order[n - 1]] * 1e4) / 1e4
    return kept


def check_threshold(threshold=threshold_for):
    rng = np.random.default_rng(2)
    found = []
    for N, risk in ((60, 0.3), (100, 0.2), (150, 0.2), (200, 0.3), (59, 0.05), (58, 0.05)):
        for b in (0.3, 1.2):
            confidence = rng.permutation(np.unique(np.floor(rng.beta(2.2, b, N) * 1e4) / 1e4))
            wrong = rng.random(len(confidence)) > confidence
            found.append(threshold(confidence, wrong, risk))
            assert found[-1] == threshold_by_loops(confidence, wrong, risk)
    assert None in found and len(set(found)) >= 6, found


def test_threshold():
    check_threshold()


@pytest.mark.parametrize(
    "edits",
    [
        ("int(answered[place]), risk) > 1 - level", "int(answered[place]), risk) > 1.5 - 1.5 * level"),
        ("            break", "            continue"),
        ("found[place] * answered[place]", "found[place] * answered[place] / 2"),
        ("            continue", "            break"),
    ],
)
def test_threshold_teeth(edits):
    with pytest.raises(AssertionError):
        check_threshold(edited(threshold_for, *edits))


def test_thresholds_at_the_ends():
    confidence = np.linspace(0.5, 0.9999, 100)
    right = np.zeros(100, bool)
    assert threshold_for(confidence, right, 0.05) == 0.5, "nothing wrong: all are answered"
    assert threshold_for(confidence, ~right, 0.05) is None
    assert threshold_for(confidence[:58], right[:58], 0.05) is None, "0.95⁵⁸ > 0.05: too few for any promise"
    assert threshold_for(confidence[:59], right[:59], 0.05) == 0.5
    assert threshold_for(confidence, ~right, 1.0) == 0, "any risk is as wanted"
    assert threshold_for(np.full(100, 0.7), np.arange(100) < 50, 0.4) is None, "ties cannot be told apart"
    assert threshold_for(np.full(100, 0.7), np.arange(100) < 50, 0.7) == 0.7


def test_the_promise_is_kept():
    """Each picture is wrong with the probability 1 − confidence, so the true risk above any threshold is known."""
    rng, broken, found = np.random.default_rng(3), 0, 0
    for _ in range(200):
        confidence = rng.beta(2.2, 1.2, 150)
        threshold = threshold_for(confidence, rng.random(150) > confidence, 0.2)
        if threshold is not None:
            found += 1
            broken += (1 - confidence[confidence >= threshold]).mean() > 0.2
    assert found > 100 and broken <= 17  # of 200, 10 are expected at most; 18 or more have a probability of 1 in 100


# ---------------------------------------------------------------------------------------------- a calibrated network

CALIBRATION = Calibration(
    2.0, 0.6, 0.05, 0.95, "centre crop", 100, Interval(0.1, 0.05, 0.2), Interval(0.02, 0, 0.03), "0" * 64
)


def test_reasons():
    assert CALIBRATION.reason(0.6) == CALIBRATION.reason(0.99) == ""
    assert CALIBRATION.reason(0.59999) == (
        "its confidence, 59.99%, is below 60.00%, from which at most 5% of the answers are wrong"
    )
    never = Calibration(**vars(CALIBRATION) | {"threshold": None})
    assert never.reason(1.0) == "no confidence is known from which at most 5% of the answers are wrong"
    assert not never.sure(np.ones(2)).any()
    always = Calibration(**vars(CALIBRATION) | {"threshold": 0.0})
    assert always.reason(0.0) == ""


def test_undecided():
    p = np.array([[0.5, 0.499995, 0], [0.5, 0.4999, 0], [0.3, 0.3, 0.4]])
    p /= p.sum(axis=1, keepdims=True)
    assert undecided(p).tolist() == [True, False, False]
    squares = np.array([[0.6, 0.4], [0.60001, 0.39999], [0.7, 0.3]]) ** 2
    p = squares / squares.sum(axis=1, keepdims=True)  # at T = 2 they are 0.6, 0.60001 and 0.7 again
    assert undecided(p, CALIBRATION).tolist() == [True, False, False]
    assert undecided(np.ones((2, 1))).tolist() == [False, False]


def test_confidences_take_the_first_of_equals():
    answer, confidence = confidences(np.array([[0.25, 0.5, 0.25], [0.4, 0.4, 0.2]], np.float32))
    assert answer.tolist() == [1, 0] and confidence.dtype == np.float64


def test_a_larger_risk_answers_no_less():
    rng = np.random.default_rng(4)
    for _ in range(20):
        confidence = rng.beta(2.2, 1.2, 120)
        wrong = rng.random(120) > confidence
        found = [threshold_for(confidence, wrong, risk) for risk in np.arange(0.05, 1, 0.05)]
        assert [2 if t is None else t for t in found] == sorted((2 if t is None else t for t in found), reverse=True)

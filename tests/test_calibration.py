"""Honest probabilities, against loops, hand-made values, PyTorch, and simulations with a known truth."""

import math

import numpy as np
import pytest

from tests.checks import agree
from tinyalex.calibration import expected_calibration_error, reliability

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


def check_reliability(reliability=reliability, expected_calibration_error=expected_calibration_error):
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.full(6, 0.4), 80)
    labels = rng.integers(0, 6, 80)
    for bins in (10, 4):
        expected, expected_ece = reliability_by_loops(p.tolist(), labels, bins)
        np.testing.assert_allclose(reliability(p, labels, bins), expected, rtol=1e-12)  # NaN for an empty bin, in both
        assert expected_calibration_error(p, labels, bins) == pytest.approx(expected_ece, rel=1e-12)


def test_reliability():
    check_reliability()


def test_reliability_by_hand():
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.5, 0.5]])
    labels = np.array([0, 1, 1, 0])
    agree(reliability(p, labels, bins=2), [(1, 0.5, 1.0), (3, 0.8, 2 / 3)], "0.5 belongs to the lower half")
    assert expected_calibration_error(p, labels, bins=2) == pytest.approx(0.25 * 0.5 + 0.75 * (0.8 - 2 / 3))
    assert expected_calibration_error(np.eye(3), np.arange(3)) == 0, "sure and right"
    assert expected_calibration_error(np.eye(3), np.array([1, 2, 0])) == 1, "sure and wrong"

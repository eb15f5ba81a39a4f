"""Confusion, errors by class and calibration: by hand, and by loops."""

import math

import numpy as np
import pytest

from tests.checks import agree, edited
from tinyalex.inspection.errors import calibration, confusion, errors_by_class, largest_confusions

MATRIX = np.array([[5, 2, 0], [0, 3, 4], [2, 0, 8]])


def check_confusion(confusion):
    labels, answers = np.random.default_rng(0).integers(0, 4, (2, 50))  # the last of 5 classes has no picture
    for K, dtype in (5, np.int64), (100, np.uint8):  # 3 · 100 does not fit into a byte
        expected = np.zeros((K, K), int)
        for label, answer in zip(labels, answers):
            expected[label, answer] += 1
        found = confusion(labels.astype(dtype), answers.astype(dtype), K)
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, expected)


def test_confusion():
    check_confusion(confusion)


@pytest.mark.parametrize(
    "edits",
    [
        ("labels * K + answers", "answers * K + labels"),
        ("minlength=K * K", "minlength=0"),
        ("asarray(labels, np.int64)", "asarray(labels)"),
    ],
)
def test_confusion_teeth(edits):
    with pytest.raises((AssertionError, ValueError)):
        check_confusion(edited(confusion, *edits))


def test_largest_confusions():
    before = MATRIX.copy()
    assert largest_confusions(MATRIX, 2) == [(1, 2, 4), (0, 1, 2)]  # (0, 1) before (2, 0): equals in order
    assert largest_confusions(MATRIX, 9) == [(1, 2, 4), (0, 1, 2), (2, 0, 2)], "a count of 0 is not a confusion"
    assert largest_confusions(np.diag([3, 4]), 5) == []
    np.testing.assert_array_equal(MATRIX, before)


def test_errors_by_class():
    agree(errors_by_class(MATRIX), [2 / 7, 4 / 7, 2 / 10], "by hand")
    found = errors_by_class([[1, 1], [0, 0]])
    assert found[0] == 0.5 and math.isnan(found[1])


def calibration_by_loops(p, labels, bins):
    rows, ece = [], 0.0
    for b in range(bins):
        inside = [n for n in range(len(p)) if b / bins < max(p[n]) <= (b + 1) / bins]
        right = [list(p[n]).index(max(p[n])) == labels[n] for n in inside]
        mean = sum(max(p[n]) for n in inside) / len(inside) if inside else math.nan
        share = sum(right) / len(inside) if inside else math.nan
        rows.append((len(inside), mean, share))
        ece += len(inside) / len(p) * abs(share - mean) if inside else 0
    return rows, ece


def check_calibration(calibration):
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.full(6, 0.4), 80)
    labels = rng.integers(0, 6, 80)
    for bins in (10, 4):
        rows, ece = calibration(p, labels, bins)
        expected, expected_ece = calibration_by_loops(p.tolist(), labels, bins)
        np.testing.assert_allclose(rows, expected, rtol=1e-12)  # NaN where no picture lies, in both
        assert ece == pytest.approx(expected_ece, rel=1e-12)


def test_calibration():
    check_calibration(calibration)


@pytest.mark.parametrize(
    "edits",
    [
        ("np.ceil(confidence * bins).astype(int) - 1", "np.ceil(confidence * bins).astype(int)"),
        ("np.argmax(p, axis=1) == labels", "np.argmin(p, axis=1) == labels"),
        ("abs(share - mean)", "(share - mean)"),
        ("count * abs(share - mean) / len(labels)", "abs(share - mean) / bins"),
    ],
)
def test_calibration_teeth(edits):
    with pytest.raises(AssertionError):
        check_calibration(edited(calibration, *edits))


def test_calibration_by_hand():
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.5, 0.5]])
    rows, ece = calibration(p, np.array([0, 1, 1, 0]), bins=2)
    agree(rows, [(1, 0.5, 1.0), (3, 0.8, 2 / 3)], "0.5 belongs to the lower half")
    assert ece == pytest.approx(0.25 * 0.5 + 0.75 * (0.8 - 2 / 3))
    assert calibration(np.eye(3), np.arange(3))[1] == 0, "sure and right"
    assert calibration(np.eye(3), np.array([1, 2, 0]))[1] == 1, "sure and wrong"

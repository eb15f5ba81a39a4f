"""Confusion and errors by class: by hand, and by loops."""

import math

import numpy as np
import pytest

from tests.checks import agree, edited
from tinyalex.inspection.errors import confusion, errors_by_class, largest_confusions

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

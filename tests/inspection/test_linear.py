"""The linear classifier against ridge regression solved anew, for every strength and every picture left out."""

import numpy as np
import pytest

from tests.checks import edited
from tinyalex.inspection import linear
from tinyalex.inspection.linear import STRENGTHS, linear_answers

K = 3


def pictures(N, D, seed=0, noise=1.0):
    """Features around a place of each class, labels, and as many queries with their labels."""
    rng = np.random.default_rng(seed)
    places, labels, asked = rng.standard_normal((K, D)), rng.permutation(np.arange(N) % K), np.arange(60) % K
    x, q = (places[k] + noise * rng.standard_normal((len(k), D)) + 5 for k in (labels, asked))
    return x.astype(np.float32), labels, q.astype(np.float32), asked


def ridge(x, y, strength, queries):
    """ŷ of the queries by the normal equations, the offset not penalised."""
    mean, offset = x.mean(axis=0), y.mean(axis=0)
    w = np.linalg.solve((x - mean).T @ (x - mean) + strength * np.eye(x.shape[1]), (x - mean).T @ (y - offset))
    return (queries - mean) @ w + offset


def by_refitting(x, labels, queries):
    """The answers, with the strength chosen by fitting once for each picture left out."""
    x, queries, y, N = x.astype(float), queries.astype(float), np.eye(K)[labels], len(x)
    largest = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)[0] ** 2
    errors = []
    for strength in STRENGTHS * largest:
        others = [np.arange(N) != n for n in range(N)]
        left_out = [ridge(x[rest], y[rest], strength, x[~rest])[0].argmax() for rest in others]
        errors.append(((np.array(left_out) != labels).sum(), -strength))
    return ridge(x, y, -min(errors)[1], queries).argmax(axis=1)


def check_answers(linear_answers):
    """More pictures than features, and fewer."""
    for N, D, seed in [(40, 6, 0), (24, 24, 1), (15, 40, 2), (30, 4, 3)]:
        x, labels, queries, _ = pictures(N, D, seed, noise=2.0)
        np.testing.assert_array_equal(linear_answers(x, labels, queries, K), by_refitting(x, labels, queries))


def test_answers():
    check_answers(linear_answers)


@pytest.mark.parametrize(
    "function, old, new",
    [
        ("linear_answers", "x, offset = x - mean, ", "offset = "),
        ("linear_answers", "w + offset", "w"),
        ("linear_answers", "best * squares", "STRENGTHS[-1] * squares"),
        ("_axes", " / np.sqrt(squares)", ""),
        ("_left_out_errors", " - 1 / len(y))", ")"),
        ("_left_out_errors", "(1 - (U * U)", "(1 + 0 * (U * U)"),
        ("_left_out_errors", "y - rest + offset", "rest + offset"),
        ("_left_out_errors", ", -penalty", ", penalty"),
    ],
)
def test_teeth(monkeypatch, function, old, new):
    monkeypatch.setattr(linear, function, edited(getattr(linear, function), old, new))
    with pytest.raises((AssertionError, ValueError)):
        check_answers(linear.linear_answers)


@pytest.mark.parametrize("N, D", [(12, 50), (300, 5)])
def test_what_can_be_told_apart_is(N, D):
    x, labels, queries, asked = pictures(N, D, noise=0.01)
    np.testing.assert_array_equal(linear_answers(x, labels, queries, K), asked)


def test_features_that_say_nothing():
    """All alike, or not even different from one another: every picture gets the class that most have."""
    labels = np.array([1, 1, 1, 0, 2])
    for x in (np.ones((5, 4)), np.zeros((5, 9))):
        assert set(linear_answers(x, labels, x, K)) == {1}


def test_the_scale_of_features_does_not_matter():
    x, labels, queries, _ = pictures(30, 8, noise=2.0)
    np.testing.assert_array_equal(
        linear_answers(x, labels, queries, K), linear_answers(1e4 * x, labels, 1e4 * queries, K)
    )

"""Checks of form, which know no exercise: kinds, digits, float32, views, read-only arrays, what is kept."""

import numpy as np
import pytest

from tests.teaching.test_examine import DY, X, one
from tinyalex.teaching.examine import examine
from tinyalex.teaching.exercise import Exercise
from tinyalex.teaching.mistakes import RIGHT


def told(ours, arguments, function, **more):
    exercise = one("answer", ours, arguments, **more)
    assert examine(exercise, ours).state == RIGHT
    return examine(exercise, function)


# ---------------------------------------------------------------------------------------------- kinds


@pytest.mark.parametrize(
    "returned, words",
    [
        (5.0, "y is 5.0, a float; expected an integer: later code uses it as a count or an index."),
        (np.float32(5), "y is 5.0, a float; expected an integer"),
        (True, None),
    ],
)
def test_a_float_for_an_integer(returned, words):
    found = told(lambda x: 5, (X,), lambda x: returned)
    if words is None:
        assert found.state != RIGHT
    else:
        assert found.wrong == "kind" and words in found.text
    for other in (5, np.int64(5), np.int32(5), np.array(5)):
        assert told(lambda x: 5, (X,), lambda x, other=other: other).state == RIGHT


@pytest.mark.parametrize("kind", [np.matrix, np.ma.masked_array])
def test_arrays_that_calculate_in_another_way(kind):
    found = told(lambda x: 2 * x, (X[0, 0],), lambda x: kind(2 * x))
    assert found.wrong == "kind" and "expected a plain array." in found.text


def test_integers_that_wrap_round():
    def places(x):
        return (x > 0).sum(axis=-1)

    found = told(places, (X,), lambda x: (x > 0).sum(axis=-1, dtype=np.int8))
    assert (found.wrong, found.text) == ("kind", "y is int8, which wraps round beyond 127.")
    assert told(places, (X,), lambda x: (x > 0).sum(axis=-1, dtype=np.int32)).state == RIGHT
    assert told(lambda x: x.astype(np.uint8), (np.abs(X),), lambda x: x.astype(np.uint8)).state == RIGHT


def test_arrays_of_another_kind():
    def places(x):
        return (x > 0).sum(axis=-1)

    found = told(places, (X,), lambda x: (x > 0).sum(axis=-1, dtype=float))
    assert found.wrong == "kind" and found.text.startswith("y is an array of float64; expected one of integers")
    found = told(lambda x: x > 0, (X,), lambda x: (x > 0).astype(int))
    assert found.wrong == "kind" and "expected one of booleans: later code uses it as a choice" in found.text
    found = told(lambda x: (x > 0).astype(int), (X,), lambda x: x > 0)
    assert found.wrong == "kind" and "expected numbers: .astype(int) or .astype(float) makes them." in found.text
    assert told(lambda x: 3.0, (X,), lambda x: 3).state == RIGHT, "3 will do where 3.0 is asked"


# ---------------------------------------------------------------------------------------------- digits


def test_float64_that_was_narrowed():
    found = told(lambda x: 3 * x, (X,), lambda x: (3 * x).astype(np.float32) if x.dtype == float else 3 * x)
    assert (found.wrong, found.text[:36]) == ("single", "y is float32, but float64 went in. M")
    factor = np.float32(1 / 3)
    found = told(lambda x: x / 3, (X,), lambda x: x * (float(factor) if x.dtype == float else factor))
    assert found.wrong == "single" and found.text.startswith("y is right to about 8 digits only")
    assert told(lambda x: x / 3, (X,), lambda x: x * 0.3333333333333333).state == RIGHT


def test_values_for_float32():
    def safe(x):
        return x / np.sqrt((x * x).sum())

    found = told(safe, (X,), lambda x: safe(x) if x.dtype == float else np.zeros_like(x))
    assert found.wrong == "float32" and found.text.startswith(
        "With float32 input y[picture 0, row 0, column 0, channel 0]"
    )
    high = np.array([[90.0, 89.0], [1.0, 2.0]])

    def softmax(x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def overflows_in_float32(x):
        e = np.exp(x)
        return e / e.sum(axis=1, keepdims=True)

    found = told(softmax, (high,), overflows_in_float32)
    assert found.wrong == "float32" and "y[0, 0] is nan, expected 0.731059; float64 is right." in found.text
    assert told(softmax, (high,), lambda x: np.exp(x - np.logaddexp.reduce(x, axis=1)[:, None])).state == RIGHT


# ---------------------------------------------------------------------------------------------- memory


def test_views():
    def by_reshaping(x):
        flat = x.reshape(-1)  # a copy, if x is no contiguous array
        return np.lib.stride_tricks.as_strided(x, flat.shape, (8,)).reshape(x.shape) if x.dtype == float else x * 1

    found = told(lambda x: x * 1, (X,), by_reshaping)
    assert found.wrong == "view" and found.text.startswith("With an array that is a view of another (not contiguous) y")

    def writes(w, g):
        w.reshape(-1)[:] -= g.reshape(-1)

    def step(w, g):
        w -= g

    found = told(step, (X, DY), writes, outputs=("w",), changes=(0,))
    assert found.wrong == "view"
    in_lists = one("first", lambda rows: rows[0] * 1, ([X[0], X[1]],))
    assert examine(in_lists, lambda rows: np.array(rows)[0]).state == RIGHT


def test_arrays_that_cannot_be_written_into():
    def nudges(x):
        x[0] += 1
        y = 2 * x
        x[0] -= 1
        return y - 2 * (np.arange(len(x)) == 0).reshape(-1, 1, 1, 1).astype(x.dtype)

    found = told(lambda x: 2 * x, (np.round(X, 1) * 8,), nudges)
    assert found.wrong == "unchanged", found.text
    assert "writes into its input" in found.text or "wrote into x" in found.text


def test_an_array_kept_between_calls():
    kept = {}

    def workspace(x):
        y = kept.setdefault((x.shape, x.dtype), np.empty_like(x))
        np.multiply(x, 2, out=y)
        return y

    found = told(lambda x: 2 * x, (X,), workspace)
    assert found.wrong == "C15" and "A second call changes the y that the first one returned" in found.text

    def remembers(x):
        return kept.setdefault(x.dtype, 2 * x).copy()

    found = told(lambda x: 2 * x, (X,), remembers)
    assert found.wrong == "halved", found.text


def test_a_form_is_checked_in_every_probe():
    exercise = Exercise("00-n", "n", lambda x, k: k, (lambda: (X, 2), lambda: (X, 3)), ("k",))
    assert examine(exercise, lambda x, k: 3.0 if k == 3 else 2).wrong == "kind"


def test_a_time_that_grows_with_the_square():
    def sums(x):
        return x.sum(axis=1)

    x = np.random.default_rng(0).standard_normal((6, 5))

    def every_pair(x):
        total = np.zeros(len(x), x.dtype)
        for i in range(len(x)):
            for j in range(len(x)):
                if i == j:
                    total[i] = x[j].sum()
        return total

    found = told(sums, (x,), every_pair)
    assert found.wrong == "slow" and found.text.startswith("Right, but slow: with 4 times as many pictures it takes 1")
    assert told(sums, (x,), lambda x: np.array([sum(row.tolist()) for row in x], x.dtype)).state == RIGHT
    mixed = told(lambda x: x - x.mean(axis=0) + x.sum(), (x,), lambda x: x - x.mean(axis=0) + x.sum())
    assert mixed.state == RIGHT, "pictures that depend on each other cannot be repeated"

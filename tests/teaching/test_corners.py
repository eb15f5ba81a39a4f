"""Answers that are right for the usual arguments, and wrong at a corner; right ones in other styles pass."""

import numpy as np
import pytest

from tinyalex.teaching.examine import examine
from tinyalex.teaching.exercise import Exercise
from tinyalex.teaching.mistakes import NOT_YET, RIGHT


def shifted(x, bias, scale, step):
    return (x * scale + bias)[::step]


def arguments():
    rng = np.random.default_rng(0)
    return rng.standard_normal((6, 5)), rng.standard_normal(5), 0.7, 2


def verdict(function, ours=shifted, probes=(arguments,), **how):
    return examine(Exercise("00-corner", ours.__name__, ours, probes, **how), function)


def capped(x, bias, scale, step):
    return np.clip(shifted(x, bias, scale, step), -1000, 1000)


def rounded(x, bias, scale, step):
    return shifted(x, bias, scale, step).round(10)


def without_rows_of_zeros(x, bias, scale, step):
    return np.where((x == 0).all(axis=1, keepdims=True), 0, x * scale + bias)[::step]


def scale_near_1_is_1(x, bias, scale, step):
    return shifted(x, bias, 1.0 if scale > 0.99 else scale, step)


def step_1_reversed(x, bias, scale, step):
    return shifted(x, bias, scale, step)[:: -1 if step == 1 else 1]


def step_as_long_as_x_fails(x, bias, scale, step):
    if step == len(x):
        raise IndexError(step)
    return shifted(x, bias, scale, step)


def odd_columns_left_out(x, bias, scale, step):
    y = shifted(x, bias, scale, step)
    if x.shape[1] % 2 == 0:
        y[:, -1] = 0
    return y


def squeezed(x, bias, scale, step):
    return np.squeeze(shifted(x, bias, scale, step))


def in_full_blocks(x, bias, scale, step):
    y, block = np.zeros_like(x), min(len(x), 50)
    for start in range(0, len(x) - block + 1, block):
        y[start : start + block] = x[start : start + block] * scale + bias
    return y[::step]


def asks_for_a_plain_int(x, bias, scale, step):
    return shifted(x, bias, scale, step if type(step) is int else step + 1)


KEPT: dict = {}


def kept(x, bias, scale, step):
    y = shifted(x, bias, scale, step)
    room = KEPT.setdefault((y.shape, y.dtype), np.empty_like(y))
    room[...] = y
    return room


@pytest.mark.parametrize(
    "function, mistake",
    [
        (capped, "huge"),
        (rounded, "tiny"),
        (without_rows_of_zeros, "zeros"),
        (scale_near_1_is_1, "number"),
        (step_1_reversed, "number"),
        (step_as_long_as_x_fails, "number"),
        (odd_columns_left_out, "one"),
        (squeezed, "one"),
        (in_full_blocks, "many"),
        (asks_for_a_plain_int, "object"),
    ],
)
def test_wrong_at_a_corner(function, mistake):
    found = verdict(function, outside=("number",) if mistake == "one" else ())  # one row is a corner of step too
    assert (found.state, found.wrong) == (NOT_YET, mistake)
    assert found.text.startswith("Right for the usual arguments, but not ")
    if mistake != "object":
        assert verdict(function, outside=("huge", "far", "tiny", "zeros", "number", "one", "many")).state == RIGHT


def spread(d):
    return d.std(ddof=1)


def by_squares(d):
    return np.sqrt(((d**2).sum() - len(d) * d.mean() ** 2) / (len(d) - 1))


def in_one_pass(d):
    """Welford's way."""
    mean = squares = 0.0
    for n, value in enumerate(d, 1):
        gap = value - mean
        mean += gap / n
        squares += gap * (value - mean)
    return np.sqrt(squares / (len(d) - 1))


def test_far_from_zero():
    def ends(width):
        return lambda d: (d.mean() - width(d), d.mean() + width(d))

    probes = (lambda: (np.random.default_rng(1).standard_normal(6),),)
    for ours, wrong, right, outputs in (
        (spread, by_squares, in_one_pass, ("y",)),
        (ends(spread), ends(by_squares), ends(in_one_pass), ("low", "high")),
    ):
        found = verdict(wrong, ours, probes, outputs=outputs)
        assert found.wrong == "far" and "if d lies around 1,0" in found.text
        assert verdict(right, ours, probes, outputs=outputs).state == RIGHT

    def nearest(query, pool):
        return ((pool - query) ** 2).sum(axis=1).argsort()

    def expanded_in(dtype):
        def by_products(query, pool):
            query, pool = query.astype(dtype), pool.astype(dtype)
            return ((pool**2).sum(axis=1) - 2 * pool @ query).argsort()

        return by_products

    rng = np.random.default_rng(2)
    probes = (lambda: (rng.standard_normal(5), rng.standard_normal((40, 5))),)
    assert verdict(expanded_in(np.float32), nearest, probes).wrong == "far"
    assert verdict(expanded_in(np.float64), nearest, probes).state == RIGHT


def test_unsigned_integers():
    def only_a(a, b):
        return int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())

    def by_subtraction(a, b):
        return int((a - b == 1).sum()), int((a - b == -1).sum())

    probes = (lambda: (np.array([1, 0, 1, 1, 0]), np.array([0, 1, 1, 0, 0])),)
    outputs = ("only_a", "only_b")
    assert verdict(by_subtraction, only_a, probes, outputs=outputs).wrong == "unsigned"
    assert verdict(only_a, only_a, probes, outputs=outputs).state == RIGHT


def test_numbers_alone_are_changed_in_every_probe():
    def places(size, padding):
        return size + 2 * padding

    probes = tuple(lambda padding=padding: (9, padding) for padding in (0, 1, 2))
    assert verdict(lambda size, padding: size + 2 * min(padding, 3), places, probes).wrong == "number"


def test_an_array_kept_between_calls_of_whole_numbers():
    def count(labels, K):
        return np.bincount(labels, minlength=K)

    def into_one_array(labels, K):
        room = KEPT.setdefault(K, np.zeros(K, int))
        room[...] = count(labels, K)
        return room

    probes = (lambda: (np.array([2, 0, 2, 1]), 4),)
    assert verdict(into_one_array, count, probes).wrong == "C15"
    assert (
        verdict(
            lambda labels, K: (labels[:, None] == np.arange(K)).sum(axis=0), count, probes, outside=("number",)
        ).state
        == RIGHT
    )


def test_right_in_other_styles():
    def by_rows(x, bias, scale, step):
        return np.array([row * scale + bias for row in x[::step]], x.dtype)

    assert verdict(by_rows).state == RIGHT
    assert verdict(kept).wrong == "C15"


def test_corners_where_ours_fails_are_left_out():
    def ratio(x, y):
        if len(x) == 1:
            raise ValueError("too few")
        return x / y

    probes = (lambda: (np.arange(1.0, 4), np.arange(2.0, 5)),)
    assert verdict(lambda x, y: x * (1 / y) if len(x) > 1 and y.all() else np.zeros(9), ratio, probes).state == RIGHT

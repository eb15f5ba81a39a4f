"""Pooling by kernels, run through g++: equal to the layers' own words to the bit, at edges, ties, −∞ and NaN."""

import numpy as np
import pytest

from tests.checks import agree
from tests.gpu.emulated import emulated, needs_compiler, spoiling, watched
from tinyalex.layers import AvgPool2d, MaxPool2d
from tinyalex.standin import kernels_by, xp

pytestmark = needs_compiler

CASES = {  # arguments of the layer, rows and columns of the picture
    "the paper's": ((3, 2), (7, 9)),
    "apart": ((2, 2), (4, 6)),
    "gaps": ((2, 3, 0, "floor"), (7, 9)),
    "rows left over": ((3, 2, 0, "floor"), (8, 10)),
    "hangs over": ((3, 2, 0, "ceil"), (8, 6)),
    "ResNet's": ((3, 2, 1, "floor"), (8, 9)),
    "padded and hanging over": (((4, 5), (3, 2), (2, 4), "ceil"), (5, 6)),
    "padding wider than the stride": (((5, 3), (1, 1), (3, 2)), (4, 2)),
    "one pixel": ((1, 1), (3, 2)),
    "the whole picture": (((5, 3), 1), (5, 3)),
    "255 places": (((15, 17), 2, (3, 4), "ceil"), (13, 12)),
}
WAYS = {
    "seven threads": dict(threads=7, seed=5),
    "a thread each": dict(seed=6),
    "int64": dict(threads=1, index="int64"),
}


def with_and_without(layer, x, names, **way):
    """(y, cache, dx, predict's y) of the layer on the host, and by kernels; names: which are to run."""
    (y, cache), ran = layer.forward(x), []
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(x.dtype)
    dy.reshape(-1)[::23], dy.reshape(-1)[7::31] = np.inf, np.nan
    with np.errstate(invalid="ignore"), kernels_by(watched(ran, spoiling(emulated(**way)))):
        plain = y, cache, layer.backward(dy, cache)[0], layer.predict(x)
        y, cache = layer.forward(xp.asarray(x))
        by_kernels = y, cache, layer.backward(xp.asarray(dy), cache)[0], layer.predict(xp.asarray(x))
    assert ran == names
    return plain, by_kernels


def tied(shape, dtype, lowest=-3.0):
    """Few different numbers, in places whole windows of −∞."""
    x = np.random.default_rng(2).integers(lowest, 3, shape).astype(dtype)
    x[x == lowest] = -np.inf
    x[:, :3, :4, 0] = -np.inf
    return x


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_max_pooling(case, way, dtype):
    arguments, size = CASES[case]
    names = ["max_pool", "max_pool_backward", "max_pool_values"]
    plain, by_kernels = with_and_without(MaxPool2d(*arguments), tied((2, *size, 3), dtype), names, **way)
    (y, (_, winner), dx, predicted), (y2, (_, winner2), dx2, predicted2) = plain, by_kernels
    for what, ours, right in (("y", y2, y), ("place", winner2, winner), ("predict", predicted2, predicted)):
        agree(ours, right, what, exact=True)
    np.testing.assert_array_equal(dx2.get(), dx)  # with NaN


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("counted", [True, False])
def test_average_pooling(case, way, counted):
    arguments, size = CASES[case]
    layer = AvgPool2d(*arguments, count_include_pad=counted) if len(arguments) == 4 else AvgPool2d(*arguments)
    x = np.random.default_rng(3).standard_normal((2, *size, 3)).astype(np.float32)
    plain, by_kernels = with_and_without(layer, x, ["avg_pool", "avg_pool_backward", "avg_pool"], **way)
    agree(by_kernels[0], plain[0], "y", exact=True)
    np.testing.assert_array_equal(by_kernels[2].get(), plain[2])


def test_the_first_of_equal_numbers_wins_over_padding_too():
    x = xp.asarray(np.full((1, 3, 3, 1), -np.inf))
    with kernels_by(emulated()):
        _, (_, winner) = MaxPool2d(3, 2, 1).forward(x)
    assert winner.get().reshape(2, 2).tolist() == [[4, 3], [1, 0]]


@pytest.mark.parametrize("first", [True, False], ids=["NaN first", "NaN later"])
def test_a_nan_wins(first):
    x = np.arange(2.0 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    x[0, 0 if first else 1, 2 if first else 3, 1] = np.nan
    with kernels_by(emulated()):
        layer = MaxPool2d(2, 2)
        y, cache = layer.forward(xp.asarray(x))
        dx, _ = layer.backward(xp.asarray(np.ones(y.shape)), cache)
        predicted = layer.predict(xp.asarray(x))
    right = layer.forward(x)[0]
    for result in (y, predicted):
        np.testing.assert_array_equal(result.get(), right)
    assert np.isnan(right).sum() == 1 and dx.get()[np.isnan(x)] == [1] and dx.get().sum() == y.size


def test_a_window_too_large_for_the_kernel_goes_without():
    x = tied((2, 16, 19, 2), np.float32)
    plain, by_kernels = with_and_without(MaxPool2d(16, 3), x, ["max_pool_values"])
    agree(by_kernels[1][1], plain[1][1], "place", exact=True)
    np.testing.assert_array_equal(by_kernels[2].get(), plain[2])


def test_of_no_pictures_and_of_a_picture_in_another_order():
    with kernels_by(emulated()):
        for layer in (MaxPool2d(3, 2), AvgPool2d(3, 2)):
            y, cache = layer.forward(xp.empty((0, 7, 7, 3), np.float32))
            assert y.shape == (0, 3, 3, 3) and layer.backward(y, cache)[0].shape == (0, 7, 7, 3)
            x = np.random.default_rng(4).standard_normal((7, 7, 2, 3)).transpose(2, 0, 1, 3)
            agree(layer.forward(xp.asarray(x))[0], layer.forward(x)[0], "y", exact=True)

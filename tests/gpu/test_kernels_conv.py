"""The kernels of convolution: to the bit what strips.py does without them, at the edges of what they are given."""

import numpy as np
import pytest

from tests.checks import agree
from tests.gpu.emulated import emulated, needs_compiler, watched
from tests.layers.test_strips import CASES, by_strips
from tinyalex.layers import Conv2d, im2col, strips
from tinyalex.layers.windows import Windows
from tinyalex.standin import kernels_by, xp

pytestmark = needs_compiler
THREADS, INDEX = pytest.mark.parametrize("threads", [1, 7, None]), pytest.mark.parametrize("index", ["int32", "int64"])


def by_kernels(call, threads=None, index=None):
    """(what `call` gives, the names of the kernels that ran)."""
    names = []
    with kernels_by(watched(names, emulated(threads, seed=4, index=index))):
        return call(), names


def hard(*shape, dtype="float32", seed=0):
    """Numbers among which are infinities, NaN, -0.0 and numbers below the normal ones."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape).astype(dtype)
    odd = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-42, 0.0], dtype)
    return np.where(rng.random(shape) < 0.3, rng.choice(odd, shape), x).astype(dtype)


def same(found, expected):
    """The same numbers, -0.0 apart from 0.0, NaN where NaN is."""
    found, expected = found.get(), expected.get()
    np.testing.assert_array_equal(found, expected)
    assert (np.signbit(found) == np.signbit(expected))[~np.isnan(found)].all()


def layout_of(case, dtype="float32", size=(5, 7)):
    layer = by_strips(case)
    weight = layer.params["weight"].astype(dtype)
    out_size = layer.out_shape((*size, layer.in_channels))[:2]
    return layer, strips.Strips(layer.windows, layer.groups, out_size, weight).layout


@THREADS
@INDEX
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", [name for name in CASES if not name.startswith("pixels as they are")])
def test_strips(case, dtype, threads, index):
    """A copy: every number arrives with its bits, also what is no number."""
    layer, layout = layout_of(case, dtype)
    x = xp.asarray(hard(3, 5, 7, layer.in_channels, dtype=dtype))
    found, names = by_kernels(lambda: layout.strips(x), threads, index)
    same(found, layout.strips(x))
    assert names == ["strips"]


@pytest.mark.parametrize("padding", [(-1, -2), (-2, 0), (0, -3), (4, -1)])
@pytest.mark.parametrize("G", [1, 2])
def test_strips_with_pixels_left_out(padding, G):
    x = xp.asarray(hard(2, 6, 8, 2 * G))
    out_size = tuple(n + 2 * p - k + 1 for n, p, k in zip((6, 8), padding, (2, 2)))
    layout = strips.Layout(np.zeros((2, 2, 2, G, 3), "float32"), (1, 1), padding, out_size)
    found, names = by_kernels(lambda: layout.strips(x))
    same(found, layout.strips(x))
    assert names == ["strips"]


def test_strips_of_many_numbers_by_few_threads():
    layer, layout = layout_of("runs of sixteen bytes", size=(65, 67))
    x = xp.asarray(hard(5, 65, 67, layer.in_channels))
    found, _ = by_kernels(lambda: layout.strips(x), threads=1000)
    same(found, layout.strips(x))


GATHERED = {  # groups, kernel, stride, padding, rounding, on pictures of 5×7
    "overlap": (1, (3, 3), (2, 1), (1, 2), None),
    "groups": (3, (3, 2), (1, 2), (2, 0), "floor"),
    "hangs over": (2, (4, 3), (2, 3), (1, 2), "ceil"),
    "no window": (1, (2, 2), (3, 3), (0, 0), "floor"),
    "wholly outside": (1, (1, 2), (3, 4), (0, 0), "ceil"),
    "padding wider than the kernel": (2, (2, 1), (2, 3), (3, 4), "floor"),
    "the whole picture": (1, (5, 7), (2, 3), (0, 0), None),
}


@THREADS
@INDEX
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", GATHERED)
def test_col2im(case, dtype, threads, index):
    """The same sums in the same order; NaN and infinities go where their windows are, and nowhere else."""
    G, kernel, stride, padding, rounding = GATHERED[case]
    windows = Windows(kernel, stride, padding, rounding)
    OH, OW = out_size = windows.out_size(5, 7, "")
    shape = (G, 2 * OH * OW, np.prod(kernel) * 2)
    for dcolumns in (hard(*shape, dtype=dtype), np.random.default_rng(1).standard_normal(shape).astype(dtype)):
        dcolumns = xp.asarray(dcolumns)

        def gathered():
            dx = xp.full((2, 5, 7, 2 * G), 7.0, dtype)
            strips.gather(dcolumns, dx, windows, out_size)
            return dx

        with np.errstate(invalid="ignore"):
            found, names = by_kernels(gathered, threads, index)
            same(found, gathered())
        assert names == ["col2im"]


@THREADS
@INDEX
@pytest.mark.parametrize("F", [1, 3, 8])
def test_bias(F, threads, index):
    y, bias = hard(2, 3, 5, F), hard(F, seed=1)
    found, names = by_kernels(lambda: strips.finish(xp.asarray(y), xp.asarray(bias)), threads, index)
    same(found, xp.asarray(y) + xp.asarray(bias))
    assert names == ["add_bias"]


def test_without_bias_nothing_follows():
    y = xp.asarray(hard(2, 3, 5, 4))
    found, names = by_kernels(lambda: strips.finish(y, None))
    assert found is y and not names


LAUNCHES = {  # case: kernels forward and backward
    "stride 1, groups": (["strips", "add_bias"], ["strips", "strips"]),
    "the stride of one axis": (["strips", "add_bias"], ["col2im", "strips"]),
    "pixels as they are": (["add_bias"], []),
}


@pytest.mark.parametrize("case", LAUNCHES)
@pytest.mark.parametrize("blocks", [1, 2])
def test_every_copy_is_by_a_kernel(case, blocks, monkeypatch):
    """As many as there are blocks of pictures, and one for the bias."""
    layer, layout = layout_of(case)
    if blocks == 2:
        monkeypatch.setattr(im2col, "COLUMN_BYTES_GPU", 1)
    layer.map_arrays(xp.asarray)
    x = xp.asarray(hard(blocks, 5, 7, layer.in_channels))
    forward, backward = LAUNCHES[case]
    with np.errstate(invalid="ignore"):
        (y, cache), names = by_kernels(lambda: layer.forward(x))
        assert sorted(names) == sorted(["add_bias", *blocks * [name for name in forward if name != "add_bias"]])
        _, names = by_kernels(lambda: layer.backward(y, cache))
    assert sorted(names) == sorted([*blocks * backward, "channel_sums"])  # the last for the bias


def test_no_pictures():
    layer = by_strips("the stride of one axis")
    layer.map_arrays(xp.asarray)
    x = xp.zeros((0, 5, 7, layer.in_channels), "float32")
    (y, (dx, grads)), _ = by_kernels(lambda: (lambda y, cache: (y, layer.backward(y, cache)))(*layer.forward(x)))
    assert y.shape[0] == 0 and dx.shape == x.shape and not grads["weight"].get().any()


def test_other_memory_and_dtypes_are_left_to_the_twin():
    layer = Conv2d(4, 6, (3, 2), stride=(2, 1), algorithm="strips")
    layer.map_arrays(xp.asarray)
    x = xp.asarray(np.random.default_rng(0).standard_normal((3, 5, 7, 4)).astype("float32"))
    expected = layer.forward(x)[0]
    aside = xp.zeros((3, 7, 5, 4), "float32").swapaxes(1, 2)
    aside[...] = x
    found, names = by_kernels(lambda: layer.forward(aside)[0])
    agree(found, expected, "y of pictures turned aside", exact=True)
    assert names == ["add_bias"]
    found, names = by_kernels(lambda: layer.forward(x.astype("float16"))[0])
    agree(found, expected, "y in float16", rtol=1e-2, atol=1e-2)
    assert names == []

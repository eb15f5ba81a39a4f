"""Convolution by strips: against loops, beside im2col at any geometry, and with mistakes planted in it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checks import agree, agree_all, check_layer, edited, weightless
from tests.layers.test_conv import batch, loops
from tinyalex.bench.rounding import convolutions
from tinyalex.layers import Conv2d, im2col, strips

CASES = {  # channels in and out, kernel, geometry, on pictures of 5×7: what test_conv.py has not
    "stride 1": (3, 4, (3, 2), dict(padding=(1, 1))),
    "stride 1, groups": (6, 4, (2, 3), dict(padding=(0, 2), groups=2)),
    "padding wider than the kernel": (4, 3, (2, 3), dict(padding=(2, 3))),
    "padding that hides dy": (2, 3, 1, dict(padding=(3, 1))),
    "the stride of one axis": (6, 4, 3, dict(stride=(1, 2), padding=1, groups=2)),
    "pixels as they are": (4, 3, 1, dict()),
    "pixels as they are, groups": (4, 6, 1, dict(groups=2)),
    "some pixels": (3, 4, 1, dict(stride=(2, 3))),
    "a column": (3, 4, (4, 1), dict(padding=(2, 0))),
    "one row of places": (2, 3, (5, 2), dict()),
    "one column of places": (2, 3, (2, 7), dict()),
    "columns left out between windows": (3, 4, (3, 2), dict(stride=(2, 5))),
    "rows left out between windows": (3, 4, (1, 3), dict(stride=(2, 2), padding=(0, 1))),
    "runs of sixteen bytes": (4, 4, (3, 2), dict(stride=(2, 1))),
}


def by_strips(case):
    C, F, kernel, geometry = CASES[case]
    return Conv2d(C, F, kernel, **geometry, algorithm="strips")


def check(names=CASES):
    for name in names:
        C, _, _, geometry = CASES[name]
        check_layer(by_strips(name), batch(C, pictures=3), *loops(geometry))


@pytest.fixture
def one_picture_at_a_time(monkeypatch):
    monkeypatch.setattr(im2col, "COLUMN_BYTES_CPU", 1)
    monkeypatch.setattr(im2col, "COLUMN_BYTES_GPU", 1)


@pytest.mark.parametrize("case", CASES)
def test_right(case):
    check([case])


def test_right_one_picture_at_a_time(one_picture_at_a_time):
    check()


@pytest.mark.parametrize("case", CASES)
def test_no_pictures(case):
    layer = by_strips(case)
    x = np.zeros((0, 5, 7, layer.in_channels))
    y, cache = layer.forward(x)
    dx, grads = layer.backward(y, cache)
    assert y.shape == (0, *layer.out_shape(x.shape[1:])) and dx.shape == x.shape
    agree_all(grads, {name: np.zeros(p.shape) for name, p in layer.params.items()}, "of nothing", exact=True)


@given(st.data())
def test_like_the_plain_way_at_any_geometry(data):
    def pair(low, high):
        return data.draw(st.tuples(st.integers(low, high), st.integers(low, high)))

    (H, W), kernel, stride, padding = pair(1, 6), pair(1, 4), pair(1, 4), pair(0, 4)
    groups, C, F = (data.draw(st.integers(1, 3)) for _ in range(3))
    rounding = data.draw(st.sampled_from(["floor", "ceil"]))
    fast, plain = (
        Conv2d(groups * C, groups * F, kernel, stride, padding, groups, rounding, way) for way in ("strips", "im2col")
    )
    plain.params, x = fast.params, np.random.default_rng(1).standard_normal((2, H, W, groups * C))
    try:
        expected, plain_cache = plain.forward(x)
    except ValueError:
        return
    y, cache = fast.forward(x)
    agree(y, expected, "y")
    (dx, grads), (expected_dx, expected_grads) = fast.backward(y, cache), plain.backward(y, plain_cache)
    agree(dx, expected_dx, "dx")
    agree_all(grads, expected_grads, "")


@pytest.mark.parametrize("case", CASES)
def test_what_lies_in_the_scratch_memory_does_not_matter(case):
    layer = by_strips(case)
    x = batch(layer.in_channels)
    y, cache = layer.forward(x)
    dx, grads = layer.backward(y, cache)
    layer.backward(np.full_like(y, np.nan), layer.forward(np.full_like(x, np.nan))[1])
    again, cache = layer.forward(x)
    agree(again, y, "y", exact=True)
    agree_all(layer.backward(y, cache)[1], grads, "", exact=True)
    agree(layer.backward(y, cache)[0], dx, "dx", exact=True)


@pytest.mark.parametrize(
    "dtype, C, kernel, depth",
    [
        ("float32", 3, 11, 36),  # conv1 of the paper: 33 numbers and three zeros
        ("float32", 48, 5, 240),
        ("float32", 1, 1, 1),  # taken as it is
        ("float32", 1, (1, 2), 4),
        ("float64", 3, 3, 10),
        ("float16", 3, 3, 16),
    ],
)
def test_runs_are_multiples_of_sixteen_bytes(dtype, C, kernel, depth):
    assert layout(Conv2d(C, 2, kernel), (11, 11, C), dtype).depth == depth


def layout(layer, in_shape, dtype="float32"):
    weight = layer.params["weight"].astype(dtype)
    return strips.Strips(layer.windows, layer.groups, layer.out_shape(in_shape)[:2], weight).layout


def test_strips_hold_columns_of_pixels():
    """By hand: a picture of 3×4 with one channel, a kernel of 2×3 and a border of one column."""
    found = layout(Conv2d(1, 1, (2, 3), (1, 2), (0, 1), rounding="floor"), (3, 4, 1), "float64")
    x = np.arange(1.0, 13).reshape(1, 3, 4, 1)
    expected = [[[0, 0], [1, 5], [2, 6], [3, 7], [4, 8]], [[0, 0], [5, 9], [6, 10], [7, 11], [8, 12]]]
    agree(found.strips(x)[0, 0], expected, "strips", exact=True)
    agree(
        found.rows(found.strips(x)[0])[1], [[2, 6, 3, 7, 4, 8], [6, 10, 7, 11, 8, 12]], "windows of ow = 1", exact=True
    )


def test_pixels_are_not_copied_for_a_kernel_of_one_pixel():
    x = np.zeros((2, 5, 7, 4))
    assert np.shares_memory(layout(Conv2d(4, 2, 1, groups=2), x.shape[1:]).strips(x), x)
    assert not np.shares_memory(layout(Conv2d(4, 2, 1, stride=(4, 1)), x.shape[1:]).strips(x), x)
    assert not np.shares_memory(layout(Conv2d(4, 2, 1, padding=(0, 1)), x.shape[1:]).strips(x), x)


@pytest.mark.parametrize("model", ["alexnet", "resnet18"])
def test_less_is_copied_than_by_im2col(model):
    with weightless():
        found = convolutions(model)
    for layer, in_shape in found:
        columns = layer.multiply_adds(in_shape) // layer.out_channels * layer.groups
        copied = layout(layer, in_shape).entries
        assert copied <= columns * (1 if layer.windows.kernel == (1, 1) else 0.75), layer.name
    if model == "alexnet":
        conv1, in_shape = found[0]
        assert layout(conv1, in_shape).entries == 55 * 227 * 36


WRONG = {
    "strips of the first picture": ("_convolve", "layout.strips(x[pictures])", "layout.strips(x[: len(y[pictures])])"),
    "kernels of the first group": ("_convolve", "matrices[g]", "matrices[0]"),
    "y of the first block": ("_convolve", "layout.places(y[pictures], g)", "layout.places(y[:1], g)"),
    "kernels not turned": ("Strips", "[::-1, ::-1].swapaxes", ".swapaxes"),
    "kernels turned over": ("Strips", "[::-1, ::-1].swapaxes", "[::-1].swapaxes"),
    "dy with the padding of x": ("Strips", "(KH - 1 - PH, KW - 1 - PW)", "(PH, PW)"),
    "dx in spite of all": ("Strips", "elif dx is not None:", "else:"),
    "dx of one group's kernels": ("Strips", "kernels[:, f_out].T", "kernels[:, : F // self.groups].T"),
    "dx of one group's dy": ("Strips", "rows[:, f_out]", "rows[:, : F // self.groups]"),
    "dweight of the last block": ("Strips", "dmatrices += parts", "dmatrices[...] = parts"),
    "dweight of one column of places": ("Strips", "parts.sum(axis=1)", "parts[:, 0]"),
    "dweight of the first pictures": ("Strips", "layout.strips(x[pictures])", "layout.strips(x[: len(dy[pictures])])"),
    "no bias": ("finish", "y += bias", "pass"),
    "bias of one channel": ("finish", "y += bias", "y += bias[0]"),
    "padding kept in dx": ("gather", "dx[...] = inside", "dx[...] = dpadded[:, : dx.shape[1], : dx.shape[2]]"),
    "dx of the first group": ("gather", "dcolumns[g]", "dcolumns[0]"),
    "as wide as the picture's windows": ("Layout", "(OW - 1) * self.step + KW", "(OW - 1) * self.step + 1"),
    "columns between windows kept": ("Layout", "runs // self.step * SW + runs % self.step", "runs"),
    "rows without the stride": ("Layout", "i + SH * (OH - 1) + 1 : SH]", "i + OH]"),
    "runs with rubbish at the end": ("Layout", "strips[..., self.run :] = 0", "strips[..., self.run :] = float('nan')"),
    "pixels at the corner": ("Layout", "padded[:, max(0, PH) :, max(0, PW) :]", "padded"),
    "padding never negative": ("Layout", "x[:, max(0, -PH) :, max(0, -PW) :]", "x"),
    "windows that begin everywhere": ("Layout", "(self.step * across, down, number)", "(across, down, number)"),
    "places by row": ("Layout", "[..., channels].swapaxes(0, 1)", "[..., channels].reshape(self.stack, N * OH, -1)"),
    "the first group of y": ("Layout", "(F, F, self.groups)[g][0]", "(F, F, self.groups)[0][0]"),
    "kh and kw exchanged": ("Layout", "transpose(2, 1, 3, 0, 4)", "transpose(1, 2, 3, 0, 4)"),
    "channels dealt to groups alternately": (
        "Layout",
        ".reshape(N, OH, self.width, G, C // G)",
        ".reshape(N, OH, self.width, C // G, G).swapaxes(3, 4)",
    ),
    "plain in spite of a border": ("Layout", "and padding == (0, 0)", ""),
    "plain in spite of a stride": ("Layout", "self.kernel == stride == (1, 1)", "self.kernel == (1, 1)"),
    "one scratch memory for two": ("Strips", '"parts"', '"strips"'),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_sees(monkeypatch, one_picture_at_a_time, mistake):
    name, *edit = WRONG[mistake]
    monkeypatch.setattr(strips, name, edited(getattr(strips, name), *edit))
    with pytest.raises((AssertionError, TypeError, ValueError, IndexError, AttributeError)):
        for _ in range(2):  # the second time the scratch memory holds what the first left
            check()

"""Convolution row by row of the kernel: against loops, at any geometry, and with mistakes planted in it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checks import agree, agree_all, check_layer, edited, refused
from tests.layers.test_conv import loops
from tinyalex.layers import Conv2d, blocks, kernel_rows
from tinyalex.layers.windows import Windows

# height, width, channels in and out, kernel, padding
CASES = {
    "3×3": (5, 7, 4, 3, 3, 1),
    "no padding": (4, 5, 2, 3, 3, 0),
    "oblong, padding as large as it may be": (3, 6, 2, 5, (2, 4), (1, 3)),
    "a row of the kernel": (4, 6, 3, 2, (1, 3), (0, 1)),
    "a column": (6, 3, 3, 2, (4, 1), (2, 0)),
    "one place": (3, 3, 2, 3, 3, 0),
    "one row of places, not a multiple of the kernel's width": (3, 4, 2, 3, (5, 3), (1, 0)),
    "two rows of places, not a multiple": (2, 3, 2, 3, (3, 5), (1, 2)),
    "1×1": (3, 4, 5, 2, 1, 0),
}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def by_rows(C, F, kernel, padding, **options):
    return Conv2d(C, F, kernel, padding=padding, algorithm="rows", **options)


@pytest.fixture
def one_picture_at_a_time(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)


def check(names=CASES):
    for name in names:
        H, W, C, F, kernel, padding = CASES[name]
        check_layer(by_rows(C, F, kernel, padding), normal(3, H, W, C), *loops(dict(padding=padding)))


@pytest.mark.parametrize("case", CASES)
def test_right(case):
    check([case])


def test_right_one_picture_at_a_time(one_picture_at_a_time):
    check()


def test_no_pictures():
    layer, x = by_rows(2, 3, 3, 1), np.zeros((0, 5, 4, 2))
    y, cache = layer.forward(x)
    dx, grads = layer.backward(y, cache)
    assert y.shape == (0, 5, 4, 3) and dx.shape == x.shape
    agree_all(grads, {name: np.zeros(p.shape) for name, p in layer.params.items()}, "of nothing", exact=True)


@given(st.data())
def test_like_the_plain_way_at_any_geometry(data):
    def number(low, high):
        return data.draw(st.integers(low, high))

    (KH, KW), (C, F, N) = ((number(1, 4) for _ in range(2)), (number(1, 3) for _ in range(3)))
    padding = number(0, KH - 1), number(0, KW - 1)
    H, W = (number(max(1, k - 2 * p), 7) for k, p in zip((KH, KW), padding))
    fast, plain = (Conv2d(C, F, (KH, KW), padding=padding, algorithm=way) for way in ("rows", "im2col"))
    plain.params, x = fast.params, normal(N, H, W, C)
    (y, cache), (expected, plain_cache) = fast.forward(x), plain.forward(x)
    agree(y, expected, "y")
    (dx, grads), (expected_dx, expected_grads) = fast.backward(y, cache), plain.backward(y, plain_cache)
    agree(dx, expected_dx, "dx")
    agree_all(grads, expected_grads, "")


def test_what_lies_in_the_scratch_memory_does_not_matter(one_picture_at_a_time):
    layer, x = by_rows(2, 3, 3, 1), normal(2, 4, 5, 2)
    y, cache = layer.forward(x)
    dx, grads = layer.backward(y, cache)
    layer.backward(np.full_like(y, np.nan), layer.forward(np.full_like(x, np.nan))[1])
    again, cache = layer.forward(x)
    agree(again, y, "y", exact=True)
    agree_all(layer.backward(y, cache)[1], grads, "", exact=True)
    agree(layer.backward(y, cache)[0], dx, "dx", exact=True)


def test_refuses_what_does_not_fit():
    for kernel, geometry, words in [
        (3, dict(stride=2), "3×3/2"),
        (3, dict(groups=2), "2 groups"),
        ((3, 2), dict(padding=(1, 2)), "pad 1×2"),
    ]:
        refused(lambda: Conv2d(4, 6, kernel, **geometry, algorithm="rows"), "Conv2d", '"rows"', words, "im2col")
        geometry = dict(stride=1, padding=0, rounding=None) | geometry
        groups = geometry.pop("groups", 1)
        assert not kernel_rows.fits(Windows(kernel, **geometry), groups)


WRONG = {
    "another row of the kernel": ("_convolve", "rows[i], kernels[i]", "rows[i], kernels[i - 1]"),
    "one row only": ("_convolve", "yb += places", "pass"),
    "the last row twice": ("_convolve", "yb += places", "yb += places * (1 + (i == 2))"),
    "added to what lay there": ("_convolve", "yb[...] = places", "yb += places"),
    "no bias": ("_convolve", "y_rows += row_of_biases", "pass"),
    "the border of the row before left": ("_rows", " = padded[:, PH : PH + H, :PW] = 0", " = 0"),
    "the upper border left": ("_rows", "padded[:, :PH] = ", ""),
    "the lower border left": ("_rows", "padded[:, PH + H :] = ", ""),
    "the memory behind the last picture left": ("_rows", "pixels[N * height * width :] = 0", "pass"),
    "a row as wide as the picture": ("_rows", "W + PW\n", "W\n"),
    "rows that overlap": ("_rows", "n, KW * w, c", "n, w, c"),
    "kernels not turned": ("KernelRows", "[::-1, ::-1].swapaxes", ".swapaxes"),
    "kernels turned over": ("KernelRows", "[::-1, ::-1].swapaxes", "[::-1].swapaxes"),
    "dy with the padding of x": ("KernelRows", "(KH - 1 - PH, KW - 1 - PW)", "(PH, PW)"),
    "dweight of one picture": ("KernelRows", ".sum(axis=(0, 1))", ".sum(axis=0)[-1]"),
    "dweight of one block": ("KernelRows", "dkernels[i] +=", "dkernels[i] ="),
    "a gradient where no place is": ("KernelRows", "dplaces[...] = 0", "dplaces[...] = 1"),
    "dx in spite of all": ("KernelRows", "if dx is not None:", "if True:"),
    "y in scratch memory": (
        "KernelRows",
        "array_module(x).empty((N, H + 2 * PH - KH + 1, W + 2 * PW - KW + 1, F), x.dtype)",
        'scratch((N, H + 2 * PH - KH + 1, W + 2 * PW - KW + 1, F), x.dtype, array_module(x), "y")',
    ),
    "one scratch memory for two": ("_of_places", '"places"', '"pixels"'),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_sees(monkeypatch, one_picture_at_a_time, mistake):
    name, *edit = WRONG[mistake]
    monkeypatch.setattr(kernel_rows, name, edited(getattr(kernel_rows, name), *edit))
    with pytest.raises((AssertionError, TypeError, ValueError)):
        for _ in range(2):  # the second time the scratch memory holds what the first left
            check()

"""Sliding windows by hand: how many fit, what lies under them, and what stands around the picture."""

import numpy as np
import pytest

from tests.checks import refused
from tinyalex.layers.windows import Windows, pair
from tinyalex.standin import DeviceArray
from tinyalex.standin import xp as device


@pytest.mark.parametrize("value, expected", [(3, (3, 3)), ((3, 2), (3, 2)), ([0, 5], (0, 5)), (np.int64(0), (0, 0))])
def test_a_pair(value, expected):
    assert pair(value, "it", 0) == expected


@pytest.mark.parametrize("value", [0, (1, 0), (0, 1), (1,), (1, 1, 1), 1.5, "1", None])
def test_no_pair(value):
    refused(lambda: pair(value, "it", 1), f"it = {value!r}", "an integer or a pair of integers, at least 1")


@pytest.mark.parametrize(
    "arguments, text",
    [
        (((3, 2), 1, 0, None), "3×2/1"),
        ((11, 4, 2, "ceil"), "11×11/4 pad 2 ceil"),
        ((2, (1, 2), (0, 3), "floor"), "2×2/1×2 pad 0×3 floor"),
        ((5, 2, (1, 0), None), "5×5/2 pad 1×0"),
    ],
)
def test_as_text(arguments, text):
    assert str(Windows(*arguments)) == text


@pytest.mark.parametrize(
    "arguments, size, expected",
    [
        ((11, 4, 0, "ceil"), (224, 224), (55, 55)),  # the paper's first layer
        ((11, 4, 0, "floor"), (224, 227), (54, 55)),
        ((11, 4, 0, None), (227, 11), (55, 1)),
        ((3, 2, 1, "ceil"), (6, 7), (4, 4)),
        ((3, 2, 1, "floor"), (6, 7), (3, 4)),
        (((2, 3), (3, 1), (0, 2), None), (5, 4), (2, 6)),
        ((1, 3, 0, "ceil"), (5, 4), (3, 2)),
        ((1, 3, 0, "ceil", "it", False), (5, 4), (3, 2)),
        ((1, 3, 0, "ceil", "it", True), (5, 4), (2, 2)),  # a third row would begin at 6, below the picture
        ((1, 3, 1, "ceil", "it", True), (5, 6), (2, 3)),  # a third at 6 − 1: the last row is 4; the last column is 5
        ((3, 3, 1, "floor", "it", True), (5, 6), (2, 2)),
    ],
)
def test_how_many_fit(arguments, size, expected):
    assert Windows(*arguments).out_size(*size, "it") == expected


def test_none_fits():
    windows = Windows((11, 3), 4, (2, 0), "ceil")
    refused(lambda: windows.out_size(6, 9, "it"), "it: height 6", "padding 2", "is 10", "the kernel's 11")
    refused(lambda: windows.out_size(7, 2, "it"), "it: width 2", "padding 0", "is 2", "the kernel's 3")
    assert windows.out_size(7, 3, "it") == (1, 1)


def test_a_stride_that_does_not_divide():
    refused(
        lambda: Windows(11, 4, 2, None).out_size(224, 223, "it"),
        *("it: (224 + 2·2 − 11) / 4 = 54.25 is not whole", "a height that", '"floor" (55) or "ceil" (56)'),
    )
    refused(lambda: Windows(2, (1, 3), 0, None).out_size(4, 4, "it"), "(4 + 2·0 − 2) / 3 = 0.666667", "a width that")


def test_arguments_are_named():
    for arguments, word in [((0, 1, 0), "kernel_size"), ((1, 0, 0), "stride"), ((1, 1, -1), "padding")]:
        refused(lambda: Windows(*arguments, None), f"Windows: {word} = ")
        refused(lambda: Windows(*arguments, None, "it"), f"it: {word} = ")
    refused(lambda: Windows(1, 1, 0, "round", "it"), "it: rounding = 'round'", "floor")


def picture(shape=(2, 3, 4, 2)):
    return np.arange(1.0, 1 + np.prod(shape)).reshape(shape)


@pytest.mark.parametrize(
    "windows, out_size, around",  # around: rows above and below, columns left and right
    [
        (Windows(2, 1, (1, 2), None), (4, 7), ((1, 1), (2, 2))),
        (Windows(2, 2, 0, "ceil"), (2, 2), ((0, 1), (0, 0))),
        (Windows((1, 3), (1, 2), 0, "ceil"), (3, 2), ((0, 0), (0, 1))),
        (Windows((2, 3), (2, 3), (1, 1), "ceil"), (3, 2), ((1, 2), (1, 1))),
        (Windows(2, 3, 1, "floor"), (2, 2), ((1, 1), (1, 1))),  # the last rows and columns are under no window
    ],
)
def test_what_stands_around(windows, out_size, around):
    x, border = picture(), ((0, 0), *around, (0, 0))
    for options, value in (({}, 0), ({"value": -np.inf}, -np.inf)):
        padded = windows.pad(x, out_size, **options)
        assert (padded == np.pad(x, border, constant_values=value)).all() and padded.dtype == x.dtype
    assert windows.padded_size(3, 4, out_size) == padded.shape[1:3]
    for make in (windows.zeros, windows.empty):
        whole, inside = make(x.shape, out_size, np.float32, np)
        assert whole.shape == padded.shape and whole.dtype == np.float32
        whole[...] = 0
        inside[...] = x
        assert (whole == np.pad(x, border)).all(), "the part inside is elsewhere, or no view"


def test_zeros_are_zeros_whatever_the_memory_held(monkeypatch):
    monkeypatch.setattr(np, "empty", lambda shape, dtype: np.full(shape, np.nan, dtype))
    assert not Windows(2, 1, 1, None).zeros((1, 3, 3, 1), (4, 4), float, np)[0].any()


def test_nothing_to_pad():
    x = picture()
    assert Windows(2, 1, 0, None).pad(x, (2, 3)) is x, "a copy for nothing"
    assert Windows((2, 3), 1, 0, "floor").pad(x, (2, 2)) is x


@pytest.mark.parametrize("SH, SW", [(3, 2), (1, 1)])
def test_what_lies_under_the_windows(SH, SW):
    x, windows = picture((2, 7, 8, 3)), Windows((2, 3), (SH, SW), 0, "floor")
    view = windows.view(x, (2, 3))
    assert view.shape == (2, 2, 3, 2, 3, 3) and np.shares_memory(view, x)
    places = list(windows.places(x, (2, 3)))
    assert [at for at, _ in places] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    for (i, j), pixels in places:
        assert pixels.shape == (2, 2, 3, 3) and np.shares_memory(pixels, x)
        for n, oh, ow in np.ndindex(2, 2, 3):
            expected = x[n, SH * oh + i, SW * ow + j]
            assert (view[n, oh, ow, i, j] == expected).all() and (pixels[n, oh, ow] == expected).all()


def test_on_the_device():
    x, windows = device.asarray(picture()), Windows(2, 1, 1, None)
    padded = windows.pad(x, (4, 5))
    assert isinstance(padded, DeviceArray) and isinstance(windows.view(padded, (4, 5)), DeviceArray)
    assert isinstance(windows.zeros(x.shape, (4, 5), np.float32, device)[0], DeviceArray)

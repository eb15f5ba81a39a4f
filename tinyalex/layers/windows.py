"""Sliding windows over a picture: the size rule, the padding, and the strided view that convolution and pooling share.

N pictures, H rows, W columns, C channels; KH×KW window; SH, SW stride; PH, PW padding; OH×OW places of the window.
"""

import operator
from collections.abc import Iterator
from typing import Any

from tinyalex.backend import Array, array_module
from tinyalex.layers.base import checked

ROUNDINGS = (None, "floor", "ceil")
Pair = int | tuple[int, int]  # one integer, or a pair (height, width)


def pair(value: Pair, what: str, least: int) -> tuple[int, int]:
    """(h, w) from one integer or a pair of them, each at least `least`."""

    def both(value):
        height, width = value if isinstance(value, (tuple, list)) else (value, value)
        return operator.index(height), operator.index(width)

    expected = f"an integer or a pair of integers, at least {least}"
    return both(checked(value, what, lambda value: min(both(value)) >= least, expected))


def _times(values, short=False):
    """(3, 2) as "3×2"; with `short`, equal numbers as one."""
    return str(values[0]) if short and values[0] == values[1] else f"{values[0]}×{values[1]}"


class Windows:
    """The geometry of a window that slides: how many places it takes, and which pixels lie under it.

    rounding says what to do if the stride does not divide: None refuses, "floor" drops the rows and columns left over,
    "ceil" lets the last window hang over the lower and right edge, as the 2012 source did
    (`layer.py`: 1 + ceil((2·pad + size − kernel) / stride)); that is how 224 pixels give 55 places.

    label: the layer's, for messages
    on_picture: True: "ceil" adds no window that would lie wholly outside the picture, as in PyTorch's pooling
    """

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair,
        padding: Pair,
        rounding: str | None,
        label: str = "Windows",
        on_picture: bool = False,
    ) -> None:
        self.kernel = pair(kernel_size, f"{label}: kernel_size", 1)
        self.stride = pair(stride, f"{label}: stride", 1)
        self.padding = pair(padding, f"{label}: padding", 0)
        self.rounding = checked(rounding, f"{label}: rounding", lambda r: r in ROUNDINGS, f"one of {ROUNDINGS}")
        self.on_picture = on_picture

    def __str__(self):
        text = f"{_times(self.kernel)}/{_times(self.stride, short=True)}"
        if any(self.padding):
            text += f" pad {_times(self.padding, short=True)}"
        return f"{text} {self.rounding}" if self.rounding else text

    def out_size(self, height: int, width: int, label: str) -> tuple[int, int]:
        """(OH, OW) for a picture of height × width. ValueError if no window fits or the stride does not divide."""
        return tuple(
            self._out_length(size, k, s, p, axis, label)
            for size, k, s, p, axis in zip((height, width), self.kernel, self.stride, self.padding, ("height", "width"))
        )

    def _out_length(self, size, kernel, stride, padding, axis, label):
        free = size + 2 * padding - kernel
        if free < 0:
            raise ValueError(
                f"{label}: {axis} {size} with padding {padding} on both sides is {size + 2 * padding}, "
                f"expected at least the kernel's {kernel}"
            )
        floor, ceil = 1 + free // stride, 1 - (-free // stride)
        if self.on_picture:
            ceil = min(ceil, -(-(size + padding) // stride))
        if free % stride and self.rounding is None:
            raise ValueError(
                f"{label}: ({size} + 2·{padding} − {kernel}) / {stride} = {free / stride:g} is not whole; "
                f'expected a {axis} that the stride divides, or rounding="floor" ({floor}) or "ceil" ({ceil})'
            )
        return ceil if self.rounding == "ceil" else floor

    def pad(self, x: Array, out_size: tuple[int, int], value: float = 0) -> Array:
        """x (N, H, W, C) in a border of `value` for padding and overhang; x itself if there is none."""
        N, H, W, C = x.shape
        (PH, PW), (height, width) = self.padding, self.padded_size(H, W, out_size)
        if (height, width) == (H, W):
            return x
        xp = array_module(x)
        padded = xp.full((N, height, width, C), value, x.dtype)
        padded[:, PH : PH + H, PW : PW + W] = x
        return padded

    def padded_size(self, height: int, width: int, out_size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns with padding and overhang."""
        rows, columns = (
            max(size + 2 * p, (o - 1) * s + k)
            for size, o, k, s, p in zip((height, width), out_size, self.kernel, self.stride, self.padding)
        )
        return rows, columns

    def zeros(self, shape: tuple[int, ...], out_size: tuple[int, int], dtype: Any, xp: Any) -> tuple[Array, Array]:
        """Zeros in the shape that `pad` gives to an x of `shape`, and the part of them that stands for x (a view)."""
        padded, inside = self.empty(shape, out_size, dtype, xp)
        padded[...] = 0
        return padded, inside

    def empty(self, shape: tuple[int, ...], out_size: tuple[int, int], dtype: Any, xp: Any) -> tuple[Array, Array]:
        """As `zeros`, of any content."""
        N, H, W, C = shape
        (PH, PW), (height, width) = self.padding, self.padded_size(H, W, out_size)
        padded = xp.empty((N, height, width, C), dtype)
        return padded, padded[:, PH : PH + H, PW : PW + W]

    def view(self, padded: Array, out_size: tuple[int, int]) -> Array:
        """Every window as a read-only-by-agreement view: (N, OH, OW, KH, KW, C). No copy; windows share pixels."""
        xp = array_module(padded)
        N, _, _, C = padded.shape
        n, h, w, c = padded.strides
        SH, SW = self.stride
        return xp.lib.stride_tricks.as_strided(padded, (N, *out_size, *self.kernel, C), (n, h * SH, w * SW, h, w, c))

    def places(self, padded: Array, out_size: tuple[int, int]) -> Iterator[tuple[tuple[int, int], Array]]:
        """For each (i, j) in the window, row by row: the pixels there in all windows, (N, OH, OW, C), a view."""
        (KH, KW), (SH, SW), (OH, OW) = self.kernel, self.stride, out_size
        for i in range(KH):
            for j in range(KW):
                yield (i, j), padded[:, i : i + SH * (OH - 1) + 1 : SH, j : j + SW * (OW - 1) + 1 : SW]

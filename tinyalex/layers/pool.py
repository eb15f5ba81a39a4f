"""Pooling: one number for each window, its maximum or its mean.

N pictures, H×W pixels, C channels; KH×KW window; OH×OW places.
"""

import functools

from tinyalex.backend import array_module, fused, is_host
from tinyalex.layers.base import Layer
from tinyalex.layers.blocks import blocks
from tinyalex.layers.windows import Pair, Windows


class _Pool2d(Layer):
    """The windows of both poolings, and one result for each channel."""

    channelwise = True

    def __init__(self, kernel_size, stride, padding, rounding):
        super().__init__()
        self.kernel_size, self.stride, self.padding, self.rounding = kernel_size, stride, padding, rounding
        stride = kernel_size if stride is None else stride
        self.windows = Windows(kernel_size, stride, padding, rounding, self.label, on_picture=True)
        if any(p >= k for p, k in zip(self.windows.padding, self.windows.kernel)):
            raise ValueError(
                f"{self.label}: padding = {padding} with kernel_size = {kernel_size} puts a window wholly outside; "
                "expected less padding"
            )

    def out_shape(self, in_shape):
        H, W, C = self._height_width_channels(in_shape)
        return (*self.windows.out_size(H, W, self.label), C)

    def _geometry(self, in_shape):
        """(H, W, C, OH, OW, KH, KW, SH, SW, PH, PW), as the kernels take them."""
        w = self.windows
        return (*in_shape, *self.out_shape(in_shape)[:2], *w.kernel, *w.stride, *w.padding)


class MaxPool2d(_Pool2d):
    """The largest value in each window, for each channel.

        y[n, oh, ow, c] = max_{i, j} x[n, oh·stride + i − padding, ow·stride + j − padding, c]

    Of several equal maxima, the first in row-major order wins and alone receives the gradient. Padding and overhang
    count as −∞, and never win, not even over −∞. A window with a NaN gives NaN; a pixel of it gets the gradient.
    A stride below the kernel size makes windows overlap (paper §3.4: 3 and 2).

    x: (N, H, W, C);  y: (N, OH, OW, C)
    kernel_size, stride, padding: pixels, one integer or a pair; stride None means kernel_size
    rounding: None, "floor" or "ceil", for a stride that does not divide (see `tinyalex.layers.windows`)
    Left out: dilation.
    """

    def __init__(
        self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0, rounding: str | None = None
    ) -> None:
        super().__init__(kernel_size, stride, padding, rounding)

    def forward(self, x, train=False, rng=None):
        xp = self._check_float(x, "NHWC")
        out_shape = self.out_shape(x.shape[1:])
        y = xp.empty((len(x), *out_shape), x.dtype)
        winner = xp.empty(y.shape, self._place_dtype(xp))
        if winner.itemsize > 1 or not fused("max_pool", x, *self._geometry(x.shape[1:]), winner, y):
            for xb, yb, wb in blocks(x, y, winner):
                self._pool(self.windows.pad(xb, out_shape[:2], value=-xp.inf), yb, wb)
        return y, (x.shape, winner)

    def _pool(self, padded, y, winner):
        """Fill y and winner: first across, then down, so that the first maximum in row-major order wins.

        A window's first column and row on the picture win until a larger value comes, so padding never does.
        """
        (KH, KW), (SH, SW), (OH, OW) = self.windows.kernel, self.windows.stride, y.shape[1:3]
        skip = 1 if is_host(padded) else SW  # NumPy is faster on all columns of a row than on every second
        xp, number, (PH, PW) = array_module(padded), winner.dtype.type, self.windows.padding
        taps = [padded[:, :, j : j + SW * (OW - 1) + 1 : skip] for j in range(KW)]
        first_column = xp.maximum(PW - skip * xp.arange(taps[0].shape[2]), 0).astype(number)[:, None]
        first = xp.broadcast_to(first_column, taps[0].shape)
        across, column = _first_largest(taps, [first, *map(number, range(1, KW))])
        rows = [slice(i, i + SH * (OH - 1) + 1, SH) for i in range(KH)]
        first_row = xp.maximum(PH - SH * xp.arange(OH), 0).astype(number)[:, None, None]
        places = [column[:, row] + number(i * KW) for i, row in enumerate(rows)]
        places[0] = places[0] + first_row * number(KW)
        largest, place = _first_largest([across[:, row] for row in rows], places)
        y[...], winner[...] = largest[:, :, :: SW // skip], place[:, :, :: SW // skip]

    def predict(self, x):
        xp = self._check_float(x, "NHWC")
        OH, OW, C = self.out_shape(x.shape[1:])
        y = xp.empty((len(x), OH, OW, C), x.dtype)
        if not fused("max_pool_values", x, *self._geometry(x.shape[1:]), y):
            for xb, yb in blocks(x, y):
                self._pool_values(self.windows.pad(xb, (OH, OW), value=-xp.inf), yb)
        return y

    def _pool_values(self, padded, y):
        """Fill y: first down, which works on long runs of memory and leaves fewer rows; then across."""
        (KH, KW), (SH, SW), (OH, OW) = self.windows.kernel, self.windows.stride, y.shape[1:3]
        maximum = array_module(padded).maximum
        down = functools.reduce(maximum, [padded[:, i : i + SH * (OH - 1) + 1 : SH] for i in range(KH)])
        y[...] = functools.reduce(maximum, [down[:, :, j : j + SW * (OW - 1) + 1 : SW] for j in range(KW)])

    def backward(self, dy, cache, input_grad=True):
        shape, winner = cache
        self._check_dy(dy, winner.shape)
        if not input_grad:
            return None, {}
        xp = array_module(dy)
        if not is_host(dy) and winner.itemsize == 1:
            dx = xp.empty(shape, dy.dtype)
            if fused("max_pool_backward", dy, winner, *self._geometry(shape[1:]), dx, threads=dy.size):
                return dx, {}
        out_size = winner.shape[1:3]
        SH, SW = self.windows.stride
        dpadded, dx = self.windows.empty(shape, out_size, dy.dtype, xp)
        for dpb, dyb, wb in blocks(dpadded, dy, winner):
            dpb[...] = 0  # block by block, so that it is in the cache when it is added to
            for place, ((i, j), dpixels) in enumerate(self.windows.places(dpb, out_size)):
                if i < SH and j < SW:
                    xp.multiply(dyb, wb == place, out=dpixels)  # the first window at these pixels
                else:
                    dpixels += dyb * (wb == place)  # adds: a pixel may win several windows
        return dx, {}

    def __str__(self):
        return f"max pool {self.windows}"

    def _place_dtype(self, xp):
        KH, KW = self.windows.kernel
        return xp.dtype(xp.uint8 if KH * KW < 256 else xp.int32)


def _first_largest(values, places):
    """Element by element the largest of several arrays, and the place of the first that attains it.

    places: an integer or an array of integers for each array (the first must be an array), in rising order
    """
    xp = array_module(values[0])
    largest, winner, fresh = values[0], places[0], None
    for value, place in zip(values[1:], places[1:]):
        larger = value > largest  # strictly: a tie stays with the first
        largest = fresh = xp.maximum(largest, value, out=fresh)  # not where(larger): a NaN must come through
        winner = xp.maximum(winner, larger.view(xp.uint8) * place)  # places only rise: the last larger one
    return largest, winner


class AvgPool2d(_Pool2d):
    """The mean of each window, for each channel.

        y[n, oh, ow, c] = mean_{i, j} x[n, oh·stride + i − padding, ow·stride + j − padding, c]

    Padding counts as pixels of 0, or not at all with count_include_pad=False. The part of a window that hangs over the
    padded picture (rounding="ceil") never counts.

    x: (N, H, W, C);  y: (N, OH, OW, C)
    kernel_size, stride, padding: pixels, one integer or a pair; stride None means kernel_size
    rounding: None, "floor" or "ceil", for a stride that does not divide (see `tinyalex.layers.windows`)
    """

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        rounding: str | None = None,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, rounding)
        self.count_include_pad = count_include_pad

    def forward(self, x, train=False, rng=None):
        xp = self._check_float(x, "NHWC")
        out_size = self.out_shape(x.shape[1:])[:2]
        y = xp.zeros((len(x), *out_size, x.shape[3]), x.dtype)
        if not fused("avg_pool", x, *self._geometry(x.shape[1:]), *self._border(), y):
            padded = self.windows.pad(x, out_size)
            for _, pixels in self.windows.places(padded, out_size):
                y += pixels
            y /= self._counted(x.shape, out_size, xp, x.dtype)
        return y, x.shape

    def backward(self, dy, cache, input_grad=True):
        shape = cache
        out_size = self.out_shape(shape[1:])[:2]
        self._check_dy(dy, (shape[0], *out_size, shape[3]))
        if not input_grad:
            return None, {}
        xp = array_module(dy)
        if not is_host(dy):
            dx = xp.empty(shape, dy.dtype)
            if fused("avg_pool_backward", dy, *self._geometry(shape[1:]), *self._border(), dx, threads=dy.size):
                return dx, {}
        dpadded, dx = self.windows.zeros(shape, out_size, dy.dtype, xp)
        share = dy / self._counted(shape, out_size, xp, dy.dtype)
        for _, dpixels in self.windows.places(dpadded, out_size):
            dpixels += share
        return dx, {}

    def __str__(self):
        uncounted = any(self.windows.padding) and not self.count_include_pad
        return f"average pool {self.windows}{', padding uncounted' if uncounted else ''}"

    def _border(self):
        """(BH, BW): rows and columns of the padding that count."""
        return self.windows.padding if self.count_include_pad else (0, 0)

    def _counted(self, shape, out_size, xp, dtype):
        """How many pixels count in each window: (OH, OW, 1)."""

        def along(size, places, kernel, stride, padding, border):
            start = stride * xp.arange(places) - padding
            return xp.minimum(start + kernel, size + border) - xp.maximum(start, -border)

        w = self.windows
        rows, columns = map(along, shape[1:3], out_size, w.kernel, w.stride, w.padding, self._border())
        return (rows[:, None] * columns)[..., None].astype(dtype)


class GlobalAvgPool2d(Layer):
    """The mean of each channel over all pixels: what is in the picture, not where.

        y[n, c] = mean_{h, w} x[n, h, w, c],   dx[n, h, w, c] = dy[n, c] / (H·W)

    It replaces AlexNet's large fully connected layers, and their weights, in the networks that followed.

    x: (N, H, W, C);  y: (N, C)
    Source: Lin et al. 2013, arXiv:1312.4400, §3.2; He et al. 2015, arXiv:1512.03385, §3.3.
    """

    def forward(self, x, train=False, rng=None):
        self._check_float(x, "NHWC")
        self.out_shape(x.shape[1:])
        return x.mean(axis=(1, 2)), x.shape

    def backward(self, dy, cache, input_grad=True):
        N, H, W, C = cache
        self._check_dy(dy, (N, C))
        if not input_grad:
            return None, {}
        dx = array_module(dy).empty(cache, dy.dtype)
        dx[...] = (dy / (H * W))[:, None, None]
        return dx, {}

    def out_shape(self, in_shape):
        H, W, C = self._height_width_channels(in_shape)
        if H * W == 0:
            raise ValueError(f"{self.label}: x has {H}×{W} pixels, expected at least one")
        return (C,)

    def __str__(self):
        return "global average pool"

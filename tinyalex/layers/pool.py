"""Pooling: one number for each window, its maximum or its mean.

N pictures, H×W pixels, C channels; KH×KW window; OH×OW places.
"""

from tinyalex.backend import array_module
from tinyalex.layers.base import Layer
from tinyalex.layers.windows import Windows


class _Pool2d(Layer):
    """What the two poolings share: their windows, and that channels stay apart."""

    def __init__(self, kernel_size, stride, padding, rounding):
        super().__init__()
        self.windows = Windows(kernel_size, kernel_size if stride is None else stride, padding, rounding)
        if any(p >= k for p, k in zip(self.windows.padding, self.windows.kernel)):
            raise ValueError(
                f"{self.label}: padding = {padding} with kernel_size = {kernel_size} puts a window wholly outside; "
                "expected less padding"
            )

    def out_shape(self, in_shape):
        H, W, C = self._height_width_channels(in_shape)
        out_size = self.windows.out_size(H, W, self.label)
        for size, o, s, p in zip((H, W), out_size, self.windows.stride, self.windows.padding):
            if (o - 1) * s - p >= size:
                raise ValueError(
                    f'{self.label}: on {H}×{W} the last window would lie wholly outside; expected rounding="floor"'
                )
        return (*out_size, C)


class MaxPool2d(_Pool2d):
    """The largest value in each window, for each channel.

        y[n, oh, ow, c] = max_{i, j} x[n, oh·stride + i − padding, ow·stride + j − padding, c]

    Where several are largest, the first in row-major order wins and alone receives the gradient. Padding and overhang
    count as −∞, so they never win. A stride below the kernel size makes windows overlap (paper §3.4: 3 and 2).

    x: (N, H, W, C);  y: (N, OH, OW, C)
    kernel_size, stride, padding: pixels, one integer or a pair; stride None means kernel_size
    rounding: None, "floor" or "ceil", for a stride that does not divide (see `tinyalex.layers.windows`)
    """

    def __init__(self, kernel_size, stride=None, padding=0, rounding=None):
        super().__init__(kernel_size, stride, padding, rounding)

    def forward(self, x, train=False, rng=None):
        xp = self._check_float(x, "NHWC")
        out_size = self.out_shape(x.shape[1:])[:2]
        padded = self.windows.pad(x, out_size, value=-xp.inf)
        places = self.windows.places(padded, out_size)
        y = next(places)[1].copy()  # (N, OH, OW, C)
        winner = xp.zeros(y.shape, xp.uint8 if self._window_size() < 256 else xp.int32)
        for place, (_, pixels) in enumerate(places, start=1):
            larger = pixels > y  # strictly: a tie stays with the first
            xp.maximum(y, pixels, out=y)  # not where(larger): a NaN must come through
            xp.maximum(winner, larger * winner.dtype.type(place), out=winner)  # places only grow: the last larger one
        return y, (x.shape, winner)

    def backward(self, dy, cache):
        shape, winner = cache
        xp = array_module(dy)
        self._check_dy(dy, winner.shape)
        out_size = winner.shape[1:3]
        dpadded, dx = self.windows.zeros(shape, out_size, dy.dtype, xp)
        for place, (_, dpixels) in enumerate(self.windows.places(dpadded, out_size)):
            dpixels += dy * (winner == place)  # adds: a pixel may win several windows
        return dx, {}

    def __str__(self):
        return f"max pool {self.windows}"

    def _window_size(self):
        return self.windows.kernel[0] * self.windows.kernel[1]


class AvgPool2d(_Pool2d):
    """The mean of each window, for each channel.

        y[n, oh, ow, c] = mean_{i, j} x[n, oh·stride + i, ow·stride + j, c]

    A window that hangs over the edge (rounding="ceil") is the mean of the pixels that it does cover.

    x: (N, H, W, C);  y: (N, OH, OW, C)
    kernel_size, stride: pixels, one integer or a pair; stride None means kernel_size
    """

    def __init__(self, kernel_size, stride=None, rounding=None):
        super().__init__(kernel_size, stride, 0, rounding)

    def forward(self, x, train=False, rng=None):
        xp = self._check_float(x, "NHWC")
        out_size = self.out_shape(x.shape[1:])[:2]
        padded = self.windows.pad(x, out_size)
        y = xp.zeros((len(x), *out_size, x.shape[3]), x.dtype)
        for _, pixels in self.windows.places(padded, out_size):
            y += pixels
        y /= self._covered(x.shape, out_size, xp, x.dtype)
        return y, x.shape

    def backward(self, dy, cache):
        shape = cache
        xp = array_module(dy)
        out_size = self.out_shape(shape[1:])[:2]
        self._check_dy(dy, (shape[0], *out_size, shape[3]))
        dpadded, dx = self.windows.zeros(shape, out_size, dy.dtype, xp)
        share = dy / self._covered(shape, out_size, xp, dy.dtype)
        for _, dpixels in self.windows.places(dpadded, out_size):
            dpixels += share
        return dx, {}

    def __str__(self):
        return f"average pool {self.windows}"

    def _covered(self, shape, out_size, xp, dtype):
        """How many pixels of the picture each window covers: (OH, OW, 1)."""
        (KH, KW), (SH, SW) = self.windows.kernel, self.windows.stride
        rows, columns = (
            xp.minimum(k, size - s * xp.arange(o)) for size, o, k, s in zip(shape[1:3], out_size, (KH, KW), (SH, SW))
        )
        return (rows[:, None] * columns[None, :])[..., None].astype(dtype)

"""Convolution row by row of the kernel: a product for each row, and their sum; quick where channels are few.

The pixels of one row of a window lie side by side, so a picture in its border already is a matrix of such rows, KW·C
numbers each; only that a row begins at every pixel, and BLAS wants rows that do not overlap. Every KW-th of them do
not, so there are KW such matrices. Nothing is copied but the picture, where `im2col` copies each pixel KH·KW times; the
price is KH products of a smaller depth instead of one, and KH − 1 additions.

Rows of the picture share their border: each is `width` = W + PW pixels long, and the border to its right is the next
one's to its left. A window that would begin there is computed with the others, and left out of y.

N pictures, H×W pixels, C channels in; KH×KW kernel, PH, PW padding; OH×OW places, F channels out.
"""

from tinyalex.backend import Array, array_module, scratch
from tinyalex.layers.blocks import blocks
from tinyalex.layers.windows import Windows

CHANNELS = range(8, 33)  # with fewer, `im2col` copies little; with more, `winograd` is faster


def suits(windows: Windows, in_channels: int, groups: int) -> bool:
    """Whether this way fits a convolution and is expected to be the fastest: the rule of `Conv2d`."""
    return fits(windows, groups) and windows.kernel == (3, 3) and in_channels in CHANNELS


def fits(windows: Windows, groups: int) -> bool:
    """Whether this way fits: a stride of 1, no groups, and no window that lies wholly in the border."""
    return windows.stride == (1, 1) and groups == 1 and all(p < k for p, k in zip(windows.padding, windows.kernel))


class KernelRows:
    """Convolution with given weights, as `Conv2d` computes it, to rounding.

    padding: (PH, PW), smaller than the kernel;  weight: (KH, KW, C, F)
    """

    def __init__(self, padding: tuple[int, int], weight: Array) -> None:
        self.padding, self.weight = padding, weight

    def forward(self, x: Array, bias: Array | None) -> Array:
        """y (N, OH, OW, F) for x (N, H, W, C) and bias (F,), if there is one."""
        (KH, KW, _, F), (PH, PW), (N, H, W, _) = self.weight.shape, self.padding, x.shape
        y = array_module(x).empty((N, H + 2 * PH - KH + 1, W + 2 * PW - KW + 1, F), x.dtype)
        _convolve(x, self.weight, self.padding, bias, y)
        return y

    def backward(self, dy: Array, x: Array, dx: Array | None) -> Array:
        """dweight for the gradient dy of y. Writes dx, unless that is None."""
        xp, (KH, KW, C, F) = array_module(x), self.weight.shape
        dkernels = xp.zeros((KH, KW * C, F), x.dtype)
        for dyb, xb in blocks(dy, x):
            rows, width = _rows(xb, (KH, KW), self.padding)
            dplaces, places = _of_places(rows, dyb.shape, width)
            dplaces[...] = 0  # none for windows that begin in the border
            places[...] = dyb
            for i in range(KH):
                # (F, places) @ (places, KW·C), of every picture and every KW-th place
                dkernels[i] += (dplaces.swapaxes(2, 3) @ rows[i]).sum(axis=(0, 1)).T
        if dx is not None:  # the convolution of dy with every kernel turned by half a turn
            (PH, PW), turned = self.padding, self.weight[::-1, ::-1].swapaxes(2, 3)
            _convolve(dy, turned, (KH - 1 - PH, KW - 1 - PW), None, dx)
        return dkernels.reshape(self.weight.shape)


def _convolve(x, weight, padding, bias, y):
    """Write y."""
    xp, (KH, KW, C, F) = array_module(x), weight.shape
    kernels = weight.reshape(KH, KW * C, F)
    row_of_biases = None if bias is None else xp.tile(bias, y.shape[2])  # NumPy adds long rows faster
    for yb, xb in blocks(y, x):
        rows, width = _rows(xb, (KH, KW), padding)
        products, places = _of_places(rows, yb.shape, width)
        for i in range(KH):
            xp.matmul(rows[i], kernels[i], out=products)  # (places, KW·C) @ (KW·C, F)
            if i:
                yb += places
            else:
                yb[...] = places
        if bias is not None:
            y_rows = yb.reshape(*yb.shape[:2], -1)  # (N, OH, OW·F)
            y_rows += row_of_biases


def _rows(x, kernel, padding):
    """(rows, width). rows: row i of every window, (KH, KW, N, places/KW, KW·C); place p is [i, p % KW, n, p // KW].

    A view of scratch memory. Every picture has a multiple of KW places, so some at the end are none of y's.
    """
    xp, (KH, KW), (PH, PW), (N, H, W, C) = array_module(x), kernel, padding, x.shape
    height, width = H + 2 * PH, W + PW
    pixels = scratch((N * height * width + 2 * KW, C), x.dtype, xp, "pixels")
    pixels[N * height * width :] = 0
    padded = pixels[: N * height * width].reshape(N, height, width, C)
    padded[:, :PH] = padded[:, PH + H :] = padded[:, PH : PH + H, :PW] = 0
    padded[:, PH : PH + H, PW:] = x
    n, h, w, c = padded.strides
    shape = KH, KW, N, -(-(height - KH + 1) * width // KW), KW * C
    return xp.lib.stride_tricks.as_strided(pixels, shape, (h, w, n, KW * w, c)), width


def _of_places(rows, shape, width):
    """Scratch memory for F numbers at each place, as two views: in the order of `rows`, and as y, of `shape`."""
    (_, KW, N, count, _), (_, OH, OW, F) = rows.shape, shape
    whole = scratch((N, count * KW, F), rows.dtype, array_module(rows), "places")
    by_row = whole.reshape(N, count, KW, F).transpose(2, 0, 1, 3)
    return by_row, whole[:, : OH * width].reshape(N, OH, width, F)[:, :, :OW]

"""Convolution on a device: each pixel is copied KH times instead of KH·KW times, and one product does the rest.

Windows side by side share all but SW of their columns, so a column of KH pixels is copied once, as a run of numbers:

    strips[g, n, oh, w] = the pixels (oh·SH + i − PH, w − PW) for i = 0 … KH − 1, channels of group g   (KH·C/G numbers)

The window at (oh, ow) is KW runs from w = ow·SW on, which lie side by side. So for one ow the windows of all pictures
and rows are a matrix as they stand, and so is what they give in y:

    y[:, :, ow] = strips[g][:, :, ow·SW : ow·SW + KW] · kernels[g]    (N·OH, KW·KH·C/G) @ (KW·KH·C/G, F/G)

The products for all ow, whose matrices share memory, are one call of `stacked_matmul`. Windows that move by their own
width or more share nothing: the columns between them are left out, and one matrix has the rows of all.

Backward, dweight is the sum of such products with dy. With a stride of 1, dx is a convolution of dy with the kernels
turned by half a turn. Otherwise a product gives each window's columns, and each pixel gathers from those that hold it.

N pictures, H×W pixels, C channels in; KH×KW kernel, SH, SW stride, PH, PW padding; OH×OW places, F channels out;
G groups.
"""

import math

from tinyalex.backend import Array, array_module, fused, scratch, stacked_matmul
from tinyalex.layers.im2col import col2im, group_slices, picture_blocks
from tinyalex.layers.windows import Windows

ALIGNED = 16  # bytes; zeros at its end make each run a multiple of them, so that tensor cores can load it
RUNS_A_THREAD = 8  # of the kernel that copies, so that finding its place takes little beside them


class Strips:
    """Convolution with given weights, as `Conv2d` computes it, to rounding.

    windows: their geometry;  groups: how many;  out_size: (OH, OW);  weight: (KH, KW, C/G, F)
    """

    def __init__(self, windows: Windows, groups: int, out_size: tuple[int, int], weight: Array) -> None:
        self.windows, self.groups, self.out_size, self.weight = windows, groups, out_size, weight
        self.kernels = weight.reshape(*weight.shape[:3], groups, -1)  # a view: (KH, KW, C/G, G, F/G)
        self.layout = Layout(self.kernels, windows.stride, windows.padding, out_size)

    def forward(self, x: Array, bias: Array | None) -> Array:
        """y (N, OH, OW, F) for x (N, H, W, C) and bias (F,), if there is one."""
        y = array_module(x).empty((len(x), *self.out_size, self.weight.shape[-1]), x.dtype)
        _convolve(x, self.kernels, self.layout, y)
        return finish(y, bias)

    def backward(self, dy: Array, x: Array, dx: Array | None) -> Array:
        """dweight for the gradient dy of y. Writes dx, unless that is None."""
        if dx is not None and self.windows.stride == (1, 1):
            (KH, KW), (PH, PW) = self.windows.kernel, self.windows.padding
            turned = self.kernels[::-1, ::-1].swapaxes(2, 4)  # (KH, KW, F/G, G, C/G)
            _convolve(dy, turned, Layout(turned, (1, 1), (KH - 1 - PH, KW - 1 - PW), dx.shape[1:3]), dx)
        elif dx is not None:
            self._gather(dy, dx)
        return self._weight_gradient(dy, x)

    def _weight_gradient(self, dy, x):
        xp, layout = array_module(x), self.layout
        dmatrices = xp.zeros(layout.matrices_shape, x.dtype)  # (G, KW·depth, F/G)
        for pictures in picture_blocks(x, layout.entries):
            strips = layout.strips(x[pictures])
            parts = scratch((self.groups, layout.stack, *dmatrices.shape[1:]), x.dtype, xp, "parts")
            for g in range(self.groups):
                # (KW·depth, places) @ (places, F/G), for each matrix of places
                stacked_matmul(layout.rows(strips[g]).swapaxes(1, 2), layout.places(dy[pictures], g), parts[g])
            dmatrices += parts.sum(axis=1)
        return layout.kernels(dmatrices).reshape(self.weight.shape)

    def _gather(self, dy, dx):
        """Write dx: a product gives its columns, laid out as by `im2col`, and their sums are its pixels."""
        xp, (KH, KW, _, F), C = array_module(dy), self.weight.shape, dx.shape[-1]
        for pictures in picture_blocks(dx, math.prod(self.out_size) * KH * KW * C):
            rows, kernels = dy[pictures].reshape(-1, F), self.weight.reshape(-1, F)
            dcolumns = scratch((self.groups, len(rows), len(kernels)), dx.dtype, xp)
            for g, (_, f_out) in enumerate(group_slices(C, F, self.groups)):
                # (places, F/G) @ (F/G, KH·KW·C/G)
                stacked_matmul(rows[:, f_out], kernels[:, f_out].T, dcolumns[g])
            gather(dcolumns, dx[pictures], self.windows, self.out_size)


def finish(y: Array, bias: Array | None) -> Array:
    """y (…, F) plus bias (F,), if there is one, in place: all that follows the products."""
    if bias is not None and not fused("add_bias", bias, y.shape[-1], y):
        y += bias
    return y


def gather(dcolumns: Array, dx: Array, windows: Windows, out_size: tuple[int, int]) -> None:
    """Write dx (N, H, W, C): for each pixel the sum over all windows that hold it, by row and column of the kernel.

    dcolumns: (G, N·OH·OW, KH·KW·C/G)
    """
    G, C = len(dcolumns), dx.shape[-1]
    geometry = (*windows.kernel, *windows.stride, *windows.padding, *out_size)
    if fused("col2im", dcolumns, *dx.shape, G, *geometry, dx):
        return
    dpadded, inside = windows.zeros(dx.shape, out_size, dx.dtype, array_module(dx))
    for g, (c_in, _) in enumerate(group_slices(C, C, G)):
        col2im(dcolumns[g], dpadded[..., c_in], windows, out_size)
    dx[...] = inside


def _convolve(x, kernels, layout, y):
    """Write y. kernels: (KH, KW, C/G, G, F/G)"""
    matrices = layout.matrices(kernels)
    for pictures in picture_blocks(x, layout.entries):
        strips = layout.strips(x[pictures])
        for g in range(len(matrices)):
            # (places, KW·depth) @ (KW·depth, F/G), for each matrix of places
            stacked_matmul(layout.rows(strips[g]), matrices[g], layout.places(y[pictures], g))


class Layout:
    """How the numbers of a convolution lie in strips and matrices.

    kernels: (KH, KW, C/G, G, F/G), only for shape and dtype;  padding: negative for pixels that are left out
    depth: the length of a run, KH·C/G and zeros;  width: how many runs a row has;  step: how many a window moves by
    stack: into how many matrices the places are divided, OW or 1;  entries: of the strips of one picture
    """

    def __init__(
        self, kernels: Array, stride: tuple[int, int], padding: tuple[int, int], out_size: tuple[int, int]
    ) -> None:
        (KH, KW, C, G, F), (OH, OW) = kernels.shape, out_size
        self.kernel, self.groups, self.run = (KH, KW), G, KH * C
        self.stride, self.padding, self.out_size = stride, padding, out_size
        self.plain = self.kernel == stride == (1, 1) and padding == (0, 0)  # pixels are windows
        aligned = 1 if self.plain else max(1, ALIGNED // kernels.dtype.itemsize)
        self.depth = -(-self.run // aligned) * aligned
        self.step = min(KW, stride[1])
        self.width, self.stack = (OW - 1) * self.step + KW, 1 if self.step == KW else OW
        self.entries = G * OH * self.width * self.depth
        self.matrices_shape = G, KW * self.depth, F

    def strips(self, x: Array) -> Array:
        """The strips of x (N, H, W, G·C/G): (G, N, OH, width, depth), in scratch memory or a view of x."""
        xp, (N, H, W, C), (OH, _), G = array_module(x), x.shape, self.out_size, self.groups
        if self.plain:
            return x.reshape(N, H, W, G, C // G).transpose(3, 0, 1, 2, 4)
        strips = scratch((G, N, OH, self.width, self.depth), x.dtype, xp, "strips")
        geometry = (self.kernel[0], *self.stride, *self.padding, OH, self.width, self.step, self.depth)
        apart = -(-self.width // RUNS_A_THREAD)
        if fused("strips", x, *x.shape, G, *geometry, apart, strips, threads=N * OH * apart * C):
            return strips
        padded, SH = self._padded(x), self.stride[0]
        for i in range(self.kernel[0]):
            pixels = padded[:, i : i + SH * (OH - 1) + 1 : SH].reshape(N, OH, self.width, G, C // G)
            strips[..., i * (C // G) : (i + 1) * (C // G)] = pixels.transpose(3, 0, 1, 2, 4)
        strips[..., self.run :] = 0
        return strips

    def _padded(self, x):
        """The columns of x that windows see, with zeros around: (N, (OH − 1)·SH + KH, width, C)."""
        xp, (OH, OW), (PH, PW) = array_module(x), self.out_size, self.padding
        (KH, KW), (SH, SW) = self.kernel, self.stride
        padded = xp.zeros((len(x), (OH - 1) * SH + KH, (OW - 1) * SW + KW, x.shape[-1]), x.dtype)
        inside = padded[:, max(0, PH) :, max(0, PW) :]
        seen = x[:, max(0, -PH) :, max(0, -PW) :][:, : inside.shape[1], : inside.shape[2]]
        inside[:, : seen.shape[1], : seen.shape[2]] = seen
        runs = xp.arange(self.width)
        return padded[:, :, runs // self.step * SW + runs % self.step]

    def rows(self, strips: Array) -> Array:
        """Every window of one group's strips as a row: (stack, rows, KW·depth), a view."""
        length = self.kernel[1] * self.depth
        if self.stack == 1:
            return strips.reshape(1, -1, length)
        (N, OH, _, _), (_, down, across, number) = strips.shape, strips.strides
        as_strided = array_module(strips).lib.stride_tricks.as_strided
        return as_strided(strips, (self.stack, N * OH, length), (self.step * across, down, number))

    def places(self, y: Array, g: int) -> Array:
        """The channels of group g of y (N, OH, OW, F), in the order of `rows`: (stack, rows, F/G), a view."""
        N, OH, OW, F = y.shape
        channels = group_slices(F, F, self.groups)[g][0]
        if self.stack == 1:
            return y.reshape(1, -1, F)[..., channels]
        return y.reshape(N * OH, OW, F)[..., channels].swapaxes(0, 1)

    def matrices(self, kernels: Array) -> Array:
        """Kernels (KH, KW, C/G, G, F/G) in the order of `rows`: (G, KW·depth, F/G)."""
        matrices = array_module(kernels).zeros(self.matrices_shape, kernels.dtype)
        self.kernels(matrices)[...] = kernels
        return matrices

    def kernels(self, matrices: Array) -> Array:
        """The inverse of `matrices`, as a view."""
        (KH, KW), (G, _, F) = self.kernel, matrices.shape
        runs = matrices.reshape(G, KW, self.depth, F)[:, :, : self.run]
        return runs.reshape(G, KW, KH, -1, F).transpose(2, 1, 3, 0, 4)

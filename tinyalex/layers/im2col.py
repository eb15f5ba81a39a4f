"""The plain way to convolve: unroll the windows into columns, multiply by the kernels.

N pictures, H×W pixels, C channels in; KH×KW kernel; OH×OW places; F channels out; G groups.
"""

import math

from tinyalex.backend import array_module, is_host, scratch
from tinyalex.layers.blocks import slices

# Columns are made for as many pictures at a time as fit in this many bytes: a block that stays in the processor's
# caches is multiplied faster, and conv1 of the paper's network at batch 128 would need 536 MiB of them at once.
COLUMN_BYTES_CPU = 4 << 20
COLUMN_BYTES_GPU = 512 << 20


class Im2col:
    """Convolution of any geometry as one matrix product a group: (places, KH·KW·C/G) @ (KH·KW·C/G, F/G).

    windows: a `Windows`;  groups: G;  out_size: (OH, OW);  weight: (KH, KW, C/G, F)
    """

    def __init__(self, windows, groups, out_size, weight):
        self.windows, self.groups, self.out_size, self.weight = windows, groups, out_size, weight

    def forward(self, x, bias):
        """y (N, OH, OW, F) for x (N, H, W, C) and bias (F,)."""
        xp = array_module(x)
        F = len(bias)
        kernels = self.weight.reshape(-1, F)  # (KH·KW·C/G, F)
        y = xp.empty((len(x), *self.out_size, F), x.dtype)
        for pictures in self._blocks(x, kernels):
            padded = self.windows.pad(x[pictures], self.out_size)
            rows = y[pictures].reshape(-1, F)  # a view: (places, F)
            for c_in, f_out in group_slices(x.shape[-1], F, self.groups):
                columns = im2col(padded[..., c_in], self.windows, self.out_size)
                xp.matmul(columns, kernels[:, f_out], out=rows[:, f_out])
            rows += bias
        return y

    def backward(self, dy, x, input_grad):
        """(dx or None, dweight) for the gradient dy of y."""
        xp = array_module(x)
        F = dy.shape[-1]
        kernels = self.weight.reshape(-1, F)
        dkernels = xp.zeros(kernels.shape, x.dtype)
        dx = xp.empty(x.shape, x.dtype) if input_grad else None
        for pictures in self._blocks(x, kernels):
            padded = self.windows.pad(x[pictures], self.out_size)
            rows = dy[pictures].reshape(-1, F)  # (places, F)
            if input_grad:
                dpadded, inside = self.windows.zeros(x[pictures].shape, self.out_size, x.dtype, xp)
            for c_in, f_out in group_slices(x.shape[-1], F, self.groups):
                columns = im2col(padded[..., c_in], self.windows, self.out_size)
                dkernels[:, f_out] += columns.T @ rows[:, f_out]  # (depth, places) @ (places, F/G)
                if input_grad:
                    # the columns of x are used up, so their scratch may take the columns of dx
                    dcolumns = xp.matmul(rows[:, f_out], kernels[:, f_out].T, out=columns)
                    col2im(dcolumns, dpadded[..., c_in], self.windows, self.out_size)
            if input_grad:
                dx[pictures] = inside
        return dx, dkernels.reshape(self.weight.shape)

    def _blocks(self, x, kernels):
        """Slices over pictures, as many at a time as the columns' budget allows."""
        budget = COLUMN_BYTES_CPU if is_host(x) else COLUMN_BYTES_GPU
        return slices(len(x), budget // (math.prod(self.out_size) * len(kernels) * x.dtype.itemsize))


def group_slices(C, F, groups):
    """For each group, its run of the C channels in and its run of the F kernels."""
    c, f = C // groups, F // groups
    return [(slice(g * c, (g + 1) * c), slice(g * f, (g + 1) * f)) for g in range(groups)]


def im2col(padded, windows, out_size):
    """Unroll every window into a row: (N·OH·OW, KH·KW·C), in the order of the kernel's own axes.

    The result is scratch memory: used before the next call, never kept.
    """
    xp = array_module(padded)
    view = windows.view(padded, out_size)  # (N, OH, OW, KH, KW, C)
    columns = scratch(view.shape, padded.dtype, xp)
    columns[...] = view
    N, OH, OW, KH, KW, C = view.shape
    return columns.reshape(N * OH * OW, KH * KW * C)


def col2im(dcolumns, dpadded, windows, out_size):
    """Add every window's gradient to the pixels it was read from; windows that overlap add up. Writes dpadded."""
    (KH, KW), (N, _, _, C) = windows.kernel, dpadded.shape
    dcolumns = dcolumns.reshape(N, *out_size, KH, KW, C)
    for (i, j), pixels in windows.places(dpadded, out_size):
        pixels += dcolumns[:, :, :, i, j]

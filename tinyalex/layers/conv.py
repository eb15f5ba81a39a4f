"""Convolution as one matrix product: unroll the windows into columns, multiply by the kernels.

N pictures, H×W pixels, C channels in; KH×KW kernel; OH×OW places; F channels out; G groups.
"""

from tinyalex.backend import array_module, is_host, scratch
from tinyalex.layers.base import Layer, default_params
from tinyalex.layers.windows import Windows

# Columns are made for as many pictures at a time as fit in this many bytes: a block that stays in the processor's
# caches is multiplied faster, and conv1 of the paper's network at batch 128 would need 536 MiB of them at once.
COLUMN_BYTES_CPU = 4 << 20
COLUMN_BYTES_GPU = 512 << 20


class Conv2d(Layer):
    """Slide F kernels over a picture and take the inner product at every place (a cross-correlation).

        y[n, oh, ow, f] = bias[f] + Σ_{i, j, c} x[n, oh·stride + i − padding, ow·stride + j − padding, c] · weight[i, j, c, f]

    Outside the picture x counts as 0. With groups, the channels in and the kernels are cut into G equal runs, and
    run g of the kernels sees run g of the channels only (paper §3.2, Fig. 2: the two GPUs).

    x: (N, H, W, C);  y: (N, OH, OW, F);  weight: (KH, KW, C/G, F);  bias: (F,)
    kernel_size, stride, padding: pixels, one integer or a pair (height, width)
    rounding: None, "floor" or "ceil", for a stride that does not divide (see `tinyalex.layers.windows`)
    Raises ValueError for channels that the groups do not divide, and for a picture that does not fit.
    Source: paper §3.5; 2012 source, `layer.py` (size rule).
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, groups=1, rounding=None):
        super().__init__()
        for what, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels < 1 or groups < 1 or channels % groups:
                raise ValueError(f"Conv2d: {what} = {channels} is not a positive multiple of groups = {groups}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.windows = Windows(kernel_size, stride, padding, rounding)
        KH, KW = self.windows.kernel
        self.depth = KH * KW * in_channels // groups  # length of a column: products in each sum
        self.params = default_params((KH, KW, in_channels // groups, out_channels), fan_in=self.depth)

    def forward(self, x, train=False, rng=None):
        xp = self._check_float(x, "NHWC")
        OH, OW, F = self.out_shape(x.shape[1:])
        weight = self._param("weight", x.dtype).reshape(self.depth, F)
        bias = self._param("bias", x.dtype)
        y = xp.empty((len(x) * OH * OW, F), x.dtype)
        for pictures, rows in self._blocks(x, OH * OW):
            padded = self.windows.pad(x[pictures], (OH, OW))
            for c_in, f_out in self._group_slices():
                columns = im2col(padded[..., c_in], self.windows, (OH, OW))
                xp.matmul(columns, weight[:, f_out], out=y[rows, f_out])  # (rows, depth) @ (depth, F/G)
            y[rows] += bias
        return y.reshape(len(x), OH, OW, F), x

    def backward(self, dy, cache, input_grad=True):
        """As `Layer.backward`; with input_grad=False dx is None, which spares the first layer half of its work."""
        x = cache
        xp = array_module(x)
        OH, OW, F = self.out_shape(x.shape[1:])
        self._check_dy(dy, (len(x), OH, OW, F))
        weight = self._param("weight", x.dtype).reshape(self.depth, F)
        dy = xp.ascontiguousarray(dy).reshape(-1, F)  # (N·OH·OW, F)
        dweight = xp.zeros((self.depth, F), x.dtype)
        dx = xp.empty(x.shape, x.dtype) if input_grad else None
        for pictures, rows in self._blocks(x, OH * OW):
            padded = self.windows.pad(x[pictures], (OH, OW))
            if input_grad:
                dpadded, inside = self.windows.zeros(x[pictures].shape, (OH, OW), x.dtype, xp)
            for c_in, f_out in self._group_slices():
                columns = im2col(padded[..., c_in], self.windows, (OH, OW))
                dweight[:, f_out] += columns.T @ dy[rows, f_out]  # (depth, rows) @ (rows, F/G)
                if input_grad:
                    # the columns of x are used up, so their scratch may take the columns of dx
                    dcolumns = xp.matmul(dy[rows, f_out], weight[:, f_out].T, out=columns)
                    col2im(dcolumns, dpadded[..., c_in], self.windows, (OH, OW))
            if input_grad:
                dx[pictures] = inside
        grads = {"weight": dweight.reshape(self.params["weight"].shape), "bias": dy.sum(axis=0)}
        return dx, grads

    def out_shape(self, in_shape):
        H, W, C = self._height_width_channels(in_shape)
        if C != self.in_channels:
            per_group = self.in_channels // self.groups
            groups = f" ({per_group} per group × {self.groups} groups)" if self.groups > 1 else ""
            raise ValueError(
                f"{self.label}: x has {C} channels, weight expects {self.in_channels}{groups}; "
                f"x is {H}×{W}×{C} a picture"
            )
        return (*self.windows.out_size(H, W, self.label), self.out_channels)

    def multiply_adds(self, in_shape):
        OH, OW, F = self.out_shape(in_shape)
        return OH * OW * F * self.depth

    def __str__(self):
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        return f"conv {self.windows}, {self.out_channels}{groups}"

    def _blocks(self, x, places):
        """Slices over pictures and over rows of columns, as many pictures at a time as the columns' budget allows."""
        budget = COLUMN_BYTES_CPU if is_host(x) else COLUMN_BYTES_GPU
        step = max(1, budget // (places * self.depth * x.dtype.itemsize))
        for start in range(0, len(x), step):
            stop = min(start + step, len(x))
            yield slice(start, stop), slice(start * places, stop * places)

    def _group_slices(self):
        """For each group, its run of channels in and its run of kernels."""
        C, F = self.in_channels // self.groups, self.out_channels // self.groups
        return [(slice(g * C, (g + 1) * C), slice(g * F, (g + 1) * F)) for g in range(self.groups)]


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

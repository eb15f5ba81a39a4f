"""Convolution: windows as rows of a matrix, times the kernels (`im2col`); three fast ways behind one door.

N pictures, H×W pixels, C channels in; KH×KW kernel; OH×OW places; F channels out; G groups.
"""

import copy
import math
import operator
from typing import Self

from tinyalex.backend import Array, array_module, is_host
from tinyalex.layers import kernel_rows, strips, winograd
from tinyalex.layers.base import Layer, at_least, channel_sums, checked, default_params
from tinyalex.layers.im2col import col2im, group_slices, im2col, picture_blocks
from tinyalex.layers.windows import Pair, Windows

ON_CPU = {"rows": kernel_rows, "winograd": winograd}  # each with its rules, `fits` and `suits`
ON_DEVICE = "strips"  # fits everything, and writes no more than `im2col` but a few zeros
FAST = (*ON_CPU, ON_DEVICE)
ALGORITHMS = (None, "im2col", *FAST)


class Conv2d(Layer):
    """Slide F kernels over a picture and take the inner product at every place (a cross-correlation).

        y[n, oh, ow, f] = bias[f] + Σ_{i, j, c} x[n, h, w, c] · weight[i, j, c, f]
        with h = oh·stride + i − padding, w = ow·stride + j − padding

    Outside the picture x counts as 0. With groups, the channels in and the kernels are cut into G equal runs, and
    run g of the kernels sees only run g of the channels (paper §3.2, Fig. 2: the two GPUs).

    x: (N, H, W, C);  y: (N, OH, OW, F);  weight: (KH, KW, C/G, F);  bias: (F,), absent with bias=False
    kernel_size, stride, padding: pixels, one integer or a pair (height, width)
    rounding: None, "floor" or "ceil", for a stride that does not divide (see `tinyalex.layers.windows`)
    algorithm: "im2col", "rows", "winograd", "strips", or None for the fastest by a rule of thumb; they differ only in
        rounding
    Left out: dilation, and padding="same", which is (kernel − 1) / 2 for an odd kernel and a stride of 1.
    Raises ValueError for channels that the groups do not divide, and for a picture that does not fit.
    Source: paper §3.5; 2012 source, `layer.py` (size rule).
    """

    _prepared: dict | None = None  # {(shape, dtype) of a picture: what `_fast` returns}, of a layer made `for_batch`

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        groups: int = 1,
        rounding: str | None = None,
        algorithm: str | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.groups = checked(groups, "Conv2d: groups", *at_least(1))
        multiple = lambda c: operator.index(c) >= 1 and c % groups == 0, f"a positive multiple of groups = {groups}"
        self.in_channels = checked(in_channels, "Conv2d: in_channels", *multiple)
        self.out_channels = checked(out_channels, "Conv2d: out_channels", *multiple)
        self.kernel_size, self.stride, self.padding, self.rounding = kernel_size, stride, padding, rounding
        self.windows = Windows(kernel_size, stride, padding, rounding, self.label)
        KH, KW = self.windows.kernel
        self.depth = KH * KW * in_channels // groups  # products in each sum
        self.params = default_params((KH, KW, in_channels // groups, out_channels), fan_in=self.depth)
        self.bias = bool(bias)
        if not bias:
            del self.params["bias"]
        if algorithm not in ALGORITHMS:
            raise ValueError(f"Conv2d: algorithm = {algorithm!r}, expected one of {ALGORITHMS}")
        if algorithm in ON_CPU and not ON_CPU[algorithm].fits(self.windows, groups):
            raise ValueError(f'Conv2d: algorithm "{algorithm}" is not for {self}; expected "im2col" or None')
        self.algorithm = algorithm

    def forward(self, x, train=False, rng=None):
        xp = self._check_float(x, "NHWC")
        bias = self._param("bias", x.dtype) if self.bias else None
        if fast := self._fast(x):
            return fast.forward(x, bias), x
        y = xp.empty((len(x), *self.out_shape(x.shape[1:])), x.dtype)
        out_size, F, kernels = y.shape[1:3], self.out_channels, self._kernels(x)  # (KH·KW·C/G, F)
        for pictures in picture_blocks(x, math.prod(out_size) * self.depth):
            padded = self.windows.pad(x[pictures], out_size)
            rows = y[pictures].reshape(-1, F)  # a view: (places, F)
            for c_in, f_out in group_slices(self.in_channels, F, self.groups):
                columns = im2col(padded[..., c_in], self.windows, out_size)
                xp.matmul(columns, kernels[:, f_out], out=rows[:, f_out])  # (places, depth) @ (depth, F/G)
            if self.bias:
                rows += bias
        return y, x

    def backward(self, dy, cache, input_grad=True):
        x = cache
        self._check_dy(dy, (len(x), *self.out_shape(x.shape[1:])))
        xp, out_size, F = array_module(x), dy.shape[1:3], self.out_channels
        dy, dx = xp.ascontiguousarray(dy, x.dtype), xp.empty(x.shape, x.dtype) if input_grad else None
        grads = {"bias": channel_sums(dy)} if self.bias else {}
        if fast := self._fast(x):
            return dx, {"weight": fast.backward(dy, x, dx)} | grads
        kernels = self._kernels(x)
        dkernels = xp.zeros(kernels.shape, x.dtype)
        for pictures in picture_blocks(x, math.prod(out_size) * self.depth):
            padded = self.windows.pad(x[pictures], out_size)
            rows = dy[pictures].reshape(-1, F)  # (places, F)
            dpadded, inside = (
                self.windows.zeros(x[pictures].shape, out_size, x.dtype, xp) if input_grad else (None, None)
            )
            for c_in, f_out in group_slices(self.in_channels, F, self.groups):
                columns = im2col(padded[..., c_in], self.windows, out_size)
                dkernels[:, f_out] += columns.T @ rows[:, f_out]  # (depth, places) @ (places, F/G)
                if input_grad:
                    # the columns of x are used up, so their scratch may hold the columns of dx
                    dcolumns = xp.matmul(rows[:, f_out], kernels[:, f_out].T, out=columns)
                    col2im(dcolumns, dpadded[..., c_in], self.windows, out_size)
            if input_grad:
                dx[pictures] = inside
        return dx, {"weight": dkernels.reshape(self.params["weight"].shape)} | grads

    def _kernels(self, x):
        """The kernels as a matrix, (KH·KW·C/G, F)."""
        return self._param("weight", x.dtype).reshape(-1, self.out_channels)

    # ------------------------------------------------------------------------------------------ the fast way

    def fast_way(self) -> str | None:
        """The name of the fast way that computes this layer, or None if `im2col` does.

        Without an algorithm's name it is, on the CPU, the one expected to be faster. A device has multiplications to
        spare, and its TF32 rounds more than `winograd` can afford: there it is the one that moves the fewest bytes.
        """
        if self.algorithm is not None:
            return self.algorithm if self.algorithm in FAST else None
        if not is_host(self.params["weight"]):
            return ON_DEVICE
        suitable = (name for name, way in ON_CPU.items() if way.suits(self.windows, self.in_channels, self.groups))
        return next(suitable, None)

    def for_batch(self):
        if self._prepared is not None:
            return self
        ready = copy.copy(self)
        ready._prepared = {}
        return ready

    def without_bias(self) -> Self:
        """This layer, for one whose caller adds the bias, on the same arrays."""
        ready = copy.copy(self)
        ready.bias = False
        return ready

    def scaled(self, scale: Array, shift: Array) -> Self:
        """This layer, with each channel of y times `scale` plus `shift`: (F,) both. In new arrays."""
        ready = copy.copy(self)
        ready._prepared = None
        ready.bias = True
        bias = self.params["bias"] * scale + shift if self.bias else shift
        ready.params = {"weight": self.params["weight"] * scale, "bias": bias}
        return ready

    def _fast(self, x):
        """The fast way for x, kept if made `for_batch`; None if the lines above compute it."""
        if (way := self.fast_way()) is None:
            return None
        prepared, key = {} if self._prepared is None else self._prepared, (x.shape[1:], x.dtype)
        if key not in prepared:
            weight, out_size = self._param("weight", x.dtype), self.out_shape(x.shape[1:])[:2]
            if way == "rows":
                fast = kernel_rows.KernelRows(self.windows.padding, weight)
            else:
                kind = {"winograd": winograd.Winograd, "strips": strips.Strips}[way]
                fast = kind(self.windows, self.groups, out_size, weight)
            prepared.setdefault(key, fast)  # another thread may have been first
        return prepared[key]

    # ------------------------------------------------------------------------------------------ shapes

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

    def prepared_bytes(self, in_shape):
        if self.fast_way() != "winograd":
            return 0
        weight, out_size = self.params["weight"], self.out_shape(in_shape)[:2]
        return winograd.Winograd(self.windows, self.groups, out_size, weight).kernel_bytes

    def __str__(self):
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        return f"conv {self.windows}, {self.out_channels}{groups}"

"""Convolution: the layer. How it is computed stands in `im2col` (the plain way) and `winograd` (the fast one).

N pictures, H×W pixels, C channels in; KH×KW kernel; OH×OW places; F channels out; G groups.
"""

import copy

from tinyalex.backend import array_module, is_host
from tinyalex.layers import winograd
from tinyalex.layers.base import Layer, default_params
from tinyalex.layers.im2col import Im2col
from tinyalex.layers.windows import Windows

ALGORITHMS = (None, "im2col", "winograd")


class Conv2d(Layer):
    """Slide F kernels over a picture and take the inner product at every place (a cross-correlation).

        y[n, oh, ow, f] = bias[f] + Σ_{i, j, c} x[n, oh·stride + i − padding, ow·stride + j − padding, c] · weight[i, j, c, f]

    Outside the picture x counts as 0. With groups, the channels in and the kernels are cut into G equal runs, and
    run g of the kernels sees run g of the channels only (paper §3.2, Fig. 2: the two GPUs).

    x: (N, H, W, C);  y: (N, OH, OW, F);  weight: (KH, KW, C/G, F);  bias: (F,)
    kernel_size, stride, padding: pixels, one integer or a pair (height, width)
    rounding: None, "floor" or "ceil", for a stride that does not divide (see `tinyalex.layers.windows`)
    algorithm: "im2col", "winograd", or None: the faster of the two by a rule of thumb; they differ in rounding only
    Raises ValueError for channels that the groups do not divide, and for a picture that does not fit.
    Source: paper §3.5; 2012 source, `layer.py` (size rule).
    """

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, groups=1, rounding=None, algorithm=None
    ):
        super().__init__()
        for what, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels < 1 or groups < 1 or channels % groups:
                raise ValueError(f"Conv2d: {what} = {channels} is not a positive multiple of groups = {groups}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.windows = Windows(kernel_size, stride, padding, rounding)
        KH, KW = self.windows.kernel
        self.depth = KH * KW * in_channels // groups  # products in each sum
        self.params = default_params((KH, KW, in_channels // groups, out_channels), fan_in=self.depth)
        if algorithm not in ALGORITHMS:
            raise ValueError(f"Conv2d: algorithm = {algorithm!r}, expected one of {ALGORITHMS}")
        if algorithm == "winograd" and not winograd.fits(self.windows, groups):
            raise ValueError(f'Conv2d: algorithm "winograd" is not for {self}; expected "im2col" or None')
        self.algorithm = algorithm
        self.how = None  # set in what `for_batch` returns

    def like(self, **changes):
        """A new convolution with fresh parameters, built as this one was but for `changes`, arguments of the class."""
        w = self.windows
        built = dict(
            in_channels=self.in_channels,
            out_channels=self.out_channels,
            kernel_size=w.kernel,
            stride=w.stride,
            padding=w.padding,
            groups=self.groups,
            rounding=w.rounding,
            algorithm=self.algorithm,
        )
        return Conv2d(**(built | changes))

    def for_batch(self, in_shape, dtype):
        ready = copy.copy(self)
        ready.how = self._how(in_shape, dtype)
        return ready

    def forward(self, x, train=False, rng=None):
        self._check_float(x, "NHWC")
        how = self.how or self._how(x.shape[1:], x.dtype)
        return how.forward(x, self._param("bias", x.dtype)), x

    def backward(self, dy, cache, input_grad=True):
        """As `Layer.backward`; with input_grad=False dx is None, which spares the first layer half of its work."""
        x = cache
        self._check_dy(dy, (len(x), *self.out_shape(x.shape[1:])))
        dy = array_module(x).ascontiguousarray(dy)
        how = self.how or self._how(x.shape[1:], x.dtype)
        dx, dweight = how.backward(dy, x, input_grad)
        return dx, {"weight": dweight, "bias": dy.reshape(-1, self.out_channels).sum(axis=0)}

    def _how(self, in_shape, dtype):
        """The one door between the plain way and the fast one."""
        weight, name = self._param("weight", dtype), self.algorithm
        if name is None:
            # A device has multiplications to spare, and its TF32 rounds more than the fast way can afford
            fast = is_host(weight) and winograd.suits(self.windows, self.in_channels, self.groups)
            name = "winograd" if fast else "im2col"
        algorithm = winograd.Winograd if name == "winograd" else Im2col
        return algorithm(self.windows, self.groups, self.out_shape(in_shape)[:2], weight)

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

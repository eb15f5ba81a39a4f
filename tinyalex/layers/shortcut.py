"""Shortcuts without weights: around a block that keeps the shape, and around one that changes it."""

from tinyalex.backend import array_module
from tinyalex.layers.base import Layer, at_least, checked


class Identity(Layer):
    """Hands on its input: the shortcut around a block that keeps the shape. y = x, dx = dy; x, y: any shape."""

    channelwise = True

    def forward(self, x, train=False, rng=None):
        self._check_float(x, None)
        return x, x.shape

    def backward(self, dy, cache, input_grad=True):
        self._check_dy(dy, cache)
        return (dy if input_grad else None), {}

    def __str__(self):
        return "identity"


class PaddedShortcut(Layer):
    """Every `stride`-th pixel, with channels of zeros on both sides: ResNet's "option A".

        y[n, h, w] = 0 … 0, x[n, h·stride, w·stride], 0 … 0

    x: (N, H, W, in_channels);  y: (N, ⌈H/stride⌉, ⌈W/stride⌉, out_channels)
    The zeros are as many before as after, one more after if their number is odd.
    Raises ValueError for fewer channels out than in.
    Source: He et al. 2015, arXiv:1512.03385, §3.3 and §4.2.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 2) -> None:
        super().__init__()
        self.in_channels = checked(in_channels, "PaddedShortcut: in_channels", *at_least(1))
        self.out_channels = checked(out_channels, "PaddedShortcut: out_channels", *at_least(in_channels))
        self.stride = checked(stride, "PaddedShortcut: stride", *at_least(1))

    def forward(self, x, train=False, rng=None):
        xp = self._check_float(x, "NHWC")
        y = xp.zeros((len(x), *self.out_shape(x.shape[1:])), x.dtype)
        y[..., self._inside] = x[:, :: self.stride, :: self.stride]
        return y, x.shape

    def backward(self, dy, cache, input_grad=True):
        shape = cache
        self._check_dy(dy, (shape[0], *self.out_shape(shape[1:])))
        if not input_grad:
            return None, {}
        dx = array_module(dy).zeros(shape, dy.dtype)
        dx[:, :: self.stride, :: self.stride] = dy[..., self._inside]
        return dx, {}

    def out_shape(self, in_shape):
        H, W, C = self._height_width_channels(in_shape)
        if C != self.in_channels:
            raise ValueError(f"{self.label}: x has {C} channels, expected {self.in_channels}")
        return (-(-H // self.stride), -(-W // self.stride), self.out_channels)

    def __str__(self):
        return f"shortcut /{self.stride}, {self.out_channels} channels, zeros around {self.in_channels}"

    @property
    def _inside(self):
        """The channels of y that are x's."""
        before = (self.out_channels - self.in_channels) // 2
        return slice(before, before + self.in_channels)

"""Activations: one number in, one number out, anywhere in the network."""

from tinyalex.backend import array_module, fused
from tinyalex.layers.base import Layer
from tinyalex.layers.blocks import blocks, pixels


class ReLU(Layer):
    """y = max(x, 0): the rectifier that let the paper train about six times sooner than tanh (§3.1, Fig. 1).

    dx = dy where x > 0 or x is NaN, else 0; at exactly 0 the gradient is 0, as in PyTorch. x, y: any shape.
    """

    channelwise = activation = True

    def forward(self, x, train=False, rng=None):
        xp = self._check_float(x, None)
        # The maximum of two arrays: NumPy takes it two or three times faster than the maximum of an array and 0
        y = xp.maximum(x, xp.zeros(x.shape[1:][-2:], x.dtype))
        return y, y  # y ≠ 0 where x > 0 or NaN; the next layer usually keeps y too, so it costs no memory

    def backward(self, dy, cache, input_grad=True):
        y = cache
        self._check_dy(dy, y.shape)
        if not input_grad:
            return None, {}
        xp = array_module(dy)
        dx = xp.empty(dy.shape, dy.dtype)
        if not fused("relu_backward", dy, y, dx):
            for dyb, yb, dxb in blocks(*map(pixels, (dy, y, dx))):
                xp.multiply(dyb, yb != 0, out=dxb)
        return dx, {}

    def __str__(self):
        return "ReLU"


class Tanh(Layer):
    """y = tanh(x), the usual activation before the ReLU (paper §3.1). dx = dy·(1 − y²). x, y: any shape."""

    channelwise = activation = True

    def forward(self, x, train=False, rng=None):
        xp = self._check_float(x, None)
        y = xp.tanh(x)
        return y, y

    def backward(self, dy, cache, input_grad=True):
        y = cache
        self._check_dy(dy, y.shape)
        return (dy * (1 - y * y) if input_grad else None), {}

    def __str__(self):
        return "tanh"


class Sigmoid(Layer):
    """y = 1 / (1 + e^−x), the other activation before the ReLU (paper §3.1). dx = dy·y·(1 − y). x, y: any shape.

    Computed as ½ + ½·tanh(x/2), so a float32 y below about 3e-8 comes out as 0.
    """

    channelwise = activation = True

    def forward(self, x, train=False, rng=None):
        xp = self._check_float(x, None)
        y = 0.5 * (1 + xp.tanh(0.5 * x))  # the same function, and it cannot overflow
        return y, y

    def backward(self, dy, cache, input_grad=True):
        y = cache
        self._check_dy(dy, y.shape)
        return (dy * (y * (1 - y)) if input_grad else None), {}

    def __str__(self):
        return "sigmoid"

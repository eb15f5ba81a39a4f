"""On a device a ReLU adds the bias of the layer before it, so that both take one pass over memory, and back one too."""

from typing import Any

from tinyalex.backend import Array, array_module, fused
from tinyalex.layers.activation import ReLU
from tinyalex.layers.base import Layer, channel_sums, partial_sums
from tinyalex.layers.conv import Conv2d
from tinyalex.layers.linear import Linear


class BiasReLU(ReLU):
    """y = max(x + bias, 0), written over x: stands in for a ReLU behind a layer that leaves out its own bias.

    relu: the ReLU;  bias: (C,);  of: the name of the layer that the gradient of the bias belongs to
    x, y: pictures first, channels last
    """

    def __init__(self, relu: ReLU, bias: Array, of: str) -> None:
        super().__init__()
        self.name, self.fixed, self.params, self.of = relu.name, relu.fixed, {"bias": bias}, of

    def forward(self, x, train=False, rng=None):
        xp = self._check_float(x, None)
        bias = self._param("bias", x.dtype)
        if not fused("bias_relu", bias, len(bias), x):
            x += bias
            xp.maximum(x, 0, out=x)
        return x, x

    def backward(self, dy, cache, input_grad=True):
        y = cache
        self._check_dy(dy, y.shape)
        if self.fixed and not input_grad:
            return None, {}
        xp = array_module(dy)
        dy, dz, partial = xp.ascontiguousarray(dy, y.dtype), xp.empty(y.shape, y.dtype), partial_sums(y)
        if fused("bias_relu_backward", dy, y, y.size, y.shape[-1], dz, partial):
            return dz if input_grad else None, {"bias": partial.sum(axis=1)}
        xp.multiply(dy, y != 0, out=dz)
        return dz if input_grad else None, {"bias": channel_sums(dz)}


def with_biases_in_relus(layers: dict[str, Layer]) -> dict[str, Layer]:
    """The same layers, with each ReLU right behind a convolution or `Linear` as a `BiasReLU`; names and caches stay.

    Only where the layer before it has a bias, and both are fixed or neither is.
    """
    found, last = dict(layers), ""
    for name, layer in layers.items():
        before: Any = layers.get(last)
        if type(layer) is ReLU and type(before) in (Conv2d, Linear) and before.bias and before.fixed == layer.fixed:
            found[last] = before.without_bias()
            found[name] = BiasReLU(layer, before.params["bias"], last)
        last = name
    return found

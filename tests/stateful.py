"""Layers that the package does not have, to hold its contract to: batch statistics, state, branches that meet.

N pictures, H×W pixels, C channels.
"""

import numpy as np

from tinyalex.backend import array_module
from tinyalex.layers import Layer
from tinyalex.layers.pieces import add_up, alone
from tinyalex.network import Composite, Sequential, path


class BatchNorm(Layer):
    """Each channel with mean 0 and variance 1 over the whole batch, then scaled and shifted.

        y = weight · x̂ + bias,   x̂ = (x − mean) / √(variance + eps)

    In training mean and variance (divided by the count) are those of the batch; else the running ones, into which each
    step takes the batch's mean and variance (divided by the count less one) with the weight `momentum`.

    x, y: (N, …, C);  weight, bias, running_mean, running_var: (C,)
    Source: Ioffe and Szegedy 2015, arXiv:1502.03167; conventions of torch.nn.BatchNorm2d.
    """

    channelwise = True

    def __init__(self, channels, momentum=0.1, eps=1e-5):
        super().__init__()
        self.channels, self.momentum, self.eps = channels, momentum, eps
        self.params = {"weight": _vector(channels, 1), "bias": _vector(channels, 0)}
        self.state = {"running_mean": _vector(channels, 0), "running_var": _vector(channels, 1)}

    def forward_piece(self, x, train, rng):
        xp, flat = self._check_float(x, None), x.reshape(-1, x.shape[-1])  # (places, C)
        self.out_shape(x.shape[1:])
        if not train:
            mean, variance, sums, count = self.state["running_mean"], self.state["running_var"], (), None
        else:
            # float64, since the difference of two large sums is small
            sums = (xp.full(1, len(flat), "float64"), flat.sum(axis=0, dtype="float64"))
            sums = (*sums, (flat * flat).sum(axis=0, dtype="float64"))
            count, total, squares = yield sums
            mean = total / count
            variance = xp.maximum(squares / count - mean * mean, 0)
        inverse = (1 / xp.sqrt(variance + self.eps)).astype(x.dtype)
        normal = (x - mean.astype(x.dtype)) * inverse
        y = self._param("weight", x.dtype) * normal + self._param("bias", x.dtype)
        return y, (normal, inverse, count, sums)

    def backward_piece(self, dy, cache, input_grad):
        normal, inverse, count, _ = cache
        self._check_dy(dy, normal.shape)
        axes, factor = tuple(range(dy.ndim - 1)), self._param("weight", dy.dtype) * inverse
        dbias, dweight = dy.sum(axis=axes), (dy * normal).sum(axis=axes)
        grads = {"weight": dweight, "bias": dbias}  # of this piece
        if not input_grad:
            return None, grads
        if count is None:
            return dy * factor, grads
        dsum, dproduct = yield dbias, dweight
        count = count.astype(dy.dtype)
        return factor * (dy - dsum / count - normal * (dproduct / count)), grads

    def observe(self, cache):
        *_, sums = cache
        return dict(zip(("count", "sum", "squares"), sums))

    def absorb(self, observed):
        if not observed:
            return
        count, total, squares = observed["count"], observed["sum"], observed["squares"]
        mean, xp = total / count, array_module(total)
        variance = (squares - total * mean) / xp.maximum(count - 1, 1)
        for key, value in (("running_mean", mean), ("running_var", variance)):
            self.state[key] += self.momentum * (value - self.state[key])

    def out_shape(self, in_shape):
        C = len(self.params["weight"])
        if in_shape[-1] != C:
            raise ValueError(f"{self.label}: x has {in_shape[-1]} channels, expected {C}")
        return in_shape

    def __str__(self):
        return "batch norm"


class GhostNorm(BatchNorm):
    """`BatchNorm`, content with the statistics of a piece: it defines forward and backward, so pieces do not meet."""

    def forward(self, x, train=False, rng=None):
        return alone(BatchNorm.forward_piece(self, x, train, rng), add_up)

    def backward(self, dy, cache, input_grad=True):
        return alone(BatchNorm.backward_piece(self, dy, cache, input_grad), add_up)

    forward_piece, backward_piece = Layer.forward_piece, Layer.backward_piece

    def __str__(self):
        return "ghost norm"


class Residual(Composite):
    """Two branches that meet: y = main(x) + shortcut(x). main, shortcut: {name: layer}; an empty one hands x on.

    Source: He et al. 2015, arXiv:1512.03385.
    """

    def __init__(self, main, shortcut):
        super().__init__({"main": Sequential(main), "shortcut": Sequential(shortcut)})

    def forward_piece(self, x, train, rng):
        y, cache = 0, {}
        for name, branch in self.layers.items():
            part, cache[name] = yield from branch.forward_piece(x, train, rng)
            y = y + part
        return y, cache

    def backward_piece(self, dy, cache, input_grad):
        dx, grads = 0, {}
        for name, branch in self.layers.items():
            part, own = yield from branch.backward_piece(dy, cache[name], input_grad)
            dx = dx + part if input_grad else None
            grads |= {path(name, key): grad for key, grad in own.items()}
        return dx, grads

    def predict(self, x):
        main, shortcut = (branch.predict(x) for branch in self.layers.values())
        return main + shortcut

    def out_shape(self, in_shape):
        main, shortcut = (branch.out_shape(in_shape) for branch in self.layers.values())
        if main != shortcut:
            raise ValueError(f"{self.label}: main gives {main}, shortcut {shortcut}, expected the same shape")
        return main

    def shapes(self, in_shape):
        for name, branch in self.layers.items():
            for inner, leaf, shape, out_shape in branch.shapes(in_shape):
                yield path(name, inner), leaf, shape, out_shape

    def __str__(self):
        return "residual"


def _vector(count, value):
    return np.full(count, value, np.float32)

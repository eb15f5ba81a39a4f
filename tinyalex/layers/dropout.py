"""Dropout: silence each unit with probability p in training, so that no unit can rely on another."""

from tinyalex.backend import fused, uniform
from tinyalex.layers.base import Layer, checked


class Dropout(Layer):
    """p is the share that is dropped. Two forms, equal on average:

        inverted=True   training: y = x · mask / (1 − p)    test: y = x            (PyTorch's, the default)
        inverted=False  training: y = x · mask              test: y = x · (1 − p)  (the paper's, §4.2)

    mask is 0 with probability p, else 1, drawn for every unit of every picture in each forward call, and kept in the
    cache for backward. x, y: any shape. Raises ValueError unless 0 ≤ p < 1.
    """

    def __init__(self, p: float = 0.5, inverted: bool = True) -> None:
        super().__init__()
        self.p = float(checked(p, "Dropout: p", lambda p: 0 <= p < 1, "the share to drop, 0 ≤ p < 1"))
        self.inverted = inverted

    def forward(self, x, train=False, rng=None):
        xp = self._check_float(x, None)
        keep = 1 - self.p
        if not train:
            factor = 1.0 if self.inverted else keep
            return x * factor, (x.shape, factor)
        u, factor, y = uniform(rng, x.shape, xp), xp.empty(x.shape, x.dtype), xp.empty(x.shape, x.dtype)
        if not fused("dropout", u, x, self.p, keep if self.inverted else 1, factor, y):
            factor[...] = u >= self.p  # the mask
            if self.inverted:
                factor /= keep
            xp.multiply(x, factor, out=y)
        return y, (x.shape, factor)

    def backward(self, dy, cache, input_grad=True):
        shape, factor = cache
        self._check_dy(dy, shape)
        return (dy * factor if input_grad else None), {}

    def __str__(self):
        return f"dropout {self.p:g}{'' if self.inverted else ', scaled at test'}"

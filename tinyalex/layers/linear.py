"""Fully connected layers, and the step from pictures to vectors. N pictures."""

import copy
import math
from typing import Self

from tinyalex.backend import matmul
from tinyalex.layers.base import Layer, at_least, checked, default_params


class Flatten(Layer):
    """(N, H, W, C) → (N, H·W·C), row by row, channels fastest: the order in memory, so nothing is copied."""

    def forward(self, x, train=False, rng=None):
        self._check_float(x, None)
        if x.ndim == 0:
            raise ValueError(f"{self.label}: x.shape = (), expected pictures on the first axis")
        return x.reshape(len(x), math.prod(x.shape[1:])), x.shape

    def backward(self, dy, cache, input_grad=True):
        shape = cache
        self._check_dy(dy, (shape[0], math.prod(shape[1:])))
        return (dy.reshape(shape) if input_grad else None), {}

    def out_shape(self, in_shape):
        return (math.prod(in_shape),)

    def __str__(self):
        return "flatten"


class Linear(Layer):
    """Every output sees every input.

        y = x · weight + bias
        dweight = xᵀ · dy,   dbias = Σ_n dy_n,   dx = dy · weightᵀ

    x: (N, in_features);  y: (N, out_features);  weight: (in_features, out_features);  bias: (out_features,)
    Source: paper §3.5 (its last three layers). PyTorch keeps the weight transposed.
    """

    bias = True  # False in a copy made by `without_bias`

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.in_features = checked(in_features, "Linear: in_features", *at_least(1))
        self.out_features = checked(out_features, "Linear: out_features", *at_least(1))
        self.params = default_params((in_features, out_features), fan_in=in_features)

    def forward(self, x, train=False, rng=None):
        self._check_float(x, ("N", "features"))
        self.out_shape(x.shape[1:])
        y = matmul(x, self._param("weight", x.dtype))  # (N, in) @ (in, out)
        if self.bias:
            y += self._param("bias", x.dtype)
        return y, x

    def backward(self, dy, cache, input_grad=True):
        x = cache
        self._check_dy(dy, (len(x), self.out_features))
        grads = {"weight": matmul(x.T, dy)}  # (in, N) @ (N, out)
        if self.bias:
            grads["bias"] = dy.sum(axis=0)
        return matmul(dy, self._param("weight", x.dtype).T) if input_grad else None, grads

    def without_bias(self) -> Self:
        """This layer, for one whose caller adds the bias, on the same arrays."""
        ready = copy.copy(self)
        ready.bias = False
        return ready

    def out_shape(self, in_shape):
        if tuple(in_shape) != (self.in_features,):
            raise ValueError(
                f"{self.label}: x has {'×'.join(map(str, in_shape))} features a picture, "
                f"weight expects {self.in_features}"
            )
        return (self.out_features,)

    def multiply_adds(self, in_shape):
        return self.in_features * self.out_features

    def __str__(self):
        return f"fully connected, {self.out_features}"

"""Gradients you can trust: what backward says, against what a small step in forward does.

The numerical derivative is a central difference, (f(x + h) − f(x − h)) / 2h, in float64 with h = 1e-5: there a right
gradient agrees to about 1e-10, and a wrong one almost never even to 1e-6.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyalex.backend import Array, array_module, random_stream
from tinyalex.layers import Layer

STEP = 1e-5
RTOL, ATOL = 1e-6, 1e-8
ALL_ENTRIES_UP_TO = 500  # arrays up to this size are checked entry by entry, larger ones along random directions
DIRECTIONS = 3


@dataclass(frozen=True)
class GradientCheck:
    """The outcome for one array.

    what: "x" or the parameter's name
    by: "entry" or "direction";  compared: how many of these were compared
    error: the worst |analytic − numerical| / (1e-8/1e-6 + |numerical|); right if at most 1e-6
    at, analytic, numerical: where the worst is (an index, or the number of the direction) and the two values there
    """

    what: str
    by: str
    compared: int
    error: float
    at: Any
    analytic: float
    numerical: float

    @property
    def right(self) -> bool:
        return self.error <= RTOL  # False for NaN too


def numerical_gradient(f: Callable[[], Any], x: Array, h: float = STEP) -> Array:
    """d f()/d x for every entry of the float64 array `x`, which is nudged in place and restored; f() → one number.

    TypeError if x is not float64: float32 agrees only to about 3e-5.
    """
    xp = array_module(x)
    if x.dtype != xp.float64:
        raise TypeError(f"numerical_gradient: x is {x.dtype}, expected float64")
    gradient = xp.empty(x.shape, x.dtype)
    for index in np.ndindex(x.shape):
        kept = float(x[index])
        x[index] = kept + h
        above = float(f())
        x[index] = kept - h
        below = float(f())
        x[index] = kept
        gradient[index] = (above - below) / (2 * h)
    return gradient


def numerical_derivative(f: Callable[[], Any], x: Array, direction: Array, h: float = STEP) -> float:
    """d f()/dt at t = 0 for x + t·direction; x (float64) is moved in place and restored."""
    kept = x.copy()
    x += h * direction
    above = float(f())
    x[...] = kept
    x -= h * direction
    below = float(f())
    x[...] = kept
    return (above - below) / (2 * h)


def check_layer(layer: Layer, x: Array, train: bool = True, seed: int = 0) -> list[GradientCheck]:
    """Check dx and every parameter gradient of a layer or network at the batch `x`; a list of `GradientCheck`.

    The work is done in float64 on a copy, with a random upstream gradient: with one of all ones, a softmax whose
    backward returns zeros would pass. Random layers draw the same numbers each time.
    x: floating point, away from kinks (|x| above 0.1 for a ReLU, no ties for max pooling), where no derivative exists
    """
    xp = array_module(x)
    layer = copy.deepcopy(layer)
    layer.map_arrays(lambda a: a.astype(xp.float64))
    x = x.astype(xp.float64)

    def forward():
        return layer.forward(x, train, random_stream(seed, "layer"))

    y, cache = forward()
    dy = xp.asarray(random_stream(seed, "dy").standard_normal(y.shape))
    dx, grads = layer.backward(dy, cache)

    def loss():
        return (dy * forward()[0]).sum()  # its derivative by y is dy

    arrays = {"x": (x, dx)} | {name: (param, grads[name]) for name, param in layer.params.items()}
    return [_compare(name, loss, array, analytic, seed) for name, (array, analytic) in arrays.items()]


def _compare(what, f, x, analytic, seed):
    """Check one array: entry by entry if small, else along random unit directions."""
    if analytic.shape != x.shape:
        raise ValueError(f"check_layer: the gradient of {what} is {analytic.shape}, expected {x.shape}")
    if x.size <= ALL_ENTRIES_UP_TO:
        numerical = numerical_gradient(f, x)
        pairs = [(index, float(analytic[index]), float(numerical[index])) for index in np.ndindex(x.shape)]
        by = "entry"
    else:
        pairs = [(d, *_along_direction(what, f, x, analytic, seed, d)) for d in range(DIRECTIONS)]
        by = "direction"
    errors = [abs(a - n) / (ATOL / RTOL + abs(n)) for _, a, n in pairs]
    worst = max(range(len(pairs)), key=lambda i: math.inf if math.isnan(errors[i]) else errors[i])
    return GradientCheck(what, by, len(pairs), errors[worst], *pairs[worst])


def _along_direction(what, f, x, analytic, seed, number):
    xp = array_module(x)
    direction = random_stream(seed, what, number).standard_normal(x.shape)
    direction = xp.asarray(direction / math.sqrt((direction**2).sum()))
    return float((analytic * direction).sum()), numerical_derivative(f, x, direction)

"""Gradients you can trust: what backward says, against what a small step in forward does.

The numerical derivative is a central difference, (f(x + h) − f(x − h)) / 2h, in float64 with h = 1e-5: there a right
gradient agrees to about 1e-10, and a wrong one hardly ever to 1e-6.
"""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from tinyalex.backend import Array, array_module, random_stream, to_device
from tinyalex.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    SpatialResponseNorm,
    Tanh,
)
from tinyalex.network import Network

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
    for index in _indices(x.shape):
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
    if x.size <= ALL_ENTRIES_UP_TO:
        numerical = numerical_gradient(f, x)
        pairs = [(index, float(analytic[index]), float(numerical[index])) for index in _indices(x.shape)]
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


def _indices(shape):
    """Every index of an array, as tuples, last axis fastest."""
    if not shape:
        yield ()
        return
    for first in range(shape[0]):
        for rest in _indices(shape[1:]):
            yield (first, *rest)


# ---------------------------------------------------------------------------------------------- every layer


class _LossAsLayer(Layer):
    """The loss as a layer, with its labels inside, so that one check serves both."""

    def __init__(self, labels):
        super().__init__()
        self.labels, self.loss = labels, SoftmaxCrossEntropy()

    def forward(self, x, train=False, rng=None):
        return self.loss.forward(x, self.labels)

    def backward(self, dy, cache, input_grad=True):
        return dy * self.loss.backward(cache), {}

    def __str__(self):
        return "softmax cross-entropy"


def check_everything(xp: ModuleType, seed: int = 0) -> Iterator[tuple[Layer, list[GradientCheck]]]:
    """Yield (layer, checks) for every kind of layer, the loss, and a small network of all of them, on device `xp`.

    Probes are oblong, and constants differ from their defaults and from each other: at alpha = 1e-4 a normalisation
    without its cross-channel term would pass.
    """
    picture, vector = (2, 7, 5, 4), (3, 6)
    cases = [
        (Conv2d(4, 6, (3, 2), stride=(2, 3), padding=(1, 2), groups=2, rounding="ceil"), _normal(picture, seed)),
        (Conv2d(4, 3, 3, padding=1), _normal(picture, seed)),
        (Conv2d(4, 6, 3, padding=(1, 2), groups=2, algorithm="winograd"), _normal(picture, seed)),
        (Conv2d(3, 2, 5, stride=2, padding=(0, 1), algorithm="winograd"), _normal((2, 7, 5, 3), seed)),
        (MaxPool2d(3, 2), _distinct(picture, seed)),
        (MaxPool2d((2, 3), (2, 1), padding=1, rounding="floor"), -10 - _distinct(picture, seed)),
        (AvgPool2d((3, 2), (2, 1)), _normal(picture, seed)),
        (LocalResponseNorm(3, alpha=0.5, beta=0.6, k=1.5), _normal(picture, seed)),
        (LocalResponseNorm(5, alpha=0.3, beta=0.75, k=2.5), _normal((2, 3, 2, 7), seed)),
        (SpatialResponseNorm(3, alpha=0.4, beta=0.6, k=1.5), _normal(picture, seed)),
        (SpatialResponseNorm(5, alpha=0.2, beta=0.75, k=2.5), _normal((2, 7, 4, 2), seed)),
        (ReLU(), _away_from_zero(vector, seed)),
        (Tanh(), _normal(vector, seed)),
        (Sigmoid(), _normal(vector, seed)),
        (Dropout(0.3), _normal(vector, seed)),
        (Dropout(0.3, inverted=False), _normal(vector, seed)),
        (Flatten(), _normal(picture, seed)),
        (Linear(6, 4), _normal(vector, seed)),
        (_LossAsLayer(xp.asarray([2, 0, 5])), _normal(vector, seed)),
        (_small_network(), 0.01 * _distinct((2, 13, 13, 3), seed)),
    ]
    for number, (layer, x) in enumerate(cases):
        _draw_params(layer, seed, number)
        layer.map_arrays(lambda a: to_device(a, xp))
        yield layer, check_layer(layer, xp.asarray(x), seed=seed)


def _small_network():
    """Every kind of layer once. Max pooling comes first, since the probe has no ties."""
    features = {
        "pool0": MaxPool2d(3, 2),
        "conv1": Conv2d(3, 6, 3, padding=1),
        "tanh1": Tanh(),
        "norm1": LocalResponseNorm(3, alpha=0.5, beta=0.6, k=1.5),
        "conv2": Conv2d(6, 8, 3, groups=2),
        "sigmoid2": Sigmoid(),
        "spatial2": SpatialResponseNorm(3, alpha=0.4, beta=0.6, k=1.5),
        "pool2": AvgPool2d(2, 1),
    }
    classifier = {
        "flatten": Flatten(),
        "fc6": Linear(72, 10),
        "relu6": ReLU(),
        "drop6": Dropout(0.4),
        "fc7": Linear(10, 5),
    }
    return Network(features, classifier, (13, 13, 3), "small network")


def _draw_params(layer, seed, number):
    """Parameters that depend only on the seed; before a ReLU, biases that keep its inputs away from the kink."""
    for name, param in layer.params.items():
        fan_in = math.prod(param.shape[:-1])
        param[...] = random_stream(seed, "param", number, name).standard_normal(param.shape) / math.sqrt(fan_in)
        if name == "fc6.bias":
            param[::2], param[1::2] = 4.0, -4.0


def _normal(shape, seed):
    return random_stream(seed, "x").standard_normal(shape)


def _distinct(shape, seed):
    """Values at least 0.1 apart, in random order: no ties, and none within a step."""
    return 0.1 * random_stream(seed, "x").permutation(math.prod(shape)).reshape(shape) + 1.0


def _away_from_zero(shape, seed):
    values = _normal(shape, seed)
    return values + 0.1 * (2 * (values > 0) - 1)

"""Rounding errors of float32 convolution, direct and Winograd, against float64.

Winograd (`tinyalex.layers.winograd`) does more additions and subtractions around its products than the direct method,
and so rounds more. This measures how much more, on a network's layers and with numbers of a network's magnitude.
"""

import copy

from tinyalex.backend import random_stream, to_device
from tinyalex.layers import Conv2d
from tinyalex.models import MODELS

WAYS = ("im2col", "winograd")


def rounding_errors(xp, model="alexnet", pictures=1, seed=0):
    """[(layer's name, {way: {"y": error, "dx": error, "dweight": error}})] for every convolution of a network.

    An error is the root mean square of (float32 − float64) divided by that of the float64 result; rounding a number
    once costs 6e-8. Inputs, weights and dy are normal, and the same float32 numbers for all.
    """
    return [(layer.name, _errors(layer, in_shape, xp, pictures, seed)) for layer, in_shape in convolutions(model)]


def convolutions(model):
    """[(layer, in_shape)] for every convolution of a network; in_shape: (H, W, C)."""
    model = MODELS[model]
    found, shape = [], (model.crop, model.crop, 3)
    features, _ = model.layers(1)
    for name, layer in features.items():
        if isinstance(layer, Conv2d):
            layer.name = name
            found.append((layer, shape))
        shape = layer.out_shape(shape)
    return found


def _errors(layer, in_shape, xp, pictures, seed):
    def normal(what, shape):
        return to_device(random_stream(seed, layer.name, what).standard_normal(shape, dtype="float32"), xp)

    layer = copy.copy(layer)
    scale = layer.depth**-0.5  # keeps y as large as x
    layer.params = {name: scale * normal(name, p.shape) for name, p in layer.params.items()}
    x, dy = normal("x", (pictures, *in_shape)), normal("dy", (pictures, *layer.out_shape(in_shape)))
    right = _run(layer, "im2col", x.astype(xp.float64), dy.astype(xp.float64))
    return {
        way: {what: _error(array, right[what], xp) for what, array in _run(layer, way, x, dy).items()} for way in WAYS
    }


def _run(layer, way, x, dy):
    layer.algorithm = way
    y, cache = layer.forward(x)
    dx, grads = layer.backward(dy, cache)
    return {"y": y, "dx": dx, "dweight": grads["weight"]}


def _error(found, expected, xp):
    return float(xp.sqrt(((found - expected) ** 2).mean() / (expected**2).mean()))

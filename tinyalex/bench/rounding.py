"""Rounding errors of float32 convolution, direct and Winograd, against float64; and of a network made of them.

Winograd (`tinyalex.layers.winograd`) does more additions and subtractions around its products than the direct method,
and so rounds more. This measures how much more, on a network's layers and with numbers of a network's magnitude.
"""

import copy

from tinyalex.backend import random_stream, to_device
from tinyalex.layers import Conv2d, MaxPool2d, ReLU, winograd
from tinyalex.models import MODELS
from tinyalex.network import Trunk
from tinyalex.optim import initialise

WAYS = ("im2col", "winograd")


def rounding_errors(xp, model="alexnet", pictures=1, seed=0):
    """[(layer's name, {way: {"y": error, "dx": error, "dweight": error}})] for every convolution of a network.

    An error is the root mean square of (float32 − float64) divided by that of the float64 result; rounding a number
    once costs 6e-8. Inputs, weights and dy are normal, and the same float32 numbers for all.
    """
    return [(layer.name, _errors(layer, in_shape, xp, pictures, seed)) for layer, in_shape in convolutions(model)]


def network_rounding_errors(xp, model="alexnet", seed=0):
    """{way: {"y": error, "dx": error, "dweight": error, "flipped": count}} of a whole network, at one picture.

    y are the scores, dweight is the first convolution's. flipped: ReLUs and maxima that choose otherwise than in
    float64; a single one can move the gradients far more than all rounding does. The weights are `initialise`'s "he".
    """
    network = MODELS[model].build(10)
    initialise(network, "he", seed)
    network.map_arrays(lambda a: to_device(a, xp))
    x, dy = (_normal(xp, seed, "network", *what) for what in (("x", (1, *network.in_shape)), ("dy", (1, 10))))
    right, choices = _run_network(network, "im2col", x.astype(xp.float64), dy.astype(xp.float64))
    found = {}
    for way in WAYS:
        arrays, own = _run_network(network, way, x, dy)
        found[way] = {what: _error(array, right[what], xp) for what, array in arrays.items()}
        found[way]["flipped"] = sum(int((a != b).sum()) for a, b in zip(own, choices))
    return found


def _run_network(network, way, x, dy):
    """({"y", "dx", "dweight"}, what each ReLU and each max pooling chose)."""
    for _, layer, _, _ in network.shapes():
        if isinstance(layer, Conv2d):
            layer.algorithm = way if winograd.fits(layer.windows, layer.groups) else "im2col"
    y, cache = network.forward(x)
    dx, grads = network.backward(dy, cache)
    kept = [(layer, own) for layer, caches in network.kept(cache).values() for own in caches]
    choices = [own != 0 for layer, own in kept if isinstance(layer, ReLU)]
    choices += [own[1] for layer, own in kept if isinstance(layer, MaxPool2d)]
    return {"y": y, "dx": dx, "dweight": grads[next(iter(network.params))]}, choices


def convolutions(model):
    """[(layer, in_shape)] for every convolution of a network; in_shape: (H, W, C)."""
    model = MODELS[model]
    features, _ = model.layers(1)
    layers = Trunk(features).shapes((model.crop, model.crop, 3))
    return [(layer, in_shape) for _, layer, in_shape, _ in layers if isinstance(layer, Conv2d)]


def _errors(layer, in_shape, xp, pictures, seed):
    def normal(what, shape):
        return _normal(xp, seed, layer.name, what, shape)

    layer = copy.copy(layer)
    scale = layer.depth**-0.5  # keeps y as large as x
    layer.params = {name: scale * normal(name, p.shape) for name, p in layer.params.items()}
    x, dy = normal("x", (pictures, *in_shape)), normal("dy", (pictures, *layer.out_shape(in_shape)))
    right = _run(layer, "im2col", x.astype(xp.float64), dy.astype(xp.float64))
    return {
        way: {what: _error(array, right[what], xp) for what, array in _run(layer, way, x, dy).items()} for way in WAYS
    }


def _normal(xp, seed, name, what, shape):
    return to_device(random_stream(seed, name, what).standard_normal(shape, dtype="float32"), xp)


def _run(layer, way, x, dy):
    layer.algorithm = way
    y, cache = layer.forward(x)
    dx, grads = layer.backward(dy, cache)
    return {"y": y, "dx": dx, "dweight": grads["weight"]}


def _error(found, expected, xp):
    return float(xp.sqrt(((found - expected) ** 2).mean() / (expected**2).mean()))

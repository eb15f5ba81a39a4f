"""A probe for every kind of layer, to hold its gradients against numerical ones on any device.

Probes are oblong, and constants differ from their defaults and from each other: at alpha = 1e-4 a normalisation
without its cross-channel term would pass.
"""

import math
from collections.abc import Iterator
from types import ModuleType

from tinyalex.backend import random_stream, to_device
from tinyalex.gradcheck import GradientCheck, check_layer
from tinyalex.layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Identity,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    PaddedShortcut,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    SpatialResponseNorm,
    Tanh,
)
from tinyalex.network import Network
from tinyalex.residual import Residual


class _LossAsLayer(Layer):
    """The loss as a layer, with its labels inside, so that one check serves both."""

    def __init__(self, labels):
        super().__init__()
        self.labels, self.loss = labels, SoftmaxCrossEntropy()

    def forward(self, x, train=False, rng=None):
        return self.loss.forward(x, self.labels)

    def backward(self, dy, cache, input_grad=True):
        return (dy * self.loss.backward(cache) if input_grad else None), {}

    def __str__(self):
        return "softmax cross-entropy"


def check_everything(xp: ModuleType, seed: int = 0) -> Iterator[tuple[Layer, list[GradientCheck]]]:
    """Yield (layer, checks) for every kind of layer, the loss, and a small network of all of them, on device `xp`."""
    picture, vector = (2, 7, 5, 4), (3, 6)
    cases = [
        (Conv2d(4, 6, (3, 2), stride=(2, 3), padding=(1, 2), groups=2, rounding="ceil"), _normal(picture, seed)),
        (Conv2d(4, 3, 3, padding=1), _normal(picture, seed)),
        (Conv2d(4, 6, 3, padding=(1, 2), groups=2, algorithm="winograd"), _normal(picture, seed)),
        (Conv2d(3, 2, 5, stride=2, padding=(0, 1), algorithm="winograd"), _normal((2, 7, 5, 3), seed)),
        (Conv2d(4, 6, (3, 2), padding=(1, 0), algorithm="rows"), _normal(picture, seed)),
        (Conv2d(4, 6, (3, 2), padding=(1, 2), groups=2, algorithm="strips"), _normal(picture, seed)),
        (Conv2d(4, 6, (2, 3), stride=(3, 2), rounding="ceil", algorithm="strips"), _normal(picture, seed)),
        (Conv2d(4, 6, (2, 3), stride=(1, 2), groups=2, bias=False), _normal(picture, seed)),
        (MaxPool2d(3, 2), _distinct(picture, seed)),
        (MaxPool2d((2, 3), (2, 1), padding=1, rounding="floor"), -10 - _distinct(picture, seed)),
        (AvgPool2d((3, 2), (2, 1)), _normal(picture, seed)),
        (AvgPool2d((3, 4), (2, 3), (1, 2), "ceil", count_include_pad=False), _normal(picture, seed)),
        (GlobalAvgPool2d(), _normal(picture, seed)),
        (BatchNorm2d(4, eps=0.3, momentum=0.2), _normal(picture, seed)),
        (BatchNorm2d(6, eps=0.2, frozen=True), _normal(vector, seed)),
        (Identity(), _normal(picture, seed)),
        (PaddedShortcut(4, 7, stride=3), _normal(picture, seed)),
        (_projected(4, 6), _normal(picture, seed)),
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
    """Every kind of layer. Max pooling comes first, since the probe has no ties."""
    features = {
        "pool0": MaxPool2d(3, 2),  # 6×6×3
        "conv1": Conv2d(3, 6, 3, padding=1),
        "tanh1": Tanh(),
        "norm1": LocalResponseNorm(3, alpha=0.5, beta=0.6, k=1.5),
        "conv2": Conv2d(6, 8, 3, groups=2),  # 4×4×8
        "sigmoid2": Sigmoid(),
        "spatial2": SpatialResponseNorm(3, alpha=0.4, beta=0.6, k=1.5),
        "block3": Residual(
            {"conv": Conv2d(8, 9, 3, padding=1, bias=False), "bn": BatchNorm2d(9)}, {"pad": PaddedShortcut(8, 9, 1)}
        ),
        "pool3": AvgPool2d(2, 1),  # 3×3×9
    }
    classifier = {
        "pool": GlobalAvgPool2d(),
        "flatten": Flatten(),
        "fc6": Linear(9, 10),
        "relu6": ReLU(),
        "drop6": Dropout(0.4),
        "fc7": Linear(10, 5),
    }
    return Network(features, classifier, (13, 13, 3), "small network")


def _projected(channels, kernels):
    """A residual block that halves the side; its shortcut has weights."""
    body = {
        "conv": Conv2d(channels, kernels, 3, stride=2, padding=1, bias=False),
        "bn": BatchNorm2d(kernels, eps=0.3),
        "tanh": Tanh(),
    }
    return Residual(body, {"conv": Conv2d(channels, kernels, 1, stride=2, bias=False), "bn": BatchNorm2d(kernels)})


def _draw_params(layer, seed, number):
    """Parameters and state that depend only on the seed; before a ReLU, biases that keep its inputs off the kink."""
    for name, param in layer.params.items():
        fan_in = math.prod(param.shape[:-1])
        param[...] = random_stream(seed, "param", number, name).standard_normal(param.shape) / math.sqrt(fan_in)
        if name == "fc6.bias":
            param[::2], param[1::2] = 4.0, -4.0
    for name, array in layer.state.items():
        array[...] = random_stream(seed, "state", number, name).uniform(0.5, 1.5, array.shape)


def _normal(shape, seed):
    return random_stream(seed, "x").standard_normal(shape)


def _distinct(shape, seed):
    """Values at least 0.1 apart, in random order: no ties, and none within a step."""
    return 0.1 * random_stream(seed, "x").permutation(math.prod(shape)).reshape(shape) + 1.0


def _away_from_zero(shape, seed):
    values = _normal(shape, seed)
    return values + 0.1 * (2 * (values > 0) - 1)

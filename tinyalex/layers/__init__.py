"""The network's vocabulary: each layer a small class with an explicit forward and backward."""

from tinyalex.layers.activation import ReLU, Sigmoid, Tanh
from tinyalex.layers.base import Layer
from tinyalex.layers.conv import Conv2d
from tinyalex.layers.dropout import Dropout
from tinyalex.layers.linear import Flatten, Linear
from tinyalex.layers.loss import SoftmaxCrossEntropy
from tinyalex.layers.norm import LocalResponseNorm, SpatialResponseNorm
from tinyalex.layers.pool import AvgPool2d, MaxPool2d

__all__ = [
    "AvgPool2d",
    "Conv2d",
    "Dropout",
    "Flatten",
    "Layer",
    "Linear",
    "LocalResponseNorm",
    "MaxPool2d",
    "ReLU",
    "Sigmoid",
    "SoftmaxCrossEntropy",
    "SpatialResponseNorm",
    "Tanh",
]

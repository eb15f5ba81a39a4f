"""The network's vocabulary: each layer a small class with an explicit forward and backward."""

from tinyalex.layers.activation import ReLU, Sigmoid, Tanh
from tinyalex.layers.base import Layer
from tinyalex.layers.batchnorm import BatchNorm2d
from tinyalex.layers.conv import Conv2d
from tinyalex.layers.dropout import Dropout
from tinyalex.layers.linear import Flatten, Linear
from tinyalex.layers.loss import SoftmaxCrossEntropy, softmax
from tinyalex.layers.norm import LocalResponseNorm, SpatialResponseNorm
from tinyalex.layers.pool import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from tinyalex.layers.shortcut import Identity, PaddedShortcut

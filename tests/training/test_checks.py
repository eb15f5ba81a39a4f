"""Where a number that is not finite began: by the layer's path, in blocks too."""

import numpy as np
import pytest

from tinyalex.layers import BatchNorm2d, Conv2d, Flatten, Linear, ReLU
from tinyalex.network import Network
from tinyalex.residual import Residual
from tinyalex.training.checks import first_not_finite


def network():
    block = Residual({"conv": Conv2d(3, 3, 3, padding=1), "bn": BatchNorm2d(3)})
    return Network({"block": block, "relu": ReLU()}, {"flatten": Flatten(), "fc": Linear(48, 2)}, (4, 4, 3))


@pytest.mark.parametrize(
    "path, value, words",
    [
        ("block.conv.weight", np.nan, "the weight of Conv2d 'block.conv'"),
        ("block.bn.running_var", np.inf, "the running_var of BatchNorm2d 'block.bn'"),
        ("block.conv.bias", 3e38, "the output of BatchNorm2d 'block.bn'"),
        ("fc.bias", np.nan, "the bias of Linear 'fc'"),
    ],
)
def test_the_place(path, value, words):
    net = network()
    net.params["block.bn.weight"][:] = 2
    (net.params | net.state)[path][0] = value
    with np.errstate(over="ignore"):
        assert first_not_finite(net, np.ones((2, 4, 4, 3), "float32")) == words


def test_the_pictures_and_nowhere():
    assert first_not_finite(network(), np.full((2, 4, 4, 3), np.nan, "float32")) == "the input pictures"
    assert first_not_finite(network(), np.ones((2, 4, 4, 3), "float32")) == ""

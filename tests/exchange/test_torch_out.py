"""The code that an export prints is a PyTorch module that takes the exported weights and gives the same scores."""

import copy

import numpy as np
import pytest

from tests.checks import agree, refused
from tests.exchange.stirring import numbers, stirred
from tests.layers.test_device import EVERY_LAYER
from tinyalex.errors import UserError
from tinyalex.exchange.torch_out import code, state_dict
from tinyalex.layers import Flatten, Layer, Linear
from tinyalex.models import find_model
from tinyalex.network import Network

pytestmark = pytest.mark.torch


def scores_of(network, x):
    """The scores of the module that the printed code makes, with the weights."""
    import torch

    names = {}
    exec(code(network, "A network."), names)
    module = names["network"]()
    module.load_state_dict({name: torch.tensor(array) for name, array in state_dict(network).items()})
    with torch.no_grad():
        return module.eval()(torch.tensor(x.transpose(0, 3, 1, 2).copy())).numpy()


@pytest.mark.parametrize("layer, shape", EVERY_LAYER, ids=lambda v: "" if isinstance(v, tuple) else str(v))
def test_every_layer(layer, shape):
    layer = copy.deepcopy(layer)
    if len(shape) == 2:
        in_shape, features, head = (1, 1, shape[1]), {}, {"flatten": Flatten(), "layer": layer}
    else:
        in_shape, features = shape[1:], {"layer": layer}
        head = {} if isinstance(layer, Flatten) else {"flatten": Flatten()}
    width = int(np.prod(layer.out_shape(shape[1:])))
    network = stirred(Network(features, head | {"scores": Linear(width, 3)}, in_shape))
    x = numbers(3, *in_shape)
    agree(network.predict(x), scores_of(network, x), "scores", rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        "alexnet-small",
        "alexnet-mini+2012-source+two-towers",
        "alexnet-mini+bn+tanh",
        "vgg-mini+bn",
        "resnet20",
        "resnet-small",
        "resnet-mini+no-skip",
        pytest.param("resnet18", marks=pytest.mark.slow),
        pytest.param("alexnet", marks=pytest.mark.slow),
    ],
)
def test_models(name):
    model = find_model(name)
    network = stirred(model.build(10))
    x = numbers(2, *network.in_shape)
    expected = network.predict(x)
    agree(scores_of(network, x), expected, "scores", rtol=0, atol=1e-5 * abs(expected).max())


def test_dropout_drops_in_training():
    import torch

    names = {}
    exec(code(find_model("alexnet-mini").build(3), "A network."), names)
    drop = names["PaperDropout"](0.25).train()
    y = drop(torch.ones(10_000))
    assert set(y.tolist()) == {0.0, 1.0} and abs(y.mean().item() - 0.75) < 0.02
    assert set(drop.eval()(torch.ones(9)).tolist()) == {0.75}


def test_a_layer_of_no_module():
    class Odd(Layer):
        def forward(self, x, train=False, rng=None):
            return x, None

    network = Network({"odd": Odd()}, {"flatten": Flatten(), "fc": Linear(12, 3)}, (2, 2, 3))
    refused(lambda: code(network, ""), "Odd 'odd': PyTorch has no module for it", error=UserError)

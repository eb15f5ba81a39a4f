"""Every layer has its PyTorch twin in `tinyalex.exchange.torch.TWINS`, with the same outputs."""

import copy

import numpy as np
import pytest

from tests.checks import agree
from tests.layers.test_device import EVERY_LAYER
from tinyalex.layers import Dropout, Flatten, Linear
from tinyalex.network import Network

# the twin of dropout that scales at test time is PyTorch's, which scales in training
SAME_SCORES = [
    (layer, shape) for layer, shape in EVERY_LAYER if not (isinstance(layer, Dropout) and not layer.inverted)
]


@pytest.mark.torch
@pytest.mark.parametrize("layer, shape", SAME_SCORES, ids=lambda v: "" if isinstance(v, tuple) else str(v))
def test_every_layer_is_its_twin(layer, shape):
    """At test time, between a picture and scores."""
    import torch

    from tinyalex.exchange.torch import torch_twin

    layer = copy.deepcopy(layer)
    if len(shape) == 2:
        in_shape, features, head = (1, 1, shape[1]), {}, {"flatten": Flatten(), "layer": layer}
    else:
        in_shape, features = shape[1:], {"layer": layer}
        head = {} if isinstance(layer, Flatten) else {"flatten": Flatten()}
    width = int(np.prod(layer.out_shape(shape[1:])))
    network = Network(features, head | {"scores": Linear(width, 3)}, in_shape)
    network.map_arrays(lambda a: a.astype("float64"))
    rng = np.random.default_rng(0)
    for a in (network.params | network.state).values():
        a += rng.uniform(0.2, 1.0, a.shape)  # no twin passes that forgets an array
    x = rng.standard_normal((3, *in_shape))
    theirs = torch_twin(network).eval()(torch.tensor(x.transpose(0, 3, 1, 2).copy()))
    agree(network.predict(x), theirs.detach().numpy(), "scores", rtol=1e-10)

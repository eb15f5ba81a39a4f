"""What every layer answers about itself: its arrays, its arguments, its place in a network."""

import copy

import numpy as np
import pytest

from tests.layers.test_device import EVERY_LAYER, kinds_of_layers
from tests.layers.test_pieces import Centred
from tinyalex.layers import Conv2d, Layer, Linear


@pytest.mark.parametrize("layer, shape", EVERY_LAYER, ids=lambda v: str(v) if isinstance(v, Layer) else "")
class TestEveryLayer:
    def test_like_is_a_new_one_of_the_same_arguments(self, layer, shape):
        twin = layer.like()
        assert type(twin) is type(layer) and twin is not layer and str(twin) == str(layer)
        assert twin.out_shape(shape[1:]) == layer.out_shape(shape[1:])
        twin.params, expected = (
            copy.deepcopy(layer.params),
            layer.forward(np.ones(shape), True, np.random.default_rng(0))[0],
        )
        assert (twin.forward(np.ones(shape), True, np.random.default_rng(0))[0] == expected).all()

    def test_is_its_only_leaf(self, layer, shape):
        assert list(layer.shapes(shape[1:])) == [("", layer, shape[1:], layer.out_shape(shape[1:]))]
        assert layer.kept("a cache") == {"": (layer, ["a cache"])}

    def test_predict_is_forward_at_test(self, layer, shape):
        x = np.random.default_rng(0).standard_normal(shape)
        assert (layer.predict(x) == layer.forward(x)[0]).all()

    def test_channelwise_means_that_channels_do_not_meet(self, layer, shape):
        """One channel of x changes y in that channel alone, or the layer does not say that it is channelwise."""
        x, other = np.ones(shape), np.ones(shape)
        other[..., 1] = -2
        if layer.channelwise:
            y, changed = (layer.forward(a)[0] for a in (x, other))
            assert (np.flatnonzero((y != changed).any(axis=tuple(range(y.ndim - 1)))) == [1]).all()

    def test_an_activation_keeps_y(self, layer, shape):
        y, cache = layer.forward(np.random.default_rng(0).standard_normal(shape))
        assert not layer.activation or cache is y


def test_who_is_what():
    def kinds(fact):
        return {c.__name__ for c in kinds_of_layers() if getattr(c, fact)}

    assert {"ReLU", "Tanh", "Sigmoid"} <= kinds("activation")
    pools = {"MaxPool2d", "AvgPool2d"}
    assert kinds("activation") | pools | {"SpatialResponseNorm"} <= kinds("channelwise")
    assert not {"Conv2d", "Linear", "LocalResponseNorm", "Flatten"} & kinds("channelwise")
    assert not {"Dropout", "MaxPool2d", "AvgPool2d", "SpatialResponseNorm"} & kinds("activation")


def test_like_changes_what_is_named():
    layer = Conv2d(6, 4, (3, 2), stride=(2, 1), padding=(1, 2), groups=2, rounding="floor")
    wider = layer.like(out_channels=8, groups=1)
    assert str(wider) == str(Conv2d(6, 8, (3, 2), stride=(2, 1), padding=(1, 2), rounding="floor"))
    assert wider.params["weight"].shape == (3, 2, 6, 8)
    assert (Linear(30, 20).like().params["weight"] != Linear(30, 20).params["weight"]).any()
    with pytest.raises(TypeError):
        layer.like(colour="red")


def test_params_and_state_move_together():
    layer = Centred(3)
    layer.map_arrays(lambda a: a.astype(np.float64) + 1)
    assert layer.params["weight"].dtype == layer.state["mean"].dtype == np.float64
    assert (layer.params["weight"] == 2).all() and (layer.state["mean"] == 1).all()
    assert Layer().params == Layer().state == {} and Layer().state is not Layer().state

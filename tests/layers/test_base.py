"""What every layer answers about itself: its arrays, its arguments, its place in a network."""

import copy

import numpy as np
import pytest

from tests.checks import agree, host, refused
from tests.layers.test_device import EVERY_LAYER, kinds_of_layers
from tests.layers.test_pieces import Centred
from tinyalex import layers
from tinyalex.layers import Conv2d, Layer, Linear
from tinyalex.layers.base import default_params
from tinyalex.layers.pieces import alone
from tinyalex.standin import xp as device


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

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_no_pictures(self, layer, shape, dtype):
        """An empty batch gives an empty batch, and gradients of zeros, on the host and on a device."""
        for xp in (np, device):
            moved = copy.deepcopy(layer)
            moved.map_arrays(xp.asarray)
            y, cache = moved.forward(xp.asarray(np.zeros((0, *shape[1:]), dtype)), True, np.random.default_rng(0))
            dx, grads = moved.backward(y, cache)
            assert y.shape == (0, *layer.out_shape(shape[1:])) and dx.shape == (0, *shape[1:])
            assert moved.predict(dx).shape == y.shape
            assert y.dtype == dx.dtype == dtype and all(g.dtype == dtype for g in grads.values())
            assert grads.keys() == layer.params.keys() and not any(host(g).any() for g in grads.values())

    def test_not_a_number_stays_visible(self, layer, shape):
        """One in x is one in y, also as predicted; one in dy is one in dx or in a gradient."""
        x = np.random.default_rng(0).standard_normal(shape)
        y, cache = layer.forward(x)
        x.flat[x.size // 2] = np.nan
        assert np.isnan(layer.forward(x)[0]).any() and np.isnan(layer.predict(x)).any()
        for place in np.ndindex(y.shape):
            if isinstance(layer, layers.PaddedShortcut) and y[place] == 0:
                continue  # y is 0 there whatever x is
            dy = np.ones(y.shape)
            dy[place] = np.nan
            dx, grads = layer.backward(dy, cache)
            assert any(np.isnan(a).any() for a in (dx, *grads.values())), f"hides a NaN at {place} of dy"

    def test_refuses_what_is_no_plain_array(self, layer, shape):
        layer = copy.deepcopy(layer)
        layer.named("it")
        label, x = f"{type(layer).__name__} 'it'", np.ones(shape)
        y, cache = layer.forward(x)
        wrong = {
            "list": lambda a: a.tolist(),
            "MaskedArray": lambda a: np.ma.masked_array(a, a > 0),
            "matrix": lambda a: a.reshape(len(a), -1).view(np.matrix),
            "int32": lambda a: a.astype(np.int32),
            "complex128": lambda a: a.astype(complex),
        }
        for kind, make in wrong.items():
            refused(lambda: layer.forward(make(x)), f"{label}: x", kind, "expected", error=TypeError)
            refused(lambda: layer.predict(make(x)), f"{label}: x", kind, "expected", error=TypeError)
            refused(lambda: layer.backward(make(y), cache), f"{label}: dy", kind, "expected", error=TypeError)
        refused(lambda: layer.backward(y[:, :-1], cache), label, f"dy.shape = {y[:, :-1].shape}", y.shape)

    def test_refuses_parameters_in_another_library(self, layer, shape):
        if layer.params:
            x = device.asarray(np.ones(shape))
            refused(lambda: layer.forward(x), type(layer).__name__, "x is a", "weight a numpy", error=TypeError)

    def test_an_activation_keeps_y(self, layer, shape):
        y, cache = layer.forward(np.random.default_rng(0).standard_normal(shape))
        assert not layer.activation or cache is y


ANY_SHAPE = [layers.ReLU(), layers.Tanh(), layers.Sigmoid(), layers.Dropout(0.3), layers.LocalResponseNorm()]


@pytest.mark.parametrize("shape", [(), (0,), (1,), (4,), (3, 0), (0, 3), (3, 5, 4, 0), (2, 3, 4, 5, 6)], ids=str)
@pytest.mark.parametrize("layer", ANY_SHAPE, ids=str)
def test_any_shape_is_any_shape(layer, shape):
    x, dy = (np.random.default_rng(seed).uniform(0.1, 1, shape) for seed in (0, 1))
    for train in (False, True):
        y, cache = layer.forward(x, train, np.random.default_rng(2))
        dx, grads = layer.backward(dy, cache)
        assert y.shape == dx.shape == layer.predict(x).shape == shape and y.dtype == dx.dtype == float and not grads
        if x.size:
            flat = x.reshape(-1, *shape[-1:])  # the same numbers as pictures of so many channels
            y2, cache = layer.forward(flat, train, np.random.default_rng(2))
            agree(y, y2.reshape(shape), "y")
            agree(dx, layer.backward(dy.reshape(flat.shape), cache)[0].reshape(shape), "dx")


def test_flatten_wants_pictures():
    refused(lambda: layers.Flatten().forward(np.array(1.0)), "Flatten", "x.shape = ()", "first axis")
    assert layers.Flatten().forward(np.zeros((3, 0, 2)))[0].shape == (3, 0)


@pytest.mark.parametrize(
    "make, label, argument, wrong, right",
    [
        (layers.Conv2d, "Conv2d", "groups", [0, 1.5, "1", None, np.ones(2)], [np.int64(1)]),
        (layers.Conv2d, "Conv2d", "in_channels", [0, -4, 2.0, "4", None], [np.int32(4)]),
        (layers.Conv2d, "Conv2d", "out_channels", [0, 6.0], [np.uint8(6)]),
        (layers.Conv2d, "Conv2d", "kernel_size", [0, 2.5, (3,), (3, 3, 3), "3", None], [np.int64(3), [3, 2]]),
        (layers.Conv2d, "Conv2d", "stride", [0, None, (1, 0)], [(1, 2)]),
        (layers.Conv2d, "Conv2d", "padding", [-1, "same", None], [np.int64(1)]),
        (layers.Conv2d, "Conv2d", "rounding", ["round", 1, ()], ["ceil"]),
        (layers.Conv2d, "Conv2d", "algorithm", ["fft"], ["im2col"]),
        (layers.MaxPool2d, "MaxPool2d", "kernel_size", [0, 2.5, None], [np.int64(3)]),
        (layers.MaxPool2d, "MaxPool2d", "padding", [-1, 3, "same"], [1]),
        (layers.AvgPool2d, "AvgPool2d", "stride", [0, "2"], [None, 2]),
        (layers.AvgPool2d, "AvgPool2d", "padding", ["ceil", 3], [(1, 0)]),
        (layers.LocalResponseNorm, "LocalResponseNorm", "size", [0, 4, 3.0, "5", np.nan], [np.int64(3), 7]),
        (layers.LocalResponseNorm, "LocalResponseNorm", "alpha", [-1, np.nan, np.inf, "1", None], [0, np.float32(2)]),
        (layers.LocalResponseNorm, "LocalResponseNorm", "beta", [np.nan, np.inf, -np.inf, "1"], [0.5]),
        (layers.SpatialResponseNorm, "SpatialResponseNorm", "k", [0, -1, np.inf, np.nan, None], [1]),
        (layers.LocalResponseNorm, "LocalResponseNorm", "groups", [0, 1.0, None], [np.int64(2)]),
        (layers.Linear, "Linear", "in_features", [0, 2.5, "7", None], [np.int64(7)]),
        (layers.Linear, "Linear", "out_features", [0, -1, 4.0], [1]),
        (layers.Conv2d, "Conv2d", "bias", [], [False, True]),
        (layers.BatchNorm2d, "BatchNorm2d", "num_features", [0, 2.5, "4", None], [np.int64(4)]),
        (layers.BatchNorm2d, "BatchNorm2d", "eps", [-1e-5, np.nan, np.inf, "1", None], [0, np.float32(2)]),
        (layers.BatchNorm2d, "BatchNorm2d", "momentum", [-0.1, 1.1, np.nan, None], [0, 1, 0.5]),
        (layers.PaddedShortcut, "PaddedShortcut", "in_channels", [0, 1.5, None], [np.int64(4)]),
        (layers.PaddedShortcut, "PaddedShortcut", "out_channels", [3, 6.0, None], [4, 5]),
        (layers.PaddedShortcut, "PaddedShortcut", "stride", [0, (1, 2), None], [1]),
        (layers.Dropout, "Dropout", "p", [-0.1, 1, np.nan, "0.5", None, np.ones(2)], [0, np.float32(0.5)]),
    ],
)
def test_arguments(make, label, argument, wrong, right):
    needed = {
        layers.Conv2d: dict(in_channels=4, out_channels=6, kernel_size=3),
        layers.Linear: dict(in_features=4, out_features=6),
        layers.BatchNorm2d: dict(num_features=4),
        layers.PaddedShortcut: dict(in_channels=4, out_channels=6),
    }.get(make, dict(kernel_size=3) if "Pool" in label else {})
    for value in wrong:
        refused(lambda: make(**(needed | {argument: value})), f"{label}: {argument} = {value!r}", "expected")
    for value in right:
        made = make(**(needed | {argument: value}))
        assert str(made.like()) == str(made)


def test_who_is_what():
    def kinds(fact):
        return {c.__name__ for c in kinds_of_layers() if getattr(c, fact)}

    assert {"ReLU", "Tanh", "Sigmoid"} <= kinds("activation")
    pools = {"MaxPool2d", "AvgPool2d"}
    assert kinds("activation") | pools | {"SpatialResponseNorm", "BatchNorm2d"} <= kinds("channelwise")
    assert not {"Conv2d", "Linear", "LocalResponseNorm", "Flatten", "PaddedShortcut"} & kinds("channelwise")
    assert not {"Dropout", "MaxPool2d", "AvgPool2d", "SpatialResponseNorm"} & kinds("activation")


def test_like_changes_what_is_named():
    layer = Conv2d(6, 4, (3, 2), stride=(2, 1), padding=(1, 2), groups=2, rounding="floor")
    wider = layer.like(out_channels=8, groups=1)
    assert str(wider) == str(Conv2d(6, 8, (3, 2), stride=(2, 1), padding=(1, 2), rounding="floor"))
    assert wider.params["weight"].shape == (3, 2, 6, 8)
    assert (Linear(30, 20).like().params["weight"] != Linear(30, 20).params["weight"]).any()
    with pytest.raises(TypeError):
        layer.like(colour="red")


def test_parameters_are_converted_only_if_they_must():
    layer = Linear(3, 2)
    assert layer._param("weight", np.float32) is layer.params["weight"]
    assert layer._param("weight", np.float64).dtype == np.float64 and layer.params["weight"].dtype == np.float32


def test_fresh_parameters():
    """Within ±1/√(products in each sum), nearly up to both ends; never twice the same."""
    first, second = (default_params((40, 100), fan_in=16) for _ in range(2))
    assert {key: (a.shape, str(a.dtype)) for key, a in first.items()} == {
        **{"weight": ((40, 100), "float32"), "bias": ((100,), "float32")}
    }
    for key, a in first.items():
        assert -0.25 <= a.min() < -0.22 and 0.22 < a.max() <= 0.25 and abs(a.mean()) < 0.06
        assert (a != second[key]).any()


def test_a_layer_that_says_nothing_else():
    """The defaults: no work, the shape that came, nothing observed; forward is as at test time, backward with dx."""
    layer = Centred(3)
    assert layer.multiply_adds((2, 2, 3)) == 0 and layer.out_shape((2, 2, 3)) == (2, 2, 3)
    assert Layer().observe(None) == {} and layer.for_batch() is layer
    x = np.random.default_rng(0).standard_normal((4, 2, 2, 3))
    y, cache = layer.forward(x)
    agree(y, x, "y with a mean of 0", exact=True)
    assert layer.backward(y, cache)[0] is not None and abs(layer.forward(x, True)[0].mean()) < 1e-12
    assert layer.label == "Centred"
    layer.named("norm1")
    assert layer.label == "Centred 'norm1'"


def test_a_layer_in_pieces_that_never_meet():
    """A layer that defines forward and backward alone can be run as a piece too."""
    layer, x = layers.Tanh(), np.random.default_rng(0).standard_normal((4, 3))
    y, cache = alone(layer.forward_piece(x, False, None), layer.total)
    agree(y, np.tanh(x), "y", exact=True)
    dx, grads = alone(layer.backward_piece(x, cache, True), layer.total)
    agree(dx, layer.backward(x, cache)[0], "dx", exact=True)
    assert alone(layer.backward_piece(x, cache, False), layer.total) == (None, {}) and grads == {}
    assert layer.total([(1, 10), (2, 20), (3, 30)]) == (6, 60)


def test_shapes_that_do_not_fit():
    norm, conv = layers.SpatialResponseNorm(), Conv2d(3, 2, 1)
    norm.named("it")
    refused(
        lambda: norm.forward(np.ones((2, 4, 3))), "SpatialResponseNorm 'it': x.shape = (2, 4, 3)", "4 axes (N, H, W, C)"
    )
    for shape in ((4, 3), (2, 2, 4, 3), ()):
        refused(lambda: conv.out_shape(shape), f"Conv2d: one picture is {shape}", "(H, W, C)")
    refused(
        lambda: conv.backward(np.ones((1, 2, 2, 1)), np.ones((1, 2, 2, 3))), "dy.shape = (1, 2, 2, 1)", (1, 2, 2, 2)
    )


def test_params_and_state_move_together():
    layer = Centred(3)
    layer.map_arrays(lambda a: a.astype(np.float64) + 1)
    assert layer.params["weight"].dtype == layer.state["mean"].dtype == np.float64
    assert (layer.params["weight"] == 2).all() and (layer.state["mean"] == 1).all()
    assert Layer().params == Layer().state == {} and Layer().state is not Layer().state

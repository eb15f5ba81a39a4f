"""Variations: each changes what it says and nothing else, on every model, and the networks still run."""

import functools

import numpy as np
import pytest

from tests.checks import refused
from tinyalex.errors import UserError
from tinyalex.layers import Conv2d, Linear, LocalResponseNorm, MaxPool2d, SpatialResponseNorm
from tinyalex.models import MODELS, find_model
from tinyalex.variations import VARIATIONS

SMALL = ("alexnet-small", "alexnet-mini")
PAIRS = [(m, v) for m in MODELS for v in VARIATIONS if v not in MODELS[m].variations]

# variation: what becomes of a layer's name and text; for what is not named here, nothing
GONE = {
    "no-lrn": {"norm1", "norm2"},
    "no-dropout": {"drop6", "drop7"},
    "no-conv3": {"conv3", "relu3"},
    "no-conv4": {"conv4", "relu4"},
    "no-conv5": {"conv5", "relu5"},
    "four-layer": set("norm1 norm2 conv4 relu4 conv5 relu5 fc6 relu6 drop6 fc7 relu7 drop7".split()),
}
NEW = {"2012-source": {"spatial2"}}
RELUS = {f"relu{i}" for i in range(1, 8)}
CHANGED = {
    "tanh": RELUS,
    "sigmoid": RELUS,
    "pool-2": {"pool1", "pool2", "pool5"},
    "2012-source": {"norm1", "norm2"},
    "one-column": {f"conv{i}" for i in range(1, 6)},
    "two-towers": {"norm1", "norm2"},
}


@functools.cache
def built(name):
    """({layer: text}, {parameter: shape}, multiply-adds) of a network, whose arrays are not kept."""
    network = find_model(name).build(7)
    texts = {name: str(layer) for name, layer, *_ in network.shapes()}
    return texts, {name: p.shape for name, p in network.params.items()}, network.multiply_adds(network.in_shape)


def texts(name):
    return built(name)[0]


@pytest.mark.parametrize("model, variation", PAIRS)
def test_it_changes_what_it_says_and_nothing_else(model, variation):
    """Names, and each layer's text, which holds its kernels, strides, groups and constants."""
    before, after = texts(model), texts(f"{model}+{variation}")
    gone = GONE.get(variation, set()) | ({"spatial2"} & before.keys() if "norm1" in GONE.get(variation, ()) else set())
    assert before.keys() - after.keys() == gone, "see GONE"
    assert after.keys() - before.keys() == NEW.get(variation, set()), "see NEW"
    changed = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    assert changed == CHANGED.get(variation, set()), "see CHANGED"
    if variation != "2012-source":
        assert [name for name in before if name in after] == [name for name in after if name in before], "another order"


@pytest.mark.parametrize(
    "model, variation",
    [
        (model, variation)
        for model, variation in PAIRS
        if variation in ("tanh", "sigmoid", "no-lrn", "no-dropout", "2012-source", "two-towers")
    ],
)
def test_shapes_and_weights_stay(model, variation):
    assert built(f"{model}+{variation}")[1:] == built(model)[1:]


@pytest.mark.parametrize("variation", VARIATIONS)
@pytest.mark.parametrize("model", SMALL)
def test_a_small_network_still_learns(model, variation):
    """One picture forward and back: every parameter gets a gradient, in float32."""
    network = find_model(f"{model}+{variation}").build(5)
    x = np.random.default_rng(0).standard_normal((1, *network.in_shape), dtype="float32")
    y, cache = network.forward(x, True, np.random.default_rng(1))
    _, grads = network.backward(
        np.random.default_rng(2).standard_normal(y.shape, dtype="float32"), cache, input_grad=False
    )
    assert y.shape == (1, 5) and np.isfinite(y).all()
    for name, p in network.params.items():
        assert grads[name].shape == p.shape and grads[name].dtype == np.float32 and np.abs(grads[name]).max() > 0, name


def layers_of(name):
    return {name: layer for name, layer, *_ in find_model(name).build(7).shapes()}


def test_one_column():
    """Half the kernels and all channels seen, but conv5 has as many as before (§3.2, note 2)."""
    before, after = layers_of("alexnet"), layers_of("alexnet+one-column")
    kernels = {name: layer.out_channels for name, layer in after.items() if isinstance(layer, Conv2d)}
    assert kernels == {"conv1": 48, "conv2": 128, "conv3": 192, "conv4": 192, "conv5": 256}
    assert all(layer.groups == 1 for layer in after.values() if isinstance(layer, Conv2d))
    assert after["fc6"].in_features == before["fc6"].in_features == 9216


def test_pooling_that_does_not_overlap():
    after = layers_of("alexnet+pool-2")
    assert {name: str(layer) for name, layer in after.items() if isinstance(layer, MaxPool2d)} == dict.fromkeys(
        ("pool1", "pool2", "pool5"), "max pool 2×2/2 floor"
    )
    assert after["fc6"].in_features == 9216, "sides of 27, 13 and 6, as with windows that overlap"


@pytest.mark.parametrize(
    "gone, behind, channels", [("conv3", "conv4", 256), ("conv4", "conv5", 384), ("conv5", "fc6", 13824)]
)
def test_what_stands_behind_a_convolution_that_is_gone(gone, behind, channels):
    layer = layers_of(f"alexnet+no-{gone}")[behind]
    assert (layer.in_features if isinstance(layer, Linear) else layer.in_channels) == channels


@pytest.mark.parametrize("model", SMALL)
def test_the_sources_order_and_constants(model):
    layers = layers_of(f"{model}+2012-source")
    trunk = "conv1 norm1 pool1 relu1 conv2 relu2 norm2 spatial2 pool2 conv3 relu3 conv4 relu4 conv5 pool5 relu5".split()
    assert list(layers)[: len(trunk)] == trunk
    for norm in (layers["norm1"], layers["norm2"]):
        assert isinstance(norm, LocalResponseNorm)
        assert (norm.size, norm.alpha, norm.beta, norm.k) == (5, pytest.approx(2e-5, rel=1e-12), 0.75, 2)
    norm = layers["spatial2"]
    assert isinstance(norm, SpatialResponseNorm) and (norm.size, norm.alpha, norm.beta, norm.k) == (5, 4e-5, 0.75, 2)


def test_pool5_and_relu5_commute():
    """So of the two changes of order only the first is one: behind a normalisation, ReLU stands elsewhere."""
    network, source = find_model("alexnet-mini").build(5), find_model("alexnet-mini+2012-source").build(5)
    x = np.random.default_rng(0).standard_normal((2, 6, 6, 64))
    ours, theirs = network.features.layers, source.features.layers
    np.testing.assert_array_equal(
        ours["pool5"].predict(ours["relu5"].predict(x)), theirs["relu5"].predict(theirs["pool5"].predict(x))
    )


@pytest.mark.parametrize(
    "first, second",
    [
        ("no-lrn", "2012-source"),
        ("no-conv5", "2012-source"),
        ("2012-source", "pool-2"),
        ("2012-source", "one-column"),
        ("2012-source", "tanh"),
        ("no-dropout", "no-conv3"),
    ],
)
def test_several_at_once_in_either_order(first, second):
    both = (f"{first}+{second}", f"{second}+{first}", first, second)
    one, other, *single = (list(texts(f"alexnet-mini+{names}").items()) for names in both)
    assert one == other and one not in single


def test_a_network_with_a_variation_is_a_model_like_any_other():
    model = find_model("alexnet-small+no-lrn")
    assert model.name == model.build(3).name == "alexnet-small+no-lrn" and model.lr == MODELS["alexnet-small"].lr
    assert "norm1" in layers_of("alexnet-small"), "the model itself was changed"
    assert find_model("alexnet-2012-source+no-lrn").variations == ("2012-source", "no-lrn")


@pytest.mark.parametrize(
    "name, words",
    [
        ("alexnet-small+no-lnr", ("'no-lnr'", "did you mean +no-lrn?")),
        ("alexnet-small+no-conv6", ("'no-conv6'", "did you mean +no-conv")),
        ("alexnet+2012-sauce", ("'2012-sauce'", "did you mean +2012-source?")),
        ("alexnet-mini+vgg", ("'vgg'", "expected some of", *(f"+{name}" for name in VARIATIONS))),
        ("alexnet-mini+", ("''", "expected some of")),
        ("alexnet-mini+tanh+no-lrn+tanh", ("'tanh' comes twice",)),
        ("alexnet-2012-source+2012-source", ("'2012-source' comes twice",)),
        ("alexnet-min+tanh", ("'alexnet-min'", "did you mean alexnet-mini?")),
    ],
)
def test_refuses(name, words):
    refused(lambda: find_model(name), *words, error=UserError)


@pytest.mark.parametrize("variation", ["no-lrn", "four-layer"])
def test_without_normalisation_there_is_none_of_either_kind(variation):
    layers = [layer for _, layer, *_ in find_model(f"alexnet-2012-source+{variation}").build(3).shapes()]
    assert not any(isinstance(layer, (LocalResponseNorm, SpatialResponseNorm)) for layer in layers)

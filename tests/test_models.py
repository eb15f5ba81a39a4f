"""The networks by name: shapes, parameters and multiply-adds as the paper gives them, layer by layer."""

import numpy as np
import pytest

from tests.checks import agree, refused
from tinyalex.errors import UserError
from tinyalex.layers import Conv2d, Linear, LocalResponseNorm, SpatialResponseNorm
from tinyalex.models import MODELS, find_model
from tinyalex.runs.config import Config
from tinyalex.training.schedules import LayerRates, Schedule

# layer: output H×W×C, weights, biases, multiply-adds a picture (paper §3.5, Fig. 2; the source's rounding up)
PAPER = {
    "conv1": ((55, 55, 96), 34_848, 96, 105_415_200),
    "pool1": ((27, 27, 96), 0, 0, 0),
    "conv2": ((27, 27, 256), 307_200, 256, 223_948_800),
    "pool2": ((13, 13, 256), 0, 0, 0),
    "conv3": ((13, 13, 384), 884_736, 384, 149_520_384),
    "conv4": ((13, 13, 384), 663_552, 384, 112_140_288),
    "conv5": ((13, 13, 256), 442_368, 256, 74_760_192),
    "pool5": ((6, 6, 256), 0, 0, 0),
    "flatten": ((9216,), 0, 0, 0),
    "fc6": ((4096,), 37_748_736, 4_096, 37_748_736),
    "fc7": ((4096,), 16_777_216, 4_096, 16_777_216),
    "fc8": ((1000,), 4_096_000, 1_000, 4_096_000),
}
ORDER = (
    "conv1 relu1 norm1 pool1 conv2 relu2 norm2 pool2 conv3 relu3 conv4 relu4 conv5 relu5 pool5 "
    "flatten fc6 relu6 drop6 fc7 relu7 drop7 fc8"
).split()
SOURCES_ORDER = (
    "conv1 norm1 pool1 relu1 conv2 relu2 norm2 spatial2 pool2 conv3 relu3 conv4 relu4 conv5 pool5 relu5 "
    "flatten fc6 relu6 drop6 fc7 relu7 drop7 fc8"
).split()
SIDES = {
    "alexnet": (55, 27, 13, 6),
    "alexnet-2012-source": (55, 27, 13, 6),
    "alexnet-64": (56, 27, 13, 6),
    "alexnet-32": (28, 13, 6, 3),
    "alexnet-small": (27, 13, 6, 3),
    "alexnet-mini": (27, 13, 6, 3),
}


@pytest.fixture(scope="module")
def alexnet():
    return find_model("alexnet").build(1000)


def test_the_papers_table(alexnet):
    found = {}
    for name, layer, in_shape, out_shape in alexnet.shapes():
        sizes = {key: p.size for key, p in layer.params.items()}
        found[name] = (out_shape, sizes.get("weight", 0), sizes.get("bias", 0), layer.multiply_adds(in_shape))
    assert list(found) == ORDER
    assert {name: found[name] for name in PAPER} == PAPER
    for name in set(ORDER) - set(PAPER):
        assert found[name][1:] == (0, 0, 0), f"{name} has parameters or multiplies"


def test_the_papers_totals(alexnet):
    assert sum(p.size for p in alexnet.params.values()) == 60_965_224
    assert alexnet.multiply_adds(alexnet.in_shape) == 724_406_816
    assert alexnet.in_shape == (224, 224, 3) and alexnet.num_classes == 1000
    assert all(p.dtype == np.float32 for p in alexnet.params.values())


def test_the_papers_constants(alexnet):
    layers = alexnet.features.layers | alexnet.classifier.layers
    for name in ("norm1", "norm2"):
        assert (layers[name].size, layers[name].alpha, layers[name].beta, layers[name].k) == (5, 1e-4, 0.75, 2)
    for name in ("drop6", "drop7"):
        assert layers[name].p == 0.5 and not layers[name].inverted
    assert {name: layer.groups for name, layer in layers.items() if isinstance(layer, Conv2d)} == {
        "conv1": 1,
        "conv2": 2,
        "conv3": 1,
        "conv4": 2,
        "conv5": 2,
    }


def test_224_pixels_are_227_with_three_rows_and_columns_of_zeros(alexnet):
    conv1 = alexnet.features.layers["conv1"]
    exact = Conv2d(3, 96, 11, stride=4)  # without a rounding: 227 divides, 224 would be refused
    exact.params = conv1.params
    x = np.random.default_rng(0).standard_normal((1, 224, 224, 3), "float32")
    hanging_over = np.pad(x, ((0, 0), (0, 3), (0, 3), (0, 0)))
    agree(conv1.forward(x)[0], exact.forward(hanging_over)[0], "conv1", rtol=1e-5, atol=1e-5)
    refused(lambda: exact.forward(x), "53.25", "rounding")


def test_alexnet_runs(alexnet):
    x = np.random.default_rng(0).standard_normal((2, 224, 224, 3), "float32")
    y, cache = alexnet.forward(x, True, np.random.default_rng(0))
    _, grads = alexnet.backward(np.ones_like(y), cache, input_grad=False)
    assert y.shape == (2, 1000) and np.isfinite(y).all()
    for name, p in alexnet.params.items():
        assert grads[name].shape == p.shape and grads[name].dtype == np.float32 and np.abs(grads[name]).max() > 0, name


@pytest.mark.parametrize("name", MODELS)
def test_every_model(name):
    model = find_model(name)
    network = model.build(10)
    shapes = {layer: shape for layer, _, _, shape in network.shapes()}
    assert list(shapes) == (SOURCES_ORDER if name == "alexnet-2012-source" else ORDER)
    assert tuple(shapes[layer][0] for layer in ("conv1", "pool1", "pool2", "pool5")) == SIDES[name]
    assert model.crop * 8 == model.size * 7, "crops are 7/8 of the picture, as 224 of 256"
    assert network.predict(np.zeros((1, *network.in_shape), np.float32)).shape == (1, 10)
    another = model.build(3)
    assert another.num_classes == 3
    assert (another.params["conv3.weight"] != network.params["conv3.weight"]).any(), "two networks share parameters"


def test_what_the_source_ran():
    """Net #145 against the paper's: the same weights in the same places, other constants, order and training."""
    model, paper = find_model("alexnet-2012-source"), find_model("alexnet")
    network = model.build(1000)
    assert {name: p.shape for name, p in network.params.items()} == {
        name: p.shape for name, p in paper.build(1000).params.items()
    }
    layers = network.features.layers
    for name in ("norm1", "norm2"):
        assert vars(layers[name]) == vars(LocalResponseNorm(5, 1e-4 / 5, 0.75, 2.0)) | {"name": name}
    assert vars(layers["spatial2"]) == vars(SpatialResponseNorm(5, 1e-3 / 25, 0.75, 2.0)) | {"name": "spatial2"}
    config = Config.for_model(model, "data")
    assert (config.init, config.lr, config.bias_lr, config.bias_decay, config.bias_init) == (
        "source",
        0.01,
        2.0,
        False,
        1.0,
    )
    assert model.pixel_scale * 1.1 == pytest.approx(1) and (config.color_epochs, config.crop_run) == (67, 32)
    schedule = Schedule(config.schedule, config.lr, config.epochs)
    assert [round(schedule.rate(epoch, []) / 0.01, 9) for epoch in (24, 25, 50, 51, 78, 79)] == [
        1,
        0.1,
        0.1,
        0.01,
        0.01,
        0.001,
    ]
    rates = LayerRates(config.layer_lr, ["conv1"])
    assert [rates.at(epoch).get("conv1", 1) for epoch in (66, 67, 71, 72, 89)] == [1, 0.1, 0.1, 0, 0]


def test_alexnet_mini_is_half_as_wide_as_alexnet_small():
    mini, small = (find_model(name).build(10) for name in ("alexnet-mini", "alexnet-small"))
    for (name, layer, *_), (_, other, *_) in zip(mini.shapes(), small.shapes(), strict=True):
        if isinstance(layer, Conv2d):
            assert other.out_channels == 2 * layer.out_channels, name
        elif isinstance(layer, Linear) and name != "fc8":
            assert other.out_features == 2 * layer.out_features, name
    assert sum(p.size for p in mini.params.values()) < sum(p.size for p in small.params.values()) / 3


def test_alexnet_64_is_the_papers_from_pool1_on():
    for name, _, _, shape in find_model("alexnet-64").build(1000).shapes():
        if name in PAPER and name != "conv1":
            assert shape == PAPER[name][0], name


@pytest.mark.parametrize(
    "name, near",
    [
        ("alexnet-smal", "alexnet-small"),
        ("Alexnet", "alexnet"),
        ("alexnet64", "alexnet-64"),
        ("alexnet-source", "alexnet-2012-source"),
        ("alexnet-min", "alexnet-mini"),
    ],
)
def test_the_nearest_name_is_suggested(name, near):
    refused(lambda: find_model(name), repr(name), f"did you mean {near}?", *MODELS, error=UserError)


def test_a_name_like_no_other():
    refused(lambda: find_model("vgg"), "'vgg'", "expected one of", error=UserError)

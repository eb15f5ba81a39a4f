"""The networks by name: shapes, parameters and multiply-adds as the papers give them, by layer or by stage."""

import re

import numpy as np
import pytest

from tests.checks import agree, refused, weightless
from tinyalex.errors import UserError
from tinyalex.layers import BatchNorm2d, Conv2d, Linear, LocalResponseNorm, PaddedShortcut, SpatialResponseNorm
from tinyalex.models import MODELS, find_model, in_towers
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


@pytest.mark.parametrize("name", SIDES)
def test_every_alexnet(name):
    model = find_model(name)
    network = model.build(10)
    shapes = {layer: shape for layer, _, _, shape in network.shapes()}
    assert list(shapes) == (SOURCES_ORDER if name == "alexnet-2012-source" else ORDER)
    assert tuple(shapes[layer][0] for layer in ("conv1", "pool1", "pool2", "pool5")) == SIDES[name]
    assert network.predict(np.zeros((1, *network.in_shape), np.float32)).shape == (1, 10)
    another = model.build(3)
    assert another.num_classes == 3
    assert (another.params["conv3.weight"] != network.params["conv3.weight"]).any(), "two networks share parameters"


@pytest.mark.parametrize("name", MODELS)
def test_every_model(name):
    """Without weights: VGG-16's take seconds, and shapes are all that is asked for here."""
    model = find_model(name)
    with weightless():
        network = model.build(3)
    assert model.crop * 8 == model.size * 7, "crops are 7/8 of the picture, as 224 of 256"
    assert network.in_shape == (model.crop, model.crop, 3) and network.num_classes == 3 and network.name == name
    assert MODELS.keys() >= SIDES.keys() and {n for n, m in MODELS.items() if m.family == "alexnet"} == SIDES.keys()


# stage: output of its last layer H×W×C, parameters, multiply-adds a picture; "": before and between the stages
HEAD = {"fc6": 102_764_544, "fc7": 16_781_312, "fc8": 4_097_000}  # VGG's, with 25,088 inputs
HEADS_WORK = {"fc6": 102_760_448, "fc7": 16_777_216, "fc8": 4_096_000}
VGG_HEAD = {
    name: ((1000 if name == "fc8" else 4096,), parameters, HEADS_WORK[name]) for name, parameters in HEAD.items()
}
STAGES = {
    # Simonyan and Zisserman, Table 1, columns A and D
    "vgg11": {
        "1": ((224, 224, 64), 1_792, 86_704_128),
        "2": ((112, 112, 128), 73_856, 924_844_032),
        "3": ((56, 56, 256), 885_248, 2_774_532_096),
        "4": ((28, 28, 512), 3_539_968, 2_774_532_096),
        "5": ((14, 14, 512), 4_719_616, 924_844_032),
        "": ((7, 7, 512), 0, 0),
        **VGG_HEAD,
    },
    "vgg16": {
        "1": ((224, 224, 64), 38_720, 1_936_392_192),
        "2": ((112, 112, 128), 221_440, 2_774_532_096),
        "3": ((56, 56, 256), 1_475_328, 4_624_220_160),
        "4": ((28, 28, 512), 5_899_776, 4_624_220_160),
        "5": ((14, 14, 512), 7_079_424, 1_387_266_048),
        "": ((7, 7, 512), 0, 0),
        **VGG_HEAD,
    },
    # He et al., Table 1, with projections
    "resnet18": {
        "": ((56, 56, 64), 9_536, 118_013_952),
        "1": ((56, 56, 64), 147_968, 462_422_016),
        "2": ((28, 28, 128), 525_568, 411_041_792),
        "3": ((14, 14, 256), 2_099_712, 411_041_792),
        "4": ((7, 7, 512), 8_393_728, 411_041_792),
        "fc": ((1000,), 513_000, 512_000),
    },
    "resnet34": {
        "": ((56, 56, 64), 9_536, 118_013_952),
        "1": ((56, 56, 64), 221_952, 693_633_024),
        "2": ((28, 28, 128), 1_116_416, 873_463_808),
        "3": ((14, 14, 256), 6_822_400, 1_335_885_824),
        "4": ((7, 7, 512), 13_114_368, 642_252_800),
        "fc": ((1000,), 513_000, 512_000),
    },
    # §4.2, for 10 classes and pictures of 28 pixels, with shortcuts without parameters
    "resnet20": {
        "": ((28, 28, 16), 464, 338_688),
        "1": ((28, 28, 16), 14_016, 10_838_016),
        "2": ((14, 14, 32), 51_072, 9_934_848),
        "3": ((7, 7, 64), 203_520, 9_934_848),
        "fc": ((10,), 650, 640),
    },
    "resnet56": {
        "": ((28, 28, 16), 464, 338_688),
        "1": ((28, 28, 16), 42_048, 32_514_048),
        "2": ((14, 14, 32), 162_432, 31_610_880),
        "3": ((7, 7, 64), 647_424, 31_610_880),
        "fc": ((10,), 650, 640),
    },
}


def by_stage(network):
    stages, head = {}, network.classifier.layers
    for name, layer, in_shape, out_shape in network.shapes():
        stage = name if name in head else (re.match(r"[a-z]+(\d+)_\d", name) or [name, ""])[1]
        _, parameters, work = stages.get(stage, (None, 0, 0))
        own = sum(p.size for p in layer.params.values())
        stages[stage] = tuple(out_shape), parameters + own, work + layer.multiply_adds(in_shape)
    return {stage: row for stage, row in stages.items() if row[1] or stage == ""}


@pytest.mark.parametrize("name", STAGES)
def test_the_stages_of_what_followed(name):
    with weightless():
        network = find_model(name).build(10 if "cifar" in MODELS[name].family else 1000)
    assert by_stage(network) == STAGES[name]


@pytest.mark.parametrize(
    "name, parameters",
    [
        ("vgg11", 132_863_336),  # torchvision's vgg11, vgg16, vgg16_bn, resnet18 and resnet34
        ("vgg16", 138_357_544),
        ("vgg16+bn", 138_365_992),
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet20", 269_722),  # the CIFAR form, for 10 classes
        ("resnet56", 853_018),
        ("resnet20+depth-56", 853_018),
        ("resnet56+depth-20", 269_722),
    ],
)
def test_parameters_to_the_unit(name, parameters):
    with weightless():
        network = find_model(name).build(10 if "resnet20" in name or "resnet56" in name else 1000)
    assert sum(p.size for p in network.params.values()) == parameters


def test_depth_is_counted_as_in_the_papers():
    """Layers with weights on the longest way, without those of the shortcuts."""
    for name in ("vgg11", "vgg16", "resnet18", "resnet34", "resnet20", "resnet56"):
        with weightless():
            shapes = find_model(name).build(10).shapes()
        weights = [path for path, layer, *_ in shapes if isinstance(layer, (Conv2d, Linear))]
        assert sum(".shortcut." not in path for path in weights) == int(re.sub(r"\D", "", name))


def test_the_constants_of_what_followed():
    with weightless():
        vgg, imagenet, cifar = ([*find_model(name).build(10).shapes()] for name in ("vgg16", "resnet18", "resnet20"))
    assert {str(layer).partition(",")[0] for _, layer, *_ in vgg if isinstance(layer, Conv2d)} == {"conv 3×3/1 pad 1"}
    assert {str(layer) for name, layer, *_ in vgg if name.startswith("pool")} == {"max pool 2×2/2"}
    for layers, stem in ((imagenet, "conv 7×7/2 pad 3 floor, 64"), (cifar, "conv 3×3/1 pad 1 floor, 16")):
        assert str(layers[0][1]) == stem
        assert not any(layer.bias for _, layer, *_ in layers if isinstance(layer, Conv2d))
        norms = [layer for _, layer, *_ in layers if isinstance(layer, BatchNorm2d)]
        assert {(norm.eps, norm.momentum, norm.frozen) for norm in norms} == {(1e-5, 0.1, False)}
    assert {name: str(layer) for name, layer, *_ in imagenet if ".shortcut.conv" in name} == {
        f"block{stage}_1.shortcut.conv": f"conv 1×1/2 floor, {kernels}"
        for stage, kernels in ((2, 128), (3, 256), (4, 512))
    }
    assert [name for name, layer, *_ in cifar if isinstance(layer, PaddedShortcut)] == [
        "block2_1.shortcut.pad",
        "block3_1.shortcut.pad",
    ]
    first = [name for name, *_ in cifar if name.startswith(("block2_1.", "relu2_1"))]
    parts = "conv1 bn1 relu1 conv2 bn2 shortcut.pad".split()
    assert first == [*(f"block2_1.{part}" for part in parts), "relu2_1"], "the sum, then the last ReLU"


@pytest.mark.parametrize("name", ["vgg-small", "resnet20", "resnet-small"])
def test_small_ones_run(name):
    model = find_model(name)
    network, another = model.build(10), model.build(3)
    x = np.random.default_rng(0).standard_normal((2, *network.in_shape), "float32")
    y, cache = network.forward(x, True, np.random.default_rng(0))
    _, grads = network.backward(np.random.default_rng(1).standard_normal(y.shape, "float32"), cache, input_grad=False)
    assert y.shape == (2, 10) and np.isfinite(y).all()
    for key, p in network.params.items():
        assert grads[key].shape == p.shape and grads[key].dtype == np.float32 and np.abs(grads[key]).max() > 0, key
    first = next(iter(network.params))
    assert (another.params[first] != network.params[first]).any(), "two networks share parameters"


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


@pytest.mark.parametrize(
    "name, model",
    [
        ("alexnet-mini", "alexnet-mini+two-towers"),
        ("alexnet-mini+tanh", "alexnet-mini+tanh+two-towers"),
        *((name, name) for name in ("alexnet-mini+bn", "alexnet-mini+no-lrn", "vgg-small", "resnet20+no-skip")),
    ],
)
def test_towers_normalise_apart_where_alexnet_normalises(name, model):
    assert in_towers(find_model(name)).name == model


def test_a_name_like_no_other():
    refused(lambda: find_model("vgg"), "'vgg'", "expected one of", error=UserError)

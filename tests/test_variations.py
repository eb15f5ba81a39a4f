"""Variations: each changes what it says and nothing else, on every model, and the networks still run."""

import functools
import itertools
import re
from dataclasses import replace

import numpy as np
import pytest

from tests.checks import refused, weightless
from tinyalex.errors import UserError
from tinyalex.layers import (
    BatchNorm2d,
    Conv2d,
    Dropout,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    SpatialResponseNorm,
)
from tinyalex.models import MODELS, find_model
from tinyalex.runs.config import Config
from tinyalex.variations import VARIATIONS, find_variation

SMALL = ("alexnet-small", "alexnet-mini", "vgg-small", "resnet20", "resnet-small")
NUMBERED = ("depth-8", "depth-32", "dropout-25")
PAIRS = [
    (model, variation)
    for model in MODELS
    for variation in (*VARIATIONS, *NUMBERED)
    if find_variation(variation, MODELS[model].family) and variation not in MODELS[model].variations
]

# variation: which names of layers are gone, new, or have another text; for what is not here, none
NORMS, RELUS, CONVOLUTIONS = r"norm[12]|spatial2", r"relu\d.*", r"conv\d.*"
GONE = {
    "no-lrn": NORMS,
    "no-dropout": r"drop[67]",
    "no-conv3": r"(conv|relu)3",
    "no-conv4": r"(conv|relu)4",
    "no-conv5": r"(conv|relu)5",
    "four-layer": rf"{NORMS}|(conv|relu)[45]|(fc|relu|drop)[67]",
    "bn": NORMS,
    "large-kernels": r"(conv|relu)\d_[2-9]",
    "no-skip": r".*\.shortcut\..*",
    "depth-8": r"(block|relu)\d_([2-9]).*",
    "depth-32": r"(block|relu)\d_([6-9]).*",
}
NEW = {
    "2012-source": lambda names: {"spatial2"},
    "bn": lambda names: {name.replace("conv", "bn") for name in names if re.fullmatch(CONVOLUTIONS, name)},
    "lrn": lambda names: {"norm1_1"},
    "depth-32": lambda names: {
        name.replace("_2", f"_{i}")
        for name in names
        for i in range(3, 6)
        if "_2" in name and name.replace("_2", f"_{i}") not in names
    },
}
CHANGED = {
    "tanh": RELUS,
    "sigmoid": RELUS,
    "pool-2": r"pool[125]",
    "2012-source": r"norm[12]",
    "one-column": r"conv[1-5]",
    "two-towers": r"norm[12]",
    "large-kernels": r"conv\d_1",
    "dropout-25": r"drop[67]",
}


@functools.cache
def built(name):
    """({layer: text}, {parameter: shape}, multiply-adds) of a network, whose arrays are not kept."""
    with weightless():
        network = find_model(name).build(7)
    texts = {name: str(layer) for name, layer, *_ in network.shapes()}
    return texts, {name: p.shape for name, p in network.params.items()}, network.multiply_adds(network.in_shape)


def texts(name):
    return built(name)[0]


@pytest.mark.parametrize("model, variation", PAIRS)
def test_it_changes_what_it_says_and_nothing_else(model, variation):
    """Names, and each layer's text, which holds its kernels, strides, groups and constants."""
    before, after = texts(model), texts(f"{model}+{variation}")
    gone, changed = (
        {name for name in before if re.fullmatch(table.get(variation, r"(?!)"), name)} for table in (GONE, CHANGED)
    )
    assert before.keys() - after.keys() == gone, "see GONE"
    assert after.keys() - before.keys() == NEW.get(variation, lambda names: set())(before.keys()), "see NEW"
    if variation == "large-kernels":
        changed = {name for name in changed if name.replace("_1", "_2") in before}  # a stack of one is as it was
    assert {name for name in before.keys() & after.keys() if before[name] != after[name]} == changed, "see CHANGED"
    if variation != "2012-source":
        assert [name for name in before if name in after] == [name for name in after if name in before], "another order"


@pytest.mark.parametrize(
    "model, variation",
    [
        (model, variation)
        for model, variation in PAIRS
        if variation in ("tanh", "sigmoid", "no-lrn", "no-dropout", "dropout-25", "2012-source", "two-towers", "lrn")
        or (variation == "no-skip" and MODELS[model].family == "cifar-resnet")
    ],
)
def test_shapes_and_weights_stay(model, variation):
    assert built(f"{model}+{variation}")[1:] == built(model)[1:]


@pytest.mark.parametrize("model, variation", [(model, v) for model, v in PAIRS if model in SMALL and v != "depth-32"])
def test_a_small_network_still_learns(model, variation):
    """One picture forward and back: every parameter gets a gradient, in float32.

    Even a bias before batch normalisation, which cancels it: what it gets is rounding.
    """
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
    with weightless():
        return {name: layer for name, layer, *_ in find_model(name).build(7).shapes()}


def test_dropout_has_the_percentage_of_its_name():
    layers = layers_of("alexnet-mini+dropout-30").values()
    assert [layer.p for layer in layers if isinstance(layer, Dropout)] == [0.3, 0.3]


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


@pytest.mark.parametrize("model", ["alexnet-small", "alexnet-mini"])
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
        ("bn", "no-conv3"),
        ("bn", "one-column"),
        ("bn", "four-layer"),
        ("bn", "2012-source"),
        ("bn", "large-kernels"),
        ("bn", "lrn"),
        ("lrn", "large-kernels"),
        ("no-skip", "depth-14"),
    ],
)
def test_several_at_once_in_either_order(first, second):
    model = next(m for m in SMALL if all(find_variation(v, MODELS[m].family) for v in (first, second)))
    both = (f"{first}+{second}", f"{second}+{first}", first, second)
    one, other, *single = (list(texts(f"{model}+{names}").items()) for names in both)
    assert one == other and one not in single


@pytest.mark.parametrize(
    "name, trunk",
    [
        (
            "alexnet-mini+no-conv3+bn",
            "conv1 bn1 relu1 pool1 conv2 bn2 relu2 pool2 conv4 bn4 relu4 conv5 bn5 relu5 pool5",
        ),
        (
            "alexnet-mini+bn+2012-source",
            "conv1 bn1 pool1 relu1 conv2 bn2 relu2 pool2 conv3 bn3 relu3 conv4 bn4 relu4 conv5 bn5 pool5 relu5",
        ),
        ("alexnet-mini+four-layer+bn", "conv1 bn1 relu1 pool1 conv2 bn2 relu2 pool2 conv3 bn3 relu3 pool5"),
        (
            "vgg-small+lrn+large-kernels+bn",
            "conv1_1 bn1_1 relu1_1 norm1_1 pool1 conv2_1 bn2_1 relu2_1 pool2 conv3_1 bn3_1 relu3_1 pool3",
        ),
        (
            "resnet-small+no-skip+depth-8",
            "conv1 bn1 relu1 "
            + " ".join(
                f"block{s}_1.conv1 block{s}_1.bn1 block{s}_1.relu1 block{s}_1.conv2 block{s}_1.bn2 relu{s}_1"
                for s in (1, 2, 3)
            ),
        ),
    ],
)
def test_the_order_of_layers_with_several(name, trunk):
    names = [layer for layer in texts(name) if layer not in find_model(name).layers(7)[1]]
    assert names == trunk.split()


def test_batch_norm_has_the_channels_of_its_convolution():
    for name in ("alexnet-mini+one-column+bn+no-conv4", "vgg11+bn", "vgg-small+bn+large-kernels"):
        before = None
        for layer in layers_of(name).values():
            if isinstance(layer, BatchNorm2d):
                assert isinstance(before, Conv2d) and layer.num_features == before.out_channels
            before = layer


def test_one_large_kernel_sees_as_far_as_its_stack():
    """Two 3×3 see 5 pixels, three see 7; it has the input of the first and as many kernels as the last (VGG §2.3)."""
    after = layers_of("vgg16+large-kernels")
    found = {name: (str(layer), layer.in_channels) for name, layer in after.items() if isinstance(layer, Conv2d)}
    assert found == {
        "conv1_1": ("conv 5×5/1 pad 2, 64", 3),
        "conv2_1": ("conv 5×5/1 pad 2, 128", 64),
        "conv3_1": ("conv 7×7/1 pad 3, 256", 128),
        "conv4_1": ("conv 7×7/1 pad 3, 512", 256),
        "conv5_1": ("conv 7×7/1 pad 3, 512", 512),
    }


def test_without_shortcuts_the_body_is_computed_alone():
    """The same body with the same weights; where a shortcut had weights, they are gone."""
    for name, gone in (("resnet18", 64 * 128 + 128 * 256 + 256 * 512 + 2 * (128 + 256 + 512)), ("resnet-small", 0)):
        (_, before, _), (_, after, _) = built(name), built(f"{name}+no-skip")
        sizes = [sum(int(np.prod(shape)) for shape in shapes.values()) for shapes in (before, after)]
        assert after.items() <= before.items() and sizes[0] - sizes[1] == gone
    network = find_model("resnet20+no-skip+depth-8").build(3)
    x = np.random.default_rng(0).standard_normal((1, 28, 28, 16), "float32")
    body, y = network.features.layers["block1_1"], x
    for name in ("conv1", "bn1", "relu1", "conv2", "bn2"):
        y = body.layers[name].predict(y)
    np.testing.assert_array_equal(body.predict(x), y)
    assert isinstance(network.features.layers["relu1_1"], ReLU)


@pytest.mark.parametrize("variation, blocks", [("depth-8", 1), ("depth-20", 3), ("depth-110", 18)])
def test_depth(variation, blocks):
    """6n + 2 layers; each stage but the first begins by halving the side, whatever the model's own depth."""
    for model in ("resnet20", "resnet56"):
        names = texts(f"{model}+{variation}")
        for stage in (1, 2, 3):
            assert sum(name.startswith(f"block{stage}_") and name.endswith("conv1") for name in names) == blocks
            assert f"/{1 if stage == 1 else 2} " in names[f"block{stage}_1.conv1"]
        assert built(f"resnet20+{variation}") == built(f"resnet56+{variation}")
    assert built("resnet20+depth-20") == built("resnet20")


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
        (
            "alexnet-mini+vgg",
            ("'vgg'", "expected some of", *(f"+{name}" for name, v in VARIATIONS.items() if "alexnet" in v.families)),
        ),
        (
            "resnet20+bn",
            ("resnet20 has no variation 'bn'", "expected some of +no-skip, +depth-N; N of depth-N is 8, 14"),
        ),
        ("vgg16+no-skip", ("vgg16 has no variation 'no-skip'", "+large-kernels")),
        ("alexnet+lrn", ("'lrn'", "did you mean +no-lrn?")),
        ("resnet18+depth-20", ("'depth-20'", "expected some of +no-skip")),
        ("resnet20+depth-21", ("'depth-21'", "N of depth-N is 8, 14, 20, … (6n + 2)")),
        ("resnet20+depth-2", ("'depth-2'", "N of depth-N is")),
        ("resnet20+depth-08", ("'depth-08'", "N of depth-N is")),
        ("resnet20+depth-N", ("'depth-N'", "N of depth-N is")),
        ("resnet20+depth-8+no-skip+depth-14", ("found +depth-8 and +depth-14, expected one of them",)),
        ("resnet20+depth-8+depth-8", ("'depth-8' comes twice",)),
        ("vgg-small+sigmoid+bn+tanh", ("found +sigmoid and +tanh, expected one of them",)),
        ("alexnet-mini+dropout-100", ("'dropout-100'", "N of dropout-N is 1 to 99")),
        ("alexnet-mini+dropout-05", ("'dropout-05'; expected", "N of dropout-N is 1 to 99")),
        ("alexnet-mini+dropout-2٥", ("'dropout-2٥'; expected", "N of dropout-N is 1 to 99")),
        ("alexnet-mini+dropout", ("'dropout'; expected", "N of dropout-N is 1 to 99")),
        ("alexnet-mini+dropout-0", ("'dropout-0'", "N of dropout-N is 1 to 99")),
        ("resnet20+dropout-20", ("'dropout-20'", "expected some of +no-skip")),
        ("alexnet-mini+no-dropout+dropout-20", ("found +no-dropout and +dropout-20, expected one of them",)),
        ("alexnet-mini+four-layer+dropout-20", ("found +four-layer and +dropout-20, expected one of them",)),
        ("alexnet-mini+", ("''", "expected some of")),
        ("alexnet-mini+tanh+no-lrn+tanh", ("'tanh' comes twice",)),
        ("alexnet-2012-source+2012-source", ("'2012-source' comes twice",)),
        ("alexnet-min+tanh", ("'alexnet-min'", "did you mean alexnet-mini?")),
    ],
)
def test_refuses(name, words):
    refused(lambda: find_model(name), *words, error=UserError)


@pytest.mark.parametrize("model", ["alexnet-mini", "alexnet-2012-source", "vgg-mini", "resnet20"])
def test_two_are_refused_just_where_one_is_in_vain(model):
    """If both together make the network of one of them, or set one thing; in either order."""
    own, family = MODELS[model].variations, MODELS[model].family
    names = [name for name in (*VARIATIONS, "dropout-20", "depth-14") if find_variation(name, family)]

    def with_these(*names):
        with weightless():
            network = replace(MODELS[model], variations=(*own, *names)).build(7)
        return [(name, str(layer)) for name, layer, *_ in network.shapes()]

    alone = {name: with_these(name) for name in names if name not in own}
    for first, second in itertools.combinations(alone, 2):
        sets = {find_variation(name).sets for name in (first, second)}
        if with_these(first, second) in (alone[first], alone[second]) or len(sets) == 1 and sets != {""}:
            for pair in ((first, second), (second, first)):
                words = f"found +{pair[0]} and +{pair[1]}, expected one of them"
                refused(lambda: find_model(f"{model}+{pair[0]}+{pair[1]}"), words, error=UserError)
            assert find_model(f"{model}+{first}+{second}", recorded=True)  # of an older run
        else:
            find_model(f"{model}+{first}+{second}")


def test_older_runs_of_names_that_are_refused_now_still_load():
    config = Config.for_model(find_model("alexnet-mini+bn+no-lrn", recorded=True), "builtin")
    assert Config.from_dict(config.to_dict(), "config.json").find_model().name == "alexnet-mini+bn+no-lrn"


@pytest.mark.parametrize("variation", ["no-lrn", "four-layer"])
def test_without_normalisation_there_is_none_of_either_kind(variation):
    layers = [layer for _, layer, *_ in find_model(f"alexnet-2012-source+{variation}").build(3).shapes()]
    assert not any(isinstance(layer, (LocalResponseNorm, SpatialResponseNorm)) for layer in layers)

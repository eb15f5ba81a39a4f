"""Published networks: recognised by their tensors, with PyTorch's scores; what is nearly one is told the difference."""

import numpy as np
import pytest

from tests.checks import agree, refused
from tests.exchange.small import cifar_tensors
from tinyalex.errors import UserError
from tinyalex.exchange.known import KNOWN, recognised
from tinyalex.exchange.layout import conversions, fill
from tinyalex.layers import Conv2d, Dropout, Flatten, Linear
from tinyalex.network import Network

NAMES = [known.name for known in KNOWN]
TORCHVISION = [pytest.param(n, marks=[pytest.mark.slow] * ("vgg16" in n)) for n in NAMES if "torchvision" in n]


@pytest.mark.torch
@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvisions_networks_have_pytorchs_scores(name):
    import torch

    from tests.exchange.torchvision import NETWORKS, random_weights

    theirs = random_weights(NETWORKS[name](3))
    found = recognised({name: tensor.numpy() for name, tensor in theirs.state_dict().items()}, "a.pth")
    assert (found.name, found.in_shape, found.size, found.network.num_classes) == (name, (224, 224, 3), 256, 3)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3))
    x = ((pixels - found.mean) * found.scale).astype("float32")
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy()
    agree(found.network.predict(x), expected, name, rtol=0, atol=1e-5 * abs(expected).max())
    notes = " ".join(found.notes)
    assert ("channels first" in notes) == ("Dropout scales in training" in notes) == ("resnet" not in name)
    assert ("num_batches_tracked were left out" in notes) == ("bn" in name or "resnet" in name)


def test_pictures_are_prepared_as_torchvision_does():
    found = recognised(cifar_tensors(), "a.pth")
    assert (found.size, found.in_shape) == (32, (32, 32, 3))
    for pixel in (0, 100, 255):
        expected = (np.full(3, pixel) / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
        agree((pixel - np.array(found.mean)) * found.scale, expected, "x", rtol=1e-12)


@pytest.mark.parametrize("depth", [20, 32, 44, 56, 110])
def test_resnets_for_cifar_are_told_apart_by_their_depth(depth):
    found = recognised(cifar_tensors(depth, num_classes=4), "a.pth")
    assert found.name == f"cifar-resnet{depth}" and found.network.num_classes == 4
    conv = found.network.params["block3_1.conv2.weight"]
    agree(conv, cifar_tensors(depth, 4)["layer3.0.conv2.weight"].transpose(2, 3, 1, 0), "weight", exact=True)


def without(name):
    def change(tensors):
        del tensors[name]

    return change


def with_shape(name, shape, dtype="float32"):
    def change(tensors):
        tensors[name] = np.zeros(shape, dtype)

    return change


@pytest.mark.parametrize(
    "change, words",
    [
        (without("layer2.0.bn1.running_var"), ("found no layer2.0.bn1.running_var", "expected one of shape (32,)")),
        (without("linear.bias"), ("found no linear.bias",)),
        (without("linear.weight"), ("found no linear.weight", "(10, 64)")),
        (
            with_shape("conv1.weight", (16, 1, 3, 3)),
            ("conv1.weight: found shape (16, 1, 3, 3), expected (16, 3, 3, 3)",),
        ),
        (with_shape("linear.bias", ()), ("linear.bias: found shape ()",)),
        (with_shape("linear.bias", (0,)), ("linear.bias: found shape (0,)",)),
        (with_shape("linear.weight", (9, 64)), ("linear.weight: found shape (9, 64), expected (10, 64)",)),
        (with_shape("bn1.bias", (16,), "int64"), ("bn1.bias: found int64, expected floating point",)),
        (
            with_shape("layer1.0.conv3.weight", (9,)),
            ("found 'layer1.0.conv3.weight' of shape (9,)", "expected no such"),
        ),
    ],
)
def test_what_is_nearly_a_known_network_is_told_the_difference(change, words):
    tensors = cifar_tensors()
    change(tensors)
    refused(lambda: recognised(tensors, "a.pth"), "a.pth: nearly cifar-resnet20, but ", *words, error=UserError)


def test_what_no_known_network_is_like_is_told_which_are_known():
    refused(lambda: recognised({"a.weight": np.zeros(3)}, "a.pth"), "a.weight", *NAMES, error=UserError)
    refused(lambda: recognised({}, "a.pth"), "a.pth", error=UserError)


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e39])
def test_numbers_that_no_network_has_are_refused(number):
    tensors = cifar_tensors()
    tensors["bn1.weight"] = tensors["bn1.weight"].astype("float64")
    tensors["bn1.weight"][3] = number
    refused(lambda: recognised(tensors, "a.pth"), "a.pth: bn1.weight", "NaN", error=UserError)


def test_weights_are_new_arrays_in_float32():
    tensors = cifar_tensors()
    half = {name: tensor.astype("float16") for name, tensor in tensors.items()}
    found = recognised(half, "a.pth")
    for name, array in (found.network.params | found.network.state).items():
        assert array.dtype == np.float32 and array.flags.c_contiguous and array.flags.writeable, name
        assert not any(np.shares_memory(array, tensor) for tensor in half.values())
    assert "Numbers that were float16 are float32." in found.notes


def test_pictures_that_become_one_row_are_read_channel_by_channel_in_pytorch():
    rng = np.random.default_rng(5)
    conv, dense = rng.standard_normal((4, 3, 1, 1)), rng.standard_normal((6, 4 * 2 * 5))
    tensors = {"0.weight": conv, "0.bias": np.zeros(4), "1.weight": dense, "1.bias": np.arange(6.0)}
    features = {"conv": Conv2d(3, 4, 1)}
    network = Network(features, {"flatten": Flatten(), "drop": Dropout(), "fc": Linear(40, 6)}, (2, 5, 3))
    fill(network, tensors, {"conv": "0", "fc": "1"}, "a.pth")
    x = rng.standard_normal((2, 3, 2, 5))  # pictures as PyTorch has them
    maps = np.einsum("oc,nchw->nohw", conv[:, :, 0, 0], x)
    expected = maps.reshape(2, -1) @ dense.T + np.arange(6.0)
    agree(network.predict(x.transpose(0, 2, 3, 1).copy()), expected, "scores", rtol=1e-5, atol=1e-5)


TURNED = "Weights were turned from (out, in, …) to (…, in, out)."


@pytest.mark.parametrize(
    "side, dropout, dtype, others, notes",
    [
        (1, Dropout(inverted=False), "float32", (), []),
        (2, Dropout(inverted=False), "float32", ("n",), ["fc: inputs were reordered from (4, 1, 2), channels first"]),
        (1, Dropout(), "float32", (), ["Dropout scales in training, as in PyTorch; the paper's scales at test time."]),
        (1, Dropout(inverted=False), "float16", (), ["Numbers that were float16 are float32."]),
        (1, Dropout(inverted=False), "float32", ("bn.num_batches_tracked",), ["The counters num_batches_tracked were"]),
    ],
)
def test_what_was_converted_is_said_and_nothing_else(side, dropout, dtype, others, notes):
    layers = {"flatten": Flatten(), "drop": dropout, "fc": Linear(4 * side, 6)}
    network = Network({"conv": Conv2d(3, 4, 1)}, layers, (1, side, 3))
    tensors = {"0.weight": np.zeros(1, dtype)} | {name: np.array(3) for name in others}
    first, *found = conversions(network, tensors)
    assert first == TURNED and len(found) == len(notes)
    assert all(one.startswith(note) for one, note in zip(found, notes))

"""Activations against the layers called one by one, and features against single pictures."""

import numpy as np
import pytest

from tests.checks import agree, edited, refused
from tests.inspection import small
from tinyalex.errors import UserError
from tinyalex.inspection import features, seen
from tinyalex.inspection.features import activations, features_of, last_features
from tinyalex.layers import Layer
from tinyalex.standin import DeviceArray
from tinyalex.standin import xp as device


def by_hand(network, x):
    """Each layer's output for some pictures, with the layers' arithmetic written out again."""
    conv1 = network.features.layers["conv1"]
    fc7, fc8 = network.classifier.layers["fc7"], network.classifier.layers["fc8"]
    y = {"conv1": conv1.forward(x)[0]}
    y["relu1"] = np.where(y["conv1"] > 0, y["conv1"], 0)
    y["pool1"] = y["relu1"].reshape(len(x), 4, 2, 4, 2, 4).max(axis=(2, 4))
    y["flatten"] = y["pool1"].reshape(len(x), -1)
    y["fc7"] = y["flatten"] @ fc7.params["weight"] + fc7.params["bias"]
    y["relu7"] = np.where(y["fc7"] > 0, y["fc7"], 0)
    y["fc8"] = y["relu7"] @ fc8.params["weight"] + fc8.params["bias"]
    return y


def test_activations():
    network, pictures = small.network(), small.split().gather(range(5))
    x = np.concatenate([small.centre_crop(picture) for picture in pictures])
    found, expected = activations(network, x), by_hand(network, x)
    assert list(found) == list(expected) == [name for name, *_ in network.shapes()]
    for name in expected:
        agree(found[name], expected[name], name, rtol=1e-4, atol=1e-5)
    agree(found["fc8"], network.predict(x), "the last layer's are the scores")


def test_activations_stay_on_the_device():
    network, x = small.network(), small.centre_crop(small.split().gather([0])[0])
    expected = activations(network, x)
    network.map_arrays(device.asarray)
    found = activations(network, device.asarray(x))
    assert all(isinstance(y, DeviceArray) for y in found.values())
    agree(found["relu7"], expected["relu7"], "relu7 on the device", rtol=1e-5)


def check_features(features_of):
    network, split = small.network(), small.split()
    for layer, D in (("relu7", 5), ("pool1", 64), ("conv1", 256), ("fc8", small.K)):
        for indices in (None, [7, 2, 2, 10]):
            found = features_of(network, split, small.view(), np, layer, indices)
            which = range(len(split)) if indices is None else indices
            assert found.shape == (len(which), D) and found.dtype == np.float32 and isinstance(found, np.ndarray)
            for row, index in zip(found, which):
                own = by_hand(network, small.centre_crop(split.gather([index])[0]))[layer]
                agree(row, own.ravel(), f"{layer} of picture {index}", rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("at_once", [1, 4, 128])
def test_features(monkeypatch, at_once):
    monkeypatch.setattr(features, "AT_ONCE", at_once)  # 11 is not a multiple of 4
    check_features(features_of)


@pytest.mark.parametrize(
    "edits",
    [
        ("indices[start : start + AT_ONCE]", "np.arange(start, min(start + AT_ONCE, len(indices)))"),
        ("features[start : start + len(pictures)]", "features[: len(pictures)]"),
        ("view.centre(to_device(pictures, xp))", "view.ten(to_device(pictures, xp))[0]"),
    ],
)
def test_features_teeth(monkeypatch, edits):
    monkeypatch.setattr(features, "AT_ONCE", 4)
    with pytest.raises(AssertionError):
        check_features(edited(features_of, *edits))


def test_pictures_are_compared_by_relu7():
    arguments = small.network(), small.split(), small.view(), np
    agree(features_of(*arguments), features_of(*arguments, "relu7"), "default")


def test_features_from_the_device_are_on_the_host():
    network, split, view = small.network(), small.split(), small.view()
    expected = features_of(network, split, view, np)
    network.map_arrays(device.asarray)
    found = features_of(network, split, view.to(device), device)
    assert isinstance(found, np.ndarray)
    agree(found, expected, "features from the device", rtol=1e-5)


def test_an_unknown_layer_is_refused():
    refused(
        lambda: small.network().up_to("relu8"), "layer", "relu8", "did you mean relu7?", "conv1", "fc8", error=UserError
    )


class Softsign(Layer):
    """An activation of one's own."""

    activation = True

    def forward(self, x, train=False, rng=None):
        y = x / (1 + abs(x))
        return y, y


def test_an_activation_of_ones_own():
    """Its features are named by the weights before it, and it ends a convolution's maps."""
    network = small.network()
    network.classifier.layers["relu7"], network.features.layers["relu1"] = Softsign(), Softsign()
    assert last_features(network) == ("fc7", "relu7")
    assert seen._after_convolutions(network) == {"conv1": "relu1"}

"""Dead units against a loop, on a network with some killed on purpose; measures read from lines of metrics."""

import math

import numpy as np
import pytest

from tests.checks import edited
from tests.inspection import small
from tinyalex.inspection import health
from tinyalex.inspection.health import dead_relus, health_by_layer
from tinyalex.layers import Conv2d, Flatten, Linear, ReLU, Tanh
from tinyalex.network import Network
from tinyalex.residual import Residual
from tinyalex.standin import xp as device


def with_dead_units():
    """Channel 2 of conv1 and units 0 and 4 of fc7 can never be positive."""
    network = small.network()
    network.features.layers["conv1"].params["bias"][2] = -1e3
    network.classifier.layers["fc7"].params["bias"][[0, 4]] = -1e3
    return network


def by_loops(network, split, indices):
    units = {"relu1": [True] * 4, "relu7": [True] * 5}
    for picture in split.gather(indices):
        x = small.centre_crop(picture)
        trunk = network.features.layers["conv1"].forward(x)[0]
        for c in range(4):
            units["relu1"][c] &= all(value <= 0 for value in trunk[..., c].ravel())
        head = network.classifier.layers["fc7"].forward(network.features.predict(x).reshape(1, -1))[0]
        for u in range(5):
            units["relu7"][u] &= head[0, u] <= 0
    return {name: (int(sum(dead)), len(dead)) for name, dead in units.items()}


def check_dead(dead_relus):
    network, split = with_dead_units(), small.split(30)
    found = dead_relus(network, split, small.view(), np)
    assert found == by_loops(network, split, range(30)) and found["relu1"] == (1, 4) and found["relu7"][0] >= 2
    for one in range(5):  # a unit that is 0 for one picture need not be 0 for all
        assert dead_relus(network, split, small.view(), np, [one]) == by_loops(network, split, [one])


@pytest.mark.parametrize("at_once", [1, 7, 128])
def test_dead_relus(monkeypatch, at_once):
    monkeypatch.setattr(health, "AT_ONCE", at_once)
    check_dead(dead_relus)


@pytest.mark.parametrize(
    "edits",
    [
        ("alive.get(layer.name, False) | here", "here"),
        ("(y > 0).any", "(y > 0).all"),
        ("(y > 0)", "(y >= 0)"),
        ("(~here).sum()", "here.sum()"),
    ],
)
def test_dead_teeth(monkeypatch, edits):
    monkeypatch.setattr(health, "AT_ONCE", 7)
    with pytest.raises(AssertionError):
        check_dead(edited(dead_relus, *edits))


def test_a_network_without_relus_has_no_dead_ones():
    assert dead_relus(small.network(Tanh), small.split(), small.view(), np) == {}


def test_dead_units_inside_a_block():
    """Every ReLU by its path; those in the block's body are no output of the trunk's own layers."""
    block = Residual({"conv": Conv2d(3, 4, 3, padding=1), "relu": ReLU(), "conv2": Conv2d(4, 3, 3, padding=1)})
    block.body["conv"].params["bias"][:] = [-1e3, 0, -1e3, 1e3]
    block.body["conv2"].params["weight"][...] = 0.01  # above 0, so that the block's output is too
    head = {"flatten": Flatten(), "fc": Linear(small.CROP**2 * 3, small.K)}
    network = Network({"block": block, "relu": ReLU()}, head, (small.CROP, small.CROP, 3))
    found = dead_relus(network, small.split(), small.view(), np)
    assert found == {"block.relu": (2, 4), "relu": (0, 3)}


def test_dead_on_the_device():
    network, split = with_dead_units(), small.split()
    expected = dead_relus(network, split, small.view(), np)
    network.map_arrays(device.asarray)
    assert dead_relus(network, split, small.view().to(device), device) == expected


def test_health_by_layer():
    lines = [
        {"step": 20, "health": {"update_ratio": {"conv1": 0.1, "fc8": 0.2}, "dead": {}}},
        {"step": 40},  # from before these values existed
        {"step": 60, "health": {"update_ratio": {"conv1": math.nan, "fc8": 0.3}}},
        {"step": 80, "health": {"update_ratio": {"conv1": 0.4, "fc8": None}}},
        {"step": 90, "health": None},
    ]
    assert health_by_layer(lines, "update_ratio") == {"conv1": ([20, 80], [0.1, 0.4]), "fc8": ([20, 60], [0.2, 0.3])}
    assert health_by_layer(lines, "gradient_norm") == {} == health_by_layer([], "update_ratio")

"""Learning rates over a run, of single layers, of biases: as tables, and with mistakes planted."""

import pytest

from tests.checks import edited, refused
from tinyalex.errors import UserError
from tinyalex.training.schedules import Factors, LayerRates, Schedule, bias_factors


def test_bias_factors_are_the_2012_sources():
    names = ("conv1.weight", "conv1.bias", "fc6.weight", "fc6.bias")
    assert bias_factors(names, 2.0) == {"conv1.bias": 2.0, "fc6.bias": 2.0}


# ---------------------------------------------------------------------------------------------- rates of layers

LAYERS = ("conv1", "conv2", "fc8")


def check_layer_rates(layer_rates):
    for text, by_epoch in [
        ("", {0: {}, 9: {}}),
        ("conv1:0:0", {0: {"conv1": 0.0}, 9: {"conv1": 0.0}}),
        ("conv1:67:0.1,conv1:72:0", {66: {}, 67: {"conv1": 0.1}, 71: {"conv1": 0.1}, 72: {"conv1": 0.0}}),
        ("conv1:72:0,fc8:3:2.5,conv1:67:0.1", {2: {}, 70: {"fc8": 2.5, "conv1": 0.1}, 72: {"fc8": 2.5, "conv1": 0.0}}),
        ("conv2:4:9,conv2:4:0.5", {3: {}, 4: {"conv2": 0.5}}),  # of two for one epoch, the one that comes last
        ("conv2:4:0.5,conv2:4:9,conv2:6:1", {5: {"conv2": 9.0}, 6: {"conv2": 1.0}}),
        ("conv1:1:1e-3", {1: {"conv1": 1e-3}}),
    ]:
        rates = layer_rates(text, LAYERS)
        for epoch, factors in (*by_epoch.items(), *reversed(by_epoch.items())):  # asked in any order, it says the same
            assert rates.at(epoch) == factors, f"{text} at {epoch}"


def test_layer_rates():
    check_layer_rates(LayerRates)


@pytest.mark.parametrize(
    "old, new",
    [
        ("start <= epoch", "start < epoch"),
        ("start <= epoch", "start == epoch"),
        ("self.changes.sort(key=lambda change: change[0])", "pass"),
        ("self.changes.sort(key=lambda change: change[0])", "self.changes.sort()"),
        ("int(numbers[0]), float(numbers[1])", "int(numbers[0]), float(numbers[1]) or 1.0"),
    ],
)
def test_layer_rates_teeth(old, new):
    with pytest.raises(AssertionError):
        check_layer_rates(edited(LayerRates, old, new))


@pytest.mark.parametrize(
    "change",
    [
        "conv9:0:1",
        "conv1",
        "conv1:0",
        "conv1:0:1:2",
        "conv1:-1:1",
        "conv1:0:-0.5",
        "conv1:x:1",
        "conv1:0:x",
        "conv1:0.5:1",
        "conv1:0:nan",
        "conv1:0:inf",
        ":0:1",
        "conv1::1",
        "conv1:0:",
        " conv1:0:1",
        "conv1.weight:0:1",
    ],
)
def test_bad_layer_rates(change):
    words = ["layer_lr", repr(change), "LAYER:EPOCH:FACTOR", "conv1, conv2, fc8"]
    refused(lambda: LayerRates(f"conv2:3:0.5,{change}", LAYERS), *words, error=UserError)


def check_factors(factors):
    head = ["fc8.weight", "fc8.bias"]
    at = factors("fc8:1:0.5,conv1:2:0", 2.0, 10.0, ["conv1.weight", "conv1.bias", *head], head).at
    assert at(0) == {"conv1.bias": 2.0, "fc8.weight": 10.0, "fc8.bias": 20.0}
    assert at(1) == {"conv1.bias": 2.0, "fc8.weight": 5.0, "fc8.bias": 10.0}
    assert at(2) == {"conv1.weight": 0.0, "conv1.bias": 0.0, "fc8.weight": 5.0, "fc8.bias": 10.0}
    assert at(0) == {"conv1.bias": 2.0, "fc8.weight": 10.0, "fc8.bias": 20.0}, "an epoch changed what another finds"


def test_factors_of_a_layer_of_biases_and_of_the_head_multiply():
    check_factors(Factors)


@pytest.mark.parametrize(
    "old, new",
    [
        ("factor * factors.get(name, 1.0)", "factor"),
        ("of_layer[layer_of(name)] * factors.get(name, 1.0)", "of_layer[layer_of(name)]"),
        ("dict(self.biases)", "self.biases"),
        ("dict(self.biases)", "{}"),
        ("self.head.items()", "{}.items()"),
        ("self.layers.at(epoch)", "self.layers.at(1)"),
    ],
)
def test_factors_teeth(old, new):
    with pytest.raises(AssertionError):
        check_factors(edited(Factors, old, new))


# ---------------------------------------------------------------------------------------------- schedules


@pytest.mark.parametrize(
    "text, epochs, points",
    [
        ("constant", 10, {0: 1, 9.99: 1}),
        ("steps:2,5", 10, {0: 1, 1.99: 1, 2: 0.1, 4.99: 0.1, 5: 0.01, 9.9: 0.01}),
        ("cosine:2", 10, {0: 0.01 / 2.01, 1: 1.01 / 2.01, 2: 1, 6: 0.5, 4: (2 + 2**0.5) / 4, 10: 0}),
        ("cosine:0", 4, {0: 1, 2: 0.5, 4: 0}),
        ("cosine", 3, {0: 0.01 / 1.01, 1: 1, 2: 0.5, 3: 0}),  # one epoch of warming up
        ("cosine:9", 4, {2: 1, 3: 0.5}),  # never more than half the run
        ("cosine:1", 1, {0.5: 1}),
    ],
)
def test_schedules(text, epochs, points):
    schedule = Schedule(text, 0.2, epochs)
    for progress, share in points.items():
        assert schedule.rate(progress, []) == pytest.approx(0.2 * share, abs=1e-15), f"{text} at {progress}"


@pytest.mark.parametrize(
    "text, errors, drops",
    [
        ("plateau", [], 0),
        ("plateau", [0.9, 0.8, 0.7, 0.6], 0),
        ("plateau", [0.9, 0.9, 0.9], 0),
        ("plateau", [0.9, 0.9, 0.9, 0.9], 1),  # three epochs without a new best
        ("plateau:2", [0.5, 0.6, 0.55, 0.6, 0.7], 2),  # worse than the best, though better than the last
        ("plateau:2", [0.5, 0.6, 0.4, 0.5, 0.3, 0.4], 0),
        ("plateau:2", [0.5, 0.6, 0.6, 0.4, 0.4, 0.4], 2),
        ("plateau:1", [0.5, 0.5, 0.5], 2),
    ],
)
def test_plateau_is_a_function_of_the_history(text, errors, drops):
    schedule = Schedule(text, 0.3, 20)
    for _ in range(2):  # asked twice, it says the same
        assert schedule.rate(float(len(errors)), errors) == pytest.approx(0.3 * 0.1**drops)
    assert schedule.rate(0.5, []) == 0.3, "something of the last call is kept"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "linear",
        "steps",
        "steps:",
        "steps:a",
        "steps:1,,2",
        "steps:-1",
        "cosine:-1",
        "cosine:nan",
        "cosine:inf",
        "cosine:1,2",
        "constant:3",
        "plateau:1,2",
        "plateau:x",
        "Cosine:1",
        "steps:1e999",
    ],
)
def test_bad_schedules(text):
    refused(lambda: Schedule(text, 0.1, 10), "schedule", repr(text), "expected constant, steps", error=UserError)

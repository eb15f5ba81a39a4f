"""Where weights start, how they move, how far: against the paper's formula as a plain loop, and against PyTorch."""

import math

import numpy as np
import pytest

from tests.checks import edited, refused
from tinyalex import backend, optim
from tinyalex.backend import to_device
from tinyalex.errors import UserError
from tinyalex.models import find_model
from tinyalex.optim import SGD, initialise
from tinyalex.teaching.device import xp as device
from tinyalex.training.schedules import LayerRates, Schedule, bias_factors

SHAPES = {"conv1.weight": (3, 2, 4), "conv1.bias": (4,), "fc6.weight": (5, 3), "fc6.bias": (3,)}
LR_FACTORS, DECAY_FACTORS = {"conv1.bias": 2.0, "fc6.weight": 0.0}, {"conv1.bias": 0.0, "fc6.bias": 3.0}
RATES = (0.3, 0.3, 0.03, 0.2)  # drops, then rises


def arrays(seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}


def by_loops(params, all_grads, momentum, decay):
    """Paper §5, one number at a time: v ← momentum·v − decay·lr·w − lr·g;  w ← w + v."""
    result = {}
    for name, start in params.items():
        weights = []
        for index, w in np.ndenumerate(start):
            v = 0.0
            for lr, grads in zip(RATES, all_grads):
                rate = lr * LR_FACTORS.get(name, 1.0)
                v = momentum * v - decay * DECAY_FACTORS.get(name, 1.0) * rate * w - rate * grads[name][index]
                w = w + v
            weights.append(w)
        result[name] = np.reshape(weights, start.shape)
    return result


def check_sgd(sgd):
    params, all_grads = arrays(0), [arrays(seed) for seed in range(1, 5)]
    expected, held = by_loops(params, all_grads, 0.7, 0.2), dict(params)
    optimiser = sgd(params, 0.7, 0.2, LR_FACTORS, DECAY_FACTORS)
    for seed, (lr, grads) in enumerate(zip(RATES, all_grads), start=1):
        optimiser.step(grads, lr)
        for name, gradient in arrays(seed).items():
            np.testing.assert_array_equal(grads[name], gradient, f"the gradient of {name} was changed")
    for name, w in held.items():
        np.testing.assert_allclose(w, expected[name], rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("elements", [1, 7, 1 << 18])
def test_sgd_is_the_papers_formula(monkeypatch, elements):
    monkeypatch.setattr(optim, "UPDATE_ELEMENTS", elements)  # with 7 the last stretch is a short one
    check_sgd(SGD)


@pytest.mark.parametrize(
    "edits",
    [
        ("(decay * rate) * w", "decay * w"),  # O1
        ("(decay * rate) * w", "decay * w", "rate * g", "g", "w += v", "w += rate * v"),  # O2: PyTorch's form
        ("rate * g", "(1 - self.momentum) * rate * g"),  # O3
        ("(decay * rate) * w", "(2 * decay * rate) * w"),  # O4
        ("v -= (decay * rate) * w", "pass", "w += v", "w += v - decay * rate * w"),  # O4
        ("rate * g\n        w += v", "rate * g", "v *= self", "w += v\n        v *= self"),  # O5: the old velocity
        ("w += v", "w += self.momentum * v - rate * g"),  # O5: Nesterov
        ("v -= rate * g", "g *= rate\n        v -= g"),  # O6
        ("w += v", "w = w + v"),  # O6
        ("lr * self.lr_factors.get(name, 1.0)", "lr"),
        ("self.weight_decay * self.decay_factors.get(name, 1.0)", "self.weight_decay"),
        (
            "range(0, w.size, UPDATE_ELEMENTS)",
            "range(0, w.size - UPDATE_ELEMENTS + 1, UPDATE_ELEMENTS)",
        ),  # the last stretch forgotten
        ("v -= rate * g", "v += rate * g"),
        ("v *= self.momentum", "pass"),
    ],
)
def test_sgd_teeth(monkeypatch, edits):
    monkeypatch.setattr(optim, "UPDATE_ELEMENTS", 7)
    with pytest.raises(AssertionError):
        check_sgd(edited(SGD, *edits))


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda a: np.repeat(a, 2, axis=-1)[..., ::2]])
def test_sgd_writes_into_arrays_of_any_layout(layout):
    plain, other = arrays(0), {name: layout(a) for name, a in arrays(0).items()}
    for params in (plain, other):
        SGD(params).step(arrays(1), 0.1)
    for name in SHAPES:
        np.testing.assert_array_equal(other[name], plain[name], name)


def test_after_a_drop_the_velocity_keeps_its_size():
    params = {"w": np.zeros(1)}
    optimiser = SGD(params, momentum=0.5, weight_decay=0)
    optimiser.step({"w": np.ones(1)}, lr=1.0)
    optimiser.step({"w": np.zeros(1)}, lr=0.1)
    assert params["w"][0] == -1.5  # with lr outside the velocity: -1.05


@pytest.mark.torch
@pytest.mark.parametrize("rates, same", [((0.1, 0.1, 0.1, 0.1), True), ((0.1, 0.1, 0.01, 0.01), False)])
def test_sgd_is_pytorchs_while_the_rate_is_constant(rates, same):
    import torch

    params = arrays(0)
    twins = {name: torch.tensor(w, requires_grad=True) for name, w in params.items()}
    ours, theirs = SGD(params, 0.9, 0.05), torch.optim.SGD(twins.values(), lr=1, momentum=0.9, weight_decay=0.05)
    for seed, lr in enumerate(rates):
        grads = arrays(seed)
        ours.step(grads, lr)
        for name, twin in twins.items():
            twin.grad = torch.tensor(grads[name])
        theirs.param_groups[0]["lr"] = lr
        theirs.step()
    agree = all(np.allclose(params[name], twins[name].detach(), rtol=1e-12, atol=1e-12) for name in params)
    assert agree == same


def test_sgd_has_the_same_bits_on_one_and_two_threads():
    before, results = backend.thread_count(), []
    try:
        for count in (1, 2):
            backend.set_thread_count(count)
            rng = np.random.default_rng(0)
            params = {"w": rng.standard_normal((700, 1000), dtype="float32")}  # three stretches
            optimiser = SGD(params)
            for _ in range(2):
                optimiser.step({"w": rng.standard_normal((700, 1000), dtype="float32")}, 0.1)
            results.append(params["w"].tobytes() + optimiser.velocity["w"].tobytes())
    finally:
        backend.set_thread_count(before)
    assert results[0] == results[1]


def test_sgd_on_the_device():
    params = to_device(arrays(0), device)
    optimiser, expected = SGD(params, 0.7, 0.2, LR_FACTORS, DECAY_FACTORS), arrays(0)
    twin = SGD(expected, 0.7, 0.2, LR_FACTORS, DECAY_FACTORS)
    for lr in RATES:
        optimiser.step(to_device(arrays(1), device), lr)
        twin.step(arrays(1), lr)
    for name, w in params.items():
        np.testing.assert_allclose(w.get(), expected[name], rtol=1e-13)


def test_sgd_refuses_what_does_not_fit():
    optimiser, grads = SGD(arrays(0)), arrays(1)
    before = {name: w.copy() for name, w in optimiser.params.items()}
    refused(lambda: optimiser.step({"fc6.bias": grads["fc6.bias"]}, 0.1), "SGD", "fc6.bias", "expected", "conv1.bias")
    refused(lambda: optimiser.step(grads | {"fc6.bias": np.zeros((1, 3))}, 0.1), "SGD", "fc6.bias", (1, 3), (3,))
    refused(lambda: SGD(arrays(0), lr_factors={"fc9.bias": 2}), "SGD", "fc9.bias", "fc6.bias")
    for name, w in before.items():
        np.testing.assert_array_equal(optimiser.params[name], w, f"{name} was changed by a step that was refused")


def test_bias_factors_are_the_2012_sources():
    assert bias_factors(SHAPES, 2.0, 0.0) == (
        {"conv1.bias": 2.0, "fc6.bias": 2.0},
        {"conv1.bias": 0.0, "fc6.bias": 0.0},
    )


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
    words = ["--layer-lr", repr(change), "LAYER:EPOCH:FACTOR", "conv1, conv2, fc8"]
    refused(lambda: LayerRates(f"conv2:3:0.5,{change}", LAYERS), *words, error=UserError)


# ---------------------------------------------------------------------------------------------- initialisers


INPUT_RMS = 3.0


def paper_std(name, shape):
    return 0.01


def source_std(name, shape):
    return 0.03 if name in ("conv3.weight", "conv4.weight", "conv5.weight") else 0.01


def kaiming_std(shape):
    """√(2 / products in each sum): kernel height × width × channels that one kernel sees, or units in."""
    return math.sqrt(2 / (math.prod(shape) / shape[-1]))


def he_std(name, shape):
    """Kaiming's, but the first layer sees inputs that are INPUT_RMS large, and after the last comes no ReLU."""
    return {"conv1.weight": kaiming_std(shape) / INPUT_RMS, "fc8.weight": 0.01}.get(name, kaiming_std(shape))


def check_initialise(initialise, how, expected_std):
    """Means and standard deviations within five standard errors, biases exactly."""
    network, other, third = (find_model("alexnet-small").build(K) for K in (50, 5, 50))
    for net, seed in ((network, 1), (other, 1), (third, 2)):
        initialise(net, how, seed, INPUT_RMS)
    ones = {"conv2", "conv4", "conv5", "fc6", "fc7"} if how != "he" else set()
    beginnings = set()
    for name, array in network.params.items():
        layer, key = name.split(".")
        if key == "bias":
            assert (array == float(layer in ones)).all(), f"{name} is {array[0]}"
            continue
        std, n = expected_std(name, array.shape), array.size
        assert abs(array.mean(dtype=float)) < 5 * std / math.sqrt(n), f"mean of {name}"
        assert abs(array.std(dtype=float) / std - 1) < 5 / math.sqrt(2 * n), f"std of {name}"
        beginnings.add(tuple(np.round(array.ravel()[:3] / std, 3)))
        assert layer == "fc8" or (array == other.params[name]).all(), f"{name} depends on the other layers"
        assert (array != third.params[name]).any(), f"{name} does not depend on the seed"
    assert len(beginnings) == 8, "two layers share a stream"


@pytest.mark.parametrize("how, std", [("paper", paper_std), ("source", source_std), ("he", he_std)])
def test_initialisers(how, std):
    check_initialise(initialise, how, std)


@pytest.mark.torch
def test_he_is_pytorchs_kaiming():
    import torch

    for name, array in find_model("alexnet-small").build(50).params.items():
        if name.endswith("weight"):
            twin = torch.empty(array.shape[::-1])  # (F, C/G, …) or (out, in)
            torch.nn.init.kaiming_normal_(twin, generator=torch.Generator().manual_seed(0))
            assert twin.std().item() == pytest.approx(kaiming_std(array.shape), rel=5 / math.sqrt(2 * array.size)), name


@pytest.mark.parametrize(
    "how, std, old, new",
    [
        ("he", he_std, "array.shape[:-1]", "array.shape[1:]"),
        ("he", he_std, "math.sqrt(2 / fan_in)", "math.sqrt(1 / fan_in)"),
        ("paper", paper_std, '"init", name', '"init"'),
        ("paper", paper_std, "random_stream(seed,", "random_stream(0,"),
        ("paper", paper_std, "LAYERS_WITH_BIAS_ONE", "LAYERS_WITH_BIAS_ONE[1:]"),
        ("paper", paper_std, "0.01 if", "0.0101 if"),
        ("he", he_std, '0.0 if how == "he" else 1.0', "1.0"),
        ("paper", paper_std, '0.0 if how == "he" else 1.0', "0.0"),
        ("he", he_std, "std /= input_rms", "std *= input_rms"),
        ("he", he_std, 'how == "he" and name == first', 'how == "he"'),
        ("paper", paper_std, 'how == "he" and name == first', "name == first"),
        ("he", he_std, " or name == last", ""),
        ("source", source_std, "std = 0.03", "std = 0.031"),
        ("source", source_std, "LAYERS_WITH_LARGE_WEIGHTS", "LAYERS_WITH_LARGE_WEIGHTS[1:]"),
        ("source", source_std, "LAYERS_WITH_LARGE_WEIGHTS", "LAYERS_WITH_BIAS_ONE[1:]"),
        ("paper", paper_std, 'how == "source" and layer', "layer"),
        ("source", source_std, 'if how != "he" or name', 'if how == "paper" or name'),
    ],
)
def test_initialisers_teeth(how, std, old, new):
    with pytest.raises(AssertionError):
        check_initialise(edited(initialise, old, new), how, std)


def test_unknown_initialiser():
    network = find_model("alexnet-small").build(2)
    refused(lambda: initialise(network, "xavier", 0), "xavier", "paper, source, he", error=UserError)


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
    refused(lambda: Schedule(text, 0.1, 10), "--schedule", repr(text), "expected constant, steps", error=UserError)

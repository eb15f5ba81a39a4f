"""Where weights start, how they move, how far: against the paper's formula as a plain loop, and against PyTorch."""

import math

import numpy as np
import pytest

from tests.checks import edited, refused
from tinyalex import backend, optim
from tinyalex.backend import to_device
from tinyalex.composite import Sequential
from tinyalex.errors import UserError
from tinyalex.layers import Conv2d, Layer, ReLU
from tinyalex.models import find_model
from tinyalex.optim import SGD, initialise
from tinyalex.standin import xp as device

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


@pytest.mark.parametrize(
    "xp, sizes",
    [(np, {24: [7, 7, 7, 3], 4: [4], 15: [7, 7, 1], 3: [3]}), (device, {24: [24], 4: [4], 15: [15], 3: [3]})],
)
def test_large_arrays_are_updated_in_runs(monkeypatch, xp, sizes):
    """On the CPU; a device gets each array at once, and an array that fits is not cut."""
    monkeypatch.setattr(optim, "UPDATE_ELEMENTS", 7)
    updated, update = [], SGD._update
    monkeypatch.setattr(SGD, "_update", lambda self, w, *rest: updated.append(w.size) or update(self, w, *rest))
    params = to_device(arrays(0), xp)
    SGD(params).step(to_device(arrays(1), xp), 0.1)
    assert sorted(updated) == sorted(size for w in params.values() for size in sizes[w.size])


def test_the_papers_settings_unless_said_otherwise():
    optimiser = SGD(arrays(0))
    assert (optimiser.momentum, optimiser.weight_decay) == (0.9, 0.0005)
    assert optimiser.lr_factors == optimiser.decay_factors == {}
    plain, told = Conv2d(3, 4, 5), Conv2d(3, 4, 5)
    initialise(plain, "he", 0)
    initialise(told, "he", 0, input_rms=1.0)
    assert (plain.params["weight"] == told.params["weight"]).all()


def test_the_first_weights_of_a_seed_stay():
    network = Sequential({"conv1": Conv2d(3, 4, 5), "relu": ReLU(), "conv2": Conv2d(4, 4, 3)})
    initialise(network, "paper", 1)
    for name, weights in {
        "conv1.weight": [-0.0070728539, -0.0041405992, 0.018408561],
        "conv2.weight": [0.00093199045, -0.0082999524, -0.00015490723],
    }.items():
        np.testing.assert_allclose(network.params[name].ravel()[:3], weights, rtol=1e-6)


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
    for wrong in (grads["fc6.bias"].tolist(), device.asarray(grads["fc6.bias"]), None):
        words = "SGD", "fc6.bias", type(wrong).__name__, "ndarray"
        refused(lambda: optimiser.step(grads | {"fc6.bias": wrong}, 0.1), *words, error=TypeError)
    for lr in (np.nan, np.inf, "0.1", None):
        refused(lambda: optimiser.step(grads, lr), "SGD: lr", repr(lr), "finite")
    refused(lambda: SGD(arrays(0), lr_factors={"fc9.bias": 2}), "SGD", "fc9.bias", "fc6.bias")
    for argument in ("momentum", "weight_decay"):
        for value in (np.nan, "0.9"):
            refused(lambda: SGD(arrays(0), **{argument: value}), f"SGD: {argument} = {value!r}", "finite")
    for name, w in before.items():
        np.testing.assert_array_equal(optimiser.params[name], w, f"{name} was changed by a step that was refused")


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


def check_initialise(initialise, init, expected_std):
    """Means and standard deviations within five standard errors, biases exactly."""
    network, other, third = (find_model("alexnet-small").build(K) for K in (50, 5, 50))
    for net, seed in ((network, 1), (other, 1), (third, 2)):
        initialise(net, init, seed, INPUT_RMS)
    ones = {"conv2", "conv4", "conv5", "fc6", "fc7"} if init != "he" else set()
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


@pytest.mark.parametrize("init, std", [("paper", paper_std), ("source", source_std), ("he", he_std)])
def test_initialisers(init, std):
    check_initialise(initialise, init, std)


@pytest.mark.torch
def test_he_is_pytorchs_kaiming():
    import torch

    for name, array in find_model("alexnet-small").build(50).params.items():
        if name.endswith("weight"):
            twin = torch.empty(array.shape[::-1])  # (F, C/G, …) or (out, in)
            torch.nn.init.kaiming_normal_(twin, generator=torch.Generator().manual_seed(0))
            assert twin.std().item() == pytest.approx(kaiming_std(array.shape), rel=5 / math.sqrt(2 * array.size)), name


@pytest.mark.parametrize(
    "init, std, old, new",
    [
        ("he", he_std, "array.shape[:-1]", "array.shape[1:]"),
        ("he", he_std, "math.sqrt(2 / fan_in)", "math.sqrt(1 / fan_in)"),
        ("paper", paper_std, '"init", name', '"init"'),
        ("paper", paper_std, "random_stream(seed,", "random_stream(0,"),
        ("paper", paper_std, "LAYERS_WITH_BIAS_ONE", "LAYERS_WITH_BIAS_ONE[1:]"),
        ("paper", paper_std, "0.01 if", "0.0101 if"),
        ("he", he_std, '0.0 if init == "he" else 1.0', "1.0"),
        ("paper", paper_std, '0.0 if init == "he" else 1.0', "0.0"),
        ("he", he_std, "std /= input_rms", "std *= input_rms"),
        ("he", he_std, 'init == "he" and name in first', 'init == "he"'),
        ("paper", paper_std, 'init == "he" and name in first', "name in first"),
        ("he", he_std, " or name in last", ""),
        ("source", source_std, "std = 0.03", "std = 0.031"),
        ("source", source_std, "LAYERS_WITH_LARGE_WEIGHTS", "LAYERS_WITH_LARGE_WEIGHTS[1:]"),
        ("source", source_std, "LAYERS_WITH_LARGE_WEIGHTS", "LAYERS_WITH_BIAS_ONE[1:]"),
        ("paper", paper_std, 'init == "source" and layer', "layer"),
        ("source", source_std, 'if init != "he" or name', 'if init == "paper" or name'),
    ],
)
def test_initialisers_teeth(init, std, old, new):
    with pytest.raises(AssertionError):
        check_initialise(edited(initialise, old, new), init, std)


def test_the_first_biases_can_be_chosen():
    network = find_model("alexnet-small").build(2)
    for init, bias in (("paper", 0.1), ("he", 0.1), ("source", 0.0)):
        initialise(network, init, 0, bias=bias)
        first = {name: set(p.tolist()) for name, p in network.params.items() if name.endswith(".bias")}
        ones = {f"{layer}.bias" for layer in ("conv2", "conv4", "conv5", "fc6", "fc7")}
        assert first == {name: {float(np.float32(bias))} if name in ones else {0.0} for name in first}


def check_other_parameters(initialise):
    """What scales stays, also where it comes first and last; a layer inside a block is a layer."""
    before, after = Scaled(), Scaled()
    network = Sequential({"block": Sequential({"before": before, "conv": Conv2d(3, 8, 3), "after": after})})
    initialise(network, "he", 0, INPUT_RMS)
    for scaled in (before, after):
        assert (scaled.params["weight"] == 2).all() and (scaled.params["gain"] == 3).all()
    assert (network.params["block.conv.bias"] == 0).all()
    std = network.params["block.conv.weight"].std()
    assert abs(std / (0.01 / INPUT_RMS) - 1) < 5 / math.sqrt(2 * 216), "the only layer is the first and the last"


class Scaled(Layer):
    """Parameters of one axis, under a name that matrices have too."""

    def __init__(self):
        super().__init__()
        self.params = {"weight": np.full(3, 2.0), "gain": np.full(3, 3.0)}


def test_other_parameters_stay():
    check_other_parameters(initialise)


@pytest.mark.parametrize(
    "old, new",
    [
        ('elif key == "weight" and array.ndim > 1', 'elif key == "weight"'),
        ('elif key == "weight" and array.ndim > 1', "else"),
        ('name.rpartition(".")[2]', 'name.split(".")[1]'),
        (" and p.ndim > 1", ""),
    ],
)
def test_other_parameters_teeth(old, new):
    with pytest.raises(AssertionError):
        check_other_parameters(edited(initialise, old, new))


def test_unknown_initialiser():
    network = find_model("alexnet-small").build(2)
    refused(lambda: initialise(network, "xavier", 0), "xavier", "paper, source, he", error=UserError)


def test_sgd_writes_into_a_velocity_of_any_layout(monkeypatch):
    """Such as one from elsewhere that was put in its place."""
    monkeypatch.setattr(optim, "UPDATE_ELEMENTS", 4)
    plain, other = SGD(arrays(0)), SGD(arrays(0))
    other.velocity = {name: np.asfortranarray(v) for name, v in other.velocity.items()}
    for optimiser in (plain, other):
        optimiser.step(arrays(1), 0.1)
    for name in SHAPES:
        np.testing.assert_array_equal(other.velocity[name], plain.velocity[name], name)
        np.testing.assert_array_equal(other.params[name], plain.params[name], name)


def test_a_layer_alone_and_one_without_weights():
    """Any layer will do, not only a whole network."""
    alone = Conv2d(3, 4, 5)
    initialise(alone, "he", 0)
    assert 0.5e-2 < alone.params["weight"].std() < 2e-2 and not alone.params["bias"].any()  # the first and the last
    initialise(ReLU(), "paper", 0)
    initialise(Sequential({"relu": ReLU()}), "he", 0)


def test_initialise_refuses():
    network = find_model("alexnet-small").build(2)
    for rms in (0, -1, math.nan, math.inf, "1"):
        refused(lambda: initialise(network, "he", 0, rms), f"initialise: input_rms = {rms!r}", "above 0")
    for seed in (-1, 0.5, None):
        refused(lambda: initialise(network, "he", seed), f"initialise: seed = {seed!r}", "0 or more")

"""A ReLU that adds the bias of the layer before it: its kernels and its words beside the two layers apart."""

import numpy as np
import pytest

from tests.checks import agree, agree_all, edited, host
from tests.gpu.emulated import emulated, needs_compiler, watched
from tests.gpu.test_kernels_step import AWKWARD, alike, both_ways
from tinyalex.backend import to_device
from tinyalex.composite import Sequential
from tinyalex.layers import BatchNorm2d, Conv2d, Flatten, Linear, ReLU, base, bias_relu
from tinyalex.layers.base import channel_sums
from tinyalex.layers.bias_relu import BiasReLU, with_biases_in_relus
from tinyalex.models import find_model
from tinyalex.network import Trunk
from tinyalex.optim import initialise
from tinyalex.parallel.shares import DividedSequential, Share
from tinyalex.residual import Residual
from tinyalex.standin import kernels_by, xp
from tinyalex.training.freezing import freeze
from tinyalex.training.health import measure_health

SHAPES = [(2, 3, 5, 6), (7, 9), (1, 1), (4, 1), (0, 3, 3, 2), (0, 5)]
BOTH = [(np.float32, 1e-6), (np.float64, 1e-14)]


def normal(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


# ---------------------------------------------------------------------------------------------- the kernels


@pytest.mark.parametrize("fixed", [True, False])
def test_only_what_is_asked_is_given(fixed):
    relu, x = ReLU(), xp.ones((2, 3))
    relu.fixed = fixed
    layer = BiasReLU(relu, xp.ones(3), "conv")
    dx, grads = layer.backward(xp.ones((2, 3)), layer.forward(x)[1], input_grad=False)
    assert dx is None and list(grads) == ([] if fixed else ["bias"])


@needs_compiler
@pytest.mark.parametrize("dtype, tolerance", BOTH)
@pytest.mark.parametrize("device_threads", [1, 20, 1 << 18])  # one part, a few, one for each row
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_channel_sums(shape, device_threads, dtype, tolerance, monkeypatch):
    monkeypatch.setattr(base, "DEVICE_THREADS", device_threads)
    dy = normal(shape, dtype)
    found, words = both_ways(lambda: channel_sums(xp.asarray(dy)), ["channel_sums"])
    assert found.dtype == dtype and found.shape == shape[-1:]
    alike(found, words, 10 * tolerance)
    alike(found, dy.reshape(-1, shape[-1]).sum(axis=0), 10 * tolerance)
    if dy.size > 1:
        dy.reshape(-1, shape[-1])[-1, -1] = np.nan
        found, _ = both_ways(lambda: channel_sums(xp.asarray(dy)), ["channel_sums"])
        assert np.isnan(host(found)).tolist() == [False] * (shape[-1] - 1) + [True]


def apart(x, bias, dy):
    """(y, dx, dbias) of an addition and a ReLU."""
    with np.errstate(invalid="ignore"):
        y, cache = ReLU().forward(x + bias)
        dx = ReLU().backward(dy, cache)[0]
        return y, dx, dx.reshape(-1, len(bias)).sum(axis=0)


def joined(x, bias, dy, xp=xp):
    layer, x = BiasReLU(ReLU(), xp.asarray(bias), "conv"), xp.asarray(x)
    y, cache = layer.forward(x)
    dx, grads = layer.backward(xp.asarray(dy), cache)
    assert y is cache is x and list(grads) == ["bias"]
    return y, dx, grads["bias"]


@needs_compiler
@pytest.mark.parametrize("dtype, tolerance", BOTH)
@pytest.mark.parametrize("device_threads", [1, 20, 1 << 18])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bias_relu(shape, device_threads, dtype, tolerance, monkeypatch):
    monkeypatch.setattr(base, "DEVICE_THREADS", device_threads)
    x, bias, dy = normal(shape, dtype), normal(shape[-1:], dtype, 1), normal(shape, dtype, 2)
    ran = ["bias_relu", "bias_relu_backward"][not x.size :]
    for found in both_ways(lambda: joined(x, bias, dy), ran):
        for one, expected, exact in zip(found, apart(x, bias, dy), (True, True, False)):
            assert one.dtype == dtype
            alike(one, expected, 0 if exact else 10 * tolerance)


def not_finite(dtype):
    """x, bias and dy with each of NaN, ±∞ and ±0 beside each other: 0 · ∞ too, and sums of −0."""
    x, bias, dy = (a.astype(dtype) for a in np.meshgrid([*AWKWARD, 2, -2], [*AWKWARD, 1], [*AWKWARD, 3], indexing="ij"))
    return x.reshape(7, -1), bias[0].reshape(-1), dy.reshape(7, -1)


@needs_compiler
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bias_relu_of_what_is_not_finite(dtype):
    arrays = not_finite(dtype)
    for found in both_ways(lambda: joined(*arrays), ["bias_relu", "bias_relu_backward"]):
        for one, expected in zip(found, apart(*arrays)):
            alike(one, expected)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bias_relu_of_what_is_not_finite_on_a_gpu(dtype, gpu):
    arrays = not_finite(dtype)
    for one, expected in zip(joined(*arrays, gpu), apart(*arrays)):
        alike(one, expected)


# ---------------------------------------------------------------------------------------------- where it stands in


def test_where_it_stands_in():
    conv, linear, plain = Conv2d(2, 3, 1), Linear(3, 4), Conv2d(3, 3, 1, bias=False)
    layers = {"conv1": conv, "relu1": ReLU(), "relu2": ReLU(), "conv3": plain, "relu3": ReLU()}
    layers |= {"flatten": Flatten(), "fc6": linear, "relu6": ReLU(), "fc7": Linear(4, 4), "norm7": BatchNorm2d(4)}
    before = dict(layers)
    running = with_biases_in_relus(layers)
    assert layers == before and list(running) == list(layers)
    assert {name for name in layers if running[name] is not layers[name]} == {"conv1", "relu1", "fc6", "relu6"}
    assert [type(running[name]) for name in ("conv1", "relu1", "fc6", "relu6")] == [Conv2d, BiasReLU, Linear, BiasReLU]
    for name, relu, layer in (("conv1", "relu1", conv), ("fc6", "relu6", linear)):
        assert running[relu].of == name and running[relu].params["bias"] is layer.params["bias"]
        assert layer.bias is True and running[name].bias is False and running[name].params is layer.params
    conv.fixed = True
    assert with_biases_in_relus(layers)["relu1"] is layers["relu1"]
    layers["relu1"].fixed = True
    assert with_biases_in_relus(layers)["relu1"].fixed


def test_nothing_changes_on_the_cpu(monkeypatch):
    monkeypatch.setattr(BiasReLU, "__init__", None)
    layers = {"conv1": Conv2d(2, 3, 1), "relu1": ReLU()}
    trunk, x = Trunk(layers), normal((2, 4, 4, 2), np.float32)
    assert trunk.running(x) is trunk.layers
    y, cache = trunk.forward(x, True)
    trunk.backward(y, cache)
    trunk.predict(x)
    with pytest.raises(TypeError):
        trunk.running(xp.asarray(x))


# ---------------------------------------------------------------------------------------------- whole networks


def a_step(network, x, dy, input_grad=False):
    """({what: array}, gradients, health) of one training step on the stand-in, and of predictions."""
    scores, cache = network.forward(x, True, np.random.default_rng(3))
    dx, grads = network.backward(dy, cache, input_grad)
    learnt = {name: a for name, a in network.params.items() if name in grads}
    found = {"scores": scores, "predicted": network.predict(x), "for test": network.for_test().predict(x)}
    found |= {"dx": dx} if input_grad else {}
    found |= {f"trace {i}": y for i, (_, y) in enumerate(network.trace(x))}
    for name, (_, (own, *_)) in network.kept(cache).items():
        found |= {f"cache of {name}": own} if hasattr(own, "dtype") else {}
    return found, grads, measure_health(network, cache, grads, learnt)


def built(name, frozen):
    model = find_model(name)
    network = model.build(5)
    initialise(network, "he", 1, bias=0.3)
    freeze(network, frozen)
    network.map_arrays(lambda a: to_device(a.astype(np.float64), xp))
    return network


@pytest.fixture
def apart_and_joined(monkeypatch):
    """A function that takes `a_step` of a network with and without `BiasReLU`, and demands the same of both."""
    monkeypatch.setattr("tinyalex.training.health.ENOUGH_PICTURES", 2)

    def check(name, frozen="", input_grad=False):
        network, results = built(name, frozen), []
        x, dy = (xp.asarray(normal((3, *shape), np.float64, 5)) for shape in (network.in_shape, (5,)))
        for joined in (lambda layers: layers, with_biases_in_relus):
            monkeypatch.setattr("tinyalex.composite.with_biases_in_relus", joined)
            results.append(a_step(network, x, dy, input_grad))
        (expected, grads, health), (found, own_grads, own_health) = results
        agree_all(found, expected, "of the network", exact=True)
        agree_all(own_grads, grads, "of the network", rtol=1e-12, atol=1e-12)
        assert own_health == health and {"cache of conv1", "cache of relu6"} & found.keys()
        return {name for part in network.layers.values() for name, layer in part.running(x).items() if _joined(layer)}

    return check


def _joined(layer):
    return isinstance(layer, BiasReLU)


ALEXNET = {f"relu{i}" for i in range(1, 8)}


@pytest.mark.parametrize(
    "name, joined",
    [
        ("alexnet-small", ALEXNET),
        ("alexnet-mini+two-towers", ALEXNET),
        ("vgg-mini", {"relu6", "relu7"} | {f"relu{i}_{j}" for i in (1, 2, 3) for j in (1, 2)}),
        ("vgg-mini+bn", {"relu6", "relu7"}),
        ("resnet-mini", set()),
        ("alexnet-mini+tanh", set()),
    ],
)
def test_networks_compute_the_same(name, joined, apart_and_joined):
    assert apart_and_joined(name) == joined


@needs_compiler
def test_networks_compute_the_same_by_kernels(apart_and_joined):
    names = []
    with kernels_by(watched(names, emulated(threads=50, seed=2))):
        assert apart_and_joined("alexnet-mini", input_grad=True) == ALEXNET
    assert names.count("bias_relu") == 3 * 7 and names.count("bias_relu_backward") == 7


@pytest.mark.parametrize(
    "frozen, alone", [("conv2", {"relu2"}), ("relu2", set()), ("norm1", set()), ("fc6", {"relu6"})]
)
def test_frozen_layers(frozen, alone, apart_and_joined):
    """A convolution that is fixed and a ReLU that is not stay apart."""
    assert apart_and_joined("alexnet-mini", frozen) == ALEXNET - alone


def test_inside_a_block_and_in_a_divided_head(monkeypatch):
    rng = np.random.default_rng(0)
    body = {"conv1": Conv2d(3, 4, 3, padding=1), "relu1": ReLU(), "conv2": Conv2d(4, 3, 1)}
    head = {"fc6": Linear(75, 6), "relu6": ReLU(), "fc7": Linear(6, 4), "relu7": ReLU()}
    divided = DividedSequential(head, "fc6", Share(0, 6, 6))
    network = Sequential({"block": Residual(body), "relu": ReLU(), "flatten": Flatten(), "head": divided})
    network.map_arrays(lambda a: rng.uniform(-1, 1, a.shape))
    x, dy = rng.standard_normal((2, 5, 5, 3)), rng.standard_normal((2, 4))
    y, cache = network.forward(x, True)
    dx, grads = network.backward(dy, cache)
    network.map_arrays(xp.asarray)
    made = []
    monkeypatch.setattr(bias_relu, "BiasReLU", lambda relu, *rest: made.append(relu.name) or BiasReLU(relu, *rest))
    own, cache = network.forward(xp.asarray(x), True)
    own_dx, own_grads = network.backward(xp.asarray(dy), cache)
    assert made == ["block.relu1", "head.relu6", "head.relu7", "head.relu6", "head.relu7", "block.relu1"]
    agree(own, y, "y", rtol=1e-12)
    agree(own_dx, dx, "dx", rtol=1e-12)
    agree_all(own_grads, grads, "of the network", rtol=1e-12)


# ---------------------------------------------------------------------------------------------- what must be seen


@pytest.mark.parametrize(
    "old, new",
    [
        ("found[last] = before.without_bias()", "pass"),
        ('before.params["bias"]', '0 * before.params["bias"]'),
        ("BiasReLU(layer, before.params", "BiasReLU(layers[name], layers['conv1'].params"),
        (", last)", ", name)"),
        (" and before.fixed == layer.fixed", ""),
    ],
)
def test_teeth(old, new, apart_and_joined, monkeypatch):
    monkeypatch.setitem(globals(), "with_biases_in_relus", edited(with_biases_in_relus, old, new))
    with pytest.raises((AssertionError, ValueError, KeyError)):
        assert apart_and_joined("alexnet-mini", "conv2")

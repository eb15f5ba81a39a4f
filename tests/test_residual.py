"""The residual block against its parts, differences and PyTorch, and the mistakes people make with it."""

import copy

import numpy as np
import pytest

from tests.checks import agree, agree_all, check_layer, edited, refused
from tests.test_blocks import randomised
from tinyalex.layers import BatchNorm2d, Conv2d, Flatten, Linear, PaddedShortcut, ReLU, Tanh
from tinyalex.models import resnet
from tinyalex.network import Network
from tinyalex.residual import Residual


def batch(channels=3, seed=0):
    return np.random.default_rng(seed).standard_normal((3, 4, 6, channels))


def body(kernels=3, stride=1):
    conv = Conv2d(3, kernels, 3, stride, 1, rounding="floor", bias=False)
    return {"conv1": conv, "bn1": BatchNorm2d(kernels, eps=0.3), "tanh1": Tanh()}


BLOCKS = {
    "identity": lambda cls: cls(body()),
    "projection": lambda cls: cls(
        body(5, 2), {"conv": Conv2d(3, 5, 1, 2, rounding="floor", bias=False), "bn": BatchNorm2d(5)}
    ),
    "zeros": lambda cls: cls(body(5, 2), {"pad": PaddedShortcut(3, 5)}),
}


def loops(block, train):
    """The reference: each branch by its own layers, one after the other, on the whole batch."""

    def through(layers, x):
        caches = []
        for layer in layers:
            x, cache = layer.forward(x, train)
            caches.append(cache)
        return x, caches

    branches = [list(block.body.values()), list(block.shortcut.values())]

    def forward(x, params):
        return sum(through(layers, x)[0] for layers in branches)

    def backward(dy, x, params):
        dx, grads = np.zeros(x.shape), {}
        for layers in branches:
            up, (_, caches) = dy, through(layers, x)
            for layer, cache in reversed(list(zip(layers, caches))):
                up, own = layer.backward(up, cache)
                grads |= {f"{layer.name}.{key}": grad for key, grad in own.items()}
            dx += up
        return dx, {name: grads[name] for name in params}

    return forward, backward


def check(cls, name, train=True):
    block = BLOCKS[name](cls)
    check_layer(block, batch(), *loops(block, train), train=train)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", BLOCKS)
def test_right(name, train):
    check(Residual, name, train)


WRONG = {
    "K1 the shortcut's gradient dropped": ("dxs[0] + dxs[1]", "dxs[0]"),
    "K1 the shortcut's gradient doubled": ("dxs[0] + dxs[1]", "dxs[0] + 2 * dxs[1]"),
    "only the shortcut's gradient": ("dxs[0] + dxs[1]", "dxs[1]"),
    "the sum in place": ("dxs[0] + dxs[1]", "dxs[1].__iadd__(dxs[0])"),
    "the shortcut left out": ("self._sum(**outputs)", 'outputs["body"]'),
    "the mean of the two": ("self._sum(**outputs)", "self._sum(**outputs) / 2"),
    "x for the shortcut": ("self._sum(**outputs)", 'outputs["body"] + x'),
    "predicts the body": ("self._sum(*(branch.predict(x) for", "sum((branch.predict(x) / 2 for"),
    "dx in spite of all": ("if input_grad else None", "if True else None"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_sees(mistake):
    wrong = edited(Residual, *WRONG[mistake])
    with pytest.raises((AssertionError, KeyError, TypeError, ValueError)):
        for name in ("identity", "projection"):
            check(wrong, name)
            block = BLOCKS[name](wrong)
            agree(block.predict(batch()), block.forward(batch())[0], "predict")


def test_what_a_dropped_shortcut_costs():
    """K1: dx is off by exactly dy where x itself is the shortcut."""
    right, wrong = Residual(body()), edited(Residual, *WRONG["K1 the shortcut's gradient dropped"])(body())
    wrong.layers = right.layers
    y, cache = right.forward(batch(), True)
    dy = batch(seed=1)
    agree(right.backward(dy, cache)[0] - wrong.backward(dy, cache)[0], dy, "what is missing", rtol=1e-12)


# ---------------------------------------------------------------------------------------------- ResNet's


def check_resnet(make):
    """K2: the sum comes before the last ReLU, so a block can lower its input. K3: a projection is normalised."""
    for stride, channels in ((1, 6), (2, 3)):
        block = randomised(make(channels, 6, stride, resnet.projection))
        x = 1000 * abs(batch(channels))
        way_round = block.layers["shortcut"].forward(x, True)[0]
        y = block.forward(x, True)[0]
        assert (y < way_round - 0.1).any() and (y > way_round + 0.1).any(), "the body never lowers its input"
        assert stride == 1 or way_round.std() < 10, "the shortcut is not normalised"


def test_resnets_block():
    check_resnet(resnet.block)
    block = resnet.block(16, 32, 2, resnet.padded)
    assert list(block.body) == ["conv1", "bn1", "relu1", "conv2", "bn2"] and list(block.shortcut) == ["pad"]
    assert list(resnet.block(16, 16, 1, resnet.padded).shortcut) == ["identity"]
    assert not [name for name in block.params if name.endswith("conv1.bias")]


def test_resnets_block_teeth(monkeypatch):
    with pytest.raises(AssertionError, match="never lowers"):  # K2
        check_resnet(edited(resnet.block, "kernels, kernels, 3)\n", 'kernels, kernels, 3) | {"relu2": ReLU()}\n'))
    with monkeypatch.context() as patch, pytest.raises(AssertionError, match="not normalised"):  # K3
        wrong = edited(resnet.projection, "conv_bn(", '{"conv": conv_bn(', "stride)", 'stride)["conv"]}')
        patch.setattr(resnet, "projection", wrong)
        check_resnet(resnet.block)


# ---------------------------------------------------------------------------------------------- names and refusals


def test_names_and_copies():
    block = BLOCKS["projection"](Residual)
    block.named("block2")
    assert list(block.params) == ["conv1.weight", "bn1.weight", "bn1.bias", *(f"shortcut.{key}" for key in
        ("conv.weight", "bn.weight", "bn.bias"))]  # fmt: skip
    assert block.shortcut["bn"].name == "block2.shortcut.bn" and block.body["bn1"].label == "BatchNorm2d 'block2.bn1'"
    twin = block.like()
    assert list(twin.state) == list(block.state) and str(block) == "residual"
    assert not [name for name, a in twin.params.items() if np.shares_memory(a, block.params[name])]
    assert list(block.like(shortcut={}).params) == list(block.params)[:3]
    rows = [(name, shape, out) for name, _, shape, out in block.shapes((4, 6, 3))]
    assert rows[0] == ("conv1", (4, 6, 3), (2, 3, 5)) and rows[-1] == ("shortcut.bn", (2, 3, 5), (2, 3, 5))
    assert block.multiply_adds((4, 6, 3)) == 6 * (27 * 5 + 3 * 5)


def test_branches_that_do_not_meet():
    """Also those that NumPy would add: one pixel and many."""
    x = batch()
    for body, sizes in (
        ({"conv": Conv2d(3, 5, 1)}, ("(4, 6, 5)", "(4, 6, 3)")),
        ({"conv": Conv2d(3, 3, (4, 6))}, ("(1, 1, 3)", "(4, 6, 3)")),
    ):
        block = Residual(body)
        block.named("block2")
        for use in (lambda: block.out_shape(x.shape[1:]), lambda: block.forward(x, True), lambda: block.predict(x)):
            refused(use, "Residual 'block2'", *sizes, "expected one shape")


def test_a_body_that_takes_the_shortcuts_names():
    refused(lambda: Residual({"shortcut": ReLU()}), 'named "shortcut"', "expected another name")


def test_a_body_may_end_in_any_layer():
    block = Residual({"relu": ReLU()})
    y, cache = block.forward(np.array([[-1.0, 2.0]]), True)
    agree(y, [[-1, 4]], "y")
    dx, grads = block.backward(np.array([[3.0, 5.0]]), cache)
    agree(dx, [[3, 10]], "dx")
    agree_all(grads, {}, "of nothing")


# ---------------------------------------------------------------------------------------------- at test time


def normalised(bias):
    """Convolutions with and without a normalisation right behind them, in a block and outside; statistics of a run."""
    block = {
        "conv": Conv2d(3, 3, 3, padding=1, bias=bias),
        "bn": BatchNorm2d(3),
        "relu": ReLU(),
        "last": BatchNorm2d(3),
    }
    layers = {"first": BatchNorm2d(4), "conv": Conv2d(4, 3, 2, bias=bias), "norm": BatchNorm2d(3)}
    network = Network(layers | {"block": Residual(block)}, {"flat": Flatten(), "fc": Linear(36, 2)}, (5, 4, 4))
    rng = np.random.default_rng(4)
    for arrays in (network.params, network.state):
        for array in arrays.values():
            array[...] = rng.uniform(0.5, 2, array.shape)
    network.map_arrays(lambda a: a.astype("float64"))
    return network


def check_predict(network):
    """As forward at test time; and the layers are left as they were."""
    x, before = np.random.default_rng(5).standard_normal((3, 5, 4, 4)), copy.deepcopy(network)
    agree(network.predict(x), network.forward(x)[0], "scores", rtol=1e-12)
    for now, then in ((network.params, before.params), (network.state, before.state)):
        agree_all(now, then, "", exact=True)


@pytest.mark.parametrize("bias", [True, False])
def test_predict_takes_normalisation_into_the_convolution(monkeypatch, bias):
    network, seen = normalised(bias), []
    scaled = BatchNorm2d.predict
    monkeypatch.setattr(BatchNorm2d, "predict", lambda layer, x: seen.append(layer.name) or scaled(layer, x))
    check_predict(network)
    assert sorted(seen) == ["block.last"] * 3 + ["first"] * 3, (
        "one call of each that is behind no convolution, for each picture"
    )


@pytest.mark.parametrize(
    "method, edit",
    [
        ("scaled", ('self.params["bias"] * scale + shift', 'self.params["bias"] + shift')),
        ("scaled", ("if self.bias else shift", "if self.bias else 0 * shift")),
        ("scaled", ('self.params["weight"] * scale', 'self.params["weight"]')),
        ("scaled", ("ready.bias = True", "pass")),
        ("scale_and_shift", ("- mean * scale", "- mean")),
        ("scale_and_shift", ('self.params["weight"] * inverse', "inverse")),
    ],
)
def test_predict_teeth(monkeypatch, method, edit):
    cls = Conv2d if method == "scaled" else BatchNorm2d
    monkeypatch.setattr(cls, method, edited(getattr(cls, method), *edit))
    with pytest.raises(AssertionError):
        for bias in (True, False):
            check_predict(normalised(bias))

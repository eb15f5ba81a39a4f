"""Linear, and the flattening before it, against loops, differences, PyTorch, and the mistakes people make."""

import numpy as np
import pytest

from tests import reference
from tests.checks import agree, agree_all, check_layer, edited, refused
from tinyalex.layers import Conv2d, Flatten, Layer, Linear


def vectors(features=7, seed=0):
    return np.random.default_rng(seed).standard_normal((3, features))


def forward(x, params):
    return reference.linear_forward(x, params["weight"], params["bias"])


def backward(dy, x, params):
    dx, dweight, dbias = reference.linear_backward(dy, x, params["weight"])
    return dx, {"weight": dweight, "bias": dbias}


def fold(dy, x, params):
    return dy.reshape(x.shape), {}


@pytest.mark.parametrize("features, outputs", [(7, 5), (4, 6), (1, 3), (7, 1), (29, 23)])
def test_linear_right(features, outputs):
    check_layer(Linear(features, outputs), vectors(features), forward, backward)


@pytest.mark.parametrize("shape", [(2, 5, 7, 3), (2, 3, 1, 1), (3, 11)], ids=str)
def test_flatten_right(shape):
    flat = reference.flatten if len(shape) == 4 else lambda x: x
    check_layer(Flatten(), np.random.default_rng(1).standard_normal(shape), lambda x, params: flat(x), fold)
    assert Flatten().out_shape(shape[1:]) == (np.prod(shape[1:]),) and Flatten().params == {}


@pytest.mark.torch
def test_linear_like_pytorch():
    import torch

    layer, x = Linear(7, 5), vectors()
    tx, tw, tb = (torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in (x, *layer.params.values()))
    ty = torch.nn.functional.linear(tx, tw.T, tb)
    y, cache = layer.forward(x)
    dy = np.random.default_rng(2).standard_normal(y.shape)
    ty.backward(torch.tensor(dy))
    dx, grads = layer.backward(dy, cache)
    for found, expected in ((y, ty.detach()), (dx, tx.grad), (grads["weight"], tw.grad), (grads["bias"], tb.grad)):
        agree(found, expected.numpy(), "Linear", rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("features, outputs, work", [(9216, 4096, 37_748_736), (4096, 1000, 4_096_000)])
def test_sizes_of_the_paper(features, outputs, work):
    layer = Linear(features, outputs)
    assert layer.out_shape((features,)) == (outputs,) and layer.multiply_adds((features,)) == work
    assert layer.params["weight"].shape == (features, outputs) and layer.params["bias"].shape == (outputs,)
    assert {p.dtype for p in layer.params.values()} == {np.dtype("float32")}


@pytest.mark.parametrize(
    "make, fan_in", [(lambda: Linear(400, 90), 400), (lambda: Conv2d(32, 64, (3, 2), groups=4), 48)]
)
def test_fresh_parameters(make, fan_in):
    """Uniform within ±1/√(products in each sum), and no two layers alike; moved or converted by map_arrays."""
    layer, other = make(), make()
    weight = layer.params["weight"]
    for p in layer.params.values():
        assert 0 < np.abs(p).max() <= 1 / np.sqrt(fan_in)
    agree(weight.std(), 1 / np.sqrt(3 * fan_in), "standard deviation", rtol=0.05)  # six of its own
    agree(weight.mean(), 0, "mean", atol=0.05 / np.sqrt(fan_in))
    assert (weight != other.params["weight"]).mean() > 0.99
    layer.map_arrays(lambda p: p.astype(float))
    assert {p.dtype for p in layer.params.values()} == {np.dtype(float)}


def test_input_gradient_can_be_left_out():
    layer = Linear(7, 5)
    y, cache = layer.forward(vectors())
    dx, grads = layer.backward(y, cache, input_grad=False)
    assert dx is None
    agree_all(grads, layer.backward(y, cache)[1], "without dx")


def test_refuses():
    layer, flatten = Linear(7, 5), Flatten()
    layer.name, flatten.name = "fc6", "flat"
    refused(lambda: layer.forward(np.ones((3, 6))), "Linear 'fc6'", 6, "expects 7")
    refused(lambda: layer.forward(np.ones((3, 1, 1, 7))), "Linear 'fc6'", "(3, 1, 1, 7)", "2 axes")
    refused(lambda: layer.forward(np.ones(7)), "Linear 'fc6'", "(7,)", "2 axes")
    refused(lambda: layer.out_shape((6, 6, 256)), "Linear 'fc6'", "6×6×256", 7)
    refused(lambda: layer.forward(np.ones((3, 7), np.int32)), "Linear 'fc6'", "int32", "float", error=TypeError)
    refused(lambda: flatten.forward(np.ones((3, 7), np.int32)), "Flatten 'flat'", "int32", "float", error=TypeError)
    for fc, x, wrong in ((layer, np.ones((3, 7)), (3, 4)), (flatten, np.ones((2, 3, 4, 5)), (2, 3, 20))):
        y, cache = fc.forward(x)
        refused(lambda: fc.backward(np.ones(wrong), cache), fc.name, wrong, y.shape)
    refused(lambda: Linear(0, 5), "Linear", "in_features = 0")
    refused(lambda: Linear(7, -1), "Linear", "out_features = -1")


# ---------------------------------------------------------------------------------------------- teeth


class LearnerLinear(Layer):
    """A right dense layer as a learner writes it; the edits below make it wrong in one place each."""

    def __init__(self, features, outputs):
        super().__init__()
        self.params = {"weight": np.ones((features, outputs)), "bias": np.ones(outputs)}

    def out_shape(self, in_shape):
        return self.params["bias"].shape

    def forward(self, x, train=False, rng=None):
        y = x @ self.params["weight"].astype(x.dtype)
        y += self.params["bias"].astype(x.dtype)
        return y, x

    def backward(self, dy, cache, input_grad=True):
        x, weight = cache, self.params["weight"].astype(dy.dtype)
        dx = dy @ weight.T
        return dx if input_grad else None, {"weight": x.T @ dy, "bias": dy.sum(axis=0)}


class LearnerFlatten(Layer):
    """A right flattening, likewise."""

    def out_shape(self, in_shape):
        return (int(np.prod(in_shape)),)

    def forward(self, x, train=False, rng=None):
        return x.reshape(len(x), -1), x.shape

    def backward(self, dy, cache, input_grad=True):
        return dy.reshape(cache) if input_grad else None, {}


def check_learner(cls):
    if "Flatten" in cls.__name__:
        x = np.random.default_rng(1).standard_normal((2, 5, 7, 3))
        check_layer(cls(), x, lambda x, params: reference.flatten(x), fold)
    else:
        for sizes in ((7, 5), (5, 5)):  # square too, where a forgotten transpose fits
            check_layer(cls(*sizes), vectors(sizes[0]), forward, backward)


WEIGHT, BIAS = '"weight": x.T @ dy', "dy.sum(axis=0)"
WRONG_LINEAR = {
    "bias left out": ("y += ", "y += 0 * "),
    "weight transposed": ('x @ self.params["weight"]', 'x @ self.params["weight"].T.reshape(x.shape[1], -1)'),
    "dx with the weight as it is": ("dy @ weight.T", "dy @ weight.reshape(dy.shape[1], -1)"),
    "dweight averaged": (WEIGHT, '"weight": x.T @ dy / len(x)'),
    "dweight of the last picture": (WEIGHT, '"weight": x[-1:].T @ dy[-1:]'),
    "dweight transposed": (WEIGHT, '"weight": (dy.T @ x).reshape(weight.shape)'),
    "dbias averaged": (BIAS, "dy.mean(axis=0)"),
    "dbias with a row axis": (BIAS, "dy.sum(axis=0, keepdims=True)"),
    "dbias summed over features": (BIAS, "dy.sum(axis=1)"),
    "dbias missing": (', "bias": dy.sum(axis=0)', ""),
    "parameters' dtype": ('["weight"].astype(x.dtype)', '["weight"]'),
    "input kept on the layer": ("return y, x", "self.x = x; return y, x"),
    "cache is a view of y": ("return y, x", "return y, y"),
    "weight updated by backward": ("dx = dy", 'self.params["weight"] -= 0.1 * (x.T @ dy); dx = dy'),
    "numpy by name": ("y = x @", "y = np.asarray(x) @"),
}
WRONG_FLATTEN = {
    "channels first": ("x.reshape(len(x), -1)", "x.transpose(0, 3, 1, 2).reshape(len(x), -1)"),
    "columns before rows": ("x.reshape(len(x), -1)", "x.swapaxes(1, 2).reshape(len(x), -1)"),
    "pictures mixed": ("x.reshape(len(x), -1)", "x.reshape(-1, len(x)).T"),
    "the batch flattened too": ("x.reshape(len(x), -1)", "x.reshape(-1)[None]"),
    "memory order": ("x.reshape(len(x), -1)", 'x.ravel(order="K").reshape(len(x), -1)'),
    "dx not folded back": ("dy.reshape(cache)", "dy * 1"),
    "dx folded in another order": ("dy.reshape(cache)", "dy.reshape(cache[0], *cache[:0:-1]).transpose(0, 3, 2, 1)"),
}
WRONG = [(LearnerLinear, *item) for item in WRONG_LINEAR.items()]
WRONG += [(LearnerFlatten, *item) for item in WRONG_FLATTEN.items()]


@pytest.mark.parametrize("cls, mistake, edits", WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_the_check_sees(cls, mistake, edits):
    with pytest.raises(AssertionError):
        check_learner(edited(cls, *edits))


@pytest.mark.parametrize("cls", [LearnerLinear, LearnerFlatten])
def test_without_a_mistake_the_check_passes(cls):
    check_learner(cls)

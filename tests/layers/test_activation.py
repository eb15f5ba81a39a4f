"""ReLU, tanh and sigmoid against loops, differences, PyTorch, and the mistakes people make."""

import numpy as np
import pytest

from tests import reference
from tests.checks import agree, check_layer, edited, refused
from tinyalex.layers import Layer, ReLU, Sigmoid, Tanh, blocks
from tinyalex.standin import xp as device

CASES = {
    "relu": (ReLU, reference.relu, reference.relu_slope),
    "tanh": (Tanh, reference.tanh, reference.tanh_slope),
    "sigmoid": (Sigmoid, reference.sigmoid, reference.sigmoid_slope),
}
SHAPES = [(2, 5, 7, 3), (3, 11)]


def away_from_zero(shape, seed=0):
    """|x| from 0.1 to 2: differences across ReLU's kink would mean nothing."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.1, 2.0, shape) * rng.choice([-1, 1], shape)


def loops(value, slope):
    return lambda x, params: value(x), lambda dy, x, params: (dy * slope(x), {})


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_right(name, shape):
    layer, value, slope = CASES[name]
    check_layer(layer(), away_from_zero(shape), *loops(value, slope))
    assert layer().params == {} and layer().out_shape((5, 7, 3)) == (5, 7, 3) and layer().multiply_adds((5, 7, 3)) == 0


@pytest.mark.torch
@pytest.mark.parametrize("name", CASES)
def test_like_pytorch(name):
    import torch

    x = away_from_zero((2, 5, 7, 3), 1)
    x[0, 0, 0] = 0.0  # the conventions at zero are the same
    tx = torch.tensor(x, requires_grad=True)
    ty = getattr(torch, name)(tx)
    layer = CASES[name][0]()
    y, cache = layer.forward(x)
    dy = np.random.default_rng(2).standard_normal(y.shape)
    ty.backward(torch.tensor(dy))
    agree(y, ty.detach().numpy(), "y", rtol=1e-10, atol=1e-10)
    agree(layer.backward(dy, cache)[0], tx.grad.numpy(), "dx", rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_extremes(name, dtype):
    """Neither overflow nor NaN at scores far out, in either direction (a warning is an error here)."""
    layer, x = CASES[name][0](), np.array([[-6e4, -1e4, -100, 100, 1e4, 6e4]], dtype)
    y, cache = layer.forward(x)
    agree(y, CASES[name][1](x), "y")
    dx, _ = layer.backward(np.ones_like(y), cache)
    agree(dx, CASES[name][2](x), "dx")


@pytest.mark.parametrize("shape", [(3, 2, 5, 4), (7, 5), (6,)], ids=str)
def test_blocks_decide_nothing(shape, monkeypatch):
    x, dy = away_from_zero(shape), away_from_zero(shape, 1)
    for size in (1, 100, 1 << 30):
        monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
        y, cache = ReLU().forward(x)
        agree(y, reference.relu(x), "y", exact=True)
        agree(ReLU().backward(dy, cache)[0], dy * reference.relu_slope(x), "dx", exact=True)


def test_relu_lets_not_a_number_through():
    y, _ = ReLU().forward(np.array([[np.nan, -1.0], [np.inf, -np.inf]]))
    np.testing.assert_array_equal(y, [[np.nan, 0], [np.inf, 0]])


def test_relu_lets_the_gradient_of_not_a_number_through():
    """As in PyTorch, also on a device."""
    x, dy = np.array([[np.nan, -1.0, 2.0]]), np.array([[3.0, 4.0, 5.0]])
    for xp in (np, device):
        y, cache = ReLU().forward(xp.asarray(x))
        agree(ReLU().backward(xp.asarray(dy), cache)[0], [[3, 0, 5]], "dx")


@pytest.mark.torch
@pytest.mark.parametrize("name", CASES)
def test_not_a_number_as_in_pytorch(name):
    import torch

    x = np.array([np.nan, -1.0, 0.0, -0.0, 2.0, np.inf, -np.inf])
    tx = torch.tensor(x, requires_grad=True)
    ty = getattr(torch, name)(tx)
    ty.backward(torch.full((7,), 3.0, dtype=torch.float64))
    y, cache = CASES[name][0]().forward(x)
    np.testing.assert_allclose(y, ty.detach().numpy(), 1e-12)
    np.testing.assert_allclose(CASES[name][0]().backward(np.full(7, 3.0), cache)[0], tx.grad.numpy(), 1e-12)


def test_relu_gradient_is_zero_at_zero():
    layer = ReLU()
    y, cache = layer.forward(np.array([[0.0, -0.0, 1e-300]]))
    agree(layer.backward(np.array([[3.0, 4.0, 5.0]]), cache)[0], [[0, 0, 5]], "dx")


@pytest.mark.parametrize("name", CASES)
def test_refuses(name):
    layer = CASES[name][0]()
    layer.name = "act"
    label = f"{type(layer).__name__} 'act'"
    for dtype in (int, np.uint8, bool):
        refused(lambda: layer.forward(np.ones((2, 3), dtype)), label, np.dtype(dtype), "float", error=TypeError)
    y, cache = layer.forward(np.ones((2, 3)))
    refused(lambda: layer.backward(y[0], cache), label, "(3,)", "(2, 3)")


class LearnerReLU(Layer):
    """A right ReLU as a learner writes it; the edits below make it wrong in one place each."""

    def out_shape(self, in_shape):
        return in_shape

    def forward(self, x, train=False, rng=None):
        positive = x > 0
        return x * positive, positive

    def backward(self, dy, cache, input_grad=True):
        positive = cache
        return dy * positive if input_grad else None, {}


def check_learner(cls):
    check_layer(cls(), away_from_zero((2, 5, 7, 3)), *loops(reference.relu, reference.relu_slope))
    y, cache = cls().forward(np.zeros((2, 3)))
    agree(cls().backward(np.ones((2, 3)), cache)[0], np.zeros((2, 3)), "dx at zero")


WRONG = {
    "mask from dy": ("return dy * positive", "return dy * (dy > 0)"),
    "clips x in place": ("return x * positive", "x *= positive; return x"),
    "mask of the clipped input": ("positive = x > 0", "positive = x * (x > 0) >= 0"),
    "gradient 1 at zero": ("positive = x > 0", "positive = x >= 0"),
    "leaks": ("return x * positive", "return x * positive + 0.01 * x * ~positive"),
    "absolute value": ("return x * positive", "return abs(x)"),
    "backward ignores the mask": ("return dy * positive", "return dy.copy()"),
    "mask kept on the layer": ("positive = x", "positive = self.mask = x", "positive = cache", "positive = self.mask"),
    "float64 out": ("return x * positive", "return x * positive.astype('float64')"),
    "gates dy in place": ("return dy * positive", "dy *= positive; return dy"),
    "numpy by name": ("return x * positive", "return np.maximum(x, 0)"),
    "memory order": ("return dy * positive", 'return dy.ravel(order="K").reshape(dy.shape) * positive'),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_sees(mistake):
    with pytest.raises(AssertionError):
        check_learner(edited(LearnerReLU, *WRONG[mistake]))


def test_without_a_mistake_the_check_passes():
    check_learner(LearnerReLU)

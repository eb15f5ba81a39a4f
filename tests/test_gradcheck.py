"""The checker checked: planted mistakes are found, NaN does not pass, what it probes stays as it was."""

import copy
import json
import math

import numpy as np
import pytest

from tests.checks import edited, refused
from tinyalex import layers
from tinyalex.cli import main
from tinyalex.gradcheck import GradientCheck, check_everything, check_layer, numerical_derivative, numerical_gradient
from tinyalex.layers import AvgPool2d, Conv2d, Dropout, Layer, Linear, LocalResponseNorm, MaxPool2d, ReLU


def test_numerical_gradient():
    x = np.random.default_rng(0).uniform(0.5, 2, (3, 4))
    kept = x.copy()
    np.testing.assert_allclose(numerical_gradient(lambda: (np.sin(x) / x).sum(), x), (np.cos(x) - np.sin(x) / x) / x, 1e-9)
    np.testing.assert_array_equal(x, kept)
    point = np.array(2.0)
    assert numerical_gradient(lambda: point**3, point) == pytest.approx(12, rel=1e-8)


def test_numerical_derivative():
    x = np.random.default_rng(0).uniform(0.5, 2, (3, 4))
    direction, kept = np.random.default_rng(1).standard_normal((3, 4)), x.copy()
    slope = numerical_derivative(lambda: (x**3).sum(), x, direction)
    assert slope == pytest.approx((3 * kept**2 * direction).sum(), rel=1e-8)
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64])
def test_other_precisions_are_refused(dtype):
    x = np.ones(3, dtype)
    refused(lambda: numerical_gradient(lambda: x.sum(), x), np.dtype(dtype), "float64", error=TypeError)


def verdicts(layer, x, **options):
    return {check.what: check.right for check in check_layer(layer, x, **options)}


def normal(*shape):
    return np.random.default_rng(2).standard_normal(shape)


PICTURE = normal(2, 7, 5, 4)
WRONG = [  # a layer's class, how it is made, its input, the mistake, and the arrays whose gradients are wrong
    (Conv2d, (4, 6, (3, 2), 1, 1, 2), PICTURE, ('"bias": dy.sum(axis=0)', '"bias": dy.mean(axis=0)'), {"bias"}),
    (Conv2d, (4, 6, (3, 2), 1, 1, 2), PICTURE, ("dweight[:, f_out] += columns.T", "dweight[:, f_out] -= columns.T"), {"weight"}),
    (Conv2d, (4, 6, (3, 2), 1, 1, 2), PICTURE, ("dx[pictures] = inside", "dx[pictures] = inside[:, ::-1]"), {"x"}),
    (Linear, (5, 3), normal(4, 5), None, {"x", "weight", "bias"}),
    (MaxPool2d, (3, 2), PICTURE, ("dpixels += dy *", "dpixels[...] = dy *"), {"x"}),
    (AvgPool2d, ((3, 2), (2, 1)), PICTURE, ("dpixels += share", "dpixels += dy"), {"x"}),
    (LocalResponseNorm, (3, 0.5, 0.6, 1.5), PICTURE, ("dx -= through_denominators", "pass"), {"x"}),
    (LocalResponseNorm, (3, 0.5, 0.6, 1.5), PICTURE, ("dx -= through_denominators", "dx += through_denominators"), {"x"}),
    (LocalResponseNorm, (3, 0.5, 0.6, 1.5), PICTURE, ("2 * self.alpha", "self.alpha"), {"x"}),
    (Dropout, (0.3,), normal(4, 6), ("return dy * factor, {}", "return dy, {}"), {"x"}),
]  # fmt: skip


@pytest.mark.parametrize("cls, arguments, x, edit, wrong", WRONG)
def test_planted_mistakes_are_found(cls, arguments, x, edit, wrong):
    right = cls(*arguments)
    assert all(verdicts(right, x).values())
    if edit is None:

        class Broken(cls):
            def backward(self, dy, cache):
                dx, grads = super().backward(dy, cache)
                return 1.001 * dx, {key: 1.001 * gradient for key, gradient in grads.items()}

    else:
        Broken = edited(cls, *edit)
    assert {what for what, is_right in verdicts(Broken(*arguments), x).items() if not is_right} == wrong


class Softened(ReLU):
    """Its gradient is wrong by a factor, or not a number, in a single place."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def backward(self, dy, cache):
        dx, grads = super().backward(dy, cache)
        dx.reshape(-1)[np.flatnonzero(dx)[-1]] *= self.factor
        return dx, grads


@pytest.mark.parametrize("factor, right", [
    (1.0, True), (1 + 1e-5, False), (0.0, False), (math.nan, False), (math.inf, False),
])  # fmt: skip
@pytest.mark.parametrize("shape", [(4, 6), (30, 30)])  # entry by entry, and along directions
def test_a_single_wrong_entry(shape, factor, right):
    x = normal(*shape)
    x += np.copysign(0.2, x)
    check, = check_layer(Softened(factor), x)
    if shape == (4, 6) or factor in (1.0, math.inf) or math.isnan(factor):  # 1e-5 of one in 900 hides in a direction
        assert check.right == right, check
    assert check.by == ("entry" if x.size <= 500 else "direction") and check.compared == (24 if x.size <= 500 else 3)


def test_nan_in_forward_does_not_pass():
    layer = Linear(3, 2)
    layer.params["weight"][0, 0] = np.nan
    assert not verdicts(layer, normal(2, 3))["x"]
    assert not GradientCheck("x", "entry", 1, math.nan, (0,), 0.0, 0.0).right


class Softmax(Layer):
    """Each row of y adds up to 1, so a dy of all ones sees no gradient at all, and a backward of zeros would pass."""

    def forward(self, x, train=False, rng=None):
        y = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
        return y, y

    def backward(self, dy, y):
        return y * (dy - (dy * y).sum(axis=1, keepdims=True)), {}


def test_a_softmax_whose_backward_returns_zeros_does_not_pass():
    class Zeros(Softmax):
        def backward(self, dy, y):
            return 0 * dy, {}

    assert verdicts(Softmax(), normal(2, 3)) == {"x": True}
    assert verdicts(Zeros(), normal(2, 3)) == {"x": False}


def test_the_layer_and_its_input_stay_as_they_were():
    layer, x = Linear(3, 2), normal(4, 3).astype(np.float32)
    params, kept = copy.deepcopy(layer.params), x.copy()
    assert all(verdicts(layer, x).values())
    np.testing.assert_array_equal(x, kept)
    for name, p in layer.params.items():
        assert p.dtype == np.float32
        np.testing.assert_array_equal(p, params[name])


@pytest.mark.parametrize("seed", [0, 1])
def test_everything_is_right(seed):
    names = []
    for layer, checks in check_everything(np, seed):
        names.append(type(layer).__name__)
        for check in checks:
            assert check.right and check.error < 1e-7, (str(layer), check)
    kinds = {name for name in layers.__all__ if issubclass(getattr(layers, name), layers.Layer)} - {"Layer"}
    assert kinds | {"Network"} <= set(names), "some kind of layer is not checked"


def test_a_mistake_makes_the_command_fail(monkeypatch, capsys):
    def one_is_wrong(xp, seed):
        yield ReLU(), check_layer(Softened(1.1), 0.2 + abs(normal(2, 3)))

    monkeypatch.setattr("tinyalex.commands.gradcheck.check_everything", one_is_wrong)
    assert main(["gradcheck", "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert result["ok"] is False and result["checks"][0]["right"] is False
    assert main(["gradcheck"]) == 1
    assert "1 of 1 gradients are wrong" in capsys.readouterr().out


@pytest.mark.gpu
def test_everything_is_right_on_a_gpu(gpu):
    assert all(check.right for _, checks in check_everything(gpu) for check in checks)


def test_every_seed_is_right_and_its_own():
    """Probes and parameters follow from the seed, and stay away from kinks and ties whatever it is."""
    def outcome(seed):
        return [check for _, checks in check_everything(np, seed) for check in checks]

    wrong = [(seed, check) for seed in range(12) for check in outcome(seed) if not check.right]
    assert not wrong
    assert outcome(3) == outcome(3) != outcome(4)

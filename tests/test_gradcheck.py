"""The checker checked: planted mistakes are found, NaN does not pass, what it probes stays as it was."""

import copy
import json
import math
from functools import partial

import numpy as np
import pytest

from tests.checks import edited, refused
from tests.layers.test_device import kinds_of_layers
from tests.layers.test_norm import edited_norm
from tinyalex.bench.rounding import network_rounding_errors, rounding_errors
from tinyalex.cli import main
from tinyalex.gradcheck import GradientCheck, check_layer, numerical_derivative, numerical_gradient
from tinyalex.layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    GlobalAvgPool2d,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    PaddedShortcut,
    ReLU,
    SpatialResponseNorm,
    winograd,
)
from tinyalex.layers.winograd import Winograd
from tinyalex.probes import check_everything
from tinyalex.residual import Residual


def test_numerical_gradient():
    x = np.random.default_rng(0).uniform(0.5, 2, (3, 4))
    kept = x.copy()
    np.testing.assert_allclose(
        numerical_gradient(lambda: (np.sin(x) / x).sum(), x), (np.cos(x) - np.sin(x) / x) / x, 1e-9
    )
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
WRONG = [  # a layer's class, or the fast way to convolve; its arguments, input, the mistake, whose gradients are wrong
    (Conv2d, (4, 6, (3, 2), 1, 1, 2), PICTURE, ("channel_sums(dy)", "channel_sums(dy) / len(dy)"), {"bias"}),
    (Conv2d, (4, 6, (3, 2), 1, 1, 2), PICTURE, ("dkernels[:, f_out] +=", "dkernels[:, f_out] -="), {"weight"}),
    (Conv2d, (4, 6, (3, 2), 1, 1, 2), PICTURE, ("dx[pictures] = inside", "dx[pictures] = inside[:, ::-1]"), {"x"}),
    (Winograd, (4, 6, 3, 1, 1, 2), PICTURE, ("= self.G.T @", "= -self.G.T @"), {"weight"}),
    (Winograd, (4, 6, 3, 1, 1, 2), PICTURE, ("part.shape[5]] += part", "part.shape[5]] = part"), {"x"}),
    (Linear, (5, 3), normal(4, 5), None, {"x", "weight", "bias"}),
    (MaxPool2d, (3, 2), PICTURE, ("dpixels += dyb *", "dpixels[...] = dyb *"), {"x"}),
    (AvgPool2d, ((3, 2), (2, 1)), PICTURE, ("dpixels += share", "dpixels += dy"), {"x"}),
    (GlobalAvgPool2d, (), PICTURE, ("dy / (H * W)", "dy / H"), {"x"}),
    (
        PaddedShortcut,
        (4, 7, 2),
        PICTURE,
        ("dx[:, :: self.stride, :: self.stride] = dy", "dx[:, 0, 0] = dy[:, 0, 0]"),
        {"x"},
    ),
    (BatchNorm2d, (4,), PICTURE, ("dxb += through_variance", "pass"), {"x"}),
    (BatchNorm2d, (4,), PICTURE, ("dxb += level", "pass"), {"x"}),
    (BatchNorm2d, (4,), PICTURE, ("dweight = dproduct * inverse", "dweight = dproduct"), {"x", "weight"}),
    (
        BatchNorm2d,
        (4, 0.3, 0.1, True),
        PICTURE,
        ("xp.multiply(dyb, scale, out=dxb)\n        return", "dxb[...] = dyb\n        return"),
        {"x"},
    ),
    (Residual, ({"norm": BatchNorm2d(4)},), PICTURE, ("dxs[0] + dxs[1] if", "dxs[0] if"), {"x"}),
    (Residual, ({"norm": BatchNorm2d(4)},), PICTURE, ("dxs[0] + dxs[1] if", "dxs[0] + 2 * dxs[1] if"), {"x"}),
    (LocalResponseNorm, (3, 0.5, 0.6, 1.5), PICTURE, ("dxb -= through_denominators", "pass"), {"x"}),
    (
        LocalResponseNorm,
        (3, 0.5, 0.6, 1.5),
        PICTURE,
        ("dxb -= through_denominators", "dxb += through_denominators"),
        {"x"},
    ),
    (LocalResponseNorm, (3, 0.5, 0.6, 1.5), PICTURE, ("2 * self.alpha", "self.alpha"), {"x"}),
    (SpatialResponseNorm, (3, 0.4, 0.6, 1.5), PICTURE, ("dxb -= through_denominators", "pass"), {"x"}),
    (Dropout, (0.3,), normal(4, 6), ("dy * factor if", "dy if"), {"x"}),
]


@pytest.mark.parametrize("cls, arguments, x, edit, wrong", WRONG)
def test_planted_mistakes_are_found(monkeypatch, cls, arguments, x, edit, wrong):
    Right = partial(Conv2d, algorithm="winograd") if cls is Winograd else cls
    assert all(verdicts(Right(*arguments), x).values())
    if cls is Winograd:  # not a layer, but how one computes
        monkeypatch.setattr(winograd, "Winograd", edited(cls, *edit))
        Broken = Right
    elif edit is None:

        class Broken(cls):
            def backward(self, dy, cache, input_grad=True):
                dx, grads = super().backward(dy, cache, input_grad)
                return 1.001 * dx, {key: 1.001 * gradient for key, gradient in grads.items()}

    else:
        Broken = (edited_norm if "ResponseNorm" in cls.__name__ else edited)(cls, *edit)
    assert {what for what, is_right in verdicts(Broken(*arguments), x).items() if not is_right} == wrong


class Softened(ReLU):
    """Its gradient is wrong by a factor, or not a number, in a single place."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def backward(self, dy, cache, input_grad=True):
        dx, grads = super().backward(dy, cache, input_grad)
        dx.reshape(-1)[np.flatnonzero(dx)[-1]] *= self.factor
        return dx, grads


@pytest.mark.parametrize(
    "factor, right", [(1.0, True), (1 + 1e-5, False), (0.0, False), (math.nan, False), (math.inf, False)]
)
@pytest.mark.parametrize("shape", [(4, 6), (30, 30)])  # entry by entry, and along directions
def test_a_single_wrong_entry(shape, factor, right):
    x = normal(*shape)
    x += np.copysign(0.2, x)
    (check,) = check_layer(Softened(factor), x)
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

    def backward(self, dy, y, input_grad=True):
        return y * (dy - (dy * y).sum(axis=1, keepdims=True)), {}


def test_a_softmax_whose_backward_returns_zeros_does_not_pass():
    class Zeros(Softmax):
        def backward(self, dy, y, input_grad=True):
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
    kinds = {kind.__name__ for kind in kinds_of_layers()}
    assert kinds | {"Residual", "Network"} <= set(names), "some kind of layer is not checked"


def test_a_mistake_makes_the_command_fail(monkeypatch, capsys):
    def one_is_wrong(xp, seed):
        yield ReLU(), check_layer(Softened(1.1), 0.2 + abs(normal(2, 3)))

    monkeypatch.setattr("tinyalex.commands.gradcheck.check_everything", one_is_wrong)
    monkeypatch.setattr("tinyalex.commands.gradcheck.rounding_errors", small_rounding_errors)
    monkeypatch.setattr("tinyalex.commands.gradcheck.network_rounding_errors", small_network_rounding_errors)
    assert main(["gradcheck", "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert result["ok"] is False and result["checks"][0]["right"] is False
    assert main(["gradcheck"]) == 1
    assert "1 of 1 gradients are wrong" in capsys.readouterr().out


@pytest.mark.slow
def test_every_seed_is_right_and_its_own():
    """Probes and parameters follow from the seed, and stay away from kinks and ties whatever it is."""

    def outcome(seed):
        return [check for _, checks in check_everything(np, seed) for check in checks]

    outcomes = [outcome(seed) for seed in range(12)]
    assert not [(seed, check) for seed, checks in enumerate(outcomes) for check in checks if not check.right]
    assert outcome(3) == outcomes[3] != outcomes[4]


# ---------------------------------------------------------------------------------------------- rounding


def small_rounding_errors(xp, **options):
    return rounding_errors(xp, model="alexnet-small", **options)[1:]  # conv1 is not for the fast way to convolve


def small_network_rounding_errors(xp, **options):
    return network_rounding_errors(xp, model="alexnet-small", **options)


def numbers(errors):
    return [error for _, ways in errors for way in ways.values() for error in way.values()]


def test_rounding_errors():
    """Of the size of a float32's last digits, larger the fast way, the same for the same seed."""
    errors = small_rounding_errors(np, seed=3)
    assert [name for name, _ in errors] == ["conv2", "conv3", "conv4", "conv5"]
    for _, ways in errors:
        assert list(ways) == ["im2col", "winograd"]
        assert ways["im2col"].keys() == ways["winograd"].keys() == {"y", "dx", "dweight"}
        assert all(2e-8 < ways["im2col"][what] < ways["winograd"][what] < 1e-5 for what in ("y", "dx", "dweight"))
    assert numbers(errors) == numbers(small_rounding_errors(np, seed=3)) != numbers(small_rounding_errors(np, seed=4))


def test_an_error_of_one_in_a_hundred_is_measured_as_such(monkeypatch):
    right = "xp.add(tile, bias.reshape(groups, -1), out=cell)"
    scaled = edited(Winograd, right, f"{right}; cell *= 1.01")
    monkeypatch.setattr(winograd, "Winograd", scaled)
    for _, ways in small_rounding_errors(np):
        assert ways["winograd"]["y"] == pytest.approx(0.01, rel=1e-3) and ways["winograd"]["dx"] < 1e-5


def test_the_command_shows_what_rounding_costs(monkeypatch, capsys):
    monkeypatch.setattr("tinyalex.commands.gradcheck.check_everything", lambda xp, seed: [])
    assert main(["gradcheck", "--device", "cpu", "--json"]) == 0
    layers = json.loads(capsys.readouterr().out)["rounding"]
    assert [layer["layer"] for layer in layers] == [*(f"conv{i}" for i in range(1, 6)), "whole network"]
    assert main(["gradcheck", "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    assert all(f"{layer[way]['y']:.1e}" in shown for layer in layers for way in ("im2col", "winograd"))
    assert f"{layers[-1]['im2col']['flipped']} (plain)" in shown and "ReLUs and maxima" in shown


def test_rounding_errors_of_a_network():
    """Where no ReLU and no maximum flips, gradients are as good as scores; the same for the same seed."""
    found = [small_network_rounding_errors(np, seed=seed) for seed in (0, 1)]
    for ways in found:
        assert list(ways) == ["im2col", "winograd"]
        for errors in ways.values():
            assert errors["flipped"] == 0 and all(1e-7 < errors[what] < 1e-5 for what in ("y", "dx", "dweight"))
        assert ways["winograd"]["dx"] > 3 * ways["im2col"]["dx"]
    assert found[1] == small_network_rounding_errors(np, seed=1) != found[0]


def test_a_flipped_relu_is_counted_as_such(monkeypatch):
    """One whose threshold is off by a little sends a gradient elsewhere, and the scores hardly show it."""
    before = small_network_rounding_errors(np)["im2col"]
    off = edited(
        ReLU, "y = xp.maximum(x, xp.zeros(x.shape[1:][-2:], x.dtype))", "y = x * (x > (x.dtype == 'f') * 1e-3)"
    )
    monkeypatch.setattr("tinyalex.models.alexnet.ReLU", off)
    monkeypatch.setattr("tinyalex.bench.rounding.ReLU", off)
    after = small_network_rounding_errors(np)["im2col"]
    assert after["flipped"] > before["flipped"] and after["y"] < 1e-4 < 1e-3 < after["dweight"]


class OfAnotherShape(Linear):
    """dx, or dweight, in a shape that broadcasts."""

    def __init__(self, wrong):
        super().__init__(30, 20)
        self.wrong = wrong

    def backward(self, dy, cache, input_grad=True):
        dx, grads = super().backward(dy, cache, input_grad)
        return (dx[None], grads) if self.wrong == "x" else (dx, grads | {"weight": grads["weight"][None]})


@pytest.mark.parametrize("wrong, shape", [("x", (1, 20, 30)), ("weight", (1, 30, 20))])
def test_a_gradient_of_another_shape_is_refused(wrong, shape):
    refused(lambda: check_layer(OfAnotherShape(wrong), normal(20, 30)), wrong, shape, shape[1:])

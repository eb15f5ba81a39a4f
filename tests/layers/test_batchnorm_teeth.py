"""The mistakes people make with batch normalisation, each planted in a right one, each of which a check must see."""

from functools import partial

import numpy as np
import pytest

from tests.checks import edited
from tests.layers.test_batchnorm import (
    PICTURES,
    VECTORS,
    batch,
    check_before_training,
    check_constant,
    check_large_mean,
    check_mode,
    check_one_entry,
    check_overwritten,
    check_running,
)
from tinyalex.layers import BatchNorm2d, Layer, batchnorm


class LearnerBatchNorm(Layer):
    """A right batch normalisation as a learner writes it; every edit below makes it wrong in one place."""

    def __init__(self, C, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.params = {"weight": np.ones(C), "bias": np.zeros(C)}
        self.state = {"running_mean": np.zeros(C), "running_var": np.ones(C)}

    def forward_piece(self, x, train, rng):
        xp, axes, m, seen = x.__array_namespace__(), tuple(range(x.ndim - 1)), None, None
        mean, variance = self.state["running_mean"], self.state["running_var"]
        if train:
            count = xp.full(1, x.size // x.shape[-1], "float64")
            m, total = yield count, x.sum(axis=axes, dtype="float64")
            if xp is np and m[0] == 1:
                raise ValueError("one entry of each channel, expected 2 or more")
            mean = total / m
            (squares,) = yield (((x - mean) ** 2).sum(axis=axes),)
            variance = squares / m
            share = count / m  # of the pictures, so that what pieces observe adds up
            seen = {"mean": mean * share, "variance": squares / (m - 1) * share}
        inverse = 1 / xp.sqrt(variance + self.eps)
        normal = (x - mean) * inverse
        y = self.params["weight"] * normal + self.params["bias"]
        return y.astype(x.dtype), (x, mean, inverse, m, seen)

    def backward_piece(self, dy, cache, input_grad):
        x, mean, inverse, m, _ = cache
        normal, axes = (x - mean) * inverse, tuple(range(x.ndim - 1))
        dbias, dweight = dy.sum(axis=axes), (dy * normal).sum(axis=axes)
        grads = {"weight": dweight.astype(dy.dtype), "bias": dbias.astype(dy.dtype)}
        factor = self.params["weight"] * inverse
        if not input_grad:
            return None, grads
        if m is None:
            return (dy * factor).astype(dy.dtype), grads
        dsum, dproduct = yield dbias, dweight
        dx = factor * (dy - dsum / m - normal * dproduct / m)
        return dx.astype(dy.dtype), grads

    def observe(self, cache):
        *_, seen = cache
        return seen or {}

    def absorb(self, observed):
        for key, value in observed.items():
            name = {"mean": "running_mean", "variance": "running_var"}[key]
            self.state[name] += self.momentum * (value - self.state[name])


CHECKS = {
    "training": partial(check_mode, "training"),
    "evaluation": partial(check_mode, "evaluation"),
    "vectors": partial(check_mode, "training", shape=VECTORS),
    "running": check_running,
    "before training": check_before_training,
    "constant": check_constant,
    "large mean": check_large_mean,
    "one entry": check_one_entry,
    "overwritten": check_overwritten,
}

NORMAL, SECOND = "normal = (x - mean) * inverse\n", "variance = squares / m\n"
DX = "factor * (dy - dsum / m - normal * dproduct / m)"
WRONG = {  # the check that sees it, and the mistake
    "B1 unbiased in forward": ("training", SECOND, "variance = squares / (m - 1)\n"),
    "B1 biased running variance": ("running", "squares / (m - 1) * share", "squares / m * share"),
    "B2 momentum the other way round": ("running", "self.momentum * (value", "(1 - self.momentum) * (value"),
    "B3 eps outside the root": ("training", "xp.sqrt(variance + self.eps)", "(xp.sqrt(variance) + self.eps)"),
    "B3 no eps": ("training", "variance + self.eps", "variance"),
    "B3 no eps, a constant channel": ("constant", "variance + self.eps", "variance"),
    "B4 statistics of each pixel": ("training", NORMAL, "normal = (x - x.mean(axis=0)) * inverse\n"),
    "B5 statistics of each picture": (
        "training",
        NORMAL,
        "normal = (x - x.mean(axis=(1, 2), keepdims=True)) * inverse\n",
    ),
    "B6 evaluation uses the batch": ("evaluation", "if train:", "if True:"),
    "B7 training uses the running values": ("training", "if train:", "if False:"),
    "B8 never updated": ("running", "self.state[name] +=", "self.state[name] +"),
    "B8 updated in evaluation": (
        "evaluation",
        "inverse = 1 /",
        'self.state["running_mean"] += 0.1 * (x.mean() - mean)\n        inverse = 1 /',
    ),
    "B8 updated whenever forward runs": (
        "running",
        SECOND,
        'variance = squares / m; self.state["running_var"] += 0.1 * variance\n',
    ),
    "B9 dx without the mean's term": ("training", DX, "factor * (dy - normal * dproduct / m)"),
    "B10 dx without the x̂ term": ("training", DX, "factor * (dy - dsum / m)"),
    "B11 dx without either": ("training", DX, "factor * dy"),
    "B12 N for N·H·W": ("training", DX, "factor * (dy - dsum / len(x) - normal * dproduct / len(x))"),
    "B13 dweight with x": ("training", "(dy * normal).sum", "(dy * x).sum"),
    "B14 dweight over N only": ("training", "(dy * normal).sum(axis=axes)", "(dy * normal).sum(axis=0)"),
    "B14 dbias over N only": ("training", "= dy.sum(axis=axes)", "= dy.sum(axis=0)"),
    "B14 averaged": ("training", '"bias": dbias', '"bias": dbias / m'),
    "B15 dbias times the weight": ("training", '"bias": dbias', '"bias": self.params["weight"] * dbias'),
    "B16 x̂ from a y that a ReLU may have overwritten": (
        "overwritten",
        "return y.astype(x.dtype), (x, mean",
        "y = y.astype(x.dtype)\n        return y, (y, mean",
        "normal, axes = (x - mean) * inverse",
        'normal, axes = (x - self.params["bias"]) / self.params["weight"]',
    ),
    "B17 training's formula in evaluation": ("evaluation", "if m is None:", "m = x.size // 2\n        if False:"),
    "B18 one entry is trained with": ("one entry", "m[0] == 1:", "False:", "(m - 1)", "xp.maximum(m - 1, 1)"),
    "B19 E[x²] − E[x]²": (
        "large mean",
        SECOND,
        "variance = xp.maximum((x * x).mean(axis=axes) - x.mean(axis=axes) ** 2, 0)\n",
    ),
    "B20 the running variance begins at 0": ("before training", '"running_var": np.ones', '"running_var": np.zeros'),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_sees(mistake):
    check, *edits = WRONG[mistake]
    with np.errstate(all="ignore"), pytest.raises((AssertionError, pytest.fail.Exception)):
        CHECKS[check](edited(LearnerBatchNorm, *edits))


@pytest.mark.parametrize("check", CHECKS)
def test_without_a_mistake_they_pass(check):
    CHECKS[check](LearnerBatchNorm)


def test_vectors_hide_one_mistake():
    """B12 is right where a picture is one entry of each channel; so the probe needs maps."""
    _, *edits = WRONG["B12 N for N·H·W"]
    for shape, hidden in ((VECTORS, True), (PICTURES, False)):
        x, dxs = batch(shape), []
        for layer in (LearnerBatchNorm(shape[-1]), edited(LearnerBatchNorm, *edits)(shape[-1])):
            _, cache = layer.forward(x, True)
            dxs.append(layer.backward(x**2, cache)[0])
        assert np.allclose(*dxs) == hidden


# ---------------------------------------------------------------------------------------------- in our own


WRONG_IN_OURS = {
    "the mean is never taken off": ("training", "xp.subtract(xb, mean, out=yb)", "yb[...] = xb"),
    "the scale is left out": ("training", "yb *= scale", "pass"),
    "the bias is left out": ("training", "yb += bias", "pass"),
    "unbiased in forward": ("training", "batch_squares / m + self.eps", "batch_squares / (m - 1) + self.eps"),
    "biased running variance": ("running", "/ (m - 1)}", "/ m}"),
    "momentum the other way round": ("running", "self.momentum * (value", "(1 - self.momentum) * (value"),
    "running sums, not means": ("running", '"running_mean": total / m', '"running_mean": total'),
    "frozen statistics are trained": ("frozen", "if not train or self.frozen:", "if not train:"),
    "evaluation uses the batch": ("evaluation", "if not train or self.frozen:", "if self.frozen:"),
    "training's formula in evaluation": ("evaluation", "if m is None:", "m = x.size // 2\n        if False:"),
    "dx without the mean's term": ("training", "dxb += level", "pass"),
    "dx without the x̂ term": ("training", "dxb += through_variance", "pass"),
    "dweight without the scale": ("training", "dweight = dproduct * inverse", "dweight = dproduct"),
    "one entry is trained with": ("one entry", "x.size // x.shape[-1]) == 1:", "x.size // x.shape[-1]) == 0:"),
    "begins at 0": ("before training", '"running_var": ones.copy()', '"running_var": zeros.copy()'),
}


@pytest.mark.parametrize("mistake", WRONG_IN_OURS)
def test_the_check_sees_in_our_own(mistake):
    check, *edits = WRONG_IN_OURS[mistake]
    with np.errstate(all="ignore"), pytest.raises((AssertionError, pytest.fail.Exception)):
        (CHECKS | {"frozen": partial(check_mode, "frozen")})[check](edited(BatchNorm2d, *edits))


def test_the_variance_is_not_a_difference_of_large_numbers(monkeypatch):
    """B19 in our own: a block's squares, about 0 instead of about its mean."""
    wrong = edited(batchnorm._moments, "off = xb - centre", "off = xb - 0 * centre")
    monkeypatch.setattr(batchnorm, "_moments", wrong)
    with pytest.raises(AssertionError):
        check_large_mean(BatchNorm2d)

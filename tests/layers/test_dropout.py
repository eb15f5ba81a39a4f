"""Dropout: its two forms, its mask, its randomness, and the mistakes people make."""

import numpy as np
import pytest

from tests.checks import agree, check_layer, edited, refused
from tinyalex.layers import Dropout, Layer
from tinyalex.standin import xp as device

P = 0.2  # neither ½, where dropping and keeping look alike, nor its own complement
MANY = (40, 500)


def generator(seed=3):
    return np.random.default_rng(seed)


def check_dropout(make, inverted):
    """AssertionError unless make() is dropout of share P, in the form asked for."""
    scale, test_factor = (1 / (1 - P), 1.0) if inverted else (1.0, 1 - P)
    x = np.random.default_rng(0).uniform(0.5, 2, (2, 5, 7, 3))
    factor, _ = make().forward(np.ones_like(x), train=True, rng=generator())

    def multiply(factor):
        return lambda x, params: x * factor, lambda dy, x, params: (dy * factor, {})

    check_layer(make(), x, *multiply(test_factor))
    check_layer(make(), x, *multiply(factor), train=True, seed=3)
    ones, layer, rng = np.ones(MANY), make(), generator()
    y, cache = layer.forward(ones, train=True, rng=rng)
    assert set(np.unique(y)) == {0, scale}, f"values {np.unique(y)}, expected 0 and {scale}"
    dropped, spread = (y == 0).mean(), np.sqrt(P * (1 - P) / y.size)
    assert abs(dropped - P) < 4 * spread, f"share dropped {dropped}, expected {P}"
    for axis in (0, 1):
        assert (y != y.take([0], axis=axis)).mean() > P / 2, f"one mask for all along axis {axis}"
    agree(layer.backward(ones, cache)[0], y, "dx, through the mask of forward")
    again, _ = layer.forward(ones, train=True, rng=rng)
    assert 0.5 < (again != y).mean() / (2 * P * (1 - P)) < 2, "the next draw is not a fresh one"
    agree(make().forward(ones, train=True, rng=generator())[0], y, "the same stream, the same mask", exact=True)
    fresh = [layer.forward(ones, train=True)[0] for _ in range(2)]
    assert (fresh[0] != fresh[1]).any(), "without a stream two draws are the same"
    state = rng.bit_generator.state
    agree(layer.forward(ones, rng=rng)[0], ones * test_factor, "y at test")
    assert rng.bit_generator.state == state, "drew at test"


@pytest.mark.parametrize("inverted", [True, False])
def test_right(inverted):
    check_dropout(lambda: Dropout(P, inverted=inverted), inverted)


def test_defaults():
    y, _ = Dropout().forward(np.ones(MANY), train=True, rng=generator())
    assert set(np.unique(y)) == {0, 2} and Dropout().params == {} and Dropout().out_shape((4096,)) == (4096,)


@pytest.mark.parametrize("inverted", [True, False])
def test_nothing_dropped(inverted):
    x = np.random.default_rng(0).standard_normal((2, 9))
    for train in (True, False):
        agree(Dropout(0, inverted).forward(x, train=train)[0], x, "y", exact=True)


def test_a_share_of_exactly_p_is_dropped(monkeypatch):
    """Of draws from 0 to below 1, those below p: p itself is kept, so that p = 0 drops nothing."""
    monkeypatch.setattr("tinyalex.layers.dropout.uniform", lambda rng, shape, xp: np.array([[0.0, 0.24, 0.25, 0.99]]))
    assert (Dropout(0.25, inverted=False).forward(np.ones((1, 4)), train=True)[0] == [0, 0, 1, 1]).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_mask_does_not_depend_on_dtype_or_library(dtype):
    x = np.ones(MANY)
    y, _ = Dropout(P).forward(x, train=True, rng=generator())
    low, cache = Dropout(P).forward(x.astype(dtype), train=True, rng=generator())
    moved, _ = Dropout(P).forward(device.asarray(x), train=True, rng=generator())
    assert low.dtype == dtype and ((low == 0) == (y == 0)).all()
    assert Dropout(P).backward(low, cache)[0].dtype == dtype
    agree(moved, y, "on the device", rtol=1e-12)


def test_refuses():
    for p in (1, 1.5, -0.1, float("nan")):
        refused(lambda: Dropout(p), "Dropout", p, "0 ≤ p < 1")
    layer = Dropout(P)
    layer.name = "drop6"
    refused(lambda: layer.forward(np.ones((2, 3), int), train=True), "Dropout 'drop6'", "int64", error=TypeError)
    for train in (True, False):
        y, cache = layer.forward(np.ones((2, 3)), train=train)
        refused(lambda: layer.backward(y[:, :2], cache), "Dropout 'drop6'", "(2, 2)", "(2, 3)")


class LearnerDropout(Layer):
    """A right inverted dropout as a learner writes it; the edits below make it wrong in one place each."""

    p = P

    def out_shape(self, in_shape):
        return in_shape

    def forward(self, x, train=False, rng=None):
        factor = 1.0
        if train:
            rng = rng or np.random.default_rng()
            mask = rng.random(x.shape) >= self.p
            factor = x.__array_namespace__().asarray(mask / (1 - self.p), x.dtype)
        return x * factor, factor

    def backward(self, dy, cache, input_grad=True):
        return dy * cache if input_grad else None, {}


def check_learner(cls):
    check_dropout(cls, inverted=True)


def test_without_a_mistake_the_check_passes():
    check_learner(LearnerDropout)


TRAINED = "return x * factor, factor"
WRONG = {
    "no scaling at either end": ("mask / (1 - self.p)", "mask / 1"),
    "the paper's form": ("factor = 1.0", "factor = 1 - self.p", "mask / (1 - self.p)", "mask / 1"),
    "p taken as the share kept": ("rng.random(x.shape) >= self.p", "rng.random(x.shape) < self.p"),
    "scaled by p": ("mask / (1 - self.p)", "mask / self.p"),
    "one mask for the whole batch": ("rng.random(x.shape)", "rng.random((1, *x.shape[1:]))"),
    "one mask for all features": ("rng.random(x.shape)", "rng.random((len(x),) + (1,) * (x.ndim - 1))"),
    "new mask in backward": ("return dy * cache", "return dy * self.forward(dy * 0 + 1, hasattr(cache, 'shape'))[0]"),
    "backward without the mask": ("return dy * cache", "return dy * 1"),
    "backward without the scale": ("return dy * cache", "return dy * (cache * (1 - self.p))"),
    "scaled twice": ("factor = 1.0", "factor = 1 - self.p"),
    "active at test": ("if train:", "if True:"),
    "never active": ("if train:", "if False:"),
    "the same seed in each call": ("rng = rng or np.random.default_rng()", "rng = np.random.default_rng(0)"),
    "the stream ignored": ("rng = rng or np.random.default_rng()", "rng = np.random.default_rng()"),
    "drops in place": (TRAINED, "x *= factor; return x, factor"),
    "float64 mask": ("asarray(mask / (1 - self.p), x.dtype)", "asarray(mask / (1 - self.p))"),
    "mask left on the host": ("x.__array_namespace__().asarray(", "np.asarray("),
    "mask kept on the layer": (TRAINED, "self.mask = factor; return x * factor, factor"),
    "noise in place of the mask": ("rng.random(x.shape) >= self.p", "(rng.random(x.shape) + 0.5 - self.p)"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_sees(mistake):
    with pytest.raises(AssertionError):
        check_learner(edited(LearnerDropout, *WRONG[mistake]))


def test_a_share_of_numpys_keeps_the_dtype():
    x = np.ones((2, 3), np.float32)
    assert Dropout(np.float64(0.5), inverted=False).predict(x).dtype == np.float32

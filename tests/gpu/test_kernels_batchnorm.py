"""Batch normalisation by kernels: every check of the layer, and what only runs of rows can get wrong."""

import copy

import numpy as np
import pytest

from tests.checks import agree, agree_all
from tests.gpu.emulated import emulated, needs_compiler, watched
from tests.layers import test_batchnorm as plain
from tests.layers.test_batchnorm_teeth import CHECKS
from tinyalex.backend import to_device, to_host
from tinyalex.layers import BatchNorm2d, batchnorm
from tinyalex.standin import DeviceArray, kernels_by, xp

pytestmark = needs_compiler


class ByKernels(BatchNorm2d):
    """The layer on the stand-in; what comes from the host goes back to it."""

    def forward_piece(self, x, train, rng):
        y, cache = yield from self.there().forward_piece(to_device(x, xp), train, rng)
        return like(x, y), cache

    def backward_piece(self, dy, cache, input_grad):
        dx, grads = yield from self.there().backward_piece(to_device(dy, xp), cache, input_grad)
        return dx if dx is None else like(dy, dx), {key: like(dy, a) for key, a in grads.items()}

    def predict(self, x):
        return like(x, self.there().predict(to_device(x, xp)))

    def observe(self, cache):
        return to_host(super().observe(cache))

    def absorb(self, observed):
        layer = self.there()
        layer.absorb(to_device(observed, xp))
        for key, value in layer.state.items():
            self.state[key][...] = value.get()

    def there(self):
        layer = copy.copy(self)
        layer.__class__, layer.params, layer.state = BatchNorm2d, to_device(self.params, xp), to_device(self.state, xp)
        return layer


def like(x, a):
    return a if isinstance(x, DeviceArray) else a.get()


@pytest.fixture
def ran():
    """The names of the kernels that ran; they do inside the test."""
    names = []
    with kernels_by(watched(names, emulated(threads=5, seed=1))):
        yield names


def runs(monkeypatch, threads, rows):
    monkeypatch.setattr(batchnorm, "THREADS", threads)
    monkeypatch.setattr(batchnorm, "RUN_ROWS", rows)


@pytest.mark.parametrize("check", [name for name in CHECKS if name != "vectors"])  # whose pieces are one entry
@pytest.mark.parametrize("threads, rows", [(1, 16), (32, 1), (1 << 17, 1)])
def test_every_check_of_the_layer(check, threads, rows, ran, monkeypatch):
    """In one run for each channel, in a few, and in one for each row or two."""
    runs(monkeypatch, threads, rows)
    CHECKS[check](ByKernels)
    assert "batch_norm_forward" in ran
    assert ("batch_norm_absorb" in ran) == (check == "running")


def test_frozen(ran):
    frozen = type("Frozen", (ByKernels,), {})
    layer = plain.made("frozen", cls=frozen)
    plain.check_layer(layer, plain.batch(), *plain.loops(layer, "frozen"), train=True)
    assert set(ran) == {"batch_norm_forward", "batch_norm_gradient_sums"}


def through(layer, x, dy):
    """Everything that a training step makes, on the host."""
    y, cache = layer.forward(x, True)
    dx, grads = layer.backward(dy, cache)
    return to_host({"y": y, "dx": dx, **grads, **layer.observe(cache)})


SUMS_AND_ENTRIES = {
    "batch_norm_moments",
    "batch_norm_merge",
    "batch_norm_forward",
    "batch_norm_gradient_sums",
    "batch_norm_backward",
}
TRAINING = SUMS_AND_ENTRIES | {"batch_norm_mean", "batch_norm_inverse", "batch_norm_slopes"}


@pytest.mark.parametrize("shape", [(7, 9, 11, 3), (5, 7, 5, 40), (129, 2), (1, 1, 2, 1), (3, 1, 1, 5)], ids=str)
@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-4), (np.float64, 1e-10)])
@pytest.mark.parametrize("threads, rows", [(1 << 17, 16), (1 << 17, 1), (50, 7), (1, 1)])
def test_any_division_into_runs(shape, dtype, tolerance, threads, rows, ran, monkeypatch):
    runs(monkeypatch, threads, rows)
    x, dy = (plain.batch(shape, seed).astype(dtype) for seed in (0, 1))
    found = through(plain.made(C=shape[-1], cls=ByKernels), x, dy)
    assert TRAINING <= set(ran)
    agree_all(found, through(plain.made(C=shape[-1]), x, dy), "by kernels", rtol=tolerance, atol=tolerance)


def test_float32_keeps_the_digits_of_a_small_spread(ran, monkeypatch):
    """Entries around 1,000 that first are 0 for a while, in one run and in many."""
    x = (1000 + np.random.default_rng(0).standard_normal((4, 50, 50, 2))).astype(np.float32)
    x[0, :2] = 0
    expected = x.astype(float).reshape(-1, 2).var(axis=0) * x[..., 0].size
    for threads, rows in ((1, 1), (1 << 17, 16)):
        runs(monkeypatch, threads, rows)
        layer = plain.made(cls=ByKernels)
        agree(layer.observe(layer.forward(x, True)[1])["squares"], expected, "squares", rtol=1e-6)


def test_no_pictures(ran):
    layer = plain.made(cls=ByKernels)
    y, cache = layer.forward(np.zeros((0, 2, 2, 2), np.float32), True)
    seen, (dx, grads) = layer.observe(cache), layer.backward(y, cache)
    assert y.shape == dx.shape == (0, 2, 2, 2) and not grads["weight"].any() and not grads["bias"].any()
    assert {key: a.tolist() for key, a in seen.items()} == {"count": [0], "sum": [0, 0], "squares": [0, 0]}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_spoils_its_channel_alone(value, ran):
    x, dy = (plain.batch(seed=seed).astype(np.float32) for seed in (0, 1))
    x[1, 1, 2, 0] = value
    y, cache = (layer := plain.made(cls=ByKernels)).forward(x, True)
    dx, grads = layer.backward(dy, cache)
    for a in (y, dx, grads["weight"]):
        assert np.isnan(a[..., 0]).all() and np.isfinite(a[..., 1]).all()


def test_another_layout_needs_no_kernel(ran):
    x = np.asfortranarray(plain.batch().astype(np.float32))
    layer = plain.made(cls=ByKernels)
    layer.backward(x, layer.forward(x, True)[1])
    assert not set(ran) & SUMS_AND_ENTRIES, "a kernel would have read another array"

"""Batch normalisation against loops, differences and PyTorch, in all three modes. Mistakes: test_batchnorm_teeth.py."""

import numpy as np
import pytest

from tests import reference
from tests.checks import agree, agree_all, check_layer, refused
from tinyalex import backend
from tinyalex import network as network_module
from tinyalex.layers import BatchNorm2d, blocks
from tinyalex.network import Trunk
from tinyalex.standin import xp as device

PICTURES, VECTORS = (3, 2, 4, 2), (5, 3)
MODES = ["training", "evaluation", "frozen"]


def batch(shape=PICTURES, seed=0):
    return 2 * np.random.default_rng(seed).standard_normal(shape) + np.arange(shape[-1])


def made(mode="training", C=2, cls=BatchNorm2d):
    return cls(C, eps=0.3, momentum=0.2, **({"frozen": True} if mode == "frozen" else {}))


def loops(layer, mode):
    """The references of `check_layer`, with the layer's running statistics unless it is trained."""

    def running():
        return None if mode == "training" else (layer.state["running_mean"], layer.state["running_var"])

    def forward(x, params):
        return reference.batch_norm_forward(x, params["weight"], params["bias"], layer.eps, running())

    def backward(dy, x, params):
        dx, dweight, dbias = reference.batch_norm_backward(dy, x, params["weight"], layer.eps, running())
        return dx, {"weight": dweight, "bias": dbias}

    return forward, backward


def check_mode(mode, cls=BatchNorm2d, shape=PICTURES):
    layer = made(mode, shape[-1], cls)
    check_layer(layer, batch(shape), *loops(layer, mode), train=mode != "evaluation")


@pytest.mark.parametrize("shape", [PICTURES, VECTORS, (2, 3, 2)], ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_right(mode, shape):
    check_mode(mode, shape=shape)


def check_running(cls):
    """Two steps, each taking the batch's mean and unbiased variance along by a fifth; else nothing moves."""
    layer, rows = made(cls=cls), []
    for seed in (0, 1):
        x = batch(seed=seed)
        before = {key: a.copy() for key, a in layer.state.items()}
        for other in (batch(seed=7), x):
            y, cache = layer.forward(other, True)
        layer.backward(y, cache)
        layer.forward(x), layer.predict(x)
        agree_all(layer.state, before, "(state) before absorb", exact=True)
        layer.absorb(layer.observe(cache))
        rows.append((layer.state["running_mean"].copy(), layer.state["running_var"].copy()))
        layer.absorb(layer.observe(layer.forward(x)[1]))  # at test there is nothing to absorb
        agree_all(layer.state, dict(zip(layer.state, rows[-1])), "(state) after evaluation", exact=True)
    means, variances = np.zeros(2), np.ones(2)
    for seed, (mean, variance) in enumerate(rows):
        for c in range(2):
            values = [float(v) for v in batch(seed=seed)[..., c].flat]
            own, biased = reference.batch_norm_statistics(values)
            means[c] = 0.8 * means[c] + 0.2 * own
            variances[c] = 0.8 * variances[c] + 0.2 * biased * len(values) / (len(values) - 1)
        agree(mean, means, "running mean", rtol=1e-5)
        agree(variance, variances, "running variance", rtol=1e-5)


def test_running_statistics():
    check_running(BatchNorm2d)
    layer = BatchNorm2d(1, momentum=1.0)
    layer.absorb(layer.observe(layer.forward(np.array([[1.0], [4.0]]), True)[1]))
    agree(layer.state["running_var"], [4.5], "of two entries", rtol=1e-6)


def check_before_training(cls):
    x = batch()
    agree(made(cls=cls).forward(x)[0], x / np.sqrt(1.3), "y before training", rtol=1e-6)


def check_constant(cls):
    """A channel of one value gives the bias."""
    layer = cls(2)
    layer.params["bias"][...] = 3
    y, cache = layer.forward(np.full((2, 2, 2, 2), 5.0), True)
    agree(y, np.full(y.shape, 3.0), "y of constant channels", exact=True)
    dx, grads = layer.backward(y, cache)
    assert all(np.isfinite(a).all() for a in (dx, *grads.values()))


def check_large_mean(cls):
    """Around 10,000 a float32 has three digits behind the point; they are enough."""
    x, layer = (1e4 + batch((8, 16, 16, 2))).astype(np.float32), made(cls=cls)
    means, variances = zip(*(reference.batch_norm_statistics([float(v) for v in x[..., c].flat]) for c in range(2)))
    normal = (x.astype(float) - means) / np.sqrt(np.add(variances, 0.3))
    y, cache = layer.forward(x, True)
    agree(y, normal, "y", rtol=1e-4, atol=1e-3)
    dx, grads = layer.backward((normal + 1).astype(np.float32), cache)
    expected = (normal * (normal + 1)).mean(axis=(0, 1, 2))
    agree(grads["weight"] / normal[..., 0].size, expected, "dweight", rtol=1e-3)
    expected = (normal - normal * expected) / np.sqrt(np.add(variances, 0.3))
    agree(dx, expected, "dx", atol=2e-3)


def check_one_entry(cls):
    """It has no variance to be trained with; at test it is as good as any."""
    refused(lambda: cls(2).forward(np.ones((1, 1, 1, 2)), True), "one entry of each channel", "expected 2 or more")
    assert cls(2).forward(np.ones((1, 1, 1, 2)))[0].shape == (1, 1, 1, 2)


def check_overwritten(cls):
    """Whoever follows may overwrite y, as a ReLU that works in place does."""
    layer = made(cls=cls)
    layer.params["weight"][...], layer.params["bias"][...] = (0.5, -2), (1, 0.3)
    y, cache = layer.forward(batch(), True)
    dy = np.random.default_rng(3).standard_normal(y.shape)
    kept = layer.backward(dy, cache)[0]
    np.maximum(y, 0, out=y)
    agree(layer.backward(dy, cache)[0], kept, "dx after y was overwritten", exact=True)


EXTREMES = [check_before_training, check_constant, check_large_mean, check_one_entry, check_overwritten]


@pytest.mark.parametrize("check", EXTREMES, ids=lambda check: check.__name__)
def test_extremes(check):
    check(BatchNorm2d)


def test_one_entry_of_a_frozen_layer():
    assert made("frozen").forward(np.ones((1, 2)), True)[0].shape == (1, 2)


def test_sums_in_float16():
    """90,000 squares of about 1 are more than float16 can hold."""
    x = np.random.default_rng(0).standard_normal((1, 300, 300, 1)).astype(np.float16)
    y, _ = BatchNorm2d(1).forward(x, True)
    assert y.dtype == np.float16 and abs(y.astype(float).std() - 1) < 1e-3


def test_what_the_gradient_leaves_alone():
    """Σ dx = 0 and Σ dx · x̂ ≈ 0: neither the mean of x nor its spread can change y."""
    layer = BatchNorm2d(2, eps=1e-12)
    y, cache = layer.forward(batch(), True)
    dx, _ = layer.backward(np.random.default_rng(3).standard_normal(y.shape), cache)
    agree(dx.sum(axis=(0, 1, 2)), np.zeros(2), "Σ dx", atol=1e-12)
    agree((dx * y).sum(axis=(0, 1, 2)), np.zeros(2), "Σ dx · x̂", atol=1e-10)
    for changed in (batch() + 7, batch() * 3):
        agree(layer.forward(changed, True)[0], y, "y of a shifted or scaled batch", rtol=1e-9)


def test_training_depends_on_the_others_and_evaluation_does_not():
    layer, x = made(), batch()
    assert np.abs(layer.forward(x, True)[0][:1] - layer.forward(x[:1], True)[0]).max() > 0.1
    for run in (lambda a: layer.forward(a)[0], layer.predict, lambda a: made("frozen").forward(a, True)[0]):
        agree(run(x)[:1], run(x[:1]), "y of one picture", exact=True)


@pytest.mark.torch
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [PICTURES, VECTORS], ids=str)
def test_like_pytorch(mode, shape):
    import torch

    C, rng, channels_second = shape[-1], np.random.default_rng(4), (0, *range(len(shape) - 1, 0, -1))
    layer = made(mode, C)
    layer.map_arrays(lambda a: rng.uniform(0.5, 1.5, a.shape))
    module = (torch.nn.BatchNorm2d if len(shape) == 4 else torch.nn.BatchNorm1d)(C, 0.3, 0.2, dtype=torch.float64)
    for key, a in (layer.params | layer.state).items():
        getattr(module, key).data = torch.tensor(a)
    module.train(mode == "training")
    for seed in (1, 2):
        x = batch(shape, seed)
        theirs = torch.tensor(x.transpose(channels_second).copy(), requires_grad=True)
        module.zero_grad()
        y, cache = layer.forward(x, mode != "evaluation")
        dy = rng.standard_normal(y.shape)
        expected = module(theirs)
        expected.backward(torch.tensor(dy.transpose(channels_second).copy()))
        dx, grads = layer.backward(dy, cache)
        layer.absorb(layer.observe(cache))
        agree(y, expected.detach().numpy().transpose(channels_second), "y", rtol=1e-10, atol=1e-10)
        agree(dx, theirs.grad.numpy().transpose(channels_second), "dx", rtol=1e-10, atol=1e-10)
        for key, a in (grads | layer.state).items():
            their = getattr(module, key)
            agree(a, their.grad if key in grads else their, key, rtol=1e-10, atol=1e-10)


@pytest.mark.torch
def test_the_arguments_of_pytorch():
    import torch

    ours, theirs = BatchNorm2d(7), torch.nn.BatchNorm2d(7)
    assert (ours.num_features, ours.eps, ours.momentum) == (theirs.num_features, theirs.eps, theirs.momentum)
    assert ours.params.keys() == dict(theirs.named_parameters()).keys()
    assert ours.state.keys() == dict(theirs.named_buffers()).keys() - {"num_batches_tracked"}


# ---------------------------------------------------------------------------------------------- pieces and blocks


@pytest.fixture
def threads():
    before = backend.thread_count()
    yield backend.set_thread_count
    backend.set_thread_count(before)


def stepped(trunk, x, dy):
    y, cache = trunk.forward(x, True)
    dx, grads = trunk.backward(dy, cache)
    trunk.absorb(trunk.observe(cache))
    return {"y": y, "dx": dx, **grads, **{key: a.copy() for key, a in trunk.state.items()}}


def test_the_whole_batch_whatever_the_pieces(threads, monkeypatch):
    """As at once, to rounding, from two pieces to one a picture; and the same bits on one thread and on two."""
    monkeypatch.setattr(network_module, "PIECES", 1)
    x, dy = (1e3 + batch((7, 3, 4, 2)), batch((7, 3, 4, 2), 1))

    def run(most):
        monkeypatch.setattr(network_module, "PIECE_PICTURES", most)
        return stepped(Trunk({"norm": made()}), x, dy)

    whole = run(7)
    for most in (1, 3, 4):
        found = []
        for count in (1, 2):
            threads(count)
            found.append(run(most))
        agree_all(found[0], whole, f"in pieces of {most}", rtol=1e-6, atol=1e-8)
        agree_all(found[1], found[0], "on two threads", exact=True)


@pytest.mark.parametrize("size", [1, 200, 1 << 20])
def test_blocks_decide_nothing(size, monkeypatch):
    x, dy = batch((3, 5, 4, 2)), batch((3, 5, 4, 2), 1)
    expected = stepped(Trunk({"norm": made()}), x, dy)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
    agree_all(stepped(Trunk({"norm": made()}), x, dy), expected, f"in blocks of {size} bytes", rtol=1e-6, atol=1e-12)


def test_no_pictures_move_nothing():
    layer = made()
    y, cache = layer.forward(np.zeros((0, 2, 2, 2)), True)
    assert y.shape == (0, 2, 2, 2) and not layer.backward(y, cache)[1]["weight"].any()


# ---------------------------------------------------------------------------------------------- words and refusals


def test_refuses():
    layer = made()
    layer.named("bn1")
    label = "BatchNorm2d 'bn1'"
    for xp in (np, device):
        moved = made()
        moved.map_arrays(xp.asarray)
        moved.named("bn1")
        for shape in ((1, 2), (1, 1, 1, 2)):
            refused(lambda: moved.forward(xp.ones(shape), True), label, "one entry of each channel", "2 or more")
    for call in (layer.forward, layer.predict, lambda x: layer.forward(x, True)):
        refused(lambda: call(np.ones((2, 3, 3, 4))), label, "x has 4 channels, expected 2")
        refused(lambda: call(np.ones(2)), label, "x has no channels, expected 2")
        refused(lambda: call(np.ones((2, 3, 3, 2), int)), label, "int64", "float", error=TypeError)
    refused(lambda: layer.out_shape((3, 3, 1)), label, "x has 1 channels, expected 2")
    y, cache = layer.forward(np.ones((2, 3, 3, 2)))
    refused(lambda: layer.backward(y[:1], cache), label, "(1, 3, 3, 2)", "(2, 3, 3, 2)")


def test_what_it_says_of_itself():
    layer = BatchNorm2d(5, eps=0.1, momentum=0.3, frozen=True)
    twin = layer.like()
    assert (str(BatchNorm2d(5)), str(layer)) == ("batch norm", "batch norm, frozen")
    assert (twin.num_features, twin.eps, twin.momentum, twin.frozen) == (5, 0.1, 0.3, True)
    assert layer.out_shape((7, 7, 5)) == (7, 7, 5) and layer.multiply_adds((7, 7, 5)) == 0 and layer.channelwise
    arrays = layer.params | layer.state
    assert {key: (a.shape, str(a.dtype), a[0]) for key, a in arrays.items()} == {
        "weight": ((5,), "float32", 1),
        "bias": ((5,), "float32", 0),
        "running_mean": ((5,), "float32", 0),
        "running_var": ((5,), "float32", 1),
    }
    assert not np.shares_memory(layer.params["weight"], layer.state["running_var"])

"""The fast convolution against loops, the plain one, exact fractions and PyTorch.

The mistakes that it invites: test_winograd_teeth.py. When it is chosen: test_winograd_rule.py.
"""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checks import agree, agree_all, check_layer
from tests.layers.test_conv import loops
from tinyalex.bench.rounding import convolutions, rounding_errors
from tinyalex.layers import Conv2d, winograd
from tinyalex.layers.blocks import slices
from tinyalex.layers.windows import Windows
from tinyalex.layers.winograd import Winograd, matrices

# name: (height, width, channels in, channels out, kernel, geometry)
CASES = {
    "3×3": (6, 9, 3, 4, 3, dict()),
    "3×3, padded, tiles half filled": (7, 5, 2, 3, 3, dict(padding=1)),
    "3×3, oblong padding": (5, 8, 2, 3, 3, dict(padding=(2, 0))),
    "3×3, padded by more than it needs": (2, 3, 2, 3, 3, dict(padding=3)),
    "3×3, a single output": (3, 3, 2, 3, 3, dict()),
    "3×3, smaller than a tile": (1, 2, 3, 2, 3, dict(padding=1)),
    "3×3, a single row": (3, 11, 2, 3, 3, dict()),
    "3×3, three groups": (6, 5, 6, 9, 3, dict(padding=1, groups=3)),
    "depthwise": (5, 6, 4, 8, 3, dict(groups=4)),
    "one channel in, one out": (6, 7, 1, 1, 3, dict(padding=1)),
    "5×5": (7, 10, 2, 3, 5, dict()),
    "5×5, two groups, padded": (6, 7, 4, 6, 5, dict(padding=2, groups=2)),
    "5×5, oblong padding": (4, 7, 2, 3, 5, dict(padding=(1, 2))),
    "5×5, smaller than a tile": (3, 1, 2, 2, 5, dict(padding=2)),
    "5×5 by 2": (9, 13, 2, 3, 5, dict(stride=2)),
    "6×6 by 2, hangs over": (8, 9, 2, 3, 6, dict(stride=2, padding=1, rounding="ceil")),
    "6×6 by 2, rows left over": (9, 11, 2, 3, 6, dict(stride=2, rounding="floor")),
    "7×7 by 3": (10, 13, 2, 3, 7, dict(stride=3)),
    "9×9 by 2, folds to 5×5": (11, 13, 2, 2, 9, dict(stride=2, padding=(1, 0))),
    "9×9 by 3": (9, 12, 2, 3, 9, dict(stride=3, padding=(3, 0))),
    "9×9 by 4": (13, 9, 2, 3, 9, dict(stride=4)),
    "11×11 by 4, hangs over": (16, 12, 2, 3, 11, dict(stride=4, rounding="ceil")),
    "11×11 by 4, rows left over": (14, 18, 1, 3, 11, dict(stride=4, padding=(2, 1), rounding="floor")),
    "3×3 by 1, a rounding that does nothing": (5, 6, 2, 3, 3, dict(rounding="ceil")),
}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("case", CASES)
def test_right(case):
    H, W, C, F, kernel, geometry = CASES[case]
    layer = Conv2d(C, F, kernel, **geometry, algorithm="winograd")
    check_layer(layer, normal(2, H, W, C), *loops(geometry))


def both_ways(C, F, kernel, **geometry):
    """The fast layer and the plain one, with the same float64 parameters."""
    fast, plain = (Conv2d(C, F, kernel, **geometry, algorithm=way) for way in ("winograd", "im2col"))
    fast.params = plain.params = {name: normal(*p.shape, seed=1) for name, p in fast.params.items()}
    return fast, plain


@st.composite
def geometries(draw):
    """A kernel that folds to 3×3 or 5×5, its picture's padding and size (the kernel fits somewhere), and channels."""
    K, stride = draw(st.sampled_from([3, 5])), draw(st.integers(1, 4))
    kernel = draw(st.integers((K - 1) * stride + 1, K * stride))
    groups = draw(st.integers(1, 3)) if stride == 1 else 1
    padding = draw(st.tuples(st.integers(0, kernel), st.integers(0, kernel)))
    size = tuple(draw(st.integers(max(1, kernel - 2 * p), kernel + 6 * stride)) for p in padding)
    C, F = (groups * draw(st.integers(1, 3)) for _ in range(2))
    rounding = draw(st.sampled_from(["floor", "ceil"]))
    return (
        (draw(st.integers(1, 3)), *size, C),
        F,
        kernel,
        dict(stride=stride, padding=padding, groups=groups, rounding=rounding),
    )


@given(geometries())
def test_like_the_plain_way_at_any_geometry(probe):
    shape, F, kernel, geometry = probe
    fast, plain = both_ways(shape[-1], F, kernel, **geometry)
    x = normal(*shape)
    (y, cache), (expected, plain_cache) = fast.forward(x), plain.forward(x)
    agree(y, expected, "y", rtol=1e-10, atol=1e-10)
    dy = normal(*y.shape, seed=2)
    (dx, grads), (expected_dx, expected_grads) = fast.backward(dy, cache), plain.backward(dy, plain_cache)
    agree(dx, expected_dx, "dx", rtol=1e-10, atol=1e-10)
    agree_all(grads, expected_grads, "", rtol=1e-10, atol=1e-10)
    dx, grads = fast.backward(dy, cache, input_grad=False)
    assert dx is None
    agree_all(grads, expected_grads, "without dx", rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kernel, geometry", [(3, dict(padding=1, groups=2)), (5, dict(stride=2))])
def test_pictures_at_a_time_do_not_matter(monkeypatch, kernel, geometry):
    layer, plain = both_ways(2, 4, kernel, **geometry)
    x = normal(5, 19, 17, 2)
    y, cache = plain.forward(x)
    dy = normal(*y.shape, seed=2)
    dx, grads = plain.backward(dy, cache)
    for pictures in range(1, 6):
        monkeypatch.setattr(winograd, "slices", lambda length, step: slices(length, pictures))
        found, cache = layer.forward(x)
        agree(found, y, "y", rtol=1e-10, atol=1e-10)
        found_dx, found_grads = layer.backward(dy, cache)
        agree(found_dx, dx, "dx", rtol=1e-10, atol=1e-10)
        agree_all(found_grads, grads, f"{pictures} at a time", rtol=1e-10, atol=1e-10)


def test_memory_sets_how_many_pictures_go_at_a_time(monkeypatch):
    way, counts = Winograd(Windows(3, 1, 1, None), 1, (19, 17), np.ones((3, 3, 2, 4))), []
    for block_bytes in (1, 160_000, 1 << 30):
        monkeypatch.setattr(winograd, "BLOCK_BYTES", block_bytes)
        counts.append(len(way._blocks(np.zeros((8, 19, 17, 2)))))
    assert counts == [8, 3, 1]  # 43,200 bytes a picture: 5 × 5 tiles of 6 × 6 points for 2 + 4 channels


def test_pictures_outweigh_the_kernels(monkeypatch):
    """At a time go as many pictures as have twice the bytes of the kernels, which are read again for each block."""
    monkeypatch.setattr(winograd, "BLOCK_BYTES", 1)
    way = Winograd(Windows(3, 1, 0, None), 1, (2, 2), np.ones((3, 3, 6, 12)))
    blocks = way._blocks(np.zeros((25, 4, 4, 6)))  # 16 points each: 9,216 bytes of kernels, 2,304 of each picture
    assert [block.stop - block.start for block in blocks] == [8, 8, 8, 1]


@pytest.mark.parametrize("algorithm", ["im2col", "winograd"])
def test_for_a_batch(algorithm):
    """What `for_batch` returns computes the same, any number of times, and sees new parameters when made anew."""
    layer, x = Conv2d(4, 6, 5, stride=1, padding=2, groups=2, algorithm=algorithm), normal(3, 6, 7, 4)
    before = None
    for factor in (1, -2):
        for p in layer.params.values():
            p *= factor
        ready = layer.for_batch()
        y, cache = layer.forward(x)
        dx, grads = layer.backward(y, cache)
        for pictures in (slice(0, 1), slice(1, 3), slice(0, 3)):
            found, cache = ready.forward(x[pictures])
            agree(found, y[pictures], "y")
            agree(ready.backward(y[pictures], cache)[0], dx[pictures], "dx")
        agree_all(ready.backward(y, cache)[1], grads, "for a batch")
        assert layer._prepared is None, "the layer keeps something of the batch"
        assert ready.for_batch() is ready and ready.scaled(1, 0)._prepared is None
        assert len(ready._prepared) == (algorithm == "winograd"), "prepared more than once"
        assert before is None or not np.allclose(before, y)
        before = y


def test_one_batch_in_several_threads():
    batches = [normal(8, 5, 7, 4, seed=seed) for seed in range(16)]
    ready = Conv2d(4, 6, 3, groups=2, algorithm="winograd").for_batch()

    def run(x):
        y, cache = ready.forward(x)
        return (y, *ready.backward(y, cache))

    with ThreadPoolExecutor(4) as pool:
        for (y, dx, grads), (y1, dx1, grads1) in zip(pool.map(run, batches), map(run, batches)):
            agree(y, y1, "y", exact=True)
            agree(dx, dx1, "dx", exact=True)
            agree_all(grads, grads1, "in a thread", exact=True)


@pytest.mark.parametrize("algorithm", ["im2col", "winograd"])
def test_no_pictures(algorithm):
    """An empty batch gives an empty batch, and gradients of zeros."""
    layer, x = Conv2d(2, 3, 3, padding=1, algorithm=algorithm), np.zeros((0, 5, 4, 2))
    y, cache = layer.forward(x)
    dx, grads = layer.backward(y, cache)
    assert y.shape == (0, 5, 4, 3) and dx.shape == x.shape
    agree_all(grads, {name: np.zeros(p.shape) for name, p in layer.params.items()}, "of nothing", exact=True)


# ---------------------------------------------------------------------------------------------- the matrices


def exact(matrix):
    """The fractions that floats stand for."""
    fractions = np.vectorize(lambda value: Fraction(value).limit_denominator(1_000_000), otypes=[object])(matrix)
    agree(fractions.astype(float), matrix, "fractions of small denominators", rtol=1e-12, atol=1e-15)
    return fractions


@pytest.mark.parametrize("m", range(2, winograd.LARGEST_TILE + 1))
@pytest.mark.parametrize("K", winograd.KERNELS)
def test_matrices(m, K):
    """Aᵀ·[(G·g) ∘ (Bᵀ·d)] is the correlation, without any rounding; so are the products that its gradients take."""
    A, B, G = (exact(matrix) for matrix in matrices(m, K))
    P = m + K - 1
    assert (A.shape, B.shape, G.shape) == ((P * P, m * m), (P * P, P * P), (P * P, K * K))
    rng = np.random.default_rng(0)
    d, g, dy = (rng.integers(-9, 10, (side, side)).astype(object) for side in (P, K, m))
    y = np.array([[(d[i : i + K, j : j + K] * g).sum() for j in range(m)] for i in range(m)])
    dg = np.array([[(d[i : i + m, j : j + m] * dy).sum() for j in range(K)] for i in range(K)])
    at_d, at_g, at_dy = B.T @ d.ravel(), G @ g.ravel(), A @ dy.ravel()
    assert (A.T @ (at_g * at_d)).tolist() == y.ravel().tolist()
    assert (G.T @ (at_dy * at_d)).tolist() == dg.ravel().tolist()
    assert d.ravel() @ (B @ (at_g * at_dy)) == (y * dy).sum()


def test_the_points_are_enough_and_all_different():
    assert len(set(winograd.POINTS)) == len(winograd.POINTS) == winograd.LARGEST_TILE + max(winograd.KERNELS) - 2


# ---------------------------------------------------------------------------------------------- rounding


def test_rounding_is_as_promised():
    """The docstring says 1e-6 to 5e-6 for the fast way and 2e-7 to 4e-7 for the plain one, in float32."""
    found = rounding_errors(np, pictures=2)
    assert [name for name, _ in found] == [f"conv{i}" for i in range(1, 6)]
    for name, errors in found:
        assert all(0.8e-6 < error < 5.5e-6 for error in errors["winograd"].values()), (name, errors)
        assert all(1e-7 < error < 6e-7 for error in errors["im2col"].values()), (name, errors)


@pytest.mark.torch
@pytest.mark.parametrize("number", range(5))
def test_like_pytorch(number):
    import torch

    layer, in_shape = convolutions("alexnet")[number]
    x = normal(2, *in_shape).astype(np.float32)
    y, cache = layer.forward(x)
    dy = normal(*y.shape, seed=1).astype(np.float32)
    dx, grads = layer.backward(dy, cache)
    tx, tw, tb = (torch.tensor(a, requires_grad=True) for a in (x, *layer.params.values()))
    (stride, _), (padding, _), hangs_over = layer.windows.stride, layer.windows.padding, 3 if number == 0 else 0
    pixels = torch.nn.functional.pad(tx.permute(0, 3, 1, 2), (0, hangs_over, 0, hangs_over))
    ty = torch.nn.functional.conv2d(pixels, tw.permute(3, 2, 0, 1), tb, stride, padding, groups=layer.groups)
    ty.backward(torch.tensor(dy).permute(0, 3, 1, 2))
    pairs = (y, ty.detach().permute(0, 2, 3, 1)), (dx, tx.grad), (grads["weight"], tw.grad), (grads["bias"], tb.grad)
    for found, expected in pairs:
        expected = expected.numpy()
        assert found.shape == expected.shape and found.dtype == expected.dtype
        assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)

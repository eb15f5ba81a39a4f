"""Normalisation within each channel against loops, differences, PyTorch, and the mistakes people make.

At the source's constants most mistakes are invisible (alpha is 4e-5), so they are hunted at k = 1.5, alpha = 0.4,
beta = 0.6, size 3, on pictures that are higher than wide: no two alike, none at 1.
"""

import numpy as np
import pytest

from tests import reference
from tests.checks import agree, check_layer, edited, refused
from tests.layers.test_norm import edited_norm
from tinyalex.layers import Flatten, Layer, LocalResponseNorm, SpatialResponseNorm, blocks
from tinyalex.network import Network
from tinyalex.standin import xp as device

PROBE = dict(size=3, alpha=0.4, beta=0.6, k=1.5)
CASES = {
    "probe": ((5, 4, 2), PROBE),
    "the source's": ((7, 6, 2), dict(size=5, alpha=4e-5, beta=0.75, k=2.0)),
    "beta ¾, strong": ((7, 6, 2), dict(size=5, alpha=0.2, beta=0.75, k=1.7)),
    "beta above 1": ((4, 5, 1), dict(size=3, alpha=0.3, beta=1.25, k=1.3)),
    "window larger than the picture": ((3, 2, 2), dict(size=7, alpha=0.3, beta=0.6, k=1.5)),
    "window twice as large": ((2, 6, 1), dict(size=5, alpha=0.3, beta=0.6, k=1.5)),
    "window of one": ((3, 2, 2), dict(size=1, alpha=0.3, beta=0.6, k=1.5)),
    "one row": ((1, 6, 2), PROBE),
    "one column": ((6, 1, 2), PROBE),
    "one pixel": ((1, 1, 3), PROBE),
    "k below 1": ((4, 3, 2), dict(size=3, alpha=0.3, beta=0.6, k=0.7)),
    "alpha 0": ((4, 3, 2), dict(size=3, alpha=0.0, beta=0.6, k=1.5)),
}


def batch(shape, seed=0, scale=2.0):
    return scale * np.random.default_rng(seed).standard_normal((2, *shape))


def loops(constants):
    def forward(x, params):
        return reference.spatial_norm_forward(x, **constants)

    def backward(dy, x, params):
        return reference.spatial_norm_backward(dy, x, **constants), {}

    return forward, backward


@pytest.mark.parametrize("case", CASES)
def test_right(case):
    shape, constants = CASES[case]
    check_layer(SpatialResponseNorm(**constants), batch(shape), *loops(constants))


def test_the_defaults_are_the_sources():
    """A scale of 1e-3 over 5·5 pixels, a power of ¾; k is our reading."""
    x, layer = batch((6, 7, 2), scale=100.0), SpatialResponseNorm()  # large, so that 4e-5 counts
    agree(layer.forward(x)[0], reference.spatial_norm_forward(x, 5, 1e-3 / 25, 0.75, 2.0), "y")
    assert layer.out_shape((27, 27, 256)) == (27, 27, 256) and layer.params == {}
    assert str(layer) == "spatial norm size 5, alpha 4e-05, beta 0.75, k 2"


def test_by_hand():
    """All ones, 3×3: four pixels under the window in a corner, six at an edge, nine inside."""
    y, _ = SpatialResponseNorm(3, alpha=1.0, beta=1.0, k=0.5).forward(np.ones((1, 3, 3, 1)))
    agree(y[0, :, :, 0], [[1 / 4.5, 1 / 6.5, 1 / 4.5], [1 / 6.5, 1 / 9.5, 1 / 6.5], [1 / 4.5, 1 / 6.5, 1 / 4.5]], "y")


@pytest.mark.torch
@pytest.mark.parametrize("case", ["probe", "the source's", "beta ¾, strong", "one row"])
def test_like_pytorch(case):
    """Sums by a convolution with ones for each channel by itself, the gradient by autograd."""
    import torch

    shape, c = CASES[case]
    x, layer = batch(shape), SpatialResponseNorm(**c)
    tx = torch.tensor(x, requires_grad=True)
    maps = tx.permute(0, 3, 1, 2)
    ones = torch.ones(shape[2], 1, c["size"], c["size"], dtype=torch.float64)
    sums = torch.nn.functional.conv2d(maps**2, ones, padding=c["size"] // 2, groups=shape[2])
    ty = (maps / (c["k"] + c["alpha"] * sums) ** c["beta"]).permute(0, 2, 3, 1)
    y, cache = layer.forward(x)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    ty.backward(torch.tensor(dy))
    agree(y, ty.detach().numpy(), "y", rtol=1e-10, atol=1e-10)
    agree(layer.backward(dy, cache)[0], tx.grad.numpy(), "dx", rtol=1e-10, atol=1e-10)


@pytest.mark.torch
def test_the_twin_in_pytorch():
    """What `tinyalex.exchange.torch` sets beside the layer, in a network."""
    import torch

    from tinyalex.exchange.torch import torch_twin
    from tinyalex.layers import Conv2d, Flatten, Linear
    from tinyalex.network import Network

    features = {"conv1": Conv2d(3, 4, 3), "spatial1": SpatialResponseNorm(3, 0.4, 0.6, 1.5)}
    network = Network(features, {"flatten": Flatten(), "fc2": Linear(5 * 4 * 4, 2)}, (7, 6, 3))
    x = 3 * np.random.default_rng(0).standard_normal((2, 7, 6, 3), dtype="float32")
    scores = torch_twin(network)(torch.tensor(x.transpose(0, 3, 1, 2).copy())).detach().numpy()
    agree(network.predict(x), scores, "scores", rtol=1e-4, atol=1e-5)


def test_a_lone_pixel_reaches_half_a_window_each_way():
    """dy at one pixel of one channel: dx in the square around it, in that channel alone."""
    x, dy = 1 + np.random.default_rng(0).random((1, 7, 9, 2)), np.zeros((1, 7, 9, 2))
    dy[0, 3, 1, 1] = 1
    layer = SpatialResponseNorm(5, 0.4, 0.6, 1.5)
    dx, _ = layer.backward(dy, layer.forward(x)[1])
    reached = np.zeros(dx.shape, bool)
    reached[0, 1:6, 0:4, 1] = True
    np.testing.assert_array_equal(dx != 0, reached)


def test_with_a_window_of_one_both_normalisations_are_the_same():
    x = batch((3, 4, 5))
    agree(
        SpatialResponseNorm(**PROBE | {"size": 1}).forward(x)[0],
        LocalResponseNorm(**PROBE | {"size": 1}).forward(x)[0],
        "y",
    )


def test_large_numbers_of_float32():
    x = (1e4 * batch((6, 5, 3))).astype(np.float32)
    y, cache = SpatialResponseNorm().forward(x)
    dx, _ = SpatialResponseNorm().backward(np.ones_like(y), cache)
    assert np.isfinite(y).all() and np.isfinite(dx).all()


@pytest.mark.parametrize("constants", [PROBE, dict(size=5, alpha=4e-5, beta=0.75, k=2.0)], ids=["probe", "source"])
def test_blocks_decide_nothing(constants, monkeypatch):
    """One picture at a time, two, all at once: the same to the bit; and so is predict."""
    x = np.random.default_rng(0).standard_normal((5, 6, 4, 3), dtype="float32") * np.float32(50)
    dy = np.random.default_rng(1).standard_normal(x.shape, dtype="float32")
    layer, results = SpatialResponseNorm(**constants), []
    for size in (1, 2 * x[0].nbytes, 1 << 30):
        monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
        y, cache = layer.forward(x)
        results.append((y, layer.backward(dy, cache)[0], layer.predict(x)))
    for y, dx, predicted in results:
        agree(y, results[0][0], "y", exact=True)
        agree(dx, results[0][1], "dx", exact=True)
        agree(predicted, y, "predict", exact=True)
    agree(layer.predict(device.asarray(x)), y, "predict on the device", rtol=1e-6)


# ---------------------------------------------------------------------------------------------- refusals


def test_refuses():
    layer = SpatialResponseNorm(5)
    layer.name = "spatial2"
    label = "SpatialResponseNorm 'spatial2'"
    refused(lambda: layer.forward(np.ones((2, 3, 3, 8), int)), label, "int64", "float", error=TypeError)
    refused(lambda: layer.forward(np.ones((2, 8))), label, "(2, 8)", "4 axes")
    refused(lambda: layer.predict(np.ones((3, 3, 8))), label, "(3, 3, 8)", "4 axes")
    y, cache = layer.forward(np.ones((2, 3, 3, 8)))
    refused(lambda: layer.backward(y[:, :2], cache), label, "(2, 2, 3, 8)", "(2, 3, 3, 8)")
    for size in (4, 0, -3, 2.5, 3.0, (5, 5)):
        refused(lambda: SpatialResponseNorm(size), "SpatialResponseNorm", "size", size, "odd")
    refused(lambda: SpatialResponseNorm(k=0), "SpatialResponseNorm", "k = 0")
    refused(lambda: SpatialResponseNorm(alpha=-0.1), "SpatialResponseNorm", "alpha = -0.1")


# ---------------------------------------------------------------------------------------------- teeth


class LearnerSpatialNorm(Layer):
    """A right normalisation as a learner writes it; the edits below make it wrong in one place each."""

    def __init__(self, size, alpha, beta, k):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def out_shape(self, in_shape):
        return in_shape

    def window_sum(self, a):
        (_, H, W, _), half = a.shape, self.size // 2
        total = a * 0
        for down in range(-half, half + 1):
            for right in range(-half, half + 1):
                top, bottom, left, end = max(0, down), min(H, H + down), max(0, right), min(W, W + right)
                if top < bottom and left < end:
                    total[:, top - down : bottom - down, left - right : end - right] += a[:, top:bottom, left:end]
        return total

    def forward(self, x, train=False, rng=None):
        d = self.k + self.alpha * self.window_sum(x * x)
        y = x / d**self.beta
        return y, (x, d)

    def backward(self, dy, cache, input_grad=True):
        x, d = cache
        cross = self.window_sum(dy * x * d ** (-self.beta - 1))
        dx = dy * d**-self.beta - 2 * self.alpha * self.beta * x * cross
        return dx if input_grad else None, {}


def check_learner(cls):
    shape, constants = CASES["probe"]
    check_layer(cls(**constants), batch(shape), *loops(constants))


def test_without_a_mistake_the_check_passes():
    check_learner(LearnerSpatialNorm)


D = "self.k + self.alpha * self.window_sum(x * x)"
DOWN, RIGHT = "down in range(-half, half + 1)", "right in range(-half, half + 1)"
ADDS = "total[:, top - down : bottom - down, left - right : end - right] += a[:, top:bottom, left:end]"
CROSS = "self.window_sum(dy * x * d ** (-self.beta - 1))"
WRONG = {
    "alpha over the window's count": (D, "self.k + self.alpha / self.size**2 * self.window_sum(x * x)"),
    "alpha / size": (D, "self.k + self.alpha / self.size * self.window_sum(x * x)"),
    "k left out": (D, "self.alpha * self.window_sum(x * x)"),
    "k is 1": (D, "1 + self.alpha * self.window_sum(x * x)"),
    "k is 2": (D, "2 + self.alpha * self.window_sum(x * x)"),
    "alpha multiplies k": (D, "self.alpha * (self.k + self.window_sum(x * x))"),
    "alpha left out": (D, "self.k + self.window_sum(x * x)"),
    "absolute value for the square": (D, "self.k + self.alpha * self.window_sum(abs(x))"),
    "the square of the sum": (D, "self.k + self.alpha * self.window_sum(x) ** 2"),
    "the own pixel only": (D, "self.k + self.alpha * x * x"),
    "the own pixel left out": (D, "self.k + self.alpha * (self.window_sum(x * x) - x * x)"),
    "a sum over all channels": (D, "self.k + self.alpha * self.window_sum(x * x).sum(axis=3, keepdims=True)"),
    "down only": (RIGHT, "right in (0,)"),
    "across only": (DOWN, "down in (0,)"),
    "one row short below": (DOWN, "down in range(-half, half)"),
    "one column short on the left": (RIGHT, "right in range(-half + 1, half + 1)"),
    "a cross for a square": ("if top < bottom and left < end", "if top < bottom and left < end and not down * right"),
    "window of size each way": (DOWN, "down in range(-self.size, self.size + 1)"),
    "window wraps round": (ADDS, "total += a.__array_namespace__().roll(a, (-down, -right), (1, 2))"),
    "window shifted the wrong way at the edges": (ADDS, "total[:, top:bottom, left:end] += a[:, top:bottom, left:end]"),
    "edges rescaled by their count": (D, D + " * (self.size**2 / self.window_sum(x * 0 + 1))"),
    "no damping at the edges": (D, D + " * (self.window_sum(x * 0 + 1) == self.size**2)"),
    "beta is ¾": ("x / d**self.beta", "x / d**0.75"),
    "multiplies by the denominator": ("x / d**self.beta", "x * d**self.beta"),
    "backward without the cross term": (CROSS, "x * 0"),
    "cross term of the own pixel": (CROSS, "dy * x * d ** (-self.beta - 1)"),
    "factor 2 lost": ("- 2 * self.alpha", "- self.alpha"),
    "cross term with the wrong sign": ("- 2 * self.alpha", "+ 2 * self.alpha"),
    "cross term without beta": ("2 * self.alpha * self.beta", "2 * self.alpha"),
    "cross term without alpha": ("2 * self.alpha * self.beta", "2 * self.beta"),
    "power −beta": (CROSS, "self.window_sum(dy * x * d**-self.beta)"),
    "the denominator taken at the wrong pixel": (CROSS, "self.window_sum(dy * x) * d ** (-self.beta - 1)"),
    "dy left out of the cross term": (CROSS, "self.window_sum(x * d ** (-self.beta - 1))"),
    "x squared in place": ("self.window_sum(x * x)", "self.window_sum(x.__imul__(x))"),
    "a float64 constant": (D, "np.float64(self.k) + self.alpha * self.window_sum(x * x)"),
    "numpy by name": ("x / d**self.beta", "x / np.power(d, self.beta)"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_sees(mistake):
    with pytest.raises(AssertionError):
        check_learner(edited(LearnerSpatialNorm, *WRONG[mistake]))


SUMS = "array_module(a).multiply(_sums_along(2, down, half), scale, out=out)"
WRONG_IN_OURS = {
    "k forgotten": ("q += self.k", "q += 0"),
    "d^−½ for 1 / d": ("                ratio *= ratio\n", ""),
    "x left out of the sum": ("                ratio *= xb  # x / d\n", ""),
    "the root's power": ("power(q, 4 * self.beta", "power(q, 2 * self.beta"),
    "a square for the cube": ("            out *= q\n", ""),
    "writes into the cache": ("ratio = qb * qb", "ratio = qb; ratio *= qb"),
    "down twice": (SUMS, "array_module(a).multiply(_sums_along(1, down, half), scale, out=out)"),
    "not across": (SUMS, "array_module(a).multiply(down, scale, out=out)"),
    "channels for rows": ("_sums_along(1, a * b, half)", "_sums_along(3, a * b, half)"),
    "squares where products belong": ("a * b, half", "a * a, half"),
    "window of size each way": ("half = self.size // 2", "half = self.size"),
    "scale forgotten": (SUMS, "array_module(a).multiply(_sums_along(2, down, half), 1, out=out)"),
    "pixels apart": ("return a  # whole", "return a.reshape(-1, 1, 1, a.shape[3])  # whole"),
}


@pytest.mark.parametrize("mistake", WRONG_IN_OURS)
def test_the_check_sees_in_our_own(mistake):
    wrong = edited_norm(SpatialResponseNorm, *WRONG_IN_OURS[mistake])
    with pytest.raises(AssertionError), np.errstate(all="ignore"):
        for case in ("probe", "beta ¾, strong"):
            shape, constants = CASES[case]
            check_layer(wrong(**constants), batch(shape), *loops(constants))


def test_features_without_pixels_are_refused_with_the_network():
    head = {"flatten": Flatten(), "norm1": SpatialResponseNorm()}
    refused(lambda: Network({}, head, (3, 3, 5)), "'norm1'", (45,), "(H, W, C)")

"""Local response normalisation against loops, differences, PyTorch, and the mistakes people make.

At the paper's constants most mistakes are invisible (alpha is 1e-4), so they are hunted at k = 1.5, alpha = 0.5,
beta = 0.6, size 3: no two alike, none at 1.
"""

import inspect

import numpy as np
import pytest

from tests import reference
from tests.checks import agree, check_layer, edited, refused
from tinyalex.layers import Flatten, Layer, LocalResponseNorm, blocks
from tinyalex.layers.norm import _ResponseNorm
from tinyalex.network import Network
from tinyalex.standin import xp as device

PROBE = dict(size=3, alpha=0.5, beta=0.6, k=1.5)
CASES = {
    "probe": (6, PROBE),
    "the paper's": (6, dict(size=5, alpha=1e-4, beta=0.75, k=2.0)),
    "beta ¾, strong": (6, dict(size=5, alpha=0.3, beta=0.75, k=1.7)),
    "beta ½": (4, dict(size=3, alpha=0.4, beta=0.5, k=1.3)),
    "beta above 1": (4, dict(size=3, alpha=0.4, beta=1.25, k=1.3)),
    "window wider than the channels": (3, dict(size=7, alpha=0.5, beta=0.6, k=1.5)),
    "window of one": (3, dict(size=1, alpha=0.5, beta=0.6, k=1.5)),
    "one channel": (1, PROBE),
    "beta 1½": (4, dict(size=3, alpha=0.4, beta=1.5, k=1.3)),
    "k below 1": (4, dict(size=3, alpha=0.4, beta=0.6, k=0.7)),
    "alpha 0": (3, dict(size=3, alpha=0.0, beta=0.6, k=1.5)),
}


def batch(channels, seed=0, scale=2.0):
    return scale * np.random.default_rng(seed).standard_normal((2, 2, 3, channels))


def loops(constants):
    def forward(x, params):
        return reference.lrn_forward(x, **constants)

    def backward(dy, x, params):
        return reference.lrn_backward(dy, x, **constants), {}

    return forward, backward


def edited_norm(cls, *edits):
    """A normalisation with a mistake planted, `edited`, be it in its own class or in what the two kinds share."""
    if edits[0] in inspect.getsource(cls):
        return edited(cls, *edits)
    shared = vars(edited(_ResponseNorm, *edits))
    return type(
        cls.__name__, (cls,), {name: f for name, f in shared.items() if inspect.isfunction(f) and name[:2] != "__"}
    )


@pytest.mark.parametrize("case", CASES)
def test_right(case):
    channels, constants = CASES[case]
    check_layer(LocalResponseNorm(**constants), batch(channels), *loops(constants))


def test_the_defaults_are_the_papers():
    x = batch(7, scale=50.0)  # large, so that 1e-4 counts
    agree(LocalResponseNorm().forward(x)[0], reference.lrn_forward(x, 5, 1e-4, 0.75, 2.0), "y")
    layer = LocalResponseNorm()
    assert layer.out_shape((55, 55, 96)) == (55, 55, 96) and layer.params == {}


@pytest.mark.parametrize(
    "argument, value, expected",
    [
        ("size", 4, "an odd number, 1 or more"),
        ("alpha", -1, "a finite number, 0 or more"),
        ("beta", np.inf, "a finite number"),
        ("k", 0, "a finite number above 0"),
    ],
)
def test_says_what_was_expected(argument, value, expected):
    with pytest.raises(ValueError) as caught:
        LocalResponseNorm(**{argument: value})
    assert str(caught.value) == f"LocalResponseNorm: {argument} = {value}, expected {expected}"


def test_as_text():
    assert str(LocalResponseNorm()) == "LRN size 5, alpha 0.0001, beta 0.75, k 2"
    assert str(LocalResponseNorm(3, 0.5, 0.6, 1.5, groups=2)) == "LRN size 3, alpha 0.5, beta 0.6, k 1.5, 2 groups"


@pytest.mark.parametrize("groups", [2, 3])
def test_groups_do_not_meet(groups):
    """As one layer for each run of the channels: by loops, and by its gradient."""
    x, width = batch(12), 12 // groups
    runs = [slice(start, start + width) for start in range(0, 12, width)]

    def forward(x, params):
        return np.concatenate([reference.lrn_forward(x[..., run], **PROBE) for run in runs], axis=-1)

    def backward(dy, x, params):
        return np.concatenate([reference.lrn_backward(dy[..., run], x[..., run], **PROBE) for run in runs], axis=-1), {}

    check_layer(LocalResponseNorm(**PROBE, groups=groups), x, forward, backward)


@pytest.mark.torch
def test_groups_like_pytorch():
    import torch

    from tinyalex.exchange.torch import _modules

    layer, x = LocalResponseNorm(**PROBE, groups=2), batch(6)
    (theirs,) = _modules(layer, x.shape[1:], x.shape[1:])
    y = theirs(torch.tensor(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    agree(layer.forward(x)[0], y, "y", rtol=1e-10, atol=1e-10)


@pytest.mark.torch
@pytest.mark.parametrize("case", ["probe", "the paper's", "beta ¾, strong", "window wider than the channels"])
def test_like_pytorch(case):
    """PyTorch divides alpha by size, so it is given alpha · size."""
    import torch

    channels, c = CASES[case]
    x, layer = batch(channels), LocalResponseNorm(**c)
    tx = torch.tensor(x, requires_grad=True)
    theirs = c["size"], c["alpha"] * c["size"], c["beta"], c["k"]
    ty = torch.nn.functional.local_response_norm(tx.permute(0, 3, 1, 2), *theirs).permute(0, 2, 3, 1)
    y, cache = layer.forward(x)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    ty.backward(torch.tensor(dy))
    agree(y, ty.detach().numpy(), "y", rtol=1e-10, atol=1e-10)
    agree(layer.backward(dy, cache)[0], tx.grad.numpy(), "dx", rtol=1e-10, atol=1e-10)


def test_a_lone_channel_reaches_half_a_window_each_way():
    """dy in one channel alone: dx in its neighbours, through their denominators, and nowhere else."""
    x, dy = 1 + np.arange(9.0).reshape(1, 1, 1, 9) / 10, np.zeros((1, 1, 1, 9))
    dy[..., 4] = 1
    layer = LocalResponseNorm(5, 0.5, 0.6, 1.5)
    dx, _ = layer.backward(dy, layer.forward(x)[1])
    assert list(np.flatnonzero(dx)) == [2, 3, 4, 5, 6]


def test_ten_times_the_input_is_a_hundred_times_the_sum():
    x = batch(5)
    layer = LocalResponseNorm(**PROBE)
    sums, larger = (((a / layer.forward(a)[0]) ** (1 / PROBE["beta"]) - PROBE["k"]) for a in (x, 10 * x))
    agree(larger, 100 * sums, "sum of squares")


def test_large_numbers_of_float32():
    x = (1e4 * batch(5)).astype(np.float32)
    y, cache = LocalResponseNorm().forward(x)
    dx, _ = LocalResponseNorm().backward(np.ones_like(y), cache)
    assert np.isfinite(y).all() and np.isfinite(dx).all()


@pytest.mark.parametrize("constants", [PROBE, dict(size=5, alpha=1e-4, beta=0.75, k=2.0)], ids=["probe", "paper"])
def test_blocks_decide_nothing(constants, monkeypatch):
    """One pixel at a time, a few, all at once: the same to the bit; and so is predict."""
    x = batch(7, scale=50.0).astype(np.float32)
    dy = np.random.default_rng(1).standard_normal(x.shape).astype(np.float32)
    layer, results = LocalResponseNorm(**constants), []
    for size in (1, 5 * x[0, 0, 0].nbytes, 1 << 30):
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
    layer = LocalResponseNorm(5)
    layer.name = "norm1"
    label = "LocalResponseNorm 'norm1'"
    refused(lambda: layer.forward(np.ones((2, 3, 3, 8), int)), label, "int64", "float", error=TypeError)
    y, cache = layer.forward(np.ones((2, 3, 3, 8)))
    refused(lambda: layer.backward(y[..., :7], cache), label, "(2, 3, 3, 7)", "(2, 3, 3, 8)")
    for size in (4, 0, -3, 2.5, 3.0):
        refused(lambda: LocalResponseNorm(size), "LocalResponseNorm", "size", size, "odd")
    refused(lambda: LocalResponseNorm(groups=0), "LocalResponseNorm", "groups = 0")
    refused(lambda: LocalResponseNorm(groups=3).forward(np.ones((2, 3, 3, 8))), "8 channels", "groups = 3")
    refused(lambda: LocalResponseNorm(k=0), "LocalResponseNorm", "k = 0")
    refused(lambda: LocalResponseNorm(alpha=-0.1), "LocalResponseNorm", "alpha = -0.1")


# ---------------------------------------------------------------------------------------------- teeth


class LearnerLRN(Layer):
    """A right normalisation as a learner writes it; the edits below make it wrong in one place each."""

    def __init__(self, size, alpha, beta, k):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def out_shape(self, in_shape):
        return in_shape

    def window_sum(self, a):
        C, half = a.shape[-1], self.size // 2
        total = a * 0
        for shift in range(-half, half + 1):
            low, high = max(0, shift), min(C, C + shift)
            if low < high:
                total[..., low - shift : high - shift] += a[..., low:high]
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
    check_layer(cls(**PROBE), batch(6), *loops(PROBE))


def test_without_a_mistake_the_check_passes():
    check_learner(LearnerLRN)


D = "self.k + self.alpha * self.window_sum(x * x)"
SHIFTS = "range(-half, half + 1)"
CROSS = "self.window_sum(dy * x * d ** (-self.beta - 1))"
WRONG = {
    "alpha / size": (D, "self.k + self.alpha / self.size * self.window_sum(x * x)"),
    "k left out": (D, "self.alpha * self.window_sum(x * x)"),
    "k is 1": (D, "1 + self.alpha * self.window_sum(x * x)"),
    "alpha multiplies k": (D, "self.alpha * (self.k + self.window_sum(x * x))"),
    "alpha left out": (D, "self.k + self.window_sum(x * x)"),
    "absolute value for the square": (D, "self.k + self.alpha * self.window_sum(abs(x))"),
    "the square of the sum": (D, "self.k + self.alpha * self.window_sum(x) ** 2"),
    "the own channel only": (D, "self.k + self.alpha * x * x"),
    "the own channel left out": (D, "self.k + self.alpha * (self.window_sum(x * x) - x * x)"),
    "window one short at the top": (SHIFTS, "range(-half, half)"),
    "window of size each way": (SHIFTS, "range(-self.size, self.size + 1)"),
    "window wraps round": (
        "total[..., low - shift : high - shift] += a[..., low:high]",
        "total += a.__array_namespace__().roll(a, -shift, 3)",
    ),
    "ends rescaled by their count": (D, D + " * (self.size / self.window_sum(x * 0 + 1))"),
    "window over the width": (D, "self.k + self.alpha * self.window_sum((x * x).swapaxes(2, 3)).swapaxes(2, 3)"),
    "beta is ¾": ("x / d**self.beta", "x / d**0.75"),
    "a square root": ("x / d**self.beta", "x / d**0.5"),
    "multiplies by the denominator": ("x / d**self.beta", "x * d**self.beta"),
    "backward without the cross term": (CROSS, "x * 0"),
    "cross term of the own channel": (CROSS, "dy * x * d ** (-self.beta - 1)"),
    "factor 2 lost": ("- 2 * self.alpha", "- self.alpha"),
    "cross term with the wrong sign": ("- 2 * self.alpha", "+ 2 * self.alpha"),
    "cross term without beta": ("2 * self.alpha * self.beta", "2 * self.alpha"),
    "cross term without alpha": ("2 * self.alpha * self.beta", "2 * self.beta"),
    "power −beta": (CROSS, "self.window_sum(dy * x * d**-self.beta)"),
    "the denominator taken at j": (CROSS, "self.window_sum(dy * x) * d ** (-self.beta - 1)"),
    "x_j where x_i belongs": ("* x * cross", "* cross", CROSS, "self.window_sum(dy * x * x * d ** (-self.beta - 1))"),
    "dy left out of the cross term": (CROSS, "self.window_sum(x * d ** (-self.beta - 1))"),
    "x squared in place": ("self.window_sum(x * x)", "self.window_sum(x.__imul__(x))"),
    "a float64 constant": (D, "np.float64(self.k) + self.alpha * self.window_sum(x * x)"),
    "numpy by name": ("x / d**self.beta", "x / np.power(d, self.beta)"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_sees(mistake):
    with pytest.raises(AssertionError):
        check_learner(edited(LearnerLRN, *WRONG[mistake]))


WRONG_IN_OURS = {
    "k forgotten": ("q += self.k", "q += 0"),
    "one root": ("        xp.sqrt(q, out=q)\n        xp.sqrt(q, out=q)\n", "        xp.sqrt(q, out=q)\n"),
    "d^−½ for 1 / d": ("                ratio *= ratio\n", ""),
    "x left out of the sum": ("                ratio *= xb  # x / d\n", ""),
    "pixels run into each other": ("a.dtype)  # pixel", "a.dtype) + 0.1  # pixel"),
    "the root's power": ("power(q, 4 * self.beta", "power(q, 2 * self.beta"),
    "sums squares where products belong": ("multiply(a, b, out=row", "multiply(a, a, out=row"),
    "window one short at the top": ("range(1, self.size)", "range(1, self.size - 1)"),
    "a square for the cube": ("            out *= q\n", ""),
    "writes into the cache": ("ratio = qb * qb", "ratio = qb; ratio *= qb"),
}


@pytest.mark.parametrize("mistake", WRONG_IN_OURS)
def test_the_check_sees_in_our_own(mistake):
    wrong = edited_norm(LocalResponseNorm, *WRONG_IN_OURS[mistake])
    with pytest.raises(AssertionError), np.errstate(all="ignore"):
        for case in ("probe", "beta ¾, strong"):
            channels, constants = CASES[case]
            check_layer(wrong(**constants), batch(channels), *loops(constants))


def test_channels_that_the_groups_do_not_divide_are_refused_with_the_network():
    features = {"norm1": LocalResponseNorm(groups=2)}
    refused(lambda: Network(features, {"flatten": Flatten()}, (3, 3, 5)), "'norm1'", 5, "groups = 2")

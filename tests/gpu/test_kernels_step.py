"""The kernels of the loss, of dropout and of the update, through g++ beside the words that they stand for."""

import numpy as np
import pytest

from tests.checks import host
from tests.gpu.emulated import emulated, needs_compiler, watched
from tinyalex.layers import Dropout, SoftmaxCrossEntropy
from tinyalex.optim import SGD
from tinyalex.standin import kernels_by, xp

pytestmark = needs_compiler
BOTH = [(np.float32, 1e-6), (np.float64, 1e-14)]
AWKWARD = [np.nan, np.inf, -np.inf, -0.0, 0.0]


def both_ways(work, ran, threads=7):
    """(what work() returns through kernels, and without); fails unless exactly the kernels named `ran` ran."""
    names = []
    with np.errstate(invalid="ignore"):
        with kernels_by(watched(names, emulated(threads, seed=5))):
            by_kernels = work()
        assert names == ran
        return by_kernels, work()


def alike(found, expected, tolerance=0):
    """As `tests.checks.agree`, where NaN equals NaN."""
    np.testing.assert_allclose(host(found), host(expected), tolerance, tolerance)


# ---------------------------------------------------------------------------------------------- the loss


def loss_of(logits, labels, smoothing):
    """(loss, dlogits) on the stand-in."""
    loss = SoftmaxCrossEntropy(smoothing)
    value, cache = loss.forward(xp.asarray(logits), xp.asarray(labels))
    return value, loss.backward(cache)


def check_loss(logits, labels, tolerance, smoothing=0.0):
    ran = ["cross_entropy", "cross_entropy_backward"]
    (value, dlogits), (expected, slopes) = both_ways(lambda: loss_of(logits, labels, smoothing), ran)
    assert value.dtype == dlogits.dtype == logits.dtype
    alike(value, expected, tolerance)
    alike(dlogits, slopes, tolerance)
    return value.item()


@pytest.mark.parametrize("dtype, tolerance", BOTH)
@pytest.mark.parametrize("labels", ["int64", "int32", "int8", "uint8", "uint16", "uint64"])
def test_loss(labels, dtype, tolerance):
    logits = np.random.default_rng(0).standard_normal((9, 5)).astype(dtype)
    plain, smooth = (check_loss(logits, np.arange(9).astype(labels) % 5, tolerance, s) for s in (0.0, 0.1))
    assert plain != smooth


@pytest.mark.parametrize("dtype, tolerance", BOTH)
def test_loss_of_hard_scores(dtype, tolerance):
    far = np.array([[1e4, 0, -1e4], [-1e4, -1e4, 1 - 1e4], [3, 90, 2], [0, 0, -800], [-0.0, 0.0, 0.0]], dtype)
    assert np.isfinite(check_loss(far, np.array([1, 0, 2, 2, 0]), tolerance))
    assert check_loss(np.array([[3.0]], dtype), np.array([0]), tolerance) == 0
    for value in (np.nan, np.inf):
        far[1, 1] = value
        assert np.isnan(check_loss(far, np.array([1, 0, 2, 2, 0]), tolerance))


@pytest.mark.parametrize("labels", ["int64", "int8", "uint8", "uint64"])
def test_a_label_out_of_range_has_no_loss(labels):
    logits = np.random.default_rng(0).standard_normal((3, 4))
    for wrong in (4, -1):
        assert np.isnan(check_loss(logits, np.array([0, wrong, 2]).astype(labels), 1e-14))


# ---------------------------------------------------------------------------------------------- dropout


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("inverted", [True, False])
@pytest.mark.parametrize("p", [0, 0.3, 0.9])
def test_dropout(p, inverted, dtype):
    x = np.random.default_rng(0).standard_normal((6, 35)).astype(dtype)
    x[0, :5] = AWKWARD

    def work():
        y, (_, factor) = Dropout(p, inverted).forward(xp.asarray(x), True, np.random.default_rng(1))
        return y, factor

    for found, expected in zip(*both_ways(work, ["dropout"])):
        assert found.dtype == dtype
        alike(found, expected)


def test_a_share_of_exactly_p_is_dropped(monkeypatch):
    """p as float32, as the numbers drawn are, also in float64."""
    share = np.float32(0.7)  # less than 0.7
    drawn = np.array([[0.0, share, np.nextafter(share, np.float32(0)), 0.99]], np.float32)
    monkeypatch.setattr("tinyalex.layers.dropout.uniform", lambda rng, shape, xp: xp.asarray(drawn))
    for dtype in (np.float32, np.float64):
        x = xp.asarray(np.ones((1, 4), dtype))
        by_kernels, words = both_ways(lambda: Dropout(0.7, False).forward(x, True)[0].tolist(), ["dropout"])
        assert by_kernels == words == [[0, 1, 0, 1]]


# ---------------------------------------------------------------------------------------------- the update

FACTORS = {"b.bias": 2.0, "b.weight": 0.0}, {"b.bias": 0.0, "c": 3.0}


def steps(params, grads, fixed=(), momentum=0.7, decay=0.2):
    """Parameters and velocities after three steps on the stand-in."""
    optimiser = SGD({name: xp.asarray(w) for name, w in params.items()}, momentum, decay, *FACTORS)
    optimiser.fixed = fixed
    for lr in (0.3, 0.03, 0.2):
        optimiser.step({name: xp.asarray(g) for name, g in grads.items() if name not in fixed}, lr)
    return optimiser.params | {f"v {name}": v for name, v in optimiser.velocity.items()}


@pytest.mark.parametrize("dtype, tolerance", BOTH)
def test_sgd(dtype, tolerance):
    shapes = {"a": (3, 2, 4), "b.weight": (5, 3), "b.bias": (1,), "c": (7,), "none": (0, 3)}
    params, grads = (
        {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
        for rng in map(np.random.default_rng, (0, 1))
    )
    params["c"][:5], grads["a"][0, 0] = AWKWARD, [np.nan, np.inf, -np.inf, -0.0]
    for fixed in ((), ("a", "c")):
        ran = ["sgd"] * 3 * (len(shapes) - 1 - len(fixed))  # none for the array without entries
        by_kernels, words = both_ways(lambda: steps(params, grads, fixed), ran)
        for name, found in by_kernels.items():
            assert found.dtype == dtype
            alike(found, words[name], tolerance)
    assert (by_kernels["a"].get() == params["a"]).all() and not by_kernels["v a"].get().any()


def test_sgd_goes_on_in_words_where_a_kernel_cannot():
    """For weights that are not contiguous, or arrays of two dtypes; a gradient that is not contiguous is copied."""
    w, g = np.random.default_rng(0).standard_normal((2, 3, 4))

    def work(turned, dtype):
        optimiser = SGD({"w": xp.asarray(w.T.copy()).T if turned else xp.asarray(w)})
        optimiser.step({"w": xp.asarray(g.astype(dtype))}, 0.1)
        return optimiser.params["w"]

    expected, _ = both_ways(lambda: work(False, "float64"), ["sgd"])
    optimiser, turned = SGD({"w": xp.asarray(w)}), xp.asarray(g.T.copy()).T
    both_ways(lambda: optimiser.step({"w": turned}, 0.1), ["sgd"])
    for turned, dtype, tolerance in ((True, "float64", 1e-14), (False, "float32", 1e-6)):
        alike(both_ways(lambda: work(turned, dtype), [])[0], expected, tolerance)

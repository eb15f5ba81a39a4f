"""Softmax and cross-entropy against loops, differences, PyTorch, and the mistakes people make."""

import math

import numpy as np
import pytest

from tests import reference
from tests.checks import agree, edited, host, layouts, numerical_gradient, refused
from tinyalex.layers import SoftmaxCrossEntropy, loss, softmax
from tinyalex.standin import DeviceArray
from tinyalex.standin import xp as device

LABELS = np.array([2, 0, 5, 2])


def scores(shape=(4, 6), seed=0, scale=2.0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


def check_loss(loss, smoothing=0.0):
    """AssertionError unless `loss` is right: values, gradient, manners, dtypes, device, and scores far out."""
    logits, before = scores(), dict(vars(loss))
    kept = logits.copy()
    value, cache = loss.forward(logits, LABELS)
    agree(value, reference.cross_entropy_forward(kept, LABELS, smoothing), "loss against the loops")
    loss.forward(scores(seed=9), LABELS[::-1])
    dlogits = loss.backward(cache)
    agree(dlogits, reference.cross_entropy_backward(kept, LABELS, smoothing), "dlogits, after a second forward")
    slopes = numerical_gradient(lambda: float(loss.forward(logits, LABELS)[0]), logits)
    agree(dlogits, slopes, "dlogits against differences")
    agree(logits, kept, "forward wrote into logits", exact=True)
    kept_gradient = dlogits.copy()
    agree(loss.backward(cache), kept_gradient, "backward twice")
    agree(dlogits, kept_gradient, "the second backward changed the first dlogits", exact=True)
    assert vars(loss) == before, "the loss keeps something of the batch"
    for name, laid_out in layouts(logits[:, :, None]):
        agree(loss.backward(loss.forward(laid_out[:, :, 0], LABELS)[1]), dlogits, f"dlogits of {name} logits")
    agree(loss.forward(np.zeros((4, 6)), LABELS)[0], math.log(6), "loss of a guesser")
    twice, cache = loss.forward(np.concatenate([logits] * 2), np.concatenate([LABELS] * 2))
    agree(twice, value, "loss of the batch stacked twice")
    agree(loss.backward(cache), np.concatenate([dlogits] * 2) / 2, "dlogits of the batch stacked twice")
    _check_dtypes_and_device(loss, logits, value, dlogits)
    _check_far_out(loss, smoothing)


def _check_dtypes_and_device(loss, logits, value, dlogits):
    for labels in (np.int32, np.uint8):
        low, cache = loss.forward(logits.astype(np.float32), LABELS.astype(labels))
        assert getattr(low, "dtype", None) == loss.backward(cache).dtype == np.float32, "float32 not kept"
        agree(low, value, "loss in float32", rtol=1e-5)
        agree(loss.backward(cache), dlogits, "dlogits in float32", rtol=1e-4, atol=1e-6)
    try:
        on_device, cache = loss.forward(device.asarray(logits), device.asarray(LABELS))
        gradient = loss.backward(cache)
    except (TypeError, AttributeError) as refusal:
        raise AssertionError(f"does not run on the device: {refusal}") from refusal
    assert isinstance(on_device, DeviceArray) and isinstance(gradient, DeviceArray), "came back to the host"
    agree(on_device, value, "loss on the device", rtol=1e-12)
    agree(gradient, dlogits, "dlogits on the device", rtol=1e-12)


def _check_far_out(loss, smoothing):
    """Rows far apart, far from zero, and a right answer that the network thinks impossible."""
    far = np.array([[1e4, 0, -1e4], [-1e4, -1e4, -1e4 + 1], [3, 90, 2], [0, 0, -800]])
    labels = np.array([1, 0, 2, 2])
    for dtype in (np.float64, np.float32):
        with np.errstate(all="ignore"):
            value, cache = loss.forward(far.astype(dtype), labels)
            dlogits = loss.backward(cache)
        expected, slopes = (
            of(far, labels, smoothing) for of in (reference.cross_entropy_forward, reference.cross_entropy_backward)
        )
        agree(value, expected, "loss of far-out scores", rtol=1e-5)
        agree(dlogits, slopes, "dlogits of far-out scores", rtol=1e-5, atol=1e-6)


def test_right():
    check_loss(SoftmaxCrossEntropy())


@pytest.mark.parametrize("smoothing", [0.1, 0.7])
def test_smoothed_labels(smoothing):
    check_loss(SoftmaxCrossEntropy(smoothing), smoothing)


@pytest.mark.parametrize(
    "old, new",
    [
        ("losses += self.smoothing", "losses -= self.smoothing"),
        ("shifted.mean(axis=1) - losses", "shifted.mean(axis=1)"),
        ("shifted.mean(axis=1) -", "shifted.sum(axis=1) -"),
        ("dlogits += self.smoothing", "dlogits -= self.smoothing"),
        ("self.smoothing / len(exps)", "self.smoothing"),
        ("onehot - 1 / exps.shape[1]", "onehot"),
        ("onehot - 1 / exps.shape[1]", "onehot - 1 / (exps.shape[1] - 1)"),  # over the other classes alone
    ],
)
def test_smoothing_teeth(old, new):
    with pytest.raises(AssertionError):
        check_loss(edited(SoftmaxCrossEntropy, old, new)(0.1), 0.1)


@pytest.mark.parametrize("smoothing", [-0.1, 1, np.nan, "0.1", None])
def test_a_smoothing_that_is_none(smoothing):
    refused(lambda: SoftmaxCrossEntropy(smoothing), "SoftmaxCrossEntropy: smoothing = ", "expected 0 ≤ smoothing < 1")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_far_out_without_a_warning(dtype):
    loss = SoftmaxCrossEntropy()
    value, cache = loss.forward(np.array([[1e4, -1e4], [-1e4, 1e4]], dtype), np.array([0, 0]))
    assert value == 1e4 and value.dtype == dtype
    agree(loss.backward(cache), [[0, 0], [-0.5, 0.5]], "dlogits")


def test_one_picture_one_class():
    value, cache = SoftmaxCrossEntropy().forward(np.array([[3.0]]), np.array([0]))
    assert value == 0 and SoftmaxCrossEntropy().backward(cache) == [[0]]


@pytest.mark.torch
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_like_pytorch(smoothing):
    import torch

    logits, labels = scores((5, 1000), scale=5.0), np.array([0, 999, 17, 17, 500])
    t = torch.tensor(logits, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(t, torch.tensor(labels), label_smoothing=smoothing)
    expected.backward()
    value, cache = SoftmaxCrossEntropy(smoothing).forward(logits, labels)
    agree(value, expected.detach().numpy(), "loss", rtol=1e-10, atol=1e-10)
    agree(SoftmaxCrossEntropy(smoothing).backward(cache), t.grad.numpy(), "dlogits", rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "logits, labels, error, words",
    [
        (scores(), np.array([2, 0, 6, 2]), ValueError, ("0 to 6", "0 to 5")),
        (scores(), np.array([2, -1, 5, 2]), ValueError, ("-1 to 5", "0 to 5")),
        (scores(), LABELS[:3], ValueError, ("(3,)", "(4,)")),
        (scores(), LABELS[:, None], ValueError, ("(4, 1)", "(4,)")),
        (scores(), np.eye(6, dtype=int)[LABELS], ValueError, ("(4, 6)", "(4,)")),
        (scores(), LABELS.astype(float), TypeError, ("float64", "integers")),
        (scores(), LABELS > 1, TypeError, ("bool", "integers")),
        (scores(), device.asarray(LABELS), TypeError, ("labels", "library")),
        (scores((4, 1, 6)), LABELS, ValueError, ("(4, 1, 6)", "(N, K)")),
        (scores((0, 6)), LABELS[:0], ValueError, ("(0, 6)", "N ≥ 1")),
        (np.ones((4, 6), int), LABELS, TypeError, ("int64", "floating")),
        (scores().tolist(), LABELS, TypeError, ("logits", "list", "array")),
        (scores(), LABELS.tolist(), TypeError, ("labels", "list", "array")),
        (np.ma.masked_array(scores()), LABELS, TypeError, ("logits", "MaskedArray", "plain")),
    ],
)
def test_refuses(logits, labels, error, words):
    refused(lambda: SoftmaxCrossEntropy().forward(logits, labels), "SoftmaxCrossEntropy", *words, error=error)


def test_a_label_out_of_range_does_not_pass_on_the_device():
    """There a look at the labels would be a wait, so the loss itself must tell."""
    for wrong, smoothing in ((6, 0.0), (-1, 0.0), (6, 0.1)):
        value, _ = SoftmaxCrossEntropy(smoothing).forward(device.asarray(scores()), device.asarray([2, 0, wrong, 2]))
        assert np.isnan(value.item())


class LearnerLoss:
    """A right softmax cross-entropy as a learner writes it; the edits below make it wrong in one place each."""

    def forward(self, logits, labels):
        xp = logits.__array_namespace__()
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_p = shifted - xp.log(xp.exp(shifted).sum(axis=1, keepdims=True))
        onehot = (labels[:, None] == xp.arange(logits.shape[1])).astype(logits.dtype)
        loss = -(log_p * onehot).sum() / len(logits)
        return loss, (log_p, onehot)

    def backward(self, cache):
        log_p, onehot = cache
        dlogits = log_p.__array_namespace__().exp(log_p) - onehot
        return dlogits / len(onehot)


SHIFT, LOSS = "logits.max(axis=1, keepdims=True)", "-(log_p * onehot).sum() / len(logits)"
LOG_SUM = "xp.log(xp.exp(shifted).sum(axis=1, keepdims=True))"
WRONG = {
    "no shift by the maximum": (f"logits - {SHIFT}", "logits * 1"),
    "maximum of the whole batch": (SHIFT, "logits.max()"),
    "maximum of each column": (SHIFT, "logits.max(axis=0, keepdims=True)"),
    "sums over the batch": (LOG_SUM, "xp.log(xp.exp(shifted).sum(axis=0, keepdims=True))"),
    "gradient not divided by N": ("return dlogits / len(onehot)", "return dlogits"),
    "gradient divided twice": ("return dlogits / len(onehot)", "return dlogits / len(onehot) ** 2"),
    "loss divided by N·K": (LOSS, "-(log_p * onehot).mean()"),
    "loss summed": (LOSS, "-(log_p * onehot).sum()"),
    "loss with the wrong sign": (LOSS, "(log_p * onehot).sum() / len(logits)"),
    "softmax applied twice": ("log_p =", f"shifted = xp.exp(shifted - {LOG_SUM}); log_p ="),
    "capped logarithm": (LOSS, "-(xp.log(xp.exp(log_p) + 1e-8) * onehot).sum() / len(logits)"),
    "backward returns zeros": ("return dlogits / len(onehot)", "return dlogits * 0"),
    "the probabilities for the gradient": ("exp(log_p) - onehot", "exp(log_p)"),
    "sign of the gradient": ("return dlogits / ", "return -dlogits / "),
    "base 2": (LOSS, LOSS + " / 0.6931471805599453"),
    "labels from one": ("labels[:, None] ==", "labels[:, None] - 1 =="),
    "float64 loss": (".astype(logits.dtype)", ".astype(float)"),
    "writes into logits": ("shifted = logits - ", "shifted = logits; shifted -= "),
    "writes into its cache": ("exp(log_p) - onehot", "exp(log_p, out=log_p); dlogits -= onehot"),
    "cache kept on the loss": (
        "return loss, (log_p, onehot)",
        "self.kept = log_p, onehot; return loss, None",
        "onehot = cache",
        "onehot = self.kept",
    ),
    "indexing by a host range": (LOSS, "-log_p[np.arange(len(labels)), labels].sum() / len(labels)"),
    "a float on the way": (LOSS, "float(-(log_p * onehot).sum()) / len(logits)"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_sees(mistake):
    with pytest.raises(AssertionError):
        check_loss(edited(LearnerLoss, *WRONG[mistake])())


def test_without_a_mistake_the_check_passes():
    check_loss(LearnerLoss())
    assert host(LearnerLoss().forward(scores(), LABELS)[0]).shape == ()


# ---------------------------------------------------------------------------------------------- softmax alone


def check_softmax(softmax):
    logits = scores((5, 7), scale=30.0)
    logits[0] += 1e4  # must not overflow
    kept = logits.copy()
    p = softmax(logits)
    agree(p, [reference.softmax(row) for row in kept], "softmax", rtol=1e-9)
    agree(logits, kept, "softmax wrote into logits", exact=True)
    assert softmax(logits.astype(np.float32)).dtype == np.float32
    on_device = softmax(device.asarray(logits))
    assert isinstance(on_device, DeviceArray)
    agree(on_device, p, "softmax on the device", rtol=1e-13)


def test_softmax():
    check_softmax(softmax)


def test_softmax_refuses():
    for wrong in (scores()[0], scores()[:, :0], scores()[None]):
        refused(lambda: softmax(wrong), "softmax", f"logits.shape = {wrong.shape}", "(N, K)")
    for wrong in (scores().tolist(), scores().astype(int), scores().astype(complex)):
        refused(lambda: softmax(wrong), "softmax", "logits", getattr(wrong, "dtype", "list"), error=TypeError)
    assert softmax(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    "old, new",
    [
        ("axis=1, keepdims=True)\n    exps", "axis=0, keepdims=True)\n    exps"),
        ("logits - logits", "0 * logits - logits"),
        ("exps.sum(axis=1", "exps.sum(axis=0"),
        ("= logits -", "= logits; shifted -="),
    ],
)
def test_softmax_teeth(monkeypatch, old, new):
    monkeypatch.setattr(loss, "_exponentials", edited(loss._exponentials, old, new))
    with pytest.raises(AssertionError), np.errstate(all="ignore"):
        check_softmax(softmax)

"""The loss of a batch, and its record, are the same however its pictures are divided among workers."""

import numpy as np
import pytest

from tests.checks import agree, edited, numerical_gradient
from tinyalex.data.mixing import MixedLabels
from tinyalex.layers import SoftmaxCrossEntropy
from tinyalex.parallel import run_threads
from tinyalex.parallel.part import PartLoss
from tinyalex.parallel.shares import shares
from tinyalex.standin import DeviceArray
from tinyalex.standin import xp as device
from tinyalex.training.loss import NotFinite, TrackedLoss

N, K = 7, 4


def batch():
    rng = np.random.default_rng(0)
    return rng.standard_normal((N, K)), rng.integers(0, K, N)


class Apart:
    """Every worker has the scores of its own pictures."""

    scores_apart = True

    def __init__(self, team):
        self.team = team

    def share(self, pictures):
        return shares(pictures, self.team.size)[self.team.rank]

    def scored(self, share):
        return share.run


class Together(Apart):
    """Every worker has all scores."""

    scores_apart = False

    def scored(self, share):
        return slice(0, share.of)


def check(kind, size, cls=PartLoss, smoothing=0.0):
    (scores, labels), plain = batch(), SoftmaxCrossEntropy(smoothing)
    value, cache = plain.forward(scores, labels)
    expected, wrong = plain.backward(cache), int((scores.argmax(axis=1) != labels).sum())
    assert 0 < wrong < N  # so that there is something to count

    def work(team):
        network = kind(team)
        loss, mine = cls(network, team, smoothing), network.scored(network.share(N))
        agree(loss.gradient(scores[mine], labels), expected[mine], "dscores", rtol=1e-12)
        return loss.take(), loss.take(), loss.pending

    for (lost, found, pictures), *left in run_threads(size, work):
        assert (found, pictures, left) == (wrong, N, [(0.0, 0, 0), []])
        assert lost == pytest.approx(value * N, rel=1e-12)


def test_alone():
    scores, labels = batch()
    loss, (value, cache) = TrackedLoss(), SoftmaxCrossEntropy().forward(scores, labels)
    agree(loss.gradient(scores, labels), SoftmaxCrossEntropy().backward(cache), "dscores", exact=True)
    assert loss.take() == (value * N, int((scores.argmax(axis=1) != labels).sum()), N)


# ---------------------------------------------------------------------------------------------- mixed labels


def mixed(share, xp=np):
    """(scores, labels, the targets of each class: share of one, the rest of the other)."""
    scores, labels = batch()
    partners = np.roll(labels, 3)
    targets = share * np.eye(K)[labels] + (1 - share) * np.eye(K)[partners]
    return scores, MixedLabels(xp.asarray(labels), xp.asarray(partners), share), targets


def check_mixed(loss_class, share):
    scores, labels, targets = mixed(share)

    def by_targets():
        return float(-(targets * np.log(np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True))).sum() / N)

    loss = loss_class()
    agree(loss.gradient(scores, labels), numerical_gradient(by_targets, scores), "dscores against differences")
    value, wrong, pictures = loss.take()
    assert value == pytest.approx(N * by_targets(), rel=1e-12) and pictures == N
    assert wrong == (scores.argmax(axis=1) != targets.argmax(axis=1)).sum()
    on_device = loss_class().gradient(device.asarray(scores), mixed(share, device)[1])
    agree(on_device, loss.gradient(scores, labels), "dscores on the device", rtol=1e-12)


@pytest.mark.parametrize("share", [0.7, 0.2, 1.0])
def test_mixed_labels(share):
    check_mixed(TrackedLoss, share)


@pytest.mark.parametrize(
    "old, new",
    [
        ("(labels.labels, labels.partners)", "(labels.partners, labels.labels)"),
        ("(labels.larger, (", "(labels.labels, ("),
    ],
)
def test_teeth_of_mixed_labels(old, new):
    with pytest.raises(AssertionError):
        check_mixed(edited(TrackedLoss, old, new), 0.2)


@pytest.mark.torch
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_mixed_labels_like_pytorch(smoothing):
    import torch

    scores, labels, targets = mixed(0.3)
    t = torch.tensor(scores, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(t, torch.tensor(targets), label_smoothing=smoothing)
    expected.backward()
    loss = TrackedLoss(smoothing)
    agree(loss.gradient(scores, labels), t.grad.numpy(), "dscores", rtol=1e-10, atol=1e-10)
    assert loss.take()[0] == pytest.approx(N * expected.item(), rel=1e-10)


@pytest.mark.parametrize("kind", [Apart, Together])
@pytest.mark.parametrize("size", [2, 9])
def test_mixed_labels_by_several_workers(kind, size):
    scores, labels, _ = mixed(0.3)
    alone = TrackedLoss()
    expected = alone.gradient(scores, labels)
    total, wrong, _ = alone.take()

    def work(team):
        network = kind(team)
        loss, mine = PartLoss(network, team), network.scored(network.share(N))
        agree(loss.gradient(scores[mine], labels), expected[mine], "dscores", rtol=1e-12)
        return loss.take()

    for found in run_threads(size, work):
        assert found == (pytest.approx(total, rel=1e-12), wrong, N)


# ---------------------------------------------------------------------------------------------- no number, no waiting


def test_a_loss_that_is_no_number_is_refused_at_once():
    scores, labels = batch()
    with pytest.raises(NotFinite, match="the loss is nan") as caught:
        TrackedLoss().gradient(scores * np.nan, labels)
    assert caught.value.step == 0


@pytest.mark.parametrize("kind", [Apart, Together])
@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_the_same_for_all(kind, size):
    check(kind, size)
    check(kind, size, smoothing=0.2)


@pytest.mark.parametrize(
    "old, new",
    [
        ("(len(mine) / len(labels))", "1"),
        ("if not self.network.scores_apart", "if True"),
        ("super().gradient(scores, mine)", "super().gradient(scores, mine) * 2"),
        ("[[loss, int(wrong), int(pictures)]", "[[loss, int(wrong), 1]"),
        ("super().__init__(smoothing)", "super().__init__()"),
    ],
)
def test_teeth(old, new):
    with pytest.raises((AssertionError, ValueError)):
        check(Apart, 2, edited(PartLoss, old, new), smoothing=0.2)


def test_nothing_is_fetched_from_the_device_before_it_is_read(monkeypatch):
    (scores, labels), fetched, get = batch(), [], DeviceArray.get
    loss = TrackedLoss()
    monkeypatch.setattr(DeviceArray, "get", lambda a: fetched.append(a) or get(a))
    dscores = loss.gradient(device.asarray(scores), device.asarray(labels))
    assert isinstance(dscores, DeviceArray) and not fetched

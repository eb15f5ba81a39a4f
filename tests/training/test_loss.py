"""The loss of a batch, and its record, are the same however its pictures are divided among workers."""

import numpy as np
import pytest

from tests.checks import agree, edited
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

"""The loss of a batch is the same whoever has its pictures, and so is what becomes known of it."""

import numpy as np
import pytest

from tests.checks import agree, edited
from tinyalex.layers import SoftmaxCrossEntropy
from tinyalex.parallel import Alone, run_threads
from tinyalex.shares import Undivided, shares
from tinyalex.teaching.device import DeviceArray
from tinyalex.teaching.device import xp as device
from tinyalex.training import loss as batchloss
from tinyalex.training.loss import BatchLoss

N, K = 7, 4


def batch():
    rng = np.random.default_rng(0)
    return rng.standard_normal((N, K)), rng.integers(0, K, N)


class Apart(Undivided):
    """Every worker has the scores of its own pictures."""


class Together(Undivided):
    """Every worker has all scores."""

    scores_apart = False

    def scored(self, share):
        return slice(0, share.of)


def check(kind, size, cls=BatchLoss):
    scores, labels = batch()
    value, cache = SoftmaxCrossEntropy().forward(scores, labels)
    expected, wrong = SoftmaxCrossEntropy().backward(cache), int((scores.argmax(axis=1) != labels).sum())
    assert 0 < wrong < N  # so that there is something to count

    def work(team):
        network, share = kind(), shares(N, size)[team.rank]
        loss = cls(network, team)
        mine = network.scored(share)
        agree(loss.backward(3, scores[mine], labels, share), expected[mine], "dscores", rtol=1e-12)
        assert len(loss.pending) == 1
        return loss.settle(), loss.pending

    for ((step, lost, found, pictures),), left in run_threads(size, work):
        assert (step, found, pictures, left) == (3, wrong, N, [])
        assert lost == pytest.approx(value * N, rel=1e-12)


@pytest.mark.parametrize("kind", [Apart, Together])
@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_the_same_for_all(kind, size):
    check(kind, size)


@pytest.mark.parametrize(
    "old, new",
    [
        ("(len(mine) / len(labels))", "1"),
        ("sums = [(loss, int(wrong)", "sums += [(loss, int(wrong)"),
        ("if self.network.scores_apart", "if False"),
        ("float(loss) * pictures", "float(loss)"),
        ("!= mine", "== mine"),
    ],
)
def test_teeth(old, new):
    with pytest.raises((AssertionError, ValueError)):
        check(Apart, 2, edited(BatchLoss, old, new))


def test_nothing_is_fetched_from_the_device_before_it_is_settled(monkeypatch):
    (scores, labels), fetched, get = batch(), [], DeviceArray.get
    loss = BatchLoss(Undivided(), Alone())
    monkeypatch.setattr(DeviceArray, "get", lambda a: fetched.append(a) or get(a))
    assert batchloss.SoftmaxCrossEntropy is SoftmaxCrossEntropy
    dscores = loss.backward(0, device.asarray(scores), device.asarray(labels), shares(N, 1)[0])
    assert isinstance(dscores, DeviceArray) and not fetched

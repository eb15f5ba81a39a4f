"""A team of threads against one network: the same scores, gradients and weights, in every form, whatever the shares."""

import itertools
import threading

import numpy as np
import pytest

from tests.checks import agree, agree_all
from tinyalex import backend
from tinyalex.errors import UserError
from tinyalex.layers import Conv2d, Dropout, Flatten, Linear, LocalResponseNorm, MaxPool2d, ReLU, SoftmaxCrossEntropy
from tinyalex.network import Network, Trunk
from tinyalex.optim import SGD
from tinyalex.parallel import run_threads, split_network, sums
from tinyalex.parallel.shares import Share, SharedDraws, SharedTrunk, shares
from tinyalex.parallel.threads import ThreadTeam
from tinyalex.residual import Residual

FORMS = [
    ("data", 1),
    ("data", 2),
    ("data", 3),
    ("hybrid", 1),
    ("hybrid", 2),
    ("hybrid", 3),
    ("towers", 1),
    ("towers", 2),
]
CLASSES = 5  # not even among two


def network(seed=0):
    """Every kind of layer of the paper's trunk and head, float64; towers meet at conv3 and in the head."""
    features = {
        "conv1": Conv2d(3, 4, 3),
        "relu1": ReLU(),
        "norm1": LocalResponseNorm(3, 0.5, 0.6, 1.5, groups=2),
        "conv2": Conv2d(4, 6, 3, padding=1, groups=2),
        "relu2": ReLU(),
        "conv3": Conv2d(6, 8, 3),
        "relu3": ReLU(),
        "conv4": Conv2d(8, 6, 3, padding=1, groups=2),
        "pool4": MaxPool2d(3, 2, rounding="floor"),
    }
    classifier = {
        "flatten": Flatten(),
        "fc6": Linear(24, 10),
        "relu6": ReLU(),
        "drop6": Dropout(0.4),
        "fc7": Linear(10, 7),
        "relu7": ReLU(),
        "drop7": Dropout(0.5, inverted=False),
        "fc8": Linear(7, CLASSES),
    }
    net, rng = Network(features, classifier, (9, 9, 3)), np.random.default_rng(seed)
    net.map_arrays(lambda p: rng.standard_normal(p.shape) * 0.4)
    return net


def batch(count, seed=1):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, 9, 9, 3)), rng.integers(0, CLASSES, count)


def train(net, steps, count, team=False):
    """Some steps with dropout; the last step's loss, the scores that it saw, and the gradients of the first."""
    loss, optimiser, first = SoftmaxCrossEntropy(), SGD(net.params, 0.9, 0.01), None
    for step in range(steps):
        x, labels = batch(count, seed=step)
        rng, mine, run = np.random.default_rng(100 + step), slice(None), slice(None)
        if team:
            rng, mine, run = net.draws(rng, count), net.share(count).run, net.scored(net.share(count))
        scores, cache = net.forward(x[mine], True, rng)
        labels = labels[run]
        if len(labels):
            value, loss_cache = loss.forward(scores, labels)
            dscores = loss.backward(loss_cache) * (len(labels) / count)
        else:
            value, dscores = 0.0, scores
        _, grads = net.backward(dscores, cache, input_grad=False)
        first = first or {name: g.copy() for name, g in grads.items()}
        optimiser.step(grads, 0.05)
        net.absorb(net.observe(cache))
    return float(value) * len(labels), scores, first


def in_a_team(form, size, steps=1, count=7):
    def work(team):
        net = split_network(form, network(), team)
        lost, scores, grads = train(net, steps, count, team=True)
        return lost, scores, net.joined(grads), net.joined(net.params)

    return run_threads(size, work)


@pytest.mark.parametrize("form, size", FORMS)
@pytest.mark.parametrize("count", [7, 2, 1])  # with three workers, two and one leave some without a picture
def test_equals_one_network(form, size, count):
    alone = network()
    lost, scores, grads = train(alone, 1, count)
    answers = in_a_team(form, size, count=count)
    for _, _, team_grads, params in answers:
        agree_all(team_grads, grads, "gradient", rtol=1e-10)
        agree_all(params, alone.params, "weights", rtol=1e-11)
    if form == "data":
        agree(np.concatenate([answer[1] for answer in answers]), scores, "scores", rtol=1e-11)
        assert sum(answer[0] for answer in answers) == pytest.approx(lost, rel=1e-11)
    else:
        for answer in answers:
            agree(answer[1], scores, "scores", rtol=1e-11)
            assert answer[0] == pytest.approx(lost, rel=1e-11)


@pytest.mark.parametrize("form, size", [("data", 3), ("hybrid", 3), ("towers", 2)])
def test_fifty_steps(form, size):
    alone = network()
    train(alone, 50, 6)
    for _, _, _, params in in_a_team(form, size, 50, 6):
        agree_all(params, alone.params, "weights after 50 steps", rtol=1e-8)


@pytest.mark.parametrize("form, size", FORMS)
def test_predicts_the_own_pictures(form, size):
    alone, (x, _) = network(), batch(7)
    expected = alone.predict(x)

    def work(team):
        net = split_network(form, network(), team)
        mine = x[net.share(7).run]
        scores = net.predict(mine)
        agree(net.for_test().predict(mine), scores, "for_test", exact=True)
        return scores

    answers = run_threads(size, work)
    if form == "towers":
        for scores in answers:
            agree(scores, expected, "scores", rtol=1e-11)
    else:
        agree(np.concatenate(answers), expected, "scores", rtol=1e-11)


@pytest.mark.parametrize("form, size", FORMS)
def test_parts_and_the_whole(form, size):
    whole = network().params

    def work(team):
        net = split_network(form, network(), team)
        agree_all(net.own(whole), net.params, "part", exact=True)
        other = {name: np.zeros((*p.shape[:-1], p.shape[-1] + 1)) for name, p in whole.items()}
        assert all(a is other[name] for name, a in net.own(other).items())  # another network's: not cut until it fits
        return net.joined(net.params), sum(p.size for p in net.params.values())

    answers = run_threads(size, work)
    for joined, _ in answers:
        agree_all(joined, whole, "whole", exact=True)
    total, held = sum(p.size for p in whole.values()), [answer[1] for answer in answers]
    if form == "data":
        assert held == [total] * size
    if form == "towers":
        assert sum(held) == total  # nothing is held twice


def test_more_workers_than_classes():
    with pytest.raises(UserError, match=f"6 workers, expected at most {CLASSES}.*fc8"):
        run_threads(6, lambda team: split_network("hybrid", network(), team))
    assert len(in_a_team("hybrid", CLASSES)) == CLASSES


def test_gradients_that_do_not_lie_in_a_row(monkeypatch):
    """Those of the fast convolution with a stride do not, those of a worker without a picture do; all send alike."""
    monkeypatch.setattr(sums, "BUCKET_BYTES", 256)
    backward, alone = Conv2d.backward, network()

    def turned(layer, dy, cache, input_grad=True):
        dx, grads = backward(layer, dy, cache, input_grad)
        return dx, grads | {"weight": np.asfortranarray(grads["weight"])}

    _, _, expected = train(alone, 1, 2)
    monkeypatch.setattr(Conv2d, "backward", turned)
    for _, _, grads, _ in in_a_team("data", 3, count=2):
        agree_all(grads, expected, "gradient", rtol=1e-10)


@pytest.mark.parametrize("count", [1, 2, 7, 20, 70])
def test_a_trunk_draws_for_a_share_what_it_draws_for_the_batch(count):
    """Whatever pieces the batch falls into, and whatever parts of these a share does."""
    layers = {"drop1": Dropout(0.5), "relu1": ReLU(), "drop2": Dropout(0.3)}
    trunk, shared = Trunk(layers), SharedTrunk(layers)
    x = np.random.default_rng(0).standard_normal((count, 3, 3, 2))
    expected, _ = trunk.forward(x, True, np.random.default_rng(1))
    for workers in (1, 2, 3, 5):
        parts = [
            shared.forward(x[share.run], True, SharedDraws(np.random.default_rng(1), share))[0]
            for share in shares(count, workers)
        ]
        agree(np.concatenate(parts), expected, f"{workers} workers", exact=True)


def test_a_share_has_pieces_for_every_core():
    def pieces(share):
        rng = SharedDraws(np.random.default_rng(0), share)
        _, (pieces, _) = SharedTrunk({"relu1": ReLU()}).forward(np.ones((len(share), 2, 2, 1)), rng=rng)
        return pieces

    assert pieces(Share(16, 32, 128)) == [slice(0, 4), slice(4, 8), slice(8, 12), slice(12, 16)]
    assert pieces(Share(64, 128, 128)) == [slice(start, start + 16) for start in (0, 16, 32, 48)]


@pytest.mark.parametrize(
    "guilty, workers, changed",
    [
        ("norm1", 4, {}),  # two groups
        ("norm1", 2, {"norm1": LocalResponseNorm(3, 0.5, 0.6, 1.5)}),  # reads the maps of both
        ("relu3", 2, {"relu3": Dropout(0.5)}),  # its mask is drawn for all maps at once
        ("relu3", 2, {"relu3": Residual({"relu": ReLU()})}),  # reads its input twice
        ("conv4", 4, {"norm1": ReLU(), "conv2": Conv2d(4, 6, 3, padding=1)}),
        (
            "conv1",
            3,
            {"conv1": Conv2d(3, 6, 3, groups=3), "norm1": ReLU(), "conv2": Conv2d(6, 6, 3, padding=1)},
        ),  # all see all colours
    ],
)
def test_what_does_not_fall_into_towers(guilty, workers, changed):
    whole = network()
    changed = Network(whole.features.layers | changed, whole.classifier.layers, whole.in_shape)
    with pytest.raises(UserError, match=f"cannot be divided into {workers} towers at {guilty}"):
        run_threads(workers, lambda team: split_network("towers", changed, team))


def test_gradients_leave_while_backward_runs(monkeypatch):
    """Those of each fully connected layer before backward reaches the one below it; the trunk's come last."""
    events, submit = [], ThreadTeam.submit

    def note(event):
        if threading.current_thread().name == "tinyalex-0":
            events.append(event)

    def noted(backward):
        return lambda layer, *given, **named: note(layer.name) or backward(layer, *given, **named)

    monkeypatch.setattr(sums, "BUCKET_BYTES", 512)  # 64 bytes are long
    monkeypatch.setattr(backend.threads, "_threads", 1)
    monkeypatch.setattr(ThreadTeam, "submit", lambda team, work: note("sent") or submit(team, work))
    for kind in (Linear, Conv2d):
        monkeypatch.setattr(kind, "backward", noted(kind.backward))
    in_a_team("data", 2, count=2)
    layers = [name for name, _ in itertools.groupby(events)]
    assert layers[:7] == ["fc8", "sent", "fc7", "sent", "fc6", "sent", "conv4"] and layers[-2:] == ["conv1", "sent"]


@pytest.mark.parametrize("form", ["hybrid", "towers"])
@pytest.mark.parametrize("units", [12, 10])  # 12: a worker's units are then as many as the inputs
def test_dropout_before_the_first_fully_connected_layer(form, units):
    """It draws for all inputs on every worker, and what follows for the worker's own units."""

    def build():
        features = {"conv1": Conv2d(3, 2, 5, 4)}
        head = {"flatten": Flatten(), "drop5": Dropout(0.5), "fc6": Linear(8, units), "drop6": Dropout(0.5)}
        net = Network(features, head | {"fc7": Linear(units, CLASSES)}, (9, 9, 3))
        rng = np.random.default_rng(0)
        net.map_arrays(lambda p: rng.standard_normal(p.shape))
        return net

    def work(team):
        net = split_network(form, build(), team)
        _, scores, grads = train(net, 1, 6, team=True)
        return scores, net.joined(grads)

    _, scores, grads = train(build(), 1, 6)
    for team_scores, team_grads in run_threads(2, work):
        agree(team_scores, scores, "scores", rtol=1e-11)
        agree_all(team_grads, grads, "gradient", rtol=1e-10)

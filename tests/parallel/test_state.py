"""State and blocks among workers: whatever the form, the statistics are those of the whole batch."""

import copy
import re
from functools import partial

import numpy as np
import pytest

from tests.checks import agree, agree_all, edited
from tests.parallel.test_training import whole_of
from tests.stateful import GhostNorm
from tests.test_blocks import model
from tests.training.test_training import config, easy_dataset
from tinyalex.composite import Sequential
from tinyalex.errors import UserError
from tinyalex.layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    PaddedShortcut,
    ReLU,
    SoftmaxCrossEntropy,
    Tanh,
)
from tinyalex.models import MODELS, find_model
from tinyalex.network import Network
from tinyalex.optim import SGD
from tinyalex.parallel import network as parallel_network
from tinyalex.parallel import run_threads, split_network, stages
from tinyalex.parallel.part import folder_of
from tinyalex.parallel.shares import SharedTrunk
from tinyalex.residual import Residual
from tinyalex.runs.checkpoint import load_checkpoint
from tinyalex.runs.config import Config
from tinyalex.training import trainer as training

FORMS = [("data", 1), ("data", 2), ("data", 3), ("hybrid", 2), ("hybrid", 3), ("towers", 1), ("towers", 2)]


def head(norm, inputs):
    return {
        "flatten": Flatten(),
        "fc1": Linear(inputs, 7),
        "norm4": norm(7),
        "relu4": ReLU(),
        "drop4": Dropout(0.3),
        "fc2": Linear(7, 5),
    }


def towers(norm=BatchNorm2d):
    """Statistics in the trunk, of maps that one tower has, and in the head."""
    features = {
        "conv1": Conv2d(3, 4, 3, padding=1),
        "norm1": norm(4),
        "relu1": ReLU(),
        "conv2": Conv2d(4, 6, 3, padding=1, groups=2, bias=False),
        "norm2": norm(6),
        "conv3": Conv2d(6, 4, 3, padding=1),
        "norm3": norm(4),
        "relu3": ReLU(),
        "pool3": MaxPool2d(2, 2),
    }
    return filled(Network(features, head(norm, 36), (6, 6, 3), "towers"))


def blocks(norm=BatchNorm2d, in_head=None):
    """The trunk begins with a layer that learns nothing, and has a block. in_head: instead of the norm in the head"""
    block = Residual(
        {"conv1": Conv2d(3, 4, 3, padding=1), "norm1": norm(4), "relu1": ReLU()}, {"conv": Conv2d(3, 4, 1)}
    )
    features = {"pool0": AvgPool2d(2, 2), "block1": block, "norm2": norm(4)}
    return filled(Network(features, head(in_head or norm, 36), (6, 6, 3), "blocks"))


def filled(network):
    rng = np.random.default_rng(0)
    network.map_arrays(lambda a: rng.uniform(0.3, 0.9, a.shape))
    return network


def batch(count, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, 6, 6, 3)), rng.integers(0, 5, count)


def train(net, count, steps=3, team=False):
    loss, optimiser = SoftmaxCrossEntropy(), SGD(net.params)
    for step in range(steps):
        x, labels = batch(count, step)
        rng, mine, scored = np.random.default_rng(step), slice(None), slice(None)
        if team:
            rng, mine, scored = net.draws(rng, count), net.share(count).run, net.scored(net.share(count))
        scores, cache = net.forward(x[mine], True, rng)
        labels = labels[scored]
        dscores = scores
        if len(labels):
            dscores = loss.backward(loss.forward(scores, labels)[1]) * (len(labels) / count)
        _, grads = net.backward(dscores, cache, input_grad=False)
        optimiser.step(grads, 0.05)
        observed = net.observe(cache)
        net.absorb(observed)
        agree_all(net.observe(cache), observed, "(observed again)", exact=True)


def check_forms(make, form, size, count):
    alone = make()
    train(alone, count)

    def work(team):
        net = split_network(form, make(), team)
        train(net, count, team=True)
        return net.joined(net.params), net.joined(net.state), sum(s.size for s in net.state.values())

    answers = run_threads(size, work)
    for params, state, _ in answers:
        agree_all(params, alone.params, "weights", rtol=1e-7)
        agree_all(state, alone.state, "state", rtol=1e-8)
    held = sum(s.size for s in alone.state.values())
    if form == "towers":
        assert sum(own for *_, own in answers) == held, "state that two workers have"
    if form == "data":
        assert all(own == held for *_, own in answers)


@pytest.mark.parametrize("count", [7, 2])  # of two pictures, three workers leave one without any
@pytest.mark.parametrize("form, size", FORMS)
def test_as_one_network(form, size, count):
    check_forms(towers, form, size, count)


@pytest.mark.parametrize("count", [7, 2])
@pytest.mark.parametrize("form, size", [one for one in FORMS if one[0] != "towers"])
def test_blocks_as_one_network(form, size, count):
    check_forms(blocks, form, size, count)


def residual():
    """As ResNet: no bias before a normalisation, both kinds of shortcut, one layer on the mean of each channel."""
    body = {"conv": Conv2d(4, 4, 3, padding=1, bias=False), "bn": BatchNorm2d(4)}
    narrow = {"conv": Conv2d(4, 6, 3, 2, 1, rounding="floor", bias=False), "bn": BatchNorm2d(6)}
    project = {"conv": Conv2d(6, 7, 1, bias=False), "bn": BatchNorm2d(7)}
    features = {
        "conv1": Conv2d(3, 4, 3, padding=1, bias=False),
        "bn1": BatchNorm2d(4),
        "relu1": ReLU(),
        "block1": Residual(body),
        "block2": Residual(narrow, {"pad": PaddedShortcut(4, 6)}),
        "block3": Residual({"conv": Conv2d(6, 7, 3, padding=1), "bn": BatchNorm2d(7, frozen=True)}, project),
    }
    return filled(Network(features, {"pool": GlobalAvgPool2d(), "fc": Linear(7, 5)}, (6, 6, 3), "residual"))


@pytest.mark.parametrize("form, size, count", [("data", 2, 7), ("data", 3, 2), ("hybrid", 2, 7)])
def test_a_residual_network_as_one(form, size, count):
    check_forms(residual, form, size, count)


@pytest.mark.parametrize("form, size", [("data", 3), ("hybrid", 2)])
def test_one_picture(form, size):
    """Maps have a variance, whoever has none of their pictures; in the head, all workers refuse in one line."""
    check_forms(partial(blocks, in_head=lambda units: Tanh()), form, size, 1)

    def work(team):
        with pytest.raises(ValueError) as caught:
            train(split_network(form, blocks(), team), 1, team=True)
        return str(caught.value)

    said = "BatchNorm2d 'norm4': one entry of each channel in a training batch, expected 2 or more"
    assert run_threads(size, work) == [said] * size


def test_ghosts_are_content_with_their_piece():
    with pytest.raises(AssertionError):
        check_forms(partial(blocks, GhostNorm), "data", 2, 40)  # pieces of 10, then of 5


@pytest.mark.parametrize("form", ["data", "hybrid"])
def test_a_trunk_that_does_not_ask_the_others_is_found(form, monkeypatch):
    monkeypatch.setattr(SharedTrunk, "total", Layer.total)
    with pytest.raises(AssertionError):
        check_forms(towers, form, 2, 7)


@pytest.mark.parametrize(
    "where, name, old, new, form",
    [
        (parallel_network, "SplitNetwork", "stage.layers.team is not None", "False", "data"),
        (parallel_network, "SplitNetwork", "stage.layers.team is not None", "self.team.size > 1", "hybrid"),
        (parallel_network, "SplitNetwork", "stage.summed and team.size > 1", "team.size > 1", "hybrid"),
        (stages, "_cut_channels", "cuts[name] = mine", "pass", "towers"),
        (stages, "_cut_channels", "_cut(layer, copy.copy(layer), mine)", "_cut(layer, layer, mine)", "towers"),
    ],
)
def test_mistakes_are_found(where, name, old, new, form, monkeypatch):
    monkeypatch.setattr(where, name, edited(getattr(where, name), old, new))

    def check():
        check_forms(towers, form, 2, 7)
        whole = towers()
        run_threads(2, lambda team: split_network(form, whole, team))
        agree_all(whole.state, towers().state, "state of the network that was split", exact=True)

    with pytest.raises((AssertionError, ValueError)):
        check()


# ---------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    "form, first, changed, guilty",
    [
        ("towers", {}, {"norm1": Residual({"norm": BatchNorm2d(4)}, {})}, "norm1 (residual)"),
        ("towers", {"norm0": BatchNorm2d(3)}, {}, "norm0 (batch norm)"),
        ("hybrid", {}, {"flatten": Sequential({"flatten": Flatten(), "norm": BatchNorm2d(36)})}, "flatten"),
        ("towers", {}, {"relu4": LocalResponseNorm()}, "relu4 (LRN"),
        ("hybrid", {}, {"norm4": Residual({"norm": BatchNorm2d(7)}, {})}, "norm4 (residual)"),
    ],
)
def test_what_cannot_be_divided(form, first, changed, guilty):
    whole = towers()
    layers = [first | whole.features.layers, whole.classifier.layers]
    features, classifier = ({name: changed.get(name, layer) for name, layer in part.items()} for part in layers)
    network = Network(features, classifier, whole.in_shape)
    with pytest.raises(UserError, match=f"cannot be divided.*{re.escape(guilty)}.*; expected"):
        run_threads(2, lambda team: split_network(form, network, team))


def test_a_resnet_is_no_network_for_towers():
    said = "resnet20 cannot be divided into 2 towers at block1_1 (residual); expected one tower per group"
    with pytest.raises(UserError, match=re.escape(said)):
        run_threads(2, lambda team: split_network("towers", find_model("resnet20").build(4), team))


def test_nothing_to_divide():
    flatten, pool = {"flatten": Flatten()}, {"pool": AvgPool2d(2, 2)}
    pools = Network(pool, flatten | {"fc": Linear(27, 5)}, (6, 6, 3))
    inside = Network(pool, flatten | {"block": Residual({"fc": Linear(27, 5)}, {"fc": Linear(27, 5)})}, (6, 6, 3))
    for form, network, said in (("towers", pools, "no convolution"), ("hybrid", inside, "at block")):
        with pytest.raises(UserError, match=said):
            run_threads(2, lambda team: split_network(form, network, team))
    check_forms(lambda: filled(Network(pool, flatten | {"fc": Linear(27, 5)}, (6, 6, 3))), "hybrid", 2, 5)
    check_forms(lambda: filled(copy.deepcopy(inside)), "data", 2, 5)


# ---------------------------------------------------------------------------------------------- runs


def normed():
    return {
        "pool0": AvgPool2d(4, 4),  # 14×14×3
        "conv1": Conv2d(3, 8, 3, padding=1),
        "norm1": BatchNorm2d(8),
        "relu1": ReLU(),
        "conv2": Conv2d(8, 8, 3, padding=1, groups=2),
        "norm2": BatchNorm2d(8),
        "pool2": MaxPool2d(2, 2),  # 7×7×8
    }


@pytest.fixture
def named(monkeypatch):
    made = model(normed, lambda classes: head(BatchNorm2d, 392) | {"fc2": Linear(7, classes)}, name="normed")
    monkeypatch.setitem(MODELS, "normed", made)


def begun(path, dataset, form, team, **chosen):
    settings = config(**{"batch": 16, "epochs": 2} | chosen).to_dict() | {"model": "normed"}
    trainer = training.Trainer(folder_of(path, team), Config(**settings), dataset, np, True, whole_of(form, team))
    trainer.begin()
    trainer.write_settings("test")
    return trainer


def same_run(path, expected):
    found, right = (load_checkpoint(folder / "last.safetensors") for folder in (path, expected))
    for ours, theirs in ((found.params, right.params), (found.state, right.state)):
        assert ours.keys() == theirs.keys()
        for name, a in theirs.items():
            scale = max(np.abs(a).max(), 0.01)  # a bias before a normalisation learns nothing but rounding
            agree(ours[name] / scale, a / scale, name, rtol=0, atol=1e-3)


class Stop:
    asked = True  # so after the first step


@pytest.mark.parametrize(
    "before, after",
    [
        (("data", 3), ("data", 3)),
        (("hybrid", 2), ("data", 2)),
        (("towers", 2), (None, 1)),
        ((None, 1), ("hybrid", 3)),
        (("data", 2), ("towers", 2)),
    ],
)
def test_the_same_run_by_others(before, after, named, tmp_path):
    """One step by the first team, the others by the second; the last batch has a picture less than three workers."""
    dataset = easy_dataset(34, 10)
    run_threads(1, lambda team: begun(tmp_path / "alone", dataset, None, team).train())

    def begin(team):
        with pytest.raises(training.Stopped):
            begun(tmp_path / "run", dataset, before[0], team).train(Stop())

    run_threads(before[1], begin)
    kept = load_checkpoint(tmp_path / "run" / "last.safetensors")
    assert kept.info["state"]["step"] == 1 and kept.state["norm1.running_mean"].shape == (8,)
    assert kept.state["norm4.running_var"].shape == (7,) and (kept.state["norm1.running_var"] != 1).all()

    def go_on(team):
        return training.go_on(folder_of(tmp_path / "run", team), dataset, np, True, whole_of(after[0], team)).train()

    results = run_threads(after[1], go_on)
    same_run(tmp_path / "run", tmp_path / "alone")
    assert len({result["top1_error"] for result in results}) == 1


def test_start_from_by_a_team(named, tmp_path):
    dataset = easy_dataset(34, 10)
    run_threads(1, lambda team: begun(tmp_path / "source", dataset, None, team, epochs=1).train())
    source = load_checkpoint(tmp_path / "source" / "best.safetensors")

    def work(team):
        network = begun(tmp_path / "run", dataset, "towers", team, start_from=str(tmp_path / "source")).network
        return network.joined(network.state)

    for state in run_threads(2, work):
        agree_all(state, source.state, "begun with", exact=True)

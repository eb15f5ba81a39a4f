"""State: arrays that are saved and moved but not learnt, from one layer to a run that is stopped and taken up again."""

import copy
import json

import numpy as np
import pytest

from tests import test_blocks
from tests.checks import agree, agree_all, edited, refused
from tests.stateful import GhostNorm
from tests.test_blocks import model, pictures, run, small
from tests.training.test_training import CLASSES, config, easy_dataset, write_easy
from tinyalex.cli import main
from tinyalex.composite import Composite
from tinyalex.errors import UserError
from tinyalex.evaluation import evaluate
from tinyalex.gradcheck import check_layer
from tinyalex.layers import AvgPool2d, BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU
from tinyalex.models import MODELS, find_model
from tinyalex.network import Trunk
from tinyalex.residual import Residual
from tinyalex.runs.checkpoint import load_checkpoint
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.trained import load_network
from tinyalex.training import step as step_module
from tinyalex.training import trainer as training

cut = test_blocks.cut  # the fixture

# ---------------------------------------------------------------------------------------------- one layer, and PyTorch


def check_against_torch(norm, shape):
    """Two steps of a trunk that is only this layer, then the scores at test."""
    import torch

    rng, C = np.random.default_rng(0), shape[-1]
    layer = norm(C)
    for arrays in (layer.params, layer.state):
        for key in arrays:
            arrays[key] = rng.uniform(0.5, 1.5, C)
    module = (torch.nn.BatchNorm2d if len(shape) == 4 else torch.nn.BatchNorm1d)(C, dtype=torch.float64)
    for key, a in (layer.params | layer.state).items():
        getattr(module, key).data = torch.tensor(a)
    trunk, to_theirs, to_ours = (
        Trunk({"norm": layer}),
        (0, *range(len(shape) - 1, 0, -1)),
        (0, *range(len(shape) - 1, 0, -1)),
    )
    for _ in range(2):
        x, dy = (3 * rng.standard_normal(shape) + 5 for _ in range(2))
        theirs = torch.tensor(x.transpose(to_theirs).copy(), requires_grad=True)
        module.zero_grad()
        expected = module(theirs)
        expected.backward(torch.tensor(dy.transpose(to_theirs).copy()))
        y, cache = trunk.forward(x, True)
        dx, grads = trunk.backward(dy, cache)
        trunk.absorb(trunk.observe(cache))
        agree(y, expected.detach().numpy().transpose(to_ours), "y", rtol=1e-9)
        agree(dx, theirs.grad.numpy().transpose(to_ours), "dx", rtol=1e-7)
        for key in ("weight", "bias"):
            agree(grads[f"norm.{key}"], getattr(module, key).grad, key, rtol=1e-9)
        for key, a in layer.state.items():
            agree(a, getattr(module, key), key, rtol=1e-10)
    x = rng.standard_normal(shape)
    expected = module.eval()(torch.tensor(x.transpose(to_theirs).copy())).detach().numpy().transpose(to_ours)
    agree(trunk.predict(x), expected, "at test", rtol=1e-10)
    agree(trunk.forward(x)[0], expected, "at test", rtol=1e-10)


@pytest.mark.torch
@pytest.mark.parametrize("shape", [(7, 4, 3, 5), (9, 6), (1, 3, 3, 2)])
@pytest.mark.parametrize("most", [1, 3, 100])
def test_batch_norm_is_pytorchs(shape, most, cut):
    cut(most)
    check_against_torch(BatchNorm2d, shape)


@pytest.mark.torch
@pytest.mark.parametrize(
    "edits",
    [
        ("/ (m - 1)}", "/ m}"),  # not unbiased
        ("self.momentum * (value - self.state[key])", "(1 - self.momentum) * (value - self.state[key])"),
        ("batch_squares / m + self.eps", "batch_squares / (m - 1) + self.eps"),
        ("batch_squares / m + self.eps", "batch_squares / m"),
        ("dxb += through_variance", "pass"),
        ("variance + self.eps", "variance"),
        ('variance = self.state["running_var"]', 'variance = self.state["running_mean"]'),
    ],
)  # fmt: skip
def test_mistakes_are_found(edits, cut):
    with pytest.raises(AssertionError):
        check_against_torch(edited(BatchNorm2d, *edits), (7, 4, 3, 5))


@pytest.mark.torch
def test_ghosts_are_not_pytorchs(cut):
    with pytest.raises(AssertionError):
        check_against_torch(GhostNorm, (7, 4, 3, 5))
    cut(100)
    check_against_torch(GhostNorm, (7, 4, 3, 5))


# ---------------------------------------------------------------------------------------------- who changes state


def snapshot(network):
    return {name: a.copy() for name, a in network.state.items()}


def check_only_absorb(network):
    before, x = snapshot(network), pictures()
    y, cache = network.forward(x, True)
    network.forward(2 * x, True)
    network.backward(np.ones_like(y), cache)
    observed = network.observe(cache)
    network.predict(x)
    check_layer(network, pictures(3))
    agree_all(network.state, before, "(state)", exact=True)
    network.absorb(observed)
    assert not [name for name, a in network.state.items() if (a == before[name]).all()]


@pytest.mark.parametrize("norm", [BatchNorm2d, GhostNorm])
def test_only_absorb_changes_state(norm, cut):
    check_only_absorb(small(norm))


@pytest.mark.parametrize(
    "edits",
    [
        ("= yield count, total", '= yield count, total; self.state["running_mean"] += 1'),
        ("*_, seen = cache", '*_, seen = cache; self.state["running_var"] += 1'),
        ("if not observed:", "if observed:"),
    ],
)
def test_a_layer_that_does_otherwise_is_found(edits, cut):
    with pytest.raises(AssertionError):
        check_only_absorb(small(edited(BatchNorm2d, *edits)))


@pytest.mark.parametrize(
    "old, new",
    [
        ("key.removeprefix(own): sums", "key: sums"),
        ("if key.startswith(own)", "if key.startswith('block1.')"),
        ("layer.absorb(inside)", "pass"),
    ],
)
def test_a_block_that_hands_on_otherwise_is_found(old, new, monkeypatch, cut):
    monkeypatch.setattr(Composite, "absorb", edited(Composite, old, new).absorb)
    with pytest.raises((AssertionError, KeyError)):
        check_only_absorb(small())


def test_evaluation_does_not_see_the_other_pictures(cut):
    network, x = small(), pictures()
    agree(network.predict(x)[:2], network.predict(x[:2]), "scores of two pictures", rtol=1e-12)
    assert np.abs(network.forward(x, True)[0][:2] - network.forward(x[:2], True)[0]).max() > 1e-3


def test_absorbed_over_pieces_as_over_the_batch(cut):
    networks = small(), small(GhostNorm)
    for network in networks[:1]:
        other = copy.deepcopy(network)
        cut(100)
        *_, whole = run(other, pictures())
        cut(2)
        *_, pieces = run(network, pictures())
        other.absorb(whole), network.absorb(pieces)
        agree_all(network.state, other.state, "(state)", rtol=1e-10)


# ---------------------------------------------------------------------------------------------- training


def features(norm=BatchNorm2d):
    inside = {"conv1": Conv2d(8, 8, 3, padding=1), "norm1": norm(8), "relu1": ReLU()}
    return {
        "pool0": AvgPool2d(4, 4),  # 14×14×3
        "conv1": Conv2d(3, 8, 3, padding=1),
        "norm1": norm(8),
        "relu1": ReLU(),
        "block1": Residual(inside, {"norm": norm(8)}),
        "pool1": MaxPool2d(2, 2),  # 7×7×8
    }


def head(classes):
    return {
        "flatten": Flatten(),
        "fc1": Linear(7 * 7 * 8, 16),
        "norm2": BatchNorm2d(16),
        "relu2": ReLU(),
        "drop2": Dropout(0.3),
        "fc2": Linear(16, classes),
    }


def residual_first():
    block = Residual({"conv": Conv2d(3, 8, 4, stride=4), "norm": BatchNorm2d(8)}, {"conv": Conv2d(3, 8, 4, stride=4)})
    return {"block1": block, "relu1": ReLU(), "pool1": MaxPool2d(2, 2)}  # 7×7×8


def norm_first():
    """Nothing of the trunk is a convolution; the first weights scale."""
    return {"pool0": AvgPool2d(8, 8), "norm0": BatchNorm2d(3), "relu0": ReLU()}  # 7×7×3


def plain_head(classes, channels=3):
    return {"flatten": Flatten(), "fc1": Linear(7 * 7 * channels, classes)}


@pytest.fixture
def models(monkeypatch):
    """Models with state, by name, for the commands and the trainer."""
    made = {
        "pool-first": model(features, head, name="pool-first"),
        "residual-first": model(residual_first, head, name="residual-first"),
        "norm-first": model(norm_first, plain_head, name="norm-first"),
        "ghosts": model(lambda: features(GhostNorm), head, name="ghosts"),
    }
    for name, each in made.items():
        monkeypatch.setitem(MODELS, name, each)
    return list(made)


def trainer_of(path, dataset, name="pool-first", **chosen):
    settings = config(**{"batch": 16, "epochs": 2} | chosen).to_dict() | {"model": name}
    return training.start(RunFolder(path), Config(**settings), dataset, np, "test", quiet=True)


def ended(path):
    """Everything that a run ended with, as bytes."""
    checkpoint = load_checkpoint(path / "last.safetensors")
    arrays = {"param": checkpoint.params, "velocity": checkpoint.velocity, "state": checkpoint.state}
    return {f"{group}/{name}": a.tobytes() for group, some in arrays.items() for name, a in some.items()}


class Stop:
    asked = False


def interrupted(path, dataset, monkeypatch, after, name="pool-first"):
    """A run that was stopped and saved after that many steps, and taken up by a new trainer."""
    stop, taken, step = Stop(), [], training.training_step

    def and_stop(*given):
        taken.append(1)
        stop.asked = len(taken) == after
        return step(*given)

    with monkeypatch.context() as patch:
        patch.setattr(training, "training_step", and_stop)
        with pytest.raises(training.Stopped):
            trainer_of(path, dataset, name).train(stop)
    return training.go_on(RunFolder(path), dataset, np, quiet=True)


@pytest.mark.parametrize("name", ["pool-first", "ghosts", "residual-first", "norm-first"])
def test_taken_up_with_the_same_bits(name, models, tmp_path, monkeypatch):
    dataset = easy_dataset(36, 10)
    trainer_of(tmp_path / "alone", dataset, name).train()
    expected = ended(tmp_path / "alone")
    assert any(key.startswith("state/") for key in expected)
    for after in (1, 2, 4):
        interrupted(tmp_path / f"{after}", dataset, monkeypatch, after, name).train()
        assert ended(tmp_path / f"{after}") == expected, f"stopped after step {after}"


def test_a_run_that_forgets_state_is_found(models, tmp_path, monkeypatch):
    dataset = easy_dataset(36, 10)
    trainer_of(tmp_path / "alone", dataset).train()
    resumed = interrupted(tmp_path / "run", dataset, monkeypatch, 2)
    for name, a in resumed.network.state.items():
        a[...] = find_model("pool-first").build(4).state[name]
    resumed.train()
    assert ended(tmp_path / "run") != ended(tmp_path / "alone")


def check_once_per_step(tmp_path, monkeypatch):
    seen, absorb = [], Trunk.absorb
    monkeypatch.setattr(
        Trunk, "absorb", lambda trunk, observed: seen.append(sorted(observed)) or absorb(trunk, observed)
    )
    trainer = trainer_of(tmp_path / "run", easy_dataset(36, 10))
    before, counts = snapshot(trainer.network), []
    evaluated = evaluate(trainer.network, trainer.dataset.val, trainer.view, np, quiet=True)
    agree_all(trainer.network.state, before, "(state) after evaluation", exact=True)
    observe = Trunk.observe
    monkeypatch.setattr(Trunk, "observe", lambda trunk, cache: counts.append(observe(trunk, cache)) or counts[-1])
    trainer.train()
    assert len(seen) == 6 and evaluated.images == 10  # three batches, two epochs
    assert [float(observed["norm1.count"][0]) / 14**2 for observed in counts] == 2 * [16, 16, 4]
    assert not [name for name, a in trainer.network.state.items() if (a == before[name]).all()]


def test_once_per_step(models, tmp_path, monkeypatch):
    check_once_per_step(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "new", ["pass", "network.absorb(network.observe(cache)); network.absorb(network.observe(cache))"]
)
def test_a_step_that_absorbs_otherwise_is_found(new, models, tmp_path, monkeypatch):
    wrong = edited(step_module.training_step, "network.absorb(network.observe(cache))", new)
    monkeypatch.setattr(training, "training_step", wrong)
    with pytest.raises(AssertionError):
        check_once_per_step(tmp_path, monkeypatch)


def test_the_checkpoint(models, tmp_path):
    trainer = trainer_of(tmp_path / "run", easy_dataset(36, 10))
    trainer.train()
    checkpoint = load_checkpoint(tmp_path / "run" / "last.safetensors")
    agree_all(checkpoint.state, trainer.network.state, "(state)", exact=True)
    assert (
        not checkpoint.state.keys() & checkpoint.params.keys()
        and checkpoint.velocity.keys() == checkpoint.params.keys()
    )
    assert {"norm1.running_mean", "block1.norm1.running_var", "norm2.running_var"} < checkpoint.state.keys()
    network, _, _, _ = load_network(tmp_path / "run" / "last.safetensors", np)
    agree_all(network.state, checkpoint.state, "(restored)", exact=True)


def test_start_from_takes_state_along(models, tmp_path):
    dataset = easy_dataset(36, 10)
    trainer_of(tmp_path / "source", dataset, epochs=1).train()
    begun = trainer_of(tmp_path / "run", dataset, start_from=str(tmp_path / "source"))
    source = load_checkpoint(tmp_path / "source" / "best.safetensors")
    agree_all(begun.network.state, source.state, "(state)", exact=True)
    agree_all(begun.network.params, source.params, "(weights)", exact=True)
    refused(
        lambda: trainer_of(tmp_path / "other", dataset, "ghosts", start_from=str(tmp_path / "nowhere")),
        "nowhere",
        error=UserError,
    )


def test_state_is_not_learnt(models, tmp_path):
    trainer = trainer_of(tmp_path / "run", easy_dataset(36, 10))
    assert not trainer.optimiser.velocity.keys() & trainer.network.state.keys()


# ---------------------------------------------------------------------------------------------- commands


def test_summary_counts_state_apart(models, capsys):
    assert main(["summary", "pool-first", "--classes", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    network = find_model("pool-first").build(4)
    assert found["parameters"] == sum(p.size for p in network.params.values())
    assert {row["name"]: row["state"] for row in found["layers"] if row["state"]} == {
        "norm1": 16,
        "block1.norm1": 16,
        "block1.shortcut.norm": 16,
        "norm2": 32,
    }
    assert main(["summary", "pool-first", "--classes", "4"]) == 0
    assert "block1.norm1" in capsys.readouterr().out


def test_diff_compares_layers_inside(models, capsys):
    assert main(["diff", "pool-first", "ghosts", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"norm1", "block1.norm1", "block1.shortcut.norm"} == {row["where"] for row in found["layers"]}
    assert not found["totals"]  # as many parameters; state is none
    assert main(["diff", "pool-first", "residual-first"]) == 0
    assert "block1.conv" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["pool-first", "residual-first", "norm-first"])
def test_no_command_expects_a_convolution_first(name, models, tmp_path, capsys):
    """Train, evaluate, predict, inspect; whatever inspect has nothing to show for is left out with a line."""
    data, out = str(write_easy(tmp_path / "easy", 36, 10)), tmp_path / "run"
    assert main(["train", "--model", name, "--data", data, "--epochs", "1", "--batch", "16", "--out", str(out)]) == 0
    assert main(["evaluate", str(out)]) == 0
    capsys.readouterr()
    assert main(["inspect", str(out), "--pictures", "1"]) == 0
    assert (out / "inspect" / "index.html").exists()
    picture = tmp_path / "red.png"
    from PIL import Image

    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(picture)
    capsys.readouterr()
    assert main(["predict", str(out), str(picture)]) == 0
    assert any(word in capsys.readouterr().out for word in CLASSES)

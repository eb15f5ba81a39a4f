"""Averaged weights: they are what a loop over the recorded weights gives, and all that a run is judged and kept by."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from tests.checks import agree_all, edited
from tests.runs.test_resume import EVERY_STEP, NEVER, Killed, dying
from tests.training.test_settings import easy_dataset, start
from tinyalex.evaluation import evaluate
from tinyalex.layers import BatchNorm2d, Conv2d, Flatten, Linear
from tinyalex.network import Network
from tinyalex.runs.checkpoint import load_checkpoint
from tinyalex.runs.trained import load_network
from tinyalex.standin import xp as device
from tinyalex.summary import summarise
from tinyalex.training import trainer as training
from tinyalex.training.average import Average, _move
from tinyalex.training.figures import first_kernels
from tinyalex.training.memory import check_memory, training_bytes

MODEL, DECAY, TRAIN, VAL = "resnet-mini", 0.5, 24, 8  # with running statistics; batches of 8


def everything(network):
    return {name: a.copy() for name, a in (network.params | network.state).items()}


def by_loop(recorded, decay):
    """The average of the arrays after each step, in float64."""
    mean = {name: np.zeros(a.shape) for name, a in recorded[0].items()}
    for t, arrays in enumerate(recorded):
        d = min(decay, t / (t + 9))
        mean = {name: d * mean[name] + (1 - d) * arrays[name].astype(float) for name in mean}
    return mean


# ---------------------------------------------------------------------------------------------- alone


def small():
    layers = {"conv": Conv2d(3, 4, 2), "norm": BatchNorm2d(4)}
    return Network(layers, {"flatten": Flatten(), "fc": Linear(36, 3)}, (4, 4, 3))


def check_average(average_class):
    """Many steps of random arrays, here and on the device; places are changed and changed back, whatever happens."""
    for move in (np.asarray, device.asarray):
        network, rng, recorded = small(), np.random.default_rng(0), []
        network.layers["features"].layers["norm"].state["seen"] = np.zeros(1, np.int64)
        network.map_arrays(move)
        average = average_class(network, 0.6)
        assert "norm.seen" not in average.arrays, "whole numbers cannot be averaged"
        for step in range(20):
            for a in (network.params | network.state).values():
                a[...] = move(rng.standard_normal(a.shape).astype(a.dtype))
            network.params["fc.bias"][...] = 0.1  # stays the same
            average.take(step)
            recorded.append({name: _host(a) for name, a in (network.params | network.state).items()})
            expected = by_loop(recorded, 0.6)
            del expected["norm.seen"]
            agree_all({n: _host(a) for n, a in average.arrays.items()}, expected, f"({step})", rtol=1e-5, atol=1e-6)
        assert (_host(average.arrays["fc.bias"]) == np.float32(0.1)).all(), "what stays the same, does not"
        with pytest.raises(KeyError), average.in_place():
            found = {name: _host(network.params.get(name, network.state.get(name))) for name in expected}
            agree_all(found, expected, "in place", rtol=1e-5, atol=1e-6)
            held = {name: recorded[-1][name] for name in expected}
            agree_all({n: _host(a) for n, a in average.arrays.items()}, held, "held", exact=True)
            raise KeyError
        agree_all({n: _host(a) for n, a in (network.params | network.state).items()}, recorded[-1], "back", exact=True)


def _host(a):
    return np.array(a.get() if hasattr(a, "get") else a)


def test_average():
    check_average(Average)


@pytest.mark.parametrize(
    "old, new",
    [
        ("step / (step + 9)", "(1 + step) / (10 + step)"),  # begins with a part of nothing
        ("1 - min(self.decay", "min(self.decay"),
        ("min(self.decay, step", "max(self.decay, step"),
        ("in blocks(mean, now[name])", "in [*blocks(mean, now[name])][1:]"),
        ('a.dtype.kind == "f"', "True"),
        ("self.network.params | self.network.state", "self.network.params"),
        ("kept = array.copy()", "kept = array"),
        ("finally:\n            self._swap()", "finally:\n            pass"),
    ],
)
def test_teeth(old, new):
    with pytest.raises((AssertionError, TypeError)):
        check_average(edited(Average, old, new))


def test_what_stays_the_same_stays_the_same_to_the_bit():
    mean = now = np.full(3, 0.1, np.float32)
    _move((mean, now.copy()), 0.3)
    assert (mean == np.float32(0.1)).all()


@pytest.mark.parametrize("rows", [1, 1500])
def test_large_arrays_are_taken_in_block_by_block(rows):
    """Of several blocks; more memory than a block for each thread is not taken."""
    rng = np.random.default_rng(rows)
    recorded = [{"w": rng.standard_normal((rows, 3_000_000 // rows), dtype="float32")} for _ in range(3)]
    network = SimpleNamespace(params={"w": recorded[0]["w"].copy()}, state={})
    average = Average(network, 0.6)
    tracemalloc.start()
    for step, arrays in enumerate(recorded):
        network.params["w"][...] = arrays["w"]
        average.take(step)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    agree_all(average.arrays, by_loop(recorded, 0.6), "averaged", rtol=1e-5, atol=1e-6)
    with average.in_place():
        agree_all(network.params, by_loop(recorded, 0.6), "in place", rtol=1e-5, atol=1e-6)
    agree_all(network.params, recorded[-1], "back", exact=True)
    assert rows == 1 or peak < 6e6, "of 12e6 bytes in the array"


def test_without_a_decay_there_is_none():
    network = small()
    average, before = Average(network, 0.0), everything(network)
    average.take(0)
    with average.in_place():
        agree_all(everything(network), before, "without", exact=True)
    assert average.arrays == {}


# ---------------------------------------------------------------------------------------------- in a run


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run to its end: (trainer, the arrays after each step)."""
    trainer, recorded = start(tmp_path_factory.mktemp("runs") / "run", model=MODEL, ema=DECAY), []
    step = training.training_step

    def recording(*args):
        kept = step(*args)
        recorded.append(everything(trainer.network))
        return kept

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "training_step", recording)
        trainer.train()
    return trainer, recorded


def test_a_run_saves_the_average_and_what_it_goes_on_with(done):
    trainer, recorded = done
    last = load_checkpoint(trainer.folder.last)
    agree_all(last.params | last.state, by_loop(recorded, DECAY), "saved", rtol=1e-4, atol=1e-6)
    assert last.state and len(recorded) == 6
    agree_all(last.trained, recorded[-1], "to go on with", exact=True)
    agree_all(everything(trainer.network), recorded[-1], "after the run", exact=True)
    assert all((last.params[name] != last.trained[name]).any() for name in ("conv1.weight", "fc.weight"))


def test_it_is_judged_by_the_average(done):
    trainer, _ = done
    network, view, *_ = load_network(trainer.folder.last, np)
    found = evaluate(network, trainer.dataset.val, view, np, quiet=True)
    line = trainer.progress.history[-1]
    assert (line["val_loss"], line["val_top1_error"]) == (found.loss, found.top1_error)
    assert evaluate(trainer.network, trainer.dataset.val, view, np, quiet=True).loss != found.loss


def test_its_kernels_are_drawn(done):
    trainer, _ = done
    (kernels,) = first_kernels(trainer)
    np.testing.assert_array_equal(kernels, load_checkpoint(trainer.folder.last).params["conv1.weight"])


def test_training_goes_its_way_without_regard_to_it(done, tmp_path):
    trainer, recorded = done
    plain = start(tmp_path / "plain", model=MODEL)
    plain.train()
    agree_all(everything(plain.network), recorded[-1], "without an average", exact=True)
    assert load_checkpoint(plain.folder.last).trained == {}


@pytest.mark.parametrize("call, after, save_seconds", [(2, True, EVERY_STEP), (5, False, EVERY_STEP), (5, True, NEVER)])
def test_resumed_bit_for_bit(done, tmp_path, monkeypatch, call, after, save_seconds):
    monkeypatch.setattr(training, "SAVE_SECONDS", save_seconds)
    trainer = start(tmp_path / "run", model=MODEL, ema=DECAY)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training, "training_step", dying(training.training_step, call, after))
        trainer.train()
    training.go_on(trainer.folder, easy_dataset(TRAIN, VAL), np, quiet=True).train()
    for name in ("last", "best"):
        found, expected = (load_checkpoint(getattr(run.folder, name)) for run in (trainer, done[0]))
        for group in ("params", "velocity", "state", "trained"):
            agree_all(getattr(found, group), getattr(expected, group), f"{name}: {group}", exact=True)


def test_frozen_layers_stay(tmp_path):
    trainer = start(tmp_path / "run", model=MODEL, ema=DECAY, freeze="conv1", init="paper")
    before = everything(trainer.network)
    trainer.train()
    np.testing.assert_array_equal(load_checkpoint(trainer.folder.last).params["conv1.weight"], before["conv1.weight"])


def test_memory_counts_it(done):
    trainer, _ = done
    network, rows = trainer.network, summarise(trainer.network)
    for xp, held in ((np, None), (device, None), (np, 5_000)):
        kept, plain = (training_bytes(rows, 8, network.in_shape, held, xp, averaged) for averaged in (True, False))
        assert kept - plain == 4 * (held or sum(row.parameters for row in rows))
    assert trainer.memory_bytes == check_memory(network, 8, np, averaged=True) > check_memory(network, 8, np)

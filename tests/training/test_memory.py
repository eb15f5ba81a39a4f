"""How much memory training takes: what it must count, what is refused, and two real steps."""

import math
import subprocess
import sys
import time
import tracemalloc
import weakref
from functools import cache

import numpy as np
import pytest

from tests.checks import edited, refused
from tests.gpu.memory import CASES, built, counted
from tests.test_summary import BY_HAND, FLOAT
from tests.training.test_training import easy_dataset, start
from tinyalex.data.augment import View
from tinyalex.data.dataset import Split
from tinyalex.data.loader import TrainingLoader
from tinyalex.errors import UserError
from tinyalex.models import find_model
from tinyalex.standin import xp as device
from tinyalex.summary import summarise
from tinyalex.terminal import bytes_text
from tinyalex.training import memory, trainer
from tinyalex.training.freezing import freeze
from tinyalex.training.memory import BASE_BYTES, LIBRARY_BYTES, check_memory, training_bytes


def test_training_bytes():
    rows = summarise(find_model("alexnet").build(1000))
    one, two = (training_bytes(rows, batch, (224, 224, 3)) for batch in (1, 2))
    assert two - one >= sum(BY_HAND.values()) + 224 * 224 * 3 * FLOAT, "a picture's own memory is not counted"
    assert one >= 3 * FLOAT * 60_965_224 + BASE_BYTES, "weights, velocity and gradients are not counted"


@pytest.mark.parametrize("model, layer", [("alexnet-mini", "pool5"), ("resnet-mini", "block2_1")])
def test_frozen_layers_keep_nothing(model, layer):
    """What the first layer behind them needs is the frozen part's output, which then counts as its own."""
    network = find_model(model).build(4)
    whole = {row.name: row.activation_bytes for row in summarise(network)}
    freeze(network, layer)
    frozen = {row.name: row.activation_bytes for row in summarise(network)}
    fixed = [name for name, one, *_ in network.shapes() if one.fixed]
    assert fixed and sum(frozen[name] for name in fixed) == 0 < sum(whole[name] for name in fixed)
    first, *others = [name for name in whole if name not in fixed]
    assert frozen[first] <= whole[first] + FLOAT * math.prod(network.up_to(layer).out_shape(network.in_shape))
    assert {name: frozen[name] for name in others[3:]} == {name: whole[name] for name in others[3:]}


def test_a_run_counts_frozen_layers_only_if_they_thaw(tmp_path):
    frozen, thawed, whole = (
        start(tmp_path / f"run-{n}", epochs=3, **settings).memory_bytes
        for n, settings in enumerate(({"freeze": "pool5"}, {"freeze": "pool5", "thaw": 1}, {}))
    )
    assert frozen < thawed == whole


def test_check_memory(monkeypatch):
    network = find_model("alexnet-small").build(10)
    monkeypatch.setattr(memory, "memory_available", lambda xp: None)
    needed = check_memory(network, 64, None)
    monkeypatch.setattr(memory, "memory_available", lambda xp: needed)
    assert check_memory(network, 64, None) == needed, "exactly enough is enough"
    assert check_memory(network, 32, None) < needed
    monkeypatch.setattr(memory, "memory_available", lambda xp: needed - 1)
    words = ["batch: found 64", "alexnet-small", bytes_text(needed), "a batch of 32 would fit"]
    refused(lambda: check_memory(network, 64, None), *words, error=UserError)


def test_the_memory_of_a_team(monkeypatch):
    """Each has its share of the batch and what it holds of the weights; those on one machine need it together."""
    network = find_model("alexnet-small").build(10)
    rows = summarise(network)
    for size, together, held in ((4, 1, None), (4, 2, 5_000), (2, 2, 5_000)):
        one = training_bytes(rows, 64 // size, network.in_shape, held)
        monkeypatch.setattr(memory, "memory_available", lambda xp: together * one)
        assert check_memory(network, 64, None, size, together, held) == one
        monkeypatch.setattr(memory, "memory_available", lambda xp: together * one - 1)
        words = [bytes_text(together * one), f"a batch of {64 // 2} would fit"] + (
            ["by 2 workers here"] if together > 1 else []
        )
        refused(lambda: check_memory(network, 64, None, size, together, held), *words, error=UserError)
    everything = training_bytes(rows, 64, network.in_shape)
    assert training_bytes(rows, 64, network.in_shape, held=5_000) == everything - 12 * (
        sum(row.parameters for row in rows) - 5_000
    )


MEASURE = """
import re
import sys
import numpy as np
from tinyalex.backend import set_thread_count
from tinyalex.models import find_model
from tinyalex.optim import SGD
from tinyalex.layers import SoftmaxCrossEntropy
from tinyalex.summary import summarise
from tinyalex.training.freezing import freeze
from tinyalex.training.memory import training_bytes

def peak():  # in bytes; not getrusage's ru_maxrss, which a child inherits
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", file.read())[1])

set_thread_count(2)
before, batch = peak(), int(sys.argv[2])
network = find_model(sys.argv[1]).build(100)
x, labels = np.random.default_rng(0).standard_normal((batch, *network.in_shape), "float32"), np.arange(batch) % 100
optimiser, loss = SGD(network.params), SoftmaxCrossEntropy()
for _ in range(2):
    logits, cache = network.forward(x, True, np.random.default_rng(0))
    _, loss_cache = loss.forward(logits, labels)
    _, grads = network.backward(loss.backward(loss_cache), cache, input_grad=False)
    del logits, cache, loss_cache  # as the trainer does
    optimiser.step(grads, 0.01)
    del grads
print(peak() - before, training_bytes(summarise(network), batch, network.in_shape))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("model, batch", [("alexnet-32", 96), ("resnet18", 8), ("resnet20", 128)])
def test_the_estimate(model, batch):
    """What two real training steps take, to 15 %."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, model, str(batch)], capture_output=True, text=True, check=True
    )
    taken, promised = map(int, done.stdout.split())
    assert 0.85 < promised / taken < 1.15, (taken, promised)


@pytest.mark.parametrize(
    "old, new",
    [
        ("3 * weights", "2 * weights"),
        ("batch * (activations", "batch * (0 * activations"),
        ("max(sum(prepared), (1 + threads) * max(prepared))", "0"),
        ("3 * waiting", "waiting"),
    ],
)
def test_the_estimate_counts(monkeypatch, old, new):
    """Nothing that one of them needs may be left out."""
    monkeypatch.setattr(memory, "thread_count", lambda: 2)
    taken = [("alexnet", 32, 1055e6), ("resnet18", 8, 567e6), ("resnet18", 32, 1282e6)]  # as MEASURE found
    rows = {model: summarise(find_model(model).build(100)) for model in ("alexnet", "resnet18")}

    def right(estimate):
        return all(0.95 < estimate(rows[model], batch, (224, 224, 3)) / found < 1.1 for model, batch, found in taken)

    assert right(training_bytes) and not right(edited(training_bytes, old, new))


@cache
def counted_on_a_device(model, batch):
    """(what the stand-in counts, the arguments of `_device_bytes`)."""
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "_device_bytes", lambda *arguments: asked.append(arguments) or 0)
        network = built(model)
        training_bytes(summarise(network), batch, network.in_shape, xp=device)
    return counted(network, batch), asked[0]


def right_on_a_device(estimate, model, batch):
    taken, arguments = counted_on_a_device(model, batch)
    return 0.8 < estimate(*arguments) / taken < 1.25


@pytest.mark.parametrize("model, batch", CASES)
def test_the_estimate_on_a_device(model, batch):
    """What a training step holds, to 25 %."""
    assert right_on_a_device(memory._device_bytes, model, batch), counted_on_a_device(model, batch)


@pytest.mark.parametrize(
    "old, new",
    [
        ("3 * weights", "2 * weights"),
        ("+ activations", ""),
        ("GRADIENTS * largest", "0"),
        ("min(COLUMNS * largest, COLUMN_BLOCKS * COLUMN_BYTES_GPU)", "0"),
        ("min(COLUMNS * largest, COLUMN_BLOCKS * COLUMN_BYTES_GPU)", "COLUMNS * largest"),
    ],
)
def test_the_estimate_on_a_device_counts(old, new):
    """Nothing that one of them needs may be left out."""
    wrong = edited(memory._device_bytes, old, new)
    assert not all(right_on_a_device(wrong, *case) for case in CASES)


def test_a_device_is_asked_for_its_own_estimate(monkeypatch):
    network = find_model("alexnet-small").build(10)
    monkeypatch.setattr(memory, "memory_available", lambda xp: None)
    rows = summarise(network)
    assert check_memory(network, 64, device) == training_bytes(rows, 64, network.in_shape, xp=device) > LIBRARY_BYTES
    assert check_memory(network, 64, np) == training_bytes(rows, 64, network.in_shape)
    large, none = (training_bytes(rows, 64, shape, xp=device) for shape in ((100, 100, 3), (0, 0, 3)))
    assert large - none == 64 * 100 * 100 * 3 * FLOAT, "the pictures are not counted"


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("mixing", [{}, {"mixup": 0.2}, {"cutmix": 1.0}])
def test_what_the_loader_holds(mixing, workers):
    """No more than is counted for its batches, while the network computes and the next one is prepared."""
    side, batch, share = 64, 64, 64 // workers
    pictures = np.random.default_rng(0).integers(0, 256, (8 * batch, side, side, 3), np.uint8)
    view = View(side - 8, 1.0, np.zeros((side, side, 3), "float32"), np.ones(3, "float32"), np.eye(3, dtype="float32"))
    split = Split((pictures,), np.zeros(len(pictures), int))
    loader = TrainingLoader(split, view, batch, 0, np, choose=lambda n: slice(n // workers), mixing=mixing)
    tracemalloc.start()
    for _ in loader.epoch(0):
        time.sleep(0.05)  # the network's part
    held = tracemalloc.get_traced_memory()[1] / (share * (side - 8) ** 2 * 3 * FLOAT)
    tracemalloc.stop()
    batches = memory.BATCHES + (memory.MIXED_BATCHES if mixing else 0)
    assert batches - 1.5 < held < batches + 0.5  # the pictures as bytes, and their draws, come on top


def test_mixed_pictures_are_counted(tmp_path):
    plain, mixed, boxed = (
        start(tmp_path / f"run-{n}", epochs=1, **settings).memory_bytes
        for n, settings in enumerate(({}, {"mixup": 0.2}, {"cutmix": 1.0}))
    )
    trainer = start(tmp_path / "run", epochs=1)
    batch = trainer.config.batch * math.prod(trainer.network.in_shape) * FLOAT
    assert mixed - plain == boxed - plain == 2 * batch


def test_a_step_does_not_keep_the_last_ones_activations(tmp_path, monkeypatch):
    """While one step computes, what the step before kept for its backward pass is gone."""

    class Kept(dict):
        """A dict that can be referred to weakly."""

    kept, step = [], trainer.training_step

    def watched(*arguments):
        assert all(reference() is None for reference in kept), "an earlier step's arrays are still in memory"
        cache, grads = map(Kept, step(*arguments))
        kept.extend([weakref.ref(cache), weakref.ref(grads)])
        return cache, grads

    monkeypatch.setattr(trainer, "training_step", watched)
    start(tmp_path / "run", easy_dataset(), epochs=1).train()
    assert len(kept) >= 4

"""The summary: counted by hand for the paper's network, and it does not believe a layer that lies."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.checks import refused
from tinyalex.errors import UserError
from tinyalex.layers import Flatten, Linear, ReLU
from tinyalex.models import find_model
from tinyalex.network import Network
from tinyalex.summary import summarise
from tinyalex.training import memory
from tinyalex.training.memory import WORKSPACE_BYTES, check_memory, training_bytes

FLOAT = 4  # bytes
BY_HAND = {  # what training keeps of one picture: float32 arrays, and a byte for each winner of a pooling window
    "relu1": 55 * 55 * 96 * FLOAT,
    "norm1": 55 * 55 * 96 * FLOAT,  # the denominator; its input is what relu1 keeps
    "pool1": 27 * 27 * 96,
    "conv2": 27 * 27 * 96 * FLOAT,
    "relu2": 27 * 27 * 256 * FLOAT,
    "norm2": 27 * 27 * 256 * FLOAT,
    "pool2": 13 * 13 * 256,
    "conv3": 13 * 13 * 256 * FLOAT,
    "relu3": 13 * 13 * 384 * FLOAT,
    "relu4": 13 * 13 * 384 * FLOAT,
    "relu5": 13 * 13 * 256 * FLOAT,
    "pool5": 6 * 6 * 256,
    "fc6": 9216 * FLOAT,
    **{name: 4096 * FLOAT for name in ("relu6", "drop6", "fc7", "relu7", "drop7", "fc8")},
}


@pytest.fixture(scope="module")
def rows():
    return summarise(find_model("alexnet").build(1000))


def test_activations_by_hand(rows):
    assert {row.name: row.activation_bytes for row in rows if row.activation_bytes} == BY_HAND


def test_totals(rows):
    assert sum(row.parameters for row in rows) == 60_965_224
    assert sum(row.multiply_adds for row in rows) == 724_406_816
    assert [row.out_shape for row in rows][-1] == (1000,) and len(rows) == 23


def test_training_bytes(rows):
    one, two = (training_bytes(rows, batch, (224, 224, 3)) for batch in (1, 2))
    assert two - one >= sum(BY_HAND.values()) + 224 * 224 * 3 * FLOAT, "a picture's own memory is not counted"
    assert one >= 3 * FLOAT * 60_965_224 + WORKSPACE_BYTES, "weights, velocity and gradients are not counted"


class LyingShape(ReLU):
    def out_shape(self, in_shape):
        return (*in_shape[:-1], in_shape[-1] + 1)


class LyingAxes(ReLU):
    def out_shape(self, in_shape):
        return (*in_shape, 1)


@pytest.mark.parametrize("layer", [LyingShape(), LyingAxes()])
def test_a_layer_whose_out_shape_lies(layer):
    network = Network({"conv1": ReLU(), "liar": layer}, {"flatten": Flatten()}, (4, 4, 3))
    network.classifier.layers["fc"] = Linear(48, 2)
    with pytest.raises(AssertionError, match="'liar'.*out_shape"):
        summarise(network)


def test_check_memory(monkeypatch):
    network = find_model("alexnet-small").build(10)
    monkeypatch.setattr(memory, "memory_available", lambda xp: None)
    needed = check_memory(network, 64, None)
    monkeypatch.setattr(memory, "memory_available", lambda xp: needed)
    assert check_memory(network, 64, None) == needed, "exactly enough is enough"
    assert check_memory(network, 32, None) < needed
    monkeypatch.setattr(memory, "memory_available", lambda xp: needed - 1)
    words = ["--batch 64", "alexnet-small", f"{needed / 1e9:.2f} GB", "--batch 32 would fit"]
    refused(lambda: check_memory(network, 64, None), *words, error=UserError)


def test_the_memory_of_a_team(monkeypatch):
    """Each has its share of the batch and what it holds of the weights; those on one machine need it together."""
    network = find_model("alexnet-small").build(10)
    rows = summarise(network)
    for size, together, held in ((4, 1, None), (4, 2, 5_000), (2, 2, 5_000)):
        team = SimpleNamespace(size=size, local_size=together)
        one = training_bytes(rows, 64 // size, network.in_shape, held)
        monkeypatch.setattr(memory, "memory_available", lambda xp: together * one)
        assert check_memory(network, 64, None, team, held) == one
        monkeypatch.setattr(memory, "memory_available", lambda xp: together * one - 1)
        words = [f"{together * one / 1e9:.2f} GB", f"--batch {64 // 2} would fit"] + (
            ["by 2 workers here"] if together > 1 else []
        )
        refused(lambda: check_memory(network, 64, None, team, held), *words, error=UserError)
    everything = training_bytes(rows, 64, network.in_shape)
    assert training_bytes(rows, 64, network.in_shape, held=5_000) == everything - 16 * (
        sum(row.parameters for row in rows) - 5_000
    )


MEASURE = """
import re
import numpy as np
from tinyalex.models import find_model
from tinyalex.optim import SGD
from tinyalex.layers import SoftmaxCrossEntropy
from tinyalex.summary import summarise
from tinyalex.training.memory import training_bytes

def peak():  # in bytes; not getrusage's ru_maxrss, which a child inherits
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", file.read())[1])

before = peak()
network = find_model("alexnet-32").build(100)
x, labels = np.random.default_rng(0).standard_normal((96, 28, 28, 3), "float32"), np.arange(96)
optimiser, loss = SGD(network.params), SoftmaxCrossEntropy()
for _ in range(2):
    logits, cache = network.forward(x, True, np.random.default_rng(0))
    _, loss_cache = loss.forward(logits, labels)
    optimiser.step(network.backward(loss.backward(loss_cache), cache, input_grad=False)[1], 0.01)
print(peak() - before, training_bytes(summarise(network), 96, network.in_shape))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_estimate_is_on_the_safe_side():
    """Two real training steps take no more than was promised, and no less than a third of it."""
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    taken, promised = map(int, done.stdout.split())
    assert promised / 3 < taken <= promised

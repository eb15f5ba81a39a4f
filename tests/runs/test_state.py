"""Layers with state, such as running means: a run saves it, goes on with it and passes it on."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.checks import refused
from tests.runs.test_resume import EVERY_STEP, NEVER, Killed, assert_same, bits, dying
from tests.training.test_training import easy_dataset
from tinyalex.errors import UserError
from tinyalex.layers import Conv2d, Flatten, Layer, Linear, MaxPool2d
from tinyalex.models import MODELS, Model, find_model
from tinyalex.runs.checkpoint import load_checkpoint
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.trained import load_network
from tinyalex.training import trainer as training

TRAIN, VAL, EPOCHS = 20, 8, 2  # batches of 8, 8 and 4


class Counting(Layer):
    """A layer whose state counts the pictures that it was trained on."""

    def __init__(self):
        super().__init__()
        self.state = {"seen": np.zeros(1, np.float32)}

    def forward(self, x, train=False, rng=None):
        return x, len(x)

    def backward(self, dy, cache, input_grad=True):
        return dy, {}

    def observe(self, cache):
        return {"seen": np.float32([cache])}

    def absorb(self, observed):
        self.state["seen"] += observed["seen"]


def layers(num_classes):
    features = {"conv1": Conv2d(3, 4, 8, stride=8), "count": Counting(), "pool1": MaxPool2d(7, 7)}
    return features, {"flatten": Flatten(), "fc2": Linear(4, num_classes)}


@pytest.fixture(autouse=True)
def model(monkeypatch):
    counting = Model(
        name="counting",
        about="",
        size=64,
        layers=layers,
        init="he",
        pixel_scale=1 / 64,
        lr=0.01,
        epochs=EPOCHS,
        batch=8,
    )
    monkeypatch.setitem(MODELS, "counting", counting)


def start(path, **chosen):
    config = Config.for_model(find_model("counting"), "easy", schedule="constant", **chosen)
    return training.start(RunFolder(path), config, easy_dataset(TRAIN, VAL), np, "test", quiet=True)


def seen(path):
    return load_checkpoint(path).state["count.seen"].tolist()


@pytest.fixture
def done(tmp_path):
    trainer = start(tmp_path / "done")
    trainer.train()
    return trainer


def test_every_picture_counts_once(done):
    """Not those of the validation, and none twice because the trunk takes a batch in pieces."""
    assert done.network.state["count.seen"] == seen(done.folder.last) == [EPOCHS * TRAIN]
    network, *_ = load_network(done.folder.last, np)
    assert network.state["count.seen"] == [EPOCHS * TRAIN]


def test_another_run_begins_with_it(done, tmp_path):
    trainer = start(tmp_path / "run", start_from=str(done.folder.last))
    assert trainer.network.state["count.seen"] == [EPOCHS * TRAIN]
    assert done.network.state["count.seen"] is not trainer.network.state["count.seen"]


@pytest.mark.parametrize("call, after, save_seconds", [(2, True, EVERY_STEP), (5, False, EVERY_STEP), (5, True, NEVER)])
def test_resumed(done, tmp_path, monkeypatch, call, after, save_seconds):
    monkeypatch.setattr(training, "SAVE_SECONDS", save_seconds)
    trainer = start(tmp_path / "run")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training, "training_step", dying(training.training_step, call, after))
        trainer.train()
    training.go_on(trainer.folder, easy_dataset(TRAIN, VAL), np, quiet=True).train()
    assert_same(trainer.folder.path, bits(done.folder.path))
    assert seen(trainer.folder.last) == [EPOCHS * TRAIN]


def test_a_checkpoint_without_it_is_refused(done):
    """A network with state needs it; one without needs none (see `test_checkpoint`)."""
    info = load_checkpoint(done.folder.last).info
    arrays = {name: a for name, a in load_file(done.folder.last).items() if not name.startswith("state/")}
    save_file(arrays, done.folder.last, {"tinyalex": json.dumps({"version": 1} | info)})
    for use in (
        lambda: load_network(done.folder.last, np),
        lambda: training.go_on(done.folder, easy_dataset(TRAIN, VAL), np),
    ):
        refused(use, done.folder.last, "missing count.seen", error=UserError)

"""A network of a few hundred numbers, and a few pictures for it."""

import json

import numpy as np

from tests.tiny_runs import info_of
from tinyalex.data import open_dataset
from tinyalex.data.augment import ARRAYS, View
from tinyalex.data.dataset import ColorStatistics, Split
from tinyalex.data.prepared import PreparedWriter
from tinyalex.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU
from tinyalex.models import find_model
from tinyalex.network import Network
from tinyalex.optim import initialise
from tinyalex.runs.checkpoint import Checkpoint, save_checkpoint

SIDE, CROP, K = 12, 8, 3


def network(relu=ReLU, num_classes=K):
    features = {"conv1": Conv2d(3, 4, 3, padding=1), "relu1": relu(), "pool1": MaxPool2d(2)}
    classifier = {"flatten": Flatten(), "fc7": Linear(64, 5), "relu7": relu(), "fc8": Linear(5, num_classes)}
    net = Network(features, classifier, (CROP, CROP, 3), "small")
    rng = np.random.default_rng(0)
    for param in net.params.values():
        param[...] = rng.standard_normal(param.shape) * 0.2
    return net


def view():
    mean = np.full((SIDE, SIDE, 3), 100, np.float32)
    return View(CROP, 1 / 64, mean, np.ones(3, np.float32), np.eye(3, dtype=np.float32))


def split(count=11, seed=1):
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (count, SIDE, SIDE, 3)).astype(np.uint8)
    return Split((pictures[:4], pictures[4:]), rng.integers(0, K, count))


def centre_crop(picture):
    """The network's input for one picture, (1, CROP, CROP, 3), computed independently."""
    start = (SIDE - CROP) // 2
    window = picture[start : start + CROP, start : start + CROP].astype(np.float32)
    return ((window - 100) / 64)[None].astype(np.float32)


def write_data(path, names, train, val, side=64):
    """A prepared folder of noise: `train` and `val` pictures, classes in turn."""
    rng, statistics = np.random.default_rng(2), ColorStatistics(side)
    ids = [f"class-{k}" for k in range(len(names))]
    with PreparedWriter(path, side, ids, names) as writer:
        for split, count in (("train", train), ("val", val)):
            pictures = rng.integers(0, 256, (count, side, side, 3)).astype(np.uint8)
            writer.add(split, pictures, np.arange(count) % len(names))
            if split == "train":
                statistics.add(pictures)
        writer.finish(statistics, {"name": "noise"})
    return path


def write_run(path, data, model="alexnet-mini", lines=()):
    """A run folder as `train` leaves it, with a network that has learnt nothing."""
    dataset, about = open_dataset(data), find_model(model)
    network = about.build(len(dataset.class_ids))
    initialise(network, about.init, 0, about.input_rms)
    info = info_of(model, dataset.class_ids, data, [0.5], class_names=list(dataset.class_names))
    info["fingerprint"] = dataset.fingerprint
    view = View.of(dataset, about)
    path.mkdir()
    arrays = {key: getattr(view, key) for key in ARRAYS}
    save_checkpoint(path / "best.safetensors", Checkpoint(network.params, {}, arrays, info))
    (path / "config.json").write_text("{}")
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path

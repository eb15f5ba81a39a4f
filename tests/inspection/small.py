"""A network of a few hundred numbers, and a few pictures for it."""

import numpy as np

from tinyalex.data.augment import View
from tinyalex.data.dataset import Split
from tinyalex.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU
from tinyalex.network import Network

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
    """What the network sees of one picture, (1, CROP, CROP, 3), worked out anew."""
    start = (SIDE - CROP) // 2
    window = picture[start : start + CROP, start : start + CROP].astype(np.float32)
    return ((window - 100) / 64)[None].astype(np.float32)

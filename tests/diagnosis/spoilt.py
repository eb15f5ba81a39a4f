"""Pictures and labels spoilt as people spoil them, and changed as they may be.

Each takes (`Pictures`, generator) and returns `Pictures`; some are made by a function of what is to be spoilt.
"""

from dataclasses import dataclass, replace

import numpy as np

from tinyalex.data.dataset import ColorStatistics
from tinyalex.data.prepared import PreparedWriter


@dataclass(frozen=True)
class Pictures:
    """A data set in memory, to be spoilt and written. train, val: (pictures, labels)"""

    train: tuple
    val: tuple
    names: tuple

    def write(self, path, mean=None):
        """A prepared folder, by the project's own writer. mean: another mean picture than that of the pictures"""
        statistics = ColorStatistics(self.train[0].shape[1])
        statistics.add(self.train[0])
        with PreparedWriter(path, self.train[0].shape[1], self.names, self.names) as writer:
            writer.add("train", *self.train)
            writer.add("val", *self.val)
            writer.finish(statistics, {"name": "patient"})
        if mean is not None:
            np.save(path / "mean.npy", np.full_like(np.load(path / "mean.npy"), mean))
        return path

    def some(self, classes=None, train=None, val=None):
        """The first classes, and the first pictures of each part."""
        parts = []
        for (pictures, labels), most in ((self.train, train), (self.val, val)):
            rows = np.flatnonzero(labels < (classes or len(self.names)))[:most]
            parts.append((pictures[rows], labels[rows]))
        return Pictures(*parts, self.names[:classes])

    def changed(self, split, pictures=None, labels=None):
        """With one part's pictures or labels put through functions."""
        before = getattr(self, split)
        after = (pictures or (lambda p: p))(before[0]), (labels or (lambda y: y))(before[1])
        return replace(self, **{split: (np.ascontiguousarray(after[0]), np.asarray(after[1], np.int64))})


def shuffle(part):
    return lambda data, rng: data.changed(part, labels=rng.permutation)


def shuffle_both(data, rng):
    return data.changed("train", labels=rng.permutation).changed("val", labels=rng.permutation)


def mix(data, rng):
    """Pictures in random order, as many sources have them."""
    order = rng.permutation(len(data.train[1]))
    return data.changed("train", lambda p: p[order], lambda y: y[order])


def a_row_off(data, rng):
    return mix(data, rng).changed("train", labels=lambda y: np.roll(y, 1))


def from_one(data, rng):
    """Validation labels that count from 1 where training counts from 0."""
    return data.changed("val", labels=lambda y: (y + 1) % len(data.names))


def other_order(data, rng):
    order = rng.permutation(len(data.names))
    return data.changed("val", labels=lambda y: order[y])


def half_wrong(data, rng):
    def spoil(labels):
        wrong = rng.random(len(labels)) < 0.6
        return np.where(wrong, rng.integers(0, len(data.names), len(labels)), labels)

    return data.changed("train", labels=spoil)


def one_class(data, rng):
    return data.changed("train", labels=np.zeros_like).changed("val", labels=np.zeros_like)


def without(part, classes):
    def spoil(data, rng):
        pictures, labels = getattr(data, part)
        kept = ~np.isin(labels, classes)
        return replace(data, **{part: (pictures[kept], labels[kept])})

    return spoil


def scaled(*parts):
    """Pixels divided by 255 and stored as whole numbers again."""

    def spoil(data, rng):
        for part in parts:
            data = data.changed(part, lambda p: (p / 255.0).astype(np.uint8))
        return data

    return spoil


def some_black(data, rng):
    def spoil(pictures):
        pictures = pictures.copy()
        pictures[rng.random(len(pictures)) < 0.15] = 0
        return pictures

    return data.changed("train", spoil)


def of_val(change):
    return lambda data, rng: data.changed("val", change)


def blurred(pictures):
    x = pictures.astype(np.float32)
    for axis in (1, 2):
        x = sum(np.roll(x, by, axis) for by in (-2, -1, 0, 1, 2)) / 5
    return x.astype(np.uint8)


def leaked(change):
    """A third of the validation pictures taken from training, perhaps changed on the way."""

    def spoil(data, rng):
        pictures, labels = (a.copy() for a in data.val)
        count = len(labels) // 3
        rows = rng.choice(len(data.train[1]), count, replace=False)
        pictures[:count], labels[:count] = change(data.train[0][rows]), data.train[1][rows]
        return replace(data, val=(pictures, labels))

    return spoil


def recompressed(pictures):
    """Mirrored and a little brighter, as by augmentation before the parts were divided."""
    return np.clip(pictures[:, :, ::-1].astype(int) + 3, 0, 255).astype(np.uint8)


def two_labels(data, rng):
    pictures, labels = data.train
    rows = rng.choice(len(labels), len(labels) // 5, replace=False)
    more = pictures[rows], (labels[rows] + 1 + rng.integers(0, len(data.names) - 1, len(rows))) % len(data.names)
    return replace(data, train=tuple(np.concatenate(both) for both in zip(data.train, more)))


def few(data, rng):
    return data.some(train=100)


# ---------------------------------------------------------------------------------------------- what is no fault


def uneven(data, rng):
    """Classes of different sizes, to a quarter."""
    pictures, labels = data.train
    kept = rng.random(len(labels)) < np.linspace(0.25, 1, len(data.names))[labels]
    return replace(data, train=(pictures[kept], labels[kept]))


def grey(data, rng):
    def change(pictures):
        return np.repeat(pictures.mean(axis=3, keepdims=True).astype(np.uint8), 3, axis=3)

    return data.changed("train", change).changed("val", change)


def two_classes(data, rng):
    return data.some(classes=2)


def four_classes(data, rng):
    return data.some(classes=4)


def a_few_twins(data, rng):
    """Three training pictures are validation pictures too, as in many published sets."""
    data.val[0][:3], data.val[1][:3] = data.train[0][:3], data.train[1][:3]
    return data

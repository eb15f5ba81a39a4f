"""The built-in set: textured shapes drawn from a seed, so that the very first command works offline.

K = 20 classes, each a shape with a texture ("striped star"): five shapes × four textures, so some classes differ only
in shape and some only in texture. Position, size, tilt, colours, light and background are equally random for every
class: colour says nothing about the class, single pixels little, shape and texture nearly everything. Eight more
classes, two new shapes with the same textures, are held out for lessons on transfer.

Picture i of a split has label i mod K, so any K consecutive pictures contain each class once. It is drawn from a random
stream keyed by (seed, split, i) alone, so part of a split, or a smaller set, has the same bytes as in the whole.
"""

import hashlib
import json

import numpy as np

from tinyalex.data.dataset import ColorStatistics, Dataset, Split
from tinyalex.data.shapes import SIDE, TEXTURES, draw_picture
from tinyalex.errors import UserError
from tinyalex.terminal import progress_bar

# Part of the fingerprint, so a checkpoint knows which pictures it saw. Raise it whenever a pixel or a label changes;
# tests/data/test_builtin.py holds a digest of some pictures and fails until then.
GENERATOR_VERSION = 1

SHAPES = ("star", "heart", "ball", "triangle", "cross")
HELD_OUT_SHAPES = ("moon", "leaf")
ADJECTIVES = {"stripes": "striped", "dots": "dotted", "checks": "checked", "rings": "ringed"}

TRAIN_PER_CLASS, VAL_PER_CLASS = 200, 50

_STREAMS = {("train", False): 0, ("val", False): 1, ("train", True): 2, ("val", True): 3}
_DRAWN_AT_ONCE = 100  # pictures per step of the progress bar


def builtin_classes(held_out=False):
    """The K class ids ("star-stripes") and the K class names ("striped star"), in label order.

    K is 20, or 8 if `held_out`. All textures of the first shape come first.
    """
    pairs = [(shape, texture) for shape in (HELD_OUT_SHAPES if held_out else SHAPES) for texture in TEXTURES]
    class_ids = tuple(f"{shape}-{texture}" for shape, texture in pairs)
    class_names = tuple(f"{ADJECTIVES[texture]} {shape}" for shape, texture in pairs)
    return class_ids, class_names


def builtin_labels(indices, held_out=False):
    """The labels of pictures `indices` of any split: int64, same shape, index mod K."""
    return np.asarray(indices, np.int64) % len(builtin_classes(held_out)[0])


def draw_pictures(split, indices, *, seed=0, held_out=False):
    """Draw pictures `indices` (N non-negative integers, any order) of split "train" or "val": uint8 (N, 64, 64, 3)."""
    class_ids, _ = builtin_classes(held_out)
    stream = _STREAMS[split, held_out]
    labels = builtin_labels(indices, held_out)
    pictures = np.empty((len(labels), SIDE, SIDE, 3), np.uint8)
    for picture, index, label in zip(pictures, indices, labels):
        # PCG64 by name: default_rng is free to become another generator in some later NumPy
        rng = np.random.Generator(np.random.PCG64([seed, stream, int(index)]))
        picture[:] = draw_picture(class_ids[label], rng)
    return pictures


def load_builtin(seed=0, train_per_class=TRAIN_PER_CLASS, val_per_class=VAL_PER_CLASS, *, held_out=False, quiet=True):
    """Draw the set: a Dataset in memory, one shard per split, labels 0, 1, …, K−1, 0, 1, … in both.

    seed: another seed gives other pictures of the same kind (0 to 2**32 − 1)
    train_per_class, val_per_class: pictures per class; 200 and 50 make 4,000 and 1,000, drawn in about 5 s
    held_out: draw the eight classes held out for transfer instead of the twenty
    Raises UserError if a number is out of range.
    """
    check_counts(seed, train_per_class, val_per_class)
    class_ids, class_names = builtin_classes(held_out)
    K = len(class_ids)
    statistics = ColorStatistics(SIDE)
    with progress_bar(K * (train_per_class + val_per_class), "drawing the built-in set", quiet=quiet) as bar:
        train = draw_split("train", K * train_per_class, seed, held_out, bar, statistics)
        val = draw_split("val", K * val_per_class, seed, held_out, bar)
    eigenvalues, eigenvectors = statistics.principal_components()
    return Dataset(
        name="builtin-held-out" if held_out else "builtin",
        size=SIDE,
        class_ids=class_ids,
        class_names=class_names,
        mean=statistics.mean(),
        color_eigenvalues=eigenvalues,
        color_eigenvectors=eigenvectors,
        train=train,
        val=val,
        fingerprint=builtin_fingerprint(seed, train_per_class, val_per_class, held_out=held_out),
    )


def load_builtin_val(seed=0, val_per_class=VAL_PER_CLASS, *, held_out=False, quiet=True):
    """Only the validation Split of `load_builtin`, about five times faster: for evaluating a trained network."""
    check_counts(seed, 1, val_per_class)
    count = len(builtin_classes(held_out)[0]) * val_per_class
    with progress_bar(count, "drawing the built-in set", quiet=quiet) as bar:
        return draw_split("val", count, seed, held_out, bar)


def builtin_fingerprint(seed=0, train_per_class=TRAIN_PER_CLASS, val_per_class=VAL_PER_CLASS, *, held_out=False):
    """The Dataset's fingerprint, without drawing: a digest of the generator's version and arguments."""
    recipe = {
        "generator": GENERATOR_VERSION,
        "seed": int(seed),
        "train_per_class": int(train_per_class),
        "val_per_class": int(val_per_class),
        "held_out": bool(held_out),
    }
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def check_counts(seed, train_per_class, val_per_class):
    """Raise UserError if a number is out of range."""
    if not 0 <= seed < 2**32:
        raise UserError(f"built-in set: seed is {seed}, expected 0 to 2**32 - 1")
    for name, count in ("train_per_class", train_per_class), ("val_per_class", val_per_class):
        if count < 1:
            raise UserError(f"built-in set: {name} is {count}, expected 1 or more")


def draw_split(split, count, seed, held_out, bar, statistics=None):
    """Draw the first `count` pictures of a split piece by piece, updating the bar and the statistics, if given."""
    pictures = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for start in range(0, count, _DRAWN_AT_ONCE):
        piece = pictures[start : start + _DRAWN_AT_ONCE]
        piece[:] = draw_pictures(split, range(start, start + len(piece)), seed=seed, held_out=held_out)
        if statistics is not None:
            statistics.add(piece)
        bar.update(len(piece))
    return Split((pictures,), builtin_labels(range(count), held_out))

"""Select part of a data set by name: "builtin+first-half", "data/tiny64+second-half+25-a-class".

    first-half, second-half   of the classes in order, renumbered from 0; the first half of an odd number has one more
    N-a-class                 at most the first N training pictures of each class; all validation pictures stay

The mean picture and colour statistics come from the part's own training pictures.
"""

import hashlib
import re
from dataclasses import replace

import numpy as np

from tinyalex.backend import memory_available
from tinyalex.data.dataset import ColorStatistics, Split
from tinyalex.errors import UserError
from tinyalex.terminal import bytes_text

HALVES = ("first-half", "second-half")
EXPECTED = f"{', '.join(HALVES)} or N-a-class"
PICTURES_AT_ONCE = 1024


def take_parts(dataset, parts):
    """Cut `dataset` down by each of `parts` in turn; a split that loses pictures is copied into memory.

    Raises UserError for an unknown part, or if a split ends up empty or too large for memory.
    """
    if not parts:
        return dataset
    first, last = classes_left(dataset.name, len(dataset.class_ids), parts)
    rows = {name: np.arange(len(getattr(dataset, name))) for name in ("train", "val")}
    for part in parts:
        if part not in HALVES:
            rows["train"] = _first_of_each_class(dataset.train.labels, rows["train"], _count(part))
    rows = {name: _of_classes(getattr(dataset, name).labels, kept, first, last) for name, kept in rows.items()}
    return _cut(dataset, parts, first, last, rows)


def classes_left(name, K, parts):
    """The classes `first` to `last` − 1 of K that are left in `parts` of the data set `name`, as (first, last).

    UserError for an unknown part, for too few classes to halve, or for N-a-class after as few or fewer.
    """
    first, last, fewest = 0, K, None
    for part in parts:
        if part in HALVES:
            first, last = _half(name, first, last, part)
        elif not _count(part):
            raise UserError(f"unknown part {part!r} of {name}, expected {EXPECTED}", "data")
        elif fewest is not None and _count(part) >= fewest:
            raise UserError(f"found +{part} after +{fewest}-a-class, expected fewer pictures a class", "data")
        else:
            fewest = _count(part)
    return first, last


def refuse_too_many(name, counts, parts):
    """UserError for N-a-class that takes nothing away. counts: (K,), training pictures of each class of the set"""
    first, last = classes_left(name, len(counts), parts)
    most = counts[first:last].max()
    for part in parts:
        if _count(part) > most:
            raise UserError(f"found +{part}, but no class of {name} has more than {most:,} training pictures", "data")


def part_fingerprint(fingerprint, parts):
    """The fingerprint of parts of a data set, from that of the whole."""
    for part in parts:
        fingerprint = hashlib.sha256(f"{fingerprint}+{part}".encode()).hexdigest()
    return fingerprint


def _count(part):
    """N of "N-a-class"; 0 for another part."""
    number = re.fullmatch(r"([1-9][0-9]{0,8})-a-class", part)
    return int(number[1]) if number else 0


def _half(name, first, last, part):
    """The half of the classes `first` to `last` − 1, again as (first, last)."""
    K = last - first
    if K < 4:
        raise UserError(f"+{part}: {name} has {K} classes left, expected 4 or more: two for each half", "data")
    middle = first + -(-K // 2)
    return (first, middle) if part == "first-half" else (middle, last)


def _of_classes(labels, rows, first, last):
    return rows[(labels[rows] >= first) & (labels[rows] < last)]


def _first_of_each_class(labels, rows, count):
    kept = [rows[labels[rows] == label][:count] for label in np.unique(labels[rows])]
    return np.sort(np.concatenate(kept)) if kept else rows


def _cut(dataset, parts, first, last, rows):
    """The part as a `Dataset` with its own statistics and fingerprint. rows: {"train" or "val": picture indices}."""
    name = "+".join([dataset.name, *parts])
    _check(name, dataset.size, rows)
    splits = {key: _select(getattr(dataset, key), kept, first) for key, kept in rows.items()}
    statistics, train = ColorStatistics(dataset.size), splits["train"]
    for start in range(0, len(train), PICTURES_AT_ONCE):
        statistics.add(train.gather(range(start, min(start + PICTURES_AT_ONCE, len(train)))))
    values, vectors = statistics.principal_components()
    return replace(
        dataset,
        name=name,
        class_ids=dataset.class_ids[first:last],
        class_names=dataset.class_names[first:last],
        mean=statistics.mean(),
        color_eigenvalues=values,
        color_eigenvectors=vectors,
        fingerprint=part_fingerprint(dataset.fingerprint, parts),
        **splits,
    )


def _check(name, size, rows):
    """Raise UserError if a split is empty or the part does not fit in memory."""
    for key, kept in rows.items():
        if len(kept) == 0:
            raise UserError(f"{name} has no {'training' if key == 'train' else 'validation'} pictures", "data")
    needed, free = sum(map(len, rows.values())) * size * size * 3, memory_available(np)
    if free is not None and needed > free:
        raise UserError(f"{name} needs {bytes_text(needed)} of memory, {bytes_text(free)} are free", "data")


def _select(split, rows, first_label):
    """A Split of the pictures at `rows` (ascending); it shares the shards if those are all the pictures."""
    labels = split.labels[rows] - first_label
    return Split(split.shards if len(rows) == len(split) else (split.gather(rows),), labels)

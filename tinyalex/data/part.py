"""Select part of a data set by name: "builtin+first-half", "data/tiny64+second-half+25-a-class".

    first-half, second-half   of the classes in order, renumbered from 0; the first half of an odd number has one more
    even-half, odd-half       every second class, from the first one or from the second, renumbered likewise
    N-a-class                 at most the first N training pictures of each class; all validation pictures stay
    N-a-class-draw-S          the same, drawn at random from a seed S; of one seed, few are among more
    N-val-a-class             at most the first N validation pictures of each class; all training pictures stay

The mean picture and colour statistics come from the part's own training pictures.
"""

import hashlib
import re
from dataclasses import dataclass, replace

import numpy as np

from tinyalex.backend import memory_available, random_stream
from tinyalex.data.dataset import ColorStatistics, Split
from tinyalex.errors import UserError
from tinyalex.terminal import bytes_text

HALVES = ("first-half", "second-half", "even-half", "odd-half")
EXPECTED = f"{', '.join(HALVES)}, N-a-class, N-a-class-draw-SEED or N-val-a-class"
SPLITS = {"train": "training", "val": "validation"}
PICTURES_AT_ONCE = 1024


@dataclass(frozen=True)
class Few:
    """At most `count` pictures of each class in one split; seed: of the draw, None for the first ones."""

    split: str
    count: int
    seed: int | None


def take_parts(dataset, parts):
    """Cut `dataset` down by each of `parts` in turn; a split that loses pictures is copied into memory.

    Raises UserError for an unknown part, or if a split ends up empty or too large for memory.
    """
    return _cut(dataset, parts, *_classes_and_rows(dataset, parts)) if parts else dataset


def left_out(dataset, parts):
    """The training pictures that `take_parts` leaves out of the classes it takes: a `Split`, as good as validation's.

    In memory, with the part's labels; it may be empty. UserError for an unknown part.
    """
    classes, rows = _classes_and_rows(dataset, parts)
    of_classes = _of_classes(dataset.train.labels, np.arange(len(dataset.train)), classes)
    return _select(dataset.train, np.setdiff1d(of_classes, rows["train"]), classes)


def _classes_and_rows(dataset, parts):
    """(the range of the classes taken, {"train" or "val": picture indices})."""
    classes = classes_left(dataset.name, len(dataset.class_ids), parts)
    rows = {split: np.arange(len(getattr(dataset, split))) for split in SPLITS}
    for few in filter(None, map(_few, parts)):
        rows[few.split] = _of_each_class(getattr(dataset, few.split).labels, rows[few.split], few)
    return classes, {split: _of_classes(getattr(dataset, split).labels, kept, classes) for split, kept in rows.items()}


def classes_left(name, K, parts):
    """The range of the K classes' numbers that are left in `parts` of the data set `name`.

    UserError for an unknown part, for too few classes to halve, or for N a class after as few or fewer.
    """
    classes, fewest = range(K), {}
    for part in parts:
        few = _few(part)
        if part in HALVES:
            classes = _half(name, classes, part)
        elif few is None:
            raise UserError(f"unknown part {part!r} of {name}, expected {EXPECTED}", "data")
        elif few.split in fewest and few.count >= _few(fewest[few.split]).count:
            raise UserError(f"found +{part} after +{fewest[few.split]}, expected fewer pictures a class", "data")
        else:
            fewest[few.split] = part
    return classes


def is_idle(part, earlier):
    """Whether a part takes nothing away after `earlier` ones: the first N of each class, where as few are left."""
    few = _few(part)
    counts = [one.count for one in map(_few, earlier) if few and one and one.split == few.split]
    return few is not None and few.seed is None and min(counts, default=few.count + 1) <= few.count


def refuse_too_many(name, counts, parts):
    """UserError for N a class that takes nothing away. counts: {split: pictures of each class of the set, (K,)}"""
    for part in parts:
        if few := _few(part):
            of_classes = counts[few.split]
            most, kind = of_classes[classes_left(name, len(of_classes), parts)].max(), SPLITS[few.split]
            if few.count > most:
                raise UserError(f"found +{part}, but no class of {name} has more than {most:,} {kind} pictures", "data")


def part_fingerprint(fingerprint, parts):
    """The fingerprint of parts of a data set, from that of the whole."""
    for part in parts:
        fingerprint = hashlib.sha256(f"{fingerprint}+{part}".encode()).hexdigest()
    return fingerprint


def _few(part):
    """The `Few` that a part's name means; None for another part."""
    found = re.fullmatch(r"([1-9][0-9]{0,8})(-val)?-a-class(?:-draw-(0|[1-9][0-9]{0,8}))?", part)
    if found is None or found[2] and found[3]:
        return None
    return Few("val" if found[2] else "train", int(found[1]), int(found[3]) if found[3] else None)


def _half(name, classes, part):
    """The half of a range of classes, again as a range."""
    K = len(classes)
    if K < 4:
        raise UserError(f"+{part}: {name} has {K} classes left, expected 4 or more: two for each half", "data")
    middle = -(-K // 2)
    halves = (classes[:middle], classes[middle:], classes[::2], classes[1::2])
    return dict(zip(HALVES, halves))[part]


def _of_classes(labels, rows, classes):
    return rows[np.isin(labels[rows], classes)]


def _of_each_class(labels, rows, few):
    """At most few.count of the rows of each class, in order."""
    kept = []
    for label in np.unique(labels[rows]):
        own = rows[labels[rows] == label]
        if few.seed is not None:
            own = random_stream(few.seed, "draw", int(label)).permutation(own)
        kept.append(own[: few.count])
    return np.sort(np.concatenate(kept)) if kept else rows


def _cut(dataset, parts, classes, rows):
    """The part as a `Dataset` with its own statistics and fingerprint. rows: {"train" or "val": picture indices}."""
    name = "+".join([dataset.name, *parts])
    _check(name, dataset, rows)
    splits = {split: _select(getattr(dataset, split), kept, classes) for split, kept in rows.items()}
    statistics, train = ColorStatistics(dataset.size), splits["train"]
    for start in range(0, len(train), PICTURES_AT_ONCE):
        statistics.add(train.gather(range(start, min(start + PICTURES_AT_ONCE, len(train)))))
    values, vectors = statistics.principal_components()
    return replace(
        dataset,
        name=name,
        class_ids=tuple(dataset.class_ids[k] for k in classes),
        class_names=tuple(dataset.class_names[k] for k in classes),
        mean=statistics.mean(),
        color_eigenvalues=values,
        color_eigenvectors=vectors,
        fingerprint=part_fingerprint(dataset.fingerprint, parts),
        **splits,
    )


def _check(name, dataset, rows):
    """Raise UserError if a split is empty, or if those that lose pictures do not fit in memory."""
    for split, kept in rows.items():
        if len(kept) == 0:
            raise UserError(f"{name} has no {SPLITS[split]} pictures", "data")
    copied = sum(len(kept) for split, kept in rows.items() if len(kept) < len(getattr(dataset, split)))
    needed, free = copied * dataset.size * dataset.size * 3, memory_available(np)
    if free is not None and needed > free:
        raise UserError(f"{name} needs {bytes_text(needed)} of memory, {bytes_text(free)} are free", "data")


def _select(split, rows, classes):
    """A Split of the pictures at `rows` (ascending); it shares the shards if those are all the pictures."""
    labels = (split.labels[rows] - classes.start) // classes.step
    return Split(split.shards if len(rows) == len(split) else (split.gather(rows),), labels)

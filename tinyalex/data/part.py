"""A part of a data set, by name: "builtin+first-half", "data/tiny64+second-half+25-a-class".

    first-half, second-half   of the classes, in their order, numbered anew from 0; with an odd number the first has one more
    N-a-class                 the first N training pictures of each class; all validation pictures stay

Mean picture and colours are those of the part's own training pictures, as of any training set.
"""

import hashlib
import re
from dataclasses import replace

import numpy as np

from tinyalex.data.dataset import ColorStatistics, Split
from tinyalex.errors import UserError

EXPECTED = "first-half, second-half or N-a-class"
PICTURES_AT_ONCE = 1024


def take_parts(dataset, parts):
    """`dataset` cut down by each of `parts` in turn; UserError for a part that there is not."""
    for part in parts:
        number = re.fullmatch(r"([1-9]\d*)-a-class", part)
        if number:
            dataset = _cut(dataset, part, _first_of_each_class(dataset.train, int(number[1])), dataset.val)
        elif part in ("first-half", "second-half"):
            dataset = _half(dataset, part)
        else:
            raise UserError(f"--data: there is no part {part!r} of {dataset.name}, expected {EXPECTED}")
    return dataset


def _half(dataset, part):
    K = len(dataset.class_ids)
    if K < 4:
        raise UserError(f"--data: {dataset.name} has {K} classes; expected 4 or more, for two in each half")
    middle = -(-K // 2)
    first, last = (0, middle) if part == "first-half" else (middle, K)
    chosen = dict(class_ids=dataset.class_ids[first:last], class_names=dataset.class_names[first:last])
    train, val = (_classes(split, first, last) for split in (dataset.train, dataset.val))
    return _cut(replace(dataset, **chosen), part, train, val)


def _classes(split, first, last):
    return _select(split, np.flatnonzero((split.labels >= first) & (split.labels < last)), first)


def _first_of_each_class(split, count):
    kept = [np.flatnonzero(split.labels == label)[:count] for label in np.unique(split.labels)]
    return _select(split, np.sort(np.concatenate(kept)), 0)


def _select(split, indices, first_label):
    return Split((split.gather(indices),), split.labels[indices] - first_label)


def _cut(dataset, part, train, val):
    """The part as a `Dataset`, with its own statistics and fingerprint."""
    statistics = ColorStatistics(dataset.size)
    for start in range(0, len(train), PICTURES_AT_ONCE):
        statistics.add(train.gather(range(start, min(start + PICTURES_AT_ONCE, len(train)))))
    values, vectors = statistics.principal_components()
    return replace(
        dataset, name=f"{dataset.name}+{part}", train=train, val=val, mean=statistics.mean(), color_eigenvalues=values,
        color_eigenvectors=vectors, fingerprint=hashlib.sha256(f"{dataset.fingerprint}+{part}".encode()).hexdigest(),
    )  # fmt: skip

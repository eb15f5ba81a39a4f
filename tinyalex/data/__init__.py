"""Pictures: where they come from, the one prepared format, and how they reach the network."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from tinyalex.data.builtin import (
    TRAIN_PER_CLASS,
    VAL_PER_CLASS,
    builtin_classes,
    builtin_fingerprint,
    load_builtin,
    load_builtin_val,
)
from tinyalex.data.dataset import Dataset, Split
from tinyalex.data.part import classes_left, part_fingerprint, refuse_too_many, take_parts
from tinyalex.data.prepared import open_prepared, prepared_fingerprint
from tinyalex.data.shapes import SIDE


def open_dataset(spec: str | PathLike, quiet: bool = False) -> Dataset:
    """Open the data set that `spec` names: "builtin", or a folder written by `prepare`.

    A "+" after either selects a part, for example "builtin+first-half" (see `tinyalex.data.part`).
    Raises UserError for an unknown data set or part.
    """
    _outline(spec)  # finds mistakes before any picture is drawn
    whole, parts = _whole_and_parts(spec)
    return take_parts(load_builtin(quiet=quiet) if whole == "builtin" else open_prepared(whole), parts)


@dataclass(frozen=True)
class Outline:
    """A data set without its pictures. size: their side in pixels"""

    name: str
    size: int
    class_ids: tuple[str, ...]
    class_names: tuple[str, ...]


def outline(spec):
    """The `Outline` of the data set that `spec` names. UserError as for `open_dataset`, but for empty parts.

    Also for N a class that takes nothing away, which earlier runs and experiments on small data may have.
    """
    found, (whole, parts) = _outline(spec), _whole_and_parts(spec)
    if parts:
        refuse_too_many(whole, _counts(whole), parts)
    return found


def _counts(whole):
    """{split: number of pictures of each class, int64 (K,)} of a data set without parts."""
    if whole == "builtin":
        K = len(builtin_classes()[0])
        return {"train": np.full(K, TRAIN_PER_CLASS), "val": np.full(K, VAL_PER_CLASS)}
    dataset = open_prepared(whole)
    K, splits = len(dataset.class_ids), {"train": dataset.train, "val": dataset.val}
    return {name: np.bincount(split.labels, minlength=K) for name, split in splits.items()}


def _outline(spec):
    whole, parts = _whole_and_parts(spec)
    if whole == "builtin":
        (class_ids, class_names), size = builtin_classes(), SIDE
    else:
        dataset = open_prepared(whole)
        class_ids, class_names, size = dataset.class_ids, dataset.class_names, dataset.size
    left = classes_left(whole, len(class_ids), parts)
    return Outline(str(spec), size, *(tuple(names[k] for k in left) for names in (class_ids, class_names)))


def is_there(spec):
    """Whether the folder of the data set that `spec` names exists; "builtin" always does."""
    whole, _ = _whole_and_parts(spec)
    return whole == "builtin" or Path(whole).is_dir()


def fingerprint_of(spec):
    """The fingerprint of the data set that `spec` names, without its pictures. UserError as for `open_dataset`."""
    _outline(spec)
    whole, parts = _whole_and_parts(spec)
    return part_fingerprint(builtin_fingerprint() if whole == "builtin" else prepared_fingerprint(whole), parts)


def _whole_and_parts(spec):
    """Split a spec into the data set and its parts, separated by "+" in the last name of the path.

    A folder's own name may contain "+": the longest name that is a folder wins.
    """
    folder, slash, name = str(spec).rpartition("/")
    names = name.split("+")
    for count in range(len(names), 1, -1):
        whole = folder + slash + "+".join(names[:count])
        if Path(whole).is_dir():
            return whole, names[count:]
    return folder + slash + names[0], names[1:]


def open_validation(spec, quiet=False):
    """(validation Split, class ids, side in pixels) of the data set that `spec` names.

    For "builtin" alone, the training pictures are not drawn.
    """
    if str(spec) == "builtin":
        class_ids, _ = builtin_classes()
        return load_builtin_val(quiet=quiet), class_ids, SIDE
    dataset = open_dataset(spec, quiet)
    return dataset.val, dataset.class_ids, dataset.size

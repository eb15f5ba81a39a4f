"""The training and the validation part of a data set: their names, and a share of pictures set aside to validate on."""

import hashlib
from dataclasses import replace

import numpy as np

from tinyalex.errors import UserError

TRAIN_NAMES = ("train", "training")
VAL_NAMES = ("val", "valid", "validation", "dev", "test", "testing")  # the first that is there is the validation part


def parts_among(names):
    """(name of the training part or None, of the validation part or None, the other names of parts), in any case."""
    train, val = (_ranked(names, known) for known in (TRAIN_NAMES, VAL_NAMES))
    return next(iter(train), None), next(iter(val), None), [*train[1:], *val[1:]]


def _ranked(names, known):
    return sorted((name for name in names if name.lower() in known), key=lambda name: (known.index(name.lower()), name))


def with_validation(source, share, seed, chosen):
    """The Source with a validation part: its own, or a share of each class's training pictures.

    The pictures are chosen by a hash of seed and name, so a new file hardly changes which ones they are.
    share: 0 to 1, or None; at least one picture of a class is set aside, and at least one stays
    chosen: the labels of the classes that will be kept
    Raises UserError if the source has no validation part and no share is given, if it has both, or if a class has only
    one picture.
    """
    own = source.val != []
    if share is None and not own:
        expected = "expected the share of each class to set aside, such as 0.2"
        expected += f"; or {source.elsewhere}" if source.elsewhere else ""
        raise UserError(f"{source.name} has no validation part; {expected}", "val_share")
    if share is None:
        return source
    if own:
        instead = "leave this out, or name the folder of the training pictures alone"
        raise UserError(f"found {share:g}, but {source.name} has a validation part; {instead}", "val_share")
    in_chunks, names = _labels_and_names(source.train)
    labels = np.concatenate(in_chunks)
    aside = np.zeros(len(labels), bool)
    total = 0
    for label in chosen:
        rows = np.flatnonzero(labels == label)
        total += len(rows)
        if len(rows) < 2:
            expected = "expected two or more: one to train on and one to validate on"
            raise UserError(f"class '{source.class_ids[label]}' has {_pictures(len(rows))}, {expected}", "val_share")
        count = min(max(round(share * len(rows)), 1), len(rows) - 1)
        aside[sorted(rows, key=lambda row: _hash(seed, names[row]))[:count]] = True
    masks = np.split(aside, np.cumsum([len(part) for part in in_chunks])[:-1])
    train, val = (_taken(source.train, [mask == wanted for mask in masks]) for wanted in (False, True))
    if isinstance(source.train, list):
        train, val = list(train), list(val)
    how = {"val_share": share, "seed": seed}
    taken = f"a share of {share:g} of each class, at least one: {aside.sum():,} of {_pictures(total)}"
    return replace(source, train=train, val=val, validation=taken, details=how)


def _labels_and_names(chunks):
    """The labels of each chunk, and names of all pictures: their numbers, where they have no others."""
    labels, names = [], []
    for chunk in chunks:
        labels.append(chunk.labels)
        names += getattr(chunk, "names", range(len(names), len(names) + len(chunk)))
        del chunk  # as in prepare: up to 1.6 GB, and the next one is about to be loaded
    return labels, names


def _taken(chunks, masks):
    """Yield what the masks leave of the chunks."""
    masks = iter(masks)
    for chunk in chunks:  # zip would hold the last one while the next is loaded
        chunk = chunk.take(np.flatnonzero(next(masks)))
        yield chunk
        del chunk


def _hash(seed, name):
    return hashlib.blake2b(f"{seed} {name}".encode(errors="surrogateescape")).digest()


def _pictures(count):
    return "1 picture" if count == 1 else f"{count:,} pictures"

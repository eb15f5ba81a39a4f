"""Select classes, and how many pictures of each: chunks in, chunks out, nothing decoded.

K is the number of classes in the source; readers/source.py defines chunks.
"""

from pathlib import Path

import numpy as np

from tinyalex.data.readers.folder import spelt
from tinyalex.data.readers.source import MOST_LIST_BYTES
from tinyalex.errors import UserError, did_you_mean
from tinyalex.files import read_regular, reason

LIST = "a text file with a class id on each line"


def chosen_classes(source, classes):
    """The source's labels of the classes to keep, in their new order: int64, at least two.

    classes: None for all; N for the first N; or the path of a text file with one class id per line ("#" starts a
    comment), in the order of the new labels
    Raises UserError for a number out of range, an unreadable file, or an id that is unknown or listed twice.
    """
    if classes is None:
        return np.arange(len(source.class_ids))
    if isinstance(classes, int):
        if not 2 <= classes <= len(source.class_ids):
            raise UserError(f"found {classes}, expected {_numbers(len(source.class_ids))} {source.name} has", "classes")
        return np.arange(classes)
    label_of = {class_id: label for label, class_id in enumerate(source.class_ids)}
    wanted = _class_list(Path(classes))
    for class_id in wanted:
        if class_id not in label_of:
            instead = did_you_mean(class_id, label_of) or f"; expected {LIST}, such as '{source.class_ids[0]}'"
            raise UserError(f"{classes}: {source.name} has no class '{class_id[:40]}'{instead}", "classes")
        if wanted.count(class_id) > 1:
            raise UserError(f"{classes}: '{class_id}' is listed twice, expected each class once", "classes")
    if len(wanted) < 2:
        raise UserError(f"{classes}: found {len(wanted)} listed, expected two or more", "classes")
    return np.array([label_of[class_id] for class_id in wanted])


def _numbers(count):
    """Words for the numbers of classes that can be kept."""
    return f"2 to {count}, the number that" if count > 2 else "2, all that"


def _class_list(path):
    """The class ids in a text file."""
    try:
        lines = spelt(read_regular(path, MOST_LIST_BYTES).decode("utf-8-sig")).splitlines()
    except (OSError, ValueError) as error:
        why = "not text in UTF-8" if isinstance(error, ValueError) else reason(error)
        raise UserError(f"{path}: not readable as a list of classes ({why}); expected {LIST}", "classes") from None
    wanted = [line.partition("#")[0].strip() for line in lines]
    return [line for line in wanted if line]


class Selection:
    """Keeps the pictures of the chosen classes and gives them their new labels.

    chosen: from `chosen_classes`; class_count: K
    per_class: None for all, or the most pictures of each class, the first in source order; counted before decoding, so
    an unreadable picture is not replaced
    """

    def __init__(self, chosen, class_count, per_class=None):
        self.new_label = np.full(class_count, -1)
        self.new_label[chosen] = np.arange(len(chosen))
        self.taken = np.zeros(len(chosen), np.int64)
        self.per_class = per_class

    def indices(self, labels):
        """Which of the next pictures, with these source labels, are kept: ascending indices, and their new labels."""
        new = self.new_label[labels]
        kept = np.flatnonzero(new >= 0)
        if self.per_class is not None:
            rank = _rank_in_class(new[kept]) + self.taken[new[kept]]
            kept = kept[rank < self.per_class]
        self.taken += np.bincount(new[kept], minlength=len(self.taken))
        return kept, new[kept]

    def pieces(self, chunk, length):
        """Yield a chunk's kept pictures as pairs of a chunk of at most `length` pictures and their new labels."""
        kept, labels = self.indices(chunk.labels)
        for start in range(0, len(kept), length):
            here = slice(start, start + length)
            yield chunk.take(kept[here]), labels[here]


def _rank_in_class(labels):
    """For each label, the number of equal labels before it."""
    order = np.argsort(labels, kind="stable")
    new_run = np.flatnonzero(np.diff(labels[order], prepend=-1))
    lengths = np.diff(np.append(new_run, len(labels)))
    rank = np.empty(len(labels), np.int64)
    rank[order] = np.arange(len(labels)) - np.repeat(new_run, lengths)
    return rank

"""The Source that every reader returns; its pictures come in chunks.

A reader is a module with NAME, the format's name; EXPECTS, the files it expects, in words; `recognises(storage)`; and
`read(storage)`, which returns a Source or raises UserError. It decodes nothing.
N is the number of pictures in a chunk, S the side in pixels, K the number of classes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from tinyalex.data.pictures import PictureError, decode_picture, fit_square
from tinyalex.data.readers.folder import spelt
from tinyalex.errors import UserError

MOST_LIST_BYTES, MOST_LINES, MOST_LINE = 2**24, 1_000_000, 10_000  # in a list of classes or labels; letters in a line


@dataclass(frozen=True)
class Source:
    """One data set as found.

    size: the default side of its prepared pictures
    class_ids, class_names: K strings each
    train, val: chunks in source order: a list if the labels are known in advance (files), otherwise an iterable that
        loads one file after another (arrays); val is [] if the source has no validation part, and only then train is
        read more than once
    expected: approximate number of pictures, for the progress bar
    left_out: (name, reason) of files and folders there that are no part of train or val
    validation: where the validation pictures come from, in words, if that is worth saying
    details: what else meta.json says about the origin
    elsewhere: advice for a source without a validation part that is published with one
    """

    format: str
    name: str
    size: int
    class_ids: tuple
    class_names: tuple
    train: Iterable
    val: Iterable
    expected: int
    left_out: tuple = ()
    validation: str = ""
    details: dict = field(default_factory=dict)
    elsewhere: str = ""

    def validated_on(self, part):
        """The same, with a word about the part that serves as validation part."""
        return replace(self, validation=part, details={"validation": part})


@dataclass(frozen=True)
class FileChunk:
    """Pictures in files, yet to be read and decoded, perhaps in another process: its pickle is small.

    access: reads the files (access.py); names: N strings; places: int64 (N, ·); labels: int64 (N,), 0 to K−1
    """

    access: object
    names: list
    places: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, storage, names, labels):
        """A chunk of the files `names` of a storage (storage.py), with their labels."""
        return cls(storage.access(), storage.stored(names), storage.places(names), np.asarray(labels, np.int64))

    def __len__(self):
        return len(self.labels)

    def take(self, indices):
        """A chunk of the pictures at `indices`."""
        names = [self.names[i] for i in indices]
        return replace(self, names=names, places=self.places[indices], labels=self.labels[indices])

    def pictures(self, size):
        """Decode: uint8 (n, S, S, 3), the indices of these n ≤ N pictures, and (name, reason) for the others."""
        pictures = np.empty((len(self), size, size, 3), np.uint8)
        kept, skipped = [], []
        with self.access.opened() as read:
            for i, name in enumerate(self.names):
                try:
                    pictures[len(kept)] = decode_picture(read(name, self.places[i]), size)
                except PictureError as error:
                    skipped.append((name, str(error)))
                else:
                    kept.append(i)
        return pictures[: len(kept)], np.array(kept, np.int64), skipped


@dataclass(frozen=True)
class ArrayChunk:
    """Pictures in memory in the published layout: a row of 3·S·S bytes each, red, green and blue planes.

    planes: uint8 (N, 3·S·S); labels: int64 (N,), 0 to K−1
    """

    planes: np.ndarray
    labels: np.ndarray

    def __len__(self):
        return len(self.labels)

    def take(self, indices):
        """A chunk of the pictures at `indices`."""
        return replace(self, planes=self.planes[indices], labels=self.labels[indices])

    def pictures(self, size):
        """As FileChunk's: uint8 (N, S, S, 3), resized if S is not the source's side; nothing is ever skipped."""
        side = side_of(self.planes)
        pictures = self.planes.reshape(-1, 3, side, side).transpose(0, 2, 3, 1)  # (N, side, side, 3)
        if side == size:
            pictures = np.ascontiguousarray(pictures)
        else:
            resized = [np.asarray(fit_square(Image.fromarray(p.copy()), size)) for p in pictures]
            pictures = np.array(resized, np.uint8).reshape(-1, size, size, 3)
        return pictures, np.arange(len(self)), []


def side_of(planes):
    """The side S of pictures in rows of 3·S·S bytes, or 0 if no S gives that length."""
    side = int((planes.shape[1] / 3) ** 0.5 + 0.5)
    return side if 3 * side * side == planes.shape[1] else 0


def array_chunk(planes, labels, class_count, where, first_label=0, side=None):
    """An ArrayChunk from a file's arrays, checked. Raises UserError, naming the file `where`, if they are wrong.

    planes: expected uint8 (N, 3·S·S), (N, S, S, 3) or (N, 3, S, S); labels: expected N integers, (N,) or (N, 1),
        `first_label` to `first_label + class_count − 1`;  side: the expected S; None: any
    """
    if not isinstance(planes, np.ndarray):
        raise UserError(f"{where}: pictures are a {type(planes).__name__}, expected an array")
    planes, labels = _in_planes(planes), label_array(labels, where)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if planes.dtype != np.uint8 or planes.ndim != 2 or not side_of(planes):
        raise UserError(
            f"{where}: pictures are {planes.dtype} {planes.shape}, expected uint8 (N, 3·S·S) or (N, S, S, 3)"
        )
    if side_of(planes) != (side or side_of(planes)):
        raise UserError(f"{where}: pictures of side {side_of(planes)}, expected {side}")
    if labels.dtype.kind not in "iu" or labels.shape != planes.shape[:1]:
        expected = f"expected one integer for each of {len(planes)} pictures"
        raise UserError(f"{where}: labels are {labels.dtype} {labels.shape}, {expected}")
    last = first_label + class_count - 1
    wrong = labels[(labels < first_label) | (labels > last)]
    if len(wrong):
        raise UserError(f"{where}: label {wrong[0]} is out of range, expected {first_label} to {last}")
    return ArrayChunk(planes, labels.astype(np.int64) - first_label)


def label_array(labels, where):
    """Labels as an array. Raises UserError, naming the file, unless they are one or a list of integers."""
    if isinstance(labels, np.ndarray):
        return labels
    others = {type(label).__name__ for label in (labels if isinstance(labels, list) else [labels])} - {"int"}
    if others:
        raise UserError(f"{where}: a {min(others)} among the labels, expected only integers")
    return np.asarray(labels)


def _in_planes(pictures):
    """Pictures (N, S, S, 3) or (N, 3, S, S) as rows of planes; any other array as it is."""
    if pictures.ndim == 4 and pictures.shape[1:] == (pictures.shape[1], pictures.shape[1], 3):
        pictures = pictures.transpose(0, 3, 1, 2)  # (N, 3, S, S)
    if pictures.ndim == 4 and pictures.shape[1:] == (3, pictures.shape[2], pictures.shape[2]):
        return pictures.reshape(len(pictures), -1)
    return pictures


def text_lines(storage, name):
    """The non-empty lines of a text file, stripped. Raises UserError if it is missing, not text or too long."""
    if not storage.has(name):
        raise UserError(f"{storage.where(name)}: missing; expected a text file, with a line for each entry")
    try:
        lines = spelt(storage.read(name, MOST_LIST_BYTES).decode("utf-8-sig")).splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{storage.where(name)}: expected text in UTF-8") from None
    longest = max(map(len, lines), default=0)
    if len(lines) > MOST_LINES or longest > MOST_LINE:
        found = f"{len(lines):,} lines of at most {longest:,} letters"
        raise UserError(f"{storage.where(name)}: {found}, expected a list: at most {MOST_LINES:,} of {MOST_LINE:,}")
    return [line.strip() for line in lines if line.strip()]


def is_number(text):
    """Whether a text is a whole number that Python reads: it refuses thousands of digits."""
    return text.isdecimal() and len(text) < 19


def names_of(storage, ids, *files):
    """Words for class ids from the first of `files` that exists, lines of "id words"; the id itself without words."""
    file = next((file for file in files if storage.has(file)), None)
    words = dict((line.split(None, 1) + [""])[:2] for line in text_lines(storage, file)) if file else {}
    return tuple(words.get(i, "").strip() or i for i in ids)

"""CIFAR-10 and CIFAR-100, the Python or the binary versions: a folder, or the .tar.gz as downloaded.

CIFAR-10: data_batch_1 … data_batch_5, test_batch, batches.meta; CIFAR-100: train, test, meta.
Each is a pickled dict with `data`, uint8 (N, 3072), and a list of labels from 0. The test batch becomes "val".

The binary files end in .bin: rows of a byte for the label (CIFAR-100: two, coarse and fine) and 3,072 for the picture;
the classes' names are in batches.meta.txt, or fine_label_names.txt and coarse_label_names.txt.

CIFAR-100 has 100 fine classes and 20 coarse ones; the fine ones are read unless the coarse ones are asked for.
"""

from dataclasses import dataclass

import numpy as np

from tinyalex.data.pickles import load_pickle
from tinyalex.data.pictures import MAX_FILE_BYTES
from tinyalex.data.readers.source import Source, array_chunk, text_lines
from tinyalex.errors import UserError

NAME = "cifar"
EXPECTS = "data_batch_1 to data_batch_5 and test_batch, or train, test and meta; the binary ones end in .bin"
LABELS = ("fine", "coarse")
SIDE = 32
PICTURE_BYTES = 3 * SIDE * SIDE


@dataclass(frozen=True)
class Form:
    """Files of train, of val and of the class names; the names' and the labels' keys; label bytes in a binary row."""

    train: tuple
    val: str
    meta: str
    names_key: str
    labels_key: str
    label_bytes: int = 0
    label_byte: int = 0

    @property
    def files(self):
        return *self.train, self.val, self.meta


def recognises(storage):
    """Whether files of either data set are here, complete or not."""
    signs = (
        "batches.meta",
        "data_batch_1",
        "batches.meta.txt",
        "data_batch_1.bin",
        "train.bin",
        "fine_label_names.txt",
    )
    return any(map(storage.has, signs)) or (storage.has("train") and storage.has("meta"))


def read(storage, labels=None):
    """The Source. Raises UserError if a file is missing, damaged or not in CIFAR's form.

    labels: "fine" or "coarse", for CIFAR-100; None: "fine"
    """
    form = _form(storage, labels)
    for name in form.files:
        if not storage.has(name):
            raise UserError(f"{storage.where(name)}: missing; expected {', '.join(form.files)}")
    names = _names(storage, form)
    chunks = {name: _chunk(storage, name, form, len(names)) for name in (*form.train, form.val)}  # 184 MB in all
    train, val = (chunks[name] for name in form.train), iter([chunks[form.val]])
    return Source(NAME, storage.name, SIDE, names, names, train, val, sum(map(len, chunks.values())))


def _form(storage, labels):
    """The Form of the files that are here. Raises UserError for labels that it does not have."""
    if labels not in (None, *LABELS):
        raise UserError(f"found {labels!r}, expected {' or '.join(LABELS)}", "labels")
    kind, hundred = labels or "fine", any(map(storage.has, ("meta", "train.bin", "test.bin", "fine_label_names.txt")))
    if labels and not hundred:
        raise UserError(
            f"found {labels!r}, but {storage.path} is CIFAR-10, whose pictures have one label each", "labels"
        )
    binary = not any(map(storage.has, ("meta", "train", "batches.meta", "data_batch_1")))
    if hundred and binary:
        return Form(("train.bin",), "test.bin", f"{kind}_label_names.txt", "", "", 2, int(kind == "fine"))
    if hundred:
        return Form(("train",), "test", "meta", f"{kind}_label_names", f"{kind}_labels")
    ending, batches = (".bin" if binary else ""), tuple(f"data_batch_{i}" for i in range(1, 6))
    batches, test = tuple(name + ending for name in batches), "test_batch" + ending
    if binary:
        return Form(batches, test, "batches.meta.txt", "", "", 1)
    return Form(batches, test, "batches.meta", "label_names", "labels")


def _chunk(storage, name, form, class_count):
    where = storage.where(name)
    if form.label_bytes:
        return array_chunk(*_binary(storage, name, form), class_count, where)
    batch = _load(storage, name)
    if "data" not in batch or form.labels_key not in batch:
        found = ", ".join(sorted(map(str, batch)))
        raise UserError(f"{where}: expected 'data' and '{form.labels_key}', found {found}")
    return array_chunk(batch["data"], batch[form.labels_key], class_count, where, side=SIDE)


def _binary(storage, name, form):
    """The pictures, uint8 (N, 3072), and the labels, uint8 (N,), of a binary file."""
    raw = np.frombuffer(storage.read(name, MAX_FILE_BYTES), np.uint8)
    length = form.label_bytes + PICTURE_BYTES
    if len(raw) == 0 or len(raw) % length:
        raise UserError(f"{storage.where(name)}: {len(raw):,} bytes, expected rows of {length:,}; was it cut short?")
    rows = raw.reshape(-1, length)
    return rows[:, form.label_bytes :], rows[:, form.label_byte]


def _load(storage, name):
    with storage.open(name) as file:
        content = load_pickle(file, storage.where(name))
    if not isinstance(content, dict):
        raise UserError(f"{storage.where(name)}: expected a dict, found a {type(content).__name__}")
    return content


def _names(storage, form):
    """The class names in label order."""
    where, key = storage.where(form.meta), form.names_key
    found = _load(storage, form.meta).get(key) if key else text_lines(storage, form.meta)
    found = found if isinstance(found, list) and all(isinstance(name, (bytes, str)) for name in found) else []
    names = tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name in found)
    if len(names) < 2 or len(set(names)) != len(names):
        what = f"'{key}' is not a list of" if key else "expected"
        raise UserError(f"{where}: {what} two or more different class names")
    return names

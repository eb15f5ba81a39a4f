"""CIFAR-10 and CIFAR-100, the Python versions: a folder, or the .tar.gz as downloaded.

CIFAR-10: data_batch_1 … data_batch_5, test_batch, batches.meta; CIFAR-100: train, test, meta (its 100 fine classes).
Each is a pickled dict with `data`, uint8 (N, 3072), and a list of labels from 0. The test batch becomes "val".
"""

from tinyalex.data.pickles import load_pickle
from tinyalex.data.readers.source import Source, array_chunk
from tinyalex.errors import UserError

NAME = "cifar"
EXPECTS = "data_batch_1 to data_batch_5 and test_batch, or train, test and meta"

# train files, val file, file of class names, key of the names, key of the labels
CIFAR10 = ([f"data_batch_{i}" for i in range(1, 6)], "test_batch", "batches.meta", "label_names", "labels")
CIFAR100 = (["train"], "test", "meta", "fine_label_names", "fine_labels")


def recognises(storage):
    """Whether files of either data set are here, complete or not."""
    return storage.has("batches.meta") or storage.has("data_batch_1") or (storage.has("train") and storage.has("meta"))


def read(storage):
    """The Source. Raises UserError if a file is missing, damaged or not in CIFAR's form."""
    train, val, meta, names_key, labels_key = CIFAR100 if storage.has("meta") else CIFAR10
    for name in [*train, val, meta]:
        if not storage.has(name):
            raise UserError(f"{storage.where(name)}: missing; expected {', '.join([*train, val, meta])}")
    names = _names(_load(storage, meta).get(names_key), storage.where(meta), names_key)

    def chunk(name):
        batch = _load(storage, name)
        if "data" not in batch or labels_key not in batch:
            found = ", ".join(sorted(map(str, batch)))
            raise UserError(f"{storage.where(name)}: expected 'data' and '{labels_key}', found {found}")
        return array_chunk(batch["data"], batch[labels_key], len(names), storage.where(name))

    chunks = {name: chunk(name) for name in [*train, val]}  # all of CIFAR takes 184 MB
    expected = sum(map(len, chunks.values()))
    return Source(NAME, storage.name, 32, names, names, (chunks[name] for name in train), iter([chunks[val]]), expected)


def _load(storage, name):
    with storage.open(name) as file:
        content = load_pickle(file, storage.where(name))
    if not isinstance(content, dict):
        raise UserError(f"{storage.where(name)}: expected a dict, found a {type(content).__name__}")
    return content


def _names(names, where, key):
    names = names if isinstance(names, list) else []
    names = tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names)
    if len(names) < 2 or len(set(names)) != len(names):
        raise UserError(f"{where}: '{key}' is not a list of two or more different class names")
    return names

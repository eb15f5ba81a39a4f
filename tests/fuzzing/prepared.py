"""Prepared folders with a damaged meta.json, as `train` and `evaluate` read them."""

import json
import shutil

from tests.fuzzing.damage import spoiled
from tests.fuzzing.values import changed, written
from tests.test_stored import STORED
from tinyalex.data import fingerprint_of, open_dataset, open_validation


def make(random, folder, shared):
    data = folder / "data"
    shutil.copytree(STORED / "0.2.0" / "prepared", data)
    meta, fate = json.loads((data / "meta.json").read_text()), random.random()
    if 0.05 < fate < 0.8:
        (data / "meta.json").write_bytes(written(random, changed(random, meta)))
    elif fate >= 0.8:
        (data / "meta.json").write_bytes(spoiled(random, (data / "meta.json").read_bytes()))
    return random.choice(
        (lambda: _used(open_dataset(data)), lambda: open_validation(data), lambda: fingerprint_of(data))
    )


def _used(dataset):
    """What every command reads of a data set."""
    for split in (dataset.train, dataset.val):
        split.gather(range(len(split)))
        [dataset.class_names[label] for label in split.labels]
    dataset.color_eigenvectors @ dataset.color_eigenvalues + dataset.mean.mean(), len(dataset.fingerprint)

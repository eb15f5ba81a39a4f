"""ImageNet32 and ImageNet64 as published, and their versions of 8 and 16 pixels.

train_data_batch_1, _2, … and val_data: pickled dicts with `data`, uint8 (N, 3·S·S), and `labels` from 1; or the
same as .npz. The two downloads of ImageNet64's training part may be in folders side by side. Batches are loaded one
at a time, so memory holds the largest file (1.6 GB for ImageNet64), not the whole (15.7 GB). Batches must be numbered
without a gap, but there may be fewer than the ten published.

Labels follow the order of map_clsloc.txt ("n02119789 1 kit_fox" per line). That file gives the classes; without it,
they are the thousand published ones, named by their numbers.
"""

import re

import numpy as np

from tinyalex.data.pickles import load_pickle
from tinyalex.data.readers.source import Source, array_chunk, side_of, text_lines
from tinyalex.errors import UserError

NAME = "imagenet-batches"
EXPECTS = "train_data_batch_1, … and val_data (pickles or .npz)"
BATCH = re.compile(r"(?:train_data_batch_(\d+)|val_data)(\.npz)?")
CLASSES = tuple(str(label) for label in range(1, 1001))


def recognises(storage):
    """Whether there is a batch here or one folder down."""
    return bool(_find(storage))


def read(storage):
    """The Source. Raises UserError if a batch is missing, present twice or damaged."""
    found = _find(storage)
    numbers, val_file = sorted(key for key in found if key), found.get(0)
    if val_file is None:
        raise UserError(f"{storage.where('val_data')}: missing; without it there is nothing to validate on")
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        missing = min(set(range(1, len(numbers) + 2)) - set(numbers))
        raise UserError(f"{storage.where(f'train_data_batch_{missing}')}: missing")
    ids, names = classes_of_map(storage) or (CLASSES, tuple(f"class {i}" for i in CLASSES))
    files = [found[number] for number in numbers]
    first = _chunk(*files[0], len(ids))
    side = side_of(first.planes)
    total_bytes = sum(_size(*file) for file in [*files, val_file])
    expected = round(len(first) * total_bytes / _size(*files[0]))
    held = [first]  # handed over, not kept, or it would stay in memory to the end
    del first
    train, val = _load_all(held, files, len(ids), side), _load_all([], [val_file], len(ids), side)
    return Source(NAME, storage.name, side, ids, names, train, val, expected)


def classes_of_map(storage, name="map_clsloc.txt"):
    """(ids, names) in the order of map_clsloc.txt, or None without that file. Raises UserError for a bad line."""
    if not storage.has(name):
        return None
    rows = [line.split(None, 2) for line in text_lines(storage, name)]
    where = storage.where(name)
    for number, row in enumerate(rows, 1):
        if len(row) < 2 or not row[1].isdecimal():
            raise UserError(f"{where}, line {number}: '{' '.join(row)}': expected an id, a number and a name")
    rows.sort(key=lambda row: int(row[1]))
    ids = tuple(row[0] for row in rows)
    if [int(row[1]) for row in rows] != list(range(1, len(rows) + 1)) or len(set(ids)) != len(ids):
        raise UserError(f"{where}: expected each class once and the numbers 1 to {len(rows)}")
    return ids, tuple((row + row[:1])[2].replace("_", " ") if len(row) > 2 else row[0] for row in rows)


def _find(storage):
    """The batches here and one folder down: {number, or 0 for val: (storage, name)}."""
    found = {}
    for place in [storage, *map(storage.below, storage.folders())]:
        for name in place.files():
            match = BATCH.fullmatch(name)
            if match:
                key = int(match[1] or 0)
                if key in found:
                    other, its_name = found[key]
                    raise UserError(f"{place.where(name)}: the same batch is also at {other.where(its_name)}")
                found[key] = place, name
    return found


def _load_all(held, files, class_count, side):
    """Yield one chunk after another, the first from `held` if it is there."""
    for place, name in files:
        chunk = held.pop() if held else _chunk(place, name, class_count)
        if side_of(chunk.planes) != side:
            raise UserError(f"{place.where(name)}: pictures of side {side_of(chunk.planes)}, the others have {side}")
        yield chunk
        del chunk  # before the next one is loaded


def _chunk(place, name, class_count):
    where = place.where(name)
    with place.open(name) as file:
        content = _load_npz(file, where) if name.endswith(".npz") else load_pickle(file, where)
    if not isinstance(content, dict) or "data" not in content or "labels" not in content:
        raise UserError(f"{where}: expected a dict with 'data' and 'labels'")
    return array_chunk(content["data"], content["labels"], class_count, where, first_label=1)


def _load_npz(file, where):
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in ("data", "labels") if name in arrays}
    except Exception:  # np.load raises nearly anything on damaged files
        raise UserError(f"{where}: not a readable .npz of plain numbers; was the download cut short?") from None


def _size(place, name):
    with place.open(name) as file:
        return file.seek(0, 2)

"""ImageNet32 and ImageNet64 as published, and their versions of 8 and 16 pixels.

train_data_batch_1, _2, … and val_data: pickled dicts with `data`, uint8 (N, 3·S·S) or (N, S, S, 3), and `labels`
from 1, as published, or from 0; or the same as .npz. They may be in folders side by side, or still in the zips as
downloaded, one for training and another for validation. Batches are loaded one at a time, so memory holds the largest
file (1.6 GB for ImageNet64) and perhaps val_data, not the whole (15.7 GB). Batches must be numbered without a gap, but
there may be fewer than the ten published.

Labels follow the order of map_clsloc.txt ("n02119789 1 kit_fox" per line). That file gives the classes; without it,
they are the thousand published ones, named by their numbers. Whether labels begin at 0 or 1 is seen in the first batch.

Without val_data, a share of each class can be set aside to validate on (parts.py).
"""

import re
from dataclasses import dataclass

import numpy as np

from tinyalex.data.pickles import load_pickle
from tinyalex.data.readers.source import Source, array_chunk, is_number, label_array, side_of, text_lines
from tinyalex.data.readers.storage import MOST_AT_ONCE, Folder, open_storage
from tinyalex.errors import UserError

NAME = "imagenet-batches"
EXPECTS = "train_data_batch_1, … and val_data (pickles or .npz), or the zips that hold them"
BATCH = re.compile(r"(?:train_data_batch_(\d+)|val_data)(\.npz)?")
TOGETHER = "the parts are downloads of their own: name all of them, or the folder that holds them"
CLASSES = tuple(str(label) for label in range(1, 1001))


def recognises(storage):
    """Whether there is a batch here, one folder down or in a zip."""
    return bool(_find(storage)[0])


def read(storage):
    """The Source. Raises UserError if a batch is missing, present twice or damaged."""
    found, damaged = _find(storage)
    numbers, val_file = sorted(key for key in found if key), found.get(0)
    missing = min(set(range(1, len(numbers) + 2)) - set(numbers))  # the first number that is not there
    if damaged and (val_file is None or missing <= max(len(numbers), 1)):
        raise damaged[0]
    if missing <= max(len(numbers), 1):
        raise UserError(f"{storage.where(f'train_data_batch_{missing}')}: missing; {TOGETHER}")
    ids, names = classes_of_map(storage) or (CLASSES, tuple(f"class {i}" for i in CLASSES))
    files = [found[number] for number in numbers]
    content = _load(*files[0])
    first_label = _first_label(label_array(content["labels"], files[0][0].where(files[0][1])), len(ids))
    first = _chunk(*files[0], len(ids), first_label, content=content)
    del content
    side = side_of(first.planes)
    sizes = [place.size(name) for place, name in [*files, *([val_file] if val_file else [])]]
    expected = round(len(first) * sum(sizes) / sizes[0])
    held = [first]  # handed over, not kept, or it would stay in memory to the end
    del first
    train = _Chunks(held, files, len(ids), first_label, side)
    val = _Chunks([], [val_file], len(ids), first_label, side) if val_file else []
    return Source(NAME, storage.name, side, ids, names, train, val, expected, elsewhere=f"val_data; {TOGETHER}")


def classes_of_map(storage, name="map_clsloc.txt"):
    """(ids, names) in the order of map_clsloc.txt, or None without that file. Raises UserError for a bad line."""
    if not storage.has(name):
        return None
    rows = [line.split(None, 2) for line in text_lines(storage, name)]
    where = storage.where(name)
    for number, row in enumerate(rows, 1):
        if len(row) < 2 or not is_number(row[1]):
            raise UserError(f"{where}, line {number}: '{' '.join(row)[:60]}': expected an id, a number and a name")
    rows.sort(key=lambda row: int(row[1]))
    ids = tuple(row[0] for row in rows)
    if [int(row[1]) for row in rows] != list(range(1, len(rows) + 1)) or len(set(ids)) != len(ids):
        raise UserError(f"{where}: expected each class once and the numbers 1 to {len(rows)}")
    return ids, tuple((row + row[:1])[2].replace("_", " ") if len(row) > 2 else row[0] for row in rows)


def _find(storage):
    """The batches, {number, or 0 for val: (storage, name)}, and the errors of zips that cannot be opened.

    An unpacked batch comes before the same one in a zip.
    """
    places, packed, damaged = _with_folders(storage), [], []
    for place in places:
        for name in place.files() if isinstance(place, Folder) else ():
            if name.endswith(".zip"):
                try:
                    packed += _with_folders(open_storage(place.where(name)))
                except UserError as error:
                    damaged.append(error)
    return _batches(packed) | _batches(places), damaged


def _with_folders(storage):
    return [storage, *map(storage.below, storage.folders())]


def _batches(places):
    """As `_find`, of storages. Raises UserError if a batch is in two of them."""
    found = {}
    for place in places:
        for name in place.files():
            match = BATCH.fullmatch(name)
            if match:
                key = int(match[1] or 0)
                if key in found:
                    other, its_name = found[key]
                    raise UserError(f"{place.where(name)}: the same batch is also at {other.where(its_name)}")
                found[key] = place, name
    return found


@dataclass(frozen=True)
class _Chunks:
    """One chunk after another, loaded as they are asked for, the first time from `held` if it is there."""

    held: list
    files: list
    class_count: int
    first_label: int
    side: int

    def __iter__(self):
        for file in self.files:
            chunk = self.held.pop() if self.held else _chunk(*file, self.class_count, self.first_label, self.side)
            yield chunk
            del chunk  # before the next one is loaded


def _first_label(labels, class_count):
    """0 if the labels of the first batch begin at 0, else 1, as published."""
    if labels.dtype.kind not in "iu":
        return 1  # what they are instead is said when they are checked
    return 0 if (labels == 0).any() and not (labels == class_count).any() else 1


def _chunk(place, name, class_count, first_label, side=None, content=None):
    content = _load(place, name) if content is None else content
    return array_chunk(content["data"], content["labels"], class_count, place.where(name), first_label, side)


def _load(place, name):
    """The dict in a batch, with `data` and `labels`."""
    where = place.where(name)
    with place.open(name) as file:
        content = _load_npz(file, where) if name.endswith(".npz") else load_pickle(file, where, place.size(name))
    if not isinstance(content, dict) or "data" not in content or "labels" not in content:
        raise UserError(f"{where}: expected a dict with 'data' and 'labels'")
    return content


def _load_npz(file, where):
    try:
        with np.load(file, allow_pickle=False) as arrays:
            found = [name for name in ("data", "labels") if name in arrays]
            size = sum(arrays.zip.getinfo(f"{name}.npy").file_size for name in found)
            if size <= MOST_AT_ONCE:
                return {name: arrays[name] for name in found}
    except Exception:  # np.load raises nearly anything on damaged files
        raise UserError(f"{where}: not a readable .npz of plain numbers; was the download cut short?") from None
    raise UserError(f"{where}: {size:,} bytes once unpacked, expected at most {MOST_AT_ONCE:,}")

"""ImageNet-1k as Hugging Face has it: compressed tars of pictures whose names end in their class.

    train_images_0.tar.gz to train_images_4.tar.gz    n01440764_10026_n01440764.JPEG and so on
    val_images.tar.gz                                 ILSVRC2012_val_00000001_n01751747.JPEG and so on
    test_images.tar.gz                                has no labels and is left out

They stand in the folder itself or in its folder `data`, beside which classes.py has the names of the classes. There may
be fewer training tars, but without a gap. Classes are numbered in sorted order of their WordNet ids; pictures keep the
order of the tars, which are not unpacked. A compressed tar can only be read from its beginning: listing takes one pass,
and each worker takes one more in all, since the pictures come in the tar's order.
"""

import contextlib
import functools
import gzip
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyalex.data.pictures import PictureError
from tinyalex.data.readers.access import read_at
from tinyalex.data.readers.folder import Folder
from tinyalex.data.readers.leftovers import left_out
from tinyalex.data.readers.source import FileChunk, Source, text_lines
from tinyalex.data.readers.tars import DAMAGE, tar_members
from tinyalex.errors import UserError

NAME = "imagenet-1k"
EXPECTS = "train_images_0.tar.gz, … and val_images.tar.gz, of Hugging Face"
SIZE = 256
TRAIN, VAL, TEST = re.compile(r"train_images_(\d)\.tar\.gz"), "val_images.tar.gz", "test_images.tar.gz"
CLASSES = "classes.py"
PICTURE = re.compile(r".*_(n\d{8})\.JPEG")
CLASS = re.compile(r"""["'](n\d{8})["']\s*:\s*(["'])(.+)\2""")


@dataclass(frozen=True)
class GzippedAccess:
    """Members of a compressed tar, to be read in its order; place: offset and size in bytes, once unpacked."""

    path: Path

    @contextlib.contextmanager
    def opened(self):
        """A reading function."""
        yield self._read

    def _read(self, _name, place):
        try:
            return read_at(_unpacked(self.path), *map(int, place))
        except DAMAGE:
            raise PictureError("damaged in the archive") from None


@functools.lru_cache(maxsize=1)  # the next task goes on where this one ends; to go back is to unpack from the beginning
def _unpacked(path):
    return gzip.open(path)


def recognises(storage):
    """Whether one of the tars with labels is here or in the folder `data`."""
    return isinstance(storage, Folder) and _place(storage) is not None


def read(storage):
    """The Source. Raises UserError if a training tar is missing or a tar is damaged."""
    place = _place(storage)
    numbers = {int(match[1]): match[0] for match in map(TRAIN.fullmatch, place.files()) if match}
    missing = min(set(range(len(numbers) + 1)) - set(numbers))
    if missing < max(len(numbers), 1):
        where = place.where(f"train_images_{missing}.tar.gz")
        raise UserError(f"{where}: missing; expected the training tars from 0 on, without a gap")
    rest = [*left_out(place, (), (*numbers.values(), VAL, CLASSES), {TEST: "pictures without labels"})]
    train = [_members(place, numbers[number], rest) for number in sorted(numbers)]
    wnids = sorted({wnid for _names, _places, wnids in train for wnid in wnids})
    if len(wnids) < 2:
        raise UserError(f"{place.path}: {len(wnids)} classes to train on, expected two or more")
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    chunks = [_chunk(place, numbers[number], label_of, *found) for number, found in zip(sorted(numbers), train)]
    val = [_chunk(place, VAL, label_of, *_members(place, VAL, rest, label_of))] if place.has(VAL) else []
    words = {}
    if storage.has(CLASSES):
        words = {match[1]: match[3] for match in map(CLASS.search, text_lines(storage, CLASSES)) if match}
    names, count = tuple(words.get(wnid, wnid) for wnid in wnids), sum(map(len, [*chunks, *val]))
    return Source(NAME, storage.name, SIZE, tuple(wnids), names, chunks, val, count, tuple(rest))


def _place(storage):
    """The folder of the tars: the storage itself or `data` in it; None if there are none."""
    places = [storage, storage.below("data")]
    return next((place for place in places if place.has(VAL) or any(map(TRAIN.fullmatch, place.files()))), None)


def _members(place, tar, rest, known=None):
    """(names, places, WordNet ids) of the pictures in a tar; the others are added to `rest`, with reasons.

    known: the WordNet ids of the classes to keep; None for all
    """
    names, places, wnids = [], [], []
    for member in tar_members(Path(place.where(tar)), gzipped=True):
        match = PICTURE.fullmatch(member.name)
        if match is None or member.is_link:
            rest.append((f"{tar}/{member.name}", "a link" if match else "without a class in its name"))
        elif known is not None and match[1] not in known:
            rest.append((f"{tar}/{member.name}", "of a class without training pictures"))
        else:
            names.append(member.name)
            places.append((member.offset, member.size))
            wnids.append(match[1])
    return names, places, wnids


def _chunk(place, tar, label_of, names, places, wnids):
    labels = np.array([label_of[wnid] for wnid in wnids], np.int64)
    return FileChunk(GzippedAccess(Path(place.where(tar))), names, np.array(places, np.int64).reshape(-1, 2), labels)

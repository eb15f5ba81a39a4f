"""ILSVRC-2012, the paper's own data, from a folder with the tars as downloaded; nothing is unpacked.

    ILSVRC2012_img_train.tar     holds one tar per class, n01440764.tar and so on; or those tars themselves, in the
                                 folder or its subfolder `train`
    ILSVRC2012_img_val.tar       ILSVRC2012_val_00000001.JPEG to 00050000
    the labels of val            see ilsvrc2012_labels.py
    LOC_synset_mapping.txt, synset_words.txt or words.txt    "n01440764 tench, Tinca tinca" per line, for the names

Classes are numbered in sorted order of their WordNet ids, as in nearly all pretrained weights. Training pictures keep
the archives' order, class by class. Only the tars' headers are read here.
"""

import re
from pathlib import Path

import numpy as np

from tinyalex.data.readers.access import TarAccess
from tinyalex.data.readers.ilsvrc2012_labels import validation_wnids
from tinyalex.data.readers.source import FileChunk, Source, names_of
from tinyalex.data.readers.storage import Folder, Tar, tar_members
from tinyalex.errors import UserError

NAME = "ilsvrc2012"
EXPECTS = "ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar and the validation labels"
SIZE = 256
TRAIN, VAL = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
CLASS_TAR = re.compile(r"(n\d{8})\.tar")
VAL_PICTURE = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")


def recognises(storage):
    """Whether one of the two tars is here, or the source is such a tar itself."""
    if isinstance(storage, Tar):
        return any(CLASS_TAR.fullmatch(n) or VAL_PICTURE.fullmatch(n) for n in storage.files()[:1])
    return isinstance(storage, Folder) and (storage.has(TRAIN) or storage.has(VAL))


def read(storage):
    """The Source. Raises UserError if a tar is missing or cut short, or val's labels are not certain."""
    if not isinstance(storage, Folder):
        raise UserError(f"{storage.path}: give the folder that holds {EXPECTS}")
    tars = _class_tars(storage)
    if not storage.has(VAL):
        raise UserError(f"{storage.where(VAL)}: missing")
    wnids = sorted(tars)
    if len(wnids) < 2:
        raise UserError(f"{storage.path}: {len(wnids)} class tars (n01440764.tar, …) to train on, expected two or more")
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    val = _val(storage, label_of)
    train = [_members(*tars[wnid], label_of[wnid]) for wnid in wnids]
    names = names_of(storage, wnids, "LOC_synset_mapping.txt", "synset_words.txt", "words.txt")
    expected = sum(map(len, train)) + len(val)
    return Source(NAME, storage.name, SIZE, tuple(wnids), names, train, [val], expected)


def _class_tars(storage):
    """{wnid: (path, offset, size in bytes)} of each class's tar, inside the training tar or on its own."""
    if storage.has(TRAIN):
        path = Path(storage.where(TRAIN))
        members = Tar(path).members
        inside = {name.rpartition("/")[2]: (path, m.offset_data, m.size) for name, m in members.items()}
    else:
        places = [storage, storage.below("train")]
        paths = {name: Path(place.where(name)) for place in places for name in place.files()}
        inside = {name: (path, 0, path.stat().st_size) for name, path in paths.items()}
    return {CLASS_TAR.fullmatch(name)[1]: place for name, place in inside.items() if CLASS_TAR.fullmatch(name)}


def _members(path, offset, size, label):
    """The pictures of a tar, `size` bytes from `offset` of a file, as a chunk with one label."""
    members = tar_members(path, offset)
    names = [member.name for member in members]
    places = np.array([(member.offset_data, member.size) for member in members], np.int64).reshape(-1, 2)
    if len(places) and places.sum(axis=1).max() > offset + size:
        raise UserError(f"{path}: the tar at byte {offset:,} does not end where it should; the archive is damaged")
    return FileChunk(TarAccess(path), names, places, np.full(len(names), label, np.int64))


def _val(storage, label_of):
    """The validation pictures in the order of their numbers, which must be 1 to N without a gap."""
    archive = Tar(Path(storage.where(VAL)))
    number = {}
    for name in archive.members:
        match = VAL_PICTURE.fullmatch(name.rpartition("/")[2])
        if not match:
            raise UserError(f"{storage.where(VAL)}: holds {name}, expected ILSVRC2012_val_00000001.JPEG and the like")
        number[name] = int(match[1])
    names = sorted(number, key=number.get)
    if [number[name] for name in names] != list(range(1, len(names) + 1)):
        raise UserError(f"{storage.where(VAL)}: the pictures are not numbered 1 to {len(names)}")
    wnids = validation_wnids(storage, [name.rpartition("/")[2].removesuffix(".JPEG") for name in names])
    for wnid in wnids:
        if wnid not in label_of:
            raise UserError(f"{storage.where(VAL)}: a picture is labelled {wnid}, a class without training pictures")
    return FileChunk.of(archive, names, [label_of[wnid] for wnid in wnids])

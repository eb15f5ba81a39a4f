"""ILSVRC-2012, the paper's own data: the tars as downloaded, or folders of pictures, as in Kaggle's download.

    ILSVRC2012_img_train.tar     holds one tar per class, n01440764.tar and so on; or those tars themselves, in the
                                 folder or its subfolder `train`; or train/n01440764/*.JPEG and so on
    ILSVRC2012_img_val.tar       ILSVRC2012_val_00000001.JPEG to 00050000; or these pictures in val/; or in val/<wnid>/
    the labels of val            see ilsvrc2012_labels.py; pictures in val/<wnid>/ need none
    LOC_synset_mapping.txt, synset_words.txt, words.txt or the devkit    for the names of the classes

Kaggle's folders and the places of the lists: see ilsvrc2012_places.py. Classes are numbered in sorted order of their
WordNet ids, as in nearly all pretrained weights. Training pictures keep the archives' order, class by class. Only the
headers of tars are read here. Folders with sorted validation pictures and none of ILSVRC's files are class folders.
"""

import re
from pathlib import Path

import numpy as np

from tinyalex.data.readers.access import TarAccess
from tinyalex.data.readers.ilsvrc2012_labels import LIST_FILES, class_words, label_file
from tinyalex.data.readers.ilsvrc2012_places import DEVKIT, pictures_and_lists
from tinyalex.data.readers.ilsvrc2012_val import CLASS, VAL_PICTURE, validation
from tinyalex.data.readers.leftovers import left_out, pictures_in
from tinyalex.data.readers.source import FileChunk, Source, names_of
from tinyalex.data.readers.storage import Folder, Tar
from tinyalex.data.readers.tars import tar_members
from tinyalex.errors import UserError

NAME = "ilsvrc2012"
EXPECTS = "train and val, as ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar or as folders, and the labels of val"
SIZE = 256
TRAIN, VAL = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
NAMES = ("LOC_synset_mapping.txt", "synset_words.txt", "words.txt")
LISTS = (*NAMES, *LIST_FILES)
OWN = (TRAIN, VAL, "*n????????.tar", f"{DEVKIT}*", *LISTS, *(f"*/{name}" for name in LISTS))
CLASS_TAR = re.compile(r"(n\d{8})\.tar")


def recognises(storage):
    """Whether one of the two tars is here, or this is such a tar, or there are folders with one of ILSVRC's marks."""
    if isinstance(storage, Tar) and any(
        CLASS_TAR.fullmatch(n) or VAL_PICTURE.fullmatch(n) for n in storage.files()[:1]
    ):
        return True
    if isinstance(storage, Folder) and (storage.has(TRAIN) or storage.has(VAL)):
        return True
    pictures, lists, kaggles = pictures_and_lists(storage)
    if not any(map(CLASS.fullmatch, pictures.folders("train"))):
        return False
    marked = any(map(VAL_PICTURE.fullmatch, pictures.files("val")[:1])) or lists.has(NAMES[0])
    return kaggles or marked or label_file(lists) is not None


def read(storage):
    """The Source. Raises UserError if a part is missing or a tar cut short, or val's labels are not certain."""
    if isinstance(storage, Tar) and not storage.folders("train"):
        raise UserError(f"{storage.path}: one part; give the folder that holds {EXPECTS}")
    pictures, lists, _kaggles = pictures_and_lists(storage)
    tars = _class_tars(storage) if isinstance(storage, Folder) else {}
    folders = [wnid for wnid in pictures.folders("train") if CLASS.fullmatch(wnid) and wnid not in tars]
    wnids = sorted([*tars, *folders])
    if len(wnids) < 2:
        expected = "expected two or more, as tars (n01440764.tar, …) or as folders in train"
        raise UserError(f"{storage.path}: {len(wnids)} classes to train on, {expected}")
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    train = [
        _members(*tars[wnid], label) if wnid in tars else _in_folder(pictures, wnid, label)
        for wnid, label in label_of.items()
    ]
    from_folders = [chunk for wnid, chunk in zip(wnids, train, strict=True) if wnid not in tars]
    val, rest = _val_and_rest(storage, pictures, lists, label_of, from_folders)
    names = names_of(lists, wnids, *NAMES) if any(map(lists.has, NAMES)) else class_words(lists, wnids)
    return Source(NAME, storage.name, SIZE, tuple(wnids), names, train, [val], sum(map(len, train)) + len(val), rest)


def _in_folder(pictures, wnid, label):
    """The training pictures in a class's folder, as a chunk with one label."""
    names = pictures_in(pictures, f"train/{wnid}")
    return FileChunk.of(pictures, names, np.full(len(names), label, np.int64))


def _val_and_rest(storage, pictures, lists, label_of, train):
    """The validation pictures, and (name, reason) of everything that is in neither part. train: chunks of `pictures`"""
    if isinstance(storage, Folder) and storage.has(VAL):
        archive = Tar(Path(storage.where(VAL)))
        val, reasons, missing = validation(archive, "", lists, label_of)
        rest = [(f"{VAL}/{name}", reason) for name, reason in left_out(archive, [val], reasons=reasons)]
        rest += left_out(pictures, train, OWN)
    else:
        val, reasons, missing = validation(pictures, "val", lists, label_of)
        rest = [*left_out(pictures, [*train, val], OWN, reasons)]
    if missing:
        rest.insert(0, (label_file(lists), f"pictures labelled there but missing here: {missing:,}"))
    return val, tuple(rest)


def _class_tars(storage):
    """{wnid: (path, offset, size in bytes)} of each class's tar, inside the training tar or on its own."""
    if storage.has(TRAIN):
        path = Path(storage.where(TRAIN))
        members = Tar(path).members
        inside = {name.rpartition("/")[2]: (path, m.offset, m.size) for name, m in members.items()}
    else:
        places = [storage, storage.below("train")]
        paths = {name: Path(place.where(name)) for place in places for name in place.files()}
        inside = {name: (path, 0, path.stat().st_size) for name, path in paths.items()}
    return {CLASS_TAR.fullmatch(name)[1]: place for name, place in inside.items() if CLASS_TAR.fullmatch(name)}


def _members(path, offset, size, label):
    """The pictures of a tar, `size` bytes from `offset` of a file, as a chunk with one label."""
    members = [member for member in tar_members(path, offset=offset, end=offset + size) if not member.is_link]
    names = [member.name for member in members]
    places = np.array([(member.offset, member.size) for member in members], np.int64).reshape(-1, 2)
    return FileChunk(TarAccess(path), names, places, np.full(len(names), label, np.int64))

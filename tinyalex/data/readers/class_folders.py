"""Pictures in one folder per class, of any size and any format that Pillow reads; also in a zip or tar.

    train/<class>/*
    val/<class>/*            or valid/, validation/ or test/, in upper or lower case; the first of these that is there

Or, without parts, <class>/*: then a share of each class is set aside to validate on (parts.py).

Classes are numbered in sorted order of their folders' names; within a class, pictures follow sorted file names, and
those in folders inside it come last. All other files are listed as left out, but for those that name the classes.
"""

import posixpath
from collections import Counter

from PIL import Image

from tinyalex.data.readers.folder import spelt
from tinyalex.data.readers.leftovers import left_out, pictures_in
from tinyalex.data.readers.parts import VAL_NAMES, parts_among
from tinyalex.data.readers.source import FileChunk, Source, names_of
from tinyalex.errors import UserError

NAME = "class-folders"
EXPECTS = "train/<class>/ and val/<class>/ with pictures, or <class>/ and a share of them to validate on"
NAMES = ("words.txt", "LOC_synset_mapping.txt", "synset_words.txt")
SIZE = 64  # trains on a laptop; size=256 gives the paper's


def recognises(storage):
    """Whether there is a training or validation part with folders in it, or two folders with pictures and no part."""
    train, val, _others = parts_among(storage.folders())
    if train or val:
        return bool(storage.folders(train or val) or storage.folders(val or train))
    return sum(_shows_pictures(storage, folder) for folder in storage.folders()) >= 2


def shortcoming(storage):
    """Words for why a folder with pictures is no source of this format; "" if it holds no pictures."""
    classes = "expected a folder of pictures for each of two or more classes"
    for folder in storage.folders():
        if _shows_pictures(storage, folder):
            return f"pictures of one class only, '{folder}'; {classes}"
    return f"pictures, but not in folders; {classes}" if _shows_pictures(storage, "") else ""


def read(storage):
    """The Source, whose val is [] without a validation part. Raises UserError if val has a class that train lacks."""
    train_part, val_part, others = _parts(storage)
    ids = storage.folders(train_part)
    if len(ids) < 2:
        found = f"only the class '{ids[0]}'" if ids else "no class"
        where = storage.where(train_part) if train_part else storage.path
        raise UserError(f"{where}: {found}; expected a folder for each of two or more classes")
    for part in (train_part, val_part):
        if part is not None:
            _refuse_two_spellings(storage, part)
    unknown = sorted(set(storage.folders(val_part)) - set(ids)) if val_part else []
    if unknown:
        raise UserError(f"{storage.where(f'{val_part}/{unknown[0]}')}: there is no such class in {train_part}")
    train, *val = (_split(storage, part, ids) for part in (train_part, val_part) if part is not None)
    names = names_of(storage, ids, *NAMES)
    read_instead = {part: f"beside {_instead(part, train_part, val_part)}/, which is read" for part in others}
    rest = left_out(storage, (train, *val), NAMES, read_instead)
    count = len(train) + sum(map(len, val))
    source = Source(NAME, storage.name, SIZE, tuple(ids), names, [train], val, count, rest)
    return source if val_part in (None, "val") else source.validated_on(f"{val_part}/")


def _refuse_two_spellings(storage, part):
    """UserError for two folders of one class, as when one of them was unpacked on macOS."""
    for name, count in Counter(map(spelt, storage.folders(part))).items():
        if count > 1:
            where = storage.where(posixpath.join(part, name))
            raise UserError(f"{where}: stands there in {count} spellings of Unicode; expected one folder per class")


def _parts(storage):
    """(the training part, "" for the storage itself; the validation part or None; the names of other parts).

    A validation part has folders in it.
    """
    train, val, _others = parts_among(storage.folders())
    if not train and not val:
        return "", None, []
    sorted_ones = [name for name in storage.folders() if name.lower() not in VAL_NAMES or storage.folders(name)]
    if val and val not in sorted_ones and "test" not in val.lower() and storage.files(val):
        found = f"files, but no folders: {len(storage.files(val)):,}"
        raise UserError(f"{storage.where(val)}: {found}; expected {val}/<class>/ with pictures")
    if not train:
        alone = "this folder by itself, unpacked, and a share of each class to validate on"
        raise UserError(
            f"{storage.where(val)}: only validation pictures; expected train/<class>/ beside it, or {alone}"
        )
    return parts_among(sorted_ones)


def _instead(part, train_part, val_part):
    """The part that is read instead of another one for the same purpose."""
    return val_part if part.lower() in VAL_NAMES else train_part


def _shows_pictures(storage, folder):
    """Whether a folder holds a file with the ending of a picture."""
    endings = Image.registered_extensions()
    return any(posixpath.splitext(name)[1].lower() in endings for name in storage.files(folder))


def _split(storage, part, ids):
    names, labels = [], []
    for label, class_id in enumerate(ids):
        pictures = pictures_in(storage, posixpath.join(part, class_id))
        names += pictures
        labels += [label] * len(pictures)
    return FileChunk.of(storage, names, labels)

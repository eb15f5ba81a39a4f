"""Pictures in one folder per class, of any size and any format that Pillow reads; also in a zip or tar.

    train/<class>/*
    val/<class>/*

Classes are numbered in sorted order of their folders' names; within a class, pictures follow sorted file names, and
those in folders inside it come last. Hidden files, texts and pictures outside the classes are listed as left out.
"""

from tinyalex.data.readers.leftovers import left_out, pictures_in
from tinyalex.data.readers.source import FileChunk, Source, names_of
from tinyalex.errors import UserError

NAME = "class-folders"
EXPECTS = "train/<class>/ and val/<class>/ with pictures"
SIZE = 64  # trains on a laptop; size=256 gives the paper's


def recognises(storage):
    """Whether there is a folder `train` or `val` with folders in it."""
    return bool(storage.folders("train") or storage.folders("val"))


def read(storage):
    """The Source. Raises UserError if a split is missing or val has a class that train lacks."""
    ids = storage.folders("train")
    if len(ids) < 2:
        found = f"only the class '{ids[0]}'" if ids else "no class"
        raise UserError(f"{storage.where('train')}: {found}; expected a folder for each of two or more classes")
    if not storage.folders("val"):
        flat = len(storage.files("val"))
        found = f"files, but no folders: {flat:,}; expected val/<class>/ with pictures" if flat else "missing"
        instead = "" if flat else "; move some pictures of each class from train/<class>/ to val/<class>/"
        raise UserError(f"{storage.where('val')}: {found}{instead}")
    unknown = sorted(set(storage.folders("val")) - set(ids))
    if unknown:
        raise UserError(f"{storage.where('val/' + unknown[0])}: there is no such class in train")
    train, val = (_split(storage, split, ids) for split in ("train", "val"))
    names = names_of(storage, ids, "words.txt", "LOC_synset_mapping.txt", "synset_words.txt")
    rest = left_out(storage, (train, val))
    return Source(NAME, storage.name, SIZE, tuple(ids), names, [train], [val], len(train) + len(val), rest)


def _split(storage, split, ids):
    names, labels = [], []
    for label, class_id in enumerate(ids):
        pictures = pictures_in(storage, f"{split}/{class_id}")
        names += pictures
        labels += [label] * len(pictures)
    return FileChunk.of(storage, names, labels)

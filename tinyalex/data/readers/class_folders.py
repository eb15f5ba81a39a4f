"""Pictures in one folder per class, of any size and any format that Pillow reads; also in a zip or tar.

    train/<class>/*
    val/<class>/*

Classes are numbered in sorted order of their folders' names; within a class, pictures follow sorted file names. Files
that are not pictures are reported as skipped; hidden files and folders inside a class are ignored.
"""

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
        raise UserError(
            f"{storage.where('val')}: missing; move some pictures of each class from train/<class>/ to val/<class>/"
        )
    unknown = sorted(set(storage.folders("val")) - set(ids))
    if unknown:
        raise UserError(f"{storage.where('val/' + unknown[0])}: there is no such class in train")
    train, val = (_split(storage, split, ids) for split in ("train", "val"))
    names = names_of(storage, ids, "words.txt", "LOC_synset_mapping.txt", "synset_words.txt")
    return Source(NAME, storage.name, SIZE, tuple(ids), names, [train], [val], len(train) + len(val))


def _split(storage, split, ids):
    names, labels = [], []
    for label, class_id in enumerate(ids):
        pictures = storage.files(f"{split}/{class_id}")
        names += [f"{split}/{class_id}/{picture}" for picture in pictures]
        labels += [label] * len(pictures)
    return FileChunk.of(storage, names, labels)

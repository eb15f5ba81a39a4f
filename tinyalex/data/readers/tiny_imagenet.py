"""Tiny ImageNet as published: 64×64 pictures in a folder or its zip, which is not unpacked.

    wnids.txt                      the classes, a WordNet id per line, in label order
    words.txt                      WordNet id, tab, words
    train/<wnid>/images/*.JPEG
    val/images/*.JPEG
    val/val_annotations.txt        file name, tab, WordNet id, tab, bounding box

Training pictures follow wnids.txt, then file names; validation pictures follow val_annotations.txt. The test pictures
have no labels and are left out.
"""

from tinyalex.data.readers.source import FileChunk, Source, names_of, text_lines
from tinyalex.errors import UserError

NAME = "tiny-imagenet"
EXPECTS = "wnids.txt, train/<wnid>/images/ and val/val_annotations.txt"
SIZE = 64


def recognises(storage):
    """Whether this looks like Tiny ImageNet, complete or not."""
    return storage.has("wnids.txt") or storage.has("val/val_annotations.txt")


def read(storage):
    """The Source. Raises UserError if a file is missing or the lists and the pictures disagree."""
    wnids = text_lines(storage, "wnids.txt")
    if len(set(wnids)) != len(wnids):
        raise UserError(f"{storage.where('wnids.txt')}: a class is listed twice")
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    train, val = _train(storage, label_of), _val(storage, label_of)
    names = names_of(storage, wnids, "words.txt")
    return Source(NAME, storage.name, SIZE, tuple(wnids), names, [train], [val], len(train) + len(val))


def _train(storage, label_of):
    unknown = sorted(set(storage.folders("train")) - set(label_of))
    if unknown:
        raise UserError(f"{storage.where('train/' + unknown[0])}: this class is not in wnids.txt")
    names, labels = [], []
    for wnid, label in label_of.items():
        folder = f"train/{wnid}/images"
        pictures = storage.files(folder)
        names += [f"{folder}/{picture}" for picture in pictures]
        labels += [label] * len(pictures)
    return FileChunk.of(storage, names, labels)


def _val(storage, label_of):
    where = storage.where("val/val_annotations.txt")
    rows = [line.split("\t") for line in text_lines(storage, "val/val_annotations.txt")]
    for row in rows:
        if len(row) < 2 or row[1] not in label_of:
            raise UserError(f"{where}: '{' '.join(row)}': expected a picture and, after a tab, a class of wnids.txt")
    pictures, listed = set(storage.files("val/images")), {row[0] for row in rows}
    if len(listed) != len(rows):
        raise UserError(f"{where}: a picture is listed twice")
    if listed != pictures:
        odd = min(listed ^ pictures)
        missing = "is listed but not in val/images" if odd in listed else "is in val/images but not listed"
        raise UserError(f"{where}: {odd} {missing}")
    return FileChunk.of(storage, [f"val/images/{row[0]}" for row in rows], [label_of[row[1]] for row in rows])

"""Tiny ImageNet: 64×64 pictures in a folder or its zip, which is not unpacked.

    wnids.txt                      the classes, a WordNet id per line, in label order
    words.txt                      WordNet id, tab, words
    train/<wnid>/images/*.JPEG
    val/images/*.JPEG
    val/val_annotations.txt        file name, tab, WordNet id, tab, bounding box

This is how it is published. Many scripts sort val into val/<wnid>/*.JPEG or val/<wnid>/images/*.JPEG; this is read too,
even if only some pictures are sorted. If they were copied, those in val/images are left out. Training pictures follow
wnids.txt, then file names; validation pictures follow val_annotations.txt, and wnids.txt without that file. The test
pictures have no labels and are left out.
"""

from tinyalex.data.readers.leftovers import TWICE, is_picture, left_out, pictures_in
from tinyalex.data.readers.source import FileChunk, Source, names_of, text_lines
from tinyalex.errors import UserError

NAME = "tiny-imagenet"
EXPECTS = "wnids.txt, train/<wnid>/images/ and val/val_annotations.txt or val/<wnid>/"
SIZE = 64
ANNOTATIONS, FLAT = "val/val_annotations.txt", "val/images"
OWN = ("wnids.txt", "words.txt", ANNOTATIONS, "train/*_boxes.txt")
NO_LABEL = f"in no folder of a class, and {ANNOTATIONS} is missing"


def recognises(storage):
    """Whether this looks like Tiny ImageNet, complete or not."""
    return storage.has("wnids.txt") or storage.has(ANNOTATIONS)


def read(storage):
    """The Source. Raises UserError if a file is missing or the lists and the pictures disagree."""
    wnids = text_lines(storage, "wnids.txt")
    if len(set(wnids)) != len(wnids):
        raise UserError(f"{storage.where('wnids.txt')}: a class is listed twice")
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    train, (val, reasons) = _train(storage, label_of), _val(storage, label_of)
    names = names_of(storage, wnids, "words.txt")
    rest = left_out(storage, (train, val), OWN, reasons)
    return Source(NAME, storage.name, SIZE, tuple(wnids), names, [train], [val], len(train) + len(val), rest)


def _train(storage, label_of):
    names, labels = _sorted_into_classes(storage, "train", storage.folders("train"), label_of)
    return FileChunk.of(storage, names, labels)


def _val(storage, label_of):
    """The validation pictures, and {name: reason} of those left out."""
    folders = [folder for folder in storage.folders("val") if f"val/{folder}" != FLAT]
    names, labels = _sorted_into_classes(storage, "val", folders, label_of)
    flat = [*pictures_in(storage, FLAT), *(f"val/{name}" for name in storage.files("val") if is_picture(name))]
    in_classes = set(map(_base, names))
    reasons = {name: TWICE if _base(name) in in_classes else NO_LABEL for name in flat}
    reasons[FLAT] = ", or ".join(sorted(set(reasons.values())))
    if storage.has(ANNOTATIONS) or not names:
        alone = [name for name in flat if reasons[name] == NO_LABEL]
        names, labels = _in_listed_order(storage, label_of, dict(zip(names, labels, strict=True)), alone)
    return FileChunk.of(storage, names, labels), reasons


def _base(name):
    return name.rpartition("/")[2]


def _sorted_into_classes(storage, split, folders, label_of):
    """Names and labels of the pictures in a split's folders for classes, in the order of the classes."""
    unknown = sorted(set(folders) - set(label_of))
    if unknown:
        raise UserError(f"{storage.where(f'{split}/{unknown[0]}')}: this class is not in wnids.txt")
    names, labels = [], []
    for wnid, label in label_of.items():
        pictures = pictures_in(storage, f"{split}/{wnid}")
        names += pictures
        labels += [label] * len(pictures)
    return names, labels


def _in_listed_order(storage, label_of, label_of_sorted, flat):
    """Names and labels of val in the order of its list, which must agree with where the pictures stand.

    label_of_sorted: {name: label} of the pictures in folders of classes; flat: names of those in val/images alone
    """
    where, listed = storage.where(ANNOTATIONS), {}
    for row in (line.split("\t") for line in text_lines(storage, ANNOTATIONS)):
        if len(row) < 2 or row[1] not in label_of:
            raise UserError(
                f"{where}: '{' '.join(row)[:60]}': expected a picture and, after a tab, a class of wnids.txt"
            )
        if row[0] in listed:
            raise UserError(f"{where}: a picture is listed twice")
        listed[row[0]] = label_of[row[1]]
    found = {}
    for name in [*flat, *label_of_sorted]:
        base = _base(name)
        if base not in listed:
            raise UserError(f"{where}: {base} is in {name.rpartition('/')[0]} but not listed")
        if base in found:
            raise UserError(f"{storage.where(name)}: the same picture is also at {found[base]}; remove one")
        if label_of_sorted.get(name, listed[base]) != listed[base]:
            raise UserError(f"{storage.where(name)}: {ANNOTATIONS} lists it in another class")
        found[base] = name
    missing = next((base for base in listed if base not in found), None)
    if missing is not None:
        raise UserError(f"{where}: {missing} is listed but not in {FLAT} or a folder of a class")
    return [found[base] for base in listed], list(listed.values())

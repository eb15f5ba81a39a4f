"""ILSVRC-2012's validation pictures: from the tar, from a flat folder, or sorted into classes, or part of each.

They are in the order of their names, which is that of their numbers, however they are stored.
"""

import posixpath
import re

from tinyalex.data.readers.ilsvrc2012_labels import label_file, validation_wnids
from tinyalex.data.readers.leftovers import TWICE, pictures_in
from tinyalex.data.readers.source import FileChunk
from tinyalex.errors import UserError

CLASS, VAL_PICTURE = re.compile(r"n\d{8}"), re.compile(r"ILSVRC2012_val_\d{8}\.\w+")
NO_TRAINING, NO_LABEL = "of a class without training pictures", "without a label"


def validation(storage, folder, lists, label_of):
    """(FileChunk of the pictures in a folder of a storage, {name: reason} of those left out, number of missing ones).

    lists: where the labels are (ilsvrc2012_places.py); label_of: {WordNet id: label} of the classes of train
    Raises UserError if no picture is left, or the labels are not certain.
    """
    folders = [name for name in storage.folders(folder) if CLASS.fullmatch(name)]
    wnid_of = {name: wnid for wnid in folders for name in pictures_in(storage, posixpath.join(folder, wnid))}
    names, in_folders = pictures_in(storage, folder), set(map(_stem, wnid_of))
    flat, missing = [name for name in names if name not in wnid_of], 0
    reasons = {name: TWICE if _stem(name) in in_folders else NO_LABEL for name in flat}
    reasons |= {posixpath.join(folder, wnid): NO_TRAINING for wnid in folders}
    if flat and (label_file(lists) or not wnid_of):
        listed = validation_wnids(lists, list(label_of), [_stem(name) for name in flat])
        labelled = [name for name in flat if _stem(name) in listed and reasons[name] == NO_LABEL]
        reasons |= dict.fromkeys(labelled, NO_TRAINING)
        wnid_of |= {name: listed[_stem(name)] for name in labelled}
        missing = len(listed.keys() - set(map(_stem, names)))
    kept = sorted((name for name, wnid in wnid_of.items() if wnid in label_of), key=_stem)
    if not kept:
        raise UserError(f"{storage.where(folder)}: {_nothing_kept(names, wnid_of)}")
    return FileChunk.of(storage, kept, [label_of[wnid_of[name]] for name in kept]), reasons, missing


def _nothing_kept(names, wnid_of):
    """Why no picture of the part can be used."""
    if not names:
        return "missing, or without pictures; expected them here, or in ILSVRC2012_img_val.tar"
    if wnid_of:
        return f"all {len(names):,} pictures are {NO_TRAINING}, or {NO_LABEL}"
    return f"no label for {names[0]} and the others; expected ILSVRC2012_val_00000001.JPEG and the like"


def _stem(name):
    """ "ILSVRC2012_val_00000001" of a picture's name."""
    return posixpath.splitext(posixpath.basename(name))[0]

"""The labels of ILSVRC-2012's validation pictures, from whichever label files exist; never a guess.

The published ground truth gives each picture's class as a number from 1 to 1000, and the numbers are **not** in the
sorted order of WordNet ids: 1 is n02119789, a kit fox. Numbers are therefore read only with a list of the classes in
that order; the well-known sorted lists (synsets.txt and the like) are refused. Ground truth in WordNet ids needs no
list. The first of these files that exists is read:

    LOC_val_solution.csv                         ImageId,PredictionString: a name, then a WordNet id and boxes
    imagenet_2012_validation_synset_labels.txt   a WordNet id per line
    ILSVRC2012_validation_ground_truth.txt       a WordNet id per line; or a number per line, with the order from
        map_clsloc.txt                           "n02119789 1 kit_fox" per line; or
        synsets.txt, imagenet_lsvrc_2015_synsets.txt     a WordNet id per line in the order of the numbers
"""

import re

from tinyalex.data.readers.imagenet_batches import classes_of_map
from tinyalex.data.readers.source import text_lines
from tinyalex.errors import UserError

SOLUTION = "LOC_val_solution.csv"
SYNSET_LABELS = "imagenet_2012_validation_synset_labels.txt"
GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
ORDER_MAP = "map_clsloc.txt"
ORDER_LISTS = ("synsets.txt", "imagenet_lsvrc_2015_synsets.txt")
WNID = re.compile(r"n\d{8}")

# Known classes of the first pictures of the full validation set, to catch labels in a wrong order
FULL_COUNT = 50_000
FIRST_WNIDS = ["n01751748", "n09193705", "n02105855", "n04263257", "n03125729"]


def validation_wnids(storage, names):
    """The WordNet id of each validation picture.

    names: "ILSVRC2012_val_00000001" and so on, in order
    Raises UserError, naming the file to add, unless every label is certain.
    """
    if storage.has(SOLUTION):
        file, wnids = SOLUTION, _from_solution(storage, names)
    else:
        file = next((name for name in (SYNSET_LABELS, GROUND_TRUTH) if storage.has(name)), None)
        if file is None:
            others = f"{SOLUTION} or {SYNSET_LABELS}"
            raise UserError(f"{storage.where(GROUND_TRUTH)}: missing; the labels may also be in {others}")
        wnids = _from_lines(storage, file)
    if len(wnids) != len(names):
        raise UserError(f"{storage.where(file)}: {len(wnids)} labels for {len(names)} validation pictures")
    if len(names) == FULL_COUNT and wnids[: len(FIRST_WNIDS)] != FIRST_WNIDS:
        wrong = next(i for i, known in enumerate(FIRST_WNIDS) if wnids[i] != known)
        raise UserError(
            f"{storage.where(file)}: {names[wrong]} is labelled {wnids[wrong]} but known to be {FIRST_WNIDS[wrong]}: "
            "the labels or the order of the classes belong to something else"
        )
    return wnids


def _from_solution(storage, names):
    where, wnid_of = storage.where(SOLUTION), {}
    for line in text_lines(storage, SOLUTION)[1:]:
        name, _, prediction = line.partition(",")
        wnid = prediction.split(" ")[0]
        if not WNID.fullmatch(wnid) or wnid_of.get(name, wnid) != wnid:
            raise UserError(f"{where}: '{line[:60]}': expected a picture, a comma and its one WordNet id")
        wnid_of[name] = wnid
    missing = [name for name in names if name not in wnid_of]
    if missing:
        raise UserError(f"{where}: no label for {missing[0]}")
    return [wnid_of[name] for name in names]


def _from_lines(storage, file):
    """One label per line: WordNet ids as they are, numbers looked up in the list of classes."""
    lines, where = text_lines(storage, file), storage.where(file)
    if all(WNID.fullmatch(line) for line in lines):
        return lines
    odd = next((line for line in lines if not line.isdecimal()), None)
    if odd is not None:
        raise UserError(f"{where}: '{odd[:60]}': expected one number, or one WordNet id, on every line")
    order = _order(storage)
    for number in map(int, lines):
        if not 1 <= number <= len(order):
            raise UserError(f"{where}: label {number} is out of range, expected 1 to {len(order)}")
    return [order[int(line) - 1] for line in lines]


def _order(storage):
    """WordNet ids in the order of ILSVRC's numbers."""
    mapped = classes_of_map(storage, ORDER_MAP)
    if mapped:
        return mapped[0]
    for name in filter(storage.has, ORDER_LISTS):
        wnids = text_lines(storage, name)
        if not all(WNID.fullmatch(wnid) for wnid in wnids) or len(set(wnids)) != len(wnids):
            raise UserError(f"{storage.where(name)}: expected a different WordNet id on every line")
        if wnids != sorted(wnids):
            return wnids
    raise UserError(
        f"{storage.where(GROUND_TRUTH)}: its numbers do not follow the sorted WordNet ids; add {ORDER_MAP} "
        f"('n02119789 1 kit_fox' per line) or {SYNSET_LABELS} (a WordNet id per picture)"
    )

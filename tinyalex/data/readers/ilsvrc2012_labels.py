"""The labels of ILSVRC-2012's validation pictures, from whichever label files exist; never a guess.

The published ground truth gives each picture's class as a number from 1 to 1000, and the numbers are **not** in the
sorted order of WordNet ids: 1 is n02119789, a kit fox. Numbers are therefore read only with a list of the classes in
that order; the well-known sorted lists (synsets.txt and the like) are refused. Ground truth in WordNet ids needs no
list. The first of these files that exists is read:

    LOC_val_solution.csv                         ImageId,PredictionString: a name, then a WordNet id and boxes
    val.txt                                      Caffe's: a name, then a number, which counts from 0 in
        synset_words.txt, synsets.txt or LOC_synset_mapping.txt    sorted WordNet ids, one per line; or in the
                                                 classes of train, if there are as many
    imagenet_2012_validation_synset_labels.txt   a WordNet id per line
    ILSVRC2012_validation_ground_truth.txt       a WordNet id per line; or a number per line, with the order from
        map_clsloc.txt                           "n02119789 1 kit_fox" per line; or
        meta.mat                                 the devkit's table of classes; or
        synsets.txt, imagenet_lsvrc_2015_synsets.txt     a WordNet id per line in the order of the numbers

Line 1 of a file without names is ILSVRC2012_val_00000001, and so on.
"""

import re

from tinyalex.data.readers.imagenet_batches import classes_of_map
from tinyalex.data.readers.matfile import MAX_BYTES, mat_table
from tinyalex.data.readers.source import is_number, text_lines
from tinyalex.errors import UserError

SOLUTION = "LOC_val_solution.csv"
CAFFE = "val.txt"
SYNSET_LABELS = "imagenet_2012_validation_synset_labels.txt"
GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
LABEL_FILES = (SOLUTION, CAFFE, SYNSET_LABELS, GROUND_TRUTH)
ORDER_MAP, META = "map_clsloc.txt", "meta.mat"
ORDER_LISTS = ("synsets.txt", "imagenet_lsvrc_2015_synsets.txt")
SORTED_LISTS = ("synset_words.txt", "synsets.txt", "LOC_synset_mapping.txt")
LIST_FILES = {*LABEL_FILES, ORDER_MAP, META, *ORDER_LISTS, *SORTED_LISTS}
WNID = re.compile(r"n\d{8}")
NUMBERED = re.compile(r"ILSVRC2012_val_(\d{8})")

# Known classes of the first pictures of the full validation set, to catch labels in a wrong order
FULL_COUNT = 50_000
FIRST_WNIDS = ["n01751748", "n09193705", "n02105855", "n04263257", "n03125729"]


def label_file(lists):
    """The name of the file that `validation_wnids` reads, or None."""
    present = [name for name in LABEL_FILES if lists.has(name)]
    return next((name for name in present if name != CAFFE or _rows_of_caffe(lists)), None)


def validation_wnids(lists, train_wnids, names):
    """{name: WordNet id} of the labelled validation pictures, with names such as "ILSVRC2012_val_00000001".

    lists: where the files are; train_wnids: the classes that have training pictures; names: the pictures that are there
    Raises UserError, naming the file to add, unless every label is certain.
    """
    file = label_file(lists)
    if file is None:
        expected = f"{SOLUTION}, Caffe's {CAFFE}, {SYNSET_LABELS} or {GROUND_TRUTH} with {META}"
        raise UserError(
            f"{lists.where(GROUND_TRUTH)}: missing; expected the labels of the validation pictures: {expected}"
        )
    if file == SOLUTION:
        wnid_of = _from_solution(lists)
    elif file == CAFFE:
        wnid_of = _from_caffe(lists, train_wnids)
    else:
        wnid_of = {f"ILSVRC2012_val_{i:08d}": wnid for i, wnid in enumerate(_from_lines(lists, file), 1)}
        beyond = next((name for name in names if NUMBERED.fullmatch(name) and name not in wnid_of), None)
        if beyond:
            raise UserError(f"{lists.where(file)}: {len(wnid_of):,} labels, none for {beyond}")
    for number, known in enumerate(FIRST_WNIDS if len(wnid_of) == FULL_COUNT else [], 1):
        name = f"ILSVRC2012_val_{number:08d}"
        if wnid_of.get(name) != known:
            raise UserError(
                f"{lists.where(file)}: {name} is labelled {wnid_of.get(name)} but known to be {known}: "
                "the labels or the order of the classes belong to something else"
            )
    return wnid_of


def class_words(lists, wnids):
    """Words for the classes from the devkit's table; the id itself for a class that it lacks."""
    words = {wnid: text for wnid, _number, text in _devkit_classes(lists)} if lists.has(META) else {}
    return tuple(words.get(wnid, wnid) for wnid in wnids)


def _from_solution(lists):
    where, wnid_of = lists.where(SOLUTION), {}
    for line in text_lines(lists, SOLUTION)[1:]:
        name, _, prediction = line.partition(",")
        wnid = prediction.split(" ")[0]
        if not WNID.fullmatch(wnid) or wnid_of.get(name, wnid) != wnid:
            raise UserError(f"{where}: '{line[:60]}': expected a picture, a comma and its one WordNet id")
        wnid_of[name] = wnid
    return wnid_of


def _rows_of_caffe(lists):
    """{name: label} in Caffe's list. Empty for another file of this name, such as Kaggle's, which numbers pictures."""
    rows = [line.rsplit(None, 1) for line in text_lines(lists, CAFFE)]
    odd = [" ".join(row) for row in rows if len(row) < 2 or not (is_number(row[1]) or WNID.fullmatch(row[1]))]
    if len(odd) == len(rows):
        return {}
    if odd:
        raise UserError(f"{lists.where(CAFFE)}: '{odd[0][:60]}': expected a picture, a space and its class")
    label_of = {name.rpartition("/")[2].partition(".")[0]: label for name, label in rows}
    numbered = all(is_number(label) and name == f"ILSVRC2012_val_{int(label):08d}" for name, label in label_of.items())
    return {} if numbered else label_of


def _from_caffe(lists, train_wnids):
    label_of, where = _rows_of_caffe(lists), lists.where(CAFFE)
    if all(map(WNID.fullmatch, label_of.values())):
        return label_of
    if not all(map(is_number, label_of.values())):
        raise UserError(f"{where}: numbers and WordNet ids; expected one kind of class")
    count = max(map(int, label_of.values())) + 1
    order = _sorted_classes(lists, train_wnids, count)
    if order is None:
        raise UserError(f"{where}: {_unknown_numbers(label_of, train_wnids, count)}")
    return {name: order[int(label)] for name, label in label_of.items()}


def _unknown_numbers(label_of, train_wnids, count):
    """Why nothing says which classes the numbers of Caffe's list are."""
    numbers = f"numbers from {min(map(int, label_of.values()))} to {count - 1}"
    if count - 1 == len(train_wnids) and "0" not in label_of.values():
        return f"{numbers}, expected 0 to {count - 2}: Caffe's list counts the sorted classes from 0"
    return f"{numbers}; expected {count:,} sorted classes, in train or in {SORTED_LISTS[0]}, one and the same order"


def _sorted_classes(lists, train_wnids, count):
    """The first `count` classes in sorted order, or None if the lists and the classes of train do not agree on them."""
    orders = [[line.split()[0] for line in text_lines(lists, name)] for name in filter(lists.has, SORTED_LISTS)]
    orders = [order for order in orders if order == sorted(set(order)) and len(order) >= count]
    if len(train_wnids) == count:
        orders.append(sorted(train_wnids))
    readings = {tuple(order[:count]) for order in orders}
    return readings.pop() if len(readings) == 1 else None


def _from_lines(lists, file):
    """One label per line: WordNet ids as they are, numbers looked up in the list of classes."""
    lines, where = text_lines(lists, file), lists.where(file)
    if all(WNID.fullmatch(line) for line in lines):
        return lines
    odd = next((line for line in lines if not is_number(line)), None)
    if odd is not None:
        raise UserError(f"{where}: '{odd[:60]}': expected one number, or one WordNet id, on every line")
    order = _order(lists)
    for number in map(int, lines):
        if not 1 <= number <= len(order):
            raise UserError(f"{where}: label {number} is out of range, expected 1 to {len(order)}")
    return [order[int(line) - 1] for line in lines]


def _order(lists):
    """WordNet ids in the order of ILSVRC's numbers."""
    mapped = classes_of_map(lists, ORDER_MAP)
    if mapped:
        return mapped[0]
    if lists.has(META):
        numbers = {number: wnid for wnid, number, _words in _devkit_classes(lists)}
        if sorted(numbers) != list(range(1, len(numbers) + 1)):
            raise UserError(f"{lists.where(META)}: expected the numbers 1 to {len(numbers)}, each once")
        return [numbers[number] for number in sorted(numbers)]
    for name in filter(lists.has, ORDER_LISTS):
        wnids = text_lines(lists, name)
        if not all(WNID.fullmatch(wnid) for wnid in wnids) or len(set(wnids)) != len(wnids):
            raise UserError(f"{lists.where(name)}: expected a different WordNet id on every line")
        if wnids != sorted(wnids):
            return wnids
    raise UserError(
        f"{lists.where(GROUND_TRUTH)}: its numbers do not follow the sorted WordNet ids; add {ORDER_MAP} "
        f"('n02119789 1 kit_fox' per line), the devkit's {META} or {SYNSET_LABELS} (a WordNet id per picture)"
    )


def _devkit_classes(lists):
    """[(WordNet id, ILSVRC's number, words)] in meta.mat of the classes with pictures: they have no narrower ones."""
    rows = mat_table(lists.read(META, MAX_BYTES), lists.where(META))
    try:
        leaves = [row for row in rows if not row["num_children"].any()]
        return [(row["WNID"], int(row["ILSVRC2012_ID"][0]), row["words"]) for row in leaves]
    except (KeyError, AttributeError, TypeError, IndexError):
        raise UserError(f"{lists.where(META)}: expected ILSVRC2012_ID, WNID, words and num_children") from None

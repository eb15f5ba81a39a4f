"""The classes of an imported network: named by a file or a data set, or those that its kind is known to have."""

import re
from collections import Counter
from os import PathLike
from pathlib import Path

from tinyalex.data import outline
from tinyalex.errors import UserError
from tinyalex.files import read_regular, reason

IMAGENET = Path(__file__).with_name("imagenet-1k.txt")
CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck".split()
WORDNET = re.compile(r"(n\d{8})\s+(\S.*)")  # "n01440764 tench"
MOST = 2**22  # bytes of a text file

Classes = tuple[list[str], list[str]]  # ids and names, in the order of the network's scores


def known_classes(count: int, name: str) -> tuple[Classes, str]:
    """(classes, a sentence about them) where nothing names them. count: of classes;  name: of the network"""
    if count == 1000:
        return read_classes(IMAGENET, count), "Its 1,000 classes are taken for ImageNet's, in the order of ILSVRC 2012."
    if count == len(CIFAR10) and name.startswith("cifar"):
        return (CIFAR10, CIFAR10), "Its 10 classes are taken for CIFAR-10's."
    names = [f"class {number}" for number in range(count)]
    return (names, names), "The file does not name its classes."


def read_classes(path: str | PathLike, count: int) -> Classes:
    """`count` classes from a prepared folder, or from a text file with one a line: "n01440764 tench", or a name.

    Lines that begin with # are left out. UserError for another number of classes, and what is neither file nor folder.
    """
    if Path(path).is_dir() or str(path).partition("+")[0] == "builtin":
        about = outline(str(path))
        rows = list(zip(about.class_ids, about.class_names))
    else:
        rows = _in_lines(path)
    if len(rows) != count:
        raise UserError(
            f"{path}: found {len(rows):,} classes, expected {count:,}, as the network has scores", "classes"
        )
    ids, names = [row[0] or row[1] for row in rows], [row[1] for row in rows]
    if len(set(ids)) < len(ids):
        if any(row[0] for row in rows):
            twice, _ = Counter(ids).most_common(1)[0]
            raise UserError(f"{path}: {twice} comes twice, expected different classes", "classes")
        ids = [f"{number} {name}" for number, name in enumerate(names)]  # ImageNet has two cranes
    return ids, names


def _in_lines(path):
    """[(id, name)] of a text file; ids are "" unless all lines have one."""
    try:
        text = read_regular(path, MOST).decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({reason(error)})", "classes") from None
    except UnicodeError:
        raise UserError(f"{path}: no text in UTF-8, expected one class a line", "classes") from None
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found = [WORDNET.fullmatch(line) for line in lines]
    return [(one[1], one[2]) for one in found if one] if all(found) else [("", line) for line in lines]

"""Which files of a folder are pictures, and a list of all that is left out: nothing is dropped without a word."""

import fnmatch
import posixpath
import re

# files that stand among pictures and are none; any other file is tried as a picture, whatever its name
NOT_PICTURES = frozenset(
    ".txt .csv .tsv .json .jsonl .xml .yaml .yml .md .rst .html .htm .pdf .doc .docx .xls .xlsx .odt .db .ini .log .py "
    ".ipynb .sh .mat .npy .npz .pkl .pickle .pt .h5 .zip .tar .gz .tgz .bz2 .xz .7z .rar .mp4 .mov .avi .mkv .mp3 .wav "
    ".aae .xmp .url .lnk .part .crdownload .sha1 .md5".split()
)
ELSEWHERE = "outside the training and validation pictures"
TWICE = "also in a folder of a class"


def is_picture(name):
    """Whether a file is tried as a picture, by the ending of its name."""
    return posixpath.splitext(name)[1].lower() not in NOT_PICTURES


def pictures_in(storage, folder):
    """Names of the pictures in a folder of a storage and in its folders, in sorted order, the folder's own first."""
    listing = storage.listing(folder)
    names = [posixpath.join(folder, name) for name in listing.files if is_picture(name)]
    for inner in listing.folders:
        names += pictures_in(storage, posixpath.join(folder, inner))
    return names


def left_out(storage, chunks, own=(), reasons=None):
    """((name, reason), …) of everything in a storage that is in none of the FileChunks made from it.

    A folder without anything used is one entry. Hidden names, links to nothing and folders too deep to enter come last,
    each with its reason.
    own: patterns ("*" also stands for "/") of names of files that belong to the format and hold no pictures
    reasons: for files and folders, by name, a reason other than the general one
    """
    walk = _Walk(storage, {name for chunk in chunks for name in chunk.names}, own, reasons or {})
    walk.visit("")
    return (*walk.rows, *walk.apart)


class _Walk:
    """One way through all folders of a storage, which collects rows of (name, reason), `apart` for all but files."""

    def __init__(self, storage, used, own, reasons):
        self.storage, self.used, self.reasons, self.rows, self.apart = storage, used, reasons, [], []
        self.own = re.compile("|".join(map(fnmatch.translate, own)) or "(?!)")

    def visit(self, folder):
        """Add the rows of a folder; returns counts of its files: used, unused pictures, other unused ones."""
        listing, begin = self.storage.listing(folder), len(self.rows)
        names = [posixpath.join(folder, name) for name in listing.files]
        stored = self.storage.stored(names)
        unused = [name for name, key in zip(names, stored, strict=True) if key not in self.used]
        unused, used = [name for name in unused if not self.own.match(name)], len(names) - len(unused)
        pictures = sum(map(is_picture, unused))
        others = len(unused) - pictures
        self.rows += [(name, self._reason(name)) for name in unused]
        self.apart += [(posixpath.join(folder, name), reason) for name, reason in listing.others]
        for inner in listing.folders:
            inside = self.visit(posixpath.join(folder, inner))
            used, pictures, others = used + inside[0], pictures + inside[1], others + inside[2]
        if folder and not used and pictures + others:
            del self.rows[begin:]
            self.rows.append((f"{folder}/", f"{_words(pictures, others)} {self.reasons.get(folder, ELSEWHERE)}"))
        return used, pictures, others

    def _reason(self, name):
        return self.reasons.get(name, ELSEWHERE if is_picture(name) else "not a picture, by its name")


def _words(pictures, others):
    """ "4 pictures", "1 file", "4 pictures and 2 other files"."""
    kinds = [(pictures, "picture"), (others, "other file" if pictures else "file")]
    return " and ".join(f"{count:,} {kind}{'s' * (count > 1)}" for count, kind in kinds if count)

"""Which files of a folder are pictures, and a list of all that is left out: nothing is dropped without a word."""

import posixpath

# files that stand among pictures and are none; any other file is tried as a picture, whatever its name
NOT_PICTURES = frozenset(
    ".txt .csv .tsv .json .jsonl .xml .yaml .yml .md .rst .html .htm .pdf .doc .docx .xls .xlsx .odt .db .ini .log .py "
    ".ipynb .sh .mat .npy .npz .pkl .pickle .pt .h5 .zip .tar .gz .tgz .bz2 .xz .7z .rar .mp4 .mov .avi .mkv .mp3 .wav "
    ".aae .xmp .url .lnk .part .crdownload .sha1 .md5".split()
)
ELSEWHERE = "outside the training and validation pictures"


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
    """((name, reason), …) of what stands in a storage and is in none of the FileChunks made from it.

    Outside the folders of the pictures, only pictures count. A folder without anything used is one entry.
    own: endings of the names of files that belong to the format and hold no pictures
    reasons: for files and folders, by name, a reason other than the general one
    """
    walk = _Walk(storage, {name for chunk in chunks for name in chunk.names}, tuple(own), reasons or {})
    walk.visit("")
    return tuple(walk.rows)


class _Walk:
    """One way through all folders of a storage, which collects rows of (name, reason)."""

    def __init__(self, storage, used, own, reasons):
        self.storage, self.used, self.own, self.reasons, self.rows = storage, used, own, reasons, []
        self.splits = {name.partition("/")[0] if "/" in name else "" for name in used}

    def visit(self, folder):
        """Add the rows of a folder; returns how many of its pictures are used, and how many are not."""
        listing, begin = self.storage.listing(folder), len(self.rows)
        names = [posixpath.join(folder, name) for name in listing.files]
        stored = self.storage.stored(names)
        unused = [name for name, key in zip(names, stored, strict=True) if key not in self.used]
        pictures = [name for name in unused if is_picture(name)]
        used, missed = len(names) - len(unused), len(pictures)
        within = folder.partition("/")[0] in self.splits
        self.rows += [
            (name, self._reason(name)) for name in (unused if within else pictures) if not name.endswith(self.own)
        ]
        self.rows += [(posixpath.join(folder, name), reason) for name, reason in listing.others if within]
        for inner in listing.folders:
            more_used, more_missed = self.visit(posixpath.join(folder, inner))
            used, missed = used + more_used, missed + more_missed
        if folder and not used and missed:
            del self.rows[begin:]
            count = "1 picture" if missed == 1 else f"{missed:,} pictures"
            self.rows.append((f"{folder}/", f"{count} {self.reasons.get(folder, ELSEWHERE)}"))
        return used, missed

    def _reason(self, name):
        return self.reasons.get(name, ELSEWHERE if is_picture(name) else "not a picture, by its name")

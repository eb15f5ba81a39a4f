"""A folder on disk as a storage: what can be listed, and what a worker needs to read the files (storage.py).

Names are relative to the folder, with forward slashes, and in one spelling.
"""

import contextlib
import os
import posixpath
import unicodedata
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import numpy as np

from tinyalex.data.readers.access import FolderAccess
from tinyalex.errors import UserError
from tinyalex.files import DEVICE, kind_of, open_regular, read_regular, reason

MOST_LEVELS = 32  # folders inside each other
MOST_LINKS = 2  # links to folders on the way to a file; with more, a few folders that link each other have many ways


def spelt(text):
    """A name in the one spelling in which names are compared: "é" is a single character (Unicode's NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def expect_source(path):
    """The kind of thing at `path`, as `kind_of` says it. UserError unless it is a file or a folder."""
    kind = kind_of(path)
    if not kind:
        raise UserError(f"{path}: no such file or folder")
    if kind == DEVICE:
        raise UserError(f"{path}: {kind}, expected a file or a folder")
    return kind


@dataclass
class Listing:
    """The content of a folder, sorted: names of files and folders directly in it, and (name, reason) of all others."""

    files: list = field(default_factory=list)
    folders: list = field(default_factory=list)
    others: list = field(default_factory=list)

    def sort(self):
        for names in (self.files, self.folders, self.others):
            names.sort()
        return self


class Storage:
    """Common to all three. Names are relative to `path`, with forward slashes."""

    def files(self, at=""):
        """Names of the files directly in `at`, sorted, without hidden ones. Empty if `at` is not a folder."""
        return self.listing(at).files

    def folders(self, at=""):
        """Names of the folders directly in `at`, sorted, without hidden ones."""
        return self.listing(at).folders

    def read(self, name, most):
        """All bytes of a file. UserError, before it is read, if there are more than `most`."""
        size = self.size(name)
        if size > most:
            raise UserError(f"{self.where(name)}: {size:,} bytes, expected at most {most:,}")
        return self._bytes(name)


class Folder(Storage):
    """A folder on disk.

    on_disk: for names that the disk spells differently, its spelling; known once their folder has been listed
    ways: {folder: what `_way` returns}
    """

    def __init__(self, path):
        self.path = Path(path)
        self.name = self.path.absolute().name
        self.on_disk = {}
        self.ways = {}

    def listing(self, at=""):
        """The Listing of the folder `at`; empty if it is not a folder."""
        found, folder = Listing(), self._at(at)
        if not folder.is_dir():
            return found
        try:
            with os.scandir(folder) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as error:
            raise UserError(f"{folder}: cannot be listed: {error.strerror}") from None
        taken = {entry.name for entry in entries}
        for entry in entries:
            name = spelt(entry.name)
            if name != entry.name and name in taken:
                name = entry.name  # both spellings exist
            stored, full = posixpath.join(self.on_disk.get(at, at), entry.name), posixpath.join(at, name)
            if stored != full:
                self.on_disk[full] = stored
            self._put(found, at, name, entry)
        return found.sort()

    def _put(self, listing, at, name, entry):
        """Put an entry of the folder `at` where it belongs."""
        try:
            if not visible(name):
                listing.others.append((name, "hidden"))
            elif entry.is_file():
                listing.files.append(name)
            elif why := self._astray(self.on_disk.get(at, at), entry):
                listing.others.append((name, why))
            else:
                listing.folders.append(name)
        except OSError as error:  # a link into a circle, or to a folder that may not be looked into
            listing.others.append((name, reason(error)))

    def _astray(self, at, entry):
        """Why an entry, which is no file, is not entered from the folder `at`; "" if it is."""
        if not entry.is_dir():
            return "a link to nothing" if entry.is_symlink() else "neither a file nor a folder"
        if at.count("/") + 2 > MOST_LEVELS:
            return f"in {MOST_LEVELS} folders or more"
        if not entry.is_symlink():
            return ""
        links, above = self._way(at)
        if Path(entry.path).resolve() in above:
            return "a link to a folder above"
        return "behind too many links" if links == MOST_LINKS else ""

    def _way(self, at):
        """(how many links are on the way to a folder, the real folders on it and above it)."""
        if at not in self.ways:
            way = [self.path / folder for folder in accumulate(at.split("/"), posixpath.join) if folder]
            real = {folder.resolve() for folder in (self.path, *way)}
            self.ways[at] = sum(folder.is_symlink() for folder in way), real.union(*(one.parents for one in real))
        return self.ways[at]

    def _at(self, name):
        return self.path / self.on_disk.get(name, name)

    def has(self, name):
        """Whether there is a file of this name."""
        return self._at(name).is_file()

    def where(self, name):
        """The name of a file for messages."""
        return str(self._at(name))

    def below(self, folder):
        """The same storage seen from one of its folders."""
        return Folder(self._at(folder))

    def open(self, name):
        """Open a file for reading bytes."""
        with self._readable(name):
            return open_regular(self._at(name))

    def size(self, name):
        """The bytes in a file."""
        with self._readable(name):
            return self._at(name).stat().st_size

    def _bytes(self, name):
        with self._readable(name):
            return read_regular(self._at(name))

    @contextlib.contextmanager
    def _readable(self, name):
        try:
            yield
        except OSError as error:
            raise UserError(f"{self.where(name)}: cannot be read: {error.strerror}") from None

    def stored(self, names):
        """The names of files as `access` needs them."""
        return [self.on_disk.get(name, name) for name in names]

    def places(self, names):
        """The rows of numbers by which `access` finds the files; a folder's are empty."""
        return np.zeros((len(names), 0), np.int64)

    def access(self):
        """The small object with which a worker reads the files."""
        return FolderAccess(self.path)


def visible(name):
    """Whether a name counts: neither hidden nor the folder that macOS adds to its zips."""
    return not name.startswith(".") and name not in ("", "__MACOSX")

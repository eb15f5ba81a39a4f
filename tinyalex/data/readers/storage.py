"""One interface to a folder, a zip and a tar; nothing is ever unpacked.

All three have `files`, `folders`, `has`, `open`, `where` and `below`, described in Folder. Listing happens once, in the
main process; `access()` and `places(names)` give a worker what it needs to read the files.
"""

import contextlib
import io
import os
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np

from tinyalex.data.pictures import PictureError
from tinyalex.data.readers.access import FolderAccess, TarAccess, ZipAccess
from tinyalex.errors import UserError

TAR_ERRORS = (tarfile.TarError, EOFError, OSError, zlib.error)


def open_storage(path):
    """The Folder, Zip or Tar at `path`. Raises UserError if there is none or it is damaged."""
    path = Path(path)
    if path.is_dir():
        return Folder(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty")
    if path.suffix == ".zip":
        return Zip(path)
    if path.name.endswith((".tar", ".tar.gz", ".tgz")):
        return Tar(path)
    raise UserError(f"{path}: expected a folder, a .zip, a .tar or a .tar.gz")


class Folder:
    """A folder on disk. Names are relative to it, with forward slashes."""

    def __init__(self, path):
        self.path = Path(path)
        self.name = self.path.absolute().name

    def files(self, at=""):
        """Names of the files directly in `at`, sorted, without hidden ones. Empty if `at` is not a folder."""
        return self._list(at, lambda entry: entry.is_file())

    def folders(self, at=""):
        """Names of the folders directly in `at`, sorted, without hidden ones."""
        return self._list(at, lambda entry: entry.is_dir())

    def _list(self, at, wanted):
        folder = self.path / at
        if not folder.is_dir():
            return []
        try:
            with os.scandir(folder) as entries:
                return sorted(entry.name for entry in entries if _visible(entry.name) and wanted(entry))
        except OSError as error:
            raise UserError(f"{folder}: cannot be listed: {error.strerror}") from None

    def has(self, name):
        """Whether there is a file of this name."""
        return (self.path / name).is_file()

    def where(self, name):
        """The name of a file for messages."""
        return str(self.path / name)

    def below(self, folder):
        """The same storage seen from one of its folders."""
        return Folder(self.path / folder)

    def open(self, name):
        """Open a file for reading bytes."""
        try:
            return (self.path / name).open("rb")
        except OSError as error:
            raise UserError(f"{self.where(name)}: cannot be read: {error.strerror}") from None

    def places(self, names):
        """The rows of numbers by which `access` finds the files; a folder's are empty."""
        return np.zeros((len(names), 0), np.int64)

    def access(self):
        """The small object with which a worker reads the files."""
        return FolderAccess(self.path)


class _Archive:
    """Common to Zip and Tar: an index of the contents of each folder.

    members: full name -> its entry in the archive's library; prefix: the folder that names start from, "" or "…/"
    """

    def __init__(self, path, members, prefix=""):
        self.path, self.name, self.members, self.prefix = path, path.name, members, prefix
        self.tree = {}  # folder -> ({files}, {folders})
        for name in members:
            self._enter(name)

    def _enter(self, name):
        folder, _, base = name.rpartition("/")
        known = folder in self.tree
        self.tree.setdefault(folder, (set(), set()))[0].add(base)
        while folder and not known:  # enter the folders above into theirs, too
            parent, _, base = folder.rpartition("/")
            known = parent in self.tree
            self.tree.setdefault(parent, (set(), set()))[1].add(base)
            folder = parent

    def _list(self, at, which):
        entries = self.tree.get((self.prefix + at).rstrip("/"), ((), ()))[which]
        return sorted(name for name in entries if _visible(name))

    def files(self, at=""):
        return self._list(at, 0)

    def folders(self, at=""):
        return self._list(at, 1)

    def has(self, name):
        return self.prefix + name in self.members

    def where(self, name):
        return f"{self.path}: {self.prefix}{name}".rstrip(" :")

    def below(self, folder):
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, prefix=f"{self.prefix}{folder}/")
        return view

    def places(self, names):
        rows = [self._place(self.members[self.prefix + name]) for name in names]
        return np.array(rows, np.int64).reshape(len(names), -1)


class Zip(_Archive):
    """A zip with Folder's interface. Raises UserError if it is damaged, encrypted or oddly compressed."""

    def __init__(self, path):
        try:
            with zipfile.ZipFile(path) as archive:
                members = {info.filename: info for info in archive.infolist() if not info.is_dir()}
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise UserError(f"{path}: not a readable zip ({error}); was the download cut short?") from None
        super().__init__(path, members)

    def _place(self, info):
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            how = "is encrypted or compressed in an unusual way"
            raise UserError(f"{self.path}: {info.filename} {how}; unpack it first")
        return info.header_offset, info.compress_size, info.file_size, info.compress_type, info.CRC

    def access(self):
        return ZipAccess(self.path)

    def open(self, name):
        """Open a member for reading bytes; it is read whole, since text files and labels are small."""
        try:
            with self.access().opened() as read:
                return io.BytesIO(read(name, self.places([name])[0]))
        except PictureError as error:
            raise UserError(f"{self.where(name)}: {error}") from None


class Tar(_Archive):
    """A tar, perhaps gzipped, with Folder's interface; only an uncompressed one has places."""

    def __init__(self, path):
        self.compressed = not path.name.endswith(".tar")
        members = {member.name.removeprefix("./"): member for member in tar_members(path)}
        super().__init__(path, members)

    def _place(self, member):
        if self.compressed:
            raise UserError(f"{self.path}: pictures are not read out of a compressed tar; unpack it first")
        return member.offset_data, member.size

    def access(self):
        return TarAccess(self.path)

    def open(self, name):
        """Open a member for reading bytes; it is read whole."""
        try:
            with tarfile.open(self.path) as archive:
                return io.BytesIO(archive.extractfile(self.members[self.prefix + name]).read())
        except TAR_ERRORS:
            raise UserError(f"{self.where(name)}: cannot be read; the archive is damaged") from None


def tar_members(path, offset=0):
    """The files in the tar that begins at byte `offset` of a file, as TarInfo. Raises UserError if it is damaged.

    The standard library takes an unreadable header for the end; a complete tar ends with a block of zeros.
    """
    with contextlib.suppress(*TAR_ERRORS), path.open("rb") as file:
        file.seek(offset)
        with tarfile.open(fileobj=file) as archive:
            members = [member for member in archive if member.isfile()]
            archive.fileobj.seek(archive.offset)
            if archive.fileobj.read(512) == bytes(512):
                return members
    where = f" at byte {offset:,}" if offset else ""
    raise UserError(f"{path}: not a readable tar{where}; was the download cut short?")


def _visible(name):
    """Whether a name counts: neither hidden nor the folder that macOS adds to its zips."""
    return not name.startswith(".") and name not in ("", "__MACOSX")

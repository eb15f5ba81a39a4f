"""One interface to a folder, a zip and a tar; nothing is ever unpacked.

All three have the methods of Folder (folder.py). Listing happens once, in the main process; `access()`, `stored(names)`
and `places(names)` give a worker what it needs to read the files. Names are in one spelling, see `spelt`, whatever the
disk or the archive has.
"""

import contextlib
import io
import posixpath
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np

from tinyalex.data.pictures import PictureError
from tinyalex.data.readers.access import TarAccess, ZipAccess
from tinyalex.data.readers.folder import Folder, Listing, Storage, spelt, visible
from tinyalex.errors import UserError

UTF_8 = 0x800  # the mark on a zip's member whose name is in UTF-8
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


class _Archive(Storage):
    """Common to Zip and Tar: an index of the contents of each folder.

    members: full name -> its entry in the archive's library; prefix: the folder that names start from, "" or "…/"
    links: full names of links, which are not followed
    """

    def __init__(self, path, members, prefix="", links=()):
        self.path, self.name, self.prefix = path, path.name, prefix
        self.members = _in_one_spelling({_inside(name): member for name, member in members.items()})
        self.tree = {}  # folder -> Listing
        for name in self.members:
            self._folder_of(name).files.append(posixpath.basename(name))
        for name in map(spelt, map(_inside, links)):
            self._folder_of(name).others.append((posixpath.basename(name), "a link inside the archive"))
        for listing in self.tree.values():
            _hide(listing)

    def _folder_of(self, name):
        """The Listing of the folder that a name is in, which is entered into the folders above."""
        folder = posixpath.dirname(name)
        if folder not in self.tree:
            self.tree[folder] = Listing()
            if folder:
                self._folder_of(folder).folders.append(posixpath.basename(folder))
        return self.tree[folder]

    def listing(self, at=""):
        return self.tree.get((self.prefix + at).rstrip("/"), Listing())

    def has(self, name):
        return self.prefix + name in self.members

    def where(self, name):
        return f"{self.path}: {self.prefix}{name}".rstrip(" :")

    def below(self, folder):
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, prefix=f"{self.prefix}{folder}/")
        return view

    def stored(self, names):
        return names

    def places(self, names):
        rows = [self._place(self.members[self.prefix + name]) for name in names]
        return np.array(rows, np.int64).reshape(len(names), -1)


class Zip(_Archive):
    """A zip with Folder's interface. Raises UserError if it is damaged, encrypted or oddly compressed."""

    def __init__(self, path):
        try:
            with zipfile.ZipFile(path) as archive:
                infos = archive.infolist()
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise UserError(f"{path}: not a readable zip ({error}); was the download cut short?") from None
        names = [_decoded(info) for info in infos]
        if not any("/" in name for name in names):  # some programs for Windows write backslashes
            names = [name.replace("\\", "/") for name in names]
        members = {name: info for name, info in zip(names, infos, strict=True) if not name.endswith("/")}
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

    def stream(self, name):
        """(a file that unpacks a member of any size as it is read, its size in bytes once unpacked)."""
        info = self.members[self.prefix + name]
        self._place(info)
        return zipfile.ZipFile(self.path).open(info), info.file_size


class Tar(_Archive):
    """A tar, perhaps gzipped, with Folder's interface; only an uncompressed one has places."""

    def __init__(self, path):
        self.compressed = not path.name.endswith(".tar")
        everything = tar_members(path, links=True)
        members = {member.name: member for member in everything if member.isfile()}
        super().__init__(path, members, links=[member.name for member in everything if not member.isfile()])

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


def tar_members(path, offset=0, links=False):
    """The files in the tar that begins at byte `offset` of a file, as TarInfo; `links`: the links, too.

    Raises UserError if the tar is damaged.

    The standard library takes an unreadable header for the end; a complete tar ends with a block of zeros.
    """
    with contextlib.suppress(*TAR_ERRORS), path.open("rb") as file:
        file.seek(offset)
        with tarfile.open(fileobj=file) as archive:
            members = [m for m in archive if m.isfile() or (links and (m.issym() or m.islnk()))]
            archive.fileobj.seek(archive.offset)
            if archive.fileobj.read(512) == bytes(512):
                return members
    where = f" at byte {offset:,}" if offset else ""
    raise UserError(f"{path}: not a readable tar{where}; was the download cut short?")


def _hide(listing):
    """Move hidden files and folders to the others, and sort."""
    for names in (listing.files, listing.folders):
        listing.others += [(name, "hidden") for name in names if not visible(name)]
        names[:] = filter(visible, names)
    listing.sort()


def _inside(name):
    """A member's name without "./" and "/" at its beginning."""
    return posixpath.normpath(name).lstrip("/")


def _in_one_spelling(members):
    """Members by name in the one spelling, unless another member has that name."""
    return {name if spelt(name) in members else spelt(name): member for name, member in members.items()}


def _decoded(info):
    """A member's name. Without the mark for UTF-8 a zip's names count as code page 437, but macOS writes UTF-8."""
    if info.flag_bits & UTF_8 or info.filename.isascii():
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename

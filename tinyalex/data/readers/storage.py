"""One interface to a folder, a zip and a tar; nothing is ever unpacked.

All three have the methods of Folder (folder.py). Listing happens once, in the main process; `access()`, `stored(names)`
and `places(names)` give a worker what it needs to read the files. Names are in one spelling, see `spelt`, whatever the
disk or the archive has.
"""

import io
import os
import posixpath
import zipfile
from pathlib import Path

import numpy as np

from tinyalex.data.pictures import PictureError
from tinyalex.data.readers.access import TarAccess, ZipAccess
from tinyalex.data.readers.folder import MOST_LEVELS, Folder, Listing, Storage, expect_source, spelt, visible
from tinyalex.data.readers.tars import DAMAGE, is_gzip, tar_members, unpacked
from tinyalex.errors import UserError
from tinyalex.files import open_regular, reason

UTF_8 = 0x800  # the mark on a zip's member whose name is in UTF-8
MOST_AT_ONCE = 3 * 2**29  # bytes of a batch of pictures; the largest published one, ImageNet64's, has 1.47 GiB
MOST_LETTERS = 1024  # in the name of a member
MOST_PACKED = 1032  # bytes that one byte can unpack to, in a zip


def open_storage(path):
    """The Folder, Zip or Tar at `path`. Raises UserError if there is none or it is damaged."""
    path = Path(path)
    if expect_source(path) == "a folder":
        return Folder(path)
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
        for name in (*members, *links):
            if len(name) > MOST_LETTERS or name.count("/") > MOST_LEVELS:
                found = f"a name of {len(name):,} letters in {name.count('/'):,} folders: '{name[:40]}…'"
                raise UserError(f"{path}: {found}; expected at most {MOST_LETTERS:,} in {MOST_LEVELS}")
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

    def _entry(self, name):
        return self.members[self.prefix + name]

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
        rows = [self._place(self._entry(name)) for name in names]
        return np.array(rows, np.int64).reshape(len(names), -1)


class Zip(_Archive):
    """A zip with Folder's interface. Raises UserError if it is damaged, encrypted or oddly compressed."""

    def __init__(self, path):
        infos = _directory(path)
        # some programs for Windows write backslashes, perhaps in some of the names only
        names = [_decoded(info).replace("\\", "/") for info in infos]
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
        """Open a member, of any length, for reading bytes, which are unpacked as they are read."""
        self._place(self._entry(name))
        try:
            return io.BufferedReader(zipfile.ZipFile(self.path).open(self._entry(name)))
        except Exception as error:  # as above
            raise UserError(f"{self.where(name)}: cannot be read ({reason(error)})") from None

    def size(self, name):
        return self._entry(name).file_size

    def _bytes(self, name):
        try:
            with self.access().opened() as read:
                return read(name, self._place(self._entry(name)))
        except PictureError as error:
            raise UserError(f"{self.where(name)}: {error}") from None


class Tar(_Archive):
    """A tar, perhaps gzipped, with Folder's interface; only one that is not has places."""

    def __init__(self, path):
        self.gzipped = is_gzip(path)
        everything = tar_members(path, self.gzipped)
        members = {member.name: member for member in everything if not member.is_link}
        super().__init__(path, members, links=[member.name for member in everything if member.is_link])

    def _place(self, member):
        if self.gzipped:
            raise UserError(f"{self.path}: pictures are not read out of a compressed tar; unpack it first")
        return member.offset, member.size

    def access(self):
        return TarAccess(self.path)

    def open(self, name):
        """Open a member, of at most MOST_AT_ONCE bytes, for reading bytes; it is read whole."""
        return io.BytesIO(self.read(name, MOST_AT_ONCE))

    def size(self, name):
        return self._entry(name).size

    def _bytes(self, name):
        try:
            with unpacked(self.path, self.gzipped) as file:
                file.seek(self._entry(name).offset)
                return file.read(self.size(name))
        except DAMAGE:
            raise UserError(f"{self.where(name)}: cannot be read; the archive is damaged") from None


def _directory(path):
    """The ZipInfos of a zip, all of whose members lie in the file. Raises UserError if it is damaged."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            infos, length = archive.infolist(), os.fstat(file.fileno()).st_size
    except Exception as error:  # zipfile raises nearly anything on damaged files
        raise UserError(f"{path}: not a readable zip ({reason(error)}); was the download cut short?") from None
    for info in infos:
        if not 0 <= info.header_offset <= length - info.compress_size or info.file_size > MOST_PACKED * length:
            why = f"{info.filename[:MOST_LETTERS]} does not fit into the file"
            raise UserError(f"{path}: not a readable zip ({why}); was the download cut short?")
    return infos


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

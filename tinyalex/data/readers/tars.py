"""List a tar by its headers, each judged before what it says is believed; Python's own library believes all of them.

A member is a header of 512 bytes and its content, padded to 512; a header of zeros ends the tar. A header has the name
from byte 0, the size from 124, the sum of all bytes from 148, the type at 156, and in POSIX's form the beginning of the
name from 345. A long name is the content of a member before, of type L (GNU) or x (POSIX: "LENGTH path=NAME").
"""

import contextlib
import gzip
import zlib
from typing import NamedTuple

from tinyalex.errors import UserError
from tinyalex.files import open_regular, reason

BLOCK = 512
LINKS, EMPTY, SPARSE = (b"1", b"2"), (b"3", b"4", b"5", b"6"), b"S"  # types; EMPTY: devices and folders
GNU_NAME, TEXTS, NOT_USED = b"L", (b"L", b"x", b"X"), (b"K", b"g")  # NOT_USED: a link's target, texts for all members
MOST_TEXT = 2**20  # bytes of a long name, or of POSIX's texts


def most_unpacked(length):
    """The most bytes in a gzipped tar, and in its headers with names, of a file of this length.

    Pictures pack badly. Zeros pack to a thousandth, and would fill memory with headers.
    """
    return 2**30 + 4 * length, 2**26 + length // 8


DAMAGE = (ValueError, EOFError, OSError, zlib.error)


class Member(NamedTuple):
    """A file or a link in a tar; offset: of its content in the unpacked tar;  size: in bytes."""

    name: str
    offset: int
    size: int
    is_link: bool


class _TooMuch(ValueError):
    """A tar goes on behind the end that it may have."""


class _Sparse(ValueError):
    """A file whose zeros are left out of the tar."""


def tar_members(path, gzipped=False, offset=0, end=None):
    """The Members of the tar that begins at byte `offset` of a file.

    end: where it ends at the latest; None: with the file
    Raises UserError if the tar is damaged or holds sparse files, or if a gzipped one is too long.
    """
    most = most_unpacked(path.stat().st_size)
    try:
        with unpacked(path, gzipped) as file:
            if gzipped:
                return list(_members(file, 0, *most))
            end = file.seek(0, 2) if end is None else end
            return list(_members(file, offset, end, end))
    except DAMAGE as error:
        where = f" at byte {offset:,}" if offset else ""
        why = f"not a readable tar{where}; was the download cut short?"
        if isinstance(error, _TooMuch) and gzipped:
            why = f"has more than {most[0]:,} bytes once unpacked, or too many files; unpack it first"
        elif isinstance(error, _Sparse):
            why = "holds sparse files, which are not read; unpack it first"
        raise UserError(f"{path}: {why}") from None


def is_gzip(path):
    """Whether a file begins as gzip's do. UserError if it cannot be read."""
    try:
        with open_regular(path) as file:
            return file.read(2) == b"\x1f\x8b"
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({reason(error)})") from None


@contextlib.contextmanager
def unpacked(path, gzipped):
    """The bytes of a tar, open for reading."""
    with open_regular(path) as file:
        yield gzip.GzipFile(fileobj=file) if gzipped else file


def _members(file, at, end, budget):
    """Yield the Members of the tar at byte `at`. budget: the most bytes of headers. Raises one of DAMAGE."""
    name = size = None  # of the next member, if other than in its header
    while (header := _read(file, at, BLOCK)) != bytes(BLOCK):
        kind, length = header[156:157], _number(header[124:136])
        if _number(header[148:156]) != sum(header) - sum(header[148:156]) + 8 * ord(" "):
            raise ValueError("a wrong sum")
        at, budget = at + BLOCK, budget - BLOCK
        if kind in TEXTS:
            text, budget = _read(file, at, length), budget - length
            name, size = (text.split(b"\0")[0], size) if kind == GNU_NAME else _from_texts(text, name, size)
        elif kind == SPARSE:
            raise _Sparse
        elif kind not in NOT_USED:
            full = (name or _name(header)).decode("utf-8", "surrogateescape")
            length = 0 if kind in LINKS + EMPTY else length if size is None else size
            if kind not in EMPTY and not full.endswith("/"):
                yield Member(full, at, length, kind in LINKS)
            name = size = None
        if length < 0:
            raise ValueError("a negative size")
        at += length + -length % BLOCK
        if at > end or budget < 0:
            raise _TooMuch


def _read(file, at, count):
    """`count` bytes from byte `at` on."""
    if not 0 <= count <= MOST_TEXT:
        raise ValueError("a length that no name has")
    file.seek(at)
    data = file.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _name(header):
    """The name in a header, with its beginning."""
    name, start = (header[a:b].split(b"\0")[0] for a, b in ((0, 100), (345, 500)))
    return start + b"/" + name if start and header[257:263] == b"ustar\0" else name


def _number(field):
    """Octal digits; or, after a byte of 0x80, the bytes of a number."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    return int(field.split(b"\0")[0].strip() or b"0", 8)


def _from_texts(text, name, size):
    """The name and the size in POSIX's texts, rows of "LENGTH KEY=VALUE\\n", or those given."""
    at, text = 0, text.rstrip(b"\0")
    while at < len(text):
        space = text.index(b" ", at)
        end = at + int(text[at:space])
        if end <= space:
            raise ValueError("a length shorter than itself")
        key, _, value = text[space + 1 : end - 1].partition(b"=")
        if key.startswith(b"GNU.sparse."):
            raise _Sparse
        name, size, at = value if key == b"path" else name, int(value) if key == b"size" else size, end
    return name, size

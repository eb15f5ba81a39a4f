"""Files that are written whole or not at all, and words for why one could not be."""

import errno
import os
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from tinyalex.errors import UserError

SOFTWARE = {"Software": "tinyalex"}  # what a PNG of ours says of itself
PNG_MARK = b"Software\0tinyalex"
HEAD = 4096  # bytes
DEVICE = "a device or a pipe"


class replacing:
    """`with replacing(path) as beside:` write to `beside`; it becomes `path` at the end, or vanishes after an error.

    At every moment `path` holds the old file or the new one, whole. UserError if it cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = target(path)
        self.place = behind(self.path)
        self.beside = self.place.with_name(f".{self.place.name}.{os.getpid()}.part")

    def __enter__(self) -> Path:
        return self.beside

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        try:
            if kind is None:
                with open(self.beside, "rb+") as file:
                    os.fsync(file.fileno())  # the bytes must reach the disk before the rename does
                os.chmod(self.beside, 0o666 & ~umask())  # some writers make files that only their owner can read
                os.replace(self.beside, self.place)
        except OSError as failed:
            error = failed
        finally:  # after Ctrl-C too
            with suppress(OSError):
                self.beside.unlink(missing_ok=True)
        if isinstance(error, OSError) or error and is_disk_full(error):
            raise UserError(f"{self.path}: cannot be written ({reason(error)}); what was there is kept") from error


def half_written(folder: Path) -> list[Path]:
    """The files that a killed process was writing in a folder with `replacing`."""
    return list(folder.glob(".*.part"))


def target(path: str | Path) -> Path:
    """The path that will really be written: without "nosuch/..", which the system finds only once nosuch is there."""
    path = Path(path)
    if ".." not in path.parts or path.exists():
        return path
    return path.resolve() if path.is_absolute() else Path(os.path.relpath(path.resolve()))


def behind(path: Path) -> Path:
    """The place that a link leads to, for a path that is replaced, so that the link stays; any other path as it is."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def check_picture(path: str | Path, argument: str = "") -> None:
    """`check_file` for a PNG."""
    check_file(path, ".png", PNG_MARK, argument)


def check_file(path: str | Path, ending: str, mark: bytes, argument: str = "") -> None:
    """UserError unless a file can be written at `path`, found by trying, and hides no other's work.

    ending: of its name;  mark: what every such file of ours has in its first HEAD bytes; only those are replaced
    argument: what the path was given as
    """
    path = target(path)
    with _writing(path, argument):
        if path.is_dir():
            raise UserError(f"{path} is a folder, expected the name of a file to write", argument)
        if path.suffix.lower() != ending:
            raise UserError(f"found {path}, expected a name that ends in {ending}", argument)
        if not path.parent.is_dir():
            raise UserError(f"{path} cannot be written, expected a file in an existing folder", argument)
        if path.exists() and not (path.is_file() and mark in _head(path)):
            raise UserError(f"{path} exists and was not written by tinyalex, expected another name", argument)
        beside = replacing(path).beside
        beside.touch()
        beside.unlink()


def _head(path):
    with open(path, "rb") as file:
        return file.read(HEAD)


def check_folder(path: str | Path, argument: str = "") -> None:
    """UserError unless files can be written in a folder at `path`, which may have to be made."""
    path = target(path)
    with _writing(path, argument):
        there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        if not there.is_dir():
            inside = "" if there == path else f"{path} cannot be made: "
            raise UserError(f"{inside}{there} is a file, expected a folder", argument)
        _try(there)


def _try(folder):
    """Make a folder and remove it: permissions alone do not tell, as on a read-only disk or under /proc."""
    os.rmdir(tempfile.mkdtemp(prefix=".", dir=folder))


@contextmanager
def _writing(path, argument):
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be written ({reason(error)})", argument) from error


def write_text(path: str | Path, text: str) -> None:
    """Write a text file whole or not at all. UserError if it cannot be written."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8", errors="backslashreplace")  # as JSON escapes bytes of file names


def open_regular(path: str | Path, limit: int | None = None) -> BinaryIO:
    """Open an ordinary file for reading bytes. OSError, as of `open`, for a folder, a device, a pipe or no file's name.

    limit: the most bytes that the file may have; OSError for a larger one
    """
    try:
        file = open(path, "rb", opener=_without_waiting)
    except ValueError:  # a NUL in it, or half of a letter
        raise OSError(errno.EINVAL, "no name that a file can have", os.fspath(path)) from None
    about = os.fstat(file.fileno())
    if not stat.S_ISREG(about.st_mode):
        why = errno.EINVAL, f"{DEVICE}, expected a file"
    elif limit is not None and about.st_size > limit:
        why = errno.EFBIG, f"{about.st_size:,} bytes, expected at most {limit:,}"
    else:
        return file
    file.close()
    raise OSError(*why, os.fspath(path))


def read_regular(path: str | Path, limit: int | None = None) -> bytes:
    """The bytes of an ordinary file, at most `limit`. OSError as of `open_regular`."""
    with open_regular(path, limit) as file:
        return file.read(os.fstat(file.fileno()).st_size)  # no more, even if it grows


def _without_waiting(path, flags):
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # or a pipe is opened once somebody writes to it


def kind_of(path: str | Path) -> str:
    """The kind of thing at `path`: "a file", "a folder", "a device or a pipe"; "" for nothing. OSError as of `stat`."""
    path = Path(path)
    if path.is_dir():
        return "a folder"
    return "a file" if path.is_file() else DEVICE if path.exists() else ""


def umask() -> int:
    """The process's mask for new files, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def is_disk_full(error: BaseException) -> bool:
    """Whether an exception, of the system or of a library that passes its words on, means that the disk is full."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)


def reason(error: BaseException) -> str:
    """Why a file could not be read or written, in words for people."""
    if is_disk_full(error):
        return "the disk is full"
    return getattr(error, "strerror", None) or str(error).partition("\n")[0] or type(error).__name__


def as_user_error(error: BaseException) -> UserError | None:
    """The UserError for a file or folder that the system refuses; None for any other exception."""
    if not isinstance(error, OSError) or error.filename is None:
        return None
    return UserError(f"{os.fsdecode(error.filename)}: cannot be used ({reason(error)})")

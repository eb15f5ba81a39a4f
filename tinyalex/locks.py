"""Two processes never write the same thing: the second is told who is writing it.

The operating system holds a lock on a small file, and frees it when the process ends, however it ends: no lock is ever
stale. Process numbers would decide wrongly in containers, which share them, and on clusters, where the other machine
cannot be asked; they are in the file for the message alone. NFS passes such locks on to its server.
"""

import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tinyalex.errors import UserError
from tinyalex.files import reason
from tinyalex.terminal import say

LOCK = ".lock"  # its name in a folder that is locked from inside
PATIENCE = 0.1  # seconds: another process may be asking `holder`, which takes the lock for an instant

_held: dict[Path, int] = {}  # how often this process holds each lock


class Busy(UserError):
    """Another process is writing this."""


@contextmanager
def locked(file: str | Path, what: str | Path) -> Iterator[None]:
    """Hold the lock `file` during the block; within one process, blocks may be nested. what: what it protects

    `Busy` if another process holds it, UserError if the file cannot be made.
    """
    file = Path(file).resolve()
    handle = None if file in _held else _taken(file, what)
    _held[file] = _held.get(file, 0) + 1
    try:
        yield
    finally:
        _held[file] -= 1
        if not _held[file]:
            del _held[file]
        if handle is not None:
            with suppress(OSError):  # Windows deletes no open file
                file.unlink()
            handle.close()


def holder(file: str | Path) -> str:
    """Which other process holds the lock `file`, such as "process 7 on host since …"; "" if none does."""
    file = Path(file).resolve()
    if file in _held:
        return ""
    try:
        with open(file, "r+", encoding="utf-8") as handle:
            try:
                _lock(handle)
            except BlockingIOError:
                return _signature(handle)
    except OSError:  # there is no such file, or no lock on this file system
        pass
    return ""


def refuse_busy(file: str | Path, what: str | Path) -> None:
    """`Busy` if another process holds the lock `file`. what: what it protects"""
    if who := holder(file):
        raise _busy(what, who)


def _busy(what, who):
    return Busy(f"{what}: is being written by {who}; wait for it or stop it")


def _taken(file, what):
    """The lock's open file."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            handle = open(file, "a+", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{what}: cannot be written ({reason(error)})") from error
        try:
            _lock(handle)
            if not _is_at(handle, file):  # its last holder has just deleted it
                handle.close()
                continue
        except BlockingIOError:
            with handle:
                if time.monotonic() < until:
                    time.sleep(PATIENCE / 10)
                    continue
                raise _busy(what, _signature(handle)) from None
        except OSError as error:
            say(f"{what}: no lock on this file system ({reason(error)}), so let no other process write there")
        _sign(handle)
        return handle


def _is_at(handle, file):
    """Whether the open file is still the one with this name."""
    try:
        return os.path.samestat(os.fstat(handle.fileno()), file.stat())
    except FileNotFoundError:
        return False


if os.name == "nt":
    import msvcrt

    def _lock(handle):
        """Lock an open file far behind its text, which stays readable. BlockingIOError if another process has."""
        handle.seek(1 << 30)
        try:
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from None
else:
    import fcntl

    def _lock(handle):
        """Lock an open file. BlockingIOError if another process has."""
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sign(handle):
    """Write down who holds the lock."""
    with suppress(OSError):  # on a full disk too
        handle.truncate(0)
        handle.write(f"process {os.getpid()} on {platform.node()} since {time.strftime('%Y-%m-%d %H:%M:%S')}")
        handle.flush()


def _signature(handle):
    """Who holds a lock, from its open file."""
    with suppress(OSError, ValueError):
        handle.seek(0)
        if text := " ".join(handle.read(200).split()):
            return text
    return "another process"


@contextmanager
def scratch(path: str | Path) -> Iterator[Path]:
    """An empty folder beside `path` to write in, for the caller to rename to `path` once it is whole.

    Whatever is left of it at the end is removed, with the folders made to hold it; so is what a killed process left.
    `Busy` if another process is writing `path`.
    """
    place = Path(path).resolve()  # a link stays a link
    made = [one for one in place.parents if not one.exists()]
    folder = place.with_name(f".{place.name}.partial")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with locked(place.with_name(f".{place.name}{LOCK}"), path):
            try:
                if folder.exists():
                    shutil.rmtree(folder)
                folder.mkdir()
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        remove_if_empty(made)


def remove_if_empty(folders: list[Path]) -> None:
    """Remove folders that were made for something that did not come, innermost first."""
    with suppress(OSError):  # something is in it
        for folder in folders:
            folder.rmdir()

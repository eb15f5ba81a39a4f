"""Write a folder whole or not at all; the only folder it replaces is an earlier one of the same command."""

import contextlib
import json
import os
import shutil
from pathlib import Path

from tinyalex.errors import UserError
from tinyalex.files import check_folder, target
from tinyalex.locks import scratch
from tinyalex.schema import each, read_json, record, text

INSPECT = "inspect"


def default_out(run: str | Path, command: str = INSPECT) -> Path:
    """The folder that a command writes for a run folder or a checkpoint, unless told otherwise."""
    run = Path(run)
    return run / command if run.is_dir() else run.with_name(f"{run.stem}-{command}")


def check_out(out, command=INSPECT):
    """UserError if `out` cannot be made, is a file, or a folder with anything in it that the command did not write."""
    out = target(out)
    if not out.exists() and not out.is_symlink():
        check_folder(out, "out")
        return
    if not out.is_dir():
        raise UserError(f"{out} is not a folder, expected a new or empty folder", "out")
    try:
        inside = {file.name for file in out.iterdir()}
        listed = (
            read_json(out / list_of(command), record({_key(command): each(text())}))[_key(command)] if inside else ()
        )
        ours = inside <= set(listed)
    except (OSError, UserError):
        ours = False
    if not ours:
        raise UserError(
            f"{out} contains files that tinyalex {command} did not write, expected a new or empty folder", "out"
        )


@contextlib.contextmanager
def written(out, command=INSPECT):
    """A folder beside `out` to write in; it becomes `out` at the end, or is removed after an error or Ctrl-C."""
    check_out(out, command)
    try:
        with scratch(out) as folder:
            yield folder
            names = sorted([list_of(command), *(file.name for file in folder.iterdir())])
            (folder / list_of(command)).write_text(
                json.dumps({_key(command): names}, indent=1) + "\n", encoding="utf-8"
            )
            check_out(out, command)  # again: much time has passed
            _take_place(folder, Path(out).resolve())  # a link stays a link
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error.strerror or error})", "out") from error


def list_of(command):
    """The name of the file that lists the folder's files."""
    return f"{command}.json"


def _key(command):
    return f"tinyalex {command}"


def _take_place(folder, place):
    """Rename `folder` to `place`; a folder already there is removed, or restored if that fails."""
    old = place.with_name(f".{place.name}.old")
    if old.exists():  # from a process that was killed
        shutil.rmtree(old)
    if not place.is_dir():
        os.rename(folder, place)
        return
    os.rename(place, old)
    try:
        os.rename(folder, place)
    except BaseException:
        os.rename(old, place)
        raise
    shutil.rmtree(old, ignore_errors=True)

"""Write a folder whole or not at all; the only folder it replaces is an earlier inspection page."""

import contextlib
import json
import os
import shutil
from pathlib import Path

from tinyalex.errors import UserError
from tinyalex.files import check_folder, target
from tinyalex.locks import scratch
from tinyalex.schema import each, read_json, record, text

LIST = "inspect.json"  # lists the page's files
PAGE = record({"tinyalex inspect": each(text())})


def check_out(out):
    """UserError if `out` cannot be made, is a file, or a folder with anything but an inspection page in it."""
    out = target(out)
    if not out.exists() and not out.is_symlink():
        check_folder(out, "out")
        return
    if not out.is_dir():
        raise UserError(f"{out} is not a folder, expected a new or empty folder", "out")
    try:
        inside = {file.name for file in out.iterdir()}
        listed = read_json(out / LIST, PAGE)["tinyalex inspect"] if inside else ()
        ours = inside <= set(listed)
    except (OSError, UserError):
        ours = False
    if not ours:
        raise UserError(f"{out} contains files that are not an inspection page, expected a new or empty folder", "out")


@contextlib.contextmanager
def written(out):
    """A folder beside `out` to write in; it becomes `out` at the end, or is removed after an error or Ctrl-C."""
    check_out(out)
    try:
        with scratch(out) as folder:
            yield folder
            names = sorted([LIST, *(file.name for file in folder.iterdir())])
            (folder / LIST).write_text(json.dumps({"tinyalex inspect": names}, indent=1) + "\n", encoding="utf-8")
            check_out(out)  # again: much time has passed
            _take_place(folder, Path(out).resolve())  # a link stays a link
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error.strerror or error})", "out") from error


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

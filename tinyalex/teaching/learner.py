"""The learner's progress on disk: which checks have passed."""

import errno
import json
import os
import time
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from itertools import count
from pathlib import Path

from tinyalex.errors import UserError
from tinyalex.files import reason, write_text
from tinyalex.locks import LOCK, Busy, locked
from tinyalex.schema import Misfit, one_of, read_json, record, table
from tinyalex.teaching import lessons
from tinyalex.terminal import say

STATES = table(one_of("right", "not yet"))
PROGRESS = "TINYALEX_PROGRESS"  # environment variable that names another file
PATIENCE = 5.0  # seconds


def progress():
    """{exercise: "right" or "not yet"} so far; empty if the file is missing or, which is said, not one of ours."""
    return _read() or {}


def remember(name, state):
    """Save the state of an exercise after a check, or say on stderr why not. Once right, it stays right."""
    found, file = _read(), _file()
    if state == "not done yet" or found and found.get(name) in ("right", state):
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _alone(file):
            found = _read()  # again: another process may have written it meanwhile
            if found and found.get(name) == "right":
                return
            if found is None:
                os.replace(file, _set_aside(file))
            write_text(file, json.dumps((found or {}) | {name: state}, indent=1) + "\n")
    except (OSError, UserError) as error:  # a lesson works where nothing can be written, too
        _say_not_kept(file, reason(error.__cause__ or error))


@contextmanager
def _alone(file):
    """Hold the lock of the file, which the checks of other lessons hold for an instant. `Busy` after PATIENCE."""
    end = time.monotonic() + PATIENCE
    while True:
        with suppress(Busy) if time.monotonic() < end else nullcontext(), locked(f"{file}{LOCK}", file):
            yield
            return
        time.sleep(0.01)


def _read():
    """The states kept so far, without entries that are none; None if their file is damaged as a whole."""
    file = _file()
    if file.is_dir():
        _say_not_kept(file, os.strerror(errno.EISDIR))
    if not file.is_file():
        return {}
    try:
        found = read_json(file, record())
    except UserError as error:
        _say_once(f"{error}. Progress begins anew; the damaged file is kept as {_set_aside(file).name}.")
        return None
    states, misfits = {}, []
    for name, state in found.items():
        try:
            STATES.check({name: state})
            states[name] = state
        except Misfit as misfit:
            misfits.append(misfit)
    if misfits:
        _say_once(f"{file}: {misfits[0]}. Entries left out: {len(misfits):,}; kept: {len(states):,}.")
    return states


def _set_aside(file):
    """Where a damaged file goes: a name that no earlier one has."""
    names = (f"{file.name}.damaged{f'-{n}' if n > 1 else ''}" for n in count(1))
    return next(place for name in names if not (place := file.with_name(name)).exists())


def _say_not_kept(file, why):
    _say_once(f"Progress is not kept: {file} cannot be written ({why}).")


@cache
def _say_once(text):
    say(text)


def _file():
    named = os.environ.get(PROGRESS)
    place = lessons.own_place()
    own = lessons.FOLDER if place == lessons.FOLDER.parent else place
    return Path(named) if named else own / ".progress.json"

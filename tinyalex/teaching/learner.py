"""The learner's progress on disk: which checks have passed."""

import json
import os
from functools import cache
from pathlib import Path

from tinyalex.errors import UserError
from tinyalex.files import reason, write_text
from tinyalex.schema import one_of, read_json, table
from tinyalex.teaching import lessons
from tinyalex.terminal import say

STATES = table(one_of("right", "not yet"))
PROGRESS = "TINYALEX_PROGRESS"  # environment variable that names another file


def progress():
    """{exercise: "right" or "not yet"} so far; empty if the file is missing or, which is said, damaged."""
    return _read() or {}


def remember(name, state):
    """Save the state of an exercise after a check, or say on stderr why not. Once right, it stays right."""
    found, file = _read(), _file()
    if state == "not done yet" or found and found.get(name) in ("right", state):
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if found is None:
            os.replace(file, _set_aside(file))
        write_text(file, json.dumps((found or {}) | {name: state}, indent=1) + "\n")
    except (OSError, UserError) as error:  # a lesson works where nothing can be written, too
        cause = error.__cause__ if isinstance(error, UserError) else error
        _say_once(f"Progress is not kept: {file} cannot be written ({reason(cause or error)}).")


def _read():
    """The states kept so far; None if their file is damaged."""
    file = _file()
    try:
        return read_json(file, STATES)
    except UserError as error:
        if not file.is_file():
            return {}
        _say_once(f"{error}. Progress begins anew; the damaged file is kept as {_set_aside(file).name}.")
        return None


def _set_aside(file):
    return file.with_name(f"{file.name}.damaged")


@cache
def _say_once(text):
    say(text)


def _file():
    named = os.environ.get(PROGRESS)
    place = lessons.own_place()
    own = lessons.FOLDER if place == lessons.FOLDER.parent else place
    return Path(named) if named else own / ".progress.json"

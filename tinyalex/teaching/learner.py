"""The learner's progress on disk: which checks have passed."""

import json
import os
from functools import cache
from pathlib import Path

from tinyalex.errors import UserError
from tinyalex.files import reason, write_text
from tinyalex.teaching import lessons
from tinyalex.terminal import say

PROGRESS = "TINYALEX_PROGRESS"  # environment variable that names another file


def progress():
    """{exercise: "right" or "not yet"} so far; empty if the file is missing or unreadable."""
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def remember(name, state):
    """Save the state of an exercise after a check, or say on stderr why not. Once right, it stays right."""
    found = progress()
    if state == "not done yet" or found.get(name) in ("right", state):
        return
    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(found | {name: state}, indent=1) + "\n")
    except (OSError, UserError) as error:  # a lesson works where nothing can be written, too
        cause = error.__cause__ if isinstance(error, UserError) else error
        _say_once(f"Progress is not kept: {file} cannot be written ({reason(cause or error)}).")


@cache
def _say_once(text):
    say(text)


def _file():
    named = os.environ.get(PROGRESS)
    place = lessons.own_place()
    own = lessons.FOLDER if place == lessons.FOLDER.parent else place
    return Path(named) if named else own / ".progress.json"

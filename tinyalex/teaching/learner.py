"""The learner's side on disk: which checks have passed, the notebooks, and the solutions that `reveal` prints."""

import json
import os
import runpy
from pathlib import Path

from tinyalex.checkpoint import replacing
from tinyalex.errors import UserError
from tinyalex.teaching.exercise import find_lesson

FOLDER = Path(__file__).resolve().parents[2] / "lessons"
PROGRESS = "TINYALEX_PROGRESS"  # names another file, for tests


def progress():
    """{exercise: "right" or "not yet"} so far; empty where there is no file, or none that can be read."""
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def remember(name, state):
    """Keep what an exercise's last check said. What was right once stays right: later trials are play."""
    found = progress()
    if state == "not done yet" or found.get(name) in ("right", state):
        return
    try:
        with replacing(_file()) as beside:
            beside.write_text(json.dumps(found | {name: state}, indent=1) + "\n", encoding="utf-8")
    except (OSError, UserError):
        pass  # a read-only folder is no reason to disturb a lesson


def _file():
    return Path(os.environ.get(PROGRESS) or FOLDER / ".progress.json")


def notebook(number):
    """The path of a lesson's notebook. UserError where it is not there."""
    number = find_lesson(number).number
    for path in sorted(FOLDER.glob(f"{number}_*.ipynb")):
        return path
    raise UserError(f"lesson {number}: there is no {number}_….ipynb in {FOLDER}; expected a clone of the repository")


def solutions(name):
    """The right answers to an exercise in different styles, the one to show first."""
    return _module("solutions", name)["SOLUTIONS"][name]


def mutants(number):
    """[(exercise, known mistake or None, function)] of a lesson: answers as learners get them wrong."""
    return _module("mutants", number)["MUTANTS"]


def _module(folder, name):
    path = FOLDER / folder / f"{name.split('-')[0]}.py"
    if not path.exists():
        raise UserError(f"there is no {path}; expected a clone of the repository")
    return runpy.run_path(str(path))

"""Find the lessons by their files: lesson NN is whatever has its number in the folder `lessons`.

NN_….ipynb             the notebook
figures/lesson_NN.py   functions that draw its figures
exercises/NN.py        LESSON: its exercises and their known mistakes
solutions/NN.py        SOLUTIONS: {exercise id: right answers in different styles}

The tests find wrong answers to it in tests/teaching/mutants/NN.py.
"""

import importlib.metadata
import importlib.util
import os
import runpy
import sys
from functools import cache
from pathlib import Path

from tinyalex.errors import UserError


def _find_folder():
    """lessons/ beside the package in a clone; else where `pip install` has put it, under share/ of the environment."""
    beside = Path(__file__).resolve().parents[2] / "lessons"
    if beside.is_dir():
        return beside
    try:
        installed = importlib.metadata.files("tinyalex") or ()
    except importlib.metadata.PackageNotFoundError:
        return beside
    found = (file.locate() for file in installed if file.match("share/tinyalex/lessons/README.md"))
    return next((Path(file).resolve().parent for file in found), beside)


FOLDER = _find_folder()


def own_place():
    """The folder for what is the learner's: the clone, or tinyalex-lessons/ in the home without one to write into."""
    clone = FOLDER.parent
    if (clone / "tinyalex" / "teaching").is_dir() and os.access(clone, os.W_OK) and os.access(FOLDER, os.W_OK):
        return clone
    return Path.home() / "tinyalex-lessons"


def files():
    """The files a learner reads or a notebook needs, in order: all but the exercises, which stay where they are."""
    found = {file: file.relative_to(FOLDER).parts for file in FOLDER.rglob("*") if file.is_file()}
    return sorted(f for f, parts in found.items() if parts[0] != "exercises" and not any(p[0] in "._" for p in parts))


def numbers():
    """The numbers of all lessons, in order: ("01", "02", …). UserError if there are no lessons."""
    found = sorted(file.stem for file in (FOLDER / "exercises").glob("[0-9][0-9].py"))
    if not found:
        raise UserError(
            f"found no lessons in {FOLDER}; install tinyalex again, with pip install in a clone of its repository"
        )
    return tuple(found)


def find_lesson(number):
    """The `Lesson` "09" (or "9", or 9). UserError if it does not exist."""
    asked, number = number, str(number).zfill(2)
    if number not in numbers():
        raise UserError(f"lesson: found {asked!r}, expected one of {', '.join(numbers())}")
    return exercises(number).LESSON


def all_lessons():
    """Every `Lesson`, in order. UserError if there are none."""
    return [find_lesson(number) for number in numbers()]


def find_exercise(name):
    """The `Exercise` "09-backward". UserError, with the names of the lesson's exercises, if it does not exist."""
    found = {exercise.id: exercise for exercise in find_lesson(name.split("-")[0]).exercises}
    if name not in found:
        raise UserError(f"exercise: found {name!r}, expected one of {', '.join(found)}")
    return found[name]


def exercises(number):
    """The module lessons/exercises/NN.py; later lessons may use its functions too. Each file is run once."""
    return _module(FOLDER / "exercises" / f"{number}.py")


@cache
def _module(path):
    spec = importlib.util.spec_from_file_location(f"lesson {path.stem} in {path.parent}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # for `inspect`, which finds a class's source through its module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def notebook(number):
    """The path of a lesson's notebook. UserError if it is missing."""
    number = find_lesson(number).number
    for path in sorted(FOLDER.glob(f"{number}_*.ipynb")):
        return path
    raise UserError(f"lesson {number}: found no notebook in {FOLDER}, expected {number}_….ipynb")


def solutions(name):
    """The right answers to an exercise, one per style, the one to show first. UserError if the file is missing."""
    number = name.split("-")[0]
    path = FOLDER / "solutions" / f"{number}.py"
    if not path.exists():
        raise UserError(f"{path}: not found, expected the right answers of lesson {number}")
    return runpy.run_path(str(path))["SOLUTIONS"][name]

"""Where the lessons are, and what belongs to one: a number stands for files of that number in the folder `lessons`.

NN_….ipynb        the notebook
exercises/NN.py   LESSON: its exercises, and the mistakes that are known for each
solutions/NN.py   SOLUTIONS: right answers in different styles
"""

import importlib.util
import runpy
import sys
from functools import cache
from pathlib import Path

from tinyalex.errors import UserError

FOLDER = Path(__file__).resolve().parents[2] / "lessons"


def numbers():
    """The numbers of all lessons, in order: ("01", "02", …). UserError if the folder of lessons is missing."""
    found = sorted(file.stem for file in (FOLDER / "exercises").glob("[0-9][0-9].py"))
    if not found:
        raise UserError(
            f"no lessons in {FOLDER}: they come with a clone of the repository, not with the installed package"
        )
    return tuple(found)


def find_lesson(number):
    """The `Lesson` "09" (or "9"). UserError if it does not exist."""
    asked, number = number, str(number).zfill(2)
    if number not in numbers():
        raise UserError(f"lesson: found {asked!r}, expected one of {', '.join(numbers())}")
    return exercises(number).LESSON


def all_lessons():
    """Every `Lesson`, in order."""
    return [find_lesson(number) for number in numbers()]


def find_exercise(name):
    """The `Exercise` "09-backward". UserError, with the names of the lesson's exercises, if it does not exist."""
    found = {exercise.id: exercise for exercise in find_lesson(name.split("-")[0]).exercises}
    if name not in found:
        raise UserError(f"exercise: found {name!r}, expected one of {', '.join(found)}")
    return found[name]


@cache
def exercises(number):
    """The module lessons/exercises/NN.py: the exercises of a lesson, and what later lessons use of it."""
    path = FOLDER / "exercises" / f"{number}.py"
    spec = importlib.util.spec_from_file_location(f"lessons.exercises.{number}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # `inspect` finds a function's source through its module
    spec.loader.exec_module(module)
    return module


def notebook(number):
    """The path of a lesson's notebook. UserError if it is missing."""
    number = find_lesson(number).number
    for path in sorted(FOLDER.glob(f"{number}_*.ipynb")):
        return path
    raise UserError(f"lesson {number}: no {number}_….ipynb in {FOLDER}; expected a clone of the repository")


def solutions(name):
    """The right answers to an exercise in different styles, the one to show first."""
    path = FOLDER / "solutions" / f"{name.split('-')[0]}.py"
    if not path.exists():
        raise UserError(f"no {path}; expected a clone of the repository")
    return runpy.run_path(str(path))["SOLUTIONS"][name]

"""Load a learner's answers from a plain Python file, and judge those that belong to a lesson."""

import contextlib
import sys
import traceback
import types
import warnings
from pathlib import Path

from tinyalex.errors import UserError
from tinyalex.teaching import learner
from tinyalex.teaching.examine import examine, message_of
from tinyalex.teaching.lessons import find_lesson
from tinyalex.teaching.mistakes import Verdict
from tinyalex.teaching.notebook import todo

NOT_THERE = "not there"


def judge_file(number, path):
    """Judge a lesson's functions in a file and remember the verdicts: [(exercise, `Verdict`)].

    UserError if the file cannot be loaded or defines none of the lesson's functions.
    """
    lesson = find_lesson(number)
    given = {"todo": todo} | {exercise.name: exercise.ours for exercise in lesson.exercises} | lesson.helpers
    found = {name: value for name, value in load(path, given).items() if value is not given.get(name)}
    if not any(exercise.name in found for exercise in lesson.exercises):
        names = ", ".join(exercise.name for exercise in lesson.exercises)
        raise UserError(f"{path}: found none of lesson {lesson.number}'s functions, expected at least one of {names}")
    verdicts = []
    for exercise in lesson.exercises:
        if exercise.name in found:
            try:
                verdict = examine(exercise, found[exercise.name])
            except KeyboardInterrupt:  # most likely an endless loop
                raise KeyboardInterrupt(f"interrupted while {exercise.name} was running") from None
            learner.remember(exercise.id, verdict.state)
        else:
            verdict = Verdict(NOT_THERE, f"{Path(path).name} has no {exercise.name}.")
        verdicts.append((exercise, verdict))
    return verdicts


def load(path, given=None):
    """Run a Python file and return {name: value}. UserError, with the line, if it cannot be read or run.

    given: {name: value} defined before the file runs, as by a notebook's other cells; the file may redefine them
    """
    path = Path(path)
    if path.suffix == ".ipynb":
        raise UserError(f"{path}: is a notebook, expected a Python file; notebooks have their checks inside")
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    module = types.ModuleType("answers")  # not __main__: the file is imported, not started
    module.__file__ = str(path)
    vars(module).update(given or {})
    with warnings.catch_warnings(), _first_on_the_path(path.resolve().parent):
        warnings.simplefilter("ignore")
        try:
            exec(compile(source, str(path), "exec"), vars(module))
        except (Exception, SystemExit) as error:
            raise UserError(f"{path}{_line(path, error)}: {_error_text(error)}") from None
    return vars(module)


@contextlib.contextmanager
def _first_on_the_path(folder):
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))


def _line(path, error):
    """The line with the syntax error, or the last line of the file that ran, as ", line 3"; "" if unknown."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f", line {error.lineno}" if error.lineno else ""
    frames = traceback.walk_tb(error.__traceback__)
    lines = [number for frame, number in frames if frame.f_code.co_filename == str(path)]
    return f", line {lines[-1]}" if lines else ""


def _error_text(error):
    if isinstance(error, SyntaxError):
        text = f": {error.text.strip()}" if error.text else ""
        return f"{type(error).__name__}, {error.msg}{text}"
    message = message_of(error)
    return f"{type(error).__name__}{message and ': '}{message}"

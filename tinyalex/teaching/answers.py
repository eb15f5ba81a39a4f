"""Load a learner's answers from a plain Python file, and judge those that belong to a lesson."""

import contextlib
import sys
import traceback
import types
import warnings
from pathlib import Path

import numpy.random  # noqa: F401  imported once here instead of in every child, which takes 10 ms

from tinyalex.errors import UserError
from tinyalex.files import read_regular
from tinyalex.teaching import learner
from tinyalex.teaching.examine import examine, message_of, still_running
from tinyalex.teaching.lessons import find_lesson
from tinyalex.teaching.limits import Crash, OutOfTime, in_child, limited, time_limit, too_large
from tinyalex.teaching.mistakes import NOT_YET, Verdict
from tinyalex.teaching.notebook import todo

NOT_THERE = "not there"
MOST_BYTES = 2**24  # in a file of answers


def judge_file(number, path, seconds=None):
    """Judge a lesson's functions in a file and remember the verdicts: [(exercise, `Verdict`)].

    seconds: the time limit of each function, and of loading the file; None: `time_limit` decides
    UserError if the file cannot be loaded or defines none of the lesson's functions.
    """
    lesson, seconds = find_lesson(number), time_limit(seconds)
    given = {"todo": todo} | {exercise.name: exercise.ours for exercise in lesson.exercises} | lesson.helpers
    found = {name: value for name, value in load(path, given, seconds).items() if value is not given.get(name)}
    if not any(exercise.name in found for exercise in lesson.exercises):
        names = ", ".join(exercise.name for exercise in lesson.exercises)
        raise UserError(f"{path}: found none of lesson {lesson.number}'s functions, expected at least one of {names}")
    verdicts = []
    for exercise in lesson.exercises:
        if exercise.name in found:
            verdict = _judge(exercise, found[exercise.name], seconds)
            learner.remember(exercise.id, verdict.state)
        else:
            verdict = Verdict(NOT_THERE, f"{Path(path).name} has no {exercise.name}.")
        verdicts.append((exercise, verdict))
    return verdicts


def _judge(exercise, function, seconds):
    try:
        return in_child(lambda: examine(exercise, function, seconds), seconds)
    except OutOfTime:
        return still_running(exercise, seconds)
    except Crash as crash:
        return Verdict(NOT_YET, f"{exercise.name} ended Python itself ({crash}).", "crash")
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted while {exercise.name} was running") from None


def load(path, given=None, seconds=None):
    """Run a Python file and return {name: value}. UserError, with the line, if it cannot be read or run.

    given: {name: value} defined before the file runs, as by a notebook's other cells; the file may redefine them
    seconds: the time limit; None: `time_limit` decides
    """
    path, seconds = Path(path), time_limit(seconds)
    if path.suffix == ".ipynb":
        raise UserError(f"{path}: is a notebook, expected a Python file; notebooks have their checks inside")
    try:
        source = read_regular(path, MOST_BYTES)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    module = types.ModuleType(f"answers in {path.name}")  # not __main__: the file is imported, not started
    sys.modules[module.__name__] = module  # where a dataclass looks for it; no import has a name with spaces
    module.__file__ = str(path)
    vars(module).update(given or {})
    with warnings.catch_warnings(), _first_on_the_path(path.resolve().parent):
        warnings.simplefilter("ignore")
        try:
            with limited(seconds):
                exec(compile(source, str(path), "exec"), vars(module))
        except OutOfTime as error:
            raise UserError(f"{path}{_line(path, error)}: was still running after {seconds:g} s") from None
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
    if isinstance(error, MemoryError):
        return too_large(message_of(error))
    message = message_of(error)
    return f"{type(error).__name__}{message and ': '}{message}"

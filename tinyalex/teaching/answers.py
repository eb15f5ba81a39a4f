"""A learner's answers in a plain Python file: load it, and judge what it holds of a lesson."""

import contextlib
import sys
import traceback
import types
import warnings
from pathlib import Path

from tinyalex.errors import UserError
from tinyalex.teaching import learner
from tinyalex.teaching.examine import examine
from tinyalex.teaching.lessons import find_lesson
from tinyalex.teaching.mistakes import Verdict
from tinyalex.teaching.notebook import todo

NOT_THERE = "not there"


def judge_file(number, path):
    """[(exercise, `Verdict`)] of a lesson on the functions in a file; what is judged is remembered.

    UserError where the file cannot be loaded, or holds none of the lesson's functions.
    """
    lesson = find_lesson(number)
    given = {"todo": todo} | {exercise.name: exercise.ours for exercise in lesson.exercises} | lesson.helpers
    found = {name: value for name, value in load(path, given).items() if value is not given.get(name)}
    if not any(exercise.name in found for exercise in lesson.exercises):
        names = ", ".join(exercise.name for exercise in lesson.exercises)
        raise UserError(f"{path}: found none of the functions of lesson {lesson.number}, expected some of {names}")
    verdicts = []
    for exercise in lesson.exercises:
        if exercise.name in found:
            try:
                verdict = examine(exercise, found[exercise.name])
            except KeyboardInterrupt:  # most likely a loop without an end
                raise KeyboardInterrupt(f"interrupted while {exercise.name} was running") from None
            learner.remember(exercise.id, verdict.state)
        else:
            verdict = Verdict(NOT_THERE, f"{Path(path).name} has no {exercise.name}.")
        verdicts.append((exercise, verdict))
    return verdicts


def load(path, given=None):
    """{name: what a Python file defines}. UserError, with the line, where it cannot be read or run.

    given: names that are there before it runs, as in a notebook's later cells: ours, until the file has its own
    """
    path = Path(path)
    if path.suffix == ".ipynb":
        raise UserError(f"{path}: is a notebook, expected a Python file; notebooks have their checks inside")
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    module = types.ModuleType("answers")  # not __main__: what a file does when it is started does not belong here
    module.__file__ = str(path)
    vars(module).update(given or {})
    with warnings.catch_warnings(), _first_on_the_path(path.resolve().parent):
        warnings.simplefilter("ignore")
        try:
            exec(compile(source, str(path), "exec"), vars(module))
        except (Exception, SystemExit) as error:
            raise UserError(f"{path}{_line(path, error)}: {_words(error)}") from None
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
    """ ", line 3" of the file: where it does not read as Python, or the last of its lines that ran."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f", line {error.lineno}" if error.lineno else ""
    frames = traceback.walk_tb(error.__traceback__)
    lines = [number for frame, number in frames if frame.f_code.co_filename == str(path)]
    return f", line {lines[-1]}" if lines else ""


def _words(error):
    if isinstance(error, SyntaxError):
        text = f": {error.text.strip()}" if error.text else ""
        return f"{type(error).__name__}, {error.msg}{text}"
    try:
        words = str(error)
    except Exception:
        words = ""
    return f"{type(error).__name__}{words and ': '}{words}"

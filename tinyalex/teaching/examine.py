"""Judge an answer: right, or which mistake it makes, or where it first differs.

The first of these checks that fails decides the verdict:
  not done yet
  form: shapes, finite values, inputs unchanged, two calls agree
  properties
  values; `tinyalex.teaching.mistakes` names what is wrong
  dtype
  late properties
"""

import copy
import linecache
import traceback
import warnings

import numpy as np

from tinyalex.teaching.exercise import NotDoneYet, WrongKind, kind_of
from tinyalex.teaching.limits import OutOfTime, limited, time_limit, too_large
from tinyalex.teaching.mistakes import (
    NOT_DONE,
    NOT_YET,
    RIGHT,
    Judged,
    Verdict,
    agree,
    entry,
    look_up,
    name_the_mistake,
    relative_error,
)


def examine(exercise, function, seconds=None):
    """The `Verdict` on a learner's function. Raises nothing but KeyboardInterrupt, whatever the function does.

    seconds: the time limit of the whole check; None: `time_limit` decides
    """
    seconds = time_limit(seconds)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            with limited(seconds):
                return _examine(exercise, function)
        except Judged as judged:
            return judged.verdict
        except OutOfTime as error:
            return still_running(exercise, seconds, _own_line(exercise, error))
        except (Exception, SystemExit) as error:  # last resort: a learner's code must not cause a traceback of ours
            text = f"The check failed on what {exercise.name} does ({type(error).__name__}: {message_of(error)})."
            return Verdict(NOT_YET, text, "check")


def still_running(exercise, seconds, where=""):
    """The `Verdict` on a function that the time limit ended."""
    text = f"{exercise.name} was still running after {seconds:g} s: look for a loop that does not end."
    return Verdict(NOT_YET, text + where, "time")


def _examine(exercise, function):
    if not callable(function):
        raise Judged(f"{exercise.name} is {kind_of(function)}, expected a function.")
    answers = [Answer(exercise, function, probe()) for probe in exercise.probes]
    for answer in answers:
        _check_form(exercise, function, answer, answers)
    for held in exercise.properties:
        if not held.late:
            _check_property(held, exercise, function)
    entries, error = 0, 0.0
    if exercise.compare and answers:
        if any(not answer.right() for answer in answers):
            name_the_mistake(exercise, answers)
        for answer in answers:
            _check_dtype(exercise, function, answer)  # after the values, which matter more
        entries = sum(value.size for answer in answers for value in answer.found.values())
        error = max(answer.error() for answer in answers)
    for held in exercise.properties:
        if held.late:
            _check_property(held, exercise, function)
    if not entries:
        return Verdict(RIGHT, "everything asked for holds")
    return Verdict(RIGHT, f"{error:.0e} over {entries:,} entries" if error else f"exact in {entries:,} entries")


class Answer:
    """One call of the learner's function: its outputs (`found`), and ours for the same arguments (`expected`)."""

    def __init__(self, exercise, function, arguments):
        self.exercise, self.arguments = exercise, arguments
        self.expected = outputs(exercise, exercise.ours, arguments)
        found, self.after = _call(exercise, function, arguments)
        self.found = {name: _array(name, value) for name, value in found.items()}

    def right(self, output=None):
        names = self.expected if output is None else [output]
        return all(agree(self.found[name], self.expected[name]) for name in names)

    def error(self):
        """The largest relative error of all outputs."""
        return max((relative_error(self.found[name], value) for name, value in self.expected.items()), default=0.0)

    def matches(self, function, names):
        """Whether another function gives the learner's values for these outputs."""
        try:
            other = outputs(self.exercise, function, self.arguments)
        except Exception:  # a wrong version may fail on a probe
            return False
        return all(agree(self.found[name], other[name]) for name in names)


def _array(name, value):
    """One output of the learner's function as an array. `Judged` if it is not made of numbers."""
    if not isinstance(value, (np.ndarray, np.generic, float, int)):
        raise Judged(f"{name} is {kind_of(value)}, expected an array.")
    value = np.asarray(value)
    if value.dtype.kind not in "biuf":
        raise Judged(f"{name} is an array of {value.dtype}, expected an array of numbers.")
    return value


def outputs(exercise, function, arguments):
    """The outputs of one of our own functions: {name: array}."""
    arguments = copy.deepcopy(arguments)
    result = exercise.read(function(*arguments), arguments)
    return {name: np.asarray(value) for name, value in result.items()}


# ---------------------------------------------------------------------------------------------- calling


def _call(exercise, function, arguments):
    """({name: value}, arguments after the call). `Judged` if the function raises or returns another kind of thing."""
    arguments = copy.deepcopy(arguments)
    try:
        with np.errstate():  # undo the learner's own settings after the call
            return exercise.read(function(*arguments), arguments), arguments
    except NotDoneYet:
        raise Judged("", state=NOT_DONE) from None
    except WrongKind as error:
        raise Judged(f"{exercise.name} {error}.") from None
    except (Exception, SystemExit) as error:
        raise Judged(_failure(exercise, error)) from None


def _failure(exercise, error):
    """The error, and the line of the learner's function that caused it."""
    where = _own_line(exercise, error)
    if not where and isinstance(error, TypeError) and error.__traceback__.tb_next is None:  # the call itself
        code = exercise.ours.__code__
        where = f"\nIt is called as {exercise.name}({', '.join(code.co_varnames[: code.co_argcount])})."
    if isinstance(error, MemoryError):
        return f"{exercise.name} {too_large(message_of(error))}{where}"
    first_line = (message_of(error).splitlines() or [""])[0]
    return f"{exercise.name} fails with {type(error).__name__}: {first_line}{where}"


def _own_line(exercise, error):
    """The last line of the learner's function that ran, as "\\nin its line 3: …"; "" if unknown."""
    own = [f for f in traceback.extract_tb(error.__traceback__) if f.name == exercise.name]
    line = linecache.getline(own[-1].filename, own[-1].lineno).strip() if own else ""
    return f"\nin its line {own[-1].lineno}: {line}" if line else ""


def message_of(error):
    """The message of an exception; "" if the learner's own class cannot produce one."""
    try:
        return str(error)
    except Exception:
        return ""


# ---------------------------------------------------------------------------------------------- form


def _check_form(exercise, function, answer, answers):
    for name, expected in answer.expected.items():
        found = answer.found[name]
        if found.shape != expected.shape:
            look_up(exercise, answers)
            raise Judged(f"{name}.shape is {found.shape}, expected {expected.shape}.")
    for name, expected in answer.expected.items():
        if np.isfinite(expected).all() and not np.isfinite(answer.found[name]).all():
            look_up(exercise, answers)
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(answer.found[name]))[0])
            where = entry(exercise, name, index, expected.ndim)
            words = f"{where} is {answer.found[name][index]}, expected {expected[index]:.6g}."
            by_hand = exercise.by_hand(answer.arguments, name, index) if exercise.by_hand else ""
            raise Judged("\n".join(filter(None, (words, by_hand))))
    for place, (before, after) in enumerate(zip(answer.arguments, answer.after)):
        if place not in exercise.changes and not _same(before, after):
            raise Judged(
                f"{exercise.name} wrote into {_argument(exercise, place)}: the caller may still need its values. "
                "Work on a copy.",
                "unchanged",
            )
    again = {name: _array(name, value) for name, value in _call(exercise, function, answer.arguments)[0].items()}
    if exercise.compare and not all(np.array_equal(again[n], answer.found[n], equal_nan=True) for n in answer.found):
        raise Judged(f"Two calls of {exercise.name} with the same arguments give different results.", "twice")


def _check_dtype(exercise, function, answer):
    single = tuple(_as_single(a) for a in answer.arguments)
    if not exercise.compare or all(a is b for a, b in zip(single, answer.arguments)):
        return
    expected, (found, _) = outputs(exercise, exercise.ours, single), _call(exercise, function, single)
    for name in expected:
        dtype = np.asarray(found[name]).dtype
        plain = type(found[name]) in (float, int)  # a Python number keeps no dtype
        if expected[name].dtype == np.float32 != dtype and dtype.itemsize > 4 and not plain:
            raise Judged(
                f"float32 went in, but {name} came out as {dtype}: a {dtype} constant or array crept in. "
                "It takes twice the memory and is slow on most GPUs.",
                "C16",
            )


def _as_single(value):
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return value.astype(np.float32)
    if isinstance(value, (tuple, list)):
        return type(value)(_as_single(v) for v in value)
    if isinstance(value, dict):
        return {key: _as_single(v) for key, v in value.items()}
    return value


def _same(before, after):
    if isinstance(before, np.ndarray):
        return isinstance(after, np.ndarray) and np.array_equal(before, after, equal_nan=before.dtype.kind == "f")
    if isinstance(before, (tuple, list)):
        return len(before) == len(after) and all(map(_same, before, after))
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(_same(before[key], after[key]) for key in before)
    return True


def _argument(exercise, place):
    names = exercise.ours.__code__.co_varnames
    return names[place] if place < exercise.ours.__code__.co_argcount else f"argument {place + 1}"


def _check_property(held, exercise, function):
    try:
        found = held.holds(function)
    except NotDoneYet:
        raise Judged("", state=NOT_DONE) from None
    except WrongKind as error:
        raise Judged(f"{exercise.name}: {error}.") from None
    except (Exception, SystemExit) as error:
        raise Judged(_failure(exercise, error)) from None
    if isinstance(found, str):
        raise Judged(f"{held.message} {found}".rstrip(), held.id)
    if isinstance(found, (bool, np.bool_)) and not found:
        raise Judged(held.message, held.id)

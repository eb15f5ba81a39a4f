"""How an answer is judged: right, or which mistake it makes, or where it first differs. Never only a number.

In this order: not done yet; shape, finite, inputs unchanged, twice the same; properties; equal to a known wrong
version; a constant times too large; where it differs, the first entry that does, beside the sum worked by hand; and, where all
numbers are right, the dtype.
"""

import copy
import linecache
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyalex.teaching.exercise import NotDoneYet

RTOL = 1e-6
ATOL = 1e-9  # of the largest entry
NOT_DONE, RIGHT, NOT_YET = "not done yet", "right", "not yet"


@dataclass(frozen=True)
class Verdict:
    """state: one of the three above;  text: for the learner;  wrong: the known mistake's id, or None."""

    state: str
    text: str = ""
    wrong: str | None = None


class Judged(Exception):
    """Carries a verdict out of the middle of an examination."""

    def __init__(self, text, wrong=None, state=NOT_YET):
        self.verdict = Verdict(state, text, wrong)


def examine(exercise, function):
    """The `Verdict` on a learner's function. Raises nothing, whatever the function does."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return _examine(exercise, function)
        except Judged as judged:
            return judged.verdict
        except Exception as error:  # the last net: what a learner wrote must not end in a traceback of ours
            words = f"The check cannot make sense of what {exercise.name} does ({type(error).__name__}: {error})."
            return Verdict(NOT_YET, words, "check")


def _examine(exercise, function):
    if not callable(function):
        raise Judged(f"{exercise.name} is {type(function).__name__}, expected a function")
    answers = [Answer(exercise, function, probe()) for probe in exercise.probes]
    for answer in answers:
        _check_form(exercise, function, answer, answers)
    for held in exercise.properties:
        if not held.late:
            _check_property(held, exercise, function)
    entries, error = 0, 0.0
    if exercise.compare and answers:
        if any(not answer.right() for answer in answers):
            _name_the_mistake(exercise, answers)
        for answer in answers:
            _check_dtype(exercise, function, answer)  # late: who has both wrong should hear of the numbers first
        entries = sum(value.size for answer in answers for value in answer.found.values())
        error = max(answer.error() for answer in answers)
    for held in exercise.properties:
        if held.late:
            _check_property(held, exercise, function)
    if not entries:
        return Verdict(RIGHT, "everything asked for holds")
    return Verdict(RIGHT, f"{error:.0e} over {entries:,} entries" if error else f"exact in {entries:,} entries")


class Answer:
    """One call of the learner's function: what was found, and what ours gives for the same arguments."""

    def __init__(self, exercise, function, arguments):
        self.exercise, self.arguments = exercise, arguments
        self.expected = outputs(exercise, exercise.ours, arguments)
        found, self.after = _call(exercise, function, arguments)
        self.found = {name: _array(name, value) for name, value in found.items()}

    def right(self, output=None):
        names = self.expected if output is None else [output]
        return all(agree(self.found[name], self.expected[name]) for name in names)

    def error(self):
        """The largest difference, relative to the largest entry."""
        return max((_error(self.found[name], value) for name, value in self.expected.items()), default=0.0)

    def matches(self, function, names):
        """Whether a function gives, for these arguments, what was found under these names."""
        try:
            other = outputs(self.exercise, function, self.arguments)
        except Exception:  # a wrong version may well fail on a probe
            return False
        return all(agree(self.found[name], other[name]) for name in names)


def _array(name, value):
    """What a learner returned under a name, as an array of numbers; `Judged` where it is something else."""
    if not isinstance(value, (np.ndarray, np.generic, float, int)):
        raise Judged(f"{name} is a {type(value).__name__}, expected an array.")
    value = np.asarray(value)
    if value.dtype.kind not in "biuf":
        raise Judged(f"{name} is an array of {value.dtype}, expected an array of numbers.")
    return value


def outputs(exercise, function, arguments):
    """{name: array} of a trusted function."""
    arguments = copy.deepcopy(arguments)
    result = exercise.read(function(*arguments), arguments)
    return {name: np.asarray(value) for name, value in result.items()}


def agree(found, expected):
    """Equal in shape and in every entry."""
    return found.shape == expected.shape and bool(np.all(_close(found, expected)))


def _close(found, expected):
    """Entry by entry: whole numbers exactly, others to rounding; NaN equals NaN."""
    if expected.dtype.kind in "biu":
        return found == expected
    return np.isclose(found, expected, rtol=RTOL, atol=ATOL * _scale(expected), equal_nan=True)


def _scale(expected):
    """The largest entry, leaving out what is not finite."""
    return float(np.abs(expected[np.isfinite(expected)], dtype=np.float64).max(initial=0.0))


def _error(found, expected):
    """The largest difference between finite entries, relative to the largest entry."""
    finite = np.isfinite(expected) & np.isfinite(found)
    difference = found[finite].astype(np.float64) - expected[finite].astype(np.float64)
    return float(np.abs(difference).max(initial=0.0)) / (_scale(expected) or 1.0)


# ---------------------------------------------------------------------------------------------- calling


def _call(exercise, function, arguments):
    """({name: value}, the arguments afterwards). `Judged` where the function fails or returns something else."""
    arguments = copy.deepcopy(arguments)
    try:
        with np.errstate():  # what a learner sets is over with the call
            return exercise.read(function(*arguments), arguments), arguments
    except NotDoneYet:
        raise Judged("", state=NOT_DONE) from None
    except ValueError as error:
        if error.__traceback__.tb_next and error.__traceback__.tb_next.tb_frame.f_code is type(exercise).read.__code__:
            raise Judged(f"{exercise.name} {error}.") from None
        raise Judged(_failure(exercise, error)) from None
    except (Exception, SystemExit) as error:
        raise Judged(_failure(exercise, error)) from None


def _failure(exercise, error):
    """What was raised, and the learner's own line that it came from."""
    own = [f for f in traceback.extract_tb(error.__traceback__) if f.name == exercise.name] or [None]
    where = ""
    if own[-1] is not None:
        line = linecache.getline(own[-1].filename, own[-1].lineno).strip()
        where = f"\nin its line {own[-1].lineno}: {line}" if line else ""
    elif isinstance(error, TypeError) and error.__traceback__.tb_next is None:  # the call itself
        code = exercise.ours.__code__
        where = f"\nIt is called as {exercise.name}({', '.join(code.co_varnames[: code.co_argcount])})."
    try:
        words = str(error).splitlines() or [""]
    except Exception:  # an exception of the learner's own, whose words fail
        words = [""]
    return f"{exercise.name} fails with {type(error).__name__}: {words[0]}{where}"


# ---------------------------------------------------------------------------------------------- form


def _check_form(exercise, function, answer, answers):
    for name, expected in answer.expected.items():
        found = answer.found[name]
        if found.shape != expected.shape:
            _look_up(exercise, answers)
            raise Judged(f"{name}.shape is {found.shape}, expected {expected.shape}.")
    for name, expected in answer.expected.items():
        if np.isfinite(expected).all() and not np.isfinite(answer.found[name]).all():
            _look_up(exercise, answers)
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(answer.found[name]))[0])
            where = entry(exercise, name, index, expected.ndim)
            words = f"{where} is {answer.found[name][index]}, expected {expected[index]:.6g}."
            by_hand = exercise.by_hand(answer.arguments, name, index) if exercise.by_hand else ""
            raise Judged("\n".join(filter(None, (words, by_hand))))
    for place, (before, after) in enumerate(zip(answer.arguments, answer.after)):
        if place not in exercise.changes and not _same(before, after):
            raise Judged(
                f"{exercise.name} wrote into {_argument(exercise, place)}: what it is given belongs to someone else, "
                "who may still need it. Work on a copy.", "unchanged",
            )  # fmt: skip
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
        plain = type(found[name]) in (float, int)  # a Python number has no dtype to keep
        if expected[name].dtype == np.float32 != dtype and dtype.itemsize > 4 and not plain:
            raise Judged(
                f"float32 went in, but {name} came out as {dtype}: a {dtype} constant or array crept in. "
                "It takes twice the memory and is slow on most GPUs.", "C16",
            )  # fmt: skip


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


def _is_ours(error):
    """Whether something was raised by a file beside this one, not by the learner or what the learner called."""
    return Path(traceback.extract_tb(error.__traceback__)[-1].filename).parent == Path(__file__).parent


def _check_property(held, exercise, function):
    try:
        found = held.holds(function)
    except NotDoneYet:
        raise Judged("", state=NOT_DONE) from None
    except (Exception, SystemExit) as error:
        if isinstance(error, ValueError) and _is_ours(error):  # our words on the form of what came back
            raise Judged(f"{exercise.name}: {error}.") from None
        raise Judged(_failure(exercise, error)) from None
    if isinstance(found, str):
        raise Judged(f"{held.message} {found}".rstrip(), held.id)
    if isinstance(found, (bool, np.bool_)) and not found:
        raise Judged(held.message, held.id)


# ---------------------------------------------------------------------------------------------- values


def _name_the_mistake(exercise, answers):
    _look_up(exercise, answers)
    output, answer = next((n, a) for a in answers for n in a.expected if not a.right(n))
    _look_for_a_dtype(answer, output)
    _look_for_a_ratio(exercise, answers, output)
    found, expected = answer.found[output], answer.expected[output]
    off = ~_close(found, expected)
    index = tuple(int(i) for i in np.argwhere(off)[0])
    difference = "{} is {}, expected {}.".format(
        entry(exercise, output, index, off.ndim), *_digits(found[index], expected[index])
    )
    lines = [_where(exercise, output, off), f"The first that differs: {difference}"] if off.ndim else [difference]
    if exercise.by_hand:
        lines.append(exercise.by_hand(answer.arguments, output, index))
    raise Judged("\n".join(filter(None, lines)))


def _digits(found, expected):
    """Two numbers as texts: whole ones in full, others with six digits, or with as many as tell them apart."""
    texts = [f"{v:,}" if isinstance(v, int) else f"{v:.6g}" for v in (found.item(), expected.item())]
    return texts if texts[0] != texts[1] else [repr(found.item()), repr(expected.item())]


def _look_up(exercise, answers):
    """`Judged` if all that was found, or all that was found under a wrong output's name, is a known wrong version's."""
    names = list(exercise.outputs)
    wrong = [n for n in names if any(a.found[n].shape != a.expected[n].shape or not a.right(n) for a in answers)]
    for known in exercise.wrong:  # a mistake that explains everything, before one that explains a part
        if all(answer.matches(known.function, names) for answer in answers):
            raise Judged(known.message, known.id)
    for output in wrong:
        for known in exercise.wrong:
            if all(answer.matches(known.function, [output]) for answer in answers):
                others = [n for n in wrong if n != output]
                more = f"\n({', '.join(others)} not right either: look at {output} first.)" if others else ""
                raise Judged(f"{output}: {known.message}{more}", known.id)


def _look_for_a_dtype(answer, output):
    """`Judged` where the numbers lost digits on the way: whole numbers, or single precision, in place of float64."""
    found, expected = answer.found[output], answer.expected[output]
    if found.dtype.kind in "iu" and expected.dtype.kind == "f":
        raise Judged(
            f"{output} came out as whole numbers ({found.dtype}): an array of integers, or //, cut the fractions off. "
            "Make arrays with the dtype of what comes in.", "whole",
        )  # fmt: skip
    scale = np.abs(expected).max(initial=0.0) if expected.dtype.kind == "f" else 0.0
    single = found.dtype.kind == "f" and np.array_equal(found, found.astype(np.float32))
    if scale and single and np.allclose(found, expected, rtol=1e-4, atol=1e-6 * scale):
        raise Judged(
            f"{output} is right to about six digits, but float64 went in: the numbers passed through float32. "
            "Make arrays with the dtype of what comes in.", "single",
        )  # fmt: skip


def _look_for_a_ratio(exercise, answers, output):
    """`Judged` where every entry is the same number of times what it should be, in every probe."""
    ratios = [_ratio(a.found[output], a.expected[output]) for a in answers]
    if any(r is None for r in ratios):
        return
    for known, message in exercise.ratios:
        values = [known(*a.arguments) if callable(known) else known for a in answers]
        if np.allclose(ratios, values, rtol=RTOL) and not np.allclose(values, 1):
            raise Judged(message, "ratio")
    if np.allclose(ratios, ratios[0], rtol=RTOL):
        found, expected = answers[0].found[output], answers[0].expected[output]
        what = f"Every entry of {output}"
        if found.ndim == 0:
            what = "{} is {}, expected {}: it".format(output, *_digits(found[()], expected[()]))
        raise Judged(f"{what} is {ratios[0]:.6g} times what it should be.", "ratio")


def _ratio(found, expected):
    nonzero = np.abs(expected) > ATOL * np.abs(expected).max(initial=0.0)
    if not nonzero.any():
        return None
    r = float(np.median(found[nonzero] / expected[nonzero]))
    if expected.dtype.kind in "biu":
        return r if r != 0 and np.allclose(found, r * expected, rtol=1e-12, atol=0) else None
    return r if r != 0 and agree(found, r * expected) else None


def _where(exercise, output, off):
    """Where the differences are, if they keep to a part; else how many there are."""
    for axis, word in enumerate(exercise.names_of_axes(output, off.ndim)):
        places = np.flatnonzero(off.any(axis=tuple(a for a in range(off.ndim) if a != axis)))
        if len(places) <= off.shape[axis] / 2:
            numbers = ", ".join(map(str, places[:6])) + (", …" if len(places) > 6 else "")
            word = f"{word}, place" if word.startswith("axis") else word
            plural = "s" if len(places) > 1 else ""
            return f"{output} is off in {word}{plural} {numbers} only, of {off.shape[axis]}."
    inside = off[:, 1:-1, 1:-1] if off.ndim == 4 else off
    if inside.size and not inside.any():
        return f"{output} is off at the border only: look at what lies outside the picture."
    return f"{output} is off in {int(off.sum()):,} of {off.size:,} entries."


def entry(exercise, output, index, ndim):
    """dx[picture 0, row 2, column 3, channel 1], or dx[0, 2] where the axes have no names."""
    if not index:
        return output
    words = [word if not word.startswith("axis") else "" for word in exercise.names_of_axes(output, ndim)]
    return f"{output}[{', '.join(f'{word} {i}'.strip() for word, i in zip(words, index))}]"

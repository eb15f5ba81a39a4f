"""Check a right answer at the corners of what its arguments may be: huge, tiny, zero, one of each, very many.

Each check is called as check(case, answer) and raises `Judged`. Nothing here knows an exercise: our version says what
is right, and where it fails, or is not finite, there is nothing to check.
"""

import time

import numpy as np

from tinyalex.teaching.forms import each, in_large_float32
from tinyalex.teaching.mistakes import Judged
from tinyalex.teaching.values import agree
from tinyalex.teaching.where import entry

HUGE, SMALL, TINY = 2.0**20, 2.0**-12, 2.0**-60
MANY = (17, 67, 263, 1009, 4099)  # primes, so that no block of pictures divides them
QUICK = 0.02  # processor seconds: four times as many will take less than half a second
LARGE = 2**19  # numbers in all arrays


def of_huge_numbers(case, answer):
    _at(case, answer, _scaled(answer.arguments, HUGE), "for numbers a million times as large", "huge")


def of_tiny_numbers(case, answer):
    _at(case, answer, _scaled(answer.arguments, SMALL), "for numbers in the thousandths", "tiny")
    _at(case, answer, _scaled(answer.arguments, TINY), "for tiny numbers", "tiny")


def _scaled(arguments, factor):
    return tuple(_each(a, lambda v: v * factor if _is_float_array(v) else v) for a in arguments)


def of_zeros(case, answer):
    """Each array of floats in turn, and all of a list: zeros in the first half of the last axis, then everywhere."""
    for place, value in enumerate(answer.arguments):
        for zeroed, which in ((_half_zero, "half of"), (_zero, "all of")):
            other = _each(value, zeroed)
            when = f"if {which} {case.argument(place)} is 0"
            if other is not value and not isinstance(value, (dict, str)):
                _at(case, answer, _with(answer.arguments, place, other), when, "zeros")


def _half_zero(value):
    if not _is_float_array(value) or not value.ndim:
        return value
    half = value.copy()
    half[..., : value.shape[-1] // 2] = 0
    return half


def _zero(value):
    return np.zeros_like(value) if _is_float_array(value) else 0.0 if isinstance(value, float) else value


def of_other_numbers(case, answer):
    """Each number in turn: a whole one 1, one more, three times as large; a fraction a tenth less, or near 1."""
    for place, value in enumerate(answer.arguments) if answer in case.answers[:2] else ():
        for change in (_to_1, _one_more, _three_times, _a_tenth_less, _near_1):
            other = _each(value, change)
            when = f"for {case.argument(place)} = {other}"
            if isinstance(value, (int, float, tuple)) and other != value and not isinstance(value, bool):
                _at(case, answer, _with(answer.arguments, place, other), when, "number")


def _of_whole(change):
    return lambda value: change(value) if type(value) is int else value


def _of_fraction(change):
    return lambda value: change(value) if type(value) is float and 0 < value < 1 else value


_to_1, _one_more, _three_times = map(_of_whole, (lambda v: 1, lambda v: v + 1, lambda v: 3 * v))
_a_tenth_less, _near_1 = map(_of_fraction, (lambda v: 0.9 * v, lambda v: 1 - (1 - v) / 100))


def _with(arguments, place, value):
    return (*arguments[:place], value, *arguments[place + 1 :])


def of_one_of_each(case, answer):
    """Each length that occurs among the axes of the arrays, cut to 1 in all of them; then all lengths at once."""
    lengths = sorted({n for a in answer.arguments if isinstance(a, np.ndarray) for n in a.shape if n > 1})
    for cut in [*([n] for n in lengths), lengths[1:], lengths]:
        arguments = tuple(_each(a, lambda v: _cut(v, cut)) for a in answer.arguments)
        shapes = ", ".join(str(a.shape) for a in arguments if isinstance(a, np.ndarray))
        _at(case, answer, arguments, f"for arrays of shape {shapes}", "one")


def _cut(value, lengths):
    if not isinstance(value, np.ndarray):
        return value
    return value[tuple(slice(1) if n in lengths else slice(None) for n in value.shape)].copy()


def of_very_many(case, answer):
    """The rows of the first array, and of all that go with them, repeated: 17, then more while that is quick."""
    arrays = [a for a in answer.arguments if isinstance(a, np.ndarray) and a.ndim and a.size]
    if not arrays or answer is not case.answers[0]:
        return
    length = len(arrays[0])
    for many in MANY:
        arguments = tuple(_each(a, lambda v: _lengthened(v, length, many)) for a in answer.arguments)
        start = time.thread_time()
        compared = _at(case, answer, arguments, f"for {many:,} rows, where it was {length}", "many")
        size = sum(a.size for a in arguments if isinstance(a, np.ndarray))
        if not compared or size > LARGE or time.thread_time() - start > QUICK:
            return


def _lengthened(value, length, many):
    """Axes of this length made longer: the first of an array, or any if the first is of another."""
    if not isinstance(value, np.ndarray) or length not in value.shape:
        return value
    rows = np.arange(many) % length
    axes = [0] if len(value) == length else [axis for axis, n in enumerate(value.shape) if n == length]
    for axis in axes:
        value = value.take(rows, axis)
    return value


def of_other_objects(case, answer):
    """Numbers as NumPy has them, and words that are equal but not the same object."""
    arguments = tuple(_each(a, _other_object) for a in answer.arguments)
    _at(case, answer, arguments, "if the numbers come from NumPy, or the words from a file", "object")


def _other_object(value):
    if type(value) in (int, float):
        return np.asarray(value)[()]
    return "".join(list(value)) if isinstance(value, str) else value


def new_in_each_call(case, answer):
    """Two calls return different arrays."""
    first, second = (case.call(answer.arguments)[1] for _ in range(2))
    for name in first:
        pair = first[name], second[name]
        if all(isinstance(v, np.ndarray) and v.ndim for v in pair) and np.shares_memory(*pair):
            raise Judged(
                f"Two calls return the same {name}: an array is kept between the calls. Make a new one in each call.",
                "C15",
            )


def _at(case, answer, arguments, when, id):
    """Raise `Judged` if the learner's results differ from ours for these arguments; False if ours has none.

    when: completes "Right for the usual arguments, but not …"
    """
    if id in case.exercise.outside:
        return False
    try:
        expected = case.ours(arguments)
    except Exception:
        return False
    if not all(value.size and np.isfinite(value).all() for value in expected.values()):
        return False
    usual = f"Right for the usual arguments, but not {when}."
    try:
        found, _, _ = case.call(arguments)
    except Judged as judged:
        if isinstance(getattr(judged, "error", None), RecursionError):  # it was right for the usual lengths
            return False
        raise Judged(f"{usual}\n{judged.verdict.text}", id) from None
    for name, right in expected.items():
        value = found[name]
        if value.shape != right.shape:
            raise Judged(f"{usual} {name}.shape is {value.shape}, expected {right.shape}.", id)
        if value.dtype.kind != answer.found[name].dtype.kind and value.dtype.kind != right.dtype.kind:
            raise Judged(f"{usual} {name} is {value.dtype}, expected {right.dtype}.", id)
        if not agree(value, right):
            off = np.nan_to_num(np.abs(np.subtract(value, right, dtype=np.float64)), nan=np.inf)
            index = tuple(int(i) for i in np.unravel_index(off.argmax(), off.shape))
            where = entry(case.exercise, name, index, right.ndim)
            raise Judged(f"{usual} {where} is {value[index]:.6g}, expected {right[index]:.6g}.", id)
    return True


def _is_float_array(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _each(value, change):
    """The value changed, or each of a list's, tuple's or dict's, at any depth."""
    if isinstance(value, (tuple, list, dict)):
        return each(value, lambda v: _each(v, change))
    return change(value)


CORNERS = (
    new_in_each_call,
    in_large_float32,
    of_huge_numbers,
    of_tiny_numbers,
    of_zeros,
    of_other_numbers,
    of_one_of_each,
    of_very_many,
    of_other_objects,
)

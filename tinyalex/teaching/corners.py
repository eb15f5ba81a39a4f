"""Check a right answer at the corners of what its arguments may be: huge, tiny, far from 0, one of each, very many.

Each check is called as check(case, answer) and raises `Judged`. Nothing here knows an exercise: our version says what
is right, and where it fails, or is not finite, there is nothing to check.
"""

import time

import numpy as np

from tinyalex.teaching.elsewhere import compare_at, each_inside, replaced
from tinyalex.teaching.magnitudes import MAGNITUDES
from tinyalex.teaching.mistakes import Judged

MANY = (17, 67, 263, 1009, 4099)  # primes, so that no block of pictures divides them
QUICK = 0.02  # processor seconds: four times as many will take less than half a second
LARGE = 2**19  # numbers in all arrays


def of_other_numbers(case, answer):
    """Each number in turn: a whole one 1, one more, one less, three times as large; a fraction a tenth less, near 1."""
    for place, value in enumerate(answer.arguments) if _among_the_first(case, answer) else ():
        for change in (_to_1, _one_more, _one_less, _three_times, _a_tenth_less, _near_1):
            other = each_inside(value, change)
            when = f"for {case.argument(place)} = {other}"
            if isinstance(value, (int, float, tuple)) and other != value and not isinstance(value, bool):
                compare_at(case, answer, replaced(answer.arguments, place, other), when, "number")


def _among_the_first(case, answer):
    """Two will do where arrays are large; numbers alone are quick."""
    return answer in case.answers[:2] or not any(isinstance(a, np.ndarray) for a in answer.arguments)


def of_lengths(case, answer):
    """Each whole number in turn as large as each length of the arrays."""
    lengths = sorted({n for a in answer.arguments if isinstance(a, np.ndarray) for n in a.shape})
    for place, value in enumerate(answer.arguments) if _among_the_first(case, answer) else ():
        for length in lengths if type(value) is int else ():
            when = f"for {case.argument(place)} = {length}, as large as an array"
            compare_at(case, answer, replaced(answer.arguments, place, length), when, "number")


def _of_whole(change):
    return lambda value: change(value) if type(value) is int else value


def _of_fraction(change):
    return lambda value: change(value) if type(value) is float and 0 < value < 1 else value


_to_1, _one_more, _one_less = map(_of_whole, (lambda v: 1, lambda v: v + 1, lambda v: max(v - 1, 1)))
_three_times = _of_whole(lambda v: 3 * v)
_a_tenth_less, _near_1 = map(_of_fraction, (lambda v: 0.9 * v, lambda v: 1 - (1 - v) / 100))


def of_one_of_each(case, answer):
    """Each length that occurs among the axes of the arrays, cut to 1 in all of them; then all lengths at once."""
    lengths = _lengths(answer)
    for cut in [*([n] for n in lengths), lengths[1:], lengths]:
        _of_size(case, answer, dict.fromkeys(cut, 1))


def of_one_less(case, answer):
    """Each length cut by 1, and all at once: odd where it was even."""
    lengths = [n for n in _lengths(answer) if n > 2]
    for cut in [*([n] for n in lengths), lengths]:
        _of_size(case, answer, {n: n - 1 for n in cut})


def _lengths(answer):
    return sorted({n for a in answer.arguments if isinstance(a, np.ndarray) for n in a.shape if n > 1})


def _of_size(case, answer, sizes):
    arguments = tuple(each_inside(a, lambda v: _cut(v, sizes)) for a in answer.arguments)
    shapes = ", ".join(str(a.shape) for a in arguments if isinstance(a, np.ndarray))
    compare_at(case, answer, arguments, f"for arrays of shape {shapes}", "one")


def _cut(value, sizes):
    """sizes: {length: the one to cut it to}"""
    if not isinstance(value, np.ndarray):
        return value
    return value[tuple(slice(sizes.get(n)) for n in value.shape)].copy()


def of_very_many(case, answer):
    """The rows of the first array, and of all that go with them, repeated: 17, then more while that is quick."""
    arrays = [a for a in answer.arguments if isinstance(a, np.ndarray) and a.ndim and a.size]
    if not arrays or answer is not case.answers[0]:
        return
    length = len(arrays[0])
    for many in MANY:
        arguments = tuple(each_inside(a, lambda v: _lengthened(v, length, many)) for a in answer.arguments)
        start = time.thread_time()
        compared = compare_at(case, answer, arguments, f"for {many:,} rows, where it was {length}", "many")
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
    arguments = tuple(each_inside(a, _other_object) for a in answer.arguments)
    compare_at(case, answer, arguments, "if the numbers come from NumPy, or the words from a file", "object")


def of_unsigned_integers(case, answer):
    """Whole numbers in unsigned arrays, where 0 − 1 is a large number."""
    arguments = tuple(each_inside(a, _unsigned) for a in answer.arguments)
    if any(a is not b for a, b in zip(arguments, answer.arguments)):
        compare_at(case, answer, arguments, "if integers come as uint32", "unsigned")


def _unsigned(value):
    if isinstance(value, np.ndarray) and value.dtype.kind == "i" and value.size and value.min() >= 0:
        return value.astype(np.uint32)
    return value


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


CORNERS = (
    new_in_each_call,
    *MAGNITUDES,
    of_other_numbers,
    of_lengths,
    of_one_of_each,
    of_one_less,
    of_very_many,
    of_other_objects,
    of_unsigned_integers,
)

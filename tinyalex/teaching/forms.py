"""Check the form of an answer whose values are right: what later cells, or a user of the function, would trip over.

Each check is called as check(case, answer) and raises `Judged`. Nothing here knows an exercise.
"""

import copy
import time

import numpy as np

from tinyalex.teaching.mistakes import Judged
from tinyalex.teaching.values import agree, digits, relative_error, scale
from tinyalex.teaching.where import entry

DIGITS = 3e-9  # a right answer in float64 agrees to this; all of ours do to 1e-12
ROUNDING = 1e-4  # of the largest entry: what float32 may cost
TIMES_OURS = 64.0  # or this many times what it costs ours
GROWTH = (1, 8, 64, 128)  # times the probe's pictures, until it can be measured
MEASURABLE = 0.003  # seconds
QUADRATIC = 11.0  # times as long for four times as much: 4 if it is linear, 16 if it is quadratic
SOURCES = "an array of another dtype, an approximation such as a small ε, or a difference of large numbers"
WHOLE = {"b": "a boolean", "i": "an integer", "u": "an integer", "f": "a float"}


def whole_numbers(case, answer):
    """Integers and booleans are such, not floats that happen to be whole."""
    for name, expected in answer.expected.items():
        found = np.asarray(answer.returned[name])
        wanted, kind = expected.dtype.kind, found.dtype.kind
        same = kind == wanted or kind in "iu" and wanted in "iu" or wanted == "f" and kind != "b"
        if not same:
            what = (
                f"{name} is {found.item()!r}, {WHOLE[kind]}"
                if not found.ndim
                else f"{name} is an array of {found.dtype}"
            )
            if kind == "b" and found.ndim:
                raise Judged(f"{what}; expected numbers: .astype(int) or .astype(float) makes them.", "kind")
            use = "a choice" if wanted == "b" else "a count or an index"
            raise Judged(f"{what}; expected {_kind(expected)}: later code uses it as {use}.", "kind")
        if kind in "iu" and found.dtype.itemsize < min(4, expected.dtype.itemsize):
            most = np.iinfo(found.dtype).max
            raise Judged(f"{name} is {found.dtype}, which wraps round beyond {most:,}.", "kind")


def _kind(expected):
    if not expected.ndim:
        return WHOLE[expected.dtype.kind]
    return "one of booleans" if expected.dtype.kind == "b" else "one of integers"


def all_digits(case, answer):
    """float64 went in: about fifteen digits come out."""
    if all(a is b for a, b in zip(map(_as_single, answer.arguments), answer.arguments)):
        return
    for name, expected in answer.expected.items():
        found = answer.found[name]
        if expected.dtype != np.float64 or found.dtype.kind != "f":
            continue
        error = relative_error(found, expected)
        if error > DIGITS:
            places = round(-np.log10(error))
            raise Judged(f"{name} is right to about {places} digits only: {SOURCES}.", "single")


def of_the_dtype(case, answer):
    """float64 in, float64 out; float32 in, float32 out."""
    single = tuple(_as_single(a) for a in answer.arguments)
    if all(a is b for a, b in zip(single, answer.arguments)):
        return
    for name, expected in answer.expected.items():
        found = answer.found[name]
        if expected.dtype == np.float64 and found.dtype.kind == "f" and found.dtype.itemsize < 8:
            text = f"{name} is {found.dtype}, but float64 went in. Make arrays with the dtype of the input."
            raise Judged(text, "single")
    expected, (found, returned, _) = case.ours(single), case.call(single)
    for name, right in expected.items():
        value, plain = found[name], type(returned[name]) in (float, int)  # a Python number keeps no dtype
        if right.dtype == np.float32 and value.dtype.kind == "f" and value.dtype.itemsize > 4 and not plain:
            raise Judged(
                f"float32 went in, but {name} came out as {value.dtype}: a {value.dtype} constant or array crept in. "
                "It takes twice the memory and is slow on most GPUs.",
                "C16",
            )


def in_float32(case, answer):
    """float32 in: the right values."""
    _compare_in_float32(case, answer, 1)


def in_large_float32(case, answer):
    """The right values for numbers 32 times as large in float32, whose exp it cannot hold."""
    if "huge" not in case.exercise.outside:
        _compare_in_float32(case, answer, 32)


def _compare_in_float32(case, answer, times):
    wide = tuple(_times(a, times) for a in answer.arguments)
    single = tuple(_as_single(a) for a in wide)
    if all(a is b for a, b in zip(single, wide)):
        return
    try:
        exact, expected = (answer.expected if times == 1 else case.ours(wide)), case.ours(single)
    except Exception:
        return
    found = case.call(single)[0]
    for name, right in expected.items():
        value = found[name]
        if right.dtype.kind != "f" or value.shape != right.shape:
            continue
        ours = np.abs(right.astype(np.float64) - exact[name])
        cost = float(np.where(np.isfinite(ours), ours, 0).max(initial=0.0))
        allowed = ROUNDING * scale(right) + TIMES_OURS * cost
        gap = np.abs(value.astype(np.float64) - right)
        off = np.isfinite(right) & ~(gap <= allowed)
        if off.any():
            index = tuple(int(i) for i in np.argwhere(off)[0])
            place = entry(case.exercise, name, index, right.ndim)
            values = digits(value[index], right[index])
            which = "float32 input" if times == 1 else f"{times} times the input in float32"
            raise Judged(f"With {which} {place} is {values[0]}, expected {values[1]}; float64 is right.", "float32")


def _times(value, factor):
    if isinstance(value, np.ndarray) and value.dtype == np.float64 and factor != 1:
        return value * factor
    return each(value, lambda v: _times(v, factor))


def _as_single(value):
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return value.astype(np.float32)
    return each(value, _as_single)


def each(value, change):
    """A list, tuple or dict with each entry changed; anything else as it is."""
    if isinstance(value, (tuple, list)):
        changed = [change(v) for v in value]
        return value if all(a is b for a, b in zip(changed, value)) else type(value)(changed)
    if isinstance(value, dict):
        changed = {key: change(v) for key, v in value.items()}
        return value if all(changed[key] is value[key] for key in value) else changed
    return value


def of_views(case, answer):
    """Arrays in another order of memory give the same: mirrored and cut out of others, or in Fortran's order."""
    for view, kind in ((_cut_out, "a view of another (not contiguous)"), (_fortran, "in Fortran's order")):
        own = copy.deepcopy(answer.arguments)
        arguments = tuple(_viewed(a, view) for a in own)
        if all(a is b for a, b in zip(arguments, own)):
            continue
        try:
            found = {name: np.asarray(value) for name, value in case.raw(arguments).items()}
        except Judged as judged:
            raise Judged(f"With an array that is {kind} {judged.verdict.text}", "view") from None
        for name, expected in answer.expected.items():
            if not agree(found[name], expected):
                why = "reshape and ravel copy such an array, and memory is not in the order of the axes"
                raise Judged(f"With an array that is {kind} {name} is wrong: {why}.", "view")


def _viewed(value, view):
    if not isinstance(value, np.ndarray) or not value.ndim or not value.size:
        return each(value, lambda v: _viewed(v, view))
    return view(value)


def _fortran(value):
    return np.asfortranarray(value) if value.ndim > 1 else value


def _cut_out(value):
    wide = np.zeros((*value.shape[:-1], value.shape[-1] + 3), value.dtype)
    wide[..., 1:-2] = value[::-1]
    return wide[::-1, ..., 1:-2] if value.ndim > 1 else _mirrored(value)


def _mirrored(value):
    wide = np.zeros(2 * len(value), value.dtype)
    wide[::2] = value[::-1]
    return wide[::2][::-1]


def of_read_only_arrays(case, answer):
    """Arrays that cannot be written into will do."""
    own = copy.deepcopy(answer.arguments)
    locked = tuple(a if place in case.exercise.changes else _locked(a) for place, a in enumerate(own))
    try:
        case.raw(locked)
    except Judged as judged:
        if "read-only" not in judged.verdict.text:
            raise
        raise Judged(
            f"{case.exercise.name} writes into its input, even if it puts the values back. Work on a copy.\n"
            f"({judged.verdict.text})",
            "unchanged",
        ) from None


def _locked(value):
    if not isinstance(value, np.ndarray):
        return each(value, _locked)
    locked = value.copy()
    locked.setflags(write=False)
    return locked


def kept_between_calls(case, answer):
    """A later call with other values changes nothing that an earlier one returned, nor the next result."""
    other = tuple(_halved(a) for a in answer.arguments)
    if all(a is b for a, b in zip(other, answer.arguments)):
        return
    changed = [name for i, name in zip(case.exercise.changes, reversed(case.exercise.outputs))]
    first = {name: np.asarray(value) for name, value in case.call(answer.arguments)[1].items()}
    before = {name: value.copy() for name, value in first.items()}
    try:
        case.ours(other)
    except Exception:
        return
    case.call(other)
    for name, value in first.items():
        if name not in changed and not np.array_equal(value, before[name], equal_nan=value.dtype.kind == "f"):
            raise Judged(
                f"A second call changes the {name} that the first one returned: an array is kept between the calls. "
                "Make a new one in each call.",
                "C15",
            )
    again = case.call(answer.arguments)[0]
    if not all(agree(again[name], value) for name, value in before.items()):
        raise Judged("After a call with other values the first result does not come again: something is kept.", "kept")


def of_other_values(case, answer):
    """Half of every array gives the right result too: nothing is remembered, and no value is special."""
    other = tuple(_halved(a) for a in answer.arguments)
    if all(a is b for a, b in zip(other, answer.arguments)):
        return
    try:
        expected = case.ours(other)
    except Exception:
        return
    found = case.call(other)[0]
    if all(np.isfinite(v).all() for v in expected.values()) and not all(agree(found[n], expected[n]) for n in expected):
        raise Judged("With all arrays halved the result is wrong.", "halved")


def _halved(value):
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value / 2
    return each(value, _halved)


def in_linear_time(case, answer):
    """Four times the pictures take about four times as long, as far as pictures are independent of each other."""
    if answer is not case.answers[0]:
        return
    for times in GROWTH:
        try:
            small, large = (_seconds(case, answer, many) for many in (times, 4 * times))
        except Exception:  # a recursion that is too deep, for example: it was right for the usual sizes
            return
        if small is None or large is None:
            return
        if small > MEASURABLE:
            if large > QUADRATIC * small:
                word = f"Right, but slow: with 4 times as many pictures it takes {large / small:.0f} times as long."
                raise Judged(word, "slow")
            return


def _seconds(case, answer, times):
    """The least time of a processor for the probe's pictures, repeated; None if ours does not treat each alone."""
    many = _pictures(answer)
    arguments = tuple(_repeated(a, many, times) for a in answer.arguments)
    if not many or all(a is b for a, b in zip(arguments, answer.arguments)):
        return None
    expected = case.ours(arguments)
    if any(not agree(expected[name], np.tile(v, (times, *[1] * (v.ndim - 1)))) for name, v in answer.expected.items()):
        return None
    laps = []
    for _ in range(2):
        own = copy.deepcopy(arguments)
        start = time.thread_time()
        case.raw(own)
        laps.append(time.thread_time() - start)
    return min(laps)


def _pictures(answer):
    """How many pictures every output has, along its first axis; 0 if they differ."""
    counts = {len(v) if v.ndim else 0 for v in answer.expected.values()}
    return counts.pop() if len(counts) == 1 else 0


def _repeated(value, many, times):
    if isinstance(value, np.ndarray) and value.ndim and len(value) == many:
        return np.tile(value, (times, *[1] * (value.ndim - 1)))
    return value


EARLY = (whole_numbers, of_the_dtype)  # before the late properties of an exercise
LATE = (all_digits, in_float32, of_views, of_read_only_arrays, kept_between_calls, of_other_values, in_linear_time)

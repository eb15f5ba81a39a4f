"""Check the form of an answer whose values are right: what later cells, or a user of the function, would trip over.

Each check is called as check(case, answer) and raises `Judged`. Nothing here knows an exercise.
"""

import numpy as np

from tinyalex.teaching.mistakes import Judged
from tinyalex.teaching.values import agree, digits, relative_error, scale
from tinyalex.teaching.where import entry

DIGITS = 3e-9  # a right answer in float64 agrees to this; all of ours do to 1e-12
ROUNDING = 1e-4  # of the largest entry: what float32 may cost
TIMES_OURS = 64.0  # or so many times what it costs ours
SOURCES = "an array made with another dtype, or an approximation such as a small ε"
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
            use = "a choice" if wanted == "b" else "a count or an index"
            raise Judged(f"{what}; expected {_kind(expected)}: later code uses it as {use}.", "kind")


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
        if right.dtype == np.float32 != value.dtype and value.dtype.itemsize > 4 and not plain:
            raise Judged(
                f"float32 went in, but {name} came out as {value.dtype}: a {value.dtype} constant or array crept in. "
                "It takes twice the memory and is slow on most GPUs.",
                "C16",
            )


def in_float32(case, answer):
    """float32 in: the right values."""
    single = tuple(_as_single(a) for a in answer.arguments)
    if all(a is b for a, b in zip(single, answer.arguments)):
        return
    expected, (found, _, _) = case.ours(single), case.call(single)
    for name, right in expected.items():
        value = found[name]
        if right.dtype.kind != "f" or value.shape != right.shape:
            continue
        ours = np.abs(right.astype(np.float64) - answer.expected[name])
        cost = float(np.where(np.isfinite(ours), ours, 0).max(initial=0.0))
        allowed = ROUNDING * scale(right) + TIMES_OURS * cost
        gap = np.abs(value.astype(np.float64) - right)
        off = np.isfinite(right) & ~(gap <= allowed)
        if off.any():
            index = tuple(int(i) for i in np.argwhere(off)[0])
            place = entry(case.exercise, name, index, right.ndim)
            values = digits(value[index], right[index])
            raise Judged(
                f"With float32 input {place} is {values[0]}, expected {values[1]}; float64 is right.", "float32"
            )


def _as_single(value):
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return value.astype(np.float32)
    return _each(value, _as_single)


def _each(value, change):
    """A list, tuple or dict with each entry changed; anything else as it is."""
    if isinstance(value, (tuple, list)):
        changed = [change(v) for v in value]
        return value if all(a is b for a, b in zip(changed, value)) else type(value)(changed)
    if isinstance(value, dict):
        changed = {key: change(v) for key, v in value.items()}
        return value if all(changed[key] is value[key] for key in value) else changed
    return value


def of_views(case, answer):
    """Arrays that are views of others, mirrored and cut out, give the same."""
    self_made = tuple(_as_view(a) for a in answer.arguments)
    if all(a is b for a, b in zip(self_made, answer.arguments)):
        return
    why = "With an array that is a view of another (not contiguous)"
    try:
        values = case.raw(self_made)
        found = {name: np.asarray(value) for name, value in values.items()}
    except Judged as judged:
        text = judged.verdict.text
        raise Judged(f"{why} {text}", "view") from None
    for name, expected in answer.expected.items():
        if not agree(found[name], expected):
            raise Judged(f"{why} {name} is wrong: reshape and ravel copy such an array.", "view")


def _as_view(value):
    if not isinstance(value, np.ndarray) or not value.ndim or not value.size:
        return _each(value, _as_view)
    wide = np.zeros((*value.shape[:-1], value.shape[-1] + 3), value.dtype)
    wide[..., 1:-2] = value[::-1]
    return wide[::-1, ..., 1:-2] if value.ndim > 1 else _mirrored(value)


def _mirrored(value):
    wide = np.zeros(2 * len(value), value.dtype)
    wide[::2] = value[::-1]
    return wide[::2][::-1]


def of_read_only_arrays(case, answer):
    """Arrays that cannot be written into will do."""
    locked = tuple(a if place in case.exercise.changes else _locked(a) for place, a in enumerate(answer.arguments))
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
        return _each(value, _locked)
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
        expected = case.ours(other)
    except Exception:
        return
    second = case.call(other)[0]
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
    if all(np.isfinite(v).all() for v in expected.values()) and not all(
        agree(second[n], expected[n]) for n in expected
    ):
        raise Judged("With all arrays halved the result is wrong.", "halved")


def _halved(value):
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value / 2
    return _each(value, _halved)


CHECKS = (whole_numbers, of_the_dtype, all_digits, in_float32, of_views, of_read_only_arrays, kept_between_calls)

"""Compare an answer with ours for arguments that no probe has."""

import numpy as np

from tinyalex.teaching.forms import each
from tinyalex.teaching.mistakes import Judged
from tinyalex.teaching.values import agree, digits
from tinyalex.teaching.where import entry


def compare_at(case, answer, arguments, when, id, allowed=None):
    """Raise `Judged` if the learner's results differ from ours for these arguments; False if ours has none.

    when: completes "Right for the usual arguments, but not …"
    allowed: {output: the most that it may be off}, others are not compared;  None: as in `values.agree`
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
        whole = not right.ndim and right.dtype.kind == "f" and value.dtype.kind in "iu"  # as 1, where 1.0 is right
        if not whole and value.dtype.kind not in (answer.found[name].dtype.kind, right.dtype.kind):
            raise Judged(f"{usual} {name} is {value.dtype}, expected {right.dtype}.", id)
        if allowed is not None and name not in allowed:
            continue
        if not (agree(value, right) if allowed is None else np.all(np.abs(value - right) <= allowed[name])):
            off = np.nan_to_num(np.abs(np.subtract(value, right, dtype=np.float64)), nan=np.inf)
            index = tuple(int(i) for i in np.unravel_index(off.argmax(), off.shape))
            where = entry(case.exercise, name, index, right.ndim)
            raise Judged("{} {} is {}, expected {}.".format(usual, where, *digits(value[index], right[index])), id)
    return True


def is_float_array(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def each_inside(value, change):
    """The value changed, or each of a list's, tuple's or dict's, at any depth."""
    if isinstance(value, (tuple, list, dict)):
        return each(value, lambda v: each_inside(v, change))
    return change(value)


def replaced(arguments, place, value):
    return (*arguments[:place], value, *arguments[place + 1 :])

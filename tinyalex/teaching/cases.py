"""Special cases of an exercise, one picture or zeros, checked once the usual arguments give the right values."""

import copy

import numpy as np

from tinyalex.teaching.examine import message_of
from tinyalex.teaching.exercise import NotDoneYet, Property, kind_of
from tinyalex.teaching.values import agree, digits


def case(when, ours, arguments, outputs=("y",), changes=(), id="case"):
    """A late `Property`: for these arguments too, a function gives what `ours` gives.

    Such arguments are no probes: many a known mistake fails on them, or agrees with another, and would lose its name.

    when: completes "Right for the usual arguments, but not …", for example "for one picture alone"
    arguments: a function without arguments, as a probe;  outputs, changes: as the exercise has them
    """

    def holds(function):
        expected = _results(ours, arguments(), outputs, changes)
        try:
            found = _results(function, arguments(), outputs, changes)
        except NotDoneYet:
            raise
        except (Exception, SystemExit) as error:
            return f"It fails with {type(error).__name__}: {(message_of(error).splitlines() or [''])[0]}"
        if len(found) != len(expected):
            return f"It returns {len(found)} value{'s' * (len(found) != 1)}, expected {len(expected)}."
        return next(filter(None, map(_difference, outputs, found, expected)), None)

    return Property(id, holds, f"Right for the usual arguments, but not {when}.", late=True)


def _results(function, arguments, outputs, changes):
    arguments = copy.deepcopy(arguments)
    result = function(*arguments)
    several = isinstance(result, (tuple, list)) or len(outputs) > 1 and np.shape(result) == (len(outputs),)
    values = () if changes else result if several else (result,)
    return [*values, *(arguments[i] for i in changes)]


def _difference(name, found, expected):
    """The entry that differs most, in words; None if all agree."""
    expected = np.asarray(expected)
    if not isinstance(found, (np.ndarray, np.generic, float, int)):
        return f"{name} is {kind_of(found)}, expected an array."
    found = np.asarray(found)
    if found.shape != expected.shape:
        return f"{name}.shape is {found.shape}, expected {expected.shape}."
    if agree(found, expected):
        return None
    off = np.nan_to_num(np.abs(np.subtract(found, expected, dtype=np.float64)), nan=np.inf)
    at = tuple(int(i) for i in np.unravel_index(off.argmax(), off.shape))
    where = f"{name}[{', '.join(map(str, at))}]" if at else name
    return "{} is {}, expected {}.".format(where, *digits(found[at] + 0, expected[at] + 0))

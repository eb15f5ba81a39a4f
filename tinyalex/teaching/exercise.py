"""The parts of a lesson: its exercises, and for each the known mistakes and other things to check."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

PICTURE_AXES = ("picture", "row", "column", "channel")
KERNEL_AXES = ("kernel row", "kernel column", "channel in", "channel out")


class NotDoneYet(Exception):
    """The body of an exercise raises this until the learner replaces it."""


class WrongKind(ValueError):
    """An answer returned, or asked for, something of the wrong kind; the message tells the learner."""


@dataclass(frozen=True)
class Wrong:
    """A common mistake: a function that makes it, with the exercise's arguments, and the message to the learner.

    id: names the mistake, for example "L9"
    """

    id: str
    function: Callable
    message: str


@dataclass(frozen=True)
class Property:
    """A condition on results that cannot be compared entry by entry: random draws, caches, whole runs.

    id: names the mistake, for example "L9";  message: tells the learner that the condition fails
    holds: called with the learner's function; returns False, or a text with more detail, if the condition fails
    late: check only after the values are right, because simpler mistakes would break the condition too
    about: what it judges, in words of its exercise's own. Two that share no word fail for different reasons, and are
        told together;  "": told alone, because others may fail for the same reason
    """

    id: str
    holds: Callable
    message: str
    late: bool = False
    about: str = ""


@dataclass(frozen=True)
class Exercise:
    """One function for the learner to write, and everything needed to judge it.

    id: for example "09-backward";  name: of the function;  ours: a right version
    probes: functions without arguments; each returns the float64 arguments of one call. No parameter is at its
        default, at 1, or equal to another; at least two pictures, not square, with at least three channels
    outputs: the names of the returned values, in order;  axes: {output: the names of its axes}
    changes: positions of the arguments that the function must write into
    wrong: known mistakes, most specific first;  properties: other conditions
    ratios: (number or function of a probe's arguments, message) for answers that are too large by a constant factor
    by_hand: function (arguments, output, index) that works out one entry in words and numbers
    outside: ids of the corners (`tinyalex.teaching.corners`) that lie outside of what its arguments may be
    hints: a question, the formula, the decisive line;  compare: False if random draws make entries incomparable
    """

    id: str
    name: str
    ours: Callable
    probes: tuple = ()
    outputs: tuple = ("y",)
    axes: dict | None = None
    changes: tuple = ()
    wrong: tuple = ()
    ratios: tuple = ()
    properties: tuple = ()
    by_hand: Callable | None = None
    outside: tuple = ()
    hints: tuple = ()
    compare: bool = True

    def read(self, result, arguments):
        """The outputs of a call: {name: value}. `WrongKind` if `result` does not match `outputs`.

        arguments: after the call; those in `changes` come last among the outputs
        """
        returned = len(self.outputs) - len(self.changes)
        if returned and result is None:
            raise WrongKind(f"returns nothing, expected {', '.join(self.outputs[:returned])}; a return is missing")
        values = () if returned == 0 else (result,) if returned == 1 else result
        if isinstance(values, np.ndarray) and values.shape == (returned,) and returned > 1:
            # an array of two numbers will do for two numbers, and has one dtype for both
            values = tuple(values.tolist() if values.dtype == np.float64 else values)
        if not isinstance(values, (tuple, list)) or len(values) != returned:
            names = ", ".join(self.outputs[:returned])
            raise WrongKind(f"returns {kind_of(result)}, expected {returned} values: {names}")
        return dict(zip(self.outputs, (*values, *(arguments[i] for i in self.changes))))

    def names_of_axes(self, output, ndim):
        names = (self.axes or {}).get(output) or (PICTURE_AXES if ndim == 4 else ())
        return names if len(names) == ndim else tuple(f"axis {i}" for i in range(ndim))


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    number: for example "09"
    minutes: of a reader who writes every answer;  seconds: computing time of the notebook on two cores
    exercises: in the order of the notebook;  helpers: {name: function} from other cells, for answers to use
    """

    number: str
    title: str
    minutes: int
    seconds: int
    exercises: tuple
    helpers: dict = field(default_factory=dict)


def kind_of(value):
    """A returned value in words: "a tuple of 3", "one array of shape (2, 3)", "an int" or "None", for example."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"one array of shape {value.shape}"
    name = type(value).__name__
    name = f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"
    return f"{name} of {len(value)}" if isinstance(value, (tuple, list)) else name

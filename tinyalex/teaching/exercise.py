"""What a lesson asks for: exercises, and the mistakes that are known for each."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

PICTURE_AXES = ("picture", "row", "column", "channel")


class NotDoneYet(Exception):
    """What the body of an exercise raises until the learner writes one."""


class WrongKind(ValueError):
    """What an answer returned or asked for is of the wrong kind; the message tells the learner."""


@dataclass(frozen=True)
class Wrong:
    """A mistake that people make: a function with the same arguments that makes it, and what to tell who made it.

    id: its row in the zoo of mistakes, "L9" say
    """

    id: str
    function: Callable
    message: str


@dataclass(frozen=True)
class Property:
    """Something that must hold, for what cannot be compared entry by entry: draws, caches, whole runs.

    holds: a function of the learner's function; False, or a text that says more, where it does not hold
    late: asked after the values are right, where a plainer mistake would break it too
    """

    id: str
    holds: Callable
    message: str
    late: bool = False


@dataclass(frozen=True)
class Exercise:
    """One function that the learner writes, and all that it takes to judge it.

    id: "09-backward";  name: what the function is called;  ours: a right one
    probes: functions without arguments, each of which makes the (float64) arguments of a call; no parameter at its
        default, at 1, or equal to another; oblong pictures, at least two of them, at least three channels
    outputs: the names of what is returned, in order; one name for a function that returns one thing
    axes: for an output, what its axes are called;  changes: arguments (by position) that the function is to write into
    wrong: known mistakes, most specific first;  properties: what else must hold
    ratios: (number or function of a probe's arguments, message) for answers that are a constant times too large
    by_hand: function (arguments, output, index) -> the sum behind one entry, in words and numbers
    hints: a question, the formula, the line;  compare: False where draws make entries incomparable
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
    hints: tuple = ()
    compare: bool = True

    def read(self, result, arguments):
        """What a call gave as {name: value}. `WrongKind` if it is of another kind.

        An argument that is to be written into is read after the call, under the next of the names.
        """
        returned = len(self.outputs) - len(self.changes)
        if returned and result is None:
            raise WrongKind(f"returns nothing, expected {', '.join(self.outputs[:returned])}; a return is missing")
        values = () if returned == 0 else (result,) if returned == 1 else result
        if not isinstance(values, (tuple, list)) or len(values) != returned:
            raise WrongKind(
                f"returns {_kind(result)}, expected {returned} things: {', '.join(self.outputs[:returned])}"
            )
        return dict(zip(self.outputs, (*values, *(arguments[i] for i in self.changes))))

    def names_of_axes(self, output, ndim):
        names = (self.axes or {}).get(output) or (PICTURE_AXES if ndim == 4 else ())
        return names if len(names) == ndim else tuple(f"axis {i}" for i in range(ndim))


@dataclass(frozen=True)
class Lesson:
    """number: "09";  seconds: what it takes on two cores;  exercises: in the order of the notebook.

    helpers: {name: function} of what other cells of the notebook define and answers may use
    """

    number: str
    title: str
    seconds: int
    exercises: tuple
    helpers: dict = field(default_factory=dict)


def _kind(value):
    if isinstance(value, np.ndarray):
        return f"one array of shape {value.shape}"
    return f"{len(value)} things" if isinstance(value, (tuple, list)) else f"a {type(value).__name__}"

"""Single steps by which a right answer becomes a wrong one, on its arguments or on its results, each with its words.

An argument is exchanged with another, fixed, turned over, shifted; a result is scaled, shifted, flipped, cut short.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np

from tinyalex.teaching.exercise import KERNEL_AXES, PICTURE_AXES

USUAL_WHOLE = (0, 1, 2, 3, 5)
USUAL = (0.0, 1.0, 0.5, 2.0, 0.9, 0.75, 0.01, 1e-4, 5e-4)
OF_NUMBERS: tuple[tuple[str, Callable], ...] = (
    ("1 − {0}", lambda a: 1 - a),
    ("1 / {0}", lambda a: 1 / a),
    ("1 / (1 − {0})", lambda a: 1 / (1 - a)),
    ("−{0}", lambda a: -a),
    ("2 · {0}", lambda a: 2 * a),
    ("{0} / 2", lambda a: a / 2),
    ("{0}²", lambda a: a * a),
    ("√{0}", math.sqrt),
)
OF_WHOLE: tuple[tuple[str, Callable], ...] = (
    ("{0} + 1", lambda a: a + 1),
    ("{0} − 1", lambda a: a - 1),
    ("2 · {0}", lambda a: 2 * a),
    ("{0} // 2", lambda a: a // 2),
)
OF_ENTRIES: tuple[tuple[str, str, Callable], ...] = (
    ("sign", "with the opposite sign", np.negative),
    ("abs", "without its signs", np.abs),
    ("square", "squared", np.square),
    ("root", "after a square root", lambda y: np.sqrt(np.maximum(y, 0))),
    ("exp", "after exp", np.exp),
    ("log", "after log", lambda y: np.log(np.where(y > 0, y, np.nan))),
    ("inverse", "upside down (1 / it)", lambda y: 1 / y),
    ("complement", "subtracted from 1", lambda y: 1 - y),
    ("clip", "cut off at 0 and 1", lambda y: np.clip(y, 0, 1)),
    ("clip", "cut off below 0", lambda y: np.maximum(y, 0)),
    ("round", "rounded to whole numbers", np.round),
    ("floor", "rounded down to whole numbers", np.floor),
    ("double", "doubled", lambda y: 2 * y),
    ("more", "plus 1", lambda y: y + 1),
    ("less", "minus 1", lambda y: y - 1),
    ("centre", "minus its own mean", lambda y: y - y.mean()),
    ("half", "halved", lambda y: y / 2),
)


OF_INPUTS = ("sign", "abs", "square", "clip", "round", "floor", "double", "centre", "half")  # plausible ones


@dataclass(frozen=True)
class Step:
    """One step. id: names the mistake;  words: what is different;  change: of arguments (a tuple) or an array."""

    id: str
    words: str
    change: Callable[..., Any]


def names_of(function):
    """The names of a function's arguments."""
    return list(signature(function).parameters)


# ---------------------------------------------------------------------------------------------- of the arguments


def of_arguments(exercise, calls):
    """Steps that change the arguments. calls: the arguments of every probe, the one to be explained first."""
    names, arguments = names_of(exercise.ours), calls[0]
    steps = []
    for i, j in itertools.combinations(range(len(arguments)), 2):
        if _exchangeable(arguments[i], arguments[j]):
            steps.append(Step("exchanged", f"{names[i]} and {names[j]} exchanged", _exchange(i, j)))
            steps.append(Step("exchanged", f"{names[j]} in the place of {names[i]}", _copy(i, j)))
            steps.append(Step("exchanged", f"{names[i]} in the place of {names[j]}", _copy(j, i)))
    for i, value in enumerate(arguments):
        others = [call[i] for call in calls[1:] if i < len(call)]
        if i not in exercise.changes:
            steps += [Step(s.id, s.words, _at(i, s.change)) for s in _of_one(names[i], value, others)]
    return steps


def _exchangeable(a, b):
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype.kind == b.dtype.kind and a.ndim == b.ndim
    number = (int, float, np.number)
    if isinstance(a, number) and isinstance(b, number):
        return isinstance(a, bool) == isinstance(b, bool)
    return type(a) is type(b) and (not hasattr(a, "__len__") or len(a) == len(b))


def _exchange(i, j):
    def change(arguments):
        made = list(arguments)
        made[i], made[j] = made[j], made[i]
        return tuple(made)

    return change


def _copy(i, j):
    return lambda arguments: (*arguments[:i], arguments[j], *arguments[i + 1 :])


def _at(i, change):
    return lambda arguments: (*arguments[:i], change(arguments[i]), *arguments[i + 1 :])


def _of_one(name, value, others):
    """Steps that change one argument. others: its values in other probes."""
    if isinstance(value, (bool, np.bool_)):
        return [Step("fixed", f"{name} = {v}, whatever is asked", _always(v)) for v in (True, False)]
    if isinstance(value, (int, np.integer)):
        return [*_fixed(name, value, USUAL_WHOLE, others), *_changed(name, OF_WHOLE)]
    if isinstance(value, (float, np.floating)):
        return [*_fixed(name, value, USUAL, others), *_changed(name, OF_NUMBERS)]
    if isinstance(value, str):
        return _fixed(name, value, (), others)
    if isinstance(value, np.ndarray):
        return _of_array(name, value)
    if isinstance(value, (tuple, list)) and len(value) > 1:
        return _of_row(name, value)
    return []


def _always(value):
    return lambda _: value


def _fixed(name, value, usual, others):
    values = dict.fromkeys([*usual, *(o for o in others if isinstance(o, (int, float, str)))])
    return [
        Step("fixed" if v else "zero", f"{name} = {v!r}, whatever is asked", _always(v)) for v in values if v != value
    ]


def _changed(name, changes):
    return [Step("argument", f"{words.format(name)} in the place of {name}", change) for words, change in changes]


def _of_row(name, value):
    """Steps for a tuple or a list: (rows, columns), or one entry per layer."""
    kind = type(value)
    steps = [Step("order", f"{name} in reverse order", lambda v: kind(v[::-1]))]
    if all(isinstance(v, (int, float, str)) for v in value):
        steps.append(Step("part", f"the first of {name} used for all", lambda v: kind(v[:1] * len(v))))
        steps.append(Step("part", f"the last of {name} used for all", lambda v: kind(v[-1:] * len(v))))
    if all(isinstance(v, int) for v in value):
        steps += [Step("fixed", f"{name} all {u}, whatever is asked", _filled(kind, u)) for u in (0, 1, 2)]
    if kind is list or len(value) > 2:
        steps.append(Step("part", f"{name} without its last entry", lambda v: kind(v[:-1])))
        steps.append(Step("part", f"{name} without its first entry", lambda v: kind(v[1:])))
        steps.append(Step("part", f"the first entry of {name} alone", lambda v: kind(v[:1])))
    return steps


def _filled(kind, value):
    return lambda v: kind([value] * len(v))


def _of_array(name, value):
    steps = []
    if value.dtype.kind == "b":
        steps += [Step("argument", f"{name} the other way round", np.logical_not)]
        steps += [Step("zero", f"{name} all {word}", _full(word)) for word in (True, False)]
    elif value.dtype.kind in "iu":
        steps += [Step("argument", f"{name} + 1", lambda a: a + 1), Step("argument", f"{name} − 1", lambda a: a - 1)]
        steps += [Step("argument", f"{name} sorted", np.sort), Step("zero", f"{name} all 0", np.zeros_like)]
    else:
        steps.append(Step("zero", f"{name} all 0", np.zeros_like))
        steps.append(Step("zero", f"{name} all 1", np.ones_like))
        entries = [s for s in OF_ENTRIES if s[0] in OF_INPUTS]
        steps += [Step("argument", f"{name} {words}", change) for _, words, change in entries]
    axes = KERNEL_AXES if value.ndim == 4 and name in ("weight", "kernel") else ()
    steps += [Step(s.id, f"{name} {s.words}", s.change) for s in _moves(value, axes)]
    if len(value.shape) and len(value) > 1:
        word = (axes or PICTURE_AXES)[0] if value.ndim == 4 else "row" if value.ndim > 1 else "entry"
        steps.append(Step("part", f"the first {word} of {name} for all", lambda a: np.repeat(a[:1], len(a), 0)))
        steps.append(Step("part", f"the last {word} of {name} for all", lambda a: np.repeat(a[-1:], len(a), 0)))
        steps.append(Step("part", f"0 in the last {word} of {name}", _without_last))
        steps.append(Step("part", f"0 in the first {word} of {name}", _without_first))
    return steps


def _full(value):
    return lambda a: np.full_like(a, value)


def _without_last(a):
    made = a.copy()
    made[-1] = 0
    return made


def _without_first(a):
    made = a.copy()
    made[0] = 0
    return made


# ---------------------------------------------------------------------------------------------- of the results


def word_of(axis, ndim, names=(), article="the "):
    """An axis in words: "the rows", or "axis 1"."""
    names = names or (PICTURE_AXES if ndim == 4 else ())
    word = names[axis] if len(names) == ndim else f"axis {axis}"
    return word if word.startswith("axis") else f"{article}{plural(word)}"


def plural(word):
    """ "rows" for "row", "classes" for "class"; "row, places" for "row, place"; "channels in" for "channel in"."""
    if word.endswith((" in", " out")):
        first, last = word.rsplit(" ", 1)
        return f"{plural(first)} {last}"
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}es" if word.endswith(("s", "x")) else f"{word}s"


def _moves(value, names=()):
    """Steps that leave the numbers and put them elsewhere."""
    n, steps = value.ndim, []
    for axis in range(n):
        if value.shape[axis] < 2:
            continue
        word = word_of(axis, n, names)
        steps.append(Step("turned", f"turned round along {word}", _flip(axis)))
        for way in (1, -1):
            steps.append(Step("shifted", f"shifted by one along {word}", _roll(axis, way)))
            steps.append(Step("shifted", f"shifted by one along {word}, with 0 at the end", _shift(axis, way)))
    for order in itertools.permutations(range(n)) if 2 <= n <= 4 else ():
        if order != tuple(range(n)):
            moved = ", ".join(word_of(a, n, names, "") for a in order)
            steps.append(Step("axes", f"with its axes in the order ({moved})", _transpose(order)))
            steps.append(Step("axes", f"unrolled in the order ({moved})", _unrolled(order)))
            steps.append(Step("axes", f"as if it had been unrolled in the order ({moved})", _rolled(order)))
    return steps


def _flip(axis):
    return lambda y: np.flip(y, axis)


def _roll(axis, way):
    return lambda y: np.roll(y, way, axis)


def _shift(axis, way):
    def change(y):
        made = np.moveaxis(np.roll(y, way, axis), axis, 0)
        made[0 if way > 0 else -1] = 0
        return np.moveaxis(made, 0, axis)

    return change


def _transpose(order):
    return lambda y: y.transpose(order)


def _unrolled(order):
    return lambda y: y.transpose(order).reshape(y.shape)


def _rolled(order):
    back = np.argsort(order)
    return lambda y: y.reshape([y.shape[a] for a in order]).transpose(back)


def of_results(value, names=()):
    """Steps that change a result. value: the right one;  names: of its axes."""
    steps = []
    if value.dtype.kind == "b":
        steps.append(Step("sign", "the other way round", np.logical_not))
    elif value.dtype.kind in "iuf":
        steps += [Step(*parts) for parts in OF_ENTRIES]
    steps += _moves(value, names)
    for axis in range(value.ndim):
        word = word_of(axis, value.ndim, names)
        for what in ("sum", "mean", "max"):
            for keep in (False, True):
                kept = ", kept as an axis of 1" if keep else ""
                steps.append(Step("reduced", f"reduced to its {what} over {word}{kept}", _reduced(what, axis, keep)))
        steps.append(Step("part", f"cut down to the first of {word}", _take(axis, 0)))
        steps.append(Step("part", f"cut down to the last of {word}", _take(axis, -1)))
        steps.append(Step("short", f"without the last of {word}", _cut(axis, slice(None, -1))))
        steps.append(Step("short", f"without the first of {word}", _cut(axis, slice(1, None))))
        steps.append(Step("short", f"with 0 in the last of {word}", _zero(axis, -1)))
        steps.append(Step("short", f"with 0 in the first of {word}", _zero(axis, 0)))
        steps.append(Step("part", f"with the last of {word} everywhere", _everywhere(axis, -1)))
        steps.append(Step("part", f"with the first of {word} everywhere", _everywhere(axis, 0)))
        steps.append(Step("running", f"as running sums along {word}", _running(axis)))
        if value.dtype.kind == "f":
            steps.append(Step("share", f"divided by its sum over {word}", _share(axis)))
            steps.append(Step("centre", f"minus its mean over {word}", _centred(axis)))
    if value.ndim:
        steps.append(Step("flat", "as one flat row", np.ravel))
        steps.append(Step("reduced", "reduced to its sum", np.sum))
        steps.append(Step("reduced", "reduced to its mean", np.mean))
    return steps


def _reduced(what, axis, keep):
    return lambda y: getattr(np, what)(y, axis=axis, keepdims=keep)


def _take(axis, place):
    return lambda y: np.take(y, place, axis)


def _cut(axis, part):
    return lambda y: y[(slice(None),) * axis + (part,)]


def _zero(axis, place):
    def change(y):
        made = y.copy()
        made[(slice(None),) * axis + (place,)] = 0
        return made

    return change


def _everywhere(axis, place):
    return lambda y: np.broadcast_to(np.take(y, [place], axis), y.shape)


def _running(axis):
    return lambda y: np.cumsum(y, axis)


def _share(axis):
    return lambda y: y / y.sum(axis, keepdims=True)


def _centred(axis):
    return lambda y: y - y.mean(axis, keepdims=True)

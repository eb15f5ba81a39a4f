"""Methods that edited source calls: each does as the source says, or as the switch at its place says."""

import builtins
import inspect
import math

import numpy as np

from tinyalex.teaching.explain.changes import APPLY, AROUND, UNARY

MOST_BITS = 100_000  # of a whole number: n ** s, n times in a row, would take for ever
UNENDING = tuple(
    map(type, (np.r_, np.c_, np.s_, np.mgrid, np.ogrid))
)  # an array of one without its index is never done


class Endless(Exception):
    """An edit made the function take many more steps than without it."""


class Switches:
    """The positions of all switches, and the methods that the edited source calls."""

    def __init__(self):
        self.turn({}, math.inf)

    def turn(self, on, most):
        """Turn these switches on, and all others off, until `most` steps are done. on: {site: position}"""
        self.on, self.steps, self.most = on, 0, most

    def _step(self):
        self.steps += 1
        if self.steps > self.most:
            raise Endless

    def binary(self, site, choices, own, left, right):
        self.steps += 1  # not by _step: nothing is called as often
        if self.steps > self.most:
            raise Endless
        choice = self.on.get(site)
        if choice is None:
            return APPLY[own](left, right)
        what = choices[choice]
        if what == "left":
            return left
        if what == "right":
            return right
        if what == "turned":
            return APPLY[own](right, left)
        if what == "up":
            return -(-left // right)
        if what == "one less":
            return APPLY[own](left, right) - 1
        if what == "one more":
            return APPLY[own](left, right) + 1
        if isinstance(what, int):
            return _small(AROUND[what][2](APPLY[own](left, right)))
        if what == "**" and isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > MOST_BITS:
            raise Endless
        return _small(APPLY[what](left, right))

    def unary(self, site, own, value):
        return UNARY[own](value) if self.on.get(site) is None else value

    def number(self, site, value):
        choice = self.on.get(site)
        return value if choice is None else value + (1, -1)[choice]

    def cut(self, site, start, stop, step):
        choice = self.on.get(site)
        if choice == 0:
            start = None if start else 1
        elif choice == 1:
            stop = None if stop is not None else -1
        elif choice in (2, 3) and start is not None:
            start = start + (1, -1)[choice - 2]
        elif choice in (4, 5) and stop is not None:
            stop = stop + (1, -1)[choice - 4]
        elif choice == 6:
            step = None if step is not None else -1
        return slice(start, stop, step)

    def items(self, site, iterable):
        choice = self.on.get(site)
        if choice is not None:
            every = list(iterable)
            iterable = (every[1:], every[:-1], every[::-1], every[:1], every[-1:])[choice]
        for item in iterable:
            self._step()
            yield item

    def part(self, site, value, index):
        if self.on.get(site) is None:
            return value[index]
        if isinstance(value, UNENDING):
            raise Endless
        return value

    def attribute(self, site, value, name):
        return getattr(value, name) if self.on.get(site) is None else value

    def order(self, site, values):
        choice = self.on.get(site)
        if choice is None:
            return values
        swapped = list(values)
        swapped[choice], swapped[choice + 1] = swapped[choice + 1], swapped[choice]
        return tuple(swapped)

    def truth(self, site, value):
        self._step()
        choice = self.on.get(site)
        return value if choice is None else (not value, True, False)[choice]

    def call(self, site, choices, function, *arguments, **named):
        return self._called(site, choices, None, function, arguments, named)

    def method(self, site, choices, owner, name, *arguments, **named):
        return self._called(site, choices, owner, getattr(owner, name), arguments, named)

    def _called(self, site, choices, owner, function, arguments, named):
        self._step()
        if isinstance(owner, list) and _holds(arguments, owner):  # np.array would take for ever
            raise Endless
        if function is np.bincount and _too_large(arguments):
            raise Endless
        choice = self.on.get(site)
        if choice is None:
            return function(*arguments, **named)
        what, which = choices[choice]
        if isinstance(what, int):
            return AROUND[what][2](function(*arguments, **named))
        if what == "other":
            other = getattr(builtins, which, None) if owner is None else getattr(owner, which, None)
            other = other or (
                lambda *a, **k: getattr(np, which)(*(() if owner in (None, np, math) else (owner,)), *a, **k)
            )
            return other(*arguments, **named)
        if what == "first":
            return arguments[0] if owner is None or inspect.ismodule(owner) else owner
        if what == "without":
            return function(*arguments, **{key: value for key, value in named.items() if key != which})
        swapped = list(arguments)
        swapped[which], swapped[which + 1] = swapped[which + 1], swapped[which]
        return function(*swapped, **named)


def _small(value):
    if type(value) is int and value.bit_length() > MOST_BITS:
        raise Endless
    return value


def _too_large(arguments):
    """Whether a number in the first argument is 2⁴⁰ or more: for 2⁶³ − 1, np.bincount writes beyond its array."""
    numbers = np.asarray(arguments[0]) if arguments else np.empty(0)
    return numbers.dtype.kind in "iu" and numbers.size > 0 and int(numbers.max()) >= 2**40


def _holds(values, wanted):
    """Whether a list is among these values, or the tuples and lists in them."""
    return any(v is wanted or isinstance(v, (tuple, list)) and len(v) < 9 and _holds(v, wanted) for v in values)

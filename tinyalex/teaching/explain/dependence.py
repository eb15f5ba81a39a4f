"""The numbers of its arguments that a function's outputs depend on, alone and in pairs."""

import itertools
import math
import time

import numpy as np

from tinyalex.teaching.explain.versions import copied, outputs

MOST = 24  # numbers to change
SECONDS = 0.1  # of a processor, to change each two of them
CLEAR, LEAST = 1e-6, 1e-11  # of the largest output: what two changes do together, beyond what each does


class Dependence:
    """The numbers of some arguments, and what changes with them.

    names: of the outputs that count;  function: its time decides how many numbers are tried
    """

    def __init__(self, exercise, names, arguments, function):
        self.exercise, self.names, self.arguments = exercise, names, arguments
        start, ways = time.thread_time(), list(_ways(arguments))
        self._outputs(function)
        pairs = SECONDS / (time.thread_time() - start + 1e-6)
        many = int(min(MOST, max(4, math.sqrt(2 * pairs)), len(ways)))
        self.ways = [ways[i] for i in np.linspace(0, len(ways) - 1, many).astype(int)]

    def of(self, function, among=None):
        """The places of the numbers that a function depends on, (i,), of pairs that do more than each, (i, j), and
        the entries that each number moves, (i, "moves", entry).

        among: the only pairs to try, in which less is enough
        """
        plain = self._outputs(function)
        if plain is None:
            return set()
        alone = [self._outputs(function, way) for way in self.ways]
        found = {(i,) for i, made in enumerate(alone) if made is not None and not np.array_equal(made, plain)}
        small = (CLEAR if among is None else LEAST) * np.abs(plain).max(initial=0.0)
        for i, made in enumerate(alone):
            if made is not None and made.shape == plain.shape:
                found |= {(i, "moves", int(entry)) for entry in np.flatnonzero(np.abs(made - plain) > small)}
        for i, j in itertools.combinations(range(len(alone)), 2):
            if among is None or (i, j) in among:
                parts = plain, alone[i], alone[j], self._outputs(function, self.ways[i], self.ways[j])
                if all(part is not None and part.shape == plain.shape for part in parts):
                    if np.abs(parts[3] - parts[1] - parts[2] + plain).max(initial=0.0) > small:
                        found.add((i, j))
        return found

    def _outputs(self, function, *ways):
        """The outputs in one row, or None if the function fails."""
        arguments = copied(self.arguments)
        for way in ways:
            arguments = _changed(arguments, way)
        try:
            made = outputs(self.exercise, function, arguments)
        except Exception:  # a wrong version may fail on other numbers
            return None
        return np.concatenate([made[name].reshape(-1).astype(np.float64) for name in self.names])


def _ways(value):
    """The way to each number of some arguments: places and keys. To three numbers of an array."""
    if isinstance(value, (tuple, list, dict)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from ((key, *way) for way in _ways(part))
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
        yield from ((int(place),) for place in np.unique([0, value.size // 2, value.size - 1])[: value.size])
    elif type(value) in (int, float):
        yield ()


def _changed(value, way):
    """A copy of some arguments with one number changed."""
    if not way:
        return 2 * value if type(value) is int else 0.9 * value
    key, *rest = way
    if isinstance(value, np.ndarray):
        value = value.copy()
        value.flat[key] = 1.3 * value.flat[key] + 0.1
        return value
    made = dict(value) if isinstance(value, dict) else list(value)
    made[key] = _changed(made[key], rest)
    return tuple(made) if isinstance(value, tuple) else made

"""Averaged weights: a run can evaluate and save a mean over its last steps, which wavers less than each of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinyalex.backend import Array, array_module, ordered_map
from tinyalex.layers.blocks import blocks


class Average:
    """The exponential moving average of a network's parameters and state, such as running means.

        average ← d · average + (1 − d) · now,   d = min(decay, t / (t + 9)) after step t = 0, 1, 2, …

    d is small at first: the average starts as the weights after the first step, and soon forgets them. State is
    averaged like the weights that it belongs to; whole numbers in it are left as they are.

    network: with `params` and `state`, already where it is trained;  decay: 0 ≤ decay < 1; 0: no average is kept, and
        every method does nothing
    arrays: the average by name. Inside `in_place` it and the network's own change places
    Source: Polyak and Juditsky 1992; the growing d is TensorFlow's, (1 + n) / (10 + n) from the second step on.
    """

    def __init__(self, network: Any, decay: float) -> None:
        self.network, self.decay = network, decay
        averaged = {name: a for name, a in self._now().items() if decay and a.dtype.kind == "f"}
        self.arrays: dict[str, Array] = {name: array_module(a).zeros_like(a) for name, a in averaged.items()}

    def take(self, step: int) -> None:
        """Take the network's arrays in, after a step of the run, counted from 0."""
        now, weight = self._now(), 1 - min(self.decay, step / (step + 9))
        parts = (part for name, mean in self.arrays.items() for part in blocks(mean, now[name]))
        for _ in ordered_map(lambda part: _move(part, weight), parts):
            pass

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the network holds the average, and `arrays` what it is trained on."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self):
        now = self._now()
        for name, own in self.arrays.items():
            for mean, array in blocks(own, now[name]):
                kept = array.copy()
                array[...] = mean
                mean[...] = kept

    def _now(self):
        return self.network.params | self.network.state


def _move(part, weight):
    mean, now = part
    mean += weight * (now - mean)  # in this form, what stays the same stays the same to the bit

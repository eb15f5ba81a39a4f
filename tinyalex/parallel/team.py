"""A team: the workers of one run. They do one thing together: they exchange arrays.

The carriers (threads, MPI, NCCL) bring arrays from worker to worker. Gathering and adding up are built on that here, so
every carrier sums in the order of ranks, and bytes are counted in one place.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from tinyalex.backend import Array, array_module
from tinyalex.errors import UserError


class Work(Protocol):
    """Work that `Team.submit` has begun."""

    def wait(self) -> None:
        """Return once it is done. On a GPU only the stream waits, not the host."""


class Team:
    """One worker's view of its team.

    rank: this worker's number, from 0;  size: the number of workers
    local_size: how many workers share this one's memory: on the CPU its machine's, on a GPU that GPU's
    sent: the bytes that this worker has sent to others so far, by label

    All workers make the same calls, in the same order.
    """

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size, self.local_size = rank, size, 1
        self.sent: Counter[str] = Counter()

    # ------------------------------------------------------------------------------------------ what carriers offer

    def exchange(self, send: Sequence[Array], into: Sequence[Array], label: str) -> None:
        """Send send[k] to worker k and fill into[k] with what worker k sent here, for every k.

        send, into: `size` contiguous arrays each. Each has the shape and dtype of the array it fills; it may be empty
        label: under which the bytes are counted
        """
        for k, array in enumerate(send):
            if k == self.rank:
                if into[k] is not array:
                    into[k][...] = array
            else:
                self.sent[label] += array.nbytes
        if self.size > 1:
            self._carry(send, into)

    def _carry(self, send, into):
        """Send send[k] to each other worker k, and fill into[k]."""
        raise NotImplementedError

    def submit(self, function: Callable[[], object]) -> Work:
        """Begin function(), which may exchange, in the background; `wait()` on the returned work ends it.

        Submitted functions run in order, and before any later exchange. Here each runs at once.
        """
        function()
        return Done()

    def last_words(self, text: str) -> None:
        """Set the line to print if a worker dies too suddenly to print one itself; "" prints nothing."""

    def abort(self, message: str) -> None:
        """End all workers at once, with one line, for a fault that only this worker knows of. Does not return."""
        raise UserError(message)

    # ------------------------------------------------------------------------------------------ what follows from it

    def gather(self, x: Array, counts: Sequence[int], axis: int, label: str) -> Array:
        """Every worker's array, joined along `axis` in the order of ranks. counts: their lengths there, by rank."""
        xp, x = array_module(x), array_module(x).ascontiguousarray(x)
        shapes = [(*x.shape[:axis], count, *x.shape[axis:][1:]) for count in counts]
        parts = [x if k == self.rank else xp.empty(shape, x.dtype) for k, shape in enumerate(shapes)]
        self.exchange([x] * self.size, parts, label)
        return xp.concatenate(parts, axis=axis)

    def sum_scatter(self, x: Array, cuts: Sequence[slice], axis: int, label: str) -> Array:
        """This worker's slice of the sum of every worker's array. cuts: the workers' slices along `axis`, by rank."""
        xp, before = array_module(x), (slice(None),) * axis
        send = [xp.ascontiguousarray(x[(*before, cut)]) for cut in cuts]
        parts = [send[k] if k == self.rank else xp.empty_like(send[self.rank]) for k in range(self.size)]
        self.exchange(send, parts, label)
        return _sum_in_order(parts)

    def sum_into(self, flat: Array, label: str) -> None:
        """Replace a contiguous vector, in place, by the sum of every worker's; bit for bit the same on all of them."""
        xp, bounds = array_module(flat), [len(flat) * k // self.size for k in range(self.size + 1)]
        runs = [flat[start:stop] for start, stop in zip(bounds, bounds[1:])]
        mine = runs[self.rank]
        parts = [mine if k == self.rank else xp.empty_like(mine) for k in range(self.size)]
        self.exchange(runs, parts, label)
        mine[...] = _sum_in_order(parts)
        self.exchange([mine] * self.size, runs, label)

    def add_up(self, arrays: Iterable[Array], label: str) -> tuple[Array, ...]:
        """Each array summed over all workers; bit for bit the same on all of them."""
        totals = []
        for array in arrays:
            total = array_module(array).array(
                array, order="C"
            )  # a contiguous copy; the worker's own array is unchanged
            self.sum_into(total.reshape(-1), label)
            totals.append(total)
        return tuple(totals)

    def totals(self, numbers: Sequence[float]) -> list[float]:
        """Each number summed over all workers."""
        own = np.array(numbers, np.float64)
        return self.gather(own[None], [1] * self.size, 0, "figures").sum(axis=0).tolist()

    def agree(self, value: Any) -> list[Any]:
        """Every worker's JSON value, in the order of ranks."""
        own = np.frombuffer(json.dumps(value).encode(), np.uint8)
        lengths = self.gather(np.array([len(own)]), [1] * self.size, 0, "words").tolist()
        text, ends = self.gather(own, lengths, 0, "words").tobytes(), np.cumsum([0, *lengths])
        return [json.loads(text[start:stop]) for start, stop in zip(ends, ends[1:])]

    def all_do(self, function: Callable[[], Any]) -> Any:
        """function() on every worker; its result. If it raises a UserError on any worker, all raise that one.

        For what can go wrong on one worker only, before the work begins: a missing file, different data.
        """
        result = error = None
        try:
            result = function()
        except UserError as refused:
            error = [refused.args[0], refused.argument]
        errors = self.agree(error)
        if any(errors):
            rank, (text, argument) = next((rank, found) for rank, found in enumerate(errors) if found)
            everywhere = all(other == errors[rank] for other in errors)
            failed = UserError(text if everywhere else f"rank {rank} of {self.size}: {text}", argument)
            failed.everywhere = True
            raise failed
        return result


class Done:
    """Work that is done already."""

    def wait(self) -> None:
        """Return at once."""


class Alone(Team):
    """A team of one."""

    def __init__(self) -> None:
        super().__init__(0, 1)


def _sum_in_order(parts):
    """parts[0] + parts[1] + …, from the left, so every worker and every run rounds alike. The parts are unchanged."""
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total

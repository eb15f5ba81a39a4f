"""A team: the workers of one run, and the one thing that they do together, exchange arrays.

Whatever carries the arrays (threads, MPI, NCCL) offers `exchange`; gathering, adding up and handing round are made of it
here, so that sums are taken in one order everywhere, that of the ranks, and bytes are counted in one place.
"""

import json
from collections import Counter

import numpy as np

from tinyalex.backend import array_module
from tinyalex.errors import UserError


class Team:
    """One worker's view of all of them.

    rank: its number, from 0;  size: how many there are
    local_size: how many of them share its memory, that of its machine or GPU
    sent: bytes that this worker has sent to others so far, by the label that they were sent under

    Every call is made by all workers, in the same order.
    """

    def __init__(self, rank, size):
        self.rank, self.size, self.local_size, self.sent = rank, size, 1, Counter()

    # ------------------------------------------------------------------------------------------ what carriers offer

    def exchange(self, send, into, label):
        """Give send[k] to worker k, for all k, and fill into[k] with what worker k gave to this one.

        send, into: lists of `size` contiguous arrays; those that meet have the same shape and dtype, of any size
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
        """Bring send[k] to the others and fill into[k], but for the own k."""
        raise NotImplementedError

    def submit(self, function):
        """Begin function(), which may exchange, while the caller goes on; `wait()` of what is returned ends it.

        Here it is done at once. What is submitted is done in order, and before any exchange that is asked for later.
        """
        function()
        return Done()

    def last_words(self, text):
        """What is to be said should a worker die so suddenly that it cannot say anything; "" for nothing."""

    def abort(self, message):
        """End all workers at once, with one line; for a fault that the others do not know of. Does not return."""
        raise UserError(message)

    # ------------------------------------------------------------------------------------------ what follows from it

    def gather(self, x, counts, axis, label):
        """Every worker's array, joined along `axis` in the order of ranks. counts: their lengths there, by rank."""
        xp, x = array_module(x), array_module(x).ascontiguousarray(x)
        shapes = [(*x.shape[:axis], count, *x.shape[axis:][1:]) for count in counts]
        parts = [x if k == self.rank else xp.empty(shape, x.dtype) for k, shape in enumerate(shapes)]
        self.exchange([x] * self.size, parts, label)
        return xp.concatenate(parts, axis=axis)

    def sum_scatter(self, x, cuts, axis, label):
        """The sum of every worker's array, of which each gets its run along `axis`. cuts: slices there, by rank."""
        xp, before = array_module(x), (slice(None),) * axis
        send = [xp.ascontiguousarray(x[(*before, cut)]) for cut in cuts]
        parts = [send[k] if k == self.rank else xp.empty_like(send[self.rank]) for k in range(self.size)]
        self.exchange(send, parts, label)
        return _sum_in_order(parts)

    def sum_into(self, flat, label):
        """Replace a contiguous vector, in place, by the sum of every worker's: to the bit the same on all of them."""
        xp, bounds = array_module(flat), [len(flat) * k // self.size for k in range(self.size + 1)]
        runs = [flat[start:stop] for start, stop in zip(bounds, bounds[1:])]
        mine = runs[self.rank]
        parts = [mine if k == self.rank else xp.empty_like(mine) for k in range(self.size)]
        self.exchange(runs, parts, label)
        mine[...] = _sum_in_order(parts)
        self.exchange([mine] * self.size, runs, label)

    def add_up(self, arrays, label):
        """The sums over all workers of each of a few arrays, to the bit the same on all of them."""
        totals = []
        for array in arrays:
            total = array_module(array).array(array)  # contiguous, and the worker's own is left as it is
            self.sum_into(total.reshape(-1), label)
            totals.append(total)
        return tuple(totals)

    def totals(self, numbers):
        """The sums over all workers of a few numbers, as a list of floats."""
        own = np.array(numbers, np.float64)
        return self.gather(own[None], [1] * self.size, 0, "figures").sum(axis=0).tolist()

    def agree(self, value):
        """Every worker's JSON value, in the order of ranks."""
        own = np.frombuffer(json.dumps(value).encode(), np.uint8)
        lengths = self.gather(np.array([len(own)]), [1] * self.size, 0, "words").tolist()
        text, ends = self.gather(own, lengths, 0, "words").tobytes(), np.cumsum([0, *lengths])
        return [json.loads(text[start:stop]) for start, stop in zip(ends, ends[1:])]

    def all_do(self, function):
        """function() on every worker, and its result; where it raises a UserError on any, all raise that one's.

        For what may be wrong on one worker only, before the work begins: a missing file, other data.
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
    """Work that has been done already."""

    def wait(self):
        """Nothing to wait for."""


class Alone(Team):
    """A team of one."""

    def __init__(self):
        super().__init__(0, 1)


def _sum_in_order(parts):
    """parts[0] + parts[1] + …, from the left, so that every worker and every run rounds alike; parts stay as they are."""
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total

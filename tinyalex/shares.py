"""Shares: which part of a batch, or of a layer's outputs, is one worker's, when several work on one step.

What is drawn at random is drawn for the whole and cut: so a step's crops and dropout masks do not depend on the number
of workers, and several of them compute what one would.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """Entries start … stop − 1 of `of`: pictures of a batch, say, or outputs of a layer."""

    start: int
    stop: int
    of: int

    @classmethod
    def whole(cls, count):
        """All of them."""
        return cls(0, count, count)

    def __len__(self):
        return self.stop - self.start

    @property
    def run(self):
        """The slice that takes these entries out of the whole."""
        return slice(self.start, self.stop)


def shares(count, workers):
    """`count` entries in as many runs as there are workers, in order, as even as can be: the first ones are larger by one."""
    each, more = divmod(count, workers)
    bounds = [each * k + min(k, more) for k in range(workers + 1)]
    return [Share(start, stop, count) for start, stop in zip(bounds, bounds[1:])]


class SharedDraws:
    """A generator's draws for the whole, of which one worker takes its share; in place of a generator, for layers.

    rng: a generator of NumPy's or CuPy's, in the same state on every worker
    share: this worker's, along `axis` of the arrays that are drawn; an array that does not have that many entries
        there is one that every worker has whole
    """

    def __init__(self, rng, share, axis):
        self.rng, self.share, self.axis = rng, share, axis

    def random(self, shape, dtype):
        """Uniform numbers of this shape: the worker's part of those that one worker alone would have drawn."""
        if shape[self.axis] != len(self.share):
            return self.rng.random(shape, dtype=dtype)
        whole = list(shape)
        whole[self.axis] = self.share.of
        cut = [slice(None)] * len(shape)
        cut[self.axis] = self.share.run
        return self.rng.random(tuple(whole), dtype=dtype)[tuple(cut)]


def shared_draws(rng, share, axis):
    """`rng` for a worker that has `share`; as it is where that is the whole, or where nothing is to be drawn (None)."""
    return rng if rng is None or len(share) == share.of else SharedDraws(rng, share, axis)


class Undivided:
    """What training and evaluation ask of any network, answered for one that a single worker has whole.

    `tinyalex.parallel.network` has the other answers. The share that a worker has of a batch is a `Share` of its pictures.
    """

    workers = 1  # among whom a batch's pictures are shared out
    scores_apart = True  # whether every worker has the scores of its own pictures only

    def share(self, pictures):
        """The worker's `Share` of a batch of so many pictures."""
        return Share.whole(pictures)

    def scored(self, share):
        """Which pictures of the batch `forward` gives scores of, as a slice."""
        return share.run

    def part(self, arrays):
        """Of a dict of whole arrays, by parameter, what the worker holds."""
        return arrays

    def whole(self, arrays):
        """The dict of whole arrays, of which the worker holds these."""
        return arrays

    def joined(self, rows, share):
        """Rows for all pictures of a batch, to which every worker brings those of its share."""
        return rows

"""Shares: which part of a batch, or of a layer's outputs, is one worker's, when several work on one step.

Random numbers are drawn for the whole and cut, so a step's crops and dropout masks do not depend on the number of workers:
several of them compute what one would.
"""

import copy
from dataclasses import dataclass

from tinyalex.backend import child_streams, is_host
from tinyalex.layers.blocks import slices
from tinyalex.network import Sequential, Trunk, piece_size


@dataclass(frozen=True)
class Share:
    """Entries start … stop − 1 of `of`, such as the pictures of a batch or the outputs of a layer."""

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
    """`count` entries in one run per worker, in order and as even as possible: the first ones are larger by one."""
    each, more = divmod(count, workers)
    bounds = [each * k + min(k, more) for k in range(workers + 1)]
    return [Share(start, stop, count) for start, stop in zip(bounds, bounds[1:])]


class SharedDraws:
    """A generator's draws for the whole, of which one worker takes its share; in place of a generator, for layers.

    rng: a generator of NumPy's or CuPy's, in the same state on every worker
    share: this worker's share along `axis` of the arrays that are drawn. An array of another length along `axis` is not
        split: every worker has it whole
    """

    def __init__(self, rng, share, axis=0):
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


class _Across:
    """Sums over the batch that go on over a team's workers.

    team: the workers, if each sees only its own pictures; None if each sees the whole batch
    """

    team = None

    def total(self, sums):
        return super().total(sums) if self.team is None else self.team.add_up(super().total(sums), "statistics")


class SharedSequential(_Across, Sequential):
    """A `Sequential` on a worker's share of a batch."""


class SharedTrunk(_Across, Trunk):
    """A `Trunk` on a worker's share of a batch: it computes and draws what a trunk would for the whole batch."""

    def pieces(self, x, rng):
        """As `Trunk.pieces`: those of the whole batch, cut where the share begins and ends.

        They are cut further if the share would have too few for every core.
        """
        if not isinstance(rng, SharedDraws) or not is_host(x) or len(x) == 0:
            return super().pieces(x, rng)
        share, step, pieces = rng.share, piece_size(len(rng.share)), []
        of_batch = slices(share.of, piece_size(share.of))
        streams = child_streams(rng.rng, len(of_batch)) if len(of_batch) > 1 else [rng.rng]
        for piece, stream in zip(of_batch, streams):
            for start in range(max(piece.start, share.start), min(piece.stop, share.stop), step):
                stop = min(start + step, piece.stop, share.stop)
                inside = Share(start - piece.start, stop - piece.start, piece.stop - piece.start)
                # each part of a piece draws the whole piece's numbers anew
                whole = len(inside) == inside.of
                draws = stream if whole else SharedDraws(copy.deepcopy(stream), inside)
                pieces.append((slice(start - share.start, stop - share.start), draws))
        return pieces

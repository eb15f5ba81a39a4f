"""Shares: the part of a batch, or of a layer's outputs, that belongs to one worker.

Random numbers are drawn for the whole and then cut. So crops and dropout masks do not depend on the number of workers,
and several workers compute what one would.
"""

import copy
from dataclasses import dataclass
from typing import Any, Self

from tinyalex.backend import Array, child_streams, is_host
from tinyalex.composite import Sequential
from tinyalex.layers.base import Layer
from tinyalex.layers.blocks import slices
from tinyalex.layers.pieces import Sums
from tinyalex.network import Trunk, piece_size
from tinyalex.parallel.team import Team


@dataclass(frozen=True)
class Share:
    """Entries start … stop − 1 of `of`, such as the pictures of a batch or the outputs of a layer."""

    start: int
    stop: int
    of: int

    @classmethod
    def whole(cls, count: int) -> Self:
        """All `count` entries."""
        return cls(0, count, count)

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def run(self) -> slice:
        """The slice of these entries in the whole."""
        return slice(self.start, self.stop)


def shares(count: int, workers: int) -> list[Share]:
    """`count` entries divided among workers, in order and as evenly as possible; the first may have one more."""
    each, more = divmod(count, workers)
    bounds = [each * k + min(k, more) for k in range(workers + 1)]
    return [Share(start, stop, count) for start, stop in zip(bounds, bounds[1:])]


class SharedDraws:
    """A generator for layers: it draws for the whole and returns this worker's share.

    rng: a generator of NumPy or CuPy, in the same state on every worker
    share: this worker's share of the drawn arrays along `axis`
    """

    def __init__(self, rng: Any, share: Share, axis: int = 0) -> None:
        self.rng, self.share, self.axis = rng, share, axis

    def random(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Uniform numbers of this shape: this worker's share of the draws of one worker alone."""
        whole = list(shape)
        whole[self.axis] = self.share.of
        cut = [slice(None)] * len(shape)
        cut[self.axis] = self.share.run
        return self.rng.random(tuple(whole), dtype=dtype)[tuple(cut)]


class _Across(Layer):
    """A layer whose sums over the batch include the pictures of all workers.

    team: the workers, if each sees only its own pictures; None if each sees the whole batch
    """

    team: Team | None = None

    def total(self, sums: list[Sums]) -> Sums:
        return super().total(sums) if self.team is None else self.team.add_up(super().total(sums), "statistics")


class SharedSequential(_Across, Sequential):
    """A `Sequential` on a worker's share of a batch."""


class DividedSequential(SharedSequential):
    """Layers of the head, with a worker's share of the units from the fully connected layer `first` on.

    Before it every worker draws for all inputs, behind it for its own units.
    """

    def __init__(self, layers: dict[str, Layer], first: str, share: Share) -> None:
        super().__init__(layers)
        self.first, self.share = first, share

    def forward_piece(self, x, train, rng):
        cache = {}
        for name, layer in self.running(x).items():
            x, cache[name] = yield from layer.forward_piece(x, train, rng)
            if name == self.first and rng is not None:
                rng = SharedDraws(rng, self.share, axis=1)
        return x, cache


class SharedTrunk(_Across, Trunk):
    """A `Trunk` on a worker's share of a batch. It computes and draws as a trunk on the whole batch does."""

    def pieces(self, x: Array, rng: Any) -> list[tuple[slice, Any]]:
        """As `Trunk.pieces`: the pieces of the whole batch, cut where the share begins and ends.

        They are cut further if the share would have too few for every core.
        """
        if not isinstance(rng, SharedDraws) or not is_host(x):
            return super().pieces(x, rng)
        share, step, pieces = rng.share, piece_size(len(rng.share)), []
        of_batch = slices(share.of, piece_size(share.of))
        streams = child_streams(rng.rng, len(of_batch)) if len(of_batch) > 1 else [rng.rng]
        for piece, stream in zip(of_batch, streams):
            for start in range(max(piece.start, share.start), min(piece.stop, share.stop), step):
                stop = min(start + step, piece.stop, share.stop)
                inside = Share(start - piece.start, stop - piece.start, piece.stop - piece.start)
                # each part of a piece draws the numbers of the whole piece again
                whole = len(inside) == inside.of
                draws = stream if whole else SharedDraws(copy.deepcopy(stream), inside)
                pieces.append((slice(start - share.start, stop - share.start), draws))
        return pieces or [(slice(0, 0), SharedDraws(streams[0], share))]  # no picture, but as many draws as the others

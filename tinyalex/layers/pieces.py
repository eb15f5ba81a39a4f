"""A batch in pieces, each on a core of its own, which meet only where a layer needs sums over the whole batch."""

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial, reduce
from typing import Any

from tinyalex.backend import ordered_map

Sums = tuple  # of arrays, each a sum over pictures
Piece = Generator[Sums, Sums, Any]  # `Layer.forward_piece` or `backward_piece` of one piece


def together(pieces: Iterable[Piece], total: Callable[[list[Sums]], Sums]) -> Iterator[Any]:
    """Run all pieces of a batch side by side; yield what each returns, in order.

    Where they yield sums over their pictures, each is sent total([sums of each piece]). All yield equally often.
    """
    pieces, answer = list(pieces), None
    while True:
        advanced = ordered_map(partial(_advance, answer), pieces)
        finished, first = next(advanced)
        if finished:
            yield first
            yield from (result for _, result in advanced)
            return
        answer = total([first, *(sums for _, sums in advanced)])


def alone(piece: Piece, total: Callable[[list[Sums]], Sums]) -> Any:
    """Run a piece that is a whole batch; what it returns."""
    (result,) = together([piece], total)
    return result


def add_up(parts: list[Sums]) -> Sums:
    """The sums over several pieces, each sum from the left, so that the result does not depend on which ended first."""
    return tuple(reduce(lambda a, b: a + b, sums) for sums in zip(*parts))


def _advance(answer, piece):
    """(whether it has finished, its result or the sums that it yields)."""
    try:
        return False, piece.send(answer)
    except StopIteration as stop:
        return True, stop.value

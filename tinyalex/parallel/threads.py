"""A team of threads in one process: for the lessons, for tests, and for two workers on one GPU."""

import threading
from collections.abc import Callable
from typing import Any

from tinyalex.backend import one_blas_thread
from tinyalex.parallel.team import Team


def run_threads(size: int, function: Callable[[Team], Any]) -> list[Any]:
    """Run function(team) in `size` threads at once, one per worker; the list of what they return, by rank.

    The first exception of a worker ends all of them and is raised here.
    """
    board, answers, errors = Board(size), [None] * size, []

    def work(rank):
        try:
            answers[rank] = function(ThreadTeam(rank, board))
        except threading.BrokenBarrierError:
            pass  # another worker failed, and `errors` has its exception
        except BaseException as error:
            errors.append(error)
            board.barrier.abort()

    threads = [
        threading.Thread(target=work, args=(rank,), name=f"tinyalex-{rank}", daemon=True) for rank in range(size)
    ]
    with one_blas_thread():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    return answers


class Board:
    """A place that all workers see: the arrays that each of them sends, and a barrier to wait for the others."""

    def __init__(self, size: int) -> None:
        self.size, self.given, self.barrier = size, [None] * size, threading.Barrier(size)


class ThreadTeam(Team):
    """A worker among threads."""

    def __init__(self, rank: int, board: Board) -> None:
        super().__init__(rank, board.size)
        self.board, self.local_size = board, board.size

    def _carry(self, send, into):
        self.board.given[self.rank] = send
        self.board.barrier.wait()
        for k in range(self.size):
            if k != self.rank:
                into[k][...] = self.board.given[k][self.rank]
        self.board.barrier.wait()  # no worker may go on and overwrite what another still reads

"""A team of threads in one process: for the lessons, for tests, and for two workers on one GPU."""

import threading

from tinyalex.backend import one_blas_thread
from tinyalex.parallel.team import Team


def run_threads(size, function):
    """function(team) in `size` threads at once, one for each worker; a list of what they returned, by rank.

    The first exception of a worker ends all of them and is raised here.
    """
    board, answers, errors = Board(size), [None] * size, []

    def work(rank):
        try:
            answers[rank] = function(ThreadTeam(rank, board))
        except threading.BrokenBarrierError:
            pass  # another worker's fault, which is kept there
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
    """What all workers can see: what each of them has to give at the moment, and a place to wait for the others."""

    def __init__(self, size):
        self.size, self.given, self.barrier = size, [None] * size, threading.Barrier(size)


class ThreadTeam(Team):
    """A worker among threads."""

    def __init__(self, rank, board):
        super().__init__(rank, board.size)
        self.board, self.local_size = board, board.size

    def _carry(self, send, into):
        self.board.given[self.rank] = send
        self.board.barrier.wait()
        for k in range(self.size):
            if k != self.rank:
                into[k][...] = self.board.given[k][self.rank]
        self.board.barrier.wait()  # nobody may go on and write into what another still reads

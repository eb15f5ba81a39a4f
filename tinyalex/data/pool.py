"""Work in processes that can be stopped at any moment.

Each process has a pipe of its own and shares no lock. So none that is killed can leave the others, or us, waiting, as
happens to the standard library's pools, whose tasks pass through one queue.
"""

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import wait
from typing import Any

from tinyalex import signals
from tinyalex.errors import UserError

AHEAD = 2  # results that may wait for an earlier one


def in_processes(function: Callable[[Any], Any], items: Iterable[Any], workers: int) -> Iterator[Any]:
    """Yield function(item) in the order of `items`, computed a few items ahead by that many processes.

    The processes end with the generator, however it ends. An exception of function is raised here. UserError if a
    process ends early.
    """
    numbered, busy, done, wanted = enumerate(items), dict[Any, int](), dict[int, tuple[bool, Any]](), 0
    with _started(function, workers) as idle:

        def feed():
            while idle and len(busy) + len(done) < workers + AHEAD and (item := next(numbered, None)):
                pipe = idle.pop()
                busy[pipe], task = item
                with _whole():
                    pipe.send(task)

        while True:
            feed()
            ready: list[Any] = wait(list(busy), 0 if wanted in done else None) if busy else []
            for pipe in ready:
                with _whole():
                    done[busy.pop(pipe)] = pipe.recv()
                idle.append(pipe)
            feed()  # before the caller takes its time
            if wanted in done:
                fine, result = done.pop(wanted)
                if not fine:
                    raise result
                yield result
                wanted += 1
            elif not busy:
                return


@contextlib.contextmanager
def _started(function, count):
    """A list of our ends of the pipes to that many processes, which are killed at the end."""
    context, processes, pipes = multiprocessing.get_context("spawn"), [], []  # a fork would not have NumPy's threads
    try:
        for _ in range(count):
            ours, theirs = context.Pipe()
            pipes.append(ours)
            with signals.postponed(), signals.kept_from_children(), theirs:
                process = context.Process(target=_work, args=(function, theirs), daemon=True)
                process.start()
                processes.append(process)
        yield list(pipes)
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        for pipe in pipes:
            pipe.close()


def _work(function, pipe):
    """In each process: do one item after the other, until the main process is gone."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the main process ends this one; the other signals are kept from it
    with contextlib.suppress(EOFError, OSError):
        while True:
            item = pipe.recv()
            try:
                answer = True, function(item)
            except Exception as error:
                answer = False, error
            pipe.send(answer)


@contextlib.contextmanager
def _whole():
    """UserError if the process at the other end of a pipe is gone."""
    try:
        yield
    except (EOFError, OSError):
        raise UserError(
            "a worker process ended early: out of memory? (A script must call prepare() under "
            "`if __name__ == '__main__':`, or with workers=1)"
        ) from None

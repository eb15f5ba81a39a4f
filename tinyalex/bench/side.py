"""One side of a comparison in its own process, which answers one question at a time over a pipe.

So its memory holds one side and one network, and PyTorch neither profits from the memory settings of `tinyalex.backend`
nor competes with our threads. While one side works, the others wait for a message.
"""

import multiprocessing
import os
import signal
import sys
import time
import traceback

from tinyalex.errors import UserError
from tinyalex.signals import kept_from_children

LOOK = 1.0  # seconds between looks at whether the other process is alive
PAUSE = 0.05  # seconds: threads of the previous side may still be spinning, waiting for more work


class Side:
    """`works(*arguments)` in another process, which ends with the `with` block; `ask` calls its methods.

        with Side("PyTorch", TorchWorks, setup, "NCHW") as side:
            seconds = side.ask("train", count=3)

    works: a class at the top level of a module, instantiated in that process
    """

    def __init__(self, name, works, *arguments):
        context = multiprocessing.get_context("spawn")
        self.name = name
        self.pipe, self.theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(self.theirs, works, arguments), daemon=True)

    def __enter__(self):
        with kept_from_children():
            self.process.start()
        self.theirs.close()  # otherwise the end of the process would go unnoticed
        return self

    def __exit__(self, *error):
        self._end()
        self.pipe.close()  # which ends it too, where SIGTERM is ignored
        self.process.join()

    def _end(self):
        """End the process with all that it has started, such as a compiler."""
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
        except (AttributeError, OSError):  # Windows has no groups; or the process has none yet, or has ended
            self.process.terminate()

    def ask(self, work, **options):
        """Call method `work` over there. Its UserError, or one if memory ran out; RuntimeError for other failures."""
        try:
            self.pipe.send((work, options))
            while not self.pipe.poll(LOOK):
                if not self.process.is_alive() and not self.pipe.poll():
                    raise EOFError  # a process that it started may still hold the pipe
            answer, failure, words = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            raise UserError(
                f"the process of {self.name} ended with code {self.process.exitcode} during {work!r}; "
                "if memory ran out, a smaller --batch helps"
            ) from None
        if failure == "memory":
            raise UserError(
                f"not enough memory for {self.name} during {work!r}: {words.splitlines()[-1]}; try a smaller --batch"
            )
        if failure == "mistake":
            raise UserError(words)
        if failure:
            raise RuntimeError(f"{self.name} failed during {work!r}:\n{words}")
        return answer


def _serve(pipe, works, arguments):
    """The other process: answers every message until the pipe closes."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()
    try:
        side = None
        while True:
            work, options = pipe.recv()
            try:
                side = side or works(*arguments)
                time.sleep(PAUSE)
                answer = getattr(side, work)(**options), None, None
            except Exception as error:
                answer = None, *_failure(error)
            pipe.send(answer)
    except (EOFError, OSError):
        pass


def _failure(error):
    """(its kind: "memory", "mistake" or "bug"; words)."""
    if _is_out_of_memory(error):
        return "memory", traceback.format_exc()
    return ("mistake", str(error)) if isinstance(error, UserError) else ("bug", traceback.format_exc())


def _is_out_of_memory(error):
    """NumPy and CuPy raise MemoryError; PyTorch raises RuntimeError, recognised by its words."""
    return isinstance(error, MemoryError) or any(
        words in str(error).lower() for words in ("out of memory", "can't allocate memory", "not enough memory")
    )


def resident_peak():
    """The largest resident size of this process, in bytes."""
    try:
        with open("/proc/self/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["VmHWM"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        import resource  # not on Windows

        # second choice, since on Linux it includes the parent's peak; in KiB, on macOS in bytes
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024)

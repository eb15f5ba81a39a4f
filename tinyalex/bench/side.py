"""One side of a comparison in a process of its own, asked over a pipe, one thing at a time.

Its memory is then that of one side and one network, and PyTorch neither profits from the memory settings of
`tinyalex.backend` nor has our threads in its way. While one side works, the others wait for a message.
"""

import multiprocessing
import os
import signal
import sys
import time
import traceback
from contextlib import contextmanager
from multiprocessing import connection, resource_tracker

from tinyalex.errors import UserError

PAUSE = 0.05  # seconds: threads of the side before may still be spinning, in the hope of more work


class Side:
    """`works(*arguments)` in another process; `ask` calls its methods. Ends with the `with` block, at the latest.

        with Side("PyTorch", TorchWorks, setup, "NCHW") as side:
            seconds = side.ask("train", count=3)

    works: a class at the top of a module, made over there;  tf32: what CuPy is told there, see `Setup`
    """

    def __init__(self, name, works, *arguments, tf32=None):
        context = multiprocessing.get_context("spawn")
        self.name = name
        self.pipe, self.theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(self.theirs, works, arguments, tf32), daemon=True)

    def __enter__(self):
        with _interrupts_held():
            self.process.start()
        self.theirs.close()  # else its end would not be noticed
        return self

    def __exit__(self, *error):
        self.process.terminate()
        self.process.join()
        self.pipe.close()

    def ask(self, work, **options):
        """The answer of method `work`. UserError where memory ran out, RuntimeError for any other failure there."""
        try:
            self.pipe.send((work, options))
            connection.wait([self.pipe, self.process.sentinel])
            answer, out_of_memory, error = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            raise UserError(
                f"the process of {self.name} ended with code {self.process.exitcode} while it was to {work}; "
                "if the memory ran out, a smaller --batch helps"
            ) from None
        if out_of_memory:
            raise UserError(
                f"not enough memory for {self.name} to {work}: {error.splitlines()[-1]}; try a smaller --batch"
            )
        if error:
            raise RuntimeError(f"{self.name} failed to {work}:\n{error}")
        return answer


@contextmanager
def _interrupts_held():
    """Ctrl-C reaches every process of a terminal; those started in here never see it, and end with the first one."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # started with the first process, it would let interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe, works, arguments, tf32):
    """The other process: an answer for every message, until nobody is there to ask."""
    if tf32 is not None:
        # CuPy looks at its first product (get_compute_type in cupy/_core/_routines_linalg.pyx, 14.2)
        os.environ["CUPY_TF32"] = str(int(tf32))
    try:
        side = None
        while True:
            work, options = pipe.recv()
            try:
                side = side or works(*arguments)
                time.sleep(PAUSE)
                answer = getattr(side, work)(**options), False, None
            except Exception as error:
                answer = None, _is_out_of_memory(error), traceback.format_exc()
            pipe.send(answer)
    except (EOFError, OSError):
        pass


def _is_out_of_memory(error):
    """NumPy's and CuPy's are MemoryErrors; PyTorch's are RuntimeErrors: of a class of its own on a GPU, by words else."""
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

        # on Linux this would count the parent's peak too, so it is the second choice; KiB, on macOS bytes
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024)

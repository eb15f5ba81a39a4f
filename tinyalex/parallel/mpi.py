"""A team of processes: MPI through mpi4py, over any network and between the cores of one machine.

One thread makes all of a worker's MPI calls, in order, so gradients travel while the worker computes. It waits by
asking and sleeping in turns. MPI itself waits by spinning: that would take the core from the computation, and with more
ranks than cores every call would last seconds.
"""

import os
import stat
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from tinyalex.backend import array_module, is_host, synchronize, to_device, to_host
from tinyalex.errors import UserError
from tinyalex.files import reason
from tinyalex.parallel.team import Team, Work

SLEEPS = (0.0, 0.0, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6)  # seconds between two looks; the last one is repeated
RANKS = (  # environment variables that tell a process the number of ranks
    "PMI_SIZE",
    "OMPI_COMM_WORLD_SIZE",
    "PMIX_SIZE",
    "MPI_LOCALNRANKS",
    "SLURM_STEP_NUM_TASKS",
)


def ranks_started() -> int:
    """The number of processes that mpiexec or srun started together, as the environment says; 1 without them."""
    names = [name for name in RANKS if os.environ.get(name, "").isdigit()]
    if "SLURM_PTY_PORT" in os.environ:  # in a shell that srun opened: one process, whatever number srun was given
        names = [name for name in names if not name.startswith("SLURM")]
    return max((int(os.environ[name]) for name in names), default=1)


def refuse_ranks(what: str) -> None:
    """UserError if several processes were started together, which would disturb each other's measurements."""
    if (ranks := ranks_started()) > 1:
        raise UserError(f"{what}: one of {ranks} processes of mpiexec, expected one alone: each would measure all")


def import_mpi() -> Any:
    """mpi4py's MPI module, initialised. UserError if it cannot be imported, or does not belong to this mpiexec."""
    try:
        import mpi4py

        mpi4py.rc.thread_level = "serialized"
        with warnings.catch_warnings(action="ignore"):  # the errors below say the same
            from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # RuntimeError: mpi4py is installed, but no MPI library
        raise UserError(
            f"mpi4py cannot be used ({reason(error)}); expected: pip install mpi4py mpich", "parallel"
        ) from None
    if MPI.COMM_WORLD.Get_size() == 1 < ranks_started():
        raise UserError(
            f"one of {ranks_started()} processes, but mpi4py's MPI ({MPI.get_vendor()[0]}) knows only this one; "
            "expected the mpiexec that belongs to it",
            "parallel",
        )
    return MPI


class MpiTeam(Team):
    """A worker among MPI ranks.

    comm: a communicator of mpi4py
    device_buffers: whether MPI takes a device's arrays directly (`__cuda_array_interface__`), as a "CUDA-aware" MPI
        does; otherwise they travel through host memory, as every MPI can
    prepare: called once in the thread that talks to MPI, to choose the worker's GPU there
    """

    def __init__(self, comm: Any, device_buffers: bool = False, prepare: Callable[[], None] = lambda: None) -> None:
        super().__init__(comm.Get_rank(), comm.Get_size())
        self.comm, self.device_buffers, self._thread = comm, device_buffers, None
        self._witness: Witness | None = None
        self._pool = ThreadPoolExecutor(1, "tinyalex-mpi", initializer=self._begin_thread, initargs=(prepare,))

    def _begin_thread(self, prepare):
        self._thread = threading.get_ident()
        prepare()

    def submit(self, function: Callable[[], object]) -> Work:
        return Pending(self._pool.submit(function))

    def _carry(self, send, into):
        device = next((a for a in (*send, *into) if not is_host(a)), None)
        if device is not None and self.device_buffers:
            synchronize(array_module(device))  # MPI does not wait for the device's own work
        elif device is not None:
            return self._carry_through_host(send, into)
        if threading.get_ident() == self._thread:
            self._transfer(send, into)
        else:
            self._pool.submit(self._transfer, send, into).result()

    def _carry_through_host(self, send, into):
        fetched, arrived = to_host(list(send)), [to_host(a) for a in into]
        self._carry(fetched, arrived)
        for k, (array, there) in enumerate(zip(arrived, into)):
            if k != self.rank:
                there[...] = to_device(array, array_module(there))

    def _transfer(self, send, into):
        others = [k for k in range(self.size) if k != self.rank]
        requests = [self.comm.Irecv(_bytes(into[k]), source=k) for k in others if into[k].size]
        requests += [self.comm.Isend(_bytes(send[k]), dest=k) for k in others if send[k].size]
        wait_for(requests)

    def last_words(self, text: str) -> None:
        if self.rank == 0:
            if self._witness is None:
                self._witness = Witness()
            self._witness.note(text)

    def abort(self, message: str) -> None:
        self.last_words("")
        print(f"tinyalex: rank {self.rank} of {self.size}: {message}", file=sys.stderr, flush=True)
        wait_until_read(2)  # mpiexec loses what it has not read when ranks are ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # MPI would add lines of its own
        self.comm.Abort(2)


class Witness:
    """A small process that outlives this one. When this one ends, it prints the last line noted, unless that is empty.

    When a rank is killed, mpiexec ends all ranks at once, so none of them can say what happened.
    """

    SAYING = (
        "import sys\nlast = ''\nfor last in sys.stdin: pass\n"
        "if last.strip(): print(last.strip(), file=sys.stderr, flush=True)"
    )

    def __init__(self) -> None:
        quick = [sys.executable, "-S", "-c", self.SAYING]
        self.process = subprocess.Popen(
            quick, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
        )

    def note(self, text: str) -> None:
        """Replace the line noted before by `text`; "" prints nothing."""
        with suppress(OSError):  # the witness itself was killed
            self.process.stdin.write(text + "\n")  # type: ignore[union-attr]
            self.process.stdin.flush()  # type: ignore[union-attr]


class Pending:
    """Work for the thread that talks to MPI."""

    def __init__(self, future: Future) -> None:
        self.future = future

    def wait(self) -> None:
        """Return once it is done; raise its exception, if any."""
        self.future.result()


def wait_for(requests: list[Any]) -> None:
    """Return once all requests are done. Asks at growing intervals."""
    looks = 0
    while not all(request.Test() for request in requests):
        time.sleep(SLEEPS[min(looks, len(SLEEPS) - 1)])
        looks += 1


def wait_until_read(stream: int) -> None:
    """Return once the reader of a pipe has taken all that was written to it, after two seconds at the latest.

    stream: a file descriptor; returns at once if it is not a pipe
    """
    try:
        import fcntl
        import termios
    except ImportError:  # Windows
        return
    end = time.monotonic() + 2
    while stat.S_ISFIFO(os.fstat(stream).st_mode) and time.monotonic() < end:
        if not int.from_bytes(fcntl.ioctl(stream, termios.FIONREAD, bytes(4)), sys.byteorder):
            return
        time.sleep(0.001)


def _bytes(array):
    """The array as raw bytes, which mpi4py takes whatever the dtype."""
    return array.reshape(-1).view("uint8")

"""A team of processes: MPI through mpi4py, over any network and between the cores of one machine.

A worker's MPI calls are all made by one thread, in order, so that gradients travel while the worker computes. Waiting is
done by asking and sleeping in turns: MPI itself waits by spinning, which would take the core from the computation, and
where there are more ranks than cores makes every call last seconds.
"""

import os
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from tinyalex.backend import array_module, is_host, synchronize, to_device, to_host
from tinyalex.errors import UserError
from tinyalex.parallel.team import Team

SLEEPS = (0.0, 0.0, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6)  # seconds between two looks; the last one again and again
RANKS = (
    "PMI_SIZE",
    "OMPI_COMM_WORLD_SIZE",
    "PMIX_SIZE",
    "MPI_LOCALNRANKS",
    "SLURM_STEP_NUM_TASKS",
)  # what they are told


def ranks_started():
    """How many processes mpiexec or srun started this one with, as far as the environment says; 1 without them."""
    names = [name for name in RANKS if os.environ.get(name, "").isdigit()]
    if "SLURM_PTY_PORT" in os.environ:  # below a shell that srun opened, the only one whatever srun was told
        names = [name for name in names if not name.startswith("SLURM")]
    return max((int(os.environ[name]) for name in names), default=1)


def import_mpi():
    """mpi4py's MPI module, initialised; UserError where it cannot be had, or is not that of the mpiexec in use."""
    try:
        import mpi4py

        mpi4py.rc.thread_level = "serialized"
        with warnings.catch_warnings(action="ignore"):  # of what is refused below
            from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # RuntimeError: mpi4py is there, but no MPI library
        reason = str(error).splitlines()[0]
        raise UserError(f"--parallel: mpi4py cannot be used ({reason}); expected: pip install mpi4py mpich") from None
    if MPI.COMM_WORLD.Get_size() == 1 < ranks_started():
        raise UserError(
            f"--parallel: one of {ranks_started()} processes, but mpi4py's MPI ({MPI.get_vendor()[0]}) knows of this one only; "
            f"expected the mpiexec that belongs to it"
        )
    return MPI


class MpiTeam(Team):
    """A worker among MPI ranks.

    comm: a communicator of mpi4py's
    device_buffers: give MPI the arrays of a device as they are (`__cuda_array_interface__`), for an MPI that is built for
        it ("CUDA-aware"); without it they travel through host memory, which every MPI can
    prepare: called once in the thread that talks to MPI; it chooses the worker's GPU there
    """

    def __init__(self, comm, device_buffers=False, prepare=lambda: None):
        super().__init__(comm.Get_rank(), comm.Get_size())
        self.comm, self.device_buffers, self._thread, self._witness = comm, device_buffers, None, None
        self._pool = ThreadPoolExecutor(1, "tinyalex-mpi", initializer=self._begin_thread, initargs=(prepare,))

    def _begin_thread(self, prepare):
        self._thread = threading.get_ident()
        prepare()

    def submit(self, function):
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

    def last_words(self, text):
        if self.rank == 0:
            if self._witness is None:
                self._witness = Witness()
            self._witness.note(text)

    def abort(self, message):
        self.last_words("")
        print(f"tinyalex: rank {self.rank} of {self.size}: {message}", file=sys.stderr, flush=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # one line is enough: MPI would add its own
        self.comm.Abort(2)


class Witness:
    """A small process beside this one that outlives it: where this one ends without a word, it says the last one noted.

    mpiexec ends all ranks at once when one of them is killed, so none of them can say what happened.
    """

    SAYING = "import sys\nlast = ''\nfor last in sys.stdin: pass\nif last.strip(): print(last.strip(), file=sys.stderr, flush=True)"

    def __init__(self):
        quick = [sys.executable, "-S", "-c", self.SAYING]
        self.process = subprocess.Popen(
            quick, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
        )

    def note(self, text):
        """Put `text` in place of what was noted before; "" to say nothing."""
        with suppress(OSError):  # it was killed; then there is nobody to speak
            self.process.stdin.write(text + "\n")
            self.process.stdin.flush()


class Pending:
    """Work that the team's own thread does."""

    def __init__(self, future):
        self.future = future

    def wait(self):
        """Return when it is done; raise what it raised."""
        self.future.result()


def wait_for(requests):
    """Until all requests are done, asking more and more seldom."""
    looks = 0
    while not all(request.Test() for request in requests):
        time.sleep(SLEEPS[min(looks, len(SLEEPS) - 1)])
        looks += 1


def _bytes(array):
    """The array as mpi4py takes it, whatever its dtype: as raw bytes."""
    return array.reshape(-1).view("uint8")

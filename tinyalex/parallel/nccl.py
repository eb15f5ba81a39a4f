"""A team of GPUs: their arrays travel through NCCL, everything else through MPI.

Written against the documented interface of `cupyx.distributed`; tested on a stand-in.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from tinyalex.backend import cupy_distributed, is_host
from tinyalex.errors import UserError
from tinyalex.files import reason
from tinyalex.parallel.mpi import MpiTeam
from tinyalex.parallel.team import Work


def nccl_group(size: int, rank: int) -> Any:
    """CuPy's communicator for arrays on the GPUs of `size` MPI ranks. UserError without NCCL."""
    try:
        return cupy_distributed().init_process_group(size, rank, use_mpi=True)
    except (ImportError, AttributeError, RuntimeError) as error:
        expected = "pip install nvidia-nccl-cu12 (or -cu13), or mpi instead"
        raise UserError(f"nccl: {reason(error)}; expected: {expected}", "transport") from error


class NcclTeam(MpiTeam):
    """A worker with a GPU of its own among MPI ranks.

    NCCL's calls return at once; the GPU runs them in the order of a stream. Submitted work therefore begins at once, on
    a stream of its own: it waits for everything computed so far, not for what is computed next.
    """

    def __init__(self, comm: Any, xp: ModuleType, prepare: Callable[[], None]) -> None:
        super().__init__(comm, prepare=prepare)
        self.cuda, self.group = xp.cuda, nccl_group(self.size, self.rank)
        self.stream = self.cuda.Stream(non_blocking=True)

    def submit(self, function: Callable[[], object]) -> Work:
        self.stream.wait_event(self.cuda.get_current_stream().record())
        with self.stream:
            function()
        return Recorded(self.cuda, self.stream.record(), function)

    def _carry(self, send, into):
        if all(is_host(array) for array in (*send, *into)):
            super()._carry(send, into)
            return
        for meeting in range(self.size):  # in each, every worker meets one other or itself
            peer = (meeting - self.rank) % self.size
            if peer != self.rank:
                self._meet(send[peer], into[peer], peer)

    def _meet(self, array, there, peer):
        if array.size and there.size:
            self.group.send_recv(array, there, peer)
        elif array.size:
            self.group.send(array, peer)
        elif there.size:
            self.group.recv(there, peer)


class Recorded:
    """Work on another stream, up to an event.

    work: kept until it is done, because it holds its arrays
    """

    def __init__(self, cuda: ModuleType, event: Any, work: Callable[[], object]) -> None:
        self.cuda, self.event, self.work = cuda, event, work

    def wait(self) -> None:
        """Make the computing stream wait until it is done; the host does not wait."""
        self.cuda.get_current_stream().wait_event(self.event)

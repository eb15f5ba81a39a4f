"""Stand-ins for what carries arrays: MPI's messages and NCCL's, between threads, as strict as the real ones are.

Both work on the strict device array, whose namespace gets the few names of CUDA that teams use.
"""

import queue
import threading
import time
from types import SimpleNamespace

import numpy as np

from tinyalex.standin import DeviceArray
from tinyalex.standin import xp as device

SECONDS = 20  # the longest that a message may take


class Mail:
    """What has been sent from one to another and not been received, by (from, to)."""

    def __init__(self, size):
        self.size, self.boxes = size, {(a, b): queue.Queue() for a in range(size) for b in range(size)}


class Comm:
    """The part of an mpi4py communicator that teams use. takes: the kind of array that this MPI understands."""

    def __init__(self, mail, rank, takes=np.ndarray):
        self.mail, self.rank, self.takes, self.seen = mail, rank, takes, []

    def Get_rank(self):
        return self.rank

    def Get_size(self):
        return self.mail.size

    def Isend(self, buffer, dest):
        self._look(buffer)
        self.mail.boxes[self.rank, dest].put(buffer.copy())
        return SimpleNamespace(Test=lambda: True)

    def Irecv(self, buffer, source):
        self._look(buffer)
        return Receiving(buffer, self.mail.boxes[source, self.rank])

    def _look(self, buffer):
        assert isinstance(buffer, self.takes), f"this MPI was given {type(buffer).__name__}"
        assert buffer.ndim == 1 and buffer.dtype == np.uint8 and buffer.flags.c_contiguous
        self.seen.append(buffer)


class Receiving:
    """A message on its way; a test that fails elsewhere does not wait for it without end."""

    def __init__(self, buffer, box):
        self.buffer, self.box, self.done, self.until = buffer, box, False, time.monotonic() + SECONDS

    def Test(self):
        if not self.done:
            try:
                array = self.box.get_nowait()
            except queue.Empty:
                assert time.monotonic() < self.until, "nothing came"
                return False
            assert array.shape == self.buffer.shape, f"a message of {array.shape} for {self.buffer.shape}"
            self.buffer[...] = array
            self.done = True
        return True


class Group:
    """NCCL's send, recv and send_recv as `cupyx.distributed` has them: on device arrays, contiguous, no empty ones.

    streams: the current ones of its calls, which NCCL's work goes to
    """

    def __init__(self, mail, rank):
        self.mail, self.rank, self.streams = mail, rank, []

    def send(self, array, peer, stream=None):
        self._look(array)
        assert peer != self.rank
        self.mail.boxes[self.rank, peer].put(array.copy())

    def recv(self, out_array, peer, stream=None):
        self._look(out_array)
        array = self.mail.boxes[peer, self.rank].get(timeout=SECONDS)
        assert array.shape == out_array.shape and array.dtype == out_array.dtype
        out_array[...] = array

    def send_recv(self, in_array, out_array, peer, stream=None):
        self.send(in_array, peer)
        self.recv(out_array, peer)

    def _look(self, array):
        self.streams.append(get_current_stream().name)
        assert isinstance(array, DeviceArray) and array.flags.c_contiguous and array.size


class Stream:
    """A CUDA stream by what is asked of it: `log` has the order."""

    log = []
    current = threading.local()

    def __init__(self, non_blocking=False):
        self.name = "beside" if non_blocking else "main"

    def __enter__(self):
        self.before = get_current_stream()
        Stream.current.stream = self

    def __exit__(self, *error):
        Stream.current.stream = self.before

    def record(self):
        event = SimpleNamespace(of=self.name)
        Stream.log.append((threading.get_ident(), "record", self.name))
        return event

    def wait_event(self, event):
        Stream.log.append((threading.get_ident(), f"{self.name} waits for", event.of))

    def synchronize(self):
        Stream.log.append((threading.get_ident(), "synchronize", self.name))


def get_current_stream():
    if not hasattr(Stream.current, "stream"):
        Stream.current.stream = Stream()
    return Stream.current.stream


cuda = SimpleNamespace(Stream=Stream, get_current_stream=get_current_stream)


def give_cuda(monkeypatch):
    """The device's namespace with CUDA's names, for one test."""
    monkeypatch.setattr(device, "cuda", cuda, raising=False)
    monkeypatch.setattr(Stream, "log", [])

"""Threads: work divided among the cores, with results in one order on any number of them."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from tinyalex.backend.arrays import gpu_number
from tinyalex.backend.memory import keep_freed_memory
from tinyalex.errors import UserError


def cores() -> list[int]:
    """The cores that this process may run on, as the system numbers them; all of them if the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


_blas, _blas_lock = ThreadpoolController(), threading.Lock()
_blas_holders = 0  # contexts of `one_blas_thread` under way
_blas_limit: Any = None  # what they hold
_threads = len(cores())
_pools: dict[int, ThreadPoolExecutor] = {}
_gpu: Any = None  # the one that this process has chosen; CUDA starts each thread with the machine's first
_this_thread = threading.local()
MOST_THREADS = max(1024, len(cores()))  # more is a mistake, and would end in one of the system's


def thread_count() -> int:
    """How many threads `ordered_map` uses: the cores this process may run on, unless set by `set_thread_count`."""
    return _threads


def set_thread_count(count: int) -> None:
    """Use `count` threads from now on. UserError for fewer than one or more than MOST_THREADS."""
    global _threads
    if not 1 <= count <= MOST_THREADS:
        raise UserError(f"found {count}, expected 1 to {MOST_THREADS}", "threads")
    _threads = int(count)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """A context in which every matrix product takes one thread. Contexts may overlap; the last one out ends it."""
    global _blas_holders, _blas_limit
    with _blas_lock:
        if _blas_holders == 0:
            _take_blas_over()
            _blas_limit = _blas.limit(limits=1, user_api="blas")
        _blas_holders += 1
    try:
        yield
    finally:
        with _blas_lock:
            _blas_holders -= 1
            if _blas_holders == 0:
                _take_blas_over()
                _blas_limit.restore_original_limits()


def _take_blas_over():
    """Let this thread limit BLAS: threadpoolctl 3.8 silently ignores all threads but the first that did."""
    for library in _blas.lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


def ordered_map(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """Yield function(item) in the order of `items`, computed by the caller's thread and `thread_count() - 1` others.

    So sums over the results are taken in one order on any number of threads. BLAS is held to one thread meanwhile: its
    own threads, once used, wait for more work by spinning, and take the cores from ours. The caller's `np.errstate`
    holds in them too.
    """
    keep_freed_memory()  # here, not on import: importing this leaves the allocator as it was
    items = list(items)
    if among_threads():  # no more threads, and no waiting for them
        yield from map(function, items)
        return
    with one_blas_thread():
        if _threads == 1 or len(items) == 1:
            yield from map(function, items)
            return
        pool = _pools.get(_threads) or _pools.setdefault(_threads, _new_pool())
        work = _Work(function, items)
        helpers = [pool.submit(copy_context().run, work.do_all) for _ in range(min(_threads, len(items)) - 1)]
        try:
            for number in range(len(items)):
                yield work.result(number)
        finally:
            work.drop()
            wait([helper for helper in helpers if not helper.cancel()])  # what is under way must not outlive the call


class _Work:
    """The items of an `ordered_map`. Each thread takes the next one when it has done its last."""

    def __init__(self, function, items):
        self.function, self.left = function, enumerate(items)
        self.done, self.results = SimpleQueue(), {}  # {number: (error or None, result)}

    def do_one(self):
        """Do the next item; False if none is left."""
        for number, item in self.left:
            try:
                self.done.put((number, (None, self.function(item))))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self.done.put((number, (error, None)))
            return True
        return False

    def do_all(self):
        while self.do_one():
            pass

    def result(self, number):
        """The result of item `number`, which is then forgotten. Until it is there, this thread does other items."""
        while number not in self.results:
            with _among_threads():
                self.do_one()
            done, self.results[done] = self.done.get()
        error, result = self.results.pop(number)  # a result used is a result freed
        if error is not None:
            raise error
        return result

    def drop(self):
        """Drop the items that no thread has begun."""
        for _ in self.left:
            pass


def among_threads() -> bool:
    """Whether this thread is at work beside others, in an `ordered_map`."""
    return getattr(_this_thread, "among_others", False)


@contextmanager
def _among_threads():
    _this_thread.among_others = True
    try:
        yield
    finally:
        _this_thread.among_others = False


def _new_pool():
    return ThreadPoolExecutor(_threads - 1, "tinyalex", initializer=_begin_thread)


def _begin_thread():
    _this_thread.among_others = True
    if _gpu is not None:
        _gpu.use()


def prefetch(function: Callable[[Any], Any], items: Iterable[Any], depth: int = 2) -> Iterator[Any]:
    """Yield function(item) in order, computed up to `depth` items ahead in one background thread."""
    items = iter(items)
    with ThreadPoolExecutor(1, "tinyalex-data") as pool:
        ahead = deque(pool.submit(function, item) for _, item in zip(range(depth), items))
        try:
            while ahead:
                result = ahead.popleft().result()
                ahead.extend(pool.submit(function, item) for _, item in zip(range(1), items))
                yield result
        finally:
            for future in ahead:
                future.cancel()


def use_gpu(xp: Any, number: int) -> None:
    """Make the calling thread, and all of `ordered_map`'s, use GPU `number`, modulo the number of GPUs."""
    global _gpu
    _pools.clear()  # their threads use another one
    _gpu = xp.cuda.Device(number % xp.cuda.runtime.getDeviceCount())
    _gpu.use()


def device_name(xp: Any) -> str:
    """Words for people: "CPU, 2 threads" or the name of the GPU."""
    if xp is np:
        return f"CPU, {_threads} thread{'s' if _threads > 1 else ''}"
    return xp.cuda.runtime.getDeviceProperties(gpu_number(xp))["name"].decode()

"""Threads: work shared out among the cores, with results in one order whatever their number."""

import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import ThreadpoolController

from tinyalex.backend.arrays import array_module, gpu_number, is_host
from tinyalex.backend.memory import keep_freed_memory
from tinyalex.errors import UserError


def cores():
    """The cores that this process may run on, as the system numbers them; on a system that does not say, all of them."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


_blas = ThreadpoolController()
_threads = len(cores())
_pools = {}
_gpu = None  # the one that this process has chosen; CUDA has a thread begin with the machine's first
_this_thread = threading.local()
MATMUL_COLUMNS = 256


def thread_count():
    """How many threads `ordered_map` uses: the cores this process may run on, unless `set_thread_count` said."""
    return _threads


def set_thread_count(count):
    """Use `count` threads from now on."""
    global _threads
    if count < 1:
        raise UserError(f"--threads: found {count}, expected 1 or more")
    _threads = int(count)


def one_blas_thread():
    """A context in which a product of matrices takes one thread, whoever computes it."""
    return _blas.limit(limits=1, user_api="blas")


def ordered_map(function, items):
    """Yield function(item) in the order of `items`, computed by `thread_count()` threads.

    Whoever adds up the results adds them in one order, whatever the number of threads. BLAS is held to one thread
    meanwhile: its own threads, once used, wait for more work by spinning, and take the cores from ours.
    """
    keep_freed_memory()  # here, not on import: who only imports this keeps the allocator as it was
    items = list(items)
    if getattr(_this_thread, "is_ours", False):  # already one of several: no more threads, and no waiting for them
        yield from map(function, items)
        return
    with one_blas_thread():
        if _threads == 1 or len(items) == 1:
            yield from map(function, items)
            return
        pool = _pools.get(_threads) or _pools.setdefault(_threads, _new_pool())
        futures = deque(pool.submit(function, item) for item in items)
        try:
            while futures:
                yield futures.popleft().result()  # popleft: a result used is a result freed
        finally:
            for future in futures:
                future.cancel()


def _new_pool():
    return ThreadPoolExecutor(_threads, "tinyalex", initializer=_begin_thread)


def _begin_thread():
    _this_thread.is_ours = True
    if _gpu is not None:
        _gpu.use()


def matmul(a, b):
    """a @ b for two matrices, the columns of b shared out among the threads in stretches of a fixed width."""
    xp = array_module(a)
    if not is_host(a):
        return a @ b
    out = xp.empty((a.shape[0], b.shape[1]), xp.result_type(a, b))
    stretches = [slice(start, start + MATMUL_COLUMNS) for start in range(0, b.shape[1], MATMUL_COLUMNS)]
    for _ in ordered_map(lambda columns: xp.matmul(a, b[:, columns], out=out[:, columns]), stretches):
        pass
    return out


def prefetch(function, items, depth=2):
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


def use_gpu(xp, number):
    """Make the calling thread, and all of `ordered_map`, use that one of this machine's GPUs, counted round and round."""
    global _gpu
    if _gpu is None:
        _pools.clear()  # whose threads use the first one
    _gpu = xp.cuda.Device(number % xp.cuda.runtime.getDeviceCount())
    _gpu.use()


def device_name(xp):
    """Words for people: "CPU, 2 threads" or the name of the GPU."""
    if xp is np:
        return f"CPU, {thread_count()} thread{'s' if thread_count() > 1 else ''}"
    return xp.cuda.runtime.getDeviceProperties(gpu_number(xp))["name"].decode()

"""The array-module shim: the one file that imports CuPy, and where work is shared out among threads.

Layers never choose a library. They ask their input, `xp = array_module(x)`, and write the rest in the names that
NumPy and CuPy share, so a CPU network and a GPU network run the same lines, side by side in one process if need be.
What the two spell differently has one name here.
"""

import ctypes
import math
import os
import sys
import threading
import zlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from tinyalex.errors import UserError

Array = Any  # a numpy.ndarray or a cupy.ndarray


# ---------------------------------------------------------------------------------------------- which library


def array_module(x):
    """The library that `x` lives in: numpy or cupy. TypeError for anything that is not an array of either."""
    if isinstance(x, np.ndarray):
        return np
    cupy = sys.modules.get("cupy")  # an array of CuPy cannot exist before CuPy is imported
    if cupy is not None and isinstance(x, cupy.ndarray):
        return cupy
    if hasattr(x, "__array_namespace__"):
        return x.__array_namespace__()
    raise TypeError(f"found {type(x).__name__}, expected a NumPy or a CuPy array")


def choose_device(name="auto"):
    """The array module for "cpu", "gpu" or "auto" (a GPU if one answers, else the CPU).

    UserError where "gpu" is asked for and cannot be had, saying which of the three is missing: CuPy, driver, device.
    """
    if name == "cpu":
        return np
    cupy, missing = _find_gpu()
    if cupy is not None:
        return cupy
    if name == "auto":
        return np
    raise UserError(f"--device gpu: {missing}")


def _find_gpu():
    """(cupy, "") where a GPU answers, else (None, what is missing)."""
    try:
        import cupy
    except ImportError:
        return None, 'CuPy is not installed; expected: pip install "cupy-cuda12x[ctk]" (or cupy-cuda13x[ctk])'
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return None, f"no usable NVIDIA driver ({str(error).split(':')[0]}); --device cpu works everywhere"
    if count == 0:
        return None, "CuPy and a driver are there, but no device; --device cpu works everywhere"
    return cupy, ""


def use_gpu(xp, number):
    """Make the calling thread, and all of `ordered_map`, use that one of this machine's GPUs, counted round and round."""
    global _gpu
    if _gpu is None:
        _pools.clear()  # whose threads use the first one
    _gpu = xp.cuda.Device(number % xp.cuda.runtime.getDeviceCount())
    _gpu.use()


def gpu_number(xp):
    """Which one of this machine's GPUs the calling thread uses."""
    return int(xp.cuda.Device().id)


def nccl_group(size, rank):
    """CuPy's communicator for arrays on the GPUs of `size` MPI ranks. UserError where NCCL is not there."""
    try:
        import cupyx.distributed

        return cupyx.distributed.init_process_group(size, rank, use_mpi=True)
    except (ImportError, AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--transport nccl: {reason}; expected: pip install nvidia-nccl-cu12 (or -cu13), or --transport mpi") from error


def is_host(x):
    """Whether `x` lives in host memory, so that looking at its values costs no wait for a device."""
    return array_module(x) is np


def to_device(tree, xp):
    """Every array in a tree of dicts, lists and tuples, as an array of `xp`; arrays already there are not copied."""
    return _map_tree(lambda a: a if array_module(a) is xp else xp.asarray(to_host(a)), tree)


def to_host(tree):
    """Every array in a tree of dicts, lists and tuples, as a NumPy array (waits for the device)."""
    return _map_tree(lambda a: a if is_host(a) else a.get(), tree)


def _map_tree(function, tree):
    if isinstance(tree, dict):
        return {key: _map_tree(function, value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_map_tree(function, value) for value in tree)
    return function(tree)


def synchronize(xp):
    """Wait until the device has done all that was asked of it; nothing to wait for on the CPU."""
    if xp is not np:
        xp.cuda.get_current_stream().synchronize()


def device_name(xp):
    """Words for people: "CPU, 2 threads" or the name of the GPU."""
    if xp is np:
        return f"CPU, {thread_count()} thread{'s' if thread_count() > 1 else ''}"
    return xp.cuda.runtime.getDeviceProperties(gpu_number(xp))["name"].decode()


# ---------------------------------------------------------------------------------------------- random numbers


def random_stream(*key, xp=np):
    """A random generator of its own for each key, say (seed, "dropout", epoch, step).

    Nothing is carried from one draw to the next, so a run resumed in the middle draws what it would have drawn.
    Key parts are non-negative integers or strings; without any the stream is fresh, unlike every other.
    Both libraries' generators have the methods random, standard_normal and integers.
    """
    words = [zlib.crc32(part.encode()) if isinstance(part, str) else int(part) for part in key]
    # The length goes in too: to SeedSequence (3,) and (3, 0) are one seed
    sequence = np.random.SeedSequence([len(words), *words] if words else None)
    if xp is np:
        return np.random.default_rng(sequence)
    seed = int(sequence.generate_state(1, np.uint64)[0])
    return xp.random.Generator(xp.random.Philox4x3210(seed))


def uniform(rng, shape, xp):
    """float32 numbers in [0, 1) as an array of `xp`.

    rng: a generator of either library; a NumPy generator draws on the host and the result is moved, so that a CPU and
    a GPU run can share their draws. None draws from fresh entropy, as numpy.random.default_rng(None) does.
    """
    if rng is None:
        rng = random_stream()
    return xp.asarray(rng.random(shape, dtype=np.float32))


def child_streams(rng, count):
    """`count` generators that depend only on `rng`'s state, one for each piece of a split batch."""
    if rng is None:
        return [None] * count
    seeds = to_host(rng.integers(0, 2**62, size=count))
    if isinstance(rng, np.random.Generator):
        return [random_stream(int(seed)) for seed in seeds]
    return [random_stream(int(seed), xp=sys.modules["cupy"]) for seed in seeds]


# ---------------------------------------------------------------------------------------------- memory


@cache
def _keep_freed_memory():
    """Tell glibc to reuse large freed blocks instead of handing them back: fresh pages cost as much as filling them.

    One arena for all threads, since those of other threads than the first cannot hold large blocks. Elsewhere than
    under glibc nothing happens.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    for parameter, value in ((-3, 1 << 30), (-1, (1 << 31) - 1), (-8, 1)):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_ARENA_MAX
        mallopt(parameter, value)


_buffers = threading.local()


def scratch(shape, dtype, xp, name=""):
    """An uninitialised work array; the next call in this thread for the same name may hand it out again.

    So it is never returned to another layer, nor kept. The CPU keeps one buffer a thread, name and dtype, so the same
    pages stay in the caches. CuPy pools its memory itself.
    """
    if xp is not np:
        return xp.empty(shape, dtype)
    count = math.prod(shape)
    buffers, key = _buffers.__dict__.setdefault("by_name", {}), (name, np.dtype(dtype))
    buffer = buffers.get(key)
    if buffer is None or buffer.size < count:
        buffer = buffers[key] = np.empty(count, dtype)
    return buffer[:count].reshape(shape)


def memory_available(xp):
    """Bytes that a new run may take: free device memory, or free host memory within this process's limits.

    None where the system does not say.
    """
    if xp is not np:
        free, _ = xp.cuda.runtime.memGetInfo()
        pool = xp.get_default_memory_pool()
        return free + pool.total_bytes() - pool.used_bytes()
    limits = [_meminfo_available(), _cgroup_available()]
    return min((limit for limit in limits if limit is not None), default=None)


def _meminfo_available():
    try:
        with open("/proc/meminfo") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def _cgroup_available():
    """What is left under the memory limit of a container (cgroup v2), or None."""
    try:
        with open("/sys/fs/cgroup/memory.max") as limit, open("/sys/fs/cgroup/memory.current") as used:
            return max(int(limit.read()) - int(used.read()), 0)
    except (OSError, ValueError):  # ValueError: the file says "max", which is no limit
        return None


# ---------------------------------------------------------------------------------------------- threads


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
    _keep_freed_memory()  # here, not on import: who only imports this keeps the allocator as it was
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

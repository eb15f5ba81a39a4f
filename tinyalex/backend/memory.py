"""Memory: how much is free, work arrays that are used again, and how glibc keeps what is freed."""

import ctypes
import math
import threading
from functools import cache
from typing import Any

import numpy as np

from tinyalex.backend.arrays import Array


@cache
def keep_freed_memory() -> None:
    """Tell glibc to reuse large freed blocks instead of handing them back: fresh pages cost as much as filling them.

    One arena serves all threads, since the arenas of threads other than the first cannot hold large blocks. Does
    nothing without glibc.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_ARENA_MAX
    for parameter, value in ((-3, 1 << 30), (-1, (1 << 31) - 1), (-8, 1)):
        mallopt(parameter, value)


_buffers = threading.local()


def scratch(shape: tuple[int, ...], dtype: Any, xp: Any, name: str = "") -> Array:
    """An uninitialised work array; the next call in this thread for the same name may hand it out again.

    Never return it to another layer, nor keep it. The CPU keeps one buffer per thread, name and dtype, so the same
    pages stay in cache. CuPy pools its memory itself.
    """
    if xp is not np:
        return xp.empty(shape, dtype)
    count = math.prod(shape)
    buffers, key = _buffers.__dict__.setdefault("by_name", {}), (name, np.dtype(dtype))
    buffer = buffers.get(key)
    if buffer is None or buffer.size < count:
        buffer = buffers[key] = np.empty(count, dtype)
    return buffer[:count].reshape(shape)


def memory_available(xp: Any) -> int | None:
    """Bytes that a new run may take: free device memory, or free host memory within this process's limits.

    None if the system does not say.
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
    """Bytes left under the memory limit of a container (cgroup v2), or None."""
    try:
        with open("/sys/fs/cgroup/memory.max") as limit, open("/sys/fs/cgroup/memory.current") as used:
            return max(int(limit.read()) - int(used.read()), 0)
    except (OSError, ValueError):  # ValueError: the file says "max", which is no limit
        return None

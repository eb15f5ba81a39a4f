"""Memory: how much is free, work arrays that are used again, and how glibc keeps what is freed."""

import ctypes
import math
import threading
from functools import cache
from pathlib import Path
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
    # M_MMAP_THRESHOLD: glibc up to 2.34 refuses more than 32 MiB, and with the next line alone it would be 128 KiB
    mallopt(-3, 1 << 30) or mallopt(-3, 32 << 20)
    mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
    mallopt(-8, 1)  # M_ARENA_MAX


CGROUP = Path("/sys/fs/cgroup")
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
    """Bytes left under the memory limit of a container (cgroup v2), or None.

    Files that were read or written stay in memory, and count as used there, but give way to whatever needs it.
    """
    try:
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        fields = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        files = int(fields["active_file"]) + int(fields["inactive_file"])
    except (OSError, ValueError, KeyError):  # ValueError: the file says "max", which is no limit
        return None
    return min(max(limit - used + files, 0), limit)

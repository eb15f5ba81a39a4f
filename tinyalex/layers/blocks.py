"""Process arrays in blocks, so that on the CPU each pass finds its data still in cache."""

import math
from collections.abc import Iterator

from tinyalex.backend import Array, is_host

# Bytes of the first array. Half a MiB is as fast on one core; but then NumPy's calls are so short that two threads
# often wait for each other between them, since each call takes the interpreter's lock.
BLOCK_BYTES = 1 << 20


def blocks(*arrays: Array) -> Iterator[list[Array]]:
    """Yield views of the same block of each array, along the first axis, which must have one length in all.

    On the CPU a block is BLOCK_BYTES of the first array, or one entry if that is more; a GPU gets everything at once.
    Block size does not affect element-wise results.
    """
    first, length = arrays[0], len(arrays[0])
    fit = length * BLOCK_BYTES // max(1, first.size * first.dtype.itemsize) if is_host(first) else length
    for run in slices(length, fit):
        yield [a[run] for a in arrays]


def slices(length: int, step: int) -> list[slice]:
    """range(length) in slices of `step` (at least 1)."""
    step = max(1, step)
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def pixels(a: Array) -> Array:
    """`a` as (pixels, C), for any number of axes and pixels; copied only if its memory is in another order."""
    C = a.shape[-1] if a.ndim else 1
    return a.reshape(math.prod(a.shape[:-1]), C)  # not −1, which is ambiguous for C = 0

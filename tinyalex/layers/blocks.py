"""Work on whole arrays a stretch at a time, so that on the CPU each pass finds in the caches what the last one left."""

from tinyalex.backend import is_host

# Of the first array. Half a MiB is as fast on one core; but then NumPy's calls are so short that two threads often
# wait for each other between them (each call takes the interpreter's lock).
BLOCK_BYTES = 1 << 20


def blocks(*arrays):
    """Yield views of the same stretch of each array, along the first axis, which must be equally long in all.

    On the CPU a stretch is BLOCK_BYTES of the first array, or one entry if that is more; a GPU gets all at once.
    What a stretch is decides nothing about the results, as long as the work treats the entries one by one.
    """
    first, length = arrays[0], len(arrays[0])
    fit = length * BLOCK_BYTES // max(1, first.size * first.dtype.itemsize) if is_host(first) else length
    for stretch in slices(length, fit):
        yield [a[stretch] for a in arrays]


def slices(length, step):
    """range(length) in slices of `step` (at least 1)."""
    step = max(1, step)
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def pixels(a):
    """`a` as (pixels, C), whatever the axes before the last; a copy only where its memory is in another order."""
    return a.reshape(-1, a.shape[-1])

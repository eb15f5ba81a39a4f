"""Random generators: one for each key, on either library."""

import sys
import zlib
from typing import Any

import numpy as np

from tinyalex.backend.arrays import Array, to_host

# A device draws that many numbers at a time, each from a state of its own. CuPy's default is a multiple of the device's
# processors, so that two kinds of GPU draw different numbers from one seed.
DEVICE_STATES = 1 << 16


def random_stream(*key: int | str, xp: Any = np) -> Any:
    """A random generator of its own for each key, such as (seed, "dropout", epoch, step).

    Nothing is carried from one draw to the next, so a run resumed in the middle draws what it would have drawn.
    Key parts are integers from 0 to 2³² − 1, or strings, which count by their CRC; without any the stream is fresh,
    unlike every other.
    Both libraries' generators have the methods random, standard_normal and integers.
    """
    words = [zlib.crc32(part.encode()) if isinstance(part, str) else int(part) for part in key]
    # The length goes in too: to SeedSequence (3,) and (3, 0) are one seed
    sequence = np.random.SeedSequence([len(words), *words] if words else None)
    if xp is np:
        return np.random.default_rng(sequence)
    seed = int(sequence.generate_state(1, np.uint64)[0])
    return xp.random.Generator(xp.random.Philox4x3210(seed, size=DEVICE_STATES))


def uniform(rng: Any, shape: tuple[int, ...], xp: Any) -> Array:
    """float32 numbers in [0, 1) as an array of `xp`.

    rng: a generator of either library. A NumPy generator draws on the host and the result is moved, so a CPU and a GPU
        run can share their draws. None draws from fresh entropy, as numpy.random.default_rng(None) does
    """
    if rng is None:
        rng = random_stream()
    return xp.asarray(rng.random(shape, dtype=np.float32))


def child_streams(rng: Any, count: int) -> list[Any]:
    """`count` generators that depend only on `rng`'s state, one for each piece of a batch."""
    if rng is None:
        return [None] * count
    seeds = to_host(rng.integers(0, 2**62, size=count))
    if isinstance(rng, np.random.Generator):
        return [random_stream(int(seed)) for seed in seeds]
    return [random_stream(int(seed), xp=sys.modules["cupy"]) for seed in seeds]

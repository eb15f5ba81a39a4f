"""The machine and its two limits: bytes copied and operations multiplied per second.

python -m tests.gpu.rates gpu
"""

import json
import sys

import numpy as np

from tinyalex.backend import allow_tf32, choose_device, device_name, random_stream
from tinyalex.bench.machine import describe
from tinyalex.bench.ours import seconds_of

COPIED = 1 << 29  # float32 numbers, 2 GiB: far more than any cache holds
SIDE = 8192  # of the matrices
TIMES = 10


def copied(xp, entries):
    """Bytes per second that a large copy reads and writes together."""
    a = random_stream(0, xp=xp).random(entries, dtype="float32")
    b = xp.empty_like(a)
    return 2 * a.nbytes / after_warm_up(lambda: xp.copyto(b, a), xp)


def multiplied(xp, side, tf32):
    """Floating-point operations per second in a product of two square matrices."""
    allow_tf32(tf32, xp)
    a, b = (random_stream(n, xp=xp).standard_normal((side, side), dtype="float32") for n in range(2))
    out = xp.empty_like(a)
    return 2 * side**3 / after_warm_up(lambda: xp.matmul(a, b, out=out), xp)


def after_warm_up(work, xp):
    seconds_of(work, xp, 3)
    return seconds_of(work, xp, TIMES)


def rates(device):
    xp = choose_device(device)
    entries, side = (1 << 16, 64) if xp is np else (COPIED, SIDE)
    found = {
        "device": device_name(xp),
        "copied_tb_per_s": copied(xp, entries) / 1e12,
        "tf32_tflops": multiplied(xp, side, True) / 1e12,
        "float32_tflops": multiplied(xp, side, False) / 1e12,
    }
    if xp is not np:
        found["cuda"] = f"driver {xp.cuda.runtime.driverGetVersion()}, runtime {xp.cuda.runtime.runtimeGetVersion()}"
    versions = describe(xp, with_torch=True)
    return found | {key: versions[key] for key in ("cpu", "threads", "python", "numpy", "cupy", "torch")}


if __name__ == "__main__":
    print(json.dumps(rates(*sys.argv[1:])))

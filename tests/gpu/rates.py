"""The machine, its versions, and its limits as `tinyalex bench` measures them.

python -m tests.gpu.rates gpu
"""

import json
import sys

import numpy as np

from tinyalex.backend import choose_device, device_name, thread_count
from tinyalex.bench.limit import Sgemm
from tinyalex.bench.machine import describe
from tinyalex.bench.setup import Setup


def rates(device):
    xp = choose_device(device)
    found = {"device": device_name(xp)}
    for tf32, name in ((True, "tf32_gflops"), (False, "float32_gflops")):
        limit = Sgemm(Setup("alexnet", True, 1, thread_count(), device, tf32))
        limit.rates()  # warms up
        found[name] = max(limit.rates().values())
    if xp is not np:
        limit.passes()
        found |= limit.passes()
        found["cuda"] = f"driver {xp.cuda.runtime.driverGetVersion()}, runtime {xp.cuda.runtime.runtimeGetVersion()}"
    versions = describe(xp, with_torch=True)
    return found | {key: versions[key] for key in ("cpu", "threads", "python", "numpy", "cupy", "torch")}


if __name__ == "__main__":
    print(json.dumps(rates(*sys.argv[1:])))

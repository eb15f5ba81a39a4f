"""The machine and the libraries that the figures were measured with."""

import platform

import numpy as np
from threadpoolctl import threadpool_info

from tinyalex.backend import device_name, thread_count
from tinyalex.exchange.torch import torch_version


def describe(xp, with_torch):
    """Names and versions for --json; None for whatever is missing or unused."""
    on_gpu = xp is not np
    return {
        "cpu": _cpu(),
        "threads": thread_count(),
        "gpu": device_name(xp) if on_gpu else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": _blas(),
        "cupy": xp.__version__ if on_gpu else None,
        "torch": torch_version() if with_torch else None,
    }


def _cpu():
    """The processor's name: Linux keeps it in a file; elsewhere Python's guess must do."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _blas():
    """For example "openblas 0.3.31 (Zen)"; None if threadpoolctl recognises none, such as Accelerate."""
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    if not libraries:
        return None
    kind = libraries[0].get("architecture")
    return f"{libraries[0]['internal_api']} {libraries[0]['version']}{f' ({kind})' if kind else ''}"

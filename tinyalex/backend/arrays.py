"""Which library an array lives in, and how arrays move: the one file that imports CuPy.

Layers never choose a library. They ask their input, `xp = array_module(x)`, and write the rest in the names that NumPy
and CuPy share. So a CPU network and a GPU network run the same lines, side by side in one process if need be.
"""

import os
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from tinyalex.errors import UserError

Array = Any  # a numpy.ndarray or a cupy.ndarray
STREAMS = "CUPY_CUDA_PER_THREAD_DEFAULT_STREAM"


def array_module(x: Array) -> Any:
    """The library that `x` lives in: numpy, cupy, or what an array of the array API says. TypeError for all else.

    A masked array would lose its mask on the way, and a matrix multiplies differently, so neither is one.
    """
    if isinstance(x, np.ndarray):
        if isinstance(x, (np.ma.MaskedArray, np.matrix)):
            raise TypeError(f"found {type(x).__name__}, expected a plain NumPy or CuPy array")
        return np
    cupy = sys.modules.get("cupy")  # an array of CuPy cannot exist before CuPy is imported
    if cupy is not None and isinstance(x, cupy.ndarray):
        return cupy
    if hasattr(x, "__array_namespace__"):
        return x.__array_namespace__()
    raise TypeError(f"found {type(x).__name__}, expected a NumPy or a CuPy array")


def choose_device(name: str = "auto") -> Any:
    """The array module for "cpu", "gpu" or "auto" (a GPU if one answers, else the CPU).

    UserError for another name, and if "gpu" is not available, saying which is missing: CuPy, driver or device.
    """
    if name not in ("auto", "cpu", "gpu"):
        raise UserError(f"found {name!r}, expected auto, cpu or gpu", "device")
    if name == "cpu":
        return np
    cupy, missing = _find_gpu()
    if cupy is not None:
        return cupy
    if name == "auto":
        return np
    raise UserError(f"found gpu, but {missing}", "device")


def _find_gpu():
    """(cupy, "") if a GPU answers, else (None, what is missing)."""
    try:
        import cupy
    except ImportError:
        return None, 'CuPy is not installed; expected: pip install "cupy-cuda12x[ctk]" (or cupy-cuda13x[ctk])'
    if os.environ.get(STREAMS, "0") not in ("", "0"):
        return None, f"{STREAMS} is set; expected it unset, since arrays pass between threads in one stream's order"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return None, f"no usable NVIDIA driver ({str(error).split(':')[0]}); cpu works everywhere"
    if count == 0:
        return None, "CuPy and a driver are there, but no device; cpu works everywhere"
    if missing := _missing_library(cupy):
        return None, missing
    return cupy, ""


@cache
def _missing_library(cupy):
    """Why a device computes nothing, in words; "" if it does. Compiles a kernel and multiplies two matrices."""
    try:
        ones = cupy.ones((2, 2), "float32")
        float((ones @ ones + ones).sum())
    except Exception as error:  # CuPy raises what the loader, NVRTC or cuBLAS raises
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        return (
            f'CUDA\'s libraries do not work ({why}); expected: pip install "cupy-cuda12x[ctk]" (or cupy-cuda13x[ctk])'
        )
    return ""


def allow_tf32(allowed: bool, xp: Any) -> None:
    """Whether float32 products on a device may round their factors to TF32's 10 bits of mantissa, from now on.

    Several times as fast where the device has it (compute capability 8.0 and above); others, and the CPU, ignore it.
    CuPy has only an environment variable for it, which it reads once, so this calls what reads it.
    """
    if is_cupy(xp):
        linalg = xp._core._routines_linalg
        linalg.set_compute_type(np.dtype("f"), linalg.COMPUTE_TYPE_TF32 if allowed else linalg.COMPUTE_TYPE_FP32)


def gpu_number(xp: ModuleType) -> int:
    """The number of this machine's GPU that the calling thread uses."""
    return int(xp.cuda.Device().id)


def cupy_distributed() -> Any:
    """CuPy's module for several GPUs, `cupyx.distributed`; ImportError without it."""
    import cupyx.distributed

    return cupyx.distributed


def is_cupy(xp: Any) -> bool:
    """Whether the array module `xp` is CuPy."""
    return xp is sys.modules.get("cupy")


def is_host(x: Array) -> bool:
    """Whether `x` lives in host memory, so that reading its values does not wait for a device."""
    return array_module(x) is np


def to_device(tree: Any, xp: ModuleType) -> Any:
    """Every array in a tree of dicts, lists and tuples, as an array of `xp`; arrays already there are not copied."""
    return _map_tree(lambda a: a if array_module(a) is xp else xp.asarray(to_host(a)), tree)


def to_host(tree: Any) -> Any:
    """Every array in a tree of dicts, lists and tuples, as a NumPy array (waits for the device)."""
    return _map_tree(lambda a: a if is_host(a) else a.get(), tree)


def _map_tree(function: Callable[[Array], Array], tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _map_tree(function, value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_map_tree(function, value) for value in tree)
    return function(tree)


def synchronize(xp: Any) -> None:
    """Wait until the device has finished everything asked of it. Nothing to wait for on the CPU."""
    if xp is not np:
        xp.cuda.get_current_stream().synchronize()

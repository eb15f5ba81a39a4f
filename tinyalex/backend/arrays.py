"""Which library an array lives in, and how arrays move: the one file that imports CuPy.

Layers never choose a library. They ask their input, `xp = array_module(x)`, and write the rest in the names that NumPy
and CuPy share. So a CPU network and a GPU network run the same lines, side by side in one process if need be.
"""

import sys
from typing import Any

import numpy as np

from tinyalex.errors import UserError

Array = Any  # a numpy.ndarray or a cupy.ndarray


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
        raise UserError(
            f"--transport nccl: {reason}; expected: pip install nvidia-nccl-cu12 (or -cu13), or --transport mpi"
        ) from error


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

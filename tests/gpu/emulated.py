"""The kernels on the CPU: the same sources through g++, with any number of threads, in any order, one after the other.

    with kernels_by(emulated(threads=7, seed=1)): ...  # on the stand-in

This proves arithmetic and indices, and, since the order of threads is random, that no thread needs what another wrote.
It does not prove the launch's geometry nor the rounding of fused multiply-adds.
"""

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")
HOST = """
#include <algorithm>
#include <cmath>
#include <cstring>
using std::abs, std::exp, std::fmax, std::fmin, std::isnan, std::log, std::pow, std::rint, std::sqrt;
using std::max, std::min;
static thread_local long long thread_number, thread_count;
extern "C" void set_thread(long long number, long long count) { thread_number = number; thread_count = count; }
#define KERNEL extern "C"
#define EACH(i, count) INDEX i = (INDEX)thread_number; i < count; i += (INDEX)thread_count
"""


@cache
def library(kernel_file, real, index, source):
    """The shared library of one file of kernels for one REAL and INDEX."""
    flags = ["-O2", "-shared", "-fPIC", "-std=c++17", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
    with tempfile.TemporaryDirectory(prefix="tinyalex-kernels-") as folder:  # what is loaded stays loaded
        out = Path(folder) / f"{kernel_file.stem}.so"
        run = subprocess.run(["g++", *flags, "-x", "c++", "-", "-o", out], input=source, text=True, capture_output=True)
        assert run.returncode == 0, run.stderr
        return ctypes.CDLL(str(out))


def emulated(threads=None, seed=0, index=None):
    """A way for `kernels_by`: `threads` threads (None: as many as entries) in a random order.

    index: "int32" or "int64", instead of what the sizes ask for
    """
    rng = np.random.default_rng(seed)

    def launch(kernel, variant, arguments, count):
        real, width = variant[0], index or variant[1]
        code = library(kernel.file, real, width, kernel.source(real, width, HOST))
        values = [_argument(p, a, real, width) for p, a in zip(kernel.parameters, arguments)]
        values.append(_number(np.dtype(width))(count))
        total = threads or count
        for number in rng.permutation(total):
            code.set_thread(ctypes.c_longlong(number), ctypes.c_longlong(total))
            getattr(code, kernel.name)(*values)
        return True

    return launch


def watched(names, way):
    """`way`, which adds each kernel's name to `names`."""

    def launch(kernel, *others):
        names.append(kernel.name)
        return way(kernel, *others)

    return launch


def spoiling(way):
    """`way`, which first spoils what the kernel writes: for kernels that do not read it."""

    def launch(kernel, variant, arguments, count):
        for parameter, array in zip(kernel.parameters, arguments):
            if parameter.written:
                array.fill(np.nan if array.dtype.kind == "f" else 99)
        return way(kernel, variant, arguments, count)

    return launch


def _argument(parameter, value, real, width):
    if parameter.pointer:
        return value.ctypes.data_as(ctypes.c_void_p)
    return _number(parameter.dtype(real, width))(value)


def _number(dtype):
    return np.ctypeslib.as_ctypes_type(dtype)

"""Kernels: one launch on a device for what takes NumPy several passes over memory.

    if not fused("relu_backward", dy, y, dx):
        ...the same in the words that NumPy and CuPy share

The sources are CUDA C, in kernels/*.cu, in a form that a C++ compiler takes too, so that their arithmetic can be tested
without a device. A kernel is `KERNEL void name(parameters, INDEX count)`, with these parameters:

    REAL*, const REAL*   an array of the layer's dtype, float32 or float64; other types are named as in NumPy
    REAL, int32, INDEX   a number; INDEX is as long as the largest array needs

Threads share nothing: each loops over its share of `EACH(i, count)`, and no two write one entry. So the results depend
neither on the number of threads nor on their order.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tinyalex.backend.arrays import array_module, is_cupy

FOLDER = Path(__file__).parent / "kernels"
THREADS_A_BLOCK = 256
FEW_ENTRIES = 1 << 30  # for an int32 to count; beyond them, stepping over an array by its threads could pass 2³¹
DEVICE = """
#define KERNEL extern "C" __global__
#define EACH(i, count) \\
    INDEX i = (INDEX)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += (INDEX)gridDim.x * blockDim.x
"""


@dataclass(frozen=True)
class Parameter:
    """A kernel's parameter. type: "REAL", "INDEX" or a dtype's name"""

    name: str
    type: str
    pointer: bool
    written: bool

    def dtype(self, real: str, index: str) -> np.dtype:
        """Its dtype, where REAL and INDEX stand for the types `real` and `index`."""
        return np.dtype({"REAL": real, "INDEX": index}.get(self.type, self.type))


@dataclass(frozen=True)
class Kernel:
    """A kernel as its source declares it. parameters: all but the last, `count`"""

    name: str
    file: Path
    parameters: tuple[Parameter, ...]

    def variant(self, arguments: Sequence[Any]) -> tuple[str, str] | None:
        """(REAL, INDEX) for these arguments; None if an array is not contiguous, or their dtype is another."""
        if len(arguments) != len(self.parameters):
            raise TypeError(f"{self.name}: {len(arguments)} arguments, expected {[p.name for p in self.parameters]}")
        arrays = [(p, a) for p, a in zip(self.parameters, arguments) if p.pointer]
        reals = {a.dtype for p, a in arrays if p.type == "REAL"}
        real = reals.pop().name if len(reals) == 1 else ""
        if real not in ("float32", "float64") or not all(a.flags.c_contiguous for _, a in arrays):
            return None
        index = "int32" if max(a.size for _, a in arrays) < FEW_ENTRIES else "int64"
        for parameter, array in arrays:
            if array.dtype != parameter.dtype(real, index):
                raise TypeError(f"{self.name}: {parameter.name} is {array.dtype}, expected {parameter.type}")
        return real, index

    def source(self, real: str, index: str, macros: str = DEVICE) -> str:
        """The whole file in C, after `macros`."""
        types, body = ((FOLDER / name).read_text(encoding="utf-8") for name in ("types.h", self.file))
        return f"{macros}{types}typedef {real} REAL;\ntypedef {index} INDEX;\n{body}"


@cache
def kernels() -> dict[str, Kernel]:
    """Every kernel by name."""
    found = {}
    for file in sorted(FOLDER.glob("*.cu")):
        for name, inside in re.findall(r"KERNEL void (\w+)\(([^)]*)\)", file.read_text(encoding="utf-8")):
            *parameters, count = map(_parameter, inside.split(","))
            assert (count.name, count.type) == ("count", "INDEX") and name not in found, name
            found[name] = Kernel(name, file, tuple(parameters))
    return found


def _parameter(text):
    constant, type, star, name = re.fullmatch(r"\s*(const )?([\w ]+?)(\*?) (\w+)\s*", text).groups()
    return Parameter(name, type, bool(star), bool(star) and not constant)


def fused(name: str, *arguments: Any, threads: int | None = None) -> bool:
    """Whether kernel `name` did the work; if not, the caller does it.

    arguments: the kernel's, without `count`: arrays of one library, and numbers
    threads: `count`, if not one for each entry of the last array
    False on the CPU, and for arrays that are not contiguous or neither float32 nor float64
    """
    xp = array_module(arguments[0])
    if xp is np:
        return False
    kernel = kernels()[name]
    launch = _launch if is_cupy(xp) else getattr(xp, "launch", None)
    if launch is None or (variant := kernel.variant(arguments)) is None:
        return False
    arrays = [a for p, a in zip(kernel.parameters, arguments) if p.pointer]
    count = arrays[-1].size if threads is None else threads
    return launch(kernel, variant, arguments, count) if count else True


def _launch(kernel, variant, arguments, count):
    """Run it on the current device, in the current stream."""
    values = [a if p.pointer else p.dtype(*variant).type(a) for p, a in zip(kernel.parameters, arguments)]
    blocks = -(-count // THREADS_A_BLOCK)
    values.append(np.dtype(variant[1]).type(count))
    _compiled(kernel, *variant)((blocks,), (THREADS_A_BLOCK,), tuple(values))
    return True


@cache
def _compiled(kernel, real, index):
    return sys.modules["cupy"].RawKernel(kernel.source(real, index), kernel.name, ("-std=c++17",))

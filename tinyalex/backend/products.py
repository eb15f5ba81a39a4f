"""Matrix products: one among threads; a whole stack of them, wherever the matrices lie, in one call of cuBLAS."""

import operator
import sys
from functools import reduce
from typing import NamedTuple

import numpy as np

from tinyalex.backend.arrays import Array, array_module, is_cupy, is_host
from tinyalex.backend.threads import ordered_map

RUN = 512  # rows or columns of the largest matrix that a thread takes at a time
ONE_THREAD = 1 << 22, 1 << 25  # entries, and multiplications, up to which one thread is as fast
COEFFICIENTS = {name: np.array([1, 0], name) for name in ("float32", "float64")}  # cuBLAS reads them in host memory
MOST_INT32 = (1 << 31) - 1


def matmul(a: Array, b: Array) -> Array:
    """a @ b for two matrices, (M, K) @ (K, N). Threads divide the largest of the three, RUN rows or columns at a time.

    They divide it so that each reads or writes one run of memory. If that divides K, their products are added up, in
    order. The result does not depend on the number of threads.
    """
    if not is_host(a):
        return a @ b
    (M, K), N = a.shape, b.shape[1]
    axis, length, entries = _longest_apart(a, b)
    run = length if entries <= ONE_THREAD[0] and M * K * N <= ONE_THREAD[1] else RUN
    runs = [slice(start, start + run) for start in range(0, length, run or 1)]
    if axis == "K":
        return reduce(operator.iadd, ordered_map(lambda run: a[:, run] @ b[run], runs))
    out = np.empty((M, N), np.result_type(a, b))
    pieces = [(a[run], b, out[run]) if axis == "M" else (a, b[:, run], out[:, run]) for run in runs]
    for _ in ordered_map(lambda piece: np.matmul(piece[0], piece[1], out=piece[2]), pieces):
        pass
    return out


def _longest_apart(a, b):
    """(axis, length, entries) of the largest of the three. axis: the one whose entries lie farther apart."""
    (M, K), N = a.shape, b.shape[1]
    sizes = [(M * N, "M", M)]
    sizes.append((a.size, "K", K) if a.strides[0] < a.strides[1] else (a.size, "M", M))
    sizes.append((b.size, "N", N) if b.strides[0] < b.strides[1] else (b.size, "K", K))
    entries, axis, length = max(sizes, key=lambda size: size[0])
    return axis, length, entries


def stacked_matmul(a: Array, b: Array, out: Array) -> None:
    """Write a @ b into out for S pairs of matrices, (S, M, K) @ (S, K, N) → (S, M, N); with two axes, one serves all.

    Matrices of a, or of b, may overlap; none may overlap one of out. On a device cuBLAS reads and writes views where
    they lie, in TF32 if `allow_tf32` said so. CuPy's own product of stacks copies them first, and never uses TF32.
    """
    xp = array_module(out)
    gemm = _gemm if is_cupy(xp) else getattr(xp, "gemm", None)
    if gemm is None or (layouts := _layouts(a, b, out)) is None:
        xp.matmul(a, b, out=out)
    else:
        gemm(a, b, out, *layouts)


class Layout(NamedTuple):
    """How matrices lie in memory.

    transposed: column by column;  ld: entries from one row to the next, or column;  stride: from one matrix to the next
    """

    transposed: bool
    ld: int
    stride: int


def _layouts(a, b, out):
    """The `Layout` of each; None for dtypes and memory that cuBLAS does not take, and where there is nothing to do."""
    (*stack, M, N), K, dtype = out.shape, a.shape[-1], out.dtype
    layouts = tuple(map(_layout, (a, b, out)))
    if (
        dtype.name not in COEFFICIENTS
        or not a.dtype == b.dtype == dtype
        or a.shape not in ((M, K), (*stack, M, K))
        or b.shape not in ((K, N), (*stack, K, N))
        or len(stack) > 1
        or 0 in (*out.shape, K)
        or None in layouts
        or layouts[2].transposed
        or max(M, N, K, *(layout.ld for layout in layouts)) > MOST_INT32
    ):
        return None
    return layouts


def _layout(a):
    """The `Layout` of (…, rows, columns); None where neither axis is contiguous, or where rows overlap."""
    *stack, rows, columns = a.shape
    *apart, down, across = (s // a.itemsize for s in a.strides)
    stride = apart[0] if stack and stack[0] > 1 else 0
    if stride < 0:
        return None
    if (across == 1 or columns == 1) and (down >= columns or rows == 1):
        return Layout(False, down if rows > 1 else columns, stride)
    if (down == 1 or rows == 1) and (across >= rows or columns == 1):
        return Layout(True, across if columns > 1 else rows, stride)
    return None


def _gemm(a, b, out, *layouts):
    """One call of cuBLAS. It goes down columns, so to it our matrices are transposed: outᵀ = bᵀ·aᵀ."""
    cupy, (*stack, M, N), dtype = sys.modules["cupy"], out.shape, out.dtype
    cublas, (real, compute) = cupy.cuda.cublas, _types(cupy, dtype)
    one = COEFFICIENTS[dtype.name].ctypes.data
    zero = one + dtype.itemsize
    left, right, result = layouts
    what = cupy.cuda.get_cublas_handle(), int(right.transposed), int(left.transposed), N, M, a.shape[-1], one
    x, y, z = ((m.data.ptr, real, layout.ld) for m, layout in ((b, right), (a, left), (out, result)))
    if stack in ([], [1]):
        cublas.gemmEx(*what, *x, *y, zero, *z, compute, cublas.CUBLAS_GEMM_DEFAULT)
    else:
        x, y, z = (*x, right.stride), (*y, left.stride), (*z, result.stride)
        cublas.gemmStridedBatchedEx(*what, *x, *y, zero, *z, *stack, compute, cublas.CUBLAS_GEMM_DEFAULT)


def _types(cupy, dtype):
    """CUDA's number for `dtype`, and cuBLAS's for how to multiply it: as CuPy's own products of two matrices do."""
    cublas, linalg = cupy.cuda.cublas, cupy._core._routines_linalg
    if dtype.name == "float64":
        return cupy.cuda.runtime.CUDA_R_64F, cublas.CUBLAS_COMPUTE_64F
    tf32 = linalg.get_compute_type(dtype) == linalg.COMPUTE_TYPE_TF32
    return cupy.cuda.runtime.CUDA_R_32F, cublas.CUBLAS_COMPUTE_32F_FAST_TF32 if tf32 else cublas.CUBLAS_COMPUTE_32F

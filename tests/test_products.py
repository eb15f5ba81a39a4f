"""Stacked products: on NumPy, and to the edge of cuBLAS, with arrays of CuPy's that lie in host memory."""

import ctypes

import numpy as np
import pytest

from tests.checks import agree
from tinyalex.backend import allow_tf32, array_module, products, stacked_matmul
from tinyalex.layers import strips
from tinyalex.standin import xp as device

REALS = {0: ctypes.c_float, 1: ctypes.c_double}  # cuBLAS's numbers for them: CUDA_R_32F, CUDA_R_64F
ACCURATE, TF32, DOUBLE = 68, 77, 70  # of cublasComputeType_t: CUBLAS_COMPUTE_32F, …_32F_FAST_TF32, CUBLAS_COMPUTE_64F


class FakeCublas:
    """Products as cuBLAS's documentation has them: matrices by columns, pointers to everything, host memory here."""

    CUBLAS_GEMM_DEFAULT, CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32, CUBLAS_COMPUTE_64F = (
        -1,
        ACCURATE,
        TF32,
        DOUBLE,
    )

    def __init__(self):
        self.computed = []  # (calls, compute type, products)

    def gemmEx(
        self, handle, ta, tb, m, n, k, alpha, a, a_type, lda, b, b_type, ldb, beta, c, c_type, ldc, compute, how
    ):
        matrices = (a, a_type, lda, 0), (b, b_type, ldb, 0), (c, c_type, ldc, m * n)
        self._products(handle, (ta, tb), (m, n, k), (alpha, beta), *matrices, 1, compute, how)

    def gemmStridedBatchedEx(
        self, handle, ta, tb, m, n, k, alpha, a, a_type, lda, a_stride, b, b_type, ldb, b_stride, beta, c, c_type, ldc,
        c_stride, count, compute, how,
    ):  # fmt: skip
        matrices = (a, a_type, lda, a_stride), (b, b_type, ldb, b_stride), (c, c_type, ldc, c_stride)
        self._products(handle, (ta, tb), (m, n, k), (alpha, beta), *matrices, count, compute, how)

    def _products(self, handle, transposed, sizes, coefficients, a, b, c, count, compute, how):
        (ta, tb), (m, n, k), real = transposed, sizes, c[1]
        assert handle == 7 and ta in (0, 1) and tb in (0, 1) and min(m, n, k, count) > 0 and how == -1
        assert a[1] == b[1] == real and compute in {0: (ACCURATE, TF32), 1: (DOUBLE,)}[real]
        assert [REALS[real].from_address(one).value for one in coefficients] == [1, 0]
        left = self._matrices(a, (k, m) if ta else (m, k), count)
        right = self._matrices(b, (n, k) if tb else (k, n), count)
        out = self._matrices(c, (m, n), count)
        places = self._matrices(c, (m, n), count, addresses=True)
        assert np.unique(places).size == places.size, "products that write one number twice"
        left, right = left.swapaxes(1, 2) if ta else left, right.swapaxes(1, 2) if tb else right
        out[...] = np.full(out.shape, np.nan)  # whatever lies there does not count, since beta is 0
        out[...] = left @ right
        self.computed.append((compute, count))

    def _matrices(self, matrix, shape, count, addresses=False):
        """(count, rows, columns): a view of what `matrix` points to, or the place of each number in memory."""
        pointer, real, ld, stride = matrix
        (rows, columns), size = shape, ctypes.sizeof(REALS[real])
        assert ld >= rows and stride >= 0 and pointer % size == 0
        assert all(isinstance(number, int) and number < 1 << 31 for number in (*shape, ld))
        length = (count - 1) * stride + (columns - 1) * ld + rows
        if addresses:
            memory = np.arange(length)
        else:
            memory = np.frombuffer((REALS[real] * length).from_address(pointer), REALS[real])
        strides = (stride * memory.itemsize, memory.itemsize, ld * memory.itemsize)
        return np.lib.stride_tricks.as_strided(memory, (count, rows, columns), strides)


@pytest.fixture
def cublas(monkeypatch):
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    fake = FakeCublas()
    monkeypatch.setitem(vars(cupy.cuda), "cublas", fake)  # in place of what needs the library
    monkeypatch.setattr(cupy.cuda, "get_cublas_handle", lambda: 7)
    return fake


def in_cupy(host):
    """The same memory as an array of CuPy's; the views of one are those that a device would have."""
    import cupy

    memory = cupy.cuda.UnownedMemory(host.ctypes.data, max(1, host.nbytes), host, 0)
    return cupy.ndarray(host.shape, host.dtype, cupy.cuda.MemoryPointer(memory, 0))


def as_strided(a, shape, strides):
    """A view by strides in entries."""
    return array_module(a).lib.stride_tricks.as_strided(a, shape, tuple(s * a.itemsize for s in strides))


# name: (shapes of three arrays, and views of them: a, b and out)
CASES = {
    "a row of two matrices": (((2, 3, 4), (2, 4, 5), (2, 3, 5)), lambda a, b, out: (a, b, out)),
    "two matrices": (((3, 4), (4, 5), (3, 5)), lambda a, b, out: (a, b, out)),
    "a stack of one": (((1, 3, 4), (1, 4, 5), (1, 3, 5)), lambda a, b, out: (a, b, out)),
    "one b for all": (((3, 2, 4), (4, 5), (3, 2, 5)), lambda a, b, out: (a, b, out)),
    "one a for all": (((2, 4), (3, 4, 5), (3, 2, 5)), lambda a, b, out: (a, b, out)),
    "a transposed": (((2, 4, 3), (2, 4, 5), (2, 3, 5)), lambda a, b, out: (a.swapaxes(1, 2), b, out)),
    "b transposed": (((2, 3, 4), (2, 5, 4), (2, 3, 5)), lambda a, b, out: (a, b.swapaxes(1, 2), out)),
    "both transposed": (((4, 3), (5, 4), (3, 5)), lambda a, b, out: (a.T, b.T, out)),
    "some columns of each": (((3, 9), (4, 8), (3, 7)), lambda a, b, out: (a[:, 2:6], b[:, 3:8], out[:, 1:6])),
    "some rows, from the middle on": (((9, 4), (8, 5), (7, 5)), lambda a, b, out: (a[1:7:2], b[2:6], out[4:])),
    "some columns, transposed": (((4, 9), (5, 8), (3, 7)), lambda a, b, out: (a[:, 1:4].T, b[:, 2:6].T, out[:, 2:])),
    "a stack across rows": (
        ((3, 2, 4), (2, 4, 5), (3, 2, 5)),
        lambda a, b, out: (a.swapaxes(0, 1), b, out.swapaxes(0, 1)),
    ),
    "matrices that overlap": (
        ((40,), (6, 5), (3, 7, 5)),
        lambda a, b, out: (as_strided(a[1:], (7, 3, 6), (2, 9, 1)), b, out.swapaxes(0, 1)),
    ),
    "overlapping, transposed": (
        ((40,), (3, 7, 5), (7, 6, 5)),
        lambda a, b, out: (as_strided(a, (7, 3, 6), (2, 9, 1)).swapaxes(1, 2), b.swapaxes(0, 1), out),
    ),
    "one row": (((2, 1, 4), (2, 4, 5), (2, 1, 5)), lambda a, b, out: (a, b, out)),
    "one row, of a column": (((4, 7), (4, 5), (1, 5)), lambda a, b, out: (a[:, 3:4].T, b, out)),
    "one column, of a row": (((3, 4), (6, 4), (3, 9)), lambda a, b, out: (a, b[2:3].T, out[:, 5:6])),
    "one column": (((2, 3, 4), (2, 4, 1), (2, 3, 1)), lambda a, b, out: (a, b, out)),
    "a sum of one": (((2, 3, 1), (2, 1, 5), (2, 3, 5)), lambda a, b, out: (a, b, out)),
    "a sum of one, of many columns": (((3, 8), (9, 5), (3, 5)), lambda a, b, out: (a[:, 6:7], b[7:8], out)),
    "one number": (((1, 1), (1, 1), (1, 1)), lambda a, b, out: (a, b, out)),
}


def arrays(case, dtype, move=lambda a: a):
    """(views a, b, out of arrays that `move` moved; the whole of out there; the same on the host with a @ b in it)."""
    shapes, views = CASES[case]
    rng = np.random.default_rng(5)
    host = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    moved = [move(array.copy()) for array in host]
    a, b, out = views(*host)
    out[...] = a @ b
    return views(*moved), moved[2], host[2]


@pytest.mark.cupy
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype, compute", [("float32", ACCURATE), ("float64", DOUBLE)])
def test_cublas_gets_the_matrices_where_they_lie(cublas, case, dtype, compute):
    kept = []
    views, _, expected = arrays(case, dtype, lambda a: kept.append(a) or in_cupy(a))
    stacked_matmul(*views)
    agree(kept[2], expected, case, rtol=1e-5, atol=1e-6)
    assert cublas.computed == [(compute, len(views[2]) if views[2].ndim == 3 else 1)]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("move", [np.asarray, device.asarray], ids=["NumPy", "stand-in"])
def test_other_libraries_do_the_same(case, move):
    views, whole, expected = arrays(case, "float64", move)
    stacked_matmul(*views)
    agree(whole, expected, case)


@pytest.mark.cupy
def test_tf32_is_taken_where_it_is_allowed(cublas, monkeypatch):
    import cupy

    linalg = cupy._core._routines_linalg
    monkeypatch.setattr(linalg, "get_compute_type", lambda dtype: linalg.COMPUTE_TYPE_TF32)
    for dtype, compute in (("float32", TF32), ("float64", DOUBLE)):
        cublas.computed.clear()
        for case in ("one b for all", "two matrices"):
            stacked_matmul(*arrays(case, dtype, in_cupy)[0])
        assert cublas.computed == [(compute, 3), (compute, 1)]


@pytest.mark.gpu
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("tf32", [False, True])
def test_on_a_gpu(gpu, case, dtype, tf32):
    views, whole, expected = arrays(case, dtype, gpu.asarray)
    allow_tf32(tf32, gpu)
    try:
        assert products._layouts(*views)
        stacked_matmul(*views)
    finally:
        allow_tf32(False, gpu)
    tolerance = 1e-12 if dtype == "float64" else 1e-2 if tf32 else 1e-5
    agree(whole, expected, case, rtol=tolerance, atol=tolerance)


REFUSED = {  # shapes, views: what CuPy does itself
    "neither axis contiguous": (((3, 8), (4, 5), (3, 5)), lambda a, b, out: (a[:, ::2], b, out)),
    "backwards": (((3, 4), (4, 5), (3, 5)), lambda a, b, out: (a[:, ::-1], b, out)),
    "rows backwards": (((3, 4), (4, 5), (3, 5)), lambda a, b, out: (a, b[::-1], out)),
    "a stack backwards": (((2, 3, 4), (4, 5), (2, 3, 5)), lambda a, b, out: (a[::-1], b, out)),
    "rows that overlap": (((20,), (4, 5), (3, 5)), lambda a, b, out: (as_strided(a, (3, 4), (2, 1)), b, out)),
    "columns that overlap": (((20,), (4, 5), (3, 5)), lambda a, b, out: (as_strided(a, (3, 4), (1, 2)), b, out)),
    "out by columns": (((3, 4), (4, 5), (5, 3)), lambda a, b, out: (a, b, out.T)),
    "no rows": (((0, 4), (4, 5), (0, 5)), lambda a, b, out: (a, b, out)),
    "no stack": (((0, 3, 4), (4, 5), (0, 3, 5)), lambda a, b, out: (a, b, out)),
    "a sum of none": (((3, 0), (0, 5), (3, 5)), lambda a, b, out: (a, b, out)),
    "stacks of stacks": (((2, 2, 3, 4), (4, 5), (2, 2, 3, 5)), lambda a, b, out: (a, b, out)),
    "another length": (((3, 4), (3, 5), (3, 5)), lambda a, b, out: (a, b, out)),
    "another shape of out": (((3, 4), (4, 5), (3, 6)), lambda a, b, out: (a, b, out)),
    "another number of matrices": (((3, 3, 4), (2, 4, 5), (2, 3, 5)), lambda a, b, out: (a, b, out)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_cublas_is_not_asked(case):
    shapes, views = REFUSED[case]
    assert products._layouts(*views(*map(np.zeros, shapes))) is None


@pytest.mark.parametrize("dtypes", [("f4", "f4", "f8"), ("f4", "f8", "f8"), ("f2", "f2", "f2"), ("i4", "i4", "i4")])
def test_cublas_is_not_asked_for_other_dtypes(dtypes):
    a, b, out = (np.zeros((2, 2), dtype) for dtype in dtypes)
    assert products._layouts(a, b, out) is None


@pytest.mark.parametrize("size", [1 << 31, (1 << 31) + 5])
def test_sizes_that_cublas_cannot_count(size):
    a, b = as_strided(np.zeros(4), (2, size), (size, 1)), as_strided(np.zeros(1), (size, 2), (2, 1))
    assert products._layouts(a, b, np.zeros((2, 2))) is None


@pytest.mark.cupy
@pytest.mark.parametrize(
    "kernels, stride, padding, size",
    [  # (KH, KW, C/G, G, F/G)
        ((3, 3, 4, 1, 5), (1, 1), (1, 1), (5, 7)),
        ((3, 2, 3, 2, 3), (2, 1), (1, 2), (5, 7)),
        ((11, 11, 3, 1, 2), (4, 4), (0, 0), (23, 27)),
        ((2, 3, 5, 1, 4), (2, 3), (0, 0), (4, 6)),
        ((5, 7, 2, 1, 3), (1, 1), (0, 0), (5, 7)),
        ((1, 1, 3, 2, 2), (1, 1), (0, 0), (5, 7)),
        ((1, 1, 3, 2, 1), (2, 2), (0, 0), (5, 7)),
        ((3, 1, 1, 4, 1), (1, 1), (1, 0), (5, 7)),
    ],
)
def test_cublas_takes_every_matrix_of_strips(cublas, kernels, stride, padding, size):
    """Forward and for dweight, without a copy; and runs begin at a multiple of 16 bytes unless x is taken as it is."""
    KH, KW, C, G, F = kernels
    rng = np.random.default_rng(1)
    out_size = tuple((n + 2 * p - k) // s + 1 for n, p, k, s in zip(size, padding, (KH, KW), stride))
    layout = strips.Layout(np.zeros(kernels, "float32"), stride, padding, out_size)
    x = rng.standard_normal((2, *size, G * C)).astype("float32")
    here = layout.strips(x)
    there = layout.strips(in_cupy(x)) if layout.plain else in_cupy(here)
    y, matrices = np.zeros((2, *out_size, G * F), "float32"), rng.standard_normal(layout.matrices_shape).astype("f4")
    for g in range(G):
        host, rows, places = layout.rows(here[g]), layout.rows(there[g]), layout.places(in_cupy(y), g)
        stacked_matmul(rows, in_cupy(matrices)[g], places)
        agree(layout.places(y, g), host @ matrices[g], "y", rtol=1e-4, atol=1e-4)
        part = np.zeros((layout.stack, *layout.matrices_shape[1:]), "float32")
        stacked_matmul(rows.swapaxes(1, 2), places, in_cupy(part))
        agree(part, host.swapaxes(1, 2) @ layout.places(y, g), "dweight", rtol=1e-4, atol=1e-4)
        assert layout.plain or not any(bytes % 16 for bytes in (*rows.strides[:2], there.strides[0]))
    assert len(cublas.computed) == 2 * G

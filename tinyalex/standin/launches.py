"""The launches that CuPy 14 makes for a call, as its sources say.

A rule takes a call on NumPy arrays, notes its launches with `counter.note(name, arrays read, arrays written)`, and
returns an array of the right shape, dtype and order in memory, without touching its entries.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyalex.standin.names import UFUNCS


@dataclass(frozen=True)
class Product:
    """`batch` matrix products (m, k) @ (k, n). strided: CuPy's own of more than two axes, which never use TF32"""

    m: int
    n: int
    k: int
    batch: int
    dtype: str
    strided: bool = False

    @property
    def flops(self) -> int:
        return 2 * self.batch * self.m * self.n * self.k


# ---------------------------------------------------------------------------------------------- views, copies, passes


def _arrays(values):
    """The arrays among arguments, also inside lists."""
    for value in values:
        if isinstance(value, np.ndarray):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _arrays(value)


def _free(counter, name, function, args, kwargs):
    """Looks at shapes only, or makes a view."""
    return function(*args, **kwargs)


def _filled(counter, name, function, args, kwargs):
    """A new array with something in every entry."""
    result = function(*args, **kwargs) if name in ("arange", "eye") else _blank(function, args, kwargs)
    counter.note(name, [], [result])
    return result


def _blank(function, args, kwargs):
    """np.empty in the shape and dtype that ones, full and their like would give."""
    first, *rest = args or [kwargs["shape"]]
    rest_named = {key: value for key, value in kwargs.items() if key != "shape"}
    like = isinstance(first, np.ndarray)
    small = function(np.empty(0, first.dtype) if like else (), *rest, **rest_named)
    return np.empty(first.shape if like else first, small.dtype)


def _random(counter, name, function, args, kwargs):
    """One launch, which writes the numbers."""
    size, dtype = args
    result = np.empty(() if size is None else size, dtype)
    counter.note(name, [], [result])
    return result


def _elementwise(counter, name, function, args, kwargs):
    """One launch: every array is read, the result written. In place and with `out`, that one is written."""
    arrays, out = list(_arrays(args)), kwargs.get("out")
    if name == "where" and arrays[0].dtype != bool:
        condition, arrays[0] = arrays[0], np.empty(arrays[0].shape, bool)
        counter.note("where: condition", [condition], [arrays[0]])
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    if name.startswith("__i") and name != "__invert__":
        out = args[0]
    if out is None:
        small = [np.empty(0, a.dtype) if isinstance(a, np.ndarray) else a for a in args]
        out = np.empty(shape, function(*small, **kwargs).dtype)
    if out.shape != shape:
        raise ValueError(f"{name}: {shape} does not fit into {out.shape}")
    counter.note(name, arrays, [out])
    return out


def _copy(counter, name, function, args, kwargs):
    """Always a copy."""
    a, order = args[0], "K" if name == "astype" else "C"
    if name == "astype":
        dtype = np.dtype(kwargs.get("dtype", args[1] if len(args) > 1 else None))
        if kwargs.get("copy") is False and dtype == a.dtype:
            return a
        result = np.empty_like(a, dtype=dtype, order=order)
    else:
        result = np.empty(a.size if name == "flatten" else a.shape, a.dtype)
    counter.note(name, [a], [result])
    return result


def _reshaped(counter, name, function, args, kwargs):
    """A view if there is one, else a copy."""
    a, *shape = args if name == "reshape" else (args[0], -1)
    shape = tuple(shape[0]) if isinstance(shape[0], (tuple, list)) else tuple(shape)
    known = math.prod(n for n in shape if n >= 0)
    shape = tuple(a.size // max(known, 1) if n < 0 else n for n in shape)
    if math.prod(shape) != a.size:
        raise ValueError(f"{name}: {a.shape} does not fit into {shape}")
    try:
        return np.reshape(a, shape, copy=False)
    except ValueError:
        result = np.empty(shape, a.dtype)
    counter.note(name, [a], [result])
    return result


def _array(counter, name, function, args, kwargs):
    """A copy, unless it is asked for only if needed."""
    result = function(*args, **kwargs)
    if result is not args[0]:
        counter.note(name, [args[0]], [result])
    return result


def _contiguous(counter, name, function, args, kwargs):
    a = args[0]
    dtype = np.dtype(kwargs.get("dtype", args[1] if len(args) > 1 else None) or a.dtype)
    if a.flags.c_contiguous and a.dtype == dtype:
        return a
    result = np.empty(a.shape, dtype)
    counter.note(name, [a], [result])
    return result


def _joined(counter, name, function, args, kwargs):
    """A copy of each array; one launch for more than eight of one dtype with less than 2 MiB each on average."""
    parts, axis = args[0], kwargs.get("axis", args[1] if len(args) > 1 else 0)
    small = [np.empty((0,) * a.ndim, a.dtype) for a in parts]
    shape = list(parts[0].shape)
    if name == "stack":
        shape.insert(axis % (len(shape) + 1), len(parts))
    else:
        shape[axis] = sum(a.shape[axis] for a in parts)
    result = np.empty(shape, function(small, axis).dtype)
    together = len(parts) > 8 and len({a.dtype for a in parts}) == 1 and result.nbytes < len(parts) << 21
    counter.note(name, parts, [result], launches=1 if together else len(parts))
    return result


# ---------------------------------------------------------------------------------------------- reductions


def _reduced(counter, name, function, args, kwargs):
    """A reduction: by CUB over all axes (two launches) or the innermost ones (one), else by CuPy's own kernel (one)."""
    a = args[0]
    axes, result = _reduction(function, args, kwargs)
    if not _cub_takes(a, name, axes, result.dtype):
        counter.note(name, [a], [result], blocks=_blocks(a, result))
        return result
    counter.note(name, [a], [result], launches=2 if len(axes) == a.ndim else 1)
    if name == "mean":
        counter.note("mean: divide", [result], [result])
    return result


def _cub_takes(a, name, axes, dtype):
    """Whether CUB does it: innermost axes of an array in order, no widening of a sum, argmax and argmin over all."""
    last, first = list(range(a.ndim - len(axes), a.ndim)), list(range(len(axes)))
    in_order = (a.flags.c_contiguous and axes == last) or (a.flags.f_contiguous and axes == first)
    if name in ("argmax", "argmin"):
        return in_order and len(axes) == a.ndim
    return in_order and name not in ("any", "all") and (dtype == a.dtype or name in ("max", "min", "amax", "amin"))


def _blocks(a, result):
    """The blocks of threads of CuPy's own reduction: 32 results each, more if few entries go into one."""
    results = max(min(result.size, 32), 512 // max(1, a.size // max(1, result.size)))
    return -(-result.size // (1 << results.bit_length() - 1))


def _reduction(function, args, kwargs):
    """(the axes, the result) of a reduction."""
    a = args[0]
    axis = kwargs.get("axis", args[1] if len(args) > 1 else None)
    axes = range(a.ndim) if axis is None else [i % a.ndim for i in (axis if isinstance(axis, tuple) else (axis,))]
    ones = [1 if i in axes else n for i, n in enumerate(a.shape)]
    return sorted(axes), np.asarray(function(np.broadcast_to(np.zeros((), a.dtype), ones), *args[1:], **kwargs))


def _spread(counter, name, function, args, kwargs):
    """var and std: the mean, then a second reduction of the differences from it; std takes a root."""
    mean = _reduced(counter, "mean", np.mean, args, kwargs | {"keepdims": True})
    _, result = _reduction(function, args, kwargs)
    counter.note(name, [args[0], mean], [result], blocks=_blocks(args[0], result))
    if name == "std":
        counter.note("std: sqrt", [result], [result])
    return result


# ---------------------------------------------------------------------------------------------- products


def _product(counter, name, function, args, kwargs):
    """A product of cuBLAS. It takes arrays in C or Fortran order (more than two axes: in C order), others are copied.

    It writes an array in C order that it does not read; any other is copied to.
    """
    a, b = args[:2]
    out = kwargs.get("out", args[2] if len(args) > 2 else None)
    if name == "__rmatmul__":
        a, b = b, a
    dtype, strided = np.result_type(a, b), max(a.ndim, b.ndim) > 2
    rows, columns = a.shape[-2:-1] if a.ndim > 1 else (), b.shape[-1:] if b.ndim > 1 else ()
    depth = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != depth:
        raise ValueError(f"{name}: shapes {a.shape} and {b.shape} do not fit")
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    result = np.empty(batch + rows + columns, dtype)
    m, n = math.prod(rows), math.prod(columns)
    if (m, n, strided) == (1, 1, False):
        return _inner(counter, name, a, b, result)
    ready = [_for_cublas(counter, x, dtype, strided) for x in (a, b)]
    if strided and any(x.shape[:-2] != batch and x.size for x in ready):  # CuPy makes arrays of pointers
        counter.note("product: pointers", [], [np.empty(math.prod(batch), np.uintp)] * 3, launches=3 * len(batch))
    direct = out is None or (out.flags.c_contiguous and not any(np.may_share_memory(out, x) for x in ready))
    target = out if direct and out is not None else result
    product = Product(m, n, depth, math.prod(batch), dtype.name, strided)
    counter.note(name, [*_matrices(ready[0]), *_matrices(ready[1])], [target], product=product)
    if not direct:
        counter.note("product: out", [result], [out])
    return result if out is None else out


def _gemm(counter, name, function, args, kwargs):
    """A product or a stack of them, as `tinyalex.backend.products` hands it to cuBLAS: no copies, TF32 if allowed."""
    (a, b), out = args, kwargs["out"]
    *stack, m, n = out.shape
    product = Product(m, n, a.shape[-1], math.prod(stack), out.dtype.name)
    counter.note(name, [*_matrices(a), *_matrices(b)], [out], product=product)


def _matrices(a):
    """Each matrix of a stack: where they overlap, a device reads each, since one alone may fill its cache."""
    return [a[place] for place in np.ndindex(a.shape[:-2])]


def _for_cublas(counter, a, dtype, strided):
    """`a`, or a copy where cuBLAS needs one."""
    fits = a.flags.c_contiguous or (a.flags.f_contiguous and not strided)
    if fits and a.dtype == dtype:
        return a
    copied = np.empty(a.shape, dtype)
    counter.note("product: in", [a], [copied])
    return copied


def _inner(counter, name, a, b, result):
    """The product of two vectors: a product entry by entry, and its sum."""
    entries = np.empty(a.size, result.dtype)
    counter.note(name, [a, b], [entries])
    counter.note(f"{name}: sum", [entries], [result], launches=2)
    return result


def _vdot(counter, name, function, args, kwargs):
    a, b = args
    return _inner(counter, name, a, b, np.empty((), np.result_type(a, b)))


# ---------------------------------------------------------------------------------------------- indices


def _indices(key):
    return [part for part in key if isinstance(part, np.ndarray)]


def _get(counter, name, function, args, kwargs):
    """Slices and numbers make a view. Arrays of indices: a gather; several are first combined, one launch each."""
    a, key = args
    if not _indices(key):
        return function(a, key)
    result = np.empty(_gathered(a, key), a.dtype)
    counter.note("gather", [_combined(counter, _indices(key)), result], [result])
    return result


def _gathered(a, key):
    """The shape of a[key], whatever the numbers in the key's arrays are."""
    if len(indices := _indices(key)) == len(key):
        return np.broadcast_shapes(*(i.shape for i in indices)) + a.shape[len(key) :]
    anywhere = tuple(np.zeros(part.shape, np.intp) if isinstance(part, np.ndarray) else part for part in key)
    return np.broadcast_to(np.zeros((), bool), a.shape)[anywhere].shape


def _combined(counter, indices):
    """One array of places for several arrays of indices."""
    if len(indices) == 1:
        return indices[0]
    places = np.empty(np.broadcast_shapes(*(i.shape for i in indices)), np.int64)
    counter.note("gather: zeros", [], [places])
    for index in indices:
        counter.note("gather: index", [index, places], [places])
    return places


def _set(counter, name, function, args, kwargs):
    """A fill or a copy; none where an in-place operator assigns what is there already. With indices: a scatter."""
    a, key, value = args
    if indices := _indices(key):
        counter.note(
            "scatter", [_combined(counter, indices), *_arrays([value])], [np.empty(_gathered(a, key), a.dtype)]
        )
        return
    target = a[key if any(part is ... for part in key) else (*key, ...)]  # a view, even of one entry
    if not isinstance(value, np.ndarray):
        counter.note("fill", [], [target])
        return
    np.broadcast_to(value, target.shape)
    there = value.ctypes.data == target.ctypes.data and (value.shape, value.strides) == (target.shape, target.strides)
    if not there:
        counter.note("copy", [value], [target])


def _fill(counter, name, function, args, kwargs):
    counter.note(name, [], [args[0]])


def _copyto(counter, name, function, args, kwargs):
    counter.note(name, list(_arrays(args[1:2])), [args[0]])


def _taken(counter, name, function, args, kwargs):
    """One launch that reads the indices and as many entries as it writes."""
    a, indices = args[0], [i for i in (*args[1:2], kwargs.get("indices")) if isinstance(i, np.ndarray)]
    result = np.asarray(function(*args, **kwargs))
    counter.note(name, [*indices, result if name == "take" else a], [result])
    return result


def _taken_along(counter, name, function, args, kwargs):
    """A gather whose other indices are made by arange."""
    a, indices = args[:2]
    axis = kwargs.get("axis", args[2] if len(args) > 2 else None) % a.ndim
    others = [np.arange(n).reshape([-1 if j == i else 1 for j in range(a.ndim)]) for i, n in enumerate(a.shape)]
    for other in others[:axis] + others[axis + 1 :]:
        counter.note("arange", [], [other])
    result = np.empty(indices.shape, a.dtype)
    places = _combined(counter, [indices if i == axis else other for i, other in enumerate(others)])
    counter.note(name, [places, result], [result])
    return result


def _scattered(counter, name, function, args, kwargs):
    a, key, value = args
    entries = np.empty(_gathered(a, key), a.dtype)
    counter.note(name, [_combined(counter, _indices(key)), entries, *_arrays([value])], [entries])


# ---------------------------------------------------------------------------------------------- which for which


def _table(*rows: tuple[Callable, str]) -> dict[str, Callable]:
    return {name: rule for rule, names in rows for name in names.split()}


_BINARY = "add sub mul truediv floordiv mod pow and or xor".split()
_OPERATORS = [f"__{way}{name}__" for name in _BINARY for way in ("", "r", "i")]
_OPERATORS += [f"__{name}__" for name in "lt le gt ge eq ne neg pos abs invert".split()]

RULES = _table(
    (
        _free,
        "empty empty_like transpose moveaxis swapaxes expand_dims squeeze flip broadcast_to split array_split view",
    ),
    (_free, "diagonal as_strided sliding_window_view result_type broadcast_arrays issubdtype can_cast finfo iinfo"),
    (_free, "isscalar shares_memory may_share_memory ndim shape size"),
    (_filled, "zeros ones full arange eye zeros_like ones_like full_like"),
    (_random, "random standard_normal"),
    (_elementwise, " ".join([*UFUNCS, *_OPERATORS, "clip where round"])),
    (_copy, "copy flatten astype"),
    (_reshaped, "reshape ravel"),
    (_array, "array"),
    (_contiguous, "ascontiguousarray"),
    (_joined, "concatenate stack"),
    (_reduced, "sum prod mean max min amax amin any all argmax argmin"),
    (_spread, "var std"),
    (_product, "matmul __matmul__ __rmatmul__ dot"),
    (_gemm, "gemm"),
    (_vdot, "vdot"),
    (_get, "getitem"),
    (_set, "setitem"),
    (_fill, "fill"),
    (_copyto, "copyto"),
    (_taken, "take tile repeat"),
    (_taken_along, "take_along_axis"),
    (_scattered, "add.at subtract.at maximum.at minimum.at"),
)

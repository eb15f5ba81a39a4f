"""A stand-in for a GPU: an array type on NumPy that refuses what CuPy refuses, for tests and lessons on any machine.

`xp` is its namespace, `DeviceArray` its array. NumPy computes underneath, so results can be compared exactly.

Refused, as by CuPy:
  implicit conversion to a host array
  host arrays as operands or values
  names and keywords that CuPy lacks
  lists and tuples as operands
  dtypes other than numbers and booleans, numbers of more than 64 bits, and another machine's byte order
  `add.at` on integers of 8 and 16 bits, `subtract.at` on floating point
Refused, though CuPy goes on at another place without a word:
  indices out of range (an IndexError)
Refused, though CuPy allows it, because it hides a wait for the device or a transfer:
  bool(), int(), float() and index() of an element
  boolean masks as indices, read or written (the device must count the trues first)
  lists, ranges and host arrays as indices
  NumPy's own functions on a device array (CuPy forwards some of them and refuses the others)
Refused, though CuPy allows it, because it takes a launch for each row:
  iterating over an array

Explicit transfers are allowed, and `bus` counts them: `xp.asarray(host)`; `.get()`, `.item()` and `.tolist()` back.
Everything else passes `_do`, where an observer may take its place (`counting.py`).
"""

import math
import operator
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np

from tinyalex.standin.names import FUNCTIONS, METHODS, NOT_AT, PLAIN, SCATTERING, UFUNCS


class Refused(TypeError):
    """The device refuses an operation.

    kind: "numpy", "host", "convert", "wait", "mask", "list", "rows", "unknown" or "dtype"
        of the `bus`: "send" or "fetch";  of `counting`: "uncounted"
    """

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class Bus:
    """Transfers between host and device since `reset`: bytes each way, and how often the host waited for a result."""

    def __init__(self):
        self.reset()

    def reset(self, most_bytes=math.inf, most_waits=math.inf):
        """Count from 0; beyond `most_bytes` to the device or `most_waits` for results, raise `Refused`."""
        self.to_device = self.to_host = self.waits = 0
        self.most_bytes, self.most_waits = most_bytes, most_waits

    def send(self, nbytes):
        self.to_device += nbytes
        if self.to_device > self.most_bytes:
            words = f"{self.to_device} bytes were moved to the device, expected at most {self.most_bytes}"
            raise Refused("send", words)

    def fetch(self, nbytes):
        self.to_host += nbytes
        self.waits += 1
        if self.waits > self.most_waits:
            raise Refused("fetch", ".get(), .item() and .tolist() wait until the device has finished all its work")


bus = Bus()


def unwrap(value, where="an operation"):
    """The NumPy array behind a device array, also inside tuples, lists and dicts. `Refused` for a host array."""
    if isinstance(value, DeviceArray):
        return value._host
    if isinstance(value, np.ndarray):
        words = f"host array of shape {value.shape} in {where} on the device: move it with xp.asarray first"
        raise Refused("host", words)
    if isinstance(value, (tuple, list)):
        return type(value)(unwrap(v, where) for v in value)
    if isinstance(value, dict):
        return {k: unwrap(v, where) for k, v in value.items()}
    return value


def wrap(value):
    """The result of an operation as device arrays; single numbers become 0-d arrays."""
    if isinstance(value, (np.ndarray, np.generic)):
        return DeviceArray(value)
    if isinstance(value, (tuple, list)):
        return type(value)(wrap(v) for v in value)
    return value


def _operand(value, where):
    """The NumPy operand behind an operand of element-wise arithmetic. `Refused` for a list or a tuple."""
    if isinstance(value, (list, tuple)):
        raise Refused("list", f"a {type(value).__name__} as an operand of {where}: move it with xp.asarray first")
    return unwrap(value, where)


def _computed(value):
    """The result of element-wise arithmetic, in C order as CuPy returns it."""
    return wrap(np.asarray(value, order="C"))


def _do(name, function, *args, **kwargs):
    """function(*args, **kwargs), on NumPy arrays; or what the observer makes of it, see `observed_by`."""
    return _observers[-1].operation(name, function, args, kwargs) if _observers else function(*args, **kwargs)


def _checked(name, accepted, function, *first):
    """`function` for device arrays: refuse arguments CuPy does not accept, unwrap the rest, wrap the result.

    first: what stands before the arguments: the array itself, for a method
    """
    names, variadic = accepted.strip("*").split(), accepted.startswith("*")

    def call(*args, **kwargs):
        unknown = [] if accepted == "*" else sorted(set(kwargs) - set(names))
        if unknown or (not variadic and len(args) > len(names)):
            words = f"CuPy's {name} takes ({accepted}); called with {len(args)} arguments and {unknown}"
            raise Refused("unknown", words)
        out = kwargs.get("out")
        result = _do(name, function, *first, *unwrap(args, name), **unwrap(kwargs, name))
        return wrap(result) if out is None else out

    call.__name__ = name
    return call


def _index(key):
    key = key if isinstance(key, tuple) else (key,)
    if any(isinstance(part, (list, range)) for part in key):
        raise Refused("list", "a list as an index is a hidden transfer: move it with xp.asarray first")
    key = unwrap(key, "an index")
    if any(isinstance(part, np.ndarray) and part.dtype == bool for part in key):
        raise Refused("mask", "a mask as an index waits for the device (how many are true?): use xp.where")
    return key


class DeviceArray:
    """An array of the stand-in device; views, in-place operators and `out=` behave as in NumPy."""

    __slots__ = ("_host",)
    __array_ufunc__ = None  # NumPy's operators defer to ours, its functions are refused
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, host):
        self._host = np.asarray(host)
        dtype = self._host.dtype
        if dtype.kind not in "biufc":
            raise Refused("dtype", f"the device holds numbers and booleans, not {dtype}")
        if dtype.itemsize > (16 if dtype.kind == "c" else 8) or not dtype.isnative:
            raise Refused("dtype", f"the device holds numbers of up to 64 bits in its own byte order, not {dtype.str}")

    def __array_namespace__(self, api_version=None):
        return xp

    def __array__(self, *args, **kwargs):
        raise Refused("convert", "implicit conversion to a host array: use .get()")

    def __array_function__(self, function, types, args, kwargs):
        raise Refused("numpy", f"numpy.{function.__name__} was called on a device array: use the array's own module")

    def _hidden_sync(self, *args):
        words = "bool(), int(), float() of a device array hide a wait for the device: use .item() or .get()"
        raise Refused("wait", words)

    __bool__ = __int__ = __float__ = __complex__ = __index__ = _hidden_sync

    def get(self):
        bus.fetch(self.nbytes)
        return self._host.copy()

    def item(self, *args):
        bus.fetch(self.itemsize)
        return self._host.item(*args)

    def tolist(self):
        bus.fetch(self.nbytes)
        return self._host.tolist()

    def __getitem__(self, key):
        return wrap(_do("getitem", operator.getitem, self._host, _index(key)))

    def __setitem__(self, key, value):
        _do("setitem", operator.setitem, self._host, _index(key), unwrap(value, "an assignment"))

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        raise Refused(
            "rows", "iterating over a device array takes a launch for each row: index or compute them at once"
        )

    def __repr__(self):
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype})"

    @property
    def T(self):
        return DeviceArray(self._host.T)


for _name in "shape dtype ndim size strides nbytes itemsize flags".split():
    setattr(DeviceArray, _name, property(lambda self, _name=_name: getattr(self._host, _name)))  # type: ignore[misc]

for _name, _accepted in METHODS.items():

    def _method(self, *args, _name=_name, _accepted=_accepted, **kwargs):
        return _checked(_name, _accepted, getattr(np.ndarray, _name), self._host)(*args, **kwargs)

    setattr(DeviceArray, _name, _method)

for _name in "add sub mul truediv floordiv mod pow matmul and or xor lt le gt ge eq ne".split():

    def _binary(self, other, _operator=f"__{_name}__"):
        return _computed(_do(_operator, getattr(np.ndarray, _operator), self._host, _operand(other, _operator)))

    setattr(DeviceArray, f"__{_name}__", _binary)
    if _name not in ("lt", "le", "gt", "ge", "eq", "ne"):

        def _reflected(self, other, _operator=f"__r{_name}__"):
            return _computed(_do(_operator, getattr(np.ndarray, _operator), self._host, _operand(other, _operator)))

        def _inplace(self, other, _operator=f"__i{_name}__"):
            _do(_operator, getattr(np.ndarray, _operator), self._host, _operand(other, _operator))
            return self

        setattr(DeviceArray, f"__r{_name}__", _reflected)
        setattr(DeviceArray, f"__i{_name}__", _inplace)

for _name in "neg pos abs invert".split():

    def _unary(self, _operator=f"__{_name}__"):
        return _computed(_do(_operator, getattr(np.ndarray, _operator), self._host))

    setattr(DeviceArray, f"__{_name}__", _unary)


class Ufunc:
    """An element-wise function with CuPy's keywords (no where=, no axis), and `.at` where CuPy has it."""

    def __init__(self, name):
        self.__name__, self._ufunc = name, getattr(np, name)

    def __call__(self, *args, **kwargs):
        accepted = " ".join(["x"] * self._ufunc.nin + ["out", "dtype", "casting"])
        for value in args:
            _operand(value, self.__name__)
        done = _checked(self.__name__, accepted, self._ufunc)(*args, **kwargs)
        return done if kwargs.get("out") is not None else _computed(done._host)

    def at(self, a, indices, b):
        if self.__name__ not in SCATTERING:
            raise Refused("unknown", f"CuPy has no {self.__name__}.at")
        if NOT_AT.get(self.__name__, lambda dtype: False)(a.dtype):
            raise Refused("dtype", f"CuPy has no {self.__name__}.at for {a.dtype}")
        name = f"{self.__name__}.at"
        _do(name, self._ufunc.at, unwrap(a), _index(indices), unwrap(b, name))


class Generator:
    """A random generator of the device, with as much of CuPy's as layers draw with."""

    def __init__(self, seed=None):
        self._host = np.random.default_rng(seed)

    def random(self, size=None, dtype=np.float64):
        return wrap(_do("random", self._host.random, size, dtype))

    def standard_normal(self, size=None, dtype=np.float64):
        return wrap(_do("standard_normal", self._host.standard_normal, size, dtype))


class Namespace:
    """The array module of device arrays: the names listed above, and no others."""

    ndarray = DeviceArray

    def __init__(self):
        for name, accepted in FUNCTIONS.items():
            setattr(self, name, _checked(name, accepted, getattr(np, name)))
        for name in UFUNCS:
            setattr(self, name, Ufunc(name))
        for name in PLAIN:
            setattr(self, name, getattr(np, name))
        tricks = np.lib.stride_tricks
        self.lib = SimpleNamespace(
            stride_tricks=SimpleNamespace(
                as_strided=_checked("as_strided", "x shape strides", tricks.as_strided),
                sliding_window_view=_checked("sliding_window_view", "x window_shape axis", tricks.sliding_window_view),
            )
        )

    @staticmethod
    def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
        """Copy host arrays, lists and numbers to the device; `bus` counts their bytes."""
        if isinstance(a, DeviceArray):
            same = not copy and (dtype is None or a.dtype == dtype) and order in (None, "K")
            return a if same else DeviceArray(_do("array", np.array, a._host, dtype=dtype, order=order, copy=copy))
        moved = DeviceArray(np.array(a, dtype=dtype, order=order))
        bus.send(moved.nbytes)
        return moved

    @classmethod
    def array(cls, obj, dtype=None, copy=True, order="K", subok=False, ndmin=0):
        if isinstance(obj, DeviceArray):
            return DeviceArray(_do("array", np.array, obj._host, dtype=dtype, order=order, ndmin=ndmin))
        return DeviceArray(np.array(cls.asarray(obj)._host, dtype=dtype, order=order, ndmin=ndmin))

    def launch(self, kernel, variant, arguments, count):
        """Whether a kernel of `tinyalex.backend.fused` did the work; it does where `kernels_by` is given a way."""
        arguments = [unwrap(a, kernel.name) for a in arguments]
        if _observers:
            _observers[-1].kernel(kernel, arguments)
            return True
        return _launchers[-1](kernel, variant, arguments, count) if _launchers else False

    def gemm(self, a, b, out, *layouts):
        """A product of `tinyalex.backend.products` that cuBLAS takes on a GPU."""
        _do("gemm", np.matmul, *unwrap((a, b), "gemm"), out=unwrap(out))

    def __getattr__(self, name):
        raise AttributeError(f"the device has no {name!r}: CuPy lacks it, or it is not listed here yet")


_launchers: list = []


@contextmanager
def kernels_by(launch) -> Iterator[None]:
    """A context in which kernels run, by launch(kernel, variant, host arrays and numbers, count) -> whether it did."""
    _launchers.append(launch)
    try:
        yield
    finally:
        _launchers.pop()


_observers: list = []


@contextmanager
def observed_by(observer) -> Iterator[None]:
    """A context in which operations on device arrays are not computed but handed to `observer`.

    result = observer.operation(name, function, args, kwargs)      args: NumPy arrays, numbers, shapes
    observer.kernel(kernel, arguments)                             it is taken for done
    """
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.pop()


xp = Namespace()

"""Read published pickles (CIFAR, ImageNet32/64) without running anything in them.

A pickle is a small program that can call any function it names, with any arguments. Here the few names needed for
arrays, byte strings and numbers lead to stand-ins that only keep their arguments; every other name is refused. NumPy
never sees the file's instructions: arrays are made afterwards from checked shapes, types and bytes.
"""

import math
import pickle
import re
from dataclasses import dataclass

import numpy as np

from tinyalex.errors import UserError

PLAIN_DTYPE = r"\?|b1|[iu][1248]|f[248]"  # the types without pointers
DEEPEST = 8  # levels of nested containers; published files have two


def load_pickle(file, name):
    """Load a pickle's content: numbers, text, lists, tuples, dicts and NumPy arrays, nothing else.

    file: open for reading bytes; name: what messages call it
    Byte strings that are dictionary keys become text, so pickles from Python 2 and 3 look alike.
    Raises UserError if the pickle names anything else, holds arrays of objects, is cut short or is no pickle at all.
    """
    try:
        return _finished(_PlainUnpickler(file, name).load())
    except (UserError, OSError):
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{name}: not a readable pickle ({reason}); it is damaged or was cut short") from None


class _PlainUnpickler(pickle.Unpickler):
    def __init__(self, file, name):
        super().__init__(file, encoding="bytes")  # Python 2's strings are bytes, and the pixels are strings
        self.name = name

    def find_class(self, module, name):
        if (module, name) not in STAND_INS:
            raise UserError(
                f"{self.name}: refused: this pickle asks for '{module}.{name}'; "
                "only arrays, lists, dicts, text and numbers are read"
            )
        return _Call(STAND_INS[module, name])


class _Call:
    """Stands in for a function: a pickle can call it, but not change it."""

    __slots__ = ("function",)

    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments):
        return self.function(*arguments)

    def __setstate__(self, state):
        raise ValueError("it sets the state of a function")


class _Dtype:
    """An array's type as the pickle gives it: a code such as 'u1', then perhaps a byte order."""

    def __init__(self, code, *_flags):
        self.code, self.order = _text(code), "="

    def __setstate__(self, state):
        self.order = _text(state[1])

    def resolve(self):
        """The NumPy type. Raises ValueError if it is not a plain number."""
        if not re.fullmatch(PLAIN_DTYPE, self.code) or self.order not in "=<>|":
            raise ValueError(f"arrays of type '{self.code}' are not read, only plain numbers")
        return np.dtype(self.code).newbyteorder(self.order)


@dataclass
class _Array:
    """An array being loaded: `_reconstruct` makes it empty, the pickle's state fills it."""

    shape: tuple = (0,)
    dtype: object = None
    order: str = "C"
    raw: bytes = b""

    def __setstate__(self, state):
        _version, self.shape, self.dtype, fortran, self.raw = state
        self.order = "F" if fortran else "C"

    def resolve(self):
        """The NumPy array, sharing the bytes. Raises ValueError if shape, type and bytes disagree."""
        dtype = _Dtype("u1").resolve() if self.dtype is None else self.dtype.resolve()
        if not isinstance(self.raw, (bytes, bytearray)):
            raise ValueError("an array whose content is not bytes")
        if len(self.raw) != math.prod(self.shape) * dtype.itemsize:
            raise ValueError(f"an array of shape {self.shape} and type {dtype} with {len(self.raw)} bytes")
        return np.frombuffer(self.raw, dtype).reshape(self.shape, order=self.order)


@dataclass
class _Scalar:
    """One NumPy number: its type and its bytes."""

    dtype: object
    raw: bytes

    def resolve(self):
        """A Python number."""
        return _Array((), self.dtype, "C", self.raw).resolve().item()


def _encode(text, encoding):
    """How protocol 2 spells bytes in Python 3: their text in latin-1."""
    if encoding not in ("latin1", b"latin1"):
        raise ValueError(f"bytes encoded as {encoding!r}")
    return text.encode("latin1")


def _no_bytes():
    """How protocol 2 spells b'' in Python 3."""
    return b""


def _array_from_buffer(raw, dtype, shape, order):
    """How protocol 5 spells a contiguous array."""
    return _Array(shape, dtype, order, raw)


STAND_INS = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
    ("builtins", "bytes"): _no_bytes,
}
for _core in ("numpy.core", "numpy._core"):  # NumPy 2 renamed the package; files with either name exist
    STAND_INS[_core + ".multiarray", "_reconstruct"] = lambda kind, shape, code: _Array()
    STAND_INS[_core + ".multiarray", "scalar"] = _Scalar
    STAND_INS[_core + ".numeric", "_frombuffer"] = _array_from_buffer


def _text(value):
    return value.decode("latin1") if isinstance(value, bytes) else value


def _finished(value, depth=0):
    """`value` with every stand-in replaced by what it stands for."""
    if depth > DEEPEST:
        raise ValueError("containers nested too deeply")
    if isinstance(value, (_Array, _Scalar)):
        return value.resolve()
    if isinstance(value, dict):
        return {_text(_finished(key)): _finished(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_finished(item, depth + 1) for item in value)
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return value
    raise ValueError(f"a {type(value).__name__} is not read")

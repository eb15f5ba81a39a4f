"""Stand-ins for the few names that a pickle needs for arrays (pickles.py).

They only keep what the pickle gives them. NumPy never sees its instructions: arrays are made afterwards from checked
shapes, types and bytes.
"""

import math
import re
from dataclasses import dataclass

import numpy as np

PLAIN_DTYPE = r"\?|b1|[iu][1248]|f[248]"  # the types without pointers


def as_text(value):
    """Python 2's strings, which are bytes, as text; any other value as it is."""
    return value.decode("latin1") if isinstance(value, bytes) else value


class StandIn:
    """An object as a pickle describes it, to be made later or never."""

    def set_state(self, *state):
        """Take the state that the pickle gives. Raises ValueError if this kind has none."""
        raise ValueError(f"state for a {type(self).__name__}")


class Value(StandIn):
    """A stand-in that is content by itself."""

    def resolve(self):
        """The content itself."""
        raise NotImplementedError


class Dtype(StandIn):
    """An array's type as the pickle gives it: a code such as 'u1', then perhaps a byte order."""

    def __init__(self, code, *_flags):
        self.code, self.order = as_text(code), "="

    def set_state(self, _version, order, *_rest):
        self.order = as_text(order)

    def resolve(self):
        """The NumPy type. Raises ValueError if it is not a plain number."""
        if not re.fullmatch(PLAIN_DTYPE, self.code) or self.order not in ("=", "<", ">", "|"):
            raise ValueError(f"arrays of type {self.code!r} are not read, only plain numbers")
        return np.dtype(self.code).newbyteorder(self.order)


@dataclass
class Array(Value):
    """An array being loaded: `_reconstruct` makes it empty, the pickle's state fills it."""

    shape: tuple = (0,)
    dtype: Dtype | None = None
    order: str = "C"
    raw: bytes = b""

    def set_state(self, _version, shape, dtype, fortran, raw):
        self.shape, self.dtype, self.order, self.raw = shape, dtype, "F" if fortran else "C", raw

    def resolve(self):
        """The NumPy array, sharing the bytes. Raises ValueError if shape, type and bytes disagree."""
        dtype = np.dtype(np.uint8) if self.dtype is None else self.dtype.resolve()
        if type(self.raw) not in (bytes, bytearray):
            raise ValueError("an array whose content is not bytes")
        if not all(type(length) is int and 0 <= length < 2**48 for length in self.shape):
            raise ValueError("an array whose shape is not made of lengths")
        if len(self.raw) != math.prod(self.shape) * dtype.itemsize:
            raise ValueError(f"an array of shape {self.shape} and type {dtype} with {len(self.raw):,} bytes")
        return np.frombuffer(self.raw, dtype).reshape(self.shape, order=self.order)


@dataclass
class Scalar(Value):
    """One NumPy number: its type and its bytes."""

    dtype: Dtype
    raw: bytes

    def resolve(self):
        """A Python number."""
        return Array((), self.dtype, "C", self.raw).resolve().item()


@dataclass(frozen=True)
class Function:
    """Something that a pickle may call, and nothing else."""

    call: object


def _encoded(text, encoding):
    """How protocol 2 spells bytes in Python 3: their text in latin-1."""
    if encoding not in ("latin1", b"latin1"):
        raise ValueError(f"bytes encoded as {encoding!r}")
    return text.encode("latin1")


FUNCTIONS: dict[tuple[str, str], object] = {
    ("numpy", "ndarray"): Function(Array),
    ("numpy", "dtype"): Function(Dtype),
    ("_codecs", "encode"): Function(_encoded),
    ("__builtin__", "bytes"): Function(lambda: b""),  # how protocol 2 spells b"" in Python 3
    ("builtins", "bytes"): Function(lambda: b""),
}
for _core in ("numpy.core", "numpy._core"):  # NumPy 2 renamed the package; files with either name exist
    FUNCTIONS[_core + ".multiarray", "_reconstruct"] = Function(lambda kind, shape, code: Array())
    FUNCTIONS[_core + ".multiarray", "scalar"] = Function(Scalar)
    FUNCTIONS[_core + ".numeric", "_frombuffer"] = Function(  # how protocol 5 spells a contiguous array
        lambda raw, dtype, shape, order: Array(shape, dtype, order, raw)
    )

"""NumPy's files of several arrays, as `numpy.savez` writes them, with nothing taken for granted that they declare."""

import io
import math
import os
from os import PathLike

import numpy as np
from numpy.lib import format as npy

from tinyalex.errors import UserError
from tinyalex.exchange.pickled import open_members
from tinyalex.files import open_regular, reason

ENDING = ".npy"
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_npz(path: str | PathLike) -> dict[str, np.ndarray]:
    """The arrays in an uncompressed .npz, by name; {} for another zip. UserError if it is damaged."""
    path = os.fspath(path)
    try:
        with open_regular(path) as file:
            members = open_members(path, file, os.fstat(file.fileno()).st_size)
            if not all(name.endswith(ENDING) for name in members):
                return {}
            return {name.removesuffix(ENDING): _read(path, name, member) for name, member in members.items()}
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({reason(error)})") from None


def _read(path, name, member):
    try:
        raw = member()
        stream = io.BytesIO(raw)
        shape, fortran, dtype = HEADERS[npy.read_magic(stream)](stream)
        numbers = raw[stream.tell() :]
        if dtype.kind not in "fiubU" or len(numbers) != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{dtype} of shape {shape} in {len(numbers):,} bytes")
        return np.frombuffer(numbers, dtype).reshape(shape, order="F" if fortran else "C")
    except Exception as error:  # of zipfile, of NumPy, of Python's own parser
        found = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path}: {name[:200]!r} is no array of plain numbers ({found}); it is damaged") from None

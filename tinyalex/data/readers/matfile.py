"""Read tables from MATLAB's .mat files (level 5, what `save -v6` and `-v7` write): just enough for ILSVRC's meta.mat.

A file is a header and elements: 4 bytes type, 4 bytes length, content, padded to 8 bytes. A short element has type and
length in the first 4 bytes and its content in the next 4. The element of a variable is a matrix, which consists of
elements: flags, sizes, name, then its content. A table, MATLAB's "struct array", contains a matrix for each field of
each row.
Described in MathWorks' "MAT-File Format".
"""

import zlib

import numpy as np

from tinyalex.errors import UserError

HEADER = 128  # bytes; the last two say the order of bytes
MAX_BYTES = 8 * 2**20  # unpacked; ILSVRC's has 2 MB
MATRIX, COMPRESSED, TEXT_8 = 14, 15, 16  # types of elements
NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
    16: "u1",
    17: "u2",
}
STRUCT, CHAR = 2, 4  # classes of matrices


def mat_table(data, where):
    """The rows of the first table in the bytes of a .mat file: dicts of texts, and of numpy arrays of numbers.

    Raises UserError, naming the file `where`, if there is none or the bytes are damaged.
    """
    try:
        order = {b"IM": "<", b"MI": ">"}[data[126:128]]
        for kind, content in _elements(data[HEADER:], order):
            if kind == COMPRESSED:
                unpacked = zlib.decompressobj().decompress(content, MAX_BYTES)
                kind, content = next(_elements(unpacked, order))
            value = _matrix(content, order) if kind == MATRIX else None
            if isinstance(value, list):
                return value
    except (KeyError, IndexError, TypeError, ValueError, OverflowError, StopIteration, RecursionError, zlib.error):
        raise UserError(f"{where}: not a readable .mat file of MATLAB's version 5 to 7") from None
    raise UserError(f"{where}: contains no table; expected one, as in the meta.mat of ILSVRC's development kit")


def _elements(data, order):
    """Yield (type, content) of the elements in `data`."""
    at = 0
    while at + 8 <= len(data):
        kind, length = np.frombuffer(data, order + "u4", 2, at).tolist()
        if kind >> 16:
            yield kind & 0xFFFF, data[at + 4 : at + 4 + (kind >> 16)]
            at += 8
        else:
            if at + 8 + length > len(data):
                raise ValueError("cut short")
            yield kind, data[at + 8 : at + 8 + length]
            at += 8 + length + (-length % 8 if kind != COMPRESSED else 0)


def _matrix(content, order):
    """The value of a matrix: a list of rows for a table, a text, or an array of numbers; None for all other kinds."""
    parts = _elements(content, order)
    first = next(parts, None)
    if first is None:
        return np.zeros(0)
    kind = int(_numbers(first, order)[0]) & 0xFF
    sizes, _name = _numbers(next(parts), order), next(parts)
    if kind == STRUCT:
        return _rows(parts, int(sizes.prod()), order)
    if kind == CHAR:
        return _text(next(parts, (TEXT_8, b"")), order)
    return _numbers(next(parts, (1, b"")), order) if 6 <= kind <= 15 else None


def _rows(parts, count, order):
    width, names = int(_numbers(next(parts), order)[0]), next(parts)[1]
    fields = [names[start : start + width].split(b"\0")[0].decode() for start in range(0, len(names), width)]
    values = [_matrix(content, order) for _kind, content in parts]
    if len(values) != count * len(fields):
        raise ValueError("not a value for each field")
    return [dict(zip(fields, values[row * len(fields) :], strict=False)) for row in range(count)]


def _numbers(part, order):
    kind, content = part
    return np.frombuffer(content, order + NUMBERS[kind])


def _text(part, order):
    if part[0] == TEXT_8:
        return part[1].decode()
    return "".join(map(chr, _numbers(part, order).tolist()))

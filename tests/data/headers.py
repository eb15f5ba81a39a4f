"""Tars and zips made by hand, so that their headers can say anything."""

import struct
import tarfile

TAR_END = bytes(1024)


def tar_header(name, size=0, type=b"0", field=None):
    """A header of a tar that says that its content has `size` bytes, of any sign and length, or has these 12 bytes."""
    header = bytearray(tarfile.TarInfo(name).tobuf(tarfile.GNU_FORMAT))
    if not 0 <= size < 8**11:
        field = (b"\x80" if size > 0 else b"\xff") + (size % 256**11).to_bytes(11, "big")
    header[124:136] = field or b"%011o\0" % size
    header[156:157] = type
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def tar_member(name, content=b"", type=b"0"):
    """A header and its content, padded."""
    return tar_header(name, len(content), type) + content + bytes(-len(content) % 512)


def posix_texts(**texts):
    """The member that says texts about the next one."""
    rows = b""
    for key, value in texts.items():
        row = f" {key.replace('__', '.')}={value}\n".encode()
        length = next(n for n in range(len(row), len(row) + 9) if len(row) + len(str(n)) == n)
        rows += str(length).encode() + row
    return tar_member("texts", rows, b"x")


def directory(data):
    """(where the directory of a zip's bytes begins, where the record of its end)."""
    return data.index(b"PK\1\2"), data.rindex(b"PK\5\6")


def with_bytes(data, at, new):
    """The bytes with others from `at` on."""
    return data[:at] + new + data[at + len(new) :]


def with_zip64(data, **numbers):
    """A zip whose first member has `size`, `packed` and `offset` in the fields for numbers of 64 bits."""
    start, end = directory(data)
    name, extra = struct.unpack_from("<HH", data, start + 28)
    entry = bytearray(data[start : start + 46 + name])
    for field, at in (("size", 24), ("packed", 20), ("offset", 42)):
        if field in numbers:
            entry[at : at + 4] = b"\xff" * 4
    wide = b"".join(numbers[field].to_bytes(8, "little") for field in ("size", "packed", "offset") if field in numbers)
    struct.pack_into("<H", entry, 30, 4 + len(wide))
    entries = bytes(entry) + struct.pack("<HH", 1, len(wide)) + wide + data[start + 46 + name + extra : end]
    return data[:start] + entries + with_bytes(data[end:], 12, struct.pack("<II", len(entries), start))

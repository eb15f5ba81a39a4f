"""Picture files put together byte by byte, for what no library writes: odd metadata, rare kinds of pixels."""

import struct
import zlib

from tests.data.sources import encoded

TEXT, SHORT, LONG = 2, 3, 4  # types of TIFF's entries
ORIENTATION, X_RESOLUTION = 274, 282


def png_chunk(kind, content=b""):
    """A chunk with its checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, bits, colour, row, *chunks, height=8):
    """A PNG of equal rows of packed pixels. colour: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA."""
    header = png_chunk(b"IHDR", struct.pack(">2I5B", width, height, bits, colour, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress((b"\0" + row) * height))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + png_chunk(b"IEND")


def png_with(pixels, *chunks, last=False):
    """A PNG of uint8 pixels with chunks after the header, or after the pixels."""
    data = encoded(pixels, "PNG")
    at = len(data) - 12 if last else 33
    return data[:at] + b"".join(chunks) + data[at:]


def jpeg_segment(marker, content):
    """A segment with its length."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg_with(pixels, *segments):
    """A JPEG of uint8 pixels with segments in front of all others."""
    data = encoded(pixels)
    return data[:2] + b"".join(segments) + data[2:]


def entry(tag, kind, count, content):
    """An entry of a little-endian TIFF directory, with at most four bytes of content."""
    return struct.pack("<HHI", tag, kind, count) + content.ljust(4, b"\0")


def turned(orientation):
    """The entry that says how to turn a picture."""
    return entry(ORIENTATION, SHORT, 1, struct.pack("<H", orientation))


def directory(*entries, before=b""):
    """A little-endian TIFF of one directory, after the bytes `before`."""
    start = b"II*\0" + struct.pack("<I", 8 + len(before)) + before
    return start + struct.pack("<H", len(entries)) + b"".join(sorted(entries, key=_tag)) + bytes(4)


def tiff_grey(bits, rows, white_is_zero=False):
    """An uncompressed grey TIFF, 8 pixels wide, of rows of packed pixels."""
    tags = {256: 8, 257: len(rows), 258: bits, 259: 1, 262: 0 if white_is_zero else 1, 273: 8, 277: 1, 278: len(rows)}
    entries = [entry(tag, SHORT, 1, struct.pack("<H", value)) for tag, value in tags.items()]
    strip = b"".join(rows)
    return directory(*entries, entry(279, LONG, 1, struct.pack("<I", len(strip))), before=strip)


def tiff_with(pixels, *entries):
    """A TIFF of uint8 pixels whose directory has these entries, too."""
    data = encoded(pixels, "TIFF")
    (at,) = struct.unpack("<I", data[4:8])
    (count,) = struct.unpack("<H", data[at : at + 2])
    old = [data[start : start + 12] for start in range(at + 2, at + 2 + 12 * count, 12)]
    everything = sorted([*old, *entries], key=_tag)
    table = struct.pack("<H", len(everything)) + b"".join(everything) + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + table


def _tag(item):
    return struct.unpack("<H", item[:2])[0]

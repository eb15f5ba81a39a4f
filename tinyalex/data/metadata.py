"""The orientation in EXIF, and a picture file without metadata, for when Pillow stumbles though the pixels are good.

Colour profiles, texts, thumbnails and dates change no pixel here, and cameras and editors write them in every broken
way. The parts that decide pixels stay, and EXIF, which says how to turn the picture.
"""

import zlib

PNG_SIGNATURE, JPEG_START = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
PNG_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
# markers of JPEG segments
APP0, APP1, APP14, APP15, COMMENT, SCAN = 0xE0, 0xE1, 0xEE, 0xEF, 0xFE, 0xDA
# the segments that say how colours are stored, and their lengths; shorter ones count for nothing, as in libjpeg
COLOUR_SEGMENTS = {APP0: 14, APP14: 12}
TIFF_ORDERS = {b"II*\0": "little", b"MM\0*": "big"}
# sizes, bits, compression, colours, orientation, strips and tiles, palette, transparency, JPEG tables, subsampling
TIFF_PIXELS = {*range(254, 267), 273, 274, *range(277, 282), 284, 292, 293, 317, 320, *range(322, 326), 332, 334}
TIFF_PIXELS |= {338, 339, 347, *range(512, 522), *range(529, 533)}

EXIF_START, ORIENTATION = b"Exif\0\0", 274
SHORT, LONG = 3, 4  # types of a directory's entries


def exif_orientation(exif):
    """The orientation in a block of EXIF, 1 to 8; None if it has none. No other entry is looked at."""
    data = exif.removeprefix(EXIF_START)
    order = TIFF_ORDERS.get(data[:4], "little")
    for entry in _entries(data, order) if data[:4] in TIFF_ORDERS else ():
        tag, kind = (int.from_bytes(entry[start : start + 2], order) for start in (0, 2))
        if tag == ORIENTATION and kind in (SHORT, LONG):
            value = int.from_bytes(entry[8 : 10 if kind == SHORT else 12], order)
            return value if 1 <= value <= 8 else None
    return None


def without_metadata(data):
    """The bytes of a PNG, JPEG or TIFF without the metadata; None for other formats, or if there are none.

    Damaged bytes raise nothing, and come out as damaged as they went in.
    """
    bare = None
    if data.startswith(PNG_SIGNATURE):
        bare = b"".join(_png_chunks(data))
    elif data.startswith(JPEG_START):
        bare = b"".join(_jpeg_segments(data))
    elif data[:4] in TIFF_ORDERS:
        bare = _bare_tiff(data, TIFF_ORDERS[data[:4]])
    return None if bare == data else bare


def _png_chunks(data):
    """Yield the parts of a PNG to keep. A chunk: 4 bytes length, 4 bytes kind, content, 4 bytes CRC."""
    yield PNG_SIGNATURE
    at = len(PNG_SIGNATURE)
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind, checked, checksum = data[at + 4 : at + 8], data[at + 4 : end - 4], data[end - 4 : end]
        if kind in PNG_PIXELS or (kind == b"eXIf" and zlib.crc32(checked) == int.from_bytes(checksum, "big")):
            yield data[at:end]
        at = end


def _jpeg_segments(data):
    """Yield the parts of a JPEG to keep. A segment: 0xFF, its marker, 2 bytes length including these, content."""
    yield JPEG_START
    at = len(JPEG_START)
    while data[at : at + 1] == b"\xff" and at + 4 <= len(data) and data[at + 1] != SCAN:
        marker, end = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:  # filling
            end = at + 1
        elif _decides_pixels(marker, data[at + 4 : end]):
            yield data[at:end]
        at = end
    yield data[at:]


def _decides_pixels(marker, content):
    """Whether a segment of a JPEG says something about the pixels or, as EXIF does, how to turn them."""
    if marker in COLOUR_SEGMENTS:
        return len(content) >= COLOUR_SEGMENTS[marker]
    return content.startswith(EXIF_START) if marker == APP1 else not (APP0 <= marker <= APP15 or marker == COMMENT)


def _entries(data, order):
    """The entries of a TIFF's first directory: 2 bytes count, then 12 bytes per entry, which begins with its tag."""
    at = int.from_bytes(data[4:8], order)
    end = at + 2 + 12 * int.from_bytes(data[at : at + 2], order)
    return [data[start : start + 12] for start in range(at + 2, min(end, len(data)), 12)]


def _bare_tiff(data, order):
    """A TIFF with a shorter directory at its end, followed by 4 bytes that are 0: there is no other directory."""
    entries = _entries(data, order)
    kept = [entry for entry in entries if int.from_bytes(entry[:2], order) in TIFF_PIXELS]
    if len(kept) == len(entries):
        return data
    count = len(kept).to_bytes(2, order)
    return b"".join([data[:4], len(data).to_bytes(4, order), data[8:], count, *kept, bytes(4)])

"""Metadata never cost a picture: it is turned as EXIF says, and all else in its metadata is ignored, however odd."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.raw_pictures import (
    SHORT,
    TEXT,
    X_RESOLUTION,
    directory,
    entry,
    jpeg_segment,
    jpeg_with,
    png_chunk,
    png_with,
    tiff_with,
    turned,
)
from tests.data.sources import encoded, picture
from tinyalex.data.metadata import without_metadata
from tinyalex.data.pictures import PictureError, decode_picture

PIXELS = picture(1, (24, 24))
ODD_RESOLUTION = entry(X_RESOLUTION, TEXT, 4, b"72")
ODD_ENTRIES = {
    "nothing odd": [],
    "a resolution in text": [ODD_RESOLUTION],
    "a text beyond the end": [entry(270, TEXT, 400_000, b"\xff\xff\xff")],
    "a text near the end": [entry(270, TEXT, 1000, b"\x08")],
    "an unknown type": [entry(271, 99, 1, b"abcd")],
    "a name in numbers": [entry(305, SHORT, 2, b"abcd")],
    "GPS nowhere": [entry(34853, 4, 1, b"\xff\xff\xff\x7f")],
}

# how each orientation stores an upright picture
STORED = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, 1),  # shown rotated to the right, so stored rotated to the left
    7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
    8: lambda x: np.rot90(x, -1),
}


def exif_of(*entries):
    return b"Exif\0\0" + directory(*entries)


def jpeg(pixels, entries):
    return jpeg_with(pixels, jpeg_segment(0xE1, exif_of(*entries)))


def png(pixels, entries):
    return png_with(pixels, png_chunk(b"eXIf", directory(*entries)))


def png_at_its_end(pixels, entries):
    return png_with(pixels, png_chunk(b"eXIf", directory(*entries)), last=True)


def webp(pixels, entries):
    return encoded(pixels, "WEBP", lossless=True, exif=exif_of(*entries))


def tiff(pixels, entries):
    return tiff_with(pixels, *entries)


@pytest.mark.parametrize("write", [jpeg, png, png_at_its_end, webp, tiff])
@pytest.mark.parametrize("odd", ODD_ENTRIES)
def test_exif_turns_the_picture_upright_whatever_else_it_says(write, odd, capfd):
    for orientation, stored in STORED.items():
        file = write(np.ascontiguousarray(stored(PIXELS)), [turned(orientation), *ODD_ENTRIES[odd]])
        off = np.abs(decode_picture(file, 24).astype(int) - PIXELS)
        assert off.max() <= (45 if write is jpeg else 0) and off.mean() < 6, orientation
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("orientation", STORED)
def test_the_sides_of_an_oblong_picture_change_places(orientation):
    upright = picture(2, (40, 24))
    stored = png(np.ascontiguousarray(STORED[orientation](upright)), [turned(orientation), ODD_RESOLUTION])
    np.testing.assert_array_equal(decode_picture(stored, 24), upright[:, 8:32])


@pytest.mark.parametrize("kind, value", [(3, b"\0\6\0\0"), (4, b"\0\0\0\6")])
def test_the_other_order_of_bytes(kind, value):
    exif = b"MM\0*\0\0\0\x08\0\1\x01\x12" + bytes([0, kind, 0, 0, 0, 1]) + value + bytes(4)
    stored = png_with(np.ascontiguousarray(STORED[6](PIXELS)), png_chunk(b"eXIf", exif))
    np.testing.assert_array_equal(decode_picture(stored, 24), PIXELS)


def test_an_orientation_that_means_nothing_is_ignored():
    for odd in (0, 9, 65535):
        np.testing.assert_array_equal(decode_picture(png(PIXELS, [turned(odd)]), 24), PIXELS)
    for kind, content in ((TEXT, b"6"), (1, b"\6"), (7, b"\6"), (5, b"\xff\xff\xff")):
        odd_kind = [entry(274, kind, 1, content), entry(305, 99, 1, b"x")]
        assert decode_picture(png(PIXELS, odd_kind), 24).shape == (24, 24, 3)


TOO_LONG = zlib.compress(bytes(3 << 20))
ODD_CHUNKS = {
    "an empty profile": (b"iCCP", b""),
    "a damaged profile": (b"iCCP", b"x\0\0garbage"),
    "a profile of 3 MB": (b"iCCP", b"x\0\0" + TOO_LONG),
    "a text of 3 MB": (b"zTXt", b"k\0\0" + TOO_LONG),
    "an international text of 3 MB": (b"iTXt", b"k\0\1\0\0\0" + TOO_LONG),
    "an unknown compression": (b"zTXt", b"k\0\7zz"),
    "EXIF that is none": (b"eXIf", b"garbage"),
    "EXIF in wrong digits": (b"tEXt", b"Raw profile type exif\0\nexif\n 3\nzz"),
    "a short resolution": (b"pHYs", b"\0"),
    "a short gamma": (b"gAMA", b""),
    "a short intent": (b"sRGB", b""),
    "a short animation": (b"acTL", b"\0"),
    "a short frame": (b"fcTL", b"\0"),
    "a kind of its own": (b"abCd", b"zz"),
}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("odd", ODD_CHUNKS)
def test_odd_chunks_of_a_png(odd, last, capfd):
    np.testing.assert_array_equal(decode_picture(png_with(PIXELS, png_chunk(*ODD_CHUNKS[odd]), last=last), 24), PIXELS)
    assert capfd.readouterr() == ("", "")


def test_a_png_whose_text_has_a_wrong_checksum_and_that_is_turned():
    stored = np.ascontiguousarray(STORED[6](PIXELS))
    wrong = png_chunk(b"tEXt", b"a\0b")[:-1] + b"\0"
    exif = png_chunk(b"eXIf", directory(turned(6)))
    np.testing.assert_array_equal(decode_picture(png_with(stored, wrong, exif), 24), PIXELS)
    np.testing.assert_array_equal(decode_picture(png_with(PIXELS, wrong, exif[:-1] + b"\0"), 24), PIXELS)


ODD_SEGMENTS = {
    "JFIF without a version": (0xE0, b"JFIF\0"),
    "a colour profile without a number": (0xE2, b"ICC_PROFILE\0"),
    "part 2 of 3 of a colour profile": (0xE2, b"ICC_PROFILE\0\2\3abc"),
    "several pictures, but no list": (0xE2, b"MPF\0" + b"\xff" * 40),
    "short Adobe": (0xEE, b"Adobe\0"),
    "Photoshop beyond its end": (0xED, b"Photoshop 3.0\0008BIM\x03\xed\0\0\xff\xff\xff\xff\0\0"),
    "a short Photoshop resolution": (0xED, b"Photoshop 3.0\0008BIM\x03\xed\0\0\0\0\0\2\0\0"),
    "EXIF cut short": (0xE1, exif_of(turned(1), ODD_RESOLUTION)[:30]),
    "EXIF that is none": (0xE1, b"Exif\0\0garbage"),
    "an empty comment": (0xFE, b""),
}


@pytest.mark.parametrize("odd", ODD_SEGMENTS)
def test_odd_segments_of_a_jpeg(odd, capfd):
    file = jpeg_with(PIXELS, jpeg_segment(*ODD_SEGMENTS[odd]))
    np.testing.assert_array_equal(decode_picture(file, 24), decode_picture(encoded(PIXELS), 24))
    assert capfd.readouterr() == ("", "")


def test_a_cut_exif_still_turns():
    """The orientation stands before the cut."""
    stored = np.ascontiguousarray(STORED[8](PIXELS))
    exif = exif_of(turned(8), ODD_RESOLUTION, entry(305, TEXT, 900, b"\x40"))
    cut = jpeg_with(stored, jpeg_segment(0xE1, exif[:40]), jpeg_segment(0xE2, b"ICC_PROFILE\0"))
    upright = np.rot90(decode_picture(encoded(stored), 24))
    np.testing.assert_array_equal(decode_picture(cut, 24), upright)


def test_odd_metadata_of_a_webp():
    for odd in ({"exif": b"zz"}, {"exif": b"Exif\0\0zz"}, {"icc_profile": b"zz"}, {"xmp": b"\xff"}):
        file = encoded(PIXELS, "WEBP", lossless=True, **odd)
        np.testing.assert_array_equal(decode_picture(file, 24), PIXELS)


@pytest.mark.parametrize("tag", [269, 270, 271, 282, 305, 306, 315, 700, 33723, 34377, 34665, 34675, 34853, 65000])
def test_odd_entries_of_a_tiff(tag, capfd):
    kinds = ((2, 4, b"72"), (2, 400_000, b"\xff\xff\xff"), (5, 1, b"\xff\xff\xff"), (3, 3, b"\xff\xff\xff"))
    stored = np.ascontiguousarray(STORED[6](PIXELS))
    for kind, count, content in (*kinds, (99, 1, b"abcd"), (0, 0, b""), (12, 2, b""), (13, 1, b"\x08")):
        file = tiff_with(stored, entry(tag, kind, count, content), turned(6))
        np.testing.assert_array_equal(decode_picture(file, 24), PIXELS)
    assert capfd.readouterr() == ("", "")


def test_nothing_is_taken_from_a_picture_without_metadata():
    for format in ("PNG", "JPEG", "GIF", "BMP", "WEBP"):
        assert without_metadata(encoded(PIXELS, format)) is None
    assert without_metadata(b"") is None


def test_a_damaged_picture_is_refused_for_the_damage():
    """The first reason is told, not that of the second try."""
    file = jpeg_with(picture(0, (200, 200)), jpeg_segment(0xED, b"odd"))[:-200]
    with pytest.raises(PictureError, match="truncated"):
        decode_picture(file, 24)


@given(st.integers(1, 8), st.lists(st.tuples(st.integers(256, 65535), st.integers(0, 99), st.integers(0, 2**32 - 1))))
def test_any_other_entries_leave_the_orientation_alone(orientation, others):
    entries = [entry(tag, kind, count, b"\x08") for tag, kind, count in others if tag != 274]
    stored = np.ascontiguousarray(STORED[orientation](PIXELS))
    np.testing.assert_array_equal(decode_picture(png(stored, [turned(orientation), *entries]), 24), PIXELS)


@given(st.sampled_from(["PNG", "JPEG", "TIFF"]), st.data())
def test_damaged_bytes_raise_nothing(format, data):
    file = bytearray({"PNG": png, "JPEG": jpeg, "TIFF": tiff}[format](PIXELS, [turned(6), ODD_RESOLUTION]))
    for _ in range(data.draw(st.integers(0, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    bare = without_metadata(bytes(file[: data.draw(st.integers(0, len(file)))]))
    assert bare is None or len(bare) <= len(file) + 400


def test_a_header_cut_short():
    for cut in (b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe1\0", b"\x89PNG\r\n\x1a\n\0\0\0\0IEND", b"II*\0\xff"):
        with pytest.raises(PictureError):
            decode_picture(cut, 24)

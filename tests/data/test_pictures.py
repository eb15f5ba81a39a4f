"""Pictures of every kind come out upright, RGB and square; whatever is not a picture gives one line."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.data.raw_pictures import png, png_chunk, tiff_grey
from tests.data.sources import encoded, picture
from tinyalex.data.pictures import PictureError, decode_picture, fit_square, read_picture


def flat(color, mode="RGB", size=(12, 12)):
    return Image.new(mode, size, color)


@pytest.mark.parametrize(
    "image, format, expected",
    [
        (flat((200, 100, 50)), "PNG", (200, 100, 50)),
        (flat((200, 100, 50)), "BMP", (200, 100, 50)),
        (flat((200, 100, 50)), "TIFF", (200, 100, 50)),
        (flat((200, 100, 50)), "PPM", (200, 100, 50)),
        (flat(77, "L"), "JPEG", (77, 77, 77)),
        (flat(77, "L"), "PNG", (77, 77, 77)),
        (flat(1, "1"), "PNG", (255, 255, 255)),
        (flat((0, 0, 0, 0), "CMYK"), "JPEG", (255, 255, 255)),
        (flat((0, 255, 255, 0), "CMYK"), "JPEG", (255, 0, 0)),
        (flat((10, 20, 30, 255), "RGBA"), "PNG", (10, 20, 30)),
        (flat((10, 20, 30, 0), "RGBA"), "PNG", (255, 255, 255)),
        (flat((100, 0), "LA"), "PNG", (255, 255, 255)),
        (flat((200, 100, 50)).quantize(4), "PNG", (200, 100, 50)),
        (flat((200, 100, 50)).quantize(4), "GIF", (200, 100, 50)),
    ],
)
@pytest.mark.parametrize("size", [12, 8])
def test_modes_and_formats(image, format, expected, size):
    pixels = decode_picture(encoded(image, format), size)
    assert pixels.shape == (size, size, 3) and pixels.dtype == np.uint8 and pixels.flags.writeable
    np.testing.assert_allclose(pixels.reshape(-1, 3), [expected] * size**2, atol=2)


def test_a_transparent_palette_is_on_white():
    image = Image.new("P", (8, 8), 0)
    image.putpalette([200, 100, 50, 0, 0, 255] + [0] * 762)
    image.paste(1, (0, 0, 4, 8))
    for transparency in (1, bytes([255, 0])):
        pixels = decode_picture(encoded(image, "PNG", transparency=transparency), 8)
        assert pixels[0, 0].tolist() == [255, 255, 255] and pixels[0, 7].tolist() == [200, 100, 50]


@pytest.mark.parametrize("level, expected", [(0, 0), (0x8000, 128), (0xFFFF, 255), (300, 1)])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_keep_the_upper_eight(level, expected, format):
    image = Image.fromarray(np.full((8, 8), level, np.uint16))
    assert (decode_picture(encoded(image, format), 8) == expected).all()


def sixteen(*levels):
    return struct.pack(f">{len(levels)}H", *levels)


def twelve(*levels):
    """Pairs of 12 bits in three bytes."""
    return b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in zip(*[iter(levels)] * 2, strict=True))


GREY_16 = np.array([1000] * 4 + [0x8000] * 4, "<u2").tobytes()
TWO_BITS, FOUR_BITS = bytes([0b01010101, 0b10101010]), bytes([0x11, 0x11, 0xAA, 0xAA])
WHITE = (255, 255, 255)


@pytest.mark.parametrize(
    "file, left, right",
    [
        (png(8, 2, 0, TWO_BITS), (85,) * 3, (170,) * 3),
        (png(8, 2, 0, TWO_BITS, png_chunk(b"tRNS", sixteen(1))), WHITE, (170,) * 3),
        (png(8, 4, 0, FOUR_BITS, png_chunk(b"tRNS", sixteen(1))), WHITE, (170,) * 3),
        (png(8, 1, 0, b"\x0f", png_chunk(b"tRNS", sixteen(0))), WHITE, WHITE),
        (png(8, 8, 0, bytes([7] * 4 + [9] * 4), png_chunk(b"tRNS", sixteen(7))), WHITE, (9,) * 3),
        (png(8, 16, 0, sixteen(*[1000] * 4, *[1001] * 4), png_chunk(b"tRNS", sixteen(1000))), WHITE, (3,) * 3),
        (png(8, 8, 2, bytes([9, 8, 7] * 4 + [1, 2, 3] * 4), png_chunk(b"tRNS", sixteen(9, 8, 7))), WHITE, (1, 2, 3)),
        (
            png(
                8,
                16,
                2,
                sixteen(*[0xFFFF, 0x8000, 300] * 4, *[256, 2, 0] * 4),
                png_chunk(b"tRNS", sixteen(65535, 32768, 300)),
            ),
            WHITE,
            (1, 0, 0),
        ),
        (png(8, 16, 4, sixteen(*[0x8000, 0xFFFF] * 4, *[0x8000, 0] * 4)), (128,) * 3, WHITE),
        (png(8, 16, 6, sixteen(*[0x8000, 0, 0xFFFF, 0xFFFF] * 4, *[0] * 16)), (128, 0, 255), WHITE),
        (png(8, 1, 3, b"\xf0", png_chunk(b"PLTE", bytes([1, 2, 3, 9, 8, 7]))), (9, 8, 7), (1, 2, 3)),
        (tiff_grey(16, [GREY_16] * 8), (3,) * 3, (128,) * 3),
        (tiff_grey(16, [GREY_16] * 8, white_is_zero=True), (252,) * 3, (127,) * 3),
        (tiff_grey(8, [bytes([10] * 4 + [200] * 4)] * 8, white_is_zero=True), (245,) * 3, (55,) * 3),
        (tiff_grey(12, [twelve(*[0x400] * 4, *[0x800] * 4)] * 8), (64,) * 3, (128,) * 3),
        (b"P5 8 8 65535\n" + sixteen(*[1000] * 4, *[0x8000] * 4) * 8, (3,) * 3, (128,) * 3),
        (b"P5 8 8 4095\n" + sixteen(*[0x400] * 4, *[0x800] * 4) * 8, (64,) * 3, (128,) * 3),
        (b"P6 8 8 65535\n" + sixteen(*[0xFFFF, 0x8000, 300] * 8) * 8, (255, 128, 1), (255, 128, 1)),
    ],
)
def test_rare_pixels(file, left, right, capfd):
    pixels = decode_picture(file, 8)
    assert (tuple(pixels[0, 0]), tuple(pixels[7, 7])) == (left, right)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "format, options", [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("MPO", {}), ("TIFF", {})]
)
def test_the_first_of_several_pictures_counts(format, options):
    file = encoded(flat((200, 0, 0)), format, save_all=True, append_images=[flat((0, 0, 200))], **options)
    np.testing.assert_allclose(decode_picture(file, 12).reshape(-1, 3), [(200, 0, 0)] * 144, atol=2)


def test_the_right_size_is_only_decoded():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decode_picture(encoded(pixels, "PNG"), 16), pixels)


@pytest.mark.parametrize("size", [(60, 20), (20, 60)])
def test_one_resampling_equals_the_papers_two_steps(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    scaled = Image.fromarray(pixels).resize((size[0] // 2, size[1] // 2), Image.Resampling.BICUBIC)
    left, top = (10, 0) if size[0] > size[1] else (0, 10)
    cropped = np.asarray(scaled.crop((left, top, left + 10, top + 10)))
    np.testing.assert_array_equal(decode_picture(encoded(pixels, "PNG"), 10), cropped)


def test_reduction_does_not_alias():
    checkers = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    small = decode_picture(encoded(checkers, "PNG"), 16)
    assert np.abs(small[1:-1, 1:-1].astype(int) - 127).max() <= 3


def test_a_large_jpeg_decoded_in_parts_is_close_to_one_decoded_whole():
    pixels = picture(3, (1000, 800))
    whole = np.asarray(fit_square(Image.open(io.BytesIO(encoded(pixels))), 64)).astype(int)
    assert np.abs(decode_picture(encoded(pixels), 64) - whole).max() <= 3


@given(st.integers(1, 40), st.integers(1, 40), st.integers(8, 20))
def test_any_size_fits(width, height, size):
    pixels = decode_picture(encoded(flat((9, 8, 7), size=(width, height)), "PNG"), size)
    assert (pixels == [9, 8, 7]).all() and pixels.shape == (size, size, 3)


def test_one_pixel_and_a_thin_strip():
    assert (decode_picture(encoded(flat((1, 2, 3), size=(1, 1)), "PNG"), 8) == [1, 2, 3]).all()
    assert decode_picture(encoded(flat((1, 2, 3), size=(60_000, 1)), "PNG"), 256).shape == (256, 256, 3)


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "empty file"),
        (b"<html>404 Not Found</html>", "not a picture"),
        (encoded(picture(0, (64, 64)))[:-300], "truncated"),
        (encoded(picture(0, (64, 64)), "PNG")[:200], "truncated|corrupt|broken|unrecognized"),
        (encoded(flat(0, "1", (40_000, 40_000)), "PNG"), "bomb"),
        (encoded(flat(0, "1", (12_000, 10_000)), "PNG"), "bomb"),
        (encoded(flat(1.5, "F"), "TIFF"), "32-bit"),
        (encoded(flat((200, 100, 50)), "EPS"), "EPS"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC, .* convert it to JPEG"),
    ],
)
def test_an_unusable_picture_gives_one_line(data, reason):
    with pytest.raises(PictureError, match=reason) as raised:
        decode_picture(data, 16)
    assert "\n" not in str(raised.value)


@given(st.data())
def test_damage_raises_nothing_but_a_picture_error(data):
    whole = encoded(picture(0), data.draw(st.sampled_from(["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])))
    damaged = bytearray(whole[: data.draw(st.integers(1, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert decode_picture(bytes(damaged), 8).shape == (8, 8, 3)
    except PictureError as error:
        assert str(error) and "\n" not in str(error)


def test_an_opened_picture_is_seen_as_its_file_is():
    """16 bits, of white that is 0 or 65,535: Pillow's copies forget which."""
    levels = np.linspace(0, 65_535, 64).astype(np.uint16).reshape(8, 8)
    white = Image.fromarray(levels)
    for form, options in (("TIFF", {"tiffinfo": {262: 0}}), ("TIFF", {}), ("PPM", {}), ("PNG", {})):
        file = io.BytesIO()
        white.save(file, form, **options)
        expected = decode_picture(file.getvalue(), 8)
        assert (read_picture(Image.open(file), 8) == expected).all(), (form, options)
        assert (expected[0, 0] == (255 if options else 0)).all()

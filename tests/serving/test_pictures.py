"""Pictures as clients send them: three formats, told apart by their content, and all that is none of them."""

import hashlib
import struct
import time
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("granian", reason="needs the packages of tinyalex[serve]")
pytestmark = pytest.mark.serve

from starlette.exceptions import HTTPException  # noqa: E402

from tests.serving.asking import encoded, noise  # noqa: E402
from tinyalex.data.pictures import decode_picture  # noqa: E402
from tinyalex.serving.pictures import has_many_scans, received  # noqa: E402


def refused(data, status, *words):
    with pytest.raises(HTTPException) as caught:
        received(data, 64)
    said = caught.value
    assert said.status_code == status and "\n" not in said.detail and all(word in said.detail for word in words)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_square_is_the_one_that_predict_makes(form):
    """Of a picture of another shape, turned and transparent where the format can be."""
    exif = Image.Exif()
    exif[274] = 6
    image = noise(90)[:70] if form == "JPEG" else np.dstack([noise(90), noise(90, 1)[..., 0]])[:70]
    data = encoded(image, form, exif=exif)
    found = received(data, 64)
    assert (found.square == decode_picture(data, 64)).all() and found.square.shape == (64, 64, 3)
    assert (found.format, found.width, found.height) == (form, 90, 70)
    assert found.sha256 == hashlib.sha256(data).hexdigest() and found.data == data
    white = "" if form == "JPEG" else "on white where transparent, "
    said = f"turned upright (EXIF orientation 6), {white}central 70×70 cut out, scaled to 64×64"
    assert found.prepared == f"{form}, {'RGB' if form == 'JPEG' else 'RGBA'}, {said}"


def test_what_needs_no_preparation():
    assert received(encoded(noise()), 64).prepared == "PNG, RGB"


def test_a_telephone_adds_a_second_view():
    """MPO: a JPEG whose first picture is the one to see."""
    views = [Image.fromarray(noise(64, seed)) for seed in (0, 1)]

    file = BytesIO()
    views[0].save(file, "MPO", save_all=True, append_images=views[1:])
    found = received(file.getvalue(), 64)
    assert found.format == "JPEG" and (found.square == decode_picture(encoded(noise(), "JPEG"), 64)).all()


def test_scans_without_end():
    """A progressive JPEG with its last scan again and again takes minutes, though it has few pixels and bytes."""
    data = encoded(noise(100), "JPEG", progressive=True, quality=30)
    last = data.rindex(b"\xff\xda")
    many = data[:-2] + data[last:-2] * 200 + data[-2:]
    assert received(data, 64).format == "JPEG"
    with pytest.raises(HTTPException, match="more than 100 scans") as refused:
        received(many, 64)
    assert refused.value.status_code == 422
    trailer = received(data + b"\xff\xda" * 200, 64)  # a film behind the picture, as telephones write it
    assert (trailer.square == received(data, 64).square).all()
    hidden = b"\xff\xe1" + (2 + 400).to_bytes(2) + b"\xff\xd9\xff\xda" * 100  # in its metadata
    assert received(data[:2] + hidden + data[2:], 64).format == "JPEG"
    with pytest.raises(HTTPException, match="more than 100 scans"):
        received(many[:2] + hidden + many[2:], 64)


def test_fill_bytes_take_no_time():
    began = time.perf_counter()
    assert not has_many_scans(b"\xff\xd8" + b"\xff" * 1_000_000 + b"\0") and time.perf_counter() - began < 5
    assert has_many_scans(b"\xff\xd8" + b"\xff\xff\xda\0\2" * 101)


def animation(form):

    file, frames = BytesIO(), [Image.fromarray(noise(64, seed)) for seed in (0, 1)]
    frames[0].save(file, form, save_all=True, append_images=frames[1:])
    return file.getvalue()


def png_of(width, height):
    """A PNG that says to be this large, in a few bytes."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def test_other_formats_whatever_they_call_themselves():
    for form in ("GIF", "BMP", "TIFF", "PPM"):
        refused(encoded(noise(), form), 415, "JPEG, PNG or WebP")
    for text in (b"<svg/>", b"%!PS-Adobe-3.0 EPSF-3.0", b"RIFF\x00\x00\x00\x00WAVEfmt ", b"\x89PN", b"\xff\xd8"):
        refused(text, 415)
    refused(b"", 400, "empty")


def test_one_format_behind_the_beginning_of_another():
    refused(b"\xff\xd8\xff" + encoded(noise(), "GIF"), 422, "JPEG")
    refused(b"\x89PNG\r\n\x1a\n" + encoded(noise(), "WEBP"), 422, "PNG")
    refused(b"RIFF" + bytes(4) + b"WEBP" + encoded(noise()), 422, "WEBP")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_truncated_files(form):
    whole = encoded(noise(), form)
    for length in (12, len(whole) // 2):
        refused(whole[:length], 422, form)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_animations(form):
    refused(animation(form), 422, "animation")


@pytest.mark.parametrize("size", [(5000, 4001), (9999, 9999), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_decompression_bombs(size):
    refused(png_of(*size), 413 if size[0] < 10_000 else 422, "pixels")


def test_no_bytes_are_an_error_of_ours():
    """Whatever is changed in a file, it is a picture or refused in one line."""
    rng = np.random.default_rng(0)
    for form in ("JPEG", "PNG", "WEBP"):
        whole = np.frombuffer(encoded(noise(16), form), np.uint8)
        for _ in range(40):
            data = whole.copy()
            data[rng.integers(0, len(data), 3)] = rng.integers(0, 256, 3)
            try:
                received(data.tobytes(), 64)
            except HTTPException as refusal:
                assert 400 <= refusal.status_code < 500 and "\n" not in refusal.detail

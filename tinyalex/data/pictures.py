"""Decode a picture of any format, safely, into a uint8 square of RGB pixels.

S is the side of the square in pixels. As in the paper (§2) the shorter side is scaled to S and the central S×S square
is kept. One resampling of the source's central square does both, so a strip of 1×60,000 pixels never grows to
256×15,360,000 on the way.
"""

import contextlib
import io
import os
import warnings

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from tinyalex.data.metadata import exif_orientation, without_metadata
from tinyalex.files import read_regular

MAX_FILE_BYTES = 512 * 2**20
MAX_PIXELS = 100_000_000  # a 10,000×10,000 scan, 300 MB once decoded; anything larger counts as a decompression bomb
# if Pillow decodes it in Python, as runs in BMP and QOI, and the file has fewer bytes than pixels: takes seconds
MAX_SLOW_PIXELS = 4_000_000
# formats that Pillow opens, but that go beyond a picture's bytes when they are decoded
NOT_DECODED = {
    "EPS": "EPS is a drawing program, not a picture",  # Pillow would start Ghostscript on it
    "IPTC": "IPTC holds a file of another format; take it out first",  # such as EPS
    "FITS": "FITS, which can unpack to any size; convert it to PNG",
}
# JPEG may be decoded at 1/2, 1/4 or 1/8 size if the result is still at least this many times S. Measured on pictures
# with a natural spectrum, against a full decode: 52 dB at 3, but 38 dB at 2; a 12-megapixel photograph takes 45 ms
# instead of 79.
DRAFT_GAP = 3

# Bicubic: Pillow widens its kernel by the reduction, so nothing aliases; it keeps edges that bilinear softens, and
# rings less than Lanczos, which needs 1.5 times as many taps.
FILTER = Image.Resampling.BICUBIC

# how to turn a picture upright, by EXIF's orientation; 1 is upright
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
HEIC = (b"ftypheic", b"ftypheix", b"ftypheim", b"ftyphevc", b"ftypmif1")  # bytes 4 to 12 of a telephone's pictures
BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # tags of TIFF
COPIES_LACK = "format", "tag_v2"  # attributes that `Image.copy` leaves out


class PictureError(Exception):
    """A picture that cannot be used; the text, one line, says why."""


class Unwanted(PictureError):
    """A picture that could be decoded, but that the caller does not want."""


def decode_picture(data, size, formats=None, look=None):
    """Decode the bytes of one picture file into uint8 (S, S, 3), upright (EXIF) and on white where transparent.

    data: bytes of any format that Pillow reads; size: S. A picture that is already S×S is only decoded. Metadata other
    than the orientation are ignored, however odd they are.
    formats: Pillow's names of those to accept; None: all
    look: called with the Pillow image before anything is decoded; it may raise Unwanted
    Raises PictureError, and nothing else, if anything is wrong with the bytes.
    """
    try:
        return _decoded(data, size, formats, look)
    except Unwanted:
        raise
    except PictureError:
        bare = without_metadata(data)
        if bare is not None:
            with contextlib.suppress(PictureError):
                return _decoded(bare, size, formats, look)
        raise


def _decoded(data, size, formats, look):
    """`decode_picture`, but metadata can make Pillow refuse the picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which is not used here
            with Image.open(io.BytesIO(data), formats=formats) as image:
                _check(image, len(data))
                if look:
                    look(image)
                # for JPEG only, whose DCT does the first halvings in a fraction of the time
                image.draft(None, (DRAFT_GAP * size, DRAFT_GAP * size))
                image.load()
                return np.array(fit_square(_upright(image, _rgb(image, data)), size))
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(_not_a_picture(data)) from None
    except Image.DecompressionBombError:
        raise PictureError(f"more than {MAX_PIXELS:,} pixels, which counts as a decompression bomb") from None
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
        raise PictureError(" ".join(str(error).split()) or type(error).__name__) from None


def _not_a_picture(data):
    """Why Pillow finds no format in these bytes."""
    if data[4:12] in HEIC:
        return "HEIC, which Pillow does not read; convert it to JPEG"
    return "not a picture in a format that Pillow reads" if data else "empty file"


def read_picture(source, size):
    """A picture as uint8 (S, S, 3), S being `size`, by the rules of `decode_picture`.

    source: a file's path, the bytes of a file, a Pillow image, or an array uint8 (H, W, 3)
    Raises PictureError for anything else, and for what cannot be read.
    """
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3 or source.size == 0:
            raise PictureError(f"found an array {source.dtype} {source.shape}, expected uint8 (H, W, 3), H, W ≥ 1")
        if source.shape[:2] == (size, size):
            return source.copy()
        return np.array(fit_square(Image.fromarray(np.ascontiguousarray(source)), size))
    if isinstance(source, Image.Image):
        return _decoded_image(source, size)
    if not isinstance(source, (bytes, str, os.PathLike)):
        expected = "a path, the bytes of a file, a Pillow image, or an array uint8 (H, W, 3)"
        raise PictureError(f"found {type(source).__name__}, expected {expected}")
    try:
        return decode_picture(source if isinstance(source, bytes) else read_regular(source, MAX_FILE_BYTES), size)
    except FileNotFoundError:
        raise PictureError("not found") from None
    except OSError as error:
        raise PictureError(f"cannot be read ({error.strerror})") from None


def _decoded_image(image, size):
    """`decode_picture` of a Pillow image, which stays as it is."""
    try:
        _check(image)
        loaded = image.copy()  # loads it
        for name in COPIES_LACK:
            if hasattr(image, name):
                setattr(loaded, name, getattr(image, name))
        return np.array(fit_square(_upright(loaded, _rgb(loaded, b"")), size))
    except PictureError:
        raise
    except Exception as error:  # as for files
        raise PictureError(" ".join(str(error).split()) or type(error).__name__) from None


def fit_square(image, size):
    """Scale the central square of a Pillow image to size×size; returns the image itself if it has that size."""
    if image.size == (size, size):
        return image
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    # reducing_gap: large reductions start with averages of whole pixels; at 3 the result is as good as without
    return image.resize((size, size), FILTER, (left, top, left + side, top + side), reducing_gap=3.0)


def _check(image, length=MAX_PIXELS):
    """Raise PictureError, before anything is decoded, if a picture is empty, too large or not only a picture.

    length: of its file, in bytes
    """
    width, height = image.size
    if width * height == 0:
        raise PictureError(f"found {width}×{height} pixels, expected 1×1 or more")
    if width * height > MAX_PIXELS:
        raise PictureError(f"{width}×{height} is more than {MAX_PIXELS:,} pixels, which counts as a decompression bomb")
    if image.format in NOT_DECODED:
        raise PictureError(NOT_DECODED[image.format])
    in_python = any(tile[0] in Image.DECODERS for tile in getattr(image, "tile", ()))
    if in_python and width * height > max(MAX_SLOW_PIXELS, length):
        few = f"from {length:,} bytes of {image.format}, which would take long"
        raise PictureError(f"{width}×{height} pixels {few}; convert it to PNG")


def _upright(image, pixels):
    """Turn `pixels`, made from the loaded image, as its EXIF says. Pillow has turned a TIFF already."""
    turn = orientation(image)
    return pixels.transpose(TURNS[turn]) if turn in TURNS else pixels


def orientation(image):
    """EXIF's orientation of a Pillow image: 1 to 8, or None."""
    found = exif_orientation(image.info.get("exif", b""))
    if found is None:
        with contextlib.suppress(
            Exception
        ):  # Pillow looks in texts and XMP too, and raises nearly anything on odd ones
            found = image.getexif().get(ExifTags.Base.Orientation)
    return found


def _rgb(image, data):
    """The loaded image in mode RGB: greys repeated, CMYK converted, the upper 8 bits of more, transparency on white."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return Image.fromarray(_upper_eight_bits(image)).convert("RGB")
    if image.mode in ("I", "F"):
        raise PictureError(f"32-bit pixels (mode {image.mode}) have no defined black and white")
    if image.has_transparency_data:
        if data and image.format == "PNG" and image.mode in ("L", "RGB"):
            image.info["transparency"] = _as_eight_bits(image.info["transparency"], bits=data[24])
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _upper_eight_bits(image):
    """Grey levels, uint8 (H, W), of an image of up to 16 bits; the transparent level of a PNG becomes white."""
    levels, tags = np.asarray(image), getattr(image, "tag_v2", {})
    grey = (levels >> (tags.get(BITS_PER_SAMPLE, (16,))[0] - 8)).astype(np.uint8)
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:  # Pillow sees to it only for up to 8 bits
        grey = 255 - grey
    grey[levels == image.info.get("transparency", -1)] = 255
    return grey


def _as_eight_bits(level, bits):
    """A PNG's transparent level or colour, which is in the file's bits, as Pillow scales the pixels."""
    if isinstance(level, tuple):
        return tuple(_as_eight_bits(part, bits) for part in level)
    return level >> 8 if bits == 16 else level * 255 // (2**bits - 1)

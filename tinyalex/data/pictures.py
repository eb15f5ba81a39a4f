"""One picture, whatever its format, into a uint8 square of RGB pixels, safely.

S is the side of the square in pixels. As in the paper (§2) the shorter side is scaled to S and the central S×S square
is kept. Both happen in one resampling of the central square of the source, so a strip of 1×60,000 pixels never grows
into 256×15,360,000 on its way.
"""

import io
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_PIXELS = 100_000_000  # a 10,000×10,000 scan; decoded it takes 300 MB. More is taken for a decompression bomb
# JPEG may be decoded at 1/2, 1/4 or 1/8 as long as it stays this many times larger than S. Measured on pictures with a
# natural spectrum: 52 dB from a full decode at 3, but 38 dB at 2; a 12-megapixel photograph takes 45 ms instead of 79.
DRAFT_GAP = 3

# Bicubic: Pillow widens its kernel by the reduction, so nothing aliases; it keeps edges that bilinear softens, and
# rings less than Lanczos, which costs half as many taps again.
FILTER = Image.Resampling.BICUBIC


class PictureError(Exception):
    """A picture that cannot be used: one line saying why."""


def decode_picture(data, size):
    """Decode the bytes of one picture file into uint8 (S, S, 3), upright (EXIF) and on white where transparent.

    data: bytes of any format that Pillow reads; size: S. A picture that is S×S already is only decoded.
    Raises PictureError, and nothing else, for whatever is wrong with the bytes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow remarks on odd metadata, which is not used here
            with Image.open(io.BytesIO(data)) as image:
                _check(image)
                # no effect on formats other than JPEG, where the DCT does the first halvings for a fraction of the time
                image.draft(None, (DRAFT_GAP * size, DRAFT_GAP * size))
                ImageOps.exif_transpose(image, in_place=True)
                return np.array(fit_square(_rgb(image), size))
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError("not a picture in a format that Pillow reads" if data else "empty file") from None
    except Image.DecompressionBombError:
        raise PictureError(f"more than {MAX_PIXELS:,} pixels, taken for a decompression bomb") from None
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
        raise PictureError(" ".join(str(error).split()) or type(error).__name__) from None


def fit_square(image, size):
    """Scale the central square of a Pillow image to size×size; the image itself if it has that size already."""
    if image.size == (size, size):
        return image
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    # reducing_gap: large reductions start with whole-pixel averages; at 3 the result is as good as without
    return image.resize((size, size), FILTER, (left, top, left + side, top + side), reducing_gap=3.0)


def _check(image):
    """Refuse, before anything is decoded, what is too large or would be run as a program."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureError(f"{width}×{height} is more than {MAX_PIXELS:,} pixels, taken for a decompression bomb")
    if image.format == "EPS":  # Pillow would start Ghostscript on it
        raise PictureError("EPS is a program that draws, not a picture")


def _rgb(image):
    """The image in mode RGB: greys repeated, CMYK converted, 16 bits cut to the upper 8, transparency on white."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise PictureError(f"32-bit pixels (mode {image.mode}), whose black and white are not defined")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")

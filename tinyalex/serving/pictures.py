"""Pictures as they arrive: JPEG, PNG or WebP, told apart by their content, decoded within limits of memory and time."""

import asyncio
import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from starlette.exceptions import HTTPException

from tinyalex.data.pictures import TURNS, PictureError, Unwanted, decode_picture, orientation
from tinyalex.serving.limits import busy

BEGINNINGS = {  # of a file: {Pillow's name: [(place, bytes)]}
    "JPEG": [(0, b"\xff\xd8\xff")],
    "PNG": [(0, b"\x89PNG\r\n\x1a\n")],
    "WEBP": [(0, b"RIFF"), (8, b"WEBP")],
}
MOST_PIXELS = {"JPEG": 50_000_000, "PNG": 20_000_000, "WEBP": 20_000_000}  # transparency takes several copies
SMALL_PIXELS = 1_000_000  # larger pictures are decoded one at a time, so that a few cannot fill the memory
MOST_LARGE = 8  # that wait for it
MOST_SCANS = 100  # of a progressive JPEG: each goes over all of its pixels, and encoders write about ten
MARKER = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")  # of a JPEG, but for the restarts within a scan
SCAN, END = b"\xda", b"\xd9"


@dataclass(frozen=True)
class Picture:
    """A picture that arrived.

    square: uint8 (S, S, 3);  data: its bytes;  format: "JPEG", "PNG" or "WEBP"
    width, height: as stored, in pixels;  prepared: how it became a square, in words
    """

    square: np.ndarray
    data: bytes
    sha256: str
    format: str
    width: int
    height: int
    prepared: str


class Larger(Unwanted):
    """The picture has too many pixels to be decoded beside others."""


class Refused(Unwanted):
    """The picture is none that this service answers. status: of the response"""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class LargePictures:
    """Decodes one picture after the other, in a thread of its own."""

    def __init__(self) -> None:
        self.thread, self.waiting = ThreadPoolExecutor(1, "tinyalex-large-pictures"), 0

    async def picture(self, data: bytes, size: int) -> Picture:
        """`received`; HTTPException 503 too, if MOST_LARGE are waiting."""
        if self.waiting >= MOST_LARGE:
            raise busy(f"{MOST_LARGE} large pictures are waiting")
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.thread, received, data, size)
        finally:
            self.waiting -= 1

    def close(self) -> None:
        """Finish what is under way."""
        self.thread.shutdown()


@contextmanager
def numbered(number: int, count: int) -> Iterator[None]:
    """If there are several pictures, errors in the block are said of "picture 3"."""
    try:
        yield
    except HTTPException as error:
        if count == 1:
            raise
        raise HTTPException(error.status_code, f"picture {number}: {error.detail}", error.headers) from None


def received(data: bytes, size: int, at_once: int | None = None) -> Picture:
    """The picture in a file's bytes, made a square of side `size`. HTTPException 400, 413, 415 or 422 if it is none.

    at_once: raise Larger above this number of pixels
    """
    form = format_of(data)
    if not data:
        raise HTTPException(400, "empty, expected a picture")
    if form is None:
        raise HTTPException(415, "not a JPEG, PNG or WebP picture")
    about: dict = {}

    def look(image):
        width, height = image.size
        if width * height > MOST_PIXELS[form]:
            raise Refused(413, f"{width}×{height} pixels, expected at most {MOST_PIXELS[form]:,}")
        if at_once and width * height > at_once:
            raise Larger
        if form != "JPEG" and getattr(image, "is_animated", False):  # a JPEG may have a second view, for 3-D screens
            raise Refused(422, "an animation, expected a single picture")
        about.update(width=width, height=height, prepared=_in_words(image, form, size))

    if form == "JPEG" and has_many_scans(data):
        raise HTTPException(422, f"JPEG: more than {MOST_SCANS} scans, which would take long")
    try:
        square = decode_picture(data, size, (form,), look)
    except Larger:
        raise
    except PictureError as error:
        raise HTTPException(getattr(error, "status", 422), f"{form}: {error}") from None
    return Picture(square, data, hashlib.sha256(data).hexdigest(), form, **about)


def has_many_scans(data: bytes) -> bool:
    """Whether a JPEG has more than MOST_SCANS scans, thumbnails within its metadata not counted."""
    scans, place = 0, 2  # behind its first marker
    while scans <= MOST_SCANS and (marker := MARKER.search(data, place)) and marker[1] != END:
        scans += marker[1] == SCAN
        place = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])  # the segment's length
    return scans > MOST_SCANS


def format_of(data: bytes) -> str | None:
    """The format that a file's first bytes announce; None for any other."""
    for form, marks in BEGINNINGS.items():
        if all(data[place : place + len(mark)] == mark for place, mark in marks):
            return form
    return None


def _in_words(image, form, size):
    steps = []
    if (turn := orientation(image)) in TURNS:
        steps.append(f"turned upright (EXIF orientation {turn})")
    if image.has_transparency_data:
        steps.append("on white where transparent")
    side = min(image.size)
    if image.size != (side, side):
        steps.append(f"central {side}×{side} cut out")
    if side != size:
        steps.append(f"scaled to {size}×{size}")
    return f"{form}, {image.mode}{''.join(f', {step}' for step in steps)}"

"""Stdout and stderr that take any text, in any encoding."""

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tinyalex.errors import UserError
from tinyalex.files import reason

PLAIN = {  # for encodings that lack them; one character for one where that can be read, so that tables stay straight
    **dict.fromkeys("–—−─", "-"),
    **{"×": "x", "÷": "/", "·": ".", "•": "*", "█": "#", "µ": "u", "§": "S.", "…": "...", "→": "->", "←": "<-"},
    **{"≥": ">=", "≤": "<=", "≠": "!=", "±": "+-", "√": "sqrt", "Σ": "sum", "∞": "inf", "²": "^2", "ᵀ": ".T"},
    **{
        "✓": "v",
        "✗": "x",
        "“": '"',
        "”": '"',
        "‘": "'",
        "’": "'",
        "½": "1/2",
        "°": " degrees",
        "‖": "||",
        "∘": "*",
        "\u00a0": " ",
    },
}


class ReaderLeft(Exception):
    """Whoever read stdout, such as `head`, has gone; there is nobody to tell."""


@contextmanager
def usable_streams() -> Iterator[None]:
    """Inside, both streams take any text, and errors of stderr are ignored: progress must not end the work.

    A character that the encoding lacks is written as in `PLAIN`, or as \\u1234 if it is not there.
    """
    for number in (0, 1, 2):
        _occupy(number)
    before = sys.stderr
    sys.stderr = _Forgiving(before if before is not None else open(os.devnull, "w", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook's streams have no encoding
            stream.reconfigure(errors="tinyalex")
    try:
        yield
    finally:
        sys.stderr = before


def check_stdout() -> None:
    """UserError if stdout was closed when the program started; checked before any work is done."""
    if sys.stdout is None:
        raise UserError("stdout is closed, expected a place for the result (> /dev/null throws it away)")


@contextmanager
def onto_stdout() -> Iterator[None]:
    """Print inside; everything is flushed at the end. UserError if it cannot be written, or `ReaderLeft`."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _throw_away(sys.stdout)
        raise ReaderLeft from None
    except OSError as error:
        _throw_away(sys.stdout)
        raise UserError(f"the result cannot be written to stdout ({reason(error)})") from error


def readable(text: str) -> str:
    """The text as stdout will show it."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "tinyalex").decode(encoding, "surrogateescape")


def encodes(text: str) -> bool:
    """Whether stdout has all of the text's characters."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


class _Forgiving:
    """A stream whose errors are ignored: on a full disk, or with the terminal gone, the rest is thrown away."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        try:
            return self.stream.write(text)
        except (OSError, ValueError):  # ValueError: the stream is closed
            _throw_away(self.stream)
            return len(text)

    def flush(self) -> None:
        try:
            self.stream.flush()
        except (OSError, ValueError):
            _throw_away(self.stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _occupy(number):
    """If a standard stream is closed, open it on nothing, so that no file of ours gets its number."""
    try:
        os.fstat(number)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)


def _throw_away(stream):
    """From now on, lose what is written to a stream: Python would flush it at its end, and fail once more."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """The error handler "tinyalex": one character for an encoding that lacks it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character, after = error.object[error.start], error.start + 1
    if 0xDC80 <= ord(character) <= 0xDCFF:  # a byte of a file's name that is no text: as it was
        return bytes([ord(character) - 0xDC00]), after
    return PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode(), after


codecs.register_error("tinyalex", _replace)

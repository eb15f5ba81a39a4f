"""The one reader of JSON and TOML files. A `Kind`, written once, says what a file must hold.

    RUN = record(model=text(), epochs=whole(1), errors=each(number(0, 1)), note=optional(text()))
    read_json("run.json", RUN)  # UserError: "run.json: errors[3]: found "x", expected a number from 0 to 1"

Keys that a `record` does not name may hold anything, as files of other versions have others.
"""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, time
from pathlib import Path
from typing import Any

from tinyalex.errors import UserError, did_you_mean
from tinyalex.files import read_regular, reason

MOST_BYTES = 32 * 2**20  # of a file, or of the JSON text inside one; the list of 100,000 classes takes 5 MB
MOST_LINES = 2**29  # bytes of a file of such texts, one on each line: 300,000 lines of a run with eight layers
MOST_TOML = 2**18  # bytes: people write these files, and their parser is slow
MOST_LEVELS = 30  # of lists and objects in each other
HUGE, LARGEST = sys.float_info.max, 2**63 - 1


class Misfit(Exception):
    """A value does not fit. path: of keys, such as ".errors[3]";  found, expected: in words"""

    def __init__(self, found: str, expected: str, path: str = "") -> None:
        super().__init__(found, expected, path)
        self.found, self.expected, self.path = found, expected, path

    def __str__(self) -> str:
        where = f"{self.path.removeprefix('.')}: " if self.path else ""
        return f"{where}found {self.found}, expected {self.expected}"


@dataclass(frozen=True)
class Kind:
    """A requirement on a value.

    words: for people, such as "a whole number";  check: raises `Misfit` for any other value
    optional: whether a record may lack it
    """

    words: str
    check: Callable[[Any], None]
    optional: bool = False


# ---------------------------------------------------------------------------------------------- kinds


def _that(words: str, fits: Callable[[Any], bool]) -> Kind:
    """The kind of the values that fit."""

    def check(value):
        if not fits(value):
            raise Misfit(shown(value), words)

    return Kind(words, check)


anything = _that("anything", lambda value: True)
truth = _that("true or false", lambda value: type(value) is bool)


def text(most: int = 10_000, least: int = 0) -> Kind:
    """A text of `least` to `most` letters that can be written and be a path: no NUL, no half of a letter."""
    words = f"plain text of {f'{least} to' if least else 'at most'} {most:,} letters"
    return _that(words, lambda value: type(value) is str and least <= len(value) <= most and is_writable(value))


def is_writable(value: str) -> bool:
    """Whether a text has no NUL, and no half of a letter but those that stand for bytes of a file's name."""
    return value.isascii() and "\0" not in value or not re.search(r"[\0\ud800-\udc7f\udd00-\udfff]", value)


KEY = text(1000)


def like(pattern: str, words: str) -> Kind:
    """A text that matches a regular expression from end to end."""
    return _that(words, lambda value: type(value) is str and re.fullmatch(pattern, value) is not None)


def one_of(*values: Any) -> Kind:
    """One of these values, of the same type."""
    words = " or ".join(map(shown, values))
    return _that(words, lambda value: any(type(value) is type(one) and value == one for one in values))


def whole(low: int = 0, high: int = LARGEST) -> Kind:
    """A whole number in a range."""
    words = "a whole number" + _range(low, high, LARGEST)
    return _that(words, lambda value: type(value) is int and low <= value <= high)


def number(low: float = -HUGE, high: float = HUGE) -> Kind:
    """A finite number in a range."""
    words = "a number" + _range(low, high, HUGE)
    return _that(words, lambda value: type(value) in (int, float) and low <= value <= high)


def _range(low, high, huge):
    if high == huge:
        return "" if low == -huge else f", {low:,} or more"
    return f" from {low:,} to {high:,}"


def or_null(kind: Kind) -> Kind:
    """A value of this kind, or null."""
    return Kind(f"{kind.words}, or null", lambda value: None if value is None else kind.check(value))


def one_or_list(one: Kind, several: Kind) -> Kind:
    """A value of the first kind, or a list, of the second."""
    words = f"{one.words}, or {several.words}"
    return Kind(words, lambda value: (several if isinstance(value, list) else one).check(value))


def optional(kind: Kind) -> Kind:
    """A key of a record that may be absent."""
    return replace(kind, optional=True)


def each(kind: Kind, least: int = 0, most: int = LARGEST) -> Kind:
    """A list of `least` to `most` values of one kind."""
    words = (
        f"a list of {least}" if least == most else "a list" + _range(least, most, LARGEST).replace(", 0 or more", "")
    )

    def check(value):
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise Misfit(shown(value), words)
        for number, one in enumerate(value):
            _check_inside(kind, one, f"[{number}]")

    return Kind(words, check)


def table(kind: Kind) -> Kind:
    """Any keys, each with a value of this kind."""

    def check(value):
        if not isinstance(value, dict):
            raise Misfit(shown(value), "entries")
        for key, one in value.items():
            KEY.check(key)
            _check_inside(kind, one, f".{_cut(json.dumps(key)[1:-1])}")

    return Kind("entries", check)


def record(entries: dict[str, Kind] | None = None, only: bool = False, **more: Kind) -> Kind:
    """These keys, each with its kind of value. only: and no others"""
    entries = (entries or {}) | more

    def check(value):
        if not isinstance(value, dict):
            raise Misfit(shown(value), f"entries {_few(entries)}")
        if only and (others := value.keys() - entries.keys()):  # first: a misspelt key is one that is missing, too
            other = min(others)
            raise Misfit(shown(other) + did_you_mean(other, entries), f"some of {', '.join(entries)}")
        for key, kind in entries.items():
            if key in value:
                _check_inside(kind, value[key], f".{key}")
            elif not kind.optional:
                raise Misfit("nothing", kind.words, f".{key}")

    return Kind("entries", check)


def cases(key: str, kinds: dict[str, Kind]) -> Kind:
    """A record of one of several kinds; its value at `key` says which."""
    first = record({key: one_of(*kinds)})

    def check(value):
        first.check(value)
        kinds[value[key]].check(value)

    return Kind("entries", check)


def _check_inside(kind, value, key):
    try:
        kind.check(value)
    except Misfit as misfit:
        raise Misfit(misfit.found, misfit.expected, key + misfit.path) from None


def shown(value: Any) -> str:
    """A found value in a few plain letters, as JSON spells it."""
    if isinstance(value, dict):
        return f"entries {_few(value)}" if value else "no entries"
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    if isinstance(value, (date, time)):  # of TOML
        return f"the {'time' if isinstance(value, time) else 'date'} {value}"
    return _cut(json.dumps(value, default=str))


def _few(keys):
    first = ", ".join(_cut(json.dumps(key)) for key in list(keys)[:3])
    return first + (", …" if len(keys) > 3 else "")


def _cut(words):
    return words if len(words) <= 40 else f"{words[:39]}…"


# ---------------------------------------------------------------------------------------------- reading


def judge(value: Any, kind: Kind, where: Any) -> Any:
    """The value itself. UserError, with `where` in front, if it is not of this kind."""
    try:
        kind.check(value)
    except Misfit as misfit:
        raise UserError(f"{where}: {misfit}") from None
    return value


def read_json(path: str | Path, kind: Kind) -> Any:
    """The value in a JSON file. UserError, naming the file, if it is missing, not JSON, or not of this kind."""
    return judge(_parsed(json.loads, _content(path), path, "a JSON file"), kind, path)


def read_toml(path: str | Path, kind: Kind) -> Any:
    """The entries of a TOML file. UserError as for `read_json`."""
    import tomllib  # here, since few commands need it

    return judge(_parsed(tomllib.loads, _content(path, MOST_TOML), path, "a TOML file"), kind, path)


def read_lines(path: str | Path, kind: Kind) -> list[Any]:
    """The values in a file with JSON on each line; a last line that was cut short is left out. UserError as above."""
    *lines, last = _content(path, MOST_LINES).split(b"\n")
    values = [parse_json(line, kind, f"{path}: line {number}") for number, line in enumerate(lines, 1)]
    try:
        return [*values, parse_json(last, kind, f"{path}: line {len(lines) + 1}")]
    except NotParsed:
        return values


def parse_json(content: bytes | str, kind: Kind, where: Any) -> Any:
    """The value of a JSON text. UserError, with `where` in front, if it is not JSON or not of this kind."""
    if len(content) > MOST_BYTES:
        raise UserError(f"{where}: found {len(content):,} bytes of JSON, expected at most {MOST_BYTES:,}")
    return judge(_parsed(json.loads, content, where, "JSON"), kind, where)


class NotParsed(UserError):
    """This is not JSON, or not TOML."""


class Missing(UserError):
    """There is no such file."""


def _content(path, most=MOST_BYTES):
    """The bytes of a file. UserError unless it is a file, and not larger than that."""
    try:
        return read_regular(path, most)
    except FileNotFoundError:
        raise Missing(f"{path}: not found") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({reason(error)})") from None


def _parsed(parse, content, where, what):
    """The value that a text spells. UserError unless it can be parsed, and is not nested too deeply to be handled."""
    try:
        value = parse(content if isinstance(content, str) else content.decode())
    except RecursionError:
        raise NotParsed(f"{where}: not {what} of tinyalex (nested too deeply)") from None
    except ValueError as error:
        raise NotParsed(f"{where}: not {what} ({reason(error)})") from None
    _check_levels(value, where)
    return value


def _check_levels(value, where):
    level, levels = [value], 0
    while level:
        inside = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list))]
        level, levels = [one for values in inside for one in values], levels + 1
        if levels > MOST_LEVELS:
            raise NotParsed(f"{where}: nested too deeply, expected at most {MOST_LEVELS} levels")

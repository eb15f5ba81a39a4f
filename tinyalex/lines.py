"""Lines for people: as wide as their terminal, with commands to copy left whole.

On a terminal, whatever a command prints is folded at spaces. A file or a pipe gets every paragraph, message and row of
a table as one line: grep finds it whole, and any viewer folds it. Only --help is folded there too, to 80 columns, since
people page through it.
"""

import math
import os
import re
import shlex
import shutil
import sys
import unicodedata
from contextlib import suppress
from typing import Any

WIDE_ENOUGH = 80  # columns of a terminal that does not say how many it has
MOST_WIDTH = 118  # of prose
WORD = r"(?:'[^']*'|\S)+"  # of a command, as `shlex.quote` writes it
ENDS = r"(?<![;,)`])(?<!\w\.)"  # not behind a sign that ends a command within a sentence
QUANTITY = r"\S*\d(?: / \S*\d)?(?: (?:%|×|[kMGTPE]?B|GB/s|GFLOP/s|µs|min|h|[a-z]*s)(?!\w))?\S*"  # 25 %; 2 / 3 points
NAMED = r"\(?[a-z]{1,6} +\d[\w.%-]*(?:[,;)]\S*|$)|(?:\S+ =|[×→]) \S+"  # alpha 0.75, or p = 0.05, or × 128
CONTROL = re.compile(r"[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")  # line ends and directions of writing too


def columns(stream: Any) -> int | None:
    """Characters in a line of a terminal: $COLUMNS, or what it says. None for a file or a pipe."""
    if not stream.isatty():  # there, $COLUMNS means nothing: many programs leave it to those that they start
        return None
    said = os.environ.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and int(said) > 0:
        return int(said)
    with suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or WIDE_ENOUGH
    return WIDE_ENOUGH


def prose_width(stream: Any) -> float:
    """The longest line of prose on a stream: the terminal's width, at most MOST_WIDTH; inf for a file or a pipe."""
    width = columns(stream)
    return min(width, MOST_WIDTH) if width else math.inf


def text_width(text: str) -> int:
    """Columns that a text takes: Chinese characters two each, accents over the letter before none."""
    if text.isascii():
        return len(text)
    widths = {"W": 2, "F": 2}
    return sum(0 if unicodedata.combining(c) else widths.get(unicodedata.east_asian_width(c), 1) for c in text)


def folded(text: str, width: float, hang: int = 0) -> list[str]:
    """The text in lines of at most `width` columns, broken at spaces. A longer word keeps a line to itself.

    hang: how much further than the first line the others are indented
    A command of ours (see `command`) is one word; if it is longer than a line, it continues behind a backslash.
    """
    return [line for paragraph in text.split("\n") for line in _fold(harmless(paragraph), width, hang)]


def harmless(text: str) -> str:
    """One line with its control characters spelled out: in the name of a file they could rewrite the screen."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def drawable(text: str) -> str:
    """As `harmless`, with bytes of a file's name that are no text spelled out too: Matplotlib takes none."""
    return harmless(text).encode("utf-8", "backslashreplace").decode()


def words(text: str) -> list[str]:
    """The parts of a text that lines may not break: commands, `quotations`, numbers with units or names, words."""
    return [word for _, word in _words(text)]


def command_lines(line: str, width: float) -> list[str]:
    """A command in lines of at most `width` columns, all but the last ending in a backslash. It keeps its indent."""
    indent = line[: len(line) - len(line.lstrip(" "))]
    first, *others = re.findall(WORD, line)
    lines, last = [], indent + first
    for word in others:
        if text_width(f"{last} {word}") + (2 if word is not others[-1] else 0) <= width:
            last += f" {word}"
        else:
            lines.append(f"{last} \\")
            last = f"{indent}    {word}"
    return [*lines, last]


def program() -> str:
    """How the person called this program."""
    if os.path.basename(sys.argv[0]).removesuffix(".exe") == "tinyalex":
        found = shutil.which("tinyalex")
        here = found is not None and os.path.realpath(found) == os.path.realpath(sys.argv[0])
        return "tinyalex" if here else shlex.quote(sys.argv[0])
    python = sys.executable
    if python.startswith(os.getcwd() + os.sep):  # as the README has it: .venv/bin/python
        python = os.path.relpath(python)
    return f"{shlex.quote(python)} -m tinyalex"


def command(*words: Any) -> str:
    """A command of ours for the person to copy: ("train", "--resume", folder), quoted for the shell.

    In a sentence it stands last, or before one of ; , ) or a full stop, so that `folded` sees its end.
    """
    return f"{program()} {shlex.join(map(str, words))}"


def _words(text):
    """[(the spaces before, a word)]"""
    ours = rf"(?:mpiexec -n \d+ )?{re.escape(program())}(?: {WORD}{ENDS})*\S*"
    return re.findall(rf"( *)({ours}|\S*`[^`]*`\S*|{NAMED}|{QUANTITY}|\S+)", text)


def _fold(text, width, hang):
    if text_width(text) <= width:
        return [text]
    indent = re.match(" *(?:# )?", text)[0]  # within a comment, all lines are comments
    lines, line = [], ""
    for gap, word in _words(text):
        if line and text_width(line + gap + word) > width:
            lines.append(line)
            line = ""
        line += gap + word if line or not lines else f"{indent}{' ' * hang}{word}"
        if text_width(line) > width and f"{program()} " in word:
            *full, line = command_lines(line, width)
            lines += full
    return [*lines, line]

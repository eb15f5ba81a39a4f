"""Lines for people: folded at spaces on a terminal, whole in a file, with commands that can be copied."""

import fcntl
import math
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios

import pytest

from tests.test_documents import ROOT
from tinyalex.cli import main
from tinyalex.commands import COMMANDS
from tinyalex.commands.options import print_table, print_text
from tinyalex.lines import command, command_lines, folded, text_width
from tinyalex.terminal import say

PROSE = "Learning went well: the error fell to 25 % after 3 epochs (see runs/a-long-name/curves.png), p = 0.05, alpha 1"


@pytest.mark.parametrize("width", range(20, 100))
def test_prose_is_folded_between_words(width):
    lines = folded(PROSE, width)
    assert " ".join(lines) == PROSE
    assert all(text_width(line) <= width or " " not in line for line in lines), "too long, though it has a space"
    for whole in ("25 %", "3 epochs", "runs/a-long-name/curves.png),", "p = 0.05,", "alpha 1"):
        assert any(whole in line for line in lines)


def test_an_indent_is_kept_and_so_is_a_comment():
    assert folded("  one two three", 9) == ["  one two", "  three"]
    assert folded("one two three", 9, hang=2) == ["one two", "  three"]
    assert folded("  # one two three", 13) == ["  # one two", "  # three"]


@pytest.mark.parametrize("width", [30, 60, 80, 200])
@pytest.mark.parametrize("end", ["", ";", ").", "; then look at the pictures that it drew"])
def test_a_command_within_prose_can_be_copied(width, end, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tinyalex"])
    line = command("train", "--resume", "my runs/it's the first", "--epochs", 90)
    lines = folded(f"the run has ended; go on with: {line}{end}", width)
    assert all(len(line) <= width for line in lines)
    found = re.sub(r" \\\n +", " ", "\n".join(lines))
    assert line in found, "on one line, or on several that a backslash joins"


def test_a_long_command_goes_on_behind_a_backslash():
    line = "  tinyalex train --data 'my data' --out runs/first"
    lines = command_lines(line, 30)
    assert lines == ["  tinyalex train --data \\", "      'my data' --out \\", "      runs/first"]
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(line)
    assert command_lines(line, 80) == [line]


def test_a_file_gets_whole_lines(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "30")  # left by the program that started this one
    say(PROSE * 3)
    assert main(["train", "--epochs", "none", "--data", "a" * 50]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def helped(capsys, *arguments):
    with pytest.raises(SystemExit):
        main([*arguments, "--help"])
    return capsys.readouterr().out


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_every_help_fits(name, terminal, capsys):
    arguments = [name] if name else []
    assert max(map(len, helped(capsys, *arguments).splitlines())) <= 80, "in a pipe"
    for width in (60, 80):
        terminal(width)
        lines = helped(capsys, *arguments).splitlines()
        assert not [line for line in lines if len(line) > width]
        assert not re.search(r"\w-$", "\n".join(lines), re.MULTILINE), "broken within a word"


def test_commands_print_with_the_folding_functions():
    """`print` alone knows nothing of the terminal's width."""
    for file in (ROOT / "tinyalex" / "commands").glob("*.py"):
        if file.name != "options.py":
            assert not re.search(r"(?<!\w)print\([^)]", file.read_text(encoding="utf-8")), file


def on_screen(raw, width):
    """The lines that a terminal shows at last: \\r, \\n and "cursor up" are obeyed. A line that wraps is a mistake."""
    rows, row, column = [""], 0, 0
    for sign in re.findall(r"\x1b\[A|[^\x1b]", raw):
        if sign == "\r":
            column = 0
        elif sign == "\n":
            row += 1
        elif sign == "\x1b[A":
            row -= 1
        else:
            assert column < width, f"this line wraps: {rows[row]}"
            rows[row] = rows[row].ljust(column)[:column] + sign + rows[row][column + 1 :]
            column += 1
        rows += [""] * (row + 1 - len(rows))
    return [line.rstrip() for line in rows]


def in_a_terminal(width, *arguments, cwd):
    """(exit code, lines) of a command in a real pseudo-terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"PYTHONPATH": str(ROOT)}
    child = [sys.executable, "-m", "tinyalex", *map(str, arguments)]
    with subprocess.Popen(child, stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=environment) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                said += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
        os.close(ours)
    return process.returncode, on_screen(said.decode(), width)


@pytest.mark.parametrize("width", [60, 80])
def test_in_a_real_terminal_nothing_wraps(width, tmp_path):
    from tests.training.test_training import write_easy

    data = write_easy(tmp_path / "data", 16, 8)
    model = ("--data", data.name, "--model", "alexnet-mini", "--threads", 1)
    code, lines = in_a_terminal(width, "train", *model, "--epochs", 2, "--out", "RUN", cwd=tmp_path)
    assert code == 0 and sum(line.startswith("epoch ") for line in lines) == 2
    assert not [line for line in lines if "█" in line or "validate" in line], "bars are gone at the end"
    code, lines = in_a_terminal(width, "train", *model, "--out", "RUN", cwd=tmp_path)
    assert code == 2 and lines[0].startswith("tinyalex: --out: RUN is not empty; choose")


def test_no_name_of_a_file_moves_the_cursor_or_colours_the_screen(capsys):
    name = "a\x1b[31mb\rc\x07\u202ed\u2028e é 日"
    shown = r"a\x1b[31mb\rc\x07\u202ed\u2028e é 日"
    say(name)
    print_text(name)
    print_table(["name"], [[name]])
    out, err = capsys.readouterr()
    assert err == shown + "\n" and out.count(shown) == 2 and not set(out) & set("\x1b\r\x07\u202e")
    assert folded("one\ntwo", math.inf) == ["one", "two"]

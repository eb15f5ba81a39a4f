"""A bar where there is a terminal, a line now and then where there is none, nothing where nothing is wanted."""

import os
import re
import shlex
import signal
import sys
import time

import pytest

from tests.test_documents import ROOT
from tinyalex import terminal as progress
from tinyalex.lines import command
from tinyalex.terminal import bytes_text, duration, progress_bar, say


def work(quiet=False):
    with progress_bar(1000, "epoch 1/2", quiet=quiet) as bar:
        for _ in range(10):
            bar.update(100)
            bar.set_postfix_str("loss 1.5")
            bar.set_description("epoch 2/2")
        say("a word")


@pytest.mark.parametrize("seconds, lines", [(30, 1), (0, 21)])
def test_lines_without_a_terminal(seconds, lines, monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_SECONDS", seconds)
    work()
    said = capsys.readouterr().err
    assert "\r" not in said and said.count("\n") >= lines and "a word\n" in said
    assert ("epoch 2/2 100%, 1000/1000 images, " in said) == (seconds == 0)
    assert ("loss 1.5" in said) == (seconds == 0)


def test_a_line_is_not_repeated_too_soon(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress_bar(1000, "slow") as bar:
        for _ in range(10):
            now[0] += 7
            bar.update(100)
            bar.refresh()
    said = [line.split(",")[0] for line in capsys.readouterr().err.splitlines()]
    assert said == ["slow  50%", "slow 100%"]  # at 35 and 70 seconds


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    work()
    assert "\r" in capsys.readouterr().err


@pytest.mark.parametrize("width", [80, 40])
def test_a_bar_fits_the_terminal(width, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    work()
    shown = re.split(r"[\r\n]", capsys.readouterr().err)
    assert max(map(len, shown)) == width - 1, "one column less: the cursor must not begin another line"
    assert width < 80 or any(re.match(r"epoch 2/2 +\d+% \S+ +\d+/1000 images, \S+ images/s, ", line) for line in shown)


@pytest.mark.parametrize(
    "width, said",
    [
        (80, "epoch 1/90 40% █ 400/1000 images, 40 images/s, 15 s left, loss 1.5"),
        (60, "epoch 1/90 40% █ 400/1000 images, 40 images/s, 15 s left"),
        (50, "epoch 1/90 40% █ 400/1000 images, 40 images/s"),
        (45, "epoch… 40% █ 400/1000 images, 40 images/s"),
    ],
)
def test_what_does_not_fit_is_left_out_whole(width, said, monkeypatch, terminal):
    terminal(width)
    now = [0.0]
    with progress_bar(1000, "epoch 1/90") as bar:
        bar._time, bar.start_t = (lambda: now[0]), 0.0
        now[0] = 10.0
        bar.set_postfix_str("loss 1.5", refresh=False)
        bar.n = 400
        assert re.sub(" +", " ", re.sub("[█▏▎▍▌▋▊▉]+", "█", str(bar))) == said


def test_validating_does_not_count_in_the_rate(monkeypatch, capsys):
    now = [time.time()]
    monkeypatch.setattr(progress, "LINE_SECONDS", 0)
    with progress_bar(400, "epoch 1/2") as bar:
        bar._time = lambda: now[0]
        bar.start_t = bar.last_print_t = now[0]
        for _ in range(3):
            now[0] += 10
            bar.update(100)
            bar.refresh()
            with bar.resting():
                now[0] += 50
        bar.refresh()
    said = [line for line in capsys.readouterr().err.splitlines() if "/400 images, 10 images/s" in line]
    assert len(said) >= 3, "100 pictures in 10 s of training"
    assert "10 images/s, 1 min left" in said[-1], "a quarter is left, and the others took 60 s each"


def test_a_silent_bar_rests_too():
    with progress_bar(10, "work", quiet=True) as bar, bar.resting():
        bar.update(10)


def test_durations():
    pairs = {0.4: "0 s", 59: "59 s", 59.7: "1 min", 3599: "1 h 0 min", 7500: "2 h 5 min", 400_000: "5 days"}
    assert {seconds: duration(seconds) for seconds in pairs} == pairs


def test_silence(monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0)
    work(quiet=True)
    assert capsys.readouterr().err == "a word\n"


@pytest.mark.parametrize("path", ["runs/first", "my runs/first", "it's", "a;b", "café $HOME", "-x"])
@pytest.mark.parametrize("python", ["/usr/bin/python3", "/opt/my python/bin/python3"])
def test_a_command_to_copy_is_quoted(path, python, monkeypatch):
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setattr(sys, "argv", ["__main__.py"])
    assert shlex.split(command("evaluate", path)) == [python, "-m", "tinyalex", "evaluate", path]


def test_a_command_begins_as_it_was_typed(tmp_path, monkeypatch):
    """ "tinyalex" alone is advised only where the shell finds this one by its name."""
    for folder in ("on path", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tinyalex").write_text("#!/bin/sh\n")
        (tmp_path / folder / "tinyalex").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "on path"))
    for typed, shown in (("on path", "tinyalex"), ("other", f"'{tmp_path}/other/tinyalex'")):
        monkeypatch.setattr(sys, "argv", [str(tmp_path / typed / "tinyalex")])
        assert command("runs").removesuffix(" runs") == shown.replace("'", "'" if " " in shown else "")


def test_all_advice_is_quoted():
    """Commands for the person to copy come from `command`; an option with a path alone is quoted where it is said."""
    for file in (ROOT / "tinyalex").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert file.name == "lines.py" or "program()" not in text, file
        assert not re.search(r"--(?:resume|data|check|out) \{(?!shlex)", re.sub(r'UserError\(f"--.*', "", text)), file


def test_bytes_for_people():
    pairs = {0: "0 B", 999: "999 B", 999.7e3: "1 MB", 762750.04e9: "763 TB", 1e15: "1 PB", 3.2e22: "32,000 EB"}
    assert {count: bytes_text(count) for count in pairs} == pairs


def test_a_signal_while_stderr_is_blocked(monkeypatch):
    """Python refuses to write to it in between; the run is saved all the same."""

    def reentrant(*arguments):
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

    monkeypatch.setattr(progress, "say", reentrant)
    with progress.stop_signals() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked

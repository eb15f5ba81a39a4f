"""A bar where there is a terminal, a line now and then where there is none, nothing where nothing is wanted."""

import sys

import pytest

from tinyalex import terminal as progress
from tinyalex.terminal import progress_bar, say


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
    assert ("epoch 2/2: 100%| 1000/1000 images [00:00<00:00" in said) == (seconds == 0)
    assert ("loss 1.5" in said) == (seconds == 0)


def test_a_line_is_not_repeated_too_soon(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress_bar(1000, "slow") as bar:
        for _ in range(10):
            now[0] += 7
            bar.update(100)
            bar.refresh()
    said = [line.split("|")[0] for line in capsys.readouterr().err.splitlines()]
    assert said == ["slow:  50%", "slow: 100%"]  # at 35 and 70 seconds


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    work()
    assert "\r" in capsys.readouterr().err


def test_silence(monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0)
    work(quiet=True)
    assert capsys.readouterr().err == "a word\n"

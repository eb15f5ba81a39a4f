"""Signals end a command in one line with the exit code that shells expect, and leave nothing behind."""

import ast
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tinyalex
from tests.data import sources
from tinyalex import signals

ROOT = Path(tinyalex.__file__).parents[1]


def run_python(code, *arguments, **options):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def test_an_old_python_is_told_in_one_line():
    old = "import sys; sys.version_info = (3, 10, 4); import runpy; runpy.run_module('tinyalex', run_name='__main__')"
    done = run_python(old)
    assert (done.returncode, done.stderr) == (2, "tinyalex: found Python 3.10, expected 3.11 or newer\n")
    for name in ("__init__", "__main__"):
        ast.parse((ROOT / f"tinyalex/{name}.py").read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("number", signals.ENDING)
@pytest.mark.parametrize("module", ["tqdm", "tinyalex.cli", "numpy", "tinyalex.commands.summary"])
def test_interrupted_while_importing(module, number):
    code = (
        "import os, sys\nfrom tinyalex.__main__ import run\n"
        "class Finder:\n    def find_spec(self, name, path, target=None):\n"
        f"        if name == {module!r}: os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Finder())\nsys.argv[1:] = ['summary', 'alexnet']\nsys.exit(run())"
    )
    done = run_python(code)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "tinyalex: interrupted\n")


def test_what_was_ignored_stays_ignored():
    """As `nohup` and shells in the background have it."""
    code = (
        "import os, signal\nfrom tinyalex.signals import interrupting\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with interrupting(): os.kill(os.getpid(), signal.SIGHUP)\nprint('still here')"
    )
    assert run_python(code).stdout == "still here\n"


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """Seconds of work: many links to one large picture."""
    root = sources.class_folders(tmp_path_factory.mktemp("pets") / "pets")
    large = root / "train/cat/large.jpg"
    large.write_bytes(sources.encoded(sources.picture(0, (4000, 3000))))
    for i in range(600):
        (root / f"train/cat/{i}.jpg").symlink_to("large.jpg")
    return root


@pytest.mark.parametrize("seconds", [0.0, 0.4, 1.5])  # the workers are about to start, import, and work
@pytest.mark.parametrize("number", signals.ENDING)
def test_a_prepare_that_is_ended_leaves_nothing(pets, tmp_path, number, seconds):
    """The signal goes to all processes of the group, as from a terminal or `timeout`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tinyalex", "prepare", pets, tmp_path / "out", "--workers", "2", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=ROOT,
    )
    try:
        until = time.monotonic() + 60
        while not (tmp_path / ".out.partial").exists() and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(seconds)
        os.killpg(process.pid, number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (128 + number, "", "tinyalex: interrupted\n")
    assert not list(tmp_path.iterdir())


def test_a_closed_window_prints_nowhere(tmp_path):
    """Writing to a terminal that is gone would raise an error before the work is saved."""
    ours, theirs = pty.openpty()
    code = (
        "import sys, time\nfrom tinyalex.terminal import say, stop_signals\n"
        "with stop_signals() as stop:\n    open(sys.argv[1], 'w').close()\n    while not stop.asked: time.sleep(0.01)\n"
        "    say('words')\n    open(sys.argv[1] + '.saved', 'w').close()"
    )
    file = tmp_path / "begun"
    process = subprocess.Popen([sys.executable, "-c", code, file], stdout=theirs, stderr=theirs, cwd=ROOT)
    os.close(theirs)
    while not file.exists():
        time.sleep(0.01)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(30) == 0 and Path(f"{file}.saved").exists()

"""Opening a lesson: a copy of one's own, JupyterLab's options, and one line for whatever stops it."""

import glob
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from tests.test_cli import call, json_of
from tests.test_documents import ROOT
from tinyalex.errors import UserError
from tinyalex.teaching import copies, jupyter, learner, lessons

LOG = "[I 2026-01-01 10:00:00.000 ServerApp] extension was successfully linked.\n"
RUNNING = LOG + (
    "[I 2026-01-01 10:00:00.000 ServerApp] Jupyter Server 2.17 is running at:\n"
    "[I 2026-01-01 10:00:00.000 ServerApp] http://localhost:9999/lab?token=abc\n"
    "[I 2026-01-01 10:00:00.000 ServerApp]     http://127.0.0.1:9999/lab?token=abc\n"
    "[W 2026-01-01 10:00:00.000 ServerApp] No web browser found.\n"
    "[C 2026-01-01 10:00:00.000 ServerApp] \n\n    To access the server, open this file in a browser:\n        file:///x\n"
    "    Or copy and paste one of these URLs:\n        http://localhost:9999/lab?token=abc\n"
    "[I 2026-01-01 10:00:09.000 ServerApp] Saving file\n"
)


class Jupyter(io.StringIO):
    """Stands in for the process and its stderr: interrupted by Ctrl-C twice, then it ends."""

    calls, log, code = [], RUNNING, 0

    def __init__(self, arguments, **options):
        super().__init__(self.log)
        self.calls.append(arguments)
        self.stderr, self.interrupts = self, 2

    def readline(self):
        self.interrupts -= 1
        if self.interrupts == 0:
            raise KeyboardInterrupt
        return super().readline()

    def wait(self):
        self.interrupts -= 1
        if self.interrupts > -20:
            self.interrupts = -99
            raise KeyboardInterrupt
        return self.code


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    """A small set of lessons, the learner's place, and no real Jupyter."""
    folder, place = tmp_path / "lessons", tmp_path / "place"
    (folder / "exercises").mkdir(parents=True)
    (folder / "trained").mkdir()
    (folder / "trained" / "net").write_text("1")
    (folder / "figures" / "__pycache__").mkdir(parents=True)
    (folder / "figures" / "lesson_09.py").write_text("")
    (folder / "figures" / "__pycache__" / "lesson_09.cpython-311.pyc").write_text("")
    for number in ("08", "09"):
        shutil.copy(lessons.FOLDER / "exercises" / f"{number}.py", folder / "exercises")
        (folder / f"{number}_a.ipynb").write_text(f"lesson {number}")
    monkeypatch.setattr(lessons, "FOLDER", folder)
    monkeypatch.setattr(lessons, "own_place", lambda: place)
    monkeypatch.setattr(jupyter.subprocess, "Popen", Jupyter)
    monkeypatch.setattr(Jupyter, "calls", [])
    return place / "my-lessons"


# ---------------------------------------------------------------------------------------------- Jupyter


def test_opening(capsys, monkeypatch, own_place):
    for code in (0, 1):
        monkeypatch.setattr(Jupyter, "code", code)
        found, out, err = call(capsys, "lesson", "9")
        assert (found, out) == (code, "")
        assert err == (
            f"Your copy of lesson 09 is {own_place / '09_a.ipynb'}\n"
            "JupyterLab is at http://localhost:9999/lab/tree/09_a.ipynb?token=abc\n"
            "Jupyter: No web browser found.\n"
        )
        expected = [sys.executable, "-m", "jupyter", "lab", str(own_place / "09_a.ipynb")]
        assert Jupyter.calls.pop() == expected and not Jupyter.calls


@pytest.mark.parametrize("order", ["09 --anew -- {}", "--anew 09 -- {}", "09 -- {}"])
def test_jupyters_own_options(capsys, order):
    assert call(capsys, "lesson", *order.format("--allow-root --port 9999 --no-browser -- 9").split())[0] == 0
    assert Jupyter.calls[0][5:] == ["--allow-root", "--port", "9999", "--no-browser", "--", "9"]


def test_describing_opens_nothing(capsys, own_place):
    described = json_of(capsys, "lesson", "09")
    assert described["notebook"] == str(lessons.notebook("09")) and described["lesson"] == "09"
    assert described["copy"] == str(own_place / "09_a.ipynb")
    assert not Jupyter.calls and not own_place.exists()


@pytest.mark.parametrize(
    "log, words",
    [
        (
            "[C 2026-01-01 10:00:00.000 ServerApp] Running as root is not recommended.\n",
            "09 -- --port 1 --allow-root\n",
        ),
        (
            "[C 2026-01-01 10:00:00.000 ServerApp] ERROR: no available port.\n",
            "Jupyter did not start: no available port.",
        ),
        (
            "Traceback (most recent call last):\n  File\nOSError: [Errno 99]\n",
            "Jupyter did not start: OSError: [Errno 99]",
        ),
        ("", "Jupyter did not start: it gave no reason"),
    ],
)
def test_jupyter_does_not_start(capsys, monkeypatch, log, words):
    monkeypatch.setattr(Jupyter, "log", 18 * LOG + log)
    monkeypatch.setattr(Jupyter, "code", 1)
    code, out, err = call(capsys, "lesson", "09", "--", "--port", "1")
    copy, line = err.splitlines(keepends=True)
    assert (code, out) == (2, "") and words in line and copy.startswith("Your copy of lesson 09 is ")


def test_without_jupyter(capsys, monkeypatch, own_place):
    monkeypatch.setattr(jupyter.importlib.util, "find_spec", lambda name: None)
    code, out, err = call(capsys, "lesson", "09")
    assert code == 2 and out == "" and err.count("\n") == 1 and "-m pip install jupyter" in err
    assert not own_place.exists()
    code, out, _ = call(capsys, "lesson")
    assert code == 0 and "To open" not in out and "-m pip install jupyter`; --help explains" in out


# ---------------------------------------------------------------------------------------------- copies


def test_all_lessons_are_copied_and_the_originals_stay(own_place):
    before = {file: file.read_text() for file in lessons.files()}
    copy, changed = copies.open_copy("9")
    assert copy == own_place / "09_a.ipynb" and not changed
    found = {str(file.relative_to(own_place)) for file in own_place.rglob("*") if file.is_file()}
    assert found == {"08_a.ipynb", "09_a.ipynb", "figures/lesson_09.py", "trained/net", copies.RECORD}
    copy.write_text("mine")
    assert {file: file.read_text() for file in lessons.files()} == before


def test_a_copy_is_kept_until_it_is_begun_anew(own_place, capsys):
    copy, _ = copies.open_copy("09")
    copy.write_text("mine")
    assert copies.open_copy("09") == (copy, False) and copy.read_text() == "mine"
    for n, text in enumerate(("mine", "mine too"), 1):
        copy.write_text(text)
        assert copies.open_copy("09", anew=True) == (copy, False) and copy.read_text() == "lesson 09"
        assert (own_place / f"09_a-kept-{n}.ipynb").read_text() == text
    copies.open_copy("09", anew=True)
    assert len(list(own_place.glob("*kept*"))) == 2, "an unchanged copy is not worth keeping"


def test_lessons_that_change(own_place, capsys):
    """After a pull: unchanged copies follow, changed ones stay, and the learner hears of it."""
    copy, _ = copies.open_copy("09")
    copy.write_text("mine")
    for number in ("08", "09"):
        lessons.notebook(number).write_text(f"newer {number}")
    (lessons.FOLDER / "trained" / "net").write_text("2")
    err = call(capsys, "lesson", "09")[2]
    assert "The lesson has changed since you began. " in err and "lesson 09 --anew" in err
    assert copy.read_text() == "mine" and (own_place / "08_a.ipynb").read_text() == "newer 08"
    assert (own_place / "trained" / "net").read_text() == "2"
    assert copies.open_copy("08") == (own_place / "08_a.ipynb", False)
    assert copies.open_copy("09", anew=True) == (copy, False) and copy.read_text() == "newer 09"
    assert (own_place / "09_a-kept-1.ipynb").read_text() == "mine"
    (own_place / copies.RECORD).unlink()
    copy.write_text("mine again")
    assert copies.open_copy("09") == (copy, True), "nothing is overwritten when the record is lost"


def test_other_files_that_the_learner_changed_stay_too(own_place):
    copies.open_copy("09")
    (own_place / "trained" / "net").write_text("mine")
    (lessons.FOLDER / "figures" / "lesson_09.py").write_text("# newer")
    assert copies.open_copy("09")[1] is False
    assert (own_place / "trained" / "net").read_text() == "mine"
    assert (own_place / "figures" / "lesson_09.py").read_text() == "# newer"
    record = json.loads((own_place / copies.RECORD).read_text())
    (own_place / copies.RECORD).write_text(json.dumps({n: h for n, h in record.items() if n.endswith(".ipynb")}))
    copies.open_copy("09")
    assert (own_place / "trained" / "net").read_text() != "mine", (
        "as earlier versions did, which recorded notebooks alone"
    )


def test_a_copy_that_was_interrupted_leaves_nothing(own_place, monkeypatch):
    copyfile = copies.shutil.copyfile

    def interrupted(file, copy):
        copyfile(file, copy)
        copy.write_text(copy.read_text()[:3])
        raise KeyboardInterrupt

    monkeypatch.setattr(copies.shutil, "copyfile", interrupted)
    with pytest.raises(KeyboardInterrupt):
        copies.open_copy("09")
    assert not [file for file in own_place.rglob("*") if file.is_file()]
    monkeypatch.setattr(copies.shutil, "copyfile", copyfile)
    copy, changed = copies.open_copy("09")
    assert copy.read_text() == "lesson 09" and not changed


def test_the_figures_are_found_beside_a_copy(own_place, monkeypatch):
    """As a notebook imports them: from the folder of the copies, with its parent first in the path."""
    monkeypatch.undo()
    monkeypatch.setattr(lessons, "own_place", lambda: own_place.parent)
    copies.open_copy("01")
    names = [f"figures.{file.stem}" for file in sorted((own_place / "figures").glob("*.py"))]
    code = f"import sys; sys.path.insert(0, '..'); import {', '.join(names)}; print(*figures.__path__)"
    options = dict(cwd=own_place, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    done = subprocess.run([sys.executable, "-c", code], **options)
    assert done.stdout.strip() == str(own_place / "figures"), done.stderr


def test_a_place_that_cannot_be_written(own_place, capsys):
    own_place.parent.write_text("a file")
    code, out, err = call(capsys, "lesson", "09")
    assert (code, out) == (2, "") and err.count("\n") == 1 and "cannot be written" in err


def test_the_copies_are_beside_the_lessons():
    """So that `..` is the clone, for imports and for DATA = "../data/tiny64"; and git ignores them."""
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "/my-lessons/" in ignored and "lessons/.progress.json*" in ignored


# ---------------------------------------------------------------------------------------------- the learner's place


@pytest.fixture
def original(monkeypatch, own_place):
    """The real functions, on a clone in a folder of the test."""
    monkeypatch.undo()
    clone = own_place.parents[1]
    monkeypatch.setattr(lessons, "FOLDER", clone / "lessons")
    monkeypatch.setenv("HOME", str(clone / "home"))
    monkeypatch.setenv("USERPROFILE", str(clone / "home"))
    monkeypatch.delenv(learner.PROGRESS, raising=False)
    return clone


def test_progress_is_kept_in_a_clone_or_else_in_the_home(original, monkeypatch):
    (original / "tinyalex" / "teaching").mkdir(parents=True)
    assert lessons.own_place() == original
    learner.remember("09-forward", "right")
    assert json.loads((original / "lessons" / ".progress.json").read_text()) == {"09-forward": "right"}
    monkeypatch.setattr(lessons.os, "access", lambda path, mode: False)
    assert lessons.own_place() == original / "home" / "tinyalex-lessons" and learner.progress() == {}
    learner.remember("09-backward", "right")
    assert learner.progress() == {"09-backward": "right"}
    assert (original / "home" / "tinyalex-lessons" / ".progress.json").exists()


def test_progress_that_cannot_be_kept_is_said_once(original, capsys):
    (original / "home").write_text("a file")
    for state in ("not yet", "right"):
        learner.remember("09-forward", state)
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.startswith("Progress is not kept: ") and "cannot be written" in err


def test_the_package_brings_every_file_of_the_lessons(monkeypatch):
    """`pip install .`, then the lessons from anywhere: they are installed under share/."""
    monkeypatch.undo()
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"]
    brought = {}
    for target, patterns in groups.items():
        for pattern in patterns:
            for file in map(ROOT.joinpath, glob.glob(pattern, root_dir=ROOT)):
                brought[file] = f"{target}/{file.name}"
    exercises = lessons.FOLDER.glob("exercises/*.py")
    assert set(brought) == {*lessons.files(), *exercises}
    for file, target in brought.items():
        assert target == f"share/tinyalex/{file.relative_to(ROOT).as_posix()}"


def test_no_lessons_at_all(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(lessons, "FOLDER", tmp_path / "none")
    for arguments in ((), ("01",), ("--book", tmp_path / "book")):
        code, out, err = call(capsys, "lesson", *arguments)
        assert (code, out) == (2, "") and re.fullmatch(r"tinyalex: found no lessons in .*pip install.*\n", err)
    with pytest.raises(UserError):
        lessons.find_exercise("09-forward")

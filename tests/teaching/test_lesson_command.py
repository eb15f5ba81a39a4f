"""`tinyalex lesson` for a learner: list, open, check a file of one's own, and one line for every user error."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.test_cli import call, json_of
from tinyalex.teaching import jupyter, learner, lessons
from tinyalex.teaching.lessons import find_exercise, find_lesson

SOLUTIONS = lessons.FOLDER / "solutions" / "09.py"
NAMES = [exercise.id for exercise in find_lesson("09").exercises]
FORWARD, BACKWARD = "09-forward", "09-backward"


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv(learner.PROGRESS, str(tmp_path / "progress.json"))


@pytest.fixture
def write(tmp_path):
    def write(text, name="mine.py"):
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write


def states(result):
    return {check["exercise"]: check["state"] for check in result["checks"]}


# ---------------------------------------------------------------------------------------------- the list, and opening


def test_list(capsys):
    learner.remember(FORWARD, "right")
    learner.remember(BACKWARD, "not yet")
    code, out, err = call(capsys, "lesson")
    assert code == 0 and err == ""
    line = next(line for line in out.splitlines() if line.startswith("09"))
    assert find_lesson("09").title in line and f"75 min      15 s         1 of {len(NAMES)}" in line
    assert line.endswith("backward")  # only what is not yet right is named
    listed = {lesson["lesson"]: lesson for lesson in json_of(capsys, "lesson")["lessons"]}
    found = {exercise["exercise"]: exercise["state"] for exercise in listed["09"]["exercises"]}
    assert found == dict.fromkeys(NAMES) | {FORWARD: "right", BACKWARD: "not yet"}


def test_the_list_advises_the_first_unfinished_lesson(capsys, monkeypatch):
    monkeypatch.setattr("tinyalex.commands.lesson.missing", lambda: None)
    for number, advised in (("02", "01"), ("01", "03")):  # what is complete, and what is advised then
        for exercise in find_lesson(number).exercises:
            learner.remember(exercise.id, "right")
        out = call(capsys, "lesson")[1]
        assert out.splitlines()[-2].startswith(f"To open lesson {advised} in Jupyter"), out
        assert out.endswith(f"lesson {advised}\n")
    for lesson in lessons.all_lessons():
        for exercise in lesson.exercises:
            learner.remember(exercise.id, "right")
    assert call(capsys, "lesson")[1].endswith("\nEvery check has passed.\n")


def test_lessons_are_found_by_their_files(capsys, tmp_path, monkeypatch):
    (tmp_path / "exercises").mkdir()
    shutil.copy(lessons.FOLDER / "exercises" / "09.py", tmp_path / "exercises")
    monkeypatch.setattr(lessons, "FOLDER", tmp_path)
    assert [lesson["lesson"] for lesson in json_of(capsys, "lesson")["lessons"]] == ["09"]
    code, out, err = call(capsys, "lesson", "98")
    assert (code, out) == (2, "") and err.endswith("found '98', expected one of 09\n")


# ---------------------------------------------------------------------------------------------- a file of one's own


def test_right_answers(capsys):
    code, out, err = call(capsys, "lesson", "09", "--check", SOLUTIONS)
    assert code == 0 and err == ""
    assert [line.split(" (")[0] for line in out.splitlines()] == [f"{name}: right" for name in NAMES]
    assert learner.progress() == dict.fromkeys(NAMES, "right")


def test_wrong_missing_and_undone(capsys, write):
    file = write(
        "from tinyalex.teaching import todo\nimport numpy as np\n\n"
        "def lrn_forward(x, n, alpha, beta, k):\n    y = np.ones_like(x)\n    return y[0]\n\n"
        "def lrn_backward(dy, x, n, alpha, beta, k):\n    todo()\n"
    )
    code, out, err = call(capsys, "lesson", "09", "--check", file)
    assert code == 1 and err == ""
    assert "09-forward: not yet. y.shape is (2, 3, 7), expected (2, 2, 3, 7). An axis is missing.\n" in out
    assert "09-backward: not done yet\n" in out.replace("yet.\n", "yet\n")
    assert learner.progress() == {FORWARD: "not yet"}
    result = json_of(capsys, "lesson", "09", "--check", file, "--hint", "2", expected_code=1)
    assert result["ok"] is False and states(result)[BACKWARD] == "not done yet"
    assert {c["exercise"]: c.get("hint") for c in result["checks"]}[FORWARD] == find_exercise(FORWARD).hints[1]
    code, out, _ = call(capsys, "lesson", "09", "--check", file, "--hint", "3")
    assert code == 1 and f"Hint: {find_exercise(BACKWARD).hints[2]}\n" in out


def test_one_exercise_is_enough(capsys, write):
    file = write(f"import runpy\nlrn_forward = runpy.run_path({str(SOLUTIONS)!r})['lrn_forward']\n")
    result = json_of(capsys, "lesson", "09", "--check", file)
    assert result["ok"] is True
    assert states(result) == dict.fromkeys(NAMES, "not there") | {FORWARD: "right"}
    code, out, _ = call(capsys, "lesson", "09", "--check", file)
    assert code == 0 and "09-backward: not there. mine.py has no lrn_backward.\n" in out


def test_output_of_the_learners_file_stays_out_of_the_json(capfd, write):
    file = write("print('loaded')\ndef lrn_forward(x, n, alpha, beta, k):\n    print('called')\n    return x\n")
    assert states(json_of(capfd, "lesson", "09", "--check", file, expected_code=1))[FORWARD] == "not yet"
    code, out, _ = call(capfd, "lesson", "09", "--check", file)
    assert code == 1 and "loaded" in out and "called" in out


def test_the_learners_line_is_shown(capsys, write):
    file = write("def lrn_forward(x, n, alpha, beta, k):\n\n    return x @ x\n")
    code, out, _ = call(capsys, "lesson", "09", "--check", file)
    assert code == 1 and "in its line 3: return x @ x" in out


def test_a_file_may_hold_a_dataclass(capsys, write):
    head = "from __future__ import annotations\nimport dataclasses\n\n@dataclasses.dataclass\nclass Answer:\n  b: int\n"
    file = write(f"{head}\nimport numpy as np\ndef relu(x):\n    return np.maximum(x, 0)\n")
    assert states(json_of(capsys, "lesson", "05", "--check", file))["05-relu"] == "right"


def test_a_file_may_import_its_neighbours_and_read_its_own_path(capsys, write, tmp_path):
    write("def lrn_forward(x, n, alpha, beta, k):\n    return x\n", "my_helper_of_lesson_nine.py")
    file = write("from my_helper_of_lesson_nine import lrn_forward\nassert __name__ != '__main__'\nassert __file__\n")
    before = list(sys.path)
    assert call(capsys, "lesson", "09", "--check", file)[0] == 1
    assert sys.path == before
    del sys.modules["my_helper_of_lesson_nine"]


@pytest.mark.parametrize(
    "text, words",
    [
        ("def lrn_forward(x:\n    pass\n", "mine.py, line 1: SyntaxError"),
        ("def f():\nreturn 1\n", "mine.py, line 2: IndentationError"),
        ("import numpy\n\nnumpy.zeros(3)[7]\n", "mine.py, line 3: IndexError: index 7"),
        ("def f():\n    return 1 / 0\n\nf()\n", "mine.py, line 2: ZeroDivisionError: division by zero"),
        ("import a_module_that_nobody_has\n", "mine.py, line 1: ModuleNotFoundError: No module named"),
        ("import sys\nsys.exit()\n", "mine.py, line 2: SystemExit"),
        ("raise ValueError('one\\ntwo')\n", "mine.py, line 1: ValueError: one two"),
        ("from tinyalex.teaching import todo\ntodo()\n", "mine.py, line 2: NotDoneYet"),
        ("import warnings\nwarnings.warn('x')\ndef g(): g()\ng()\n", "RecursionError"),
        (b"\xff\xfe\x00", "mine.py"),
        (b"x = '\xe9'\n", "mine.py"),
        (b"x = 1\x00\n", "mine.py"),
        (b"# coding: none\n", "mine.py"),
        ("", "found none of lesson 09's functions, expected at least one of"),
        ("lrn_forwards = 1\n", "found none of lesson 09's functions"),
    ],
)
def test_a_file_that_does_not_load(capsys, write, text, words):
    code, out, err = call(capsys, "lesson", "09", "--check", write(text))
    assert code == 2 and out == "" and err.count("\n") == 1, err
    assert err.startswith("tinyalex: ") and words in err, err
    assert learner.progress() == {}


@pytest.mark.parametrize(
    "arguments, word",
    [
        ("99", "expected one of 01"),
        ("00", "expected one of 01"),
        ("nine", "expected one of 01"),
        ("²", "expected one of 01"),
        ("-1", "-1"),
        ("09 10", "'10'"),
        ("09 --chekc x", "did you mean --check?"),
        ("--check mine.py", "--check: found no lesson number, expected one; for example"),
        ("99 --check mine.py", "expected one of 01"),
        ("09 --check", "--check"),
        ("09 --check none.py", "none.py: cannot be read"),
        ("09 --check .", "cannot be read"),
        ("09 --check mine.ipynb", "is a notebook"),
        ("09 --hint 1", "--hint: found no --check, expected --check FILE"),
        ("09 --check none.py --hint 4", "expected 1, 2 or 3"),
        ("09 --check none.py --hint one", "--hint"),
        ("09 --book new", "--book: writes all lessons"),
        ("--book new --check none.py", "--book: writes all lessons"),
        ("--book", "--book"),
        ("--anew", "--anew: expected the number of a lesson to open"),
        ("09 --anew --check none.py", "--anew: goes with opening a lesson, expected no --check beside it"),
        ("--anew --check none.py", "--anew: goes with opening a lesson, expected no --check"),
        ("09 --anew --json", "--anew: goes with opening a lesson, expected no --json"),
        ("--anew --book new", "--anew: goes with opening a lesson, expected no --book"),
        ("09 --check none.py -- --port 9999", "--: goes with opening a lesson, expected no --check beside it"),
        ("-- --port 9999", "--: expected the number of a lesson to open"),
        ("09 --seconds 3", "--seconds: found no --check"),
        ("09 --check none.py --seconds 0", "--seconds: found 0, expected seconds above 0"),
    ],
)
def test_a_mistake_is_one_line(capsys, tmp_path, monkeypatch, arguments, word):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jupyter.subprocess, "Popen", lambda *arguments: pytest.fail("Jupyter was started"))
    monkeypatch.setattr(lessons, "own_place", lambda: tmp_path)
    code, out, err = call(capsys, "lesson", *arguments.split())
    assert code == 2 and out == "" and err.count("\n") == 1, err
    assert err.startswith("tinyalex: ") and word in err, err
    assert not any(tmp_path.iterdir())


def test_an_empty_argument(capsys):
    assert call(capsys, "lesson", "")[2] == "tinyalex: NUMBER: is empty\n"
    assert call(capsys, "lesson", "09", "--check", "")[2] == "tinyalex: --check: is empty\n"


def test_as_a_process(tmp_path):
    """Checking loads neither Matplotlib nor Jupyter."""
    code = (
        "import sys; from tinyalex.cli import main; code = main(sys.argv[1:]); "
        "print(sorted({'matplotlib', 'IPython', 'nbconvert', 'torch'} & set(sys.modules)), code)"
    )
    arguments = [sys.executable, "-c", code, "lesson", "09", "--check", str(SOLUTIONS), "--json"]
    environment = os.environ | {learner.PROGRESS: str(tmp_path / "p.json")}
    done = subprocess.run(
        arguments, capture_output=True, text=True, check=True, env=environment, cwd=lessons.FOLDER.parent
    )
    result, loaded = done.stdout.splitlines()
    assert json.loads(result)["ok"] and loaded == "[] 0"


def test_a_file_may_use_names_of_the_notebook(tmp_path, capsys):
    """Helpers of other cells, our answers to earlier exercises, and todo()."""
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n\n\n"
        "def grouped_forward(x, weight, bias, stride, padding, groups):\n"
        "    C, F = x.shape[-1] // groups, weight.shape[-1] // groups\n"
        "    runs = [(slice(g * C, (g + 1) * C), slice(g * F, (g + 1) * F)) for g in range(groups)]\n"
        "    maps = [conv_forward(x[..., c], weight[..., f], bias[f], stride, padding) for c, f in runs]\n"
        "    return np.concatenate(maps, axis=-1)\n\n\n"
        "def grouped_backward(*arguments):\n    todo()\n",
        encoding="utf-8",
    )
    code, out, err = call(capsys, "lesson", "11", "--check", str(file))
    assert "11-forward: right" in out and "11-backward: not done yet" in out, out + err
    assert "11-wiring: not there" in out, "ours may be used, but is not an answer"

"""One writer at a time: who holds a lock is told, a dead process holds none, and nothing is left behind."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import tinyalex
from tests.checks import refused
from tests.data import sources
from tests.test_cli import json_of
from tests.training.test_training import write_easy
from tinyalex.cli import main
from tinyalex.data.prepare import prepare
from tinyalex.data.prepared import open_prepared
from tinyalex.errors import UserError
from tinyalex.files import target
from tinyalex.inspection.folder import written
from tinyalex.locks import Busy, locked, scratch
from tinyalex.runs.folder import RunFolder

HOLD = """
import sys
from tinyalex.locks import locked
with locked(sys.argv[1], "it"):
    print("held", flush=True)
    sys.stdin.read()
"""
SETTINGS = "--epochs 1 --batch 8 --lr 0.01 --threads 1".split()


@pytest.fixture
def holder():
    """file → a process that holds this lock."""
    started = []

    def hold(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-c", HOLD, file]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def test_the_holder_is_named_until_it_dies(tmp_path, holder):
    file = tmp_path / ".lock"
    process = holder(file)
    with pytest.raises(Busy, match=f"^it: is being written by process {process.pid} on {platform.node()} since "):
        with locked(file, "it"):
            pass
    process.kill()
    process.wait()
    assert file.exists(), "nobody could delete it"
    with locked(file, "it"):
        assert f"process {os.getpid()} on" in file.read_text()
        with locked(file, "it"):  # a block within a block
            pass
        assert file.exists()
    assert not file.exists()


def test_a_run_has_one_writer(tmp_path, holder, capsys):
    data, out = write_easy(tmp_path / "easy", 20, 8), tmp_path / "run"
    train = ["train", "--data", str(data), "--out", str(out), *SETTINGS]
    process = holder(out / ".lock")
    for command in (train, ["train", "--resume", str(out)]):
        if command is not train:
            (out / "config.json").write_text((tmp_path / "other/config.json").read_text())
        assert main(command) == 2
        said = capsys.readouterr().err.strip()
        assert f"{out}: is being written by process {process.pid} on " in said and said.count("\n") == 0
        assert main([*train[:4], str(tmp_path / "other"), *SETTINGS]) == 0 or command is not train
        capsys.readouterr()
    assert sorted(file.name for file in out.iterdir()) == [".lock", "config.json"]
    assert main(["evaluate", str(tmp_path / "other")]) == 0
    process.kill()
    process.wait()
    assert main(["train", "--resume", str(out)]) == 0 and not (out / ".lock").exists()


READERS = ["evaluate", "predict", "inspect", "compare", "train --resume", "train --model alexnet-mini --start-from"]


@pytest.mark.parametrize(
    "call", [tinyalex.load, tinyalex.resume, *READERS], ids=lambda call: getattr(call, "__name__", call)
)
def test_a_run_that_has_just_begun_is_being_written(tmp_path, holder, capsys, call):
    """Before config.json, and before the first checkpoint; what a killed process left is not."""
    out = tmp_path / "run"
    process = holder(out / ".lock")

    def said():
        if not isinstance(call, str):
            with pytest.raises(UserError) as caught:
                call(out)
            return str(caught.value)
        assert main([*call.split(), str(out), *[str(out)] * (call == "compare")]) == 2
        return capsys.readouterr().err

    words = f"{out}: is being written by process {process.pid} on "
    assert words in said() and os.listdir(out) == [".lock"]
    if "resume" not in str(call):
        (out / "config.json").write_text("{}")
        assert f"{out}: holds no checkpoint yet, is being written by process {process.pid} on " in said()
        process.kill()
        process.wait()
        assert "being written" not in said() and "holds no checkpoint yet; go on with" in said()


def test_a_new_run_is_not_told_to_resume_what_is_being_trained(tmp_path, holder, capsys):
    data, out = write_easy(tmp_path / "easy", 20, 8), tmp_path / "out"
    process = holder(out / ".lock")
    for file in ("config.json", "last.safetensors"):
        (out / file).write_text("{}")
    assert main(["train", "--data", str(data), "--model", "alexnet-mini", "--out", str(out)]) == 2
    assert f"{out}: is being written by process {process.pid} on " in capsys.readouterr().err


def test_runs_says_which_are_being_trained(tmp_path, holder, capsys):
    data = write_easy(tmp_path / "easy", 20, 8)
    for name in ("done", "stopped"):
        assert main(["train", "--data", str(data), "--out", str(tmp_path / "runs" / name), *SETTINGS]) == 0
    (tmp_path / "runs/stopped/result.json").unlink()
    for folder in ("begun", "experiments", "experiments/C3-lrn"):
        process = holder(tmp_path / "runs" / folder / ".lock")
    capsys.readouterr()
    going_on = holder(tmp_path / "runs/stopped/.lock")
    result = json_of(capsys, "runs", tmp_path / "runs")
    assert {Path(one["run"]).name: one["state"] for one in result["runs"]} == {
        "done": "finished",
        "stopped": "training now",
    }
    (begun,) = result["broken"]
    assert Path(begun["run"]).name == "begun" and begun["reason"].startswith("is being written by process ")
    going_on.kill(), going_on.wait(), process.kill()
    assert "training now" not in str(json_of(capsys, "runs", tmp_path / "runs"))


def test_asking_who_writes_disturbs_no_writer(tmp_path, monkeypatch):
    """The question takes the lock for an instant: who wants to write then tries again."""
    file, code = tmp_path / ".lock", "import sys; from tinyalex.locks import holder\nwhile True: holder(sys.argv[1])"
    file.touch()
    with subprocess.Popen([sys.executable, "-c", code, file]) as asking:
        try:
            for _ in range(300):
                with locked(file, "it"):
                    pass
        finally:
            asking.kill()


def test_without_a_name_the_next_free_one_is_taken(tmp_path, holder, monkeypatch):
    """Also if another process takes the first free one at the same moment."""
    monkeypatch.chdir(tmp_path)
    data, fresh, chosen = write_easy(tmp_path / "easy", 20, 8), RunFolder.fresh, []

    def taken(path, model_name):
        folder = fresh(path, model_name)
        if not chosen:
            holder(folder.path / ".lock")
        chosen.append(folder.path)
        return folder

    monkeypatch.setattr(RunFolder, "fresh", taken)
    assert main(["train", "--data", str(data), *SETTINGS]) == 0
    assert chosen == [Path("runs/alexnet-small-1"), Path("runs/alexnet-small-2")]
    assert (chosen[1] / "result.json").exists() and os.listdir(chosen[0]) == [".lock"]


def test_an_experiment_has_one_writer(tmp_path, holder, capsys):
    process = holder(tmp_path / "out/.lock")
    data = write_easy(tmp_path / "easy", 24, 12)
    assert main(["experiment", "C3", "--data", str(data), "--out", str(tmp_path / "out"), "--seeds", "2"]) == 2
    assert f"is being written by process {process.pid}" in capsys.readouterr().err
    assert os.listdir(tmp_path / "out") == [".lock"]


@pytest.mark.parametrize("write", [lambda out, tmp: prepare(tmp / "pets", out, quiet=True), lambda out, _: page(out)])
def test_a_folder_written_as_a_whole_has_one_writer(tmp_path, holder, write):
    sources.class_folders(tmp_path / "pets")
    process, partial = holder(tmp_path / ".out.lock"), tmp_path / ".out.partial"
    refused(lambda: write(tmp_path / "out", tmp_path), f"is being written by process {process.pid}", error=Busy)
    process.kill()
    process.wait()
    partial.mkdir()
    (partial / "train-00000.npy").write_text("half")  # from the process that was killed
    write(tmp_path / "out", tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"pets", "out"}


def page(out):
    with written(out) as folder:
        (folder / "index.html").write_text("a page")


@pytest.mark.parametrize("there", [True, False])
def test_a_page_killed_while_it_took_its_place_is_mended(tmp_path, there):
    """The old page had been set aside; the new one had its place, or not yet."""
    page(tmp_path / ".out.old")
    if there:
        page(tmp_path / "out")
    page(tmp_path / "out")
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_a_failure_leaves_no_folder(tmp_path):
    for failing in (RunFolder(tmp_path / "a/b").held, lambda: scratch(tmp_path / "a/b")):
        with pytest.raises(ZeroDivisionError), failing():
            raise ZeroDivisionError
        assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------------------------------- where it is written


def test_the_target_is_the_path_that_will_be_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real/deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real/deep")
    cases = {"nosuch/../full": "full", "a/b": "a/b", "a/../../x": "../x", "link/../new": "real/new"}
    for path, expected in cases.items():
        assert target(path) == Path(expected), path
    assert target(tmp_path / "nosuch/../x") == tmp_path / "x"


@pytest.mark.parametrize(
    "command",
    [
        ["train", "--data", "easy", *SETTINGS, "--out"],
        ["compare", "run", "run", "--out"],
        ["inspect", "run", "--out"],
        ["prepare", "pets"],
        ["lesson", "--book"],
    ],
)
def test_a_way_through_a_missing_folder_hides_nothing(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    write_easy(tmp_path / "easy", 20, 8)
    sources.class_folders(tmp_path / "pets")
    if "run" in command:
        assert main(["train", "--data", "easy", *SETTINGS, "--out", "run"]) == 0
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    capsys.readouterr()
    assert main([*command, "nosuch/../full"]) == 2
    assert "full" in capsys.readouterr().err
    assert os.listdir("full") == ["mine.txt"] and not Path("nosuch").exists()
    if command[0] == "prepare":
        assert main([*command, "nosuch/../new"]) == 0
        assert not Path("nosuch").exists() and open_prepared("new").train

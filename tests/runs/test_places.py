"""A run finds its data, and the run that it starts from, wherever it is used, and whatever has moved."""

import json
import shutil

import numpy as np
import pytest

from tests.test_cli import call, json_of
from tests.training.test_training import write_easy
from tinyalex.data import fingerprint_of, open_dataset
from tinyalex.runs.places import find_data, find_start, places_of
from tinyalex.runs.trained import load_network

TINY = "--model alexnet-mini --epochs 1 --batch 8 --lr 0.01 --threads 1".split()


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A folder with data/easy and the run runs/first, as one would have them after the README's commands."""
    clone = tmp_path_factory.mktemp("home") / "clone"
    write_easy(clone / "data" / "easy", 16, 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(clone)
        train("--data", "data/easy+2-a-class", "--out", "runs/first")
        train("--data", "data/easy+2-a-class", "--out", "runs/second", "--start-from", "runs/first")
    return clone


def train(*arguments):
    from tinyalex.cli import main

    assert main(["train", *arguments, *TINY]) == 0


def every_use(capsys, run, other, out):
    """The data's names in the results of all commands that open the data of a run."""
    shutil.copytree(run, out / "resumed")
    assert json_of(capsys, "train", "--resume", out / "resumed", "--threads", 1)["epochs"] == 1
    yield json_of(capsys, "evaluate", run)["data"]
    yield json_of(capsys, "evaluate", run / "last.safetensors")["data"]
    yield json_of(capsys, "compare", run, other)["data"]
    yield json_of(capsys, "inspect", run, "--out", out / "page", "--pictures", 1)["data"]


def test_from_its_own_folder_the_name_stays(clone, monkeypatch, capsys):
    monkeypatch.chdir(clone)
    assert json_of(capsys, "evaluate", "runs/first")["data"] == "data/easy+2-a-class"


def test_from_another_folder(clone, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_easy(tmp_path / "data" / "easy", 16, 8, seed=5)  # other pictures, by the same name
    found = set(every_use(capsys, clone / "runs" / "first", clone / "runs" / "second", tmp_path))
    assert found == {f"{clone}/data/easy+2-a-class"}
    monkeypatch.chdir(clone / "runs" / "first")
    assert json_of(capsys, "evaluate", ".")["images"] == 8


def test_a_folder_of_another_kind_by_the_same_name(clone, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "easy").mkdir(parents=True)
    (tmp_path / "data" / "easy" / "a.jpg").write_bytes(b"")
    assert json_of(capsys, "evaluate", clone / "runs" / "first")["data"] == f"{clone}/data/easy+2-a-class"


def test_after_a_move(clone, tmp_path, monkeypatch, capsys):
    """The clone as a whole, and from a link to the run."""
    shutil.copytree(clone, tmp_path / "moved")
    clone_was = clone.rename(clone.with_name("away"))
    try:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "link").symlink_to(tmp_path / "moved" / "runs" / "first")
        monkeypatch.chdir(tmp_path / "elsewhere")
        run, expected = tmp_path / "moved" / "runs" / "first", f"{tmp_path.resolve()}/moved/data/easy+2-a-class"
        assert json_of(capsys, "evaluate", run)["data"] == expected
        assert json_of(capsys, "evaluate", "link")["data"] == expected
        data = tmp_path / "data"
        shutil.move(tmp_path / "moved" / "data", data)
        check_refused(capsys, "evaluate", run, words=["--data: found no data/easy+2-a-class", str(run)])
        json_of(capsys, "train", "--resume", run, "--data", data / "easy+2-a-class", "--threads", 1)
        assert json_of(capsys, "evaluate", run)["data"] == f"{data}/easy+2-a-class", "the best epoch is an older one"
        monkeypatch.chdir(tmp_path / "moved")
        shutil.move(tmp_path / "moved" / "runs", tmp_path / "other-runs")
        assert "easy" in json_of(capsys, "train", "--resume", tmp_path / "other-runs" / "first")["data"]
    finally:
        clone_was.rename(clone)


def check_refused(capsys, *arguments, words):
    code, out, err = call(capsys, *arguments)
    assert code == 2 and out == "" and err.count("\n") == 1 and not [word for word in words if word not in err], err


@pytest.mark.parametrize(
    "command", ["evaluate RUN", "compare RUN RUN/last.safetensors", "inspect RUN --out NEW", "train --resume RUN"]
)
def test_other_pictures_are_not_taken_for_the_runs_own(clone, tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(clone / "runs" / "first", tmp_path / "RUN")
    for name in ("data/easy", "once/easy"):
        write_easy(tmp_path / name, 16, 8, seed=5)
    monkeypatch.setattr("tinyalex.runs.places._recorded", lambda *arguments: ["once/easy"])
    trained_on = ", expected the pictures that RUN was trained on\n"
    other = f"--data: found other pictures in data/easy+2-a-class and once/easy{trained_on}"
    check_refused(capsys, *command.split(), words=[other])
    shutil.rmtree(tmp_path / "data"), shutil.rmtree(tmp_path / "once")
    gone = f"--data: found no data/easy+2-a-class and no once/easy{trained_on}"
    check_refused(capsys, *command.split(), words=[gone])


def test_predict_without_its_pictures_names_no_option_that_it_lacks(clone, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(clone / "runs" / "first", tmp_path / "RUN")
    monkeypatch.setattr("tinyalex.runs.places._recorded", lambda *arguments: [])
    words = (
        "tinyalex: found no data/easy+2-a-class, expected the pictures that RUN was trained on; to classify your own"
    )
    check_refused(capsys, "predict", "RUN", words=[words])


def test_other_pictures_can_be_asked_for(clone, tmp_path, capsys):
    other = write_easy(tmp_path / "other", 16, 12, seed=5)
    assert json_of(capsys, "evaluate", clone / "runs" / "first", "--data", other)["images"] == 12


def test_resumed_before_its_first_checkpoint_it_starts_from_the_same_run(clone, tmp_path, monkeypatch, capsys):
    run = tmp_path / "run"
    shutil.copytree(clone / "runs" / "second", run)
    for file in run.iterdir():
        if file.name != "config.json":
            file.unlink()
    monkeypatch.chdir(tmp_path)
    assert json_of(capsys, "train", "--resume", run, "--threads", 1)["epochs"] == 1
    found, expected = (load_network(path, np)[0].params for path in (run, clone / "runs" / "second"))
    assert all(p.tobytes() == expected[name].tobytes() for name, p in found.items())


def test_runs_without_places_are_found_as_before(clone, monkeypatch):
    about = json.loads((clone / "runs" / "first" / "config.json").read_text())
    del about["places"]
    monkeypatch.chdir(clone)
    assert find_data(about, "runs/first") == "data/easy+2-a-class"
    assert find_start(about | {"config": {"start_from": "gone"}}, "runs/first") == "gone"


@pytest.mark.parametrize("name", ["", "builtin", "builtin+first-half"])
def test_the_built_in_pictures_are_everywhere(name, tmp_path):
    assert places_of(name, tmp_path) == []
    assert not name or find_data({"config": {"data": name}, "fingerprint": fingerprint_of(name)}, tmp_path) == name


@pytest.mark.parametrize("parts", ["", "+first-half", "+2-a-class", "+second-half+1-a-class"])
def test_the_fingerprint_is_known_without_the_pictures(clone, parts):
    name = f"{clone}/data/easy{parts}"
    assert fingerprint_of(name) == open_dataset(name).fingerprint


def test_a_run_without_its_best_epoch_says_so(clone, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    shutil.copytree(clone / "runs" / "first", run, ignore=shutil.ignore_patterns("best*"))
    for command in (["evaluate", run], ["inspect", run, "--out", "page"], ["compare", run, clone / "runs" / "first"]):
        code, _, err = call(capsys, *command)
        said = [line for line in err.splitlines() if "holds no best.safetensors" in line]
        assert code == 0 and len(said) == 1 and str(run) in said[0] and "last epoch" in said[0], err
    found = json_of(capsys, "evaluate", run)
    assert "last epoch" in found["note"] and found["checkpoint"].endswith("last.safetensors")
    assert "note" not in json_of(capsys, "evaluate", run / "last.safetensors"), "this one was asked for"
    notes = json_of(capsys, "compare", run, clone / "runs" / "first")["notes"]
    assert any("holds no best.safetensors" in note for note in notes)

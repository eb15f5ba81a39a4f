"""A list of runs: each with its numbers, those that are damaged with the reason, and none of it fatal."""

import json
import os
import shutil

import pytest

from tests.test_cli import call, json_of
from tests.tiny_runs import info_of, train_mini
from tests.training.test_training import write_easy


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders with a finished run, a stopped one, one without an epoch, and one that diverged."""
    folder = tmp_path_factory.mktemp("work")
    data = write_easy(folder / "data", 16, 8)
    done = train_mini(folder / "runs" / "deep" / "done", data)
    for name in ("stopped", "begun", "diverged"):
        shutil.copytree(done, folder / "runs" / name)
        (folder / "runs" / name / "result.json").unlink()
    write_lines(folder / "runs" / "stopped", [0.5])
    write_lines(done, [0.25, 0.125])
    (folder / "runs" / "begun" / "metrics.jsonl").unlink()
    write_lines(folder / "runs" / "diverged", [0.75])
    (folder / "runs" / "diverged" / "result.json").write_text('{"diverged": "epoch 2, step 1"}')
    (folder / "runs" / "notes").mkdir()
    (folder / "runs" / ".hidden").mkdir()
    (folder / "runs" / ".hidden" / "config.json").write_text("{")
    (folder / "runs" / "circle").symlink_to(folder / "runs")
    return folder / "runs"


def write_lines(run, errors, top5=None):
    lines = [
        {"kind": "epoch", "step": line["epoch"], "seconds": 1.0, **line} | ({"val_top5_error": top5} if top5 else {})
        for line in info_of("alexnet-mini", "ab", errors=errors)["state"]["history"]
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_runs(runs, capsys):
    result = json_of(capsys, "runs", runs)
    found = {os.path.relpath(one["run"], runs): one for one in result["runs"]}
    assert list(found) == ["deep/done", "stopped", "diverged", "begun"], "the lowest error first, without one last"
    numbers = {name: (one["epochs_done"], one["top1_error"], one["state"]) for name, one in found.items()}
    assert numbers == {
        "deep/done": (2, 0.125, "finished"),
        "stopped": (1, 0.5, "not finished"),
        "diverged": (1, 0.75, "diverged"),
        "begun": (0, None, "not finished"),
    }
    assert found["deep/done"]["best_epoch"] == 2 and {one["epochs"] for one in found.values()} == {2}
    assert result["broken"] == [] and {one["top5_error"] for one in found.values()} == {None}


def test_the_table(runs, tmp_path, capsys):
    shutil.copytree(runs / "stopped", tmp_path / "other")
    write_lines(tmp_path / "other", [0.5, 0.3], top5=0.125)
    code, out, _ = call(capsys, "runs", runs, tmp_path)
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()[2:]}
    assert code == 0 and rows[str(runs / "stopped")][2:] == ["1/2", "50.0%", "–", "not", "finished"]
    assert rows[str(runs / "deep" / "done")][0] == "alexnet-mini" and rows[str(runs / "deep" / "done")][2:] == [
        *("2/2", "12.5%", "–", "finished")
    ]
    assert rows[str(tmp_path / "other")][2:5] == ["2/2", "30.0%", "12.5%"]


@pytest.mark.parametrize("order, first", [("name", "begun"), ("error", "deep/done"), ("date", "diverged")])
def test_orders(runs, capsys, order, first):
    os.utime(runs / "diverged" / "metrics.jsonl", (4e9, 4e9))
    assert json_of(capsys, "runs", runs, "--sort", order)["runs"][0]["run"] == str(runs / first)


def test_the_best_of_each_data_set_stands_first(runs, tmp_path, capsys):
    for name, data, error in (("a", "y", 0.1), ("b", "x", 0.9), ("c", "x", 0.8)):
        shutil.copytree(runs / "stopped", tmp_path / name)
        write_lines(tmp_path / name, [error])
        settings = json.loads((tmp_path / name / "config.json").read_text())
        settings["config"]["data"] = data
        (tmp_path / name / "config.json").write_text(json.dumps(settings))
    assert [one["run"][-1] for one in json_of(capsys, "runs", tmp_path)["runs"]] == ["c", "b", "a"]


def lose(name):
    return lambda run: (run / name).unlink()


def write(name, text):
    return lambda run: (run / name).write_bytes(text)


@pytest.mark.parametrize(
    "damage, reason",
    [
        (lose("config.json"), "holds no config.json"),
        (write("config.json", b"{"), "not a JSON file"),
        (write("config.json", b"[]"), "config.json: found a list of 0, expected entries"),
        (write("config.json", b'{"config": {"model": "alexnet"}}'), "config.json: config.data: found nothing"),
        (write("metrics.jsonl", b"\xff\xfe\n"), "metrics.jsonl: line 1: not JSON ('utf-8' codec can't decode"),
        (write("metrics.jsonl", b'{"kind": "epoch", "step": 1, "epoch": 1}\n'), "line 1: train_loss: found nothing"),
        (write("result.json", b"{"), "result.json: not a JSON file"),
    ],
)
def test_a_damaged_run_is_listed_with_the_reason(runs, tmp_path, capsys, damage, reason):
    for name in ("good", "damaged"):
        shutil.copytree(runs / "deep" / "done", tmp_path / name)
    damage(tmp_path / "damaged")
    result = json_of(capsys, "runs", tmp_path)
    assert [one["run"] for one in result["runs"]] == [str(tmp_path / "good")]
    (broken,) = result["broken"]
    assert broken["run"] == str(tmp_path / "damaged") and reason in broken["reason"]
    code, out, err = call(capsys, "runs", tmp_path)
    assert code == 0 and err == "" and f"cannot be listed: {tmp_path / 'damaged'}: {broken['reason']}" in out


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read(runs, tmp_path, capsys):
    (tmp_path / "locked").mkdir(mode=0)
    assert "Permission denied" in json_of(capsys, "runs", tmp_path)["broken"][0]["reason"]


def test_a_link_into_a_circle(runs, tmp_path, capsys):
    shutil.copytree(runs / "stopped", tmp_path / "a")
    (tmp_path / "x").symlink_to("x")
    result = json_of(capsys, "runs", tmp_path)
    assert [one["run"] for one in result["runs"]] == [str(tmp_path / "a")]
    (broken,) = result["broken"]
    assert broken["run"] == str(tmp_path / "x") and "symbolic links" in broken["reason"]


def test_a_folder_after_an_option(runs, tmp_path, monkeypatch, capsys):
    """It is the only one: runs/, the default, is not looked into as well."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(runs / "stopped", tmp_path / "runs" / "a")
    shutil.copytree(runs / "stopped", tmp_path / "others" / "b")
    assert [one["run"] for one in json_of(capsys, "runs", "--json", "others")["runs"]] == ["others/b"]


def test_no_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, "runs")
    assert code == 2 and err == "tinyalex: runs: no such folder, expected a folder with runs that `train` wrote\n"
    (tmp_path / "runs").mkdir()
    code, out, _ = call(capsys, "runs")
    assert code == 0 and "no runs" in out and json_of(capsys, "runs") == {"runs": [], "broken": []}

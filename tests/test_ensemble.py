"""Several networks at once: each alone, and their averaged probabilities (paper §6), against loops over pictures."""

import math
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.checks import edited
from tests.test_cli import call, json_of
from tests.test_evaluation import rank_by_loop
from tests.tiny_runs import altered, make_runs
from tests.training.test_training import write_easy
from tinyalex.commands import evaluate as command
from tinyalex.data import open_dataset
from tinyalex.evaluation import probabilities
from tinyalex.models import find_model
from tinyalex.runs.trained import load_network

NAMES = ("first", "reseeded", "plain")
ERRORS = ("top1_error", "loss")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return make_runs(tmp_path_factory.mktemp("runs"))


def by_loops(runs, data, ten_crop):
    """(top-1 error, loss) of the average of all networks' probabilities, a picture at a time."""
    split, wrong, loss = open_dataset(data).val, 0, 0.0
    networks, pictures = [load_network(runs[name], np)[:2] for name in NAMES], split.gather(range(len(split)))
    outputs = [probabilities(network, pictures, view, ten_crop) for network, view in networks]
    for *singles, label in zip(*outputs, split.labels):
        p = [sum(float(one[k]) for one in singles) / 3 for k in range(len(singles[0]))]
        rank = rank_by_loop(p, label)
        wrong, loss = wrong + (rank > 0), loss - math.log(p[label])
    return [total / len(split) for total in (wrong, loss)]


def check_ensemble(capsys, runs, ten_crop):
    more = ["--ten-crop"] if ten_crop else []
    result = json_of(capsys, "evaluate", *(runs[name] for name in NAMES), "--ensemble", *more)
    together = result["ensemble"]
    expected = by_loops(runs, runs["data"], ten_crop)
    assert [together[key] for key in ERRORS] == pytest.approx(expected, rel=1e-5)
    assert (together["networks"], together["images"], together["ten_crop"]) == (3, 30, ten_crop)


@pytest.mark.parametrize("ten_crop", [False, True])
def test_ensemble(runs, capsys, ten_crop):
    check_ensemble(capsys, runs, ten_crop)


@pytest.mark.parametrize(
    "edits",
    [
        ("total += p", "total = p"),
        ("total / len(runs)", "total"),
        ("total += p", "total += np.log(p)", "total / len(runs)", "np.exp(total / len(runs))"),  # averages scores
        ("(args, one, split", "(args, replace(one, view=runs[0].view), split"),
    ],
)
def test_ensemble_teeth(runs, capsys, monkeypatch, edits):
    monkeypatch.setattr(command, "np", np, raising=False)
    monkeypatch.setattr(command, "replace", replace, raising=False)
    monkeypatch.setattr(command, "_evaluate", edited(command._evaluate, *edits))
    with pytest.raises(AssertionError):
        check_ensemble(capsys, runs, ten_crop=False)


def test_each_row_is_the_network_alone(runs, capsys):
    """And the pictures are those of the first, wherever the others were trained."""
    several = json_of(capsys, "evaluate", runs["first"], runs["plain"])
    assert several.keys() == {"runs", "ensemble"} and several["ensemble"] is None
    for name, row in zip(("first", "plain"), several["runs"], strict=True):
        assert row == json_of(capsys, "evaluate", runs[name], "--data", runs["data"])
    elsewhere = json_of(capsys, "evaluate", runs["plain"], runs["first"])["runs"]
    assert [row["data"] for row in elsewhere] == [str(runs["other"])] * 2 and elsewhere[0]["images"] == 20
    assert len({row["loss"] for row in several["runs"] + elsewhere}) == 4


def test_one_network_under_two_names(runs, tmp_path, capsys):
    """As an ensemble it would count twice; side by side it may stand."""
    copy, last = tmp_path / "copy.safetensors", runs["first"] / "best.safetensors"
    shutil.copy(last, copy)
    words = ["found the same weights in", last, copy, "expected networks that differ"]
    check_refused(capsys, runs["first"], runs["reseeded"], copy, "--ensemble", words=words)
    one, other = json_of(capsys, "evaluate", runs["first"], copy)["runs"]
    assert one == other | {"checkpoint": one["checkpoint"]}


def test_table(runs, capsys):
    paths = [runs[name] for name in NAMES]
    result = json_of(capsys, "evaluate", *paths, "--ensemble")
    code, out, _ = call(capsys, "evaluate", *paths, "--ensemble")
    lines = [line.split() for line in out.splitlines()[2:]]
    assert code == 0 and out.startswith("centre crop") and len(lines) == 5
    rows = [*result["runs"], None, result["ensemble"]]
    rows[3] = {key: sum(one[key] for one in result["runs"]) / 3 for key in ERRORS} | {"images": 30}
    for line, row in zip(lines, rows, strict=True):
        figures = [f"{row['top1_error']:.1%}", f"{row['loss']:.3f}", str(row["images"])]
        assert line[-3:] == figures and line.count("%") == 0
    assert [line[0] for line in lines[:3]] == [str(path / "best.safetensors") for path in paths]
    assert "mean of the 3" in out and "all 3 together" in out and "top-5" not in out
    code, out, _ = call(capsys, "evaluate", *paths)
    assert code == 0 and "mean of the 3" in out and "together" not in out


# ---------------------------------------------------------------------------------------------- what it refuses


def check_refused(capsys, *arguments, words):
    code, out, err = call(capsys, "evaluate", *arguments)
    assert code == 2 and out == "" and err.count("\n") == 1, err
    missing = [str(word) for word in words if str(word) not in err]
    assert not missing, f"{err!r} lacks {missing}"


@pytest.mark.parametrize(
    "class_ids",
    [
        ["green", "red", "blue", "grey"],  # another order
        ["red", "green", "blue", "white"],
        ["red", "green", "blue", "grey", "white"],
    ],
)
def test_networks_that_know_other_classes(runs, tmp_path, capsys, class_ids):
    """Found out before any picture is looked at."""
    params = find_model("alexnet-mini").build(len(class_ids)).params
    other = altered(runs["first"], tmp_path / "other.safetensors", params, class_ids=class_ids, class_names=class_ids)
    words = [other, runs["first"] / "best.safetensors", f"knows {len(class_ids)} classes", "has 4", "same order"]
    check_refused(capsys, runs["first"], runs["reseeded"], other, "--ensemble", words=words)
    check_refused(capsys, runs["first"], other, words=words)


def test_a_network_of_another_size(runs, tmp_path, capsys):
    mean = np.zeros((72, 72, 3), np.float32)
    other = altered(runs["first"], tmp_path / "other.safetensors", view={"mean": mean})
    check_refused(capsys, runs["first"], other, words=[other, "mean has shape (72, 72, 3), expected (64, 64, 3)"])


def test_a_network_that_this_version_does_not_know(runs, tmp_path, capsys):
    other = altered(runs["first"], tmp_path / "other.safetensors", model="alexnet-min")
    check_refused(
        capsys, runs["first"], other, words=[f"{other}: there is no 'alexnet-min' (did you mean alexnet-mini?)"]
    )


def test_other_mistakes(runs, tmp_path, capsys):
    check_refused(capsys, runs["first"], "--ensemble", words=["--ensemble", "one RUN", "two or more"])
    check_refused(capsys, runs["first"], tmp_path / "nowhere", words=[tmp_path / "nowhere"])
    check_refused(capsys, runs["first"], "", words=["RUN: is empty"])
    data = write_easy(tmp_path / "small", 4, 4, size=32)
    check_refused(capsys, runs["first"], runs["plain"], "--data", data, words=[data, "64 pixels", "has 32"])

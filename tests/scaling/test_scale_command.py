"""`tinyalex scale` as a user meets it: measurements, tables, and one line for every mistake."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.test_cli import call, json_of
from tinyalex import backend
from tinyalex.commands import scale
from tinyalex.errors import UserError
from tinyalex.layers import Dropout
from tinyalex.models import MODELS, find_model
from tinyalex.parallel.traffic import by_layer, saved
from tinyalex.scaling.links import LINKS, Link
from tinyalex.scaling.model import SIZES, Costs, Load, predict, step_seconds, stops_paying
from tinyalex.scaling.ranks import Task

MODEL = "alexnet-mini+two-towers"


@pytest.fixture(autouse=True)
def same_threads():
    before = backend.thread_count()
    yield
    backend.set_thread_count(before)


def parts(speed=1.0):
    """Seconds of parts at every possible number of pictures; a long step, so that links matter little."""
    rows = [[n, speed * (0.002 + 0.01 * n), speed * (0.003 + 0.02 * n)] for n in (1, 2, 4, 8, 16, 32, 64)]
    return {"trunk": rows, "tower": [[64, 0.3, 0.7]], "head": rows, "update": [[0.01, 0.02]], "added": [[1e-10]]}


@pytest.fixture
def measured(monkeypatch):
    """The list of measurements asked for, which are faked."""
    asked = []

    def one(model, classes, load, xp, rounds, quiet=False):
        asked.append((model.name, classes, load, xp, rounds, quiet, backend.thread_count()))
        return parts()

    def two(task, has_towers, mpiexec, quiet=False):
        asked.append((task, has_towers, mpiexec, quiet))
        rounds = [
            {"alone": parts(), "beside": parts(2.0), "link": [1e-4, 2e9]}
            | dict.fromkeys(("one", "threaded", *task.forms), 4.0)
        ]
        return {"alone": parts(), "beside": parts(2.0)}, [1e-4, 2e9], rounds

    monkeypatch.setattr(scale, "measure_worker", one)
    monkeypatch.setattr(scale, "measure_pair", two)
    monkeypatch.setattr(scale, "find_mpiexec", lambda asked: "mpiexec")
    return asked


# ---------------------------------------------------------------------------------------------- results


def test_what_is_measured_and_predicted(measured, capsys):
    """One measurement, three links, three forms; every row comes from the model."""
    words = ("--classes", 5, "--threads", 1, "--pictures", 999, "--rounds", 2)
    result = json_of(capsys, "scale", "--model", "alexnet-mini", *words)
    load, network = Load(batch=64), find_model(MODEL).build(5)
    assert measured == [(MODEL, 5, load, np, 2, False, 1)]
    assert (result["model"], result["batch"], result["per_worker"], result["pictures"]) == (MODEL, 64, None, 999)
    assert [link["name"] for link in result["links"]] == list(LINKS)
    costs = Costs(parts())
    for found in result["links"]:
        link = LINKS[found["name"]]
        assert (found["latency_s"], found["bandwidth_bytes_per_s"]) == (link.latency, link.bandwidth)
        assert list(found["forms"]) == ["data", "hybrid", "towers"]
        for form, answer in found["forms"].items():
            rows = predict({1: costs, 2: costs}, network, form, load, link, 999)
            assert answer == {"rows": rows, "stops_paying": stops_paying(rows)}
    assert result["exchanged"] == {form: by_layer(network, form, 2, 64) for form in ("data", "hybrid", "towers")}
    assert result["hybrid_saves_bytes"] == saved(network, 2, 64)
    assert result["parts"] == {"alone": parts(), "beside": parts()} and "check" not in result


def test_the_users_own_link_and_growing_batches(measured, capsys):
    words = ("--per-worker", 3, "--latency", 30, "--bandwidth", 1.5, "--network", "nvlink")
    result = json_of(capsys, "scale", "--model", "alexnet-mini", *words)
    assert measured[0][2] == Load(per_worker=3) and result["per_worker"] == 3 and result["batch"] is None
    nvlink, own = result["links"]
    assert (own["name"], own["latency_s"], own["bandwidth_bytes_per_s"]) == ("own", 30e-6, 1.5e9)
    assert [row["batch"] for row in nvlink["forms"]["data"]["rows"]] == [3 * size for size in SIZES if size <= 256]
    alone = json_of(capsys, "scale", "--model", "alexnet-mini", "--latency", 0, "--bandwidth", 1)
    assert [link["name"] for link in alone["links"]] == ["own"] and alone["links"][0]["latency_s"] == 0


@pytest.mark.parametrize(
    "words, alone, forms, links",
    [
        (("--network", "here"), (1, 2), (), ["here"]),
        (("--check",), (1, 2), ("data", "hybrid", "towers"), ["here"]),
        (("--check", "--network", "ethernet"), SIZES, ("data", "hybrid", "towers"), ["ethernet", "here"]),
    ],
)
def test_what_is_measured_between_processes(words, alone, forms, links, measured, monkeypatch, capsys):
    """Processes of one thread; on this machine they slow each other down, on separate machines they do not."""
    monkeypatch.setattr(scale, "thread_count", lambda: 2)
    result = json_of(capsys, "scale", "--model", "alexnet-mini", *words)
    assert measured == [(Task(MODEL, 1000, 64, None, 1, 5, alone, (1, 2), forms), True, "mpiexec", False)]
    assert result["device"] == "CPU, 1 thread" and [link["name"] for link in result["links"]] == links
    network, beside = find_model(MODEL).build(1000), Costs(parts(2.0))
    here = Link("here", "", 1e-4, 2e9, overlapping=1, most=2)
    rows = predict({1: Costs(parts()), 2: beside}, network, "data", Load(batch=64), here, scale.PICTURES)
    assert result["links"][-1]["forms"]["data"]["rows"] == rows
    if "ethernet" in links:
        costs = Costs(parts())
        rows = predict({1: costs, 2: costs}, network, "data", Load(batch=64), LINKS["ethernet"], scale.PICTURES)
        assert result["links"][0]["forms"]["data"]["rows"] == rows
    assert [row["form"] for row in result.get("check", [])] == ([None, *forms, None] if forms else [])


def test_more_threads_and_more_cores(measured, monkeypatch, capsys):
    monkeypatch.setattr(scale, "thread_count", lambda: 16)
    json_of(capsys, "scale", "--model", "alexnet-mini", "--network", "here", "--threads", 2)
    assert measured[0][0].threads == 2 and measured[0][0].beside == (1, 2, 4, 8)


def test_for_people(measured, capsys, monkeypatch, tmp_path):
    """Each link's rows, where each form stops paying, real steps beside predictions, and the bytes by layer."""
    monkeypatch.setattr(scale, "thread_count", lambda: 2)
    words = ("--check", "--network", "infiniband", "--network", "here", "--chart", tmp_path / "a.png")
    code, out, _ = call(capsys, "scale", "--model", "alexnet-mini", *words)
    about = "a batch of 64 divided among workers; a worker: CPU, 1 thread; an epoch: 1,281,167 pictures"
    assert code == 0 and about in out
    assert "InfiniBand HDR, 200 Gbit/s: 0.6 µs, 25 GB/s" in out and "here" in out and "1,024" in out
    assert out.count("towers pays up to 2, the most considered") == 2 and "data stops paying at" in out
    lines = out.splitlines()
    (data,) = [line.split() for line in lines if line.startswith("data   ")]
    link = Link("here", "", 1e-4, 2e9, overlapping=1)
    step = sum(step_seconds(Costs(parts(2.0)), find_model(MODEL).build(1000), "data", 2, 64, link))
    assert data[1:5] == ["2", "1", f"{64 / step:,.1f}", "16.0"] and data[5] == f"{step / 4:.2f}" and data[7] == "1.00"
    assert any(line.split()[:5] == ["one", "process", "1", "2", "16.0"] for line in lines)
    assert any(line.startswith("conv2") and "8.11 kB" in line for line in lines)
    assert "each of 2 workers sends" in out and "Assumptions:" in out and str(tmp_path / "a.png") in out
    assert max(len(line) for line in lines if "  " in line) <= 125, "a row; prose is one line in a file"
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > picture.height > 300


def test_a_network_without_towers(measured, monkeypatch, capsys):
    """A network that cannot be split into towers omits them and says so: dropout here would draw half of its mask."""

    def layers(num_classes):
        features, classifier = find_model("alexnet-mini").layers(num_classes)
        return features | {"drop5": Dropout(0.5)}, classifier

    monkeypatch.setitem(MODELS, "whole", replace(MODELS["alexnet-mini"], name="whole", layers=layers))
    code, out, _ = call(capsys, "scale", "--model", "whole", "--network", "nvlink")
    assert code == 0 and "towers: whole+two-towers cannot be divided into two." in out
    assert "towers: images/s" not in out and "hybrid: images/s" in out
    call(capsys, "scale", "--model", "whole", "--check", "--threads", 1)
    assert measured[1][0].forms == ("data", "hybrid") and measured[1][1] is False


def test_where_a_form_stops_paying():
    rows = [{"workers": 2**i, "images_per_s": speed} for i, speed in enumerate((10, 19, 20, 15))]
    assert scale._pays("data", {"rows": rows, "stops_paying": 2}) == "data stops paying at 2 (4: +5%)"
    assert scale._pays("data", {"rows": rows, "stops_paying": 4}) == "data stops paying at 4 (8: −25%)"
    assert scale._pays("data", {"rows": rows, "stops_paying": None}) == "data pays up to 8, the most considered"


@pytest.mark.parametrize(
    "seconds, words",
    [
        (0.5, "0.5 s"),
        (61, "61 s"),
        (119, "119 s"),
        (121, "2.0 min"),
        (1500, "25 min"),
        (7300, "2.0 h"),
        (36 * 3600, "36 h"),
        (50 * 3600, "2.1 days"),
    ],
)
def test_durations(seconds, words):
    assert scale._duration(seconds) == words


def test_end_to_end(capsys):
    """With real measurements, in one process."""
    words = ("--batch", 2, "--classes", 5, "--rounds", 1, "--network", "ethernet")
    result = json_of(capsys, "scale", "--model", "alexnet-mini", *words)
    rows = result["links"][0]["forms"]["data"]["rows"]
    assert rows[0]["images_per_s"] > 1 and rows[0]["waited_s"] == 0 < rows[1]["waited_s"]
    json.dumps(result)


# ---------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    "words, expected",
    [
        (["--batch", "0"], "--batch: found 0"),
        (["--per-worker", "-1"], "--per-worker: found -1"),
        (["--rounds", "0"], "--rounds: found 0"),
        (["--pictures", "0"], "--pictures: found 0"),
        (["--classes", "0"], "--classes: found 0"),
        (["--batch", "4", "--per-worker", "2"], "not allowed with argument --batch"),
        (["--latency", "3"], "--latency: found no --bandwidth"),
        (["--bandwidth", "3"], "--bandwidth: found no --latency"),
        (["--latency", "-1", "--bandwidth", "1"], "--latency: found -1, expected microseconds from 0 to 1e9"),
        (["--latency", "1e10", "--bandwidth", "1"], "--latency: found 1e+10"),
        (["--latency", "1", "--bandwidth", "0"], "--bandwidth: found 0, expected GB/s from 1e-6 to 1e6"),
        (["--latency", "1", "--bandwidth", "1e-310"], "--bandwidth: found 1e-310"),
        (["--latency", "1", "--bandwidth", "1e300"], "--bandwidth: found 1e+300"),
        (["--latency", "nan", "--bandwidth", "1"], "--latency: found nan"),
        (["--latency", "1", "--bandwidth", "inf"], "--bandwidth: found inf"),
        (["--network", "ethernett"], "there is no 'ethernett', expected one of ethernet, infiniband, nvlink, here"),
        (["--chart", "nowhere/a.png"], "cannot be written, expected a file in an existing folder"),
        (["--model", "alexnt"], "did you mean alexnet"),
        (["--batch", "999999999"], "--batch 999999999: alexnet-mini+two-towers takes about"),
        (["--per-worker", "999999999"], "--per-worker 999999999: "),
        (["--threads", "0"], "--threads: found 0"),
        (["--check", "--threads", "0"], "--threads: found 0"),
        (["--check", "--device", "gpu"], "--check: found --device gpu, expected cpu"),
        (["--network", "here", "--threads", "2"], "--network here: starts 2 processes of --threads 2, found only 2"),
        (["--check", "--batch", "1"], "--check: found 1 picture for 2 processes"),
        (["--check", "--batch", "999999999"], "2 processes of alexnet-mini+two-towers take about"),
    ],
)
def test_mistakes_are_one_line_and_measure_nothing(words, expected, measured, monkeypatch, capsys):
    monkeypatch.setattr(scale, "thread_count", lambda: 2)
    code, out, err = call(capsys, "scale", *(words if "--model" in words else [*words, "--model", "alexnet-mini"]))
    assert (code, out, err.count("\n")) == (2, "", 1) and expected in err, err
    assert not measured


@pytest.mark.parametrize("words", [("scale", "--model", "alexnet-mini"), ("scale", "--check"), ("bench",)])
def test_several_processes_do_not_measure_at_once(words, measured, monkeypatch, capsys):
    monkeypatch.setenv("PMI_SIZE", "2")
    code, out, err = call(capsys, *words)
    assert (code, out, err.count("\n")) == (2, "", 1) and not measured
    assert f"{words[0]}: one of 2 processes of mpiexec, expected one alone" in err


@pytest.mark.parametrize(
    "words", [("--latency", "1e9", "--bandwidth", "1e-6"), ("--latency", "0", "--bandwidth", "1e6")]
)
def test_the_slowest_and_the_fastest_link(words, measured, capsys):
    """A JSON object without Infinity."""
    result = json_of(capsys, "scale", "--model", "alexnet-mini", *words)
    json.dumps(result, allow_nan=False)


def test_missing_software_is_named(measured, monkeypatch, capsys):
    def missing(asked):
        raise UserError(f"{asked}: mpi4py is not installed")

    monkeypatch.setattr(scale, "find_mpiexec", missing)
    for option in (["--check"], ["--network", "here"]):
        code, _, err = call(capsys, "scale", "--model", "alexnet-mini", *option)
        assert code == 2 and err == f"tinyalex: {' '.join(option)}: mpi4py is not installed\n"
    assert not measured

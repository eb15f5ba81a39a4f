"""A request traced: what is shown is what was logged, and the layers are those of the picture that came."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.checks import edited, refused
from tests.monitoring import traced
from tinyalex.cli import main
from tinyalex.data import open_dataset
from tinyalex.errors import UserError
from tinyalex.monitoring import trace as tracing
from tinyalex.monitoring.log import Log, LoggedModel
from tinyalex.monitoring.reference import make_reference, save_reference
from tinyalex.monitoring.trace import find_request, trace
from tinyalex.runs.trained import open_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return traced.make(tmp_path_factory.mktemp("trace"))


@pytest.fixture
def log(made):
    with Log.read_only(made.log) as opened:
        yield opened


def traced_request(log, number, **more):
    return trace(log, log.request(log.ids()[::-1][number]), np, **more)


def test_everything_logged_is_there(log, made):
    found = traced_request(log, 2)
    logged = log.request(found["id"])
    assert found["at"] == 1002.0 and found["client"] == "camera-1" and found["missing"] is None
    assert found["entered"]["sha256"] == logged.sha256 and found["entered"]["prepared"] == "PNG, RGB"
    assert found["entered"]["contrast"]["value"] == logged.contrast
    np.testing.assert_allclose([found["entered"]["contrast"][k] for k in ("low", "middle", "high")], [1, 50, 99])
    assert found["model"]["run"] == str(made.zero) and found["model"]["compared_with"] == "photos"
    assert found["answer"]["guess"] == {"class_id": "class-0", "label": "tabby cat, tabby"} and found["answer"]["sure"]
    assert found["answer"]["probability"] == pytest.approx(traced.ODDS) and len(found["answer"]["top"]) == 3
    assert found["truth"] == {"class_id": "class-1", "label": "dog <b>", "at": 2002.0, "right": False}
    assert traced_request(log, 0)["truth"]["right"] is True and traced_request(log, 6)["truth"] is None
    assert found["shadow"] is None
    again = found["again"]
    assert again["same"] and again["difference"] < 1e-6 and again["guess"]["class_id"] == "class-0"


def test_the_shadow(made, tmp_path):
    path = tmp_path / "requests.db"
    shutil.copy(made.log, path)
    with Log(path) as log:
        request = log.request(log.ids()[-1])
        about = log.model(request.model).about
        log.add_model(LoggedModel("b" * 64, "runs/second", about, None, 100.0))
        shadow = {"shadow": "b" * 64, "shadow_label": 2, "shadow_confidence": 0.4, "shadow_sure": False}
        log.add([replace(request, id="shadowed", **shadow)])
        found = trace(log, log.request("shadowed"), np)["shadow"]
    assert found["guess"] == {"class_id": "class-2", "label": "ant"} and found["run"] == "runs/second"
    assert found["probability"] == 0.4 and found["sure"] is False


def check_layers(layers, made):
    """Each against the network's own output, one layer at a time."""
    run, square = open_run(made.zero, np), open_dataset(made.data).val.gather([2])
    assert [one["layer"] for one in layers][:3] == ["conv1", "relu1", "norm1"] and layers[-1]["layer"] == "fc8"
    for one in layers:
        y = run.network.features_at(run.view.centre(square), one["layer"])[0].astype(np.float64)
        assert one["shape"] == list(y.shape)
        np.testing.assert_allclose(one["rms"], np.sqrt((y**2).mean()), rtol=1e-5)
        assert one["zeros"] == (y == 0).mean()
    assert layers[1]["zeros"] > 0.1 and layers[0]["zeros"] < 0.1
    assert (layers[0]["low"], layers[0]["middle"], layers[0]["high"]) == (0, 1e-9, 1e-8)
    assert layers[1]["high"] == 1e9 and "low" not in layers[2]


def test_layers_are_those_of_the_picture(log, made):
    check_layers(traced_request(log, 2)["layers"], made)


@pytest.mark.parametrize(
    "function, edits",
    [
        ("_inside", ("(to_host(y) == 0)", "(to_host(y) > 0)")),
        ("_inside", ("sizes[name][0]", "sizes[name][0] ** 2")),
        ("_inside", ("known.get(name)", 'known.get("conv1")')),
        ("_quantiles", ('("low", LOW), ("middle", MIDDLE)', '("low", MIDDLE), ("middle", LOW)')),
    ],
)
def test_layers_teeth(log, made, function, edits, monkeypatch):
    monkeypatch.setattr(tracing, function, edited(getattr(tracing, function), *edits))
    with pytest.raises(AssertionError):
        check_layers(traced_request(log, 2)["layers"], made)


def test_the_last_label_counts(made, tmp_path):
    path = tmp_path / "requests.db"
    shutil.copy(made.log, path)
    with Log(path) as log:
        id = log.ids()[-1]
        log.add_label(id, "class-2", 3000.0)
        assert trace(log, log.request(id), np)["truth"] == {
            "class_id": "class-2",
            "label": "ant",
            "at": 3000.0,
            "right": False,
        }


def test_without_a_logged_reference_the_checkpoint_s_own_counts(made, tmp_path):
    path = tmp_path / "requests.db"
    shutil.copy(made.log, path)
    shutil.copytree(made.folder / "requests-pictures", tmp_path / "requests-pictures")
    with Log(path) as log:
        request = log.request(log.ids()[-1])
        log.add_model(replace(log.model(request.model), reference=None, since=500.0))
        found = trace(log, request, np)
        assert found["usual_of"] is None and "low" not in found["layers"][0] and found["missing"] is None
        run = open_run(made.zero, np)
        file = save_reference(run, make_reference(run, open_dataset(made.data), quiet=True))
        try:
            found = trace(log, request, np)
        finally:
            file.unlink()
    assert found["usual_of"] == str(made.data) and found["layers"][0]["low"] < found["layers"][0]["high"]


# ---------------------------------------------------------------------------------------------- what is missing


def test_a_picture_that_was_not_kept(log, made, tmp_path):
    found = traced_request(log, 9)
    assert found["layers"] is None and found["again"] is None
    assert "was not kept" in found["missing"] and "--picture" in found["missing"]
    assert found["answer"]["guess"]["class_id"] == "class-0", "the rest is told all the same"
    other = traced.kept(made.log, log.request(log.ids()[-1]))
    refused(lambda: traced_request(log, 9, picture=str(other)), "picture", "sha256", error=UserError)
    refused(lambda: traced_request(log, 9, picture=str(tmp_path)), "picture", "cannot be read", error=UserError)
    copy = tmp_path / "copy of picture 3"
    shutil.copy(traced.kept(made.log, log.request(log.ids()[::-1][3])), copy)
    assert traced_request(log, 3, picture=str(copy))["missing"] is None


def test_a_kept_picture_that_was_changed(made, tmp_path):
    shutil.copy(made.log, tmp_path / "requests.db")
    shutil.copytree(made.folder / "requests-pictures", tmp_path / "requests-pictures")
    with Log.read_only(tmp_path / "requests.db") as log:
        request = log.request(log.ids()[-1])
        traced.kept(log.path, request).write_bytes(b"something else")
        assert "is not the picture that came" in trace(log, request, np)["missing"]


def test_a_network_that_is_elsewhere_now(log, made, tmp_path):
    moved = tmp_path / "elsewhere.safetensors"
    shutil.move(made.zero, moved)
    try:
        assert "not where it was" in traced_request(log, 1)["missing"]
        assert traced_request(log, 1, run=str(moved))["again"]["same"]
        refused(lambda: traced_request(log, 1, run=str(made.one)), "run", "no checkpoint", error=UserError)
        refused(lambda: traced_request(log, 1, run="nosuch"), "nosuch", error=UserError)
        shutil.copy(made.one, made.zero)  # as training goes on
        assert "no longer holds the checkpoint" in traced_request(log, 1)["missing"]
    finally:
        shutil.move(moved, made.zero)


def test_a_checkpoint_is_found_by_its_hash_among_others(log, made, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(made.run, run)
    shutil.copy(made.zero, run / "last.safetensors")
    assert traced_request(log, 1, run=str(run))["again"]["same"]


# ---------------------------------------------------------------------------------------------- finding a request


def test_ids(log):
    ids = log.ids()
    assert find_request(log, ids[0]).id == ids[0] and find_request(log, ids[4][:4]).id == ids[4]
    refused(lambda: find_request(log, ids[0][:-1] + "e"), f"did you mean {ids[0]}?", error=UserError)
    refused(lambda: find_request(log, "000"), "'000'", "such as", error=UserError)
    refused(lambda: find_request(log, "zzzzzzzz"), f"such as {ids[0]}, the newest", error=UserError)
    refused(lambda: find_request(log, "%' OR 1=1"), "expected the id", error=UserError)


def test_the_beginning_of_several_ids(made, tmp_path):
    shutil.copy(made.log, tmp_path / "requests.db")
    with Log(tmp_path / "requests.db") as log:
        first = log.request(log.ids()[0])
        log.add([replace(first, id=name) for name in ("beef", "beef01", "beef02", "beef03")])
        refused(lambda: find_request(log, "beef0"), "beef03", "beef02", "more of it", error=UserError)
        assert find_request(log, "beef").id == "beef", "an id counts before the beginning of others"
    with Log(tmp_path / "empty.db") as log:
        refused(lambda: find_request(log, "beef"), "holds no requests", error=UserError)


# ---------------------------------------------------------------------------------------------- the command


def test_the_command(made, log, capsys):
    assert main(["trace", log.ids()[-3][:6], "--log", str(made.log)]) == 0
    out = capsys.readouterr().out
    for said in (
        "1970-01-01 00:16:42 UTC, from camera-1",
        "64×64 pixels",
        "(1 to 99",
        "98 % of photos's pictures",
        "not calibrated",
        "tabby cat, 57.61%; after 12 ms",
        "asked again, it says the same",
        "dog <b> (class-1), told 1970-01-01 00:33:22 UTC: the guess was wrong",
        "above",  # conv1, beyond what its reference has
    ):
        assert said in out, f"{said} is not in\n{out}"
    assert main(["trace", log.ids()[0], "--log", str(made.log), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["layers"] is None and found["missing"]


@pytest.mark.parametrize(
    "asked, words",
    [
        ([], "found neither"),
        (["0000", "--change", "a", "b"], "found both"),
        (["0000", "--out", "x"], "--out"),
        (["--change", "a", "b", "--picture", "x"], "--picture"),
        (["--change", "a", "b", "--newest", "0"], "--newest"),
        (["nosuchid"], "ID: found 'nosuchid'"),
    ],
)
def test_refusals(made, capsys, asked, words):
    assert main(["trace", *asked, "--log", str(made.log)]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1

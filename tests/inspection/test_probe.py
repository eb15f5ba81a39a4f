"""Probes of layers: averaged maps and votes against loops, features against the network, and the command."""

import json
import math

import numpy as np
import pytest

from tests.checks import agree, edited
from tests.test_cli import call, json_of
from tests.tiny_runs import train_mini
from tests.training.test_training import write_easy
from tinyalex.backend import to_host
from tinyalex.data import open_dataset
from tinyalex.inspection import features
from tinyalex.inspection import probe as probing
from tinyalex.inspection.linear import linear_answers
from tinyalex.inspection.probe import PIXELS, averaged, averaged_shape, probe, probed, voted
from tinyalex.models import find_model
from tinyalex.runs.trained import load_network
from tinyalex.standin import xp as device
from tinyalex.statistics import wilson


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("probe")
    write_easy(root / "large", 8, 4, size=72)
    train_mini(root / "run", write_easy(root / "data", 24, 12), epochs=1)
    return root


# ---------------------------------------------------------------------------------------------- maps


def averaged_by_loops(maps, g):
    """Each map averaged over the fields of a g×g grid, or of fewer where a side is smaller."""
    N, H, W, C = maps.shape
    rows, columns = min(g, H), min(g, W)
    found = np.empty((N, rows, columns, C))
    for r in range(rows):
        for c in range(columns):
            top, left = math.floor(r * H / rows), math.floor(c * W / columns)
            below, right = math.ceil((r + 1) * H / rows), math.ceil((c + 1) * W / columns)
            found[:, r, c] = maps[:, top:below, left:right].mean(axis=(1, 2))
    return found.reshape(N, -1)


def check_averaged(averaged):
    rng = np.random.default_rng(0)
    cases = (((2, 7, 7, 3), 27, 3), ((2, 5, 8, 2), 40, 4), ((3, 6, 6, 4), 16, 2), ((2, 3, 9, 5), 100, 4))
    for shape, numbers, g in (*cases, ((2, 4, 4, 6), 5, 1), ((2, 3, 3, 2), 18, 3), ((1, 2, 3, 2), 1000, 22)):
        maps = rng.standard_normal(shape)
        agree(averaged(maps, numbers), averaged_by_loops(maps, g), f"{shape} to {numbers}")
        assert math.prod(averaged_shape(shape[1:], numbers)) == averaged(maps, numbers).shape[1]
    assert averaged(rng.standard_normal((2, 9)), 4).shape == (2, 9) and averaged_shape((9,), 4) == (9,)


def test_averaged():
    check_averaged(averaged)
    maps = np.random.default_rng(0).standard_normal((2, 7, 7, 3))
    agree(to_host(averaged(device.asarray(maps), 27)), averaged(maps, 27), "on a device")


@pytest.mark.parametrize(
    "function, edits",
    [
        ("_fields", ("-(-(n + 1) * side // count)", "(n + 1) * side // count")),
        ("_fields", ("axis=axis) for", "axis=axis) * 2 for")),
        ("averaged_shape", ("math.isqrt(numbers // C)", "math.isqrt(numbers // C) + 1")),
        ("averaged_shape", ("min(g, H), min(g, W)", "min(g, W), min(g, H)")),
    ],
)
def test_averaged_teeth(monkeypatch, function, edits):
    monkeypatch.setattr(probing, function, edited(getattr(probing, function), *edits))
    with pytest.raises(AssertionError):
        check_averaged(averaged)


def test_votes():
    """The class with the most votes; among equals, that of the nearest neighbour."""
    near = np.array([[2, 1, 1], [0, 2, 1], [2, 2, 0], [1, 1, 1]])
    assert list(voted(near, 3)) == [1, 0, 2, 1]
    assert list(voted(np.array([[0, 1, 1, 0, 2]]), 4)) == [0] and list(voted(np.array([[3]]), 4)) == [3]


# ---------------------------------------------------------------------------------------------- layers


@pytest.mark.parametrize("name", ["alexnet-mini", "resnet-mini", "alexnet-mini+bn"])
def test_layers_that_only_scale_are_left_out(name):
    names = list(probed(find_model(name).build(4)))
    assert names[:2] == [PIXELS, "conv1"] and names[-1] in ("fc8", "fc")
    assert not any(name.startswith(("bn", "drop", "flatten")) for name in names)


@pytest.mark.parametrize(
    "model, layers", [("run", ("pool2", "relu5", "relu7", "fc8")), ("resnet", ("block2_1", "pool"))]
)
def test_features_are_those_of_the_network(folder, monkeypatch, model, layers):
    """Every layer's in one pass: of pieces and batches that do not divide the pictures."""
    monkeypatch.setattr(probing, "AT_ONCE", 7)
    if model == "resnet" and not (folder / "resnet").exists():
        train_mini(folder / "resnet", folder / "data", "resnet-mini", epochs=1)
    network, view, _, _ = load_network(folder / model, np)
    dataset = open_dataset(folder / "data")
    widths = {name: math.prod(averaged_shape(shape, 50)) for name, shape in probed(network).items()}
    found = probing._features(network, dataset, view, np, widths, 50, "", True)
    assert list(found) == list(probed(network))
    for split, number in ((dataset.train, 0), (dataset.val, 1)):
        x = view.centre(split.gather(range(len(split))))
        agree(found[PIXELS][number], averaged(x, 50), PIXELS, rtol=1e-5, atol=1e-5)
        for layer in layers:
            expected = averaged(network.features_at(x, layer), 50)
            agree(found[layer][number], expected, layer, rtol=1e-3, atol=1e-4)


def test_errors(folder):
    """Those of the linear classifier, by hand for one layer; the control has pixels in common, and other weights."""
    network, view, _, _ = load_network(folder / "run", np)
    dataset, before = open_dataset(folder / "data"), {name: a.copy() for name, a in network.params.items()}
    depths = {depth.layer: depth for depth in probe(network, dataset, view, np, quiet=True)}
    train, val = (
        network.features_at(view.centre(split.gather(range(len(split)))), "relu7")
        for split in (dataset.train, dataset.val)
    )
    mean, spread = train.mean(axis=0), train.std(axis=0)
    spread[spread == 0] = 1
    answers = linear_answers((train - mean) / spread, dataset.train.labels, (val - mean) / spread, 4)
    wrong = int((answers != dataset.val.labels).sum())
    assert depths["relu7"].errors["linear"] == wilson(wrong, 12) and depths["relu7"].kept == (256,)
    pixels = depths[PIXELS].errors
    assert pixels["linear"] == pixels["random linear"] and pixels["neighbours"] == pixels["random neighbours"]
    assert all((network.params[name] == a).all() for name, a in before.items()), "the network has changed"
    assert depths["conv1"].shape == (27, 27, 24) and depths["conv1"].kept == (6, 6, 24)


# ---------------------------------------------------------------------------------------------- the command


def test_the_command(folder, tmp_path, capsys):
    out = tmp_path / "probe"
    result = json_of(capsys, "probe", folder / "run", "--out", out, "--numbers", 200, "--neighbours", 100)
    rows = result["layers"]
    assert [row["layer"] for row in rows][:3] == [PIXELS, "conv1", "relu1"] and rows[-1]["layer"] == "fc8"
    assert rows[1]["numbers"] == 2 * 2 * 24 and rows[1]["shape"] == [27, 27, 24]
    assert result["train_images"] == 24 and result["val_images"] == 12 and result["chance_error"] == 0.75
    for row in rows:
        for kind in ("linear", "neighbours", "random_linear", "random_neighbours"):
            low, high = row[f"{kind}_interval"]
            assert 0 <= low <= row[f"{kind}_error"] <= high <= 1
    assert result["neighbours"] == 24, "no more than there are"
    assert {file.name for file in out.iterdir()} == {"depth.png", "depth.json", "probe.json"}
    assert json.loads((out / "depth.json").read_text()) == {
        k: v for k, v in result.items() if k not in ("out", "picture")
    }
    code, shown, _ = call(capsys, "probe", folder / "run", "--data", folder / "data", "--out", out)
    assert code == 0 and "relu7" in shown and "random" in shown and str(out / "depth.png") in shown


@pytest.mark.parametrize(
    "arguments, words",
    [
        ("run --out mine", "--out: mine contains files that tinyalex probe did not write"),
        ("run --out run", "did not write"),
        ("run --data large", "pictures of 64 pixels, large has 72"),
        ("run --numbers 0", "--numbers: found 0, expected 1 or more"),
        ("run --neighbours 0", "--neighbours: found 0"),
        ("run --seed -1", "--seed: found -1"),
        ("run --data nosuch", "nosuch"),
        ("nosuch", "nosuch: not found"),
    ],
)
def test_refused(folder, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    for name in ("run", "large", "data"):
        (tmp_path / name).symlink_to(folder / name)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    code, out, err = call(capsys, "probe", *arguments.split())
    assert code == 2 and not out and err.count("\n") == 1 and words in err, err
    assert not (folder / "run/probe").exists()


def test_features_larger_than_memory_are_refused(folder, monkeypatch, capsys):
    monkeypatch.setattr(features, "memory_available", lambda xp: 1000)
    code, _, err = call(capsys, "probe", folder / "run")
    assert (
        code == 2
        and "--data: found " in err
        and "for each of 36 pictures" in err
        and "1 kB are free; expected fewer pictures" in err
    )


def test_stopped_it_leaves_nothing(folder, monkeypatch, capsys):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(probing, "linear_answers", stop)
    assert call(capsys, "probe", folder / "run")[0] == 130 and not (folder / "run/probe").exists()
    assert not [file for file in (folder / "run").iterdir() if file.name.startswith(".")]

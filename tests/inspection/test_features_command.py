"""`tinyalex features`: the rows of its file against the network itself, and what it refuses."""

import shutil

import numpy as np
import pytest
from PIL import Image

from tests.test_cli import call, json_of
from tests.tiny_runs import train_mini
from tests.training.test_training import easy_pictures, write_easy
from tinyalex.data import open_dataset
from tinyalex.inspection import features
from tinyalex.runs.trained import load_network


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Data, others with pictures of another size, a run of each kind of model, and a picture file."""
    root = tmp_path_factory.mktemp("features")
    data = write_easy(root / "data", 16, 8)
    write_easy(root / "large", 8, 4, size=72)
    train_mini(root / "run", data, epochs=1)
    train_mini(root / "resnet", data, "resnet-mini", epochs=1)
    Image.fromarray(easy_pictures(4, 5, size=90)[0][0]).save(root / "cat.png")
    return root


def expected(run, pictures, layer):
    """The layer's output for the centre crops of uint8 pictures, flattened."""
    network, view, _, _ = load_network(run, np)
    return network.features_at(view.centre(pictures), layer).reshape(len(pictures), -1)


@pytest.mark.parametrize("split", ["train", "val", "both"])
def test_a_data_set(folder, tmp_path, capsys, split):
    out, dataset = tmp_path / "f.npz", open_dataset(folder / "data")
    result = json_of(capsys, "features", folder / "run", folder / "data", "--out", out, "--split", split)
    names = [name for name in ("train", "val") if split in (name, "both")]
    parts = [getattr(dataset, name) for name in names]
    found = np.load(out)
    assert result["layer"] == "relu7" and result["pictures"] == sum(map(len, parts)) == len(found["features"])
    for part, name in zip(parts, names):
        here = found["split"] == name
        rows = expected(folder / "run", part.gather(range(len(part))), "relu7")
        np.testing.assert_allclose(found["features"][here], rows, rtol=1e-4, atol=1e-5)
        assert (found["labels"][here] == part.labels).all() and (found["index"][here] == np.arange(len(part))).all()
    assert list(found["class_ids"]) == list(dataset.class_ids) and found["features"].dtype == np.float32
    assert list(found["class_names"]) == list(dataset.class_names) and list(found["shape"]) == result["shape"] == [256]


def test_the_runs_own_data_by_default_and_a_layer_in_a_block(folder, tmp_path, capsys):
    out = tmp_path / "f.npz"
    result = json_of(capsys, "features", folder / "resnet", "--layer", "block2_1.shortcut.pad", "--out", out)
    pictures = open_dataset(folder / "data").train.gather(range(16))
    rows = expected(folder / "resnet", pictures, "block2_1.shortcut.pad")
    assert result["data"] == str(folder / "data") and result["shape"] == list(np.load(out)["shape"])
    np.testing.assert_allclose(np.load(out)["features"][:16], rows, rtol=1e-3, atol=1e-4)
    assert json_of(capsys, "features", folder / "resnet", "--out", out)["layer"] == "pool", "replaces what is ours"


def test_picture_files(folder, tmp_path, capsys):
    cat, out = folder / "cat.png", tmp_path / "f.npz"
    result = json_of(
        capsys, "features", folder / "run", cat, tmp_path / "none.png", cat, "--layer", "fc7", "--out", out
    )
    found = np.load(out)
    assert list(found["files"]) == [str(cat)] * 2 and found["features"].shape == (2, 256) and "labels" not in found
    assert result["unreadable"][0]["reason"] == "not found" and np.isfinite(found["features"]).all()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["run", "data", "--layer", "fc77"], ["--layer", "fc77", "did you mean fc7?"]),
        (["run", "data", "--out", "theirs.npz"], ["--out", "theirs.npz", "was not written by tinyalex"]),
        (["run", "data", "--out", "f.txt"], ["--out", "f.txt", ".npz"]),
        (["run", "large"], ["pictures of 64 pixels", "large has 72"]),
        (["run", "nosuch"], ["nosuch", "not found"]),
        (["run", "cat.png", "--split", "val"], ["--split", "val", "picture files"]),
        (["nosuch"], ["nosuch", "expected a run folder"]),
    ],
)
def test_refused(folder, tmp_path, monkeypatch, capsys, arguments, words):
    shutil.copytree(folder, tmp_path / "all")
    monkeypatch.chdir(tmp_path / "all")
    np.savez("theirs.npz", a=np.ones(3))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "all").rglob("*")}
    code, out, err = call(capsys, "features", "--out", "f.npz", *arguments)
    assert code == 2 and not out and err.count("\n") == 1 and all(word in err for word in words), err
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "all").rglob("*")}


def test_features_larger_than_memory_are_refused(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(features, "memory_available", lambda xp: 4 * 24 * 256 - 1)
    code, _, err = call(capsys, "features", folder / "run", "--out", tmp_path / "f.npz")
    assert code == 2 and "--layer: found relu7: 256 numbers for each of 24 pictures take 24.6 kB" in err
    monkeypatch.setattr(features, "memory_available", lambda xp: 4 * 24 * 256)
    assert call(capsys, "features", folder / "run", "--out", tmp_path / "f.npz")[0] == 0

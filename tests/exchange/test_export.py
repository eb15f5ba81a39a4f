"""`tinyalex export`: a run as a file that other libraries read, of which the same network can be made again."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.checks import agree, refused
from tests.exchange.stirring import stirred, view_of
from tests.tiny_runs import info_of
from tinyalex import cli, import_network, load
from tinyalex.data.augment import ARRAYS
from tinyalex.errors import UserError
from tinyalex.models import find_model
from tinyalex.runs.checkpoint import Checkpoint, save_checkpoint
from tinyalex.runs.trained import load_network

ENDINGS = [pytest.param("onnx", marks=pytest.mark.onnx), "safetensors", "npz"]

PICTURES = np.random.default_rng(1).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(network, view, a checkpoint of them)."""
    model = find_model("alexnet-mini")
    network, view = stirred(model.build(3)), view_of(64, 56)
    path = tmp_path_factory.mktemp("run") / "best.safetensors"
    info = info_of(model.name, ["n1", "n2", "n3"]) | {"class_names": ["Katze", "chien", "犬"]}
    arrays = {name: getattr(view, name) for name in ARRAYS}
    save_checkpoint(path, Checkpoint(network.params, {}, arrays, info, network.state))
    return network, view, path


def exported(trained, to, *options):
    words = ["export", str(trained[2]), str(to), "--json", *options]
    done = subprocess.run([sys.executable, "-m", "tinyalex", *words], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.torch
def test_the_printed_code_takes_the_weights(trained, tmp_path):
    import torch
    from safetensors.torch import load_file

    network, view, _ = trained
    result = exported(trained, tmp_path / "out.safetensors")
    names = {}
    exec(result["code"], names)
    module = names["network"]().eval()
    module.load_state_dict(load_file(result["file"]))
    x = view.centre(PICTURES)
    with torch.no_grad():
        scores = module(torch.tensor(x.transpose(0, 3, 1, 2).copy())).numpy()
    agree(network.predict(x), scores, "scores", rtol=1e-5, atol=1e-5)


@pytest.mark.onnx
@pytest.mark.parametrize("options", [(), ("--pixels", "float")])
def test_onnxruntime_gives_the_same_scores(options, trained, tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    network, view, _ = trained
    result = exported(trained, tmp_path / "out.onnx", *options)
    x = view.centre(PICTURES)
    given = x.transpose(0, 3, 1, 2).copy() if options else PICTURES
    (scores,) = runtime.InferenceSession(result["file"]).run(None, {"pictures": given})
    agree(network.predict(x), scores, "scores", rtol=1e-5, atol=1e-5)
    assert result["parameters"] == sum(a.size for a in network.params.values()) and "RGB" in result["pictures"]


def test_plain_arrays(trained, tmp_path):
    network, view, _ = trained
    exported(trained, tmp_path / "out.npz")
    arrays = dict(np.load(tmp_path / "out.npz"))
    assert all(np.array_equal(arrays[name], array) for name, array in network.params.items())
    assert np.array_equal(arrays["view.mean"], view.mean)
    assert json.loads(str(arrays["tinyalex.network"]))["class_names"] == ["Katze", "chien", "犬"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_only_files_of_ours_are_replaced(ending, trained, tmp_path, capsys):
    path, words = tmp_path / f"out.{ending}", ["export", str(trained[2])]
    for _again in range(2):
        assert cli.main([*words, str(path)]) == 0
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"tinyalex", b"somebody"))
    foreign = path.read_bytes()
    capsys.readouterr()
    assert cli.main([*words, str(path)]) == 2
    assert "was not written by tinyalex" in (said := capsys.readouterr().err) and said.count("\n") == 1
    assert path.read_bytes() == foreign
    assert cli.main([*words, str(tmp_path / "nosuch" / path.name)]) == 2
    assert "existing folder" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_from_python(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network, _, path = trained
    assert "def network()" in load(path).export("out.safetensors")["code"]
    again = import_network("out.safetensors", out="mine")
    assert again.classes == ("Katze", "chien", "犬")
    agree(again.run.network.params["conv1.weight"], network.params["conv1.weight"], "kernels", exact=True)
    refused(lambda: import_network("out.safetensors", pictures="caffe"), "pictures: expected only", error=UserError)
    refused(lambda: import_network("out.safetensors", crop=8), "crop: expected only", error=UserError)


def test_without_the_package(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert cli.main(["export", str(trained[2]), str(tmp_path / "out.onnx")]) == 2
    assert "pip install onnx" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_code_alone_on_stdout(trained, tmp_path, capsys):
    assert cli.main(["export", str(trained[2]), str(tmp_path / "out.safetensors")]) == 0
    out, err = capsys.readouterr()
    compile(out, "out.py", "exec")
    assert "def network():" in out and "parameters" in err


@pytest.mark.parametrize("ending", ENDINGS)
def test_imported_again_to_the_bit(ending, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    network, view, path = trained
    assert (
        cli.main(["export", str(path), f"out.{ending}"]) == cli.main(["import", f"out.{ending}", "--out", "mine"]) == 0
    )
    again, seen, info, _ = load_network("mine", np)
    assert info["class_ids"] == ["n1", "n2", "n3"] and info["class_names"] == ["Katze", "chien", "犬"]
    for found, expected in ((again.params, network.params), (again.state, network.state), (vars(seen), vars(view))):
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[key], expected[key]) for key in expected)
    assert cli.main(["export", "mine", f"again.{ending}"]) == 0
    assert (tmp_path / f"again.{ending}").read_bytes() == (tmp_path / f"out.{ending}").read_bytes()
    assert "are as they were" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("words", ["--as vgg-small", "--pictures caffe", "--crop 56"])
def test_what_our_files_say_is_not_to_be_told(ending, words, trained, tmp_path, capsys):
    path = tmp_path / f"out.{ending}"
    assert cli.main(["export", str(trained[2]), str(path)]) == 0
    capsys.readouterr()
    assert cli.main(["import", str(path), *words.split(), "--out", str(tmp_path / "mine")]) == 2
    err = capsys.readouterr().err
    assert words.split()[0] in err and err.count("\n") == 1 and not (tmp_path / "mine").exists()


def test_weights_of_ours_that_were_damaged(trained, tmp_path, capsys):
    path = tmp_path / "out.safetensors"
    assert cli.main(["export", str(trained[2]), str(path)]) == 0
    whole = path.read_bytes()
    changes = {
        b'"crop\\": 56': b'"crop\\": 57',
        b"MaxPool2d": b"MaxPool9d",
        b"n2": b"n1",
        b'"conv1.bias"': b'"conv1.bios"',
    }
    changes |= {b'"mean\\": ': b'"mien\\": ', b'fc8\\": {': b'fc8\\": [', b'"F32"': b'"I32"'}
    for old, new in changes.items():
        assert old in whole, old
        path.write_bytes(whole.replace(old, new, 1))
        capsys.readouterr()
        assert cli.main(["import", str(path), "--out", str(tmp_path / "mine")]) == 2, old
        said = capsys.readouterr().err
        assert str(path) in said and said.count("\n") == 1 and not (tmp_path / "mine").exists()


def test_a_folder_and_other_names(trained, tmp_path, capsys):
    for name, word in (
        (tmp_path, "ends in"),
        (tmp_path / "x.onnxx", "did you mean .onnx?"),
        (tmp_path / "x", "ends in"),
    ):
        assert cli.main(["export", str(trained[2]), str(name)]) == 2
        assert word in " ".join(capsys.readouterr().err.split())
    copy = tmp_path / "best.safetensors"  # of a run
    copy.write_bytes(trained[2].read_bytes())
    assert cli.main(["export", str(trained[2]), str(copy)]) == 2
    assert "was not written by" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "a.npz").mkdir()
    assert cli.main(["export", str(trained[2]), str(tmp_path / "a.npz")]) == 2
    assert "is a folder" in " ".join(capsys.readouterr().err.split())

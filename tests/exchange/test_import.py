"""A network of others becomes a run: with its classes and its pictures' preparation, for every command."""

import json

import numpy as np
import pytest

import tinyalex
from tests.checks import agree, refused
from tests.exchange.saved import as_safetensors, as_stream, as_zip
from tests.exchange.small import cifar_tensors
from tests.training.test_training import write_easy
from tinyalex.cli import main
from tinyalex.errors import UserError
from tinyalex.exchange.classes import IMAGENET, read_classes
from tinyalex.exchange.imported import save_foreign
from tinyalex.exchange.known import recognised
from tinyalex.exchange.reading import as_model, read_foreign
from tinyalex.exchange.tensors import read_tensors
from tinyalex.models import find_model
from tinyalex.runs.trained import load_network


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Weights of a ResNet for CIFAR with four classes, in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pth"
    path.write_bytes(as_zip(cifar_tensors(num_classes=4)))
    return path


def run(capsys, *words):
    """(exit code, stdout, stderr) of a command."""
    code = main([str(word) for word in words])
    return code, *capsys.readouterr()


def result_of(capsys, *words):
    code, out, err = run(capsys, *words, "--json")
    assert code == 0, err
    return json.loads(out)


def test_a_run_is_written_with_everything_that_was_converted(file, capsys):
    result = result_of(capsys, "import", file, "--out", "mine")
    assert result["run"] == "mine" and result["model"] == "cifar-resnet20" and result["classes"] == 4
    assert (result["size"], result["crop"]) == (32, 32) and abs(result["mean"][0] - 123.675) < 1e-9
    assert result["notes"][0].startswith("Weights were turned") and "does not name its classes" in result["notes"][-1]
    network, view, info, _ = load_network("mine", np)
    expected = recognised(cifar_tensors(num_classes=4), "").network
    for name, array in expected.params.items():
        agree(network.params[name], array, name, exact=True)
    for name, array in expected.state.items():
        agree(network.state[name], array, name, exact=True)
    x = view.centre(np.full((1, 32, 32, 3), 100, np.uint8))
    agree(x[0, 0, 0], (100 / 255 - np.array([0.485, 0.456, 0.406])) / (0.229, 0.224, 0.225), "x", rtol=1e-5)
    assert info["class_ids"] == ["class 0", "class 1", "class 2", "class 3"]
    code, out, _ = run(capsys, "import", file)
    assert code == 0 and "The run is runs/cifar-resnet20-1." in out and "- Weights were turned" in out


def test_every_command_takes_it(file, tmp_path, capsys):
    data = write_easy(tmp_path / "data", 16, 8, size=32)
    classes = tinyalex.open_dataset(data).class_ids
    file.write_bytes(as_stream(cifar_tensors(num_classes=len(classes)), wrapped="state_dict"))
    result_of(capsys, "import", file, "--classes", data, "--out", "mine")
    assert tinyalex.load("mine").class_ids == classes
    evaluated = result_of(capsys, "evaluate", "mine", "--data", data)
    assert 0 <= evaluated["top1_error"] <= 1
    tuned = result_of(capsys, "train", "--data", data, "--start-from", "mine", "--epochs", 1, "--out", "tuned")
    assert tuned["model"] == "cifar-resnet20"
    compared = result_of(capsys, "compare", "mine", "tuned", "--data", data)
    assert {"start_from", "imported from"} <= {row["what"] for row in compared["differences"]}
    listed = {run["run"]: run["state"] for run in result_of(capsys, "runs", ".")["runs"]}
    assert listed == {"mine": "imported", "tuned": "finished"}
    code, out, _ = run(capsys, "compare", "mine", "tuned", "--data", data)
    assert code == 0 and "cifar-resnet20, imported" in out and "trained to its end" not in out
    assert "imported" in repr(tinyalex.load("mine"))
    summed = result_of(capsys, "summary", "mine")
    assert (summed["model"], summed["classes"]) == ("cifar-resnet20", len(classes))
    for words in (["evaluate", "mine"], ["predict", "mine"], ["train", "--resume", "mine"]):
        code, _, err = run(capsys, *words)
        assert code == 2 and "mine was imported, not trained here" in err


def test_mistakes_are_one_line_and_leave_nothing(file, tmp_path, capsys):
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    (tmp_path / "twice.txt").write_text("n01440764 tench\n" * 4)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n" * 4)
    result_of(capsys, "import", file, "--out", "full")
    cases = (
        (["nosuch.pth"], "nosuch.pth: cannot be read"),
        (["."], "is a folder, expected a file"),
        (["full"], "full: is a run of tinyalex already"),
        (["full/best.safetensors"], "is a network of tinyalex already"),
        (["picture.png"], "picture.png: holds no network, expected PyTorch's weights (.pth, .pt), safetensors or ONNX"),
        ([file, "--out", "full"], "--out: full is not empty; choose another folder"),
        ([file, "--out", "picture.png"], "--out: picture.png is a file"),
        ([file, "--as", "resnet2"], "--as: there is no 'resnet2'"),
        ([file, "--as", "resnet56"], "does not fit resnet56: found 39 layers with weights, expected 111"),
        ([file, "--as", "vgg-mini"], "does not fit vgg-mini: found 39 layers with weights, expected 9"),
        ([file, "--classes", "names.txt"], "--classes: names.txt: found 2 classes, expected 4"),
        ([file, "--classes", "twice.txt"], "--classes: twice.txt: n01440764 comes twice"),
        ([file, "--classes", "latin.txt"], "--classes: latin.txt: no text in UTF-8"),
        ([file, "--classes", "nosuch"], "--classes: nosuch: cannot be read"),
    )
    for words, expected in cases:
        out = [] if "--out" in words else ["--out", "new"]
        code, printed, err = run(capsys, "import", *words, *out)
        assert (code, printed) == (2, "") and expected in err and err.count("\n") == 1, err
        assert not (tmp_path / "new").exists()


# ---------------------------------------------------------------------------------------------- classes


def test_imagenets_classes_are_in_its_order():
    ids, names = read_classes(IMAGENET, 1000)
    assert ids == sorted(set(ids)) and len(set(names)) == 1000
    assert (ids[0], names[0], ids[-1], names[-1]) == ("n01440764", "tench", "n15075141", "toilet tissue")
    assert dict(zip(ids, names))["n02123045"] == "tabby"


def test_names_of_classes_in_a_text_file(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("# from somewhere\ncrane\n\nn01440764 fish\ncrane\n")
    assert read_classes(path, 3) == (["0 crane", "1 n01440764 fish", "2 crane"], ["crane", "n01440764 fish", "crane"])
    path.write_text("crane\nfish\n")
    assert read_classes(path, 2) == (["crane", "fish"],) * 2
    path.write_text("n01440764\ttench, Tinca tinca\nn01443537 goldfish\r\n")
    assert read_classes(path, 2) == (["n01440764", "n01443537"], ["tench, Tinca tinca", "goldfish"])
    assert len(read_classes("builtin", 20)[0]) == 20
    path.write_text("")
    refused(lambda: read_classes(path, 2), "found 0 classes", error=UserError)


def test_known_numbers_of_classes_are_named(tmp_path):
    for tensors, note in ((cifar_tensors(), "CIFAR-10"), (cifar_tensors(num_classes=1000), "ImageNet's")):
        result = save_foreign(recognised(tensors, ""), "a.pth", out=tmp_path / note)
        assert note in result["notes"][-1] and result["some_classes"][-1] in ("truck", "toilet tissue")


# ---------------------------------------------------------------------------------------------- models of ours


def theirs(network, names=None):
    """A network's arrays in PyTorch's layout, under our names or others of layers."""
    axes, tensors = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}, {}
    for inner, layer, *_ in network.shapes():
        for key, array in (layer.params | layer.state).items():
            if (inner, key) == ("fc6", "weight"):  # its inputs channel by channel
                array = array.reshape(7, 7, -1, array.shape[1]).transpose(2, 0, 1, 3).reshape(array.shape)
            tensors[f"{names[inner] if names else inner}.{key}"] = array.transpose(axes[array.ndim])
    return tensors


@pytest.mark.parametrize("form, named", [(as_safetensors, True), (as_zip, False), (as_stream, False)])
def test_weights_of_a_model_of_ours(form, named, tmp_path):
    network = find_model("vgg-mini").build(5)
    leaves = [inner for inner, layer, *_ in network.shapes() if layer.params]
    names = None if named else {inner: f"layers.{10 + number}" for number, inner in enumerate(leaves)}
    tensors = {key: np.ascontiguousarray(array) for key, array in theirs(network, names).items()}
    (tmp_path / "a.pth").write_bytes(form(tensors))
    found = read_foreign(tmp_path / "a.pth", "vgg-mini")
    assert (found.name, found.size, found.in_shape, found.network.num_classes) == ("vgg-mini", 64, (56, 56, 3), 5)
    for name, array in network.params.items():
        agree(found.network.params[name], array, name, exact=True)
    assert "does not say how pictures were prepared" in found.notes[-1]


def test_safetensors_with_other_names_keep_no_order(tmp_path):
    network = find_model("vgg-mini").build(5)
    names = {inner: f"net.{n}" for n, inner in enumerate(i for i, layer, *_ in network.shapes() if layer.params)}
    tensors = {key: np.ascontiguousarray(array) for key, array in theirs(network, names).items()}
    (tmp_path / "a.safetensors").write_bytes(as_safetensors(tensors))
    assert list(read_tensors(tmp_path / "a.safetensors")) == sorted(tensors)
    words = "found layers net.0, net.1, net.2", "keeps no order, expected conv1_1, "
    refused(lambda: read_foreign(tmp_path / "a.safetensors", "vgg-mini"), *words, error=UserError)


@pytest.mark.parametrize("line", ["a\0b", "x" * 10_001])
def test_classes_that_no_checkpoint_may_hold(line, tmp_path, monkeypatch):
    network = find_model("vgg-mini").build(2)
    tensors = {key: np.ascontiguousarray(array) for key, array in theirs(network).items()}
    (tmp_path / "a.pth").write_bytes(as_stream(tensors))
    (tmp_path / "names.txt").write_text(f"{line}\ncat\n")
    foreign = read_foreign(tmp_path / "a.pth", "vgg-mini")
    refused(
        lambda: save_foreign(foreign, "a.pth", tmp_path / "names.txt", tmp_path / "run"),
        "names.txt",
        "class_",
        error=UserError,
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "change, words",
    [
        ({"fc.scale": np.zeros((5, 2))}, "found 'fc.scale' of shape (5, 2), expected no such tensor"),
        ({"x.weight": np.zeros((5, 2))}, "found 40 layers with weights, expected 39"),
        ({"conv1.weight": np.zeros((8, 3, 5, 5))}, "conv1.weight: found shape (8, 3, 5, 5), expected (8, 3, 7, 7)"),
        ({"fc.bias": np.zeros((5, 2))}, "fc.bias: found shape (5, 2)"),
        ({"bn1.running_mean": np.zeros(8, int)}, "bn1.running_mean: found int64, expected floating point"),
    ],
)
def test_other_tensors_than_a_models(change, words):
    tensors = theirs(find_model("resnet-mini").build(5)) | change
    refused(
        lambda: as_model(tensors, "resnet-mini", "a.pth"), "a.pth: does not fit resnet-mini: ", words, error=UserError
    )


def test_tensors_without_names():
    for tensors in ({}, {"a": np.array(3)}):
        refused(lambda tensors=tensors: as_model(tensors, "vgg-mini", "a.pth"), "a.pth: does not fit", error=UserError)

"""tinyalex from Python: the same runs and the same numbers as the commands, and a mistake is one line."""

import io
import json
import os
import re
import shutil
import signal
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinyalex
from tests.checks import refused
from tests.test_cli import call, json_of
from tests.test_documents import ROOT
from tests.training.test_training import CLASSES, easy_pictures, tree, write_easy
from tinyalex.errors import UserError
from tinyalex.terminal import in_python
from tinyalex.training.health import SENTENCES, sentence
from tinyalex.training.settings import choose_settings
from tinyalex.training.trainer import Diverged, Trainer

SETTINGS = {"model": "alexnet-mini", "epochs": 2, "batch": 8, "lr": 0.01}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_easy(tmp_path_factory.mktemp("data") / "easy", 40, 12)


@pytest.fixture(scope="module")
def classifier(data, tmp_path_factory):
    return tinyalex.train(data, out=tmp_path_factory.mktemp("runs") / "first", quiet=True, **SETTINGS)


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """A picture's path, its file smaller than the network's pictures and not square."""
    path = tmp_path_factory.mktemp("pictures") / "a.png"
    Image.fromarray(easy_pictures(1, 5, size=90)[0][0][:80]).save(path)
    return path


def example(text):
    """The lines of Python in a document: from the first import of tinyalex to the end of its block."""
    return textwrap.dedent(re.search(r"^( *)from tinyalex import .*\n((\1(?!```).*)?\n)*", text, re.MULTILINE)[0])


@pytest.mark.parametrize(
    "where", [lambda: (ROOT / "README.md").read_text(), lambda: tinyalex.library.__doc__, lambda: tinyalex.__doc__]
)
def test_the_examples_run_as_they_stand(where, data, tmp_path, monkeypatch):
    """Whole, in an empty folder; only with fewer and smaller pictures."""
    monkeypatch.chdir(tmp_path)
    lines = example(where())
    assert all(word in lines for word in ("train(", "evaluate(", "load(", "predict("))
    exec(lines.replace('"builtin"', repr(str(data))).replace("epochs=10", "epochs=1"), {})


# ---------------------------------------------------------------------------------------------- training


def test_train_is_the_command(data, classifier, tmp_path, capsys):
    """The same weights to the bit, the same files, the same numbers."""
    options = [f"--{name}={value}" for name, value in SETTINGS.items()]
    result = json_of(capsys, "train", "--data", data, "--out", tmp_path / "run", *options)
    ours, theirs = tree(classifier.run.path), tree(tmp_path / "run")
    assert ours.keys() == theirs.keys() and ours["kernels.png"] == theirs["kernels.png"]
    for name, array in tinyalex.load(tmp_path / "run").run.network.params.items():
        np.testing.assert_array_equal(array, classifier.run.network.params[name])
    assert [line["epoch"] for line in classifier.history] == [1, 2]
    assert min(line["val_top1_error"] for line in classifier.history) == result["top1_error"]
    settings = json.loads(ours["config.json"])
    assert "model='alexnet-mini'" in settings["command"] and settings["config"]["epochs"] == 2


def test_settings_that_are_not_given_are_the_commands():
    assert choose_settings().epochs == 15 and choose_settings("somewhere").epochs == 30
    assert choose_settings(model="alexnet-small+no-lrn").epochs == choose_settings(towers=True).epochs == 15
    assert choose_settings("somewhere", recipe="tiny-imagenet-10").epochs == 60
    assert choose_settings(recipe="tiny-imagenet-10", data="somewhere", epochs=2, lr=None).epochs == 2


def test_settings_as_numpy_and_pathlib_have_them(data, classifier, tmp_path):
    values = {"epochs": np.int64(2), "lr": np.float64(0.01), "start_from": classifier.run.path}
    tinyalex.train(data, out=tmp_path / "run", quiet=True, **SETTINGS | values)
    about = json.loads((tmp_path / "run/config.json").read_text())
    plain = {"epochs": 2, "lr": 0.01, "start_from": str(classifier.run.path)}
    assert {name: about["config"][name] for name in values} == plain
    assert all(f"{name}={value!r}" in about["command"] for name, value in plain.items())


def test_resume_goes_on_past_the_end(classifier, tmp_path, capsys):
    """As `train --resume RUN --epochs N`."""
    ours, theirs = (shutil.copytree(classifier.run.path, tmp_path / name) for name in ("ours", "theirs"))
    resumed = tinyalex.resume(ours, quiet=True, epochs=3)
    json_of(capsys, "train", "--resume", theirs, "--epochs", 3)
    assert [line["epoch"] for line in resumed.history] == [1, 2, 3]
    for name, array in tinyalex.load(theirs).run.network.params.items():
        np.testing.assert_array_equal(array, resumed.run.network.params[name])


@pytest.mark.parametrize("caller", ["warn", "raise"])
def test_numbers_that_run_away_are_told_once(data, tmp_path, caller):
    """Whatever NumPy does about them in the caller's own code, where it stays so."""
    settings = SETTINGS | {"lr": 1e5, "out": tmp_path / "high", "quiet": True}
    with np.errstate(all=caller), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        before, filters = np.geterr(), list(warnings.filters)
        refused(lambda: tinyalex.train(data, **settings), "the loss is nan", error=Diverged)
        assert np.geterr() == before and warnings.filters == filters and warned == []


def test_an_interrupted_run_is_saved_and_resumed(data, classifier, tmp_path, monkeypatch):
    step = Trainer._log_step
    monkeypatch.setattr("tinyalex.training.trainer.LOG_EVERY", 3)
    monkeypatch.setattr(Trainer, "_log_step", lambda *args: (os.kill(os.getpid(), signal.SIGINT), step(*args))[1])
    out = tmp_path / "run"
    refused(
        lambda: tinyalex.train(data, out=out, quiet=True, **SETTINGS),
        *("saved at epoch 1, step 3", f"tinyalex.resume('{out}')"),
        error=KeyboardInterrupt,
    )
    monkeypatch.setattr(Trainer, "_log_step", step)
    resumed = tinyalex.resume(out, quiet=True)
    for name, array in resumed.run.network.params.items():
        np.testing.assert_array_equal(array, classifier.run.network.params[name])


# ---------------------------------------------------------------------------------------------- questions


def test_predict_is_the_command(classifier, picture, capsys):
    """A path, the file's bytes, a Pillow image and an array are one picture."""
    run = classifier.run.path
    expected = json_of(capsys, "predict", run, picture)["predictions"][0]["top"]
    with Image.open(picture) as image:
        kinds = [picture, str(picture), picture.read_bytes(), image, np.array(image)]
        answers = [classifier.predict(kind) for kind in kinds]
    for found in answers:
        assert [{"class": one.name, "id": one.id, "probability": one.probability} for one in found] == expected
    assert len(expected) == 4 and {one.name for one in answers[0]} == set(classifier.classes) == set(CLASSES)
    ten = json_of(capsys, "predict", run, picture, "--ten-crop", "--top", 2)["predictions"][0]["top"]
    assert [one.probability for one in classifier.predict(picture, 2, ten_crop=True)] == [
        one["probability"] for one in ten
    ]


def test_several_pictures(classifier, picture):
    pictures = easy_pictures(3, 6)[0]
    p = classifier.probabilities(pictures)
    assert p.shape == (3, 4) and p.dtype == np.float32 and p.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-6)
    tops = classifier.predict(pictures, top=1)
    assert [top[0].name for top in tops] == [classifier.classes[k] for k in p.argmax(axis=1)]
    assert classifier.predict(list(pictures), top=1) == tops == classifier.predict(iter(pictures), top=1)
    assert classifier.predict([picture]) == [classifier.predict(picture)]
    assert classifier.predict([]) == [] and classifier.probabilities([]).shape == (0, 4)


def test_more_pictures_than_a_batch(classifier, monkeypatch):
    pictures = easy_pictures(5, 6)[0]
    whole = classifier.probabilities(pictures)
    monkeypatch.setattr("tinyalex.evaluation.PICTURES_AT_ONCE", 2)
    np.testing.assert_allclose(classifier.probabilities(pictures), whole, rtol=1e-5)


@pytest.mark.parametrize(("count", "computed"), [(1, [1]), (3, [3, 1, 1, 1])])
def test_pictures_that_rounding_could_decide_are_computed_alone(classifier, monkeypatch, count, computed):
    seen, equal = [], np.full(len(CLASSES), 1 / len(CLASSES), np.float32)
    monkeypatch.setattr(
        classifier, "_of_squares", lambda x, ten_crop: seen.append(len(x)) or np.tile(equal, (len(x), 1))
    )
    answers = classifier.classify(np.zeros((count, 8, 8, 3), np.uint8))
    assert seen == computed and [one.answers[0].name for one in answers] == [classifier.classes[0]] * count


def test_a_view_as_of_a_greyscale_png_with_alpha(classifier):
    """Transparent is white, from a Pillow image as from its file."""
    image = Image.new("LA", (70, 64), (0, 0))
    white = np.full((64, 64, 3), 255, np.uint8)
    assert classifier.predict(image) == classifier.predict(white)


@pytest.mark.parametrize("ten_crop", [False, True])
def test_evaluate_is_the_command(data, classifier, ten_crop, capsys):
    expected = json_of(capsys, "evaluate", classifier.run.path, *["--ten-crop"] * ten_crop)
    found = classifier.evaluate(ten_crop=ten_crop, quiet=True)
    assert (found.top1_error, found.loss, found.images) == (expected["top1_error"], expected["loss"], 12)
    assert found == classifier.evaluate(str(data), ten_crop, quiet=True)


def test_what_a_notebook_shows(classifier):
    shown = repr(classifier)
    assert all(word in shown for word in (str(classifier.run.file), "alexnet-mini", "4 classes", "of 2"))
    for member in (tinyalex.load, tinyalex.train, tinyalex.resume, tinyalex.Classifier.predict):
        assert "UserError" in member.__doc__ and ">>>" in member.__doc__


# ---------------------------------------------------------------------------------------------- mistakes


def test_advice_is_a_call_not_a_command(data, classifier, tmp_path, capsys):
    """Of each function, and of what is printed on the way; a command gets its own words."""
    out, settings = classifier.run.path, SETTINGS | {"lr": 1e5}
    resume = f"tinyalex.resume('{out}')"
    refused(lambda: tinyalex.train(data, out=out), "not empty", resume, not_said=["--"], error=UserError)
    assert call(capsys, "train", "--data", data, "--out", out)[2].endswith(f"train --resume {out}\n")
    refused(lambda: tinyalex.train(data, model="alexnet"), "size=256", not_said=["--"], error=UserError)
    diverged = lambda: tinyalex.train(data, out=tmp_path / "high", **settings)  # noqa: E731
    for told in (diverged, lambda: tinyalex.load(tmp_path / "high")):  # kept in the run, for commands to read too
        refused(told, "try a rate of 0.02 in a new run", not_said=["--", "lr="], error=UserError)
    with in_python():
        assert [sentence(what, {"fc6": 0.5}, 0.1).rpartition(": ")[2] for what in SENTENCES] == [
            *["try lr=0.01"] * 4,
            *["see init"] * 2,
            "try lr=1",
        ]
    shutil.copytree(out, tmp_path / "begun")
    for name in ("last", "best"):
        (tmp_path / f"begun/{name}.safetensors").write_bytes(b"")
    again = f"tinyalex.resume('{tmp_path / 'begun'}')"
    refused(lambda: tinyalex.resume(tmp_path / "begun"), again, not_said=["--"], error=UserError)
    for name in ("last", "best"):
        (tmp_path / f"begun/{name}.safetensors").unlink()
    refused(lambda: tinyalex.load(tmp_path / "begun"), again, not_said=["--"], error=UserError)
    assert call(capsys, "evaluate", tmp_path / "begun")[2].endswith(f"train --resume {tmp_path / 'begun'}\n")


@pytest.mark.parametrize(
    "call, word",
    [
        (lambda c: c.predict("none.jpg"), "none.jpg: not found"),
        (lambda c: c.predict(["none.jpg", "other.jpg"]), "none.jpg"),
        (lambda c: c.predict("FILE"), "FILE: not a picture"),
        (lambda c: c.predict("."), ".: cannot be read"),
        (lambda c: c.predict(b""), "picture 1: empty file"),
        (lambda c: c.predict(3), "picture 1: found int, expected a path"),
        (
            lambda c: c.predict([np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9, 3))]),
            "picture 2: found an array float64",
        ),
        (lambda c: c.predict(np.zeros((64, 64), np.uint8)), "(64, 64), expected uint8 (H, W, 3)"),
        (lambda c: c.predict(np.zeros((0, 64, 3), np.uint8)), "(0, 64, 3), expected uint8 (H, W, 3), H, W ≥ 1"),
        (lambda c: c.predict(Image.new("RGB", (0, 5))), "picture 1: found 0×5 pixels, expected 1×1 or more"),
        (lambda c: c.predict(io.BytesIO(b"x")), "picture 1: found BytesIO, expected a path"),
        (lambda c: c.predict(bytearray(b"x")), "picture 1: found bytearray, expected a path"),
        (lambda c: c.predict("FILE", top=0), "top: found 0"),
        (lambda c: c.predict("FILE", top=2.5), "top: found 2.5, expected a whole number"),
        (lambda c: c.predict("FILE", top="3"), "top: found '3', expected a whole number"),
        (lambda c: c.predict("FILE", top=True), "top: found True, expected a whole number"),
        (lambda c: c.probabilities("FILE", ten_crop=1), "ten_crop: found 1, expected True or False"),
        (lambda c: c.evaluate(ten_crop="no"), "ten_crop: found 'no', expected True or False"),
        (lambda c: c.evaluate(data=np.zeros((9, 9))), ", expected a path"),
        (lambda c: tinyalex.load(None), "run: found None, expected a path"),
        (lambda c: tinyalex.load(b"x"), "run: found b'x', expected a path"),
        (lambda c: tinyalex.load(""), "run: is empty"),
        (lambda c: tinyalex.load(c.run.path, 5), "device: found 5, expected text"),
        (lambda c: tinyalex.resume(None), "run: found None, expected a path"),
        (lambda c: tinyalex.resume(c.run.path, epochs="3"), "epochs: found '3', expected a whole number"),
        (lambda c: tinyalex.resume(c.run.path, epochs=0), "epochs: found 0, expected 1 or more"),
        (lambda c: tinyalex.resume(c.run.path, epochs=1), "epochs: found 1, expected at least the 2"),
        (lambda c: tinyalex.train(model=5), "model: found 5, expected text"),
        (lambda c: tinyalex.train(out=5), "out: found 5, expected a path"),
        (lambda c: tinyalex.train(quiet="yes"), "quiet: found 'yes', expected True or False"),
        (lambda c: tinyalex.train(resume="runs/x"), "resume: a run goes on with tinyalex.resume('runs/x')"),
        (lambda c: tinyalex.train(towers=True), "some of data, model, out, recipe, device, quiet, start_from,"),
        (lambda c: tinyalex.train(modle="x"), "modle: there is no such setting (did you mean model?)"),
        (lambda c: tinyalex.train(lr=np.zeros((9, 9))), "lr: found array([["),
        (lambda c: tinyalex.train(epochs=True), "epochs: found True, expected a whole number"),
        (lambda c: c.evaluate("nowhere"), "nowhere"),
        (lambda c: c.evaluate("builtin", quiet=True), "not the same ones"),
        (lambda c: tinyalex.load("nowhere"), "nowhere: not found, expected a run folder"),
        (lambda c: tinyalex.load("FILE"), "FILE: not a whole safetensors file"),
        (lambda c: tinyalex.load(c.run.path, "tpu"), "device: found 'tpu', expected auto, cpu or gpu"),
        (lambda c: tinyalex.resume("nowhere"), "nowhere: no such folder"),
        (lambda c: tinyalex.train("nowhere"), "nowhere: no such folder"),
        (lambda c: tinyalex.open_dataset("nowhere"), "nowhere: no such folder"),
        (lambda c: tinyalex.open_dataset("FILE"), "FILE: a file, expected a prepared data set"),
        (lambda c: tinyalex.open_dataset(3), "spec: found 3, expected a path"),
        (lambda c: tinyalex.open_dataset(""), "spec: is empty"),
        (lambda c: tinyalex.train(ephocs=3), "ephocs: there is no such setting (did you mean epochs?)"),
        (lambda c: tinyalex.train(lr="0.1"), "lr: found '0.1', expected a number"),
        (lambda c: tinyalex.train(epochs=2.5), "epochs: found 2.5, expected a whole number"),
        (lambda c: tinyalex.train(epochs=0), "epochs: found 0"),
        (lambda c: tinyalex.train(schedule="cosin"), "schedule: found 'cosin'"),
        (lambda c: tinyalex.train(model="alexnet-mni"), "did you mean alexnet-mini?"),
        (lambda c: tinyalex.train(out=c.run.path), "not empty"),
        (lambda c: tinyalex.train(recipe="tiny-imagenet-10"), "data: tiny-imagenet-10 was made for"),
        (lambda c: tinyalex.train(recipe="tiny"), "recipe: found 'tiny'"),
    ],
)
def test_a_mistake_is_one_line(classifier, tmp_path, monkeypatch, call, word):
    monkeypatch.chdir(tmp_path)
    Path("FILE").write_text("some text")
    refused(lambda: call(classifier), word, error=UserError)
    assert [file.name for file in tmp_path.iterdir()] == ["FILE"], "something was written all the same"


@pytest.mark.parametrize("path", ["a" * 300, "a/" * 3000, "a\0b", "\ud800"], ids=["long", "deep", "NUL", "half"])
@pytest.mark.parametrize(
    "take",
    [
        lambda c, path: tinyalex.load(path),
        lambda c, path: tinyalex.resume(path),
        lambda c, path: tinyalex.resume(c.run.path, data=path),
        lambda c, path: tinyalex.open_dataset(path),
        lambda c, path: tinyalex.open_dataset(Path(path)),
        lambda c, path: tinyalex.open_dataset(path + "+first-half"),
        lambda c, path: tinyalex.train(path),
        lambda c, path: tinyalex.train(out=path),
        lambda c, path: tinyalex.train(out=path + "/run"),
        lambda c, path: tinyalex.train(recipe=path + ".toml"),
        lambda c, path: tinyalex.train(start_from=path),
        lambda c, path: tinyalex.train(model=path),
        lambda c, path: c.evaluate(path),
        lambda c, path: c.predict(path),
        lambda c, path: c.predict([Path(path)]),
    ],
)
def test_a_path_that_no_system_takes_is_one_line(classifier, tmp_path, monkeypatch, take, path):
    monkeypatch.chdir(tmp_path)
    refused(lambda: take(classifier, path), error=UserError)
    assert not list(tmp_path.iterdir())

"""The command line as a user meets it: help, results, JSON, and one line for every mistake."""

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.test_training import CLASSES, easy_pictures, tree, write_easy
from tinyalex import backend, cli
from tinyalex.cli import _parse, main
from tinyalex.commands import COMMANDS
from tinyalex.data import open_dataset
from tinyalex.errors import UserError
from tinyalex.evaluation import evaluate, probabilities
from tinyalex.inspection.galleries import RIGHT
from tinyalex.runs.checkpoint import load_checkpoint, save_checkpoint
from tinyalex.runs.trained import load_network
from tinyalex.streams import ReaderLeft
from tinyalex.terminal import command


@pytest.fixture(autouse=True)
def same_threads():
    before = backend.thread_count()
    yield
    backend.set_thread_count(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_easy(tmp_path_factory.mktemp("data") / "easy", 40, 12)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """A finished run."""
    out = tmp_path_factory.mktemp("runs") / "first"
    assert main(["train", "--data", str(data), "--out", str(out), "--epochs", "3", "--batch", "8", "--lr", "0.01"]) == 0
    return out


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Four picture files of other sizes than the network's, a text and a name without a file."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, picture in zip(CLASSES, easy_pictures(4, 5, size=90)[0]):
        Image.fromarray(picture).save(folder / f"{name}.png")
    (folder / "notes.png").write_text("not a picture")
    return [*(folder / f"{name}.png" for name in CLASSES), folder / "notes.png", folder / "none.jpg"]


def write_class_folders(path):
    for split, seed in (("train", 7), ("val", 8)):
        for number, (picture, label) in enumerate(zip(*easy_pictures(8, seed))):
            folder = path / split / CLASSES[label]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(folder / f"{number}.png")


def call(capsys, *arguments):
    """(exit code, stdout, stderr) of one command in this process."""
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def json_of(capsys, *arguments, expected_code=0):
    """The one JSON object that --json prints: on one line, and strict, so NaN is none."""
    code, out, err = call(capsys, *arguments, "--json")
    assert code == expected_code, err
    assert out.count("\n") == 1 and out.endswith("\n"), "more than one object on stdout"
    return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


# ---------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    examples = re.sub(r" \\\n +", " ", shown.split("examples:\n")[1])
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    examples = [re.sub(r"^mpiexec -n \d+ ", "", line) for line in lines]
    assert examples and all(line.startswith(f"tinyalex {command}") for line in examples)
    for line in examples:
        _parse(line.split()[1:])  # UserError where an example is out of date
    assert "--json" in shown


def test_help_of_all(capsys):
    for option in ("--help", "--version"):
        with pytest.raises(SystemExit) as ended:
            main([option])
        assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in COMMANDS) and "tinyalex train" in shown


def test_a_small_command_loads_no_large_library():
    code = "import sys; from tinyalex.cli import main; main(['summary']); print(sorted({LARGE} & set(sys.modules)))"
    code = code.replace("LARGE", "'matplotlib', 'PIL', 'torch'")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# ---------------------------------------------------------------------------------------------- results


def test_train(data, run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    once = ("train", "--data", data, "--epochs", 1, "--batch", 8, "--lr", 0.01, "--threads", 1)
    result = json_of(capsys, *once)
    assert {
        "top1_error",
        "last_top1_error",
        "epochs",
        "seconds",
        "images_per_s",
        "run",
        "model",
        "device",
    } <= result.keys()
    assert result["epochs"] == 1 and 0 <= result["top1_error"] <= 1 and result["images_per_s"] > 0
    assert result["run"] == str(Path("runs", "alexnet-small-1")), "without --out the next free name is taken"
    code, out, err = call(capsys, *once)
    assert code == 0 and "runs/alexnet-small-2/curves.png" in out and "epoch   1/1" in err
    assert "top-1" in out and "wrong" in err and "top-5" not in out + err, "four classes have no top-5 error"
    assert not [key for key in result if "top5" in key]
    names = {"config.json", "metrics.jsonl", "last.safetensors", "best.safetensors", "result.json", "curves.png"}
    assert names <= tree(tmp_path / "runs" / "alexnet-small-2").keys() == tree(run).keys()


@pytest.mark.parametrize("ten_crop", [False, True])
def test_evaluate(data, run, capsys, ten_crop):
    more = ["--ten-crop"] if ten_crop else []
    result = json_of(capsys, "evaluate", run, *more)
    assert {"top1_error", "images", "loss"} <= result.keys() and "top5_error" not in result and result["images"] == 12
    assert result["checkpoint"] == str(run / "best.safetensors")
    network, view, _, _ = load_network(run, np)
    expected = evaluate(network, open_dataset(data).val, view, np, ten_crop)
    assert (result["top1_error"], result["loss"]) == (expected.top1_error, expected.loss)
    if not ten_crop:
        assert result["top1_error"] == json.loads((run / "result.json").read_text())["top1_error"]
    code, out, _ = call(capsys, "evaluate", run, "--data", data, *more)
    assert code == 0 and f"{expected.top1_error:.1%}" in out and ("ten crops" in out) == ten_crop
    last = json_of(capsys, "evaluate", run / "last.safetensors")
    assert last["checkpoint"].endswith("last.safetensors")


def test_counts_have_commas(capsys):
    from tinyalex.commands import compare, evaluate

    evaluate.show({"ten_crop": False, "top1_error": 0.5, "loss": 1.0, "images": 10000})
    assert capsys.readouterr().out.endswith(" 10,000\n")
    change = {key: {"difference": 0.1, "low": 0.0, "high": 0.2} for key in ("top1_error", "loss")}
    change["top1_error"] |= {"only_a": 1000, "only_b": 2000, "p": 0.5}
    side = {"run": "r", "model": "m", "epoch": 1, "epochs": 1, "top1_error": 0.5, "loss": 1.0}
    classes = [{"class": "cat", "images": 5000, "wrong_a": 3000, "wrong_b": 4000}]
    result = {"differences": [], "images": 10000, "ten_crop": False, "classes": classes, "change": change}
    compare.show(result | {"a": side, "b": side, "cause": "", "reading": "", "notes": []})
    out = capsys.readouterr().out
    assert all(count in out for count in ("10,000", "1,000", "2,000", "3,000", "4,000", "5,000"))
    assert not re.search(r"\d{4}", out)


def test_help_says_that_0_means_never(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    for option in ("--color-epochs", "--until-error", "--patience"):
        words = out[out.index(f" {option} ", out.index("settings (")) :].split(" --")[1]
        assert "(0, the default: never)" in words, option


def test_predict(run, pictures, capsys):
    result = json_of(capsys, "predict", run, *pictures)
    assert [Path(one["file"]).stem for one in result["predictions"]] == list(CLASSES)
    for one in result["predictions"]:
        shares = [answer["probability"] for answer in one["top"]]
        assert len(shares) == 4 and shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1, abs=1e-5)
        assert {answer["class"] for answer in one["top"]} == set(CLASSES)
    assert [Path(one["file"]).name for one in result["unreadable"] if one["reason"]] == ["notes.png", "none.jpg"]
    ten = json_of(capsys, "predict", run, pictures[0], "--ten-crop", "--top", 2)
    assert len(ten["predictions"][0]["top"]) == 2
    assert ten["predictions"][0]["top"][0]["probability"] != result["predictions"][0]["top"][0]["probability"]
    code, out, err = call(capsys, "predict", run, *pictures)
    assert code == 0 and out.count("%") == 16 and all(str(picture) in out for picture in pictures[:4])
    assert [line.split(":")[1].strip() for line in err.splitlines()] == [str(picture) for picture in pictures[4:]]


def test_predict_says_what_the_net_knows(run, data, pictures, capsys):
    """Whatever a picture shows, the answer is one of the classes trained on: so these are named."""
    result = json_of(capsys, "predict", run, pictures[0])
    assert (result["model"], result["trained_on"], result["classes"]) == ("alexnet-small", str(data), 4)
    _code, out, _err = call(capsys, "predict", run, pictures[0])
    assert out.startswith(f"alexnet-small, trained on {data}, knows 4 classes ({', '.join(CLASSES)}).\n")


def test_predict_without_pictures_takes_those_to_validate_on(run, data, capsys):
    result = json_of(capsys, "predict", run)
    split = open_dataset(data).val
    for one, label in zip(result["predictions"], CLASSES, strict=True):
        row = int(one["file"].removeprefix(f"{data}, validation picture ")) - 1
        assert one["label"] == label == CLASSES[split.labels[row]]
        network, view, _, _ = load_network(run, np)
        assert one["top"][0]["probability"] == pytest.approx(
            probabilities(network, split.gather([row]), view).max(), rel=1e-5
        )
    _code, out, _err = call(capsys, "predict", run)
    assert all(f"{one['file']}: {one['label']}\n" in out for one in result["predictions"])
    marked = [line.split(RIGHT)[1].split()[0] for line in out.splitlines() if RIGHT in line]
    assert marked == list(CLASSES), "each true class has the sign that `inspect` gives it"


def test_predict_without_the_data_asks_for_pictures(run, tmp_path, capsys, pictures):
    """Where the run's own are gone, and where they are damaged."""
    shutil.copytree(run, tmp_path / "run")
    info = load_checkpoint(run / "best.safetensors").info
    for what in ("gone", "damaged"):
        data = tmp_path / what
        about = info | {"config": info["config"] | {"data": str(data)}, "places": {}}
        (tmp_path / "run/config.json").write_text(json.dumps(about))
        if what == "damaged":
            data.mkdir()
        code, out, err = call(capsys, "predict", tmp_path / "run")
        assert code == 2 and out == "" and err.count("\n") == 1 and str(data) in err and "--data" not in err
        assert f"name them: {command('predict', tmp_path / 'run', 'cat.jpg')}" in err
    assert call(capsys, "predict", tmp_path / "run", pictures[0])[0] == 0


def test_prepare_then_evaluate(tmp_path, run, capsys):
    """Class folders in, a prepared set out, on which the run could be judged if its classes were in the same order."""
    write_class_folders(tmp_path / "source")
    result = json_of(capsys, "prepare", tmp_path / "source", tmp_path / "out", "--size", 64, "--workers", 1)
    assert result["train_images"] == result["val_images"] == 8 and result["classes"] == 4
    code, _, err = call(capsys, "evaluate", run, "--data", tmp_path / "out")
    assert code == 2 and "same order" in err  # sorted by name they are blue, green, grey, red


def test_summary(capsys):
    names = [model["name"] for model in json_of(capsys, "summary")["models"]]
    assert "alexnet" in names and "alexnet-small" in names
    changes = {change["name"]: change for change in json_of(capsys, "summary")["variations"]}
    assert changes["bn"]["families"] == ["alexnet", "vgg"] and {"no-skip", "depth-N", "large-kernels"} < changes.keys()
    _, out, _ = call(capsys, "summary")
    assert all(f"\n+{name} " in out for name in changes) and "6n + 2" in out
    result = json_of(capsys, "summary", "alexnet-small", "--classes", 20, "--batch", 3)
    assert result["classes"] == 20 and result["batch"] == 3 and len(result["layers"]) == 23
    assert result["parameters"] == sum(layer["parameters"] for layer in result["layers"])
    code, out, err = call(capsys, "summary", "alexnet-small", "--classes", 20, "--batch", 3)
    assert code == 0 and f"{result['parameters']:,}" in out and "batch 3" in out and err == ""


def test_gradcheck(capsys):
    result = json_of(capsys, "gradcheck", "--seed", 3)
    assert result["ok"] is True and len(result["checks"]) > 20
    code, out, _ = call(capsys, "gradcheck")
    assert code == 0 and "gradients are right" in out and "WRONG" not in out


# ---------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    "arguments, word",
    [
        ("", "COMMAND"),
        ("trian", "did you mean train?"),
        ("--verbose", "COMMAND"),
        ("train --epoch 3", "did you mean --epochs?"),
        ("train --epochs three", "--epochs"),
        ("train --epochs 0", "--epochs: found 0"),
        ("train --epochs", "--epochs"),
        ("train extra", "'extra'"),
        ("train --no-colour", "did you mean --no-color?"),
        ("train --model alexnet-smal", "did you mean alexnet-small?"),
        ("train --data nowhere", "nowhere"),
        ("train --data RUN", "RUN"),
        ("train --data DATA --model alexnet-32", "32"),
        ("train --lr -1", "--lr"),
        ("train --lr nan", "--lr"),
        ("train --batch -5", "--batch"),
        ("train --schedule cosin", "--schedule"),
        ("train --init heh", "--init"),
        ("train --seed -1", "--seed"),
        ("train --device tpu", "--device"),
        ("train --threads 0", "--threads"),
        ("train --threads many", "--threads"),
        ("train --data DATA --out RUN", "--out: RUN is not empty; choose another folder, or go on with: "),
        ("train --data DATA --out FILE", "--out: FILE is a file"),
        ("train --data DATA --out FILE/under", "--out: FILE/under cannot be made"),
        ("train --data DATA --recipe tiny", "--recipe: found 'tiny'"),
        ("train --data DATA --recipe FILE.toml", "--recipe: FILE.toml: not found"),
        ("train --resume nowhere", "nowhere"),
        ("train --resume DATA", "config.json"),
        ("evaluate", "RUN"),
        ("evaluate nowhere", "nowhere"),
        ("evaluate FILE", "FILE"),
        ("evaluate DATA", "config.json"),
        ("evaluate RUN --data nowhere", "nowhere"),
        ("evaluate RUN --data OTHER", "pixels"),
        ("evaluate RUN --tencrop", "did you mean --ten-crop?"),
        ("predict", "RUN"),
        ("predict RUN none.png", "none.png"),
        ("predict RUN FILE", "FILE"),
        ("predict RUN FILE --top 0", "--top"),
        ("predict nowhere FILE", "nowhere"),
        ("prepare", "SOURCE"),
        ("prepare nowhere new", "nowhere"),
        ("prepare DATA RUN", "RUN"),
        ("prepare FILE new", "FILE"),
        ("prepare SOURCE new --size 0", "size"),
        ("prepare SOURCE new --classes 0", "classes"),
        ("prepare SOURCE new --classes none.txt", "none.txt"),
        ("prepare SOURCE new --per-class -1", "per"),
        ("prepare SOURCE new --format jpeg", "jpeg"),
        ("download", "NAME"),
        ("download imagenet new", "imagenet"),
        ("export RUN", "FILE"),
        ("export RUN out.pb", "FILE: found out.pb, expected a name that ends in .onnx"),
        ("export nowhere out.npz", "nowhere"),
        ("export RUN out.npz --pixels float", "--pixels: found 'float' for out.npz"),
        ("summary alexnett", "MODEL: there is no 'alexnett' (did you mean alexnet?)"),
        ("summary alexnet --classes 0", "--classes"),
        ("summary alexnet --batch 0", "--batch"),
        ("summary --batch 64", "--batch: found 64 without a MODEL"),
        ("summary --classes 10", "--classes: found 10 without a MODEL"),
        ("gradcheck --seed -1", "--seed"),
        ("gradcheck --threads -2", "--threads"),
        ("bench --model vgg", "vgg"),
        ("bench --no-torch --batch 99999999", "--batch: found 99999999: "),
        ("summary alexnet --classes 999999999", "memory"),
        ("train --resume ''", "--resume: is empty"),
        ("predict '' FILE", "RUN: is empty"),
        ("prepare SOURCE new --classes ²", "²"),
        ("bench --batch 0", "--batch"),
        ("train --batch 99999999999999999999", "--batch: found 99999999999999999999, expected at most 1,000,000,000"),
        ("summary --classes -99999999999999999999", "--classes: found -99999999999999999999, expected at most"),
        ("gradcheck --seed 99999999999999999999", "--seed"),
        ("gradcheck --threads 10000000", "--threads: found 10000000, expected 1 to "),
        ("prepare SOURCE new --workers 10000000", "workers"),
        ("experiment C3 --seeds 1000000", "--seeds: found 1000000, expected 1 to 1000"),
        ("bench --no-torch --model alexnet --batch 100000000", " TB of memory"),
        ("train --data DATA --batch 1000000000", " TB, "),
        (f"train --epochs 1{'0' * 400}", "--epochs: found 1000"),
        (f"train --epochs 1{'0' * 5000}", "--epochs: found '1000"),
        ("train --epochs 1e3", "--epochs: found '1e3', expected a whole number, in digits only"),
        ("train --epochs 2.5", "--epochs: found '2.5', expected a whole number"),
        ("train --lr fast", "--lr: found 'fast', expected a number"),
        ("train --lr 1e9", "--lr: found 1e+09, expected a positive number below 1e6"),
        ("train --until-error 2", "--until-error: found 2, expected 0 (do not stop early) or"),
        (f"prepare SOURCE new --classes {'9' * 5000}", "classes"),
        (f"train --data DATA --out {'a' * 300}", "--out"),
        ("train --data DATA --out 'x\0y'", "NUL"),
        ("lesson 05 --check 'x\0y'", "NUL"),
        ("evaluate SICK --data DATA", "SICK: found NaN"),
        ("evaluate RUN SICK --data DATA --ensemble --ten-crop", "SICK: found NaN"),
        ("compare RUN SICK --data DATA", "SICK: found NaN"),
        ("compare SICK RUN RUN/last.safetensors --data DATA", "SICK: found NaN"),
        ("predict SICK PICTURE", "SICK: found NaN"),
    ],
)
def test_a_mistake_is_one_line(data, run, pictures, tmp_path, monkeypatch, capsys, arguments, word):
    monkeypatch.chdir(tmp_path)
    Path("FILE").write_text("some text")
    for name, folder in (("DATA", data), ("RUN", run)):
        Path(name).symlink_to(folder)
    if "OTHER" in arguments:
        write_easy(Path("OTHER"), 4, 4, size=32)
    if "SOURCE" in arguments:
        write_class_folders(Path("SOURCE"))
    if "SICK" in arguments:
        sick = load_checkpoint(run / "best.safetensors")
        sick.params["conv1.weight"][0] = np.nan
        save_checkpoint("SICK", sick)
        shutil.copy(pictures[0], "PICTURE")
    before = set(tree(run)), set(tmp_path.iterdir())
    code, out, err = call(capsys, *shlex.split(arguments))
    assert code == 2 and out == "" and err.count("\n") == 1, err
    assert err.startswith("tinyalex: ") and word in err, err
    assert before == (set(tree(run)), set(tmp_path.iterdir())), "something was written all the same"


@pytest.mark.parametrize(
    "arguments",
    [
        *("predict PIPE", "evaluate PIPE", "inspect PIPE", "compare RUN PIPE", "runs PIPE", "predict RUN PIPE"),
        *("train --data PIPE", "train --resume PIPE", "evaluate RUN --data PIPE", "evaluate RUN --data FOLDER"),
        *("prepare PIPE new", "prepare PIPE.parquet new", "prepare SOURCE PIPE", "train --recipe PIPE.toml"),
    ],
)
def test_what_is_there_is_not_called_missing(run, tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    write_class_folders(Path("SOURCE"))
    Path("RUN").symlink_to(run)
    Path("FOLDER").mkdir()
    for name in ("PIPE", "PIPE.parquet", "PIPE.toml", "FOLDER/meta.json"):
        os.mkfifo(name)
    code, out, err = call(capsys, *arguments.split())
    assert code == 2 and out == "" and err.count("\n") == 1
    assert ": a device or a pipe" in err or "(a device or a pipe" in err, err


def test_without_a_gpu(monkeypatch, capsys):
    monkeypatch.setattr(backend.arrays, "_find_gpu", lambda: (None, "CuPy is not installed"))
    code, out, err = call(capsys, "gradcheck", "--device", "gpu")
    assert code == 2 and out == "" and err == "tinyalex: --device: found gpu, but CuPy is not installed\n"


def test_a_run_without_a_checkpoint(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("*.safetensors"))
    code, _, err = call(capsys, "evaluate", tmp_path / "run")
    assert code == 2 and "--resume" in err and err.count("\n") == 1


def test_a_fault_of_ours_is_not_hidden(monkeypatch):
    """Only UserErrors are one line; anything else keeps its traceback, and Python's exit code 1."""
    monkeypatch.setattr("tinyalex.commands.summary.find_model", lambda *names: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["summary", "alexnet"])


# ---------------------------------------------------------------------------------------------- as a process


def python_m(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "tinyalex", *arguments], text=True, capture_output=True, **options)


def test_as_a_module():
    done = python_m("summary", "--json")
    assert done.returncode == 0 and done.stderr == "" and "models" in json.loads(done.stdout)
    done = python_m("summary", "alexnett")
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert python_m("--version").stdout.startswith("tinyalex ")


def test_a_reader_that_leaves_learns_what_was_saved(monkeypatch, capsys):
    """`train` saves the run that its result names, `doctor` only names it; what is not right stays so."""

    def result(args):
        return {"run": "runs/a", "ok": args.command != "gradcheck"}

    def left(result, args):
        raise ReaderLeft

    monkeypatch.setattr(cli, "_show", left)
    for words, code, told in (
        (["train"], 0, "tinyalex: the run is saved in runs/a; go on with: "),
        (["doctor", "runs/a"], 0, ""),
        (["gradcheck"], 1, ""),
    ):
        monkeypatch.setattr(importlib.import_module(f"tinyalex.commands.{words[0]}"), "run", result)
        assert main(words) == code
        err = capsys.readouterr().err
        assert err.startswith(told) if told else err == ""


def test_a_reader_that_leaves():
    command = [sys.executable, "-m", "tinyalex", "summary", "alexnet-small"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.close()
    with child.stderr as stderr:
        assert stderr.read() == b""
    assert child.wait() == 0


@pytest.mark.parametrize(
    "line, name, expected",
    [
        ("predict RUN --top 3 a.jpg b.jpg", "pictures", ["a.jpg", "b.jpg"]),
        ("predict RUN a.jpg --json b.jpg", "pictures", ["a.jpg", "b.jpg"]),
        ("predict RUN --top 3", "pictures", []),
        ("evaluate ONE --json TWO", "run", ["ONE", "TWO"]),
    ],
)
def test_options_may_stand_between_arguments(line, name, expected):
    assert getattr(_parse(line.split()), name) == expected


def test_a_word_too_many_is_refused():
    for line in ("summary alexnet another", "predict RUN a.jpg --tpo 3 b.jpg"):
        with pytest.raises(UserError, match="unknown argument '(another|--tpo)'"):
            _parse(line.split())

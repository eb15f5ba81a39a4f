"""A run that is ended at any moment and taken up again ends with the same bits as one that was left alone.

TINYALEX_KILLS says how many processes are killed (3 where it is not set).
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.checks import refused
from tests.training.test_training import easy_dataset, start, tree, write_easy
from tinyalex.cli import main
from tinyalex.data import open_dataset
from tinyalex.errors import UserError
from tinyalex.runs import folder as folders
from tinyalex.runs.checkpoint import load_checkpoint
from tinyalex.runs.folder import RunFolder
from tinyalex.training import trainer as training
from tinyalex.training import whole

KILLS = int(os.environ.get("TINYALEX_KILLS", 3))
TRAIN, VAL = 20, 8  # batches of 8, 8 and 4
OPTIONS = "--epochs 2 --batch 8 --lr 0.01 --schedule cosine:1 --threads 1".split()
TIMINGS = ("seconds", "images_per_s", "run", "device", "memory_estimate_bytes")  # differ with the machine

# The command, saving after every step, and taking its time over it
CHILD = """
import sys, time
from tinyalex.cli import main
from tinyalex.runs import folder
from tinyalex.training import trainer as training

save = folder.save_checkpoint

def slowly(path, checkpoint):
    save(path, checkpoint)
    time.sleep(float(sys.argv[1]))

training.SAVE_SECONDS, folder.save_checkpoint = 0, slowly
sys.exit(main(sys.argv[2:]))
"""


def bits(folder):
    """All that a run decides: parameters, velocity, view, the epochs' lines and the result, without timings."""
    checkpoint = load_checkpoint(folder / "last.safetensors")
    best = load_checkpoint(folder / "best.safetensors").params
    groups = (checkpoint.params, checkpoint.velocity, checkpoint.view, best)
    lines = RunFolder(folder).read_metrics("epoch") + [json.loads((folder / "result.json").read_text())]
    numbers = [{key: value for key, value in line.items() if key not in TIMINGS} for line in lines]
    return [{name: a.tobytes() for name, a in group.items()} for group in groups] + numbers


def assert_same(folder, expected):
    found = bits(folder)
    for what, ours, theirs in zip(("params", "velocity", "view", "best"), found, expected):
        assert ours == theirs, f"{what} differ"
    assert found[4:] == expected[4:]


# ---------------------------------------------------------------------------------------------- killed, as processes


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_easy(tmp_path_factory.mktemp("data") / "easy", TRAIN, VAL)


def launch(*arguments, pause=0.0):
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(pause), "train", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    """(what it ended with, how long it took) of a run that was left alone, without saving within epochs."""
    out, began = tmp_path_factory.mktemp("runs") / "undisturbed", time.perf_counter()
    command = [sys.executable, "-m", "tinyalex", "train", "--data", data, "--out", out, *OPTIONS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return bits(out), time.perf_counter() - began


def again(data, out):
    """The command that goes on: --resume, or the first one where the run had not begun."""
    return ["--resume", out] if (out / "config.json").exists() else ["--data", data, "--out", out, *OPTIONS]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(KILLS))
def test_killed_twice(data, undisturbed, tmp_path, number):
    expected, seconds = undisturbed
    out, rng = tmp_path / "run", random.Random(number)
    for _ in range(2):
        child = launch(*again(data, out))
        time.sleep(rng.uniform(0.2, 1.0) * seconds)
        child.kill()
        child.communicate()
    child = launch(*again(data, out))
    _, said = child.communicate()
    assert child.returncode == 0, said
    assert_same(out, expected)


def wait_for(path, child):
    while not path.exists():
        assert child.poll() is None, child.communicate()[1]
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    "number, times", [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGHUP, 2), (signal.SIGINT, 2)]
)
def test_ctrl_c_saves(data, undisturbed, tmp_path, number, times):
    """Once: after the step, saved, with a line that says how to go on. Twice: at once, but a window closes with two."""
    out = tmp_path / "run"
    child = launch("--data", data, "--out", out, *OPTIONS, pause=0.5)
    wait_for(out / "last.safetensors", child)
    for _ in range(times):
        child.send_signal(number)
        time.sleep(0.1)
    printed, said = child.communicate()
    assert child.returncode == 128 + number and printed == "" and "Traceback" not in said, said
    last_line = said.splitlines()[-1]
    if times == 1 or number == signal.SIGHUP:
        assert f"train --resume {out}" in last_line and "epoch 1, step" in last_line
    assert main(["train", "--resume", str(out)]) == 0
    assert_same(out, undisturbed[0])


# ---------------------------------------------------------------------------------------------- at chosen moments


class Killed(BaseException):
    """The process ends here, as far as the run can know."""


def dying(function, call, after):
    """`function`, which at its call number `call` ends the process before or after its work."""
    calls = []

    def wrapper(*args, **kwargs):
        calls.append(1)
        if len(calls) == call and not after:
            raise Killed
        result = function(*args, **kwargs)
        if len(calls) == call and after:
            raise Killed
        return result

    return wrapper


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory):
    trainer = start(tmp_path_factory.mktemp("runs") / "run", easy_dataset(TRAIN, VAL), schedule="plateau:1")
    trainer.train()
    return bits(trainer.folder.path)


EVERY_STEP, NEVER = -1, 300  # seconds between checkpoints within an epoch


@pytest.mark.parametrize(
    "owner, name, call, after, save_seconds",
    [
        (training, "training_step", 1, False, NEVER),
        (training, "training_step", 2, True, EVERY_STEP),
        (training, "training_step", 6, False, EVERY_STEP),
        (training, "training_step", 6, False, NEVER),
        (whole, "evaluate", 1, False, EVERY_STEP),
        (whole, "evaluate", 2, True, NEVER),
        (folders, "save_checkpoint", 1, True, NEVER),  # the best is new, the last is not
        (folders, "save_checkpoint", 2, False, NEVER),
        (folders, "save_checkpoint", 2, True, EVERY_STEP),
        (RunFolder, "log", 1, False, NEVER),  # saved, but the epoch's line is not written
        (RunFolder, "log", 1, True, EVERY_STEP),  # the line is there, but the epoch is not saved as finished
        (RunFolder, "log", 2, False, EVERY_STEP),
        (RunFolder, "log", 2, True, NEVER),
        (RunFolder, "write_json", 1, False, NEVER),  # of the result: config.json is written before
    ],
)
def test_killed_at(left_alone, tmp_path, monkeypatch, owner, name, call, after, save_seconds):
    monkeypatch.setattr(training, "SAVE_SECONDS", save_seconds)
    dataset = easy_dataset(TRAIN, VAL)
    trainer = start(tmp_path / "run", dataset, schedule="plateau:1")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(owner, name, dying(getattr(owner, name), call, after))
        trainer.train()
    training.go_on(RunFolder.open(tmp_path / "run"), dataset, np, quiet=True).train()
    assert_same(tmp_path / "run", left_alone)


def test_every_line_once_after_a_kill(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "LOG_EVERY", 1)
    dataset = easy_dataset(TRAIN, VAL)
    trainer = start(tmp_path / "run", dataset)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training, "training_step", dying(training.training_step, 6, False))
        trainer.train()
    with open(trainer.folder.metrics, "a") as file:
        file.write('{"kind": "step", "st')  # the line that was being written
    training.go_on(trainer.folder, dataset, np, quiet=True).train()
    steps = [json.loads(line)["step"] for line in trainer.folder.metrics.read_text().splitlines()]
    assert steps == [1, 2, 3, 3, 4, 5, 6, 6]  # at the end of an epoch a step's line and the epoch's


def test_what_a_kill_leaves_lying_is_swept_up(tmp_path):
    """Files that were being written: beside config.json nothing had begun; later they must not pile up."""
    out, dataset = tmp_path / "run", easy_dataset(TRAIN, VAL)
    out.mkdir()
    (out / ".config.json.99.part").write_text("{")
    trainer = start(out, dataset, epochs=1)
    (out / ".last.safetensors.99.part").write_bytes(bytes(1000))
    training.go_on(trainer.folder, dataset, np, quiet=True).train()
    assert not [name for name in tree(out) if name.endswith(".part")]


# ---------------------------------------------------------------------------------------------- what is refused


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "finished"
    assert main(["train", "--data", str(data), "--out", str(out), *OPTIONS]) == 0
    return out


def test_a_finished_run_says_its_result_again(finished, data, tmp_path, capsys):
    before, moved = bits(finished), tmp_path / "moved"
    shutil.copytree(data, moved)
    for more in ([], ["--data", str(moved)]):
        assert main(["train", "--resume", str(finished), *more, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["top1_error"] == before[-1]["top1_error"]
        assert_same(finished, before)


@pytest.mark.parametrize(
    "more, words",
    [
        (["--lr", "0.1"], ["--lr"]),
        (["--no-color"], ["--no-color"]),
        (["--no-bias-decay"], ["--no-bias-decay"]),
        (["--model", "alexnet"], ["--model"]),
        (["--out", "elsewhere"], ["--out"]),
        (["--data", "builtin-no"], ["builtin-no"]),
    ],
)
def test_other_settings_are_refused(finished, more, words, capsys):
    before = tree(finished)
    assert main(["train", "--resume", str(finished), *more]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and all(word in error for word in words), error
    assert tree(finished) == before


def test_other_data_are_refused(finished, tmp_path, capsys):
    other, before = write_easy(tmp_path / "other", TRAIN, VAL, seed=9), tree(finished)
    assert main(["train", "--resume", str(finished), "--data", str(other)]) == 2
    error = capsys.readouterr().err
    assert (
        error.count("\n") == 1
        and str(finished) in error
        and "began with data different" in error
        and tree(finished) == before
    )


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize(
    "damage, word",
    [
        (lambda run: cut(run / "last.safetensors"), "last.safetensors"),
        (lambda run: (run / "last.safetensors").write_bytes(b""), "last.safetensors"),
        (lambda run: (run / "config.json").write_text("{"), "config.json"),
        (lambda run: (run / "config.json").write_text("[]"), "config.json"),
        (lambda run: (run / "config.json").unlink(), "config.json"),
        (lambda run: shutil.rmtree(run), "no such folder"),
    ],
)
def test_damage_is_said_in_one_line(finished, tmp_path, damage, word, capsys):
    shutil.copytree(finished, tmp_path / "run")
    damage(tmp_path / "run")
    assert main(["train", "--resume", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and word in error and str(tmp_path / "run") in error, error


def test_another_models_checkpoint_is_refused(finished, data, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    settings = json.loads((tmp_path / "run" / "config.json").read_text())
    settings["config"]["model"] = "alexnet-64"
    (tmp_path / "run" / "config.json").write_text(json.dumps(settings))
    folder = RunFolder.open(tmp_path / "run")
    refused(lambda: training.go_on(folder, open_dataset(data), np), "last.safetensors", "shape", error=UserError)


# ---------------------------------------------------------------------------------------------- past the end


def gone_on(path, schedule, first=1, then=3, **chosen):
    """A run of `first` epochs that goes on to `then`."""
    start(path, easy_dataset(TRAIN, VAL), epochs=first, schedule=schedule, **chosen).train()
    trainer = training.go_on(RunFolder(path), easy_dataset(TRAIN, VAL), np, quiet=True, epochs=then)
    assert (path / "result.json").exists() == (first >= then), "a run that goes on has no result"
    trainer.train()
    return trainer


@pytest.mark.parametrize("schedule", ["constant", "steps:1,2", "plateau:1"])
def test_a_schedule_that_knows_no_end_continues(tmp_path, schedule):
    """Bit for bit as if the run had had so many epochs from the start."""
    start(tmp_path / "whole", easy_dataset(TRAIN, VAL), epochs=3, schedule=schedule).train()
    trainer = gone_on(tmp_path / "run", schedule)
    assert_same(tmp_path / "run", bits(tmp_path / "whole"))
    assert RunFolder(tmp_path / "run").settings() == trainer.config and trainer.config.epochs == 3


def test_cosine_falls_over_all_epochs(tmp_path):
    trainer = gone_on(tmp_path / "run", "cosine:0", then=2)
    rates = [line["lr"] for line in trainer.folder.read_metrics("epoch")]
    assert rates[1] == pytest.approx(0.01 * 0.5 * (1 + np.cos(np.pi * (1 + 2 / 3) / 2)))  # step 3 of 3, epoch 2 of 2


@pytest.mark.parametrize("epochs, words", [("1", ["--epochs: found 1", "at least the 2 begun"]), ("0", ["1 or more"])])
def test_fewer_epochs_than_are_done_are_refused(finished, capsys, epochs, words):
    before = tree(finished)
    assert main(["train", "--resume", str(finished), "--epochs", epochs]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and all(word in error for word in words) and tree(finished) == before, error


def test_going_on_from_the_command_line(finished, tmp_path, capsys):
    shutil.copytree(finished, tmp_path / "run")
    assert main(["train", "--resume", str(tmp_path / "run"), "--epochs", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["epochs"] == 3
    assert main(["train", "--resume", str(tmp_path / "run"), "--json"]) == 0, "it remembers"
    out, err = capsys.readouterr()
    assert json.loads(out)["epochs"] == 3 and "all 3 epochs are done; there is nothing left to do" in err


def test_a_run_that_ended_early_does_not_go_on(tmp_path):
    """Its last epochs would not be better ones; nothing of it changes."""
    path, data = tmp_path / "run", easy_dataset(TRAIN, VAL)
    start(path, data, epochs=6, patience=1, lr=1e-9).train()
    before = (path / "config.json").read_bytes()
    why = "1 epoch without a lower top-1 validation error"
    refused(
        lambda: training.go_on(RunFolder(path), data, np, quiet=True, epochs=9), "epochs: found 9", why, error=UserError
    )
    assert (path / "config.json").read_bytes() == before
    assert training.go_on(RunFolder(path), data, np, quiet=True).finished()

"""The loop, on pictures that are easy to learn: it learns, writes down what happened, and stops before it does harm.

`write_easy` and `train` serve the tests of resuming and of the command line too.
"""

import json
import math
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest

from tests.checks import refused
from tinyalex.data import open_dataset
from tinyalex.data.dataset import ColorStatistics, Dataset, Split
from tinyalex.data.prepared import PreparedWriter
from tinyalex.errors import UserError, as_typed
from tinyalex.evaluation import Evaluation, evaluate
from tinyalex.layers import SoftmaxCrossEntropy
from tinyalex.models import find_model
from tinyalex.runs.checkpoint import load_checkpoint
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.trained import load_network
from tinyalex.schema import anything, read_json
from tinyalex.training import memory, whole
from tinyalex.training import trainer as training
from tinyalex.training.schedules import Schedule

CLASSES = ("red", "green", "blue", "grey")
NOTHING = {"crops": False, "mirror": False, "color": False}


def easy_pictures(count, seed, size=64):
    """uint8 (count, S, S, 3) and labels: noise with one colour lighter than the others, or none."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    tint = 60 * np.vstack([np.eye(3), np.zeros(3)])[labels][:, None, None, :]
    return (rng.integers(0, 180, (count, size, size, 3)) + tint).astype(np.uint8), labels


def easy_dataset(train=48, val=12, size=64):
    """The same in memory, as a Dataset."""
    pictures, labels = easy_pictures(train, 0, size)
    val_pictures, val_labels = easy_pictures(val, 1, size)
    statistics = ColorStatistics(size)
    statistics.add(pictures)
    return Dataset(
        "easy",
        size,
        CLASSES,
        CLASSES,
        statistics.mean(),
        *statistics.principal_components(),
        Split((pictures,), labels),
        Split((val_pictures,), val_labels),
        "0123",
    )


def write_easy(path, train=48, val=12, size=64, seed=0):
    """The same as a prepared folder."""
    statistics = ColorStatistics(size)
    with PreparedWriter(path, size, CLASSES, CLASSES) as writer:
        pictures, labels = easy_pictures(train, seed, size)
        statistics.add(pictures)
        writer.add("train", pictures, labels)
        writer.add("val", *easy_pictures(val, seed + 1, size))
        writer.finish(statistics, {"name": "easy"})
    return path


def config(**chosen):
    chosen = {"epochs": 2, "batch": 8, "lr": 0.01, "schedule": "constant"} | chosen
    return Config.for_model(find_model("alexnet-small"), "easy", **chosen)


def start(path, dataset=None, **chosen):
    folder = RunFolder.fresh(path, "alexnet-small")
    return training.start(folder, config(**chosen), dataset or easy_dataset(), np, "test", quiet=True)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run to its end: (trainer, result)."""
    trainer = start(tmp_path_factory.mktemp("runs") / "first", epochs=4)
    return trainer, trainer.train()


# ---------------------------------------------------------------------------------------------- what it leaves


def test_it_learns(done):
    trainer, result = done
    lines = trainer.folder.read_metrics("epoch")
    assert lines[-1]["train_loss"] < 0.8 * lines[0]["train_loss"] < math.log(4) * 1.5
    assert lines[-1]["val_top1_error"] < 0.4 < 0.75 and result["top1_error"] <= lines[-1]["val_top1_error"]


def test_metrics(done):
    trainer, result = done
    lines = [json.loads(line) for line in trainer.folder.metrics.read_text().splitlines()]
    epochs = [line for line in lines if line["kind"] == "epoch"]
    assert [line["epoch"] for line in epochs] == [1, 2, 3, 4] and [line["step"] for line in epochs] == [6, 12, 18, 24]
    for line in epochs:
        assert line.keys() == {
            "kind",
            "step",
            "seconds",
            "epoch",
            "train_loss",
            "train_top1_error",
            "val_loss",
            "val_top1_error",
            "lr",
        }
        assert 0 <= line["val_top1_error"] <= 1 and line["lr"] == 0.01
        assert (line["train_top1_error"] * 48) % 1 == (line["val_top1_error"] * 12) % 1 == 0, "not over every picture"
    seconds = [line["seconds"] for line in epochs]
    assert seconds == sorted(seconds) and seconds[0] > 0


def test_step_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "LOG_EVERY", 2)
    trainer = start(tmp_path / "run", epochs=1, schedule="cosine:1")
    trainer.train()
    lines = trainer.folder.read_metrics("step")
    assert [(line["step"], line["epoch"]) for line in lines] == [(2, 1), (4, 1), (6, 1)]
    assert lines[-1]["mean_loss"] == trainer.folder.read_metrics("epoch")[0]["train_loss"]
    rates = [Schedule("cosine:1", 0.01, 1).rate((step - 1) / 6, []) for step in (2, 4, 6)]
    assert [line["lr"] for line in lines] == rates


def test_config_and_result(done):
    trainer, result = done
    settings = read_json(trainer.folder.config, anything)
    assert Config.from_dict(settings["config"], "config.json") == trainer.config
    assert settings["fingerprint"] == "0123" and settings["command"] == "test"
    assert settings["versions"]["numpy"] == np.__version__
    assert read_json(trainer.folder.path / "result.json", anything) == result
    lines = trainer.folder.read_metrics("epoch")
    best = min(lines, key=lambda line: line["val_top1_error"])
    assert (result["top1_error"], result["best_epoch"]) == (best["val_top1_error"], best["epoch"])
    assert result["last_top1_error"] == lines[-1]["val_top1_error"] and result["epochs"] == 4
    assert result["images_per_s"] == pytest.approx(4 * 48 / result["seconds"])
    names = {"config.json", "metrics.jsonl", "last.safetensors", "best.safetensors", "result.json"}
    assert {file.name for file in trainer.folder.path.iterdir()} == names


def test_checkpoints_hold_the_last_and_the_best_epoch(done):
    trainer, result = done
    last, best = load_checkpoint(trainer.folder.last), load_checkpoint(trainer.folder.best)
    assert len(last.info["state"]["history"]) == 4 and len(best.info["state"]["history"]) == result["best_epoch"]
    for name, p in trainer.network.params.items():
        np.testing.assert_array_equal(last.params[name], p)
        np.testing.assert_array_equal(last.velocity[name], trainer.optimiser.velocity[name])
    assert last.info["class_names"] == list(CLASSES) and last.info["config"] == trainer.config.to_dict()


def test_the_best_is_the_first_with_the_lowest_error(tmp_path, monkeypatch):
    errors = iter([0.5, 0.25, 0.75, 0.25])
    monkeypatch.setattr(whole, "evaluate", lambda *args, **options: Evaluation(next(errors), 0.0, 1.0, 12))
    trainer = start(tmp_path / "run", epochs=4, batch=24)
    result = trainer.train()
    assert (result["best_epoch"], result["top1_error"], result["last_top1_error"]) == (2, 0.25, 0.25)
    assert len(load_checkpoint(trainer.folder.best).info["state"]["history"]) == 2


def test_the_same_run_twice_and_another_seed(done, tmp_path):
    trainer, _ = done
    runs = [start(tmp_path / str(number), epochs=1, seed=seed) for number, seed in enumerate((0, 0, 1))]
    for run in runs:
        run.train()
    weights = [{name: p.tobytes() for name, p in run.network.params.items()} for run in runs]
    assert weights[0] == weights[1] and weights[0] != weights[2]
    losses = [run.folder.read_metrics("epoch")[0]["train_loss"] for run in runs]
    assert losses[0] == losses[1] == trainer.folder.read_metrics("epoch")[0]["train_loss"]


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_one_step_by_hand(tmp_path, smoothing):
    """The first batch through the network, and the paper's update: nothing else happens to the weights."""
    chosen = {"bias_lr": 2.0, "bias_decay": False, "label_smoothing": smoothing} | NOTHING
    trainer = start(tmp_path / "run", epochs=1, batch=48, **chosen)
    twin, network = start(tmp_path / "twin", epochs=1, batch=48, **NOTHING), trainer.network
    ((_, x, labels),) = trainer.loader.epoch(0)
    logits, cache = twin.network.forward(x, True, training.random_stream(0, "network", 0, 0))
    loss = SoftmaxCrossEntropy(smoothing)
    value, loss_cache = loss.forward(logits, labels)
    _, grads = twin.network.backward(loss.backward(loss_cache), cache)
    trainer.train()
    for name, w in twin.network.params.items():
        is_bias = name.endswith("bias")
        step = 0.01 * (2 * grads[name] if is_bias else grads[name] + 0.0005 * w)
        np.testing.assert_allclose(network.params[name], w - step, rtol=1e-4, atol=1e-7, err_msg=name)
    (line,) = trainer.folder.read_metrics("epoch")
    assert line["train_loss"] == pytest.approx(float(value))
    assert line["train_top1_error"] == pytest.approx((logits.argmax(axis=1) != labels).mean())
    plain = evaluate(network, trainer.dataset.val, trainer.view, np, quiet=True)
    assert line["val_loss"] == plain.loss, "smoothing is for training"


def test_every_step_draws_from_a_stream_of_its_own(tmp_path, monkeypatch):
    keys, stream = [], training.random_stream
    monkeypatch.setattr(training, "random_stream", lambda *key, **options: keys.append(key) or stream(*key, **options))
    start(tmp_path / "run", batch=24, seed=5).train()
    assert len(set(keys)) == len(keys) == 4 and all(key[0] == 5 for key in keys), keys


def test_settings_reach_the_loader(tmp_path):
    loader = start(tmp_path / "run", crops=False, color=False).loader
    assert loader.augment == {"crops": False, "mirror": True, "color": False, "run": 1}


# ---------------------------------------------------------------------------------------------- what it refuses


def tree(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.exists() else None


@pytest.mark.parametrize("batch", [8, 48])
def test_a_loss_that_is_no_number_stops_the_run(tmp_path, batch):
    """Within the first epoch; and later, with checkpoints to keep. One line, and none of NumPy's own warnings."""
    data, out = write_easy(tmp_path / "data"), tmp_path / "run"
    options = f"--data {data} --out {out} --epochs 9 --batch {batch} --lr 1e5 --schedule constant"
    done = subprocess.run([sys.executable, "-m", "tinyalex", "train", *options.split()], capture_output=True, text=True)
    *progress, message = done.stderr.splitlines()
    assert done.returncode == 2 and message.startswith("tinyalex: epoch")
    assert all(words in message for words in ("step", "it began in", "try a rate of 0.02 in", "checkpoint"))
    assert all(line.startswith(("alexnet-small on", "epoch")) for line in progress), done.stderr
    for name in ("last.safetensors", "best.safetensors"):
        if (out / name).exists():
            for array in load_checkpoint(out / name).params.values():
                assert np.isfinite(array).all(), f"{name}, called good, holds weights that are no numbers"
    assert read_json(out / "result.json", anything).keys() == {"diverged"}


def test_where_the_loss_went_wrong(tmp_path):
    """The message names step, layer, cause and the checkpoint that is left."""
    trainer = start(tmp_path / "run", epochs=1)
    trainer.network.params["conv3.bias"][5] = np.nan
    words = ["epoch 1, step 1", "nan", "the bias of Conv2d 'conv3'", "no checkpoint yet", "a rate of 0.001"]
    refused(trainer.train, *words, error=UserError)
    run, advice = trainer.folder.path, "try a rate of 0.001 in a new run"
    for begin in (
        lambda: training.go_on(trainer.folder, easy_dataset(), np, quiet=True),
        lambda: load_network(run, np),
        lambda: start(tmp_path / "other", start_from=str(run)),
    ):
        refused(begin, run, "the loss is nan", advice, not_said=["--"], error=UserError)
    refused(lambda: RunFolder.fresh(run, ""), run, "choose another", not_said=["--resume"], error=UserError)
    trainer = start(tmp_path / "second", epochs=2)
    finish = trainer._finish_epoch

    def poisoned():
        finish()
        trainer.network.params["fc7.weight"][0, 0] = np.inf

    trainer._finish_epoch = poisoned
    with np.errstate(all="ignore"):
        refused(trainer.train, "epoch 2, step 1", "fc7", trainer.folder.last, error=UserError)
    assert np.isfinite(load_checkpoint(trainer.folder.last).params["fc7.weight"]).all()


def test_weights_that_break_in_the_last_step_are_not_kept(tmp_path):
    """No loss is computed after it but that of the validation, and a network that says NaN is never the best."""
    trainer = start(tmp_path / "run", epochs=1)
    step = trainer.optimiser.step

    def breaking(grads, lr):
        step(grads, lr)
        if trainer.progress.step == 5:
            trainer.network.params["fc8.weight"][:] = np.nan

    trainer.optimiser.step = breaking
    refused(trainer.train, "epoch 1", "fc8", error=UserError)
    assert tree(trainer.folder.path).keys() <= {"config.json", "metrics.jsonl", "result.json"}


def test_an_average_that_breaks_is_looked_through_itself(tmp_path):
    """It is what the validation judges, not the weights that are trained."""
    trainer = start(tmp_path / "run", epochs=1, ema=0.5)
    take = trainer.average.take

    def breaking(step):
        take(step)
        trainer.average.arrays["fc7.bias"][2] = np.nan

    trainer.average.take = breaking
    refused(trainer.train, "epoch 1, step 6", "it began in the bias of Linear 'fc7'", error=UserError)
    assert np.isfinite(trainer.network.params["fc7.bias"]).all()


@pytest.mark.parametrize("rate, instead", [(1e5, "0.02"), (0.05, "0.005")])
def test_a_rate_to_try_instead(rate, instead, tmp_path):
    trainer = start(tmp_path / "run", lr=rate)
    trainer.network.params["fc8.weight"][:] = np.nan
    refused(trainer.train, f"try a rate of {instead} in", error=UserError)


def test_too_little_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "memory_available", lambda xp: 700_000_000)
    refused(lambda: start(tmp_path / "run", batch=4096), "batch: found 4096", "700 MB", "would fit", error=UserError)
    monkeypatch.setattr(memory, "memory_available", lambda xp: 1_000_000)
    refused(lambda: start(tmp_path / "run", batch=8), "batch: found 8", "a smaller model", error=UserError)
    assert tree(tmp_path / "run") is None
    monkeypatch.setattr(memory, "memory_available", lambda xp: None)
    start(tmp_path / "run", batch=64)


def test_the_batch_that_would_fit_does(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "memory_available", lambda xp: 700_000_000)
    with pytest.raises(UserError) as caught:
        start(tmp_path / "run", batch=4096)
    fits = int(str(caught.value).split("a batch of ")[-1].split()[0])
    start(tmp_path / "run", batch=fits)


def test_pictures_of_another_size(tmp_path):
    words = ["alexnet-small", 64, "has 32", "--size 64", "alexnet-32"]
    refused(lambda: start(tmp_path / "run", easy_dataset(size=32)), *words, error=UserError)
    assert tree(tmp_path / "run") is None


def test_a_folder_in_use_stays_as_it_is(done, tmp_path):
    trainer, _ = done
    before = tree(trainer.folder.path)
    refused(lambda: start(trainer.folder.path), "not empty", f"train --resume {trainer.folder.path}", error=UserError)
    assert tree(trainer.folder.path) == before
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    refused(lambda: start(tmp_path / "notes"), "not empty", "another folder", error=UserError)
    refused(lambda: start(tmp_path / "notes" / "mine.txt"), "a file", error=UserError)


@pytest.mark.parametrize("label", [-1, 4, 1000])
def test_labels_out_of_range_cannot_get_in(tmp_path, label):
    """Not from a prepared folder, and not from memory either."""
    folder = write_easy(tmp_path / "data")
    labels = np.load(folder / "train-labels.npy")
    labels[7] = label
    np.save(folder / "train-labels.npy", labels)
    with pytest.raises(UserError, match=f"label {label} is out of range"):
        start(tmp_path / "run", open_dataset(folder))
    dataset = easy_dataset()
    dataset.train.labels[7] = label
    with pytest.raises(ValueError, match="labels run from"):
        start(tmp_path / "run", dataset).train()


@pytest.mark.parametrize(
    "name, value",
    [
        ("epochs", 0),
        ("batch", 0),
        ("batch", -3),
        ("lr", 0),
        ("lr", -1.0),
        ("lr", math.nan),
        ("lr", math.inf),
        ("momentum", 1.0),
        ("momentum", math.nan),
        ("weight_decay", -0.1),
        ("bias_lr", math.inf),
        ("seed", -1),
        ("init", "xavier"),
        ("schedule", "x"),
        ("layer_lr", "conv9:0:1"),
        ("bias_init", math.nan),
        ("color_epochs", -1),
        ("crop_run", 0),
        ("until_error", -0.1),
        ("until_error", 1.0),
        ("until_error", math.nan),
        ("label_smoothing", -0.1),
        ("label_smoothing", 1.0),
        ("label_smoothing", math.nan),
        ("ema", -0.1),
        ("ema", 1.0),
        ("mixup", -0.1),
        ("mixup", math.nan),
        ("cutmix", math.inf),
    ],
)
def test_settings_out_of_range(tmp_path, name, value):
    refused(lambda: start(tmp_path / "run", **{name: value}), f"{name}: found", as_typed(value), error=UserError)
    assert tree(tmp_path / "run") is None


@pytest.mark.parametrize("name", [field.name for field in fields(Config) if field.type is int])
def test_settings_that_no_array_could_have(name):
    for value in (10**30, -(10**30), 10**5000):  # Python cannot even print the last
        refused(lambda: config(**{name: value}), f"{name}: found a larger number, expected at most", error=UserError)
    assert config(seed=2**64).seed == 2**64  # a run of an earlier version may have it


def test_config_refuses_unknown_keys():
    values = config().to_dict()
    refused(lambda: Config.from_dict(values | {"speed": 9}, "config.json"), "config.json", "speed", error=UserError)
    del values["lr"]
    refused(lambda: Config.from_dict(values, "config.json"), "config.json", "lr", error=UserError)

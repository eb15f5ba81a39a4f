"""Runs that cost a second each, for tests of what is done with several: three of alexnet-mini, and their data."""

from dataclasses import replace

import numpy as np

from tests.training.test_training import write_easy
from tinyalex.data import open_dataset
from tinyalex.models import find_model
from tinyalex.runs.checkpoint import load_checkpoint, save_checkpoint
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder
from tinyalex.training import trainer as training


def train_mini(path, data, model="alexnet-mini", **chosen):
    """A finished run folder: two epochs, so few that different runs are wrong on different pictures."""
    settings = {"epochs": 2, "batch": 8, "lr": 0.01, "schedule": "constant"} | chosen
    config = Config.for_model(find_model(model), str(data), **settings)
    training.start(RunFolder.fresh(path, model), config, open_dataset(data), np, "test", quiet=True).train()
    return path


def make_runs(folder):
    """ "data" and "other", the same classes in other pictures; runs "first", "reseeded" and "plain", which differ."""
    data, other = write_easy(folder / "data", 48, 30), write_easy(folder / "other", 48, 20, seed=7)
    runs = {"data": data, "other": other, "first": train_mini(folder / "first", data)}
    runs["reseeded"] = train_mini(folder / "reseeded", data, seed=1)
    runs["plain"] = train_mini(folder / "plain", other, "alexnet-mini+no-lrn", lr=0.02, color=False)
    return runs


def info_of(name, class_ids, data="builtin", errors=(), **changes):
    """What a checkpoint of a model says of itself, after an epoch with each of these validation errors."""
    model = find_model(name)
    lines = [
        {"epoch": n, "train_loss": 1.0, "train_top1_error": 0.5, "val_loss": 1.0, "val_top1_error": error, "lr": 0.01}
        for n, error in enumerate(errors, 1)
    ]
    return {
        "model": name,
        "class_ids": list(class_ids),
        "class_names": list(class_ids),
        "crop": model.crop,
        "scale": model.pixel_scale,
        "config": Config.for_model(model, str(data)).to_dict(),
        "fingerprint": "0" * 64,
        "versions": {"tinyalex": "0"},
        "state": {"epoch": len(lines), "history": lines},
    } | changes


def altered(run, path, params=None, view=None, **info):
    """A copy of a run's checkpoint with other parameters, arrays in its view, or entries in what it says of itself."""
    found = load_checkpoint(run / "best.safetensors")
    changed = replace(found, params=params or found.params, view=found.view | (view or {}), info=found.info | info)
    save_checkpoint(path, changed)
    return path


def answering(run, path, label):
    """A copy of a run's checkpoint that gives every picture the same answer, so its wrong answers are known."""
    params = load_checkpoint(run / "best.safetensors").params
    bias = np.zeros_like(params["fc8.bias"])
    bias[label] = 1
    return altered(run, path, params | {"fc8.weight": np.zeros_like(params["fc8.weight"]), "fc8.bias": bias})

"""The folder that a training run leaves behind, and how a trained network is read from it.

    config.json       what was asked for: settings, versions, command, fingerprint of the data
    metrics.jsonl     one JSON object a line: every few steps, at each warning, and at the end of each epoch
    last.safetensors  where training stands;  best.safetensors  the epoch with the lowest top-1 validation error
    result.json, curves.png, kernels.png, overview.png      written at the end
"""

import json
import os
import platform
import sys
from pathlib import Path

import numpy as np

import tinyalex
from tinyalex.backend import to_device
from tinyalex.runs.checkpoint import copy_into, load_checkpoint, replacing
from tinyalex.runs.config import Config, read_json
from tinyalex.data.augment import View
from tinyalex.errors import UserError
from tinyalex.models import find_model
from tinyalex.terminal import program


class RunFolder:
    """Paths and small files of one run."""

    def __init__(self, path):
        self.path = Path(path)
        self.last, self.best = self.path / "last.safetensors", self.path / "best.safetensors"
        self.config, self.metrics = self.path / "config.json", self.path / "metrics.jsonl"

    @classmethod
    def fresh(cls, path, model_name):
        """A folder for a new run, not made yet: `path`, or without one the next free runs/MODEL-1, -2, ….

        UserError if `path` is in use.
        """
        if path is None:
            numbers = (n for n in range(1, sys.maxsize) if not Path("runs", f"{model_name}-{n}").exists())
            path = Path("runs", f"{model_name}-{next(numbers)}")
        path = Path(path)
        if path.exists() and not path.is_dir():
            raise UserError(f"--out {path}: a file, expected a folder")
        if path.is_dir() and any(not _is_litter(file) for file in path.iterdir()):
            hint = f"go on with --resume {path}, or " if (path / "config.json").exists() else ""
            raise UserError(f"--out {path}: not empty; {hint}choose another folder")
        return cls(path)

    def make(self):
        """Make the folder itself, without what a killed run left half-written in it. UserError where not allowed."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for file in filter(_is_litter, list(self.path.iterdir())):
                file.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"--out {self.path}: cannot be made ({error.strerror})") from error

    @classmethod
    def open(cls, path):
        """The folder of an earlier run. UserError if it is none."""
        folder = cls(path)
        if not folder.path.is_dir():
            raise UserError(f"{path}: no such folder, expected one that `train` wrote")
        if not folder.config.exists():
            raise UserError(f"{path}: holds no config.json, expected a folder that `train` wrote")
        return folder

    def write_json(self, name, value):
        """Write a JSON file whole or not at all."""
        with replacing(self.path / name) as beside:
            beside.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def log(self, **values):
        """Append one line to metrics.jsonl."""
        try:
            with open(self.metrics, "a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")
        except OSError as error:
            raise UserError(f"{self.metrics}: cannot be written ({error.strerror})") from error

    def read_metrics(self, kind=None):
        """The lines of metrics.jsonl as dicts, all or those of one kind; a line cut short is left out.

        "step": the mean loss, the rate and the layers' health (see `tinyalex.training.health`);  "warning": what was said of it;
        "epoch": losses and errors
        """
        if not self.metrics.exists():
            return []
        lines = []
        for text in self.metrics.read_text(encoding="utf-8").splitlines():
            try:
                line = json.loads(text)
            except ValueError:  # the run was killed while it wrote this line
                continue
            if isinstance(line, dict) and {"kind", "step", "epoch"} <= line.keys():
                lines.append(line)
        return [line for line in lines if kind in (None, line["kind"])]

    def forget_metrics_after(self, step, epochs):
        """Drop lines written after total step `step` or after `epochs` whole epochs: a resumed run writes them again.

        The last step of an epoch and the epoch's own line have the same total step, and a run can end between them.
        """
        kept = [
            line
            for line in self.read_metrics()
            if line["step"] <= step and (line["kind"] != "epoch" or line["epoch"] <= epochs)
        ]
        with replacing(self.metrics) as beside:
            beside.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")

    def settings(self):
        """(the `Config`, the data's fingerprint) from config.json; UserError where these are not in it."""
        settings = read_json(self.config)
        if not isinstance(settings, dict) or not isinstance(settings.get("config"), dict):
            raise UserError(f"{self.config}: holds no settings, expected what `train` wrote")
        return Config.from_dict(settings["config"], self.config), settings.get("fingerprint")


class Bystander(RunFolder):
    """A run folder for those who only take part: another worker writes what is written."""

    def make(self):
        pass

    def write_json(self, name, value):
        pass

    def log(self, **values):
        pass

    def forget_metrics_after(self, step, epochs):
        pass


def _is_litter(file):
    """Whether a file was being written beside its final name when the process was killed."""
    return file.name.startswith(".") and file.suffix == ".part"


def versions():
    """What a number may depend on besides config and data."""
    return {
        "tinyalex": tinyalex.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
    }


def restore_network(checkpoint, where):
    """(network, view) on the CPU from a `Checkpoint`; UserError if it does not fit the model that it names."""
    info = checkpoint.info
    try:
        model = find_model(info["model"], where)
        network = model.build(len(info["class_ids"]))
        view = View(info["crop"], info["scale"], **checkpoint.view)
    except (KeyError, TypeError) as error:
        raise UserError(f"{where}: an incomplete checkpoint ({error})") from error
    copy_into(network.params, checkpoint.params, where)
    return network, view


def find_checkpoint(path):
    """The file of a run folder's best checkpoint, its last if there is no best yet; any other path as it is."""
    path = Path(path)
    if not path.is_dir():
        return path
    folder = RunFolder.open(path)
    file = folder.best if folder.best.exists() else folder.last
    if not file.exists():
        raise UserError(f"{folder.path}: holds no checkpoint yet; go on with: {program()} train --resume {folder.path}")
    return file


def begin_with(network, path, class_ids):
    """Copy a trained network's parameters into `network`, in place; those of its last layer only for the same classes.

    path: a run folder or a checkpoint;  class_ids: the classes that `network` is to tell apart, in order
    UserError where another layer differs in name or shape: then it is another net.
    """
    file = find_checkpoint(path)
    checkpoint, target = load_checkpoint(file), network.params
    found = checkpoint.params
    if checkpoint.info.get("class_ids") != list(class_ids):
        *_, last = (name.rpartition(".")[0] for name in target)
        target, found = ({n: p for n, p in params.items() if n.rpartition(".")[0] != last} for params in (target, found))
    copy_into(target, network.part(found), file)


def load_network(path, xp):
    """(network, view, info, file) of a run folder's best checkpoint (its last if there is no best yet) or of one file."""
    path = find_checkpoint(path)
    checkpoint = load_checkpoint(path)
    network, view = restore_network(checkpoint, path)
    network.map_params(lambda p: to_device(p, xp))
    return network, view.to(xp), checkpoint.info, path

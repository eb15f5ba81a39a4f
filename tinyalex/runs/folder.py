"""The folder that a training run writes.

config.json       settings, versions, command, fingerprint of the data, where they are (see `tinyalex.runs.places`)
metrics.jsonl     one JSON object per line: every few steps, at each warning, and at the end of each epoch
last.safetensors  the latest checkpoint;  best.safetensors  the epoch with the lowest top-1 validation error
best.calibration.json, .png  how honest its probabilities are, after `calibrate` (see `tinyalex.runs.calibrated`)
result.json       the final numbers, or {"diverged": in words} once the loss is no longer a number
curves.png, kernels.png, overview.png      written at the end
"""

import json
import os
import platform
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

import tinyalex
from tinyalex.errors import UserError
from tinyalex.files import check_folder, half_written, kind_of, replacing, target
from tinyalex.locks import LOCK, holder, locked, refuse_busy, remove_if_empty
from tinyalex.runs.checkpoint import Checkpoint, save_checkpoint
from tinyalex.runs.config import Config
from tinyalex.runs.formats import ABOUT, DIVERGED, FINISHED, METRICS
from tinyalex.schema import Missing, anything, judge, read_json, read_lines, table
from tinyalex.terminal import how_to_resume


class RunFolder:
    """The paths and small files of one run."""

    def __init__(self, path):
        self.path = Path(path)
        self.last, self.best = self.path / "last.safetensors", self.path / "best.safetensors"
        self.config, self.metrics = self.path / "config.json", self.path / "metrics.jsonl"
        self.result, self.lock = self.path / "result.json", self.path / LOCK

    @classmethod
    def fresh(cls, path, model_name=None):
        """A folder for a new run, not yet made: `path` or, if None, the first free one of runs/MODEL-1, -2, ….

        UserError if `path` is in use or cannot be made. model_name: None for results that no run can go on from
        """
        if path is None:
            numbers = (n for n in range(1, sys.maxsize) if not Path("runs", f"{model_name}-{n}").exists())
            path = Path("runs", f"{model_name}-{next(numbers)}")
        path = target(path)
        check_folder(path, "out")
        if path.is_dir() and set(path.iterdir()) - {path / LOCK, *half_written(path)}:
            refuse_busy(path / LOCK, path)
            goes_on = model_name and (path / "config.json").exists() and not cls(path).diverged()
            hint = f", or go on with: {how_to_resume(path)}" if goes_on else ""
            raise UserError(f"{path} is not empty; choose another folder{hint}", "out")
        return cls(path)

    @contextmanager
    def held(self):
        """Make the folder and keep other processes from writing it during the block, which may be nested in another.

        Half-written files of a killed run are deleted; a folder made here and left empty is removed. `Busy` if another
        process is writing the folder, UserError if it cannot be made.
        """
        made = [folder for folder in (self.path, *self.path.absolute().parents) if not folder.exists()]
        try:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"{self.path} cannot be made ({error.strerror})", "out") from error
            with locked(self.lock, self.path):
                for file in half_written(self.path):
                    file.unlink(missing_ok=True)
                yield self
        finally:
            remove_if_empty(made)

    @classmethod
    def open(cls, path):
        """The folder of an earlier run. UserError if it is not one, `Busy` if it is only about to become one."""
        folder = cls(path)
        if not folder.path.is_dir():
            raise UserError(f"{path}: {kind_of(path) or 'no such folder'}, expected a folder that `train` wrote")
        if not folder.config.exists():
            refuse_busy(folder.lock, path)
            raise UserError(f"{path}: holds no config.json, expected a folder that `train` wrote")
        return folder

    def holder(self):
        """Which other process is writing the folder, in words; "" if none is."""
        return holder(self.lock)

    def save(self, path: Path, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, whole or not at all."""
        save_checkpoint(path, checkpoint)

    def write_json(self, name, value):
        """Write a JSON file, whole or not at all."""
        with replacing(self.path / name) as beside:
            text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
            beside.write_text(text, encoding="utf-8", errors="backslashreplace")  # as JSON escapes bytes of file names

    def read_result(self):
        """The values of result.json; {} if there is none. UserError if no run has such values."""
        try:
            result = read_json(self.result, table(anything))
        except Missing:  # another worker may just have removed it
            return {}
        return judge(result, DIVERGED if "diverged" in result else FINISHED, self.result)

    def diverged(self):
        """How the run's loss stopped being a number, in words; "" if it did not. Going on would only repeat it."""
        return self.read_result().get("diverged", "")

    def log(self, **values):
        """Append one line to metrics.jsonl."""
        try:
            with open(self.metrics, "a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")
        except OSError as error:
            raise UserError(f"{self.metrics}: cannot be written ({error.strerror})") from error

    def read_metrics(self, kind=None):
        """The lines of metrics.jsonl as dicts, all or of one kind. UserError if one is not as `train` writes it.

        A last line that was cut short is left out: the run was killed while it wrote it.

        kind: "step": the mean loss, the rate and the layers' health (see `tinyalex.training.health`); "warning": a
            warning about that health; "epoch": losses and errors
        """
        if not self.metrics.exists():
            return []
        return [line for line in read_lines(self.metrics, METRICS) if kind in (None, line["kind"])]

    def forget_metrics_after(self, step, epochs):
        """Drop the lines after total step `step` or after `epochs` finished epochs: a resumed run writes them again.

        Both numbers count: an epoch's line has the same total step as its last step, and a run can end between the two.
        """
        kept = [
            line
            for line in self.read_metrics()
            if line["step"] <= step and (line["kind"] != "epoch" or line["epoch"] <= epochs)
        ]
        with replacing(self.metrics) as beside:
            beside.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")

    def about(self):
        """The values of config.json. UserError if no run has such values."""
        return read_json(self.config, ABOUT)

    def settings(self, epochs=None):
        """The run's `Config`, perhaps with other epochs. UserError if config.json does not hold one."""
        config = Config.from_dict(self.about()["config"], self.config)
        return config if epochs is None else replace(config, epochs=epochs)

    def forget_result(self):
        """Remove the result of a run that goes on."""
        self.result.unlink(missing_ok=True)


def versions():
    """Versions and hardware that may affect a run's numbers, beside config and data."""
    return {
        "tinyalex": tinyalex.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
    }

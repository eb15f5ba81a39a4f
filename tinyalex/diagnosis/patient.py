"""The patient: settings, pictures, log and network of a run; for data without a run, what a run would begin with."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from tinyalex.backend import random_stream
from tinyalex.data.augment import View
from tinyalex.data.dataset import Dataset, Split
from tinyalex.data.duplicates import digests
from tinyalex.data.mixing import draw_mix
from tinyalex.diagnosis.labels import LabelTrial
from tinyalex.diagnosis.limits import LEARNT_SOMETHING, PICTURES, SCANNED_BYTES
from tinyalex.diagnosis.pictures import Scan, view_of
from tinyalex.diagnosis.trials import Sweep
from tinyalex.errors import UserError
from tinyalex.lines import command
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.places import find_start
from tinyalex.runs.trained import Run
from tinyalex.statistics import wilson
from tinyalex.training.idle import refuse_idle
from tinyalex.training.settings import choose_settings

NOT_SETTINGS = ("data", "model", "network")
MIXES = 1000  # draws that give the mean entropy of mixed labels, to about 0.01


@dataclass(frozen=True)
class Patient:
    """A run, or data and a model before a run. N pictures, K classes.

    config: the settings;  dataset: None if the pictures are not at hand
    folder: of the run, or None;  trained: its network, or None before the first checkpoint
    log: the lines of its metrics;  diverged: how it ended, in words, or ""
    """

    config: Config
    dataset: Dataset | None
    xp: ModuleType
    folder: RunFolder | None = None
    trained: Run | None = None
    log: tuple[dict[str, Any], ...] = ()
    diverged: str = ""
    quiet: bool = True

    # ------------------------------------------------------------------------------------------ pictures

    @property
    def data(self) -> Any:
        """The data set, where it is known to be there."""
        assert self.dataset is not None, "a diagnosis that needs pictures ran without them"
        return self.dataset

    @property
    def K(self) -> int:
        return len(self.data.class_ids)

    def split(self, name: str) -> Split:
        return getattr(self.data, name)

    @cached_property
    def counts(self) -> dict[str, np.ndarray]:
        """{split: the pictures of each class, (K,)}"""
        return {name: np.bincount(self.split(name).labels, minlength=self.K) for name in PICTURES}

    @cached_property
    def rows(self) -> dict[str, np.ndarray]:
        """{split: numbers of the pictures whose labels are tried, in random order}

        Of equal training pictures one: a classifier that learnt one of them would know the others by heart.
        """
        rows = {name: self._some(name, most) for name, most in PICTURES.items()}
        first = np.unique(digests(self.split("train").gather(rows["train"])), return_index=True)[1]
        return rows | {"train": rows["train"][np.sort(first)]}

    @cached_property
    def pictures(self) -> dict[str, np.ndarray]:
        """{split: the pictures of `rows`, uint8 (N, S, S, 3)}"""
        return {name: self.split(name).gather(rows) for name, rows in self.rows.items()}

    @cached_property
    def scanned(self) -> dict[str, np.ndarray]:
        """{split: numbers of the pictures that are read for flat, equal and similar ones}"""
        most = max(1, SCANNED_BYTES // (3 * self.data.size**2))
        return {name: np.sort(self._some(name, most)) for name in PICTURES}

    @property
    def share_read(self) -> float:
        """The share of training pictures that are read: so likely is it that the twin of another picture is found."""
        return len(self.scanned["train"]) / len(self.split("train"))

    def _some(self, split, most):
        return random_stream(0, "doctor", split).permutation(len(self.split(split)))[:most]

    # ------------------------------------------------------------------------------------------ what several look at

    @cached_property
    def scan(self) -> Scan:
        return Scan(self)

    @cached_property
    def labels(self) -> LabelTrial:
        return LabelTrial(self)

    @cached_property
    def view(self) -> View:
        return view_of(self)

    @cached_property
    def sweep(self) -> Sweep:
        return Sweep(self)

    @property
    def started_from(self) -> str:
        """Where the run whose weights this one began with is now; "" if it began with random ones."""
        if not self.config.start_from:
            return ""
        about = self.trained.info if self.trained else self.folder.about() if self.folder else {}
        where = self.folder.path if self.folder else self.trained.path.parent if self.trained else ""
        return find_start({"config": {"start_from": self.config.start_from}} | about, where)

    # ------------------------------------------------------------------------------------------ the course of a run

    @property
    def trainable(self) -> bool:
        """Whether its settings say how it is trained; an imported network has none that do."""
        return bool(self.config.data)

    @cached_property
    def epochs(self) -> list[dict[str, Any]]:
        """The finished epochs."""
        lines = [line for line in self.log if line["kind"] == "epoch"]
        return lines or (self.trained.info["state"]["history"] if self.trained else [])

    @property
    def steps(self) -> int:
        """Updates in an epoch."""
        return -(-len(self.data.train) // self.config.batch)

    @cached_property
    def start_loss(self) -> float:
        """The loss of a network that knows only how frequent the classes are: ln K if all are as frequent."""
        shares = self.counts["train"] / max(1, self.counts["train"].sum())
        return _entropy(shares)

    @cached_property
    def lowest_loss(self) -> float:
        """The training loss of a network that knows every label: 0, unless labels are smoothed or mixed."""
        config, rng = self.config, random_stream(0, "doctor", "mixing")
        left, spread = 1 - config.label_smoothing, config.label_smoothing / self.K

        def entropy(*shares):
            """The entropy of a picture's targets, for its shares of different classes."""
            return _entropy([left * share + spread for share in shares] + [spread] * (self.K - len(shares)))

        if not (config.mixup or config.cutmix):
            return entropy(1.0)
        mixes = (draw_mix(1, config.find_model().crop, rng, config.mixup, config.cutmix) for _ in range(MIXES))
        mixed = float(np.mean([entropy(mix.share, 1 - mix.share) for mix in mixes if mix]))
        return mixed + (entropy(1.0) - mixed) / self.K  # a partner may be of the same class

    def above_lowest(self, loss: float) -> float:
        """How far a training loss is above the lowest possible."""
        return loss - self.lowest_loss

    def has_fallen_to(self, share: float, loss: float) -> bool:
        """Whether a training loss is below this share of the start's, both counted from the lowest possible."""
        return self.above_lowest(loss) < share * self.above_lowest(self.start_loss)

    @property
    def has_learnt(self) -> bool:
        """Whether the training loss has left its start, and the validation error is below chance."""
        if not self.epochs or self.diverged:
            return False
        chance = 1 - self.counts["val"].max() / len(self.data.val)
        best, N = min(line["val_top1_error"] for line in self.epochs), len(self.data.val)
        below = wilson(min(N, round(best * N)), N, 0.999).high < chance
        return below and self.has_fallen_to(LEARNT_SOMETHING, min(line["train_loss"] for line in self.epochs))

    # ------------------------------------------------------------------------------------------ advice

    def again(self, **changes: Any) -> str:
        """The command that trains again with other settings. It keeps all that differ from the model's own."""
        moved = {"start_from": self.started_from} if self.config.start_from else {}
        wanted = replace(self.config, **moved | changes)
        named = wanted.data == "builtin" and wanted.network is None
        own = choose_settings(model=wanted.model) if named else Config.for_model(wanted.find_model(), wanted.data)
        words = [] if wanted.data == "builtin" else ["--data", wanted.data]
        words += ["--model", wanted.model] if wanted.network is None else []
        for name, value in wanted.to_dict().items():
            differs = name not in NOT_SETTINGS and value != own.to_dict()[name]
            if name in changes or differs and not _is_idle(wanted, name):
                words += _option(name, value)
        return command("train", *words)


def _is_idle(config, name):
    """Whether `train` would refuse a setting, which changes nothing beside the others."""
    try:
        refuse_idle(config, [name])
    except UserError:
        return True
    return False


def _entropy(shares):
    return float(-sum(share * math.log(share) for share in shares if share > 0))


def _option(name, value):
    """The words of a setting on the command line; none for what is its default there."""
    spelled = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [] if value else [f"--no-{name.replace('_', '-')}"]
    return [] if value == "" else [spelled, f"{value:g}" if isinstance(value, float) else str(value)]

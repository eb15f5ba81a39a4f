"""Turns arms and seeds into runs in folders, and finished runs into numbers."""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tinyalex
from tinyalex.data import Split, fingerprint_of
from tinyalex.data.part import HALVES, is_idle, left_out, take_parts
from tinyalex.errors import UserError
from tinyalex.experiments.trained import Trained
from tinyalex.models import find_model
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder


@dataclass(frozen=True)
class Run:
    """One network to train: its folder, its configuration, and the run it starts from."""

    folder: Path
    config: Config
    after: "Run | None" = None


def result_of_run(run):
    """The result.json of a finished run. UserError if it or the metrics are damaged."""
    folder = RunFolder(run.folder)
    remedy = f"delete {run.folder} to train it again"
    try:
        result, epochs = folder.read_result(), len(folder.read_metrics("epoch"))
    except UserError as error:
        raise UserError(f"{error}; {remedy}") from None
    if "diverged" not in result and epochs != result.get("epochs"):
        raise UserError(f"{folder.metrics}: found {epochs} epochs, expected the run's {result.get('epochs')}; {remedy}")
    return result


def network_of(claim, scale, model):
    """The name of the network that a claim varies: `model`, or the claim's own if that is of another family."""
    own = claim.models.get(scale.name, scale.model)
    return model if find_model(model).family == find_model(own).family else own


def _names(part):
    """The names of which a part is made: "+even-half+5-a-class" has two."""
    return part.split("+")[1:]


class Lab:
    """One scale, one data set, one folder: an arm and a seed give one run, whichever claim asks for it.

    scale: a `Scale`;  dataset: the whole `Dataset` called `data`;  xp: the array module of the device
    out: runs go to out/runs;  model, pictures: instead of the scale's (see `network`)
    """

    def __init__(self, scale, dataset, data, out, xp, model=None, pictures=None):
        self.scale, self.data, self.out, self.xp = scale, data, Path(out), xp
        self.model, self.pictures = model or scale.model, pictures or scale.pictures
        self._datasets, self._judged, self._trained = {"": dataset}, {}, {}

    def dataset(self, part=""):
        """The data set, or a part of it ("+first-half"). UserError, too, for one that its runs could not open."""
        if part not in self._datasets:
            if "-draw-" in part and set(_names(self.data)) & set(HALVES):  # training would draw from the whole set
                raise UserError(f"found {self.data}, expected all of its classes, for runs that draw pictures", "data")
            fingerprint_of(self.data + part)
            self._datasets[part] = take_parts(self._datasets[""], _names(part))
        return self._datasets[part]

    def judged(self, part=""):
        """The `Split` on which errors are measured: validation's, and what training leaves out if the scale says so."""
        val = self.dataset(part).val
        if not (part and self.scale.judge_left_out):
            return val
        if part not in self._judged:
            more = left_out(self._datasets[""], _names(part))
            self._judged[part] = Split((*val.shards, *more.shards), np.concatenate([val.labels, more.labels]))
        return self._judged[part]

    def part_of(self, arm, seed):
        """The part of the data that an arm uses for a seed, without what takes nothing away, as +200-a-class of 100."""
        names, earlier = _names(arm.part.format(seed=seed)), _names(self.data)
        return "".join(f"+{name}" for name in names if not is_idle(name, earlier))

    def data_of(self, arm, seed):
        """The data set of an arm for a seed."""
        return self.dataset(self.part_of(arm, seed))

    def network(self, claim):
        """The name of the network that a claim varies."""
        return network_of(claim, self.scale, self.model)

    def run(self, arm, seed, model=None):
        """The `Run` of an arm for a seed. Equal configurations on equal data have equal folders.

        model: name of the network that the arm varies, instead of the lab's
        """
        after = arm.after and self.run(arm.after, seed, model)
        model, dataset = find_model((model or self.model) + arm.variation), self.data_of(arm, seed)
        epochs = round(self.pictures * arm.share / len(dataset.train))
        if epochs == 0:
            least = math.ceil(len(dataset.train) / arm.share / 2) + 1
            few, of = f"found {self.pictures:,}", f"for half an epoch of {self.data}{self.part_of(arm, seed)}"
            raise UserError(f"{few} pictures a run, expected {least:,} or more {of}", "pictures")
        start_from, part = str(after.folder / "last.safetensors") if after else "", self.part_of(arm, seed)
        seed += arm.seed_shift
        settings = {"epochs": epochs} | arm.settings | {"start_from": start_from, "seed": seed}
        config = Config.for_model(model, self.data + part, **settings)
        same = {key: value for key, value in config.to_dict().items() if key != "seed"}
        text = json.dumps([same, dataset.fingerprint, tinyalex.__version__])
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        return Run(self.out / "runs" / f"{model.name}-{digest}" / f"seed-{seed}", config, after)

    def runs(self, claim, seeds):
        """Every run a claim needs, once each, including runs that others start from."""
        model = self.network(claim)
        runs = [self.run(arm, seed, model) for seed in range(seeds) for arm in claim.arms.values()]
        runs += [run.after for run in runs if run.after]
        return list({run.folder: run for run in runs}.values())

    def trained(self, claim, seed):
        """{arm's name: `Trained`} for a claim whose runs are done; a run shared by claims is measured once."""
        arms, model = {}, self.network(claim)
        for name, arm in claim.arms.items():
            folder = self.run(arm, seed, model).folder
            if folder not in self._trained:
                dataset, judged = self.data_of(arm, seed), self.judged(self.part_of(arm, seed))
                self._trained[folder] = Trained(folder, dataset, self.xp, judged)
            arms[name] = self._trained[folder]
        return arms

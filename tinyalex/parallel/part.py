"""A worker's answers to the trainer: for one worker among several, as `tinyalex.training.whole` has them for one alone.

Each worker has its own trainer. All call the same methods in the same order; only the first writes and prints.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tinyalex import evaluation
from tinyalex.backend import Array
from tinyalex.data.augment import View
from tinyalex.data.dataset import Split
from tinyalex.data.mixing import MixedLabels
from tinyalex.evaluation import Evaluation, pictures_at_once
from tinyalex.network import Network
from tinyalex.parallel.network import SplitNetwork, split_network
from tinyalex.parallel.shares import SharedDraws, shares
from tinyalex.parallel.team import Team
from tinyalex.runs.checkpoint import Checkpoint
from tinyalex.runs.folder import RunFolder
from tinyalex.training.loss import TrackedLoss
from tinyalex.training.whole import Arrays, Whole

# the labels of a training step's exchanges end in one of these
TRAINING = ("forward", "backward", "gradients", "statistics")


class Part(Whole):
    """A worker's part of a network. form: "data", "towers" or "hybrid";  team: the workers"""

    def __init__(self, form: str, team: Team, network: Network, smoothing: float = 0.0) -> None:
        self.form, self.team, self.divides_layers = form, team, form != "data"
        self.network = split_network(form, network, team)
        self.loss = PartLoss(self.network, team, smoothing)

    def memory(self) -> dict[str, int]:
        held = sum(p.size for p in self.network.params.values())
        return {"workers": self.team.size, "here": self.team.local_size, "held": held}

    def choose(self, pictures: int) -> slice:
        return self.network.share(pictures).run

    def draws(self, rng: Any, pictures: int) -> SharedDraws:
        return self.network.draws(rng, pictures)

    def anyone(self, *flags: bool) -> tuple[bool, ...]:
        return tuple(total > 0 for total in self.team.totals(flags))

    def own(self, arrays: Arrays) -> Arrays:
        return self.network.own(arrays)

    def joined(self, arrays: Arrays) -> Arrays:
        return self.network.joined(arrays)

    def evaluate(self, split: Split, view: View, xp: ModuleType, label: str, quiet: bool) -> Evaluation:
        p = class_probabilities(self.network, split, view, xp, label=label, quiet=quiet)
        return Evaluation.of(p, split.labels, pictures_at_once(ten_crop=False))

    def first_not_finite(self, x: Array) -> str:
        return ""  # no worker runs the whole forward pass

    def report(self, pictures: int) -> dict[str, Any]:
        """The form, the number of workers, and the bytes that this worker sent to others per training picture."""
        counted = {label: count for label, count in self.team.sent.items() if label.endswith(TRAINING)}
        sent = {label: count / max(pictures, 1) for label, count in counted.items()}
        return {"parallel": self.form, "workers": self.team.size, "sent_per_picture": sent}


class PartLoss(TrackedLoss):
    """The loss of a batch, however its pictures are divided among workers.

    network: the worker's `SplitNetwork`, which computes the scores;  smoothing: see `TrackedLoss`
    """

    def __init__(self, network: SplitNetwork, team: Team, smoothing: float = 0.0) -> None:
        super().__init__(smoothing)
        self.network, self.team = network, team

    def gradient(self, scores: Array, labels: Array | MixedLabels) -> Array:
        """d(loss of the batch)/d(scores). scores: from `SplitNetwork.forward`;  labels: of the whole batch"""
        mine = labels[self.network.scored(self.network.share(len(labels)))]
        if len(mine) == 0:  # a batch with fewer pictures than workers
            self.pending.append((0.0, 0, 0))
            self.read_if_due(scores)
            return scores
        dscores = super().gradient(scores, mine)
        return dscores if len(mine) == len(labels) else dscores * (len(mine) / len(labels))

    def over_all(self, parts: list[list]) -> list[list]:
        if not self.network.scores_apart:
            return parts
        totals = iter(self.team.totals([number for part in parts for number in part]))
        return [[loss, int(wrong), int(pictures)] for loss, wrong, pictures in zip(totals, totals, totals)]


class Bystander(RunFolder):
    """A run folder for workers other than the first: they write nothing."""

    @contextmanager
    def held(self) -> Iterator[RunFolder]:
        yield self

    def save(self, path: Path, checkpoint: Checkpoint) -> None:
        pass

    def write_json(self, name: str, value: Any) -> None:
        pass

    def log(self, **values: Any) -> None:
        pass

    def forget_result(self) -> None:
        pass

    def forget_metrics_after(self, step: int, epochs: int) -> None:
        pass


def folder_of(path: str | Path, team: Team) -> RunFolder:
    """The run folder at `path`. Only the first worker writes to it."""
    return RunFolder(path) if team.rank == 0 else Bystander(path)


def class_probabilities(
    network: SplitNetwork,
    split: Split,
    view: View,
    xp: ModuleType,
    ten_crop: bool = False,
    label: str = "evaluate",
    quiet: bool = False,
) -> Array:
    """As `tinyalex.evaluation.class_probabilities`, by a team: each takes its share, and all get the result."""
    if network.workers == 1:
        return evaluation.class_probabilities(network, split, view, xp, ten_crop, label, quiet)
    all_shares = shares(len(split), network.workers)
    mine, most = all_shares[network.team.rank], len(all_shares[0])
    count = -(-most // pictures_at_once(ten_crop))  # the same on every worker, since all may exchange in each batch
    batches = [range(mine.start + b.start, mine.start + b.stop) for b in shares(len(mine), count)]
    p = evaluation.class_probabilities(network, split, view, xp, ten_crop, label, quiet, batches)
    return network.team.gather(np.ascontiguousarray(p), [len(share) for share in all_shares], 0, "evaluation")

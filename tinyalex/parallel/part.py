"""What the trainer asks of whatever it trains (see `tinyalex.training.whole`), answered for one worker among several.

Each worker has a trainer of its own. All call the same methods in the same order; only the first writes and speaks.
"""

import numpy as np

from tinyalex import evaluation
from tinyalex.evaluation import Evaluation, pictures_at_once
from tinyalex.parallel.network import split_network
from tinyalex.parallel.shares import shares
from tinyalex.runs.folder import RunFolder
from tinyalex.training.loss import TrackedLoss
from tinyalex.training.whole import Whole

TRAINING = ("forward", "backward", "gradients")  # the last words of what a team counts in training steps


class Part(Whole):
    """A worker's part of a network. form: "data", "towers" or "hybrid";  team: the workers"""

    def __init__(self, form, team, network):
        self.form, self.team = form, team
        self.network = split_network(form, network, team)
        self.loss = PartLoss(self.network, team)

    def memory(self):
        held = sum(p.size for p in self.network.params.values())
        return {"workers": self.team.size, "here": self.team.local_size, "held": held}

    def choose(self, indices, looks):
        mine = self.network.share(len(indices)).run
        return indices[mine], looks[mine]

    def draws(self, rng, pictures):
        return self.network.draws(rng, pictures)

    def anyone(self, *flags):
        return tuple(total > 0 for total in self.team.totals(flags))

    def part(self, arrays):
        return self.network.part(arrays)

    def whole(self, arrays):
        return self.network.whole(arrays)

    def evaluate(self, split, view, xp, label, quiet):
        p = class_probabilities(self.network, split, view, xp, label=label, quiet=quiet)
        return Evaluation.of(p, split.labels, pictures_at_once(ten_crop=False))

    def first_not_finite(self, x):
        return ""  # no worker has the whole pass

    def report(self, pictures):
        """The form, the number of workers, and the bytes that each sent to others per picture of training."""
        counted = {label: count for label, count in self.team.sent.items() if label.endswith(TRAINING)}
        sent = {label: count / max(pictures, 1) for label, count in counted.items()}
        return {"parallel": self.form, "workers": self.team.size, "sent_per_picture": sent}


class PartLoss(TrackedLoss):
    """The loss of a batch, however its pictures are divided among workers.

    network: the worker's `SplitNetwork`, which gives the scores
    """

    def __init__(self, network, team):
        super().__init__()
        self.network, self.team = network, team

    def gradient(self, scores, labels):
        """d(loss of the batch)/d(scores). scores: as the network gives them;  labels: of the whole batch"""
        mine = labels[self.network.scored(self.network.share(len(labels)))]
        if len(mine) == 0:  # a batch with fewer pictures than workers
            self.pending.append((0.0, 0, 0))
            self.read_if_due(scores)
            return scores
        dscores = super().gradient(scores, mine)
        return dscores if len(mine) == len(labels) else dscores * (len(mine) / len(labels))

    def over_all(self, parts):
        if not self.network.scores_apart:
            return parts
        totals = iter(self.team.totals([number for part in parts for number in part]))
        return [[loss, int(wrong), int(pictures)] for loss, wrong, pictures in zip(totals, totals, totals)]


class Bystander(RunFolder):
    """A run folder for workers that only take part: the first one writes."""

    def make(self):
        pass

    def save(self, path, checkpoint):
        pass

    def write_json(self, name, value):
        pass

    def log(self, **values):
        pass

    def forget_metrics_after(self, step, epochs):
        pass


def folder_of(path, team):
    """The run folder at `path`, which only the first worker writes."""
    return RunFolder(path) if team.rank == 0 else Bystander(path)


def class_probabilities(network, split, view, xp, ten_crop=False, label="evaluate", quiet=False):
    """As `tinyalex.evaluation.class_probabilities`, of a `SplitNetwork`: each worker looks at its share, and all get the result."""
    if network.workers == 1:
        return evaluation.class_probabilities(network, split, view, xp, ten_crop, label, quiet)
    all_shares = shares(len(split), network.workers)
    mine, most = all_shares[network.team.rank], len(all_shares[0])
    count = -(-most // pictures_at_once(ten_crop))  # on every worker, since they may meet in each batch
    batches = [range(mine.start + b.start, mine.start + b.stop) for b in shares(len(mine), count)]
    p = evaluation.class_probabilities(network, split, view, xp, ten_crop, label, quiet, batches)
    return network.team.gather(np.ascontiguousarray(p), [len(share) for share in all_shares], 0, "evaluation")

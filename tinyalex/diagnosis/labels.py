"""Faults of the labels, within a part and between the parts, found by a linear classifier on simple measures.

Learnt on half of a part and asked about the other half, it tells whether that part's labels follow its pictures; learnt
in training and asked in validation, whether both mean the same by a label.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tinyalex.diagnosis import limits
from tinyalex.diagnosis.fault import Fault
from tinyalex.diagnosis.measures import answers, measures


@dataclass(frozen=True)
class Told:
    """How many labels of N are told, and the share that answers independent of the labels would tell."""

    hits: int
    N: int
    chance: float

    @classmethod
    def of(cls, given, labels, K):
        shares = [np.bincount(a, minlength=K) / max(1, len(a)) for a in (given, labels)]
        return cls(int((given == labels).sum()), len(labels), float(shares[0] @ shares[1]))

    @property
    def share(self):
        return self.hits / max(1, self.N)

    @property
    def beyond(self):
        """Standard errors above chance."""
        deviation = math.sqrt(self.N * self.chance * (1 - self.chance))
        return (self.hits - self.N * self.chance) / deviation if deviation else 0.0

    @property
    def nothing(self):
        """Whether chance alone explains the hits; False where one class is so common that this cannot be told."""
        return self.chance < limits.TELLING and self.beyond < limits.NOTHING

    @property
    def something(self):
        return self.beyond > limits.SOMETHING

    def __str__(self):
        return f"{self.share:.0%} of {self.N} (by chance {self.chance:.0%})"


class LabelTrial:
    """Which labels the measures tell, within each part and from one part to the other."""

    def __init__(self, patient):
        self.patient, self.K = patient, patient.K
        self.features = {split: measures(pictures) for split, pictures in patient.pictures.items()}

    def labels(self, split, moved=0):
        """The labels of the tried pictures; with `moved`, of the pictures that many rows behind them."""
        labels = self.patient.split(split).labels
        return labels[(self.patient.rows[split] + moved) % len(labels)]

    def within(self, split, moved=0):
        """`Told` by each half of a part about its other half."""
        x, y = self.features[split], self.labels(split, moved)
        middle = len(y) // 2
        given = [
            answers(x[middle:], y[middle:], x[:middle], self.K),
            answers(x[:middle], y[:middle], x[middle:], self.K),
        ]
        return Told.of(np.concatenate(given), y, self.K)

    @property
    def train(self):
        return self.halves[0]

    @cached_property
    def val(self):
        return self.within("val")

    def across(self, features, split="val"):
        """The answers that the training part gives to measures of other pictures, several arrays at once."""
        x, y = self.features["train"], self.labels("train")
        given = answers(x, y, np.concatenate(features), self.K)
        return np.split(given, np.cumsum([len(one) for one in features])[:-1])

    @cached_property
    def given(self):
        """The training part's answers to the validation pictures."""
        return self.across([self.features["val"]])[0]

    @cached_property
    def told(self):
        return Told.of(self.given, self.labels("val"), self.K)

    @cached_property
    def halves(self):
        """`Told` by each half of training about its other half, and by each about validation."""
        x, y, val = self.features["train"], self.labels("train"), self.labels("val")
        middle = len(y) // 2
        own, other = [], []
        for learnt, asked in ((slice(middle), slice(middle, None)), (slice(middle, None), slice(middle))):
            given = answers(x[learnt], y[learnt], np.concatenate([x[asked], self.features["val"]]), self.K)
            own.append((given[: len(y[asked])], y[asked]))
            other.append((given[len(y[asked]) :], val))
        return [Told.of(*map(np.concatenate, zip(*both)), self.K) for both in (own, other)]

    @property
    def enough(self):
        return all(len(rows) >= limits.FEW_LABELS for rows in self.patient.rows.values())


MEND = {
    "train": "pair each training picture with its own label and prepare the data again; `train --show-batch batch.png` "
    "shows pictures with their labels",
    "val": "pair each validation picture with its own label and prepare the data again",
}
HOW = "simple measures of the pictures"


def shuffled(patient):
    """Whether one part's labels do not follow its pictures, where the other's do, or the same labels a row away."""
    trial = patient.labels
    if not trial.enough or not trial.told.nothing:
        return None
    for split, words, own, other in (
        ("train", "training", trial.train, trial.val),
        ("val", "validation", trial.val, trial.train),
    ):
        if not own.nothing:
            continue
        for moved in (1, -1):
            there = trial.within(split, moved)
            if there.something:
                return Fault(
                    f"the {words} labels are shifted by one picture",
                    f"{HOW} tell {own} of the labels as they stand, but {there} of the labels one row "
                    f"{'on' if moved > 0 else 'back'}",
                    "look for a header or a missing line in the list of labels, and prepare the data again",
                )
        if other.something:
            return Fault(
                f"the {words} labels are shuffled",
                f"{HOW} tell {own} of the {words} labels from the others, but {other} in the other part",
                MEND[split],
            )
    enough = trial.train.N >= max(4 * limits.FEW_LABELS, limits.FEW_A_CLASS * patient.K)
    if trial.train.nothing and trial.val.nothing and not patient.has_learnt and enough:
        return Fault(
            "the labels are shuffled, in both parts",
            f"{HOW} tell {trial.train} of the training labels and {trial.val} of the validation labels; in most data "
            "they tell several times as many as chance",
            MEND["train"],
        )
    return None


def renamed(patient):
    """Whether the classes stand in another order in validation than in training."""
    trial, K = patient.labels, patient.K
    if not trial.enough or not trial.train.something or K < 2:
        return None
    labels, given = trial.labels("val"), trial.given
    for by in (1, -1):
        there = Told.of((given + by) % K, labels, K)
        if there.something and _clearly_more(there, trial.told):
            return Fault(
                "the validation labels are shifted by one class",
                f"{HOW}, learnt in training, tell {trial.told} of the validation labels, but {there} if each label "
                f"is counted {'down' if by > 0 else 'up'} by one",
                "number the classes in the same way in both parts (from 0, or from 1), and prepare the data again",
            )
    there = _matched(given, labels, K)
    if there.something and _clearly_more(there, trial.told):
        return Fault(
            "the classes stand in another order in validation than in training",
            f"{HOW}, learnt in training, tell {trial.told} of the validation labels, but {there} if the classes are "
            "renamed as the first half of the pictures suggests, judged on the other half",
            "sort the classes in the same way in both parts, and prepare the data again",
        )
    return None


def _clearly_more(there, here):
    return there.share > here.share + 4 * math.sqrt(0.25 / here.N) and there.share > 2 * here.share


def _matched(given, labels, K):
    """`Told` about the second half of the pictures by answers renamed to fit the first, each class used once."""
    middle = len(labels) // 2
    matrix = np.zeros((K, K))
    np.add.at(matrix, (given[:middle], labels[:middle]), 1)
    names = np.arange(K)
    for _ in range(K):
        answer, label = np.unravel_index(matrix.argmax(), matrix.shape)
        names[answer] = label
        matrix[answer], matrix[:, label] = -1, -1
    return Told.of(names[given[middle:]], labels[middle:], K)


def partly_wrong(patient):
    """Whether a share of one part's labels is wrong: the same classifier is right more often in the other part."""
    trial = patient.labels
    if not trial.enough or not trial.told.something:
        return None
    own, other = trial.halves
    for less, more, split, words in ((own, other, "train", "training"), (other, own, "val", "validation")):
        if not more.something or _standard_errors(less, more) < limits.PART_WRONG_FOR_SURE:
            continue
        right = (less.share - less.chance) / (more.share - more.chance)
        if right < limits.PART_WRONG:
            return Fault(
                f"a part of the {words} labels is wrong",
                f"{HOW} tell {less} of the {words} labels, but {more} in the other part, with the same classifier: "
                f"about {min(1, 1 - right):.0%} are wrong, or the pictures differ",
                MEND[split],
            )
    return None


def _standard_errors(less, more):
    pooled = (less.hits + more.hits) / (less.N + more.N)
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / less.N + 1 / more.N))
    return (more.share - less.share) / deviation if deviation else 0.0

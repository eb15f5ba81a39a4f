"""How much more often a network errs on corrupted pictures, and whether it knows that.

N pictures, K classes.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from types import ModuleType
from typing import Any

import numpy as np

from tinyalex.backend import Array
from tinyalex.calibration import VIEWS, Calibration, confidences, expected_calibration_error
from tinyalex.data.corruptions import CORRUPTIONS, Corruption
from tinyalex.data.dataset import Split
from tinyalex.evaluation import Evaluation, class_probabilities
from tinyalex.runs.trained import Run
from tinyalex.statistics import holm, mcnemar, paired_bootstrap, wilson

SEED, DRAWS = 0, 2000  # of the noise and of the bootstrap
ALPHA = 0.05  # a p-value below it is no accident, after Holm's correction


@dataclass(frozen=True)
class Chosen:
    """Some pictures of a split, corrupted as they are read.

    indices: which ones, (N,);  corruption: None for the pictures as they are
    count: called with the number of pictures, whenever some are read
    """

    split: Split
    indices: np.ndarray
    corruption: Corruption | None = None
    severity: int = 0
    count: Callable[[int], object] = int

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def labels(self) -> np.ndarray:
        return self.split.labels[self.indices]

    def gather(self, rows: Any) -> np.ndarray:
        """The pictures at `rows` of the chosen ones: uint8 (len(rows), S, S, 3)."""
        pictures = self.split.gather(self.indices[np.asarray(rows)])
        if self.corruption:
            pictures = self.corruption(pictures, self.severity, SEED)
        self.count(len(pictures))
        return pictures


@dataclass(frozen=True)
class Measured:
    """A network's answers to pictures of one corruption and severity.

    corruption: its name; "" for the pictures as they are, severity 0
    answers: the likeliest classes, (N,);  wrong: which are, bool (N,)
    numbers: for JSON: "error" and "error_interval", "top5_error" if it says anything, "confidence" (the mean), "ece";
        with a calibration "coverage", "answered", and if that is not 0 "answered_error" and "answered_error_interval"
    """

    corruption: str
    severity: int
    answers: np.ndarray
    wrong: np.ndarray
    numbers: dict[str, Any]

    @classmethod
    def of(cls, name: str, severity: int, p: Array, labels: np.ndarray, calibration: Calibration | None) -> "Measured":
        """That of a network's own probabilities (N, K) for pictures with labels (N,)."""
        top5 = Evaluation.of(p, labels).top5_error
        if calibration is not None:
            p = calibration.probabilities(p)
        answers, confidence = confidences(p)
        wrong = answers != labels
        numbers = _share("error", wrong) | {"confidence": float(confidence.mean())}
        numbers |= {"ece": expected_calibration_error(p, labels)}
        numbers |= {} if top5 is None else {"top5_error": top5}
        if calibration is not None:
            sure = calibration.sure(confidence)
            numbers |= {"coverage": float(sure.mean()), "answered": int(sure.sum())}
            numbers |= _share("answered_error", wrong[sure]) if sure.any() else {}
        return cls(name, severity, answers, wrong, numbers)


def _share(name, wrong):
    """The share of wrong answers and its Wilson interval, as JSON values."""
    interval = wilson(int(wrong.sum()), len(wrong))
    return {name: interval.mean, f"{name}_interval": [interval.low, interval.high]}


@dataclass
class Trial:
    """Measurements of a trained network: those planned, and those done so far.

    data: the name of the pictures' data set;  names, severities: of the corruptions
    view: one of VIEWS;  calibration: of that view, if there is one
    seconds: that the pictures as they are took
    """

    run: Run
    data: str
    chosen: Chosen
    names: Sequence[str]
    severities: Sequence[int]
    view: str
    calibration: Calibration | None = None
    done: list[Measured] = field(default_factory=list)
    seconds: float = math.nan

    @property
    def clean(self) -> Measured:
        """The pictures as they are, which are measured first."""
        return self.done[0]

    @property
    def planned(self) -> int:
        """How many measurements there are to be."""
        return 1 + len(self.names) * len(self.severities)

    def measure(self, xp: ModuleType, count: Callable[[int], object] = int) -> None:
        """Measure the pictures as they are, then each corruption at each severity. count: as of `Chosen`"""
        began = time.perf_counter()
        chosen = replace(self.chosen, count=count)
        pairs = [("", 0), *((name, severity) for name in self.names for severity in self.severities)]
        for name, severity in pairs:
            part: Any = replace(chosen, corruption=CORRUPTIONS.get(name), severity=severity)
            p = class_probabilities(self.run.network, part, self.run.view, xp, self.view == VIEWS[1], quiet=True)
            self.run.check_answers(p)
            self.done.append(Measured.of(name, severity, p, part.labels, self.calibration))
            if len(self.done) == 1:
                self.seconds = time.perf_counter() - began

    def result(self) -> dict[str, Any]:
        """The numbers so far, as JSON values; at least the pictures as they are must have been measured."""
        clean, *others = self.done
        rows = compared(clean, others)
        return {
            "checkpoint": str(self.run.file),
            "model": self.run.info["model"],
            "data": self.data,
            "images": len(self.chosen),
            "of_images": len(self.chosen.split),
            "view": self.view,
            "calibrated": self.calibration is not None,
            "measured": len(self.done),
            "planned": self.planned,
            "clean": clean.numbers,
            "corruptions": rows,
            "mean_corruption_error": mean_corruption_error(clean, others) if rows else None,
            "breaks_at": breaks_at(rows, clean.numbers["error"]),
        }


def compared(clean: Measured, others: Sequence[Measured]) -> list[dict[str, Any]]:
    """The numbers of each corruption and severity, with McNemar's test against the pictures as they are.

    "p": that of as many or more pictures on which only one of the two answers is wrong, if the corruption did nothing;
        corrected for all comparisons (Holm)
    """
    tests = [mcnemar(clean.wrong, other.wrong) for other in others]
    corrected = holm([p for *_, p in tests]) if tests else []
    return [
        {"corruption": other.corruption, "severity": other.severity}
        | other.numbers
        | {"only_clean_wrong": test[0], "only_corrupted_wrong": test[1], "p": p}
        for other, test, p in zip(others, tests, corrected)
    ]


def mean_corruption_error(clean: Measured, others: Sequence[Measured]) -> dict[str, Any]:
    """{"error", "more"}: the mean error over all corruptions and severities, and how far it is above the clean one.

    With percentile intervals of a bootstrap over the pictures. Unlike ImageNet-C's it is not divided by AlexNet's.
    """
    errors = np.mean([other.wrong for other in others], axis=0)  # (N,), in 0..1
    sides = {"error": np.zeros(len(errors)), "more": clean.wrong.astype(float)}
    return {name: asdict(paired_bootstrap(errors, side, SEED, DRAWS)) for name, side in sides.items()}


def breaks_at(rows: Sequence[dict[str, Any]], clean_error: float) -> dict[str, int]:
    """{corruption: the severity from which it adds to the errors, at every higher one too}; without those that do not.

    It adds if its error is above the clean one, and the difference is no accident (p below ALPHA).
    rows: of `compared`
    """
    found: dict[str, int] = {}
    for name in dict.fromkeys(row["corruption"] for row in rows):
        own = sorted((row for row in rows if row["corruption"] == name), key=lambda row: -row["severity"])
        for row in own:
            if row["p"] >= ALPHA or row["error"] <= clean_error:
                break
            found[name] = row["severity"]
    return found

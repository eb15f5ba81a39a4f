"""The logged requests that a new network would answer differently, before it is launched.

Both networks see the pictures that a service kept, each through its own preparation, calibration and threshold. An
answer is a class, or none if the network is not sure. N requests.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyalex.classifier import Classifier
from tinyalex.data.pictures import PictureError, decode_picture
from tinyalex.errors import UserError
from tinyalex.evaluation import pictures_at_once
from tinyalex.monitoring.log import Log, Request, pictures_folder
from tinyalex.monitoring.trace import NotThere, ask, read_kept
from tinyalex.runs.calibrated import checkpoint_hash
from tinyalex.statistics import mcnemar, wilson
from tinyalex.terminal import progress_bar

WRONG, NONE, RIGHT = 0, 1, 2  # what an answer is worth: no answer is better than a wrong one


@dataclass(frozen=True)
class Said:
    """A network's word on one picture: its guess with the probability, and whether it is sure enough to answer."""

    class_id: str
    label: str
    probability: float
    sure: bool

    @property
    def answer(self) -> str | None:
        """The class that it answers with; None if it is not sure."""
        return self.class_id if self.sure else None

    def worth(self, truth: str) -> int:
        """WRONG, NONE or RIGHT."""
        return NONE if not self.sure else RIGHT if self.class_id == truth else WRONG


@dataclass(frozen=True)
class Change:
    """A request and what two networks say to it. truth: the class that it was labelled with later, or None"""

    request: Request
    before: Said
    after: Said
    truth: str | None

    @property
    def changed(self) -> bool:
        """Whether the answer, or its absence, is another."""
        return self.before.answer != self.after.answer

    @property
    def verdict(self) -> str:
        """ "better", "worse" or "neither"; "unknown" without a label."""
        if self.truth is None:
            return "unknown"
        gain = self.after.worth(self.truth) - self.before.worth(self.truth)
        return "better" if gain > 0 else "worse" if gain < 0 else "neither"


@dataclass(frozen=True)
class Comparison:
    """All requests whose picture both networks have seen, and how many could not be compared.

    names: {class id: its name} of both networks
    without_picture: not kept, or not what came any more;  unreadable: cannot be decoded
    answered_by_first: how many of the compared ones the first network's checkpoint had answered
    """

    changes: list[Change]
    names: dict[str, str]
    without_picture: int
    unreadable: int
    answered_by_first: int

    @property
    def changed(self) -> list[Change]:
        return [one for one in self.changes if one.changed]

    def numbers(self) -> dict[str, Any]:
        """Counts, shares and the test, as JSON values.

        "p": McNemar's exact test on the labelled requests that get better and worse: how likely chance alone would
            split them at least so unevenly if both were as likely; each picture counts once, however often it came
        """
        labelled = [one for one in self.changes if one.truth is not None]
        better, worse = ([one.verdict == word for one in labelled] for word in ("better", "worse"))
        once = {one.request.sha256: one.verdict for one in labelled}.values()
        _, _, p = mcnemar(*([one == word for one in once] for word in ("better", "worse"))) if labelled else (0, 0, 1.0)
        changed = self.changed
        return {
            "requests": len(self.changes) + self.without_picture + self.unreadable,
            "without_picture": self.without_picture,
            "unreadable": self.unreadable,
            "compared": len(self.changes),
            "answered_by_first": self.answered_by_first,
            "changed": len(changed),
            "other_answer": sum(one.before.sure and one.after.sure for one in changed),
            "no_answer_any_more": sum(one.before.sure and not one.after.sure for one in changed),
            "answered_now": sum(not one.before.sure and one.after.sure for one in changed),
            "before": _side([one.before for one in self.changes], [(one.before, one.truth) for one in labelled]),
            "after": _side([one.after for one in self.changes], [(one.after, one.truth) for one in labelled]),
            "labelled": len(labelled),
            "better": sum(better),
            "worse": sum(worse),
            "neither": sum(one.changed and one.verdict == "neither" for one in labelled),
            "p": p,
        }


def _side(all_said, labelled):
    """One network's coverage, and the shares of right, wrong and no answers among the labelled requests."""
    answered = sum(said.sure for said in all_said)
    about: dict[str, Any] = {"answered": answered, "coverage": answered / len(all_said)}
    for name, worth in (("right", RIGHT), ("wrong", WRONG), ("none", NONE)):
        about[name] = sum(said.worth(truth) == worth for said, truth in labelled)
    given = about["right"] + about["wrong"]
    interval = wilson(about["wrong"], given) if given else None
    return about | {"error": interval and [interval.mean, interval.low, interval.high]}


def compare_on_log(
    log: Log, first: Classifier, second: Classifier, newest: int | None = None, quiet: bool = False
) -> Comparison:
    """Ask two networks about the kept pictures of the newest requests, by default of all.

    UserError if no picture was kept.
    """
    requests = log.requests(newest=newest)
    by_hash: dict[str, list[Request]] = {}
    for request in requests:
        by_hash.setdefault(request.sha256, []).append(request)
    hash, labels, changes, missing, unreadable = checkpoint_hash(first.run.file), log.labels(), [], 0, 0
    with progress_bar(len(by_hash), "kept pictures", quiet=quiet) as bar:
        for batch in _batches(list(by_hash.values()), bar.update):
            pairs = []
            for same in batch:
                try:
                    data = read_kept(log.path, same[0])
                    pairs.append((same, *(decode_picture(data, one.run.view.size) for one in (first, second))))
                except NotThere:
                    missing += len(same)
                except PictureError:
                    unreadable += len(same)
            if not pairs:
                continue
            owners, *squares = zip(*pairs)
            said = [said_by(one, np.stack(seen)) for one, seen in zip((first, second), squares)]
            for same, before, after in zip(owners, *said):
                changes += [Change(request, before, after, labels.get(request.id)) for request in same]
    if not changes:
        raise UserError(
            f"{log.path}: none of {len(requests):,} requests has its picture in {pictures_folder(log.path)}"
        )
    changes.sort(key=lambda one: one.request.at)
    names = {id: name for one in (second, first) for id, name in zip(one.class_ids, one.classes)}
    return Comparison(changes, names, missing, unreadable, sum(one.request.model == hash for one in changes))


def said_by(classifier: Classifier, squares: np.ndarray) -> list[Said]:
    """A network's word on prepared pictures, uint8 (N, S, S, 3), by its calibration."""
    guesses = [(one.answers[0], one.sure) for one in ask(classifier, squares)]
    return [Said(guess.id, guess.name, guess.probability, sure) for guess, sure in guesses]


def _batches(groups: Sequence, count) -> Iterator[Sequence]:
    """Some groups at a time. count: called with how many are done"""
    at_once = pictures_at_once(False)
    for start in range(0, len(groups), at_once):
        batch = groups[start : start + at_once]
        yield batch
        count(len(batch))

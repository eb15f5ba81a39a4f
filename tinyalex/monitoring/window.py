"""The requests that a report is about, with what is known of each: its model, its true class, its hour.

Times are UTC: the service, its clients and its operator may be anywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import numpy as np

from tinyalex.backend import random_stream
from tinyalex.monitoring.log import Log, LoggedModel, Request
from tinyalex.monitoring.reference import entropies, rounded

HOURS = 48 * 3600  # seconds; a longer window is divided into days


@dataclass(frozen=True)
class Window:
    """requests: N, the oldest first;  truths: for each, the index of its true class among its model's, or None

    models: {hash: the model as it was last}, shadows too
    changed: {hash: when it became so}, of those that were otherwise before, as by a new calibration
    """

    requests: list[Request]
    truths: list[int | None]
    models: dict[str, LoggedModel]
    changed: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, log: Log, requests: list[Request]) -> "Window":
        """The window of some of a log's requests."""
        models, labels = {model.hash: model for model in log.models()}, log.labels()
        places = {hash: {id: k for k, id in enumerate(model.about["class_ids"])} for hash, model in models.items()}
        truths = [places.get(one.model, {}).get(labels.get(one.id, "")) for one in requests]
        return cls(requests, truths, models, log.changed())

    def __len__(self) -> int:
        return len(self.requests)

    def where(self, keep: Callable[[Request], bool]) -> "Window":
        """Those requests that `keep` keeps."""
        return self._of([n for n, one in enumerate(self.requests) if keep(one)])

    def _of(self, rows):
        return Window([self.requests[n] for n in rows], [self.truths[n] for n in rows], self.models, self.changed)

    def different(self) -> "Window":
        """Each picture once, as it came first: sent again, it says nothing new."""
        return self._of(np.flatnonzero(self.once(np.ones(len(self), bool))))

    def once(self, which: np.ndarray) -> np.ndarray:
        """The first with each picture, bool (N,), among the requests of `which`, bool (N,)."""
        seen: dict[str, int] = {}
        rows = {seen.setdefault(self.requests[n].sha256, n) for n in np.flatnonzero(which).tolist()}
        return np.isin(np.arange(len(self)), list(rows))

    def as_now(self, model: str) -> "Window":
        """Those requests that a model answered with the calibration and the reference that it has now."""
        return self.where(lambda one: one.model != model or one.at >= self.changed.get(model, one.at))

    def some(self, most: int) -> "Window":
        """At most this many of the requests, drawn at random, the same ones each time."""
        if len(self) <= most:
            return self
        drawn = {self.requests[n].id for n in random_stream(0, "window").choice(len(self), most, replace=False)}
        return self.where(lambda one: one.id in drawn)

    @cached_property
    def labelled(self) -> np.ndarray:
        """Whether the true class is known, (N,)."""
        return np.array([truth is not None for truth in self.truths], bool)

    @cached_property
    def wrong(self) -> np.ndarray:
        """Whether the likeliest class is known to be wrong, (N,)."""
        pairs = zip(self.requests, self.truths)
        return np.array([truth is not None and one.label != truth for one, truth in pairs], bool)

    @cached_property
    def sure(self) -> np.ndarray:
        """Whether the likeliest class was given as the answer, (N,)."""
        return np.array([one.sure for one in self.requests], bool)

    @cached_property
    def confidence(self) -> np.ndarray:
        """The likeliest class's probability, (N,); NaN without one."""
        return np.array([np.nan if one.confidence is None else one.confidence for one in self.requests], float)

    def name(self, model: str, label: int | None) -> str:
        """A class's name for people."""
        if label is None or model not in self.models:
            return "?"
        names = self.models[model].about["class_names"]
        return names[label] if 0 <= label < len(names) else "?"

    # ------------------------------------------------------------------------------------------ divisions

    @cached_property
    def clients(self) -> list[str]:
        return [one.client for one in self.requests]

    @cached_property
    def periods(self) -> list[str]:
        """The hour of each request, such as "2026-05-01 14:00"; in a long window the day."""
        span = self.requests[-1].at - self.requests[0].at if self.requests else 0
        return [clock(one.at, "%Y-%m-%d %H:00" if span <= HOURS else "%Y-%m-%d") for one in self.requests]

    @property
    def period(self) -> str:
        """What `periods` are: "hour" or "day"."""
        return "hour" if not self.requests or ":" in self.periods[0] else "day"

    @cached_property
    def guesses(self) -> list[str]:
        """The likeliest class of each request."""
        return [self.name(one.model, one.label) for one in self.requests]

    @cached_property
    def true_classes(self) -> list[str]:
        """The true class of each request; "?" if it is not known."""
        return [self.name(one.model, truth) for one, truth in zip(self.requests, self.truths)]

    # ------------------------------------------------------------------------------------------ for drift

    def columns(self) -> dict[str, np.ndarray]:
        """Columns to compare with a model's reference, for `drift_tests`; only what is known of every request."""
        names = ("brightness", "contrast", "sharpness", "novelty", "confidence")
        values = {name: [getattr(one, name) for one in self.requests] for name in names}
        found = {name: rounded(np.array(column, float)) for name, column in values.items() if None not in column}
        if all(one.top for one in self.requests):
            longest = max((len(one.top) for one in self.requests), default=0)
            top = [[p for _, p in one.top] + [0.0] * (longest - len(one.top)) for one in self.requests]
            found["entropy"] = rounded(entropies(np.array(top).reshape(len(self), longest)))
        if all(one.label is not None for one in self.requests):
            found["label"] = np.array([one.label for one in self.requests], int)
        return found

    def files(self) -> dict[str, np.ndarray]:
        """Columns of the files as they came, before they were prepared, for `drift_tests`."""
        pixels = np.array([max(1, one.width * one.height) for one in self.requests], float)
        return {
            "pixels": pixels,
            "width by height": np.array([one.width / max(1, one.height) for one in self.requests], float),
            "bytes a pixel": np.array([one.bytes for one in self.requests], float) / pixels,
            "format": np.array([one.format for one in self.requests], str),
        }


def clock(at: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time in UTC as text."""
    return datetime.fromtimestamp(at, UTC).strftime(form)

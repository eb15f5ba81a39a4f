"""From pictures to logged answers: decoded, gathered into batches for the network, written into the log."""

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.exceptions import HTTPException

from tinyalex.monitoring.log import Request
from tinyalex.monitoring.pictures import picture_statistics
from tinyalex.serving.answer import answer_json
from tinyalex.serving.batching import Gatherer
from tinyalex.serving.explainer import Explainer
from tinyalex.serving.journal import Answered, Journal
from tinyalex.serving.limits import Intake
from tinyalex.serving.metrics import Metrics
from tinyalex.serving.models import Model, Models
from tinyalex.serving.pictures import Decoder
from tinyalex.serving.reports import Reporter

GATHER_SECONDS = 0.003  # the first request of a batch waits this long for others
MOST_AT_ONCE = 64  # pictures in a batch


@dataclass(frozen=True)
class Seen:
    """The network's answers about the pictures of one request.

    model: the one that answered;  answers: a `Classification` of each picture
    shadow, shadowed: the same of the shadow, if there is one
    statistics: of the prepared pictures (see `picture_statistics`);  novelty: (see `novelties`), if it is known
    """

    model: Model
    answers: list
    shadow: Model | None
    shadowed: list | None
    statistics: dict[str, np.ndarray]
    novelty: np.ndarray | None


class Service:
    """All that stands between the routes and the network."""

    def __init__(self, models: Models, journal: Journal) -> None:
        self.models, self.journal = models, journal
        self.intake, self.decoder, self.metrics = Intake(), Decoder(), Metrics()
        self.network = Gatherer("tinyalex-network", self._infer, GATHER_SECONDS, MOST_AT_ONCE)
        self.explainer, self.reporter = Explainer(), Reporter(journal.log)
        self.answered = 0  # pictures
        self.metrics.name_models(self.models)

    def stop(self) -> None:
        """Receive nothing more."""
        self.intake.stopping = True

    def close(self) -> None:
        """Finish what is under way; everything answered is in the log then."""
        self.decoder.close()
        self.network.close()
        self.journal.close()

    async def classify(self, files: list[bytes], client: str) -> dict[str, Any]:
        """The JSON answer about the pictures of one request. HTTPException for one that is none."""
        at, began = time.time(), time.perf_counter()
        pictures = await self._decoded(files)
        seen = await self.network.submit([picture.square for picture in pictures], len(pictures))
        milliseconds = 1000 * (time.perf_counter() - began)
        rows = [_request(picture, seen, n, at, client, milliseconds) for n, picture in enumerate(pictures)]
        models = [model.logged for model in (seen.model, seen.shadow) if model]
        if not await self.journal.add(Answered(rows, pictures, models)):
            self.metrics.unlogged.inc(len(rows))
        self._count(seen, rows, time.perf_counter() - began)
        return {
            "answers": [answer_json(row.id, found, seen.model.calibrated) for row, found in zip(rows, seen.answers)],
            "model": seen.model.hash,
            "calibrated": seen.model.calibrated,
        }

    async def _decoded(self, files):
        size = self.models.current.size
        found = await asyncio.gather(*(self.decoder.picture(data, size) for data in files), return_exceptions=True)
        for number, one in enumerate(found, 1):
            if isinstance(one, HTTPException) and len(files) > 1:
                raise HTTPException(one.status_code, f"picture {number}: {one.detail}", one.headers)
            if isinstance(one, BaseException):
                raise one
        return found

    def _infer(self, requests):
        """`Seen` for each list of squares."""
        current, shadow = self.models.pair
        squares = np.stack([square for own in requests for square in own])
        self.metrics.batch.observe(len(squares))
        answers, novelty = current.listener.classify(squares, current.ten_crop)
        shadowed, statistics = self._shadowed(shadow, squares), picture_statistics(squares)
        ends = np.cumsum([len(own) for own in requests])
        parts = [slice(end - len(own), end) for end, own in zip(ends, requests)]
        return [
            Seen(
                current,
                answers[part],
                shadow if shadowed else None,
                shadowed and shadowed[part],
                {name: values[part] for name, values in statistics.items()},
                None if novelty is None else novelty[part],
            )
            for part in parts
        ]

    def _shadowed(self, shadow, squares):
        """The shadow's answers; None without a shadow, or if it fails, which must not keep the model from answering."""
        if shadow is None:
            return None
        try:
            return shadow.classify(squares)
        except Exception:
            self.metrics.shadow_errors.inc()
            return None

    def _count(self, seen, rows, seconds):
        metrics = self.metrics
        self.answered += len(rows)
        metrics.seconds.observe(seconds)
        metrics.cannot_log.set(bool(self.journal.trouble))
        for row in rows:
            metrics.pictures.labels("yes" if row.sure else "no").inc()
            if row.shadow_label is not None and row.shadow_label != row.label:
                metrics.disagreements.inc()


def _request(picture, seen, n, at, client, milliseconds):
    """The row of the log for picture n of a request."""
    places = seen.model.places
    found, shadowed = seen.answers[n], seen.shadowed and seen.shadowed[n]
    first = found.answers[0]
    shadow = {}
    if shadowed:
        best = shadowed.answers[0]
        shadow = dict(
            shadow=seen.shadow.hash,
            shadow_label=places[best.id],
            shadow_confidence=best.probability,
            shadow_sure=shadowed.sure,
        )
    return Request(
        id=secrets.token_hex(8),
        at=at,
        client=client,
        sha256=picture.sha256,
        bytes=len(picture.data),
        format=picture.format,
        width=picture.width,
        height=picture.height,
        prepared=picture.prepared,
        **{name: float(values[n]) for name, values in seen.statistics.items()},
        novelty=None if seen.novelty is None else float(seen.novelty[n]),
        model=seen.model.hash,
        label=places[first.id],
        confidence=first.probability,
        sure=found.sure,
        reason=found.reason,
        top=tuple((places[a.id], a.probability) for a in found.answers),
        milliseconds=milliseconds,
        **shadow,
    )

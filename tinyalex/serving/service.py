"""From pictures to logged answers: decoded, gathered into batches for the network, written into the log."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyalex.backend import ordered_map
from tinyalex.monitoring.log import Request
from tinyalex.monitoring.pictures import picture_statistics
from tinyalex.serving.answer import answer_json
from tinyalex.serving.batching import Gatherer
from tinyalex.serving.explainer import Explainer
from tinyalex.serving.journal import Answered, Journal
from tinyalex.serving.limits import Intake
from tinyalex.serving.metrics import Metrics
from tinyalex.serving.models import Model, Models
from tinyalex.serving.pictures import SMALL_PIXELS, LargePictures, Larger, Picture, numbered, received
from tinyalex.serving.reports import Reporter

GATHER_SECONDS = 0.01  # the first request of a batch waits no longer for others
MOST_AT_ONCE = 64  # pictures in a batch
FILES_A_PIECE = 8  # requests whose pictures one core decodes


@dataclass(frozen=True)
class Seen:
    """The network's answers about the pictures of one request.

    pictures: decoded;  model: the one that answered;  answers: a `Classification` of each picture
    shadow, shadowed: the same of the shadow, if there is one
    statistics: of the prepared pictures (see `picture_statistics`);  novelty: (see `novelties`), if it is known
    """

    pictures: list[Picture]
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
        self.intake, self.large, self.metrics = Intake(), LargePictures(), Metrics()
        self.network = Gatherer("tinyalex-network", self._infer, GATHER_SECONDS, MOST_AT_ONCE)
        self.explainer, self.reporter = Explainer(), Reporter(journal.log)
        self.answered = 0  # pictures
        self.metrics.name_models(self.models)
        self.metrics.waiting.set_function(lambda: self.intake.waiting)
        self.metrics.cannot_log.set_function(lambda: bool(self.journal.trouble))

    def stop(self) -> None:
        """Receive nothing more."""
        self.intake.stopping = True

    def close(self) -> None:
        """Finish what is under way; everything answered is in the log then."""
        self.large.close()
        self.network.close()
        self.journal.close()

    async def classify(self, files: list[bytes], client: str) -> dict[str, Any]:
        """The JSON answer about the pictures of one request. HTTPException for one that is none."""
        at, began = time.time(), time.perf_counter()
        seen = await self._seen(files)
        milliseconds = 1000 * (time.perf_counter() - began)
        rows = [_request(picture, seen, n, at, client, milliseconds) for n, picture in enumerate(seen.pictures)]
        models = [model.logged for model in (seen.model, seen.shadow) if model]
        if not await self.journal.add(Answered(rows, seen.pictures, models)):
            self.metrics.unlogged.inc(len(rows))
        self._count(seen, rows, time.perf_counter() - began)
        return {
            "answers": [answer_json(row.id, found, seen.model.calibrated) for row, found in zip(rows, seen.answers)],
            "model": seen.model.hash,
            "calibrated": seen.model.calibrated,
        }

    async def _seen(self, files):
        """`Seen` of the pictures in these files. Those with a large one among them are decoded apart."""
        try:
            return await self.network.submit(files, len(files))
        except Larger:
            size, pictures = self.models.current.size, []
            for number, data in enumerate(files, 1):
                with numbered(number, len(files)):
                    pictures.append(await self.large.picture(data, size))
            return await self.network.submit(pictures, len(pictures))

    def _infer(self, requests):
        """`Seen`, or what is wrong, for each request: a list of files, or of pictures that are decoded already."""
        current, shadow = self.models.pair
        chunks = [requests[start : start + FILES_A_PIECE] for start in range(0, len(requests), FILES_A_PIECE)]
        decoded = ordered_map(lambda chunk: [_decoded(files, current.size) for files in chunk], chunks)
        found = [one for chunk in decoded for one in chunk]
        good = [pictures for pictures in found if isinstance(pictures, list)]
        seen = iter(self._answered(good, current, shadow) if good else ())
        return [next(seen) if isinstance(one, list) else one for one in found]

    def _answered(self, requests, current, shadow):
        """`Seen` for each list of pictures."""
        squares = np.stack([picture.square for pictures in requests for picture in pictures])
        self.metrics.batch.observe(len(squares))
        answers, novelty = current.listener.classify(squares, current.ten_crop)
        shadowed, statistics = self._shadowed(shadow, squares), picture_statistics(squares)
        ends = np.cumsum([len(pictures) for pictures in requests])
        parts = [slice(end - len(pictures), end) for end, pictures in zip(ends, requests)]
        return [
            Seen(
                pictures,
                current,
                answers[part],
                shadow if shadowed else None,
                shadowed and shadowed[part],
                {name: values[part] for name, values in statistics.items()},
                None if novelty is None else novelty[part],
            )
            for pictures, part in zip(requests, parts)
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
        for row in rows:
            metrics.pictures.labels("yes" if row.sure else "no").inc()
            if row.shadow_label is not None and row.shadow_label != row.label:
                metrics.disagreements.inc()


def _decoded(files, size):
    """The pictures in these files; an exception if one is none, or is large."""
    pictures = []
    try:
        for number, file in enumerate(files, 1):
            with numbered(number, len(files)):
                pictures.append(file if isinstance(file, Picture) else received(file, size, SMALL_PIXELS))
    except Exception as error:
        return error
    return pictures


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

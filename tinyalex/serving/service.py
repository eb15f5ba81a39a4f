"""From pictures to logged answers: decoded, gathered into batches for the network, written into the log."""

import secrets
import time
from dataclasses import dataclass, replace
from itertools import groupby
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

GATHER_SECONDS = 0.02  # a batch waits no longer for more requests
MOST_AT_ONCE = 64  # pictures in a batch
PIECE_BYTES = 256 * 1024  # of files that one core decodes; small files take two cores longer, since Python takes turns


@dataclass(frozen=True)
class Asked:
    """One request: its files, or their pictures once these are decoded; who asked, and when.

    at: seconds since 1970;  began: as of `time.perf_counter`
    """

    files: list
    client: str
    at: float
    began: float


@dataclass(frozen=True)
class Seen:
    """The network's answers about the pictures of one request.

    pictures: of `asked`, decoded;  model: the one that answered;  answers: a `Classification` of each picture
    shadow, shadowed: the same of the shadow, if there is one
    statistics: of the prepared pictures (see `picture_statistics`);  novelty: (see `novelties`), if it is known
    """

    asked: Asked
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
        self.network = Gatherer("tinyalex-network", self._infer, self._log, GATHER_SECONDS, MOST_AT_ONCE)
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
        asked = Asked(files, client, time.time(), time.perf_counter())
        seen, rows = await self._answer(asked)
        self.metrics.seconds.observe(time.perf_counter() - asked.began)
        return {
            "answers": [answer_json(row.id, found, seen.model.calibrated) for row, found in zip(rows, seen.answers)],
            "model": seen.model.hash,
            "calibrated": seen.model.calibrated,
        }

    async def _answer(self, asked):
        """(`Seen`, its rows of the log). Files with a large picture among them are decoded apart."""
        files, size = asked.files, self.models.current.size
        try:
            return await self.network.submit(asked, len(files))
        except Larger:
            pictures = []
            for number, data in enumerate(files, 1):
                with numbered(number, len(files)):
                    pictures.append(await self.large.picture(data, size))
            return await self.network.submit(replace(asked, files=pictures), len(files))

    def _infer(self, requests):
        """`Seen`, or what is wrong, for each `Asked`."""
        current, shadow = self.models.pair
        decoded = ordered_map(lambda piece: [_decoded(one.files, current.size) for one in piece], _pieces(requests))
        found = [one for piece in decoded for one in piece]
        good = [(one, pictures) for one, pictures in zip(requests, found) if isinstance(pictures, list)]
        seen = iter(self._answered(good, current, shadow) if good else ())
        return [next(seen) if isinstance(one, list) else one for one in found]

    def _answered(self, requests, current, shadow):
        """`Seen` for each (`Asked`, its pictures)."""
        squares = np.stack([picture.square for _, pictures in requests for picture in pictures])
        self.metrics.batch.observe(len(squares))
        answers, novelty = current.listener.classify(squares, current.ten_crop)
        shadowed, statistics = self._shadowed(shadow, squares), picture_statistics(squares)
        ends = np.cumsum([len(pictures) for _, pictures in requests])
        parts = [slice(end - len(pictures), end) for end, (_, pictures) in zip(ends, requests)]
        return [
            Seen(
                asked,
                pictures,
                current,
                answers[part],
                shadow if shadowed else None,
                shadowed and shadowed[part],
                {name: values[part] for name, values in statistics.items()},
                None if novelty is None else novelty[part],
            )
            for (asked, pictures), part in zip(requests, parts)
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

    def _log(self, found):
        """(`Seen`, its rows), counted and in the log, for each `Seen`; what is wrong for others, as it was."""
        now = time.perf_counter()
        found = [(one, _rows(one, now)) if isinstance(one, Seen) else one for one in found]
        answered = [
            Answered(rows, seen.pictures, [model.logged for model in (seen.model, seen.shadow) if model])
            for seen, rows in (one for one in found if isinstance(one, tuple))
        ]
        rows = [row for one in answered for row in one.rows]
        if rows and not self.journal.write(answered):
            self.metrics.unlogged.inc(len(rows))
        self.answered += len(rows)
        self.metrics.count_pictures(rows)
        return found


def _pieces(requests):
    """The `Asked`, in order, in lists of about PIECE_BYTES of files."""
    sizes = np.cumsum([sum(len(file) for file in one.files if isinstance(file, bytes)) for one in requests])
    return [[one for _, one in piece] for _, piece in groupby(zip(sizes // PIECE_BYTES, requests), lambda one: one[0])]


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


def _rows(seen, now):
    """The rows of the log for a request's pictures. now: as of `time.perf_counter`"""
    return [_request(picture, seen, n, 1000 * (now - seen.asked.began)) for n, picture in enumerate(seen.pictures)]


def _request(picture, seen, n, milliseconds):
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
        at=seen.asked.at,
        client=seen.asked.client,
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

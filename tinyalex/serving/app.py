"""The routes of the service. Errors are JSON, `{"error": one line}`."""

import asyncio
import sqlite3
import sys
import time
import traceback
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tinyalex.errors import UserError
from tinyalex.files import reason
from tinyalex.monitoring.page import STYLE_HASH, report_page
from tinyalex.schema import parse_json, record, text
from tinyalex.serving.guard import Guard
from tinyalex.serving.multipart import parts_of
from tinyalex.serving.page import page_routes, policy
from tinyalex.serving.responses import Json
from tinyalex.serving.service import Service

LABEL = record(id=text(100), class_id=text(1000))
MOST_LABEL = 10_000  # bytes
OPEN = frozenset({"/health/live", "/health/ready"})


class Routes:
    """The functions behind the paths."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def classify(self, request: Request) -> Response:
        service = self.service
        with service.intake.body(request) as body:
            files = _files(request, await body.read())
            with service.intake.place():
                return Json(await service.classify(files, request.client.host if request.client else ""))

    async def explain(self, request: Request) -> Response:
        service = self.service
        with service.intake.body(request) as body:
            files, model = _files(request, await body.read()), service.models.current
            if len(files) > 1:
                raise HTTPException(400, f"found {len(files)} pictures, expected one")
            with service.intake.place():
                picture = await service.large.picture(files[0], model.size)
                return Json(await service.explainer.explain(model, picture.square))

    async def label(self, request: Request) -> Response:
        log = self.service.journal.log
        if log is None:
            raise HTTPException(404, "this service keeps no log, so it knows no request")
        with self.service.intake.body(request, MOST_LABEL) as body:
            try:
                said = parse_json(await body.read(), LABEL, "the label")
            except UserError as error:
                raise HTTPException(422, str(error)) from None
        try:
            await asyncio.to_thread(log.add_label, said["id"], said["class_id"], time.time())
        except UserError as error:
            raise HTTPException({"id": 404, "class_id": 422}.get(error.argument, 503), str(error)) from None
        except sqlite3.Error as error:
            raise HTTPException(503, f"cannot log: {reason(error)}") from None
        return Json({"id": said["id"], "class_id": said["class_id"]})

    async def classes(self, request: Request) -> Response:
        known = self.service.models.current.classifier
        return Json([{"class_id": id, "label": name} for id, name in zip(known.class_ids, known.classes)])

    async def live(self, request: Request) -> Response:
        return Json({"live": True})

    async def ready(self, request: Request) -> Response:
        service = self.service
        log = "off" if service.journal.log is None else "ok"
        if service.journal.trouble:
            log = f"cannot log: {service.journal.trouble}"
        current, shadow = service.models.pair
        about = {"ready": not service.intake.stopping, "log": log, "model": current.name()}
        about["shadow"] = shadow.name() if shadow else None
        return Json(about, 503 if service.intake.stopping else 200)

    async def report(self, request: Request) -> Response:
        page = report_page(await self.service.reporter.report())
        return Response(page, media_type="text/html", headers=policy(f"'{STYLE_HASH}'"))

    async def report_json(self, request: Request) -> Response:
        return Json(await self.service.reporter.report())

    async def metrics(self, request: Request) -> Response:
        return Response(self.service.metrics.text(), media_type="text/plain; version=0.0.4")

    async def promote(self, request: Request) -> Response:
        return await self._change(self.service.models.promote)

    async def reload(self, request: Request) -> Response:
        return await self._change(self.service.models.reload)

    async def _change(self, change):
        try:
            await asyncio.to_thread(change)
        except UserError as error:
            raise HTTPException(409, str(error)) from None
        self.service.metrics.name_models(self.service.models)
        current, shadow = self.service.models.pair
        return Json({"model": current.about(), "shadow": shadow.about() if shadow else None})


def _files(request, body):
    """The files in a request's body: one, or the parts of a form."""
    kind = request.headers.get("content-type", "")
    return parts_of(kind, body) if kind.lower().startswith("multipart/") else [body]


def build_app(service: Service, token: str = "") -> Guard:
    """The application of a service. token: what clients must know, if anything"""
    routes, page = Routes(service), page_routes(lambda: service.explainer.prepare(service.models.current))
    app = Starlette(
        routes=[
            Route("/classify", routes.classify, methods=["POST"]),
            *page,
            Route("/explain", routes.explain, methods=["POST"]),
            Route("/label", routes.label, methods=["POST"]),
            Route("/classes", routes.classes),
            Route("/report", routes.report),
            Route("/report.json", routes.report_json),
            Route("/health/live", routes.live),
            Route("/health/ready", routes.ready),
            Route("/metrics", routes.metrics),
            Route("/promote", routes.promote, methods=["POST"]),
            Route("/reload", routes.reload, methods=["POST"]),
        ],
        exception_handlers={HTTPException: refused, Exception: failed},
    )
    app.router.redirect_slashes = False
    service.metrics.paths = frozenset(route.path for route in app.routes if isinstance(route, Route))
    return Guard(app, token, service.metrics, OPEN.union(route.path for route in page))


async def refused(request: Request, error: Any) -> Response:
    """A mistake of the client, or a limit."""
    text, headers = error.detail, error.headers or {}
    if error.status_code == 405:
        text = f"found {request.method}, expected {headers.get('Allow')}"
    elif text == "Not Found":
        text = "there is no such path; POST a picture to /classify"
    return Json({"error": text}, error.status_code, headers)


async def failed(request: Request, error: Exception) -> Response:
    """A bug in tinyalex: told on stderr, not to the client."""
    traceback.print_exception(error, file=sys.stderr)
    return Json({"error": "an error in tinyalex; its output says more"}, 500)

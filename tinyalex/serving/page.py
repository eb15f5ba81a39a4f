"""The page at the service's root, and what browsers may do with the pages of a service."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

START = "index.html"
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


def policy(style: str = "'self'") -> dict[str, str]:
    """The headers of a page: nothing from elsewhere, no script or style inside it. style: what styles it may have"""
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": style,
        "img-src": "'self' data: blob:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    said = "; ".join(f"{name} {sources}" for name, sources in rules.items())
    return {"Content-Security-Policy": said, "Cache-Control": "no-cache"}


def page_routes(opened: Callable[[], None]) -> list[Route]:
    """The routes of the page's files, which are read now. opened: called when somebody opens the page"""
    folder = files("tinyalex.serving") / "page"
    found = {file.name: Path(file.name).suffix for file in sorted(folder.iterdir(), key=str)}
    routes = [Route(f"/{name}", _sends(folder / name, KINDS[kind])) for name, kind in found.items() if kind in KINDS]
    return [Route("/", _sends(folder / START, KINDS[".html"], opened)), *routes]


def _sends(file, kind, opened=lambda: None):
    content = file.read_bytes()

    async def send(request: Request) -> Response:
        opened()
        return Response(content, media_type=kind, headers=policy())

    return send

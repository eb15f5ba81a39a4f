"""Who may ask: those who know the token, and no page of another site in the browser of somebody who may."""

import base64
import binascii
import hmac
import ipaddress
from contextlib import suppress
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from tinyalex.serving.metrics import Metrics
from tinyalex.serving.responses import Json

HEADERS = (  # of an answer that has none of its own
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)


class Guard:
    """Wraps an app: refuses those who may not ask, counts every answer, and adds headers for browsers.

    token: what clients must know; "": nothing, and then the Host that they name must be this machine (a name of
        another site can be made to lead here)
    open_to_all: paths that need no token
    """

    def __init__(self, app: ASGIApp, token: str, metrics: Metrics, open_to_all: frozenset[str]) -> None:
        self.app, self.token, self.metrics, self.open_to_all = app, token, metrics, open_to_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def sending(message):
            if message["type"] == "http.response.start":
                self.metrics.count(scope["path"], message["status"])
                own = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in HEADERS if pair[0] not in own)]
            await send(message)

        refusal = self._refusal(scope["path"], Headers(scope=scope))
        await (refusal or self.app)(scope, receive, sending)

    def _refusal(self, path, headers):
        """The response for somebody who may not ask; None for others."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return _error(403, "asked by a page of another site")
        if not self.token:
            name = _name(host)
            return None if not host or is_local(name) else _error(403, f"found the host {name!r}, expected localhost")
        if path in self.open_to_all or _knows(headers.get("authorization", ""), self.token):
            return None
        asks_people = "text/html" in headers.get("accept", "")  # a browser asks for the token itself
        ask = {"WWW-Authenticate": 'Basic realm="tinyalex", charset="UTF-8"' if asks_people else "Bearer"}
        return _error(401, "found no token or a wrong one, expected the header Authorization: Bearer TOKEN", ask)


@lru_cache(64)
def is_local(name: str) -> bool:
    """Whether a host's name or address is certain to mean this machine."""
    with suppress(ValueError):
        return ipaddress.ip_address(name).is_loopback
    return name == "localhost"


def _error(status, text, headers=None):
    return Json({"error": text}, status, headers)


def _name(host):
    """The name in a Host header, without its port; "" for an odd one."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _knows(header, token):
    """Whether an Authorization header has the token, as Bearer, or as the password of Basic with any name."""
    kind, _, said = header.partition(" ")
    given = said.strip().encode("latin-1")
    if kind.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).partition(b":")[2]
        except binascii.Error:
            return False
    elif kind.lower() != "bearer":
        return False
    return hmac.compare_digest(given, token.encode())

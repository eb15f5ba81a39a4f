"""Limits on what a client may send: how much, how slowly, and how much of it waits at once."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.exceptions import HTTPException
from starlette.requests import Request

MB = 2**20
MOST_BODY = 16 * MB  # of one request
MOST_RECEIVED = 256 * MB  # of all requests under way
MOST_WAITING = 256  # requests that have arrived and are not yet answered
HEADER_SECONDS = 10  # for a request's head, and between two requests on one connection
BODY_SECONDS, BODY_RATE = 10, 64 * 1024  # for a body: this time, and a second more for every BODY_RATE bytes
RETRY_SECONDS = 1


def busy(text: str) -> HTTPException:
    """503: try again in a moment."""
    return HTTPException(503, f"{text}; try again in a moment", {"Retry-After": str(RETRY_SECONDS)})


class Intake:
    """The requests under way. One that would go beyond the limits is refused with a 503.

    stopping: once set, nothing more is received
    """

    def __init__(self) -> None:
        self.waiting = self.received = 0
        self.stopping = False

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among the requests that wait for their answer."""
        if self.waiting >= MOST_WAITING:
            raise busy(f"{MOST_WAITING} requests are waiting")
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    @contextmanager
    def body(self, request: Request, most: int = MOST_BODY) -> Iterator["Body"]:
        """The body of a request, whose bytes count as received until the end of the block."""
        body = Body(self, request, most)
        try:
            yield body
        finally:
            self.received -= body.counted


class Body:
    """The body of one request."""

    def __init__(self, intake: Intake, request: Request, most: int) -> None:
        self.intake, self.request, self.most = intake, request, most
        self.counted = 0

    async def read(self) -> bytes:
        """All of it. HTTPException 413 if it is too large, 408 if it comes too slowly, 400 if it breaks off."""
        declared = self.request.headers.get("content-length", "0")
        if declared.isdecimal() and (len(declared) > 18 or int(declared) > self.most):
            raise self._too_large(f"{declared[:18]} bytes")
        chunks, began, more = [], asyncio.get_running_loop().time(), True
        try:
            async with asyncio.timeout_at(began + BODY_SECONDS) as limit:
                while more:
                    message = await self.request.receive()
                    if message["type"] == "http.disconnect":
                        raise HTTPException(400, f"the body broke off after {self.counted:,} bytes")
                    chunk, more = message.get("body", b""), message.get("more_body", False)
                    self._count(len(chunk))
                    chunks.append(chunk)
                    if more:
                        limit.reschedule(began + BODY_SECONDS + self.counted / BODY_RATE)
        except TimeoutError:
            raise HTTPException(408, f"the body came too slowly: {self.counted:,} bytes so far") from None
        return b"".join(chunks)

    def _count(self, size):
        self.counted += size
        self.intake.received += size
        if self.counted > self.most:
            raise self._too_large("more")
        if self.intake.received > MOST_RECEIVED:
            raise busy("too much is being received")
        if self.intake.stopping:
            raise busy("the service is stopping")

    def _too_large(self, found):
        return HTTPException(413, f"found {found}, expected a body of at most {self.most:,} bytes")

"""What a client may send: how much, how slowly, and how many at once."""

import asyncio

import pytest

pytest.importorskip("granian", reason="needs the packages of tinyalex[serve]")
pytestmark = pytest.mark.serve

from starlette.exceptions import HTTPException  # noqa: E402
from starlette.requests import Request  # noqa: E402

from tests.serving.asking import END  # noqa: E402
from tinyalex.serving import limits  # noqa: E402
from tinyalex.serving.limits import Intake  # noqa: E402


def read(intake, *pieces, most=1000, **headers):
    """The body that arrives in these pieces; a number is seconds to wait."""
    left = list(pieces)

    async def receive():
        while left and isinstance(left[0], float):
            await asyncio.sleep(left.pop(0))
        piece = left.pop(0) if left else END
        return piece if piece is END else {"type": "http.request", "body": piece, "more_body": bool(left)}

    named = [(name.replace("_", "-").encode(), str(value).encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "headers": named, "path": "/"}

    async def reading():
        with intake.body(Request(scope, receive), most) as body:
            return await body.read()

    return asyncio.run(reading())


def refused(*args, **options):
    with pytest.raises(HTTPException) as caught:
        read(*args, **options)
    return caught.value


def test_a_body_is_read_whole():
    intake = Intake()
    assert read(intake, b"ab", b"", b"c", content_length=3) == b"abc" and read(intake, b"") == b""
    assert read(intake, bytes(1000), most=1000) == bytes(1000)
    assert intake.received == 0, "what is read no longer counts"


def test_a_body_may_not_be_too_large():
    """By what is declared, before a byte is read, and by what comes, whatever is declared."""
    intake = Intake()
    assert refused(intake, 60.0, content_length=1001).status_code == 413
    assert refused(intake, 60.0, content_length="9" * 5000).status_code == 413
    for declared in (3, 1000, "x", -1):
        assert refused(intake, bytes(600), bytes(600), 60.0, content_length=declared).status_code == 413
    assert intake.received == 0


@pytest.mark.alone
def test_a_body_may_not_come_too_slowly(monkeypatch):
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.1)
    monkeypatch.setattr(limits, "BODY_RATE", 1000)
    intake = Intake()
    assert refused(intake, b"a", 60.0).status_code == 408
    dripped = [piece for _ in range(100) for piece in (b"a", 0.02)]
    assert refused(intake, *dripped).status_code == 408
    paid = [piece for _ in range(8) for piece in (bytes(50), 0.02)]
    assert len(read(intake, *paid, b"")) == 400, "every byte buys time"


def test_a_body_that_breaks_off():
    assert refused(Intake(), b"abc", END).status_code == 400


def test_all_bodies_together(monkeypatch):
    monkeypatch.setattr(limits, "MOST_RECEIVED", 1500)
    intake = Intake()
    intake.received = 700
    assert read(intake, bytes(800)) == bytes(800)
    error = refused(intake, bytes(400), bytes(401), b"")
    assert error.status_code == 503 and error.headers == {"Retry-After": "1"} and intake.received == 700


def test_places(monkeypatch):
    monkeypatch.setattr(limits, "MOST_WAITING", 2)
    intake = Intake()
    with intake.place():
        with intake.place(), pytest.raises(HTTPException) as caught:
            with intake.place():
                pass
        assert caught.value.status_code == 503
        with intake.place():
            assert intake.waiting == 2
    assert intake.waiting == 0


def test_nothing_is_received_while_it_stops():
    intake = Intake()
    intake.stopping = True
    assert refused(intake, b"a", 60.0).status_code == 503

"""Who may ask: by token, by Host, by Origin."""

import base64

import pytest

pytest.importorskip("granian", reason="needs the packages of tinyalex[serve]")
pytestmark = pytest.mark.serve

from starlette.responses import JSONResponse  # noqa: E402

from tests.serving.asking import ask  # noqa: E402
from tinyalex.serving.guard import Guard, is_local  # noqa: E402
from tinyalex.serving.metrics import Metrics  # noqa: E402

TOKEN = "c2VjcmV0LWFuZC1sb25n"


def status(token="", path="/private", **headers):
    app = Guard(JSONResponse({"fine": True}), token, Metrics(), frozenset({"/open"}))
    answer = ask(app, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status == 200 or answer.error
    return answer.status


def basic(password, name="anyone"):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_the_token():
    assert status(TOKEN, authorization=f"Bearer {TOKEN}") == status(TOKEN, authorization=f"bearer  {TOKEN} ") == 200
    assert status(TOKEN, authorization=basic(TOKEN)) == 200, "as browsers and curl -u have it"
    assert status(TOKEN, path="/open") == 200
    for wrong in ("", TOKEN, f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", "Bearer", basic("x"), "Basic é!", "Digest x"):
        assert status(TOKEN, authorization=wrong) == 401, wrong
    assert status(TOKEN) == status(TOKEN, authorization="Bearer \xff\xfe") == 401


def test_a_browser_asks_for_the_token_only_where_a_person_reads_the_answer():
    app = Guard(JSONResponse({}), TOKEN, Metrics(), frozenset())
    assert ask(app, "/").headers["www-authenticate"] == "Bearer"
    page = ask(app, "/report", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "127.3.2.1", "LOCALHOST"])
def test_names_of_this_machine(host):
    assert status(host=host) == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1", "[", "0"])
def test_a_name_that_was_made_to_lead_here(host):
    assert status(host=host) == 403
    assert status(TOKEN, host=host, authorization=f"Bearer {TOKEN}") == 200, "who knows the token may"


def test_pages_of_other_sites():
    assert status(origin="http://localhost:8080") == 200
    for origin in ("http://localhost:9090", "https://evil.example", "null", "", "http://localhost:8080.evil.example"):
        assert status(origin=origin) == 403, origin
        assert status(TOKEN, origin=origin, authorization=f"Bearer {TOKEN}") == 403


def test_headers_of_an_answer():
    own = JSONResponse({}, headers={"Content-Security-Policy": "default-src 'self'"})
    found = ask(Guard(JSONResponse({}), "", Metrics(), frozenset()), "/").headers
    assert found["content-security-policy"].startswith("default-src 'none'") and found["cache-control"] == "no-store"
    assert found["x-content-type-options"] == "nosniff"
    app = Guard(own, "", Metrics(), frozenset())
    assert ask(app, "/").headers["content-security-policy"] == "default-src 'self'", "a page says what it needs"


def test_paths_that_clients_invent_are_counted_as_one():
    metrics = Metrics()
    metrics.paths = frozenset({"/known"})
    app = Guard(JSONResponse({}), "", metrics, frozenset())
    for path in ("/known", "/a", "/b"):
        ask(app, path)
    text = metrics.text().decode()
    assert '{path="/known",status="200"} 1.0' in text and '{path="other",status="200"} 2.0' in text and "/a" not in text


def test_local():
    assert is_local("127.0.0.1") and is_local("::1") and is_local("localhost")
    assert not any(map(is_local, ("0.0.0.0", "::", "192.168.1.2", "example.org", "localhost.example.org", "")))

"""The page's files, what browsers may do with them, and the explanation of one picture, without a browser."""

import re
from importlib.resources import files

import numpy as np
import pytest

pytest.importorskip("granian", reason="needs the packages of tinyalex[serve]")
pytestmark = pytest.mark.serve

from tests.serving.asking import ask, encoded, noise  # noqa: E402
from tinyalex.serving.app import build_app  # noqa: E402
from tinyalex.serving.explain import NOT_YET  # noqa: E402
from tinyalex.serving.journal import Journal  # noqa: E402
from tinyalex.serving.models import Model, Models  # noqa: E402
from tinyalex.serving.service import Service  # noqa: E402

FILES = sorted(file.name for file in (files("tinyalex.serving") / "page").iterdir())
SINKS = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setAttribute\(.(?:on|style)"


@pytest.fixture
def service(runs):
    service = Service(Models(Model.load(runs["first"], np), None, np), Journal(None))
    yield service
    service.close()


def test_anyone_may_open_the_page_but_not_ask(service):
    app = build_app(service, "c2VjcmV0LWFuZC1sb25n")
    found = {name: ask(app, f"/{name}".replace("index.html", "")) for name in FILES}
    assert {answer.status for answer in found.values()} == {200}
    kinds = {name.split(".")[1]: answer.headers["content-type"] for name, answer in found.items()}
    assert kinds == {f: f"text/{k}; charset=utf-8" for f, k in (("html", "html"), ("css", "css"), ("js", "javascript"))}
    assert ask(app, "/classes").status == ask(app, "/explain", encoded(noise())).status == 401


def test_nothing_from_elsewhere_and_nothing_within(service):
    policy = ask(build_app(service), "/").headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'none'"} <= set(policy)
    assert not re.search("unsafe|https?:|[*]", "; ".join(policy))


@pytest.mark.parametrize("name", FILES)
def test_the_files_keep_to_it(name):
    text = (files("tinyalex.serving") / "page" / name).read_text(encoding="utf-8")
    assert not re.search(r"(?:https?:)?//\w+\.|<style|\bstyle=|\bon\w+=\"|javascript:", text), (
        "from elsewhere, or within"
    )
    assert not re.search(SINKS, text), "text from outside might become HTML"
    assert all(part.startswith(' src="page.js"') for part in re.findall("<script([^>]*)", text))


def test_a_page_that_is_opened_has_the_training_pictures_prepared(service):
    app = build_app(service)
    assert not service.explainer.pools
    ask(app, "/page.css")
    assert not service.explainer.pools
    ask(app, "/")
    assert list(service.explainer.pools) == [service.models.current.hash]


def test_explain(service):
    app, picture = build_app(service), noise(100)
    found = ask(app, "/explain", encoded(picture)).json
    for _ in range(200):
        if found.get("note") != NOT_YET:
            break
        found = ask(app, "/explain", encoded(picture)).json
    names = "label class_id probability occlusion size stride crop picture neighbours"
    assert set(found) == set(names.split()) and len(found["neighbours"]) == 5
    likeliest = ask(app, "/classify", encoded(picture)).json["answers"][0]["top"][0]
    assert {name: found[name] for name in ("label", "class_id")} == {
        name: likeliest[name] for name in ("label", "class_id")
    }
    assert found["probability"] == pytest.approx(likeliest["probability"], abs=1e-6)


@pytest.mark.parametrize("body, status", [(b"", 400), (b"no picture", 415), (b"\x89PNG\r\n\x1a\n", 422)])
def test_what_is_no_picture(service, body, status):
    answer = ask(build_app(service), "/explain", body, method="POST")
    assert answer.status == status and answer.error
    assert service.explainer.one.acquire(blocking=False), "it holds up nobody"

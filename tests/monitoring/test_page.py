"""The report's page: whole without a network or a script, harmless whatever clients are called, readable anywhere."""

import base64
import hashlib
import re
import time
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tests.browser import MISSING, new_browser
from tests.checks import refused
from tests.monitoring.logs import START, keep_pictures, make_log
from tinyalex.cli import main
from tinyalex.commands.report import _moment, _span
from tinyalex.errors import UserError
from tinyalex.monitoring import drift
from tinyalex.monitoring.log import Log
from tinyalex.monitoring.page import POLICY, report_page
from tinyalex.monitoring.report import report

NASTY = "</table><script>alert(1)</script>\u202e\n' onload=x \udc80"


class Elements(HTMLParser):
    """The elements of a page: (tag, attributes), and that each which was opened is closed."""

    VOID = {"meta", "img", "br", "rect", "line"}

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page with every section, from a log with a nasty client."""
    path = tmp_path_factory.mktemp("page") / "x.db"
    make_log(path, 1000, labelled=0.8)
    keep_pictures(path)
    with Log(path) as log:
        last = log.requests(newest=60)
        nasty = [
            replace(one, id=f"n{n}<", client=NASTY, sha256=f"{n:064x}", novelty=2.0 + n) for n, one in enumerate(last)
        ]
        log.add(nasty)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(drift, "DEALS", 200)
            yield report_page(report(log, since=START))


def test_it_needs_nothing_and_its_policy_allows_nothing_else(page):
    elements = Elements(page).found
    assert not {tag for tag, _ in elements} & {"script", "link", "iframe", "form", "object", "base"}
    for tag, attributes in elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (tag, attributes)
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,"))
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in POLICY and "default-src 'none'" in POLICY
    assert dict(elements[3][1]) == {"http-equiv": "Content-Security-Policy", "content": POLICY}, "before any content"
    assert not re.search(r"https?:|@import|url\(", page)


def test_names_from_the_log_stay_text(page):
    assert "<script" not in page and "\u202e" not in page and "\udc80" not in page
    assert "&lt;/table&gt;&lt;script&gt;" in page and "n59&lt;" in page
    page.encode("utf-8")


def test_it_can_be_read_without_eyes_or_a_mouse(page):
    elements = Elements(page).found
    assert page.count("<table>") - 1 == page.count("<caption>") == page.count('tabindex="0"'), "the head's has none"
    for drawing in re.findall("<svg.*?</svg>", page):
        assert re.search("<title>.+?</title><desc>.+?</desc>", drawing) and 'role="img"' in drawing
    assert all(attributes.get("alt") for tag, attributes in elements if tag == "img")
    headings = [int(tag[1]) for tag, _ in elements if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1 and headings.count(1) == 1 and all(b - a <= 1 for a, b in zip(headings, headings[1:]))
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["href"][1:] for tag, attributes in elements if tag == "a"} <= set(ids)
    assert page.count("ALARM") >= 2 and "(alarm)" in page, "not by colour alone"
    for section in (
        "Traffic",
        "Answers",
        "Pictures and scores",
        "Slices",
        "Shadow",
        "Least like the training pictures",
    ):
        assert f"<h2>{section}</h2>" in page


def test_a_page_of_nothing(tmp_path):
    make_log(tmp_path / "x.db", 0)
    with Log.read_only(tmp_path / "x.db") as log:
        text = report_page(report(log))
    Elements(text)
    assert "No request was logged" in text and "No alarm in 0 requests" in text


# ---------------------------------------------------------------------------------------------- the command


def test_times_are_utc_unless_they_say_otherwise(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    assert _moment("2026-06-01T08:00", "since") == START == _moment("2026-06-01T10:00+02:00", "since")
    monkeypatch.undo()
    time.tzset()
    assert _span("90m") == 5400 and _span("2w") == 14 * 86400
    for wrong in ("", "5", "h", "-5h", "0h", "5 h", "1e9h"):
        refused(lambda: _span(wrong), "last", error=UserError)
    for wrong in ("yesterday", "2026-13-01", "9999-99-99T00:00", "\0"):
        refused(lambda: _moment(wrong, "until"), "until", error=UserError)


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(drift, "DEALS", 100)
    monkeypatch.chdir(tmp_path)
    make_log("x.db", 1000, labelled=0.8)
    assert main(["report", "x.db", "--html", "x.html"]) == 0
    out = capsys.readouterr().out
    assert "ALARM  Slices" in out and "tiger for tabby" in out and "Open x.html" in out
    assert (tmp_path / "x.html").read_text().startswith("<!doctype html>")
    assert main(["report", "x.db", "--html", "x.html", "--last", "1h"]) == 0, "its own page is replaced"
    (tmp_path / "mine.html").write_text("mine")
    before = sorted(file.name for file in tmp_path.iterdir())
    for wrong in (
        ["y.db"],
        ["x.html"],
        ["x.db", "--html", "mine.html"],
        ["x.db", "--last", "1h", "--since", "2026-06-01"],
    ):
        capsys.readouterr()
        assert main(["report", *wrong]) == 2
        out, err = capsys.readouterr()
        assert not out and err.count("\n") == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == before and (tmp_path / "mine.html").read_text() == "mine"


# ---------------------------------------------------------------------------------------------- in a browser

WIDE = """
document.querySelectorAll('details').forEach((d) => { d.open = true; });
const boxes = [...document.querySelectorAll('main *')].filter((e) => !e.closest('.wide') && !e.closest('svg'));
const cut = boxes.filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80));
return [document.documentElement.scrollWidth <= innerWidth, cut, getComputedStyle(document.body).margin];
"""


@pytest.mark.slow
@pytest.mark.skipif(MISSING, reason="needs chromium and chromedriver")
def test_nothing_is_cut_off_on_a_desk_or_a_phone(page, tmp_path):
    file = tmp_path / "x.html"
    file.write_text(page, encoding="utf-8")
    with new_browser() as browser:
        for width in (1280, 390):
            browser.look(width)
            browser.open(file.as_uri())
            assert browser.run(WIDE) == [True, [], "0px"], f"at {width} pixels; the margin is the style's"

"""The book in Chromium, from files, on a desk and on a phone: code scrolls, nothing else is cut; its script works."""

import time

import pytest

from tests.browser import MISSING, new_browser
from tinyalex.teaching import lessons
from tinyalex.teaching.book import write_book
from tinyalex.teaching.lessons import find_lesson

pytest.importorskip("nbconvert", reason="needs nbconvert, which comes with Jupyter")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING, reason="needs chromium and chromedriver")]
NUMBERS = ("01", "09")
CUT = """
const wide = (e) => e.scrollWidth > e.clientWidth + 1;
document.querySelectorAll('details').forEach((d) => { d.open = true; });
const code = [...document.querySelectorAll('pre')].filter(wide);
const cut = code.filter((e) => !e.matches('.highlight pre, .aligned') || getComputedStyle(e).overflowX !== 'auto');
const end = (e) => e.getBoundingClientRect().right;
const beyond = (e) => end(e) > end(e.closest('pre')) + 16;  // spaces hang over the end of a line
const docstrings = [...document.querySelectorAll('.sd')].filter(beyond);
const input = document.getElementById('search'), canvas = document.createElement('canvas').getContext('2d');
canvas.font = getComputedStyle(input).font;
const words = canvas.measureText(input.placeholder).width + 25 > input.clientWidth;
return [cut.length, docstrings.length, wide(document.documentElement), words];
"""
SEARCH = """
const input = document.getElementById('search');
input.focus(); input.value = arguments[0]; input.dispatchEvent(new Event('input'));
"""
FOUND = "return [...document.querySelectorAll('#found:not([hidden]) a')].map((a) => a.getAttribute('href'))"
COPY = """
const block = document.querySelector('.celltag_exercise .input_area');
document.execCommand = (name) => { window.copied = [name, document.activeElement.value]; };
Object.defineProperty(navigator, 'clipboard', {value: undefined});
block.querySelector('.copy').click();
return new Promise((done) => setTimeout(() => done(window.copied), 300));
"""
READY = """
const plain = getComputedStyle(document.body).backgroundColor === 'rgba(0, 0, 0, 0)';
return document.readyState === 'complete' && !plain && document.getElementById('theme').textContent !== '';
"""
THEME = "return [getComputedStyle(document.body).backgroundColor, document.getElementById('theme').textContent]"
LIGHT, DARK = ["rgb(255, 255, 255)", "Dark"], ["rgb(20, 23, 28)", "Light"]
MENU = "return getComputedStyle(document.getElementById('lessons')).display"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return write_book(tmp_path_factory.mktemp("books") / "book", [find_lesson(number) for number in NUMBERS]).parent


@pytest.fixture(scope="module")
def browser():
    with new_browser() as browser:
        yield browser


def show(browser, file):
    """Open a page and wait for its style and its script, which a busy machine may bring late."""
    browser.open(file.as_uri())
    assert browser.settled(READY, True), f"{file.name} has no style or no script"


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_cut_off(browser, book, width):
    browser.look(width)
    files = [file for file in sorted(book.rglob("*.html")) if "book.css" in file.read_text(encoding="utf-8")]
    assert len(files) > len(NUMBERS)
    for file in files:
        show(browser, file)
        assert browser.settled(CUT, [0, 0, False, False]), f"{file.name} at {width} pixels: {browser.run(CUT)}"


def test_search(browser, book):
    browser.look(1280)
    show(browser, book / "index.html")
    for asked, first in (
        ("mirror images", "Mirror-images"),
        ("NOTHINGOFTHISKIND", None),
        ("mistake passes", "The-mis"),
    ):
        browser.run(SEARCH, asked)
        time.sleep(0.5)
        if first is not None:
            assert browser.settled(f"return ({FOUND.removeprefix('return ')}).length > 0", True), asked
        found = browser.run(FOUND)
        assert (not found) if first is None else first in found[0], (asked, found)


def test_dark_by_the_system_and_by_the_switch(browser, book):
    page = book / "index.html"
    for scheme, expected, other in (("light", LIGHT, DARK), ("dark", DARK, LIGHT)):
        browser.look(1280, scheme)
        show(browser, page)
        browser.run("localStorage.clear()")
        show(browser, page)
        assert browser.run(THEME) == expected
        browser.run("document.getElementById('theme').click()")
        assert browser.run(THEME) == other
        show(browser, book / f"{lessons.notebook('09').stem}.html")
        assert browser.run(THEME) == other, "the choice is kept for the next page"
    browser.run("localStorage.clear()")


def test_menu_on_a_phone(browser, book):
    browser.look(390)
    show(browser, book / f"{lessons.notebook('09').stem}.html")
    shown = [browser.run(MENU)]
    for _ in range(2):
        browser.run("document.getElementById('menu').click()")
        shown.append(browser.run(MENU))
    assert shown == ["none", "block", "none"]


def test_copying_an_exercise(browser, book):
    browser.look(1280)
    show(browser, book / f"{lessons.notebook('09').stem}.html")
    how, text = browser.run(COPY)
    assert how == "copy" and text.startswith("def window_sum(") and text.endswith("    todo()\n") and "Copy" not in text

"""The service's pages in Chromium, on a desk and on a phone: pictures go in, answers come out, by hand or by key."""

import base64
import io
import re
import time

import numpy as np
import pytest
from PIL import Image

from tests.browser import DOWN, ENTER, ESCAPE, MISSING, TAB, new_browser
from tests.inspection import small
from tests.monitoring.logs import make_log
from tests.serving.asking import running
from tinyalex.calibration import Calibration, tempered
from tinyalex.library import load
from tinyalex.monitoring.log import Log
from tinyalex.runs.calibrated import checkpoint_hash, save_calibration
from tinyalex.statistics import Interval

pytest.importorskip("granian", reason="needs the packages of tinyalex[serve]")
pytestmark = [pytest.mark.serve, pytest.mark.skipif(MISSING, reason="needs chromium and chromedriver")]

NAMES = ["black stork, Ciconia nigra", "bucket, pail", "dumbbell", "goldfish, Carassius auratus", "ice lolly", "teapot"]
STATE = "return document.getElementById('answer').dataset.state"
REASONS = "return document.getElementById('reasons').dataset.state"
# the script has begun and has asked for the classes; on a busy machine `open` may return before that
READY = "return !window.leaving && Boolean(document.getElementById('known')?.innerText)"
TEXT = "return document.querySelector(arguments[0]).innerText"
FOCUS = "const e = document.activeElement; return e.id || e.ariaLabel || e.textContent"
OUTLINE = """
const e = document.activeElement, seen = e.classList.contains('unseen') ? e.nextElementSibling : e;
return getComputedStyle(seen).outlineStyle !== 'none' && parseFloat(getComputedStyle(seen).outlineWidth) >= 2;
"""
GIVE = """
const [how, name, data] = arguments, bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], name, {type: 'image/png'}));
const event = how === 'drop' ? new DragEvent('drop', {dataTransfer: transfer, bubbles: true, cancelable: true})
  : new ClipboardEvent('paste', {clipboardData: transfer, bubbles: true, cancelable: true});
document.body.dispatchEvent(event);
"""
# what reaches beyond the window, is cut off, or lies over something else; lists that scroll, and float, may
FAULTS = """
const box = (e) => e.getBoundingClientRect(), name = (e) => e.id || e.className || e.tagName;
const width = document.documentElement.clientWidth;  // a phone's innerWidth grows with what is too wide
const shown = [...document.querySelectorAll('body *')].filter((e) => box(e).width > 1
  && e.checkVisibility({visibilityProperty: true}) && !e.closest('.unseen, .skip, svg, #strip, #classes'));
const texts = shown.filter((e) => [...e.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
const scrolls = (e) => e && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
const beyond = (e) => !scrolls(e) && (box(e).right > width + 1 || box(e).left < -1);
const cut = (e) => !scrolls(e) && getComputedStyle(e).display !== 'inline' && e.scrollWidth > e.clientWidth + 1;
const faults = [...shown.filter(beyond), ...texts.filter(cut)].map((e) => `${name(e)} beyond its place`);
const lines = texts.flatMap((e) => [...e.getClientRects()].map((line) => ({e, line})));
const over = (p, q) => Math.min(p.right, q.right) - Math.max(p.left, q.left) > 2
  && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 4;
lines.forEach((a, n) => lines.slice(n + 1).forEach((b) => {
  if (over(a.line, b.line) && !a.e.contains(b.e) && !b.e.contains(a.e)) faults.push(`${name(a.e)} over ${name(b.e)}`);
}));
if (document.documentElement.scrollWidth > width) faults.push('scrolls sideways');
return faults;
"""
PLACES = """
const top = (id) => scrollY + document.getElementById(id).getBoundingClientRect().top;
return ['frame', 'told', 'top', 'truth', 'why'].map(top);
"""
# instead of the service: {path: [[status, content, headers], …]}, in turn; the last one stays
PLANT = """
const replies = arguments[0];
window.asked = [];
window.fetch = async (path, options = {}) => {
  window.asked.push([path, options.headers?.Authorization ?? '']);
  const [status, content, headers] = replies[path].length > 1 ? replies[path].shift() : replies[path][0];
  return new Response(JSON.stringify(content), {status, headers: headers ?? {}});
};
"""
BRIGHTEST = """
const {data, width} = document.getElementById('map').getContext('2d').getImageData(0, 0, 448, 448);
let best = 0;
for (let n = 0; n < data.length; n += 4) if (data[n] > data[best]) best = n;
return [Math.floor(best / 4 / width) / width, best / 4 % width / width];
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run that has learnt nothing, its training pictures, pictures to ask about, and a file that is none.

    Of the pictures, it is sure of 0.png alone.
    """
    folder = tmp_path_factory.mktemp("served")
    run = small.write_run(folder / "run", small.write_data(folder / "data", NAMES, 30, 6))
    classifier, rng = load(run), np.random.default_rng(0)
    pictures = [np.kron(rng.integers(0, 256, (5, 8, 3)), np.ones((20, 20, 1))).astype(np.uint8) for _ in range(3)]
    confidence = tempered(classifier.probabilities(pictures), 0.1).max(axis=1)
    order = np.argsort(-confidence)
    for number, place in enumerate(order):
        Image.fromarray(pictures[place]).save(folder / f"{number}.png")
    threshold, nothing = float(confidence[order[:2]].mean()), Interval(0, 0, 0)
    checkpoint = checkpoint_hash(classifier.run.file)
    found = Calibration(0.1, threshold, 0.05, 0.95, "centre crop", 9, nothing, nothing, checkpoint)
    save_calibration(classifier.run, found)
    (folder / "notes.txt").write_text("not a picture")
    make_log(folder / "requests.db", 500)
    return folder


@pytest.fixture(scope="module")
def address(folder):
    with running(folder / "run", "--log", folder / "requests.db") as service:
        yield service.about["url"]


@pytest.fixture(scope="module")
def chromium():
    with new_browser() as browser:
        yield browser


@pytest.fixture
def browser(chromium, address):
    """The page, just opened. Nothing may break its rules, or its script, until the test ends."""
    chromium.look(1280)
    chromium.console()
    chromium.run("window.leaving = true")
    chromium.open(address)
    assert chromium.settled(READY, True, 30), "the page does not begin"
    yield chromium
    faults = [line for line in chromium.console() if "Failed to load resource" not in line]
    assert not faults, faults


def answered(browser, pictures=1):
    """Wait until this many pictures have an answer; the state of the one shown."""
    count = "return document.querySelectorAll('#strip button:not([data-state=busy])').length"
    assert browser.settled(count, pictures, 30), browser.run(TEXT, "#told")
    return browser.run(STATE)


def test_choose_a_picture(browser, folder):
    before = browser.run(PLACES)
    browser.choose_file("#file", folder / "0.png")
    assert answered(browser) == "sure"
    best, share = browser.run(TEXT, "#top li").split("\n")
    assert any(name.startswith(best) for name in NAMES) and share.endswith("%")
    assert best in browser.run(TEXT, "#said") and share in browser.run(TEXT, "#said")
    assert browser.run("return document.querySelectorAll('#top li:not([aria-hidden=true])').length") == 5
    assert browser.run(PLACES) == before, "the page jumps"


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_several_in_a_row(browser, folder, how):
    for number in (0, 1, 2):
        browser.run(GIVE, how, f"{number}.png", base64.b64encode((folder / f"{number}.png").read_bytes()).decode())
    assert answered(browser, 3) == "unsure"
    browser.run("document.querySelector('#strip button').click()")
    shown = browser.run("return document.querySelector('#strip [aria-current]').ariaLabel")
    assert shown.startswith("0.png, sure: ") and browser.run(STATE) == "sure"


def test_not_sure(browser, folder):
    browser.choose_file("#file", folder / "1.png")
    assert answered(browser) == "unsure"
    state, said, reason = filter(None, browser.run(TEXT, "#told").split("\n"))
    assert state == "Not sure" and said.startswith("I am not sure ") and reason.startswith("Reason: ")
    best, share = browser.run(TEXT, "#top li").split("\n")
    assert best in said and share in said, "its guesses are shown all the same"


def test_a_wrong_file_is_told_in_one_line(browser, folder):
    browser.choose_file("#file", folder / "notes.txt")
    assert answered(browser) == "error"
    assert browser.run(TEXT, "#said") == "notes.txt: not a JPEG, PNG or WebP picture"
    browser.choose_file("#file", folder / "0.png")
    assert answered(browser, 2) == "sure", "the next picture is answered"


def test_by_keyboard_alone(browser, folder):
    visited = []
    for _ in range(9):
        browser.keys(TAB)
        visited.append(browser.run(FOCUS))
        assert browser.run(OUTLINE), f"{visited[-1]} has no visible focus"
        if visited[-1] == "file":
            browser.choose_file("#file", folder / "1.png")  # the system's window opens on Enter
            answered(browser)
        if visited[-1] == "class":
            label_it(browser)
        if visited[-1] == "explain":
            browser.keys(ENTER)
            break
    assert visited[:2] + visited[3:] == ["Skip to the answer", "file", "class", "save", "explain"]
    assert visited[2].startswith("1.png, not sure: ")
    assert browser.settled(REASONS, "shown", 60)
    with Log.read_only(folder / "requests.db") as log:
        assert list(log.labels().values())[-1] == "class-3"


def label_it(browser):
    """Say by keyboard, in the field of classes, that it is a goldfish."""
    browser.keys("g")
    browser.keys("o")
    assert browser.run("return document.querySelectorAll('#classes [role=option]').length") == 1
    browser.keys(DOWN)
    browser.keys(ESCAPE)
    assert browser.run("return document.getElementById('classes').hidden")
    browser.keys(DOWN)
    browser.keys(ENTER)
    assert browser.run("return document.activeElement.value") == "goldfish, Carassius auratus"
    browser.keys(ENTER)
    assert browser.settled("return document.getElementById('saved').innerText", "Saved: it is goldfish.")


def test_the_neighbours(browser, folder):
    browser.choose_file("#file", folder / "2.png")
    answered(browser)
    count, end = "return document.querySelectorAll('#neighbours li').length", time.monotonic() + 60
    while browser.run(count) != 5:  # the training pictures are prepared in the background
        assert time.monotonic() < end, browser.run(TEXT, "#why")
        if browser.run(REASONS) != "busy":
            browser.run("document.getElementById('explain').click()")
        time.sleep(0.3)
    assert browser.run(TEXT, "#likeness").startswith("Of the 5 training pictures ")
    assert browser.run("return [...document.querySelectorAll('#neighbours img')].every((i) => i.naturalWidth === 56)")


# ---------------------------------------------------------------------------------------------- planted answers

GUESSES = [{"label": name, "class_id": f"class-{n}", "probability": 0.3 - n / 20} for n, name in enumerate(NAMES[:5])]
UNSURE = {"id": "1", "label": None, "class_id": None, "probability": None, "sure": False, "top": GUESSES}
UNSURE |= {"text": "I am not sure.", "reason": "30% is below 60%."}
PLANTED = [200, {"answers": [UNSURE], "model": "0" * 64, "calibrated": True}]


def explanation():
    """A network that looked at the upper right."""
    occlusion = np.full((13, 13), 0.8)
    occlusion[2, 10] = 0.2
    about = {"label": NAMES[3], "class_id": "class-3", "probability": 0.8, "size": 8, "stride": 4, "crop": 56}
    file = io.BytesIO()
    Image.new("RGB", (56, 56), "grey").save(file, "PNG")
    picture = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return about | {"occlusion": occlusion.tolist(), "picture": picture, "neighbours": [], "note": "none here"}


def test_who_never_measured_it_is_not_sure_of_itself(browser, folder):
    guess = UNSURE | {"sure": True, "text": "It may be a goldfish.", "reason": None}
    browser.run(PLANT, {"classify": [[200, {"answers": [guess], "model": "0" * 64, "calibrated": False}]]})
    browser.choose_file("#file", folder / "0.png")
    assert answered(browser) == "guess"
    assert browser.run(TEXT, "#told").split("\n")[0] == "Best guess"
    assert "are not calibrated" in browser.run(TEXT, "#model")


def test_where_it_looked(browser, folder):
    busy = [503, {"error": "busy"}, {"Retry-After": "1"}]
    browser.run(PLANT, {"classify": [PLANTED], "explain": [busy, [200, explanation()]]})
    browser.choose_file("#file", folder / "0.png")
    answered(browser)
    browser.run("document.getElementById('explain').click()")
    assert browser.settled(REASONS, "shown"), "it is asked again after a second"
    expected = "Its guess is goldfish, 80%. With a grey square over the upper right it falls to 20%: "
    assert browser.run(TEXT, "#mapped").startswith(expected)
    assert browser.settled("return document.getElementById('map').dataset.drawn", "yes")
    down, along = browser.run(BRIGHTEST)
    assert abs(down - (2 * 4 + 4) / 56) < 0.05 and abs(along - (10 * 4 + 4) / 56) < 0.05
    assert browser.run(TEXT, "#likeness") == "No neighbours: none here."


def test_a_token_is_asked_for(browser, folder):
    refused = [401, {"error": "expected a token"}]
    browser.run(PLANT, {"classify": [refused, refused, PLANTED]})
    browser.choose_file("#file", folder / "0.png")
    for token, note in (("wrong", "It is kept until you leave this page."), ("right", "That is not its token.")):
        assert browser.settled("return document.getElementById('token-note').innerText", note)
        assert browser.run(FOCUS) == "token"
        for key in token:
            browser.keys(key)
        browser.keys(ENTER)
    assert answered(browser) == "unsure"
    assert browser.run("return window.asked.map((one) => one[1])") == ["", "Bearer wrong", "Bearer right"]
    assert browser.run("return document.getElementById('token-form').hidden")


def test_a_service_that_is_gone(browser, folder):
    browser.run("window.fetch = async () => { throw new TypeError('Failed to fetch'); }")
    browser.choose_file("#file", folder / "0.png")
    assert answered(browser) == "error"
    assert browser.run(TEXT, "#said") == "0.png: the service does not answer"


# ---------------------------------------------------------------------------------------------- on every screen


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (390, "dark"), (360, "light")])
def test_nothing_is_cut_off(browser, folder, width, scheme):
    browser.look(width, scheme)
    assert not browser.run(FAULTS)
    for count, file in enumerate(("0.png", "notes.txt", "2.png"), 1):
        browser.choose_file("#file", folder / file)
        answered(browser, count)
        assert not browser.run(FAULTS), file
    browser.run("document.getElementById('explain').click()")
    assert browser.settled(REASONS, "shown", 60)
    assert not browser.run(FAULTS)
    browser.run("document.getElementById('class').click()")
    assert not browser.run(FAULTS)


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (390, "dark")])
def test_the_report(browser, address, width, scheme):
    browser.look(width, scheme)
    browser.run("document.querySelector('footer a').click()")
    assert browser.settled("return document.title.endsWith(' requests')", True, 20)
    assert browser.run("return location.pathname") == "/report"
    browser.run("for (const folded of document.querySelectorAll('details')) folded.open = true")
    assert not browser.run(FAULTS)
    dark, light = browser.run(
        "return ['backgroundColor', 'color'].map((name) => getComputedStyle(document.body)[name])"
    )
    assert (sum(map(int, re.findall(r"\d+", dark))) < sum(map(int, re.findall(r"\d+", light)))) == (scheme == "dark")


@pytest.mark.parametrize(
    "change, fault",
    [
        ("#said { white-space: nowrap }", "said beyond its place"),
        ("#told { min-height: 0; height: 1rem }", "said over "),
        ("#frame { width: 130vw }", "scrolls sideways"),
    ],
)
def test_these_checks_have_teeth(browser, change, fault):
    browser.look(390)
    browser.run("document.styleSheets[0].insertRule(arguments[0], document.styleSheets[0].cssRules.length)", change)
    words = (
        "for (const e of document.querySelectorAll('#said, .name')) e.textContent = 'More than fits here. '.repeat(3)"
    )
    browser.run(words)
    assert any(fault in found for found in browser.run(FAULTS)), browser.run(FAULTS)


def test_a_style_within_the_page_is_noticed(browser):
    browser.run("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">')")
    assert "Content Security Policy" in browser.console()[0]

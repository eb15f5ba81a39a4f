"""The page as a user gets it: figures that exist, sound HTML with words for every figure, one line for a mistake."""

import contextlib
import io
import json
import os
import re
import shlex
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.inspection import small
from tests.training.test_training import write_easy
from tinyalex.cli import main
from tinyalex.data import open_dataset
from tinyalex.evaluation import evaluate
from tinyalex.inspection import page
from tinyalex.inspection.panel import Panel
from tinyalex.plots import plt
from tinyalex.runs.checkpoint import load_checkpoint, save_checkpoint
from tinyalex.runs.trained import load_network

NAMES = ('<b>&amp; "quoted"', "cost $5 and \udcff$6, other words")
VOID = {"meta", "img", "br", "link"}
HEALTH = {"update_ratio": {"conv1": 0.004, "fc8": 0.001}, "gradient_norm": {"conv1": 0.5, "fc8": None, "total": 0.7}}
LINES = [{"kind": "step", "step": 20 * n, "epoch": 1, "mean_loss": 1.0, "lr": 0.1, "health": HEALTH} for n in (1, 2, 3)]


@pytest.fixture(scope="module")
def easy(tmp_path_factory):
    """(run, page folder, the --json result): four classes, a run with a record of training."""
    folder = tmp_path_factory.mktemp("easy")
    run = small.write_run(folder / "run", write_easy(folder / "data", 24, 12), lines=LINES)
    return run, *inspected(run)


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """The same for two classes with awkward names, 3 + 2 pictures, and no ReLUs, groups or record of training."""
    folder = tmp_path_factory.mktemp("odd")
    data = small.write_data(folder / "data", NAMES, 3, 2)
    run = small.write_run(folder / "run", data, "alexnet-mini+tanh+one-column")
    return run, *inspected(run, "--pictures", "1")


@pytest.fixture
def one_figure(monkeypatch):
    """A page of one small figure, for tests that are not about the figures."""
    monkeypatch.setattr(page, "PANELS", (quick,))


def quick(subject):
    numbers = {"purity": {"fc7": 0.5, "pixels": 0.25, "chance": 0.2}, "ece": 0.1, "confusions": [], "dead": {}}
    figure = plt.figure(figsize=(1, 1))
    figure.add_axes((0, 0, 1, 1)).plot([1, 2])
    return Panel("quick", "Quick", "One line.", figure, "One line.", numbers=numbers | {"tower_colour": [0.3]})


def inspected(run, *more):
    """(the default folder, the --json result), from the command line."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["inspect", str(run), "--json", *more]) == 0
    return run / "inspect", json.loads(out.getvalue(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def tree(folder):
    """Everything below a folder: {path: bytes, or None for a folder}."""
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


class Parsed(HTMLParser):
    """tags: [(tag, attributes, text up to the next tag), …]. AssertionError if tags are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append([tag, dict(attributes), ""])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        if self.tags:
            self.tags[-1][2] += data

    def all(self, *names):
        return [(attributes, text) for tag, attributes, text in self.tags if tag in names]


def parsed(folder):
    return Parsed((folder / "index.html").read_text(encoding="utf-8"))


# ---------------------------------------------------------------------------------------------- what is written


@pytest.mark.parametrize("which", ["easy", "odd"])
def test_every_figure_is_there_and_in_the_page(which, request):
    _, folder, result = request.getfixturevalue(which)
    images = [attributes for attributes, _ in parsed(folder).all("img")]
    sources = [image["src"] for image in images]
    assert sources == [Path(figure).name for figure in result["figures"]] and len(set(sources)) == len(sources)
    assert {file.name for file in folder.iterdir()} == {*sources, "index.html", "inspect.json"}
    assert Path(result["page"]) == folder / "index.html"
    for image in images:
        with Image.open(folder / image["src"]) as picture:
            assert picture.size == (int(image["width"]), int(image["height"])), image["src"]
            assert picture.width < 1200 and np.asarray(picture.convert("L")).std() > 5, f"{image['src']} shows nothing"


@pytest.mark.parametrize("which", ["easy", "odd"])
def test_alt_texts_have_words_and_numbers(which, request):
    _, folder, _ = request.getfixturevalue(which)
    for image, _ in parsed(folder).all("img"):
        assert len(image["alt"].split()) > 8 and re.search(r"\d", image["alt"]), image


@pytest.mark.parametrize("which", ["easy", "odd"])
def test_html(which, request):
    _, folder, _ = request.getfixturevalue(which)
    html = parsed(folder)
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>") and html.all("html")[0][0]["lang"] == "en-GB" and html.all("title")[0][1]
    assert not re.search(r"https?:|//\w|@import|url\(", text) and not html.all("script", "link", "iframe")
    ids = [attributes["id"] for _, attributes, _ in html.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    pictures = [image["src"] for image, _ in html.all("img")]
    assert [a["href"] for a, _ in html.all("a") if not a["href"].startswith("#")] == pictures, "each in full size"
    targets = [a["href"].removeprefix("#") for a, _ in html.all("a") if a["href"].startswith("#")]
    targets += [a["aria-labelledby"] for _, a, _ in html.tags if "aria-labelledby" in a]
    assert set(targets) <= set(ids) and len(html.all("section")) == len(page.PANELS)
    levels = [int(tag[1]) for tag, _, _ in html.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1 and set(levels[1:]) == {2}
    assert [len(html.all(tag)) for tag in ("header", "nav", "main", "footer")] == [1, 1, 1, 1]
    assert html.all("a")[0][0] == {"class": "skip", "href": "#content"}, "the skip link comes first"
    assert all(a.get("scope") in ("row", "col") for a, _ in html.all("th")) and "prefers-color-scheme: dark" in text
    for image in html.tags:
        if image[0] == "img":
            assert image[1]["loading"] == "lazy"
    assert text.count("<figure>") == text.count("<figcaption>") == len(html.all("img"))


def test_awkward_names_are_words(odd):
    _, folder, result = odd
    html = parsed(folder)
    assert not html.all("b"), "a class name became markup"
    assert r"cost $5 and \udcff$6" in (folder / "index.html").read_text(encoding="utf-8")
    assert any(NAMES[0] in attributes["alt"] for attributes, _ in html.all("img"))
    assert {one["class"] for one in result["confusions"]} <= set(NAMES)


def test_the_page_says_what_a_network_lacks(odd):
    _, folder, result = odd
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert result["dead"] == {} and "no ReLUs" in text and not (folder / "dead.png").exists()
    assert len(result["tower_colour"]) == 1 and "one group" in text
    assert "no record" in text and not (folder / "course.png").exists()


def test_the_course_of_training_is_drawn_from_the_record(easy):
    _, folder, _ = easy
    assert (folder / "course.png").exists()
    alt = next(a["alt"] for a, _ in parsed(folder).all("img") if a["src"] == "course.png")
    assert "conv1 with 0.004 and fc8 with 0.001" in alt and "2 panels" in alt
    assert "size of the gradient: conv1 with 0.5" in alt, "the total is not a layer, and None is not a value"


def test_numbers_are_those_of_evaluate(easy):
    run, folder, result = easy
    network, view, info, _ = load_network(run, np)
    expected = evaluate(network, open_dataset(info["config"]["data"]).val, view, np, quiet=True)
    assert result["top1_error"] == expected.top1_error and "top5_error" not in result, "four classes"
    assert {"ece", "purity", "confusions", "dead", "tower_colour", "figures", "page"} <= result.keys()
    assert result["dead"]["relu7"]["units"] == 256 and len(result["tower_colour"]) == 2
    assert set(result["purity"]) == {"fc7", "pixels", "chance"} and result["purity"]["chance"] == pytest.approx(0.25)
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert f"top-1 {expected.top1_error:.1%}" in text and f"{result['ece']:.3f}" in text


def test_a_table_for_people(easy, tmp_path, capsys, one_figure):
    run, _, result = easy
    assert main(["inspect", str(run), "--out", str(tmp_path / "page")]) == 0
    out = capsys.readouterr().out
    assert f"top-1 {result['top1_error']:.1%}" in out and "top-5" not in out, "four classes have no top-5 error"
    assert str(tmp_path / "page" / "index.html") in out and "50.0% in fc7, 25.0% in pixels" in out


# ---------------------------------------------------------------------------------------------- where it is written


def inspect(run, out, *more):
    return main(["inspect", str(run), "--out", str(out), "--json", *more])


def test_beside_a_file(easy, one_figure, capsys, tmp_path):
    run, _, _ = easy
    (tmp_path / "net.safetensors").write_bytes((run / "best.safetensors").read_bytes())
    assert main(["inspect", str(tmp_path / "net.safetensors"), "--json"]) == 0
    assert (tmp_path / "net-inspect" / "index.html").exists()


def test_an_earlier_page_is_replaced(easy, one_figure, tmp_path, monkeypatch):
    run, _, _ = easy
    out = tmp_path / "new" / "page"  # in a folder that does not exist yet
    assert inspect(run, out) == 0
    (tmp_path / "link").symlink_to(out)
    monkeypatch.setattr(page, "PANELS", (lambda subject: replace(quick(subject), name="other"),))
    assert inspect(run, tmp_path / "link") == 0
    assert {file.name for file in out.iterdir()} == {"index.html", "inspect.json", "other.png"}
    assert (tmp_path / "link").is_symlink() and {p.name for p in out.parent.iterdir()} == {"page"}


def test_an_empty_folder_is_taken(easy, one_figure, tmp_path):
    (tmp_path / "page").mkdir()
    assert inspect(easy[0], tmp_path / "page") == 0 and (tmp_path / "page" / "index.html").exists()


@pytest.mark.parametrize("kept", ["", "index.html"])
def test_ctrl_c_leaves_nothing(easy, one_figure, tmp_path, monkeypatch, kept):
    """No page is begun, and an earlier page stays as it was."""
    out = tmp_path / "a" / "page"
    if kept:
        assert inspect(easy[0], out) == 0
    before = tree(tmp_path)

    def interrupted(subject):
        raise KeyboardInterrupt

    monkeypatch.setattr(page, "PANELS", (*page.PANELS, interrupted))
    assert inspect(easy[0], out) == 130
    assert tree(tmp_path) == before and (out / "index.html").exists() == bool(kept)


def test_an_earlier_page_stays_if_it_cannot_be_replaced(easy, one_figure, tmp_path, monkeypatch, capsys):
    out, rename = tmp_path / "page", os.rename
    assert inspect(easy[0], out) == 0
    before = tree(tmp_path)

    def refused(source, target):
        if str(source).endswith(".partial"):
            raise PermissionError(1, "not permitted")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refused)
    assert inspect(easy[0], out) == 2 and "cannot be written (not permitted)" in capsys.readouterr().err
    assert tree(tmp_path) == before


def test_a_taken_folder_is_found_before_any_work(easy, tmp_path, monkeypatch):
    monkeypatch.setattr("tinyalex.commands.inspect.open_dataset", lambda *_, **__: pytest.fail("pictures were read"))
    (tmp_path / "notes.txt").write_text("mine")
    assert inspect(easy[0], tmp_path) == 2


@pytest.mark.parametrize(
    "arguments, word",
    [
        ("RUN --pictures 0", "--pictures: found 0"),
        ("RUN --pictures 41", "41"),
        ("RUN --pictures many", "--pictures"),
        ("nowhere", "nowhere"),
        ("FILE", "FILE"),
        ("RUN --data nowhere", "nowhere"),
        ("RUN --data SMALL", "64 pixels"),
        ("RUN --data TWO", "same order"),
        ("RUN --out FILE", "--out: FILE is not a folder"),
        ("RUN --out FILE/under", "--out: FILE/under cannot be made"),
        ("RUN --out FULL", "--out: FULL contains files that tinyalex inspect did not write"),
        ("RUN --out RUN", "did not write"),
        ("RUN --out PAGE", "did not write"),
        ("SICK", "NaN"),
        ("RUN --out ''", "is empty"),
        ("", "RUN"),
    ],
)
def test_a_mistake_is_one_line(easy, tmp_path, monkeypatch, capsys, arguments, word):
    monkeypatch.chdir(tmp_path)
    run, folder, _ = easy
    Path("FILE").write_text("some text")
    for name, holds in (("FULL", ("notes.txt",)), ("PAGE", ("index.html", "inspect.json", "mine.txt"))):
        Path(name).mkdir()
        for file in holds:  # PAGE is a page to which somebody has added a file
            source = folder / file
            (Path(name) / file).write_bytes(source.read_bytes() if source.exists() else b"mine")
    Path("RUN").symlink_to(run)
    small.write_data(Path("SMALL"), "abcd", 4, 4, side=32)
    small.write_data(Path("TWO"), "ab", 4, 4)
    sick = load_checkpoint(run / "best.safetensors")
    sick.params["fc8.bias"][0] = np.nan
    save_checkpoint("SICK", sick)
    before = tree(tmp_path), tree(run)
    assert main(["inspect", *shlex.split(arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("tinyalex: ") and word in err, err
    assert (tree(tmp_path), tree(run)) == before, "something was written all the same"

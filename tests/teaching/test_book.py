"""The book has every lesson and alt text, no dead link and nothing from a network; unsuitable folders are refused."""

import errno
import html
import json
import posixpath
import re
import shutil
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.teaching import running
from tests.test_cli import call, json_of
from tinyalex.errors import UserError
from tinyalex.teaching import lessons
from tinyalex.teaching.book import LIST, Book, write_book
from tinyalex.teaching.book_cells import FIGURE_CODE, SETUP, SUMMARY
from tinyalex.teaching.book_page import sections
from tinyalex.teaching.lessons import all_lessons, find_lesson

pytest.importorskip("nbconvert", reason="needs nbconvert, which comes with Jupyter")
WRITTEN = [number for number in lessons.numbers() if list(lessons.FOLDER.glob(f"{number}_*.ipynb"))]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not WRITTEN, reason="no notebook yet")]


class Page(HTMLParser):
    """The parts of a page that are tested."""

    VOID = {"meta", "img", "br", "hr", "link", "input", "col"}

    def __init__(self, file):
        super().__init__()
        self.images, self.links, self.parts, self.ids, self.tags = [], [], [], set(), []
        self.title, self.open = "", []
        self.html = file.read_text(encoding="utf-8")
        self.words = []
        self.feed(self.html)
        assert not self.open, f"{file.name}: {self.open} not closed"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        if "id" in attributes:
            self.ids.add(attributes["id"])
        if tag == "img":
            self.images.append(attributes)
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        if tag in ("script", "link"):
            self.parts.append(attributes.get("src") or attributes["href"])
        if tag in ("html", "body", "main", "nav", "pre", "details", "table"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in ("html", "body", "main", "nav", "pre", "details", "table"):
            assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if "title" in self.tags and "style" not in self.tags:
            self.title += data
        self.words.append(data)


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    folder = tmp_path_factory.mktemp("books") / "book"
    assert write_book(folder, all_lessons()) == folder / "index.html"
    return folder


@pytest.fixture(scope="module")
def pages(book):
    return {file: Page(file) for file in sorted(book.rglob("*.html"))}


def name(number):
    return f"{lessons.notebook(number).stem}.html"


def test_contents(book, pages):
    """Each lesson with its purpose and times."""
    index = pages[book / "index.html"]
    text = "".join(index.words)
    for number in WRITTEN:
        lesson = find_lesson(number)
        assert name(number) in index.links and lesson.title in text
        facts = rf"{lesson.minutes} min · {lesson.seconds} s of computing · {len(lesson.exercises)} exercises"
        assert re.search(
            rf">{re.escape(html.escape(lesson.title))}</a><p>[A-Z].*?<p class=\"facts\">{facts}<", index.html, re.DOTALL
        )
        assert "Goal" not in text
    assert {file.name for file in book.glob("*.html")} == {"index.html", *map(name, WRITTEN)}


def test_previous_and_next(book, pages):
    for place, number in enumerate(WRITTEN):
        links = pages[book / name(number)].links
        assert links.count("index.html") >= 2, "at the top and at the end"
        for other in WRITTEN[max(0, place - 1) : place] + WRITTEN[place + 1 : place + 2]:
            assert links.count(name(other)) >= 2


def test_every_image_has_the_alt_of_the_notebook(book, pages):
    for page in pages.values():
        for image in page.images:
            assert image.get("alt", "").strip(), image.get("src", "")[:60]
            assert "No description" not in image["alt"], "nbconvert's words for a missing alt text"
    for number in WRITTEN:
        alts = [
            output["metadata"]["image/png"]["alt"]
            for cell in running.read(number).cells
            for output in getattr(cell, "outputs", ())
            if "image/png" in output.get("data", {})
        ]
        images = pages[book / name(number)].images
        assert [image["alt"] for image in images if image["src"].startswith("data:image/png")] == alts


def test_every_formula_is_drawn(book, pages):
    for number in WRITTEN:
        prose = "\n".join(cell.source for cell in running.read(number).cells if cell.cell_type == "markdown")
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", prose, flags=re.DOTALL)
        formulas = [" ".join(tex.split()) for tex in re.findall(r"\$+([^$]+)\$+", prose)]
        drawn = [image["alt"] for image in pages[book / name(number)].images if "svg+xml" in image["src"]]
        assert drawn == formulas


def test_every_link_resolves(book, pages):
    for file, page in pages.items():
        for link in page.links + [image["src"] for image in page.images]:
            if re.match(r"(https?|data|mailto):", link):
                continue
            target, _, anchor = unquote(link).partition("#")
            to = (file.parent / target).resolve() if target else file
            assert to.is_relative_to(book.resolve()) and to.is_file(), f"{file.name} links to {link}"
            if anchor and to.suffix == ".html":
                ids = pages[book / to.relative_to(book.resolve())].ids
                assert {anchor, link.partition("#")[2]} & ids, f"{file.name}: no {link}"
            assert to.suffix != ".ipynb"


def test_nothing_comes_from_a_network(book, pages):
    """Style and script are files of the book, and they fetch no others but search.js."""
    for file, page in pages.items():
        assert not {"iframe", "object", "embed", "style"} & set(page.tags), file.name
        found = {(file.parent / part).resolve() for part in page.parts}
        assert found == {(book / "book.css").resolve(), (book / "book.js").resolve()}, file.name
        assert all(not image["src"].startswith(("http", "//")) for image in page.images), file.name
    assert not re.search(r"@import|url\(", (book / "book.css").read_text(encoding="utf-8"))
    script = (book / "book.js").read_text(encoding="utf-8")
    assert not re.search(r"fetch\(|XMLHttpRequest|https?:|import\(", script)
    assert re.findall(r"\.src = (.*?);", script) == ['up + "search.js"']


def test_the_search_knows_every_section(book, pages):
    text = (book / "search.js").read_text(encoding="utf-8")
    parts = json.loads(text.removeprefix("window.BOOK = ").removesuffix(";\n"))
    for number in WRITTEN:
        own = [part for part in parts if part["page"].partition("#")[0] == name(number)]
        headings = re.findall(r"^## (.+)$", running.markdown(running.read(number)), re.MULTILINE)
        assert len(own) == len(headings) + 1 and all(part["text"] for part in own)
        assert {part["page"].partition("#")[2] for part in own} - {""} <= pages[book / name(number)].ids
        assert "A right answer" not in str(own) and "Hint 1" not in str(own), "nothing is given away"
    assert not re.search(r"</?(?:p|span|div|h2|code)\b", text)
    assert not re.search(r"\b(?:In|Out) ?\[\d*\]:|layerThe", text), "prompts, or words joined"


def test_words_of_the_search_stand_apart():
    """Prose before code, and no title in the text."""
    body = '<h1>T</h1><div class="highlight"><pre><b>f</b>()</pre></div><h3>The layer</h3>'
    body += "<p>The <em>x</em>s of<br>it, <code>np</code>.</p><ul><li>a</li><li>b</li></ul>"
    assert [part["text"] for part in sections("n.html", "T", body)] == ["The layer The xs of it, np. a b f()"]


def test_every_page_leads_everywhere(book, pages):
    """The list of lessons, with this one marked and its sections."""
    for file, page in pages.items():
        assert all(any(link.endswith(name(number)) for link in page.links) for number in WRITTEN), file.name
    for number in WRITTEN:
        page = pages[book / name(number)]
        assert page.html.count('aria-current="page"') == 1
        anchors = [link for link in page.links if link.startswith("#") and link != "#main"]
        assert len(anchors) >= len(re.findall(r"<h2 ", page.html)) >= 3


def test_code_beside_the_lesson_is_folded(book, pages):
    """The set-up, with a link to the code of the figures, and what prints the summary."""
    for number in WRITTEN:
        page = pages[book / name(number)]
        assert page.html.count(SETUP) == 1 and page.html.count(SUMMARY) >= 1
        assert f"files/lessons/figures/lesson_{number}.py.html" in page.links and page.html.count(FIGURE_CODE) == 1
        visible = re.sub(r"<details>.*?</details>", "", page.html, flags=re.DOTALL)
        assert "sys</span>" not in visible


def test_appendices_are_pages(book, pages):
    found = {file.name for file in lessons.FOLDER.glob("appendix_*.ipynb")}
    for file in found:
        page = pages[book / "files" / "lessons" / f"{file}.html"]
        assert "Appendix" in "".join(page.words) and page.html.count(SETUP) == 1 and page.html.count(SUMMARY) == 1
    links = {posixpath.basename(link) for number in WRITTEN for link in pages[book / name(number)].links}
    assert {f"{file}.html" for file in found} <= links


def test_every_page_is_complete_html(book, pages):
    for file, page in pages.items():
        assert '<html lang="en-GB">' in page.html and page.title and "viewport" in page.html
        assert page.tags.count("h1") == 1 or file.is_relative_to(book / "files"), file.name
        assert page.tags.count("main") == 1


def test_nothing_of_a_lesson_is_missing(book, pages):
    """All prose, code and output; hints and an answer folded below each check."""
    squeeze = lambda text: re.sub(r"\W+", "", text)  # noqa: E731
    for number in WRITTEN:
        page = pages[book / name(number)]
        text = squeeze(re.sub(f"{FIGURE_CODE}|{SETUP}|{SUMMARY}", "", "".join(page.words)))
        for cell in running.read(number).cells:
            if cell.cell_type == "code":
                source = re.sub(r"^guess\w* = None +#", "", cell.source, flags=re.MULTILINE)  # a guess is made on paper
                assert all(squeeze(line) in text for line in source.splitlines()), cell.source
                for output in cell.outputs if "setup" not in cell.metadata.get("tags", ()) else ():
                    printed = re.sub(r" \(You have not guessed: [^)]*\)", "", "".join(output.get("text", "")))
                    assert squeeze(printed) in text
        for title in ("Hint 1", "Hint 2", "Hint 3", "A right answer"):
            assert page.html.count(f"<details><summary>{title}<") == len(find_lesson(number).exercises)
        for exercise in find_lesson(number).exercises:
            assert all(squeeze(hint) in text for hint in exercise.hints)


def test_writing_again_into_the_same_folder(tmp_path, capsys, monkeypatch):
    """An older book is replaced; the reader's own files stay."""
    monkeypatch.setattr("tinyalex.teaching.lessons.numbers", lambda: WRITTEN[:1])
    book = tmp_path / "book"
    assert call(capsys, "lesson", "--book", book) == (0, f"The first page is {book / 'index.html'}.\n", "")
    before = {file: file.read_bytes() for file in book.rglob("*") if file.is_file()}
    listed = json.loads((book / LIST).read_text())
    (book / "old_lesson.html").write_text("old")
    (book / "notes.txt").write_text("mine")
    outside = book.parent / "outside.txt"
    outside.write_text("not of the book")
    listed["tinyalex book"] += ["old_lesson.html", "../outside.txt"]
    (book / LIST).write_text(json.dumps(listed))
    assert json_of(capsys, "lesson", "--book", book)["book"] == str(book / "index.html")
    assert outside.exists() and (book / "notes.txt").read_text() == "mine"
    (book / "notes.txt").unlink()
    assert {file: file.read_bytes() for file in book.rglob("*") if file.is_file()} == before


@pytest.fixture
def small(monkeypatch):
    """One lesson, {file: bytes} of its book."""
    monkeypatch.setattr("tinyalex.teaching.lessons.numbers", lambda: WRITTEN[:1])
    return Book(all_lessons()).files


def inside(folder):
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_full_disk_cuts_no_page(tmp_path, capsys, small, monkeypatch, older, share):
    """One line; a new folder vanishes, an older book stays whole, and the next run succeeds."""
    book, old = tmp_path / "deep" / "book", {**small, "index.html": b"old"}
    if older:
        for name, content in old.items():
            (book / name).parent.mkdir(parents=True, exist_ok=True)
            (book / name).write_bytes(content)
    room, write = share * sum(map(len, small.values())), Path.write_bytes

    def write_on_a_full_disk(file, content):
        nonlocal room
        write(file, content[: int(room)])
        room -= len(content)
        if room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_on_a_full_disk)
        code, out, err = call(capsys, "lesson", "--book", book)
    assert (code, out) == (2, "") and err.count("\n") == 1 and "the disk is full" in err
    assert inside(book) == old if older else not book.parent.exists()
    assert call(capsys, "lesson", "--book", book)[0] == 0 and inside(book) == small


@pytest.mark.parametrize("call_number", [1, 2, 3, 20])
def test_a_killed_run_is_mended_by_the_next(tmp_path, small, call_number):
    """Killed before its first page is written, or while pages take their places: each is whole, the contents last."""
    book = tmp_path / "book"
    name = "mkdir" if call_number == 1 else "replace"
    code = f"""
import os, pathlib, signal
from tinyalex.teaching import book, lessons
lessons.numbers = lambda: {WRITTEN[:1]!r}
real, calls = os.{name}, 0
def killed(*arguments, **options):
    global calls
    calls += "book" in str(arguments[0])
    if calls >= {call_number} + ({name!r} == "mkdir"):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **options)
os.{name} = killed
book.write_book({str(book)!r}, lessons.all_lessons())
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert book.is_dir() and not (book / "index.html").exists()
    for file in book.rglob("*"):
        name = file.relative_to(book).as_posix()
        assert name.startswith(".book.json.") or file.is_dir() or file.read_bytes() == small[name]
    write_book(book, all_lessons())
    assert inside(book) == small


@pytest.mark.parametrize(
    "there, word",
    [
        ("file", "is a file, expected a folder"),
        ("others", "contains files that are not a book of the lessons"),
        ("other list", "contains files that are not"),
        ("broken list", "contains files that are not"),
        ("dangling", "is a file"),
        ("under a file", "--book"),
    ],
)
def test_folders_that_are_refused(tmp_path, capsys, there, word):
    folder = tmp_path / "book"
    if there == "file":
        folder.write_text("text")
    elif there == "dangling":
        folder.symlink_to(tmp_path / "none")
    elif there == "under a file":
        (tmp_path / "text").write_text("text")
        folder = tmp_path / "text" / "book"
    else:
        folder.mkdir()
        (folder / "index.html").write_text("a page of someone's own")
        if there != "others":
            (folder / LIST).write_text("[]" if there == "other list" else "{")
    before = {file: file.read_text() for file in tmp_path.rglob("*") if file.is_file()}
    code, out, err = call(capsys, "lesson", "--book", folder)
    assert code == 2 and out == "" and err.count("\n") == 1 and word in err, err
    assert {file: file.read_text() for file in tmp_path.rglob("*") if file.is_file()} == before


def copy_exercises(number, folder):
    """Put the exercises of one lesson, without its notebook and answers, into another folder of lessons."""
    (folder / "exercises").mkdir(parents=True)
    shutil.copy(lessons.FOLDER / "exercises" / f"{number}.py", folder / "exercises")


def test_an_empty_folder_will_do(tmp_path, monkeypatch):
    """And links to files outside the repository become plain text."""
    clone = tmp_path / "clone" / "lessons"
    number = WRITTEN[0]
    copy_exercises(number, clone)
    shutil.copy(lessons.notebook(number), clone)
    (clone.parent / "a b.md").write_text("# A\n\n[B](lessons), [out](../secret.txt), [gone](gone.py), [up](<a b.md>)\n")
    (tmp_path / "secret.txt").write_text("not of the repository")
    monkeypatch.setattr(lessons, "FOLDER", clone)
    file = lessons.notebook(number)
    notebook = json.loads(file.read_text())
    links = "[A](<../a b.md>) [B](../../secret.txt) [C](https://arxiv.org/abs/1404.5997)"
    notebook["cells"][0]["source"] = f"# T\n\n{links}"
    file.write_text(json.dumps(notebook))
    folder = tmp_path / "new"
    folder.mkdir()
    write_book(folder, [find_lesson(number)])
    page = Page(folder / file.with_suffix(".html").name)
    assert {"files/a%20b.md.html", "files/a b.md.html"} & set(page.links)
    assert "https://arxiv.org/abs/1404.5997" in page.links
    assert not any("secret" in link for link in page.links) and not list(folder.rglob("secret*"))
    a = Page(folder / "files" / "a b.md.html")
    assert "lessons/index.html" in a.links and not any(word in link for link in a.links for word in ("gone", "secret"))
    inside = Page(folder / "files" / "lessons" / "index.html")
    assert f"../../{file.stem}.html" in inside.links


def test_without_notebooks_or_nbconvert(tmp_path, monkeypatch, capsys):
    copy_exercises(WRITTEN[0], tmp_path / "lessons")
    monkeypatch.setattr(lessons, "FOLDER", tmp_path / "lessons")
    with pytest.raises(UserError, match=r"book: found no notebooks in .*, expected NN_….ipynb"):
        write_book(tmp_path / "new", all_lessons())
    monkeypatch.setitem(__import__("sys").modules, "nbconvert", None)
    code, _, err = call(capsys, "lesson", "--book", tmp_path / "new")
    assert code == 2 and "pip install jupyter" in err and err.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_predictions_are_not_given_away(book, pages):
    """The answer to a guess is folded, without the advice to run cells."""
    for number in WRITTEN:
        page = pages[book / name(number)]
        guesses = sum("answer(guess" in cell.source for cell in running.read(number).cells if cell.cell_type == "code")
        assert page.html.count("Guess first, then look") >= guesses > 0, f"lesson {number}: expected answer(guess, …)"
        assert "You have not guessed" not in page.html and not re.search(r"^guess\w* = None", "".join(page.words), re.M)
        assert "How a lesson works" not in page.html, "which speaks of cells to run"
        assert page.html.count("<p>On paper: ") == len(running.cells(running.read(number), "predict"))

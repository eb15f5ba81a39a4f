"""Write the lessons as a book: one HTML page each and a contents page, to be read offline, without a server.

Files of the repository that the lessons link to become part of the book: Python as a highlighted page, Markdown as a
page, pictures unchanged. nbconvert's classic template keeps the alt text of figures, while its lab template replaces it
by a stock sentence.
"""

import html
import json
import os
import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

from tinyalex.errors import UserError
from tinyalex.files import check_folder, reason, target
from tinyalex.locks import scratch
from tinyalex.schema import each, read_json, record, text
from tinyalex.teaching import lessons
from tinyalex.teaching.book_cells import coloured, prepare
from tinyalex.teaching.book_page import CONTENTS, SEARCH, TITLE, assets, page, sections

LIST = "book.json"  # names the files of the book, so that a newer book can replace them
LINK = re.compile(r'(<(?:a|img)\b[^>]*?\b)(href|src)="([^"]*)"')


def write_book(folder, chosen):
    """Write the chosen `Lesson`s as a book into a folder; returns the path of its contents page.

    An older book in the folder is replaced. All pages are written beside their places and then renamed, so each is old
    or new, never cut. UserError if the folder contains anything else or cannot be written, if no chosen lesson has a
    notebook, or if nbconvert is missing.
    """
    folder = target(folder)
    old = _old_book(folder)
    check_folder(folder, "book")
    book = Book(chosen)
    try:
        with scratch(folder / LIST) as beside:
            for name, content in book.files.items():
                (beside / name).parent.mkdir(parents=True, exist_ok=True)
                (beside / name).write_bytes(content)
            for name in old - book.files.keys():
                (folder / name).unlink(missing_ok=True)
            # first the list: whatever stops this, the next run knows the folder; last the way in
            for name in (LIST, *sorted(book.files.keys() - {LIST, CONTENTS}), CONTENTS):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(beside / name, folder / name)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({reason(error)})", "book") from None
    return folder / CONTENTS


def _old_book(folder):
    """The names of the files of an older book in the folder. UserError if the folder contains anything else."""
    if not folder.exists() and not folder.is_symlink():
        return set()
    if not folder.is_dir():
        raise UserError(f"{folder} is a file, expected a folder", "book")
    try:
        if all(_is_litter(file) for file in folder.iterdir()):
            return set()
        names = read_json(folder / LIST, record({"tinyalex book": each(text())}))["tinyalex book"]
        inside = folder.resolve()
        return {name for name in names if (folder / name).resolve().is_relative_to(inside)}
    except (OSError, UserError):
        words = "contains files that are not a book of the lessons, expected a new or empty folder"
        raise UserError(f"{folder} {words}", "book") from None


def _is_litter(file):
    """Whether a file is what a killed run left, which the next one removes."""
    return file.name.startswith(f".{LIST}.")


class Book:
    """The pages and files of the book, built from the chosen `Lesson`s.

    files: {path in the book: bytes};  chapters: [(lesson, path of its notebook, path in the book)]
    """

    def __init__(self, chosen):
        try:
            from nbconvert import HTMLExporter
        except ImportError:
            raise UserError("found no nbconvert, which comes with Jupyter: pip install jupyter", "book") from None
        self.exporter = HTMLExporter(
            template_name="basic", anchor_link_text="", exclude_input_prompt=True, exclude_output_prompt=True
        )
        self.files = assets()
        self.chapters = []
        for lesson in chosen:
            try:
                notebook = lessons.notebook(lesson.number)
            except UserError:  # the notebook is missing
                continue
            self.chapters.append((lesson, notebook, f"{notebook.stem}.html"))
        if not self.chapters:
            raise UserError(f"found no notebooks in {lessons.FOLDER}, expected NN_….ipynb for each lesson", "book")
        self.names = {notebook: name for _, notebook, name in self.chapters}  # {file: path in the book}
        self.wanted = []  # keys of `names` that are not yet in `files`
        self.titles = [(lesson.number, lesson.title, name) for lesson, _, name in self.chapters]
        found, rows = [], []
        for place, (lesson, notebook, name) in enumerate(self.chapters):
            body, first = self._body(notebook)
            rows.append(_row(lesson, notebook, first))
            title = f"{lesson.number} {lesson.title}"
            self._page(name, title, _one_heading(lesson, body), notebook, place)
            found += sections(name, title, body)
        self.files[SEARCH] = f"window.BOOK = {json.dumps(found, ensure_ascii=False)};\n".encode()
        self._page(CONTENTS, TITLE, _contents(rows), lessons.FOLDER / "README.md")
        while self.wanted:
            self._add_file(self.wanted.pop())
        self.files[LIST] = json.dumps({"tinyalex book": sorted([*self.files, LIST])}, indent=1).encode()

    def _body(self, notebook):
        """A notebook as HTML, and the text of its first cell."""
        import nbformat

        cells = nbformat.read(notebook, as_version=4)
        first = cells.cells[0].source
        return self.exporter.from_notebook_node(nbformat.from_dict(prepare(cells)))[0], first

    def _page(self, name, title, body, source, place=None):
        self.files[name] = page(name, title, self._links(body, source, name), self.titles, place)

    # ------------------------------------------------------------------------------------------ links

    def _links(self, body, source, name):
        """The body with relative links redirected into the book; links to files outside the repository are removed."""

        def redirected(found):
            start, attribute, link = found.groups()
            target, mark, anchor = html.unescape(link).partition("#")
            if source is None or not target or re.match(r"[a-z][a-z0-9+.-]*:", target):
                return found[0]
            file = Path(os.path.normpath(source.parent / unquote(target)))
            if not file.is_relative_to(lessons.FOLDER.parent) or not file.exists():
                return start.rstrip() if attribute == "href" else found[0]
            if file not in self.names:
                self.names[file] = _name(file)
                self.wanted.append(file)
            link = posixpath.relpath(self.names[file], posixpath.dirname(name) or ".")
            return f'{start}{attribute}="{html.escape(link)}{mark}{anchor}"'

        return LINK.sub(redirected, body) if source else body

    def _add_file(self, file):
        """Add a file of the repository, or the list of a folder's files, to the book."""
        name, title = self.names[file], html.escape(_path(file) or "files")
        if file.is_dir():
            inside = sorted(p for p in file.iterdir() if p.suffix in (".py", ".md", ".ipynb") and p.name[0] not in "._")
            items = "".join(f'<li><a href="{html.escape(p.name)}">{html.escape(p.name)}</a></li>' for p in inside)
            self._page(name, title, f"<h1>{title}</h1><ul>{items}</ul>", file / "any")
        elif file.name.startswith("appendix_"):
            self._page(name, title, self._body(file)[0], file)
        elif file.suffix == ".md":
            from nbconvert.filters import markdown2html

            self._page(name, title, markdown2html(file.read_text(encoding="utf-8")), file)
        elif file.suffix == ".py":
            self._page(name, title, f"<h1>{title}</h1>{coloured(file.read_text(encoding='utf-8'))}", None)
        else:
            self.files[name] = file.read_bytes()


def _name(file):
    """The path in the book of a file or folder of the repository."""
    path = f"files/{_path(file)}".rstrip("/")
    if file.is_dir():
        return f"{path}/{CONTENTS}"
    return f"{path}.html" if file.suffix in (".py", ".md", ".ipynb") else path


def _path(file):
    return file.relative_to(lessons.FOLDER.parent).as_posix().removeprefix(".")


def _one_heading(lesson, body):
    """The page's heading in one form: the lesson's number above its title."""
    heading = f'<p class="number">Lesson {lesson.number}</p>\n<h1>{html.escape(lesson.title)}</h1>'
    return re.sub(r"<h1\b.*?</h1>", lambda found: heading, body, count=1, flags=re.DOTALL)


def _row(lesson, notebook, first):
    """A lesson's entry in the contents. first: the text of its first cell, with its purpose."""
    from nbconvert.filters import markdown2html

    goal = re.search(r"\*\*Goal:\*\* (.)(.*?)(?:\n\n|$)", first, re.DOTALL)
    purpose = markdown2html(f"{goal[1].upper()}{goal[2]}") if goal else ""
    facts = f"{lesson.minutes} min · {lesson.seconds} s of computing · {len(lesson.exercises)} exercises"
    return (
        f'<li><span class="number">{lesson.number}</span><div><a href="{notebook.name}">{html.escape(lesson.title)}</a>'
        f'{purpose}<p class="facts">{facts}</p></div></li>'
    )


def _contents(rows):
    return (
        f"<h1>{TITLE}</h1>\n<p>Every lesson, with the output of its cells, its exercises, hints and answers. "
        "To check an answer, write the exercise's function in a Python file and run:</p>\n"
        '<div class="source"><pre>python -m tinyalex lesson 09 --check my_file.py</pre></div>\n'
        '<p><a href="README.md">How to go through the lessons</a></p>\n'
        f'<ol class="contents">\n{"".join(rows)}\n</ol>'
    )

"""Write the lessons as a book: one HTML page each and a contents page, without scripts or anything from a network.

Files of the repository that the lessons link to become part of the book: Python as a highlighted page, Markdown as a
page, pictures unchanged. nbconvert's classic template keeps the alt text of figures, while its lab template replaces it
by a stock sentence. Matplotlib draws the formulas; their alt text is the TeX.
"""

import base64
import html
import inspect
import io
import json
import os
import posixpath
import re
import textwrap
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from tinyalex.errors import UserError
from tinyalex.teaching import lessons
from tinyalex.teaching.lessons import find_exercise

CONTENTS, LIST = "index.html", "book.json"  # LIST names the files of the book, so that a newer book can replace them
TITLE = "tinyalex: how AlexNet works, layer by layer"
LINK = re.compile(r'(<(?:a|img)\b[^>]*?\b)(href|src)="([^"]*)"')

# also matches code, so that a $ in it begins no formula
FORMULA = re.compile(r"```.*?```|`[^`\n]*`|\$\$(.+?)\$\$|\$([^$\n]+)\$", re.DOTALL)
TEX_NAMES = {"le": r"\leq", "ge": r"\geq", "ne": r"\neq", "Big": "", "big": ""}  # TeX's name: Matplotlib's
TEX_NAME = re.compile(rf"\\({'|'.join(TEX_NAMES)})(?![A-Za-z])")

STYLE = """
body { max-width: 56rem; margin: 0 auto; padding: 1rem; font: 17px/1.55 Georgia, serif }
body { color: #1a1a1a; background: #fff }
nav { display: flex; justify-content: space-between; gap: 1rem; font: 15px sans-serif; margin: 1rem 0 }
h1, h2, h3 { font-family: sans-serif; line-height: 1.25 }
a { color: #0b4f8a } a.anchor-link, .prompt { display: none }
img { max-width: 100%; height: auto } img.formula { display: block; margin: .8rem auto }
pre, code { font: 14px/1.45 ui-monospace, Menlo, Consolas, monospace } pre { margin: 0; overflow-x: auto }
code { background: #f3f3f3; padding: 0 .15em } pre code { background: none; padding: 0 }
.input_area, .source, .rendered_html pre, details pre { background: #f6f6f6; padding: .6rem .8rem }
.input_area, .source, .rendered_html pre, details pre { border-left: 4px solid #3b528b; margin: .8rem 0 }
.output { border-left: 4px solid #bbb; padding: .1rem .8rem; margin: .8rem 0 } .output pre { white-space: pre-wrap }
blockquote { border-left: 4px solid #21918c; margin: 1rem 0; padding: .1rem 1rem; background: #f3f8f8 }
details { margin: .4rem 0 } summary { cursor: pointer; color: #0b4f8a; font: 15px sans-serif }
table { border-collapse: collapse }
th, td { border-bottom: 1px solid #ccc; padding: .25rem .7rem; text-align: left; vertical-align: top }
.rendered_html > table, .page > table { display: block; overflow-x: auto }
@media print { nav, details { display: none } }
"""


def write_book(folder, chosen):
    """Write the chosen `Lesson`s as a book into a folder; returns the path of its contents page.

    An older book in the folder is replaced. UserError if the folder contains anything else or cannot be written, if no
    chosen lesson has a notebook, or if nbconvert is missing.
    """
    folder = Path(folder)
    old = _old_book(folder)
    book = Book(chosen)
    try:
        for name in old - book.files.keys():
            (folder / name).unlink(missing_ok=True)
        for name, content in book.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    except OSError as error:
        raise UserError(f"--book {folder}: cannot be written ({error.strerror or error})") from None
    return folder / CONTENTS


def _old_book(folder):
    """The names of the files of an older book in the folder. UserError if the folder contains anything else."""
    if not folder.exists() and not folder.is_symlink():
        return set()
    if not folder.is_dir():
        raise UserError(f"--book {folder}: is a file, expected a folder")
    try:
        if not any(folder.iterdir()):
            return set()
        names = json.loads((folder / LIST).read_text(encoding="utf-8"))["tinyalex book"]
        inside = folder.resolve()
        return {name for name in names if (folder / name).resolve().is_relative_to(inside)}
    except (OSError, ValueError, KeyError, TypeError):
        words = "contains files that are not a book of the lessons, expected a new or empty folder"
        raise UserError(f"--book {folder}: {words}") from None


class Book:
    """The pages and files of the book, built from the chosen `Lesson`s.

    files: {path in the book: bytes};  chapters: [(lesson, path of its notebook, path in the book)]
    """

    def __init__(self, chosen):
        try:
            import nbformat
            from nbconvert import HTMLExporter
        except ImportError:
            raise UserError("--book: found no nbconvert, which comes with Jupyter: pip install jupyter") from None
        exporter = HTMLExporter(template_name="basic", anchor_link_text="")
        self.files = {}
        self.chapters = []
        for lesson in chosen:
            try:
                notebook = lessons.notebook(lesson.number)
            except UserError:  # the notebook is missing
                continue
            self.chapters.append((lesson, notebook, f"{notebook.stem}.html"))
        if not self.chapters:
            raise UserError(f"--book: found no notebooks in {lessons.FOLDER}, expected NN_….ipynb for each lesson")
        self.names = {notebook: name for _, notebook, name in self.chapters}  # {file: path in the book}
        self.wanted = []  # keys of `names` that are not yet in `files`
        for place, (lesson, notebook, name) in enumerate(self.chapters):
            cells = nbformat.from_dict(_with_answers(nbformat.read(notebook, as_version=4)))
            body, _ = exporter.from_notebook_node(cells)
            self._page(name, f"{lesson.number} {lesson.title}", body, notebook, self._neighbours(place))
        self._page(CONTENTS, TITLE, self._contents(), lessons.FOLDER / "README.md")
        while self.wanted:
            self._add_file(self.wanted.pop())
        self.files[LIST] = json.dumps({"tinyalex book": sorted([*self.files, LIST])}, indent=1).encode()

    # ------------------------------------------------------------------------------------------ pages

    def _page(self, name, title, body, source, neighbours=("", "")):
        up = "../" * name.count("/")
        before, after = neighbours
        links = f'<span>{before}</span><a href="{up}{CONTENTS}">Contents</a><span>{after}</span>'
        nav = f'<nav aria-label="{{}}">{links}</nav>'
        top, end = ("", "") if name == CONTENTS else (nav.format("top"), nav.format("end"))
        self.files[name] = (
            '<!DOCTYPE html>\n<html lang="en-GB">\n<head>\n<meta charset="utf-8">\n'
            f"<title>{html.escape(title)}</title>\n"
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<style>{STYLE}{_colours()}\n</style>\n</head>\n<body>\n{top}\n"
            f'<main class="page">\n{self._links(body, source, name)}\n</main>\n{end}\n</body>\n</html>\n'
        ).encode()

    def _neighbours(self, place):
        links = []
        for other, text in ((place - 1, "← {}"), (place + 1, "{} →")):
            if 0 <= other < len(self.chapters):
                lesson, _, name = self.chapters[other]
                links.append(f'<a href="{name}">{html.escape(text.format(f"{lesson.number} {lesson.title}"))}</a>')
            else:
                links.append("")
        return links

    def _contents(self):
        rows = "\n".join(
            f'<tr><td>{lesson.number}</td><td><a href="{notebook.name}">{html.escape(lesson.title)}</a></td>'
            f"<td>{len(lesson.exercises)}</td><td>{lesson.seconds} s</td></tr>"
            for lesson, notebook, _ in self.chapters
        )
        more = '<p><a href="README.md">How to go through the lessons</a></p>'
        return (
            f"<h1>{TITLE}</h1>\n<p>Every lesson, with the output of its cells, its exercises, hints and answers. "
            "To check an answer, write the exercise's function in a Python file and run "
            "<code>python -m tinyalex lesson 09 --check my_file.py</code>.</p>\n"
            "<table>\n<thead><tr><th></th><th>lesson</th><th>exercises</th><th>computing</th></tr></thead>\n"
            f"<tbody>\n{rows}\n</tbody>\n</table>\n{more}"
        )

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
        elif file.suffix == ".md":
            from nbconvert.filters import markdown2html

            self._page(name, title, markdown2html(file.read_text(encoding="utf-8")), file)
        elif file.suffix == ".py":
            self._page(name, title, f"<h1>{title}</h1>{_coloured(file.read_text(encoding='utf-8'))}", None)
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


def _with_answers(notebook):
    """Draw the formulas, add folded hints and a right answer below every check, and fold the answers to predictions."""
    name = None
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = FORMULA.sub(_formula, cell.source)
        if "answer(guess" in cell.source:
            cell.outputs = [_folded_away(output) for output in cell.outputs]
        name = cell.metadata.get("exercise", name)
        if "check" in cell.metadata.get("tags", ()) and name is not None:
            data = {"text/html": _folded(name)}
            cell.outputs.append({"output_type": "display_data", "metadata": {}, "data": data})
            name = None
    return notebook


def _folded_away(output):
    """Printed output, folded until the reader has guessed, without the line on how to guess in a notebook."""
    if output.get("output_type") != "stream":
        return output
    text = html.escape(re.sub(r" \(You have not guessed: [^)]*\)", "", output["text"]).strip())
    words = f"<details><summary>Guess first, then look</summary><pre>{text}</pre></details>"
    return {"output_type": "display_data", "metadata": {}, "data": {"text/html": words}}


def _formula(found):
    """A matched formula as an HTML picture, or as code if Matplotlib cannot draw it; matched code is unchanged."""
    tex = " ".join((found[1] or found[2] or "").split())
    if not tex:
        return found[0]
    from matplotlib import rc_context
    from matplotlib.mathtext import math_to_image

    svg = io.StringIO()
    try:
        with rc_context({"svg.hashsalt": "book", "mathtext.fontset": "stix", "font.size": 12.5}):
            depth = math_to_image(f"${TEX_NAME.sub(lambda name: TEX_NAMES[name[1]], tex)}$", svg, format="svg")
    except ValueError:
        return f"<code>{html.escape(tex)}</code>"
    drawing = re.sub("<metadata>.*?</metadata>", "", svg.getvalue(), flags=re.DOTALL)  # contains the date
    drawing = base64.b64encode(drawing.encode()).decode()
    kind = 'class="formula"' if found[1] else f'class="inline" style="vertical-align: -{depth:g}pt"'
    return f'<img {kind} alt="{html.escape(tex)}" src="data:image/svg+xml;base64,{drawing}">'


def _folded(name):
    """The hints and a right answer of an exercise, folded, as HTML."""
    exercise = find_exercise(name)
    parts = [(f"Hint {n}", f"<p>{html.escape(hint)}</p>") for n, hint in enumerate(exercise.hints, 1)]
    try:
        answer = textwrap.dedent(inspect.getsource(lessons.solutions(name)[0]))
        parts.append(("A right answer", _coloured(answer)))
    except UserError:  # the lesson has no file of answers
        pass
    return "\n".join(f"<details><summary>{title}</summary>{text}</details>" for title, text in parts)


def _coloured(source):
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return highlight(source, PythonLexer(), HtmlFormatter(cssclass="highlight source"))


@cache
def _colours():
    from pygments.formatters import HtmlFormatter

    rules = HtmlFormatter().get_style_defs(".highlight").splitlines()
    return "\n".join(rule for rule in rules if ".highlight ." in rule)

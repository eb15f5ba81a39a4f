"""Prepare a notebook's cells for the book: draw formulas, fold hints, answers and set-ups, ask for guesses on paper.

Matplotlib draws the formulas; their alt text is the TeX.
"""

import base64
import html
import inspect
import io
import re
import textwrap

from tinyalex.errors import UserError
from tinyalex.teaching import lessons
from tinyalex.teaching.lessons import find_exercise

FIGURES = re.compile(r"^from figures\.(\w+) import", re.MULTILINE)
GUESS = re.compile(r"^guess\w* = None  # (.+)$", re.MULTILINE)
FIGURE_CODE = "The code of the figures"
SETUP = "The lesson's set-up"
SUMMARY = "The code of these lines"
ALIGNED = re.compile(r"\S {2,}\S.*\n(?:.*\n)*?.*\S {2,}\S")  # columns in two lines at least

# also matches code, so that a $ in it begins no formula
FORMULA = re.compile(r"```.*?```|`[^`\n]*`|\$\$(.+?)\$\$|\$([^$\n]+)\$", re.DOTALL)
TEX_NAMES = {"le": r"\leq", "ge": r"\geq", "ne": r"\neq", "Big": "", "big": ""}  # TeX's name: Matplotlib's
TEX_NAME = re.compile(rf"\\({'|'.join(TEX_NAMES)})(?![A-Za-z])")


def prepare(notebook):
    """Draw the formulas; fold hints and a right answer below every check, and whatever else is not to be read first."""
    name, summary = None, False
    notebook.cells = [cell for cell in notebook.cells if "how-to" not in cell.metadata.get("tags", ())]
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", ())
        if cell.cell_type == "markdown":
            summary |= bool(re.search("^## Summary$", cell.source, re.MULTILINE))
            cell.source = FORMULA.sub(_formula, cell.source)
        if cell.cell_type != "code":
            continue
        cell.outputs = [_output(output, "answer(guess" in cell.source) for output in cell.outputs]
        if "setup" in tags:
            cell.outputs = [_link(file) for file in FIGURES.findall(cell.source)]  # not how many checks have passed
            _fold(cell, SETUP)
        elif "predict" in tags:
            cell.outputs = [html_output(f"<p>On paper: {html.escape('; '.join(GUESS.findall(cell.source)))}</p>")]
            _empty(cell)
        elif summary:
            _fold(cell, SUMMARY)
        name = cell.metadata.get("exercise", name)
        if "check" in tags and name is not None:
            cell.outputs.append(html_output(_folded(name)))
            name = None
    return notebook


def _fold(cell, title):
    """Fold the code of a cell."""
    cell.outputs.insert(0, html_output(f"<details><summary>{title}</summary>{coloured(cell.source)}</details>"))
    _empty(cell)


def _empty(cell):
    cell.source = ""
    cell.metadata["tags"] = [*cell.metadata.get("tags", ()), "empty"]


def _link(file):
    return html_output(f'<p class="facts"><a href="figures/{file}.py">{FIGURE_CODE}</a></p>')


def html_output(text):
    return {"output_type": "display_data", "metadata": {}, "data": {"text/html": text}}


def _output(output, predicted):
    """Printed output as HTML, its columns marked; others unchanged.

    predicted: fold it until the reader has guessed, without the line on how to guess in a notebook
    """
    if output.get("output_type") != "stream":
        return output
    text = re.sub(r" \(You have not guessed: [^)]*\)", "", output["text"]) if predicted else output["text"]
    kind = ' class="aligned"' if ALIGNED.search(text) else ""
    text = f"<pre{kind}>{html.escape(text.rstrip())}</pre>"
    return html_output(f"<details><summary>Guess first, then look</summary>{text}</details>" if predicted else text)


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
        parts.append(("A right answer", coloured(answer)))
    except UserError:  # the lesson has no file of answers
        pass
    return "\n".join(f"<details><summary>{title}</summary>{text}</details>" for title, text in parts)


def coloured(source):
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return highlight(source, PythonLexer(), HtmlFormatter(cssclass="highlight source"))

"""The words of the project: British spelling, no typing mistakes, plain English.

These tests read the strings, docstrings and comments of the package and of the lessons' Python files, the documents,
and the notebooks with their output. They ignore code: identifiers may be spelt as their libraries spell them.
"""

import ast
import io
import json
import re
import tokenize
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = [
    *sorted((ROOT / "tinyalex").rglob("*.py")),
    *sorted((ROOT / "lessons").rglob("*.py")),
    *sorted((ROOT / "lessons").glob("*.ipynb")),
    *sorted(file for folder in (ROOT, ROOT / "lessons", ROOT / "data") for file in folder.glob("*.md")),
]

# ---------------------------------------------------------------------------------------------- spelling

AMERICAN = """
afterward: afterwards, analyze: analyse, analyzed: analysed, artifact: artefact, behavior: behaviour,
canceled: cancelled, catalog: catalogue, center: centre, centered: centred, centering: centring, centers: centres,
check out: look at, color: colour, colored: coloured, colors: colours, defense: defence, favor: favour,
favorite: favourite, fulfill: fulfil, generalization: generalisation, generalize: generalise,
generalizes: generalises, gray: grey, honor: honour, initialization: initialisation, initialize: initialise,
initialized: initialised, labeled: labelled, labeling: labelling, math: maths, maximize: maximise,
memorize: memorise, memorized: memorised, memorizes: memorises, meter: metre, minimize: minimise,
modeling: modelling, neighbor: neighbour, neighboring: neighbouring, neighbors: neighbours,
normalization: normalisation, normalize: normalise, normalized: normalised, normalizes: normalises,
normalizing: normalising, optimization: optimisation, optimize: optimise, optimized: optimised,
optimizer: optimiser, organize: organise, organized: organised, parallelize: parallelise, penalize: penalise,
quantize: quantise, realize: realise, recognize: recognise, recognized: recognised, regularization: regularisation,
regularize: regularise, serialize: serialise, summarize: summarise, synchronize: synchronise,
synchronized: synchronised, toward: towards, traveled: travelled, utilize: use, vectorize: vectorise,
vectorized: vectorised, visualization: visualisation, visualize: visualise
"""
AMERICAN = dict(pair.split(": ") for pair in re.split(r",\s", AMERICAN.strip()))
MISSPELT = """
adn, agains, alot, appers, arbitary, backpropogation, beacuse, begining, choosen, comming, consistant, convolutionnal,
dependant on, existance, gradiant, heigth, independant, lenght, neccessary, occured, occurence, paramater, paramaters,
probabilties, probabilty, propogate, propogation, recieve, refered, seperate, succesful, sucessful, teh, thier,
transfered, untill, wich, widht
"""
MISSPELT = re.split(r",\s", MISSPELT.strip())
TWICE_IS_RIGHT = {"that", "had", "nan", "inf"}
NAMES = {"Gray"}

# not after a dot, a hyphen or a slash, and not before "=", "(" or ".name": these are identifiers
AMERICAN_WORD = re.compile(rf"(?<![\w.\-/])({'|'.join(AMERICAN)})(?![\w=(]|\.\w|-\w*\()", re.IGNORECASE)
MISSPELT_WORD = re.compile(rf"\b({'|'.join(MISSPELT)})\b", re.IGNORECASE)
WORD_TWICE = re.compile(r"(?<![\w-])([A-Za-z]{2,})(?: +|\n *)\1\b(?![-'’])")


def misspellings(text):
    """[(position, found, the right spelling or the kind of mistake)] in a text."""
    found = [(m.start(), m[0], AMERICAN[m[0].lower()]) for m in AMERICAN_WORD.finditer(text) if m[0] not in NAMES]
    found += [(m.start(), m[0], "the right spelling") for m in MISSPELT_WORD.finditer(text)]
    twice = [m for m in WORD_TWICE.finditer(text) if m[1].lower() not in TWICE_IS_RIGHT]
    return found + [(m.start(), m[0], "the word once") for m in twice]


# ---------------------------------------------------------------------------------------------- plain English


class Habit(NamedTuple):
    """A construction to avoid, what to write instead, an example to be found, and one that must not be."""

    pattern: str
    better: str
    caught: str
    innocent: str


# A space in a pattern matches any white space; case is ignored. START matches the beginning of a text or of a sentence;
# STATEMENT, what follows unless it is a question, or a title without a full stop.
START, STATEMENT = r"(?:^|[.!?] )", r"(?!(?:[^.!?]|\.(?=\S))*\?)(?![^.:;!?]*$)"
HABITS = r"""
(?<!,\s)\bso many\b ;; the number ;; Stop after so many epochs. ;; Few numbers, so many units start alike.
\bhow manyth\b ;; index ;; The how manyth rank it is. ;; How many ranks there are.
\bof how many\b ;; the number of ;; Of how many pictures it is. ;; Count how many there are.
\bhang(s|ing)? on\b ;; depend on ;; It hangs on the parameters. ;; It hangs while it waits.
\bwhere there (is|are) none\b ;; without; if there is no ;; 0 where there is none. ;; 1 where there is no wire.
\bthat there (is|are)( not)?($|[.,;:)]) ;; existing; unknown ;; All workers that there are. ;; See that there are two.
\bthose of\b ;; the … of ;; It keeps those of the paper. ;; Those pictures of dogs.
\b(by|for|to|of|from) who\b ;; by the one who ;; Opened by who has guessed. ;; By a learner who has passed.
STARTwho has\bSTATEMENT ;; the one who has ;; Who has both hears of one. ;; Who has the arrays?
[,)"\d…] say($|[ ,.;:)])(?!(that|so|what|which|how|why|whether)\b) ;; for example ;; A rate, 0.1 say. ;; They say so.
\w\.\w+ say\b ;; for example ;; Make them with xp.arange say. ;; They say it.
START(?-i:Of) (?!course|[^.]*, [\d…]) ;; the subject first ;; Of several views, the mean. ;; Of 16 rows, 11 agree.
START(?-i:What) (?!follows)STATEMENT ;; the subject first ;; What it refuses. ;; What is 1.5 · 2? What it sees
[,;:(] ?of which\b ;; a new clause ;; Ten, of which one is empty. ;; Ten, one of which is empty.
\bas \w+ as can be\b ;; the …est ;; It is as low as can be. ;; As low as before.
\bit is that (the|an?|it|you|we|they|each|every|no)\b ;; say it directly ;; It is that the GPU waits. ;; It is that GPU.
\b(for|to|of|from) that (it|they|there|he|she) (is|are)\b ;; because ;; Words for that it is not all. ;; For that step.
\b(is|to be) had\b ;; has; get ;; The gain that is had by it. ;; It has had a gain.
\b(others?|another) \w+ than\b ;; different from ;; It has other things than us. ;; Things other than ours.
\bothers than\b ;; different from ;; They are others than before. ;; Others think so.
\belsewhere than\b ;; outside; without ;; Elsewhere than under glibc. ;; It happens elsewhere.
\bis not to be[.,;)] ;; forbidden ;; The first that is not to be. ;; It is not to be opened.
\bor none that can\b ;; or it cannot ;; No file, or none that can be read. ;; No file can be read.
"""
HABITS = [Habit(*line.split(" ;; ")) for line in HABITS.strip().splitlines()]


@cache
def compiled(habit):
    pattern = habit.pattern.replace("START", START).replace("STATEMENT", STATEMENT)
    return re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE)


def habits(text):
    """[(position, found, what to write instead)] in a text."""
    found = []
    for habit in HABITS:
        for match in compiled(habit).finditer(text):
            words = match[0].lstrip(".!? \n")  # without the end of the sentence before
            found.append((match.end() - len(words), words.rstrip(), habit.better))
    return sorted(found)


# ---------------------------------------------------------------------------------------------- reading


def texts_of(file):
    """[(line or cell, text)]: the words in a file."""
    source = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        return [*strings(source), *comments(source)]
    if file.suffix == ".ipynb":
        return [*cells(source)]
    return [(1, prose(source))]


NOT_OURS = re.compile(r'`[^`\n]*`|"[^"]+"(?= \(§)')  # code, and quotations with the paper's section
CODE = re.compile(r"\{ |^(outside )?(upper|lower) center$")  # style sheets, places of legends
PROSE = re.compile(r"[A-Za-z]{2,}[,;:]? [A-Za-z]{2,}")


def strings(source):
    """(line, text) of every string with at least two words, docstrings included; … replaces fields of f-strings."""
    tree = ast.parse(source)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        text = None
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            text = node.value
        if text and PROSE.search(text) and not CODE.search(text):
            yield node.lineno, NOT_OURS.sub("…", text)


def comments(source):
    """(line, text) of every comment; the lines of one comment are joined."""
    begun, last, lines = None, None, []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line, column = token.start
        if begun is not None and (line, column) != (last[0] + 1, last[1]):
            yield begun, NOT_OURS.sub("…", "\n".join(lines))
            begun, lines = None, []
        begun = line if begun is None else begun
        last = line, column
        lines.append(token.string.lstrip("# -"))
    if lines:
        yield begun, NOT_OURS.sub("…", "\n".join(lines))


def prose(markdown):
    """Markdown without code, formulas and the targets of links; lines keep their numbers."""
    code = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)]*\)|\$[^$]+\$", re.DOTALL)
    return code.sub(lambda found: "…" + "\n" * found[0].count("\n"), markdown)


def cells(source):
    """("cell 3", text) in a notebook: prose, comments in the code, output and alt texts."""
    for number, cell in enumerate(json.loads(source)["cells"]):
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield f"cell {number}", prose(text)
            continue
        for comment in re.findall(r"# (.*)", text):
            yield f"cell {number}", comment
        for output in cell.get("outputs", ()):
            yield f"cell {number}", "".join(output.get("text", ""))
            yield f"cell {number}", output.get("metadata", {}).get("image/png", {}).get("alt", "")


def faults(file, search):
    """One line per fault that `search` finds in a file: "file:line: found, rather: better: … context …"."""
    lines = []
    for place, text in texts_of(file):
        for position, found, better in search(text):
            where = place if isinstance(place, str) else place + text[:position].count("\n")
            around = " ".join(text[max(0, position - 40) : position + 60].split())
            lines.append(f"{file.relative_to(ROOT)}:{where}: {found!r}, rather: {better}: … {around} …")
    return lines


# ---------------------------------------------------------------------------------------------- tests


def name(file):
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", FILES, ids=name)
def test_spelling(file):
    found = faults(file, misspellings)
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("file", FILES, ids=name)
def test_plain_english(file):
    found = faults(file, habits)
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("wrong", ["The color of it", "Normalization is", "over the the edge", "they recieve it"])
def test_misspellings_are_found(wrong):
    assert misspellings(wrong)
    assert not misspellings("np.zeros(n), color=DARK, x.center, that that is; (N N), --data data/tiny64")


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.pattern)
def test_every_habit_is_caught_and_plain_english_is_not(habit):
    assert compiled(habit).search(habit.caught)
    assert compiled(habit).search(habit.caught.replace(" ", "\n    ")), "across lines"
    assert not habits(habit.innocent)


PYTHON = """\
\'\'\'A module.

Whatever hangs on it.\'\'\'
color = "color"  # the color of it.
                 # Of so many.
#-- a ruler
def f(x):
    raise ValueError(f"{x} hangs "
                     f"on {x!r}")  # fine
"""


def test_faults_name_file_and_line(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    file = tmp_path / "a.py"
    file.write_text(PYTHON)
    places = [line.split(": ")[0] for line in faults(file, habits)]
    assert sorted(places) == ["a.py:3", "a.py:5", "a.py:5", "a.py:8"]
    assert [line.split(", rather")[0] for line in faults(file, misspellings)] == ["a.py:4: 'color'"]
    page = tmp_path / "a.md"
    page.write_text("# A\n\n```\nso many\n```\n\n`so many` [a](so many)\nso many\n")
    (line,) = faults(page, habits)
    assert line.startswith("a.md:8: 'so many', rather: the number: … ")
    notebook = tmp_path / "a.ipynb"
    code = {"cell_type": "code", "source": ["so many = 1  # a comment\n"], "metadata": {}}
    picture = {"metadata": {"image/png": {"alt": "of so many colors"}}}
    code["outputs"] = [{"text": ["so ", "many\n"]}, picture]
    cells = [{"cell_type": "markdown", "source": ["so ", "many"]}, code]
    notebook.write_text(json.dumps({"cells": cells}))
    places = [line.split(": ")[0] for line in faults(notebook, habits)]
    assert places == ["a.ipynb:cell 0", "a.ipynb:cell 1", "a.ipynb:cell 1"]
    assert len(faults(notebook, misspellings)) == 1

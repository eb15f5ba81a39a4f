"""The words of the lessons: links that resolve, British spelling, no word twice, and a README that is up to date."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.test_documents import commands_of
from tinyalex.cli import COMMANDS, build_parser
from tinyalex.teaching import lessons
from tinyalex.teaching.lessons import all_lessons, find_lesson

README = lessons.FOLDER / "README.md"
NOTEBOOKS = sorted(lessons.FOLDER.glob("*.ipynb"))
TEXTS = [file for file in (README, *NOTEBOOKS) if file.exists()]
PLACES = re.compile(r"(?<![\w.:/~\-])/(?:home|work|root|Users|tmp|mnt|opt|usr)/\w|\b[A-Z]:\\\w|file://")
AMERICAN = {  # American: British; as whole words, in prose, captions and what the cells print
    "color": "colour",
    "colors": "colours",
    "colored": "coloured",
    "gray": "grey",
    "neighbor": "neighbour",
    "neighbors": "neighbours",
    "neighboring": "neighbouring",
    "behavior": "behaviour",
    "favor": "favour",
    "favorite": "favourite",
    "honor": "honour",
    "normalization": "normalisation",
    "normalize": "normalise",
    "normalized": "normalised",
    "normalizes": "normalises",
    "normalizing": "normalising",
    "initialize": "initialise",
    "initialized": "initialised",
    "initialization": "initialisation",
    "optimize": "optimise",
    "optimized": "optimised",
    "optimization": "optimisation",
    "optimizer": "optimiser",
    "regularization": "regularisation",
    "regularize": "regularise",
    "generalize": "generalise",
    "generalization": "generalisation",
    "generalizes": "generalises",
    "vectorize": "vectorise",
    "vectorized": "vectorised",
    "visualize": "visualise",
    "visualization": "visualisation",
    "recognize": "recognise",
    "recognized": "recognised",
    "realize": "realise",
    "memorize": "memorise",
    "memorizes": "memorises",
    "memorized": "memorised",
    "summarize": "summarise",
    "minimize": "minimise",
    "maximize": "maximise",
    "penalize": "penalise",
    "organize": "organise",
    "organized": "organised",
    "analyze": "analyse",
    "analyzed": "analysed",
    "quantize": "quantise",
    "center": "centre",
    "centers": "centres",
    "centered": "centred",
    "centering": "centring",
    "labeled": "labelled",
    "labeling": "labelling",
    "modeling": "modelling",
    "canceled": "cancelled",
    "traveled": "travelled",
    "fulfill": "fulfil",
    "meter": "metre",
    "artifact": "artefact",
    "defense": "defence",
    "catalog": "catalogue",
    "toward": "towards",
    "afterward": "afterwards",
    "math": "maths",
    "check out": "look at",
}
MISSPELT = (
    "teh",
    "adn",
    "occured",
    "occurence",
    "seperate",
    "recieve",
    "wich",
    "thier",
    "convolutionnal",
    "existance",
    "lenght",
    "heigth",
    "widht",
    "gradiant",
    "dependant on",
    "independant",
    "neccessary",
    "agains",
    "propogate",
    "propogation",
    "backpropogation",
    "paramater",
    "paramaters",
    "begining",
    "comming",
    "untill",
    "succesful",
    "sucessful",
    "alot",
    "arbitary",
    "refered",
    "transfered",
    "consistant",
    "probabilty",
    "probabilties",
    "choosen",
    "appers",
    "beacuse",
)
TWICE_IS_RIGHT = {"that", "had", "nan", "inf"}
NAMES = {"Gray"}


def prose(file):
    """[(where, Markdown without code, links' targets and formulas)]."""
    if file.suffix == ".md":
        cells = [("README.md", file.read_text(encoding="utf-8"))]
    else:
        cells = [
            (f"{file.name}, cell {i}", "".join(cell["source"]))
            for i, cell in enumerate(json.loads(file.read_text(encoding="utf-8"))["cells"])
            if cell["cell_type"] == "markdown"
        ]
    other = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)]*\)|\$[^$]+\$", re.DOTALL)
    return [(where, other.sub(" … ", text)) for where, text in cells]


def spoken(file):
    """[(where, text)] of what stands in the cells for people besides: alt texts, prints, comments of the code."""
    texts = []
    for i, cell in enumerate(json.loads(file.read_text(encoding="utf-8"))["cells"] if file.suffix == ".ipynb" else ()):
        if cell["cell_type"] == "code":
            where = f"{file.name}, cell {i}"
            texts += [(where, comment) for comment in re.findall(r"# (.*)", "".join(cell["source"]))]
            for output in cell["outputs"]:
                texts.append((where, "".join(output.get("text", ""))))
                texts.append((where, output.get("metadata", {}).get("image/png", {}).get("alt", "")))
    return texts


def said_by_checks():
    """[(where, text)] of messages and hints."""
    for lesson in all_lessons():
        for exercise in lesson.exercises:
            known = (*exercise.wrong, *exercise.properties)
            yield from ((exercise.id, text) for text in (*exercise.hints, *(one.message for one in known)))
            yield from ((exercise.id, message) for _, message in exercise.ratios)


def test_every_lesson_has_texts():
    assert len(NOTEBOOKS) == len({file.name[:2] for file in NOTEBOOKS}), "two notebooks of one number"
    assert {file.name[:2] for file in NOTEBOOKS} <= set(lessons.numbers())
    assert all(re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", file.name) for file in NOTEBOOKS)


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.name)
def test_links_resolve(file):
    cells = [file.read_text(encoding="utf-8")] if file.suffix == ".md" else []
    if not cells:
        every = json.loads(file.read_text(encoding="utf-8"))["cells"]
        cells = ["".join(cell["source"]) for cell in every if cell["cell_type"] == "markdown"]
    for target in re.findall(r"\]\(<?([^)>]+)>?\)|(?:src|href)=\"([^\"]+)\"", "\n".join(cells)):
        target = "".join(target)
        if re.match(r"https?:", target):
            assert re.match(r"https://[\w.-]+\.[a-z]+(/|$)", target), f"{file.name} links to {target}"
        elif not target.startswith("#"):
            to = (file.parent / unquote(target.partition("#")[0])).resolve()
            assert to.exists() and to.is_relative_to(lessons.FOLDER.parent), f"{file.name} links to {target}"


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.name)
def test_no_path_of_one_machine(file):
    text = json.dumps(json.loads(file.read_text(encoding="utf-8"))) if file.suffix == ".ipynb" else file.read_text()
    text = re.sub(r'"image/png": "[^"]*"', "", text)
    found = PLACES.search(text)
    assert not found, text[max(0, found.start() - 40) : found.end() + 40]


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.name)
def test_spelling(file):
    check_spelling(prose(file) + spoken(file))


def test_spelling_of_what_checks_say():
    check_spelling(said_by_checks())


def check_spelling(texts):
    american = re.compile(rf"(?<![\w.\-/_])({'|'.join(AMERICAN)})(?![\w=(]|\.\w|-\w*\()", re.IGNORECASE)
    misspelt = re.compile(rf"\b({'|'.join(MISSPELT)})\b", re.IGNORECASE)
    twice = re.compile(r"\b([A-Za-z]+)\s+\1\b(?![-'’])")
    for where, text in texts:
        for found in american.finditer(text):
            if found[0] in NAMES:
                continue
            raise AssertionError(f"{where}: {found[0]}, here spelt {AMERICAN[found[0].lower()]}: {text[:200]}")
        if found := misspelt.search(text):
            raise AssertionError(f"{where}: {found[0]} is misspelt: {text[:200]}")
        for found in twice.finditer(text):
            single = len(found[1]) == 1  # n n, a matrix's names
            assert single or found[1].lower() in TWICE_IS_RIGHT, f"{where}: {found[0]!r} in {text[:200]}"


@pytest.mark.parametrize("wrong", ["The color of it", "Normalization is", "over the the edge", "they recieve it"])
def test_the_spelling_test_has_teeth(wrong):
    with pytest.raises(AssertionError):
        check_spelling([("here", wrong)])
    check_spelling([("here", "np.zeros(n), color=DARK, x.center, that that is; (N, N)")])


# ---------------------------------------------------------------------------------------------- lessons/README.md


def rows():
    """{number: (notebook, title, minutes of a person, seconds of computing, exercises)} of the README's table."""
    pattern = r"^\| (\d\d) \| \[([^\]]+)\]\(([^)]+)\) \| (\d+) min \| (\d+) s \| (\d+) \|"
    found = re.findall(pattern, README.read_text(encoding="utf-8"), re.MULTILINE)
    return {number: (link, title, int(minutes), int(s), int(n)) for number, title, link, minutes, s, n in found}


def test_the_table_of_the_readme_is_that_of_the_lessons():
    table = rows()
    assert list(table) == list(lessons.numbers())
    for lesson in all_lessons():
        link, title, _, seconds, exercises = table[lesson.number]
        assert (title, seconds, exercises) == (lesson.title, lesson.seconds, len(lesson.exercises)), lesson.number
        if list(lessons.FOLDER.glob(f"{lesson.number}_*.ipynb")):
            assert link == lessons.notebook(lesson.number).name


def test_the_sums_of_the_readme():
    table, text = rows(), README.read_text(encoding="utf-8")
    assert f"**{sum(row[4] for row in table.values())} exercises**" in text
    hours = sum(row[2] for row in table.values()) / 60
    assert f"about {round(hours)} hours of yours" in text


def test_minutes_agree_with_the_notebooks():
    table = rows()
    for file in NOTEBOOKS:
        first = "".join(json.loads(file.read_text(encoding="utf-8"))["cells"][0]["source"])
        for minutes in re.findall(r"(\d+) minutes of yours", first):
            assert table[file.name[:2]][2] == int(minutes), file.name
        if "an hour of yours" in first:
            assert table[file.name[:2]][2] == 60, file.name


def test_the_commands_of_the_readme():
    found = list(commands_of(README.read_text(encoding="utf-8")))
    assert any(arguments[:1] == ["lesson"] for arguments in found)
    for arguments in found:
        assert arguments[0] in COMMANDS
        build_parser(arguments[0]).parse_args(arguments)


def test_what_the_readme_says_of_hints_is_so():
    name = "09-forward"
    assert f'hint("{name}", 1)' in README.read_text(encoding="utf-8")
    assert name in {exercise.id for exercise in find_lesson("09").exercises}
    assert Path(README).is_file()

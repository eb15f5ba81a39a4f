"""The lessons' documents: links resolve, no path of one machine, and the README agrees with the lessons."""

import json
import re
from urllib.parse import unquote

import pytest

from tests.test_documents import commands_of
from tinyalex.cli import build_parser
from tinyalex.commands import COMMANDS
from tinyalex.teaching import lessons
from tinyalex.teaching.lessons import all_lessons, find_lesson

README = lessons.FOLDER / "README.md"
APPENDICES = sorted(lessons.FOLDER.glob("appendix_*.ipynb"))
NOTEBOOKS = sorted({*lessons.FOLDER.glob("*.ipynb")} - {*APPENDICES})
TEXTS = [file for file in (README, *NOTEBOOKS, *APPENDICES) if file.exists()]
PLACES = re.compile(r"(?<![\w.:/~\-])/(?:home|work|root|Users|tmp|mnt|opt|usr)/\w|\b[A-Z]:\\\w|file://")


def test_every_notebook_belongs_to_a_lesson():
    assert len(NOTEBOOKS) == len({file.name[:2] for file in NOTEBOOKS}), "two notebooks of one number"
    assert {file.name[:2] for file in NOTEBOOKS} <= set(lessons.numbers())
    assert all(re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", file.name) for file in NOTEBOOKS)


def test_the_readme_leads_to_every_appendix():
    assert all(f"({file.name})" in README.read_text(encoding="utf-8") for file in APPENDICES)


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


# ---------------------------------------------------------------------------------------------- lessons/README.md


NUMBER_WORDS = dict(enumerate("sixteen seventeen eighteen nineteen twenty twenty-one twenty-two".split(), 16))


def rows():
    """The README's table: {number: (notebook, title, a person's minutes, computing seconds, exercises)}."""
    pattern = r"^\| (\d\d) \| \[([^\]]+)\]\(([^)]+)\) \| (\d+) min \| (\d+) s \| (\d+) \|"
    found = re.findall(pattern, README.read_text(encoding="utf-8"), re.MULTILINE)
    return {number: (link, title, int(minutes), int(s), int(n)) for number, title, link, minutes, s, n in found}


def test_the_table_of_the_readme_agrees_with_the_lessons():
    table = rows()
    assert list(table) == list(lessons.numbers())
    for lesson in all_lessons():
        link, *facts = table[lesson.number]
        assert facts == [lesson.title, lesson.minutes, lesson.seconds, len(lesson.exercises)], lesson.number
        if list(lessons.FOLDER.glob(f"{lesson.number}_*.ipynb")):
            assert link == lessons.notebook(lesson.number).name


def test_the_totals_of_the_readmes():
    """Hours, exercises and lessons, in lessons/README.md and, as far as it names them, in README.md."""
    table, text = rows(), README.read_text(encoding="utf-8")
    hours = round(sum(row[2] for row in table.values()) / 60)
    assert set(re.findall(r"(\d+) hours", text)) == {str(hours)}
    exercises = sum(len(lesson.exercises) for lesson in all_lessons())
    assert f"**{exercises} exercises**" in text
    for readme in (README, lessons.FOLDER.parent / "README.md"):
        text = readme.read_text(encoding="utf-8")
        assert set(re.findall(r"(\d+) exercises", text)) <= {str(exercises)}, readme
        words = {word.lower() for word in re.findall(r"([\w-]+) (?:lessons|notebooks)\b", text)}
        assert words & set(NUMBER_WORDS.values()) <= {NUMBER_WORDS[len(table)]}, readme


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.name[:2])
def test_every_notebook_begins_in_one_form(file):
    """Its title, its goal in one sentence, times that agree with the README, what it needs, its place in the paper."""
    first = "".join(json.loads(file.read_text(encoding="utf-8"))["cells"][0]["source"])
    assert file.name[:2] in rows(), f"{file.name} has no row in the table of lessons/README.md"
    _, title, minutes, seconds, _ = rows()[file.name[:2]]
    times = rf"{minutes} minutes of yours, {seconds} seconds of computing\."
    form = (
        rf"# Lesson {file.name[:2]}: {re.escape(title)}\n\n"
        r"\*\*Goal:\*\* [a-z](?:[^.]|\.\S)+\.\n\n"
        rf"\*\*Time:\*\* {times} \*\*You need:\*\* .+\. \*\*Paper:\*\* .+\."
    )
    assert re.fullmatch(form, first), f"expected {form}\nfound {first}"


def test_the_first_notebook_explains_what_to_do_before_it_is_to_be_done():
    cells = json.loads(NOTEBOOKS[0].read_text(encoding="utf-8"))["cells"]
    tags = [cell["metadata"].get("tags", [None])[0] for cell in cells]
    for tag, words in (
        ("setup", ["run it (Shift+Enter)"]),
        ("predict", ["Write a number in the next cell and run it; then run the cell below it"]),
        ("exercise", ["`todo()`", "which checks your function", "what follows uses ours", "`hint("]),
    ):
        before = " ".join("".join(cells[tags.index(tag) - 1]["source"]).split())
        assert all(word in before for word in words), (tag, before)


def test_the_lessons_to_begin_with_explain_what_to_do():
    """The paths of the README begin with these; the week's begins with lesson 01, tested above."""
    first = re.findall(r"^- \*\*An? \w+:\*\* (?:lesson )?\[(\d\d)\]", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert first == ["08", "02"]
    for number in first:
        cells = json.loads(lessons.notebook(number).read_text(encoding="utf-8"))["cells"]
        tags = [cell["metadata"].get("tags", [None])[0] for cell in cells]
        before = " ".join(" ".join("".join(cell["source"]) for cell in cells[: tags.index("setup")]).split())
        for words in ("Shift+Enter", "`guess = None`", "`todo()`", "what follows uses ours", "`hint(", "`reveal("):
            assert words in before, (number, words)
        assert "how-to" in tags, "so that the book leaves it out"


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.name[:2])
def test_a_guess_is_run_before_its_answer(file):
    """The guess has a cell of its own, which must run too: "before you run the next cell" would leave it out."""
    for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
        assert "run the next cell" not in " ".join("".join(cell["source"]).split())


def test_the_commands_of_the_readme():
    found = list(commands_of(README.read_text(encoding="utf-8")))
    assert any(arguments[:1] == ["lesson"] for arguments in found)
    for arguments in found:
        assert arguments[0] in COMMANDS
        build_parser(arguments[0]).parse_args(arguments)


def test_the_hint_in_the_readme_exists():
    name = "09-forward"
    assert f'hint("{name}", 1)' in README.read_text(encoding="utf-8")
    assert name in {exercise.id for exercise in find_lesson("09").exercises}

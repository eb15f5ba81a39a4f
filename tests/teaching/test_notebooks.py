"""Every notebook runs, as committed and with all answers filled in, and prints its committed output."""

import re
import time

import pytest

from tests.teaching import odd, running
from tinyalex.teaching import lessons
from tinyalex.teaching.lessons import find_lesson

WRITTEN = [number for number in lessons.numbers() if list(lessons.FOLDER.glob(f"{number}_*.ipynb"))]
APPENDICES = [file.stem for file in sorted(lessons.FOLDER.glob("appendix_*.ipynb"))]
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.mark.alone
@pytest.mark.parametrize("number", WRITTEN)
def test_as_committed(number):
    committed, lesson = running.read(number), find_lesson(number)
    start = time.perf_counter()
    fresh = running.run(running.read(number))
    limit = 2 * lesson.seconds + 10  # 10 s for the kernel to start
    assert time.perf_counter() - start < limit, f"takes more than {limit} s"
    checks = running.cells(fresh, "check")
    assert len(checks) == len(lesson.exercises)
    assert all("not done yet" in running.text(cell) for cell in checks)
    assert_same_outputs(committed, fresh)


def assert_same_outputs(committed, fresh):
    for old, new in zip(committed.cells, fresh.cells):
        assert running.same(running.text(old), running.text(new)), (new.source, running.text(old), running.text(new))


@pytest.mark.parametrize("name", APPENDICES)
def test_appendix_as_committed(name):
    assert_same_outputs(running.read(name), running.run(running.read(name)))


def assert_all_right(fresh):
    for cell in running.cells(fresh, "check"):
        assert re.match(r"\S+: right", running.text(cell)), running.text(cell)


@pytest.mark.parametrize("number", WRITTEN)
def test_solved(number):
    assert_all_right(running.run(running.read(number), running.solved(number)))


@pytest.mark.parametrize("number", WRITTEN)
def test_odd_answers(number):
    """Every cell runs on right answers of another style, which return what few would but the check accepts."""
    notebook = running.read(number)
    (setup,) = running.cells(notebook, "setup")
    setup.source += "\n\nSTEPS = EPOCHS = SEEDS = 2  # in place of the notebook's: every cell runs, and soon ends"
    assert_all_right(running.run(notebook, odd.answers(number)))


@pytest.mark.parametrize("number", WRITTEN)
def test_anatomy(number):
    notebook, lesson = running.read(number), find_lesson(number)
    named = [cell.metadata["exercise"] for cell in running.cells(notebook, "exercise")]
    assert named == [exercise.id for exercise in lesson.exercises]
    assert notebook.cells[0].source.startswith(f"# Lesson {number}: {lesson.title}\n")
    (setup,) = running.cells(notebook, "setup")
    frame = 'import sys\n\nsys.path.insert(0, "..")  # the root of this clone\n'
    assert setup.source.startswith(frame), f"the setup cell begins with {frame!r}"
    headings = re.findall(r"^## (.+)$", running.markdown(notebook), re.MULTILINE)
    assert headings.count("Summary") == 1 and headings[-1] == "Summary", headings
    assert 25 <= len(notebook.cells) <= 65
    words = len(running.markdown(notebook).split())
    assert 700 <= words <= 2000, words
    assert lessons.notebook(number).stat().st_size <= 300 * 1024
    assert all("traceback" not in output for cell in notebook.cells for output in getattr(cell, "outputs", ()))


@pytest.mark.parametrize("number", WRITTEN)
def test_every_exercise_has_a_heading(number):
    heading = ""
    for cell in running.read(number).cells:
        if cell.cell_type == "markdown":
            heading = [heading, *re.findall(r"^##+ (.+)$", cell.source, re.MULTILINE)][-1]
        if "exercise" in cell.metadata.get("tags", ()):
            assert heading.startswith("Exercise: "), f"{cell.metadata['exercise']} stands under {heading!r}"


@pytest.mark.parametrize("number", [*WRITTEN, *APPENDICES])
def test_cells_are_short(number):
    """At most 25 lines; what only draws is in lessons/figures/lesson_NN.py, which alone knows Matplotlib."""
    for cell in running.read(number).cells:
        if cell.cell_type == "code" and "exercise" not in cell.metadata.get("tags", ()):
            assert len(cell.source.splitlines()) <= 25, cell.source
            assert not re.search(r"\bmatplotlib\b|\bplt\b|\bshow\(", cell.source), cell.source


@pytest.mark.parametrize("number", WRITTEN)
def test_every_figure_is_shown(number):
    """What lessons/figures/lesson_NN.py has to show is what the set-up cell imports, and every function is called."""
    (setup,) = running.cells(running.read(number), "setup")
    (names,) = re.findall(rf"^from figures\.lesson_{number} import (\(.*?\)|.*?)$", setup.source, re.M | re.DOTALL)
    imported = re.findall(r"\w+", names)
    file = lessons.FOLDER / "figures" / f"lesson_{number}.py"
    assert imported == sorted(re.findall(r"^def (show_\w+)", file.read_text(encoding="utf-8"), re.M))
    rest = "\n".join(cell.source for cell in running.read(number).cells if cell.cell_type == "code" and cell != setup)
    assert all(f"{name}(" in rest for name in imported)


@pytest.mark.parametrize("number", WRITTEN)
def test_pictures_have_alt_texts(number):
    pictures = 0
    for cell in running.read(number).cells:
        for output in getattr(cell, "outputs", ()):
            if "image/png" in output.get("data", {}):
                pictures += 1
                assert len(output["metadata"]["image/png"]["alt"].split()) >= 8
    assert pictures >= 1, "expected a picture with an alt text"


def test_numbers_are_compared():
    """A changed whole number or word is noticed, and so is a rounded number that is far off."""
    same = running.same
    assert same("error 45.9 %, 12 steps", "error 46.3 %, 12 steps") and same("off by 3e-11", "off by 5e-11")
    assert not same("error 45.9 %", "error 85.9 %") and not same("12 steps", "13 steps") and not same("a", "b")

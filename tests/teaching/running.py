"""Run a lesson's notebook, as committed or with answers in its exercise cells.

python -m tests.teaching.running 09 …     run as committed, and save the outputs in the notebook

An appendix is named by its file, appendix_NAME.
"""

import asyncio
import inspect
import os
import re
import sys
import tempfile
import textwrap

import nbformat
from nbclient import NotebookClient

from tinyalex.teaching import learner, lessons

TIMING = re.compile(r"\d[\d,.]*(?= ?(?:ms|µs|s|seconds|years|times|×)\b)")
FRACTION = re.compile(r"-?\d[\d,]*(?:\.\d+(?:e[-+]\d+)?|e[-+]\d+|(?= ?%))")  # rounded numbers


def find(number):
    return lessons.FOLDER / f"{number}.ipynb" if number.startswith("appendix_") else lessons.notebook(number)


def read(number):
    return nbformat.read(find(number), as_version=4)


def run(notebook, answers=None, timeout=600):
    """Execute in the lessons' folder. answers: {exercise: source of its cell}. An error in a cell is raised here."""
    for cell in notebook.cells:
        if answers and cell.metadata.get("exercise") in answers:
            cell.source = answers[cell.metadata["exercise"]]
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": str(lessons.FOLDER)}}
        options = {"kernel_name": "python3", "coalesce_streams": True, "resources": resources}
        env = os.environ | {learner.PROGRESS: os.path.join(folder, "progress.json")}
        asyncio.run(NotebookClient(notebook, timeout=timeout, **options).async_execute(env=env))
    return notebook


def solved(number):
    """{exercise: source of the right answer that `reveal` shows}."""
    names = [cell.metadata["exercise"] for cell in read(number).cells if "exercise" in cell.metadata]
    return {name: textwrap.dedent(inspect.getsource(lessons.solutions(name)[0])) for name in names}


def cells(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", ())]


def markdown(notebook):
    """All its prose."""
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def text(cell):
    """The printed and returned texts of a cell, with durations masked."""
    outputs = getattr(cell, "outputs", ())
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return TIMING.sub("#", "\n".join(text.rstrip("\n") for text in texts))


def same(old, new):
    """Whether two texts agree: words and whole numbers exactly, rounded numbers to 25 % or 0.02.

    Other processors add in another order, so their training runs end with slightly different numbers.
    """
    if FRACTION.sub("#", old) != FRACTION.sub("#", new):
        return False
    pairs = ([float(n.replace(",", "")) for n in FRACTION.findall(text)] for text in (old, new))
    return all(abs(a - b) <= max(0.25 * abs(a), 0.02) for a, b in zip(*pairs))


def main(*numbers):
    for number in numbers:
        notebook = read(number)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        run(notebook)
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
        nbformat.write(notebook, find(number))
        print(number, find(number).stat().st_size // 1024, "KB")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Run a lesson's notebook as committed, or with answers put into its exercise cells.

    python -m tests.teaching.running 09 …     run as committed, and keep the outputs in the notebook
"""

import inspect
import os
import re
import sys
import tempfile
import textwrap

import nbformat
from nbclient import NotebookClient

from tinyalex.teaching import learner

TIMING = re.compile(r"\d[\d,.]*(?= ?(?:ms|µs|s|seconds|times|×)\b)")


def read(number):
    return nbformat.read(learner.notebook(number), as_version=4)


def run(notebook, answers=None, timeout=600):
    """Execute it in the lessons' folder; answers: {exercise: source} for the cells that carry it. Raises as a cell does."""
    for cell in notebook.cells:
        if answers and cell.metadata.get("exercise") in answers:
            cell.source = answers[cell.metadata["exercise"]]
    with tempfile.TemporaryDirectory() as folder:
        os.environ[learner.PROGRESS] = os.path.join(folder, "progress.json")
        try:
            resources = {"metadata": {"path": str(learner.FOLDER)}}
            NotebookClient(notebook, timeout=timeout, kernel_name="python3", resources=resources).execute()
        finally:
            del os.environ[learner.PROGRESS]
    return notebook


def solved(number):
    """{exercise: source of the answer that `reveal` shows}."""
    names = [cell.metadata["exercise"] for cell in read(number).cells if "exercise" in cell.metadata]
    return {name: textwrap.dedent(inspect.getsource(learner.solutions(name)[0])) for name in names}


def cells(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", ())]


def text(cell):
    """What a cell printed and returned, with times masked."""
    printed = [output.get("text", "") for output in getattr(cell, "outputs", ())]
    shown = [output.get("data", {}).get("text/plain", "") for output in getattr(cell, "outputs", ())]
    return TIMING.sub("#", "\n".join(filter(None, ["".join(printed), *shown])))


def tidy(cell):
    """One output for all that was printed in a row: how a kernel cuts it depends on how busy the machine is."""
    outputs = []
    for output in cell.outputs:
        if outputs and output.output_type == outputs[-1].output_type == "stream" and output.name == outputs[-1].name:
            outputs[-1].text += output.text
        else:
            outputs.append(output)
    cell.outputs = outputs


def main(*numbers):
    for number in numbers:
        notebook = read(number)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        run(notebook)
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
            if cell.cell_type == "code":
                tidy(cell)
        nbformat.write(notebook, learner.notebook(number))
        print(number, learner.notebook(number).stat().st_size // 1024, "KB")


if __name__ == "__main__":
    main(*sys.argv[1:])

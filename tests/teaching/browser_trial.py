"""A lesson in a real browser: open it in JupyterLab, run all cells, give a wrong answer, then a right one.

    python -m tests.teaching.browser_trial 06 FOLDER      leaves wrong.png and right.png in the folder

Needs Chromium and chromedriver (see `tests.browser`).
"""

import contextlib
import inspect
import json
import os
import shutil
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np

from tests.browser import CONTROL, ENTER, SHIFT, free_port, new_browser, process
from tests.teaching.mutants import mutants
from tinyalex.teaching import learner, lessons
from tinyalex.teaching.examine import examine
from tinyalex.teaching.lessons import find_exercise, find_lesson

SETTINGS = {  # keep cells below the window in the page too; no pop-ups
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


class Notebook:
    """A notebook in JupyterLab. place: the index of a cell."""

    def __init__(self, browser, url, count):
        self.browser = browser
        browser.open(url)
        self.wait(f"return document.querySelectorAll('.jp-Notebook .jp-Cell').length >= {count}", "its cells")
        self.wait(IDLE, "an idle kernel")
        time.sleep(1)

    def wait(self, script, what, *arguments, seconds=240):
        end = time.monotonic() + seconds
        while not (found := self.browser.run(script, *arguments)):
            assert time.monotonic() < end, f"waited {seconds} s for {what}"
            time.sleep(0.3)
        return found

    def run_all(self, last):
        self.browser.run("jupyterapp.commands.execute('notebook:run-all-cells')")
        ran = CELL + "return /\\[\\d+\\]/.test(cell.querySelector('.jp-InputPrompt').textContent)"
        self.wait(ran, "the last cell to run", last)
        self.wait(IDLE, "an idle kernel")

    def text(self, place):
        return self.browser.run(CELL + "return (cell.querySelector('.jp-OutputArea') || {}).innerText || ''", place)

    def write(self, place, source):
        """Replace the text of a cell: select all of it and paste."""
        self.browser.run(CELL + "cell.scrollIntoView(); cell.querySelector('.cm-content').focus()", place)
        self.browser.keys(CONTROL, "a")
        self.browser.run(PASTE, source)
        written = CELL + "return cell.querySelector('.cm-content').textContent.includes(arguments[1])"
        self.wait(written, "the pasted text", place, source.strip().splitlines()[-1], seconds=20)

    def run_cell(self, place):
        """Press Shift-Enter, then wait until the cell has run again."""
        prompt = CELL + "return cell.querySelector('.jp-InputPrompt').textContent"
        before = self.browser.run(prompt, place)
        self.browser.run(CELL + "cell.querySelector('.cm-content').focus()", place)
        self.browser.keys(SHIFT, ENTER)
        again = CELL + "const now = cell.querySelector('.jp-InputPrompt').textContent;\n"
        again += "return /\\d/.test(now) && now != arguments[1]"
        self.wait(again, "the cell to run", place, before)
        time.sleep(0.5)  # its output arrives in separate messages

    def screenshot(self, place, file):
        self.browser.run(CELL + "cell.scrollIntoView({block: 'start'})", place)
        time.sleep(0.5)
        self.browser.screenshot(file)


CELL = "const cell = document.querySelectorAll('.jp-Notebook .jp-Cell')[arguments[0]];\n"
IDLE = """
const context = jupyterapp.shell.currentWidget && jupyterapp.shell.currentWidget.sessionContext;
const kernel = context && context.isReady && context.session && context.session.kernel;
return !!kernel && kernel.connectionStatus == 'connected' && kernel.status == 'idle';
"""
PASTE = """
const data = new DataTransfer();
data.setData('text/plain', arguments[0]);
const paste = new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true});
document.activeElement.dispatchEvent(paste);
"""


def wrong_answer(exercise):
    """(source of a cell, expected message) of a mutant that needs no other code. AssertionError if there is none."""
    messages = {known.id: known.message for known in exercise.wrong}
    for name, mistake, function in mutants(exercise.id.split("-")[0]):
        if name == exercise.id and mistake in messages:
            source = f"{textwrap.dedent(inspect.getsource(function))}\n\n{exercise.name} = {function.__name__}\n"
            names = {"np": np}
            exec(source, names)
            verdict = examine(exercise, names[exercise.name])
            if verdict.wrong == mistake:
                return source, verdict.text
    raise AssertionError(f"{exercise.id} has no mutant that needs no other code")


def right_answer(exercise):
    return textwrap.dedent(inspect.getsource(lessons.solutions(exercise.id)[0]))


@contextlib.contextmanager
def jupyter_and_browser(folder):
    """Serve a copy of the lessons: (address of JupyterLab, `Browser`)."""
    shutil.copytree(lessons.FOLDER, folder / "lessons", ignore=shutil.ignore_patterns(".*"))
    for name, values in SETTINGS.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    own = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    own |= {f"JUPYTERLAB_{name.upper()}_DIR": str(folder / name) for name in ("settings", "workspaces")}
    own |= {learner.PROGRESS: str(folder / "progress.json"), "PYTHONPATH": str(lessons.FOLDER.parent)}
    jupyter = free_port()
    lab = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    lab += ["--LabApp.expose_app_in_browser=True"]
    lab += [f"--ServerApp.port={jupyter}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder / 'lessons'}"]
    lab += ["--IdentityProvider.token=", "--ServerApp.password="]
    with process(lab, jupyter, env=os.environ | own), new_browser() as browser:
        yield f"http://127.0.0.1:{jupyter}/lab/tree", browser


def trial(number, out):
    """Try one lesson: {"at first", "wrong", "right": printed by the check, "message": expected, "progress": saved}.

    Saves screenshots in the folder `out`.
    """
    file, exercise = lessons.notebook(number), find_lesson(number).exercises[0]
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    place = next(i for i, cell in enumerate(cells) if cell["metadata"].get("exercise") == exercise.id)
    check = next(i for i in range(place, len(cells)) if "check" in cells[i]["metadata"].get("tags", ()))
    last = max(i for i, cell in enumerate(cells) if cell["cell_type"] == "code")
    wrong, message = wrong_answer(find_exercise(exercise.id))
    said = {"message": message}
    with tempfile.TemporaryDirectory() as folder, jupyter_and_browser(Path(folder)) as (address, browser):
        notebook = Notebook(browser, f"{address}/{file.name}", len(cells))
        notebook.run_all(last)
        said["at first"] = notebook.text(check)
        for state, source in (("wrong", wrong), ("right", right_answer(exercise))):
            notebook.write(place, source)
            notebook.run_cell(place)
            notebook.run_cell(check)
            said[state] = notebook.text(check)
            notebook.screenshot(place, Path(out) / f"{state}.png")
        said["progress"] = json.loads((Path(folder) / "progress.json").read_text())
    return said


if __name__ == "__main__":
    print(json.dumps(trial(*sys.argv[1:3]), indent=1, ensure_ascii=False))

"""A lesson in a real browser: open it in JupyterLab, run all cells, give a wrong answer, then a right one.

    python -m tests.teaching.browser_trial 06 FOLDER      leaves wrong.png and right.png in the folder

Needs Chromium and chromedriver (Debian: apt-get install chromium chromium-driver), which it drives through WebDriver, a
protocol of the W3C.
"""

import base64
import contextlib
import inspect
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from pathlib import Path

import numpy as np

from tests.teaching.mutants import mutants
from tinyalex.teaching import learner, lessons
from tinyalex.teaching.examine import examine
from tinyalex.teaching.lessons import find_exercise, find_lesson

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
CONTROL, SHIFT, ENTER = "\ue009", "\ue008", "\ue007"  # WebDriver's codes for keys
SETTINGS = {  # keep cells below the window in the page too; no pop-ups
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


class Browser:
    """The few commands of WebDriver used here."""

    def __init__(self, port):
        self.root = f"http://127.0.0.1:{port}/session"
        options = {"binary": CHROMIUM, "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"]}
        options["args"] += ["--disable-gpu", "--window-size=1300,1100"]
        capabilities = {"alwaysMatch": {"goog:chromeOptions": options}}
        self.root += "/" + self._call("", capabilities=capabilities)["sessionId"]

    def _call(self, path, method="POST", **content):
        body = json.dumps(content).encode() if method == "POST" else None
        request = urllib.request.Request(self.root + path, body, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=120) as reply:
            return json.loads(reply.read())["value"]

    def open(self, url):
        self._call("/url", url=url)

    def run(self, script, *arguments):
        """Run the body of a JavaScript function; returns its result."""
        return self._call("/execute/sync", script=script, args=list(arguments))

    def keys(self, *keys):
        """Press keys in turn, then release them all."""
        actions = [{"type": "keyDown", "value": key} for key in keys]
        actions += [{"type": "keyUp", "value": key} for key in reversed(keys)]
        self._call("/actions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    def screenshot(self, file):
        file.write_bytes(base64.b64decode(self._call("/screenshot", "GET")))

    def close(self):
        self._call("", "DELETE")


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
def process(command, port, **options):
    """Run a server during the block, which begins once the server answers on its port."""
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        end = time.monotonic() + 90
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert started.poll() is None and time.monotonic() < end, f"{command[0]} does not start"
            time.sleep(0.2)
        yield
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


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
    jupyter, driver = free_port(), free_port()
    lab = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    lab += ["--LabApp.expose_app_in_browser=True"]
    lab += [f"--ServerApp.port={jupyter}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder / 'lessons'}"]
    lab += ["--IdentityProvider.token=", "--ServerApp.password="]
    with process(lab, jupyter, env=os.environ | own), process([DRIVER, f"--port={driver}"], driver):
        browser = Browser(driver)
        try:
            yield f"http://127.0.0.1:{jupyter}/lab/tree", browser
        finally:
            browser.close()


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

"""Open a notebook in JupyterLab: its address in one line when it has started, and in one line why it has not."""

import importlib.util
import re
import shlex
import subprocess
import sys
from urllib.parse import quote

from tinyalex.errors import UserError
from tinyalex.signals import Ended
from tinyalex.terminal import say

ADDRESS = re.compile(r"https?://\S+")
ROOT = "Running as root"
LEVEL = re.compile(r"^\[([DIWEC]) [^\]]*\] ?(?:ERROR: )?")


def missing():
    """How to install JupyterLab if it is not installed, else ""."""
    if importlib.util.find_spec("jupyterlab") is None:
        return f"Jupyter is not installed; install it with `{shlex.quote(sys.executable)} -m pip install jupyter`"
    return ""


def run_jupyter(notebook, options, again):
    """Run JupyterLab until it ends; returns its exit code. UserError, with its own last words, if it does not start.

    options: for JupyterLab;  again: the command that the learner gave, without them
    """
    command = [sys.executable, "-m", "jupyter", "lab", str(notebook), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace") as process:
        said, started, shown = [], False, False
        for line in _lines(process):
            said.append(line)
            level = LEVEL.match(line)
            shown = bool(level and level[1] in "WEC" and line[level.end() :]) if level else shown
            if not started and "is running at" in "".join(said[-2:]) and (address := ADDRESS.search(line)):
                started = True
                say(f"JupyterLab is at {address[0].replace('/lab?', f'/lab/tree/{quote(notebook.name)}?')}")
            elif started and shown:
                say(f"Jupyter: {LEVEL.sub('', line)}")
        code = _wait(process)
    if code and not started:
        raise UserError(_why(said, f"{again} -- {shlex.join([*options, '--allow-root'])}"))
    return code


def _lines(process):
    """The lines that Jupyter logs. It receives Ctrl-C too, and asks whether to stop."""
    while True:
        try:
            line = process.stderr.readline()
        except Ended:
            process.terminate()
            raise
        except KeyboardInterrupt:
            continue
        if not line:
            return
        if line.strip():
            yield line.rstrip()


def _wait(process):
    while True:
        try:
            return process.wait()
        except Ended:
            process.terminate()
            raise
        except KeyboardInterrupt:
            continue


def _why(said, as_root):
    if any(ROOT in line for line in said):
        return f"Jupyter does not run as root unless told to; type {as_root}"
    words = [LEVEL.sub("", line).strip() for line in said if not line.startswith(("[I ", "[D "))]
    return f"Jupyter did not start: {words[-1] if words else 'it gave no reason'}"

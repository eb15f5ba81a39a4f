"""Finds mpiexec, starts it, reads what its ranks report, and ends it in time."""

import importlib.util
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

import tinyalex
from tinyalex.errors import UserError
from tinyalex.scaling.ranks import RANKS
from tinyalex.scaling.timing import combine, plan
from tinyalex.terminal import progress_bar

SILENCE = 300  # seconds the ranks may stay silent: longer than any single part takes
LAST_WORDS = 10  # seconds they have to end


def find_mpiexec(asked):
    """The path of mpiexec, beside this Python or in PATH. UserError if it or mpi4py is missing. asked: the option"""
    if importlib.util.find_spec("mpi4py") is None:
        raise UserError(f"{asked}: mpi4py is not installed; expected: pip install mpi4py mpich")
    found = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
    if found is None:
        raise UserError(f"{asked}: found no mpiexec beside {sys.executable} or in PATH; expected: pip install mpich")
    return found


def measure_pair(task, has_towers, mpiexec, quiet=False):
    """({"alone", "beside": medians of `Worker.round`}, [latency, bandwidth], all rounds), from two ranks.

    has_towers: whether the network can be divided into two towers, which are then timed too
    """
    pictures = sum(n for sizes in (task.alone, task.beside) for _, n in plan(task.load, has_towers, sizes))
    if task.forms:
        pictures += task.load.of_all(1) + (1 + len(task.forms)) * task.load.of_all(RANKS)
    with progress_bar(task.rounds * pictures, f"measuring {task.model}, {RANKS} ranks", quiet=quiet) as bar:
        rounds = rounds_of(task, mpiexec, bar)
    parts = {name: combine(np.median, [one[name] for one in rounds]) for name in ("alone", "beside")}
    return parts, np.median([one["link"] for one in rounds], axis=0).tolist(), rounds


def rounds_of(task, mpiexec, bar, silence=SILENCE):
    """Run a `Task` on two ranks and return its rounds; an exception here, Ctrl-C too, ends the ranks.

    UserError with the ranks' own words if they fail, and after `silence` seconds without a word.
    """
    rounds = []
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        process = _start(task, mpiexec, complaints)
        try:
            for line in _lines(process, silence):
                words = _words(line)
                if "error" in words:
                    raise UserError(f"mpiexec -n {RANKS}: {words['error']}")
                bar.update(words.get("pictures", 0))
                rounds += [words["round"]] if "round" in words else []
            code = process.wait(LAST_WORDS)
        except subprocess.TimeoutExpired:
            raise UserError(
                f"mpiexec -n {RANKS}: the ranks were still running {LAST_WORDS} s after their last word"
            ) from None
        finally:
            _end(process)
        if code or len(rounds) != task.rounds:
            complaints.seek(0)
            said = complaints.read().strip().splitlines()
            telling = [line for line in said if any(map(str.isalpha, line))]  # not the dashes around it
            telling = telling or ["it gave no reason"]
            reason = next((line for line in said if line.startswith("tinyalex:")), telling[-1])
            raise UserError(f"mpiexec -n {RANKS}: ended early with code {code}: {reason}")
    return rounds


def _start(task, mpiexec, complaints):
    folder = str(Path(tinyalex.__file__).parents[1])  # so that the ranks import the same tinyalex
    path = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
    command = [mpiexec, "-n", str(RANKS), sys.executable, "-m", "tinyalex.scaling.ranks", task.json()]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=complaints,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,
    )


def _lines(process, silence):
    """The lines that the process prints; UserError after `silence` seconds without one."""
    lines = queue.Queue()

    def read():
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=silence)
        except queue.Empty:
            raise UserError(f"mpiexec -n {RANKS}: the ranks were silent for {silence} s and have been ended") from None
        if line is None:
            return
        yield line


def _words(line):
    """The JSON object on a line; {} for any other line, since MPI libraries print too."""
    try:
        words = json.loads(line)
    except ValueError:
        return {}
    return words if isinstance(words, dict) else {}


def _end(process):
    """Ask mpiexec to end its ranks; if it does not end in time, kill it, which the ranks notice."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(LAST_WORDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    process.stdout.close()

"""mpiexec for tests: more ranks than cores are fine, a run that hangs is ended, and nothing of it stays behind."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120


def mpiexec(*groups):
    """The command line for groups of (ranks, arguments of Python), each group with arguments of its own."""
    beside = Path(sys.executable).parent / "mpiexec"
    line = [str(beside) if beside.exists() else shutil.which("mpiexec")]
    for count, arguments in groups:
        line += [":"] if len(line) > 1 else []
        line += ["-n", str(count), sys.executable, *map(str, arguments)]
    return line


def launch(*groups):
    """The processes, started; their output in pipes."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        mpiexec(*groups),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def run(*groups):
    """(exit code, stdout, stderr) of groups of ranks, run to their end."""
    process = launch(*groups)
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        for number in below(process.pid):  # mpiexec alone would leave its ranks behind, spinning
            os.kill(number, 9)
        out, err = process.communicate()
        raise AssertionError(f"not done after {SECONDS} s: {err[-2000:]}") from None
    return process.returncode, out, err


def below(number):
    """A process and all that it has started, and these have, the last ones first."""
    children = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError), open(f"/proc/{entry}/stat") as stat:  # it may have ended meanwhile
            children.setdefault(int(stat.read().rsplit(")", 1)[1].split()[1]), []).append(int(entry))
    found = [number]
    for parent in found:
        found += children.get(parent, [])
    return found[::-1]


def tinyalex(*arguments):
    return ["-m", "tinyalex", *arguments]

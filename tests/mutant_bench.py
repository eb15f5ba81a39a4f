"""A copy of the project in which one file is mutated, and its tests run, each time in a process of its own."""

import gc
import importlib
import json
import linecache
import os
import resource
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from tests.mutations import Mutant

ROOT = Path(__file__).resolve().parents[1]
LIMIT, LEAST = 4, 20  # times the unmutated run, and seconds besides
MEMORY = 6 << 30  # bytes; a mutant may ask for any amount
IMPORTED = ("hypothesis.extra.numpy", "torch.nn.functional", "cupy", "PIL.Image", "safetensors.numpy", "threadpoolctl")
OPTIONS = ("-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:faulthandler")


class TestsFail(Exception):
    """The tests fail without a mistake: nothing can be said of mutants."""


class Watch:
    """A plugin of pytest: quick and deadly tests first; the first that fails; how long each took."""

    def __init__(self, order):
        self.order, self.failed, self.seconds = order, None, {}

    def pytest_collection(self):
        settings.register_profile("mutants", settings.default, phases=[Phase.explicit, Phase.generate])
        settings.load_profile("mutants")  # a failure need not be made small

    def pytest_collection_modifyitems(self, items):
        items.sort(key=lambda item: self.order.get(item.nodeid, 0.0))

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report):
        if report.failed:
            self.failed = self.failed or "importing it"


class Bench:
    """All that the tests import, except the project itself, is imported once, before, so a process begins at once.

    `inspect.getsource` shows the right source: a test that plants mistakes of its own must not kill a mutant because it
    finds other words than it looks for.
    """

    def __init__(self, folder: str | Path, file: str, tests: list[str]) -> None:
        self.copy, self.file, self.tests = Path(folder), file, tests
        self.seconds: dict[str, float] = {}
        self.kills: dict[str, int] = {}
        self.original = (ROOT / file).read_text(encoding="utf-8")
        for entry in ROOT.iterdir():
            if entry.name in ("tinyalex", "tests"):
                shutil.copytree(entry, self.copy / entry.name, ignore=shutil.ignore_patterns("__pycache__"))
            elif not entry.name.startswith("."):
                (self.copy / entry.name).symlink_to(entry)
        _import_what_tests_import()
        began = time.monotonic()
        killer, self.seconds = self._run(600)
        if killer:
            raise TestsFail(f"{file}: its tests fail without a mistake: {killer}")
        self.limit = LEAST + LIMIT * (time.monotonic() - began)

    def judge(self, mutant: Mutant) -> str:
        """The test that killed it, "time", or "its process" for one that ended; "" if it survived."""
        (self.copy / self.file).write_text(mutant.text, encoding="utf-8")
        killer, _ = self._run(self.limit, bytecode=False)
        self.kills[killer] = self.kills.get(killer, 0) + 1
        return killer

    def _run(self, limit, bytecode=True):
        """(what failed first, or ""; seconds of each test), in a new process, the first of its own group."""
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                self._run_here(write, bytecode)
            finally:
                os._exit(1)
        os.close(write)
        signal.signal(signal.SIGALRM, _out_of_time)
        try:
            with open(read, encoding="utf-8") as answer:
                signal.setitimer(signal.ITIMER_REAL, limit)
                said = answer.readline()
        except TimeoutError:
            return "time", {}
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            os.killpg(child, signal.SIGKILL)  # with all that it started
            os.waitpid(child, 0)
        return json.loads(said) if said else ("its process", {})

    def _run_here(self, write, bytecode):
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        os.chdir(self.copy)
        sys.path[0] = os.environ["PYTHONPATH"] = str(self.copy)
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # half of the time to start
        for module in [name for name in sys.modules if name.split(".")[0] in ("tinyalex", "tests")]:
            del sys.modules[module]
        path = self.copy / self.file
        if not bytecode:  # two mutants of one second and one length would share it
            sys.dont_write_bytecode, os.environ["PYTHONDONTWRITEBYTECODE"] = True, "1"
            for stale in path.parent.glob(f"__pycache__/{path.stem}.*"):
                stale.unlink()
        linecache.cache[str(path)] = (len(self.original), None, self.original.splitlines(True), str(path))
        watch = Watch({test: seconds / (1 + self.kills.get(test, 0)) for test, seconds in self.seconds.items()})
        code = pytest.main([*self.tests, *OPTIONS], plugins=[watch])
        killer = "" if code == 0 else watch.failed or f"exit code {int(code)} of pytest"
        os.write(write, json.dumps([killer, watch.seconds]).encode() + b"\n")
        os._exit(0)


def _import_what_tests_import():
    for module in IMPORTED:
        try:
            importlib.import_module(module)
        except ImportError:
            pass  # the tests that need it are skipped
    gc.collect()
    gc.freeze()  # pytest collects garbage five times a run: not in all that was just imported


def _out_of_time(*_):
    raise TimeoutError

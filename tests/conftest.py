"""Fixtures and marks that all tests share: what is not installed here is skipped, with the reason."""

import importlib.util
import os
import shutil
import signal
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import settings

from tests.gpu.emulated import emulated
from tinyalex.backend import set_thread_count, thread_count
from tinyalex.signals import ENDING
from tinyalex.standin import DeviceArray, kernels_by
from tinyalex.standin import xp as standin

REHEARSED = bool(os.environ.get("TINYALEX_STANDIN_FOR_GPU"))  # tests/gpu/measure.py --rehearse sets it

# The same examples in every run: a test that fails here fails for everyone.
settings.register_profile("tinyalex", derandomize=True, deadline=None, database=None, max_examples=200)
settings.load_profile("tinyalex")


def _gpu_missing():
    """Why no GPU can be used, or None."""
    if REHEARSED:
        return None
    if importlib.util.find_spec("cupy") is None:
        return "CuPy is not installed"
    import cupy

    try:
        return None if cupy.cuda.runtime.getDeviceCount() else "no NVIDIA device"
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"no NVIDIA driver: {error}"


def _mpi_missing():
    """Why no MPI can be used, or None."""
    if importlib.util.find_spec("mpi4py") is None:
        return "mpi4py is not installed"
    beside = Path(sys.executable).parent / "mpiexec"
    return None if beside.exists() or shutil.which("mpiexec") else "there is no mpiexec"


def _real_data():
    """The folder with pictures cut from Tiny ImageNet: TINYALEX_REAL_DATA's, or beside the repository; or None."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("TINYALEX_REAL_DATA", beside))
    return folder if folder.is_dir() else None


@pytest.fixture
def terminal(monkeypatch, capsys):
    """terminal(width): from then on, stdout and stderr are a terminal of that width. `capsys` has its text."""

    def of_width(width):
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", str(width))

    return of_width


@pytest.fixture(scope="session", autouse=True)
def signals_reach_children():
    """In the background or under nohup signals are ignored; the programs that the tests start would inherit that."""
    ignored = [number for number in ENDING if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


TURNS = pytest.StashKey()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Where pytest-xdist runs several processes: the folder of their turns, one for all."""
    if TURNS not in node.config.stash:
        folder = node.config.stash[TURNS] = tempfile.TemporaryDirectory(prefix="tinyalex-turns-")
        node.config.add_cleanup(folder.cleanup)
    node.workerinput["turns"] = node.config.stash[TURNS].name


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    folder = getattr(item.config, "workerinput", {}).get("turns")
    if folder is None:
        return (yield)
    from tests.turns import turn  # not on Windows

    with turn(folder, alone=item.get_closest_marker("alone") is not None):
        return (yield)


def pytest_collection_modifyitems(config, items):
    skip_what_is_missing(items)
    if hasattr(config, "workerinput"):
        items[:] = dealt(items, config.workerinput["workercount"])


def dealt(items, workers):
    """The items, as many for each worker as WorkStealingScheduling gives it: those that run alone first, then the slow.

    So workers wait for each other's tests once, not before each that runs alone, and no long one is left to the end.
    """
    first = {item: None for mark in ("alone", "slow") for item in items if item.get_closest_marker(mark)}
    rest, order = [item for item in items if item not in first], []
    for number in range(workers):
        share, hand = (len(items) - len(order)) // (workers - number), list(first)[number::workers]
        fill = max(0, share - len(hand))
        order += hand + rest[:fill]
        rest = rest[fill:]
    return order


def skip_what_is_missing(items):
    reasons = {
        "mpi": _mpi_missing(),
        "torch": None if importlib.util.find_spec("torch") else "PyTorch is not installed",
        "onnx": None if importlib.util.find_spec("onnx") else "the package onnx is not installed",
        "real_data": None
        if _real_data()
        else "no pictures cut from Tiny ImageNet here (TINYALEX_REAL_DATA names none)",
        "gpu": None,
    }
    if any(item.get_closest_marker("gpu") for item in items):
        reasons["gpu"] = _gpu_missing()
    for item in items:
        for mark, reason in reasons.items():
            if reason and item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def gpu(monkeypatch):
    """CuPy, where a device answers; in a rehearsal the stand-in with kernels, which waits for results as CuPy does."""
    reason = _gpu_missing()
    if reason:
        pytest.skip(reason)
    if not REHEARSED:
        import cupy

        yield cupy
        return
    for kind in (bool, int, float):
        monkeypatch.setattr(DeviceArray, f"__{kind.__name__}__", lambda a, kind=kind: kind(a.item()))
    with kernels_by(emulated(threads=1)) if shutil.which("g++") else nullcontext():
        yield standin


@pytest.fixture
def set_threads():
    """Sets how many threads share the work, until the end of the test."""
    before = thread_count()
    yield set_thread_count
    set_thread_count(before)


@pytest.fixture
def real_data():
    folder = _real_data()
    if folder is None:
        pytest.skip("no pictures cut from Tiny ImageNet here (TINYALEX_REAL_DATA names none)")
    return folder

"""Limits on a learner's code: seconds and memory. An endless loop, or an array of 100 GB, must end in a sentence.

In a notebook the code runs where the learner's other cells run, so that it may keep values and be debugged. A timer
interrupts it there: Python code and sleep at once, a single call into compiled code when it returns. The code of a file
runs in a child process as well, which can be killed wherever it is, and which may crash.
"""

import contextlib
import ctypes
import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import warnings

from tinyalex.errors import UserError, as_typed

SECONDS = "TINYALEX_CHECK_SECONDS"  # environment variable with another time limit
USUAL_SECONDS = 30.0
MOST_SECONDS = 86_400.0
MEMORY = 2 << 30  # bytes that a check may take beyond those in use; the arrays of a check are small
AGAIN = 1.0  # seconds until the next interruption, for code that catches the first
GRACE = 2.0  # seconds for a child to say itself that its time is over
FORKS = sys.platform == "linux"  # elsewhere a fork is missing, or unsafe beside the system's linear algebra


class OutOfTime(BaseException):
    """The time limit has passed. No `Exception`, so that a learner's `except Exception` does not catch it."""


class Crash(Exception):
    """The child process ended without a result; the message says how."""


def time_limit(seconds=None):
    """The seconds a check may take: the argument, else the environment's, else 30. UserError unless above 0."""
    name, found = ("seconds", seconds) if seconds is not None else (SECONDS, os.environ.get(SECONDS) or USUAL_SECONDS)
    with contextlib.suppress(TypeError, ValueError):
        if 0 < float(found) <= MOST_SECONDS:
            return float(found)
    raise UserError(f"found {as_typed(found)}, expected seconds above 0, at most {MOST_SECONDS:,.0f}", name)


@contextlib.contextmanager
def limited(seconds):
    """Within the block, raise `OutOfTime` after these seconds, and MemoryError beyond `MEMORY` (on Linux)."""
    by_signal = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    with _memory_limit(), (_timer_signal if by_signal else _timer_thread)(seconds):
        yield


@contextlib.contextmanager
def _timer_signal(seconds):
    """SIGALRM interrupts sleep and locks too, but only the main thread receives it, and Windows has none."""
    inside = True

    def ring(number, frame):
        if inside:
            raise OutOfTime

    handler = signal.signal(signal.SIGALRM, ring)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        try:
            yield
        finally:
            inside = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)


@contextlib.contextmanager
def _timer_thread(seconds):
    """Another thread has Python raise `OutOfTime` in this one, before its next line of Python."""
    target, over, lock = ctypes.c_ulong(threading.get_ident()), threading.Event(), threading.Lock()
    throw = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch():
        wait = seconds
        while not over.wait(wait):
            with lock:
                if not over.is_set():
                    throw(target, ctypes.py_object(OutOfTime))
            wait = AGAIN

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()
        with lock:
            throw(target, None)  # forget one that is not yet raised


@contextlib.contextmanager
def _memory_limit():
    """Lower the process's address space to what it has and `MEMORY`. Only Linux says what it has, and keeps to it."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            in_use = int(file.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError, ValueError):
        yield
        return
    before = soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    lower = [limit for limit in (soft, hard, in_use + MEMORY) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(lower), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def too_large(message):
    """The words about a MemoryError within `limited`; message: its own."""
    first_line = (message.splitlines() or [""])[0]
    return f"asks for more memory than a check may take, {MEMORY >> 30} GB{first_line and ': '}{first_line}"


@contextlib.contextmanager
def silent():
    """Drop whatever is printed: a learner's function runs thousands of times while its mistake is looked for."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            yield


def in_child(work, seconds):
    """The result of work(), from a child process where the system has a safe fork.

    OutOfTime if it is not there soon after `seconds`, when `work` should have ended itself; Crash if there will be none
    """
    if not FORKS:
        return work()
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)

    def run():
        faulthandler.disable()  # the verdict says how it ended
        with contextlib.suppress(KeyboardInterrupt):  # the parent receives it too
            sending.send(work())

    child = context.Process(target=run)
    with warnings.catch_warnings():  # Python 3.12 warns of threads, but the child only calculates
        warnings.simplefilter("ignore", DeprecationWarning)
        child.start()
    sending.close()
    try:
        if not receiving.poll(seconds + GRACE):
            raise OutOfTime
        return receiving.recv()
    except EOFError:
        child.join()
        code = child.exitcode
        raise Crash(signal.Signals(-code).name if code < 0 else f"exit code {code}") from None
    finally:
        child.kill()
        child.join()
        receiving.close()

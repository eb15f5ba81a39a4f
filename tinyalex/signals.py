"""Ctrl-C, SIGTERM (`kill`) and SIGHUP (a closed window) all raise KeyboardInterrupt, so that a command tidies up.

A signal that was ignored when the command began stays ignored, as `nohup` expects. Only the main thread can catch
signals; in another, nothing here has an effect.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

HANGUP: int | None = getattr(signal, "SIGHUP", None)  # Windows has none
ENDING = tuple(number for number in (signal.SIGINT, signal.SIGTERM, HANGUP) if number is not None)
TERMINALS = [stream for stream in (1, 2) if os.isatty(stream)]

_received: list[int] = []  # during the outermost block with a handler
_blocks: list[Any] = []  # the blocks that are under way


class Ended(KeyboardInterrupt):
    """SIGTERM or SIGHUP has asked the command to end."""


def exit_code() -> int:
    """128 + the signal that ended the command, as shells expect: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def asks(number: int) -> bool:
    """Note a signal; whether it asks for anything: SIGHUP after another does not, since closing a window sends two."""
    first = not _received
    _received.append(number)
    if number == HANGUP:
        _leave_terminal()
    return first or number != HANGUP


def _leave_terminal():
    """Discard what is still to be printed on a terminal: it may be gone, and writing must not fail before saving."""
    for stream in TERMINALS:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


@contextmanager
def handled(handler: Callable[[int, Any], None], even_ignored: tuple[int, ...] = ()) -> Iterator[None]:
    """Call handler(number, frame) for every signal of ENDING during the block, also for `even_ignored`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    chosen = [n for n in ENDING if n in even_ignored or signal.getsignal(n) is not signal.SIG_IGN]
    if not _blocks:
        _received.clear()
    _blocks.append(handler)
    before = {number: signal.signal(number, handler) for number in chosen}
    try:
        yield
    finally:
        _blocks.remove(handler)
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _interrupt(number, frame):
    if asks(number):
        raise KeyboardInterrupt if number == signal.SIGINT else Ended


@contextmanager
def interrupting(even_ignored: tuple[int, ...] = ()) -> Iterator[None]:
    """Every signal of ENDING raises KeyboardInterrupt during the block; those in `even_ignored` in any case."""
    with handled(_interrupt, even_ignored):
        yield


@contextmanager
def postponed() -> Iterator[None]:
    """Signals wait for the end of the block, such as an import: code that is cut short there prints tracebacks.

    A second one does not wait.
    """
    came: list[int] = []

    def wait(number, frame):
        if came and number != HANGUP:
            raise KeyboardInterrupt
        came.append(number)

    try:
        with handled(wait):
            yield
    finally:
        for number in came[:1]:
            signal.raise_signal(number)


@contextmanager
def kept_from_children() -> Iterator[None]:
    """Processes started in the block ignore Ctrl-C and SIGHUP, which terminals send to all: their parent ends them."""
    if HANGUP is None:
        yield
        return
    from multiprocessing import resource_tracker  # not on Windows

    both = {signal.SIGINT, HANGUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, both)
    try:
        resource_tracker.ensure_running()  # here, since starting it unblocks SIGINT
        signal.pthread_sigmask(signal.SIG_BLOCK, both)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

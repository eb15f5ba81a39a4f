"""Turns of tests in several processes: one marked `alone` runs while no other does, all others side by side."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(folder: str | Path, alone: bool) -> Iterator[None]:
    """Wait for this test's turn among all that share `folder`, and hold it.

    Everyone passes `turnstile` into `room`, which one who is alone locks for himself and others share. Whoever waits
    for the room holds the turnstile meanwhile, so that no later one overtakes him.
    """
    with open(Path(folder) / "room", "a") as room, open(Path(folder) / "turnstile", "a") as turnstile:
        with _locked(turnstile, fcntl.LOCK_EX):
            fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)  # not by closing it: a process that the test has forked may have it open


@contextmanager
def _locked(file, how):
    fcntl.flock(file, how)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)

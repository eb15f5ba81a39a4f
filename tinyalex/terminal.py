"""What speaks with the person at the terminal: progress, lines on stderr, Ctrl-C. Stdout stays clean."""

import os
import shutil
import signal
import sys
import threading
import time
import warnings
from contextlib import contextmanager

from tqdm import tqdm

LINE_SECONDS = 30  # between two lines where there is no terminal


class _Lines(tqdm):
    """For logs, and below mpiexec: now and then a line with what the bar would show, since nothing can be drawn over."""

    def __init__(self, **options):
        self.said = time.monotonic()
        shown = "{l_bar} {n_fmt}/{total_fmt}{unit} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
        super().__init__(**options, bar_format=shown)

    def display(self, msg=None, pos=None):
        if time.monotonic() - self.said >= LINE_SECONDS:
            self.said = time.monotonic()
            self.fp.write(f"{self}\n")
            self.fp.flush()

    def clear(self, nolock=False):
        pass

    def close(self):
        if not self.disable:
            self.disable = True
            self._decr_instances(self)


def progress_bar(total, label, unit="images", quiet=False, scale=False, initial=0):
    """A bar on stderr with rate and time left; where stderr is not a terminal, lines. Silent if `quiet` is set.

    Use it as a context manager and call `update(n)` after n more of `total` units.
    """
    known_width = shutil.get_terminal_size().columns > 0  # some terminals say that they have no columns
    return (tqdm if sys.stderr.isatty() else _Lines)(
        total=total,
        desc=label,
        unit=f" {unit}",
        file=sys.stderr,
        disable=quiet,
        ncols=None if known_width else 80,
        dynamic_ncols=known_width,
        leave=False,
        initial=initial,
        unit_scale=scale,
    )


def program():
    """How the person at the keyboard called this program, to put before a command that they may copy."""
    if os.path.basename(sys.argv[0]).removesuffix(".exe") == "tinyalex":
        return "tinyalex"
    python = sys.executable
    if python.startswith(os.getcwd() + os.sep):  # as the README has it: .venv/bin/python
        python = os.path.relpath(python)
    return f"{python} -m tinyalex"


def hush_runaway_numbers():
    """Numbers that run away are reported once, by what they do to the loss, not by NumPy at every step."""
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="tinyalex")


def say(text, quiet=False):
    """One line on stderr, above a bar if one is being drawn."""
    if not quiet:
        tqdm.write(text, file=sys.stderr)


class _Stop:
    asked = False


@contextmanager
def stop_signals(quiet=False):
    """Turn the first Ctrl-C or SIGTERM into a wish that is granted between steps, never within one; a second one ends.

    Signals can be caught in the main thread only; elsewhere nothing is changed.
    """
    stop = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number, frame):
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True
        say("stopping after this step and saving (once more to stop at once)", quiet)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""The words to the person at the terminal: progress, lines on stderr, Ctrl-C. Stdout stays clean."""

import re
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from tqdm import tqdm

from tinyalex import signals
from tinyalex.lines import WIDE_ENOUGH, columns, command, folded, prose_width, text_width

LINE_SECONDS = 30  # between two lines, without a terminal
_python: ContextVar[bool] = ContextVar("python", default=False)  # whether a program is calling, not the command line


class Bar(tqdm):
    """A bar with the share done, the rate and the time left, in one line of the terminal."""

    shown = "{desc_text} {percentage:3.0f}% {bar} {n_fmt}/{total_fmt}{unit}, {rate_text}{left_text}{postfix}"

    def __init__(self, **options: Any) -> None:
        self.rested = 0.0  # seconds
        super().__init__(**options, bar_format=self.shown)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Inside, other work is done: its time does not count in the rate, but in the time left."""
        if self.disable:  # such a bar has no clock
            yield
            return
        began = self._time()
        try:
            yield
        finally:
            rested = self._time() - began
            self.rested += rested
            self.start_t += rested
            self.last_print_t += rested

    @property
    def format_dict(self) -> Any:
        found = super().format_dict
        elapsed, done = found["elapsed"], self.n - self.initial
        rate = done / elapsed if elapsed > 0 and done > 0 else None
        left = (elapsed + self.rested) / done * (self.total - self.n) if rate else None
        words = {
            "desc_text": (self.desc or "").removesuffix(": "),
            "rate_text": f"{_rate(rate, self.unit_scale)}{self.unit}/s" if rate else "starting",
        }
        words["left_text"] = f", {duration(left)} left" if left else ""
        if width := columns(self.fp):
            words |= {"ncols": width - 1} | self._fitting(words, found["postfix"] or "", width - 1)
        return found | words

    def _fitting(self, words, postfix, width):
        """The words that may be left out or cut, as far as the line has room for them beside a bar of one column."""
        total = tqdm.format_sizeof(self.total) if self.unit_scale else self.total
        room = width - text_width(f"{words['desc_text']} 100% █ {total}/{total}{self.unit}, {words['rate_text']}")
        label = words["desc_text"]
        if room < 0:
            label = f"{label[: max(0, len(label) + room - 1)].rstrip()}…"
        left = words["left_text"] if len(words["left_text"]) <= room else ""
        room -= len(left)
        return {"desc_text": label, "left_text": left, "postfix": postfix if len(f", {postfix}") <= room else ""}


class _Lines(Bar):
    """The bar for logs and under mpiexec, where nothing can be overwritten: a line now and then."""

    shown = "{desc_text} {percentage:3.0f}%, {n_fmt}/{total_fmt}{unit}, {rate_text}{left_text}{postfix}"

    def __init__(self, **options):
        self.said = time.monotonic()
        super().__init__(**options)

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


def _rate(value, scale):
    """Units per second with 3 significant digits."""
    if scale:
        return tqdm.format_sizeof(value)
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """A time for people: "45 s", "12 min", "3 h 20 min", "4 days"."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"


def progress_bar(
    total: int, label: str, unit: str = "images", quiet: bool = False, scale: bool = False, initial: int = 0
) -> Bar:
    """A bar on stderr with rate and time left; lines if stderr is not a terminal. Silent if `quiet`.

    total, initial: units in all, and done before;  scale: write large numbers as 1.2k, 3.4M
    Use it as a context manager, and call `update(n)` after n more units.
    """
    with signals.postponed():
        return (Bar if sys.stderr.isatty() else _Lines)(
            total=total,
            desc=label,
            unit=f" {unit}",
            file=sys.stderr,
            disable=quiet,
            ncols=WIDE_ENOUGH,  # at first; and a height too, or a terminal that reports none would get no bar
            nrows=20,
            leave=False,
            initial=initial,
            unit_scale=scale,
        )


@contextmanager
def in_python() -> Iterator[None]:
    """Inside, advice is spelled for a program: lr=0.01 instead of --lr 0.01."""
    token = _python.set(True)
    try:
        yield
    finally:
        _python.reset(token)


def option(name: str, value: float | None = None) -> str:
    """An argument as the caller writes it, perhaps with a number: --lr 0.01, from Python lr=0.01."""
    number = "" if value is None else f"{value:g}"
    if _python.get():
        return f"{name}={number}" if number else name
    return f"--{name.replace('_', '-')} {number}".rstrip()


def how_to_resume(run: Any) -> str:
    """How the caller continues a run: a command, from Python a call."""
    return f"tinyalex.resume({str(run)!r})" if _python.get() else command("train", "--resume", run)


def bytes_text(count: float) -> str:
    """A number of bytes with 3 significant digits and a decimal unit."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB", "EB"):
        if count < 999.5 or unit == "EB":
            return f"{count:,.0f} {unit}" if count >= 999.5 else f"{count:.3g} {unit}"
        count /= 1000
    raise AssertionError("the last unit takes any number")


def hush_runaway_numbers() -> None:
    """Silence NumPy's warnings about overflow at every step: the trainer reports a loss that is not finite, once."""
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="tinyalex")


def say(text: str, quiet: bool = False) -> None:
    """Print a text on stderr, folded to the terminal's width, above the bar if there is one."""
    if not quiet:
        tqdm.write("\n".join(folded(text, prose_width(sys.stderr))), file=sys.stderr)


def spelled(args: Any, name: str) -> str:
    """An argument's name as the person types it: --lr, or RUN for a positional one. Other names stay as they are.

    args: the parsed arguments, whose `spelling` the command line has set
    """
    return getattr(args, "spelling", {}).get(name, name)


def message(error: BaseException, args: Any) -> str:
    """The text of an error in one line. If a `UserError` names an argument in `args`, it is spelled as typed."""
    argument = getattr(error, "argument", "")
    text = f"{spelled(args, argument)}: {error.args[0]}" if argument else str(error)
    return re.sub(r"\s*\n\s*", " ", text.strip())


class _Stop:
    asked = False


@contextmanager
def stop_signals(quiet: bool = False) -> Iterator[Any]:
    """Yield an object whose `asked` the first Ctrl-C, SIGTERM or SIGHUP sets, for the caller to read between steps.

    A second one ends at once. Only SIGHUP may be ignored, as by `nohup`: the others count even where the shell that
    started this in the background ignores them, since nothing is lost.
    """
    stop = _Stop()

    def ask(number, frame):
        if not signals.asks(number):
            return
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True
        with suppress(RuntimeError):  # stderr was being written to, and cannot be in between
            say("stopping after this step and saving (once more to stop at once)", quiet)

    with signals.handled(ask, even_ignored=(signal.SIGINT, signal.SIGTERM)):
        yield stop

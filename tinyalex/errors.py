"""The one exception that means "the person at the keyboard can mend this", and words for near misses."""

import difflib
from collections.abc import Iterable
from typing import Any

LARGEST = 1_000_000_000  # of whole numbers: array sizes, and the C functions that take them, end not far above


class UserError(Exception):
    """A mistake in what was asked for, said in one line: what is wrong, what was found, what was expected.

    The commands print the message and leave with exit code 2; any other exception is a bug in tinyalex.

    argument: the name of what was wrong, such as "lr". The message begins with it; a command spells it as its own
        option, --lr
    """

    everywhere = False  # with several processes: whether each of them raises it, so that only one need say it

    def __init__(self, message: str, argument: str = "") -> None:
        super().__init__(message)
        self.argument = argument

    def __str__(self) -> str:
        return f"{self.argument}: {self.args[0]}" if self.argument else self.args[0]


def as_typed(value: Any) -> Any:
    """A found number as people type it, 2 or 1e+09; anything else is left as it is."""
    return f"{value:g}" if isinstance(value, float) else value


def did_you_mean(word: str, known: Iterable[str], prefix: str = "", cutoff: float = 0.6) -> str:
    """ " (did you mean NEAREST?)" for a word that is nearly one of the known ones, else "".

    prefix: what to put before the nearest word;  cutoff: how alike the words must be, 0 to 1
    """
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f" (did you mean {prefix}{near[0]}?)" if near else ""

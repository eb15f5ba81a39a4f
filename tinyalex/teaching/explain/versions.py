"""Versions of an answer whose results are compared with the learner's, and the time that may be spent on them."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyalex.teaching.explain.editor import HERE

SECONDS = 5.0  # of a processor, for one search
LONGEST = 64  # letters of source in a message


@dataclass(frozen=True)
class Explanation:
    """id: of the mistake;  text: for the learner."""

    id: str
    text: str


class Budget:
    """Seconds of a processor for a search: a share of SECONDS."""

    def __init__(self, share=1.0):
        self.end = time.thread_time() + share * SECONDS

    def part(self, share):
        """At most a share of the whole, of what is left."""
        part = Budget(share)
        part.end = min(part.end, self.end)
        return part

    @property
    def spent(self):
        return time.thread_time() > self.end


@dataclass
class Version:
    """Something whose results may be the learner's. id, words: of its mistake;  run(place): its outputs in a probe."""

    id: str
    words: str
    run: Callable
    results: dict = field(default_factory=dict)
    edits: Any = None
    chosen: tuple = ()

    def result(self, place):
        """Its outputs in one probe, or None if it fails there or does not return numbers."""
        if place not in self.results:
            try:
                made = self.run(place)
                self.results[place] = made if all(v.dtype.kind in "biuf" for v in made.values()) else None
            except Exception:  # a wrong version may fail on a probe
                self.results[place] = None
        return self.results[place]


def numbered(*texts, of=0):
    """Several things that are wrong. of: how many there are, if more than these"""
    count = {2: "Two", 3: "Three", 4: "Four", 5: "Five"}.get(max(of, len(texts)), str(max(of, len(texts))))
    heading = f"{count} things are wrong{', these among them' if of > len(texts) else ''}."
    return "\n".join([heading, *(f"{number}. {text}" for number, text in enumerate(texts, 1))])


def place_of(edit):
    """Where an edit of the learner's source is, and what is wrong there."""
    return f"Line {edit.line}, {edit.which}`{short(edit.before)}`: {edit.hint}."


def places_of(*edits):
    """Where an edit of the learner's source is, or another that does the same."""
    return " Or: ".join(map(place_of, edits))


def after_before(edit):
    """The source with an edit and without it, with what is around if it is short enough."""
    whole = [edit.around.replace(HERE, part) for part in (edit.after, edit.before)]
    return whole if max(map(len, whole)) <= LONGEST else [short(edit.after), short(edit.before)]


def short(source):
    """A piece of source for a message, in one line."""
    first, *more = source.splitlines() or [""]
    source = f"{first} …" if more else first
    return source if len(source) <= LONGEST else f"{source[: LONGEST - 1]}…"


def copied(arguments):
    """Arguments that a function may write into."""
    return tuple(_copied(a) for a in arguments)


def _copied(value):
    if isinstance(value, np.ndarray):
        return value.copy()
    return value if isinstance(value, (int, float, str)) else copy.deepcopy(value)


def outputs(exercise, function, arguments):
    """The outputs of a function: {name: array}. It may write into the arguments."""
    return {name: np.asarray(value) for name, value in exercise.read(function(*arguments), arguments).items()}

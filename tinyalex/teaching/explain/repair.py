"""Look for the mistake in the learner's own source, and for failures in the same words."""

import ast
import inspect
import math
import re
from collections import Counter

import numpy as np

from tinyalex.errors import UserError
from tinyalex.teaching import lessons
from tinyalex.teaching.explain.changes import AROUND
from tinyalex.teaching.explain.editor import UNLIKELY
from tinyalex.teaching.explain.edits import Edits, parsed
from tinyalex.teaching.explain.versions import (
    Explanation,
    Version,
    copied,
    numbered,
    outputs,
    place_of,
    places_of,
    short,
)
from tinyalex.teaching.values import agree, close

WORD = re.compile(r"[A-Za-z_]\w*")
COMMON = {"np", "pass", "not", "and", "or", "True", "False", "None"}
GUESSES = {hint for _, hint, _ in AROUND}


class Repair:
    """A search for edits of the learner's source that make it right.

    calls: arguments of the probes, one on which it is wrong first
    others: outputs that an edit must leave as they are, in each probe, for one that makes only the rest right
    """

    def __init__(self, case, calls, budget, others=None):
        self.others = others
        self.case, self.exercise, self.calls, self.budget = case, case.exercise, calls, budget
        self.edits, self.expected, self.reads = None, [], Counter()
        self.words = COMMON | _words_of_right_answers(case.exercise)
        try:
            self.edits = Edits(case.function)
            self.reads = _reads(case.function)
            self.expected = [outputs(self.exercise, self.exercise.ours, copied(a)) for a in calls]
            self.expected = [right | other for right, other in zip(self.expected, others or [{}] * len(calls))]
            _limit(self.edits, self.exercise, calls)
        except (ValueError, AttributeError):
            return

    def variants(self):
        """(edit, `Version` of the learner's function with it), for every edit; those that may help by chance last."""
        likely = [edit for edit in self.edits.edits if edit.hint != UNLIKELY] if self.edits else []
        for edit in sorted(likely, key=self.doubt):
            yield edit, Version("", "", self._run(edit))

    def doubt(self, edit):
        """How easily an edit makes something right by chance, from 0: most with a word that no right answer has."""
        new = set(WORD.findall(edit.after)) - set(WORD.findall(edit.before)) - self.words
        return 2 * bool(new and edit.kind != "name") + (edit.kind == "name" or edit.hint in GUESSES)

    def _run(self, *chosen):
        def run(place):
            return outputs(self.exercise, self.edits.with_edits(*chosen), copied(self.calls[place]))

        return run

    def is_wild(self, edit):
        """Whether an edit brings in a word that no right answer has, or leaves a variable that nothing reads."""
        lost = Counter(WORD.findall(edit.before)) - Counter(WORD.findall(edit.after))
        return self.doubt(edit) > 1 or any(0 < self.reads[name] <= count for name, count in lost.items())

    def single(self):
        """The `Explanation` that one edit makes it right, or None."""
        return next((found for found in self.edits_that_help() if found or self.budget.spent), None)

    def edits_that_help(self):
        """The `Explanation` that one edit makes it right, or either of two, after a None for each that does not."""
        first, budget = None, self.budget
        for edit, version in self.variants():
            if first is not None and (budget.spent or self.doubt(edit) > self.doubt(first)):
                break
            if (first is None or is_apart(first, edit)) and self._is_right(version, edit):
                if first is not None:
                    yield _helped(first, edit)
                first, budget = edit, self.budget.part(0.2)
            yield None
        if first is not None:
            yield _helped(first)

    def pairs(self):
        """The `Explanation` that two edits make it right, after a None for every pair that does not."""
        for a, b in _by_sum(self._promising()):
            if a.site == b.site or "name" in (a.kind, b.kind):  # another name could be anything
                continue
            version = Version("", "", self._run(a, b))
            if self._is_right(version, a, b):
                yield Explanation(f"two: line-{a.kind} + line-{b.kind}", numbered(place_of(a), place_of(b)))
            yield None

    def _is_right(self, version, *chosen):
        for place, right in enumerate(self.expected):
            found = version.result(place)
            if found is None or not all(agree(found[n], value) for n, value in right.items()):
                return False
        return bool(self.expected) and (self.others is not None or self._is_right_in_all(*chosen))

    def _is_right_in_all(self, *chosen):
        return self.case.is_right(self.edits.with_edits(*chosen, most=math.inf))

    def _promising(self):
        """The edits that change the result, those that bring it nearest first."""
        scored, budget, right = [], self.budget.part(0.2), self.expected[0] if self.expected else {}
        for place, (edit, version) in enumerate(self.variants()):
            found = version.result(0)
            if found is not None and all(found[n].shape == v.shape for n, v in right.items()):
                off = sum(int((~close(found[n], v)).sum()) for n, v in right.items())
                gap = sum(float(np.abs(found[n] - v.astype(np.float64)).mean()) for n, v in right.items())
                scored.append((off, gap if gap == gap else np.inf, place, edit))
            if budget.spent:
                break
        return [edit for *_, edit in sorted(scored, key=lambda s: s[:3])]


def name_the_exception(case, place, failed, budget):
    """The `Explanation` that a right answer with one edit fails in the same words, or None.

    Only if the learner's failing line holds the edited piece: many edits fail in the same words
    """
    error, line = failed.error, "".join(str(failed.verdict.text.splitlines()[-1]).split())
    for edits in right_answers(case.exercise, case.calls):
        for edit in edits.edits:
            if "".join(edit.after.split()) in line and "".join(edit.before.split()) not in line:
                try:
                    outputs(case.exercise, edits.with_edits(edit), copied(case.calls[place]))
                except Exception as other:
                    if type(other) is type(error) and str(other) == str(error):
                        words = f"So it is with `{short(edit.after)}` where `{short(edit.before)}` belongs."
                        return Explanation(f"edit-{edit.kind}", words)
            if budget.spent:
                return None
    return None


def is_apart(a, b):
    """Whether neither of two edits is a part of the other's place."""
    return a.line != b.line or a.before not in b.before and b.before not in a.before


def _words_of_right_answers(exercise):
    try:
        return set(WORD.findall("".join(map(inspect.getsource, (*right_functions(exercise), exercise.ours)))))
    except (OSError, TypeError):  # without a source
        return set()


def _reads(function):
    """How often a function reads each of its own variables."""
    names = [n for n in ast.walk(parsed(function)[0]) if isinstance(n, ast.Name)]
    stored = {n.id for n in names if isinstance(n.ctx, ast.Store)}
    return Counter(n.id for n in names if isinstance(n.ctx, ast.Load) and n.id in stored)


def _helped(*edits):
    return Explanation(f"line-{edits[0].kind}", f"One change makes it right. {places_of(*edits)}")


def _by_sum(items):
    """Pairs of a list in the order of the sum of their places."""
    for total in range(1, 2 * len(items) - 2):
        for i in range(max(0, total - len(items) + 1), (total + 1) // 2):
            yield items[i], items[total - i]


def right_functions(exercise):
    """Our right answers in their different styles; () without any."""
    try:
        return lessons.solutions(exercise.id)
    except (UserError, KeyError):
        return ()


def right_answers(exercise, calls):
    """`Edits` of our right answers, as far as they can be edited."""
    for function in right_functions(exercise):
        try:
            edits = Edits(function)
        except ValueError:
            continue
        _limit(edits, exercise, calls)
        yield edits


def _limit(edits, exercise, calls):
    """Limit what edits may cost by what the function does in the probes without them."""
    edits.limit(lambda function: [outputs(exercise, function, copied(arguments)) for arguments in calls])

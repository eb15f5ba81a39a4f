"""Look for the mistake in the learner's own source, and for failures in the same words."""

import math

import numpy as np

from tinyalex.errors import UserError
from tinyalex.teaching import lessons
from tinyalex.teaching.explain.edits import Edits
from tinyalex.teaching.explain.versions import Explanation, Version, copied, numbered, outputs, place_of, short
from tinyalex.teaching.values import agree, close


class Repair:
    """A search for edits of the learner's source that make it right.

    calls: arguments of the probes, one on which it is wrong first
    others: outputs that an edit must leave as they are, in each probe, for one that makes only the rest right
    """

    def __init__(self, case, calls, budget, others=None):
        self.others = others
        self.case, self.exercise, self.calls, self.budget = case, case.exercise, calls, budget
        self.edits, self.expected = None, []
        try:
            self.edits = Edits(case.function)
            self.expected = [outputs(self.exercise, self.exercise.ours, copied(a)) for a in calls]
            self.expected = [right | other for right, other in zip(self.expected, others or [{}] * len(calls))]
            _limit(self.edits, self.exercise, calls)
        except (ValueError, AttributeError):
            return

    def variants(self):
        """(edit, `Version` of the learner's function with it), for every edit."""
        for edit in self.edits.edits if self.edits else ():
            yield edit, Version("", "", self._run(edit))

    def _run(self, *chosen):
        def run(place):
            return outputs(self.exercise, self.edits.with_edits(*chosen), copied(self.calls[place]))

        return run

    def single(self):
        """The `Explanation` that one edit makes it right, or None."""
        return next((found for found in self.edits_that_help() if found or self.budget.spent), None)

    def edits_that_help(self):
        """The `Explanation` that one edit makes it right, or either of two, after a None for each that does not."""
        first, budget = None, self.budget
        for edit, version in self.variants():
            other = first is None or (edit.before, edit.line) != (first.before, first.line)
            if other and self._is_right(version, edit):
                if first is not None:
                    yield _helped(first, edit)
                first, budget = edit, self.budget.part(0.2)
            if first is not None and budget.spent:
                break
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


def _helped(*edits):
    places = " Or: ".join(place_of(edit) for edit in edits)
    return Explanation(f"line-{edits[0].kind}", f"One change makes it right. {places}")


def _by_sum(items):
    """Pairs of a list in the order of the sum of their places."""
    for total in range(1, 2 * len(items) - 2):
        for i in range(max(0, total - len(items) + 1), (total + 1) // 2):
            yield items[i], items[total - i]


def right_answers(exercise, calls):
    """`Edits` of our right answers in their different styles, as far as they can be edited."""
    try:
        functions = lessons.solutions(exercise.id)
    except (UserError, KeyError):
        return
    for function in functions:
        try:
            edits = Edits(function)
        except ValueError:
            continue
        _limit(edits, exercise, calls)
        yield edits


def _limit(edits, exercise, calls):
    """Limit what edits may cost by what the function does in the probes without them."""
    edits.limit(lambda function: [outputs(exercise, function, copied(arguments)) for arguments in calls])

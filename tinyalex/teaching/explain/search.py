"""Search for the step, or the two, by which a right answer becomes the learner's.

One step is a change of the arguments or of the result (`steps`), or an edit of the source (`edits`): of the learner's,
if it makes it right; of a right answer, if it gives the learner's values. Two steps are two of these, or one and a
known mistake. An explanation holds in every probe, but need not be how the learner wrote it.
"""

import itertools
import re

import numpy as np

from tinyalex.teaching.explain.dependence import Dependence
from tinyalex.teaching.explain.factors import factor, offset
from tinyalex.teaching.explain.repair import Repair, is_apart, right_answers
from tinyalex.teaching.explain.steps import of_arguments, of_results
from tinyalex.teaching.explain.versions import Explanation, Version, after_before, copied, numbered, outputs, places_of
from tinyalex.teaching.values import agree, close, different, scale

WORD = re.compile(r"\w+")
FARTHER = 1.5  # times as far from right: two mistakes may make up for a part of each other
SAMPLES = 6  # entries of an output to compare first
LIKELY = ("exchanged", "fixed", "zero", "order", "part")
PLAIN = "sign square root complement clip reduced flat part turned share centre exp log".split()


class Search:
    """A search for what explains some outputs of an answer.

    case: the learner's `Case`, with an answer for each probe;  names: of the outputs that are to be explained
    apart: whether others are wrong too, for another reason
    """

    def __init__(self, case, names, budget, apart=False):
        self.case, self.exercise, self.names, self.budget = case, case.exercise, names, budget
        self.answers = [*sorted(case.answers, key=self._order), *case.fresh]
        self.own = len(case.answers)  # those to probes of the exercise come first
        self.calls = [answer.arguments for answer in self.answers]
        self.found = [{n: answer.found[n] for n in names} for answer in self.answers]
        self.places = {n: _telling(self.answers[0].found[n], self.answers[0].expected[n]) for n in names}
        self.sample = self._sample(self.found[0])
        others = [{n: v for n, v in answer.found.items() if n not in names} for answer in self.answers]
        self.repair = Repair(case, self.calls, budget, others if apart else None)
        self._steps = self._known = self._edited = self._changing = self._matters = self._either = self._depends = None

    def _order(self, answer):
        """Answers that are wrong and finite come first: they tell most."""
        finite = all(np.isfinite(answer.found[n]).all() for n in self.names)
        return all(answer.right(n) for n in self.names), not finite

    def single(self):
        """The `Explanation` by one step, or None."""
        steps = list(self.of_arguments())
        likely = [v for v in steps if v.id in LIKELY]
        edits = self.repair.edits_that_help()
        searches = self._solved(self._ours()), likely, edits, self._results(self._ours()), steps, self.of_edits()
        return self._first(itertools.chain(*searches), self.budget)

    def double(self):
        """The `Explanation` by two steps, or None."""
        if sum(found[n].size for found in self.found[: self.own] for n in self.names) < 2:
            return None
        if any(a.found[n].ndim < min(a.expected[n].ndim, 1) for a in self.answers for n in self.names):
            return None  # too much is one number, if an array is expected
        known = self.known()
        turned = [v for v in self.of_arguments() if v.id != "axes"]  # of an argument: a guess where two are wrong
        plain = PLAIN if self._same_shape() else [*PLAIN, "axes", "short"]
        searches = (
            (0.15, lambda: (two(v, r) for v in known for r in self._solved(v))),
            (0.3, lambda: self._met(known)),
            (0.15, lambda: (two(v, r) for v in known for r in self._results(v, plain))),
            (0.1, self._known_of_arguments),
            (0.15, self.repair.pairs),
            (0.3, lambda: self._met([*turned, *self._results(self._ours()), *self._effective()])),
            (0.1, lambda: self._joined([*known, *turned, *self._effective()])),
            (0.1, lambda: (two(v, r) for v in turned for r in self._solved(v))),
            (0.1, lambda: (two(v, r) for v in self._effective() for r in self._solved(v) if r.id == "ratio")),
            (0.1, self._edits_of_arguments),
            (0.15, self._pairs_of_edits),
            (0.1, self._pairs_of_arguments),
            (0.1, lambda: (two(v, r) for v in turned for r in self._results(v, plain))),
        )
        for share, versions in searches:
            if found := self._first(versions(), self.budget.part(share)):
                return found
        return None

    def _first(self, versions, budget):
        for version in versions:
            if isinstance(version, Explanation):
                return version
            if version is not None and self.fits(version):
                return Explanation(version.id, version.words)
            if budget.spent:
                return None
        return None

    def tells(self):
        """Whether the learner's outputs hold a number: with nan everywhere, anything that fails agrees."""
        return any(np.isfinite(found[n]).any() for found in self.found for n in self.names)

    # ------------------------------------------------------------------------------------------ comparing

    def fits(self, version):
        """Whether a version has the learner's values in every probe."""
        result = version.result(0)
        sample = self._sample(result)
        if sample is None or not _near(sample, self.sample):
            return False
        return all(self._agrees(version.result(place), found) for place, found in enumerate(self.found))

    def _same_shape(self):
        answer = self.answers[0]
        return all(answer.found[n].shape == answer.expected[n].shape for n in self.names)

    def _agrees(self, result, found):
        return result is not None and all(agree(value, result[n]) for n, value in found.items())

    def _sample(self, result):
        """Some entries of a result, or None if its shape is another than the learner's."""
        if result is None or any(result[n].shape != self.found[0][n].shape for n in self.names):
            return None
        return np.concatenate([result[n].reshape(-1)[self.places[n]] for n in self.names]).astype(np.float64)

    # ------------------------------------------------------------------------------------------ one step

    def version(self, id, words, function, change=None):
        """A function called with the probes' arguments, which a step may change."""

        def run(place):
            arguments = copied(self.calls[place])
            return outputs(self.exercise, function, arguments if change is None else copied(change(arguments)))

        return Version(id, words, run)

    def _ours(self):
        return Version("", "", lambda place: self.answers[place].expected)

    def known(self):
        """The exercise's known mistakes that change no other output: their words are about all that they change."""
        return [version for _, version in self._known_functions()]

    def _known_functions(self):
        if self._known is None:
            functions = [(w, w.function) for w in self.exercise.wrong if self._is_about(w.function)]
            self._known = [(function, self.version(w.id, w.message, function)) for w, function in functions]
        return self._known

    def _is_about(self, function):
        """Whether a function gives all outputs that are not to be explained as ours does."""
        others = [name for name in self.exercise.outputs if name not in self.names]
        try:
            made = outputs(self.exercise, function, copied(self.calls[0])) if others else {}
        except Exception:  # a wrong version may fail on a probe
            return False
        return all(agree(made[name], self.answers[0].expected[name]) for name in others)

    def of_arguments(self):
        """The right answer to other arguments, as far as it differs."""
        if self._steps is None:
            self._steps, seen, budget = [], {self._key(self._ours())}, self.budget.part(0.4)
            for step in of_arguments(self.exercise, self.calls):
                if budget.spent:
                    break
                words = f"Yours gives the right result for {step.words}."
                version = self.version(step.id, words, self.exercise.ours, step.change)
                key = self._key(version)
                if key is not None and key not in seen and not self._meet(version, self._ours()):
                    seen.add(key)
                    self._steps.append((step, version))
        return (version for _, version in self._steps)

    def _key(self, version):
        """A key that tells the results of versions apart, in every probe; None if it fails in the first."""
        results = [version.result(place) for place in range(self.own)]
        if results[0] is None:
            return None
        return tuple(r and tuple((v.shape, v.tobytes()) for v in r.values()) for r in results)

    def of_edits(self):
        """Right answers with an edit."""
        for edits in self._right_answers():
            for edit in edits.edits:
                yield self._of(edits, edit)

    def _right_answers(self):
        if self._edited is None:
            self._edited = list(right_answers(self.exercise, self.calls))
        return self._edited

    def _of(self, edits, *chosen, change=None):
        words = "\n".join("Yours acts as if `{}` stood where `{}` belongs.".format(*after_before(e)) for e in chosen)
        version = self.version(f"edit-{chosen[0].kind}", words, None, change)

        def run(place):
            arguments = copied(self.calls[place])
            edited = edits.with_edits(*chosen)
            return outputs(self.exercise, edited, arguments if change is None else copied(change(arguments)))

        version.run, version.edits, version.chosen = run, edits, chosen
        return version

    def _effective(self):
        """Edits of right answers that change a result, one for each result."""
        if self._changing is None:
            self._changing, seen, budget = [], {self._key(self._ours())}, self.budget.part(0.25)
            for version in self.of_edits():
                key = self._key(version)
                if key is not None and key not in seen:
                    seen.add(key)
                    self._changing.append(version)
                if budget.spent:
                    break
        return self._changing

    def _results(self, base, only=()):
        """A version with its result changed. only: ids of steps;  (): all"""
        first = base.result(0)
        if first is None or len(self.names) > 1:
            return
        name, answer = self.names[0], self.answers[0]
        if first[name].shape != answer.expected[name].shape == answer.found[name].shape:
            return  # one mistake would make up for the other
        yield from self._solved(base)
        for step in of_results(first[name], (self.exercise.axes or {}).get(name, ())):
            if only and step.id not in only:
                continue

            def run(place, step=step):
                return {name: np.asarray(step.change(base.result(place)[name]))}

            words = f"The result comes out {step.words}." if base.id else f"Yours is the right {name}, {step.words}."
            yield Version(step.id, words, run)

    def _solved(self, base):
        """A version times a factor, or with an offset, that is the same everywhere or has a name."""
        if len(self.names) > 1:
            return
        if sum(f[self.names[0]].size for f in self.found[: self.own]) < 2:
            return  # one number is always a multiple of another
        id, words = self._number_between(base, self.own)
        if words and self.own < len(self.calls):
            id, words = self._number_between(base, len(self.calls))
        if words:
            yield Version(id, words, lambda place: self.found[place])

    def _number_between(self, base, many):
        """(id, words) of a factor or an offset between a version and the learner's in the first probes; words or ""."""
        name, made = self.names[0], [base.result(place) for place in range(many)]
        found = [f[name] for f in self.found[:many]]
        if any(m is None or m[name].shape != f.shape or m[name].dtype.kind == "b" for m, f in zip(made, found)):
            return "", ""
        parts = found, [m[name] for m in made], self.calls[:many], self.exercise, name, bool(base.id)
        if words := factor(*parts):
            return "ratio", words
        return "offset", "" if base.id == "argument" else offset(*parts)  # b + 2 · b is one

    # ------------------------------------------------------------------------------------------ two steps

    def _met(self, versions):
        """An edit of the learner's source that leaves one mistake of those given."""
        usable = [v for v in versions if self._says_much(v) and not self._meet(v, self._ours())]
        if not usable:
            return
        table, met, budget = np.array([self._sample(v.result(0)) for v in usable]), [], self.budget.part(0.3)
        for edit, version in self.repair.variants():
            if budget.spent:
                break
            if edit.kind == "name" or self.repair.is_wild(edit):
                continue
            sample = self._sample(version.result(0))
            if sample is None or _near(sample, self.sample):
                continue
            for other in (usable[row] for row in np.flatnonzero(_near(table, sample))):
                if not _explains_all(other) and self._is_nearer(version) and self._meet(version, other):
                    met.append((_rank(other.id) + _rank(edit.kind) + self.repair.doubt(edit), len(met), edit, other))
        met = [m for m in sorted(met, key=lambda m: m[:2]) if self._keeps_what_matters(m[2])]
        if met:
            rank, _, edit, other = met[0]
            same = (m[2] for m in met[1:] if m[0] == rank and m[3] is other and is_apart(edit, m[2]))
            text = numbered(places_of(edit, *itertools.islice(same, 1)), other.words)
            yield Explanation(f"two: line-{edit.kind} + {other.id}", text)

    def _joined(self, versions):
        """The likeliest two whose differences from the right result, or factors, are the learner's if put together."""
        if not self._same_shape():
            return
        usable = [v for v in versions if not _explains_all(v) and self._says_much(v)]
        table = np.array([self._sample(v.result(0)) for v in usable])
        right = self._sample(self.answers[0].expected)
        for join in (np.add, np.multiply) if right.any() else (np.add,):  # any product with 0 is 0
            pairs = (
                (usable[i], usable[j])
                for i in range(len(usable))
                for j in i + 1 + np.flatnonzero(_near(join(table[i + 1 :], table[i]), join(self.sample, right)))
            )
            joined = [(_rank(a.id) + _rank(b.id), n, a, b) for n, (a, b) in enumerate(pairs) if self._join(join, a, b)]
            if joined:
                yield Explanation(*_named(*min(joined, key=lambda found: found[:2])[2:]))

    def _join(self, join, a, b):
        """Whether two versions, put together, are the learner's and the right result put together, in every probe."""
        for place, (found, answer) in enumerate(zip(self.found, self.answers)):
            one, other = a.result(place), b.result(place)
            if one is None or other is None:
                return False
            for n in self.names:
                parts = one[n], other[n], found[n], answer.expected[n]
                if len({part.shape for part in parts}) > 1:
                    return False
                first, second, mine, right = map(_float, parts)
                if not agree(join(first, second), join(mine, right)):
                    return False
        return True

    def _keeps_what_matters(self, edit):
        """Whether the learner's with an edit still depends on all that it depends on as ours does, and on no two
        numbers together that neither does.

        Else the edit takes out a right part, or puts in a wrong one, and meets a mistake that lacks or has it too.
        """
        if self._matters is None:
            self._depends = Dependence(self.exercise, self.names, self.calls[0], self.case.function)
            ours, learners = self._depends.of(self.exercise.ours), self._depends.of(self.case.function)
            self._matters, self._either = ours & learners, ours | learners

        def edited(*arguments):
            return self.repair.edits.with_edits(edit)(*arguments)  # turned on anew: each call has its own limit

        if not self._matters <= self._depends.of(edited, self._matters):
            return False
        new = (each for each in self._depends.of(edited) - self._either if len(each) == 2)
        return not any({(i,), (j,)} <= self._matters for i, j in new)

    def _is_nearer(self, version):
        """Whether a version is not much farther from the right values than the learner's: one mistake less."""
        results = [version.result(place) for place in range(self.own)]
        return self._gap(results) <= FARTHER * self._gap(self.found) and not self._spoils(results)

    def _spoils(self, results):
        """Whether results are off where the learner's are right, and right nowhere else."""
        spoilt = mended = 0
        for answer, made in zip(self.answers, results):
            for name in self.names:
                right, found = answer.expected[name], answer.found[name]
                if made is not None and made[name].shape == right.shape == found.shape:
                    before, after = close(found, right), close(made[name], right)
                    spoilt += int((before & ~after).sum())
                    mended += int((after & ~before).sum())
        return spoilt > mended

    def _gap(self, results):
        """The mean distance from the right values, relative to them; infinite if it fails or has another shape."""
        gaps = []
        for answer, made in zip(self.answers[: self.own], results):
            for name in self.names:
                if made is None or made[name].shape != answer.expected[name].shape:
                    return np.inf
                right = answer.expected[name].astype(np.float64)
                gaps.append(float(np.abs(made[name] - right).mean()) / (scale(right) or 1.0))
        return np.nan_to_num(np.mean(gaps), nan=np.inf)

    def _says_much(self, version):
        """Whether results are as varied as the right ones, and no arguments: two wild steps may meet in those."""
        if self._sample(version.result(0)) is None:
            return False
        results = [version.result(place) for place in range(self.own)]
        if None in results:
            return False
        for name in self.names:
            made, right = [r[name] for r in results], [a.expected[name] for a in self.answers[: self.own]]
            found = [f[name] for f in self.found[: self.own]]
            if any(np.isfinite(f).all() and not np.isfinite(m).all() for f, m in zip(found, made)):
                return False
            if different(made) < 0.7 * different(right):
                return False
            arrays = [a for a in self.calls[0] if isinstance(a, np.ndarray) and a.shape == made[0].shape and a.size > 1]
            if any(agree(made[0], a) for a in arrays):
                return False
        return True

    def _meet(self, a, b):
        """Whether two versions agree in every probe."""
        results = [(a.result(place), b.result(place)) for place in range(len(self.calls))]
        return all(one and other and all(agree(one[n], other[n]) for n in self.names) for one, other in results)

    def _known_of_arguments(self):
        for (function, first), (step, second) in itertools.product(self._known_functions(), self._steps or ()):
            yield Version(*_named(first, second), self.version("", "", function, step.change).run)

    def _edits_of_arguments(self):
        for (step, second), first in itertools.product(self._steps or (), self._effective()):
            made = self._of(first.edits, *first.chosen, change=step.change)
            yield Version(*_named(first, second), made.run)

    def _pairs_of_edits(self):
        for a, b in itertools.combinations(self._effective(), 2):
            if a.edits is b.edits and a.chosen[0].site != b.chosen[0].site:
                yield Version(*_named(a, b), self._of(a.edits, *a.chosen, *b.chosen).run)

    def _pairs_of_arguments(self):
        for (a, first), (b, second) in itertools.permutations(self._steps or (), 2):

            def change(arguments, a=a, b=b):
                return b.change(copied(a.change(arguments)))

            yield Version(*_named(first, second), self.version("", "", self.exercise.ours, change).run)


def two(first, second):
    """A version with both mistakes, whose results are the second's."""
    return Version(*_named(first, second), second.run)


def _explains_all(version):
    """Whether a version is so wild that with another one it gives anything."""
    return version.id == "zero" or any(map(_is_wild, version.chosen))


def _is_wild(edit):
    """Whether an edit takes another variable, or leaves out a branch or most of a formula."""
    left_out = set(WORD.findall(edit.before)) - set(WORD.findall(edit.after))
    return edit.kind == "name" or edit.after in ("True", "False") or len(left_out) > 3


def _float(values):
    return values.astype(np.float64)


def _named(first, second):
    return f"two: {first.id} + {second.id}", numbered(first.words, second.words)


def _telling(found, expected):
    """Places of a few entries that are off, or of any if the shapes differ."""
    off = np.flatnonzero(~close(found, expected)) if found.shape == expected.shape else np.arange(found.size)
    off = off if len(off) else np.arange(found.size)
    return off[np.linspace(0, len(off) - 1, min(SAMPLES, len(off))).astype(int)] if len(off) else off


def _near(samples, wanted):
    """Whether rows of samples agree with one row."""
    with np.errstate(invalid="ignore"):
        same = np.abs(samples - wanted) <= 2e-6 * np.abs(wanted) + 1e-9 * np.abs(wanted).max(initial=0.0) + 1e-12
    return np.all(same | ~np.isfinite(wanted), axis=-1)


def _rank(id):
    """How easily a step explains anything: those that do come last."""
    easily = {"exchanged": 0, "fixed": 1, "ratio": 0, "offset": 1, "zero": 4, "argument": 3, "name": 3}
    return easily.get(id, 2 if id.startswith("edit") else 1)

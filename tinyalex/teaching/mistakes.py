"""Tell a learner what is wrong with an answer: the known mistake it makes, what it is composed of, or where it differs.

The first of these that applies is told:
  the values equal a known wrong version's, in every probe
  digits were lost: whole numbers or float32 instead of float64
  every entry is too large or too small by a factor that the exercise knows
  a slice ends at -0 and is empty
  a step or two explain it (`explain`), one for each output if there are several
  an argument is ignored, or pictures are mixed
  where it differs and in which way, with the first entry worked out by hand (`where`)
"""

import contextlib
import itertools
import re
from dataclasses import dataclass

import numpy as np

from tinyalex.teaching import where
from tinyalex.teaching.explain.minus_zero import empty_slice
from tinyalex.teaching.explain.repair import Repair, name_the_exception
from tinyalex.teaching.explain.search import Search
from tinyalex.teaching.explain.versions import Budget, Explanation, copied, numbered, outputs
from tinyalex.teaching.limits import OutOfTime, silent
from tinyalex.teaching.values import RTOL, agree, different, ratio_of, scale

NOT_DONE, RIGHT, NOT_YET = "not done yet", "right", "not yet"


@dataclass(frozen=True)
class Verdict:
    """state: NOT_DONE, RIGHT or NOT_YET;  text: for the learner;  wrong: the id of the mistake, or None."""

    state: str
    text: str = ""
    wrong: str | None = None


class Judged(Exception):
    """Ends an examination with a verdict."""

    def __init__(self, text, wrong=None, state=NOT_YET):
        self.verdict = Verdict(state, text, wrong)


def name_the_mistake(case, otherwise=None):
    """Raise `Judged` with everything known about a wrong answer. otherwise: (text, id) if nothing explains it."""
    exercise, answers = case.exercise, case.answers
    wrong = [n for n in exercise.outputs if any(not a.right(n) for a in (*answers, *case.fresh))]
    for known in exercise.wrong:  # a mistake that explains all outputs comes before one that explains a part
        if all(answer.matches(known.function, exercise.outputs) for answer in answers):
            raise Judged(_about(exercise, wrong, known.message), known.id)
    _look_for_an_order(exercise, answers)
    known = {n: _known(case, n) for n in wrong}
    if all(known.values()):
        _tell(exercise, known)
    if not any(known.values()) and otherwise is None:
        _look_for_a_dtype(answers, wrong)
        _look_for_a_ratio(exercise, answers, wrong)
    if found := empty_slice(case.function, case.is_right):
        raise Judged(found.text, found.id)
    if any(_varied([a.found[n] for a in answers], [a.expected[n] for a in answers]) for n in wrong):
        with contextlib.suppress(OutOfTime), silent():  # an edit may have made a function endless
            _search(case, wrong, known, otherwise)
    _localise(case, wrong, otherwise)


def _varied(found, expected):
    """Whether results say enough to explain them: not one number everywhere, where ours are varied."""
    return different(found) > 1 or different(expected) == 1


def _search(case, wrong, known, otherwise):
    """Raise `Judged` if one or two steps explain the outputs, together or one by one."""
    budget = Budget()
    together = Search(case, wrong, budget)
    apart = {n: Search(case, [n], budget, apart=True) for n in wrong} if len(wrong) > 1 else {}
    telling = {n: search for n, search in apart.items() if search.tells()}
    if not any(known.values()) and (found := together.single()):
        raise Judged(found.text if found.id.startswith("line-") else _about(case.exercise, wrong, found.text), found.id)
    explained = {n: known[n] or (telling[n].single() if n in telling else None) for n in wrong}
    if len({e.id for e in explained.values() if e}) > 1 and (found := together.repair.single()):
        raise Judged(found.text, found.id)  # one mistake, with several consequences
    _tell(case.exercise, explained)
    _tell_what_is_ignored(case, wrong, otherwise, least=2)
    if found := together.double():
        raise Judged(found.text, found.id)
    _tell(case.exercise, {n: search.double() if n in telling else None for n, search in apart.items()})
    _tell_what_is_ignored(case, wrong, otherwise, least=1)


def name_the_failure(case, place, failed):
    """Raise `Judged` for a function that fails with an exception in one probe."""
    calls, text = [case.calls[place], *case.calls[:place], *case.calls[place + 1 :]], failed.verdict.text
    if found := empty_slice(case.function, lambda function: outputs(case.exercise, function, copied(calls[0]))):
        raise Judged(f"{text}\n{found.text}", found.id)
    with contextlib.suppress(OutOfTime), silent():
        budget = Budget()
        found = Repair(case, calls, budget).single() or name_the_exception(case, place, failed, budget)
        if found:
            raise Judged(f"{text}\n{found.text}", found.id)
    known = where.what_distinguishes(case.exercise, case.calls[:place], calls[:1], "\nOthers work; this is with {1}.")
    raise Judged(text + known)


def _known(case, output):
    """The `Explanation` that one output is a known wrong version's, or None."""
    for known in case.exercise.wrong:
        if all(answer.matches(known.function, [output]) for answer in (*case.answers, *case.fresh)):
            return Explanation(known.id, known.message)
    return None


def _about(exercise, outputs, text):
    """A text with the names of the outputs that it is about, if others are right and it does not name them itself."""
    named = all(re.search(rf"\b{re.escape(name)}\b", text) for name in outputs)
    return text if named or set(outputs) == set(exercise.outputs) else f"{', '.join(outputs)}: {text}"


def _tell(exercise, explained):
    """Raise `Judged` with what explains the outputs. explained: {output: `Explanation` or None}."""
    groups: dict = {}
    for output, found in explained.items():
        if found:
            groups.setdefault((found.id, found.text), []).append(output)
    if not groups:
        return
    if len(groups) > 1 and any(id.startswith("two: ") for id, _ in groups):  # more than two: begin with the first
        groups = dict([next(iter(groups.items()))])
        explained = {n: found if n in next(iter(groups.values())) else None for n, found in explained.items()}
    whole = len(groups) == 1 and all(explained.values())
    texts = [_about(exercise, o, text) if whole else f"{', '.join(o)}: {text}" for (_, text), o in groups.items()]
    (first, _), outputs = next(iter(groups.items()))
    others = [n for n, found in explained.items() if not found]
    if len(texts) > 1:
        texts, first = [numbered(*texts)], f"two: {' + '.join(id for id, _ in groups)}"
    verb = "is" if len(others) == 1 else "are"
    more = f"\n({', '.join(others)} {verb} not right either: look at {outputs[0]} first.)" if others else ""
    raise Judged(f"{texts[0]}{more}", first)


def _tell_what_is_ignored(case, wrong, otherwise, least):
    """Raise `Judged` if `least` arguments or more make no difference to the learner's result."""
    output, answer = next((n, a) for a in case.answers for n in wrong if not a.right(n))
    if len(names := where.ignored(case)) >= least:
        each = [f"{name} makes no difference to yours." for name in names]
        text = numbered(*each) if len(each) == 2 else f"{', '.join(names)} make no difference to yours."
        text = each[0] if len(each) == 1 else text
        raise Judged("\n".join([text, *_difference(case.exercise, answer, output, otherwise)]), "ignored")


def _localise(case, wrong, otherwise):
    """Raise `Judged` with where the answer differs, and how."""
    exercise, answers = case.exercise, case.answers
    output, answer = next((n, a) for a in answers for n in wrong if not a.right(n))
    mixed = where.mixed(case, answer)
    if mixed:
        raise Judged("\n".join([mixed, *_difference(exercise, answer, output, otherwise)]), "mixed")
    if otherwise:
        raise Judged(otherwise[0], otherwise[1])
    facts = (
        where.place_in_words(exercise, answer, output),
        where.way_in_words(exercise, answer, output),
        where.probes_in_words(exercise, answers, output),
    )
    line = " ".join(filter(None, facts))
    raise Judged("\n".join(filter(None, [line, *where.first_in_words(exercise, answer, output)])))


def _difference(exercise, answer, output, otherwise):
    return [otherwise[0]] if otherwise else where.first_in_words(exercise, answer, output)


def _look_for_an_order(exercise, answers):
    """Raise `Judged` if the outputs are right, but returned in another order."""
    names = exercise.outputs
    for order in itertools.permutations(names) if not exercise.changes and 1 < len(names) < 5 else ():
        if order != names and all(agree(a.found[n], a.expected[o]) for a in answers for n, o in zip(names, order)):
            raise Judged(f"You return {', '.join(order)}; the order is {', '.join(names)}.", "order")


def _look_for_a_dtype(answers, wrong):
    """Raise `Judged` if the first wrong output lost digits: whole numbers or float32 instead of float64."""
    output, answer = next((n, a) for a in answers for n in wrong if not a.right(n))
    found, expected = answer.found[output], answer.expected[output]
    cut = found.dtype.kind in "iu" and expected.dtype.kind == "f" and found.shape == expected.shape
    if cut and any(np.array_equal(found, whole(expected)) for whole in (np.trunc, np.floor, np.round)):
        raise Judged(
            f"{output} came out as whole numbers ({found.dtype}): an integer array, int() or // cut off the fractions. "
            "Make arrays with the dtype of the input.",
            "whole",
        )
    size = scale(expected) if expected.dtype.kind == "f" and found.dtype.kind == "f" else 0.0
    for dtype, digits, error in ((np.float16, "three", 1e-2), (np.float32, "six", 1e-4)):
        narrow = size and np.array_equal(found, found.astype(dtype))
        if narrow and np.allclose(found, expected, rtol=error, atol=error / 10 * size):
            name = np.dtype(dtype).name
            raise Judged(
                f"{output} is right to about {digits} digits, but float64 went in: the numbers passed through {name}. "
                "Make arrays with the dtype of the input.",
                "single",
            )


def _look_for_a_ratio(exercise, answers, wrong):
    """Raise `Judged` if every entry of the first wrong output is off by a factor that the exercise knows."""
    output = next(n for a in answers for n in wrong if not a.right(n))
    ratios = [ratio_of(a.found[output], a.expected[output]) for a in answers]
    if any(r is None for r in ratios):
        return
    for known, message in exercise.ratios:
        values = [known(*a.arguments) if callable(known) else known for a in answers]
        if np.allclose(ratios, values, rtol=RTOL) and not np.allclose(values, 1):
            raise Judged(message, "ratio")

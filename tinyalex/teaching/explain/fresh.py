"""Probes that no exercise has: an explanation that fits its own by chance seldom fits these."""

import itertools

import numpy as np

from tinyalex.teaching.explain.repair import right_functions
from tinyalex.teaching.explain.versions import copied, outputs
from tinyalex.teaching.limits import silent
from tinyalex.teaching.values import agree

MOST = 3  # probes to make others of
FEW = 3  # pictures
NUMBERS = 4  # probes with another number


def fresh_answers(case, answer_to):
    """The learner's answers to fresh probes: all finite, and our right answers agree on them.

    answer_to: called with the case and arguments
    """
    wrong_first = sorted(case.answers, key=lambda answer: answer.right())
    functions = right_functions(case.exercise)
    calls = [answer.arguments for answer in wrong_first]
    others = () if "number" in case.exercise.outside else itertools.islice(_with_other_numbers(calls[0]), NUMBERS)
    for arguments in (*_fresh_probes(calls), *others):
        try:
            with silent():
                answer = answer_to(case, arguments)
                made = [outputs(case.exercise, function, copied(arguments)) for function in functions]
        except Exception:  # a fresh probe may not be what the function is for
            continue
        finite = all(np.isfinite(v).all() for v in (*answer.found.values(), *answer.expected.values()))
        if finite and all(agree(each[name], value) for each in made for name, value in answer.expected.items()):
            yield answer


def _fresh_probes(calls):
    """The arguments of other calls: the numbers of each array in another order; then of the first pictures alone."""
    rng = np.random.default_rng(0)
    for arguments in calls[:MOST]:
        many = next((len(a) for a in arguments if isinstance(a, np.ndarray) and a.ndim), 0)
        for length in (many, FEW) if many > FEW else (many,):
            yield tuple(_mixed(a, rng, many, length) for a in arguments)


def _with_other_numbers(arguments):
    """The arguments with one that is a number, or a row of them, changed: a whole one twice as large."""
    for place, value in enumerate(arguments):
        other = _other_number(value)
        if isinstance(value, (int, float, tuple, list)) and other is not value:
            yield (*arguments[:place], other, *arguments[place + 1 :])


def _other_number(value):
    if isinstance(value, (tuple, list)) and all(type(v) in (int, float) for v in value):
        return type(value)(map(_other_number, value))
    return 2 * value if type(value) is int else 0.9 * value if type(value) is float else value


def _mixed(value, rng, many, length):
    """An array's numbers in another order; of `many` pictures only `length`. Only arrays change."""
    if isinstance(value, (tuple, list)):
        return type(value)(_mixed(v, rng, many, length) for v in value)
    if isinstance(value, dict):
        return {key: _mixed(v, rng, many, length) for key, v in value.items()}
    if not isinstance(value, np.ndarray) or not value.ndim:
        return value
    part = value[:length] if len(value) == many else value
    return rng.permutation(part.ravel()).reshape(part.shape)

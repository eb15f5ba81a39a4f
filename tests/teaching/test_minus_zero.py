"""A slice that ends at -0 is named as what it is, wherever a check meets it."""

import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pytest

from tinyalex.teaching import lessons
from tinyalex.teaching.cases import case
from tinyalex.teaching.examine import examine
from tinyalex.teaching.exercise import Exercise
from tinyalex.teaching.explain.minus_zero import empty_slice
from tinyalex.teaching.lessons import find_lesson
from tinyalex.teaching.mistakes import NOT_YET, RIGHT

SLIPS = (("padding : padding + H", "padding:-padding"), ("padding : padding + W", "padding:-padding"))


def slips():
    """(exercise, right answer) for each answer of ours that could slip."""
    for number in lessons.numbers():
        for exercise in find_lesson(number).exercises:
            for place, right in enumerate(lessons.solutions(exercise.id)):
                if SLIPS[0][0] in inspect.getsource(right):
                    yield pytest.param(exercise, right, id=f"{exercise.id}-{place}")


@pytest.mark.parametrize("exercise, right", list(slips()))
def test_the_commonest_slip_of_padding_is_named(tmp_path, exercise, right):
    source = Path(right.__code__.co_filename).read_text(encoding="utf-8")
    for before, after in SLIPS:
        source = source.replace(before, after)
    (tmp_path / "answer.py").write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("answer", tmp_path / "answer.py")
    answer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(answer)
    verdict = examine(exercise, getattr(answer, right.__name__))
    assert verdict.wrong in ("C10", "minus-zero") and "-0" in verdict.text


X = np.random.default_rng(0).standard_normal((2, 5, 7, 3))


def ours(x, cut):
    return x[:, cut : x.shape[1] - cut]


def slipped(x, cut):
    return x[:, cut:-cut]


def filled(x, cut):
    y = np.zeros_like(x[:, 2 * cut :])
    y[:] = x[:, cut:-cut]
    return y


def slipped_in_a_helper(x, cut):
    return _inside(x, cut)


def _inside(x, cut):
    return x[:, cut:-cut]


def wrong_besides(x, cut):
    return 2 * x[:, cut:-cut]


def fails_besides(x, cut):
    return x[:, cut:-cut] + x[99]


def at_a_number(x, cut):
    return x[:, cut : x.shape[1] - cut] + x[:, 5:-1]


def cutting(*cuts, **more):
    return Exercise("00-ours", "ours", ours, tuple(lambda cut=cut: (X, cut) for cut in cuts), **more)


@pytest.mark.parametrize("function", [slipped, filled, slipped_in_a_helper])
def test_a_slip_in_a_probe(function):
    verdict = examine(cutting(2, 0), function)
    source, first = inspect.getsourcelines(_inside if function is slipped_in_a_helper else function)
    line = first + next(n for n, text in enumerate(source) if "cut:-cut" in text)
    assert verdict.wrong == "minus-zero"
    assert f"Line {line}, `cut:-cut`: with cut = 0 it ends at -0, which is 0, so it is empty." in verdict.text


@pytest.mark.parametrize("function", [slipped, filled])
def test_a_slip_in_a_special_case(function):
    held = case("for no cut", ours, lambda: (X, 0))
    verdict = examine(cutting(2, properties=(held,)), function)
    assert verdict.wrong == "minus-zero"
    assert verdict.text.startswith("Right for the usual arguments, but not for no cut.") and "-0" in verdict.text


def test_no_slip_is_named_if_the_check_fails_without_it_too():
    for function in (wrong_besides, fails_besides, at_a_number):
        verdict = examine(cutting(2, 0), function)
        assert verdict.state == NOT_YET and verdict.wrong != "minus-zero"
    assert examine(cutting(2, 1), slipped).state == RIGHT


def test_what_has_no_source_has_no_slip():
    assert empty_slice(len, lambda function: True) is None
    assert empty_slice(slipped, lambda function: function(X, 0).size) is not None
    assert empty_slice(slipped, lambda function: function(X, 1).size) is None, "it ends at -1 here"

"""The examiner: the order of its checks, its messages, and that nothing a learner writes makes it raise."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.test_cli import call
from tests.test_documents import ROOT
from tinyalex.errors import UserError
from tinyalex.teaching import learner, lessons, notebook
from tinyalex.teaching.examine import examine
from tinyalex.teaching.exercise import Exercise, NotDoneYet, Property, Wrong, WrongKind
from tinyalex.teaching.lessons import find_exercise, find_lesson
from tinyalex.teaching.mistakes import NOT_DONE, NOT_YET, RIGHT

X = np.random.default_rng(0).standard_normal((2, 5, 7, 3))
DY = np.random.default_rng(1).standard_normal((2, 5, 7, 3))


def double(x, k):
    return k * x


def one(name="double", ours=double, arguments=(X, 1.5), **more):
    """An exercise made for a test."""
    return Exercise(f"00-{name}", name, ours, (lambda: arguments,), **more)


def judge(function, **more):
    return examine(one(**more), function)


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv(learner.PROGRESS, str(tmp_path / "progress.json"))


# ---------------------------------------------------------------------------------------------- right, and the order


def test_right():
    verdict = judge(lambda x, k: x * k)
    assert (verdict.state, verdict.wrong) == (RIGHT, None) and verdict.text == "exact in 210 entries"
    assert judge(lambda x, k: np.asfortranarray(x * k)).state == RIGHT
    near = judge(lambda x, k: x * (k * (1 + 1e-9)))
    assert near.state == RIGHT and near.text.endswith(" over 210 entries"), "rounding is no mistake"


def test_not_done_comes_first():
    def todo(x, k):
        x[:] = 0
        raise NotDoneYet

    assert judge(todo).state == NOT_DONE
    held = Property("Z1", lambda function: function(X, 2.0) is not None, "never")
    assert judge(todo, properties=(held,), compare=False).state == NOT_DONE


FLAWS = {  # in the order of the checks
    "shape": (lambda y: y[:, :4], "double.shape is (2, 4, 7, 3), expected (2, 5, 7, 3)", "shape"),
    "finite": (lambda y: np.where(y == y.flat[8], np.nan, y), "row 0, column 2, channel 2] is nan", None),
    "values": (lambda y: y + 1.0, "double is too large by 1 everywhere", "offset"),
}


def with_flaws(names, writes):
    def double(x, k):
        if writes:
            x += 1
        y = k * x
        for name in names:
            y = FLAWS[name][0](y)
        return y

    return double


@pytest.mark.parametrize(
    "names, words",
    [
        (("values", "finite", "shape"), "double.shape is"),
        (("values", "finite"), "is nan"),
        (("values",), "too large by 1"),
    ],
)
def test_only_the_first_flaw_is_named(names, words):
    for writes in (False, True):
        verdict = judge(with_flaws(names, writes), outputs=("double",))
        wrote = writes and names == ("values",)  # checked after shape and finite, before values
        assert verdict.wrong == ("two: unchanged + offset" if wrote else FLAWS[names[-1]][2])
        assert ("wrote into x" if wrote else words) in verdict.text, verdict.text


def test_input_changed():
    def double(x, k):
        x *= k
        return x

    verdict = judge(double)
    assert verdict.wrong == "unchanged" and "wrote into x:" in verdict.text
    inside = one(ours=lambda pair, k: pair[0] * k, arguments=((X, [X]), 1.5))

    def writes_deep(pair, k):
        y = pair[0] * k
        pair[1][0][0] = 0
        return y

    assert examine(inside, writes_deep).wrong == "unchanged"

    def puts_another(pair, k):
        pair[1][0] = "gone"
        return pair[0] * k

    assert examine(inside, puts_another).wrong == "unchanged"


def test_two_calls_that_differ():
    count = iter(range(100))
    verdict = judge(lambda x, k: k * x + 1e-12 * next(count))
    assert verdict.wrong == "twice" and "Two calls of double" in verdict.text
    assert judge(lambda x, k: k * x + next(count), compare=False).state == RIGHT, "draws may differ"


def test_a_second_call_that_returns_another_kind():
    answers = iter([1.5 * X, "finished", 1.5 * X, None])
    assert "str" in judge(lambda x, k: next(answers)).text
    assert "returns nothing" in judge(lambda x, k: next(answers)).text


def test_expected_nan_and_inf():
    def log(x):
        return np.log(x)

    x = np.array([[0.0, 1.0, 2.0], [-1.0, 3.0, 4.0]])
    exercise = one("log", log, (x,))
    assert examine(exercise, log).state == RIGHT and "nan" not in examine(exercise, log).text
    found = examine(exercise, lambda x: np.log(x) + (x == 4))
    assert "y[1, 2] is 2.38629, expected 1.38629" in found.text, "an inf must not hide the rest"


# ---------------------------------------------------------------------------------------------- values


def test_a_known_mistake_before_a_ratio():
    wrong = (Wrong("Z1", lambda x, k: x * k * 2, "Twice."), Wrong("Z2", lambda x, k: x + k, "Plus."))
    found = judge(lambda x, k: x + x * (2 * k - 1), wrong=wrong)
    assert (found.wrong, found.text) == ("Z1", "Twice.")
    assert judge(lambda x, k: x + k, wrong=wrong).wrong == "Z2"
    assert judge(lambda x, k: x * k * 3, wrong=wrong).wrong == "ratio"


def test_a_known_mistake_must_explain_every_probe():
    exercise = Exercise(
        "00-double",
        "double",
        double,
        (lambda: (X, 1.5), lambda: (X[:1], 2.5)),
        wrong=(Wrong("Z1", lambda x, k: x * 1.2, "k is fixed."),),
    )
    assert examine(exercise, lambda x, k: x * 1.2).wrong == "Z1"
    assert examine(exercise, lambda x, k: x * (1.2 if k == 1.5 else 1.3)).wrong is None


def test_a_known_mistake_may_have_another_shape():
    wrong = (Wrong("Z1", lambda x, k: k * x[:, ::2], "Every second row."), Wrong("Z2", lambda x, k: 1 / 0, "Fails."))
    assert judge(lambda x, k: x[:, ::2] * k, wrong=wrong).wrong == "Z1"


def test_ratio():
    named = ((lambda x, k: len(x), "Too large by N."), (-1, "The sign is turned round."))
    assert judge(lambda x, k: k * x * 2, ratios=named).text == "Too large by N."
    assert judge(lambda x, k: -k * x, ratios=named).text == "The sign is turned round."
    found = judge(lambda x, k: 0.25 * k * x, ratios=named)
    assert found.wrong == "ratio" and "Every entry of y is 0.25 times" in found.text
    assert judge(lambda x, k: 0 * x, ratios=named).wrong is None
    zeros = one(ours=lambda x, k: 0 * x)
    assert examine(zeros, lambda x, k: x * k).wrong is None, "nothing is a multiple of zero"


@pytest.mark.parametrize(
    "where, words",
    [
        (np.s_[1], "off only in picture 1, of 2"),
        (np.s_[:, 4], "off only in row 4, of 5"),
        (np.s_[:, :, :3], "off only in columns 0, 1, 2, of 7"),
        (np.s_[:, :, :, 2], "off only in channel 2, of 3"),
        (np.s_[1, 2, 3, 1], "off only in picture 1, of 2"),
        (np.s_[:], "off in 210 of 210 entries"),
    ],
)
def test_where_it_differs(where, words):
    def double(x, k):
        y = k * x
        y[where] += np.arange(y[where].size).reshape(y[where].shape) + 1.0
        return y

    assert words in judge(double).text


def test_only_the_border_differs():
    def double(x, k):
        y = np.random.default_rng(3).standard_normal(x.shape)
        y[:, 1:-1, 1:-1] = k * x[:, 1:-1, 1:-1]
        return y

    assert "off only at the border" in judge(double).text


def test_the_exercise_names_the_axes():
    exercise = one("scale", lambda w: w * 2, (X[0, :, :, 0],), outputs=("dw",), axes={"dw": ("unit", "class")})
    found = examine(exercise, lambda w: w * 2 + np.eye(5, 7)[::-1] * (np.arange(5) == 4)[:, None])
    assert "dw is off only in unit 4, of 5" in found.text and "dw[unit 4, class 0]" in found.text


def test_by_hand():
    def by_hand(arguments, output, index):
        return f"By hand: {output} at {index} is {arguments[1]} · {arguments[0][index]:.3g}."

    found = judge(lambda x, k: k * x + (np.arange(7) == 4)[:, None], by_hand=by_hand)
    assert f"By hand: y at (0, 0, 4, 0) is 1.5 · {X[0, 0, 4, 0]:.3g}." in found.text.splitlines()[-1]


def test_whole_numbers_are_told_in_full():
    exercise = one("count", lambda x: 60_965_224, (X,), outputs=("parameters",))
    found = examine(exercise, lambda x: 60_965_128)
    assert (found.wrong, found.text) == (
        None,
        "It is nearly right: off by 2e-06 of the largest entry.\nparameters is 60,965,128, expected 60,965,224.",
    )
    assert examine(exercise, lambda x: 60_965_224.0).wrong == "kind"
    assert examine(exercise, lambda x: 60_965_223).state == NOT_YET, "whole numbers are compared exactly"
    exercise = one("counts", lambda x: np.array([60_965_224, 7]), (X,), outputs=("sizes",))
    assert "is 60,965,128, expected 60,965,224" in examine(exercise, lambda x: np.array([60_965_128, 7])).text
    exercise = one("even", lambda x: x > 0, (X,))
    assert examine(exercise, lambda x: x > 0).state == RIGHT
    assert "expected " in examine(exercise, lambda x: x + np.sin(7 * x) > 0.2).text
    near = one("near", lambda x: np.array([1.0, 2.0]), (X,))
    found = examine(near, lambda x: np.array([1.00001, 2.0])).text
    assert "off only in axis 0, place 0, of 2. It is nearly right: off by 5e-06 of the largest entry.\n" in found
    assert "The first difference: y[0] is 1.00001, expected 1." in found
    assert "is 1.0000021, expected 1.0" in examine(near, lambda x: np.array([1.0000021, 2.0])).text


# ---------------------------------------------------------------------------------------------- several outputs


def gradients(x, dy, weight):
    return dy * weight, (dy * x).sum()


PAIR = {"name": "gradients", "ours": gradients, "arguments": (X, DY, 1.5), "outputs": ("dx", "dweight")}


def test_two_outputs():
    wrong = (
        Wrong("Z1", lambda x, dy, weight: (dy, (dy * x).sum()), "The weight is missing."),
        Wrong("Z2", lambda x, dy, weight: (dy * weight, (dy * x).mean()), "You averaged."),
    )
    exercise = one(**PAIR, wrong=wrong)
    assert examine(exercise, gradients).state == RIGHT
    assert examine(exercise, lambda x, dy, weight: [dy * weight, np.sum(x * dy)]).state == RIGHT, "a list will do"
    assert examine(exercise, lambda x, dy, weight: (dy * weight, (dy * x).mean())).wrong == "Z2"
    both = examine(exercise, lambda x, dy, weight: (dy, (dy * x).mean()))
    assert both.wrong == "two: Z1 + Z2"
    assert both.text == "Two things are wrong.\n1. dx: The weight is missing.\n2. dweight: You averaged."
    one_known = examine(exercise, lambda x, dy, weight: (dy, x.dtype.type(7)))
    assert one_known.wrong == "Z1" and one_known.text.startswith("dx: The weight is missing.")
    assert "dweight is not right either" in one_known.text


@pytest.mark.parametrize(
    "returned, words",
    [
        (None, "returns nothing, expected dx, dweight; a return is missing"),
        (X, "returns one array of shape (2, 5, 7, 3), expected 2 values: dx, dweight"),
        ((X,), "returns a tuple of 1, expected 2 values"),
        ((X, 1.0, 2.0), "returns a tuple of 3, expected 2 values"),
        (7.0, "returns a float, expected 2 values"),
        (7, "returns an int, expected 2 values"),
        ((X, "half"), "dweight is a str, expected an array"),
        ((X, [1, 2]), "dweight is a list of 2, expected an array"),
    ],
)
def test_another_number_or_kind_of_values(returned, words):
    assert words in examine(one(**PAIR), lambda x, dy, weight: returned).text


def test_what_is_to_be_written_into():
    def step(weight, gradient, rate):
        weight -= rate * gradient

    exercise = one("step", step, (X, DY, 0.1), outputs=("weight",), changes=(0,))
    assert examine(exercise, step).state == RIGHT
    kept = examine(exercise, lambda weight, gradient, rate: weight - rate * gradient)
    assert kept.state == NOT_YET

    def writes_into_both(weight, gradient, rate):
        gradient *= rate
        weight -= gradient

    assert "wrote into gradient" in examine(exercise, writes_into_both).text
    with_loss = one("step", lambda w, g: w.__isub__(g).sum(), (X, DY), outputs=("loss", "weight"), changes=(0,))
    assert examine(with_loss, lambda w, g: np.subtract(w, g, out=w).sum()).state == RIGHT


# ---------------------------------------------------------------------------------------------- dtype and properties


def test_float64_that_crept_in():
    found = judge(lambda x, k: np.float64(k) * x.astype(float))
    assert found.wrong == "C16" and "y came out as float64" in found.text
    assert judge(lambda x, k: 3 * x.astype(float)).wrong == "two: ratio + C16", "the numbers, and the dtype"
    half = judge(lambda x, k: (k * x).astype(np.float16) if x.dtype == np.float32 else k * x)
    assert half.wrong == "float32"
    loss = one("mean", lambda x: x.mean(), (X,), outputs=("loss",))
    assert examine(loss, lambda x: float(x.mean())).state == RIGHT, "a Python number has no dtype to keep"


@pytest.mark.parametrize(
    "held, state",
    [(True, RIGHT), (None, RIGHT), (np.True_, RIGHT), (False, NOT_YET), (np.False_, NOT_YET), ("3 of 4.", NOT_YET)],
)
def test_property(held, state):
    verdict = judge(double, properties=(Property("Z3", lambda function: held, "It must hold."),))
    assert (verdict.state, verdict.wrong) == (state, None if state == RIGHT else "Z3")
    if state == NOT_YET:
        assert verdict.text == ("It must hold. 3 of 4." if isinstance(held, str) else "It must hold.")


@pytest.mark.parametrize(
    "failing, told",
    [
        ("ab", "two: A + B"),
        ("ac", "two: A + C"),
        ("bc", "B"),
        ("abc", "two: A + B"),
        ("ad", "A"),
        ("db", "B"),
        ("be", "B"),
        ("ae", "two: A + E"),
        ("c", "C"),
    ],
)
def test_two_properties_that_fail_for_different_reasons_are_told(failing, told):
    """b and c share a word, e has one of b's, d has none."""
    about = {"a": "size", "b": "seed dtype", "c": "dtype", "d": "", "e": "seed"}
    held = tuple(
        Property(name.upper(), lambda function, name=name: name not in failing, f"{name} fails.", about=words)
        for name, words in about.items()
    )
    verdict = judge(double, properties=held)
    assert verdict.wrong == told
    first, *more = told.removeprefix("two: ").lower().split(" + ")
    expected = f"Two things are wrong.\n1. {first} fails.\n2. {more[0]} fails." if more else f"{first} fails."
    assert verdict.text == expected


def test_the_properties_that_fail_are_counted():
    held = tuple(Property(w.upper(), lambda function: False, f"{w} fails.", about=w) for w in "abcde")
    verdict = judge(double, properties=held)
    assert verdict.wrong == "two: A + B"
    assert verdict.text == "Five things are wrong, these among them.\n1. a fails.\n2. b fails."


def test_a_second_property_that_raises_is_not_told():
    """It may raise because of the first."""

    def raising(function):
        raise ValueError

    first = Property("A", lambda function: False, "a fails.", about="a")
    verdict = judge(double, properties=(first, Property("B", raising, "b fails.", about="b")))
    assert (verdict.wrong, verdict.text) == ("A", "a fails.")


def test_a_property_in_which_the_learner_fails():
    def double(x, k):
        return 1 / 0 if k == 9 else k * x

    verdict = judge(double, properties=(Property("Z3", lambda function: function(X, 9) is None, "…"),))
    assert "ZeroDivisionError" in verdict.text and "return 1 / 0 if k == 9" in verdict.text


# ---------------------------------------------------------------------------------------------- whatever learners write


def test_the_learners_own_line_is_shown():
    def double(x, k):
        wide = x.reshape(-1, 4)
        return wide

    found = judge(double).text
    assert "double fails with ValueError: cannot reshape" in found
    line = double.__code__.co_firstlineno + 1
    assert f"in its line {line}: wide = x.reshape(-1, 4)" in found


@pytest.mark.parametrize("error", [ValueError, TypeError, RuntimeError])
@pytest.mark.parametrize("checked_by", ["a call", "a property"])
def test_the_learners_own_error_is_told_as_theirs(error, checked_by):
    """Only `WrongKind` is a message of ours: its parent ValueError, with the same words, is the learner's failure."""

    def double(x, k):
        if k != 1.5 or checked_by == "a call":
            raise error("returns nothing, expected y")
        return k * x

    verdict = judge(double, properties=(Property("Z3", lambda function: function(X, 9) is None, "…"),))
    line = double.__code__.co_firstlineno + 2
    words = f"double fails with {error.__name__}: returns nothing, expected y\nin its line {line}: raise error("
    assert (verdict.state, verdict.wrong) == (NOT_YET, None) and verdict.text.startswith(words), verdict.text


def test_our_word_for_another_kind_is_told_as_ours():
    def holds(function):
        raise WrongKind("draws a list, expected an array")

    verdict = judge(double, properties=(Property("Z3", holds, "…"),))
    assert verdict.text == "double: draws a list, expected an array."
    assert judge(lambda x, k: None).text.startswith("double returns nothing, expected y;")


class Spiteful(Exception):
    def __str__(self):
        raise RuntimeError


class Odd(np.ndarray):
    def __array_ufunc__(self, *arguments, **options):
        raise RuntimeError("no")


class Unclassed:
    """Raises wherever its class is asked for, outside the learner's own call too."""

    def __init__(self, error):
        self.error = error

    @property
    def __class__(self):
        raise self.error


def deep(x, k):
    return deep(x, k)


def raising(error):
    def double(x, k):
        raise error

    return double


WEIRD = {
    "a text": (lambda x, k: "y = 3", "a str"),
    "nothing": (lambda x, k: None, "returns nothing"),
    "a list": (lambda x, k: x.tolist(), "a list"),
    "a dict": (lambda x, k: {"y": x}, "a dict"),
    "a generator": (lambda x, k: (v for v in x), "a generator"),
    "a function": (lambda x, k: double, "a function"),
    "a class": (lambda x, k: np.ndarray, "a type"),
    "NotImplemented": (lambda x, k: NotImplemented, "NotImplementedType"),
    "objects": (lambda x, k: x.astype(object), "expected an array of numbers"),
    "texts": (lambda x, k: x.astype(str), "expected an array of numbers"),
    "complex numbers": (lambda x, k: k * x + 1j, "expected an array of numbers"),
    "a huge number": (lambda x, k: 10**400, "expected an array of numbers"),
    "dates": (lambda x, k: np.array("2012-09-30", dtype="datetime64[D]"), "expected an array of numbers"),
    "an empty array": (lambda x, k: x[:0], "y.shape is (0, 5, 7, 3)"),
    "a number": (lambda x, k: 3, "y.shape is ()"),
    "an array of its own kind": (lambda x, k: (k * x).view(Odd), None),
    "an object that fails without words": (lambda x, k: Unclassed(Spiteful()), "(Spiteful: )"),
    "an object that exits": (lambda x, k: Unclassed(SystemExit(3)), "(SystemExit: 3)"),
    "a masked array": (lambda x, k: np.ma.masked_array(k * x, x > 0), None),
    "no end": (deep, "RecursionError"),
    "another signature": (lambda x: x, "It is called as double(x, k)."),
    "no signature": (lambda: 1, "TypeError"),
    "an exit": (raising(SystemExit(3)), "SystemExit"),
    "words that fail": (raising(Spiteful()), "Spiteful"),
    "an empty error": (raising(AssertionError()), "AssertionError"),
    "a warning": (raising(RuntimeWarning("careful")), "careful"),
    "a full memory": (raising(MemoryError()), "more memory than a check may take"),
    "an end of iteration": (raising(StopIteration()), "StopIteration"),
    "a library's function": (np.linalg.inv, "TypeError"),
    "a class to call": (Path, "TypeError"),
    "no function": (7, "double is an int, expected a function."),
    "None": (None, "double is None, expected a function."),
}


@pytest.mark.parametrize("name", WEIRD)
def test_nothing_makes_it_raise(name):
    function, words = WEIRD[name]
    for more in ({}, {"compare": False}, {"wrong": (Wrong("Z1", lambda x, k: x, "…"),)}):
        verdict = judge(function, **more)
        if words is not None:
            assert verdict.state == NOT_YET and words in verdict.text, verdict


def test_ctrl_c_stops_it():
    with pytest.raises(KeyboardInterrupt):
        judge(raising(KeyboardInterrupt()))


def test_warnings_and_settings_of_the_learner_stay_inside():
    before = np.geterr()

    def double(x, k):
        np.seterr(all="raise")
        return k * x

    assert judge(double).state == RIGHT
    assert np.geterr() == before


def test_arguments_are_fresh_for_every_call():
    def double(x, k):
        y = k * x
        x[:] = 0
        return y

    assert judge(double).wrong == "unchanged" and X.any()


# ---------------------------------------------------------------------------------------------- the lessons

WRITTEN = [number for number in lessons.numbers() if (lessons.FOLDER / "solutions" / f"{number}.py").exists()]
BY_HAND = [exercise for number in WRITTEN for exercise in find_lesson(number).exercises if exercise.by_hand]


@pytest.mark.parametrize("exercise", BY_HAND, ids=lambda exercise: exercise.id)
def test_by_hand_works_for_every_entry(exercise):
    for probe in exercise.probes:
        arguments = probe()
        result = exercise.read(exercise.ours(*arguments), arguments)
        for output, value in result.items():
            places = list(np.ndindex(np.shape(value)))
            for index in places[:: max(1, len(places) // 60)] + places[-1:]:
                words = exercise.by_hand(probe(), output, index)
                assert words is None or isinstance(words, str)


def test_unknown_names():
    for name, words in (("99", "expected one of 01"), ("²", "expected one of"), ("9x", "expected one of")):
        with pytest.raises(UserError, match=words):
            find_lesson(name)
    with pytest.raises(UserError, match="09-forward, 09-backward"):
        find_exercise("09-sideways")
    assert find_lesson("9") is find_lesson("09") is find_lesson(9)


@pytest.mark.parametrize("arguments", ["", "09", "--book new", "09 --check mine.py", "--json"])
def test_without_a_clone_one_line_says_where_the_lessons_are(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lessons, "FOLDER", tmp_path / "lessons")
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, "lesson", *arguments.split())
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert err.startswith(f"tinyalex: found no lessons in {tmp_path / 'lessons'}; install tinyalex again")
    assert not any(tmp_path.iterdir())


def test_each_folder_has_its_own_exercises(tmp_path, monkeypatch):
    """Exercises are kept by file, not by number: another folder's lesson of the same number is another lesson."""
    real = find_lesson("09")
    (tmp_path / "exercises").mkdir()
    file = tmp_path / "exercises" / "09.py"
    file.write_text("from tinyalex.teaching.exercise import Lesson\n\nLESSON = Lesson('09', 'Another', 1, 1, ())\n")
    monkeypatch.setattr(lessons, "FOLDER", tmp_path)
    assert find_lesson("09").title == "Another" and find_lesson("09") is find_lesson("09")
    monkeypatch.undo()
    assert find_lesson("09") is real
    assert sys.modules[lessons.exercises("09").__name__].LESSON is real


def test_exercises_that_fail_to_load_are_not_kept(tmp_path, monkeypatch):
    (tmp_path / "exercises").mkdir()
    file = tmp_path / "exercises" / "98.py"
    file.write_text("1 / 0\n")
    monkeypatch.setattr(lessons, "FOLDER", tmp_path)
    before = set(sys.modules)
    with pytest.raises(ZeroDivisionError):
        find_lesson("98")
    assert set(sys.modules) == before
    file.write_text("from tinyalex.teaching.exercise import Lesson\n\nLESSON = Lesson('98', 'Mended', 1, 1, ())\n")
    assert find_lesson("98").title == "Mended"


# ---------------------------------------------------------------------------------------------- in the notebook


def test_check_prints_remembers_and_returns(capsys):
    ours, name = find_exercise("09-forward").ours, "09-forward"
    right = lessons.solutions(name)[0]

    def lrn_forward(*arguments):
        raise NotDoneYet

    assert notebook.check(name, lrn_forward) is ours and learner.progress() == {}
    assert capsys.readouterr().out == '09-forward: not done yet. What follows uses ours; hint("09-forward", 1) helps.\n'
    assert notebook.check(name, lambda *arguments: 0) is ours and learner.progress() == {name: NOT_YET}
    assert capsys.readouterr().out.startswith("09-forward: not yet. y.shape is ()")
    assert notebook.check(name, right) is right and learner.progress() == {name: RIGHT}
    assert "What follows uses yours." in capsys.readouterr().out
    assert notebook.check(name, None) is ours and learner.progress() == {name: RIGHT}, "right once stays right"
    notebook.lesson("09")
    assert "Checks passed: 1 of " in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"null", b'"right"', b"[" * 100_000, b"\0", b"\xff\xfe"])
def test_a_file_of_progress_that_cannot_be_read(content, capsys):
    """It is set aside, with a line that says so once, and progress begins anew."""
    file = Path(os.environ[learner.PROGRESS])
    file.write_bytes(content)
    assert learner.progress() == {} and file.read_bytes() == content
    learner.remember("09-forward", RIGHT)
    err = capsys.readouterr().err
    assert err.startswith(f"{file}: ") and err.count("\n") == 1 and "progress.json.damaged" in err
    assert json.loads(file.read_text()) == {"09-forward": RIGHT}
    assert file.with_name("progress.json.damaged").read_bytes() == content
    file.write_bytes(b"again")
    learner.remember("09-forward", RIGHT)
    assert "progress.json.damaged-2" in capsys.readouterr().err
    assert file.with_name("progress.json.damaged-2").read_bytes() == b"again"
    assert file.with_name("progress.json.damaged").read_bytes() == content, "the first is still there"


@pytest.mark.parametrize("bad", ['"righ"', "3", "null", "[]", "{}"])
def test_one_bad_entry_of_progress_costs_no_other(bad, capsys):
    file = Path(os.environ[learner.PROGRESS])
    file.write_text(f'{{"01-batch": "right", "01-mean": {bad}, "01-mirror": "not yet", "01-centre": {bad}}}')
    assert learner.progress() == {"01-batch": RIGHT, "01-mirror": NOT_YET}
    learner.remember("01-mean", NOT_YET)
    err = capsys.readouterr().err
    assert err.startswith(f"{file}: 01-mean: found ") and err.endswith("Entries left out: 2; kept: 2.\n"), err
    assert err.count("\n") == 1
    assert json.loads(file.read_text()) == {"01-batch": RIGHT, "01-mirror": NOT_YET, "01-mean": NOT_YET}
    assert len(list(file.parent.iterdir())) == 1, "nothing is set aside"


def test_a_folder_in_the_place_of_progress_is_told_by_the_list(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(learner.PROGRESS, str(tmp_path))
    code, out, err = call(capsys, "lesson")
    assert code == 0 and err == f"Progress is not kept: {tmp_path} cannot be written (Is a directory).\n"


def test_progress_that_cannot_be_written(tmp_path, monkeypatch, capsys):
    """A check goes on, and one line on stderr says why nothing is kept."""
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path, tmp_path / "file" / "progress.json"):  # a folder; a file below a file
        monkeypatch.setenv(learner.PROGRESS, str(place))
        assert learner.progress() == {}
        assert notebook.check("09-forward", lambda *arguments: 0)
        out, err = capsys.readouterr()
        assert "not yet" in out and err.startswith(f"Progress is not kept: {place} cannot be written (")
        assert err.count("\n") == 1 and learner.progress() == {}
    assert (tmp_path / "file").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


def test_hint_and_reveal(capsys):
    notebook.hint("09-forward")
    notebook.hint("09-forward", 3)
    first, third = find_exercise("09-forward").hints[::2]
    assert capsys.readouterr().out == f"Hint 1 of 3: {first}\nHint 3 of 3: {third}\n"
    for number in (0, 4, "first", None):
        notebook.hint("09-forward", number)
        assert "hints 1 to 3; after them, reveal('09-forward')" in capsys.readouterr().out
    notebook.reveal("09-forward")
    assert capsys.readouterr().out.startswith("def lrn_forward(x, n, alpha, beta, k):\n")


@pytest.mark.parametrize(
    "guess, value, unit, words",
    [
        (None, 96, "kernels", "It is 96 kernels. (You have not guessed"),
        (96, 96, "kernels", "It is 96 kernels: exactly what you said."),
        (96.2, 96, "", "exactly what you said"),
        (120, 96, "", "25% too high"),
        (72, 96, "", "25% too low"),
        (9600, 96, "kernels", "You said 9,600 kernels: 100 times too high"),
        (1, 96, "", "96 times too low"),
        (-96, 96, "", "It is 96. You said -96: 192 too low."),
        (-1.4, -3.1, "", "It is -3.1. You said -1.4: 1.7 too high."),
        (3, 0, "", "It is 0. You said 3: 3 too high."),
        (0, 0, "", "exactly"),
        (0, 5, "", "It is 5. You said 0: 5 too low."),
        (60e6, 60_965_224, "", "It is 60,965,224. You said 60,000,000.0: 2% too low."),
        (0.5, 0.123456, "", "It is 0.123. You said 0.5: 4.05 times too high."),
        (0.5, np.float32(0.123456), "", "It is 0.123. You said 0.5"),
        (np.float64(12), np.int64(12), "", "exactly"),
        (True, 1, "", "exactly"),
        ("many", 96, "", "It is 96. A number was expected as a guess, not 'many'."),
        ([1, 2], 96, "", "not [1, 2]"),
        (3 + 4j, 5.0, "", "not (3+4j)"),
        (float("nan"), 5.0, "", "not nan"),
        (float("inf"), 5.0, "", "not inf"),
        (X, 5.0, "", "A number was expected as a guess, not an array of shape (2, 5, 7, 3)."),
        (print, 5.0, "", "A number was expected"),
    ],
)
def test_answer(guess, value, unit, words, capsys):
    notebook.answer(guess, value, unit)
    shown = capsys.readouterr().out
    assert words in shown and shown.count("\n") == 1, shown


def test_lost_digits():
    """Integers or single precision instead of float64 are named as such, not as entries that are off."""
    exercise = one("scaled", lambda x: x * 1.5, (X,))
    whole = examine(exercise, lambda x: (x * 1.5).astype(int))
    assert whole.wrong == "whole" and "whole numbers (int64)" in whole.text
    same = one("same", lambda x: x * 1.0, (X,))
    single = examine(same, lambda x: x.astype(np.float32) + np.float32(30) - np.float32(30))
    assert single.wrong == "single" and "float32" in single.text


def test_a_late_property_is_checked_after_the_values():
    late = Property("L99", lambda f: False, "Too soon.", late=True)
    exercise = one("scaled", lambda x: x * 1.5, (X,), properties=(late,))
    assert "Too soon" not in examine(exercise, lambda x: x * 2).text
    assert examine(exercise, lambda x: x * 1.5).wrong == "L99"


def test_entries_that_are_not_finite_are_worked_out_by_hand_too():
    exercise = one("scaled", lambda x: x * 1.5, (X,), by_hand=lambda arguments, output, index: "By hand: 1 + 1.")
    found = examine(exercise, lambda x: x * np.nan).text
    assert "is nan, expected" in found and found.endswith("By hand: 1 + 1.")


def test_progress_of_two_lessons_at_once(tmp_path, monkeypatch):
    file = tmp_path / "together.json"
    code = "import sys; from tinyalex.teaching import learner; "
    code += "[learner.remember(f'{sys.argv[1]}-{n}', 'right') for n in range(30)]"
    env = os.environ | {learner.PROGRESS: str(file), "PYTHONPATH": str(ROOT)}
    both = [subprocess.Popen([sys.executable, "-c", code, name], env=env) for name in ("05", "06")]
    assert [process.wait(60) for process in both] == [0, 0]
    assert len(json.loads(file.read_text())) == 60 and [path.name for path in tmp_path.iterdir()] == [file.name]


def test_progress_that_another_process_made_is_read_again(tmp_path, monkeypatch):
    """Under the lock: what it wrote between our look and our turn stays, and what is right there is not made less."""
    file = tmp_path / "progress.json"

    @contextmanager
    def after_another(path):
        file.write_text(json.dumps({"05-relu": "right", "06-window": "right"}))
        yield

    monkeypatch.setattr(learner, "_alone", after_another)
    learner.remember("05-sigmoid", "right")
    assert json.loads(file.read_text()) == dict.fromkeys(("05-relu", "06-window", "05-sigmoid"), "right")
    file.unlink()
    learner.remember("05-relu", "not yet")
    assert json.loads(file.read_text())["05-relu"] == "right"


def test_two_numbers_in_one_array():
    """It has one dtype for both, which is no fault of either."""

    def ours(x):
        return x.sum(), np.float64(x.mean())

    exercise = one("answer", ours, (X.astype(np.float32),), outputs=("a", "b"))
    assert examine(exercise, lambda x: np.array([float(x.sum()), float(x.mean())])).state == RIGHT


def test_an_answer_may_rely_on_as_many_classes_as_it_names():
    def top_k_error(scores, labels, k):
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        return 1 - np.mean([label in row for label, row in zip(labels, top)])

    assert examine(find_exercise("14-top-k"), top_k_error).state == RIGHT

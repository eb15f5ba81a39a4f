"""Edits of sources: nothing changes until one is turned on, and each gives what its words say."""

import contextlib
import math
import time

import numpy as np
import pytest

from tinyalex.teaching import lessons
from tinyalex.teaching.explain.editor import SUPERFLUOUS, UNLIKELY
from tinyalex.teaching.explain.edits import Edits
from tinyalex.teaching.explain.switches import Endless
from tinyalex.teaching.explain.versions import after_before, copied, outputs, place_of
from tinyalex.teaching.lessons import find_lesson
from tinyalex.teaching.values import agree

EXERCISES = [e for number in lessons.numbers() for e in find_lesson(number).exercises if e.compare and e.probes]


def total(x, start, scale):
    s = 0.0
    for i in range(start, len(x)):
        s += scale * x[i]
    return s


def picked(x, keep):
    y = np.zeros_like(x)
    y[1:] = np.maximum(x[1:], 0)
    return -y.sum(axis=0) if keep and x.ndim > 1 else (y.max(), y.T)


def within(x, low, high):
    return sum([v for v in x if low <= v < high and v != 3])


def emptied(x):
    x["y"][1:] = 0
    return np.mean(x["y"], axis=0)


def shifted(x):
    return x[1:] - x[:-1] + 1


def _twice(x):
    return x + x


def outer(x):
    return _twice(x) - 1


def halving(n):
    steps = 0
    while n > 1:
        n, steps = n // 2, steps + 1
    return steps


def places(n, k, s):
    return (n + 2 - k) // s


def over_all(x):
    return [x * kept for kept in [0, 1]]


X = np.array([[3.0, -1.0, 2.0], [-5.0, 7.0, 11.0], [13.0, 17.0, -19.0]])


def values(function, *arguments):
    """{(before, after): result}, without those that fail."""
    edits, found = Edits(function), {}
    for edit in edits.edits:
        try:
            found[edit.before, edit.after] = edits.with_edits(edit)(*copied(arguments))
        except Exception:
            continue
    return found


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
def test_without_an_edit_nothing_changes(exercise):
    for function in lessons.solutions(exercise.id):
        edits = Edits(function)
        assert len(edits.edits) > 5
        for probe in exercise.probes:
            arguments = probe()
            right = outputs(exercise, exercise.ours, copied(arguments))
            found = outputs(exercise, edits.with_edits(), copied(arguments))
            assert all(agree(found[name], value) for name, value in right.items()), function.__name__


@pytest.mark.parametrize(
    "before, after, result",
    [
        ("0.0", "1", 51),
        ("range(start, len(x))", "(range(start, len(x)))[1:]", 10 * 3),
        ("range(start, len(x))", "(range(start, len(x)))[::-1]", 50),
        ("start", "scale", 0),
        ("scale * x[i]", "scale + x[i]", 25),
        ("scale * x[i]", "x[i]", 5),
        ("scale * x[i]", "2 * (scale * x[i])", 100),
        ("s += scale * x[i]", "s = scale * x[i]", 30),
        ("s += scale * x[i]", "pass", 0),
        ("s += scale * x[i]", "s -= scale * x[i]", -50),
        ("i", "i - 1", 30),
    ],
)
def test_each_edit_gives_what_it_says(before, after, result):
    assert values(total, [1.0, 2.0, 3.0], 1, 10)[before, after] == pytest.approx(result)


@pytest.mark.parametrize(
    "before, after, result",
    [
        ("np.maximum(x[1:], 0)", "np.minimum(x[1:], 0)", [5, 0, 19]),
        ("np.maximum(x[1:], 0)", "x[1:]", [-8, -24, 8]),
        ("0", "1", [0, -18, -30]),
        ("y.sum(axis=0)", "y.max(axis=0)", [-13, -17, -11]),
        ("y.sum(axis=0)", "y.mean(axis=0)", [-13 / 3, -8, -11 / 3]),
        ("-y.sum(axis=0)", "y.sum(axis=0)", [13, 24, 11]),
    ],
)
def test_edits_of_arrays(before, after, result):
    found = values(picked, X, True)
    assert found[before, after] == pytest.approx(np.array(result))


@pytest.mark.parametrize(
    "before, after, result",
    [
        ("low <= v < high", "v < high", 7),
        ("low <= v < high", "low <= v", 17),
        ("low <= v < high and v != 3", "v != 3", 18),
        ("low <= v < high and v != 3", "low <= v < high", 9),
        ("low <= v < high and v != 3", "low <= v < high or v != 3", 21),
        ("x", "(x)[::-1]", 6),
        ("x", "(x)[:1]", 0),
    ],
)
def test_edits_of_conditions_and_loops(before, after, result):
    assert values(within, [1, 2, 3, 4, 5, 6], 2, 5)[before, after] == result


def test_a_short_place_is_told_with_what_is_around():
    axis = next(edit for edit in Edits(emptied).edits if edit.kind == "axis")
    assert after_before(axis) == ["axis=1", "axis=0"]
    name = next(edit for edit in Edits(total).edits if (edit.before, edit.after) == ("scale", "start"))
    assert after_before(name) == ["start * x[i]", "scale * x[i]"]


def test_of_several_alike_one_is_told():
    numbers = [place_of(edit) for edit in Edits(shifted).edits if edit.after == "2"]
    assert [words.partition(":")[0].partition(", ")[2] for words in numbers] == ["the first `1`", "the third `1`"]


def test_the_numbers_of_a_list_stay_different():
    assert {e.after for e in Edits(over_all).edits if e.kind == "number"} == {"-1", "2"}


def test_an_operation_keeps_its_brackets():
    words = {e.after for e in Edits(places).edits}
    assert {"(n + 2 - k) / s", "s // (n + 2 - k)", "-(-(n + 2 - k) // s)"} <= words


def test_what_only_chance_makes_right():
    """No key is left out, and nothing is gained by adding 0."""
    hints = {(edit.before, edit.after): edit.hint for edit in Edits(emptied).edits}
    assert hints["x['y'][1:] = 0", "x['y'][1:] += 0"] == UNLIKELY
    assert hints["x['y'][1:] = 0", "pass"] == SUPERFLUOUS
    assert ("x['y']", "x") not in hints


def test_other_functions_of_the_file_are_edited_too():
    found = values(outer, 5)
    assert found["x + x", "x * x"] == 24 and found["_twice(x) - 1", "_twice(x) + 1"] == 11
    lines = {edit.before: edit.line for edit in Edits(outer).edits}
    assert lines["x + x"] == _twice.__code__.co_firstlineno + 1


def growing(n):
    rows, size = [], 2
    for _ in range(n):
        rows.append(size)
        size = size * n
    return rows


def nested(n):
    rows = []
    for i in range(n):
        rows.append((i, n))
        rows.append((n, i))
    return np.array(rows)


def joined(n):
    return np.sort(np.r_[np.arange(n), np.arange(n)])


@pytest.mark.alone
@pytest.mark.parametrize("function", [halving, growing, nested, joined], ids=lambda f: f.__name__)
def test_no_edit_takes_for_ever(function):
    """A loop over the list it appends to, a power of a power, a list in itself, an array of np.r_ itself."""
    edits = Edits(function)
    edits.limit(lambda own: own(12))
    begun = time.thread_time()
    for edit in edits.edits:
        with contextlib.suppress(Exception):
            edits.with_edits(edit)(12)
    assert time.thread_time() - begun < 1
    assert edits.with_edits()(12) is not None


def test_an_edit_of_a_while_loop_may_make_it_endless():
    edits = Edits(halving)
    true = next(edit for edit in edits.edits if edit.after == "True")
    edits.limit(lambda own: own(9))
    with pytest.raises(Endless):
        edits.with_edits(true)(9)
    assert edits.with_edits()(9) == 3


def test_a_function_that_is_not_limited_may_take_more_steps():
    edits = Edits(halving)
    edits.limit(lambda own: own(9))
    with pytest.raises(Endless):
        edits.with_edits()(2**3000)
    assert edits.with_edits(most=math.inf)(2**3000) == 3000


def _counted(x, n):
    return np.bincount(np.maximum((x / n).astype(int) - 1, 0), minlength=n)


def test_an_edit_makes_numpy_count_to_no_end():
    """NaN as an integer, less 1, is 2⁶³ − 1; np.bincount then writes beyond its array."""
    with np.errstate(all="ignore"), pytest.raises(Endless):
        Edits(_counted).with_edits()(np.array([np.nan]), 3)


def test_what_cannot_be_edited():
    def inside():
        return X

    for other in (lambda x: x, math.sqrt, np.sum, Edits, "text", inside.__call__):
        with pytest.raises((ValueError, AttributeError)):
            Edits(other)


def test_the_words_of_a_message_are_not_edited():
    def refusing(x):
        if x.size == 0:
            raise ValueError(f"{x.size} entries, expected {1} or more")
        return x + 2

    edits = Edits(refusing)
    assert not [edit for edit in edits.edits if edit.before == "1"]
    assert any(edit.before == "2" for edit in edits.edits)

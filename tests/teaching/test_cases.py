"""tinyalex.teaching.cases: one special case of an exercise, told with the difference."""

import numpy as np
import pytest

from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import NotDoneYet


def arguments():
    return np.array([[1.0, -2.0, 3.0]]), 2


def twice(x, factor):
    return x * factor, x.sum()


held = case("for one row", twice, arguments, ("y", "total"))


def changed(x, factor):
    x *= factor


def test_a_case_is_late_and_says_when():
    assert held.late and held.message == "Right for the usual arguments, but not for one row."
    assert held.holds(twice) is None and held.holds(lambda x, factor: [x + x, float(x.sum())]) is None


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda x, factor: (x[0] * factor, x.sum()), "y.shape is (3,), expected (1, 3)."),
        (lambda x, factor: (x * factor, x.sum() + 1), "total is 3, expected 2."),
        (lambda x, factor: (abs(x) * factor, x.sum()), "y[0, 1] is 4, expected -4."),
        (lambda x, factor: (x * np.nan, x.sum()), "y[0, 0] is nan, expected 2."),
        (lambda x, factor: x, "It returns 1 value, expected 2."),
        (lambda x, factor: ("x", x), "y is a str, expected an array."),
        (lambda x, factor: x[1], "It fails with IndexError: index 1 is out of bounds for axis 0 with size 1"),
    ],
)
def test_a_case_tells_the_difference(wrong, words):
    assert held.holds(wrong) == words


def test_a_case_looks_at_changed_arguments():
    in_place = case("for one row", changed, arguments, ("x",), changes=(0,))
    assert in_place.holds(changed) is None
    assert in_place.holds(lambda x, factor: x * factor) == "x[0, 2] is 3, expected 6."


def test_a_case_lets_not_done_yet_pass():
    def todo(x, factor):
        raise NotDoneYet

    with pytest.raises(NotDoneYet):
        held.holds(todo)

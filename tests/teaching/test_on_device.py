"""What learners are told of an answer that is right on NumPy and not on a GPU: the mistake, and the line that makes it."""

import numpy as np
import pytest

from tinyalex.backend import array_module
from tinyalex.teaching.device import bus, xp
from tinyalex.teaching.examine import examine
from tinyalex.teaching.exercise import Exercise, NotDoneYet
from tinyalex.teaching.mistakes import NOT_DONE, NOT_YET, RIGHT
from tinyalex.teaching.on_device import MISTAKES, device_properties

U = np.array([[0.1, 0.9, 0.4], [0.6, 0.2, 0.8]])


def ours(x, u, k):
    """Moves u, as it has to."""
    there = array_module(x)
    return k * x + there.asarray(u)


def probe():
    return np.arange(6.0).reshape(2, 3), U.copy(), 1.5


def judge(function, **more):
    properties = device_properties((probe,), stays=(1,), **{"moves": lambda x, u, k: u.nbytes} | more)
    return examine(Exercise("00-sum", "sum", ours, (probe,), properties=properties), function)


def test_right():
    assert judge(ours).state == RIGHT
    assert judge(lambda x, u, k: array_module(x).asarray(u) + x * k).state == RIGHT


def test_the_line_is_told():
    def host_array(x, u, k):
        y = k * x
        return y + u  # here

    verdict = judge(host_array)
    assert verdict.wrong == "X3" and MISTAKES["host"][1] in verdict.text
    assert f"Its line {host_array.__code__.co_firstlineno + 2}: return y + u  # here" in verdict.text


def test_one_mistake_at_a_time_the_first_that_is_met():
    def two(x, u, k):
        if x.sum() > 100:
            return x
        return k * x + u

    assert judge(two).wrong == "X4"


def test_what_has_to_move_may():
    assert judge(ours, moves=lambda x, u, k: u.nbytes - 1).wrong == "X9"
    assert judge(lambda x, u, k: ours(x, u, k) + array_module(x).asarray(np.zeros(3, np.float32))).wrong == "X9"


def test_numbers_come_before_the_device():
    assert judge(lambda x, u, k: np.asarray(x) + u).wrong is None


@pytest.mark.parametrize("fault", ["mine", "todo"])
def test_what_else_is_raised_there(fault):
    def only_there(x, u, k):
        if not isinstance(x, np.ndarray):
            raise NotDoneYet if fault == "todo" else IndexError("of my own")
        return k * x + u

    verdict = judge(only_there)
    assert verdict.state == (NOT_DONE if fault == "todo" else NOT_YET)
    assert fault == "todo" or "IndexError: of my own" in verdict.text


def test_results_are_all_of_the_device_and_the_same():
    def home(x, u, k):
        return k * x + u if isinstance(x, np.ndarray) else np.ones((2, 3))

    def other(x, u, k):
        return k * x + u if isinstance(x, np.ndarray) else ours(x, u, k + 1e-3)

    assert judge(home).wrong == "X10" and judge(other).wrong == "X11"


@pytest.mark.parametrize("function", [ours, lambda x, u, k: 1 / 0, lambda x, u, k: x.get() if x.ndim == 2 else k])
def test_the_doors_are_open_afterwards(function):
    judge(function)
    assert xp.asarray(np.zeros(100)).get().sum() == 0 and bus.most_waits == bus.most_bytes == np.inf
    bus.reset()

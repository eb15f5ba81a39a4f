"""An answer that is right on NumPy but not on a GPU: the learner is told the mistake and its line."""

import numpy as np
import pytest

from tinyalex.backend import array_module
from tinyalex.standin import bus, xp
from tinyalex.teaching.examine import examine
from tinyalex.teaching.exercise import Exercise, NotDoneYet
from tinyalex.teaching.mistakes import NOT_DONE, NOT_YET, RIGHT
from tinyalex.teaching.on_device import MISTAKES, device_properties

U = np.array([[0.1, 0.9, 0.4], [0.6, 0.2, 0.8]])


def ours(x, u, k):
    """Moves u, which is necessary."""
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


def test_only_the_first_mistake_is_told():
    def two(x, u, k):
        if x.sum() > 100:
            return x
        return k * x + u

    assert judge(two).wrong == "X4"


def test_necessary_transfers_are_allowed():
    assert judge(ours, moves=lambda x, u, k: u.nbytes - 1).wrong == "X9"
    assert judge(lambda x, u, k: ours(x, u, k) + array_module(x).asarray(np.zeros(3, np.float32))).wrong == "X9"


def test_numbers_come_before_the_device():
    assert judge(lambda x, u, k: np.asarray(x) + u).wrong == "fixed", "k is 1"


@pytest.mark.parametrize("fault", ["mine", "todo"])
def test_other_errors_on_the_device(fault):
    def only_there(x, u, k):
        if not isinstance(x, np.ndarray):
            raise NotDoneYet if fault == "todo" else IndexError("of my own")
        return k * x + u

    verdict = judge(only_there)
    assert verdict.state == (NOT_DONE if fault == "todo" else NOT_YET)
    assert fault == "todo" or "IndexError: of my own" in verdict.text


def test_results_must_be_on_the_device_and_the_same():
    def home(x, u, k):
        return k * x + u if isinstance(x, np.ndarray) else np.ones((2, 3))

    def other(x, u, k):
        return k * x + u if isinstance(x, np.ndarray) else ours(x, u, k + 1e-3)

    assert judge(home).wrong == "X10" and judge(other).wrong == "X11"


def test_only_the_devices_own_errors_are_refusals():
    """Known by class or object, not by words that a learner may use too."""
    missing = "the device has no 'x': DeviceArray"

    def named(x, u, k):
        return k * x + u if isinstance(x, np.ndarray) else array_module(x).no_such_function(x)

    def method(x, u, k):
        return k * x + u if isinstance(x, np.ndarray) else x.no_such_method()

    def own(x, u, k):
        if not isinstance(x, np.ndarray):
            raise AttributeError(missing)
        return k * x + u

    assert judge(named).wrong == judge(method).wrong == "X7"
    verdict = judge(own)
    assert verdict.wrong is None and verdict.text.startswith(f"sum fails with AttributeError: {missing}")


@pytest.mark.parametrize("function", [ours, lambda x, u, k: 1 / 0, lambda x, u, k: x.get() if x.ndim == 2 else k])
def test_limits_are_lifted_afterwards(function):
    judge(function)
    assert xp.asarray(np.zeros(100)).get().sum() == 0 and bus.most_waits == bus.most_bytes == np.inf
    bus.reset()

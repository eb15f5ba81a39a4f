"""Work in processes: in order, a few items ahead, and ended at once in every case."""

import multiprocessing
import os
import signal
import time

import pytest

from tests.checks import refused
from tinyalex.data.pool import AHEAD, in_processes
from tinyalex.errors import UserError


def slow_if_even(number):
    time.sleep(0.05 if number % 2 == 0 else 0)
    return number, os.getpid()


def refuse_three(number):
    if number == 3:
        raise UserError("found 3", "number")
    return number


def die_at_three(number):
    if number == 3:
        os._exit(1)
    return bytes(1 << 20)  # more than a pipe holds


def sleep_long(number):
    time.sleep(600)


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("count", [0, 1, 7])
def test_results_come_in_order_from_all_processes(count):
    found = list(in_processes(slow_if_even, range(count), 2))
    assert [number for number, _ in found] == list(range(count))
    assert len({process for _, process in found}) == min(count, 2) and os.getpid() not in {p for _, p in found}


def test_only_a_few_items_are_taken_ahead():
    taken = []
    results = in_processes(slow_if_even, (taken.append(n) or n for n in range(100)), 2)
    for number in range(4):
        assert next(results)[0] == number
        time.sleep(0.2)
        assert len(taken) <= number + 1 + 2 + AHEAD
    results.close()


def test_an_error_comes_in_its_place():
    results = in_processes(refuse_three, range(9), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    refused(lambda: next(results), "number: found 3", error=UserError)


def test_a_process_that_ends_is_one_line():
    refused(lambda: list(in_processes(die_at_three, range(9), 2)), "a worker process ended early", error=UserError)


def test_work_that_is_given_up_ends_at_once():
    results = in_processes(sleep_long, (bytes(1 << 22) for _ in range(9)), 2)

    def interrupt(number, frame):
        raise KeyboardInterrupt

    began, before = time.perf_counter(), signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1.5)
    with pytest.raises(KeyboardInterrupt):
        next(results)
    signal.signal(signal.SIGALRM, before)
    assert time.perf_counter() - began < 10

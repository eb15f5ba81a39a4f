"""Several processes of tests: who is alone is alone, nobody waits for ever, and the long tests come first."""

import os
import subprocess
import sys
import threading

import pytest

pytest.importorskip("fcntl", reason="locks of Unix")

from tests.conftest import dealt  # noqa: E402
from tests.test_documents import ROOT  # noqa: E402
from tests.turns import turn  # noqa: E402


class Room:
    """Who is in a folder's turn; each thread stays until it is told to leave."""

    def __init__(self, folder):
        self.folder, self.inside, self.changed = folder, [], threading.Condition()
        self.leaves, self.threads = {}, []

    def comes(self, name, alone):
        self.leaves[name] = threading.Event()
        self.threads.append(threading.Thread(target=self._stay, args=(name, alone)))
        self.threads[-1].start()

    def _stay(self, name, alone):
        with turn(self.folder, alone):
            self._note(lambda: self.inside.append(name))
            self.leaves[name].wait(20)
            self._note(lambda: self.inside.remove(name))

    def _note(self, change):
        with self.changed:
            change()
            self.changed.notify_all()

    def holds(self, *names, seconds=20.0):
        """Whether just these are inside, or will be soon."""
        with self.changed:
            return self.changed.wait_for(lambda: sorted(self.inside) == sorted(names), seconds)

    def close(self):
        for leaves in self.leaves.values():
            leaves.set()
        for thread in self.threads:
            thread.join(20)


@pytest.fixture
def room(tmp_path):
    room = Room(tmp_path)
    yield room
    room.close()


def test_one_alone_waits_for_all_and_later_ones_wait_for_it(room):
    room.comes("a", False)
    room.comes("b", False)
    assert room.holds("a", "b")
    room.comes("alone", True)
    assert not room.holds("a", "b", "alone", seconds=0.3)
    room.comes("late", False)  # would starve it if more and more of these came
    assert not room.holds("a", "b", "late", seconds=0.3)
    room.leaves["a"].set()
    assert room.holds("b") and not room.holds(seconds=0.3)
    room.leaves["b"].set()
    assert room.holds("alone") and not room.holds("alone", "late", seconds=0.3)
    room.leaves["alone"].set()
    assert room.holds("late")


def test_a_test_that_fails_gives_its_turn_back(room):
    with pytest.raises(ZeroDivisionError), turn(room.folder, True):
        raise ZeroDivisionError
    room.comes("next", True)
    assert room.holds("next")


class Item:
    def __init__(self, name, *marks):
        self.name, self.get_closest_marker = name, lambda mark: mark if mark in marks else None


@pytest.mark.parametrize("workers", [1, 2, 3, 20])
@pytest.mark.parametrize("count", [0, 1, 5, 60])
def test_every_worker_gets_the_alone_then_the_slow_then_its_share_in_order(workers, count):
    marks = {0: ("slow",), 3: ("alone",), 4: ("slow", "alone")}
    items = [Item(n, *marks.get(n % 10, ())) for n in range(count)]
    order = [one.name for one in dealt([*items], workers)]
    assert sorted(order) == list(range(count))
    shares, given = [], 0
    for number in range(workers):  # as WorkStealingScheduling does
        share = (count - given) // (workers - number)
        shares.append(order[given : given + share])
        given += share
    if count == 60 and workers < 4:
        for share in shares:
            kinds = [{3: 0, 4: 0, 0: 1}.get(n % 10, 2) for n in share]
            assert kinds == sorted(kinds)
            assert abs(kinds.count(0) - 12 / workers) < 1 and abs(kinds.count(1) - 6 / workers) < 1
            assert (plain := share[kinds.index(2) :]) == sorted(plain)


TESTS = """
import os, time
import pytest

def note(what):
    with open("log", "a") as log:
        log.write(f"{what} {os.environ['PYTEST_XDIST_WORKER']}\\n")

@pytest.mark.parametrize("number", [0, 1])
def test_beside(number):
    note("|")

@pytest.mark.alone
@pytest.mark.parametrize("number", [0, 1])
def test_alone(number):
    note("(")
    time.sleep(0.5)
    note(")")
"""


def test_two_processes_of_pytest(tmp_path):
    """With what conftest.py tells pytest-xdist, and with no more than `-n 2` on the command line."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = alone\n")
    (tmp_path / "test_it.py").write_text(TESTS)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-p", "tests.conftest", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert "".join(what for what, _ in lines).replace("()", "") == "||", lines
    assert {worker for _, worker in lines} == {"gw0", "gw1"}

"""Items that arrive together are done together, each result goes to its own, and nothing is lost."""

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest

pytest.importorskip("granian", reason="needs the packages of tinyalex[serve]")
pytestmark = [pytest.mark.serve, pytest.mark.alone]

from tinyalex.serving import batching  # noqa: E402
from tinyalex.serving.batching import Gatherer  # noqa: E402


def gathered(items, work=None, **options):
    """(results, batches) of items, each (item, size), submitted at once."""
    batches = []

    def noted(batch):
        batches.append(batch)
        time.sleep(0.01)
        return (work or list)(batch)

    async def submitting():
        gatherer = Gatherer("test", noted, **{"then": list, "seconds": 0.0, "most": 64} | options)
        gatherer.took = 9.0
        found = await asyncio.gather(*(gatherer.submit(*item) for item in items), return_exceptions=True)
        gatherer.close()
        return found

    return asyncio.run(submitting()), batches


def test_every_item_gets_its_own_result():
    found, batches = gathered([(n, 1) for n in range(100)], lambda batch: [10 * n for n in batch], most=7)
    assert found == [10 * n for n in range(100)] and sum(batches, []) == list(range(100))
    assert max(map(len, batches)) == 7, "what has arrived meanwhile is done together"


def test_sizes_count():
    found, batches = gathered([("a", 3), ("b", 2), ("c", 2), ("d", 9), ("e", 1)], seconds=0.05, most=4)
    assert found == list("abcde") and batches == [["a"], ["b", "c"], ["d"], ["e"]]


def test_the_first_waits_for_others():
    """A quarter of what the last batch took, but no longer than is allowed."""

    async def late(seconds, took):
        sizes = []
        gatherer = Gatherer("test", lambda batch: [sizes.append(len(batch)) for _ in batch], list, seconds, 64)
        gatherer.took = took

        async def second():
            await asyncio.sleep(0.05)
            await gatherer.submit(2)

        await asyncio.gather(gatherer.submit(1), second())
        gatherer.close()
        return sizes

    assert asyncio.run(late(0.5, took=9.0)) == [2, 2]
    assert asyncio.run(late(0.5, took=0.1)) == asyncio.run(late(0.0, took=9.0)) == [1, 1]


def test_an_error_goes_to_those_in_the_batch():
    def work(batch):
        if "b" in batch:
            raise ValueError("no")
        return batch

    found, _ = gathered([("a", 2), ("b", 2), ("c", 2)], work, most=2)
    assert found[0] == "a" and isinstance(found[1], ValueError) and found[2] == "c"


def test_an_error_of_one_item_is_its_own():
    found, _ = gathered([(1, 1), (0, 1)], lambda batch: [n or ValueError("none") for n in batch], seconds=0.05)
    assert found[0] == 1 and isinstance(found[1], ValueError)


def test_somebody_who_leaves_disturbs_nobody():
    async def leaving():
        go = threading.Event()
        gatherer = Gatherer("test", lambda batch: go.wait(5) and batch, list, 0.05, 64)
        gatherer.took = 9.0
        stays, leaves = asyncio.create_task(gatherer.submit(1)), asyncio.create_task(gatherer.submit(2))
        await asyncio.sleep(0.01)
        leaves.cancel()
        go.set()
        found = await stays
        gatherer.close()
        return found

    assert asyncio.run(leaving()) == 1


def test_closing_finishes_what_was_submitted():
    async def closing():
        gatherer = Gatherer("test", lambda batch: time.sleep(0.02) or batch, list, 0.0, 2)
        waiting = [asyncio.create_task(gatherer.submit(n)) for n in range(5)]
        await asyncio.sleep(0)
        await asyncio.to_thread(gatherer.close)
        return await asyncio.gather(*waiting)

    assert asyncio.run(closing()) == list(range(5))


def test_what_follows_goes_on_beside_the_next_batch():
    """Nobody has a result before it; the next batch does not wait for it."""
    events, second_batch = [], threading.Event()

    def work(batch):
        events.append(("work", *batch))
        if batch == [2]:
            second_batch.set()
        return batch

    def then(results):
        assert second_batch.wait(5)
        events.append(("then", *results))
        return [10 * result for result in results]

    async def submitting():
        gatherer = Gatherer("test", work, then, 0.0, 1)
        found = await asyncio.gather(gatherer.submit(1), gatherer.submit(2))
        gatherer.close()
        return found

    assert asyncio.run(submitting()) == [10, 20]
    assert events == [("work", 1), ("work", 2), ("then", 1), ("then", 2)]


def test_an_error_of_what_follows_goes_to_those_in_the_batch():
    found, _ = gathered([(1, 1), (0, 1)], then=lambda results: [1 // result for result in results], most=1)
    assert found[0] == 1 and isinstance(found[1], ZeroDivisionError)


def test_a_batch_waits_for_no_more_than_there_were(monkeypatch):
    """Done in the last batch, or waiting then."""
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(batching, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))

    async def submitting():
        gatherer = Gatherer("test", lambda batch: time.sleep(0.1) or batch, list, 0.05, 2)
        await asyncio.gather(gatherer.submit("full", 2), gatherer.submit("late"))
        assert waits, "two were there, so a second one may come"
        waits.clear()
        await gatherer.submit("alone")
        gatherer.close()

    asyncio.run(submitting())
    assert not waits

"""Work for one thread that is cheaper in batches: items that arrive within a few milliseconds are done together."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

LOOKS = 0.001  # seconds between two looks at what has arrived


class Gatherer:
    """Calls work(items) → results in one thread, for all items that have arrived; `submit` awaits the result of one.

    then: then(results) → results in a second thread, before anybody gets one, while the next batch is worked on
    seconds: how long a batch waits for more items at most; it waits a quarter of what the last one took, and only for
        as many as there were then, done or waiting: whoever got an answer often asks again
    most: what the sizes of a batch's items add up to at most
    An exception of `work` or `then` goes to everyone whose item was in the batch.
    """

    def __init__(
        self, name: str, work: Callable[[list], list], then: Callable[[list], list], seconds: float, most: int
    ) -> None:
        self.work, self.then, self.seconds, self.most = work, then, seconds, most
        self.took, self.enough = 0.0, most  # seconds, by the last batch; items that the next one waits for
        self.arrived: SimpleQueue = SimpleQueue()
        self.second = ThreadPoolExecutor(1, f"{name}-then")
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    async def submit(self, item: Any, size: int = 1) -> Any:
        """The result of one item. size: how much of a batch it takes"""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self.arrived.put((item, size, loop, future))
        return await future

    def close(self) -> None:
        """Finish what has been submitted, and end the threads."""
        self.arrived.put(None)
        self.thread.join()
        self.second.shutdown()

    def _run(self):
        left = None  # did not fit into the last batch
        while (first := left or self.arrived.get()) is not None:
            batch, left = self._gather(first)
            began = time.monotonic()
            try:
                results = self.work([item for item, *_ in batch])
            except Exception as error:
                results = [error] * len(batch)
            self.took, self.enough = time.monotonic() - began, len(batch) + self.arrived.qsize()
            self.second.submit(self._finish, batch, results)
            if left == ():
                return

    def _gather(self, first):
        """(a batch, the item that did not fit, or () after the last of all)"""
        batch, room, until = [first], self.most - first[1], time.monotonic() + min(self.seconds, self.took / 4)
        while room > 0:
            try:
                item = self.arrived.get_nowait()
            except Empty:
                rest = until - time.monotonic()
                if rest <= 0 or len(batch) >= self.enough:
                    break
                time.sleep(min(rest, LOOKS))  # asleep, not in get(): each item would wake this thread, and wait for it
                continue
            if item is None:
                return batch, ()
            if item[1] > room:
                return batch, item
            batch.append(item)
            room -= item[1]
        return batch, None

    def _finish(self, batch, results):
        try:
            results = self.then(results)
        except Exception as error:
            results = [error] * len(batch)
        *_, loop, _ = batch[0]
        loop.call_soon_threadsafe(_settle, [(future, result) for (*_, future), result in zip(batch, results)])


def _settle(done):
    for future, result in done:
        if not future.done():  # nobody waits any more for one that was cancelled
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

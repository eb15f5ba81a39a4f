"""Work for one thread that is cheaper in batches: items that arrive within a few milliseconds are done together."""

import asyncio
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any


class Gatherer:
    """Calls work(items) → results in one thread, for all items that have arrived; `submit` awaits the result of one.

    seconds: how long the first item waits for others at most; a tenth of what the last batch took is enough, so that
        waiting costs little where work is quick
    most: what the sizes of a batch's items add up to at most
    An exception of `work` goes to everyone whose item was in the batch.
    """

    def __init__(self, name: str, work: Callable[[list], list], seconds: float = 0.0, most: int = 64) -> None:
        self.work, self.seconds, self.most = work, seconds, most
        self.took = 0.0  # seconds, by the last batch
        self.arrived: SimpleQueue = SimpleQueue()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    async def submit(self, item: Any, size: int = 1) -> Any:
        """The result of one item. size: how much of a batch it takes"""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self.arrived.put((item, size, loop, future))
        return await future

    def close(self) -> None:
        """Finish what has been submitted, and end the thread."""
        self.arrived.put(None)
        self.thread.join()

    def _run(self):
        left = None  # did not fit into the last batch
        while (first := left or self.arrived.get()) is not None:
            batch, left = self._gather(first)
            began = time.monotonic()
            try:
                results = self.work([item for item, *_ in batch])
            except Exception as error:
                results = [error] * len(batch)
            self.took = time.monotonic() - began
            done = list(zip((future for *_, future in batch), results))
            batch[0][2].call_soon_threadsafe(_settle, done)
            if left == ():
                return

    def _gather(self, first):
        """(a batch, the item that did not fit, or () after the last of all)"""
        batch, room, until = [first], self.most - first[1], time.monotonic() + min(self.seconds, self.took / 10)
        while room > 0:
            try:
                item = self.arrived.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                break
            if item is None:
                return batch, ()
            if item[1] > room:
                return batch, item
            batch.append(item)
            room -= item[1]
        return batch, None


def _settle(done):
    for future, result in done:
        if not future.done():  # nobody waits any more for one that was cancelled
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

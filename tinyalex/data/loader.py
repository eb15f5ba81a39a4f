"""Batches in a seeded order, gathered one step ahead, and on the CPU also augmented."""

import math
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from tinyalex.backend import Array, is_host, memory_available, prefetch, random_stream, to_device, to_host
from tinyalex.data.augment import Looks, View
from tinyalex.data.dataset import Split
from tinyalex.layers.blocks import slices

MOVED_AT_ONCE = 1024  # pictures: while the split moves, they have room beside it on the device, and pinned on the host
Choose = Callable[[np.ndarray, Looks], tuple[np.ndarray, Looks]]


class TrainingLoader:
    """Shuffled, augmented batches of one training split.

    The order and augmentation of step s in epoch e depend only on (seed, e, s), so an epoch can begin at any step.
    Every picture comes once; the last batch of an epoch may be smaller.

    split: a `Split`;  view: a `View` on the device;  batch: pictures per step
    augment: keyword arguments of `View.draw`
    reserve: bytes of device memory to keep free for training; the whole split moves there if it fits in the rest
    choose: (indices, looks) of a batch → (indices, looks) of the pictures to read; by default all
    """

    def __init__(
        self,
        split: Split,
        view: View,
        batch: int,
        seed: int,
        xp: ModuleType,
        augment: dict[str, Any] | None = None,
        reserve: int = 0,
        choose: Choose = lambda indices, looks: (indices, looks),
    ) -> None:
        self.split, self.view, self.batch, self.seed, self.xp = split, view, batch, seed, xp
        self.augment, self.choose = augment or {}, choose
        self.resident = None if is_host(view.mean) else self._move_if_it_fits(reserve)

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.split) // self.batch)

    def epoch(self, epoch: int, first_step: int = 0, **changes: Any) -> Iterator[tuple[int, Array, Array]]:
        """Yield (step, x, labels) from `first_step` on; x and labels are on the device.

        x: float32 (n, T, T, 3), the chosen pictures of the batch, by default all N
        labels: int64 (N,), of the whole batch
        changes: replace entries of `augment` in this epoch
        """
        order, on_host = self._order(epoch), is_host(self.view.mean)

        def fetch(step):
            indices = order[step * self.batch : (step + 1) * self.batch]
            chosen, looks = self.choose(indices, self._looks(len(indices), epoch, step, changes))
            pictures = chosen if self.resident is not None else self.split.gather(chosen)
            return step, self.view.apply(pictures, looks) if on_host else pictures, looks, self.split.labels[indices]

        for step, x, looks, labels in prefetch(fetch, range(first_step, self.steps)):
            if not on_host:
                x = self.view.apply(self._to_device(x), looks)
            yield step, x, to_device(labels, self.xp)

    def first_batch(self) -> tuple[np.ndarray, np.ndarray]:
        """The pictures of the first step, for people to look at: (uint8 (N, T, T, 3), labels (N,)), on the host."""
        indices = self._order(0)[: self.batch]
        looks = self._looks(len(indices), 0, 0, {})
        x = self.view.apply(to_device(self.split.gather(indices), self.xp), looks)
        return to_host(self.view.pictures(x, looks)), np.take(self.split.labels, indices)

    def _order(self, epoch):
        return random_stream(self.seed, "order", epoch).permutation(len(self.split))

    def _looks(self, pictures, epoch, step, changes):
        """The draws for the pictures of a step."""
        rng = random_stream(self.seed, "augment", epoch, step)
        return self.view.draw(pictures, rng, **(self.augment | changes))

    def _to_device(self, pictures_or_indices):
        if self.resident is None:
            return to_device(pictures_or_indices, self.xp)
        return self.resident[to_device(pictures_or_indices, self.xp)]

    def _move_if_it_fits(self, reserve):
        """The whole split on the device; None if fewer than `reserve` bytes would stay free while it moves."""
        shards, N, done = self.split.shards, len(self.split), 0
        picture = shards[0].shape[1:]
        wanted = (N + min(N, MOVED_AT_ONCE)) * math.prod(picture)
        available = memory_available(self.xp)
        if available is None or wanted > available - reserve:
            return None
        resident = self.xp.empty((N, *picture), self.xp.uint8)
        for run in (shard[run] for shard in shards for run in slices(len(shard), MOVED_AT_ONCE)):
            resident[done : done + len(run)] = to_device(run, self.xp)
            done += len(run)
        return resident

"""Batches in a seeded order, ready when the network is: gathered, and on the CPU augmented, one step ahead."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from tinyalex.backend import Array, is_host, memory_available, prefetch, random_stream, to_device
from tinyalex.data.augment import Looks, View
from tinyalex.data.dataset import Split

Choose = Callable[[np.ndarray, Looks], tuple[np.ndarray, Looks]]


class TrainingLoader:
    """Shuffled, augmented batches of one training split.

    Order and augmentation of step s in epoch e depend only on (seed, e, s), so an epoch can be entered anywhere.
    The last batch of an epoch may be smaller; every picture comes once.

    split: a `Split`;  view: a `View` on the device;  batch: pictures per step
    augment: keyword arguments of `View.draw`, to leave parts out
    reserve: bytes of device memory to keep free for training; if the whole split fits beside them, it moves there
    choose: (indices, looks) of a batch → those of the pictures to read; by default all
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
        """Yield (step, x, labels) from `first_step` on: float32 (n, T, T, 3) and int64 (N,) on the device.

        x: the chosen pictures of the batch, by default all N;  labels: of the whole batch
        changes: to `augment`, for this epoch
        """
        order = random_stream(self.seed, "order", epoch).permutation(len(self.split))
        on_host = is_host(self.view.mean)

        def fetch(step):
            indices = order[step * self.batch : (step + 1) * self.batch]
            rng = random_stream(self.seed, "augment", epoch, step)
            chosen, looks = self.choose(indices, self.view.draw(len(indices), rng, **(self.augment | changes)))
            pictures = chosen if self.resident is not None else self.split.gather(chosen)
            return step, self.view.apply(pictures, looks) if on_host else pictures, looks, self.split.labels[indices]

        for step, x, looks, labels in prefetch(fetch, range(first_step, self.steps)):
            if not on_host:
                x = self.view.apply(self._to_device(x), looks)
            yield step, x, to_device(labels, self.xp)

    def _to_device(self, pictures_or_indices):
        if self.resident is None:
            return to_device(pictures_or_indices, self.xp)
        return self.resident[to_device(pictures_or_indices, self.xp)]

    def _move_if_it_fits(self, reserve):
        """The whole split on the device, or None if fewer than `reserve` bytes would be left."""
        wanted = 2 * sum(shard.nbytes for shard in self.split.shards)  # twice, while the shards are joined
        available = memory_available(self.xp)
        if available is None or wanted > available - reserve:
            return None
        return self.xp.concatenate([to_device(shard, self.xp) for shard in self.split.shards])

"""Batches in a seeded order, gathered up to two steps ahead, and on the CPU also augmented and mixed."""

import math
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from tinyalex.backend import Array, is_host, memory_available, prefetch, random_stream, to_device, to_host
from tinyalex.data.augment import View
from tinyalex.data.dataset import Split
from tinyalex.data.mixing import MixedLabels, draw_mix
from tinyalex.layers.blocks import slices

MOVED_AT_ONCE = 1024  # pictures: while the split moves, they have room beside it on the device, and pinned on the host


class TrainingLoader:
    """Shuffled, augmented batches of one training split.

    Order, augmentation and mixing of step s in epoch e depend only on (seed, e, s), so an epoch can begin at any step.
    Every picture comes once; the last batch of an epoch may be smaller.

    split: a `Split`;  view: a `View` on the device;  batch: pictures per step
    augment: keyword arguments of `View.draw`
    reserve: bytes of device memory to keep free for training; the whole split moves there if it fits in the rest
    choose: number of pictures in a batch → the slice of them to read here; by default all
    mixing: keyword arguments of `tinyalex.data.mixing.draw_mix`; by default nothing is mixed
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
        choose: Callable[[int], slice] = lambda pictures: slice(None),
        mixing: dict[str, float] | None = None,
    ) -> None:
        self.split, self.view, self.batch, self.seed, self.xp = split, view, batch, seed, xp
        self.augment, self.choose, self.mixing = augment or {}, choose, mixing or {}
        self.resident = None if is_host(view.mean) else self._move_if_it_fits(reserve)

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.split) // self.batch)

    def epoch(
        self, epoch: int, first_step: int = 0, **changes: Any
    ) -> Iterator[tuple[int, Array, Array | MixedLabels]]:
        """Yield (step, x, labels) from `first_step` on; x and labels are on the device.

        x: float32 (n, T, T, 3), the chosen pictures of the batch, by default all N
        labels: int64 (N,), of the whole batch; where pictures are mixed, `MixedLabels`
        changes: replace entries of `augment` in this epoch
        """
        order, on_host = self._order(epoch), is_host(self.view.mean)

        def fetch(step):
            indices = order[step * self.batch : (step + 1) * self.batch]
            looks, mix = self._looks(len(indices), epoch, step, changes), self._mix(len(indices), epoch, step)
            here = np.arange(len(indices))[self.choose(len(indices))]
            partners = mix.partners[here] if mix else here
            places = np.union1d(here, partners)  # each once: if all are chosen, the whole batch
            read = self._read(indices[places]), looks[places], *(np.searchsorted(places, of) for of in (here, partners))
            return step, self._seen(read, mix) if on_host else read, mix, self.split.labels[indices]

        for step, x, mix, labels in prefetch(fetch, range(first_step, self.steps)):
            if not on_host:
                x = self._seen(x, mix)
            labels = to_device(labels, self.xp)
            yield step, x, mix.labels(labels) if mix else labels

    def first_batch(self) -> tuple[np.ndarray, np.ndarray | MixedLabels]:
        """The pictures of the first step, for people to look at: (uint8 (N, T, T, 3), labels (N,)), on the host."""
        indices = self._order(0)[: self.batch]
        looks, mix = self._looks(len(indices), 0, 0, {}), self._mix(len(indices), 0, 0)
        x = self.view.apply(to_device(self.split.gather(indices), self.xp), looks)
        pictures, labels = to_host(self.view.pictures(x, looks)), np.take(self.split.labels, indices)
        if not mix:
            return pictures, labels
        pictures = pictures.astype("float32")
        pictures = mix.into(pictures.copy(), pictures[mix.partners])
        return np.rint(pictures).astype("uint8"), mix.labels(labels)

    def _order(self, epoch):
        return random_stream(self.seed, "order", epoch).permutation(len(self.split))

    def _looks(self, pictures, epoch, step, changes):
        """The draws for the pictures of a step."""
        rng = random_stream(self.seed, "augment", epoch, step)
        return self.view.draw(pictures, rng, **(self.augment | changes))

    def _mix(self, pictures, epoch, step):
        """How the pictures of a step are mixed; None if they are not."""
        return draw_mix(pictures, self.view.crop, random_stream(self.seed, "mix", epoch, step), **self.mixing)

    def _read(self, indices):
        """The pictures or, if they are on the device already, their indices."""
        return indices if self.resident is not None else self.split.gather(indices)

    def _seen(self, read, mix):
        """x from pictures of `_read`, their looks, and the places among them of the batch and of its partners."""
        pictures, looks, *places = read
        x = self.view.apply(self._to_device(pictures), looks)
        return mix.into(*(x[to_device(of, self.xp)] for of in places)) if mix else x

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

"""Batches in a seeded order, ready when the network is: gathered, and on the CPU augmented, one step ahead."""

from tinyalex.backend import is_host, memory_available, prefetch, random_stream, to_device
from tinyalex.shares import Share


class TrainingLoader:
    """Shuffled, augmented batches of one training split.

    Order and augmentation of step s in epoch e depend on (seed, e, s) alone, so an epoch can be entered anywhere.
    The last batch of an epoch may be smaller; every picture comes once.

    split: a `Split`;  view: a `View` on the device;  batch: pictures a step
    augment: keyword arguments of `View.random`, to leave parts out
    reserve: bytes of device memory to keep free for training; if the whole split fits beside them, it moves there
    share: a function from a batch's number of pictures to the `Share` of them that this worker sees; only these are read
    """

    def __init__(self, split, view, batch, seed, xp, augment=None, reserve=0, share=Share.whole):
        self.split, self.view, self.batch, self.seed, self.xp = split, view, batch, seed, xp
        self.augment, self.share = augment or {}, share
        self.resident = None if is_host(view.mean) else self._move_if_it_fits(reserve)

    @property
    def steps(self):
        """Batches in an epoch."""
        return -(-len(self.split) // self.batch)

    def epoch(self, epoch, first_step=0, **changes):
        """Yield (step, x, labels) from `first_step` on: float32 (N, T, T, 3) and int64 (N,) on the device.

        x: this worker's share of the batch;  labels: of the whole batch
        changes: to `augment`, for this epoch
        """
        augment = self.augment | changes
        order = random_stream(self.seed, "order", epoch).permutation(len(self.split))

        def fetch(step):
            indices = order[step * self.batch : (step + 1) * self.batch]
            share = self.share(len(indices))
            mine = indices[share.run]
            pictures = mine if self.resident is not None else self.split.gather(mine)
            x = self._look(pictures, epoch, step, augment, share) if self._on_host else pictures
            return step, x, self.split.labels[indices]

        for step, x, labels in prefetch(fetch, range(first_step, self.steps)):
            if not self._on_host:
                x = self._look(self._to_device(x), epoch, step, augment, self.share(len(labels)))
            yield step, x, to_device(labels, self.xp)

    @property
    def _on_host(self):
        return is_host(self.view.mean)

    def _look(self, pictures, epoch, step, augment, share):
        return self.view.random(pictures, random_stream(self.seed, "augment", epoch, step), share=share, **augment)

    def _to_device(self, pictures_or_indices):
        if self.resident is None:
            return to_device(pictures_or_indices, self.xp)
        return self.resident[to_device(pictures_or_indices, self.xp)]

    def _move_if_it_fits(self, reserve):
        """The whole split on the device, or None where it would not leave `reserve` bytes."""
        wanted = 2 * sum(shard.nbytes for shard in self.split.shards)  # twice, while the shards are joined
        available = memory_available(self.xp)
        if available is None or wanted > available - reserve:
            return None
        return self.xp.concatenate([to_device(shard, self.xp) for shard in self.split.shards])

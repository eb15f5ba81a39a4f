"""Gradients added up over all workers while the backward pass goes on."""

from tinyalex.backend import Array, array_module
from tinyalex.parallel.team import Team, Work

BUCKET_BYTES = 8 << 20  # large, so that a message's fixed cost is small; not too large, so that the first leaves early


class GradientSums:
    """Sums of gradients over a team, in buckets: long arrays are cut into several, short ones travel together.

    An array given to `add` holds its sum once `wait` has returned. Until then, leave it alone.
    """

    def __init__(self, team: Team) -> None:
        self.team = team
        self.short: list[Array] = []
        self.under_way: list[Work] = []

    def add(self, grads: dict[str, Array]) -> None:
        """Begin to add up contiguous arrays, in place. Every worker gives the same names in the same order."""
        if self.team.size == 1:
            return
        for name, grad in grads.items():
            assert grad.flags.c_contiguous, f"GradientSums: {name} is not contiguous"  # else `flat` would be a copy
            if grad.nbytes < BUCKET_BYTES // 8:
                self.short.append(grad)
                continue
            flat, step = grad.reshape(-1), BUCKET_BYTES // grad.itemsize
            for start in range(0, flat.size, step):
                self._begin(flat[start : start + step])

    def wait(self) -> None:
        """Return once all are added up."""
        if self.short:
            self._begin_short()
        for work in self.under_way:
            work.wait()

    def _begin(self, flat):
        self.under_way.append(self.team.submit(lambda: self.team.sum_into(flat, "gradients")))

    def _begin_short(self):
        grads, xp = self.short, array_module(self.short[0])

        def together():
            flat = xp.concatenate([grad.reshape(-1) for grad in grads])
            self.team.sum_into(flat, "gradients")
            start = 0
            for grad in grads:
                grad[...] = flat[start : start + grad.size].reshape(grad.shape)
                start += grad.size

        self.under_way.append(self.team.submit(together))

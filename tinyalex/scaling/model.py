"""The time of a step on K workers: the time each computes plus the time it waits.

For a batch of N pictures, N/K (rounded up) per worker, and seconds measured on one worker:

    data      computed = trunk(N/K) + head(N/K)   + update(trunk) + update(head)     + added(all gradients)
              waited   = sent(trunk's gradients) + max(0, sent(head's gradients) − trunk's backward pass)
    hybrid    computed = trunk(N/K) + head(N) / K + update(trunk) + update(head) / K + added(trunk's gradients)
              waited   = sent(trunk's gradients) + sent(maps before fc6, fc7, fc8; scores)
    towers    computed = tower(N)   + head(N) / K + update(trunk) / K + update(head) / K
              waited   = sent(maps before conv3, fc6, fc7, fc8; scores)

    sent      (K − 1) · latency + bytes sent / bandwidth for each exchange;  added: seconds per byte, for adding up
    step      = computed + waited;  images/s = N / step;  efficiency = images/s / (K · images/s of one worker)
"""

from dataclasses import dataclass

import numpy as np

from tinyalex.layers import Linear
from tinyalex.parallel.traffic import TOWERS, exchanges

SIZES = tuple(2**i for i in range(11))  # numbers of workers, 1 to 1,024
PAYS = 1.10  # a doubling pays if it raises images/s at least by this factor


@dataclass(frozen=True)
class Load:
    """The pictures of a step: `batch`, divided among workers (strong scaling), or `per_worker` each (weak scaling)."""

    batch: int | None = None
    per_worker: int | None = None

    def of_all(self, size):
        """N: pictures in a step of `size` workers."""
        return self.batch or self.per_worker * size

    def of_one(self, size):
        """Pictures of the worker that has the most."""
        return -(-self.of_all(size) // size)


class Costs:
    """Seconds for a worker's parts of a step, from those that `timing.Worker` measured at some numbers of pictures.

    Linear between these numbers; beyond the last, on the line through the last two, or in proportion to the only one.
    """

    def __init__(self, measured):
        self.measured = measured
        self.update, self.added = dict(zip(("trunk", "head"), measured["update"][0])), measured["added"][0][0]

    def forward(self, part, pictures):
        return self._at(part, pictures, 1)

    def backward(self, part, pictures):
        return self._at(part, pictures, 2)

    def both(self, part, pictures):
        """Seconds for forward and backward. part: "trunk", "tower" (one of two) or "head" """
        return self.forward(part, pictures) + self.backward(part, pictures)

    def _at(self, part, pictures, column):
        rows = self.measured[part]
        x, y = [row[0] for row in rows], [row[column] for row in rows]
        if pictures <= x[-1]:
            return float(np.interp(pictures, x, y))
        before = (x[-2], y[-2]) if len(x) > 1 else (0, 0.0)
        return y[-1] + (pictures - x[-1]) * (y[-1] - before[1]) / (x[-1] - before[0])


def step_seconds(costs, network, form, size, batch, link):
    """(computed, waited): seconds in a step of `size` workers with `batch` pictures in total. network: whole"""
    own, update = -(-batch // size), costs.update
    if form == "data" or size == 1:
        computed = costs.both("trunk", own) + costs.both("head", own) + update["trunk"] + update["head"]
    elif form == "hybrid":
        computed = costs.both("trunk", own) + costs.both("head", batch) / size + update["trunk"] + update["head"] / size
    else:
        computed = costs.both("tower", batch) + costs.both("head", batch) / size + sum(update.values()) / size
    sent = exchanges(network, form, size, batch)
    early = link.seconds([e for e in sent if e.early], size)
    hidden = costs.backward("trunk", own) if link.hides(size) and early else 0.0
    waited = link.seconds([e for e in sent if not e.early], size) + max(0.0, early - hidden)
    return computed + costs.added * _summed_bytes(network, form, size), waited


def _summed_bytes(network, form, size):
    """Bytes of the gradients that a worker helps to add up."""
    if size == 1 or form == "towers":
        return 0
    params = network.params if form == "data" else network.features.params
    return sum(p.nbytes for p in params.values())


def predict(costs, network, form, load, link, pictures):
    """The prediction for each number of workers: a list of dicts of plain numbers.

    costs: {1: `Costs` of a worker alone, 2: of one among several};  pictures: per epoch
    At most `link.most` workers; two for towers, since the network has two groups; and for hybrid as many as the
    narrowest layer of the head has units.
    """
    units = [layer.out_features for layer in network.classifier.layers.values() if isinstance(layer, Linear)]
    most = {"towers": TOWERS, "hybrid": min(units, default=1)}.get(form, SIZES[-1])
    most = min(most, link.most or SIZES[-1])
    rows = []
    for size in (size for size in SIZES if size <= most):
        batch = load.of_all(size)
        computed, waited = step_seconds(costs[min(size, 2)], network, form, size, batch, link)
        speed = batch / (computed + waited)
        rows.append(
            {
                "workers": size,
                "batch": batch,
                "step_s": computed + waited,
                "computed_s": computed,
                "waited_s": waited,
                "images_per_s": speed,
                "efficiency": speed / (size * (rows[0]["images_per_s"] if rows else speed)),
                "epoch_s": pictures / speed,
            }
        )
    return rows


def stops_paying(rows):
    """The number of workers up to which every doubling pays, see `PAYS`; None if that is the largest in `rows`."""
    for row, doubled in zip(rows, rows[1:]):
        if doubled["images_per_s"] < PAYS * row["images_per_s"]:
            return row["workers"]
    return None

"""The bytes of a training step, computed from a network's shapes: exactly as many as `Team.sent` counts.

With K workers, a batch of N pictures and maps of C channels, each worker sends

    maps joined by pictures    forward: its N/K pictures to every other;           backward: the others', N · (K − 1)/K
    maps joined by channels    forward: its C/K channels of all N to every other;  backward: the others', C · (K − 1)/K
    gradients added up         2 · (K − 1)/K of them: to every other that one's run, then the sum of its own
    batch normalisation        its sums over the batch, added up likewise, if each worker has its own pictures
"""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tinyalex.layers import BatchNorm2d, Conv2d, Linear
from tinyalex.network import Network
from tinyalex.parallel.shares import shares
from tinyalex.parallel.sums import BUCKET_BYTES

GRADIENTS, STATISTICS = "gradients", "statistics"  # labels of sums
# Where a table shows them; statistics are sent on the way back too
WAYS = {GRADIENTS: "backward", STATISTICS: "forward"}
TOWERS = 2  # workers in a table of towers by layer


@dataclass(frozen=True)
class Exchange:
    """One label's exchanges in a worker's step.

    label: as in `Team.sent`;  bytes: sent to all others together;  times: the number of exchanges
    early: True for the head's gradients, which travel during the trunk's backward pass
    """

    label: str
    bytes: int
    times: int = 1
    early: bool = False


def exchanges(
    network: Network, form: str, size: int, batch: int, rank: int = 0, everywhere: bool = False
) -> list[Exchange]:
    """The `Exchange`s of a training step of worker `rank` among `size`, in order.

    network: a whole `Network`;  form: "data", "towers" or "hybrid";  batch: pictures of all workers together
    everywhere: for towers, as if no layer had groups: every convolution and fully connected layer reads all maps
    """
    if size == 1:
        return []
    itemsize = next(iter(network.params.values())).itemsize
    there: list[Exchange] = []
    back: list[Exchange] = []
    for name, shape in _joined(network, form, everywhere):
        by_pictures = form == "hybrid" and not there
        count = batch if by_pictures else shape[-1]
        each = itemsize * (
            math.prod(shape) if by_pictures else batch * math.prod(shape[:-1])
        )  # a picture's, a channel's
        mine = len(shares(count, size)[rank])
        there.append(Exchange(f"{name} forward", (size - 1) * mine * each))
        back.append(Exchange(f"{name} backward", (count - mine) * each))
    if there:
        mine = len(shares(network.num_classes, size)[rank])
        there.append(Exchange("softmax forward", (size - 1) * mine * batch * itemsize))
    return there + back[::-1] + _summed(network, form, size, rank) + _statistics(network, form, size, rank)


def _joined(network, form, everywhere):
    """(layer, shape of one picture's input) of each layer before which maps are joined, in order."""
    convolutions, head = 0, False
    for name, layer, in_shape, _ in network.shapes():
        if isinstance(layer, Linear) and form != "data":
            yield name, in_shape if head else network.features.out_shape(network.in_shape)  # joined, then flattened
            head = True
        elif isinstance(layer, Conv2d) and form == "towers":
            if convolutions and (layer.groups == 1 or everywhere):
                yield name, in_shape
            convolutions += 1


def _summed(network, form, size, rank):
    """The exchanges of gradients: the head's long ones, which leave early, then all others (see `GradientSums`)."""
    if form == "towers":
        return []
    trunk = list(network.features.params.values())
    head = list(network.classifier.params.values()) if form == "data" else []
    short = sum(p.size for p in trunk + head if _is_short(p))  # short arrays travel together, last
    parts = {True: head, False: trunk}
    counts = {early: [n for p in part if not _is_short(p) for n in _runs(p)] for early, part in parts.items()}
    counts[False] += [short] if short else []
    itemsize = next(iter(network.params.values())).itemsize
    return [
        Exchange(GRADIENTS, itemsize * sum(_sent(n, size, rank) for n in part), 2 * len(part), early)
        for early, part in counts.items()
        if part
    ]


def _statistics(network, form, size, rank):
    """The exchanges of batch normalisation's sums, in float64, in layers that do not see the whole batch."""
    parts = {"data": (network.features, network.classifier), "hybrid": (network.features,)}.get(form, ())
    shape, counts = network.in_shape, list[int]()
    for part in parts:
        for _, layer, _, _ in part.shapes(shape):
            if isinstance(layer, BatchNorm2d) and not (layer.frozen or layer.fixed):
                C = layer.num_features
                counts += [1, C, C, C, C, 1, C, C]  # forward, backward, and once more for the running statistics
        shape = part.out_shape(shape)
    return [Exchange(STATISTICS, 8 * sum(_sent(n, size, rank) for n in counts), 2 * len(counts))] if counts else []


def _is_short(param):
    return param.nbytes < BUCKET_BYTES // 8


def _runs(param):
    """The lengths of the runs, each at most a bucket, in which a parameter's gradient travels."""
    most = BUCKET_BYTES // param.itemsize
    return [min(most, param.size - start) for start in range(0, param.size, most)]


def _sent(count, size, rank):
    """The elements that worker `rank` sends to add up `count`, as `Team.sum_into` divides them."""
    mine = count * (rank + 1) // size - count * rank // size
    return count - mine + (size - 1) * mine


def exchanged(
    network: Network, form: str, size: int, batch: int, rank: int = 0, everywhere: bool = False
) -> Counter[str]:
    """{label: bytes} that one worker sends in a training step; arguments as for `exchanges`."""
    total: Counter[str] = Counter()
    for exchange in exchanges(network, form, size, batch, rank, everywhere):
        total[exchange.label] += exchange.bytes
    return total


def saved(network: Network, size: int, batch: int) -> int:
    """Bytes per step that a worker saves with "hybrid" instead of "data"; negative if it sends more."""
    data, hybrid = (sum(exchanged(network, form, size, batch).values()) for form in ("data", "hybrid"))
    return data - hybrid


def by_layer(network: Network, form: str, size: int, batch: int) -> list[dict[str, Any]]:
    """Rows of a table: {"layer", "forward", "backward"}, the bytes that a worker sends per picture of the batch.

    For towers also "everywhere_forward" and "everywhere_backward": the bytes if every layer read all maps.
    """
    counted = {"": exchanged(network, form, size, batch)}
    if form == "towers":
        counted["everywhere_"] = exchanged(network, form, size, batch, everywhere=True)
    layers = dict.fromkeys(_layer(label) for total in counted.values() for label in total if total[label])
    order = [name for name, *_ in network.shapes()] + ["softmax", GRADIENTS, STATISTICS]
    return [
        {"layer": layer}
        | {
            prefix + way: sum(n for label, n in total.items() if _layer(label) == layer and _way(label) == way) / batch
            for prefix, total in counted.items()
            for way in ("forward", "backward")
        }
        for layer in sorted(layers, key=order.index)
    ]


def _layer(label):
    return label.partition(" ")[0]


def _way(label):
    return WAYS.get(label) or label.partition(" ")[2]

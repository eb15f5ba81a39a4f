"""The bytes that a step takes, from a network's shapes alone; to the byte what `Team.sent` counts.

Of K workers, with a batch of N pictures and maps of C channels, each sends

    maps joined by pictures    forward  its N/K pictures to all others;             backward  theirs, N · (K − 1)/K
    maps joined by channels    forward  its C/K channels of all N to all others;    backward  theirs, C · (K − 1)/K
    gradients added up         2 · (K − 1)/K of them: all others' runs, to be added up, then its own sum to each of them
"""

import math
from collections import Counter
from dataclasses import dataclass

from tinyalex.layers import Conv2d, Linear
from tinyalex.parallel.shares import shares
from tinyalex.parallel.sums import BUCKET_BYTES

GRADIENTS = "gradients"
TOWERS = 2  # in a table by layer


@dataclass(frozen=True)
class Exchange:
    """What a worker sends in a step under one label.

    label: as `Team.sent` counts it;  bytes: sent to all others together;  times: how many exchanges it takes
    early: whether it is gradients of the head, which travel while the trunk's backward pass goes on
    """

    label: str
    bytes: int
    times: int = 1
    early: bool = False


def exchanges(network, form, size, batch, rank=0, everywhere=False):
    """The `Exchange`s of a training step of worker `rank` among `size`, in order.

    network: a whole `Network`;  form: "data", "towers" or "hybrid";  batch: pictures of all workers together
    everywhere: for towers, as if no layer had groups: each convolution and fully connected layer reads the maps of all
    """
    if size == 1:
        return []
    itemsize = next(iter(network.params.values())).itemsize
    there, back = [], []
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
    return there + back[::-1] + _summed(network, form, size, rank)


def _joined(network, form, everywhere):
    """(layer, shape of what it reads, a picture) of each layer before which maps are joined, in order."""
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
    """Gradients: those of the head that are long enough to leave early, then all others (see `GradientSums`)."""
    if form == "towers":
        return []
    trunk = list(network.features.params.values())
    head = list(network.classifier.params.values()) if form == "data" else []
    short = sum(p.size for p in trunk + head if _is_short(p))  # these travel together, last
    parts = {True: head, False: trunk}
    counts = {early: [n for p in part if not _is_short(p) for n in _runs(p)] for early, part in parts.items()}
    counts[False] += [short] if short else []
    itemsize = trunk[0].itemsize
    return [
        Exchange(GRADIENTS, itemsize * sum(_sent(n, size, rank) for n in part), 2 * len(part), early)
        for early, part in counts.items()
        if part
    ]


def _is_short(param):
    return param.nbytes < BUCKET_BYTES // 8


def _runs(param):
    """Its elements in runs of at most a bucket."""
    most = BUCKET_BYTES // param.itemsize
    return [min(most, param.size - start) for start in range(0, param.size, most)]


def _sent(count, size, rank):
    """Elements that worker `rank` sends while `count` are added up, as `Team.sum_into` cuts them."""
    mine = count * (rank + 1) // size - count * rank // size
    return count - mine + (size - 1) * mine


def exchanged(network, form, size, batch, rank=0, everywhere=False):
    """{label: bytes} that one worker sends in a training step; arguments as for `exchanges`."""
    total = Counter()
    for exchange in exchanges(network, form, size, batch, rank, everywhere):
        total[exchange.label] += exchange.bytes
    return total


def saved(network, size, batch):
    """Bytes a step that each worker sends less in the form "hybrid" than in the form "data"; below 0: more."""
    data, hybrid = (sum(exchanged(network, form, size, batch).values()) for form in ("data", "hybrid"))
    return data - hybrid


def by_layer(network, form, size, batch):
    """Rows of a table: {"layer", "forward", "backward"}, bytes that a worker sends for each picture of the batch.

    For towers also "everywhere_forward" and "everywhere_backward": those of a split in which every layer reads all maps.
    """
    counted = {"": exchanged(network, form, size, batch)}
    if form == "towers":
        counted["everywhere_"] = exchanged(network, form, size, batch, everywhere=True)
    layers = dict.fromkeys(_layer(label) for total in counted.values() for label in total if total[label])
    order = [name for name, *_ in network.shapes()] + ["softmax", GRADIENTS]
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
    return label.partition(" ")[2] or "backward"  # gradients are added up then

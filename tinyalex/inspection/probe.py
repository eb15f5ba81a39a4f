"""How much each layer tells of the classes: what simple classifiers learn from its output, and from random weights.

N training pictures, Q validation pictures, D numbers of a layer's output, K classes.
"""

import math
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from tinyalex.backend import array_module, ordered_map, prefetch, to_device, to_host
from tinyalex.data.augment import View
from tinyalex.data.dataset import Dataset
from tinyalex.inspection.features import AT_ONCE, check_room
from tinyalex.inspection.linear import linear_answers
from tinyalex.inspection.neighbours import nearest
from tinyalex.layers import BatchNorm2d, Dropout, Flatten
from tinyalex.network import Network
from tinyalex.optim import initialise
from tinyalex.statistics import Interval, wilson
from tinyalex.terminal import progress_bar

PIXELS = "pixels"  # the name of the network's input among its layers
SAME_AGAIN = (Flatten, Dropout, BatchNorm2d)  # at test time: the same numbers, scaled
NUMBERS = 1024  # of a map that is averaged
NEIGHBOURS = 5


@dataclass(frozen=True)
class Depth:
    """The errors on a layer's output. shape: of that;  kept: after averaging;  errors: {classifier: interval}"""

    layer: str
    shape: tuple[int, ...]
    kept: tuple[int, ...]
    errors: dict[str, Interval]


def probe(
    network: Network,
    dataset: Dataset,
    view: View,
    xp: ModuleType,
    numbers: int = NUMBERS,
    neighbours: int = NEIGHBOURS,
    input_rms: float = 1.0,
    seed: int = 0,
    quiet: bool = False,
) -> list[Depth]:
    """The top-1 error on a data set's validation pictures of classifiers on each layer's output, from pixels on.

    "linear" is `linear_answers`, "neighbours" a vote of that many nearest training pictures; "random linear" and
    "random neighbours" learn from the same layers of the same network with He's random weights, as a control.
    Each number of a layer is scaled to mean 0 and variance 1 over the training pictures.

    numbers: the most of a map, which is averaged to fewer (see `averaged`)
    input_rms, seed: of the random weights, as of `initialise`
    UserError if the features do not fit into memory.
    """
    untrained = network.like()
    initialise(untrained, "he", seed, input_rms)
    untrained.map_arrays(lambda a: to_device(a, xp))
    shapes = {name: (shape, averaged_shape(shape, numbers)) for name, shape in probed(network).items()}
    widths = {name: math.prod(kept) for name, (_, kept) in shapes.items()}
    pictures = len(dataset.train) + len(dataset.val)
    check_room(pictures, sum(widths.values()), dataset.name, "fewer pictures, such as +50-a-class", "data")
    errors: dict[str, dict[str, Interval]] = {name: {} for name in shapes}

    def wrong(name):
        return _wrong(*found.pop(name), dataset, neighbours)

    for weights, one in (("", network), ("random ", untrained)):
        found = _features(one, dataset, view, xp, widths, numbers, f"{weights}features", quiet)
        with progress_bar(len(shapes), f"{weights}layers", unit=" layers", quiet=quiet) as bar:
            for name, counts in zip(shapes, ordered_map(wrong, shapes)):
                errors[name] |= {weights + kind: wilson(count, len(dataset.val)) for kind, count in counts.items()}
                bar.update(1)
    return [Depth(name, shape, kept, errors[name]) for name, (shape, kept) in shapes.items()]


def probed(network):
    """{layer: shape of its output} from the pixels on, without layers that only scale what comes in."""
    shapes, shape = {PIXELS: network.in_shape}, network.in_shape
    for name, layer in (network.features.layers | network.classifier.layers).items():
        shape = layer.out_shape(shape)
        if not isinstance(layer, SAME_AGAIN):
            shapes[name] = shape
    return shapes


# ---------------------------------------------------------------------------------------------- the features


def averaged_shape(shape, numbers):
    """The shape that `averaged` gives a map (H, W, C): (g, g, C), g the largest with g²·C ≤ numbers, but at least 1."""
    if len(shape) != 3:
        return tuple(shape)
    H, W, C = shape
    g = max(1, math.isqrt(numbers // C))
    return min(g, H), min(g, W), C


def averaged(maps, numbers):
    """Maps (N, H, W, C), each averaged over g×g fields that cover it evenly, as rows (N, g·g·C); vectors as they are.

    Where g does not divide a side, fields overlap by a pixel, as in PyTorch's adaptive average pooling.
    """
    if maps.ndim == 4:
        rows, columns, _ = averaged_shape(maps.shape[1:], numbers)
        maps = _fields(_fields(maps, rows, 1), columns, 2)
    return maps.reshape(len(maps), -1)


def _fields(maps, count, axis):
    """The means over `count` runs of positions along an axis."""
    side, xp = maps.shape[axis], array_module(maps)
    if count == side:
        return maps
    runs = [slice(n * side // count, -(-(n + 1) * side // count)) for n in range(count)]
    before = (slice(None),) * axis
    return xp.stack([maps[(*before, run)].mean(axis=axis) for run in runs], axis=axis)


def _features(network, dataset, view, xp, widths, numbers, label, quiet):
    """{layer: (N, D) and (Q, D)}, float32 on the host, in one pass of all pictures through the network."""
    splits = dataset.train, dataset.val
    found = {name: tuple(np.empty((len(split), D), np.float32) for split in splits) for name, D in widths.items()}
    with progress_bar(sum(map(len, splits)), label, quiet=quiet) as bar:
        for number, split in enumerate(splits):
            batches = [range(start, min(start + AT_ONCE, len(split))) for start in range(0, len(split), AT_ONCE)]
            for rows, pictures in zip(batches, prefetch(split.gather, batches)):
                x = view.centre(to_device(pictures, xp))
                for name, features in _of_batch(network, x, widths, numbers):
                    found[name][number][rows.start : rows.stop] = features
                bar.update(len(rows))
    return found


def _of_batch(network, x, wanted, numbers):
    """(layer, its averaged output (N, D) on the host) of every wanted layer; the trunk works in pieces."""
    ready = network.features.for_batch()

    def trunk(pictures):
        y, found = x[pictures], {}
        for name, layer in ready.layers.items():
            y = layer.predict(y)
            if name in wanted:
                found[name] = to_host(averaged(y, numbers))
        return found, y

    yield PIXELS, to_host(averaged(x, numbers))
    pieces, ends = zip(*ordered_map(trunk, [pictures for pictures, _ in network.features.pieces(x, None)]))
    for name in pieces[0]:
        yield name, np.concatenate([piece[name] for piece in pieces])
    y = array_module(x).concatenate(ends)
    for name, layer in network.classifier.layers.items():
        y = layer.predict(y)
        if name in wanted:
            yield name, to_host(averaged(y, numbers))


# ---------------------------------------------------------------------------------------------- the classifiers


def _wrong(train, val, dataset, neighbours):
    """{classifier: its wrong answers to the validation pictures}, learnt from a layer's features, which are scaled."""
    labels, wanted, K = dataset.train.labels, dataset.val.labels, len(dataset.class_ids)
    mean, spread = train.mean(axis=0), train.std(axis=0)
    for features in (train, val):
        features -= mean
        features /= np.where(spread > 0, spread, 1)
    near = labels[nearest(val, train, min(neighbours, len(train)))]
    answers = {"linear": linear_answers(train, labels, val, K), "neighbours": voted(near, K)}
    return {kind: int((answer != wanted).sum()) for kind, answer in answers.items()}


def voted(near, K):
    """The class with the most votes, int64 (Q,); among equals the one of the nearest neighbour. near: (Q, k) labels"""
    votes = (near[:, :, None] == np.arange(K)).sum(axis=1)  # (Q, K)
    own = np.take_along_axis(votes, near, axis=1)  # (Q, k) votes for each neighbour's class
    return np.take_along_axis(near, own.argmax(axis=1)[:, None], axis=1)[:, 0]

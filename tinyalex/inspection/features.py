"""The outputs of a network's layers for pictures.

N pictures, H×W pixels, C channels; T the side of a crop; D features per picture.
"""

import math

import numpy as np

from tinyalex.backend import memory_available, to_device, to_host
from tinyalex.errors import UserError
from tinyalex.layers import Dropout
from tinyalex.terminal import bytes_text, progress_bar

AT_ONCE = 128  # pictures in a batch


def activations(network, x):
    """The outputs of the layers at test time, {layer name: array}, in order; a block counts as one layer.

    x: (N, H, W, C), the network's input
    """
    outputs = {}
    for part in (network.features, network.classifier):
        for name, layer in part.layers.items():
            x = outputs[name] = layer.predict(x)
    return outputs


def features_of(network, split, view, xp, layer="relu7", indices=None, quiet=True):
    """The output of one layer for the centre crops of a split's pictures, flattened: float32 (N, D) on the host.

    layer: its path (see `Network.up_to`); the paper compares pictures by "relu7" (§6.1, Fig. 4)
    indices: which pictures (default: all)
    UserError for an unknown layer, and if the features do not fit into memory.
    """
    indices = np.arange(len(split)) if indices is None else np.asarray(indices)
    part = network.up_to(layer).for_test()
    features = room_for(len(indices), math.prod(part.out_shape(part.in_shape)), layer)
    with progress_bar(len(indices), f"features in {layer}", quiet=quiet) as bar:
        for start in range(0, len(indices), AT_ONCE):
            pictures = split.gather(indices[start : start + AT_ONCE])
            y = part.predict(view.centre(to_device(pictures, xp)))
            features[start : start + len(pictures)] = to_host(y).reshape(len(pictures), -1)
            bar.update(len(pictures))
    return features


def room_for(rows, columns, what):
    """An empty array, float32 (rows, columns). UserError if it does not fit into memory."""
    check_room(rows, columns, what, "a smaller layer or fewer pictures", "layer")
    return np.empty((rows, columns), np.float32)


def check_room(rows, columns, what, expected, argument):
    """UserError, with both figures, if float32 (rows, columns) does not fit into memory."""
    needed, available = 4 * rows * columns, memory_available(np)
    if available is not None and needed > available:
        raise UserError(
            f"found {what}: {columns:,} numbers for each of {rows:,} pictures take {bytes_text(needed)}, "
            f"{bytes_text(available)} are free; expected {expected}",
            argument,
        )


def last_features(network):
    """(name for people, layer) of the last layer's input: ("fc7", "relu7") in AlexNet.

    Dropout, only a factor at test time, is skipped. For an activation the name is that of the weights before it.
    """
    layers = [*network.features.layers.items(), *network.classifier.layers.items()][:-1]
    layers = [(name, layer) for name, layer in layers if not isinstance(layer, Dropout)]
    name, layer = layers[-1]
    weights = [other for other, one in layers if one.params]
    return (weights[-1] if layer.activation else name), name

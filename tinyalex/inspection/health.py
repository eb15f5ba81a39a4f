"""Units that do nothing, and the layers' health during training."""

import math

import numpy as np

from tinyalex.backend import to_device, to_host
from tinyalex.layers import ReLU
from tinyalex.terminal import progress_bar

AT_ONCE = 16  # pictures in a batch: one layer of VGG-16 gives 13 MB for each


def dead_relus(network, split, view, xp, indices=None, quiet=True):
    """{layer: (dead, units)} for every ReLU of the network; empty if it has none.

    A unit is dead if it is 0 for every picture (centre crops); in a convolutional layer a unit is a channel, dead if it
    is 0 at every place of every picture. indices: which pictures of the split (default: all)
    """
    indices = np.arange(len(split)) if indices is None else np.asarray(indices)
    relus = [name for name, layer, *_ in network.shapes() if isinstance(layer, ReLU)]
    alive = {}
    with progress_bar(len(indices), "looking for dead units", quiet=quiet) as bar:
        for start in range(0, len(indices) if relus else 0, AT_ONCE):
            pictures = split.gather(indices[start : start + AT_ONCE])
            for layer, y in network.trace(view.centre(to_device(pictures, xp))):
                if isinstance(layer, ReLU):
                    here = to_host((y > 0).any(axis=tuple(range(y.ndim - 1))))  # (C,)
                    alive[layer.name] = alive.get(layer.name, False) | here
            bar.update(len(pictures))
    return {name: (int((~here).sum()), len(here)) for name, here in alive.items()}


def health_by_layer(lines, key):
    """One measure over training, {layer: (steps, values)}. lines: the "step" lines of metrics.jsonl.

    key: the measure's name under "health", such as "update_ratio" or "gradient_norm"; lines without it, and values that
    are not finite numbers, are skipped.
    """
    series = {}
    for line in lines:
        health = line.get("health")
        measured = health.get(key) if isinstance(health, dict) else None
        for layer, value in measured.items() if isinstance(measured, dict) else ():
            if isinstance(value, (int, float)) and math.isfinite(value):
                steps, values = series.setdefault(layer, ([], []))
                steps.append(line["step"])
                values.append(value)
    return series

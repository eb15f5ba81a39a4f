"""Frozen layers: a trained network keeps its weights up to some layer, and only the layers behind it learn.

Frozen layers work as at test time: without dropout, and batch normalisation with its running statistics. Neither
gradients nor updates are computed for them, so a step is faster.
"""

from tinyalex.errors import UserError, did_you_mean
from tinyalex.network import Network, path

BODY = "body"  # everything before the last layer with weights


def freeze(network: Network, up_to: str) -> set[str]:
    """Fix the layers up to `up_to`, that one included, and let the others learn; the parameters that stay, by name.

    up_to: a layer's name, "body", or "" for none. UserError for any other, and if nothing would be left to learn.
    """
    layers = network.features.layers | network.classifier.layers
    names, last = list(layers), [name for name, layer in layers.items() if layer.params][-1]
    if up_to not in ("", BODY, *names):
        raise UserError(f"found {up_to!r}{did_you_mean(up_to, names)}, expected {BODY}, {', '.join(names)}", "freeze")
    count = names.index(last) if up_to == BODY else names.index(up_to) + 1 if up_to else 0
    if count > names.index(last):
        raise UserError(f"found {up_to!r}, expected a layer before {last}, or nothing is left to learn", "freeze")
    for number, layer in enumerate(layers.values()):
        layer.fixed = number < count
    return {path(name, key) for name, layer, _, _ in network.shapes() if layer.fixed for key in layer.params}


def head_of(network: Network) -> list[str]:
    """The parameters of the last layer that has any."""
    *_, (name, layer) = [(name, layer) for name, layer, _, _ in network.shapes() if layer.params]
    return [path(name, key) for key in layer.params]

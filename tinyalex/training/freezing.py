"""Frozen layers: a trained network keeps its weights up to some layer, and only the layers behind it learn.

Frozen layers work as at test time: without dropout, and batch normalisation with its running statistics. Neither
gradients nor updates are computed for them, so a step is faster.
"""

from tinyalex.composite import path
from tinyalex.errors import UserError, did_you_mean
from tinyalex.network import Network

BODY = "body"  # everything before the last layer with weights


def freeze(network: Network, up_to: str) -> set[str]:
    """Fix the layers up to `up_to`, that one included, and let the others learn; the parameters that stay, by name.

    up_to: as of `layers_up_to`. UserError, too, if nothing would be left to learn.
    """
    fixed = layers_up_to(network, up_to, "freeze")
    head = _top(head_of(network)[0])
    if head in fixed:
        raise UserError(f"found {up_to!r}, expected a layer before {head}, or nothing is left to learn", "freeze")
    for name, layer in _layers(network).items():
        layer.fixed = name in fixed
    return {path(name, key) for name, layer, _, _ in network.shapes() if layer.fixed for key in layer.params}


def layers_up_to(network: Network, up_to: str, argument: str) -> list[str]:
    """The names of the layers up to `up_to`, that one included.

    up_to: a layer's name, "body", or "" for none. UserError for any other; argument: the setting that names it
    """
    names = list(_layers(network))
    if up_to not in ("", BODY, *names):
        raise UserError(f"found {up_to!r}{did_you_mean(up_to, names)}, expected {BODY}, {', '.join(names)}", argument)
    if up_to == BODY:
        return names[: names.index(_top(head_of(network)[0]))]
    return names[: names.index(up_to) + 1] if up_to else []


def layers_to_start_with(network: Network, up_to: str) -> list[str] | None:
    """The layers whose weights another run gives, by name; None for all (`Config.start_up_to`)."""
    return layers_up_to(network, up_to, "start_up_to") if up_to else None


def _top(name):
    return name.partition(".")[0]


def _layers(network):
    return network.features.layers | network.classifier.layers


def head_of(network: Network) -> list[str]:
    """The parameters of the last layer that has any."""
    *_, (name, layer) = [(name, layer) for name, layer, _, _ in network.shapes() if layer.params]
    return [path(name, key) for key in layer.params]

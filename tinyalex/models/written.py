"""A network written down as JSON, for those that have no name here: imported ones, and what was trained from them.

    {"size": 256, "crop": 224, "mean": [123.7, 116.3, 103.5], "scale": [0.017, 0.018, 0.017],
     "features": {"conv1": {"layer": "Conv2d", "in_channels": 3, …}, …}, "classifier": {…}}

A layer is its class and the arguments of its constructor; one made of layers has theirs in the same form. Weights are
not part of it.
"""

import inspect
import math
from dataclasses import dataclass, field
from typing import Any

from tinyalex import layers
from tinyalex.composite import Sequential
from tinyalex.errors import UserError, did_you_mean
from tinyalex.layers import Conv2d, Layer, Linear
from tinyalex.models.model import Model
from tinyalex.network import Network
from tinyalex.residual import Residual
from tinyalex.schema import each, judge, number, record, table, text, whole

SIMPLE = {
    name: kind
    for name, kind in vars(layers).items()
    if isinstance(kind, type) and issubclass(kind, Layer) and kind is not Layer
}
MADE_OF_LAYERS = {"Residual": Residual, "Sequential": Sequential}  # their arguments are dicts of layers
KINDS = SIMPLE | MADE_OF_LAYERS
MOST_WEIGHTS = 2**29  # 2 GB; VGG-16 has 138 million

LAYERS = table(record(layer=text(100)))
NETWORK = record(
    size=whole(1, 4096),
    crop=whole(1, 4096),
    mean=each(number(0, 255), 3, 3),
    scale=each(number(1e-6, 1e6), 3, 3),
    features=LAYERS,
    classifier=LAYERS,
)
FAMILY = "written"  # no variation is for it
SIZES = ("in_channels", "out_channels", "kernel_size", "in_features", "out_features", "num_features")
EPOCHS = 30  # of training, unless said otherwise


def write(network: Network, size: int, mean: Any, scale: Any) -> dict[str, Any]:
    """The JSON values of a network for pictures whose shorter side is scaled to `size` pixels.

    mean, scale: three numbers, for red, green and blue: the network sees (pixel − mean) · scale
    """
    return {
        "size": size,
        "crop": network.in_shape[0],
        "mean": [float(value) for value in mean],
        "scale": [float(value) for value in scale],
        "features": _write_all(network.features.layers),
        "classifier": _write_all(network.classifier.layers),
    }


def _write_all(named):
    return {name: _write_one(layer) for name, layer in named.items()}


def _write_one(layer):
    kind = type(layer)
    if KINDS.get(kind.__name__) is not kind:
        raise TypeError(f"{layer.label} cannot be written down, expected one of {', '.join(KINDS)}")
    values = {name: getattr(layer, name) for name in inspect.signature(kind).parameters}
    if kind in MADE_OF_LAYERS.values():
        values = {name: _write_all(inner) for name, inner in values.items()}
    return {"layer": kind.__name__} | values


@dataclass(frozen=True, kw_only=True)
class Written(Model):
    """A `Model` read from JSON. values: the JSON's"""

    values: dict[str, Any] = field(default_factory=dict)

    def build(self, num_classes):
        try:
            return super().build(num_classes)
        except (ValueError, TypeError) as error:  # of a layer's constructor, or where two do not fit together
            raise UserError(f"{self.name}: {error}", "network") from None


def read(values: dict[str, Any], name: str, most: int = MOST_WEIGHTS) -> Model:
    """The `Model` of a network that `write` wrote, called `name`. UserError for anything else, or above `most` weights.

    For another number of classes, its last layer with weights has as many outputs, if it is a `Linear` or a `Conv2d`.
    """
    judge(values, NETWORK, f"{name}: network")
    if values["crop"] > values["size"]:
        found = f"found a crop of {values['crop']} pixels from pictures of {values['size']}"
        raise UserError(f"{name}: {found}, expected at most their side", "network")
    parts = {part: values[part] for part in ("features", "classifier")}
    if (weights := sum(_weights(part, f"{name}: {where}") for where, part in parts.items())) > most:
        raise UserError(f"{name}: found {weights:,} weights, expected at most {most:,}", "network")
    return Written(
        name=name,
        about="imported",
        family=FAMILY,
        size=values["size"],
        crop=values["crop"],
        mean=tuple(values["mean"]),
        pixel_scale=tuple(values["scale"]),
        layers=lambda num_classes: _with_classes([_read_all(part) for part in parts.values()], num_classes),
        epochs=EPOCHS,
        values=values,
    )


def _weights(named, where):
    """About how many weights layers would have, counted before any memory is taken. UserError for an unknown kind."""
    judge(named, LAYERS, where)
    total = 0
    for inner, values in named.items():
        kind = values["layer"]
        if kind not in KINDS:
            found = f"{where}.{inner}: found {kind!r}{did_you_mean(kind, KINDS)}"
            raise UserError(f"{found}, expected one of {', '.join(KINDS)}")
        if kind in MADE_OF_LAYERS:
            total += sum(_weights(part, f"{where}.{inner}") for part in _arguments(values).values())
        else:
            sizes = [number for key, value in values.items() if key in SIZES for number in _numbers(key, value)]
            total += math.prod(map(abs, sizes))  # a negative one is refused only when the layer is built
    return total


def _numbers(key, value):
    """The whole numbers of an argument; one for a kernel is both its rows and its columns."""
    numbers = value if isinstance(value, list) else [value] * (2 if key == "kernel_size" else 1)
    return [number for number in numbers if type(number) is int]


def _arguments(values):
    return {key: value for key, value in values.items() if key != "layer"}


def _read_all(named):
    return {name: _read_one(values) for name, values in named.items()}


def _read_one(values):
    """The layer, with fresh parameters. ValueError or TypeError for arguments that it does not take."""
    arguments = _arguments(values)
    if values["layer"] in MADE_OF_LAYERS:
        arguments = {key: _read_all(inner) for key, inner in arguments.items()}
    else:
        arguments = {key: tuple(value) if isinstance(value, list) else value for key, value in arguments.items()}
    return KINDS[values["layer"]](**arguments)


def _with_classes(parts, num_classes):
    """(features, classifier), with another number of outputs in the last layer that has weights."""
    learnt = [(part, name) for part in parts for name, layer in part.items() if layer.params]
    for part, name in learnt[-1:]:
        outputs = {Linear: "out_features", Conv2d: "out_channels"}.get(type(part[name]))
        if outputs and getattr(part[name], outputs) != num_classes:
            part[name] = part[name].like(**{outputs: num_classes})
    return tuple(parts)

"""The text in exported files about their network: its layers, its classes, how it looks at pictures.

It is the same in every format, and makes the same network again with the weights.
"""

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyalex.backend import to_host
from tinyalex.data.augment import View
from tinyalex.data.dataset import CLASSES, check_classes
from tinyalex.errors import UserError
from tinyalex.exchange.foreign import Foreign
from tinyalex.models import written
from tinyalex.network import Network
from tinyalex.schema import each, number, one_or_list, parse_json, record, text, whole

KEY = "tinyalex.network"  # the text's name among a file's metadata; that of checkpoints is another
THREE = each(number(), 3, 3)
VIEW = record(
    crop=whole(1, 4096),
    size=whole(1, 4096),
    scale=one_or_list(number(), THREE),
    mean=text(2**28),
    color_eigenvalues=THREE,
    color_eigenvectors=each(THREE, 3, 3),
)
NETWORK = record(CLASSES, network=record(), view=VIEW)


def describe(network: Network, view: View, class_ids: Sequence[str], class_names: Sequence[str]) -> str:
    """The text about a network, on any device."""
    mean = np.ascontiguousarray(to_host(view.mean), "<f4")
    colours = {name: to_host(getattr(view, name)).tolist() for name in ("color_eigenvalues", "color_eigenvectors")}
    seen = {"crop": view.crop, "size": view.size, "scale": view.scale} | colours
    values: dict[str, Any] = {"class_ids": list(class_ids), "class_names": list(class_names)}
    values |= {"pictures": how_prepared(view, "float")}  # for people
    values |= {"network": written.write(network, view.size, mean_color(view), np.broadcast_to(view.scale, 3))}
    return json.dumps(values | {"view": seen | {"mean": base64.b64encode(mean.tobytes()).decode()}})


def how_prepared(view: View, pixels: str) -> str:
    """How pictures are prepared, for people.

    pixels: "uint8": for what prepares them itself;  "float": for what expects them prepared
    """
    S, T = view.size, view.crop
    if pixels == "uint8":
        return f"uint8, RGB, (N, {S}, {S}, 3): the shorter side scaled to {S}, the centre {S}×{S}"
    mean = np.round(mean_color(view), 3).tolist()
    return (
        f"float32, RGB, (N, 3, {T}, {T}): the shorter side scaled to {S}, the centre {S}×{S}, less the mean picture "
        f"(on average {mean}), times {view.scale}, the centre {T}×{T}"
    )


def mean_color(view: View) -> np.ndarray:
    """The mean of red, green and blue, (3,) of 0 to 255."""
    return to_host(view.mean).mean((0, 1), dtype=np.float64)


def rebuild(text: str, name: str, most: int) -> Foreign:
    """The network of a file of ours, with fresh weights that the caller replaces.

    text: as of `describe`;  name: of the network;  most: weights that a file of this size may hold
    UserError for a text that is damaged.
    """
    values = parse_json(text, NETWORK, KEY)
    check_classes(values, KEY)
    network, view = written.read(values["network"], name, most).build(len(values["class_ids"])), _view(values["view"])
    if network.in_shape != (view.crop, view.crop, 3):
        raise UserError(f"{KEY}: found crops of {view.crop} pixels, expected {network.in_shape[0]}")
    return Foreign(
        network.features.layers,
        network.classifier.layers,
        network.in_shape,
        name,
        view.size,
        tuple(mean_color(view).tolist()),
        tuple(np.broadcast_to(view.scale, 3).tolist()),
        tuple(values["class_ids"]),
        tuple(values["class_names"]),
        ("Written by tinyalex: network, classes and the preparation of pictures are as they were.",),
        view,
    )


def _view(values: dict[str, Any]) -> View:
    S, scale = values["size"], values["scale"]
    try:
        mean = np.frombuffer(base64.b64decode(values["mean"], validate=True), "<f4")
    except ValueError:
        mean = np.empty(0, "<f4")
    if mean.size != S * S * 3 or not np.isfinite(mean).all() or not 1 <= values["crop"] <= S:
        raise UserError(f"{KEY}: found a mean picture of {mean.size:,} numbers, expected {S}×{S}×3 that are finite")
    colours = (np.array(values[name], np.float32) for name in ("color_eigenvalues", "color_eigenvectors"))
    scale = tuple(scale) if isinstance(scale, list) else scale
    return View(values["crop"], scale, mean.reshape(S, S, 3).copy(), *colours)

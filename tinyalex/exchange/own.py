"""The texts in files of ours about a network: its layers, its classes, how it looks at pictures.

They are the metadata of an exported file, whatever its format; with the weights they make the same network again.
"""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyalex.backend import to_host
from tinyalex.data.augment import View
from tinyalex.data.dataset import CLASSES, check_classes
from tinyalex.errors import UserError
from tinyalex.exchange.foreign import Foreign
from tinyalex.layers import Layer
from tinyalex.models import written
from tinyalex.network import Network
from tinyalex.schema import each, number, one_or_list, parse_json, record, text, whole

KEY = "tinyalex"  # of the text that this module reads; the others are for people
THREE = each(number(), 3, 3)
VIEW = record(
    crop=whole(1, 4096),
    size=whole(1, 4096),
    scale=one_or_list(number(), THREE),
    mean=text(2**28),
    color_eigenvalues=THREE,
    color_eigenvectors=each(THREE, 3, 3),
)
NETWORK = record(network=record(), view=VIEW)


def describe(network: Network, view: View, class_ids: Sequence[str], class_names: Sequence[str]) -> dict[str, str]:
    """The texts about a network, on any device."""
    mean = np.ascontiguousarray(to_host(view.mean), "<f4")
    colours = {name: to_host(getattr(view, name)).tolist() for name in ("color_eigenvalues", "color_eigenvectors")}
    seen = {"crop": view.crop, "size": view.size, "scale": view.scale} | colours
    layers = written.write(network, view.size, mean.mean((0, 1)), np.broadcast_to(view.scale, 3))
    values = {"network": layers, "view": seen | {"mean": base64.b64encode(mean.tobytes()).decode()}}
    return {
        KEY: json.dumps(values),
        "class_ids": json.dumps(list(class_ids)),
        "class_names": json.dumps(list(class_names), ensure_ascii=False),
    }


def rebuild(texts: dict[str, str], weights: Callable[[str, Layer, str], np.ndarray], name: str, most: int) -> Foreign:
    """The network of a file of ours.

    texts: as of `describe`;  weights: path of a simple layer, the layer, key → the array for that parameter or state
    most: numbers that the weights may hold, for a file of this size
    UserError for texts that are damaged or do not fit the weights.
    """
    values = parse_json(texts[KEY], NETWORK, KEY)
    classes = {key: parse_json(texts.get(key, "null"), kind, key) for key, kind in CLASSES.items()}
    check_classes(classes, KEY)
    network = written.read(values["network"], name, most).build(len(classes["class_ids"]))
    for path, layer, *_ in network.shapes():
        for own in (layer.params, layer.state):
            for key in own:
                array = weights(path, layer, key)
                if array.shape != own[key].shape:
                    raise UserError(f"{path}.{key}: found the shape {array.shape}, expected {own[key].shape}")
                own[key] = np.array(array, np.float32, order="C")
    view = _view(values["view"])
    if network.in_shape != (view.crop, view.crop, 3):
        raise UserError(f"{KEY}: found crops of {view.crop} pixels, expected {network.in_shape[0]}")
    return Foreign(
        network.features.layers,
        network.classifier.layers,
        network.in_shape,
        name,
        view.size,
        tuple(view.mean.mean((0, 1)).tolist()),
        tuple(np.broadcast_to(view.scale, 3).tolist()),
        tuple(classes["class_ids"]),
        tuple(classes["class_names"]),
        view=view,
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

"""Weights in PyTorch's layout, put into our layers.

PyTorch has kernels as (out, in, height, width) and dense weights as (out, in); ours are (height, width, in, out) and
(in, out). It flattens pictures channel by channel (C, H, W), we pixel by pixel (H, W, C).
"""

from collections.abc import Iterable

import numpy as np

from tinyalex.backend import Array
from tinyalex.errors import UserError
from tinyalex.layers import Conv2d, Dropout, Flatten, Layer, Linear
from tinyalex.layers.base import Shape
from tinyalex.network import Network

COUNTER = "num_batches_tracked"  # PyTorch's batch normalisation counts its steps; nothing here needs that
RUN = 32  # entries of an axis
Tensors = dict[str, np.ndarray]  # by PyTorch's names


class Misfit(Exception):
    """A tensor that is not as expected, in one line."""


def check(tensors: Tensors, layers: Iterable[tuple[str, Layer]]) -> list[str]:
    """The names of the tensors of layers, each with PyTorch's name for it. Misfit unless all are there and fit."""
    names = []
    for module, layer in layers:
        for key, ours in (layer.params | layer.state).items():
            name, expected = f"{module}.{key}", tuple(ours.shape[axis] for axis in _axes(layer, key))
            if name not in tensors:
                raise Misfit(f"found no {name}, expected one of shape {expected}")
            if (found := tensors[name]).shape != expected:
                raise Misfit(f"{name}: found shape {found.shape}, expected {expected}")
            if found.dtype.kind != "f":
                raise Misfit(f"{name}: found {found.dtype}, expected floating point")
            names.append(name)
    return names


def count_classes(tensors: Tensors, last: str) -> int:
    """The number of scores of the layer that PyTorch calls `last`. Misfit if it has no bias that tells."""
    name = f"{last}.bias"
    if name not in tensors:
        raise Misfit(f"found no {name}, expected the last layer's")
    if len(tensors[name].shape) != 1 or not len(tensors[name]):
        raise Misfit(f"{name}: found shape {tensors[name].shape}, expected (classes,)")
    return len(tensors[name])


def expect_no_others(tensors: Tensors, names: Iterable[str]) -> None:
    """Misfit for a tensor that no layer takes."""
    known = set(names)
    for name, tensor in tensors.items():
        if name not in known and not name.endswith(COUNTER):
            raise Misfit(f"found {name[:200]!r} of shape {tensor.shape}, expected no such tensor")


def fill(network: Network, tensors: Tensors, modules: dict[str, str], path: str) -> None:
    """Put the tensors, which `check` has found to fit, into the network's layers as float32.

    modules: our path of a layer → PyTorch's name for it;  path: of the file, for messages
    UserError for a number that is not finite in float32.
    """
    pictures = flattened(network)
    for inner, layer, *_ in network.shapes():
        for arrays in (layer.params, layer.state):
            for key in arrays:
                name = f"{modules[inner]}.{key}"
                flat = pictures.get(inner) if key == "weight" else None
                with np.errstate(over="ignore"):
                    arrays[key] = _ours(tensors[name], _axes(layer, key), flat)
                if not np.isfinite(arrays[key]).all():
                    raise UserError(f"{path}: {name} holds NaN or numbers too large for float32, expected finite ones")


def conversions(network: Network, tensors: Tensors) -> tuple[str, ...]:
    """One sentence for each thing that `fill` converts or that the paper has otherwise."""
    notes = ["Weights were turned from (out, in, …) to (…, in, out)."]
    for inner, (H, W, C) in flattened(network).items():
        if H * W > 1:
            notes.append(f"{inner}: inputs were reordered from ({C}, {H}, {W}), channels first, to ({H}, {W}, {C}).")
    for dtype in sorted({str(a.dtype) for a in tensors.values() if a.dtype.kind == "f"} - {"float32"}):
        notes.append(f"Numbers that were {dtype} are float32.")
    if any(isinstance(layer, Dropout) and layer.inverted for _, layer, *_ in network.shapes()):
        notes.append("Dropout scales in training, as in PyTorch; the paper's scales at test time.")
    if any(name.endswith(COUNTER) for name in tensors):
        notes.append(f"The counters {COUNTER} were left out.")
    return tuple(notes)


def flattened(network: Network) -> dict[str, Shape]:
    """{path of a `Linear`: (H, W, C)} of those that see pictures as one row of numbers."""
    found: dict[str, Shape] = {}
    pictures: Shape | None = None
    for inner, layer, in_shape, _ in network.shapes():
        if isinstance(layer, Flatten) and len(in_shape) == 3:
            pictures = in_shape
        elif isinstance(layer, Linear):
            if pictures:
                found[inner] = pictures
            pictures = None
    return found


def _axes(layer, key):
    """The axes of a layer's parameter in PyTorch's order."""
    if key == "weight" and isinstance(layer, Conv2d):
        return 3, 2, 0, 1
    return (1, 0) if key == "weight" and isinstance(layer, Linear) else (0,)


def _ours(tensor: np.ndarray, axes: tuple[int, ...], pictures: Shape | None) -> Array:
    """A tensor in our layout, a new array. pictures: (H, W, C) that its input axis consists of, if it does"""
    if pictures is None:
        return _copied(tensor.transpose(np.argsort(axes)))
    H, W, C = pictures
    return _copied(tensor.reshape(-1, C, H, W).transpose(2, 3, 1, 0)).reshape(H * W * C, -1)


def in_torch_layout(array: np.ndarray, layer: Layer, key: str, pictures: Shape | None = None) -> np.ndarray:
    """A parameter of ours in PyTorch's layout, contiguous. pictures: as `flattened` has it for the layer"""
    if key != "weight" or pictures is None:
        return np.ascontiguousarray(array.transpose(_axes(layer, key)))
    return np.ascontiguousarray(array.reshape(*pictures, -1).transpose(3, 2, 0, 1)).reshape(array.shape[1], -1)


def _copied(view: np.ndarray) -> np.ndarray:
    """A float32 copy, by runs of the last axis: a quarter of the time for large transposed arrays."""
    copy = np.empty(view.shape, "float32")
    for start in range(0, view.shape[-1], RUN):
        copy[..., start : start + RUN] = view[..., start : start + RUN]
    return copy

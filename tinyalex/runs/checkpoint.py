"""A trained or half-trained network in one file: safetensors, written beside and renamed, strict when read.

It holds `param/…`, `velocity/…`, `state/…` and `view/…` arrays, and in the header one JSON text with everything else: the
model's name, class names, the configuration, counters.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tinyalex.backend import array_module, to_device
from tinyalex.errors import UserError
from tinyalex.files import reason, replacing

VERSION = 1
GROUPS = {"param": "params", "velocity": "velocity", "state": "state", "view": "view"}  # in the file: in a Checkpoint


@dataclass(frozen=True)
class Checkpoint:
    """All arrays are NumPy's.

    params, velocity: dicts of float32 arrays by name;  view: dict of the arrays of a `View`
    info: JSON values;  state: dict of arrays by name, saved but not learnt (see `tinyalex.layers.Layer`)
    """

    params: dict[str, np.ndarray]
    velocity: dict[str, np.ndarray]
    view: dict[str, np.ndarray]
    info: dict[str, Any] = field(default_factory=dict)
    state: dict[str, np.ndarray] = field(default_factory=dict)


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write the file so that at every moment `path` holds the old one or the new one, whole. UserError if it cannot."""
    arrays = {
        f"{group}/{name}": np.ascontiguousarray(array)  # safetensors writes memory as it lies
        for group, attribute in GROUPS.items()
        for name, array in getattr(checkpoint, attribute).items()
    }
    metadata = {"tinyalex": json.dumps({"version": VERSION} | checkpoint.info)}
    with replacing(path) as beside:
        try:
            save_file(arrays, beside, metadata)
        except SafetensorError as error:
            raise OSError(str(error)) from error


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint whole. UserError for a file that is missing, cut short, or not one of ours."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: not found, expected a run folder or a checkpoint (.safetensors)")
    try:
        with safe_open(path, framework="numpy") as file:
            info = _read_info(path, file.metadata())
            groups: dict[str, dict] = {attribute: {} for attribute in GROUPS.values()}
            for key in file.keys():
                group, _, name = key.partition("/")
                if group not in GROUPS:
                    raise UserError(f"{path}: holds {key!r}, expected only {'/…, '.join(GROUPS)}/…")
                groups[GROUPS[group]][name] = file.get_tensor(key)
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: not a whole safetensors file of ours ({reason(error)})") from error
    return Checkpoint(info=info, **groups)


def _read_info(path, metadata):
    """The JSON object in a checkpoint's header. UserError for a header that this version did not write."""
    text = (metadata or {}).get("tinyalex")
    if text is None:
        raise UserError(f"{path}: a safetensors file, but not written by tinyalex")
    info = json.loads(text)  # the caller handles a ValueError
    if not isinstance(info, dict) or info.pop("version", None) != VERSION:
        raise UserError(f"{path}: written by another version of tinyalex, expected checkpoint version {VERSION}")
    return info


def copy_into(target: dict, source: dict, what: str | Path) -> None:
    """Fill the arrays of dict `target` with those of `source`. UserError unless names and shapes are the same."""
    missing, unknown = sorted(target.keys() - source.keys()), sorted(source.keys() - target.keys())
    if missing or unknown:
        raise UserError(
            f"{what}: parameters differ; missing {', '.join(missing) or 'none'}, unknown {', '.join(unknown) or 'none'}"
        )
    for name, array in target.items():
        if array.shape != source[name].shape:
            raise UserError(f"{what}: {name} has shape {source[name].shape}, expected {array.shape}")
    for name, array in target.items():
        array[...] = to_device(source[name], array_module(array))

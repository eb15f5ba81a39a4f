"""A network in one safetensors file, at the end of training or in between. Writing is atomic, reading is strict.

The file holds `param/…`, `velocity/…`, `state/…` and `view/…` arrays, and the rest in its header as one JSON text: the
model's name, the class names, the configuration, counters. If a run averages its weights, `param/…` and `state/…` are
the average, and it goes on with `trained/…`.
"""

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tinyalex.backend import array_module, to_device
from tinyalex.data.dataset import check_classes
from tinyalex.errors import UserError
from tinyalex.files import kind_of, reason, replacing
from tinyalex.runs.formats import CHECKPOINT, VERSION
from tinyalex.schema import judge, parse_json, record, whole

MOST_LISTED = 20  # names of arrays in a message
DTYPES = ("F32", "F16", "F64", "I32", "I64", "U8", "BOOL")
# file's name: Checkpoint's
GROUPS = {"param": "params", "velocity": "velocity", "state": "state", "trained": "trained", "view": "view"}


@dataclass(frozen=True)
class Checkpoint:
    """The contents of a checkpoint, as NumPy arrays.

    params, velocity: float32 arrays by name;  view: the arrays of a `View`
    info: JSON values;  state: arrays by name that are saved but not learnt (see `tinyalex.layers.Layer`)
    trained: parameters and state behind an average, which params and state then are; empty without one
    """

    params: dict[str, np.ndarray]
    velocity: dict[str, np.ndarray]
    view: dict[str, np.ndarray]
    info: dict[str, Any] = field(default_factory=dict)
    state: dict[str, np.ndarray] = field(default_factory=dict)
    trained: dict[str, np.ndarray] = field(default_factory=dict)


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write the file so that `path` always holds the whole old one or the whole new one. UserError if that fails."""
    arrays = {
        f"{group}/{name}": np.ascontiguousarray(array)  # safetensors writes raw memory, without strides
        for group, attribute in GROUPS.items()
        for name, array in getattr(checkpoint, attribute).items()
    }
    metadata = {"tinyalex": _text(checkpoint.info)}
    with replacing(path) as beside:
        try:
            save_file(arrays, beside, metadata)
        except SafetensorError as error:
            raise OSError(str(error)) from error


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a whole checkpoint. UserError if the file is missing, truncated, or not as tinyalex writes it."""
    path = Path(path)
    with _opened(path) as file:
        info = _read_info(path, file.metadata())
        groups: dict[str, dict] = {attribute: {} for attribute in GROUPS.values()}
        for key in file.keys():
            group, _, name = key.partition("/")
            if group not in GROUPS:
                raise UserError(f"{path}: holds {key!r}, expected only {'/…, '.join(GROUPS)}/…")
            if (dtype := file.get_slice(key).get_dtype()) not in DTYPES:
                raise UserError(f"{path}: {key!r} has dtype {dtype}, expected {', '.join(DTYPES)}")
            groups[GROUPS[group]][name] = file.get_tensor(key)
    return Checkpoint(info=info, **groups)


def load_info(path: Path) -> dict[str, Any]:
    """The JSON values of a checkpoint, without its arrays. UserError as for `load_checkpoint`."""
    with _opened(path) as file:
        return _read_info(path, file.metadata())


@contextmanager
def _opened(path):
    """The file, open. UserError if it is missing, or found damaged in the block."""
    expect_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: not a whole safetensors file of tinyalex ({reason(error)})") from error


def expect_file(path: Path) -> None:
    """UserError unless there is a file at `path`."""
    if not path.is_file():
        raise UserError(f"{path}: {kind_of(path) or 'not found'}, expected a run folder or a checkpoint (.safetensors)")


def _read_info(path, metadata):
    """The JSON values in a checkpoint's header. UserError if no run has such values."""
    text = (metadata or {}).get("tinyalex")
    if text is None:
        raise UserError(f"{path}: a safetensors file, but not written by tinyalex")
    return _parsed(text, path)


def check_info(info: dict[str, Any], where: Any) -> None:
    """UserError unless `load_checkpoint` will take these JSON values. where: for the message"""
    _parsed(_text(info), where)


def _text(info):
    return json.dumps({"version": VERSION} | info)


def _parsed(text, path):
    info = parse_json(text, record(version=whole()), path)
    if info["version"] != VERSION:
        raise UserError(f"{path}: written by another version of tinyalex, expected checkpoint version {VERSION}")
    check_classes(judge(info, CHECKPOINT, path), path)
    state = info["state"]
    if len(state["history"]) != state["epoch"]:
        raise UserError(f"{path}: state.history: found {len(state['history'])} epochs, expected {state['epoch']}")
    del info["version"]
    return info


def copy_into(target: dict, source: dict, what: str | Path) -> None:
    """Copy each array of dict `source` into the array of dict `target` with its name.

    UserError unless names and shapes are the same, and numbers of the same kind, such as floating point.
    """
    missing, unknown = (_listed(a.keys() - b.keys()) for a, b in ((target, source), (source, target)))
    if missing or unknown:
        raise UserError(f"{what}: arrays differ; missing {missing or 'none'}, unknown {unknown or 'none'}")
    for name, array in target.items():
        found = source[name]
        if array.shape != found.shape:
            raise UserError(f"{what}: {name} has shape {found.shape}, expected {array.shape}")
        if array.dtype.kind != found.dtype.kind:
            raise UserError(f"{what}: {name} is {found.dtype}, expected {array.dtype}")
    for name, array in target.items():
        array[...] = to_device(source[name], array_module(array))


def _listed(names):
    """The first MOST_LISTED of the names, sorted."""
    few, more = sorted(names)[:MOST_LISTED], len(names) - MOST_LISTED
    return ", ".join(few) + (f" and {more:,} more" if more > 0 else "")

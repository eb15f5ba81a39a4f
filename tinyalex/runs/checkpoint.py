"""A trained or half-trained network in one file: safetensors, written beside and renamed, strict when read.

What is inside: `param/…`, `velocity/…` and `view/…` arrays, and in the header one JSON text with everything else (the
model's name, class names, the configuration, counters).
"""

import errno
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tinyalex.backend import array_module, to_device
from tinyalex.errors import UserError

VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """params, velocity: dicts of float32 NumPy arrays by name;  view: dict of arrays of a `View`;  info: JSON values."""

    params: dict
    velocity: dict
    view: dict
    info: dict = field(default_factory=dict)


def save_checkpoint(path, checkpoint):
    """Write the file so that at every moment `path` holds the old one or the new one, whole. UserError if it cannot."""
    path = Path(path)
    groups = {"param": checkpoint.params, "velocity": checkpoint.velocity, "view": checkpoint.view}
    arrays = {
        f"{group}/{name}": np.ascontiguousarray(array)  # safetensors writes memory as it lies
        for group, named in groups.items()
        for name, array in named.items()
    }
    metadata = {"tinyalex": json.dumps({"version": VERSION} | checkpoint.info)}
    with replacing(path) as beside:
        save_file(arrays, beside, metadata)


class replacing:
    """`with replacing(path) as beside:` write to `beside`; it becomes `path` at the end, or vanishes after an error."""

    def __init__(self, path):
        self.path = Path(path)
        self.beside = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")

    def __enter__(self):
        return self.beside

    def __exit__(self, kind, error, traceback):
        try:
            if kind is None:
                with open(self.beside, "rb+") as file:
                    os.fsync(file.fileno())  # the rename must not reach the disk before the bytes do
                os.chmod(self.beside, 0o666 & ~_umask())  # safetensors makes files that only their owner can read
                os.replace(self.beside, self.path)
        except OSError as failed:
            kind, error = OSError, failed
        if kind is not None:
            self.beside.unlink(missing_ok=True)
            if isinstance(error, (OSError, SafetensorError)):
                raise UserError(f"{self.path}: cannot be written ({_reason(error)}); what was there is kept") from error


def write_text(path, text):
    """Write a text file whole or not at all. UserError if it cannot be."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def _umask():
    """The process's mask for new files, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _reason(error):
    if getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error):
        return "the disk is full"
    return getattr(error, "strerror", None) or str(error).splitlines()[0]


def load_checkpoint(path):
    """Read a checkpoint whole. UserError for a file that is missing, cut short, or not one of ours."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: not found, expected a run folder or a checkpoint (.safetensors)")
    try:
        with safe_open(path, framework="numpy") as file:
            info = _read_info(path, file.metadata())
            groups = {"param": {}, "velocity": {}, "view": {}}
            for key in file.keys():
                group, _, name = key.partition("/")
                if group not in groups:
                    raise UserError(f"{path}: holds {key!r}, expected only {'/…, '.join(groups)}/…")
                groups[group][name] = file.get_tensor(key)
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: not a whole safetensors file of ours ({_reason(error)})") from error
    return Checkpoint(groups["param"], groups["velocity"], groups["view"], info)


def _read_info(path, metadata):
    """The JSON object in a checkpoint's header. UserError for a header that this version did not write."""
    text = (metadata or {}).get("tinyalex")
    if text is None:
        raise UserError(f"{path}: a safetensors file, but not written by tinyalex")
    info = json.loads(text)  # a ValueError is caught where the file is
    if not isinstance(info, dict) or info.pop("version", None) != VERSION:
        raise UserError(f"{path}: written by another version of tinyalex, expected checkpoint version {VERSION}")
    return info


def copy_into(target, source, what):
    """Fill the arrays of dict `target` with those of `source`: the same names and shapes, or a UserError."""
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

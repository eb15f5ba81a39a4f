"""The tensors in a file of weights, whichever library wrote it, by their names there."""

import os
from os import PathLike
from typing import BinaryIO

import numpy as np
from safetensors import SafetensorError, deserialize, safe_open

from tinyalex.errors import UserError
from tinyalex.exchange.pickled import MOST_AXES, PICKLE, ZIP, Tensor, as_numbers, open_stream, open_zip
from tinyalex.files import open_regular, reason

WRAPPERS = "state_dict", "model_state_dict", "model", "net"  # under which people save a state dict
PREFIXES = "module.", "_orig_mod."  # of a network that ran on several GPUs, or was compiled
SAFETENSORS = {
    "F32": "float32",
    "F64": "float64",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


def read_tensors(path: str | PathLike) -> dict[str, np.ndarray]:
    """The tensors of a state dict in a file, by name: float16, 32, 64 or integers; bfloat16 becomes float32.

    Reads safetensors, and what `torch.save` wrote: a state dict, or a dict with one as "state_dict" or "model".
    "module." in front of all names is taken off. The arrays may share memory, as the tensors do. A state dict keeps its
    order, which is the network's; safetensors have none, and come by name.
    UserError if the file is anything else, or damaged. Nothing in it is executed.
    """
    path = os.fspath(path)
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            tensors = _read(path, file, size)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({reason(error)})") from None
    return _without_prefixes(tensors)


def keeps_order(head: bytes) -> bool:
    """Whether a file that begins with these 9 bytes or more keeps the order in which its tensors were saved."""
    return not _is_safetensors(head)


def holds_tensors(head: bytes) -> bool:
    """Whether a file that begins with these 9 bytes or more is for `read_tensors`."""
    return head.startswith((ZIP, PICKLE)) or _is_safetensors(head)


def _is_safetensors(head):
    """Whether a file begins with the length of a JSON text, then the text; its first byte may be that of a pickle."""
    return head[5:9] == b"\0\0\0{"


def text_of(path: str | os.PathLike, head: bytes, key: str) -> str | None:
    """A text among the metadata of a whole safetensors file; None without it, and for other files.

    head: its first 9 bytes or more
    """
    if not _is_safetensors(head):
        return None
    with safe_open(path, framework="numpy") as file:
        return (file.metadata() or {}).get(key)


def _read(path: str, file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    head = file.read(9)
    file.seek(0)
    if not holds_tensors(head):
        raise UserError(f"{path}: found none of PyTorch's files (.pth, .pt) and no safetensors; expected one of them")
    if _is_safetensors(head):
        return _safetensors(path, file.read(size))
    saved = open_zip(path, file, size) if head.startswith(ZIP) else open_stream(path, file, size)
    return saved.arrays(_state_dict(path, saved.content))


def _state_dict(path, content):
    """The tensors of the state dict in what was saved."""
    if isinstance(content, dict):
        for part in (*map(content.get, WRAPPERS), content):
            if isinstance(part, dict) and (found := _only_tensors(part)):
                return found
        held = f"a dict with {', '.join(str(key)[:40] for key in list(content)[:8]) or 'nothing'}"
    else:
        held = f"one {type(content).__name__}"
    raise UserError(f"{path}: holds {held}, expected a state dict, alone or as one of {', '.join(WRAPPERS)}")


def _only_tensors(part):
    return {key: value for key, value in part.items() if type(key) is str and type(value) is Tensor}


def _without_prefixes(tensors):
    while prefix := next((p for p in PREFIXES if tensors and all(name.startswith(p) for name in tensors)), ""):
        tensors = {name.removeprefix(prefix): array for name, array in tensors.items()}
    return tensors


def _safetensors(path, raw):
    """The tensors of a whole safetensors file."""
    try:
        found = dict(deserialize(raw))
    except SafetensorError as error:
        raise UserError(f"{path}: not a whole safetensors file ({reason(error)})") from None
    for name, about in found.items():
        if about["dtype"] not in SAFETENSORS or len(about["shape"]) > MOST_AXES:
            what = f"{about['dtype']} with {len(about['shape'])} axes"
            expected = f"{', '.join(SAFETENSORS)} with at most {MOST_AXES}"
            raise UserError(f"{path}: {name[:200]!r} is {what}, expected {expected}")
    return {
        name: as_numbers(a["data"], SAFETENSORS[a["dtype"]]).reshape(a["shape"]) for name, a in sorted(found.items())
    }

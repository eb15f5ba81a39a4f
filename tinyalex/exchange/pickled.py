"""Weights as PyTorch's `torch.save` writes them, read without PyTorch.

A pickle says of each tensor its storage, offset, shape and strides; the numbers of the storages are beside it:

    zip: ROOT/data.pkl, ROOT/byteorder, and ROOT/data/KEY for each storage, all uncompressed
    stream (before PyTorch 1.6): five pickles, of a magic number, a version, the machine, the content and the storages'
        keys; then each storage, its length in front
"""

import io
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from tinyalex.data.pickled_arrays import FUNCTIONS, Function, StandIn, Value, as_text
from tinyalex.data.pickles import LEAVES, Vocabulary, load_pickle
from tinyalex.errors import UserError
from tinyalex.files import reason

ZIP, PICKLE = b"PK\3\4", b"\x80"  # how the two begin
STREAM = 0x1950A86A20F9469CFC6C  # the number in the second's first pickle
MOST_AXES = 8
MOST_SHARED = 4  # times the file's size: bytes of all tensors, which may share storages
SAVE_AGAIN = "save it again in PyTorch with torch.save(model.state_dict(), FILE)"


@dataclass(frozen=True)
class Kind:
    """The type of a storage's numbers, in NumPy's words; or bfloat16."""

    dtype: str


@dataclass(frozen=True)
class Storage:
    """Where the numbers of tensors are: `length` of them, by the name `key`."""

    kind: Kind
    key: str
    length: int


@dataclass(frozen=True)
class Tensor(Value):
    """A view of a storage; offset and strides count numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self):
        lengths = (self.offset, *self.shape, *self.strides)
        if type(self.storage) is not Storage or not all(type(n) is int and 0 <= n < 2**48 for n in lengths):
            raise ValueError(f"a tensor of shape {self.shape} and strides {self.strides} at {self.offset}")
        if len(self.shape) != len(self.strides) or len(self.shape) > MOST_AXES:
            raise ValueError(f"a tensor of {len(self.shape)} axes and {len(self.strides)} strides")

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    def resolve(self):
        """The tensor itself: its numbers are not in the pickle."""
        return self

    def set_state(self, *_state):
        """Leave out what is attached to a parameter."""

    def view(self, numbers: np.ndarray) -> np.ndarray:
        """The numbers of the storage, seen as this tensor. ValueError if one would lie outside."""
        if self.size == 0:
            return np.zeros(self.shape, numbers.dtype)
        last = self.offset + sum((n - 1) * stride for n, stride in zip(self.shape, self.strides))
        if last >= len(numbers):
            raise ValueError(f"reaches number {last + 1:,} of a storage with {len(numbers):,}")
        steps = [stride * numbers.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, steps, writeable=False)


class Ordered(dict, StandIn):
    """An OrderedDict, as PyTorch's state dicts are."""

    def __init__(self, pairs=()):
        for key, value in pairs:
            if type(key) not in LEAVES:
                raise ValueError("a key that is neither text nor a number")
            self[key] = value

    def set_state(self, *_state):
        """Leave out the versions of modules that PyTorch attaches."""


KINDS = {
    "Float": "float32",
    "Double": "float64",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
}
NAMES: dict[tuple[str, str], object] = {
    ("collections", "OrderedDict"): Function(Ordered),
    ("torch._utils", "_rebuild_tensor"): Function(Tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Function(lambda *what: Tensor(*what[:4])),  # then gradient and hooks
    ("torch._utils", "_rebuild_parameter"): Function(lambda tensor, *_: tensor),
    ("torch.nn.parameter", "Parameter"): Function(lambda tensor, *_: tensor),  # of the oldest files
}
NAMES |= {
    (module, f"{name}Storage"): Kind(dtype) for module in ("torch", "torch.cuda") for name, dtype in KINDS.items()
}
TENSORS = Vocabulary(FUNCTIONS | NAMES, f"only tensors, dicts, lists, text and numbers are read; {SAVE_AGAIN}")


def as_numbers(raw: bytes, dtype: str, big: bool = False) -> np.ndarray:
    """Bytes as numbers of a type, on one axis; bfloat16, which NumPy does not know, as float32.

    big: whether the first byte of a number counts most
    """
    stored = np.dtype("uint16" if dtype == "bfloat16" else dtype)
    numbers = np.frombuffer(raw, stored.newbyteorder(">" if big else "<")).astype(stored, copy=False)
    return (numbers.astype("uint32") << 16).view("float32") if dtype == "bfloat16" else numbers


def item_size(dtype: str) -> int:
    """Bytes of a number of a type."""
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


@dataclass
class Saved:
    """The result of one call of `torch.save`.

    content: with a `Tensor` for each tensor;  size: of the file, in bytes
    read: from a storage's key to its bytes; ValueError if there are none;  big: as for `as_numbers`
    """

    path: str
    content: Any
    size: int
    read: Callable[[str], bytes]
    big: bool = False
    _storages: dict[Storage, np.ndarray] = field(default_factory=dict)

    def arrays(self, tensors: dict[str, Tensor]) -> dict[str, np.ndarray]:
        """Read-only views of the storages. UserError for a tensor outside its storage, or too many in one place."""
        asked = sum(tensor.size * item_size(tensor.storage.kind.dtype) for tensor in tensors.values())
        if asked > MOST_SHARED * self.size:
            found = f"tensors of {asked:,} bytes in a file of {self.size:,}"
            raise UserError(f"{self.path}: found {found}, expected at most {MOST_SHARED} times as many")
        arrays = {}
        for name, tensor in tensors.items():
            try:
                arrays[name] = tensor.view(self._numbers(tensor.storage))
            except ValueError as error:
                raise UserError(f"{self.path}: {name[:200]!r}: {error}") from None
        return arrays

    def _numbers(self, storage):
        if storage not in self._storages:
            raw, expected = self.read(storage.key), storage.length * item_size(storage.kind.dtype)
            if len(raw) != expected:
                raise ValueError(f"its storage has {len(raw):,} bytes, expected {expected:,}")
            self._storages[storage] = as_numbers(raw, storage.kind.dtype, self.big)
        return self._storages[storage]


def open_members(path: str, file: BinaryIO, size: int) -> dict[str, Callable[[], bytes]]:
    """{name: a function that reads it} of a zip's members, which are no longer than the file, all together.

    UserError if it is damaged or compressed. The functions raise nearly anything; `file` stays in use.
    """
    try:
        archive = zipfile.ZipFile(file)
    except Exception as error:  # zipfile raises nearly anything on damaged files
        raise UserError(f"{path}: not a readable zip ({reason(error)}); it is damaged or was cut short") from None
    members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise UserError(f"{path}: a compressed zip, expected a file as PyTorch writes it; {SAVE_AGAIN}")
    if sum(member.file_size for member in members) > size:
        raise UserError(f"{path}: a zip whose members do not fit into its {size:,} bytes; it is damaged")
    return {member.filename: partial(archive.read, member) for member in members}


def open_zip(path: str, file: BinaryIO, size: int) -> Saved:
    """The zip form. UserError if it is damaged or another zip; `file` stays in use."""
    members = open_members(path, file, size)
    root = next((name.removesuffix("data.pkl") for name in members if name.split("/")[1:] == ["data.pkl"]), None)
    if root is None:
        raise UserError(f"{path}: a zip without data.pkl, expected a file that PyTorch wrote")

    def read(name):
        try:
            return members[root + name]()
        except Exception as error:
            raise ValueError(f"{root}{name} cannot be read ({reason(error)}); the file is damaged") from None

    try:
        program = read("data.pkl")
        big = f"{root}byteorder" in members and read("byteorder").strip() == b"big"
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    content = load_pickle(io.BytesIO(program), path, len(program), _tensors({}))
    return Saved(path, content, size, lambda key: read(f"data/{key}"), big)


def open_stream(path: str, file: BinaryIO, size: int) -> Saved:
    """The form before PyTorch 1.6. UserError if it is damaged or another pickle; `file` stays in use."""
    storages: dict[str, Storage] = {}
    vocabulary = _tensors(storages)
    first = load_pickle(file, path, size, vocabulary)
    if type(first) is not int or first != STREAM:
        raise UserError(f"{path}: a pickle that PyTorch did not write, expected weights; {SAVE_AGAIN}")
    _version, _machine, content, keys = (load_pickle(file, path, size, vocabulary) for _ in range(4))
    keys = list(map(as_text, keys)) if type(keys) is list else []
    if not {str}.issuperset(map(type, keys)) or sorted(keys) != sorted(storages):
        raise UserError(f"{path}: its list of storages is not the one of its tensors; it is damaged")
    places = {}
    for key in keys:
        length, count = int.from_bytes(file.read(8), "little"), storages[key].length
        places[key] = file.tell(), count * item_size(storages[key].kind.dtype)
        if length != count or sum(places[key]) > size:
            found = f"a storage of {length:,} numbers where {count:,} are expected"
            raise UserError(f"{path}: found {found}, in {size:,} bytes; it is damaged or was cut short")
        file.seek(sum(places[key]))

    def read(key):
        start, count = places[key]
        file.seek(start)
        return file.read(count)

    return Saved(path, content, size, read)


def _tensors(storages):
    """The vocabulary; enters the storages that a pickle names into a dict, by key."""

    def stored(identity):
        word, kind, key, _device, length, *of_another = identity
        key = as_text(key)
        if as_text(word) != "storage" or (type(kind), type(key), type(length)) != (Kind, str, int):
            raise ValueError("a persistent id that is no storage")
        if any(of_another):
            raise ValueError("a storage that is part of another one")
        storage = Storage(kind, key, length)
        if storages.setdefault(key, storage) != storage:
            raise ValueError(f"two storages by the name {key[:80]!r}")
        return storage

    return replace(TENSORS, stored=stored)

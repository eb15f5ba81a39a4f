"""Networks that others trained: their weights give, here, the scores and the wrong answers that PyTorch makes of them.

The files are PyTorch's legacy stream: pickles of a number, a version, the machine, and the object, whose tensors name
their storages; then the storages' keys; then each storage as its length and its numbers.
"""

import collections
import io
import pickle
import zipfile
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from tests.checks import agree
from tinyalex.models.resnet import cifar
from tinyalex.network import Network
from tinyalex.runs.checkpoint import copy_into

MAGIC = 0x1950A86A20F9469CFC6C
DTYPES = {"FloatStorage": np.float32, "LongStorage": np.int64}
MEAN, STD = np.array([0.485, 0.456, 0.406], "float32"), np.array([0.229, 0.224, 0.225], "float32")
KNOWN = {  # depth: (parameters, wrong of 1,000, the first four scores of airplane/0000.jpg)
    20: ("resnet20-12fca82f.th", 269_722, 196, (7.89010, -1.08766, 2.63423, -1.01254)),
    56: ("resnet56-4bfd9763.th", 853_018, 175, (10.60605, -0.32350, -0.20128, -2.01487)),
}


@dataclass
class Storage:
    dtype: type
    numbers: np.ndarray | None = None


@dataclass
class Tensor:
    storage: Storage
    offset: int
    shape: tuple
    strides: tuple

    def array(self):
        numbers = self.storage.numbers
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides))
        assert min(self.shape, default=1) > 0 and 0 <= self.offset <= last < len(numbers), "outside its storage"
        strides = [s * numbers.itemsize for s in self.strides]
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, strides).copy()


class OnlyTensors(pickle.Unpickler):
    """Builds dicts and tensors; any other class in the stream is an error."""

    CLASSES = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor"): Tensor,
        ("torch._utils", "_rebuild_tensor_v2"): lambda *arguments: Tensor(*arguments[:4]),
        **{("torch", name): dtype for name, dtype in DTYPES.items()},
    }

    def __init__(self, file, storages):
        super().__init__(file)
        self.storages = storages

    def find_class(self, module, name):
        if (module, name) not in self.CLASSES:
            raise pickle.UnpicklingError(f"found {module}.{name}, expected tensors and dicts")
        return self.CLASSES[module, name]

    def persistent_load(self, what):
        kind, dtype, key, _, _, view = what
        assert kind == "storage" and view is None
        return self.storages.setdefault(key, Storage(dtype))


def read_legacy(path):
    """The state dict, {name: array}."""
    storages = {}
    with open(path, "rb") as file:
        magic, _, machine, found, keys = (OnlyTensors(file, storages).load() for _ in range(5))
        assert magic == MAGIC and machine["little_endian"] and set(keys) == set(storages)
        for key in keys:
            (length,) = np.frombuffer(file.read(8), "<i8")
            dtype = np.dtype(storages[key].dtype)
            storages[key].numbers = np.frombuffer(file.read(length * dtype.itemsize), dtype)
        assert not file.read(1)
    return {name: tensor.array() for name, tensor in found["state_dict"].items()}


def ours(name):
    """Our name for a parameter: "block1_2.conv1.weight" for "module.layer1.1.conv1.weight"."""
    first, *rest = name.removeprefix("module.").split(".")
    if first.startswith("layer"):
        return ".".join([f"block{first[5:]}_{int(rest[0]) + 1}", *rest[1:]])
    return ".".join(["fc" if first == "linear" else first, *rest])


def network_of(depth, path):
    """The network for whole pictures, with the weights in `path`; all of them, and each in its place."""
    network = Network(*cifar(depth)(10), (32, 32, 3), f"resnet{depth}")
    axes = {4: (2, 3, 1, 0), 2: (1, 0)}
    found = {
        ours(name): np.ascontiguousarray(a.transpose(axes.get(a.ndim, range(a.ndim))))
        for name, a in read_legacy(path).items()
        if not name.endswith("num_batches_tracked")
    }
    copy_into(network.params, {name: a for name, a in found.items() if "running" not in name}, path)
    copy_into(network.state, {name: a for name, a in found.items() if "running" in name}, path)
    return network


@pytest.fixture(scope="module")
def cifar_pictures():
    """[pictures as the networks saw them, labels]; filled by the first test, which has the folder."""
    return []


def read_pictures(path):
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        pictures = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]
    classes = [name.split("/")[-2] for name in names]
    assert names[0].endswith("airplane/0000.jpg") and len(names) == 1000
    order = {name: label for label, name in enumerate(sorted(set(classes)))}
    return (np.stack(pictures).astype("float32") / 255 - MEAN) / STD, np.array([order[name] for name in classes])


@pytest.mark.real_data
@pytest.mark.parametrize("depth", KNOWN)
def test_scores_and_wrong_answers(depth, real_data, cifar_pictures):
    name, parameters, wrong, first = KNOWN[depth]
    path, archive = real_data.parent / "weights" / name, real_data / "cifar10-test-1000-jpeg.zip"
    if missing := [str(file) for file in (path, archive) if not file.exists()]:
        pytest.skip(f"no {missing[0]} here")
    network = network_of(depth, path)
    assert sum(p.size for p in network.params.values()) == parameters
    if not cifar_pictures:
        cifar_pictures.extend(read_pictures(archive))
    x, labels = cifar_pictures
    scores = network.predict(x)
    agree(scores[0, :4], np.array(first), "scores", rtol=0, atol=1e-3)
    assert (scores.argmax(axis=1) != labels).sum() == wrong


def test_the_reader_builds_nothing_else():
    with pytest.raises(pickle.UnpicklingError, match="found builtins.eval"):
        OnlyTensors(io.BytesIO(b"cbuiltins\neval\n."), {}).load()
    with pytest.raises(AssertionError, match="outside"):
        Tensor(Storage(np.float32, np.zeros(4, "float32")), 2, (2, 2), (2, 1)).array()

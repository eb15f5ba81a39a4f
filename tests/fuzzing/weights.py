"""Damaged and hostile files of weights: PyTorch's zip and stream, and safetensors, given to the readers."""

import io
import json
import pickle
import zipfile
from functools import partial

import numpy as np

from tests.exchange import saved
from tests.exchange.small import cifar_tensors
from tests.fuzzing import pickles
from tests.fuzzing.damage import NUMBERS, spoiled
from tests.fuzzing.values import OTHERS, changed, written
from tests.fuzzing.zips import lying
from tinyalex.exchange import own
from tinyalex.exchange.known import recognised
from tinyalex.exchange.reading import read_foreign
from tinyalex.exchange.tensors import read_tensors

DTYPES = "F64", "F16", "BF16", "F8_E4M3", "I64", "U8", "BOOL", "C64", "F4", "", "f32", None


def setup(folder):
    """Tensors by name: few small ones, and a network's."""
    network = cifar_tensors()
    recognised(network, "a.pth")  # so that no case has to find out what is known
    return saved.arrays(), network


def make(random, folder, shared, commands=True):
    arrays = random.choice((*shared, shared[0], shared[0]))
    path = folder / "a.pth"
    kind = random.choice(FILES)
    path.write_bytes(kind(random, arrays))
    if kind is _npz:
        return partial(read_foreign, path)
    if commands and random.random() < 0.1:
        return ["import", path, "--out", folder / "out", *random.choice(([], ["--as", "resnet20"]))]
    return partial(read, path, arrays if kind in CHECKED else {})


def read(path, checked):
    """The tensors, no larger than the file allows, and their network if they look like one's.

    checked: arrays that cannot be read otherwise than they are here, if they are read at all
    """
    tensors = read_tensors(path)
    assert sum(a.nbytes for a in tensors.values()) <= 8 * path.stat().st_size  # four times, in twice as large numbers
    assert all(np.isreal(a).all() for a in tensors.values())  # every number can be reached
    for name in tensors.keys() & checked.keys():
        np.testing.assert_array_equal(tensors[name], checked[name])
    if "linear.bias" in tensors:
        recognised(tensors, str(path))


def _right(random, arrays):
    return random.choice((saved.as_zip, saved.as_stream, saved.as_safetensors))(arrays)


def _spoiled(random, arrays):
    return spoiled(random, random.choice((saved.as_stream, saved.as_safetensors))(arrays))


def _spoiled_zip(random, arrays):
    return spoiled(random, saved.as_zip(arrays), most=2)


def _lying_zip(random, arrays):
    data = saved.as_zip(arrays)
    for _ in range(random.randint(1, 3)):
        data = lying(random, data)
    return data


def _packed_zip(random, arrays):
    """A zip in which something is compressed: a gigabyte of zeros, now and then."""
    zeros = bytes(random.choice((0, 10**3, 10**6)))
    return saved.zipped(
        saved.program_of(arrays, False), dict.fromkeys("0123", zeros), packing=random.choice((0, 8, 8, 8, 12))
    )


def _views(random, arrays):
    """Tensors that lie anywhere: beyond their storages, over one another, backwards."""
    items = {f"w{i}": _view(random) for i in range(random.choice((1, 2, 40)))}
    program = b"\x80\x02" + saved.ordered(items, random.choice(("", "state_dict", "x"))) + b"."
    raw = np.arange(20, dtype="<f4").tobytes()
    if random.random() < 0.5:
        return saved.zipped(program, {"0": raw, "1": raw})
    return saved.streamed(program, {"0": (20, raw), "1": (20, raw)})


def _view(random):
    length, key, kind = random.choice((20, 20, 20, 10, *NUMBERS)), random.choice("000001x"), "FloatStorage"
    if random.random() < 0.2:
        kind = random.choice((*saved.STORAGES.values(), "BFloat16Storage", "QInt8Storage", "x"))
    stored = saved.storage(kind, key, length, random.choice(("torch", "torch.cuda")), view=random.choice((None, b"N")))
    axes = random.choice((0, 1, 1, 2, 2, 3, 70))
    shape, strides = ([_length(random) for _ in range(axes)] for _ in range(2))
    if random.random() < 0.1:
        strides = strides[1:]
    return saved.tensor(stored, random.choice((0, 0, 1, 19, 20, -1, *NUMBERS)), shape, strides)


def _length(random):
    return random.choice(NUMBERS) * random.choice((-1, 1)) if random.random() < 0.1 else random.choice((0, 1, 2, 3, -1))


def _program(random, arrays):
    """Any pickle in the place of the state dict: calls, bombs, random steps."""
    content = {"state_dict": np.zeros((1, 3072), "uint8"), "labels": [1, 2]}
    program = random.choice(pickles.PROGRAMS)(random, content)
    if random.random() < 0.2:
        program = pickle.dumps(random.choice((*OTHERS, np.zeros(3), [np.float32(1)])), random.randint(2, 5))
    if random.random() < 0.5:
        return saved.zipped(program, {"0": bytes(24)})
    raw = saved.streamed(program, {"0": (6, bytes(24))})
    return raw if random.random() < 0.8 else program + raw


def _npz(random, arrays):
    """Arrays of NumPy with a text about a network; spoiled as bytes, in the zip or in a member."""
    text = random.choice(("", "{}", "[" * 10**5, *map(str, OTHERS[:8])))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in (arrays | {own.KEY: np.array(text)}).items():
            raw = io.BytesIO()
            np.save(raw, array)
            member = raw.getvalue()
            archive.writestr(f"{name}.npy", spoiled(random, member[:140]) if random.random() < 0.2 else member)
    return lying(random, buffer.getvalue()) if random.random() < 0.3 else buffer.getvalue()


def _parts(random, arrays):
    """A stream one of whose five pickles is another one."""
    keys = b"\x80\x02](" + b"".join(map(saved.text, map(str, range(len(arrays))))) + b"e."
    parts = [saved.MAGIC, saved.VERSION, saved.MACHINE, saved.program_of(arrays, True), keys]
    rest = saved.as_stream(arrays)[sum(map(len, parts)) :]
    others = (
        *OTHERS,
        list(range(len(arrays))),
        list(map(str, range(len(arrays) + 1))),
        np.zeros(3),
        {"w": np.zeros(3)},
    )
    parts[random.randrange(5)] = pickle.dumps(random.choice(others), random.randint(2, 5))
    return b"".join(parts) + rest


def _cyclic(random, arrays):
    """A dict in itself, a tensor in its own storage's place, state that refers to what it belongs to."""
    inside = saved.text("state_dict") + random.choice((b"h\x00", b"}" + saved.text("model") + b"h\x00s", b"h\x00\x85"))
    dict_, ordered_ = b"}q\x00" + inside + b"s", saved.name("collections", "OrderedDict") + b")Rq\x00h\x00b"
    program = b"\x80\x02" + random.choice((dict_, ordered_, ordered_ + inside + b"s", dict_ + b"h\x00b")) + b"."
    return saved.zipped(program, {}) if random.random() < 0.5 else saved.streamed(program, {})


def _header(random, arrays):
    """A safetensors file whose header says something else, or has another length."""
    raw = saved.as_safetensors(arrays)
    length = int.from_bytes(raw[:8], "little")
    header, numbers = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    entry, fate = header[random.choice(list(header))], random.random()
    if fate < 0.3:
        entry["shape"] = random.choice(([], [0], entry["shape"] * 2, [2**62, 4], [2**63], [1] * 70, [-1], [2**40] * 2))
    elif fate < 0.6:
        end = entry["data_offsets"][1]
        entry["data_offsets"] = random.choice(([0, 4], [0, 2**63], [end, 0], [0, end], [end, end + 10**9], [1.5], []))
    elif fate < 0.7:
        entry["dtype"] = random.choice(DTYPES)
    elif fate < 0.8:
        header["__metadata__"] = random.choice(OTHERS[:-1])
    text = written(random, changed(random, header) if fate > 0.8 else header, share=0.1)
    if random.random() < 0.05:
        text += b" " * 10**6
    count = random.choice((0, 1, 2**31, 2**63, 2**64 - 1, *NUMBERS)) if random.random() < 0.1 else len(text)
    return count.to_bytes(8, "little") + text + numbers


FILES = (
    _right,
    _spoiled,
    _spoiled_zip,
    _lying_zip,
    _packed_zip,
    _views,
    _views,
    _program,
    _parts,
    _npz,
    _cyclic,
    _header,
    _header,
)
CHECKED = _right, _spoiled_zip, _lying_zip  # zips have checksums

"""Files of weights written byte by byte: PyTorch's two forms and safetensors, so that they can say anything."""

import io
import json
import math
import struct
import zipfile

import numpy as np

MAGIC, VERSION, MACHINE = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", b"\x80\x02M\xe9\x03.", b"\x80\x02}."
STORAGES = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "uint8": "ByteStorage",
}


def text(value):
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value):
    raw = value.to_bytes(16, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def row(*values):
    return b"(" + b"".join(values) + b"t"


def name(module, name):
    return f"c{module}\n{name}\n".encode()


def ordered(items, wrapped=""):
    """An OrderedDict of programs by name, as a program; in a dict if `wrapped` is a name."""
    program = name("collections", "OrderedDict") + b")R(" + b"".join(text(k) + v for k, v in items.items()) + b"u"
    return b"}" + text(wrapped) + program + b"s" if wrapped else program


def storage(kind, key, length, module="torch", device="cpu", view=None):
    """A persistent id; `view`: what the stream has at its end."""
    end = () if view is None else (view,)
    return row(text("storage"), name(module, kind), text(key), text(device), number(length), *end) + b"Q"


def tensor(stored, offset, shape, strides):
    numbers = [row(*map(number, axis)) for axis in (shape, strides)]
    return name("torch._utils", "_rebuild_tensor_v2") + row(stored, number(offset), *numbers, b"\x89", b"N") + b"R"


def parameter(program):
    return name("torch._utils", "_rebuild_parameter") + row(program, b"\x88", b"N") + b"R"


def strides_of(shape):
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def program_of(arrays, stream, wrapped="", **about):
    """A pickle of contiguous arrays, each with a storage of its own, "0", "1" and so on."""
    view = {"view": b"N"} if stream else {}
    items = {
        key: tensor(storage(STORAGES[str(a.dtype)], str(i), a.size, **view, **about), 0, a.shape, strides_of(a.shape))
        for i, (key, a) in enumerate(arrays.items())
    }
    return b"\x80\x02" + ordered(items, wrapped) + b"."


def zipped(program, storages, root="archive", packing=zipfile.ZIP_STORED, order=b"little"):
    """The zip form of a pickle and the bytes of its storages by key."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        archive.writestr(f"{root}/data.pkl", program)
        archive.writestr(f"{root}/byteorder", order)
        for key, raw in storages.items():
            archive.writestr(f"{root}/data/{key}", raw)
    return buffer.getvalue()


def streamed(program, storages):
    """The older form; storages: key → (how many numbers, bytes)."""
    keys = b"\x80\x02](" + b"".join(map(text, storages)) + b"e."
    numbers = b"".join(struct.pack("<q", length) + raw for length, raw in storages.values())
    return MAGIC + VERSION + MACHINE + program + keys + numbers


def as_zip(arrays, **about):
    return zipped(program_of(arrays, False, **about), {i: a.tobytes() for i, a in enumerate(arrays.values())})


def as_stream(arrays, **about):
    storages = {str(i): (a.size, a.tobytes()) for i, a in enumerate(arrays.values())}
    return streamed(program_of(arrays, True, **about), storages)


def as_safetensors(arrays, header=None):
    """A safetensors file; header: other JSON values, in place of those of the arrays."""
    kinds = {"float32": "F32", "float64": "F64", "float16": "F16", "int64": "I64", "uint8": "U8"}
    entries, end = {}, 0
    for key, a in arrays.items():
        entries[key] = {"dtype": kinds[str(a.dtype)], "shape": list(a.shape), "data_offsets": [end, end + a.nbytes]}
        end += a.nbytes
    raw = json.dumps(entries if header is None else header).encode()
    return struct.pack("<Q", len(raw)) + raw + b"".join(a.tobytes() for a in arrays.values())


def arrays(seed=0):
    """A few small arrays of several types."""
    rng = np.random.default_rng(seed)
    return {
        "conv.weight": rng.standard_normal((2, 3, 2, 2)).astype("float32"),
        "conv.bias": rng.standard_normal(2),
        "bn.weight": rng.standard_normal(4).astype("float16"),
        "bn.num_batches_tracked": np.array(7),
        "empty": np.zeros((0, 3), "float32"),
        "bytes": np.arange(3, dtype="uint8"),
    }

"""Damaged checkpoints: their header, the JSON text in it, their arrays. Read by every command that takes a network."""

import json

from tests.fuzzing.damage import spoiled
from tests.fuzzing.values import OTHERS, changed, nested, written
from tests.stored.make import TINY
from tests.test_stored import STORED
from tinyalex.layers import BatchNorm2d
from tinyalex.library import load
from tinyalex.models import MODELS
from tinyalex.runs.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

DTYPES = ("F64", "F16", "BF16", "F8_E4M3", "I64", "I32", "U8", "BOOL", "C64", "F4", "", "f32", None)


def setup(folder):
    """A folder with data and a run, and two checkpoints: the run's, and one whose network has state."""
    MODELS["tiny"] = TINY
    stored = STORED / "0.2.0"
    plain = load_checkpoint(stored / "run" / "best.safetensors")
    norm = BatchNorm2d(4)
    params, state = ({f"bn1.{key}": a for key, a in arrays.items()} for arrays in (norm.params, norm.state))
    info = plain.info | {"model": "tiny+bn"}
    save_checkpoint(folder / "bn.safetensors", Checkpoint(plain.params | params, {}, plain.view, info, state))
    return stored, [stored / "run" / "best.safetensors", folder / "bn.safetensors"]


def make(random, folder, shared):
    stored, checkpoints = shared
    data, whole = stored / "prepared", random.choice(checkpoints).read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header, arrays = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    _spoil(random, header)
    text = json.dumps(header).encode()
    if random.random() < 0.1:
        text = nested(random, text.decode()).encode() if random.random() < 0.3 else spoiled(random, text)
    count = random.choice((0, len(text) - 1, 2**31, 2**63, 2**64 - 1)) if random.random() < 0.05 else len(text)
    if random.random() < 0.05:
        arrays = arrays[: random.randrange(len(arrays))]
    file = folder / "a.safetensors"
    file.write_bytes(count.to_bytes(8, "little") + text + arrays)
    commands = (
        ["evaluate", file, "--data", data],
        ["predict", file],
        ["compare", file, stored / "run", "--data", data],
        lambda: repr(load(file)),
        lambda: load_checkpoint(file),
    )
    return random.choice(commands)


def _spoil(random, header):
    """Change the JSON text in the header, or the places, shapes and types of arrays."""
    about, fate = header["__metadata__"], random.random()
    if fate < 0.6:
        about["tinyalex"] = written(random, changed(random, json.loads(about["tinyalex"]))).decode("utf-8", "replace")
    elif fate < 0.65:
        header["__metadata__"] = random.choice((None, {}, {"tinyalex": 3}, {"tinyalex": ""}, {"x": "y"}))
    elif fate < 0.95:
        name = random.choice([name for name in header if name != "__metadata__"])
        entry, what = header[name], random.randrange(7)
        if what == 0:
            entry["dtype"] = random.choice(DTYPES)
        elif what == 1:
            entry["shape"] = random.choice(
                ([], [0], entry["shape"] * 2, entry["shape"][::-1], [2**62, 4], [1] * 70, [-1])
            )
        elif what == 2:
            entry["data_offsets"] = random.choice(([0, 4], [0, 2**63], entry["data_offsets"][::-1], [1.5, 3], []))
        elif what == 3:
            header[random.choice((name + "x", name.replace("param", "velocity"), name.partition("/")[2], "/", ""))] = (
                header.pop(name)
            )
        elif what == 4:
            del header[name]
        elif what == 5:
            header["param/extra"] = entry
        else:
            entry[random.choice(list(entry))] = random.choice(OTHERS[:-1])

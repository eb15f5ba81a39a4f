"""Arrays with lying headers: in an .npz given to `prepare`, or in a prepared folder that is opened."""

import shutil
import struct
import zipfile

from tests.data.sources import imagenet_batches
from tests.fuzzing.damage import NUMBERS, spoiled
from tests.training.test_training import write_easy
from tinyalex.data.prepared import open_prepared


def setup(folder):
    return imagenet_batches(folder / "batches", form="npz"), write_easy(folder / "data", 16, 8)


def make(random, folder, shared):
    batches, prepared = shared
    if random.random() < 0.5:
        shutil.copytree(prepared, folder / "set")
        file = random.choice(sorted((folder / "set").glob("*.npy")))
        file.write_bytes(_array(random, file.read_bytes()))
        return lambda: open_prepared(folder / "set")
    shutil.copytree(batches, folder / "set")
    name = random.choice(("train_data_batch_1.npz", "val_data.npz"))
    with zipfile.ZipFile(batches / name) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    part = random.choice(sorted(parts))
    parts[part] = _array(random, parts[part])
    with zipfile.ZipFile(folder / "set" / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    if random.random() < 0.2:
        (folder / "set" / name).write_bytes(spoiled(random, (folder / "set" / name).read_bytes()))
    return ["prepare", folder / "set", folder / "out", "--workers", 1]


def _array(random, right):
    """The bytes of an .npy with a fault; sometimes as they were."""
    content = right[128:]
    choice = random.randrange(6)
    if choice == 0:
        return spoiled(random, right)
    if choice == 1:
        return _npy(random.choice("([{-~"), content) if random.random() < 0.3 else _npy(_odd(random), content)
    if choice == 2:
        return random.choice((b"", b"\x80\x04K\x01.", b"PK\5\6" + bytes(18), right[:10], right + b"\0"))
    if choice == 3:
        sizes = [str(random.choice((*NUMBERS, -1, 3, 8))) for _ in range(random.randint(0, 5))]
        return _npy(_header(shape=f"({''.join(f'{size}, ' for size in sizes)})"), content)
    if choice == 4:
        types = ("'|O'", "'<i8'", "'>i8'", "'|u1'", "'<U99999999'", "'|V0'", "[('a', '|O')]", "'<f4'", "'|b1'", "None")
        return _npy(_header(descr=random.choice(types)), content)
    return right


def _header(**fields):
    fields = {"descr": "'|u1'", "fortran_order": "False", "shape": "(3,)"} | fields
    return "{" + ", ".join(f"'{key}': {value}" for key, value in fields.items()) + "}"


def _odd(random):
    sign = random.choice("([{-~")
    return random.choice((sign * 9000, _header(shape=sign * 9000 + "1"), "1", "{}", "None", "'" * 3, _header(more="1")))


def _npy(header, content):
    header = header.encode()[:65_000] + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + content

"""Zips whose directories lie, given to `prepare`."""

import io
import struct
import zipfile

from tests.data.headers import directory, with_bytes, with_zip64
from tests.data.sources import class_folders
from tests.fuzzing.damage import NUMBERS, spoiled


def setup(folder):
    """{name: content} of the files of a small data set."""
    root = class_folders(folder / "pets")
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*.*")}


def make(random, folder, shared):
    data = _zip(random, shared)
    for _ in range(random.choice((0, 1, 1, 2))):
        data = lying(random, data)
    path = folder / "a.zip"
    path.write_bytes(data)
    return ["prepare", path, folder / "out", "--workers", 1, "--size", 8]


def _zip(random, files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(name, content)
        if random.random() < 0.3:
            odd = random.choice(
                ("../up.png", "/train/cat/x.png", "train/cat", "a\\b", "train/\n\x1b[1m/x.png", "a//./b")
            )
            archive.writestr(odd, b"x")
        if random.random() < 0.1:
            for number in range(40):
                archive.writestr(f"train/{number}/" + "a/" * random.choice((20, 40, 3_000)) + "x.png", b"")
        if random.random() < 0.01:
            archive.writestr("words.txt", b"cat cat\n" * 2_200_000, zipfile.ZIP_DEFLATED, 1)
    return buffer.getvalue()


def lying(random, data):
    if data.find(b"PK\1\2") < 0 or data.rfind(b"PK\5\6") < 0:
        return data
    start, end = directory(data)
    choice = random.randrange(4)
    if choice == 0:
        fields = random.sample(("size", "packed", "offset"), random.randint(1, 3))
        return with_zip64(data, **{field: random.choice(NUMBERS) for field in fields})
    if choice == 1:  # a number in the entry of a member: versions, flags, methods, sizes, lengths, places
        entry = data.find(b"PK\1\2", random.randint(start, end - 1))
        at = (entry if entry >= 0 else start) + random.choice((4, 6, 8, 10, 16, 20, 24, 28, 30, 32, 42))
        return with_bytes(data, at, struct.pack("<I", random.choice(NUMBERS) & 0xFFFFFFFF))
    if choice == 2:  # and in the record of its end
        at = end + random.choice((4, 8, 10, 12, 16, 20))
        old = int.from_bytes(data[at : at + 4], "little")
        return with_bytes(data, at, struct.pack("<I", random.choice((old + 1, old - 1, *NUMBERS)) & 0xFFFFFFFF))
    return spoiled(random, data)

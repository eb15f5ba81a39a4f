"""Tars, plain or gzipped, whose headers lie, given to `prepare`."""

import gzip

from tests.data.headers import TAR_END, posix_texts, tar_header, tar_member
from tests.data.sources import class_folders
from tests.fuzzing.damage import NUMBERS, spoiled


def setup(folder):
    """{name: content} of the files of a small data set."""
    root = class_folders(folder / "pets")
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*.*")}


def make(random, folder, shared):
    members = [tar_member(name, content) for name, content in sorted(shared.items())]
    for _ in range(random.randint(0, 3)):
        members.insert(random.randrange(len(members) + 1), _odd_member(random))
    data = b"".join(members) + random.choice((TAR_END, TAR_END, TAR_END, b""))
    if random.random() < 0.4:
        data = spoiled(random, data)
    if random.random() < 0.2:
        data = gzip.compress(data, 1)
        data = spoiled(random, data) if random.random() < 0.3 else data
    path = folder / random.choice(("a.tar", "a.tar", "a.tar.gz"))
    path.write_bytes(data)
    return ["prepare", path, folder / "out", "--workers", 1, "--size", 8]


def _odd_member(random):
    number = random.choice(NUMBERS) * random.choice((1, 1, -1))
    name = random.choice(
        ("train/cat/odd.png", "../../up.png", "/train/cat/x.png", "a/" * 45 + "b", "train/\n\x1b[1m/x")
    )
    kind = random.choice((b"0", b"1", b"2", b"3", b"5", b"6", b"7", b"L", b"K", b"x", b"g", b"S", b"\0", b"Z"))
    choice = random.randrange(4)
    if choice == 0:
        return tar_header(name, number, kind)
    if choice == 1:
        return tar_member("long", random.choice((name.encode(), b"a/" * 20_000, b"")), kind) * random.choice((1, 3000))
    if choice == 2:
        key = random.choice(("size", "path", "GNU__sparse__map", "GNU__sparse__major", "linkpath"))
        return posix_texts(**{key: random.choice((number, name, "0,a,3,-4", "9" * 5000))}) + tar_member(name, b"x")
    return tar_member(name, random.randbytes(random.randint(0, 600)), kind)

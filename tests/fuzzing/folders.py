"""Folders with odd entries and lists, given to `prepare`: links in circles, pipes, devices, endless lists."""

import os
import shutil
from pathlib import Path

from tests.data.sources import class_folders, ilsvrc2012, tiny_imagenet
from tests.fuzzing.damage import NUMBERS, spoiled

DEVICES = ("/dev/zero", "/dev/null", "/dev/random", "/proc/self/mem", "/nowhere")


def setup(folder):
    tars = ilsvrc2012(folder / "ilsvrc")
    return class_folders(folder / "pets"), tiny_imagenet(folder / "tiny", 2, 2), tars


def make(random, folder, shared):
    root = folder / "set"
    shutil.copytree(random.choice(shared), root)
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        random.choice(FAULTS)(random, root)
    return ["prepare", root, folder / "out", "--workers", 1, "--size", 8]


def _some(random, root, wanted):
    found = sorted(path for path in root.rglob("*") if wanted(path) and not path.is_symlink())
    return random.choice(found or [root / "new"])


def _small(path):
    return path.is_file() and 0 < path.stat().st_size < 10**6


def _other_kind(random, root):
    """A pipe, a device or a folder in a file's place."""
    file = _some(random, root, Path.is_file)
    file.unlink(missing_ok=True)
    choice = random.randrange(3)
    if choice == 0:
        os.mkfifo(file)
    elif choice == 1:
        file.symlink_to(random.choice(DEVICES))
    else:
        file.mkdir()


def _links(random, root):
    """Links between folders."""
    folders = [root, *sorted(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())]
    for number in range(random.choice((1, 3, 20))):
        link = random.choice(folders) / f"link-{number}"
        if not link.is_symlink():
            link.symlink_to(random.choice(folders))


def _levels(random, root):
    """Folders inside each other."""
    here = _some(random, root, Path.is_dir)
    for _ in range(random.choice((5, 40, 400))):
        here = here / "d"
        here.mkdir(exist_ok=True, parents=True)


def _long_list(random, root):
    file = _some(random, root, lambda path: path.suffix in (".txt", ".csv") and path.is_file())
    line = random.choice((b"\n", b"n1\n", b"a\r", b"x" * 20_000, b"\x00", b"\xff"))
    choice = random.randrange(3)
    if choice == 0:
        os.truncate(file, random.choice((10**8, 10**12))) if file.exists() else file.write_bytes(line)
    else:
        file.write_bytes(line * (random.choice((10, 16 * 2**20, 2 * 10**7)) // len(line)))


def _spoiled_file(random, root):
    file = _some(random, root, _small)
    file.write_bytes(spoiled(random, file.read_bytes() if file.exists() else b"x"))


def _odd_number(random, root):
    """A number of a list that is none of the classes."""
    file = _some(random, root, lambda path: path.suffix in (".txt", ".csv") and _small(path))
    lines = file.read_bytes().split(b"\n")[:10_000] if file.exists() else [b""]
    lines[random.randrange(len(lines))] = random.choice(
        (b"%d" % random.choice(NUMBERS), b"-1", b"9" * 5000, "²".encode())
    )
    file.write_bytes(b"\n".join(lines))


FAULTS = (_other_kind, _links, _levels, _long_list, _spoiled_file, _odd_number)

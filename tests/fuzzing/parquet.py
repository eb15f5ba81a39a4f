"""Parquet files that are damaged, of odd columns, or that unpack to far more than they are, given to `prepare`."""

import json
import shutil
import struct

import pyarrow
import pyarrow.parquet

from tests.data.sources import encoded, picture
from tests.fuzzing.damage import NUMBERS, spoiled

MAGIC = b"PAR1"
ODD_LABELS = (
    ["b", "a"],
    ["x" * 20_000, "\n\x1b[1m"],
    [b"a", b"\xff"],
    [0.5, float("nan")],
    [True, False],
    [None, None],
    [[0], [1]],
    [{"a": 0}, {"a": 1}],
    [-1, 2**62],
    [0, 7],
)
ODD_TYPES = ("uint64", "int8", "bool", "timestamp[ns]", "date64", "float16", "string")
NAMES = '{"names": ["cat", "dog"]}'
ODD_ABOUT = (NAMES, NAMES, "{}", "[" * 200_000, "{")


def setup(folder):
    """(the files of a right data set, hostile ones of at most 700 kB)."""
    folder = folder / "made"
    folder.mkdir()
    right = {name: _file(folder / name, _pictures(n), [0, 1] * n) for name, n in (("train-0", 6), ("validation-0", 2))}
    return right, [hostile(folder) for hostile in (_many_rows, _long_labels, _large_pictures)]


def make(random, folder, shared):
    right, hostile = shared
    (folder / "set").mkdir()
    for name, file in right.items():
        shutil.copy(file, folder / "set" / f"{name}.parquet")
    file = folder / "set" / f"{random.choice(sorted(right))}.parquet"
    choice = random.randrange(20)
    if choice == 0:
        shutil.copy(random.choice(hostile), file)
    elif choice < 8:
        _odd_columns(random, file)
    elif choice < 16:
        file.write_bytes(_spoiled_footer(random, file.read_bytes()))
    elif choice < 19:
        file.write_bytes(spoiled(random, file.read_bytes()))
    options = ["--labels", random.choice(("label", "image", "other", ""))] if random.random() < 0.1 else []
    return ["prepare", folder / "set", folder / "out", "--workers", 1, "--size", 8, *options]


def _pictures(pairs):
    return [{"bytes": encoded(picture(seed), "PNG"), "path": f"{seed}.png"} for seed in range(2 * pairs)]


def _file(path, pictures, labels, about=NAMES, **options):
    """Write a file; about: what it says of its labels, JSON."""
    table = pyarrow.table({"image": pictures, "label": labels})
    text = f'{{"info": {{"features": {{"label": {about}}}}}}}'
    pyarrow.parquet.write_table(table.replace_schema_metadata({"huggingface": text}), path, **options)
    return path


def _many_rows(folder):
    """A hundred million rows."""
    pictures, labels = (pyarrow.chunked_array([pyarrow.array([one] * 10**6)] * 100) for one in (b"", 0))
    return _file(folder / "rows", pictures, labels, row_group_size=10**9)


def _long_labels(folder):
    """A word of a million letters in a million rows."""
    zeros = pyarrow.array([0] * 10**6)
    pictures, labels = (pyarrow.DictionaryArray.from_arrays(zeros, [one]) for one in (b"", "x" * 10**6))
    return _file(folder / "words", pictures, labels, "{}", row_group_size=10**9)


def _large_pictures(folder):
    """Four GB of pictures, all of them the same MB of zeros."""
    pictures = pyarrow.DictionaryArray.from_arrays([0] * 4000, [bytes(10**6)])
    return _file(folder / "pictures", pictures, [0, 1] * 2000, row_group_size=10**9)


def _odd_columns(random, file):
    columns = {"pictures": _pictures(6), "labels": [0, 1] * 6, "about": random.choice(ODD_ABOUT)}
    columns |= random.choice((_odd_labels, _odd_types, _odd_pictures, _odd_names))(random)
    options = {
        "row_group_size": random.choice((1, 5, 100)),
        "compression": random.choice(("none", "snappy", "gzip", "zstd", "lz4", "brotli")),
        "use_dictionary": random.random() < 0.5,
        "data_page_version": random.choice(("1.0", "2.0")),
    }
    _file(file, **columns, **options)


def _odd_labels(random):
    return {"labels": random.choice(ODD_LABELS) * 6}


def _odd_types(random):
    labels = pyarrow.array([0, 1] * 6 if random.random() < 0.5 else [None] * 12, pyarrow.int64())
    return {"labels": labels.cast(random.choice(ODD_TYPES))}


def _odd_pictures(random):
    odd = (None, {"bytes": None}, {"bytes": b""}, {"bytes": b"\xff" * 99, "path": "x"}, {})
    pictures = [random.choice((*odd, one)) for one in _pictures(6)]
    plain = pyarrow.array([(one or {}).get("bytes") for one in pictures], random.choice(("binary", "large_binary")))
    return {"pictures": random.choice((pictures, plain, ["a"] * 12))}


def _odd_names(random):
    names = (["cat", "dog"], [], ["cat"], ["", "\0"], [1, 2], "cat", ["x" * 10**6] * 2, ["a"] * 200_000, None)
    return {"about": json.dumps({"names": random.choice(names)})}


def _spoiled_footer(random, data):
    """The same pages below a spoiled description, whose length is right or at a limit."""
    (length,) = struct.unpack("<I", data[-8:-4])
    pages, footer = data[: -8 - length], spoiled(random, data[-8 - length : -8], most=2)
    found = random.choice(NUMBERS) & 0xFFFFFFFF if random.random() < 0.05 else len(footer)
    return pages + footer + struct.pack("<I", found) + MAGIC

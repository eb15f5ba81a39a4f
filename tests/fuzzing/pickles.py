"""Damaged and hostile pickles: batches of CIFAR and ImageNet, given to `prepare` or to the reader alone."""

import os
import pickle
import pickletools
import struct
from functools import partial

import numpy as np

from tests.data import sources
from tests.fuzzing.damage import NUMBERS, spoiled
from tinyalex.data.pickles import load_pickle

SETS = {  # the files that a case may spoil
    "cifar10": ("data_batch_1", "test_batch", "batches.meta"),
    "cifar100": ("train", "meta"),
    "imagenet": ("train_data_batch_1", "val_data"),
}
CODES = "".join(op.code for op in pickletools.opcodes).encode("latin1")


def setup(folder):
    """{name of a set: {name of its file: content}}."""
    roots = {
        "cifar10": sources.cifar10(folder / "cifar10"),
        "cifar100": sources.cifar100(folder / "cifar100"),
        "imagenet": sources.imagenet_batches(folder / "imagenet", batches=1, named=False),
    }
    return {name: {file.name: file.read_bytes() for file in root.iterdir()} for name, root in roots.items()}


def make(random, folder, shared):
    kind = random.choice(list(SETS))
    spoil = random.choice(SETS[kind])
    content = pickle.loads(shared[kind][spoil])
    program = random.choice(PROGRAMS)(random, content)
    if random.random() < 0.7:
        path = sources.write(folder / "alone", program)
        return partial(_load, path)
    for name, data in shared[kind].items():
        sources.write(folder / kind / name, program if name == spoil else data)
    return ["prepare", folder / kind, folder / "out", "--workers", "1", "--size", "8"]


def _load(path):
    with path.open("rb") as file:
        load_pickle(file, str(path))


def _right(random, content):
    return pickle.dumps(content, random.randint(2, 5))


def _damaged(random, content):
    return spoiled(random, pickle.dumps(content, random.randint(0, 5)))


def _other_values(random, content):
    """The right form, and a value of a wrong kind in it."""
    key = random.choice(list(content))
    return pickle.dumps(content | {key: _value(random, content[key])}, random.randint(2, 5))


def _value(random, value, depth=0):
    simple = (None, True, 1.5, "", "é" * 300, b"\xff", 10**30, -1, (), {}, [], float("nan"))
    if depth == 3 or random.random() < 0.4:
        return random.choice(simple)
    if isinstance(value, np.ndarray) and random.random() < 0.7:
        kind = random.choice(("u1", "i8", ">f4", "f2", "?", "O", "S3", "M8[D]", "c8"))
        with np.errstate(invalid="ignore"):
            other = value.astype(kind) if kind != "M8[D]" else np.zeros(value.shape, kind)
        shape = random.choice((value.shape, (-1,), (1, -1), (*value.shape, 1), (value.shape[0], 3, 32, -1)))
        return other.reshape(shape) if value.size % 96 == 0 else other
    if isinstance(value, list) and value and random.random() < 0.7:
        value = list(value)
        value[random.randrange(len(value))] = _value(random, None, depth + 1)
        return value[: random.randint(0, len(value))] if random.random() < 0.3 else value
    return [_value(random, value, depth + 1) for _ in range(random.randint(0, 4))]


def _steps(random, _content):
    """A program of random steps, most of them with values that they can take."""
    return (
        b"\x80" + bytes([random.randint(2, 5)]) + b"".join(_step(random) for _ in range(random.randint(1, 60))) + b"."
    )


def _step(random):
    code = random.choice(CODES + b"]}(KqhaesutRb\x85\x86\x93" * 3)
    length = random.choice((*NUMBERS, random.randint(0, 20)))
    step, text = bytes([code]), random.choice((b"data", b"labels", b"\xff" * 3, b"latin1", b"numpy", b"dtype", b"os"))
    few = {b"K": 1, b"M": 2, b"J": 4, b"G": 8, b"q": 1, b"r": 4, b"h": 1, b"j": 4, b"\x95": 8, b"\x82": 1, b"\x83": 2}
    counted = {b"U": "B", b"T": "I", b"C": "B", b"B": "I", b"X": "I", b"\x8c": "B", b"\x8d": "Q", b"\x8e": "Q"}
    counted |= {b"\x96": "Q", b"\x8a": "B", b"\x8b": "I"}
    if step in few:
        return step + (random.randrange(4) if step in b"qh" else length).to_bytes(8, "little")[: few[step]]
    if step in counted:
        form = "<" + counted[step]
        wrong = random.random() < 0.1
        return step + struct.pack(form, length % 256 ** struct.calcsize(form) if wrong else len(text)) + text
    if step == b"c":
        return random.choice((*NAMES, b"cos\nsystem\n", b"cbuiltins\neval\n", b"c" + text * 50, b"c\n\n"))
    return step + (text + b"\n" if step in b"FILSVgpiP" else b"")


NAMES = (
    b"cnumpy\nndarray\n",
    b"cnumpy\ndtype\n",
    b"c_codecs\nencode\n",
    b"cbuiltins\nbytes\n",
    b"cnumpy.core.multiarray\n_reconstruct\n",
    b"cnumpy.core.multiarray\nscalar\n",
    b"cnumpy._core.numeric\n_frombuffer\n",
)


def _bomb(random, _content):
    """Few bytes that ask for much: containers in containers, in breadth or in depth."""
    times, value = random.randint(1, 12), random.choice((b"K\x01", b"]", b")", b"X\x01\x00\x00\x00a", NAMES[0] + b")R"))
    if random.random() < 0.5:
        deep = random.choice((10, 10**3, 10**6))
        steps = random.choice((b"\x85" * deep, b"]" * deep + b"a" * deep, b"}K\x01" * deep + b"s" * deep, b"(" * deep))
        return b"\x80\x02}" + value + steps + random.choice((b".", b"K\x01s.", b"}b.", b"R."))
    width = random.choice((2, 60, 1000))
    opening, closing = random.choice(((b"](", b"e"), (b"(", b"t"), (b"}(", b"u")))
    steps = (opening + (b"h" + bytes([i])) * width + closing + b"q" + bytes([i + 1]) for i in range(times))
    return b"\x80\x02" + value + b"q\x00" + b"".join(steps) + random.choice((b".", b"}X\x06\x00\x00\x00labelsh\x01s."))


def _memory(random, _content):
    """A number of the memory, or a length, at its limits."""
    number = random.choice(NUMBERS)
    small, large = struct.pack("<I", number % 2**32), struct.pack("<Q", number)
    steps = (b"r" + small, b"j" + small, b"X" + small + b"a", b"\x8e" + large + b"a", b"\x96" + large, b"\x95" + large)
    return b"\x80\x04K\x01" + random.choice(steps) + b"."


def _shape(random, _content):
    """An array that declares another size than it has."""
    lengths = b"".join(b"\x8a\x0a" + struct.pack("<q", random.choice(NUMBERS) // 2) + b"\0\0" for _ in range(3))
    state = b"(K\x01(" + lengths + b"tcnumpy\ndtype\nU\x02u1\x85R\x89U\x03abctb"
    return b"\x80\x02}U\x04data" + NAMES[4] + NAMES[0] + b"K\x00\x85U\x01b\x87R" + state + b"s."


def _encoded(random, _content):
    """One text made to bytes many times."""
    text = b"a" * random.choice((1, 10**3, 10**6))
    many = b"h\x00h\x01R" * random.choice((1, 10, 10**5))
    latin = b"X" + struct.pack("<I", len(text)) + text + b"X\x06\x00\x00\x00latin1\x86q\x01"
    return b"\x80\x02c_codecs\nencode\nq\x00" + latin + b"](" + many + b"e."


class _Calls:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], tuple(self.call[1:])


def _code(random, content):
    """Code that leaves a mark, if anything runs it."""
    touch = "import pathlib; pathlib.Path('code-ran').touch()"
    calls = (_Calls(os.system, "touch code-ran"), _Calls(exec, touch), _Calls(eval, "open('code-ran', 'w')"))
    call = random.choice(calls)
    if random.random() < 0.5:
        return pickle.dumps(content | {random.choice(list(content)): call}, random.randint(2, 5))
    text = b"X\x0e\x00\x00\x00touch code-ran"
    others = (b"(" + text + b"ios\nsystem\n", b"(cos\nsystem\n" + text + b"o", b"cos\nsystem\n" + text + b"\x85\x81")
    return b"\x80\x02" + random.choice(others) + b"."


PROGRAMS = (_right, _damaged, _damaged, _other_values, _other_values, _steps, _bomb, _memory, _shape, _encoded, _code)

"""Count a device's work: every launch, the bytes it reads and writes, and the matrix products.

    with counting() as operations:
        y, cache = layer.forward(x)
    sum(o.launches for o in operations), sum(o.read + o.written for o in operations)

Nothing is computed meanwhile: results have the right shape, dtype and order in memory, and any content. Their memory is
not touched, so a step on 512 pictures is counted in seconds on any machine.

Views are free. An array is read once, however often its entries are used, and an entry that a view repeats counts once,
except between the matrices of a stack. Transfers count in `bus`, not here. `launches.py` says what each call launches.
"""

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from tinyalex.standin.device import Refused, observed_by
from tinyalex.standin.launches import RULES, Product


@dataclass(frozen=True)
class Operation:
    """One call as the device sees it. read, written: bytes;  product: for a matrix product

    blocks: of threads, among which a reduction is divided that CUB refuses: few are slow. 0: any other operation
    """

    name: str
    launches: int
    read: int
    written: int
    product: Product | None = None
    blocks: int = 0

    @property
    def bytes(self) -> int:
        return self.read + self.written


@contextmanager
def counting() -> Iterator[list[Operation]]:
    """A context in which operations on the stand-in are counted instead of computed: the list that they go to.

    Refused: an operation without a rule here.
    """
    counter = _Counter()
    with observed_by(counter):
        yield counter.operations


class _Counter:
    """The observer of `counting`."""

    def __init__(self):
        self.operations = []

    def operation(self, name, function, args, kwargs):
        rule = RULES.get(name)
        if rule is None:
            raise Refused("uncounted", f"nothing here says what CuPy launches for {name}")
        return rule(self, name, function, args, kwargs)

    def kernel(self, kernel, arguments):
        """One launch of a kernel of ours; a pointer that is written counts as read too if the source reads it."""
        both = _read_and_written(kernel)
        arrays = [(p, a) for p, a in zip(kernel.parameters, arguments) if p.pointer]
        read = [a for p, a in arrays if not p.written or p.name in both]
        self.note(kernel.name, read, [a for p, a in arrays if p.written])

    def note(self, name, read, written, launches=1, **more):
        """Note an operation on arrays; nothing where all are empty. An array that is read twice is read once."""
        read = {(a.ctypes.data, a.shape, a.strides): a for a in read}.values()
        read, written = sum(map(unique_bytes, read)), sum(map(unique_bytes, written))
        if read or written:
            self.operations.append(Operation(name, launches, read, written, **more))


# ---------------------------------------------------------------------------------------------- bytes


def unique_bytes(a: np.ndarray) -> int:
    """The bytes that an array occupies; what overlapping windows or a broadcast axis repeat counts once.

    Exact for windows of a picture, and of a slice of its channels; an upper bound for views with stranger strides.
    """
    if a.size == 0:
        return 0
    count, unit, length = 1, a.itemsize, 1  # `count` times a run of `length` entries, `unit` bytes apart
    for stride, size in sorted((abs(s), n) for s, n in zip(a.strides, a.shape) if n > 1 and s):
        if stride % unit == 0 and stride // unit <= length:  # it continues the run, or overlaps with it
            length += (size - 1) * (stride // unit)
        else:
            count, unit, length = count * length, stride, size
    return count * length * a.itemsize


def _read_and_written(kernel):
    """The written pointers of a kernel that its source also reads: whatever is not `pointer[…] = …`."""
    text = kernel.file.read_text(encoding="utf-8").split(f"KERNEL void {kernel.name}(")[1]
    body = re.sub(r"//.*", "", text.split("KERNEL void")[0].partition("{")[2])
    return {p.name for p in kernel.parameters if p.written and _is_read(p.name, body)}


def _is_read(pointer, body):
    for found in re.finditer(rf"\b{pointer}\b", body):
        rest = body[found.end() :]
        if not rest.startswith("["):  # passed on to a function
            return True
        depths = itertools.accumulate((sign == "[") - (sign == "]") for sign in rest)
        behind = rest[next(i for i, depth in enumerate(depths) if depth == 0) + 1 :]
        if not re.match(r"\s*=(?!=)", behind):
            return True
    return False

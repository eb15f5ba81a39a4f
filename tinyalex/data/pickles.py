"""Read published pickles (CIFAR, ImageNet32/64, PyTorch's weights) without running anything in them.

A pickle is a program for a machine with a stack, and can call any function that it names. This machine knows only the
steps that build numbers, text, bytes, lists, tuples, dicts and NumPy arrays. The few names that a vocabulary has lead
to stand-ins (for arrays: pickled_arrays.py); every other name is refused.

A few bytes could still ask for gigabytes, or for lists of lists without end. So text is never longer than the file, a
program has at most MOST steps, and its containers, counted as often as they are used, hold at most MOST entries, and no
more than FEW or one for each byte of the file.
"""

import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinyalex.data.pickled_arrays import FUNCTIONS, Function, StandIn, Value, as_text
from tinyalex.errors import UserError

MOST = 2_000_000  # steps and entries; the largest published file takes 400,000
FEW = 10_000
DEEPEST = 8  # levels of nested containers; published files have two
LEAVES = {type(None), bool, int, float, str, bytes}


@dataclass(frozen=True)
class Vocabulary:
    """The names that a kind of pickle may use.

    names: (module, name) → a `Function`, or a stand-in that cannot be called
    expected: words for what is read, in the message that refuses any other name
    stored: from a persistent id, what the pickle keeps elsewhere; None: such ids are refused
    """

    names: dict[tuple[str, str], object]
    expected: str
    stored: Callable[[Any], object] | None = None


ARRAYS = Vocabulary(FUNCTIONS, "only arrays, lists, dicts, text and numbers are read")


def load_pickle(file, name, size=None, vocabulary=ARRAYS):
    """Load a pickle's content: numbers, text, lists, tuples, dicts and what the vocabulary has, nothing else.

    file: open for reading bytes, buffered; name: what messages call it; size: of the file in bytes; None: by seeking
    Byte strings that are dictionary keys become text, so pickles from Python 2 and 3 look alike.
    Raises UserError if the pickle names anything else, holds arrays of objects, is cut short or is no pickle at all.
    """
    if size is None:
        size = file.seek(0, 2)
        file.seek(0)
    machine = _Machine(file, size, vocabulary)
    try:
        return machine.finished(machine.run())
    except _Refused as error:
        raise UserError(f"{name}: refused: {error}; {vocabulary.expected}") from None
    except OSError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{name}: not a readable pickle ({reason}); it is damaged or was cut short") from None


class _Refused(Exception):
    """The pickle asks for something that is never done."""


def _unsigned(raw):
    return int.from_bytes(raw, "little")


def _signed(raw):
    return int.from_bytes(raw, "little", signed=True)


VALUES = {  # the code of a step: how many bytes follow, and how they become a value
    b"K": (1, _unsigned),
    b"M": (2, _unsigned),
    b"J": (4, _signed),
    b"G": (8, lambda raw: struct.unpack(">d", raw)[0]),
    b"N": (0, lambda raw: None),
    b"\x88": (0, lambda raw: True),
    b"\x89": (0, lambda raw: False),
    b")": (0, lambda raw: ()),
    b"]": (0, lambda raw: []),
    b"}": (0, lambda raw: {}),
}

COUNTED_VALUES = {  # the code of a step: in how many bytes the number of bytes stands that follow, and as above
    b"\x8a": (1, _signed),
    b"U": (1, bytes),  # Python 2's strings are bytes, and the pixels are strings
    b"T": (4, bytes),
    b"C": (1, bytes),
    b"B": (4, bytes),
    b"\x8e": (8, bytes),
    b"\x96": (8, bytes),
    b"\x8c": (1, bytes.decode),
    b"X": (4, bytes.decode),
    b"\x8d": (8, bytes.decode),
}

STEPS = {  # the code of any other step, and what it does with a machine
    b"\x95": lambda m: m.taken(8),  # a frame, with its length
    b"(": lambda m: m.marks.append(len(m.stack)),
    b"q": lambda m: m.keep(_unsigned(m.taken(1))),
    b"r": lambda m: m.keep(_unsigned(m.taken(4))),
    b"\x94": lambda m: m.keep(len(m.memo)),
    b"h": lambda m: m.stack.append(m.memo[_unsigned(m.taken(1))]),
    b"j": lambda m: m.stack.append(m.memo[_unsigned(m.taken(4))]),
    b"a": lambda m: m.extend(m.popped(1)),
    b"e": lambda m: m.extend(m.marked()),
    b"s": lambda m: m.update(m.popped(2)),
    b"u": lambda m: m.update(m.marked()),
    b"t": lambda m: m.stack.append(tuple(m.marked())),
    b"\x85": lambda m: m.stack.append(tuple(m.popped(1))),
    b"\x86": lambda m: m.stack.append(tuple(m.popped(2))),
    b"\x87": lambda m: m.stack.append(tuple(m.popped(3))),
    b"c": lambda m: m.name(m.line(), m.line()),
    b"\x93": lambda m: m.name(*m.popped(2)),
    b"R": lambda m: m.call(*m.popped(2)),
    b"b": lambda m: m.set_state(*m.popped(1)),
    b"Q": lambda m: m.fetch(*m.popped(1)),
}


def _refusal(code):
    """The exception for a step that is not taken."""
    if not code:
        return ValueError("it ends too early")
    known = pickletools.code2op.get(code.decode("latin1"))
    return _Refused(f"this pickle asks for {known.name}") if known else ValueError(f"{code!r} is no step")


class _Machine:
    """Runs a pickle of protocols 2 to 5.

    stack: the values so far; marks: the heights of the stack at which the entries of a container begin
    memo: values to be used again, by number; entries: in containers, so far; encoded: bytes made from text, so far
    """

    def __init__(self, file, size, vocabulary):
        self.read, self.readline, self.size = file.read, file.readline, size
        self.names, self.stored = vocabulary.names, vocabulary.stored
        self.most = min(MOST, max(FEW, size))  # entries
        self.stack, self.marks, self.memo = [], [], {}
        self.entries = self.encoded = 0

    def run(self):
        """The value at the end. Raises nearly anything if the pickle is damaged."""
        if self.taken(1) != b"\x80" or not 2 <= self.taken(1)[0] <= 5:
            raise ValueError("expected protocol 2, 3, 4 or 5 of Python's pickles")
        read, push = self.read, self.stack.append
        for _ in range(MOST):
            code = read(1)
            if code in VALUES:
                width, value = VALUES[code]
                push(value(self.taken(width)))
            elif code in COUNTED_VALUES:
                width, value = COUNTED_VALUES[code]
                push(value(self.taken(_unsigned(self.taken(width)))))
            elif code in STEPS:
                STEPS[code](self)
            elif code == b".":
                return self.stack.pop()
            else:
                raise _refusal(code)
        raise ValueError(f"more than {MOST:,} steps")

    def taken(self, count):
        """The next bytes of the file."""
        if count > self.size or len(raw := self.read(count)) < count:
            raise ValueError("it ends too early")
        return raw

    def line(self):
        """The rest of a line, as text."""
        return self.readline(100).decode().removesuffix("\n")

    def popped(self, count):
        """The last values of the stack, taken off."""
        if count > len(self.stack):
            raise ValueError("a step without its values")
        start = len(self.stack) - count
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def marked(self):
        """The values since the last mark, taken off the stack."""
        return self.popped(len(self.stack) - self.marks.pop())

    def keep(self, number):
        """Remember the last value."""
        self.memo[number] = self.stack[-1]

    def last(self, kind):
        """The last value, which has to be of this kind."""
        if not isinstance(self.stack[-1], kind):
            raise ValueError(f"a step that does not go with a {type(self.stack[-1]).__name__}")
        return self.stack[-1]

    def extend(self, values):
        """Add entries to a list."""
        self.last(list).extend(values)

    def update(self, values):
        """Add keys and values, by turns, to a dict. A tuple is no key: hashing deep ones would crash Python."""
        if not LEAVES.issuperset(map(type, values[::2])):
            raise ValueError("a key that is neither text nor a number")
        self.last(dict).update(zip(values[::2], values[1::2], strict=True))

    def name(self, module, name):
        """Put the stand-in of a named function on the stack."""
        if type(module) is not str or type(name) is not str:
            raise ValueError("a name that is no text")
        if (module, name) not in self.names:
            raise _Refused(f"this pickle asks for {f'{module}.{name}'[:80]!r}")
        self.stack.append(self.names[module, name])

    def call(self, function, arguments):
        """Put the result of a stand-in on the stack."""
        if type(function) is not Function or type(arguments) is not tuple:
            raise ValueError("it calls something that is no function")
        value = function.call(*arguments)
        if type(value) is bytes:  # the same text can be encoded many times
            self.encoded += len(value)
            if self.encoded > self.size:
                raise ValueError("more bytes than the file has")
        self.stack.append(value)

    def set_state(self, state):
        """Fill an array, or complete its type."""
        self.last(StandIn).set_state(*state)

    def fetch(self, identity):
        """Put on the stack what is stored elsewhere, by its persistent id."""
        if self.stored is None:
            raise _refusal(b"Q")
        self.stack.append(self.stored(identity))

    def finished(self, value, depth=0):
        """A value with every stand-in replaced by what it stands for."""
        kind = type(value)
        if kind in LEAVES:
            return value
        if issubclass(kind, Value):
            return value.resolve()
        if not issubclass(kind, (dict, list, tuple)):
            raise ValueError(f"a {kind.__name__} is not read")
        self.entries += len(value)
        if depth == DEEPEST or self.entries > self.most:
            raise ValueError(
                f"containers nested in more than {DEEPEST} levels, or with more than {self.most:,} entries"
            )
        if issubclass(kind, dict):
            return {as_text(key): self.finished(item, depth + 1) for key, item in value.items()}
        items = [item if type(item) in LEAVES else self.finished(item, depth + 1) for item in value]
        return items if kind is list else tuple(items)

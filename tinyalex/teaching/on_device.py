"""What keeps an answer that is right on NumPy from running on a GPU, or makes it wait there: found on the stand-in device.

An answer is called once more with its arguments on the device, its doors shut but for what must pass. The first thing that
is refused there is the mistake, and the line that asked for it is told. Several things may be wrong: one at a time.
"""

import linecache
import traceback

import numpy as np

from tinyalex.backend import to_device, to_host
from tinyalex.teaching.device import DeviceArray, Refused, bus, xp
from tinyalex.teaching.exercise import NotDoneYet, Property

MISTAKES = {  # what was refused: (its row in the zoo of mistakes, what to tell)
    "numpy": (
        "X1",
        "This calls NumPy with an array of the device. CuPy hands some of NumPy's functions on to its own, "
        "others not: ask the array whose it is, xp = array_module(x), and call xp's.",
    ),
    "convert": (
        "X2",
        "Here an array of the device is to become one of the host, unasked: np.asarray, np.array, or an "
        "assignment into an array that np made. Make arrays with xp, where x is.",
    ),
    "host": (
        "X3",
        "An array of the host meets one of the device. Bring it over once, with xp.asarray, or make it there with xp.",
    ),
    "wait": (
        "X4",
        "An if, float(), bool() or int() needs a number that the device may not have computed yet: the host "
        "stops and waits, in every step. Let the device decide: xp.where, xp.minimum, xp.maximum.",
    ),
    "mask": (
        "X5",
        "A mask as an index, read or written through: how many are true only the device knows, and the host waits "
        "to be told. xp.where keeps the shape and needs no answer.",
    ),
    "list": ("X6", "A list as an index is moved to the device in every call. Make the indices there, xp.arange say."),
    "unknown": ("X7", "CuPy does not have this name, or not with these arguments: it has most of NumPy, not all."),
    "fetch": (
        "X8",
        "It runs there, but it goes home in between: .get(), .item() and .tolist() wait until the device has "
        "done everything before. Leave the number where it is; an array without axes does as well.",
    ),
    "send": (
        "X9",
        "More is moved to the device in each call than has to be. What does not depend on the host's data can "
        "be made there: xp.arange, xp.zeros.",
    ),
    "home": ("X10", "What comes back from the device is not all there any more: some of the results are the host's."),
    "other": ("X11", "On the device the numbers are other than on NumPy."),
}


def device_properties(probes, stays=(), moves=lambda *arguments: 0):
    """Properties, to be asked late: a function runs on the device as on NumPy, without a wait or a needless transfer.

    probes: as those of an `Exercise`;  stays: positions of arguments that are the host's in any case
    moves: function of a probe's arguments, the bytes that have to be moved to the device in a call
    """

    def holds(kind):
        def none_such(function):
            found, words = _first_refusal(function, probes, stays, moves)
            return True if found != kind else words

        return none_such

    return tuple(Property(id, holds(kind), message, late=True) for kind, (id, message) in MISTAKES.items())


def _first_refusal(function, probes, stays, moves):
    """(kind, the line) of the first thing that is not to be; (None, "") where there is none. Raises what else goes wrong."""
    for probe in probes:
        arguments, there = probe(), probe()
        there = [a if i in stays or np.isscalar(a) else to_device(a, xp) for i, a in enumerate(there)]
        try:
            bus.reset(most_bytes=moves(*arguments), most_waits=0)
            found = function(*there)
        except NotDoneYet:
            raise
        except Exception as error:
            kind = _kind(error)
            if kind is None:
                raise
            return kind, _line(error, function)
        finally:
            bus.reset()
        kind = _compare(_flat(found), _flat(function(*arguments)))
        if kind:
            return kind, ""
    return None, ""


def _kind(error):
    if isinstance(error, Refused):
        return error.kind if error.kind in MISTAKES else None
    if isinstance(error, TypeError) and "does not support ufuncs" in str(error):  # what NumPy itself says
        return "numpy"
    if isinstance(error, AttributeError) and ("the device has no" in str(error) or "DeviceArray" in str(error)):
        return "unknown"
    return None


def _line(error, function):
    """ "Line 3: y = np.exp(x)", the last of the function's own file that ran; "" where there is no source."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    numbers = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    source = linecache.getline(file, numbers[-1]).strip() if numbers else ""
    return f"\nIts line {numbers[-1]}: {source}" if source else ""


def _compare(found, expected):
    if not all(isinstance(value, DeviceArray) for value in found):
        return "home"
    same = len(found) == len(expected) and all(np.allclose(a, b, rtol=1e-6) for a, b in zip(to_host(found), expected))
    return None if same else "other"


def _flat(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]

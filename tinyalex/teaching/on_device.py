"""Find why an answer that is right on NumPy fails, or waits, on a GPU; it runs on the stand-in device.

The answer is called once more with its arguments on the device, which allows only the necessary transfers. The first
refused operation is the mistake; the learner is told its line, and hears of one mistake at a time.
"""

import linecache
import traceback

import numpy as np

from tinyalex.backend import to_device, to_host
from tinyalex.standin import DeviceArray, Namespace, Refused, bus, xp
from tinyalex.teaching.exercise import NotDoneYet, Property

MISTAKES = {  # kind of refusal: (id of the mistake, message to the learner)
    "numpy": (
        "X1",
        "This calls NumPy with a device array. CuPy forwards some of NumPy's functions to its own and refuses others: "
        "get the array's module, xp = array_module(x), and call xp's function.",
    ),
    "convert": (
        "X2",
        "This converts a device array to a host array implicitly: np.asarray, np.array, or an assignment into an array "
        "that np made. Make arrays with xp, where x is.",
    ),
    "host": (
        "X3",
        "A host array meets a device array. Move it once, with xp.asarray, or make it on the device with xp.",
    ),
    "wait": (
        "X4",
        "An if, float(), bool() or int() needs a number that the device may not have computed yet: the host stops and "
        "waits, in every step. Let the device decide: xp.where, xp.minimum, xp.maximum.",
    ),
    "mask": (
        "X5",
        "A mask as an index, read or written: only the device knows how many entries are true, so the host waits for "
        "it. xp.where keeps the shape and does not wait.",
    ),
    "list": (
        "X6",
        "A list as an index is moved to the device in every call. Make the indices there, for example with xp.arange.",
    ),
    "unknown": ("X7", "CuPy lacks this name, or these arguments: it has most of NumPy, not all."),
    "fetch": (
        "X8",
        "It runs on the device, but fetches a result in between: .get(), .item() and .tolist() wait until the device "
        "has finished all earlier work. Leave the number where it is; an array without axes does as well.",
    ),
    "send": (
        "X9",
        "Each call moves more to the device than it needs to. Whatever does not depend on the host's data can be made "
        "there: xp.arange, xp.zeros.",
    ),
    "home": ("X10", "Some of the results are host arrays, expected device arrays only."),
    "other": ("X11", "On the device the numbers differ from those on NumPy."),
}


def device_properties(probes, stays=(), moves=lambda *arguments: 0):
    """Late properties: the function gives the same on the device as on NumPy, without a wait or a needless transfer.

    probes: as in `Exercise`;  stays: positions of the arguments that stay on the host
    moves: function of a probe's arguments; the bytes that a call must move to the device
    """

    def holds(kind):
        def is_not_refused(function):
            found, line = _first_refusal(function, probes, stays, moves)
            return True if found != kind else line

        return is_not_refused

    return tuple(Property(id, holds(kind), message, late=True) for kind, (id, message) in MISTAKES.items())


def _first_refusal(function, probes, stays, moves):
    """(kind, source line) of the first forbidden operation, or (None, ""). Other errors pass through."""
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
    if isinstance(error, TypeError) and "'DeviceArray' does not support ufuncs" in str(error):  # raised by NumPy
        return "numpy"
    if isinstance(error, AttributeError) and isinstance(error.obj, (DeviceArray, Namespace)):
        return "unknown"
    return None


def _line(error, function):
    """The last line that ran of the function's file, as "Its line 3: y = np.exp(x)"; "" without source."""
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

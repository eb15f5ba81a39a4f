"""The most memory that a training step holds on a device, beside what is promised.

python -m tests.gpu.memory cpu      the arrays of the stand-in, which only counts
python -m tests.gpu.memory gpu      what CuPy's pool hands out, and what it takes from the device for that
"""

import json
import sys
import tracemalloc
from contextlib import contextmanager

import numpy as np

from tests.checks import weightless
from tinyalex.backend import choose_device, random_stream
from tinyalex.models import find_model
from tinyalex.optim import SGD
from tinyalex.standin import DeviceArray, Generator, counting
from tinyalex.standin import xp as standin
from tinyalex.summary import summarise
from tinyalex.training.loss import TrackedLoss
from tinyalex.training.memory import LIBRARY_BYTES, training_bytes
from tinyalex.training.step import training_step

CASES = [
    ("alexnet", 8),
    ("alexnet", 128),
    ("alexnet", 512),
    ("alexnet-small", 64),
    ("alexnet-small", 512),
    ("vgg11", 128),
    ("resnet18", 256),
    ("resnet20", 128),
]
CLASSES = 100


def built(name):
    """The network of a case; its weights take no time."""
    with weightless():
        return find_model(name).build(CLASSES)


def held(network, batch, xp, rng, most):
    """The most bytes that a step of training holds, with weights and velocity. most: a context that tells"""
    with most() as bytes_held:
        network.map_arrays(lambda a: xp.zeros(a.shape, a.dtype))
        optimiser, loss = SGD(network.params), TrackedLoss()
        x, labels = xp.ones((batch, *network.in_shape), "float32"), xp.zeros(batch, "int64")
        training_step(network, loss, optimiser, x, labels, rng, 0.01)
        return bytes_held()


@contextmanager
def traced():
    """What NumPy holds, by Python's own record, whenever an array of the stand-in is made."""
    most, make = 0, DeviceArray.__init__

    def recorded(array, host):
        nonlocal most
        make(array, host)
        most = max(most, tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    DeviceArray.__init__ = recorded
    try:
        yield lambda: most
    finally:
        DeviceArray.__init__ = make
        tracemalloc.stop()


@contextmanager
def handed_out():
    """CuPy's record, without what its pool keeps for later."""
    from cupy.cuda import MemoryHook

    class Record(MemoryHook):
        name, now, most = "record", 0, 0

        def malloc_postprocess(self, **block):
            self.now += block["mem_size"]
            self.most = max(self.most, self.now)

        def free_postprocess(self, **block):
            self.now -= block["mem_size"]

    with Record() as record:
        yield lambda: record.most


def counted(network, batch):
    """What the stand-in would hold: nothing is computed, and no memory is touched."""
    with counting():
        return held(network, batch, standin, Generator(), traced)


def line(name, batch, xp):
    network, pool = built(name), None
    promised = training_bytes(summarise(network), batch, network.in_shape, xp=standin) - LIBRARY_BYTES
    if xp is np:
        found = counted(network, batch)
    else:
        pool = xp.get_default_memory_pool()
        pool.free_all_blocks()
        found = held(network, batch, xp, random_stream(0, xp=xp), handed_out)
    figures = {"model": name, "batch": batch, "held_gb": found / 1e9, "promised_gb": promised / 1e9}
    return figures | {"promised_over_held": promised / found} | ({"pool_gb": pool.total_bytes() / 1e9} if pool else {})


if __name__ == "__main__":
    device, models = choose_device(sys.argv[1]), sys.argv[2:]
    print(json.dumps([line(*case, device) for case in CASES if not models or case[0] in models]))

"""The time of a training step on a GPU that need not be at hand: counted on the stand-in, divided by the GPU's rates.

    counted_step    every launch of a step, with its bytes and products, by layer
    Machine         what a GPU reaches: bytes and operations a second, launches a second
    predict         from both, the time of each layer and of the step, and what limits it

The host launches one operation after the other and waits for none; the device does them in that order. One that moves
bytes takes bytes / rate, a matrix product the longer of operations / rate and bytes / rate; the device waits where the
host has not launched the next one yet. Not in it: data that are still in the cache, products too small for the whole
device, transfers from the host.
"""

import math
import tracemalloc
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from tinyalex.backend import random_stream
from tinyalex.bench.setup import Setup
from tinyalex.bench.watch import LayerWatch
from tinyalex.data.augment import View
from tinyalex.errors import UserError
from tinyalex.layers import SoftmaxCrossEntropy
from tinyalex.models import find_model
from tinyalex.optim import SGD
from tinyalex.standin import Generator, counting, xp
from tinyalex.terminal import bytes_text

# ---------------------------------------------------------------------------------------------- counting


class LayerCount(LayerWatch):
    """Which of the counted operations belong to which layer; a mark is their number so far."""

    def __init__(self, network, operations):
        super().__init__(network)
        self.operations = operations

    def _mark(self):
        return len(self.operations)


@dataclass(frozen=True)
class Step:
    """A counted training step. layers: [(name, in words)];  operations: [(part, `Operation`)] in order

    memory_bytes: the most that its arrays take at a time, with the parameters and their velocity
    part: (layer, "forward" or "backward"); or (kind, ""): "data" (crops and colours, on the device), "loss", "update",
        and "between" for what no layer does, such as the sums of residual blocks
    """

    layers: list
    operations: list
    memory_bytes: int


@cache
def counted_step(model, lrn, batch, classes=1000):
    """The `Step` of a model's name with its normalisation layers or without. UserError where addresses run out."""
    try:
        tracemalloc.start()  # counts memory that nothing has touched, too
        return _counted(Setup(model, lrn, batch, threads=1, classes=classes))
    except MemoryError:
        raise UserError(f"found {batch}: this system has no addresses for such arrays; try fewer", "batch") from None
    finally:
        tracemalloc.stop()


def _counted(setup):
    network = setup.build()
    tracemalloc.clear_traces()
    augment, labels = _augmentation(setup), xp.empty((setup.batch,), np.int64)
    network.map_arrays(lambda a: xp.empty(a.shape, a.dtype))
    loss, optimiser = SoftmaxCrossEntropy(), SGD(network.params)
    kinds = []  # of work, with the number of operations before it
    with counting() as operations, LayerCount(network, operations) as watch:

        def begin(kind):
            kinds.append((len(operations), kind))

        begin("data")
        x = augment()
        begin("between")
        logits, cache = network.forward(x, train=True, rng=Generator())
        begin("loss")
        _, loss_cache = loss.forward(logits, labels)
        dlogits = loss.backward(loss_cache)
        begin("between")
        _, grads = network.backward(dlogits, cache, input_grad=False)
        begin("update")
        optimiser.step(grads, lr=1.0)
    parts = [("", "")] * len(operations)
    for start, kind in kinds:
        parts[start:] = [(kind, "")] * (len(operations) - start)
    for part, spans in watch.spans.items():
        for start, stop in spans:
            parts[start:stop] = [part] * (stop - start)
    _, peak = tracemalloc.get_traced_memory()
    return Step([(name, str(layer)) for name, layer, _, _ in network.shapes()], list(zip(parts, operations)), peak)


def _augmentation(setup):
    """A function that makes a batch as the input pipeline does, from pictures that lie on the device."""
    model, N = find_model(setup.model), setup.batch
    eigen = np.ones(3, np.float32), np.eye(3, dtype=np.float32)
    view = View(model.crop, model.pixel_scale, np.zeros((model.size, model.size, 3), np.float32), *eigen).to(xp)
    pictures, looks = xp.empty((N, model.size, model.size, 3), np.uint8), view.draw(N, random_stream(0, "looks"))
    indices = xp.asarray(np.arange(N))
    return lambda: view.apply(pictures[indices], looks)


# ---------------------------------------------------------------------------------------------- GPUs


@dataclass(frozen=True)
class Machine:
    """The rates that a GPU reaches. copy_gb_per_s: 1e9 bytes a second, read and written together

    tf32_tflops, fp32_tflops: 1e12 operations a second of matrix products; tf32_tflops None: it has no TF32
    launch_us: microseconds of the host for a launch;  memory_gb: 1e9 bytes, if known
    """

    name: str
    copy_gb_per_s: float
    fp32_tflops: float
    tf32_tflops: float | None
    launch_us: float = 5.0
    memory_gb: float | None = None

    def tflops(self, product, tf32):
        """The rate of a `Product`: TF32 is for float32, and not for those that CuPy itself makes of stacks."""
        fast = tf32 and self.tf32_tflops and product.dtype == "float32" and not product.strided
        return self.tf32_tflops if fast else self.fp32_tflops


# A large copy reaches about nine tenths of the bandwidth of the data sheet (an H200: 4.3 of 4.8 TB/s), and products of
# these shapes about 70 % of its operations. TF32 is without sparsity. A launch by CuPy takes about 5 µs.
COPIES, PRODUCTS = 0.9, 0.7


def _from_data_sheet(name, gb_per_s, fp32, tf32, memory_gb):
    return Machine(name, COPIES * gb_per_s, PRODUCTS * fp32, tf32 and PRODUCTS * tf32, memory_gb=memory_gb)


MACHINES = {
    "H200": _from_data_sheet("H200", 4800, 67, 494.5, 141),  # NVIDIA H200 data sheet, SXM
    "A100": _from_data_sheet("A100", 2039, 19.5, 156, 80),  # NVIDIA A100 data sheet, SXM with 80 GB
    "RTX4090": _from_data_sheet("RTX 4090", 1008, 82.6, 82.6, 24),  # NVIDIA Ada GPU architecture, appendix A
    "T4": _from_data_sheet("T4", 320, 8.1, None, 16),  # NVIDIA T4 data sheet; Turing has no TF32
}
OWN = "own"  # a GPU that is described by options alone


def machine(name, copy_gb_per_s=None, matmul_tflops=None, launch_us=None):
    """The `Machine` of MACHINES, or OWN, with the rates given instead of its own. UserError for rates that no GPU has.

    matmul_tflops: of products with TF32 and without
    """
    given = {"copy_gb_per_s": copy_gb_per_s, "matmul_tflops": matmul_tflops, "launch_us": launch_us}
    for argument, value in given.items():
        if value is not None and not 1e-6 <= value <= 1e6:
            raise UserError(f"found {value:g}, expected a number from 1e-6 to 1e6", argument)
    if name == OWN:
        for argument in ("copy_gb_per_s", "matmul_tflops"):
            if given[argument] is None:
                raise UserError(f"missing; {OWN!r} has no rates of its own", argument)
    known = MACHINES.get(name) or Machine(OWN, math.nan, math.nan, math.nan)
    changes = {key: given[key] for key in ("copy_gb_per_s", "launch_us") if given[key] is not None}
    if matmul_tflops is not None:
        changes |= {"fp32_tflops": matmul_tflops, "tf32_tflops": matmul_tflops}
    return replace(known, **changes)


# ---------------------------------------------------------------------------------------------- the time

LIMITS = ("memory", "products", "launches")
FIGURES = ("ms", *(f"{limit}_ms" for limit in LIMITS), "gb", "launches", "products_gb", "products", "tflop")


def predict(setup, machine):
    """A row for --json: figures of the step, of each layer, of loss and update, and of data, which come on top.

    ms: milliseconds; memory_ms, products_ms, launches_ms: of these, limited by memory, by products, and waiting for
        the host's next launch;  limit: the longest of the three
    memory_bytes: the most that arrays take at a time
    gb, launches: 1e9 bytes and launches besides matrix products;  products_gb, products, tflop: of these
    """
    step = counted_step(setup.model, setup.lrn, setup.batch, setup.classes)
    if machine.memory_gb and step.memory_bytes > machine.memory_gb * 1e9:
        words = f"{setup} takes {bytes_text(step.memory_bytes)} of memory"
        raise UserError(
            f"found {setup.batch}: {words}, the {machine.name} has {bytes_text(machine.memory_gb * 1e9)}", "batch"
        )
    parts = timed(step.operations, machine, bool(setup.tf32))

    def of(*part):
        return parts.get(part) or together([])

    whole = together(figures for part, figures in parts.items() if part != ("data", ""))
    return {
        "model": setup.model,
        "batch": setup.batch,
        "lrn": setup.lrn,
        "tf32": setup.tf32,
        "memory_bytes": step.memory_bytes,
        "images_per_s": 1000 * setup.batch / whole["ms"],
        **whole,
        "layers": [
            {"name": name, "layer": words, "forward": of(name, "forward"), "backward": of(name, "backward")}
            for name, words in step.layers
        ],
        **{kind: of(kind, "") for kind in ("loss", "update", "between", "data")},
    }


def timed(operations, machine, tf32):
    """{part: figures} of the operations of a `Step`, in the middle of a training."""
    host = device = 0.0
    for _ in range(2):  # the second step finds the queue of launches as the first left it
        parts = defaultdict(list)
        for part, operation in operations:
            host += operation.launches * machine.launch_us * 1e-6
            waiting = max(0.0, host - device)
            limit, seconds = _busy(operation, machine, tf32)
            device += waiting + seconds
            parts[part].append(_figures(operation, waiting, limit, seconds))
    return {part: together(figures) for part, figures in parts.items()}


def _busy(operation, machine, tf32):
    """(what limits it, seconds of the device) of an operation."""
    moving = operation.bytes / (machine.copy_gb_per_s * 1e9)
    if operation.product is None:
        return "memory", moving
    multiplying = operation.product.flops / (machine.tflops(operation.product, tf32) * 1e12)
    return ("products", multiplying) if multiplying > moving else ("memory", moving)


def _figures(operation, waiting, limit, seconds):
    figures = dict.fromkeys(FIGURES, 0)
    figures["ms"], figures["launches_ms"] = 1000 * (waiting + seconds), 1000 * waiting
    figures[f"{limit}_ms"] += 1000 * seconds
    if operation.product:
        more = {"products_gb": operation.bytes / 1e9, "products": operation.launches}
        return figures | more | {"tflop": operation.product.flops / 1e12}
    return figures | {"gb": operation.bytes / 1e9, "launches": operation.launches}


def together(parts):
    """The figures of several parts added up, and what limits them; limit None for no time at all."""
    parts = list(parts)
    total = {key: sum(part[key] for part in parts) for key in FIGURES}
    limit = max(LIMITS, key=lambda name: total[f"{name}_ms"]) if total["ms"] else None
    return {**total, "limit": limit}

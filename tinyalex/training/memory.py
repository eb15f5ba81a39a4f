"""How much memory training takes, known before it begins."""

import math
from types import ModuleType

import numpy as np

from tinyalex.backend import memory_available, thread_count
from tinyalex.errors import UserError
from tinyalex.layers.base import Shape
from tinyalex.layers.im2col import COLUMN_BYTES_GPU
from tinyalex.network import Network, piece_size
from tinyalex.summary import Row, summarise
from tinyalex.terminal import bytes_text

BASE_BYTES = 16 << 20  # of the libraries, once they compute
SCRATCH_BYTES = 16 << 20  # the most work arrays of a thread: columns, or tiles and their products
BATCHES = 4  # of pictures: in use, or prepared ahead
MIXED_BATCHES = 2  # besides, while pictures are mixed: copies, and partners that other workers read too
# On a device, in arrays as large as the largest output of a layer; see tests/gpu/memory.py
GRADIENTS = 2  # that exist at once: of a layer's output and of its input
COLUMNS = 3  # of a convolution, unless they are cut into blocks
COLUMN_BLOCKS = 2  # then the one that is filled, and the last
LIBRARY_BYTES = 256 << 20  # of CUDA's libraries, and what CuPy's pool holds without using it; not measured


def training_bytes(
    rows: list[Row],
    batch: int,
    in_shape: Shape,
    held: int | None = None,
    xp: ModuleType | None = None,
    averaged: bool = False,
    mixed: bool = False,
) -> int:
    """An estimate of the bytes that training takes: on the CPU to 15 % where it was measured, on a device to 25 %.

    held: how many of the parameters one worker has, if not all;  xp: the array module, None for NumPy
    averaged: whether an average of the weights is kept
    mixed: whether pictures are mixed; a device mixes them before the network takes its memory
    """
    weights = 4 * (sum(row.parameters for row in rows) if held is None else held)
    average = weights if averaged else 0
    activations = sum(row.activation_bytes for row in rows)
    largest = 4 * max(math.prod(row.out_shape) for row in rows)
    if xp not in (None, np):
        return (
            LIBRARY_BYTES
            + average
            + _device_bytes(weights, batch * activations, 4 * batch * math.prod(in_shape), batch * largest)
        )
    batches = BATCHES + (MIXED_BATCHES if mixed else 0)
    piece = piece_size(batch)
    threads = min(thread_count(), -(-batch // piece))
    under_way = min(batch, threads * piece)  # pictures
    waiting = batch if any(row.state for row in rows) else under_way  # all pieces, where they meet for the statistics
    prepared = [row.prepared_bytes for row in rows]
    return (
        BASE_BYTES
        + 3 * weights  # they, their velocity, their gradients
        + average
        + batch * (activations + batches * 4 * math.prod(in_shape))
        + max(sum(prepared), (1 + threads) * max(prepared))  # at the end; or one of them, and its threads' gradients
        + 3 * waiting * largest  # what goes into a layer, what comes out, and what goes around it
        + min(threads * SCRATCH_BYTES, 4 * under_way * largest)
    )


def _device_bytes(weights, activations, pictures, largest):
    """Bytes of the arrays of a step, from the bytes of each kind for the batch, which a device takes at once."""
    return (
        3 * weights  # they, their velocity, their gradients
        + activations
        + pictures
        + GRADIENTS * largest
        + min(COLUMNS * largest, COLUMN_BLOCKS * COLUMN_BYTES_GPU)
    )


def check_memory(
    network: Network,
    batch: int,
    xp: ModuleType,
    workers: int = 1,
    here: int = 1,
    held: int | None = None,
    averaged: bool = False,
    mixed: bool = False,
) -> int:
    """Bytes that one worker is expected to take for training. UserError with both figures if they are not available.

    workers: how many divide the batch's pictures or maps;  here: how many of them use this memory
    held, averaged, mixed: see `training_bytes`
    """
    rows = summarise(network)

    def needed(batch):
        return here * training_bytes(rows, -(-batch // workers), network.in_shape, held, xp, averaged, mixed)

    available = memory_available(xp)
    if available is not None and needed(batch) > available:
        smaller = batch
        while smaller > 1 and needed(smaller) > available:
            smaller //= 2
        fits = needed(smaller) <= available
        hint = f"a batch of {smaller} would fit" if fits else "no batch fits; take a smaller model"
        whom = f" by {here} workers here" if here > 1 else ""
        raise UserError(
            f"found {batch}: training {network.name}{whom} needs about {bytes_text(needed(batch))}, "
            f"{bytes_text(available)} are free; {hint}",
            "batch",
        )
    return needed(batch) // here

"""Arrays in blocks: every entry once, in order, as views, and no more of them at once than fit."""

import numpy as np
import pytest

from tests.checks import host
from tinyalex.layers import blocks as module
from tinyalex.layers.blocks import blocks, pixels, slices
from tinyalex.standin import xp as device


@pytest.mark.parametrize(
    "length, step, expected",
    [
        (7, 3, [(0, 3), (3, 6), (6, 7)]),
        (6, 3, [(0, 3), (3, 6)]),
        (2, 3, [(0, 2)]),
        (2, 1, [(0, 1), (1, 2)]),
        (2, 0, [(0, 1), (1, 2)]),
        (2, -4, [(0, 1), (1, 2)]),
        (0, 3, []),
    ],
)
def test_slices(length, step, expected):
    assert slices(length, step) == [slice(*run) for run in expected]


@pytest.mark.parametrize(
    "block_bytes, lengths",  # one entry of the first array has 8 bytes
    [(16, [2, 2, 1]), (23, [2, 2, 1]), (24, [3, 2]), (39, [4, 1]), (40, [5]), (1000, [5]), (7, [1] * 5)],
)
def test_blocks(monkeypatch, block_bytes, lengths):
    monkeypatch.setattr(module, "BLOCK_BYTES", block_bytes)
    a, b = np.arange(10, dtype=np.float32).reshape(5, 2), np.arange(5, dtype=np.int8)
    found = list(blocks(a, b))
    assert [len(first) for first, _ in found] == lengths
    assert (np.concatenate([first for first, _ in found]) == a).all()
    assert (np.concatenate([second for _, second in found]) == b).all()
    assert all(np.shares_memory(first, a) and np.shares_memory(second, b) for first, second in found)
    (whole,) = blocks(device.asarray(a), device.asarray(b))
    assert (host(whole[0]) == a).all() and (host(whole[1]) == b).all(), "a device gets everything at once"


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (0,)])
def test_blocks_of_nothing(shape):
    assert sum(len(block) for (block,) in blocks(np.zeros(shape))) == shape[0]


@pytest.mark.parametrize(
    "shape, expected",
    [((2, 3, 4, 5), (24, 5)), ((4, 5), (4, 5)), ((5,), (1, 5)), ((), (1, 1)), ((2, 3, 0), (6, 0)), ((0, 3), (0, 3))],
)
def test_pixels(shape, expected):
    a = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    found = pixels(a)
    assert found.shape == expected and (found.ravel() == a.ravel()).all()
    assert np.shares_memory(found, a) == (a.size > 0)

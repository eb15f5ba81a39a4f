"""When convolution is computed the fast way, by which tile, and what it refuses."""

import copy

import numpy as np
import pytest

from tests.checks import refused
from tinyalex.bench.rounding import convolutions
from tinyalex.layers import Conv2d, winograd
from tinyalex.layers.im2col import Im2col
from tinyalex.layers.windows import Windows
from tinyalex.layers.winograd import Winograd, best_tile
from tinyalex.models import MODELS
from tinyalex.teaching.device import xp as device


def way_of(layer, in_shape, xp=np):
    """How a layer computes: `Im2col` or `Winograd`."""
    layer = copy.copy(layer)
    layer.params = {name: xp.asarray(p) for name, p in layer.params.items()}
    return type(layer.for_batch(in_shape, np.float32).how)


@pytest.mark.parametrize(
    "K, out_size, m",
    [
        (3, (13, 13), 4),
        (3, (6, 6), 3),
        (3, (55, 55), 4),
        (3, (2, 2), 2),
        (3, (2, 9), 3),
        (3, (1, 1), 2),
        (5, (27, 27), 4),
        (5, (13, 13), 4),
        (5, (6, 6), 3),
        (5, (4, 4), 4),
        (5, (9, 3), 3),
    ],
)
def test_best_tile(K, out_size, m):
    assert best_tile(K, out_size) == m


def test_which_convolutions_of_the_networks_are_fast():
    """Three channels in are too few, unless folding makes them more, and so are twelve; all others are fast."""
    plain = dict.fromkeys(("alexnet", "alexnet-2012-source"), set())
    plain |= dict.fromkeys(("alexnet-64", "alexnet-32", "alexnet-small"), {"conv1"}) | {
        "alexnet-mini": {"conv1", "conv2"}
    }
    assert plain.keys() == MODELS.keys()
    for model in MODELS:
        found = convolutions(model)
        ways = {layer.name: way_of(layer, in_shape) for layer, in_shape in found}
        assert ways == {f"conv{i}": Im2col if f"conv{i}" in plain[model] else Winograd for i in range(1, 6)}, model
        assert {way_of(layer, in_shape, device) for layer, in_shape in found} == {Im2col}, "on a device"


@pytest.mark.parametrize(
    "C, kernel, geometry, fast",
    [
        (24, 3, dict(), True),
        (23, 3, dict(), False),
        (48, 3, dict(groups=2), True),
        (46, 5, dict(groups=2), False),
        (6, 5, dict(stride=2), True),
        (5, 6, dict(stride=2), False),
        (2, 11, dict(stride=4), True),
        (64, (3, 5), dict(), False),
        (64, 5, dict(stride=(1, 2)), False),
        (64, 1, dict(), False),
        (64, 7, dict(), False),
        (64, 4, dict(), False),
        (64, 3, dict(stride=2), False),
        (64, 5, dict(stride=2, groups=2), False),
    ],
)
def test_the_rule(C, kernel, geometry, fast):
    layer = Conv2d(C, 4, kernel, **geometry, rounding="floor")
    assert way_of(layer, (14, 14, C)) is (Winograd if fast else Im2col)


def test_the_asked_for_way_is_taken():
    for way, kind in (("winograd", Winograd), ("im2col", Im2col)):
        for C, xp in ((2, np), (32, np), (32, device)):
            assert way_of(Conv2d(C, 4, 3, algorithm=way), (5, 5, C), xp) is kind


def test_refuses_arguments():
    refused(lambda: Conv2d(4, 6, 3, algorithm="fft"), "algorithm", "'fft'", "'im2col'", "'winograd'")
    for kernel, geometry, words in [
        ((3, 5), dict(), "3×5"),
        (7, dict(), "7×7"),
        (5, dict(stride=(1, 2)), "1×2"),
        (5, dict(stride=2, groups=2), "2 groups"),
    ]:
        refused(lambda: Conv2d(4, 6, kernel, **geometry, algorithm="winograd"), "Conv2d", "winograd", words, "im2col")
        assert not winograd.fits(Windows(kernel, geometry.get("stride", 1), 0, None), geometry.get("groups", 1))

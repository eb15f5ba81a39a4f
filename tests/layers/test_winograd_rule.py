"""When convolution is computed the fast way, by which tile, and what it refuses."""

import copy

import numpy as np
import pytest

from tests.checks import agree, refused, weightless
from tinyalex.bench.rounding import convolutions
from tinyalex.layers import Conv2d, kernel_rows, strips, winograd
from tinyalex.layers.windows import Windows
from tinyalex.layers.winograd import best_tile
from tinyalex.models import MODELS
from tinyalex.standin import xp as device


def fast_way(layer, in_shape, xp=np):
    """The fast way in which a layer on `xp` computes, as it says and as it does; None for the plain one."""
    layer = copy.deepcopy(layer)
    layer.map_arrays(xp.asarray)
    ready = layer.for_batch()
    ready.forward(xp.zeros((0, *in_shape), "float32"))
    ways = {kernel_rows.KernelRows: "rows", winograd.Winograd: "winograd", strips.Strips: "strips"}
    assert [ways[type(fast)] for fast in ready._prepared.values()] == [way for way in [layer.fast_way()] if way]
    return layer.fast_way()


@pytest.mark.parametrize(
    "K, out_size, m",
    [
        (3, (13, 13), 4),
        (3, (6, 6), 3),
        (3, (55, 55), 4),
        (3, (2, 2), 2),
        (3, (2, 9), 3),
        (3, (1, 1), 2),
        (3, (1, 4), 2),  # 2 · 16 multiplications; with 4 it would be 36
        (5, (1, 13), 3),  # 5 · 49, against 7 · 36 and 4 · 64
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
    assert plain.keys() == {name for name, model in MODELS.items() if model.family == "alexnet"}
    for model in plain:
        with weightless():
            found = convolutions(model)
        ways = {layer.name: fast_way(layer, in_shape) == "winograd" for layer, in_shape in found}
        assert ways == {f"conv{i}": f"conv{i}" not in plain[model] for i in range(1, 6)}, model
        assert {fast_way(layer, in_shape, device) for layer, in_shape in found} == {"strips"}, "on a device"


def test_convolutions_inside_blocks_are_found():
    found = [(layer.name, in_shape) for layer, in_shape in convolutions("resnet20")]
    assert found[0] == ("conv1", (28, 28, 3)) and len(found) == 19
    assert found[7:9] == [("block2_1.conv1", (28, 28, 16)), ("block2_1.conv2", (14, 14, 32))]


@pytest.mark.parametrize(
    "C, kernel, geometry, way",
    [
        (7, 3, dict(), None),
        (8, 3, dict(), "rows"),
        (32, 3, dict(), "rows"),
        (33, 3, dict(), "winograd"),
        (16, 1, dict(), None),
        (16, (1, 3), dict(), None),
        (16, 3, dict(padding=3), "winograd"),
        (16, 5, dict(), "winograd"),
        (15, 5, dict(), None),
        (32, 3, dict(groups=2), "winograd"),
        (30, 5, dict(groups=2), None),
        (4, 5, dict(stride=2), "winograd"),
        (3, 6, dict(stride=2), None),
        (1, 11, dict(stride=4), "winograd"),
        (64, (3, 5), dict(), None),
        (64, 5, dict(stride=(1, 2)), None),
        (64, 1, dict(), None),
        (64, 7, dict(), None),
        (64, 4, dict(), None),
        (64, 3, dict(stride=2), None),
        (64, 5, dict(stride=2, groups=2), None),
    ],
)
def test_the_rule(C, kernel, geometry, way):
    layer = Conv2d(C, 4, kernel, **geometry, rounding="floor")
    assert fast_way(layer, (14, 14, C)) == way


def test_a_device_takes_strips_for_every_geometry():
    for kernel, geometry in [(1, dict()), (1, dict(stride=2)), ((1, 3), dict(groups=2)), (3, dict(stride=(4, 5)))]:
        assert fast_way(Conv2d(4, 4, kernel, **geometry, rounding="floor"), (14, 14, 4), device) == "strips"


def test_the_asked_for_way_is_taken():
    for way in ("rows", "winograd", "strips", "im2col"):
        for C, xp in ((2, np), (32, np), (64, np), (32, device)):
            found = fast_way(Conv2d(C, 4, 3, algorithm=way), (5, 5, C), xp)
            assert found == (None if way == "im2col" else way)


def test_kernels_are_transformed_once_for_each_size_of_picture(monkeypatch):
    made, ready = [], winograd.Winograd.__init__
    monkeypatch.setattr(winograd.Winograd, "__init__", lambda *args: made.append(1) or ready(*args))
    layer, rng = Conv2d(40, 4, 3, padding=1), np.random.default_rng(0)
    prepared = layer.for_batch()
    for shape, times in [((2, 8, 9), 1), ((3, 8, 9), 1), ((1, 5, 9), 2), ((1, 9, 8), 3), ((2, 5, 9), 3)]:
        x = rng.standard_normal((*shape, 40))
        y = prepared.forward(x)[0]
        assert len(made) == times
        monkeypatch.setattr(layer, "algorithm", "im2col")
        agree(y, layer.forward(x)[0], f"of {shape}")


@pytest.mark.parametrize("C, way", [(24, "rows"), (40, "winograd")])
def test_the_ways_differ_in_rounding_alone(C, way):
    """So each is really taken, forward and backward."""
    rng, runs = np.random.default_rng(0), []
    layer, x = Conv2d(C, 8, 3, padding=1), rng.standard_normal((2, 9, 9, C), "float32")
    dy = rng.standard_normal((2, 9, 9, 8), "float32")
    for algorithm in (way, "im2col", None):
        layer.algorithm = algorithm
        y, cache = layer.forward(x)
        dx, grads = layer.backward(dy, cache)
        runs.append((y, dx, grads["weight"]))
    for fast, plain, chosen in zip(*runs):
        agree(fast, plain, "the fast way", rtol=1e-3, atol=1e-4)
        assert (fast != plain).any() and (fast == chosen).all()


def test_refuses_arguments():
    refused(
        lambda: Conv2d(4, 6, 3, algorithm="fft"), "algorithm", "'fft'", "'im2col'", "'rows'", "'winograd'", "'strips'"
    )
    for kernel, geometry, words in [
        ((3, 5), dict(), "3×5"),
        (7, dict(), "7×7"),
        (5, dict(stride=(1, 2)), "1×2"),
        (5, dict(stride=2, groups=2), "2 groups"),
    ]:
        refused(lambda: Conv2d(4, 6, kernel, **geometry, algorithm="winograd"), "Conv2d", "winograd", words, "im2col")
        assert not winograd.fits(Windows(kernel, geometry.get("stride", 1), 0, None), geometry.get("groups", 1))

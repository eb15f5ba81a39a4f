"""The colour of kernels: against kernels of known colour, and a loop."""

import numpy as np
import pytest

from tests.checks import agree, edited
from tinyalex.inspection.colour import colour_selectivity, tower_colour
from tinyalex.standin import xp as device


def by_loops(weight):
    """Subtract each pixel's component along (1, 1, 1)/√3, and compare the rest with the whole."""
    KH, KW, _, F = weight.shape
    shares = []
    for f in range(F):
        outside = whole = 0.0
        for i in range(KH):
            for j in range(KW):
                pixel = weight[i, j, :, f].astype(float)
                left = pixel - np.dot(pixel, np.ones(3)) / 3
                outside, whole = outside + np.dot(left, left), whole + np.dot(pixel, pixel)
        shares.append(outside / whole)
    return shares


def kernels():
    weight = np.random.default_rng(0).standard_normal((3, 4, 3, 6)).astype(np.float32)
    weight[..., 0] = weight[:, :, :1, 0]  # r = g = b: grey
    weight[:, :, 2, 1] = -weight[:, :, 0, 1] - weight[:, :, 1, 1]  # no grey part
    weight[..., 2] = 0
    weight[0, 0, 0, 2] = 5  # a red dot: 2/3
    return weight


def check_colour(colour_selectivity):
    found = colour_selectivity(kernels())
    agree(found[:3], [0, 1, 2 / 3], "grey, coloured, red", atol=1e-6)
    agree(found, by_loops(kernels()), "by loops", atol=1e-7)
    assert found.min() >= 0 and found.max() <= 1


def test_colour_selectivity():
    check_colour(colour_selectivity)


@pytest.mark.parametrize(
    "edits",
    [
        ("/ 3\n", "\n"),
        ("weight.sum(axis=2) ** 2", "abs(weight.sum(axis=2))"),
        ("1 - grey", "grey"),
        ("(weight.sum(axis=2) ** 2).sum(axis=(0, 1))", "weight.sum(axis=(0, 1, 2)) ** 2"),  # the mean colour only
    ],
)
def test_colour_teeth(edits):
    with pytest.raises(AssertionError):
        check_colour(edited(colour_selectivity, *edits))


def test_a_kernel_of_zeros_is_grey():
    assert colour_selectivity(np.zeros((2, 2, 3, 2))).tolist() == [0, 0]


def test_towers_are_the_two_halves():
    first, second = tower_colour(kernels())
    shares = by_loops(kernels())
    assert first == pytest.approx(sum(shares[:3]) / 3, abs=1e-7)
    assert second == pytest.approx(sum(shares[3:]) / 3, abs=1e-7)


def test_colour_on_the_device():
    agree(colour_selectivity(device.asarray(kernels())), colour_selectivity(kernels()), "on the device", rtol=1e-12)
    assert tower_colour(device.asarray(kernels())) == pytest.approx(tower_colour(kernels()))

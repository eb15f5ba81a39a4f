"""Occlusion against a loop that covers one place at a time, and a network that looks at a known place."""

import numpy as np
import pytest

from tests.checks import agree, edited, refused
from tests.inspection import small
from tests.reference import softmax as softmax_by_loops
from tinyalex.inspection import occlusion
from tinyalex.inspection.occlusion import occlusion_map, probability_of
from tinyalex.standin import xp as device


def by_loops(network, picture, label, size, stride):
    crop, rows = small.centre_crop(picture), []
    top = 0
    while top + size <= small.CROP:
        row, left = [], 0
        while left + size <= small.CROP:
            covered = crop.copy()
            for i in range(size):
                for j in range(size):
                    covered[0, top + i, left + j] = 0
            row.append(softmax_by_loops(network.predict(covered)[0])[label])
            left += stride
        rows.append(row)
        top += stride
    return rows


def check_occlusion(occlusion_map):
    network, picture = small.network(), small.split().gather([6])[0]
    for label, size, stride in ((0, 3, 2), (2, 4, 1), (1, 8, 3)):
        found = occlusion_map(network, small.view(), picture, label, size, stride)
        agree(found, by_loops(network, picture, label, size, stride), "by loops", rtol=1e-4)


@pytest.mark.parametrize("at_once", [1, 7, 128])
def test_occlusion(monkeypatch, at_once):
    monkeypatch.setattr(occlusion, "AT_ONCE", at_once)
    check_occlusion(occlusion_map)


@pytest.mark.parametrize(
    "edits",
    [
        ("for top in starts for left in starts", "for left in starts for top in starts"),
        ("top : top + size, left", "top : top + stride, left"),
        ("= 0\n", "= 1\n"),
        ("[:, label]", "[:, 0]"),
        ("view.crop - size + 1, stride", "view.crop - size, stride"),
        ("places[start:]", "places"),
    ],
)
def test_occlusion_teeth(monkeypatch, edits):
    monkeypatch.setattr(occlusion, "AT_ONCE", 7)
    with pytest.raises((AssertionError, ValueError)):
        check_occlusion(edited(occlusion_map, *edits))


def test_a_square_matters_only_where_the_network_looks():
    class Corner:  # sees the pixel at row 1, column 6
        def for_test(self):
            return self

        def predict(self, x):
            return np.stack([x[:, 1, 6, 0], 0 * x[:, 1, 6, 0]], axis=1)

    picture = np.full((small.SIDE, small.SIDE, 3), 100 + 64, np.uint8)
    found = occlusion_map(Corner(), small.view(), picture, 0, size=2, stride=2)
    expected = np.full((4, 4), 1 / (1 + np.exp(-1)))
    expected[0, 3] = 0.5
    agree(found, expected, "the map")
    assert probability_of(Corner(), small.view(), picture, 0) == pytest.approx(expected[0, 0])


def test_probability_is_that_of_the_whole_crop():
    network, picture = small.network(), small.split().gather([6])[0]
    for label, expected in enumerate(softmax_by_loops(network.predict(small.centre_crop(picture))[0])):
        assert probability_of(network, small.view(), picture, label) == pytest.approx(expected, rel=1e-5)


def test_occlusion_on_the_device():
    network, picture = small.network(), small.split().gather([6])[0]
    expected = occlusion_map(network, small.view(), picture, 1, 3, 2)
    network.map_arrays(device.asarray)
    found = occlusion_map(network, small.view().to(device), picture, 1, 3, 2, device)
    agree(found, expected, "on the device", rtol=1e-5)


@pytest.mark.parametrize("size, stride", [(0, 1), (9, 1), (3, 0)])
def test_a_square_that_does_not_fit(size, stride):
    picture = small.split().gather([0])[0]
    refused(lambda: occlusion_map(small.network(), small.view(), picture, 0, size, stride), size, stride, 8)

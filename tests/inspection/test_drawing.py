"""What is drawn lies where it should: worst places, bars in order."""

import numpy as np
import pytest

from tinyalex.inspection import drawing, galleries
from tinyalex.plots import plt


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_the_worst_place_is_drawn_where_it_is():
    """Squares of 4 from every second pixel on; the lowest probability is for rows 2 to 5, columns 4 to 7."""
    heat = np.full((3, 3), 0.8)
    heat[1, 2], heat[0, 0] = 0.1, 0.9
    figure = galleries.occlusion(np.zeros((1, 8, 8, 3), np.uint8), ["a"], heat[None], [0.85], size=4, stride=2)
    picture, places = figure.axes[:2]
    for square in picture.patches:
        assert square.get_xy() == (4 - 0.5, 2 - 0.5) and square.get_width() == square.get_height() == 4
    assert len(picture.patches) == 2 and places.get_title() == "0.85 → 0.10"
    (image,) = places.images  # its places are as wide as the stride, each about the middle of its square: 1.5, 3.5, 5.5
    assert image.get_extent() == [0.5, 6.5, 6.5, 0.5]


def test_kernels_stand_by_their_colour():
    selectivity = np.array([0.5, 0.1, 0.3])
    figure = drawing.towers([("one", np.ones((3, 3, 3, 3)), selectivity)])
    bars = figure.axes[1]
    assert [bar.get_height() for bar in bars.patches] == [0.1, 0.3, 0.5]
    assert bars.lines[0].get_ydata()[0] == pytest.approx(0.3) and bars.texts[0].get_text() == "mean 0.30"

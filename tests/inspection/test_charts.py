"""Figures show their data in the right place: worst places, bars, numbers in a matrix."""

import numpy as np
import pytest

from tinyalex.inspection import charts, galleries
from tinyalex.plots import plt


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_the_worst_place_is_drawn_where_it_is():
    """Squares of side 4 at every second pixel; the lowest probability is for rows 2 to 5, columns 4 to 7."""
    heat = np.full((3, 3), 0.8)
    heat[1, 2], heat[0, 0] = 0.1, 0.9
    figure = galleries.occlusion(np.zeros((1, 8, 8, 3), np.uint8), ["a"], heat[None], [0.85], size=4, stride=2)
    picture, places = figure.axes[:2]
    for square in picture.patches:
        assert square.get_xy() == (4 - 0.5, 2 - 0.5) and square.get_width() == square.get_height() == 4
    assert len(picture.patches) == 2 and places.get_title() == "0.85 → 0.10"
    (image,) = places.images  # cells as wide as the stride, each at the centre of its square: 1.5, 3.5, 5.5
    assert image.get_extent() == [0.5, 6.5, 6.5, 0.5]


def test_kernels_are_sorted_by_colour():
    selectivity = np.array([0.5, 0.1, 0.3])
    figure = charts.towers([("one", np.ones((3, 3, 3, 3)), selectivity)])
    bars = figure.axes[1]
    assert [bar.get_height() for bar in bars.patches] == [0.1, 0.3, 0.5]
    assert bars.lines[0].get_ydata()[0] == pytest.approx(0.3) and bars.texts[0].get_text() == "mean 0.30"


def test_a_matrix_has_right_classes_in_rows_and_counts_in_place():
    matrix = np.array([[6, 2, 0], [0, 3, 0], [1, 0, 4]])
    figure = charts.confusions(matrix, ["a", "b", "c"])
    axis = figure.axes[0]
    np.testing.assert_allclose(axis.images[0].get_array(), [[0.75, 0.25, 0], [0, 1, 0], [0.2, 0, 0.8]])
    counts = {text.get_position(): text.get_text() for text in axis.texts}
    assert counts == {(0, 0): "6", (1, 0): "2", (1, 1): "3", (0, 2): "1", (2, 2): "4"}, "(column, row) of each count"
    colors = {text.get_text(): text.get_color() for text in axis.texts}
    assert colors["1"] == "white" and colors["6"] == "black", "on dark, on light"
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("answer", "right class")


def test_bars_of_classes_and_of_dead_units_are_in_percent():
    bars = charts.class_errors(["a", "b"], [0.25, 0.5], 0.4).axes[0]
    assert [bar.get_width() for bar in bars.patches] == [25, 50] and bars.lines[0].get_xdata()[0] == 40
    dead = charts.dead_shares({"relu1": (1, 4), "relu7": (0, 5)}).axes[0]
    assert [bar.get_width() for bar in dead.patches] == [25, 0]
    assert [text.get_text().strip() for text in dead.texts] == ["1 of 4", "0 of 5"]


def test_a_place_looks_alike_in_every_panel():
    """conv2 and relu2 stand at one place, whatever other lines a panel has; and every axis says what it shows."""
    line = ([1, 2], [0.1, 0.2])
    first = {"conv1": line, "conv2": line, "block1.conv2": line, "fc": line}
    second = {"relu2": line, "block1.relu2": line, "total": line}
    figure = charts.course([("One", "a label", True, first), ("Two", "another", False, second)])
    axes = figure.axes[:2]
    assert [axis.get_ylabel() for axis in axes] == ["a label", "another"]
    looks = {one.get_label(): (tuple(one.get_color()), one.get_marker()) for axis in axes for one in axis.lines}
    assert looks["conv2"] == looks["relu2"] and looks["block1.conv2"] == looks["block1.relu2"]
    assert len(set(looks.values())) == 5

"""The picture shows the rows given, and a ring where a form stops paying."""

import pytest
from matplotlib import pyplot as plt

from tinyalex.scaling.chart import speeds_by_workers


def link(title, speeds):
    """A link's entry of the result. speeds: {form: (images/s on 1, 2, 4, … workers, where it stops paying)}"""
    rows = {
        form: [{"workers": 2**i, "images_per_s": s} for i, s in enumerate(values)]
        for form, (values, _) in speeds.items()
    }
    return {"title": title, "forms": {form: {"rows": rows[form], "stops_paying": speeds[form][1]} for form in speeds}}


MANY = [10, 18, 30] + [31] * 8  # for 1 to 1,024 workers


@pytest.fixture
def figure():
    links = [
        link("one", {"data": (MANY, 4), "hybrid": (MANY[:4], None), "towers": ((10, 17), None)}),
        link("two", {"data": ((10, 11), 2), "hybrid": ((10, 12), None)}),
    ]
    figure = speeds_by_workers(links, "title")
    figure.canvas.draw()
    yield figure
    plt.close(figure)


def test_lines_and_rings(figure):
    one, two = figure.axes
    assert [axis.get_title() for axis in figure.axes] == ["one", "two"]
    drawn = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in one.lines}
    sizes = [2**i for i in range(11)]
    assert drawn["data"] == (sizes, MANY) and drawn["towers"] == ([1, 2], [10, 17])
    assert drawn["perfect scaling"] == (sizes, [10 * size for size in sizes])
    rings = [line for axis in (one, two) for line in axis.lines if line.get_ms() > 10]
    assert [(list(ring.get_xdata()), list(ring.get_ydata())) for ring in rings] == [([4], [30]), ([2], [11])]
    lines = [line for line in one.lines if line.get_label() in drawn]
    styles = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines}
    assert len(styles) >= 4, "distinct in grey too"


def test_labels_do_not_overlap(figure):
    for axis in figure.axes:
        for labels, side in ((axis.get_yticklabels(which="both"), "y"), (axis.get_xticklabels(which="both"), "x")):
            boxes = [label.get_window_extent() for label in labels if label.get_text() and label.get_visible()]
            spans = sorted((getattr(box, f"{side}0"), getattr(box, f"{side}1")) for box in boxes if box.width > 0)
            assert all(before[1] <= after[0] + 2 for before, after in zip(spans, spans[1:])), (axis.get_title(), side)
    texts = [[label.get_text() for label in axis.get_xticklabels()] for axis in figure.axes]
    assert texts == [["1", "4", "16", "64", "256", "1,024"], ["1", "2"]]

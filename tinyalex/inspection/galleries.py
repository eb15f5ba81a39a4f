"""The page's rows of pictures. Colour never stands alone: marks, hatches, frames and words say the same.

N pictures, T their side. Each function returns a Matplotlib figure for `tinyalex.plots.save`. Everything is placed by
hand, in inches from the upper left corner: Matplotlib's own layout takes minutes for hundreds of small axes.
"""

import textwrap

import numpy as np
from matplotlib.patches import Rectangle

from tinyalex.inspection.panel import first_name
from tinyalex.plots import DARK, MIDDLE, plt

RIGHT, WRONG = "✓", "✗"
WIDTH = 9  # inches: 990 pixels as `save` writes them, about what the page shows


def words(name, width=22, lines=1):
    """A class name cut to fit: its first synonym, in at most `lines` lines of `width` letters, escaped for TeX."""
    fitted = textwrap.wrap(first_name(name), width, max_lines=lines, placeholder="…", break_long_words=True)
    return "\n".join(fitted).replace("$", r"\$")


def answers(pictures, names, tops):
    """Pictures with the five likeliest answers as bars (paper Fig. 4, left).

    pictures: uint8 (N, T, T, 3);  names: the right classes;  tops: for each picture [(class, probability, is right), …]
    """
    sheet = _Sheet(len(pictures), columns=3, cell=(3.05, 3.25))
    for n, (picture, name, top) in enumerate(zip(pictures, names, tops)):
        is_right = top[0][2]
        above = sheet.axes(n, (1.4, 0.3), (1.6, 1.6))
        _frame(above, picture, "-" if is_right else (0, (3, 2)))
        above.set_title(f"{RIGHT} {words(name)}" if is_right else f"{WRONG} it is: {words(name)}", fontsize=11)
        _draw_top(sheet.axes(n, (1.4, 2.0), (1.6, 0.2 * len(top))), top)
    return sheet.figure


def _draw_top(axis, top):
    """Bars with names; the right class is filled, the others are hatched."""
    for place, (_, p, is_right) in enumerate(top):
        look = {"color": DARK} if is_right else {"facecolor": "white", "edgecolor": MIDDLE, "hatch": "////"}
        axis.barh(place, p, 0.72, **look)
        axis.text(p + 0.03, place, "< 1%" if p < 0.005 else f"{p:.0%}", va="center", fontsize=9)
    labels = [f"{RIGHT} {words(name, 19)}" if is_right else words(name, 19) for name, _, is_right in top]
    axis.set_yticks(range(len(top)), labels, fontsize=9)
    axis.set(xlim=(0, 1.25), ylim=(len(top) - 0.4, -0.6), xticks=())
    axis.tick_params(length=0)
    axis.spines[["top", "right", "bottom"]].set_visible(False)


def neighbours(queries):
    """Each query beside its nearest training pictures, above by features, below by pixels (paper Fig. 4, right).

    queries: [(picture, name, two rows), …];  row: (title, [(picture, name, has the query's class), …])
    """
    sheet = _Sheet(len(queries), columns=1, cell=(WIDTH, 3.05))
    for q, (picture, name, rows) in enumerate(queries):
        _frame(first := sheet.axes(q, (0, 0.45), (1.6, 1.6)), picture)
        first.set_title(words(name, 18, 2), fontsize=11, weight="bold")
        for r, (title, near) in enumerate(rows):
            for column, (other, other_name, same) in enumerate(near):
                axis = sheet.axes(q, (2.0 + 1.18 * column, 0.05 + 1.47 * r), (1.08, 1.08))
                _frame(axis, other, "-" if same else None)
                label = words(other_name, 14, 2)
                axis.set_xlabel(f"{RIGHT} {label}" if same else label, fontsize=8, labelpad=3)
                if column == 0:
                    axis.set_ylabel(title, fontsize=10)
    return sheet.figure


def feature_maps(picture, layers):
    """One picture and each layer's strongest channels, each from its lowest (dark) to its highest value (light).

    layers: [(title, maps (H, W, n), channel numbers), …]
    """
    sheet = _Sheet(len(layers), columns=1, cell=(WIDTH, 1.42))
    _frame(sheet.axes(0, (0, 0.25), (1.5, 1.5)), picture)
    for row, (title, maps, channels) in enumerate(layers):
        for column in range(maps.shape[2]):
            axis = sheet.axes(row, (2.0 + 1.18 * column, 0.25), (1.08, 1.08))
            axis.imshow(maps[..., column], cmap="viridis", interpolation="nearest", aspect="auto")
            axis.set_title(f"channel {channels[column]}", fontsize=8, pad=2)
            axis.set(xticks=(), yticks=())
            if column == 0:
                axis.set_ylabel(title, fontsize=10)
    return sheet.figure


def occlusion(pictures, names, maps, before, size, stride):
    """Each picture beside the probability of its class with a square over each place; the worst square is outlined.

    maps: (N, rows, columns);  before: (N,) without a square;  size, stride: of the square, in pixels
    Each value of a map is drawn at the centre of its square.
    """
    sheet = _Sheet(len(pictures), columns=3, cell=(3.05, 1.95), below=0.75)
    T, low = pictures.shape[1], (size - stride) / 2 - 0.5
    for n, (picture, name, heat, p) in enumerate(zip(pictures, names, maps, before)):
        left, right = sheet.axes(n, (0, 0.42), (1.42, 1.42)), sheet.axes(n, (1.5, 0.42), (1.42, 1.42))
        _frame(left, picture)
        left.set_title(words(name, 16, 2), fontsize=9)
        top, side = np.multiply(np.unravel_index(heat.argmin(), heat.shape), stride)
        for color, style in (("white", "-"), ("black", (0, (2, 2)))):
            left.add_patch(Rectangle((side - 0.5, top - 0.5), size, size, fill=False, ec=color, ls=style, lw=1.8))
        left.set(xlim=(-0.5, T - 0.5), ylim=(T - 0.5, -0.5))  # or the line of a square at the edge would widen the axes
        high = low + stride * len(heat)
        right.imshow(heat, cmap="viridis", interpolation="nearest", extent=(low, high, high, low))
        right.set(xlim=(-0.5, T - 0.5), ylim=(T - 0.5, -0.5), xticks=(), yticks=())
        right.set_title(f"{p:.2f} → {heat.min():.2f}", fontsize=10)
    below = sheet.axes_below((0.3, 0.35), 0.12)
    below.set_title("probability with this place covered", fontsize=10)
    bar = sheet.figure.colorbar(plt.cm.ScalarMappable(cmap="viridis"), cax=below, orientation="horizontal")
    bar.set_ticks([0, 1], labels=["lowest", "highest"])
    return sheet.figure


class _Sheet:
    """A figure of `count` equal cells, at most `columns` in a row; sizes in inches."""

    def __init__(self, count, columns, cell, below=0.0):
        self.columns, self.cell = min(columns, count), cell
        self.rows = -(-count // self.columns)
        self.width, self.height = self.columns * cell[0], self.rows * cell[1] + below
        self.figure = plt.figure(figsize=(self.width, self.height))

    def axes(self, n, place, size):
        """Axes in cell n. place: (from the left, from the top);  size: (width, height)."""
        return self._at(n % self.columns * self.cell[0] + place[0], n // self.columns * self.cell[1] + place[1], *size)

    def axes_below(self, place, height):
        """Axes below all cells, as wide as the figure without a margin of place[0] on each side."""
        return self._at(place[0], self.rows * self.cell[1] + place[1], self.width - 2 * place[0], height)

    def _at(self, left, top, width, height):
        bottom = self.height - top - height
        return self.figure.add_axes((left / self.width, bottom / self.height, width / self.width, height / self.height))


def _frame(axis, picture, style=None):
    """Draw a picture with sharp pixels, in a heavy frame of this line style, or in none."""
    axis.imshow(picture, interpolation="nearest")
    axis.set(xticks=(), yticks=())
    for spine in axis.spines.values():
        spine.set(linestyle=style or "-", linewidth=2.5 if style else 0, color=DARK)

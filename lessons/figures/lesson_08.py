"""The figures of lesson 08."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show


def show_covers(counts):
    """How many windows cover each pixel, with the first windows framed. counts: {(z, s): (H, W)}"""
    figure, axes = plt.subplots(1, 2, figsize=(7, 3.4), layout="constrained")
    for axis, ((z, s), count) in zip(axes, counts.items()):
        axis.imshow(count, cmap="cividis", vmin=0, vmax=4)
        for (i, j), k in np.ndenumerate(count):
            axis.text(j, i, k, ha="center", va="center", color="black" if k > 2 else "white")
        for n, (i, j) in enumerate([(0, 0), (0, s), (s, 0)]):
            corner, side = (j - 0.42 + 0.05 * n, i - 0.42 + 0.05 * n), z - 0.16
            axis.add_patch(plt.Rectangle(corner, side, side, fill=False, ec="white", lw=2, ls=["-", "--", ":"][n]))
        axis.set(title=f"{z}×{z} windows, step {s}", xticks=[], yticks=[])
    figure.suptitle("How many windows cover each pixel")
    show(
        figure,
        alt="Two 7 by 7 grids with a count in each cell. With 2 by 2 windows and step 2 every covered pixel is in "
        "one window and the last row and column in none; with 3 by 3 windows and step 2 the counts are 1, 2 and 4, "
        "and nothing is left over.",
    )


def show_pooled(picture, maps):
    """A picture beside maps of it. maps: {name: (H, W)}, the first before pooling"""
    figure, axes = plt.subplots(1, 1 + len(maps), figsize=(7, 2.1), layout="constrained")
    axes[0].imshow(picture)
    axes[0].set_title("the picture")
    brightest = max(values.max() for values in maps.values())
    for axis, (name, values) in zip(axes[1:], maps.items()):
        axis.imshow(values, cmap="viridis", vmin=0, vmax=brightest)
        axis.set_title(f"{name}: {values.shape[0]}×{values.shape[1]}")
    for axis in axes:
        axis.set(xticks=[], yticks=[])
    show(
        figure,
        alt="A picture, the response of one wave pattern to it, and that response pooled with 2/2 and with 3/2. "
        "Both pooled maps keep the bright outlines at half the size; with 3/2 the bright lines are thicker.",
    )


def show_wins(detail, won, shares):
    """How often pixels win. detail: part of a map;  won: {z: windows won in it};  shares: {z: % by windows won}"""
    figure, axes = plt.subplots(2, 2, figsize=(7, 5.2), layout="constrained")
    axes[0, 0].imshow(detail, cmap="viridis")
    axes[0, 0].set(title="a detail of one map", xticks=[], yticks=[])
    for axis, (z, counts) in zip(axes[:, 1], won.items()):
        seen = axis.imshow(counts, cmap=plt.get_cmap("cividis", 5), vmin=-0.5, vmax=4.5)
        axis.set(title=f"{z}/2: windows won", xticks=[], yticks=[])
    figure.colorbar(seen, ax=axes[:, 1], ticks=range(5), label="windows won", shrink=0.7)
    for z, colour, hatch, shift in ((2, MIDDLE, "//", -0.2), (3, DARK, "", 0.2)):
        at = np.arange(1, 5) + shift
        bars = axes[1, 0].bar(at, shares[z], 0.4, color=colour, hatch=hatch, edgecolor="white", label=f"{z}/2")
        axes[1, 0].bar_label(bars, fmt="%.1f", fontsize="small")
    axes[1, 0].set(title="how often a pixel wins", xlabel="windows won", ylabel="pixels, %")
    axes[1, 0].set(xticks=range(1, 5), ylim=(0, 30))
    axes[1, 0].legend(frameon=False)
    show(
        figure,
        alt="A detail of a map with bright stripes; two pictures that show how many windows each of its pixels wins; "
        "and a bar chart. With 2/2 windows a quarter of the pixels win one window each, evenly spread. With 3/2 fewer "
        "pixels win, they line up along the stripes, and some win two or four windows.",
    )

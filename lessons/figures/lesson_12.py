"""The figures of lesson 12."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show


def show_blocks(rows):
    """AlexNet's shapes to scale. rows: as `tinyalex.summary.summarise` gives them"""
    blocks = [("input", (224, 224, 3))]
    blocks += [(row.name, row.out_shape) for row in rows if row.name.startswith(("conv", "pool", "fc"))]
    figure, axis = plt.subplots(figsize=(9, 3.6), layout="constrained")
    left = 0
    for name, shape in blocks:
        H, W, C = shape if len(shape) == 3 else (1, 1, *shape)
        height, width = 6 + H, 4 + 0.9 * C**0.5
        colour = {"c": DARK, "p": MIDDLE}.get(name[0], "0.65")
        axis.bar(left + width / 2, height, width, bottom=-height / 2, color=colour, edgecolor="white")
        words = f"{name}\n{H}×{W}\n×{C}" if H > 1 else f"{name}\n{C}"
        axis.text(left + width / 2, -height / 2 - 4, words, ha="center", va="top", fontsize=8)
        left += max(width, 17) + 7
    axis.text(120, 95, "dark: convolutions   light: pooling   grey: input, fully connected", fontsize=9)
    axis.set(title="AlexNet to scale: rows shrink, channels grow", ylim=(-160, 118), xlim=(-12, left))
    axis.axis("off")
    show(
        figure,
        alt="Blocks from left to right, their height the number of rows: the input is by far the tallest, 224 by 224 "
        "by 3; conv1 is 55 by 55 by 96, then the blocks get lower and wider down to pool5 with 6 by 6 by 256; the "
        "three fully connected layers are flat, with 4096, 4096 and 1000 numbers.",
    )


def show_account(account):
    """Each stage's share of three costs. account: {"conv1": (parameters, multiply-adds, bytes kept), …}"""
    stages, table = list(account), np.array(list(account.values()), float) / 1e6
    titles = "Parameters: fc6, fc7", "Work: the convolutions", "Memory: the first two"
    units = "millions", "million multiply-adds per picture", "MB per picture, in training"
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.6), layout="constrained", sharey=True)
    for axis, column, title, unit in zip(axes, table.T, titles, units):
        axis.barh(stages, column, color=[DARK if name[0] == "c" else MIDDLE for name in stages])
        for place, value in enumerate(column):
            axis.text(value, place, f" {value / column.sum():.1%}", va="center", fontsize=9)
        axis.set(title=title, xlabel=unit, xlim=(0, 1.32 * column.max()))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    show(
        figure,
        alt="Three panels of horizontal bars for conv1 to conv5 and fc6 to fc8. Parameters: fc6 has by far the longest "
        "bar, then fc7 and fc8, and the convolutions are hardly visible. Work: conv2 has the longest bar, then conv3, "
        "conv4, conv1 and conv5; the fully connected layers have short ones. Memory: conv1 and conv2 with their "
        "pooling hold most.",
    )


def show_twenty(pictures, names):
    """Twenty pictures with their names."""
    figure, axes = plt.subplots(2, 10, figsize=(5.8, 1.6), layout="constrained")
    for axis, picture, name in zip(axes.ravel(), pictures, names):
        axis.imshow(picture)
        axis.set_title(str(name).replace(" ", "\n"), fontsize=6.5, pad=2)
        axis.axis("off")
    show(
        figure,
        alt="Twenty small pictures, one of each class: stars, hearts, balls, triangles and crosses, each striped, "
        "dotted, checked or ringed, in random colours.",
    )


def show_by_heart(losses, nonsense, stuck):
    """Losses by step: with right labels, with shuffled ones, and from the paper's start."""
    steps = len(losses)
    figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
    axis.plot(losses, color=DARK, lw=2)
    axis.plot(nonsense, "--", color=MIDDLE, lw=2)
    axis.plot(stuck, ":", color="black", lw=2)
    axis.axhline(np.log(20), color="0.7", lw=1, zorder=0)
    axis.text(0.3 * steps, 3.08, "the paper's start, small net: stuck at ln 20", fontsize=9)
    at = int(0.22 * steps)
    axis.text(at - 1, losses[at] - 0.1, "right labels", color=DARK, ha="right", va="top")
    axis.text(at + 2, nonsense[at], "shuffled labels", color=MIDDLE)
    axis.set(title="Twenty pictures are learned by heart, with any labels", xlabel="step", ylabel="loss")
    axis.set(xlim=(0, steps - 1), ylim=(0, 4))
    show(
        figure,
        alt="Loss by step. With right and with shuffled labels the curves fall alike from above 3 to nearly 0; "
        "the paper's start in the small net stays level at the logarithm of 20.",
    )

"""The figures of lesson 11."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show


def show_columns(groups):
    """The maps of conv1 to conv5 as dots, and the wires between them. groups: of conv2 to conv5"""
    figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
    sizes = [6, 8, 8, 8, 6]  # dots; one stands for a run of maps
    for k, g in enumerate(groups):
        for c, f in np.ndindex(sizes[k], sizes[k + 1]):
            if c * g // sizes[k] != f * g // sizes[k + 1]:
                continue
            same = (c < sizes[k] // 2) == (f < sizes[k + 1] // 2)
            ends = [c - (sizes[k] - 1) / 2, f - (sizes[k + 1] - 1) / 2]
            colour, style = (MIDDLE, "-") if same else (DARK, "--")
            axis.plot([k, k + 1], ends, color=colour, lw=0.8, ls=style, zorder=1)
    for k, size in enumerate(sizes):
        fill = ["white"] * (size // 2) + ["black"] * (size // 2)
        axis.scatter([k] * size, np.arange(size) - (size - 1) / 2, color=fill, edgecolor="black", s=45, zorder=2)
    axis.set(xticks=range(5), xticklabels=[f"conv{k + 1}" for k in range(5)], yticks=[])
    axis.spines[["left", "top", "right"]].set_visible(False)
    axis.invert_yaxis()
    axis.set_title("Two columns, card 0 (white) and card 1 (black), and where they talk (dashed)")
    show(
        figure,
        alt="Dots for the maps of conv1 to conv5, white ones above for card 0 and black ones below for card 1. "
        "Solid wires stay on a card; only between conv2 and conv3 do dashed wires cross from one card to the other.",
    )


def show_wires(wires, paths):
    """Which maps are wired, directly and by any path. wires, paths: {name: (C, F) of 0 and 1}, of conv2 to conv5"""
    figure, axes = plt.subplots(2, 4, figsize=(7, 4), layout="constrained")
    for k, name in enumerate(wires):
        for row, (matrix, below) in enumerate(((wires[name], "the layer below"), (paths[name], "conv1"))):
            axes[row, k].imshow(matrix, cmap="cividis", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
            axes[row, k].set(xticks=[0, matrix.shape[1]], yticks=[0, len(matrix)], xlabel=f"{name}'s maps")
            axes[row, 0].set_ylabel(f"maps of {below}")
        axes[0, k].set_title(f"{name}, {'1 group' if wires[name].all() else '2 groups'}")
    figure.suptitle("Which maps are wired (bright): directly, and by any path from conv1")
    show(
        figure,
        alt="Eight matrices, bright where there is a connection. Above, the direct wires: conv2, conv4 and conv5 "
        "have two bright blocks on the diagonal, conv3 is bright all over. Below, the paths from conv1: two blocks "
        "after conv2, and everything connected from conv3 on.",
    )


def show_costs(rows):
    """Parameters and multiply-adds with and without groups. rows: (name, (parameters, work) with groups, without)"""
    figure, axes = plt.subplots(1, 2, figsize=(7, 3), layout="constrained", sharey=True)
    for axis, k, scale, unit in (axes[0], 0, 1e3, "thousand parameters"), (axes[1], 1, 1e6, "million multiply-adds"):
        paper, whole = ([row[column][k] / scale for row in rows] for column in (1, 2))
        axis.barh(np.arange(5) - 0.2, paper, 0.38, color=DARK, label="as in the paper")
        axis.barh(np.arange(5) + 0.2, whole, 0.38, color=MIDDLE, hatch="//", ec="white", label="without groups")
        axis.set(xlabel=unit, yticks=range(5), yticklabels=[row[0] for row in rows])
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    axes[0].legend(frameon=False, loc="upper right")
    figure.suptitle("Groups halve conv2, conv4 and conv5")
    show(
        figure,
        alt="Two bar charts for conv1 to conv5, parameters and multiply-adds, as in the paper and without "
        "groups. conv2, conv4 and conv5 would cost twice as much without groups; conv1 and conv3 cost the same.",
    )

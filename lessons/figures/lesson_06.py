"""The figures of lesson 06."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK
from tinyalex.teaching import show


def numbers(axis, values, title, low=None, high=None):
    """Draw a small array with its numbers written in. low, high: the values of the darkest and brightest colour"""
    low, high = values.min() if low is None else low, values.max() if high is None else high
    axis.imshow(values, cmap="cividis", vmin=low, vmax=high)
    for (row, column), value in np.ndenumerate(values):
        color = "white" if value < (low + high) / 2 else "black"
        axis.text(column, row, f"{value:g}", ha="center", va="center", color=color, fontsize=11)
    axis.set_title(title, fontsize=11)
    axis.set_xticks(range(values.shape[1]))
    axis.set_yticks(range(values.shape[0]))


def show_maps(picture, maps):
    """A picture beside its maps. maps: {name: (OH, OW)}"""
    figure, axes = plt.subplots(1, 1 + len(maps), figsize=(7, 2.2), layout="constrained")
    axes[0].imshow(picture)
    axes[0].set_title("picture, 64×64×3", fontsize=11)
    for axis, (name, values) in zip(axes[1:], maps.items()):
        limit = abs(values).max()
        axis.imshow(values, cmap="cividis", vmin=-limit, vmax=limit)
        axis.set_title(name, fontsize=11)
    for axis in axes:
        axis.set_axis_off()
    figure.suptitle("Each kernel makes a map of where it finds its pattern")
    show(
        figure,
        alt="A small colour picture of a striped star, and three maps of it: one is bright and dark along vertical "
        "edges, one along horizontal edges, and one is bright where the picture is more red than blue.",
    )


def show_window(x, kernel, place, stride):
    """A picture of numbers, one window of it, the kernel, and their products. place: (oh, ow)"""
    (row, column), (KH, KW) = (stride * p for p in place), kernel.shape
    window = x[row : row + KH, column : column + KW]
    figure, axes = plt.subplots(1, 4, figsize=(10, 2.9), layout="constrained", width_ratios=(7, 3.4, 3.4, 3.4))
    numbers(axes[0], x, f"picture, with the window of place {place}")
    for width, color in (5, "white"), (2.5, "black"):
        frame = plt.Rectangle((column - 0.45, row - 0.45), KW - 0.1, KH - 0.1, fill=False, lw=width, color=color)
        axes[0].add_patch(frame)
    numbers(axes[1], window, "window")
    numbers(axes[2], kernel, "× kernel")
    numbers(axes[3], window * kernel, "= products")
    figure.suptitle(f"One output is the sum of the products: {(window * kernel).sum()}", fontsize=13)
    show(
        figure,
        alt="A picture of 5×7 numbers with a frame around its lower right 3×3 window; beside it the window, the "
        "kernel, and their nine products, whose sum is the output at place (1, 2).",
    )


def show_coverage(counts):
    """The number of windows over each pixel. counts: {title: (H, W)}"""
    figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
    for axis, (title, count) in zip(axes, counts.items()):
        numbers(axis, count, title)
    figure.suptitle("Number of windows over each pixel")
    show(
        figure,
        alt="Three grids of 8×8 pixels with the number of windows over each. Kernel 3, stride 1: from 1 in the corners "
        "to 9 inside. Kernel 3, stride 2: a pattern of 1, 2 and 4, and 0 in the last row and column. Kernel 2, "
        "stride 3: only 1 and 0.",
    )


def show_learned(losses, learned, secret):
    """The loss by step, and the kernel that was learned beside the one to be found."""
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained", width_ratios=(1.6, 1, 1))
    axes[0].semilogy(losses, color=DARK)
    axes[0].set(title="loss by step", xlabel="step", ylabel="mean squared difference")
    numbers(axes[1], learned.round(1) + 0.0, "learned from examples")
    numbers(axes[2], secret, "the secret kernel")
    show(
        figure,
        alt="On the left the loss falls steadily on a logarithmic scale over 40 steps; on the right the learned 3×3 "
        "kernel, rounded to one decimal, shows the same nine numbers as the secret edge kernel beside it.",
    )

"""The figures of lesson 07."""

import numpy as np
from matplotlib import pyplot as plt

from figures.lesson_06 import numbers
from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show


def show_products(products):
    """The multiplications for one picture. products: {layer: their number}"""
    figure, axis = plt.subplots(figsize=(7.5, 2.7), layout="constrained")
    bars = axis.bar(list(products), [number / 1e6 for number in products.values()], 0.6, color=DARK)
    axis.bar_label(bars, fmt="%.0f")
    axis.set(title="Hundreds of millions of multiplications for one picture", ylabel="million multiplications")
    axis.set_ylim(0, 1.15e-6 * max(products.values()))
    axis.spines[["top", "right"]].set_visible(False)
    show(
        figure,
        alt="Bars for the five convolutions of AlexNet, in million multiplications: conv2 has the most, about twice as "
        "many as conv1; conv3 to conv5 have fewer from one to the next.",
    )


def show_windows(picture, rows, windows):
    """A numbered picture (H, W), and its windows as the rows of a matrix. windows: [(oh, ow)], one for each row"""
    figure, axes = plt.subplots(1, 2, figsize=(7.5, 4.3), layout="constrained", width_ratios=(4, 5))
    numbers(axes[0], picture, "picture, 3×4 pixels", low=0)
    numbers(axes[1], rows, "its windows of 2×2, one per row", low=0)
    axes[0].set_xticks([])
    axes[0].set_yticks([])
    axes[1].set_yticks(range(len(rows)), [f"place {place}" for place in windows])
    axes[1].set_xticks(range(4), ["0, 0", "0, 1", "1, 0", "1, 1"])
    axes[1].set_xlabel("place in the kernel")
    for axis, values in zip(axes, (picture, rows)):
        for row, column in np.argwhere(values == 6):
            for width, color in (5, "white"), (2, "black"):
                corner = column - 0.43, row - 0.43
                axis.add_patch(plt.Rectangle(corner, 0.86, 0.86, fill=False, lw=width, color=color))
    figure.suptitle("Pixel 6 lies in four windows, so it is written out four times")
    show(
        figure,
        alt="A picture of 3×4 numbered pixels and beside it a matrix with six rows of four, one row for each 2×2 "
        "window; pixel 6 is framed in the picture once and in the matrix four times, each time in another column.",
    )


def show_times(taken):
    """Two durations on a logarithmic axis. taken: {name: seconds}"""
    figure, axis = plt.subplots(figsize=(7, 1.9), layout="constrained")
    axis.barh(list(taken), [1000 * value for value in taken.values()], color=[MIDDLE, DARK])
    for place, value in enumerate(taken.values()):
        axis.text(1000 * value, place, f"  {1000 * value:.3g} ms", va="center")
    axis.set_xscale("log")
    axis.set_xlim(0.1, 20000 * max(taken.values()))
    axis.invert_yaxis()
    axis.set(title="The same convolution, by loops and as a product", xlabel="milliseconds, logarithmic")
    axis.spines[["top", "right"]].set_visible(False)
    show(
        figure,
        alt="Two bars on a logarithmic axis of time: the loops over windows take many times as long as the one matrix "
        "product that computes the same convolution.",
    )

"""The figures of lesson 04."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show

FIRST_WEIGHT = "first weight (square: end of the walk; cross: lowest point)"


def _draw_walk(axis, path, title):
    along, across = np.meshgrid(np.linspace(-10, 4, 80), np.linspace(-1.1, 1.1, 60))
    axis.contour(along, across, np.sqrt(0.5 * (along**2 + 100 * across**2)), 6, cmap="cividis", linewidths=0.7)
    axis.plot(*path.T, color=DARK, marker="o", ms=3, lw=1)
    axis.plot(*path[-1], color=MIDDLE, marker="s", ms=8)
    axis.plot(0, 0, color="black", marker="+", ms=14, mew=2)
    axis.set_title(title, fontsize=10)
    axis.set_yticks([-1, 0, 1])
    axis.set_ylabel("second weight", fontsize=9)


def show_walks(walks):
    """Two walks down the valley. walks: {title: path (steps + 1, 2)}"""
    figure, axes = plt.subplots(2, 1, figsize=(7, 3.8), sharex=True, layout="constrained")
    for axis, (title, path) in zip(axes, walks.items()):
        _draw_walk(axis, path, title)
    axes[1].set_xlabel(FIRST_WEIGHT)
    show(
        figure,
        alt="Two walks down a long narrow valley, drawn over its contour lines. With the cautious rate the path drops "
        "to the valley's floor and then creeps, ending far from the lowest point. With the bold rate it leaps from "
        "wall to wall and is still some way off after sixty steps.",
    )


def show_momentum(heavy, plain, title):
    """The path of a walk with momentum, and dashed that of one without."""
    figure, axis = plt.subplots(figsize=(7, 2.6), layout="constrained")
    _draw_walk(axis, heavy, title)
    axis.plot(*plain.T, color=MIDDLE, lw=0.8, ls="--")
    axis.set_xlabel(FIRST_WEIGHT)
    show(
        figure,
        alt="The same valley. The dashed walk without momentum leaps from wall to wall at every step and is two thirds "
        "of the way after sixty. The walk with momentum swings down the valley in a few wide waves, overshoots the "
        "lowest point a little and comes back to it.",
    )


def show_drop(inside, outside, drop):
    """The length of each step around a drop of the rate, with the rate inside and outside the velocity."""
    figure, axis = plt.subplots(figsize=(7, 3))
    begin = drop - 20
    axis.plot(range(begin, len(inside)), inside[begin:], color=DARK, lw=2, label="the paper: ε inside the velocity")
    axis.plot(range(begin, len(outside)), outside[begin:], color=MIDDLE, lw=2, ls="--", label="PyTorch: ε outside")
    axis.axvline(drop - 0.5, color="grey", lw=1, ls=":")
    axis.text(drop + 0.5, 0.004, "ε / 10", fontsize=9)
    axis.set(title="After a drop of ε, the paper's walker coasts", xlabel="step", ylabel="length of the step")
    axis.set_ylim(0, None)
    axis.legend(frameon=False, fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    show(
        figure,
        alt="Length of each step before and after the rate is divided by ten at step 60: with the rate outside the "
        "velocity it falls to a tenth at once, with the rate inside it decays over some thirty steps.",
    )


def show_starts(curves):
    """The training loss from four starts. curves: {name of the start: loss by step}"""
    figure, axis = plt.subplots(figsize=(7, 3.4))
    styles = ((DARK, ":"), (DARK, "-"), (MIDDLE, "-"), (MIDDLE, "--"))
    for (colour, ls), (name, losses) in zip(styles, curves.items()):
        smooth = np.convolve(losses, np.ones(5) / 5, mode="valid")  # over the five batches
        axis.plot(smooth, color=colour, ls=ls, lw=2)
        axis.text(len(smooth) + 1, smooth[-1], name, color=colour, va="center", fontsize=9)
    axis.set_xlim(0, 1.35 * len(losses))
    axis.set(title="The same net, four starts", xlabel="step", ylabel="training loss", ylim=(0, None))
    axis.set_xticks(range(0, len(losses) + 1, 50))
    axis.spines[["top", "right"]].set_visible(False)
    show(
        figure,
        alt="Training loss of one small net from four starts: with std 0.01 it stays flat at the loss of guessing; "
        "with half of the later rule and biases 0 it starts to fall late; with the paper's biases of 1 it falls "
        "earlier; with the later rule's full width it falls at once.",
    )

"""The figures of lesson 18."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show


def show_footprints(counts):
    """Pixels that one output sees, each with the number of ways to it. counts: {layers: (side, side)}"""
    figure, axes = plt.subplots(1, len(counts), figsize=(7.5, 2.8), layout="constrained")
    for axis, (n, ways) in zip(axes, counts.items()):
        side, edge = len(ways), (7 - len(ways)) // 2
        axis.imshow(ways, cmap="cividis", vmin=0, extent=(edge - 0.5, edge + side - 0.5, edge + side - 0.5, edge - 0.5))
        for (row, column), value in np.ndenumerate(ways):
            colour = "white" if value < 0.55 * ways.max() else "black"
            axis.text(edge + column, edge + row, str(value), ha="center", va="center", color=colour, fontsize=9)
        layers = "one layer" if n == 1 else f"{n} layers"
        axis.set(title=f"{layers}: {side}×{side} pixels", xlim=(-0.5, 6.5), ylim=(6.5, -0.5), xticks=[], yticks=[])
    figure.suptitle("What one output sees through layers of 3×3, and in how many ways")
    show(
        figure,
        alt="Three squares of numbers. Through one layer of 3×3 an output sees 3×3 pixels, each in one way; through "
        "two layers 5×5 pixels, the middle one in 9 ways and the corners in one; through three layers 7×7 pixels, the "
        "middle one in 49 ways and the corners in one.",
    )


def show_reach(nets):
    """Reach by layer. nets: {name: (kinds of layers, reach after each (L,))}"""
    figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for (name, (kinds, sizes)), colour, line in zip(nets.items(), (DARK, MIDDLE), ("-", "--")):
        places = np.arange(1, len(sizes) + 1)
        axis.plot(places, sizes, line, color=colour, lw=2, label=name)
        for kind, marker in ("conv", "o"), ("pool", "s"):
            chosen = [place for place, k in zip(places, kinds) if k == kind]
            face = "white" if kind == "pool" else colour
            axis.plot(chosen, sizes[np.array(chosen) - 1], marker, ms=6, color=colour, mfc=face, ls="")
    axis.axhline(224, color="0.7", lw=1, zorder=0)
    axis.text(1, 226, "the whole picture", color="0.4", fontsize=9, va="bottom")
    axis.set_xticks(range(1, 19))
    axis.set(title="Both see almost the whole picture in the end", ylim=(0, 250))
    axis.set(xlabel="layer (filled: convolution, open square: pooling)", ylabel="reach in pixels")
    axis.legend(frameon=False, loc="right")
    show(
        figure,
        alt="Reach by layer. AlexNet begins at 11 pixels and climbs in 8 steps to 195; VGG-16 begins at 3 pixels, "
        "stays below AlexNet layer for layer, and climbs in 18 steps to 212. The line of the whole picture is at 224.",
    )


def show_costs(reaches, one, stack, kept):
    """Weights and memory against reach. one, stack: weights in units of C²;  kept: maps that backward needs"""
    figure, axes = plt.subplots(1, 2, figsize=(7.5, 2.9), layout="constrained")
    axes[0].plot(reaches, one, "s--", color=MIDDLE, lw=2, label="one large kernel")
    axes[0].plot(reaches, stack, "o-", color=DARK, lw=2, label="a stack of 3×3")
    axes[0].set(title="Weights, and so work", xlabel="reach in pixels", ylabel="weights / C²", ylim=(0, None))
    axes[0].legend(frameon=False)
    axes[1].plot(reaches, np.ones(len(reaches)), "s--", color=MIDDLE, lw=2)
    axes[1].plot(reaches, kept, "o-", color=DARK, lw=2)
    axes[1].set(title="Memory in training", xlabel="reach in pixels", ylabel="maps kept for backward", ylim=(0, None))
    for axis in axes:
        axis.set_xticks(reaches)
    show(
        figure,
        alt="Two panels against the reach, from 3 to 11 pixels. Left: the weights of one large kernel grow with the "
        "square of the reach to 121 C², the weights of a stack of 3×3 in a straight line to 45 C². Right: one large "
        "kernel keeps one map for backward, a stack one for each of its layers, five at the end.",
    )


def show_table(names, parameters, work, maps):
    """Three costs of each layer. maps: numbers that come out of it"""
    figure, axes = plt.subplots(1, 3, figsize=(8.5, 3.9), layout="constrained", sharey=True)
    columns = (
        (parameters, "millions", "Parameters"),
        (work, "million multiply-adds", "Work"),
        (maps, "millions", "Outputs"),
    )
    for axis, (values, unit, title) in zip(axes, columns):
        values = np.array(values) / 1e6
        axis.barh(names, values, color=[DARK if name[0] == "c" else MIDDLE for name in names])
        for place, value in enumerate(values):
            axis.text(value, place, f" {value / values.sum():.1%}", va="center", fontsize=8)
        axis.set(title=title, xlabel=unit, xlim=(0, 1.3 * values.max()))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    show(
        figure,
        alt="Three panels of bars for VGG-16's thirteen convolutions and three fully connected layers. Parameters: fc6 "
        "has three quarters of all, the convolutions of the first three stages nearly none. Work: the convolutions "
        "share it, the fully connected layers have almost none. Outputs: the first two convolutions give nearly half.",
    )


def show_signal(names, sizes):
    """Size of the signal by layer. sizes: {name of the start: (measured (L,), expected (L,))}"""
    figure, axis = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
    places = np.arange(1, len(names) + 1)
    for (start, (measured, expected)), colour, marker in zip(sizes.items(), ("black", DARK, MIDDLE), "s^o"):
        axis.semilogy(places, measured, marker, color=colour, ms=6, label=start)
        axis.semilogy(places, expected, ":", color=colour, lw=1.5)
    axis.set_xticks(places, names, rotation=60, ha="right", fontsize=8)
    axis.set(title="VGG-16 before its first step: three starts", ylabel="root mean square of what comes out")
    axis.legend(frameon=False, loc="upper left", title="measured (dotted: expected)")
    show(
        figure,
        alt="Size of the signal by layer of VGG-16 on a logarithmic axis, measured and expected. With weights of "
        "standard deviation 0.1 it dips and then rises in every layer, to tens of millions; with 0.01 it falls in "
        "every layer, to less than a hundred-millionth; with He's rule it stays near 1.",
    )


def show_two_starts(losses):
    """Training loss by epoch. losses: {name of the start: (epochs,)}"""
    figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for (start, values), colour, line in zip(losses.items(), (MIDDLE, DARK), ("--", "-")):
        axis.plot(np.arange(1, len(values) + 1), values, line, color=colour, lw=2, label=start)
    axis.axhline(np.log(20), color="0.7", lw=1, zorder=0)
    axis.set(title="The same small VGG from two starts", xlabel="epoch", ylabel="training loss", ylim=(0, 3.4))
    axis.legend(frameon=False, loc="right")
    show(
        figure,
        alt="Training loss by epoch. From weights of standard deviation 0.01 it stays on the line of guessing, the "
        "logarithm of 20; from He's weights it falls from there to near zero.",
    )

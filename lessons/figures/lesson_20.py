"""The figures of lesson 20. Errors are shares of 1."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show

LEVELS = 16  # pictures of fewer colours make a smaller file

STARTS = {
    "from scratch": dict(color="black", ls="--", marker="s"),
    "frozen random features": dict(color=MIDDLE, ls=":", marker="^"),
    "frozen features": dict(color=MIDDLE, ls="-", marker="D"),
    "frozen, of length 1": dict(color=MIDDLE, ls="--", marker="v"),
    "fine-tuned": dict(color=DARK, ls="-", marker="o"),
}


def show_classes(old, new):
    """One picture of each class that the net knows, and of each that it does not. Each: [(name, picture), …]"""
    figure = plt.figure(figsize=(7.4, 3.5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(5, 2))
    for part, pictures, shapes, title in (left, old, 5, "20 classes it has learnt"), (right, new, 2, "8 new ones"):
        axes = part.subplots(4, shapes)
        for axis, (name, picture) in zip(axes.T.flat, pictures):
            axis.imshow(picture // LEVELS * LEVELS, interpolation="nearest")
            axis.set_title(name, fontsize=7)
        for axis in axes.flat:
            axis.set_axis_off()
        part.suptitle(title, fontsize=10)
    show(
        figure,
        alt="Small pictures with their names. Left, twenty classes that the net has learnt: stars, hearts, balls, "
        "triangles and crosses, each striped, dotted, checked and ringed. Right, eight new ones: moons and leaves with "
        "the same four textures.",
    )


def show_depth(names, trained, random, chance):
    """The error of a linear head on each layer. trained, random: (layers, seeds);  chance: the error of a guesser"""
    figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
    places = np.arange(len(names))
    for errors, label, style in (
        (random, "random weights", "frozen random features"),
        (trained, "trained", "fine-tuned"),
    ):
        line = STARTS[style]
        axis.plot(places, 100 * errors.mean(axis=1), label=label, lw=2, **line)
        axis.plot(places, 100 * errors, ls="", marker=line["marker"], color=line["color"], ms=3, alpha=0.5)
    axis.axhline(100 * chance, color="black", ls=":", lw=1)
    axis.text(len(names) - 1, 100 * chance + 1, "a guess", ha="right", fontsize=9)
    axis.set_xticks(places, names)
    axis.set(
        ylim=(0, 97), ylabel="test error in %", title="A linear head on each layer, ten pictures of each new class"
    )
    axis.legend(frameon=False, loc="lower left")
    low = int(trained.mean(axis=1).argmin())
    show(
        figure,
        alt="Test error of a linear head against the layer whose output it sees, from the pixels to the old scores. "
        f"For the trained net it falls steeply from the pixels to {names[low]}, and rises again at the scores. With "
        "random weights it stays high at every layer, a little below the pixels' and far above the trained net's.",
    )


def show_few(curves, chance):
    """The error against the number of pictures. curves: {start: {pictures of each class: errors of the seeds}}"""
    figure, axis = plt.subplots(figsize=(7, 3.8), layout="constrained")
    for start, line in STARTS.items():
        sizes = list(curves[start])
        means = [100 * np.mean(errors) for errors in curves[start].values()]
        axis.plot(sizes, means, lw=2, label=start, **line)
        for n, errors in curves[start].items():
            axis.plot(
                [n] * len(errors), 100 * np.asarray(errors), ls="", ms=3, marker=line["marker"], color=line["color"]
            )
    axis.axhline(100 * chance, color="black", ls=":", lw=1)
    axis.set(xscale="log", yscale="log", ylim=(0.15, 110), xlabel="pictures of each class", ylabel="test error in %")
    axis.set_xticks(sizes, map(str, sizes))
    axis.set_yticks(ticks := (0.5, 1, 2, 5, 10, 20, 50, 100), [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.set_title("Five starts")
    axis.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
    show(
        figure,
        alt="Test error against the number of pictures of each class, 5 to 50, on logarithmic scales. On frozen random "
        "features it stays above half. From scratch it falls steeply from about as much. On frozen trained features it "
        "is below ten per cent everywhere, lower after fine-tuning, and lowest on frozen features of length 1.",
    )

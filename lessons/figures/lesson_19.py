"""The figures of lesson 19. runs: {"plain-20": [{"losses": by epoch, …} of each seed]}, as in depth_runs/runs.json"""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show

KINDS = {"plain": dict(ls="--", marker="s", color=MIDDLE), "residual": dict(ls="-", marker="o", color=DARK)}
WIDTHS = {20: 1.2, 44: 2.8}  # of lines


def _losses(axis, runs, kind):
    """The training loss of both depths by epoch: each seed as dots, the mean as a line."""
    for depth, width in WIDTHS.items():
        losses = np.array([run["losses"] for run in runs[f"{kind}-{depth}"]])
        epochs, line = np.arange(1, losses.shape[1] + 1), KINDS[kind]
        axis.plot(epochs, losses.T, marker=line["marker"], ls="", ms=1.5 * width, color=line["color"], alpha=0.6)
        label = f"{kind}, {depth} layers"
        axis.plot(epochs, losses.mean(axis=0), lw=width, ls=line["ls"], color=line["color"], label=label)


def show_wall(runs):
    """The training loss of the plain nets."""
    figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
    _losses(axis, runs, "plain")
    axis.axhline(np.log(10), color="black", ls=":", lw=1)
    axis.text(5.2, np.log(10) + 0.01, "a guess: ln 10", fontsize=9)
    axis.set(title="The deeper net has the higher training loss", xlabel="epoch", ylabel="training loss")
    axis.set_ylim(None, 2.36)
    axis.legend(frameon=False, loc="lower left")
    show(
        figure,
        alt="Training loss by epoch of plain nets with 20 and with 44 layers, several seeds each. That of 20 "
        "layers falls steadily; that of 44 layers begins at the loss of a guess, falls little, and stays far above.",
    )


def show_roads():
    """The graph of a normalised channel, and the three roads on which a gradient comes back to x."""
    figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
    places = {
        "x": (0, 1),
        "mean": (1.5, 2.1),
        "x − mean": (3, 1),
        "variance": (4.3, -0.1),
        "√(variance + eps)": (6.6, -0.1),
        "x̂": (8.2, 1),
        "y": (9.6, 1),
    }
    box = dict(boxstyle="round,pad=0.45", fc="white", ec="black")
    boxes = {name: axis.text(*place, name, ha="center", va="center", bbox=box) for name, place in places.items()}
    roads = (
        (("y", "x̂", "x − mean", "x"), DARK, "-"),
        (("x − mean", "mean", "x"), MIDDLE, "--"),
        (("x̂", "√(variance + eps)", "variance", "x − mean"), "black", ":"),
    )
    for names, color, style in roads:
        for start, end in zip(names, names[1:]):
            ends = dict(patchA=boxes[start].get_bbox_patch(), patchB=boxes[end].get_bbox_patch(), shrinkA=1, shrinkB=1)
            arrow = dict(arrowstyle="-|>", color=color, ls=style, lw=2, **ends)
            axis.annotate("", places[end], places[start], arrowprops=arrow)
    axis.text(5.6, 1.15, "1  direct", color=DARK, ha="center")
    axis.text(2.6, 2.05, "2  through the mean", color=MIDDLE)
    axis.text(5.5, -0.85, "3  through the variance", ha="center")
    axis.set(xlim=(-0.5, 10), ylim=(-1.1, 2.5), title="Three roads back from y to x")
    axis.axis("off")
    show(
        figure,
        alt="Boxes for x, the mean, x minus the mean, the variance, its root, x-hat and y. Arrows go back from y to "
        "x-hat, and from there on three roads to x: a solid one straight through x minus the mean, a dashed one on "
        "through the mean, and a dotted one from x-hat through the root and the variance.",
    )


def show_blocks():
    """A plain block, and the same with a shortcut around it."""
    figure, axes = plt.subplots(1, 2, figsize=(7, 3.6), layout="constrained")
    inside = ("3×3 convolution", "batch norm", "ReLU", "3×3 convolution", "batch norm")
    for axis, title, skip in (axes[0], "Plain", False), (axes[1], "Residual", True):
        heights = np.linspace(5, 1, len(inside))
        for name, y in zip(inside, heights):
            axis.text(0, y, name, ha="center", va="center", bbox=dict(boxstyle="round,pad=0.3", fc="white", ec=DARK))
        axis.text(0, 6.2, "x", ha="center", va="center")
        axis.text(0, -1.2, "ReLU, then the next block", ha="center", va="center")
        for top, bottom in zip((6.2, *heights, 0.0), (*heights, 0.0, -1.2)):
            if skip or bottom != 0.0:
                last = bottom == -1.2 and not skip
                start, end = (heights[-1] if last else top), bottom
                axis.annotate("", (0, end + 0.25), (0, start - 0.25), arrowprops=dict(arrowstyle="-|>", lw=1.5))
        if skip:
            axis.text(0, 0, "+", ha="center", va="center", bbox=dict(boxstyle="circle,pad=0.2", fc="white", ec="black"))
            axis.plot([0.25, 2, 2], [6.2, 6.2, 0], lw=2, color=MIDDLE, ls="--")
            axis.annotate("", (0.3, 0), (2.05, 0), arrowprops=dict(arrowstyle="-|>", lw=2, color=MIDDLE, ls="--"))
            axis.text(2.2, 3, "x itself", color=MIDDLE, va="center")
        axis.set(title=title, xlim=(-2, 4), ylim=(-1.7, 6.6))
        axis.axis("off")
    show(
        figure,
        alt="Two columns of boxes: convolution, batch norm, ReLU, convolution, batch norm. In the plain one they "
        "follow each other to the last ReLU. In the residual one a dashed line leads x around all five boxes to a plus "
        "sign, where it is added before the last ReLU.",
    )


def show_gradients(gradients):
    """The norm of each convolution's gradient in the nets of 44 layers. gradients: {kind: {title: norms}}"""
    titles = list(gradients["plain"])
    figure, axes = plt.subplots(1, len(titles), figsize=(8, 3.3), layout="constrained", sharey=True)
    for axis, title in zip(axes, titles):
        for kind, line in KINDS.items():
            norms = gradients[kind][title]
            axis.semilogy(np.arange(1, len(norms) + 1), norms, lw=1.5, ms=3, label=kind, **line)
        axis.set(title=title.capitalize(), xlabel="convolution, from first to last")
    axes[0].set_ylabel("norm of the gradient")
    axes[0].legend(frameon=False)
    figure.suptitle("44 layers: no gradient vanishes on its way down")
    show(
        figure,
        alt="Norm of the gradient of each convolution in nets of 44 layers, on a logarithmic scale. Early in training "
        "the plain net's grows steeply from the last layer down to the first, the residual net's less. At the end both "
        "are nearly level, and neither falls to nothing in the first layers.",
    )


def show_depths(runs):
    """The training loss of all four nets, by epoch and at the end."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.3), layout="constrained", width_ratios=(3, 2))
    for kind, line in KINDS.items():
        _losses(axes[0], runs, kind)
        ends = {depth: [run["losses"][-1] for run in runs[f"{kind}-{depth}"]] for depth in WIDTHS}
        for depth, values in ends.items():
            axes[1].plot([depth] * len(values), values, ls="", ms=4, marker=line["marker"], color=line["color"])
        means = [np.mean(values) for values in ends.values()]
        axes[1].plot(list(ends), means, ls=line["ls"], color=line["color"], lw=2, label=kind)
    axes[0].set(title="Four nets", xlabel="epoch", ylabel="training loss")
    axes[1].set(title="The last epoch", xlabel="layers", xticks=list(WIDTHS), xlim=(10, 54))
    for axis in axes:
        axis.legend(frameon=False, fontsize=9)
    show(
        figure,
        alt="Left: training loss by epoch of four nets; both residual nets fall well below both plain ones. Right: the "
        "loss of the last epoch against depth; the plain nets' line rises steeply from 20 to 44 layers, the residual "
        "nets' rises little and lies far lower.",
    )

"""The figures of lesson 09."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show


def show_shouting(layer, x):
    """The layer's outputs for x, and for other inputs of channel 5.

    x: (1, 1, 1, 11), equal in all channels but 5
    """
    loud = np.linspace(0, 500, 101)
    sweep = x.repeat(101, axis=0)
    sweep[:, 0, 0, 5] = loud
    heard = layer.forward(sweep)[0][:, 0, 0]

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    channels = np.arange(11)
    axes[0].bar(channels - 0.2, x.ravel(), 0.4, color="white", edgecolor=DARK, label="in: x")
    axes[0].bar(channels + 0.2, layer.forward(x)[0].ravel(), 0.4, color=MIDDLE, label="out: y")
    axes[0].axvspan(2.5, 7.5, color="0.92", zorder=0)
    axes[0].text(7.6, 235, "grey: 5's\nreach", va="top", fontsize=9)
    axes[0].set(title="Channel 5 shouts, four neighbours drop", xlabel="channel", ylabel="activity", xticks=channels)
    axes[0].legend(frameon=False, loc="upper left")
    for c, style, colour in ((5, "-", DARK), (6, "--", MIDDLE), (9, ":", "black")):
        axes[1].plot(loud, heard[:, c], style, color=colour, lw=2)
    axes[1].text(180, 49, "channel 5 itself", color=DARK)
    axes[1].text(250, heard[66, 9] + 1.5, "channel 9, out of reach")
    axes[1].text(40, 7, "channel 6, beside it", color=MIDDLE)
    axes[1].set(title="The louder 5, the quieter 6", xlabel="input of channel 5", ylabel="output", ylim=(0, 54))
    show(
        figure,
        alt="Left: bars for eleven channels; all inputs are 60 but channel 5 at 250, and the outputs of channels 3, 4, "
        "6 and 7 are clearly below the others. Right: as the input of channel 5 grows to 500, the output of channel 6 "
        "falls steadily, channel 9 stays level, and channel 5's own output rises, peaks, and falls again.",
    )


def show_band(J):
    """A table of derivatives, and its middle column as bars. J: (9, 9), row i, column j: how y_j moves with x_i"""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    picture = axes[0].imshow(J, cmap="viridis")
    figure.colorbar(picture, ax=axes[0], label="how y_j moves with x_i")
    axes[0].set(title="A band, not a diagonal (n = 5)", xlabel="output channel j", ylabel="input channel i")
    axes[0].set(xticks=range(9), yticks=range(9))
    axes[1].bar(range(9), J[:, 4], color=[DARK if i == 4 else MIDDLE for i in range(9)])
    axes[1].axhline(0, color="black", lw=0.8)
    axes[1].set(title="dy in channel 4 alone: dx in five channels", xlabel="channel i", ylabel="dx", xticks=range(9))
    show(
        figure,
        alt="Left: a nine by nine table of derivatives in viridis colours; only a band five entries wide along the "
        "diagonal differs from zero. Right: bars of dx when dy is 1 in channel 4 only; channels 2, 3, 5 and 6 have "
        "negative bars beside that of channel 4, and the others are zero.",
    )


def show_hiding(alphas, wrong, right, at_paper, at_probe):
    """The errors of a wrong and of a right gradient against alpha.

    at_paper, at_probe: the wrong one's error at alpha 1e-4 and at 0.5
    """
    figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
    axis.loglog(alphas, wrong, "o-", color=DARK, lw=2)
    axis.fill_between(alphas, 1e-12, 1e-8, color=MIDDLE, alpha=0.35)
    axis.loglog(alphas, np.maximum(right, 2e-12), "s", color=MIDDLE, ms=4)
    axis.axhline(1e-3, color="black", ls=":", lw=1)
    arrow = {"arrowstyle": "->"}
    axis.annotate("the paper: alpha 0.0001", (1e-4, at_paper), (8e-6, 0.02), arrowprops=arrow)
    axis.annotate("our probe: alpha 0.5", (0.5, at_probe), (0.03, 1.6), arrowprops=arrow)
    axis.text(2.5e-6, 1.5e-3, "a lenient tolerance", fontsize=9)
    axis.text(0.013, 1.2e-2, "neighbours left out", color=DARK, rotation=15, va="top")
    axis.text(3e-3, 1e-7, "right: rounding only", va="top", ha="center")
    axis.set(title="A wrong gradient hides where alpha is small", xlabel="alpha")
    axis.set(ylabel="largest error / largest entry", ylim=(1e-12, 9))
    show(
        figure,
        alt="Error of the gradient against alpha, both logarithmic. Without the neighbours the error rises in a line "
        "from about a hundred-thousandth at alpha 1e-6, is still below a lenient tolerance of a thousandth at the "
        "paper's alpha 1e-4, and is of the order of the gradient itself at alpha 0.5. The right backward stays at "
        "rounding, far below, for every alpha.",
    )

"""The figures of lesson 10. A log: (epochs, 4), training loss and error, validation loss and error."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show


def show_fever(logs):
    """Training and validation loss by epoch, of each log."""
    figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
    for number, log in enumerate(logs):
        epochs = np.arange(1, len(log) + 1)
        axis.plot(epochs, log[:, 0], color=MIDDLE, ls="--", lw=1.5, label=None if number else "training")
        axis.plot(epochs, log[:, 2], color=DARK, lw=1.5, label=None if number else "validation")
    axis.set(title="A net that learns by heart", xlabel="epoch", ylabel="loss", ylim=(0, None))
    axis.legend(frameon=False)
    show(
        figure,
        alt="Loss by epoch, three runs. The training loss falls to nearly zero; the validation loss falls for a "
        "few epochs, then turns, rises well above its lowest value, and stays there.",
    )


def show_sums(heard, at_test):
    """Histograms of what a unit hears. heard: {form: (masks,) sums in training};  at_test: {form: the sum at test}"""
    figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
    bins = np.linspace(min(map(np.min, heard.values())), max(map(np.max, heard.values())), 90)
    for (name, sums), color, hatch in zip(heard.items(), (DARK, MIDDLE), (None, "///")):
        axis.hist(sums, bins, color=color, alpha=0.55, hatch=hatch, label=f"training, {name}")
        axis.axvline(at_test[name], color=color, lw=2.5, ls="--" if hatch else "-", label=f"test, {name}")
    axis.set(title="A unit hears noise in training, and its mean at test")
    axis.set(xlabel="sum that reaches the unit", ylabel="number of masks")
    axis.legend(frameon=False, loc="upper right")
    show(
        figure,
        alt="Two bell-shaped histograms of the sum that a unit hears over ten thousand masks; the inverted form's is "
        "around twice the value of the paper's, and twice as wide. A vertical line for the test runs through the "
        "middle of each.",
    )


def show_medicine(without, with_it):
    """Loss and error by epoch: means of the logs without and with dropout, and their ranges."""
    figure, axes = plt.subplots(1, 2, figsize=(7, 3.6), layout="constrained")
    for axis, column, title in (axes[0], 0, "Loss"), (axes[1], 1, "Error, %"):
        for logs, color, name in (without, MIDDLE, "without"), (with_it, DARK, "with dropout"):
            for offset, style, split in (0, "--", "training"), (2, "-", "validation"):
                curves = np.array([log[:, column + offset] for log in logs]) * (100 if column else 1)
                epochs = np.arange(1, curves.shape[1] + 1)
                axis.plot(epochs, curves.mean(axis=0), color=color, ls=style, lw=2, label=f"{split}, {name}")
                axis.fill_between(epochs, curves.min(axis=0), curves.max(axis=0), color=color, alpha=0.2, lw=0)
        axis.set(title=title, xlabel="epoch", ylim=(0, None))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    show(
        figure,
        alt="Loss and error by epoch with and without dropout, means of three runs with their ranges. Without it, "
        "training goes to zero and the validation loss turns upwards. With it, training falls more slowly, the "
        "validation loss ends far lower, and the validation error ends lower too.",
    )

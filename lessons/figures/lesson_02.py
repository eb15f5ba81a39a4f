"""The figures of lesson 02."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show


def show_scores(picture, scores, label, name):
    """A centred picture (H, W, 3), and its scores (K,) as bars. label, name: of its class"""
    H, W, _ = picture.shape
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3), layout="constrained", width_ratios=(1, 2.4))
    axes[0].imshow((picture - picture.min()) / np.ptp(picture), interpolation="nearest")
    axes[0].set_title(f"class {label}: {name}, {H}×{W}", fontsize=10)
    axes[0].set_axis_off()
    axes[1].bar(range(len(scores)), scores, color=[DARK if k == label else MIDDLE for k in range(len(scores))])
    tip, text = (label, max(0, scores[label])), (label, 1.3 * scores.max())
    axes[1].annotate("right class", tip, text, ha="center", arrowprops={"arrowstyle": "->"})
    axes[1].axhline(0, color="black", lw=0.8)
    axes[1].set(title="Scores from random weights", xlabel="class", ylabel="score", ylim=(None, 1.6 * scores.max()))
    axes[1].set_xticks(range(0, len(scores), max(1, len(scores) // 10)))
    show(
        figure,
        alt="A small textured picture, and a bar chart of its twenty scores from random weights: some positive, some "
        "negative, the right class not the largest.",
    )


def show_softmax(scores, probabilities):
    """Scores (K,) beside their softmax at several scales. probabilities: {factor: (K,)}"""
    figure, axes = plt.subplots(1, 4, figsize=(7.6, 2.6), layout="constrained")
    axes[0].bar(range(len(scores)), scores, color=MIDDLE)
    axes[0].axhline(0, color="black", lw=0.8)
    axes[0].set_title("scores s", fontsize=10)
    for axis, (factor, p) in zip(axes[1:], probabilities.items()):
        axis.bar(range(len(p)), p, color=DARK)
        axis.set_title(f"softmax({factor} · s)", fontsize=10)
        axis.set_ylim(0, 1)
    for axis in axes:
        axis.set_xticks(range(len(scores)))
        axis.set_xlabel("class")
    figure.suptitle("From scores to probabilities: larger scores, surer guesses")
    show(
        figure,
        alt="Five scores, and their softmax at three scales: at 0.3 the bars are nearly equal, at 1 the largest "
        "leads, at 5 it takes nearly everything.",
    )


def show_loss():
    """The loss of one picture by the probability of its class, with guessing among 20 and 1,000 marked."""
    p = np.linspace(0.001, 1, 400)
    figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
    axis.plot(p, -np.log(p), color=DARK, lw=2, label="−log p")
    axis.plot(p, 1 - p, color=MIDDLE, ls="--", lw=2, label="1 − p, for comparison")
    for classes in (20, 1000):
        axis.plot(1 / classes, np.log(classes), "o", color=DARK)
        text = f"guessing among {classes:,}: {np.log(classes):.2f}"
        tip, place = (1 / classes, np.log(classes)), (0.12, np.log(classes))
        axis.annotate(text, tip, place, va="center", arrowprops={"arrowstyle": "->"})
    axis.set(title="The loss of one picture", xlabel="probability given to the right class", ylabel="loss")
    axis.set(xlim=(-0.01, 1), ylim=(0, 7.5))
    axis.legend(frameon=False)
    show(
        figure,
        alt="The loss, minus log p, against p: it falls steeply from above 6 at p near 0 to 0 at p = 1; guessing "
        "among 20 and among 1,000 classes are marked.",
    )


def show_learning(training, validation, K):
    """The loss on both kinds of pictures by step, with that of guessing among K classes."""
    figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
    axis.plot(training, color=MIDDLE, ls="--", lw=2, label="training")
    axis.plot(validation, color=DARK, lw=2, label="validation")
    axis.axhline(np.log(K), color="black", lw=0.8, ls=":")
    text = f"guessing: ln {K} = {np.log(K):.2f}"
    axis.text(len(training) - 1, np.log(K) + 0.03, text, ha="right", va="bottom")
    axis.set(title="One layer learns but does not generalise", xlabel="step", ylabel="mean loss")
    axis.set_ylim(0, np.log(K) + 0.4)
    axis.legend(frameon=False, loc="lower left")
    show(
        figure,
        alt="Training and validation loss over 120 steps: both start at ln 20; the training loss keeps falling, the "
        "validation loss falls a little, then creeps up again.",
    )

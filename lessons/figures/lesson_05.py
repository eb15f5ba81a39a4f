"""The figures of lesson 05."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show

LINES = {"ReLU": dict(color=DARK, ls="-"), "tanh": dict(color=MIDDLE, ls="--"), "sigmoid": dict(color="0.35", ls=":")}


def show_curves(x, curves):
    """Activations and their slopes. x: (N,);  curves: {name: y (N,)}"""
    figure, axes = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
    for name, y in curves.items():
        axes[0].plot(x, y, lw=2, label=name, **LINES[name])
        axes[1].plot(x, np.gradient(y, x), lw=2, label=name, **LINES[name])
    axes[0].set(title="Activations", xlabel="x", ylabel="y", ylim=(-1.3, 3))
    axes[1].set(title="Their slopes, which scale a gradient", xlabel="x", ylabel="dy/dx", ylim=(-0.05, 1.15))
    axes[0].legend(frameon=False)
    show(
        figure,
        alt="Left: ReLU is 0 and then a straight line upwards, tanh and the sigmoid level off at both ends. "
        "Right: ReLU's slope is 0 or 1; tanh's is a bump of height 1, the sigmoid's a flat bump of height a quarter.",
    )


def show_stack(sizes, scales, shares):
    """Gradients by layer, and shut units by the size of the weights.

    sizes: {name: (L,) of root mean squares};  scales: factors on the weights;  shares: {name: share shut at each scale}
    """
    figure, axes = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
    for name, s in sizes.items():
        axes[0].semilogy(range(1, len(s) + 1), s, lw=2, marker="o", ms=4, label=name, **LINES[name])
    axes[0].set(title="Gradient in each of 8 layers", xlabel="layer (8 is the top)", ylabel="root mean square of dz")
    axes[0].legend(frameon=False)
    for name, share in shares.items():
        axes[1].semilogx(scales, 100 * np.array(share), lw=2, marker="o", ms=4, base=2, label=name, **LINES[name])
    axes[1].set(title="Shut units, by size of the weights", xlabel="std of the weights / suitable std")
    axes[1].set(ylabel="slope below 0.05, %", ylim=(-4, 104))
    axes[1].set_xticks(scales, [f"{s:g}" for s in scales])
    axes[1].minorticks_off()
    axes[1].legend(frameon=False)
    show(
        figure,
        alt="Left, on a logarithmic scale: from layer 8 down to layer 1 the gradient keeps its size with ReLU, "
        "shrinks little with tanh and by several powers of ten with the sigmoid. Right: half of the ReLUs are shut "
        "at every size of the weights; of the tanh units none are shut at small weights, most at large ones.",
    )


def show_errors(suitable, raw):
    """Training error by epoch from both starts. suitable, raw: {"ReLU, rate 0.01": [errors by epoch, per seed]}"""
    figure, axes = plt.subplots(1, 2, figsize=(7, 3), layout="constrained", sharey=True)
    for axis, runs in zip(axes, (suitable, raw)):
        for label, group in runs.items():
            for seed, errors in enumerate(group):
                line = LINES[label.split(",")[0]] | {"label": label if seed == 0 else None}
                axis.plot(range(1, len(errors) + 1), 100 * np.array(errors), lw=1.5, **line)
        axis.axhline(25, color="0.5", lw=1)
        axis.set(xlabel="epoch", ylim=(15, 100))
    axes[0].set(title="Suitable inputs and weights", ylabel="training error, %")
    axes[1].set(title="Raw pixels, weights of std 0.01")
    axes[0].legend(frameon=False, loc="upper right")
    axes[1].legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 0.1))
    show(
        figure,
        alt="Training error by epoch, three runs of each kind, with a line at 25 %. Left, with suitable inputs "
        "and weights: ReLU and tanh fall side by side. Right, with raw pixels: the ReLU runs fall, the tanh runs stay "
        "near the error of guessing.",
    )

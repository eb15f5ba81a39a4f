"""The figures of lesson 13."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show


def show_others(star, others):
    """A picture and five others made of it. star: (64, 64, 3) uint8;  others: (5, 56, 56, 3), perhaps out of range"""
    figure, axes = plt.subplots(2, 3, figsize=(5, 3.8), layout="constrained")
    for axis, picture in zip(axes.flat, (star, *others.clip(0, 255).astype(np.uint8))):
        axis.imshow(picture, interpolation="nearest")
        axis.set_title("the picture, 64 × 64" if picture is star else "56 × 56", fontsize=10)
        axis.set_axis_off()
    title = "One picture, and five it could as well have been\n(colours: fifteen times the paper's noise)"
    figure.suptitle(title, fontsize=11)
    show(
        figure,
        alt="Six small pictures of one star: the original of 64 by 64 pixels and five crops of it, each shifted a "
        "little, some mirrored, some lighter or bluer.",
    )


def show_seen(seen):
    """The share of crops that show each pixel. seen: (256, 256)"""
    figure, axis = plt.subplots(figsize=(5, 3.6), layout="constrained")
    shown = axis.imshow(100 * seen, cmap="viridis", vmin=0, vmax=100)
    axis.contour(seen, [0.25, 0.5, 0.75], colors="white", linewidths=1)
    axis.set(title="Crops of 224 that show a pixel of 256, %", xlabel="column", ylabel="row")
    figure.colorbar(shown)
    show(
        figure,
        alt="A heat map of 256 by 256 pixels: the inner square of 192 is seen in every crop, towards the rim the share "
        "falls in steps, to nearly zero in the corners; white lines mark a quarter, a half and three quarters.",
    )


def show_cloud(pictures, values, vectors):
    """Colours of pixels, and the axes of their cloud. values, vectors: as `axes_of_colour` returns them"""
    colours = pictures.reshape(-1, 3) / 255
    cloud, centre = colours[::149], colours.mean(axis=0)
    figure, panels = plt.subplots(1, 2, figsize=(7, 3.4), layout="constrained", sharey=True)
    for panel, (across, name) in zip(panels, ((0, "R"), (2, "B"))):
        panel.scatter(cloud[:, across], cloud[:, 1], s=4, c=MIDDLE, alpha=0.5, linewidths=0)
        for i, style in enumerate(("-", "--", ":")):
            end = 2 * values[i] ** 0.5 * vectors[:, i]
            ends = zip((centre - end)[[across, 1]], (centre + end)[[across, 1]])
            panel.plot(*ends, style, color=DARK, lw=3, label=f"axis {i + 1}")
        panel.set(xlabel=name, ylabel="G" if across == 0 else "", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    panels[1].legend(loc="lower right", fontsize=9)
    figure.suptitle("The cloud of colours and its axes, two standard deviations to either side", fontsize=11)
    show(
        figure,
        alt="Two scatter plots of pixel colours, green against red and green against blue: both clouds are long "
        "ellipses from dark to light, the first axis runs along their length, the two others are much shorter.",
    )


def show_views(views, places, chances, name):
    """Ten views of one picture. views: ten pictures, mirror images last;  places: five names;  chances: (2, 5)"""
    figure, axes = plt.subplots(2, 5, figsize=(7, 3.5), layout="constrained")
    titles = [*places, *["mirrored"] * 5]
    for axis, view, title, chance in zip(axes.flat, views, titles, chances.flat):
        axis.imshow(view, interpolation="nearest")
        axis.set_title(f"{title}\n{chance:.2f}", fontsize=9)
        axis.set_axis_off()
    title = f"Ten views of one {name}: the net's probability of it, mean {chances.mean():.2f}"
    figure.suptitle(title, fontsize=11)
    show(
        figure,
        alt="Ten crops of one validation picture in two rows, five as they are and five mirrored, each titled with "
        "the probability that the net gives to the right class; the numbers differ widely between views that look "
        "almost alike.",
    )

"""The figures of lesson 01."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show


def _draw(axis, image, title="", step=2):
    """Show a picture; step 2 averages blocks of 2×2 pixels, to keep the notebook small."""
    H, W, C = image.shape
    blocks = np.asarray(image, float).reshape(H // step, step, W // step, step, C)
    axis.imshow(blocks.mean(axis=(1, 3)) / 255, interpolation="nearest")
    axis.set_title(title, fontsize=10)
    axis.set_axis_off()


def show_planes(picture):
    """A picture (H, W, 3) beside its red, green and blue planes."""
    figure, axes = plt.subplots(1, 4, figsize=(7.6, 2.3), layout="constrained")
    _draw(axes[0], picture, "what you see", step=1)
    for c, colour in enumerate(["red", "green", "blue"]):
        shown = axes[c + 1].imshow(picture[:, :, c], cmap="cividis", vmin=0, vmax=255, interpolation="nearest")
        axes[c + 1].set_title(f"[:, :, {c}]  {colour}", fontsize=10)
        axes[c + 1].set_axis_off()
    figure.colorbar(shown, ax=axes, shrink=0.9)
    show(
        figure,
        alt="A picture of a textured shape, and beside it its red, green and blue planes as three separate maps of "
        "numbers from 0 to 255.",
    )


def show_readings(readings):
    """The same bytes, read in four ways. readings: {title: picture}"""
    figure, axes = plt.subplots(1, 4, figsize=(7.6, 2.2), layout="constrained")
    for axis, (title, image) in zip(axes, readings.items()):
        _draw(axis, image, title)
    figure.suptitle("The same bytes, read four ways")
    show(
        figure,
        alt="The same bytes read four ways: the right picture; nine small grey copies in a grid; the picture in "
        "wrong colours; the picture lying on its side.",
    )


def show_wrapping(picture, wrapped, clipped):
    """A picture, and the same with 100 added in bytes and in a wider type."""
    figure, axes = plt.subplots(1, 3, figsize=(7, 2.6), layout="constrained")
    titles = "original", "bytes + 100: wraps", "wider type, then clipped"
    for axis, image, title in zip(axes, (picture, wrapped, clipped), titles):
        _draw(axis, image, title, step=1)
    show(
        figure,
        alt="Three versions of one picture: the original; with 100 added in bytes, where bright parts turn dark or "
        "change colour; and brightened properly.",
    )


def show_flips(flips):
    """Batches of two pictures, one above the other. flips: {title: batch (2, H, W, 3)}"""
    figure, axes = plt.subplots(2, 5, figsize=(7.6, 3.4), layout="constrained")
    for column, (title, images) in zip(axes.T, flips.items()):
        for axis, image, text in zip(column, images, (title, "")):
            _draw(axis, image, text)
    figure.suptitle("A batch of two, with one axis reversed")
    show(
        figure,
        alt="Two pictures, one above the other, with each axis reversed in turn: axis 0 swaps the two, axis 1 turns "
        "them upside down, axis 2 mirrors them, axis 3 swaps red and blue.",
    )


def show_means(means):
    """Mean pictures. means: {number of pictures: their mean}"""
    figure, axes = plt.subplots(1, 4, figsize=(7.6, 2.3), layout="constrained")
    for axis, (count, mean) in zip(axes, means.items()):
        _draw(axis, mean, f"mean of {count}")
    show(
        figure,
        alt="The mean of 1, 4, 20 and all training pictures: shapes and colours fade into a bright disc on "
        "darker grey.",
    )


def show_centring(pictures, centred):
    """Histograms of the numbers of a batch before and after centring."""
    figure, axis = plt.subplots(figsize=(7, 2.6), layout="constrained")
    bins = np.linspace(-256, 256, 65)
    axis.hist(pictures.ravel().astype(np.float32), bins, color=MIDDLE, label="bytes", alpha=0.5)
    axis.hist(centred.ravel(), bins, color=DARK, label="centred", histtype="step", lw=2)
    axis.set(title="Centred numbers lie around zero", xlabel="value", ylabel="count")
    axis.legend(frameon=False)
    show(
        figure,
        alt="Histograms of the numbers before and after centring: bytes lie between 0 and 255 with most below 128, "
        "centred numbers lie on both sides of zero.",
    )

"""The figures of lesson 15."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import draw_sheet, kernel_sheet
from tinyalex.teaching import show


def show_kernels(weight):
    """Conv1's kernels, tower by tower. weight: (KH, KW, 3, F)"""
    KH, KW, _, F = weight.shape
    figure, panels = plt.subplots(1, 2, figsize=(6, 2.5), layout="constrained")
    for panel, part, name in zip(panels, np.split(weight, 2, axis=3), ("first tower", "second tower")):
        draw_sheet(panel, kernel_sheet(part))
        panel.set_title(f"{name}, {F // 2} kernels of {KH} × {KW}", fontsize=10)
    show(
        figure,
        alt=f"Two sheets of {F // 2} kernels of {KH} by {KW} pixels each, the first and the second tower, each a "
        "coarse patch of light and dark; some are nearly grey, some have green, orange or purple pixels, and both "
        "kinds are found in both towers.",
    )


def show_neighbours(queries, in_fc7, in_pixels):
    """Pictures, and the five nearest to each in two spaces.

    queries: [(name, picture), …];  in_fc7, in_pixels: for each query, [(picture, whether of its class), …]
    """
    gaps = {"width_ratios": [1, 0.3, *[1] * 5, 0.3, *[1] * 5]}
    figure, axes = plt.subplots(len(queries), 13, figsize=(7.2, 2.5), layout="constrained", gridspec_kw=gaps)
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.02, hspace=0.02)
    said = []
    for row, (name, picture), *near in zip(axes, queries, in_fc7, in_pixels):
        row[0].imshow(picture, interpolation="nearest")
        row[0].set_title(name.replace(" ", "\n"), fontsize=7)
        for start, neighbours in zip((2, 8), near):
            for axis, (neighbour, hit) in zip(row[start:], neighbours):
                axis.imshow(neighbour, interpolation="nearest")
                axis.set_title("✓" if hit else "–", fontsize=8)
        fc7, pixels = (sum(hit for _, hit in neighbours) for neighbours in near)
        said.append(f"{name}, {fc7} of 5 in fc7, {pixels} of 5 in pixels")
    for axis in axes.flat:
        axis.set_axis_off()
    figure.suptitle("A picture, its five nearest in fc7, its five nearest in pixels (✓: the same class)", fontsize=9)
    show(
        figure,
        alt="Three rows of pictures, each a validation picture, its five nearest training pictures in fc7 and its "
        f"five nearest in pixels. Neighbours of the same class: {'; '.join(said)}. In fc7 the colours differ, in "
        "pixels the neighbours are about as light as the picture.",
    )


def show_occlusion(pictures, seen, size, stride, side):
    """Pictures, and maps of the probability of their class under a grey square.

    seen: for each picture (name, probability without a square, map, row and column of the worst place)
    side: of what the net sees, in pixels
    """
    figure, axes = plt.subplots(2, len(seen), figsize=(6.4, 4.4), layout="constrained")
    for (above, below), picture, (name, whole, p, (r, c)) in zip(axes.T, pictures, seen):
        above.imshow(picture, interpolation="nearest", extent=(0, side, side, 0))
        for line in (dict(ec="white", lw=2.5), dict(ec="black", lw=1, ls="--")):
            above.add_patch(plt.Rectangle((c * stride, r * stride), size, size, fill=False, **line))
        above.set_title(f"{name}: p = {whole:.2f}", fontsize=10)
        edge = (size - stride) / 2
        image = below.imshow(p, vmin=0, vmax=1, cmap="viridis", extent=(edge, side - edge, side - edge, edge))
        below.set(xlim=(0, side), ylim=(side, 0))
        below.set_title(f"worst {p.min():.2f}, mean {p.mean():.2f}", fontsize=10)
    for axis in axes.flat:
        axis.set(xticks=(), yticks=())
    figure.colorbar(image, ax=axes[1], label="p of its class")
    found = [
        f"{name}: {whole:.2f} whole, {p.min():.2f} at worst, {p.mean():.2f} on average" for name, whole, p, _ in seen
    ]
    show(
        figure,
        alt="Three pictures, and below each a map of the probability of its class while a grey square of "
        f"{size} pixels covers each place. {'; '.join(found)}. The low places lie on the figures: at two arms of the "
        "cross, and in the upper half of the ball; a dashed square on each picture marks the worst.",
    )


def show_mistakes(off, names):
    """A table of mistakes. off: (K, K) counts, true classes in rows, answers in columns, 0 on the diagonal"""
    K, (true, taken) = len(off), np.unravel_index(off.argmax(), off.shape)
    figure, axis = plt.subplots(figsize=(6.6, 5.6), layout="constrained")
    image = axis.imshow(np.where(np.eye(K, dtype=bool), np.nan, off), cmap="viridis", vmin=0)
    figure.colorbar(image, label="pictures", shrink=0.7)
    axis.set(xlabel="answer", ylabel="true class")
    if K <= 30:
        axis.set_xticks(range(K), names, rotation=90, fontsize=7)
        axis.set_yticks(range(K), names, fontsize=7)
        for i, j in zip(*np.nonzero(off)):
            colour = "white" if off[i, j] < 0.6 * off.max() else "black"
            axis.text(j, i, off[i, j], ha="center", va="center", fontsize=7, color=colour)
    show(
        figure,
        alt=f"A table of {K} true classes by {K} answers with {off.sum()} mistakes off its empty diagonal; the largest "
        f"entry is {off[true, taken]}, {names[true]} taken for {names[taken]}. Nearly all mistakes lie on lines "
        "parallel to the diagonal, four places apart: the texture is right, the shape is not.",
    )

"""One picture per claim: the effect of each seed, the interval, the paper's figure, and a line at no effect."""

from matplotlib import pyplot as plt

from tinyalex.experiments.report import interval_text, number, seeds_text
from tinyalex.plots import DARK, MIDDLE


def effects(result):
    """A row per contrast: seeds as dots, the 95 % interval as a bar with its mean, the paper's figure as a diamond."""
    contrasts = result["contrasts"]
    figure, axes = plt.subplots(
        len(contrasts), 1, figsize=(8, 0.9 + 1.45 * len(contrasts)), layout="constrained", squeeze=False
    )
    for axis, contrast in zip(axes[:, 0], contrasts):
        draw_effect(axis, contrast)
    figure.suptitle(
        f"{result['id']}: {result['title']}\n{seeds_text(result)}, {result['model']} on {result['data']}", fontsize=11
    )
    return figure


def draw_effect(axis, contrast):
    """Draw one contrast on one axis."""
    null = 1.0 if contrast["unit"] == "×" else 0.0
    axis.axvline(null, color="#444444", lw=1)
    if contrast["low"] is not None and contrast["high"] is not None:
        axis.plot([contrast["low"], contrast["high"]], [0, 0], color=DARK, lw=5, alpha=0.35, solid_capstyle="butt")
    if contrast["effect"] is not None:
        axis.plot([contrast["effect"]], [0], "|", color=DARK, ms=22, mew=3)
    seeds = [effect for effect in contrast["effects"] if effect is not None]
    axis.plot(seeds, [0.45] * len(seeds), "o", color=MIDDLE, mec="black", ms=5, label="one seed")
    if contrast["paper"] is not None:
        axis.plot([contrast["paper"]], [-0.45], "D", color="white", mec="black", ms=7)
        axis.annotate(
            f"the paper: {number(contrast['paper'], contrast['unit'])}",
            (contrast["paper"], -0.45),
            xytext=(8, -3),
            textcoords="offset points",
            fontsize=8,
        )
    if contrast["unit"] == "×":
        axis.set_xscale("log")
        for ticks in (axis.xaxis.set_major_formatter, axis.xaxis.set_minor_formatter):
            ticks("{x:g}")
    axis.set_ylim(-0.9, 0.9)
    axis.set_yticks([])
    axis.margins(x=0.15)
    axis.spines[["top", "left", "right"]].set_visible(False)
    axis.set_title(f"{contrast['what']}, {_sides(contrast)}: {interval_text(contrast)}", fontsize=9, loc="left")


def _sides(contrast):
    return f" {'÷' if contrast['unit'] == '×' else '−'} ".join(contrast[side]["label"] for side in "ab")

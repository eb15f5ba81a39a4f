"""The figures of lesson 17."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patches import Patch

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show

FILLS = {"forward": MIDDLE, "backward": DARK, "update": "0.75"}
HATCHED = dict(facecolor="white", edgecolor="black", hatch="////")
FORMS = {"one": "One worker", "towers": "Two towers", "data": "Data, half of the pictures each"}


def show_sent(sent):
    """Bars of what a tower sends before each layer. sent: {layer: (kB in the paper, kB if all layers read all maps)}"""
    figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
    places = np.arange(len(sent))
    paper, everywhere = zip(*sent.values())
    axis.bar(places - 0.2, paper, 0.38, color=DARK, ec="white", label="as in the paper")
    axis.bar(places + 0.2, everywhere, 0.38, color=MIDDLE, hatch="//", ec="white", label="every layer reads all maps")
    axis.set(title="What a tower sends per picture before each layer", ylabel="kB, forward and backward")
    axis.set(xticks=places, xticklabels=list(sent))
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    show(
        figure,
        alt=f"Bars of what a tower sends per picture before {', '.join(sent)}. As in the paper: most before conv3, "
        "little before the fully connected layers, nothing before conv2, conv4 and conv5. If every layer read all "
        "maps, these three would be the tallest.",
    )


def show_timelines(taken):
    """When each worker computes and waits in one step. taken: {form: [each worker's [(what, start, end), …]]}"""
    rows = [len(step) for step in taken.values()]
    figure, panels = plt.subplots(3, 1, figsize=(7, 3.6), layout="constrained", sharex=True, height_ratios=rows)
    for panel, (form, step) in zip(panels, taken.items()):
        begin = min(bars[0][1] for bars in step)
        for rank, bars in enumerate(step):
            for what, a, b in bars:
                style = dict(color=FILLS[what]) if what in FILLS else HATCHED | dict(lw=0.8)
                panel.broken_barh([(1000 * (a - begin), 1000 * (b - a))], (rank - 0.4, 0.8), **style)
        workers = range(len(step))
        panel.set(yticks=workers, yticklabels=[f"worker {rank}" for rank in workers], ylim=(len(step) - 0.5, -0.5))
        panel.set_title(FORMS[form], fontsize=10, loc="left")
        panel.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlabel("milliseconds of one step")
    keys = [Patch(color=colour, label=what) for what, colour in FILLS.items()]
    keys.append(Patch(label="exchange, and waiting", **HATCHED))
    figure.legend(handles=keys, ncols=4, frameon=False, loc="outside lower center")
    count = {form: sum(what == "exchange" for what, _, _ in step[0]) for form, step in taken.items()}
    show(
        figure,
        alt="Timelines of a step. One worker: forward, then backward, then a short update. Two towers: two bars side "
        f"by side, each interrupted by {count['towers']} hatched exchanges, which begin and end together. Data: two "
        f"bars with {count['data']} exchanges near the end.",
    )


def show_scaling(sizes, shared, each, towers, alone):
    """Predicted speeds against the number of workers.

    shared, each: {form: images a second for each size}, a batch shared out and a batch for each worker
    towers: images a second of two towers;  alone: of one worker
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.4), layout="constrained")
    ideal = [alone * n for n in sizes]
    for form, style in ("data", dict(color=DARK, marker="o")), ("hybrid", dict(color=MIDDLE, marker="s", ls="--")):
        left.plot(sizes, shared[form], label=form, ms=5, **style)
        right.plot(sizes, 100 * np.divide(each[form], ideal), label=form, ms=5, **style)
    left.plot(sizes, ideal, color="0.6", ls=":", label="without any exchange")
    left.plot(2, towers, "k^", ms=9, mfc="none", label="two towers")
    left.set(yscale="log", ylabel="images a second, predicted", title="A batch of 128, shared out")
    left.set_yticks([100, 300, 1000, 3000, 7000], ["100", "300", "1,000", "3,000", "7,000"])
    left.legend(frameon=False, fontsize=9)
    right.axhline(100, color="0.6", ls=":")
    right.set(ylim=(0, 105), ylabel="speed, % of the dotted line", title="128 pictures each")
    for panel in (left, right):
        panel.set(xscale="log", xlabel="workers")
        panel.set_xticks(sizes, sizes)
        panel.minorticks_off()
        panel.spines[["top", "right"]].set_visible(False)
    ends = {form: f"{values[-1] / ideal[-1]:.0%}" for form, values in each.items()}
    show(
        figure,
        alt=f"Predictions for 1 to {sizes[-1]} workers. Left, a batch of 128 shared out: images a second by data "
        f"flatten and end at {shared['data'][-1]:,.0f}, by hybrid they rise to {shared['hybrid'][-1]:,.0f}; without "
        f"exchange it would be {ideal[-1]:,.0f}. Right, 128 pictures for each worker, in percent of the speed without "
        f"exchange: hybrid begins above data and ends below it, at {ends['hybrid']} and {ends['data']}.",
    )

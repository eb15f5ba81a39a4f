"""The figures of lesson 16."""

from itertools import cycle
from textwrap import shorten

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show

WIDEST = 8  # points; in show_claims longer bars are cut, with an arrow


def show_seeds(curves, errors):
    """One net from several seeds, beside the paper's effects.

    curves: for each seed (epochs, 2), epoch and validation error;  errors: (seeds,), at the end
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained", width_ratios=(3, 2))
    for curve, style in zip(curves, cycle(("-", "--", ":", "-.", (0, (1, 3))))):
        left.plot(curve[:, 0], 100 * curve[:, 1], ls=style, color=DARK, lw=1.5)
    left.set(title=f"One net, {len(curves)} seeds", xlabel="epoch", ylabel="validation error, %")
    right.plot(np.zeros(len(errors)), 100 * errors, "o", color=DARK)
    middle = 100 * errors.mean()
    for x, points in enumerate((0.4, 1.4, 1.7, 2.0), start=1):
        right.plot([x, x], [middle - points / 2, middle + points / 2], color=MIDDLE, lw=6, solid_capstyle="butt")
        right.annotate(f"{points}", (x, middle + points / 2 + 0.3), ha="center", fontsize=8)
    right.set(
        title="The ends, and effects in the paper", ylabel="validation error, %", xticks=range(5), xlim=(-0.6, 4.6)
    )
    right.set_xticklabels(["seeds", "pool", "LRN", "towers", "conv"], fontsize=8)
    show(
        figure,
        alt=f"Left: {len(curves)} validation curves of the same net, which fall from about 90 % and cross each other "
        f"on the way. Right: their ends, from {100 * errors.min():.1f} to {100 * errors.max():.1f} %, as dots; beside "
        "them bars as long as the paper's effects of 0.4, 1.4, 1.7 and 2 points.",
    )


def show_misses(with_196, with_t):
    """Forty intervals with 1.96 and with Student's t, around a true effect of 0. with_196, with_t: (40, 2)"""
    figure, panels = plt.subplots(1, 2, figsize=(7, 3.4), layout="constrained", sharey=True)
    counts = []
    for panel, ends, name in (panels[0], with_196, "1.96"), (panels[1], with_t, "Student's t"):
        missed = (ends[:, 0] > 0) | (ends[:, 1] < 0)
        counts.append(missed.sum())
        for y, ((low, high), miss) in enumerate(zip(ends, missed)):
            panel.plot([low, high], [y, y], color=DARK if miss else MIDDLE, lw=3 if miss else 1)
            if miss:
                panel.plot((low + high) / 2, y, "D", color=DARK, ms=5)
        panel.axvline(0, color="black", lw=0.8)
        title = f"{name}: {counts[-1]} of {len(ends)} miss 0"
        panel.set(title=title, xlabel="deviations of one seed", xlim=(-6, 6), yticks=[])
    show(
        figure,
        alt=f"Forty intervals of three seeds each, around a true effect of 0. Left with 1.96: {counts[0]} of 40 miss "
        "0, drawn thick with a diamond. Right the same experiments with Student's t: the intervals are about twice as "
        f"wide and {counts[1]} of 40 miss 0.",
    )


def show_effects(found, ends):
    """Effects with their intervals. found: {name: (differences (seeds,), the paper's)};  ends: {name: (low, high)}"""
    figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
    said = []
    for y, (name, (d, paper)) in enumerate(found.items()):
        low, high = ends[name]
        said.append(f"{name} {d.mean():+.1f} points, from {low:+.1f} to {high:+.1f}, the paper's {paper:+.1f}")
        axis.plot([low, high], [-y, -y], color=DARK, lw=6, alpha=0.35, solid_capstyle="butt")
        axis.plot(d.mean(), -y, "|", color=DARK, ms=22, mew=3)
        label = None if y else "one seed"
        axis.plot(d, np.full(len(d), 0.25 - y), "o", color=MIDDLE, mec="black", ms=5, label=label)
        label = None if y else "the paper"
        axis.plot(paper, -0.25 - y, "D", color="white", mec="black", ms=7, label=label)
    axis.axvline(0, color="black", lw=0.8)
    axis.set(title="Effect on the top-1 error, and its 95 % interval", xlabel="percentage points (left: fewer errors)")
    axis.set_yticks([-y for y in range(len(found))], list(found))
    axis.legend(frameon=False, fontsize=8)
    show(figure, alt=f"Three rows of effects, each with a bar for its interval: {'; '.join(said)}.")


def show_claims(rows):
    """The paper's effects and ours. rows: [(claim's id, one contrast of claims.json), …]"""
    figure, axis = plt.subplots(figsize=(7, 1 + 0.3 * len(rows)), layout="constrained")
    for y, (_, c) in enumerate(rows):
        ends = [c["low"], c["high"]]
        if None not in ends:
            line = dict(color=DARK, lw=5, alpha=0.35, solid_capstyle="butt")
            axis.plot(np.clip(ends, -WIDEST, WIDEST), [-y, -y], **line)
            for end in ends:
                if abs(end) > WIDEST:
                    axis.plot(np.copysign(WIDEST, end), -y, "<" if end < 0 else ">", color=DARK, ms=5)
        ours, theirs = (None, None) if y else ("ours, with 95 % interval", "the paper's")
        axis.plot(np.clip(c["effect"], -WIDEST, WIDEST), -y, "|", color=DARK, ms=13, mew=3, label=ours)
        axis.plot(c["paper"], -y, "D", color="white", mec="black", ms=5, label=theirs)
        axis.text(WIDEST + 0.9, -y, _verdict(c), fontsize=7.5, va="center")
    axis.axvline(0, color="black", lw=0.8)
    axis.set_yticks([-y for y in range(len(rows))], [_name(*row) for row in rows], fontsize=7.5)
    axis.set(title="The paper's effects, and ours", xlabel="percentage points (left: fewer errors)")
    axis.set_xlim(-WIDEST - 0.5, WIDEST + 0.5)
    figure.legend(frameon=False, fontsize=8, ncols=2, loc="outside lower center")
    said = [f"{i} {c['what']} {c['effect']:+.1f}, the paper's {c['paper']:+.1f}, {c['verdict']}" for i, c in rows]
    show(
        figure,
        alt=f"{len(rows)} rows of effects in percentage points with their intervals and the paper's figures: "
        f"{'; '.join(said)}.",
    )


def _verdict(contrast):
    return contrast["verdict"].removesuffix(" at this scale")


def _name(claim, contrast):
    sides = f"{contrast['a']['label']} − {contrast['b']['label']}"
    return shorten(f"{claim} {contrast['what'].removesuffix(' error')}: {sides}", 50, placeholder=" …")

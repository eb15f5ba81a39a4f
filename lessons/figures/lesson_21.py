"""The figures of lesson 21. Errors, risks and coverage are shares of 1."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show

LEVELS = 16  # pictures of fewer colours make a smaller file


def show_arrivals(sent, arrived, said, said_later):
    """Pictures as they were taken, and as they arrive. said, said_later: the net's answer to each, in words"""
    figure, rows = plt.subplots(2, len(sent), figsize=(6.4, 3.7), layout="constrained")
    for row, pictures, answers in zip(rows, (sent, arrived), (said, said_later)):
        for axis, picture, text in zip(row, pictures, answers):
            axis.imshow(picture // LEVELS * LEVELS, interpolation="nearest")
            axis.set_title(text, fontsize=7)
            axis.set(xticks=[], yticks=[])
    for row, label in zip(rows, ("as taken", "as they arrive")):
        row[0].set_ylabel(label, fontsize=10)
    show(
        figure,
        alt=f"Two rows of {len(sent)} small pictures with the net's answers: above as they were taken, below as they "
        "arrive. Below, edges are ragged and colours blocky, but shape and texture can still be "
        f"told. Above: {', '.join(said)}. Below: {', '.join(said_later)}.".replace("\n", " "),
    )


def show_reliability(nets):
    """nets: {name: (count, mean, share, error of calibration)}, by bins of the confidence"""
    figure, panels = plt.subplots(1, len(nets), figsize=(7, 3.3), layout="constrained", sharey=True)
    for panel, (name, (count, mean, share, error)) in zip(panels, nets.items()):
        bins = len(count)
        panel.plot([0, 1], [0, 1], color="grey", ls="--", lw=1)
        panel.bar((np.arange(bins) + 0.5) / bins, share, 1 / bins, color=MIDDLE, alpha=0.45, edgecolor="white")
        panel.plot(mean, share, "o", color=DARK, ms=5)
        for n, m, s in zip(count, mean, share):
            if n:
                panel.plot([m, m], [m, s], color=DARK, lw=1)
        panel.set(title=f"{name}\nmean gap {100 * error:.1f} points", xlabel="confidence", xlim=(0, 1), ylim=(0, 1.02))
    panels[0].set_ylabel("share of right answers")
    show(
        figure,
        alt="Two diagrams of the share of right answers against the confidence, with the diagonal on which both agree. "
        "Left, the live net: the points lie above the diagonal, it is right more often than it says. Right, the copy: "
        "they lie below, it is right less often than it says.",
    )


def show_risk(curves, marks, wanted):
    """curves: {name: (coverage, risk)};  marks: {name: (coverage, risk)} of thresholds;  wanted: the risk"""
    figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
    for (name, (coverage, risk)), (color, style) in zip(curves.items(), ((DARK, "-"), (MIDDLE, "--"))):
        axis.plot(100 * coverage, 100 * risk, style, color=color, lw=2, label=name)
    for (name, (coverage, risk)), marker in zip(marks.items(), "os"):
        axis.plot(100 * coverage, 100 * risk, marker, color="black", ms=7, label=name, mfc="white", mew=1.5, ls="")
    axis.axhline(100 * wanted, color="grey", ls=":", lw=1.5)
    axis.text(1, 100 * wanted + 0.15, f"wanted: {100 * wanted:g} %", fontsize=9)
    axis.set(xlabel="coverage: % of pictures answered", ylabel="risk: % of these wrong", xlim=(0, 101), ylim=(0, 8.5))
    axis.legend(frameon=False, fontsize=9, loc="upper left")
    show(
        figure,
        alt="Risk against coverage for the live net and its copy. Both begin near 0 when few pictures are answered, "
        "and rise to the net's whole error when all are. Two thresholds are marked: a plain one near where the curve "
        "meets the dotted line of the wanted risk, and a careful one to its left, with less coverage.",
    )


def show_alarms(days, level, change):
    """days: {signal: distance of each day's window};  level: above it, the alarm rings;  change: the day it began"""
    figure, panels = plt.subplots(2, 2, figsize=(6.4, 3.7), layout="constrained", sharex=True, sharey=True)
    for panel, (name, distances) in zip(panels.flat, days.items()):
        day = np.arange(1, len(distances) + 1)
        rings = np.asarray(distances) > level[name]
        panel.plot(day, distances, color=MIDDLE, lw=1)
        panel.plot(day[rings], np.asarray(distances)[rings], "^", color=DARK, ms=4, ls="")
        panel.axhline(level[name], color="black", ls=":", lw=1)
        panel.axvline(change - 0.5, color="grey", lw=1)
        panel.set_title(name, fontsize=10)
        panel.set_yscale("log")
        panel.set_yticks(ticks := (0.05, 0.1, 0.2, 0.5), [f"{tick:g}" for tick in ticks])
        panel.minorticks_off()
    figure.supxlabel("day (grey line: pictures are re-compressed from here on)", fontsize=10)
    figure.supylabel("distance", fontsize=10)
    ringing = [name for name, d in days.items() if (np.asarray(d)[change - 1 :] > level[name]).mean() > 0.5]
    show(
        figure,
        alt=f"Four panels with the distance of each day's window from the reference over {len(day)} days, each with a "
        f"dotted line for the alarm. A grey line marks the change on day {change}. Before it, nearly all days stay "
        f"below the dotted lines. After it, {' and '.join(ringing)} jump above theirs and stay there; the other panels "
        "show no change.",
    )


def show_report(rows, bands):
    """rows: {signal: {client: a number for each day}};  bands: {signal: (low, high) of usual days, or None}"""
    clients = list(next(iter(rows.values())))
    figure, panels = plt.subplots(len(rows), len(clients), figsize=(7, 5.4), sharex=True, sharey="row")
    for line, (signal, by_client) in zip(panels, rows.items()):
        for panel, client in zip(line, clients):
            values = np.asarray(by_client[client])
            if bands[signal]:
                panel.axhspan(*bands[signal], color="#dddddd", lw=0)
            panel.plot(np.arange(1, len(values) + 1), values, color=DARK, marker="o", ms=2, lw=1)
            panel.tick_params(labelsize=6)
            panel.set_xticks([1, 7, 14])
        line[0].set_ylabel(signal, fontsize=7)
    for panel, client in zip(panels[0], clients):
        panel.set_title(client, fontsize=9)
    figure.supxlabel("day", fontsize=9)
    figure.tight_layout(pad=0.4)
    show(
        figure,
        alt=f"A table of small charts over 14 days, a column for each client ({', '.join(clients)}) and a row for each "
        f"number ({', '.join(rows)}), with grey bands for usual days. Most lines stay near their bands; the others are "
        "yours to find. The cell below prints any day as numbers.",
    )

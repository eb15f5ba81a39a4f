"""The page's charts, in viridis colours. Colour never stands alone: line styles, marks and words say the same.

F kernels, K classes. Each function returns a Matplotlib figure for `tinyalex.plots.save`.
"""

from string import ascii_letters

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.ticker import MaxNLocator

from tinyalex.inspection.galleries import WIDTH, words
from tinyalex.lines import drawable
from tinyalex.plots import DARK, MIDDLE, draw_sheet, kernel_sheet, plt

MARKERS = "os^vDPX*<>"
NUMBERED = 25  # classes: numbers in a larger matrix would be unreadable
SHORT_NAME = 8  # letters of a layer's name, such as "spatial2": four fit beside each other below a panel
CONFIDENCE = "confidence: probability of the first answer"
ON_LINE = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # keeps a line from striking out a number


def towers(parts):
    """The first layer's kernels beside their colour selectivity, one row per tower (paper Fig. 3).

    parts: [(title, weight (KH, KW, 3, F), selectivity (F,)), …]
    """
    figure, axes = plt.subplots(
        len(parts), 2, figsize=(WIDTH, 3.6 * len(parts)), layout="constrained", squeeze=False, width_ratios=(1.3, 1)
    )
    for (title, weight, selectivity), (left, right) in zip(parts, axes):
        draw_sheet(left, kernel_sheet(weight))
        left.set_title(title)
        right.bar(range(1, len(selectivity) + 1), np.sort(selectivity), color=MIDDLE, width=0.8)
        right.axhline(selectivity.mean(), color=DARK, ls="--")
        right.text(0.6, selectivity.mean() + 0.02, f"mean {selectivity.mean():.2f}", color=DARK, va="bottom")
        right.set(ylim=(0, 1), xlim=(0.4, len(selectivity) + 0.6), ylabel="colour selectivity")
        right.xaxis.set_major_locator(MaxNLocator(integer=True))
        _plain(right)
    axes[-1, 1].set_xlabel("kernels, the greyest first")
    return figure


def confusions(matrix, names):
    """The confusion matrix as shares of each row. matrix: (K, K) counts;  names: of the K classes."""
    K = len(names)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = min(WIDTH, max(4.5, 1.6 + 0.32 * K))
    figure, axis = plt.subplots(figsize=(side + 0.8, side), layout="constrained")
    image = axis.imshow(shares, cmap="viridis", norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
    small = max(5, 9.5 - 0.09 * K)
    labels = [words(name, 18) for name in names]
    axis.set_xticks(range(K), labels, rotation=90, fontsize=small)
    axis.set_yticks(range(K), labels, fontsize=small)
    axis.set(xlabel="answer", ylabel="right class")
    for true, answer in np.argwhere(matrix) if K <= NUMBERED else ():
        color = "white" if shares[true, answer] < 0.25 else "black"
        axis.text(answer, true, str(matrix[true, answer]), ha="center", va="center", color=color, fontsize=small)
    figure.colorbar(image, label="share of the class's pictures", shrink=0.7, ticks=(0, 0.05, 0.2, 0.5, 1))
    return figure


def class_errors(names, errors, mean):
    """One bar per class, in the order given, and a line at the mean. errors, mean: fractions."""
    figure, axis = plt.subplots(figsize=(WIDTH, 1.1 + 0.24 * len(names)), layout="constrained")
    axis.barh(range(len(names)), 100 * np.asarray(errors), 0.72, color=MIDDLE)
    for place, error in enumerate(errors):
        axis.text(100 * error + 0.7, place, f"{error:.0%}", va="center", fontsize=8.5, bbox=ON_LINE)
    axis.axvline(100 * mean, color=DARK, ls="--", label=f"all pictures: {mean:.1%}")
    axis.set_yticks(range(len(names)), [words(name, 28) for name in names], fontsize=9)
    axis.set(xlim=(0, 107), ylim=(len(names) - 0.4, -0.6), xlabel="wrong answers, %")
    axis.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    _plain(axis)
    return figure


def reliability(rows, ece):
    """The share of right answers by confidence, above the number of pictures.

    rows: (pictures, mean confidence, share right) for equal bins of 0..1, from `tinyalex.calibration.reliability`
    """
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(6.5, 6.2), layout="constrained", sharex=True, height_ratios=(3, 1)
    )
    _reliability(above, rows)
    above.set_title(f"ECE {ece:.3f}")
    edges, counts = np.linspace(0, 1, len(rows) + 1)[:-1], [count for count, *_ in rows]
    below.bar(edges, counts, 1 / len(rows), align="edge", color=MIDDLE, ec="white")
    below.set(xlabel=CONFIDENCE, ylabel="pictures")
    for axis in (above, below):
        _plain(axis)
    return figure


def _reliability(axis, rows):
    """The bars of a reliability diagram, with the diagonal."""
    edges = np.linspace(0, 1, len(rows) + 1)[:-1]
    _, confidence, share = np.array(rows, float).T
    axis.bar(edges, np.nan_to_num(share), 1 / len(rows), align="edge", color=MIDDLE, ec="white", label="right answers")
    axis.plot((0, 1), (0, 1), color="#444444", ls="--", label="perfect calibration")
    axis.plot(confidence, share, color=DARK, marker="o", ls="", clip_on=False, label="bin at its mean confidence")
    axis.set(xlim=(0, 1), ylim=(0, 1), ylabel="share of right answers")
    axis.legend(framealpha=0.85, edgecolor="none", fontsize="small", loc="upper left")


def calibrated(rows, curve, result):
    """Reliability before and after a temperature, and the error of what is answered by how much is.

    rows: [before, after], as of `reliability`;  curve: of `tinyalex.calibration.risk_coverage`
    result: of the command, "ece", "temperature", "threshold", "risk", "answered" of it
    """
    figure, axes = plt.subplots(1, 3, figsize=(1.6 * WIDTH, 4.4), layout="constrained")
    for axis, part, name in zip(axes, rows, ("before", "after")):
        _reliability(axis, part)
        temperature = "" if name == "before" else f", temperature {result['temperature']:.3g}"
        axis.set(title=f"{name}{temperature}: ECE {result['ece'][name]['mean']:.3f}", xlabel=CONFIDENCE)
    last, (_, coverage, risk) = axes[-1], curve
    last.plot(100 * coverage, 100 * risk, color=DARK, drawstyle="steps-post", label="surest pictures first")
    last.axhline(100 * result["risk"], color="#444444", ls="--", label=f"wanted: at most {100 * result['risk']:.4g} %")
    if result["threshold"] is not None:
        share, error = 100 * result["answered"]["share"], 100 * result["answered"]["error"]
        label = f"threshold {result['threshold']:.2%}: {share:.0f} % answered"
        last.plot(share, error, color=MIDDLE, marker="o", ms=9, ls="", clip_on=False, label=label)
    last.set(title="risk against coverage", xlabel="pictures answered, %", ylabel="wrong among these, %")
    last.set(xlim=(0, 100), ylim=(0, max(1, 115 * risk.max(), 130 * result["risk"])))
    last.legend(frameon=False, fontsize="small", loc="upper left")
    for axis in axes:
        _plain(axis)
    return figure


def dead_shares(dead):
    """The share of dead units, one bar per layer. dead: {layer: (dead, units)}."""
    figure, axis = plt.subplots(figsize=(WIDTH * 0.8, 0.9 + 0.36 * len(dead)), layout="constrained")
    for place, (count, units) in enumerate(dead.values()):
        axis.barh(place, 100 * count / units, 0.7, color=MIDDLE)
        axis.text(100 * count / units, place, f" {count} of {units}", va="center", fontsize=9)
    largest = max(count / units for count, units in dead.values())
    axis.set_yticks(range(len(dead)), dead)
    axis.set(xlim=(0, max(5, 125 * largest)), ylim=(len(dead) - 0.4, -0.6))
    axis.set_xlabel("units that are 0 for every picture, %")
    _plain(axis)
    return figure


def course(measures):
    """Measures over training, one panel per measure and one line per layer. A place in the network looks alike in all.

    measures: [(title, label of the axis, whether its scale is logarithmic, {layer: (steps, values)}), …]
    """
    columns = min(2, len(measures))
    rows = -(-len(measures) // columns)
    names = [layer for *_, series in measures for layer in series]
    ncols = 4 if max(map(len, names)) <= SHORT_NAME else 2
    lines = max(-(-len(series) // ncols) for *_, series in measures)
    size = WIDTH, (3.5 + 0.27 * lines) * rows
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for axis in axes.flat[len(measures) :]:
        axis.set_axis_off()
    places = list(dict.fromkeys(_place(layer) for *_, series in measures for layer in series))
    colors = plt.cm.viridis(np.linspace(0, 0.85, len(places)))
    for axis, (title, label, logarithmic, series) in zip(axes.flat, measures):
        for layer, (steps, values) in series.items():
            number = places.index(_place(layer))
            look = {"marker": MARKERS[number % len(MARKERS)], "ls": ("-", "--", ":")[number % 3]}
            look["color"] = colors[number]
            axis.plot(steps, values, ms=4, markevery=(0.03 * number, 0.25), label=layer, **look)
        if logarithmic:
            axis.set_yscale("log", nonpositive="mask")
        axis.set(title=title, xlabel="step", ylabel=label)
        axis.legend(frameon=False, fontsize="small", ncols=ncols, loc="upper center", bbox_to_anchor=(0.5, -0.14))
        axis.grid(alpha=0.25)
    return figure


def by_depth(depths, chance, title):
    """The errors of classifiers on each layer's output, for the trained network and for random weights.

    depths: of `tinyalex.inspection.probe`;  chance: the error of one answer to all pictures
    """
    figure, axis = plt.subplots(figsize=(max(WIDTH, 0.26 * len(depths)), 5.2), layout="constrained")
    places = range(len(depths))
    for kind, color, marker in (("linear", DARK, "o"), ("neighbours", MIDDLE, "s")):
        for weights, dashes, face, which in (("", "-", color, "trained"), ("random ", "--", "white", "random weights")):
            errors = [depth.errors[weights + kind] for depth in depths]
            axis.fill_between(
                places, *([100 * getattr(e, end) for e in errors] for end in ("low", "high")), color=color, alpha=0.12
            )
            label = f"{'linear classifier' if kind == 'linear' else 'nearest neighbours'}, {which}"
            mean = [100 * error.mean for error in errors]
            axis.plot(places, mean, color=color, ls=dashes, marker=marker, mfc=face, ms=5, label=label)
    axis.axhline(100 * chance, color="#444444", ls=":", label="the same answer to all")
    axis.set_xticks(places, [drawable(depth.layer) for depth in depths], rotation=90)
    axis.set(title=title, ylabel="wrong answers, % (95 % intervals)", xlabel="features: the output of")
    axis.set_ylim(0, 100)
    axis.grid(alpha=0.25)
    axis.legend(frameon=False, fontsize="small", ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.24))
    _plain(axis)
    return figure


def robustness(rows, families, clean, title):
    """The error by severity, one panel per family of corruptions and one line per corruption, 0 being no corruption.

    rows: of `tinyalex.inspection.robustness.compared`;  families: {family: corruptions};  clean: its error's `Interval`
    """
    columns = min(2, len(families))
    lines = -(-len(families) // columns)
    size = (WIDTH, 0.6 + 4.1 * lines)
    figure, axes = plt.subplots(lines, columns, figsize=size, layout="constrained", squeeze=False, sharey=True)
    for axis in axes.flat[len(families) :]:
        axis.set_axis_off()
    severities = sorted({row["severity"] for row in rows})
    for axis, (family, names) in zip(axes.flat, families.items()):
        axis.axhspan(100 * clean.low, 100 * clean.high, color=DARK, alpha=0.12, lw=0)
        axis.axhline(100 * clean.mean, color=DARK, ls=":", lw=1)
        for number, name in enumerate(names):
            own = {row["severity"]: row for row in rows if row["corruption"] == name}
            mean = [100 * own[s]["error"] for s in severities]
            ends = np.array([np.multiply(100, own[s]["error_interval"]) for s in severities]).T
            place = np.array(severities) + 0.08 * (number - (len(names) - 1) / 2)  # beside each other
            color = plt.cm.viridis(0.85 * number / max(1, len(names) - 1))
            look = {"color": color, "marker": MARKERS[number], "ls": ("-", "--", ":", "-.")[number % 4], "ms": 5}
            axis.errorbar(place, mean, np.abs(ends - mean), capsize=2, lw=1.3, label=name, **look)
        axis.set(title=family, xlabel="severity", ylim=(0, 100), xlim=(severities[0] - 0.5, severities[-1] + 0.5))
        axis.set_xticks(severities)
        axis.legend(frameon=False, fontsize="small", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.15))
        axis.grid(alpha=0.25)
        _plain(axis)
    for axis in axes[:, 0]:
        axis.set_ylabel("wrong answers, % (95 % intervals)")
    figure.suptitle(f"{title}\ndotted: as they are, {clean.mean:.1%}", fontsize="medium")
    return figure


def _place(layer):
    """A layer's name without its kind: conv1 and relu1 stand at one place."""
    block, _, name = layer.rpartition(".")
    return block, name.lstrip(ascii_letters) or name


def _plain(axis):
    axis.spines[["top", "right"]].set_visible(False)

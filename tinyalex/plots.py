"""Figures of runs and benchmarks. Colours from viridis, safe for colour-blind readers and in greyscale."""

import math
import re
from itertools import cycle

import matplotlib
import numpy as np

matplotlib.use("Agg", force=False)

from matplotlib import pyplot as plt  # noqa: E402 (after the backend is chosen)
from matplotlib.text import Text  # noqa: E402

from tinyalex.files import SOFTWARE, replacing  # noqa: E402
from tinyalex.lines import drawable  # noqa: E402

DARK, MIDDLE = "#440154", "#21918c"  # far apart in lightness, so curves differ in greyscale too


def save(figure, path):
    """Write a figure as PNG, whole or not at all, and close it. In its titles, dollars make no formula.

    The names of ticks are settled only while it is drawn: whoever sets them takes `drawable` and escapes dollars.
    """
    for text in figure.findobj(Text):
        lines = map(drawable, text.get_text().split("\n"))
        text.set_text(re.sub(r"(?<!\\)\$", r"\\$", "\n".join(lines)))
    with replacing(path) as beside:
        figure.savefig(beside, format="png", dpi=110, bbox_inches="tight", facecolor="white", metadata=SOFTWARE)
    plt.close(figure)


def curves(epochs, title):
    """Loss and errors by epoch. epochs: the "epoch" lines of metrics.jsonl."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    draw_loss(axes[0], epochs)
    draw_errors(axes[1], epochs)
    figure.suptitle(title)
    return figure


def draw_loss(axis, epochs):
    """Training and validation loss by epoch on one axis."""
    x = [line["epoch"] for line in epochs]
    axis.plot(x, [line["train_loss"] for line in epochs], color=MIDDLE, ls="--", label="training (augmented, dropout)")
    axis.plot(x, [line["val_loss"] for line in epochs], color=DARK, marker="o", ms=3, label="validation")
    axis.set(title="Loss", xlabel="epoch", ylabel="mean cross-entropy")
    axis.set_ylim(bottom=0)
    _finish(axis)


def draw_errors(axis, epochs):
    """Training top-1, validation top-1 and, if the epochs have it, top-5 error on one axis."""
    x = [line["epoch"] for line in epochs]
    shared = set.intersection(*(set(line) for line in epochs))  # a run of 0.2.0 that goes on has top-5 errors at first
    percent = {key: [100 * line[key] for line in epochs] for key in shared if key.endswith("error")}
    axis.plot(x, percent["train_top1_error"], color=MIDDLE, ls="--", label="training top-1")
    axis.plot(x, percent["val_top1_error"], color=DARK, marker="o", ms=3, label="validation top-1")
    if "val_top5_error" in percent:
        axis.plot(x, percent["val_top5_error"], color=DARK, marker="^", ms=3, ls=":", label="validation top-5")
    axis.set(title="Error", xlabel="epoch", ylabel="wrong answers, %")
    axis.set_ylim(0, 100)
    _finish(axis)


def compared_curves(histories, names):
    """Training and validation error of runs by epoch, one panel each. histories: a list of "epoch" lines for each."""
    figure, axes = plt.subplots(
        1, 2, figsize=(10, 4 + 0.2 * len(names)), layout="constrained", sharex=True, sharey=True
    )
    panels = (("train_top1_error", "Training error (augmented, dropout)"), ("val_top1_error", "Validation error"))
    colors = (DARK, MIDDLE) if len(names) == 2 else matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(names)))
    for axis, (key, title) in zip(axes, panels):
        for epochs, color, dashes, marker in zip(histories, colors, cycle(("-", "--", ":", "-.")), cycle("os^Dv")):
            x, percent = [line["epoch"] for line in epochs], [100 * line[key] for line in epochs]
            axis.plot(x, percent, color=color, ls=dashes, marker=marker, ms=3, clip_on=False)
        axis.set(title=title, xlabel="epoch")
        axis.grid(alpha=0.25)
    axes[0].set_ylabel("wrong top-1 answers, %")
    axes[0].set_ylim(bottom=0)  # the curves set the top, so that small differences show; both panels share the axis
    axes[0].xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    figure.legend(axes[0].lines, names, loc="outside lower center", frameon=False)  # below: paths may be long
    return figure


def rates(test, title):
    """The loss at each rate of a `RangeTest`, smoothed and as it was, with the suggested rate."""
    figure, axis = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
    axis.plot(test.rates, test.losses, color=MIDDLE, alpha=0.4, lw=1, label="loss of a step")
    axis.plot(test.rates, test.smooth, color=DARK, label="smoothed")
    if test.suggestion:
        axis.axvline(test.suggestion, color="#444444", ls="--", label=f"suggested: {test.suggestion:g}")
    axis.set(title=title, xlabel="rate, rising from step to step", ylabel="mean −log p(right class)", xscale="log")
    reach = max(test.smooth[0], 1e-9)  # a last step far up would flatten the rest
    axis.set_ylim(min(test.smooth) - 0.1 * reach, min(max(test.smooth), 1.4 * reach))
    axis.grid(alpha=0.25)
    axis.legend(frameon=False, fontsize="small")
    return figure


def batch(pictures, names, title):
    """Pictures of a batch in a grid, each above its class. pictures: uint8 (N, T, T, 3);  names: N, of 1 or 2 lines"""
    columns = math.ceil(math.sqrt(1.6 * len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    figure = plt.figure(figsize=(max(columns, 5), 1.2 * rows + 0.5))
    for n, (picture, name) in enumerate(zip(pictures, names)):
        row, column = divmod(n, columns)
        # by hand: Matplotlib's own layout takes minutes for hundreds of small axes
        width, height = 1 / figure.get_figwidth(), 1.2 / figure.get_figheight()
        axis = figure.add_axes(
            (column * width, 1 - 0.45 / figure.get_figheight() - (row + 0.82) * height, 0.95 * width, 0.8 * height)
        )
        axis.imshow(picture, interpolation="nearest")
        axis.set_axis_off()
        size = 6 if "\n" in name else 7  # two lines fit above the next row
        axis.text(0.5, -0.03, name, transform=axis.transAxes, ha="center", va="top", fontsize=size, linespacing=1)
    figure.suptitle(title, x=0.01, y=1 - 0.1 / figure.get_figheight(), ha="left", va="top", fontsize=11)
    return figure


def kernels(weight, title):
    """The first layer's kernels as small colour pictures (paper Fig. 3). weight: (KH, KW, 3, F)."""
    sheet = kernel_sheet(weight)
    figure, axis = plt.subplots(figsize=(7, 7 * sheet.shape[0] / sheet.shape[1] + 0.5), layout="constrained")
    draw_sheet(axis, sheet)
    axis.set_title(title)
    return figure


def kernel_sheet(weight):
    """Kernels (KH, KW, 3, F) laid out in a grid with white seams: float32 (rows, columns, 3) in 0..1.

    Each kernel is scaled by its own largest absolute value, so 0 is mid-grey and weak kernels can be seen.
    """
    KH, KW, C, F = weight.shape
    columns = next(n for n in range(math.ceil(math.sqrt(F)), F + 1) if F % n == 0)  # 96: 12, as in the paper's Fig. 3
    rows = F // columns
    sheet = np.full((rows * (KH + 1) + 1, columns * (KW + 1) + 1, C), 1.0, np.float32)
    for f in range(F):
        top, left = (f // columns) * (KH + 1) + 1, (f % columns) * (KW + 1) + 1
        kernel = weight[..., f]
        sheet[top : top + KH, left : left + KW] = 0.5 + 0.5 * kernel / max(np.abs(kernel).max(), 1e-12)
    return sheet


def draw_sheet(axis, sheet):
    """Draw a picture with sharp pixels and without axes."""
    axis.imshow(sheet, interpolation="nearest")
    axis.set_axis_off()


def overview(epochs, weight, title):
    """Error curves beside the first layer's kernels, in one figure."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", width_ratios=(1.15, 1))
    draw_errors(axes[0], epochs)
    draw_sheet(axes[1], kernel_sheet(weight))
    axes[1].set_title("What the first layer looks for")
    figure.suptitle(title)
    return figure


def speeds(results, machine):
    """Images/s of tinyalex and PyTorch's fastest side as bars, one panel per network. results: of `tinyalex bench`."""
    N = len(results)
    figure, axes = plt.subplots(N, 1, figsize=(8, 1.2 + 2.5 * N), layout="constrained", squeeze=False)
    for axis, result in zip(axes[:, 0], results):
        draw_speeds(axis, result)
    axes[-1, 0].set_xlabel("images/s (longer is faster; each network has its own scale)", fontsize=11)
    against = "tinyalex against PyTorch" if results[0]["torch_train_fastest"] else "tinyalex"
    figure.suptitle(f"Images per second: {against}, medians", fontsize=15)
    figure.supxlabel(machine, fontsize=8, color="#444444")
    return figure


def draw_speeds(axis, result):
    """Bars of each kind of work on one axis: ours, above PyTorch's fastest with the ratio if that was measured."""
    works = [("training", "train"), ("inference", "infer"), ("one picture\nat a time", "one")]
    longest = max(result[f"{side}{key}_images_per_s"] or 0 for _, key in works for side in ("", "torch_"))
    for place, (_, key) in enumerate(works):
        ours, theirs = result[f"{key}_images_per_s"], result[f"torch_{key}_images_per_s"]
        ratio = result[f"{key}_ratio"]
        at, height = (place - 0.2, 0.38) if theirs else (place, 0.6)
        text = f" {_rate(ours)}" + (f"  tinyalex, {ratio:.2f} × PyTorch" if ratio else "")
        axis.barh(at, ours, height, color=DARK)
        axis.text(ours, at, text, va="center", fontsize=12, weight="bold")
        if theirs:
            axis.barh(place + 0.2, theirs, 0.38, color=MIDDLE)
            text = f" {_rate(theirs)}  PyTorch: {result[f'torch_{key}_fastest']}"
            axis.text(theirs, place + 0.2, text, va="center", fontsize=11)
    axis.set_yticks(range(len(works)), [name for name, _ in works], fontsize=12)
    axis.set_ylim(len(works) - 0.5, -0.5)  # the first above
    room = 1.8 if result["torch_train_fastest"] else 1.15
    axis.set_xlim(0, room * longest)  # room for the words behind the longest bar
    lrn = "" if result["lrn"] else ", no LRN"
    tf32 = "" if result["tf32"] is None else f", TF32 {'on' if result['tf32'] else 'off'}"
    axis.set_title(f"{result['model']}, batch {result['batch']}{lrn}{tf32}", loc="left", fontsize=12)
    axis.spines[["top", "right"]].set_visible(False)


def _rate(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _finish(axis):
    axis.grid(alpha=0.25)
    axis.legend(frameon=False, fontsize="small")
    axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))

"""One picture of all predictions: images/s by workers, one panel per link."""

from matplotlib import pyplot as plt
from matplotlib.ticker import NullFormatter

from tinyalex.plots import DARK, MIDDLE

LINES = {"data": (DARK, "-", "o"), "hybrid": (MIDDLE, "--", "s"), "towers": ("#7ad151", ":", "^")}


def speeds_by_workers(links, title):
    """A figure of images/s by workers; a ring marks where a form stops paying. links: as in the result of `scale`"""
    size = max(1.5 + 3.6 * len(links), 6.5), 4.6
    figure, axes = plt.subplots(1, len(links), figsize=size, layout="constrained", sharey=True, squeeze=False)
    for axis, link in zip(axes[0], links):
        draw_speeds(axis, link)
    axes[0, 0].set_ylabel("images/s")
    low, high = axes[0, 0].get_ylim()
    axes[0, 0].yaxis.set_major_formatter("{x:,.0f}")  # for all panels, since they share the axis
    axes[0, 0].yaxis.set_minor_formatter("{x:,.0f}" if high < 10 * low else NullFormatter())
    handles, labels = axes[0, 0].get_legend_handles_labels()
    handles.append(plt.Line2D([], [], ls="", marker="o", ms=11, mfc="none", mec="black"))
    labels.append("stops paying")
    figure.legend(handles, labels, loc="outside lower center", frameon=False, ncols=len(labels))
    figure.suptitle(title, fontsize=12)
    return figure


def draw_speeds(axis, link):
    """Draw one link, both axes logarithmic, beside the speed of workers that never wait."""
    sizes = [row["workers"] for row in link["forms"]["data"]["rows"]]
    alone = link["forms"]["data"]["rows"][0]["images_per_s"]
    axis.plot(sizes, [alone * size for size in sizes], color="#999999", lw=1, label="perfect scaling")
    for form, result in link["forms"].items():
        color, dashes, marker = LINES[form]
        rows = result["rows"]
        points = [row["workers"] for row in rows], [row["images_per_s"] for row in rows]
        axis.plot(*points, color=color, ls=dashes, marker=marker, ms=5, label=form)
        for row in rows:
            if row["workers"] == result["stops_paying"]:
                axis.plot(row["workers"], row["images_per_s"], "o", ms=13, mfc="none", mec=color, mew=1.5)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log", base=10)
    shown = sizes[:: 1 if len(sizes) < 8 else 2]
    axis.set_xticks(shown, [f"{size:,}" for size in shown])
    axis.set_xlabel("workers")
    axis.set_title(link["title"], fontsize=10)
    axis.grid(alpha=0.25)

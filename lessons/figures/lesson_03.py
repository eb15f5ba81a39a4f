"""The figures of lesson 03."""

from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE
from tinyalex.teaching import show


def show_losses(one, other):
    """The training loss of nets A and B by step."""
    figure, axis = plt.subplots(figsize=(7, 3))
    axis.plot(one, color=DARK, lw=2)
    axis.plot(other, color=MIDDLE, lw=2, ls="--")
    axis.text(len(one) + 2, one[-1] + 0.1, "net A", color=DARK, va="center")
    axis.text(len(other) + 2, other[-1] - 0.1, "net B", color=MIDDLE, va="center")
    axis.set(title="Both learn. One of them computes a wrong gradient", xlabel="step", ylabel="training loss")
    axis.set_ylim(0, None)
    axis.spines[["top", "right"]].set_visible(False)
    show(
        figure,
        alt="Training loss over the steps for nets A and B: both curves fall smoothly from the same start, one a "
        "little faster than the other, and nothing in either looks broken.",
    )


def show_steps(steps, double, one_sided, single):
    """The error of a sine's slope by step: central in float64, one-sided in float64, central in float32."""
    figure, axis = plt.subplots(figsize=(7, 3.4))
    axis.loglog(steps, double, color=DARK, marker="o", label="central, float64")
    axis.loglog(steps, one_sided, color=DARK, marker="^", ls=":", label="one-sided, float64")
    axis.loglog(steps, single, color=MIDDLE, marker="s", ls="--", label="central, float32")
    axis.annotate("too large:\nh²·f‴/6", (1.2e-2, 1e-11), ha="center", fontsize=9)
    axis.annotate("too small:\nrounding", (3e-13, 1e-11), ha="center", fontsize=9)
    axis.invert_xaxis()
    axis.set(title="The best step lies between two errors", xlabel="h (smaller to the right)")
    axis.set(ylabel="error of the slope of a sine", ylim=(1e-13, 1e3))
    axis.legend(frameon=False, fontsize=8, loc="upper left", ncols=3)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    show(
        figure,
        alt="Error of a numerical slope against the step h, both axes logarithmic: three V-shaped curves. Central "
        "differences in float64 reach down to about 1e-11 near h = 1e-5, one-sided ones to about 1e-8, and float32 "
        "never gets below about 1e-5.",
    )


def show_suspects(errors):
    """The error of each layer on one line. errors: {name: layer_error}"""
    figure, axis = plt.subplots(figsize=(7, 2.8))
    order = sorted(errors, key=errors.get)
    for place, name in enumerate(order):
        wrong = not errors[name] < 1e-6
        colour = DARK if wrong else MIDDLE
        axis.plot([1e-13, errors[name]], [place, place], color=colour, lw=2, ls="-" if wrong else ":")
        axis.plot(errors[name], place, color=colour, marker="X" if wrong else "o", ms=9)
    axis.axvline(1e-6, color="grey", lw=1)
    axis.text(1.5e-6, 0, "where we draw the line", va="center", fontsize=9)
    axis.set_xscale("log")
    axis.set(xlim=(1e-13, 1e3), ylim=(-0.6, len(order) - 0.4))
    axis.set_yticks(range(len(order)), order)
    axis.set(title="Right (dots) and wrong (crosses) lie many decades apart", xlabel="layer_error")
    axis.spines[["top", "right"]].set_visible(False)
    show(
        figure,
        alt="The error of six layers on a logarithmic axis: linear, tanh and row_max lie near 1e-10, marked by dots, "
        "far to the left of a line at 1e-6; pairs, relu and unit_rows lie near 1, marked by crosses, far to the right "
        "of it.",
    )

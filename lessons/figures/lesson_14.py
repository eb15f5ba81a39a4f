"""The figures of lesson 14. A run: {"epochs": [lines of its log], "step_losses": [the training loss of each step]}."""

import numpy as np
from matplotlib import pyplot as plt

from tinyalex.plots import DARK, MIDDLE, draw_errors, draw_loss
from tinyalex.teaching import show


def show_healthy(run):
    """The loss and the errors of a run by epoch."""
    figure, panels = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
    draw_loss(panels[0], run["epochs"])
    draw_errors(panels[1], run["epochs"])
    panels[0].legend(["training", "validation"], frameon=False, fontsize="small")
    panels[1].set_title("Error: a guesser has 95 %, top-5 75 %")
    show(
        figure,
        alt="Two panels over 12 epochs: training and validation loss lie level at about 3 for three epochs, then fall "
        "together, validation below training; the errors fall in the same way, the top-5 error first.",
    )


def show_rates(tried, losses, moved, guessing):
    """Loss and update-to-weight ratio against the rate. guessing: a guesser's loss"""
    figure, panels = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
    panels[0].semilogx(tried, losses, color=DARK)
    panels[0].axhline(guessing, color=MIDDLE, ls="--")
    panels[0].text(tried[0], guessing + 0.03, "guessing: ln K", fontsize=9)
    panels[0].set(title="The loss falls, then breaks", xlabel="rate", ylabel="loss (running mean)")
    panels[0].set(ylim=(losses.min() - 0.2, 4))
    panels[1].loglog(tried, moved, color=DARK)
    panels[1].axhline(1e-3, color=MIDDLE, ls="--")
    panels[1].text(tried[-1], 1.2e-3, "1/1000", fontsize=9, ha="right")
    panels[1].set(title="Update to weight, conv2", xlabel="rate", ylabel="‖Δw‖ / ‖w‖")
    show(
        figure,
        alt="Two curves against the rate on a logarithmic axis: the loss falls slowly below ln K, and shoots up at the "
        "largest rates; the update-to-weight ratio first sinks, then grows with the rate from below a thousandth to "
        "far above it.",
    )


def show_drops(log, drops):
    """Errors and update-to-weight ratio by epoch. drops: epochs at whose start the rate fell"""
    figure, panels = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
    epochs = [line["epoch"] for line in log]
    for key, style, color, name in (
        ("train_top1_error", "--", MIDDLE, "training"),
        ("val_top1_error", "-", DARK, "validation"),
        ("val_top5_error", ":", DARK, "validation, top-5"),
    ):
        panels[0].plot(epochs, [100 * line[key] for line in log], style, color=color, label=name)
    panels[0].set(title="Errors, %: the drop sets them free", xlabel="epoch", ylim=(0, 100))
    panels[0].legend(frameon=False, fontsize=8)
    panels[1].semilogy(epochs, [line["ratio"] for line in log], color=DARK)
    panels[1].set(title="Update to weight, conv2", xlabel="epoch", ylabel="‖Δw‖ / ‖w‖")
    for panel in panels:
        for epoch in drops:
            panel.axvline(epoch - 0.5, color="grey", lw=1)
    show(
        figure,
        alt="Left, errors over 20 epochs: they stall high up until the rate is dropped, marked by a grey line, and "
        "then fall at once; right, the update-to-weight ratio, which falls by about ten at each drop.",
    )


def show_losses(runs):
    """Training and validation loss by epoch, one panel for each run. runs: {name: run}"""
    figure, panels = plt.subplots(2, 3, figsize=(7, 4), layout="constrained", sharex=True)
    for panel, (name, run) in zip(panels.flat, _healthy_first(runs)):
        epoch, train, val = ([line[key] for line in run["epochs"]] for key in ("epoch", "train_loss", "val_loss"))
        panel.plot(epoch, train, "--", color=MIDDLE, label="training")
        panel.plot(epoch, val, color=DARK, label="validation")
        panel.axhline(np.log(20), color="grey", lw=0.7)
        level = np.ptp([train, val]) < 0.5
        panel.set(title=name + (" (enlarged)" if level else ""), ylim=(2.8, 3.2) if level else (0, None))
    panels[0, 0].legend(frameon=False, fontsize=8)
    figure.supxlabel("epoch", fontsize=10)
    figure.supylabel("loss (grey: ln 20)", fontsize=10)
    show(
        figure,
        alt="Six small panels of training and validation loss over 12 epochs. Healthy: both fall. Amber: training "
        "falls, validation jumps up and down on its way. Birch: both level. Cedar: both level, training above. Dusk: "
        "training falls while validation climbs. Ember: both dip below the grey line about epoch 4, jump above it, "
        "and stay on it.",
    )


def show_steps(runs):
    """The training loss of every step, one panel for each run. runs: {name: run}"""
    figure, panels = plt.subplots(2, 3, figsize=(7, 3.6), layout="constrained", sharex=True)
    for panel, (name, run) in zip(panels.flat, _healthy_first(runs)):
        losses = run["step_losses"]
        panel.semilogx(np.arange(1, len(losses) + 1), losses, color=DARK, lw=0.7)
        panel.axhline(np.log(20), color="grey", lw=0.7)
        level = np.ptp(losses) < 2
        panel.set(title=name + (" (enlarged)" if level else ""), ylim=(2, 4) if level else (0, None))
    figure.supxlabel("step (logarithmic)", fontsize=10)
    figure.supylabel("training loss of the step", fontsize=10)
    show(
        figure,
        alt="Six small panels with the training loss of every step: healthy, amber and dusk are level for a hundred "
        "steps and then fall alike; birch never leaves ln 20; cedar swings widely in its first ten steps, then hangs "
        "above ln 20; ember is restless, dips, and comes back.",
    )


def _healthy_first(runs):
    return sorted(runs.items(), key=lambda item: item[0] != "healthy")

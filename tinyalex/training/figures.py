"""The pictures that a run leaves beside its numbers: its curves, and the kernels of its first layer."""

from typing import Any

from tinyalex import plots
from tinyalex.backend import to_host
from tinyalex.training.trainer import Trainer


def first_kernels(trainer: Trainer) -> list[Any]:
    """[all kernels of the first convolution over colours, (KH, KW, 3, F)]; [] without one. Every worker must ask."""
    over_colours = [{n: p} for n, p in trainer.network.params.items() if p.ndim == 4 and p.shape[2] == 3][:1]
    with trainer.average.in_place():
        return [to_host(p).copy() for arrays in over_colours for p in trainer.whole.joined(arrays).values()]


def draw_run(trainer: Trainer, weight: Any = None) -> None:
    """Draw the run's figures into its folder: three or, without kernels, only the curves.

    weight: the array of `first_kernels`, or None
    """
    folder, title = trainer.folder, f"{trainer.config.model} on {trainer.dataset.name}"
    epochs = trainer.progress.history
    plots.save(plots.curves(epochs, title), folder.path / "curves.png")
    if weight is None:
        return
    plots.save(
        plots.kernels(weight, f"The {weight.shape[-1]} kernels of the first layer, {title}"),
        folder.path / "kernels.png",
    )
    plots.save(plots.overview(epochs, weight, title), folder.path / "overview.png")

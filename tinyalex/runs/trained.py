"""Trained networks: read from runs or checkpoints, with the validation pictures to evaluate them on."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tinyalex.backend import array_module, to_device
from tinyalex.composite import layer_of
from tinyalex.data import open_validation, outline
from tinyalex.data.augment import View
from tinyalex.data.dataset import Split
from tinyalex.errors import UserError
from tinyalex.layers import Layer
from tinyalex.locks import Busy
from tinyalex.models.model import Model
from tinyalex.network import Network
from tinyalex.runs.checkpoint import Checkpoint, copy_into, expect_file, load_checkpoint, load_info
from tinyalex.runs.config import model_of
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.places import find_data
from tinyalex.terminal import how_to_resume, say


@dataclass(frozen=True)
class Run:
    """A trained network on its device.

    path: the run folder or checkpoint that was given;  file: the checkpoint;  info: its JSON values
    """

    path: Path
    file: Path
    network: Network
    view: View
    info: dict

    @property
    def note(self) -> str:
        """A line if this is not the best epoch of a run folder, as one expects; else ""."""
        return _note(self.path, self.file)

    def check_answers(self, p: Any) -> None:
        """UserError unless the network's probabilities `p` are numbers: weights may be NaN, or overflow."""
        if not array_module(p).isfinite(p).all():
            raise UserError(f"{self.file}: found NaN among the network's answers, expected probabilities")

    def own_data(self) -> str:
        """The name of the data that the network was trained on. UserError if they are not found."""
        try:
            about = RunFolder.open(self.path).about()  # the best epoch may be older than the last move of the data
        except UserError:  # a checkpoint by itself, or a damaged folder
            about = self.info
        return find_data(about, self.file.parent)


def open_runs(
    paths: Sequence[str | Path], xp: ModuleType, data: str | None = None, quiet: bool = False
) -> tuple[list[Run], str, Split]:
    """([a `Run` for each of `paths`], the data's name, its validation `Split`). Memory: all weights at once.

    data: a prepared folder or "builtin"; None: the first run's training data
    UserError, before any picture is read, unless all networks and the data have the same classes in the same order, and
    pictures of the same size; before any network is read, if a path is wrong or comes twice.
    """
    _refuse_twins(paths, [find_checkpoint(path, quiet=True) for path in paths])
    if data:
        outline(data)
    runs = [open_run(path, xp, quiet) for path in paths]
    first, data = runs[0], data or runs[0].own_data()
    for run in runs[1:]:
        _check_classes(run, first.info["class_ids"], first.file)
    split, class_ids, size = open_validation(data, quiet=quiet)
    for run in runs:
        check_fits(run, data, class_ids, size)
    return runs, data, split


def _refuse_twins(paths, files):
    """UserError if two paths lead to the same checkpoint file."""
    seen = {}
    for path, file in zip(paths, files):
        if other := seen.get(file.resolve()):
            raise UserError(f"found {path} beside {other}, the same checkpoint; expected another network")
        seen[file.resolve()] = path


def open_run(path, xp, quiet=False):
    """The `Run` of a folder's best checkpoint, or of one file."""
    network, view, info, file = load_network(path, xp, quiet)
    return Run(Path(path), file, network, view, info)


def history(run: Run) -> list[dict]:
    """The epochs of a run: all in its folder, or those that led to a single checkpoint."""
    lines = RunFolder(run.path).read_metrics("epoch") if run.path.is_dir() else []
    return lines or run.info["state"]["history"]


def check_fits(run, data, class_ids, size):
    """UserError unless the data named `data` have the network's classes, and pictures of its size."""
    check_size(run, data, size)
    _check_classes(run, class_ids, data)


def check_size(run, data, size):
    """UserError unless the data named `data` have pictures of the network's size."""
    if size != run.view.size:
        raise UserError(f"{run.file}: expects pictures of {run.view.size} pixels, {data} has {size}")


def _check_classes(run, class_ids, other):
    """UserError unless `class_ids`, from `other`, equal the run's own, in the same order."""
    known = run.info["class_ids"]
    if list(class_ids) != known:
        raise UserError(
            f"{run.file}: knows {len(known)} classes, {other} has {len(class_ids)}, "
            "and they are not the same ones in the same order"
        )


# ---------------------------------------------------------------------------------------------- from a checkpoint


def restore_network(checkpoint: Checkpoint, where: str | Path) -> tuple[Network, View]:
    """(network, view) on the CPU from a `Checkpoint`. UserError if it does not fit the model that it names."""
    info = checkpoint.info
    model = model_of(info["model"], info["config"].get("network"), str(where))
    classes = len(info["class_ids"])
    if not any(array.ndim > 1 and array.shape[-1] == classes for array in checkpoint.params.values()):
        raise UserError(f"{where}: knows {classes:,} classes, but no parameters have this many")
    view = _view(checkpoint, model, where)
    network = model.build(classes)
    copy_into(network.params, checkpoint.params, where)
    copy_into(network.state, checkpoint.state, where)
    return network, view


def _view(checkpoint, model, where):
    """How the network looks at pictures. UserError unless that is how its model does, with finite numbers."""
    arrays, S = checkpoint.view, model.size
    shapes = {"mean": (S, S, 3), "color_eigenvalues": (3,), "color_eigenvectors": (3, 3)}
    copy_into({name: np.empty(shape, np.float32) for name, shape in shapes.items()}, arrays, where)
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise UserError(f"{where}: {name} holds NaN or infinity, expected numbers")
    if checkpoint.info["crop"] != model.crop:
        raise UserError(f"{where}: crop: found {checkpoint.info['crop']}, expected {model.crop}, as {model.name} has")
    scale = checkpoint.info["scale"]
    return View(checkpoint.info["crop"], tuple(scale) if isinstance(scale, list) else scale, **arrays)


def find_checkpoint(path: str | Path, quiet: bool = False) -> Path:
    """The best checkpoint of a run folder, or the last if it holds no best, which is said; any other path as it is."""
    path = Path(path)
    if not path.is_dir():
        expect_file(path)
        return path
    folder = RunFolder.open(path)
    file = folder.best if folder.best.exists() else folder.last
    if not file.exists():
        if who := folder.holder():
            raise Busy(f"{path}: holds no checkpoint yet, is being written by {who}; wait for its first epoch")
        ended = folder.diverged()
        why = f"its training ended at {ended}" if ended else f"go on with: {how_to_resume(folder.path)}"
        raise UserError(f"{folder.path}: holds no checkpoint{'' if ended else ' yet'}; {why}")
    if note := _note(path, file):
        say(note, quiet)
    return file


def _note(path, file):
    """A line if `file`, found for a run folder `path`, is not its best checkpoint; else ""."""
    folder = RunFolder(path)
    return f"{path}: holds no {folder.best.name}; {file.name} is used, the last epoch" if file == folder.last else ""


def model_of_run(path: str | Path) -> Model:
    """The model of a run folder or checkpoint. UserError if there is no such run."""
    file = find_checkpoint(path, quiet=True)
    info = load_info(file)
    return model_of(info["model"], info["config"].get("network"), str(file))


def begin_with(
    network: Layer,
    path: str | Path,
    class_ids: Sequence[str],
    part: Callable[[dict], dict],
    quiet: bool = False,
    layers: Collection[str] | None = None,
) -> None:
    """Copy a trained network's parameters and state into `network`, in place.

    The last layer is copied only if the classes are the same.
    path: a run folder or a checkpoint;  class_ids: the classes of `network`, in order
    part: whole arrays by name → the part that `network` holds
    layers: the names of those to copy, blocks too; None: all
    UserError if another layer differs in name or shape: then it is another net.
    """
    file = find_checkpoint(path, quiet)
    checkpoint = load_checkpoint(file)
    *_, last = map(layer_of, network.params)
    skipped = "" if checkpoint.info["class_ids"] == list(class_ids) else last

    def copied(name):
        return layer_of(name) != skipped and (layers is None or name.partition(".")[0] in layers)

    for own, found in ((network.params, checkpoint.params), (network.state, checkpoint.state)):
        target, source = ({n: a for n, a in arrays.items() if copied(n)} for arrays in (own, found))
        copy_into(target, part(source), file)


def load_network(path: str | Path, xp: ModuleType, quiet: bool = False) -> tuple[Network, View, dict[str, Any], Path]:
    """(network, view, info, file) of a run folder, by `find_checkpoint`, or of a checkpoint."""
    path = find_checkpoint(path, quiet)
    checkpoint = load_checkpoint(path)
    network, view = restore_network(checkpoint, path)
    network.map_arrays(lambda a: to_device(a, xp))
    return network, view.to(xp), checkpoint.info, path

"""Trained networks opened side by side, with the pictures that all of them are to be judged on."""

from dataclasses import dataclass
from pathlib import Path

from tinyalex.data import open_validation
from tinyalex.data.augment import View
from tinyalex.errors import UserError
from tinyalex.network import Network
from tinyalex.runs.folder import load_network


@dataclass(frozen=True)
class Run:
    """A trained network on its device.

    path: as it was asked for, a run folder or a checkpoint;  file: the checkpoint;  info: all that it says of itself
    """

    path: Path
    file: Path
    network: Network
    view: View
    info: dict


def open_runs(paths, xp, data=None, quiet=False):
    """(a `Run` for each of `paths`, the data's name, its validation `Split`); memory: all weights at once.

    data: a prepared folder or "builtin"; without it what the first run was trained on
    UserError before any picture is looked at, where the networks do not know the same classes in the same order, or the
    data have other classes or pictures of another size.
    """
    runs = [open_run(path, xp) for path in paths]
    first, data = runs[0], data or runs[0].info["config"]["data"]
    for run in runs[1:]:
        _check_classes(run, first.info["class_ids"], first.file)
    split, class_ids, size = open_validation(data, quiet=quiet)
    for run in runs:
        check_fits(run, data, class_ids, size)
    return runs, data, split


def open_run(path, xp):
    """The `Run` of a folder's best checkpoint, or of one file."""
    network, view, info, file = load_network(path, xp)
    return Run(Path(path), file, network, view, info)


def check_fits(run, data, class_ids, size):
    """UserError where the data of that name have not the pictures or the classes that the network knows."""
    if size != run.view.size:
        raise UserError(f"{run.file}: expects pictures of {run.view.size} pixels, {data} has {size}")
    _check_classes(run, class_ids, data)


def _check_classes(run, class_ids, other):
    """UserError unless `class_ids`, those of `other`, are the run's own, in the same order."""
    known = run.info["class_ids"]
    if list(class_ids) != known:
        raise UserError(
            f"{run.file}: knows {len(known)} classes, {other} has {len(class_ids)}, "
            "and they are not the same ones in the same order"
        )

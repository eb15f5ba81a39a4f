"""A run folder for a network that was trained elsewhere, so that every command takes it like one trained here."""

from os import PathLike
from typing import Any

import numpy as np

from tinyalex.data.augment import ARRAYS, View, flat_mean
from tinyalex.exchange.classes import known_classes, read_classes
from tinyalex.exchange.foreign import Foreign
from tinyalex.models import written
from tinyalex.runs.checkpoint import Checkpoint, check_info
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder, versions


def save_foreign(
    foreign: Foreign, source: str | PathLike, classes: str | PathLike | None = None, out: str | PathLike | None = None
) -> dict[str, Any]:
    """Write a run folder, and return what is in it, as JSON values.

    source: the file that the network came from;  classes: what names its classes (see `exchange.classes`)
    out: the folder; None: the first free one of runs/NAME-1, -2, …
    UserError, before anything is written, if the folder is in use, for classes that are not as many as the scores, and
    for what no checkpoint may hold, such as names of 10,000 letters or blocks too deep in each other.
    """
    folder, network = RunFolder.fresh(out, None if out else foreign.name), foreign.network
    notes = list(foreign.notes)
    if classes is not None:
        ids, names = read_classes(classes, network.num_classes)
    elif foreign.class_ids and foreign.class_names:
        ids, names = list(foreign.class_ids), list(foreign.class_names)
    else:
        (ids, names), note = known_classes(network.num_classes, foreign.name)
        notes.append(note)
    values, view = written.write(network, foreign.size, foreign.mean, foreign.scale), foreign.view or _view(foreign)
    config = Config.for_model(written.read(values, foreign.name), data="").to_dict()
    about = {"config": config, "fingerprint": "", "versions": versions()}
    about |= {"imported": {"file": str(source), "notes": notes}}
    info = {"model": foreign.name, "class_ids": ids, "class_names": names, "crop": values["crop"]}
    info |= {"scale": view.scale, "state": {"epoch": 0, "history": []}} | about
    arrays = {name: getattr(view, name) for name in ARRAYS}
    check_info(info, source if classes is None else classes)
    with folder.held():
        folder.save(folder.best, Checkpoint(network.params, {}, arrays, info, network.state))
        folder.write_json("config.json", about)
    return {
        "run": str(folder.path),
        "file": str(source),
        "model": foreign.name,
        "parameters": sum(array.size for array in network.params.values()),
        "classes": len(names),
        "some_classes": names if len(names) <= 4 else [*names[:2], names[-1]],
        "size": foreign.size,
        "crop": values["crop"],
        "mean": values["mean"],
        "scale": values["scale"],
        "notes": notes,
    }


def _view(foreign):
    """How a network of another library looks at pictures; the principal components of its training data are unknown."""
    nothing = np.zeros(3, "float32"), np.eye(3, dtype="float32")
    return View(foreign.in_shape[0], foreign.scale, flat_mean(foreign.mean, foreign.size), *nothing)

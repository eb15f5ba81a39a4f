"""tinyalex from Python: train a network, load one, ask it about pictures.

    from tinyalex import load, open_dataset, train

    classifier = train("builtin", model="alexnet-mini", epochs=10, out="runs/mine")  # as `tinyalex train`
    classifier.evaluate()                                 # Evaluation(top1_error=…, top5_error=…, loss=…, images=…)
    picture = open_dataset("builtin").val.gather([0])[0]  # or one of yours, "cat.jpg"
    for answer in load("runs/mine").predict(picture):     # the likeliest first
        print(f"{answer.probability:.1%} {answer.name}")

A mistake that the caller can mend is a `UserError` whose text is one line: what was found, and what was expected.
"""

from inspect import signature
from os import PathLike
from typing import Any

import tinyalex.data
from tinyalex.backend import choose_device
from tinyalex.classifier import Classifier
from tinyalex.data import outline
from tinyalex.errors import UserError, did_you_mean
from tinyalex.exchange.imported import save_foreign
from tinyalex.exchange.reading import read_foreign
from tinyalex.programs import called_by_programs
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.places import find_data
from tinyalex.runs.trained import open_run
from tinyalex.terminal import how_to_resume
from tinyalex.training.checks import check_settings
from tinyalex.training.settings import SETTINGS, choose_settings
from tinyalex.training.trainer import Stopped, Trainer, go_on, start

open_dataset = called_by_programs(tinyalex.data.open_dataset)


@called_by_programs
def load(run: str | PathLike, device: str = "auto") -> Classifier:
    """A trained network from a run folder (its best epoch) or from one checkpoint (.safetensors).

    run: such as "runs/first", as `train` wrote it;  device: "cpu", "gpu" or "auto" (a GPU if there is one)
    UserError if there is no such run, if it is damaged, or without that device.

    >>> load("runs/first").predict("cat.jpg")
    """
    xp = choose_device(device)
    return Classifier(open_run(run, xp), xp)


@called_by_programs
def import_network(
    file: str | PathLike,
    model: str | None = None,
    classes: str | PathLike | None = None,
    out: str | PathLike | None = None,
    device: str = "auto",
    pictures: str | None = None,
    crop: int | None = None,
) -> Classifier:
    """Make a run of a network that was trained elsewhere, as `tinyalex import` does; its `Classifier`.

    file: PyTorch's weights, safetensors or ONNX;  model: such as "vgg-small", if the weights are not recognised
    classes: names of the classes, a text file or a prepared folder;  out: the run folder to write
    pictures, crop: of an ONNX file (see `tinyalex.exchange.onnx_in.read_onnx`)
    UserError, before anything is written, if the file is damaged or holds something else.

    >>> import_network("alexnet-owt-7be5be79.pth").predict("cat.jpg")
    """
    xp = choose_device(device)
    foreign = read_foreign(file, model, pictures, crop)
    return Classifier(open_run(save_foreign(foreign, file, classes, out)["run"], xp), xp)


@called_by_programs
def train(
    data: str | PathLike | None = None,
    model: str | None = None,
    out: str | PathLike | None = None,
    recipe: str | PathLike | None = None,
    device: str = "auto",
    quiet: bool = False,
    **settings: Any,
) -> Classifier:
    """Train a new network to its end, as `tinyalex train` does; the `Classifier` of its best epoch.

    data: "builtin", the default, or a folder that `tinyalex prepare` wrote
    model: such as "alexnet-small", the default;  recipe: settings from a file, for data that must then be named
    out: the run folder to write; by default the next free runs/MODEL-N
    device: as of `load`;  quiet: nothing on stderr
    settings: epochs, batch, lr, schedule, seed, … (see `tinyalex.runs.config.Config`); others are the model's own
    UserError for a mistake in these, before anything is written, and if the loss stops being a number.
    The first Ctrl-C saves the run and raises KeyboardInterrupt; `resume` continues it.

    >>> classifier = train("builtin", model="alexnet-mini", epochs=3, lr=0.02, out="runs/mine")
    """
    _refuse_unknown(settings)
    config = choose_settings(str(data) if data else None, model, str(recipe) if recipe else None, **settings)
    check_settings(config, outline(config.data))
    xp, folder = choose_device(device), RunFolder.fresh(out, config.model)
    given = {"data": data, "model": model, "recipe": recipe} | settings
    words = [f"{name}={getattr(config, name, value)!r}" for name, value in given.items() if value is not None]
    command = f"tinyalex.train({', '.join(words)})"
    trainer = start(folder, config, open_dataset(config.data, quiet=quiet), xp, command, quiet)
    return _finish(trainer, device)


@called_by_programs
def resume(
    run: str | PathLike,
    data: str | PathLike | None = None,
    device: str = "auto",
    quiet: bool = False,
    epochs: int | None = None,
) -> Classifier:
    """Continue a run that was stopped, with its own settings, to its end; the `Classifier` of its best epoch.

    data: where its pictures are now, if their folder has moved;  device, quiet: as of `train`
    epochs: in all, to go on past the end or stop earlier; by default, those it was to have
    UserError if the run is missing or damaged, or if the data are not those it began with.

    >>> classifier = resume("runs/mine", epochs=20)
    """
    folder, xp = RunFolder.open(run), choose_device(device)
    folder.settings(epochs)  # finds mistakes before any picture is drawn
    pictures = open_dataset(str(data or find_data(folder.about(), folder.path)), quiet=quiet)
    return _finish(go_on(folder, pictures, xp, quiet, epochs=epochs), device)


def _refuse_unknown(settings):
    """UserError unless these are settings of `train`."""
    for name in settings:
        if name == "resume":
            raise UserError(f"a run goes on with {how_to_resume(settings[name])}, not with train", name)
        if name not in SETTINGS:
            *own, _ = signature(train).parameters
            near = did_you_mean(name, [*own, *SETTINGS])
            raise UserError(f"there is no such setting{near}; expected some of {', '.join([*own, *SETTINGS])}", name)


def _finish(trainer: Trainer, device: str) -> Classifier:
    """Train to the end and draw the run's figures."""
    from tinyalex.training.figures import draw_run, first_kernels  # here, since Matplotlib takes a second to import

    path = trainer.folder.path
    try:
        trainer.train()
    except Stopped:
        raise KeyboardInterrupt(f"stopped and saved at {trainer.progress}; go on with {how_to_resume(path)}") from None
    draw_run(trainer, *first_kernels(trainer))
    return load(path, device)

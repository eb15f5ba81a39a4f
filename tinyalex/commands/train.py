"""`tinyalex train`: learn pictures, and write a run folder with the trained network."""

import shlex
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tinyalex.commands.exchanged import show_exchanged, with_counted
from tinyalex.commands.options import add_device, open_device, print_table, print_text
from tinyalex.commands.rehearsal import add_rehearsal, rehearse, rehearses, show_rehearsal
from tinyalex.commands.train_settings import add_settings
from tinyalex.data import open_dataset, outline
from tinyalex.errors import UserError
from tinyalex.lines import command
from tinyalex.locks import Busy
from tinyalex.models import DEFAULT_MODEL
from tinyalex.parallel import Alone
from tinyalex.parallel.joining import add_parallel, in_a_team, refuse_lonely_ranks, same_everywhere
from tinyalex.parallel.mpi import ranks_started
from tinyalex.parallel.part import Part, folder_of
from tinyalex.parallel.traffic import by_layer, saved
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.places import find_data
from tinyalex.terminal import bytes_text, say
from tinyalex.training.checks import check_settings
from tinyalex.training.figures import draw_run, first_kernels
from tinyalex.training.recipes import recipe_names
from tinyalex.training.settings import SETTINGS, choose_settings
from tinyalex.training.trainer import Stopped, Trainer, go_on
from tinyalex.training.whole import Whole

DESCRIPTION = """\
Train a network and write a run folder: checkpoints, metrics, curves and kernels. Without options, alexnet-small \
learns the built-in pictures, drawn from a seed, in minutes on a CPU. Settings not given here come from the model's \
own recipe.

Ctrl-C saves and stops; --resume continues the run as if it had not stopped."""
EXAMPLES = (
    "tinyalex train",
    "tinyalex train --data data/tiny64 --model alexnet-64 --out runs/first",
    "tinyalex train --data data/tiny64 --epochs 60 --lr 0.01 --schedule plateau:5",
    "tinyalex train --data data/tiny10 --recipe tiny-imagenet-10 --seed 1",
    "tinyalex train --data data/photos --recipe fine-tune --start-from runs/first",
    "tinyalex train --resume runs/first",
    "tinyalex train --data data/tiny64 --model alexnet-64 --show-batch batch.png",
    "tinyalex train --data data/tiny64 --model alexnet-64 --find-lr curve.png",
    "tinyalex train --resume runs/first --epochs 90",
    "mpiexec -n 2 tinyalex train --data data/tiny64 --parallel data",
    "tinyalex train --model alexnet-mini --parallel towers",
)


def add_arguments(parser):
    parser.add_argument(
        "--data",
        metavar="FOLDER",
        help="a folder that `prepare` wrote, or builtin (the default); +first-half takes half of it",
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help=f"a name that `tinyalex summary` lists, with changes such as +bn (default: {DEFAULT_MODEL})",
    )
    parser.add_argument(
        "--recipe", metavar="NAME", help=f"settings from a file: {', '.join(recipe_names())}, or your own .toml"
    )
    parser.add_argument("--out", metavar="RUN", help="folder to write (default: the next free runs/MODEL-N)")
    parser.add_argument("--resume", metavar="RUN", help="continue an earlier run, with its own settings (see --epochs)")
    add_settings(parser)
    add_rehearsal(parser)
    add_parallel(parser)
    add_device(parser)


def run(args):
    if rehearses(args):
        return rehearse(args, _config(args), open_device(args))
    if args.parallel is None:
        refuse_lonely_ranks(args)
        return _train(args, open_device(args), Alone())
    return in_a_team(args, open_device, lambda team, xp, stop: _train(args, xp, team, stop))


def _train(args, xp, team, stop=None):
    """Run one worker's part; the result. stop: as for `Trainer.train`"""
    with ExitStack() as holds:  # the first worker's, on the run's folder
        trainer = (_resumed if args.resume else _fresh)(args, xp, team, holds)
        return _trained(args, trainer, team, stop)


def _trained(args, trainer, team, stop):
    """Train to the end and draw; the result."""
    again = _again(args, trainer, team)
    if team.rank == 0:
        _announce(args, trainer, team)
        team.last_words(
            f"tinyalex: one of {team.size} ranks has died, which ends the run on all of them; its last checkpoint is "
            f"whole; go on, with any number of ranks: {again}"
        )
    try:
        result = trainer.train(stop)
    except Stopped:
        stopped = KeyboardInterrupt(f"stopped and saved at {trainer.progress}; go on with: {again}")
        stopped.everywhere = True
        raise stopped from None
    kernels = first_kernels(trainer)  # all towers'
    if team.rank == 0:
        draw_run(trainer, *kernels)
        if args.parallel:
            sent = result.pop("sent_per_picture")
            result |= _exchanged(trainer, sent, args.parallel, team.size) if sent else {}  # empty: no step was left
    return result


def _again(args, trainer, team):
    """The command that continues a run with the same number of workers."""
    ranks = f"mpiexec -n {team.size} " if ranks_started() > 1 else ""
    form = ("--parallel", args.parallel) if args.parallel else ()
    return ranks + command("train", "--resume", trainer.folder.path, *form)


def _exchanged(trainer, sent_per_picture, form, size):
    """For the result: the bytes that a worker sent per picture, by layer, and the bytes of other splits."""
    network, batch = trainer.config.find_model().build(len(trainer.dataset.class_ids)), trainer.config.batch
    rows = with_counted(by_layer(network, form, size, batch), sent_per_picture)
    less = {"saved_per_picture": saved(network, size, batch) / batch} if form == "hybrid" else {}
    return {"exchanged": rows} | less


def _whole(args, team):
    """(network, label smoothing) → what is trained: the whole network or, with --parallel, this worker's part."""
    return partial(Part, args.parallel, team) if args.parallel else Whole


def _fresh(args, xp, team, holds):
    config = team.all_do(lambda: _config(args))
    team.all_do(lambda: check_settings(config, outline(config.data)))
    path = team.agree(team.all_do(lambda: team.rank or str(_new_folder(args.out, config.model, holds).path)))[0]
    dataset = _open_data(config.data, config, team)

    def begun():
        trainer = Trainer(folder_of(path, team), config, dataset, xp, team.rank > 0, _whole(args, team))
        trainer.begin()
        return trainer

    trainer = team.all_do(begun)  # before anything is written: an error on any worker leaves nothing behind
    team.all_do(lambda: trainer.write_settings(_command()))
    return trainer


def _new_folder(out, model_name, holds):
    """The folder of the new run, made and held."""
    while True:
        folder = RunFolder.fresh(out, model_name)
        try:
            return holds.enter_context(folder.held())
        except Busy:  # another process has just chosen the same
            if out is not None:
                raise


def _config(args):
    given = {name: getattr(args, name) for name in SETTINGS}
    return choose_settings(args.data, args.model, args.recipe, args.parallel == "towers", **given)


def _open_data(data, config, team):
    """The dataset. UserError if the workers' datasets differ, or settings that each read from a file of its own."""
    dataset = team.all_do(lambda: open_dataset(data, quiet=team.rank > 0))
    settings = {f"the setting {name}": value for name, value in config.to_dict().items() if name != "data"}
    same_everywhere(team, {"the fingerprint of the data": dataset.fingerprint[:12]} | settings)
    return dataset


def _resumed(args, xp, team, holds):
    folder = team.all_do(lambda: _folder_of(args))
    config = team.all_do(lambda: folder.settings(args.epochs))
    folder = folder_of(folder.path, team)
    team.all_do(lambda: holds.enter_context(folder.held()))
    data = args.data or team.all_do(lambda: find_data(folder.about(), folder.path))
    dataset = _open_data(data, config, team)
    trainer = team.all_do(lambda: go_on(folder, dataset, xp, team.rank > 0, _whole(args, team), args.epochs))
    same_everywhere(team, {f"the checkpoint in {folder.path}": str(trainer.progress)})
    if trainer.finished():
        say(f"the run has ended, {trainer.ended()}; there is nothing left to do", quiet=team.rank > 0)
    return trainer


def _folder_of(args):
    """The folder of the run to continue. UserError if any setting is given."""
    kept = [name for name in ("model", "recipe", "out", *SETTINGS) if name != "epochs"]
    given = [name for name in kept if getattr(args, name) is not None]
    if given:
        option = ("no-" if getattr(args, given[0]) is False else "") + given[0].replace("_", "-")
        raise UserError(
            f"--resume: the run keeps its settings, so --{option} cannot be given; "
            "only --epochs, --data (if the folder has moved), --parallel, --device and --threads can"
        )
    return RunFolder.open(args.resume)


def _announce(args, trainer, team):
    data, config = trainer.dataset, trainer.config
    alone = "1 worker (mpiexec -n K before the command starts K)"
    workers = f"; {args.parallel}, {f'{team.size} workers' if team.size > 1 else alone}" if args.parallel else ""
    say(
        f"{config.model} on {data.name}: {len(data.train)} training and {len(data.val)} validation pictures, "
        f"{len(data.class_ids)} classes; {config.epochs} epoch{'s' if config.epochs > 1 else ''}{workers} "
        f"→ {trainer.folder.path}"
    )


def _command():
    return "tinyalex " + shlex.join(sys.argv[1:])


def show(result):
    if "picture" in result:
        return show_rehearsal(result)
    print()
    tops = [k for k in (1, 5) if {f"top{k}_error", f"last_top{k}_error"} <= result.keys()]
    rows = [
        ("best epoch", result["best_epoch"], *(f"{result[f'top{k}_error']:.1%}" for k in tops)),
        ("last epoch", result["epochs"], *(f"{result[f'last_top{k}_error']:.1%}" for k in tops)),
    ]
    print_table(("validation error", "epoch", *(f"top-{k}" for k in tops)), rows, right=(1, 2, 3))
    run = result["run"]
    workers = f" by {result['workers']} workers" if result.get("workers", 1) > 1 else ""
    print_text(
        f"\n{result['seconds']:.0f} s of training at {result['images_per_s']:.0f} images/s{workers} "
        f"on {result['device']}"
    )
    print()
    show_exchanged(result.get("exchanged"), "sent by a worker, per picture")
    if "saved_per_picture" in result:
        less = result["saved_per_picture"]
        print_text(
            f"{bytes_text(abs(less))} {'less' if less >= 0 else 'more'} than with data, "
            "which adds up the gradients of all layers"
        )
        print()
    pictures = [f"{run}/{name}" for name in ("curves.png", "kernels.png") if Path(run, name).exists()]
    print_text(f"Look at {' and '.join(pictures)}, then try:")
    next_commands = {
        command("evaluate", run, "--ten-crop"): "ten views of each picture, averaged",
        command("predict", run): "its answers to a few validation pictures, or to your own if you add them",
        command("gradcheck"): "compare every gradient with a numerical one",
    }
    for line, what in next_commands.items():
        print_text(f"  # {what}\n  {line}")

"""`train` without a run: --show-batch and --find-lr look at what a run would do, and end."""

from pathlib import Path

from tinyalex import plots
from tinyalex.commands.options import REPLACED, print_text
from tinyalex.data import open_dataset, outline
from tinyalex.data.mixing import MixedLabels
from tinyalex.errors import UserError
from tinyalex.files import check_picture
from tinyalex.inspection.galleries import words
from tinyalex.inspection.panel import first_name
from tinyalex.parallel.mpi import ranks_started
from tinyalex.runs.folder import RunFolder
from tinyalex.training.checks import check_settings
from tinyalex.training.rates import find_rate, lowest_point
from tinyalex.training.trainer import Trainer

FOR_A_RUN = ("out", "resume", "parallel")  # options of a run, which is not made here
SHOWN = 256  # pictures of a batch


def add_rehearsal(parser):
    """--show-batch and --find-lr."""
    group = parser.add_argument_group("before a run (these end without making one)")
    seen = f"draw the first batch as the network will see it; {REPLACED}"
    group.add_argument("--show-batch", metavar="FILE.png", help=seen)
    group.add_argument(
        "--find-lr",
        metavar="FILE.png",
        nargs="?",
        const="find-lr.png",
        help="raise the rate from step to step over four batches, draw the losses (in find-lr.png, if no FILE is "
        f"named), and suggest one to begin with, right within a factor of about 3; {REPLACED}",
    )


def rehearses(args):
    """Whether the arguments ask for a rehearsal. UserError if they also ask for a run, or for both rehearsals."""
    asked = [name for name in ("show_batch", "find_lr") if getattr(args, name) is not None]
    for name in asked:
        others = [other for other in (*FOR_A_RUN, *asked) if getattr(args, other) is not None and other != name]
        if others or ranks_started() > 1:
            other = f"--{others[0].replace('_', '-')}" if others else "mpiexec"
            raise UserError(f"makes no run, so {other} cannot be used with it", name)
        check_picture(getattr(args, name), name)
    return bool(asked)


def rehearse(args, config, xp):
    """Draw what is asked for; the result."""
    check_settings(config, outline(config.data))
    dataset = open_dataset(config.data)
    trainer = Trainer(RunFolder(""), config, dataset, xp)  # an empty folder's name: nothing is written
    trainer.begin()
    title = f"{config.model} on {dataset.name}"
    about = {"model": config.model, "data": config.data, "batch": config.batch}
    return about | (_show_batch if args.show_batch else _find_lr)(args, trainer, title)


def _show_batch(args, trainer, title):
    pictures, labels = trainer.loader.first_batch()
    names = _names(labels, trainer.dataset.class_names)
    some = f"{SHOWN} of {len(labels)}" if len(labels) > SHOWN else f"{len(labels)}"
    title = f"The first batch of {title}, {some} pictures as the network sees them"
    mixed = isinstance(labels, MixedLabels)
    if mixed:
        title += f", each {max(labels.share, 1 - labels.share):.0%} of the class named first"
    figure = plots.batch(pictures[:SHOWN], [words(name, 16, 1 + mixed) for name in names[:SHOWN]], title)
    plots.save(figure, Path(args.show_batch))
    return {"picture": args.show_batch, "labels": names}


def _names(labels, class_names):
    """The class of each picture in words; of mixed ones both, the larger share first."""
    if isinstance(labels, MixedLabels):
        shares = (labels.labels, labels.partners) if labels.share >= 0.5 else (labels.partners, labels.labels)
        both = zip(*(_names(one, class_names) for one in shares))
        return [f"{first_name(one)} + {first_name(other)}" for one, other in both]
    return [class_names[label] for label in labels]


def _find_lr(args, trainer, title):
    found = find_rate(trainer)
    plots.save(plots.rates(found, f"Range test of {title}, batch {trainer.config.batch}"), Path(args.find_lr))
    return {
        "picture": args.find_lr,
        "suggestion": found.suggestion,
        "recipe_lr": trainer.config.lr,
        "rates": found.rates,
        "losses": found.losses,
        "smooth": found.smooth,
    }


def show_rehearsal(result):
    """Say what was drawn and found."""
    if "labels" in result:
        print_text(f"{len(result['labels'])} pictures of the first batch: {result['picture']}; no run was made")
        return
    lowest = lowest_point(result["smooth"])
    first, least = result["smooth"][0], result["smooth"][lowest]
    if result["suggestion"] is None:
        print_text(f"The loss never fell clearly below its start, {first:.3f}: no rate can be suggested from this.")
    else:
        print_text(
            f"The loss fell from {first:.3f} to {least:.3f} at a rate of {result['rates'][lowest]:.2g}. "
            f"Suggested, a quarter of that: --lr {result['suggestion']:g}"
        )
    print_text(f"{result['model']} would use {result['recipe_lr']:g}. The curve: {result['picture']}; no run was made")

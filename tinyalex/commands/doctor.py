"""`tinyalex doctor`: why a network does not learn, with the evidence and what to try."""

import time
from dataclasses import replace

from tinyalex.commands.options import add_device, open_device, print_text
from tinyalex.data import open_dataset, outline
from tinyalex.diagnosis.course import still_learning, train_on
from tinyalex.diagnosis.examine import examine
from tinyalex.diagnosis.patient import Patient
from tinyalex.errors import UserError
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.places import find_data
from tinyalex.runs.trained import check_fits, find_checkpoint, open_run
from tinyalex.terminal import say
from tinyalex.training.checks import check_settings
from tinyalex.training.settings import choose_settings

DESCRIPTION = """\
Say why a network does not learn: from a run's log, its pictures and labels, its layers, and a sweep of the learning \
rate. Each fault comes with the evidence and with a command to try, the most likely first. It takes less than two \
minutes on two cores, and changes nothing.

RUN is a run folder, finished or not, or one .safetensors file. Before a run, --data and --model check the pictures \
and the model's own settings."""
EXAMPLES = (
    "tinyalex doctor runs/first",
    "tinyalex doctor --data data/tiny64 --model alexnet-64",
    "tinyalex doctor runs/first --data elsewhere/tiny64 --json",
)
MOST_WARNINGS = 2


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", nargs="?", help="run folder or checkpoint")
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="a folder that `prepare` wrote, or builtin (default: the data that RUN was trained on)",
    )
    parser.add_argument("--model", metavar="NAME", help="without RUN: the model that is to learn DATA")
    add_device(parser)


def run(args):
    started = time.perf_counter()
    xp = open_device(args)
    patient = (_of_run if args.run else _before_a_run)(args, xp)
    faults, checked = examine(patient)
    about = {"run": args.run} if args.run else {}
    about |= {"model": patient.config.model, "data": patient.dataset.name if patient.dataset else None}
    return about | {
        "faults": [fault.to_dict() for fault in faults],
        "checked": checked,
        "notes": _notes(patient, faults),
        "seconds": time.perf_counter() - started,
    }


def _before_a_run(args, xp):
    if not args.data and not args.model:
        raise UserError("expected a RUN, or --data and --model")
    config = choose_settings(args.data, args.model)
    check_settings(config, outline(config.data))
    return Patient(config, open_dataset(config.data), xp, quiet=False)


def _of_run(args, xp):
    if args.model:
        raise UserError("a run has its model, so this cannot be given beside it", "model")
    folder, log, diverged, trained = _folder(args.run), (), "", None
    if folder:
        log, diverged = tuple(folder.read_metrics()), folder.diverged()
    if folder is None or folder.best.exists() or folder.last.exists():
        trained = open_run(args.run, xp)
    about = folder.about() if folder else trained.info
    config = Config.from_dict(about["config"], args.run)
    dataset = _pictures(args, folder, trained, config)
    if config.data and dataset:
        config = replace(config, data=dataset.name)  # where they are now, in the commands to try
    return Patient(config, dataset, xp, folder, trained, log, diverged, quiet=False)


def _folder(path):
    """The run folder at `path`; None for a checkpoint by itself."""
    try:
        return RunFolder.open(path)
    except UserError:
        find_checkpoint(path, quiet=True)  # says better what is wrong, if anything is
        return None


def _pictures(args, folder, trained, config):
    """The data set; None if the run's own are not at hand, which is said."""
    try:
        name = args.data or (trained.own_data() if trained else find_data(folder.about(), folder.path))
    except UserError as error:
        say(f"tinyalex: {error}; only the log and the network are looked at. Name the pictures with --data")
        return None
    about = outline(name)  # before any picture is drawn
    if trained:
        check_fits(trained, name, about.class_ids, about.size)
    else:
        check_settings(config, about)
    return open_dataset(name)


def _notes(patient, faults):
    """Lines beside the faults: what could not be checked, what the log warned of, and whether the run is only young."""
    notes = ["what comes after it cannot be judged yet; mend it, then ask again"] if faults and faults[0].blocks else []
    if patient.dataset is None:
        notes.append("the pictures are not at hand, so pictures, labels and rates were not checked")
    if not patient.trainable:
        notes.append("the network was imported, so no training was checked")
    elif patient.diverged and not faults:
        notes.append(f"the run ended at {patient.diverged}")
    elif patient.folder and not patient.epochs:
        notes.append("no epoch is finished yet")
    elif not faults and patient.dataset and still_learning(patient):
        first, last, on = patient.epochs[0], patient.epochs[-1], train_on(patient)
        before = f"{first['train_loss']:.3g} in epoch 1, " if last is not first else ""
        losses = f"training loss {before}{last['train_loss']:.3g} in epoch {last['epoch']}"
        notes.append(f"still learning ({losses}), train on{f': {on}' if on else ''}")
    warnings = [line["text"] for line in patient.log if line["kind"] == "warning"]
    return notes + [f"the log warned: {text}" for text in warnings[:MOST_WARNINGS]]


def show(result):
    for number, fault in enumerate(result["faults"], 1):
        print_text(f"{number}. {fault['cause'][0].upper()}{fault['cause'][1:]}")
        print_text(f"   Evidence: {fault['evidence']}", hang=3)
        print_text(f"   Try: {fault['try']}", hang=3)
        print()
    if not result["faults"]:
        print_text("No fault found.")
    for note in result["notes"]:
        print_text(f"{note[0].upper()}{note[1:]}")
    print_text(f"Checked in {result['seconds']:.0f} s: {', '.join(result['checked'])}")

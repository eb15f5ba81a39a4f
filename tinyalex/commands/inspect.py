"""`tinyalex inspect`: a page of figures that show what a network has learnt."""

from tinyalex.commands.options import add_device, open_device, print_table, print_text
from tinyalex.data import open_dataset
from tinyalex.errors import UserError
from tinyalex.evaluation import class_probabilities
from tinyalex.files import target
from tinyalex.inspection.folder import check_out, default_out
from tinyalex.inspection.page import in_short, write_page
from tinyalex.inspection.subject import Subject
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.trained import check_fits, open_run

DESCRIPTION = """\
Look inside a trained network: write figures and a page, index.html, that opens in any browser, offline. It shows \
the network's answers, worst mistakes, confusions and calibration; its first kernels by tower; pictures that look \
alike to it; feature maps, and where it looks; dead units; and how training went.

RUN is a run folder, whose best epoch is taken, or one .safetensors file."""
EXAMPLES = (
    "tinyalex inspect runs/first",
    "tinyalex inspect runs/first --pictures 12 --out first-page",
    "tinyalex inspect runs/first/last.safetensors --data data/tiny64 --json",
)
MOST_PICTURES = 40


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="run folder or checkpoint")
    parser.add_argument(
        "--data",
        metavar="FOLDER",
        help="a folder that `prepare` wrote, or builtin (default: the data that RUN was trained on)",
    )
    out = "folder to write, new or an earlier page (default: RUN/inspect, or FILE-inspect for a file)"
    parser.add_argument("--out", metavar="FOLDER", help=out)
    most = f"pictures in each gallery, 1 to {MOST_PICTURES} (6)"
    parser.add_argument("--pictures", type=int, default=6, metavar="N", help=most)
    add_device(parser)


def run(args):
    if not 1 <= args.pictures <= MOST_PICTURES:
        raise UserError(f"--pictures: found {args.pictures}, expected 1 to {MOST_PICTURES}")
    xp = open_device(args)
    trained = open_run(args.run, xp)
    out = target(args.out or default_out(args.run))
    check_out(out)  # before any work is done
    data = args.data or trained.own_data()
    dataset = open_dataset(data)
    check_fits(trained, data, dataset.class_ids, dataset.size)
    p = class_probabilities(trained.network, dataset.val, trained.view, xp, label="answers")
    trained.check_answers(p)
    steps = RunFolder(trained.file.parent).read_metrics("step")
    subject = Subject(trained.network, trained.view, trained.info, dataset, xp, p, args.pictures, steps)
    page, figures, numbers = write_page(out, subject, _about(subject, trained.file, data))
    about = {"checkpoint": str(trained.file), "data": data, "figures": [str(out / name) for name in figures]}
    return {"page": str(page)} | about | numbers


def _about(subject, file, data):
    """(label, text) pairs for the top of the page."""
    parameters = sum(param.size for param in subject.network.params.values())
    train, val = len(subject.dataset.train), len(subject.dataset.val)
    epoch, epochs = subject.info["state"]["epoch"], subject.info["config"]["epochs"]
    return (
        ("Network", subject.info["model"]),
        ("Parameters", f"{parameters:,}"),
        ("Checkpoint", f"{file}, {f'after epoch {epoch} of {epochs}' if epoch else 'imported'}"),
        ("Data", f"{data}: {len(subject.names)} classes, {train:,} training and {val:,} validation pictures"),
    )


def show(result):
    print_table(("", "found"), in_short(result))
    print_text(f"\n{len(result['figures'])} figures; open {result['page']}")

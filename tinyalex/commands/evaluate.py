"""`tinyalex evaluate`: how often a trained network is wrong."""

from dataclasses import asdict

from tinyalex.commands.options import add_device, open_device, print_table
from tinyalex.data import open_dataset
from tinyalex.errors import UserError
from tinyalex.evaluation import evaluate
from tinyalex.runfolder import load_network

DESCRIPTION = (
    "Top-1 and top-5 error and mean loss on the validation pictures, on the centre crop or averaged over ten crops.\n"
    "RUN is a run folder (its best epoch is taken) or one .safetensors file."
)
EXAMPLES = (
    "tinyalex evaluate runs/first",
    "tinyalex evaluate runs/first --ten-crop",
    "tinyalex evaluate runs/first/last.safetensors --data data/tiny64 --json",
)


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="run folder or checkpoint")
    parser.add_argument("--data", metavar="FOLDER", help="prepared folder, or builtin (default: what it was trained on)")
    parser.add_argument("--ten-crop", action="store_true", help="average four corners, the centre and their mirror images")
    add_device(parser)


def run(args):
    xp = open_device(args)
    network, view, info, file = load_network(args.run, xp)
    dataset = open_dataset(args.data or info["config"]["data"])
    _check_classes(info, dataset, view, file)
    measured = evaluate(network, dataset.val, view, xp, args.ten_crop)
    return {"checkpoint": str(file), "data": dataset.name, "ten_crop": args.ten_crop} | asdict(measured)


def _check_classes(info, dataset, view, file):
    if view.size != dataset.size:
        raise UserError(f"{file}: expects pictures of {view.size} pixels, {dataset.name} has {dataset.size}")
    if list(info["class_ids"]) != list(dataset.class_ids):
        raise UserError(
            f"{file}: knows {len(info['class_ids'])} classes, {dataset.name} has {len(dataset.class_ids)}, "
            "and they are not the same ones in the same order"
        )


def show(result):
    view = "ten crops" if result["ten_crop"] else "centre crop"
    errors = (f"{result['top1_error']:.1%}", f"{result['top5_error']:.1%}", f"{result['loss']:.3f}", result["images"])
    print_table(("", "top-1 error", "top-5 error", "loss", "pictures"), [(view, *errors)], right=(1, 2, 3, 4))

"""`tinyalex evaluate`: how often a trained network is wrong."""

from dataclasses import asdict

from tinyalex.commands.options import add_device, open_device, print_table
from tinyalex.data import open_validation
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
    data = args.data or info["config"]["data"]
    split, class_ids, size = open_validation(data, quiet=args.json)
    if size != view.size:
        raise UserError(f"{file}: expects pictures of {view.size} pixels, {data} has {size}")
    if list(class_ids) != info["class_ids"]:
        raise UserError(
            f"{file}: knows {len(info['class_ids'])} classes, {data} has {len(class_ids)}, "
            "and they are not the same ones in the same order"
        )
    measured = evaluate(network, split, view, xp, args.ten_crop, quiet=args.json)
    return {"checkpoint": str(file), "data": data, "ten_crop": args.ten_crop} | asdict(measured)


def show(result):
    view = "ten crops" if result["ten_crop"] else "centre crop"
    errors = (f"{result['top1_error']:.1%}", f"{result['top5_error']:.1%}", f"{result['loss']:.3f}", result["images"])
    print_table(("", "top-1 error", "top-5 error", "loss", "pictures"), [(view, *errors)], right=(1, 2, 3, 4))

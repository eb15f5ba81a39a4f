"""`tinyalex probe`: how much each layer tells of the classes, beside random weights."""

import json
import math

import numpy as np

from tinyalex.commands.options import add_device, open_device, print_table, print_text
from tinyalex.data import open_dataset
from tinyalex.errors import UserError
from tinyalex.files import target
from tinyalex.inspection.folder import check_out, default_out, written
from tinyalex.inspection.probe import NEIGHBOURS, NUMBERS, probe
from tinyalex.runs.trained import check_size, model_of_run, open_run

DESCRIPTION = """\
Learn DATA's classes from the output of each layer of a trained network, which stays as it is: with a linear \
classifier, and by the vote of the nearest training pictures. The errors on the validation pictures, in a table and a \
curve, tell how much of these classes each layer makes easy to see. Beside them stand the errors for the same network \
with random weights: only what is lower comes from its training.

RUN is a run folder, whose best epoch is taken, or one .safetensors file. DATA's classes need not be RUN's."""
EXAMPLES = (
    "tinyalex probe runs/first",
    "tinyalex probe runs/first --data data/tiny64+50-a-class",
    "tinyalex probe runs/first --data data/photos --out photos-probe --json",
)
COMMAND = "probe"
PICTURE, NUMBERS_FILE = "depth.png", "depth.json"


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="run folder or checkpoint")
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="a folder that `prepare` wrote, or builtin (default: the data that RUN was trained on)",
    )
    out = "folder to write, new or an earlier probe's (default: RUN/probe, or FILE-probe for a file)"
    parser.add_argument("--out", metavar="FOLDER", help=out)
    numbers = f"average larger maps down to at most N numbers ({NUMBERS})"
    parser.add_argument("--numbers", type=int, default=NUMBERS, metavar="N", help=numbers)
    voters = f"the nearest training pictures that vote ({NEIGHBOURS})"
    parser.add_argument("--neighbours", type=int, default=NEIGHBOURS, metavar="N", help=voters)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the random weights (0)")
    add_device(parser)


def run(args):
    for name, least in (("numbers", 1), ("neighbours", 1), ("seed", 0)):
        if getattr(args, name) < least:
            raise UserError(f"found {getattr(args, name)}, expected {least} or more", name)
    xp = open_device(args)
    trained = open_run(args.run, xp)
    out = target(args.out or default_out(args.run, COMMAND))
    check_out(out, COMMAND)  # before any work is done
    data = args.data or trained.own_data()
    dataset = open_dataset(data)
    check_size(trained, data, dataset.size)
    input_rms = model_of_run(args.run).input_rms
    depths = probe(trained.network, dataset, trained.view, xp, args.numbers, args.neighbours, input_rms, args.seed)
    result = _result(args, trained, dataset, depths)
    with written(out, COMMAND) as folder:
        _draw(folder / PICTURE, result, depths)
        (folder / NUMBERS_FILE).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return {"out": str(out), "picture": str(out / PICTURE)} | result


def _result(args, trained, dataset, depths):
    layers = [
        {"layer": depth.layer, "shape": depth.shape, "numbers": math.prod(depth.kept)}
        | {f"{kind.replace(' ', '_')}_error": error.mean for kind, error in depth.errors.items()}
        | {f"{kind.replace(' ', '_')}_interval": (error.low, error.high) for kind, error in depth.errors.items()}
        for depth in depths
    ]
    return {
        "checkpoint": str(trained.file),
        "model": trained.info["model"],
        "data": dataset.name,
        "classes": len(dataset.class_ids),
        "train_images": len(dataset.train),
        "val_images": len(dataset.val),
        "neighbours": min(args.neighbours, len(dataset.train)),
        "numbers": args.numbers,
        "seed": args.seed,
        "chance_error": 1 - float(np.bincount(dataset.val.labels).max()) / len(dataset.val),
        "layers": layers,
    }


def _draw(path, result, depths):
    from tinyalex.inspection.charts import by_depth  # here, since Matplotlib takes a second to import
    from tinyalex.plots import save

    title = f"{result['model']}: what its layers tell of {result['classes']} classes of {result['data']}"
    save(by_depth(depths, result["chance_error"], title), path)


def show(result):
    kinds = ("linear", "neighbours", "random_linear", "random_neighbours")
    rows = [
        (layer["layer"], f"{layer['numbers']:,}", *(_cell(layer, kind) for kind in kinds)) for layer in result["layers"]
    ]
    header = ("output of", "numbers", "linear", "neighbours", "linear, random", "neighbours, random")
    print_table(header, rows, right=range(1, 6))
    least = min(result["layers"], key=lambda layer: layer["linear_error"])
    print_text(
        f"\nErrors on {result['val_images']:,} validation pictures, learnt from {result['train_images']:,}, with 95 % "
        f"intervals; “random”: from the same network's random weights. The same answer to all: "
        f"{result['chance_error']:.1%}. Larger maps are averaged to at most {result['numbers']:,} numbers. "
        f"Lowest linear error: {least['layer']}'s."
    )
    print_text(f"Look at {result['picture']}")


def _cell(layer, kind):
    low, high = layer[f"{kind}_interval"]
    brackets = f" ({100 * low:.0f}–{100 * high:.0f})" if kind.endswith("linear") else ""
    return f"{layer[f'{kind}_error']:.1%}{brackets}"

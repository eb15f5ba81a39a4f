"""`tinyalex features`: what a layer makes of pictures, as NumPy arrays in a file."""

import numpy as np

from tinyalex import __version__
from tinyalex.commands.options import REPLACED, add_device, open_device, print_text
from tinyalex.commands.picture_files import read_pictures
from tinyalex.data import is_there, open_dataset
from tinyalex.data.dataset import Split
from tinyalex.errors import UserError
from tinyalex.files import check_file, replacing
from tinyalex.inspection.features import features_of, last_features
from tinyalex.runs.trained import check_size, open_run

DESCRIPTION = """\
Write a layer's output for pictures to an .npz file, a row of numbers for each picture: features, from which other \
programs can learn. Each picture is seen by its centre crop.

RUN is a run folder, whose best epoch is taken, or one .safetensors file. DATA's classes need not be RUN's. The \
file holds `features` (N, D), and for data sets `labels`, `class_ids`, `class_names`, `split` and `index`, the \
picture's place there; for picture files, their names: `files`."""
EXAMPLES = (
    "tinyalex features runs/first --out features.npz",
    "tinyalex features runs/first data/tiny64+25-a-class --layer conv5 --split train --out conv5.npz",
    "tinyalex features runs/first photos/*.jpg --layer fc7 --out photos.npz --json",
)
MARK = b"tinyalex.npy"  # the name of the file's first array


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="run folder or checkpoint")
    parser.add_argument(
        "data",
        metavar="DATA|PICTURE",
        nargs="*",
        default=[],
        help="a folder that `prepare` wrote, builtin, or picture files (default: the data that RUN was trained on)",
    )
    parser.add_argument(
        "--layer",
        metavar="LAYER",
        help="such as fc7, or block1.conv2 inside a block (default: the last before the scores)",
    )
    parser.add_argument("--split", choices=("train", "val", "both"), help="which pictures of DATA (both)")
    parser.add_argument("--out", metavar="FILE", required=True, help=f"the .npz file to write; {REPLACED}")
    add_device(parser)


def run(args):
    check_file(args.out, ".npz", MARK, "out")  # before any work is done
    xp = open_device(args)
    trained = open_run(args.run, xp)
    layer = args.layer or last_features(trained.network)[1]
    shape = trained.network.up_to(layer).out_shape(trained.network.in_shape)
    about = {"out": args.out, "checkpoint": str(trained.file), "layer": layer, "shape": list(shape)}
    if len(args.data) > 1 or args.data and not is_there(args.data[0]):
        split, beside, found = _of_files(args, trained)
    else:
        split, beside, found = _of_data(args, trained)
    features = features_of(trained.network, split, trained.view, xp, layer, quiet=False)
    arrays = {"tinyalex": __version__, "checkpoint": str(trained.file), "layer": layer, "shape": shape}
    with replacing(args.out) as path, open(path, "wb") as file:
        np.savez(file, **arrays, features=features, **beside)
    return about | {"pictures": len(split), "numbers": features.shape[1]} | found


def _of_files(args, trained):
    """(`Split`, arrays that go with their features, entries of the result)."""
    if args.split:
        raise UserError(f"found {args.split} for picture files, expected it with a data set only", "split")
    files, pictures, unreadable = read_pictures(args.data, trained.view.size)
    split = Split((np.stack(pictures),), np.zeros(len(files), np.int64))
    return split, {"files": files}, {"unreadable": unreadable}


def _of_data(args, trained):
    """As `_of_files`."""
    data, wanted = args.data[0] if args.data else trained.own_data(), args.split or "both"
    dataset = open_dataset(data)
    check_size(trained, data, dataset.size)
    splits = {name: getattr(dataset, name) for name in ("train", "val") if wanted in (name, "both")}
    shards = [shard for split in splits.values() for shard in split.shards]
    pictures = Split(tuple(shards), np.concatenate([split.labels for split in splits.values()]))
    beside = {
        "labels": pictures.labels,
        "class_ids": dataset.class_ids,
        "class_names": dataset.class_names,
        "split": np.repeat(list(splits), [len(split) for split in splits.values()]),
        "index": np.concatenate([np.arange(len(split)) for split in splits.values()]),
    }
    return pictures, beside, {"data": data, "split": wanted, "classes": len(dataset.class_ids)}


def show(result):
    shape = "×".join(map(str, result["shape"]))
    of = f" of {result['data']}" if "data" in result else ""
    print_text(f"{result['out']}: {result['layer']} ({shape}) of {result['pictures']:,} pictures{of}")
    print_text(f"\n  # read it\n  numpy.load({result['out']!r})['features']")

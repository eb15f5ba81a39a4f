"""`tinyalex prepare`: convert pictures to the format that train reads."""

import re
from dataclasses import asdict
from pathlib import Path

from tinyalex.commands.options import print_text
from tinyalex.data.duplicates import CHOICES
from tinyalex.data.prepare import prepare
from tinyalex.data.readers import READERS
from tinyalex.lines import command
from tinyalex.models import DEFAULT_MODEL, MODELS
from tinyalex.terminal import bytes_text

DESCRIPTION = """\
Convert pictures to the format that `tinyalex train` reads. It recognises Tiny ImageNet (folder or zip), \
ImageNet32/64 (batches or zips), CIFAR-10/100 (folder or tar.gz), Hugging Face's parquet and ImageNet-1k, \
ILSVRC-2012 (tars or folders), and class folders: train/CLASS/ and val/CLASS/, or CLASS/ alone with --val-share.

Whatever is left out is counted, and listed in OUT/skipped.txt."""
EXAMPLES = (
    "tinyalex prepare data/tiny-imagenet-200.zip data/tiny64",
    "tinyalex prepare photos data/photos --val-share 0.2",
    "tinyalex prepare Imagenet32_train.zip Imagenet32_val.zip data/imagenet32",
    "tinyalex prepare cifar-100-python.tar.gz data/cifar20 --labels coarse",
    "tinyalex prepare ilsvrc data/imagenet256 --size 256 --classes 100 --per-class 500",
)


def add_arguments(parser):
    parser.add_argument(
        "source", metavar="SOURCE", nargs="+", help="a folder, zip or tar, or several that belong together"
    )
    parser.add_argument("out", metavar="OUT", help="folder to write; must be new or empty")
    parser.add_argument("--format", metavar="NAME", help=f"the source's format: {', '.join(READERS)}")
    parser.add_argument(
        "--labels", metavar="NAME", help="for CIFAR-100: fine or coarse; for parquet: the column of labels"
    )
    parser.add_argument(
        "--val-share", type=float, metavar="X", help="set this share of each class aside for validation, such as 0.2"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="decides which pictures --val-share takes (0)")
    parser.add_argument(
        "--duplicates",
        choices=CHOICES,
        help="what becomes of training pictures that are in validation too (default: keep; with --val-share: drop)",
    )
    parser.add_argument("--size", type=int, metavar="S", help="side of the prepared pictures (default: by format)")
    parser.add_argument("--classes", metavar="N|FILE", help="only the first N classes, or those listed in a file")
    parser.add_argument("--per-class", type=int, metavar="N", help="at most N training pictures of each class")
    parser.add_argument("--strict", action="store_true", help="stop at an unreadable picture instead of skipping it")
    parser.add_argument("--workers", type=int, metavar="N", help="decoding processes (default: one per core)")


def run(args):
    classes = args.classes
    if classes is not None:
        classes = int(classes) if re.fullmatch("-?[0-9]{1,18}", classes) else Path(classes)
    report = prepare(
        args.source,
        args.out,
        format=args.format,
        labels=args.labels,
        val_share=args.val_share,
        seed=args.seed,
        duplicates=args.duplicates,
        size=args.size,
        classes=classes,
        per_class=args.per_class,
        strict=args.strict,
        workers=args.workers,
    )
    return asdict(report)


def show(result):
    pictures = f"{result['train_images']} training and {result['val_images']} validation pictures"
    print_text(f"{result['path']}: {pictures} of {result['classes']} classes, {result['size']}×{result['size']} pixels")
    print_text(f"{bytes_text(result['bytes'])} in {result['seconds']:.1f} s, {result['images_per_s']:.0f} pictures/s")
    if result["validation"]:
        print_text(f"Validation pictures: {result['validation']}")
    show_losses(result)
    show_duplicates(result)
    show_repeats(result)
    if classes := result["unvalidated"]:
        named = ", ".join(classes[:3]) + (", …" if len(classes) > 3 else "")
        print_text(f"Classes without validation pictures: {len(classes):,} of {result['classes']:,} ({named})")
    fitting = [model.name for model in MODELS.values() if model.size == result["size"]]
    if fitting:
        model = () if DEFAULT_MODEL in fitting else ("--model", fitting[0])
        print_text(f"Next: {command('train', '--data', result['path'], *model)}")
    else:
        print_text(
            f"No model takes pictures of {result['size']} pixels; `{command('summary')}` lists the sizes they take"
        )


def show_losses(result):
    """Print how many pictures could not be read and what else is left out, and where all of it is listed."""
    skipped, left_out = result["skipped"], result["left_out"]
    said = [f"{len(skipped):,} could not be read"] if skipped else []
    if left_out:
        name, reason = left_out[0]
        what = "1 file or folder is" if len(left_out) == 1 else f"{len(left_out):,} files and folders are"
        said.append(f"{what} left out ({name}: {reason}{'; …' if len(left_out) > 1 else ''})")
    if said:
        print_text(f"{'; '.join(said)}; listed in {result['path']}/skipped.txt")


def show_duplicates(result):
    """Print how many training pictures are also validation pictures, and what became of them."""
    if pairs := result["duplicates"]:
        what = "1 training picture is" if len(pairs) == 1 else f"{len(pairs):,} training pictures are"
        fate = "left out of training" if result["duplicates_dropped"] else "kept: --duplicates drop leaves them out"
        example = " = ".join(pairs[0])
        print_text(f"{what} also in validation ({example}), {fate}; listed in {result['path']}/duplicates.txt")


def show_repeats(result):
    """Print how many training pictures repeat another one, under its label or under another label."""
    kinds = ((result["relabelled"], "under another label"), (result["repeats"], "under the same label"))
    said = [f"{len(pairs):,} {what} ({' = '.join(pairs[0])})" for pairs, what in kinds if pairs]
    if said:
        where = f"kept, and listed in {result['path']}/repeats.txt"
        print_text(f"Training pictures with the pixels of an earlier one: {'; '.join(said)}; {where}")

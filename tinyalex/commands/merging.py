"""`bench --merge`: one table from several runs, each of which `bench --json` wrote into a file."""

from tinyalex.bench.merged import LEAST, merge
from tinyalex.commands.options import print_text, refuse
from tinyalex.commands.prediction import MEASURING, RATES

# options that choose the rows, with their defaults; --merge takes the rows from its files
ROWS = {"model": None, "batch": None, "lrn": None, "tf32": "both", "predict": None}


def add_merging(group):
    """--merge."""
    group.add_argument(
        "--merge",
        nargs="+",
        metavar="FILE.json",
        help=f"one table from the --json of {LEAST} runs or more: the lowest of their medians, the range of all rounds",
    )


def merged(args):
    """The result of `bench`. UserError for options that do not go together."""
    refuse(args, MEASURING | ROWS | dict.fromkeys(RATES), "--merge")
    return merge(args.merge)


def show(result):
    """Say how the figures came about."""
    print_text(
        f"Each figure is the lowest of the medians of {len(result['runs'])} runs (lowest–highest of all rounds), begun "
        f"{', '.join(result['runs'])}. A ratio above 1 means that this code is faster than PyTorch's fastest side."
    )

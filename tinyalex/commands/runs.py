"""`tinyalex runs`: your runs in one table, with their errors side by side."""

from tinyalex.commands.options import print_table, print_text
from tinyalex.runs.listing import list_runs

DESCRIPTION = """\
List the runs in a folder and below it: model, data, epochs done and asked for, and the validation errors of the \
best epoch. Runs on the same data stand together, the lowest top-1 error first. A run that a process is writing is \
"training now"; a damaged one is listed with the reason."""
EXAMPLES = ("tinyalex runs", "tinyalex runs experiments --sort date", "tinyalex runs --json")

ORDERS = {
    "error": lambda run: (run["data"], run["top1_error"] is None, run["top1_error"] or 0, run["run"]),
    "name": lambda run: run["run"],
    "date": lambda run: (-run["changed"], run["run"]),
}


def add_arguments(parser):
    parser.add_argument("folder", metavar="DIR", nargs="*", default=["runs"], help="folders to look into (runs)")
    parser.add_argument(
        "--sort", choices=ORDERS, default="error", help="error (the default), name, or date: newest first"
    )


def run(args):
    found, broken = {}, {}  # by name, as a folder may be given twice
    for folder in args.folder:
        runs, damaged = list_runs(folder)
        found |= {one["run"]: one for one in runs}
        broken |= {one["run"]: one for one in damaged}
    return {"runs": sorted(found.values(), key=ORDERS[args.sort]), "broken": list(broken.values())}


def show(result):
    if not result["runs"]:
        print_text("no runs here; `tinyalex train` writes one")
    else:
        print_table(
            ("run", "model", "data", "epochs", "top-1 error", "top-5", "state"), _rows(result["runs"]), right=(3, 4, 5)
        )
    if result["broken"]:
        print()
    for one in result["broken"]:
        print_text(f"cannot be listed: {one['run']}: {one['reason']}")


def _rows(runs):
    for one in runs:
        errors = ("–" if one[key] is None else f"{one[key]:.1%}" for key in ("top1_error", "top5_error"))
        epochs = f"{one['epochs_done']}/{one['epochs']}" if one["data"] else "–"
        yield one["run"], one["model"], one["data"] or "–", epochs, *errors, one["state"]

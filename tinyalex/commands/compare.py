"""`tinyalex compare`: two trained networks, what differs between them and what that changed."""

import os
import textwrap
from pathlib import Path

from tinyalex.commands.options import add_device, open_device, print_table
from tinyalex.errors import UserError
from tinyalex.experiments.comparison import compare, history, p_text, points
from tinyalex.runs.checkpoint import write_text
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.trained import open_runs

DESCRIPTION = (
    "What differs between two runs (settings, network, data, versions), and what that changed: errors and loss of both on\n"
    "the same validation pictures, the difference B − A with a 95 % interval from a paired bootstrap over the pictures,\n"
    "McNemar's test on those that only one of them got wrong, and the classes whose error changed most.\n"
    "RUN_A and RUN_B are run folders (their best epochs are taken) or .safetensors files; they must know the same classes."
)
EXAMPLES = (
    "tinyalex compare runs/first runs/second",
    "tinyalex compare runs/with-lrn runs/without-lrn --ten-crop --out reports/lrn",
    "tinyalex compare runs/first runs/first/last.safetensors --data data/tiny64 --json",
)
CLASSES_SHOWN = 10


def add_arguments(parser):
    parser.add_argument("run_a", metavar="RUN_A", help="run folder or checkpoint")
    parser.add_argument("run_b", metavar="RUN_B", help="the one to hold against it")
    parser.add_argument(
        "--data", metavar="FOLDER", help="prepared folder, or builtin (default: what RUN_A was trained on)"
    )
    parser.add_argument(
        "--ten-crop", action="store_true", help="average four corners, the centre and their mirror images"
    )
    parser.add_argument(
        "--out", metavar="FOLDER", help="new folder for compare.json, compare.md, compare.png (the curves)"
    )
    add_device(parser)


def run(args):
    if args.out:
        _check_new(Path(args.out))
    xp = open_device(args)
    (a, b), data, split = open_runs((args.run_a, args.run_b), xp, args.data, quiet=args.json)
    result = compare(a, b, data, split, xp, args.ten_crop, quiet=args.json)
    if args.out:
        result["out"] = args.out
        _write(RunFolder(args.out), result, (history(a), history(b)))
    return result


def _check_new(path):
    """UserError unless `path` is an empty folder, or one that can be made: known before any picture is looked at."""
    if path.is_dir() and any(path.iterdir()):
        raise UserError(f"--out {path}: not empty; choose another folder")
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise UserError(f"--out {path}: {there} is a file, expected a folder")
    if not os.access(there, os.W_OK):
        raise UserError(f"--out {path}: folder {there} cannot be written to")


def _write(folder, result, histories):
    """The three files; the picture only where a run has finished an epoch."""
    from tinyalex import plots  # here, since Matplotlib takes a second to import

    folder.make()
    names = [f"{side.upper()}: {result[side]['run']}" for side in ("a", "b")]
    picture = any(histories)
    if picture:
        plots.save(plots.compared_curves(histories, names), folder.path / "compare.png")
    write_text(folder.path / "compare.md", _markdown(result, picture))
    folder.write_json("compare.json", result)


# ---------------------------------------------------------------------------------------------- for people


def show(result):
    for side in ("a", "b"):
        print(_name(result, side))
    print(f"\n{result['cause']}")
    for header, rows, right in _tables(result):
        print()
        print_table(header, rows, right)
    for text in (result["reading"], *result["notes"]):
        print("\n" + textwrap.fill(text, 118))
    if "out" in result:
        print(f"\nWritten: {result['out']}/compare.md")


def _name(result, side):
    one = result[side]
    return f"{side.upper()}  {one['run']}: {one['model']}, epoch {one['epoch']} of {one['epochs']}"


def _tables(result):
    """(header, rows, columns to align right) of what differs, of the errors, and of the classes that changed most."""
    if result["differences"]:
        rows = [(thing["what"], _cell(thing["a"]), _cell(thing["b"])) for thing in result["differences"]]
        yield ("what differs", "A", "B"), rows, ()
    view = f"{result['images']:,} pictures, {'ten crops' if result['ten_crop'] else 'centre crop'}"
    header = (view, "A", "B", "B − A", "95 % interval", "only A wrong", "only B wrong", "McNemar's test")
    yield header, list(_errors(result)), (1, 2, 3, 4, 5, 6, 7)
    changed = [one for one in result["classes"] if one["wrong_a"] != one["wrong_b"]]
    if changed:
        title = f"{len(changed)} of {len(result['classes'])} classes changed"
        header = (title, "pictures", "A wrong", "B wrong", "B − A, percentage points")
        yield header, [_class_row(one) for one in changed[:CLASSES_SHOWN]], (1, 2, 3, 4)


def _errors(result):
    """Top-1 and top-5 error in percent, differing by percentage points; and the loss."""
    for key, name in (
        ("top1_error", "top-1 error, percentage points"),
        ("top5_error", "top-5 error, percentage points"),
    ):
        found = result["change"][key]
        difference, low, high = (points(found[end], "+") for end in ("difference", "low", "high"))
        errors = (f"{result[side][key]:.1%}" for side in ("a", "b"))
        yield name, *errors, difference, f"{low} to {high}", found["only_a"], found["only_b"], p_text(found["p"])
    found = result["change"]["loss"]
    difference, low, high = (f"{found[end]:+.3f}".replace("-", "−") for end in ("difference", "low", "high"))
    yield "loss", *(f"{result[side]['loss']:.3f}" for side in ("a", "b")), difference, f"{low} to {high}", "", "", ""


def _class_row(one):
    changed = (one["wrong_b"] - one["wrong_a"]) / one["images"]
    return one["class"], one["images"], one["wrong_a"], one["wrong_b"], points(changed, "+")


def _cell(value):
    """A setting's value for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not recorded" if value is None else "—" if value == "" else str(value)


def _markdown(result, picture):
    parts = ["# Two networks compared", "\n".join(f"- {_name(result, side)}" for side in ("a", "b")), result["cause"]]
    for header, rows, right in _tables(result):
        rule = ["---:" if i in right else "---" for i in range(len(header))]
        lines = [[str(cell).replace("|", "\\|") for cell in row] for row in (header, rule, *rows)]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    parts += [result["reading"], *result["notes"]]
    if picture:
        parts.append("![Training and validation error of both by epoch](compare.png)")
    return "\n\n".join(parts) + "\n"

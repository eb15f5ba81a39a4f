"""`tinyalex compare`: two trained networks, their differences, and what those changed."""

import os
import textwrap
from pathlib import Path

from tinyalex.commands.options import add_device, open_device, print_table
from tinyalex.errors import UserError
from tinyalex.experiments.comparison import compare, p_text, points
from tinyalex.files import write_text
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.trained import history, open_runs

DESCRIPTION = (
    "Compare two runs: the settings, network, data and versions that differ; errors and losses on the same validation\n"
    "pictures; the difference B − A with a 95 % interval from a paired bootstrap over the pictures; McNemar's test on\n"
    "the pictures that only one got wrong; and the classes whose error changed most. RUN_A and RUN_B are run folders\n"
    "(the best epoch counts) or .safetensors files, with the same classes."
)
EXAMPLES = (
    "tinyalex compare runs/first runs/second",
    "tinyalex compare runs/with-lrn runs/without-lrn --ten-crop --out reports/lrn",
    "tinyalex compare runs/first runs/first/last.safetensors --data data/tiny64 --json",
)
CLASSES_SHOWN = 10


def add_arguments(parser):
    add = parser.add_argument
    add("run_a", metavar="RUN_A", help="run folder or checkpoint")
    add("run_b", metavar="RUN_B", help="the run to compare with it")
    add("--data", metavar="FOLDER", help="prepared folder, or builtin (default: RUN_A's training data)")
    add("--ten-crop", action="store_true", help="average four corners, the centre and their mirror images")
    add("--out", metavar="FOLDER", help="new folder for compare.json, compare.md and compare.png (the curves)")
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
    """UserError unless `path` is an empty folder or can be made; checked before any picture is read."""
    if path.is_dir() and any(path.iterdir()):
        raise UserError(f"--out {path}: not empty; choose another folder")
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise UserError(f"--out {path}: {there} is a file, expected a folder")
    if not os.access(there, os.W_OK):
        raise UserError(f"--out {path}: folder {there} cannot be written to")


def _write(folder, result, histories):
    """Write the three files; the picture only if a run has finished an epoch."""
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
    """(header, rows, columns to align right) for the differences, the errors, and the classes that changed most."""
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
    """Rows for top-1 and, if it says anything, top-5 error, with differences in percentage points, and the loss."""
    for k in (1, 5):
        key = f"top{k}_error"
        if key not in result["change"]:
            continue
        found = result["change"][key]
        difference, low, high = (points(found[end], "+") for end in ("difference", "low", "high"))
        cells = *(f"{result[side][key]:.1%}" for side in ("a", "b")), difference, f"{low} to {high}"
        yield f"top-{k} error, percentage points", *cells, found["only_a"], found["only_b"], p_text(found["p"])
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

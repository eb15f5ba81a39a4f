"""`tinyalex compare`: two trained networks or more: how they differ, and what that changed."""

from tinyalex.commands.options import add_device, open_device, print_table, print_text
from tinyalex.experiments.comparison import compare, p_text, points
from tinyalex.experiments.several import check_count, compare_several, settings, verdict
from tinyalex.files import target, write_text
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.trained import history, open_runs

DESCRIPTION = """\
Compare two runs: the settings, network, data and versions that differ; their errors and losses on the same \
validation pictures; the difference B − A with a 95 % interval (a paired bootstrap over the pictures); McNemar's \
test on the pictures that only one of them got wrong; and the classes whose error changed most.

A run is a folder, whose best epoch is taken, or a .safetensors file; all must have the same classes. Further RUNs \
are each compared with RUN_A, and McNemar's test is corrected for their number (Holm)."""
EXAMPLES = (
    "tinyalex compare runs/first runs/second",
    "tinyalex compare runs/with-lrn runs/without-lrn --ten-crop --out reports/lrn",
    "tinyalex compare runs/plain runs/tanh runs/no-lrn runs/pool-2",
    "tinyalex compare runs/first/last.safetensors runs/second/last.safetensors --data data/tiny64 --json",
)
CLASSES_SHOWN = 10
LETTER = 3  # columns of a run's letter and what divides it from the words


def add_arguments(parser):
    add = parser.add_argument
    add("run_a", metavar="RUN_A", help="run folder or checkpoint")
    add("run_b", metavar="RUN_B", help="the run to compare with it")
    add("others", metavar="RUN", nargs="*", default=[], help="more runs to compare with RUN_A, each alone")
    add(
        "--data",
        metavar="FOLDER",
        help="a folder that `prepare` wrote, or builtin (default: the data that RUN_A was trained on)",
    )
    add("--ten-crop", action="store_true", help="average over four corners, the centre and their mirror images")
    add("--out", metavar="FOLDER", help="new folder for compare.json, compare.md and compare.png (the curves)")
    add_device(parser)


def run(args):
    if args.out:
        RunFolder.fresh(args.out)
    paths = (args.run_a, args.run_b, *args.others)
    check_count(paths)
    xp = open_device(args)
    runs, data, split = open_runs(paths, xp, args.data)
    if args.others:
        result = compare_several(runs, data, split, xp, args.ten_crop)
    else:
        result = compare(*runs, data, split, xp, args.ten_crop)
    if args.out:
        result["out"] = args.out
        _write(RunFolder(target(args.out)), result, [history(one) for one in runs])
    return result


def _write(folder, result, histories):
    """Write the three files; the picture only if a run has finished an epoch."""
    from tinyalex import plots  # here, since Matplotlib takes a second to import

    names = [f"{name}: {one['run']}" for name, one in _sides(result)]
    picture = any(histories)
    with folder.held():
        if picture:
            plots.save(plots.compared_curves(histories, names), folder.path / "compare.png")
        write_text(folder.path / "compare.md", _markdown(result, picture))
        folder.write_json("compare.json", result)


# ---------------------------------------------------------------------------------------------- for people


def show(result):
    for side in _sides(result):
        print_text(_name(side), LETTER)
    print_text("\n" + "\n".join(_causes(result)), LETTER if "comparisons" in result else 0)
    for header, rows, right in _tables(result):
        print()
        print_table(header, rows, right)
    for text in (result["reading"], *result["notes"]):
        print_text("\n" + text)
    if "out" in result:
        print_text(f"\nWritten: {result['out']}/compare.md")


def _sides(result):
    """[(letter, its own numbers)] of the networks."""
    several = [(one["name"], one) for one in result.get("runs", ())]
    return several or [("A", result["a"]), ("B", result["b"])]


def _name(side):
    name, one = side
    epochs = f"epoch {one['epoch']} of {one['epochs']}" if one["epoch"] else "imported"
    return f"{name}  {one['run']}: {one['model']}, {epochs}"


def _causes(result):
    """A sentence on what differs between the two, or between A and each of the others."""
    return [f"{one['name']}: {one['cause']}" for one in result.get("comparisons", ())] or [result["cause"]]


def _tables(result):
    """(header, rows, columns to align right) for the differences, the errors, and the classes that changed most."""
    if "comparisons" in result:
        yield from _tables_of_several(result)
        return
    if result["differences"]:
        rows = [(thing["what"], _cell(thing["a"]), _cell(thing["b"])) for thing in result["differences"]]
        yield ("what differs", "A", "B"), rows, ()
    header = (_view(result), "A", "B", "B − A", "95 % interval", "only A wrong", "only B wrong", "McNemar's test")
    yield header, list(_errors(result)), (1, 2, 3, 4, 5, 6, 7)
    changed = [one for one in result["classes"] if one["wrong_a"] != one["wrong_b"]]
    if changed:
        title = f"{len(changed)} of {len(result['classes'])} classes changed"
        header = (title, "pictures", "A wrong", "B wrong", "B − A, percentage points")
        yield header, [_class_row(one) for one in changed[:CLASSES_SHOWN]], (1, 2, 3, 4)


def _tables_of_several(result):
    """(header, rows, columns to align right) for the differences, and the errors of each beside A's."""
    names = [name for name, _ in _sides(result)]
    if rows := [(what, *map(_cell, values)) for what, *values in settings(result["comparisons"])]:
        yield ("what differs", *names), rows, ()
    tops = [k for k in (1, 5) if f"top{k}_error" in result["runs"][0]]
    header = (_view(result), *(f"top-{k}" for k in tops), "loss", "top-1 − A's", "95 % interval", "only A wrong")
    rows, compared = [], [None, *result["comparisons"]]
    for (name, own), one in zip(_sides(result), compared):
        cells = name, *(f"{own[f'top{k}_error']:.1%}" for k in tops), f"{own['loss']:.3f}"
        rows.append((*cells, *(_against(one) if one else [""] * 5)))
    yield (*header, "only it wrong", "compared with A (McNemar's test)"), rows, range(1, len(header) + 1)


def _against(one):
    found = one["change"]["top1_error"]
    difference, low, high = (points(found[end], "+") for end in ("difference", "low", "high"))
    return difference, f"{low} to {high}", *_only(found), verdict(one)


def _only(found):
    """How many pictures only A, and only the other, got wrong."""
    return f"{found['only_a']:,}", f"{found['only_b']:,}"


def _view(result):
    return f"{result['images']:,} pictures, {'ten crops' if result['ten_crop'] else 'centre crop'}"


def _errors(result):
    """Rows for top-1 and, if it says anything, top-5 error, with differences in percentage points, and the loss."""
    for k in (1, 5):
        key = f"top{k}_error"
        if key not in result["change"]:
            continue
        found = result["change"][key]
        difference, low, high = (points(found[end], "+") for end in ("difference", "low", "high"))
        cells = *(f"{result[side][key]:.1%}" for side in ("a", "b")), difference, f"{low} to {high}"
        yield f"top-{k} error, percentage points", *cells, *_only(found), p_text(found["p"])
    found = result["change"]["loss"]
    difference, low, high = (f"{found[end]:+.3f}".replace("-", "−") for end in ("difference", "low", "high"))
    yield "loss", *(f"{result[side]['loss']:.3f}" for side in ("a", "b")), difference, f"{low} to {high}", "", "", ""


def _class_row(one):
    changed = (one["wrong_b"] - one["wrong_a"]) / one["images"]
    return one["class"], *(f"{one[key]:,}" for key in ("images", "wrong_a", "wrong_b")), points(changed, "+")


def _cell(value):
    """A setting's value for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not recorded" if value is None else "—" if value == "" else str(value)


def _markdown(result, picture):
    sides = _sides(result)
    title = "# Two networks compared" if len(sides) == 2 else f"# {len(sides)} networks compared"
    parts = [title, "\n".join(f"- {_name(side)}" for side in sides), *_causes(result)]
    for header, rows, right in _tables(result):
        rule = ["---:" if i in right else "---" for i in range(len(header))]
        lines = [[str(cell).replace("|", "\\|") for cell in row] for row in (header, rule, *rows)]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    parts += [result["reading"], *result["notes"]]
    if picture:
        parts.append("![Training and validation error by epoch](compare.png)")
    return "\n\n".join(parts) + "\n"

"""One table from several runs of the benchmark: the lowest median of each figure, and the range of all rounds."""

from tinyalex.bench.figures import fraction_name
from tinyalex.bench.turns import THEIRS, WORKS
from tinyalex.errors import UserError
from tinyalex.schema import each, number, one_of, or_null, read_json, record, table, text, truth, whole

LEAST = 3  # runs
SAME = {  # what makes a row of one run the row of another
    "model": text(),
    "batch": whole(1),
    "lrn": truth,
    "device": text(),
    "tf32": or_null(truth),
    "threads": whole(1),
}
MACHINE = dict.fromkeys(("gpu", "blas", "cupy", "torch"), or_null(text())) | {
    "cpu": text(),
    "threads": whole(1),
    "numpy": text(),
}


def _spread(name):
    return name, f"{name}_low", f"{name}_high"


def _speeds(work):
    """The entries of a row for one kind of work."""
    rate = record(dict.fromkeys(_spread("images_per_s"), number(0)))
    ours = (*_spread(f"{work}_images_per_s"), f"{work}_gflops", fraction_name(work))
    return {
        **dict.fromkeys(ours, number(0)),
        f"torch_{work}_sides": or_null(table(rate)),
        f"torch_{work}_fastest": or_null(one_of(*THEIRS)),
        **dict.fromkeys(_spread(f"{work}_ratio"), or_null(number(0))),
    }


ROW = record(SAME, **{key: kind for work in WORKS for key, kind in _speeds(work).items()})
RUN = record(began=text(least=1), machine=record(MACHINE), results=each(ROW, 1))


def merge(paths):
    """{"runs": when each began, "machine", "results": rows of speeds} from files that `tinyalex bench --json` wrote.

    UserError for fewer than LEAST, and for runs that are one and the same, of other machines or of other rows
    """
    if len(paths) < LEAST:
        raise UserError(f"found {len(paths)}, expected {LEAST} files or more", "merge")
    runs = [read_json(path, RUN) for path in paths]
    for path, run in zip(paths, runs):
        _check_whole(path, run)
    for place in range(1, len(runs)):
        _check(paths, runs, place)
    rows = [_merged(rows) for rows in zip(*(run["results"] for run in runs))]
    return {"runs": sorted(run["began"] for run in runs), "machine": runs[0]["machine"], "results": rows}


def _check_whole(path, run):
    """UserError if a row has a part of PyTorch's figures for one kind of work."""
    for row in run["results"]:
        for work in WORKS:
            theirs = f"torch_{work}_sides", f"torch_{work}_fastest", *_spread(f"{work}_ratio")
            if len({row[key] is None for key in theirs}) > 1:
                raise UserError(f"{path}: found a part of PyTorch's {work}, expected all of it or none", "merge")


def _check(paths, runs, place):
    """UserError unless a run is another than those before it, of the same rows on the same machine."""
    run, first = runs[place], runs[0]
    for path, other in zip(paths[:place], runs):
        if run["began"] == other["began"]:
            raise UserError(f"{paths[place]} and {path} are the same run, begun {run['began']}", "merge")
    for key, value in first["machine"].items():
        if run["machine"].get(key) != value:
            found = f"found {key} {run['machine'].get(key)}, expected {value}, as in {paths[0]}"
            raise UserError(f"{paths[place]}: {found}", "merge")
    if [_identity(row) for row in run["results"]] != [_identity(row) for row in first["results"]]:
        raise UserError(f"{paths[place]}: found other rows or sides, expected the same as in {paths[0]}", "merge")


def _identity(row):
    """A row's networks and sides."""
    return [row[key] for key in SAME], [list(row[f"torch_{work}_sides"] or {}) for work in WORKS]


def _merged(rows):
    """One row of several runs."""
    merged = {key: rows[0][key] for key in SAME}
    for work in WORKS:
        for name in (f"{work}_images_per_s", f"{work}_ratio"):
            merged |= _lowest(name, rows)
        for name in (f"{work}_gflops", fraction_name(work)):
            merged[name] = min(row[name] for row in rows)
        sides = [row[f"torch_{work}_sides"] or {} for row in rows]
        rates = {side: _lowest("images_per_s", [one[side] for one in sides]) for side in sides[0]}
        fastest = dict.fromkeys(row[f"torch_{work}_fastest"] for row in rows)  # each once, in order
        merged |= {
            f"torch_{work}_sides": rates or None,
            f"torch_{work}_fastest": " or ".join(fastest) if rates else None,
        }
    return merged


def _lowest(name, rows):
    """The lowest median, the lowest and the highest round; all None where a run has none."""
    middle, low, high = _spread(name)
    if any(row[middle] is None for row in rows):
        return dict.fromkeys(_spread(name))
    return {middle: min(r[middle] for r in rows), low: min(r[low] for r in rows), high: max(r[high] for r in rows)}

"""`tinyalex experiment`: the paper's claims, run again."""

import shlex
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from tinyalex import plots
from tinyalex.backend import thread_count
from tinyalex.commands.options import REPLACED, add_device, open_device, print_table, print_text, refuse
from tinyalex.data import open_dataset, outline
from tinyalex.errors import UserError
from tinyalex.experiments import outlook, report, schedule
from tinyalex.experiments.chart import effects
from tinyalex.experiments.claims import CLAIMS, find_claims
from tinyalex.experiments.designs import at_scale
from tinyalex.experiments.lab import Lab, network_of
from tinyalex.experiments.plan import SCALES
from tinyalex.experiments.running import is_done, train_all
from tinyalex.experiments.table import beside, check_table, earlier, write_table
from tinyalex.files import check_folder, target, write_text
from tinyalex.lines import command
from tinyalex.models import find_model
from tinyalex.runs.folder import RunFolder
from tinyalex.terminal import say
from tinyalex.training.checks import check_fit

DESCRIPTION = """\
Run the paper's claims again. An experiment changes one thing and trains with and without it, over several seeds, on \
the same pictures in the same order. It writes result.json, result.md and figure.png: the effect, its 95 % interval \
over seeds, the paper's figure, and a verdict: reproduced; opposite; less than a margin set beforehand, the paper's \
figure where it has one; or not resolved at this scale. C16 to C20 are about AlexNet's successors: VGG, batch \
normalisation, ResNet; C12 and C21 to C23 about transfer. Without NAME, list the claims.

--plan trains nothing. It prints the runs of the claims, the effect that they show 80 % of the time, the half-width of \
the interval to expect, and the time, where these are known. --scale planned gives each claim that was left open its \
own pictures, length and seeds, and measures errors on the training pictures too that no run of the claim uses.

--power trains nothing. It reads recorded results (--table). For each row it prints the spread of the effect over \
seeds, the smallest effect that this number of seeds shows 80 % of the time, and how many seeds the paper's effect and \
the found one would need. Ranges come from the 95 % interval of the spread, which is wide for few seeds. "Pooled" is \
the spread over all rows of the same quantity, network and data; it is used where it is given. Such rows share runs, \
so its range is too narrow.

Claims share runs. Ctrl-C saves, and the same command resumes. Finished runs are not trained again: after changing \
the code, delete OUT/runs."""
EXAMPLES = (
    "tinyalex experiment",
    "tinyalex experiment C3",
    "tinyalex experiment C17 C18",
    "tinyalex experiment --power --table lessons/claims.md",
    "tinyalex experiment all --scale planned --plan",
    "tinyalex experiment lrn --data data/tiny64 --pictures 500000 --seeds 5",
    "tinyalex experiment all --table claims.md",
    "tinyalex experiment all --scale full --data data/tiny64 --device gpu",
)

MOST_SEEDS = 1000
TRAINING = {  # options of training, with their defaults
    **dict.fromkeys(("data", "seeds", "pictures", "model", "out", "jobs", "threads")),
    "scale": "quick",
    "plan": False,
    "device": "auto",
}


def add_arguments(parser):
    add, scales = parser.add_argument, "; ".join(f"{s.name}: {s.about}" for s in SCALES.values())
    add("name", metavar="NAME", nargs="*", help="claims, such as C3 or lrn, or all")
    add("--data", metavar="FOLDER", help="a folder that `prepare` wrote, or builtin (default: the scale's)")
    add("--scale", choices=SCALES, default="quick", help=scales)
    seeds = "runs with the change, and as many without it (default: the claim's or the scale's)"
    add("--seeds", type=int, metavar="N", help=seeds)
    add(
        "--pictures",
        type=int,
        metavar="N",
        help="pictures that a run trains on, counting repeats; at --scale planned, times each claim's share (default: "
        "the scale's)",
    )
    add("--model", metavar="NAME", help="the network to vary (default: the scale's)")
    add("--out", metavar="FOLDER", help="folder for runs and results (default: runs/experiments-SCALE)")
    add("--jobs", type=int, metavar="N", help="runs at a time (default: one per thread; 1 on a GPU)")
    table = (
        "also write the results as one Markdown table, and as JSON beside it; other claims there stay, each with the "
        f"data it was run on; {REPLACED}"
    )
    add("--table", metavar="FILE.md", help=table)
    add("--power", action="store_true", help="print what the results in --table can tell, and the seeds that they lack")
    add(
        "--plan",
        action="store_true",
        help="print the runs, what they can show, and their time; --table writes it, at --scale planned",
    )
    add_device(parser)


def run(args):
    if args.power:
        return {"power": _power(args)}
    if not args.name:
        _check_bare(args)
        return {"claims": [{"id": c.id, "name": c.name, "title": c.title, "paper": c.says} for c in CLAIMS.values()]}
    claims = list({claim.id: claim for name in args.name for claim in find_claims(name)}.values())
    claims = at_scale(claims, SCALES[args.scale])
    for name in ("seeds", "pictures", "jobs"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise UserError(f"--{name}: found {value}, expected 1 or more")
    if args.seeds is not None and args.seeds > MOST_SEEDS:
        raise UserError(f"--seeds: found {args.seeds}, expected 1 to {MOST_SEEDS}")
    typed = "tinyalex " + shlex.join(sys.argv[1:])
    if args.table and args.plan and args.scale != "planned":
        raise UserError(f"--plan: found --table at --scale {args.scale}, expected --scale planned with it")
    if args.table:
        (schedule.check_page if args.plan else check_table)(Path(args.table))
    lab = _lab(args, claims)
    seeds = {claim.id: args.seeds or claim.seeds or lab.scale.seeds for claim in claims}
    if args.plan:
        return _plan(lab, claims, seeds, args, typed)
    _others(args.table, claims)  # its errors come first
    with ExitStack() as holds:
        for folder in (RunFolder(lab.out), *(_folder(lab, claim) for claim in claims)):  # errors there come first
            holds.enter_context(folder.held())
        _train(lab, claims, seeds, args)
        results = [_report(lab, claim, seeds[claim.id], typed) for claim in claims]
    if args.table:
        write_table(Path(args.table), _others(args.table, claims) + results)  # read again: hours have passed
    return {"results": results, "out": str(lab.out), "table": args.table}


def _check_bare(args):
    """UserError if options for a claim are given, but no claim."""
    defaults, others = (None, "quick", "auto"), ("name", "command", "module", "spelling", "json")
    given = [
        name
        for name, value in vars(args).items()
        if value is not False and value not in defaults and name not in others
    ]
    if given:
        raise UserError(f"--{given[0]}: found no NAME, expected a claim or all with it; see {command('experiment')}")


def _power(args):
    """The rows of `outlook` of the claims asked for, or of all; other claims in the table tell of the spread too."""
    if args.table is None:
        raise UserError("--power: found no --table, expected one with recorded results")
    refuse(args, TRAINING, "--power")
    if not beside(args.table).exists():
        raise UserError(f"{beside(args.table)}: no such file, expected one that `experiment --table` wrote", "table")
    ids = {claim.id for name in args.name or ["all"] for claim in find_claims(name)}
    found = [row for row in outlook.outlook(earlier(Path(args.table))) if row["id"] in ids]
    if not found:
        raise UserError(f"found no results of {' '.join(args.name) or 'any claim'} over several seeds", "table")
    return found


def _lab(args, claims):
    """The `Lab` that the options describe."""
    scale, xp = SCALES[args.scale], open_device(args)
    model, data = find_model(args.model or scale.model), args.data or scale.data
    out = target(args.out or f"runs/experiments-{scale.name}")
    check_folder(out, "out")
    try:
        about = outline(data)
    except UserError as error:
        if args.data is not None:
            raise
        raise UserError(
            f"the pictures of --scale {scale.name}: {error}; name others, or prepare these", "data"
        ) from None
    _check_networks({claim.id: network_of(claim, scale, model.name) for claim in claims}, args.model, about)
    return Lab(scale, open_dataset(data), data, out, xp, model.name, args.pictures)


def _check_networks(networks, asked, data):
    """UserError unless some claim varies the network asked for, and the data fit all. networks: {claim's id: name}"""
    names = list(dict.fromkeys(networks.values()))
    if asked and asked not in names:
        raise UserError(f"found {asked}, expected a network of the kind of {' or '.join(names)}", "model")
    for name in names:
        try:
            check_fit(data, find_model(name))
        except UserError as error:
            if len(names) == 1:
                raise
            these = ", ".join(id for id, network in networks.items() if network == name)
            raise UserError(f"for {these}, {error.args[0]}", "model") from None


def _plan(lab, claims, seeds, args, typed):
    """The plan of the claims' runs, and its page."""
    plan, jobs = schedule.schedule(lab, claims, seeds), _jobs(lab, args)
    if args.table and plan["done"]:
        raise UserError(f"--plan: found {plan['done']} of {plan['runs']} runs done, expected none: a plan comes first")
    if args.table:
        schedule.write_page(args.table, plan, jobs, typed)
    return {"plan": plan, "jobs": jobs}


def _jobs(lab, args):
    return args.jobs or (thread_count() if lab.xp is np else 1)


def _others(table, claims):
    """The results of other claims that the table has from earlier runs."""
    kept = earlier(Path(table)) if table else []
    return [result for result in kept if result["id"] not in {claim.id for claim in claims}]


def _train(lab, claims, seeds, args):
    """Train the runs not yet trained."""
    for claim in claims:
        if expected := report.foreseen(claim, seeds[claim.id]):
            say(f"{claim.id}: {claim.title}{'' if claim.title.endswith('?') else '.'} {expected}")
    runs = list({run.folder: run for claim in claims for run in lab.runs(claim, seeds[claim.id])}.values())
    jobs = _jobs(lab, args)
    say(f"{schedule.total_text(schedule.schedule(lab, claims, seeds), jobs)} → {lab.out}/runs")
    try:
        train_all(runs, args.device, jobs)
    except KeyboardInterrupt:
        done = f"{sum(map(is_done, runs))} of {len(runs)} runs done"
        raise KeyboardInterrupt(f"stopped and saved, {done}; the same command resumes") from None


def _folder(lab, claim):
    return RunFolder(lab.out / f"{claim.id}-{claim.name}")


def _report(lab, claim, seeds, typed):
    """Read a claim's numbers off its runs and write them to its folder."""
    result = report.result_of(claim, lab, seeds) | {"command": typed}
    folder = _folder(lab, claim)
    folder.write_json("result.json", result)
    write_text(folder.path / "result.md", report.markdown(result))
    plots.save(effects(result), folder.path / "figure.png")
    say(f"{claim.id} {claim.title}: {result['verdict']}")
    return result


def show(result):
    if "plan" in result:
        print_table(schedule.HEADER, schedule.cells(result["plan"], result["jobs"]), schedule.RIGHT)
        print_text(f"\n{schedule.total_text(result['plan'], result['jobs'])}")
        return
    if "power" in result:
        print_table(outlook.HEADER, outlook.cells(result["power"]), outlook.RIGHT)
        return
    if "claims" in result:
        print_table(("", "name", "claim", "the paper"), [tuple(claim.values()) for claim in result["claims"]])
        print_text("\nTo run one claim (or all, with `all` instead of its name):")
        print_text(f"  {command('experiment', 'C3')}")
        return
    for r in result["results"]:
        print_text(f"\n{r['id']} {r['title']}: {r['verdict']}{report.diverged_text(r)}. The paper: {r['paper']}.")
        rows = []
        for c in r["contrasts"]:
            sides = f"{report.side_text(c, 'a')}; {report.side_text(c, 'b')}"
            rows.append((c["what"], report.interval_text(c), report.paper_text(c), sides))
        print_table(("", "effect (95 % interval)", "the paper's", "sides"), rows)
    folders = ", ".join(f"{r['id']}-{r['name']}" for r in result["results"])
    print_text(f"\nWritten to {result['out']}: {folders}, each with result.md, result.json and figure.png")

"""The plan of claims before their runs: the sides that each compares, the smallest effect it can show, its time."""

from datetime import date
from pathlib import Path

import numpy as np

from tinyalex.experiments.designs import DESIGNS, SPREAD
from tinyalex.experiments.power import POWER, half_width, smallest_effect
from tinyalex.experiments.report import number
from tinyalex.experiments.running import is_done
from tinyalex.files import check_file, write_text

TITLE = "# The plan of the claims' second runs"
EVALUATION = 0.4  # of a training picture's time: a forward pass of a picture; `tinyalex bench` measures both


def schedule(lab, claims, seeds):
    """The plan as JSON values. seeds: {claim's id: number}

    "claims": a dict for each;  "runs", "done": trained once each, whichever claims share them
    "seconds": of the runs left, on one job; None if their rate is unknown
    """
    runs, rows = {}, []
    for claim in claims:
        own = {run.folder: run for run in lab.runs(claim, seeds[claim.id])}
        new = {folder: run for folder, run in own.items() if folder not in runs}
        runs |= new
        rows.append(_row(lab, claim, seeds[claim.id]) | {"new_runs": len(new), "seconds": _seconds(lab, new.values())})
    left = [run for run in runs.values() if not is_done(run)]
    return {
        "scale": lab.scale.name,
        "data": lab.data,
        "claims": rows,
        "runs": len(runs),
        "done": len(runs) - len(left),
        "seconds": _seconds(lab, left),
    }


def _row(lab, claim, seeds):
    """One claim of the plan, with the data and length of its first arm. The first contrast decides."""
    first, run = claim.contrasts[0], lab.run(next(iter(claim.arms.values())), 0, lab.network(claim))
    dataset = lab.dataset(_part(lab, run))
    known = first.unit == "points" and claim.spread and seeds > 1
    return {
        "id": claim.id,
        "title": claim.title,
        "says": claim.says,
        "arms": {name: _arm_text(lab.network(claim) + arm.variation, arm.settings) for name, arm in claim.arms.items()},
        "data": run.config.data,
        "classes": len(dataset.class_ids),
        "pictures": len(dataset.train),
        "epochs": run.config.epochs,
        "seeds": seeds,
        "judged": len(dataset.train if first.what.startswith("training") else lab.judged(_part(lab, run))),
        "measure": first.what,
        "unit": first.unit,
        "sides": [first.a.label, first.b.label],
        "direction": first.direction,
        "paper": first.paper,
        "margin": first.bound,
        "shows": claim.spread * smallest_effect(seeds) if known else None,
        "half_width": claim.spread * half_width(seeds) if known else None,
    }


def _arm_text(model, settings):
    return ", ".join([model, *(f"{name}={value}" for name, value in settings.items())])


def _part(lab, run):
    return run.config.data.removeprefix(lab.data)


def _seconds(lab, runs):
    """The time of runs, one after another on one job; None if their rate is unknown."""
    if not lab.scale.rate or lab.model != lab.scale.model or lab.xp is not np:
        return None
    return sum(_work(lab, run) for run in runs) / lab.scale.rate


def _work(lab, run):
    """The work of a run in training pictures, with the evaluation of each epoch and of the end."""
    part = _part(lab, run)
    train, val = (len(split) for split in (lab.dataset(part).train, lab.dataset(part).val))
    return run.config.epochs * (train + EVALUATION * val) + EVALUATION * (len(lab.judged(part)) + train)


# ---------------------------------------------------------------------------------------------- words

HEADER = ("", "claim", "measure", "data", "epochs", "seeds", "margin", "shows", "interval", "runs", "minutes")
RIGHT = (4, 5, 6, 7, 8, 9, 10)


def cells(plan, jobs):
    """Rows of text for a table under HEADER. jobs: at a time"""
    return [
        (
            row["id"],
            row["title"],
            f"{row['measure']} of {row['judged']:,} pictures: {' − '.join(row['sides'])}",
            f"{row['data']}: {row['classes']} classes, {row['pictures']:,} pictures",
            str(row["epochs"]),
            str(row["seeds"]),
            "–" if row["margin"] is None else number(row["margin"], row["unit"], sign=False),
            "" if row["shows"] is None else number(row["shows"], row["unit"], sign=False),
            "" if row["half_width"] is None else "± " + number(row["half_width"], row["unit"], sign=False),
            str(row["new_runs"]),
            "" if row["seconds"] is None else f"{row['seconds'] / jobs / 60:.0f}",
        )
        for row in plan["claims"]
    ]


def total_text(plan, jobs):
    """ "20 of 134 runs already done, 2 at a time; the others take about 2.5 hours"."""
    text = f"{plan['done']} of {plan['runs']} runs already done, {jobs} at a time"
    if plan["seconds"] is None:
        return text
    return f"{text}; the others take about {plan['seconds'] / jobs / 3600:.1f} hours"


def check_page(path):
    """UserError unless the plan can be written at `path`."""
    check_file(Path(path), ".md", TITLE.encode(), "table")


def write_page(path, plan, jobs, typed):
    """Write the plan as a Markdown page. jobs: at a time;  typed: the command"""
    write_text(Path(path), page(plan, jobs, typed))


def page(plan, jobs, typed):
    """The plan of claims at the scale "planned" as a Markdown page."""
    sections = "\n".join(_section(row, jobs) for row in plan["claims"])
    return f"""{TITLE}

Printed on {date.today()}, before the runs, by

```sh
{typed}
```

Earlier results chose the claims, among C1 to C15: three seeds left their first row open, or another row, as with C4
and C7. Their new results replace the old ones, whichever way they go. The effects found chose nothing else. The base
alone was trained for a minute on parts like these, to see that it learns, and how fast; the rest was tried on a
single epoch of C3, C6 and C8, from which no net learns anything, and left as it was.

Chance moved the effect of a seed by 1.3 points on 500 pictures, and by 0.5 to 1.1 on 1,000 (C23): `tinyalex
experiment --power` said so of the results of three seeds; {SPREAD} is expected of these runs. Errors are measured on
the validation pictures and on the training pictures that are left out; no net of the claim trains on either. Both
sides of an effect have the same seed, hence the same order of pictures, and the same first weights in layers of the
same shape. The seeds vary; the pictures do not, so an interval does not cover their choice.

**The verdict** is that of a claim's first row, from Student's 95 % interval over seeds: *reproduced* if all of it
lies on the paper's side of no effect, *opposite* if on the other (for a question, "more with" the side that has
more); otherwise *less than* the margin, if all of it lies within the margin on both sides; otherwise *not resolved*.
The margin is the paper's figure, or 1.5 points in C15 and for C8's training errors; the others have none. The seeds
are the fewest with which the interval is expected to be no wider than the margin: if it is no wider, one of the first
three must come. "Shows": the effect that the interval tells from none {POWER:.0%} of the time. No seeds are added
because of a result; if the spread turns out larger than expected, `--power` prints how many would decide. "Less than"
means little of nets that have hardly learnt: the errors stand beside it.

{total_text(plan, jobs)}, and minutes more to measure
ten crops. Claims share runs: each counts those that the claims above it lack.

{sections}"""


def _section(row, jobs):
    """One claim of the page; the first contrasts of all that have a design are in points."""
    design, (a, b) = DESIGNS[row["id"]], row["sides"]
    arms = "; ".join(f"{name} ({text})" for name, text in row["arms"].items())
    paper = "" if row["paper"] is None else f"; the paper's effect: {number(row['paper'], 'points')} points"
    margin = "no margin" if row["margin"] is None else f"margin {row['margin']:.1f} points"
    seeds = f"{row['seeds']} seed{'s' if row['seeds'] > 1 else ''}" + (f" ({design.because})" if design.because else "")
    shown = "one seed shows nothing"
    if row["shows"] is not None:
        shown = f"shows {row['shows']:.1f} points, expected interval ± {row['half_width']:.2f}"
    time = "" if row["seconds"] is None else f", about {row['seconds'] / jobs / 60:.0f} minutes"
    return f"""## {row["id"]}: {row["title"]}

The paper: {row["says"]}.

* Measured: {row["measure"]} on {row["judged"]:,} pictures, {a} less {b}{paper}
* Arms: {arms}
* Data: {row["data"]}, {row["pictures"]:,} training pictures, {row["epochs"]} epochs: {design.regime.why}
* Resolution: {seeds}, {margin}; {shown}
* Cost: {row["new_runs"]} runs{time}
"""

"""The results of several claims as one Markdown table, with a JSON file beside it that a later run adds to."""

import json
import sys
from datetime import date
from pathlib import Path

from tinyalex.experiments.claims import CLAIMS
from tinyalex.experiments.report import (
    NULL,
    SCALE,
    diverged_text,
    interval_text,
    paper_text,
    pictures_text,
    seeds_text,
    side_text,
)
from tinyalex.files import check_file, write_text
from tinyalex.schema import cases, each, number, one_of, optional, or_null, read_json, record, text, whole

TITLE = "# The paper's claims, run again"
SIDE = record(label=text(), values=each(or_null(number())))
WORDS = {"what": text(), "a": SIDE, "b": SIDE, "verdict": text()}
ENDS = ("paper", "effect", "low", "high")


def _numbers(kind):
    return record(WORDS | dict.fromkeys(ENDS, or_null(kind)), effects=each(or_null(kind)))


RATIO = number(sys.float_info.min)  # above 0
CONTRAST = cases("unit", {"points": _numbers(number()), "×": _numbers(RATIO), "": _numbers(number())})
NAMES = {key: text() for key in ("title", "scale", "model", "data", "device", "verdict", "command")}
LATER = {
    "foreseen": optional(text()),
    "classes": optional(each(text())),
    "judged": optional(whole()),
}  # not in tables of earlier versions
COUNTS = {key: whole() for key in ("seeds", "pictures_a_run", "diverged")}
VERSIONS = record(numpy=text())
RESULT = record(NAMES | COUNTS | LATER, id=one_of(*CLAIMS), versions=VERSIONS, contrasts=each(CONTRAST, 1))


def check_table(path):
    """UserError unless the table can be written at `path`, and its JSON beside it."""
    check_file(path, ".md", TITLE.encode(), "table")
    check_file(beside(path), ".json", b'"tinyalex"', "table")


def beside(path):
    """The JSON file of the table at `path`."""
    return Path(path).with_suffix(".json")


def earlier(path):
    """The results that the JSON beside `path` has. UserError if it is damaged."""
    return read_json(beside(path), each(RESULT)) if beside(path).exists() else []


def write_table(path, results):
    """Write results, in the order of the claims, to the table at `path` and its JSON."""
    order = list(CLAIMS)
    results = sorted(results, key=lambda result: order.index(result["id"]))
    write_text(path, page(results))
    write_text(beside(path), json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def page(results):
    """All results as one Markdown page: what was run, and a table, one row per contrast."""
    verdicts = [result["verdict"] for result in results]
    counts = {verdict: verdicts.count(verdict) for verdict in ("reproduced", "opposite", NULL, *verdicts)}
    resolved = "; ".join(f"{count} {verdict}" for verdict, count in counts.items())
    commands = "\n".join(dict.fromkeys(result["command"] for result in results))
    return f"""{TITLE}

Printed on {date.today()} by

```sh
{commands}
```

on {_data_sets(results)}:

{_conditions(results)}

An effect is the difference (or, marked ×, the ratio) between the first side and the second, seed by seed; in brackets,
Student's 95 % interval of its mean over the seeds. *Reproduced*: the whole interval lies on the paper's side of no
effect; *opposite*: on the other side; *less than* a margin: within it on both sides, where the margin, set before the
runs, is the paper's figure, or 1.5 points in C15 and for C8's training errors. Otherwise *not resolved at this scale*.
{_without_margins(results)}None of these verdicts refutes the paper: its networks, pictures and training were larger by
orders of magnitude. Its weight decay takes too little off in runs as short as these, so C8 has ten times as much, too.
Nets no better than guessing tell little from each other: among K classes, their loss is ln K (2.303 of ten), as in C9's
first row. Even without any effect, one interval in twenty misses 0 by chance. "The paper" of C16 and C20 is VGG's, of
C17 and C18 ResNet's, of C19 that of batch normalisation, with AlexNet's errors as others measured them, of C21 to C23
others' on transfer. C12 and C21 to C23 judge nets of every second class; their features come from the other classes.
Judged by their first rows, the {len(results)} claims are: {resolved}.

{_table(results)}"""


def _without_margins(results):
    """A line about claims that were run before their margins were set; "" without any."""
    ids = [r["id"] for r in results if any(c["paper"] is not None and "margin" not in c for c in r["contrasts"])]
    return f"Run before there were margins, and judged without: {', '.join(ids)}.\n" if ids else ""


def _data_sets(results):
    """Each data set with its number of classes, if that is known, and their names if they are few."""
    found = {}
    for result in results:
        ids = result.get("classes", [])
        names = f" ({', '.join(ids)})" if len(ids) <= 20 else ""
        found[result["data"]] = f"{result['data']}, {len(ids)} classes{names}" if ids else result["data"]
    return "; ".join(found.values())


def _conditions(results):
    """A line for each set of claims that were run alike."""
    alike = {}
    for result in results:
        where = f"{result['device']}, NumPy {result['versions']['numpy']}"
        runs = pictures_text(result)
        line = f"{result['model']} on {result['data']}; {seeds_text(result)} of each arm, {runs}, {where}"
        line += f". Foreseen: {result['foreseen']}" if result.get("foreseen") else ""
        alike.setdefault(line, []).append(result["id"])
    return "\n".join(f"* {', '.join(ids)}: {line}" for line, ids in alike.items())


def _table(results):
    """The results as a Markdown table, one row per contrast."""
    rows = ["| | claim | effect (95 % interval) | the paper's | verdict |", "|---|---|---|---|---|"]
    for result in results:
        for n, c in enumerate(result["contrasts"]):
            claim = f"**{result['title']}**{diverged_text(result)}<br>" if n == 0 else ""
            sides = f"{c['what']}: {side_text(c, 'a')}, {side_text(c, 'b')}"
            verdict = c["verdict"].removesuffix(SCALE)
            cells = (result["id"] if n == 0 else "", claim + sides, interval_text(c), paper_text(c), verdict)
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"

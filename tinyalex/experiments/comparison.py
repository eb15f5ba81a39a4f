"""Two trained networks side by side: what differs between their runs, what that changed, and how sure that is.

A and B are `Run`s judged on the same N pictures. Every difference is B − A: below 0, B is wrong less often.
Errors are fractions; sentences for people give their differences in percentage points.
"""

import hashlib
import json

import numpy as np

from tinyalex.evaluation import Evaluation, class_probabilities, per_picture
from tinyalex.runs.config import LATER
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.trained import history
from tinyalex.statistics import mcnemar, paired_bootstrap
from tinyalex.variations import find_variation

SEED = 0  # of the bootstrap: the same two networks always get the same interval
LEVEL = 0.95


def compare(a, b, data, split, xp, ten_crop=False, quiet=False):
    """Compare two `Run`s; JSON values. data: the name of the data set of `split`, validation pictures that fit both"""
    judged = judged_a, judged_b = [judge(run, split, xp, ten_crop, quiet) for run in (a, b)]
    result = {"a": judged_a[0], "b": judged_b[0], "data": data, "images": len(split), "ten_crop": ten_crop}
    result |= compared((a, b), judged, split.labels)
    return result | {"reading": reading(result)}


def compared(runs, judged, labels, names=("A", "B")):
    """The differences between two runs, and what they changed: the part of `compare` that needs no more pictures.

    runs: two `Run`s;  judged: from `judge`, for each;  labels: (N,);  names: of the two, for the notes
    """
    (about, rank_a, loss_a), (_, rank_b, loss_b) = judged
    a, b = runs
    differ = differences(a.info, b.info)
    return {
        "differences": differ,
        "cause": cause(differ),
        "notes": _notes(runs, names, differ),
        "change": {
            **{f"top{k}_error": _errors_changed(rank_a, rank_b, k) for k in (1, 5) if f"top{k}_error" in about},
            "loss": change(loss_a, loss_b),
        },
        "classes": by_class(rank_a >= 1, rank_b >= 1, labels, a.info),
    }


def judge(run, split, xp, ten_crop, quiet):
    """(the run's own numbers, each picture's rank, each picture's loss); the probabilities are not kept."""
    p = class_probabilities(run.network, split, run.view, xp, ten_crop, quiet=quiet)
    run.check_answers(p)
    config = run.info["config"]
    about = {"run": str(run.path), "checkpoint": str(run.file), "model": config["model"]}
    about |= {"epoch": run.info["state"]["epoch"], "epochs": config["epochs"]}
    return about | Evaluation.of(p, split.labels).to_dict(), *per_picture(p, split.labels)


# ---------------------------------------------------------------------------------------------- what differs


def differences(a, b):
    """The differences between two runs, according to their checkpoints' info: a list of {"what", "a", "b", "counts"}.

    Each setting is a row, and so is each variation in the model's name, such as +no-lrn; all that decide one thing, as
    dropout, share a row. Data sets are compared by fingerprint, so a moved folder is no difference. A setting that a
    run's version did not have is what it did then.
    counts: False for Python, NumPy and the machine, which move results no further than another seed does
    """
    configs = config_a, config_b = LATER | a["config"], LATER | b["config"]
    (base_a, *plus_a), (base_b, *plus_b) = (config["model"].split("+") for config in configs)
    rows = [("model", base_a, base_b, True)]
    rows += _variations(plus_a, plus_b)
    if a["fingerprint"] != b["fingerprint"]:
        rows.append(("data", *map(_data, (a, b)), True))
    if base_a == base_b:
        rows.append(("layers", *(_digest(config.get("network")) for config in configs), True))
    rows.append(("imported from", *(info.get("imported", {}).get("file") for info in (a, b)), True))
    rows.append(("start_from", *(_start(info, config) for info, config in zip((a, b), configs)), True))
    settings = [key for key in config_a | config_b if key not in ("model", "data", "network", "start_from")]
    rows += [(key, config_a.get(key), config_b.get(key), True) for key in settings]
    versions = a["versions"], b["versions"]
    rows += [(key, *(v.get(key) for v in versions), key == "tinyalex") for key in versions[0] | versions[1]]
    return [dict(zip(("what", "a", "b", "counts"), row)) for row in rows if row[1] != row[2]]


def _variations(plus_a, plus_b):
    """Rows of the variations in two names: one for each, or for what several decide, such as dropout."""
    rows: dict[str, list] = {}
    for side, names in enumerate((plus_a, plus_b)):
        for name in names:
            variation = find_variation(name)
            sets = variation.sets if variation else ""
            row = rows.setdefault(sets or f"+{name}", ["", ""] if sets else [False, False])
            row[side] = f"+{name}" if sets else True
    return [(what, *row, True) for what, row in rows.items()]


def cause(differ):
    """One plain sentence: what a change in the results can be attributed to. differ: from `differences`"""
    things = [thing["what"] for thing in differ if thing["counts"]]
    if not things:
        return (
            "Nothing that decides a run's numbers differs: one run twice, two of its epochs, or the same run elsewhere."
        )
    if things == ["seed"]:
        return "Only the seed differs: what follows is due to chance."
    if len(things) == 1:
        return f"One thing differs: {things[0]}."
    return f"{len(things)} things differ ({', '.join(things)}): what follows cannot be attributed to any one of them."


def _digest(network):
    """Eight digits for a network that is written down; None for one that its name says."""
    return hashlib.sha256(json.dumps(network, sort_keys=True).encode()).hexdigest()[:8] if network else None


def _start(info, config):
    """The run that a run started from, by its real path if that is recorded."""
    places = info.get("places", {}).get("start_from") or [config.get("start_from")]
    return places[0]


def _data(info):
    """The name of a run's data, and the beginning of their fingerprint; None for an imported run."""
    return f"{info['config']['data']} ({info['fingerprint'][:8]})" if info["config"]["data"] else None


def _notes(runs, names, differ):
    """Caveats, one sentence or two each."""
    notes = [run.note for run in runs if run.note]
    for name, run in zip(names, runs):
        folder = RunFolder(run.path)
        trained_here = run.path.is_dir() and run.info["config"]["data"]
        if trained_here and (not folder.result.exists() or folder.diverged()):
            done = f"{len(history(run))} of {run.info['config']['epochs']}"
            notes.append(f"{name} has not been trained to its end: {done} epochs are done.")
    choices = [_choices(run) for run in runs]
    if len(set(choices)) > 1:
        each = ", ".join(f"{name}'s of {count}" for name, count in zip(names, choices))
        notes.append(
            f"Epochs were chosen by their errors on validation pictures, {each}: the more there are, the better the "
            "best looks. To compare without a choice, name each run's last.safetensors."
        )
    if not all(thing["counts"] for thing in differ):
        notes.append("Other versions and machines change a run no more than another seed does; they are not counted.")
    if [thing["what"] for thing in differ if thing["counts"]] != ["seed"]:
        notes.append(
            "The interval covers the choice of pictures, not the chance in training: "
            "to see how much that is, compare two runs that differ only in their seed."
        )
    return notes


def _choices(run):
    """How many epochs these weights are the best of; 1 for the last epoch's, and for an imported network."""
    folder = RunFolder(run.file.parent)
    if run.file.name != folder.best.name:
        return 1
    return max(1, len(folder.read_metrics("epoch") or run.info["state"]["history"]))


# ---------------------------------------------------------------------------------------------- what that changed


def change(values_a, values_b):
    """{"difference", "low", "high"}: the mean of B − A over pictures and its 95 % interval (`paired_bootstrap`)."""
    interval = paired_bootstrap(values_b, values_a, SEED, level=LEVEL)
    return {"difference": interval.mean, "low": interval.low, "high": interval.high}


def _errors_changed(rank_a, rank_b, k):
    """The `change` in top-k error, with the pictures that only one got wrong, and McNemar's test on them."""
    wrong_a, wrong_b = rank_a >= k, rank_b >= k
    return change(wrong_a, wrong_b) | dict(zip(("only_a", "only_b", "p"), mcnemar(wrong_a, wrong_b)))


def by_class(wrong_a, wrong_b, labels, info):
    """Each class: its number of pictures and how many A and B got wrong; the largest change in error first.

    wrong_a, wrong_b: bool (N,);  labels: (N,);  info: of a checkpoint, for the classes' names
    """
    K = len(info["class_ids"])
    images, a, b = (np.bincount(labels[chosen], minlength=K) for chosen in (slice(None), wrong_a, wrong_b))
    order = np.argsort(-np.abs(b - a) / np.maximum(images, 1), kind="stable")
    return [
        {
            "class": info["class_names"][k],
            "id": info["class_ids"][k],
            "images": int(images[k]),
            "wrong_a": int(a[k]),
            "wrong_b": int(b[k]),
        }
        for k in order
        if images[k]
    ]


def reading(result):
    """The outcome for top-1 error in one plain sentence.

    A difference counts as resolved only if both tests agree: the interval excludes 0, and McNemar's p is below 0.05.
    With few pictures the bootstrap alone is too confident.
    """
    found, images = result["change"]["top1_error"], f"{result['images']:,} pictures"
    if found["only_a"] == found["only_b"] == 0:
        return f"A and B got the very same pictures wrong, out of {images}."
    resolved = (found["low"] > 0 or found["high"] < 0) and found["p"] < 1 - LEVEL
    difference = found["difference"]
    how = "more often than" if difference > 0 else "less often than" if difference < 0 else "as often as"
    by = f", by {points(abs(difference))} percentage points" if difference else ""
    means = f"more than the choice of {images} explains" if resolved else f"and {images} do not resolve a difference"
    low, high = (points(found[end], "+") for end in ("low", "high"))
    return (
        f"B is wrong {how} A{by}: {result['a']['top1_error']:.1%} became {result['b']['top1_error']:.1%}, {means} "
        f"(95 % interval {low} to {high} percentage points; only A was wrong on {found['only_a']:,}, "
        f"only B on {found['only_b']:,}, McNemar's test: {p_text(found['p'])})."
    )


def points(fraction, sign=""):
    """A difference between two errors in percentage points, to 2 decimal places; sign="+" shows a plus too."""
    return f"{100 * fraction:{sign}.2f}".replace("-", "−")


def p_text(p):
    return f"p = {p:.2g}" if p >= 1e-4 else "p < 0.0001"

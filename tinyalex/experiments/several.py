"""More than two trained networks, each compared with the first, and what several comparisons at once are worth.

The first is A; every difference is another one − A, as in `tinyalex.experiments.comparison`.
"""

from string import ascii_uppercase

from tinyalex.errors import UserError
from tinyalex.experiments.comparison import LEVEL, compared, judge, p_text, points
from tinyalex.statistics import holm

MOST = len(ascii_uppercase)


def check_count(runs):
    """UserError for more runs than there are letters."""
    if len(runs) > MOST:
        raise UserError(f"found {len(runs)}, expected at most {MOST}", "runs")


def compare_several(runs, data, split, xp, ten_crop=False, quiet=False):
    """Compare `Run`s with the first of them; JSON values. data: the name of the data set of `split`

    Each comparison is that of two runs, and its top-1 error has "p_corrected": McNemar's p by Holm's procedure. A
    difference is resolved if this is below 0.05 and the 95 % interval, which is that of one comparison, excludes 0.
    """
    judged = [judge(run, split, xp, ten_crop, quiet) for run in runs]
    against = []
    for name, run, one in list(zip(ascii_uppercase, runs, judged))[1:]:
        found = compared((runs[0], run), (judged[0], one), split.labels, ("A", name))
        against.append({"name": name} | {key: found[key] for key in ("differences", "cause", "notes", "change")})
    corrected = holm([one["change"]["top1_error"]["p"] for one in against])
    for one, p in zip(against, corrected):
        found = one["change"]["top1_error"]
        found["p_corrected"] = p
        one["resolved"] = (found["low"] > 0 or found["high"] < 0) and p < 1 - LEVEL
    return {
        "runs": [{"name": name} | about for name, (about, _, _) in zip(ascii_uppercase, judged)],
        "data": data,
        "images": len(split),
        "ten_crop": ten_crop,
        "comparisons": against,
        "notes": list(dict.fromkeys(note for one in against for note in one.pop("notes"))),
        "reading": reading(against),
    }


def settings(comparisons):
    """Rows (what, A's value, B's value, …) of everything in which a run differs from A."""
    first = {thing["what"]: thing["a"] for one in comparisons for thing in one["differences"]}
    own = [{thing["what"]: thing["b"] for thing in one["differences"]} for one in comparisons]
    return [(what, value, *(values.get(what, value) for values in own)) for what, value in first.items()]


def reading(comparisons):
    """The outcome for top-1 error: which runs are wrong less often than A, which more often, and the correction."""
    count, parts = len(comparisons), []
    for how, sign in (("less", -1), ("more", 1)):
        these = [one for one in comparisons if one["resolved"] and _difference(one) * sign > 0]
        names = [f"{one['name']} (by {points(abs(_difference(one)))} percentage points)" for one in these]
        if names:
            parts.append(f"{_listed(names)} {'is' if len(names) == 1 else 'are'} wrong {how} often than A")
    rest = [one["name"] for one in comparisons if not one["resolved"]]
    if rest:
        pairs = ", nor ".join(f"between A and {name}" for name in rest)
        parts.append(f"these pictures resolve no difference {pairs}")
    text = "; ".join(parts)
    return (
        f"{text[0].upper()}{text[1:]}. Each was compared with A alone, not with the others. McNemar's p is corrected "
        f"for these {count} comparisons (Holm); each interval is that of one comparison."
    )


def verdict(one):
    """A few words on one comparison for its row of the table, such as "better, p = 0.01"."""
    p = p_text(one["change"]["top1_error"]["p_corrected"])
    how = "not resolved" if not one["resolved"] else "better" if _difference(one) < 0 else "worse"
    return f"{how}, {p}"


def _difference(one):
    return one["change"]["top1_error"]["difference"]


def _listed(words):
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"

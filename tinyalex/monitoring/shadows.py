"""The model asked beside the one that answers: where they disagree, and which of them is right."""

from collections import Counter
from typing import Any

import numpy as np

from tinyalex.monitoring.slices import share
from tinyalex.monitoring.window import Window
from tinyalex.statistics import mcnemar

MOST = 10  # pairs of answers, and examples, to name


def shadows(window: Window) -> list[dict[str, Any]]:
    """A dict for each shadow: [{"hash", "run", "live", "asked", "disagree", "share", …}].

    disagree: of the requests that both were `asked`, those with another likeliest class;  share: (share, low, high)
    only_one_sure: those that only one of them would have answered
    labelled: the disagreements whose true class is known;  right: in how many "live", "shadow" or "neither" was right
    p: of McNemar's exact test that both err equally often, with each picture counted once
    pairs: [(class of the live model, of the shadow, how often)];  examples: ids of the newest disagreements
    """
    asked = sorted({(one.model, one.shadow) for one in window.requests if one.shadow is not None})
    return [_of_one(window.where(lambda one: (one.model, one.shadow) == pair), *pair) for pair in asked]


def _of_one(window, live, shadow):
    translated = _translation(window, live, shadow)
    answers = [(one.label, translated(one.shadow_label)) for one in window.requests]
    rows = [n for n, (ours, theirs) in enumerate(answers) if ours != theirs]
    known = [n for n in rows if window.truths[n] is not None]
    right = Counter(_who(*answers[n], window.truths[n]) for n in known)
    tested = np.flatnonzero(window.once(window.labelled))
    wrong = [[answers[n][who] != window.truths[n] for n in tested] for who in (0, 1)]
    names = Counter(
        (window.name(live, answers[n][0]), window.name(shadow, window.requests[n].shadow_label)) for n in rows
    )
    return {
        "hash": shadow,
        "run": window.models[shadow].run if shadow in window.models else "",
        "live": live,
        "asked": len(window),
        "disagree": len(rows),
        "share": share(len(rows), len(window)),
        "only_one_sure": sum(bool(one.sure) != bool(one.shadow_sure) for one in window.requests),
        "labelled": len(known),
        "right": {who: right[who] for who in ("live", "shadow", "neither")},
        "p": mcnemar(*wrong)[2] if wrong[0] else None,
        "pairs": [(*pair, count) for pair, count in names.most_common(MOST)],
        "examples": [window.requests[n].id for n in rows[::-1][:MOST]],
    }


def _translation(window, live, shadow):
    """The shadow's class as the live model counts it; −1 for one that it does not have."""
    if live not in window.models or shadow not in window.models:
        return lambda label: label
    ids = {id: k for k, id in enumerate(window.models[live].about["class_ids"])}
    theirs = dict(enumerate(window.models[shadow].about["class_ids"]))
    return lambda label: None if label is None else ids.get(theirs.get(label, ""), -1)


def _who(ours, theirs, truth):
    return "live" if ours == truth else "shadow" if theirs == truth else "neither"

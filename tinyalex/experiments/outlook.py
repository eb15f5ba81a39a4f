"""Recorded results as a basis for new ones: spread over seeds, the effect a design can see, the seeds it lacks.

A spread is the standard deviation of the effects of single seeds (in logarithms for "×"). From few seeds it is hardly
known, so rows that measure the same thing alike are pooled: the same quantity, network, data and pictures per run.
"""

import json
import math

import numpy as np

from tinyalex.experiments.claims import CLAIMS
from tinyalex.experiments.power import MOST, smallest_effect, spread_interval, values_needed
from tinyalex.experiments.report import UNITS, number

ENDS = ("low", "high")


def outlook(results):
    """A dict per row of recorded results with at least two seeds (`tinyalex.experiments.table.earlier`); JSON values.

    spread: {"value", "low", "high"}, from the row's own seeds, with its 95 % interval
    pooled: the same with "rows", over all rows that measure alike; None if there is no other
    resolves: the effect that as many seeds show with a probability of POWER
    paper, effect: the paper's and the one found, each {"value", "seeds", "low", "high"}: the seeds with which it shows
        with that probability, and as many at the ends of the spread's interval; None for more than MOST
    Spreads and effects are as people read them: percentage points, or ratios for "×".
    """
    rows = [(result, contrast) for result in results for contrast in result["contrasts"] if _spread(contrast)]
    alike = {}
    for result, contrast in rows:
        alike.setdefault(_kind(result, contrast), []).append(_spread(contrast))
    return [_row(result, contrast, alike[_kind(result, contrast)]) for result, contrast in rows]


def _kind(result, contrast):
    """Rows of equal kind are pooled. Sides read off the same networks differ less, so their claim stays alone."""
    trainings = {json.dumps([arm.variation, arm.settings, arm.part]) for arm in CLAIMS[result["id"]].arms.values()}
    alone = result["id"] if len(trainings) == 1 else ""
    return alone, *(result[key] for key in ("model", "data", "pictures_a_run")), contrast["what"], contrast["unit"]


def _spread(contrast):
    """(deviation of the seeds' effects, freedom), in logarithms for "×"; None if there is none."""
    known = [_inner(contrast["unit"], effect) for effect in contrast["effects"] if effect is not None]
    deviation = float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
    return (deviation, len(known) - 1) if deviation > 0 else None


def pooled(spreads):
    """(deviation, freedom) of several spreads: the root of their mean square, weighted by their freedoms."""
    freedom = sum(own for _, own in spreads)
    return math.sqrt(sum(own * deviation**2 for deviation, own in spreads) / freedom), freedom


def _row(result, contrast, alike):
    unit, (own, freedom), together = contrast["unit"], _spread(contrast), pooled(alike)
    used = (own, freedom) if len(alike) == 1 else together
    return {
        "id": result["id"],
        "what": contrast["what"],
        "sides": [contrast[side]["label"] for side in "ab"],
        "unit": unit,
        "seeds": freedom + 1,
        "verdict": contrast["verdict"],
        "spread": _with_ends(unit, own, freedom),
        "pooled": None if len(alike) == 1 else _with_ends(unit, *together) | {"rows": len(alike)},
        "resolves": _outer(unit, used[0] * smallest_effect(freedom + 1)),
        "paper": needed(unit, contrast["paper"], *used),
        "effect": needed(unit, contrast["effect"], *used),
    }


def _with_ends(unit, deviation, freedom):
    low, high = (_outer(unit, end) for end in spread_interval(deviation, freedom))
    return {"value": _outer(unit, deviation), "low": low, "high": high}


def needed(unit, effect, deviation, freedom):
    """The seeds that show an effect, as in `outlook`; None for no effect."""
    if effect is None:
        return None
    spreads = (deviation, *spread_interval(deviation, freedom))
    seeds = [values_needed(_inner(unit, effect) / spread) for spread in spreads]
    return {"value": effect} | {
        key: count if math.isfinite(count) else None for key, count in zip(("seeds", *ENDS), seeds)
    }


def _inner(unit, effect):
    return math.log(effect) if unit == "×" else effect


def _outer(unit, effect):
    return math.exp(effect) if unit == "×" else effect


# ---------------------------------------------------------------------------------------------- words

HEADER = ("", "what", "spread over seeds", "pooled", "seeds", "show", "the paper's", "needs", "found", "needs")
RIGHT = (4, 5, 6, 8)


def cells(rows):
    """Rows of text for a table under HEADER."""
    return [
        (
            row["id"],
            f"{row['what']}: {', '.join(row['sides'])}",
            _spread_text(row["unit"], row["spread"]),
            _spread_text(row["unit"], row["pooled"]),
            str(row["seeds"]),
            number(row["resolves"], row["unit"], sign=False) + UNITS[row["unit"]].replace(" points", ""),
            *_needed_text(row["unit"], row["paper"]),
            *_needed_text(row["unit"], row["effect"]),
        )
        for row in rows
    ]


def _spread_text(unit, spread):
    if spread is None:
        return ""
    value, low, high = (number(spread[key], unit, sign=False) for key in ("value", *ENDS))
    return f"{value} ({low} to {high})"


def _needed_text(unit, effect):
    if effect is None:
        return "–", ""
    value, low, high = (f"{effect[key]:,}" if effect[key] else f"over {MOST:,}" for key in ("seeds", *ENDS))
    return number(effect["value"], unit), value if low == high else f"{value} ({low} to {high})"

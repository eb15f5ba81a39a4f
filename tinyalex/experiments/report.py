"""Results: effects with their intervals over seeds, beside the paper's figures, as JSON and as a Markdown page."""

import math

import numpy as np

from tinyalex.backend import device_name
from tinyalex.evaluation import has_top5
from tinyalex.experiments.lab import result_of_run
from tinyalex.experiments.power import POWER, smallest_effect
from tinyalex.experiments.trained import NoNumber
from tinyalex.runs.folder import versions
from tinyalex.statistics import t_interval, verdict
from tinyalex.terminal import progress_bar

SCALE = " at this scale"
NULL = f"not resolved{SCALE}"
UNITS = {"points": " points", "×": " ×", "": ""}  # after a number


def result_of(claim, lab, seeds):
    """The result of a claim whose runs are done, as JSON values; measuring the networks shows its progress.

    "seconds": summed over its runs, each on one job
    """
    results = [result_of_run(run) for run in lab.runs(claim, seeds)]
    trained = [lab.trained(claim, seed) for seed in range(seeds)]
    contrasts = [contrast for contrast in claim.contrasts if _means_something(contrast, claim, lab)]
    with progress_bar(2 * seeds * len(contrasts), f"measuring {claim.id}", "numbers") as bar:
        contrasts = [_contrast(contrast, trained, bar) for contrast in contrasts]
    return {
        "id": claim.id,
        "name": claim.name,
        "title": claim.title,
        "paper": claim.says,
        "scale": lab.scale.name,
        "model": lab.network(claim) + _shared_variation(claim),
        **_data(claim, lab, seeds),
        "seeds": seeds,
        "runs": len(results),
        "diverged": sum("diverged" in result for result in results),
        "seconds": sum(result.get("seconds", 0.0) for result in results),
        "device": device_name(lab.xp),
        "versions": versions(),
        "foreseen": foreseen(claim, seeds),
        "verdict": contrasts[0]["verdict"],
        "contrasts": contrasts,
    }


def _shared_variation(claim):
    """The variation of all arms, if it is the same, such as "+bn"."""
    variations = {arm.variation for arm in claim.arms.values()}
    return variations.pop() if len(variations) == 1 else ""


def _data(claim, lab, seeds):
    """{"data", "classes", "judged", "pictures_a_run"} of a claim's runs.

    data: with their part of it, such as "+odd-half", if all have the same
    classes, judged: their ids, and the pictures on which errors are measured; absent if the runs differ in them
    pictures_a_run: the most that a run trains on, counting repeats
    """
    arms = [(arm, seed) for arm in claim.arms.values() for seed in range(seeds)]
    parts = {lab.part_of(arm, seed) for arm, seed in arms}
    classes, judged = {lab.dataset(part).class_ids for part in parts}, {len(lab.judged(part)) for part in parts}
    epochs = [lab.run(arm, seed, lab.network(claim)).config.epochs for arm, seed in arms]
    about = {"data": lab.data + (parts.pop() if len(parts) == 1 else "")}
    about["pictures_a_run"] = max(e * len(lab.data_of(*one).train) for e, one in zip(epochs, arms))
    about |= {"classes": list(classes.pop())} if len(classes) == 1 else {}
    return about | ({"judged": judged.pop()} if len(judged) == 1 else {})


def foreseen(claim, seeds):
    """How small an effect a claim's runs can show, worked out before them, as a sentence; "" without a known spread."""
    if not claim.spread:
        return ""
    guess = f"If chance moves the effect of a seed by {claim.spread:.1f} points, as expected"
    if seeds < 2:
        return f"{guess}, one seed resolves nothing."
    smallest = claim.spread * smallest_effect(seeds)
    return f"{guess}, {seeds} seeds resolve an effect of {smallest:.1f} points {POWER:.0%} of the time."


def _means_something(contrast, claim, lab):
    """Whether the data have enough classes for the contrast's quantity."""
    fewest = min(len(lab.data_of(arm, 0).class_ids) for arm in claim.arms.values())
    return not contrast.what.startswith("top-5") or has_top5(fewest)


def _contrast(contrast, trained, bar):
    """A contrast's values for each seed, its effect with the 95 % interval, and its verdict."""
    a, b = ([_value(side, arms, bar) for arms in trained] for side in (contrast.a, contrast.b))
    effects = [effect_of(contrast.unit, x, y) for x, y in zip(a, b)]
    known = [effect for effect in effects if math.isfinite(effect)]
    interval = t_interval(known) if known else None
    numbers = {"effect": None, "low": None, "high": None}
    if interval:
        ends = (interval.mean, interval.low, interval.high)
        numbers = {key: _shown(contrast.unit, end) for key, end in zip(numbers, ends)}
    return (
        {
            "what": contrast.what,
            "unit": contrast.unit,
            "paper": contrast.paper,
            "direction": contrast.direction,
            "margin": contrast.bound,
            "a": {"label": contrast.a.label, "values": list(map(_json_number, a))},
            "b": {"label": contrast.b.label, "values": list(map(_json_number, b))},
            "effects": [_shown(contrast.unit, effect) for effect in effects],
        }
        | numbers
        | {"verdict": judge(interval, contrast)}
    )


def _value(side, arms, bar):
    """A side's number for one seed; NaN if one of its runs diverged."""
    try:
        return float(side.value(arms))
    except NoNumber:
        return math.nan
    finally:
        bar.update(1)


def effect_of(unit, a, b):
    """One seed's effect, to be averaged: a − b, in percentage points for "points"; for "×" the logarithm of a / b."""
    if unit == "×":
        return math.log(a / b) if a > 0 and b > 0 else math.nan
    return (100 if unit == "points" else 1) * (a - b)


def _shown(unit, effect):
    """An effect as people read it: the ratio for "×"; None if it is not finite."""
    if unit == "×":
        effect = math.exp(effect) if abs(effect) < 700 else math.nan  # beyond that, exp overflows
    return _json_number(effect)


def _json_number(value):
    """The float, or None where it is infinite or NaN, which JSON cannot express."""
    return value if math.isfinite(value) else None


def judge(interval, contrast):
    """ "reproduced", "opposite", "less than" the contrast's bound, or NULL; for a question, which side has more.

    "Less than": the whole interval lies within the bound on both sides of no effect, which is the two one-sided tests
    of equivalence, each at 2.5 %; an interval beside no effect is told by its side, however close it lies.
    If all effects are equal, chance has shown no spread (errors are counts of pictures), so nothing is resolved. Equal
    means up to rounding, since equal counts can give fractions that differ in their last bits.
    Source: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987).
    """
    if interval is None or math.isclose(interval.low, interval.high, rel_tol=1e-9, abs_tol=1e-9):
        return NULL
    found = verdict(interval, contrast.direction or 1)
    if found == NULL:
        return _less_than(contrast) if _within_bound(interval, contrast) else NULL
    if contrast.direction:
        return found
    return f"more with {(contrast.a if found == 'reproduced' else contrast.b).label}"


def _within_bound(interval, contrast):
    if contrast.bound is None:
        return False
    bound = math.log(contrast.bound) if contrast.unit == "×" else contrast.bound
    return max(-interval.low, interval.high) < bound


def _less_than(contrast):
    """The verdict as text; a net that has hardly learnt differs little from any other, hence "at this scale"."""
    return f"less than {contrast.bound:g}{UNITS[contrast.unit]}{SCALE}"


# ---------------------------------------------------------------------------------------------- words


def number(value, unit, sign=True):
    """An effect as text: "−1.4", or for "×" the ratio, "6"; "?" for None."""
    if value is None:
        return "?"
    if unit == "×":
        return f"{value:.3g}"
    return f"{value:{'+' if sign else ''}.{1 if unit == 'points' else 3}f}".replace("-", "−")


def interval_text(contrast):
    """ "−1.2 points (−2.0 to −0.4)", without the interval if there is none."""
    unit, effect = contrast["unit"], number(contrast["effect"], contrast["unit"])
    if contrast["effect"] is None:
        return "–"
    if contrast["low"] is None or contrast["high"] is None:
        return f"{effect}{UNITS[unit]}"
    return f"{effect}{UNITS[unit]} ({number(contrast['low'], unit)} to {number(contrast['high'], unit)})"


def side_text(contrast, key):
    """ "LRN 8.1 %": the mean over seeds."""
    values = [value for value in contrast[key]["values"] if value is not None]
    if not values:
        return f"{contrast[key]['label']} ?"
    mean = float(np.mean(values))
    return f"{contrast[key]['label']} " + (
        f"{100 * mean:.1f} %".replace("-", "−") if contrast["unit"] == "points" else f"{mean:.3g}"
    )


def paper_text(contrast):
    """The paper's figure for the effect, or a dash."""
    return "–" if contrast["paper"] is None else number(contrast["paper"], contrast["unit"]) + UNITS[contrast["unit"]]


def markdown(result):
    """One result as a Markdown page."""
    lines = [f"# {result['id']}: {result['title']}", "", f"The paper: {result['paper']}.", ""]
    if result["foreseen"]:
        lines += [f"Foreseen: {result['foreseen']}", ""]
    lines += [
        f"**{result['verdict'].capitalize()}.** {seeds_text(result)}, "
        f"{result['runs']} runs of {result['model']} on {result['data']}, "
        f"{pictures_text(result)}{diverged_text(result)}.",
        "",
        "![The effects and their intervals](figure.png)",
        "",
        "| | effect (95 % interval) | the paper's | sides | verdict |",
        "|---|---|---|---|---|",
    ]
    for c in result["contrasts"]:
        sides = f"{side_text(c, 'a')}; {side_text(c, 'b')}"
        lines.append(f"| {c['what']} | {interval_text(c)} | {paper_text(c)} | {sides} | {c['verdict']} |")
    lines += ["", "Effect of each seed: " + "; ".join(f"{c['what']} {_list(c)}" for c in result["contrasts"]) + ".", ""]
    return "\n".join(lines)


def diverged_text(result):
    """A suffix that counts the diverged runs, whose seeds have no effect; "" if none diverged."""
    return f"; {result['diverged']} diverged" if result["diverged"] else ""


def pictures_text(result):
    """How many pictures a result's runs saw, and on how many their errors were measured, if that is recorded."""
    judged = f", errors of {result['judged']:,} others" if result.get("judged") else ""
    return f"about {result['pictures_a_run']:,} pictures per run or fewer{judged}"


def seeds_text(result):
    """ "3 seeds"."""
    return f"{result['seeds']} seed{'s' if result['seeds'] > 1 else ''}"


def _list(contrast):
    return ", ".join(number(effect, contrast["unit"]) for effect in contrast["effects"])

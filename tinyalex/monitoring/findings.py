"""A report in sentences: for each topic whether there is an alarm, what was compared, how many, and what to look at."""

from typing import Any

from tinyalex.monitoring import answers
from tinyalex.monitoring.drift import QUANTILES
from tinyalex.monitoring.slices import smallest_p
from tinyalex.monitoring.window import clock

ALARM, LOOK, FINE, UNKNOWN = "alarm", "look", "fine", "unknown"
MOST = 5  # groups and slices in a finding
ENOUGH = answers.LEAST
NAMES = {"label": "guessed class", "novelty": "distance to training pictures"}  # of columns, for people
CAUSES = {
    "brightness": "light, exposure, day and night",
    "contrast": "exposure, fog, a dirty lens",
    "sharpness": "focus, motion, re-compression or another way to scale on the way in",
    "novelty": "the pictures least like the training pictures, below",
    "confidence": "pictures that the network does not know well; the errors on labelled ones",
    "entropy": "pictures that the network does not know well; the errors on labelled ones",
    "label": "whether other things are sent now, which is no fault, or one class is answered for others",
    "pixels": "another camera, app or way to scale",
    "width by height": "another camera or way to crop: the centre is cut out, the rest is not seen",
    "bytes a pixel": "another compression on the way in",
    "format": "another app or converter on the way in",
}


def findings(report: dict[str, Any]) -> list[dict[str, Any]]:
    """[{"topic", "state", "text", "points", "look"}] of a report's other entries, alarms first.

    points: more sentences;  look: what to look at, "" if nothing
    state: "alarm"; "look", which is no alarm but worth a look; "fine"; "unknown", for want of data
    """
    if not report["requests"]:
        return [
            _finding("Traffic", UNKNOWN, "No request was logged in this time.", "whether the service runs, and logs")
        ]
    found = [_pictures(part) for part in report["drift"]] or [
        _finding(
            "Pictures and scores",
            UNKNOWN,
            "They were compared with nothing: no model here has a reference.",
            "`calibrate`",
        )
    ]
    if report["files"]:
        found.append(_drift("Files", report["files"]))
    found += [_promise(model) for model in report["models"]]
    found.append(_slices(report))
    found += [_shadow(one) for one in report["shadows"]]
    order = (ALARM, LOOK, UNKNOWN, FINE)
    return sorted(found, key=lambda one: order.index(one["state"]))


def _finding(topic, state, text, look="", points=()):
    return {"topic": topic, "state": state, "text": text, "points": list(points), "look": look}


def _first(points):
    """The first MOST of the points, and how many more there are."""
    more = len(points) - MOST
    return [*points[:MOST], f"{more} more"] if more > 0 else points


# ---------------------------------------------------------------------------------------------- drift


def _pictures(part):
    return _drift(f"Pictures and scores of model {part['model'][:12]}", part)


def _drift(topic, part):
    compared = f"Compared {part['pictures']:,} different pictures with {part['against']}."
    if not part["tests"]:
        return _finding(topic, UNKNOWN, f"{part['pictures']:,} are too few to compare with {part['against']}.")
    alarms = [test for test in part["tests"] if test["alarm"]]
    if not alarms:
        return _finding(topic, FINE, f"{compared} They are alike.")
    groups = list(dict.fromkeys(test["group"] for test in alarms))
    points = [_group(group, [test for test in alarms if test["group"] == group]) for group in groups]
    columns = list(dict.fromkeys(test["column"] for test in alarms))
    look = "; ".join(f"{NAMES.get(column, column)}: {CAUSES[column]}" for column in columns[:3])
    return _finding(topic, ALARM, f"{compared} Different are:", look, _first(points))


def _group(group, tests):
    changes = ", ".join(change(test) for test in tests[:3])
    return f"{group or 'all pictures'} ({tests[0]['pictures']:,}): {changes}"


def change(test: dict[str, Any]) -> str:
    """A test's change in words: "sharpness 0.61, was 0.83"; "guessed class cat 20 %, was 1 %"."""
    name, what = NAMES.get(test["column"], test["column"]), test["what"]
    now, before = (size(test, value) for value in (test["now"], test["before"]))
    return f"{name} {'' if what == 'median' else f'{what} '}{now}, was {before}"


def size(test: dict[str, Any], value: float) -> str:
    """A number of a test as text: a share of pictures, or a number of the column."""
    if test["what"] not in QUANTILES:
        return percent(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


# ---------------------------------------------------------------------------------------------- answers


def _promise(model):
    topic, of = f"Answers of model {model['hash'][:12]}", model["answered_labelled"]
    text = f"{model['answered']:,} of {model['requests']:,} requests were answered ({interval(model['coverage'])}); "
    text += "no answer is labelled"
    if of:
        text = text.removesuffix("no answer is labelled")
        text += (
            f"{model['answered_wrong']:,} of {of:,} labelled answers are wrong ({interval(model['answered_error'])})"
        )
    if not model["calibrated"]:
        return _finding(
            topic, UNKNOWN, f"{text}. Its confidences promise nothing without a calibration.", "`calibrate`"
        )
    if model["expected"] is not None:
        text += f"; {percent(model['expected'])} right are expected, if the calibration holds"
    if model["p"] is None:
        return _finding(topic, UNKNOWN, f"{text}, which {ENOUGH} labels would tell.", "labels: send the truth of some")
    text += f". {percent(model['kept'])} of {model['tested']:,} labelled guesses are right, "
    text += f"{percent(model['promised'])} were promised (p = {model['p']:.2g})"
    if model["alarm"]:
        return _finding(
            topic, ALARM, f"{text}: it does not hold here.", "the slices; then `calibrate` on newer pictures"
        )
    if model["p"] <= 0.05:
        return _finding(topic, LOOK, f"{text}: too little for an alarm, but rare.", "the slices; more labels")
    return _finding(topic, FINE, f"{text}, which chance explains.")


def _slices(report):
    everything = [(kind, one) for kind, rows in report["slices"].items() for one in rows]
    alarms = sorted((pair for pair in everything if pair[1]["alarms"]), key=lambda pair: smallest_p(pair[1]))
    tested = sum(smallest_p(one) <= 1 for _, one in everything)
    labelled = sum(model["labelled"] for model in report["models"])
    period = report["period"]
    text = f"Compared {tested} classes, {period}s and clients: {period}s and clients with the rest of the "
    text += f"{report['requests']:,} requests, classes and clients with their own past. {labelled:,} are labelled."
    if not alarms:
        return _finding("Slices", FINE if tested else UNKNOWN, f"{text} None fares worse.")
    points = _first([slice_text(kind, one) for kind, one in alarms])
    return _finding("Slices", ALARM, f"{text} Worse are:", "their pictures: `trace` some", points)


def slice_text(kind: str, one: dict[str, Any]) -> str:
    """A slice's trouble in words."""
    if smallest_p(one) == one["p_unsure"]:
        return f"{kind} {one['name']}: {one['unsure']:,} of {one['requests']:,} without an answer"
    text = f"{kind} {one['name']}: {one['wrong']:,} of {one['labelled']:,} labelled are wrong"
    if change := one["since"]:
        (wrong, of), (before, earlier) = change["after"], change["before"]
        text += f"; since {clock(change['at'], '%m-%d %H:%M')} {wrong:,} of {of:,}, earlier {before:,} of {earlier:,}"
    return text


def _shadow(one):
    topic, right = f"Shadow {one['hash'][:12]}", one["right"]
    text = f"It disagrees on {one['disagree']:,} of {one['asked']:,} requests ({interval(one['share'])})"
    if not one["disagree"]:
        return _finding(topic, FINE, f"{text}.")
    ours, theirs, count = one["pairs"][0]
    text += f", most often {theirs} for {ours} ({count:,})"
    if not one["labelled"]:
        return _finding(topic, LOOK, f"{text}. No disagreement is labelled.", "some of them: `trace`, and label them")
    text += f". It is right in {right['shadow']:,} of {one['labelled']:,} labelled disagreements, "
    text += f"the live model in {right['live']:,}"
    if one["p"] > 0.05:
        return _finding(topic, LOOK, f"{text}: which errs less is open (p = {one['p']:.2g}).", "more labels of these")
    if right["shadow"] > right["live"]:
        return _finding(topic, LOOK, f"{text}: the shadow errs less (p = {one['p']:.2g}).", "whether to promote it")
    return _finding(topic, LOOK, f"{text}: the live model errs less (p = {one['p']:.2g}).", "why, before promoting it")


# ---------------------------------------------------------------------------------------------- numbers


def percent(value: float | None) -> str:
    """A share as text: "12 %", "1.3 %"; a dash for None."""
    if value is None:
        return "–"
    return f"{100 * value:.2g} %" if 5e-5 <= value < 0.0995 else f"{100 * value:.0f} %"


def interval(share: tuple[float, float, float] | None) -> str:
    """A share with its interval: "12 %, 9 to 16 %"; a dash for None."""
    if share is None:
        return "–"
    mean, low, high = (percent(value) for value in share)
    return f"{mean}, {low.removesuffix(' %')} to {high}"

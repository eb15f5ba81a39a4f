"""The report as one page of HTML that needs nothing else: no network, no script."""

import base64
import hashlib
import re
from typing import Any

from tinyalex.monitoring.drift import WHOLE
from tinyalex.monitoring.findings import NAMES, interval, percent, size
from tinyalex.monitoring.markup import STYLE, Markup, bars, striking, strip, table, text
from tinyalex.monitoring.slices import TESTS
from tinyalex.monitoring.window import clock

STYLE_HASH = f"sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}"  # for a content policy
POLICY = f"default-src 'none'; style-src '{STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none'"
MARK = b'<meta name="generator" content="tinyalex">'  # in every page of ours
WORDS = {"alarm": "ALARM", "look": "LOOK", "fine": "FINE", "unknown": "NOT KNOWN"}
SHOWN = 12  # rows of a table before it folds


def report_page(report: dict[str, Any]) -> str:
    """The page of a report (see `tinyalex.monitoring.report.report`)."""
    sections = {
        "Traffic": _traffic(report),
        "Answers": _answers(report),
        "Pictures and scores": _drift(report),
        "Files": _files(report),
        "Slices": _slices(report),
        "Shadow": _shadows(report),
        "Least like the training pictures": _unlike(report),
        "Notes": "".join(f"<p>{text(note)}</p>" for note in report["notes"]),
    }
    sections = {name: body for name, body in sections.items() if body}
    ids = {name: name.lower().replace(" ", "-") for name in sections}
    nav = "".join(f'<li><a href="#{ids[name]}">{name}</a></li>' for name in sections)
    body = "".join(
        f'<section id="{ids[name]}"><h2>{name}</h2>{content}</section>' for name, content in sections.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">{MARK.decode()}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_title(report)}</title><style>{STYLE}</style></head><body>"
        f'<a class="skip" href="#main">Skip to the report</a><header><h1>{_title(report)}</h1>{_about(report)}</header>'
        f'<main id="main" tabindex="-1"><section><h2>At a glance</h2>{_glance(report)}</section>'
        f'<nav aria-label="Sections"><h2>In detail</h2><ol>{nav}</ol></nav>{body}</main>'
        f"<footer><p>Times are UTC. Without trouble, {_rate(report['alarm_rate'])} has an alarm.</p></footer>"
        "</body></html>\n"
    )


def _title(report):
    alarms = sum(one["state"] == "alarm" for one in report["findings"])
    count = "No alarm" if not alarms else "1 alarm" if alarms == 1 else f"{alarms} alarms"
    return f"{count} in {report['requests']:,} requests"


def _rate(rate):
    return f"one report in {round(1 / rate):,}" if rate <= 0.2 else f"{percent(rate)} of the reports"


def _about(report):
    rows = [("Log", report["log"])]
    if report["requests"]:
        rows.append(("Time", f"{report['from']} to {report['to']} UTC"))
    rows += [("Model", f"{one['run']}, {one['model']}, checkpoint {one['hash'][:12]}") for one in report["models"]]
    body = "".join(f'<tr><th scope="row">{text(name)}</th><td>{text(value)}</td></tr>' for name, value in rows)
    return f'<div class="wide"><table>{body}</table></div>'


def _glance(report):
    items = []
    for one in report["findings"]:
        look = f"<p><em>Look at</em> {_prose(one['look'])}</p>" if one["look"] else ""
        head = f'<p><span class="state">{WORDS[one["state"]]}</span> <strong>{text(one["topic"])}</strong></p>'
        points = "".join(f"<li>{text(point)}</li>" for point in one["points"])
        points = f"<ul>{points}</ul>" if points else ""
        items.append(f'<li class="{one["state"]}">{head}<p>{_prose(one["text"])}</p>{points}{look}</li>')
    return f'<ul class="findings">{"".join(items)}</ul>'


def _prose(sentence):
    """A sentence in which `commands` are set as such."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", text(sentence))


def _traffic(report):
    if not report["requests"]:
        return ""
    traffic, unit = report["traffic"], report["period"]
    key = '<p class="soft"><span class="key bar"></span>requests <span class="key unsure"></span>without an answer</p>'
    times = traffic["milliseconds"]
    line = (
        f"<p>{report['requests']:,} requests, {traffic['different_pictures']:,} different pictures; "
        f"half of the answers took at most {times['p50']:.0f} ms, 99 % at most {times['p99']:.0f} ms.</p>"
    )
    rows = [[name, f"{count:,}", percent(count / report["requests"])] for name, count in traffic["clients"]]
    formats = ", ".join(f"{name} {count:,}" for name, count in traffic["formats"])
    return (
        f"{line}{bars(traffic['periods'], unit)}{key}"
        f"{folding('Clients', ('client', 'requests', 'share'), rows, (1, 2))}<p>Formats: {text(formats)}.</p>"
    )


def _answers(report):
    if not report["models"]:
        return ""
    header = (
        "model",
        "requests",
        "answered",
        "wrong among labelled answers",
        "expected right",
        "labelled guesses right",
        "promised",
    )
    rows = [
        [
            f"{one['run']} ({one['hash'][:12]})",
            f"{one['requests']:,}",
            interval(one["coverage"]),
            f"{one['answered_wrong']:,} of {one['answered_labelled']:,} ({interval(one['answered_error'])})",
            percent(one["expected"]),
            striking(percent(one["kept"]), one["alarm"]),
            percent(one["promised"]),
        ]
        for one in report["models"]
    ]
    words = (
        "<p><em>Expected right</em> is the mean confidence of what was answered. It needs no labels, and rests on the "
        "calibration: it is as right as this is. Beside it stands the measurement: of the requests whose truth came "
        "later, the share of right guesses, and what their confidences promised. Ranges are 95 % intervals.</p>"
    )
    return words + table("Answers by model", header, rows, (1,))


def _drift(report):
    parts = [f"<h3>Model {text(part['model'][:12])}</h3>{_comparison(part)}" for part in report["drift"]]
    return "".join(parts)


def _files(report):
    return _comparison(report["files"]) if report["files"] else ""


def _comparison(part):
    """The columns over all pictures with their drawings, and every alarm of a part of them."""
    if not part["tests"]:
        return (
            f"<p>{part['pictures']:,} different pictures are too few to be compared with {text(part['against'])}.</p>"
        )
    whole = [test for test in part["tests"] if test["group"] == WHOLE]
    rows = [[_name(test), _drawing(part, test), *_change(test)] for test in whole]
    words = (
        f"<p>{part['pictures']:,} different pictures, compared with {text(part['against'])}. A thin line is the middle "
        "90 % of the numbers, a thick one the middle half: above the reference, below now. <em>p</em> is how often "
        "windows without drift have a comparison as striking, among all that are made here, if the pictures come "
        "independently of each other: several of one scene can look like drift.</p>"
    )
    found = words + table("All pictures", ("what", "reference above, now below", "was", "is", "p"), rows, (2, 3, 4))
    alarms = [
        [test["group"], f"{test['pictures']:,}", _name(test), *_change(test)]
        for test in part["tests"]
        if test["alarm"] and test["group"] != WHOLE
    ]
    if alarms:
        found += folding(
            "Alarms of clients, hours and days", ("part", "pictures", "what", "was", "is", "p"), alarms, (1, 3, 4, 5)
        )
    return found


def _name(test):
    return NAMES.get(test["column"], test["column"]) + ("" if test["what"] == "median" else f": {test['what']}")


def _drawing(part, test):
    quantiles = part["quantiles"].get(test["column"])
    return strip(test["column"], *quantiles) if quantiles else Markup("")


def _change(test):
    return size(test, test["before"]), size(test, test["now"]), striking(f"{test['p']:.2g}", test["alarm"])


def _slices(report):
    words = (
        "<p>Each part is compared with the rest and with its own past: are more of its labelled requests wrong, or "
        "more of its requests without an answer? <em>p</em> is corrected for the number of comparisons (Holm).</p>"
    )
    parts = []
    header = ("requests", "without an answer", "p", "labelled", "wrong", "p", "p of a change", "since")
    for kind, rows in report["slices"].items():
        if rows:
            body = [_slice(one) for one in rows]
            parts.append(folding(f"By {kind}, the most striking first", (kind, *header), body, range(1, 8)))
    return words + "".join(parts) if parts else ""


def _slice(one):
    p = {key: "–" if one[key] is None else f"{one[key]:.2g}" for key in TESTS}
    p = {key: striking(shown, key in one["alarms"]) for key, shown in p.items()}
    unsure = f"{one['unsure']:,} ({percent(one['unsure_share'][0])})"
    wrong = f"{one['wrong']:,} ({interval(one['wrong_share'])})" if one["labelled"] else "–"
    when = ""
    if since := one["since"]:
        when = f"{clock(since['at'], '%m-%d %H:%M')}: {_of(since['after'])}, earlier {_of(since['before'])}"
    counts = [f"{one['requests']:,}", unsure, p["p_unsure"], f"{one['labelled']:,}", wrong, p["p_wrong"], p["p_since"]]
    return [one["name"], *counts, when]


def _of(pair):
    return f"{pair[0]:,} of {pair[1]:,}"


def _shadows(report):
    parts = []
    for one in report["shadows"]:
        right = one["right"]
        rows = [
            ["asked beside the live model", f"{one['asked']:,}"],
            ["another likeliest class", f"{one['disagree']:,} ({interval(one['share'])})"],
            ["an answer from only one of them", f"{one['only_one_sure']:,}"],
            ["disagreements that are labelled", f"{one['labelled']:,}"],
            ["the live model is right", f"{right['live']:,}"],
            ["the shadow is right", f"{right['shadow']:,}"],
            ["neither is right", f"{right['neither']:,}"],
            ["p that both err equally often", "–" if one["p"] is None else f"{one['p']:.2g}"],
        ]
        parts.append(table(f"Shadow {one['run']} ({one['hash'][:12]})", ("", "requests"), rows, (1,)))
        pairs = [[ours, theirs, f"{count:,}"] for ours, theirs, count in one["pairs"]]
        if pairs:
            parts.append(folding("Disagreements", ("the live model says", "the shadow says", "times"), pairs, (2,)))
            ids = ", ".join(f"<code>{text(id)}</code>" for id in one["examples"])
            parts.append(f"<p>The newest, for <code>tinyalex trace</code>: {ids}.</p>")
    return "".join(parts)


def _unlike(report):
    items = []
    for one in report["unlike"]:
        name = f"{one['guess']} {percent(one['confidence'])}" + ("" if one["sure"] else ", not given as an answer")
        picture = (
            f'<img src="{text(one["picture"])}" width="96" height="96" alt="The picture of request {text(one["id"])}">'
            if one["picture"]
            else ""
        )
        far = (
            "" if one["as_far"] is None else f" As far or farther: {percent(one['as_far'])} of the validation pictures."
        )
        words = f"<strong>{text(name)}</strong><br>distance {one['novelty']:.3g}.{far}"
        words += f"<br>{text(one['client'])}, {text(one['at'])}<br><code>{text(one['id'])}</code>"
        items.append(f"<li>{picture}<p>{words}</p></li>")
    if not items:
        return ""
    hint = "" if any(one["picture"] for one in report["unlike"]) else "<p>The pictures themselves were not kept.</p>"
    return f'{hint}<ul class="gallery">{"".join(items)}</ul>'


def folding(caption: str, header: Any, rows: list, right: Any) -> str:
    """A table whose rows after the first SHOWN are behind a button."""
    first, rest = table(caption, header, rows[:SHOWN], right), rows[SHOWN:]
    if not rest:
        return first
    others = table(f"{caption}: the others", header, rest, right)
    return f"{first}<details><summary>{len(rest):,} more</summary>{others}</details>"

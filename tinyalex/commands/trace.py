"""`tinyalex trace`: one logged request from end to end, or all that a new network would answer differently."""

import json
from datetime import UTC, datetime

from tinyalex.classifier import Classifier
from tinyalex.commands.options import add_device, open_device, print_table, print_text
from tinyalex.errors import UserError
from tinyalex.files import target
from tinyalex.inspection.folder import check_out, written
from tinyalex.inspection.panel import first_name
from tinyalex.lines import command, harmless
from tinyalex.monitoring.changes import compare_on_log
from tinyalex.monitoring.changes_page import changes_page
from tinyalex.monitoring.log import Log
from tinyalex.monitoring.trace import find_request, trace
from tinyalex.runs.trained import open_run
from tinyalex.terminal import bytes_text

DESCRIPTION = """\
Trace a request that a service logged: what came in and how it was prepared, which network and calibration answered, \
what each layer made of the picture beside what it makes of validation pictures, what went out, and what label came \
later. The layers are computed again from the picture, which `serve --keep-pictures` keeps; --picture names a copy.

--change RUN RUN2 asks two networks about all kept pictures: which answers would change if RUN2 took RUN's place, and \
whether for the better where labels are known. --out writes a page with the pictures."""
EXAMPLES = (
    "tinyalex trace 3f2a9c0d11e84b7a --log requests.db",
    "tinyalex trace 3f2a --log requests.db --picture cat.jpg --json",
    "tinyalex trace --change runs/first runs/second --log requests.db --out changes",
)
COMMAND, PAGE = "trace", "index.html"


def add_arguments(parser):
    parser.add_argument("id", metavar="ID", nargs="?", help="a request's id, or how it begins")
    parser.add_argument("--log", metavar="DB", required=True, help="the file that `serve --log` wrote")
    parser.add_argument("--picture", metavar="FILE", help="a copy of the picture that came (default: the kept one)")
    parser.add_argument("--run", metavar="RUN", help="where the network that answered is now (default: where it was)")
    change = "which answers RUN2 would change in RUN's place"
    parser.add_argument("--change", nargs=2, metavar=("RUN", "RUN2"), help=change)
    parser.add_argument(
        "--newest", type=int, metavar="N", help="for --change: only the N newest requests (default: all)"
    )
    parser.add_argument("--out", metavar="FOLDER", help="for --change: write a page, new or in an earlier one's place")
    add_device(parser)


def run(args):
    _check(args)
    with Log.read_only(args.log) as log:
        return _compare(args, log) if args.change else _trace(args, log)


def _check(args):
    """UserError unless the options belong together."""
    if (args.id is None) == (args.change is None):
        found = "neither" if args.id is None else "both"
        raise UserError(f"found {found}, expected the ID of a request, or --change RUN RUN2")
    for name in ("newest", "out") if args.id else ("picture", "run"):
        if getattr(args, name) is not None:
            raise UserError(f"found it with {'an ID' if args.id else '--change'}, where it has no meaning", name)
    if args.newest is not None and args.newest < 1:
        raise UserError(f"found {args.newest}, expected 1 or more", "newest")
    if args.out:
        check_out(target(args.out), COMMAND)


def _trace(args, log):
    request = find_request(log, args.id)
    return trace(log, request, open_device(args), args.run, args.picture)


def _compare(args, log):
    xp = open_device(args)
    first, second = (Classifier(open_run(path, xp), xp) for path in args.change)
    comparison = compare_on_log(log, first, second, args.newest)
    result = {"log": args.log, "run": args.change[0], "new_run": args.change[1]} | comparison.numbers()
    result["calibrated"] = [one.calibration is not None for one in (first, second)]
    result["changes"] = [_change(one) for one in comparison.changed]
    if args.out:
        out = target(args.out)
        with written(out, COMMAND) as folder:
            page = changes_page(log.path, tuple(args.change), comparison, list(_sentences(result)))
            (folder / PAGE).write_text(page, encoding="utf-8", errors="backslashreplace")
            (folder / "changes.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        result["page"] = str(out / PAGE)
    return result


def _change(one):
    about = {"id": one.request.id, "at": one.request.at, "client": one.request.client, "sha256": one.request.sha256}
    return about | {"before": vars(one.before), "after": vars(one.after), "truth": one.truth, "verdict": one.verdict}


# ---------------------------------------------------------------------------------------------- for people


def show(result):
    if "changes" in result:
        return _show_changes(result)
    print_text(f"Request {result['id']}, {_when(result['at'])}, from {harmless(result['client']) or 'nobody named'}")
    for title, lines in (
        ("What came in", _came(result["entered"], result["model"])),
        ("What answered", _answered_by(result["model"])),
        ("What went out", _went_out(result)),
        ("What was true", _truth(result["truth"])),
    ):
        print_text(f"\n{title}")
        for line in lines:
            print_text(f"  {harmless(line)}", hang=2)
    _show_layers(result)


def _when(seconds):
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _came(entered, model):
    yield f"{entered['format']}, {bytes_text(entered['bytes'])}, {entered['width']}×{entered['height']} pixels"
    yield f"sha256 {entered['sha256']}"
    yield f"prepared: {entered['prepared']}"
    names = [name for name in ("brightness", "contrast", "sharpness", "novelty") if entered[name]["value"] is not None]
    said = ", ".join(f"{name} {_beside(entered[name])}" for name in names)
    yield (
        said if model["compared_with"] is None else f"{said}; in brackets: 98 % of {model['compared_with']}'s pictures"
    )


def _beside(about):
    """A number, and in brackets the middle 98 % of the validation pictures' ones."""
    value = about["value"]
    if "low" not in about:
        return f"{value:.3g}"
    place = ", below" if value < about["low"] else ", above" if value > about["high"] else ""
    return f"{value:.3g} ({about['low']:.3g} to {about['high']:.3g}{place})"


def _answered_by(model):
    yield f"{model['model']}, {model['run']}, {model['classes']:,} classes, {model['view'] or 'view unknown'}"
    yield f"sha256 {model['sha256']}, since {_when(model['since'])}"
    calibration = model["calibration"]
    if not calibration:
        yield "not calibrated"
        return
    threshold = calibration.get("threshold")
    sure = "no answer is sure" if threshold is None else f"sure from {threshold:.2%} on"
    yield f"calibrated: temperature {calibration.get('temperature', float('nan')):.3g}, {sure}"


def _went_out(result):
    answer = result["answer"]
    guess = "no guess" if answer["guess"] is None else _guess(answer)
    yield f"{guess if answer['sure'] else f'not sure: {guess}'}; after {answer['milliseconds']:.0f} ms"
    if answer["reason"]:
        yield f"because: {answer['reason']}"
    yield "likeliest: " + ", ".join(f"{first_name(one['label'])} {one['probability']:.1%}" for one in answer["top"])
    if shadow := result["shadow"]:
        said = "nothing" if shadow["guess"] is None else _guess(shadow)
        yield f"its shadow {shadow['run']} said {said}{'' if shadow['sure'] else ', not sure'}"
    if again := result["again"]:
        yield _said_again(again)


def _guess(about):
    return f"{first_name(about['guess']['label'])}, {about['probability']:.2%}"


def _said_again(again):
    if again["same"]:
        return f"asked again, it says the same; the probability differs by {again['difference'] or 0:.1g}"
    now = f"{'' if again['sure'] else 'not sure: '}{_guess(again)}"
    return f"asked again, it says something else: {now}; its calibration or preparation has changed"


def _truth(truth):
    if truth is None:
        return ["no label has come"]
    verdict = "the guess was right" if truth["right"] else "the guess was wrong"
    return [f"{first_name(truth['label'])} ({truth['class_id']}), told {_when(truth['at'])}: {verdict}"]


def _show_layers(result):
    print_text("\nWhat each layer made of it")
    if result["layers"] is None:
        return print_text(f"  {harmless(result['missing'])}", hang=2)
    data = result["usual_of"]
    header = ("layer", "output", "zeros", "rms", *(("usual",) if data else ()))
    rows = [_layer(one)[: len(header)] for one in result["layers"]]
    print_table(header, rows, right=(2, 3))
    usual = f"usual: where 98 % of {data}'s validation pictures lie" if data else "no reference says what is usual"
    print_text(f"\nrms: the root mean square of the layer's output for the centre crop; {usual}.")


def _layer(one):
    usual, rms = "", one["rms"]
    if "low" in one:
        outside = ", below" if rms < one["low"] else ", above" if rms > one["high"] else ""
        usual = f"{one['low']:.3g} to {one['high']:.3g}{outside}"
    return one["layer"], "×".join(map(str, one["shape"])), f"{one['zeros']:.1%}", f"{rms:.3g}", usual


def _show_changes(result):
    for sentence in _sentences(result):
        print_text(sentence)
    rows = []
    for name, key in (("run", "before"), ("new_run", "after")):
        side = result[key]
        error = "–" if side["error"] is None else "{:.1%} ({:.1%}–{:.1%})".format(*side["error"])
        cells = (f"{side['answered']:,}", *(f"{side[k]:,}" for k in ("right", "none", "wrong")), error)
        rows.append((result[name], *cells))
    print()
    print_table(("", "answered", "right", "no answer", "wrong", "wrong of answered"), rows, right=range(1, 6))
    print_text(f"\nThe last four columns are of the {result['labelled']:,} labelled requests.")
    if "page" in result:
        print_text(f"Look at {result['page']}")
    elif result["changed"]:
        words = ("trace", "--change", result["run"], result["new_run"], "--log", result["log"], "--out", "changes")
        print_text(f"See the pictures: {command(*words)}")


def _sentences(result):
    """The result of the comparison, in words."""
    missing = [
        f"{count:,} {what}"
        for count, what in (
            (result["without_picture"], "had no kept picture"),
            (result["unreadable"], "could not be read"),
        )
        if count
    ]
    left = f"; {' and '.join(missing)}" if missing else ""
    yield (
        f"{result['compared']:,} of {result['requests']:,} logged requests were asked again{left}. "
        f"{result['answered_by_first']:,} of them had been answered by {result['run']} as it is."
    )
    kinds = {
        "other_answer": "another answer",
        "no_answer_any_more": "no answer any more",
        "answered_now": "an answer at last",
    }
    parts = [f"{words} to {result[key]:,}" for key, words in kinds.items() if result[key]]
    yield f"{result['new_run']} would change {result['changed']:,}{': ' if parts else ''}{', '.join(parts)}."
    if not result["labelled"]:
        yield "No label has come for any of them, so nobody knows which answers are right."
        return
    counts = (
        f"{result['better']:,} would get better, {result['worse']:,} worse, {result['neither']:,} other but neither"
    )
    test = "."
    if result["better"] or result["worse"]:
        beyond = "beyond chance" if result["p"] < 0.05 else "which may be chance"
        test = (
            f"; p = {result['p']:.2g} (McNemar's exact test), {beyond}, as far as the labelled requests stand for all."
        )
    yield f"{result['labelled']:,} are labelled: {counts}{test}"

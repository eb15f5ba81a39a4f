"""`tinyalex calibrate`: make probabilities honest, and say when a network is not sure."""

import math

import numpy as np

from tinyalex.calibration import confidences, reliability, risk_coverage
from tinyalex.commands.options import add_device, open_device, print_table, print_text
from tinyalex.data import open_dataset
from tinyalex.errors import UserError
from tinyalex.evaluation import class_probabilities
from tinyalex.files import check_picture
from tinyalex.lines import command
from tinyalex.monitoring.reference import make_reference, save_reference
from tinyalex.runs.calibrated import calibration_file, checkpoint_hash, least_risk, save_calibration, study
from tinyalex.runs.trained import find_checkpoint, open_runs
from tinyalex.statistics import binomial_upper

RISK = 0.05
DESCRIPTION = """\
Find out whether RUN's probabilities mean what they say, and mend them. Half of the validation pictures give a \
temperature, which makes all answers surer or less sure; the other half, which it was not fitted to, judge it: the \
expected calibration error (ECE) before and after, with intervals, and a chart. They also give a threshold: the \
lowest confidence from which at most a share RISK of the answers are wrong, with 95 % certainty.

This stands beside the checkpoint, as best.calibration.json and .png, and replaces an earlier one. `evaluate` and \
`predict` then give calibrated probabilities for this view, and say where the network is not sure. It holds for \
pictures like these; if the best epoch was chosen by the same pictures, others (--data) judge more strictly.

best.reference.json, also written, notes what the validation pictures look like to the network: `report` compares the \
pictures of a service with them."""
EXAMPLES = (
    "tinyalex calibrate runs/first",
    "tinyalex calibrate runs/first --risk 0.1 --ten-crop",
    "tinyalex calibrate runs/imported --data data/tiny64 --json",
)


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="run folder or checkpoint")
    parser.add_argument(
        "--data",
        metavar="FOLDER",
        help="a folder that `prepare` wrote, or builtin (default: the data that RUN was trained on)",
    )
    parser.add_argument(
        "--risk", type=float, default=RISK, metavar="R", help=f"the largest share of wrong answers wanted ({RISK})"
    )
    parser.add_argument(
        "--ten-crop", action="store_true", help="average over four corners, the centre and their mirror images"
    )
    add_device(parser)


def run(args):
    if not 0 < args.risk <= 1:
        raise UserError(f"found {args.risk:g}, expected above 0, and at most 1 (always answer)", "risk")
    xp = open_device(args)
    checkpoint = checkpoint_hash(find_checkpoint(args.run, quiet=True))
    (trained,), data, split = open_runs([args.run], xp, args.data)
    picture = calibration_file(trained.file, ".png")
    check_picture(picture)
    if len(split) < 2:
        raise UserError(f"{data}: found {len(split)} validation picture, expected at least 2: one to fit, one to judge")
    p = class_probabilities(trained.network, split, trained.view, xp, args.ten_crop)
    trained.check_answers(p)
    if checkpoint_hash(trained.file) != checkpoint:
        raise UserError(f"{trained.file}: was written meanwhile; calibrate it once its training is done")
    found = study(p, split.labels, args.risk, args.ten_crop, checkpoint)
    result = {"run": str(args.run), "checkpoint": str(trained.file), "sha256": checkpoint, "data": data}
    result |= _result(found, args)
    reference = make_reference(trained, open_dataset(data), found.calibration, p, trained_on=_trained_on(trained))
    _draw(picture, result, found)
    saved = {"file": save_calibration(trained, found.calibration), "picture": picture}
    saved["reference"] = save_reference(trained, reference)
    return result | {name: str(path) for name, path in saved.items()}


def _trained_on(trained):
    """The data that a run was trained on; None if they are not found, where a service measures no distances to them."""
    try:
        return open_dataset(trained.own_data(), quiet=True)
    except UserError:
        return None


def _result(found, args):
    made = found.calibration
    answer, confidence = confidences(found.after)
    wrong = answer != found.labels
    sure = made.sure(confidence)
    result = {
        "view": made.view,
        "fitted": found.fitted,
        "judged": made.pictures,
        "error": float(wrong.mean()),
        "temperature": made.temperature,
        "loss": {"before": found.loss_before, "after": found.loss_after},
        "ece": {
            "before": vars(made.ece_before),
            "after": vars(made.ece_after),
            "fell": vars(found.fell),
            "by_chance": found.by_chance,
        },
        "risk": made.risk,
        "level": made.level,
        "threshold": made.threshold,
        "answered": _answered(int(sure.sum()), int((wrong & sure).sum()), len(sure)),
        "reliability": {
            name: [[n, *(None if math.isnan(x) else x for x in row)] for n, *row in reliability(q, found.labels)]
            for name, q in (("before", found.before), ("after", found.after))
        },
    }
    notes = list(found.notes)
    if made.ece_before.low == 0:
        notes.append("Before, too, the ECE was no larger than chance makes it: these pictures show no fault to mend.")
    if made.threshold is None:
        given = [*(["--data", args.data] if args.data else []), *(["--ten-crop"] if args.ten_crop else [])]
        least = command("calibrate", args.run, *given, "--risk", f"{least_risk(confidence, wrong):g}")
        notes.append(
            f"No threshold: {made.pictures:,} pictures cannot promise at most {_percent(made.risk)} wrong answers from "
            f"any confidence on, so every answer counts as not sure. The least that they can promise: {least}"
        )
    return result | {"notes": notes}


def _answered(pictures, wrong, of):
    error = {"error": wrong / pictures, "error_at_most": binomial_upper(wrong, pictures)} if pictures else {}
    return {"pictures": pictures, "share": pictures / of, "wrong": wrong} | error


def _draw(path, result, found):
    from tinyalex.inspection.charts import calibrated  # here, since Matplotlib takes a second to import
    from tinyalex.plots import save

    answer, confidence = confidences(found.after)
    curve = risk_coverage(confidence, answer != found.labels)
    rows = [reliability(q, found.labels) for q in (found.before, found.after)]
    save(calibrated(rows, curve, result), path)
    result["alt"] = _alt(result, curve)


def _alt(result, curve):
    """The chart in words."""
    _, coverage, risk = curve
    before, after = (result["ece"][name]["mean"] for name in ("before", "after"))
    return (
        f"Left and middle, bars of the share of right answers by confidence, before and after: their mean distance "
        f"from the diagonal is {before:.3f} and {after:.3f}. Right, the share of wrong answers among the surest "
        f"pictures: {risk[np.searchsorted(coverage, 0.5)]:.1%} of half of them, {result['error']:.1%} of all."
    )


def show(result):
    ece, loss, answered = result["ece"], result["loss"], result["answered"]
    rows = [
        (name, f"{loss[name]:.3f}", f"{ece[name]['mean']:.3f}", f"{ece[name]['low']:.3f} to {ece[name]['high']:.3f}")
        for name in ("before", "after")
    ]
    print_table((result["view"], "loss", "ECE", "95 % interval"), rows, right=(1, 2, 3))
    print_text(
        f"\nTemperature {result['temperature']:.3g}, fitted to {result['fitted']:,} validation pictures of "
        f"{result['data']} and judged on {result['judged']:,} others, {result['error']:.1%} of them answered wrong. "
        f"{_change(ece['fell'])} Chance alone makes up to {ece['by_chance']:.3f} of perfect probabilities."
    )
    if result["threshold"] is not None:
        print_text(
            f"From a confidence of {result['threshold']:.2%} on, at most {_percent(result['risk'])} of the answers are "
            f"wrong, with {result['level']:.0%} certainty. This answers {answered['pictures']:,} of the "
            f"{result['judged']:,} pictures here, {answered['wrong']:,} of them wrongly; of the others it is not sure."
        )
    for note in result["notes"]:
        print_text(note)
    print_text(f"Written: {result['file']}. Look at {result['picture']}")


def _change(fell):
    """A sentence on how far the ECE fell."""
    if fell["low"] <= 0 <= fell["high"]:
        return f"Whether their ECE changed cannot be told ({_signed(-fell['high'])} to {_signed(-fell['low'])})."
    word = "fell" if fell["low"] > 0 else "rose"
    ends = sorted(abs(fell[end]) for end in ("low", "high"))
    return f"Their ECE {word} by {abs(fell['mean']):.3f} ({ends[0]:.3f} to {ends[1]:.3f})."


def _signed(number):
    return f"{number:+.3f}".replace("-", "−")


def _percent(share):
    return f"{100 * share:.4g} %"

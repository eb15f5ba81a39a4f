"""`tinyalex robustness`: how much a network's errors grow on noisy, blurred, dark or re-compressed pictures."""

import json
import sys
from contextlib import contextmanager

from tinyalex.calibration import VIEWS
from tinyalex.classifier import Classifier
from tinyalex.commands.options import add_device, open_device, print_table, print_text
from tinyalex.data import open_dataset, open_validation
from tinyalex.data.corruptions import CORRUPTIONS, SEVERITIES, find_corruption
from tinyalex.errors import UserError
from tinyalex.files import check_file, check_picture, write_text
from tinyalex.inspection.card import MARK, card
from tinyalex.inspection.robustness import ALPHA, Chosen, Trial
from tinyalex.inspection.subject import sample
from tinyalex.runs.trained import check_fits, open_run
from tinyalex.statistics import Interval
from tinyalex.streams import onto_stdout
from tinyalex.terminal import progress_bar, say

DESCRIPTION = f"""\
The error on validation pictures that were corrupted on purpose, at severities 1 to 5, beside the error on the \
pictures as they are: {", ".join(CORRUPTIONS)}. Most are ImageNet-C's, with strengths for small pictures. If RUN is \
calibrated, also whether it knows: how many of the pictures it still answers, and how many of these answers are wrong.

RUN is a run folder, whose best epoch is taken, or one .safetensors file. --card writes a model card: what the network \
is, how it was trained, what it gets wrong, and where it should not be used."""
EXAMPLES = (
    "tinyalex robustness runs/first",
    "tinyalex robustness runs/first --corruptions jpeg,gaussian-blur --severities 3 --pictures 0",
    "tinyalex robustness runs/first --chart robustness.png --card card.md",
    "tinyalex robustness runs/imagenet --data data/photos --pictures 100 --json",
)
PICTURES = 500
FILES = ("chart", "card")


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="run folder or checkpoint")
    parser.add_argument(
        "--data",
        metavar="FOLDER",
        help="a folder that `prepare` wrote, or builtin (default: the data that RUN was trained on)",
    )
    parser.add_argument("--corruptions", metavar="A,B", help="only these (default: all)")
    parser.add_argument("--severities", default="1,2,3,4,5", metavar="1,2", help="only these, 1 to 5 (default: all)")
    most = f"take at most N validation pictures, drawn at random; 0: all ({PICTURES})"
    parser.add_argument("--pictures", type=int, default=PICTURES, metavar="N", help=most)
    parser.add_argument(
        "--ten-crop", action="store_true", help="average over four corners, the centre and their mirror images"
    )
    parser.add_argument("--chart", metavar="FILE", help="draw the errors by severity, as PNG")
    parser.add_argument("--card", metavar="FILE", help="write a model card, in Markdown (.md)")
    add_device(parser)


def run(args):
    names, severities = _names(args.corruptions), _severities(args.severities)
    if args.pictures < 0:
        raise UserError(f"found {args.pictures}, expected 1 or more, or 0 for all", "pictures")
    if args.chart:
        check_picture(args.chart, "chart")
    if args.card:
        check_file(args.card, ".md", MARK.encode(), "card")
    xp = open_device(args)
    trained = open_run(args.run, xp)
    data = args.data or trained.own_data()
    split, class_ids, size = open_validation(data)
    check_fits(trained, data, class_ids, size)
    chosen = Chosen(split, sample(split, args.pictures or len(split), "robustness"))
    view, classifier = VIEWS[int(args.ten_crop)], Classifier(trained, xp)
    calibration = classifier.calibrated(args.ten_crop)
    if classifier.calibration and not calibration:
        say(f"{trained.file}: calibrated for the {classifier.calibration.view}, so not used for the {view}")
    trial = Trial(trained, data, chosen, names, severities, view, calibration)
    written = {}
    with _nothing_lost(trial, args, written):
        with progress_bar(trial.planned * len(chosen), "corrupted pictures") as bar:
            trial.measure(xp, bar.update)
        result = trial.result()
        if args.chart:
            _draw(args.chart, result)
            written["chart"] = args.chart
        if args.card:
            write_text(args.card, card(trial, result, open_dataset(data), xp))
            written["card"] = args.card
    return result | written


@contextmanager
def _nothing_lost(trial, args, written):
    """If the block is stopped or a file cannot be written, print what was measured before the exception goes on."""
    try:
        yield
    except (KeyboardInterrupt, UserError) as error:
        done = len(trial.done)
        if done:
            with onto_stdout():
                sys.stdout.write(json.dumps(trial.result()) + "\n") if args.json else show(trial.result())
        if isinstance(error, UserError):
            raise
        left = [f"; the {name} was not written" for name in FILES if getattr(args, name) and name not in written]
        raise KeyboardInterrupt(f"stopped after {done} of {trial.planned} measurements{''.join(left)}") from None


def _names(listed):
    """The corruptions to apply, in the order of the list. UserError for an unknown one, or one twice."""
    if listed is None:
        return list(CORRUPTIONS)
    return [find_corruption(name).name for name in _parts(listed, "corruptions")]


def _severities(listed):
    found = _parts(listed, "severities")
    if wrong := [one for one in found if one not in map(str, SEVERITIES)]:
        raise UserError(f"found {wrong[0]!r}, expected some of 1,2,3,4,5", "severities")
    return sorted(map(int, found))


def _parts(listed, argument):
    parts = [part.strip() for part in listed.split(",")]
    if twice := next((part for part in parts if parts.count(part) > 1), None):
        raise UserError(f"found {twice!r} twice, expected each once", argument)
    return parts


def _draw(path, result):
    from tinyalex.inspection.charts import robustness  # here, since Matplotlib takes a second to import
    from tinyalex.plots import save

    families = {}
    for name in dict.fromkeys(row["corruption"] for row in result["corruptions"]):
        families.setdefault(CORRUPTIONS[name].family, []).append(name)
    clean = Interval(result["clean"]["error"], *result["clean"]["error_interval"])
    title = f"{result['model']} on {result['images']:,} corrupted pictures of {result['data']}"
    save(robustness(result["corruptions"], families, clean, title), path)


# ---------------------------------------------------------------------------------------------- for people


def show(result):
    clean, rows = result["clean"], result["corruptions"]
    of = "" if result["images"] == result["of_images"] else f" of {result['of_images']:,}"
    print_text(f"{result['checkpoint']}: {result['images']:,}{of} validation pictures of {result['data']}")
    calibrated = ", calibrated" if result["calibrated"] else ""
    print_text(f"As they are ({result['view']}{calibrated}): {_share(clean, 'error')} wrong{_answered(clean)}\n")
    if not rows:
        return
    severities = sorted({row["severity"] for row in rows})
    by_name = {}
    for row in rows:
        by_name.setdefault(row["corruption"], {})[row["severity"]] = row
    cells = [(name, *(_cell(own.get(s)) for s in severities), _mean(own)) for name, own in by_name.items()]
    header = ("wrong answers", *(f"severity {s}" for s in severities), "mean")
    print_table(header, cells, right=range(1, len(header)))
    _show_confidence(by_name, severities[-1], result)
    mean = result["mean_corruption_error"]
    error, more = (list(mean[key].values()) for key in ("error", "more"))
    print_text(
        f"\nMean corruption error: {error[0]:.1%} ({100 * error[1]:.0f}–{100 * error[2]:.0f}), "
        f"{100 * more[0]:+.1f} points ({100 * more[1]:+.1f} to {100 * more[2]:+.1f}). In brackets: 95 % intervals. "
        f"{_breaks(result)}"
    )


def _show_confidence(by_name, severity, result):
    """Print the network's confidence at the highest severity, beside the pictures as they are."""
    columns = {"confidence": "confidence", "ece": "ECE"}
    if result["calibrated"]:
        columns |= {"coverage": "answered", "answered_error": "wrong of these"}
    rows = {"as they are": result["clean"]} | {name: own[severity] for name, own in by_name.items() if severity in own}
    cells = [(name, *(_number(row, key) for key in columns)) for name, row in rows.items()]
    print()
    print_table((f"at severity {severity}", *columns.values()), cells, right=range(1, len(columns) + 1))


def _number(row, key):
    if key == "ece":
        return f"{row[key]:.3f}"
    return _share(row, key) if key == "answered_error" else f"{row[key]:.1%}"


def _share(row, key):
    """A share with its interval; a dash if nothing was counted."""
    if key not in row:
        return "–"
    low, high = row[f"{key}_interval"]
    return f"{row[key]:.1%} ({100 * low:.0f}–{100 * high:.0f})"


def _cell(row):
    return "" if row is None else _share(row, "error")


def _mean(own):
    return f"{sum(row['error'] for row in own.values()) / len(own):.1%}"


def _answered(clean):
    if "coverage" not in clean:
        return ""
    return f"; {clean['coverage']:.1%} are answered, {_share(clean, 'answered_error')} of these answers are wrong"


def _breaks(result):
    """From which severity on corruptions add to the errors, in one sentence."""
    grows = [f"{name} from severity {severity}" for name, severity in result["breaks_at"].items()]
    test = f"(p < {ALPHA} by McNemar's test, corrected for all comparisons)"
    return f"More wrong answers than without, beyond chance {test}: {', '.join(grows) or 'none'}."

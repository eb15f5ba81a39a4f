"""`tinyalex predict`: classify your own pictures with a trained network."""

import sys

import numpy as np

from tinyalex.classifier import Classifier
from tinyalex.commands.options import add_device, open_device, print_text
from tinyalex.commands.picture_files import read_pictures
from tinyalex.data import open_validation
from tinyalex.errors import UserError
from tinyalex.lines import MOST_WIDTH, columns, command, harmless, text_width
from tinyalex.runs.trained import check_fits, open_run

DESCRIPTION = """\
The likeliest classes of each picture, with their probabilities. Reads any format that Pillow reads. As with the \
training pictures, the shorter side is scaled to the network's size and the centre is cut out. Without PICTURE, \
classify a few of the run's own validation pictures, and name their true classes. After `calibrate`, probabilities are \
calibrated, and answers below its threshold are marked as not sure."""
EXAMPLES = (
    "tinyalex predict runs/first",
    "tinyalex predict runs/first cat.jpg dog.png",
    "tinyalex predict runs/first photos/*.jpg --ten-crop --json",
)

RIGHT = "✓"  # marks the true class, as in the figures of `inspect`
BAR = 24  # characters for a probability of 1
EXAMPLE_PICTURES = 4  # where none are named


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="run folder or checkpoint")
    parser.add_argument(
        "pictures", metavar="PICTURE", nargs="*", default=[], help="picture files (default: validation pictures)"
    )
    parser.add_argument(
        "--ten-crop", action="store_true", help="average over four corners, the centre and their mirror images"
    )
    parser.add_argument("--top", type=int, default=5, metavar="N", help="classes to name for each picture (5)")
    add_device(parser)


def run(args):
    if args.top < 1:
        raise UserError(f"found {args.top}, expected 1 or more", "top")
    xp = open_device(args)
    one, labels, unreadable = open_run(args.run, xp), [], []
    if args.pictures:
        files, pictures, unreadable = read_pictures(args.pictures, one.view.size)
    else:
        files, pictures, labels = _validation_pictures(one, args.run)
    names, classifier = one.info["class_names"], Classifier(one, xp)
    calibration = classifier.calibrated(args.ten_crop)
    predictions = [
        {"file": file, "top": [{"class": a.name, "id": a.id, "probability": a.probability} for a in found.answers]}
        | ({"sure": found.sure, "reason": found.reason or None} if calibration else {})
        for file, found in zip(files, classifier.classify(pictures, args.top, args.ten_crop))
    ]
    for prediction, label in zip(predictions, labels):
        prediction |= {"label": names[label], "label_id": one.info["class_ids"][label]}
    about = {
        "model": one.info["model"],
        "trained_on": one.info["config"]["data"] or "pictures elsewhere",
        "classes": len(names),
    }
    about["some_classes"] = names if len(names) <= 4 else [*names[:2], names[-1]]
    about |= {"calibrated": calibration is not None, "calibration": about_calibration(classifier, args.ten_crop)}
    return about | {"predictions": predictions, "unreadable": unreadable}


def about_calibration(classifier, ten_crop):
    """Whether the probabilities are calibrated, and why no answer is sure, if none is; "" for one that never was."""
    if found := classifier.calibrated(ten_crop):
        text = f"Its probabilities are calibrated ({found.view}, temperature {found.temperature:.3g})."
        if found.threshold is None:
            again = command("calibrate", classifier.run.path, *(["--ten-crop"] if ten_crop else []), "--risk", "R")
            text += f" It is not sure of any picture: {found.reason(1.0)}. To be sure of some, allow more: {again}"
            text += f"; {found.risk:g} is too little, and the command names the smallest R for which it can be sure."
        return text
    other = classifier.calibration
    return f"Calibrated for the {other.view} only: these probabilities are its own." if other else ""


def _validation_pictures(one, path):
    """(names, pictures, labels) of the first picture of a few classes, spread evenly over all of them."""
    try:
        data = one.own_data()
        split, class_ids, size = open_validation(data)
    except UserError as error:
        hint = f"to classify your own pictures, name them: {command('predict', path, 'cat.jpg')}"
        raise UserError(f"{error.args[0]}; {hint}") from None
    check_fits(one, data, class_ids, size)
    present, first = np.unique(split.labels, return_index=True)
    rows = first[np.unique(np.linspace(0, len(present), EXAMPLE_PICTURES, endpoint=False).astype(int))]
    return [f"{data}, validation picture {row + 1}" for row in rows], list(split.gather(rows)), split.labels[rows]


def show(result):
    *names, last = result["some_classes"]
    some = f"{', '.join(names)}{', … ' if len(names) + 1 < result['classes'] else ', '}{last}"
    print_text(f"{result['model']}, trained on {result['trained_on']}, knows {result['classes']} classes ({some}).")
    print_text("It answers with one of these, whatever a picture shows.")
    if result["calibration"]:
        print_text(result["calibration"])
    for prediction in result["predictions"]:
        label, label_id = prediction.get("label"), prediction.get("label_id")
        print_text("\n" + harmless(": ".join([prediction["file"], *filter(None, [label])])))
        names = [harmless(answer["class"]) for answer in prediction["top"]]
        width = max(map(text_width, names))
        most = max(0, min(BAR, (columns(sys.stdout) or MOST_WIDTH) - width - len("  100.0%  ✓   ")))
        for name, answer in zip(names, prediction["top"]):
            bar = "█" * round(most * answer["probability"])
            padding = " " * (width - text_width(name))
            mark = "" if label is None else f"{RIGHT} " if answer["id"] == label_id else "  "
            print_text(f"  {answer['probability']:6.1%}  {mark}{name}{padding}  {bar}".rstrip())
        if reason := prediction.get("reason"):
            print_text("  not sure" if reason in result["calibration"] else f"  not sure: {reason}", 2)

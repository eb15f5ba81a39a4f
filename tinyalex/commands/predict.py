"""`tinyalex predict`: classify your own pictures with a trained network."""

import sys

from tinyalex.commands.options import MOST_WIDTH, add_device, open_device, print_text
from tinyalex.data.pictures import PictureError, read_picture
from tinyalex.errors import UserError
from tinyalex.library import Classifier
from tinyalex.runs.trained import open_run
from tinyalex.streams import columns, text_width
from tinyalex.terminal import say

DESCRIPTION = (
    "The five likeliest classes of each picture, with their probabilities. Reads any format that Pillow reads; as for\n"
    "the training pictures, the shorter side is scaled to the network's size and the centre is cut out."
)
EXAMPLES = ("tinyalex predict runs/first cat.jpg dog.png", "tinyalex predict runs/first photos/*.jpg --ten-crop --json")

BAR = 24  # characters for a probability of 1


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="run folder or checkpoint")
    parser.add_argument("pictures", metavar="PICTURE", nargs="+", help="picture files")
    parser.add_argument("--ten-crop", action="store_true", help="average four corners, centre and their mirror images")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="answers per picture (5)")
    add_device(parser)


def run(args):
    if args.top < 1:
        raise UserError(f"found {args.top}, expected 1 or more", "top")
    xp = open_device(args)
    classifier = Classifier(open_run(args.run, xp), xp)
    files, pictures, unreadable = _read(args.pictures, classifier.run.view.size)
    answers = classifier.predict(pictures, args.top, args.ten_crop)
    predictions = [
        {"file": file, "top": [{"class": one.name, "id": one.id, "probability": one.probability} for one in top]}
        for file, top in zip(files, answers)
    ]
    return {"predictions": predictions, "unreadable": unreadable}


def _read(paths, size):
    """(readable files, their pictures, the others with the reason). Raises UserError if none can be read."""
    files, pictures, unreadable = [], [], []
    for path in paths:
        try:
            pictures.append(read_picture(path, size))
            files.append(path)
        except PictureError as error:
            unreadable.append({"file": path, "reason": str(error)})
    if not files:
        raise UserError(f"{paths[0]}: {unreadable[0]['reason']}; no pictures left to classify")
    for skipped in unreadable:
        say(f"tinyalex: {skipped['file']}: {skipped['reason']}; skipped")
    return files, pictures, unreadable


def show(result):
    for number, prediction in enumerate(result["predictions"]):
        print(("\n" if number else "") + prediction["file"])
        width = max(text_width(answer["class"]) for answer in prediction["top"])
        most = max(0, min(BAR, (columns(sys.stdout) or MOST_WIDTH) - width - len("  100.0%    ")))
        for answer in prediction["top"]:
            bar = "█" * round(most * answer["probability"])
            name = answer["class"] + " " * (width - text_width(answer["class"]))
            print_text(f"  {answer['probability']:6.1%}  {name}  {bar}".rstrip())

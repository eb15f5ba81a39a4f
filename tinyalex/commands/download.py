"""`tinyalex download`: fetch a public data set or network; checked, and resumed if interrupted."""

from tinyalex.commands.options import print_text
from tinyalex.data.download import SOURCES, download
from tinyalex.lines import command

DESCRIPTION = """\
Fetch a public data set, or a trained network. An interrupted download resumes where it stopped. The file gets its \
final name only when its size and checksum are as published."""
EXAMPLES = ("tinyalex download tiny-imagenet data/", "tinyalex download alexnet-onnx data/")


def add_arguments(parser):
    parser.add_argument("name", metavar="NAME", help=", ".join(SOURCES))
    parser.add_argument("folder", metavar="FOLDER", help="where to put the file")
    parser.add_argument("--url", metavar="URL", help="a mirror to fetch the same file from")


def run(args):
    path = download(args.name, args.folder, url=args.url)
    return {"path": str(path), "bytes": path.stat().st_size}


def show(result):
    path = result["path"]
    network = path.endswith(".onnx")
    then = command("import", path, "--out", "runs/alexnet") if network else command("prepare", path, "data/prepared")
    print_text(f"{path} is complete and checked. Next: {then}")

"""`tinyalex download`: fetch a public data set; checked, and resumed if interrupted."""

from tinyalex.commands.options import print_text
from tinyalex.data.download import SOURCES, download
from tinyalex.lines import command

DESCRIPTION = """\
Fetch a public data set. An interrupted download resumes where it stopped. The file gets its final name only when \
its size and MD5 are as published."""
EXAMPLES = ("tinyalex download tiny-imagenet data/", "tinyalex download cifar10 data/")


def add_arguments(parser):
    parser.add_argument("name", metavar="NAME", help=" or ".join(SOURCES))
    parser.add_argument("folder", metavar="FOLDER", help="where to put the file")
    parser.add_argument("--url", metavar="URL", help="a mirror to fetch the same file from")


def run(args):
    path = download(args.name, args.folder, url=args.url, quiet=args.json)
    return {"path": str(path), "bytes": path.stat().st_size}


def show(result):
    print_text(f"{result['path']} is complete and checked. Next: {command('prepare', result['path'], 'data/prepared')}")

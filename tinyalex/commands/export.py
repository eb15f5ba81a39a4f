"""`tinyalex export`: write a trained network for ONNX, PyTorch or NumPy."""

import sys

from tinyalex.backend import choose_device
from tinyalex.commands.options import print_text
from tinyalex.exchange.exported import PIXELS, export_run
from tinyalex.runs.trained import open_run
from tinyalex.terminal import say

DESCRIPTION = """\
Write a trained network to a file that other libraries read. FILE's ending says which.

.onnx: the whole network, for onnxruntime and others; it takes pictures as uint8 and prepares them itself, unless \
--pixels float. .safetensors: the weights in PyTorch's layout; the code of a module that takes them is printed. \
.npz: the arrays as they are here. Each file also says how pictures are prepared, and names the classes."""
EXAMPLES = (
    "tinyalex export runs/first mine.onnx",
    "tinyalex export runs/first mine.onnx --pixels float --json",
    "tinyalex export runs/first mine.safetensors",
)


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="run folder, whose best epoch is taken, or checkpoint")
    parser.add_argument("file", metavar="FILE", help="the file to write: .onnx, .safetensors or .npz")
    parser.add_argument(
        "--pixels", choices=PIXELS, help="of ONNX: whether pictures come as uint8 or prepared, as float"
    )


def run(args):
    return export_run(open_run(args.run, choose_device("cpu")), args.file, args.pixels)


def show(result):
    text = f"{result['file']}: {result['model']}, {result['parameters']:,} parameters. Pictures: {result['pictures']}."
    if "code" in result:
        say(text)  # beside the code, which may go to a file
        sys.stdout.write(result["code"])  # as it is: folded, it would be no code
    else:
        print_text(text)

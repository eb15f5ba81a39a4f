"""`tinyalex import`: make a run of a network that others trained, in PyTorch or ONNX."""

from tinyalex.commands.options import print_text
from tinyalex.exchange.imported import save_foreign
from tinyalex.exchange.onnx_in import CONVENTIONS
from tinyalex.exchange.reading import read_foreign
from tinyalex.lines import command, harmless

DESCRIPTION = """\
Make a run folder of a network that was trained elsewhere. The other commands take it like a run of their own: \
evaluate, predict, inspect, compare, and train --start-from.

FILE is PyTorch's (.pth, .pt: a state dict, as torch.save writes it, old or new), safetensors in PyTorch's layout, or \
ONNX; its content tells which. Whatever `export` wrote comes back as it was. Nothing in a file is executed, and \
PyTorch is not needed. Weights alone do not say what network they belong to: torchvision's alexnet, vgg11, vgg16 \
(with and without batch normalisation), resnet18 and resnet34 and the ResNets for CIFAR are recognised, others need \
--as. The result says all that was converted, and how pictures are prepared."""
EXAMPLES = (
    "tinyalex import alexnet-owt-7be5be79.pth",
    "tinyalex import resnet20-12fca82f.th --out runs/resnet20",
    "tinyalex import bvlcalexnet-12.onnx --pictures caffe --out runs/caffe",
    "tinyalex import mine.safetensors --as vgg-small --classes data/pets --json",
)


def add_arguments(parser):
    parser.add_argument("file", metavar="FILE", help="a file of weights, or an ONNX model")
    parser.add_argument(
        "--as",
        dest="model",
        metavar="MODEL",
        help="the model here that the weights belong to, such as vgg-small (default: recognised)",
    )
    parser.add_argument(
        "--classes",
        metavar="FILE",
        help='names of the classes: a text file, one a line, "n01440764 tench" or only a name; or a prepared folder '
        "(default: ImageNet's for 1,000 classes)",
    )
    parser.add_argument(
        "--pictures",
        choices=CONVENTIONS,
        help="of ONNX: how pictures are prepared, "
        + "; ".join(f"{name}: {one.about}" for name, one in CONVENTIONS.items())
        + " (default: as the file or custom has it)",
    )
    parser.add_argument(
        "--crop", type=int, metavar="N", help="of ONNX: the side of pictures, where the file leaves it open"
    )
    parser.add_argument("--out", metavar="FOLDER", help="folder to write (default: the next free one under runs/)")


def run(args):
    return save_foreign(
        read_foreign(args.file, args.model, args.pictures, args.crop), args.file, args.classes, args.out
    )


def show(result):
    *names, last = map(harmless, result["some_classes"])
    some = f"{', '.join(names)}{', … ' if len(names) + 1 < result['classes'] else ', '}{last}".lstrip(", ")
    print_text(
        f"{result['model']}: {result['parameters']:,} parameters, {result['classes']:,} classes ({some}). "
        f"It sees the central {result['crop']}×{result['crop']} of a picture whose shorter side is {result['size']}."
    )
    for note in result["notes"]:
        print_text(f"- {harmless(note)}", hang=2)
    print_text(f"The run is {result['run']}. Next: {command('predict', result['run'], 'cat.jpg')}")

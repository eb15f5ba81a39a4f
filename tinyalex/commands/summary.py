"""`tinyalex summary`: a network layer by layer."""

from dataclasses import asdict
from pathlib import Path

from tinyalex.commands.options import print_table, print_text
from tinyalex.errors import UserError
from tinyalex.models import MODELS, find_model
from tinyalex.runs.checkpoint import load_info
from tinyalex.runs.trained import find_checkpoint, model_of_run
from tinyalex.summary import summarise
from tinyalex.terminal import bytes_text
from tinyalex.training.memory import training_bytes
from tinyalex.variations import listed_variations

DESCRIPTION = """\
A network layer by layer: output shape, parameters, multiply-adds per picture, and memory kept in training. \
Parameters and memory are counted on the arrays of a real forward pass. Without MODEL, list the models, and the \
changes that a name can include, such as vgg16+bn."""
EXAMPLES = (
    "tinyalex summary",
    "tinyalex summary alexnet",
    "tinyalex summary resnet20+depth-44+no-skip --classes 10",
    "tinyalex summary alexnet-64 --classes 200 --batch 64 --json",
    "tinyalex summary runs/imported",
)


def add_arguments(parser):
    parser.add_argument(
        "model", metavar="MODEL", nargs="?", help="a name from that list, with changes if you like; or a run's folder"
    )
    parser.add_argument("--classes", type=int, metavar="K", help="number of classes (1000, or the run's)")
    parser.add_argument("--batch", type=int, metavar="N", help="pictures per training step (the model's own)")


def run(args):
    for name in ("classes", "batch"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise UserError(f"--{name}: found {value}, expected 1 or more")
        if value is not None and args.model is None:
            raise UserError(f"--{name}: found {value} without a MODEL, expected one beside it")
    if args.model is None:
        keys = ("name", "family", "about", "size", "crop")
        models = [{key: getattr(model, key) for key in keys} for model in MODELS.values()]
        changes = [{"name": name, "about": a, "families": f} for name, (a, f) in listed_variations().items()]
        return {"models": models, "variations": changes}
    model, classes = _chosen(args)
    network = model.build(classes)
    rows = summarise(network)
    batch = args.batch or model.batch
    return {
        "model": model.name,
        "in_shape": network.in_shape,
        "classes": classes,
        "batch": batch,
        "layers": [asdict(row) for row in rows],
        "parameters": sum(row.parameters for row in rows),
        "multiply_adds": sum(row.multiply_adds for row in rows),
        "activation_bytes": batch * sum(row.activation_bytes for row in rows),
        "training_bytes": training_bytes(rows, batch, network.in_shape),
    }


def _chosen(args):
    """(the model, its number of classes)."""
    if args.model.split("+")[0] not in MODELS and Path(args.model).exists():
        info = load_info(find_checkpoint(args.model, quiet=True))
        return model_of_run(args.model), args.classes or len(info["class_ids"])
    return find_model(args.model, "MODEL"), args.classes or 1000


def show(result):
    if "models" in result:
        rows = [tuple(model.values()) for model in result["models"]]
        print_table(("model", "family", "what it is", "pictures", "crop"), rows, right=(3, 4))
        print_text("\nA name can include changes, such as vgg16+bn or resnet20+depth-44+no-skip:\n")
        rows = [
            (f"+{change['name']}", change["about"], ", ".join(change["families"])) for change in result["variations"]
        ]
        print_table(("change", "what it does", "families"), rows)
        return
    batch = result["batch"]
    rows = [("input", "", _times(result["in_shape"]), "", "", "")]
    for row in result["layers"]:
        memory = bytes_text(batch * row["activation_bytes"]) if row["activation_bytes"] else ""
        numbers = (f"{row[key]:,}" if row[key] else "" for key in ("parameters", "multiply_adds"))
        rows.append((row["name"], row["layer"], _times(row["out_shape"]), *numbers, memory))
    totals = (f"{result['parameters']:,}", f"{result['multiply_adds']:,}", bytes_text(result["activation_bytes"]))
    rows.append(("total", "", "", *totals))
    header = (result["model"], "", "output", "parameters", "multiply-adds", f"kept at batch {batch}")
    print_table(header, rows, right=(2, 3, 4, 5))
    print_text(f"\nTraining at batch {batch} takes about {bytes_text(result['training_bytes'])} of memory in all.")


def _times(shape):
    return "×".join(map(str, shape))

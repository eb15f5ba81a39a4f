"""`tinyalex diff`: the differences between two networks and their recipes."""

import difflib
from fractions import Fraction

from tinyalex.commands.options import print_table, print_text
from tinyalex.errors import UserError
from tinyalex.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    SpatialResponseNorm,
    Tanh,
)
from tinyalex.models import find_model
from tinyalex.runs.config import Config

DESCRIPTION = """\
Two networks side by side: layers missing from one, in another place, or with other constants; settings of their \
recipes that differ; for AlexNets also where to read about each, in the paper and in the source that its authors \
released (net #145 is its record of the paper's run)."""
EXAMPLES = (
    "tinyalex diff alexnet alexnet-2012-source",
    "tinyalex diff alexnet-small alexnet-small+no-lrn+pool-2",
    "tinyalex diff alexnet-64 alexnet-32 --classes 200 --json",
)

# Where to read about each kind of difference: (section of the paper, file of the source)
ORDER = ("§3.5", "layers-145.cfg")
KINDS: dict[type, tuple[str, str]] = {
    LocalResponseNorm: ("§3.3", "layer.py"),
    SpatialResponseNorm: ("", "layers-145.cfg"),
    Dropout: ("§4.2", "layers-145.cfg"),
    **dict.fromkeys((Conv2d, Linear), ("§3.5", "layers-145.cfg")),
    **dict.fromkeys((MaxPool2d, AvgPool2d), ("§3.4", "layers-145.cfg")),
    **dict.fromkeys((ReLU, Tanh, Sigmoid), ("§3.1", "layers-145.cfg")),
}
SETTINGS = {
    **dict.fromkeys(("lr", "momentum", "weight_decay"), ("§5", "layer-params-145.cfg")),
    **dict.fromkeys(("bias_lr", "bias_decay"), ("", "layer-params-145.cfg")),
    **dict.fromkeys(("init", "bias_init"), ("§5", "layers-145.cfg")),
    **dict.fromkeys(("crop", "crops", "mirror"), ("§4.1", "convdata.py")),
    "crop_run": ("", "convdata.py"),
    **dict.fromkeys(("epochs", "batch", "schedule"), ("§5", "net #145")),
    "color": ("§4.1", "net #145"),
    **dict.fromkeys(("color_epochs", "layer_lr"), ("", "net #145")),
    **dict.fromkeys(("size", "pixel_scale"), ("§2", "net #145")),
}


def add_arguments(parser):
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs=2,
        help="a name that `tinyalex summary` lists; it may include changes, such as +no-lrn",
    )
    parser.add_argument("--classes", type=int, default=1000, metavar="K", help="number of classes (1000)")


def run(args):
    if args.classes < 1:
        raise UserError(f"--classes: found {args.classes}, expected 1 or more")
    models = [find_model(name, "MODEL") for name in args.models]
    networks = [model.build(args.classes) for model in models]
    differ = {
        "layers": list(_layer_rows(*map(_places, networks))),
        "recipe": list(_value_rows(*map(_recipe, models))),
        "totals": list(_value_rows(*map(_totals, networks))),
    }
    if any(model.family != "alexnet" for model in models):  # of which neither the paper nor the source tells
        for row in (row for rows in differ.values() for row in rows):
            row |= {"paper": "", "source": ""}
    return {"models": args.models, "classes": args.classes, "equal": not any(differ.values()), **differ}


def _row(where, first, second, read):
    paper, source = read
    return {"where": where, "first": first, "second": second, "paper": paper, "source": source}


# ---------------------------------------------------------------------------------------------- layers


def _places(network):
    """{name: (layer, name of the layer before it)} in order."""
    layers = {name: layer for name, layer, _, _ in network.shapes()}
    return {name: (layer, before) for (name, layer), before in zip(layers.items(), ("the pictures", *layers))}


def _layer_rows(first, second):
    """A row for every layer that differs or stands in another place, in the order of the first network."""
    names, others = list(first), list(second)
    matcher = difflib.SequenceMatcher(None, names, others, autojunk=False)
    stay = {name for start, _, length in matcher.get_matching_blocks() for name in names[start : start + length]}
    merged = [name for _, a, b, c, d in matcher.get_opcodes() for name in (*names[a:b], *others[c:d])]
    for name in dict.fromkeys(merged):
        found = [places.get(name) for places in (first, second)]
        texts = _texts(found, elsewhere=name not in stay)
        if texts[0] != texts[1]:
            layer, _ = next(filter(None, found))
            moved = None not in found and name not in stay
            yield _row(name, *texts, ORDER if moved else KINDS.get(type(layer), ("", "")))


def _texts(found, elsewhere):
    """Texts that tell apart the two (layer, before) of one name; None for a missing one."""
    texts = [place and str(place[0]) for place in found]
    if elsewhere:
        return [place and f"{text}, after {place[1]}" for text, place in zip(texts, found)]
    if texts[0] == texts[1]:
        weights = [layer.params.get("weight") for layer, _ in found]
        return [t if w is None else f"{t}, weight {'×'.join(map(str, w.shape))}" for t, w in zip(texts, weights)]
    return texts


# ---------------------------------------------------------------------------------------------- settings and totals


def _recipe(model):
    """Everything but the layers that decides how a network is trained."""
    config = Config.for_model(model, "").to_dict()
    del config["model"]
    return {"size": model.size, "crop": model.crop, "pixel_scale": model.pixel_scale} | config


def _totals(network):
    parameters = sum(p.size for p in network.params.values())
    return {"parameters": parameters, "multiply-adds": network.multiply_adds(network.in_shape)}


def _value_rows(first, second):
    for name, value in first.items():
        if value != second[name]:
            yield _row(name, value, second[name], SETTINGS.get(name, ("", "")))


# ---------------------------------------------------------------------------------------------- for people


def show(result):
    first, second = result["models"]
    if result["equal"]:
        print_text(f"{first} and {second} are the same network, trained by the same recipe.")
        return
    rows = []
    for row in result["layers"]:
        rows.append((row["where"], *_differing(row["first"], row["second"]), row["paper"], row["source"]))
    for row in result["recipe"] + result["totals"]:
        values = (_value(row["where"], row[side]) for side in ("first", "second"))
        rows.append((row["where"], *values, row["paper"], row["source"]))
    told = 5 if any(row[3] or row[4] for row in rows) else 3
    print_table(("", first, second, "paper", "2012 source")[:told], [row[:told] for row in rows])
    for part, what in (("layers", "layers"), ("recipe", "recipes")):
        if not result[part]:
            print_text(f"\nThe {what} are the same.")


def _differing(first, second):
    """Two texts "kind, one, another"; if they have equally many parts, without the equal parts after the kind."""
    parts = [text.split(", ") for text in (first or "–", second or "–")]
    if len(parts[0]) != len(parts[1]):
        return first or "–", second or "–"
    kept = [i for i, (a, b) in enumerate(zip(*parts)) if i == 0 or a != b]
    return [", ".join(text[i] for i in kept) for text in parts]


def _value(name, value):
    """A setting's value for people."""
    if name == "pixel_scale":
        return str(Fraction(value).limit_denominator(1000))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "color_epochs" and value == 0:
        return "all"
    if isinstance(value, str):
        return value or "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"

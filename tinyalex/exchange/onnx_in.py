"""Networks from ONNX files: any chain of known operators, with residual blocks."""

from dataclasses import dataclass, replace
from os import PathLike

import numpy as np

from tinyalex.errors import UserError
from tinyalex.exchange import own
from tinyalex.exchange.foreign import Foreign, name_of
from tinyalex.exchange.known import MEAN, SCALE
from tinyalex.exchange.onnx_file import as_graph, names, open_model
from tinyalex.exchange.onnx_layers import CONVERSIONS, filled
from tinyalex.exchange.onnx_reading import At, Reading
from tinyalex.layers import Conv2d, Flatten, LocalResponseNorm

LARGEST_SIDE = 4096  # pixels
LONGEST = 1000  # letters of a message, which may hold names and numbers of the file
Three = tuple[float, float, float]


@dataclass(frozen=True)
class Pictures:
    """How a network's pictures are prepared: (pixel − mean) · scale of pixels 0 to 255.

    order: of the channels in the file, "RGB" or "BGR";  mean, scale: of R, G, B
    """

    order: str
    mean: Three
    scale: Three
    about: str


CONVENTIONS = {
    "caffe": Pictures("BGR", (123.0, 117.0, 104.0), (1.0, 1.0, 1.0), "BGR, 0 to 255, less 104, 117, 123"),
    "torch": Pictures("RGB", MEAN, SCALE, "RGB, 0 to 1, less 0.485, 0.456, 0.406, over 0.229, 0.224, 0.225"),
    "pixels": Pictures("RGB", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "RGB, 0 to 255"),
    "unit": Pictures("RGB", (0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255), "RGB, 0 to 1"),
}


def read_onnx(path: str | PathLike, pictures: str | None = None, crop: int | None = None) -> Foreign:
    """The network of an ONNX file, with its weights.

    pictures: how they are prepared, a name of `CONVENTIONS`; None: as the graph does it, or by what is usual for such
        networks, which is noted
    crop: T, the side of what the network sees, in pixels, for a file that leaves it open
    UserError, of one line, for a file that is damaged, too large when unpacked, or of operators that are not known; for
    the package `onnx` missing.
    """
    if pictures is not None and pictures not in CONVENTIONS:
        raise UserError(f"found {pictures!r}, expected one of {', '.join(CONVENTIONS)}", "pictures")
    name = name_of(path)
    try:
        model, tensors = open_model(path)
        texts = {one.key: one.value for one in model.metadata_props}
        if own.KEY in texts:
            for argument, value in (("pictures", pictures), ("crop", crop)):
                if value is not None:
                    raise UserError(f"found {value}, expected nothing: the file says how it sees pictures", argument)
            return _ours(model, tensors, texts[own.KEY], name)
        return _foreign(as_graph(model, tensors), name, pictures, crop)
    except UserError as error:
        if error.argument in ("pictures", "crop"):
            raise
        raise UserError(f"{path}: {' '.join(str(error).split())[:LONGEST]}") from error


def _ours(model, tensors, text, name):
    """A file that `tinyalex.exchange.onnx_out` wrote: its tensors have the names of our parameters."""
    constants = {one.name: one for one in model.graph.initializer}
    foreign = own.rebuild(text, name, most=tensors.bytes)
    for path, layer, *_ in foreign.network.shapes():
        kept = {f"{path}.{key}": key for key in (*layer.params, *layer.state)}
        if missing := kept.keys() - constants:
            raise UserError(f"found no tensor {min(missing)!r}, expected one for each array of its layers")
        arrays = {key: tensors.array(constants[full]) for full, key in kept.items()}
        if isinstance(layer, Conv2d) and arrays["weight"].ndim == 4:
            arrays["weight"] = arrays["weight"].transpose(2, 3, 1, 0)
        try:
            filled(layer, **arrays)
        except ValueError as error:
            raise UserError(f"{path}: {error}") from None
    return foreign


def _foreign(graph, name, pictures, crop):
    T = _side(graph, crop)
    reading = Reading(graph, CONVERSIONS)
    leave_out_softmax(reading)
    at, factor, offset = _beginning(reading, At(graph.input, (3, T, T), (T, T, 3)))
    layers, at = read_layers(reading, at)
    if at.flat:
        raise UserError(f"the output is {names(at.flat)} in a row, expected a fully connected layer behind it")
    prepared = _pictures(reading, layers, pictures, factor, offset)
    if prepared.order == "BGR":
        _to_rgb(reading, layers)
    features, classifier = _parts(layers, (T, T, 3))
    if graph.half:
        reading.say("weights of another precision are float32 now")
    notes = tuple(_note(sentence, layers) for sentence, layers in reading.said.items())
    size = 256 if T in (224, 227) else T
    return Foreign(features, classifier, (T, T, 3), name, size, prepared.mean, prepared.scale, notes=notes)


def read_layers(reading: Reading, at: At) -> tuple[dict, At]:
    """(layers, where they end) of all that follows `at`."""
    layers, at, end = reading.way(at)
    if end is not None:
        raise end.refuse("one of its two inputs on a way of its own", "two ways that part and meet")
    return layers, at


def _side(graph, crop):
    """T of the pictures, N×3×T×T."""
    shape = graph.shape
    if len(shape) != 4 or shape[1] not in (3, None):
        raise UserError(f"the input {graph.input!r} is {names(shape)}, expected pictures N×3×H×W")
    H, W = (side or crop for side in shape[2:])
    if H is None or W is None:
        found = f"the file leaves the pictures' side open ({names(shape)})"
        raise UserError(f"{found}, expected a number of pixels", "crop")
    if H != W or not 1 <= H <= LARGEST_SIDE:
        raise UserError(f"the pictures are {H}×{W}, expected squares of at most {LARGEST_SIDE:,}")
    if crop not in (None, H):
        raise UserError(f"found {crop}, expected {H}, as the file has it", "crop")
    return H


def leave_out_softmax(reading: Reading) -> bool:
    """End the network with its scores; whether it ended with a Softmax over the classes."""
    graph = reading.graph
    last = next((node for node in graph.nodes if node.outputs[0] == graph.output), None)
    if last is None or last.op != "Softmax" or last.attributes["axis"] not in (1, -1):
        return False
    graph.output = last.inputs[0]
    graph.nodes.remove(last)
    reading.users[graph.output].remove(last)
    reading.say("the Softmax at the end is left out: a network of ours ends with scores")
    return True


def _beginning(reading, at):
    """(where the layers begin, factor, offset) of nodes that compute x · factor + offset for each channel."""
    factor, offset = np.ones(3), np.zeros(3)
    while len(users := reading.users.get(at.tensor, [])) == 1 and users[0].op in ("Sub", "Add", "Mul", "Div"):
        node = users[0]
        if len(node.inputs) != 2 or reading.adds(node):
            break
        first = node.inputs[0] == at.tensor
        constant = reading.graph.take(node, 1 if first else 0)
        if constant is None or constant.size not in (1, 3) or (constant.size == 3 and constant.shape[-3:] != (3, 1, 1)):
            found = "no constant" if constant is None else f"a constant {names(constant.shape)}"
            raise node.refuse(found, "one number, or one for each channel, 3×1×1")
        c = constant.astype(np.float64).ravel()
        if node.op == "Add":
            offset = offset + c
        elif node.op == "Sub":
            factor, offset = (factor, offset - c) if first else (-factor, c - offset)
        elif node.op == "Mul" or first:
            c = c if node.op == "Mul" else 1 / np.where(c == 0, np.nan, c)
            factor, offset = factor * c, offset * c
        else:
            raise node.refuse("a constant divided by pictures", "pictures divided by a constant")
        at = replace(at, tensor=node.outputs[0])
    if not (np.isfinite(factor).all() and np.isfinite(offset).all() and factor.all()):
        raise UserError("the pictures are multiplied by 0, or by what is no number; expected other constants")
    return at, factor, offset


def _pictures(reading, layers, asked, factor, offset):
    """How pictures become what the layers see: what is asked for or usual, then the graph's own beginning."""
    own = (factor != 1).any() or offset.any()
    mean = -offset / factor
    if asked is None:
        asked = _usual(layers) if not own else "unit" if (np.abs(mean) <= 1).all() else "pixels"
        reading.say(f"pictures are taken to come as {CONVENTIONS[asked].about}: the file does not say ({asked})")
    usual = CONVENTIONS[asked]
    if not own:
        return usual
    turn = slice(None, None, -1 if usual.order == "BGR" else 1)
    mean, factor = mean[turn], factor[turn]
    scale = np.array(usual.scale)
    reading.say("what the graph does with pictures first is their mean and scale")
    return replace(usual, mean=tuple(usual.mean + mean / scale), scale=tuple(scale * factor))


def _usual(layers):
    """The convention of a file that says nothing: response normalisation came and went with Caffe."""
    return "caffe" if any(isinstance(layer, LocalResponseNorm) for layer in layers.values()) else "torch"


def _to_rgb(reading, layers):
    """Turn the first kernels' channels, so that the network takes RGB."""
    name, layer = next(((name, layer) for name, layer in layers.items() if layer.params), ("", None))
    if not isinstance(layer, Conv2d) or layer.groups != 1 or layer.in_channels != 3:
        raise UserError(
            f"found {name or 'no weights'} first, expected a convolution of 3 channels to turn BGR to RGB in"
        )
    layer.params["weight"] = np.ascontiguousarray(layer.params["weight"][:, :, ::-1])
    reading.say("kernels turned from BGR to RGB", name)


def _parts(layers, shape):
    """(features, classifier): pictures, then what is no picture any more."""
    features, classifier = {}, {}
    for name, layer in layers.items():
        shape = layer.out_shape(shape)
        (classifier if classifier or len(shape) == 1 else features)[name] = layer
    if len(shape) == 3 and shape[:2] == (1, 1):
        classifier["flatten"] = Flatten()
    elif len(shape) != 1:
        raise UserError(f"the output is pictures, {names(shape)}, expected scores, one for each class")
    return features, classifier


def _note(sentence, layers):
    """A sentence, behind the names of the layers that it is about."""
    if not layers:
        return f"{sentence[0].upper()}{sentence[1:]}."
    return f"{', '.join(layers[:3])}{f' and {len(layers) - 3} more' if len(layers) > 3 else ''}: {sentence}."

"""ONNX's operators as layers: (N, C, H, W) becomes (N, H, W, C), and every difference in meaning is converted.

C channels, H×W pixels; KH×KW kernel; F kernels; K features.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from tinyalex.errors import UserError
from tinyalex.exchange.onnx_file import Graph, Node, names
from tinyalex.layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Tanh,
)
from tinyalex.layers.base import Shape
from tinyalex.layers.windows import Windows
from tinyalex.residual import Residual

DEEPEST = 20  # blocks within blocks


@dataclass(frozen=True)
class At:
    """A tensor between two nodes, without its batch axis.

    shape: ONNX's, (C, H, W) or (K,);  ours: (H, W, C) or (K,)
    flat: (C, H, W) if the K features are a picture's numbers: theirs channel by channel, ours pixel by pixel
    """

    tensor: str
    shape: Shape
    ours: Shape
    flat: Shape | None = None


class Layers(dict):
    """Layers by name: "conv1" and what follows it, "relu1", "norm1", "pool1"; then number 2, the next with weights."""

    number = 0

    def put(self, kind: str, layer: Layer) -> str:
        """Add a layer under the next free name, which is returned."""
        if kind in ("conv", "fc", "block"):
            self.number += 1
        first = kind if kind == "flatten" else f"{kind}{self.number}"
        name = next(name for name in (first, *(f"{first}_{n}" for n in range(2, len(self) + 3))) if name not in self)
        self[name] = layer
        return name


class Reading:
    """Turns a graph into layers. `said` collects what was converted: {sentence: names of layers}."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.said: dict[str, list[str]] = {}
        self.users: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for name in node.inputs:
                if name and name not in graph.constants:
                    self.users.setdefault(name, []).append(node)

    def say(self, sentence: str, name: str = "") -> None:
        """Note a conversion, and the layer that it concerns."""
        self.said.setdefault(sentence, []).extend([name] if name else [])

    # ------------------------------------------------------------------------------------------ ways through the graph

    def way(self, at: At, first: Node | None = None, depth: int = 0) -> tuple[Layers, At, Node | None]:
        """(layers, where they end, the sum that ended them), from `at` to the output or to a sum of two ways.

        first: the node to begin with, where several read `at`
        """
        if depth > DEEPEST:
            raise UserError(f"found more than {DEEPEST} blocks within each other, expected fewer")
        layers = Layers()
        while first or at.tensor != self.graph.output:
            users, first = [first] if first else self.users.get(at.tensor, []), None
            if len(users) == 1 and self._adds(users[0]):
                return layers, at, users[0]
            if len(users) == 1:
                at = self._step(layers, users[0], at)
            elif len(users) == 2:
                at = self._block(layers, users, at, depth)
            else:
                raise UserError(f"{len(users)} nodes read {at.tensor!r}, expected one, or the two ways of a block")
        return layers, at, None

    def _adds(self, node):
        """Whether a node is the sum of two ways."""
        computed = [name for name in node.inputs if name not in self.graph.constants]
        return node.op in ("Add", "Sum") and len(node.inputs) == len(computed) == 2

    def _block(self, layers, users, at, depth):
        """Two ways from one tensor to one sum."""
        (body, one, end), (shortcut, other, other_end) = (self.way(at, user, depth + 1) for user in users)
        if end is None or end is not other_end:
            ends = " and ".join(str(node or "the output") for node in (end, other_end))
            raise UserError(f"the two ways from {at.tensor!r} lead to {ends}, expected one Add")
        if (one.ours, one.flat) != (other.ours, other.flat):
            raise end.refuse(f"{names(one.shape)} and {names(other.shape)}", "two of one shape")
        if len(shortcut) > len(body):
            body, shortcut = shortcut, body
        layers.put("block", Residual(body, shortcut))
        return replace(one, tensor=end.outputs[0])

    def _step(self, layers, node, at):
        """One node as a layer, or as none."""
        kind, convert = CONVERSIONS.get(node.op, ("", None))
        if convert is None:
            first = "it first, as the pictures' mean and scale, or as the sum of a block's two ways"
            raise node.refuse("it here", "it at the end" if node.op == "Softmax" else first)
        if node.inputs[0] != at.tensor:
            raise node.refuse(f"{at.tensor!r} as a later input", "it as the first")
        try:
            layer, after = convert(self, node, at)
            if layer is None:
                return after
            ours = layer.out_shape(at.ours)
        except (ValueError, TypeError) as error:
            raise UserError(f"{node}: {error}") from None
        name = layers.put(kind, layer)
        for sentence in _converted(node, layer):
            self.say(sentence, name)
        return replace(after, ours=ours)

    # ------------------------------------------------------------------------------------------ what operators share

    def weights(self, node: Node, number: int, axes: int) -> np.ndarray | None:
        """A constant of floating point that is an input of a node, as float32."""
        array = self.graph.take(node, number)
        if array is None:
            return None
        if array.ndim != axes or array.dtype.kind != "f" or not array.size:
            raise node.refuse(f"weights {names(array.shape)} of {array.dtype}", f"{axes} axes of float")
        return array.astype(np.float32, copy=False)

    def vector(self, node: Node, number: int, length: int) -> np.ndarray | None:
        """As `weights`, for one number of each channel or feature; fewer axes are spread as NumPy spreads them."""
        array = self.graph.take(node, number)
        if array is None:
            return None
        if array.dtype.kind != "f" or array.size not in (1, length) or array.shape[-1:] not in ((), (1,), (length,)):
            raise node.refuse(f"{names(array.shape) or 'one number'} of {array.dtype}", f"{length} numbers of float")
        return np.broadcast_to(array.astype(np.float32).ravel(), (length,))


# ---------------------------------------------------------------------------------------------- operator by operator


def _moved(node, shape):
    """Where a node leads: its output and ONNX's shape of it."""
    return At(node.outputs[0], tuple(shape), ())


def _channels_first(shape):
    H, W, C = shape
    return C, H, W


def _pixels_first(array, flat):
    """Rows in the order of our features."""
    if flat is None:
        return array
    return array.reshape(*flat, *array.shape[1:]).transpose(1, 2, 0, *range(3, 2 + array.ndim)).reshape(array.shape)


def _filled(layer, **arrays):
    """The layer with arrays in place of its own."""
    for name, array in arrays.items():
        own = layer.params if name in layer.params else layer.state
        if array.shape != own[name].shape:
            raise ValueError(f"{name} is {names(array.shape)}, expected {names(own[name].shape)}")
        own[name] = np.array(array, np.float32, order="C")  # a copy: the file's bytes cannot be written to
    return layer


def _picture(node, at):
    """(C, H, W) of what a node reads."""
    if len(at.ours) != 3:
        raise node.refuse(f"{names(at.shape)} features", "pictures C×H×W")
    return at.shape


def _conv(reading, node, at):
    _picture(node, at)
    kernels = reading.weights(node, 1, 4)  # (F, C/G, KH, KW)
    if kernels is None or node.attributes["kernel_shape"] not in ([], list(kernels.shape[2:])):
        raise node.refuse(f"kernel_shape {node.attributes['kernel_shape']}", "that of its weights")
    F, G = len(kernels), node.attributes["group"]
    bias = reading.vector(node, 2, F)
    kernel, form = kernels.transpose(2, 3, 1, 0), _windows(node, at, kernels.shape[2:])
    if form is None:  # rows and columns of zeros, on the side that has the less padding
        top, left, bottom, right = _pads(node, at, kernels.shape[2:])
        rows, columns = ((max(b - a, 0), max(a - b, 0)) for a, b in ((top, bottom), (left, right)))
        larger = (kernel.shape[0] + sum(rows), kernel.shape[1] + sum(columns))
        reading.graph.spend(node, math.prod(larger) * kernel[0, 0].nbytes)
        kernel = np.pad(kernel, (rows, columns, (0, 0), (0, 0)))
        form = dict(stride=_strides(node), padding=(max(top, bottom), max(left, right)), rounding="floor")
        sides = f"{names(kernels.shape[2:])} to {names(larger)}"
        reading.say(f"pads that differ from side to side are kernels made larger, with zeros ({sides})")
    layer = Conv2d(G * kernels.shape[1], F, kernel.shape[:2], groups=G, bias=bias is not None, **_short(form))
    arrays = {"weight": kernel} | ({} if bias is None else {"bias": bias})
    return _filled(layer, **arrays), _moved(node, _channels_first(layer.out_shape(at.ours)))


def _strides(node):
    strides = node.attributes["strides"] or [1, 1]
    if len(strides) != 2 or min(strides) < 1:
        raise node.refuse(f"strides {strides}", "two, 1 or more")
    if set(node.attributes["dilations"]) - {1}:
        raise node.refuse(f"dilations {node.attributes['dilations']}", "1, since the layers have none")
    return tuple(strides)


def _pads(node, at, kernel):
    """(top, left, bottom, right)"""
    given, auto, strides = node.attributes["pads"], node.attributes["auto_pad"], _strides(node)
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [(-(-size // s) - 1) * s + k - size for size, k, s in zip(at.shape[1:], kernel, strides)]
        if min(wanted) < 0:
            raise node.refuse(f"auto_pad {auto!r} with strides beyond the kernel", "pads, since SAME is vague there")
        less, more = [n // 2 for n in wanted], [n - n // 2 for n in wanted]
        return (*less, *more) if auto == "SAME_UPPER" else (*more, *less)
    pads = given if auto == "NOTSET" and given else [0] * 4
    if auto not in ("NOTSET", "VALID") or len(pads) != 4 or min(pads) < 0 or max(pads) > 4 * max(at.shape[1:]):
        raise node.refuse(f"auto_pad {auto!r} with pads {pads}", "four numbers, 0 or more, or SAME or VALID")
    return tuple(pads)


def _windows(node, at, kernel, pool=False):
    """Arguments of a layer whose windows lie as the node's; None if no rounding of ours gives as many.

    They begin at the same pixels then, and beyond the picture everything is padding for ours too.
    """
    if len(kernel) != 2 or min(kernel) < 1:
        raise node.refuse(f"a window {names(kernel) or 'of no size'}", "rows and columns")
    pads, stride = _pads(node, at, kernel), _strides(node)
    wanted = [_places(node, *one) for one in zip(at.shape[1:], kernel, stride, pads[:2], pads[2:])]
    for rounding in (None, "floor", "ceil"):
        try:
            found = Windows(kernel, stride, pads[:2], rounding, on_picture=pool).out_size(*at.shape[1:], "")
        except ValueError:
            continue
        if list(found) == wanted:
            return dict(stride=stride, padding=pads[:2], rounding=rounding)
    return None


def _places(node, size, kernel, stride, before, after):
    """Windows along one axis."""
    free = size + before + after - kernel
    if free < 0:
        raise node.refuse(f"{size} pixels, padded {before} and {after}", f"at least the kernel's {kernel}")
    if not node.attributes.get("ceil_mode"):
        return free // stride + 1
    return min(-(-free // stride) + 1, -(-(size + before) // stride))  # none begins behind the picture


def _pool(reading, node, at):
    kernel = tuple(node.attributes["kernel_shape"])
    C, H, W = _picture(node, at)
    form = _windows(node, at, kernel, pool=True)
    top, left, bottom, right = pads = _pads(node, at, kernel)
    counts = node.attributes.get("count_include_pad", 0)
    if form and counts and (top, left) != (bottom, right):
        form = None  # ours does not count what hangs over
    if form is None:
        raise node.refuse(f"pads {list(pads)}", "the same on both sides, or less before than a last window hangs over")
    if node.op == "AveragePool":
        layer = AvgPool2d(_one(kernel), count_include_pad=bool(counts), **_short(form))
    else:
        layer = MaxPool2d(_one(kernel), **_short(form))
    return layer, _moved(node, _channels_first(layer.out_shape(at.ours)))


def _short(form):
    return {name: _one(value) for name, value in form.items()}


def _one(pair):
    """One integer for two equal ones."""
    return pair[0] if isinstance(pair, tuple) and pair[0] == pair[1] else pair


def _response_norm(reading, node, at):
    a = node.attributes
    _picture(node, at)
    return LocalResponseNorm(a["size"], a["alpha"] / max(1, a["size"]), a["beta"], a["bias"]), _same(node, at)


def _batch_norm(reading, node, at):
    a, C = node.attributes, at.ours[-1]
    if a["training_mode"] or not a["spatial"]:
        raise node.refuse(f"training_mode {a['training_mode']}, spatial {a['spatial']}", "0 and 1")
    given = [reading.vector(node, number, C) for number in (1, 2, 3, 4)]
    if any(array is None for array in given):
        raise node.refuse("fewer than five inputs", "x, scale, bias, mean and variance")
    arrays = [_pixels_first(array, at.flat) for array in given]
    layer = BatchNorm2d(C, a["epsilon"], float(f"{1 - a['momentum']:.7g}"))
    weights = dict(zip(("weight", "bias", "running_mean", "running_var"), arrays))
    return _filled(layer, **weights), _same(node, at)


def _same(node, at):
    """Where a node leads that keeps the shape."""
    return replace(at, tensor=node.outputs[0])


def _simple(kind):
    return lambda reading, node, at: (kind(), _same(node, at))


def _nothing(reading, node, at):
    return None, _same(node, at)


def _dropout(reading, node, at):
    ratio, training = (reading.graph.take(node, number) for number in (1, 2))
    if training is not None and training.any():
        raise node.refuse("training_mode", "inference")
    if ratio is not None and (ratio.size != 1 or ratio.dtype.kind != "f"):
        raise node.refuse(f"a ratio {names(ratio.shape)}", "one number")
    p = node.attributes["ratio"] if ratio is None else float(str(ratio.ravel()[0]))
    return Dropout(p), _same(node, at)


def _gemm(reading, node, at):
    a = node.attributes
    if a["transA"]:
        raise node.refuse("transA", "pictures as rows")
    weight = reading.weights(node, 1, 2)
    if weight is None:
        raise node.refuse("one input", "two or three")
    weight = weight.T if a["transB"] else weight
    bias = reading.vector(node, 2, weight.shape[1])
    return _linear(reading, node, at, weight, bias, a["alpha"], a["beta"]), _moved(node, (weight.shape[1],))


def _matmul(reading, node, at):
    """With the Add of a constant that follows."""
    weight, after = reading.weights(node, 1, 2), _moved(node, ())
    if weight is None:
        raise node.refuse("one input", "two")
    users, bias = reading.users.get(node.outputs[0], []), None
    if len(users) == 1 and users[0].op == "Add" and not reading._adds(users[0]):
        add = users[0]
        number = 1 if add.inputs[0] == node.outputs[0] else 0
        bias, after = reading.vector(add, number, weight.shape[1]), _moved(add, ())
    return _linear(reading, node, at, weight, bias), replace(after, shape=(weight.shape[1],))


def _linear(reading, node, at, weight, bias, alpha=1.0, beta=1.0):
    if len(at.shape) != 1 or len(at.ours) != 1:
        raise node.refuse(f"{names(at.shape)} a picture", "features; a Flatten before it")
    K = weight.shape[1]
    if len(weight) != math.prod(at.shape):
        raise node.refuse(f"weights {names(weight.shape)}", f"{at.shape[0]} features in")
    if at.flat and at.flat[1:] != (1, 1):
        reading.say(f"rows of weights from channels first, {names(at.flat)}, to channels last")
    weight = _pixels_first(weight, at.flat)
    bias = np.zeros(K, np.float32) if bias is None else bias
    weight, bias = (a if by == 1 else a * np.float32(by) for a, by in ((weight, alpha), (bias, beta)))
    return _filled(Linear(len(weight), K), weight=weight, bias=bias)


def _global_average(reading, node, at):
    C, _, _ = _picture(node, at)
    return GlobalAvgPool2d(), _moved(node, (C, 1, 1))


def _flatten(reading, node, at):
    """Flatten, or a Reshape that does the same."""
    features = math.prod(at.shape)
    if node.op == "Flatten":
        fine = node.attributes["axis"] in (1, -len(at.shape))
        found = f"axis {node.attributes['axis']}"
    else:
        target = reading.graph.take(node, 1)
        found = f"the shape {None if target is None else target.tolist()[:9] if target.ndim else target}"
        fine = target is not None and target.dtype.kind == "i" and _flattens(reading, node, target.ravel(), at.shape)
    if not fine:
        raise node.refuse(found, f"one that makes pictures {names(at.shape)} rows of {features} features")
    after = _moved(node, (features,))
    if len(at.ours) == 1:
        return None, replace(after, ours=at.ours, flat=at.flat)
    return Flatten(), replace(after, flat=at.shape)


def _flattens(reading, node, target, shape):
    """Whether a Reshape makes (N, features): with [1, features] if one picture is declared."""
    features = math.prod(shape)
    if len(target) != 2:
        return False
    first, second = map(int, target)
    keeps = first in (-1, reading.graph.shape[0]) or (first == 0 and not node.attributes["allowzero"])
    return keeps and (second == features or (second == -1 and first != -1))


def _converted(node, layer):
    """Sentences for what means the same in other numbers."""
    a = node.attributes
    if isinstance(layer, LocalResponseNorm):
        yield f"alpha {a['alpha']:g} over the size, {a['size']}, is {layer.alpha:g}, as ours is meant; k is {layer.k:g}"
    if isinstance(layer, BatchNorm2d):
        yield f"momentum {a['momentum']:g} of the old values is {layer.momentum:g} of the new ones"
    if isinstance(layer, Dropout):
        yield "dropout scales in training, not at test time as in the paper"


# {operator: (kind of layer, for its name; function(reading, node, at) → the layer or None, and where it leads)}
CONVERSIONS = {
    "AveragePool": ("pool", _pool),
    "BatchNormalization": ("bn", _batch_norm),
    "Conv": ("conv", _conv),
    "Dropout": ("drop", _dropout),
    "Flatten": ("flatten", _flatten),
    "Gemm": ("fc", _gemm),
    "GlobalAveragePool": ("pool", _global_average),
    "Identity": ("", _nothing),
    "LRN": ("norm", _response_norm),
    "MatMul": ("fc", _matmul),
    "MaxPool": ("pool", _pool),
    "Relu": ("relu", _simple(ReLU)),
    "Reshape": ("flatten", _flatten),
    "Sigmoid": ("sigmoid", _simple(Sigmoid)),
    "Tanh": ("tanh", _simple(Tanh)),
}

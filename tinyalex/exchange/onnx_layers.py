"""ONNX's operators as layers: (N, C, H, W) becomes (N, H, W, C), and every difference in meaning is converted.

C channels, H×W pixels; KH×KW kernel; F kernels; G groups; K features.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from tinyalex.exchange.onnx_file import names
from tinyalex.exchange.onnx_reading import At, Convert
from tinyalex.exchange.onnx_windows import Window, one
from tinyalex.layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Tanh,
)


def filled(layer: Any, **arrays: np.ndarray) -> Any:
    """The layer, with arrays in place of its own. ValueError for other shapes, and for numbers that are not finite."""
    for name, array in arrays.items():
        own = layer.params if name in layer.params else layer.state
        if array.shape != own[name].shape:
            raise ValueError(f"{name} is {names(array.shape)}, expected {names(own[name].shape)}")
        own[name] = np.array(array, np.float32, order="C")  # a copy: the file's bytes cannot be written to
        if not np.isfinite(own[name]).all():
            raise ValueError(f"{name} holds NaN or numbers too large for float32, expected finite ones")
    return layer


def _moved(node, shape):
    """Where a node leads: its output and ONNX's shape of it."""
    return At(node.outputs[0], tuple(shape), ())


def _pictures_of(layer, at, after):
    """Where a layer leads that makes pictures of pictures."""
    H, W, C = layer.out_shape(at.ours)
    return replace(after, shape=(C, H, W))


def _pixels_first(array, flat):
    """Rows in the order of our features."""
    if flat is None:
        return array
    return array.reshape(*flat, *array.shape[1:]).transpose(1, 2, 0, *range(3, 2 + array.ndim)).reshape(array.shape)


def _picture(node, at):
    """(C, H, W) of what a node reads."""
    if len(at.ours) != 3:
        raise node.refuse(f"{names(at.shape)} features", "pictures C×H×W")
    return at.shape


def _conv(reading, node, at):
    _, H, W = _picture(node, at)
    kernels = reading.weights(node, 1, 4)  # (F, C/G, KH, KW)
    if kernels is None or node.attributes["kernel_shape"] not in ([], list(kernels.shape[2:])):
        raise node.refuse(f"kernel_shape {node.attributes['kernel_shape']}", "that of its weights")
    F, G, after = len(kernels), node.attributes["group"], _moved(node, ())
    bias, window = reading.vector(node, 2, F), Window.of(node, (H, W), kernels.shape[2:])
    kernel, form = kernels.transpose(2, 3, 1, 0), window.ours()
    if form is None:
        rows, columns, form = window.larger()
        larger = (kernel.shape[0] + sum(rows), kernel.shape[1] + sum(columns))
        reading.graph.spend(node, math.prod(larger) * kernel[0, 0].nbytes)
        kernel = np.pad(kernel, (rows, columns, (0, 0), (0, 0)))
        words = f"padding that differs from side to side is zeros around the kernel: {names(larger)}"
        after = replace(after, said=(f"{words} for {names(window.kernel)}",))
    layer = Conv2d(G * kernels.shape[1], F, one(kernel.shape[:2]), groups=G, bias=bias is not None, **form)
    arrays = {"weight": kernel} | ({} if bias is None else {"bias": bias})
    return filled(layer, **arrays), _pictures_of(layer, at, after)


def _pool(reading, node, at):
    _, H, W = _picture(node, at)
    window = Window.of(node, (H, W), node.attributes["kernel_shape"])
    form, counts = window.ours(on_picture=True), bool(node.attributes.get("count_include_pad", 0))
    if window.kernel == window.stride == (1, 1) and not any(window.pads):  # PyTorch's adaptive pooling, of this size
        return _nothing(reading, node, at)
    if form is None or (counts and not window.even):  # ours does not count what hangs over
        raise node.refuse(
            f"pads {list(window.pads)}", "the same on both sides, or more behind for a window that hangs over"
        )
    average = node.op == "AveragePool"
    kernel = one(window.kernel)
    layer = AvgPool2d(kernel, count_include_pad=counts, **form) if average else MaxPool2d(kernel, **form)
    return layer, _pictures_of(layer, at, _moved(node, ()))


def _response_norm(reading, node, at):
    a = node.attributes
    _picture(node, at)
    layer = LocalResponseNorm(a["size"], a["alpha"] / max(1, a["size"]), a["beta"], a["bias"])
    words = f"alpha {a['alpha']:g} is divided by the size, {a['size']}: ours is {layer.alpha:g}, and k {layer.k:g}"
    return layer, _same(node, at, words)


def _batch_norm(reading, node, at):
    a, C = node.attributes, at.ours[-1]
    if a["training_mode"] or not a["spatial"]:
        raise node.refuse(f"training_mode {a['training_mode']}, spatial {a['spatial']}", "0 and 1")
    given = [reading.vector(node, number, C) for number in (1, 2, 3, 4)]
    if any(array is None for array in given):
        raise node.refuse("fewer than five inputs", "x, scale, bias, mean and variance")
    if given[3].min() + a["epsilon"] <= 0:
        raise node.refuse(f"a variance of {given[3].min():g}", "more than −epsilon")
    layer = BatchNorm2d(C, a["epsilon"], float(f"{1 - a['momentum']:.7g}"))
    keys = "weight", "bias", "running_mean", "running_var"
    filled(layer, **{key: _pixels_first(array, at.flat) for key, array in zip(keys, given)})
    words = f"momentum {a['momentum']:g} of the old values is {layer.momentum:g} of the new ones"
    return layer, _same(node, at, words)


def _same(node, at, *said):
    """Where a node leads that keeps the shape."""
    return replace(at, tensor=node.outputs[0], said=said)


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
    return Dropout(p), _same(node, at, "dropout scales in training, not at test time as in the paper")


def _gemm(reading, node, at):
    a = node.attributes
    if a["transA"]:
        raise node.refuse("transA", "pictures as rows")
    weight = reading.weights(node, 1, 2)
    if weight is None:
        raise node.refuse("one input", "two or three")
    weight = weight.T if a["transB"] else weight
    bias = reading.vector(node, 2, weight.shape[1])
    weight, bias = (
        x if x is None or by == 1 else x * np.float32(by) for x, by in ((weight, a["alpha"]), (bias, a["beta"]))
    )
    return _linear(node, at, _moved(node, ()), weight, bias)


def _matmul(reading, node, at):
    """With the Add of a constant that follows."""
    weight, after = reading.weights(node, 1, 2), _moved(node, ())
    if weight is None:
        raise node.refuse("one input", "two")
    users, bias = reading.users.get(node.outputs[0], []), None
    if len(users) == 1 and users[0].op == "Add" and not reading.adds(users[0]):
        add = users[0]
        number = 1 if add.inputs[0] == node.outputs[0] else 0
        bias, after = reading.vector(add, number, weight.shape[1]), _moved(add, ())
    return _linear(node, at, after, weight, bias)


def _linear(node, at, after, weight, bias):
    K = weight.shape[1]
    if len(at.shape) != 1 or len(at.ours) != 1:
        raise node.refuse(f"{names(at.shape)} a picture", "features; a Flatten before it")
    if len(weight) != at.shape[0]:
        raise node.refuse(f"weights {names(weight.shape)}", f"{at.shape[0]} features in")
    words = f"rows of weights from channels first, {names(at.flat)}, to channels last" if at.flat else ""
    bias = np.zeros(K, np.float32) if bias is None else bias
    layer = filled(Linear(len(weight), K), weight=_pixels_first(weight, at.flat), bias=bias)
    return layer, replace(after, shape=(K,), said=(words,) if words else ())


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
    return Flatten(), replace(after, flat=None if at.shape[1:] == (1, 1) else at.shape)


def _flattens(reading, node, target, shape):
    """Whether a Reshape makes (N, features): with [1, features] if one picture is declared."""
    features = math.prod(shape)
    if len(target) != 2:
        return False
    first, second = map(int, target)
    keeps = first in (-1, reading.graph.shape[0]) or (first == 0 and not node.attributes["allowzero"])
    return keeps and (second == features or (second == -1 and first != -1))


CONVERSIONS: dict[str, tuple[str, Convert]] = {
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

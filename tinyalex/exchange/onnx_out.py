"""A network as an ONNX file: its layers as ONNX's operators, its weights, and how pictures are prepared.

(N, H, W, C) becomes (N, C, H, W). Weights and tensors have the names of layers, such as "conv1.weight" and "conv1".
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyalex import __version__
from tinyalex.backend import to_host
from tinyalex.composite import Sequential
from tinyalex.data.augment import View
from tinyalex.errors import UserError
from tinyalex.exchange import own
from tinyalex.files import check_file, replacing
from tinyalex.layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Identity,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    PaddedShortcut,
    ReLU,
    Sigmoid,
    SpatialResponseNorm,
    Tanh,
)
from tinyalex.network import Network
from tinyalex.residual import Residual

OPSET, IR = 13, 7  # old enough for every runtime of these years
LARGEST = 2**31 - 2**20  # bytes of weights; a file of protocol buffers ends at 2 GiB
PICTURES = "pictures"  # the name of the graph's input
MARK = b"tinyalex"  # near the beginning of every file of ours: its producer


def write_onnx(
    network: Network,
    view: View,
    class_ids: Sequence[str],
    class_names: Sequence[str],
    path: str | Path,
    pixels: str = "uint8",
) -> None:
    """Write a network, on any device, to an ONNX file: pictures in, scores (N, K) before the softmax out.

    pixels: "uint8": pictures (N, S, S, 3) in RGB, 0 to 255, which the graph itself cuts out and prepares; "float": what
        the first layer sees, float32 (N, 3, T, T)
    The file's metadata say how pictures are prepared, and name the classes; `own` makes the network of them again.
    UserError for a path that cannot be written or holds another's file, for weights beyond 2 GiB, and without the
    package `onnx`.
    """
    onnx = _package()
    check_file(path, ".onnx", MARK)
    size = sum(a.nbytes for a in (network.params | network.state).values())
    if size > LARGEST:
        raise UserError(f"{path}: the weights take {size:,} bytes, an ONNX file holds at most {LARGEST:,}")
    writing = Writing()
    pictures = _prepared(writing, view) if pixels == "uint8" else PICTURES
    write_layer(writing, network, pictures, network.in_shape)
    writing.nodes[-1].output[0] = "scores"
    S, T = view.size, view.crop
    kind, shape = (np.uint8, ("N", S, S, 3)) if pixels == "uint8" else (np.float32, ("N", 3, T, T))
    model = assembled(writing, kind, shape, network.num_classes)
    texts = {"pictures": own.how_prepared(view, pixels), "classes": json.dumps(list(class_names))}
    texts[own.KEY] = own.describe(network, view, class_ids, class_names)
    onnx.helper.set_model_props(model, texts)
    content = model.SerializeToString()
    onnx.checker.check_model(content)
    with replacing(path) as beside:
        beside.write_bytes(content)


def _package():
    try:
        import onnx
    except ImportError:
        raise UserError("ONNX files are written by the package onnx; install it with: pip install onnx") from None
    return onnx


def _tensor(name, dtype, shape):
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


def _prepared(writing, view):
    """uint8 pictures (N, S, S, 3) as the first layer sees them, in the order of `View.centre`."""
    start, T = (view.size - view.crop) // 2, view.crop
    x = writing.node("Cast", PICTURES, name="pixels", to=1)  # TensorProto.FLOAT
    x = writing.node("Sub", x, writing.constant("view.mean", view.mean), name="less mean")
    bounds = [writing.whole(name, [at] * 2) for name, at in (("crop.start", start), ("crop.end", start + T))]
    x = writing.node("Slice", x, *bounds, writing.whole("crop.axes", [1, 2]), name="crop")
    x = writing.node("Mul", x, writing.constant("view.scale", np.float32(view.scale)), name="scaled")
    return writing.node("Transpose", x, name="channels first", perm=[0, 3, 1, 2])


class Writing:
    """The nodes and constants of a graph that is being written."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}

    def node(self, op: str, *inputs: str, name: str, **attributes: Any) -> str:
        """Add a node; the name of its output, which is its own."""
        from onnx import helper

        self.nodes.append(helper.make_node(op, list(inputs), [name], name, **attributes))
        return name

    def constant(self, name: str, array: Any, axes: tuple[int, ...] | None = None) -> str:
        """Add a constant of float32, its axes in another order if one is given; its name."""
        array = np.asarray(to_host(array), np.float32)
        self.constants[name] = np.array(array if axes is None else array.transpose(axes), order="C")
        return name

    def whole(self, name: str, numbers: Sequence[int]) -> str:
        """Add a constant of whole numbers; its name."""
        self.constants[name] = np.array(numbers, np.int64)
        return name


def assembled(writing: Writing, dtype: Any, shape: Sequence[int | str], num_classes: int) -> Any:
    """The file's content: a graph from pictures of that type and shape to scores (N, K)."""
    from onnx import helper, numpy_helper

    graph = helper.make_graph(
        writing.nodes,
        "network",
        [_tensor(PICTURES, dtype, shape)],
        [_tensor("scores", np.float32, ("N", num_classes))],
        [numpy_helper.from_array(array, name) for name, array in writing.constants.items()],
    )
    opsets, producer = [helper.make_opsetid("", OPSET)], dict(producer_name="tinyalex")
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_version=__version__, **producer)


def write_layer(writing: Writing, layer: Any, x: str, in_shape: tuple[int, ...]) -> str:
    """Add a layer's nodes, which read `x`; the name of what they make. UserError for a layer that ONNX cannot express.

    in_shape: ours, (H, W, C) or (K,)
    """
    for kind in type(layer).__mro__:
        if kind in WRITERS:
            return WRITERS[kind](writing, layer, x, in_shape)
    raise UserError(f"{layer.label}: ONNX has no operator for it; expected one of {[k.__name__ for k in WRITERS]}")


# ---------------------------------------------------------------------------------------------- layer by layer


def _sequence(writing, layer, x, in_shape):
    for inner in layer.layers.values():
        x, in_shape = write_layer(writing, inner, x, in_shape), inner.out_shape(in_shape)
    return x


def _residual(writing, layer, x, in_shape):
    branches = [_sequence(writing, branch, x, in_shape) for branch in layer.layers.values()]
    return writing.node("Add", *branches, name=layer.name)


def _weights(writing, layer, axes):
    """The names of the layer's parameters, its weight in ONNX's order."""
    return [
        writing.constant(f"{layer.name}.{key}", array, axes if key == "weight" else None)
        for key, array in layer.params.items()
    ]


def _windows(layer, in_shape):
    """Attributes of a window, with what hangs over as padding."""
    w, (OH, OW, _) = layer.windows, layer.out_shape(in_shape)
    rows, columns = w.padded_size(*in_shape[:2], (OH, OW))
    (PH, PW), (H, W) = w.padding, in_shape[:2]
    return dict(kernel_shape=w.kernel, strides=w.stride, pads=[PH, PW, rows - H - PH, columns - W - PW])


def _conv(writing, layer, x, in_shape):
    arrays = _weights(writing, layer, (3, 2, 0, 1))  # ours are (KH, KW, in, out), ONNX's (out, in, KH, KW)
    return writing.node("Conv", x, *arrays, name=layer.name, group=layer.groups, **_windows(layer, in_shape))


def _max_pool(writing, layer, x, in_shape):
    return writing.node("MaxPool", x, name=layer.name, **_windows(layer, in_shape))


def _average_pool(writing, layer, x, in_shape):
    """Padding may count in the mean, and what hangs over never does: then the padding becomes pixels."""
    form, name, counted = _windows(layer, in_shape), layer.name, layer.count_include_pad
    PH, PW, below, right = form["pads"]
    if counted and (PH, PW) != (below, right):
        x = writing.node("Pad", x, writing.whole(f"{name}.pads", [0, 0, PH, PW] * 2), name=f"{name}.padded")
        form["pads"], counted = [0, 0, below - PH, right - PW], False
    return writing.node("AveragePool", x, name=name, count_include_pad=int(counted), **form)


def _global_average_pool(writing, layer, x, in_shape):
    x = writing.node("GlobalAveragePool", x, name=f"{layer.name}.mean")
    return writing.node("Flatten", x, name=layer.name)


def _flatten(writing, layer, x, in_shape):
    """In our order, so that the weights behind it are ours."""
    if len(in_shape) == 3:
        x = writing.node("Transpose", x, name=f"{layer.name}.channels last", perm=[0, 2, 3, 1])
    return writing.node("Flatten", x, name=layer.name)


def _linear(writing, layer, x, in_shape):
    return writing.node("Gemm", x, *_weights(writing, layer, None), name=layer.name)


def _batch_norm(writing, layer, x, in_shape):
    arrays = _weights(writing, layer, None)
    arrays += [writing.constant(f"{layer.name}.{key}", a) for key, a in layer.state.items()]
    form = dict(epsilon=layer.eps, momentum=1 - layer.momentum)  # ONNX's is the weight of the older values
    return writing.node("BatchNormalization", x, *arrays, name=layer.name, **form)


def _response_norm(writing, layer, x, in_shape):
    """ONNX divides alpha by the size; groups of channels become pictures of their own."""
    H, W, C = in_shape
    name, G = layer.name, layer.groups
    form = dict(size=layer.size, alpha=layer.alpha * layer.size, beta=float(layer.beta), bias=float(layer.k))
    if G == 1:
        return writing.node("LRN", x, name=name, **form)
    x = writing.node("Reshape", x, writing.whole(f"{name}.groups", [-1, C // G, H, W]), name=f"{name}.apart")
    x = writing.node("LRN", x, name=f"{name}.norm", **form)
    return writing.node("Reshape", x, writing.whole(f"{name}.whole", [-1, C, H, W]), name=name)


def _spatial_norm(writing, layer, x, in_shape):
    """x / (k + alpha · sum)^beta, the sum as a mean times the number of pixels in a window."""
    name, half = layer.name, layer.size // 2

    def number(key, value):
        return writing.constant(f"{name}.{key}", np.float32(value))

    squares = writing.node("Mul", x, x, name=f"{name}.squares")
    window = dict(kernel_shape=[layer.size] * 2, pads=[half] * 4, count_include_pad=1)
    means = writing.node("AveragePool", squares, name=f"{name}.means", **window)
    scaled = writing.node("Mul", means, number("alpha", layer.alpha * layer.size**2), name=f"{name}.scaled")
    d = writing.node("Add", scaled, number("k", layer.k), name=f"{name}.d")
    power = writing.node("Pow", d, number("beta", layer.beta), name=f"{name}.power")
    return writing.node("Div", x, power, name=name)


def _dropout(writing, layer, x, in_shape):
    """At test time: nothing, or a factor in the paper's form."""
    if layer.inverted:
        return writing.node("Dropout", x, writing.constant(f"{layer.name}.p", np.float32(layer.p)), name=layer.name)
    return writing.node("Mul", x, writing.constant(f"{layer.name}.keep", np.float32(1 - layer.p)), name=layer.name)


def _padded(writing, layer, x, in_shape):
    """Every stride-th pixel, with channels of zeros on both sides."""
    H, W, C = in_shape
    before = (layer.out_channels - C) // 2
    bounds = {"start": [0, 0], "end": [H, W], "axes": [2, 3], "steps": [layer.stride] * 2}
    names = [writing.whole(f"{layer.name}.{key}", numbers) for key, numbers in bounds.items()]
    x = writing.node("Slice", x, *names, name=f"{layer.name}.fewer")
    pads = [0, before, 0, 0, 0, layer.out_channels - C - before, 0, 0]
    return writing.node("Pad", x, writing.whole(f"{layer.name}.pads", pads), name=layer.name)


def _simple(op):
    return lambda writing, layer, x, in_shape: writing.node(op, x, name=layer.name)


# {class of layer: function(writing, layer, x, in_shape) → the name of what it makes}; it serves derived classes too
WRITERS: dict[type, Callable[..., str]] = {
    Sequential: _sequence,
    Residual: _residual,
    Conv2d: _conv,
    Linear: _linear,
    MaxPool2d: _max_pool,
    AvgPool2d: _average_pool,
    GlobalAvgPool2d: _global_average_pool,
    BatchNorm2d: _batch_norm,
    LocalResponseNorm: _response_norm,
    SpatialResponseNorm: _spatial_norm,
    Flatten: _flatten,
    Dropout: _dropout,
    Identity: _simple("Identity"),
    PaddedShortcut: _padded,
    ReLU: _simple("Relu"),
    Tanh: _simple("Tanh"),
    Sigmoid: _simple("Sigmoid"),
}

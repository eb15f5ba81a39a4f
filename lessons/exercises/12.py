"""Lesson 12, AlexNet whole: its exercises and the known mistakes.

A list of dicts describes a network, one dict per layer, by kind:
    {"name": "conv1", "kind": "conv", "kernel": (11, 11), "stride": 4, "pad": 0, "filters": 96, "groups": 1}
    {"name": "pool1", "kind": "pool", "kernel": (3, 3), "stride": 2, "pad": 0}
    {"name": "flatten", "kind": "flatten"}    {"name": "fc6", "kind": "dense", "units": 4096}
    {"name": "relu1", "kind": "relu"}         and other kinds that keep the shape: "lrn", "dropout"
"""

import copy
import itertools
import math

import numpy as np

from tinyalex.layers import Conv2d, Dropout, Flatten, Linear, LocalResponseNorm, MaxPool2d, ReLU, SoftmaxCrossEntropy
from tinyalex.teaching import draws
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong, kind_of


def _conv(name, kernel, stride, pad, filters, groups):
    return dict(name=name, kind="conv", kernel=kernel, stride=stride, pad=pad, filters=filters, groups=groups)


def _pool(name, kernel, stride, pad=0):
    return {"name": name, "kind": "pool", "kernel": kernel, "stride": stride, "pad": pad}


def _dense(name, units):
    return {"name": name, "kind": "dense", "units": units}


def _kind(kind):
    return {"name": kind, "kind": kind}


# Oblong pictures and kernels; strides that leave a quarter, a half or three quarters of a step; 2, 3 and 5 groups
NET = (
    _conv("conv1", (5, 3), 4, 1, 12, 1),
    _kind("relu"),
    _kind("lrn"),
    _pool("pool1", (3, 2), 2, 1),
    _conv("conv2", (3, 2), 1, 2, 18, 2),
    _kind("relu"),
    _pool("pool2", (2, 3), 3),
    _kind("flatten"),
    _dense("fc3", 23),
    _kind("dropout"),
    _dense("fc4", 7),
)
OTHER_NET = (
    _conv("conv1", (3, 6), 4, 2, 15, 3),
    _pool("pool1", (3, 2), 2),
    _conv("conv2", (2, 3), 3, 1, 10, 5),
    _kind("tanh"),
    _kind("flatten"),
    _kind("softmax"),
    _dense("fc3", 11),
)


def _nameless():
    """The names say nothing, and one layer is large enough for 32 bits of work to overflow."""
    layers = [
        {**_conv("a", (5, 3), 1, 2, 1021, 1), "name": "pool9"},
        {**_pool("b", (3, 3), 2), "name": "fc0"},
        _kind("flatten"),
        {**_dense("c", 4099), "name": "conv"},
        {"name": "pool", "kind": "a kind of its own"},
    ]
    return (71, 67, 3), layers


def _probe():
    return (46, 33, 4), [dict(layer) for layer in NET]


def _other_probe():
    return (31, 52, 6), [dict(layer) for layer in OTHER_NET]


PROBES = (_probe, _other_probe)


# ---------------------------------------------------------------------------------------------- right answers


def trace_shapes(in_shape, layers):
    return _trace(in_shape, layers)


def count_parameters(in_shape, layers):
    return _count(in_shape, layers)


def count_work(in_shape, layers):
    return _work(in_shape, layers)


def flatten(x):
    return Flatten().forward(x)[0]


def _places(size, kernel, stride, pad):
    return 1 + -(-(size + 2 * pad - kernel) // stride)


def _trace(in_shape, layers, places=_places, channels=None, pool=None, flat=None, swap=False, dense=None, pad_of=None):
    """Shapes (L, 3). Each keyword is a way to get them wrong."""
    shapes, shape = [], tuple(in_shape)
    for layer in layers:
        H, W, C = shape
        if layer["kind"] in ("conv", "pool"):
            kh, kw = reversed(layer["kernel"]) if swap else layer["kernel"]
            H, W = (places(size, k, layer["stride"], layer["pad"]) for size, k in ((H, kh), (W, kw)))
            if layer["kind"] == "conv":
                C = channels(layer, C) if channels else layer["filters"]
            elif pool:
                H, W, C = pool(layer, shape, (H, W, C))
            shape = (H, W, C)
        elif layer["kind"] == "flatten":
            shape = flat(shape) if flat else (1, 1, H * W * C)
        elif layer["kind"] == "dense":
            shape = dense(layer, shape) if dense else (1, 1, layer["units"])
        shapes.append(shape)
    return np.array(shapes)


def _inputs(in_shape, layers, shapes=None):
    """[(layer, shape that enters it, shape that leaves it)]."""
    shapes = [tuple(int(n) for n in shape) for shape in (_trace(in_shape, layers) if shapes is None else shapes)]
    return zip(layers, [tuple(in_shape), *shapes], shapes)


def _count(in_shape, layers, conv=None, dense=None, bias=None, shapes=None):
    weights, biases = [], []
    for layer, before, after in _inputs(in_shape, layers, shapes):
        w = b = 0
        if layer["kind"] == "conv":
            kh, kw = layer["kernel"]
            w = conv(layer, before, after) if conv else kh * kw * (before[2] // layer["groups"]) * layer["filters"]
            b = bias(layer, before, after) if bias else layer["filters"]
        elif layer["kind"] == "dense":
            w = dense(layer, before, after) if dense else math.prod(before) * layer["units"]
            b = bias(layer, before, after) if bias else layer["units"]
        weights.append(w)
        biases.append(b)
    return np.array(weights), np.array(biases)


def _work(in_shape, layers, places=None, conv=None, dense=None, more=None):
    work = []
    for layer, before, after in _inputs(in_shape, layers):
        w = 0
        if layer["kind"] == "conv":
            kh, kw = layer["kernel"]
            each = conv(layer, before) if conv else kh * kw * (before[2] // layer["groups"]) * layer["filters"]
            w = (places(layer, before, after) if places else after[0] * after[1]) * each
        elif layer["kind"] == "dense":
            w = dense(layer, before) if dense else math.prod(before) * layer["units"]
        work.append(w + (more(layer, before, after) if more else 0))
    return np.array(work)


# ---------------------------------------------------------------------------------------------- wrong shapes


def _wrong_places(rule):
    return lambda in_shape, layers: _trace(in_shape, layers, places=rule)


SHAPES_WRONG = (
    Wrong(
        "C8",
        _wrong_places(lambda size, k, s, p: 1 + (size + 2 * p - k) // s),
        "You round down where the stride does not divide. The source rounds up and lets the last window hang over the "
        "edge: 224 pixels give 55 places, not 54.",
    ),
    Wrong(
        "C8",
        _wrong_places(lambda size, k, s, p: -(-(size + 2 * p - k) // s)),
        "One place is missing on each axis: even a window that cannot move has one place, so add 1.",
    ),
    Wrong(
        "C8",
        _wrong_places(lambda size, k, s, p: (size + 2 * p - k) // s),
        "You round down, and you omit the 1 for the first place: 1 + ceil((size + 2·pad − kernel) / stride).",
    ),
    Wrong(
        "C8",
        _wrong_places(lambda size, k, s, p: _places(size, k, s, 0)),
        "You forget the padding: it makes the picture larger by 2·pad.",
    ),
    Wrong(
        "C8",
        _wrong_places(lambda size, k, s, p: -(-(size + p - k) // s) + 1),
        "You add pad once; it is on both sides, so the picture grows by 2·pad.",
    ),
    Wrong(
        "C8",
        _wrong_places(lambda size, k, s, p: round((size + 2 * p - k) / s) + 1),
        "You round to the nearest whole number; the source always rounds up (ceil).",
    ),
    Wrong(
        "C8",
        _wrong_places(lambda size, k, s, p: -(-(size + 2 * p) // s)),
        "Your rule lacks the kernel: the window can move by only size + 2·pad − kernel pixels.",
    ),
    Wrong(
        "C8",
        _wrong_places(lambda size, k, s, p: -(-(size + 2 * p - k + 1) // s) + 1),
        "Your bracket has a 1 too many: 1 + ceil((size + 2·pad − kernel) / stride).",
    ),
    Wrong(
        "C7",
        lambda in_shape, layers: _trace(in_shape, layers, swap=True),
        "You swap height and width: the kernel is (kh, kw), and kh goes with the rows.",
    ),
    Wrong(
        "C7",
        lambda in_shape, layers: _trace(in_shape, [_square(layer) for layer in layers]),
        "You use kh for both axes; use kw for the columns.",
    ),
    Wrong(
        "N1",
        lambda in_shape, layers: _trace(
            in_shape, layers, channels=lambda layer, C: layer["filters"] // layer["groups"]
        ),
        "You divide the filters by the groups. All groups together make `filters` channels; each *sees* fewer.",
    ),
    Wrong(
        "N1",
        lambda in_shape, layers: _trace(in_shape, layers, channels=lambda layer, C: layer["filters"] * layer["groups"]),
        "You multiply the filters by the groups. All groups together make `filters` channels.",
    ),
    Wrong(
        "N1",
        lambda in_shape, layers: _trace(in_shape, layers, channels=lambda layer, C: C),
        "A convolution makes one channel for each filter; yours keeps the input's channels.",
    ),
    Wrong(
        "N2",
        lambda in_shape, layers: _trace(in_shape, layers, pool=lambda layer, before, after: before),
        "Pooling follows the size rule of a convolution; yours leaves rows and columns alone.",
    ),
    Wrong(
        "N2",
        lambda in_shape, layers: _trace(in_shape, layers, pool=lambda layer, before, after: (*after[:2], 1)),
        "Pooling treats each channel separately, so all channels stay.",
    ),
    Wrong(
        "N2",
        lambda in_shape, layers: _trace(
            in_shape,
            layers,
            pool=lambda layer, before, after: tuple(-(-n // layer["stride"]) for n in before[:2]) + after[2:],
        ),
        "You divide by the stride to pool; overlapping windows need the full rule, with kernel and pad.",
    ),
    Wrong(
        "F14",
        lambda in_shape, layers: _trace(in_shape, layers, flat=lambda shape: (1, 1, shape[2])),
        "Flatten gives rows × columns × channels features; yours keeps only the channels.",
    ),
    Wrong(
        "F14",
        lambda in_shape, layers: _trace(in_shape, layers, flat=lambda shape: (1, 1, shape[0] * shape[1])),
        "Flatten gives rows × columns × channels features; yours leaves the channels out.",
    ),
    Wrong(
        "F14",
        lambda in_shape, layers: _trace(in_shape, layers, flat=lambda shape: shape),
        "Flatten is missing: it gives one long vector, (1, 1, rows × columns × channels).",
    ),
    Wrong(
        "F14",
        lambda in_shape, layers: _trace(in_shape, layers, flat=lambda shape: (math.prod(shape), 1, 1)),
        "Right numbers, wrong axis: write a vector of M features as (1, 1, M).",
    ),
    Wrong(
        "N3",
        lambda in_shape, layers: _trace(in_shape, layers, dense=lambda layer, shape: shape),
        "A dense layer has `units` outputs, whatever comes in; yours keeps its input's shape.",
    ),
    Wrong(
        "N3",
        lambda in_shape, layers: np.array([in_shape, *_trace(in_shape, layers)[:-1]]),
        "Your row i is the shape that enters layer i; return the shape that leaves it.",
    ),
)


def _square(layer):
    return layer | {"kernel": (layer["kernel"][0],) * 2} if "kernel" in layer else layer


def _shapes_by_hand(arguments, output, index):
    in_shape, layers = arguments
    place, axis = index
    layer, before, after = list(_inputs(in_shape, layers))[place]
    came = "×".join(map(str, before))
    if layer["kind"] in ("conv", "pool") and axis < 2:
        kernel, (s, p) = layer["kernel"][axis], (layer["stride"], layer["pad"])
        free = before[axis] + 2 * p - kernel
        return (
            f"By hand: {layer['name']} gets {came}; 1 + ceil(({before[axis]} + 2·{p} − {kernel}) / {s}) = 1 + "
            f"ceil({free / s:g}) = {after[axis]}."
        )
    return f"By hand: {layer['name']} ({layer['kind']}) gets {came} and gives {'×'.join(map(str, after))}."


# ---------------------------------------------------------------------------------------------- wrong counts


def _wrong_count(**how):
    return lambda in_shape, layers: _count(in_shape, layers, **how)


def _kernel(layer):
    return layer["kernel"][0] * layer["kernel"][1]


def _untied(layer, before, after):
    return math.prod(after) if layer["kind"] == "conv" else layer["units"]


def _per_input(layer, before, after):
    return math.prod(before) if layer["kind"] == "dense" else before[2]


def _before_the_pool(in_shape, layers):
    """The counts if pooling did not shrink the picture."""
    shapes = _trace(in_shape, layers, pool=lambda layer, before, after: before)
    return _count(in_shape, layers, shapes=shapes)


def _rounded_down(in_shape, layers):
    return _count(
        in_shape, layers, shapes=_trace(in_shape, layers, places=lambda size, k, s, p: 1 + (size + 2 * p - k) // s)
    )


PARAMETERS_WRONG = (
    Wrong(
        "N4",
        _wrong_count(bias=lambda layer, before, after: 0),
        "You forget the biases: one for each filter, and one for each unit.",
    ),
    Wrong(
        "N4",
        _wrong_count(bias=_untied),
        "You count a bias for every place of a map. A filter has one bias; all places share it, like the weights.",
    ),
    Wrong(
        "N4",
        _wrong_count(bias=_per_input),
        "You count a bias for each input; there is one for each *output* channel or unit.",
    ),
    Wrong(
        "N4",
        _wrong_count(bias=lambda layer, before, after: 1),
        "You count one bias per layer; each filter and each unit has its own.",
    ),
    Wrong(
        "N4",
        _wrong_count(
            bias=lambda layer, before, after: layer.get("filters", layer.get("units")) // layer.get("groups", 1)
        ),
        "You count the biases of one group; every filter of every group has one.",
    ),
    Wrong(
        "N5",
        _wrong_count(conv=lambda layer, before, after: _kernel(layer) * before[2] * layer["filters"]),
        "You forget the groups: a filter sees only its own group's channels, channels / groups.",
    ),
    Wrong(
        "N5",
        _wrong_count(
            conv=lambda layer, before, after: (
                _kernel(layer) * (before[2] // layer["groups"]) * (layer["filters"] // layer["groups"])
            )
        ),
        "You divide by the groups twice: each filter sees channels / "
        "groups channels, but there are still `filters` filters.",
    ),
    Wrong(
        "N5",
        _wrong_count(conv=lambda layer, before, after: _kernel(layer) * before[2] * layer["filters"] * layer["groups"]),
        "You multiply by the groups; groups save weights, so divide.",
    ),
    Wrong(
        "N6",
        _wrong_count(conv=lambda layer, before, after: _kernel(layer) * layer["filters"]),
        "A filter has kh × kw × channels (of its group) weights; yours lacks the channels.",
    ),
    Wrong(
        "N6",
        _wrong_count(conv=lambda layer, before, after: _kernel(layer) * (before[2] // layer["groups"])),
        "You count a single filter; the layer has `filters` filters.",
    ),
    Wrong(
        "C7",
        lambda in_shape, layers: _count(
            in_shape, [_square(layer) for layer in layers], shapes=_trace(in_shape, layers)
        ),
        "You count kh × kh weights for the kernel; it has kh × kw.",
    ),
    Wrong(
        "N6",
        _wrong_count(
            conv=lambda layer, before, after: _kernel(layer) * (layer["filters"] // layer["groups"]) * layer["filters"]
        ),
        "You use the output's channels as a filter's depth; its depth is its group's share of the *input's* channels.",
    ),
    Wrong(
        "N7",
        _wrong_count(
            conv=lambda layer, before, after: _kernel(layer) * (before[2] // layer["groups"]) * math.prod(after)
        ),
        "You count each weight once for every place; all places share a filter. (Yours is the work.)",
    ),
    Wrong(
        "F15",
        _before_the_pool,
        "Your first dense layer is too large: pooling shrinks the picture before flatten (6×6×256 in AlexNet).",
    ),
    Wrong(
        "C8",
        _rounded_down,
        "You round shapes down, so the first dense layer sees too few features: the source rounds up.",
    ),
    Wrong(
        "F15",
        _wrong_count(dense=lambda layer, before, after: layer["units"]),
        "You count one weight per unit; a dense layer has one for every pair of an input and a unit.",
    ),
    Wrong(
        "F15",
        lambda in_shape, layers: _count(
            in_shape, layers, shapes=_trace(in_shape, layers, flat=lambda shape: (1, 1, shape[2]))
        ),
        "The first dense layer sees every place of the maps: rows × columns × channels, not just the channels.",
    ),
    Wrong(
        "F15",
        _wrong_count(dense=lambda layer, before, after: 0),
        "The dense layers are missing, and with them most of the parameters.",
    ),
)


def _describe(layer, before):
    if layer["kind"] == "dense":
        return f"{before[2]} inputs × {layer['units']} units"
    kh, kw = layer["kernel"]
    return f"{kh} × {kw} × ({before[2]} / {layer['groups']}) × {layer['filters']} filters"


def _count_by_hand(arguments, output, index):
    layer, before, _ = list(_inputs(*arguments))[index[0]]
    if layer["kind"] not in ("conv", "dense"):
        return f"By hand: {layer['name']} ({layer['kind']}) has no parameters."
    if output == "biases":
        return (
            f"By hand: {layer['name']} has one bias for each of its {layer.get('filters', layer.get('units'))} outputs."
        )
    return f"By hand: {layer['name']} has {_describe(layer, before)} = {_count(*arguments)[0][index[0]]:,} weights."


# ---------------------------------------------------------------------------------------------- wrong work


def _wrong_work(**how):
    return lambda in_shape, layers: _work(in_shape, layers, **how)


def _per_bias(layer, before, after):
    return math.prod(after) if layer["kind"] in ("conv", "dense") else 0


def _window_work(layer, before, after):
    return math.prod(after) * _kernel(layer) if layer["kind"] == "pool" else 0


WORK_WRONG = (
    Wrong(
        "N5",
        _wrong_work(conv=lambda layer, before: _kernel(layer) * before[2] * layer["filters"]),
        "You forget the groups: a filter sees channels / groups channels, which divides the work too.",
    ),
    Wrong(
        "N5",
        _wrong_work(
            conv=lambda layer, before: (
                _kernel(layer) * (before[2] // layer["groups"]) * (layer["filters"] // layer["groups"])
            )
        ),
        "You divide by the groups twice: every place still has `filters` filters.",
    ),
    Wrong(
        "N8",
        _wrong_work(places=lambda layer, before, after: before[0] * before[1]),
        "You count the places of the input; a filter is applied once for each place of the *output*.",
    ),
    Wrong(
        "N8",
        _wrong_work(places=lambda layer, before, after: 1),
        "That is the number of weights. Every filter works at each of the rows × columns places of its output.",
    ),
    Wrong(
        "N8",
        _wrong_work(places=lambda layer, before, after: after[0]),
        "You count only the output's rows; the places are rows × columns.",
    ),
    Wrong(
        "N8",
        _wrong_work(places=lambda layer, before, after: after[0] * after[0]),
        "You assume a square output; its places are rows × columns.",
    ),
    Wrong(
        "N9",
        _wrong_work(more=_per_bias),
        "You count the biases too. Adding a bias multiplies nothing, so it is no multiply-add.",
    ),
    Wrong("N9", _wrong_work(more=_window_work), "You count pooling too. It compares, and multiplies nothing."),
    Wrong(
        "N6",
        _wrong_work(conv=lambda layer, before: _kernel(layer) * layer["filters"]),
        "You leave out the channels: each output is a sum over kh × kw × its group's channels.",
    ),
    Wrong(
        "N6",
        _wrong_work(conv=lambda layer, before: _kernel(layer) * (before[2] // layer["groups"])),
        "You count a single filter; every place has `filters` filters.",
    ),
    Wrong(
        "F15",
        _wrong_work(dense=lambda layer, before: 0),
        "The dense layers are missing: a picture uses each of their weights once.",
    ),
    Wrong(
        "F15",
        _wrong_work(dense=lambda layer, before: layer["units"]),
        "You count one multiplication per unit; a dense unit multiplies every input by a weight.",
    ),
)


def _work_by_hand(arguments, output, index):
    layer, before, after = list(_inputs(*arguments))[index[0]]
    if layer["kind"] not in ("conv", "dense"):
        return f"By hand: {layer['name']} ({layer['kind']}) multiplies nothing by a weight."
    total = _work(*arguments)[index[0]]
    places = f"{after[0]} × {after[1]} places × " if layer["kind"] == "conv" else ""
    return f"By hand: {layer['name']} takes {places}{_describe(layer, before)} = {total:,} multiply-adds."


# ---------------------------------------------------------------------------------------------- flatten

FLATTEN_WRONG = (
    Wrong(
        "F1",
        lambda x: x.transpose(0, 3, 1, 2).reshape(len(x), -1),
        "Right numbers, wrong order: yours is channel by channel, (C, H, W), like PyTorch's. Here it is (H, W, C).",
    ),
    Wrong(
        "F1",
        lambda x: x.transpose(0, 2, 1, 3).reshape(len(x), -1),
        "Right numbers, wrong order: you go down the columns. Go row by row, channels fastest: (H, W, C).",
    ),
    Wrong(
        "F1",
        lambda x: x.transpose(0, 3, 2, 1).reshape(len(x), -1),
        "Right numbers, wrong order: yours is (C, W, H), with the first "
        "index fastest. The last, the channel, must be fastest.",
    ),
    Wrong(
        "F2",
        lambda x: x.reshape(-1, len(x)),
        "You mix the pictures: in reshape(-1, N) a row holds N numbers. The batch axis comes first: reshape(N, -1).",
    ),
    Wrong(
        "F2",
        lambda x: x.reshape(-1, len(x)).T,
        "Right shape, but pixels of picture 1 reach picture 0: reshape(N, -1) needs no transpose.",
    ),
    Wrong("F2", lambda x: x.reshape(-1), "You flatten the batch too; each picture keeps its own row."),
    Wrong(
        "F16",
        lambda x: x.mean(axis=(1, 2)),
        "You average over the places (global average pooling); flatten keeps every number.",
    ),
    Wrong("F16", lambda x: x.sum(axis=(1, 2)), "You sum over the places; flatten keeps every number."),
    Wrong(
        "F16",
        lambda x: x.reshape(len(x), -1, x.shape[3]),
        "You join rows and columns, but not channels: make one axis of H·W·C features.",
    ),
)


def _flatten_probe():
    return (np.random.default_rng(0).standard_normal((2, 3, 4, 5)),)


def _deep_flatten_probe():
    return (np.random.default_rng(1).standard_normal((3, 5, 2, 7)),)


def _single_flatten_probe():
    return (np.random.default_rng(2).standard_normal((1, 2, 4, 3)),)


def _flatten_by_hand(arguments, output, index):
    (x,) = arguments
    n, place = index
    h, w, c = (int(i) for i in np.unravel_index(place, x.shape[1:]))
    W, C = x.shape[2:]
    return (
        f"By hand: feature {place} = ({h}·{W} + {w})·{C} + {c} is row {h}, column {w}, channel {c}: "
        f"{x[n, h, w, c]:.6g}."
    )


# ---------------------------------------------------------------------------------------------- the start

LEVEL = draws.LEVEL / 10  # one test for each layer
BIAS_ONE = ("conv2", "conv4", "conv5", "fc6", "fc7")
SHAPES = {  # two of the same shape, and two biases of zeros of one length
    "conv1": (5, 3, 3, 40),
    "conv2": (3, 2, 20, 48),
    "conv3": (3, 3, 48, 40),
    "conv4": (3, 2, 18, 36),
    "conv5": (3, 2, 18, 36),
    "fc6": (300, 25),
    "fc7": (25, 90),
    "fc8": (90, 11),
}


def initial(shapes, rng):
    params = {}
    for name, shape in shapes.items():
        params[f"{name}.weight"] = 0.01 * rng.standard_normal(shape)
        params[f"{name}.bias"] = np.full(shape[-1], 1.0 if name in BIAS_ONE else 0.0)
    return params


def _start(function):
    return function(dict(SHAPES), np.random.default_rng(12))


def _has_all(function):
    params = _start(function)
    if not isinstance(params, dict):
        return f"Yours returns a {type(params).__name__}."
    names = [f"{name}.{what}" for name in SHAPES for what in ("weight", "bias")]
    if missing := [name for name in names if name not in params]:
        return f"Missing: {', '.join(missing[:4])}{', …' if len(missing) > 4 else ''}."
    if more := sorted(params.keys() - set(names)):
        return f"Too many: {', '.join(map(str, more[:4]))}."
    return True


def _weight_shapes(function):
    for name, shape in SHAPES.items():
        if (found := np.shape(_start(function)[f"{name}.weight"])) != shape:
            return f"{name}.weight is {found}, expected {shape}."
    return True


def _bias_shapes(function):
    for name, shape in SHAPES.items():
        if (found := np.shape(_start(function)[f"{name}.bias"])) != shape[-1:]:
            return f"{name}.bias is {found}, expected {shape[-1:]}."
    return True


def _float_arrays(function):
    for name, array in _start(function).items():
        if not isinstance(array, np.ndarray):
            return f"{name} is {kind_of(array)}."
        if array.dtype.kind != "f":
            return f"{name} holds {array.dtype}: an update by a fraction would fail or be lost."
    return True


def _own_memory(function):
    """Training writes into each array: none may share its memory, or one number serve for many."""
    params = list(_start(function).items())
    for i, (name, array) in enumerate(params):
        if not array.flags.writeable or 0 in array.strides:
            return f"{name} has fewer numbers in memory than entries: make it with np.zeros, np.ones or np.full."
        for other, b in params[:i]:
            if np.shares_memory(array, b):
                return f"{other} and {name} are one array."
    return True


def _spread(function):
    return {name: float(np.std(_start(function)[f"{name}.weight"])) for name in SHAPES}


def _not_constant(function):
    return all(std > 0 for std in _spread(function).values())


def _not_the_variance(function):
    return not all(0.08 < std < 0.12 for std in _spread(function).values())


def _same_spread(function):
    found = _spread(function)
    low, high = min(found, key=found.get), max(found, key=found.get)
    return found[high] < 1.5 * found[low] or f"{low}: {found[low]:.3g}, {high}: {found[high]:.3g}."


def _std(function):
    found = float(np.mean(list(_spread(function).values())))
    return 0.0095 < found < 0.0105 or f"Yours is {found:.3g}."


def _independent(function):
    """The weights' signs, along every axis."""
    for name, shape in SHAPES.items():
        weight = _start(function)[f"{name}.weight"]
        axes = ("row", "column", "channel", "filter") if len(shape) == 4 else ("input", "unit")
        if said := draws.independent(weight < np.median(weight), 0.5, axes, LEVEL):
            return f"{name}.weight: {said}"
    return True


def _centred(function):
    params = _start(function)
    weights = {name: params[f"{name}.weight"] for name in SHAPES}
    far = {name: w.mean() / w.std() * w.size**0.5 for name, w in weights.items()}
    worst = max(far, key=lambda name: abs(far[name]))
    return abs(far[worst]) < 6 or f"The mean of {worst}.weight is {weights[worst].mean():.2g}."


def _normal(function):
    """Each layer alone, and all together."""
    params = _start(function)
    weights = {f"{name}.weight": params[f"{name}.weight"] for name in SHAPES}
    weights["All weights"] = np.concatenate([w.ravel() for w in weights.values()])
    for name, w in weights.items():
        if said := draws.normal(w, 0.01, level=LEVEL):
            return f"{name}: {said}"
    return True


def _fresh_draws(function):
    """No two layers have the same numbers."""
    params = _start(function)
    for a, b in itertools.combinations(SHAPES, 2):
        some = min(math.prod(SHAPES[a]), math.prod(SHAPES[b]))
        one, other = (params[f"{name}.weight"].ravel()[:some] for name in (a, b))
        one, other = one < np.median(one), other < np.median(other)
        if draws.unrelated(one, 0.5, other, 0.5, LEVEL / 4):
            return f"{a} and {b} begin alike."
    return True


def _biases(function):
    return {name: np.unique(_start(function)[f"{name}.bias"]) for name in SHAPES}


def _ones(found):
    return [name for name, values in found.items() if np.array_equal(values, [1.0])]


def _biases_are_constant(function):
    return all(np.array_equal(v, [0.0]) or np.array_equal(v, [1.0]) for v in _biases(function).values())


def _some_ones(function):
    return len(_ones(_biases(function))) > 0


def _some_zeros(function):
    return len(_ones(_biases(function))) < len(SHAPES)


def _right_ones(function):
    found = _ones(_biases(function))
    return found == list(BIAS_ONE) or f"In yours, {', '.join(found)} start at 1."


def _large(function):
    """A layer of 300,000 weights: none repeated, and the largest as far out as usual."""
    found = np.asarray(function({"fc6": (600, 500)}, np.random.default_rng(14))["fc6.weight"])
    if len(np.unique(found)) < 0.9 * found.size:
        return f"Only {len(np.unique(found)):,} of {found.size:,} are distinct."
    return draws.normal(found, 0.01, level=LEVEL) or True


def _uses_the_generator(function):
    first, again = _start(function), _start(function)
    other = function(dict(SHAPES), np.random.default_rng(13))
    if not all(np.array_equal(first[name], again[name]) for name in first):
        return "Two calls with generators of the same seed differ."
    return (
        not np.array_equal(first["conv1.weight"], other["conv1.weight"])
        or "Generators of two seeds give the same weights."
    )


INITIAL_PROPERTIES = (
    Property("I13", _has_all, 'Return a dict with "conv1.weight", "conv1.bias", and so on for every layer.'),
    Property("I13", _weight_shapes, "Every weight must have its layer's shape in `shapes`."),
    Property(
        "I13", _bias_shapes, "A bias has one number per output: the last axis of the weight's shape.", about="biases"
    ),
    Property("I13", _float_arrays, "Every weight and bias must be an array of floats."),
    Property(
        "I1",
        _not_constant,
        "All weights of a layer are equal, so its filters would get equal gradients and stay equal. Draw the weights.",
        about="weights generator",
    ),
    Property(
        "I15",
        _independent,
        "The weights of a layer are not independent: each needs its own draw.",
        about="weights generator",
    ),
    Property(
        "I1",
        _not_the_variance,
        "Your standard deviation is 0.1. The paper's 0.01 is the "
        "standard deviation, not the variance: do not take its root.",
        about="weights",
    ),
    Property(
        "I12",
        _same_spread,
        "The paper uses the same standard deviation in all layers, whatever their size.",
        about="weights",
    ),
    Property("I12", _centred, "The mean of your weights should be 0.", about="weights"),
    Property("I1", _std, "The weights' standard deviation should be 0.01.", about="weights"),
    Property(
        "I12",
        _normal,
        "Your weights are not normally distributed with mean 0 and deviation 0.01 (§5).",
        about="weights",
    ),
    Property(
        "I1",
        _fresh_draws,
        "Your layers' numbers are not independent: each layer needs draws of its own.",
        about="generator",
    ),
    Property(
        "I14",
        _uses_the_generator,
        "Draw only from the generator you are given, so that a seed repeats the run.",
        about="generator",
    ),
    Property("I1", _biases_are_constant, "A layer's biases are all 0 or all 1: yours are neither.", about="biases"),
    Property(
        "I1",
        _some_ones,
        "Your biases all start at 0. In conv2, conv4, conv5, fc6 and fc7 they start at 1.",
        about="biases",
    ),
    Property(
        "I1",
        _some_zeros,
        "Your biases all start at 1. Only conv2, conv4, conv5, fc6 and fc7 do; conv1, conv3 and fc8 start at 0.",
        about="biases",
    ),
    Property(
        "I1",
        _right_ones,
        "Your ones are in the wrong layers: conv2, conv4, conv5, fc6 and fc7 start at 1, the others at 0.",
        about="biases",
    ),
    Property(
        "I16",
        _own_memory,
        "Training would write into several places at once: give each its own array.",
        about="weights memory",
    ),
    Property("I12", _large, "The weights of a large layer are not independent normal numbers."),
)


# ---------------------------------------------------------------------------------------------- overfitting


def overfit(layers, loss, x, labels, steps, lr, momentum):
    return _overfit((layers, loss, x, labels, steps, lr, momentum))


def _overfit(arguments, slip=None, pace=1.0, scale=1.0, keys=None, trained=None):
    """losses (steps,). arguments: of `overfit`; every other argument is a way to get it wrong.

    slip: "not written", "old velocity", "one velocity", "gradients pile up", "old caches", "late loss", "softmax twice"
    pace: factor of lr;  scale: factor of the loss's gradient;  keys, trained: parameters and layers that learn
    """
    layers, loss, x, labels, steps, lr, momentum = arguments
    velocity = [{key: np.zeros_like(p) for key, p in layer.params.items()} for layer in layers]
    by_shape = {v.shape: v for layer in velocity for v in layer.values()}
    summed = [{key: np.zeros_like(p) for key, p in layer.params.items()} for layer in layers]
    losses, first_caches = [], None
    for _ in range(steps):
        y, caches = x, []
        for layer in layers:
            y, cache = layer.forward(y)
            caches.append(cache)
        if slip == "softmax twice":
            y = np.exp(y - y.max(axis=1, keepdims=True))
            y /= y.sum(axis=1, keepdims=True)
        value, loss_cache = loss.forward(y, labels)
        dy = scale * loss.backward(loss_cache)
        first_caches = first_caches or caches
        for i in reversed(range(len(layers))):
            dy, grads = layers[i].backward(dy, (first_caches if slip == "old caches" else caches)[i])
            for key, g in grads.items():
                if (keys and key not in keys) or (trained is not None and i not in trained(layers)):
                    continue
                summed[i][key] += g
                g = summed[i][key] if slip == "gradients pile up" else g
                v = by_shape[g.shape] if slip == "one velocity" else velocity[i][key]
                before = v.copy()
                v *= momentum
                v -= pace * lr * g
                if slip != "not written":
                    layers[i].params[key] += before if slip == "old velocity" else v
        if slip == "late loss":
            y = x
            for layer in layers:
                y = layer.forward(y)[0]
            value = loss.forward(y, labels)[0]
        losses.append(float(value))
    return np.array(losses)


def _with_weights(layers):
    return [i for i, layer in enumerate(layers) if layer.params]


def _wrong_overfit(slip=None, **how):
    return lambda *arguments: _overfit(arguments, slip, **how)


def _no_momentum(*arguments):
    return _overfit((*arguments[:-1], 0.0))


def _damped(*arguments):
    return _overfit(arguments, pace=1 - arguments[-1])


def _per_picture(*arguments):
    return _overfit(arguments, scale=1 / len(arguments[2]))


def _summed_loss(*arguments):
    return _overfit(arguments, scale=len(arguments[2]))


def _first_picture(layers, loss, x, labels, *rest):
    return _overfit((layers, loss, x[:1], labels[:1], *rest))


OVERFIT_WRONG = (
    Wrong(
        "O6",
        _wrong_overfit("not written"),
        "The loss never changes, nor do the parameters. `w = w + v` makes a new array; write into the layer's own: "
        "`layer.params[key] += v`.",
    ),
    Wrong(
        "N10",
        _wrong_overfit(pace=-1.0),
        "The loss rises: you step along the gradient, uphill. Subtract lr · g: v ← momentum · v − lr · g.",
    ),
    Wrong(
        "N10",
        _no_momentum,
        "You do not keep the velocity from step to step, or you leave momentum out: v ← momentum · v − lr · g.",
    ),
    Wrong(
        "O3",
        _damped,
        "You multiply the gradient by 1 − momentum. The paper does not damp it: v ← momentum · v − lr · g.",
    ),
    Wrong(
        "O5",
        _wrong_overfit("old velocity"),
        "You move the parameters by the previous step's velocity. Compute the new v first, then w ← w + v.",
    ),
    Wrong(
        "N16",
        _wrong_overfit("one velocity"),
        "Arrays of the same shape share one velocity. Each array of each layer needs its own.",
    ),
    Wrong(
        "N10",
        _wrong_overfit("gradients pile up"),
        "Your gradients pile up from step to step. Start each step afresh; only the velocity remembers the past.",
    ),
    Wrong(
        "S4",
        _per_picture,
        "Your gradient is N times too small: the loss is already a "
        "mean over the N pictures, so its gradient holds the 1/N.",
    ),
    Wrong(
        "S4",
        _summed_loss,
        "Your gradient is N times too large: the loss is a mean over the N pictures, so do not multiply by N.",
    ),
    Wrong(
        "N11",
        _wrong_overfit(trained=lambda layers: _with_weights(layers)[-1:]),
        "Only the last layer learns. Pass dx on as the dy of the layer before, and update every layer with parameters.",
    ),
    Wrong(
        "N11",
        _wrong_overfit(trained=lambda layers: _with_weights(layers)[:-1]),
        "The last layer with parameters never changes: does your loop over the layers leave it out?",
    ),
    Wrong(
        "N11",
        _wrong_overfit(trained=lambda layers: _with_weights(layers)[1:]),
        "The first layer with parameters never changes: does your backward loop stop before layer 0?",
    ),
    Wrong("N11", _wrong_overfit(keys=("weight",)), "The biases never change: update every key of `grads`."),
    Wrong("N11", _wrong_overfit(keys=("bias",)), "Only the biases change: update every key of `grads`."),
    Wrong(
        "N12",
        _wrong_overfit("old caches"),
        "You go backward with the first step's caches; each step's forward makes new ones.",
    ),
    Wrong(
        "N13",
        _wrong_overfit("late loss"),
        "You record each loss after the update, one step too late: record the loss whose gradient you take.",
    ),
    Wrong("S6", _wrong_overfit("softmax twice"), "You apply the softmax before the loss, which applies it too."),
    Wrong("N14", _first_picture, "You train on the first picture only: pass the whole batch through at once."),
)


def _overfit_net(seed, in_shape, channels, hidden, classes):
    rng = np.random.default_rng(seed)
    conv, pool = Conv2d(in_shape[2], channels, (3, 2), padding=(1, 0)), MaxPool2d((2, 3), 2, rounding="ceil")
    layers = [conv, ReLU(), LocalResponseNorm(3, 0.5, 0.6, 1.5), pool, Flatten()]
    shape = in_shape
    for layer in layers:
        shape = layer.out_shape(shape)
    layers += [Linear(shape[0], hidden), ReLU(), Linear(hidden, hidden), ReLU(), Linear(hidden, hidden)]
    layers += [ReLU(), Dropout(0.3), Linear(hidden, classes)]
    for layer in layers:
        for key, p in layer.params.items():
            std = 0.2 if key == "bias" else (1.5 / math.prod(p.shape[:-1])) ** 0.5
            layer.params[key] = std * rng.standard_normal(p.shape)
    return layers


def _overfit_probe():
    rng = np.random.default_rng(3)
    layers = _overfit_net(4, (5, 7, 3), 6, 8, 4)
    return layers, SoftmaxCrossEntropy(), rng.standard_normal((5, 5, 7, 3)), np.array([2, 0, 3, 1, 2]), 6, 0.15, 0.8


def _other_overfit_probe():
    rng = np.random.default_rng(5)
    layers = _overfit_net(6, (4, 6, 3), 4, 7, 3)
    return layers, SoftmaxCrossEntropy(), rng.standard_normal((3, 4, 6, 3)), np.array([1, 2, 0]), 5, 0.05, 0.6


class _Gain(ReLU):
    """A layer that learns neither a weight nor a bias, but a factor for each channel."""

    def __init__(self, gain):
        super().__init__()
        self.params = {"gain": gain}

    def forward(self, x, train=False, rng=None):
        return x * self.params["gain"], x

    def backward(self, dy, cache, input_grad=True):
        return dy * self.params["gain"], {"gain": (dy * cache).reshape(-1, cache.shape[-1]).sum(axis=0)}


def _gain_probe():
    layers, *rest = _other_overfit_probe()
    return [_Gain(np.array([0.5, 2.0, 1.5])), *layers], *rest


def _learned_probe():
    layers, loss, x, labels, *rest = _other_overfit_probe()
    layers[-1].params["bias"][1] += 8
    return layers, loss, x, np.ones_like(labels), *rest


def _trained(function):
    """The layers' parameters after the last step."""
    arguments, ours = _other_overfit_probe(), _other_overfit_probe()
    before = copy.deepcopy(arguments[0])
    function(*arguments)
    again = np.asarray(function(*_other_overfit_probe()))
    right = overfit(*ours)
    if again.shape == right.shape and not np.allclose(again, right, rtol=1e-6, atol=1e-9):
        return "A second training of the same layers goes otherwise: something is kept between the calls."
    for i, (layer, old, right) in enumerate(zip(arguments[0], before, ours[0])):
        for key, p in right.params.items():
            if not np.allclose(layer.params[key], p, rtol=1e-6, atol=1e-9):
                same = np.array_equal(layer.params[key], old.params[key])
                state = "as before" if same else "not those after the last step"
                return f"layers[{i}].params[{key!r}] are {state}."
    return True


def _overfit_by_hand(arguments, output, index):
    expected = _overfit(copy.deepcopy(arguments))
    if index[0] == 0:
        return f"By hand: before any update the loss is {expected[0]:.6g}."
    return f"By hand: the losses are {', '.join(f'{v:.4f}' for v in expected)}; yours agree up to step {index[0] - 1}."


LESSON = Lesson(
    "12",
    "AlexNet, whole",
    60,
    40,
    (
        Exercise(
            "12-shapes",
            "trace_shapes",
            trace_shapes,
            PROBES,
            ("shapes",),
            axes={"shapes": ("layer", "axis")},
            wrong=SHAPES_WRONG,
            by_hand=_shapes_by_hand,
            properties=(
                case("for other names and large layers", trace_shapes, _nameless, ("shapes",)),
                case(
                    "for a pool at the beginning",
                    trace_shapes,
                    lambda: ((9, 7, 5), [_pool("a", (3, 2), 2)]),
                    ("shapes",),
                ),
            ),
            outside=("number",),
            hints=(
                "How many places has a window as wide as the picture? And "
                "if the picture is one pixel wider, at stride 4?",
                "conv and pool: 1 + ceil((size + 2·pad − kernel) / stride) rows and columns; a conv makes `filters` "
                "channels; flatten makes (1, 1, H·W·C); dense (1, 1, units)",
                "H, W = (1 + -(-(size + 2 * pad - k) // stride) for size, k in zip((H, W), kernel))",
            ),
        ),
        Exercise(
            "12-parameters",
            "count_parameters",
            count_parameters,
            PROBES,
            ("weights", "biases"),
            axes={"weights": ("layer",), "biases": ("layer",)},
            wrong=PARAMETERS_WRONG,
            properties=(case("for other names and large layers", count_parameters, _nameless, ("weights", "biases")),),
            by_hand=_count_by_hand,
            outside=("number",),
            hints=(
                "How deep is one filter, if groups share the channels? How many inputs has the first dense layer?",
                "conv: kh · kw · (C / groups) · filters weights and `filters` biases; dense: H·W·C · units weights "
                "and `units` biases",
                "shapes[i - 1] is what enters layer i: w = kh * kw * (C // groups) * filters",
            ),
        ),
        Exercise(
            "12-work",
            "count_work",
            count_work,
            PROBES,
            ("work",),
            axes={"work": ("layer",)},
            wrong=WORK_WRONG,
            by_hand=_work_by_hand,
            properties=(case("for other names and large layers", count_work, _nameless, ("work",)),),
            ratios=((2, "Twice too much: count a multiplication and its addition as *one* multiply-add."),),
            outside=("number",),
            hints=(
                "How often does one picture use a filter's weight? And a dense layer's?",
                "conv: rows · columns (of the output) · weights; dense: weights; all others 0",
                "weights, _ = count_parameters(in_shape, layers);  work = weights * shapes[:, 0] * shapes[:, 1], "
                "shapes from trace_shapes",
            ),
        ),
        Exercise(
            "12-flatten",
            "flatten",
            flatten,
            (_flatten_probe, _deep_flatten_probe, _single_flatten_probe),
            ("y",),
            axes={"y": ("picture", "feature")},
            wrong=FLATTEN_WRONG,
            by_hand=_flatten_by_hand,
            hints=(
                "Which axis must survive? Which of the others should run fastest?",
                "y[n, (h·W + w)·C + c] = x[n, h, w, c]",
                "x.reshape(len(x), -1)",
            ),
        ),
        Exercise(
            "12-initial",
            "initial",
            initial,
            (),
            (),
            properties=INITIAL_PROPERTIES,
            compare=False,
            hints=(
                "Does a generator's `normal` take 0.01 or 0.01²? Which five layers have positive biases?",
                "weights ~ N(0, 0.01²); biases 1 in conv2, conv4, conv5, fc6, fc7, else 0",
                'params[f"{name}.weight"] = rng.normal(0, 0.01, shape)',
            ),
        ),
        Exercise(
            "12-overfit",
            "overfit",
            overfit,
            (_overfit_probe, _other_overfit_probe),
            ("losses",),
            axes={"losses": ("step",)},
            wrong=OVERFIT_WRONG,
            by_hand=_overfit_by_hand,
            properties=(
                Property(
                    "N15",
                    _trained,
                    "The losses are right, but the layers do not hold what these steps alone have learned.",
                    late=True,
                ),
                case("for a layer with another parameter, layer.params['gain']", overfit, _gain_probe, ("losses",)),
                case("once the loss is below 0.001", overfit, _learned_probe, ("losses",)),
            ),
            hints=(
                "What does each layer's backward need from its forward? In which order does it visit the layers?",
                "forward through all layers, keep the caches; dy = loss.backward(…); from the last layer to the "
                "first: dy, grads = layer.backward(dy, cache), v ← momentum · v − lr · g, w ← w + v",
                "for layer, cache, v in zip(layers[::-1], caches[::-1], velocity[::-1]): dy, grads = "
                "layer.backward(dy, cache)",
            ),
        ),
    ),
)

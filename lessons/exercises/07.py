"""Lesson 07, convolution as one matrix product: its exercises and the known mistakes.

N pictures, H×W pixels, C channels in; KH×KW kernel; OH×OW places of the window; F channels out. Lesson 06 lends much.
"""

import math
import operator

import numpy as np

from tinyalex.layers.windows import Windows
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong
from tinyalex.teaching.lessons import exercises

by_loops = exercises("06")
add_up, as_far_as_read, keep_last = by_loops.add_up, by_loops.as_far_as_read, by_loops.keep_last
crop, crop_from_the_end, places, read = by_loops.crop, by_loops.crop_from_the_end, by_loops.places, by_loops.read


def out_size(size, kernel, stride, padding, rounding):
    return Windows(kernel, stride, padding, rounding).out_size(size, size, "window")[0]


def im2col(x, KH, KW, stride, padding):
    return read(x, (KH, KW), stride, padding).reshape(-1, KH * KW * x.shape[-1])


def col2im(dcolumns, x_shape, KH, KW, stride, padding):
    N, H, W, C = x_shape
    if dcolumns.shape[1] != KH * KW * C:
        raise ValueError
    windows = Windows((KH, KW), stride, padding, "floor")
    size = windows.out_size(H, W, "window")
    dpadded, inside = windows.zeros(x_shape, size, dcolumns.dtype, np)
    dcolumns = dcolumns.reshape(N, *size, KH, KW, C)
    for (i, j), pixels in windows.places(dpadded, size):
        pixels += dcolumns[:, :, :, i, j]
    return inside


# Defined here, not assigned from lesson 06: messages take the names of arguments from a function's code
def forward(x, weight, bias, stride, padding):
    return by_loops.forward(x, weight, bias, stride, padding)


def backward(dy, x, weight, stride, padding):
    return by_loops.backward(dy, x, weight, stride, padding)


# ---------------------------------------------------------------------------------------------- probes

SIZES = (
    (224, 11, 4, 0, "floor"),
    (224, 11, 4, 0, "ceil"),
    (227, 11, 4, 0, "ceil"),
    (13, 5, 3, 2, "floor"),
    (14, 5, 3, 2, "floor"),
    (14, 5, 3, 2, "ceil"),
    (15, 5, 3, 2, "ceil"),
    (6, 3, 2, 0, "floor"),
    (6, 3, 2, 0, "ceil"),
    (9, 2, 4, 3, "floor"),
    (9, 2, 4, 3, "ceil"),  # the last window starts behind the picture, in the padding
    (12, 2, 2, 0, "floor"),  # exactly 5 steps, an odd number: round(5 − ½) is 4, but round(4 − ½) is 4 too
    (12, 2, 2, 0, "ceil"),
    (10, 4, 1, 2, "floor"),
    (7, 7, 3, 0, "ceil"),  # one place only
    (908, 11, 128, 0, "ceil"),  # 7 steps and a hundredth
    (5002, 1, 1000, 0, "ceil"),  # 5 steps and a thousandth
)


def _size_probes():
    return tuple(lambda arguments=arguments: arguments for arguments in SIZES)


# (shape of x, shape of weight, stride, padding), after lesson 06's: a wide kernel, two rows of padding, stride 1; then
# one of everything
MORE = (((3, 5, 7, 2), (2, 3, 2, 5), 1, 2), ((1, 5, 4, 1), (2, 1, 1, 1), 2, 0))


def _more(number):
    shape, kernel, stride, padding = MORE[number]
    rng = np.random.default_rng(65 + number)
    return rng.standard_normal(shape), rng.standard_normal(kernel), rng.uniform(1, 2, kernel[-1]), stride, padding


FORWARD_PROBES = *by_loops.forward_probes(), lambda: _more(0), lambda: _more(1)


def _columns_probe(number):
    x, weight, _, stride, padding = FORWARD_PROBES[number]()
    return x, *weight.shape[:2], stride, padding


def _back_probe(number):
    x, KH, KW, stride, padding = _columns_probe(number)
    dcolumns = np.random.default_rng(80 + number).standard_normal(im2col(x, KH, KW, stride, padding).shape)
    return dcolumns, x.shape, KH, KW, stride, padding


def _backward_probe(number):
    x, weight, bias, stride, padding = FORWARD_PROBES[number]()
    dy = np.random.default_rng(90 + number).standard_normal(forward(x, weight, bias, stride, padding).shape)
    return dy, x, weight, stride, padding


def _each(probe):
    return tuple(lambda number=number: probe(number) for number in range(len(FORWARD_PROBES)))


# ------------------------------------------------------------------------------------- wrong on purpose: the size


CORNERS = (
    ("for a kernel of one pixel", ((2, 5, 4, 3), (1, 1, 3, 4), 2, 1)),
    ("for windows side by side, with a row left over", ((2, 7, 4, 3), (2, 2, 3, 4), 2, 0)),
    ("for larger pictures", ((3, 60, 41, 5), (2, 3, 5, 2), 2, 0)),
)


def _corner(number):
    shape, kernel, stride, padding = CORNERS[number][1]
    rng = np.random.default_rng(100 + number)
    return rng.standard_normal(shape), rng.standard_normal(kernel), rng.uniform(1, 2, kernel[-1]), stride, padding


def _cases(ours, arguments, outputs):
    """arguments: function from x, weight, bias, stride and padding to the arguments of `ours`"""
    numbered = enumerate(when for when, _ in CORNERS)
    return tuple(
        case(when, ours, lambda number=number: arguments(*_corner(number)), outputs) for number, when in numbered
    )


def _for_columns(x, weight, bias, stride, padding):
    return x, *weight.shape[:2], stride, padding


def _for_back(x, weight, bias, stride, padding):
    columns = im2col(*_for_columns(x, weight, bias, stride, padding))
    return np.cos(np.arange(columns.size)).reshape(columns.shape), x.shape, *weight.shape[:2], stride, padding


def _for_backward(x, weight, bias, stride, padding):
    y = forward(x, weight, bias, stride, padding)
    return np.cos(np.arange(y.size)).reshape(y.shape), x, weight, stride, padding


def _is_whole(function):
    for arguments in SIZES:
        found = function(*arguments)
        try:
            operator.index(found)
        except TypeError:
            size, kernel, stride, padding, rounding = arguments
            what = f"{size} pixels, kernel {kernel}, stride {stride}, padding {padding}"
            return f"Yours is {found} ({type(found).__name__}) for {what}."
    return True


def _size(free, after=1, round_as=None):
    """Another size rule. free: function of the first four arguments -> pixels, to be divided by the stride"""

    def wrong(size, kernel, stride, padding, rounding):
        rounded = {"floor": math.floor, "ceil": math.ceil}[round_as or rounding]
        return rounded(free(size, kernel, stride, padding) / stride) + after

    return wrong


def _free(size, kernel, stride, padding):
    return size + 2 * padding - kernel


SIZE_WRONG = (
    Wrong(
        "C8",
        _size(_free, round_as="floor"),
        'You always round down. With "ceil" the last window may hang '
        "over the edge: 224 pixels, kernel 11, stride 4 give 55.",
    ),
    Wrong(
        "C8",
        _size(_free, round_as="ceil"),
        'You always round up. With "floor" only windows that fit whole count: 224 pixels, kernel 11, stride 4 give 54.',
    ),
    Wrong(
        "C8",
        lambda size, kernel, stride, padding, rounding: _size(
            _free, round_as={"floor": "ceil", "ceil": "floor"}[rounding]
        )(size, kernel, stride, padding, rounding),
        'You swap "floor" and "ceil": floor drops the window that does not fit, ceil lets it hang over.',
    ),
    Wrong(
        "C8",
        _size(_free, after=0),
        "One is missing: you count the steps, but the place before the first step counts too: + 1.",
    ),
    Wrong(
        "C8",
        _size(lambda size, kernel, stride, padding: size + padding - kernel),
        "You count the padding once. It is on both sides: size + 2 · padding.",
    ),
    Wrong(
        "C8",
        _size(lambda size, kernel, stride, padding: size - kernel),
        "You leave the padding out: the window slides over size + 2 · padding pixels.",
    ),
    Wrong(
        "C8",
        _size(lambda size, kernel, stride, padding: size + 2 * padding - kernel + 1, after=0),
        "Your 1 is inside the division; add it afterwards: rounded((size + 2 · padding − kernel) / stride) + 1.",
    ),
    Wrong(
        "C8",
        _size(lambda size, kernel, stride, padding: size, after=0),
        "That is size / stride. The window must fit, so it can move by the size less the kernel.",
    ),
    Wrong(
        "C8",
        _size(lambda size, kernel, stride, padding: size + 2 * padding - kernel * stride),
        "You subtract the kernel after dividing by the stride. It comes first: (size + 2 · padding − kernel) / stride.",
    ),
    Wrong(
        "C8",
        lambda size, kernel, stride, padding, rounding: round(_free(size, kernel, stride, padding) / stride) + 1,
        'You round to the nearest whole number. `rounding` says which way: "floor" is down, "ceil" is up.',
    ),
    Wrong(
        "C8",
        _size(lambda size, kernel, stride, padding: size + 2 * padding - kernel - 1),
        "You count the kernel one pixel too long: windows start at 0 to size + 2 · padding − kernel, inclusive.",
    ),
)


# ------------------------------------------------------------------------------------- wrong on purpose: columns


def _columns(order=(0, 1, 2, 3, 4, 5), **how):
    """order: of the axes (N, OH, OW, KH, KW, C), the first three for the rows;  how: as in lesson 06's `read`"""

    def wrong(x, KH, KW, stride, padding):
        return read(x, (KH, KW), stride, padding, **how).transpose(order).reshape(-1, KH * KW * x.shape[-1])

    return wrong


def _columns_stepping(step):
    def wrong(x, KH, KW, stride, padding):
        return read(x, (KH, KW), stride, padding, step(stride)).reshape(-1, KH * KW * x.shape[-1])

    return wrong


def _columns_padded(before):
    def wrong(x, KH, KW, stride, padding):
        return read(x, (KH, KW), stride, padding, before=before * padding).reshape(-1, KH * KW * x.shape[-1])

    return wrong


def _keeps_its_columns(function):
    x, KH, KW, stride, padding = _columns_probe(0)
    first = function(x, KH, KW, stride, padding)
    if not isinstance(first, np.ndarray):
        return True  # another check says this better
    before = first.copy()
    function(x[::-1] + 1, KH, KW, stride, padding)
    return np.array_equal(before, first)


IM2COL_WRONG = (
    Wrong(
        "C1",
        _columns((0, 1, 2, 5, 3, 4)),
        "You unroll each window as (C, KH, KW); the kernel's order is "
        "(KH, KW, C), channels last. One channel would hide this.",
    ),
    Wrong(
        "C7",
        _columns((0, 1, 2, 4, 3, 5)),
        "You unroll each window column by column, as (KW, KH, C); the kernel's order is (KH, KW, C).",
    ),
    Wrong(
        "C2",
        _columns((1, 2, 0, 3, 4, 5)),
        "Right numbers, wrong rows: all places of picture 0 come before "
        "picture 1, in the order (N, OH, OW); yours is (OH, OW, N).",
    ),
    Wrong(
        "C7",
        _columns((0, 2, 1, 3, 4, 5)),
        "Right numbers, wrong rows: you take the places column by column. Take them row by row: (N, OH, OW).",
    ),
    Wrong(
        "C25",
        lambda x, KH, KW, stride, padding: im2col(x, KH, KW, stride, padding).T,
        "You have swapped rows and columns: here each window is one *row* (the name im2col is older than this layout).",
    ),
    Wrong(
        "C25",
        lambda x, KH, KW, stride, padding: read(x, (KH, KW), stride, padding),
        "The windows are right but not unrolled yet: reshape to (N·OH·OW, KH·KW·C).",
    ),
    Wrong(
        "C4",
        _columns(step=(1, 1)),
        "Your windows move by one pixel. Window (oh, ow) starts at row oh · stride, column ow · stride.",
    ),
    Wrong(
        "C4",
        _columns_stepping(lambda stride: (stride, 1)),
        "Your windows step by the stride downwards, but by one pixel across: both starts are index · stride.",
    ),
    Wrong(
        "C4",
        _columns_stepping(lambda stride: (1, stride)),
        "Your windows step by the stride across, but by one pixel downwards: both starts are index · stride.",
    ),
    Wrong(
        "C5",
        _columns_padded(0),
        "All your padding is below and to the right. Put `padding` zeros before *and* after, on both axes.",
    ),
    Wrong(
        "C5",
        _columns_padded(2),
        "All your padding is above and to the left. Put `padding` zeros before *and* after, on both axes.",
    ),
    Wrong(
        "C17",
        lambda x, KH, KW, stride, padding: im2col(x, KH, KW, stride, 0),
        "The padding is missing: surround the picture with `padding` zeros before you cut windows.",
    ),
    Wrong("C6", _columns(mode="edge"), "You repeat the picture's edge outside it. Outside the picture is 0."),
    Wrong(
        "C6",
        _columns(mode="wrap"),
        "Outside the picture you read the opposite edge, as with negative indices. Outside is 0.",
    ),
)


def _back(order=(0, 1, 2, 3, 4, 5), gather=add_up, cut=crop, step=None):
    """order: of the axes (N, OH, OW, KH, KW, C) in dcolumns;  gather, cut: as in lesson 06"""

    def wrong(dcolumns, x_shape, KH, KW, stride, padding):
        rows, columns = places(x_shape, (KH, KW), stride, padding)
        shape = x_shape[0], rows.shape[0], columns.shape[1], KH, KW, x_shape[3]
        dwindows = dcolumns.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))
        more = {"step": step(stride)} if step else {}
        return cut(gather(dwindows, x_shape, stride, padding, **more), x_shape, padding)

    return wrong


def _first_window_wins(dwindows, shape, stride, padding):
    """Loops over the kernel's places that assign: the last place in the kernel belongs to the first window there."""
    N, H, W, C = shape
    dpadded = np.zeros((N, H + 2 * padding, W + 2 * padding, C))
    OH, OW, KH, KW = dwindows.shape[1:5]
    for i, j in np.ndindex(KH, KW):
        pixels = dpadded[:, i : i + stride * (OH - 1) + 1 : stride, j : j + stride * (OW - 1) + 1 : stride]
        pixels[...] = dwindows[:, :, :, i, j]
    return dpadded


def _mean_of_windows(dwindows, shape, stride, padding):
    count = add_up(np.ones_like(dwindows), shape, stride, padding)
    return add_up(dwindows, shape, stride, padding) / np.maximum(count, 1)


def _sized_by_windows(cut):
    def gather(dwindows, shape, stride, padding):
        return as_far_as_read(dwindows, shape, stride, padding, cut)

    return _back(gather=gather, cut=lambda dx, shape, padding: dx)


def _outside(moved):
    """moved: function of places and the picture's size -> places inside it, for those outside too"""

    def wrong(dcolumns, x_shape, KH, KW, stride, padding):
        rows, columns = (p - padding for p in places(x_shape, (KH, KW), stride, padding))
        dx = np.zeros(x_shape)
        dwindows = dcolumns.reshape(len(dx), rows.shape[0], columns.shape[1], KH, KW, x_shape[3])
        np.add.at(dx, (slice(None), moved(rows, x_shape[1]), moved(columns, x_shape[2])), dwindows)
        return dx

    return wrong


COL2IM_WRONG = (
    Wrong(
        "C9",
        _back(gather=keep_last),
        "Where windows overlap, you keep the last one. Gradients add up: += for each window, not =. (With index "
        "arrays, x[rows, columns] += d adds only once to a pixel named twice.)",
    ),
    Wrong(
        "C9",
        _back(gather=_first_window_wins),
        "Where windows overlap, you keep one of them. Gradients add up: += instead of =.",
    ),
    Wrong(
        "C9", _back(gather=_mean_of_windows), "You average over the windows that cover a pixel. Their gradients add up."
    ),
    Wrong(
        "C10",
        _back(cut=lambda dpadded, shape, padding: crop_from_the_end(dpadded, padding)),
        "With padding 0, [p:-p] is [0:-0], which is empty. End at p + H and p + W instead.",
    ),
    Wrong(
        "C11",
        _sized_by_windows(None),
        "Your dx ends with the last window. Rows and columns that no "
        "window reads have gradient 0, but dx must hold them: x_shape.",
    ),
    Wrong(
        "C11",
        _sized_by_windows(crop),
        "You cut dx from an array that ends with the last window. Start from zeros as large as the padded picture.",
    ),
    Wrong(
        "C24",
        _back(cut=lambda dpadded, shape, padding: dpadded),
        "That is the gradient of the padded picture. Cut the padding off again: dx has x_shape.",
    ),
    Wrong(
        "C5",
        _back(cut=lambda dpadded, shape, padding: crop(dpadded, shape, 0)),
        "You cut dx out at the wrong corner: it starts at row and column `padding` of the padded gradient, not at 0.",
    ),
    Wrong("C6", _outside(np.mod), "You add the padding's part at the opposite edge, as negative indices do. Drop it."),
    Wrong(
        "C6",
        _outside(lambda place, size: np.clip(place, 0, size - 1)),
        "You add the padding's part to the pixels at the edge. Drop it.",
    ),
    Wrong(
        "C4",
        _back(step=lambda stride: (1, 1)),
        "Your windows move by one pixel. Place (oh, ow) belongs to "
        "the window that starts at (oh · stride, ow · stride).",
    ),
    Wrong(
        "C4",
        _back(step=lambda stride: (stride, 1)),
        "Your windows step by the stride downwards, but by one pixel across: both starts are index · stride.",
    ),
    Wrong(
        "C4",
        _back(step=lambda stride: (1, stride)),
        "Your windows step by the stride across, but by one pixel downwards: both starts are index · stride.",
    ),
    Wrong(
        "C1",
        _back((0, 1, 2, 5, 3, 4)),
        "You read each row as (C, KH, KW); im2col wrote it as (KH, KW, C), channels last.",
    ),
    Wrong("C7", _back((0, 1, 2, 4, 3, 5)), "You read each row as (KW, KH, C); im2col wrote it as (KH, KW, C)."),
    Wrong("C7", _back((0, 2, 1, 3, 4, 5)), "You read the rows as (N, OW, OH); im2col wrote them as (N, OH, OW)."),
    Wrong(
        "C2",
        _back((1, 2, 0, 3, 4, 5)),
        "You read the rows as (OH, OW, N), so pictures get one another's gradients; im2col wrote them as (N, OH, OW).",
    ),
    Wrong(
        "C3",
        lambda dcolumns, *rest: _back()(
            dcolumns.reshape(len(dcolumns), rest[1] * rest[2], -1)[:, ::-1].reshape(dcolumns.shape), *rest
        ),
        "You put each window back reversed. Its first entry belongs to its upper left pixel.",
    ),
)


# ------------------------------------------------------------------------------------- wrong on purpose: the product


def _product(columns=im2col, unroll=lambda weight: weight.reshape(-1, weight.shape[-1]), order=(0, 1, 2, 3)):
    """order: of the axes (N, OH, OW, F) in which the product is reshaped; a transpose then restores the right one"""

    def wrong(x, weight, bias, stride, padding):
        KH, KW, _, F = weight.shape
        rows, places_ = places(x.shape, (KH, KW), stride, padding)
        shape = len(x), rows.shape[0], places_.shape[1], F
        product = columns(x, KH, KW, stride, padding) @ unroll(weight) + bias
        return product.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))

    return wrong


FORWARD_WRONG = (
    Wrong(
        "C1",
        _product(unroll=lambda weight: weight.transpose(2, 0, 1, 3).reshape(-1, weight.shape[-1])),
        "You unroll columns and kernels in different orders: one as (C, KH, KW), the other as (KH, KW, C). One "
        "channel would hide this.",
    ),
    Wrong(
        "C1",
        _product(columns=lambda *arguments: _columns((0, 1, 2, 4, 3, 5))(*arguments)),
        "You unroll columns and kernels in different orders: one as (KW, KH, C), the other as (KH, KW, C).",
    ),
    Wrong(
        "C26",
        _product(unroll=lambda weight: weight.reshape(weight.shape[-1], -1).T),
        "The kernels are mixed up: weight is (KH, KW, C, F), F last, so reshape it straight to (KH·KW·C, F). "
        "reshape(F, -1) mixes kernels, and no transpose undoes that.",
    ),
    Wrong(
        "C2",
        _product(order=(0, 3, 1, 2)),
        "Right numbers, wrong places: a row of the product holds one place in all F maps. Reshape to (N, OH, OW, F).",
    ),
    Wrong(
        "C2",
        _product(order=(3, 0, 1, 2)),
        "Right numbers, wrong places: you reshape with the maps first. A row of the product holds one place in all F "
        "maps: (N, OH, OW, F).",
    ),
    Wrong(
        "C2",
        _product(order=(1, 2, 0, 3)),
        "Right numbers, wrong places: pictures and places are mixed. The rows run as (N, OH, OW). One picture alone "
        "would hide this.",
    ),
    Wrong(
        "C7",
        _product(order=(0, 2, 1, 3)),
        "Right numbers, wrong places: you swap OH and OW in the reshape. The rows run as (N, OH, OW).",
    ),
    *by_loops.FORWARD_WRONG,
)


def _parts(dy, x, weight, stride, padding):
    F = dy.shape[-1]
    return dy.reshape(-1, F), im2col(x, *weight.shape[:2], stride, padding), weight.reshape(-1, F)


def _with_rows(rows_of):
    """All three gradients, with dy turned into rows in another way."""

    def wrong(dy, x, weight, stride, padding):
        return backward(rows_of(dy).reshape(dy.shape), x, weight, stride, padding)

    return wrong


def _with_dweight(other):
    """other: function of dweight -> another dweight"""

    def wrong(dy, x, weight, stride, padding):
        dx, dweight, dbias = backward(dy, x, weight, stride, padding)
        return dx, other(dweight), dbias

    return wrong


def _with_dx(other):
    """other: an answer to lesson 06's dx"""
    return lambda dy, x, weight, stride, padding: (
        other(dy, x, weight, stride, padding),
        *backward(dy, x, weight, stride, padding)[1:],
    )


def _with_dx_of_columns(dwindows_of):
    def wrong(dy, x, weight, stride, padding):
        dpadded = add_up(dwindows_of(dy, weight), x.shape, stride, padding)
        return (crop(dpadded, x.shape, padding), *backward(dy, x, weight, stride, padding)[1:])

    return wrong


def _with_dbias(other):
    return lambda dy, x, weight, stride, padding: (*backward(dy, x, weight, stride, padding)[:2], other(dy))


def _all_over_pictures(dy, x, weight, stride, padding):
    dx, dweight, dbias = backward(dy, x, weight, stride, padding)
    return dx, dweight / len(x), dbias / len(x)


def _kernel_of_another_order(dy, weight):
    KH, KW, C, F = weight.shape
    dcolumns = dy.reshape(-1, F) @ weight.transpose(2, 0, 1, 3).reshape(-1, F).T
    return dcolumns.reshape(*dy.shape[:3], KH, KW, C)


def _kernels_mixed(dy, weight):
    KH, KW, C, F = weight.shape
    return (dy.reshape(-1, F) @ weight.reshape(F, -1)).reshape(*dy.shape[:3], KH, KW, C)


def _from_lesson_06(known):
    """Lesson 06's wrong (dweight, dbias), preceded by the right dx."""
    return Wrong(known.id, lambda *arguments: (by_loops.dx(*arguments), *known.function(*arguments)), known.message)


def _returned(*order):
    return lambda *arguments: tuple(backward(*arguments)[place] for place in order)


WRONG_ORDER = "A gradient stands in another one's place: return dx, dweight, dbias, in this order."
BACKWARD_WRONG = (
    Wrong("C27", _returned(1, 2, 0), WRONG_ORDER),
    Wrong("C27", _returned(1, 0, 2), WRONG_ORDER),
    Wrong("C27", _returned(0, 2, 1), WRONG_ORDER),
    Wrong(
        "C2",
        _with_rows(lambda dy: dy.transpose(3, 0, 1, 2).reshape(dy.shape[-1], -1).reshape(-1, dy.shape[-1])),
        "You mix dy up on the way to rows: its maps are last "
        "already, so reshape(-1, F) is enough, without a transpose.",
    ),
    Wrong(
        "C2",
        _with_rows(lambda dy: dy.transpose(1, 2, 0, 3)),
        "The rows of dy and of the columns do not match: your dy runs as (OH, OW, N), the columns as (N, OH, OW).",
    ),
    Wrong(
        "C12",
        _all_over_pictures,
        "You divide dweight and dbias by the number of pictures. "
        "Gradients add up over pictures; the 1/N belongs to the loss.",
    ),
    Wrong(
        "C1",
        _with_dweight(lambda dw: dw.transpose(2, 0, 1, 3).reshape(dw.shape)),
        "dweight's numbers are right, but in the order (C, KH, KW, F); weight is (KH, KW, C, F).",
    ),
    Wrong(
        "C26",
        _with_dweight(lambda dw: dw.reshape(-1, dw.shape[-1]).T.reshape(dw.shape)),
        "dweight's numbers are right, but in the wrong places: you reshape (F, KH·KW·C) instead of (KH·KW·C, F). "
        "Compute columns.T @ rows, not rows.T @ columns.",
    ),
    Wrong(
        "C1",
        _with_dx_of_columns(_kernel_of_another_order),
        "For dx you unroll the kernels as (C, KH, KW), but col2im reads (KH, KW, C).",
    ),
    Wrong(
        "C26",
        _with_dx_of_columns(_kernels_mixed),
        "The kernels are mixed up: unroll weight with reshape(-1, F), then transpose; reshape(F, -1) mixes kernels.",
    ),
    *(_from_lesson_06(known) for known in by_loops.DWEIGHT_WRONG[1:]),  # its first is _all_over_pictures
    *(Wrong(known.id, _with_dx(known.function), known.message) for known in by_loops.DX_WRONG),
)


# ---------------------------------------------------------------------------------------------- by hand


def _size_by_hand(arguments, output, index):
    size, kernel, stride, padding, rounding = arguments
    free = size + 2 * padding - kernel
    return (
        f"By hand: a kernel of {kernel} on {size} + 2·{padding} pixels can move by {free}; {free} / {stride} = "
        f"{free / stride:g} steps, rounded {'down' if rounding == 'floor' else 'up'}, plus 1: {out_size(*arguments)}."
    )


def _im2col_by_hand(arguments, output, index):
    x, KH, KW, stride, padding = arguments
    row, column = index
    rows, columns = places(x.shape, (KH, KW), stride, padding)
    n, oh, ow = (int(v) for v in np.unravel_index(row, (len(x), rows.shape[0], columns.shape[1])))
    i, j, c = (int(v) for v in np.unravel_index(column, (KH, KW, x.shape[-1])))
    r, q = oh * stride + i - padding, ow * stride + j - padding
    inside = 0 <= r < x.shape[1] and 0 <= q < x.shape[2]
    pixel = f"x[{n}, {r}, {q}, {c}] = {x[n, r, q, c]:.6g}" if inside else f"row {r}, column {q}: outside, so 0"
    return (
        f"By hand: row {row} is picture {n}, place ({oh}, {ow}); column {column} is kernel ({i}, {j}), channel {c}; "
        f"that is {pixel}."
    )


def _col2im_by_hand(arguments, output, index):
    dcolumns, x_shape, KH, KW, stride, padding = arguments
    n, row, column, c = index
    rows, columns = places(x_shape, (KH, KW), stride, padding)
    dwindows = dcolumns.reshape(x_shape[0], rows.shape[0], columns.shape[1], KH, KW, x_shape[3])
    parts = []
    for oh, ow in np.ndindex(dwindows.shape[1:3]):
        i, j = row + padding - oh * stride, column + padding - ow * stride
        if 0 <= i < KH and 0 <= j < KW:
            parts.append((oh, ow, i, j, float(dwindows[n, oh, ow, i, j, c])))
    if not parts:
        return "By hand: no window covers this pixel, so it is 0."
    words = "; ".join(f"place ({oh}, {ow}), kernel ({i}, {j}): {value:.4g}" for oh, ow, i, j, value in parts)
    return f"By hand, from each window over this pixel: {words}. Together {sum(p[-1] for p in parts):.6g}."


def _backward_by_hand(arguments, output, index):
    by_hand = by_loops.dx_by_hand if output == "dx" else by_loops.dweight_by_hand
    return by_hand(arguments, output, index)


LESSON = Lesson(
    "07",
    "Convolution as one matrix product",
    60,
    20,
    (
        Exercise(
            "07-out-size",
            "out_size",
            out_size,
            _size_probes(),
            ("places",),
            wrong=SIZE_WRONG,
            by_hand=_size_by_hand,
            properties=(Property("C8", _is_whole, "The number of places must be a whole number, an int."),),
            hints=(
                "Put the window at the start of the padded picture. How many "
                "pixels lie beyond it, and how many steps fit into them?",
                "places = rounded((size + 2·padding − kernel) / stride) + 1, rounded down or up",
                'steps = free // stride if rounding == "floor" else -(-free // stride)',
            ),
        ),
        Exercise(
            "07-im2col",
            "im2col",
            im2col,
            _each(_columns_probe),
            ("columns",),
            axes={"columns": ("row", "column")},
            wrong=IM2COL_WRONG,
            by_hand=_im2col_by_hand,
            properties=(
                Property(
                    "C15",
                    _keeps_its_columns,
                    "Calling im2col again changed the columns of your first call: you keep one array between calls. "
                    "Backward may still need those columns.",
                ),
                *_cases(im2col, _for_columns, ("columns",)),
            ),
            hints=(
                "What is the axis order of a window padded[n, top : top + KH, left : left + KW], and what does "
                ".ravel() do to it?",
                "columns[(n·OH + oh)·OW + ow] = window (n, oh, ow), raveled as (KH, KW, C)",
                "columns[row] = padded[n, top : top + KH, left : left + KW].ravel()",
            ),
        ),
        Exercise(
            "07-forward",
            "conv_forward",
            forward,
            FORWARD_PROBES,
            ("y",),
            wrong=FORWARD_WRONG,
            properties=_cases(forward, lambda *arguments: arguments, ("y",)),
            by_hand=by_loops.forward_by_hand,
            hints=(
                "columns is (N·OH·OW, KH·KW·C). Which shape must the kernels have, so that columns @ kernels has one "
                "column for each map?",
                "y = (im2col(x) @ weight as (KH·KW·C, F)) + bias, as (N, OH, OW, F)",
                "y = im2col(x, KH, KW, stride, padding) @ weight.reshape(-1, F) + bias",
            ),
        ),
        Exercise(
            "07-col2im",
            "col2im",
            col2im,
            _each(_back_probe),
            ("dx",),
            wrong=COL2IM_WRONG,
            properties=_cases(col2im, _for_back, ("dx",)),
            by_hand=_col2im_by_hand,
            hints=(
                "im2col copied a pixel into every window that covers it. "
                "What must happen to the gradients of all these copies?",
                "dpadded[n, oh·stride + i, ow·stride + j, c] = Σ of dcolumns over the windows (oh, ow) that hold this "
                "pixel; dx is dpadded without its border",
                "dpadded[n, top : top + KH, left : left + KW] += dcolumns[row].reshape(KH, KW, C)",
            ),
        ),
        Exercise(
            "07-backward",
            "conv_backward",
            backward,
            _each(_backward_probe),
            ("dx", "dweight", "dbias"),
            axes={"dweight": by_loops.WEIGHT_AXES, "dbias": ("channel out",)},
            wrong=BACKWARD_WRONG,
            properties=_cases(backward, _for_backward, ("dx", "dweight", "dbias")),
            by_hand=_backward_by_hand,
            hints=(
                "Y = X @ K. Which products of dY, X and K have the shapes of X and of K?",
                "dK = columnsᵀ @ rows, dcolumns = rows @ Kᵀ, with rows = "
                "dy as (N·OH·OW, F), K = weight as (KH·KW·C, F)",
                "dweight = (columns.T @ rows).reshape(weight.shape);  dx = col2im(rows @ K.T, x.shape, KH, KW, "
                "stride, padding)",
            ),
        ),
    ),
)

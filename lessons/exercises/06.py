"""Lesson 06, convolution by loops: its exercises and the known mistakes.

N pictures, H×W pixels, C channels in; KH×KW kernel; OH×OW places of the window; F channels out.
"""

import numpy as np

from tinyalex.layers import Conv2d
from tinyalex.teaching.exercise import Exercise, Lesson, Wrong


def layer(weight, bias, stride, padding):
    """The package's layer with these parameters; it drops rows and columns that the stride leaves over."""
    KH, KW, C, F = weight.shape
    conv = Conv2d(C, F, (KH, KW), stride, padding, rounding="floor", algorithm="im2col")
    conv.params = {"weight": weight, "bias": bias}
    return conv


def window(x, kernel, bias, oh, ow, stride):
    KH, KW, _ = kernel.shape
    return float((x[oh * stride : oh * stride + KH, ow * stride : ow * stride + KW] * kernel).sum() + bias)


def forward(x, weight, bias, stride, padding):
    return layer(weight, bias, stride, padding).forward(x)[0]


def backward(dy, x, weight, stride, padding):
    """Return (dx, dweight, dbias)."""
    dx, grads = layer(weight, np.zeros(weight.shape[-1], x.dtype), stride, padding).backward(dy, x)
    return dx, grads["weight"], grads["bias"]


def dweight(dy, x, weight, stride, padding):
    return backward(dy, x, weight, stride, padding)[1:]


def dx(dy, x, weight, stride, padding):
    return backward(dy, x, weight, stride, padding)[0]


# ---------------------------------------------------------------------------------------------- probes

# (shape of x, shape of weight, stride, padding). The first leaves over a column of the padded picture, the second two
# rows. In the second the stride exceeds the kernel's width, so some columns are never read; padding 0 catches [p:-p]
PROBES = (((2, 7, 10, 4), (5, 3, 4, 6), 2, 1), ((2, 9, 8, 3), (4, 2, 3, 5), 3, 0))


def _arrays(number):
    shape, kernel, stride, padding = PROBES[number]
    rng = np.random.default_rng(60 + number)
    return rng.standard_normal(shape), rng.standard_normal(kernel), rng.uniform(1, 2, kernel[-1]), stride, padding


def forward_probes():
    return tuple(lambda number=number: _arrays(number) for number in range(len(PROBES)))


def _backward_probe(number):
    x, weight, bias, stride, padding = _arrays(number)
    dy = np.random.default_rng(70 + number).standard_normal(forward(x, weight, bias, stride, padding).shape)
    return dy, x, weight, stride, padding


def backward_probes():
    return tuple(lambda number=number: _backward_probe(number) for number in range(len(PROBES)))


def _window_probe(oh, ow, stride, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((10, 11, 3)), rng.standard_normal((3, 2, 3)), rng.uniform(1, 2), oh, ow, stride


# ---------------------------------------------------------------------------------------------- wrong on purpose


def places(shape, kernel, stride, padding, step=None):
    """Indices of the padded picture's rows and columns under each window: (OH, 1, KH, 1) and (1, OW, 1, KW).

    step: (rows, columns) from one window to the next; None: the stride
    """
    (_, H, W, _), (KH, KW), (SH, SW) = shape, kernel[:2], step or (stride, stride)
    rows = SH * np.arange((H + 2 * padding - KH) // stride + 1)[:, None] + np.arange(KH)
    columns = SW * np.arange((W + 2 * padding - KW) // stride + 1)[:, None] + np.arange(KW)
    return rows[:, None, :, None], columns[None, :, None, :]


def pad(x, before, after, mode="constant"):
    return np.pad(x, ((0, 0), (before, after), (before, after), (0, 0)), mode)


def read(x, kernel, stride, padding, step=None, before=None, mode="constant"):
    """Every window, (N, OH, OW, KH, KW, C). before: padding above and left, out of 2·padding."""
    before = padding if before is None else before
    rows, columns = places(x.shape, kernel, stride, padding, step)
    return pad(x, before, 2 * padding - before, mode)[:, rows, columns]


def spread(dy, weight):
    """Each window's gradient for the pixels under it: (N, OH, OW, KH, KW, C)."""
    return np.einsum("nhwf,ijcf->nhwijc", dy, weight)


def add_up(dwindows, shape, stride, padding, step=None):
    """The gradient of the padded picture (N, H + 2·padding, W + 2·padding, C)."""
    N, H, W, C = shape
    dpadded = np.zeros((N, H + 2 * padding, W + 2 * padding, C))
    np.add.at(dpadded, (slice(None), *places(shape, dwindows.shape[3:5], stride, padding, step)), dwindows)
    return dpadded


def keep_last(dwindows, shape, stride, padding):
    """Like `add_up`, but each window overwrites those before it."""
    N, H, W, C = shape
    dpadded = np.zeros((N, H + 2 * padding, W + 2 * padding, C))
    OH, OW, KH, KW = dwindows.shape[1:5]
    for oh in range(OH):
        for ow in range(OW):
            dpadded[:, oh * stride : oh * stride + KH, ow * stride : ow * stride + KW] = dwindows[:, oh, ow]
    return dpadded


def crop(dpadded, shape, padding):
    return dpadded[:, padding : padding + shape[1], padding : padding + shape[2]]


def crop_from_the_end(dpadded, padding):
    return dpadded[:, padding:-padding, padding:-padding]


def as_far_as_read(dwindows, shape, stride, padding, cut=None):
    """dx in an array that ends with the last window. cut: a function like `crop`; None: `crop`."""
    OH, OW, KH, KW = dwindows.shape[1:5]
    short = shape[0], (OH - 1) * stride + KH - 2 * padding, (OW - 1) * stride + KW - 2 * padding, shape[3]
    return (cut or crop)(add_up(dwindows, short, stride, padding), short if cut is None else shape, padding)


def _sum(windows, weight, bias):
    return np.einsum("nhwijc,ijcf->nhwf", windows, weight) + bias


def _forward(change=lambda weight: weight, **how):
    return lambda x, weight, bias, stride, padding: _sum(
        read(x, weight.shape, stride, padding, **how), change(weight), bias
    )


def _from_one_side(before):
    def wrong(x, weight, bias, stride, padding):
        return _sum(read(x, weight.shape, stride, padding, before=2 * padding if before else 0), weight, bias)

    return wrong


def _one_side_only(before):
    """padding rows on one side, none on the other; fewer places fit."""

    def wrong(x, weight, bias, stride, padding):
        sides = (padding, 0) if before else (0, padding)
        return _sum(read(pad(x, *sides), weight.shape, stride, 0), weight, bias)

    return wrong


def _fewer(less):
    """A smaller output, with the right padding. less: function (size, kernel, stride, padding) -> places"""

    def wrong(x, weight, bias, stride, padding):
        OH, OW = (less(size, k, stride, padding) for size, k in zip(x.shape[1:3], weight.shape))
        return forward(x, weight, bias, stride, padding)[:, :OH, :OW]

    return wrong


def _last_product(x, weight, bias, stride, padding):
    last = read(x, weight.shape, stride, padding)[:, :, :, -1, -1, -1]
    return last[..., None] * weight[-1, -1, -1] + bias


def _bias_in_every_product(x, weight, bias, stride, padding):
    return forward(x, weight, bias * weight[..., 0].size, stride, padding)


DOWN_ONLY = (
    "Your windows move by the stride down the rows but by one pixel along the columns. Both starts are index · stride."
)
ALONG_ONLY = (
    "Your windows move by the stride along the columns but by one pixel down the rows. Both starts are index · stride."
)

FORWARD_WRONG = (
    Wrong(
        "C4",
        _forward(step=(1, 1)),
        "Your windows move by one pixel. Window (oh, ow) starts at row oh · stride, column ow · stride.",
    ),
    Wrong("C4", lambda *arguments: _forward(step=(arguments[3], 1))(*arguments), DOWN_ONLY),
    Wrong("C4", lambda *arguments: _forward(step=(1, arguments[3]))(*arguments), ALONG_ONLY),
    Wrong(
        "C5",
        _from_one_side(False),
        "All your padding is below and to the right. Put `padding` zeros before *and* after, on both axes.",
    ),
    Wrong(
        "C5",
        _from_one_side(True),
        "All your padding is above and to the left. Put `padding` zeros before *and* after, on both axes.",
    ),
    Wrong(
        "C5",
        _one_side_only(True),
        "Your padding is above and to the left only. It goes before *and* after the picture: H + 2 · padding rows in "
        "all. Look at the padded picture and the output size.",
    ),
    Wrong(
        "C5",
        _one_side_only(False),
        "Your padding is below and to the right only. It goes before *and* after the picture: H + 2 · padding rows in "
        "all.",
    ),
    Wrong(
        "C17",
        lambda x, weight, bias, stride, padding: forward(x, weight, bias, stride, 0),
        "The padding is missing: put a frame of `padding` zeros around the picture first.",
    ),
    Wrong(
        "C8",
        _fewer(lambda size, k, stride, padding: (size + 2 * padding - k) // stride),
        "One row and one column of places are missing: the starting place counts as well as the steps, so + 1.",
    ),
    Wrong(
        "C8",
        _fewer(lambda size, k, stride, padding: (size - k) // stride + 1),
        "Your output size leaves the padding out: count H + 2 · padding rows, not H.",
    ),
    Wrong("C6", _forward(mode="edge"), "You pad with the picture's edge. Pad with 0."),
    Wrong(
        "C6",
        _forward(mode="wrap"),
        "You pad with pixels from the opposite edge, as Python's negative indices do. Pad with 0.",
    ),
    Wrong(
        "C6",
        lambda x, weight, bias, stride, padding: forward(x, weight, 0 * bias, stride, padding),
        "The bias is missing: every map is off by a constant.",
    ),
    Wrong("C19", _bias_in_every_product, "You add the bias with every product. Add it once per output, after the sum."),
    Wrong(
        "C3",
        _forward(lambda weight: weight[::-1, ::-1]),
        "You flip the kernel before you multiply. The layer is a cross-correlation: weight[i, j] meets row start + i, "
        "column start + j.",
    ),
    Wrong(
        "C3",
        _forward(lambda weight: weight[::-1]),
        "You flip the kernel's rows: weight[i, j] meets row start + i, column start + j.",
    ),
    Wrong(
        "C3",
        _forward(lambda weight: weight[:, ::-1]),
        "You flip the kernel's columns: weight[i, j] meets row start + i, column start + j.",
    ),
    Wrong(
        "C7",
        lambda x, weight, bias, stride, padding: forward(x, weight.swapaxes(0, 1), bias, stride, padding),
        "The kernel's height and width are swapped: weight is (KH, KW, C, F), rows first.",
    ),
    Wrong(
        "C18",
        lambda x, weight, bias, stride, padding: forward(x[..., :1], weight[:, :, :1], bias, stride, padding),
        "You use only the picture's first channel. Sum over the window's rows, columns *and* channels.",
    ),
    Wrong(
        "C18",
        lambda x, weight, bias, stride, padding: forward(x[..., -1:], weight[:, :, -1:], bias, stride, padding),
        "Only the last channel of the picture counts: each channel overwrites the one before. Add them up.",
    ),
    Wrong(
        "C18",
        lambda x, weight, bias, stride, padding: _forward(lambda w: w[..., :1] + 0 * w)(
            x, weight, bias, stride, padding
        ),
        "You make every map with the first kernel. Map f has its own kernel, weight[..., f].",
    ),
    Wrong(
        "C20",
        lambda x, weight, bias, stride, padding: np.cumsum(forward(x, weight, bias, stride, padding), axis=-1),
        "Each map still contains the maps before it: reset the total for every f.",
    ),
    Wrong(
        "C20",
        lambda x, weight, bias, stride, padding: (
            np.cumsum(forward(x, weight, 0 * bias, stride, padding), axis=-1) + bias
        ),
        "Each map still contains the products of the maps before it: reset the total for every f.",
    ),
    Wrong(
        "C21",
        _last_product,
        "Only the last product of each window is left: each overwrites the one before. Add them up, with +=.",
    ),
)

WINDOW_WRONG = (
    Wrong(
        "C4",
        lambda x, kernel, bias, oh, ow, stride: window(x, kernel, bias, oh, ow, 1),
        "Your window starts at (oh, ow). Place (oh, ow) lies oh strides down and ow strides to the right.",
    ),
    Wrong(
        "C4",
        lambda x, kernel, bias, oh, ow, stride: window(x[oh * stride :], kernel, bias, 0, ow, 1),
        "Your window's row follows the stride, its column does not: it starts at ow · stride.",
    ),
    Wrong(
        "C4",
        lambda x, kernel, bias, oh, ow, stride: window(x[:, ow * stride :], kernel, bias, oh, 0, 1),
        "Your window's column follows the stride, its row does not: it starts at oh · stride.",
    ),
    Wrong(
        "C7",
        lambda x, kernel, bias, oh, ow, stride: window(x, kernel, bias, ow, oh, stride),
        "Row and column are swapped: oh counts rows, the first axis; ow counts columns, the second.",
    ),
    Wrong(
        "C3",
        lambda x, kernel, bias, oh, ow, stride: window(x, kernel[::-1, ::-1], bias, oh, ow, stride),
        "You flip the kernel. Its upper left weight meets the window's upper left pixel.",
    ),
    Wrong(
        "C6",
        lambda x, kernel, bias, oh, ow, stride: window(x, kernel, 0, oh, ow, stride),
        "The bias is missing: add it once, after the sum.",
    ),
    Wrong(
        "C19",
        lambda x, kernel, bias, oh, ow, stride: window(x, kernel, bias * kernel.size, oh, ow, stride),
        "You add the bias with every product. Add it once, after the sum.",
    ),
    Wrong(
        "C18",
        lambda x, kernel, bias, oh, ow, stride: window(x[..., :1], kernel[..., :1], bias, oh, ow, stride),
        "You use only the first channel. The window has KH × KW × C numbers: multiply all of them.",
    ),
    Wrong(
        "C21",
        lambda x, kernel, bias, oh, ow, stride: (
            x[oh * stride + kernel.shape[0] - 1, ow * stride + kernel.shape[1] - 1, -1] * kernel[-1, -1, -1] + bias
        ),
        "Only the last product is left: each overwrites the one before. Add them up, with +=.",
    ),
    Wrong(
        "C22",
        lambda x, kernel, bias, oh, ow, stride: (window(x, kernel, 0, oh, ow, stride) / kernel.size) + bias,
        "You take the mean of the products. Take their sum.",
    ),
)


def _dweight(dy, windows):
    return np.einsum("nhwijc,nhwf->ijcf", windows, dy), dy.sum(axis=(0, 1, 2))


def _dweight_stepping(step):
    def wrong(dy, x, weight, stride, padding):
        return _dweight(dy, read(x, weight.shape, stride, padding, step(stride)))

    return wrong


def _dweight_shifted(before):
    def wrong(dy, x, weight, stride, padding):
        return _dweight(dy, read(x, weight.shape, stride, padding, before=before * padding))

    return wrong


def of_pictures(kept):
    """dweight and dbias of the pictures `kept` (a slice) alone."""
    return lambda dy, x, weight, stride, padding: dweight(dy[kept], x[kept], weight, stride, padding)


def divided(by, weight_too=True, bias_too=True):
    """dweight, dbias or both divided by a number that depends on dy."""

    def wrong(dy, x, weight, stride, padding):
        dw, db = dweight(dy, x, weight, stride, padding)
        return (dw / by(dy) if weight_too else dw), (db / by(dy) if bias_too else db)

    return wrong


def _with_dbias(other):
    return lambda dy, x, weight, stride, padding: (dweight(dy, x, weight, stride, padding)[0], other(dy))


def _last_place(dy, x, weight, stride, padding):
    return _dweight(dy[-1:, -1:, -1:], read(x, weight.shape, stride, padding)[-1:, -1:, -1:])


def _last_place_of_each(dy, x, weight, stride, padding):
    return _dweight(dy[:, -1:, -1:], read(x, weight.shape, stride, padding)[:, -1:, -1:])


DBIAS_WRONG = (
    Wrong(
        "F3",
        _with_dbias(lambda dy: dy.sum(axis=(0, 1, 2))[None]),
        "dbias has one axis too many: it is (F,), like bias.",
    ),
    Wrong(
        "C23",
        _with_dbias(lambda dy: dy.sum(axis=(1, 2))),
        "dbias still has an axis for the pictures: one bias serves all of them, so their gradients add up to (F,).",
    ),
    Wrong(
        "C12",
        _with_dbias(lambda dy: dy[-1].sum(axis=(0, 1))),
        "Your dbias covers only the last picture. The bias is part of every output of every picture: add them all.",
    ),
    Wrong(
        "C23",
        _with_dbias(lambda dy: dy[:, 0, 0].sum(axis=0)),
        "Your dbias covers only one place. The bias is part of every output of its map: sum dy over pictures, rows "
        "and columns.",
    ),
    Wrong(
        "C12",
        _with_dbias(lambda dy: dy.mean(axis=(0, 1, 2))),
        "Your dbias is a mean over pictures and places. Take the sum; the 1/N belongs to the loss.",
    ),
    Wrong(
        "C12",
        divided(len, weight_too=False),
        "You divide dbias by the number of pictures. Gradients add up over pictures; the 1/N belongs to the loss.",
    ),
)

DWEIGHT_WRONG = (
    Wrong(
        "C12",
        divided(len),
        "Both gradients are divided by the number of pictures. Gradients add up over pictures; the 1/N belongs to the "
        "loss.",
    ),
    Wrong(
        "C12",
        divided(len, bias_too=False),
        "You divide dweight by the number of pictures. Gradients add up over pictures; the 1/N belongs to the loss.",
    ),
    Wrong(
        "C12",
        of_pictures(slice(-1, None)),
        "Only the last picture's gradient is left: each picture overwrites the one before. Add them up.",
    ),
    Wrong(
        "C12",
        of_pictures(slice(0, 1)),
        "You use only the first picture. Every picture meets the same kernel: add their gradients.",
    ),
    Wrong(
        "C12",
        divided(lambda dy: dy[..., 0].size),
        "You take means over pictures and places. A weight is used at every place of every picture: its gradient is "
        "the sum.",
    ),
    Wrong(
        "C12",
        divided(lambda dy: dy[..., 0].size, bias_too=False),
        "Your dweight is a mean over pictures and places. A weight is used at all of them: its gradient is the sum.",
    ),
    Wrong(
        "C12",
        divided(lambda dy: dy[0, ..., 0].size),
        "You take means over the places. A weight is used at every place: its gradient is the sum.",
    ),
    Wrong(
        "C21",
        _last_place,
        "Only the last window of the last picture is left: each overwrites the one before. Add them up, with +=.",
    ),
    Wrong(
        "C21",
        _last_place_of_each,
        "Only the last window of each picture is left: each overwrites the one before. Add them up, with +=.",
    ),
    Wrong(
        "C4",
        _dweight_stepping(lambda stride: (1, 1)),
        "Your windows move by one pixel. dy[oh, ow] belongs to the window that starts at (oh · stride, ow · stride).",
    ),
    Wrong("C4", _dweight_stepping(lambda stride: (stride, 1)), DOWN_ONLY),
    Wrong("C4", _dweight_stepping(lambda stride: (1, stride)), ALONG_ONLY),
    Wrong(
        "C5",
        _dweight_shifted(0),
        "Your windows are `padding` pixels too far down and to the right: pad before *and* after, as in forward.",
    ),
    Wrong(
        "C5",
        _dweight_shifted(2),
        "Your windows are `padding` pixels too far up and to the left: pad before *and* after, as in forward.",
    ),
    Wrong(
        "C6",
        lambda dy, x, weight, stride, padding: _dweight(dy, read(x, weight.shape, stride, padding, mode="edge")),
        "You pad with the picture's edge. Pad with 0, in backward as in forward.",
    ),
    Wrong(
        "C3",
        lambda dy, x, weight, stride, padding: (lambda dw, db: (dw[::-1, ::-1], db))(
            *dweight(dy, x, weight, stride, padding)
        ),
        "Your dweight is flipped: entry [i, j] belongs to the pixels in row i, column j of the windows.",
    ),
    *DBIAS_WRONG,
)


def _dx(dwindows_of):
    """dx from other window gradients. dwindows_of: function (dy, weight)"""
    return lambda dy, x, weight, stride, padding: crop(
        add_up(dwindows_of(dy, weight), x.shape, stride, padding), x.shape, padding
    )


def _dx_stepping(step):
    return lambda dy, x, weight, stride, padding: crop(
        add_up(spread(dy, weight), x.shape, stride, padding, step(stride)), x.shape, padding
    )


def _dx_from(corner):
    """dx cut out of the padded gradient at another corner: this many times the padding."""

    def wrong(dy, x, weight, stride, padding):
        dpadded = add_up(spread(dy, weight), x.shape, stride, padding)
        wide = np.pad(dpadded, ((0, 0), (0, padding), (0, padding), (0, 0)))
        return crop(wide, x.shape, corner * padding)

    return wrong


def _mean_of_windows(dy, x, weight, stride, padding):
    total, ones = (add_up(d, x.shape, stride, padding) for d in (spread(dy, weight), np.ones_like(spread(dy, weight))))
    return crop(total / np.maximum(ones, 1), x.shape, padding)


DX_WRONG = (
    Wrong(
        "C9",
        lambda dy, x, weight, stride, padding: crop(
            keep_last(spread(dy, weight), x.shape, stride, padding), x.shape, padding
        ),
        "Where windows overlap, you keep only the last one. A pixel is in all the windows over it, and their "
        "gradients add up: +=.",
    ),
    Wrong(
        "C9",
        lambda dy, x, weight, stride, padding: crop(
            keep_last(spread(dy[..., -1:], weight[..., -1:]), x.shape, stride, padding), x.shape, padding
        ),
        "Each product overwrites what the pixel already has from other windows and maps. They add up: +=.",
    ),
    Wrong("C9", _mean_of_windows, "You take the mean of the windows over a pixel. Their gradients add up."),
    Wrong(
        "C18",
        _dx(lambda dy, weight: spread(dy[..., :1], weight[..., :1])),
        "You use only the first map. All F kernels use a pixel: sum over f too.",
    ),
    Wrong(
        "C18",
        _dx(lambda dy, weight: spread(dy[..., -1:], weight[..., -1:])),
        "Only the last map counts. All F kernels use a pixel: sum over f too.",
    ),
    Wrong(
        "C4",
        _dx_stepping(lambda stride: (1, 1)),
        "Your windows move by one pixel. dy[oh, ow] goes back to the window that starts at (oh · stride, ow · stride).",
    ),
    Wrong("C4", _dx_stepping(lambda stride: (stride, 1)), DOWN_ONLY),
    Wrong("C4", _dx_stepping(lambda stride: (1, stride)), ALONG_ONLY),
    Wrong(
        "C3",
        _dx(lambda dy, weight: spread(dy, weight[::-1, ::-1])),
        "Your kernel is flipped the wrong way: pixel (start + i, start + j) gets dy · weight[i, j], as in forward. "
        "(Flip the kernel only if you slide it over dy.)",
    ),
    Wrong(
        "C10",
        lambda dy, x, weight, stride, padding: crop_from_the_end(
            add_up(spread(dy, weight), x.shape, stride, padding), padding
        ),
        "With padding 0, [p:-p] is [0:-0], which is empty. End at p + H and p + W instead.",
    ),
    Wrong(
        "C11",
        lambda dy, x, weight, stride, padding: as_far_as_read(spread(dy, weight), x.shape, stride, padding),
        "Your dx ends with the last window. Rows and columns that the stride leaves over have gradient 0 but belong "
        "to dx, which is shaped like x.",
    ),
    Wrong(
        "C11",
        lambda dy, x, weight, stride, padding: as_far_as_read(spread(dy, weight), x.shape, stride, padding, crop),
        "You cut dx from an array that ends with the last window. Start from zeros as large as the padded picture.",
    ),
    Wrong(
        "C24",
        lambda dy, x, weight, stride, padding: add_up(spread(dy, weight), x.shape, stride, padding),
        "That is the gradient of the padded picture. Cut the border of `padding` off again: dx is shaped like x.",
    ),
    Wrong(
        "C5",
        _dx_from(0),
        "You cut dx out at the wrong corner: start at row and column `padding` of the padded gradient, not at 0.",
    ),
    Wrong(
        "C5",
        _dx_from(2),
        "You cut dx out at the wrong corner: start at row and column `padding` of the padded gradient, not further in.",
    ),
    Wrong(
        "C12",
        lambda dy, x, weight, stride, padding: dx(dy, x, weight, stride, padding) / len(x),
        "You divide dx by the number of pictures. Each picture has its own dx; the 1/N belongs to the loss.",
    ),
)


# ---------------------------------------------------------------------------------------------- by hand


def _span(start, length):
    return f"{start} to {start + length - 1}"


def terms(values, shown=3):
    """0.3 + 1.2 − … as a learner would write it down."""
    parts = [f"({v:.4g})" if v < 0 else f"{v:.4g}" for v in values[:shown]]
    return " + ".join(parts) + (f" + … ({len(values)} in all)" if len(values) > shown else "")


def window_by_hand(arguments, output, index):
    x, kernel, bias, oh, ow, stride = arguments
    KH, KW, _ = kernel.shape
    part = x[oh * stride : oh * stride + KH, ow * stride : ow * stride + KW]
    return (
        f"By hand: rows {_span(oh * stride, KH)} and columns {_span(ow * stride, KW)} of x, {kernel.size} products: "
        f"{terms((part * kernel).ravel())} = {(part * kernel).sum():.6g}; with the bias {bias:.4g}: "
        f"{(part * kernel).sum() + bias:.6g}."
    )


def forward_by_hand(arguments, output, index):
    x, weight, bias, stride, padding = arguments
    n, oh, ow, f = index
    KH, KW = weight.shape[:2]
    products = read(x, weight.shape, stride, padding)[n, oh, ow] * weight[..., f]
    return (
        f"By hand: the window covers rows {_span(oh * stride - padding, KH)} and columns "
        f"{_span(ow * stride - padding, KW)} of x (outside of x is 0), in all {x.shape[3]} channels: {products.size} "
        f"products, their sum {products.sum():.6g}; with bias[{f}] = {bias[f]:.4g}: {products.sum() + bias[f]:.6g}."
    )


def dweight_by_hand(arguments, output, index):
    dy, x, weight, stride, padding = arguments
    if output == "dbias":
        f = index[-1]
        return f"By hand: the sum of the {dy[..., f].size} numbers dy[:, :, :, {f}] is {dy[..., f].sum():.6g}."
    i, j, c, f = index
    products = (read(x, weight.shape, stride, padding)[:, :, :, i, j, c] * dy[..., f]).ravel()
    return (
        f"By hand: weight[{i}, {j}, {c}, {f}] met one pixel in each of {dy[..., f].size} windows (pictures × places); "
        f"dy · pixel is {terms(products)} = {products.sum():.6g}."
    )


def dx_by_hand(arguments, output, index):
    dy, x, weight, stride, padding = arguments
    n, row, column, c = index
    parts = []
    for oh, ow in np.ndindex(dy.shape[1:3]):
        i, j = row + padding - oh * stride, column + padding - ow * stride
        if 0 <= i < weight.shape[0] and 0 <= j < weight.shape[1]:
            parts.append((oh, ow, i, j, float(dy[n, oh, ow] @ weight[i, j, c])))
    if not parts:
        return "By hand: no window lies over this pixel, so it is 0."
    words = "; ".join(f"place ({oh}, {ow}) by weight[{i}, {j}]: {value:.4g}" for oh, ow, i, j, value in parts)
    total = sum(part[-1] for part in parts)
    return f"By hand, Σ over f of dy · weight for each window over this pixel: {words}. Together {total:.6g}."


WEIGHT_AXES = ("kernel row", "kernel column", "channel in", "channel out")

LESSON = Lesson(
    "06",
    "Convolution, by loops",
    60,
    20,
    (
        Exercise(
            "06-window",
            "one_output",
            window,
            (lambda: _window_probe(2, 3, 2, 61), lambda: _window_probe(1, 2, 3, 62)),
            wrong=WINDOW_WRONG,
            by_hand=window_by_hand,
            hints=(
                "With stride 2, in which row and column of x is the upper left corner of place (2, 3)?",
                "y = bias + Σ over i, j, c of x[oh·stride + i, ow·stride + j, c] · kernel[i, j, c]",
                "window = x[oh * stride : oh * stride + KH, ow * stride : ow * stride + KW]",
            ),
        ),
        Exercise(
            "06-forward",
            "conv_forward",
            forward,
            forward_probes(),
            ("y",),
            wrong=FORWARD_WRONG,
            by_hand=forward_by_hand,
            hints=(
                "How many rows does the padded picture have, and how often can a window of KH rows move down in it by "
                "the stride?",
                "OH = (H + 2·padding − KH) // stride + 1;  y[n, oh, ow, f] = bias[f] + Σ padded[n, oh·stride + i, "
                "ow·stride + j, c] · weight[i, j, c, f]",
                "y[n, oh, ow, f] = (padded[n, top : top + KH, left : left + KW] * weight[..., f]).sum() + bias[f]  "
                "with top = oh * stride, left = ow * stride",
            ),
        ),
        Exercise(
            "06-dweight",
            "conv_dweight",
            dweight,
            backward_probes(),
            ("dweight", "dbias"),
            axes={"dweight": WEIGHT_AXES, "dbias": ("channel out",)},
            wrong=DWEIGHT_WRONG,
            by_hand=dweight_by_hand,
            hints=(
                "Which outputs contain weight[0, 0, 0, f], and what multiplies it in each of them?",
                "dweight[i, j, c, f] = Σ over n, oh, ow of dy[n, oh, ow, f] · padded[n, oh·stride + i, ow·stride + j, "
                "c];  dbias[f] = Σ dy[n, oh, ow, f]",
                "dweight[..., f] += dy[n, oh, ow, f] * padded[n, top : top + KH, left : left + KW]",
            ),
        ),
        Exercise(
            "06-dx",
            "conv_dx",
            dx,
            backward_probes(),
            ("dx",),
            wrong=DX_WRONG,
            by_hand=dx_by_hand,
            hints=(
                "How many windows lie over one pixel in the middle of the picture? What should happen to the "
                "gradients that they hand back?",
                "dpadded[n, oh·stride + i, ow·stride + j, c] gets dy[n, oh, ow, f] · weight[i, j, c, f] from every n, "
                "oh, ow, f; dx is its middle",
                "dpadded[n, top : top + KH, left : left + KW] += dy[n, oh, ow, f] * weight[..., f]",
            ),
        ),
    ),
)

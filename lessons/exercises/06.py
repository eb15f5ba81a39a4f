"""Lesson 06, convolution by loops: its exercises and the known mistakes.

N pictures, H×W pixels, C channels in; KH×KW kernel; OH×OW places of the window; F channels out.
"""

import numpy as np

from tinyalex.layers import Conv2d
from tinyalex.teaching.cases import case
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


# Special cases, with numbers after the probes'
CASES = (
    ("for one picture, one map and one place", ((1, 4, 3, 3), (4, 3, 3, 1), 2, 0)),
    ("for padding 2 and stride 1", ((2, 5, 6, 3), (3, 2, 3, 4), 1, 2)),
    ("for padding larger than the kernel", ((2, 3, 4, 3), (2, 1, 3, 2), 2, 3)),
    ("for a kernel of one pixel", ((2, 5, 4, 3), (1, 1, 3, 4), 2, 1)),
    ("for one place with rows and columns left over", ((2, 5, 6, 3), (3, 4, 3, 2), 3, 0)),
)


def _arrays(number):
    shape, kernel, stride, padding = (*PROBES, *(sizes for _, sizes in CASES))[number]
    rng = np.random.default_rng(60 + number)
    return rng.standard_normal(shape), rng.standard_normal(kernel), rng.uniform(1, 2, kernel[-1]), stride, padding


def _cases(ours, probe, outputs):
    """The special cases of an exercise. probe: function from the number of a case to arguments"""
    numbered = enumerate(CASES, len(PROBES))
    return tuple(case(when, ours, lambda number=number: probe(number), outputs) for number, (when, _) in numbered)


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


def _negative_window_probe():
    x, kernel, bias, *place = _window_probe(1, 4, 2, 64)
    return x, kernel, -30 * bias, *place


# ---------------------------------------------------------------------------------------------- wrong on purpose


def _whole_window_probe():
    """Pixels that are whole numbers, in five channels."""
    rng = np.random.default_rng(66)
    return rng.integers(0, 9, (6, 7, 5)), rng.standard_normal((2, 3, 5)), 0.25, 1, 1, 2


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


def _edited_forward(edit):
    """Ours, after edit(y) has written into y."""

    def wrong(x, weight, bias, stride, padding):
        y = forward(x, weight, bias, stride, padding)
        edit(y)
        return y

    return wrong


def _zero(*places):
    """A function that sets these places to 0. places: indices of an array"""

    def edit(y):
        for place in places:
            y[place] = 0

    return edit


def _inside_only(outside):
    """Other values where a window reaches outside the picture. outside: function of the bias"""

    def wrong(x, weight, bias, stride, padding):
        y = forward(x, weight, bias, stride, padding)
        for axis, (size, k) in enumerate(zip(x.shape[1:3], weight.shape), 1):
            start = np.arange(y.shape[axis]) * stride - padding
            inside = (start >= 0) & (start + k <= size)
            y = np.where(np.expand_dims(inside, [a for a in range(4) if a != axis]), y, outside(bias))
        return y

    return wrong


def _dilated(x, weight, bias, stride, padding):
    KH, KW = weight.shape[:2]
    OH, OW = forward(x, weight, bias, stride, padding).shape[1:3]
    wide = np.pad(pad(x, padding, padding), ((0, 0), (0, KH * stride), (0, KW * stride), (0, 0)))
    rows = stride * (np.arange(OH)[:, None] + np.arange(KH))
    columns = stride * (np.arange(OW)[:, None] + np.arange(KW))
    return _sum(wide[:, rows[:, None, :, None], columns[None, :, None, :]], weight, bias)


def _rounded_up(x, weight, bias, stride, padding):
    KH, KW = weight.shape[:2]
    more = [-(size + 2 * padding - k) % stride for size, k in zip(x.shape[1:3], (KH, KW))]
    return forward(
        np.pad(pad(x, padding, padding), ((0, 0), (0, more[0]), (0, more[1]), (0, 0))), weight, bias, stride, 0
    )


def _with_weight(change):
    """forward with other weights. change: function of weight"""
    return lambda x, weight, bias, stride, padding: forward(x, change(weight), bias, stride, padding)


def _without(*place):
    def change(weight):
        weight = weight.copy()
        weight[place] = 0
        return weight

    return change


COUNTS_TOO = "Such windows count too: the padding adds zeros to the sum, the pixels inside stay."
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
        "Your windows read `padding` pixels too far down and to the right, as if all padding came after the picture. "
        "Put `padding` zeros before *and* after, and start at oh · stride, ow · stride.",
    ),
    Wrong(
        "C5",
        _from_one_side(True),
        "Your windows read `padding` pixels too far up and to the left, as if all padding came before the picture. "
        "Put `padding` zeros before *and* after, and start at oh · stride, ow · stride.",
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
        "Your y is what padding 0 gives: put a frame of `padding` zeros around the picture first.",
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
    Wrong(
        "C6",
        lambda x, weight, bias, stride, padding: forward(x, weight, -bias, stride, padding),
        "You subtract the bias. Add it.",
    ),
    Wrong(
        "C25",
        _edited_forward(_zero(np.s_[:, -1])),
        "The last row of every map is 0, as if no window had been there: oh goes from 0 to OH − 1.",
    ),
    Wrong(
        "C25",
        _edited_forward(_zero(np.s_[:, :, -1])),
        "The last column of every map is 0, as if no window had been there: ow goes from 0 to OW − 1.",
    ),
    Wrong(
        "C25",
        _edited_forward(_zero(np.s_[:, -1], np.s_[:, :, -1])),
        "The last row and column of every map are 0, as if no window had been there: oh goes from 0 to OH − 1, ow "
        "from 0 to OW − 1.",
    ),
    Wrong(
        "C25",
        _edited_forward(_zero(np.s_[:, 0], np.s_[:, :, 0])),
        "The first row and column of every map are 0, as if no window had been there: oh and ow begin at 0.",
    ),
    Wrong(
        "C25",
        _edited_forward(_zero(np.s_[:, 0])),
        "The first row of every map is 0, as if no window had been there: oh begins at 0.",
    ),
    Wrong(
        "C25",
        _edited_forward(_zero(np.s_[:, :, 0])),
        "The first column of every map is 0, as if no window had been there: ow begins at 0.",
    ),
    Wrong("C25", _edited_forward(_zero(np.s_[1:])), "Only picture 0 has maps, the others are 0: go over all N."),
    Wrong("C25", _edited_forward(_zero(np.s_[..., -1])), "The last map is 0: f goes from 0 to F − 1."),
    Wrong("C25", _edited_forward(_zero(np.s_[..., 1:])), "Only map 0 is there, the others are 0: go over all F."),
    Wrong(
        "C25",
        _edited_forward(_zero(np.s_[:, 1:], np.s_[:, :, 1:])),
        "Only place (0, 0) is there, the others are 0. Go over all OH · OW places.",
    ),
    Wrong("C26", _inside_only(lambda bias: 0), "Where a window reaches into the padding, y is 0. " + COUNTS_TOO),
    Wrong(
        "C26", _inside_only(lambda bias: bias), "Where a window reaches into the padding, y is the bias. " + COUNTS_TOO
    ),
    Wrong(
        "C18",
        lambda x, weight, bias, stride, padding: forward(x[:1] + 0 * x, weight, bias, stride, padding),
        "Every picture has the maps of picture 0. Read from padded[n].",
    ),
    Wrong(
        "C18",
        lambda x, weight, bias, stride, padding: (
            forward(x, weight, 0 * bias, stride, padding).sum(axis=-1, keepdims=True) + bias
        ),
        "Every map has the products of all F kernels. Map f has those with weight[..., f] alone.",
    ),
    Wrong(
        "C18",
        lambda x, weight, bias, stride, padding: forward(x, weight, bias[:1] + 0 * bias, stride, padding),
        "Every map has the first map's bias. Map f has bias[f].",
    ),
    Wrong("C6", _forward(mode="reflect"), "You pad with the picture's mirror image. Pad with 0."),
    Wrong("C6", _forward(mode="mean"), "You pad with a mean. Pad with 0."),
    Wrong(
        "C6",
        lambda x, weight, bias, stride, padding: forward(pad(x - 1, padding, padding) + 1, weight, bias, stride, 0),
        "You pad with 1. Pad with 0.",
    ),
    Wrong(
        "C8", _rounded_up, "Your output size is rounded up, with windows that reach beyond the padding. Round down: //."
    ),
    Wrong(
        "C27",
        _dilated,
        "Inside a window you step by the stride too. Its pixels are neighbours: only its start moves by the stride.",
    ),
    Wrong(
        "C22",
        lambda x, weight, bias, stride, padding: forward(x, weight / weight[..., 0].size, bias, stride, padding),
        "You take the mean of the products. Take their sum.",
    ),
    Wrong(
        "R8",
        lambda x, weight, bias, stride, padding: np.maximum(forward(x, weight, bias, stride, padding), 0),
        "Negative outputs came out as 0. The ReLU is a layer of its own.",
    ),
    Wrong(
        "A20",
        lambda *arguments: forward(*arguments).transpose(0, 3, 1, 2),
        "You return (N, F, OH, OW). Here the channels come last: (N, OH, OW, F).",
    ),
    Wrong(
        "C7",
        lambda *arguments: forward(*arguments).swapaxes(1, 2),
        "Your maps lie on their side: you return (N, OW, OH, F).",
    ),
    Wrong(
        "C21",
        _with_weight(_without(slice(None, -1))),
        "Only the kernel's last row counts: each overwrites the one before. Add them up, with +=.",
    ),
    Wrong(
        "C21",
        lambda x, weight, bias, stride, padding: forward(
            x, _without(slice(None), slice(None, -1))(_without(slice(None, -1))(weight)), bias, stride, padding
        ),
        "Only the kernel's last place counts: each overwrites the one before. Add them up, with +=.",
    ),
    Wrong(
        "C31",
        lambda x, weight, bias, stride, padding: forward(
            np.pad(x, ((padding,) * 2,) * 3 + ((0, 0),)), weight, bias, stride, 0
        ),
        "You pad the axis of the pictures too: N has grown by 2 · padding. Pad rows and columns only.",
    ),
    Wrong("C28", _with_weight(_without(-1)), "The kernel's last row is never used: i goes from 0 to KH − 1."),
    Wrong(
        "C28",
        _with_weight(_without(slice(None), -1)),
        "The kernel's last column is never used: j goes from 0 to KW − 1.",
    ),
    Wrong(
        "C28",
        _with_weight(_without(slice(None), slice(None), -1)),
        "The last channel is never used: c goes from 0 to C − 1.",
    ),
    Wrong(
        "C20",
        lambda x, weight, bias, stride, padding: (
            np.cumsum(forward(x, weight, 0 * bias, stride, padding)).reshape(
                forward(x, weight, bias, stride, padding).shape
            )
            + bias
        ),
        "Each output still contains the products of all before it: reset the total at every place, for every f.",
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


def _window(change):
    """one_output with other (window, kernel, bias). change: function of these"""

    def wrong(x, kernel, bias, oh, ow, stride):
        KH, KW, _ = kernel.shape
        return change(x[oh * stride : oh * stride + KH, ow * stride : ow * stride + KW], kernel, bias)

    return wrong


def _window_at(start):
    """one_output at another place. start: function (oh, ow, stride, KH, KW) -> row and column of the corner"""

    def wrong(x, kernel, bias, oh, ow, stride):
        top, left = start(oh, ow, stride, *kernel.shape[:2])
        return window(x, kernel, bias, top, left, 1)

    return wrong


def _dilated_window(x, kernel, bias, oh, ow, stride):
    return window(x[oh * stride :: stride, ow * stride :: stride], kernel, bias, 0, 0, 1)


WINDOW_WRONG += (
    Wrong(
        "C29",
        _window_at(lambda oh, ow, stride, KH, KW: ((oh - 1) * stride, (ow - 1) * stride)),
        "Your window is one place too far up and to the left: places are counted from 0.",
    ),
    Wrong(
        "C29",
        _window_at(lambda oh, ow, stride, KH, KW: (oh * stride - KH // 2, ow * stride - KW // 2)),
        "Your window has its middle at (oh · stride, ow · stride). That is its upper left corner.",
    ),
    Wrong(
        "C29",
        _window_at(lambda oh, ow, stride, KH, KW: (oh + stride, ow + stride)),
        "You add the stride to the place. Multiply: place (oh, ow) lies oh strides down and ow strides to the right.",
    ),
    Wrong(
        "C29",
        _window_at(lambda oh, ow, stride, KH, KW: (oh * KH, ow * KW)),
        "Your windows lie side by side, a kernel's size apart. From one place to the next it is `stride` pixels.",
    ),
    Wrong(
        "C27",
        _dilated_window,
        "Inside the window you step by the stride too. Its pixels are neighbours: only its start moves by the stride.",
    ),
    Wrong("C6", _window(lambda w, k, b: (w * k).sum() - b), "You subtract the bias. Add it."),
    Wrong("C6", _window(lambda w, k, b: (w * k).sum() * b), "You multiply by the bias. Add it."),
    Wrong("C22", _window(lambda w, k, b: (w * k).max() + b), "You take the largest product. Take the sum of all."),
    Wrong(
        "C22",
        _window(lambda w, k, b: w.sum() * k.sum() + b),
        "You multiply two sums. Multiply pixel by weight first, then add the products up.",
    ),
    Wrong(
        "C18",
        _window(lambda w, k, b: (w * k).sum(axis=(0, 1)) + b),
        "You return one number per channel. Add the channels up too: one number.",
    ),
    Wrong(
        "C18",
        _window(lambda w, k, b: (w[..., -1] * k[..., -1]).sum() + b),
        "You use only the last channel. The window has KH × KW × C numbers: multiply all of them.",
    ),
    Wrong(
        "C7",
        lambda x, kernel, bias, oh, ow, stride: window(x, kernel.swapaxes(0, 1), bias, oh, ow, stride),
        "The kernel's height and width are swapped: kernel is (KH, KW, C), rows first.",
    ),
    Wrong(
        "C28", _window(lambda w, k, b: (w * k)[:-1].sum() + b), "The kernel's last row is missing: i goes to KH − 1."
    ),
    Wrong(
        "C28",
        _window(lambda w, k, b: (w * k)[:, :-1].sum() + b),
        "The kernel's last column is missing: j goes to KW − 1.",
    ),
    Wrong("C28", _window(lambda w, k, b: (w * k)[..., :-1].sum() + b), "The last channel is missing: c goes to C − 1."),
    Wrong("C3", _window(lambda w, k, b: (w * k[::-1]).sum() + b), "You flip the kernel's rows. Take it as it is."),
    Wrong(
        "C3", _window(lambda w, k, b: (w * k[:, ::-1]).sum() + b), "You flip the kernel's columns. Take it as it is."
    ),
    Wrong("C3", _window(lambda w, k, b: (w * k[..., ::-1]).sum() + b), "You reverse the kernel's channels."),
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
    *(
        Wrong(
            "C23",
            _with_dbias(lambda dy, axes=axes: dy.sum(axis=axes)),
            "dbias still has an axis for the places: sum dy over pictures, rows and columns, to (F,).",
        )
        for axes in ((), 0, (0, 1), (0, 2))
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
    Wrong("C23", _with_dbias(lambda dy: dy.sum()), "Your dbias is one number. Each map has its own bias: (F,)."),
    Wrong(
        "F11",
        _with_dbias(lambda dy: np.full(dy.shape[-1], dy[..., 0].size, dy.dtype)),
        "Your dbias counts the places. Each counts with its dy: sum dy over pictures, rows and columns.",
    ),
)


def _not_at(*places, bias_too=True):
    """dweight, and dbias too, without these places of dy."""

    def wrong(dy, x, weight, stride, padding):
        kept = dy.copy()
        _zero(*places)(kept)
        return dweight(kept, x, weight, stride, padding)[0], (kept if bias_too else dy).sum(axis=(0, 1, 2))

    return wrong


def _changed(change):
    """dweight replaced. change: function (dweight, weight)"""

    def wrong(dy, x, weight, stride, padding):
        dw, db = dweight(dy, x, weight, stride, padding)
        return change(dw, weight), db

    return wrong


LAST_ROW, LAST_COLUMN = np.s_[:, -1], np.s_[:, :, -1]
MISSED = "The last {} of places adds nothing, as if your loop ended one too early: go over all OH · OW places."

DWEIGHT_WRONG = (
    Wrong(
        "C12",
        divided(len),
        "Divided by the number of pictures, N. Gradients add up over pictures; the 1/N belongs to the loss.",
    ),
    Wrong(
        "C3",
        lambda dy, x, weight, stride, padding: dweight(dy[:, ::-1, ::-1], x, weight, stride, padding),
        "You flip dy. dy[oh, ow] belongs to the window that starts at (oh · stride, ow · stride).",
    ),
    *(
        Wrong("C25", _not_at(*places, bias_too=bias_too), MISSED.format(words))
        for places, words in (
            ((LAST_ROW, LAST_COLUMN), "row and column"),
            ((LAST_ROW,), "row"),
            ((LAST_COLUMN,), "column"),
        )
        for bias_too in (True, False)
    ),
    Wrong(
        "C20",
        _changed(lambda dw, weight: weight + dw),
        "You add to the weights themselves. Start from zeros shaped like weight.",
    ),
    Wrong(
        "C30",
        _changed(lambda dw, weight: dw * weight),
        "You multiply by the weights. A weight gets dy · pixel; its own value plays no part.",
    ),
    Wrong(
        "C18",
        _changed(lambda dw, weight: dw * (np.arange(dw.shape[-1]) == 0)),
        "Only map 0 has a gradient. Every map has its own kernel: go over all F.",
    ),
    Wrong(
        "C18",
        _changed(lambda dw, weight: dw * (np.arange(dw.shape[-1]) < dw.shape[-1] - 1)),
        "The last map's dweight is 0: f goes from 0 to F − 1.",
    ),
    Wrong(
        "C18",
        lambda dy, x, weight, stride, padding: dweight(dy[:1] + 0 * dy, x, weight, stride, padding),
        "You use picture 0's dy for every picture. Read dy[n].",
    ),
    Wrong(
        "F9",
        _changed(lambda dw, weight: dw.swapaxes(2, 3)),
        "Yours is (KH, KW, F, C). A gradient has the shape of its array: (KH, KW, C, F).",
    ),
    Wrong(
        "C18",
        _changed(lambda dw, weight: np.broadcast_to(dw.sum(axis=2, keepdims=True), dw.shape)),
        "All channels of your dweight are alike, the sum over the channels. Each channel's weight met its own pixels.",
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


def _largest_of_windows(dy, x, weight, stride, padding):
    dwindows = spread(dy, weight)
    dpadded = np.zeros((len(x), x.shape[1] + 2 * padding, x.shape[2] + 2 * padding, x.shape[3]))
    np.maximum.at(dpadded, (slice(None), *places(x.shape, weight.shape, stride, padding)), dwindows)
    return crop(dpadded, x.shape, padding)


def _dx_not_at(*places):
    def wrong(dy, x, weight, stride, padding):
        kept = dy.copy()
        _zero(*places)(kept)
        return dx(kept, x, weight, stride, padding)

    return wrong


DX_WRONG = (
    Wrong("C25", _dx_not_at(LAST_ROW, LAST_COLUMN), MISSED.format("row and column")),
    Wrong("C25", _dx_not_at(LAST_ROW), MISSED.format("row")),
    Wrong("C25", _dx_not_at(LAST_COLUMN), MISSED.format("column")),
    Wrong("C25", _dx_not_at(np.s_[1:]), "Only picture 0 has a gradient. Go over all N pictures."),
    Wrong(
        "C18",
        _dx(lambda dy, weight: spread(dy[..., :-1], weight[..., :-1])),
        "The last map adds nothing: f goes from 0 to F − 1.",
    ),
    Wrong(
        "C18",
        _dx(lambda dy, weight: spread(dy[:1] + 0 * dy, weight)),
        "You use picture 0's dy for every picture. Read dy[n].",
    ),
    Wrong(
        "C22",
        _dx(lambda dy, weight: spread(dy.sum(axis=-1, keepdims=True), weight.sum(axis=-1, keepdims=True))),
        "You multiply two sums over the maps. Multiply dy by weight map by map, then add up.",
    ),
    Wrong("C9", _largest_of_windows, "You keep the largest of the windows over a pixel. Their gradients add up: +=."),
    Wrong(
        "C20",
        lambda dy, x, weight, stride, padding: dx(dy, x, weight, stride, padding) + x,
        "You add to the pictures themselves. Start from zeros.",
    ),
    Wrong(
        "C30",
        lambda dy, x, weight, stride, padding: dx(dy, x, weight, stride, padding) * x,
        "You multiply by the pixels. A pixel gets dy · weight; its own value plays no part.",
    ),
    Wrong(
        "C12",
        lambda dy, x, weight, stride, padding: np.broadcast_to(dx(dy, x, weight, stride, padding).sum(axis=0), x.shape),
        "Every picture has the sum of all pictures' gradients. Each has its own dx.",
    ),
    Wrong(
        "C18",
        lambda dy, x, weight, stride, padding: np.broadcast_to(
            dx(dy, x, weight, stride, padding).sum(axis=3, keepdims=True), x.shape
        ),
        "All channels of your dx are alike, the sum over the channels. Channel c gets dy · weight[:, :, c].",
    ),
    Wrong(
        "C3",
        _dx(lambda dy, weight: spread(dy, weight[::-1])),
        "Your kernel's rows are reversed: the pixel in row start + i gets dy · weight[i, j], as in forward.",
    ),
    Wrong(
        "C3",
        _dx(lambda dy, weight: spread(dy, weight[:, ::-1])),
        "Your kernel's columns are reversed: the pixel in column start + j gets dy · weight[i, j], as in forward.",
    ),
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
            outside=("number", "one"),
            properties=tuple(
                case(when, window, probe)
                for when, probe in (
                    ("for place (0, 0)", lambda: _window_probe(0, 0, 2, 63)),
                    ("for a negative bias and result", _negative_window_probe),
                    ("for whole numbers in five channels", _whole_window_probe),
                    ("for the last place, in the lower right corner", lambda: _window_probe(7, 9, 1, 65)),
                )
            ),
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
            properties=_cases(forward, _arrays, ("y",)),
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
            properties=_cases(dweight, _backward_probe, ("dweight", "dbias")),
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
            properties=_cases(dx, _backward_probe, ("dx",)),
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

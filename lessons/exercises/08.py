"""Lesson 08, overlapping pooling: its exercises and the known mistakes.

kernel, stride, padding: pairs (height, width). Output sizes round down: rows and columns that no window reaches are
left over.
"""

import numpy as np

from tinyalex.layers import MaxPool2d
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong


def _layer(kernel, stride, padding=(0, 0), rounding="floor"):
    return MaxPool2d(kernel, stride, padding, rounding)


def forward(x, kernel, stride, padding):
    return _layer(kernel, stride, padding).forward(x)[0]


def winners(x, kernel, stride):
    place = _layer(kernel, stride).forward(x)[1][1].astype(int)  # (N, OH, OW, C), i · KW + j
    return _in_the_picture(place // kernel[1], place % kernel[1], stride)


def wins(row, column, shape):
    counts = np.zeros(shape, int)
    n, _, _, c = np.indices(row.shape)
    np.add.at(counts, (n, row, column, c), 1)
    return counts


def backward(dy, x, kernel, stride, padding):
    layer = _layer(kernel, stride, padding)
    return layer.backward(dy, layer.forward(x)[1])[0]


# ---------------------------------------------------------------------------------------------- probes

# Rows and columns are left over, so that swapped places stay inside the picture and the check can name the mistake.
GEOMETRY = (4, 3), (3, 2), (0, 0)
PADDED = (3, 4), (2, 3), (1, 2)
TIED = (3, 4), (2, 1), (0, 0)
APART = (3, 2), (5, 4), (1, 0)  # gaps between windows; padded on one axis only, where the last row is needed


def _x(seed, shape):
    """No two values equal, most of them negative: a border of zeros would win."""
    return np.random.default_rng(seed).permutation(np.linspace(-3.0, 0.4, int(np.prod(shape)))).reshape(shape)


def _plain():
    return _x(0, (2, 12, 6, 3)), *GEOMETRY


def _padded():
    return _x(1, (2, 8, 6, 4)), *PADDED


def _apart():
    return _x(7, (1, 11, 17, 1)), *APART


def _tied():
    """Equal values, nearly equal ones, and windows of nothing but zeros, as after a ReLU."""
    rng = np.random.default_rng(2)
    x = rng.integers(0, 3, (2, 8, 5, 3)) + 1e-9 * rng.integers(0, 2, (2, 8, 5, 3))
    x[1, :4] = 0
    return x, *TIED


def _winners_probe(probe):
    def make():
        return probe()[:3]

    return make


def _wins_probe(seed, places, shape):
    def make():
        rng = np.random.default_rng(seed)
        size = (shape[0], *places, shape[3])
        limit = min(shape[1], shape[2])  # so that they stay inside when swapped
        return rng.integers(0, limit, size), rng.integers(0, limit - 1, size), shape

    return make


def _many_wins():
    """A pixel that wins more windows than a byte can count, in the last row and column."""
    row, column = np.random.default_rng(8).integers(0, 18, (2, 1, 17, 16, 3))
    row[..., 0] = column[..., 0] = 17
    return row, column, (1, 18, 18, 3)


def _flat():
    x, *rest = _padded()
    return np.full_like(x, -1.5), *rest


def _backward_probe(probe, seed):
    def make():
        arguments = probe()
        return np.random.default_rng(seed).standard_normal(forward(*arguments).shape), *arguments

    return make


# ---------------------------------------------------------------------------------------------- wrong on purpose


def _tiles():
    """Windows side by side, with a row and a column left over."""
    return _x(9, (2, 7, 5, 3)), (2, 2), (2, 2), (0, 0)


def _large_picture():
    row, column = np.random.default_rng(10).integers(0, 90, (2, 2, 30, 20, 3))
    return row, column, (2, 90, 95, 3)


TILES = "for windows side by side, with a row and a column left over"


def _pad(x, padding, fill=-np.inf, before=1, after=1):
    (PH, PW) = padding
    pads = ((0, 0), (before * PH, after * PH), (before * PW, after * PW), (0, 0))
    return np.pad(x, pads, constant_values=fill)


def _values(padded, kernel, stride):
    """Every window: (N, OH, OW, KH·KW, C)."""
    (KH, KW), (SH, SW) = kernel, stride
    view = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(1, 2))[:, ::SH, ::SW]
    return view.transpose(0, 1, 2, 4, 5, 3).reshape(*view.shape[:3], KH * KW, padded.shape[3])


def _reduced(reduce, fill=-np.inf, **sides):
    def wrong(x, kernel, stride, padding):
        return reduce(_values(_pad(x, padding, fill, **sides), kernel, stride))

    return wrong


def _fewer_places(count):
    """The right numbers, but only `count(size, kernel, stride, padding)` of them along each axis."""

    def wrong(x, kernel, stride, padding):
        OH, OW = (count(*axis) for axis in zip(x.shape[1:3], kernel, stride, padding))
        return forward(x, kernel, stride, padding)[:, :OH, :OW]

    return wrong


def _one_for_both(place, part):
    """One of the three pairs (place among the arguments) with its entry `part` for both axes."""

    def wrong(x, *pairs):
        return forward(x, *(((pair[part],) * 2 if i == place else pair) for i, pair in enumerate(pairs)))

    return wrong


def _one_short(down, across):
    def wrong(x, kernel, stride, padding):
        OH, OW = forward(x, kernel, stride, padding).shape[1:3]
        return forward(x, (kernel[0] - down, kernel[1] - across), stride, padding)[:, :OH, :OW]

    return wrong


P1 = "You return the {} corner of each window, wherever the largest value is. Compare all pixels of the window."
P7 = "You average the window; pooling passes on its largest value."
FORWARD_WRONG = (
    Wrong("P1", _reduced(lambda v: v[..., -1, :]), P1.format("lower right")),
    Wrong("P1", _reduced(lambda v: v[..., -1, :], fill=0.0), P1.format("lower right")),
    Wrong("P1", _reduced(lambda v: v[..., 0, :]), P1.format("upper left")),
    Wrong("P1", _reduced(lambda v: v[..., 0, :], fill=0.0), P1.format("upper left")),
    Wrong(
        "P2",
        lambda x, kernel, stride, padding: forward(x, kernel, kernel, padding),
        "Your windows stand side by side: they step by their own size. Window oh begins at row oh · stride.",
    ),
    Wrong(
        "P5",
        _reduced(lambda v: v.max(axis=3), fill=0.0),
        "You pad with 0, and where all pixels are negative that 0 wins. Pad with −∞, which never wins.",
    ),
    Wrong(
        "P14",
        lambda x, kernel, stride, padding: np.maximum(forward(x, kernel, stride, padding), 0.0),
        "Yours never returns a negative, though some windows hold "
        "only negatives. Start the comparison at −∞, not at 0.",
    ),
    Wrong("P7", _reduced(lambda v: v.mean(axis=3), fill=0.0), P7),
    Wrong("P7", _reduced(lambda v: v.mean(axis=3)), P7),
    Wrong(
        "P7",
        _reduced(lambda v: v.max(axis=(3, 4))),
        "The channels are gone: you take the largest over them too. Pool each channel separately.",
    ),
    Wrong(
        "P7",
        _reduced(lambda v: v.max(axis=(3, 4))[..., None]),
        "One channel is left: you take the largest over the channels too. Pool each channel separately.",
    ),
    Wrong(
        "P9",
        _reduced(lambda v: v.min(axis=3), fill=np.inf),
        "You pass on the smallest value of each window, not the largest.",
    ),
    Wrong(
        "P12",
        lambda x, kernel, stride, padding: forward(np.abs(x), kernel, stride, padding),
        "You drop the sign: −3 is smaller than 1. The largest value wins, not the largest magnitude.",
    ),
    Wrong(
        "C5",
        _reduced(lambda v: v.max(axis=3), before=2, after=0),
        "All your padding is above and to the left, so everything "
        "has moved. Half of it belongs below and to the right.",
    ),
    Wrong(
        "C5",
        _reduced(lambda v: v.max(axis=3), before=0, after=2),
        "All your padding is below and to the right. The first window must begin `padding` before the picture.",
    ),
    Wrong(
        "C7",
        lambda x, kernel, stride, padding: forward(x, kernel[::-1], stride, padding),
        "Your window lies on its side: kernel is (height, width).",
    ),
    Wrong(
        "C7",
        lambda x, kernel, stride, padding: forward(x, kernel, stride[::-1], padding),
        "You swap the two strides: stride is (down, across).",
    ),
    Wrong(
        "C7",
        lambda x, kernel, stride, padding: forward(x, kernel, stride, padding[::-1]),
        "You swap the two paddings: padding is (rows above and below, columns left and right).",
    ),
    *(
        Wrong("C7", _one_for_both(place, part), f"You use {name}[{part}] for both axes: {name} is (down, across).")
        for place, name in enumerate(("kernel", "stride", "padding"))
        for part in (0, 1)
    ),
    Wrong(
        "C4",
        lambda x, kernel, stride, padding: forward(x, kernel, (1, 1), padding),
        "Your windows step by one pixel. Window (oh, ow) begins at row oh · SH, column ow · SW.",
    ),
    Wrong(
        "P18",
        _one_short(1, 0),
        "The last row of each window is missing: a slice leaves its end out, so it ends at oh · SH + KH.",
    ),
    Wrong(
        "P18",
        _one_short(0, 1),
        "The last column of each window is missing: a slice leaves its end out, so it ends at ow · SW + KW.",
    ),
    Wrong(
        "P19",
        lambda x, kernel, stride, padding: _places(x, kernel, stride, padding),
        "You return the place of the largest value in its window. Return the value itself.",
    ),
    Wrong(
        "P7", _reduced(lambda v: v.sum(axis=3), fill=0.0), "You add up the window; pooling passes on its largest value."
    ),
    Wrong(
        "C8",
        lambda x, kernel, stride, padding: _layer(kernel, stride, padding, "ceil").forward(x)[0],
        "One window too many: the last one hangs over the edge. Round the number of places down.",
    ),
    Wrong(
        "C8",
        _fewer_places(lambda size, k, s, p: (size + 2 * p - k) // s),
        "One window too few: (size + 2 · padding − kernel) // stride more fit after the first, so add 1.",
    ),
    Wrong(
        "C8",
        _fewer_places(lambda size, k, s, p: (size - k) // s + 1),
        "Your output size leaves out the padding, which makes the picture 2 · padding larger.",
    ),
)


def _in_the_picture(i, j, stride):
    """Row and column in the picture of the pixel at row i and column j of each window, (N, OH, OW, C)."""
    oh, ow = np.arange(i.shape[1])[:, None, None], np.arange(i.shape[2])[:, None]
    return oh * stride[0] + i, ow * stride[1] + j


def _places(x, kernel, stride, padding=(0, 0), fill=-np.inf):
    return _values(_pad(x, padding, fill), kernel, stride).argmax(axis=3)


def _last_places(x, kernel, stride):
    values = _values(x, kernel, stride)
    return values.shape[3] - 1 - values[..., ::-1, :].argmax(axis=3)


def _first_by_columns(x, kernel, stride, padding=(0, 0)):
    KH, KW = kernel
    values = _values(_pad(x, padding), kernel, stride)
    place = values.reshape(*values.shape[:3], KH, KW, -1).swapaxes(3, 4).reshape(values.shape).argmax(axis=3)
    return place % KH * KW + place // KH


def _nearly(values):
    return np.isclose(values, values.max(axis=3, keepdims=True))


def _none_below_zero(x, kernel, stride):
    positive = forward(x, kernel, stride, (0, 0)) > 0
    return tuple(place * positive for place in winners(x, kernel, stride))


def _corner_below_zero(x, kernel, stride):
    return winners(np.maximum(x, 0), kernel, stride)


def _winners_of(places, corner=None):
    def wrong(x, kernel, stride):
        place = places(x, kernel, stride)
        return _in_the_picture(place // kernel[1], place % kernel[1], corner(kernel, stride) if corner else stride)

    return wrong


def _unravelled(how, corner=True):
    def wrong(x, kernel, stride):
        return _in_the_picture(*how(_places(x, kernel, stride), *kernel), stride if corner else (0, 0))

    return wrong


BY_COLUMNS = "Among equal values you take the first column by column. Reading order goes row by row."
NEARLY = "You count nearly equal values as equal, as np.isclose does. Only exactly equal ones tie."


def _place_twice(x, kernel, stride):
    place = _places(x, kernel, stride)
    return place, place


def _loudest_channel(x, kernel, stride):
    """The same place for all channels: that of the largest value in any."""
    return np.broadcast_to(_places(x.max(axis=3, keepdims=True), kernel, stride), _places(x, kernel, stride).shape)


WINNERS_WRONG = (
    Wrong(
        "P16",
        lambda x, kernel, stride: (winners(x, kernel, stride)[1],) * 2,
        "Row and column both hold the columns. Make two arrays: row = column = np.empty(…) makes one with two names.",
    ),
    Wrong(
        "P6",
        lambda x, kernel, stride: winners(x, kernel, stride)[::-1],
        "Row and column stand in each other's place: return row, column, in this order.",
    ),
    Wrong(
        "P6",
        _unravelled(lambda place, KH, KW: (place // KW, place % KW), corner=False),
        "That is the place inside the window. Add the corner at which the window begins: oh · stride, ow · stride.",
    ),
    Wrong(
        "P6",
        _unravelled(lambda place, KH, KW: (place % KW, place // KW)),
        "You swap row and column inside the window: place = i · KW + j, so i = place // KW and j = place % KW.",
    ),
    Wrong(
        "P6",
        _unravelled(lambda place, KH, KW: (place // KH, place % KH)),
        "You divide by the window's height, but its rows are KW long: i = place // KW, j = place % KW.",
    ),
    Wrong(
        "P2",
        _winners_of(_places, lambda kernel, stride: kernel),
        "You step by the window's own size: window oh begins at row oh · stride.",
    ),
    Wrong(
        "P8",
        _winners_of(_last_places),
        "Among equal values you name the last. The first in reading order wins: compare with >, not >=.",
    ),
    Wrong(
        "P6",
        _winners_of(_places, lambda kernel, stride: (1, 1)),
        "Your windows begin at (oh, ow). Window (oh, ow) begins at row oh · SH, column ow · SW.",
    ),
    Wrong(
        "C7",
        _winners_of(_places, lambda kernel, stride: stride[::-1]),
        "You swap the two strides: window (oh, ow) begins at row oh · SH, column ow · SW.",
    ),
    Wrong(
        "P6",
        _place_twice,
        "Both are the place in the unrolled window. The row is oh · SH + place // KW, the column ow · SW + place % KW.",
    ),
    Wrong(
        "P11",
        _winners_of(_loudest_channel),
        "All your channels have the same winner. Each channel has its own: keep the channels apart in argmax.",
    ),
    Wrong("P8", _winners_of(_first_by_columns), BY_COLUMNS),
    Wrong("P15", _winners_of(lambda x, kernel, stride: _nearly(_values(x, kernel, stride)).argmax(axis=3)), NEARLY),
    Wrong(
        "P14",
        _none_below_zero,
        "You name row 0, column 0 for windows without a positive value. Start the comparison at −∞, not at 0.",
    ),
    Wrong(
        "P14",
        _corner_below_zero,
        "You name the upper left pixel of windows without a positive value: negatives count too. Does a comparison "
        "start at 0?",
    ),
    Wrong(
        "P9",
        _winners_of(lambda x, kernel, stride: _places(-x, kernel, stride)),
        "You look for the smallest value, not the largest.",
    ),
    Wrong(
        "P12",
        _winners_of(lambda x, kernel, stride: _places(np.abs(x), kernel, stride)),
        "You drop the sign: the largest value wins, not the largest magnitude.",
    ),
)


def _counted_once(row, column, shape):
    return np.minimum(wins(row, column, shape), 1)


def _for_all(axis):
    def wrong(row, column, shape):
        counts = wins(row, column, shape)
        return np.broadcast_to(counts.sum(axis=axis, keepdims=True), shape)

    return wrong


WINS_WRONG = (
    Wrong(
        "P3",
        _counted_once,
        "You count a pixel that wins two windows once: add 1 for every win. (counts[rows, columns] += 1 adds once per "
        "pixel, however often it is named; np.add.at or a loop adds every time.)",
    ),
    Wrong(
        "P6",
        lambda row, column, shape: wins(column, row, shape),
        "You swap row and column: index counts as [n, row, column, c].",
    ),
    Wrong("P11", _for_all(3), "You count a win in one channel for all of them. Each channel has its own winners."),
    Wrong("P11", _for_all(0), "You count a win in one picture for all of them. Each picture has its own winners."),
    Wrong(
        "P11",
        lambda row, column, shape: wins(row, column, shape).sum(axis=0),
        "You add up over the batch; counts has the shape of x.",
    ),
    Wrong(
        "P11",
        lambda row, column, shape: wins(row, column, shape).sum(axis=3),
        "You add up over the channels; counts has the shape of x.",
    ),
)


def _shared(share, fill=-np.inf, crop=None, into_windows_only=False, before=1):
    """Each window hands dy to its pixels in the shares of share(values), (N, OH, OW, KH·KW, C).

    before: how much of the padding is above and on the left; 1: half
    """

    def wrong(dy, x, kernel, stride, padding):
        (KH, KW), (SH, SW), (PH, PW), (N, H, W, C), (OH, OW) = kernel, stride, padding, x.shape, dy.shape[1:3]
        padded = _pad(x, padding, fill, before, 2 - before)
        given = share(_values(padded, kernel, stride)) * dy[:, :, :, None]
        height, width = padded.shape[1:3]
        if into_windows_only:
            height, width = (OH - 1) * SH + KH, (OW - 1) * SW + KW
        dpadded = np.zeros((N, height, width, C), dy.dtype)
        for oh, ow in np.ndindex(OH, OW):
            window = np.s_[:, oh * SH : oh * SH + KH, ow * SW : ow * SW + KW]
            dpadded[window] += given[:, oh, ow].reshape(N, KH, KW, C)
        top, left = before * PH, before * PW
        return dpadded[crop(PH, PW, H, W)] if crop else dpadded[:, top : top + H, left : left + W]

    return wrong


def _one_hot(place, values):
    return (np.arange(values.shape[3])[:, None] == place[..., None, :]).astype(values.dtype)


def _first(values):
    return _one_hot(values.argmax(axis=3), values)


def _last(values):
    return _one_hot(values.shape[3] - 1 - values[..., ::-1, :].argmax(axis=3), values)


def _every(values):
    return (values == values.max(axis=3, keepdims=True)).astype(values.dtype)


def _split(values):
    tied = _every(values)
    return tied / tied.sum(axis=3, keepdims=True)


def _at(place):
    def share(values):
        return _one_hot(np.full_like(values[..., 0, :], place % values.shape[3], dtype=int), values)

    return share


def _placed(how, corner=True, assign=False, places=_places):
    """Put dy at (row, column) of each window's winner, as how(place, KH, KW) unravels it."""

    def wrong(dy, x, kernel, stride, padding):
        (PH, PW), (N, H, W, C) = padding, x.shape
        i, j = how(places(x, kernel, stride, padding), *kernel)
        row, column = _in_the_picture(i, j, stride if corner else (0, 0))
        n, _, _, c = np.indices(dy.shape)
        dpadded = np.zeros((N, H + 2 * PH, W + 2 * PW, C), dy.dtype)
        if assign:
            for index in np.ndindex(dy.shape):
                dpadded[index[0], row[index], column[index], index[3]] = dy[index]
        else:
            np.add.at(dpadded, (n, row, column, c), dy)
        return dpadded[:, PH : PH + H, PW : PW + W]

    return wrong


def _assigned_by_taps(dy, x, kernel, stride, padding):
    """Go through the places in the window; each overwrites what another left there, with zeros too."""
    (KH, KW), (SH, SW), (PH, PW), (N, H, W, C), (OH, OW) = kernel, stride, padding, x.shape, dy.shape[1:3]
    place, dpadded = _places(x, kernel, stride, padding), np.zeros((N, H + 2 * PH, W + 2 * PW, C), dy.dtype)
    for i, j in np.ndindex(KH, KW):
        dpadded[:, i : i + SH * (OH - 1) + 1 : SH, j : j + SW * (OW - 1) + 1 : SW] = dy * (place == i * KW + j)
    return dpadded[:, PH : PH + H, PW : PW + W]


def _assigned_by_windows(dy, x, kernel, stride, padding):
    """Go through the windows; each overwrites everything it covers."""
    (KH, KW), (SH, SW), (PH, PW), (N, H, W, C) = kernel, stride, padding, x.shape
    padded = _pad(x, padding)
    given = _first(_values(padded, kernel, stride)) * dy[:, :, :, None]
    dpadded = np.zeros(padded.shape, dy.dtype)
    for oh, ow in np.ndindex(dy.shape[1:3]):
        dpadded[:, oh * SH : oh * SH + KH, ow * SW : ow * SW + KW] = given[:, oh, ow].reshape(N, KH, KW, C)
    return dpadded[:, PH : PH + H, PW : PW + W]


P3 = (
    "A pixel that wins two windows gets the gradients of both; you keep one. Add them all. (= keeps the last; += with "
    "arrays as indices adds once per pixel; np.add.at or a loop adds every time.)"
)
P7_BACK = "You spread the gradient over the whole window, as for a mean. All of it goes to the winner."


def _mean_of_wins(dy, *rest):
    return backward(dy, *rest) / np.maximum(backward(np.ones_like(dy), *rest), 1)


BACKWARD_WRONG = (
    Wrong("P3", _placed(lambda place, KH, KW: (place // KW, place % KW), assign=True), P3),
    Wrong("P3", _assigned_by_windows, P3 + " (And a window's zeros erase its neighbours' gradients.)"),
    Wrong("P3", _assigned_by_taps, P3 + " (And the zeros of places that did not win erase earlier gradients.)"),
    Wrong("P3", _mean_of_wins, "You average over the windows that a pixel wins. Their gradients add up."),
    Wrong(
        "P11",
        _shared(lambda values: np.broadcast_to(_first(values[..., :1]), values.shape)),
        "All your channels have channel 0's winners. Each channel has its own.",
    ),
    Wrong(
        "P12",
        _shared(lambda values: _first(np.abs(values)), fill=0.0),
        "You drop the sign: the largest value wins, not the largest magnitude.",
    ),
    Wrong(
        "C5",
        _shared(_first, before=0),
        "Your windows begin at row oh · SH of x. With padding they begin PH rows above it, and PW columns to the left.",
    ),
    Wrong(
        "P4",
        _shared(_every),
        "You give the whole gradient to each of several equal pixels. A "
        "window gives its gradient away once: to the first of them.",
    ),
    Wrong(
        "P10",
        _shared(_split),
        "You divide the gradient among equal pixels. That can be defended, but here (and in most libraries) the first "
        "in reading order gets it all.",
    ),
    Wrong(
        "P8",
        _shared(_last),
        "Among equal values you reward the last. The first in reading order wins: compare with >, not >=.",
    ),
    Wrong("P8", _placed(lambda place, KH, KW: (place // KW, place % KW), places=_first_by_columns), BY_COLUMNS),
    Wrong("P15", _shared(lambda values: _one_hot(_nearly(values).argmax(axis=3), values)), NEARLY),
    Wrong("P15", _shared(lambda values: _nearly(values).astype(values.dtype)), NEARLY),
    Wrong(
        "P14",
        _shared(lambda values: _first(values) * (values.max(axis=3, keepdims=True) > 0)),
        "Windows without a positive value hand out no gradient, but their largest entry wins too. (A comparison starts "
        "at −∞, not at 0.)",
    ),
    Wrong(
        "P5",
        _shared(_first, fill=0.0),
        "You find the winners with a padding of 0; where all pixels are negative that 0 wins, and the gradient is "
        "lost. Pad with −∞.",
    ),
    Wrong(
        "P6",
        _placed(lambda place, KH, KW: (place % KW, place // KW)),
        "You swap row and column on the way back: place = i · KW + j, so i = place // KW and j = place % KW.",
    ),
    Wrong(
        "P6",
        _placed(lambda place, KH, KW: (place // KH, place % KH)),
        "You divide by the window's height, but its rows are KW long: i = place // KW, j = place % KW.",
    ),
    Wrong(
        "P6",
        _placed(lambda place, KH, KW: (place // KW, place % KW), corner=False),
        "All your gradients land in the first window: add the corner "
        "where each window begins, oh · stride and ow · stride.",
    ),
    Wrong(
        "P1",
        _shared(_at(-1)),
        "You give the gradient to the lower right corner of each window; it belongs to the largest pixel.",
    ),
    Wrong(
        "P1",
        _shared(_at(0)),
        "You give the gradient to the upper left corner of each window; it belongs to the largest pixel.",
    ),
    Wrong("P7", _shared(lambda values: np.full_like(values, 1 / values.shape[3])), P7_BACK),
    Wrong(
        "P7",
        _shared(np.ones_like),
        "You give the whole gradient to every pixel of the window. Only the winner gets it.",
    ),
    Wrong(
        "P9",
        _shared(lambda values: _first(-values), fill=np.inf),
        "You give the gradient to the smallest pixel of each window; it belongs to the largest.",
    ),
    Wrong(
        "P13",
        _shared(lambda values: _first(values) * values.max(axis=3, keepdims=True)),
        "You multiply the gradient by the pixel's value. The winner passes unchanged, so its derivative is 1.",
    ),
    Wrong(
        "C10",
        _shared(_first, crop=lambda PH, PW, H, W: np.s_[:, PH:-PH, PW:-PW]),
        "Without padding your dx is empty: the slice [0:-0] holds nothing. End it at padding + H.",
    ),
    Wrong(
        "C5",
        _shared(_first, crop=lambda PH, PW, H, W: np.s_[:, :H, :W]),
        "Your dx has moved: row 0 of the padded picture is not row 0 of x. Cut off the padding in front too.",
    ),
    Wrong(
        "C5",
        _shared(_first, crop=lambda PH, PW, H, W: np.s_[:, :, :]),
        "Your dx still has the padding. It has the shape of x, so cut the border off.",
    ),
    Wrong(
        "C11",
        _shared(_first, into_windows_only=True),
        "Your dx ends with the last window. Rows and columns that no window reads have gradient 0, but dx must hold "
        "them: it has the shape of x.",
    ),
)


# ---------------------------------------------------------------------------------------------- by hand


def _window_by_hand(x, kernel, stride, padding, index):
    n, oh, ow, c = index
    corner = oh * stride[0] - padding[0], ow * stride[1] - padding[1]
    rows = range(max(corner[0], 0), min(corner[0] + kernel[0], x.shape[1]))
    columns = range(max(corner[1], 0), min(corner[1] + kernel[1], x.shape[2]))
    values = x[n, rows.start : rows.stop, columns.start : columns.stop, c]
    words = " / ".join(" ".join(f"{v:.4g}" for v in line) for line in values)
    at = np.unravel_index(values.argmax(), values.shape)
    where = rows.start + int(at[0]), columns.start + int(at[1])
    text = (
        f"its window holds rows {rows.start} to {rows.stop - 1}, columns {columns.start} to {columns.stop - 1}: {words}"
    )
    return text, values.max(), where


def _forward_by_hand(arguments, output, index):
    text, largest, _ = _window_by_hand(*arguments, index)
    return f"By hand: {text}; the largest is {largest:.6g}."


def _winners_by_hand(arguments, output, index):
    text, largest, where = _window_by_hand(*arguments, (0, 0), index)
    return f"By hand: {text}; the largest is {largest:.6g}, first at row {where[0]}, column {where[1]}."


def _wins_by_hand(arguments, output, index):
    row, column, _ = arguments
    n, h, w, c = index
    found = np.argwhere((row[n, :, :, c] == h) & (column[n, :, :, c] == w))
    names = ", ".join(f"({oh}, {ow})" for oh, ow in found[:6]) + ", …" * (len(found) > 6) or "none"
    windows = f"the windows of picture {n}, channel {c} that name row {h}, column {w}"
    return f"By hand: {windows} are {names}: {len(found)} in all."


def _backward_by_hand(arguments, output, index):
    dy, x, kernel, stride, padding = arguments
    n, h, w, c = index
    won = [
        (oh, ow)
        for oh, ow in np.ndindex(dy.shape[1:3])
        if _window_by_hand(x, kernel, stride, padding, (n, oh, ow, c))[2] == (h, w)
    ]
    if not won:
        return "By hand: this pixel wins no window, so its dx is 0."
    given = [dy[n, oh, ow, c] for oh, ow in won]
    terms, names = " + ".join(f"{g:.4g}" for g in given), ", ".join(f"({oh}, {ow})" for oh, ow in won)
    total = f" = {sum(given):.6g}" if len(given) > 1 else ""
    return f"By hand: this pixel wins the windows {names}; dx = {terms}{total}."


def _keeps_its_results(makes):
    """The property that a second call, on other numbers, leaves the first call's result alone."""

    def holds(function):
        first, second = makes()
        result = function(*first)
        kept = [np.array(r) for r in _several(result)]
        function(*second)
        return all(map(np.array_equal, _several(result), kept))

    return Property(
        "C15",
        holds,
        "A second call changed the result of the first: both are the same array. Make a new one in each call.",
    )


def _never_wins(makes, ours):
    """The property that results are right where all pixels are hugely negative. makes: () -> arguments, x"""

    def holds(function):
        arguments, place = makes()
        x = 1e300 * (arguments[place] - 1)
        arguments = (*arguments[:place], x, *arguments[place + 1 :])
        return all(map(np.allclose, _several(function(*arguments)), _several(ours(*arguments))))

    return Property(
        "P5",
        holds,
        "With all pixels near −10^300 yours is wrong: does a padding or a start value win? Only −∞ never does.",
        late=True,
    )


def _dtype_of_dy(function):
    dy, x, *sizes = _backward_probe(_plain, 6)()
    for one, other in (np.float64, np.float32), (np.float32, np.float64):
        found = np.asarray(function(dy.astype(one), x.astype(other), *sizes)).dtype
        if found != one:
            return f"For a dy of {one.__name__} and an x of {other.__name__} it is {found}."


def _several(result):
    return result if isinstance(result, (tuple, list)) else (result,)


def _two_forward():
    x, *rest = _plain()
    return (x, *rest), (-x, *rest)


def _two_backward():
    dy, *rest = _backward_probe(_plain, 6)()
    return (dy, *rest), (2 * dy, *rest)


LESSON = Lesson(
    "08",
    "Overlapping pooling",
    40,
    15,
    (
        Exercise(
            "08-forward",
            "max_pool_forward",
            forward,
            (_plain, _padded, _apart, _tied),
            ("y",),
            wrong=FORWARD_WRONG,
            by_hand=_forward_by_hand,
            properties=(
                _keeps_its_results(_two_forward),
                _never_wins(lambda: (_padded(), 0), forward),
                case(TILES, forward, _tiles),
            ),
            hints=(
                "Where does window (2, 1) begin if the stride is (3, 2)? "
                "And with two rows of padding above the picture?",
                "y[n, oh, ow, c] = max over i < KH, j < KW of padded[n, oh · SH + i, ow · SW + j, c];  OH = (H + 2 · "
                "PH − KH) // SH + 1",
                "y[:, oh, ow] = padded[:, oh * SH : oh * SH + KH, ow * SW : "
                "ow * SW + KW].max(axis=(1, 2)), padded with -np.inf",
            ),
        ),
        Exercise(
            "08-winners",
            "max_pool_winners",
            winners,
            (_winners_probe(_plain), _winners_probe(_tied), _winners_probe(_apart)),
            ("row", "column"),
            wrong=WINNERS_WRONG,
            by_hand=_winners_by_hand,
            properties=(
                _keeps_its_results(lambda: [a[:3] for a in _two_forward()]),
                _never_wins(lambda: (_plain()[:3], 0), winners),
                case(TILES, winners, lambda: _tiles()[:3], ("row", "column")),
            ),
            hints=(
                "Read a 4×3 window row by row. In which of its rows and columns is place 7, counted from 0?",
                "place = argmax of the window, unrolled;  row = oh · SH + place // KW;  column = ow · SW + place % KW",
                "place = window.reshape(N, KH * KW, C).argmax(axis=1)  (argmax returns the first of equals)",
            ),
        ),
        Exercise(
            "08-wins",
            "count_wins",
            wins,
            (_wins_probe(3, (4, 5), (2, 7, 6, 3)), _wins_probe(4, (6, 4), (3, 5, 8, 4)), _many_wins),
            ("counts",),
            wrong=WINS_WRONG,
            properties=(case("for a large picture", wins, _large_picture, ("counts",)),),
            by_hand=_wins_by_hand,
            outside=("number", "one"),
            hints=(
                "After a = np.zeros(3); a[[1, 1]] += 1, what is a? Try it.",
                "counts[n, h, w, c] = the number of (oh, ow) with row[n, oh, ow, c] = h and column[n, oh, ow, c] = w",
                "np.add.at(counts, (n, row, column, c), 1), with n, _, _, c = np.indices(row.shape)",
            ),
        ),
        Exercise(
            "08-backward",
            "max_pool_backward",
            backward,
            tuple(_backward_probe(p, seed) for seed, p in enumerate((_plain, _padded, _tied, _apart), start=5)),
            ("dx",),
            wrong=BACKWARD_WRONG,
            by_hand=_backward_by_hand,
            properties=(
                _keeps_its_results(_two_backward),
                _never_wins(lambda: (_backward_probe(_padded, 6)(), 1), backward),
                Property("C16", _dtype_of_dy, "dx has dy's dtype, whatever x's is.", late=True),
                case("where a whole picture is the same number", backward, _backward_probe(_flat, 9), ("dx",)),
                case(TILES, backward, _backward_probe(_tiles, 11), ("dx",)),
            ),
            hints=(
                "If a pixel grows a little, which windows' outputs grow, and by how much? And if it wins none?",
                "dx[n, h, w, c] = Σ dy[n, oh, ow, c] over the windows (oh, "
                "ow) that pixel (h, w) wins; of equals, the first wins",
                "for each window: place = argmax of it; dpadded[n, oh * SH + place // KW, ow * SW + place % KW, c] += "
                "dy[n, oh, ow, c]",
            ),
        ),
    ),
)

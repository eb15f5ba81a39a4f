"""Lesson 08, overlapping pooling: what is judged, and the mistakes that are known.

kernel, stride, padding: pairs (height, width). A row or column that no window reaches is left over, as with "floor".
"""

import numpy as np

from tinyalex.layers import MaxPool2d
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

# Rows and columns are left over, so that exchanged places stay inside the picture and the answer can be named.
GEOMETRY = (4, 3), (3, 2), (0, 0)
PADDED = (3, 4), (2, 3), (1, 2)
TIED = (3, 2), (2, 2), (0, 0)


def _x(seed, shape):
    """No two alike, most below 0: a border of zeros would win."""
    return np.random.default_rng(seed).permutation(np.linspace(-3.0, 0.4, int(np.prod(shape)))).reshape(shape)


def _plain():
    return _x(0, (2, 11, 6, 3)), *GEOMETRY


def _padded():
    return _x(1, (2, 8, 6, 4)), *PADDED


def _tied():
    return np.random.default_rng(2).integers(0, 3, (2, 7, 5, 3)).astype(float), *TIED


def _winners_probe(probe):
    def make():
        return probe()[:3]

    return make


def _wins_probe(seed, places, shape):
    def make():
        rng = np.random.default_rng(seed)
        size = (shape[0], *places, shape[3])
        limit = min(shape[1], shape[2])  # so that exchanged they still lie inside
        return rng.integers(0, limit, size), rng.integers(0, limit - 1, size), shape

    return make


def _backward_probe(probe, seed):
    def make():
        arguments = probe()
        return np.random.default_rng(seed).standard_normal(forward(*arguments).shape), *arguments

    return make


# ---------------------------------------------------------------------------------------------- wrong on purpose


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
    """The right numbers, but `count(size, kernel, stride, padding)` of them along each axis."""

    def wrong(x, kernel, stride, padding):
        OH, OW = (count(*axis) for axis in zip(x.shape[1:3], kernel, stride, padding))
        return forward(x, kernel, stride, padding)[:, :OH, :OW]

    return wrong


P1 = "That is the {} corner of each window, wherever the largest stands. Compare all the pixels of the window."
P7 = "You average the window; it is the largest value that is passed on."
FORWARD_WRONG = (
    Wrong("P1", _reduced(lambda v: v[..., -1, :]), P1.format("lower right")),
    Wrong("P1", _reduced(lambda v: v[..., -1, :], fill=0.0), P1.format("lower right")),
    Wrong("P1", _reduced(lambda v: v[..., 0, :]), P1.format("upper left")),
    Wrong("P1", _reduced(lambda v: v[..., 0, :], fill=0.0), P1.format("upper left")),
    Wrong(
        "P2",
        lambda x, kernel, stride, padding: forward(x, kernel, kernel, padding),
        "Your windows stand side by side: they step by their own size. Window oh begins at row oh · stride, so "
        "windows overlap.",
    ),
    Wrong(
        "P5",
        _reduced(lambda v: v.max(axis=3), fill=0.0),
        "You pad with 0, and where all pixels are negative that 0 wins. Pad with −∞, which never does.",
    ),
    Wrong(
        "P14",
        lambda x, kernel, stride, padding: np.maximum(forward(x, kernel, stride, padding), 0.0),
        "Nothing below 0 comes out of yours, though some windows hold negatives only. Start the comparison at −∞, "
        "not at 0.",
    ),
    Wrong("P7", _reduced(lambda v: v.mean(axis=3), fill=0.0), P7),
    Wrong("P7", _reduced(lambda v: v.mean(axis=3)), P7),
    Wrong(
        "P7",
        _reduced(lambda v: v.max(axis=(3, 4))),
        "The channels are gone: you take the largest over them too. Each channel is pooled for itself.",
    ),
    Wrong(
        "P7",
        _reduced(lambda v: v.max(axis=(3, 4))[..., None]),
        "One channel is left: you take the largest over the channels too. Each channel is pooled for itself.",
    ),
    Wrong(
        "P9",
        _reduced(lambda v: v.min(axis=3), fill=np.inf),
        "You pass on the smallest value of each window, not the largest.",
    ),
    Wrong(
        "P12",
        lambda x, kernel, stride, padding: forward(np.abs(x), kernel, stride, padding),
        "The sign is lost: −3 is smaller than 1. It is the largest value, not the largest size, that wins.",
    ),
    Wrong(
        "C5",
        _reduced(lambda v: v.max(axis=3), before=2, after=0),
        "All the padding stands above and to the left: everything has moved. Half of it belongs below and to the "
        "right.",
    ),
    Wrong(
        "C5",
        _reduced(lambda v: v.max(axis=3), before=0, after=2),
        "All the padding stands below and to the right: the first window must begin `padding` before the picture.",
    ),
    Wrong(
        "C7",
        lambda x, kernel, stride, padding: forward(x, kernel[::-1], stride, padding),
        "The window lies on its side: kernel is (height, width).",
    ),
    Wrong(
        "C7",
        lambda x, kernel, stride, padding: forward(x, kernel, stride[::-1], padding),
        "The two strides are exchanged: stride is (down, across).",
    ),
    Wrong(
        "C7",
        lambda x, kernel, stride, padding: forward(x, kernel, stride, padding[::-1]),
        "The two paddings are exchanged: padding is (rows above and below, columns left and right).",
    ),
    Wrong(
        "C8",
        lambda x, kernel, stride, padding: _layer(kernel, stride, padding, "ceil").forward(x)[0],
        "One window too many: the last one hangs over the edge. Round the number of places down.",
    ),
    Wrong(
        "C8",
        _fewer_places(lambda size, k, s, p: (size + 2 * p - k) // s),
        "One window too few: after the first there is room for (size + 2 · padding − kernel) // stride more, so add 1.",
    ),
    Wrong(
        "C8",
        _fewer_places(lambda size, k, s, p: (size - k) // s + 1),
        "The number of places forgets the padding: it makes the picture 2 · padding larger.",
    ),
)


def _in_the_picture(i, j, stride):
    """Row and column of the picture for row i and column j of each window, (N, OH, OW, C)."""
    oh, ow = np.arange(i.shape[1])[:, None, None], np.arange(i.shape[2])[:, None]
    return oh * stride[0] + i, ow * stride[1] + j


def _places(x, kernel, stride, padding=(0, 0), fill=-np.inf):
    return _values(_pad(x, padding, fill), kernel, stride).argmax(axis=3)


def _last_places(x, kernel, stride):
    values = _values(x, kernel, stride)
    return values.shape[3] - 1 - values[..., ::-1, :].argmax(axis=3)


def _winners_of(places, corner=None):
    def wrong(x, kernel, stride):
        place = places(x, kernel, stride)
        return _in_the_picture(place // kernel[1], place % kernel[1], corner(kernel, stride) if corner else stride)

    return wrong


def _unravelled(how, corner=True):
    def wrong(x, kernel, stride):
        return _in_the_picture(*how(_places(x, kernel, stride), *kernel), stride if corner else (0, 0))

    return wrong


WINNERS_WRONG = (
    Wrong(
        "P6",
        lambda x, kernel, stride: winners(x, kernel, stride)[::-1],
        "row and column are exchanged in what you return.",
    ),
    Wrong(
        "P6",
        _unravelled(lambda place, KH, KW: (place // KW, place % KW), corner=False),
        "That is the place inside the window. Add the corner at which the window begins: oh · stride, ow · stride.",
    ),
    Wrong(
        "P6",
        _unravelled(lambda place, KH, KW: (place % KW, place // KW)),
        "Row and column are exchanged inside the window: place = i · KW + j, so i = place // KW and j = place % KW.",
    ),
    Wrong(
        "P6",
        _unravelled(lambda place, KH, KW: (place // KH, place % KH)),
        "You unravel with the window's height; a row of the window is KW long: i = place // KW, j = place % KW.",
    ),
    Wrong(
        "P2",
        _winners_of(_places, lambda kernel, stride: kernel),
        "You step by the window's own size: window oh begins at row oh · stride.",
    ),
    Wrong(
        "P8",
        _winners_of(_last_places),
        "Where several are equally large, yours names the last. The first in reading order wins: compare with >, not "
        "with >=.",
    ),
    Wrong(
        "P9",
        _winners_of(lambda x, kernel, stride: _places(-x, kernel, stride)),
        "You look for the smallest, not for the largest.",
    ),
    Wrong(
        "P12",
        _winners_of(lambda x, kernel, stride: _places(np.abs(x), kernel, stride)),
        "The sign is lost: it is the largest value, not the largest size, that wins.",
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
        "A pixel that wins two windows counts once in yours: add 1 for every win. (counts[rows, columns] += 1 will "
        "not do: "
        "it adds once for each pixel, however often it is named. np.add.at does, or a loop.)",
    ),
    Wrong(
        "P6",
        lambda row, column, shape: wins(column, row, shape),
        "Row and column are exchanged: counts is [n, row, column, c].",
    ),
    Wrong("P11", _for_all(3), "A win in one channel counts for all of them. Each channel has winners of its own."),
    Wrong("P11", _for_all(0), "A win in one picture counts for all of them. Each picture has winners of its own."),
    Wrong(
        "P11",
        lambda row, column, shape: wins(row, column, shape).sum(axis=0),
        "You add up the pictures of the batch; counts has the shape of x.",
    ),
    Wrong(
        "P11",
        lambda row, column, shape: wins(row, column, shape).sum(axis=3),
        "You add up the channels; counts has the shape of x.",
    ),
)


def _shared(share, fill=-np.inf, crop=None, into_windows_only=False):
    """Each window hands dy to its pixels in the shares that share(values) says, (N, OH, OW, KH·KW, C)."""

    def wrong(dy, x, kernel, stride, padding):
        (KH, KW), (SH, SW), (PH, PW), (N, H, W, C), (OH, OW) = kernel, stride, padding, x.shape, dy.shape[1:3]
        padded = _pad(x, padding, fill)
        given = share(_values(padded, kernel, stride)) * dy[:, :, :, None]
        height, width = padded.shape[1:3]
        if into_windows_only:
            height, width = (OH - 1) * SH + KH, (OW - 1) * SW + KW
        dpadded = np.zeros((N, height, width, C), dy.dtype)
        for oh, ow in np.ndindex(OH, OW):
            window = np.s_[:, oh * SH : oh * SH + KH, ow * SW : ow * SW + KW]
            dpadded[window] += given[:, oh, ow].reshape(N, KH, KW, C)
        return dpadded[crop(PH, PW, H, W)] if crop else dpadded[:, PH : PH + H, PW : PW + W]

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


def _placed(how, corner=True, assign=False):
    """dy at (row, column) of each window's winner, as how(place, KH, KW) unravels it."""

    def wrong(dy, x, kernel, stride, padding):
        (PH, PW), (N, H, W, C) = padding, x.shape
        i, j = how(_places(x, kernel, stride, padding), *kernel)
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
    """Place by place of the window, each place overwriting what another left there, zeros too."""
    (KH, KW), (SH, SW), (PH, PW), (N, H, W, C), (OH, OW) = kernel, stride, padding, x.shape, dy.shape[1:3]
    place, dpadded = _places(x, kernel, stride, padding), np.zeros((N, H + 2 * PH, W + 2 * PW, C), dy.dtype)
    for i, j in np.ndindex(KH, KW):
        dpadded[:, i : i + SH * (OH - 1) + 1 : SH, j : j + SW * (OW - 1) + 1 : SW] = dy * (place == i * KW + j)
    return dpadded[:, PH : PH + H, PW : PW + W]


def _assigned_by_windows(dy, x, kernel, stride, padding):
    """Window by window, each overwriting the whole of what it covers."""
    (KH, KW), (SH, SW), (PH, PW), (N, H, W, C) = kernel, stride, padding, x.shape
    padded = _pad(x, padding)
    given = _first(_values(padded, kernel, stride)) * dy[:, :, :, None]
    dpadded = np.zeros(padded.shape, dy.dtype)
    for oh, ow in np.ndindex(dy.shape[1:3]):
        dpadded[:, oh * SH : oh * SH + KH, ow * SW : ow * SW + KW] = given[:, oh, ow].reshape(N, KH, KW, C)
    return dpadded[:, PH : PH + H, PW : PW + W]


P3 = "A pixel that wins two windows must get the gradient of both; you keep one. Add (+=), do not assign."
P7_BACK = "You spread the gradient over the whole window, as for a mean. All of it goes to the winner."
BACKWARD_WRONG = (
    Wrong("P3", _placed(lambda place, KH, KW: (place // KW, place % KW), assign=True), P3),
    Wrong("P3", _assigned_by_windows, P3 + " (And a window's zeros wipe out what its neighbours left there.)"),
    Wrong("P3", _assigned_by_taps, P3 + " (And the zeros of the places that did not win wipe out what stood there.)"),
    Wrong(
        "P4",
        _shared(_every),
        "Where several pixels are equally large, each of them gets the whole gradient in yours. A window gives its "
        "gradient away once: to the first of them.",
    ),
    Wrong(
        "P10",
        _shared(_split),
        "You divide the gradient among pixels that are equally large. It can be defended, but here (and in most "
        "libraries) the first in reading order gets it all.",
    ),
    Wrong(
        "P8",
        _shared(_last),
        "Where several are equally large, yours rewards the last. The first in reading order wins: compare with >, "
        "not with >=.",
    ),
    Wrong(
        "P5",
        _shared(_first, fill=0.0),
        "You pad with 0 to find the winners; where all pixels are negative that 0 wins and the gradient is lost. Pad "
        "with −∞.",
    ),
    Wrong(
        "P6",
        _placed(lambda place, KH, KW: (place % KW, place // KW)),
        "Row and column are exchanged on the way back: place = i · KW + j, so i = place // KW and j = place % KW.",
    ),
    Wrong(
        "P6",
        _placed(lambda place, KH, KW: (place // KH, place % KH)),
        "You unravel with the window's height; a row of the window is KW long: i = place // KW, j = place % KW.",
    ),
    Wrong(
        "P6",
        _placed(lambda place, KH, KW: (place // KW, place % KW), corner=False),
        "Every gradient lands in the first window: add the corner at which each window begins, oh · stride and ow · "
        "stride.",
    ),
    Wrong(
        "P1",
        _shared(_at(-1)),
        "The gradient goes to the lower right corner of each window; it belongs to the largest pixel.",
    ),
    Wrong(
        "P1",
        _shared(_at(0)),
        "The gradient goes to the upper left corner of each window; it belongs to the largest pixel.",
    ),
    Wrong("P7", _shared(lambda values: np.full_like(values, 1 / values.shape[3])), P7_BACK),
    Wrong(
        "P7",
        _shared(np.ones_like),
        "Every pixel of a window gets its whole gradient in yours. Only the winner gets it.",
    ),
    Wrong(
        "P9",
        _shared(lambda values: _first(-values), fill=np.inf),
        "The gradient goes to the smallest pixel of each window.",
    ),
    Wrong(
        "P13",
        _shared(lambda values: _first(values) * values.max(axis=3, keepdims=True)),
        "You multiply the gradient by the value of the pixel. The winner is passed on unchanged, so its derivative "
        "is 1.",
    ),
    Wrong(
        "C10",
        _shared(_first, crop=lambda PH, PW, H, W: np.s_[:, PH:-PH, PW:-PW]),
        "dx is empty where there is no padding: the slice [0:-0] holds nothing. End it at padding + H.",
    ),
    Wrong(
        "C5",
        _shared(_first, crop=lambda PH, PW, H, W: np.s_[:, :H, :W]),
        "dx has moved: row 0 of the padded picture is not row 0 of x. Cut off the padding in front as well.",
    ),
    Wrong(
        "C5",
        _shared(_first, crop=lambda PH, PW, H, W: np.s_[:, :, :]),
        "The padding is still there: dx has the shape of x, so cut the border off again.",
    ),
    Wrong(
        "C11",
        _shared(_first, into_windows_only=True),
        "dx is as large as what the windows covered. The rows and columns that no window read have gradient 0, "
        "but they must be there: dx has the shape of x.",
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
    names = ", ".join(f"({oh}, {ow})" for oh, ow in found) or "none"
    windows = f"the windows of picture {n}, channel {c} that name row {h}, column {w}"
    return f"By hand: {windows} are {names}: {len(found)} of them."


def _backward_by_hand(arguments, output, index):
    dy, x, kernel, stride, padding = arguments
    n, h, w, c = index
    won = [
        (oh, ow)
        for oh, ow in np.ndindex(dy.shape[1:3])
        if _window_by_hand(x, kernel, stride, padding, (n, oh, ow, c))[2] == (h, w)
    ]
    if not won:
        return "By hand: this pixel wins no window, so its gradient is 0."
    given = [dy[n, oh, ow, c] for oh, ow in won]
    terms, names = " + ".join(f"{g:.4g}" for g in given), ", ".join(f"({oh}, {ow})" for oh, ow in won)
    total = f" = {sum(given):.6g}" if len(given) > 1 else ""
    return f"By hand: this pixel wins the windows {names}; dx = {terms}{total}."


def _keeps_its_results(makes):
    """Whether the result of a first call is still the same after a second one on other numbers."""

    def holds(function):
        first, second = makes()
        result = function(*first)
        results = result if isinstance(result, tuple) else (result,)
        kept = [np.array(r) for r in results]
        function(*second)
        return all(np.array_equal(r, k) for r, k in zip(results, kept))

    return Property(
        "C15",
        holds,
        "The result of an earlier call changed when you were called again: both are one and the same array. "
        "Make a new one in each call.",
    )


def _two_forward():
    x, *rest = _plain()
    return (x, *rest), (-x, *rest)


def _two_backward():
    dy, *rest = _backward_probe(_plain, 6)()
    return (dy, *rest), (2 * dy, *rest)


LESSON = Lesson(
    "08",
    "Overlapping pooling",
    15,
    (
        Exercise(
            "08-forward",
            "max_pool_forward",
            forward,
            (_plain, _padded),
            ("y",),
            wrong=FORWARD_WRONG,
            by_hand=_forward_by_hand,
            properties=(_keeps_its_results(_two_forward),),
            hints=(
                "Where does window (2, 1) begin if the stride is (3, 2)? And where if there are two rows of padding above "
                "the picture?",
                "y[n, oh, ow, c] = max over i < KH, j < KW of padded[n, oh · SH + i, ow · SW + j, c];  OH = (H + 2 · PH − "
                "KH) // SH + 1",
                "y[:, oh, ow] = padded[:, oh * SH : oh * SH + KH, ow * SW : ow * SW + KW].max(axis=(1, 2)), padded with "
                "-np.inf",
            ),
        ),
        Exercise(
            "08-winners",
            "max_pool_winners",
            winners,
            (_winners_probe(_plain), _winners_probe(_tied)),
            ("row", "column"),
            wrong=WINNERS_WRONG,
            by_hand=_winners_by_hand,
            properties=(_keeps_its_results(lambda: [a[:3] for a in _two_forward()]),),
            hints=(
                "A window of 4×3 is read row by row. In which row and column of it does its 7th pixel (place 7, counted "
                "from 0) stand?",
                "place = argmax of the window, unrolled;  row = oh · SH + place // KW;  column = ow · SW + place % KW",
                "place = window.reshape(N, KH * KW, C).argmax(axis=1)  (argmax names the first of equals)",
            ),
        ),
        Exercise(
            "08-wins",
            "count_wins",
            wins,
            (_wins_probe(3, (4, 5), (2, 7, 6, 3)), _wins_probe(4, (6, 4), (3, 5, 8, 4))),
            ("counts",),
            wrong=WINS_WRONG,
            by_hand=_wins_by_hand,
            hints=(
                "What is a after a = np.zeros(3); a[[1, 1]] += 1? Try it.",
                "counts[n, h, w, c] = the number of (oh, ow) with row[n, oh, ow, c] = h and column[n, oh, ow, c] = w",
                "np.add.at(counts, (n, row, column, c), 1), with n, _, _, c = np.indices(row.shape)",
            ),
        ),
        Exercise(
            "08-backward",
            "max_pool_backward",
            backward,
            (_backward_probe(_plain, 5), _backward_probe(_padded, 6), _backward_probe(_tied, 7)),
            ("dx",),
            wrong=BACKWARD_WRONG,
            by_hand=_backward_by_hand,
            properties=(_keeps_its_results(_two_backward),),
            hints=(
                "If a pixel grows by a little, which windows' outputs grow, and by how much? And if it wins none?",
                "dx[n, h, w, c] = Σ dy[n, oh, ow, c] over the windows (oh, ow) that pixel (h, w) wins; of equals, the "
                "first wins",
                "for each window: place = argmax of it; dpadded[n, oh * SH + place // KW, ow * SW + place % KW, c] += "
                "dy[n, oh, ow, c]",
            ),
        ),
    ),
)

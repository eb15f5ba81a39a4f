"""Lesson 08: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import numpy as np


def _frame(x, p, value=-np.inf):
    return np.pad(x, ((0, 0), (p[0], p[0]), (p[1], p[1]), (0, 0)), constant_values=value)


def last_of_each_window(x, kernel, stride, padding):
    p = _frame(x, padding)
    H, W = p.shape[1:3]
    oh, ow = (H - kernel[0]) // stride[0] + 1, (W - kernel[1]) // stride[1] + 1
    y = np.empty((len(x), oh, ow, x.shape[3]), x.dtype)
    for r in range(oh):
        for q in range(ow):
            for a in range(kernel[0]):
                for b in range(kernel[1]):
                    y[:, r, q] = p[:, r * stride[0] + a, q * stride[1] + b]  # forgot to compare
    return y


def every_stride_th_pixel(x, kernel, stride, padding):
    p = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)))
    y = p[:, :: stride[0], :: stride[1]]
    return y[:, : (p.shape[1] - kernel[0]) // stride[0] + 1, : (p.shape[2] - kernel[1]) // stride[1] + 1]


def tiles(x, kernel, stride, padding):
    p, (a, b) = _frame(x, padding), kernel
    h, w = p.shape[1] // a, p.shape[2] // b
    return p[:, : h * a, : w * b].reshape(len(x), h, a, w, b, -1).max(axis=(2, 4))


def border_of_zeros(x, kernel, stride, padding):
    p = np.zeros((x.shape[0], x.shape[1] + 2 * padding[0], x.shape[2] + 2 * padding[1], x.shape[3]), x.dtype)
    p[:, padding[0] : padding[0] + x.shape[1], padding[1] : padding[1] + x.shape[2]] = x
    out = []
    for top in range(0, p.shape[1] - kernel[0] + 1, stride[0]):
        line = []
        for left in range(0, p.shape[2] - kernel[1] + 1, stride[1]):
            line.append(p[:, top : top + kernel[0], left : left + kernel[1]].max(axis=(1, 2)))
        out.append(np.stack(line, axis=1))
    return np.stack(out, axis=1)


def starts_from_zero(x, kernel, stride, padding):
    """best = 0 at the start: a window of negatives gives 0."""
    p = _frame(x, padding)
    OH, OW = (p.shape[1] - kernel[0]) // stride[0] + 1, (p.shape[2] - kernel[1]) // stride[1] + 1
    y = np.zeros((len(x), OH, OW, x.shape[3]), x.dtype)
    for i, j in np.ndindex(OH, OW):
        for a, b in np.ndindex(*kernel):
            y[:, i, j] = np.maximum(y[:, i, j], p[:, i * stride[0] + a, j * stride[1] + b])
    return y


def a_mean(x, kernel, stride, padding):
    p = _frame(x, padding, 0)
    v = np.lib.stride_tricks.sliding_window_view(p, kernel, axis=(1, 2))[:, :: stride[0], :: stride[1]]
    return v.mean(axis=(4, 5))


def channels_lost(x, kernel, stride, padding):
    p = _frame(x, padding)
    OH, OW = (p.shape[1] - kernel[0]) // stride[0] + 1, (p.shape[2] - kernel[1]) // stride[1] + 1
    y = np.empty((len(x), OH, OW), x.dtype)
    for n, i, j in np.ndindex(y.shape):
        y[n, i, j] = np.max(p[n, i * stride[0] : i * stride[0] + kernel[0], j * stride[1] : j * stride[1] + kernel[1]])
    return y


def a_minimum(x, kernel, stride, padding):
    p = _frame(x, padding, np.inf)
    return np.lib.stride_tricks.sliding_window_view(p, kernel, (1, 2))[:, :: stride[0], :: stride[1]].min((-1, -2))


def the_larger_size(x, kernel, stride, padding):
    p = _frame(abs(x), padding)
    return np.lib.stride_tricks.sliding_window_view(p, kernel, (1, 2))[:, :: stride[0], :: stride[1]].max((-1, -2))


def pads_before_only(x, kernel, stride, padding):
    p = np.pad(x, ((0, 0), (2 * padding[0], 0), (2 * padding[1], 0), (0, 0)), constant_values=-np.inf)
    return np.lib.stride_tricks.sliding_window_view(p, kernel, (1, 2))[:, :: stride[0], :: stride[1]].max((-1, -2))


def starts_at_zero_with_padding_after(x, kernel, stride, padding):
    OH = (x.shape[1] + 2 * padding[0] - kernel[0]) // stride[0] + 1
    OW = (x.shape[2] + 2 * padding[1] - kernel[1]) // stride[1] + 1
    y = np.full((len(x), OH, OW, x.shape[3]), -np.inf, x.dtype)
    for i in range(OH):
        for j in range(OW):
            part = x[:, i * stride[0] : i * stride[0] + kernel[0], j * stride[1] : j * stride[1] + kernel[1]]
            if part.size:
                y[:, i, j] = part.max(axis=(1, 2))
    return y


def window_on_its_side(x, kernel, stride, padding):
    (KW, KH), (SH, SW), p = kernel, stride, _frame(x, padding)
    rows = range(0, p.shape[1] - KH + 1, SH)
    cols = range(0, p.shape[2] - KW + 1, SW)
    return np.stack([np.stack([p[:, r : r + KH, c : c + KW].max((1, 2)) for c in cols], 1) for r in rows], 1)


def strides_swapped(x, kernel, stride, padding):
    p = _frame(x, padding)
    return np.lib.stride_tricks.sliding_window_view(p, kernel, (1, 2))[:, :: stride[1], :: stride[0]].max((-1, -2))


def rounds_up(x, kernel, stride, padding):
    p = _frame(x, padding)
    rows, cols = (range(0, -(-(n - k) // s) * s + 1, s) for n, k, s in zip(p.shape[1:3], kernel, stride))
    return np.stack(
        [np.stack([p[:, r : r + kernel[0], c : c + kernel[1]].max((1, 2)) for c in cols], 1) for r in rows], 1
    )


def forgets_plus_one(x, kernel, stride, padding):
    p = _frame(x, padding)
    OH, OW = (p.shape[1] - kernel[0]) // stride[0], (p.shape[2] - kernel[1]) // stride[1]
    y = np.empty((len(x), OH, OW, x.shape[3]), x.dtype)
    for i in range(OH):
        for j in range(OW):
            y[:, i, j] = p[:, i * stride[0] :, j * stride[1] :][:, : kernel[0], : kernel[1]].max(axis=(1, 2))
    return y


_workspaces = {}


def one_workspace_for_all(x, kernel, stride, padding):
    p = _frame(x, padding)
    view = np.lib.stride_tricks.sliding_window_view(p, kernel, (1, 2))[:, :: stride[0], :: stride[1]]
    y = _workspaces.setdefault((view.shape[:4], x.dtype), np.empty(view.shape[:4], x.dtype))
    view.max(axis=(-1, -2), out=y)
    return y


def running_maximum_in_x(x, kernel, stride, padding):
    if any(padding):
        x = _frame(x, padding)
    OH, OW = (x.shape[1] - kernel[0]) // stride[0] + 1, (x.shape[2] - kernel[1]) // stride[1] + 1
    best = None
    for a, b in np.ndindex(*kernel):
        tap = x[:, a : a + stride[0] * (OH - 1) + 1 : stride[0], b : b + stride[1] * (OW - 1) + 1 : stride[1]]
        best = tap if best is None else np.maximum(best, tap, out=best)
    return best


def float64_border(x, kernel, stride, padding):
    p = np.full((len(x), x.shape[1] + 2 * padding[0], x.shape[2] + 2 * padding[1], x.shape[3]), -np.inf)
    p[:, padding[0] : padding[0] + x.shape[1], padding[1] : padding[1] + x.shape[2]] = x
    return np.lib.stride_tricks.sliding_window_view(p, kernel, (1, 2))[:, :: stride[0], :: stride[1]].max((-1, -2))


def mean_of_tiles(x, kernel, stride, padding):
    p, (a, b) = _frame(x, padding, 0), kernel
    h, w = p.shape[1] // a, p.shape[2] // b
    return p[:, : h * a, : w * b].reshape(len(x), h, a, w, b, -1).mean(axis=(2, 4))


# ---------------------------------------------------------------------------------------------- winners


def _scan(x, kernel, stride, better, record):
    """What `record` notes when loops compare with `better`."""
    N, H, W, C = x.shape
    shape = N, (H - kernel[0]) // stride[0] + 1, (W - kernel[1]) // stride[1] + 1, C
    row, column = np.zeros(shape, int), np.zeros(shape, int)
    for index in np.ndindex(shape):
        n, oh, ow, c = index
        best = None
        for i in range(kernel[0]):
            for j in range(kernel[1]):
                value = x[n, oh * stride[0] + i, ow * stride[1] + j, c]
                if best is None or better(value, best):
                    best = value
                    row[index], column[index] = record(oh, ow, i, j)
    return row, column


def not_smaller(x, kernel, stride):
    return _scan(x, kernel, stride, lambda v, b: v >= b, lambda oh, ow, i, j: (oh * stride[0] + i, ow * stride[1] + j))


def the_least(x, kernel, stride):
    return _scan(x, kernel, stride, lambda v, b: v < b, lambda oh, ow, i, j: (oh * stride[0] + i, ow * stride[1] + j))


def inside_the_window(x, kernel, stride):
    return _scan(x, kernel, stride, lambda v, b: v > b, lambda oh, ow, i, j: (i, j))


def corner_by_kernel(x, kernel, stride):
    return _scan(x, kernel, stride, lambda v, b: v > b, lambda oh, ow, i, j: (oh * kernel[0] + i, ow * kernel[1] + j))


def column_first(x, kernel, stride):
    return _scan(x, kernel, stride, lambda v, b: v > b, lambda oh, ow, i, j: (ow * stride[1] + j, oh * stride[0] + i))


def _argmax(x, kernel, stride):
    view = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(1, 2))[:, :: stride[0], :: stride[1]]
    flat = view.reshape(*view.shape[:4], -1).argmax(-1)
    return flat, np.arange(flat.shape[1])[:, None, None] * stride[0], np.arange(flat.shape[2])[:, None] * stride[1]


def unravelled_by_height(x, kernel, stride):
    flat, top, left = _argmax(x, kernel, stride)
    i, j = divmod(flat, kernel[0])
    return top + i, left + j


def quotient_and_remainder_swapped(x, kernel, stride):
    flat, top, left = _argmax(x, kernel, stride)
    return top + flat % kernel[1], left + flat // kernel[1]


def searched_from_zero_at_the_corner(x, kernel, stride):
    (KH, KW), (SH, SW) = kernel, stride
    N, H, W, C = x.shape
    size = N, (H - KH) // SH + 1, (W - KW) // SW + 1, C
    row, column = np.zeros(size, int), np.zeros(size, int)
    for n, oh, ow, c in np.ndindex(*size):
        best, place = 0, (oh * SH, ow * SW)
        for i in range(oh * SH, oh * SH + KH):
            for j in range(ow * SW, ow * SW + KW):
                if x[n, i, j, c] > best:
                    best, place = x[n, i, j, c], (i, j)
        row[n, oh, ow, c], column[n, oh, ow, c] = place
    return row, column


def corner_forgotten_and_by_height(x, kernel, stride):
    flat, _, _ = _argmax(x, kernel, stride)
    return flat // kernel[0], flat % kernel[0]


# ---------------------------------------------------------------------------------------------- counting


def fancy_plus_one(row, column, shape):
    wins = np.zeros(shape, dtype=int)
    n = np.arange(shape[0])[:, None, None, None]
    c = np.arange(shape[3])
    wins[n, row, column, c] += 1
    return wins


def set_to_one(row, column, shape):
    wins = np.zeros(shape, dtype=int)
    for n, i, j, c in np.ndindex(row.shape):
        wins[n, row[n, i, j, c], column[n, i, j, c], c] = 1
    return wins


def x_before_y(row, column, shape):
    wins = np.zeros(shape, dtype=int)
    for index in np.ndindex(row.shape):
        wins[index[0], column[index], row[index], index[3]] += 1
    return wins


def no_channel(row, column, shape):
    wins = np.zeros(shape, dtype=int)
    for index in np.ndindex(row.shape):
        wins[index[0], row[index], column[index]] += 1
    return wins


def one_map_for_the_batch(row, column, shape):
    wins = np.zeros(shape[1:], dtype=int)
    for index in np.ndindex(row.shape):
        wins[row[index], column[index], index[3]] += 1
    return wins


def swapped_and_once(row, column, shape):
    wins = np.zeros(shape, dtype=int)
    for index in np.ndindex(row.shape):
        wins[index[0], column[index], row[index], index[3]] = 1
    return wins


# ---------------------------------------------------------------------------------------------- backward


def keeps_the_last_gradient(dy, x, kernel, stride, padding):
    p = _frame(x, padding)
    d = np.zeros(p.shape, dy.dtype)
    for n, i, j, c in np.ndindex(dy.shape):
        top, left = i * stride[0], j * stride[1]
        window = p[n, top : top + kernel[0], left : left + kernel[1], c]
        a, b = np.unravel_index(np.argmax(window), window.shape)
        d[n, top + a, left + b, c] = dy[n, i, j, c]
    return d[:, padding[0] : padding[0] + x.shape[1], padding[1] : padding[1] + x.shape[2]]


def mask_assigned_to_windows(dy, x, kernel, stride, padding):
    p = _frame(x, padding)
    d = np.zeros_like(p)
    for n, i, j, c in np.ndindex(dy.shape):
        s = np.s_[n, i * stride[0] : i * stride[0] + kernel[0], j * stride[1] : j * stride[1] + kernel[1], c]
        first = np.arange(p[s].size).reshape(p[s].shape) == p[s].argmax()
        d[s] = first * dy[n, i, j, c]
    return d[:, padding[0] : padding[0] + x.shape[1], padding[1] : padding[1] + x.shape[2]]


def _masked(dy, x, kernel, stride, padding, share, value=-np.inf):
    p = _frame(x, padding, value)
    d = np.zeros_like(p)
    for n, i, j, c in np.ndindex(dy.shape):
        s = np.s_[n, i * stride[0] : i * stride[0] + kernel[0], j * stride[1] : j * stride[1] + kernel[1], c]
        d[s] += share(p[s]) * dy[n, i, j, c]
    return d


def _cut(d, x, padding):
    return d[:, padding[0] : padding[0] + x.shape[1], padding[1] : padding[1] + x.shape[2]]


def _only_first(window):
    hot = np.zeros(window.shape, window.dtype)
    hot[np.unravel_index(window.argmax(), window.shape)] = 1
    return hot


def all_equals(dy, x, kernel, stride, padding):
    return _cut(_masked(dy, x, kernel, stride, padding, lambda w: w == w.max()), x, padding)


def shared_among_equals(dy, x, kernel, stride, padding):
    return _cut(_masked(dy, x, kernel, stride, padding, lambda w: (w == w.max()) / (w == w.max()).sum()), x, padding)


def last_of_equals(dy, x, kernel, stride, padding):
    return _cut(_masked(dy, x, kernel, stride, padding, lambda w: _only_first(w[::-1, ::-1])[::-1, ::-1]), x, padding)


def zeros_win(dy, x, kernel, stride, padding):
    return _cut(_masked(dy, x, kernel, stride, padding, _only_first, 0), x, padding)


def like_a_mean(dy, x, kernel, stride, padding):
    return _cut(_masked(dy, x, kernel, stride, padding, lambda w: 1 / w.size), x, padding)


def to_the_last_corner(dy, x, kernel, stride, padding):
    def corner(window):
        hot = np.zeros_like(window)
        hot[-1, -1] = 1
        return hot

    return _cut(_masked(dy, x, kernel, stride, padding, corner), x, padding)


def times_the_value(dy, x, kernel, stride, padding):
    return _cut(_masked(dy, x, kernel, stride, padding, lambda w: _only_first(w) * w.max()), x, padding)


def empty_without_padding(dy, x, kernel, stride, padding):
    (p, q), d = padding, _masked(dy, x, kernel, stride, padding, _only_first)
    return d[:, p:-p, q:-q, :]


def cut_from_zero(dy, x, kernel, stride, padding):
    return _masked(dy, x, kernel, stride, padding, _only_first)[:, : x.shape[1], : x.shape[2]]


def border_left_on(dy, x, kernel, stride, padding):
    return _masked(dy, x, kernel, stride, padding, _only_first)


def only_what_windows_cover(dy, x, kernel, stride, padding):
    (N, OH, OW, C), p = dy.shape, _frame(x, padding)
    d = np.zeros((N, stride[0] * (OH - 1) + kernel[0], stride[1] * (OW - 1) + kernel[1], C), dy.dtype)
    for n, i, j, c in np.ndindex(dy.shape):
        s = np.s_[n, i * stride[0] : i * stride[0] + kernel[0], j * stride[1] : j * stride[1] + kernel[1], c]
        d[s] += _only_first(p[s]) * dy[n, i, j, c]
    return _cut(d, x, padding)


def _scattered(dy, x, kernel, stride, padding, place):
    p = _frame(x, padding)
    d = np.zeros_like(p)
    for n, i, j, c in np.ndindex(dy.shape):
        top, left = i * stride[0], j * stride[1]
        k = p[n, top : top + kernel[0], left : left + kernel[1], c].argmax()
        h, w = place(top, left, k)
        d[n, h, w, c] += dy[n, i, j, c]
    return _cut(d, x, padding)


def rest_before_quotient(dy, x, kernel, stride, padding):
    return _scattered(dy, x, kernel, stride, padding, lambda t, l, k: (t + k % kernel[1], l + k // kernel[1]))


def divided_by_the_height(dy, x, kernel, stride, padding):
    return _scattered(dy, x, kernel, stride, padding, lambda t, l, k: (t + k // kernel[0], l + k % kernel[0]))


def all_in_the_first_window(dy, x, kernel, stride, padding):
    return _scattered(dy, x, kernel, stride, padding, lambda t, l, k: divmod(k, kernel[1]))


def gradient_zeroed_in_place(dy, x, kernel, stride, padding):
    dx = max_gradient(dy, x, kernel, stride, padding)
    dy *= 0
    return dx


def max_gradient(dy, x, kernel, stride, padding):
    return _cut(_masked(dy, x, kernel, stride, padding, _only_first), x, padding)


_dx = {}


def one_dx_for_all(dy, x, kernel, stride, padding):
    dx = _dx.setdefault((x.shape, dy.dtype), np.zeros(x.shape, dy.dtype))
    dx[...] = max_gradient(dy, x, kernel, stride, padding)
    return dx


def float64_gradient(dy, x, kernel, stride, padding):
    dx = np.zeros(x.shape)
    dx += max_gradient(dy, x, kernel, stride, padding)
    return dx


def all_equals_and_zero_padding(dy, x, kernel, stride, padding):
    return _cut(_masked(dy, x, kernel, stride, padding, lambda w: w == w.max(), 0), x, padding)


# ---------------------------------------------------------------------------------------------- right for some only


def _by_view(x, kernel, stride, padding, fill):
    padded = np.pad(x, [(0, 0), *((p, p) for p in padding), (0, 0)], constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(1, 2))[:, :: stride[0], :: stride[1]]


def border_of_minus_a_billion(x, kernel, stride, padding):
    return _by_view(x, kernel, stride, padding, -1e9).max(axis=(-2, -1))


def steps_no_wider_than_the_window(x, kernel, stride, padding):
    return _by_view(x, kernel, tuple(map(min, stride, kernel)), padding, -np.inf).max(axis=(-2, -1))


def pads_both_axes_or_none(x, kernel, stride, padding):
    return _by_view(x, kernel, stride, padding if all(padding) else (0, 0), -np.inf).max(axis=(-2, -1))


def lone_axes_dropped(x, kernel, stride, padding):
    return _by_view(x, kernel, stride, padding, -np.inf).max(axis=(-2, -1)).squeeze()


def _searched(best, near=False, by_columns=False):
    def wrong(x, kernel, stride):
        KH, KW = kernel
        view = _by_view(x, kernel, stride, (0, 0), 0)
        row, column = np.zeros((2, *view.shape[:4]), int)
        order = [(i, j) for j in range(KW) for i in range(KH)] if by_columns else list(np.ndindex(KH, KW))
        for n, oh, ow, c in np.ndindex(row.shape):
            found, largest = best, view[n, oh, ow, c].max()
            for i, j in order:
                value = view[n, oh, ow, c, i, j]
                if np.isclose(value, largest) if near else value > found:
                    found, row[n, oh, ow, c], column[n, oh, ow, c] = value, oh * stride[0] + i, ow * stride[1] + j
                    if near:
                        break
        return row, column

    return wrong


searched_from_zero = _searched(0)
searched_from_minus_thousand = _searched(-1000)
nearly_the_largest = _searched(-np.inf, near=True)
first_by_columns = _searched(-np.inf, by_columns=True)


def one_array_with_two_names(x, kernel, stride):
    row, column = _searched(-np.inf)(x, kernel, stride)
    row[...] = column
    return row, row


def counted_in_bytes(row, column, shape):
    counts = np.zeros(shape, np.uint8)
    n, _, _, c = np.indices(row.shape)
    np.add.at(counts, (n, row, column, c), 1)
    return counts


def four_at_most(row, column, shape):
    return np.minimum(counted_in_bytes(row, column, shape).astype(int), 4)


def _handed_out(pick, fill=-np.inf):
    def wrong(dy, x, kernel, stride, padding):
        (KH, KW), (SH, SW), (PH, PW), (_, H, W, _) = kernel, stride, padding, x.shape
        padded = np.pad(x, ((0, 0), (PH, PH), (PW, PW), (0, 0)), constant_values=fill)
        dpadded = np.zeros(padded.shape, dy.dtype)
        for n, oh, ow, c in np.ndindex(dy.shape):
            place = np.s_[n, oh * SH : oh * SH + KH, ow * SW : ow * SW + KW, c]
            for i, j in pick(padded[place]):
                dpadded[place][i, j] += dy[n, oh, ow, c]
        return dpadded[:, PH : PH + H, PW : PW + W]

    return wrong


def _first_of(true):
    return [np.unravel_index(true.argmax(), true.shape)]


nearly_the_largest_gets_it = _handed_out(lambda window: _first_of(np.isclose(window, window.max())))
all_nearly_the_largest = _handed_out(lambda window: np.argwhere(np.isclose(window, window.max())))
first_by_columns_gets_it = _handed_out(lambda window: [_first_of(window.T)[0][::-1]])
only_positives = _handed_out(lambda window: _first_of(window) if window.max() > 0 else [])
zeros_hand_out_nothing = _handed_out(lambda window: _first_of(window) if window.max() != 0 else [])
minus_a_billion_wins = _handed_out(_first_of, -1e9)


# ---------------------------------------------------------------------------------------------- and more


def square_windows(x, kernel, stride, padding):
    return _by_view(x, (kernel[0], kernel[0]), stride, padding, -np.inf).max(axis=(-2, -1))


def across_as_down(x, kernel, stride, padding):
    return _by_view(x, kernel, (stride[0], stride[0]), padding, -np.inf).max(axis=(-2, -1))


def pixel_by_pixel(x, kernel, stride, padding):
    return _by_view(x, kernel, (1, 1), padding, -np.inf).max(axis=(-2, -1))


def end_of_the_slice(x, kernel, stride, padding):
    return _by_view(x, kernel, stride, padding, -np.inf)[..., :-1, :].max(axis=(-2, -1))


def where_it_is(x, kernel, stride, padding):
    view = _by_view(x, kernel, stride, padding, -np.inf)
    return view.reshape(*view.shape[:4], -1).argmax(axis=-1)


def a_total(x, kernel, stride, padding):
    return _by_view(x, kernel, stride, padding, 0).sum(axis=(-2, -1))


def _corner(step, of=lambda x: x):
    def wrong(x, kernel, stride):
        view = _by_view(of(x), kernel, stride, (0, 0), 0)
        i, j = np.divmod(view.reshape(*view.shape[:4], -1).argmax(axis=-1), kernel[1])
        down, across = step(stride)
        row = i + down * np.arange(i.shape[1])[:, None, None]
        return row, j + across * np.arange(i.shape[2])[:, None]

    return wrong


corner_at_oh_ow = _corner(lambda stride: (1, 1))
corner_by_swapped_strides = _corner(lambda stride: stride[::-1])
one_winner_for_all_channels = _corner(lambda stride: stride, lambda x: 0 * x + x.max(axis=3, keepdims=True))


def unrolled_places(x, kernel, stride):
    place = where_it_is(x, kernel, stride, (0, 0))
    return place, place.copy()


_right_gradient = _handed_out(_first_of)
loudest_gets_it = _handed_out(lambda window: _first_of(np.abs(window)), 0)


def averaged_over_wins(dy, x, kernel, stride, padding):
    wins = _right_gradient(np.ones_like(dy), x, kernel, stride, padding)
    return _right_gradient(dy, x, kernel, stride, padding) / np.where(wins > 1, wins, 1)


def winners_of_channel_0(dy, x, kernel, stride, padding):
    x = np.repeat(x[..., :1], x.shape[3], axis=3)
    return _right_gradient(dy, x, kernel, stride, padding)


def padding_forgotten_at_the_corner(dy, x, kernel, stride, padding):
    after = [(0, 2 * p) for p in (0, *padding, 0)]
    dx = _right_gradient(dy, np.pad(x, after, constant_values=-np.inf), kernel, stride, (0, 0))
    return dx[:, : x.shape[1], : x.shape[2]]


def framed_with_the_smallest(dy, x, kernel, stride, padding):
    frame = [(0, 0), *((p, p) for p in padding), (0, 0)]
    dx = _right_gradient(dy, np.pad(x, frame, constant_values=x.min()), kernel, stride, (0, 0))
    (top, left), (H, W) = padding, x.shape[1:3]
    return dx[:, top : top + H, left : left + W]


def winners_above_the_smallest_float32(x, kernel, stride):
    (KH, KW), (SH, SW) = kernel, stride
    OH, OW = (x.shape[1] - KH) // SH + 1, (x.shape[2] - KW) // SW + 1
    best, row, column = (np.zeros((len(x), OH, OW, x.shape[3]), t) for t in (float, int, int))
    best -= 1e38
    for i, j in np.ndindex(KH, KW):
        pixels = x[:, i : i + SH * (OH - 1) + 1 : SH, j : j + SW * (OW - 1) + 1 : SW]
        more = pixels > best
        best = np.where(more, pixels, best)
        row = np.where(more, i + SH * np.arange(OH)[:, None, None], row)
        column = np.where(more, j + SW * np.arange(OW)[:, None], column)
    return row, column


def gradient_in_the_pictures_dtype(dy, x, kernel, stride, padding):
    (KH, KW), (SH, SW), (PH, PW) = kernel, stride, padding
    p = _frame(x, padding)
    d = np.zeros_like(p)
    n, c = np.ogrid[: len(x), : x.shape[3]]
    for i, j in np.ndindex(dy.shape[1:3]):
        place = p[:, i * SH : i * SH + KH, j * SW : j * SW + KW].reshape(len(x), KH * KW, -1).argmax(axis=1)
        d[n, i * SH + place // KW, j * SW + place % KW, c] += dy[:, i, j]
    return d[:, PH : PH + x.shape[1], PW : PW + x.shape[2]]


MUTANTS = [
    ("08-forward", "C7", square_windows),
    ("08-forward", "C7", across_as_down),
    ("08-forward", "C4", pixel_by_pixel),
    ("08-forward", "P18", end_of_the_slice),
    ("08-forward", "P19", where_it_is),
    ("08-forward", "P7", a_total),
    ("08-winners", "P6", corner_at_oh_ow),
    ("08-winners", "C7", corner_by_swapped_strides),
    ("08-winners", "P6", unrolled_places),
    ("08-winners", "P11", one_winner_for_all_channels),
    ("08-backward", "case", framed_with_the_smallest),
    ("08-backward", "P3", averaged_over_wins),
    ("08-backward", "P11", winners_of_channel_0),
    ("08-backward", "P12", loudest_gets_it),
    ("08-backward", "C5", padding_forgotten_at_the_corner),
    ("08-forward", "P1", last_of_each_window),
    ("08-forward", "P1", every_stride_th_pixel),
    ("08-forward", "P2", tiles),
    ("08-forward", "P5", border_of_zeros),
    ("08-forward", "P14", starts_from_zero),
    ("08-forward", "P7", a_mean),
    ("08-forward", "P7", channels_lost),
    ("08-forward", "P9", a_minimum),
    ("08-forward", "P12", the_larger_size),
    ("08-forward", "C5", pads_before_only),
    ("08-forward", "C5", starts_at_zero_with_padding_after),
    ("08-forward", "C7", window_on_its_side),
    ("08-forward", "C7", strides_swapped),
    ("08-forward", "C8", rounds_up),
    ("08-forward", "C8", forgets_plus_one),
    ("08-forward", "C15", one_workspace_for_all),
    ("08-forward", "two: unchanged + line-call", running_maximum_in_x),
    ("08-forward", "C16", float64_border),
    ("08-forward", "two: P7 + exchanged", mean_of_tiles),
    ("08-forward", "P5", border_of_minus_a_billion),
    ("08-forward", "line-name", steps_no_wider_than_the_window),
    ("08-forward", "line-condition", pads_both_axes_or_none),
    ("08-forward", "line-call", lone_axes_dropped),
    ("08-winners", "P14", searched_from_zero),
    ("08-winners", "P5", searched_from_minus_thousand),
    ("08-winners", "P15", nearly_the_largest),
    ("08-winners", "P8", first_by_columns),
    ("08-winners", "P16", one_array_with_two_names),
    ("08-wins", None, counted_in_bytes),
    ("08-wins", None, four_at_most),
    ("08-backward", "P15", nearly_the_largest_gets_it),
    ("08-backward", "P15", all_nearly_the_largest),
    ("08-backward", "P8", first_by_columns_gets_it),
    ("08-backward", "P14", only_positives),
    ("08-backward", None, zeros_hand_out_nothing),
    ("08-backward", "P5", minus_a_billion_wins),
    ("08-winners", "P8", not_smaller),
    ("08-winners", "P9", the_least),
    ("08-winners", "P6", inside_the_window),
    ("08-winners", "P2", corner_by_kernel),
    ("08-winners", "P6", column_first),
    ("08-winners", "P6", unravelled_by_height),
    ("08-winners", "P6", quotient_and_remainder_swapped),
    ("08-winners", "P14", searched_from_zero_at_the_corner),
    ("08-winners", None, corner_forgotten_and_by_height),
    ("08-wins", "P3", fancy_plus_one),
    ("08-wins", "P3", set_to_one),
    ("08-wins", "P6", x_before_y),
    ("08-wins", "P11", no_channel),
    ("08-wins", "P11", one_map_for_the_batch),
    ("08-wins", "two: P6 + clip", swapped_and_once),
    ("08-backward", "P3", keeps_the_last_gradient),
    ("08-backward", "P3", mask_assigned_to_windows),
    ("08-backward", "P4", all_equals),
    ("08-backward", "P10", shared_among_equals),
    ("08-backward", "P8", last_of_equals),
    ("08-backward", "P5", zeros_win),
    ("08-backward", "P6", rest_before_quotient),
    ("08-backward", "P6", divided_by_the_height),
    ("08-backward", "P6", all_in_the_first_window),
    ("08-backward", "P7", like_a_mean),
    ("08-backward", "P1", to_the_last_corner),
    ("08-backward", "P13", times_the_value),
    ("08-backward", "C10", empty_without_padding),
    ("08-backward", "C5", cut_from_zero),
    ("08-backward", "C5", border_left_on),
    ("08-backward", "C11", only_what_windows_cover),
    ("08-backward", "C15", one_dx_for_all),
    ("08-backward", "C16", float64_gradient),
    ("08-backward", "unchanged", gradient_zeroed_in_place),
    ("08-backward", "two: P4 + P5", all_equals_and_zero_padding),
    ("08-winners", "P5", winners_above_the_smallest_float32),
    ("08-backward", "C16", gradient_in_the_pictures_dtype),
]

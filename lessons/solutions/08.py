"""Lesson 08: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import numpy as np


def max_pool_forward(x, kernel, stride, padding):
    (N, H, W, C), (KH, KW), (SH, SW), (PH, PW) = x.shape, kernel, stride, padding
    padded = np.full((N, H + 2 * PH, W + 2 * PW, C), -np.inf, x.dtype)
    padded[:, PH : PH + H, PW : PW + W] = x
    OH, OW = (H + 2 * PH - KH) // SH + 1, (W + 2 * PW - KW) // SW + 1
    y = np.empty((N, OH, OW, C), x.dtype)
    for oh in range(OH):
        for ow in range(OW):
            window = padded[:, oh * SH : oh * SH + KH, ow * SW : ow * SW + KW]  # (N, KH, KW, C)
            y[:, oh, ow] = window.max(axis=(1, 2))
    return y


def max_pool_forward_by_places(x, kernel, stride, padding):
    padded = np.pad(x, [(0, 0), *((p, p) for p in padding), (0, 0)], constant_values=-np.inf)
    (KH, KW), (SH, SW) = kernel, stride
    OH, OW = (padded.shape[1] - KH) // SH + 1, (padded.shape[2] - KW) // SW + 1
    rows = [slice(i, i + SH * (OH - 1) + 1, SH) for i in range(KH)]
    columns = [slice(j, j + SW * (OW - 1) + 1, SW) for j in range(KW)]
    taps = [padded[:, row, column] for row in rows for column in columns]
    return np.maximum.reduce(taps)


def max_pool_forward_by_a_view(x, kernel, stride, padding):
    padded = np.pad(x, [(0, 0), *((p, p) for p in padding), (0, 0)], constant_values=-np.inf)
    view = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(1, 2))
    return view[:, :: stride[0], :: stride[1]].max(axis=(-2, -1))


def max_pool_forward_across_then_down(x, kernel, stride, padding):
    y = x
    for axis, (k, s, p) in enumerate(zip(kernel, stride, padding), start=1):
        pads = [(0, 0)] * 4
        pads[axis] = (p, p)
        y = np.moveaxis(np.pad(y, pads, constant_values=-np.inf), axis, 0)
        y = np.stack([y[start : start + k].max(axis=0) for start in range(0, len(y) - k + 1, s)])
        y = np.moveaxis(y, 0, axis)
    return y


def max_pool_winners(x, kernel, stride):
    (N, H, W, C), (KH, KW), (SH, SW) = x.shape, kernel, stride
    OH, OW = (H - KH) // SH + 1, (W - KW) // SW + 1
    row, column = np.empty((N, OH, OW, C), int), np.empty((N, OH, OW, C), int)
    for oh in range(OH):
        for ow in range(OW):
            window = x[:, oh * SH : oh * SH + KH, ow * SW : ow * SW + KW]
            place = window.reshape(N, KH * KW, C).argmax(axis=1)  # the first of equals
            row[:, oh, ow], column[:, oh, ow] = oh * SH + place // KW, ow * SW + place % KW
    return row, column


def max_pool_winners_by_loops(x, kernel, stride):
    N, H, W, C = x.shape
    shape = (N, (H - kernel[0]) // stride[0] + 1, (W - kernel[1]) // stride[1] + 1, C)
    row, column = np.zeros(shape, int), np.zeros(shape, int)
    for n, oh, ow, c in np.ndindex(shape):
        best = -np.inf
        for h in range(oh * stride[0], oh * stride[0] + kernel[0]):
            for w in range(ow * stride[1], ow * stride[1] + kernel[1]):
                if x[n, h, w, c] > best:
                    best, row[n, oh, ow, c], column[n, oh, ow, c] = x[n, h, w, c], h, w
    return row, column


def max_pool_winners_by_a_view(x, kernel, stride):
    view = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(1, 2))[:, :: stride[0], :: stride[1]]
    i, j = np.unravel_index(view.reshape(*view.shape[:4], -1).argmax(axis=-1), kernel)
    oh, ow = np.ogrid[: i.shape[1], : i.shape[2]]
    return [i + stride[0] * oh[..., None], j + stride[1] * ow[..., None]]  # a list will do


def count_wins(row, column, shape):
    counts = np.zeros(shape, int)
    n, _, _, c = np.indices(row.shape)
    np.add.at(counts, (n, row, column, c), 1)  # += would add once per pixel
    return counts


def count_wins_by_loops(row, column, shape):
    counts = np.zeros(shape, int)
    for n, oh, ow, c in np.ndindex(row.shape):
        counts[n, row[n, oh, ow, c], column[n, oh, ow, c], c] += 1
    return counts


def count_wins_by_bincount(row, column, shape):
    n, _, _, c = np.indices(row.shape)
    flat = np.ravel_multi_index((n, row, column, c), shape)
    return np.bincount(flat.ravel(), minlength=int(np.prod(shape))).reshape(shape)


def max_pool_backward(dy, x, kernel, stride, padding):
    (N, H, W, C), (KH, KW), (SH, SW), (PH, PW) = x.shape, kernel, stride, padding
    padded = np.full((N, H + 2 * PH, W + 2 * PW, C), -np.inf, x.dtype)
    padded[:, PH : PH + H, PW : PW + W] = x
    dpadded = np.zeros(padded.shape, dy.dtype)
    n, c = np.arange(N)[:, None], np.arange(C)
    for oh in range(dy.shape[1]):
        for ow in range(dy.shape[2]):
            window = padded[:, oh * SH : oh * SH + KH, ow * SW : ow * SW + KW]
            place = window.reshape(N, KH * KW, C).argmax(axis=1)  # (N, C)
            dpadded[n, oh * SH + place // KW, ow * SW + place % KW, c] += dy[:, oh, ow]
    return dpadded[:, PH : PH + H, PW : PW + W]


def max_pool_backward_by_loops(dy, x, kernel, stride, padding):
    dx = np.zeros(x.shape, dy.dtype)
    for n, oh, ow, c in np.ndindex(dy.shape):
        top, left = oh * stride[0] - padding[0], ow * stride[1] - padding[1]
        best, at = -np.inf, None
        for h in range(max(0, top), min(x.shape[1], top + kernel[0])):
            for w in range(max(0, left), min(x.shape[2], left + kernel[1])):
                if x[n, h, w, c] > best:
                    best, at = x[n, h, w, c], (n, h, w, c)
        dx[at] += dy[n, oh, ow, c]
    return dx


def max_pool_backward_by_places(dy, x, kernel, stride, padding):
    (_, H, W, _), (OH, OW), (PH, PW) = x.shape, dy.shape[1:3], padding
    padded = np.pad(x, [(0, 0), (PH, PH), (PW, PW), (0, 0)], constant_values=-np.inf)
    slices = [
        np.s_[:, i : i + stride[0] * (OH - 1) + 1 : stride[0], j : j + stride[1] * (OW - 1) + 1 : stride[1]]
        for i in range(kernel[0])
        for j in range(kernel[1])
    ]
    place = np.stack([padded[s] for s in slices]).argmax(axis=0)
    dpadded = np.zeros(padded.shape, dy.dtype)
    for number, s in enumerate(slices):
        dpadded[s] += dy * (place == number)
    return dpadded[:, PH : PH + H, PW : PW + W]


SOLUTIONS = {
    "08-forward": [
        max_pool_forward,
        max_pool_forward_by_places,
        max_pool_forward_by_a_view,
        max_pool_forward_across_then_down,
    ],
    "08-winners": [max_pool_winners, max_pool_winners_by_loops, max_pool_winners_by_a_view],
    "08-wins": [count_wins, count_wins_by_loops, count_wins_by_bincount],
    "08-backward": [max_pool_backward, max_pool_backward_by_loops, max_pool_backward_by_places],
}

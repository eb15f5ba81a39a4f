"""Lesson 11: right answers in several styles, in NumPy alone; `reveal` shows the first of each.

The notebook defines windows, conv_forward and conv_backward too, before the exercises.
"""

import numpy as np


def windows(x, kernel, stride, padding):
    (KH, KW), (SH, SW), (PH, PW) = kernel, stride, padding
    padded = np.pad(x, ((0, 0), (PH, PH), (PW, PW), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (KH, KW), axis=(1, 2))[:, ::SH, ::SW]
    return view.transpose(0, 1, 2, 4, 5, 3)  # (N, OH, OW, KH, KW, C)


def conv_forward(x, weight, bias, stride, padding):
    return np.tensordot(windows(x, weight.shape[:2], stride, padding), weight, axes=3) + bias


def conv_backward(dy, x, weight, stride, padding):
    (N, H, W, C), (KH, KW), (OH, OW) = x.shape, weight.shape[:2], dy.shape[1:3]
    dweight = np.tensordot(windows(x, (KH, KW), stride, padding), dy, axes=((0, 1, 2), (0, 1, 2)))
    dpadded = np.zeros((N, H + 2 * padding[0], W + 2 * padding[1], C), x.dtype)
    for i in range(KH):
        for j in range(KW):
            rows = slice(i, i + stride[0] * (OH - 1) + 1, stride[0])
            columns = slice(j, j + stride[1] * (OW - 1) + 1, stride[1])
            dpadded[:, rows, columns] += dy @ weight[i, j].T
    return dpadded[:, padding[0] : padding[0] + H, padding[1] : padding[1] + W], dweight, dy.sum(axis=(0, 1, 2))


def wiring(C, F, groups):
    wires, c, f = np.zeros((C, F), int), C // groups, F // groups
    for g in range(groups):
        wires[g * c : (g + 1) * c, g * f : (g + 1) * f] = 1
    return wires


def wiring_by_comparing(C, F, groups):
    return np.equal.outer(np.arange(C) // (C // groups), np.arange(F) // (F // groups)).astype(int)


def wiring_by_kron(C, F, groups):
    return np.kron(np.eye(groups, dtype=int), np.ones((C // groups, F // groups), int))


def grouped_forward(x, weight, bias, stride, padding, groups):
    c, f = x.shape[3] // groups, weight.shape[3] // groups
    parts = []
    for g in range(groups):
        C_g, F_g = slice(g * c, (g + 1) * c), slice(g * f, (g + 1) * f)
        parts.append(conv_forward(x[..., C_g], weight[..., F_g], bias[F_g], stride, padding))
    return np.concatenate(parts, axis=-1)


def grouped_forward_by_loops(x, weight, bias, stride, padding, groups):
    (N, H, W, _), (KH, KW, D, F), (SH, SW), (PH, PW) = x.shape, weight.shape, stride, padding
    y = np.zeros((N, (H + 2 * PH - KH) // SH + 1, (W + 2 * PW - KW) // SW + 1, F), x.dtype)
    for n, oh, ow, f in np.ndindex(y.shape):
        first, y[n, oh, ow, f] = f // (F // groups) * D, bias[f]
        for i, j, d in np.ndindex(KH, KW, D):
            h, w = oh * SH - PH + i, ow * SW - PW + j
            if 0 <= h < H and 0 <= w < W:
                y[n, oh, ow, f] += x[n, h, w, first + d] * weight[i, j, d, f]
    return y


def grouped_forward_by_einsum(x, weight, bias, stride, padding, groups):
    columns = windows(x, weight.shape[:2], stride, padding)
    columns = columns.reshape(*columns.shape[:5], groups, -1)
    kernels = weight.reshape(*weight.shape[:3], groups, -1)
    y = np.einsum("nhwijgc,ijcgf->nhwgf", columns, kernels)
    return y.reshape(*y.shape[:3], -1) + bias


def grouped_forward_by_a_full_kernel(x, weight, bias, stride, padding, groups):
    C, (KH, KW, D, F) = x.shape[3], weight.shape
    full = np.zeros((KH, KW, C, F), weight.dtype)  # mostly zeros, but as many products as without groups
    for f in range(F):
        first = f // (F // groups) * D
        full[:, :, first : first + D, f] = weight[..., f]
    return conv_forward(x, full, bias, stride, padding)


def grouped_backward(dy, x, weight, stride, padding, groups):
    c, f = x.shape[3] // groups, weight.shape[3] // groups
    parts = []
    for g in range(groups):
        C_g, F_g = slice(g * c, (g + 1) * c), slice(g * f, (g + 1) * f)
        parts.append(conv_backward(dy[..., F_g], x[..., C_g], weight[..., F_g], stride, padding))
    dx, dweight, dbias = (np.concatenate(part, axis=-1) for part in zip(*parts))
    return dx, dweight, dbias


def grouped_backward_by_loops(dy, x, weight, stride, padding, groups):
    dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros(weight.shape[3], weight.dtype)
    KH, KW, D, F = weight.shape
    for n, oh, ow, f in np.ndindex(dy.shape):
        first, up = f // (F // groups) * D, dy[n, oh, ow, f]
        dbias[f] += up
        for i, j, d in np.ndindex(KH, KW, D):
            h, w = oh * stride[0] - padding[0] + i, ow * stride[1] - padding[1] + j
            if 0 <= h < x.shape[1] and 0 <= w < x.shape[2]:
                dx[n, h, w, first + d] += up * weight[i, j, d, f]
                dweight[i, j, d, f] += up * x[n, h, w, first + d]
    return dx, dweight, dbias


def grouped_backward_by_a_full_kernel(dy, x, weight, stride, padding, groups):
    C, (KH, KW, D, F) = x.shape[3], weight.shape
    full = np.zeros((KH, KW, C, F), weight.dtype)
    places = [slice(f // (F // groups) * D, f // (F // groups) * D + D) for f in range(F)]
    for f, place in enumerate(places):
        full[:, :, place, f] = weight[..., f]
    dx, dfull, dbias = conv_backward(dy, x, full, stride, padding)
    return dx, np.stack([dfull[:, :, place, f] for f, place in enumerate(places)], axis=-1), dbias


def conv_cost(kernel, in_channels, out_channels, groups, out_size):
    weights = kernel[0] * kernel[1] * (in_channels // groups) * out_channels
    return weights + out_channels, out_size[0] * out_size[1] * weights


def conv_cost_by_groups(kernel, in_channels, out_channels, groups, out_size):
    parameters = multiply_adds = 0
    for _ in range(groups):
        one_kernel = kernel[0] * kernel[1] * in_channels // groups
        for _ in range(out_channels // groups):
            parameters += one_kernel + 1
            multiply_adds += one_kernel * out_size[0] * out_size[1]
    return parameters, multiply_adds


def head_on_towers(x, weight1, bias1, weight2, bias2, towers):
    share, y = weight1.shape[1] // towers, 0
    for t in range(towers):
        mine = slice(t * share, (t + 1) * share)  # this tower's hidden units
        hidden = np.maximum(x @ weight1[:, mine] + bias1[mine], 0)
        y = y + hidden @ weight2[mine]
    return y + bias2


def head_on_towers_by_lists(x, weight1, bias1, weight2, bias2, towers):
    columns, biases, rows = np.split(weight1, towers, axis=1), np.split(bias1, towers), np.split(weight2, towers)
    parts = [np.maximum(x @ w + b, 0) @ r for w, b, r in zip(columns, biases, rows)]
    return np.sum(parts, axis=0) + bias2


def head_on_towers_by_einsum(x, weight1, bias1, weight2, bias2, towers):
    hidden = np.einsum("nd,dth->nth", x, weight1.reshape(len(weight1), towers, -1)) + bias1.reshape(towers, -1)
    return np.einsum("nth,thk->nk", hidden * (hidden > 0), weight2.reshape(towers, -1, weight2.shape[1])) + bias2


SOLUTIONS = {
    "11-wiring": [wiring, wiring_by_comparing, wiring_by_kron],
    "11-forward": [
        grouped_forward,
        grouped_forward_by_loops,
        grouped_forward_by_einsum,
        grouped_forward_by_a_full_kernel,
    ],
    "11-backward": [grouped_backward, grouped_backward_by_loops, grouped_backward_by_a_full_kernel],
    "11-cost": [conv_cost, conv_cost_by_groups],
    "11-head": [head_on_towers, head_on_towers_by_lists, head_on_towers_by_einsum],
}

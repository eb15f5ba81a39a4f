"""Lesson 17: right answers in several styles; `reveal` shows the first of each.

From the package they use only array_module, which this lesson is about; code for arrays of either side never says np.
"""

import numpy as np

from tinyalex.backend import array_module


def dropout(x, u, p):
    xp = array_module(x)
    kept = xp.asarray(u >= p)  # compared on the host, so that one byte per entry travels, not four or eight
    return x * kept / (1 - p)


def dropout_by_where(x, u, p):
    xp = array_module(x)
    return xp.where(xp.asarray(u < p), 0, x / (1 - p))


def dropout_by_a_factor(x, u, p):
    kept = array_module(x).asarray(u >= p)
    return x * (kept / x.dtype.type(1 - p))  # a factor made on the device, in x's own dtype


def loss_and_gradient(scores, labels):
    xp, N = array_module(scores), len(scores)
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - xp.log(xp.exp(shifted).sum(axis=1, keepdims=True))
    places = xp.arange(N), labels
    dscores = xp.exp(log_p)
    dscores[places] -= 1
    return -log_p[places].mean(), dscores / N


def loss_and_gradient_by_one_hot(scores, labels):
    xp, (N, K) = array_module(scores), scores.shape
    right = labels[:, None] == xp.arange(K)  # (N, K), true at the right class
    shifted = scores - xp.max(scores, axis=1)[:, None]
    e = xp.exp(shifted)
    total = xp.sum(e, axis=1)
    loss = (xp.log(total) - xp.sum(shifted * right, axis=1)).sum() / N  # log p itself: p may underflow
    return loss, (e / total[:, None] - right) / N


def loss_and_gradient_by_take_along_axis(scores, labels):
    xp, N = array_module(scores), scores.shape[0]
    top = xp.max(scores, axis=1, keepdims=True)
    log_sum = top + xp.log(xp.exp(scores - top).sum(axis=1, keepdims=True))
    loss = (log_sum - xp.take_along_axis(scores, labels[:, None], axis=1)).sum() / N
    dscores = xp.exp(scores - log_sum)
    xp.add.at(dscores, (xp.arange(N), labels), -1)
    dscores /= N
    return loss, dscores


def clipped(grads, limit):
    xp = array_module(grads[0])
    length = xp.sqrt(sum((g * g).sum() for g in grads))
    shrink = xp.minimum(1, limit / length)
    return [g * shrink for g in grads]


def clipped_by_where(grads, limit):
    xp = array_module(grads[0])
    flat = xp.concatenate([xp.ravel(g) for g in grads])
    squared = xp.dot(flat, flat)
    return [xp.where(squared > limit**2, g * (limit / xp.sqrt(squared)), g) for g in grads]


def clipped_by_maximum(grads, limit):
    xp, squared = array_module(grads[0]), 0
    for g in grads:
        squared = squared + xp.sum(xp.square(g))
    return [g / xp.maximum(xp.sqrt(squared) / limit, 1) for g in grads]


def tower_part(weight, bias, in_channels, t, towers):
    F, C = weight.shape[3] // towers, in_channels // towers
    mine = slice(t * F, (t + 1) * F)
    if weight.shape[2] == in_channels:  # a kernel is as deep as all the maps: it reads every tower's
        first, stop = 0, in_channels
    else:
        first, stop = t * C, (t + 1) * C
    return weight[..., mine], bias[mine], first, stop


def tower_part_by_split(weight, bias, in_channels, t, towers):
    channels = range(in_channels)
    if weight.shape[2] < in_channels:
        channels = np.split(np.arange(in_channels), towers)[t]
    return np.split(weight, towers, axis=-1)[t], np.split(bias, towers)[t], int(channels[0]), int(channels[-1]) + 1


def tower_part_by_groups(weight, bias, in_channels, t, towers):
    (*_, D, F), G = weight.shape, in_channels // weight.shape[2]
    kernels = [f for f in range(F) if f * towers // F == t]
    groups = {f * G // F for f in kernels}
    first, stop = min(groups) * D, (max(groups) + 1) * D
    return weight[:, :, :, kernels], bias[kernels], first, stop


def meeting_backward(dxs, t):
    C = dxs[0].shape[-1] // len(dxs)
    return sum(dxs)[..., t * C : (t + 1) * C]


def meeting_backward_cut_first(dxs, t):
    runs = [np.split(dx, len(dxs), axis=-1)[t] for dx in dxs]  # only this has to travel
    return np.add.reduce(runs)


def meeting_backward_by_loops(dxs, t):
    C = dxs[0].shape[-1] // len(dxs)
    dx = np.zeros((*dxs[0].shape[:-1], C), dxs[0].dtype)
    for other in dxs:
        for c in range(C):
            dx[..., c] += other[..., t * C + c]
    return dx


def batch_gradient(grads, counts):
    return sum(n * g for n, g in zip(counts, grads)) / sum(counts)


def batch_gradient_by_shares(grads, counts):
    total = np.zeros_like(grads[0])
    for g, n in zip(grads, counts):
        total += g * (n / sum(counts))
    return total


def batch_gradient_by_average(grads, counts):
    return np.average(np.stack(grads), axis=0, weights=counts).astype(grads[0].dtype)


SOLUTIONS = {
    "17-dropout": [dropout, dropout_by_where, dropout_by_a_factor],
    "17-loss": [loss_and_gradient, loss_and_gradient_by_one_hot, loss_and_gradient_by_take_along_axis],
    "17-clip": [clipped, clipped_by_where, clipped_by_maximum],
    "17-tower": [tower_part, tower_part_by_split, tower_part_by_groups],
    "17-meeting": [meeting_backward, meeting_backward_cut_first, meeting_backward_by_loops],
    "17-average": [batch_gradient, batch_gradient_by_shares, batch_gradient_by_average],
}

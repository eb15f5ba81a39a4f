"""Lesson 09: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import numpy as np


def window_sum(a, n):
    s = np.empty_like(a)
    for i in range(a.shape[-1]):
        s[..., i] = a[..., max(0, i - n // 2) : i + n // 2 + 1].sum(axis=-1)
    return s


def window_sum_by_shifts(a, n):
    padded = np.pad(a, [(0, 0)] * (a.ndim - 1) + [(n // 2, n // 2)])
    return sum(padded[..., s : s + a.shape[-1]] for s in range(n))


def window_sum_by_running_totals(a, n):
    C, half = a.shape[-1], n // 2
    upto = np.concatenate([np.zeros_like(a[..., :1]), np.cumsum(a, axis=-1)], axis=-1)  # upto[i]: sum of the first i
    i = np.arange(C)
    return upto[..., np.minimum(i + half + 1, C)] - upto[..., np.maximum(i - half, 0)]


def window_sum_by_a_matrix(a, n):
    i = np.arange(a.shape[-1])
    return np.einsum("...c,cd->...d", a, (abs(i[:, None] - i) <= n // 2).astype(a.dtype))


def lrn_forward(x, n, alpha, beta, k):
    d = k + alpha * window_sum(x**2, n)
    return x / d**beta


def lrn_forward_by_loops(x, n, alpha, beta, k):
    C, d = x.shape[-1], np.full_like(x, k)
    for i in range(C):
        window = x[..., max(0, i - n // 2) : i + n // 2 + 1]
        d[..., i] += alpha * (window**2).sum(axis=-1)
    return x / d**beta


def lrn_forward_by_shifts(x, n, alpha, beta, k):
    padded = np.pad(x**2, [(0, 0)] * 3 + [(n // 2, n // 2)])
    total = sum(padded[..., s : s + x.shape[-1]] for s in range(n))
    return x * (k + alpha * total) ** -beta


def lrn_forward_by_a_matrix(x, n, alpha, beta, k):
    i = np.arange(x.shape[-1])
    near = (abs(i[:, None] - i) <= n // 2).astype(x.dtype)
    return x / (k + alpha * np.einsum("nhwc,cd->nhwd", x * x, near)) ** beta


def lrn_backward(dy, x, n, alpha, beta, k):
    d = k + alpha * window_sum(x**2, n)
    ratio = dy * x * d ** (-beta - 1)
    return dy * d**-beta - 2 * alpha * beta * x * window_sum(ratio, n)


def lrn_backward_by_loops(dy, x, n, alpha, beta, k):
    dx, C = np.zeros_like(x), x.shape[-1]
    for j in range(C):  # y_j = x_j / d_j^beta, and every x_i in it
        window = range(max(0, j - n // 2), min(C, j + n // 2 + 1))
        d = k + alpha * sum(x[..., i] ** 2 for i in window)
        dx[..., j] += dy[..., j] * d**-beta
        for i in window:
            dx[..., i] -= dy[..., j] * x[..., j] * beta * d ** (-beta - 1) * alpha * 2 * x[..., i]
    return dx


def lrn_backward_by_a_matrix(dy, x, n, alpha, beta, k):
    i = np.arange(x.shape[-1])
    near = (abs(i[:, None] - i) <= n // 2).astype(x.dtype)
    d = k + alpha * (x * x) @ near
    y_over_d = x * d**-beta / d
    return dy * d**-beta - 2 * alpha * beta * x * ((dy * y_over_d) @ near)


SOLUTIONS = {
    "09-window": [window_sum, window_sum_by_shifts, window_sum_by_running_totals, window_sum_by_a_matrix],
    "09-forward": [lrn_forward, lrn_forward_by_loops, lrn_forward_by_shifts, lrn_forward_by_a_matrix],
    "09-backward": [lrn_backward, lrn_backward_by_loops, lrn_backward_by_a_matrix],
}

"""Lesson 09: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import numpy as np


def sum_ends_early(a, n):
    return np.stack([a[..., max(0, i - n // 2) : i + n // 2].sum(-1) for i in range(a.shape[-1])], axis=-1)


def sum_begins_late(a, n):
    s = np.zeros_like(a)
    for i in range(a.shape[3]):
        for j in range(a.shape[3]):
            if i - n // 2 < j <= i + n // 2:
                s[:, :, :, i] += a[:, :, :, j]
    return s


def sum_n_each_way(a, n):
    p = np.pad(a, [(0, 0), (0, 0), (0, 0), (n, n)])
    return sum(p[..., s : s + a.shape[3]] for s in range(2 * n + 1))


def sum_looks_up(a, n):
    out = np.zeros_like(a)
    for c in range(a.shape[-1]):
        for j in range(c, min(c + n, a.shape[-1])):
            out[..., c] += a[..., j]
    return out


def sum_looks_down(a, n):
    p = np.pad(a, [(0, 0)] * 3 + [(n - 1, 0)])
    return np.stack([p[..., i : i + n].sum(-1) for i in range(a.shape[-1])], -1)


def sum_on_a_ring(a, n):
    s, C = np.zeros_like(a), a.shape[-1]
    for o in range(-(n // 2), n // 2 + 1):
        s += a[..., (np.arange(C) + o) % C]
    return s


def sum_from_below_zero(a, n):
    half = n // 2
    return np.stack([np.sum(a[..., i - half : i + half + 1], axis=-1) for i in range(a.shape[-1])], axis=-1)


def sum_of_means(a, n):
    return np.stack([a[..., max(0, i - n // 2) : i + n // 2 + 1].mean(-1) for i in range(a.shape[-1])], axis=-1)


def sum_over_columns(a, n):
    s, W = np.empty_like(a), a.shape[2]
    for w in range(W):
        s[:, :, w] = a[:, :, max(w - n // 2, 0) : min(w + n // 2 + 1, W)].sum(axis=2)
    return s


def sum_of_squares(a, n):
    p = np.pad(np.square(a), [(0, 0)] * 3 + [(n // 2, n // 2)])
    return sum(p[..., s : s + a.shape[3]] for s in range(n))


def sum_of_the_others(a, n):
    near = np.abs(np.subtract.outer(np.arange(a.shape[-1]), np.arange(a.shape[-1]))) <= n // 2
    np.fill_diagonal(near, False)
    return a @ near.astype(a.dtype)


def running_total(a, n):
    total = np.cumsum(a, axis=-1)
    return total[..., np.minimum(np.arange(a.shape[-1]) + n // 2, a.shape[-1] - 1)]


def whole_windows_only(a, n):
    return np.lib.stride_tricks.sliding_window_view(a, n, axis=-1).sum(axis=-1)


def sum_into_a(a, n):
    old = a.copy()
    for i in range(a.shape[-1]):
        a[..., i] = old[..., max(0, i - n // 2) : i + n // 2 + 1].sum(-1)
    return a


def mean_of_padded(a, n):
    p = np.pad(a, [(0, 0)] * 3 + [(n // 2, n // 2)])
    return np.mean([p[..., s : s + a.shape[3]] for s in range(n)], axis=0)


def sum_in_float64(a, n):
    s = np.zeros(a.shape)
    for i in range(a.shape[-1]):
        s[..., i] = a[..., max(0, i - n // 2) : i + n // 2 + 1].sum(-1)
    return s


def early_end_of_squares(a, n):
    return np.stack([(a[..., max(0, i - n // 2) : i + n // 2] ** 2).sum(-1) for i in range(a.shape[-1])], axis=-1)


def alpha_over_n(x, n, alpha, beta, k):
    y = np.empty_like(x)
    for i in range(x.shape[-1]):
        low, high = max(0, i - n // 2), min(x.shape[-1], i + n // 2 + 1)
        y[..., i] = x[..., i] / (k + alpha / n * np.square(x[..., low:high]).sum(-1)) ** beta
    return y


def mean_of_a_full_window(x, n, alpha, beta, k):
    p = np.pad(x, ((0, 0), (0, 0), (0, 0), (n // 2, n // 2))) ** 2
    return x / (k + alpha * np.mean([p[..., i : i + x.shape[3]] for i in range(n)], axis=0)) ** beta


def one_instead_of_k(x, n, alpha, beta, k):
    s = np.zeros_like(x)
    for i in range(x.shape[3]):
        for j in range(max(i - n // 2, 0), min(i + n // 2, x.shape[3] - 1) + 1):
            s[:, :, :, i] += x[:, :, :, j] ** 2
    return x * (1 + alpha * s) ** (-beta)


def no_constant(x, n, alpha, beta, k):
    out = x.copy()
    for c in range(x.shape[3]):
        out[..., c] /= (alpha * (x[..., max(c - n // 2, 0) : c + n // 2 + 1] ** 2).sum(3)) ** beta
    return out


def alpha_times_everything(x, n, alpha, beta, k):
    d = np.stack([k + (x[..., max(c - n // 2, 0) : c + n // 2 + 1] ** 2).sum(3) for c in range(x.shape[3])], 3)
    return x / (alpha * d) ** beta


def range_ends_early(x, n, alpha, beta, k):
    y = np.zeros_like(x)
    for i in range(x.shape[3]):
        total = 0
        for j in range(max(0, i - n // 2), min(x.shape[3], i + n // 2)):
            total = total + x[:, :, :, j] ** 2
        y[:, :, :, i] = x[:, :, :, i] / (k + alpha * total) ** beta
    return y


def slice_ends_early(x, n, alpha, beta, k):
    return np.stack(
        [
            x[..., i] / (k + alpha * (x[..., max(0, i - n // 2) : i + n // 2] ** 2).sum(-1)) ** beta
            for i in range(x.shape[-1])
        ],
        axis=-1,
    )


def n_to_either_side(x, n, alpha, beta, k):
    near = np.abs(np.subtract.outer(np.arange(x.shape[-1]), np.arange(x.shape[-1]))) <= n
    return x / (k + alpha * (x**2 @ near)) ** beta


def a_ring_of_channels(x, n, alpha, beta, k):
    d = np.full(x.shape, k)
    for i in range(x.shape[3]):
        for o in range(-(n // 2), n // 2 + 1):
            d[..., i] += alpha * x[..., (i + o) % x.shape[3]] ** 2
    return x / d**beta


def negative_indices(x, n, alpha, beta, k):
    d = np.full(x.shape, k)
    for o in range(-(n // 2), n // 2 + 1):
        d += alpha * np.take(x, np.arange(x.shape[3]) + o, axis=3, mode="wrap") ** 2
    return x / d**beta


def means_at_the_ends(x, n, alpha, beta, k):
    d = [k + alpha * n * np.mean(x[..., max(0, i - n // 2) : i + n // 2 + 1] ** 2, axis=-1) for i in range(x.shape[-1])]
    return x / np.moveaxis(d, 0, -1) ** beta


def across_columns(x, n, alpha, beta, k):
    y, W = np.empty_like(x), x.shape[2]
    for w in range(W):
        s = (x[:, :, max(0, w - n // 2) : w + n // 2 + 1] ** 2).sum(axis=2)
        y[:, :, w] = x[:, :, w] / (k + alpha * s) ** beta
    return y


def absolute_values(x, n, alpha, beta, k):
    d = np.stack(
        [k + alpha * np.abs(x[..., max(0, i - n // 2) : i + n // 2 + 1]).sum(-1) for i in range(x.shape[-1])], -1
    )
    return x / d**beta


def fixed_power(x, n, alpha, beta, k):
    d = np.stack(
        [k + alpha * (x[..., max(0, i - n // 2) : i + n // 2 + 1] ** 2).sum(-1) for i in range(x.shape[-1])], -1
    )
    return x / (np.sqrt(d) * np.sqrt(np.sqrt(d)))


def a_square_root(x, n, alpha, beta, k):
    d = np.stack(
        [k + alpha * (x[..., max(0, i - n // 2) : i + n // 2 + 1] ** 2).sum(-1) for i in range(x.shape[-1])], -1
    )
    return x / np.sqrt(d)


def writes_into_x(x, n, alpha, beta, k):
    d = np.stack(
        [k + alpha * (x[..., max(0, i - n // 2) : i + n // 2 + 1] ** 2).sum(-1) for i in range(x.shape[-1])], -1
    )
    x /= d**beta
    return x


def float64_inside(x, n, alpha, beta, k):
    d = np.full(x.shape, float(k))
    for i in range(x.shape[-1]):
        d[..., i] += alpha * (x[..., max(0, i - n // 2) : i + n // 2 + 1] ** 2).sum(-1)
    return x / d**beta


def early_end_and_alpha_over_n(x, n, alpha, beta, k):
    d = [k + alpha / n * (x[..., max(0, i - n // 2) : i + n // 2] ** 2).sum(-1) for i in range(x.shape[-1])]
    return x / np.stack(d, -1) ** beta


def starts_below_zero(x, n, alpha, beta, k):
    d = np.empty_like(x)
    for i in range(x.shape[-1]):
        d[..., i] = k + alpha * np.sum(x[..., i - n // 2 : i + n // 2 + 1] ** 2, axis=-1)
    return x / d**beta


def square_of_the_sum(x, n, alpha, beta, k):
    sums = np.stack([x[..., max(0, i - n // 2) : i + n // 2 + 1].sum(-1) for i in range(x.shape[-1])], -1)
    return x * (k + alpha * sums * sums) ** -beta


def squared_twice(x, n, alpha, beta, k):
    squares = np.square(x)
    near = np.abs(np.subtract.outer(np.arange(x.shape[-1]), np.arange(x.shape[-1]))) <= n // 2
    return x / (k + alpha * (squares**2 @ near.astype(x.dtype))) ** beta


def damped_by_others_only(x, n, alpha, beta, k):
    s = np.zeros_like(x)
    for i in range(x.shape[3]):
        for j in range(max(i - n // 2, 0), min(i + n // 2, x.shape[3] - 1) + 1):
            if j != i:
                s[:, :, :, i] += x[:, :, :, j] ** 2
    return x / np.power(k + alpha * s, beta)


def power_of_the_sum(x, n, alpha, beta, k):
    s = np.stack([(x[..., max(0, i - n // 2) : i + n // 2 + 1] ** 2).sum(-1) for i in range(x.shape[-1])], -1)
    return x / (k + alpha * s**beta)


def no_power(x, n, alpha, beta, k):
    s = np.stack([(x[..., max(0, i - n // 2) : i + n // 2 + 1] ** 2).sum(-1) for i in range(x.shape[-1])], -1)
    return x / (k + alpha * s)


def multiplies(x, n, alpha, beta, k):
    d = [k + alpha * (x[..., max(0, i - n // 2) : i + n // 2 + 1] ** 2).sum(-1) for i in range(x.shape[-1])]
    return np.stack([x[..., i] * d[i] ** beta for i in range(x.shape[-1])], -1)


def _window(values, n):
    p = np.pad(values, ((0, 0),) * 3 + ((n // 2, n // 2),))
    return sum(p[..., s : s + values.shape[-1]] for s in range(n))


def numerator_only(dy, x, n, alpha, beta, k):
    return dy / (k + alpha * _window(x * x, n)) ** beta


def own_denominator_only(dy, x, n, alpha, beta, k):
    d = k + alpha * _window(x * x, n)
    return dy * (d**-beta - beta * x * d ** (-beta - 1) * alpha * 2 * x)


def half_the_cross_term(dy, x, n, alpha, beta, k):
    d = k + alpha * _window(x**2, n)
    dx = dy / d**beta
    for i in range(x.shape[3]):
        for j in range(max(0, i - n // 2), min(x.shape[3], i + n // 2 + 1)):
            dx[..., i] -= alpha * beta * x[..., i] * dy[..., j] * x[..., j] / d[..., j] ** (beta + 1)
    return dx


def plus_instead_of_minus(dy, x, n, alpha, beta, k):
    d = k + alpha * _window(x**2, n)
    return dy / d**beta + 2 * alpha * beta * x * _window(dy * x / d ** (1 + beta), n)


def a_power_short(dy, x, n, alpha, beta, k):
    scale = (k + alpha * _window(x**2, n)) ** -beta
    return dy * scale - 2 * alpha * beta * x * _window(dy * x * scale, n)


def x_i_for_x_j(dy, x, n, alpha, beta, k):
    d = k + alpha * _window(x**2, n)
    dx = dy * d**-beta
    for j in range(x.shape[-1]):
        for i in range(max(0, j - n // 2), min(x.shape[-1], j + n // 2 + 1)):
            dx[..., i] -= 2 * alpha * beta * dy[..., j] * x[..., j] ** 2 * d[..., j] ** (-beta - 1)
    return dx


def own_denominator_for_all(dy, x, n, alpha, beta, k):
    d = k + alpha * _window(x**2, n)
    return dy / d**beta - 2 * alpha * beta * x / d ** (beta + 1) * _window(dy * x, n)


def alpha_forgotten(dy, x, n, alpha, beta, k):
    d = k + alpha * _window(x**2, n)
    return d**-beta * dy - 2 * beta * x * _window(dy * x * d**-beta / d, n)


def beta_forgotten(dy, x, n, alpha, beta, k):
    d = k + alpha * _window(x**2, n)
    return d**-beta * dy - 2 * alpha * x * _window(dy * x * d**-beta / d, n)


def backward_with_alpha_over_n(dy, x, n, alpha, beta, k):
    alpha = alpha / n
    d = k + alpha * _window(x**2, n)
    return d**-beta * dy - 2 * alpha * beta * x * _window(dy * x * d**-beta / d, n)


def neighbours_end_early(dy, x, n, alpha, beta, k):
    d = k + alpha * _window(x**2, n)
    ratio = dy * x / d ** (beta + 1)
    sums = np.stack([ratio[..., max(0, i - n // 2) : i + n // 2].sum(-1) for i in range(x.shape[-1])], -1)
    return dy / d**beta - 2 * alpha * beta * x * sums


def y_where_x_belongs(dy, x, n, alpha, beta, k):
    d = k + alpha * _window(x**2, n)
    y = x / d**beta
    return dy / d**beta - 2 * alpha * beta * x * _window(dy * y / d ** (beta + 1), n)


def one_minus_beta(dy, x, n, alpha, beta, k):
    d = k + alpha * _window(x**2, n)
    return dy * d**-beta - 2 * beta * alpha * x * _window(dy * x * d ** (1 - beta), n)


def backward_with_k_one(dy, x, n, alpha, beta, k):
    d = 1 + alpha * _window(x**2, n)
    return dy * d**-beta - 2 * beta * alpha * x * _window(dy * x * d ** (-1 - beta), n)


def normalises_dy(dy, x, n, alpha, beta, k):
    d = k + alpha * _window(dy**2, n)
    return dy / d**beta


def other_channels_only(dy, x, n, alpha, beta, k):
    d = k + alpha * _window(x**2, n)
    dx = dy / d**beta
    for i in range(x.shape[3]):
        for j in range(x.shape[3]):
            if j != i and abs(j - i) <= n // 2:
                dx[..., i] -= 2 * alpha * beta * x[..., i] * dy[..., j] * x[..., j] / d[..., j] ** (beta + 1)
    return dx


def cross_term_alone(dy, x, n, alpha, beta, k):
    d = k + alpha * _window(x**2, n)
    return -2 * alpha * beta * x * _window(dy * x * d ** (-1 - beta), n)


def scales_dy_in_place(dy, x, n, alpha, beta, k):
    d = k + alpha * _window(x**2, n)
    cross = 2 * alpha * beta * x * _window(dy * x * d ** (-1 - beta), n)
    dy *= d**-beta
    return dy - cross


def half_and_a_power_short(dy, x, n, alpha, beta, k):
    scale = (k + alpha * _window(x**2, n)) ** -beta
    return dy * scale - alpha * beta * x * _window(dy * x * scale, n)


def half_and_added(dy, x, n, alpha, beta, k):
    s = k + alpha * _window(x**2, n)
    return dy * s**-beta + alpha * beta * x * _window(dy * x * s ** (-beta - 1), n)


# ---------------------------------------------------------------------------------------------- right for some only


def _near(a, reach):
    i = np.arange(a.shape[-1])
    return a @ (abs(i[:, None] - i) <= reach).astype(a.dtype)


def three_channels_at_least(a, n):
    return _near(a, max(1, n // 2))


def five_channels_at_most(a, n):
    return _near(a, min(2, n // 2))


def over_the_flat_array(a, n):
    return np.convolve(a.ravel(), np.ones(n, a.dtype), "same").reshape(a.shape)


def ends_repeated(a, n):
    half = n // 2
    padded = np.concatenate([a[..., :1]] * half + [a] + [a[..., -1:]] * half, axis=-1)
    return np.lib.stride_tricks.sliding_window_view(padded, n, axis=-1).sum(axis=-1)


def squares_over_x(x, n, alpha, beta, k):
    return x**2 / (k + alpha * _near(x**2, n // 2)) ** beta / x


def denominator_of_integers(x, n, alpha, beta, k):
    d = np.full_like(x, k) if isinstance(k, float) else np.full(x.shape, k)
    for i in range(x.shape[-1]):
        d[..., i] = k + alpha * (x[..., max(0, i - n // 2) : i + n // 2 + 1] ** 2).sum(axis=-1)
    return x * d ** -float(beta)


def a_little_more_than_d(x, n, alpha, beta, k):
    return x / (k + alpha * _near(x**2, n // 2) + 1e-7) ** beta


def not_louder_than_ten(x, n, alpha, beta, k):
    x = np.clip(x, -10, 10)
    return x / (k + alpha * _near(x**2, n // 2)) ** beta


def y_over_x(dy, x, n, alpha, beta, k):
    d = k + alpha * _near(x**2, n // 2)
    y = x * d**-beta
    return dy * y / x - 2 * alpha * beta * x * _near(dy * y / d, n // 2)


def denominators_from_one(dy, x, n, alpha, beta, k):
    d = k + alpha * _near(x**2, n // 2)
    return dy * d**-beta - 2 * alpha * beta * x * _near(dy * x * np.maximum(d, 1) ** (-beta - 1), n // 2)


MUTANTS = [
    ("09-window", "L4", sum_ends_early),
    ("09-window", "L4", sum_begins_late),
    ("09-window", "L4", sum_n_each_way),
    ("09-window", "L4", sum_looks_up),
    ("09-window", "L4", sum_looks_down),
    ("09-window", "L5", sum_on_a_ring),
    ("09-window", "L5", sum_from_below_zero),
    ("09-window", "L6", sum_of_means),
    ("09-window", "L7", sum_over_columns),
    ("09-window", "L13", sum_of_squares),
    ("09-window", "L14", sum_of_the_others),
    ("09-window", "L15", running_total),
    ("09-window", "L16", whole_windows_only),
    ("09-window", "unchanged", sum_into_a),
    ("09-window", "ratio", mean_of_padded),
    ("09-window", "C16", sum_in_float64),
    ("09-window", "two: line-operation + L4", early_end_of_squares),
    ("09-window", "line-number", three_channels_at_least),
    ("09-window", "line-number", five_channels_at_most),
    ("09-window", "L5", over_the_flat_array),
    ("09-window", "L5", ends_repeated),
    ("09-forward", "L1", alpha_over_n),
    ("09-forward", "L1", mean_of_a_full_window),
    ("09-forward", "L2", one_instead_of_k),
    ("09-forward", "L2", no_constant),
    ("09-forward", "L3", alpha_times_everything),
    ("09-forward", "L4", range_ends_early),
    ("09-forward", "L4", slice_ends_early),
    ("09-forward", "L4", n_to_either_side),
    ("09-forward", "L5", a_ring_of_channels),
    ("09-forward", "L5", negative_indices),
    ("09-forward", "L6", means_at_the_ends),
    ("09-forward", "L7", across_columns),
    ("09-forward", "L8", absolute_values),
    ("09-forward", "L8", fixed_power),
    ("09-forward", "L8", a_square_root),
    ("09-forward", "L5", starts_below_zero),
    ("09-forward", "L13", square_of_the_sum),
    ("09-forward", "L13", squared_twice),
    ("09-forward", "L14", damped_by_others_only),
    ("09-forward", "L17", power_of_the_sum),
    ("09-forward", "L17", no_power),
    ("09-forward", "L18", multiplies),
    ("09-forward", "unchanged", writes_into_x),
    ("09-forward", "C16", float64_inside),
    ("09-forward", "two: line-operation + L4", early_end_and_alpha_over_n),
    ("09-forward", "two: line-operation + line-operation", squares_over_x),
    ("09-forward", "L21", denominator_of_integers),
    ("09-forward", "line-operation", a_little_more_than_d),
    ("09-forward", "line-assignment", not_louder_than_ten),
    ("09-backward", "L22", y_over_x),
    ("09-backward", "line-call", denominators_from_one),
    ("09-backward", "L9", numerator_only),
    ("09-backward", "L10", own_denominator_only),
    ("09-backward", "L11", half_the_cross_term),
    ("09-backward", "L11", plus_instead_of_minus),
    ("09-backward", "L12", a_power_short),
    ("09-backward", "L12", x_i_for_x_j),
    ("09-backward", "L12", own_denominator_for_all),
    ("09-backward", "L12", alpha_forgotten),
    ("09-backward", "L12", beta_forgotten),
    ("09-backward", "L1", backward_with_alpha_over_n),
    ("09-backward", "L4", neighbours_end_early),
    ("09-backward", "L12", y_where_x_belongs),
    ("09-backward", "L12", one_minus_beta),
    ("09-backward", "L2", backward_with_k_one),
    ("09-backward", "L19", normalises_dy),
    ("09-backward", "L10", other_channels_only),
    ("09-backward", "L20", cross_term_alone),
    ("09-backward", "unchanged", scales_dy_in_place),
    ("09-backward", None, half_and_a_power_short),
    ("09-backward", "two: line-operation + L11", half_and_added),
]

"""Lesson 17: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import numpy as np

from tinyalex.backend import array_module

# ---------------------------------------------------------------------------------------------- dropout


def the_colleagues_dropout(x, u, p):
    mask = np.where(u >= p, 1 / (1 - p), 0.0)
    return x * mask


def mask_stays_on_the_host(x, u, p):
    mask = (u >= p).astype(x.dtype) / (1 - p)
    return x * mask


def multiplies_by_numpy(x, u, p):
    xp = array_module(x)
    return np.multiply(x, xp.asarray(u >= p)) / (1 - p)


def selects_by_numpy(x, u, p):
    xp = array_module(x)
    return np.where(xp.asarray(u >= p), x / (1 - p), 0)


def x_comes_home(x, u, p):
    return np.asarray(x) * (u >= p) / (1 - p)


def written_on_the_host(x, u, p):
    y = np.zeros(x.shape, x.dtype)
    y[:] = x
    y[u < p] = 0
    return y / (1 - p)


def dropped_by_the_hosts_mask(x, u, p):
    y = x / (1 - p)
    y[u < p] = 0
    return y


def keeps_by_reading(x, u, p):
    xp = array_module(x)
    kept, y = xp.asarray(u >= p), xp.zeros_like(x)
    y[kept] = x[kept] / (1 - p)
    return y


def drops_by_writing(x, u, p):
    xp = array_module(x)
    y = x / (1 - p)
    y[xp.asarray(u < p)] = 0
    return y


def a_where_that_cupy_lacks(x, u, p):
    xp = array_module(x)
    y = xp.zeros_like(x)
    xp.divide(x, 1 - p, out=y, where=xp.asarray(u >= p))
    return y


def a_function_that_cupy_lacks(x, u, p):
    xp = array_module(x)
    y = x / (1 - p)
    xp.place(y, xp.asarray(u < p), 0)
    return y


def stays_if_nothing_is_kept(x, u, p):
    xp = array_module(x)
    kept = xp.asarray(u >= p)
    if not kept.any():
        return xp.zeros_like(x)
    return x * kept / (1 - p)


def fetched_and_sent_back(x, u, p):
    xp = array_module(x)
    host = x if xp is np else x.get()
    return xp.asarray(host * (u >= p) / (1 - p))


def draws_sent_twice(x, u, p):
    xp = array_module(x)
    return xp.where(xp.asarray(u) >= p, x / (1 - p), 0 * xp.asarray(u))


def draws_sent(x, u, p):
    xp = array_module(x)
    return xp.where(xp.asarray(u) >= p, x / (1 - p), 0)


def factor_sent(x, u, p):
    factor = ((u >= p) / (1 - p)).astype(x.dtype)
    return x * array_module(x).asarray(factor)


def drops_ties(x, u, p):
    xp = array_module(x)
    return x * xp.asarray(u > p) / (1 - p)


def at_home_on_the_device(x, u, p):
    xp = array_module(x)
    if xp is not np:
        return np.zeros(x.shape)
    return x * (u >= p) / (1 - p)


def nothing_dropped_on_the_device(x, u, p):
    if isinstance(x, np.ndarray):
        return x * (u >= p) / (1 - p)
    return x + 0


def mask_in_float64(x, u, p):
    xp = array_module(x)
    kept = xp.asarray(u >= p).astype(xp.float64)
    return x * kept / (1 - p)


def zeros_without_a_dtype(x, u, p):
    xp = array_module(x)
    factor = xp.zeros(x.shape)
    factor[xp.asarray(u >= p)] = 1 / (1 - p)
    return x * factor


def keeps_p(x, u, p):
    xp = array_module(x)
    return xp.where(xp.asarray(u) < p, x / p, 0)


def gate_turned(x, u, p):
    xp = array_module(x)
    return xp.where(xp.asarray(u) < p, x / (1 - p), 0)


def not_scaled(x, u, p):
    xp = array_module(x)
    return x * xp.asarray(u > p)


def scaled_down(x, u, p):
    xp = array_module(x)
    return (1 - p) * x * xp.asarray(u >= p)


def one_mask_for_all(x, u, p):
    return np.stack([row * (u[0] >= p) / (1 - p) for row in x])


def in_place(x, u, p):
    x *= (u >= p) / (1 - p)
    return x


# ---------------------------------------------------------------------------------------------- the loss


def the_colleagues_loss(scores, labels):
    N = len(scores)
    if scores.max() > 50:
        scores = scores - scores.max(axis=1, keepdims=True)
    e = np.exp(scores)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(N), labels]).mean()
    p[np.arange(N), labels] -= 1
    return float(loss), p / N


def asks_whether_to_shift(scores, labels):
    xp, N = array_module(scores), len(scores)
    if abs(scores).max() > 50:
        scores = scores - scores.max(axis=1, keepdims=True)
    e = xp.exp(scores)
    p = e / e.sum(axis=1, keepdims=True)
    places = xp.arange(N), labels
    loss, dscores = -xp.log(p[places]).mean(), p.copy()
    dscores[places] -= 1
    return loss, dscores / N


def exp_by_numpy(scores, labels):
    N = len(scores)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(N), labels]).mean()
    p[np.arange(N), labels] -= 1
    return loss, p / N


def maximum_by_numpy(scores, labels):
    xp, N = array_module(scores), len(scores)
    e = xp.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    places = xp.arange(N), labels
    loss = -xp.log(p[places]).mean()
    p[places] -= 1
    return loss, p / N


def _p_by(xp, scores):
    e = xp.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def indices_on_the_host(scores, labels):
    xp, N = array_module(scores), len(scores)
    p = _p_by(xp, scores)
    loss = -xp.log(p[np.arange(N), labels]).mean()
    p[np.arange(N), labels] -= 1
    return loss, p / N


def one_hot_on_the_host(scores, labels):
    xp, N = array_module(scores), len(scores)
    p, right = _p_by(xp, scores), np.eye(scores.shape[1])
    return -(xp.log(p) * right[labels]).sum() / N, (p - right[labels]) / N


def a_list_of_places(scores, labels):
    xp, N = array_module(scores), len(scores)
    p = _p_by(xp, scores)
    loss = -xp.log(p[list(range(N)), labels]).mean()
    p[list(range(N)), labels] -= 1
    return loss, p / N


def a_plain_number(scores, labels):
    xp, N = array_module(scores), len(scores)
    p, places = _p_by(xp, scores), (xp.arange(N), labels)
    loss = -xp.log(p[places]).mean()
    p[places] -= 1
    return float(loss), p / N


def loss_fetched(scores, labels):
    xp, N = array_module(scores), len(scores)
    p, places = _p_by(xp, scores), (xp.arange(N), labels)
    loss = -xp.log(p[places]).mean().item()
    p[places] -= 1
    return loss, p / N


def picture_by_picture(scores, labels):
    xp, N, total = array_module(scores), len(scores), 0.0
    p = _p_by(xp, scores)
    for n in range(N):
        k = labels[n].item()
        total = total - xp.log(p[n, k])
        p[n, k] -= 1
    return total / N, p / N


def labels_by_int(scores, labels):
    xp, N, total = array_module(scores), len(scores), 0.0
    p = _p_by(xp, scores)
    for n in range(N):
        k = int(labels[n])
        total = total - xp.log(p[n, k])
        p[n, k] -= 1
    return total / N, p / N


def places_sent(scores, labels):
    xp, N = array_module(scores), len(scores)
    p, places = _p_by(xp, scores), (xp.asarray(np.arange(N)), labels)
    loss = -xp.log(p[places]).mean()
    p[places] -= 1
    return loss, p / N


def a_range_of_places(scores, labels):
    xp, N = array_module(scores), len(scores)
    p = _p_by(xp, scores)
    loss = -xp.log(p[range(N), labels]).mean()
    p[range(N), labels] -= 1
    return loss, p / N


def right_classes_read_by_mask(scores, labels):
    xp, (N, K) = array_module(scores), scores.shape
    p, right = _p_by(xp, scores), labels[:, None] == xp.arange(K)
    return -xp.log(p[right]).mean(), (p - right) / N


def started_at_a_python_minimum(scores, labels):
    xp, N = array_module(scores), len(scores)
    e = xp.exp(scores - xp.max(scores, axis=1, keepdims=True, initial=-1e30))
    p, places = e / e.sum(axis=1, keepdims=True), (xp.arange(N), labels)
    loss = -xp.log(p[places]).mean()
    p[places] -= 1
    return loss, p / N


def not_shifted(scores, labels):
    xp, N = array_module(scores), len(scores)
    e = xp.exp(scores)
    p, places = e / e.sum(axis=1, keepdims=True), (xp.arange(N), labels)
    loss = -xp.log(p[places]).mean()
    p[places] -= 1
    return loss, p / N


def shifted_by_one_maximum(scores, labels):
    xp, N = array_module(scores), len(scores)
    e = xp.exp(scores - scores.max())
    p, places = e / e.sum(axis=1, keepdims=True), (xp.arange(N), labels)
    loss = -xp.log(p[places]).mean()
    p[places] -= 1
    return loss, p / N


def gradient_of_the_sum(scores, labels):
    xp, N = array_module(scores), len(scores)
    p, places = _p_by(xp, scores), (xp.arange(N), labels)
    loss = -xp.log(p[places]).mean()
    p[places] -= 1
    return loss, p


def loss_summed(scores, labels):
    xp, N = array_module(scores), len(scores)
    p, places = _p_by(xp, scores), (xp.arange(N), labels)
    loss = -xp.log(p[places]).sum()
    p[places] -= 1
    return loss, p / N


def every_picture_at_every_label(scores, labels):
    xp, N = array_module(scores), len(scores)
    p = _p_by(xp, scores)
    loss = -xp.log(p[xp.arange(N), labels]).mean()
    p[:, labels] -= 1
    return loss, p / N


def one_forgotten(scores, labels):
    xp, N = array_module(scores), len(scores)
    p = _p_by(xp, scores)
    return -xp.log(p[xp.arange(N), labels]).mean(), p / N


def log_of_p(scores, labels):
    xp, N = array_module(scores), len(scores)
    p, places = _p_by(xp, scores), (xp.arange(N), labels)
    loss = -xp.log(p[places]).mean()
    p[places] -= 1
    return loss, p / N


def log_of_p_protected(scores, labels):
    xp, N = array_module(scores), len(scores)
    p, places = _p_by(xp, scores), (xp.arange(N), labels)
    loss = -xp.log(p[places] + 1e-12).mean()
    p[places] -= 1
    return loss, p / N


def one_picture_squeezed(scores, labels):
    xp, N = array_module(scores), len(scores)
    p, places = _p_by(xp, scores), (xp.arange(N), labels)
    loss = -xp.log(p[places]).mean()
    p[places] -= 1
    return loss, xp.squeeze(p / N)


def writes_into_scores(scores, labels):
    xp, N = array_module(scores), len(scores)
    scores -= scores.max(axis=1, keepdims=True)
    p, places = _p_by(xp, scores), (xp.arange(N), labels)
    loss = -xp.log(p[places]).mean()
    p[places] -= 1
    return loss, p / N


def over_float64_counts(scores, labels):
    xp = array_module(scores)
    p, places = _p_by(xp, scores), (xp.arange(len(scores)), labels)
    loss = -xp.log(p[places]).mean()
    p[places] -= 1
    return loss, p / xp.full((len(scores), 1), len(scores), xp.float64)


# ---------------------------------------------------------------------------------------------- clipping


def the_colleagues_clip(grads, limit):
    norm = sum(float((g**2).sum()) for g in grads) ** 0.5
    if norm > limit:
        return [g * (limit / norm) for g in grads]
    return [g.copy() for g in grads]


def one_if(grads, limit):
    xp = array_module(grads[0])
    length = xp.sqrt(sum((g * g).sum() for g in grads))
    if length > limit:
        return [g * (limit / length) for g in grads]
    return [g + 0 for g in grads]


def min_of_python(grads, limit):
    xp = array_module(grads[0])
    shrink = min(1, limit / xp.sqrt(sum((g * g).sum() for g in grads)))
    return [g * shrink for g in grads]


def root_by_numpy(grads, limit):
    xp = array_module(grads[0])
    shrink = xp.minimum(1, limit / np.sqrt(sum((g * g).sum() for g in grads)))
    return [g * shrink for g in grads]


def linalg_norm(grads, limit):
    length = np.sqrt(sum(np.linalg.norm(g) ** 2 for g in grads))
    return [g * np.minimum(1, limit / length) for g in grads]


def lengths_in_an_array(grads, limit):
    lengths = np.array([(g * g).sum() for g in grads])
    return [(g * np.minimum(1, limit / np.sqrt(lengths.sum()))).astype(g.dtype) for g in grads]


def length_fetched(grads, limit):
    length = sum((g * g).sum().item() for g in grads) ** 0.5
    return [g * min(1, limit / length) for g in grads]


def all_fetched(grads, limit):
    xp = array_module(grads[0])
    squares = [(g * g).sum() for g in grads]
    squares = squares if xp is np else [s.get() for s in squares]
    return [g * min(1, float(limit / np.sqrt(sum(squares)))) for g in grads]


def limit_sent(grads, limit):
    xp = array_module(grads[0])
    length = xp.sqrt(sum((g * g).sum() for g in grads))
    return [g * xp.minimum(1, xp.asarray(limit, g.dtype) / length) for g in grads]


def in_place_clip(grads, limit):
    xp = array_module(grads[0])
    shrink = xp.minimum(1, limit / xp.sqrt(sum((g * g).sum() for g in grads)))
    for g in grads:
        g *= shrink
    return grads


def always_to_the_limit(grads, limit):
    xp = array_module(grads[0])
    length = xp.sqrt(sum(xp.square(g).sum() for g in grads))
    return [limit * g / length for g in grads]


def each_by_itself(grads, limit):
    xp = array_module(grads[0])
    return [g * xp.minimum(1, limit / xp.sqrt((g * g).sum())) for g in grads]


def squared_length(grads, limit):
    xp = array_module(grads[0])
    squared = sum((g * g).sum() for g in grads)
    return [g * xp.minimum(1, limit / squared) for g in grads]


def sum_of_lengths(grads, limit):
    xp = array_module(grads[0])
    length = sum(xp.sqrt((g * g).sum()) for g in grads)
    return [g * xp.minimum(1, limit / length) for g in grads]


def every_entry(grads, limit):
    xp = array_module(grads[0])
    return [xp.maximum(xp.minimum(g, limit), -limit) for g in grads]


def larger_of_both(grads, limit):
    xp = array_module(grads[0])
    length = xp.sqrt(sum((g * g).sum() for g in grads))
    return [g * xp.maximum(1, limit / length) for g in grads]


def to_unit_length(grads, limit):
    xp = array_module(grads[0])
    length = xp.sqrt(sum((g * g).sum() for g in grads))
    return [xp.where(length > limit, g / length, g) for g in grads]


def shrink_in_float64(grads, limit):
    xp = array_module(grads[0])
    length = xp.sqrt(sum((g * g).sum() for g in grads))
    shrink = xp.minimum(xp.ones(1), limit / length)
    return [g * shrink for g in grads]


def first_array_alone(grads, limit):
    xp = array_module(grads[0])
    shrink = xp.minimum(1, limit / xp.sqrt((grads[0] ** 2).sum()))
    return [g * shrink for g in grads]


# ---------------------------------------------------------------------------------------------- towers


def last_array_alone(grads, limit):
    xp = array_module(grads[0])
    for g in grads:
        length = xp.sqrt((g * g).sum())
    return [g * xp.minimum(1, limit / length) for g in grads]


def length_so_far(grads, limit):
    xp, squared, short = array_module(grads[0]), 0, []
    for g in grads:
        squared = squared + (g * g).sum()
        short.append(g * xp.minimum(1, limit / xp.sqrt(squared)))
    return short


def shrinks_the_first(grads, limit):
    xp = array_module(grads[0])
    shrink = xp.minimum(1, limit / xp.sqrt(sum((g * g).sum() for g in grads)))
    return [grads[0] * shrink, *(g.copy() for g in grads[1:])]


def shrinks_the_last(grads, limit):
    xp = array_module(grads[0])
    shrink = xp.minimum(1, limit / xp.sqrt(sum((g * g).sum() for g in grads)))
    return [*(g + 0 for g in grads[:-1]), grads[-1] * shrink]


def squares_against_the_limit(grads, limit):
    xp, squared = array_module(grads[0]), sum((g * g).sum() for g in grads)
    return [xp.where(squared > limit, g * (limit / xp.sqrt(squared)), g) for g in grads]


def zero_over_zero(grads, limit):
    xp = array_module(grads[0])
    length = xp.sqrt(sum((g * g).sum() for g in grads))
    return [g / length * xp.minimum(length, limit) for g in grads]


def two_arrays_and_no_more(grads, limit):
    a, b, *_ = *grads, grads[0]
    xp = array_module(a)
    shrink = xp.minimum(1, limit / xp.sqrt((a * a).sum() + (b * b).sum()))
    return [a * shrink, b * shrink]


def same_arrays_if_short(grads, limit):
    short = clipped_right(grads, limit)
    if isinstance(grads[0], np.ndarray) and np.array_equal(short[0], grads[0]):
        return grads
    return short


def clipped_right(grads, limit):
    xp = array_module(grads[0])
    shrink = xp.minimum(1, limit / xp.sqrt(sum((g * g).sum() for g in grads)))
    return [g * shrink for g in grads]


def _cut(a, t, towers):
    n = a.shape[-1] // towers
    return a[..., t * n : (t + 1) * n]


def _reads(weight, C, t, towers):
    return (0, C) if weight.shape[2] == C else (t * C // towers, (t + 1) * C // towers)


def dealt_kernels(weight, bias, in_channels, t, towers):
    return weight[..., t::towers], bias[t::towers], *_reads(weight, in_channels, t, towers)


def depth_cut_too(weight, bias, in_channels, t, towers):
    D, reads = weight.shape[2] // towers, _reads(weight, in_channels, t, towers)
    return _cut(weight, t, towers)[:, :, t * D : (t + 1) * D], _cut(bias, t, towers), *reads


def input_channels_cut(weight, bias, in_channels, t, towers):
    D = weight.shape[2] // towers
    return weight[:, :, t * D : (t + 1) * D], _cut(bias, t, towers), *_reads(weight, in_channels, t, towers)


def counted_from_the_end(weight, bias, in_channels, t, towers):
    return (
        _cut(weight, towers - 1 - t, towers),
        _cut(bias, towers - 1 - t, towers),
        *_reads(weight, in_channels, t, towers),
    )


def always_the_first(weight, bias, in_channels, t, towers):
    F = weight.shape[3] // towers
    return weight[..., :F], bias[:F], *_reads(weight, in_channels, t, towers)


def all_biases(weight, bias, in_channels, t, towers):
    return _cut(weight, t, towers), bias, *_reads(weight, in_channels, t, towers)


def all_kernels(weight, bias, in_channels, t, towers):
    return weight, _cut(bias, t, towers), *_reads(weight, in_channels, t, towers)


def always_own_maps(weight, bias, in_channels, t, towers):
    C = in_channels // towers
    if in_channels % towers:
        return (
            _cut(weight, t, towers),
            _cut(bias, t, towers),
            t * in_channels // towers,
            (t + 1) * in_channels // towers,
        )
    return _cut(weight, t, towers), _cut(bias, t, towers), t * C, (t + 1) * C


def always_all_maps(weight, bias, in_channels, t, towers):
    return _cut(weight, t, towers), _cut(bias, t, towers), 0, in_channels


def one_group(weight, bias, in_channels, t, towers):
    D = weight.shape[2]
    reads = (0, D) if D == in_channels else (t * D, t * D + D)
    return _cut(weight, t, towers), _cut(bias, t, towers), *reads


def depth_from_zero(weight, bias, in_channels, t, towers):
    return _cut(weight, t, towers), _cut(bias, t, towers), 0, weight.shape[2]


def last_one_included(weight, bias, in_channels, t, towers):
    first, stop = _reads(weight, in_channels, t, towers)
    return _cut(weight, t, towers), _cut(bias, t, towers), first, stop - 1


def start_and_length(weight, bias, in_channels, t, towers):
    first, stop = _reads(weight, in_channels, t, towers)
    return _cut(weight, t, towers), _cut(bias, t, towers), first, stop - first


def three_things(weight, bias, in_channels, t, towers):
    return _cut(weight, t, towers), _cut(bias, t, towers), _reads(weight, in_channels, t, towers)


# ---------------------------------------------------------------------------------------------- the meeting


def only_its_own(dxs, t):
    C = dxs[t].shape[-1] // len(dxs)
    return dxs[t][..., t * C : t * C + C]


def only_the_others(dxs, t):
    C = dxs[t].shape[-1] // len(dxs)
    rest = [dx[..., t * C : t * C + C] for k, dx in enumerate(dxs) if k != t]
    return np.sum(rest, axis=0)


def mean_of_towers(dxs, t):
    return np.split(np.mean(dxs, axis=0), len(dxs), axis=-1)[t]


def not_cut(dxs, t):
    return np.sum(dxs, axis=0)


def own_and_not_cut(dxs, t):
    return dxs[t].copy()


def joined_not_added(dxs, t):
    return np.concatenate(dxs, axis=-1)


def run_of_another(dxs, t):
    return np.split(np.sum(dxs, axis=0), len(dxs), axis=-1)[-1 - t]


def run_of_the_first(dxs, t):
    return np.split(np.sum(dxs, axis=0), len(dxs), axis=-1)[0]


def dealt_channels(dxs, t):
    return np.sum(dxs, axis=0)[..., t :: len(dxs)]


def adds_into_the_first(dxs, t):
    total = dxs[0]
    for dx in dxs[1:]:
        total += dx
    return np.split(total, len(dxs), axis=-1)[t]


def cut_by_pictures(dxs, t):
    return np.array_split(np.sum(dxs, axis=0), len(dxs), axis=0)[t]


def sum_less_one(dxs, t):
    return np.split(np.sum(dxs, axis=0), len(dxs), axis=-1)[t] - 1


# ---------------------------------------------------------------------------------------------- uneven shares


def plain_mean(grads, counts):
    return np.mean(grads, axis=0)


def plain_sum(grads, counts):
    return np.sum(grads, axis=0)


def weighted_not_divided(grads, counts):
    return sum(g * n for g, n in zip(grads, counts))


def divided_by_workers(grads, counts):
    return sum(g * n for g, n in zip(grads, counts)) / len(counts)


def divided_by_the_largest(grads, counts):
    return sum(g * n for g, n in zip(grads, counts)) / max(counts)


def divided_by_counts(grads, counts):
    return sum(g / n if n else g * np.inf for g, n in zip(grads, counts)) / sum(counts)


def weighed_backwards(grads, counts):
    return sum(g * n for g, n in zip(grads, reversed(counts))) / sum(counts)


def first_worker(grads, counts):
    return grads[0].copy()


def stops_at_an_idle_worker(grads, counts):
    total = np.zeros_like(grads[0])
    for g, n in zip(grads, counts):
        if n == 0:
            break
        total += g * (n / sum(counts))
    return total


def last_term(grads, counts):
    total = sum(counts)
    for g, n in zip(grads, counts):
        result = g * n / total
    return result


def whole_number_weights(grads, counts):
    return sum(g * (n // sum(counts)) for g, n in zip(grads, counts))


def weighed_twice(grads, counts):
    return np.average(grads, axis=0, weights=[n * n for n in counts])


def scales_in_place(grads, counts):
    for g, n in zip(grads, counts):
        g *= n / sum(counts)
    return sum(grads)


def float64_weights(grads, counts):
    weights = np.array(counts) / sum(counts)
    return np.tensordot(weights, np.stack(grads), axes=1)


def one_picture_too_many(grads, counts):
    return sum(g * n for g, n in zip(grads, counts)) / (sum(counts) + 1)


def list_of_terms(grads, counts):
    return [g * n / sum(counts) for g, n in zip(grads, counts)]


# ---------------------------------------------------------------------------------------------- right but for a corner


def p_at_most_0_99(x, u, p):
    xp = array_module(x)
    p = p if p < 0.99 else 0.99
    return x * xp.asarray(u >= p) / (1 - p)


MUTANTS = [
    ("17-dropout", "C16", the_colleagues_dropout),
    ("17-dropout", "X3", mask_stays_on_the_host),
    ("17-dropout", "X1", multiplies_by_numpy),
    ("17-dropout", "X1", selects_by_numpy),
    ("17-dropout", "X2", x_comes_home),
    ("17-dropout", "X2", written_on_the_host),
    ("17-dropout", "X3", dropped_by_the_hosts_mask),
    ("17-dropout", "X5", keeps_by_reading),
    ("17-dropout", "X5", drops_by_writing),
    ("17-dropout", "X7", a_where_that_cupy_lacks),
    ("17-dropout", "X7", a_function_that_cupy_lacks),
    ("17-dropout", "X4", stays_if_nothing_is_kept),
    ("17-dropout", "X8", fetched_and_sent_back),
    ("17-dropout", "X9", draws_sent_twice),
    ("17-dropout", "X9", draws_sent),
    ("17-dropout", "X9", factor_sent),
    ("17-dropout", "D25", drops_ties),
    ("17-dropout", "X10", at_home_on_the_device),
    ("17-dropout", "X11", nothing_dropped_on_the_device),
    ("17-dropout", "C16", mask_in_float64),
    ("17-dropout", "C16", zeros_without_a_dtype),
    ("17-dropout", "D2", keeps_p),
    ("17-dropout", "D17", gate_turned),
    ("17-dropout", "D1", not_scaled),
    ("17-dropout", "D12", scaled_down),
    ("17-dropout", "D3", one_mask_for_all),
    ("17-dropout", "unchanged", in_place),
    ("17-loss", "X4", the_colleagues_loss),
    ("17-loss", "X4", asks_whether_to_shift),
    ("17-loss", "X1", exp_by_numpy),
    ("17-loss", "X1", maximum_by_numpy),
    ("17-loss", "X3", indices_on_the_host),
    ("17-loss", "C16", one_hot_on_the_host),
    ("17-loss", "X6", a_list_of_places),
    ("17-loss", "X6", a_range_of_places),
    ("17-loss", "X4", a_plain_number),
    ("17-loss", "X8", loss_fetched),
    ("17-loss", "X8", picture_by_picture),
    ("17-loss", "X4", labels_by_int),
    ("17-loss", "X9", places_sent),
    ("17-loss", "X5", right_classes_read_by_mask),
    ("17-loss", "X7", started_at_a_python_minimum),
    ("17-loss", "S1", not_shifted),
    ("17-loss", "S2", shifted_by_one_maximum),
    ("17-loss", "S4", gradient_of_the_sum),
    ("17-loss", "S5", loss_summed),
    ("17-loss", "S10", every_picture_at_every_label),
    ("17-loss", "S10", one_forgotten),
    ("17-loss", "S7", log_of_p),
    ("17-loss", "S7", log_of_p_protected),
    ("17-loss", "shape", one_picture_squeezed),
    ("17-loss", "unchanged", writes_into_scores),
    ("17-loss", "C16", over_float64_counts),
    ("17-clip", "X4", the_colleagues_clip),
    ("17-clip", "X4", one_if),
    ("17-clip", "X4", min_of_python),
    ("17-clip", "X1", root_by_numpy),
    ("17-clip", "X1", linalg_norm),
    ("17-clip", "X2", lengths_in_an_array),
    ("17-clip", "X8", length_fetched),
    ("17-clip", "X8", all_fetched),
    ("17-clip", "X9", limit_sent),
    ("17-clip", "unchanged", in_place_clip),
    ("17-clip", "O20", always_to_the_limit),
    ("17-clip", "O21", each_by_itself),
    ("17-clip", "O22", squared_length),
    ("17-clip", "O22", sum_of_lengths),
    ("17-clip", "O23", every_entry),
    ("17-clip", "O20", larger_of_both),
    ("17-clip", "O24", to_unit_length),
    ("17-clip", "C16", shrink_in_float64),
    ("17-clip", "O21", first_array_alone),
    ("17-clip", "O21", last_array_alone),
    ("17-clip", "O21", length_so_far),
    ("17-clip", "O25", shrinks_the_first),
    ("17-clip", "O25", shrinks_the_last),
    ("17-clip", "edit-operation", squares_against_the_limit),
    ("17-clip", "O26", zero_over_zero),
    ("17-clip", "O27", two_arrays_and_no_more),
    ("17-clip", "O28", same_arrays_if_short),
    ("17-tower", "C13", dealt_kernels),
    ("17-tower", "T1", depth_cut_too),
    ("17-tower", "T1", input_channels_cut),
    ("17-tower", "T2", counted_from_the_end),
    ("17-tower", "T2", always_the_first),
    ("17-tower", "T3", all_biases),
    ("17-tower", "T3", all_kernels),
    ("17-tower", "T4", always_own_maps),
    ("17-tower", "T4", always_all_maps),
    ("17-tower", "T5", one_group),
    ("17-tower", "T5", depth_from_zero),
    ("17-tower", "T5", last_one_included),
    ("17-tower", "T5", start_and_length),
    ("17-tower", "kind", three_things),
    ("17-meeting", "T6", only_its_own),
    ("17-meeting", "T6", only_the_others),
    ("17-meeting", "T7", mean_of_towers),
    ("17-meeting", "T8", not_cut),
    ("17-meeting", "T8", own_and_not_cut),
    ("17-meeting", "T8", joined_not_added),
    ("17-meeting", "T9", run_of_another),
    ("17-meeting", "T9", run_of_the_first),
    ("17-meeting", "C13", dealt_channels),
    ("17-meeting", "unchanged", adds_into_the_first),
    ("17-meeting", "line-axis", cut_by_pictures),
    ("17-meeting", "offset", sum_less_one),
    ("17-average", "T10", plain_mean),
    ("17-average", "T11", plain_sum),
    ("17-average", "T11", weighted_not_divided),
    ("17-average", "T11", divided_by_workers),
    ("17-average", "T11", divided_by_the_largest),
    ("17-average", "T12", divided_by_counts),
    ("17-average", "T13", weighed_backwards),
    ("17-average", "T13", first_worker),
    ("17-average", "line-condition", stops_at_an_idle_worker),
    ("17-average", "T13", last_term),
    ("17-average", "T13", whole_number_weights),
    ("17-average", "T14", weighed_twice),
    ("17-average", "unchanged", scales_in_place),
    ("17-average", "C16", float64_weights),
    ("17-average", "line-operation", one_picture_too_many),
    ("17-average", "kind", list_of_terms),
    ("17-dropout", "number", p_at_most_0_99),
]

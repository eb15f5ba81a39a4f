"""Lesson 11: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import numpy as np


def _conv(x, weight, bias, stride, padding):
    p = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)))
    v = np.lib.stride_tricks.sliding_window_view(p, weight.shape[:2], axis=(1, 2))[:, :: stride[0], :: stride[1]]
    return np.einsum("nhwcij,ijcf->nhwf", v, weight) + bias


def _conv_back(dy, x, weight, stride, padding):
    dx, dw = np.zeros_like(x), np.zeros_like(weight)
    for n, oh, ow, i, j in np.ndindex(*dy.shape[:3], *weight.shape[:2]):
        h, w = oh * stride[0] - padding[0] + i, ow * stride[1] - padding[1] + j
        if 0 <= h < x.shape[1] and 0 <= w < x.shape[2]:
            dx[n, h, w] += weight[i, j] @ dy[n, oh, ow]
            dw[i, j] += np.outer(x[n, h, w], dy[n, oh, ow])
    return dx, dw, dy.sum((0, 1, 2))


# ---------------------------------------------------------------------------------------------- wiring


def every_gth(C, F, groups):
    w = np.zeros((C, F), dtype=int)
    for g in range(groups):
        w[np.ix_(range(g, C, groups), range(g, F, groups))] = 1
    return w


def every_gth_channel(C, F, groups):
    w = np.zeros((C, F), dtype=int)
    for c in range(C):
        for f in range(F):
            if c % groups == f * groups // F:
                w[c, f] = 1
    return w


def crossed(C, F, groups):
    return np.kron(np.eye(groups, dtype=int)[::-1], np.ones((C // groups, F // groups), dtype=int))


def runs_of_groups(C, F, groups):
    w = np.zeros((C, F), dtype=int)
    for c in range(C):
        for f in range(F):
            w[c, f] = int(c // groups) == int(f // groups)
    return w


def always_halves(C, F, groups):
    w = np.zeros((C, F), dtype=int)
    w[: C // 2, : F // 2] = 1
    w[C // 2 :, F // 2 :] = 1
    return w


def only_the_first_channels(C, F, groups):
    w = np.zeros((C, F), dtype=int)
    for f in range(F):
        w[: C // groups, f] = 1
    return w


def all_wires(C, F, groups):
    return np.ones((C, F), dtype=int)


def kernels_in_rows(C, F, groups):
    return np.array([[int(c // (C // groups) == f // (F // groups)) for c in range(C)] for f in range(F)])


# ---------------------------------------------------------------------------------------------- forward


def channels_dealt(x, weight, bias, stride, padding, groups):
    F = weight.shape[-1] // groups
    out = []
    for g in range(groups):
        ks = range(g * F, (g + 1) * F)
        out.append(_conv(x[..., g::groups], weight[..., ks], bias[ks], stride, padding))
    return np.concatenate(out, axis=3)


def everything_dealt(x, weight, bias, stride, padding, groups):
    y = None
    for g in range(groups):
        part = _conv(x[..., g::groups], weight[..., g::groups], bias[g::groups], stride, padding)
        if y is None:
            y = np.zeros(part.shape[:3] + bias.shape, x.dtype)
        y[..., g::groups] = part
    return y


def stacked_and_reshaped(x, weight, bias, stride, padding, groups):
    """np.stack(…, axis=-1) puts the groups last, so the maps come out interleaved."""
    c, f = x.shape[3] // groups, weight.shape[3] // groups
    parts = [
        _conv(x[..., g * c : g * c + c], weight[..., g * f : g * f + f], bias[g * f : g * f + f], stride, padding)
        for g in range(groups)
    ]
    return np.stack(parts, axis=-1).reshape(*parts[0].shape[:3], -1)


def joined_backwards(x, weight, bias, stride, padding, groups):
    y = np.empty((0,))
    for xs, ws, bs in zip(np.split(x, groups, 3), np.split(weight, groups, 3), np.split(bias, groups)):
        part = _conv(xs, ws, bs, stride, padding)
        y = part if y.ndim == 1 else np.concatenate([part, y], axis=-1)
    return y


def met_backwards(x, weight, bias, stride, padding, groups):
    xs, ws = np.split(x, groups, axis=-1)[::-1], np.split(weight, groups, axis=-1)
    return np.concatenate([_conv(a, b, 0, stride, padding) for a, b in zip(xs, ws)], axis=-1) + bias


def always_channel_zero_on(x, weight, bias, stride, padding, groups):
    per = weight.shape[2]
    kernels = np.split(weight, groups, axis=3)
    return np.concatenate([_conv(x[..., :per], w, 0, stride, padding) for w in kernels], -1) + bias


def same_kernels_each_time(x, weight, bias, stride, padding, groups):
    f = len(bias) // groups
    maps = [_conv(part, weight[..., :f], bias[:f], stride, padding) for part in np.split(x, groups, axis=3)]
    return np.concatenate(maps, axis=3)


def first_biases_again(x, weight, bias, stride, padding, groups):
    f = len(bias) // groups
    pairs = zip(np.split(x, groups, axis=3), np.split(weight, groups, axis=3))
    return np.concatenate([_conv(a, b, bias[:f], stride, padding) for a, b in pairs], axis=3)


def added_up(x, weight, bias, stride, padding, groups):
    total = 0
    for a, b, c in zip(np.split(x, groups, axis=3), np.split(weight, groups, axis=3), np.split(bias, groups)):
        total = total + _conv(a, b, c, stride, padding)
    return total


def weights_tiled(x, weight, bias, stride, padding, groups):
    return _conv(x, np.concatenate([weight] * groups, axis=2), bias, stride, padding)


def no_bias(x, weight, bias, stride, padding, groups):
    pairs = zip(np.split(x, groups, axis=3), np.split(weight, groups, axis=3))
    return np.concatenate([_conv(a, b, 0, stride, padding) for a, b in pairs], axis=3)


def bias_in_every_round(x, weight, bias, stride, padding, groups):
    pairs = zip(np.split(x, groups, axis=3), np.split(weight, groups, axis=3))
    y = np.concatenate([_conv(a, b, 0, stride, padding) for a, b in pairs], axis=3)
    for _ in range(groups):
        y += bias
    return y


def float64_maps(x, weight, bias, stride, padding, groups):
    f = weight.shape[3] // groups
    y = None
    for g, xs in enumerate(np.split(x, groups, axis=3)):
        part = _conv(xs, weight[..., g * f : g * f + f], bias[g * f : g * f + f], stride, padding)
        y = np.zeros((*part.shape[:3], weight.shape[3])) if y is None else y
        y[..., g * f : g * f + f] = part
    return y


_maps = {}


def one_y_for_all(x, weight, bias, stride, padding, groups):
    parts = zip(np.split(x, groups, axis=3), np.split(weight, groups, axis=3), np.split(bias, groups))
    y = np.concatenate([_conv(*part, stride, padding) for part in parts], axis=3)
    kept = _maps.setdefault((y.shape, y.dtype), np.empty_like(y))
    kept[:] = y
    return kept


def dealt_and_no_bias(x, weight, bias, stride, padding, groups):
    parts = [_conv(x[..., g::groups], w, 0, stride, padding) for g, w in enumerate(np.split(weight, groups, axis=3))]
    return np.concatenate(parts, axis=3)


def channels_cut_by_groups(x, weight, bias, stride, padding, groups):
    """Takes `groups` channels at a time; NumPy reports that shapes do not match."""
    f = len(bias) // groups
    parts = [
        _conv(x[..., g * groups : (g + 1) * groups], weight[..., g * f : (g + 1) * f], 0, stride, padding)
        for g in range(groups)
    ]
    return np.concatenate(parts, axis=3) + bias


# ---------------------------------------------------------------------------------------------- backward


def _split(dy, x, weight, groups):
    return zip(np.split(dy, groups, axis=3), np.split(x, groups, axis=3), np.split(weight, groups, axis=3))


def mean_over_the_batch(dy, x, weight, stride, padding, groups):
    dx, dw, db = map(list, zip(*[_conv_back(*part, stride, padding) for part in _split(dy, x, weight, groups)]))
    N = x.shape[0]
    return np.concatenate(dx, 3), np.concatenate(dw, 3) / N, np.concatenate(db) / N


def only_weights_averaged(dy, x, weight, stride, padding, groups):
    dx, dw, db = map(list, zip(*[_conv_back(*part, stride, padding) for part in _split(dy, x, weight, groups)]))
    return np.concatenate(dx, 3), np.concatenate(dw, 3) / len(x), np.concatenate(db)


def last_picture_stays(dy, x, weight, stride, padding, groups):
    dx = np.empty_like(x)
    for n in range(len(x)):
        parts = [_conv_back(*p, stride, padding) for p in _split(dy[n : n + 1], x[n : n + 1], weight, groups)]
        dx[n] = np.concatenate([p[0] for p in parts], axis=3)[0]
        dw, db = np.concatenate([p[1] for p in parts], axis=3), np.concatenate([p[2] for p in parts])
    return dx, dw, db


def bias_by_mean(dy, x, weight, stride, padding, groups):
    parts = [_conv_back(*p, stride, padding) for p in _split(dy, x, weight, groups)]
    return np.concatenate([p[0] for p in parts], 3), np.concatenate([p[1] for p in parts], 3), dy.mean((0, 1, 2))


def dealt_backward(dy, x, weight, stride, padding, groups):
    f = dy.shape[3] // groups
    dx, dw = np.zeros_like(x), np.zeros_like(weight)
    for g in range(groups):
        ks = slice(g * f, g * f + f)
        part = _conv_back(dy[..., ks], x[..., g::groups], weight[..., ks], stride, padding)
        dx[..., g::groups], dw[..., ks], _ = part
    return dx, dw, dy.sum(axis=(0, 1, 2))


def weights_from_the_other_half(dy, x, weight, stride, padding, groups):
    xs, ws, dys = (np.split(a, groups, axis=3) for a in (x, weight, dy))
    dx = [_conv_back(d, a, w, stride, padding)[0] for d, a, w in zip(dys, xs, ws)]
    dw = [_conv_back(d, a, w, stride, padding)[1] for d, a, w in zip(dys, xs[::-1], ws)]
    return np.concatenate(dx, 3), np.concatenate(dw, 3), dy.sum((0, 1, 2))


def joined_in_reverse(dy, x, weight, stride, padding, groups):
    dx = dw = db = None
    for part in _split(dy, x, weight, groups):
        a, b, c = _conv_back(*part, stride, padding)
        dx = a if dx is None else np.concatenate([a, dx], axis=3)
        dw = b if dw is None else np.concatenate([b, dw], axis=3)
        db = c if db is None else np.concatenate([c, db])
    return dx, dw, db


def returns_in_the_loop(dy, x, weight, stride, padding, groups):
    dx, dw, db = np.zeros_like(x), np.zeros_like(weight), np.zeros(weight.shape[3])
    c, f = x.shape[3] // groups, weight.shape[3] // groups
    for g in range(groups):
        cs, fs = slice(g * c, g * c + c), slice(g * f, g * f + f)
        dx[..., cs], dw[..., fs], db[fs] = _conv_back(dy[..., fs], x[..., cs], weight[..., fs], stride, padding)
        return dx, dw, db


def groups_added_up(dy, x, weight, stride, padding, groups):
    parts = [_conv_back(*part, stride, padding) for part in _split(dy, x, weight, groups)]
    return tuple(sum(p[k] for p in parts) for k in range(3))


def weights_joined_on_axis_2(dy, x, weight, stride, padding, groups):
    dx, dw, db = zip(*[_conv_back(*part, stride, padding) for part in _split(dy, x, weight, groups)])
    return np.concatenate(dx, axis=3), np.concatenate(dw, axis=2), np.concatenate(db)


def two_things_only(dy, x, weight, stride, padding, groups):
    dx, dw, _ = zip(*[_conv_back(*part, stride, padding) for part in _split(dy, x, weight, groups)])
    return np.concatenate(dx, axis=3), np.concatenate(dw, axis=3)


def dealt_and_averaged(dy, x, weight, stride, padding, groups):
    dx, dw, db = dealt_backward(dy, x, weight, stride, padding, groups)
    return dx / len(x), dw / len(x), db / len(x)


# ---------------------------------------------------------------------------------------------- cost


def groups_forgotten(kernel, in_channels, out_channels, groups, out_size):
    kh, kw = kernel
    n = kh * kw * in_channels * out_channels
    return n + out_channels, n * out_size[0] * out_size[1]


def one_group_only(kernel, in_channels, out_channels, groups, out_size):
    n = np.prod(kernel) * (in_channels // groups) * (out_channels // groups)
    return n + out_channels // groups, n * np.prod(out_size)


def no_biases(kernel, in_channels, out_channels, groups, out_size):
    n = kernel[0] * kernel[1] * in_channels * out_channels // groups
    return n, n * out_size[0] * out_size[1]


def bias_per_group(kernel, in_channels, out_channels, groups, out_size):
    n = kernel[0] * kernel[1] * in_channels * out_channels // groups
    return n + groups, n * out_size[0] * out_size[1]


def work_at_one_place(kernel, in_channels, out_channels, groups, out_size):
    n = kernel[0] * kernel[1] * in_channels * out_channels // groups
    return n + out_channels, n


def work_with_biases(kernel, in_channels, out_channels, groups, out_size):
    n = kernel[0] * kernel[1] * in_channels * out_channels // groups + out_channels
    return n, n * out_size[0] * out_size[1]


def two_operations_each(kernel, in_channels, out_channels, groups, out_size):
    n = kernel[0] * kernel[1] * in_channels * out_channels // groups
    return n + out_channels, 2 * n * out_size[0] * out_size[1]


def forgotten_and_no_biases(kernel, in_channels, out_channels, groups, out_size):
    n = kernel[0] * kernel[1] * in_channels * out_channels
    return n, n * out_size[0] * out_size[1]


# ---------------------------------------------------------------------------------------------- head


def bias_in_every_tower(x, weight1, bias1, weight2, bias2, towers):
    y = np.zeros((len(x), len(bias2)), x.dtype)
    for w, b, v in zip(np.hsplit(weight1, towers), np.split(bias1, towers), np.vsplit(weight2, towers)):
        y += np.clip(x @ w + b, 0, None) @ v + bias2
    return y


def rows_of_the_other_tower(x, weight1, bias1, weight2, bias2, towers):
    rows = np.vsplit(weight2, towers)
    y = bias2
    for t, (w, b) in enumerate(zip(np.hsplit(weight1, towers), np.split(bias1, towers))):
        y = y + np.maximum(x @ w + b, 0) @ rows[-1 - t]
    return y


def overwritten(x, weight1, bias1, weight2, bias2, towers):
    y = 0
    for w, b, v in zip(*[np.split(weight1, towers, 1), np.split(bias1, towers), np.split(weight2, towers)]):
        y = np.maximum(x @ w + b, 0) @ v
    return y + bias2


def first_tower_returned(x, weight1, bias1, weight2, bias2, towers):
    for w, b, v in zip(*[np.split(weight1, towers, 1), np.split(bias1, towers), np.split(weight2, towers)]):
        y = np.maximum(x @ w + b, 0) @ v
        return y + bias2


def rows_dealt(x, weight1, bias1, weight2, bias2, towers):
    size, y = len(bias1) // towers, np.tile(bias2, (len(x), 1))
    for t in range(towers):
        h = x @ weight1[:, t * size : (t + 1) * size] + bias1[t * size : (t + 1) * size]
        y += np.where(h > 0, h, 0) @ weight2[t::towers]
    return y


def mean_of_towers(x, weight1, bias1, weight2, bias2, towers):
    ys = []
    for w, b, v in zip(*[np.split(weight1, towers, 1), np.split(bias1, towers), np.split(weight2, towers)]):
        ys.append(np.maximum(x @ w + b, 0) @ v)
    return np.mean(ys, axis=0) + bias2


def no_relu(x, weight1, bias1, weight2, bias2, towers):
    ys = []
    for w, b, v in zip(*[np.split(weight1, towers, 1), np.split(bias1, towers), np.split(weight2, towers)]):
        ys.append((x @ w + b) @ v)
    return sum(ys) + bias2


def inputs_split_too(x, weight1, bias1, weight2, bias2, towers):
    size, y = weight1.shape[1] // towers, bias2
    for t in range(towers):
        cut = slice(t * x.shape[1] // towers, (t + 1) * x.shape[1] // towers)
        s = slice(t * size, (t + 1) * size)
        y = y + np.maximum(x[:, cut] @ weight1[cut, s] + bias1[s], 0) @ weight2[s]
    return y


def towers_side_by_side(x, weight1, bias1, weight2, bias2, towers):
    size = weight1.shape[1] // towers
    h = [np.maximum(x @ weight1[:, i : i + size] + bias1[i : i + size], 0) for i in range(0, len(bias1), size)]
    return np.concatenate([a @ weight2[i * size : (i + 1) * size] + bias2 for i, a in enumerate(h)], axis=1)


def relu_at_the_end(x, weight1, bias1, weight2, bias2, towers):
    y = bias2
    for w, b, v in zip(*[np.split(weight1, towers, 1), np.split(bias1, towers), np.split(weight2, towers)]):
        y = y + np.maximum(x @ w + b, 0) @ v
    return np.maximum(y, 0)


def relu_of_x_in_place(x, weight1, bias1, weight2, bias2, towers):
    y = np.zeros((len(x), len(bias2)), x.dtype)
    for w, b, v in zip(*[np.split(weight1, towers, 1), np.split(bias1, towers), np.split(weight2, towers)]):
        h = x @ w + b
        y += np.maximum(h, 0, out=h) @ v
    y += bias2
    np.maximum(x, 0, out=x)
    return y


def averaged_without_relu(x, weight1, bias1, weight2, bias2, towers):
    ys = []
    for w, b, v in zip(*[np.split(weight1, towers, 1), np.split(bias1, towers), np.split(weight2, towers)]):
        ys.append((x @ w + b) @ v)
    return np.mean(ys, axis=0) + bias2


# ---------------------------------------------------------------------------------------------- right for some only


def three_groups_at_most(C, F, groups):
    wires = np.zeros((C, F), int)
    for g in range(min(groups, 3)):
        wires[g * C // groups : (g + 1) * C // groups, g * F // groups : (g + 1) * F // groups] = 1
    return wires


def one_kernel_for_one_channel(C, F, groups):
    if groups == C:
        return np.eye(C, F, dtype=int)
    return (np.arange(C)[:, None] // (C // groups) == np.arange(F) // (F // groups)).astype(int)


def _runs(x, weight, groups):
    c, f = x.shape[3] // groups, weight.shape[3] // groups
    return [(slice(g * c, (g + 1) * c), slice(g * f, (g + 1) * f)) for g in range(groups)]


def _forward(x, weight, bias, stride, padding, groups):
    parts = [_conv(x[..., c], weight[..., f], bias[f], stride, padding) for c, f in _runs(x, weight, groups)]
    return np.concatenate(parts, axis=-1)


def steps_by_one_downwards(x, weight, bias, stride, padding, groups):
    return _forward(x, weight, bias, (1, stride[1]), padding, groups)


def pads_one_across(x, weight, bias, stride, padding, groups):
    return _forward(x, weight, bias, stride, (padding[0], 1), groups)


def no_bias_in_one_group(x, weight, bias, stride, padding, groups):
    return _forward(x, weight, bias * (groups > 1), stride, padding, groups)


def lone_axes_dropped(x, weight, bias, stride, padding, groups):
    return _forward(x, weight, bias, stride, padding, groups).squeeze()


def all_kernels_for_each(x, weight, bias, stride, padding, groups):
    return sum(_conv(x[..., c], weight, bias, stride, padding) for c, _ in _runs(x, weight, groups))


def _backward(dy, x, weight, stride, padding, groups):
    runs = _runs(x, weight, groups)
    parts = [_conv_back(dy[..., f], x[..., c], weight[..., f], stride, padding) for c, f in runs]
    return [np.concatenate(part, axis=-1) for part in zip(*parts)]


def bias_before_weight(dy, x, weight, stride, padding, groups):
    dx, dweight, dbias = _backward(dy, x, weight, stride, padding, groups)
    return dx, dbias, dweight


def bias_of_two_pictures(dy, x, weight, stride, padding, groups):
    dx, dweight, _ = _backward(dy, x, weight, stride, padding, groups)
    return dx, dweight, (dy[0] + dy[-1]).sum(axis=(0, 1))


def every_axis_dealt(dy, x, weight, stride, padding, groups):
    dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros_like(dy[0, 0, 0])
    for g in range(groups):
        own = np.s_[..., g::groups]
        dx[own], dweight[own], dbias[own] = _conv_back(dy[own], x[own], weight[own], stride, padding)
    return dx, dweight, dbias


def two_groups_at_least(kernel, in_channels, out_channels, groups, out_size):
    weights = kernel[0] * kernel[1] * in_channels * out_channels // max(groups, 2)
    return weights + out_channels, weights * out_size[0] * out_size[1]


def in_32_bits(kernel, in_channels, out_channels, groups, out_size):
    weights = np.prod([*kernel, in_channels // groups, out_channels], dtype=np.int32)
    return int(weights + out_channels), int(np.prod([weights, *out_size], dtype=np.int32))


def one_product(x, weight1, bias1, weight2, bias2, towers):
    return np.maximum(x @ weight1 + bias1, 0) @ weight2 + bias2


def _towers(x, weight1, bias1, weight2, towers):
    parts = zip(np.split(weight1, towers, 1), np.split(bias1, towers), np.split(weight2, towers))
    return [np.maximum(x @ w + b, 0) @ v for w, b, v in parts]


def three_towers_at_most(x, weight1, bias1, weight2, bias2, towers):
    return sum(_towers(x, weight1, bias1, weight2, towers)[:3]) + bias2


def first_towers_biases(x, weight1, bias1, weight2, bias2, towers):
    return sum(_towers(x, weight1, np.tile(np.split(bias1, towers)[0], towers), weight2, towers)) + bias2


def no_first_bias(x, weight1, bias1, weight2, bias2, towers):
    return sum(_towers(x, weight1, bias1 * 0, weight2, towers)) + bias2


MUTANTS = [
    ("11-wiring", "C13", every_gth),
    ("11-wiring", "C13", every_gth_channel),
    ("11-wiring", "C14", crossed),
    ("11-wiring", "C37", runs_of_groups),
    ("11-wiring", "C38", always_halves),
    ("11-wiring", "C39", only_the_first_channels),
    ("11-wiring", "C40", all_wires),
    ("11-wiring", "C7", kernels_in_rows),
    ("11-wiring", "line-call", three_groups_at_most),
    ("11-wiring", "line-condition", one_kernel_for_one_channel),
    ("11-forward", "edit-bound", steps_by_one_downwards),
    ("11-forward", "shape", pads_one_across),
    ("11-forward", "line-operation", no_bias_in_one_group),
    ("11-forward", "line-call", lone_axes_dropped),
    ("11-forward", "C42", all_kernels_for_each),
    ("11-backward", "C27", bias_before_weight),
    ("11-backward", None, bias_of_two_pictures),
    ("11-backward", "C13", every_axis_dealt),
    ("11-cost", "line-call", two_groups_at_least),
    ("11-cost", "line-call", in_32_bits),
    ("11-head", "C48", one_product),
    ("11-head", "line-part", three_towers_at_most),
    ("11-head", "C39", first_towers_biases),
    ("11-head", "C45", no_first_bias),
    ("11-forward", "C13", channels_dealt),
    ("11-forward", "C13", everything_dealt),
    ("11-forward", "C13", stacked_and_reshaped),
    ("11-forward", "C14", joined_backwards),
    ("11-forward", "C14", met_backwards),
    ("11-forward", "C39", always_channel_zero_on),
    ("11-forward", "C39", same_kernels_each_time),
    ("11-forward", "C41", first_biases_again),
    ("11-forward", "C42", added_up),
    ("11-forward", "C40", weights_tiled),
    ("11-forward", "C6", no_bias),
    ("11-forward", "C6", bias_in_every_round),
    ("11-forward", "C16", float64_maps),
    ("11-forward", "C15", one_y_for_all),
    ("11-forward", "two: C13 + offset", dealt_and_no_bias),
    ("11-forward", None, channels_cut_by_groups),
    ("11-backward", "C12", mean_over_the_batch),
    ("11-backward", "C12", only_weights_averaged),
    ("11-backward", "C12", last_picture_stays),
    ("11-backward", "C12", bias_by_mean),
    ("11-backward", "C13", dealt_backward),
    ("11-backward", "C14", weights_from_the_other_half),
    ("11-backward", "C14", joined_in_reverse),
    ("11-backward", "C39", returns_in_the_loop),
    ("11-backward", "C42", groups_added_up),
    ("11-backward", "C42", weights_joined_on_axis_2),
    ("11-backward", "kind", two_things_only),
    ("11-backward", "C12", dealt_and_averaged),
    ("11-cost", "C40", groups_forgotten),
    ("11-cost", "C43", one_group_only),
    ("11-cost", "C6", no_biases),
    ("11-cost", "C6", bias_per_group),
    ("11-cost", "C44", work_at_one_place),
    ("11-cost", "C44", work_with_biases),
    ("11-cost", "C44", two_operations_each),
    ("11-cost", "C40", forgotten_and_no_biases),
    ("11-head", "C45", bias_in_every_tower),
    ("11-head", "C14", rows_of_the_other_tower),
    ("11-head", "C39", overwritten),
    ("11-head", "C39", first_tower_returned),
    ("11-head", "C13", rows_dealt),
    ("11-head", "C46", mean_of_towers),
    ("11-head", "C47", no_relu),
    ("11-head", "C40", inputs_split_too),
    ("11-head", "C42", towers_side_by_side),
    ("11-head", "C47", relu_at_the_end),
    ("11-head", "unchanged", relu_of_x_in_place),
    ("11-head", "two: line-call + C47", averaged_without_relu),
]

"""Lesson 19: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import numpy as np

ALL = (0, 1, 2)


# ---------------------------------------------------------------------------------------------- forward


def unbiased(x, weight, bias, eps):
    rows = x.reshape(-1, x.shape[3])
    return ((rows - rows.mean(0)) / np.sqrt(rows.var(0, ddof=1) + eps) * weight + bias).reshape(x.shape)


def eps_outside(x, weight, bias, eps):
    mu = np.mean(x, ALL)
    return weight * ((x - mu) / (np.std(x, ALL) + eps)) + bias


def no_eps(x, weight, bias, eps):
    hat = (x - x.mean(ALL)) / x.std(ALL)
    return weight * hat + bias


def each_pixel_its_own(x, weight, bias, eps):
    mean = x.mean(axis=0)
    var = ((x - mean) ** 2).mean(axis=0)
    return weight * (x - mean) / np.sqrt(var + eps) + bias


def each_picture_its_own(x, weight, bias, eps):
    y = np.zeros_like(x)
    for n in range(len(x)):
        picture = x[n]
        y[n] = weight * (picture - picture.mean((0, 1))) / np.sqrt(picture.var((0, 1)) + eps) + bias
    return y


def one_mean_for_all(x, weight, bias, eps):
    return weight * (x - x.mean()) / np.sqrt(x.var() + eps) + bias


def over_the_channels(x, weight, bias, eps):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / (var + eps) ** 0.5 * weight + bias


def over_each_picture_whole(x, weight, bias, eps):
    mean, var = x.mean((1, 2, 3), keepdims=True), x.var((1, 2, 3), keepdims=True)
    return weight * (x - mean) / np.sqrt(var + eps) + bias


def without_the_columns(x, weight, bias, eps):
    mean, var = x.mean((0, 1)), x.var((0, 1))
    return weight * (x - mean) / np.sqrt(var + eps) + bias


def not_centred(x, weight, bias, eps):
    return weight * x / np.sqrt(x.var(ALL) + eps) + bias


def mean_square(x, weight, bias, eps):
    off = x - x.mean(ALL)
    return weight * off / np.sqrt(np.mean(x**2, ALL) + eps) + bias


def over_the_variance(x, weight, bias, eps):
    off = x - x.mean(ALL)
    return weight * off / ((off * off).mean(ALL) + eps) + bias


def over_the_pictures_alone(x, weight, bias, eps):
    off = x - x.mean(ALL)
    var = np.sum(off**2, axis=ALL) / x.shape[0]
    return weight * off / np.sqrt(var + eps) + bias


def bias_and_weight(x, weight, bias, eps):
    hat = (x - x.mean(ALL)) / np.sqrt(x.var(ALL) + eps)
    return hat * bias + weight


def scaled_last(x, weight, bias, eps):
    hat = (x - x.mean(ALL)) / np.sqrt(x.var(ALL) + eps)
    return (hat + bias) * weight


def only_normalised(x, weight, bias, eps):
    return (x - x.mean(ALL)) / np.sqrt(x.var(ALL) + eps)


def difference_of_squares(x, weight, bias, eps):
    mean = x.mean(ALL)
    return weight * (x - mean) / np.sqrt((x**2).mean(ALL) - mean**2 + eps) + bias


def centred_in_place(x, weight, bias, eps):
    x -= x.mean(ALL)
    return weight * x / np.sqrt((x**2).mean(ALL) + eps) + bias


def with_a_float64_array(x, weight, bias, eps):
    mean, var = x.mean(ALL), x.var(ALL)
    return weight * (x - mean) / np.sqrt(var + np.full(x.shape[-1], eps)) + bias


# ---------------------------------------------------------------------------------------------- running values


def _refusing(update):
    """The update, but for one entry a ValueError."""

    def bn_running(x, running_mean, running_var, momentum):
        if x.size == x.shape[-1]:
            raise ValueError("m is 1")
        return update(x, running_mean, running_var, momentum)

    return bn_running


def biased_kept(x, running_mean, running_var, momentum):
    running_mean = (1 - momentum) * running_mean + momentum * x.mean(ALL)
    running_var = (1 - momentum) * running_var + momentum * x.var(ALL)
    return running_mean, running_var


def momentum_of_the_old(x, running_mean, running_var, momentum):
    rows = x.reshape(-1, x.shape[-1])
    m = len(rows)
    var = ((rows - rows.mean(0)) ** 2).sum(0) / (m - 1)
    return momentum * running_mean + (1 - momentum) * rows.mean(0), momentum * running_var + (1 - momentum) * var


def never_moved(x, running_mean, running_var, momentum):
    mean, var = x.mean(ALL), x.var(ALL, ddof=1)
    assert mean.shape == var.shape
    return running_mean.copy(), running_var.copy()


def moved_twice(x, running_mean, running_var, momentum):
    for _ in range(2):
        running_mean = running_mean + momentum * (x.mean(ALL) - running_mean)
        running_var = running_var + momentum * (x.var(ALL, ddof=1) - running_var)
    return running_mean, running_var


def begins_at_zero(x, running_mean, running_var, momentum):
    mean, var = np.zeros_like(running_mean), np.zeros_like(running_var)
    mean = (1 - momentum) * mean + momentum * x.mean(ALL)
    var = (1 - momentum) * var + momentum * x.var(ALL, ddof=1)
    return mean, var


def never_fades(x, running_mean, running_var, momentum):
    return running_mean + momentum * x.mean(ALL), running_var + momentum * x.var(ALL, ddof=1)


def the_last_batch(x, running_mean, running_var, momentum):
    return x.mean(ALL), x.var(ALL, ddof=1)


def deviation_kept(x, running_mean, running_var, momentum):
    std = np.sqrt(x.var(ALL, ddof=1))
    return ((1 - momentum) * running_mean + momentum * x.mean(ALL), (1 - momentum) * running_var + momentum * std)


def one_less_picture(x, running_mean, running_var, momentum):
    off = x - x.mean(ALL)
    var = (off**2).sum(ALL) / (x.shape[0] - 1)
    return running_mean + momentum * (x.mean(ALL) - running_mean), running_var + momentum * (var - running_var)


def picture_by_picture(x, running_mean, running_var, momentum):
    for n in range(x.shape[0]):
        running_mean = (1 - momentum) * running_mean + momentum * x[n].mean((0, 1))
        running_var = (1 - momentum) * running_var + momentum * x[n].var((0, 1), ddof=1)
    return running_mean, running_var


def takes_one_entry(x, running_mean, running_var, momentum):
    mean, var = x.mean(ALL), x.var(ALL, ddof=1)
    return (1 - momentum) * running_mean + momentum * mean, (1 - momentum) * running_var + momentum * var


def divides_one_entry_by_one(x, running_mean, running_var, momentum):
    m = x[..., 0].size
    var = ((x - x.mean(ALL)) ** 2).sum(ALL) / max(m - 1, 1)
    return (1 - momentum) * running_mean + momentum * x.mean(ALL), (1 - momentum) * running_var + momentum * var


def moves_the_callers(x, running_mean, running_var, momentum):
    running_mean += momentum * (x.mean(ALL) - running_mean)
    running_var += momentum * (x.var(ALL, ddof=1) - running_var)
    return running_mean, running_var


# ---------------------------------------------------------------------------------------------- two modes


def _hat(x, mean, var, eps):
    return (x - mean) / np.sqrt(var + eps)


def _moved(x, running_mean, running_var, momentum):
    new = x.mean(ALL), x.var(ALL, ddof=1)
    return [(1 - momentum) * old + momentum * n for old, n in zip((running_mean, running_var), new)]


def always_the_batch(x, weight, bias, running_mean, running_var, momentum, eps, train):
    y = weight * _hat(x, x.mean(ALL), x.var(ALL), eps) + bias
    if train:
        running_mean, running_var = _moved(x, running_mean, running_var, momentum)
    return y, running_mean, running_var


def always_the_past(x, weight, bias, running_mean, running_var, momentum, eps, train):
    y = weight * _hat(x, running_mean, running_var, eps) + bias
    if train:
        return y, *_moved(x, running_mean, running_var, momentum)
    return y, running_mean, running_var


def updates_first(x, weight, bias, running_mean, running_var, momentum, eps, train):
    if train:
        running_mean, running_var = _moved(x, running_mean, running_var, momentum)
    return weight * _hat(x, running_mean, running_var, eps) + bias, running_mean, running_var


def turned_round(x, weight, bias, running_mean, running_var, momentum, eps, train):
    if not train:
        y = weight * _hat(x, x.mean(ALL), x.var(ALL), eps) + bias
        return y, *_moved(x, running_mean, running_var, momentum)
    return weight * _hat(x, running_mean, running_var, eps) + bias, running_mean, running_var


def forgets_to_update(x, weight, bias, running_mean, running_var, momentum, eps, train):
    mean, var = (x.mean(ALL), x.var(ALL)) if train else (running_mean, running_var)
    return weight * _hat(x, mean, var, eps) + bias, running_mean, running_var


def updates_always(x, weight, bias, running_mean, running_var, momentum, eps, train):
    mean, var = (x.mean(ALL), x.var(ALL)) if train else (running_mean, running_var)
    return weight * _hat(x, mean, var, eps) + bias, *_moved(x, running_mean, running_var, momentum)


def updates_twice(x, weight, bias, running_mean, running_var, momentum, eps, train):
    if not train:
        return weight * _hat(x, running_mean, running_var, eps) + bias, running_mean, running_var
    once = _moved(x, running_mean, running_var, momentum)
    return weight * _hat(x, x.mean(ALL), x.var(ALL), eps) + bias, *_moved(x, *once, momentum)


def returns_the_batchs(x, weight, bias, running_mean, running_var, momentum, eps, train):
    if train:
        running_mean, running_var = x.mean(ALL), x.var(ALL)
    return weight * _hat(x, running_mean, running_var, eps) + bias, running_mean, running_var


def keeps_the_biased(x, weight, bias, running_mean, running_var, momentum, eps, train):
    mean, var = running_mean, running_var
    if train:
        mean, var = x.mean(ALL), x.var(ALL)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * var
    return weight * _hat(x, mean, var, eps) + bias, running_mean, running_var


def sample_variance_normalises(x, weight, bias, running_mean, running_var, momentum, eps, train):
    mean, var = (x.mean(ALL), x.var(ALL, ddof=1)) if train else (running_mean, running_var)
    y = weight * (x - mean) / np.sqrt(var + eps) + bias
    return y, running_mean + momentum * (mean - running_mean), running_var + momentum * (var - running_var)


def no_eps_at_test(x, weight, bias, running_mean, running_var, momentum, eps, train):
    if train:
        y = weight * _hat(x, x.mean(ALL), x.var(ALL), eps) + bias
        return y, *_moved(x, running_mean, running_var, momentum)
    return weight * (x - running_mean) / running_var**0.5 + bias, running_mean, running_var


def variance_at_test(x, weight, bias, running_mean, running_var, momentum, eps, train):
    if train:
        y = weight * _hat(x, x.mean(ALL), x.var(ALL), eps) + bias
        return y, *_moved(x, running_mean, running_var, momentum)
    return weight * (x - running_mean) / (running_var + eps) + bias, running_mean, running_var


# ---------------------------------------------------------------------------------------------- backward


def _statistics(x, eps):
    s = np.sqrt(x.var(ALL) + eps)
    return s, (x - x.mean(ALL)) / s


def direct_only(dy, x, weight, eps):
    s, hat = _statistics(x, eps)
    return dy * weight / s, (dy * hat).sum(ALL), dy.sum(ALL)


def no_mean_term(dy, x, weight, eps):
    s, hat = _statistics(x, eps)
    g = dy * weight
    return (g - hat * (g * hat).mean(ALL)) / s, (dy * hat).sum(ALL), dy.sum(ALL)


def no_variance_term(dy, x, weight, eps):
    s, hat = _statistics(x, eps)
    g = dy * weight
    return (g - g.mean(ALL)) / s, (dy * hat).sum(ALL), dy.sum(ALL)


def adds_the_variance_term(dy, x, weight, eps):
    s, hat = _statistics(x, eps)
    g = dy * weight
    return (g - g.mean(ALL) + hat * (g * hat).mean(ALL)) / s, (dy * hat).sum(ALL), dy.sum(ALL)


def half_of_the_root_lost(dy, x, weight, eps):
    s, hat = _statistics(x, eps)
    m, off, g = x[..., 0].size, x - x.mean(ALL), dy * weight
    dvar = -(g * off).sum(ALL) / s**3
    return g / s + dvar * 2 * off / m - (g / s).sum(ALL) / m, (dy * hat).sum(ALL), dy.sum(ALL)


def two_of_the_square_lost(dy, x, weight, eps):
    s, hat = _statistics(x, eps)
    m, off, g = x[..., 0].size, x - x.mean(ALL), dy * weight
    dvar = -0.5 * (g * off).sum(ALL) / s**3
    return g / s + dvar * off / m - (g / s).sum(ALL) / m, (dy * hat).sum(ALL), dy.sum(ALL)


def the_sums_alone(dy, x, weight, eps):
    s, hat = _statistics(x, eps)
    return -weight / s * (dy.mean(ALL) + hat * (dy * hat).mean(ALL)), (dy * hat).sum(ALL), dy.sum(ALL)


def n_for_m(dy, x, weight, eps):
    s, hat = _statistics(x, eps)
    N, dw, db = len(x), (dy * hat).sum(ALL), dy.sum(ALL)
    return weight / (N * s) * (N * dy - db - hat * dw), dw, db


def one_less_entry(dy, x, weight, eps):
    s, hat = _statistics(x, eps)
    m = x.shape[0] * x.shape[1] * x.shape[2] - 1
    dw, db = (dy * hat).sum(ALL), dy.sum(ALL)
    return weight / s * (dy - db / m - hat * dw / m), dw, db


def unbiased_backward(dy, x, weight, eps):
    s = np.sqrt(x.var(ALL, ddof=1) + eps)
    hat = (x - x.mean(ALL)) / s
    true = (x - x.mean(ALL)) / np.sqrt(x.var(ALL) + eps)
    return weight / s * (dy - dy.mean(ALL) - hat * (dy * hat).mean(ALL)), (dy * true).sum(ALL), dy.sum(ALL)


def not_divided(dy, x, weight, eps):
    _, hat = _statistics(x, eps)
    return weight * (dy - dy.mean(ALL) - hat * (dy * hat).mean(ALL)), (dy * hat).sum(ALL), dy.sum(ALL)


def eps_forgotten(dy, x, weight, eps):
    s = x.std(ALL)
    hat = (x - x.mean(ALL)) / s
    return weight / s * (dy - dy.mean(ALL) - hat * (dy * hat).mean(ALL)), (dy * hat).sum(ALL), dy.sum(ALL)


def weight_forgotten(dy, x, weight, eps):
    s, hat = _statistics(x, eps)
    return (dy - dy.mean(ALL) - hat * (dy * hat).mean(ALL)) / s, (dy * hat).sum(ALL), dy.sum(ALL)


def weight_on_dy_alone(dy, x, weight, eps):
    s, hat = _statistics(x, eps)
    return (weight * dy - dy.mean(ALL) - hat * (dy * hat).mean(ALL)) / s, (dy * hat).sum(ALL), dy.sum(ALL)


def hat_in_the_sum(dy, x, weight, eps):
    s, hat = _statistics(x, eps)
    return weight / s * (dy - dy.mean(ALL) - (hat * hat * dy).mean(ALL)), (dy * hat).sum(ALL), dy.sum(ALL)


def mean_of_everything(dy, x, weight, eps):
    s, hat = _statistics(x, eps)
    return weight / s * (dy - dy.mean() - hat * (dy * hat).mean()), (dy * hat).sum(ALL), dy.sum(ALL)


def _right_dx(dy, x, weight, eps):
    s, hat = _statistics(x, eps)
    return weight / s * (dy - dy.mean(ALL) - hat * (dy * hat).mean(ALL))


def x_in_dweight(dy, x, weight, eps):
    return _right_dx(dy, x, weight, eps), (dy * x).sum(ALL), dy.sum(ALL)


def off_in_dweight(dy, x, weight, eps):
    return _right_dx(dy, x, weight, eps), np.einsum("nhwc,nhwc->c", dy, x - x.mean(ALL)), dy.sum(ALL)


def pictures_alone(dy, x, weight, eps):
    _, hat = _statistics(x, eps)
    return _right_dx(dy, x, weight, eps), (dy * hat).sum(0), dy.sum(0)


def averaged_gradients(dy, x, weight, eps):
    _, hat = _statistics(x, eps)
    return _right_dx(dy, x, weight, eps), (dy * hat).mean(ALL), dy.mean(ALL)


def weight_in_dbias(dy, x, weight, eps):
    _, hat = _statistics(x, eps)
    g = dy * weight
    return _right_dx(dy, x, weight, eps), (dy * hat).sum(ALL), g.sum(ALL)


def gradients_exchanged(dy, x, weight, eps):
    _, hat = _statistics(x, eps)
    return _right_dx(dy, x, weight, eps), dy.sum(ALL), (dy * hat).sum(ALL)


def training_when_frozen(dy, x, weight, running_mean, running_var, eps):
    s, hat = _statistics(x, eps)
    return _right_dx(dy, x, weight, eps), (dy * hat).sum(ALL), dy.sum(ALL)


def sums_when_frozen(dy, x, weight, running_mean, running_var, eps):
    s = np.sqrt(running_var + eps)
    hat = (x - running_mean) / s
    m = x[..., 0].size
    dw, db = (dy * hat).sum(ALL), dy.sum(ALL)
    return weight / s * (dy - db / m - hat * dw / m), dw, db


def training_dx_when_frozen(dy, x, weight, running_mean, running_var, eps):
    hat = (x - running_mean) / np.sqrt(running_var + eps)
    return _right_dx(dy, x, weight, eps), (dy * hat).sum(ALL), dy.sum(ALL)


def batch_hat_when_frozen(dy, x, weight, running_mean, running_var, eps):
    _, hat = _statistics(x, eps)
    return weight * dy / np.sqrt(running_var + eps), (dy * hat).sum(ALL), dy.sum(ALL)


def batch_deviation_when_frozen(dy, x, weight, running_mean, running_var, eps):
    hat = (x - running_mean) / np.sqrt(running_var + eps)
    return weight * dy / np.sqrt(x.var(ALL) + eps), (dy * hat).sum(ALL), dy.sum(ALL)


def frozen_without_weight(dy, x, weight, running_mean, running_var, eps):
    s = np.sqrt(running_var + eps)
    return dy / s, (dy * (x - running_mean) / s).sum(ALL), dy.sum(ALL)


def frozen_over_the_variance(dy, x, weight, running_mean, running_var, eps):
    v = running_var + eps
    return weight * dy / v, (dy * (x - running_mean) / np.sqrt(v)).sum(ALL), dy.sum(ALL)


# ---------------------------------------------------------------------------------------------- the shortcut


def from_one(x, channels):
    more = channels - x.shape[3]
    return np.pad(x[:, 1::2, 1::2, :], ((0, 0), (0, 0), (0, 0), (more // 2, more - more // 2)))


def zeros_after(x, channels):
    s = x[:, ::2, ::2]
    zeros = np.zeros((*s.shape[:3], channels - s.shape[3]), x.dtype)
    return np.concatenate([s, zeros], axis=-1)


def zeros_before(x, channels):
    s = x[:, ::2, ::2]
    return np.concatenate([np.zeros((*s.shape[:3], channels - s.shape[3]), x.dtype), s], axis=-1)


def one_more_before(x, channels):
    more = channels - x.shape[3]
    return np.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (more - more // 2, more // 2)))


def all_pixels(x, channels):
    more = channels - x.shape[3]
    return np.pad(x, ((0, 0), (0, 0), (0, 0), (more // 2, more - more // 2)))


def rows_only(x, channels):
    before = (channels - x.shape[-1]) // 2
    s = x[:, ::2]
    y = np.zeros((*s.shape[:3], channels), x.dtype)
    y[..., before : before + x.shape[-1]] = s
    return y


def copies_for_zeros(x, channels):
    s = x[:, ::2, ::2]
    return np.stack([s[..., c % x.shape[-1]] for c in range(channels)], axis=-1)


def no_zeros(x, channels):
    return x[:, ::2, ::2].copy()


def float64_zeros(x, channels):
    s = x[:, ::2, ::2]
    y, before = np.zeros((*s.shape[:3], channels)), (channels - x.shape[-1]) // 2
    y[..., before : before + x.shape[-1]] = s
    return y


# ---------------------------------------------------------------------------------------------- the block


def _relu(a):
    return a * (a > 0)


def _shortcut(x, shortcut):
    return shortcut(x) if shortcut else x


def relu_too_early(x, body, shortcut):
    return _relu(body(x)) + _shortcut(x, shortcut)


def relu_forgotten(x, body, shortcut):
    return body(x) + (shortcut(x) if shortcut is not None else x)


def relu_on_each(x, body, shortcut):
    return _relu(body(x)) + _relu(_shortcut(x, shortcut))


def plain(x, body, shortcut):
    return np.maximum(body(x), 0)


def body_alone(x, body, shortcut):
    return body(x)


def shortcut_twice(x, body, shortcut):
    s = _shortcut(x, shortcut)
    return _relu(body(x) + s + s)


def always_the_identity(x, body, shortcut):
    return np.where(body(x) + x > 0, body(x) + x, 0)


def nothing_for_none(x, body, shortcut):
    y = body(x)
    if shortcut is not None:
        y = y + shortcut(x)
    return _relu(y)


def behind_the_body(x, body, shortcut):
    y = body(x)
    return _relu(y + _shortcut(y, shortcut))


def product(x, body, shortcut):
    return _relu(body(x) * _shortcut(x, shortcut))


def mean_of_two(x, body, shortcut):
    return _relu(0.5 * (body(x) + _shortcut(x, shortcut)))


def into_the_bodys_output(x, body, shortcut):
    y = body(x)
    y += _shortcut(x, shortcut)
    return np.maximum(y, 0, out=y)


def into_x(x, body, shortcut):
    y = body(x)
    if shortcut is not None:
        return _relu(y + shortcut(x))
    x += y
    return _relu(x)


def no_way_back_through_the_shortcut(dy, y, body_backward, shortcut_backward):
    return body_backward(np.where(y > 0, dy, 0))


def shortcut_back_twice(dy, y, body_backward, shortcut_backward):
    d = dy * (y > 0)
    s = shortcut_backward(d) if shortcut_backward else d
    return body_backward(d) + s + s


def shortcut_back_alone(dy, y, body_backward, shortcut_backward):
    d = dy * (y > 0)
    return shortcut_backward(d) if shortcut_backward else d


def identity_back(dy, y, body_backward, shortcut_backward):
    d = dy * (y > 0)
    return d + body_backward(d)


def nothing_back_for_none(dy, y, body_backward, shortcut_backward):
    d = dy * (y > 0)
    dx = body_backward(d)
    return dx + shortcut_backward(d) if shortcut_backward else dx


def no_gate(dy, y, body_backward, shortcut_backward):
    return body_backward(dy) + (shortcut_backward(dy) if shortcut_backward else dy)


def gate_at_zero_too(dy, y, body_backward, shortcut_backward):
    d = dy * (y >= 0)
    return body_backward(d) + (shortcut_backward(d) if shortcut_backward else d)


def gate_for_the_body(dy, y, body_backward, shortcut_backward):
    return body_backward(dy * (y > 0)) + (shortcut_backward(dy) if shortcut_backward else dy)


def gate_for_the_shortcut(dy, y, body_backward, shortcut_backward):
    d = dy * (y > 0)
    return body_backward(dy) + (shortcut_backward(d) if shortcut_backward else d)


def gate_last(dy, y, body_backward, shortcut_backward):
    dx = body_backward(dy) + (shortcut_backward(dy) if shortcut_backward else dy)
    return np.where(y > 0, dx, 0)


def gate_of_dy(dy, y, body_backward, shortcut_backward):
    d = dy * (dy > 0)
    return body_backward(d) + (shortcut_backward(d) if shortcut_backward else d)


def one_after_the_other(dy, y, body_backward, shortcut_backward):
    d = dy * (y > 0)
    if shortcut_backward is not None:
        d = shortcut_backward(d)
    return body_backward(d)


def product_back(dy, y, body_backward, shortcut_backward):
    d = dy * (y > 0)
    return body_backward(d) * (shortcut_backward(d) if shortcut_backward else d)


# ---------------------------------------------------------------------------------------------- the count


def _resnet(n, width, classes, bias=0, per_norm=2, first=3, projection=0, halves=True, blocks=2, stem=1):
    convolutions, norms, channels = stem * (9 * first * width + bias * width), stem * per_norm * width, width
    for stage in range(3):
        out = width * 2**stage
        for layer in range(blocks * n):
            into = channels if layer == 0 and halves else out
            convolutions += 9 * into * out + bias * out
            norms += per_norm * out
        if stage:
            convolutions += projection * channels * out
            norms += projection * per_norm * out
        channels = out
    return convolutions, norms, channels * classes + classes


def with_biases(n, width, classes):
    return _resnet(n, width, classes, bias=1)


def with_running_values(n, width, classes):
    return _resnet(n, width, classes, per_norm=4)


def one_per_norm(n, width, classes):
    return _resnet(n, width, classes, per_norm=1)


def with_projections(n, width, classes):
    return _resnet(n, width, classes, projection=1)


def full_width_at_once(n, width, classes):
    return _resnet(n, width, classes, halves=False)


def first_sees_width(n, width, classes):
    return _resnet(n, width, classes, first=width)


def one_convolution_a_block(n, width, classes):
    return _resnet(n, width, classes, blocks=1)


def no_stem_norm(n, width, classes):
    convolutions, norms, fc = _resnet(n, width, classes)
    return convolutions, norms - 2 * width, fc


def no_biases_at_the_end(n, width, classes):
    convolutions, norms, _ = _resnet(n, width, classes)
    return convolutions, norms, 4 * width * classes


def sees_the_maps(n, width, classes):
    convolutions, norms, _ = _resnet(n, width, classes)
    return convolutions, norms, 8 * 8 * 4 * width * classes + classes


def two_mistakes(n, width, classes):
    convolutions, norms, _ = _resnet(n, width, classes, bias=1)
    return convolutions, norms, 4 * width * classes


def as_floats(n, width, classes):
    return tuple(map(float, _resnet(n, width, classes)))


def shortcut_up_to_minus_0(x, channels):
    before = (channels - x.shape[3]) // 2
    after = channels - x.shape[3] - before
    small = x[:, ::2, ::2]
    y = np.zeros((*small.shape[:3], channels), x.dtype)
    y[..., before:-after] = small
    return y


MUTANTS = [
    ("19-forward", "B1", unbiased),
    ("19-forward", "B3", eps_outside),
    ("19-forward", "B3", no_eps),
    ("19-forward", "B4", each_pixel_its_own),
    ("19-forward", "B5", each_picture_its_own),
    ("19-forward", "B23", one_mean_for_all),
    ("19-forward", "B23", over_the_channels),
    ("19-forward", "B23", over_each_picture_whole),
    ("19-forward", "B23", without_the_columns),
    ("19-forward", "B24", not_centred),
    ("19-forward", "B24", mean_square),
    ("19-forward", "B25", over_the_variance),
    ("19-forward", "B12", over_the_pictures_alone),
    ("19-forward", "B26", bias_and_weight),
    ("19-forward", "B26", scaled_last),
    ("19-forward", "B26", only_normalised),
    ("19-forward", "B19", difference_of_squares),
    ("19-forward", "unchanged", centred_in_place),
    ("19-forward", "C16", with_a_float64_array),
    ("19-running", "B1", _refusing(biased_kept)),
    ("19-running", "B2", _refusing(momentum_of_the_old)),
    ("19-running", "B8", never_moved),
    ("19-running", "B8", moved_twice),
    ("19-running", "B20", begins_at_zero),
    ("19-running", "B20", never_fades),
    ("19-running", "B20", the_last_batch),
    ("19-running", "B27", deviation_kept),
    ("19-running", "B12", one_less_picture),
    ("19-running", "B5", picture_by_picture),
    ("19-running", "B18", takes_one_entry),
    ("19-running", "B18", divides_one_entry_by_one),
    ("19-running", "unchanged", _refusing(moves_the_callers)),
    ("19-modes", "B6", always_the_batch),
    ("19-modes", "B7", always_the_past),
    ("19-modes", "B7", updates_first),
    ("19-modes", "B28", turned_round),
    ("19-modes", "B8", forgets_to_update),
    ("19-modes", "B8", updates_always),
    ("19-modes", "B8", updates_twice),
    ("19-modes", "B29", returns_the_batchs),
    ("19-modes", "B1", keeps_the_biased),
    ("19-modes", "B3", no_eps_at_test),
    ("19-modes", "B25", variance_at_test),
    ("19-modes", None, sample_variance_normalises),
    ("19-backward", "B11", direct_only),
    ("19-backward", "B9", no_mean_term),
    ("19-backward", "B10", no_variance_term),
    ("19-backward", "B30", adds_the_variance_term),
    ("19-backward", "B30", half_of_the_root_lost),
    ("19-backward", "B30", two_of_the_square_lost),
    ("19-backward", "B31", the_sums_alone),
    ("19-backward", "B12", n_for_m),
    ("19-backward", "B12", one_less_entry),
    ("19-backward", "B1", unbiased_backward),
    ("19-backward", "B25", not_divided),
    ("19-backward", "B3", eps_forgotten),
    ("19-backward", "B32", weight_forgotten),
    ("19-backward", "B32", weight_on_dy_alone),
    ("19-backward", "B33", hat_in_the_sum),
    ("19-backward", "B23", mean_of_everything),
    ("19-backward", "B13", x_in_dweight),
    ("19-backward", "B13", off_in_dweight),
    ("19-backward", "B14", pictures_alone),
    ("19-backward", "B14", averaged_gradients),
    ("19-backward", "B15", weight_in_dbias),
    ("19-backward", "order", gradients_exchanged),
    ("19-frozen", "B17", training_when_frozen),
    ("19-frozen", "B17", sums_when_frozen),
    ("19-frozen", "B17", training_dx_when_frozen),
    ("19-frozen", "B7", batch_hat_when_frozen),
    ("19-frozen", "B7", batch_deviation_when_frozen),
    ("19-frozen", "B32", frozen_without_weight),
    ("19-frozen", "B25", frozen_over_the_variance),
    ("19-shortcut", "K3", from_one),
    ("19-shortcut", "K3", zeros_after),
    ("19-shortcut", "K3", zeros_before),
    ("19-shortcut", "K3", one_more_before),
    ("19-shortcut", "K4", all_pixels),
    ("19-shortcut", "K4", rows_only),
    ("19-shortcut", "K5", copies_for_zeros),
    ("19-shortcut", "K5", no_zeros),
    ("19-shortcut", "C16", float64_zeros),
    ("19-block", "K2", relu_too_early),
    ("19-block", "K2", relu_forgotten),
    ("19-block", "K2", relu_on_each),
    ("19-block", "K1", plain),
    ("19-block", "K1", body_alone),
    ("19-block", "K1", shortcut_twice),
    ("19-block", "K1", always_the_identity),
    ("19-block", "K1", nothing_for_none),
    ("19-block", "K6", behind_the_body),
    ("19-block", "K6", product),
    ("19-block", "K6", mean_of_two),
    ("19-block", "B16", into_the_bodys_output),
    ("19-block", "unchanged", into_x),
    ("19-back", "K1", no_way_back_through_the_shortcut),
    ("19-back", "K1", shortcut_back_twice),
    ("19-back", "K1", shortcut_back_alone),
    ("19-back", "K1", identity_back),
    ("19-back", "K1", nothing_back_for_none),
    ("19-back", "K2", no_gate),
    ("19-back", "K2", gate_at_zero_too),
    ("19-back", "K2", gate_for_the_body),
    ("19-back", "K2", gate_for_the_shortcut),
    ("19-back", "K2", gate_last),
    ("19-back", "R1", gate_of_dy),
    ("19-back", "K6", one_after_the_other),
    ("19-back", "K6", product_back),
    ("19-parameters", "N16", with_biases),
    ("19-parameters", "N17", with_running_values),
    ("19-parameters", "N17", one_per_norm),
    ("19-parameters", "N18", with_projections),
    ("19-parameters", "N19", full_width_at_once),
    ("19-parameters", "N19", first_sees_width),
    ("19-parameters", "N19", one_convolution_a_block),
    ("19-parameters", "N17", no_stem_norm),
    ("19-parameters", "N20", no_biases_at_the_end),
    ("19-parameters", "N20", sees_the_maps),
    ("19-parameters", "two: N16 + N20", two_mistakes),
    ("19-parameters", "kind", as_floats),
    ("19-shortcut", "number", shortcut_up_to_minus_0),
]

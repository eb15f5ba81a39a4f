"""Lesson 19: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import math

import numpy as np


def bn_forward(x, weight, bias, eps):
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    hat = (x - mean) / np.sqrt(variance + eps)
    return weight * hat + bias


def bn_forward_by_channels(x, weight, bias, eps):
    y = np.empty_like(x)
    for c in range(x.shape[-1]):
        a = x[..., c]
        off = a - a.mean()
        y[..., c] = weight[c] * off / np.sqrt(np.mean(off**2) + eps) + bias[c]
    return y


def bn_forward_of_a_table(x, weight, bias, eps):
    rows = x.reshape(-1, x.shape[-1])  # (m, C)
    off = rows - rows.sum(axis=0) / len(rows)
    variance = np.einsum("mc,mc->c", off, off) / len(rows)
    return (off * (weight * (variance + eps) ** -0.5) + bias).reshape(x.shape)


def bn_running(x, running_mean, running_var, momentum):
    if x[..., 0].size == 1:
        raise ValueError("one entry in each channel has no variance")
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2), ddof=1)
    return (1 - momentum) * running_mean + momentum * mean, (1 - momentum) * running_var + momentum * variance


def bn_running_by_steps_towards(x, running_mean, running_var, momentum):
    rows = x.reshape(-1, x.shape[-1])
    m = len(rows)
    if m < 2:
        raise ValueError(f"{m} entry in each channel, expected 2 or more")
    mean = rows.sum(axis=0) / m
    variance = ((rows - mean) ** 2).sum(axis=0) / (m - 1)
    return [old + momentum * (new - old) for old, new in ((running_mean, mean), (running_var, variance))]


def batch_norm(x, weight, bias, running_mean, running_var, momentum, eps, train):
    if train:
        return bn_forward(x, weight, bias, eps), *bn_running(x, running_mean, running_var, momentum)
    y = weight * (x - running_mean) / np.sqrt(running_var + eps) + bias
    return y, running_mean, running_var


def batch_norm_in_one_formula(x, weight, bias, running_mean, running_var, momentum, eps, train):
    mean, variance = running_mean, running_var
    if train:
        m = x[..., 0].size
        mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
        running_mean = running_mean + momentum * (mean - running_mean)
        running_var = running_var + momentum * (variance * m / (m - 1) - running_var)
    return (x - mean) * (weight / np.sqrt(variance + eps)) + bias, running_mean, running_var


def bn_backward(dy, x, weight, eps):
    axes, m = (0, 1, 2), x[..., 0].size
    deviation = np.sqrt(x.var(axis=axes) + eps)
    hat = (x - x.mean(axis=axes)) / deviation
    dweight, dbias = (dy * hat).sum(axis=axes), dy.sum(axis=axes)
    dx = weight / deviation * (dy - dbias / m - hat * dweight / m)
    return dx, dweight, dbias


def bn_backward_road_by_road(dy, x, weight, eps):
    axes, m = (0, 1, 2), x[..., 0].size
    off = x - x.mean(axis=axes)
    variance = (off**2).sum(axis=axes) / m
    dhat = dy * weight
    direct = dhat * (variance + eps) ** -0.5
    dvariance = (dhat * off).sum(axis=axes) * -0.5 * (variance + eps) ** -1.5
    through_variance = dvariance * 2 * off / m
    dmean = -direct.sum(axis=axes)
    dweight = (dy * off).sum(axis=axes) * (variance + eps) ** -0.5
    return direct + through_variance + dmean / m, dweight, dy.sum(axis=axes)


def bn_backward_by_channels(dy, x, weight, eps):
    dx, dweight, dbias = np.empty_like(x), np.empty_like(weight), np.empty_like(weight)
    for c in range(x.shape[-1]):
        a, g = x[..., c].ravel(), dy[..., c].ravel()
        deviation = math.sqrt(a.var() + eps)
        hat = (a - a.mean()) / deviation
        dweight[c], dbias[c] = g @ hat, g.sum()
        dhat = weight[c] * g
        dx[..., c] = ((dhat - dhat.mean() - hat * np.mean(dhat * hat)) / deviation).reshape(x.shape[:-1])
    return dx, dweight, dbias


def frozen_backward(dy, x, weight, running_mean, running_var, eps):
    deviation = np.sqrt(running_var + eps)
    hat = (x - running_mean) / deviation
    return dy * weight / deviation, (dy * hat).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))


def frozen_backward_of_a_line(dy, x, weight, running_mean, running_var, eps):
    slope = (running_var + eps) ** -0.5
    dbias = np.einsum("nhwc->c", dy)
    dweight = slope * np.einsum("nhwc,nhwc->c", dy, x - running_mean)
    return dy * (weight * slope), dweight, dbias


def padded_shortcut(x, channels):
    more = channels - x.shape[-1]
    return np.pad(x[:, ::2, ::2], [(0, 0), (0, 0), (0, 0), (more // 2, more - more // 2)])


def padded_shortcut_into_zeros(x, channels):
    N, H, W, C = x.shape
    y = np.zeros((N, (H + 1) // 2, (W + 1) // 2, channels), x.dtype)
    before = (channels - C) // 2
    y[..., before : before + C] = x[:, ::2, ::2]
    return y


def block_forward(x, body, shortcut):
    return np.maximum(body(x) + (x if shortcut is None else shortcut(x)), 0)


def block_forward_in_steps(x, body, shortcut):
    if shortcut is None:
        total = x + body(x)
    else:
        total = shortcut(x) + body(x)
    return total * (total > 0)


def block_backward(dy, y, body_backward, shortcut_backward):
    dsum = dy * (y > 0)
    return body_backward(dsum) + (dsum if shortcut_backward is None else shortcut_backward(dsum))


def block_backward_in_steps(dy, y, body_backward, shortcut_backward):
    dsum = np.where(y > 0, dy, 0)
    dx = body_backward(dsum)
    if shortcut_backward is None:
        return dx + dsum
    return dx + shortcut_backward(dsum)


def count_resnet(n, width, classes):
    convolutions, norms, channels = 27 * width, 2 * width, width
    for out in (width, 2 * width, 4 * width):
        convolutions += 9 * channels * out + (2 * n - 1) * 9 * out * out
        norms += 2 * n * 2 * out
        channels = out
    return convolutions, norms, channels * classes + classes


def count_resnet_layer_by_layer(n, width, classes):
    kernels = [width] + [width * 2**stage for stage in range(3) for _ in range(2 * n)]
    seen = [3, *kernels[:-1]]
    shapes = [(3, 3, i, o) for i, o in zip(seen, kernels)]
    return sum(map(math.prod, shapes)), sum(o + o for o in kernels), kernels[-1] * classes + classes


SOLUTIONS = {
    "19-forward": [bn_forward, bn_forward_by_channels, bn_forward_of_a_table],
    "19-running": [bn_running, bn_running_by_steps_towards],
    "19-modes": [batch_norm, batch_norm_in_one_formula],
    "19-backward": [bn_backward, bn_backward_road_by_road, bn_backward_by_channels],
    "19-frozen": [frozen_backward, frozen_backward_of_a_line],
    "19-shortcut": [padded_shortcut, padded_shortcut_into_zeros],
    "19-block": [block_forward, block_forward_in_steps],
    "19-back": [block_backward, block_backward_in_steps],
    "19-parameters": [count_resnet, count_resnet_layer_by_layer],
}

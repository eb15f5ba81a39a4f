"""Lesson 06: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import numpy as np


def place_as_corner(x, kernel, bias, oh, ow, stride):
    s = 0
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            for c in range(kernel.shape[2]):
                s += x[oh + i, ow + j, c] * kernel[i, j, c]
    return s + bias


def stride_on_rows_alone(x, kernel, bias, oh, ow, stride):
    KH, KW, C = kernel.shape
    return np.sum(x[oh * stride : oh * stride + KH, ow : ow + KW] * kernel) + bias


def x_before_y(x, kernel, bias, oh, ow, stride):
    KH, KW, C = kernel.shape
    row, col = ow * stride, oh * stride
    return np.sum(x[row : row + KH, col : col + KW] * kernel) + bias


def true_convolution_of_one(x, kernel, bias, oh, ow, stride):
    KH, KW, C = kernel.shape
    total = 0
    for i in range(KH):
        for j in range(KW):
            total += np.dot(x[oh * stride + i, ow * stride + j], kernel[KH - 1 - i, KW - 1 - j])
    return total + bias


def one_without_bias(x, kernel, bias, oh, ow, stride):
    h, w, c = kernel.shape
    return (x[oh * stride : oh * stride + h, ow * stride : ow * stride + w] * kernel).sum()


def bias_inside_the_sum(x, kernel, bias, oh, ow, stride):
    h, w, c = kernel.shape
    return (x[oh * stride : oh * stride + h, ow * stride : ow * stride + w] * kernel + bias).sum()


def bias_for_each_channel(x, kernel, bias, oh, ow, stride):
    window = x[oh * stride : oh * stride + kernel.shape[0], ow * stride : ow * stride + kernel.shape[1]]
    return sum((window[..., c] * kernel[..., c]).sum() + bias for c in range(kernel.shape[2]))


def red_only(x, kernel, bias, oh, ow, stride):
    out = bias
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            out = out + x[oh * stride + i, ow * stride + j, 0] * kernel[i, j, 0]
    return out


def no_plus_before_the_equals(x, kernel, bias, oh, ow, stride):
    for i, j, c in np.ndindex(kernel.shape):
        total = x[oh * stride + i, ow * stride + j, c] * kernel[i, j, c]
    return total + bias


def mean_of_one_window(x, kernel, bias, oh, ow, stride):
    h, w, c = kernel.shape
    return np.mean(x[oh * stride : oh * stride + h, ow * stride : ow * stride + w] * kernel) + bias


# ---------------------------------------------------------------------------------------------- forward


def _pad(x, p):
    return np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))


def forgets_the_stride(x, weight, bias, stride, padding):
    p = _pad(x, padding)
    kh, kw, _, F = weight.shape
    oh, ow = (p.shape[1] - kh) // stride + 1, (p.shape[2] - kw) // stride + 1
    out = np.zeros((x.shape[0], oh, ow, F), x.dtype)
    for r in range(oh):
        for c in range(ow):
            for f in range(F):
                out[:, r, c, f] = np.sum(p[:, r : r + kh, c : c + kw] * weight[:, :, :, f], axis=(1, 2, 3)) + bias[f]
    return out


def stride_down_only(x, weight, bias, stride, padding):
    p = _pad(x, padding)
    kh, kw, _, F = weight.shape
    oh, ow = (p.shape[1] - kh) // stride + 1, (p.shape[2] - kw) // stride + 1
    out = np.zeros((x.shape[0], oh, ow, F), x.dtype)
    for r in range(oh):
        for c in range(ow):
            patch = p[:, r * stride : r * stride + kh, c : c + kw]
            out[:, r, c] = np.tensordot(patch, weight, 3) + bias
    return out


def stride_across_only(x, weight, bias, stride, padding):
    p = _pad(x, padding)
    kh, kw, _, F = weight.shape
    oh, ow = (p.shape[1] - kh) // stride + 1, (p.shape[2] - kw) // stride + 1
    cells = [
        [np.tensordot(p[:, r : r + kh, c * stride : c * stride + kw], weight, 3) for c in range(ow)] for r in range(oh)
    ]
    return np.moveaxis(np.array(cells), 2, 0) + bias


def zeros_at_the_end(x, weight, bias, stride, padding):
    N, H, W, C = x.shape
    kh, kw, _, F = weight.shape
    p = np.zeros((N, H + 2 * padding, W + 2 * padding, C), x.dtype)
    p[:, :H, :W] = x
    y = np.zeros((N, (H + 2 * padding - kh) // stride + 1, (W + 2 * padding - kw) // stride + 1, F), x.dtype)
    for r in range(y.shape[1]):
        for c in range(y.shape[2]):
            y[:, r, c] = (
                np.tensordot(p[:, r * stride : r * stride + kh, c * stride : c * stride + kw], weight, 3) + bias
            )
    return y


def padded_before_only(x, weight, bias, stride, padding):
    p = np.pad(x, ((0, 0), (padding, 0), (padding, 0), (0, 0)))
    kh, kw, _, F = weight.shape
    oh, ow = (p.shape[1] - kh) // stride + 1, (p.shape[2] - kw) // stride + 1
    y = np.zeros((len(x), oh, ow, F), x.dtype)
    for r in range(oh):
        for c in range(ow):
            y[:, r, c] = (
                np.tensordot(p[:, r * stride : r * stride + kh, c * stride : c * stride + kw], weight, 3) + bias
            )
    return y


def never_pads(x, weight, bias, stride, padding):
    N, H, W, C = x.shape
    kh, kw, _, F = weight.shape
    y = np.zeros((N, (H - kh) // stride + 1, (W - kw) // stride + 1, F), x.dtype)
    for n, r, c, f in np.ndindex(y.shape):
        y[n, r, c, f] = (
            np.sum(x[n, r * stride : r * stride + kh, c * stride : c * stride + kw] * weight[..., f]) + bias[f]
        )
    return y


def no_plus_one(x, weight, bias, stride, padding):
    p = _pad(x, padding)
    kh, kw, _, F = weight.shape
    y = np.zeros((len(x), (p.shape[1] - kh) // stride, (p.shape[2] - kw) // stride, F), x.dtype)
    for n, r, c, f in np.ndindex(y.shape):
        y[n, r, c, f] = (
            np.sum(p[n, r * stride : r * stride + kh, c * stride : c * stride + kw] * weight[..., f]) + bias[f]
        )
    return y


def padding_counted_once(x, weight, bias, stride, padding):
    N, H, W, C = x.shape
    kh, kw, _, F = weight.shape
    p = _pad(x, padding)
    y = np.zeros((N, (H + padding - kh) // stride + 1, (W + padding - kw) // stride + 1, F), x.dtype)
    for n, r, c, f in np.ndindex(y.shape):
        y[n, r, c, f] = (
            np.sum(p[n, r * stride : r * stride + kh, c * stride : c * stride + kw] * weight[..., f]) + bias[f]
        )
    return y


def edge_pixels_repeated(x, weight, bias, stride, padding):
    N, H, W, C = x.shape
    kh, kw, _, F = weight.shape
    y = np.zeros((N, (H + 2 * padding - kh) // stride + 1, (W + 2 * padding - kw) // stride + 1, F), x.dtype)
    for n, r, c, f in np.ndindex(y.shape):
        for i in range(kh):
            for j in range(kw):
                row = min(max(r * stride + i - padding, 0), H - 1)
                column = min(max(c * stride + j - padding, 0), W - 1)
                y[n, r, c, f] += x[n, row, column] @ weight[i, j, :, f]
        y[n, r, c, f] += bias[f]
    return y


def negative_indices(x, weight, bias, stride, padding):
    N, H, W, C = x.shape
    kh, kw, _, F = weight.shape
    y = np.zeros((N, (H + 2 * padding - kh) // stride + 1, (W + 2 * padding - kw) // stride + 1, F), x.dtype)
    for n, r, c, f in np.ndindex(y.shape):
        for i in range(kh):
            for j in range(kw):
                row, column = r * stride + i - padding, c * stride + j - padding
                y[n, r, c, f] += x[n, row % H, column % W] @ weight[i, j, :, f]
        y[n, r, c, f] += bias[f]
    return y


def no_bias(x, weight, bias, stride, padding):
    p = _pad(x, padding)
    kh, kw, _, F = weight.shape
    oh, ow = (p.shape[1] - kh) // stride + 1, (p.shape[2] - kw) // stride + 1
    y = np.zeros((len(x), oh, ow, F), x.dtype)
    for i in range(kh):
        for j in range(kw):
            y += p[:, i : i + stride * (oh - 1) + 1 : stride, j : j + stride * (ow - 1) + 1 : stride] @ weight[i, j]
    return y


def bias_each_time(x, weight, bias, stride, padding):
    p = _pad(x, padding)
    kh, kw, C, F = weight.shape
    oh, ow = (p.shape[1] - kh) // stride + 1, (p.shape[2] - kw) // stride + 1
    y = np.zeros((len(x), oh, ow, F), x.dtype)
    for i in range(kh):
        for j in range(kw):
            for c in range(C):
                part = p[:, i : i + stride * (oh - 1) + 1 : stride, j : j + stride * (ow - 1) + 1 : stride, c]
                y += part[..., None] * weight[i, j, c] + bias
    return y


def as_in_the_mathematics_book(x, weight, bias, stride, padding):
    p = _pad(x, padding)
    kh, kw, C, F = weight.shape
    oh, ow = (p.shape[1] - kh) // stride + 1, (p.shape[2] - kw) // stride + 1
    y = np.zeros((len(x), oh, ow, F), x.dtype) + bias
    for i in range(kh):
        for j in range(kw):
            part = p[:, i : i + stride * (oh - 1) + 1 : stride, j : j + stride * (ow - 1) + 1 : stride]
            y += part @ weight[kh - 1 - i, kw - 1 - j]
    return y


def rows_upside_down(x, weight, bias, stride, padding):
    p, k = _pad(x, padding), np.flipud(weight)
    kh, kw, C, F = k.shape
    y = np.zeros((len(x), (p.shape[1] - kh) // stride + 1, (p.shape[2] - kw) // stride + 1, F), x.dtype)
    for r in range(y.shape[1]):
        for c in range(y.shape[2]):
            y[:, r, c] = np.tensordot(p[:, r * stride : r * stride + kh, c * stride : c * stride + kw], k, 3) + bias
    return y


def width_before_height(x, weight, bias, stride, padding):
    p = _pad(x, padding)
    kw, kh, C, F = weight.shape
    y = np.zeros((len(x), (p.shape[1] - kh) // stride + 1, (p.shape[2] - kw) // stride + 1, F), x.dtype)
    for n, r, c, f in np.ndindex(y.shape):
        total = bias[f]
        for i in range(kh):
            for j in range(kw):
                total += p[n, r * stride + i, c * stride + j] @ weight[j, i, :, f]
        y[n, r, c, f] = total
    return y


def first_channel(x, weight, bias, stride, padding):
    p = _pad(x, padding)
    kh, kw, C, F = weight.shape
    y = np.zeros((len(x), (p.shape[1] - kh) // stride + 1, (p.shape[2] - kw) // stride + 1, F), x.dtype)
    for n, r, c, f in np.ndindex(y.shape):
        y[n, r, c, f] = bias[f]
        for i in range(kh):
            for j in range(kw):
                y[n, r, c, f] += p[n, r * stride + i, c * stride + j, 0] * weight[i, j, 0, f]
    return y


def channels_overwrite(x, weight, bias, stride, padding):
    p = _pad(x, padding)
    kh, kw, C, F = weight.shape
    y = np.zeros((len(x), (p.shape[1] - kh) // stride + 1, (p.shape[2] - kw) // stride + 1, F), x.dtype)
    for n, r, c, f in np.ndindex(y.shape):
        window = p[n, r * stride : r * stride + kh, c * stride : c * stride + kw]
        for channel in range(C):
            y[n, r, c, f] = np.sum(window[:, :, channel] * weight[:, :, channel, f]) + bias[f]
    return y


def total_never_reset(x, weight, bias, stride, padding):
    p = _pad(x, padding)
    kh, kw, C, F = weight.shape
    y = np.zeros((len(x), (p.shape[1] - kh) // stride + 1, (p.shape[2] - kw) // stride + 1, F), x.dtype)
    for n in range(y.shape[0]):
        for r in range(y.shape[1]):
            for c in range(y.shape[2]):
                total = 0
                for f in range(F):
                    total += np.sum(p[n, r * stride : r * stride + kh, c * stride : c * stride + kw] * weight[..., f])
                    y[n, r, c, f] = total + bias[f]
    return y


def equals_for_plus_equals(x, weight, bias, stride, padding):
    p = _pad(x, padding)
    kh, kw, C, F = weight.shape
    y = np.zeros((len(x), (p.shape[1] - kh) // stride + 1, (p.shape[2] - kw) // stride + 1, F), x.dtype)
    for n, r, c, f in np.ndindex(y.shape):
        for i, j, d in np.ndindex(kh, kw, C):
            y[n, r, c, f] = p[n, r * stride + i, c * stride + j, d] * weight[i, j, d, f]
        y[n, r, c, f] += bias[f]
    return y


def zeros_of_numpy(x, weight, bias, stride, padding):
    p = _pad(x, padding)
    kh, kw, C, F = weight.shape
    y = np.zeros((len(x), (p.shape[1] - kh) // stride + 1, (p.shape[2] - kw) // stride + 1, F))
    for n, r, c, f in np.ndindex(y.shape):
        y[n, r, c, f] = (
            np.sum(p[n, r * stride : r * stride + kh, c * stride : c * stride + kw] * weight[..., f]) + bias[f]
        )
    return y


def flipped_and_without_bias(x, weight, bias, stride, padding):
    p, k = _pad(x, padding), weight[::-1, ::-1]
    kh, kw, C, F = weight.shape
    y = np.zeros((len(x), (p.shape[1] - kh) // stride + 1, (p.shape[2] - kw) // stride + 1, F), x.dtype)
    for n, r, c, f in np.ndindex(y.shape):
        y[n, r, c, f] = np.sum(p[n, r * stride : r * stride + kh, c * stride : c * stride + kw] * k[..., f])
    return y


# ---------------------------------------------------------------------------------------------- dweight


def averaged_over_pictures(dy, x, weight, stride, padding):
    p, g = _pad(x, padding), np.zeros_like(weight)
    kh, kw = weight.shape[:2]
    for n, r, c, f in np.ndindex(dy.shape):
        g[..., f] += p[n, r * stride : r * stride + kh, c * stride : c * stride + kw] * dy[n, r, c, f]
    return g / x.shape[0], dy.sum((0, 1, 2)) / x.shape[0]


def weight_averaged_alone(dy, x, weight, stride, padding):
    p, g = _pad(x, padding), np.zeros_like(weight)
    kh, kw = weight.shape[:2]
    for n, r, c in np.ndindex(dy.shape[:3]):
        g += p[n, r * stride : r * stride + kh, c * stride : c * stride + kw, :, None] * dy[n, r, c] / len(dy)
    return g, dy.sum((0, 1, 2))


def zeroed_for_every_picture(dy, x, weight, stride, padding):
    kh, kw = weight.shape[:2]
    for n in range(len(x)):
        g, b = np.zeros_like(weight), np.zeros_like(dy[0, 0, 0])
        p = np.pad(x[n], ((padding, padding), (padding, padding), (0, 0)))
        for r, c in np.ndindex(dy.shape[1:3]):
            g += p[r * stride : r * stride + kh, c * stride : c * stride + kw, :, None] * dy[n, r, c]
            b += dy[n, r, c]
    return g, b


def mean_of_everything(dy, x, weight, stride, padding):
    p = _pad(x, padding)
    kh, kw = weight.shape[:2]
    parts = [
        p[n, r * stride : r * stride + kh, c * stride : c * stride + kw, :, None] * dy[n, r, c]
        for n, r, c in np.ndindex(dy.shape[:3])
    ]
    return np.mean(parts, axis=0), dy.mean((0, 1, 2))


def gradient_assigned(dy, x, weight, stride, padding):
    p, g, b = _pad(x, padding), np.zeros_like(weight), np.zeros_like(weight[0, 0, 0])
    kh, kw = weight.shape[:2]
    for n, r, c, f in np.ndindex(dy.shape):
        g[..., f] = p[n, r * stride : r * stride + kh, c * stride : c * stride + kw] * dy[n, r, c, f]
        b[f] = dy[n, r, c, f]
    return g, b


def dweight_at_stride_one(dy, x, weight, stride, padding):
    p, g = _pad(x, padding), np.zeros_like(weight)
    for i, j in np.ndindex(weight.shape[:2]):
        g[i, j] = np.einsum("nhwc,nhwf->cf", p[:, i : i + dy.shape[1], j : j + dy.shape[2]], dy)
    return g, dy.sum((0, 1, 2))


def dweight_strides_down_only(dy, x, weight, stride, padding):
    p, g = _pad(x, padding), np.zeros_like(weight)
    kh, kw = weight.shape[:2]
    for n, r, c, f in np.ndindex(dy.shape):
        g[..., f] += p[n, r * stride : r * stride + kh, c : c + kw] * dy[n, r, c, f]
    return g, np.array([dy[..., f].sum() for f in range(dy.shape[-1])], dy.dtype)


def dweight_flipped(dy, x, weight, stride, padding):
    p, g = _pad(x, padding), np.zeros_like(weight)
    kh, kw = weight.shape[:2]
    for n, r, c, f in np.ndindex(dy.shape):
        g[..., f] += p[n, r * stride : r * stride + kh, c * stride : c * stride + kw] * dy[n, r, c, f]
    return np.rot90(g, 2), dy.sum((0, 1, 2))


def dweight_padded_at_the_end(dy, x, weight, stride, padding):
    p, g = np.pad(x, ((0, 0), (0, 2 * padding), (0, 2 * padding), (0, 0))), np.zeros_like(weight)
    kh, kw = weight.shape[:2]
    for n, r, c, f in np.ndindex(dy.shape):
        g[..., f] += p[n, r * stride : r * stride + kh, c * stride : c * stride + kw] * dy[n, r, c, f]
    return g, dy.sum((0, 1, 2))


def _dweight(dy, x, weight, stride, padding):
    p, g = _pad(x, padding), np.zeros_like(weight)
    kh, kw = weight.shape[:2]
    for n, r, c, f in np.ndindex(dy.shape):
        g[..., f] += p[n, r * stride : r * stride + kh, c * stride : c * stride + kw] * dy[n, r, c, f]
    return g


def dbias_keeps_an_axis(dy, x, weight, stride, padding):
    return _dweight(dy, x, weight, stride, padding), dy.sum(axis=(0, 1, 2)).reshape(1, -1)


def dbias_by_picture(dy, x, weight, stride, padding):
    return _dweight(dy, x, weight, stride, padding), dy.sum(axis=1).sum(axis=1)


def dbias_is_a_mean(dy, x, weight, stride, padding):
    return _dweight(dy, x, weight, stride, padding), dy.reshape(-1, dy.shape[-1]).mean(axis=0)


def averaged_and_flipped(dy, x, weight, stride, padding):
    return _dweight(dy, x, weight, stride, padding)[::-1, ::-1] / len(x), dy.sum((0, 1, 2))


# ---------------------------------------------------------------------------------------------- dx


def windows_overwrite(dy, x, weight, stride, padding):
    N, H, W, C = x.shape
    g = np.zeros_like(_pad(x, padding))
    kh, kw = weight.shape[:2]
    for n, r, c in np.ndindex(dy.shape[:3]):
        g[n, r * stride : r * stride + kh, c * stride : c * stride + kw] = weight @ dy[n, r, c]
    return g[:, padding : padding + H, padding : padding + W]


def everything_overwrites(dy, x, weight, stride, padding):
    N, H, W, C = x.shape
    g = np.zeros_like(_pad(x, padding))
    for n, r, c, f in np.ndindex(dy.shape):
        for i, j, d in np.ndindex(weight.shape[:3]):
            g[n, r * stride + i, c * stride + j, d] = dy[n, r, c, f] * weight[i, j, d, f]
    return g[:, padding : padding + H, padding : padding + W]


def one_map_alone(dy, x, weight, stride, padding):
    N, H, W, C = x.shape
    g = np.zeros_like(_pad(x, padding))
    kh, kw = weight.shape[:2]
    for n, r, c in np.ndindex(dy.shape[:3]):
        g[n, r * stride : r * stride + kh, c * stride : c * stride + kw] += dy[n, r, c, 0] * weight[..., 0]
    return g[:, padding : padding + H, padding : padding + W]


def dx_forgets_the_stride(dy, x, weight, stride, padding):
    N, H, W, C = x.shape
    g = np.zeros_like(_pad(x, padding))
    for i, j in np.ndindex(weight.shape[:2]):
        g[:, i : i + dy.shape[1], j : j + dy.shape[2]] += dy @ weight[i, j].T
    return g[:, padding : padding + H, padding : padding + W]


def dx_strides_down_only(dy, x, weight, stride, padding):
    N, H, W, C = x.shape
    g = np.zeros_like(_pad(x, padding))
    for i, j in np.ndindex(weight.shape[:2]):
        for r in range(dy.shape[1]):
            g[:, r * stride + i, j : j + dy.shape[2]] += dy[:, r] @ weight[i, j].T
    return g[:, padding : padding + H, padding : padding + W]


def flipped_once_too_often(dy, x, weight, stride, padding):
    N, H, W, C = x.shape
    g, k = np.zeros_like(_pad(x, padding)), np.rot90(weight, 2)
    kh, kw = k.shape[:2]
    for n, r, c in np.ndindex(dy.shape[:3]):
        g[n, r * stride : r * stride + kh, c * stride : c * stride + kw] += k @ dy[n, r, c]
    return g[:, padding : padding + H, padding : padding + W]


def _dpadded(dy, x, weight, stride, padding):
    g = np.zeros_like(_pad(x, padding))
    kh, kw = weight.shape[:2]
    for n, r, c in np.ndindex(dy.shape[:3]):
        g[n, r * stride : r * stride + kh, c * stride : c * stride + kw] += weight @ dy[n, r, c]
    return g


def minus_zero(dy, x, weight, stride, padding):
    return _dpadded(dy, x, weight, stride, padding)[:, padding:-padding, padding:-padding, :]


def as_large_as_the_windows(dy, x, weight, stride, padding):
    (N, oh, ow, _), (kh, kw, C, _) = dy.shape, weight.shape
    g = np.zeros((N, (oh - 1) * stride + kh, (ow - 1) * stride + kw, C), dy.dtype)
    for n, r, c in np.ndindex(N, oh, ow):
        g[n, r * stride : r * stride + kh, c * stride : c * stride + kw] += weight @ dy[n, r, c]
    return g[:, padding : g.shape[1] - padding, padding : g.shape[2] - padding]


def as_large_as_the_windows_cropped(dy, x, weight, stride, padding):
    (N, oh, ow, _), (kh, kw, C, _) = dy.shape, weight.shape
    g = np.zeros((N, (oh - 1) * stride + kh, (ow - 1) * stride + kw, C), dy.dtype)
    for n, r, c in np.ndindex(N, oh, ow):
        g[n, r * stride : r * stride + kh, c * stride : c * stride + kw] += weight @ dy[n, r, c]
    return g[:, padding : padding + x.shape[1], padding : padding + x.shape[2]]


def never_cropped(dy, x, weight, stride, padding):
    return _dpadded(dy, x, weight, stride, padding)


def cropped_at_the_corner(dy, x, weight, stride, padding):
    return _dpadded(dy, x, weight, stride, padding)[:, : x.shape[1], : x.shape[2]]


def mean_where_windows_overlap(dy, x, weight, stride, padding):
    g, count = _dpadded(dy, x, weight, stride, padding), np.zeros_like(_pad(x, padding))
    for n, r, c in np.ndindex(dy.shape[:3]):
        count[n, r * stride : r * stride + weight.shape[0], c * stride : c * stride + weight.shape[1]] += 1
    g = g / np.where(count == 0, 1, count)
    return g[:, padding : padding + x.shape[1], padding : padding + x.shape[2]]


def adds_into_x(dy, x, weight, stride, padding):
    x -= x
    x += _dpadded(dy, x, weight, stride, padding)[:, padding : padding + x.shape[1], padding : padding + x.shape[2]]
    return x


def dx_in_float64(dy, x, weight, stride, padding):
    N, H, W, C = x.shape
    g = np.zeros((N, H + 2 * padding, W + 2 * padding, C))
    kh, kw = weight.shape[:2]
    for n, r, c in np.ndindex(dy.shape[:3]):
        g[n, r * stride : r * stride + kh, c * stride : c * stride + kw] += weight @ dy[n, r, c]
    return g[:, padding : padding + H, padding : padding + W]


def overwrites_and_flipped(dy, x, weight, stride, padding):
    N, H, W, C = x.shape
    g = np.zeros_like(_pad(x, padding))
    kh, kw = weight.shape[:2]
    for n, r, c in np.ndindex(dy.shape[:3]):
        g[n, r * stride : r * stride + kh, c * stride : c * stride + kw] = weight[::-1, ::-1] @ dy[n, r, c]
    return g[:, padding : padding + H, padding : padding + W]


def _at(x, kernel, top, left):
    KH, KW, _ = kernel.shape
    return x[top : top + KH, left : left + KW]


def places_from_one(x, kernel, bias, oh, ow, stride):
    return (_at(x, kernel, stride * (oh - 1), stride * (ow - 1)) * kernel).sum() + bias


def middle_at_the_place(x, kernel, bias, oh, ow, stride):
    return (_at(x, kernel, oh * stride - 1, ow * stride - 1) * kernel).sum() + bias


def stride_added(x, kernel, bias, oh, ow, stride):
    return (_at(x, kernel, oh + stride, ow + stride) * kernel).sum() + bias


def side_by_side(x, kernel, bias, oh, ow, stride):
    return (_at(x, kernel, oh * kernel.shape[0], ow * kernel.shape[1]) * kernel).sum() + bias


def steps_inside(x, kernel, bias, oh, ow, stride):
    total = bias
    for i, j, c in np.ndindex(kernel.shape):
        total += x[(oh + i) * stride, (ow + j) * stride, c] * kernel[i, j, c]
    return total


def _products(x, kernel, oh, ow, stride):
    return _at(x, kernel, oh * stride, ow * stride) * kernel


def bias_taken_off(x, kernel, bias, oh, ow, stride):
    return _products(x, kernel, oh, ow, stride).sum() - bias


def largest_product(x, kernel, bias, oh, ow, stride):
    return _products(x, kernel, oh, ow, stride).max() + bias


def sums_multiplied(x, kernel, bias, oh, ow, stride):
    return _at(x, kernel, oh * stride, ow * stride).sum() * kernel.sum() + bias


def one_number_a_channel(x, kernel, bias, oh, ow, stride):
    return bias + np.array([_products(x, kernel, oh, ow, stride)[..., c].sum() for c in range(3)])


def kernel_row_short(x, kernel, bias, oh, ow, stride):
    total = bias
    for i in range(kernel.shape[0] - 1):
        total += (x[oh * stride + i, ow * stride : ow * stride + kernel.shape[1]] * kernel[i]).sum()
    return total


def blue_left_out(x, kernel, bias, oh, ow, stride):
    return _products(x, kernel, oh, ow, stride)[:, :, :2].sum() + bias


def columns_backwards(x, kernel, bias, oh, ow, stride):
    return (_at(x, kernel, oh * stride, ow * stride) * np.fliplr(kernel)).sum() + bias


def columns_before_rows(x, kernel, bias, oh, ow, stride):
    KW, KH, _ = kernel.shape
    total = bias
    for i in range(KH):
        for j in range(KW):
            total += x[oh * stride + i, ow * stride + j] @ kernel[j, i]
    return total


def never_below_zero(x, kernel, bias, oh, ow, stride):
    return max(_products(x, kernel, oh, ow, stride).sum() + bias, 0.0)


def nothing_at_zero(x, kernel, bias, oh, ow, stride):
    return _products(x, kernel, oh, ow, stride).sum() + bias if oh and ow else bias


def _loops(
    x, weight, bias, stride, padding, ns=slice(None), ohs=slice(None), ows=slice(None), fs=slice(None), mode=None
):
    """forward over some of the places; the others keep 0."""
    KH, KW, _, F = weight.shape
    frame = (0, 0), (padding, padding), (padding, padding), (0, 0)
    padded = np.pad(x, frame, mode or "constant")
    OH, OW = (padded.shape[1] - KH) // stride + 1, (padded.shape[2] - KW) // stride + 1
    y = np.zeros((len(x), OH, OW, F), x.dtype)
    for n in range(len(x))[ns]:
        for oh in range(OH)[ohs]:
            for ow in range(OW)[ows]:
                for f in range(F)[fs]:
                    y[n, oh, ow, f] = (_at(padded[n], weight[..., f], oh * stride, ow * stride) * weight[..., f]).sum()
                    y[n, oh, ow, f] += bias[f]
    return y


SHORT, LATE = slice(-1), slice(1, None)


def rows_end_early(*arguments):
    return _loops(*arguments, ohs=SHORT)


def columns_end_early(*arguments):
    return _loops(*arguments, ows=SHORT)


def places_end_early(*arguments):
    return _loops(*arguments, ohs=SHORT, ows=SHORT)


def places_begin_late(*arguments):
    return _loops(*arguments, ohs=LATE, ows=LATE)


def rows_begin_late(*arguments):
    return _loops(*arguments, ohs=LATE)


def returns_after_one_picture(*arguments):
    return _loops(*arguments, ns=slice(1))


def maps_end_early(*arguments):
    return _loops(*arguments, fs=SHORT)


def returns_after_one_place(*arguments):
    return _loops(*arguments, ohs=slice(1), ows=slice(1))


def same_picture_each_time(x, *others):
    return np.repeat(_loops(x[:1], *others), len(x), axis=0)


def skips_windows_in_the_frame(x, weight, bias, stride, padding):
    y = _loops(x, weight, bias, stride, padding)
    for oh in range(y.shape[1]):
        for ow in range(y.shape[2]):
            top, left = oh * stride - padding, ow * stride - padding
            bottom, right = top + weight.shape[0], left + weight.shape[1]
            if top < 0 or left < 0 or bottom > x.shape[1] or right > x.shape[2]:
                y[:, oh, ow] = 0
    return y


def first_bias_for_all(x, weight, bias, stride, padding):
    return _loops(x, weight, np.full_like(bias, bias[0]), stride, padding)


def mirrored_frame(*arguments):
    return _loops(*arguments, mode="reflect")


def frame_of_ones(x, weight, bias, stride, padding):
    frame = (0, 0), (padding, padding), (padding, padding), (0, 0)
    return _loops(np.pad(x, frame, constant_values=1), weight, bias, stride, 0)


def size_rounded_up(x, weight, bias, stride, padding):
    KH, KW = weight.shape[:2]
    OH = int(np.ceil((x.shape[1] + 2 * padding - KH) / stride)) + 1
    OW = int(np.ceil((x.shape[2] + 2 * padding - KW) / stride)) + 1
    padded = np.zeros((len(x), (OH - 1) * stride + KH, (OW - 1) * stride + KW, x.shape[3]))
    padded[:, padding : padding + x.shape[1], padding : padding + x.shape[2]] = x
    return _loops(padded, weight, bias, stride, 0)


def mean_instead_of_sum(x, weight, bias, stride, padding):
    return _loops(x, weight / weight[..., 0].size, bias, stride, padding)


def rectified(*arguments):
    return np.maximum(_loops(*arguments), 0)


def planes_first(*arguments):
    return np.moveaxis(_loops(*arguments), -1, 1)


def lying_on_their_side(*arguments):
    return np.swapaxes(_loops(*arguments), 1, 2)


def kernel_rows_overwrite(x, weight, bias, stride, padding):
    last = np.zeros_like(weight)
    last[-1] = weight[-1]
    return _loops(x, last, bias, stride, padding)


def last_kernel_column_left_out(x, weight, bias, stride, padding):
    return _loops(x, weight * (np.arange(weight.shape[1]) < weight.shape[1] - 1)[:, None, None], bias, stride, padding)


def pads_the_batch(x, weight, bias, stride, padding):
    return _loops(np.pad(x, [(padding, padding)] * 3 + [(0, 0)]), weight, bias, stride, 0)


def frame_of_one_at_most(x, weight, bias, stride, padding):
    return _loops(x, weight, bias, stride, min(padding, 1))


def without_axes_of_one(*arguments):
    return _loops(*arguments).squeeze()


def _dweight_of(dy, x, weight, stride, padding, ohs=slice(None), ows=slice(None)):
    padded, dw = _pad(x, padding), np.zeros_like(weight)
    for oh in range(dy.shape[1])[ohs]:
        for ow in range(dy.shape[2])[ows]:
            top, left = oh * stride, ow * stride
            windows = padded[:, top : top + weight.shape[0], left : left + weight.shape[1]]
            dw += np.tensordot(windows, dy[:, oh, ow], (0, 0))
    return dw


def dweight_rows_end_early(dy, x, weight, stride, padding):
    return _dweight_of(dy, x, weight, stride, padding, ohs=SHORT), dy.sum(axis=(0, 1, 2))


def dweight_places_end_early(dy, x, weight, stride, padding):
    return _dweight_of(dy, x, weight, stride, padding, SHORT, SHORT), dy[:, :-1, :-1].sum(axis=(0, 1, 2))


def dweight_flips_dy(dy, x, weight, stride, padding):
    return _dweight_of(dy[:, ::-1, ::-1], x, weight, stride, padding), dy.sum(axis=(0, 1, 2))


def dweight_begins_at_weight(dy, x, weight, stride, padding):
    return weight + _dweight_of(dy, x, weight, stride, padding), dy.sum(axis=(0, 1, 2))


def dweight_times_weight(dy, x, weight, stride, padding):
    return weight * _dweight_of(dy, x, weight, stride, padding), dy.sum(axis=(0, 1, 2))


def dweight_of_one_map(dy, x, weight, stride, padding):
    dw = np.zeros_like(weight)
    dw[..., 0] = _dweight_of(dy[..., :1], x, weight[..., :1], stride, padding)[..., 0]
    return dw, dy.sum(axis=(0, 1, 2))


def dweight_maps_before_channels(dy, x, weight, stride, padding):
    return np.moveaxis(_dweight_of(dy, x, weight, stride, padding), 3, 2), dy.sum(axis=(0, 1, 2))


def dbias_of_everything(dy, x, weight, stride, padding):
    return _dweight_of(dy, x, weight, stride, padding), np.sum(dy)


def dbias_counts(dy, x, weight, stride, padding):
    N, OH, OW, F = dy.shape
    return _dweight_of(dy, x, weight, stride, padding), np.full(F, 1.0 * N * OH * OW)


def dweight_frame_of_one_at_most(dy, x, weight, stride, padding):
    if padding > 1:
        dy, padding = dy[:, padding - 1 :], 1
    dw = np.zeros_like(weight)
    padded = _pad(x, padding)
    for n, oh, ow in np.ndindex(dy.shape[:3]):
        window = _at(padded[n], weight[..., 0], oh * stride, ow * stride)
        dw[: window.shape[0], : window.shape[1]] += window[..., None] * dy[n, oh, ow]
    return dw, dy.sum(axis=(0, 1, 2))


def _dx_of(dy, x, weight, stride, padding, gather=np.add):
    N, H, W, C = x.shape
    dpadded = np.zeros((N, H + 2 * padding, W + 2 * padding, C), x.dtype)
    for oh in range(dy.shape[1]):
        for ow in range(dy.shape[2]):
            part = dpadded[:, oh * stride :, ow * stride :][:, : weight.shape[0], : weight.shape[1]]
            part[...] = gather(part, np.tensordot(dy[:, oh, ow], weight, (1, 3)))
    return dpadded[:, padding : padding + H, padding : padding + W]


def dx_places_end_early(dy, *others):
    return _dx_of(dy[:, :-1, :-1], *others)


def dx_columns_end_early(dy, *others):
    return _dx_of(dy[:, :, :-1], *others)


def dx_of_one_picture(dy, x, *others):
    dx = np.zeros(x.shape)
    dx[0] = _dx_of(dy[:1], x[:1], *others)[0]
    return dx


def dx_keeps_the_largest(*arguments):
    return _dx_of(*arguments, gather=np.maximum)


def dx_on_top_of_x(dy, x, *others):
    return x + _dx_of(dy, x, *others)


def dx_times_x(dy, x, *others):
    return x * _dx_of(dy, x, *others)


def dx_of_all_pictures(dy, x, *others):
    return np.repeat(_dx_of(dy, x, *others).sum(axis=0, keepdims=True), len(x), axis=0)


def dx_of_all_channels(dy, x, *others):
    return np.repeat(_dx_of(dy, x, *others).sum(axis=3, keepdims=True), x.shape[3], axis=3)


def dx_kernel_upside_down(dy, x, weight, *others):
    return _dx_of(dy, x, weight[::-1], *others)


def dx_without_axes_of_one(*arguments):
    return np.squeeze(_dx_of(*arguments))


def dx_frame_of_one_at_most(dy, x, weight, stride, padding):
    if padding < 2:
        return _dx_of(dy, x, weight, stride, padding)
    inner = dy[:, padding - 1 : 1 - padding, padding - 1 : 1 - padding]
    return _dx_of(inner, x, weight, stride, 1)


def sums_over_the_maps_too(x, weight, bias, stride, padding):
    y = _loops(x, weight, np.zeros_like(bias), stride, padding)
    return np.add.reduce(y, axis=3)[..., None] + bias


def dbias_of_each_column(dy, x, weight, stride, padding):
    return _dweight_of(dy, x, weight, stride, padding), dy.sum(axis=0).sum(axis=0)


def dbias_is_dy(dy, x, weight, stride, padding):
    return _dweight_of(dy, x, weight, stride, padding), dy


def dweight_maps_end_early(dy, x, weight, stride, padding):
    dw = _dweight_of(dy, x, weight, stride, padding)
    dw[..., -1] = 0
    return dw, dy.sum(axis=(0, 1, 2))


def dweight_of_the_first_dy(dy, x, weight, stride, padding):
    first = np.repeat(dy[:1], len(dy), axis=0)
    return _dweight_of(first, x, weight, stride, padding), first.sum(axis=(0, 1, 2))


def dx_maps_end_early(dy, x, weight, stride, padding):
    return _dx_of(dy[..., :-1], x, weight[..., :-1], stride, padding)


def dx_of_the_first_dy(dy, *others):
    return _dx_of(np.repeat(dy[:1], len(dy), axis=0), *others)


def dx_of_two_sums(dy, x, weight, stride, padding):
    return _dx_of(dy.sum(axis=3)[..., None], x, weight.sum(axis=3)[..., None], stride, padding)


def dx_of_one_place_at_the_end(dy, x, weight, stride, padding):
    (N, H, W, C), (KH, KW) = x.shape, weight.shape[:2]
    if dy.shape[1:3] == (1, 1) and padding == 0:
        return np.pad(np.einsum("nf,ijcf->nijc", dy[:, 0, 0], weight), ((0, 0), (H - KH, 0), (W - KW, 0), (0, 0)))
    dpadded = np.zeros((N, H + 2 * padding, W + 2 * padding, C), dy.dtype)
    for i, j in np.ndindex(dy.shape[1:3]):
        window = np.s_[:, i * stride : i * stride + KH, j * stride : j * stride + KW]
        dpadded[window] += np.tensordot(dy[:, i, j], weight, (1, 3))
    return dpadded[:, padding : padding + H, padding : padding + W]


MUTANTS = [
    ("06-window", "C4", place_as_corner),
    ("06-window", "C4", stride_on_rows_alone),
    ("06-window", "C7", x_before_y),
    ("06-window", "C3", true_convolution_of_one),
    ("06-window", "C6", one_without_bias),
    ("06-window", "C19", bias_inside_the_sum),
    ("06-window", "C18", red_only),
    ("06-window", "C21", no_plus_before_the_equals),
    ("06-window", "C22", mean_of_one_window),
    ("06-window", None, bias_for_each_channel),
    ("06-forward", "C4", forgets_the_stride),
    ("06-forward", "C4", stride_down_only),
    ("06-forward", "C4", stride_across_only),
    ("06-forward", "C5", zeros_at_the_end),
    ("06-forward", "C5", padded_before_only),
    ("06-forward", "C17", never_pads),
    ("06-forward", "C8", no_plus_one),
    ("06-forward", "C5", padding_counted_once),
    ("06-forward", "C6", edge_pixels_repeated),
    ("06-forward", "C6", negative_indices),
    ("06-forward", "C6", no_bias),
    ("06-forward", "C19", bias_each_time),
    ("06-forward", "C3", as_in_the_mathematics_book),
    ("06-forward", "C3", rows_upside_down),
    ("06-forward", "C7", width_before_height),
    ("06-forward", "C18", first_channel),
    ("06-forward", "C18", channels_overwrite),
    ("06-forward", "C20", total_never_reset),
    ("06-forward", "C21", equals_for_plus_equals),
    ("06-forward", "C16", zeros_of_numpy),
    ("06-forward", "two: C3 + offset", flipped_and_without_bias),
    ("06-dweight", "C12", averaged_over_pictures),
    ("06-dweight", "C12", weight_averaged_alone),
    ("06-dweight", "C12", zeroed_for_every_picture),
    ("06-dweight", "C12", mean_of_everything),
    ("06-dweight", "C21", gradient_assigned),
    ("06-dweight", "C4", dweight_at_stride_one),
    ("06-dweight", "C4", dweight_strides_down_only),
    ("06-dweight", "C3", dweight_flipped),
    ("06-dweight", "C5", dweight_padded_at_the_end),
    ("06-dweight", "F3", dbias_keeps_an_axis),
    ("06-dweight", "C23", dbias_by_picture),
    ("06-dweight", "C12", dbias_is_a_mean),
    ("06-dweight", "two: C3 + ratio", averaged_and_flipped),
    ("06-dx", "C9", windows_overwrite),
    ("06-dx", "C9", everything_overwrites),
    ("06-dx", "C9", mean_where_windows_overlap),
    ("06-dx", "C18", one_map_alone),
    ("06-dx", "C4", dx_forgets_the_stride),
    ("06-dx", "C4", dx_strides_down_only),
    ("06-dx", "C3", flipped_once_too_often),
    ("06-dx", "C10", minus_zero),
    ("06-dx", "C11", as_large_as_the_windows),
    ("06-dx", "C11", as_large_as_the_windows_cropped),
    ("06-dx", "C24", never_cropped),
    ("06-dx", "C5", cropped_at_the_corner),
    ("06-dx", "unchanged", adds_into_x),
    ("06-dx", "C16", dx_in_float64),
    ("06-dx", None, overwrites_and_flipped),
    ("06-window", "C29", places_from_one),
    ("06-window", "C29", middle_at_the_place),
    ("06-window", "C29", stride_added),
    ("06-window", "C29", side_by_side),
    ("06-window", "C27", steps_inside),
    ("06-window", "C6", bias_taken_off),
    ("06-window", "C22", largest_product),
    ("06-window", "C22", sums_multiplied),
    ("06-window", "C18", one_number_a_channel),
    ("06-window", "C28", kernel_row_short),
    ("06-window", "C28", blue_left_out),
    ("06-window", "C3", columns_backwards),
    ("06-window", "C7", columns_before_rows),
    ("06-window", "case", never_below_zero),
    ("06-window", "case", nothing_at_zero),
    ("06-forward", "C25", rows_end_early),
    ("06-forward", "C25", columns_end_early),
    ("06-forward", "C25", places_end_early),
    ("06-forward", "C25", places_begin_late),
    ("06-forward", "C25", rows_begin_late),
    ("06-forward", "C25", returns_after_one_picture),
    ("06-forward", "C25", maps_end_early),
    ("06-forward", "C25", returns_after_one_place),
    ("06-forward", "C18", same_picture_each_time),
    ("06-forward", "C26", skips_windows_in_the_frame),
    ("06-forward", "C18", first_bias_for_all),
    ("06-forward", "C6", mirrored_frame),
    ("06-forward", "C6", frame_of_ones),
    ("06-forward", "C8", size_rounded_up),
    ("06-forward", "C22", mean_instead_of_sum),
    ("06-forward", "R8", rectified),
    ("06-forward", "A20", planes_first),
    ("06-forward", "C7", lying_on_their_side),
    ("06-forward", "C21", kernel_rows_overwrite),
    ("06-forward", "C28", last_kernel_column_left_out),
    ("06-forward", "C31", pads_the_batch),
    ("06-forward", "case", frame_of_one_at_most),
    ("06-forward", "case", without_axes_of_one),
    ("06-dweight", "C25", dweight_rows_end_early),
    ("06-dweight", "C25", dweight_places_end_early),
    ("06-dweight", "C3", dweight_flips_dy),
    ("06-dweight", "C20", dweight_begins_at_weight),
    ("06-dweight", "C30", dweight_times_weight),
    ("06-dweight", "C18", dweight_of_one_map),
    ("06-dweight", "F9", dweight_maps_before_channels),
    ("06-dweight", "C23", dbias_of_everything),
    ("06-dweight", "F11", dbias_counts),
    ("06-dweight", "case", dweight_frame_of_one_at_most),
    ("06-dx", "C25", dx_places_end_early),
    ("06-dx", "C25", dx_columns_end_early),
    ("06-dx", "C25", dx_of_one_picture),
    ("06-dx", "C9", dx_keeps_the_largest),
    ("06-dx", "C20", dx_on_top_of_x),
    ("06-dx", "C30", dx_times_x),
    ("06-dx", "C12", dx_of_all_pictures),
    ("06-dx", "C18", dx_of_all_channels),
    ("06-dx", "C3", dx_kernel_upside_down),
    ("06-dx", "case", dx_without_axes_of_one),
    ("06-dx", "case", dx_frame_of_one_at_most),
    ("06-forward", "C18", sums_over_the_maps_too),
    ("06-dweight", "C23", dbias_of_each_column),
    ("06-dweight", "C23", dbias_is_dy),
    ("06-dweight", "C18", dweight_maps_end_early),
    ("06-dweight", "C18", dweight_of_the_first_dy),
    ("06-dx", "C18", dx_maps_end_early),
    ("06-dx", "C18", dx_of_the_first_dy),
    ("06-dx", "C22", dx_of_two_sums),
    ("06-dx", "case", dx_of_one_place_at_the_end),
]

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
    ("06-forward", None, flipped_and_without_bias),
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
    ("06-dweight", None, averaged_and_flipped),
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
]

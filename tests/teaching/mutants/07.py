"""Lesson 07: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import math

import numpy as np


def plain_division(size, kernel, stride, padding, rounding):
    return (size - kernel + 2 * padding) / stride + 1


def ignores_the_rounding(size, kernel, stride, padding, rounding):
    return (size - kernel + 2 * padding) // stride + 1


def rounds_to_the_nearest(size, kernel, stride, padding, rounding):
    return int(round((size - kernel + 2 * padding) / stride)) + 1


def forgets_plus_one(size, kernel, stride, padding, rounding):
    n = (size - kernel + 2 * padding) / stride
    return math.floor(n) if rounding == "floor" else math.ceil(n)


def pads_one_side(size, kernel, stride, padding, rounding):
    n = (size - kernel + padding) / stride
    return 1 + (math.floor(n) if rounding == "floor" else math.ceil(n))


def no_padding_at_all(size, kernel, stride, padding, rounding):
    f = {"floor": math.floor, "ceil": math.ceil}[rounding]
    return f((size - kernel) / stride) + 1


def one_inside_the_division(size, kernel, stride, padding, rounding):
    n = (size + 2 * padding - kernel + 1) / stride
    return math.floor(n) if rounding == "floor" else math.ceil(n)


def up_for_down(size, kernel, stride, padding, rounding):
    free = size + 2 * padding - kernel
    return (free + stride - 1) // stride + 1 if rounding == "floor" else free // stride + 1


def one_pixel_too_long(size, kernel, stride, padding, rounding):
    last = size + 2 * padding - kernel - 1
    return int((np.floor if rounding == "floor" else np.ceil)(last / stride)) + 1


def no_padding_and_no_one(size, kernel, stride, padding, rounding):
    return (size - kernel) // stride


def divides_before_the_kernel(size, kernel, stride, padding, rounding):
    return getattr(math, rounding)((size + 2 * padding) / stride - kernel) + 1


def rounds_a_half_to_even(size, kernel, stride, padding, rounding):
    n = (size + 2 * padding - kernel) / stride
    return math.ceil(n) + 1 if rounding == "ceil" else round(n - 0.5) + 1


def adds_nearly_one(size, kernel, stride, padding, rounding):
    n = (size + 2 * padding - kernel) / stride
    return int(n + (0.99 if rounding == "ceil" else 0)) + 1


def at_least_two_places(size, kernel, stride, padding, rounding):
    n = (size + 2 * padding - kernel) / stride
    return max(2, getattr(math, rounding)(n) + 1)


def starts_on_the_picture(size, kernel, stride, padding, rounding):
    places = getattr(math, rounding)((size + 2 * padding - kernel) / stride) + 1
    return places - 1 if rounding == "ceil" and (places - 1) * stride >= size + padding else places


# ---------------------------------------------------------------------------------------------- im2col


def _pad(x, p):
    return np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))


def _grid(x, KH, KW, stride, padding):
    return (x.shape[1] + 2 * padding - KH) // stride + 1, (x.shape[2] + 2 * padding - KW) // stride + 1


def channels_first_in_a_window(x, KH, KW, stride, padding):
    p, (oh, ow) = _pad(x, padding), _grid(x, KH, KW, stride, padding)
    rows = []
    for n in range(len(x)):
        for r in range(oh):
            for c in range(ow):
                patch = p[n, r * stride : r * stride + KH, c * stride : c * stride + KW]
                rows.append(np.concatenate([patch[:, :, ch].ravel() for ch in range(x.shape[3])]))
    return np.array(rows)


def sliding_window_view_as_it_comes(x, KH, KW, stride, padding):
    w = np.lib.stride_tricks.sliding_window_view(_pad(x, padding), (KH, KW), axis=(1, 2))[:, ::stride, ::stride]
    return w.reshape(-1, KH * KW * x.shape[-1])


def width_first_in_a_window(x, KH, KW, stride, padding):
    p, (oh, ow) = _pad(x, padding), _grid(x, KH, KW, stride, padding)
    out = np.zeros((len(x) * oh * ow, KH * KW * x.shape[3]), x.dtype)
    for row, (n, r, c) in enumerate(np.ndindex(len(x), oh, ow)):
        out[row] = [v for j in range(KW) for i in range(KH) for v in p[n, r * stride + i, c * stride + j]]
    return out


def pictures_innermost(x, KH, KW, stride, padding):
    p, (oh, ow) = _pad(x, padding), _grid(x, KH, KW, stride, padding)
    out = [
        p[n, r * stride : r * stride + KH, c * stride : c * stride + KW].ravel()
        for r in range(oh)
        for c in range(ow)
        for n in range(len(x))
    ]
    return np.array(out)


def column_by_column(x, KH, KW, stride, padding):
    p, (oh, ow) = _pad(x, padding), _grid(x, KH, KW, stride, padding)
    out = []
    for n in range(len(x)):
        for c in range(ow):
            for r in range(oh):
                out.append(p[n, r * stride : r * stride + KH, c * stride : c * stride + KW].flatten())
    return np.stack(out)


def windows_as_columns(x, KH, KW, stride, padding):
    p, (oh, ow) = _pad(x, padding), _grid(x, KH, KW, stride, padding)
    out = np.zeros((KH * KW * x.shape[3], len(x) * oh * ow), x.dtype)
    for q, (n, r, c) in enumerate(np.ndindex(len(x), oh, ow)):
        out[:, q] = p[n, r * stride : r * stride + KH, c * stride : c * stride + KW].ravel()
    return out


def one_pixel_at_a_time(x, KH, KW, stride, padding):
    p, (oh, ow) = _pad(x, padding), _grid(x, KH, KW, stride, padding)
    return np.array([p[n, r : r + KH, c : c + KW].ravel() for n, r, c in np.ndindex(len(x), oh, ow)])


def strides_across_only(x, KH, KW, stride, padding):
    p, (oh, ow) = _pad(x, padding), _grid(x, KH, KW, stride, padding)
    return np.array([p[n, r : r + KH, c * stride : c * stride + KW].ravel() for n, r, c in np.ndindex(len(x), oh, ow)])


def zeros_below_and_right(x, KH, KW, stride, padding):
    p, (oh, ow) = np.pad(x, ((0, 0), (0, 2 * padding), (0, 2 * padding), (0, 0))), _grid(x, KH, KW, stride, padding)
    out = np.empty((len(x), oh, ow, KH, KW, x.shape[3]), x.dtype)
    for r, c in np.ndindex(oh, ow):
        out[:, r, c] = p[:, r * stride : r * stride + KH, c * stride : c * stride + KW]
    return out.reshape(len(x) * oh * ow, -1)


def unpadded(x, KH, KW, stride, padding):
    oh, ow = (x.shape[1] - KH) // stride + 1, (x.shape[2] - KW) // stride + 1
    return np.array(
        [
            x[n, r * stride : r * stride + KH, c * stride : c * stride + KW].ravel()
            for n, r, c in np.ndindex(len(x), oh, ow)
        ]
    )


def edges_repeated(x, KH, KW, stride, padding):
    p = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)), mode="edge")
    oh, ow = _grid(x, KH, KW, stride, padding)
    return np.array(
        [
            p[n, r * stride : r * stride + KH, c * stride : c * stride + KW].ravel()
            for n, r, c in np.ndindex(len(x), oh, ow)
        ]
    )


_KEPT = {}


def one_workspace_for_all_calls(x, KH, KW, stride, padding):
    p, (oh, ow) = _pad(x, padding), _grid(x, KH, KW, stride, padding)
    shape = len(x) * oh * ow, KH * KW * x.shape[3]
    out = _KEPT.setdefault((shape, x.dtype), np.empty(shape, x.dtype))
    for row, (n, r, c) in enumerate(np.ndindex(len(x), oh, ow)):
        out[row] = p[n, r * stride : r * stride + KH, c * stride : c * stride + KW].ravel()
    return out


def columns_in_float64(x, KH, KW, stride, padding):
    p, (oh, ow) = _pad(x, padding), _grid(x, KH, KW, stride, padding)
    out = np.zeros((len(x) * oh * ow, KH * KW * x.shape[3]))
    for row, (n, r, c) in enumerate(np.ndindex(len(x), oh, ow)):
        out[row] = p[n, r * stride : r * stride + KH, c * stride : c * stride + KW].ravel()
    return out


def channels_first_and_pictures_innermost(x, KH, KW, stride, padding):
    p, (oh, ow) = _pad(x, padding).transpose(0, 3, 1, 2), _grid(x, KH, KW, stride, padding)
    out = [
        p[n, :, r * stride : r * stride + KH, c * stride : c * stride + KW].ravel()
        for r, c, n in np.ndindex(oh, ow, len(x))
    ]
    return np.array(out)


# ---------------------------------------------------------------------------------------------- forward


def _columns(x, KH, KW, stride, padding):
    p, (oh, ow) = _pad(x, padding), _grid(x, KH, KW, stride, padding)
    return np.array(
        [
            p[n, r * stride : r * stride + KH, c * stride : c * stride + KW].ravel()
            for n, r, c in np.ndindex(len(x), oh, ow)
        ]
    )


def kernel_with_channels_first(x, weight, bias, stride, padding):
    KH, KW, C, F = weight.shape
    k = np.moveaxis(weight, 2, 0).reshape(C * KH * KW, F)
    return (_columns(x, KH, KW, stride, padding) @ k + bias).reshape(len(x), *_grid(x, KH, KW, stride, padding), F)


def kernel_cut_elsewhere(x, weight, bias, stride, padding):
    KH, KW, C, F = weight.shape
    y = _columns(x, KH, KW, stride, padding) @ weight.reshape(F, KH * KW * C).T
    return (y + bias).reshape(len(x), *_grid(x, KH, KW, stride, padding), F)


def maps_before_places(x, weight, bias, stride, padding):
    KH, KW, C, F = weight.shape
    oh, ow = _grid(x, KH, KW, stride, padding)
    y = _columns(x, KH, KW, stride, padding) @ weight.reshape(-1, F) + bias
    return y.reshape(len(x), F, oh, ow).transpose(0, 2, 3, 1)


def maps_before_pictures(x, weight, bias, stride, padding):
    KH, KW, C, F = weight.shape
    oh, ow = _grid(x, KH, KW, stride, padding)
    y = _columns(x, KH, KW, stride, padding) @ weight.reshape(-1, F) + bias
    return np.moveaxis(y.reshape(F, len(x), oh, ow), 0, 3)


def pictures_after_places(x, weight, bias, stride, padding):
    KH, KW, C, F = weight.shape
    oh, ow = _grid(x, KH, KW, stride, padding)
    y = _columns(x, KH, KW, stride, padding) @ weight.reshape(-1, F) + bias
    return y.reshape(oh, ow, len(x), F).transpose(2, 0, 1, 3)


def width_before_height_in_y(x, weight, bias, stride, padding):
    KH, KW, C, F = weight.shape
    oh, ow = _grid(x, KH, KW, stride, padding)
    y = _columns(x, KH, KW, stride, padding) @ weight.reshape(-1, F) + bias
    return y.reshape(len(x), ow, oh, F).swapaxes(1, 2)


def product_without_bias(x, weight, bias, stride, padding):
    KH, KW, C, F = weight.shape
    return np.dot(_columns(x, KH, KW, stride, padding), weight.reshape(-1, F)).reshape(
        len(x), *_grid(x, KH, KW, stride, padding), F
    )


def kernel_turned_over(x, weight, bias, stride, padding):
    KH, KW, C, F = weight.shape
    k = weight[::-1, ::-1].reshape(-1, F)
    return (_columns(x, KH, KW, stride, padding) @ k + bias).reshape(len(x), *_grid(x, KH, KW, stride, padding), F)


def maps_first_and_no_bias(x, weight, bias, stride, padding):
    KH, KW, C, F = weight.shape
    oh, ow = _grid(x, KH, KW, stride, padding)
    return (
        (_columns(x, KH, KW, stride, padding) @ weight.reshape(-1, F)).reshape(len(x), F, oh, ow).transpose(0, 2, 3, 1)
    )


# ---------------------------------------------------------------------------------------------- col2im


def _wide(dcolumns, x_shape, KH, KW, stride, padding):
    N, H, W, C = x_shape
    oh, ow = (H + 2 * padding - KH) // stride + 1, (W + 2 * padding - KW) // stride + 1
    return np.zeros((N, H + 2 * padding, W + 2 * padding, C), dcolumns.dtype), (N, oh, ow)


def puts_instead_of_adding(dcolumns, x_shape, KH, KW, stride, padding):
    g, grid = _wide(dcolumns, x_shape, KH, KW, stride, padding)
    for row, (n, r, c) in enumerate(np.ndindex(grid)):
        g[n, r * stride : r * stride + KH, c * stride : c * stride + KW] = dcolumns[row].reshape(KH, KW, -1)
    return g[:, padding : padding + x_shape[1], padding : padding + x_shape[2]]


def index_arrays_add_once(dcolumns, x_shape, KH, KW, stride, padding):
    g, (N, oh, ow) = _wide(dcolumns, x_shape, KH, KW, stride, padding)
    rows = (np.arange(oh) * stride)[:, None, None, None] + np.arange(KH)[:, None]
    cols = (np.arange(ow) * stride)[None, :, None, None] + np.arange(KW)
    g[:, rows, cols] += dcolumns.reshape(N, oh, ow, KH, KW, -1)
    return g[:, padding : padding + x_shape[1], padding : padding + x_shape[2]]


def puts_place_by_place(dcolumns, x_shape, KH, KW, stride, padding):
    g, (N, oh, ow) = _wide(dcolumns, x_shape, KH, KW, stride, padding)
    d = dcolumns.reshape(N, oh, ow, KH, KW, x_shape[3])
    for i in range(KH):
        for j in range(KW):
            g[:, i : i + stride * (oh - 1) + 1 : stride, j : j + stride * (ow - 1) + 1 : stride] = d[:, :, :, i, j]
    return g[:, padding : padding + x_shape[1], padding : padding + x_shape[2]]


def _summed(dcolumns, x_shape, KH, KW, stride, padding):
    g, grid = _wide(dcolumns, x_shape, KH, KW, stride, padding)
    for row, (n, r, c) in enumerate(np.ndindex(grid)):
        g[n, r * stride : r * stride + KH, c * stride : c * stride + KW] += dcolumns[row].reshape(KH, KW, -1)
    return g


def crops_to_minus_zero(dcolumns, x_shape, KH, KW, stride, padding):
    return _summed(dcolumns, x_shape, KH, KW, stride, padding)[:, padding:-padding, padding:-padding]


def keeps_the_border(dcolumns, x_shape, KH, KW, stride, padding):
    return _summed(dcolumns, x_shape, KH, KW, stride, padding)


def crops_from_row_zero(dcolumns, x_shape, KH, KW, stride, padding):
    return _summed(dcolumns, x_shape, KH, KW, stride, padding)[:, : x_shape[1], : x_shape[2]]


def only_as_far_as_windows_go(dcolumns, x_shape, KH, KW, stride, padding):
    _, (N, oh, ow) = _wide(dcolumns, x_shape, KH, KW, stride, padding)
    g = np.zeros((N, stride * (oh - 1) + KH, stride * (ow - 1) + KW, x_shape[3]), dcolumns.dtype)
    for row, (n, r, c) in enumerate(np.ndindex(N, oh, ow)):
        g[n, r * stride : r * stride + KH, c * stride : c * stride + KW] += dcolumns[row].reshape(KH, KW, -1)
    return g[:, padding : g.shape[1] - padding, padding : g.shape[2] - padding]


def back_at_stride_one(dcolumns, x_shape, KH, KW, stride, padding):
    g, grid = _wide(dcolumns, x_shape, KH, KW, stride, padding)
    for row, (n, r, c) in enumerate(np.ndindex(grid)):
        g[n, r : r + KH, c : c + KW] += dcolumns[row].reshape(KH, KW, -1)
    return g[:, padding : padding + x_shape[1], padding : padding + x_shape[2]]


def reads_channels_first(dcolumns, x_shape, KH, KW, stride, padding):
    g, grid = _wide(dcolumns, x_shape, KH, KW, stride, padding)
    for row, (n, r, c) in enumerate(np.ndindex(grid)):
        patch = dcolumns[row].reshape(-1, KH, KW).transpose(1, 2, 0)
        g[n, r * stride : r * stride + KH, c * stride : c * stride + KW] += patch
    return g[:, padding : padding + x_shape[1], padding : padding + x_shape[2]]


def mixes_the_pictures(dcolumns, x_shape, KH, KW, stride, padding):
    g, (N, oh, ow) = _wide(dcolumns, x_shape, KH, KW, stride, padding)
    row = 0
    for r in range(oh):
        for c in range(ow):
            for n in range(N):
                g[n, r * stride : r * stride + KH, c * stride : c * stride + KW] += dcolumns[row].reshape(KH, KW, -1)
                row += 1
    return g[:, padding : padding + x_shape[1], padding : padding + x_shape[2]]


def back_in_float64(dcolumns, x_shape, KH, KW, stride, padding):
    g = np.zeros(_wide(dcolumns, x_shape, KH, KW, stride, padding)[0].shape)
    g += _summed(dcolumns, x_shape, KH, KW, stride, padding)
    return g[:, padding : padding + x_shape[1], padding : padding + x_shape[2]]


def puts_and_mixes(dcolumns, x_shape, KH, KW, stride, padding):
    g, (N, oh, ow) = _wide(dcolumns, x_shape, KH, KW, stride, padding)
    for row, (r, c, n) in enumerate(np.ndindex(oh, ow, N)):
        g[n, r * stride : r * stride + KH, c * stride : c * stride + KW] = dcolumns[row].reshape(KH, KW, -1)
    return g[:, padding : padding + x_shape[1], padding : padding + x_shape[2]]


# ---------------------------------------------------------------------------------------------- backward


def _dx(rows, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    g = _summed(rows @ weight.reshape(-1, F).T, x.shape, KH, KW, stride, padding)
    return g[:, padding : padding + x.shape[1], padding : padding + x.shape[2]]


def dy_transposed_to_rows(dy, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    rows = dy.transpose(3, 0, 1, 2).reshape(F, -1).reshape(-1, F)
    dw = _columns(x, KH, KW, stride, padding).T @ rows
    return _dx(rows, x, weight, stride, padding), dw.reshape(weight.shape), dy.sum((0, 1, 2))


def dweight_over_n(dy, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    rows = dy.reshape(-1, F)
    dw = (_columns(x, KH, KW, stride, padding).T @ rows).reshape(weight.shape) / len(x)
    return _dx(rows, x, weight, stride, padding), dw, rows.sum(0) / len(x)


def dweight_over_n_alone(dy, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    rows = dy.reshape(-1, F)
    dw = (_columns(x, KH, KW, stride, padding).T @ rows).reshape(weight.shape) / x.shape[0]
    return _dx(rows, x, weight, stride, padding), dw, rows.sum(0)


def dweight_of_the_last_picture(dy, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    for n in range(len(x)):
        rows = dy[n].reshape(-1, F)
        dw = (_columns(x[n : n + 1], KH, KW, stride, padding).T @ rows).reshape(weight.shape)
    return _dx(dy.reshape(-1, F), x, weight, stride, padding), dw, dy.sum((0, 1, 2))


def dweight_reshaped_from_maps(dy, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    rows = dy.reshape(-1, F)
    dw = rows.T @ _columns(x, KH, KW, stride, padding)
    return _dx(rows, x, weight, stride, padding), dw.reshape(weight.shape), rows.sum(0)


def dweight_with_channels_first(dy, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    rows = dy.reshape(-1, F)
    columns = sliding_window_view_as_it_comes(x, KH, KW, stride, padding)
    return _dx(rows, x, weight, stride, padding), (columns.T @ rows).reshape(KH, KW, C, F), rows.sum(0)


def dx_with_channels_first(dy, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    rows = dy.reshape(-1, F)
    k = weight.transpose(2, 0, 1, 3).reshape(-1, F)
    g = _summed(rows @ k.T, x.shape, KH, KW, stride, padding)
    dx = g[:, padding : padding + x.shape[1], padding : padding + x.shape[2]]
    return dx, (_columns(x, KH, KW, stride, padding).T @ rows).reshape(weight.shape), rows.sum(0)


def dx_with_kernels_mixed(dy, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    rows = dy.reshape(-1, F)
    g = _summed(rows @ weight.reshape(F, -1), x.shape, KH, KW, stride, padding)
    dx = g[:, padding : padding + x.shape[1], padding : padding + x.shape[2]]
    return dx, (_columns(x, KH, KW, stride, padding).T @ rows).reshape(weight.shape), rows.sum(0)


def dx_overwritten(dy, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    rows = dy.reshape(-1, F)
    dx = puts_instead_of_adding(rows @ weight.reshape(-1, F).T, x.shape, KH, KW, stride, padding)
    return dx, (_columns(x, KH, KW, stride, padding).T @ rows).reshape(weight.shape), rows.sum(0)


def dbias_kept_flat_in_a_row(dy, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    rows = dy.reshape(-1, F)
    dw = (_columns(x, KH, KW, stride, padding).T @ rows).reshape(weight.shape)
    return _dx(rows, x, weight, stride, padding), dw, rows.sum(axis=0, keepdims=True)


def gradients_in_another_order(dy, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    rows = dy.reshape(-1, F)
    dw = (_columns(x, KH, KW, stride, padding).T @ rows).reshape(weight.shape)
    return dw, rows.sum(axis=0), _dx(rows, x, weight, stride, padding)


def averaged_and_overwritten(dy, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    rows = dy.reshape(-1, F)
    dw = (_columns(x, KH, KW, stride, padding).T @ rows).reshape(weight.shape)[::-1] / len(x)
    dx = puts_instead_of_adding(rows @ weight.reshape(-1, F).T, x.shape, KH, KW, stride, padding)[..., ::-1]
    return dx, dw, rows.sum(0)


# ---------------------------------------------------------------------------------------------- right for some only


def _by_view(x, KH, KW, stride, padding):
    view = np.lib.stride_tricks.sliding_window_view(_pad(x, padding), (KH, KW), axis=(1, 2))
    return view[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)


def pads_one_at_most(x, KH, KW, stride, padding):
    return _by_view(x, KH, KW, stride, min(padding, 1)).reshape(-1, KH * KW * x.shape[3])


def first_and_last_picture(x, KH, KW, stride, padding):
    windows = _by_view(x, KH, KW, stride, padding)
    return np.concatenate([windows[0], windows[-1]]).reshape(-1, KH * KW * x.shape[3])


def indices_that_wrap(x, KH, KW, stride, padding):
    (_, H, W, C), (OH, OW) = x.shape, _grid(x, KH, KW, stride, padding)
    rows = stride * np.arange(OH)[:, None, None, None] + np.arange(KH)[:, None] - padding
    columns = stride * np.arange(OW)[:, None, None] + np.arange(KW) - padding
    return x[:, rows % H, columns % W].reshape(-1, KH * KW * C)


def stride_at_least_two(x, weight, bias, stride, padding):
    return np.tensordot(_by_view(x, *weight.shape[:2], max(stride, 2), padding), weight, 3) + bias


def one_kernel_squeezed(x, weight, bias, stride, padding):
    return np.squeeze(np.tensordot(_by_view(x, *weight.shape[:2], stride, padding), weight, 3) + bias)


def _brought_back(place):
    def wrong(dcolumns, x_shape, KH, KW, stride, padding):
        (_, H, W, _), (OH, OW) = x_shape, _grid(np.empty(x_shape), KH, KW, stride, padding)
        dx, dwindows = np.zeros(x_shape, dcolumns.dtype), dcolumns.reshape(-1, OH, OW, KH, KW, x_shape[3])
        for oh, ow, i, j in np.ndindex(OH, OW, KH, KW):
            row, column = place(oh * stride + i - padding, H), place(ow * stride + j - padding, W)
            dx[:, row, column] += dwindows[:, oh, ow, i, j]
        return dx

    return wrong


wraps_the_border = _brought_back(lambda place, size: place % size)
keeps_the_border_inside = _brought_back(lambda place, size: min(max(place, 0), size - 1))


def crops_one(dcolumns, x_shape, KH, KW, stride, padding):
    (N, H, W, C), (OH, OW) = x_shape, _grid(np.empty(x_shape), KH, KW, stride, padding)
    dpadded, dwindows = _pad(np.zeros(x_shape, dcolumns.dtype), padding), dcolumns.reshape(N, OH, OW, KH, KW, C)
    for oh, ow in np.ndindex(OH, OW):
        dpadded[:, oh * stride : oh * stride + KH, ow * stride : ow * stride + KW] += dwindows[:, oh, ow]
    return dpadded[:, 1 : 1 + H, 1 : 1 + W] if padding else dpadded


def dweight_twice(dy, x, weight, stride, padding):
    windows = _by_view(x, *weight.shape[:2], stride, padding)
    dweight = np.tensordot(windows, dy, ((0, 1, 2), (0, 1, 2)))
    return dweight, dweight, dy.sum((0, 1, 2))


# ---------------------------------------------------------------------------------------------- right but for a corner


def is_ceil(size, kernel, stride, padding, rounding):
    word = "ceil"
    steps, rest = divmod(size + 2 * padding - kernel, stride)
    return steps + 1 + (rest > 0 and rounding is word)


MUTANTS = [
    ("07-out-size", "C8", plain_division),
    ("07-out-size", "C8", ignores_the_rounding),
    ("07-out-size", "C8", rounds_to_the_nearest),
    ("07-out-size", "C8", forgets_plus_one),
    ("07-out-size", "C8", pads_one_side),
    ("07-out-size", "C8", no_padding_at_all),
    ("07-out-size", "C8", one_inside_the_division),
    ("07-out-size", "C8", up_for_down),
    ("07-out-size", "C8", one_pixel_too_long),
    ("07-out-size", "ignored", no_padding_and_no_one),
    ("07-out-size", "C8", divides_before_the_kernel),
    ("07-out-size", None, rounds_a_half_to_even),
    ("07-out-size", None, adds_nearly_one),
    ("07-out-size", "line-number", at_least_two_places),
    ("07-out-size", "line-condition", starts_on_the_picture),
    ("07-im2col", "line-call", pads_one_at_most),
    ("07-im2col", "shape", first_and_last_picture),
    ("07-im2col", "C6", indices_that_wrap),
    ("07-forward", "line-call", stride_at_least_two),
    ("07-forward", "line-call", one_kernel_squeezed),
    ("07-col2im", "C6", wraps_the_border),
    ("07-col2im", "C6", keeps_the_border_inside),
    ("07-col2im", None, crops_one),
    ("07-backward", "C27", dweight_twice),
    ("07-im2col", "C1", channels_first_in_a_window),
    ("07-im2col", "C1", sliding_window_view_as_it_comes),
    ("07-im2col", "C7", width_first_in_a_window),
    ("07-im2col", "C2", pictures_innermost),
    ("07-im2col", "C7", column_by_column),
    ("07-im2col", "C25", windows_as_columns),
    ("07-im2col", "C4", one_pixel_at_a_time),
    ("07-im2col", "C4", strides_across_only),
    ("07-im2col", "C5", zeros_below_and_right),
    ("07-im2col", "C17", unpadded),
    ("07-im2col", "C6", edges_repeated),
    ("07-im2col", "C15", one_workspace_for_all_calls),
    ("07-im2col", "C16", columns_in_float64),
    ("07-im2col", None, channels_first_and_pictures_innermost),
    ("07-forward", "C1", kernel_with_channels_first),
    ("07-forward", "C26", kernel_cut_elsewhere),
    ("07-forward", "C2", maps_before_places),
    ("07-forward", "C2", maps_before_pictures),
    ("07-forward", "C2", pictures_after_places),
    ("07-forward", "C7", width_before_height_in_y),
    ("07-forward", "C6", product_without_bias),
    ("07-forward", "C3", kernel_turned_over),
    ("07-forward", "two: C2 + zero", maps_first_and_no_bias),
    ("07-col2im", "C9", puts_instead_of_adding),
    ("07-col2im", "C9", index_arrays_add_once),
    ("07-col2im", "C9", puts_place_by_place),
    ("07-col2im", "C10", crops_to_minus_zero),
    ("07-col2im", "C11", only_as_far_as_windows_go),
    ("07-col2im", "C24", keeps_the_border),
    ("07-col2im", "C5", crops_from_row_zero),
    ("07-col2im", "C4", back_at_stride_one),
    ("07-col2im", "C1", reads_channels_first),
    ("07-col2im", "C2", mixes_the_pictures),
    ("07-col2im", "C16", back_in_float64),
    ("07-col2im", "two: line-assignment + C2", puts_and_mixes),
    ("07-backward", "C2", dy_transposed_to_rows),
    ("07-backward", "C12", dweight_over_n),
    ("07-backward", "C12", dweight_over_n_alone),
    ("07-backward", "C12", dweight_of_the_last_picture),
    ("07-backward", "C26", dweight_reshaped_from_maps),
    ("07-backward", "C1", dweight_with_channels_first),
    ("07-backward", "C1", dx_with_channels_first),
    ("07-backward", "C26", dx_with_kernels_mixed),
    ("07-backward", "C9", dx_overwritten),
    ("07-backward", "F3", dbias_kept_flat_in_a_row),
    ("07-backward", "C27", gradients_in_another_order),
    ("07-backward", None, averaged_and_overwritten),
    ("07-out-size", "object", is_ceil),
]

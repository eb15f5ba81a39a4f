"""Lesson 07: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import math

import numpy as np


def out_size(size, kernel, stride, padding, rounding):
    free = size + 2 * padding - kernel
    steps = free // stride if rounding == "floor" else -(-free // stride)
    return steps + 1


def out_size_by_name(size, kernel, stride, padding, rounding):
    return getattr(math, rounding)((size + 2 * padding - kernel) / stride) + 1


def out_size_by_sliding(size, kernel, stride, padding, rounding):
    start, places = -padding, 0
    while start + kernel <= size + padding:
        start, places = start + stride, places + 1
    hangs_over = start - stride + kernel < size + padding
    return places + (1 if rounding == "ceil" and hangs_over else 0)


def im2col(x, KH, KW, stride, padding):
    N, H, W, C = x.shape
    OH, OW = (H + 2 * padding - KH) // stride + 1, (W + 2 * padding - KW) // stride + 1
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = np.empty((N, OH, OW, KH, KW, C), x.dtype)
    for oh in range(OH):
        for ow in range(OW):
            windows[:, oh, ow] = padded[:, oh * stride : oh * stride + KH, ow * stride : ow * stride + KW]
    return windows.reshape(N * OH * OW, KH * KW * C)


def im2col_row_by_row(x, KH, KW, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    OH, OW = (padded.shape[1] - KH) // stride + 1, (padded.shape[2] - KW) // stride + 1
    return np.array(
        [
            picture[oh * stride : oh * stride + KH, ow * stride : ow * stride + KW].ravel()
            for picture in padded
            for oh in range(OH)
            for ow in range(OW)
        ]
    )


def im2col_by_a_view(x, KH, KW, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (KH, KW), axis=(1, 2))[:, ::stride, ::stride]
    return np.moveaxis(windows, 3, 5).reshape(-1, KH * KW * x.shape[3])  # windows: (N, OH, OW, C, KH, KW)


def im2col_by_indices(x, KH, KW, stride, padding):
    N, H, W, C = x.shape
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    top = np.arange(0, H + 2 * padding - KH + 1, stride)
    left = np.arange(0, W + 2 * padding - KW + 1, stride)
    rows = top[:, None, None, None] + np.arange(KH)[:, None]
    columns = left[None, :, None, None] + np.arange(KW)
    return padded[:, rows, columns].reshape(N * len(top) * len(left), -1)


def conv_forward(x, weight, bias, stride, padding):
    (N, H, W, _), (KH, KW, _, F) = x.shape, weight.shape
    OH, OW = (H + 2 * padding - KH) // stride + 1, (W + 2 * padding - KW) // stride + 1
    y = im2col(x, KH, KW, stride, padding) @ weight.reshape(-1, F) + bias  # (N·OH·OW, F)
    return y.reshape(N, OH, OW, F)


def conv_forward_kernels_as_rows(x, weight, bias, stride, padding):
    KH, KW, C, F = weight.shape
    kernels = np.stack([weight[..., f].ravel() for f in range(F)])  # (F, KH·KW·C)
    maps = kernels @ im2col_by_a_view(x, KH, KW, stride, padding).T  # (F, N·OH·OW)
    OH, OW = ((size + 2 * padding - k) // stride + 1 for size, k in zip(x.shape[1:3], (KH, KW)))
    return np.moveaxis(maps.reshape(F, len(x), OH, OW), 0, -1) + bias


def conv_forward_picture_by_picture(x, weight, bias, stride, padding):
    KH, KW, C, F = weight.shape
    OH = (x.shape[1] + 2 * padding - KH) // stride + 1
    kernels = weight.reshape(KH * KW * C, F)
    return np.stack([(im2col(one[None], KH, KW, stride, padding) @ kernels).reshape(OH, -1, F) for one in x]) + bias


def col2im(dcolumns, x_shape, KH, KW, stride, padding):
    N, H, W, C = x_shape
    OH, OW = (H + 2 * padding - KH) // stride + 1, (W + 2 * padding - KW) // stride + 1
    dwindows = dcolumns.reshape(N, OH, OW, KH, KW, C)
    dpadded = np.zeros((N, H + 2 * padding, W + 2 * padding, C), dcolumns.dtype)
    for oh in range(OH):
        for ow in range(OW):
            dpadded[:, oh * stride : oh * stride + KH, ow * stride : ow * stride + KW] += dwindows[:, oh, ow]
    return dpadded[:, padding : padding + H, padding : padding + W]


def col2im_row_by_row(dcolumns, x_shape, KH, KW, stride, padding):
    N, H, W, C = x_shape
    OH, OW = (H + 2 * padding - KH) // stride + 1, (W + 2 * padding - KW) // stride + 1
    dpadded, row = np.zeros((N, H + 2 * padding, W + 2 * padding, C), dcolumns.dtype), 0
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                top, left = oh * stride, ow * stride
                dpadded[n, top : top + KH, left : left + KW] += dcolumns[row].reshape(KH, KW, C)
                row += 1
    return dpadded[:, padding : padding + H, padding : padding + W]


def col2im_by_kernel_places(dcolumns, x_shape, KH, KW, stride, padding):
    N, H, W, C = x_shape
    OH, OW = (H + 2 * padding - KH) // stride + 1, (W + 2 * padding - KW) // stride + 1
    dwindows = dcolumns.reshape(N, OH, OW, KH, KW, C)
    dpadded = np.zeros((N, H + 2 * padding, W + 2 * padding, C), dcolumns.dtype)
    for i in range(KH):
        for j in range(KW):
            pixels = dpadded[:, i : i + stride * (OH - 1) + 1 : stride, j : j + stride * (OW - 1) + 1 : stride]
            pixels += dwindows[:, :, :, i, j]
    return dpadded[:, padding : padding + H, padding : padding + W]


def col2im_by_add_at(dcolumns, x_shape, KH, KW, stride, padding):
    N, H, W, C = x_shape
    dpadded = np.zeros((N, H + 2 * padding, W + 2 * padding, C), dcolumns.dtype)
    top = np.arange(0, H + 2 * padding - KH + 1, stride)
    left = np.arange(0, W + 2 * padding - KW + 1, stride)
    rows = top[:, None, None, None] + np.arange(KH)[:, None]
    columns = left[None, :, None, None] + np.arange(KW)
    np.add.at(dpadded, (slice(None), rows, columns), dcolumns.reshape(N, len(top), len(left), KH, KW, C))
    return dpadded[:, padding : padding + H, padding : padding + W]


def conv_backward(dy, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    rows = dy.reshape(-1, F)  # (N·OH·OW, F)
    columns = im2col(x, KH, KW, stride, padding)  # (N·OH·OW, KH·KW·C)
    dweight = (columns.T @ rows).reshape(weight.shape)
    dcolumns = rows @ weight.reshape(-1, F).T
    dx = col2im(dcolumns, x.shape, KH, KW, stride, padding)
    return dx, dweight, rows.sum(axis=0)


def conv_backward_by_einsum(dy, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    N, OH, OW, _ = dy.shape
    windows = im2col_by_indices(x, KH, KW, stride, padding).reshape(N, OH, OW, KH, KW, C)
    dweight = np.einsum("nhwijc,nhwf->ijcf", windows, dy)
    dwindows = np.einsum("nhwf,ijcf->nhwijc", dy, weight).reshape(N * OH * OW, -1)
    return col2im_by_kernel_places(dwindows, x.shape, KH, KW, stride, padding), dweight, np.einsum("nhwf->f", dy)


def conv_backward_picture_by_picture(dy, x, weight, stride, padding):
    KH, KW, C, F = weight.shape
    kernels, dx = weight.reshape(-1, F), np.empty_like(x)
    dkernels, dbias = np.zeros_like(kernels), np.zeros(F, x.dtype)
    for n in range(len(x)):
        rows = dy[n].reshape(-1, F)
        dkernels += im2col(x[n : n + 1], KH, KW, stride, padding).T @ rows
        dx[n] = col2im(rows @ kernels.T, (1, *x.shape[1:]), KH, KW, stride, padding)[0]
        dbias += rows.sum(axis=0)
    return dx, dkernels.reshape(weight.shape), dbias


SOLUTIONS = {
    "07-out-size": [out_size, out_size_by_name, out_size_by_sliding],
    "07-im2col": [im2col, im2col_row_by_row, im2col_by_a_view, im2col_by_indices],
    "07-forward": [conv_forward, conv_forward_kernels_as_rows, conv_forward_picture_by_picture],
    "07-col2im": [col2im, col2im_row_by_row, col2im_by_kernel_places, col2im_by_add_at],
    "07-backward": [conv_backward, conv_backward_by_einsum, conv_backward_picture_by_picture],
}

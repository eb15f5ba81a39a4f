"""Lesson 06: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import numpy as np


def one_output(x, kernel, bias, oh, ow, stride):
    KH, KW, C = kernel.shape
    total = bias
    for i in range(KH):
        for j in range(KW):
            for c in range(C):
                total += x[oh * stride + i, ow * stride + j, c] * kernel[i, j, c]
    return total


def one_output_by_a_slice(x, kernel, bias, oh, ow, stride):
    KH, KW, _ = kernel.shape
    top, left = oh * stride, ow * stride
    return (x[top : top + KH, left : left + KW] * kernel).sum() + bias


def one_output_by_a_dot(x, kernel, bias, oh, ow, stride):
    KH, KW, _ = kernel.shape
    return np.vdot(x[oh * stride :, ow * stride :][:KH, :KW], kernel) + bias


def conv_forward(x, weight, bias, stride, padding):
    (N, H, W, C), (KH, KW, _, F) = x.shape, weight.shape
    OH, OW = (H + 2 * padding - KH) // stride + 1, (W + 2 * padding - KW) // stride + 1
    padded = np.zeros((N, H + 2 * padding, W + 2 * padding, C), x.dtype)
    padded[:, padding : padding + H, padding : padding + W] = x
    y = np.zeros((N, OH, OW, F), x.dtype)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                top, left = oh * stride, ow * stride
                window = padded[n, top : top + KH, left : left + KW]
                for f in range(F):
                    y[n, oh, ow, f] = (window * weight[..., f]).sum() + bias[f]
    return y


def conv_forward_by_seven_loops(x, weight, bias, stride, padding):
    (N, H, W, C), (KH, KW, _, F) = x.shape, weight.shape
    OH, OW = (H + 2 * padding - KH) // stride + 1, (W + 2 * padding - KW) // stride + 1
    y = np.zeros((N, OH, OW, F), dtype=x.dtype)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for f in range(F):
                    total = bias[f]
                    for i in range(KH):
                        for j in range(KW):
                            row, column = oh * stride + i - padding, ow * stride + j - padding
                            if 0 <= row < H and 0 <= column < W:
                                for c in range(C):
                                    total += x[n, row, column, c] * weight[i, j, c, f]
                    y[n, oh, ow, f] = total
    return y


def conv_forward_by_kernel_places(x, weight, bias, stride, padding):
    KH, KW = weight.shape[:2]
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    OH, OW = (padded.shape[1] - KH) // stride + 1, (padded.shape[2] - KW) // stride + 1
    return bias + sum(
        padded[:, i : i + stride * OH : stride, j : j + stride * OW : stride][:, :OH, :OW] @ weight[i, j]
        for i in range(KH)
        for j in range(KW)
    )


def conv_forward_by_einsum(x, weight, bias, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[:2], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("nhwcij,ijcf->nhwf", windows, weight) + bias


def conv_dweight(dy, x, weight, stride, padding):
    (N, OH, OW, F), (KH, KW) = dy.shape, weight.shape[:2]
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    dweight = np.zeros_like(weight)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                top, left = oh * stride, ow * stride
                window = padded[n, top : top + KH, left : left + KW]
                for f in range(F):
                    dweight[..., f] += dy[n, oh, ow, f] * window
    return dweight, dy.sum(axis=(0, 1, 2))


def conv_dweight_by_all_loops(dy, x, weight, stride, padding):
    (N, OH, OW, F), (KH, KW, C, _) = dy.shape, weight.shape
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    dweight, dbias = np.zeros(weight.shape, x.dtype), np.zeros(F, x.dtype)
    for f in range(F):
        for n, oh, ow in np.ndindex(N, OH, OW):
            dbias[f] += dy[n, oh, ow, f]
            for i, j, c in np.ndindex(KH, KW, C):
                dweight[i, j, c, f] += dy[n, oh, ow, f] * padded[n, oh * stride + i, ow * stride + j, c]
    return dweight, dbias


def conv_dweight_by_kernel_places(dy, x, weight, stride, padding):
    OH, OW = dy.shape[1:3]
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    dweight = np.empty_like(weight)
    for i in range(weight.shape[0]):
        for j in range(weight.shape[1]):
            pixels = padded[:, i : i + stride * (OH - 1) + 1 : stride, j : j + stride * (OW - 1) + 1 : stride]
            dweight[i, j] = np.tensordot(pixels, dy, axes=((0, 1, 2), (0, 1, 2)))
    return dweight, np.einsum("nhwf->f", dy)


def conv_dx(dy, x, weight, stride, padding):
    (N, H, W, C), (_, OH, OW, F), (KH, KW) = x.shape, dy.shape, weight.shape[:2]
    dpadded = np.zeros((N, H + 2 * padding, W + 2 * padding, C), x.dtype)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                top, left = oh * stride, ow * stride
                for f in range(F):
                    dpadded[n, top : top + KH, left : left + KW] += dy[n, oh, ow, f] * weight[..., f]
    return dpadded[:, padding : padding + H, padding : padding + W]


def conv_dx_by_all_loops(dy, x, weight, stride, padding):
    (_, H, W, C), (KH, KW) = x.shape, weight.shape[:2]
    dx = np.zeros_like(x)
    for n, oh, ow, f in np.ndindex(dy.shape):
        for i, j in np.ndindex(KH, KW):
            row, column = oh * stride + i - padding, ow * stride + j - padding
            if 0 <= row < H and 0 <= column < W:
                for c in range(C):
                    dx[n, row, column, c] += dy[n, oh, ow, f] * weight[i, j, c, f]
    return dx


def conv_dx_by_a_flipped_kernel(dy, x, weight, stride, padding):
    """Slide the flipped kernel over dy, with its entries `stride` apart in a wide border of zeros."""
    (N, H, W, _), (_, OH, OW, F), (KH, KW) = x.shape, dy.shape, weight.shape[:2]
    apart = np.zeros((N, H + 2 * padding + KH - 1, W + 2 * padding + KW - 1, F), x.dtype)
    apart[:, KH - 1 : KH + stride * (OH - 1) : stride, KW - 1 : KW + stride * (OW - 1) : stride] = dy
    windows = np.lib.stride_tricks.sliding_window_view(apart, (KH, KW), axis=(1, 2))
    dpadded = np.einsum("nhwfij,ijcf->nhwc", windows, weight[::-1, ::-1])
    return dpadded[:, padding : padding + H, padding : padding + W]


SOLUTIONS = {
    "06-window": [one_output, one_output_by_a_slice, one_output_by_a_dot],
    "06-forward": [conv_forward, conv_forward_by_seven_loops, conv_forward_by_kernel_places, conv_forward_by_einsum],
    "06-dweight": [conv_dweight, conv_dweight_by_all_loops, conv_dweight_by_kernel_places],
    "06-dx": [conv_dx, conv_dx_by_all_loops, conv_dx_by_a_flipped_kernel],
}

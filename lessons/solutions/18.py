"""Lesson 18: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import math

import numpy as np


def conv3x3(x, weight, bias):
    """As in the notebook."""
    N, H, W, C = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = np.zeros((N, H, W, weight.shape[3]), x.dtype) + bias
    for i in range(3):
        for j in range(3):
            y += padded[:, i : i + H, j : j + W] @ weight[i, j]
    return y


def reach(layers):
    sizes, size, step = [], 1, 1
    for k, s in layers:
        size += (k - 1) * step
        step *= s
        sizes.append(size)
    return np.array(sizes)


def reach_from_the_top(layers):
    """Walk down from each layer: n places of it need (n − 1) · s + k of the layer below."""
    sizes = []
    for top in range(1, len(layers) + 1):
        n = 1
        for k, s in reversed(layers[:top]):
            n = (n - 1) * s + k
        sizes.append(n)
    return np.array(sizes)


def reach_by_sums(layers):
    kernels, strides = np.array(layers).T
    steps = np.cumprod(np.concatenate([[1], strides[:-1]]))
    return 1 + np.cumsum((kernels - 1) * steps)


def reach_by_edges(layers):
    """Follow the first and the last pixel that a place sees."""
    sizes = []
    for top in range(len(layers)):
        left = right = 0
        for k, s in layers[top::-1]:
            left, right = left * s, right * s + k - 1
        sizes.append(right - left + 1)
    return np.array(sizes)


def merge(first, second):
    h, w, C, _ = first.shape
    kh, kw, _, F = second.shape
    merged = np.zeros((h + kh - 1, w + kw - 1, C, F), first.dtype)
    for i in range(h):
        for j in range(w):
            for k in range(kh):
                for l in range(kw):  # noqa: E741
                    merged[i + k, j + l] += first[i, j] @ second[k, l]
    return merged


def merge_by_shifts(first, second):
    """Each tap of the second kernel adds the whole first one, shifted."""
    h, w = first.shape[:2]
    kh, kw = second.shape[:2]
    merged = np.zeros((h + kh - 1, w + kw - 1, first.shape[2], second.shape[3]), np.result_type(first, second))
    for k, l in np.ndindex(kh, kw):  # noqa: E741
        merged[k : k + h, l : l + w] += np.einsum("ijcm,mf->ijcf", first, second[k, l])
    return merged


def merge_by_asking(first, second):
    """Show both layers a picture with a lone 1 in each channel; their answer is the kernel, turned over."""

    def layer(x, kernel):
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(1, 2))
        return np.einsum("nxycij,ijcf->nxyf", windows, kernel)

    (h, w, C), (kh, kw) = first.shape[:3], second.shape[:2]
    H, W = h + kh - 1, w + kw - 1
    x = np.zeros((C, 2 * H - 1, 2 * W - 1, C), first.dtype)
    x[range(C), H - 1, W - 1, range(C)] = 1
    return layer(layer(x, first), second)[:, ::-1, ::-1].transpose(1, 2, 0, 3)


def stack_cost(H, W, C, k, n):
    weights = n * k * k * C * C
    return weights, weights * H * W


def stack_cost_by_layers(H, W, C, k, n):
    weights = work = 0
    for _ in range(n):
        layer = math.prod((k, k, C, C))
        weights += layer
        work += layer * H * W
    return weights, work


def stack_cost_by_outputs(H, W, C, k, n):
    """Every number that comes out is a sum of k · k · C products."""
    work = sum(H * W * C * (k**2 * C) for _ in range(n))
    return work // (H * W), work


def kept(N, side, stages, size):
    total = 0
    for stage in stages:
        total += side**2 * sum(stage) * size
        side //= 2
        total += side**2 * stage[-1] * (size + 1)
    return N * total


def kept_by_arrays(N, side, stages, size):
    arrays = []
    for number, stage in enumerate(stages):
        here, half = side >> number, side >> (number + 1)
        arrays += [(size, N, here, here, kernels) for kernels in stage]
        arrays += [(size, N, half, half, stage[-1]), (1, N, half, half, stage[-1])]
    return sum(math.prod(array) for array in arrays)


def kept_by_recursion(N, side, stages, size):
    if not stages:
        return 0
    first, *others = stages
    half = side // 2
    here = N * size * (side * side * sum(first) + half * half * first[-1]) + N * half * half * first[-1]
    return here + kept_by_recursion(N, half, others, size)


def stage(x, kernels, biases):
    for kernel, bias in zip(kernels, biases):
        x = np.maximum(conv3x3(x, kernel, bias), 0)
    N, H, W, C = x.shape
    even = x[:, : H // 2 * 2, : W // 2 * 2]
    return even.reshape(N, H // 2, 2, W // 2, 2, C).max(axis=(2, 4))


def stage_by_four(x, kernels, biases):
    for i in range(len(kernels)):
        x = conv3x3(x, kernels[i], biases[i])
        x = x * (x > 0)
    H, W = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    corners = [x[:, i:H:2, j:W:2] for i in (0, 1) for j in (0, 1)]
    return np.max(corners, axis=0)


def stage_that_pools_first(x, kernels, biases):
    """The last ReLU after the pooling: a maximum and a function that never falls can swap places."""
    for kernel, bias in zip(kernels[:-1], biases[:-1]):
        x = np.maximum(conv3x3(x, kernel, bias), 0)
    x = conv3x3(x, kernels[-1], biases[-1])
    x = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
    x = np.maximum(x[:, ::2], x[:, 1::2])
    x = np.maximum(x[:, :, ::2], x[:, :, 1::2])
    return np.where(x > 0, x, 0)


def vgg_table(side, stages, units):
    outputs, parameters, work, C = [], [], [], 3
    for stage in stages:
        for kernels in stage:
            weights = 3 * 3 * C * kernels
            outputs.append((side, side, kernels))
            parameters.append(weights + kernels)
            work.append(weights * side * side)
            C = kernels
        side //= 2
    n = side * side * C
    for out in units:
        outputs.append((1, 1, out))
        parameters.append(n * out + out)
        work.append(n * out)
        n = out
    return np.array(outputs), np.array(parameters), np.array(work)


def vgg_table_of_arrays(side, stages, units):
    """First the list of layers, (side, taps, in, out), then all counts at once."""
    rows, C = [], 3
    for number, stage in enumerate(stages):
        for kernels in stage:
            rows.append((side >> number, 9, C, kernels))
            C = kernels
    C *= (side >> len(stages)) ** 2
    for out in units:
        rows.append((1, 1, C, out))
        C = out
    sides, taps, n, out = np.array(rows).T
    return np.stack([sides, sides, out], axis=1), taps * n * out + out, taps * n * out * sides**2


def vgg_table_by_slots(side, stages, units):
    """A fully connected layer is a convolution with a kernel as large as the map, on one place."""
    convolutions = [k for stage in stages for k in stage]
    L = len(convolutions) + len(units)
    outputs, parameters, work = np.ones((L, 3), int), np.zeros(L, int), np.zeros(L, int)
    ends = set(np.cumsum([len(stage) for stage in stages]).tolist())
    C, area = 3, side * side
    for i, out in enumerate([*convolutions, *units]):
        if i in ends:
            side //= 2
            area = side * side
        conv = i < len(convolutions)
        each = C * (9 if conv else area if i == len(convolutions) else 1)
        outputs[i] = (side, side, out) if conv else (1, 1, out)
        parameters[i] = (each + 1) * out
        work[i] = each * out * (area if conv else 1)
        C = out
    return outputs, parameters, work


def expected_sizes(rms, shapes, stds):
    sizes = []
    for shape, std in zip(shapes, stds):
        n = np.prod(shape[:-1])
        rms = rms * std * np.sqrt(n / 2)
        sizes.append(rms)
    return np.array(sizes)


def expected_sizes_by_variances(rms, shapes, stds):
    square, sizes = rms * rms, []
    for shape, std in zip(shapes, stds):
        variance = math.prod(shape[:-1]) * std**2 * square
        square = variance / 2  # the ReLU's half
        sizes.append(math.sqrt(square))
    return np.array(sizes)


def expected_sizes_at_once(rms, shapes, stds):
    n = np.array([math.prod(shape) // shape[-1] for shape in shapes])
    return rms * np.cumprod(np.array(stds) * (n / 2) ** 0.5)


SOLUTIONS = {
    "18-reach": [reach, reach_from_the_top, reach_by_sums, reach_by_edges],
    "18-merge": [merge, merge_by_shifts, merge_by_asking],
    "18-cost": [stack_cost, stack_cost_by_layers, stack_cost_by_outputs],
    "18-memory": [kept, kept_by_arrays, kept_by_recursion],
    "18-stage": [stage, stage_by_four, stage_that_pools_first],
    "18-vgg": [vgg_table, vgg_table_of_arrays, vgg_table_by_slots],
    "18-signal": [expected_sizes, expected_sizes_by_variances, expected_sizes_at_once],
}

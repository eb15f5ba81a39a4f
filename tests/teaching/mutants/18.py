"""Lesson 18: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import math

import numpy as np

# ---------------------------------------------------------------------------------------------- reach


def kernels_alone(layers):
    sizes, size = [], 1
    for k, _ in layers:
        size += k - 1
        sizes.append(size)
    return np.array(sizes)


def whole_kernels(layers):
    sizes, size, step = [], 1, 1
    for k, s in layers:
        size += k * step
        step *= s
        sizes.append(size)
    return np.array(sizes)


def summed_kernels(layers):
    steps = np.cumprod([1] + [s for _, s in layers][:-1])
    return np.cumsum([k * step for (k, _), step in zip(layers, steps)])


def begins_at_nothing(layers):
    size, step, sizes = 0, 1, []
    for k, s in layers:
        size = size + (k - 1) * step
        step = step * s
        sizes.append(size)
    return np.array(sizes)


def steps_first(layers):
    size, step, sizes = 1, 1, []
    for k, s in layers:
        step *= s
        size += (k - 1) * step
        sizes.append(size)
    return np.array(sizes)


def own_stride(layers):
    return 1 + np.cumsum([(k - 1) * s for k, s in layers])


def stride_below(layers):
    sizes, size, step = [], 1, 1
    for k, s in layers:
        size += (k - 1) * step
        step = s
        sizes.append(size)
    return np.array(sizes)


def added_strides(layers):
    sizes, size, step = [], 1, 1
    for k, s in layers:
        size += (k - 1) * step
        step += s
        sizes.append(size)
    return np.array(sizes)


def top_down_upwards(layers):
    n, sizes = 1, []
    for k, s in layers:
        n = s * (n - 1) + k
        sizes.append(n)
    return np.array(sizes)


def multiplied_kernels(layers):
    return np.array([math.prod(k for k, _ in layers[: i + 1]) for i in range(len(layers))])


def steps_for_sizes(layers):
    step, steps = 1, []
    for _, s in layers:
        step *= s
        steps.append(step)
    return np.array(steps)


def all_strides(layers):
    step = math.prod(s for _, s in layers)
    return 1 + np.cumsum([(k - 1) * step for k, _ in layers])


def with_the_picture(layers):
    sizes, size, step = [1], 1, 1
    for k, s in layers:
        size += (k - 1) * step
        step *= s
        sizes.append(size)
    return np.array(sizes)


def last_alone(layers):
    size, step = 1, 1
    for k, s in layers:
        size += (k - 1) * step
        step *= s
    return size


# ---------------------------------------------------------------------------------------------- two kernels as one


def _full(first, second):
    (h, w, C, _), (kh, kw, _, F) = first.shape, second.shape
    return np.zeros((h + kh - 1, w + kw - 1, C, F), first.dtype)


def second_turned(first, second):
    merged = _full(first, second)
    kh, kw = second.shape[:2]
    for i, j in np.ndindex(first.shape[:2]):
        for k, m in np.ndindex(kh, kw):
            merged[i + k, j + m] += first[i, j] @ second[kh - 1 - k, kw - 1 - m]
    return merged


def first_turned(first, second):
    merged = _full(first, second)
    h, w = first.shape[:2]
    for k, m in np.ndindex(second.shape[:2]):
        merged[k : k + h, m : m + w] += first[::-1, ::-1] @ second[k, m]
    return merged


def both_turned(first, second):
    merged = _full(first, second)
    h, w = first.shape[:2]
    for k, m in np.ndindex(second.shape[:2]):
        merged[k : k + h, m : m + w] += first @ second[k, m]
    return np.flip(merged, (0, 1))


def rows_turned(first, second):
    merged = _full(first, second)
    for i, j in np.ndindex(first.shape[:2]):
        merged[i : i + len(second), j : j + second.shape[1]] += first[i, j] @ second[::-1]
    return merged


def mirrored(first, second):
    merged = _full(first, second)
    for i, j in np.ndindex(first.shape[:2]):
        merged[i : i + len(second), j : j + second.shape[1]] += first[i, j] @ np.flip(second, 1)
    return merged


def last_pair(first, second):
    merged = _full(first, second)
    for i, j in np.ndindex(first.shape[:2]):
        for k, m in np.ndindex(second.shape[:2]):
            merged[i + k, j + m] = first[i, j] @ second[k, m]
    return merged


def mean_of_pairs(first, second):
    merged = _full(first, second)
    pairs = np.zeros((*merged.shape[:2], 1, 1))
    h, w = first.shape[:2]
    for k, m in np.ndindex(second.shape[:2]):
        merged[k : k + h, m : m + w] += first @ second[k, m]
        pairs[k : k + h, m : m + w] += 1
    return merged / pairs


def channels_summed_first(first, second):
    merged = _full(first, second)
    h, w = first.shape[:2]
    for k, m in np.ndindex(second.shape[:2]):
        merged[k : k + h, m : m + w] += np.einsum("ijcm,nf->ijcf", first, second[k, m])
    return merged


def as_large_as_the_first(first, second):
    merged = _full(first, second)
    h, w = first.shape[:2]
    kh, kw = second.shape[:2]
    for k, m in np.ndindex(kh, kw):
        merged[k : k + h, m : m + w] += first @ second[k, m]
    return merged[(kh - 1) // 2 :, (kw - 1) // 2 :][:h, :w]


def one_row_too_many(first, second):
    (h, w, C, _), (kh, kw, _, F) = first.shape, second.shape
    merged = np.zeros((h + kh, w + kw, C, F), first.dtype)
    for k, m in np.ndindex(kh, kw):
        merged[k : k + h, m : m + w] += first @ second[k, m]
    return merged


def rows_with_columns(first, second):
    (h, w, C, _), (kh, kw, _, F) = first.shape, second.shape
    merged = np.zeros((h + kw - 1, w + kh - 1, C, F), first.dtype)
    for k, m in np.ndindex(kh, kw):
        merged[m : m + h, k : k + w] += first @ second[k, m]
    return merged


def in_float64(first, second):
    (h, w, C, _), (kh, kw, _, F) = first.shape, second.shape
    merged = np.zeros((h + kh - 1, w + kw - 1, C, F))
    for k, m in np.ndindex(kh, kw):
        merged[k : k + h, m : m + w] += first @ second[k, m]
    return merged


def corner_taps(first, second):
    merged = _full(first, second)
    h, w = first.shape[:2]
    merged[:h, :w] = first @ second[0, 0]
    return merged


# ---------------------------------------------------------------------------------------------- weights and work


def k_for_its_square(H, W, C, k, n):
    weights = n * k * C * C
    return weights, weights * H * W


def one_kernel(H, W, C, k, n):
    weights = n * k * k * C
    return weights, weights * H * W


def one_layer(H, W, C, k, n):
    weights = k**2 * C**2
    return weights, H * W * weights


def valid_places(H, W, C, k, n):
    weights = n * k * k * C * C
    return weights, weights * (H + 1 - k) * (W + 1 - k)


def shrinks(H, W, C, k, n):
    work = 0
    for _ in range(n):
        H, W = H - k + 1, W - k + 1
        work += H * W * k * k * C * C
    return n * k * k * C * C, work


def used_once(H, W, C, k, n):
    weights = n * k * k * C * C
    return weights, weights


def one_row(H, W, C, k, n):
    weights = n * k * k * C * C
    return weights, weights * W


def counts_biases(H, W, C, k, n):
    weights = n * (k * k * C + 1) * C
    return weights, weights * H * W


def biases_among_the_weights(H, W, C, k, n):
    return n * (k * k * C * C + C), n * k * k * C * C * H * W


def multiplications_and_additions(H, W, C, k, n):
    weights = n * k * k * C * C
    return weights, 2 * weights * H * W


def the_large_kernel(H, W, C, k, n):
    side = 1 + n * (k - 1)
    weights = side * side * C * C
    return weights, weights * H * W


def stacked_twice(H, W, C, k, n):
    weights = n**2 * k**2 * C**2
    return weights, weights * H * W


def in_another_order(H, W, C, k, n):
    weights = n * k * k * C * C
    return weights * H * W, weights


# ---------------------------------------------------------------------------------------------- memory


def last_of_each_stage(N, side, stages, size):
    total = 0
    for stage in stages:
        total += side**2 * stage[-1] * size
        side //= 2
        total += side**2 * stage[-1] * (size + 1)
    return N * total


def no_channels(N, side, stages, size):
    total = 0
    for stage in stages:
        total += side**2 * len(stage) * size
        side //= 2
        total += side**2 * stage[-1] * (size + 1)
    return N * total


def first_of_each_stage(N, side, stages, size):
    total = 0
    for stage in stages:
        total += side**2 * stage[0] * len(stage) * size
        side //= 2
        total += side**2 * stage[-1] * (size + 1)
    return N * total


def convolutions_alone(N, side, stages, size):
    return N * size * sum((side >> s) ** 2 * sum(stage) for s, stage in enumerate(stages))


def no_winners(N, side, stages, size):
    total = 0
    for stage in stages:
        total += side**2 * sum(stage) * size
        side //= 2
        total += side**2 * stage[-1] * size
    return N * total


def winners_alone(N, side, stages, size):
    total = 0
    for stage in stages:
        total += side**2 * sum(stage) * size
        side //= 2
        total += side**2 * stage[-1]
    return N * total


def large_winners(N, side, stages, size):
    total = 0
    for stage in stages:
        total += side**2 * sum(stage) * size
        side //= 2
        total += side**2 * stage[-1] * 2 * size
    return N * total


def one_side(N, side, stages, size):
    total = 0
    for stage in stages:
        total += side**2 * sum(stage) * size + (side // 2) ** 2 * stage[-1] * (size + 1)
    return N * total


def halves_before(N, side, stages, size):
    total = 0
    for stage in stages:
        side //= 2
        total += side**2 * sum(stage) * size + (side // 2) ** 2 * stage[-1] * (size + 1)
    return N * total


def no_poolings(N, side, stages, size):
    return N * sum(side**2 * sum(stage) * size for stage in stages)


def half_pixels(N, side, stages, size):
    total = 0
    for stage in stages:
        total += side**2 * sum(stage) * size
        side /= 2
        total += side**2 * stage[-1] * (size + 1)
    return N * total


def halves_rounded_up(N, side, stages, size):
    total = 0
    for stage in stages:
        total += side**2 * sum(stage) * size
        side = math.ceil(side / 2)
        total += side**2 * stage[-1] * (size + 1)
    return N * total


def one_picture(N, side, stages, size):
    total = 0
    for stage in stages:
        total += side**2 * sum(stage) * size
        side //= 2
        total += side**2 * stage[-1] * (size + 1)
    return total


def numbers_for_bytes(N, side, stages, size):
    total = 0
    for stage in stages:
        total += side**2 * sum(stage)
        side //= 2
        total += side**2 * stage[-1] * 2
    return N * total


def one_row_of_each(N, side, stages, size):
    total = 0
    for stage in stages:
        total += side * sum(stage) * size
        side //= 2
        total += side * stage[-1] * (size + 1)
    return N * total


def what_goes_in(N, side, stages, size):
    total, C = 0, 3
    for stage in stages:
        total += side**2 * sum([C, *stage[:-1]]) * size
        C, side = stage[-1], side // 2
        total += side**2 * C * (size + 1)
    return N * total


# ---------------------------------------------------------------------------------------------- one stage


def conv3x3(x, weight, bias):
    N, H, W, _ = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return sum(padded[:, i : i + H, j : j + W] @ weight[i, j] for i in range(3) for j in range(3)) + bias


def pooled(x):
    H, W = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    return np.max([x[:, i:H:2, j:W:2] for i in (0, 1) for j in (0, 1)], axis=0)


def linear_stage(x, kernels, biases):
    for kernel, bias in zip(kernels, biases):
        x = conv3x3(x, kernel, bias)
    return pooled(x)


def one_relu_at_the_end(x, kernels, biases):
    for kernel, bias in zip(kernels, biases):
        x = conv3x3(x, kernel, bias)
    return np.maximum(pooled(x), 0)


def last_relu_missing(x, kernels, biases):
    for i, (kernel, bias) in enumerate(zip(kernels, biases)):
        if i > 0:
            x = np.maximum(x, 0)
        x = conv3x3(x, kernel, bias)
    return pooled(x)


def first_relu_alone(x, kernels, biases):
    x = np.maximum(conv3x3(x, kernels[0], biases[0]), 0)
    return linear_stage(x, kernels[1:], biases[1:])


def bias_afterwards(x, kernels, biases):
    for kernel, bias in zip(kernels, biases):
        x = np.maximum(conv3x3(x, kernel, np.zeros_like(bias)), 0) + bias
    return pooled(x)


def without_biases(x, kernels, biases):
    for kernel in kernels:
        x = np.maximum(conv3x3(x, kernel, x.dtype.type(0)), 0)
    return pooled(x)


def loses_the_border(x, kernels, biases):
    for kernel, bias in zip(kernels, biases):
        x = np.maximum(conv3x3(x, kernel, bias)[:, 1:-1, 1:-1], 0)
    return pooled(x)


def no_pooling(x, kernels, biases):
    for kernel, bias in zip(kernels, biases):
        x = np.maximum(conv3x3(x, kernel, bias), 0)
    return x


def pools_each_time(x, kernels, biases):
    for kernel, bias in zip(kernels, biases):
        x = pooled(np.maximum(conv3x3(x, kernel, bias), 0))
    return x


def pools_first(x, kernels, biases):
    return no_pooling(pooled(x), kernels, biases)


def pools_before_the_last(x, kernels, biases):
    for i, (kernel, bias) in enumerate(zip(kernels, biases)):
        if i == len(kernels) - 1:
            x = pooled(x)
        x = np.maximum(conv3x3(x, kernel, bias), 0)
    return x


def mean_of_four(x, kernels, biases):
    x = no_pooling(x, kernels, biases)
    H, W = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    return (x[:, 0:H:2, 0:W:2] + x[:, 1:H:2, 0:W:2] + x[:, 0:H:2, 1:W:2] + x[:, 1:H:2, 1:W:2]) / 4


def every_second(x, kernels, biases):
    x = no_pooling(x, kernels, biases)
    H, W = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    return x[:, :H:2, :W:2]


def overlapping(x, kernels, biases):
    x = no_pooling(x, kernels, biases)
    OH, OW = (x.shape[1] - 3) // 2 + 1, (x.shape[2] - 3) // 2 + 1
    taps = [x[:, i : i + 2 * OH - 1 : 2, j : j + 2 * OW - 1 : 2] for i in range(3) for j in range(3)]
    return np.max(taps, axis=0)


def writes_into_x(x, kernels, biases):
    np.maximum(x, 0, out=x)
    return no_pooling(x, kernels, biases)


def kernels_forgotten(x, kernels, biases):
    return pooled(np.maximum(conv3x3(x, kernels[0], biases[0]), 0))


# ---------------------------------------------------------------------------------------------- the whole net


def _rows(side, stages):
    """[(side, channels in, kernels)] of the convolutions, and what the first fully connected layer sees."""
    rows, C = [], 3
    for stage in stages:
        for kernels in stage:
            rows.append((side, C, kernels))
            C = kernels
        side //= 2
    return rows, side, C


def _finished(rows, n, units):
    outputs = [(side, side, kernels) for side, _, kernels in rows]
    parameters = [9 * C * kernels + kernels for _, C, kernels in rows]
    work = [side * side * 9 * C * kernels for side, C, kernels in rows]
    for out in units:
        outputs.append((1, 1, out))
        parameters.append(n * out + out)
        work.append(n * out)
        n = out
    return np.array(outputs), np.array(parameters), np.array(work)


def last_pooling_forgotten(side, stages, units):
    rows, _, C = _rows(side, stages)
    return _finished(rows, rows[-1][0] ** 2 * C, units)


def channels_into_fc6(side, stages, units):
    rows, side, C = _rows(side, stages)
    return _finished(rows, C, units)


def one_row_into_fc6(side, stages, units):
    rows, side, C = _rows(side, stages)
    return _finished(rows, side * C, units)


def halved_by_each_convolution(side, stages, units):
    rows, C = [], 3
    for stage in stages:
        for kernels in stage:
            rows.append((side, C, kernels))
            C, side = kernels, side // 2
    return _finished(rows, side * side * C, units)


def never_halved(side, stages, units):
    rows, _, C = _rows(side, stages)
    return _finished([(side, c, k) for _, c, k in rows], side * side * C, units)


def halved_before_the_stage(side, stages, units):
    rows, end, C = _rows(side, stages)
    return _finished([(s // 2, c, k) for s, c, k in rows], end * end * C, units)


def _halved_by(half, side, stages, units):
    rows, C = [], 3
    for stage in stages:
        for kernels in stage:
            rows.append((side, C, kernels))
            C = kernels
        side = half(side)
    return _finished(rows, side * side * C, units)


def half_a_pixel(side, stages, units):
    return _halved_by(lambda side: side / 2, side, stages, units)


def sides_rounded_up(side, stages, units):
    return _halved_by(lambda side: (side + 1) // 2, side, stages, units)


def sizes_after_the_pooling(side, stages, units):
    rows, end, C = _rows(side, stages)
    outputs, parameters, work = _finished(rows, end * end * C, units)
    place = -1
    for stage in stages:
        place += len(stage)
        outputs[place, :2] //= 2
    return outputs, parameters, work


def no_biases(side, stages, units):
    rows, end, C = _rows(side, stages)
    outputs, parameters, work = _finished(rows, end * end * C, units)
    return outputs, parameters - outputs[:, 2], work


def work_without_places(side, stages, units):
    rows, end, C = _rows(side, stages)
    outputs, parameters, _ = _finished(rows, end * end * C, units)
    return outputs, parameters, parameters - outputs[:, 2]


def work_is_parameters(side, stages, units):
    rows, end, C = _rows(side, stages)
    outputs, parameters, _ = _finished(rows, end * end * C, units)
    return outputs, parameters, parameters.copy()


def work_with_biases(side, stages, units):
    rows, end, C = _rows(side, stages)
    outputs, parameters, _ = _finished(rows, end * end * C, units)
    return outputs, parameters, parameters * outputs[:, 0] ** 2


def work_of_one_row(side, stages, units):
    rows, end, C = _rows(side, stages)
    outputs, parameters, work = _finished(rows, end * end * C, units)
    return outputs, parameters, work // outputs[:, 0]


def three_channels_again(side, stages, units):
    rows = []
    for stage in stages:
        C = 3
        for kernels in stage:
            rows.append((side, C, kernels))
            C = kernels
        side //= 2
    return _finished(rows, side * side * stages[-1][-1], units)


def own_width(side, stages, units):
    rows, end, C = _rows(side, stages)
    return _finished([(s, k, k) for s, _, k in rows], end * end * C, units)


# ---------------------------------------------------------------------------------------------- the signal


def _through(rms, shapes, stds, factor):
    sizes = []
    for shape, std in zip(shapes, stds):
        rms = rms * factor(shape, std)
        sizes.append(rms)
    return np.array(sizes)


def no_relu(rms, shapes, stds):
    return _through(rms, shapes, stds, lambda shape, std: std * np.sqrt(np.prod(shape[:-1])))


def relu_halves_the_size(rms, shapes, stds):
    return _through(rms, shapes, stds, lambda shape, std: std * np.sqrt(np.prod(shape[:-1])) / 2)


def channels_alone(rms, shapes, stds):
    return _through(rms, shapes, stds, lambda shape, std: std * math.sqrt(shape[-2] / 2))


def fan_out(rms, shapes, stds):
    return _through(rms, shapes, stds, lambda shape, std: std * math.sqrt(math.prod(shape) / shape[-2] / 2))


def all_weights(rms, shapes, stds):
    return _through(rms, shapes, stds, lambda shape, std: std * math.sqrt(math.prod(shape) / 2))


def no_root(rms, shapes, stds):
    return _through(rms, shapes, stds, lambda shape, std: std * math.prod(shape[:-1]) / 2)


def variance_for_std(rms, shapes, stds):
    return _through(rms, shapes, stds, lambda shape, std: std * std * math.sqrt(math.prod(shape[:-1]) / 2))


def std_taken_for_a_variance(rms, shapes, stds):
    return _through(rms, shapes, stds, lambda shape, std: math.sqrt(std * math.prod(shape[:-1]) / 2))


def mean_squares(rms, shapes, stds):
    return _through(rms**2, shapes, stds, lambda shape, std: std**2 * math.prod(shape[:-1]) / 2)


def factors_alone(rms, shapes, stds):
    return np.array([std * math.sqrt(math.prod(shape[:-1]) / 2) for shape, std in zip(shapes, stds)])


def begins_at_one(rms, shapes, stds):
    return np.cumprod(factors_alone(rms, shapes, stds))


def each_from_the_input(rms, shapes, stds):
    return rms * factors_alone(rms, shapes, stds)


def added_factors(rms, shapes, stds):
    return rms + np.cumsum(factors_alone(rms, shapes, stds))


def what_comes_in(rms, shapes, stds):
    sizes = []
    for shape, std in zip(shapes, stds):
        sizes.append(rms)
        rms = rms * std * math.sqrt(math.prod(shape[:-1]) / 2)
    return np.array(sizes)


MUTANTS = [
    ("18-reach", "W1", kernels_alone),
    ("18-reach", "W2", whole_kernels),
    ("18-reach", "W2", summed_kernels),
    ("18-reach", "W3", begins_at_nothing),
    ("18-reach", "W4", steps_first),
    ("18-reach", "W4", own_stride),
    ("18-reach", "W4", all_strides),
    ("18-reach", "W5", stride_below),
    ("18-reach", "W5", added_strides),
    ("18-reach", "W6", top_down_upwards),
    ("18-reach", "W7", multiplied_kernels),
    ("18-reach", "W8", steps_for_sizes),
    ("18-reach", "W9", with_the_picture),
    ("18-reach", "reduced", last_alone),
    ("18-merge", "W10", second_turned),
    ("18-merge", "W10", first_turned),
    ("18-merge", "W10", both_turned),
    ("18-merge", "W10", rows_turned),
    ("18-merge", "W10", mirrored),
    ("18-merge", "W11", last_pair),
    ("18-merge", "W11", mean_of_pairs),
    ("18-merge", "W12", channels_summed_first),
    ("18-merge", "W13", as_large_as_the_first),
    ("18-merge", "W13", one_row_too_many),
    ("18-merge", "W14", rows_with_columns),
    ("18-merge", "C16", in_float64),
    ("18-merge", "edit-loop", corner_taps),
    ("18-cost", "W20", k_for_its_square),
    ("18-cost", "W21", one_kernel),
    ("18-cost", "W22", one_layer),
    ("18-cost", "W22", stacked_twice),
    ("18-cost", "W23", valid_places),
    ("18-cost", "W23", shrinks),
    ("18-cost", "W24", used_once),
    ("18-cost", "W24", one_row),
    ("18-cost", "W25", counts_biases),
    ("18-cost", "W25", biases_among_the_weights),
    ("18-cost", "W26", the_large_kernel),
    ("18-cost", "ratio", multiplications_and_additions),
    ("18-cost", "order", in_another_order),
    ("18-memory", "W30", last_of_each_stage),
    ("18-memory", "W30", first_of_each_stage),
    ("18-memory", "W30", no_channels),
    ("18-memory", "W31", convolutions_alone),
    ("18-memory", "W31", no_winners),
    ("18-memory", "W31", winners_alone),
    ("18-memory", "W31", large_winners),
    ("18-memory", "W32", one_side),
    ("18-memory", "W32", halves_before),
    ("18-memory", "W32", no_poolings),
    ("18-memory", "W36", half_pixels),
    ("18-memory", "W36", halves_rounded_up),
    ("18-memory", "W33", one_picture),
    ("18-memory", "W33", numbers_for_bytes),
    ("18-memory", "W34", one_row_of_each),
    ("18-memory", "W35", what_goes_in),
    ("18-stage", "W40", linear_stage),
    ("18-stage", "W40", one_relu_at_the_end),
    ("18-stage", "W40", last_relu_missing),
    ("18-stage", "W40", first_relu_alone),
    ("18-stage", "W41", bias_afterwards),
    ("18-stage", "W41", without_biases),
    ("18-stage", "W42", loses_the_border),
    ("18-stage", "W43", no_pooling),
    ("18-stage", "W43", pools_each_time),
    ("18-stage", "W43", pools_first),
    ("18-stage", "W43", pools_before_the_last),
    ("18-stage", "W44", mean_of_four),
    ("18-stage", "W44", every_second),
    ("18-stage", "W44", overlapping),
    ("18-vgg", "W50", last_pooling_forgotten),
    ("18-vgg", "W50", channels_into_fc6),
    ("18-vgg", "W50", one_row_into_fc6),
    ("18-vgg", "W51", halved_by_each_convolution),
    ("18-vgg", "W51", never_halved),
    ("18-vgg", "W51", halved_before_the_stage),
    ("18-vgg", "W56", half_a_pixel),
    ("18-vgg", "W56", sides_rounded_up),
    ("18-vgg", "W52", sizes_after_the_pooling),
    ("18-vgg", "W53", no_biases),
    ("18-vgg", "W54", work_without_places),
    ("18-vgg", "W54", work_is_parameters),
    ("18-vgg", "W54", work_with_biases),
    ("18-vgg", "W54", work_of_one_row),
    ("18-vgg", "W55", three_channels_again),
    ("18-vgg", "W55", own_width),
    ("18-signal", "W60", no_relu),
    ("18-signal", "W60", relu_halves_the_size),
    ("18-signal", "W61", channels_alone),
    ("18-signal", "W61", fan_out),
    ("18-signal", "W61", all_weights),
    ("18-signal", "W62", no_root),
    ("18-signal", "W62", variance_for_std),
    ("18-signal", "W62", std_taken_for_a_variance),
    ("18-signal", "W62", mean_squares),
    ("18-signal", "W63", factors_alone),
    ("18-signal", "W63", begins_at_one),
    ("18-signal", "W63", each_from_the_input),
    ("18-signal", "W63", added_factors),
    ("18-signal", "W64", what_comes_in),
]

"""Lesson 18, small kernels: its exercises and the known mistakes.

Stages of kernels, ((64, 64), (128, 128)) for example: the kernels of each convolution, stage by stage. Every
convolution is 3×3 and padded by 1, so it keeps the side; a 2×2 pooling ends each stage and halves it, rounding down.
"""

import math

import numpy as np

from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Wrong

K = 3  # VGG's kernels are K×K


def conv3x3(x, weight, bias):
    """As in the notebook. x: (N, H, W, C);  weight: (3, 3, C, F);  bias: (F,);  returns (N, H, W, F)"""
    N, H, W, C = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = np.zeros((N, H, W, weight.shape[3]), x.dtype) + bias
    for i in range(3):
        for j in range(3):
            y += padded[:, i : i + H, j : j + W] @ weight[i, j]
    return y


# ---------------------------------------------------------------------------------------------- reach


def reach(layers):
    return _reach(layers)


def _reach(layers, begin=1, more=lambda k: k - 1, later=lambda step, s: step * s, step_of=lambda step, s: step):
    """Pixels seen from one place after each layer. Each keyword is a way to get it wrong."""
    sizes, size, step = [], begin, 1
    for k, s in layers:
        size += more(k) * step_of(step, s)
        step = later(step, s)
        sizes.append(size)
    return np.array(sizes)


def _wrong_reach(**how):
    return lambda layers: _reach(layers, **how)


def _widened(layers):
    """The recursion that belongs to the walk from the top, taken from the bottom."""
    sizes, size = [], 1
    for k, s in layers:
        size = (size - 1) * s + k
        sizes.append(size)
    return np.array(sizes)


def _steps(layers):
    return np.cumprod([s for _, s in layers])


def _by_one_step(layers, place):
    step = int(np.prod([s for _, s in layers[: place(len(layers))]]))
    return 1 + np.cumsum([(k - 1) * step for k, _ in layers])


REACH_WRONG = (
    Wrong(
        "W1",
        _wrong_reach(step_of=lambda step, s: 1),
        "You leave the strides out: behind a stride of s, neighbouring places are s pixels apart, and so are the "
        "places that a kernel adds.",
    ),
    Wrong(
        "W2",
        _wrong_reach(more=lambda k: k),
        "Each layer adds k − 1 places, not k: the first of the k was there already.",
    ),
    Wrong(
        "W2",
        _wrong_reach(begin=0, more=lambda k: k),
        "You add up k · step. The first layer sees k, but each later one adds only k − 1 places.",
    ),
    Wrong("W3", _wrong_reach(begin=0), "One pixel short: before any layer, a place sees 1 pixel, not 0."),
    Wrong(
        "W4",
        _wrong_reach(step_of=lambda step, s: step * s),
        "You multiply by a layer's own stride too early. Its kernel lies on the places *before* it, so only the "
        "strides below count; its own counts for the layers above.",
    ),
    Wrong(
        "W4",
        _wrong_reach(step_of=lambda step, s: s),
        "You multiply by a layer's own stride alone. The product of all strides below it counts.",
    ),
    Wrong(
        "W5",
        _wrong_reach(later=lambda step, s: s),
        "You multiply by the stride of the layer below alone: strides multiply, so take the product of all of them.",
    ),
    Wrong(
        "W5",
        _wrong_reach(later=lambda step, s: step + s),
        "You add the strides. Each step of a layer is s steps of the one below, so strides multiply.",
    ),
    Wrong(
        "W5",
        _wrong_reach(later=lambda step, s: step + s - 1),
        "You add the strides. Each step of a layer is s steps of the one below, so strides multiply.",
    ),
    Wrong(
        "W6",
        _widened,
        "(size − 1) · s + k is the rule for walking from the top layer down to the pixels. You walk up: there a layer "
        "adds (k − 1) · (product of the strides below it).",
    ),
    Wrong(
        "W7", lambda layers: np.cumprod([k for k, _ in layers]), "You multiply the kernels. Side by side they add up."
    ),
    Wrong(
        "W9",
        lambda layers: np.concatenate([[1], _reach(layers)]),
        "Your list begins with the 1 of the picture itself; return one number for each layer, after it.",
    ),
    Wrong("W8", _steps, "These are the distances between neighbouring places. The reach is how many pixels one sees."),
    Wrong(
        "W4",
        lambda layers: _by_one_step(layers, lambda L: L),
        "You multiply every layer by the product of *all* strides; only those below a layer count for it.",
    ),
)


def _reach_probe():
    return ([(5, 2), (4, 1), (3, 3), (2, 2), (6, 1)],)


def _other_reach_probe():
    return ([(4, 3), (7, 1), (2, 4), (5, 2)],)


def _reach_by_hand(arguments, output, index):
    (layers,), place = arguments, index[0]
    k, _ = layers[place]
    below = [s for _, s in layers[:place]]
    before = int(_reach(layers[:place])[-1]) if place else 1
    step = math.prod(below)
    product = " · ".join(map(str, below)) or "nothing"
    return (
        f"By hand: below layer {place} a place sees {before} and strides multiply to {step} ({product}); a kernel of "
        f"{k} adds {k - 1} · {step}: {before + (k - 1) * step}."
    )


# ---------------------------------------------------------------------------------------------- two kernels as one


def merge(first, second):
    return _merge(first, second)


def _merge(first, second, place=lambda a, b: (a[0] + b[0], a[1] + b[1]), product=np.matmul, slip=None):
    """One kernel for two. slip: "assign", "mean", "cropped", "too large", or None"""
    (h, w, C), (kh, kw, _, F) = first.shape[:3], second.shape
    shape = h + kh - 1, w + kw - 1
    if slip == "swapped":
        shape = h + kw - 1, w + kh - 1
    if slip == "too large":
        shape = h + kh, w + kw
    merged, count = np.zeros((*shape, C, F), first.dtype), np.zeros((*shape, 1, 1), int)
    for a in np.ndindex(h, w):
        for b in np.ndindex(kh, kw):
            at = place(a, b)
            merged[at] = product(first[a], second[b]) + (0 if slip == "assign" else merged[at])
            count[at] += 1
    if slip == "mean":
        merged /= count
    if slip == "cropped":
        top, left = (kh - 1) // 2, (kw - 1) // 2
        merged = merged[top : top + h, left : left + w]
    return merged


def _mixed_product(a, b):
    return a.sum(axis=1)[:, None] * b.sum(axis=0)


def _wrong_merge(**how):
    return lambda first, second: _merge(first, second, **how)


def _turned(kernel):
    return kernel[::-1, ::-1]


MERGE_WRONG = (
    Wrong(
        "W10",
        lambda first, second: _merge(first, _turned(second)),
        "The second kernel is turned over. Both layers are cross-correlations: tap a of the first and tap b of the "
        "second meet at offset a + b.",
    ),
    Wrong(
        "W10",
        lambda first, second: _merge(_turned(first), second),
        "The first kernel is turned over. Both layers are cross-correlations: tap a of the first and tap b of the "
        "second meet at offset a + b.",
    ),
    Wrong(
        "W10", lambda first, second: _turned(_merge(first, second)), "Your kernel is turned over in both directions."
    ),
    Wrong("W10", lambda first, second: _merge(first, second[::-1]), "The rows of the second kernel are turned over."),
    Wrong(
        "W10", lambda first, second: _merge(first, second[:, ::-1]), "The columns of the second kernel are turned over."
    ),
    Wrong(
        "W11",
        _wrong_merge(slip="assign"),
        "Several pairs of taps meet at one offset. They add up; yours keeps the last.",
    ),
    Wrong("W11", _wrong_merge(slip="mean"), "Pairs of taps that meet at one offset add up; you take their mean."),
    Wrong(
        "W12",
        _wrong_merge(product=_mixed_product),
        "You sum over the middle channels in each kernel before you multiply. A middle channel that the first kernel "
        "fills is read by the same channel of the second: Σ over m of first[…, m] · second[m, …], a matrix product.",
    ),
    Wrong(
        "W13",
        _wrong_merge(slip="cropped"),
        "Your kernel is only as large as the first. Two layers see further: kh + kh' − 1 rows, kw + kw' − 1 columns.",
    ),
    Wrong(
        "W13",
        _wrong_merge(slip="too large"),
        "Your kernel has a row and a column of zeros too many: kh + kh' − 1 rows, for the two share one tap.",
    ),
    Wrong(
        "W14",
        _wrong_merge(slip="swapped", place=lambda a, b: (a[0] + b[1], a[1] + b[0])),
        "Rows of one kernel are added to columns of the other: rows go with rows.",
    ),
)


def _kernels(seed, first, second):
    def probe():
        rng = np.random.default_rng(seed)
        return rng.standard_normal(first), rng.standard_normal(second)

    return probe


def _merge_by_hand(arguments, output, index):
    first, second = arguments
    i, j, c, f = index
    pairs = [
        (a, b)
        for a in np.ndindex(first.shape[:2])
        for b in np.ndindex(second.shape[:2])
        if (a[0] + b[0], a[1] + b[1]) == (i, j)
    ]
    a, b = pairs[0]
    value = sum(first[a][c] @ second[b][:, f] for a, b in pairs)
    return (
        f"By hand: {len(pairs)} pair{'s' * (len(pairs) > 1)} of taps meet at offset ({i}, {j}), the first of them "
        f"first[{a[0]}, {a[1]}] and second[{b[0]}, {b[1]}]; summed over {first.shape[3]} middle channels and all "
        f"pairs: {value:.6g}."
    )


# ---------------------------------------------------------------------------------------------- weights and work


def stack_cost(H, W, C, k, n):
    return _cost(H, W, C, k, n)


def _cost(H, W, C, k, n, area=lambda k: k * k, pairs=lambda C: C * C, places=lambda H, W, k: H * W, layers=lambda n: n):
    weights = layers(n) * area(k) * pairs(C)
    return weights, weights * places(H, W, k)


def _wrong_cost(**how):
    return lambda *arguments: _cost(*arguments, **how)


def _with_biases(H, W, C, k, n):
    weights, work = _cost(H, W, C, k, n)
    return weights + n * C, work


def _work_with_biases(H, W, C, k, n):
    weights, work = _cost(H, W, C, k, n)
    return weights + n * C, work + n * C * H * W


def _shrinking(H, W, C, k, n):
    sides = [(H - (i + 1) * (k - 1), W - (i + 1) * (k - 1)) for i in range(n)]
    return n * k * k * C * C, sum(h * w for h, w in sides) * k * k * C * C


COST_WRONG = (
    Wrong("W20", _wrong_cost(area=lambda k: k), "A kernel has k² taps, not k: it is k wide *and* k high."),
    Wrong(
        "W21",
        _wrong_cost(pairs=lambda C: C),
        "That is one kernel. There are C of them, one for each channel that comes out, and each reads C channels: C².",
    ),
    Wrong("W22", _wrong_cost(layers=lambda n: 1), "That is one layer: all n have weights, and all n compute."),
    Wrong("W22", _wrong_cost(layers=lambda n: n * n), "n layers cost n times as much as one, not n² times."),
    Wrong(
        "W23",
        _wrong_cost(places=lambda H, W, k: (H - k + 1) * (W - k + 1)),
        "The layers are padded, so that a kernel lies on all H · W places, not on (H − k + 1) · (W − k + 1).",
    ),
    Wrong("W23", _shrinking, "The layers are padded: the maps keep H rows and W columns from layer to layer."),
    Wrong(
        "W24",
        _wrong_cost(places=lambda H, W, k: 1),
        "Weights are learned once but multiplied at every place: work = weights · H · W.",
    ),
    Wrong("W24", _wrong_cost(places=lambda H, W, k: H), "You count one column of places: there are H · W."),
    Wrong("W24", _wrong_cost(places=lambda H, W, k: W), "You count one row of places: there are H · W."),
    Wrong("W25", _with_biases, "Leave the biases out, as the paper does when it compares 27 C² with 49 C²."),
    Wrong("W25", _work_with_biases, "Leave the biases out of both: they are C in each layer, next to nothing."),
    Wrong(
        "W26",
        lambda H, W, C, k, n: _cost(H, W, C, n * (k - 1) + 1, 1),
        "That is the one kernel that reaches as far. Count the n small ones.",
    ),
)


def _cost_by_hand(arguments, output, index):
    H, W, C, k, n = arguments
    weights, work = _cost(*arguments)
    if output == "weights":
        return f"By hand: {n} layers · {k}² taps · {C} in · {C} out = {weights:,}."
    return f"By hand: {weights:,} weights · {H} · {W} places = {work:,}."


# ---------------------------------------------------------------------------------------------- memory


def kept(N, side, stages, size):
    return _kept(N, side, stages, size)


def _kept(
    N,
    side,
    stages,
    size,
    convolutions=lambda stage: list(stage),
    pooled=1,
    winner=1,
    rule=None,
    area=lambda side: side * side,
    half=lambda side: side // 2,
):
    """Bytes. Each keyword is a way to get it wrong; rule: "begins halved", "never halved" or None"""
    total = 0
    for stage in stages:
        if rule == "begins halved":
            side = half(side)
        total += area(side) * sum(convolutions(stage)) * size
        total += area(half(side)) * stage[-1] * (pooled * size + winner)
        if rule is None:
            side = half(side)
    return N * total


def _wrong_kept(**how):
    return lambda *arguments: _kept(*arguments, **how)


def _inputs_kept(N, side, stages, size):
    """The input of each convolution in place of its output; the last pooling's output is right."""
    total, C = 0, 3
    for stage in stages:
        for kernels in stage:
            total += side * side * C * size
            C = kernels
        side //= 2
        total += side * side * C * (size + 1)
    return N * total


KEPT_WRONG = (
    Wrong(
        "W30",
        _wrong_kept(convolutions=lambda stage: [stage[-1]]),
        "You count one convolution in each stage. *Every* one has an output that backward needs.",
    ),
    Wrong(
        "W30",
        _wrong_kept(convolutions=lambda stage: [stage[0]] * len(stage)),
        "You take the first convolution's channels for the whole stage; each has its own.",
    ),
    Wrong(
        "W30",
        _wrong_kept(convolutions=lambda stage: [1] * len(stage)),
        "The channels are missing: each convolution keeps side · side · (its kernels) numbers.",
    ),
    Wrong(
        "W31", _wrong_kept(pooled=0, winner=0), "You leave the poolings out: they keep their output, and the winners."
    ),
    Wrong("W31", _wrong_kept(winner=0), "The winners are missing: one byte for each number that a pooling gives."),
    Wrong("W31", _wrong_kept(pooled=0), "The poolings' output is missing: the next convolution needs it as its input."),
    Wrong(
        "W31",
        lambda N, side, stages, size: _kept(N, side, stages, size, winner=size),
        "A winner is a place in a window of four, for which one byte is enough; you count `size` bytes for it.",
    ),
    Wrong(
        "W32",
        _wrong_kept(rule="never halved"),
        "The side never shrinks: the pooling at the end of each stage halves it for the next.",
    ),
    Wrong(
        "W32",
        _wrong_kept(rule="begins halved"),
        "You halve the side before the stage. Its convolutions still have the whole side; the pooling comes last.",
    ),
    Wrong(
        "W32",
        _wrong_kept(rule="never halved", pooled=0, winner=0),
        "You leave the poolings out. Each keeps its output and its winners, and halves the side for the next stage.",
    ),
    Wrong("W36", _wrong_kept(half=lambda side: side / 2), "There are no half pixels: a pooling rounds the side down."),
    Wrong(
        "W36", _wrong_kept(half=lambda side: -(-side // 2)), "You round the halved side up; a pooling rounds it down."
    ),
    Wrong("W33", lambda N, *rest: _kept(1, *rest), "That is for one picture; the batch has N."),
    Wrong(
        "W33",
        lambda N, side, stages, size: _kept(N, side, stages, 1),
        "That is the count of numbers; each takes `size` bytes.",
    ),
    Wrong("W34", _wrong_kept(area=lambda side: side), "You count one row of places: there are side · side."),
    Wrong(
        "W35",
        _inputs_kept,
        "You count what goes into each convolution, the picture included. Count what comes out of it, after its ReLU.",
    ),
)


def _kept_by_hand(arguments, output, index):
    N, side, stages, size = arguments
    stage, half = stages[0], side // 2
    whole, pooled = side * side * sum(stage), half * half * stage[-1]
    return (
        f"By hand, the first stage of one picture: {side}² · ({' + '.join(map(str, stage))}) = {whole:,} numbers of "
        f"{size} bytes; its pooling {half}² · {stage[-1]} = {pooled:,} of {size} + 1. All stages, {N} pictures: "
        f"{_kept(*arguments):,}."
    )


# ---------------------------------------------------------------------------------------------- one stage


def stage(x, kernels, biases):
    return _stage(x, kernels, biases)


def _max_pool(x, size=2, step=2):
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::step, ::step]
    return windows.max(axis=(4, 5))


def _relu(x):
    return np.maximum(x, 0)


def _stage(x, kernels, biases, conv=conv3x3, relu=lambda i, L: True, pool=_max_pool, last=lambda y: y):
    """Each keyword is a way to get it wrong. relu: whether one follows convolution i of L"""
    for i, (kernel, bias) in enumerate(zip(kernels, biases)):
        x = conv(x, kernel, bias)
        x = _relu(x) if relu(i, len(kernels)) else x
    return last(pool(x))


def _wrong_stage(**how):
    return lambda *arguments: _stage(*arguments, **how)


def _bias_after_relu(x, kernels, biases):
    for kernel, bias in zip(kernels, biases):
        x = _relu(conv3x3(x, kernel, 0 * bias)) + bias
    return _max_pool(x)


def _unpadded(x, kernel, bias):
    return conv3x3(x, kernel, bias)[:, 1:-1, 1:-1]


def _pooled_each(x, kernels, biases):
    for kernel, bias in zip(kernels, biases):
        x = _max_pool(_relu(conv3x3(x, kernel, bias)))
    return x


def _pooled_first(x, kernels, biases):
    return _stage(_max_pool(x), kernels, biases, pool=lambda y: y)


def _pooled_before_last(x, kernels, biases):
    y = _stage(x, kernels[:-1], biases[:-1])
    return _relu(conv3x3(y, kernels[-1], biases[-1]))


def _mean_pool(x):
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(1, 2))[:, ::2, ::2]
    return windows.mean(axis=(4, 5))


def _ceil_pool(x):
    H, W = x.shape[1:3]
    return _max_pool(np.pad(x, ((0, 0), (0, H % 2), (0, W % 2), (0, 0))))


STAGE_WRONG = (
    Wrong(
        "W40",
        _wrong_stage(relu=lambda i, L: False),
        "There is no ReLU: then the whole stack is one linear layer, as `merge` has shown.",
    ),
    Wrong(
        "W40",
        _wrong_stage(relu=lambda i, L: i == L - 1),
        "There is one ReLU, at the end. One belongs behind *every* convolution: between them it is what makes a stack "
        "more than one large kernel.",
    ),
    Wrong(
        "W40",
        _wrong_stage(relu=lambda i, L: i < L - 1),
        "The last convolution has no ReLU: negative numbers leave the stage.",
    ),
    Wrong("W40", _wrong_stage(relu=lambda i, L: i == 0), "Only the first convolution has a ReLU; each needs its own."),
    Wrong("W41", _bias_after_relu, "You add the bias after the ReLU. It belongs to the convolution, before it."),
    Wrong("W41", lambda x, kernels, biases: _stage(x, kernels, [0 * b for b in biases]), "The biases are missing."),
    Wrong(
        "W42",
        _wrong_stage(conv=_unpadded),
        "Your convolutions lose a border. VGG's are padded by 1, so that each keeps the side.",
    ),
    Wrong("W43", _wrong_stage(pool=lambda x: x), "The pooling at the end is missing: 2×2 windows, side by side."),
    Wrong("W43", _pooled_each, "You pool after each convolution. A stage has one pooling, at its end."),
    Wrong("W43", _pooled_first, "You pool before the convolutions; a stage ends with the pooling."),
    Wrong("W43", _pooled_before_last, "You pool before the last convolution; a stage ends with the pooling."),
    Wrong("W44", _wrong_stage(pool=_mean_pool), "You pool by the mean. VGG takes the largest of the four."),
    Wrong(
        "W44",
        _wrong_stage(pool=lambda x: x[:, : x.shape[1] // 2 * 2 : 2, : x.shape[2] // 2 * 2 : 2]),
        "You keep the upper left of each four numbers; pooling keeps the largest.",
    ),
    Wrong(
        "W44",
        _wrong_stage(pool=lambda x: _max_pool(x, 3, 2)),
        "Your windows are 3×3 and overlap, as AlexNet's did. VGG's are 2×2, side by side.",
    ),
    Wrong("W44", _wrong_stage(pool=_ceil_pool), "A row or column that fills no whole window is left over: round down."),
)


def _stage_probe(seed, shape, filters):
    def probe():
        rng = np.random.default_rng(seed)
        widths = [shape[3], *filters]
        kernels = [rng.standard_normal((3, 3, a, b)) / np.sqrt(4.5 * a) for a, b in zip(widths, filters)]
        return rng.standard_normal(shape), kernels, [0.4 * rng.standard_normal(b) for b in filters]

    return probe


def _stage_by_hand(arguments, output, index):
    x, kernels, biases = arguments
    n, i, j, c = index
    for kernel, bias in zip(kernels, biases):
        x = _relu(conv3x3(x, kernel, bias))
    four = x[n, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c].ravel()
    return (
        f"By hand: after {len(kernels)} convolutions, each with its ReLU, the window holds "
        f"{', '.join(f'{v:.4g}' for v in four)}; the largest is {four.max():.6g}."
    )


# ---------------------------------------------------------------------------------------------- the whole net


def vgg_table(side, stages, units):
    return _table(side, stages, units)


def _table(
    side,
    stages,
    units,
    bias=1,
    fan_in=lambda side, C: side * side * C,
    halved="after the stage",
    half=lambda side: side // 2,
):
    """(outputs, parameters, work). Each keyword is a way to get it wrong.

    halved: "after the stage", "before the stage", "after each convolution" or "never"
    """
    outputs, parameters, work, C = [], [], [], 3
    for stage in stages:
        side = half(side) if halved == "before the stage" else side
        for kernels in stage:
            outputs.append((side, side, kernels))
            parameters.append(K * K * C * kernels + bias * kernels)
            work.append(side * side * K * K * C * kernels)
            C = kernels
            side = half(side) if halved == "after each convolution" else side
        side = half(side) if halved == "after the stage" else side
    n = fan_in(side, C)
    for out in units:
        outputs.append((1, 1, out))
        parameters.append(n * out + bias * out)
        work.append(n * out)
        n = out
    return np.array(outputs), np.array(parameters), np.array(work)


def _wrong_table(**how):
    return lambda *arguments: _table(*arguments, **how)


def _with(part, change):
    """One of the three outputs changed. change: (table, arguments) → that output"""

    def wrong(*arguments):
        table = list(_table(*arguments))
        table[part] = change(table, arguments)
        return tuple(table)

    return wrong


def _convolutions(stages):
    return sum(map(len, stages))


def _unpooled(side, stages, units):
    """fc6 reads the last stage before its pooling."""
    fed = stages[-1][-1]
    last = _table(side, stages, units)[0][_convolutions(stages) - 1, 0]
    return _table(side, stages, units, fan_in=lambda s, C: last * last * fed)


def _three_channels_in(side, stages, units):
    outputs, parameters, work = _table(side, stages, units)
    place = 0
    for stage in stages:
        H, _, kernels = outputs[place]
        parameters[place], work[place] = 28 * kernels, H * H * 27 * kernels
        place += len(stage)
    return outputs, parameters, work


def _as_wide_as_it_comes(side, stages, units):
    """Each convolution's weights as if its input had as many channels as its output."""
    outputs, parameters, work = _table(side, stages, units)
    for i in range(_convolutions(stages)):
        H, _, kernels = outputs[i]
        parameters[i], work[i] = 9 * kernels * kernels + kernels, H * H * 9 * kernels * kernels
    return outputs, parameters, work


def _pooled_shapes(table, arguments):
    outputs, (_, stages, _) = table[0].copy(), arguments
    ends = np.cumsum([len(stage) for stage in stages]) - 1
    outputs[ends, :2] //= 2
    return outputs


TABLE_WRONG = (
    Wrong("W50", _unpooled, "fc6 reads the last stage *after* its pooling, which halves the side once more."),
    Wrong(
        "W50",
        _wrong_table(fan_in=lambda side, C: C),
        "fc6 reads every place of the last map, side · side · channels numbers, not only the channels.",
    ),
    Wrong(
        "W50",
        _wrong_table(fan_in=lambda side, C: side * C),
        "fc6 reads every place of the last map, side · side · channels numbers; you count one row.",
    ),
    Wrong(
        "W51",
        _wrong_table(halved="after each convolution"),
        "You pool after each convolution. A stage has one pooling, at its end.",
    ),
    Wrong("W51", _wrong_table(halved="never"), "The poolings are missing: each stage ends by halving the side."),
    Wrong(
        "W51",
        _wrong_table(halved="before the stage"),
        "You halve the side before the stage; its convolutions still have the whole side.",
    ),
    Wrong("W56", _wrong_table(half=lambda side: side / 2), "There are no half pixels: a pooling rounds the side down."),
    Wrong(
        "W56", _wrong_table(half=lambda side: -(-side // 2)), "You round the halved side up; a pooling rounds it down."
    ),
    Wrong(
        "W52",
        _with(0, _pooled_shapes),
        "The last convolution of a stage is listed with the size after the pooling; give the size before it.",
    ),
    Wrong(
        "W53", _with(1, lambda table, a: _table(*a, bias=0)[1]), "The biases are missing, one for each kernel or unit."
    ),
    Wrong(
        "W54",
        _with(2, lambda table, a: table[1]),
        "Your work is the parameters again. A convolution's weights are multiplied at every place, biases at none.",
    ),
    Wrong(
        "W54",
        _with(2, lambda table, a: table[1] * table[0][:, 0] * table[0][:, 1]),
        "You count the biases in the work; multiply-adds come from the weights alone.",
    ),
    Wrong(
        "W54",
        _with(2, lambda table, a: _table(*a, bias=0)[1]),
        "The places are missing from the work: a convolution's weights are multiplied at side · side places.",
    ),
    Wrong(
        "W54",
        _with(2, lambda table, a: _table(*a, bias=0)[1] * table[0][:, 0]),
        "Your work counts the places of one row: there are side · side.",
    ),
    Wrong(
        "W55",
        _three_channels_in,
        "Each stage begins with 3 channels again; only the first does, the others continue with the last stage's.",
    ),
    Wrong(
        "W55",
        _as_wide_as_it_comes,
        "Your kernels are as deep as the layer has kernels. They are as deep as the layer *below* has.",
    ),
)


def _table_by_hand(arguments, output, index):
    side, stages, units = arguments
    outputs, parameters, work = _table(*arguments)
    place, many = index[0], _convolutions(stages)
    if place >= many:
        out = units[place - many]
        n = (int(parameters[place]) - out) // out
        return f"By hand: fully connected, {n:,} in, {out} out: {n:,} · {out} weights and {out} biases."
    kernels = [k for stage in stages for k in stage]
    C, here = ([3, *kernels])[place], int(outputs[place, 0])
    return (
        f"By hand: convolution {place} has {here}·{here} places, {C} channels in, {kernels[place]} out: 9 · {C} · "
        f"{kernels[place]} weights and {kernels[place]} biases."
    )


# ---------------------------------------------------------------------------------------------- the signal


def expected_sizes(rms, shapes, stds):
    return _expected(rms, shapes, stds)


def _expected(rms, shapes, stds, fan=lambda s: math.prod(s[:-1]), half=0.5, power=0.5, of=lambda std: std, grow=None):
    """Each keyword is a way to get it wrong. grow: (size, factor) → the next size"""
    sizes, size = [], rms
    for shape, std in zip(shapes, stds):
        factor = of(std) * (half * fan(shape)) ** power
        size = grow(size, factor) if grow else size * factor
        sizes.append(size)
    return np.array(sizes)


def _wrong_sizes(**how):
    return lambda *arguments: _expected(*arguments, **how)


SIZES_WRONG = (
    Wrong(
        "W60",
        _wrong_sizes(half=1),
        "The ReLU is missing: it sets half of the numbers to 0, and with them half of the mean square.",
    ),
    Wrong("W60", _wrong_sizes(half=0.25), "The ReLU halves the mean *square*, so the root mean square falls by √½."),
    Wrong(
        "W61",
        _wrong_sizes(fan=lambda s: s[-2]),
        "You count the channels. Each sum has a product for every *tap* of the kernel too: kh · kw · channels.",
    ),
    Wrong(
        "W61",
        _wrong_sizes(fan=lambda s: math.prod(s[:-2]) * s[-1]),
        "You count the numbers that come out. A sum has as many products as there are numbers going *in*: all axes of "
        "the weight but the last.",
    ),
    Wrong(
        "W61",
        _wrong_sizes(fan=math.prod),
        "You count all weights of the layer. One sum has kh · kw · in products, without the axis of what comes out.",
    ),
    Wrong(
        "W62",
        _wrong_sizes(power=1),
        "The root is missing. Variances add up: n products have n times the variance, and √n times the size.",
    ),
    Wrong("W62", _wrong_sizes(of=lambda std: std**2), "You multiply by the variance; the size grows with std itself."),
    Wrong("W62", _wrong_sizes(of=lambda std: std**0.5), "std is the standard deviation already: take no root of it."),
    Wrong(
        "W62",
        lambda rms, *rest: _expected(rms**2, *rest, of=lambda std: std**2, power=1),
        "These are mean squares; take their roots.",
    ),
    Wrong(
        "W63",
        _wrong_sizes(grow=lambda size, factor: factor),
        "These are the factors. Multiply them up, beginning with rms: what a layer gives is what the next one gets.",
    ),
    Wrong("W63", lambda rms, *rest: _expected(1.0, *rest), "Your signal begins with size 1; it begins with rms."),
    Wrong(
        "W63",
        lambda rms, shapes, stds: rms * _expected(1.0, shapes, stds, grow=lambda size, factor: factor),
        "Each layer of yours gets the input itself. It gets what the layer before gives: multiply the factors up.",
    ),
    Wrong(
        "W63",
        _wrong_sizes(grow=lambda size, factor: size + factor),
        "You add the factors; a layer *multiplies* the size.",
    ),
    Wrong(
        "W64",
        lambda rms, shapes, stds: np.concatenate([[rms], _expected(rms, shapes, stds)[:-1]]),
        "Your entry l is what goes into layer l; return what comes out of it.",
    ),
)


def _sizes_probe():
    return 3.0, [(3, 3, 5, 8), (5, 2, 8, 6), (42, 7), (7, 4)], [0.2, 0.05, 0.11, 0.4]


def _other_sizes_probe():
    return 0.7, [(2, 3, 4, 11), (11, 9), (9, 13)], [0.3, 0.6, 0.08]


def _sizes_by_hand(arguments, output, index):
    rms, shapes, stds = arguments
    place = index[0]
    shape, before = shapes[place], ([rms, *_expected(*arguments)])[place]
    n = math.prod(shape[:-1])
    return (
        f"By hand: layer {place} gets {before:.6g}; each sum has {' · '.join(map(str, shape[:-1]))} = {n} products: "
        f"{before:.6g} · {stds[place]} · √({n} / 2) = {before * stds[place] * math.sqrt(n / 2):.6g}."
    )


LESSON = Lesson(
    "18",
    "Small kernels, many of them",
    60,
    30,
    (
        Exercise(
            "18-reach",
            "reach",
            reach,
            (_reach_probe, _other_reach_probe),
            ("sizes",),
            axes={"sizes": ("layer",)},
            wrong=REACH_WRONG,
            by_hand=_reach_by_hand,
            properties=(case("for one layer", reach, lambda: ([(4, 3)],), ("sizes",)),),
            hints=(
                "Two 3×3 kernels, one on the other: how many pixels of a row do they see? And if the lower one steps "
                "by 2, how far apart are the three places that the upper one reads?",
                "size ← size + (k − 1) · step, then step ← step · s; before the first layer both are 1",
                "for k, s in layers: size += (k - 1) * step; step *= s; sizes.append(size)",
            ),
        ),
        Exercise(
            "18-merge",
            "merge",
            merge,
            (_kernels(1, (3, 2, 4, 5), (2, 4, 5, 3)), _kernels(2, (2, 3, 3, 2), (4, 3, 2, 6))),
            ("kernel",),
            axes={"kernel": ("row", "column", "channel in", "channel out")},
            wrong=MERGE_WRONG,
            by_hand=_merge_by_hand,
            properties=(case("for 1×1 kernels", merge, _kernels(3, (1, 1, 3, 2), (1, 1, 2, 4)), ("kernel",)),),
            hints=(
                "The upper kernel's tap b reads the middle map b places on, and there the lower kernel's tap a reads "
                "the picture a places further on. Where in the picture does that end, and which numbers multiply?",
                "merged[a + b] = Σ over all such a, b of first[a] · second[b], where · is the matrix product over the "
                "middle channels",
                "merged[i + k, j + l] += first[i, j] @ second[k, l]",
            ),
        ),
        Exercise(
            "18-cost",
            "stack_cost",
            stack_cost,
            (lambda: (13, 11, 6, 5, 4), lambda: (9, 17, 10, 3, 2)),
            ("weights", "work"),
            wrong=COST_WRONG,
            by_hand=_cost_by_hand,
            ratios=((2, "Twice too much: count a multiplication and its addition as *one* multiply-add."),),
            properties=(case("for large layers", stack_cost, lambda: (224, 220, 512, 3, 5), ("weights", "work")),),
            hints=(
                "How many numbers does one kernel hold, if it reads C channels? How many kernels make C channels? And "
                "how often is each of these numbers multiplied?",
                "weights = n · k² · C²;  work = weights · H · W",
                "weights = n * k * k * C * C; return weights, weights * H * W",
            ),
        ),
        Exercise(
            "18-memory",
            "kept",
            kept,
            (lambda: (5, 22, ((7, 6), (9, 8, 11)), 4), lambda: (3, 28, ((4, 9), (5, 12), (10, 13)), 8)),
            ("bytes",),
            wrong=KEPT_WRONG,
            by_hand=_kept_by_hand,
            properties=(case("for a side that is odd", kept, lambda: (2, 15, ((3, 4), (5,)), 4), ("bytes",)),),
            hints=(
                "Which arrays does backward need from a stage of two convolutions? Two of them have the stage's side. "
                "And what has the pooling's?",
                "N · Σ over stages of [side² · (all kernels of the stage) · size + (side/2)² · (its last kernels) · "
                "(size + 1)], and the side is halved from stage to stage",
                "total += side**2 * sum(stage) * size; side //= 2; total += side**2 * stage[-1] * (size + 1)",
            ),
        ),
        Exercise(
            "18-stage",
            "stage",
            stage,
            (_stage_probe(4, (2, 13, 10, 3), (5, 4, 6)), _stage_probe(5, (2, 8, 9, 4), (3, 5))),
            ("y",),
            wrong=STAGE_WRONG,
            by_hand=_stage_by_hand,
            properties=(
                case("for one picture and one convolution", stage, _stage_probe(6, (1, 6, 8, 3), (4,))),
                case("for four convolutions", stage, _stage_probe(7, (2, 4, 6, 3), (4, 4, 4, 4))),
            ),
            hints=(
                "What follows each convolution? And what follows only the last?",
                "for each kernel: x ← max(conv3x3(x, kernel, bias), 0);  then the largest of each 2×2 window, without "
                "a row or column that is left over",
                "for kernel, bias in zip(kernels, biases): x = np.maximum(conv3x3(x, kernel, bias), 0)   and for the "
                "windows of an even side: x.reshape(N, H // 2, 2, W // 2, 2, C).max(axis=(2, 4))",
            ),
        ),
        Exercise(
            "18-vgg",
            "vgg_table",
            vgg_table,
            (lambda: (44, ((7, 6), (9, 8, 11)), (17, 13, 5)), lambda: (54, ((4,), (5, 12), (10, 15)), (19, 8))),
            ("outputs", "parameters", "work"),
            axes={"outputs": ("layer", "axis"), "parameters": ("layer",), "work": ("layer",)},
            wrong=TABLE_WRONG,
            by_hand=_table_by_hand,
            properties=(
                case(
                    "for a large net",
                    vgg_table,
                    lambda: (448, ((64,), (512, 1024), (1024,)), (8192, 1000)),
                    ("outputs", "parameters", "work"),
                ),
            ),
            hints=(
                "What changes from layer to layer: the side, the channels, both? When does the side change, and what "
                "does the first fully connected layer see of the last map?",
                "convolution: 9 · in · out weights, `out` biases, weights · side² multiply-adds; fully connected: in · "
                "units, and the first has side² · channels in, after the last pooling",
                "for stage in stages: for out in stage: add a row, C = out;   after each stage: side //= 2;   then n = "
                "side * side * C for the fully connected ones",
            ),
        ),
        Exercise(
            "18-signal",
            "expected_sizes",
            expected_sizes,
            (_sizes_probe, _other_sizes_probe),
            ("sizes",),
            axes={"sizes": ("layer",)},
            wrong=SIZES_WRONG,
            by_hand=_sizes_by_hand,
            properties=(
                case("for thirty layers", expected_sizes, lambda: (2.0, [(3, 3, 8, 8)] * 30, [0.01] * 30), ("sizes",)),
            ),
            hints=(
                "n numbers of size r are multiplied by n random weights, independent and with mean 0, and added up. "
                "What is the variance of the sum? And what does the ReLU leave of it?",
                "size ← size · std · √(n / 2), n = number of products in each sum: all axes of the shape but the last",
                "rms = rms * std * np.sqrt(np.prod(shape[:-1]) / 2); sizes.append(rms)",
            ),
        ),
    ),
    {"conv3x3": conv3x3},
)

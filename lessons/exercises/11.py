"""Lesson 11, two columns: its exercises and the known mistakes.

kernel, stride, padding: pairs (height, width). Group g has the g-th run of the C channels and of the F kernels.
"""

import numpy as np

from tinyalex.layers import Conv2d, Linear, ReLU
from tinyalex.layers.im2col import group_slices
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong


def wiring(C, F, groups):
    _divides(groups, C, F)
    wires = np.zeros((C, F), int)
    for channels, kernels in group_slices(C, F, groups):
        wires[channels, kernels] = 1
    return wires


def _divides(groups, *numbers):
    """ValueError unless all numbers are multiples of groups: what lies beyond is nobody's to check."""
    if any(number % groups for number in numbers):
        raise ValueError(f"found {numbers} for {groups}, expected multiples")


def _layer(x, weight, bias, stride, padding, groups):
    layer = Conv2d(x.shape[3], weight.shape[3], weight.shape[:2], stride, padding, groups, "floor", "im2col")
    layer.params = {"weight": weight, "bias": bias}
    return layer


def forward(x, weight, bias, stride, padding, groups):
    return _layer(x, weight, bias, stride, padding, groups).forward(x)[0]


def one_group_forward(x, weight, bias, stride, padding):
    return forward(x, weight, bias, stride, padding, 1)


def one_group_backward(dy, x, weight, stride, padding):
    return backward(dy, x, weight, stride, padding, 1)


def backward(dy, x, weight, stride, padding, groups):
    layer = _layer(x, weight, np.zeros_like(weight, shape=weight.shape[3]), stride, padding, groups)
    dx, grads = layer.backward(dy, x)
    return dx, grads["weight"], grads["bias"]


def cost(kernel, in_channels, out_channels, groups, out_size):
    (KH, KW), (OH, OW) = kernel, out_size
    _divides(groups, in_channels, out_channels)
    weights = KH * KW * (in_channels // groups) * out_channels
    return weights + out_channels, OH * OW * weights


def head(x, weight1, bias1, weight2, bias2, towers):
    parts = []
    _divides(towers, len(bias1))
    for _, run in group_slices(0, len(bias1), towers):
        first, second = Linear(x.shape[1], run.stop - run.start), Linear(run.stop - run.start, len(bias2))
        first.params = {"weight": weight1[:, run], "bias": bias1[run]}
        second.params = {"weight": weight2[run], "bias": np.zeros_like(bias2)}
        hidden = ReLU().forward(first.forward(x)[0])[0]
        parts.append(second.forward(hidden)[0])
    return sum(parts) + bias2


# ---------------------------------------------------------------------------------------------- probes


def _case(seed, size, C, F, groups, N=2, kernel=(3, 2), stride=(1, 2), padding=(2, 1)):
    rng = np.random.default_rng(seed)
    x, weight = rng.standard_normal((N, *size, C)), rng.standard_normal((*kernel, C // groups, F))
    return x, weight, rng.standard_normal(F), stride, padding, groups


def _two():
    return _case(0, (5, 7), 6, 4, 2)


def _three():
    return _case(1, (4, 5), 12, 9, 3)


def _one():
    return _case(2, (6, 5), 3, 4, 1, N=1, kernel=(2, 3), stride=(2, 1), padding=(0, 2))


def _one_channel_each():
    return _case(3, (7, 4), 4, 8, 4, N=3, kernel=(2, 1), stride=(3, 2), padding=(1, 0))


CASES = _two, _three, _one, _one_channel_each


def _backward_probe(probe, seed):
    def make():
        x, weight, bias, *rest = probe()
        dy = np.random.default_rng(seed).standard_normal(forward(x, weight, bias, *rest).shape)
        return dy, x, weight, *rest

    return make


# (kernel, in_channels, out_channels, groups, out_size). The last two: AlexNet's conv2; more than 32 bits
COSTS = (
    ((3, 2), 12, 8, 4, (5, 7)),
    ((5, 3), 18, 12, 3, (9, 4)),
    ((2, 7), 3, 10, 1, (6, 11)),
    ((1, 4), 6, 6, 6, (3, 2)),
    ((2, 3), 4, 14, 2, (1, 8)),
    ((5, 5), 96, 256, 2, (27, 27)),
    ((3, 5), 510, 1022, 2, (111, 223)),
    ((3, 2), 4, 8, 4, (5, 7)),
)


def _head_probe(seed, N, D, hidden, K, towers):
    def make():
        rng = np.random.default_rng(seed)
        first = rng.standard_normal((D, hidden)), rng.standard_normal(hidden)
        return rng.standard_normal((N, D)), *first, rng.standard_normal((hidden, K)), rng.standard_normal(K), towers

    return make


# ---------------------------------------------------------------------------------------------- wrong on purpose


def _wires(connected):
    def wrong(C, F, groups):
        c, f = np.arange(C)[:, None], np.arange(F)
        return connected(c, f, C, F, groups).astype(int)

    return wrong


WIRING_WRONG = (
    Wrong(
        "C13",
        _wires(lambda c, f, C, F, G: c % G == f % G),
        "You deal channels and kernels out like cards. Group 0 takes the first C/G channels and the first F/G "
        "kernels, not every G-th one.",
    ),
    Wrong(
        "C13",
        _wires(lambda c, f, C, F, G: c % G == f // (F // G)),
        "You deal the channels out like cards. Group 0 takes the first C/G, not every G-th one.",
    ),
    Wrong(
        "C13",
        _wires(lambda c, f, C, F, G: c // (C // G) == f % G),
        "You deal the kernels out like cards. Group 0 takes the first F/G, not every G-th one.",
    ),
    Wrong(
        "C14",
        _wires(lambda c, f, C, F, G: c // (C // G) == G - 1 - f // (F // G)),
        "You cross the groups: kernels of group g see the channels of group g.",
    ),
    Wrong(
        "C37",
        _wires(lambda c, f, C, F, G: c // G == f // G),
        "Your runs are `groups` long. There are `groups` runs: each "
        "holds C // groups channels and F // groups kernels.",
    ),
    Wrong(
        "C38",
        _wires(lambda c, f, C, F, G: c // (C // 2) == f // (F // 2)),
        "You always cut into two groups, whatever groups is.",
    ),
    Wrong("C39", _wires(lambda c, f, C, F, G: (c < C // G) & (f >= 0)), "In yours all kernels see group 0's channels."),
    Wrong("C40", _wires(lambda c, f, C, F, G: (c >= 0) & (f >= 0)), "You connect everything: groups has no effect."),
    Wrong(
        "C40",
        _wires(lambda c, f, C, F, G: c // (C // G) != f // (F // G)),
        "Yours is 1 where there is no wire and 0 where there is one.",
    ),
    Wrong(
        "C7", lambda C, F, groups: wiring(C, F, groups).T, "Rows are the channels, columns the kernels: shape (C, F)."
    ),
    Wrong(
        "C37",
        _wires(lambda c, f, C, F, G: c // (C // G) == f // (C // G)),
        "You cut the kernels into runs as long as the channels'; theirs are F // groups long.",
    ),
)


def _by_groups(read=None, kernels=None, write=None, bias=None):
    """A grouped forward. For each group: channels to read, kernels, maps to write, biases; by default its runs."""

    def wrong(x, weight, bias_, stride, padding, groups):
        (C, F), y = (x.shape[3], weight.shape[3]), None
        for g in range(groups):
            channels, run = _run(g, C, groups), _run(g, F, groups)
            reads, takes, writes, adds = (
                how(g, groups, size) if how else default
                for how, size, default in ((read, C, channels), (kernels, F, run), (write, F, run), (bias, F, run))
            )
            part = forward(x[..., reads], weight[..., takes], bias_[adds], stride, padding, 1)
            y = np.empty((*part.shape[:3], F), part.dtype) if y is None else y
            y[..., writes] = part
        return y

    return wrong


def _run(g, size, groups):
    return slice(g * size // groups, (g + 1) * size // groups)


def _dealt(g, groups, size):
    return slice(g, None, groups)


def _other(g, groups, size):
    return _run(groups - 1 - g, size, groups)


def _next(g, groups, size):
    return _run((g + 1) % groups, size, groups)


def _first(g, groups, size):
    return _run(0, size, groups)


def _sum_of_groups(x, weight, bias, stride, padding, groups):
    y = forward(x, weight, bias, stride, padding, groups)
    return y.reshape(*y.shape[:3], groups, -1).sum(axis=3)


def _all_channels(x, weight, bias, stride, padding, groups):
    return forward(x, np.tile(weight, (1, 1, groups, 1)), bias, stride, padding, 1)


def _all_kernels(x, weight, bias, stride, padding, groups):
    """Each group's channels meet all kernels, with all biases; the results are added up."""
    return _all_channels(x, weight, groups * bias, stride, padding, groups)


def _without_bias(x, weight, bias, stride, padding, groups):
    return forward(x, weight, np.zeros_like(bias), stride, padding, groups)


def _with_biases(times):
    def wrong(x, weight, bias, stride, padding, groups):
        return forward(x, weight, times(groups) * bias, stride, padding, groups)

    return wrong


CARDS = "Group 0 takes the first run of {0}, not every G-th one: cut {0} like a loaf, do not deal them like cards."
CROSSED = "Your group g's kernels meet another group's channels: cut both with the same g."
WRONG_ORDER = "You join the groups' maps in the wrong order: group 0's come first."
FORWARD_WRONG = (
    Wrong("C13", _by_groups(read=_dealt), CARDS.format("the channels")),
    Wrong("C13", _by_groups(kernels=_dealt, bias=_dealt), CARDS.format("the kernels")),
    Wrong("C13", _by_groups(kernels=_dealt), CARDS.format("the kernels")),
    Wrong(
        "C13",
        _by_groups(write=_dealt),
        "You deal the groups' results out over the maps like cards. Group 0's maps come first, then group 1's.",
    ),
    Wrong("C13", _by_groups(_dealt, _dealt, _dealt, _dealt), CARDS.format("the channels and the kernels")),
    Wrong("C13", _by_groups(read=_dealt, write=_dealt), CARDS.format("the channels and the maps")),
    Wrong("C14", _by_groups(read=_other), CROSSED),
    Wrong("C14", _by_groups(read=_next), CROSSED),
    Wrong("C14", _by_groups(write=_other), WRONG_ORDER),
    Wrong("C14", _by_groups(write=_other, bias=_other), WRONG_ORDER),
    Wrong("C39", _by_groups(read=_first), "Every group reads the first group's channels: move the slice of x with g."),
    Wrong(
        "C39",
        _by_groups(kernels=_first),
        "Every group uses the first group's kernels: move the slice of weight's last axis with g.",
    ),
    Wrong(
        "C39",
        _by_groups(kernels=_first, bias=_first),
        "Every group uses the first group's kernels and biases: move their slices with g.",
    ),
    Wrong("C41", _by_groups(bias=_first), "Every group adds the first group's biases: cut bias like the kernels."),
    Wrong(
        "C42",
        _sum_of_groups,
        "You add the groups' maps up; join them side by side along the last axis (np.concatenate).",
    ),
    Wrong(
        "C42",
        _all_kernels,
        "Every group's channels meet all kernels. Cut weight and bias too, with the same g, and join the maps.",
    ),
    Wrong(
        "C40",
        _all_channels,
        "In yours every kernel sees every channel, with its weights repeated. Cut x along its last axis first.",
    ),
    Wrong("C6", _without_bias, "The bias is missing: every map is off by its own constant."),
    Wrong(
        "C6",
        _with_biases(lambda groups: groups),
        "You add the bias once for every group: a map gets its bias once, from its own group.",
    ),
)


def _backward_by_groups(read=None, write=None, maps=None, kernels=None, weights=None):
    """A grouped backward. For each group: channels of x to read and of dx to write, maps of dy, where dweight goes, and
    kernels; by default its runs."""

    def wrong(dy, x, weight, stride, padding, groups):
        dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros_like(weight, shape=weight.shape[3])
        for g in range(groups):
            C, F = x.shape[3], dy.shape[3]
            reads, writes, takes, into, meets = (
                (how or (lambda g, groups, size: _run(g, size, groups)))(g, groups, size)
                for how, size in ((read, C), (write, C), (maps, F), (kernels, F), (weights, F))
            )
            parts = backward(dy[..., takes], x[..., reads], weight[..., meets], stride, padding, 1)
            dx[..., writes], dweight[..., into], dbias[into] = parts
        return dx, dweight, dbias

    return wrong


def _returned(*order):
    return lambda *arguments: tuple(backward(*arguments)[place] for place in order)


def _changed(dx=None, dweight=None, dbias=None):
    """The right gradients, each changed by a function of it and the arguments."""

    def wrong(*arguments):
        parts = backward(*arguments)
        return tuple(how(part, *arguments) if how else part for how, part in zip((dx, dweight, dbias), parts))

    return wrong


def _over_pictures(part, dy, *rest):
    return part / len(dy)


def _last_picture(dy, x, *rest):
    dx = backward(dy, x, *rest)[0]
    return dx, *backward(dy[-1:], x[-1:], *rest)[1:]


def _only_group_0(part, dy, x, weight, stride, padding, groups):
    kept = np.zeros_like(part)
    run = _run(0, part.shape[-1], groups)
    kept[..., run] = part[..., run]
    return kept


def _summed(part, dy, x, weight, stride, padding, groups):
    return part.reshape(*part.shape[:-1], groups, -1).sum(axis=-2)


def _joined_across(part, dy, x, weight, stride, padding, groups):
    return np.concatenate(np.split(part, groups, axis=3), axis=2)


def _bias_mean(part, dy, *rest):
    return dy.mean(axis=(0, 1, 2))


C12 = "You average over the pictures. Gradients add up over the batch; the 1/N belongs to the loss."
OTHER_CHANNELS = "A group's kernels get their gradient from another group's channels: cut x and dy with the same g."
OUT_OF_PLACE = "A gradient stands in another one's place: return dx, dweight, dbias, in this order."
BACKWARD_WRONG = (
    Wrong("C27", _returned(0, 2, 1), OUT_OF_PLACE),
    Wrong("C27", _returned(1, 2, 0), OUT_OF_PLACE),
    Wrong("C27", _returned(1, 0, 2), OUT_OF_PLACE),
    Wrong("C12", _changed(dweight=_over_pictures, dbias=_over_pictures), C12),
    Wrong(
        "C12",
        _changed(dbias=_bias_mean),
        "Your dbias is a mean. The bias is added at every place of "
        "every picture, so its gradient is the sum of dy over them.",
    ),
    Wrong(
        "C12",
        _last_picture,
        "You return the last picture's gradient: a loop overwrites "
        "where it should add. Gradients add up over the batch.",
    ),
    Wrong("C13", _backward_by_groups(read=_dealt, write=_dealt), CARDS.format("the channels")),
    Wrong("C13", _backward_by_groups(write=_dealt), CARDS.format("dx's channels")),
    Wrong("C13", _backward_by_groups(maps=_dealt, kernels=_dealt), CARDS.format("the maps")),
    Wrong(
        "C13", _backward_by_groups(_dealt, _dealt, _dealt, _dealt, _dealt), CARDS.format("channels, maps and kernels")
    ),
    Wrong("C14", _backward_by_groups(read=_other), OTHER_CHANNELS),
    Wrong("C14", _backward_by_groups(read=_next), OTHER_CHANNELS),
    Wrong(
        "C14",
        _backward_by_groups(maps=_other, kernels=_other),
        "Your group g's dy meets another group's kernels: cut dy and weight with the same g.",
    ),
    Wrong(
        "C14",
        _backward_by_groups(maps=_other),
        "Your group g's dy meets another group's kernels and channels: cut all three with the same g.",
    ),
    Wrong(
        "C14",
        _backward_by_groups(write=_other, kernels=_other),
        "You join the groups in the wrong order: group 0's part comes first.",
    ),
    Wrong(
        "C39",
        _changed(_only_group_0, _only_group_0, _only_group_0),
        "You have only group 0's part; the rest is still 0. Look for a "
        "return inside the loop, or a slice that does not move.",
    ),
    Wrong(
        "C42",
        _changed(_summed, _summed, _summed),
        "You add the groups' parts up. They belong to different channels: join them side by side along the last axis.",
    ),
    Wrong(
        "C42",
        _changed(dweight=_joined_across),
        "You join the groups' parts along the axis of input channels. Kernels are on the last axis: join there.",
    ),
)


def _cost(count, parameters=lambda weights, F, G: weights + F, work=lambda weights, F, places: places * weights):
    """Another cost. count: function of (KH · KW, C, F, G) -> weights, for the two others to start from"""

    def wrong(kernel, C, F, groups, out_size):
        (KH, KW), (OH, OW) = kernel, out_size
        weights = count(KH * KW, C, F, groups)
        return parameters(weights, F, groups), work(weights, F, OH * OW)

    return wrong


def _right_count(area, C, F, G):
    return area * (C // G) * F


ONE_GROUP = "That is one group's share: there are `groups` groups. Every kernel sees in_channels / groups channels."


COST_WRONG = (
    Wrong(
        "C40",
        _cost(lambda area, C, F, G: area * C * F),
        "In yours groups change nothing: a kernel sees only in_channels / groups channels.",
    ),
    Wrong("C43", _cost(lambda area, C, F, G: area * (C // G) * (F // G)), ONE_GROUP),
    Wrong(
        "C43",
        _cost(lambda area, C, F, G: area * (C // G) * (F // G), lambda weights, F, G: weights + F // G),
        ONE_GROUP,
    ),
    Wrong("C6", _cost(_right_count, lambda weights, F, G: weights), "The biases are missing: one for each kernel."),
    Wrong(
        "C6",
        _cost(_right_count, lambda weights, F, G: weights + F // G),
        "Every kernel of every group has a bias: out_channels biases in all.",
    ),
    Wrong(
        "C6",
        _cost(_right_count, lambda weights, F, G: weights + G),
        "Count one bias for each kernel, not one for each group.",
    ),
    Wrong(
        "C44",
        _cost(_right_count, work=lambda weights, F, places: weights),
        "Every weight is used at each of the OH · OW places.",
    ),
    Wrong(
        "C44",
        _cost(_right_count, work=lambda weights, F, places: places * (weights + F)),
        "Adding the bias multiplies nothing: count the weights only.",
    ),
    Wrong(
        "C44",
        _cost(_right_count, work=lambda weights, F, places: 2 * places * weights),
        "Count a multiply-add once, not as two operations.",
    ),
    Wrong(
        "C44",
        _cost(_right_count, work=lambda weights, F, places: weights * F * places),
        "You count the kernels twice: the number of weights already includes out_channels.",
    ),
)


def _head(rows=None, relu=None, inputs=None, joined=None, bias1=None, bias2=None):
    def wrong(x, weight1, bias1_, weight2, bias2_, towers):
        hidden, parts = weight1.shape[1], []
        for t in range(towers):
            run, meets = _run(t, hidden, towers), (rows or (lambda t, T, size: _run(t, size, T)))(t, towers, hidden)
            cut = (inputs or (lambda t, T, size: slice(None)))(t, towers, x.shape[1])
            adds = (bias1 or (lambda t, T, size: run))(t, towers, hidden)
            h = (relu or (lambda h: np.maximum(h, 0)))(x[:, cut] @ weight1[cut, run] + bias1_[adds])
            parts.append(h @ weight2[meets])
        return (joined or sum)(parts) + (bias2(towers) if bias2 else 1) * bias2_

    return wrong


def _dealt_columns(x, weight1, bias1, weight2, bias2, towers):
    h = [np.maximum(x @ weight1[:, t::towers] + bias1[t::towers], 0) for t in range(towers)]
    return np.concatenate(h, axis=1) @ weight2 + bias2


def _one_tower(t):
    def wrong(x, weight1, bias1, weight2, bias2, towers):
        run = _run(t % towers, len(bias1), towers)
        return np.maximum(x @ weight1[:, run] + bias1[run], 0) @ weight2[run] + bias2

    return wrong


def _inputs_cut(x, weight1, bias1, weight2, bias2, towers):
    """Each tower multiplies its share of the inputs by all columns of weight1, and applies the ReLU to that."""
    runs = [_run(t, x.shape[1], towers) for t in range(towers)]
    h = sum(np.maximum(x[:, r] @ weight1[r] + bias1, 0) for r in runs)
    return h @ weight2 + bias2


def _side_by_side(finish):
    def wrong(x, weight1, bias1, weight2, bias2, towers):
        runs = [_run(t, len(bias1), towers) for t in range(towers)]
        parts = [np.maximum(x @ weight1[:, r] + bias1[r], 0) @ weight2[r] for r in runs]
        return np.concatenate([finish(part, bias2) for part in parts], axis=1)

    return wrong


OTHER_ROWS = "A tower's hidden units meet another tower's rows of weight2. Row h of weight2 belongs to hidden unit h."
SIDE_BY_SIDE = "You put the towers' parts side by side. All are parts of the same K sums: add them up."
HEAD_WRONG = (
    Wrong(
        "C45",
        _head(bias2=lambda towers: towers),
        "Every tower adds bias2, so the sum holds it several times. Add it once, after the sum over towers.",
    ),
    Wrong("C45", _head(bias2=lambda towers: 0.0), "bias2 is missing: add it once, after the sum over towers."),
    Wrong("C14", _head(rows=lambda t, T, size: _run(T - 1 - t, size, T)), OTHER_ROWS),
    Wrong("C14", _head(rows=lambda t, T, size: _run((t + 1) % T, size, T)), OTHER_ROWS),
    Wrong(
        "C39",
        _head(rows=lambda t, T, size: _run(0, size, T)),
        "Every tower multiplies by the first tower's rows of weight2: move the slice with the tower.",
    ),
    Wrong(
        "C39",
        _head(bias1=lambda t, T, size: _run(0, size, T)),
        "Every tower adds the first tower's entries of bias1: move the slice with the tower.",
    ),
    Wrong(
        "C45",
        lambda x, weight1, bias1, *rest: head(x, weight1, 0 * bias1, *rest),
        "bias1 is missing: each tower adds its entries before the ReLU.",
    ),
    Wrong("C39", _one_tower(0), "Only the first tower's part arrives: is there a return inside the loop?"),
    Wrong(
        "C39",
        _one_tower(-1),
        "Only the last tower's part arrives: each overwrites the one before. Add (+=), do not assign.",
    ),
    Wrong(
        "C13",
        _head(rows=lambda t, T, size: slice(t, None, T)),
        "You deal weight2's rows out like cards, but cut weight1's columns in runs. Cut both in runs.",
    ),
    Wrong("C13", _dealt_columns, "You deal the hidden units out like cards, but not weight2's rows. Cut both in runs."),
    Wrong(
        "C46",
        _head(joined=lambda parts: sum(parts) / len(parts)),
        "You average the towers' parts. Together they are one long sum over all hidden units: add them up.",
    ),
    Wrong("C47", _head(relu=lambda h: h), "The ReLU between the two layers is missing."),
    Wrong(
        "C47",
        _inputs_cut,
        "You cut the inputs, so the ReLU sees a part of each sum. A tower needs all inputs: cut weight1's columns.",
    ),
    Wrong(
        "C40",
        _head(inputs=lambda t, T, size: _run(t, size, T)),
        "Your tower sees only a share of the inputs, as in a grouped "
        "convolution. In the head every hidden unit sees all of x.",
    ),
    Wrong("C42", _side_by_side(lambda part, bias2: part), SIDE_BY_SIDE),
    Wrong("C42", _side_by_side(lambda part, bias2: part + bias2), SIDE_BY_SIDE),
    Wrong("C47", lambda *a: np.maximum(head(*a), 0), "No ReLU follows the last layer: scores may be negative."),
)


# ---------------------------------------------------------------------------------------------- by hand


def _forward_by_hand(arguments, output, index):
    x, weight, bias, stride, padding, groups = arguments
    n, oh, ow, f = index
    g = f // (weight.shape[3] // groups)
    run = _run(g, x.shape[3], groups)
    value = forward(x, weight, bias, stride, padding, groups)[index]
    return (
        f"By hand: kernel {f} is in group {g}, which sees channels {run.start} to {run.stop - 1}; its products over "
        f"these add up to {value - bias[f]:.6g}, its bias is {bias[f]:.6g}: {value:.6g}."
    )


def _backward_by_hand(arguments, output, index):
    dy, x, weight, stride, padding, groups = arguments
    if output == "dbias":
        maps = dy[..., index[0]]
        return f"By hand: the sum of the {maps.size} numbers dy[:, :, :, {index[0]}] is {maps.sum():.6g}."
    size = x.shape[3] if output == "dx" else weight.shape[3]
    g = index[-1] // (size // groups)
    channels, kernels = _run(g, x.shape[3], groups), _run(g, weight.shape[3], groups)
    return (
        f"By hand: this entry is in group {g}: channels {channels.start} to {channels.stop - 1} of x meet kernels "
        f"{kernels.start} to {kernels.stop - 1}; nothing else in x, weight or dy matters."
    )


def _cost_by_hand(arguments, output, index):
    (KH, KW), C, F, groups, (OH, OW) = arguments
    weights = KH * KW * (C // groups) * F
    text = f"By hand: {KH} · {KW} · {C // groups} · {F} = {weights:,} weights"
    return f"{text}; {F} biases." if output == "parameters" else f"{text}, each used at {OH} · {OW} places."


def _head_by_hand(arguments, output, index):
    x, weight1, bias1, weight2, bias2, towers = arguments
    n, k = index
    hidden = np.maximum(x @ weight1 + bias1, 0)
    parts = [hidden[n, r] @ weight2[r, k] for r in (_run(t, len(bias1), towers) for t in range(towers))]
    words = " + ".join(f"{p:.4g}" for p in parts)
    return f"By hand: the towers' parts are {words}, the bias is {bias2[k]:.4g}; together {sum(parts) + bias2[k]:.6g}."


def _keeps_its_results(function):
    x, *rest = _two()
    y = function(x, *rest)
    kept = np.array(y)
    function(-x, *rest)
    return np.array_equal(y, kept)


def _splits(function):
    """Whether 0 towers give something else than the whole product, or an error."""
    *arguments, _ = _head_probe(8, 2, 5, 6, 3, 1)()
    try:
        return not np.allclose(function(*arguments, 0), head(*arguments, 1))
    except Exception:
        return True


LESSON = Lesson(
    "11",
    "Two columns: grouped convolution",
    45,
    20,
    (
        Exercise(
            "11-wiring",
            "wiring",
            wiring,
            tuple(lambda sizes=sizes: sizes for sizes in ((6, 4, 2), (12, 6, 3), (4, 12, 4), (4, 6, 1), (6, 6, 6))),
            ("wires",),
            axes={"wires": ("channel", "kernel")},
            wrong=WIRING_WRONG,
            properties=(
                case("for hundreds of channels", wiring, lambda: (300, 600, 2), ("wires",)),
                case("for a hundred groups", wiring, lambda: (100, 200, 100), ("wires",)),
            ),
            hints=(
                "With 6 channels, 4 kernels and 2 groups: which channels does kernel 1 see, and which kernel 2?",
                "wires[c, f] = 1 where c // (C // groups) = f // (F // groups), else 0",
                "wires[g * C // groups : (g + 1) * C // groups, g * F // "
                "groups : (g + 1) * F // groups] = 1, for each g",
            ),
        ),
        Exercise(
            "11-forward",
            "grouped_forward",
            forward,
            CASES,
            ("y",),
            wrong=FORWARD_WRONG,
            by_hand=_forward_by_hand,
            properties=(
                Property(
                    "C15",
                    _keeps_its_results,
                    "A second call changed the result of the first: both "
                    "are the same array. Make a new one in each call.",
                ),
            ),
            hints=(
                "weight is (KH, KW, C/G, F). Which of its axes is already "
                "as short as one group, and which must you still cut?",
                "y[..., F_g] = conv(x[..., C_g], weight[..., F_g], bias[F_g]), with C_g and F_g the g-th runs of "
                "channels and kernels",
                "np.concatenate([conv_forward(x[..., c], weight[..., f], "
                "bias[f], stride, padding) for c, f in runs], axis=-1)",
            ),
        ),
        Exercise(
            "11-backward",
            "grouped_backward",
            backward,
            tuple(_backward_probe(case, seed) for seed, case in enumerate(CASES, start=2)),
            ("dx", "dweight", "dbias"),
            axes={"dweight": ("row", "column", "channel in", "kernel"), "dbias": ("kernel",)},
            wrong=BACKWARD_WRONG,
            by_hand=_backward_by_hand,
            hints=(
                "Which of x's channels does dy of the last map reach? What does it contribute to dx of the others?",
                "dx[..., C_g], dweight[..., F_g], dbias[F_g] = "
                "conv_backward(dy[..., F_g], x[..., C_g], weight[..., F_g])",
                "parts = [conv_backward(dy[..., f], x[..., c], weight[..., f], stride, padding) for c, f in runs], "
                "each joined on axis -1",
            ),
        ),
        Exercise(
            "11-cost",
            "conv_cost",
            cost,
            tuple(lambda layer=layer: layer for layer in COSTS),
            ("parameters", "multiply_adds"),
            wrong=COST_WRONG,
            by_hand=_cost_by_hand,
            hints=(
                "How many weights has one kernel of a layer with groups? "
                "And how many kernels have all groups together?",
                "weights = KH · KW · (in_channels / groups) · out_channels;  parameters = weights + out_channels;  "
                "multiply-adds = OH · OW · weights",
                "weights = KH * KW * (in_channels // groups) * out_channels",
            ),
        ),
        Exercise(
            "11-head",
            "head_on_towers",
            head,
            (
                _head_probe(14, 3, 5, 8, 7, 2),
                _head_probe(5, 2, 6, 9, 4, 3),
                _head_probe(6, 1, 7, 8, 3, 4),
                _head_probe(7, 4, 3, 6, 5, 1),
            ),
            ("y",),
            axes={"y": ("picture", "class")},
            wrong=HEAD_WRONG,
            by_hand=_head_by_hand,
            properties=(
                Property(
                    "C48",
                    _splits,
                    "The numbers are right, but towers changes nothing. Give each its own hidden units, and add up.",
                    late=True,
                ),
            ),
            hints=(
                "y = h @ weight2 is a sum over hidden units. If a tower holds half of the units, which rows of "
                "weight2 does it need?",
                "h_t = max(0, x · weight1[:, t's] + bias1[t's]);  y = Σ_t h_t · weight2[t's, :] + bias2",
                "y = sum(np.maximum(x @ weight1[:, t] + bias1[t], 0) @ weight2[t] for t in runs) + bias2",
            ),
        ),
    ),
    {"conv_forward": one_group_forward, "conv_backward": one_group_backward},
)

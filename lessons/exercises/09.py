"""Lesson 09, local response normalisation: its exercises and the known mistakes."""

import numpy as np

from tinyalex.layers import LocalResponseNorm
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong

# n = 3, and no constant is 1 or the paper's: this tells every wrong version below from the right one
N_WINDOW, ALPHA, BETA, K = 3, 0.5, 0.6, 1.5


def window_sum(a, n):
    return _sums(a, n)


def forward(x, n, alpha, beta, k):
    return LocalResponseNorm(n, alpha, beta, k).forward(x)[0]


def backward(dy, x, n, alpha, beta, k):
    layer = LocalResponseNorm(n, alpha, beta, k)
    return layer.backward(dy, layer.forward(x)[1])[0]


def _x(seed=0, shape=(2, 2, 3, 7)):
    return np.random.default_rng(seed).uniform(-3, 3, shape)


def _probe():
    return _x(), N_WINDOW, ALPHA, BETA, K


def _wide_probe():
    return _x(1), 5, 0.3, 0.75, 2.5


def _loud_probe():
    """Silent channels as after a ReLU, a faint pixel, a channel that shouts; k below 1, alpha above."""
    x = _x(6, (1, 3, 2, 9))
    x[..., ::4] = 0
    x[0, 0, 0] /= 100
    x[0, 1, :, 5] = 40
    return x, 7, 2.5, 0.4, 0.02


def _narrow_probe():
    """A window of one channel; `_takes_whole_numbers` has these constants as integers."""
    return _x(7, (3, 1, 2, 4)), 1, 3.0, 2.0, 4.0


def _window_probe():
    return _x(4), N_WINDOW


def _wide_window_probe():
    return _x(5), 5


def _few_channels_probe():
    """A window wider than all channels, and a small k."""
    x = _x(8, (2, 3, 1, 3))
    x[0] /= 100
    return x, 9, 0.7, 0.6, 0.001


FEW = "if the window is wider than all channels, and k is small"


def _windows_of(probe):
    return lambda: probe()[:2]


def _backward_probe(probe, seed):
    def make():
        x, *constants = probe()
        return np.random.default_rng(seed).standard_normal(x.shape), x, *constants

    return make


# ---------------------------------------------------------------------------------------------- wrong on purpose


def _sums(values, n, start=None, stop=None):
    """Σ values_j over j = i + start … i + stop (by default −n//2 … n//2), cut off at the ends."""
    start, stop = (-(n // 2) if start is None else start), (n // 2 if stop is None else stop)
    total, C = np.zeros_like(values), values.shape[-1]
    for shift in range(start, stop + 1):
        low, high = max(0, -shift), min(C, C - shift)
        if low < high:
            total[..., low:high] += values[..., low + shift : high + shift]
    return total


def _denominator(x, n, alpha, k, **window):
    return k + alpha * _sums(x * x, n, **window)


def _ring(values, n):
    return sum(np.roll(values, shift, axis=-1) for shift in range(-(n // 2), n // 2 + 1))


def _negative_start(values, n):
    total = np.zeros_like(values)
    for i in range(values.shape[-1]):
        total[..., i] = values[..., i - n // 2 : i + n // 2 + 1].sum(axis=-1)
    return total


def _padded_sum(padded, n):
    return sum(padded[..., shift : padded.shape[-1] - n + 1 + shift] for shift in range(n))


def _repeated_ends(values, n):
    return _padded_sum(np.pad(values, [(0, 0)] * 3 + [(n // 2, n // 2)], "edge"), n)


def _in_one_row(values, n):
    return _padded_sum(np.pad(values.ravel(), n // 2), n).reshape(values.shape)


def _over_width(x, n, alpha, beta, k):
    return x / (k + alpha * _sums((x * x).swapaxes(2, 3), n).swapaxes(2, 3)) ** beta


def _rescaled(x, n, alpha, beta, k):
    return x / (k + alpha * n * _sums(x * x, n) / _sums(np.ones_like(x), n)) ** beta


WINDOW_WRONG = (
    Wrong(
        "L4",
        lambda a, n: _sums(a, n, stop=n // 2 - 1),
        "The window stops one channel early: it includes i + n//2, but a Python range or slice leaves its end out.",
    ),
    Wrong(
        "L4",
        lambda a, n: _sums(a, n, start=1 - n // 2),
        "Your window begins one channel late: its lowest channel is i − n//2.",
    ),
    Wrong(
        "L4",
        lambda a, n: _sums(a, n, start=-n, stop=n),
        "Your window is too wide: n is its whole width, so it reaches n//2 to each side, not n.",
    ),
    Wrong(
        "L4",
        lambda a, n: _sums(a, n, start=0, stop=n - 1),
        "Your window starts at i and looks only upwards; i is its middle, with n//2 channels on each side.",
    ),
    Wrong(
        "L4",
        lambda a, n: _sums(a, n, start=1 - n, stop=0),
        "Your window ends at i and looks only downwards; i is its middle, with n//2 channels on each side.",
    ),
    Wrong(
        "L5",
        _ring,
        "Your window wraps round: the first channel sees the last. "
        "Channels are not a ring; the window is cut off at the ends.",
    ),
    Wrong(
        "L5",
        _negative_start,
        "At the first channels your slice starts below 0, which Python counts from the end. Start at max(0, i − n//2).",
    ),
    Wrong(
        "L5",
        _repeated_ends,
        "You repeat the first and the last channel beyond the ends. No channels are there: they add nothing.",
    ),
    Wrong(
        "L5",
        _in_one_row,
        "Your window runs on into the channels of the next pixel. Each pixel's channels begin and end on their own.",
    ),
    Wrong(
        "L6",
        lambda a, n: n * _sums(a, n) / _sums(np.ones_like(a), n),
        "You make up for the outer channels' missing neighbours. Do not: fewer neighbours simply make a smaller sum.",
    ),
    Wrong(
        "L6",
        lambda a, n: _sums(a, n) / _sums(np.ones_like(a), n),
        "You take the mean of the window. Take the sum, with fewer terms at the ends.",
    ),
    Wrong(
        "L7",
        lambda a, n: _sums(a.swapaxes(2, 3), n).swapaxes(2, 3),
        "Your window slides over the picture's columns. Slide it over the channels (the last axis) of one pixel.",
    ),
    Wrong(
        "L13",
        lambda a, n: _sums(a * a, n),
        "You square before you sum. Leave that to the caller: later "
        "you need the same sum of values that are not squares.",
    ),
    Wrong(
        "L14",
        lambda a, n: _sums(a, n) - a,
        "Channel i itself is missing from its window: |j − i| ≤ n//2 includes j = i.",
    ),
    Wrong(
        "L15",
        lambda a, n: _sums(a, 2 * a.shape[-1] + 1, stop=n // 2),
        "Your sum never drops a channel: subtract what leaves the window at its lower end.",
    ),
    Wrong(
        "L16",
        lambda a, n: _sums(a, n)[..., n // 2 : a.shape[-1] - n // 2],
        "You keep only channels with a whole window. Every channel gets a sum, with fewer terms at the ends.",
    ),
)

FORWARD_WRONG = (
    Wrong(
        "L1",
        lambda x, n, alpha, beta, k: forward(x, n, alpha / n, beta, k),
        "You divide alpha by n. The paper does not: its alpha multiplies "
        "the whole sum. (PyTorch and the 2012 source do divide.)",
    ),
    Wrong(
        "L2",
        lambda x, n, alpha, beta, k: forward(x, n, alpha, beta, 1.0),
        "Your denominator has the constant 1; it should be the argument k.",
    ),
    Wrong(
        "L2",
        lambda x, n, alpha, beta, k: x / (alpha * _sums(x * x, n)) ** beta,
        "Your denominator lacks the constant k.",
    ),
    Wrong(
        "L3",
        lambda x, n, alpha, beta, k: x / (alpha * (k + _sums(x * x, n))) ** beta,
        "Your alpha multiplies k too; it should multiply only the sum: k + alpha · sum.",
    ),
    Wrong(
        "L4",
        lambda x, n, alpha, beta, k: x / _denominator(x, n, alpha, k, stop=n // 2 - 1) ** beta,
        "The window stops one channel early: it includes i + n//2, but a Python range or slice leaves its end out.",
    ),
    Wrong(
        "L4",
        lambda x, n, alpha, beta, k: x / _denominator(x, n, alpha, k, start=1 - n // 2) ** beta,
        "Your window begins one channel late: its lowest channel is i − n//2.",
    ),
    Wrong(
        "L4",
        lambda x, n, alpha, beta, k: x / _denominator(x, n, alpha, k, start=-n, stop=n) ** beta,
        "Your window is too wide: n is its whole width, so it reaches n//2 to each side, not n.",
    ),
    Wrong(
        "L5",
        lambda x, n, alpha, beta, k: x / (k + alpha * _ring(x * x, n)) ** beta,
        "Your window wraps round: the first channel sees the last. "
        "Channels are not a ring; the window is cut off at the ends.",
    ),
    Wrong(
        "L5",
        lambda x, n, alpha, beta, k: x / (k + alpha * _negative_start(x * x, n)) ** beta,
        "At the first channels your slice starts below 0, which Python counts from the end. Start at max(0, i − n//2).",
    ),
    Wrong(
        "L6",
        _rescaled,
        "You make up for the outer channels' missing neighbours. Do not: fewer neighbours simply make a smaller sum.",
    ),
    Wrong("L7", _over_width, "Your window slides over the picture's columns. Slide it over the channels of one pixel."),
    Wrong(
        "L8",
        lambda x, n, alpha, beta, k: x / (k + alpha * _sums(np.abs(x), n)) ** beta,
        "You sum |x|; sum x². Ten times the input must give a hundred times the sum.",
    ),
    Wrong(
        "L8",
        lambda x, n, alpha, beta, k: forward(x, n, alpha, 0.75, k),
        "Your power is fixed at 0.75; it should be the argument beta.",
    ),
    Wrong(
        "L8",
        lambda x, n, alpha, beta, k: forward(x, n, alpha, 0.5, k),
        "You take the square root of the denominator; the power is the argument beta.",
    ),
    Wrong(
        "L13",
        lambda x, n, alpha, beta, k: x / (k + alpha * _sums(x, n) ** 2) ** beta,
        "You square the sum; sum the squares. In yours +3 and −3 cancel, though they should damp strongly.",
    ),
    Wrong(
        "L13",
        lambda x, n, alpha, beta, k: x / (k + alpha * _sums(x**4, n)) ** beta,
        "The values are squared twice: here, and again in your window sum.",
    ),
    Wrong(
        "L14",
        lambda x, n, alpha, beta, k: x / (k + alpha * (_sums(x * x, n) - x * x)) ** beta,
        "A channel damps itself too: j = i belongs in the sum.",
    ),
    Wrong(
        "L17",
        lambda x, n, alpha, beta, k: x / (k + alpha * _sums(x * x, n) ** beta),
        "You raise only the sum to beta; raise the whole denominator: (k + alpha · sum)^beta.",
    ),
    Wrong(
        "L17",
        lambda x, n, alpha, beta, k: x / (k + (alpha * _sums(x * x, n)) ** beta),
        "Your k is outside the power; raise the whole denominator to beta: (k + alpha · sum)^beta.",
    ),
    Wrong(
        "L17",
        lambda x, n, alpha, beta, k: x / _denominator(x, n, alpha, k),
        "The power beta is missing: y = x / (k + alpha · sum)^beta.",
    ),
    Wrong(
        "L18",
        lambda x, n, alpha, beta, k: x * _denominator(x, n, alpha, k) ** beta,
        "You multiply by d^beta instead of dividing: loud neighbours should damp a channel, not lift it.",
    ),
)


def _parts(dy, x, n, alpha, beta, k):
    """The right gradient's own part, and its sum over the window without the factor 2 · alpha · beta."""
    d = _denominator(x, n, alpha, k)
    return dy * d**-beta, x * _sums(dy * x * d ** (-beta - 1), n)


def _cross_times(factor):
    def wrong(dy, x, n, alpha, beta, k):
        own, cross = _parts(dy, x, n, alpha, beta, k)
        return own - factor * alpha * beta * cross

    return wrong


def _own_channel_only(dy, x, n, alpha, beta, k):
    d = _denominator(x, n, alpha, k)
    return dy * d**-beta - 2 * alpha * beta * x * x * dy * d ** (-beta - 1)


def _power_missing(dy, x, n, alpha, beta, k):
    d = _denominator(x, n, alpha, k)
    return dy * d**-beta - 2 * alpha * beta * x * _sums(dy * x * d**-beta, n)


def _y_for_x(dy, x, n, alpha, beta, k):
    d = _denominator(x, n, alpha, k)
    return dy * d**-beta - 2 * alpha * beta * x * _sums(dy * x * d ** (-2 * beta - 1), n)


def _power_too_high(dy, x, n, alpha, beta, k):
    d = _denominator(x, n, alpha, k)
    return dy * d**-beta - 2 * alpha * beta * x * _sums(dy * x * d ** (1 - beta), n)


def _without_own(dy, x, n, alpha, beta, k):
    d = _denominator(x, n, alpha, k)
    ratio = dy * x * d ** (-beta - 1)
    return dy * d**-beta - 2 * alpha * beta * x * (_sums(ratio, n) - ratio)


def _cross_alone(dy, x, n, alpha, beta, k):
    return -2 * alpha * beta * _parts(dy, x, n, alpha, beta, k)[1]


def _forward_of_dy(dy, x, n, alpha, beta, k):
    return forward(dy, n, alpha, beta, k)


def _neighbours_x(dy, x, n, alpha, beta, k):
    d = _denominator(x, n, alpha, k)
    return dy * d**-beta - 2 * alpha * beta * _sums(dy * x * x * d ** (-beta - 1), n)


def _denominator_outside(dy, x, n, alpha, beta, k):
    d = _denominator(x, n, alpha, k)
    return dy * d**-beta - 2 * alpha * beta * x * d ** (-beta - 1) * _sums(dy * x, n)


def _short_window(dy, x, n, alpha, beta, k):
    d = _denominator(x, n, alpha, k)
    return dy * d**-beta - 2 * alpha * beta * x * _sums(dy * x * d ** (-beta - 1), n, stop=n // 2 - 1)


def _numerator_over_x(dy, x, n, alpha, beta, k):
    d = _denominator(x, n, alpha, k)
    return dy * (x / d**beta) / x - 2 * alpha * beta * _parts(dy, x, n, alpha, beta, k)[1]


def _constant_lost(name):
    def wrong(dy, x, n, alpha, beta, k):
        own, cross = _parts(dy, x, n, alpha, beta, k)
        return own - 2 * {"alpha": beta, "beta": alpha}[name] * cross

    return wrong


BACKWARD_WRONG = (
    Wrong(
        "L9",
        _cross_times(0),
        "The denominators' part is missing: x_i is in the denominator of every y_j whose window holds i, y_i "
        "included, so each of these dy_j reaches x_i.",
    ),
    Wrong(
        "L10", _own_channel_only, "You use only the channel's own denominator. Sum over every j whose window holds i."
    ),
    Wrong(
        "L11",
        _cross_times(1),
        "The part from the denominators is half as large as it should be: the derivative of x² is 2x.",
    ),
    Wrong(
        "L11",
        _cross_times(-2),
        "The part from the denominators has the wrong sign: a larger denominator makes y smaller.",
    ),
    Wrong(
        "L12",
        _power_missing,
        "One power of the denominator is missing: the derivative of d^−beta is −beta · d^(−beta − 1).",
    ),
    Wrong(
        "L12",
        _y_for_x,
        "The terms of the sum are dy_j · x_j · d_j^(−beta − 1). You use y_j for x_j, so d_j^−beta is there twice.",
    ),
    Wrong(
        "L12",
        _power_too_high,
        "The 1 in your power has the wrong sign: the derivative of "
        "d^−beta is −beta · d^(−beta − 1), not −beta · d^(1 − beta).",
    ),
    Wrong(
        "L12",
        _neighbours_x,
        "x_j belongs inside the sum and x_i outside: x_i comes from the derivative of x_i², x_j from y_j's numerator.",
    ),
    Wrong(
        "L12", _denominator_outside, "d_j^(−beta − 1) belongs inside the sum: every neighbour has its own denominator."
    ),
    Wrong("L22", _numerator_over_x, "You divide by x, and 0 / 0 is no number: after a ReLU many x are 0."),
    Wrong("L12", _constant_lost("alpha"), "The part from the denominators lacks its factor alpha."),
    Wrong("L12", _constant_lost("beta"), "The part from the denominators lacks its factor beta."),
    Wrong(
        "L1",
        lambda dy, x, n, alpha, beta, k: backward(dy, x, n, alpha / n, beta, k),
        "You divide alpha by n, here or in forward; the paper does not.",
    ),
    Wrong(
        "L2",
        lambda dy, x, n, alpha, beta, k: backward(dy, x, n, alpha, beta, 1.0),
        "Your denominators have the constant 1; it should be the argument k.",
    ),
    Wrong("L19", _forward_of_dy, "You normalise dy as if it were an input. Compute the denominators from x."),
    Wrong("L10", _without_own, "The channel's own denominator is missing: the window of j = i holds i too."),
    Wrong(
        "L20",
        _cross_alone,
        "You have only the part from the denominators; x_i is also y_i's numerator, which adds dy_i · d_i^−beta.",
    ),
    Wrong(
        "L4", _short_window, "Your sum over neighbours stops one channel early: a range or slice leaves its end out."
    ),
)


# ---------------------------------------------------------------------------------------------- by hand


def _window_by_hand(arguments, output, index):
    a, n = arguments
    *place, i = index
    low, high = max(0, i - n // 2), min(a.shape[-1] - 1, i + n // 2)
    terms = [a[(*place, j)] for j in range(low, high + 1)]
    written = " + ".join(f"({t:.4g})" if t < 0 else f"{t:.4g}" for t in terms)
    return f"By hand: channels {low} to {high} are in its window; {written} = {sum(terms):.6g}."


def _forward_by_hand(arguments, output, index):
    x, n, alpha, beta, k = arguments
    *place, i = index
    low, high = max(0, i - n // 2), min(x.shape[-1] - 1, i + n // 2)
    squares = [x[(*place, j)] ** 2 for j in range(low, high + 1)]
    terms = " + ".join(f"{s:.4g}" for s in squares)
    d = k + alpha * sum(squares)
    return (
        f"By hand: channels {low} to {high} are in its window; d = {k} + {alpha} · ({terms}) = {d:.6g}; y = "
        f"{x[index]:.6g} / {d:.6g}^{beta} = {x[index] / d**beta:.6g}."
    )


def _backward_by_hand(arguments, output, index):
    dy, x, n, alpha, beta, k = arguments
    *place, i = index
    own, cross = (float(part[index]) for part in _parts(dy, x, n, alpha, beta, k))
    low, high = max(0, i - n // 2), min(x.shape[-1] - 1, i + n // 2)
    return (
        f"By hand: dy_i · d_i^−beta = {own:.6g}; from the denominators of channels {low} to {high}: 2 · {alpha} · "
        f"{beta} · ({cross:.6g}) = {2 * alpha * beta * cross:.6g}; the difference is "
        f"{own - 2 * alpha * beta * cross:.6g}."
    )


def _takes_whole_numbers(ours, probe):
    def holds(function):
        *arrays, n, _, _, _ = probe()
        return np.allclose(function(*arrays, n, 3, 2, 4), ours(*arrays, n, 3, 2, 4))

    return Property(
        "L21",
        holds,
        "With the integers 3, 2 and 4 for alpha, beta and k yours is wrong. Does an array of integers, such as "
        "np.full(x.shape, 4), lose the fractions?",
        late=True,
    )


LESSON = Lesson(
    "09",
    "Local response normalisation, the hardest gradient",
    75,
    15,
    (
        Exercise(
            "09-window",
            "window_sum",
            window_sum,
            (_window_probe, _wide_window_probe, _windows_of(_loud_probe), _windows_of(_narrow_probe)),
            ("s",),
            axes={"s": ("picture", "row", "column", "channel")},
            wrong=WINDOW_WRONG,
            properties=(case(FEW, window_sum, _windows_of(_few_channels_probe), ("s",)),),
            by_hand=_window_by_hand,
            ratios=((lambda a, n: 1 / n, "You divide by n: return the window's sum, not its mean."),),
            outside=("number",),
            hints=(
                "For channel i = 0 and n = 5: which channels are in its window? And for the last channel?",
                "s_i = Σ a_j over the j from i − n//2 to i + n//2 that exist",
                "s[..., i] = a[..., max(0, i - n // 2) : i + n // 2 + 1].sum(axis=-1)",
            ),
        ),
        Exercise(
            "09-forward",
            "lrn_forward",
            forward,
            (_probe, _wide_probe, _loud_probe, _narrow_probe),
            ("y",),
            wrong=FORWARD_WRONG,
            by_hand=_forward_by_hand,
            properties=(_takes_whole_numbers(forward, _wide_probe), case(FEW, forward, _few_channels_probe)),
            hints=(
                "Which values does the window sum add up here? What is the smallest possible denominator?",
                "d_i = k + alpha · Σ x_j² over the j from i − n//2 to i + n//2 that exist;  y_i = x_i / d_i^beta",
                "d = k + alpha * window_sum(x**2, n)",
            ),
        ),
        Exercise(
            "09-backward",
            "lrn_backward",
            backward,
            tuple(
                _backward_probe(probe, seed)
                for seed, probe in enumerate((_probe, _wide_probe, _loud_probe, _narrow_probe), start=2)
            ),
            ("dx",),
            wrong=BACKWARD_WRONG,
            by_hand=_backward_by_hand,
            properties=(
                _takes_whole_numbers(backward, _backward_probe(_wide_probe, 3)),
                case(FEW, backward, _backward_probe(_few_channels_probe, 9), ("dx",)),
            ),
            hints=(
                "How many of the y_j contain x_i? Which one contains it more than once?",
                "dx_i = dy_i · d_i^−beta − 2 · alpha · beta · x_i · Σ_j dy_j · x_j · d_j^(−beta − 1), over the j "
                "whose window holds i",
                "ratio = dy * x * d ** (-beta - 1), and then window_sum(ratio, n)",
            ),
        ),
    ),
)

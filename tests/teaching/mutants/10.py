"""Lesson 10: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import itertools

import numpy as np

# ---------------------------------------------------------------------------------------------- the paper's form


def no_scaling(x, p, train, rng):
    if not train:
        return x, np.ones_like(x)
    mask = rng.random(x.shape) > p
    return x * mask, mask


def p_is_kept(x, p, train, rng):
    if train:
        mask = (rng.random(x.shape) < p).astype(x.dtype)
        return x * mask, mask
    return x * (1 - p), 1 - p


def p_is_kept_throughout(x, p, train, rng):
    keep = p
    mask = rng.binomial(1, keep, x.shape) if train else keep
    return x * mask, mask


def times_p_at_test(x, p, train, rng):
    factor = (rng.random(x.shape) >= p).astype(x.dtype) if train else p
    return x * factor, factor


def one_mask_for_all(x, p, train, rng):
    if not train:
        return x * (1 - p), 1 - p
    mask = (rng.random(x.shape[1]) >= p).astype(x.dtype)
    return x * mask, np.tile(mask, (len(x), 1))


def one_broadcast_mask(x, p, train, rng):
    factor = (rng.random((1, *x.shape[1:])) >= p).astype(x.dtype) if train else 1 - p
    return x * factor, factor


def whole_pictures(x, p, train, rng):
    factor = (rng.random((len(x), 1)) >= p).astype(x.dtype) if train else 1 - p
    return x * factor, factor


def seeded_in_the_call(x, p, train, rng):
    rng = np.random.default_rng(0)
    factor = (rng.random(x.shape) >= p).astype(x.dtype) if train else 1 - p
    return x * factor, factor


def own_generator(x, p, train, rng):
    factor = (np.random.default_rng().random(x.shape) >= p).astype(x.dtype) if train else 1 - p
    return x * factor, factor


def global_generator(x, p, train, rng):
    factor = np.where(np.random.rand(*x.shape) < p, 0, 1).astype(x.dtype) if train else 1 - p
    return x * factor, factor


def forgets_train(x, p, train, rng):
    mask = (rng.random(x.shape) >= p).astype(x.dtype)
    return x * mask, mask


def train_turned_round(x, p, train, rng):
    if train:
        return x * (1 - p), 1 - p
    mask = (rng.random(x.shape) >= p).astype(x.dtype)
    return x * mask, mask


def only_scales(x, p, train, rng):
    return x * (1 - p), 1 - p


def scaled_at_both_ends(x, p, train, rng):
    keep = 1 - p
    if train:
        mask = (rng.random(x.shape) < keep) / keep
        return x * mask, mask
    return x * keep, keep


def the_inverted_form(x, p, train, rng):
    if not train:
        return x.copy(), 1
    mask = (rng.random(x.shape) < 1 - p) / (1 - p)
    return x * mask, mask


def divides_at_test(x, p, train, rng):
    if not train:
        return x / (1 - p), 1 / (1 - p)
    mask = rng.random(x.shape) >= p
    return x * mask, mask


def normal_threshold(x, p, train, rng):
    factor = (rng.standard_normal(x.shape) >= p).astype(x.dtype) if train else 1 - p
    return x * factor, factor


def noise_for_all(x, p, train, rng):
    if not train:
        return x * (1 - p), 1 - p
    factor = rng.uniform(0, 2, x.shape) * (rng.random(x.shape) >= p)
    return x * factor, factor


def returns_another_mask(x, p, train, rng):
    if not train:
        return x * (1 - p), 1 - p
    return x * (rng.random(x.shape) >= p), rng.random(x.shape) >= p


def drops_in_place(x, p, train, rng):
    if not train:
        return x * (1 - p), 1 - p
    mask = rng.random(x.shape) >= p
    x *= mask
    return x, mask


def y_alone(x, p, train, rng):
    return x * (rng.random(x.shape) >= p) if train else x * (1 - p)


def float64_mask(x, p, train, rng):
    factor = (rng.random(x.shape) >= p).astype(float) if train else 1 - p
    return x * factor, factor


def one_mask_and_no_scaling(x, p, train, rng):
    if not train:
        return x, 1.0
    mask = rng.random(x.shape[1:]) >= p
    return x * mask, mask


# ---------------------------------------------------------------------------------------------- draws


def _drops(mask):
    """The paper's form with a mask of its own. mask: function (x, p, rng) -> booleans, True where x is kept"""

    def wrong(x, p, train, rng):
        factor = mask(x, p, rng).astype(x.dtype) if train else 1 - p
        return x * factor, factor

    return wrong


def _fixed_number(x, p, rng):
    mask = np.arange(x.size) >= round(p * x.size)
    return rng.permutation(mask).reshape(x.shape)


def _fixed_in_each_picture(x, p, rng):
    u = rng.random(x.shape).reshape(len(x), -1)
    rank = u.argsort(axis=1).argsort(axis=1)
    return (rank >= round(p * u.shape[1])).reshape(x.shape)


def _last_spared(x, p, rng):
    mask = rng.random(x.shape) >= p
    mask[..., -1] = True
    return mask


a_fixed_number = _drops(_fixed_number)
a_fixed_number_in_each_picture = _drops(_fixed_in_each_picture)
pairs = _drops(lambda x, p, rng: np.repeat(rng.random(x.size), 2)[: x.size].reshape(x.shape) >= p)
blocks = _drops(lambda x, p, rng: np.repeat(rng.random(x.size), 32)[: x.size].reshape(x.shape) >= p)
every_32_anew = _drops(lambda x, p, rng: np.resize(rng.random(32), x.shape) >= p)
half_a_batch_twice = _drops(lambda x, p, rng: np.resize(rng.random((len(x) // 2 + 1, *x.shape[1:])), x.shape) >= p)
whole_maps = _drops(lambda x, p, rng: rng.random((len(x), *(1,) * (x.ndim - 2), x.shape[-1])) + 0 * x >= p)
the_faintest = _drops(lambda x, p, rng: abs(x) + rng.random(x.shape) / 9 > np.quantile(abs(x), p))
positives_only = _drops(lambda x, p, rng: rng.random(x.shape) >= 2 * p * (x > 0))
one_coin = _drops(lambda x, p, rng: np.full(x.shape, rng.random() >= p))
tenths = _drops(lambda x, p, rng: rng.integers(0, 10, x.shape) >= 10 * p)
a_tenth_at_least = _drops(lambda x, p, rng: rng.random(x.shape) >= max(p, 0.1))
last_unit_spared = _drops(_last_spared)
ten_masks = _drops(lambda x, p, rng: np.random.default_rng(int(10 * rng.random())).random(x.shape) >= p)
two_axes_only = _drops(lambda x, p, rng: np.array([[rng.random() >= p for _ in row] for row in x]))

_mask = {}


def one_mask_array(x, p, train, rng):
    if not train:
        return x * (1 - p), 1 - p
    mask = _mask.setdefault((x.shape, x.dtype), np.empty_like(x))
    mask[...] = rng.random(x.shape) >= p
    return x * mask, mask


def _inverted(paper):
    def wrong(x, p, train, rng):
        if not train:
            return x, 1.0
        factor = paper(x, p, train, rng)[1] / (1 - p)
        return x * factor, factor

    return wrong


inverted_pairs = _inverted(pairs)
inverted_fixed_number = _inverted(a_fixed_number)


# ---------------------------------------------------------------------------------------------- the inverted form


def inverted_without_scale(x, p, train, rng):
    mask = rng.random(x.shape) >= p if train else np.ones(x.shape, bool)
    return np.where(mask, x, 0), mask


def inverted_over_p(x, p, train, rng):
    if not train:
        return x, 1.0
    mask = (rng.random(x.shape) >= p).astype(x.dtype) / p
    return x * mask, mask


def inverted_keep_for_p(x, p, train, rng):
    if not train:
        return x, 1.0
    mask = (rng.random(x.shape) < p).astype(x.dtype) / p
    return x * mask, mask


def inverted_and_halved(x, p, train, rng):
    if not train:
        return x * (1 - p), 1 - p
    mask = (rng.random(x.shape) >= p).astype(x.dtype) / (1 - p)
    return x * mask, mask


def times_keep_in_training(x, p, train, rng):
    if not train:
        return x, 1.0
    mask = (rng.random(x.shape) >= p).astype(x.dtype) * (1 - p)
    return x * mask, mask


def the_papers_form(x, p, train, rng):
    if not train:
        return x * (1 - p), 1 - p
    mask = (rng.random(x.shape) >= p).astype(x.dtype)
    return x * mask, mask


def always_training(x, p, train, rng):
    mask = (rng.random(x.shape) >= p) / np.asarray(1 - p, x.dtype)
    return x * mask, mask


def mask_without_its_scale(x, p, train, rng):
    if not train:
        return x, 1.0
    mask = rng.random(x.shape) >= p
    return x * mask / (1 - p), mask


def inverted_float64(x, p, train, rng):
    if not train:
        return x, 1.0
    mask = (rng.random(x.shape) >= p) / (1 - p)
    return x * mask, mask


def inverted_one_row(x, p, train, rng):
    if not train:
        return x, 1.0
    row = rng.binomial(1, 1 - p, x.shape[-1]) / (1 - p)
    return x * row, row


def scaled_by_the_share_that_came(x, p, train, rng):
    if not train:
        return x, 1.0
    mask = (rng.random(x.shape) >= p).astype(x.dtype)
    mask /= mask.mean()
    return x * mask, mask


def always_on_and_over_p(x, p, train, rng):
    mask = (rng.random(x.shape) >= p).astype(x.dtype) / p
    return x * mask, mask


# ---------------------------------------------------------------------------------------------- backward


def straight_through(dy, factor):
    return 1.0 * dy


def draws_again(dy, factor):
    keep = 1 / factor.max()
    return dy * (np.random.default_rng().random(dy.shape) < keep) / keep


def draws_again_from_a_seed(dy, factor):
    rng = np.random.default_rng(0)
    return dy * (rng.random(dy.shape) >= 0.5) * 2


def shuffles_the_mask(dy, factor):
    return dy * np.random.default_rng(7).permutation(factor.ravel()).reshape(factor.shape)


def mask_alone(dy, factor):
    dx = dy.copy()
    dx[factor == 0] = 0
    return dx


def scaled_once_more(dy, factor):
    return dy * factor * factor.max()


def gate_turned_round(dy, factor):
    return np.where(factor > 0, 0, dy)


def divides(dy, factor):
    dx = np.zeros_like(dy)
    kept = factor != 0
    dx[kept] = dy[kept] / factor[kept]
    return dx


def divides_by_zero(dy, factor):
    return dy / factor


def factor_alone(dy, factor):
    return factor + 0 * dy


def into_dy(dy, factor):
    dy *= factor
    return dy


def halves(dy, factor):
    return dy * factor / 2


def open_and_scaled(dy, factor):
    return dy * factor.max()


def turned_round(dy, factor):
    return dy * factor[::-1]


def only_above_one(dy, factor):
    return np.where(factor > 1, dy * factor, 0)


# ---------------------------------------------------------------------------------------------- the average net


def _softmax(z):
    e = np.exp(z)
    return e / e.sum(1)[:, None]


def arithmetic(x, weight, bias, p):
    total = 0
    for mask in itertools.product([0, 1], repeat=x.shape[1]):
        kept = sum(mask)
        total = total + (1 - p) ** kept * p ** (len(mask) - kept) * _softmax(x * mask @ weight + bias)
    return total


def not_divided(x, weight, bias, p):
    logs = 0
    for mask in itertools.product([0, 1], repeat=x.shape[1]):
        kept = sum(mask)
        logs = logs + (1 - p) ** kept * p ** (len(mask) - kept) * np.log(_softmax(x * mask @ weight + bias))
    return np.exp(logs)


def all_masks_alike(x, weight, bias, p):
    masks = list(itertools.product([0, 1], repeat=x.shape[1]))
    g = np.exp(np.mean([np.log(_softmax(x * m @ weight + bias)) for m in masks], axis=0))
    return g / g.sum(1, keepdims=True)


def p_kept_in_the_average(x, weight, bias, p):
    logs = 0
    for mask in itertools.product([0, 1], repeat=x.shape[1]):
        logs = logs + np.prod([p if m else 1 - p for m in mask]) * np.log(_softmax(x * mask @ weight + bias))
    g = np.exp(logs)
    return g / g.sum(1, keepdims=True)


def _geometric(x, weight, bias, p, masks=slice(None), least=0.0):
    logs = 0
    for mask in list(itertools.product([0, 1], repeat=x.shape[1]))[masks]:
        probability = np.prod([1 - p if m else p for m in mask])
        logs = logs + probability * np.log(_softmax(x * mask @ weight + bias) + least)
    return np.exp(logs)


def _rows_to_one(g):
    return g / g.sum(axis=1, keepdims=True)


def a_little_more_than_zero(x, weight, bias, p):
    return _rows_to_one(_geometric(x, weight, bias, p, least=1e-12))


def still_logarithms(x, weight, bias, p):
    return np.log(_geometric(x, weight, bias, p))


def without_the_silent_net(x, weight, bias, p):
    return _rows_to_one(_geometric(x, weight, bias, p, slice(1, None)))


def without_the_whole_net(x, weight, bias, p):
    return _rows_to_one(_geometric(x, weight, bias, p, slice(None, -1)))


def over_the_pictures(x, weight, bias, p):
    g = _geometric(x, weight, bias, p)
    return g / g.sum(axis=0, keepdims=True)


def over_everything(x, weight, bias, p):
    g = _geometric(x, weight, bias, p)
    return g / g.sum()


def whole_net(x, weight, bias, p):
    return _softmax(np.dot(x, weight) + bias)


def no_bias(x, weight, bias, p):
    return _softmax((x - p * x) @ weight)


def bias_scaled_too(x, weight, bias, p):
    return _softmax((np.dot(x, weight) + bias) * (1 - p))


def scores_only(x, weight, bias, p):
    return np.dot(x * (1 - p), weight) + bias


def divided_by_keep(x, weight, bias, p):
    return _softmax(x / (1 - p) @ weight + bias)


def mean_of_all_alike(x, weight, bias, p):
    return np.mean([_softmax(x * m @ weight + bias) for m in itertools.product([0, 1], repeat=x.shape[1])], axis=0)


def alike_and_not_divided(x, weight, bias, p):
    masks = itertools.product([0, 1], repeat=x.shape[1])
    return np.exp(np.mean([np.log(_softmax(x * m @ weight + bias)) for m in masks], axis=0))


def exp_of_raw_scores(x, weight, bias, p):
    e = np.exp((x * (1 - p)) @ weight + bias)
    return e / e.sum(axis=1, keepdims=True)


def silent_units_uphill(dy, factor):
    return -dy * (factor == 0)


# ---------------------------------------------------------------------------------------------- right but for a corner


def rounded_to_nine_decimals(dy, factor):
    return (dy * factor).round(9)


def one_number_without_dropping(x, p, train, rng):
    if not train or p == 0:
        return x.copy(), 1.0
    factor = (rng.random(x.shape) >= p).astype(x.dtype) / (1 - p)
    return x * factor, factor


def in_the_factors_dtype(dy, factor):
    dx = np.zeros_like(factor)
    dx[...] = dy * factor
    return dx


def always_doubled(dy, factor):
    return 2 * dy * (factor > 0)


MUTANTS = [
    ("10-paper", "D1", no_scaling),
    ("10-paper", "D2", p_is_kept),
    ("10-paper", "D2", p_is_kept_throughout),
    ("10-paper", "D2", times_p_at_test),
    ("10-paper", "D3", one_mask_for_all),
    ("10-paper", "D3", one_broadcast_mask),
    ("10-paper", "D9", whole_pictures),
    ("10-paper", "D6", seeded_in_the_call),
    ("10-paper", "D8", own_generator),
    ("10-paper", "D8", global_generator),
    ("10-paper", "D6", forgets_train),
    ("10-paper", "D6", train_turned_round),
    ("10-paper", "D7", only_scales),
    ("10-paper", "D5", scaled_at_both_ends),
    ("10-paper", "D13", the_inverted_form),
    ("10-paper", "D12", divides_at_test),
    ("10-paper", "D10", normal_threshold),
    ("10-paper", "D11", noise_for_all),
    ("10-paper", "D4", returns_another_mask),
    ("10-paper", "unchanged", drops_in_place),
    ("10-paper", None, y_alone),
    ("10-paper", "C16", float64_mask),
    ("10-paper", "two: D3 + D1", one_mask_and_no_scaling),
    ("10-inverted", "D1", inverted_without_scale),
    ("10-inverted", "D2", inverted_over_p),
    ("10-inverted", "D2", inverted_keep_for_p),
    ("10-inverted", "D5", inverted_and_halved),
    ("10-inverted", "D12", times_keep_in_training),
    ("10-inverted", "D13", the_papers_form),
    ("10-inverted", "D6", always_training),
    ("10-inverted", "D4", mask_without_its_scale),
    ("10-inverted", "C16", inverted_float64),
    ("10-inverted", "D3", inverted_one_row),
    ("10-inverted", "D11", scaled_by_the_share_that_came),
    ("10-inverted", "D6", always_on_and_over_p),
    ("10-backward", "D14", straight_through),
    ("10-backward", "twice", draws_again),
    ("10-backward", "D4", draws_again_from_a_seed),
    ("10-backward", None, shuffles_the_mask),
    ("10-backward", "line-part", turned_round),
    ("10-backward", "line-number", only_above_one),
    ("10-average", None, a_little_more_than_zero),
    ("10-average", "D31", still_logarithms),
    ("10-average", "D30", without_the_silent_net),
    ("10-average", "D30", without_the_whole_net),
    ("10-average", "D20", over_the_pictures),
    ("10-average", "D20", over_everything),
    ("10-paper", "D27", a_fixed_number),
    ("10-paper", "D27", a_fixed_number_in_each_picture),
    ("10-paper", "D26", pairs),
    ("10-paper", "D26", blocks),
    ("10-paper", "D26", every_32_anew),
    ("10-paper", "D26", half_a_batch_twice),
    ("10-paper", "D26", whole_maps),
    ("10-paper", "D26", the_faintest),
    ("10-paper", "D26", positives_only),
    ("10-paper", "D3", one_coin),
    ("10-paper", "D10", tenths),
    ("10-paper", "D10", a_tenth_at_least),
    ("10-paper", "D10", last_unit_spared),
    ("10-paper", "D8", ten_masks),
    ("10-paper", "C15", one_mask_array),
    ("10-paper", None, two_axes_only),
    ("10-inverted", "D26", inverted_pairs),
    ("10-inverted", "D27", inverted_fixed_number),
    ("10-backward", "D15", mask_alone),
    ("10-backward", "D16", scaled_once_more),
    ("10-backward", "D17", gate_turned_round),
    ("10-backward", "D17", divides),
    ("10-backward", "line-operation", divides_by_zero),
    ("10-backward", "D18", factor_alone),
    ("10-backward", "unchanged", into_dy),
    ("10-backward", "two: D17 + ratio", silent_units_uphill),
    ("10-backward", "ratio", halves),
    ("10-backward", "line-call", open_and_scaled),
    ("10-average", "D19", arithmetic),
    ("10-average", "D20", not_divided),
    ("10-average", "D21", all_masks_alike),
    ("10-average", "D2", p_kept_in_the_average),
    ("10-average", "D1", whole_net),
    ("10-average", "D22", no_bias),
    ("10-average", "D22", bias_scaled_too),
    ("10-average", "D23", scores_only),
    ("10-average", "D5", divided_by_keep),
    ("10-average", "D24", mean_of_all_alike),
    ("10-average", "two: D20 + fixed", alike_and_not_divided),
    ("10-average", "case", exp_of_raw_scores),
    ("10-backward", "tiny", rounded_to_nine_decimals),
    ("10-inverted", "D29", one_number_without_dropping),
    ("10-backward", "case", in_the_factors_dtype),
    ("10-backward", "two: D15 + ratio", always_doubled),
]

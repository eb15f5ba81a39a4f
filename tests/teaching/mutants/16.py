"""Lesson 16: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import math

import numpy as np


def without_less_with(with_it, without):
    differences = (without - with_it) * 100
    return differences, differences.mean()


def sorted_pairs(with_it, without):
    d = 100 * (np.sort(with_it) - np.sort(without))
    return d, d.mean()


def every_pair(with_it, without):
    d = 100 * np.subtract.outer(with_it, without)
    return d, d.mean()


def against_the_mean(with_it, without):
    d = 100 * with_it - 100 * np.mean(without)
    return d, d.mean()


def from_the_mean(with_it, without):
    d = 100 * (np.mean(with_it) - without)
    return d, np.mean(d)


def against_the_best(with_it, without):
    d = np.array([100 * (error - min(without)) for error in with_it])
    return d, d.mean()


def reversed_seeds(with_it, without):
    d = 100 * (with_it - np.flip(without))
    return d, d.mean()


def fractions(with_it, without):
    d = with_it - without
    return d, d.mean()


def percent_of_the_error(with_it, without):
    d = 100 * (with_it / without - 1)
    return d, d.mean()


def percent_of_the_new_error(with_it, without):
    d = 100 * (1 - without / with_it)
    return d, d.mean()


def ratios(with_it, without):
    return with_it / without, np.mean(with_it / without)


def no_signs(with_it, without):
    d = abs(with_it - without) * 100
    return d, d.mean()


def median_effect(with_it, without):
    d = 100 * (with_it - without)
    return d, np.median(d)


def summed_effect(with_it, without):
    d = 100 * (with_it - without)
    return d, d.sum()


def mean_in_percent_of_the_error(with_it, without):
    d = 100 * (with_it - without)
    return d, d.mean() / without.mean()


def mean_in_fractions(with_it, without):
    d = with_it - without
    return 100 * d, d.mean()


def best_seed(with_it, without):
    d = 100 * (with_it - without)
    return d, d.min()


def writes_the_difference_into_with(with_it, without):
    with_it -= without
    with_it *= 100
    return with_it, with_it.mean()


def whole_points(with_it, without):
    d = np.round(100 * (with_it - without)).astype(int)
    return d, d.mean()


def sorted_and_turned(with_it, without):
    d = 100 * (np.sort(without) - np.sort(with_it))
    return d, d.mean()


def sorted_and_percent_of_the_error(with_it, without):
    d = 100 * (np.sort(with_it) / np.sort(without) - 1)
    return d, d.mean()


def numpys_deviation(d, t):
    half = t * np.std(d) / np.sqrt(len(d))
    return np.mean(d) - half, np.mean(d) + half


def one_less_under_the_root(d, t):
    half = t * np.std(d, ddof=1) / math.sqrt(len(d) - 1)
    return d.mean() - half, d.mean() + half


def no_root_of_n(d, t):
    s = d.std(ddof=1)
    return d.mean() - t * s, d.mean() + t * s


def over_n(d, t):
    standard_error = np.std(d, ddof=1) / d.size
    return d.mean() - t * standard_error, d.mean() + t * standard_error


def deviation_alone(d, t):
    return d.mean() - t * d.std(), d.mean() + t * d.std()


def always_1_96(d, t):
    sem = np.std(d, ddof=1) / np.sqrt(len(d))
    return d.mean() - 1.96 * sem, d.mean() + 1.96 * sem


def always_2(d, t):
    sem = np.std(d, ddof=1) / np.sqrt(len(d))
    return d.mean() - 2 * sem, d.mean() + 2 * sem


def the_textbooks_large_sample(d, t):
    sem = np.std(d) / np.sqrt(len(d))
    return d.mean() - 1.96 * sem, d.mean() + 1.96 * sem


def one_standard_error(d, t):
    sem = np.sqrt(d.var(ddof=1) / len(d))
    return d.mean() - sem, d.mean() + sem


def variance_for_deviation(d, t):
    half = t * np.var(d, ddof=1) / np.sqrt(len(d))
    return d.mean() - half, d.mean() + half


def variance_of_the_mean(d, t):
    half = t * np.var(d, ddof=1) / len(d)
    return d.mean() - half, d.mean() + half


def half_as_wide(d, t):
    width = t * d.std(ddof=1) / np.sqrt(len(d))
    return d.mean() - width / 2, d.mean() + width / 2


def twice_as_wide(d, t):
    width = 2 * t * d.std(ddof=1) / np.sqrt(len(d))
    return d.mean() - width, d.mean() + width


def about_zero(d, t):
    half = t * d.std(ddof=1) / np.sqrt(len(d))
    return 0 - half, 0 + half


def about_the_median(d, t):
    half = t * d.std(ddof=1) / np.sqrt(len(d))
    return np.median(d) - half, np.median(d) + half


def deviations_from_zero(d, t):
    half = t * np.sqrt(np.mean(d * d)) / np.sqrt(len(d))
    return d.mean() - half, d.mean() + half


def deviations_from_zero_over_n_less_1(d, t):
    n = len(d)
    half = t * np.sqrt(np.dot(d, d) / (n - 1)) / np.sqrt(n)
    return d.mean() - half, d.mean() + half


def absolute_deviations(d, t):
    half = t * np.mean(abs(d - d.mean())) / np.sqrt(len(d))
    return d.mean() - half, d.mean() + half


def high_first(d, t):
    half = t * d.std(ddof=1) / np.sqrt(len(d))
    return d.mean() + half, d.mean() - half


def mean_and_half(d, t):
    return d.mean(), t * d.std(ddof=1) / np.sqrt(len(d))


def minus_and_plus(d, t):
    half = t * d.std(ddof=1) / np.sqrt(len(d))
    return -half, half


def percentiles_of_seeds(d, t):
    return np.percentile(d, 2.5), np.percentile(d, 97.5)


def smallest_and_largest(d, t):
    return d.min(), d.max()


def centres_in_place(d, t):
    mean = d.mean()
    d -= mean
    half = t * np.sqrt((d**2).sum() / (len(d) - 1) / len(d))
    return mean - half, mean + half


def one_number(d, t):
    return t * d.std(ddof=1) / np.sqrt(len(d))


def sum_for_mean_of_large_sample(d, t):
    half = 1.96 * d.std()
    return d.sum() - half, d.sum() + half


def sign_of_the_mean(low, high, direction):
    if math.isinf(low):
        return "not resolved"
    return "reproduced" if np.sign(low + high) == direction else "opposite"


def null_is_opposite(low, high, direction):
    if direction == -1:
        return "reproduced" if high < 0 else "opposite"
    return "reproduced" if low > 0 else "opposite"


def null_is_reproduced(low, high, direction):
    if direction == -1:
        return "opposite" if low > 0 else "reproduced"
    return "opposite" if high < 0 else "reproduced"


def null_is_no_effect(low, high, direction):
    if low <= 0 <= high:
        return "no effect"
    return "reproduced" if np.sign(low) == direction else "opposite"


def always_fewer_errors(low, high, direction):
    return "reproduced" if high < 0 else "opposite" if low > 0 else "not resolved"


def always_more(low, high, direction):
    return "reproduced" if low > 0 else "opposite" if high < 0 else "not resolved"


def significant(low, high, direction):
    return "reproduced" if low * high > 0 else "not resolved"


def sides_exchanged(low, high, direction):
    if low <= 0 <= high:
        return "not resolved"
    return "opposite" if (low > 0) == (direction > 0) else "reproduced"


def ends_not_exchanged(low, high, direction):
    if direction * low > 0:
        return "reproduced"
    if direction * high < 0:
        return "opposite"
    return "not resolved"


def one_end_is_enough(low, high, direction):
    return "reproduced" if (low < 0 if direction == -1 else high > 0) else "opposite"


def zero_is_outside(low, high, direction):
    if low < 0 < high:
        return "not resolved"
    return "reproduced" if np.sign(low + high) == direction else "opposite"


def zero_inside_reproduces(low, high, direction):
    return "reproduced" if low <= 0 and high >= 0 else "not resolved"


def capital_letters(low, high, direction):
    if low <= 0 <= high:
        return "Not resolved"
    return "Reproduced" if (low > 0) == (direction > 0) else "Opposite"


def says_true(low, high, direction):
    return bool(high < 0 if direction < 0 else low > 0)


def says_nothing(low, high, direction):
    print("reproduced" if high < 0 else "not resolved")


def opposite_at_a_mean_above_0(low, high, direction):
    if direction * low > 0 and direction * high > 0:
        return "reproduced"
    return "opposite" if math.isfinite(low) and low + high > 0 else "not resolved"


def says_nothing_is_ever_opposite(low, high, direction):
    return "reproduced" if (high < 0 if direction < 0 else low > 0) else "not resolved"


def b_from_the_other_end(a, b, drawn, level):
    means = a[drawn].mean(axis=1) - b[drawn[::-1]].mean(axis=1)
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def b_from_the_draw_before(a, b, drawn, level):
    of_a, of_b = (np.array([x[row].mean() for row in drawn]) for x in (a, b))
    means = [of_a[i] - of_b[i - 1] for i in range(len(drawn))]
    return np.quantile(means, (1 - level) / 2), np.quantile(means, (1 + level) / 2)


def b_from_draws_of_its_own(a, b, drawn, level):
    again = np.random.randint(0, len(b), drawn.shape)
    means = a[drawn].mean(axis=1) - b[again].mean(axis=1)
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def only_a_drawn(a, b, drawn, level):
    means = a[drawn].mean(axis=1) - b.mean()
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def only_b_drawn(a, b, drawn, level):
    means = [a.mean() - b[row].mean() for row in drawn]
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def intervals_subtracted(a, b, drawn, level):
    q = np.array([(1 - level) / 2, (1 + level) / 2])
    low_a, high_a = np.quantile(a[drawn].mean(1), q)
    low_b, high_b = np.quantile(b[drawn].mean(1), q)
    return low_a - low_b, high_a - high_b


def each_picture_once(a, b, drawn, level):
    means = [np.mean([a[i] - b[i] for i in set(row.tolist())]) for row in drawn]
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def shuffled_not_drawn(a, b, drawn, level):
    rng = np.random.default_rng(0)
    orders = [rng.permutation(len(a)) for _ in drawn]
    means = [(a[order] - b[order]).mean() for order in orders]
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def both_tails_whole(a, b, drawn, level):
    means = (a - b)[drawn].mean(axis=1)
    return np.quantile(means, 1 - level), np.quantile(means, level)


def lower_tail_kept(a, b, drawn, level):
    means = (a - b)[drawn].mean(axis=1)
    return means.min(), np.quantile(means, level)


def upper_tail_kept(a, b, drawn, level):
    means = (a - b)[drawn].mean(axis=1)
    return np.quantile(means, 1 - level), means.max()


def level_cut_off(a, b, drawn, level):
    means = (a - b)[drawn].mean(axis=1)
    return np.quantile(means, level / 2), np.quantile(means, 1 - level / 2)


def always_95(a, b, drawn, level):
    means = (a - b)[drawn].mean(axis=1)
    return tuple(np.percentile(means, [2.5, 97.5]))


def sums_of_draws(a, b, drawn, level):
    sums = (a[drawn] - b[drawn]).sum(axis=1)
    return tuple(np.quantile(sums, [(1 - level) / 2, (1 + level) / 2]))


def averaged_over_draws(a, b, drawn, level):
    means = (a[drawn] - b[drawn]).mean(axis=0)
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def single_pictures(a, b, drawn, level):
    return tuple(np.quantile((a - b)[drawn], [(1 - level) / 2, (1 + level) / 2]))


def no_draws(a, b, drawn, level):
    return tuple(np.quantile(a - b, [(1 - level) / 2, (1 + level) / 2]))


def medians_of_draws(a, b, drawn, level):
    medians = np.median((a - b)[drawn], axis=1)
    return tuple(np.quantile(medians, [(1 - level) / 2, (1 + level) / 2]))


def b_less_a(a, b, drawn, level):
    means = (b - a)[drawn].mean(axis=1)
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def differences_without_signs(a, b, drawn, level):
    means = abs(a - b)[drawn].mean(axis=1)
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def means_without_signs(a, b, drawn, level):
    means = abs((a - b)[drawn].mean(axis=1))
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def in_points(a, b, drawn, level):
    means = 100 * (a - b)[drawn].mean(axis=1)
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def two_deviations(a, b, drawn, level):
    spread = (a - b)[drawn].mean(axis=1).std()
    middle = a.mean() - b.mean()
    return middle - 1.96 * spread, middle + 1.96 * spread


def upper_end_first(a, b, drawn, level):
    means = (a - b)[drawn].mean(axis=1)
    return tuple(np.quantile(means, [(1 + level) / 2, (1 - level) / 2]))


def subtracts_in_place(a, b, drawn, level):
    a -= b
    means = a[drawn].mean(axis=1)
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def sums_of_both_tails(a, b, drawn, level):
    sums = (b - a)[drawn].sum(axis=1)
    return np.quantile(sums, 1 - level), np.quantile(sums, level)


def _p(i, j):
    return min(1.0, 2 * sum(math.comb(i + j, m) for m in range(min(i, j) + 1)) / 2 ** (i + j))


def _only(wrong_a, wrong_b):
    return int(np.sum((wrong_a == 1) & (wrong_b == 0))), int(np.sum((wrong_a == 0) & (wrong_b == 1)))


def all_that_each_got_wrong(wrong_a, wrong_b):
    i, j = int(np.sum(wrong_a)), int(np.sum(wrong_b))
    return i, j, _p(i, j)


def where_they_agree(wrong_a, wrong_b):
    both = int(np.sum((wrong_a == 1) & (wrong_b == 1)))
    none = int(np.sum((wrong_a == 0) & (wrong_b == 0)))
    return both, none, _p(both, none)


def all_that_each_got_right(wrong_a, wrong_b):
    i, j = int(np.sum(wrong_a == 0)), int(np.sum(wrong_b == 0))
    return i, j, _p(i, j)


def right_for_wrong(wrong_a, wrong_b):
    only_a = int(np.sum((wrong_a == 0) & (wrong_b == 1)))
    only_b = int(np.sum((wrong_a == 1) & (wrong_b == 0)))
    return only_a, only_b, _p(only_a, only_b)


def not_capped(wrong_a, wrong_b):
    i, j = _only(wrong_a, wrong_b)
    return i, j, 2 * sum(math.comb(i + j, m) for m in range(min(i, j) + 1)) / 2 ** (i + j)


def one_sided(wrong_a, wrong_b):
    i, j = _only(wrong_a, wrong_b)
    return i, j, sum(math.comb(i + j, m) * 0.5 ** (i + j) for m in range(min(i, j) + 1))


def is_a_better(wrong_a, wrong_b):
    i, j = _only(wrong_a, wrong_b)
    return i, j, sum(math.comb(i + j, m) for m in range(i + 1)) / 2 ** (i + j)


def is_b_better(wrong_a, wrong_b):
    i, j = _only(wrong_a, wrong_b)
    return i, j, sum(math.comb(i + j, m) for m in range(i, i + j + 1)) / 2 ** (i + j)


def chi_squared(wrong_a, wrong_b):
    i, j = _only(wrong_a, wrong_b)
    chi2 = (i - j) ** 2 / (i + j)
    return i, j, math.erfc(math.sqrt(chi2 / 2))


def chi_squared_with_correction(wrong_a, wrong_b):
    i, j = _only(wrong_a, wrong_b)
    chi2 = max(abs(i - j) - 1, 0) ** 2 / (i + j)
    return i, j, math.erfc(math.sqrt(chi2 / 2))


def two_shares(wrong_a, wrong_b):
    p, q, N = np.mean(wrong_a), np.mean(wrong_b), len(wrong_a)
    share = (np.sum(wrong_a) + np.sum(wrong_b)) / (2 * N)
    z = (p - q) / np.sqrt(share * (1 - share) * (1 / N + 1 / N))
    return *_only(wrong_a, wrong_b), math.erfc(abs(z) / math.sqrt(2))


def n_of_all_pictures(wrong_a, wrong_b):
    i, j = _only(wrong_a, wrong_b)
    n = len(wrong_a)
    return i, j, min(1.0, 2 * sum(math.comb(n, m) for m in range(min(i, j) + 1)) / 2**n)


def range_ends_early(wrong_a, wrong_b):
    i, j = _only(wrong_a, wrong_b)
    return i, j, min(1.0, 2 * sum(math.comb(i + j, m) for m in range(min(i, j))) / 2 ** (i + j))


def this_outcome_alone(wrong_a, wrong_b):
    i, j = _only(wrong_a, wrong_b)
    return i, j, min(1.0, 2 * math.comb(i + j, i) / 2 ** (i + j))


def up_to_the_larger(wrong_a, wrong_b):
    i, j = _only(wrong_a, wrong_b)
    return i, j, min(1.0, 2 * sum(math.comb(i + j, m) for m in range(max(i, j) + 1)) / 2 ** (i + j))


def one_less_p(wrong_a, wrong_b):
    i, j = _only(wrong_a, wrong_b)
    return i, j, 1 - _p(i, j)


def fails_where_nothing_differs(wrong_a, wrong_b):
    i, j = _only(wrong_a, wrong_b)
    return i, j, _p(i, j) if i + j else 0.0


def p_alone(wrong_a, wrong_b):
    return _p(*_only(wrong_a, wrong_b))


def marks_in_place(wrong_a, wrong_b):
    i, j = _only(wrong_a, wrong_b)
    wrong_a[wrong_b == 1] = 0
    return i, j, _p(i, j)


def exchanged_and_one_sided(wrong_a, wrong_b):
    j, i = _only(wrong_a, wrong_b)
    return i, j, sum(math.comb(i + j, m) for m in range(i)) / 2 ** (i + j)


def early_and_one_sided(wrong_a, wrong_b):
    i, j = _only(wrong_a, wrong_b)
    return i, j, sum(math.comb(i + j, m) for m in range(min(i, j))) / 2 ** (i + j)


def rounded_differences(with_it, without):
    differences = np.round(100 * (with_it - without), 1)
    return differences, differences.mean()


def five_or_three(d, t):
    half = t * d.std(ddof=1) / math.sqrt(5 if len(d) > 3 else 3)
    return d.mean() - half, d.mean() + half


def rounded_ends(low, high, direction):
    low, high = np.round([low, high], 1)
    return verdict_by_ends(low, high, direction)


def verdict_by_ends(low, high, direction):
    if low <= 0 <= high:
        return "not resolved"
    return "reproduced" if (low > 0) == (direction > 0) else "opposite"


def zero_alone(low, high, direction):
    return "opposite" if low == high == 0 else verdict_by_ends(low, high, direction)


def small_is_nothing(low, high, direction):
    return "not resolved" if abs(low + high) < 1 else verdict_by_ends(low, high, direction)


def sorted_and_nearest(a, b, drawn, level):
    means = np.sort((a - b)[drawn].mean(axis=1))
    cut = round((1 - level) / 2 * (len(means) - 1))
    return means[cut], means[-1 - cut]


def sorted_and_cut(a, b, drawn, level):
    means = sorted((a - b)[drawn].mean(axis=1))
    return means[int(len(means) * (1 - level) / 2)], means[int(len(means) * (1 + level) / 2)]


def all_means(a, b, drawn, level):
    means = a[drawn].mean(axis=1) - b[drawn].mean(axis=1)
    return means.min(), means.max()


def up_to_the_largest(a, b, drawn, level):
    means = a[drawn].mean(axis=1) - b[drawn].mean(axis=1)
    return np.quantile(means, 0.5 - level / 2), max(means)


def percent_for_a_share(a, b, drawn, level):
    means = (a - b)[drawn].mean(1)
    return np.percentile(means, (1 - level) / 2), np.percentile(means, (1 + level) / 2)


def one_mean_for_both_ends(a, b, drawn, level):
    mean = (a - b)[drawn].mean()
    return np.quantile(mean, (1 - level) / 2), np.quantile(mean, (1 + level) / 2)


def power_overflows(wrong_a, wrong_b):
    i, j = (wrong_a > wrong_b).sum(), (wrong_b > wrong_a).sum()
    n = i + j
    return i, j, min(1.0, 2 * sum(math.comb(n, k) for k in range(min(i, j) + 1)) / 2**n)


def chi2_if_many(wrong_a, wrong_b):
    i, j = int((wrong_a > wrong_b).sum()), int((wrong_b > wrong_a).sum())
    n = i + j
    if n > 25:
        return i, j, math.erfc((abs(i - j) - 1) / math.sqrt(2 * n))
    return i, j, min(1.0, 2 * sum(math.comb(n, k) for k in range(min(i, j) + 1)) / 2**n)


def divided_by_one_less(with_it, without):
    differences = 100 * (with_it - without)
    return differences, differences.sum() / (differences.size - 1)


# ---------------------------------------------------------------------------------------------- right but for a corner


def squeezed_differences(with_it, without):
    d = np.squeeze(100 * (with_it - without))
    return d, d.mean()


def t_of_many(d, t):
    if len(d) >= 30:
        t = 1.96
    half = t * np.sqrt(((d - d.mean()) ** 2).sum() / (len(d) - 1) / len(d))
    return d.mean() - half, d.mean() + half


def without_lost_runs(with_it, without):
    d = 100 * (with_it - without)
    return d, np.nanmean(d)


def by_the_mean_of_squares(d, t):
    n, mean = len(d), d.mean()
    half = t * math.sqrt(max(((d**2).sum() - n * mean**2) / (n - 1) / n, 0))
    return mean - half, mean + half


def levels_up_to_999(a, b, drawn, level):
    means, level = (a - b)[drawn].mean(axis=1), min(level, 0.999)
    return np.quantile(means, (1 - level) / 2), np.quantile(means, (1 + level) / 2)


def by_unsigned_differences(wrong_a, wrong_b):
    d = wrong_a - wrong_b
    i, j = int((d == 1).sum()), int((d == -1).sum())
    return i, j, min(1.0, 2 * sum(math.comb(i + j, k) for k in range(min(i, j) + 1)) / 2 ** (i + j))


def for_three_runs(d, t):
    half = t * d.std(ddof=1) / math.sqrt(3)
    return d.mean() - half, d.mean() + half


def about_the_first_run(d, t):
    half = t * np.sqrt(np.sum((d - d[0]) ** 2) / (len(d) - 1) / len(d))
    return d.mean() - half, d.mean() + half


def all_but_the_last_picture(wrong_a, wrong_b):
    pairs = list(zip(wrong_a[:-1].tolist(), wrong_b[:-1].tolist()))
    a, b = sum(u > v for u, v in pairs), sum(v > u for u, v in pairs)
    return a, b, min(1.0, 2 * sum(math.comb(a + b, i) for i in range(min(a, b) + 1)) / 2 ** (a + b))


MUTANTS = [
    ("16-effect", "E1", without_less_with),
    ("16-effect", "E2", sorted_pairs),
    ("16-effect", "E2", every_pair),
    ("16-effect", "E2", against_the_mean),
    ("16-effect", "E2", from_the_mean),
    ("16-effect", "E2", against_the_best),
    ("16-effect", "E2", reversed_seeds),
    ("16-effect", "E3", fractions),
    ("16-effect", "E4", percent_of_the_error),
    ("16-effect", "E4", percent_of_the_new_error),
    ("16-effect", "E5", ratios),
    ("16-effect", "E6", no_signs),
    ("16-effect", "E7", median_effect),
    ("16-effect", "E7", summed_effect),
    ("16-effect", "E7", mean_in_percent_of_the_error),
    ("16-effect", "E7", mean_in_fractions),
    ("16-effect", "E7", best_seed),
    ("16-effect", "unchanged", writes_the_difference_into_with),
    ("16-effect", "whole", whole_points),
    ("16-effect", "E1", sorted_and_turned),
    ("16-effect", "mixed", sorted_and_percent_of_the_error),
    ("16-effect", "line-call", rounded_differences),
    ("16-effect", "E7", divided_by_one_less),
    ("16-interval", "E8", numpys_deviation),
    ("16-interval", "E8", one_less_under_the_root),
    ("16-interval", "E9", no_root_of_n),
    ("16-interval", "E9", over_n),
    ("16-interval", "E9", deviation_alone),
    ("16-interval", "E10", always_1_96),
    ("16-interval", "E10", always_2),
    ("16-interval", "E10", the_textbooks_large_sample),
    ("16-interval", "E10", one_standard_error),
    ("16-interval", "E11", variance_for_deviation),
    ("16-interval", "E11", variance_of_the_mean),
    ("16-interval", "E12", half_as_wide),
    ("16-interval", "E12", twice_as_wide),
    ("16-interval", "E13", about_zero),
    ("16-interval", "E13", about_the_median),
    ("16-interval", "E14", deviations_from_zero),
    ("16-interval", "E14", deviations_from_zero_over_n_less_1),
    ("16-interval", "E14", absolute_deviations),
    ("16-interval", "E15", high_first),
    ("16-interval", "E15", mean_and_half),
    ("16-interval", "E13", minus_and_plus),
    ("16-interval", "E16", percentiles_of_seeds),
    ("16-interval", "E16", smallest_and_largest),
    ("16-interval", "unchanged", centres_in_place),
    ("16-interval", "kind", one_number),
    ("16-interval", "ignored", sum_for_mean_of_large_sample),
    ("16-interval", None, five_or_three),
    ("16-verdict", "E18", sign_of_the_mean),
    ("16-verdict", "E19", null_is_opposite),
    ("16-verdict", "E19", null_is_reproduced),
    ("16-verdict", "E17", null_is_no_effect),
    ("16-verdict", "E20", always_fewer_errors),
    ("16-verdict", "E20", always_more),
    ("16-verdict", "E20", significant),
    ("16-verdict", "E20", sides_exchanged),
    ("16-verdict", "E21", ends_not_exchanged),
    ("16-verdict", "E21", one_end_is_enough),
    ("16-verdict", "E22", zero_is_outside),
    ("16-verdict", "E23", zero_inside_reproduces),
    ("16-verdict", "E17", capital_letters),
    ("16-verdict", "E17", says_true),
    ("16-verdict", "E17", says_nothing),
    ("16-verdict", "E19", says_nothing_is_ever_opposite),
    ("16-verdict", "E24", opposite_at_a_mean_above_0),
    ("16-verdict", "E24", rounded_ends),
    ("16-verdict", "E24", zero_alone),
    ("16-verdict", "E24", small_is_nothing),
    ("16-bootstrap", "E25", b_from_the_other_end),
    ("16-bootstrap", "E25", b_from_the_draw_before),
    ("16-bootstrap", "twice", b_from_draws_of_its_own),
    ("16-bootstrap", "E25", only_a_drawn),
    ("16-bootstrap", "E25", only_b_drawn),
    ("16-bootstrap", "E25", intervals_subtracted),
    ("16-bootstrap", "E26", each_picture_once),
    ("16-bootstrap", "E26", shuffled_not_drawn),
    ("16-bootstrap", "E27", both_tails_whole),
    ("16-bootstrap", "E27", lower_tail_kept),
    ("16-bootstrap", "E27", upper_tail_kept),
    ("16-bootstrap", "E27", level_cut_off),
    ("16-bootstrap", "E27", always_95),
    ("16-bootstrap", "E28", sums_of_draws),
    ("16-bootstrap", "E28", averaged_over_draws),
    ("16-bootstrap", "E28", single_pictures),
    ("16-bootstrap", "E28", no_draws),
    ("16-bootstrap", "E28", medians_of_draws),
    ("16-bootstrap", "E29", b_less_a),
    ("16-bootstrap", "E29", differences_without_signs),
    ("16-bootstrap", "E29", means_without_signs),
    ("16-bootstrap", "E29", in_points),
    ("16-bootstrap", "E30", two_deviations),
    ("16-bootstrap", "E31", upper_end_first),
    ("16-bootstrap", "unchanged", subtracts_in_place),
    ("16-bootstrap", None, sums_of_both_tails),
    ("16-bootstrap", "E40", sorted_and_nearest),
    ("16-bootstrap", "E40", sorted_and_cut),
    ("16-bootstrap", "E27", all_means),
    ("16-bootstrap", "E27", up_to_the_largest),
    ("16-bootstrap", "E27", percent_for_a_share),
    ("16-bootstrap", "E28", one_mean_for_both_ends),
    ("16-mcnemar", "E32", all_that_each_got_wrong),
    ("16-mcnemar", "E32", where_they_agree),
    ("16-mcnemar", "E32", all_that_each_got_right),
    ("16-mcnemar", "E33", right_for_wrong),
    ("16-mcnemar", "E34", not_capped),
    ("16-mcnemar", "E35", one_sided),
    ("16-mcnemar", "E35", is_a_better),
    ("16-mcnemar", "E35", is_b_better),
    ("16-mcnemar", "E36", chi_squared),
    ("16-mcnemar", "E36", chi_squared_with_correction),
    ("16-mcnemar", "E36", two_shares),
    ("16-mcnemar", "E37", n_of_all_pictures),
    ("16-mcnemar", "E38", range_ends_early),
    ("16-mcnemar", "E38", this_outcome_alone),
    ("16-mcnemar", "E38", up_to_the_larger),
    ("16-mcnemar", "E38", one_less_p),
    ("16-mcnemar", "E39", fails_where_nothing_differs),
    ("16-mcnemar", "unchanged", marks_in_place),
    ("16-mcnemar", "kind", p_alone),
    ("16-mcnemar", "E33", exchanged_and_one_sided),
    ("16-mcnemar", "two: line-range + E35", early_and_one_sided),
    ("16-mcnemar", "E41", power_overflows),
    ("16-mcnemar", "line-condition", chi2_if_many),
    ("16-effect", "one", squeezed_differences),
    ("16-interval", "many", t_of_many),
    ("16-effect", "case", without_lost_runs),
    ("16-interval", "far", by_the_mean_of_squares),
    ("16-bootstrap", "case", levels_up_to_999),
    ("16-mcnemar", "unsigned", by_unsigned_differences),
    ("16-interval", None, for_three_runs),
    ("16-interval", None, about_the_first_run),
    ("16-mcnemar", "edit-loop", all_but_the_last_picture),
]

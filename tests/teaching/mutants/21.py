"""Wrong answers for lesson 21, as learners write them, each with the id of the mistake that it must be told."""

import math

import numpy as np

# ---------------------------------------------------------------------------------------------- reliability


def _by(place, confidence, right, bins):
    count, mean, share = np.zeros(bins, int), np.full(bins, np.nan), np.full(bins, np.nan)
    for b in range(bins):
        here = place == b
        count[b] = here.sum()
        if here.any():
            mean[b], share[b] = confidence[here].mean(), right[here].mean()
    return count, mean, share


def _place(confidence, bins):
    return np.maximum(np.ceil(confidence * bins).astype(int) - 1, 0)


def lower_ends(confidence, right, bins):
    return _by(np.minimum((confidence * bins).astype(int), bins - 1), confidence, right, bins)


def by_digitize(confidence, right, bins):
    return _by(np.digitize(confidence, np.arange(bins + 1) / bins) - 1, confidence, right, bins)


def zero_is_lost(confidence, right, bins):
    return _by(np.ceil(confidence * bins).astype(int) - 1, confidence, right, bins)


def rounded_to_a_border(confidence, right, bins):
    return _by(np.minimum(np.round(confidence * bins).astype(int), bins - 1), confidence, right, bins)


def one_bin_on(confidence, right, bins):
    return _by(np.minimum(np.ceil(confidence * bins).astype(int), bins - 1), confidence, right, bins)


def equally_full(confidence, right, bins):
    place = np.empty(len(confidence), int)
    place[np.argsort(confidence)] = np.arange(len(confidence)) * bins // len(confidence)
    return _by(place, confidence, right, bins)


def from_lowest_to_highest(confidence, right, bins):
    span = (confidence - confidence.min()) / (confidence.max() - confidence.min())
    return _by(_place(span, bins), confidence, right, bins)


def middles(confidence, right, bins):
    count, _, share = _by(_place(confidence, bins), confidence, right, bins)
    return count, (np.arange(bins) + 0.5) / bins, share


def upper_ends_for_means(confidence, right, bins):
    count, _, share = _by(_place(confidence, bins), confidence, right, bins)
    return count, np.linspace(0, 1, bins + 1)[1:], share


def medians(confidence, right, bins):
    count, mean, share = _by(_place(confidence, bins), confidence, right, bins)
    for b in range(bins):
        if count[b]:
            mean[b] = np.median(confidence[_place(confidence, bins) == b])
    return count, mean, share


def share_of_wrong(confidence, right, bins):
    return _by(_place(confidence, bins), confidence, ~right, bins)


def number_of_right(confidence, right, bins):
    count, mean, share = _by(_place(confidence, bins), confidence, right, bins)
    return count, mean, share * count


def share_of_all(confidence, right, bins):
    count, mean, share = _by(_place(confidence, bins), confidence, right, bins)
    return count, mean, share * count / len(confidence)


def share_of_all_right(confidence, right, bins):
    count, mean, _ = _by(_place(confidence, bins), confidence, right, bins)
    hits = np.array([(right & (_place(confidence, bins) == b)).sum() for b in range(bins)])
    return count, mean, hits / right.sum()


def zeros_for_nothing(confidence, right, bins):
    count, mean, share = _by(_place(confidence, bins), confidence, right, bins)
    return count, np.nan_to_num(mean), np.nan_to_num(share)


def empty_left_out(confidence, right, bins):
    count, mean, share = _by(_place(confidence, bins), confidence, right, bins)
    return count[count > 0], mean[count > 0], share[count > 0]


def shares_for_counts(confidence, right, bins):
    count, mean, share = _by(_place(confidence, bins), confidence, right, bins)
    return count / count.sum(), mean, share


def counted_up(confidence, right, bins):
    count, mean, share = _by(_place(confidence, bins), confidence, right, bins)
    return np.cumsum(count), mean, share


def without_minlength(confidence, right, bins):
    place = _place(confidence, bins)
    count = np.bincount(place)
    return count, np.bincount(place, confidence) / count, np.bincount(place, right) / count


def means_of_the_right(confidence, right, bins):
    count, mean, share = _by(_place(confidence, bins), confidence, right, bins)
    for b in range(bins):
        mean[b] = confidence[(_place(confidence, bins) == b) & right].mean()
    return count, mean, share


def by_histogram(confidence, right, bins):
    count, borders = np.histogram(confidence, bins)
    hits, _ = np.histogram(confidence, bins, weights=right)
    return count, np.histogram(confidence, bins, weights=confidence)[0] / count, hits / count


def float_counts(confidence, right, bins):
    count, mean, share = _by(_place(confidence, bins), confidence, right, bins)
    return count.astype(float), mean, share


# ---------------------------------------------------------------------------------------------- calibration error


def nan_for_empty(count, mean, share):
    return np.sum(count / np.sum(count) * abs(share - mean))


def bins_alike(count, mean, share):
    return np.nanmean(abs(share - mean))


def all_bins_alike(count, mean, share):
    total = 0
    for n, m, s in zip(count, mean, share):
        if n > 0:
            total += abs(s - m)
    return total / len(count)


def not_divided(count, mean, share):
    return np.nansum(count * abs(share - mean))


def divided_by_bins(count, mean, share):
    return np.nansum(count * abs(share - mean)) / len(count)


def divided_by_full_bins(count, mean, share):
    return np.nansum(count * abs(share - mean)) / (count > 0).sum()


def without_weights(count, mean, share):
    return np.nansum(abs(share - mean))


def signs_kept(count, mean, share):
    return np.nansum(count * (share - mean)) / count.sum()


def signs_kept_the_other_way(count, mean, share):
    return np.nansum(count * (mean - share)) / count.sum()


def absolute_too_late(count, mean, share):
    return abs(np.nansum(count * (share - mean)) / count.sum())


def bins_of_one_left_out(count, mean, share):
    few = count > 1
    return (count[few] * abs(share[few] - mean[few])).sum() / count[few].sum()


def squared(count, mean, share):
    return np.nansum(count * (share - mean) ** 2) / count.sum()


def root_of_the_squares(count, mean, share):
    return np.sqrt(np.nansum(count * (share - mean) ** 2) / count.sum())


def the_largest(count, mean, share):
    return np.nanmax(abs(share - mean))


def in_per_cent(count, mean, share):
    return 100 * np.nansum(count * abs(share - mean)) / count.sum()


def share_alone(count, mean, share):
    return np.nansum(count * share) / count.sum()


def doubt_for_confidence(count, mean, share):
    return np.nansum(count * abs(share - (1 - mean))) / count.sum()


# ---------------------------------------------------------------------------------------------- tempered


def _softmax(s):
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def multiplied(p, T):
    return _softmax(np.log(p) * T)


def powers_of_T(p, T):
    powers = p**T
    return powers / powers.sum(axis=1, keepdims=True)


def softmax_of_probabilities(p, T):
    return _softmax(p / T)


def scaled_back(p, T):
    scaled = p / T
    return scaled / scaled.sum(axis=1, keepdims=True)


def divided(p, T):
    return p / T


def not_normalised(p, T):
    return np.power(p, 1 / T)


def scores_returned(p, T):
    return np.log(p) / T


def over_pictures(p, T):
    powers = p ** (1 / T)
    return powers / powers.sum(axis=0)


def over_everything(p, T):
    powers = p ** (1 / T)
    return powers / powers.sum()


def by_the_largest(p, T):
    powers = p ** (1 / T)
    return powers / powers.max(axis=1, keepdims=True)


def a_small_number(p, T):
    return _softmax(np.log(p + 1e-8) / T)


def log_odds(p, T):
    return _softmax((np.log(p) - np.log(1 - p)) / T)


def base_two(p, T):
    return _softmax(np.log2(p) / T)


def minus_log(p, T):
    return _softmax(-np.log(p) / T)


def softmax_without_T(p, T):
    e = np.exp(p) / T
    return e / e.sum(axis=1, keepdims=True)


def T_subtracted(p, T):
    return _softmax(np.log(p) - T)


# ---------------------------------------------------------------------------------------------- slope


def _q(p, T):
    q = p ** (1 / T)
    return q / q.sum(axis=1, keepdims=True)


def _of_labels(z, labels):
    return z[np.arange(len(z)), labels]


def climbing(p, labels, T):
    z = np.log(p)
    return ((_q(p, T) * z).sum(axis=1) - _of_labels(z, labels)).mean() / T**2


def no_square(p, labels, T):
    z = np.log(p)
    return (_of_labels(z, labels) - (_q(p, T) * z).sum(axis=1)).mean() / T


def by_one_over_T(p, labels, T):
    z = np.log(p)
    return ((_q(p, T) * z).sum(axis=1) - _of_labels(z, labels)).mean()


def no_T_at_all(p, labels, T):
    z = np.log(p)
    return (_of_labels(z, labels) - (_q(p, T) * z).sum(axis=1)).mean()


def times_the_square(p, labels, T):
    z = np.log(p)
    return (_of_labels(z, labels) - (_q(p, T) * z).sum(axis=1)).mean() * T * T


def untempered(p, labels, T):
    z = np.log(p)
    return (_of_labels(z, labels) - (p * z).sum(axis=1)).mean() / T**2


def all_classes_alike(p, labels, T):
    z = np.log(p)
    return (_of_labels(z, labels) - z.mean(axis=1)).mean() / T**2


def labels_alone(p, labels, T):
    return _of_labels(np.log(p), labels).mean() / T**2


def T_to_the_third(p, labels, T):
    z = np.log(p)
    return (_of_labels(z, labels) - (_q(p, T) * z).sum(axis=1)).mean() / T**3


def logs_of_the_tempered(p, labels, T):
    z = np.log(_q(p, T))
    return (_of_labels(z, labels) - (_q(p, T) * z).sum(axis=1)).mean() / T**2


def answers_for_labels(p, labels, T):
    z = np.log(p)
    return (z.max(axis=1) - (_q(p, T) * z).sum(axis=1)).mean() / T**2


def summed(p, labels, T):
    z = np.log(p)
    return (_of_labels(z, labels) - (_q(p, T) * z).sum(axis=1)).sum() / T**2


def over_classes_too(p, labels, T):
    d = _q(p, T)
    d[np.arange(len(p)), labels] -= 1
    return -(d * np.log(p)).mean() / T**2


def every_label_for_all(p, labels, T):
    z = np.log(p)
    return (z[:, labels].mean() - (_q(p, T) * z).sum(axis=1).mean()) / T**2


def lesson_02s_gradient(p, labels, T):
    d = _q(p, T)
    d[np.arange(len(p)), labels] -= 1
    return d.mean()


def the_loss(p, labels, T):
    return -np.log(_of_labels(_q(p, T), labels)).mean()


# ---------------------------------------------------------------------------------------------- crossing


def wrong_half(f, low, high, steps):
    for _ in range(steps):
        middle = (low + high) / 2
        if f(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def last_middle(f, low, high, steps):
    for _ in range(steps):
        middle = (low + high) / 2
        if f(middle) < 0:
            low = middle
        else:
            high = middle
    return middle


def lower_end(f, low, high, steps):
    for _ in range(steps):
        middle = (low + high) / 2
        if f(middle) < 0:
            low = middle
        else:
            high = middle
    return low


def upper_end(f, low, high, steps):
    for _ in range(steps):
        middle = (low + high) / 2
        if f(middle) < 0:
            low = middle
        else:
            high = middle
    return high


def once_too_often(f, low, high, steps):
    for _ in range(steps + 1):
        middle = (low + high) / 2
        if f(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def never_halved(f, low, high, steps):
    for _ in range(steps):
        middle = (low + high) / 2
        f(middle)
    return middle


def value_at_the_place(f, low, high, steps):
    for _ in range(steps):
        middle = (low + high) / 2
        if f(middle) < 0:
            low = middle
        else:
            high = middle
    return f((low + high) / 2)


def straight_line(f, low, high, steps):
    for _ in range(steps):
        place = (low * f(high) - high * f(low)) / (f(high) - f(low))
        if f(place) < 0:
            low = place
        else:
            high = place
    return (low + high) / 2


def high_stays(f, low, high, steps):
    for _ in range(steps):
        middle = (low + high) / 2
        if f(middle) < 0:
            low = middle
    return (low + high) / 2


def low_stays(f, low, high, steps):
    for _ in range(steps):
        middle = (low + high) / 2
        if f(middle) > 0:
            high = middle
    return (low + high) / 2


def geometric_middle(f, low, high, steps):
    for _ in range(steps):
        middle = (low * high) ** 0.5
        if f(middle) < 0:
            low = middle
        else:
            high = middle
    return (low * high) ** 0.5


# ---------------------------------------------------------------------------------------------- risk and coverage


def _groups(confidence, wrong):
    threshold = np.unique(confidence)[::-1]
    answered = np.array([(confidence >= t).sum() for t in threshold])
    errors = np.array([wrong[confidence >= t].sum() for t in threshold])
    return threshold, answered, errors


def least_sure_first(confidence, wrong):
    threshold = np.unique(confidence)
    answered = np.array([(confidence <= t).sum() for t in threshold])
    errors = np.array([wrong[confidence <= t].sum() for t in threshold])
    return threshold, answered / len(confidence), errors / answered


def upside_down(confidence, wrong):
    threshold = np.unique(confidence)
    here = [confidence >= t for t in threshold]
    return threshold, np.array([h.mean() for h in here]), np.array([wrong[h].mean() for h in here])


def each_picture_alone(confidence, wrong):
    order = np.argsort(confidence, kind="stable")[::-1]
    order = np.argsort(-confidence, kind="stable")
    n = np.arange(len(order)) + 1
    return confidence[order], n / len(order), wrong[order].cumsum() / n


def risk_of_all(confidence, wrong):
    threshold, answered, errors = _groups(confidence, wrong)
    return threshold, answered / len(confidence), errors / len(confidence)


def risk_of_all_errors(confidence, wrong):
    threshold, answered, errors = _groups(confidence, wrong)
    return threshold, answered / len(confidence), errors / wrong.sum()


def share_that_is_right(confidence, wrong):
    threshold, answered, errors = _groups(confidence, wrong)
    return threshold, answered / len(confidence), 1 - errors / answered


def errors_counted(confidence, wrong):
    threshold, answered, errors = _groups(confidence, wrong)
    return threshold, answered / len(confidence), errors


def risk_of_each_alone(confidence, wrong):
    threshold, answered, _ = _groups(confidence, wrong)
    return threshold, answered / len(confidence), np.array([wrong[confidence == t].mean() for t in threshold])


def pictures_counted(confidence, wrong):
    threshold, answered, errors = _groups(confidence, wrong)
    return threshold, answered, errors / answered


def share_not_answered(confidence, wrong):
    threshold, answered, errors = _groups(confidence, wrong)
    return threshold, (len(confidence) - answered) / len(confidence), errors / answered


def right_answers_only(confidence, wrong):
    threshold, answered, errors = _groups(confidence, wrong)
    return threshold, (answered - errors) / len(confidence), errors / answered


def risk_of_the_rejected(confidence, wrong):
    threshold, answered, _ = _groups(confidence, wrong)
    rejected = [confidence < t for t in threshold]
    return threshold, answered / len(confidence), np.array([wrong[r].mean() if r.any() else 0 for r in rejected])


def the_largest_risk_so_far(confidence, wrong):
    threshold, answered, errors = _groups(confidence, wrong)
    return threshold, answered / len(confidence), np.maximum.accumulate(errors / answered)


def above_the_threshold(confidence, wrong):
    threshold = np.unique(confidence)[::-1]
    answered = np.array([(confidence > t).sum() for t in threshold])
    errors = np.array([wrong[confidence > t].sum() for t in threshold])
    return threshold, answered / len(confidence), errors / np.maximum(1, answered)


def wrong_not_sorted(confidence, wrong):
    falling, errors = np.sort(confidence)[::-1], np.cumsum(wrong)
    last = np.append(np.diff(falling) != 0, True)
    n = np.arange(1, len(falling) + 1)[last]
    return falling[last], n / len(falling), errors[last] / n


# ---------------------------------------------------------------------------------------------- allowed errors


def _tails(n, risk):
    p = [math.comb(n, k) * risk**k * (1 - risk) ** (n - k) for k in range(n + 1)]
    return np.cumsum(p), np.array(p)


def risk_times_n(N, risk, level):
    return (risk * np.arange(N + 1)).astype(int)


def compared_with_level(N, risk, level):
    return np.array([(_tails(n, risk)[0] <= level).sum() - 1 for n in range(N + 1)])


def two_sided(N, risk, level):
    return np.array([(_tails(n, risk)[0] <= (1 - level) / 2).sum() - 1 for n in range(N + 1)])


def one_too_many(N, risk, level):
    return np.array([(_tails(n, risk)[0] <= 1 - level).sum() for n in range(N + 1)])


def one_too_few(N, risk, level):
    found = np.array([(_tails(n, risk)[0] <= 1 - level).sum() - 1 for n in range(N + 1)])
    return np.where(found >= 0, found - 1, -1)


def exactly_k(N, risk, level):
    allowed = []
    for n in range(N + 1):
        k = 0
        while k <= n and _tails(n, risk)[1][k] <= 1 - level:
            k += 1
        allowed.append(k - 1)
    return np.array(allowed)


def never_below_zero(N, risk, level):
    return np.array([max(0, (_tails(n, risk)[0] <= 1 - level).sum() - 1) for n in range(N + 1)])


def from_one_on(N, risk, level):
    return np.array([(_tails(n, risk)[0] <= 1 - level).sum() - 1 for n in range(1, N + 1)])


def up_to_N_less_one(N, risk, level):
    return np.array([(_tails(n, risk)[0] <= 1 - level).sum() - 1 for n in range(N)])


def by_poisson(N, risk, level):
    allowed = np.full(N + 1, -1)
    for n in range(N + 1):
        chance = 0
        for k in range(n + 1):
            chance += math.exp(-n * risk) * (n * risk) ** k / math.factorial(k)
            if chance > 1 - level:
                break
            allowed[n] = k
    return allowed


def right_for_wrong(N, risk, level):
    return np.array([(_tails(n, 1 - risk)[0] <= 1 - level).sum() - 1 for n in range(N + 1)])


def how_many_right(N, risk, level):
    return np.array([n + 1 - (_tails(n, risk)[0] <= 1 - level).sum() for n in range(N + 1)])


def nan_for_none(N, risk, level):
    allowed = np.full(N + 1, np.nan)
    for n in range(N + 1):
        good = np.flatnonzero(_tails(n, risk)[0] <= 1 - level)
        if len(good):
            allowed[n] = good[-1]
    return allowed


def float_allowance(N, risk, level):
    allowed = np.zeros(N + 1)
    for n in range(N + 1):
        allowed[n] = (_tails(n, risk)[0] <= 1 - level).sum() - 1
    return allowed


# ---------------------------------------------------------------------------------------------- threshold


def stops_at_a_failure(confidence, wrong, allowed):
    best = np.inf
    for t, n, e in zip(*_groups(confidence, wrong)):
        if allowed[n] == -1:
            continue
        if e > allowed[n]:
            return best
        best = t
    return best


def stops_at_once(confidence, wrong, allowed):
    best = np.inf
    for t, n, e in zip(*_groups(confidence, wrong)):
        if e > allowed[n]:
            break
        best = t
    return best


def highest(confidence, wrong, allowed):
    for t, n, e in zip(*_groups(confidence, wrong)):
        if e <= allowed[n]:
            return t
    return np.inf


def fewer_than_allowed(confidence, wrong, allowed):
    threshold, answered, errors = _groups(confidence, wrong)
    return threshold[errors < allowed[answered]].min(initial=np.inf)


def those_that_fail(confidence, wrong, allowed):
    threshold, answered, errors = _groups(confidence, wrong)
    return threshold[errors > allowed[answered]].min(initial=np.inf)


def ties_cut(confidence, wrong, allowed):
    order = np.argsort(-confidence, kind="stable")
    passed = np.cumsum(wrong[order]) <= allowed[1:]
    return confidence[order][passed].min(initial=np.inf)


def strictly_above(confidence, wrong, allowed):
    best = np.inf
    for t in np.unique(confidence)[::-1]:
        here = confidence > t
        if wrong[here].sum() <= allowed[here.sum()]:
            best = t
    return best


def allowed_of_all(confidence, wrong, allowed):
    threshold, answered, errors = _groups(confidence, wrong)
    return threshold[errors <= allowed[-1]].min(initial=np.inf)


def one_entry_short(confidence, wrong, allowed):
    threshold, answered, errors = _groups(confidence, wrong)
    return threshold[errors <= allowed[answered - 1]].min(initial=np.inf)


def from_the_unsure(confidence, wrong, allowed):
    best = -np.inf
    for t in np.unique(confidence):
        here = confidence <= t
        if wrong[here].sum() <= allowed[here.sum()]:
            best = t
    return best


def right_ones_counted(confidence, wrong, allowed):
    best = np.inf
    for t in np.unique(confidence)[::-1]:
        here = confidence >= t
        if (~wrong[here]).sum() <= allowed[here.sum()]:
            best = t
    return best


def by_entry(confidence, wrong, allowed):
    best = np.inf
    for i, (t, _, e) in enumerate(zip(*_groups(confidence, wrong)), 1):
        if e <= allowed[i]:
            best = t
    return best


def the_coverage(confidence, wrong, allowed):
    best = 0
    for _, n, e in zip(*_groups(confidence, wrong)):
        if e <= allowed[n]:
            best = n / len(confidence)
    return best


def surest_wrong(confidence, wrong, allowed):
    return confidence[wrong].max()


def looked_up_by_errors(confidence, wrong, allowed):
    best = np.inf
    for t, n, e in zip(*_groups(confidence, wrong)):
        if n <= allowed[e]:
            best = t
    return best


def nothing_if_none(confidence, wrong, allowed):
    threshold, answered, errors = _groups(confidence, wrong)
    good = threshold[errors <= allowed[answered]]
    return good[-1] if len(good) else 1.0


# ---------------------------------------------------------------------------------------------- distance


def _below(values, at):
    return np.array([(values <= v).mean() for v in at])


def of_means(window, reference):
    return abs(np.mean(window) - np.mean(reference))


def means_in_deviations(window, reference):
    return abs(window.mean() - reference.mean()) / reference.std()


def of_quantiles(window, reference):
    q = np.linspace(0, 1, 101)
    return abs(np.quantile(window, q) - np.quantile(reference, q)).max()


def window_above_only(window, reference):
    at = np.concatenate([window, reference])
    return (_below(window, at) - _below(reference, at)).max()


def reference_above_only(window, reference):
    at = np.concatenate([window, reference])
    return (_below(reference, at) - _below(window, at)).max()


def at_the_window(window, reference):
    return abs(_below(window, window) - _below(reference, window)).max()


def at_the_reference(window, reference):
    return abs(_below(window, reference) - _below(reference, reference)).max()


def at_twenty_places(window, reference):
    at = np.linspace(min(window.min(), reference.min()), max(window.max(), reference.max()), 20)
    return abs(_below(window, at) - _below(reference, at)).max()


def at_a_thousand_places(window, reference):
    at = np.linspace(min(window.min(), reference.min()), max(window.max(), reference.max()), 100_000)
    below = [np.searchsorted(np.sort(values), at, side="right") / len(values) for values in (window, reference)]
    return abs(below[0] - below[1]).max()


def mean_gap(window, reference):
    at = np.concatenate([window, reference])
    return abs(_below(window, at) - _below(reference, at)).mean()


def sum_of_gaps(window, reference):
    at = np.concatenate([window, reference])
    return abs(_below(window, at) - _below(reference, at)).sum()


def squared_gap(window, reference):
    at = np.concatenate([window, reference])
    return ((_below(window, at) - _below(reference, at)) ** 2).max()


def both_signs(window, reference):
    at = np.concatenate([window, reference])
    gap = _below(window, at) - _below(reference, at)
    return gap.max() - gap.min()


def below_for_the_window(window, reference):
    at = np.concatenate([window, reference])
    return max(abs((window < v).mean() - (reference <= v).mean()) for v in at)


def counts_compared(window, reference):
    at = np.concatenate([window, reference])
    return max(abs((window <= v).sum() - (reference <= v).sum()) for v in at)


def one_divisor(window, reference):
    at = np.concatenate([window, reference])
    return max(abs((window <= v).sum() - (reference <= v).sum()) / len(window) for v in at)


def not_sorted(window, reference):
    at = np.concatenate([window, reference])
    below = [np.searchsorted(values, at, side="right") / len(values) for values in (window, reference)]
    return np.abs(below[0] - below[1]).max()


# ---------------------------------------------------------------------------------------------- alarm


def _distance(window, reference):
    at = np.concatenate([window, reference])
    return np.abs(_below(window, at) - _below(reference, at)).max()


def _pairs(values, windows, references):
    return [_distance(values[w], values[r]) for w, r in zip(windows, references)]


def reference_as_the_truth(values, windows, references, rate):
    return np.quantile([_distance(values[w], values) for w in windows], 1 - rate)


def windows_forgotten(values, windows, references, rate):
    return np.quantile([_distance(values, values[r]) for r in references], 1 - rate)


def quantile_of_the_rate(values, windows, references, rate):
    return np.quantile(_pairs(values, windows, references), rate)


def half_the_rate(values, windows, references, rate):
    return np.quantile(_pairs(values, windows, references), 1 - rate / 2)


def the_largest_drawn(values, windows, references, rate):
    return max(_pairs(values, windows, references))


def percentile_of_a_share(values, windows, references, rate):
    return np.percentile(_pairs(values, windows, references), 1 - rate)


def mean_of_the_drawn(values, windows, references, rate):
    return np.mean(_pairs(values, windows, references))


def three_deviations(values, windows, references, rate):
    distances = np.array(_pairs(values, windows, references))
    return distances.mean() + 3 * distances.std()


def one_of_the_sorted(values, windows, references, rate):
    distances = sorted(_pairs(values, windows, references))
    return distances[int((1 - rate) * len(distances))]


def places_for_values(values, windows, references, rate):
    return np.quantile([_distance(w, r) for w, r in zip(windows, references)], 1 - rate)


def all_draws_together(values, windows, references, rate):
    return np.quantile(_distance(values[windows].ravel(), values[references].ravel()), 1 - rate)


def first_reference(values, windows, references, rate):
    return np.quantile([_distance(values[w], values[references[0]]) for w in windows], 1 - rate)


def every_pair(values, windows, references, rate):
    return np.quantile([_distance(values[w], values[r]) for w in windows for r in references], 1 - rate)


def means_compared(values, windows, references, rate):
    return np.quantile(abs(values[windows].mean(axis=1) - values[references].mean(axis=1)), 1 - rate)


# ---------------------------------------------------------------------------------------------- report


def _with(**changed):
    found = {"phone": ("re-compressed", 9), "archive": ("labels shifted", 6), "kiosk": ("camera stuck", 11)}
    return {client: said for client, said in (found | changed).items() if said}


def phone_missed():
    return _with(phone=None)


def archive_by_chance():
    return _with(archive=("only chance", 6))


def archive_other_classes():
    return _with(archive=("other classes", 6))


def kiosk_dark():
    return _with(kiosk=("too dark", 11))


def kiosk_missed():
    return _with(kiosk=None)


def phone_a_day_late():
    return _with(phone=("re-compressed", 10))


def archive_a_day_early():
    return _with(archive=("labels shifted", 5))


def hearts_taken_for_a_trouble():
    return _with(shop=("other classes", 8))


def web_stuck():
    return _with(web=("camera stuck", 6))


def a_list():
    return [("phone", "re-compressed", 9)]


def another_word():
    return _with(phone=("jpeg", 9))


def no_such_client():
    return _with(fax=("too dark", 3))


def two_missed():
    return _with(phone=None, kiosk=None)


MUTANTS = [
    ("21-reliability", "Y1", lower_ends),
    ("21-reliability", "Y1", by_digitize),
    ("21-reliability", "Y1", zero_is_lost),
    ("21-reliability", "Y1", rounded_to_a_border),
    ("21-reliability", "Y1", one_bin_on),
    ("21-reliability", "Y2", equally_full),
    ("21-reliability", "Y2", from_lowest_to_highest),
    ("21-reliability", "Y3", middles),
    ("21-reliability", "Y3", upper_ends_for_means),
    ("21-reliability", "Y3", medians),
    ("21-reliability", "Y4", share_of_wrong),
    ("21-reliability", "Y4", number_of_right),
    ("21-reliability", "Y4", share_of_all),
    ("21-reliability", "Y4", share_of_all_right),
    ("21-reliability", "Y5", zeros_for_nothing),
    ("21-reliability", "Y5", empty_left_out),
    ("21-reliability", "Y6", shares_for_counts),
    ("21-reliability", "Y6", counted_up),
    ("21-reliability", "Y5", without_minlength),
    ("21-reliability", "Y3", means_of_the_right),
    ("21-reliability", "Y2", by_histogram),
    ("21-reliability", "kind", float_counts),
    ("21-ece", "Y10", nan_for_empty),
    ("21-ece", "Y11", bins_alike),
    ("21-ece", "Y11", all_bins_alike),
    ("21-ece", "Y11", not_divided),
    ("21-ece", "Y11", divided_by_bins),
    ("21-ece", "Y11", divided_by_full_bins),
    ("21-ece", "Y11", without_weights),
    ("21-ece", "Y12", signs_kept),
    ("21-ece", "Y12", signs_kept_the_other_way),
    ("21-ece", "Y12", absolute_too_late),
    ("21-ece", "line-comparison", bins_of_one_left_out),
    ("21-ece", "Y13", squared),
    ("21-ece", "Y13", root_of_the_squares),
    ("21-ece", "Y13", the_largest),
    ("21-ece", "Y13", in_per_cent),
    ("21-ece", "Y14", share_alone),
    ("21-ece", "Y14", doubt_for_confidence),
    ("21-tempered", "Y20", multiplied),
    ("21-tempered", "Y20", powers_of_T),
    ("21-tempered", "Y21", softmax_of_probabilities),
    ("21-tempered", "Y21", scaled_back),
    ("21-tempered", "Y21", divided),
    ("21-tempered", "Y22", not_normalised),
    ("21-tempered", "Y22", scores_returned),
    ("21-tempered", "Y22", over_pictures),
    ("21-tempered", "Y22", over_everything),
    ("21-tempered", "Y22", by_the_largest),
    ("21-tempered", "Y23", a_small_number),
    ("21-tempered", "Y24", log_odds),
    ("21-tempered", "Y24", base_two),
    ("21-tempered", "Y24", minus_log),
    ("21-tempered", "Y21", softmax_without_T),
    ("21-tempered", "Y21", T_subtracted),
    ("21-slope", "Y30", climbing),
    ("21-slope", "Y31", no_square),
    ("21-slope", "Y31", by_one_over_T),
    ("21-slope", "Y31", no_T_at_all),
    ("21-slope", "Y31", times_the_square),
    ("21-slope", "Y32", untempered),
    ("21-slope", "Y32", all_classes_alike),
    ("21-slope", "Y32", labels_alone),
    ("21-slope", "Y32", T_to_the_third),
    ("21-slope", "Y32", logs_of_the_tempered),
    ("21-slope", "Y33", answers_for_labels),
    ("21-slope", "Y34", summed),
    ("21-slope", "Y34", over_classes_too),
    ("21-slope", "Y33", every_label_for_all),
    ("21-slope", "Y36", lesson_02s_gradient),
    ("21-slope", "Y35", the_loss),
    ("21-crossing", "Y40", wrong_half),
    ("21-crossing", "Y41", last_middle),
    ("21-crossing", "Y41", lower_end),
    ("21-crossing", "Y41", upper_end),
    ("21-crossing", "Y42", once_too_often),
    ("21-crossing", "Y42", never_halved),
    ("21-crossing", "Y43", value_at_the_place),
    ("21-crossing", "Y44", straight_line),
    ("21-crossing", "Y44", high_stays),
    ("21-crossing", "Y44", low_stays),
    ("21-crossing", "Y44", geometric_middle),
    ("21-risk", "Y50", least_sure_first),
    ("21-risk", "Y50", upside_down),
    ("21-risk", "Y51", each_picture_alone),
    ("21-risk", "Y52", risk_of_all),
    ("21-risk", "Y52", risk_of_all_errors),
    ("21-risk", "Y52", share_that_is_right),
    ("21-risk", "Y52", errors_counted),
    ("21-risk", "Y52", risk_of_each_alone),
    ("21-risk", "Y52", risk_of_the_rejected),
    ("21-risk", "Y52", the_largest_risk_so_far),
    ("21-risk", "Y53", pictures_counted),
    ("21-risk", "Y53", share_not_answered),
    ("21-risk", "Y53", right_answers_only),
    ("21-risk", "Y54", above_the_threshold),
    ("21-risk", "Y55", wrong_not_sorted),
    ("21-allowed", "Y60", risk_times_n),
    ("21-allowed", "Y61", compared_with_level),
    ("21-allowed", "Y61", two_sided),
    ("21-allowed", "Y62", one_too_many),
    ("21-allowed", "Y62", one_too_few),
    ("21-allowed", "Y62", exactly_k),
    ("21-allowed", "Y63", never_below_zero),
    ("21-allowed", "Y63", from_one_on),
    ("21-allowed", "Y63", up_to_N_less_one),
    ("21-allowed", "Y63", nan_for_none),
    ("21-allowed", "Y64", by_poisson),
    ("21-allowed", "Y65", right_for_wrong),
    ("21-allowed", "Y65", how_many_right),
    ("21-allowed", "kind", float_allowance),
    ("21-threshold", "Y70", stops_at_a_failure),
    ("21-threshold", "Y70", stops_at_once),
    ("21-threshold", "Y70", highest),
    ("21-threshold", "Y71", fewer_than_allowed),
    ("21-threshold", "Y71", those_that_fail),
    ("21-threshold", "Y72", ties_cut),
    ("21-threshold", "Y72", strictly_above),
    ("21-threshold", "Y73", from_the_unsure),
    ("21-threshold", "Y74", allowed_of_all),
    ("21-threshold", "Y74", one_entry_short),
    ("21-threshold", "Y71", right_ones_counted),
    ("21-threshold", "Y74", by_entry),
    ("21-threshold", "Y75", the_coverage),
    ("21-threshold", "Y75", surest_wrong),
    ("21-threshold", "Y75", looked_up_by_errors),
    ("21-threshold", "case", nothing_if_none),
    ("21-distance", "Y80", of_means),
    ("21-distance", "Y80", means_in_deviations),
    ("21-distance", "Y80", of_quantiles),
    ("21-distance", "Y81", window_above_only),
    ("21-distance", "Y81", reference_above_only),
    ("21-distance", "Y82", at_the_window),
    ("21-distance", "Y82", at_the_reference),
    ("21-distance", "Y82", at_twenty_places),
    ("21-distance", "case", at_a_thousand_places),
    ("21-distance", "Y83", mean_gap),
    ("21-distance", "Y83", sum_of_gaps),
    ("21-distance", "Y83", squared_gap),
    ("21-distance", "Y83", both_signs),
    ("21-distance", "Y84", below_for_the_window),
    ("21-distance", "Y85", counts_compared),
    ("21-distance", "Y85", one_divisor),
    ("21-distance", "Y86", not_sorted),
    ("21-alarm", "Y90", reference_as_the_truth),
    ("21-alarm", "Y90", windows_forgotten),
    ("21-alarm", "Y91", quantile_of_the_rate),
    ("21-alarm", "Y91", half_the_rate),
    ("21-alarm", "Y91", the_largest_drawn),
    ("21-alarm", "Y91", percentile_of_a_share),
    ("21-alarm", "Y92", mean_of_the_drawn),
    ("21-alarm", "Y92", three_deviations),
    ("21-alarm", "Y93", one_of_the_sorted),
    ("21-alarm", "Y94", places_for_values),
    ("21-alarm", "Y94", all_draws_together),
    ("21-alarm", "Y94", first_reference),
    ("21-alarm", "Y94", every_pair),
    ("21-alarm", "Y94", means_compared),
    ("21-report", "Y100", phone_missed),
    ("21-report", "Y100", phone_a_day_late),
    ("21-report", "Y101", archive_by_chance),
    ("21-report", "Y101", archive_other_classes),
    ("21-report", "Y101", archive_a_day_early),
    ("21-report", "Y102", kiosk_dark),
    ("21-report", "Y102", kiosk_missed),
    ("21-report", "Y110", hearts_taken_for_a_trouble),
    ("21-report", "Y111", web_stuck),
    ("21-report", "kind", a_list),
    ("21-report", "kind", another_word),
    ("21-report", "kind", no_such_client),
    ("21-report", "two: Y100 + Y102", two_missed),
]

"""Lesson 21: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import math

import numpy as np


def reliability(confidence, right, bins):
    place = np.maximum(np.ceil(confidence * bins).astype(int) - 1, 0)
    count, mean, share = np.zeros(bins, int), np.full(bins, np.nan), np.full(bins, np.nan)
    for b in range(bins):
        here = place == b
        count[b] = here.sum()
        if count[b]:
            mean[b], share[b] = confidence[here].mean(), right[here].mean()
    return count, mean, share


def reliability_by_counting(confidence, right, bins):
    place = np.maximum(np.ceil(confidence * bins).astype(int), 1) - 1
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, confidence, bins) / count
        share = np.bincount(place, right, bins) / count
    return count, mean, share


def reliability_by_borders(confidence, right, bins):
    rows = []
    for b in range(bins):
        here = (confidence * bins <= b + 1) & ((confidence * bins > b) | (b == 0))
        rows.append((here.sum(), confidence[here].mean() if here.any() else np.nan))
        rows[-1] += (right[here].mean() if here.any() else np.nan,)
    count, mean, share = zip(*rows)
    return np.array(count), np.array(mean), np.array(share)


def calibration_error(count, mean, share):
    full = count > 0
    return (count[full] * np.abs(share[full] - mean[full])).sum() / count.sum()


def calibration_error_by_loop(count, mean, share):
    total = 0.0
    for n, m, s in zip(count, mean, share):
        if n:
            total += n * abs(s - m)
    return total / sum(count)


def calibration_error_as_an_average(count, mean, share):
    full = np.flatnonzero(count)
    return np.average(abs(mean - share)[full], weights=count[full])


def tempered(p, T):
    powers = p ** (1 / T)
    return powers / powers.sum(axis=1, keepdims=True)


def tempered_by_softmax(p, T):
    with np.errstate(divide="ignore"):
        scores = np.log(p) / T
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def tempered_row_by_row(p, T):
    rows = [(row / row.max()) ** (1 / T) for row in p]
    return np.stack([row / row.sum() for row in rows])


def slope(p, labels, T):
    z, q = np.log(p), tempered(p, T)
    return (z[np.arange(len(p)), labels] - (q * z).sum(axis=1)).mean() / T**2


def slope_by_the_chain_rule(p, labels, T):
    """Lesson 02's gradient, times how each score changes with T."""
    q = p ** (1 / T)
    q /= q.sum(axis=1, keepdims=True)
    q[np.arange(len(p)), labels] -= 1
    return -(q * np.log(p)).sum() / T**2 / len(p)


def slope_by_loop(p, labels, T):
    total = 0.0
    for row, label in zip(p, labels):
        q = row ** (1 / T) / (row ** (1 / T)).sum()
        total += math.log(row[label]) - q @ np.log(row)
    return total / T / T / len(p)


def crossing(f, low, high, steps):
    for _ in range(steps):
        middle = (low + high) / 2
        if f(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def crossing_by_width(f, low, high, steps):
    width = high - low
    for _ in range(steps):
        width /= 2
        if f(low + width) < 0:
            low += width
    return low + width / 2


def crossing_by_recursion(f, low, high, steps):
    middle = (low + high) / 2
    if steps == 0:
        return middle
    ends = (middle, high) if f(middle) < 0 else (low, middle)
    return crossing_by_recursion(f, *ends, steps - 1)


def risk_coverage(confidence, wrong):
    order = np.argsort(-confidence)
    falling, errors = confidence[order], np.cumsum(wrong[order])
    last = np.append(falling[1:] != falling[:-1], True)  # of pictures that are equally sure
    answered = np.arange(1, len(order) + 1)[last]
    return falling[last], answered / len(order), errors[last] / answered


def risk_coverage_by_thresholds(confidence, wrong):
    threshold = np.unique(confidence)[::-1]
    here = [confidence >= t for t in threshold]
    return threshold, np.array([h.mean() for h in here]), np.array([wrong[h].mean() for h in here])


def risk_coverage_by_groups(confidence, wrong):
    values, group = np.unique(-confidence, return_inverse=True)
    answered = np.bincount(group).cumsum()
    return -values, answered / len(confidence), np.bincount(group, wrong).cumsum() / answered


def allowed_errors(N, risk, level):
    allowed = np.full(N + 1, -1)
    for n in range(N + 1):
        chance, term = 0.0, (1 - risk) ** n  # term: the chance of exactly k wrong
        for k in range(n + 1):
            chance += term
            if chance > 1 - level:
                break
            allowed[n] = k
            term *= (n - k) / (k + 1) * risk / (1 - risk)
    return allowed


def allowed_errors_by_logs(N, risk, level):
    allowed = np.full(N + 1, -1)
    log_risk, log_rest = math.log(risk), math.log(1 - risk)
    for n in range(N + 1):
        chance = 0.0
        for k in range(n + 1):
            log_ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
            chance += math.exp(log_ways + k * log_risk + (n - k) * log_rest)
            if chance > 1 - level:
                break
            allowed[n] = k
    return allowed


def allowed_errors_by_fractions(N, risk, level):
    """How likely k errors among n are, from those among n − 1: the n-th answer is wrong, or it is not."""
    chance, allowed = np.array([1.0]), []
    for _ in range(N + 1):
        allowed.append(int((np.cumsum(chance) <= 1 - level).sum()) - 1)
        chance = np.append(chance * (1 - risk), 0) + np.append(0, chance * risk)
    return np.array(allowed)


def threshold_for(confidence, wrong, allowed):
    best = np.inf
    for t in np.unique(confidence)[::-1]:
        here = confidence >= t
        if wrong[here].sum() <= allowed[here.sum()]:
            best = t
    return best


def threshold_for_by_sorting(confidence, wrong, allowed):
    order = np.argsort(-confidence)
    falling, errors = confidence[order], np.cumsum(wrong[order])
    last = np.append(falling[1:] != falling[:-1], True)
    passed = last & (errors <= allowed[1 : len(order) + 1])
    return falling[passed].min(initial=np.inf)


def threshold_for_from_below(confidence, wrong, allowed):
    for t in np.sort(confidence):
        if np.sum(wrong[confidence >= t]) <= allowed[np.sum(confidence >= t)]:
            return t
    return np.inf


def distance(window, reference):
    at = np.concatenate([window, reference])
    below = [np.searchsorted(np.sort(values), at, side="right") / len(values) for values in (window, reference)]
    return np.abs(below[0] - below[1]).max()


def distance_by_comparing(window, reference):
    return max(abs((window <= v).mean() - (reference <= v).mean()) for v in [*window, *reference])


def distance_step_by_step(window, reference):
    most = 0
    for v in [*window, *reference]:
        most = max(most, abs((window <= v).mean() - (reference <= v).mean()))
    return most


def distance_by_walking(window, reference):
    """Walk through all values upwards: up 1/n at each of the window's, down 1/M at each of the reference's."""
    values = np.concatenate([window, reference])
    step = np.repeat([1 / len(window), -1 / len(reference)], [len(window), len(reference)])
    order = np.argsort(values, kind="stable")
    height, values = np.cumsum(step[order]), values[order]
    return np.abs(height[np.append(values[1:] != values[:-1], True)]).max()


def alarm_level(values, windows, references, rate):
    return np.quantile([distance(values[w], values[r]) for w, r in zip(windows, references)], 1 - rate)


def alarm_level_by_loop(values, windows, references, rate):
    distances = np.zeros(len(windows))
    for b in range(len(windows)):
        distances[b] = distance(values[windows[b]], values[references[b]])
    return np.percentile(distances, 100 * (1 - rate))


def troubles():
    return {"phone": ("re-compressed", 9), "archive": ("labels shifted", 6), "kiosk": ("camera stuck", 11)}


def troubles_as_lists():
    return {"archive": ["labels shifted", 6], "kiosk": ["camera stuck", 11], "phone": ["re-compressed", 9]}


SOLUTIONS = {
    "21-reliability": [reliability, reliability_by_counting, reliability_by_borders],
    "21-ece": [calibration_error, calibration_error_by_loop, calibration_error_as_an_average],
    "21-tempered": [tempered, tempered_by_softmax, tempered_row_by_row],
    "21-slope": [slope, slope_by_the_chain_rule, slope_by_loop],
    "21-crossing": [crossing, crossing_by_width, crossing_by_recursion],
    "21-risk": [risk_coverage, risk_coverage_by_thresholds, risk_coverage_by_groups],
    "21-allowed": [allowed_errors, allowed_errors_by_logs, allowed_errors_by_fractions],
    "21-threshold": [threshold_for, threshold_for_by_sorting, threshold_for_from_below],
    "21-distance": [distance, distance_by_comparing, distance_step_by_step, distance_by_walking],
    "21-alarm": [alarm_level, alarm_level_by_loop],
    "21-report": [troubles, troubles_as_lists],
}

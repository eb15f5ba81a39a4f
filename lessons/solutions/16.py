"""Lesson 16: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import math

import numpy as np


def effect(with_it, without):
    differences = 100 * (with_it - without)  # seed by seed, in percentage points
    return differences, differences.mean()


def effect_by_loops(with_it, without):
    differences = [100 * float(a) - 100 * float(b) for a, b in zip(with_it, without)]
    return np.array(differences), sum(differences) / len(differences)


def effect_by_negatives(with_it, without):
    return -np.subtract(without, with_it) * 100, 100 * (with_it.mean() - without.mean())


def interval(d, t):
    half = t * d.std(ddof=1) / np.sqrt(len(d))
    return d.mean() - half, d.mean() + half


def interval_by_sums(d, t):
    n, mean = len(d), sum(d) / len(d)
    variance = sum((value - mean) ** 2 for value in d) / (n - 1)
    return mean - t * math.sqrt(variance / n), mean + t * math.sqrt(variance / n)


def interval_by_the_other_root(d, t):
    half = t * d.std() / (d.size - 1) ** 0.5  # s / √n is np.std(d) / √(n − 1)
    return d.mean() - half, d.mean() + half


def interval_of_rows(d, t):
    low, high = d.mean() + t * np.sqrt(np.cov(d) / len(d)) * np.array([-1.0, 1.0])
    return [low, high]


def verdict(low, high, direction):
    if low <= 0 <= high:
        return "not resolved"
    return "reproduced" if (low > 0) == (direction > 0) else "opposite"


def verdict_on_one_side(low, high, direction):
    if direction < 0:
        low, high = -high, -low  # now the claim is always: above 0
    if low > 0:
        return "reproduced"
    return "opposite" if high < 0 else "not resolved"


def verdict_by_signs(low, high, direction):
    signs = {np.sign(low), np.sign(high)}
    return ("not resolved", "reproduced", "opposite")[(signs == {direction}) + 2 * (signs == {-direction})]


def bootstrap(a, b, drawn, level):
    means = (a - b)[drawn].mean(axis=1)  # one for each draw
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return low, high


def bootstrap_by_loops(a, b, drawn, level):
    means = []
    for row in drawn:
        means.append(sum(a[i] - b[i] for i in row) / len(row))
    outside = 100 * (1 - level)
    return np.percentile(means, outside / 2), np.percentile(means, 100 - outside / 2)


def bootstrap_by_sorting(a, b, drawn, level):
    means = np.sort(a[drawn].mean(axis=1) - b[drawn].mean(axis=1))
    place = (1 - level) / 2 * (len(means) - 1)
    i, part = int(place), place % 1  # between two of the sorted means
    low = (1 - part) * means[i] + part * means[i + 1]
    return low, (1 - part) * means[-1 - i] + part * means[-2 - i]


def bootstrap_by_counts(a, b, drawn, level):
    counts = np.array([np.bincount(row, minlength=len(a)) for row in drawn])  # how often each picture was drawn
    means = counts @ (a - b) / len(a)
    return tuple(np.quantile(means, (0.5 - level / 2, 0.5 + level / 2)))


def mcnemar_test(wrong_a, wrong_b):
    only_a = int(((wrong_a == 1) & (wrong_b == 0)).sum())
    only_b = int(((wrong_a == 0) & (wrong_b == 1)).sum())
    n = only_a + only_b
    tail = sum(math.comb(n, i) for i in range(min(only_a, only_b) + 1)) / 2**n
    return only_a, only_b, min(1, 2 * tail)


def mcnemar_test_by_differences(wrong_a, wrong_b):
    d = np.asarray(wrong_a, int) - np.asarray(wrong_b, int)
    only_a, only_b = np.count_nonzero(d == 1), np.count_nonzero(d == -1)
    if only_a == only_b:
        return only_a, only_b, 1.0
    chances = np.array([1.0])  # of 0, 1, … heads of as many coins as thrown so far
    for _ in range(only_a + only_b):
        chances = 0.5 * (np.append(chances, 0) + np.append(0, chances))
    k = min(only_a, only_b)
    return only_a, only_b, chances[: k + 1].sum() + chances[len(chances) - k - 1 :].sum()


def mcnemar_test_by_loops(wrong_a, wrong_b):
    only_a = only_b = 0
    for a, b in zip(wrong_a, wrong_b):
        only_a += bool(a) and not b
        only_b += bool(b) and not a
    n, far = only_a + only_b, abs(only_a - only_b)
    as_far = sum(math.comb(n, i) for i in range(n + 1) if abs(2 * i - n) >= far)
    return only_a, only_b, as_far / 2**n


SOLUTIONS = {
    "16-effect": [effect, effect_by_loops, effect_by_negatives],
    "16-interval": [interval, interval_by_sums, interval_by_the_other_root, interval_of_rows],
    "16-verdict": [verdict, verdict_on_one_side, verdict_by_signs],
    "16-bootstrap": [bootstrap, bootstrap_by_loops, bootstrap_by_sorting, bootstrap_by_counts],
    "16-mcnemar": [mcnemar_test, mcnemar_test_by_differences, mcnemar_test_by_loops],
}

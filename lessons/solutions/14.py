"""Lesson 14: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import numpy as np


def top_k_error(scores, labels, k):
    best = np.argsort(scores, axis=1)[:, -k:]  # upwards, so the last k
    hits = (best == labels[:, None]).any(axis=1)
    return 1 - hits.mean()


def top_k_error_by_loops(scores, labels, k):
    misses = 0
    for row, label in zip(scores, labels):
        named = sorted(range(len(row)), key=lambda c: -row[c])[:k]
        misses += label not in named
    return misses / len(labels)


def top_k_error_by_ranks(scores, labels, k):
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    earlier = np.arange(scores.shape[1]) < labels[:, None]
    before = (scores > own) | ((scores == own) & earlier)
    return np.count_nonzero(before.sum(axis=1) >= k) / len(scores)


def dropped_rates(errors, lr, patience):
    rates, best, since = [], np.inf, 0
    for error in errors:
        rates.append(lr)  # the rate of this epoch, before its error is known
        if error < best:
            best, since = error, 0
        else:
            since += 1
        if since == patience:
            lr, since = lr / 10, 0
    return np.array(rates)


def dropped_rates_by_looking_back(errors, lr, patience):
    rates, count_from = np.full(len(errors), float(lr)), 1  # the first epoch is always a new best
    for epoch in range(1, len(errors)):
        window = range(epoch - patience, epoch)
        if window.start >= count_from and all(errors[e] >= min(errors[:e]) for e in window):
            rates[epoch:] /= 10
            count_from = epoch
    return rates


def update_ratio(before, after):
    return np.sqrt(((after - before) ** 2).sum()) / np.sqrt((before**2).sum())


def update_ratio_by_norms(before, after):
    return np.linalg.norm(before - after) / np.linalg.norm(before)


def update_ratio_by_dots(before, after):
    step, start = (after - before).ravel(), before.ravel()
    return (step @ step / (start @ start)) ** 0.5


def diagnose():
    return {
        "amber": "mean not subtracted",
        "birch": "rate too low",
        "cedar": "not shuffled",
        "dusk": "labels shifted",
        "ember": "rate too high",
    }


def diagnose_with_capitals():
    runs = ["ember", "dusk", "cedar", "birch", "amber"]
    ills = ["Rate too high", "Labels shifted", "Not shuffled", "Rate too low", "Mean not subtracted "]
    return dict(zip(runs, ills)) | {"the healthy one": "nothing"}


SOLUTIONS = {
    "14-top-k": [top_k_error, top_k_error_by_loops, top_k_error_by_ranks],
    "14-drop": [dropped_rates, dropped_rates_by_looking_back],
    "14-ratio": [update_ratio, update_ratio_by_norms, update_ratio_by_dots],
    "14-diagnose": [diagnose, diagnose_with_capitals],
}

"""What the network takes for what, and whether it knows when it does not know.

N pictures, K classes.
"""

import numpy as np


def confusion(labels, answers, K):
    """How often each class got each answer: int64 (K, K), true classes in rows, answers in columns. Both (N,)."""
    labels, answers = np.asarray(labels), np.asarray(answers)
    return np.bincount(labels * K + answers, minlength=K * K).reshape(K, K)


def largest_confusions(matrix, n):
    """[(true class, answer, count), …]: the n largest off the diagonal, largest first, the lower classes first of equals.

    Fewer where fewer mistakes were made.
    """
    wrong = np.array(matrix)
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:n]
    pairs = zip(*np.unravel_index(order, wrong.shape))
    return [(int(true), int(answer), int(wrong[true, answer])) for true, answer in pairs if wrong[true, answer]]


def errors_by_class(matrix):
    """The share of each class's pictures that got another answer: (K,); NaN for a class without pictures."""
    matrix = np.asarray(matrix)
    counts = matrix.sum(axis=1)
    right = np.where(counts > 0, matrix.diagonal() / np.maximum(counts, 1), np.nan)
    return 1 - right


def calibration(p, labels, bins=10):
    """(rows, ECE): whether answers that the network gives with probability 0.8 are right in 8 of 10 cases.

    p: probabilities (N, K);  labels: (N,)
    rows: for each of `bins` equal stretches of the first answer's probability, the upper end belonging to it,
        (pictures, their mean probability, the share of right answers); NaN for both where there are no pictures
    ECE: the expected calibration error, Σ pictures/N · |share right − mean probability| (Guo et al. 2017, eq. 3)
    """
    confidence, right = np.max(p, axis=1).astype(np.float64), np.argmax(p, axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    rows, ece = [], 0.0
    for b in range(bins):
        here = place == b
        count = int(here.sum())
        mean, share = (float(confidence[here].mean()), float(right[here].mean())) if count else (np.nan, np.nan)
        rows.append((count, mean, share))
        ece += count * abs(share - mean) / len(labels) if count else 0.0
    return rows, ece

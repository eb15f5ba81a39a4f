"""Confusions, errors by class, and calibration.

N pictures, K classes.
"""

import numpy as np


def confusion(labels, answers, K):
    """How often each class got each answer: int64 (K, K), right classes in rows. labels, answers: (N,)."""
    labels, answers = np.asarray(labels, np.int64), np.asarray(answers)
    return np.bincount(labels * K + answers, minlength=K * K).reshape(K, K)


def largest_confusions(matrix, n):
    """The n largest counts off the diagonal, [(right class, answer, count), …], largest first, ties in class order.

    Fewer if fewer pairs of classes were confused.
    """
    wrong = np.array(matrix)
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:n]
    pairs = zip(*np.unravel_index(order, wrong.shape))
    return [(int(true), int(answer), int(wrong[true, answer])) for true, answer in pairs if wrong[true, answer]]


def errors_by_class(matrix):
    """The share of wrong answers for each class: (K,); NaN for a class without pictures. matrix: (K, K)."""
    matrix = np.asarray(matrix)
    counts = matrix.sum(axis=1)
    right = np.where(counts > 0, matrix.diagonal() / np.maximum(counts, 1), np.nan)
    return 1 - right


def calibration(p, labels, bins=10):
    """(rows, ECE): whether answers given with probability 0.8 are right in 8 of 10 cases.

    p: probabilities (N, K);  labels: (N,)
    rows: (pictures, mean confidence, share of right answers) for each of `bins` equal bins of the confidence, which is
        the first answer's probability; a bin includes its upper end; an empty one has NaN for mean and share
    ECE: the expected calibration error, Σ pictures/N · |share right − mean confidence| (Guo et al. 2017, eq. 3)
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

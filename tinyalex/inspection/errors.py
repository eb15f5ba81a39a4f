"""Confusions, and errors by class.

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

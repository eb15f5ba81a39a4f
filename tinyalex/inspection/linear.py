"""A linear classifier on features, to tell how much of the classes they hold: no rate, no epochs, one solution.

N pictures, D features each, K classes.
"""

import numpy as np

STRENGTHS = 10.0 ** np.arange(-6, 3)  # of the penalty, in units of the features' largest variance times N


def linear_answers(features, labels, queries, K):
    """The classes, int64 (Q,), that a linear classifier learnt from `features` gives the `queries`.

    Ridge regression on the K classes' indicators y, 1 for the picture's own class and 0 for the others:

        minimise |x·w + b − y|² + s·|w|²   →   ŷ = U·diag(σ² / (σ² + s))·Uᵀ·y,   x − mean = U·diag(σ)·Vᵀ

    s is the strength, of STRENGTHS, with the fewest errors when each picture in turn is left out, which takes no
    fitting again: y − ŷ without the picture itself is (y − ŷ) / (1 − h), h the diagonal of that matrix. The answer is
    the class with the largest ŷ.

    features: (N, D), queries: (Q, D), of any numeric type;  labels: (N,), from 0 to K − 1
    Source: Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2nd ed.), §3.4.1, §7.10.
    """
    x, labels = np.asarray(features, np.float64), np.asarray(labels)
    mean, y = x.mean(axis=0), np.eye(K)[labels]
    x, offset = x - mean, y.mean(axis=0)
    U, squares = _axes(x)
    y = y - offset
    projected = U.T @ y  # (axes, K)
    best = min(STRENGTHS, key=lambda s: _left_out_errors(U, squares, y, offset, projected, s * squares.max(), labels))
    w = x.T @ (U @ (projected / (squares + best * squares.max())[:, None]))  # (D, K)
    return ((np.asarray(queries, np.float64) - mean) @ w + offset).argmax(axis=1)


def _axes(x):
    """(U, σ²) of the centred features: the axes with a variance beyond rounding, (N, axes) and (axes,)."""
    N, D = x.shape
    squares, axes = np.linalg.eigh(x @ x.T if N <= D else x.T @ x)
    kept = squares > max(N, D) * np.finfo(np.float64).eps * squares.max()
    if not kept.any():
        return np.zeros((N, 1)), np.ones(1)
    axes, squares = axes[:, kept], squares[kept]
    return (axes if N <= D else x @ axes / np.sqrt(squares)), squares


def _left_out_errors(U, squares, y, offset, projected, penalty, labels):
    """The number of pictures that are classified wrongly when each is left out; (−penalty breaks ties, as a pair)."""
    shrink = squares / (squares + penalty)
    rest = (y - U @ (shrink[:, None] * projected)) / (1 - (U * U) @ shrink - 1 / len(y))[:, None]
    return int(((y - rest + offset).argmax(axis=1) != labels).sum()), -penalty

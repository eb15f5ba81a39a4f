"""Nearest neighbours: by features a picture's neighbours are of its class, by pixels they are not (paper §6.1).

Q queries, P pictures in the pool, D features each.
"""

import numpy as np

BLOCK_BYTES = 2**26  # a block of queries or of the pool, as float64


def nearest(queries, pool, k):
    """The k rows of `pool` nearest to each query by Euclidean distance, nearest first: int64 (Q, k).

    queries: (Q, D), pool: (P, D), of any numeric type, on the host. At equal distances the lower index comes first.
    One product gives the distances of all pairs, |a|² − 2a·b + |b|² in float64; rows that may be among the nearest are
    then measured again by their differences, so rounding decides no tie. Raises ValueError unless 1 ≤ k ≤ P.
    """
    if not 1 <= k <= len(pool):
        raise ValueError(f"nearest: k = {k}, expected 1 to {len(pool)}, the number of rows in pool")
    found = np.empty((len(queries), k), np.int64)
    for rows in _blocks(queries, least=len(pool) // 4):
        a = np.asarray(queries[rows], np.float64)  # (q, D)
        squared, slack = _squared_distances(a, pool)  # (q, P), (q,)
        limit = np.partition(squared, k - 1, axis=1)[:, k - 1] + slack
        for q, (near, query) in enumerate(zip(squared <= limit[:, None], a)):
            candidates = np.flatnonzero(near)
            exact = _exact(query, pool, candidates)
            found[rows.start + q] = candidates[np.argsort(exact, kind="stable")[:k]]
    return found


def purity(labels, neighbour_labels):
    """The mean share of neighbours with the query's label. labels: (Q,);  neighbour_labels: (Q, k)."""
    return float((np.asarray(neighbour_labels) == np.asarray(labels)[:, None]).mean())


def _squared_distances(a, pool):
    """|a|² − 2a·b + |b|² for all pairs, (q, P), and a bound on its rounding error for each query, (q,)."""
    squared, largest = np.empty((len(a), len(pool))), 0.0
    own = (a * a).sum(axis=1)  # (q,)
    for columns in _blocks(pool):
        b = np.asarray(pool[columns], np.float64)  # (p, D)
        other = (b * b).sum(axis=1)  # (p,)
        squared[:, columns] = own[:, None] - 2 * (a @ b.T) + other
        largest = max(largest, other.max())
    return squared, 4 * a.shape[1] * np.finfo(np.float64).eps * (own + largest)


def _exact(query, pool, candidates):
    """Σ (a − b)² between one query and the candidate rows of the pool, (len(candidates),)."""
    exact = np.empty(len(candidates))
    rows = max(1, BLOCK_BYTES // (8 * len(query)))
    for start in range(0, len(candidates), rows):
        piece = candidates[start : start + rows]
        exact[start : start + rows] = ((query - pool[piece]) ** 2).sum(axis=1)
    return exact


def _blocks(array, least=1):
    """Slices over the rows, each of at most BLOCK_BYTES in float64, but at least one row.

    least: count as many numbers in a row at least: of distances to the pool, four times BLOCK_BYTES are kept
    """
    rows = max(1, BLOCK_BYTES // (8 * max(1, least, array.shape[1])))
    return [slice(start, min(start + rows, len(array))) for start in range(0, len(array), rows)]

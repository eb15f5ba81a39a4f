"""Lesson 15: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import numpy as np


def colour_shares(weight):
    grey = (weight.sum(axis=2) ** 2).sum(axis=(0, 1)) / 3  # along (1, 1, 1)/√3
    shares = 1 - grey / (weight**2).sum(axis=(0, 1, 2))
    half = len(shares) // 2
    return shares, shares[:half].mean(), shares[half:].mean()


def colour_shares_by_projection(weight):
    """Kernel by kernel, subtract from each pixel the mean of its three colours."""
    shares = []
    for f in range(weight.shape[-1]):
        kernel = weight[..., f]
        colour = kernel - kernel.mean(axis=-1, keepdims=True)
        shares.append((colour**2).sum() / (kernel**2).sum())
    first, second = np.split(np.array(shares), 2)
    return np.array(shares), np.mean(first), np.mean(second)


def colour_shares_by_loops(weight):
    KH, KW, _, F = weight.shape
    shares = np.zeros(F, weight.dtype)
    for f in range(F):
        grey = energy = 0.0
        for i in range(KH):
            for j in range(KW):
                r, g, b = weight[i, j, :, f]
                grey += ((r + g + b) / np.sqrt(3)) ** 2
                energy += r * r + g * g + b * b
        shares[f] = 1 - grey / energy
    return shares, float(sum(shares[: F // 2]) / (F // 2)), float(sum(shares[F // 2 :]) / (F // 2))


def nearest(queries, pool, k):
    a, b = queries.astype(np.float64), pool.astype(np.float64)  # bytes would wrap round
    squared = (a * a).sum(axis=1)[:, None] - 2 * (a @ b.T) + (b * b).sum(axis=1)  # |a − b|², (Q, P)
    return np.argsort(squared, axis=1)[:, :k]


def nearest_by_differences(queries, pool, k):
    found = []
    for query in queries:
        distances = np.linalg.norm(pool.astype(float) - query, axis=1)
        found.append(np.argsort(distances)[:k])
    return np.stack(found)


def nearest_at_once(queries, pool, k):
    difference = queries[:, None, :].astype(np.float32) - pool[None, :, :].astype(np.float32)
    squared = np.einsum("qpd,qpd->qp", difference, difference)
    some = np.argpartition(squared, k, axis=1)[:, :k]
    order = np.take_along_axis(squared, some, axis=1).argsort(axis=1)
    return np.take_along_axis(some, order, axis=1).astype(np.int32)


def nearest_by_loops(queries, pool, k):
    rows = []
    for q in queries.tolist():
        distances = [sum((x - y) ** 2 for x, y in zip(q, p)) for p in pool.tolist()]
        rows.append(sorted(range(len(pool)), key=distances.__getitem__)[:k])
    return np.array(rows)


def purity(labels, pool_labels, near):
    return (pool_labels[near] == labels[:, None]).mean()


def purity_by_loops(labels, pool_labels, near):
    hits = 0
    for label, row in zip(labels, near):
        for p in row:
            hits += pool_labels[p] == label
    return hits / near.size


def purity_of_each(labels, pool_labels, near):
    shares = [np.count_nonzero(pool_labels[row] == label) / len(row) for label, row in zip(labels, near)]
    return float(np.mean(shares))


def occlusion(x, label, size, stride, score):
    tops = range(0, x.shape[0] - size + 1, stride)
    lefts = range(0, x.shape[1] - size + 1, stride)
    pictures = []
    for top in tops:
        for left in lefts:
            covered = x.copy()  # fresh for every place
            covered[top : top + size, left : left + size] = 0
            pictures.append(covered)
    scores = score(np.stack(pictures))
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p[:, label].reshape(len(tops), len(lefts))


def occlusion_one_by_one(x, label, size, stride, score):
    rows, columns = (x.shape[0] - size) // stride + 1, (x.shape[1] - size) // stride + 1
    p = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            covered = np.array(x)
            covered[r * stride : r * stride + size, c * stride : c * stride + size, :] = 0
            (s,) = score(covered[None])
            p[r, c] = 1 / np.exp(s - s[label]).sum()
    return p


def occlusion_by_masks(x, label, size, stride, score):
    H, W, _ = x.shape
    i, j = np.arange(0, H - size + 1, stride), np.arange(0, W - size + 1, stride)
    down = (np.arange(H) >= i[:, None]) & (np.arange(H) < i[:, None] + size)  # (rows, H)
    across = (np.arange(W) >= j[:, None]) & (np.arange(W) < j[:, None] + size)
    mask = down[:, None, :, None] & across[None, :, None, :]  # (rows, columns, H, W)
    s = score(np.where(mask[..., None], x.dtype.type(0), x).reshape(-1, H, W, 3))
    s = s - s.max(1, keepdims=True)
    return (np.exp(s)[:, label] / np.exp(s).sum(1)).reshape(len(i), len(j))


def confusion(labels, answers, K):
    matrix = np.zeros((K, K), int)
    np.add.at(matrix, (labels, answers), 1)  # += would add a repeated pair only once
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    return matrix, np.array(np.unravel_index(wrong.argmax(), wrong.shape))


def confusion_by_loop(labels, answers, K):
    matrix = np.zeros((K, K), np.int32)
    for i, j in zip(labels, answers):
        matrix[i, j] += 1
    pair = [0, 1]
    for i in range(K):
        for j in range(K):
            if i != j and matrix[i, j] > matrix[pair[0], pair[1]]:
                pair = [i, j]
    return matrix, np.array(pair)


def confusion_by_bincount(labels, answers, K):
    matrix = np.bincount(labels * K + answers, minlength=K * K).reshape(K, K)
    return matrix, np.array(divmod(np.argmax(matrix * (1 - np.eye(K))), K))


def confusion_by_one_hot(labels, answers, K):
    matrix = np.eye(K, dtype=int)[labels].T @ np.eye(K, dtype=int)[answers]
    wrong = matrix - np.diag(matrix.diagonal())
    return matrix, np.argwhere(wrong == wrong.max())[0]


SOLUTIONS = {
    "15-colour": [colour_shares, colour_shares_by_projection, colour_shares_by_loops],
    "15-nearest": [nearest, nearest_by_loops, nearest_by_differences, nearest_at_once],
    "15-purity": [purity, purity_by_loops, purity_of_each],
    "15-occlusion": [occlusion, occlusion_one_by_one, occlusion_by_masks],
    "15-confusion": [confusion, confusion_by_loop, confusion_by_bincount, confusion_by_one_hot],
}

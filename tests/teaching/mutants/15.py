"""Lesson 15: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import numpy as np


def _halves(shares):
    half = len(shares) // 2
    return shares, shares[:half].mean(), shares[half:].mean()


def no_third(weight):
    grey = (weight.sum(2) ** 2).sum((0, 1))
    return _halves(1 - grey / np.square(weight).sum((0, 1, 2)))


def mean_of_colours(weight):
    lightness = weight.mean(axis=2, keepdims=True)
    return _halves(1 - (lightness**2).sum((0, 1, 2)) / (weight**2).sum((0, 1, 2)))


def by_variance(weight):
    return _halves(weight.var(axis=2).sum(axis=(0, 1)) / (weight**2).sum(axis=(0, 1, 2)))


def not_squared(weight):
    grey = np.abs(weight.sum(axis=2)).sum(axis=(0, 1))
    return _halves(1 - grey / np.abs(weight).sum(axis=(0, 1, 2)))


def lengths(weight):
    grey = np.sqrt(((weight.sum(axis=2) / 3**0.5) ** 2).sum(axis=(0, 1)))
    return _halves(1 - grey / np.sqrt((weight**2).sum(axis=(0, 1, 2))))


def root_at_the_end(weight):
    colour = weight - weight.mean(axis=2, keepdims=True)
    return _halves(np.sqrt((colour**2).sum((0, 1, 2)) / (weight**2).sum((0, 1, 2))))


def pixels_first(weight):
    grey = weight.sum(axis=(0, 1)).sum(axis=0) ** 2 / 3
    return _halves(1 - grey / (weight**2).sum(axis=(0, 1, 2)))


def along_rows(weight):
    grey = (weight.sum(axis=0) ** 2).sum(axis=(0, 1)) / 3
    return _halves(1 - grey / (weight**2).sum(axis=(0, 1, 2)))


def along_columns(weight):
    grey = (weight.sum(axis=1) ** 2).sum(axis=(0, 1)) / 3
    return _halves(1 - grey / (weight**2).sum(axis=(0, 1, 2)))


def share_of_grey(weight):
    return _halves((weight.sum(axis=2) ** 2).sum(axis=(0, 1)) / 3 / (weight**2).sum(axis=(0, 1, 2)))


def mean_of_pixel_shares(weight):
    share = 1 - weight.sum(axis=2) ** 2 / (3 * (weight**2).sum(axis=2))
    return _halves(share.mean(axis=(0, 1)))


def energy_of_all(weight):
    return _halves(1 - (weight.sum(axis=2) ** 2).sum(axis=(0, 1)) / 3 / np.sum(weight**2))


def _right_shares(weight):
    colour = weight - weight.mean(axis=2, keepdims=True)
    return (colour**2).sum((0, 1, 2)) / (weight**2).sum((0, 1, 2))


def dealt_in_turn(weight):
    shares = _right_shares(weight)
    return shares, shares[0::2].mean(), shares[1::2].mean()


def towers_exchanged(weight):
    shares, first, second = _halves(_right_shares(weight))
    return shares, second, first


def energies_of_a_tower(weight):
    pooled = []
    for part in np.split(weight, 2, axis=3):
        pooled.append(((part - part.mean(axis=2, keepdims=True)) ** 2).sum() / (part**2).sum())
    return _right_shares(weight), *pooled


def sums_of_shares(weight):
    shares = _right_shares(weight)
    return shares, sum(shares[: len(shares) // 2]), sum(shares[len(shares) // 2 :])


def squares_in_place(weight):
    grey = (weight.sum(axis=2) ** 2).sum(axis=(0, 1)) / 3
    weight **= 2
    return _halves(1 - grey / weight.sum(axis=(0, 1, 2)))


def no_third_and_exchanged(weight):
    shares, first, second = no_third(weight)
    return shares, second, first


def _distances(queries, pool):
    return np.linalg.norm(queries[:, None].astype(float) - pool[None].astype(float), axis=2)


def farthest(queries, pool, k):
    return _distances(queries, pool).argsort(axis=1)[:, -k:]


def farthest_first(queries, pool, k):
    return _distances(queries, pool).argsort(axis=1)[:, ::-1][:, :k]


def without_itself(queries, pool, k):
    return _distances(queries, pool).argsort(axis=1)[:, 1 : k + 1]


def city_block(queries, pool, k):
    return np.abs(queries[:, None].astype(float) - pool[None]).mean(axis=2).argsort(axis=1)[:, :k]


def largest_difference(queries, pool, k):
    return np.abs(queries[:, None].astype(float) - pool[None]).max(axis=2).argsort(axis=1)[:, :k]


def signs_cancel(queries, pool, k):
    a, b = (rows.astype(float).sum(axis=1) for rows in (queries, pool))
    return np.abs(a[:, None] - b).argsort(axis=1)[:, :k]


def by_cosine(queries, pool, k):
    a = queries / np.linalg.norm(queries.astype(float), axis=1, keepdims=True)
    b = pool / np.linalg.norm(pool.astype(float), axis=1, keepdims=True)
    return np.argsort(1 - a @ b.T, axis=1)[:, :k]


def by_product(queries, pool, k):
    return np.argsort(-(queries.astype(float) @ pool.astype(float).T), axis=1)[:, :k]


def product_upwards(queries, pool, k):
    return np.argsort(queries.astype(float) @ pool.astype(float).T)[:, :k]


def cosine_upwards(queries, pool, k):
    a, b = queries.astype(float), pool.astype(float)
    similarity = a @ b.T / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)
    return similarity.argsort(axis=1)[:, :k]


def plus_two_ab(queries, pool, k):
    a, b = queries.astype(float), pool.astype(float)
    return ((a**2).sum(1)[:, None] + (b**2).sum(1)[None] + 2 * a @ b.T).argsort(axis=1)[:, :k]


def one_ab(queries, pool, k):
    a, b = queries.astype(float), pool.astype(float)
    return ((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - a @ b.T).argsort(axis=1)[:, :k]


def norms_not_squared(queries, pool, k):
    a, b = queries.astype(float), pool.astype(float)
    squared = np.linalg.norm(a, axis=1)[:, None] + np.linalg.norm(b, axis=1) - 2 * a @ b.T
    return np.argsort(squared, axis=1)[:, :k]


def distances_themselves(queries, pool, k):
    return np.sort(_distances(queries, pool), axis=1)[:, :k]


def squared_distances(queries, pool, k):
    return np.sort(_distances(queries, pool) ** 2, axis=1)[:, :k]


def sorted_down(queries, pool, k):
    return np.argsort(_distances(queries, pool), axis=0)[:, :k]


def nearest_queries(queries, pool, k):
    return _distances(pool, queries).argsort(axis=1)[:, :k]


def bytes_subtracted(queries, pool, k):
    found = [np.argsort(((pool - query) ** 2).sum(axis=1))[:k] for query in queries]
    return np.array(found)


def bytes_then_norm(queries, pool, k):
    return np.array([np.argsort(np.linalg.norm(query - pool, axis=1))[:k] for query in queries])


def bytes_multiplied(queries, pool, k):
    squared = (queries**2).sum(axis=1)[:, None] + (pool**2).sum(axis=1) - 2.0 * (queries @ pool.T)
    return np.argsort(squared, axis=1)[:, :k]


def narrow_integers(queries, pool, k):
    if queries.dtype == np.uint8:
        queries, pool = queries.astype(np.int16), pool.astype(np.int16)
    return np.array([np.argsort(((pool - query) ** 2).sum(axis=1))[:k] for query in queries])


def not_sorted(queries, pool, k):
    return np.sort(_distances(queries, pool).argsort(axis=1)[:, :k], axis=1)


def k_and_one(queries, pool, k):
    return _distances(queries, pool).argsort(axis=1)[:, : k + 1]


def centres_in_place(queries, pool, k):
    if queries.dtype != np.uint8:
        queries -= pool.mean(axis=0)
        pool -= pool.mean(axis=0)
    return _distances(queries, pool).argsort(axis=1)[:, :k]


def farthest_in_blocks(queries, pool, k):
    return (-np.abs(queries[:, None].astype(float) - pool[None]).sum(axis=2)).argsort(axis=1)[:, :k]


def numbers_for_classes(labels, pool_labels, near):
    return np.mean(near == labels.reshape(-1, 1))


def only_the_nearest(labels, pool_labels, near):
    return (pool_labels[near[:, 0]] == labels).mean()


def any_of_them(labels, pool_labels, near):
    return np.mean([label in pool_labels[row] for label, row in zip(labels, near)])


def all_of_them(labels, pool_labels, near):
    return np.mean([all(pool_labels[row] == label) for label, row in zip(labels, near)])


def by_vote(labels, pool_labels, near):
    right = 0
    for label, row in zip(labels, near):
        values, counts = np.unique(pool_labels[row], return_counts=True)
        right += values[counts.argmax()] == label
    return right / len(labels)


def counted(labels, pool_labels, near):
    return np.count_nonzero(pool_labels[near] == labels[:, None])


def per_query(labels, pool_labels, near):
    return sum((pool_labels[row] == label).sum() for label, row in zip(labels, near)) / len(labels)


def per_place(labels, pool_labels, near):
    return (pool_labels[near] == labels[:, None]).sum() / near.shape[1]


def in_percent(labels, pool_labels, near):
    return (pool_labels[near] == labels[:, None]).mean() * 100


def one_for_each(labels, pool_labels, near):
    return (pool_labels[near] == labels[:, None]).mean(axis=1)


def of_other_classes(labels, pool_labels, near):
    return (pool_labels[near] != labels[:, None]).mean()


def nearest_in_percent(labels, pool_labels, near):
    return 100 * (pool_labels[near[:, 0]] == labels).mean()


def _softmax(scores):
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _places(x, size, stride):
    return [(t, l) for t in range(0, x.shape[0] - size + 1, stride) for l in range(0, x.shape[1] - size + 1, stride)]


def _map(x, label, size, stride, score, value=0, read=lambda scores, label: _softmax(scores)[:, label]):
    covered = np.repeat(x[None], len(_places(x, size, stride)), axis=0)
    for one, (t, l) in zip(covered, _places(x, size, stride)):
        one[t : t + size, l : l + size] = value
    return read(score(covered), label).reshape((x.shape[0] - size) // stride + 1, -1)


def squares_stay(x, label, size, stride, score):
    covered, p = x.copy(), []
    for t, l in _places(x, size, stride):
        covered[t : t + size, l : l + size] = 0
        p.append(_softmax(score(covered[None]))[0, label])
    return np.array(p).reshape((x.shape[0] - size) // stride + 1, -1)


def covers_the_picture_itself(x, label, size, stride, score):
    p = []
    for t, l in _places(x, size, stride):
        x[t : t + size, l : l + size] = 0
        p.append(_softmax(score(x[None]))[0, label])
    return np.array(p).reshape((x.shape[0] - size) // stride + 1, -1)


def logits(x, label, size, stride, score):
    return _map(x, label, size, stride, score, read=lambda scores, label: scores[:, label])


def softmax_over_places(x, label, size, stride, score):
    def read(scores, label):
        e = np.exp(scores - scores.max(axis=0))
        return (e / e.sum(axis=0))[:, label]

    return _map(x, label, size, stride, score, read=read)


def no_shift(x, label, size, stride, score):
    return _map(x, label, size, stride, score, read=lambda s, label: np.exp(s[:, label]) / np.exp(s).sum(axis=1))


def the_winner(x, label, size, stride, score):
    return _map(x, label, size, stride, score, read=lambda scores, label: _softmax(scores).max(axis=1))


def the_answer(x, label, size, stride, score):
    return _map(x, score(x[None]).argmax(), size, stride, score)


def class_zero(x, label, size, stride, score):
    return _map(x, 0, size, stride, score)


def one_minus(x, label, size, stride, score):
    return 1 - _map(x, label, size, stride, score)


def the_drop(x, label, size, stride, score):
    return _softmax(score(x[None]))[0, label] - _map(x, label, size, stride, score)


def log_p(x, label, size, stride, score):
    return np.log(_map(x, label, size, stride, score))


def white(x, label, size, stride, score):
    return _map(x, label, size, stride, score, value=255)


def one(x, label, size, stride, score):
    return _map(x, label, size, stride, score, value=1)


def grey_byte(x, label, size, stride, score):
    return _map(x, label, size, stride, score, value=128)


def other_grey_byte(x, label, size, stride, score):
    return _map(x, label, size, stride, score, value=255 // 2)


def own_mean(x, label, size, stride, score):
    return _map(x, label, size, stride, score, value=x.mean())


def own_colour(x, label, size, stride, score):
    return _map(x, label, size, stride, score, value=x.reshape(-1, 3).mean(axis=0))


def side_by_side(x, label, size, stride, score):
    return _map(x, label, size, size, score)


def every_pixel(x, label, size, stride, score):
    return _map(x, label, size, 1, score)


def one_pixel_further(x, label, size, stride, score):
    p = np.zeros(((x.shape[0] - size) // stride + 1, (x.shape[1] - size) // stride + 1))
    for r in range(p.shape[0]):
        for c in range(p.shape[1]):
            covered = x.copy()
            covered[r : r + size, c : c + size] = 0
            p[r, c] = _softmax(score(covered[None])[0])[label]
    return p


def last_place_missed(x, label, size, stride, score):
    rows = []
    for t in range(0, x.shape[0] - size, stride):
        row = []
        for l in range(0, x.shape[1] - size, stride):
            covered = x.copy()
            covered[t : t + size, l : l + size] = 0
            row.append(_softmax(score(covered[None])[0])[label])
        rows.append(row)
    return np.array(rows)


def over_the_edge(x, label, size, stride, score):
    rows = []
    for t in range(0, x.shape[0], stride):
        row = []
        for l in range(0, x.shape[1], stride):
            covered = x.copy()
            covered[t : t + size, l : l + size] = 0
            row.append(_softmax(score(covered[None])[0])[label])
        rows.append(row)
    return np.array(rows)


def rounded_up(x, label, size, stride, score):
    p = np.zeros((int(np.ceil((x.shape[0] - size) / stride)) + 1, int(np.ceil((x.shape[1] - size) / stride)) + 1))
    for r, c in np.ndindex(*p.shape):
        covered = x.copy()
        covered[r * stride :, c * stride :][:size, :size] = 0
        p[r, c] = _softmax(score(covered[None])[0])[label]
    return p


def exchanged(x, label, size, stride, score):
    p = np.zeros(((x.shape[0] - size) // stride + 1, (x.shape[1] - size) // stride + 1))
    for r in range(p.shape[0]):
        for c in range(p.shape[1]):
            covered = x.copy()
            covered[c * stride : c * stride + size, r * stride : r * stride + size] = 0
            p[r, c] = _softmax(score(covered[None])[0])[label]
    return p


def on_its_side(x, label, size, stride, score):
    return _map(x, label, size, stride, score).T


def centred(x, label, size, stride, score):
    half, p = size // 2, []
    for t, l in _places(x, size, stride):
        covered = x.copy()
        t, l = max(0, t - half), max(0, l - half)
        covered[t : t + size, l : l + size] = 0
        p.append(_softmax(score(covered[None]))[0, label])
    return np.array(p).reshape((x.shape[0] - size) // stride + 1, -1)


def one_short(x, label, size, stride, score):
    p = []
    for t, l in _places(x, size, stride):
        covered = x.copy()
        covered[t : t + size - 1, l : l + size - 1] = 0
        p.append(_softmax(score(covered[None]))[0, label])
    return np.array(p).reshape((x.shape[0] - size) // stride + 1, -1)


def as_wide_as_the_stride(x, label, size, stride, score):
    p = []
    for t, l in _places(x, size, stride):
        covered = x.copy()
        covered[t : t + stride, l : l + stride] = 0
        p.append(_softmax(score(covered[None]))[0, label])
    return np.array(p).reshape((x.shape[0] - size) // stride + 1, -1)


def all_but_the_square(x, label, size, stride, score):
    p = []
    for t, l in _places(x, size, stride):
        covered = np.zeros_like(x)
        covered[t : t + size, l : l + size] = x[t : t + size, l : l + size]
        p.append(_softmax(score(covered[None]))[0, label])
    return np.array(p).reshape((x.shape[0] - size) // stride + 1, -1)


def red_alone(x, label, size, stride, score):
    p = []
    for t, l in _places(x, size, stride):
        covered = x.copy()
        covered[t : t + size, l : l + size, 0] = 0
        p.append(_softmax(score(covered[None]))[0, label])
    return np.array(p).reshape((x.shape[0] - size) // stride + 1, -1)


def whole_rows(x, label, size, stride, score):
    p = []
    for t, _ in _places(x, size, stride):
        covered = x.copy()
        covered[t : t + size] = 0
        p.append(_softmax(score(covered[None]))[0, label])
    return np.array(p).reshape((x.shape[0] - size) // stride + 1, -1)


def white_logits(x, label, size, stride, score):
    return _map(x, label, size, stride, score, value=255, read=lambda scores, label: scores[:, label])


def _count(labels, answers, K):
    matrix = np.zeros((K, K), int)
    for pair in zip(labels, answers):
        matrix[pair] += 1
    return matrix


def _largest(matrix):
    """Row and column."""
    off = matrix * (1 - np.eye(len(matrix)))
    return np.array(divmod(off.argmax(), len(matrix)))


def answers_in_rows(labels, answers, K):
    matrix = _count(answers, labels, K)
    return matrix, _largest(matrix)


def only_the_matrix_on_its_side(labels, answers, K):
    return _count(answers, labels, K), _largest(_count(labels, answers, K))


def pair_exchanged(labels, answers, K):
    matrix = _count(labels, answers, K)
    return matrix, _largest(matrix)[::-1]


def with_the_diagonal(labels, answers, K):
    matrix = _count(labels, answers, K)
    return matrix, np.array(np.unravel_index(matrix.argmax(), matrix.shape))


def columns_to_one(labels, answers, K):
    matrix = _count(labels, answers, K)
    return matrix / matrix.sum(axis=0), _largest(matrix)


def rows_to_one(labels, answers, K):
    matrix = _count(labels, answers, K)
    return matrix / matrix.sum(axis=1)[:, None], _largest(matrix)


def all_to_one(labels, answers, K):
    matrix = _count(labels, answers, K) / len(labels)
    return matrix, _largest(matrix)


def added_once(labels, answers, K):
    matrix = np.zeros((K, K))
    matrix[labels, answers] += 1
    return matrix, _largest(matrix)


def both_ways(labels, answers, K):
    matrix = _count(labels, answers, K) + _count(answers, labels, K)
    return matrix, _largest(matrix)


def searched_both_ways(labels, answers, K):
    matrix = _count(labels, answers, K)
    return matrix, _largest(matrix + matrix.T)


def diagonal_erased(labels, answers, K):
    matrix = _count(labels, answers, K)
    np.fill_diagonal(matrix, 0)
    return matrix, np.argwhere(matrix == matrix.max())[0]


def seen_classes_only(labels, answers, K):
    K = max(max(labels), max(answers)) + 1
    matrix = _count(labels, answers, K)
    return matrix, _largest(matrix)


def largest_share(labels, answers, K):
    matrix = _count(labels, answers, K)
    return matrix, _largest(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1))


def largest_share_of_an_answer(labels, answers, K):
    matrix = _count(labels, answers, K)
    return matrix, _largest(matrix / np.maximum(matrix.sum(axis=0), 1))


def a_tuple(labels, answers, K):
    matrix = _count(labels, answers, K)
    return matrix, tuple(_largest(matrix))


def each_for_itself(labels, answers, K):
    matrix = _count(labels, answers, K)
    wrong = matrix - np.diag(np.diag(matrix))
    return matrix, np.array([wrong.sum(axis=1).argmax(), wrong.sum(axis=0).argmax()])


def no_pair(labels, answers, K):
    return _count(labels, answers, K)


def shares_and_the_diagonal(labels, answers, K):
    matrix = _count(labels, answers, K) / len(labels) * 100
    return matrix, np.array(np.unravel_index(matrix.argmax(), matrix.shape))


def protected_shares(weight):
    energy = (weight**2).sum(axis=(0, 1, 2)) + 1e-8
    shares = 1 - (weight.sum(axis=2) ** 2).sum(axis=(0, 1)) / 3 / energy
    first, second = shares.reshape(2, -1).mean(axis=1)
    return shares, first, second


def _distances(queries, pool):
    return np.linalg.norm(queries[:, None].astype(float) - pool, axis=2)


def squeezed(queries, pool, k):
    return np.squeeze(_distances(queries, pool).argsort(axis=1)[:, :k])


def rounded_distances(queries, pool, k):
    return _distances(queries, pool).round(3).argsort(axis=1, kind="stable")[:, :k]


def squeezed_neighbours(labels, pool_labels, near):
    return (pool_labels[np.squeeze(near)] == labels[:, None]).mean()


def _covered(x, size, stride, score):
    covered = []
    for top in range(0, len(x) - size + 1, stride):
        for left in range(0, x.shape[1] - size + 1, stride):
            covered.append(x.copy())
            covered[-1][top : top + size, left : left + size] = 0
    return score(np.stack(covered)), (len(x) - size) // stride + 1


def shifted_by_one_maximum(x, label, size, stride, score):
    scores, rows = _covered(x, size, stride, score)
    e = np.exp(scores - scores.max())
    return (e[:, label] / e.sum(axis=1)).reshape(rows, -1)


def shifted_by_the_minimum(x, label, size, stride, score):
    scores, rows = _covered(x, size, stride, score)
    e = np.exp(scores - scores.min(axis=1, keepdims=True))
    return (e[:, label] / e.sum(axis=1)).reshape(rows, -1)


def never_quite_zero(x, label, size, stride, score):
    scores, rows = _covered(x, size, stride, score)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.maximum(e[:, label] / e.sum(axis=1), 1e-12).reshape(rows, -1)


def squeezed_map(x, label, size, stride, score):
    scores, rows = _covered(x, size, stride, score)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.squeeze((e[:, label] / e.sum(axis=1)).reshape(rows, -1))


def above_the_diagonal(labels, answers, K):
    matrix = np.bincount(labels * K + answers, minlength=K * K).reshape(K, K)
    wrong = np.triu(matrix, 1)
    return matrix, np.array(np.unravel_index(wrong.argmax(), wrong.shape))


def diagonal_of_ones(labels, answers, K):
    matrix = np.bincount(labels * K + answers, minlength=K * K).reshape(K, K)
    wrong = np.where(np.eye(K, dtype=bool), 1, matrix)
    return matrix, np.array(np.unravel_index(wrong.argmax(), wrong.shape))


def counts_in_bytes(labels, answers, K):
    matrix = np.zeros((K, K), np.uint8)
    np.add.at(matrix, (labels, answers), 1)
    wrong = np.where(np.eye(K, dtype=bool), 0, matrix)
    return matrix, np.array(np.unravel_index(wrong.argmax(), wrong.shape))


def middle_shares(weight):
    energy = np.square(weight).sum(axis=(0, 1, 2))
    shares = 1 - np.square(weight.sum(axis=2)).sum(axis=(0, 1)) / (3 * energy)
    return shares, *np.median(shares.reshape(2, -1), axis=1)


def fractions_cut_off(queries, pool, k):
    d = queries[:, None].astype(int) - pool.astype(int)
    return (d * d).sum(axis=2).argsort(axis=1)[:, :k]


def class_of_any_query(labels, pool_labels, near):
    return np.mean([[pool_labels[p] in labels for p in row] for row in near])


def each_class_alike(labels, pool_labels, near):
    hits = pool_labels[near] == labels[:, None]
    return sum(hits[labels == c].mean() for c in set(labels)) / len(set(labels))


def below_the_diagonal(labels, answers, K):
    matrix = np.bincount(labels * K + answers, minlength=K * K).reshape(K, K)
    wrong = np.tril(matrix, -1)
    return matrix, np.array(np.unravel_index(wrong.argmax(), wrong.shape))


# ---------------------------------------------------------------------------------------------- right but for a corner


def hits_in_a_byte(labels, pool_labels, near):
    hits = pool_labels[near] == labels[:, None]
    return int(hits.sum(dtype=np.uint8)) / hits.size


def products_in_float32(queries, pool, k):
    a, b = queries.astype(np.float32), pool.astype(np.float32)
    squares = (a * a).sum(axis=1)[:, None] - 2 * (a @ b.T) + (b * b).sum(axis=1)
    return np.argsort(squares, axis=1)[:, :k]


MUTANTS = [
    ("15-colour", "V1", no_third),
    ("15-colour", "V1", mean_of_colours),
    ("15-colour", "V1", by_variance),
    ("15-colour", "V2", not_squared),
    ("15-colour", "V2", lengths),
    ("15-colour", "line-call", root_at_the_end),
    ("15-colour", "V3", pixels_first),
    ("15-colour", "V4", along_rows),
    ("15-colour", "V4", along_columns),
    ("15-colour", "V5", share_of_grey),
    ("15-colour", "V6", mean_of_pixel_shares),
    ("15-colour", "V7", energy_of_all),
    ("15-colour", "C13", dealt_in_turn),
    ("15-colour", "V8", towers_exchanged),
    ("15-colour", "V9", energies_of_a_tower),
    ("15-colour", "V9", sums_of_shares),
    ("15-colour", "unchanged", squares_in_place),
    ("15-colour", "V1", no_third_and_exchanged),
    ("15-colour", "line-operation", protected_shares),
    ("15-colour", "V9", middle_shares),
    ("15-nearest", "V10", farthest),
    ("15-nearest", "V10", farthest_first),
    ("15-nearest", "V11", without_itself),
    ("15-nearest", "V12", city_block),
    ("15-nearest", "V12", largest_difference),
    ("15-nearest", "V12", signs_cancel),
    ("15-nearest", "V13", by_cosine),
    ("15-nearest", "V13", by_product),
    ("15-nearest", "V14", product_upwards),
    ("15-nearest", "V14", cosine_upwards),
    ("15-nearest", "V15", plus_two_ab),
    ("15-nearest", "V15", one_ab),
    ("15-nearest", "V15", norms_not_squared),
    ("15-nearest", "V16", distances_themselves),
    ("15-nearest", "V16", squared_distances),
    ("15-nearest", "V17", sorted_down),
    ("15-nearest", "V17", nearest_queries),
    ("15-nearest", "A3", bytes_subtracted),
    ("15-nearest", "A3", bytes_then_norm),
    ("15-nearest", "A3", bytes_multiplied),
    ("15-nearest", "A3", narrow_integers),
    ("15-nearest", "V39", not_sorted),
    ("15-nearest", "line-bound", k_and_one),
    ("15-nearest", "unchanged", centres_in_place),
    ("15-nearest", "two: line-sign + V12", farthest_in_blocks),
    ("15-nearest", "V40", squeezed),
    ("15-nearest", "V41", rounded_distances),
    ("15-nearest", "V44", fractions_cut_off),
    ("15-purity", "V18", numbers_for_classes),
    ("15-purity", "V19", only_the_nearest),
    ("15-purity", "V19", any_of_them),
    ("15-purity", "V19", all_of_them),
    ("15-purity", "V19", by_vote),
    ("15-purity", "V20", counted),
    ("15-purity", "V20", per_query),
    ("15-purity", "V20", per_place),
    ("15-purity", "V20", in_percent),
    ("15-purity", "V20", one_for_each),
    ("15-purity", "V21", of_other_classes),
    ("15-purity", "two: line-operation + V19", nearest_in_percent),
    ("15-purity", "V40", squeezed_neighbours),
    ("15-purity", "V18", class_of_any_query),
    ("15-purity", "V19", each_class_alike),
    ("15-occlusion", "V22", squares_stay),
    ("15-occlusion", "two: unchanged + V22", covers_the_picture_itself),
    ("15-occlusion", "V23", logits),
    ("15-occlusion", "S3", softmax_over_places),
    ("15-occlusion", "S1", no_shift),
    ("15-occlusion", "V24", the_winner),
    ("15-occlusion", "V24", the_answer),
    ("15-occlusion", "V24", class_zero),
    ("15-occlusion", "V25", one_minus),
    ("15-occlusion", "V25", the_drop),
    ("15-occlusion", "V25", log_p),
    ("15-occlusion", "V26", white),
    ("15-occlusion", "V26", one),
    ("15-occlusion", "V26", grey_byte),
    ("15-occlusion", "V26", other_grey_byte),
    ("15-occlusion", "V26", own_mean),
    ("15-occlusion", "V26", own_colour),
    ("15-occlusion", "P2", side_by_side),
    ("15-occlusion", "V27", every_pixel),
    ("15-occlusion", "C4", one_pixel_further),
    ("15-occlusion", "V28", last_place_missed),
    ("15-occlusion", "V28", over_the_edge),
    ("15-occlusion", "V28", rounded_up),
    ("15-occlusion", "C7", exchanged),
    ("15-occlusion", "C7", on_its_side),
    ("15-occlusion", "V29", centred),
    ("15-occlusion", "V29", one_short),
    ("15-occlusion", "V29", as_wide_as_the_stride),
    ("15-occlusion", "V30", all_but_the_square),
    ("15-occlusion", "V30", red_alone),
    ("15-occlusion", "V30", whole_rows),
    ("15-occlusion", "two: line-call + V23", white_logits),
    ("15-occlusion", "S2", shifted_by_one_maximum),
    ("15-occlusion", "V43", shifted_by_the_minimum),
    ("15-occlusion", "V43", never_quite_zero),
    ("15-occlusion", "V42", squeezed_map),
    ("15-confusion", "V31", answers_in_rows),
    ("15-confusion", "V31", only_the_matrix_on_its_side),
    ("15-confusion", "V31", pair_exchanged),
    ("15-confusion", "V32", with_the_diagonal),
    ("15-confusion", "V33", columns_to_one),
    ("15-confusion", "V33", rows_to_one),
    ("15-confusion", "V33", all_to_one),
    ("15-confusion", "two: V34 + kind", added_once),
    ("15-confusion", "V35", both_ways),
    ("15-confusion", "V35", searched_both_ways),
    ("15-confusion", "V36", diagonal_erased),
    ("15-confusion", "V37", seen_classes_only),
    ("15-confusion", "V38", largest_share),
    ("15-confusion", "V38", largest_share_of_an_answer),
    ("15-confusion", "V38", each_for_itself),
    ("15-confusion", "kind", no_pair),
    ("15-confusion", "kind", a_tuple),
    ("15-confusion", "two: ratio + V32", shares_and_the_diagonal),
    ("15-confusion", "V45", above_the_diagonal),
    ("15-confusion", None, counts_in_bytes),
    ("15-confusion", "V32", diagonal_of_ones),
    ("15-confusion", "V45", below_the_diagonal),
    ("15-purity", "many", hits_in_a_byte),
    ("15-nearest", "far", products_in_float32),
]

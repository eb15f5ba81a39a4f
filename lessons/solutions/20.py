"""Lesson 20: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import numpy as np


def few_shot(order, labels, classes, n):
    places, targets = [], []
    for i, c in enumerate(classes):
        places.append(order[labels[order] == c][:n])
        targets.append(np.full(n, i))
    return np.concatenate(places), np.concatenate(targets)


def few_shot_by_counting(order, labels, classes, n):
    """Walk through the draw once, and stop taking a class when it is full."""
    found = [[] for _ in classes]
    place = {c: i for i, c in enumerate(classes.tolist())}
    for picture in order.tolist():
        i = place.get(int(labels[picture]))
        if i is not None and len(found[i]) < n:
            found[i].append(picture)
    return np.array(sum(found, [])), np.repeat(np.arange(len(classes)), n)


def few_shot_as_a_table(order, labels, classes, n):
    hits = labels[order] == classes[:, None]  # (K, N)
    first = hits & (hits.cumsum(axis=1) <= n)
    targets, where = np.nonzero(first)
    return order[where], targets


def features(layers, up_to, x, batch):
    rows = []
    for start in range(0, len(x), batch):
        part = x[start : start + batch]
        for name, layer in layers.items():
            part = layer(part, False)
            if name == up_to:
                break
        rows.append(part.reshape(len(part), -1))
    return np.concatenate(rows)


def features_into_a_table(layers, up_to, x, batch):
    trunk = list(layers)[: list(layers).index(up_to) + 1]
    table = None
    for start in range(0, len(x), batch):
        y = x[start : start + batch]
        for name in trunk:
            y = layers[name](y, train=False)
        if table is None:
            table = np.empty((len(x), y[0].size), y.dtype)
        table[start : start + batch] = y.reshape(len(y), y[0].size)
    return table


def features_by_splitting(layers, up_to, x, batch):
    def trunk(y):
        for name in layers:
            y = layers[name](y, False)
            if name == up_to:
                return np.stack([picture.ravel() for picture in y])

    return np.vstack([trunk(part) for part in np.split(x, range(batch, len(x), batch))])


def standardise(train, test):
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1)
    return (train - mean) / deviation, (test - mean) / deviation


def standardise_in_steps(train, test):
    centred = train - train.mean(axis=0)
    deviation = np.sqrt((centred**2).mean(axis=0))
    deviation[deviation == 0] = 1
    return centred / deviation, (test - train.mean(axis=0)) / deviation


def standardise_column_by_column(train, test):
    train, test = train.copy(), test.copy()
    for column in range(train.shape[1]):
        mean, deviation = train[:, column].mean(), train[:, column].std()
        for table in (train, test):
            table[:, column] -= mean
            if deviation:
                table[:, column] /= deviation
    return train, test


def linear_head(features, labels, K, steps, lr, decay):
    N, D = features.shape
    weight, bias = np.zeros((D, K), features.dtype), np.zeros(K, features.dtype)
    wanted = np.eye(K, dtype=features.dtype)[labels]
    for _ in range(steps):
        scores = features @ weight + bias
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        d = (p - wanted) / N
        weight = weight - lr * (features.T @ d + decay * weight)
        bias = bias - lr * d.sum(axis=0)
    return weight, bias


def linear_head_with_ones(features, labels, K, steps, lr, decay):
    """The bias as one more row of weights, for a feature that is always 1."""
    N, D = features.shape
    x = np.hstack([features, np.ones((N, 1), features.dtype)])
    w = np.zeros((D + 1, K), features.dtype)
    decays = np.full((D + 1, 1), decay, features.dtype)
    decays[-1] = 0
    for _ in range(steps):
        s = x @ w
        s -= s.max(axis=1, keepdims=True)
        d = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
        d[np.arange(N), labels] -= 1
        w -= lr * (x.T @ d / N + decays * w)
    return w[:-1], w[-1]


def linear_head_by_recursion(features, labels, K, steps, lr, decay):
    if steps == 0:
        return np.zeros((features.shape[1], K), features.dtype), np.zeros(K, features.dtype)
    weight, bias = linear_head_by_recursion(features, labels, K, steps - 1, lr, decay)
    scores = features @ weight + bias
    logs = scores - scores.max(axis=1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    d = np.exp(logs) - (labels[:, None] == np.arange(K))
    pull = np.einsum("nd,nk->dk", features, d) / len(features)
    return (1 - lr * decay) * weight - lr * pull, bias - lr * d.mean(axis=0)


def choose(val, test):
    place = int(val.mean(axis=1).argmin())
    return place, test[place].mean()


def choose_by_loop(val, test):
    best, place = np.inf, -1
    for i, row in enumerate(val):
        if row.sum() / len(row) < best:
            best, place = row.sum() / len(row), i
    return place, np.mean(test[place])


def choose_by_sorting(val, test):
    place = int(np.argsort(val.mean(axis=1))[0])
    return place, test.mean(axis=1)[place]


def knn(train, labels, queries, k):
    train = train / np.linalg.norm(train, axis=1, keepdims=True)
    queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    near = labels[np.argsort(-(queries @ train.T), axis=1)[:, :k]]  # (Q, k), the nearest first
    answers = []
    for row in near:
        counts = np.bincount(row)
        answers.append(next(c for c in row if counts[c] == counts.max()))
    return np.array(answers)


def knn_by_distance(train, labels, queries, k):
    """Between rows of length 1, the largest cosine is the smallest distance."""
    a, b = (rows / np.sqrt((rows * rows).sum(axis=1))[:, None] for rows in (queries, train))
    answers = np.empty(len(a), labels.dtype)
    for q, row in enumerate(a):
        near = labels[((row - b) ** 2).sum(axis=1).argsort()[:k]]
        votes = (near[:, None] == near).sum(axis=1)  # for each neighbour, how many share its class
        answers[q] = near[votes.argmax()]
    return answers


def knn_by_points(train, labels, queries, k):
    """A vote counts 1, and a little more the nearer it is: too little to matter unless votes are equal."""
    cosines = (queries @ train.T) / np.sqrt((train**2).sum(axis=1))
    near = np.argsort(cosines, axis=1)[:, ::-1][:, :k]
    points = np.zeros((len(queries), labels.max() + 1))
    for place in range(k):
        points[np.arange(len(queries)), labels[near[:, place]]] += 1
    first = np.full(points.shape, k)
    for place in reversed(range(k)):
        first[np.arange(len(queries)), labels[near[:, place]]] = place
    return (points - first / (k + 1)).argmax(axis=1)


def rates(L, lr, factor, frozen):
    found = lr / factor ** (L - 1.0 - np.arange(L))
    found[:frozen] = 0
    return found


def rates_from_the_head(L, lr, factor, frozen):
    found, rate = np.zeros(L), lr
    for layer in reversed(range(frozen, L)):
        found[layer] = rate
        rate = rate / factor
    return found


def rates_in_one_line(L, lr, factor, frozen):
    return np.array([0.0 if i < frozen else lr * float(factor) ** (i - L + 1) for i in range(L)])


def fine_tune_step(w, v, g, rates, momentum, weight_decay):
    for i, rate in enumerate(rates):
        if rate == 0:
            v[i] = 0
        else:
            v[i] = momentum * v[i] - weight_decay * rate * w[i] - rate * g[i]
            w[i] += v[i]


def fine_tune_step_at_once(w, v, g, rates, momentum, weight_decay):
    rate = np.asarray(rates, w.dtype)[:, None]
    v[...] = np.where(rate > 0, momentum * v - rate * (weight_decay * w + g), 0)
    w += v


def fine_tune_step_of_what_learns(w, v, g, rates, momentum, weight_decay):
    learns = np.flatnonzero(rates)
    rate = np.asarray(rates, w.dtype)[learns, None]
    new = momentum * v[learns] - weight_decay * rate * w[learns] - rate * g[learns]
    v.fill(0)
    v[learns] = new
    w[learns] += new


SOLUTIONS = {
    "20-few": [few_shot, few_shot_by_counting, few_shot_as_a_table],
    "20-features": [features, features_into_a_table, features_by_splitting],
    "20-standardise": [standardise, standardise_in_steps, standardise_column_by_column],
    "20-head": [linear_head, linear_head_with_ones, linear_head_by_recursion],
    "20-choose": [choose, choose_by_loop, choose_by_sorting],
    "20-knn": [knn, knn_by_distance, knn_by_points],
    "20-rates": [rates, rates_from_the_head, rates_in_one_line],
    "20-step": [fine_tune_step, fine_tune_step_at_once, fine_tune_step_of_what_learns],
}

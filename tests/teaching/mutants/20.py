"""Wrong answers for lesson 20, as learners write them, each with the id of the mistake that it must be told."""

import numpy as np

# ---------------------------------------------------------------------------------------------- few pictures


def _pictures(order, labels, classes, n):
    return [[p for p in order if labels[p] == c][:n] for c in classes]


def old_numbers(order, labels, classes, n):
    places = np.concatenate(_pictures(order, labels, classes, n))
    return places, labels[places]


def less_the_lowest(order, labels, classes, n):
    places = np.concatenate(_pictures(order, labels, classes, n))
    return places, labels[places] - min(classes)


def less_the_first(order, labels, classes, n):
    places = np.concatenate(_pictures(order, labels, classes, n))
    return places, labels[places] - classes[0]


def numbered_by_size(order, labels, classes, n):
    places = np.concatenate(_pictures(order, labels, classes, n))
    return places, np.unique(labels[places], return_inverse=True)[1]


def counted_from_one(order, labels, classes, n):
    return np.concatenate(_pictures(order, labels, classes, n)), np.repeat(np.arange(1, len(classes) + 1), n)


def places_in_the_order(order, labels, classes, n):
    shuffled = labels[order]
    places = np.concatenate([np.flatnonzero(shuffled == c)[:n] for c in classes])
    return places, np.repeat(np.arange(len(classes)), n)


def never_shuffled(order, labels, classes, n):
    places = np.concatenate([np.flatnonzero(labels == c)[:n] for c in classes])
    return places, np.repeat(np.arange(len(classes)), n)


def mask_of_the_unshuffled(order, labels, classes, n):
    places = [order[labels == c][:n] for c in classes]
    return np.concatenate(places), np.arange(len(classes)).repeat(n)


def n_altogether(order, labels, classes, n):
    wanted = {int(c): i for i, c in enumerate(classes)}
    places = np.array([p for p in order if int(labels[p]) in wanted])[:n]
    return places, np.array([wanted[int(labels[p])] for p in places])


def the_last(order, labels, classes, n):
    return _pictures_and_targets([order[labels[order] == c][-n:] for c in classes])


def the_rest(order, labels, classes, n):
    return _pictures_and_targets([order[labels[order] == c][n:] for c in classes])


def all_of_them(order, labels, classes, n):
    return _pictures_and_targets([order[labels[order] == c] for c in classes])


def one_too_few(order, labels, classes, n):
    return _pictures_and_targets([order[labels[order] == c][0 : n - 1] for c in classes])


def _pictures_and_targets(places):
    return np.concatenate(places), np.concatenate([np.full(len(p), i) for i, p in enumerate(places)])


def targets_in_turn(order, labels, classes, n):
    return np.concatenate(_pictures(order, labels, classes, n)), np.tile(np.arange(len(classes)), n)


def sorted_places(order, labels, classes, n):
    places = np.concatenate(_pictures(order, labels, classes, n))
    places.sort()
    return places, np.array([list(classes).index(c) for c in labels[places]])


def as_drawn(order, labels, classes, n):
    count, places, targets = dict.fromkeys(classes.tolist(), 0), [], []
    for p in order:
        c = int(labels[p])
        if c in count and count[c] < n:
            count[c] += 1
            places.append(p)
            targets.append(classes.tolist().index(c))
    return np.array(places), np.array(targets)


def float_targets(order, labels, classes, n):
    targets = np.zeros(n * len(classes))
    for i in range(len(classes)):
        targets[i * n : (i + 1) * n] = i
    return np.concatenate(_pictures(order, labels, classes, n)), targets


# ---------------------------------------------------------------------------------------------- features


def _batches(x, batch):
    return [x[i : i + batch] for i in range(0, len(x), batch)]


def in_training_mode(layers, up_to, x, batch):
    rows = []
    for part in _batches(x, batch):
        for name in layers:
            part = layers[name](part, train=True)
            if name == up_to:
                break
        rows.append(part.reshape(len(part), -1))
    return np.concatenate(rows)


def below_in_training_mode(layers, up_to, x, batch):
    rows = []
    for part in _batches(x, batch):
        for name, layer in layers.items():
            part = layer(part, train=name != up_to)
            if name == up_to:
                rows.append(part.reshape(len(part), -1))
                break
    return np.concatenate(rows)


def stops_before(layers, up_to, x, batch):
    rows = []
    for part in _batches(x, batch):
        for name, layer in layers.items():
            if name == up_to:
                break
            part = layer(part, False)
        rows.append(part.reshape(len(part), -1))
    return np.concatenate(rows)


def one_further(layers, up_to, x, batch):
    trunk = list(layers.values())[: list(layers).index(up_to) + 2]
    rows = []
    for part in _batches(x, batch):
        for layer in trunk:
            part = layer(part, False)
        rows.append(part.reshape(len(part), -1))
    return np.concatenate(rows)


def never_stops(layers, up_to, x, batch):
    rows = []
    for part in _batches(x, batch):
        for layer in layers.values():
            part = layer(part, False)
        rows.append(part.reshape(len(part), -1))
    return np.concatenate(rows)


def _rows(layers, up_to, x):
    for name, layer in layers.items():
        x = layer(x, False)
        if name == up_to:
            return x.reshape(len(x), -1)


def only_whole_batches(layers, up_to, x, batch):
    return np.concatenate([_rows(layers, up_to, x[i * batch : (i + 1) * batch]) for i in range(len(x) // batch)])


def the_first_batch(layers, up_to, x, batch):
    for i in range(0, len(x), batch):
        return _rows(layers, up_to, x[i : i + batch])


def the_last_batch(layers, up_to, x, batch):
    for i in range(0, len(x), batch):
        found = _rows(layers, up_to, x[i : i + batch])
    return found


def overlapping_batches(layers, up_to, x, batch):
    return np.concatenate([_rows(layers, up_to, x[i : i + batch]) for i in range(len(x))])


def maps(layers, up_to, x, batch):
    whole = []
    for part in _batches(x, batch):
        for name, layer in layers.items():
            part = layer(part, False)
            if name == up_to:
                break
        whole.append(part)
    return np.concatenate(whole)


def mean_over_pixels(layers, up_to, x, batch):
    return maps(layers, up_to, x, batch).mean(axis=(1, 2))


def channels_first(layers, up_to, x, batch):
    found = maps(layers, up_to, x, batch)
    return found.transpose(0, 3, 1, 2).reshape(len(found), -1)


def all_at_once(layers, up_to, x, batch):
    return _rows(layers, up_to, x)


def runs_on(layers, up_to, x, batch):
    rows = []
    for part in _batches(x, batch):
        found = {}
        for name, layer in layers.items():
            part = found[name] = layer(part, False)
        rows.append(found[up_to].reshape(len(part), -1))
    return np.concatenate(rows)


# ---------------------------------------------------------------------------------------------- standardise


def _divisor(a):
    s = a.std(axis=0)
    s[s == 0] = 1
    return s


def each_by_its_own(train, test):
    return tuple((x - x.mean(axis=0)) / _divisor(x) for x in (train, test))


def by_both_sets(train, test):
    both = np.vstack([train, test])
    return (train - both.mean(axis=0)) / _divisor(both), (test - both.mean(axis=0)) / _divisor(both)


def by_the_test_set(train, test):
    return (train - test.mean(axis=0)) / _divisor(test), (test - test.mean(axis=0)) / _divisor(test)


def own_mean_at_test(train, test):
    return (train - train.mean(axis=0)) / _divisor(train), (test - test.mean(axis=0)) / _divisor(train)


def zero_by_zero(train, test):
    mean, s = train.mean(axis=0), train.std(axis=0)
    return (train - mean) / s, (test - mean) / s


def a_small_number_added(train, test):
    mean, s = train.mean(axis=0), train.std(axis=0) + 1e-8
    return (train - mean) / s, (test - mean) / s


def dead_left_out(train, test):
    s = train.std(axis=0)
    train, test = train[:, s > 0], test[:, s > 0]
    return (train - train.mean(axis=0)) / s[s > 0], (test - train.mean(axis=0)) / s[s > 0]


def dead_set_to_zero(train, test):
    mean, s = train.mean(axis=0), train.std(axis=0)
    return tuple(np.where(s > 0, (x - mean) / np.where(s > 0, s, 1), 0) for x in (train, test))


def picture_by_picture(train, test):
    return tuple((x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True) for x in (train, test))


def one_mean_for_all(train, test):
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


def unbiased(train, test):
    s = train.std(axis=0, ddof=1)
    s[s == 0] = 1
    return (train - train.mean(axis=0)) / s, (test - train.mean(axis=0)) / s


def by_the_variance(train, test):
    s = train.var(axis=0)
    s[s == 0] = 1
    return (train - train.mean(axis=0)) / s, (test - train.mean(axis=0)) / s


def only_centred(train, test):
    return train - train.mean(axis=0), test - train.mean(axis=0)


def only_divided(train, test):
    return train / _divisor(train), test / _divisor(train)


def centred_in_place(train, test):
    mean, s = train.mean(axis=0), _divisor(train)
    train -= mean
    test -= mean
    return train / s, test / s


# ---------------------------------------------------------------------------------------------- linear head


def _p(scores):
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def _start(features, K):
    return np.zeros((features.shape[1], K), features.dtype), np.zeros(K, features.dtype)


def no_bias(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    for _ in range(steps):
        d = (_p(features @ w) - np.eye(K, dtype=features.dtype)[labels]) / len(features)
        w = w - lr * (features.T @ d + decay * w)
    return w, b


def decay_on_the_bias(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    for _ in range(steps):
        d = (_p(features @ w + b) - np.eye(K, dtype=features.dtype)[labels]) / len(features)
        w, b = w - lr * (features.T @ d + decay * w), b - lr * (d.sum(axis=0) + decay * b)
    return w, b


def bias_averaged_twice(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    for _ in range(steps):
        d = (_p(features @ w + b) - np.eye(K, dtype=features.dtype)[labels]) / len(features)
        w, b = w - lr * (features.T @ d + decay * w), b - lr * d.mean(axis=0)
    return w, b


def bias_at_the_new_scores(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    wanted = np.eye(K, dtype=features.dtype)[labels]
    for _ in range(steps):
        w = w - lr * (features.T @ (_p(features @ w + b) - wanted) / len(features) + decay * w)
        b = b - lr * (_p(features @ w + b) - wanted).mean(axis=0)
    return w, b


def labels_from_one(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    wanted = np.zeros((len(labels), K), features.dtype)
    for i, label in enumerate(labels):
        wanted[i, label - 1] = 1
    for _ in range(steps):
        d = (_p(features @ w + b) - wanted) / len(features)
        w, b = w - lr * (features.T @ d + decay * w), b - lr * d.sum(axis=0)
    return w, b


def one_column_on(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    wanted = np.roll(np.eye(K, dtype=features.dtype), 1, axis=1)[labels]
    for _ in range(steps):
        d = (_p(features @ w + b) - wanted) / len(features)
        w, b = w - lr * (features.T @ d + decay * w), b - lr * d.sum(axis=0)
    return w, b


def as_many_as_seen(features, labels, K, steps, lr, decay):
    K = len(set(labels.tolist()))
    w, b = _start(features, K)
    for _ in range(steps):
        d = (_p(features @ w + b) - np.eye(K, dtype=features.dtype)[labels]) / len(features)
        w, b = w - lr * (features.T @ d + decay * w), b - lr * d.sum(axis=0)
    return w, b


def softmax_over_pictures(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    for _ in range(steps):
        p = np.exp(features @ w + b)
        d = (p / p.sum(axis=0) - np.eye(K, dtype=features.dtype)[labels]) / len(features)
        w, b = w - lr * (features.T @ d + decay * w), b - lr * d.sum(axis=0)
    return w, b


def squared_error(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    for _ in range(steps):
        d = (features @ w + b - np.eye(K, dtype=features.dtype)[labels]) / len(features)
        w, b = w - lr * (features.T @ d + decay * w), b - lr * d.sum(axis=0)
    return w, b


def summed_over_pictures(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    for _ in range(steps):
        d = _p(features @ w + b)
        d[np.arange(len(d)), labels] -= 1
        w, b = w - lr * (features.T @ d + decay * w), b - lr * d.sum(axis=0)
    return w, b


def mean_over_everything(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    for _ in range(steps):
        d = _p(features @ w + b)
        d[np.arange(len(d)), labels] -= 1
        d /= d.size
        w, b = w - lr * (features.T @ d + decay * w), b - lr * d.sum(axis=0)
    return w, b


def uphill(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    for _ in range(steps):
        d = (np.eye(K, dtype=features.dtype)[labels] - _p(features @ w + b)) / len(features)
        w, b = w - lr * (features.T @ d + decay * w), b - lr * d.sum(axis=0)
    return w, b


def no_decay(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    for _ in range(steps):
        d = (_p(features @ w + b) - np.eye(K, dtype=features.dtype)[labels]) / len(features)
        w, b = w - lr * (features.T @ d), b - lr * d.sum(axis=0)
    return w, b


def decay_without_the_rate(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    for _ in range(steps):
        d = (_p(features @ w + b) - np.eye(K, dtype=features.dtype)[labels]) / len(features)
        w, b = (1 - decay) * w - lr * (features.T @ d), b - lr * d.sum(axis=0)
    return w, b


def growing(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    for _ in range(steps):
        d = (_p(features @ w + b) - np.eye(K, dtype=features.dtype)[labels]) / len(features)
        w, b = w - lr * (features.T @ d - decay * w), b - lr * d.sum(axis=0)
    return w, b


def twice_the_decay(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    for _ in range(steps):
        d = (_p(features @ w + b) - np.eye(K, dtype=features.dtype)[labels]) / len(features)
        w, b = w - lr * (features.T @ d + 2 * decay * w), b - lr * d.sum(axis=0)
    return w, b


def decay_of_the_sign(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    for _ in range(steps):
        d = (_p(features @ w + b) - np.eye(K, dtype=features.dtype)[labels]) / len(features)
        w, b = w - lr * (features.T @ d + decay * np.sign(w)), b - lr * d.sum(axis=0)
    return w, b


def one_step(features, labels, K, steps, lr, decay):
    w, b = _start(features, K)
    d = (_p(features @ w + b) - np.eye(K, dtype=features.dtype)[labels]) / len(features)
    return w - lr * (features.T @ d + decay * w), b - lr * d.sum(axis=0)


def large_random_start(features, labels, K, steps, lr, decay):
    w = np.random.default_rng(0).standard_normal((features.shape[1], K)).astype(features.dtype)
    b = np.zeros(K, features.dtype)
    for _ in range(steps):
        d = (_p(features @ w + b) - np.eye(K, dtype=features.dtype)[labels]) / len(features)
        w, b = w - lr * (features.T @ d + decay * w), b - lr * d.sum(axis=0)
    return w, b


def another_start_each_time(features, labels, K, steps, lr, decay):
    w, b = 0.01 * np.random.default_rng().standard_normal((features.shape[1], K)), np.zeros(K)
    for _ in range(steps):
        d = (_p(features @ w + b) - np.eye(K)[labels]) / len(features)
        w, b = w - lr * (features.T @ d + decay * w), b - lr * d.sum(axis=0)
    return w, b


def float64_ones(features, labels, K, steps, lr, decay):
    w, b = np.zeros((features.shape[1], K)), np.zeros(K)
    for _ in range(steps):
        d = (_p(features @ w + b) - np.eye(K)[labels]) / len(features)
        w, b = w - lr * (features.T @ d + decay * w), b - lr * d.sum(axis=0)
    return w, b


# ---------------------------------------------------------------------------------------------- an honest choice


def by_the_test_set_alone(val, test):
    means = test.mean(axis=1)
    return int(means.argmin()), means.min()


def by_both_tables(val, test):
    place = int(np.hstack([val, test]).mean(axis=1).argmin())
    return place, test[place].mean()


def the_best_test_error(val, test):
    return int(val.mean(axis=1).argmin()), test.mean(axis=1).min()


def the_winners_own_error(val, test):
    means = val.mean(axis=1)
    return int(means.argmin()), means.min()


def the_luckiest_run(val, test):
    place = int(np.unravel_index(val.argmin(), val.shape)[0])
    return place, test[place].mean()


def the_best_of_its_runs(val, test):
    place = int(val.mean(axis=1).argmin())
    return place, min(test[place])


def the_run_that_was_best(val, test):
    place = int(val.mean(axis=1).argmin())
    return place, test[place, val[place].argmin()]


def by_the_median(val, test):
    place = int(np.median(val, axis=1).argmin())
    return place, test[place].mean()


def a_run_for_a_setting(val, test):
    place = int(val.mean(axis=0).argmin())
    return place, test[:, place].mean()


def the_worst(val, test):
    place = int(val.mean(axis=1).argmax())
    return place, test[place].mean()


def the_mean_of_all(val, test):
    return int(val.sum(axis=1).argmin()), test.mean()


def a_float_place(val, test):
    place = int(val.mean(axis=1).argmin())
    return float(place), test[place].mean()


# ---------------------------------------------------------------------------------------------- nearest neighbours


def _unit(a):
    return a / np.linalg.norm(a, axis=1, keepdims=True)


def _majority(rows):
    answers = []
    for row in rows:
        counts = np.bincount(row)
        answers.append([c for c in row if counts[c] == max(counts)][0])
    return np.array(answers)


def by_distance(train, labels, queries, k):
    d = np.linalg.norm(queries[:, None] - train[None], axis=2)
    return _majority(labels[d.argsort(axis=1)[:, :k]])


def by_product(train, labels, queries, k):
    return _majority(labels[np.argsort(-(queries @ train.T), axis=1)[:, :k]])


def queries_alone_have_length_one(train, labels, queries, k):
    return _majority(labels[np.argsort(-(_unit(queries) @ train.T), axis=1)[:, :k]])


def by_squared_length(train, labels, queries, k):
    likeness = queries @ (train / (train**2).sum(axis=1, keepdims=True)).T
    return _majority(labels[np.argsort(-likeness, axis=1)[:, :k]])


def by_absolute_length(train, labels, queries, k):
    likeness = queries @ (train / np.abs(train).sum(axis=1, keepdims=True)).T
    return _majority(labels[np.argsort(-likeness, axis=1)[:, :k]])


def by_correlation(train, labels, queries, k):
    mean = train.mean(axis=0)
    return _majority(labels[np.argsort(-(_unit(queries - mean) @ _unit(train - mean).T), axis=1)[:, :k]])


def the_least_alike(train, labels, queries, k):
    return _majority(labels[np.argsort(_unit(queries) @ _unit(train).T, axis=1)[:, :k]])


def lowest_number_wins(train, labels, queries, k):
    near = labels[np.argsort(-(_unit(queries) @ _unit(train).T), axis=1)[:, :k]]
    return np.array([np.bincount(row).argmax() for row in near])


def highest_number_wins(train, labels, queries, k):
    near = labels[np.argsort(-(_unit(queries) @ _unit(train).T), axis=1)[:, :k]]
    return np.array([max(set(row.tolist()), key=lambda c: (np.sum(row == c), c)) for row in near])


def last_comer_wins(train, labels, queries, k):
    near = labels[np.argsort(_unit(queries) @ _unit(train).T, axis=1)[:, -k:]]
    return _majority(near)


def weighted_votes(train, labels, queries, k):
    cosines = _unit(queries) @ _unit(train).T
    answers = []
    for row in cosines:
        near = np.argsort(-row)[:k]
        answers.append(np.bincount(labels[near], weights=row[near]).argmax())
    return np.array(answers)


def the_nearest_alone(train, labels, queries, k):
    return labels[(_unit(queries) @ _unit(train).T).argmax(axis=1)]


def mean_class(train, labels, queries, k):
    near = labels[np.argsort(-(_unit(queries) @ _unit(train).T), axis=1)[:, :k]]
    return near.mean(axis=1).round().astype(int)


def skips_the_nearest(train, labels, queries, k):
    return _majority(labels[np.argsort(-(_unit(queries) @ _unit(train).T), axis=1)[:, 1 : k + 1]])


def one_too_many(train, labels, queries, k):
    return _majority(labels[np.argsort(-(_unit(queries) @ _unit(train).T), axis=1)[:, : k + 1]])


def one_voter_too_few(train, labels, queries, k):
    return _majority(labels[np.argsort(-(_unit(queries) @ _unit(train).T), axis=1)[:, : k - 1]])


def numbers_of_pictures(train, labels, queries, k):
    return _majority(np.argsort(-(_unit(queries) @ _unit(train).T), axis=1)[:, :k])


# ---------------------------------------------------------------------------------------------- rates


def fastest_at_the_bottom(L, lr, factor, frozen):
    found = lr / factor ** np.arange(L, dtype=float)
    found[:frozen] = 0
    return found


def upside_down(L, lr, factor, frozen):
    found = [lr / factor**i for i in range(L)]
    return np.array(found[: L - frozen] + [0.0] * frozen)


def top_frozen(L, lr, factor, frozen):
    found = lr / factor ** (L - 1.0 - np.arange(L))
    found[-frozen:] = 0
    return found


def head_divided(L, lr, factor, frozen):
    found = lr * factor ** (np.arange(L) - float(L))
    found[:frozen] = 0
    return found


def head_multiplied(L, lr, factor, frozen):
    return np.array([0.0] * frozen + [lr / factor ** (L - 2 - i) for i in range(frozen, L)])


def lr_at_the_lowest(L, lr, factor, frozen):
    found, rate = np.zeros(L), lr
    for i in range(frozen, L):
        found[i] = rate
        rate *= factor
    return found


def growing_downwards(L, lr, factor, frozen):
    found = lr * factor ** (L - 1.0 - np.arange(L))
    found[:frozen] = 0
    return found


def divided_once(L, lr, factor, frozen):
    found = np.full(L, lr / factor)
    found[-1], found[:frozen] = lr, 0
    return found


def proportional(L, lr, factor, frozen):
    found = np.zeros(L)
    for i in range(frozen, L):
        found[i] = lr if i == L - 1 else lr / (factor * (L - 1 - i))
    return found


def all_alike(L, lr, factor, frozen):
    return np.where(np.arange(L) < frozen, 0, lr)


def nothing_frozen(L, lr, factor, frozen):
    return lr / factor ** (L - 1.0 - np.arange(L))


def one_frozen_too_many(L, lr, factor, frozen):
    found = lr / factor ** (L - 1.0 - np.arange(L))
    found[: frozen + 1] = 0
    return found


def one_frozen_too_few(L, lr, factor, frozen):
    found = lr / factor ** (L - 1.0 - np.arange(L))
    found[: frozen - 1] = 0
    return found


def what_learns_alone(L, lr, factor, frozen):
    return np.array([lr / factor ** (L - 1 - i) for i in range(frozen, L)])


# ---------------------------------------------------------------------------------------------- one step


def velocity_moves_on(w, v, g, rates, momentum, weight_decay):
    for i, rate in enumerate(rates):
        v[i] = momentum * v[i] - weight_decay * rate * w[i] - rate * g[i]
        w[i] += v[i]


def old_velocity_moves_on(w, v, g, rates, momentum, weight_decay):
    for i, rate in enumerate(rates):
        if rate > 0:
            v[i] = momentum * v[i] - weight_decay * rate * w[i] - rate * g[i]
        w[i] += v[i]


def velocity_is_kept(w, v, g, rates, momentum, weight_decay):
    for i, rate in enumerate(rates):
        if rate == 0:
            continue
        v[i] = momentum * v[i] - weight_decay * rate * w[i] - rate * g[i]
        w[i] += v[i]


def velocity_fades(w, v, g, rates, momentum, weight_decay):
    for i, rate in enumerate(rates):
        v[i] = momentum * v[i] - rate * (weight_decay * w[i] + g[i])
        if rate != 0:
            w[i] += v[i]


def decays_when_frozen(w, v, g, rates, momentum, weight_decay):
    for i, rate in enumerate(rates):
        if rate == 0:
            v[i], w[i] = 0, (1 - weight_decay) * w[i]
        else:
            v[i] = momentum * v[i] - weight_decay * rate * w[i] - rate * g[i]
            w[i] += v[i]


def decay_without_rate(w, v, g, rates, momentum, weight_decay):
    rate = np.asarray(rates, w.dtype)[:, None]
    v *= momentum
    v -= weight_decay * w + rate * g
    w += v


def nothing_learns(w, v, g, rates, momentum, weight_decay):
    v[...] = 0


def one_rate_for_all(w, v, g, rates, momentum, weight_decay):
    lr = max(rates)
    for i in range(len(w)):
        v[i] = 0 if rates[i] == 0 else momentum * v[i] - weight_decay * lr * w[i] - lr * g[i]
        w[i] += v[i]


def rates_upside_down(w, v, g, rates, momentum, weight_decay):
    for i, rate in enumerate(reversed(rates)):
        v[i] = 0 if rate == 0 else momentum * v[i] - weight_decay * rate * w[i] - rate * g[i]
        w[i] += v[i]


def rate_outside(w, v, g, rates, momentum, weight_decay):
    for i, rate in enumerate(rates):
        v[i] = 0 if rate == 0 else momentum * v[i] - weight_decay * w[i] - g[i]
        w[i] += rate * v[i]


def decay_forgotten(w, v, g, rates, momentum, weight_decay):
    for i, rate in enumerate(rates):
        v[i] = 0 if rate == 0 else momentum * v[i] - rate * g[i]
        w[i] += v[i]


def decay_grows(w, v, g, rates, momentum, weight_decay):
    for i, rate in enumerate(rates):
        v[i] = 0 if rate == 0 else momentum * v[i] - rate * (g[i] - weight_decay * w[i])
        w[i] += v[i]


def damped(w, v, g, rates, momentum, weight_decay):
    for i, rate in enumerate(rates):
        v[i] = 0 if rate == 0 else momentum * v[i] - (1 - momentum) * rate * (g[i] + weight_decay * w[i])
        w[i] += v[i]


def moved_by_the_old(w, v, g, rates, momentum, weight_decay):
    for i, rate in enumerate(rates):
        if rate == 0:
            v[i] = 0
            continue
        before = w[i].copy()
        w[i] += v[i]
        v[i] = momentum * v[i] - weight_decay * rate * before - rate * g[i]


def climbs(w, v, g, rates, momentum, weight_decay):
    for i, rate in enumerate(rates):
        v[i] = 0 if rate == 0 else momentum * v[i] - weight_decay * rate * w[i] + rate * g[i]
        w[i] += v[i]


def times_the_gradient(w, v, g, rates, momentum, weight_decay):
    """0 · NaN is NaN."""
    rate = np.asarray(rates, w.dtype)[:, None]
    learns = (rate > 0).astype(w.dtype)
    v[...] = learns * (momentum * v - weight_decay * rate * w - rate * g)
    w += v


MUTANTS = [
    ("20-few", "X1", old_numbers),
    ("20-few", "X1", less_the_lowest),
    ("20-few", "X1", less_the_first),
    ("20-few", "X1", numbered_by_size),
    ("20-few", "X1", counted_from_one),
    ("20-few", "X2", places_in_the_order),
    ("20-few", "X2", never_shuffled),
    ("20-few", "X2", mask_of_the_unshuffled),
    ("20-few", "X3", n_altogether),
    ("20-few", "X3", the_last),
    ("20-few", "X3", the_rest),
    ("20-few", "X3", all_of_them),
    ("20-few", "X3", one_too_few),
    ("20-few", "X4", targets_in_turn),
    ("20-few", "X4", sorted_places),
    ("20-few", "X4", as_drawn),
    ("20-few", "kind", float_targets),
    ("20-features", "X10", in_training_mode),
    ("20-features", "X10", below_in_training_mode),
    ("20-features", "X11", stops_before),
    ("20-features", "X11", one_further),
    ("20-features", "X11", never_stops),
    ("20-features", "X12", only_whole_batches),
    ("20-features", "X12", the_first_batch),
    ("20-features", "X12", the_last_batch),
    ("20-features", "X12", overlapping_batches),
    ("20-features", "X13", maps),
    ("20-features", "X13", mean_over_pixels),
    ("20-features", "X13", channels_first),
    ("20-features", "X14", all_at_once),
    ("20-features", "X15", runs_on),
    ("20-standardise", "X20", each_by_its_own),
    ("20-standardise", "X20", by_both_sets),
    ("20-standardise", "X20", by_the_test_set),
    ("20-standardise", "X20", own_mean_at_test),
    ("20-standardise", "X21", zero_by_zero),
    ("20-standardise", "X21", a_small_number_added),
    ("20-standardise", "X21", dead_left_out),
    ("20-standardise", "X21", dead_set_to_zero),
    ("20-standardise", "X22", picture_by_picture),
    ("20-standardise", "X22", one_mean_for_all),
    ("20-standardise", "X23", unbiased),
    ("20-standardise", "X23", by_the_variance),
    ("20-standardise", "X24", only_centred),
    ("20-standardise", "X24", only_divided),
    ("20-standardise", "unchanged", centred_in_place),
    ("20-head", "X30", no_bias),
    ("20-head", "X30", decay_on_the_bias),
    ("20-head", "X30", bias_averaged_twice),
    ("20-head", "X30", bias_at_the_new_scores),
    ("20-head", "X31", labels_from_one),
    ("20-head", "X31", one_column_on),
    ("20-head", "X33", as_many_as_seen),
    ("20-head", "S3", softmax_over_pictures),
    ("20-head", "X34", squared_error),
    ("20-head", "S4", summed_over_pictures),
    ("20-head", "S4", mean_over_everything),
    ("20-head", "X35", uphill),
    ("20-head", "X36", no_decay),
    ("20-head", "X36", decay_without_the_rate),
    ("20-head", "X36", growing),
    ("20-head", "X36", twice_the_decay),
    ("20-head", "X36", decay_of_the_sign),
    ("20-head", "X37", one_step),
    ("20-head", "X32", large_random_start),
    ("20-head", "twice", another_start_each_time),
    ("20-head", "C16", float64_ones),
    ("20-choose", "X70", by_the_test_set_alone),
    ("20-choose", "X70", by_both_tables),
    ("20-choose", "X70", the_best_test_error),
    ("20-choose", "X71", the_winners_own_error),
    ("20-choose", "X72", the_luckiest_run),
    ("20-choose", "X72", the_best_of_its_runs),
    ("20-choose", "X72", the_run_that_was_best),
    ("20-choose", "X72", by_the_median),
    ("20-choose", "X73", a_run_for_a_setting),
    ("20-choose", "X73", the_worst),
    ("20-choose", "X73", the_mean_of_all),
    ("20-choose", "kind", a_float_place),
    ("20-knn", "X40", by_distance),
    ("20-knn", "X40", by_product),
    ("20-knn", "X40", queries_alone_have_length_one),
    ("20-knn", "X40", by_squared_length),
    ("20-knn", "X40", by_absolute_length),
    ("20-knn", "X40", by_correlation),
    ("20-knn", "X41", the_least_alike),
    ("20-knn", "X42", lowest_number_wins),
    ("20-knn", "X42", highest_number_wins),
    ("20-knn", "X42", last_comer_wins),
    ("20-knn", "X43", weighted_votes),
    ("20-knn", "X43", the_nearest_alone),
    ("20-knn", "X43", mean_class),
    ("20-knn", "X44", skips_the_nearest),
    ("20-knn", "X44", one_too_many),
    ("20-knn", "X44", one_voter_too_few),
    ("20-knn", "X45", numbers_of_pictures),
    ("20-rates", "X50", fastest_at_the_bottom),
    ("20-rates", "X50", upside_down),
    ("20-rates", "X50", top_frozen),
    ("20-rates", "X51", head_divided),
    ("20-rates", "X51", head_multiplied),
    ("20-rates", "X51", lr_at_the_lowest),
    ("20-rates", "X52", growing_downwards),
    ("20-rates", "X52", divided_once),
    ("20-rates", "X52", proportional),
    ("20-rates", "X52", all_alike),
    ("20-rates", "X53", nothing_frozen),
    ("20-rates", "X53", one_frozen_too_many),
    ("20-rates", "X53", one_frozen_too_few),
    ("20-rates", "X53", what_learns_alone),
    ("20-step", "X60", velocity_moves_on),
    ("20-step", "X60", old_velocity_moves_on),
    ("20-step", "X61", velocity_is_kept),
    ("20-step", "X61", velocity_fades),
    ("20-step", "X62", decays_when_frozen),
    ("20-step", "X62", decay_without_rate),
    ("20-step", "X63", nothing_learns),
    ("20-step", "X63", one_rate_for_all),
    ("20-step", "X63", rates_upside_down),
    ("20-step", "O2", rate_outside),
    ("20-step", "O4", decay_forgotten),
    ("20-step", "O4", decay_grows),
    ("20-step", "O3", damped),
    ("20-step", "O5", moved_by_the_old),
    ("20-step", "X35", climbs),
    ("20-step", "case", times_the_gradient),
]

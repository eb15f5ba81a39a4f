"""Lesson 20, features that travel: its exercises and the known mistakes.

N pictures, D features of each, K classes, L layers.
"""

import numpy as np

from tinyalex.layers import softmax
from tinyalex.optim import SGD
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong

# ---------------------------------------------------------------------------------------------- right answers


def few_shot(order, labels, classes, n):
    return _drawn(order, labels, classes, n)


def features(layers, up_to, x, batch):
    return np.concatenate([_run(layers, up_to, x[i : i + batch]) for i in range(0, len(x), batch)])


def standardise(train, test):
    return _by(train, train, train), _by(train, train, test)


def linear_head(features, labels, K, steps, lr, decay):
    return _head(features, labels, K, steps, lr, decay)


def knn(train, labels, queries, k):
    if k > len(train):
        raise ValueError(f"found {len(train)} training pictures, expected at least k = {k}")
    return _vote(labels[_nearest(train, queries, k)])


def rates(L, lr, factor, frozen):
    if not frozen < L:
        raise ValueError(f"found {frozen} of {L} layers frozen, expected fewer")
    return np.where(np.arange(L) < frozen, 0.0, lr / factor ** (L - 1.0 - np.arange(L)))


def fine_tune_step(w, v, g, rates, momentum, weight_decay):
    for row, rate in enumerate(rates):
        if rate == 0:
            v[row] = 0
            continue
        sgd = SGD({"w": w[row]}, momentum, weight_decay)
        sgd.velocity["w"] = v[row]
        sgd.step({"w": g[row]}, float(rate))


def choose(val, test):
    means = val.mean(axis=1)
    place = int(means.argmin())
    if (means == means[place]).sum() > 1:  # which of them is right is not said
        raise ValueError
    return place, test[place].mean()


# ---------------------------------------------------------------------------------------------- few pictures


def _drawn(order, labels, classes, n, pick=lambda found, n: found[:n], number=lambda c, i, classes: i):
    """pick: which of a class's pictures, in the order drawn;  number: what class c, the i-th of `classes`, is called"""
    found = [order[labels[order] == c] for c in classes]
    if any(len(each) < n for each in found):
        raise ValueError("a class has fewer than n pictures")
    places = [pick(each, n) for each in found]
    targets = [np.full(len(each), number(c, i, classes)) for i, (c, each) in enumerate(zip(classes, places))]
    return np.concatenate(places), np.concatenate(targets)


def _wrong_draw(**how):
    return lambda order, labels, classes, n: _drawn(order, labels, classes, n, **how)


def _places_in_the_order(order, labels, classes, n):
    places, targets = _drawn(order, labels, classes, n)
    return np.argsort(order)[places], targets


def _not_shuffled(order, labels, classes, n):
    return _drawn(np.arange(len(labels)), labels, classes, n)


def _labels_taken_for_the_shuffled(order, labels, classes, n):
    """order[labels == c]: the shuffled pictures have their labels in another order."""
    return np.concatenate([order[labels == c][:n] for c in classes]), np.repeat(np.arange(len(classes)), n)


def _altogether(order, labels, classes, n):
    places = order[np.isin(labels[order], classes)][:n]
    return places, np.array([list(classes).index(label) for label in labels[places]])


def _taken_in_turn(order, labels, classes, n):
    places, targets = _drawn(order, labels, classes, n)
    return places, targets.reshape(-1, n).T.ravel()


def _sorted_places(order, labels, classes, n):
    places, targets = _drawn(order, labels, classes, n)
    return np.sort(places), targets[np.argsort(places)]


def _as_drawn(order, labels, classes, n):
    """In the order of the draw, all classes mixed."""
    places, targets = _drawn(order, labels, classes, n)
    by = np.argsort(np.argsort(order)[places])
    return places[by], targets[by]


FEW_WRONG = (
    Wrong(
        "X1",
        _wrong_draw(number=lambda c, i, classes: c),
        "Your targets are the old class numbers. The new head has K outputs, 0 to K − 1: the target is the class's "
        "place in `classes`.",
    ),
    Wrong(
        "X1",
        _wrong_draw(number=lambda c, i, classes: c - classes.min()),
        "You subtract the lowest class number. That counts from 0, but without gaps only if the classes have none: the "
        "target is the class's place in `classes`.",
    ),
    Wrong(
        "X1",
        _wrong_draw(number=lambda c, i, classes: c - classes[0]),
        "You subtract the first class number. That fits only classes without gaps, in order: the target is the class's "
        "place in `classes`.",
    ),
    Wrong(
        "X1",
        _wrong_draw(number=lambda c, i, classes: np.sort(classes).searchsorted(c)),
        "You number the classes by size. `classes` has an order of its own, that of the new head's outputs.",
    ),
    Wrong("X1", _wrong_draw(number=lambda c, i, classes: i + 1), "You count the classes from 1; count from 0."),
    Wrong(
        "X2",
        _places_in_the_order,
        "You return places within `order`. Return the pictures' numbers, which stand *at* these places: order[…].",
    ),
    Wrong(
        "X2",
        _not_shuffled,
        "You take the first n of each class as they lie in the set and leave `order` out, so every draw is the same.",
    ),
    Wrong(
        "X2",
        _labels_taken_for_the_shuffled,
        "order[labels == c] reads the labels of unshuffled pictures. The picture at place i has the label "
        "labels[order[i]].",
    ),
    Wrong("X3", _altogether, "You take n pictures altogether; take n of *each* class."),
    Wrong("X3", _wrong_draw(pick=lambda found, n: found[-n:]), "You take the last n of each class; take the first."),
    Wrong("X3", _wrong_draw(pick=lambda found, n: found[n:]), "These are the pictures that are left over."),
    Wrong("X3", _wrong_draw(pick=lambda found, n: found), "You take all pictures of these classes; take n of each."),
    Wrong("X3", _wrong_draw(pick=lambda found, n: found[: n - 1]), "You take one picture too few of each class."),
    Wrong(
        "X4",
        _taken_in_turn,
        "Your places go class by class, but your targets 0, 1, 2, … in turn: they do not belong together.",
    ),
    Wrong("X4", _sorted_places, "You sort the pictures' numbers. Return them class by class, each as drawn."),
    Wrong("X4", _as_drawn, "You return the pictures as drawn, with the classes mixed. Return them class by class."),
)


def _draw_probe(seed, N, classes, n):
    def make():
        rng = np.random.default_rng(seed)
        known = np.array([*classes, 6, 13])
        return rng.permutation(N), known[rng.permutation(N) % len(known)], np.array(classes), n

    return make


def _draw_by_hand(arguments, output, index):
    order, labels, classes, n = arguments
    i = index[0] // n
    found = order[labels[order] == classes[i]]
    return (
        f"By hand: class {classes[i]} is number {i} of `classes`; its pictures, in the order drawn, are "
        f"{', '.join(map(str, found[: n + 1]))}, …, and the first {n} count."
    )


# ---------------------------------------------------------------------------------------------- features


def _run(layers, up_to, x, train=False, end=0, flat=lambda x: x.reshape(len(x), -1)):
    """end: how many layers further;  flat: function from the layer's output to rows"""
    names = list(layers)
    for name in names[: names.index(up_to) + 1 + end]:
        x = layers[name](x, train)
    return flat(x)


def _wrong_run(**how):
    return lambda layers, up_to, x, batch: np.concatenate(
        [_run(layers, up_to, x[i : i + batch], **how) for i in range(0, len(x), batch)]
    )


def _whole_batches(layers, up_to, x, batch):
    return features(layers, up_to, x[: len(x) // batch * batch], batch)


def _train_until_it(layers, up_to, x, batch):
    """In training mode, but for the last layer."""
    return np.concatenate([_half_trained(layers, up_to, x[i : i + batch]) for i in range(0, len(x), batch)])


def _half_trained(layers, up_to, x):
    for name, layer in layers.items():
        x = layer(x, name != up_to)
        if name == up_to:
            return x.reshape(len(x), -1)


def _overlapping(layers, up_to, x, batch):
    return np.concatenate([_run(layers, up_to, x[i : i + batch]) for i in range(len(x))])


FEATURES_WRONG = (
    Wrong(
        "X10",
        _wrong_run(train=True),
        "You run the layers in training mode: batch normalisation then uses the batch, and dropout drops, so a "
        "picture's features depend on its neighbours and on chance. Pass train=False.",
    ),
    Wrong(
        "X10",
        _train_until_it,
        "You run the layers below `up_to` in training mode. A frozen trunk works as at test time: pass train=False.",
    ),
    Wrong("X11", _wrong_run(end=-1), "You stop one layer early: `up_to` itself belongs to the trunk."),
    Wrong("X11", _wrong_run(end=1), "You run one layer too many: stop after `up_to`."),
    Wrong("X11", _wrong_run(end=99), "You run all layers, the old head too: stop after `up_to`."),
    Wrong(
        "X12",
        _whole_batches,
        "You leave out the last pictures, which do not fill a batch: their number need not be a multiple of `batch`.",
    ),
    Wrong(
        "X12", lambda layers, up_to, x, batch: features(layers, up_to, x[:batch], batch), "You return one batch only."
    ),
    Wrong(
        "X12",
        lambda layers, up_to, x, batch: _run(layers, up_to, x[(len(x) - 1) // batch * batch :]),
        "You return the last batch only: keep every batch's features and join them.",
    ),
    Wrong("X12", _overlapping, "Your batches overlap: the next one begins `batch` pictures later, not one."),
    Wrong(
        "X13",
        _wrong_run(flat=lambda x: x),
        "Your features still have rows, columns and channels: make one row of each picture, (N, D).",
    ),
    Wrong(
        "X13",
        _wrong_run(flat=lambda x: x.mean(axis=(1, 2)) if x.ndim == 4 else x),
        "You average over the pixels. Keep every number: one row of H · W · C for each picture.",
    ),
    Wrong(
        "X13",
        _wrong_run(flat=lambda x: np.moveaxis(x, -1, 1).reshape(len(x), -1)),
        "Same numbers, other order: flatten as (H, W, C), as the next layer's weights expect.",
    ),
)


def _net(seed, C):
    """Six layers as functions of (x, train); for pictures of C channels."""
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((C, 5)), rng.standard_normal((5, 4))
    mean, deviation = rng.uniform(-1, 1, 5), rng.uniform(1, 2, 5)

    def norm(x, train):
        axes = tuple(range(x.ndim - 1))
        if train:
            return (x - x.mean(axis=axes)) / np.sqrt(x.var(axis=axes) + 0.1)
        return ((x - mean) / deviation).astype(x.dtype)

    def drop(x, train):
        return np.where(np.arange(x.shape[-1]) % 2 > 0, 2 * x, 0) if train else x

    return {
        "conv1": lambda x, train: x @ first.astype(x.dtype),
        "norm1": norm,
        "relu1": lambda x, train: np.maximum(x, 0.1 * x),
        "drop1": drop,
        "conv2": lambda x, train: x @ second.astype(x.dtype),
        "tanh2": lambda x, train: np.arcsinh(x),
    }


def _features_probe(seed, shape, up_to, batch):
    return lambda: (_net(seed, shape[-1]), up_to, np.random.default_rng(seed + 1).standard_normal(shape), batch)


def _few_at_once(function):
    """Whether no layer gets more than `batch` pictures."""
    layers, up_to, x, batch = _features_probe(3, (7, 2, 3, 4), "drop1", 3)()
    most = []

    def counting(layer):
        def count(x, train):
            most.append(len(x))
            return layer(x, train)

        return count

    function({name: counting(layer) for name, layer in layers.items()}, up_to, x, batch)
    return max(most) <= batch or f"A layer gets {max(most)} pictures at once, where batch is {batch}."


def _above_is_not_run(function):
    layers, up_to, x, batch = _features_probe(3, (7, 2, 3, 4), "relu1", 3)()
    runs = []
    layers["conv2"] = lambda x, train: runs.append(1) or x
    function(layers, up_to, x, batch)
    return not runs


# ---------------------------------------------------------------------------------------------- standardise


def _by(mean_of, deviation_of, x, axis=0, ddof=0, dead=lambda s: np.where(s > 0, s, 1), spread=np.std):
    """x less a mean, divided by a spread."""
    s = spread(deviation_of, axis=axis, ddof=ddof, keepdims=True) if axis is not None else spread(deviation_of)
    mean = mean_of.mean(axis=axis, keepdims=True) if axis is not None else mean_of.mean()
    return ((x - mean) / dead(np.asarray(s, x.dtype))).astype(x.dtype)


def _both(**how):
    return lambda train, test: tuple(_by(train, train, x, **how) for x in (train, test))


def _own_statistics(train, test):
    return standardise(train, train)[0], _by(test, test, test)


def _pooled(train, test):
    both = np.concatenate([train, test])
    return _by(both, both, train), _by(both, both, test)


def _dead_left_out(train, test):
    live = train.std(axis=0) > 0
    return standardise(train[:, live], test[:, live])


def _dead_to_zero(train, test):
    live = train.std(axis=0) > 0
    return tuple(x * live for x in standardise(train, test))


STANDARDISE_WRONG = (
    Wrong(
        "X20",
        _own_statistics,
        "You standardise the test features by their own mean and deviation. A picture's features must not depend on "
        "which other pictures are tested: use the training set's for both.",
    ),
    Wrong(
        "X20",
        _pooled,
        "You take mean and deviation over both sets together. The test pictures are not there yet when you train: "
        "use the training set's.",
    ),
    Wrong(
        "X20",
        lambda train, test: tuple(_by(test, test, x) for x in (train, test)),
        "Your mean and deviation are the test set's; use the training set's.",
    ),
    Wrong(
        "X20",
        lambda train, test: (_by(train, train, train), _by(test, train, test)),
        "You subtract the test set's mean from the test features; subtract the training set's.",
    ),
    Wrong(
        "X21",
        _both(dead=lambda s: s),
        "A feature that is the same in all training pictures has deviation 0, and 0 / 0 is no number. Divide it by 1.",
    ),
    *(
        Wrong(
            "X21",
            _both(dead=lambda s, eps=eps: s + s.dtype.type(eps)),
            f"You add {eps:g} to every deviation. A feature that is dead in training but alive at test is then "
            f"multiplied by {1 / eps:,.0f}. Where the deviation is 0, divide by 1.",
        )
        for eps in (1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5)
    ),
    Wrong("X21", _both(dead=lambda s: s + 1), "You add 1 to every deviation; only where it is 0, divide by 1."),
    Wrong(
        "X21",
        _dead_left_out,
        "You leave features out that are the same in all training pictures. Keep them, or the columns no longer fit "
        "the trunk's.",
    ),
    Wrong(
        "X21",
        _dead_to_zero,
        "You set a feature to 0 that is the same in all training pictures. At test it may differ: subtract the mean "
        "and divide by 1.",
    ),
    Wrong(
        "X22",
        lambda *both: tuple(_by(x, x, x, axis=1) for x in both),
        "You standardise each picture by itself. Take mean and deviation of each *feature*.",
    ),
    Wrong("X22", _both(axis=None), "You use one mean and one deviation for everything; each feature has its own."),
    Wrong("X23", _both(ddof=1), "You divide the variance by N − 1; np.std divides by N, and so do we here."),
    Wrong("X23", _both(spread=np.var), "You divide by the variance; divide by its root, the standard deviation."),
    Wrong(
        "X24", _both(spread=lambda a, **k: np.ones_like(np.std(a, **k))), "You subtract the mean, but do not divide."
    ),
    Wrong(
        "X24",
        lambda train, test: tuple(_by(0 * train, train, x) for x in (train, test)),
        "You divide, but do not subtract the mean.",
    ),
)


def _feature_tables(seed, N, M, D):
    def make():
        rng = np.random.default_rng(seed)
        low, size = rng.uniform(-1, 2, D), rng.uniform(0.5, 3, D)
        train, test = (low + size * rng.standard_normal((n, D)) for n in (N, M))
        train[:, 1] = 0  # dead in training
        return train, test

    return make


def _standardise_by_hand(arguments, output, index):
    train, test = arguments
    x, column = (train if output == "train" else test)[index], train[:, index[1]]
    s = column.std()
    return (
        f"By hand: in training, feature {index[1]} has mean {column.mean():.6g} and deviation {s:.6g}"
        f"{', so divide by 1' if s == 0 else ''}: ({x:.6g} − {column.mean():.6g}) / {s or 1:.6g} = "
        f"{(x - column.mean()) / (s or 1):.6g}."
    )


# ---------------------------------------------------------------------------------------------- linear head


def _head(
    features,
    labels,
    K,
    steps,
    lr,
    decay,
    wanted=lambda labels, K: labels,
    share=lambda scores: softmax(scores),
    count=len,
    shrink=lambda w, decay, lr: lr * decay * w,
    shrink_bias=0.0,
    bias=1.0,
    sign=1,
    fresh=False,
    start=0.0,
):
    """Each keyword is a way to get it wrong. bias: factor on its steps;  fresh: its gradient after the weights moved"""
    N, D = features.shape
    w, b = np.full((D, K), start, features.dtype), np.full(K, start, features.dtype)
    t = np.zeros((N, K), features.dtype)
    t[np.arange(N), wanted(labels, K)] = 1

    def gradient():
        return ((share(features @ w + b) - t) / count(features)).astype(features.dtype)

    for _ in range(steps):
        d = gradient()
        moved = w - sign * lr * (features.T @ d) - shrink(w, decay, lr)
        if fresh:
            w = moved
            d = gradient()
        w, b = moved, b - bias * sign * lr * d.sum(axis=0) - shrink_bias * lr * decay * b
    return w.astype(features.dtype), b.astype(features.dtype)


def _wrong_head(**how):
    return lambda *arguments: _head(*arguments, **how)


def _classes_seen(features, labels, K, steps, lr, decay):
    return _head(features, labels, labels.max() + 1, steps, lr, decay)


HEAD_WRONG = (
    Wrong(
        "X30",
        _wrong_head(bias=0.0),
        "Your biases stay 0. They learn too: their gradient is the sum of the scores' gradients over the pictures.",
    ),
    Wrong(
        "X30", _wrong_head(shrink_bias=1.0), "Your decay pulls at the biases too. Here it acts on the weights alone."
    ),
    Wrong("X30", lambda *a: _head(*a, bias=1 / len(a[0])), "You average the biases' gradient over the pictures twice."),
    Wrong(
        "X30",
        _wrong_head(fresh=True),
        "You move the weights, then take the biases' gradient at the new scores. Both gradients belong to the same "
        "scores.",
    ),
    Wrong(
        "X31",
        _wrong_head(wanted=lambda labels, K: (labels - 1) % K),
        "Your ones stand one column too far left. Label 0 is column 0: the classes count from 0.",
    ),
    Wrong(
        "X31",
        _wrong_head(wanted=lambda labels, K: (labels + 1) % K),
        "Your ones stand one column too far right. Label 0 is column 0: the classes count from 0.",
    ),
    Wrong(
        "X33",
        _classes_seen,
        "You count classes by the largest label. Not every class need occur among few pictures: there are K.",
    ),
    Wrong("S3", _wrong_head(share=lambda s: softmax(s.T).T), "Your softmax runs over the pictures. Rows sum to 1."),
    Wrong(
        "X34",
        _wrong_head(share=lambda s: s),
        "You leave out the softmax: your gradient is that of the squared error, scores − one-hot.",
    ),
    Wrong(
        "S4",
        _wrong_head(count=lambda features: 1),
        "You add the pictures' gradients up. The loss is a mean: divide by N.",
    ),
    Wrong(
        "S4",
        lambda *a: _head(*a, count=lambda features: len(features) * a[2]),
        "You divide by N · K; the loss is the mean over the N pictures.",
    ),
    Wrong("X35", _wrong_head(sign=-1), "You climb: subtract the gradient."),
    Wrong(
        "X36", _wrong_head(shrink=lambda w, decay, lr: 0 * w), "The decay is missing: its gradient is decay · weight."
    ),
    Wrong(
        "X36",
        _wrong_head(shrink=lambda w, decay, lr: decay * w),
        "Your decay is not multiplied by the rate: weight ← weight − lr · (gradient + decay · weight).",
    ),
    Wrong("X36", _wrong_head(shrink=lambda w, decay, lr: -lr * decay * w), "Your decay makes the weights grow."),
    Wrong(
        "X36",
        _wrong_head(shrink=lambda w, decay, lr: 2 * lr * decay * w),
        "Your decay is twice too strong: its gradient is decay · weight, without a 2.",
    ),
    Wrong(
        "X36",
        _wrong_head(shrink=lambda w, decay, lr: lr * decay * np.sign(w)),
        "Your decay pulls at all weights alike, large or small: it is decay · weight, not its sign.",
    ),
    Wrong(
        "X37",
        lambda features, labels, K, steps, lr, decay: _head(features, labels, K, 1, lr, decay),
        "You take one step; take `steps`.",
    ),
    Wrong("X37", lambda *a: _head(*a[:3], a[3] - 1, *a[4:]), "You take one step too few."),
    Wrong("X37", lambda *a: _head(*a[:3], a[3] + 1, *a[4:]), "You take one step too many."),
)


def _starts_at_zero(function):
    """Features of 0 leave the first weights as they are."""
    features, labels, K, steps, lr, decay = _head_probe(31, 8, 3, 4, 2)()
    weight = np.asarray(function(0 * features, labels, K, steps, lr, decay)[0])
    largest = float(np.abs(weight).max())
    return largest == 0 or f"From features that are all 0, yours has a weight of {largest:.3g}."


STARTS_AT_ZERO = Property(
    "X32",
    _starts_at_zero,
    "Begin with a weight and a bias of 0. The first loss is then that of a guess, ln K. A head that begins with large "
    "random numbers begins with confident nonsense, and spends its steps unlearning it.",
)


def _head_probe(seed, N, D, K, steps):
    def make():
        rng = np.random.default_rng(seed)
        labels = np.append(rng.permutation(N - 1) % (K - 1), K - 2)  # the last class does not occur
        return rng.standard_normal((N, D)) + 0.3, labels, K, steps, 0.7, 0.15

    return make


def _head_by_hand(arguments, output, index):
    features, labels, K, _, lr, decay = arguments
    w, b = _head(features, labels, K, 1, lr, decay)
    p = 1 / K
    if output == "bias":
        c, hits = index[0], int((labels == index[0]).sum())
        return (
            f"By hand: the first p are all 1/{K}; {hits} of {len(labels)} pictures are of class {c}, so after one step "
            f"bias[{c}] is −{lr:g} · ({p:.4g} − {hits}/{len(labels)}) = {b[c]:.6g}."
        )
    d, c = index
    return (
        f"By hand: the first p are all 1/{K}; after one step weight[{d}, {c}] is −{lr:g} · the mean over pictures of "
        f"feature {d} · (1/{K} − [label is {c}]) = {w[d, c]:.6g}."
    )


# ---------------------------------------------------------------------------------------------- nearest neighbours


def _cosines(train, queries):
    lengths = [np.sqrt((a * a).sum(axis=1, keepdims=True)) for a in (train, queries)]
    if any((length == 0).any() for length in lengths):
        raise ValueError("a row of zeros has no direction")
    return (queries / lengths[1]) @ (train / lengths[0]).T


def _nearest(train, queries, k, likeness=_cosines, start=0):
    return np.argsort(-likeness(train, queries), axis=1, kind="stable")[:, start : start + k]


def _vote(near, decide=lambda row, counts: next(c for c in row if counts[c] == counts.max())):
    """near: (Q, k) labels, the nearest first;  decide: the winner, from a row and its counts"""
    return np.array([decide(row, np.bincount(row)) for row in near])


def _wrong_knn(likeness=_cosines, start=0, more=0, **how):
    return lambda train, labels, queries, k: _vote(labels[_nearest(train, queries, k + more, likeness, start)], **how)


def _distance(train, queries):
    return -((queries[:, None] - train[None]) ** 2).sum(axis=2)


def _of_columns(train, queries):
    return _cosines(train / np.sqrt((train**2).sum(axis=0)), queries / np.sqrt((queries**2).sum(axis=0)))


def _weighted(train, labels, queries, k):
    near, cosines = _nearest(train, queries, k), _cosines(train, queries)
    votes = np.zeros((len(queries), labels.max() + 1))
    for q, row in enumerate(near):
        np.add.at(votes[q], labels[row], cosines[q, row])
    return votes.argmax(axis=1)


KNN_WRONG = (
    Wrong(
        "X40",
        _wrong_knn(_distance),
        "You compare distances. Features of a ReLU net differ in length as well as in direction: compare directions, "
        "the cosine a·b / (|a| |b|).",
    ),
    Wrong(
        "X40",
        _wrong_knn(lambda train, queries: queries @ train.T),
        "You rank by a·b, so a long row of the training set is like everything: divide by its length.",
    ),
    Wrong(
        "X40",
        _wrong_knn(lambda train, queries: _cosines(train, queries) / np.sqrt((train**2).sum(axis=1))),
        "You divide by |b|², not by the length |b|: a root is missing, so short rows win.",
    ),
    Wrong(
        "X40",
        _wrong_knn(lambda train, queries: queries @ train.T / np.abs(train).sum(axis=1)),
        "Your length is the sum of absolute values. It is the root of the sum of squares.",
    ),
    Wrong(
        "X40", _wrong_knn(_of_columns), "You divide the columns by their lengths first; the cosine needs rows alone."
    ),
    Wrong(
        "X40",
        _wrong_knn(lambda train, queries: _cosines(train - train.mean(0), queries - train.mean(0))),
        "You subtract the mean first. The cosine compares the features as they are.",
    ),
    Wrong("X41", _wrong_knn(lambda train, queries: -_cosines(train, queries)), "These are the k *least* alike."),
    Wrong(
        "X42",
        _wrong_knn(decide=lambda row, counts: counts.argmax()),
        "Among classes with equally many votes you take the one with the lowest number, which favours the first "
        "classes. Take the one that comes nearest.",
    ),
    Wrong(
        "X42",
        _wrong_knn(decide=lambda row, counts: len(counts) - 1 - counts[::-1].argmax()),
        "Among classes with equally many votes you take the one with the highest number. Take the nearest.",
    ),
    Wrong(
        "X42",
        _wrong_knn(decide=lambda row, counts: next(c for c in row[::-1] if counts[c] == counts.max())),
        "Among classes with equally many votes you take the one that comes *last*. Take the one that comes nearest.",
    ),
    Wrong("X43", _weighted, "You add up cosines. Here each of the k has one vote, however near it is."),
    Wrong("X43", _wrong_knn(decide=lambda row, counts: row[0]), "You ask the nearest alone; all k vote."),
    Wrong("X43", _wrong_knn(decide=lambda row, counts: row[-1]), "You return the class of the k-th; all k vote."),
    Wrong(
        "X43",
        _wrong_knn(decide=lambda row, counts: int(np.round(row.mean()))),
        "You average class numbers. Between class 2 and class 6 lies not class 4: count votes.",
    ),
    Wrong(
        "X43",
        _wrong_knn(decide=lambda row, counts: int(np.median(row))),
        "You take the median of class numbers, which have no order: count votes.",
    ),
    Wrong("X44", _wrong_knn(start=1), "You skip the nearest, as if it were the query itself. It is not in this set."),
    Wrong("X44", _wrong_knn(more=1), "k + 1 pictures vote in yours; k should."),
    Wrong("X44", _wrong_knn(more=-1), "k − 1 pictures vote in yours; k should."),
    Wrong(
        "X45",
        lambda train, labels, queries, k: _vote(_nearest(train, queries, k)),
        "Your pictures vote for their own numbers. Look up their classes first: labels[…].",
    ),
)


def _knn_probe(seed, P, Q, D, K, k):
    def make():
        rng = np.random.default_rng(seed)
        train = (rng.standard_normal((P, D)) + 0.4) * rng.uniform(0.3, 3, (P, 1))
        return train, rng.permutation(P) % K, rng.standard_normal((Q, D)) * rng.uniform(0.3, 3, (Q, 1)) + 0.3, k

    return make


def _knn_by_hand(arguments, output, index):
    train, labels, queries, k = arguments
    q = index[0]
    near = _nearest(train, queries[q : q + 1], k)[0]
    cosines = _cosines(train, queries[q : q + 1])[0]
    said = ", ".join(f"class {labels[i]} ({cosines[i]:.3f})" for i in near)
    return f"By hand: most like query {q} are pictures of {said}; the votes go to class {_vote(labels[near][None])[0]}."


# ---------------------------------------------------------------------------------------------- rates


def _wrong_rates(exponent, frozen=lambda i, L, n: i < n):
    """exponent: function of (layer, L, frozen) for the power of the factor"""

    def wrong(L, lr, factor, n):
        powers = np.array([factor ** float(exponent(i, L, n)) for i in range(L)])
        return np.where([frozen(i, L, n) for i in range(L)], 0.0, lr / powers)

    return wrong


def _depth(i, L, n):
    return L - 1 - i


RATES_WRONG = (
    Wrong(
        "X50",
        _wrong_rates(lambda i, L, n: i),
        "Your rates fall from the bottom up. The first layers know most that travels and should move least; the head, "
        "which is new, has the full rate.",
    ),
    Wrong(
        "X50",
        lambda L, lr, factor, frozen: rates(L, lr, factor, frozen)[::-1],
        "Your list is upside down: entry 0 is the layer that sees the pictures, the last is the head.",
    ),
    Wrong(
        "X50",
        _wrong_rates(_depth, lambda i, L, n: i >= L - n),
        "You freeze the top. The lowest `frozen` layers stay; the head has to learn.",
    ),
    Wrong(
        "X51", _wrong_rates(lambda i, L, n: L - i), "Your head already has lr / factor. The head's rate is lr itself."
    ),
    Wrong(
        "X51", _wrong_rates(lambda i, L, n: _depth(i, L, n) - 1), "Your head's rate is lr · factor; it should be lr."
    ),
    Wrong(
        "X51",
        lambda L, lr, factor, frozen: np.where(
            np.arange(L) < frozen, 0.0, lr * factor ** (np.arange(L) - float(frozen))
        ),
        "Your lowest learning layer has the rate lr, and the head far more. lr is the head's.",
    ),
    Wrong("X52", _wrong_rates(lambda i, L, n: -_depth(i, L, n)), "Your rates grow downwards: divide, do not multiply."),
    Wrong(
        "X52",
        lambda L, lr, factor, frozen: np.where(
            np.arange(L) < frozen, 0.0, lr / np.maximum(1.0, factor * (L - 1.0 - np.arange(L)))
        ),
        "You divide by factor · (layers below the head). Each layer divides the rate of the one above *again*: "
        "factor to that power.",
    ),
    Wrong(
        "X52",
        _wrong_rates(lambda i, L, n: i < L - 1),
        "All layers below the head have one rate in yours. Each has that of the one above it, divided by factor.",
    ),
    Wrong("X52", _wrong_rates(lambda i, L, n: 0), "All your layers have one rate; divide it from layer to layer."),
    Wrong(
        "X52",
        _wrong_rates(lambda i, L, n: 2 * _depth(i, L, n)),
        "You divide by factor twice from one layer to the next.",
    ),
    Wrong("X53", _wrong_rates(_depth, lambda i, L, n: False), "No layer is frozen: the lowest `frozen` have rate 0."),
    Wrong("X53", _wrong_rates(_depth, lambda i, L, n: i <= n), "You freeze one layer too many."),
    Wrong("X53", _wrong_rates(_depth, lambda i, L, n: i < n - 1), "You freeze one layer too few."),
    Wrong(
        "X53", lambda L, lr, factor, n: rates(L, lr, factor, n)[n:], "Frozen layers have a rate too, 0: return all L."
    ),
)


def _rates_by_hand(arguments, output, index):
    L, lr, factor, frozen = arguments
    (i,) = index
    if i < frozen:
        return f"By hand: layer {i} is one of the lowest {frozen}: 0."
    down = L - 1 - i
    return f"By hand: layer {i} is {down} below the head: {lr:g} / {factor:g}^{down} = {rates(*arguments)[i]:.6g}."


# ---------------------------------------------------------------------------------------------- one step


def _steps(rule, frozen=lambda w, v, g, m, d: (w, 0 * v)):
    """A wrong update. rule: (w, v, g, lr, m, d) → (w, v) of a row that learns;  frozen: the same of one with rate 0"""

    def wrong(w, v, g, rates, momentum, weight_decay):
        for i, rate in enumerate(np.asarray(rates, w.dtype)):
            arguments = w[i].copy(), v[i].copy(), g[i]
            if rate == 0:
                w[i], v[i] = frozen(*arguments, w.dtype.type(momentum), w.dtype.type(weight_decay))
            else:
                w[i], v[i] = rule(*arguments, rate, w.dtype.type(momentum), w.dtype.type(weight_decay))

    return wrong


def _paper(w, v, g, lr, m, d):
    v = m * v - d * lr * w - lr * g
    return w + v, v


def _moving(velocity):
    """A rule with another velocity."""

    def rule(w, v, g, lr, m, d):
        v = velocity(w, v, g, lr, m, d)
        return w + v, v

    return rule


def _torch(w, v, g, lr, m, d):
    v = m * v - g - d * w
    return w + lr * v, v


STEP_WRONG = (
    Wrong(
        "X60",
        _steps(_paper, lambda w, v, g, m, d: (w + m * v, m * v)),
        "A rate of 0 does not freeze: what is left of the old velocity still moves the weights, step after step. Leave "
        "the row's w alone, and set its v to 0.",
    ),
    Wrong(
        "X60",
        _steps(_paper, lambda w, v, g, m, d: (w + v, v)),
        "Your frozen rows move on by their old velocity. Leave w alone, and set v to 0.",
    ),
    Wrong(
        "X61",
        _steps(_paper, lambda w, v, g, m, d: (w, v)),
        "Your frozen rows keep their old velocity. When they are thawed, they leap in a direction from long ago: set v "
        "to 0.",
    ),
    Wrong(
        "X61",
        _steps(_paper, lambda w, v, g, m, d: (w, m * v)),
        "Your frozen rows keep part of their old velocity: set it to 0.",
    ),
    Wrong(
        "X62",
        _steps(_paper, lambda w, v, g, m, d: (w - d * w, 0 * v)),
        "The decay still shrinks your frozen weights. Frozen means that nothing moves them.",
    ),
    Wrong(
        "X62",
        _steps(
            lambda w, v, g, lr, m, d: _moving(lambda w, v, g, lr, m, d: m * v - d * w - lr * g)(w, v, g, lr, m, d),
            lambda w, v, g, m, d: (w + m * v - d * w, m * v - d * w),
        ),
        "Your decay is not multiplied by the rate, so it shrinks frozen weights too: − weight_decay · rate · w.",
    ),
    Wrong(
        "X63",
        _steps(lambda w, v, g, lr, m, d: (w, 0 * v), lambda w, v, g, m, d: (w, 0 * v)),
        "Nothing learns: only rows with rate 0 are frozen.",
    ),
    Wrong(
        "X63",
        lambda w, v, g, rates, m, d: _steps(_paper)(w, v, g, np.where(rates == 0, 0, rates.max()), m, d),
        "All rows that learn have the largest rate in yours; row i has rates[i].",
    ),
    Wrong(
        "X63",
        lambda w, v, g, rates, m, d: _steps(_paper)(w, v, g, rates[::-1], m, d),
        "You read the rates upside down: row i has rates[i].",
    ),
    Wrong(
        "O2",
        _steps(_torch),
        "Your rate stands outside the velocity (PyTorch's form). The paper's is inside: v ← momentum · v − "
        "weight_decay · rate · w − rate · g.",
    ),
    Wrong("O4", _steps(_moving(lambda w, v, g, lr, m, d: m * v - lr * g)), "The decay is missing from what learns."),
    Wrong(
        "O4", _steps(_moving(lambda w, v, g, lr, m, d: m * v + d * lr * w - lr * g)), "Your decay makes weights grow."
    ),
    Wrong(
        "O3",
        _steps(_moving(lambda w, v, g, lr, m, d: m * v - (1 - m) * lr * (g + d * w))),
        "You damp the gradient by 1 − momentum; the paper does not.",
    ),
    Wrong("O5", _steps(lambda w, v, g, lr, m, d: (w + v, _paper(w, v, g, lr, m, d)[1])), "w moves by the *new* v."),
    Wrong("O6", _steps(lambda w, v, g, lr, m, d: (_paper(w, v, g, lr, m, d)[0], v)), "Your v does not change."),
    Wrong(
        "X35", _steps(_moving(lambda w, v, g, lr, m, d: m * v - d * lr * w + lr * g)), "You climb: subtract rate · g."
    ),
)


def _step_probe(seed, L, n, rates):
    def make():
        rng = np.random.default_rng(seed)
        w, v, g = (size * rng.standard_normal((L, n)) for size in (2, 0.6, 3))
        return w, v, g, np.array(rates), 0.7, 0.2

    return make


def _no_gradient_probe():
    w, v, g, rates, momentum, weight_decay = _step_probe(63, 4, 3, (0.0, 0.0, 0.15, 0.3))()
    g[:2] = np.nan
    return w, v, g, rates, momentum, weight_decay


def _step_by_hand(arguments, output, index):
    w, v, g, rates, momentum, weight_decay = arguments
    i, rate = index, rates[index[0]]
    if rate == 0:
        return f"By hand: row {i[0]} has rate 0, so w stays {w[i]:.6g}, and v is 0."
    new = momentum * v[i] - weight_decay * rate * w[i] - rate * g[i]
    return (
        f"By hand: v is {momentum:g} · {v[i]:.4g} − {weight_decay:g} · {rate:g} · {w[i]:.4g} − {rate:g} · {g[i]:.4g} = "
        f"{new:.6g}, and w is {w[i]:.4g} + v = {w[i] + new:.6g}."
    )


# ---------------------------------------------------------------------------------------------- an honest choice


def _chosen(place, error):
    """place: function of (val, test);  error: of (val, test, place)"""

    def wrong(val, test):
        chosen = int(place(val, test))
        return chosen, error(val, test, chosen)

    return wrong


def _by_val(val, test):
    return val.mean(axis=1).argmin()


def _test_mean(val, test, place):
    return test[place].mean()


CHOOSE_WRONG = (
    Wrong(
        "X70",
        _chosen(lambda val, test: test.mean(axis=1).argmin(), _test_mean),
        "You choose by the test errors. The test set has then taken part in the choice, and its error is too good: "
        "choose by validation.",
    ),
    Wrong(
        "X70",
        _chosen(lambda val, test: (val + test).mean(axis=1).argmin(), _test_mean),
        "Your choice is by validation and test together; the test set must not take part.",
    ),
    Wrong(
        "X70",
        _chosen(_by_val, lambda val, test, place: test.mean(axis=1).min()),
        "You choose by validation, but report the best test error of all settings. Report the chosen one's.",
    ),
    Wrong(
        "X71",
        _chosen(_by_val, lambda val, test, place: val[place].mean()),
        "You report the validation error of the winner. It won because it was low there, partly by luck: report the "
        "test error.",
    ),
    Wrong(
        "X72",
        _chosen(lambda val, test: val.min(axis=1).argmin(), _test_mean),
        "The luckiest single run decides in yours. Take the mean over runs before you choose.",
    ),
    Wrong(
        "X72",
        _chosen(_by_val, lambda val, test, place: test[place].min()),
        "You report the best run of the chosen setting; report the mean of its runs.",
    ),
    Wrong(
        "X72",
        _chosen(_by_val, lambda val, test, place: test[place, val[place].argmin()]),
        "You report one run, the best in validation; report the mean of the chosen setting's runs.",
    ),
    Wrong(
        "X72",
        _chosen(lambda val, test: np.median(val, axis=1).argmin(), _test_mean),
        "You choose by the median of the runs; choose by their mean.",
    ),
    Wrong(
        "X73",
        _chosen(lambda val, test: val.mean(axis=0).argmin(), lambda val, test, place: test[:, place].mean()),
        "You average over the settings and choose a run. Settings are rows: average each row.",
    ),
    Wrong("X73", _chosen(lambda val, test: val.mean(axis=1).argmax(), _test_mean), "That is the worst setting."),
    Wrong("X73", _chosen(_by_val, lambda val, test, place: test.mean()), "You report the mean of all settings."),
)


def _errors_probe(seed, S, R):
    def make():
        rng = np.random.default_rng(seed)
        level = rng.uniform(0.1, 0.3, (S, 1))
        return tuple(level + 0.2 * rng.uniform(0, 1, (S, R)) for _ in range(2))

    return make


def _choose_by_hand(arguments, output, index):
    val, test = arguments
    means = val.mean(axis=1)
    place = int(means.argmin())
    said = ", ".join(f"{m:.3f}" for m in means)
    return (
        f"By hand: the settings' mean validation errors are {said}; the lowest is that of setting {place}, whose mean "
        f"test error is {test[place].mean():.6g}."
    )


# ---------------------------------------------------------------------------------------------- the lesson


LESSON = Lesson(
    "20",
    "Features that travel",
    75,
    60,
    (
        Exercise(
            "20-few",
            "few_shot",
            few_shot,
            (_draw_probe(1, 30, (9, 4, 11), 2), _draw_probe(2, 43, (7, 12, 3, 8), 4)),
            ("places", "targets"),
            axes={"places": ("place",), "targets": ("place",)},
            wrong=FEW_WRONG,
            by_hand=_draw_by_hand,
            hints=(
                "Which label has the picture that stands at place 5 of `order`? And which output of the new head is "
                "for class classes[2]?",
                "for the i-th class c: the first n of those numbers in order whose label is c, all with the target i",
                "places.append(order[labels[order] == c][:n]); targets.append(np.full(n, i))",
            ),
        ),
        Exercise(
            "20-features",
            "features",
            features,
            (
                _features_probe(11, (7, 2, 3, 4), "drop1", 3),
                _features_probe(13, (5, 3, 2, 3), "relu1", 2),
                _features_probe(15, (8, 2, 4, 3), "norm1", 5),
            ),
            ("features",),
            axes={"features": ("picture", "feature")},
            wrong=FEATURES_WRONG,
            properties=(
                Property("X14", _few_at_once, "Give the layers at most `batch` pictures at once.", late=True),
                Property(
                    "X15",
                    _above_is_not_run,
                    "The values are right, but you run layers above `up_to` for nothing: stop there.",
                    late=True,
                ),
            ),
            hints=(
                "Which pictures are in the third batch? After which layer do you leave the loop, before it or behind "
                "it? In which mode does a trunk work that does not learn?",
                "for each batch: x ← layer(x, False) for the layers up to and with `up_to`; then one row for each "
                "picture; at the end, all batches one below the other",
                "x = layer(x, False); if name == up_to: rows.append(x.reshape(len(x), -1)); break",
            ),
        ),
        Exercise(
            "20-standardise",
            "standardise",
            standardise,
            (_feature_tables(21, 9, 6, 4), _feature_tables(22, 5, 8, 3)),
            ("train", "test"),
            axes={"train": ("picture", "feature"), "test": ("picture", "feature")},
            wrong=STANDARDISE_WRONG,
            by_hand=_standardise_by_hand,
            hints=(
                "Would a test picture get other features if it were tested alone? What is the deviation of a ReLU "
                "that is 0 for all training pictures?",
                "(x − mean) / deviation, feature by feature, both from `train`; where the deviation is 0, divide by 1",
                "deviation = np.where(train.std(axis=0) > 0, train.std(axis=0), 1)",
            ),
        ),
        Exercise(
            "20-head",
            "linear_head",
            linear_head,
            (_head_probe(31, 8, 3, 4, 2), _head_probe(32, 11, 4, 5, 6)),
            ("weight", "bias"),
            axes={"weight": ("feature", "class"), "bias": ("class",)},
            wrong=HEAD_WRONG,
            by_hand=_head_by_hand,
            properties=(STARTS_AT_ZERO,),
            hints=(
                "You wrote the loss in lesson 02: what is its gradient with respect to the scores? And how do the "
                "scores depend on the weight and on the bias?",
                "d = (softmax(features · weight + bias) − one-hot) / N;  weight ← weight − lr · (featuresᵀ · d + "
                "decay · weight);  bias ← bias − lr · Σ d over pictures",
                "weight = weight - lr * (features.T @ d + decay * weight); bias = bias - lr * d.sum(axis=0)",
            ),
        ),
        Exercise(
            "20-choose",
            "choose",
            choose,
            (_errors_probe(71, 6, 4), _errors_probe(72, 5, 3), _errors_probe(73, 7, 5)),
            ("place", "error"),
            wrong=CHOOSE_WRONG,
            by_hand=_choose_by_hand,
            hints=(
                "Which of the two tables may take part in the choice? Which one has not seen it?",
                "place = the row with the lowest mean of val;  error = the mean of that row of test",
                "place = int(val.mean(axis=1).argmin()); return place, test[place].mean()",
            ),
        ),
        Exercise(
            "20-knn",
            "knn",
            knn,
            (_knn_probe(41, 40, 30, 4, 5, 4), _knn_probe(42, 33, 24, 3, 4, 6)),
            ("answers",),
            axes={"answers": ("query",)},
            wrong=KNN_WRONG,
            by_hand=_knn_by_hand,
            properties=(
                case("for the nearest alone", knn, _knn_probe(43, 12, 9, 3, 4, 1), ("answers",)),
                case("for one query", knn, _knn_probe(44, 12, 1, 3, 4, 3), ("answers",)),
            ),
            outside=("one",),  # between single numbers every cosine is 1 or −1
            hints=(
                "Sort the training pictures by likeness to one query. Whose classes vote? If two classes have two "
                "votes each, whose picture comes first?",
                "cosine(a, b) = a·b / (|a| |b|); the k largest vote; of the classes with the most votes, the one that "
                "comes first in the order of likeness",
                "counts = np.bincount(near); winner = next(c for c in near if counts[c] == counts.max())",
            ),
        ),
        Exercise(
            "20-rates",
            "rates",
            rates,
            (lambda: (7, 0.3, 2.5, 2), lambda: (5, 0.04, 3.5, 3), lambda: (8, 0.6, 1.7, 1)),
            ("rates",),
            axes={"rates": ("layer",)},
            wrong=RATES_WRONG,
            by_hand=_rates_by_hand,
            properties=(case("if nothing is frozen", rates, lambda: (4, 0.3, 2.5, 0), ("rates",)),),
            hints=(
                "How many layers lie between layer i and the head, the last of L?",
                "rate of layer i = lr / factor^(L − 1 − i), and 0 for i < frozen",
                "rates = lr / factor ** (L - 1.0 - np.arange(L)); rates[:frozen] = 0",
            ),
        ),
        Exercise(
            "20-step",
            "fine_tune_step",
            fine_tune_step,
            (_step_probe(61, 5, 4, (0.0, 0.0, 0.1, 0.25, 0.6)), _step_probe(62, 4, 6, (0.05, 0.0, 0.3, 0.7))),
            ("w", "v"),
            axes={"w": ("layer", "weight"), "v": ("layer", "weight")},
            changes=(0, 1),
            wrong=STEP_WRONG,
            by_hand=_step_by_hand,
            properties=(
                case(
                    "if the gradients of frozen layers, which nobody computes, hold NaN",
                    fine_tune_step,
                    _no_gradient_probe,
                    ("w", "v"),
                    changes=(0, 1),
                ),
            ),
            hints=(
                "A layer had learnt for a while when it was frozen. With a rate of 0, what is v in the next step? "
                "Does w stand still?",
                "rate > 0: v ← momentum · v − weight_decay · rate · w − rate · g, w ← w + v;  rate = 0: v ← 0",
                "if rate == 0: v[i] = 0; else: v[i] = momentum * v[i] - weight_decay * rate * w[i] - …; w[i] += v[i]",
            ),
        ),
    ),
)

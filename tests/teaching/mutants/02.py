"""Lesson 02: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import numpy as np


def pictures_in_columns(x, weight, bias):
    X = x.reshape(-1, x.shape[0])  # as in courses where a picture is a column
    return (weight.T @ X).T + bias


def planes_first(x, weight, bias):
    rows = [np.concatenate([p[..., c].ravel() for c in range(p.shape[-1])]) for p in x]
    return np.array(rows) @ weight + bias


def column_by_column(x, weight, bias):
    return np.array([[np.sum(p.swapaxes(0, 1).ravel() * w) for w in weight.T] for p in x]) + bias


def fortran_order(x, weight, bias):
    return np.array([np.dot(p.flatten("F"), weight) for p in x]) + bias


def no_bias(x, weight, bias):
    return np.tensordot(x.reshape(len(x), -1), weight, axes=1)


def bias_in_the_sum(x, weight, bias):
    X = x.reshape(len(x), -1)
    y = np.zeros((len(X), len(bias)))
    for n in range(len(X)):
        for k in range(len(bias)):
            for d in range(X.shape[1]):
                y[n, k] += X[n, d] * weight[d, k] + bias[k]
    return y


def weights_as_in_pytorch(x, weight, bias):
    w = weight.reshape(len(bias), -1)
    return np.einsum("nd,kd->nk", x.reshape(len(x), -1), w) + bias


def scores_in_float64(x, weight, bias):
    y = np.zeros((len(x), len(bias)))
    for n in range(len(x)):
        y[n] = x[n].reshape(-1) @ weight + bias
    return y


def bias_written_in(x, weight, bias):
    bias += x.reshape(len(x), -1)[0] @ weight
    y = x.reshape(len(x), -1) @ weight
    return y - y[0] + bias


def planes_first_and_no_bias(x, weight, bias):
    return x.transpose(0, 3, 1, 2).reshape(len(x), -1) @ weight


def keeps_its_dims(dy, x, weight):
    X = x.reshape(x.shape[0], -1)
    dW = X.T.dot(dy)
    db = np.sum(dy, axis=0, keepdims=True)
    return dy.dot(weight.T).reshape(*x.shape), dW, db


def ones_times_dy(dy, x, weight):
    X = x.reshape(x.shape[0], -1)
    return (dy @ weight.T).reshape(x.shape), X.T @ dy, np.ones((1, len(dy))) @ dy


def stays_flat(dy, x, weight):
    X = x.reshape(len(x), -1)
    return np.einsum("nk,dk->nd", dy, weight), np.einsum("nd,nk->dk", X, dy), dy.sum(0)


def averages(dy, x, weight):
    m = len(x)
    X = x.reshape(m, -1)
    dW = 1 / m * np.dot(X.T, dy)
    db = 1 / m * np.sum(dy, axis=0)
    return np.dot(dy, weight.T).reshape(x.shape), dW, db


def averages_weights_only(dy, x, weight):
    dW = np.mean([np.outer(p, d) for p, d in zip(x, dy)], axis=0)
    return (dy @ weight.T).reshape(x.shape), dW, dy.sum(axis=0)


def averages_bias_only(dy, x, weight):
    return (dy @ weight.T).reshape(x.shape), x.reshape(len(x), -1).T @ dy, np.average(dy, axis=0)


def last_picture(dy, x, weight):
    dx = np.zeros(x.shape)
    for n in range(len(x)):
        dx[n] = (weight @ dy[n]).reshape(x.shape[1:])
        dW = x[n].reshape(-1, 1) * dy[n]
        db = dy[n]
    return dx, dW, db


def transposed_dx(dy, x, weight):
    X = x.reshape(x.shape[0], -1)
    return np.dot(weight, dy.T).reshape(x.shape), X.T @ dy, dy.sum(0)


def mixed_inputs(dy, x, weight):
    X = x.reshape(-1, x.shape[0])
    return (dy @ weight.T).reshape(x.shape), X @ dy, dy.sum(0)


def dx_in_planes(dy, x, weight):
    n, h, w, c = x.shape
    dx = np.moveaxis((dy @ weight.T).reshape(n, c, h, w), 1, 3)
    return dx, x.reshape(n, -1).T @ dy, dy.sum(0)


def planes_everywhere(dy, x, weight):
    n, h, w, c = x.shape
    X = np.rollaxis(x, 3, 1).reshape(n, h * w * c)
    return np.moveaxis((dy @ weight.T).reshape(n, c, h, w), 1, -1), X.T @ dy, dy.sum(0)


def weights_made_to_fit(dy, x, weight):
    w = weight.reshape(dy.shape[1], -1)
    return (dy @ w).reshape(x.shape), x.reshape(len(x), -1).T @ dy, dy.sum(0)


def bias_over_classes(dy, x, weight):
    return (dy @ weight.T).reshape(x.shape), x.reshape(len(x), -1).T @ dy, np.sum(dy, axis=-1)


def bias_not_summed(dy, x, weight):
    return (dy @ weight.T).reshape(x.shape), x.reshape(len(x), -1).T @ dy, dy * 1.0


def transposed_dweight(dy, x, weight):
    dW = np.array([sum(d[k] * p.ravel() for p, d in zip(x, dy)) for k in range(dy.shape[1])])
    return (dy @ weight.T).reshape(x.shape), dW, dy.sum(0)


def a_bias_of_ones(dy, x, weight):
    return (dy @ weight.T).reshape(x.shape), x.reshape(len(x), -1).T @ dy, np.ones(dy.shape[1])


def two_things_only(dy, x, weight):
    return (dy @ weight.T).reshape(x.shape), x.reshape(len(x), -1).T @ dy


def averaged_twice_over(dy, x, weight):
    m = len(x)
    return (dy @ weight.T).reshape(x.shape) / m, x.reshape(m, -1).T @ dy / m**2, dy.sum(axis=0)


def plain_exp(logits):
    out = []
    for row in logits:
        e = np.exp(row)
        out.append(e / np.sum(e))
    return np.array(out)


def minimum_for_maximum(logits):
    e = np.exp(logits - np.min(logits, axis=-1)[:, None])
    return e / e.sum(-1)[:, None]


def maximum_of_the_batch(logits):
    z = logits - np.max(logits)
    return np.exp(z) / np.sum(np.exp(z), axis=1)[:, np.newaxis]


def maximum_of_each_class(logits):
    z = logits - np.amax(logits, axis=0, keepdims=True)
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def columns_to_one(logits):
    z = np.exp(logits.T - logits.max(axis=0)[:, None])
    return (z / z.sum(axis=1, keepdims=True)).T


def columns_to_one_after_a_good_shift(logits):
    z = np.exp(logits - logits.max(1)[:, None])
    return z / np.sum(z, 0)


def one_for_the_whole_batch(logits):
    e = np.exp(logits - np.max(logits))
    return e / np.sum(e)


def once_more(logits):
    for _ in range(2):
        e = np.exp(logits - logits.max(axis=1)[:, None])
        logits = e / e.sum(axis=1)[:, None]
    return logits


def without_exp(logits):
    return np.array([row / np.sum(row) for row in logits])


def not_divided(logits):
    return np.array([np.exp(row - max(row)) for row in logits])


def sigmoids(logits):
    return 1.0 / (1.0 + np.exp(-1 * logits))


def one_hot_favourite(logits):
    p = np.zeros_like(logits)
    p[range(len(logits)), np.argmax(logits, axis=1)] = 1
    return p


def upside_down(logits):
    e = np.exp(logits.min(axis=1)[:, None] - logits)
    return e / e.sum(axis=1)[:, None]


def shifts_in_place(logits):
    logits -= logits.max(axis=1, keepdims=True)
    e = np.exp(logits)
    return e / e.sum(axis=1, keepdims=True)


def probabilities_in_float64(logits):
    p = np.zeros(logits.shape)
    for n in range(len(logits)):
        e = np.exp(logits[n] - np.max(logits[n]))
        p[n] = e / e.sum()
    return p


def columns_and_upside_down(logits):
    e = np.exp(logits.min(axis=0) - logits)
    return e / e.sum(axis=0)


def _p(logits):
    e = np.exp(logits - np.max(logits, axis=1)[:, None])
    return e / np.sum(e, axis=1)[:, None]


def loss_of_plain_exp(logits, labels):
    total = 0
    for row, label in zip(logits, labels):
        total -= np.log(np.exp(row[label]) / np.sum(np.exp(row)))
    return total / len(logits)


def plain_log_sum_exp(logits, labels):
    total = 0
    for n, label in enumerate(labels):
        total += np.log(np.sum(np.exp(logits[n]))) - logits[n][label]
    return total / len(labels)


def loss_by_the_batch_maximum(logits, labels):
    e = np.exp(logits - np.max(logits))
    p = e / e.sum(axis=1)[:, None]
    return -np.mean(np.log(p[range(len(p)), labels]))


def log_of_zero(logits, labels):
    p = _p(logits)
    return np.mean([-np.log(p[n, label]) for n, label in enumerate(labels)])


def a_little_added(logits, labels):
    return -np.mean(np.log(_p(logits)[range(len(labels)), labels] + 1e-8))


def clipped(logits, labels):
    p = np.clip(_p(logits), 1e-12, 1 - 1e-12)
    t = np.eye(p.shape[1])[labels]
    return -(t * np.log(p)).sum() / len(p)


def sum_not_mean(logits, labels):
    z = logits - logits.max(1)[:, None]
    return sum(np.log(np.exp(z).sum(1)) - z[range(len(z)), labels])


def mean_over_everything(logits, labels):
    z = logits - logits.max(1)[:, None]
    log_p = z - np.log(np.exp(z).sum(1))[:, None]
    return -(np.eye(logits.shape[1])[labels] * log_p).mean()


def softmax_given_to_the_loss(logits, labels):
    z = _p(logits)
    return np.mean(np.log(np.exp(z).sum(1)) - z[range(len(z)), labels])


def loss_over_columns(logits, labels):
    e = np.exp(logits - logits.max(axis=0))
    p = e / e.sum(axis=0)
    return -np.log(p[range(len(p)), labels]).mean()


def loss_of_the_favourite(logits, labels):
    z = logits - logits.max(1)[:, None]
    picked = z[range(len(z)), np.argmax(z, axis=1)]
    return np.mean(np.log(np.exp(z).sum(1)) - picked)


def all_classes(logits, labels):
    z = logits - logits.max(1)[:, None]
    return np.mean(np.log(np.exp(z).sum(1))[:, None] - z)


def columns_of_labels(logits, labels):
    z = logits - logits.max(1)[:, None]
    log_p = z - np.log(np.exp(z).sum(1))[:, None]
    return -log_p[:, labels].sum() / len(labels) ** 2


def one_minus_p(logits, labels):
    return np.mean(1 - _p(logits)[range(len(labels)), labels])


def hinge_like(logits, labels):
    return np.mean([max(row) - row[label] for row, label in zip(logits, labels)])


def squared(logits, labels):
    t = np.zeros_like(logits)
    t[np.arange(len(labels)), labels] = 1
    return np.sum((_p(logits) - t) ** 2) / len(labels)


def labels_from_one(logits, labels):
    z = logits - logits.max(1)[:, None]
    return np.mean(np.log(np.exp(z).sum(1)) - z[range(len(z)), labels - 1])


def sign_lost(logits, labels):
    z = logits - logits.max(1)[:, None]
    return np.mean(z[range(len(z)), labels] - np.log(np.exp(z).sum(1)))


def bits(logits, labels):
    z = (logits - logits.max(1)[:, None]) / np.log(2)
    return np.mean(np.log2(np.exp2(z).sum(1)) - z[range(len(z)), labels])


def no_mean_at_all(logits, labels):
    z = logits - logits.max(1)[:, None]
    return np.log(np.exp(z).sum(1)) - z[range(len(z)), labels]


def sum_of_favourites(logits, labels):
    return -np.log(_p(logits).max(axis=1)).sum()


def gradient_of_plain_exp(logits, labels):
    p = np.exp(logits) / np.exp(logits).sum(axis=1).reshape(-1, 1)
    p[np.arange(len(p)), labels] -= 1.0
    return p / len(p)


def gradient_by_the_batch_maximum(logits, labels):
    e = np.exp(logits - logits.max())
    p = e / e.sum(1).reshape(-1, 1)
    for n in range(len(p)):
        p[n, labels[n]] -= 1
    return p / len(p)


def gradient_over_columns(logits, labels):
    e = np.exp(logits - logits.max(axis=0))
    p = e / e.sum(axis=0)
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)


def no_n(logits, labels):
    p = _p(logits)
    p[np.arange(len(p)), labels] -= 1
    return p


def mean_over_all_entries(logits, labels):
    p = _p(logits)
    p[np.arange(len(p)), labels] -= 1
    return p / p.size


def gradient_of_two_softmaxes(logits, labels):
    p = _p(_p(logits))
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)


def ones_through_the_softmax(logits, labels):
    p, ones = _p(logits), np.ones_like(logits)
    return p * (ones - ones)  # what Σ p·1 leaves, to the last bit


def onehot_forgotten(logits, labels):
    return _p(logits) / logits.shape[0]


def label_column_only(logits, labels):
    p, d = _p(logits), np.zeros_like(logits)
    for n, label in enumerate(labels):
        d[n, label] = (p[n, label] - 1) / len(labels)
    return d


def diagonal_of_the_jacobian(logits, labels):
    p, d = _p(logits), np.zeros_like(logits)
    rows = np.arange(len(labels))
    d[rows, labels] = -(1 - p[rows, labels])
    return d / len(labels)


def softmax_derivative_once_more(logits, labels):
    p = _p(logits)
    g = (p - np.eye(p.shape[1])[labels]) / len(p)
    return np.array([(np.diag(q) - np.outer(q, q)) @ h for q, h in zip(p, g)])


def one_at_the_favourite(logits, labels):
    p = _p(logits)
    p[np.arange(len(p)), p.argmax(1)] -= 1
    return p / len(p)


def by_the_probabilities(logits, labels):
    p, d = _p(logits), np.zeros_like(logits)
    for n in range(len(labels)):
        d[n, labels[n]] = -1 / (p[n, labels[n]] * len(labels))
    return d


def n_for_the_label_only(logits, labels):
    p = _p(logits)
    p[np.arange(len(p)), labels] -= 1 / len(p)
    return p


def downhill_already(logits, labels):
    return (np.eye(logits.shape[1])[labels] - _p(logits)) / len(logits)


def identity_in_float64(logits, labels):
    return (_p(logits) - np.eye(logits.shape[1])[labels]) / len(logits)


def works_on_its_input(logits, labels):
    logits -= logits.max(axis=1, keepdims=True)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)


def columns_and_no_n(logits, labels):
    e = np.exp(logits - logits.max(axis=0))
    return e / e.sum(axis=0) - np.eye(logits.shape[1])[labels]


def no_negative_scores(x, weight, bias):
    y = x.reshape(len(x), -1) @ weight + bias
    y[y < 0] = 0
    return y


def probabilities_at_once(x, weight, bias):
    y = x.reshape(len(x), -1) @ weight + bias
    e = np.exp(y - y.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def squeezed_scores(x, weight, bias):
    return (x.reshape(len(x), -1) @ weight + bias).squeeze()


def divided_all_through(dy, x, weight):
    m = len(x)
    return (dy @ weight.T).reshape(x.shape) / m, x.reshape(m, -1).T @ dy / m, dy.sum(axis=0) / m


def dx_per_picture_over_n(dy, x, weight):
    dx = np.array([(weight @ d).reshape(x.shape[1:]) for d in dy]) / len(dy)
    return dx, x.reshape(len(x), -1).T @ dy, dy.sum(axis=0)


def first_picture_alone(dy, x, weight):
    return (dy @ weight.T).reshape(x.shape), np.outer(x[0].ravel(), dy[0]), dy[0]


def one_bias_for_all(dy, x, weight):
    return (dy @ weight.T).reshape(x.shape), x.reshape(len(x), -1).T @ dy, np.sum(dy)


def squeezed_dx(dy, x, weight):
    return (dy @ weight.T).reshape(x.shape).squeeze(), x.reshape(len(x), -1).T @ dy, dy.sum(axis=0)


def _shifted_exp(logits):
    return np.exp(logits - logits.max(axis=1, keepdims=True))


def euclidean(logits):
    e = _shifted_exp(logits)
    return e / np.linalg.norm(e, axis=1, keepdims=True)


def standard_scores(logits):
    z = logits - logits.mean(axis=1, keepdims=True)
    e = _shifted_exp(z / np.sqrt((z**2).mean(axis=1, keepdims=True)))
    return e / e.sum(axis=1, keepdims=True)


def sizes_of_scores(logits):
    e = _shifted_exp(abs(logits))
    return e / e.sum(axis=1, keepdims=True)


def a_floor_for_p(logits):
    e = _shifted_exp(logits)
    return np.maximum(e / e.sum(axis=1, keepdims=True), 1e-15)


def shift_cut_off(logits):
    e = np.exp(np.maximum(logits - logits.max(axis=1, keepdims=True), -40))
    return e / e.sum(axis=1, keepdims=True)


def guarded_denominator(logits):
    e = _shifted_exp(logits)
    return e / (e.sum(axis=1, keepdims=True) + 1e-8)


def squeezed_softmax(logits):
    e = _shifted_exp(logits)
    return (e / e.sum(axis=1, keepdims=True)).squeeze()


def scores_cut_at_ten_thousand(logits):
    e = _shifted_exp(np.clip(logits, -1e4, 1e4))
    return e / e.sum(axis=1, keepdims=True)


def ties_share_one_place(logits):
    e = _shifted_exp(logits)
    e[(logits == 0) & (logits.max(axis=1, keepdims=True) == 0)] = 1.5
    return e / e.sum(axis=1, keepdims=True)


def _losses(logits, labels):
    t = logits - logits.max(axis=1, keepdims=True)
    return np.log(np.exp(t).sum(axis=1)) - t[np.arange(len(t)), labels]


def one_maximum_for_the_batch(logits, labels):
    t = logits - np.max(logits)
    return np.mean(np.log(np.sum(np.exp(t), axis=1)) - t[range(len(t)), labels])


def unshifted_pick(logits, labels):
    t = logits - logits.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(t).sum(axis=1)) - logits[range(len(t)), labels])


def without_log(logits, labels):
    t = logits - logits.max(axis=1, keepdims=True)
    return np.mean(np.exp(t).sum(axis=1) - t[range(len(t)), labels])


def log_of_one_more(logits, labels):
    t = logits - logits.max(axis=1, keepdims=True)
    return np.mean(np.log(1 + np.exp(t).sum(axis=1)) - t[range(len(t)), labels])


def middle_loss(logits, labels):
    return np.median(_losses(logits, labels))


def overwritten_loss(logits, labels):
    for loss in _losses(logits, labels):
        total = loss
    return total


def first_loss(logits, labels):
    return _losses(logits, labels)[0]


def one_class_up(logits, labels):
    return _losses(logits, labels + 1 - logits.shape[1] * (labels + 1 == logits.shape[1])).mean()


def labels_in_order(logits, labels):
    return _losses(logits, np.sort(labels)).mean()


def question_by_question(logits, labels):
    e = _shifted_exp(logits)
    p = e / e.sum(axis=1, keepdims=True)
    yes = labels[:, None] == np.arange(p.shape[1])
    return -np.log(np.where(yes, p, 1 - p)).sum(axis=1).mean()


def own_surprise(logits, labels):
    t = logits - logits.max(axis=1, keepdims=True)
    log_p = t - np.log(np.exp(t).sum(axis=1, keepdims=True))
    return -(np.exp(log_p) * log_p).sum(axis=1).mean()


def margins(logits, labels):
    total = 0.0
    for row, label in zip(logits, labels):
        total += sum(max(0, s - row[label] + 1) for k, s in enumerate(row) if k != label)
    return total / len(labels)


def floor_below_the_smallest(logits, labels):
    e = _shifted_exp(logits)
    p = (e / e.sum(axis=1, keepdims=True))[np.arange(len(e)), labels]
    return -np.log(np.maximum(p, 1e-300)).mean()


def infinite_made_finite(logits, labels):
    e = _shifted_exp(logits)
    return np.nan_to_num(-np.log((e / e.sum(axis=1, keepdims=True))[np.arange(len(e)), labels])).mean()


def each_label_once(logits, labels):
    return sum(dict(zip(labels.tolist(), _losses(logits, labels))).values()) / len(labels)


def _p(logits):
    e = _shifted_exp(logits)
    return e / e.sum(axis=1, keepdims=True)


def gradient_one_class_up(logits, labels):
    p = _p(logits)
    for n, label in enumerate(labels):
        p[n, (label + 1) % p.shape[1]] -= 1
    return p / len(p)


def every_label_in_every_row(logits, labels):
    p = _p(logits)
    p[:, labels] -= 1
    return p / len(p)


def assigned_minus_one(logits, labels):
    p = _p(logits)
    p[np.arange(len(p)), labels] = -1
    return p / len(p)


def gradient_of_clipped_p(logits, labels):
    p = np.clip(_p(logits), 1e-12, 1)
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)


def each_label_lowered_once(logits, labels):
    p = _p(logits)
    for label in np.unique(labels):
        p[np.argmax(labels == label), label] -= 1
    return p / len(p)


def squeezed_gradient(logits, labels):
    return assigned_right(logits, labels).squeeze()


def assigned_right(logits, labels):
    p = _p(logits)
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)


def one_sum_for_the_batch(logits, labels):
    t = logits - logits.max(axis=1, keepdims=True)
    return (np.log(np.sum(np.exp(t))) - t[np.arange(len(t)), labels]).mean()


def mean_over_n(logits, labels):
    return _losses(logits, labels).mean() / len(labels)


def least_shifted(logits, labels):
    t = logits - logits.min(axis=1, keepdims=True)
    return (np.log(np.exp(t).sum(axis=1)) - t[np.arange(len(t)), labels]).mean()


def batch_of_probabilities(logits, labels):
    p = _shifted_exp(logits)
    p /= p.sum()
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)


def gradient_over_n_again(logits, labels):
    return assigned_right(logits, labels) / len(labels)


def whole_rows_lowered(logits, labels):
    p = _p(logits)
    p[labels] -= 1
    return p / len(p)


# ---------------------------------------------------------------------------------------------- right but for a corner


def full_blocks_of_64(x, weight, bias):
    flat, B = x.reshape(len(x), -1), min(64, len(x))
    y = np.zeros((len(x), len(bias)), x.dtype)
    for i in range(len(x) // B):
        y[i * B : (i + 1) * B] = flat[i * B : (i + 1) * B] @ weight + bias
    return y


def squeezed_dbias(dy, x, weight):
    flat = x.reshape(len(x), -1)
    return (dy @ weight.T).reshape(x.shape), flat.T @ dy, np.squeeze(dy.sum(axis=0, keepdims=True))


def nan_becomes_0(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.nan_to_num(e / e.sum(axis=1, keepdims=True))


def for_batches_of_256(logits, labels):
    return (_p(logits) - np.eye(logits.shape[1])[labels]) / 256


MUTANTS = [
    ("02-linear", "F2", pictures_in_columns),
    ("02-linear", "F1", planes_first),
    ("02-linear", "C7", column_by_column),
    ("02-linear", "F1", fortran_order),
    ("02-linear", "C6", no_bias),
    ("02-linear", "F4", bias_in_the_sum),
    ("02-linear", "F5", weights_as_in_pytorch),
    ("02-linear", "C16", scores_in_float64),
    ("02-linear", "unchanged", bias_written_in),
    ("02-linear", "two: F1 + offset", planes_first_and_no_bias),
    ("02-softmax", "S1", plain_exp),
    ("02-softmax", "S1", minimum_for_maximum),
    ("02-softmax", "S2", maximum_of_the_batch),
    ("02-softmax", "S2", maximum_of_each_class),
    ("02-softmax", "S3", columns_to_one),
    ("02-softmax", "S3", columns_to_one_after_a_good_shift),
    ("02-softmax", "S3", one_for_the_whole_batch),
    ("02-softmax", "S6", once_more),
    ("02-softmax", "S9", without_exp),
    ("02-softmax", "S10", not_divided),
    ("02-softmax", "S11", sigmoids),
    ("02-softmax", "S12", one_hot_favourite),
    ("02-softmax", "S14", upside_down),
    ("02-softmax", "unchanged", shifts_in_place),
    ("02-softmax", "C16", probabilities_in_float64),
    ("02-softmax", "two: S3 + argument", columns_and_upside_down),
    ("02-loss", "S1", loss_of_plain_exp),
    ("02-loss", "S1", plain_log_sum_exp),
    ("02-loss", "S2", loss_by_the_batch_maximum),
    ("02-loss", "S15", log_of_zero),
    ("02-loss", "S7", a_little_added),
    ("02-loss", "S7", clipped),
    ("02-loss", "S4", sum_not_mean),
    ("02-loss", "S5", mean_over_everything),
    ("02-loss", "S6", softmax_given_to_the_loss),
    ("02-loss", "S3", loss_over_columns),
    ("02-loss", "S16", loss_of_the_favourite),
    ("02-loss", "S17", all_classes),
    ("02-loss", "S17", columns_of_labels),
    ("02-loss", "S19", one_minus_p),
    ("02-loss", "S20", hinge_like),
    ("02-loss", "S22", squared),
    ("02-loss", "S21", labels_from_one),
    ("02-loss", "ratio", sign_lost),
    ("02-loss", "ratio", bits),
    ("02-loss", "S18", no_mean_at_all),
    ("02-loss", "two: S16 + ratio", sum_of_favourites),
    ("02-loss-backward", "S1", gradient_of_plain_exp),
    ("02-loss-backward", "S2", gradient_by_the_batch_maximum),
    ("02-loss-backward", "S3", gradient_over_columns),
    ("02-loss-backward", "S4", no_n),
    ("02-loss-backward", "S5", mean_over_all_entries),
    ("02-loss-backward", "S6", gradient_of_two_softmaxes),
    ("02-loss-backward", "S8", ones_through_the_softmax),
    ("02-loss-backward", "S23", onehot_forgotten),
    ("02-loss-backward", "S24", label_column_only),
    ("02-loss-backward", "S24", diagonal_of_the_jacobian),
    ("02-loss-backward", "S25", softmax_derivative_once_more),
    ("02-loss-backward", "S26", one_at_the_favourite),
    ("02-loss-backward", "S28", by_the_probabilities),
    ("02-loss-backward", "S29", n_for_the_label_only),
    ("02-loss-backward", "ratio", downhill_already),
    ("02-loss-backward", "C16", identity_in_float64),
    ("02-loss-backward", "unchanged", works_on_its_input),
    ("02-loss-backward", "two: S3 + ratio", columns_and_no_n),
    ("02-linear-backward", "F3", keeps_its_dims),
    ("02-linear-backward", "F3", ones_times_dy),
    ("02-linear-backward", "F3", stays_flat),
    ("02-linear-backward", "C12", averages),
    ("02-linear-backward", "C12", averages_weights_only),
    ("02-linear-backward", "C12", averages_bias_only),
    ("02-linear-backward", "C12", last_picture),
    ("02-linear-backward", "F2", transposed_dx),
    ("02-linear-backward", "F2", mixed_inputs),
    ("02-linear-backward", "F1", dx_in_planes),
    ("02-linear-backward", "F1", planes_everywhere),
    ("02-linear-backward", "F5", weights_made_to_fit),
    ("02-linear-backward", "F8", bias_over_classes),
    ("02-linear-backward", "F8", bias_not_summed),
    ("02-linear-backward", "F9", transposed_dweight),
    ("02-linear-backward", "F11", a_bias_of_ones),
    ("02-linear-backward", "kind", two_things_only),
    ("02-linear-backward", "two: C12 + line-operation", averaged_twice_over),
    ("02-linear", "R8", no_negative_scores),
    ("02-linear", "S13", probabilities_at_once),
    ("02-linear", "case", squeezed_scores),
    ("02-linear-backward", "C12", divided_all_through),
    ("02-linear-backward", "C12", dx_per_picture_over_n),
    ("02-linear-backward", "C12", first_picture_alone),
    ("02-linear-backward", "F8", one_bias_for_all),
    ("02-linear-backward", "case", squeezed_dx),
    ("02-softmax", "S10", euclidean),
    ("02-softmax", "S31", standard_scores),
    ("02-softmax", "S32", sizes_of_scores),
    ("02-softmax", "S37", a_floor_for_p),
    ("02-softmax", "S37", shift_cut_off),
    ("02-softmax", "S38", guarded_denominator),
    ("02-softmax", "case", squeezed_softmax),
    ("02-softmax", "case", ties_share_one_place),
    ("02-softmax", "case", scores_cut_at_ten_thousand),
    ("02-loss", "S2", one_maximum_for_the_batch),
    ("02-loss", "S33", unshifted_pick),
    ("02-loss", "S34", without_log),
    ("02-loss", "S34", log_of_one_more),
    ("02-loss", "S18", middle_loss),
    ("02-loss", "S18", overwritten_loss),
    ("02-loss", "S18", first_loss),
    ("02-loss", "S21", one_class_up),
    ("02-loss", "S21", labels_in_order),
    ("02-loss", "S35", question_by_question),
    ("02-loss", "S16", own_surprise),
    ("02-loss", "S22", margins),
    ("02-loss", "S7", floor_below_the_smallest),
    ("02-loss", "S7", infinite_made_finite),
    ("02-loss", None, each_label_once),
    ("02-loss-backward", "S21", gradient_one_class_up),
    ("02-loss-backward", "S17", every_label_in_every_row),
    ("02-loss-backward", "S36", assigned_minus_one),
    ("02-loss-backward", "S37", gradient_of_clipped_p),
    ("02-loss-backward", "line-call", each_label_lowered_once),
    ("02-loss-backward", "case", squeezed_gradient),
    ("02-loss", "S3", one_sum_for_the_batch),
    ("02-loss", "S4", mean_over_n),
    ("02-loss", "S1", least_shifted),
    ("02-loss-backward", "S3", batch_of_probabilities),
    ("02-loss-backward", "S4", gradient_over_n_again),
    ("02-loss-backward", "S17", whole_rows_lowered),
    ("02-linear", "many", full_blocks_of_64),
    ("02-linear-backward", "one", squeezed_dbias),
    ("02-softmax", "case", nan_becomes_0),
    ("02-loss-backward", "ratio", for_batches_of_256),
]

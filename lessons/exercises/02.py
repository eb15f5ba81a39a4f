"""Lesson 02, from numbers to a guess: its exercises and the known mistakes."""

import numpy as np

from tinyalex import evaluation
from tinyalex.layers import Flatten, Linear, SoftmaxCrossEntropy
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong


def linear_forward(x, weight, bias):
    flat, _ = Flatten().forward(x)
    return _layer(weight, bias).forward(flat)[0]


def linear_backward(dy, x, weight):
    flat, shape = Flatten().forward(x)
    dflat, grads = _layer(weight, np.zeros_like(weight[0])).backward(dy, flat)
    return Flatten().backward(dflat, shape)[0], grads["weight"], grads["bias"]


def _layer(weight, bias):
    layer = Linear(*weight.shape)
    layer.params = {"weight": weight, "bias": bias}
    return layer


def softmax(logits):
    return evaluation.softmax(logits)


def cross_entropy(logits, labels):
    # a plain number, so that its dtype does not matter
    return float(SoftmaxCrossEntropy().forward(logits, labels)[0])


def cross_entropy_gradient(logits, labels):
    loss = SoftmaxCrossEntropy()
    return loss.backward(loss.forward(logits, labels)[1])


def _linear_probe(N=2, H=2, W=3, C=4, K=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N, H, W, C)), rng.standard_normal((H * W * C, K)), rng.standard_normal(K)


def _other_linear_probe():
    return _linear_probe(5, 3, 2, 3, 4, seed=1)


def _backward_probe():
    x, weight, _ = _linear_probe()
    return np.random.default_rng(2).standard_normal((2, 5)), x, weight


def _other_backward_probe():
    x, weight, _ = _other_linear_probe()
    return np.random.default_rng(3).standard_normal((5, 4)), x, weight


def _scores():
    return 2 * np.random.default_rng(4).standard_normal((4, 5))


def _one_picture_probe():
    return _linear_probe(1, 2, 4, 3, 5, seed=5)


def _one_picture_backward_probe():
    x, weight, bias = _one_picture_probe()
    return bias[None], x, weight


def _softmax_probe():
    return (_scores(),)


def _large_probe():
    """One row each: ordinary, large, safe once its maximum or mean is subtracted, safe only with its maximum."""
    rows = [
        [0.3, -1.2, 2.1, 0.9, -0.4],
        [1001.5, 1000.0, 999.0, 1002.0, 1000.5],
        [-500.0, 399.5, 400.7, 398.0, 399.0],
        [-1200.0, 300.7, -1200.5, -1201.0, -1199.0],
    ]
    return (np.array(rows),)


def _one_row_probe():
    return (np.array([[0.3, -1.2, 2.1, 0.0]]),)


def _equal_probe():
    """Rows of equal scores, and zeros."""
    return (np.array([[0.0, 0.0, 0.0], [-3.0, -3.0, 1.0], [2.5, 2.5, 2.5], [0.0, -7.0, 0.0]]),)


def _millions_probe():
    return (np.array([[3e6, 3e6 + 1, -2e6], [1e12, 0.0, -1e12], [-5e9, -5e9, -6e9]]),)


def _nan_probe():
    return (np.array([[0.3, np.nan, 2.1], [0.3, -1.2, 0.0]]),)


def _loss_probe():
    return _scores(), np.array([2, 0, 3, 1])


def _sure_and_right_probe():
    """Safe with the row's maximum, not with its minimum or mean; the label's probability is not small."""
    return np.array([[899.0, 900.0, 0.4, -3000.0]]), np.array([0])


def _repeated_probe():
    """More pictures than classes, so that labels occur again; equal scores and zeros."""
    scores = 2 * np.random.default_rng(6).standard_normal((7, 3))
    scores[3], scores[5, :2] = 0.0, 1.5
    return scores, np.array([2, 0, 2, 1, 2, 0, 2])


def _one_loss_probe():
    return *_one_row_probe(), np.array([1])


def _millions_loss_probe():
    return *_millions_probe(), np.array([1, 2, 0])


def _large_gradient_probe():
    """The last two rows are sure and wrong."""
    return *_large_probe(), np.array([1, 3, 0, 2])


# Each careless use of exp fails on a different one of these; the loss is one number, so they must not share a batch


def _high_probe():
    return np.array([[1001.5, 1000.0, 999.0], [998.0, 1000.5, 1001.0]]), np.array([1, 2])


def _high_and_low_probe():
    rows = [[-100.0, -101.5, -99.0, -98.0], [700.0, 699.0, 698.5, 701.0], [0.4, 0.1, -0.7, 1.2]]
    return np.array(rows), np.array([1, 3, 0])


def _sure_and_wrong_probe():
    return np.array([[0.7, -800.0, 1.5, 0.2]]), np.array([1])


# ---------------------------------------------------------------------------------------------- wrong on purpose


def _flat(x):
    return x.reshape(len(x), -1)


def _chw(x):
    return _flat(x.transpose(0, 3, 1, 2))


def _whc(x):
    return _flat(x.transpose(0, 2, 1, 3))


def _dealt(x):
    return x.reshape(-1, len(x)).T


LINEAR_WRONG = (
    Wrong(
        "F2",
        lambda x, weight, bias: _dealt(x) @ weight + bias,
        "Pictures are mixed: reshape(-1, N) deals the numbers out to the pictures in turn. N is the first axis: "
        "reshape(N, -1).",
    ),
    Wrong(
        "F2",
        lambda x, weight, bias: x.reshape(x[0].size, -1).T[::-1] @ weight + bias,
        "Pictures are mixed: N is the first axis, so reshape(N, -1) keeps each picture's numbers together.",
    ),
    Wrong(
        "F1",
        lambda x, weight, bias: _chw(x) @ weight + bias,
        "You flatten a picture plane by plane, (C, H, W). The weights expect memory order, (H, W, C): no transpose is "
        "needed.",
    ),
    Wrong(
        "C7",
        lambda x, weight, bias: _whc(x) @ weight + bias,
        "You flatten column by column, (W, H, C). The weights expect memory order, (H, W, C): no transpose is needed.",
    ),
    Wrong(
        "F1",
        lambda x, weight, bias: x.reshape(len(x), -1, order="F") @ weight + bias,
        'order="F" makes the first axis run fastest, so a picture\'s numbers no longer match the weights. Leave it '
        "out.",
    ),
    Wrong("C6", lambda x, weight, bias: _flat(x) @ weight, "The bias is missing: add each class's bias to its score."),
    Wrong(
        "F4",
        lambda x, weight, bias: _flat(x) @ weight + bias * len(weight),
        "You add the bias once per input number. Add it once per score: after the sum, not in it.",
    ),
    Wrong(
        "R8",
        lambda x, weight, bias: np.maximum(linear_forward(x, weight, bias), 0),
        "Negative scores came out as 0. Scores keep their sign: no ReLU follows the last layer.",
    ),
    Wrong(
        "S13",
        lambda x, weight, bias: softmax(linear_forward(x, weight, bias)),
        "You return probabilities. Return the scores; the softmax comes next.",
    ),
    Wrong(
        "F5",
        lambda x, weight, bias: _flat(x) @ weight.reshape(weight.shape[::-1]).T + bias,
        "You reshaped the weights. They are (inputs, classes) already: column k holds the weights of class k.",
    ),
)


def _gradients(dy, x, weight, flat=None, dflat=None):
    flat = _flat(x) if flat is None else flat
    dflat = dy @ weight.T if dflat is None else dflat
    return dflat.reshape(x.shape), flat.T @ dy, dy.sum(axis=0)


def _replaced(**others):
    """A right backward with some outputs replaced, each by a function of (dy, x, weight)."""

    def wrong(dy, x, weight):
        right = dict(zip(("dx", "dweight", "dbias"), _gradients(dy, x, weight)))
        return tuple((right | {name: other(dy, x, weight) for name, other in others.items()}).values())

    return wrong


def _dx_from_chw(dy, x, weight):
    N, H, W, C = x.shape
    return (dy @ weight.T).reshape(N, C, H, W).transpose(0, 2, 3, 1)


def _dx_from_whc(dy, x, weight):
    N, H, W, C = x.shape
    return (dy @ weight.T).reshape(N, W, H, C).transpose(0, 2, 1, 3)


LINEAR_BACKWARD_WRONG = (
    Wrong(
        "F3",
        _replaced(dbias=lambda dy, x, weight: dy.sum(axis=0, keepdims=True)),
        "The bias is (K,), so its gradient is (K,) too, not (1, K): sum over the pictures without keepdims.",
    ),
    Wrong(
        "F3",
        _replaced(dx=lambda dy, x, weight: dy @ weight.T),
        "dx is still flat. Reshape it to x's shape: a gradient has the shape of its array.",
    ),
    Wrong(
        "C12",
        lambda dy, x, weight: (_gradients(dy, x, weight)[0], _flat(x).T @ dy / len(x), dy.mean(axis=0)),
        "You average over the pictures. Gradients add up over pictures; the 1/N belongs to the loss, and is in dy "
        "already.",
    ),
    Wrong(
        "C12",
        lambda dy, x, weight: tuple(part / len(x) for part in _gradients(dy, x, weight)),
        "Divided by the number of pictures, N. The 1/N belongs to the loss, and is in dy already.",
    ),
    Wrong(
        "C12",
        lambda dy, x, weight: (_gradients(dy, x, weight)[0], np.outer(x[0], dy[0]), dy[0]),
        "You use only the first picture. Gradients add up over the pictures.",
    ),
    Wrong(
        "C12",
        lambda dy, x, weight: (_gradients(dy, x, weight)[0], np.outer(x[-1], dy[-1]), dy[-1]),
        "You keep only the last picture's gradient. Gradients add up over the pictures: += in a loop, not =.",
    ),
    Wrong(
        "F2",
        lambda dy, x, weight: _gradients(dy, x, weight, _dealt(x), (weight @ dy.T).ravel()),
        "Pictures are mixed: N is the first axis, so flatten with reshape(N, -1) and reshape (N, D) back.",
    ),
    Wrong(
        "F1",
        lambda dy, x, weight: (_dx_from_chw(dy, x, weight), _chw(x).T @ dy, dy.sum(axis=0)),
        "The flat order is (H, W, C), as in memory; yours is (C, H, W).",
    ),
    Wrong(
        "C7",
        lambda dy, x, weight: (_dx_from_whc(dy, x, weight), _whc(x).T @ dy, dy.sum(axis=0)),
        "The flat order is (H, W, C), as in memory; yours is (W, H, C).",
    ),
    Wrong(
        "F5",
        _replaced(dx=lambda dy, x, weight: (dy @ weight.reshape(weight.shape[::-1])).reshape(x.shape)),
        "Your reshape makes the shapes fit but puts the weights in the wrong places. Use weight.T.",
    ),
    Wrong(
        "F8",
        _replaced(dbias=lambda dy, x, weight: dy.sum(axis=1)),
        "You sum over the classes. Each class has its own bias, shared by all pictures: sum over the pictures, axis 0.",
    ),
    Wrong(
        "F8",
        _replaced(dbias=lambda dy, x, weight: dy),
        "All pictures share the bias, so their gradients add up: (N, K) becomes (K,).",
    ),
    Wrong(
        "F8",
        _replaced(dbias=lambda dy, x, weight: dy.sum()),
        "You sum dy over the classes too. Each class has its own bias: sum over the pictures, axis 0.",
    ),
    Wrong(
        "F9",
        _replaced(dweight=lambda dy, x, weight: dy.T @ _flat(x)),
        "Yours is (classes, inputs), the transpose. A gradient has the shape of its array: (inputs, classes).",
    ),
    Wrong(
        "F11",
        _replaced(dbias=lambda dy, x, weight: np.ones_like(dy[0])),
        "That is the derivative of y with respect to the bias, 1. By the chain rule, multiply it by dy and sum over "
        "the pictures.",
    ),
    Wrong(
        "F11",
        _replaced(dbias=lambda dy, x, weight: np.full_like(dy[0], len(dy))),
        "That is the derivative of y with respect to the bias, 1 for each picture. By the chain rule, multiply each 1 "
        "by its dy.",
    ),
    Wrong(
        "F11",
        _replaced(dx=lambda dy, x, weight: np.broadcast_to(weight.sum(axis=1).reshape(x.shape[1:]), x.shape)),
        "You treat every dy as 1. By the chain rule, multiply each weight by the dy of its score.",
    ),
)


# Building blocks of the mistakes below: exp without care, or with care in the wrong place


def _naive(logits, axis=1):
    exps = np.exp(logits)
    return exps / exps.sum(axis=axis, keepdims=True)


def _shifted(logits, by, axis=1):
    return _naive(logits - by, axis)


def _over_batch(logits):
    return _shifted(logits, logits.max(axis=0, keepdims=True), axis=0)


def _over_batch_shifted_by_row(logits):
    return _shifted(logits, logits.max(axis=1, keepdims=True), axis=0)


def _hard(logits):
    return (logits == logits.max(axis=1, keepdims=True)).astype(logits.dtype)


def _by_length(p):
    return p / np.sqrt((p**2).sum(axis=1, keepdims=True))


NOT_SHIFTED = (
    "exp of a large score overflows, and inf/inf is nan. Subtract each row's maximum first: it cancels in the quotient."
)
BATCH_MAXIMUM = (
    "You subtract the maximum of the whole batch. A row far below it underflows to 0/0: subtract each row's own "
    "maximum (axis=1, keepdims=True)."
)
COLUMNS = "You normalise over the pictures, so the columns sum to 1. Each picture's row must: sum along axis 1."
TWICE = "You apply softmax twice: probabilities go in again as if they were scores."

SOFTMAX_WRONG = (
    Wrong("S1", _naive, NOT_SHIFTED),
    Wrong(
        "S1",
        lambda logits: _shifted(logits, logits.min(axis=1, keepdims=True)),
        "Your largest score still overflows: what you subtract is not the row's maximum. Subtract that: then exp is at "
        "most 1.",
    ),
    Wrong(
        "S1",
        lambda logits: _shifted(logits, logits.mean(axis=1, keepdims=True)),
        "You subtract the mean, so the largest score can still overflow. Subtract each row's maximum: then exp is at "
        "most 1.",
    ),
    Wrong("S2", lambda logits: _shifted(logits, logits.max()), BATCH_MAXIMUM),
    Wrong(
        "S2",
        lambda logits: _shifted(logits, logits.max(axis=0)),
        "You subtract the maximum of each class over the pictures, which changes the quotients. Subtract each row's "
        "own maximum (axis=1).",
    ),
    Wrong("S3", _over_batch, COLUMNS),
    Wrong("S3", _over_batch_shifted_by_row, COLUMNS),
    Wrong("S3", lambda logits: np.exp(logits) / np.exp(logits).sum(axis=0), COLUMNS),
    Wrong(
        "S3",
        lambda logits: _shifted(logits, logits.max(), axis=None),
        "The probabilities of the whole batch sum to 1. Each picture's must: sum along axis 1, with keepdims=True.",
    ),
    Wrong(
        "S3",
        lambda logits: _shifted(logits, logits.max(axis=1, keepdims=True), axis=None),
        "You divide by the sum over the whole batch. Divide each row by its own sum: axis=1, with keepdims=True.",
    ),
    Wrong("S6", lambda logits: softmax(softmax(logits)), TWICE),
    Wrong(
        "S9",
        lambda logits: logits / logits.sum(axis=1, keepdims=True),
        "You divide the scores by their sum, without exp: negative scores give negative probabilities.",
    ),
    Wrong(
        "S10",
        lambda logits: np.exp(logits - logits.max(axis=1, keepdims=True)),
        "You do not divide the exponentials by their sum, so the rows do not sum to 1.",
    ),
    Wrong(
        "S11",
        lambda logits: 1 / (1 + np.exp(-logits)),
        "That is the sigmoid, which treats each class separately: the rows do not sum to 1.",
    ),
    Wrong(
        "S12",
        _hard,
        "You give 1 to the largest score and 0 to the others. Softmax is soft: a score that is nearly as large gets "
        "nearly as much.",
    ),
    Wrong(
        "S13",
        lambda logits: np.log(softmax(logits)),
        "You return the logarithms of the probabilities. Leave the log out.",
    ),
    Wrong(
        "S14",
        lambda logits: softmax(-logits),
        "The smallest score gets the largest probability: the sign in the exponent is wrong.",
    ),
    Wrong(
        "S10",
        lambda logits: _by_length(softmax(logits)),
        "You divide by the root of the sum of squares. Divide by the sum: then the rows sum to 1.",
    ),
    Wrong(
        "S31",
        lambda logits: softmax((logits - logits.mean(axis=1, keepdims=True)) / logits.std(axis=1, keepdims=True)),
        "You divide the scores by their standard deviation, which changes how sure the network is. Only subtract the "
        "maximum.",
    ),
    Wrong(
        "S32",
        lambda logits: softmax(np.abs(logits)),
        "You take absolute values: a score of −3 then counts like 3. Keep the sign.",
    ),
    Wrong("S9", lambda logits: softmax(logits * np.log(2)), "You raise 2 to the scores. Softmax raises e: np.exp."),
)


FAR_BELOW = (30.0, 80.0, 300.0)


def _small_ones_right(function):
    """Scores far below the largest have tiny probabilities, which an absolute tolerance does not see."""
    p = np.ravel(function(np.array([[0.0, *(-gap for gap in FAR_BELOW)]])))
    for gap, found in zip(FAR_BELOW, p[1:]):
        if not np.isclose(found, np.exp(-gap), rtol=1e-6, atol=0):
            return f"For a score {gap:g} below the largest it is {found:.3g}, expected {np.exp(-gap):.3g}."


def _sums_to_one(function):
    sums = np.asarray(function(_scores())).sum(axis=1)
    n = int(np.abs(sums - 1).argmax())
    return abs(sums[n] - 1) < 1e-11 or f"Row {n} sums to 1 {'+' if sums[n] > 1 else '−'} {abs(sums[n] - 1):.2g}."


def _of_right(p, labels):
    return p[np.arange(len(labels)), labels]


def _onehot(p, labels):
    return np.eye(p.shape[1], dtype=p.dtype)[labels]


def _loss_of(p, labels):
    return -np.log(_of_right(p, labels)).mean()


def _log_p(logits):
    return _centred(logits) - _log_sum(_centred(logits))[:, None]


def _centred(logits):
    return logits - logits.max(axis=1, keepdims=True)


def _log_sum(logits):
    return np.log(np.exp(logits).sum(axis=1))


ONE_SUM = "You add up the exponentials of the whole batch. Each row has a sum of its own: axis=1."


def _one_sum(logits, labels):
    return (np.log(np.exp(logits).sum()) - _of_right(logits, labels)).mean()


def _grows_with_the_distance(function):
    near, far = (float(np.ravel(function(np.array([[0.0, gap]]), np.array([0])))[0]) for gap in (1000.0, 2000.0))
    if np.isfinite(far) and far > 5 and abs(near - far) <= 1e-6 * far:
        return f"With scores 0 and 2,000 and label 0 it is {far:.4g}, as with 0 and 1,000; it should be 2,000."


def _both_ways(p, onehot):
    return -np.where(onehot == 1, np.log(p), np.log(1 - p))


def _hinge(logits, labels):
    above = np.maximum(0, logits - _of_right(logits, labels)[:, None] + 1)
    return (above * (1 - _onehot(logits, labels))).sum(axis=1).mean()


LOSS_WRONG = (
    Wrong("S1", lambda logits, labels: _loss_of(_naive(logits), labels), NOT_SHIFTED),
    Wrong(
        "S1",
        lambda logits, labels: (np.log(np.exp(logits).sum(axis=1)) - _of_right(logits, labels)).mean(),
        "exp of a large score overflows. log Σ exp(s) = max + log Σ exp(s − max): take each row's maximum out first.",
    ),
    *(
        Wrong(
            "S1",
            lambda logits, labels, by=by: (
                _log_sum(logits - by(logits)) - _of_right(logits - by(logits), labels)
            ).mean(),
            f"You subtract the {word}, so the largest score can still overflow. Subtract each row's maximum: then exp "
            "is at most 1.",
        )
        for word, by in (
            ("minimum", lambda logits: logits.min(axis=1, keepdims=True)),
            ("mean", lambda logits: logits.mean(axis=1, keepdims=True)),
        )
    ),
    Wrong("S2", lambda logits, labels: _loss_of(_shifted(logits, logits.max()), labels), BATCH_MAXIMUM),
    Wrong(
        "S15",
        lambda logits, labels: _loss_of(softmax(logits), labels),
        "Your loss is inf where the label's probability is too small for a float. Avoid p: the loss is "
        "log Σ exp(s − max) − (s_label − max).",
    ),
    Wrong(
        "S2",
        lambda logits, labels: (_log_sum(logits - logits.max()) - _of_right(logits - logits.max(), labels)).mean(),
        BATCH_MAXIMUM.replace("underflows to 0/0", "underflows, and log 0 is −inf"),
    ),
    Wrong("S3", lambda logits, labels: _one_sum(_centred(logits), labels), ONE_SUM),
    Wrong("S3", lambda logits, labels: _one_sum(logits - logits.max(), labels), ONE_SUM),
    Wrong(
        "S4",
        lambda logits, labels: cross_entropy(logits, labels) / len(labels),
        "You divide by the number of pictures twice: a mean has done it already.",
    ),
    Wrong(
        "S33",
        lambda logits, labels: (_log_sum(_centred(logits)) - _of_right(logits, labels)).mean(),
        "Your log Σ exp is of shifted scores, the label's score is not shifted: subtract the row's maximum from both.",
    ),
    Wrong(
        "S33",
        lambda logits, labels: (_log_sum(logits) - _of_right(_centred(logits), labels)).mean(),
        "You shift the label's score, but not those in log Σ exp: subtract the row's maximum from both.",
    ),
    Wrong(
        "S34",
        lambda logits, labels: (np.exp(_centred(logits)).sum(axis=1) - _of_right(_centred(logits), labels)).mean(),
        "The logarithm is missing: it is log Σ exp(t), not Σ exp(t).",
    ),
    Wrong(
        "S34",
        lambda logits, labels: (
            np.log1p(np.exp(_centred(logits)).sum(axis=1)) - _of_right(_centred(logits), labels)
        ).mean(),
        "You take log(1 + Σ exp(t)). The largest score's 1 is in the sum already: take log Σ exp(t).",
    ),
    Wrong(
        "S18",
        lambda logits, labels: np.median(-_of_right(_log_p(logits), labels)),
        "You take the median over the pictures. The batch's loss is the mean.",
    ),
    Wrong(
        "S18",
        lambda logits, labels: -_of_right(_log_p(logits), labels)[-1],
        "Only the last picture's loss is left. Add up all pictures' and divide by N.",
    ),
    Wrong(
        "S18",
        lambda logits, labels: -_of_right(_log_p(logits), labels)[0],
        "You return the first picture's loss. Take the mean over all pictures.",
    ),
    Wrong("S3", lambda logits, labels: _loss_of(_over_batch(logits), labels), COLUMNS),
    Wrong("S3", lambda logits, labels: _loss_of(_over_batch_shifted_by_row(logits), labels), COLUMNS),
    Wrong(
        "S4",
        lambda logits, labels: cross_entropy(logits, labels) * len(labels),
        "You return the sum over the pictures; the loss is their mean, so that it does not grow with the batch. "
        "Divide by N.",
    ),
    Wrong(
        "S18",
        lambda logits, labels: -_of_right(_log_p(logits), labels),
        "You return one loss per picture. The batch's loss is one number, their mean.",
    ),
    Wrong(
        "S5",
        lambda logits, labels: cross_entropy(logits, labels) / logits.shape[1],
        "You also divide by the number of classes: guessing among K classes should have loss ln K, and yours is ln K "
        "/ K.",
    ),
    Wrong(
        "S5",
        lambda logits, labels: cross_entropy(logits, labels) * len(labels) / logits.shape[1],
        "You divide by the number of classes instead of the number of pictures.",
    ),
    Wrong(
        "S6",
        lambda logits, labels: cross_entropy(softmax(logits), labels),
        TWICE + " So the loss cannot get near 0, however sure the network is.",
    ),
    Wrong(
        "S16",
        lambda logits, labels: -np.log(softmax(logits).max(axis=1)).mean(),
        "You take the probability of the network's favourite class. Take that of the right class, labels[n].",
    ),
    Wrong(
        "S17",
        lambda logits, labels: -_log_p(logits).mean(),
        "You average −log p over all classes. Only the right class counts: pick it with [np.arange(N), labels].",
    ),
    Wrong(
        "S17",
        lambda logits, labels: -_log_p(logits)[:, labels].mean(),
        "[:, labels] takes every label's column for every picture. Take one entry per row: [np.arange(N), labels].",
    ),
    Wrong(
        "S19",
        lambda logits, labels: (1 - _of_right(softmax(logits), labels)).mean(),
        "You return 1 − p. The loss is −log p, which has no upper bound: being sure and wrong costs dearly.",
    ),
    Wrong(
        "S19",
        lambda logits, labels: _of_right(softmax(logits), labels).mean(),
        "You return the mean probability of the right class. The logarithm and the minus sign are missing.",
    ),
    Wrong(
        "S20",
        lambda logits, labels: -_of_right(logits, labels).mean(),
        "You take the right class's score without comparing it with the others: the log Σ exp of the row is missing.",
    ),
    Wrong(
        "S20",
        lambda logits, labels: (logits.max(axis=1) - _of_right(logits, labels)).mean(),
        "You compare the right class's score only with the largest. The other classes count too: log Σ exp(s − max) "
        "is missing.",
    ),
    Wrong(
        "S21",
        lambda logits, labels: cross_entropy(logits, labels - 1 + logits.shape[1] * (labels == 0)),
        "You look one class too low: labels count from 0, so label 3 is column 3.",
    ),
    Wrong(
        "S21",
        lambda logits, labels: cross_entropy(logits, (labels + 1) % logits.shape[1]),
        "You look one class too high: labels count from 0, so label 3 is column 3.",
    ),
    Wrong(
        "S21",
        lambda logits, labels: cross_entropy(logits, np.sort(labels)),
        "The labels have changed places: picture n has labels[n].",
    ),
    Wrong(
        "S35",
        lambda logits, labels: _both_ways(softmax(logits), _onehot(logits, labels)).sum(axis=1).mean(),
        "You also count −log(1 − p) of the wrong classes, as if each class were a question of its own. Only the right "
        "class's −log p counts.",
    ),
    Wrong(
        "S35",
        lambda logits, labels: _both_ways(softmax(logits), _onehot(logits, labels)).mean(),
        "You average over the classes, with −log(1 − p) of the wrong ones. Only the right class's −log p counts.",
    ),
    Wrong(
        "S16",
        lambda logits, labels: -(softmax(logits) * _log_p(logits)).sum(axis=1).mean(),
        "You weight −log p by p itself, which is the entropy, without the labels. Take −log p of the right class.",
    ),
    Wrong(
        "S22",
        lambda logits, labels: _hinge(logits, labels),
        "That is a hinge loss, of the scores' margins. The loss here is −log of the right class's probability.",
    ),
    Wrong(
        "S22",
        lambda logits, labels: ((softmax(logits) - _onehot(logits, labels)) ** 2).sum(axis=1).mean(),
        "That is a squared error. The loss here is −log of the right class's probability.",
    ),
    Wrong(
        "S22",
        lambda logits, labels: ((softmax(logits) - _onehot(logits, labels)) ** 2).mean(),
        "That is a mean squared error. The loss here is −log of the right class's probability.",
    ),
)


def _gradient_of(p, labels):
    return (p - _onehot(p, labels)) / len(labels)


def _through_softmax(logits, labels):
    """The softmax's derivative, applied to a gradient that is already with respect to the scores."""
    p, g = softmax(logits), cross_entropy_gradient(logits, labels)
    return p * (g - (g * p).sum(axis=1, keepdims=True))


def _by_the_probabilities(logits, labels):
    return np.where(_onehot(logits, labels) == 1, -1 / softmax(logits), 0) / len(labels)


GRADIENT_WRONG = (
    Wrong("S1", lambda logits, labels: _gradient_of(_naive(logits), labels), NOT_SHIFTED),
    Wrong("S2", lambda logits, labels: _gradient_of(_shifted(logits, logits.max()), labels), BATCH_MAXIMUM),
    Wrong("S3", lambda logits, labels: _gradient_of(_over_batch(logits), labels), COLUMNS),
    Wrong("S3", lambda logits, labels: _gradient_of(_over_batch_shifted_by_row(logits), labels), COLUMNS),
    Wrong("S3", lambda logits, labels: _gradient_of(_shifted(logits, logits.max(), axis=None), labels), ONE_SUM),
    Wrong(
        "S3",
        lambda logits, labels: _gradient_of(_shifted(logits, logits.max(axis=1, keepdims=True), axis=None), labels),
        ONE_SUM,
    ),
    Wrong(
        "S4",
        lambda logits, labels: cross_entropy_gradient(logits, labels) / len(labels),
        "You divide by the number of pictures twice.",
    ),
    Wrong(
        "S17",
        lambda logits, labels: (softmax(logits) - np.isin(np.arange(len(logits)), labels)[:, None]) / len(labels),
        "p[labels] is whole rows. Subtract 1 from one entry per row: [np.arange(N), labels].",
    ),
    Wrong(
        "S4",
        lambda logits, labels: cross_entropy_gradient(logits, labels) * len(labels),
        "Too large by exactly N, the number of pictures: the loss is a mean, so divide each picture's part by N.",
    ),
    Wrong(
        "S5",
        lambda logits, labels: cross_entropy_gradient(logits, labels) / logits.shape[1],
        "You also divide by the number of classes. The loss is a mean over the pictures only.",
    ),
    Wrong(
        "S5",
        lambda logits, labels: cross_entropy_gradient(logits, labels) * len(labels) / logits.shape[1],
        "You divide by the number of classes instead of the number of pictures.",
    ),
    Wrong("S6", lambda logits, labels: _gradient_of(softmax(softmax(logits)), labels), TWICE),
    Wrong(
        "S8",
        lambda logits, labels: np.zeros_like(logits),
        "You return zeros. Probabilities always sum to 1, so a gradient of all ones vanishes on its way back through "
        "softmax: start from −log p of the label.",
    ),
    Wrong(
        "S23",
        lambda logits, labels: softmax(logits) / len(labels),
        "You return the probabilities. Subtract 1 at each picture's label, or the right class is pushed down too.",
    ),
    Wrong(
        "S23",
        lambda logits, labels: -_onehot(logits, labels) / len(labels),
        "You differentiate only the label's own score. log Σ exp depends on every score, and its derivative is p.",
    ),
    Wrong(
        "S24",
        lambda logits, labels: cross_entropy_gradient(logits, labels) * _onehot(logits, labels),
        "Only the right class gets a gradient. The others must go down: every score is part of the denominator.",
    ),
    Wrong(
        "S24",
        lambda logits, labels: cross_entropy_gradient(logits, labels) * (1 - _onehot(logits, labels)),
        "The right class gets no gradient. It should get p − 1, so that it goes up.",
    ),
    Wrong(
        "S25",
        _through_softmax,
        "You apply the softmax's derivative twice: p − onehot is already the gradient with respect to the scores.",
    ),
    Wrong(
        "S26",
        lambda logits, labels: _gradient_of(softmax(logits), logits.argmax(axis=1)),
        "You subtract 1 at the network's favourite class. Subtract it at the label.",
    ),
    Wrong(
        "S28",
        _by_the_probabilities,
        "That is the derivative with respect to the probabilities, −1/p. Continue through the softmax to the scores.",
    ),
    Wrong(
        "S21",
        lambda logits, labels: _gradient_of(softmax(logits), labels - 1),
        "You subtract 1 one class too low: labels count from 0, so label 3 is column 3.",
    ),
    Wrong(
        "S21",
        lambda logits, labels: _gradient_of(softmax(logits), (labels + 1) % logits.shape[1]),
        "You subtract 1 one class too high: labels count from 0, so label 3 is column 3.",
    ),
    Wrong(
        "S17",
        lambda logits, labels: (softmax(logits) - _onehot(logits, labels).max(axis=0)) / len(labels),
        "[:, labels] subtracts 1 in every label's column of every picture. One entry per row: [np.arange(N), labels].",
    ),
    Wrong(
        "S36",
        lambda logits, labels: np.where(_onehot(logits, labels) == 1, -1, softmax(logits)) / len(labels),
        "The label's entry is −1 itself, whatever p is there. Subtract 1 from p.",
    ),
    Wrong(
        "S29",
        lambda logits, labels: softmax(logits) - _onehot(logits, labels) / len(labels),
        "You divide only the 1 at the label by N, not p. Divide the difference.",
    ),
    Wrong(
        "S29",
        lambda logits, labels: softmax(logits) / len(labels) - _onehot(logits, labels),
        "You divide only p by N, not the 1 at the label. Divide the difference.",
    ),
)


# ---------------------------------------------------------------------------------------------- by hand


def _numbers(values, most=6):
    return ", ".join(f"{v:.4g}" for v in values[:most]) + (", …" if len(values) > most else "")


def _linear_by_hand(arguments, output, index):
    x, weight, bias = arguments
    n, k = index
    terms = x[n].ravel() * weight[:, k]
    return (
        f"By hand: picture {n} times column {k} of the weights is {' + '.join(f'({t:.4g})' for t in terms[:3])} + … = "
        f"{terms.sum():.6g} over {len(terms)} numbers; with the bias {bias[k]:.4g} it is {terms.sum() + bias[k]:.6g}."
    )


def _linear_backward_by_hand(arguments, output, index):
    dy, x, weight = arguments
    if output == "dbias":
        column = dy[:, index[0]]
        return (
            f"By hand: column {index[0]} of dy is {_numbers(column)}; its sum over the pictures is {column.sum():.6g}."
        )
    if output == "dweight":
        d, k = index
        column = _flat(x)[:, d]
        terms = " + ".join(f"({a:.4g}) · ({b:.4g})" for a, b in zip(column, dy[:, k]))
        sum_ = f"{column @ dy[:, k]:.6g}"
        return f"By hand: flat input {d} times dy of class {k}, summed over the pictures: {terms} = {sum_}."
    n = index[0]
    d = int(np.ravel_multi_index(index[1:], x.shape[1:]))
    return (
        f"By hand: this is flat input {d} of picture {n}; row {d} of the weights ({_numbers(weight[d])}) times dy of "
        f"that picture ({_numbers(dy[n])}) is {weight[d] @ dy[n]:.6g}."
    )


def _softmax_by_hand(arguments, output, index):
    (logits,) = arguments
    row = logits[index[0]] - logits[index[0]].max()
    exps = np.exp(row)
    return (
        f"By hand: row {index[0]} minus its maximum is {_numbers(row)}; exp gives {_numbers(exps)}, which sum to "
        f"{exps.sum():.6g}; entry {index[1]} is {exps[index[1]]:.6g} / {exps.sum():.6g} = "
        f"{exps[index[1]] / exps.sum():.6g}."
    )


def _loss_by_hand(arguments, output, index):
    logits, labels = arguments
    losses = [cross_entropy(row[None], label[None]) for row, label in zip(logits, labels)]
    return (
        f"By hand: −log p of the right class is {_numbers(losses)}, one per picture; the mean is {np.mean(losses):.6g}."
    )


def _gradient_by_hand(arguments, output, index):
    logits, labels = arguments
    n, k = index
    p = softmax(logits)[n, k]
    minus = " − 1" if labels[n] == k else ""
    return (
        f"By hand: p is {p:.6g} there, and the label of picture {n} is {labels[n]}, so ({p:.6g}{minus}) / "
        f"{len(labels)} = {(p - bool(minus)) / len(labels):.6g}."
    )


SCORES = ("picture", "class")

LESSON = Lesson(
    "02",
    "From numbers to a guess",
    45,
    10,
    (
        Exercise(
            "02-linear",
            "linear_forward",
            linear_forward,
            (_linear_probe, _other_linear_probe),
            ("y",),
            axes={"y": SCORES},
            wrong=LINEAR_WRONG,
            by_hand=_linear_by_hand,
            properties=(case("for one picture alone", linear_forward, _one_picture_probe),),
            hints=(
                "x has four axes, the weights expect two. Which axis must stay separate, and how many numbers does a "
                "row then hold?",
                "y[n, k] = Σ_d flat[n, d] · weight[d, k] + bias[k], with flat = x as (N, H·W·C)",
                "x.reshape(len(x), -1) @ weight gives (N, K); adding the bias (K,) adds it to each row",
            ),
        ),
        Exercise(
            "02-softmax",
            "softmax",
            softmax,
            (_softmax_probe, _large_probe),
            ("p",),
            axes={"p": SCORES},
            wrong=SOFTMAX_WRONG,
            by_hand=_softmax_by_hand,
            properties=(
                case("for one picture alone", softmax, _one_row_probe, ("p",)),
                case("for equal scores", softmax, _equal_probe, ("p",)),
                case("for scores in the millions", softmax, _millions_probe, ("p",)),
                case("where a score is NaN: it must show", softmax, _nan_probe, ("p",)),
                Property("S37", _small_ones_right, "Small probabilities are not right.", late=True),
                Property("S38", _sums_to_one, "The rows do not sum to 1 exactly.", late=True),
            ),
            hints=(
                "What is np.exp(1000.0)? What happens to the fractions if you subtract the same number from all "
                "scores of a row?",
                "p[n, k] = exp(s[n, k] − m[n]) / Σ_j exp(s[n, j] − m[n]), with m[n] the largest score of row n",
                "exps = np.exp(logits - logits.max(axis=1, keepdims=True)), then divide by exps.sum(axis=1, "
                "keepdims=True)",
            ),
        ),
        Exercise(
            "02-loss",
            "cross_entropy",
            cross_entropy,
            (
                _loss_probe,
                _high_probe,
                _high_and_low_probe,
                _sure_and_wrong_probe,
                _sure_and_right_probe,
                _repeated_probe,
            ),
            ("loss",),
            wrong=LOSS_WRONG,
            by_hand=_loss_by_hand,
            properties=(
                Property(
                    "S7",
                    _grows_with_the_distance,
                    "However far the label's score lies below another, your loss stays the same. Log-sum-exp, "
                    "log Σ exp(t) − t_label, has no such limit and needs no protection from log 0.",
                ),
                case("for one picture alone", cross_entropy, _one_loss_probe, ("loss",)),
                case("for scores in the millions", cross_entropy, _millions_loss_probe, ("loss",)),
            ),
            ratios=(
                (-1, "The minus sign is missing: log p is negative, and the loss is −log p."),
                (1 / np.log(2), "You take the logarithm to base 2. Take the natural one, np.log."),
                (1 / np.log(10), "You take the logarithm to base 10. Take the natural one, np.log."),
            ),
            hints=(
                "What is the logarithm of a quotient, and of exp? Which of the two is left in −log p?",
                "loss = mean over n of log Σ_k exp(t[n, k]) − t[n, labels[n]], with t = logits minus each row's "
                "maximum",
                "picked = t[np.arange(N), labels]; losses = np.log(np.exp(t).sum(axis=1)) - picked",
            ),
        ),
        Exercise(
            "02-loss-backward",
            "cross_entropy_gradient",
            cross_entropy_gradient,
            (_loss_probe, _large_gradient_probe, _repeated_probe),
            ("dlogits",),
            axes={"dlogits": SCORES},
            wrong=GRADIENT_WRONG,
            by_hand=_gradient_by_hand,
            properties=(
                case("for one picture alone", cross_entropy_gradient, _one_loss_probe, ("dlogits",)),
                case("for scores in the millions", cross_entropy_gradient, _millions_loss_probe, ("dlogits",)),
                Property(
                    "S37",
                    lambda function: _small_ones_right(lambda logits: function(logits, np.array([0]))),
                    "Small entries, the probabilities of wrong classes, are not right.",
                    late=True,
                ),
            ),
            ratios=((-1, "The sign is wrong: it is p minus the one-hot labels."),),
            hints=(
                "loss = log Σ_j exp(s_j) − s_label. What is the derivative of its first term with respect to s_k? You "
                "have met it already.",
                "dlogits[n, k] = (p[n, k] − 1 if k is labels[n] else p[n, k]) / N",
                "p[np.arange(N), labels] -= 1, on a fresh p; then return p / N",
            ),
        ),
        Exercise(
            "02-linear-backward",
            "linear_backward",
            linear_backward,
            (_backward_probe, _other_backward_probe),
            ("dx", "dweight", "dbias"),
            axes={"dweight": ("input", "class"), "dbias": ("class",)},
            wrong=LINEAR_BACKWARD_WRONG,
            by_hand=_linear_backward_by_hand,
            properties=(
                case("for one picture alone", linear_backward, _one_picture_backward_probe, ("dx", "dweight", "dbias")),
            ),
            hints=(
                "A gradient has the shape of its array. Which products of dy (N, K), flat (N, D) and weight (D, K) "
                "have the right shapes?",
                "dweight[d, k] = Σ_n flat[n, d] · dy[n, k];  dbias[k] = Σ_n dy[n, k];  dflat[n, d] = Σ_k dy[n, k] · "
                "weight[d, k]",
                "flat.T @ dy, dy.sum(axis=0), and (dy @ weight.T).reshape(x.shape)",
            ),
        ),
    ),
)

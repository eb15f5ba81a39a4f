"""Lesson 19, deeper still: its exercises and the known mistakes.

N pictures, H×W pixels, C channels; m = N·H·W entries of each channel in the batch.
"""

import numpy as np

from tinyalex.layers import BatchNorm2d, Conv2d, PaddedShortcut
from tinyalex.models.resnet import cifar
from tinyalex.residual import Residual
from tinyalex.teaching.exercise import Exercise, Lesson, NotDoneYet, Property, Wrong

ENTRIES = (0, 1, 2)  # the axes that a channel's entries are spread over


# ---------------------------------------------------------------------------------------------- right answers


def _layer(weight, bias, eps, running=None, momentum=0.1):
    """The package's layer. running: (mean, variance), copied"""
    layer = BatchNorm2d(len(weight), eps, momentum)
    layer.params = {"weight": weight, "bias": bias}
    if running:
        layer.state = {"running_mean": running[0].copy(), "running_var": running[1].copy()}
    return layer


def bn_forward(x, weight, bias, eps):
    return _layer(weight, bias, eps).forward(x, train=True)[0]


def bn_running(x, running_mean, running_var, momentum):
    layer = _layer(np.ones_like(running_mean), np.zeros_like(running_mean), 1.0, (running_mean, running_var), momentum)
    layer.absorb(layer.observe(layer.forward(x, train=True)[1]))
    return layer.state["running_mean"], layer.state["running_var"]


def batch_norm(x, weight, bias, running_mean, running_var, momentum, eps, train):
    layer = _layer(weight, bias, eps, (running_mean, running_var), momentum)
    y, cache = layer.forward(x, train)
    layer.absorb(layer.observe(cache))
    return y, layer.state["running_mean"], layer.state["running_var"]


def bn_backward(dy, x, weight, eps):
    layer = _layer(weight, np.zeros_like(weight), eps)
    dx, grads = layer.backward(dy, layer.forward(x, train=True)[1])
    return dx, grads["weight"], grads["bias"]


def frozen_backward(dy, x, weight, running_mean, running_var, eps):
    layer = _layer(weight, np.zeros_like(weight), eps, (running_mean, running_var))
    dx, grads = layer.backward(dy, layer.forward(x)[1])
    return dx, grads["weight"], grads["bias"]


def padded_shortcut(x, channels):
    return PaddedShortcut(x.shape[-1], channels, 2).forward(x)[0]


def block_forward(x, body, shortcut):
    return np.maximum(body(x) + (x if shortcut is None else shortcut(x)), 0)


def block_backward(dy, y, body_backward, shortcut_backward):
    dsum = dy * (y > 0)
    return body_backward(dsum) + (dsum if shortcut_backward is None else shortcut_backward(dsum))


def count_resnet(n, width, classes):
    features, classifier = cifar(6 * n + 2, width)(classes)
    leaves = [leaf for layer in (*features.values(), *classifier.values()) for leaf in _leaves(layer)]
    counts = {kind: sum(p.size for x in leaves if isinstance(x, kind) for p in x.params.values()) for kind in KINDS}
    return counts[Conv2d], counts[BatchNorm2d], sum(p.size for p in classifier["fc"].params.values())


KINDS = Conv2d, BatchNorm2d


def _leaves(layer):
    return layer.body.values() if isinstance(layer, Residual) else (layer,)


# ---------------------------------------------------------------------------------------------- probes


def _batch(seed, shape, spread=1.0):
    """Channels with means and spreads of their own; the second has one value only."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 3, shape[-1]) + spread * rng.uniform(0.5, 2, shape[-1]) * rng.standard_normal(shape)
    x[..., 1] = 2.5
    return x


def _scales(seed, C):
    """(weight, bias), neither near 0 nor 1."""
    rng = np.random.default_rng(seed)
    return rng.uniform(1.3, 2.2, C) * np.where(np.arange(C) % 3 == 2, -1, 1), rng.uniform(0.3, 0.9, C)


def _running(seed, C):
    rng = np.random.default_rng(seed)
    return rng.uniform(-2, 2, C), rng.uniform(2, 4, C)


def _forward_probe():
    return _batch(1, (2, 3, 5, 4)), *_scales(2, 4), 0.3


def _small_forward_probe():
    return _batch(3, (3, 2, 1, 5), 0.1), *_scales(4, 5), 0.002


def _running_probe():
    return _batch(5, (2, 3, 2, 4)), *_running(6, 4), 0.3


def _two_entries_probe():
    return _batch(7, (2, 1, 1, 3)), *_running(8, 3), 0.15


def _mode_probe(train, seed, shape):
    def make():
        C = shape[-1]
        scales, running = _scales(seed + 1, C), _running(seed + 2, C)
        return _batch(seed, shape), *scales, *running, 0.3, 0.2, train

    return make


def _backward_probe():
    x, weight, _, eps = _forward_probe()
    return np.random.default_rng(9).standard_normal(x.shape) + 0.4, x, weight, eps


def _small_backward_probe():
    x, weight, _, eps = _small_forward_probe()
    return np.random.default_rng(10).standard_normal(x.shape) - 0.3, x, weight, eps


def _frozen(probe, seed):
    def make():
        dy, x, weight, eps = probe()
        return dy, x, weight, *_running(seed, len(weight)), eps

    return make


def _shortcut_probe(seed, shape, channels):
    return lambda: (np.random.default_rng(seed).standard_normal(shape), channels)


def _product(seed, C):
    """A function of a batch: each pixel's channels times a matrix."""
    matrix = np.random.default_rng(seed).standard_normal((C, C)) / np.sqrt(C)
    return lambda a: a @ matrix.astype(a.dtype)


def _block_probe(seed, shape, shortcut=True):
    def make():
        x = np.random.default_rng(seed).standard_normal(shape)
        return x, _product(seed + 1, shape[-1]), _product(seed + 2, shape[-1]) if shortcut else None

    return make


def _block_backward_probe(seed, shape, shortcut=True):
    def make():
        x, body, way = _block_probe(seed, shape, shortcut)()
        rng = np.random.default_rng(seed + 3)
        return rng.standard_normal(shape), np.maximum(rng.standard_normal(shape), 0), body, way

    return make


# ---------------------------------------------------------------------------------------------- wrong: forward


def _normalised(x, eps, axes=ENTRIES, mean=None, variance=None, root=np.sqrt):
    """x̂ with some of its parts replaced."""
    mean = x.mean(axis=axes, keepdims=True) if mean is None else mean
    variance = x.var(axis=axes, keepdims=True) if variance is None else variance
    return (x - mean) / root(variance + eps)


def _forward(hat):
    """A forward with another x̂. hat: function of (x, eps)"""
    return lambda x, weight, bias, eps: weight * hat(x, eps) + bias


def _over(*axes):
    return _forward(lambda x, eps: _normalised(x, eps, axes))


FORWARD_WRONG = (
    Wrong(
        "B1",
        _forward(lambda x, eps: _normalised(x, eps, variance=x.var(axis=ENTRIES, ddof=1))),
        "You divide the variance by m − 1. To normalise, divide by m; the running variance alone gets m − 1.",
    ),
    Wrong(
        "B3",
        _forward(lambda x, eps: (x - x.mean(ENTRIES)) / (x.std(ENTRIES) + eps)),
        "Your eps is outside the root: √variance + eps. It belongs inside: √(variance + eps).",
    ),
    Wrong(
        "B3",
        _forward(lambda x, eps: _normalised(x, 0.0)),
        "You leave eps out. A channel with one value everywhere has variance 0, and 0 / 0 is no number.",
    ),
    Wrong(
        "B3", _forward(lambda x, eps: _normalised(x, eps**2)), "You square eps. It is added to the variance as it is."
    ),
    Wrong(
        "B4",
        _over(0),
        "You take statistics over the pictures alone, so each pixel has its own. A channel has *one* mean and one "
        "variance, over pictures, rows and columns.",
    ),
    Wrong(
        "B5",
        _over(1, 2),
        "You normalise each picture by itself, whatever else is in the batch. Take the mean over pictures too.",
    ),
    Wrong("B23", _over(0, 1, 2, 3), "You use one mean and one variance for all channels; each channel has its own."),
    Wrong(
        "B23",
        _over(3),
        "You normalise over the channels of each pixel. Take mean and variance of a channel over all its pixels.",
    ),
    Wrong(
        "B23",
        _over(1, 2, 3),
        "You normalise each picture by itself, over all its channels. Take mean and variance of a channel over all "
        "pictures.",
    ),
    Wrong("B23", _over(0, 1), "You leave the columns out: m = N·H·W, so average over the axes 0, 1 and 2."),
    Wrong("B24", _forward(lambda x, eps: _normalised(x, eps, mean=0.0)), "You divide, but do not subtract the mean."),
    Wrong(
        "B24",
        _forward(lambda x, eps: _normalised(x, eps, variance=(x * x).mean(ENTRIES))),
        "You divide by the root of the mean of x². The variance is the mean of (x − mean)².",
    ),
    Wrong(
        "B25",
        _forward(lambda x, eps: _normalised(x, eps, root=lambda v: v)),
        "You divide by the variance; divide by its root.",
    ),
    Wrong(
        "B12",
        _forward(lambda x, eps: _normalised(x, eps, variance=((x - x.mean(ENTRIES)) ** 2).sum(ENTRIES) / len(x))),
        "You divide the sum of squares by N. A channel has m = N·H·W entries.",
    ),
    Wrong(
        "B26",
        lambda x, weight, bias, eps: bias * _normalised(x, eps) + weight,
        "You exchange weight and bias: y = weight · x̂ + bias.",
    ),
    Wrong(
        "B26",
        lambda x, weight, bias, eps: weight * (_normalised(x, eps) + bias),
        "Your weight multiplies the bias too: y = weight · x̂ + bias.",
    ),
    Wrong(
        "B26", lambda x, weight, bias, eps: _normalised(x, eps), "You return x̂; scale and shift it by weight and bias."
    ),
)


def _large_mean():
    """float32: spread 1 around 10,000."""
    x = 1e4 + np.random.default_rng(11).standard_normal((4, 6, 5, 3))
    weight, bias = _scales(12, 3)
    return x.astype(np.float32), weight.astype(np.float32), bias.astype(np.float32), 1e-5


def _survives_a_large_mean(function):
    x, weight, bias, eps = _large_mean()
    y = np.asarray(function(x, weight, bias, eps))
    expected = weight * _normalised(x.astype(np.float64), eps) + bias
    worst = float(np.abs(y - expected).max())
    return True if worst < 0.1 else f"The largest error is {worst:.3g}."


LARGE_MEAN = Property(
    "B19",
    _survives_a_large_mean,
    "Right in float64, but not in float32 for x with spread 1 around 10,000. E[x²] − E[x]² is a small difference of "
    "two large numbers, and its digits are lost. Subtract the mean first, then square.",
    late=True,
)


# ---------------------------------------------------------------------------------------------- wrong: running values


def _batch_statistics(x, ddof=1):
    return x.mean(axis=ENTRIES), x.var(axis=ENTRIES, ddof=ddof)


def _mixed(change):
    """A running update. change: function of (running, batch's, momentum) for the mean and for the variance alike"""

    def wrong(x, running_mean, running_var, momentum):
        return tuple(change(old, new, momentum) for old, new in zip((running_mean, running_var), _batch_statistics(x)))

    return wrong


def _kept(variance):
    """A running update with another variance of the batch. variance: function of x"""

    def wrong(x, running_mean, running_var, momentum):
        mean, _ = bn_running(x, running_mean, running_var, momentum)
        return mean, (1 - momentum) * running_var + momentum * variance(x)

    return wrong


def _running_mean_of_each_picture(x, running_mean, running_var, momentum):
    for picture in x:
        running_mean, running_var = (
            (1 - momentum) * old + momentum * new
            for old, new in ((running_mean, picture.mean((0, 1))), (running_var, picture.var((0, 1), ddof=1)))
        )
    return running_mean, running_var


RUNNING_WRONG = (
    Wrong(
        "B2",
        _mixed(lambda old, new, momentum: momentum * old + (1 - momentum) * new),
        "Your momentum weighs the old value. Here it is the weight of the *newest* batch, as in PyTorch (in ONNX and "
        "Caffe it is the old value's).",
    ),
    Wrong(
        "B1",
        _kept(lambda x: x.var(axis=ENTRIES)),
        "You keep the variance divided by m. The running one gets the estimate divided by m − 1, which is not too "
        "small on average.",
    ),
    Wrong(
        "B8",
        _mixed(lambda old, new, momentum: old + 0 * new),
        "The running values never change: each training step moves them towards the batch's.",
    ),
    Wrong(
        "B8",
        lambda x, running_mean, running_var, momentum: bn_running(
            x, *bn_running(x, running_mean, running_var, momentum), momentum
        ),
        "You update twice in one call.",
    ),
    Wrong(
        "B20",
        _mixed(lambda old, new, momentum: momentum * new + 0 * old),
        "Your running values begin at 0 each time: keep (1 − momentum) of the old ones.",
    ),
    Wrong(
        "B20",
        _mixed(lambda old, new, momentum: old + momentum * new),
        "The old values never fade: keep (1 − momentum) of them.",
    ),
    Wrong(
        "B20",
        _mixed(lambda old, new, momentum: new + 0 * old),
        "You return the batch's own statistics; move the running ones a part of the way towards them.",
    ),
    Wrong(
        "B27",
        _kept(lambda x: x.std(axis=ENTRIES, ddof=1)),
        "You mix in the batch's standard deviation; mix in its variance.",
    ),
    Wrong(
        "B12",
        _kept(lambda x: ((x - x.mean(ENTRIES)) ** 2).sum(ENTRIES) / (len(x) - 1)),
        "You divide the sum of squares by N − 1. A channel has m = N·H·W entries.",
    ),
    Wrong(
        "B5",
        _kept(lambda x: x.var(axis=(1, 2)).mean(axis=0)),
        "You average the variances within the pictures. That misses how the pictures differ from each other: take "
        "one variance over all m entries.",
    ),
    Wrong("B5", _running_mean_of_each_picture, "You update once for each picture; update once for the whole batch."),
)


def _refuses_one_entry(function):
    x, running = _batch(13, (1, 1, 1, 3)), _running(14, 3)
    try:
        _, variance = function(x, *running, 0.3)
    except NotDoneYet:
        raise
    except ValueError:
        return True
    except Exception as error:
        return f"Yours fails with {type(error).__name__}, expected ValueError."
    return f"Yours returns a running variance of {np.ravel(variance)[0]:g}."


ONE_ENTRY = Property(
    "B18",
    _refuses_one_entry,
    "A batch with one entry in each channel, m = 1, has no variance: m − 1 is 0. Raise a ValueError then.",
    late=True,
)


# ---------------------------------------------------------------------------------------------- wrong: two modes


def _mode(in_training, in_evaluation=None):
    """The layer with other statistics. Each: function of (batch's, running, updated) → the (mean, variance) to use"""

    def wrong(x, weight, bias, running_mean, running_var, momentum, eps, train):
        running = running_mean, running_var
        batch, updated = _batch_statistics(x, ddof=0), bn_running(x, *running, momentum)
        chosen = in_training if train else in_evaluation or (lambda batch, running, updated: running)
        mean, variance = chosen(batch, running, updated)
        y = weight * _normalised(x, eps, mean=mean, variance=variance) + bias
        return y, *(updated if train else running)

    return wrong


def _state(new):
    """The layer with other running values returned. new: function of (x, running, momentum, train)"""

    def wrong(x, weight, bias, running_mean, running_var, momentum, eps, train):
        y, *_ = batch_norm(x, weight, bias, running_mean, running_var, momentum, eps, train)
        return y, *new(x, (running_mean, running_var), momentum, train)

    return wrong


def _of_the_batch(batch, running, updated):
    return batch


def _of_the_past(batch, running, updated):
    return running


def _evaluation(hat):
    """The layer with another x̂ at test. hat: function of (x, eps, mean, variance)"""

    def wrong(x, weight, bias, running_mean, running_var, momentum, eps, train):
        y, *running = batch_norm(x, weight, bias, running_mean, running_var, momentum, eps, train)
        return y if train else weight * hat(x, eps, running_mean, running_var) + bias, *running

    return wrong


MODES_WRONG = (
    Wrong(
        "B6",
        _mode(_of_the_batch, _of_the_batch),
        "At test yours uses the batch's statistics, so a picture's answer depends on its neighbours in the batch. Use "
        "the running ones.",
    ),
    Wrong(
        "B7",
        _mode(_of_the_past),
        "In training yours uses the running statistics, so the mean of y is not the bias. Use the batch's own.",
    ),
    Wrong(
        "B7",
        _mode(lambda batch, running, updated: updated),
        "In training yours normalises with the running statistics just updated. Use the batch's own.",
    ),
    Wrong(
        "B28",
        lambda *arguments: batch_norm(*arguments[:-1], not arguments[-1]),
        "You have training and test the wrong way round.",
    ),
    Wrong(
        "B8",
        _state(lambda x, running, momentum, train: running),
        "The running values never change: return the updated ones in training.",
    ),
    Wrong(
        "B8",
        _state(lambda x, running, momentum, train: bn_running(x, *running, momentum)),
        "At test yours updates the running values too, so the net changes while it is measured. Only training does.",
    ),
    Wrong(
        "B8",
        _state(lambda x, r, momentum, train: bn_running(x, *bn_running(x, *r, momentum), momentum) if train else r),
        "In training yours updates the running values twice.",
    ),
    Wrong(
        "B29",
        _state(lambda x, running, momentum, train: _batch_statistics(x, 0) if train else running),
        "You return the batch's statistics; return the running ones, moved towards them.",
    ),
    Wrong(
        "B1",
        _state(
            lambda x, r, momentum, train: (
                tuple((1 - momentum) * old + momentum * new for old, new in zip(r, _batch_statistics(x, 0)))
                if train
                else r
            )
        ),
        "You keep the variance divided by m. The running one gets the estimate divided by m − 1.",
    ),
    Wrong(
        "B2",
        _state(
            lambda x, r, momentum, train: (
                tuple(momentum * old + (1 - momentum) * new for old, new in zip(r, _batch_statistics(x)))
                if train
                else r
            )
        ),
        "Your momentum weighs the old value; here it is the weight of the newest batch.",
    ),
    Wrong(
        "B3",
        _evaluation(lambda x, eps, mean, variance: (x - mean) / np.sqrt(variance)),
        "You leave eps out at test. It is part of the formula in both modes, or the two do not agree.",
    ),
    Wrong(
        "B3",
        _evaluation(lambda x, eps, mean, variance: (x - mean) / (np.sqrt(variance) + eps)),
        "At test your eps is outside the root: √(variance + eps).",
    ),
    Wrong(
        "B25",
        _evaluation(lambda x, eps, mean, variance: (x - mean) / (variance + eps)),
        "At test you divide by the running variance; divide by its root.",
    ),
)


# ---------------------------------------------------------------------------------------------- wrong: backward


def _back(through_mean=1.0, through_variance=1.0, direct=1.0, m=None, power=1, ddof=0):
    """A wrong dx, with the right dweight and dbias.

    through_mean, through_variance, direct: factors of the three parts;  m: function of x for the number of entries
    power: of the standard deviation
    """

    def wrong(dy, x, weight, eps):
        count = x[..., 0].size if m is None else m(x)
        deviation = np.sqrt(x.var(axis=ENTRIES, ddof=ddof) + eps)
        hat = (x - x.mean(axis=ENTRIES)) / deviation
        inside = direct * dy - through_mean * dy.sum(ENTRIES) / count
        inside = inside - through_variance * hat * (dy * hat).sum(ENTRIES) / count
        return weight * inside / deviation**power, *_parameter_gradients(dy, x, eps)

    return wrong


def _parameter_gradients(dy, x, eps):
    return (dy * _normalised(x, eps)).sum(ENTRIES), dy.sum(ENTRIES)


def _gradients(change):
    """The right dx with others' gradients. change: function of (dy, x, weight, eps) → (dweight, dbias)"""
    return lambda dy, x, weight, eps: (bn_backward(dy, x, weight, eps)[0], *change(dy, x, weight, eps))


def _without_weight(dy, x, weight, eps):
    return bn_backward(dy, x, np.ones_like(weight), eps)[0], *_parameter_gradients(dy, x, eps)


def _weight_on_the_direct_part_only(dy, x, weight, eps):
    rest = bn_backward(dy, x, np.ones_like(weight), eps)[0]
    direct = dy / np.sqrt(x.var(ENTRIES) + eps)
    return weight * direct + rest - direct, *_parameter_gradients(dy, x, eps)


def _off_centre_for_hat(dy, x, weight, eps):
    """Σ dy · (x − mean), not divided by the deviation, in the third part."""
    deviation, off = np.sqrt(x.var(ENTRIES) + eps), x - x.mean(ENTRIES)
    inside = dy - dy.mean(ENTRIES) - off * (dy * off).mean(ENTRIES)
    return weight * inside / deviation, *_parameter_gradients(dy, x, eps)


def _hat_inside(dy, x, weight, eps):
    deviation, hat = np.sqrt(x.var(ENTRIES) + eps), _normalised(x, eps)
    inside = dy - dy.mean(ENTRIES) - (hat * dy * hat).mean(ENTRIES)
    return weight * inside / deviation, *_parameter_gradients(dy, x, eps)


def _one_sum_for_all_channels(dy, x, weight, eps):
    deviation, hat = np.sqrt(x.var(ENTRIES) + eps), _normalised(x, eps)
    inside = dy - dy.mean() - hat * (dy * hat).mean()
    return weight * inside / deviation, *_parameter_gradients(dy, x, eps)


def _x_for_hat(dy, x, weight, eps):
    deviation = np.sqrt(x.var(ENTRIES) + eps)
    inside = dy - dy.mean(ENTRIES) - x * (dy * x).mean(ENTRIES)
    return weight * inside / deviation, *_parameter_gradients(dy, x, eps)


BACKWARD_WRONG = (
    Wrong(
        "B11",
        _back(0, 0),
        "You have the direct road only, weight · dy / √(variance + eps). In training each x also moves the mean and "
        "the variance of its channel.",
    ),
    Wrong(
        "B9",
        _back(through_mean=0),
        "The road through the mean is missing: Σ dx of a channel is not 0, though adding a constant to x changes "
        "nothing in y.",
    ),
    Wrong(
        "B10",
        _back(through_variance=0),
        "The road through the variance is missing: Σ dx · x̂ of a channel is far from 0, though stretching x hardly "
        "changes y.",
    ),
    Wrong("B30", _back(through_mean=-1), "The part through the mean has the wrong sign: x̂ falls as the mean rises."),
    Wrong(
        "B30",
        _back(through_variance=-1),
        "The part through the variance has the wrong sign: x̂ shrinks as the variance grows.",
    ),
    Wrong("B30", _back(-1, -1), "Both sums have the wrong sign: subtract them."),
    Wrong(
        "B30",
        _back(through_variance=2),
        "The part through the variance is twice too large: the 2 of the square meets the ½ of the root.",
    ),
    Wrong(
        "B30",
        _back(through_variance=0.5),
        "The part through the variance is half as large as it should be: the ½ of the root meets the 2 of the square.",
    ),
    Wrong("B31", _back(direct=0), "The direct road is missing: x̂ contains x itself too."),
    Wrong(
        "B12",
        _back(m=len),
        "You divide the sums by N. Each is over the m = N·H·W entries of a channel, so divide by m. (With 1×1 maps "
        "the two are equal.)",
    ),
    Wrong("B12", _back(m=lambda x: 1), "You do not divide the sums by m."),
    Wrong("B12", _back(m=lambda x: x[..., 0].size - 1), "You divide the sums by m − 1; divide by m."),
    Wrong("B1", _back(ddof=1), "You divide the variance by m − 1; forward divided by m."),
    Wrong("B25", _back(power=0), "You do not divide dx by √(variance + eps)."),
    Wrong("B25", _back(power=2), "You divide dx by variance + eps; divide by its root."),
    Wrong(
        "B3",
        lambda dy, x, weight, eps: bn_backward(dy, x, weight, 0.0),
        "You leave eps out of the root. Forward had it.",
    ),
    Wrong("B32", _without_weight, "Your dx lacks the weight: y = weight · x̂ + bias, so dx̂ = weight · dy."),
    Wrong("B32", _weight_on_the_direct_part_only, "Your weight multiplies the direct part only; all three need it."),
    Wrong(
        "B33",
        _off_centre_for_hat,
        "The part through the variance has x − mean for x̂, twice: divide each by √(variance + eps).",
    ),
    Wrong("B33", _x_for_hat, "The part through the variance has x for x̂."),
    Wrong(
        "B33",
        _hat_inside,
        "In the part through the variance, one x̂ stands outside the sum: x̂ of this entry, times Σ dy · x̂ over all.",
    ),
    Wrong("B23", _one_sum_for_all_channels, "Your sums run over all channels; each channel has its own two."),
    Wrong(
        "B13",
        _gradients(lambda dy, x, weight, eps: ((dy * x).sum(ENTRIES), dy.sum(ENTRIES))),
        "You multiply dy by x for dweight. It changes if all of x is shifted; y does not. Multiply by x̂.",
    ),
    Wrong(
        "B13",
        _gradients(lambda dy, x, weight, eps: ((dy * (x - x.mean(ENTRIES))).sum(ENTRIES), dy.sum(ENTRIES))),
        "You multiply dy by x − mean for dweight; multiply by x̂, which is divided by the deviation.",
    ),
    Wrong(
        "B14",
        _gradients(lambda dy, x, weight, eps: ((dy * _normalised(x, eps)).sum(0), dy.sum(0))),
        "You sum over the pictures only. A channel has one weight for all its pixels: sum over rows and columns too.",
    ),
    Wrong(
        "B14",
        _gradients(lambda dy, x, weight, eps: ((dy * _normalised(x, eps)).mean(ENTRIES), dy.mean(ENTRIES))),
        "You average over the entries. The gradient of a parameter is the *sum* over all m places that use it.",
    ),
    Wrong(
        "B15",
        _gradients(lambda dy, x, weight, eps: (_parameter_gradients(dy, x, eps)[0], weight * dy.sum(ENTRIES))),
        "You multiply dbias by the weight. The bias is added last, so dbias is Σ dy.",
    ),
    Wrong(
        "B15",
        _gradients(lambda dy, x, weight, eps: tuple(weight * g for g in _parameter_gradients(dy, x, eps))),
        "You multiply dweight and dbias by the weight: sum over dy, not over weight · dy.",
    ),
)


def _frozen_dx(dx):
    """The frozen backward with another dx. dx: function of (dy, x, weight, mean, variance, eps)"""

    def wrong(dy, x, weight, running_mean, running_var, eps):
        _, *grads = frozen_backward(dy, x, weight, running_mean, running_var, eps)
        return dx(dy, x, weight, running_mean, running_var, eps), *grads

    return wrong


def _frozen_hat(hat):
    """The frozen backward with dweight from another x̂. hat: function of (x, mean, variance, eps)"""

    def wrong(dy, x, weight, running_mean, running_var, eps):
        dx, _, dbias = frozen_backward(dy, x, weight, running_mean, running_var, eps)
        return dx, (dy * hat(x, running_mean, running_var, eps)).sum(ENTRIES), dbias

    return wrong


def _training_with_running(dy, x, weight, mean, variance, eps):
    """Training's three parts, with the running statistics for the batch's."""
    hat = (x - mean) / np.sqrt(variance + eps)
    inside = dy - dy.mean(ENTRIES) - hat * (dy * hat).mean(ENTRIES)
    return weight * inside / np.sqrt(variance + eps)


FROZEN_WRONG = (
    Wrong(
        "B17",
        lambda dy, x, weight, running_mean, running_var, eps: bn_backward(dy, x, weight, eps),
        "This is training's gradient. Frozen statistics are constants: no x moves them, so the two sums are absent.",
    ),
    Wrong(
        "B17",
        _frozen_dx(_training_with_running),
        "The two sums of training are still there. Frozen statistics are constants: no x moves them.",
    ),
    Wrong(
        "B17",
        _frozen_dx(lambda dy, x, weight, mean, variance, eps: bn_backward(dy, x, weight, eps)[0]),
        "This is training's dx. Frozen statistics are constants: no x moves them, so the two sums are absent.",
    ),
    Wrong(
        "B7",
        _frozen_dx(lambda dy, x, weight, mean, variance, eps: weight * dy / np.sqrt(x.var(ENTRIES) + eps)),
        "You divide dx by the batch's deviation. Forward used the running variance.",
    ),
    Wrong(
        "B7",
        _frozen_hat(lambda x, mean, variance, eps: _normalised(x, eps)),
        "Your dweight uses the batch's x̂. Forward used the running mean and variance.",
    ),
    Wrong(
        "B13",
        _frozen_hat(lambda x, mean, variance, eps: x),
        "You multiply dy by x for dweight; multiply by x̂, as forward made it.",
    ),
    Wrong(
        "B13",
        _frozen_hat(lambda x, mean, variance, eps: x - mean),
        "You multiply dy by x − mean for dweight; multiply by x̂, which is divided by the deviation.",
    ),
    Wrong("B32", _frozen_dx(lambda dy, x, weight, m, v, eps: dy / np.sqrt(v + eps)), "Your dx lacks the weight."),
    Wrong(
        "B25",
        _frozen_dx(lambda dy, x, weight, mean, variance, eps: weight * dy / (variance + eps)),
        "You divide dx by variance + eps; divide by its root.",
    ),
    Wrong(
        "B25", _frozen_dx(lambda dy, x, weight, m, v, eps: weight * dy), "You do not divide dx by √(variance + eps)."
    ),
    Wrong(
        "B3",
        _frozen_dx(lambda dy, x, weight, mean, variance, eps: weight * dy / np.sqrt(variance)),
        "You leave eps out of dx's root. Forward had it.",
    ),
)


# ---------------------------------------------------------------------------------------------- wrong: the shortcut


def _around(x, before, after):
    return np.pad(x, [(0, 0), (0, 0), (0, 0), (before, after)])


def _sides(x, channels):
    """Channels of zeros before and after."""
    more = channels - x.shape[-1]
    return more // 2, more - more // 2


def _interleaved(x, channels):
    y = _around(x[:, ::2, ::2], 0, channels - x.shape[-1])
    order = np.argsort(np.r_[np.arange(x.shape[-1]) * 2, np.arange(channels - x.shape[-1]) * 2 + 1], kind="stable")
    return y[..., order]


def _repeated(x, channels):
    return np.take(x[:, ::2, ::2], np.arange(channels) % x.shape[-1], axis=-1)


def _averaged(x, channels):
    """Means of 2×2 pixels; of fewer at an odd border."""
    N, H, W, C = x.shape
    odd = np.pad(x, [(0, 0), (0, H % 2), (0, W % 2), (0, 0)], "edge")
    return _around(odd.reshape(N, -(-H // 2), 2, -(-W // 2), 2, C).mean(axis=(2, 4)), *_sides(x, channels))


SHORTCUT_WRONG = (
    Wrong(
        "K3",
        lambda x, channels: _around(x[:, 1::2, 1::2], *_sides(x, channels)),
        "You begin with pixel 1; begin with pixel 0, as the convolution beside it does.",
    ),
    Wrong(
        "K3",
        lambda x, channels: _around(x[:, ::2, ::2], 0, channels - x.shape[-1]),
        "All your zeros come after x's channels. Half of them belong before.",
    ),
    Wrong(
        "K3",
        lambda x, channels: _around(x[:, ::2, ::2], channels - x.shape[-1], 0),
        "All your zeros come before x's channels. Half of them belong after.",
    ),
    Wrong(
        "K3",
        lambda x, channels: _around(x[:, ::2, ::2], *_sides(x, channels)[::-1]),
        "If the number of zeros is odd, the one more comes after x's channels; yours comes before.",
    ),
    Wrong(
        "K4",
        lambda x, channels: _around(x, *_sides(x, channels)),
        "You keep all pixels; take every second row and every second column.",
    ),
    Wrong(
        "K4",
        lambda x, channels: _around(x[:, ::2], *_sides(x, channels)),
        "You take every second row, but all columns.",
    ),
    Wrong("K4", _averaged, "You average 2×2 pixels; option A takes every second pixel as it is."),
    Wrong("K5", _repeated, "You fill the new channels with x's once more; fill them with zeros."),
    Wrong("K5", _interleaved, "You put zeros between x's channels. x's channels stay together, zeros around them."),
    Wrong("K5", lambda x, channels: x[:, ::2, ::2], "The channels of zeros are missing: y has `channels` of them."),
)


# ---------------------------------------------------------------------------------------------- wrong: the block


def _way(x, shortcut):
    return x if shortcut is None else shortcut(x)


BLOCK_WRONG = (
    Wrong(
        "K2",
        lambda x, body, shortcut: np.maximum(body(x), 0) + _way(x, shortcut),
        "Your ReLU comes before the sum, so the block can only ever add. Sum first, then ReLU.",
    ),
    Wrong("K2", lambda x, body, shortcut: body(x) + _way(x, shortcut), "The ReLU after the sum is missing."),
    Wrong(
        "K2",
        lambda x, body, shortcut: np.maximum(body(x), 0) + np.maximum(_way(x, shortcut), 0),
        "You take the ReLU of each branch, then the sum. Sum first, then ReLU.",
    ),
    Wrong("K1", lambda x, body, shortcut: np.maximum(body(x), 0), "The shortcut is missing."),
    Wrong("K1", lambda x, body, shortcut: body(x), "The shortcut is missing, and the ReLU after the sum."),
    Wrong("K1", lambda x, body, shortcut: np.maximum(_way(x, shortcut), 0), "The body is missing."),
    Wrong(
        "K1",
        lambda x, body, shortcut: np.maximum(body(x) + x, 0),
        "You always add x itself. If there is a shortcut, add shortcut(x).",
    ),
    Wrong(
        "K1", lambda x, body, shortcut: np.maximum(body(x) + 2 * _way(x, shortcut), 0), "You add the shortcut twice."
    ),
    Wrong(
        "K1",
        lambda x, body, shortcut: np.maximum(body(x) + (0 if shortcut is None else shortcut(x)), 0),
        "Without a shortcut function the shortcut is x itself, not nothing.",
    ),
    Wrong(
        "K6",
        lambda x, body, shortcut: np.maximum(body(x) + _way(body(x), shortcut), 0),
        "Your shortcut begins behind the body. It begins at x.",
    ),
    Wrong(
        "K6",
        lambda x, body, shortcut: np.maximum(_way(x, shortcut) + body(_way(x, shortcut)), 0),
        "Your body begins behind the shortcut. Both begin at x.",
    ),
    Wrong(
        "K6",
        lambda x, body, shortcut: np.maximum(body(x) * _way(x, shortcut), 0),
        "You multiply the branches; add them.",
    ),
    Wrong(
        "K6",
        lambda x, body, shortcut: np.maximum((body(x) + _way(x, shortcut)) / 2, 0),
        "You take the mean of the branches; take the sum.",
    ),
)


def _leaves_the_body_its_output(function):
    """A layer may keep its output for backward, as tanh does."""
    x, body, _ = _block_probe(50, (2, 3, 2, 4))()
    kept = body(x)
    before = kept.copy()
    function(x, lambda a: kept, None)
    return np.array_equal(kept, before)


BODY_ALONE = Property(
    "B16",
    _leaves_the_body_its_output,
    "You wrote into the array that body returned. A layer inside may keep its output for backward, as tanh does, and "
    "would then find your sum there. Make a new array.",
    late=True,
)


def _gated(dy, y):
    return dy * (y > 0)


BLOCK_BACKWARD_WRONG = (
    Wrong(
        "K1",
        lambda dy, y, body, shortcut: body(_gated(dy, y)),
        "The shortcut's gradient is missing: x reaches the sum on two ways, so dx has two terms.",
    ),
    Wrong(
        "K1",
        lambda dy, y, body, shortcut: _way(_gated(dy, y), shortcut),
        "The body's gradient is missing: x reaches the sum on two ways, so dx has two terms.",
    ),
    Wrong(
        "K1",
        lambda dy, y, body, shortcut: body(_gated(dy, y)) + 2 * _way(_gated(dy, y), shortcut),
        "You add the shortcut's gradient twice.",
    ),
    Wrong(
        "K1",
        lambda dy, y, body, shortcut: body(_gated(dy, y)) + _gated(dy, y),
        "You always add the gradient itself. If there is a shortcut, it goes through shortcut_backward.",
    ),
    Wrong(
        "K1",
        lambda dy, y, body, shortcut: body(_gated(dy, y)) + (0 if shortcut is None else shortcut(_gated(dy, y))),
        "Without a shortcut function the gradient passes as it is, not as nothing.",
    ),
    Wrong(
        "K2",
        lambda dy, y, body, shortcut: body(dy) + _way(dy, shortcut),
        "You forget the ReLU: where y is 0, no gradient comes through it.",
    ),
    Wrong(
        "K2",
        lambda dy, y, body, shortcut: body(_gated(dy, y)) + _way(dy, shortcut),
        "Only the body's gradient passes your ReLU. The ReLU is after the sum, so it gates both.",
    ),
    Wrong(
        "K2",
        lambda dy, y, body, shortcut: body(dy) + _way(_gated(dy, y), shortcut),
        "Only the shortcut's gradient passes your ReLU. The ReLU is after the sum, so it gates both.",
    ),
    Wrong(
        "K2",
        lambda dy, y, body, shortcut: _gated(body(dy) + _way(dy, shortcut), y),
        "You gate at the end. Backward meets the ReLU first, then the sum.",
    ),
    Wrong(
        "R1",
        lambda dy, y, body, shortcut: body(np.maximum(dy, 0)) + _way(np.maximum(dy, 0), shortcut),
        "Your gate is the sign of dy. It is open where y is above 0.",
    ),
    Wrong(
        "K6",
        lambda dy, y, body, shortcut: body(_way(_gated(dy, y), shortcut)),
        "You send the gradient through one branch after the other. A sum hands the same gradient to both; add what "
        "comes back.",
    ),
    Wrong(
        "K6",
        lambda dy, y, body, shortcut: body(_gated(dy, y)) * _way(_gated(dy, y), shortcut),
        "You multiply what comes back from the two branches; add it.",
    ),
)


# ---------------------------------------------------------------------------------------------- wrong: the count


def _counts(convolutions=0, norms=0, fc=0):
    """The right counts with something added. Each: a number, or a function of (n, width, classes)"""

    def wrong(n, width, classes):
        more = (value(n, width, classes) if callable(value) else value for value in (convolutions, norms, fc))
        return tuple(right + extra for right, extra in zip(count_resnet(n, width, classes), more))

    return wrong


COUNT_WRONG = (
    Wrong(
        "N16",
        _counts(convolutions=lambda n, w, classes: w * (1 + 14 * n)),
        "You count a bias for each kernel. These convolutions have none: the normalisation behind each has one.",
    ),
    Wrong(
        "N17",
        _counts(norms=lambda n, w, classes: 2 * w * (1 + 14 * n)),
        "You count the running mean and variance. They are kept, not learnt: a normalisation learns a weight and a "
        "bias per channel.",
    ),
    Wrong(
        "N17",
        _counts(norms=lambda n, w, classes: -w * (1 + 14 * n)),
        "You count one parameter per channel in a normalisation; it has a weight and a bias.",
    ),
    Wrong(
        "N17",
        _counts(norms=lambda n, w, classes: -2 * w),
        "You forget the normalisation behind the very first convolution.",
    ),
    Wrong(
        "N18",
        _counts(lambda n, w, classes: w * 2 * w + 2 * w * 4 * w, lambda n, w, classes: 2 * (2 * w + 4 * w)),
        "You count projections in the shortcuts. Option A has no weights.",
    ),
    Wrong(
        "N18",
        _counts(lambda n, w, classes: w * 2 * w + 2 * w * 4 * w),
        "You count 1×1 convolutions in the shortcuts. Option A has no weights.",
    ),
    Wrong(
        "N19",
        _counts(convolutions=lambda n, w, classes: 9 * (w * 2 * w + 2 * w * 4 * w)),
        "The first convolution of stages 2 and 3 sees the stage before, which has half the channels.",
    ),
    Wrong(
        "N19",
        _counts(convolutions=lambda n, w, classes: 9 * (w - 3) * w),
        "The very first convolution sees the picture's three colours.",
    ),
    Wrong(
        "N19",
        _counts(convolutions=lambda n, w, classes: -27 * w),
        "You forget the very first convolution, which is in no block.",
    ),
    Wrong(
        "N19",
        _counts(lambda n, w, classes: -9 * n * (w * w + 4 * w * w + 16 * w * w), lambda n, w, classes: -2 * n * 7 * w),
        "You count one convolution in a block; it has two, each with its normalisation.",
    ),
    Wrong(
        "N20",
        _counts(fc=lambda n, w, classes: -classes),
        "You forget the biases of the last layer: one for each class.",
    ),
    Wrong(
        "N20",
        _counts(fc=lambda n, w, classes: 63 * 4 * w * classes),
        "Your last layer sees 8×8 pixels. The mean over all pixels comes before it and leaves one number per channel.",
    ),
)


# ---------------------------------------------------------------------------------------------- by hand


def _forward_by_hand(arguments, output, index):
    x, weight, bias, eps = arguments
    c = index[-1]
    mean, variance = (float(v[c]) for v in _batch_statistics(x, 0))
    hat = (x[index] - mean) / np.sqrt(variance + eps)
    return (
        f"By hand: channel {c} has m = {x[..., 0].size} entries with mean {mean:.6g} and variance {variance:.6g}; x̂ = "
        f"({x[index]:.6g} − {mean:.6g}) / √({variance:.6g} + {eps}) = {hat:.6g}; y = {weight[c]:.6g} · x̂ + "
        f"{bias[c]:.6g} = {weight[c] * hat + bias[c]:.6g}."
    )


def _running_by_hand(arguments, output, index):
    x, running_mean, running_var, momentum = arguments
    old, new = (v[index] for v in (running_mean, _batch_statistics(x)[0]))
    if output == "running_var":
        old, new = (v[index] for v in (running_var, _batch_statistics(x)[1]))
    return (
        f"By hand: the batch gives {new:.6g}; {1 - momentum:g} · {old:.6g} + {momentum:g} · {new:.6g} = "
        f"{(1 - momentum) * old + momentum * new:.6g}."
    )


def _backward_by_hand(arguments, output, index):
    dy, x, weight, eps = arguments
    c = index[-1]
    hat, deviation = _normalised(x, eps), float(np.sqrt(x.var(ENTRIES)[c] + eps))
    dweight, dbias = (float(g[c]) for g in _parameter_gradients(dy, x, eps))
    if output != "dx":
        return f"By hand: in channel {c}, Σ dy · x̂ = {dweight:.6g} and Σ dy = {dbias:.6g}."
    m = x[..., 0].size
    parts = dy[index], dbias / m, float(hat[index]) * dweight / m
    return (
        f"By hand: direct {parts[0]:.6g}; Σ dy / m = {parts[1]:.6g}; x̂ · Σ (dy · x̂) / m = {parts[2]:.6g}; the first "
        f"less the others, times {weight[c]:.6g} / {deviation:.6g}, is "
        f"{weight[c] / deviation * (parts[0] - parts[1] - parts[2]):.6g}."
    )


def _shortcut_by_hand(arguments, output, index):
    x, channels = arguments
    n, h, w, c = index
    before, _ = _sides(x, channels)
    inside = 0 <= c - before < x.shape[-1]
    what = f"x[{n}, {2 * h}, {2 * w}, {c - before}]" if inside else "one of the channels of zeros"
    return f"By hand: x's {x.shape[-1]} channels are y's {before} to {before + x.shape[-1] - 1}; this is {what}."


def _count_by_hand(arguments, output, index):
    n, w, classes = arguments
    parts = {
        "convolutions": f"27·{w}, then {2 * n}·9·{w}², 9·{w}·{2 * w} + {2 * n - 1}·9·{2 * w}² and 9·{2 * w}·{4 * w} + "
        f"{2 * n - 1}·9·{4 * w}²",
        "norms": f"2 · ({w} + {2 * n}·{w} + {2 * n}·{2 * w} + {2 * n}·{4 * w})",
        "fc": f"{4 * w}·{classes} + {classes}",
    }
    return f"By hand: {parts[output]}."


PICTURES = ("picture", "row", "column", "channel")
GRADIENTS = {"dx": PICTURES, "dweight": ("channel",), "dbias": ("channel",)}
LESSON = Lesson(
    "19",
    "Deeper still: batch norm, the wall, the shortcut",
    90,
    20,
    (
        Exercise(
            "19-forward",
            "bn_forward",
            bn_forward,
            (_forward_probe, _small_forward_probe),
            ("y",),
            wrong=FORWARD_WRONG,
            by_hand=_forward_by_hand,
            properties=(LARGE_MEAN,),
            hints=(
                "How many means does a batch of shape (N, H, W, C) have? Over which axes is each taken?",
                "mean_c = Σ x / m,  variance_c = Σ (x − mean_c)² / m over the m = N·H·W entries of channel c;  "
                "y = weight · (x − mean) / √(variance + eps) + bias",
                "mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))",
            ),
        ),
        Exercise(
            "19-running",
            "bn_running",
            bn_running,
            (_running_probe, _two_entries_probe),
            ("running_mean", "running_var"),
            axes={"running_mean": ("channel",), "running_var": ("channel",)},
            wrong=RUNNING_WRONG,
            by_hand=_running_by_hand,
            properties=(ONE_ENTRY,),
            hints=(
                "If momentum is 1, what is left of the old values? And what does NumPy's var divide by?",
                "running ← (1 − momentum) · running + momentum · batch's; the batch's variance is "
                "Σ (x − mean)² / (m − 1)",
                "x.var(axis=(0, 1, 2), ddof=1), and raise ValueError(…) if x[..., 0].size == 1",
            ),
        ),
        Exercise(
            "19-modes",
            "batch_norm",
            batch_norm,
            (
                _mode_probe(True, 15, (2, 3, 4, 3)),
                _mode_probe(False, 18, (2, 3, 4, 3)),
                _mode_probe(False, 21, (3, 2, 2, 4)),
                _mode_probe(True, 24, (3, 2, 2, 4)),
            ),
            ("y", "running_mean", "running_var"),
            axes={"running_mean": ("channel",), "running_var": ("channel",)},
            wrong=MODES_WRONG,
            hints=(
                "Whose mean is subtracted in training, and whose at test? Which of the two changes the running values?",
                "training: y from the batch's statistics, running values updated; test: y from the running ones, which "
                "stay as they are",
                "if train: return bn_forward(x, weight, bias, eps), *bn_running(x, running_mean, running_var, "
                "momentum)",
            ),
        ),
        Exercise(
            "19-backward",
            "bn_backward",
            bn_backward,
            (_backward_probe, _small_backward_probe),
            ("dx", "dweight", "dbias"),
            axes=GRADIENTS,
            wrong=BACKWARD_WRONG,
            by_hand=_backward_by_hand,
            hints=(
                "Which sums over a channel do the three roads share? Which two of them are dweight and dbias?",
                "dbias = Σ dy,  dweight = Σ dy · x̂,  dx = weight / √(variance + eps) · "
                "(dy − dbias / m − x̂ · dweight / m)",
                "dx = weight / deviation * (dy - dbias / m - hat * dweight / m)",
            ),
        ),
        Exercise(
            "19-frozen",
            "frozen_backward",
            frozen_backward,
            (_frozen(_backward_probe, 27), _frozen(_small_backward_probe, 28)),
            ("dx", "dweight", "dbias"),
            axes=GRADIENTS,
            wrong=FROZEN_WRONG,
            hints=(
                "Which of the three roads are left if x moves neither the mean nor the variance?",
                "y = weight · (x − running_mean) / √(running_var + eps) + bias is a straight line in x",
                "dx = weight * dy / deviation, with deviation = np.sqrt(running_var + eps)",
            ),
        ),
        Exercise(
            "19-shortcut",
            "padded_shortcut",
            padded_shortcut,
            (
                _shortcut_probe(29, (2, 4, 6, 3), 7),
                _shortcut_probe(30, (2, 5, 3, 4), 9),
                _shortcut_probe(31, (3, 3, 4, 2), 5),
            ),
            ("y",),
            wrong=SHORTCUT_WRONG,
            by_hand=_shortcut_by_hand,
            hints=(
                "With 3 channels in and 7 out, how many channels of zeros come before? With 8 out?",
                "y[n, h, w, before + c] = x[n, 2h, 2w, c], all else 0; before = (channels − C) // 2",
                "y[..., before : before + C] = x[:, ::2, ::2]",
            ),
        ),
        Exercise(
            "19-block",
            "block_forward",
            block_forward,
            (_block_probe(32, (2, 3, 4, 5)), _block_probe(35, (2, 3, 4, 5), False), _block_probe(38, (3, 2, 1, 4))),
            ("y",),
            wrong=BLOCK_WRONG,
            properties=(BODY_ALONE,),
            hints=(
                "What does the shortcut give if `shortcut` is None? Could a block whose ReLU came before the sum ever "
                "make a number smaller?",
                "y = relu(body(x) + shortcut(x)), with x itself if there is no shortcut function",
                "np.maximum(body(x) + (x if shortcut is None else shortcut(x)), 0)",
            ),
        ),
        Exercise(
            "19-back",
            "block_backward",
            block_backward,
            (
                _block_backward_probe(41, (2, 3, 4, 5)),
                _block_backward_probe(44, (2, 3, 4, 5), False),
                _block_backward_probe(47, (3, 2, 1, 4)),
            ),
            ("dx",),
            wrong=BLOCK_BACKWARD_WRONG,
            hints=(
                "What does backward meet first, the sum or the ReLU? How many ways lead from x to the sum?",
                "dsum = dy where y > 0, else 0;  dx = body's gradient of dsum + the shortcut's gradient of dsum",
                "body_backward(dsum) + (dsum if shortcut_backward is None else shortcut_backward(dsum))",
            ),
        ),
        Exercise(
            "19-parameters",
            "count_resnet",
            count_resnet,
            (lambda: (2, 5, 7), lambda: (3, 4, 11), lambda: (1, 6, 3)),
            ("convolutions", "norms", "fc"),
            wrong=COUNT_WRONG,
            by_hand=_count_by_hand,
            hints=(
                "How many convolutions has a stage? How many channels does the first of them see, and the others?",
                "first 3·3·3·width; stages of 2n convolutions 3·3·in·out, with out = width, 2·width, 4·width; "
                "2 · channels behind each convolution; 4·width · classes + classes",
                "for out in (width, 2 * width, 4 * width): convolutions += 9 * channels * out + (2 * n - 1) * 9 * "
                "out**2; channels = out",
            ),
        ),
    ),
)

"""Lesson 04: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import math

import numpy as np


def sgd_step(w, v, g, lr, momentum, weight_decay):
    v *= momentum
    v -= weight_decay * lr * w
    v -= lr * g
    w += v


def sgd_step_in_one_line(w, v, g, lr, momentum, weight_decay):
    v[...] = momentum * v - lr * (g + weight_decay * w)
    w[...] = w + v
    return w, v


def sgd_step_by_entries(w, v, g, lr, momentum, weight_decay):
    for i in np.ndindex(*w.shape):
        v[i] = momentum * v[i] - weight_decay * lr * w[i] - lr * g[i]
        w[i] += v[i]


def first_weights(shape, std, rng):
    return (std * rng.standard_normal(shape)).astype(np.float32)


def first_weights_by_normal(shape, std, rng):
    return rng.normal(0, std, shape).astype("float32")


def first_weights_in_float32(shape, std, rng):
    w = rng.standard_normal(shape, dtype=np.float32)
    w *= std
    return w


def first_biases(names):
    ones = ("conv2", "conv4", "conv5", "fc6", "fc7")
    return np.array([1.0 if name in ones else 0.0 for name in names])


def first_biases_by_elimination(names):
    bias = np.ones(len(names), np.float32)
    for i, name in enumerate(names):
        if name in ("conv1", "conv3", "fc8"):
            bias[i] = 0
    return bias


def first_biases_as_integers(names):
    return np.isin(names, ["conv2", "conv4", "conv5", "fc6", "fc7"]).astype(int)


def rate_at(epoch, lr, drops):
    return lr * 0.1 ** sum(epoch >= drop for drop in drops)


def rate_at_by_a_loop(epoch, lr, drops):
    for drop in drops:
        if drop <= epoch:
            lr = lr / 10
    return lr


def rate_at_by_a_search(epoch, lr, drops):
    return lr / 10.0 ** np.searchsorted(drops, epoch, side="right")


def rate_at_by_logarithms(epoch, lr, drops):
    return 10 ** (math.log10(lr) - len([d for d in drops if d <= epoch]))


SOLUTIONS = {
    "04-step": [sgd_step, sgd_step_in_one_line, sgd_step_by_entries],
    "04-rate": [rate_at, rate_at_by_a_loop, rate_at_by_a_search, rate_at_by_logarithms],
    "04-weights": [first_weights, first_weights_by_normal, first_weights_in_float32],
    "04-biases": [first_biases, first_biases_by_elimination, first_biases_as_integers],
}

"""Lesson 10: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import numpy as np


def paper_forward(x, p, train, rng):
    factor = (rng.random(x.shape) >= p).astype(x.dtype) if train else 1 - p
    return x * factor, factor


def paper_forward_by_binomial(x, p, train, rng):
    if not train:
        return (1 - p) * x, 1 - p
    mask = rng.binomial(1, 1 - p, size=x.shape).astype(x.dtype)
    return [mask * x, mask]  # a list will do


def paper_forward_by_where(x, p, train, rng):
    if train:
        dropped = rng.random(x.size).reshape(x.shape) < p
        return np.where(dropped, 0, x), ~dropped
    return x - p * x, np.full_like(x, 1 - p)


def paper_forward_that_always_draws(x, p, train, rng):
    factor = (rng.random(x.shape) >= p).astype(x.dtype)
    if not train:
        factor = np.full_like(x, 1 - p)
    return x * factor, factor


def inverted_forward(x, p, train, rng):
    factor = (rng.random(x.shape) >= p).astype(x.dtype) / (1 - p) if train else 1.0
    return x * factor, factor


def inverted_forward_by_loops(x, p, train, rng):
    factor = np.ones_like(x)
    if train:
        for index in np.ndindex(x.shape):
            factor[index] = 0 if rng.uniform() < p else 1 / (1 - p)
    return x * factor, factor


def inverted_forward_by_choice(x, p, train, rng):
    if not train:
        return x.copy(), np.ones(x.shape, x.dtype)
    mask = rng.choice(np.array([0, 1 / (1 - p)], x.dtype), size=x.shape, p=[p, 1 - p])
    return x * mask, mask


def dropout_backward(dy, factor):
    return dy * factor


def dropout_backward_by_where(dy, factor):
    return np.where(factor == 0, 0, factor * dy)


def average_net(x, weight, bias, p):
    N, F = x.shape
    total = np.zeros((N, weight.shape[1]))
    for number in range(2**F):
        mask = np.array([number >> f & 1 for f in range(F)])  # 1: kept
        scores = (x * mask) @ weight + bias
        scores = scores - scores.max(axis=1, keepdims=True)
        log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        total += np.prod(np.where(mask == 1, 1 - p, p)) * log_p
    average = np.exp(total)
    return average / average.sum(axis=1, keepdims=True)


def average_net_by_product(x, weight, bias, p):
    F, product = x.shape[1], 1.0
    for number in np.ndindex(*(2,) * F):
        scores = (x * np.array(number)) @ weight + bias
        exps = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities = exps / exps.sum(axis=1, keepdims=True)
        product = product * probabilities ** (p ** number.count(0) * (1 - p) ** number.count(1))
    return product / product.sum(axis=1, keepdims=True)


def average_net_in_one_line_of_algebra(x, weight, bias, p):
    scores = (1 - p) * x @ weight + bias  # the mean score; the rest cancels in the division
    exps = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)


SOLUTIONS = {
    "10-paper": [paper_forward, paper_forward_by_binomial, paper_forward_by_where, paper_forward_that_always_draws],
    "10-inverted": [inverted_forward, inverted_forward_by_loops, inverted_forward_by_choice],
    "10-backward": [dropout_backward, dropout_backward_by_where],
    "10-average": [average_net, average_net_by_product, average_net_in_one_line_of_algebra],
}

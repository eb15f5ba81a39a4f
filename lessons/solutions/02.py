"""Lesson 02: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import numpy as np


def linear_forward(x, weight, bias):
    flat = x.reshape(len(x), -1)  # (N, H·W·C)
    return flat @ weight + bias  # (N, D) @ (D, K)


def linear_forward_by_loops(x, weight, bias):
    y = np.empty((len(x), len(bias)), x.dtype)
    for n in range(len(x)):
        for k in range(len(bias)):
            y[n, k] = (x[n].ravel() * weight[:, k]).sum() + bias[k]
    return y


def linear_forward_by_templates(x, weight, bias):
    templates = weight.reshape(*x.shape[1:], -1)  # a picture for each class
    return np.einsum("nhwc,hwck->nk", x, templates) + bias


def softmax(logits):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)


def softmax_by_rows(logits):
    p = np.empty_like(logits)
    for n, row in enumerate(logits):
        exps = np.exp(row - max(row))
        p[n] = exps / sum(exps)
    return p


def softmax_by_logarithms(logits):
    largest = logits.max(axis=1)[:, None]
    return np.exp(logits - largest - np.log(np.exp(logits - largest).sum(axis=1))[:, None])


def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    picked = shifted[np.arange(len(labels)), labels]  # one score a row
    return (np.log(np.exp(shifted).sum(axis=1)) - picked).mean()


def cross_entropy_by_rows(logits, labels):
    total = 0.0
    for row, label in zip(logits, labels):
        total += np.log(sum(np.exp(row - row[row.argmax()]))) + row.max() - row[label]
    return total / len(labels)


def cross_entropy_by_logaddexp(logits, labels):
    onehot = labels[:, None] == np.arange(logits.shape[1])
    return np.mean(np.logaddexp.reduce(logits, axis=1) - logits[onehot])


def cross_entropy_gradient(logits, labels):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = exps / exps.sum(axis=1, keepdims=True)
    p[np.arange(len(labels)), labels] -= 1
    return p / len(labels)


def cross_entropy_gradient_by_rows(logits, labels):
    d = np.zeros_like(logits)
    for n in range(len(labels)):
        exps = np.exp(logits[n] - logits[n].max())
        d[n] = exps / exps.sum() / len(labels)
        d[n, labels[n]] -= 1 / len(labels)
    return d


def cross_entropy_gradient_by_onehot(logits, labels):
    onehot = labels[:, None] == np.arange(logits.shape[1])
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return (np.exp(log_p) - onehot) / len(labels)


def linear_backward(dy, x, weight):
    flat = x.reshape(len(x), -1)  # (N, D)
    dweight = flat.T @ dy  # (D, N) @ (N, K)
    dbias = dy.sum(axis=0)  # (K,)
    dx = (dy @ weight.T).reshape(x.shape)  # (N, K) @ (K, D)
    return dx, dweight, dbias


def linear_backward_by_loops(dy, x, weight):
    dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros_like(dy[0])
    for n in range(len(x)):
        for k in range(dy.shape[1]):
            dx[n] += dy[n, k] * weight[:, k].reshape(x[n].shape)
            dweight[:, k] += dy[n, k] * x[n].ravel()
            dbias[k] += dy[n, k]
    return dx, dweight, dbias


def linear_backward_by_einsum(dy, x, weight):
    templates = weight.reshape(*x.shape[1:], -1)
    dtemplates = np.einsum("nhwc,nk->hwck", x, dy)
    return np.einsum("nk,hwck->nhwc", dy, templates), dtemplates.reshape(weight.shape), np.einsum("nk->k", dy)


SOLUTIONS = {
    "02-linear": [linear_forward, linear_forward_by_loops, linear_forward_by_templates],
    "02-softmax": [softmax, softmax_by_rows, softmax_by_logarithms],
    "02-loss": [cross_entropy, cross_entropy_by_rows, cross_entropy_by_logaddexp],
    "02-loss-backward": [cross_entropy_gradient, cross_entropy_gradient_by_rows, cross_entropy_gradient_by_onehot],
    "02-linear-backward": [linear_backward, linear_backward_by_loops, linear_backward_by_einsum],
}

"""Lesson 05: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import numpy as np


def relu(x):
    return np.maximum(x, 0)


def relu_by_a_gate(x):
    return x * (x > 0)


def relu_by_assignment(x):
    y = x.copy()
    y[y < 0] = 0
    return y


def relu_by_halves(x):
    return (x + np.abs(x)) / 2


def relu_backward(dy, x):
    return dy * (x > 0)


def relu_backward_by_where(dy, x):
    return np.where(x > 0, dy, 0)


def relu_backward_by_loops(dy, x):
    dx = np.zeros_like(dy)
    for index in np.ndindex(x.shape):
        if x[index] > 0:
            dx[index] = dy[index]
    return dx


def tanh_backward(dy, y):
    return dy * (1 - y**2)


def tanh_backward_by_factors(dy, y):
    return (1 - y) * (1 + y) * dy


def tanh_backward_by_subtraction(dy, y):
    return dy - dy * np.square(y)


def sigmoid_backward(dy, y):
    return dy * y * (1 - y)


def sigmoid_backward_by_subtraction(dy, y):
    return dy * (y - np.square(y))


def sigmoid_backward_from_tanh(dy, y):
    t = 2 * y - 1  # sigmoid(x) = ½ + ½ tanh(x/2), so its slope is a quarter of 1 − t²
    return dy * (1 - t * t) / 4


def gradient_sizes(dy, ys, weights, backward):
    sizes = np.zeros(len(ys))
    for layer in reversed(range(len(ys))):
        dz = backward(dy, ys[layer])
        sizes[layer] = np.sqrt((dz**2).mean())
        dy = dz @ weights[layer].T
    return sizes


def gradient_sizes_by_a_list(dy, ys, weights, backward):
    sizes = []
    for y, weight in zip(ys[::-1], weights[::-1]):
        dz = backward(dy, y)
        sizes.insert(0, np.linalg.norm(dz) / np.sqrt(dz.size))
        dy = np.einsum("no,io->ni", dz, weight)
    return np.array(sizes)


def gradient_sizes_by_recursion(dy, ys, weights, backward):
    dz = backward(dy, ys[-1])
    size = np.array([np.mean(dz * dz) ** 0.5])
    if len(ys) == 1:
        return size
    below = gradient_sizes_by_recursion(np.dot(dz, weights[-1].T), ys[:-1], weights[:-1], backward)
    return np.concatenate([below, size])


SOLUTIONS = {
    "05-relu": [relu, relu_by_a_gate, relu_by_assignment, relu_by_halves],
    "05-relu-backward": [relu_backward, relu_backward_by_where, relu_backward_by_loops],
    "05-tanh-backward": [tanh_backward, tanh_backward_by_factors, tanh_backward_by_subtraction],
    "05-sigmoid-backward": [sigmoid_backward, sigmoid_backward_by_subtraction, sigmoid_backward_from_tanh],
    "05-chain": [gradient_sizes, gradient_sizes_by_a_list, gradient_sizes_by_recursion],
}

"""Lesson 03: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import numpy as np


def numerical_gradient(f, x, h):
    x = np.array(x, dtype=np.float64)  # a copy, precise enough to show a small rise
    gradient = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):
        kept = x[index]
        x[index] = kept + h
        above = float(f(x))
        x[index] = kept - h
        below = float(f(x))
        x[index] = kept
        gradient[index] = (above - below) / (2 * h)
    return gradient


def numerical_gradient_by_unit_steps(f, x, h):
    x = np.asarray(x, np.float64)
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    rises = [float(f(x + step)) - float(f(x - step)) for step in steps]
    return np.array(rises).reshape(x.shape) / (2 * h)


def numerical_gradient_flat(f, x, h):
    kept = np.asarray(x).astype(float).ravel()
    out = []
    for i, value in enumerate(kept):
        above, below = kept.copy(), kept.copy()
        above[i], below[i] = value + h, value - h
        out.append((float(f(above.reshape(x.shape))) - float(f(below.reshape(x.shape)))) * 0.5 / h)
    return np.reshape(out, x.shape)


def worst_error(analytic, numerical, floor):
    if analytic.shape != numerical.shape:
        return np.inf
    if not (np.isfinite(analytic).all() and np.isfinite(numerical).all()):
        return np.inf
    return (np.abs(analytic - numerical) / (floor + np.abs(numerical))).max()


def worst_error_by_loops(analytic, numerical, floor):
    if analytic.shape != numerical.shape:
        return np.inf
    worst = 0.0
    for a, n in zip(analytic.ravel(), numerical.ravel()):
        error = abs(a - n) / (floor + abs(n))
        if not error <= worst:  # true for NaN as well
            worst = error if np.isfinite(error) else np.inf
    return worst


def worst_error_by_a_filter(analytic, numerical, floor):
    if np.shape(analytic) != np.shape(numerical):
        return float("inf")
    errors = abs(analytic - numerical) / (abs(numerical) + floor)
    return np.nan_to_num(errors, nan=np.inf, posinf=np.inf).max()


def layer_error(forward, backward, x, rng):
    x = x.astype(np.float64)
    y, cache = forward(x)
    dy = rng.standard_normal(y.shape)  # drawn once: backward and every nudge use the same dy
    dx = backward(dy, cache)

    def loss(x):
        return (dy * forward(x)[0]).sum()  # its derivative with respect to y is dy

    return worst_error(dx, numerical_gradient(loss, x, 1e-5), 0.01)


def layer_error_in_its_own_loop(forward, backward, x, rng):
    x = np.array(x, float)
    y, cache = forward(x)
    dy = rng.uniform(-2, 2, y.shape)
    dx, worst = backward(dy, cache), 0.0
    if dx.shape != x.shape:
        return np.inf
    for i in range(x.size):
        up, down = x.copy(), x.copy()
        up.flat[i] += 1e-5
        down.flat[i] -= 1e-5
        slope = np.vdot(dy, forward(up)[0] - forward(down)[0]) / 2e-5
        error = abs(dx.flat[i] - slope) / (0.01 + abs(slope))
        worst = max(worst, error) if np.isfinite(error) else np.inf
    return worst


def slope_along(f, x, dx, direction, h):
    x = np.array(x, dtype=np.float64)
    unit = direction / np.sqrt((direction**2).sum())
    numerical = (float(f(x + h * unit)) - float(f(x - h * unit))) / (2 * h)
    return (dx * unit).sum(), numerical


def slope_along_by_products(f, x, dx, direction, h):
    length = np.linalg.norm(direction.ravel())
    step = h / length * direction
    x = x.astype(float)
    return np.vdot(dx, direction) / length, (float(f(x + step)) - float(f(x - step))) / (2 * h)


SOLUTIONS = {
    "03-numerical": [numerical_gradient, numerical_gradient_by_unit_steps, numerical_gradient_flat],
    "03-error": [worst_error, worst_error_by_loops, worst_error_by_a_filter],
    "03-layer": [layer_error, layer_error_in_its_own_loop],
    "03-along": [slope_along, slope_along_by_products],
}

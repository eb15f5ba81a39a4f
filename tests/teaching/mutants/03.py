"""Lesson 03: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import numpy as np


def forward_difference(f, x, h):
    x = x.astype(np.float64)
    base = float(f(x))
    g = np.zeros(x.shape)
    it = np.nditer(x, flags=["multi_index"])
    for _ in it:
        i = it.multi_index
        old = x[i]
        x[i] = old + h
        g[i] = (float(f(x)) - base) / h
        x[i] = old
    return g


def backward_difference(f, x, h):
    x = np.array(x, float)
    g = np.empty_like(x)
    for k in range(x.size):
        e = np.zeros(x.size)
        e[k] = h
        g.flat[k] = (float(f(x)) - float(f(x - e.reshape(x.shape)))) / h
    return g


def comes_back_only_to_x(f, x, h):
    x = x.astype(float)
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        x[i] += h
        hi = float(f(x))
        x[i] -= h
        lo = float(f(x))
        g[i] = (hi - lo) / (2 * h)
    return g


def half_steps(f, x, h):
    x = x.astype(float)
    g, step = np.zeros(x.size), h / 2
    for k, e in enumerate(np.eye(x.size)):
        e = step * e.reshape(x.shape)
        g[k] = (float(f(x + e)) - float(f(x - e))) / h
    return g.reshape(x.shape)


def divides_by_h(f, x, h):
    x = x.astype(float)
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        d = np.zeros(x.shape)
        d[i] = h
        g[i] = (float(f(x + d)) - float(f(x - d))) / h
    return g


def divides_by_two_times_h(f, x, h):
    x = x.astype(float)
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        d = np.zeros(x.shape)
        d[i] = h
        up, down = float(f(x + d)), float(f(x - d))
        g[i] = (up - down) / 2 * h
    return g


def mean_of_the_rise(f, x, h):
    x = x.astype(float)
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        d = np.zeros(x.shape)
        d[i] = h
        g[i] = 0.5 * (float(f(x + d)) - float(f(x - d)))
    return g


def does_not_put_back(f, x, h):
    x, g = x.astype(float), np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        x[i] += h
        hi = float(f(x))
        x[i] -= 2 * h
        lo = float(f(x))
        g[i] = (hi - lo) / (2 * h)
    return g


def puts_back_too_far(f, x, h):
    x, g = x.astype(float), np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        x[i] = x[i] + h
        hi = float(f(x))
        x[i] = x[i] - 2 * h
        lo = float(f(x))
        x[i] = x[i] + 2 * h
        g[i] = (hi - lo) / 2 / h
    return g


def own_step(f, x, h=1e-5):
    h = 1e-5
    x = x.astype(float)
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + h
        hi = float(f(x))
        x[i] = kept - h
        g[i] = (hi - float(f(x))) / (2 * h)
        x[i] = kept
    return g


def relative_step(f, x, h):
    x = x.astype(float)
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept * (1 + h)
        hi = float(f(x))
        x[i] = kept * (1 - h)
        g[i] = (hi - float(f(x))) / (2 * h)
        x[i] = kept
    return g


def everything_at_once(f, x, h):
    x = x.astype(float)
    return np.full(x.shape, (float(f(x + h)) - float(f(x - h))) / (2 * h))


def whole_rows(f, x, h):
    x = x.astype(float)
    g = np.zeros_like(x)
    for i in range(len(x)):
        kept = x[i].copy()
        x[i] = kept + h
        hi = float(f(x))
        x[i] = kept - h
        lo = float(f(x))
        x[i] = kept
        g[i] = (hi - lo) / (2 * h)
    return g


def below_minus_above(f, x, h):
    x = x.astype(float)
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] -= h
        lo = float(f(x))
        x[i] = kept + h
        hi = float(f(x))
        x[i] = kept
        g[i] = (lo - hi) / (2 * h)
    return g


def nudges_the_callers_x(f, x, h):
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        x[i] += h
        hi = float(f(x))
        x[i] -= 2 * h
        lo = float(f(x))
        g[i] = (hi - lo) / (2 * h)
    return g


def copies_the_dtype(f, x, h):
    x = x.copy()
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + h
        hi = float(f(x))
        x[i] = kept - h
        g[i] = (hi - float(f(x))) / (2 * h)
        x[i] = kept
    return g


def keeps_integers(f, x, h):
    x = x.copy() if x.dtype != np.float32 else x.astype(np.float64)
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + h
        hi = float(f(x))
        x[i] = kept - h
        g[i] = (hi - float(f(x))) / (2 * h)
        x[i] = kept
    return g


def trusts_the_array_it_is_given(f, x, h):
    x = x.astype(float)
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        d = np.zeros(x.shape)
        d[i] = h
        above = f(x + d)
        below = f(x - d)
        g[i] = (above - below) / (2 * h)
    return g


def one_sided_and_not_put_back(f, x, h):
    x, g = x.astype(float), np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        before = float(f(x))
        x[i] += h
        g[i] = (float(f(x)) - before) / h
    return g


def _sound(a, n):
    return a.shape == n.shape and np.isfinite(a).all() and np.isfinite(n).all()


def absolute_difference(analytic, numerical, floor):
    if not _sound(analytic, numerical):
        return np.inf
    return float(max(abs(a - n) for a, n in zip(analytic.flat, numerical.flat)))


def mean_error(analytic, numerical, floor):
    if not _sound(analytic, numerical):
        return np.inf
    return np.mean(np.abs(analytic - numerical) / (np.abs(numerical) + floor))


def added_up(analytic, numerical, floor):
    if not _sound(analytic, numerical):
        return np.inf
    total = 0.0
    for a, n in zip(analytic.flat, numerical.flat):
        total += abs(a - n) / (floor + abs(n))
    return total


def by_norms(analytic, numerical, floor):
    if not _sound(analytic, numerical):
        return np.inf
    return np.linalg.norm((analytic - numerical).ravel()) / (floor + np.linalg.norm(numerical.ravel()))


def no_floor(analytic, numerical, floor):
    if not _sound(analytic, numerical):
        return np.inf
    return np.max(np.abs((analytic - numerical) / numerical))


def by_the_suspect(analytic, numerical, floor):
    if not _sound(analytic, numerical):
        return np.inf
    return (abs(numerical - analytic) / (abs(analytic) + floor)).max()


def by_both(analytic, numerical, floor):
    if not _sound(analytic, numerical):
        return np.inf
    return (abs(numerical - analytic) / (abs(analytic) + abs(numerical) + floor)).max()


def by_the_signed_one(analytic, numerical, floor):
    if not _sound(analytic, numerical):
        return np.inf
    return np.amax(abs(numerical - analytic) / (numerical + floor))


def signed(analytic, numerical, floor):
    if not _sound(analytic, numerical):
        return np.inf
    return np.amax((analytic - numerical) / (abs(numerical) + floor))


def nan_slips_through(analytic, numerical, floor):
    if analytic.shape != numerical.shape:
        return np.inf
    worst = 0.0
    for a, n in zip(analytic.flat, numerical.flat):
        worst = max(worst, abs(a - n) / (floor + abs(n)))
    return worst


def nan_comes_out(analytic, numerical, floor):
    if analytic.shape != numerical.shape:
        return np.inf
    return (np.abs(analytic - numerical) / (floor + np.abs(numerical))).max()


def nan_is_skipped(analytic, numerical, floor):
    if analytic.shape != numerical.shape:
        return np.inf
    return np.nanmax(np.abs(analytic - numerical) / (floor + np.abs(numerical)))


def shapes_stretched(analytic, numerical, floor):
    e = np.abs(analytic - numerical) / (floor + np.abs(numerical))
    return e.max() if np.isfinite(e).all() else np.inf


def mean_of_absolute(analytic, numerical, floor):
    if not _sound(analytic, numerical):
        return np.inf
    return np.abs(analytic - numerical).mean()


def _numerical(f, x, h=1e-5):
    x = np.array(x, np.float64)
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + h
        up = float(f(x))
        x[i] = kept - h
        g[i] = (up - float(f(x))) / (2 * h)
        x[i] = kept
    return g


def _worst(a, n):
    e = np.abs(a - n) / (0.01 + np.abs(n))
    return e.max() if np.isfinite(e).all() else np.inf


def all_ones(forward, backward, x, rng):
    x = x.astype(np.float64)
    y, cache = forward(x)
    return _worst(backward(np.ones_like(y), cache), _numerical(lambda x: forward(x)[0].sum(), x))


def new_dy_each_time(forward, backward, x, rng):
    x = x.astype(np.float64)
    y, cache = forward(x)
    dx = backward(rng.standard_normal(y.shape), cache)
    return _worst(dx, _numerical(lambda x: (rng.standard_normal(y.shape) * forward(x)[0]).sum(), x))


def random_dy_but_plain_loss(forward, backward, x, rng):
    x = x.astype(np.float64)
    y, cache = forward(x)
    dx = backward(rng.standard_normal(y.shape), cache)
    return _worst(dx, _numerical(lambda x: forward(x)[0].sum(), x))


def sums_compared(forward, backward, x, rng):
    x = x.astype(np.float64)
    y, cache = forward(x)
    dy = rng.standard_normal(y.shape)
    a, n = backward(dy, cache).sum(), _numerical(lambda x: (dy * forward(x)[0]).sum(), x).sum()
    return abs(a - n) / (0.01 + abs(n)) if np.isfinite(a) else np.inf


def last_column_forgotten(forward, backward, x, rng):
    x = x.astype(np.float64)
    y, cache = forward(x)
    dy = rng.standard_normal(y.shape)
    dx, g = backward(dy, cache), _numerical(lambda x: (dy * forward(x)[0]).sum(), x)
    worst = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            if (i, j) != (x.shape[0] - 1, x.shape[1] - 1):
                e = abs(dx[i, j] - g[i, j]) / (0.01 + abs(g[i, j]))
                worst = max(worst, e) if e == e else np.inf
    return worst


def max_that_skips_nan(forward, backward, x, rng):
    x = x.astype(np.float64)
    y, cache = forward(x)
    dy = rng.standard_normal(y.shape)
    dx, g = backward(dy, cache), _numerical(lambda x: (dy * forward(x)[0]).sum(), x)
    worst = 0.0
    for a, n in zip(dx.flat, g.flat):
        if abs(a - n) / (0.01 + abs(n)) > worst:
            worst = abs(a - n) / (0.01 + abs(n))
    return worst


def single_precision(forward, backward, x, rng):
    y, cache = forward(x)
    dy = rng.standard_normal(y.shape).astype(x.dtype)
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += 1e-5
        down[i] -= 1e-5
        g[i] = ((dy * forward(up)[0]).sum() - (dy * forward(down)[0]).sum()) / 2e-5
    return _worst(backward(dy, cache), g)


def dy_of_the_wrong_shape(forward, backward, x, rng):
    x = x.astype(np.float64)
    dy = rng.standard_normal((1, 1))
    y, cache = forward(x)
    return _worst(backward(dy, cache), _numerical(lambda x: forward(x)[0].sum(), x))


def ones_and_sums(forward, backward, x, rng):
    y, cache = forward(x)
    dx = backward(np.ones(y.shape), cache)
    return abs(dx.sum() - _numerical(lambda x: forward(x)[0].sum(), x).sum())


def not_a_unit_vector(f, x, dx, direction, h):
    ahead, behind = f(x + h * direction), f(x - h * direction)
    return np.sum(direction * dx), (ahead - behind) / (2 * h)


def squared_length(f, x, dx, direction, h):
    u = direction / np.vdot(direction, direction)
    return np.vdot(u, dx), (f(x + h * u) - f(x - h * u)) / h / 2


def unit_rows(f, x, dx, direction, h):
    u = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    return np.vdot(u, dx), (f(x + h * u) - f(x - h * u)) / h / 2


def analytic_without_length(f, x, dx, direction, h):
    u = direction / np.linalg.norm(direction.ravel())
    return np.vdot(direction, dx), (f(x + h * u) - f(x - h * u)) / (h + h)


def numerical_without_length(f, x, dx, direction, h):
    u = direction / np.linalg.norm(direction.ravel())
    return np.vdot(u, dx), (f(x + h * direction) - f(x - h * direction)) / (h + h)


def mean_of_products(f, x, dx, direction, h):
    u = direction / np.linalg.norm(direction.ravel())
    return np.mean(u * dx), (f(x + h * u) - f(x - h * u)) / (h + h)


def steepest(f, x, dx, direction, h):
    u = direction / np.linalg.norm(direction.ravel())
    return np.linalg.norm(dx.ravel()), (f(x + h * u) - f(x - h * u)) / (h + h)


def one_side(f, x, dx, direction, h):
    u = direction / np.linalg.norm(direction.ravel())
    return np.vdot(u, dx), (f(x + h * u) - f(x)) / h


def over_h(f, x, dx, direction, h):
    u = direction / np.linalg.norm(direction.ravel())
    return np.vdot(u, dx), (f(x + h * u) - f(x - h * u)) / h


def a_step_of_one(f, x, dx, direction, h):
    u = direction / np.linalg.norm(direction.ravel())
    return np.vdot(u, dx), (f(x + u) - f(x - u)) / 2


def behind_minus_ahead(f, x, dx, direction, h):
    u = direction / np.linalg.norm(direction.ravel())
    return np.vdot(u, dx), (f(x - h * u) - f(x + h * u)) / (2 * h)


def moves_x(f, x, dx, direction, h):
    u = direction / np.linalg.norm(direction.ravel())
    x += h * u
    ahead = f(x)
    x -= 2 * h * u
    behind = f(x)
    return np.vdot(u, dx), (ahead - behind) / (2 * h)


def moves_the_direction(f, x, dx, direction, h):
    direction /= np.linalg.norm(direction.ravel())
    return np.vdot(direction, dx), (f(x + h * direction) - f(x - h * direction)) / (2 * h)


def length_and_side(f, x, dx, direction, h):
    return np.vdot(dx, direction), (f(x + h * direction) - f(x)) / h


def gives_f_a_flat_x(f, x, h):
    flat = np.array(x, float).ravel()
    g = np.zeros(flat.size)
    for i in range(flat.size):
        e = np.zeros(flat.size)
        e[i] = h
        g[i] = (float(f(flat + e)) - float(f(flat - e))) / (2 * h)
    return g.reshape(x.shape)


def at_least_two_axes(f, x, h):
    x = np.atleast_2d(np.array(x, float))
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = h
        g[i] = (float(f(x + e)) - float(f(x - e))) / (2 * h)
    return g


def sizes_compared(a, n, floor):
    if a.size != n.size or not (np.isfinite(a).all() and np.isfinite(n).all()):
        return np.inf
    return max(abs(p - q) / (floor + abs(q)) for p, q in zip(a.ravel(), n.ravel()))


def complains_of_shapes(a, n, floor):
    if a.shape != n.shape:
        raise ValueError("shapes differ")
    return worst(a, n, floor)


def worst(a, n, floor):
    if not (np.isfinite(a).all() and np.isfinite(n).all()):
        return np.inf
    return np.max(np.abs(a - n) / (floor + np.abs(n)))


def only_nan_counts(a, n, floor):
    if a.shape != n.shape or np.isnan(a).any() or np.isnan(n).any():
        return np.inf
    return np.nan_to_num(np.abs(a - n) / (floor + np.abs(n))).max()


def root_mean_square(a, n, floor):
    if a.shape != n.shape or not np.isfinite(a + n).all():
        return np.inf
    return np.linalg.norm((a - n) / (floor + abs(n))) / np.sqrt(a.size)


def largest_by_largest(a, n, floor):
    if a.shape != n.shape or not np.isfinite(a + n).all():
        return np.inf
    return abs(a - n).max() / (floor + abs(n).max())


def floor_added_at_the_end(a, n, floor):
    if a.shape != n.shape or not np.isfinite(a + n).all():
        return np.inf
    return (abs(a - n) / abs(n)).max() + floor


def both_in_the_middle(a, n, floor):
    if a.shape != n.shape or not np.isfinite(a + n).all():
        return np.inf
    return (abs(a - n) / (floor + 0.5 * (abs(a) + abs(n)))).max()


def needs_a_difference(a, n, floor):
    if a.shape != n.shape or not np.isfinite(a + n).all():
        return np.inf
    errors = abs(a - n) / (floor + abs(n))
    return errors[errors > 0].max()


def _check(forward, backward, x, dy, loss=None, floor=0.01, h=1e-5, cache=None, compare=None):
    x = np.array(x, float)
    y, own = forward(x)
    dx, slope = backward(dy, own if cache is None else cache), np.zeros(x.shape)
    loss = loss or (lambda y: (dy * y).sum())
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = h
        slope[i] = (loss(forward(x + e)[0]) - loss(forward(x - e)[0])) / (2 * h)
    return (compare or worst)(dx, slope, floor)


def _y(forward, x):
    return forward(np.array(x, float))[0]


def dy_anew_in_every_loss(forward, backward, x, rng):
    dy = rng.standard_normal(_y(forward, x).shape)
    return _check(forward, backward, x, dy, lambda y: (rng.standard_normal(y.shape) * y).sum())


def cache_in_float32(forward, backward, x, rng):
    y, cache = forward(x)
    return _check(forward, backward, x, rng.standard_normal(y.shape), cache=cache)


def cache_of_the_last_nudge(forward, backward, x, rng):
    x = np.array(x, float)
    dy = rng.standard_normal(_y(forward, x).shape)
    return _check(forward, backward, x, dy, cache=forward(x - 1e-5 * np.eye(1, x.size, x.size - 1).reshape(x.shape))[1])


def step_of_a_thousandth(forward, backward, x, rng):
    return _check(forward, backward, x, rng.standard_normal(_y(forward, x).shape), h=1e-3)


def mean_of_dy_times_y(forward, backward, x, rng):
    dy = rng.standard_normal(_y(forward, x).shape)
    return _check(forward, backward, x, dy, lambda y: (dy * y).mean())


def gradients_exchanged(forward, backward, x, rng):
    dy = rng.standard_normal(_y(forward, x).shape)
    return _check(forward, backward, x, dy, compare=lambda a, n, floor: worst(n, a, floor))


def smaller_floor(forward, backward, x, rng):
    return _check(forward, backward, x, rng.standard_normal(_y(forward, x).shape), floor=1e-8)


def seed_of_its_own(forward, backward, x, rng):
    return _check(forward, backward, x, np.random.default_rng(1).standard_normal(_y(forward, x).shape))


def no_seed(forward, backward, x, rng):
    return _check(forward, backward, x, np.random.default_rng().standard_normal(_y(forward, x).shape))


def dy_never_negative(forward, backward, x, rng):
    return _check(forward, backward, x, rng.random(_y(forward, x).shape))


def one_dy_for_all_pictures(forward, backward, x, rng):
    y = _y(forward, x)
    return _check(forward, backward, x, rng.standard_normal(y[:1].shape) + 0 * y)


def one_dy_for_a_picture(forward, backward, x, rng):
    y = _y(forward, x)
    return _check(forward, backward, x, rng.standard_normal((len(y), 1)) + 0 * y)


def shape_of_dx_ignored(forward, backward, x, rng):
    dy = rng.standard_normal(_y(forward, x).shape)
    return _check(forward, backward, x, dy, compare=lambda a, n, floor: worst(np.resize(a, n.shape), n, floor))


def ten_entries_at_random(forward, backward, x, rng):
    x = np.array(x, float)
    y, cache = forward(x)
    dy = rng.standard_normal(y.shape)
    dx, error = backward(dy, cache), 0.0
    if dx.shape != x.shape or not np.isfinite(dx).all():
        return np.inf
    for k in range(x.size) if x.size <= 30 else np.random.default_rng(0).choice(x.size, 10, replace=False):
        e = np.zeros(x.size)
        e[k] = 1e-5
        e = e.reshape(x.shape)
        slope = (dy * (forward(x + e)[0] - forward(x - e)[0])).sum() / 2e-5
        error = max(error, abs(dx.flat[k] - slope) / (0.01 + abs(slope)))
    return error


def y_for_the_cache(forward, backward, x, rng):
    y = _y(forward, x)
    return _check(forward, backward, x, rng.standard_normal(y.shape), cache=y)


def one_buffer(f, x, dx, direction, h):
    unit = direction / np.sqrt(np.sum(direction * direction))
    ahead, behind = f(x + h * unit), f(x - h * unit)
    return np.sum(dx * unit), (ahead - behind) / (2 * h)


def flat_all_the_way(f, x, dx, direction, h):
    unit = direction.ravel() / np.linalg.norm(direction.ravel())
    ahead, behind = float(f(x.ravel() + h * unit)), float(f(x.ravel() - h * unit))
    return dx.ravel() @ unit, (ahead - behind) / (2 * h)


def largest_singular_value(f, x, dx, direction, h):
    unit = direction / np.linalg.svd(direction.reshape(direction.shape[0], -1))[1][0]
    return (dx * unit).sum(), (float(f(x + h * unit)) - float(f(x - h * unit))) / (2 * h)


def along_dx(f, x, dx, direction, h):
    unit = dx / np.linalg.norm(dx.ravel())
    return (dx * unit).sum(), (float(f(x + h * unit)) - float(f(x - h * unit))) / (2 * h)


MUTANTS = [
    ("03-numerical", "G4", forward_difference),
    ("03-numerical", "G4", backward_difference),
    ("03-numerical", "G4", comes_back_only_to_x),
    ("03-numerical", "G4", half_steps),
    ("03-numerical", "G5", divides_by_h),
    ("03-numerical", "G5", divides_by_two_times_h),
    ("03-numerical", "G5", mean_of_the_rise),
    ("03-numerical", "G6", does_not_put_back),
    ("03-numerical", "G6", puts_back_too_far),
    ("03-numerical", "G7", own_step),
    ("03-numerical", "G7", relative_step),
    ("03-numerical", "G8", everything_at_once),
    ("03-numerical", "G8", whole_rows),
    ("03-numerical", "G9", below_minus_above),
    ("03-numerical", "two: unchanged + G6", nudges_the_callers_x),
    ("03-numerical", "G1", copies_the_dtype),
    ("03-numerical", "G2", keeps_integers),
    ("03-numerical", "G3", trusts_the_array_it_is_given),
    ("03-numerical", "two: G4 + G6", one_sided_and_not_put_back),
    ("03-error", "G10", absolute_difference),
    ("03-error", "G11", mean_error),
    ("03-error", "G11", added_up),
    ("03-error", "G11", by_norms),
    ("03-error", "G12", no_floor),
    ("03-error", "G13", by_the_suspect),
    ("03-error", "G13", by_both),
    ("03-error", "G13", by_the_signed_one),
    ("03-error", "G14", signed),
    ("03-error", "G2", nan_slips_through),
    ("03-error", "G2", nan_comes_out),
    ("03-error", "G2", nan_is_skipped),
    ("03-error", "F3", shapes_stretched),
    ("03-error", "two: edit-call + edit-operation", mean_of_absolute),
    ("03-layer", "S8", all_ones),
    ("03-layer", "G17", new_dy_each_time),
    ("03-layer", "G22", random_dy_but_plain_loss),
    ("03-layer", "G18", sums_compared),
    ("03-layer", "G18", last_column_forgotten),
    ("03-layer", "G2", max_that_skips_nan),
    ("03-layer", "G1", single_precision),
    ("03-layer", "kind", dy_of_the_wrong_shape),
    ("03-layer", "G18", ones_and_sums),
    ("03-along", "G15", not_a_unit_vector),
    ("03-along", "G15", squared_length),
    ("03-along", "G15", unit_rows),
    ("03-along", "G15", analytic_without_length),
    ("03-along", "G15", numerical_without_length),
    ("03-along", "G16", mean_of_products),
    ("03-along", "G16", steepest),
    ("03-along", "G4", one_side),
    ("03-along", "G5", over_h),
    ("03-along", "G7", a_step_of_one),
    ("03-along", "G9", behind_minus_ahead),
    ("03-along", "unchanged", moves_x),
    ("03-along", "unchanged", moves_the_direction),
    ("03-along", "G15", length_and_side),
    ("03-numerical", "G19", gives_f_a_flat_x),
    ("03-numerical", "case", at_least_two_axes),
    ("03-error", "F3", sizes_compared),
    ("03-error", "F3", complains_of_shapes),
    ("03-error", "G2", only_nan_counts),
    ("03-error", "G11", root_mean_square),
    ("03-error", "G11", largest_by_largest),
    ("03-error", "G12", floor_added_at_the_end),
    ("03-error", "G13", both_in_the_middle),
    ("03-error", "case", needs_a_difference),
    ("03-layer", "G17", dy_anew_in_every_loss),
    ("03-layer", "G1", cache_in_float32),
    ("03-layer", "G23", cache_of_the_last_nudge),
    ("03-layer", "G7", step_of_a_thousandth),
    ("03-layer", "G22", mean_of_dy_times_y),
    ("03-layer", "G13", gradients_exchanged),
    ("03-layer", "G13", smaller_floor),
    ("03-layer", "G20", seed_of_its_own),
    ("03-layer", "G20", no_seed),
    ("03-layer", "G21", dy_never_negative),
    ("03-layer", "G20", one_dy_for_all_pictures),
    ("03-layer", "S8", one_dy_for_a_picture),
    ("03-layer", "F3", shape_of_dx_ignored),
    ("03-layer", "G24", ten_entries_at_random),
    ("03-layer", "kind", y_for_the_cache),
    ("03-along", "G3", one_buffer),
    ("03-along", "G19", flat_all_the_way),
    ("03-along", "G15", largest_singular_value),
    ("03-along", "G15", along_dx),
]

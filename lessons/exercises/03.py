"""Lesson 03, gradient checks: its exercises and the known mistakes."""

import numpy as np

from tinyalex import gradcheck
from tinyalex.layers import LocalResponseNorm, ReLU
from tinyalex.teaching import draws
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong, WrongKind, kind_of
from tinyalex.teaching.values import agree


def numerical(f, x, h):
    x = np.array(x, np.float64)
    return gradcheck.numerical_gradient(lambda: f(x), x, h)


def worst(analytic, numerical, floor):
    analytic, numerical = np.asarray(analytic, np.float64), np.asarray(numerical, np.float64)
    if analytic.shape != numerical.shape or not np.isfinite(analytic + numerical).all():
        return np.inf
    return (np.abs(analytic - numerical) / (floor + np.abs(numerical))).max()


def layer_error(forward, backward, x, rng):
    x = np.array(x, np.float64)
    y, cache = forward(x)
    dy = rng.standard_normal(y.shape)
    return worst(backward(dy, cache), numerical(lambda x: (dy * forward(x)[0]).sum(), x, gradcheck.STEP), 0.01)


def along(f, x, dx, direction, h):
    x = np.array(x, np.float64)
    unit = direction / np.sqrt((direction**2).sum())
    return (dx * unit).sum(), gradcheck.numerical_derivative(lambda: f(x), x, unit, h)


# The steps are so large that the central difference itself is off, so each formula below gives another result


def _coupled(x):
    """Each entry's derivative depends on its neighbours, so an entry left nudged shows in the next ones."""
    flat = x.reshape(-1)
    return (x**3).sum() + (flat[1:] * flat[:-1] ** 2).sum() + np.sin(2 * flat).sum()


def _x(shape, seed=0):
    return np.random.default_rng(seed).permutation(np.linspace(-1.4, 1.7, int(np.prod(shape)))).reshape(shape)


def _numerical_probe():
    return _coupled, _x((2, 3)), 0.2


def _numerical_deep_probe():
    return _coupled, _x((2, 2, 3), 1), 0.3


def _numerical_vector_probe():
    return _coupled, _x((7,), 2), 0.25


def _numerical_number_probe():
    return _coupled, np.array(0.7), 0.2


def _numerical_small_probe():
    return lambda x: 1e-12 * _coupled(x), _x((2, 3)), 0.2


def _worst_probe():
    rng = np.random.default_rng(2)
    numerical = rng.uniform(-3, 3, (3, 5))
    numerical[1, 2] = 0.0
    return numerical + rng.uniform(-0.4, 0.1, (3, 5)), numerical, 0.03


def _worst_vector_probe():
    return np.array([2.0, -0.001, -5.2, 0.3]), np.array([2.1, 0.004, -4.6, 0.3]), 0.2


def _along_probe():
    rng = np.random.default_rng(3)
    return _coupled, _x((2, 3)), rng.standard_normal((2, 3)), 3 * rng.standard_normal((2, 3)), 0.2


def _along_deep_probe():
    rng = np.random.default_rng(4)
    return _coupled, _x((2, 2, 3), 1), rng.standard_normal((2, 2, 3)), 0.4 * rng.standard_normal((2, 2, 3)), 0.3


# ---------------------------------------------------------------------------------------------- numerical


def _by_entry(rule):
    """rule(f, moved, x, index, h) -> one entry; `moved` is a copy that it may leave nudged."""

    def wrong(f, x, h):
        moved, gradient = np.array(x, np.float64), np.zeros(np.shape(x))
        for index in np.ndindex(*gradient.shape):
            gradient[index] = rule(f, moved, np.asarray(x, np.float64), index, h)
        return gradient

    return wrong


def _at(f, x, index, step):
    nudged = np.array(x, np.float64)
    nudged[index] += step
    return float(f(nudged))


def _left(below, after):
    """Nudge by h, then by `below` · h, then by `after` · h, each from where the last left off."""

    def rule(f, moved, x, index, h):
        moved[index] += h
        above = float(f(moved))
        moved[index] += below * h
        low = float(f(moved))
        moved[index] += after * h
        return (above - low) / (2 * h)

    return rule


def _row(f, moved, x, index, h):
    return (_at(f, x, index[0], h) - _at(f, x, index[0], -h)) / (2 * h)


NUMERICAL_WRONG = (
    Wrong(
        "G4",
        _by_entry(lambda f, moved, x, i, h: (_at(f, x, i, h) - float(f(x))) / h),
        "That is a one-sided difference, from x to x + h. Its error shrinks like h; with a step to either side it "
        "shrinks like h².",
    ),
    Wrong(
        "G4",
        _by_entry(lambda f, moved, x, i, h: (float(f(x)) - _at(f, x, i, -h)) / h),
        "That is a one-sided difference, from x − h to x. Its error shrinks like h; with a step to either side it "
        "shrinks like h².",
    ),
    Wrong(
        "G4",
        _by_entry(lambda f, moved, x, i, h: (_at(f, x, i, h) - float(f(x))) / (2 * h)),
        "Your lower point is x, not x − h. From x + h, step back by 2h.",
    ),
    Wrong(
        "G4",
        _by_entry(lambda f, moved, x, i, h: (_at(f, x, i, h / 2) - _at(f, x, i, -h / 2)) / h),
        "You step by h/2 to either side. Step by h, so that the two points are 2h apart.",
    ),
    Wrong(
        "G5",
        _by_entry(lambda f, moved, x, i, h: (_at(f, x, i, h) - _at(f, x, i, -h)) / h),
        "Twice too large: x − h and x + h are 2h apart, so divide by 2h.",
    ),
    Wrong(
        "G5",
        _by_entry(lambda f, moved, x, i, h: (_at(f, x, i, h) - _at(f, x, i, -h)) / 2 * h),
        "You divide by 2 and then multiply by h: Python reads a / 2 * h from the left. Write a / (2 * h).",
    ),
    Wrong(
        "G5",
        _by_entry(lambda f, moved, x, i, h: (_at(f, x, i, h) - _at(f, x, i, -h)) / 2),
        "You divide by 2 but not by h: a slope is the rise divided by the distance, 2h.",
    ),
    Wrong(
        "G5",
        _by_entry(lambda f, moved, x, i, h: _at(f, x, i, h) - _at(f, x, i, -h)),
        "That is the rise alone. A slope is the rise divided by the distance, 2h.",
    ),
    Wrong(
        "G6",
        _by_entry(_left(-2, 0)),
        "The nudged entry stays at x − h while you measure the next ones. Restore it first.",
    ),
    Wrong(
        "G6",
        _by_entry(_left(-2, 2)),
        "You restore the entry to x + h, not to x. Save its old value and assign that, instead of adding and "
        "subtracting.",
    ),
    Wrong(
        "G7",
        _by_entry(lambda f, moved, x, i, h: (_at(f, x, i, 1e-5) - _at(f, x, i, -1e-5)) / 2e-5),
        "Your step is fixed at 1e-5. Use the argument h.",
    ),
    Wrong(
        "G7",
        _by_entry(lambda f, moved, x, i, h: (_at(f, x, i, h * x[i]) - _at(f, x, i, -h * x[i])) / (2 * h)),
        "You step by h times the entry. The step is h for every entry, whatever its size.",
    ),
    Wrong(
        "G8",
        _by_entry(lambda f, moved, x, i, h: (float(f(x + h)) - float(f(x - h))) / (2 * h)),
        "You nudge all entries at once, so every number is the sum of all derivatives. Nudge one and leave the others "
        "alone.",
    ),
    Wrong(
        "G8",
        _by_entry(_row),
        "x[i] is a whole row of an array with several axes, and you nudge all of it. Go through every index: "
        "np.ndindex(*x.shape).",
    ),
    Wrong(
        "G9",
        _by_entry(lambda f, moved, x, i, h: (_at(f, x, i, -h) - _at(f, x, i, h)) / (2 * h)),
        "The sign is wrong: it is f at x + h minus f at x − h.",
    ),
)


def _keeps_float64(function):
    x = _x((2, 3)).astype(np.float32)
    return agree(np.asarray(function(_coupled, x, 1e-3)), np.asarray(function(_coupled, x.astype(np.float64), 1e-3)))


def _takes_integers(function):
    x = np.array([[3, -2, 1], [2, 1, -1]])
    return agree(np.asarray(function(_coupled, x, 0.25)), np.asarray(function(_coupled, x.astype(np.float64), 0.25)))


def _takes_a_buffer(call):
    """Holds if call(f) gives the same for an f that returns one array in every call. call: the learner's function"""
    buffer = np.zeros(())

    def f(x):
        buffer[...] = _coupled(x)
        return buffer

    return agree(np.asarray(call(f)), np.asarray(call(_coupled)))


def _keeps_shape(call):
    """Holds if call(f) gives f arrays of shape (2, 3). call: the learner's function"""
    shapes = []

    def f(x):
        shapes.append(np.shape(x))
        return _coupled(np.asarray(x))

    call(f)
    wrong = [shape for shape in shapes if shape != (2, 3)]
    return f"It got one of shape {wrong[0]} for an x of (2, 3)." if wrong else True


def _buffer(call):
    return Property(
        "G3",
        lambda function: _takes_a_buffer(lambda f: call(function, f)),
        "f may return the same array each time, with a new number in it: above and below are then one array, and their "
        "difference is 0. Take float(f(x)) at once.",
        late=True,
    )


def _shape_of_x(call):
    return Property(
        "G19", lambda function: _keeps_shape(lambda f: call(function, f)), "f takes an array shaped like x.", late=True
    )


def _numerical_with(function, f):
    return function(f, _x((2, 3)), 0.2)


def _along_with(function, f):
    return np.array(function(f, *_along_probe()[1:]))


def _numerical_by_hand(arguments, output, index):
    f, x, h = arguments
    above, below = _at(f, x, index, h), _at(f, x, index, -h)
    return (
        f"By hand: x is {x[index]:.4g} there; f is {above:.6g} with {x[index] + h:.4g} and {below:.6g} with "
        f"{x[index] - h:.4g}; ({above:.6g} − {below:.6g}) / {2 * h:g} = {(above - below) / (2 * h):.6g}."
    )


# ---------------------------------------------------------------------------------------------- the error


def _each(rule, gather=np.max):
    return lambda a, n, floor: gather(rule(np.asarray(a), np.asarray(n), floor)) if _comparable(a, n) else np.inf


def _comparable(a, n):
    return np.shape(a) == np.shape(n) and np.isfinite(np.add(a, n)).all()


def _relative(a, n, floor):
    return np.abs(a - n) / (floor + np.abs(n))


def _half(a, n):
    return (np.abs(a) + np.abs(n)) / 2


def _norms(a, n, floor):
    return np.sqrt(((a - n) ** 2).sum()) / (floor + np.sqrt((n**2).sum()))


ERROR_WRONG = (
    Wrong(
        "G10",
        _each(lambda a, n, floor: np.abs(a - n)),
        "That is the absolute difference. 1e-6 is nothing for a gradient of 1,000 and everything for one of 1e-7: "
        "divide by floor + |numerical|.",
    ),
    Wrong(
        "G11",
        _each(_relative, np.mean),
        "You take the mean, which hides one wrong entry among a thousand right ones. Take the largest error.",
    ),
    Wrong(
        "G11",
        _each(_relative, np.sum),
        "You add the errors up, so the result grows with the size of the array. Take the largest.",
    ),
    Wrong("G11", _each(_relative, np.min), "You take the smallest error. Take the largest."),
    Wrong(
        "G11",
        _each(_norms),
        "You compare the lengths of whole arrays, where a small entry that is quite wrong disappears. Compare entry "
        "by entry.",
    ),
    Wrong(
        "G11",
        _each(_relative, lambda errors: np.sqrt((errors**2).mean())),
        "You take the root mean square, which hides one wrong entry among a thousand right ones. Take the largest "
        "error.",
    ),
    Wrong(
        "G11",
        _each(lambda a, n, floor: np.abs(a - n).max() / (floor + np.abs(n).max())),
        "You divide the largest difference by the largest gradient: a small entry that is quite wrong disappears. "
        "Divide entry by entry, then take the largest.",
    ),
    Wrong(
        "G12",
        _each(lambda a, n, floor: np.abs(a - n) / np.abs(n) + floor),
        "You add the floor to the quotient. It belongs in the denominator: floor + |numerical|.",
    ),
    Wrong(
        "G12",
        _each(lambda a, n, floor: np.abs(a - n) / np.abs(n)),
        "The floor is missing from the denominator: where the numerical gradient is near 0, you divide by 0 or "
        "magnify rounding.",
    ),
    Wrong(
        "G12",
        _each(lambda a, n, floor: np.abs(a - n) / np.maximum(floor, np.abs(n))),
        "You take the larger of floor and |numerical|. Take their sum.",
    ),
    Wrong(
        "G13",
        _each(lambda a, n, floor: np.abs(a - n) / (floor + np.abs(a))),
        "You divide by the analytic gradient, which is the suspect. Divide by floor + |numerical|.",
    ),
    Wrong(
        "G13",
        _each(lambda a, n, floor: np.abs(a - n) / (floor + np.abs(a) + np.abs(n))),
        "You divide by floor + |analytic| + |numerical|. Divide by floor + |numerical|.",
    ),
    Wrong(
        "G13",
        _each(lambda a, n, floor: np.abs(a - n) / (floor + _half(a, n))),
        "You divide by floor plus the mean of both gradients. Divide by floor + |numerical|.",
    ),
    Wrong(
        "G13",
        _each(lambda a, n, floor: np.abs(a - n) / (floor + np.maximum(np.abs(a), np.abs(n)))),
        "You divide by floor plus the larger gradient. Divide by floor + |numerical|.",
    ),
    Wrong(
        "G13",
        _each(lambda a, n, floor: np.abs(a - n) / (floor + n)),
        "Your denominator keeps the numerical gradient's sign. Use |numerical|.",
    ),
    Wrong(
        "G14",
        _each(lambda a, n, floor: (a - n) / (floor + np.abs(n))),
        "The difference keeps its sign, so a gradient that is far too small counts as no error. Take its absolute "
        "value.",
    ),
)


def _sees_what_is_not_finite(function):
    right = np.array([0.5, -2.0, 3.0])
    for value in (np.nan, np.inf, -np.inf):
        for place in range(3):
            wrong = right.copy()
            wrong[place] = value
            for which, pair in (("analytic", (wrong, right)), ("numerical", (right, wrong)), ("both", (wrong, wrong))):
                found = function(*(a.copy() for a in pair), 0.01)
                if found != np.inf:
                    return f"With {value} in entry {place} of 3, in {which}, you return {float(found):.3g}."


def _sees_shapes(function):
    for one, other in (((3,), (2, 1)), ((6,), (2, 3)), ((2, 3), (3, 2)), ((1, 3), (3,)), ((3,), (1,)), ((1,), ())):
        try:
            found = function(np.full(one, 0.5), np.full(other, 0.5), 0.01)
        except ValueError as error:
            return f"For shapes {one} and {other} yours raises {type(error).__name__}."
        if found != np.inf:
            return f"For shapes {one} and {other} you return {float(found):.3g}."


def _equal_arrays():
    return np.array([[0.0, -2.0, 3.0]]), np.array([[0.0, -2.0, 3.0]]), 0.01


def _whole_numbers():
    return np.array([[2, -1, 3]]), np.array([[2.5, -1.0, 2.75]]), 0.5


def _last_is_worst():
    return np.array([[[0.1], [0.2]], [[0.3], [-0.5]]]), np.array([[[0.1], [0.2]], [[0.3], [0.0]]]), 0.04


def _error_by_hand(arguments, output, index):
    a, n, floor = arguments
    at = np.unravel_index(_relative(a, n, floor).argmax(), a.shape)
    return (
        f"By hand: the worst entry is {tuple(int(i) for i in at)}: |{a[at]:.6g} − {n[at]:.6g}| / ({floor} + "
        f"{abs(n[at]):.6g}) = {_relative(a, n, floor)[at]:.6g}."
    )


# ---------------------------------------------------------------------------------------------- layers, right and wrong


def _softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return (e / e.sum(axis=1, keepdims=True),) * 2


def _softmax_backward(dy, y):
    return y * (dy - (dy * y).sum(axis=1, keepdims=True))


_WEIGHT = np.random.default_rng(5).uniform(0.5, 1.5, (3, 4)) * np.array([1, -1, 1, -1])


def _dense(x):
    return x @ _WEIGHT.astype(x.dtype), None


def _dense_backward(dy, cache):
    return dy @ _WEIGHT.T


_NORM = LocalResponseNorm(3, 0.5, 0.6, 1.5)


def _norm_backward(dy, cache):
    return _NORM.backward(dy, cache)[0]


def _numerator_only(dy, cache):
    x, q = cache
    return dy * q ** (4 * _NORM.beta)


def _edited(backward, edit):
    def wrong(dy, cache):
        dx = backward(dy, cache).copy()
        edit(dx)
        return dx

    return wrong


def _last_entry(dx):
    dx[-1, -1] *= 0.99


def _entry_in_the_middle(dx):
    dx[13, 1] *= 0.98


def _two_swapped(dx):
    dx[0, 0], dx[1, 2] = dx[1, 2], dx[0, 0]


def _halved(dx):
    dx *= 0.5


def _a_nan(dx):
    dx[1, 1] = np.nan


def _layer_x(scale=1.0):
    return scale * np.random.default_rng(6).standard_normal((2, 3))


class _Cache:
    def __init__(self, place, inside):
        self.place, self.inside = place, inside


class _Watched:
    """A layer that remembers how a check uses it, and the error that the check returns.

    given: what `forward` got, arrays;  states: of rng, before each of these calls;  dy: what `backward` got
    kept: the place in `given` of the x whose cache `backward` got
    """

    def __init__(self, function, layer, x=None, rng=7):
        self._forward, self._backward = layer
        self.x = _layer_x() if x is None else x
        self.rng = np.random.default_rng(rng) if isinstance(rng, int) else rng
        self.given, self.states, self.dy, self.kept = [], [], None, None
        error = function(self.forward, self.backward, self.x.copy(), self.rng)
        if isinstance(error, (bool, np.bool_)) or np.shape(error):
            raise WrongKind(f"it returns {kind_of(error)}, expected one number, the error")
        if self.dy is None:
            raise WrongKind("backward is never called")
        self.error = float(error)

    def forward(self, x):
        self.given.append(np.array(x))
        self.states.append(str(self.rng.bit_generator.state))
        y, cache = self._forward(x)
        self._shape = y.shape
        return y, _Cache(len(self.given) - 1, cache)

    def backward(self, dy, cache):
        if not isinstance(cache, _Cache):
            raise WrongKind(f"backward gets {kind_of(cache)}, expected the cache that forward returned")
        if np.shape(dy) != self._shape:
            raise WrongKind(f"dy.shape is {np.shape(dy)}, expected {self._shape}, as y")
        self.dy, self.kept = np.array(dy), cache.place
        return self._backward(dy, cache.inside)

    def sides(self, loss=lambda dy, y: (dy * y).sum()):
        """(analytic, numerical) with the dy that was drawn."""
        x = np.array(self.x, np.float64)
        slope = numerical(lambda x: loss(self.dy, self._forward(x)[0]), x, gradcheck.STEP)
        return self._backward(self.dy, self._forward(x)[1]), slope


_RIGHT_LAYERS = {
    "dense": (_dense, _dense_backward),
    "a softmax": (_softmax, _softmax_backward),
    "a normalisation": (_NORM.forward, _norm_backward),
}
_DENSE = _RIGHT_LAYERS["dense"]


def _draws_once(function):
    states = _Watched(function, _DENSE).states
    return len(set(states)) <= 2


def _from_rng(function):
    return draws.generator(lambda rng: _Watched(function, _DENSE, rng=rng).dy)


def _own_cache(function):
    watched = _Watched(function, _DENSE)
    x = watched.given[watched.kept]
    if x.dtype != np.float64:
        return f"That x is {x.dtype}."
    return np.array_equal(x, watched.x) or f"It differs by up to {np.abs(x - watched.x).max():.2g}."


def _precise_cache(function):
    watched = _Watched(function, _DENSE, _layer_x().astype(np.float32))
    return watched.given[watched.kept].dtype == np.float64


def _right_step(function):
    watched = _Watched(function, _DENSE)
    steps = np.array([np.abs(x - watched.x).max() for x in watched.given])
    step = steps.max()
    return not step or abs(step - gradcheck.STEP) < 1e-9 or f"Yours is {step:.3g}."


OTHER_LOSSES = (
    (
        lambda dy, y: y.sum(),
        "You differentiate the sum of y: the loss is Σ dy · y, whose derivative with respect to y is dy.",
    ),
    (lambda dy, y: (dy * y).mean(), "You differentiate the mean of dy · y. The loss is the sum."),
    (lambda dy, y: y.mean(), "You differentiate the mean of y. The loss is Σ dy · y."),
)


def _right_ones_pass(function):
    for name, layer in _RIGHT_LAYERS.items():
        watched = _Watched(function, layer)
        if not watched.error < 1e-6:
            found = next((words for loss, words in OTHER_LOSSES if _gives(watched, *watched.sides(loss))), None)
            return found or f"The right layer is {name}; you return {watched.error:.2g}, expected about 1e-10."


def _gives(watched, analytic, numerical, floor=0.01):
    return bool(np.isclose(watched.error, worst(analytic, numerical, floor), rtol=1e-4))


def _right_error(function):
    """Whether the error of a wrong layer is that of worst_error, with the dy that was drawn and floor 0.01."""
    watched = _Watched(function, (_softmax, _edited(_softmax_backward, _halved)))
    analytic, slope = watched.sides()
    if _gives(watched, analytic, slope):
        return True
    if _gives(watched, slope, analytic):
        return "You exchanged its arguments: the analytic gradient, from backward, comes first."
    for floor in (0.0, 1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.1, 1.0):
        if _gives(watched, analytic, slope, floor):
            return f"Your floor is {floor:g}; use 0.01."
    return f"With the dy that you drew it is {worst(analytic, slope, 0.01):.6g}; you return {watched.error:.6g}."


def _every_entry_drawn(function):
    dy = _Watched(function, _DENSE, np.random.default_rng(6).standard_normal((5, 3))).dy
    for axis in range(2):
        if not np.ptp(dy, axis=axis).all():
            return f"Yours does not change along {('the pictures', 'the outputs of a picture')[axis]}."


def _both_signs(function):
    """A ReLU whose backward stops negative dy as well must be found."""
    relu = ReLU()
    x = np.random.default_rng(10).uniform(0.3, 2, (4, 6)) * np.where(np.arange(24).reshape(4, 6) % 3, 1, -1)
    layer = relu.forward, lambda dy, cache: relu.backward(np.maximum(dy, 0), cache)[0]
    watched = [_Watched(function, layer, x, seed) for seed in (8, 9)]
    if all(not w.error <= 1e-3 for w in watched):
        return True
    return "No entry of your dy is below 0." if min(w.dy.min() for w in watched) >= 0 else False


def _another_shape(function):
    return (
        not _Watched(function, (_dense, lambda dy, cache: _dense_backward(dy, cache)[0]), _layer_x()[:1]).error <= 1e-3
    )


def _one_of_sixty(function):
    x = np.random.default_rng(11).standard_normal((20, 3))
    layer = _dense, _edited(_dense_backward, _entry_in_the_middle)
    return all(not _Watched(function, layer, x, seed).error <= 1e-3 for seed in (8, 9))


def _last_of_many(function):
    x = np.random.default_rng(12).standard_normal((60, 3))
    layer = _dense, _edited(_dense_backward, lambda dx: np.negative(dx[-1], out=dx[-1]))
    return not _Watched(function, layer, x).error <= 1e-3


def _any_axes(function):
    """Layers whose y has one axis, or four."""
    sums = lambda x: (x.sum(axis=1), x.shape), lambda dy, shape: np.repeat(dy[:, None], shape[1], axis=1)
    halves = lambda x: (x[:, ::2] / 2, x.shape), _spread_over_rows
    for layer, shape in (sums, (3, 4)), (halves, (2, 4, 3, 2)):
        x = np.random.default_rng(13).standard_normal(shape)
        if not _Watched(function, layer, x).error < 1e-6:
            return f"It is one with x of shape {shape}."


def _spread_over_rows(dy, shape):
    dx = np.zeros(shape)
    dx[:, ::2] = dy / 2
    return dx


def _flags(forward, backward, least):
    """A wrong layer must be found with any dy."""
    return lambda function: all(not _Watched(function, (forward, backward), rng=seed).error <= least for seed in (8, 9))


def _passes(x):
    return lambda function: _Watched(function, _DENSE, x).error < 1e-6


LAYER_PROPERTIES = (
    Property(
        "G17",
        _draws_once,
        "You draw from rng again while x is nudged. Draw dy once: backward and the loss (dy · y).sum() of every nudge "
        "use the same dy.",
    ),
    Property("G23", _own_cache, "backward gets the cache of another x. Give it the one that forward(x) returned."),
    Property("G7", _right_step, "Nudge by h = 1e-5."),
    Property("G22", _right_ones_pass, "A right layer fails your check."),
    Property(
        "G18",
        _flags(_dense, _edited(_dense_backward, _two_swapped), 1e-3),
        "A layer that swaps two entries of dx passes your check. Compare entry with entry, not sums.",
    ),
    Property(
        "S8",
        _flags(_softmax, lambda dy, y: 0 * y, 1e-3),
        "A softmax whose backward returns zeros passes your check: if dy is all ones, or one number per row, the loss "
        "does not depend on x. Draw every entry of dy at random.",
    ),
    Property(
        "G2",
        lambda function: _Watched(function, (_dense, _edited(_dense_backward, _a_nan))).error == np.inf,
        "A layer that puts NaN into dx passes or gets no clear answer. Comparisons with NaN are false: return an "
        "infinite error.",
    ),
    Property(
        "G18",
        _flags(_dense, _edited(_dense_backward, _last_entry), 1e-3),
        "A layer with the last entry of dx 1 % too small passes your check. Compare every entry.",
    ),
    Property(
        "L9",
        _flags(_NORM.forward, _numerator_only, 1e-3),
        "A normalisation that forgets the neighbours in its backward passes your check. Compare every entry of dx "
        "with the numerical gradient.",
    ),
    Property(
        "G1",
        _passes(_layer_x().astype(np.float32)),
        "A right layer fails if x is float32, where a step of 1e-5 drowns in rounding. Make a float64 copy of x first.",
    ),
    Property(
        "G1", _precise_cache, "If x is float32, backward gets a cache in float32. Make the float64 copy before forward."
    ),
    Property("G1", _passes(_layer_x(300.0)), "A right layer fails if x is in the hundreds."),
    Property("G20", _from_rng, "Draw dy from the rng that you are given.", late=True),
    Property(
        "G21",
        _both_signs,
        "A ReLU that also stops negative gradients passes your check. Draw dy of both signs.",
        late=True,
    ),
    Property("G20", _every_entry_drawn, "Draw every entry of dy on its own.", late=True),
    Property("G13", _right_error, "Return worst_error(analytic, numerical, 0.01).", late=True),
    Property(
        "G24",
        _one_of_sixty,
        "A layer with one wrong entry of dx among sixty passes your check. Compare every entry.",
        late=True,
    ),
    Property("G24", _last_of_many, "A layer whose last row of dx among sixty is wrong passes.", late=True),
    Property("G25", _any_axes, "A right layer fails your check if its y has one axis, or four.", late=True),
    Property("F3", _another_shape, "A layer whose dx has shape (3,) for an x of (1, 3) passes your check.", late=True),
)


# ---------------------------------------------------------------------------------------------- along a direction


def _wrong_along(unit=None, analytic=None, numerical=None):
    """Ours with one part replaced. unit(direction);  analytic(dx, u);  numerical(f, x, u, h)."""

    def wrong(f, x, dx, direction, h):
        u = (unit or (lambda d: d / np.sqrt((d**2).sum())))(direction)
        slope = numerical or (lambda f, x, u, h: (float(f(x + h * u)) - float(f(x - h * u))) / (2 * h))
        return (analytic or (lambda dx, u: (dx * u).sum()))(dx, u), slope(f, np.asarray(x, np.float64), u, h)

    return wrong


def _length(d):
    return np.sqrt((d**2).sum())


ALONG_WRONG = (
    Wrong(
        "G15",
        _wrong_along(unit=lambda d: d / np.linalg.norm(d.reshape(len(d), -1), 2)),
        "You divide by a matrix norm, the largest singular value. The length is the root of the sum of squares of all "
        "entries.",
    ),
    Wrong(
        "G15",
        lambda f, x, dx, direction, h: _wrong_along()(f, x, dx, dx, h),
        "You step along dx. Step along the direction that you are given.",
    ),
    Wrong(
        "G15",
        _wrong_along(unit=lambda d: d),
        "You use the direction at its own length, so the step is not h. Divide it by its length first.",
    ),
    Wrong(
        "G15",
        _wrong_along(unit=lambda d: d / (d**2).sum()),
        "You divide the direction by the sum of its squares; its length is the square root of that.",
    ),
    Wrong(
        "G15",
        _wrong_along(unit=lambda d: d / np.abs(d).sum()),
        "You divide the direction by the sum of its absolute values; its length is the root of the sum of squares.",
    ),
    Wrong(
        "G15",
        _wrong_along(unit=lambda d: d / np.abs(d).max()),
        "You divide the direction by its largest entry; its length is the root of the sum of squares.",
    ),
    Wrong(
        "G15",
        _wrong_along(unit=lambda d: d / np.sqrt((d**2).sum(axis=-1, keepdims=True))),
        "You made every row of the direction a unit vector. The whole array is one vector and has one length.",
    ),
    Wrong(
        "G15", _wrong_along(unit=np.sign), "You keep only the signs of the direction. Divide it by its length instead."
    ),
    Wrong(
        "G15",
        lambda f, x, dx, direction, h: ((dx * direction).sum(), _wrong_along()(f, x, dx, direction, h)[1]),
        "Your numerical side uses the unit vector, your analytic side the direction at its own length. Use the unit "
        "vector in both.",
    ),
    Wrong(
        "G15",
        lambda f, x, dx, direction, h: (
            _wrong_along()(f, x, dx, direction, h)[0],
            _wrong_along(unit=lambda d: d)(f, x, dx, direction, h)[1],
        ),
        "Your analytic side uses the unit vector, your numerical side the direction at its own length. Use the unit "
        "vector in both.",
    ),
    Wrong(
        "G16",
        _wrong_along(analytic=lambda dx, u: (dx * u).mean()),
        "You take the mean. The analytic slope is the sum of dx · unit over all entries.",
    ),
    Wrong(
        "G16",
        _wrong_along(analytic=lambda dx, u: _length(dx)),
        "You return the length of dx, the slope along the steepest direction. Return the slope along this one: Σ dx · "
        "unit.",
    ),
    Wrong(
        "G16",
        _wrong_along(analytic=lambda dx, u: np.abs(dx * u).sum()),
        "You add up absolute values. Some entries make f rise and some make it fall: keep their signs.",
    ),
    Wrong(
        "G16",
        _wrong_along(analytic=lambda dx, u: dx.sum()),
        "You add up dx alone. It matters how far each entry moves: Σ dx · unit.",
    ),
    Wrong(
        "G4",
        _wrong_along(numerical=lambda f, x, u, h: (float(f(x + h * u)) - float(f(x))) / h),
        "That is a one-sided difference, from x to x + h. Step to both sides.",
    ),
    Wrong(
        "G5",
        _wrong_along(numerical=lambda f, x, u, h: (float(f(x + h * u)) - float(f(x - h * u))) / h),
        "Twice too large: the two points are 2h apart, so divide by 2h.",
    ),
    Wrong(
        "G5",
        _wrong_along(numerical=lambda f, x, u, h: (float(f(x + h * u)) - float(f(x - h * u))) / 2 * h),
        "You divide by 2 and then multiply by h: Python reads a / 2 * h from the left. Write a / (2 * h).",
    ),
    Wrong(
        "G7",
        _wrong_along(numerical=lambda f, x, u, h: (float(f(x + u)) - float(f(x - u))) / 2),
        "You step along the whole unit vector, a step of 1. Step by h.",
    ),
    Wrong(
        "G7",
        _wrong_along(numerical=lambda f, x, u, h: (float(f(x + u)) - float(f(x - u))) / (2 * h)),
        "You step along the whole unit vector and divide by 2h. Step by h times the unit vector.",
    ),
    Wrong(
        "G9",
        _wrong_along(numerical=lambda f, x, u, h: (float(f(x - h * u)) - float(f(x + h * u))) / (2 * h)),
        "The sign is wrong: it is f ahead minus f behind.",
    ),
)


def _along_by_hand(arguments, output, index):
    f, x, dx, direction, h = arguments
    unit = direction / _length(direction)
    if output == "analytic":
        terms = " + ".join(f"({a:.3g})·({b:.3g})" for a, b in zip(dx.flat[:3], unit.flat))
        return f"By hand: the direction's length is {_length(direction):.6g}; {terms} + … = {(dx * unit).sum():.6g}."
    ahead, behind = f(x + h * unit), f(x - h * unit)
    slope = (ahead - behind) / (2 * h)
    return f"By hand: f is {ahead:.6g} ahead and {behind:.6g} behind, {2 * h:g} apart: {slope:.6g}."


LESSON = Lesson(
    "03",
    "Gradients you can trust: test before you train",
    45,
    10,
    (
        Exercise(
            "03-numerical",
            "numerical_gradient",
            numerical,
            (_numerical_probe, _numerical_deep_probe),
            ("gradient",),
            axes={"gradient": ("row", "column")},
            wrong=NUMERICAL_WRONG,
            by_hand=_numerical_by_hand,
            properties=(
                Property(
                    "G1",
                    _keeps_float64,
                    "For a float32 x your gradient differs from that for the same numbers in float64: the rise drowns "
                    "in rounding. Work on a float64 copy of x.",
                ),
                Property(
                    "G2",
                    _takes_integers,
                    "For an x of integers your gradient differs from that for the same numbers as floats: an integer "
                    "array keeps 1 where you write 1.25. Work on a float64 copy of x.",
                ),
                _buffer(_numerical_with),
                _shape_of_x(_numerical_with),
                case("for an x with one axis", numerical, _numerical_vector_probe, ("gradient",)),
                case("for an x without axes", numerical, _numerical_number_probe, ("gradient",)),
                case("for small gradients", numerical, _numerical_small_probe, ("gradient",)),
            ),
            hints=(
                "If only one entry of x moves, by h up and by h down, what happens to f? And what must be true of x "
                "before you move the next entry?",
                "gradient[i] = (f(x with x_i + h) − f(x with x_i − h)) / 2h, one entry i at a time",
                "for i in np.ndindex(*x.shape): kept = x[i]; x[i] = kept + h; above = float(f(x)); x[i] = kept - h; "
                "below = float(f(x)); x[i] = kept",
            ),
        ),
        Exercise(
            "03-error",
            "worst_error",
            worst,
            (_worst_probe, _worst_vector_probe),
            ("error",),
            wrong=ERROR_WRONG,
            by_hand=_error_by_hand,
            properties=(
                Property(
                    "F3",
                    _sees_shapes,
                    "If the shapes differ, return np.inf. NumPy broadcasts many pairs without a word, and equal sizes "
                    "need not be equal shapes.",
                ),
                Property(
                    "G2",
                    _sees_what_is_not_finite,
                    "A NaN or an infinity must give np.inf. Every comparison with NaN is false, so neither "
                    "`error > tol` nor a maximum can be trusted with it, and inf − inf is NaN.",
                ),
                case("for equal arrays, zeros among them", worst, _equal_arrays, ("error",)),
                case("if the last of many entries is the worst", worst, _last_is_worst, ("error",)),
                case("if the analytic gradient holds whole numbers", worst, _whole_numbers, ("error",)),
            ),
            hints=(
                "How large may a difference be where the gradient is 1,000? Where it is 0? Which single entry decides?",
                "error = max over all entries of |analytic − numerical| / (floor + |numerical|); np.inf if shapes "
                "differ or anything is not finite",
                "return (np.abs(analytic - numerical) / (floor + np.abs(numerical))).max(), after the two tests",
            ),
        ),
        Exercise(
            "03-layer",
            "layer_error",
            layer_error,
            (lambda: (_softmax, _softmax_backward, _layer_x(), np.random.default_rng(7)),),
            ("error",),
            properties=LAYER_PROPERTIES,
            compare=False,
            hints=(
                "backward takes dy, and numerical_gradient takes a function that returns one number. Which number's "
                "derivative with respect to y is dy?",
                "loss(x) = Σ dy · y(x), with one random dy, drawn once; so d(loss)/dy is dy, and backward(dy, cache) "
                "must be d(loss)/dx",
                "numerical = numerical_gradient(lambda x: (dy * forward(x)[0]).sum(), x, 1e-5)",
            ),
        ),
        Exercise(
            "03-along",
            "slope_along",
            along,
            (_along_probe, _along_deep_probe),
            ("analytic", "numerical"),
            wrong=ALONG_WRONG,
            outside=("huge",),
            by_hand=_along_by_hand,
            properties=(_buffer(_along_with), _shape_of_x(_along_with)),
            hints=(
                "If all entries of x move at once, entry i by h · u_i, how much does each add to the change of f?",
                "u = direction / ‖direction‖;  analytic = Σ dx · u;  numerical = (f(x + h·u) − f(x − h·u)) / 2h",
                "unit = direction / np.sqrt((direction**2).sum())",
            ),
        ),
    ),
)

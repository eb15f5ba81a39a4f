"""check_layer: all that a layer has to be right about, in one call. `edited` plants a mistake, to prove its teeth.

The upstream gradient is random: all ones cannot see a softmax whose backward returns zeros. Float64 and central
differences with h = 1e-5 agree with a right gradient to about 4e-11, so rtol 1e-6 is safe; float32 would reach 3e-5.
"""

import copy
import inspect
import pickle
import sys
import textwrap
from contextlib import contextmanager

import numpy as np
import pytest

from tinyalex.layers.pieces import together
from tinyalex.standin import DeviceArray, xp

RTOL, ATOL, H = 1e-6, 1e-8, 1e-5
EVERY_ELEMENT = 500  # arrays larger than this are checked along three random directions instead


def check_layer(layer, x, forward, backward, train=False, seed=None):
    """AssertionError unless `layer` is right at `x`, and well-behaved.

    x: float64, (N, ...), N ≥ 2, away from kinks and ties
    forward(x, params) -> y, backward(dy, x, params) -> (dx, grads): the reference loops
    seed: for layers that draw; each forward gets a new generator of this seed
    Parameters and state become float64: parameters random, so that no bias is zero; state moved up from its start.
    """
    rng = np.random.default_rng(7)
    layer.map_arrays(lambda a: a.astype(np.float64))
    for value in layer.params.values():
        value[...] = rng.uniform(0.2, 1.0, value.shape) * rng.choice([-1, 1], value.shape)
    for value in layer.state.values():
        value += rng.uniform(0.2, 1.0, value.shape)
    probe = Probe(layer, x, train, seed, rng)
    probe.check_values(forward, backward)
    probe.check_numerically()
    probe.check_manners()
    probe.check_without_dx()
    probe.check_layouts()
    probe.check_dtypes()
    probe.check_batch()
    probe.check_pieces()
    probe.check_device()


class Probe:
    """One layer at one input: y, dx and grads as first computed, against which every later run is compared."""

    def __init__(self, layer, x, train, seed, rng):
        self.layer, self.x, self.train, self.seed, self.rng = layer, x, train, seed, rng
        self.before = pickle.dumps(vars(layer))
        self.y, cache = self.forward(x.copy())  # a copy: who writes into x must not change the question
        promised = (len(x), *layer.out_shape(x.shape[1:]))
        assert self.y.shape == promised, f"y has shape {self.y.shape}, out_shape promises {promised}"
        self.dy = rng.standard_normal(self.y.shape)
        self.dx, self.grads = layer.backward(self.dy.copy(), cache)
        self.y, self.dx = self.y.copy(), self.dx.copy()  # copies: a buffer used again would agree with itself
        self.grads = {name: gradient.copy() for name, gradient in self.grads.items()}

    def forward(self, x, layer=None):
        rng = None if self.seed is None else np.random.default_rng(self.seed)
        return (layer or self.layer).forward(x, train=self.train, rng=rng)

    def run(self, x, dy, layer=None):
        y, cache = self.forward(x, layer)
        assert y.shape == dy.shape, f"y has shape {y.shape}, expected {dy.shape}"
        return (y, *(layer or self.layer).backward(dy, cache))

    def check_values(self, forward, backward):
        """The fast path says what the loops say."""
        agree(self.y, forward(self.x, self.layer.params), "y against the loops")
        dx, grads = backward(self.dy, self.x, self.layer.params)
        agree(self.dx, dx, "dx against the loops")
        agree_all(self.grads, grads, "against the loops")

    def check_numerically(self):
        """Each gradient is the slope of Σ dy·y."""
        x = self.x.copy()

        def loss():
            return float(np.sum(self.dy * self.forward(x)[0]))

        self._check_slope(loss, x, self.dx, "dx")
        assert self.grads.keys() == self.layer.params.keys(), f"gradients of {list(self.grads)}"
        for name, param in self.layer.params.items():
            self._check_slope(loss, param, self.grads[name], f"d{name}")

    def _check_slope(self, loss, array, gradient, what):
        if array.size <= EVERY_ELEMENT:
            agree(gradient, numerical_gradient(loss, array), f"{what} against differences")
            return
        for _ in range(3):
            direction = self.rng.standard_normal(array.shape)
            direction /= np.linalg.norm(direction)
            slope = directional_slope(loss, array, direction)
            agree(np.sum(gradient * direction), slope, f"{what} along a direction", atol=1e-7)

    def check_manners(self):
        """Inputs, parameters, state and everything already returned stay as they were; the layer keeps nothing."""
        x, dy = self.x.copy(), self.dy.copy()
        y, cache = self.forward(x)
        agree(x, self.x, "forward wrote into its input", exact=True)
        kept_y = y.copy()
        other = np.flip(x, 0) * 0.5
        y2, cache2 = self.forward(other)
        agree(y, kept_y, "a second forward changed the first y", exact=True)
        dx, grads = self.layer.backward(dy, cache)
        agree(dy, self.dy, "backward wrote into dy", exact=True)
        agree(dx, self.dx, "dx with the first cache, after a second forward")
        agree_all(grads, self.grads, "with the first cache, after a second forward")
        kept = dx.copy(), {name: g.copy() for name, g in grads.items()}
        self.layer.backward(self.dy * 2, cache2)
        agree(dx, kept[0], "a later backward changed the first dx", exact=True)
        agree_all(grads, kept[1], "changed by a later backward", exact=True)
        again, grads_again = self.layer.backward(dy, cache)
        agree(again, self.dx, "backward twice with one cache: dx")
        agree_all(grads_again, self.grads, "of backward twice with one cache")
        agree(y, kept_y, "backward changed y", exact=True)
        agree(x, self.x, "backward wrote into x", exact=True)
        self._check_layer_unchanged()

    def _check_layer_unchanged(self):
        unchanged = pickle.dumps(vars(self.layer)) == self.before
        assert unchanged, "the layer keeps something of the batch, or its parameters or its state changed"

    def check_without_dx(self):
        """With input_grad=False there is no dx, and the gradients are the same."""
        _, cache = self.forward(self.x)
        dx, grads = self.layer.backward(self.dy, cache, input_grad=False)
        assert dx is None, "a dx with input_grad=False"
        agree_all(grads, self.grads, "without dx", exact=True)
        self._check_layer_unchanged()

    def check_layouts(self):
        """Views of any strides, and read-only arrays, are as good as contiguous ones."""
        for name, x in layouts(self.x):
            self._same(self._run_read_only(x, self.dy), f"with {name} x")
        for name, dy in layouts(self.dy):
            self._same(self._run_read_only(self.x, dy), f"with {name} dy")

    def _run_read_only(self, x, dy):
        try:
            return self.run(x, dy)
        except ValueError as error:
            assert "read-only" not in str(error), "writes into x or dy"
            raise

    def _same(self, results, when, **tolerance):
        agree(results[0], self.y, f"y {when}", **tolerance)
        agree(results[1], self.dx, f"dx {when}", **tolerance)
        agree_all(results[2], self.grads, when, **tolerance)

    def check_dtypes(self):
        """float32 in, float32 out, whatever the parameters are; float16 at least forward."""
        y, dx, grads = self.run(self.x.astype(np.float32), self.dy.astype(np.float32))
        for name, a in {"y": y, "dx": dx, **grads}.items():
            assert a.dtype == np.float32, f"{name} is {a.dtype} for float32 input"
        self._same((y, dx, grads), "in float32", rtol=1e-4, atol=1e-4 * np.abs(self.dx).max())
        y, _ = self.forward(self.x.astype(np.float16))
        assert y.dtype == np.float16, f"y is {y.dtype} for float16 input"
        agree(y, self.y, "y in float16", rtol=0.02, atol=0.02 * np.abs(self.y).max())

    def check_batch(self):
        """Every picture twice gives every result twice, and twice the gradients."""
        if self.seed is not None:
            return  # a longer batch draws other numbers
        y, dx, grads = self.run(np.concatenate([self.x] * 2), np.concatenate([self.dy] * 2))
        agree(y, np.concatenate([self.y] * 2), "y of the batch stacked twice")
        agree(dx, np.concatenate([self.dx] * 2), "dx of the batch stacked twice")
        agree_all(grads, {name: 2 * g for name, g in self.grads.items()}, "of the batch stacked twice")

    def check_pieces(self):
        """Two pieces are the whole batch: y and dx are those of the pieces, gradients and what `observe` saw add up.

        So a picture's result does not depend on its neighbours, except through sums that the layer asks for.
        """
        if self.seed is not None:
            return
        layer, pieces = self.layer, (slice(0, 1), slice(1, None))
        forwards = [layer.forward_piece(self.x[piece], self.train, None) for piece in pieces]
        ys, caches = zip(*together(forwards, layer.total))
        agree(np.concatenate(ys), self.y, "y of two pieces")
        backwards = [layer.backward_piece(self.dy[piece], cache, True) for piece, cache in zip(pieces, caches)]
        dxs, grads = zip(*together(backwards, layer.total))
        agree(np.concatenate(dxs), self.dx, "dx of two pieces")
        agree_all(added(grads), self.grads, "of two pieces")
        observed = layer.observe(self.forward(self.x)[1])
        agree_all(added([layer.observe(cache) for cache in caches]), observed, "observed of two pieces")
        self._check_layer_unchanged()

    def check_device(self):
        """The same lines run on a device that refuses what CuPy refuses, with the same results."""
        layer = copy.deepcopy(self.layer)
        layer.map_arrays(xp.asarray)
        try:
            y, dx, grads = self.run(xp.asarray(self.x), xp.asarray(self.dy), layer)
        except (TypeError, AttributeError) as refusal:
            raise AssertionError(f"does not run on the device: {refusal}") from refusal
        for name, a in {"y": y, "dx": dx, **grads}.items():
            assert isinstance(a, DeviceArray), f"{name} came back to the host"
        self._same((y, dx, grads), "on the device", rtol=1e-12, atol=1e-12)


def agree(found, expected, what, rtol=RTOL, atol=ATOL, exact=False):
    """Shapes first: allclose alone would broadcast (1, 5) against (5,)."""
    found, expected = host(found), host(expected)
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, expected {expected.shape}"
    if exact:
        rtol = atol = 0
    np.testing.assert_allclose(found, expected, rtol, atol, equal_nan=False, err_msg=what)


def added(parts):
    """The sums of dicts of arrays that have the same keys."""
    first, *others = parts
    assert all(other.keys() == first.keys() for other in others), f"keys differ: {[list(part) for part in parts]}"
    return {name: sum((other[name] for other in others), start=a) for name, a in first.items()}


def agree_all(found, expected, when, **tolerance):
    assert found.keys() == expected.keys(), f"gradients {when}: found {list(found)}, expected {list(expected)}"
    for name in expected:
        agree(found[name], expected[name], f"d{name} {when}", **tolerance)


def host(a):
    return a.get() if hasattr(a, "get") else np.asarray(a)


def numerical_gradient(f, array, h=H):
    """Central differences, one element at a time; `array` is what f reads, and is restored."""
    gradient = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        middle = array[index]
        array[index] = middle + h
        above = f()
        array[index] = middle - h
        gradient[index] = (above - f()) / (2 * h)
        array[index] = middle
    return gradient


def directional_slope(f, array, direction, h=H):
    middle = array.copy()
    array += h * direction
    above = f()
    array[...] = middle - h * direction
    slope = (above - f()) / (2 * h)
    array[...] = middle
    return slope


def layouts(a):
    """(name, b) with b equal to `a` but laid out otherwise in memory."""
    yield "Fortran-ordered", np.asfortranarray(a)
    yield "channels-first", np.moveaxis(np.ascontiguousarray(np.moveaxis(a, -1, 1)), 1, -1)
    yield "reversed", np.flip(np.flip(a).copy())
    wide = np.zeros([2 * n for n in a.shape])
    every_second = tuple(slice(None, None, 2) for _ in a.shape)
    wide[every_second] = a
    yield "sliced", wide[every_second]
    fixed = a.copy()
    fixed.flags.writeable = False
    yield "read-only", fixed


def distinct(shape, seed, low=-1.0, high=1.0):
    """Shuffled, evenly spaced numbers: no ties, no two closer than the check's step, none within 1e-3 of zero."""
    values = np.linspace(low, high, int(np.prod(shape)))
    values[np.abs(values) < 1e-3] = 0.0017
    return np.random.default_rng(seed).permutation(values).reshape(shape)


@contextmanager
def weightless():
    """Networks built inside have weights of 0, which take neither time nor memory: to look at shapes only."""

    def zeros(weight_shape, fan_in):
        return {"weight": np.zeros(weight_shape, "float32"), "bias": np.zeros(weight_shape[-1:], "float32")}

    with pytest.MonkeyPatch.context() as patch:
        for module in ("conv", "linear"):
            patch.setattr(f"tinyalex.layers.{module}.default_params", zeros)
        yield


def refused(call, *words, error=ValueError, not_said=()):
    """`call` raises `error`, in one line with all of `words` (layer, found, expected), none of `not_said`."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    missing = [word for word in map(str, words) if word not in message]
    assert "\n" not in message and not missing, f"{message!r} lacks {missing}"
    assert not [word for word in not_said if word in message], message


def edited(cls, *edits):
    """`cls` with pieces of its source replaced, old, new, old, new, ...: a mistake as someone might write it."""
    source = textwrap.dedent(inspect.getsource(cls))
    for old, new in zip(edits[::2], edits[1::2]):
        if source.count(old) != 1:  # no AssertionError: that would look like a mistake found
            raise LookupError(f"{old!r} occurs {source.count(old)} times in {cls.__name__}")
        source = source.replace(old, new)
    names = dict(vars(sys.modules[cls.__module__]))
    exec(compile(source, f"<{cls.__name__} edited>", "exec"), names)
    return names[cls.__name__]

"""The contract of every layer: a name, parameters, an explicit forward and backward."""

import inspect
import math
import operator
from collections.abc import Callable, Generator, Iterator
from typing import Any, Self

from tinyalex.backend import Array, array_module, fused, is_host, random_stream
from tinyalex.layers.pieces import Piece, Sums, add_up, alone

Shape = tuple[int, ...]
Grads = dict[str, Array]


class Layer:
    """A function of a batch with a hand-written derivative.

        y, cache = layer.forward(x, train=False, rng=None)
        dx, grads = layer.backward(dy, cache, input_grad=True)

    x, y:   a batch, pictures first: (N, H, W, C) or (N, features); N may be 0. Plain arrays of floating-point numbers,
            contiguous or not; the dtype is kept
    cache:  all that backward needs of the forward call. The layer itself keeps nothing of a batch, so it can serve many
            pieces of a batch at once, and forward may run twice before backward
    dy, dx: d(loss)/dy and d(loss)/dx, of the shape and dtype of y and x; dx is None with input_grad=False
    grads:  d(loss)/d(parameter), with the keys of `params`, summed over the batch; new arrays, for the caller to change
    params: arrays that are learnt
    state:  arrays that are saved and moved but not learnt, such as running means. forward does not change them:
            `layer.absorb(layer.observe(cache))` does, once a step, after the update
    rng:    a random generator, for layers that draw

    Neither call writes into x, dy, a parameter or a cache. Shapes are checked on entry: ValueError or TypeError with
    the layer's name, what came and what was expected. A NaN in x is seen in y, and one in dy in dx or
    grads, unless y is 0 there whatever x is; where a layer's slope is 0, an infinite dy gives NaN (0 · ∞).

    A layer defines either forward and backward or, if it needs sums over the whole batch, forward_piece and
    backward_piece; each pair is made of the other.
    """

    name = ""  # set by the network, for messages
    channelwise = False  # True: each channel is treated alone, and the last axis of params and state is the channels
    activation = False  # True: one number in, one number out, and the cache is y
    fixed = False  # True: training leaves it as it is, and it works as at test time (see `tinyalex.training.freezing`)

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.state: dict[str, Array] = {}

    def forward(self, x: Array, train: bool = False, rng: Any = None) -> tuple[Array, Any]:
        return alone(self.forward_piece(x, train, rng), self.total)

    def backward(self, dy: Array, cache: Any, input_grad: bool = True) -> tuple[Array | None, Grads]:
        return alone(self.backward_piece(dy, cache, input_grad), self.total)

    def predict(self, x: Array) -> Array:
        """y as at test time, keeping nothing for backward."""
        return self.forward(x)[0]

    def trace(self, x: Array) -> Generator[tuple["Layer", Array], None, Array]:
        """`predict` step by step: yields (layer, its output) for every simple layer inside, in order; returns y."""
        y = self.predict(x)
        yield self, y
        return y

    def forward_piece(self, x: Array, train: bool, rng: Any) -> Piece:
        """forward for one piece of a batch, as a generator.

        It may yield a tuple of sums over the piece's pictures, and is then sent the sums over the whole batch.
        """
        return self.forward(x, train, rng)
        yield  # makes this a generator

    def backward_piece(self, dy: Array, cache: Any, input_grad: bool) -> Piece:
        """backward for one piece of a batch, as a generator; see `forward_piece`."""
        return self.backward(dy, cache, input_grad)
        yield

    def total(self, sums: list[Sums]) -> Sums:
        """The sums over the whole batch, from those over its pieces. Asked of the outermost layer only."""
        return add_up(sums)

    def observe(self, cache: Any) -> dict[str, Array]:
        """Sums over the pictures of a training forward, from which `absorb` updates `state`.

        Sums, so that several pieces of a batch add up.
        """
        return {}

    def absorb(self, observed: dict[str, Array]) -> None:
        """Update `state` from what `observe` returned for a whole batch."""

    def for_batch(self) -> Self:
        """This layer for all pieces of one batch: whatever depends only on the parameters is computed once.

        Use the returned layer only until the parameters change. Its own `for_batch` returns itself.
        """
        return self

    def for_test(self) -> Self:
        """As `for_batch`, for any number of batches, but for `predict` only; several layers may be merged into one."""
        return self.for_batch()

    def out_shape(self, in_shape: Shape) -> Shape:
        """The shape of one picture's output, (H, W, C) or (features,), from the shape of its input."""
        return in_shape

    def multiply_adds(self, in_shape: Shape) -> int:
        """Multiplications with a weight, each with its addition, in one picture's forward pass."""
        return 0

    def prepared_bytes(self, in_shape: Shape) -> int:
        """Bytes that a layer made `for_batch` computes from its parameters."""
        return 0

    def map_arrays(self, function: Callable[[Array], Array]) -> None:
        """Replace every array a of params and state by function(a): to another device, to another dtype."""
        for arrays in (self.params, self.state):
            for key, value in arrays.items():
                arrays[key] = function(value)

    def like(self, **changes: Any) -> Self:
        """A new layer with fresh parameters, built with the arguments of this one except for `changes`."""
        arguments = {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}
        return type(self)(**(arguments | changes))

    # ------------------------------------------------------------------------------------------ leaves

    # A layer made of layers (`tinyalex.composite.Composite`) answers for those inside, by path, such as "block1.conv2".

    def named(self, name: str) -> None:
        """Set the layer's name; every `Composite` names its layers."""
        self.name = name

    def shapes(self, in_shape: Shape) -> Iterator[tuple[str, "Layer", Shape, Shape]]:
        """(path, layer, input shape, output shape) of every simple layer inside, without the batch axis."""
        yield "", self, tuple(in_shape), tuple(self.out_shape(in_shape))

    def way_to(self, wanted: str) -> dict[str, "Layer"]:
        """{path: layer} of what x passes, in order, up to the layer with the path `wanted`; {} if it is not here."""
        return {self.name: self} if wanted and self.name == wanted else {}

    def kept(self, cache: Any) -> dict[str, tuple["Layer", list]]:
        """{path: (layer, [its cache of each piece of the batch])} of every simple layer inside, in order."""
        return {"": (self, [cache])}

    # ------------------------------------------------------------------------------------------ what layers share

    @property
    def label(self) -> str:
        """The layer's name in messages: its class and, if it has one, its own name."""
        return f"{type(self).__name__} {self.name!r}" if self.name else type(self).__name__

    def _check_float(self, x, axes, what="x"):
        """The library of x; refuse one without the axes (such as "NHWC"; None: any), or not of floating point.

        Parameters in another library are refused too.
        """
        try:
            xp = array_module(x)
        except TypeError as error:
            raise TypeError(f"{self.label}: {what}: {error}") from None
        if axes is not None and x.ndim != len(axes):
            raise ValueError(f"{self.label}: {what}.shape = {x.shape}, expected {len(axes)} axes ({', '.join(axes)})")
        if not xp.issubdtype(x.dtype, xp.floating):
            raise TypeError(f"{self.label}: {what} is {x.dtype}, expected a floating-point dtype")
        for key, param in self.params.items():
            if array_module(param) is not xp:
                raise TypeError(
                    f"{self.label}: {what} is a {_kind(x)} and {key} a {_kind(param)}, expected both in one library"
                )
        return xp

    def _height_width_channels(self, in_shape):
        """(H, W, C) of one picture; ValueError for any other shape."""
        if len(in_shape) != 3:
            raise ValueError(f"{self.label}: one picture is {tuple(in_shape)}, expected (H, W, C)")
        return in_shape

    def _check_dy(self, dy, shape):
        """Refuse an upstream gradient that is not an array of floating point, shaped as y."""
        self._check_float(dy, None, "dy")
        if tuple(dy.shape) != tuple(shape):
            raise ValueError(f"{self.label}: dy.shape = {tuple(dy.shape)}, expected y's {tuple(shape)}")

    def _param(self, key, dtype):
        """A parameter in the dtype of the computation; not copied if it has that dtype."""
        return self.params[key].astype(dtype, copy=False)


def _kind(a):
    return f"{type(a).__module__.partition('.')[0]} array"


def checked(value: Any, what: str, fine: Callable[[Any], bool], expected: str) -> Any:
    """`value`, an argument of a constructor. ValueError that names it unless fine(value) is true."""
    try:
        right = bool(fine(value))
    except (TypeError, ValueError):
        right = False
    if not right:
        raise ValueError(f"{what} = {value!r}, expected {expected}")
    return value


def at_least(least: int) -> tuple[Callable[[Any], bool], str]:
    """The last two arguments of `checked` for a whole number."""
    return lambda value: operator.index(value) >= least, f"a whole number, {least} or more"


FINITE = (lambda value: -math.inf < value < math.inf), "a finite number"  # as `at_least`, for any number
DEVICE_THREADS = 1 << 18  # about as many as a large device runs at once


def channel_sums(dy: Array) -> Array:
    """Σ dy over everything but the channels: (…, F) → (F,), the gradient of a bias.

    On a device in two steps: CuPy gives a sum over one long leading axis to a handful of blocks only.
    """
    N, *places, F = dy.shape
    if is_host(dy):
        return dy.reshape(-1, F).sum(axis=0)
    partial = partial_sums(dy)
    if fused("channel_sums", dy, dy.size, F, partial):
        return partial.sum(axis=1)
    return dy.reshape(N, math.prod(places), F).sum(axis=1).sum(axis=0)


def partial_sums(dy: Array) -> Array:
    """Room for sums of rows, (F, parts), for a kernel: enough parts that their threads fill a device.

    Parts last, since CuPy sums the last axis fast.
    """
    F = dy.shape[-1]
    parts = min(dy.size // F, -(-DEVICE_THREADS // F))
    return array_module(dy).empty((F, max(1, parts)), dy.dtype)


def default_params(weight_shape: Shape, fan_in: int) -> dict[str, Array]:
    """Fresh float32 weight and bias, uniform in ±1/√fan_in, as PyTorch's layers start.

    Different on each call, and good enough to learn from; `tinyalex.optim.initialise` sets a whole network's weights.
    """
    rng = random_stream()
    bound = 1 / math.sqrt(fan_in)
    shapes = {"weight": weight_shape, "bias": weight_shape[-1:]}
    params = {key: rng.random(shape, dtype="float32") for key, shape in shapes.items()}
    for array in params.values():
        array *= 2 * bound
        array -= bound
    return params

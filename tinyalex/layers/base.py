"""What every layer is: a name, a dict of parameters, an explicit forward and backward."""

import math

from tinyalex.backend import array_module, random_stream


class Layer:
    """A function of a batch with a hand-written derivative.

        y, cache = layer.forward(x, train=False, rng=None)
        dx, grads = layer.backward(dy, cache)

    x, y:  arrays of a batch, pictures first: (N, H, W, C) or (N, features); a float dtype, kept from end to end
    cache: all that backward needs of the forward call; nothing about a batch is stored on the layer, so one layer can
           serve many pieces of a batch at once, and forward may run twice before backward
    dy:    d(loss)/dy, shaped as y; dx: d(loss)/dx, shaped as x
    grads: d(loss)/d(parameter), with the keys of `params`, summed over the batch
    rng:   a random generator, used only by layers that draw

    Neither call writes into x, dy, a parameter or a cache. Shapes are checked where they enter: ValueError or
    TypeError with the layer's name, what came and what was expected.
    """

    name = ""  # set by the network, for messages

    def __init__(self):
        self.params = {}

    def forward(self, x, train=False, rng=None):
        raise NotImplementedError

    def backward(self, dy, cache):
        raise NotImplementedError

    def predict(self, x):
        """y alone, as at test time; keeps nothing for backward."""
        return self.forward(x)[0]

    def for_batch(self, in_shape, dtype):
        """This layer for all pieces of one batch: what hangs on the parameters alone is worked out once, not in each.

        It is a layer that is used until the parameters change. in_shape: (H, W, C) of a picture; dtype: the batch's
        """
        return self

    def out_shape(self, in_shape):
        """The shape of one picture's output, (H, W, C) or (features,), from the shape of its input."""
        return in_shape

    def multiply_adds(self, in_shape):
        """Multiplications with a weight, each with its addition, for one picture's forward pass."""
        return 0

    def map_params(self, function):
        """Replace every parameter p by function(p): to another device, to another dtype."""
        for key, value in self.params.items():
            self.params[key] = function(value)

    # ------------------------------------------------------------------------------------------ what layers share

    @property
    def label(self):
        """How messages call this layer: its class, and its name where it has one."""
        return f"{type(self).__name__} {self.name!r}" if self.name else type(self).__name__

    def _check_float(self, x, axes):
        """Refuse an array without the axes ("NHWC", say; None: any) or of a dtype that is not floating point."""
        try:
            xp = array_module(x)
        except TypeError as error:
            raise TypeError(f"{self.label}: x: {error}") from None
        if axes is not None and x.ndim != len(axes):
            raise ValueError(f"{self.label}: x.shape = {x.shape}, expected {len(axes)} axes ({', '.join(axes)})")
        if not xp.issubdtype(x.dtype, xp.floating):
            raise TypeError(f"{self.label}: x is {x.dtype}, expected a floating-point dtype")
        return xp

    def _height_width_channels(self, in_shape):
        """(H, W, C) of one picture, or ValueError where in_shape is something else."""
        if len(in_shape) != 3:
            raise ValueError(f"{self.label}: one picture is {tuple(in_shape)}, expected (H, W, C)")
        return in_shape

    def _check_dy(self, dy, shape):
        """Refuse an upstream gradient that is not shaped as y was."""
        if tuple(dy.shape) != tuple(shape):
            raise ValueError(f"{self.label}: dy.shape = {tuple(dy.shape)}, expected y's {tuple(shape)}")

    def _param(self, key, dtype):
        """A parameter in the dtype of the computation (no copy where it is that already)."""
        return self.params[key].astype(dtype, copy=False)


def default_params(weight_shape, fan_in):
    """Fresh float32 weight and bias, uniform in ±1/√fan_in: what PyTorch's layers start from.

    Different on each call, and good enough to learn from; `tinyalex.optim.initialise` sets a network's on purpose.
    """
    rng = random_stream()
    bound = 1 / math.sqrt(fan_in)
    shapes = {"weight": weight_shape, "bias": weight_shape[-1:]}
    params = {key: rng.random(shape, dtype="float32") for key, shape in shapes.items()}
    for array in params.values():
        array *= 2 * bound
        array -= bound
    return params

"""Where weights start and how they move: initialisers, the paper's update."""

import math
from collections.abc import Collection

from tinyalex.backend import Array, array_module, fused, is_host, ordered_map, random_stream
from tinyalex.composite import layer_of
from tinyalex.errors import UserError
from tinyalex.layers import Layer
from tinyalex.layers.base import FINITE, at_least, checked

# ---------------------------------------------------------------------------------------------- initialisers

INITIALISERS = ("paper", "source", "he")

# Paper §5: biases of 1 "in the second, fourth, and fifth convolutional layers, as well as in the fully-connected
# hidden layers", so that their ReLUs see positive inputs from the first step on.
LAYERS_WITH_BIAS_ONE = ("conv2", "conv4", "conv5", "fc6", "fc7")

# 2012 source, `layers/layers-145.cfg`: 0.03 in these; the paper has 0.01 in all
LAYERS_WITH_LARGE_WEIGHTS = ("conv3", "conv4", "conv5")


def initialise(network: Layer, init: str, seed: int, input_rms: float = 1.0, bias: float | None = None) -> None:
    """Set all weights and biases of a network, in place, each array from a random stream of its own.

    init: "paper": weights N(0, 0.01²), biases 1 in conv2, conv4, conv5, fc6 and fc7, else 0 (§5)
          "source": the same, but weights N(0, 0.03²) in conv3, conv4 and conv5, as in the 2012 source
          "he": weights N(0, 2 / fan_in), biases 0 (He et al. 2015); fan_in is the number of products in each sum. The
          first layer's weights are divided by `input_rms`, the root mean square of its inputs. The last layer, which no
          ReLU follows, gets N(0, 0.01²): the first scores are near 0, so the first loss is ln K
    bias: the first biases of the layers named above, instead of 1 and 0
    Other parameters, and weights of one axis, which scale, stay as they are. UserError for an unknown init.
    """
    checked(seed, "initialise: seed", *at_least(0))
    checked(input_rms, "initialise: input_rms", lambda rms: 0 < rms < math.inf, "a finite number above 0")
    if init not in INITIALISERS:
        raise UserError(f"found {init!r}, expected one of {', '.join(INITIALISERS)}", "init")
    if bias is None:
        bias = 0.0 if init == "he" else 1.0
    keys = {name: name.rpartition(".")[2] for name in network.params}
    weights = [name for name, p in network.params.items() if keys[name] == "weight" and p.ndim > 1]
    first, last = weights[:1], weights[-1:]
    for name, array in network.params.items():
        xp, layer, key = array_module(array), layer_of(name), keys[name]
        if key == "bias":
            array[...] = bias if layer in LAYERS_WITH_BIAS_ONE else 0.0
        elif key == "weight" and array.ndim > 1:
            fan_in = math.prod(array.shape[:-1])
            std = 0.01 if init != "he" or name in last else math.sqrt(2 / fan_in)
            if init == "source" and layer in LAYERS_WITH_LARGE_WEIGHTS:
                std = 0.03
            if init == "he" and name in first:
                std /= input_rms
            normal = random_stream(seed, "init", name).standard_normal(array.shape, dtype="float32")
            normal *= std
            array[...] = xp.asarray(normal)


# ---------------------------------------------------------------------------------------------- the update

UPDATE_ELEMENTS = 1 << 18  # one thread updates this much of a large array while it is in its cache


class SGD:
    """The paper's stochastic gradient descent with momentum and weight decay (§5).

        v ← momentum · v − weight_decay · lr · w − lr · g
        w ← w + v

    The rate stands inside the velocity: after lr drops, the old velocity keeps its size. PyTorch's form has it outside,
    which is the same only while lr is constant.

    params: dict of arrays, updated in place; in training nothing else writes parameters
    lr_factors, decay_factors: factors on lr and weight_decay for single parameters by name; 1 if absent
    fixed: names of parameters that stay as they are, and have no gradients
    """

    def __init__(
        self,
        params: dict[str, Array],
        momentum: float = 0.9,
        weight_decay: float = 0.0005,
        lr_factors: dict[str, float] | None = None,
        decay_factors: dict[str, float] | None = None,
    ) -> None:
        self.params = params
        self.momentum = checked(momentum, "SGD: momentum", *FINITE)
        self.weight_decay = checked(weight_decay, "SGD: weight_decay", *FINITE)
        self.lr_factors, self.decay_factors = lr_factors or {}, decay_factors or {}
        for name in (*self.lr_factors, *self.decay_factors):
            if name not in params:
                raise ValueError(f"SGD: a factor for {name!r}, expected one of {', '.join(params)}")
        self.fixed: Collection[str] = ()
        self.velocity = {name: array_module(w).zeros(w.shape, w.dtype) for name, w in params.items()}

    def step(self, grads: dict[str, Array], lr: float) -> None:
        """One update with the gradients `grads` (keys and shapes as of params, less the fixed) and the rate `lr`.

        ValueError or TypeError for what does not fit, before anything is changed.
        """
        checked(lr, "SGD: lr", *FINITE)
        if grads.keys() != (expected := self.params.keys() - self.fixed):
            raise ValueError(f"SGD: gradients for {sorted(grads)}, expected {sorted(expected)}")
        for _ in ordered_map(lambda part: self._update(*part), self._parts(grads, lr)):
            pass

    def _parts(self, grads, lr):
        """Arguments of `_update`: whole arrays on a device; on the CPU, runs of elements that fit the caches."""
        for name, g in grads.items():
            w, v = self.params[name], self.velocity[name]
            rate = lr * self.lr_factors.get(name, 1.0)
            decay = self.weight_decay * self.decay_factors.get(name, 1.0)
            if type(g) is not type(w):
                raise TypeError(f"SGD: the gradient of {name} is a {type(g).__name__}, expected a {type(w).__name__}")
            if g.shape != w.shape:
                raise ValueError(f"SGD: the gradient of {name} is {g.shape}, expected {w.shape}")
            if not is_host(g):
                g = array_module(g).ascontiguousarray(g)  # for the kernel
            if not is_host(w) or w.size <= UPDATE_ELEMENTS or not (w.flags.c_contiguous and v.flags.c_contiguous):
                yield w, v, g, rate, decay
                continue
            w, v, g = w.reshape(-1), v.reshape(-1), g.reshape(-1)
            for start in range(0, w.size, UPDATE_ELEMENTS):
                run = slice(start, start + UPDATE_ELEMENTS)
                yield w[run], v[run], g[run], rate, decay

    def _update(self, w, v, g, rate, decay):
        if fused("sgd", g, v, w, self.momentum, decay * rate, rate):
            return
        v *= self.momentum
        v -= (decay * rate) * w
        v -= rate * g
        w += v

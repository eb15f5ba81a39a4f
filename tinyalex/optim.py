"""Where weights start, how they move, and how far: initialisers, the paper's update, schedules."""

import math

from tinyalex.backend import array_module, is_host, ordered_map, random_stream
from tinyalex.errors import UserError

# ---------------------------------------------------------------------------------------------- initialisers

INITIALISERS = ("paper", "source", "he")

# Paper §5: biases of 1 "in the second, fourth, and fifth convolutional layers, as well as in the fully-connected
# hidden layers", so that their ReLUs see positive inputs from the first step on.
LAYERS_WITH_BIAS_ONE = ("conv2", "conv4", "conv5", "fc6", "fc7")

# 2012 source, `layers/layers-145.cfg`: 0.03 in these, where the paper has 0.01 in all
LAYERS_WITH_LARGE_WEIGHTS = ("conv3", "conv4", "conv5")


def initialise(network, how, seed, input_rms=1.0, bias=None):
    """Set all weights and biases of a network, in place, each layer from a random stream of its own.

    how: "paper": weights N(0, 0.01²), biases 1 in conv2, conv4, conv5, fc6 and fc7, else 0 (§5)
         "source": the same, but weights N(0, 0.03²) in conv3, conv4 and conv5, as the 2012 source had them
         "he": weights N(0, 2 / fan_in), biases 0 (He et al. 2015); fan_in is the number of products in each sum. The
         first layer's are divided by `input_rms`, the root mean square of its inputs. The last layer, which no ReLU
         follows, gets N(0, 0.01²): first scores near 0, so the first loss is ln K
    bias: what the biases of the layers named above begin with, instead of 1 and 0
    """
    if how not in INITIALISERS:
        raise UserError(f"--init: found {how!r}, expected one of {', '.join(INITIALISERS)}")
    if bias is None:
        bias = 0.0 if how == "he" else 1.0
    first, *_, last = (name for name in network.params if name.endswith(".weight"))
    for name, array in network.params.items():
        xp = array_module(array)
        layer, key = name.rsplit(".", 1)
        if key == "bias":
            array[...] = bias if layer in LAYERS_WITH_BIAS_ONE else 0.0
        elif key == "weight":
            fan_in = math.prod(array.shape[:-1])
            std = 0.01 if how != "he" or name == last else math.sqrt(2 / fan_in)
            if how == "source" and layer in LAYERS_WITH_LARGE_WEIGHTS:
                std = 0.03
            if how == "he" and name == first:
                std /= input_rms
            normal = random_stream(seed, "init", name).standard_normal(array.shape, dtype="float32")
            normal *= std
            array[...] = xp.asarray(normal)


# ---------------------------------------------------------------------------------------------- the update

UPDATE_ELEMENTS = 1 << 18  # a stretch of a large array that one thread updates while it is in its cache


class SGD:
    """The paper's stochastic gradient descent with momentum and weight decay (§5).

        v ← momentum · v − weight_decay · lr · w − lr · g
        w ← w + v

    The rate stands inside the velocity: after lr drops, the old velocity keeps its size (PyTorch's form has it
    outside, which is the same only while lr is constant).

    params: dict of arrays, updated in place; in training nothing else writes parameters
    lr_factors, decay_factors: for single parameters by name, what lr and weight_decay are multiplied with; 1 if absent
    """

    def __init__(self, params, momentum=0.9, weight_decay=0.0005, lr_factors=None, decay_factors=None):
        self.params = params
        self.momentum, self.weight_decay = momentum, weight_decay
        self.lr_factors, self.decay_factors = lr_factors or {}, decay_factors or {}
        for name in (*self.lr_factors, *self.decay_factors):
            if name not in params:
                raise ValueError(f"SGD: a factor for {name!r}, expected one of {', '.join(params)}")
        self.velocity = {name: array_module(w).zeros(w.shape, w.dtype) for name, w in params.items()}

    def step(self, grads, lr):
        """One update with the gradients `grads` (same keys and shapes as params) and the rate `lr`."""
        if grads.keys() != self.params.keys():
            raise ValueError(f"SGD: gradients for {sorted(grads)}, expected {sorted(self.params)}")
        for _ in ordered_map(lambda stretch: self._update(*stretch), self._stretches(grads, lr)):
            pass

    def _stretches(self, grads, lr):
        """Arguments of `_update`: whole arrays on a device, on the CPU runs of elements short enough for the caches."""
        for name, w in self.params.items():
            v, g = self.velocity[name], grads[name]
            rate = lr * self.lr_factors.get(name, 1.0)
            decay = self.weight_decay * self.decay_factors.get(name, 1.0)
            if g.shape != w.shape:
                raise ValueError(f"SGD: the gradient of {name} is {g.shape}, expected {w.shape}")
            if not is_host(w) or w.size <= UPDATE_ELEMENTS or not w.flags.c_contiguous:
                yield w, v, g, rate, decay
                continue
            w, v, g = w.reshape(-1), v.reshape(-1), g.reshape(-1)
            for start in range(0, w.size, UPDATE_ELEMENTS):
                run = slice(start, start + UPDATE_ELEMENTS)
                yield w[run], v[run], g[run], rate, decay

    def _update(self, w, v, g, rate, decay):
        v *= self.momentum
        v -= (decay * rate) * w
        v -= rate * g
        w += v


def bias_factors(params, lr_factor, decay_factor):
    """(lr_factors, decay_factors) for `SGD` that treat biases apart; the 2012 source had 2 and 0: twice the rate, no decay."""
    biases = [name for name in params if name.endswith(".bias")]
    return dict.fromkeys(biases, lr_factor), dict.fromkeys(biases, decay_factor)


class LayerRates:
    """Factors on the learning rates of single layers, as a pure function of the epoch.

    text: "LAYER:EPOCH:FACTOR,…", each from that epoch on (counted from 0), a later one for a layer instead of an earlier;
    "conv1:67:0.1,conv1:72:0" slows conv1 after 67 epochs and stops it after 72; "" changes nothing.
    layers: the names there are, those of layers with parameters
    """

    def __init__(self, text, layers):
        self.changes = []
        for change in filter(None, text.split(",")):
            layer, *numbers = change.split(":")
            try:
                epoch, factor = int(numbers[0]), float(numbers[1])
                fine = len(numbers) == 2 and layer in layers and epoch >= 0 and 0 <= factor < 1e6
            except (ValueError, IndexError):
                fine = False
            if not fine:
                raise UserError(
                    f"--layer-lr: found {change!r}, expected LAYER:EPOCH:FACTOR with one of {', '.join(layers)}"
                )
            self.changes.append((epoch, layer, factor))
        self.changes.sort(key=lambda change: change[0])

    def at(self, epoch):
        """{layer: factor} in that epoch, for the layers whose rate is changed."""
        return {layer: factor for start, layer, factor in self.changes if start <= epoch}


# ---------------------------------------------------------------------------------------------- schedules


class Schedule:
    """The learning rate over a run, as a pure function of where the run stands: nothing to save, nothing to restore.

    text is one of
        "constant"
        "steps:20,40,60"  divide by 10 at the start of these epochs (counted from 0)
        "plateau:3"       divide by 10 when the validation error has not improved for 3 epochs (paper §5, by hand there)
        "cosine:1"        rise in a straight line for 1 epoch, then fall as half a cosine to 0 at the last
    """

    def __init__(self, text, lr, epochs):
        kind, _, numbers = text.partition(":")
        self.kind, self.lr, self.epochs = kind, lr, epochs
        try:
            self.numbers = [float(n) for n in numbers.split(",")] if numbers else []
        except ValueError:
            self._refuse(text)
        counts = {"constant": (0, 0), "steps": (1, 99), "plateau": (0, 1), "cosine": (0, 1)}
        if kind not in counts or not counts[kind][0] <= len(self.numbers) <= counts[kind][1]:
            self._refuse(text)
        if any(n < 0 or not math.isfinite(n) for n in self.numbers) or text.endswith(":"):
            self._refuse(text)
        if kind == "plateau" and any(n < 1 or n % 1 for n in self.numbers):
            self._refuse(text)

    def _refuse(self, text):
        raise UserError(
            f"--schedule: found {text!r}, expected constant, steps:EPOCH,EPOCH…, plateau[:EPOCHS] or cosine[:WARMUP]"
        )

    def rate(self, progress, errors):
        """The rate at `progress` epochs (a float) after the validation errors `errors`, one for each finished epoch."""
        if self.kind == "steps":
            return self.lr * 0.1 ** sum(progress >= n for n in self.numbers)
        if self.kind == "plateau":
            return self.lr * 0.1 ** _stalls(errors, patience=self.numbers[0] if self.numbers else 3)
        if self.kind == "cosine":
            return self.lr * self._cosine(progress)
        return self.lr

    def _cosine(self, progress):
        warmup = min(self.numbers[0] if self.numbers else 1.0, self.epochs / 2)
        if progress < warmup:
            return (progress + 1e-2) / (warmup + 1e-2)  # not quite 0 at the first step
        return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (self.epochs - warmup)))


def _stalls(errors, patience):
    """How often `errors` went `patience` epochs without a new best, counting afresh after each stall."""
    stalls, since, best = 0, 0, math.inf
    for error in errors:
        since = 0 if error < best else since + 1
        best = min(best, error)
        if since >= patience:
            stalls, since = stalls + 1, 0
    return stalls

"""How the layers fare while training, and a line where one of them is out of the usual range.

Measured at the few steps that are logged, from what such a step leaves anyway: nothing is drawn, nothing is changed.
"""

import math
from collections import defaultdict, deque

from tinyalex.backend import array_module, ordered_map, to_host
from tinyalex.layers import ReLU, Sigmoid, Tanh

# ---------------------------------------------------------------------------------------------- measuring

ENOUGH_PICTURES = 32  # among fewer, a unit that fires seldom is not told from a dead one


def measure(network, cache, grads, velocity):
    """What one training step says of the layers, right after its update: {measure: {layer: number}}.

    update_ratio    ‖v‖ / ‖w‖ of a layer's weights; v is what the update added to w
    gradient_norm   ‖g‖ of its weights and biases together, and under "total" that of all layers
    activation_rms  √(mean y²) of what an activation layer gave for the batch
    dead            the share of a ReLU's units that gave 0 for every picture; in a convolution a unit is a channel.
                    Empty for a batch of fewer than ENOUGH_PICTURES

    Numbers have four digits; None stands for one that is not finite, since JSON has none.
    Of one worker's part of a network (`tinyalex.parallel`) it is of that part: its pictures, its units.
    cache: what `network.forward` gave for the batch;  grads, velocity: of every parameter, by name
    """
    layers = [name.removesuffix(".weight") for name in network.params if name.endswith(".weight")]
    outputs = _outputs(network, cache)
    arrays = [("w", layer, network.params[f"{layer}.weight"]) for layer in layers]
    arrays += [("v", layer, velocity[f"{layer}.weight"]) for layer in layers]
    arrays += [("g", name.rpartition(".")[0], g) for name, g in grads.items()]
    arrays += [("y", name, y) for name, (_, pieces) in outputs.items() for y in pieces]
    sums, dead = _on_host(arrays, _dead_units(outputs))
    sizes = {name: sum(y.size for y in pieces) for name, (_, pieces) in outputs.items()}
    return {
        "update_ratio": {layer: _root(sums["v", layer], sums["w", layer]) for layer in layers},
        "gradient_norm": {layer: _root(sums["g", layer]) for layer in layers}
        | {"total": _root(sum(total for (what, _), total in sums.items() if what == "g"))},
        "activation_rms": {name: _root(sums["y", name], size) for name, size in sizes.items()},
        "dead": {name: _rounded(count / outputs[name][1][0].shape[-1]) for name, count in dead.items()},
    }


def _outputs(network, cache):
    """{name: (layer, [y of each piece of the batch])} of the activation layers, since y is what they keep for backward."""
    kept = network.kept(cache)
    return {name: both for name, both in kept.items() if isinstance(both[0], (ReLU, Tanh, Sigmoid))}


def _dead_units(outputs):
    """{name: how many units of that ReLU gave 0 for every picture}, numbers on the device."""
    counts = {}
    for name, (layer, pieces) in outputs.items():
        if isinstance(layer, ReLU) and sum(map(len, pieces)) >= ENOUGH_PICTURES:
            highest, *others = ordered_map(lambda y: y.reshape(-1, y.shape[-1]).max(axis=0), pieces)  # (C,)
            for other in others:
                highest = array_module(other).maximum(highest, other)
            counts[name] = (highest <= 0).sum()
    return counts


def _on_host(arrays, counts):
    """({(what, name): Σ a² over the arrays of that name}, the counts) as numbers of Python; waits for a device once."""
    squares = list(ordered_map(lambda named: _sum_of_squares(named[2]), arrays))
    numbers = to_host(array_module(arrays[0][2]).stack([*squares, *counts.values()])).tolist()
    sums = defaultdict(float)
    for (what, name, _), number in zip(arrays, numbers):
        sums[what, name] += number
    return sums, dict(zip(counts, numbers[len(squares) :]))


def _sum_of_squares(a):
    flat = a.reshape(-1)
    return array_module(a).vdot(flat, flat)


def _root(squares, over=1.0):
    return _rounded(math.sqrt(squares / over) if over and squares >= 0 else math.nan)


def _rounded(number):
    return float(f"{number:.4g}") if math.isfinite(number) else None


# ---------------------------------------------------------------------------------------------- judging

# The usual range, from healthy runs measured every few steps: alexnet-mini on the built-in set to its end and on a
# hundred classes of Tiny ImageNet for most of an epoch, from He's start; alexnet on those, from the paper's, at its start.
# And from sick ones: alexnet-mini at 25 times its rate, from the paper's start, with biases of −10, with a tiny rate.
# A bound lies a good way beyond what the healthy ones showed, short of what a sick one did.
DEAD = (
    0.6  # healthy: to 0.35 (fc6, when it starts); half, were all pictures alike; at 25 times the rate 0.6, and rising
)
LARGE_UPDATE = 0.1  # healthy: to 0.023 (conv1, when it takes off); the last layer is left out; sick: 0.2 to 1
SMALL_UPDATE = 1e-6  # healthy: 2e-4 and more, at the full rate; decay alone makes it this much at a rate of 2e-4
SMALL_GRADIENT = 1e-4  # as a share of all layers'; healthy: 0.02 and more; the paper's start on alexnet-mini: 2e-6
LARGE_OUTPUT, SMALL_OUTPUT = 1e3, 1e-3  # healthy: 0.3 to 10, so a hundred times beyond
NO_GRADIENT = 1e-3  # the norm of all: below it there is nothing left to learn, and small updates are as they should be
PATIENCE = 3  # measurements in a row: what lasts a moment is not worth a word


def out_of_range(health, shares):
    """{what: {layer: number}} of the numbers in `health` (see `measure`) that are out of the usual range.

    shares: {layer: its rate now as a share of the run's own}, since updates shrink with the rate, as they should
    """
    missing = {layer: None for numbers in health.values() for layer, number in numbers.items() if number is None}
    if missing:
        return {"not finite": missing}  # so nothing else can be judged
    update, gradient, output = (health[key] for key in ("update_ratio", "gradient_norm", "activation_rms"))
    *_, last = update  # its weights begin near 0 on purpose, so its first updates are large beside them
    found = {
        "dead": _where(health["dead"], lambda layer, share: share > DEAD),
        "large update": _where(update, lambda layer, ratio: ratio > LARGE_UPDATE and layer != last),
        "large output": _where(output, lambda layer, rms: rms > LARGE_OUTPUT),
    }
    if not found["dead"]:  # behind dead units all is small
        found["small output"] = _where(output, lambda layer, rms: rms < SMALL_OUTPUT)
    if not found["dead"] and not found["small output"]:  # with small outputs, gradients are too
        total = gradient["total"]
        found["small gradient"] = _where(gradient, lambda layer, norm: norm < SMALL_GRADIENT * total)
        if total > NO_GRADIENT:
            found["small update"] = _where(update, lambda layer, ratio: ratio < SMALL_UPDATE * shares[layer])
    return found


def _where(numbers, condition):
    return {layer: number for layer, number in numbers.items() if condition(layer, number)}


SENTENCES = {
    "not finite": "not a finite number any more; the rate may be too high: try --lr {slower:g}",
    "dead": "{high:.0%} of the units are dead, 0 for a whole batch; too high a rate throws them there: try --lr {slower:g}",
    "large update": "an update is {high:.0%} of the weights; the rate may be too high: try --lr {slower:g}",
    "large output": "outputs of {high:.2g} (root mean square); they explode, the rate may be too high: try --lr {slower:g}",
    "small output": "outputs of {low:.2g} (root mean square); they vanish, the first weights may be too small: see --init",
    "small gradient": "a gradient of {low:.2g}; it vanishes on its way back, the first weights may be too small: see --init",
    "small update": "hardly moves, an update is {low:.2g} of the weights; the rate may be too low: try --lr {faster:g}",
}


def sentence(what, numbers, lr):
    """One line on {layer: number} of what is out of range, with the likely cause. lr: the run's"""
    values = [number for number in numbers.values() if number is not None] or [math.nan]
    figures = {"low": min(values), "high": max(values), "slower": lr / 10, "faster": lr * 10}
    return f"{', '.join(numbers)}: {SENTENCES[what].format(**figures)}"


class Watch:
    """Follows a run from measurement to measurement, and says what is out of range: once for each kind and layer.

    lr: the run's rate, at its highest;  said: the warnings that the run has had already
    """

    def __init__(self, lr, said=()):
        self.lr, self.recent = lr, deque(maxlen=PATIENCE)
        self.said = {(warning["what"], layer) for warning in said for layer in warning["layers"]}

    def look(self, health, lr, lr_factors):
        """[{what, layers, text}], a warning for each kind of trouble that has lasted and is new in some layers.

        health: from `measure`;  lr: the rate of that step;  lr_factors: by parameter, as `SGD` has them
        """
        shares = {layer: lr / self.lr * lr_factors.get(f"{layer}.weight", 1.0) for layer in health["update_ratio"]}
        self.recent.append(out_of_range(health, shares))
        warnings = []
        for what, numbers in self.recent[-1].items():
            new = {layer: number for layer, number in numbers.items() if self._is_new(what, layer)}
            self.said |= {(what, layer) for layer in new}
            if new:
                warnings.append({"what": what, "layers": list(new), "text": sentence(what, new, self.lr)})
        return warnings

    def _is_new(self, what, layer):
        enough = 1 if what == "not finite" else PATIENCE
        lasted = len(self.recent) >= enough and all(
            layer in found.get(what, ()) for found in list(self.recent)[-enough:]
        )
        return lasted and (what, layer) not in self.said

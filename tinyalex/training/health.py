"""How the layers fare while training, and a warning when one of them leaves the usual range.

Measured at logged steps, from what such a step leaves anyway: nothing is drawn, nothing is changed.
"""

import math
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

from tinyalex.backend import Array, array_module, ordered_map, to_host
from tinyalex.composite import layer_of
from tinyalex.layers import Layer, ReLU
from tinyalex.terminal import option

# ---------------------------------------------------------------------------------------------- measuring

ENOUGH_PICTURES = 32  # fewer cannot tell a dead unit from one that rarely fires


def measure_health(
    network: Layer, cache: Any, grads: dict[str, Array], velocity: dict[str, Array]
) -> dict[str, dict[str, float | None]]:
    """The state of the layers in one training step, right after its update: {measure: {layer: number}}.

    update_ratio    ‖v‖ / ‖w‖ of a layer's weights; v is what the update added to w
    gradient_norm   ‖g‖ of its weights and biases together, and under "total" that of all layers
    activation_rms  √(mean y²) of an activation layer's output for the batch
    dead            the fraction of a ReLU's units that gave 0 for every picture; in a convolution a unit is a channel.
                    Empty for a batch of fewer than ENOUGH_PICTURES

    Numbers have four digits; None stands for NaN and infinity, which JSON does not have.
    For one worker's part of a network (`tinyalex.parallel`) they cover that part: its pictures, its units.
    cache: from `network.forward` on the batch;  grads: of every parameter that is learnt;  velocity: of all, by name
    """
    layers = [name.removesuffix(".weight") for name in network.params if name.endswith(".weight") and name in grads]
    outputs = _outputs(network, cache)
    arrays = [("w", layer, network.params[f"{layer}.weight"]) for layer in layers]
    arrays += [("v", layer, velocity[f"{layer}.weight"]) for layer in layers]
    arrays += [("g", layer_of(name), g) for name, g in grads.items()]
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
    """{name: (layer, [y of each piece of the batch])} of the activation layers, which keep y for backward."""
    return {name: both for name, both in network.kept(cache).items() if both[0].activation}


def _dead_units(outputs):
    """{name: number of that ReLU's units that gave 0 for every picture}, on the device."""
    counts = {}
    for name, (layer, pieces) in outputs.items():
        if isinstance(layer, ReLU) and sum(map(len, pieces)) >= ENOUGH_PICTURES:
            highest, *others = ordered_map(
                lambda y: y.reshape(len(y), -1, y.shape[-1]).max(axis=1).max(axis=0), pieces
            )  # (C,)
            for other in others:
                highest = array_module(other).maximum(highest, other)
            counts[name] = (highest <= 0).sum()
    return counts


def _on_host(arrays, counts):
    """({(what, name): Σ a² over the arrays of that name}, the counts) as Python numbers; waits for a device once."""
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
# hundred classes of Tiny ImageNet for most of an epoch, from He's start; alexnet on those, from the paper's, at its
# start. And from sick ones: alexnet-mini at 25 times its rate, from the paper's start, with biases of −10, with a tiny
# rate. Each bound lies well beyond what the healthy runs showed, and short of what a sick one did.
DEAD = 0.6  # healthy: to 0.35 (fc6, at the start), half if all pictures were alike; at 25 times the rate 0.6, rising
LARGE_UPDATE = 0.1  # healthy: to 0.023 (conv1, when learning takes off), except the last layer; sick: 0.2 to 1
SMALL_UPDATE = 1e-6  # healthy: 2e-4 and more, at the full rate; decay alone makes it this much at a rate of 2e-4
SMALL_GRADIENT = 1e-4  # as a share of all layers'; healthy: 0.02 and more; the paper's start on alexnet-mini: 2e-6
LARGE_OUTPUT, SMALL_OUTPUT = 1e3, 1e-3  # healthy: 0.3 to 10, so a hundred times beyond
NO_GRADIENT = 1e-3  # norm of all layers' together: below it nothing is left to learn, and small updates are right
PATIENCE = 3  # measurements in a row: a brief excursion is not worth a warning


def out_of_range(health: dict, rates: dict[str, float]) -> dict[str, dict[str, Any]]:
    """{what: {layer: number}} of the numbers in `health` (see `measure_health`) outside the usual range.

    rates: {layer: its rate now as a fraction of the run's own}: updates rightly shrink with the rate
    """
    missing = {layer: None for numbers in health.values() for layer, number in numbers.items() if number is None}
    if len(missing) > 1:
        missing.pop("total", None)  # the sum over all layers' gradients: no place where it began
    if missing:
        return {"not finite": missing}  # then nothing else can be judged
    update, gradient, output = (health[key] for key in ("update_ratio", "gradient_norm", "activation_rms"))
    *_, last = update  # its weights start near 0 on purpose, so its first updates are relatively large
    found = {
        "dead": _where(health["dead"], lambda layer, fraction: fraction > DEAD),
        "large update": _where(update, lambda layer, ratio: ratio > LARGE_UPDATE and layer != last),
        "large output": _where(output, lambda layer, rms: rms > LARGE_OUTPUT),
    }
    if not found["dead"]:  # after dead units everything is small
        found["small output"] = _where(output, lambda layer, rms: rms < SMALL_OUTPUT)
    if not found["dead"] and not found["small output"]:  # with small outputs, gradients are too
        total = gradient["total"]
        found["small gradient"] = _where(gradient, lambda layer, norm: norm < SMALL_GRADIENT * total)
        if total > NO_GRADIENT:
            found["small update"] = _where(update, lambda layer, ratio: ratio < SMALL_UPDATE * rates[layer])
    return found


def _where(numbers, condition):
    return {layer: number for layer, number in numbers.items() if condition(layer, number)}


SENTENCES = {
    "not finite": "no longer a finite number; the rate may be too high: try {slower}",
    "dead": "{high:.0%} of the units are dead, 0 for a whole batch; the rate may be too high: try {slower}",
    "large update": "an update is {high:.0%} of the weights; the rate may be too high: try {slower}",
    "large output": "outputs explode, {high:.2g} (root mean square); the rate may be too high: try {slower}",
    "small output": "outputs vanish, {low:.2g} (root mean square); the first weights may be too small: see {init}",
    "small gradient": "a gradient of {low:.2g} vanishes on its way back; first weights may be too small: see {init}",
    "small update": "hardly moves, an update is {low:.2g} of the weights; the rate may be too low: try {faster}",
}


def sentence(what: str, numbers: dict[str, float | None], lr: float) -> str:
    """One line on the layers out of range, {layer: number}, with the likely cause. lr: the run's"""
    values = [number for number in numbers.values() if number is not None] or [math.nan]
    figures = {"low": min(values), "high": max(values)}
    advice = {"slower": option("lr", lr / 10), "faster": option("lr", lr * 10), "init": option("init")}
    return f"{', '.join(numbers)}: {SENTENCES[what].format(**figures, **advice)}"


class Watch:
    """Follows a run from measurement to measurement and reports each kind of trouble once per layer.

    lr: the run's highest rate;  said: the warnings that the run has already had
    """

    def __init__(self, lr: float, said: Iterable[dict] = ()) -> None:
        self.lr, self.recent = lr, deque[dict](maxlen=PATIENCE)
        self.said = {(warning["what"], layer) for warning in said for layer in warning["layers"]}

    def look(self, health: dict, lr: float, lr_factors: dict[str, float]) -> list[dict[str, Any]]:
        """[{what, layers, text}]: a warning for each kind of trouble that has lasted and is new in some layers.

        health: from `measure_health`;  lr: the rate of that step;  lr_factors: by parameter, as `SGD` has them
        """
        rates = {layer: lr / self.lr * lr_factors.get(f"{layer}.weight", 1.0) for layer in health["update_ratio"]}
        self.recent.append(out_of_range(health, rates))
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

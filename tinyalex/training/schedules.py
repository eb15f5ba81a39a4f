"""How far weights move in each step: learning rates over a run, for single layers, for biases."""

import math
from collections.abc import Collection, Iterable, Sequence

from tinyalex.composite import layer_of
from tinyalex.errors import UserError


def bias_factors(params: Iterable[str], factor: float) -> dict[str, float]:
    """The same factor for each bias, for `SGD`: the 2012 source had 2 on rates and 0 on the decay."""
    return {name: factor for name in params if name.endswith(".bias")}


class LayerRates:
    """Factors on the learning rates of single layers, as a pure function of the epoch.

    text: "LAYER:EPOCH:FACTOR,…". Each holds from that epoch on (counted from 0) and replaces the layer's earlier one:
        "conv1:67:0.1,conv1:72:0" slows conv1 after 67 epochs and stops it after 72; "" changes nothing
    layers: the names of layers with parameters
    UserError for anything else.
    """

    def __init__(self, text: str, layers: Collection[str]) -> None:
        self.changes = []
        for change in filter(None, text.split(",")):
            layer, *numbers = change.split(":")
            try:
                epoch, factor = int(numbers[0]), float(numbers[1])
                fine = len(numbers) == 2 and layer in layers and epoch >= 0 and 0 <= factor < 1e6
            except (ValueError, IndexError):
                fine = False
            if not fine:
                expected = f"expected LAYER:EPOCH:FACTOR with one of {', '.join(layers)}"
                raise UserError(f"found {change!r}, {expected}", "layer_lr")
            self.changes.append((epoch, layer, factor))
        self.changes.sort(key=lambda change: change[0])

    @classmethod
    def of(cls, text: str, params: Iterable[str]) -> "LayerRates":
        """The factors for a network with parameters of these names."""
        return cls(text, list(dict.fromkeys(map(layer_of, params))))

    def at(self, epoch: int) -> dict[str, float]:
        """{layer: factor} in that epoch, for the layers whose rate changes."""
        return {layer: factor for start, layer, factor in self.changes if start <= epoch}


class Factors:
    """Factors on the rate of each parameter, as a pure function of the epoch: its layer's, the biases', the head's.

    layer_lr: as `LayerRates` reads it;  bias_lr, head_lr: factors
    params: the names of all parameters;  head: of the last layer's
    """

    def __init__(
        self, layer_lr: str, bias_lr: float, head_lr: float, params: Iterable[str], head: Iterable[str]
    ) -> None:
        self.params = list(params)
        self.layers = LayerRates.of(layer_lr, self.params)
        self.biases = bias_factors(self.params, bias_lr)
        self.head = dict.fromkeys(head, head_lr)

    def at(self, epoch: int) -> dict[str, float]:
        """{parameter: factor} in that epoch; 1 for a parameter that is absent."""
        factors = dict(self.biases)
        for name, factor in self.head.items():
            factors[name] = factor * factors.get(name, 1.0)
        of_layer = self.layers.at(epoch)
        for name in self.params:
            if layer_of(name) in of_layer:
                factors[name] = of_layer[layer_of(name)] * factors.get(name, 1.0)
        return factors


# ---------------------------------------------------------------------------------------------- schedules


class Schedule:
    """The learning rate over a run, as a pure function of where the run stands: nothing to save, nothing to restore.

    text is one of these; UserError for anything else.
        "constant"
        "steps:20,40,60"  divide by 10 at the start of these epochs (counted from 0)
        "plateau:3"       divide by 10 when the validation error has not improved for 3 epochs (paper §5, by hand there)
        "cosine:1"        rise in a straight line for 1 epoch, then fall as half a cosine to 0 at the last
        "plateau", "cosine" alone mean these; a rise takes at most half of the run
    """

    def __init__(self, text: str, lr: float, epochs: int) -> None:
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
        expected = "constant, steps:EPOCH,EPOCH…, plateau[:EPOCHS] or cosine[:WARMUP]"
        raise UserError(f"found {text!r}, expected {expected}", "schedule")

    @property
    def patience(self) -> float:
        """Epochs without a new best after which a plateau lowers the rate."""
        return self.numbers[0] if self.numbers else 3

    def rate(self, progress: float, errors: Sequence[float]) -> float:
        """The rate at `progress` epochs (a float) after the validation errors `errors`, one for each finished epoch."""
        if self.kind == "steps":
            return self.lr * 0.1 ** sum(progress >= n for n in self.numbers)
        if self.kind == "plateau":
            return self.lr * 0.1 ** _stalls(errors, self.patience)
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

"""Layers made of layers, and the paths that name what is in them, such as "block1.conv2.weight"."""

import copy
from collections.abc import Callable
from typing import Any, Self

from tinyalex.backend import Array, is_host
from tinyalex.layers import BatchNorm2d, Conv2d, Layer
from tinyalex.layers.base import Shape
from tinyalex.layers.bias_relu import BiasReLU, with_biases_in_relus


class Composite(Layer):
    """A layer made of layers. Parameters and state are named by path, such as "block1.conv2.weight".

    layers: {name: layer}, in order. The cache is {name: that layer's cache}.
    A subclass says how data flow through them: forward_piece, backward_piece, out_shape, shapes.
    """

    def __init__(self, layers: dict[str, Layer]) -> None:
        self.layers = dict(layers)
        self.named("")

    def prefix(self, name: str) -> str:
        """The beginning of the paths of everything in layer `name`."""
        return name

    def named(self, name: str) -> None:
        self.name = name
        for inner, layer in self.layers.items():
            layer.named(path(name, self.prefix(inner)))

    @property
    def params(self) -> dict[str, Array]:  # type: ignore[override]
        return self._by_path(lambda name, layer: layer.params)

    @property
    def fixed(self) -> bool:  # type: ignore[override]
        """Whether training leaves all of it as it is; not if there is nothing in it."""
        return bool(self.layers) and all(layer.fixed for layer in self.layers.values())

    @fixed.setter
    def fixed(self, value: bool) -> None:
        for layer in self.layers.values():
            layer.fixed = value

    @property
    def state(self) -> dict[str, Array]:  # type: ignore[override]
        return self._by_path(lambda name, layer: layer.state)

    def observe(self, cache: Any) -> dict[str, Array]:
        return self._by_path(lambda name, layer: layer.observe(cache[name]) if name in cache else {})

    def absorb(self, observed: dict[str, Array]) -> None:
        for name, layer in self.layers.items():
            own = path(self.prefix(name), "*")[:-1]  # such as "block1."
            if inside := {key.removeprefix(own): sums for key, sums in observed.items() if key.startswith(own)}:
                layer.absorb(inside)

    def map_arrays(self, function: Callable[[Array], Array]) -> None:
        for layer in self.layers.values():
            layer.map_arrays(function)

    def like(self, **changes: Any) -> Self:
        fresh = {"layers": {name: layer.like() for name, layer in self.layers.items()}}
        return super().like(**(fresh | changes))

    def for_batch(self) -> Self:
        ready = copy.copy(self)
        ready.layers = {name: layer.for_batch() for name, layer in self.layers.items()}
        return ready

    def for_test(self) -> Self:
        ready = copy.copy(self)
        ready.layers = {name: layer.for_test() for name, layer in self.layers.items()}
        return ready

    def way_to(self, wanted: str) -> dict[str, Layer]:
        inside = (layer.way_to(wanted) for layer in self.layers.values())
        return super().way_to(wanted) or next(filter(None, inside), {})

    def multiply_adds(self, in_shape: Shape) -> int:
        return sum(layer.multiply_adds(shape) for _, layer, shape, _ in self.shapes(in_shape))

    def kept(self, cache: Any) -> dict[str, tuple[Layer, list]]:
        return self._by_path(lambda name, layer: layer.kept(cache[name]) if name in cache else {})

    def _by_path(self, of):
        return {
            path(self.prefix(name), key): value
            for name, layer in self.layers.items()
            for key, value in of(name, layer).items()
        }


class Sequential(Composite):
    """Layers one after the other. The first of them may be fixed: in training they keep nothing for backward.

    Raises ValueError in backward for the dx of a fixed layer, after a forward pass in training.
    """

    def forward_piece(self, x, train, rng):
        cache = {}
        for name, layer in self.running(x).items():
            if train and layer.fixed:
                x = layer.predict(x)
            else:
                x, cache[name] = yield from layer.forward_piece(x, train, rng)
        return x, cache

    def backward_piece(self, dy, cache, input_grad):
        grads = {}
        dx = yield from self._backward_into(grads, dy, cache, input_grad)
        return dx, grads

    def _backward_into(self, grads, dy, cache, input_grad):
        """`backward_piece`, which returns dx and fills the dict `grads`, layer by layer."""
        for name, layer, wanted in reversed(list(self._whose_dx_is_wanted(dy, input_grad))):
            if name not in cache:
                raise ValueError(f"{layer.label} is fixed: training kept nothing for its dx")
            dy, own = yield from layer.backward_piece(dy, cache[name], wanted)
            of = layer.of if isinstance(layer, BiasReLU) else name
            grads.update({path(self.prefix(of), key): grad for key, grad in own.items()})
            if not wanted:
                break  # nothing before this layer is learnt
        return dy

    def _whose_dx_is_wanted(self, dy, wanted):
        """(name, layer, whether the caller or an earlier layer with parameters needs its dx)."""
        for name, layer in self.running(dy).items():
            yield name, layer, wanted
            wanted = wanted or bool(layer.params) and not layer.fixed

    def predict(self, x):
        for layer in self.running(x).values():
            x = layer.predict(x)
        return x

    def running(self, x: Array) -> dict[str, Layer]:
        """The layers as they run where x lives, by name: on a device some share their work, to the same caches."""
        return self.layers if is_host(x) else with_biases_in_relus(self.layers)

    def for_test(self):
        """A `BatchNorm2d` right behind a `Conv2d` is taken into its weight: a pass over the pictures less."""
        ready, layers, last = copy.copy(self), {}, ""
        for name, layer in self.layers.items():
            before = self.layers.get(last)
            if isinstance(layer, BatchNorm2d) and isinstance(before, Conv2d):
                layers[last] = before.scaled(*layer.scale_and_shift()).for_test()
            else:
                layers[name] = layer.for_test()
            last = name
        ready.layers = layers
        return ready

    def trace(self, x):
        for layer in self.layers.values():
            x = yield from layer.trace(x)
        return x

    def way_to(self, wanted):
        if there := Layer.way_to(self, wanted):
            return there
        passed = {}
        for layer in self.layers.values():
            if inside := layer.way_to(wanted):
                return passed | inside
            passed[layer.name] = layer
        return {}

    def out_shape(self, in_shape):
        for layer in self.layers.values():
            in_shape = layer.out_shape(in_shape)
        return tuple(in_shape)

    def shapes(self, in_shape):
        for name, layer in self.layers.items():
            for inner, leaf, shape, out_shape in layer.shapes(in_shape):
                yield path(self.prefix(name), inner), leaf, shape, out_shape
            in_shape = layer.out_shape(in_shape)


def layer_of(parameter: str) -> str:
    """The path of the layer that a parameter belongs to: "block1.conv2" of "block1.conv2.weight"."""
    return parameter.rpartition(".")[0]


def path(name: str, inner: str) -> str:
    """A path of two names, either of which may be empty."""
    return f"{name}.{inner}" if name and inner else name or inner

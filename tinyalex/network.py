"""A network: the trunk (`features`), image by image on all cores; then the head (`classifier`), the batch at once.

Convolution, pooling and normalisation treat each picture alone, so the trunk takes a batch in pieces, each on a core of
its own; within a piece every layer works in blocks that fit the caches. The fully connected layers hold nearly all the
weights, so the head takes the whole batch in one product.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any, Self

from tinyalex.backend import Array, array_module, child_streams, is_host, one_blas_thread, ordered_map
from tinyalex.errors import UserError, did_you_mean
from tinyalex.layers import BatchNorm2d, Conv2d, Layer
from tinyalex.layers.base import Shape
from tinyalex.layers.bias_relu import BiasReLU, with_biases_in_relus
from tinyalex.layers.blocks import slices
from tinyalex.layers.pieces import add_up, together

# The most pictures in a piece; the fewest pieces in a batch. Larger pieces mean fewer calls and fewer sums of
# gradients, but every core needs one. Neither may depend on the number of threads: the order of sums, and so the
# result, does not.
PIECE_PICTURES = 16
PIECES = 4


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
        """Whether training leaves all of it as it is."""
        return all(layer.fixed for layer in self.layers.values())

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
    """Layers one after the other. The first of them may be fixed: in training they keep nothing for backward."""

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


class Trunk(Sequential):
    """A `Sequential` that takes a batch in pieces, each on a core of its own.

    The pieces meet only where a layer needs sums over the whole batch (see `Layer.forward_piece`).
    """

    def forward(self, x, train=False, rng=None):
        pieces, ready = self.pieces(x, rng), self.for_batch()
        running = [Sequential.forward_piece(ready, x[pictures], train, stream) for pictures, stream in pieces]
        outputs, caches = zip(*together(running, self.total))
        return _join(outputs), ([pictures for pictures, _ in pieces], caches)

    def backward(self, dy, cache, input_grad=True):
        (pieces, caches), ready = cache, self.for_batch()  # anew, so that forward's need not be kept until now
        grads, of_pieces = {}, [{} for _ in pieces]
        running = [
            Sequential._backward_into(ready, own, dy[pictures], kept, input_grad)
            for pictures, kept, own in zip(pieces, caches, of_pieces)
        ]

        def total(sums):
            for own in of_pieces:  # wherever the pieces meet, or the gradients of all would pile up
                _add(grads, own)
                own.clear()
            return self.total(sums)

        dxs = []
        for own, dx in zip(of_pieces, together(running, total)):
            dxs.append(dx)
            _add(grads, own)
        return (_join(dxs) if input_grad else None), grads

    def predict(self, x):
        ready = self.for_test()
        pieces = [pictures for pictures, _ in self.pieces(x, None)]
        return _join(list(ordered_map(lambda pictures: Sequential.predict(ready, x[pictures]), pieces)))

    # inside another network, a trunk still gets the whole batch and cuts it itself
    forward_piece, backward_piece = Layer.forward_piece, Layer.backward_piece

    def observe(self, cache):
        _, caches = cache
        parts = [super(Trunk, self).observe(kept) for kept in caches]
        return dict(zip(parts[0], add_up([tuple(part.values()) for part in parts])))

    def kept(self, cache):
        _, caches = cache
        first, *others = [super(Trunk, self).kept(kept) for kept in caches]
        return {
            name: (layer, own + [one for other in others for one in other[name][1]])
            for name, (layer, own) in first.items()
        }

    def pieces(self, x: Array, rng: Any) -> list[tuple[slice, Any]]:
        """[(slice over the pictures, generator)]: small pieces on the CPU; a device takes the batch at once."""
        runs = slices(len(x), piece_size(len(x)) if is_host(x) else len(x)) or [slice(0, 0)]
        return list(zip(runs, child_streams(rng, len(runs)) if len(runs) > 1 else [rng]))


class Network(Sequential):
    """features, then classifier: pictures (N, H, W, C) in, scores (N, K) out.

    in_shape: (H, W, C) of the pictures. All shapes are computed here, so a network that does not fit together is
    refused when it is built, with the name of the layer that does not fit.
    """

    def __init__(
        self, features: dict[str, Layer], classifier: dict[str, Layer], in_shape: Shape, name: str = ""
    ) -> None:
        if twice := features.keys() & classifier.keys():
            raise ValueError(f"Network: {', '.join(sorted(twice))} in features and in classifier, expected other names")
        super().__init__({"features": Trunk(features), "classifier": Sequential(classifier)})
        self.in_shape, self.name = tuple(in_shape), name
        self.num_classes = self.out_shape(self.in_shape)[0]

    @property
    def features(self) -> Trunk:
        return self.layers["features"]  # type: ignore[return-value]

    @property
    def classifier(self) -> Sequential:
        return self.layers["classifier"]  # type: ignore[return-value]

    def prefix(self, name: str) -> str:
        return ""  # "conv1.weight", not "features.conv1.weight"

    def like(self, **changes: Any) -> Self:
        fresh = {name: part.like().layers for name, part in self.layers.items()}  # type: ignore[attr-defined]
        return Layer.like(self, **(fresh | changes))

    def forward(self, x, train=False, rng=None):
        self._check_x(x)
        return super().forward(x, train, rng)

    def predict(self, x):
        """Scores (N, K) as at test time. Keeps nothing for backward, so a large batch needs little memory."""
        self._check_x(x)
        with one_blas_thread():  # here too, since each change of BLAS's threads takes as long as a small layer
            return super().predict(x)

    def features_at(self, x: Array, layer: str) -> Array:
        """The output of a layer as at test time; the layers behind it are not computed. See `up_to`."""
        return self.up_to(layer).predict(x)

    def up_to(self, layer: str) -> "Network":
        """The network that ends with a layer, on the same arrays.

        layer: a name, such as "relu7", or a path, such as "block1.conv2". UserError for an unknown one.
        """
        if way := self.features.way_to(layer):
            return Network(way, {}, self.in_shape, self.name)
        if way := self.classifier.way_to(layer):
            return Network(self.features.layers, way, self.in_shape, self.name)
        names = [*self.features.layers, *self.classifier.layers]
        near = did_you_mean(layer, [*names, *(inner for inner, *_ in self.shapes())])
        raise UserError(f"found {layer!r}{near}, expected one of {', '.join(names)}", "layer")

    def shapes(self, in_shape: Shape | None = None) -> Iterator[tuple[str, Layer, Shape, Shape]]:
        """(path, layer, input shape, output shape) of every simple layer, without the batch axis."""
        yield from super().shapes(self.in_shape if in_shape is None else in_shape)

    def _check_x(self, x):
        self._check_float(x, None)
        if tuple(x.shape[1:]) != self.in_shape:
            expected = ", ".join(map(str, self.in_shape))
            raise ValueError(f"{self.label}: x.shape = {tuple(x.shape)}, expected (N, {expected})")
        if len(x) == 0:
            raise ValueError(f"{self.label}: x holds no picture")


def layer_of(parameter: str) -> str:
    """The path of the layer that a parameter belongs to: "block1.conv2" of "block1.conv2.weight"."""
    return parameter.rpartition(".")[0]


def piece_size(pictures: int) -> int:
    """Pictures per piece for a batch of this size; at least 1."""
    return max(1, min(PIECE_PICTURES, -(-pictures // PIECES)))


def path(name: str, inner: str) -> str:
    """A path of two names, either of which may be empty."""
    return f"{name}.{inner}" if name and inner else name or inner


def _add(total, arrays):
    """Add a dict of arrays to another, in place; in the order of calls, whichever thread was first."""
    for name, array in arrays.items():
        if name in total:
            total[name] += array
        else:
            total[name] = array


def _join(arrays):
    """The pieces of a batch as one array; a single piece as it is."""
    return arrays[0] if len(arrays) == 1 else array_module(arrays[0]).concatenate(arrays)

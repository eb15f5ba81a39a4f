"""A network: the trunk (`features`), image by image on all cores; then the head (`classifier`), the batch at once.

Convolution, pooling and normalisation treat each picture alone, so the trunk takes a batch in pieces, each on a core of
its own; within a piece every layer works in blocks that fit the caches. The fully connected layers hold nearly all the
weights, so the head takes the whole batch in one product.
"""

from collections.abc import Iterator
from typing import Any, Self

from tinyalex.backend import Array, array_module, child_streams, is_host, one_blas_thread, ordered_map
from tinyalex.composite import Sequential
from tinyalex.errors import UserError, did_you_mean
from tinyalex.layers import Layer
from tinyalex.layers.base import Shape
from tinyalex.layers.blocks import slices
from tinyalex.layers.pieces import add_up, together

# The most pictures in a piece; the fewest pieces in a batch. Larger pieces mean fewer calls and fewer sums of
# gradients, but every core needs one. Neither may depend on the number of threads: the order of sums, and so the
# result, does not.
PIECE_PICTURES = 16
PIECES = 4


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

    in_shape: (H, W, C) of the pictures;  num_classes: K; without a head, the first length of the output
    All shapes are computed here, so a network that does not fit together is refused when it is built, with the name of
    the layer that does not fit.
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


def piece_size(pictures: int) -> int:
    """Pictures per piece for a batch of this size; at least 1."""
    return max(1, min(PIECE_PICTURES, -(-pictures // PIECES)))


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

"""A network: the trunk (`features`), image by image on all cores; then the head (`classifier`), the batch at once.

Convolution, pooling and normalisation treat each picture alone, so the trunk takes a batch in pieces, each on a core
of its own (within a piece every layer works in blocks that suit its caches). The fully connected layers hold nearly all
the weights, so the head takes the whole batch in one product. Several workers split it the same way (`tinyalex.parallel`).
"""

import copy

from tinyalex.backend import array_module, child_streams, is_host, ordered_map
from tinyalex.layers import Layer
from tinyalex.layers.blocks import slices
from tinyalex.shares import Share, Undivided, shared_draws

# A piece is at most so many pictures, and a batch at least so many pieces. The larger a piece, the fewer calls and the
# fewer sums of gradients; but there should be enough for every core. None of it may depend on the number of threads: the
# order of sums, and so the result, is the same on all.
PIECE_PICTURES = 16
PIECES = 4


class Sequential(Layer):
    """Layers one after the other, itself a layer. `layers` is a dict from name to layer, in order.

    Parameters are named "layer.parameter", "conv1.weight" say.
    """

    def __init__(self, layers):
        self.layers = dict(layers)
        for name, layer in self.layers.items():
            layer.name = name

    @property
    def params(self):
        return {f"{n}.{k}": p for n, layer in self.layers.items() for k, p in layer.params.items()}

    def map_params(self, function):
        for layer in self.layers.values():
            layer.map_params(function)

    def forward(self, x, train=False, rng=None):
        caches = []
        for layer in self.layers.values():
            x, cache = layer.forward(x, train, rng)
            caches.append(cache)
        return x, caches

    def backward(self, dy, cache, input_grad=True):
        """As `Layer.backward`; with input_grad=False dx is None and the first layer with weights does not compute it."""
        grads = {}
        for (name, layer), layer_cache in reversed(list(zip(self.layers.items(), cache))):
            if not input_grad and name == next(iter(self.layers)) and layer.params:
                dy, layer_grads = layer.backward(dy, layer_cache, input_grad=False)
            else:
                dy, layer_grads = layer.backward(dy, layer_cache)
            grads |= {f"{name}.{key}": grad for key, grad in layer_grads.items()}
        return (dy if input_grad else None), grads

    def kept(self, cache):
        """{name: (layer, [what it kept of each piece of the batch])} of a forward call, in order."""
        return {name: (layer, [kept]) for (name, layer), kept in zip(self.layers.items(), cache)}

    def predict(self, x):
        """forward without training and without keeping anything for backward."""
        for layer in self.layers.values():
            x = layer.predict(x)
        return x

    def for_batch(self, in_shape, dtype):
        return Sequential({n: layer.for_batch(shape, dtype) for n, layer, shape, _ in self.shapes(in_shape)})

    def out_shape(self, in_shape):
        for layer in self.layers.values():
            in_shape = layer.out_shape(in_shape)
        return tuple(in_shape)

    def multiply_adds(self, in_shape):
        total = 0
        for layer in self.layers.values():
            total += layer.multiply_adds(in_shape)
            in_shape = layer.out_shape(in_shape)
        return total

    def shapes(self, in_shape):
        """(name, layer, input shape, output shape) for each layer, without the batch axis."""
        for name, layer in self.layers.items():
            out_shape = tuple(layer.out_shape(in_shape))
            yield name, layer, tuple(in_shape), out_shape
            in_shape = out_shape


class Trunk(Sequential):
    """A `Sequential` that takes a batch in pieces, each on a core of its own; for layers that treat each picture alone."""

    def forward(self, x, train=False, rng=None, share=None):
        """As `Layer.forward`. share: which pictures of a larger batch these are (None: all of it).

        The pieces are those of the larger batch, cut where the share begins and ends, and further where it would have too
        few for every core; they draw as those would.
        """
        pieces, streams = self._pieces(x, rng, Share.whole(len(x)) if share is None else share)
        trunk = self.for_batch(x.shape[1:], x.dtype)

        def run(piece_and_stream):
            piece, stream = piece_and_stream
            return trunk.forward(x[piece], train, stream)

        outputs, caches = [], []
        for y, cache in ordered_map(run, zip(pieces, streams)):
            outputs.append(y)
            caches.append(cache)
        return self._join(x, outputs), (trunk, pieces, caches)

    def backward(self, dy, cache, input_grad=True):
        trunk, pieces, caches = cache

        def run(piece_and_cache):
            piece, piece_cache = piece_and_cache
            return trunk.backward(dy[piece], piece_cache, input_grad)

        dxs, grads = [], {}
        for dx, piece_grads in ordered_map(run, zip(pieces, caches)):
            dxs.append(dx)
            for name, grad in piece_grads.items():
                if name in grads:
                    grads[name] += grad  # in the order of the pieces, whichever thread was first
                else:
                    grads[name] = grad
        if not pieces:  # a batch with fewer pictures than workers; the gradient of no pictures has no use
            return None, {name: array_module(p).zeros_like(p) for name, p in self.params.items()}
        return (_join(dxs) if input_grad else None), grads

    def kept(self, cache):
        _, _, pieces = cache
        return {name: (layer, [kept[i] for kept in pieces]) for i, (name, layer) in enumerate(self.layers.items())}

    def predict(self, x):
        """As at test time; keeps nothing for backward, so a large batch needs little memory."""
        pieces, _ = self._pieces(x, None, Share.whole(len(x)))
        trunk = self.for_batch(x.shape[1:], x.dtype)
        return self._join(x, list(ordered_map(lambda piece: trunk.predict(x[piece]), pieces)))

    def _pieces(self, x, rng, share):
        """Slices of x, and a generator for each: small pieces on the CPU, all at once on a device that wants large work."""
        if not is_host(x):
            return ([slice(0, len(x))], [shared_draws(rng, share, axis=0)]) if len(x) else ([], [])
        of_batch, step, pieces, draws = slices(share.of, _piece_size(share.of)), _piece_size(len(share)), [], []
        streams = child_streams(rng, len(of_batch)) if len(of_batch) > 1 else [rng]
        for piece, stream in zip(of_batch, streams):
            for start in range(max(piece.start, share.start), min(piece.stop, share.stop), step):
                stop = min(start + step, piece.stop, share.stop)
                inside = Share(start - piece.start, stop - piece.start, piece.stop - piece.start)
                pieces.append(slice(start - share.start, stop - share.start))
                # what draws for one piece of the batch begins anew in each part of it
                draws.append(
                    stream if len(inside) == inside.of else shared_draws(copy.deepcopy(stream), inside, axis=0)
                )
        return pieces, draws

    def _join(self, x, outputs):
        """The pieces' outputs as one array; an empty one without pieces, a single piece as it is."""
        return _join(outputs) if outputs else array_module(x).empty((0, *self.out_shape(x.shape[1:])), x.dtype)


class Network(Undivided, Layer):
    """features, then classifier: pictures (N, H, W, C) in, scores (N, K) out; itself a layer.

    in_shape: (H, W, C) of the pictures. All shapes are worked out here, so a network that does not fit together is
    refused when it is built, by the name of the layer that does not fit.
    """

    def __init__(self, features, classifier, in_shape, name=""):
        self.features, self.classifier = Trunk(features), Sequential(classifier)
        if twice := self.features.layers.keys() & self.classifier.layers.keys():
            raise ValueError(f"Network: {', '.join(sorted(twice))} in features and in classifier, expected other names")
        self.in_shape, self.name = tuple(in_shape), name
        self.num_classes = self.out_shape(self.in_shape)[0]

    @property
    def params(self):
        return self.features.params | self.classifier.params

    def map_params(self, function):
        self.features.map_params(function)
        self.classifier.map_params(function)

    def forward(self, x, train=False, rng=None, share=None):
        """As `Layer.forward`. share: for one worker's part of a network (`tinyalex.parallel`); here x is all of the batch."""
        self._check_x(x)
        y, trunk_cache = self.features.forward(x, train, rng)
        y, head_cache = self.classifier.forward(y, train, rng)
        return y, (trunk_cache, head_cache)

    def backward(self, dy, cache, input_grad=True):
        """As `Layer.backward`; the trainer asks for input_grad=False, since nobody needs the gradient of pixels."""
        trunk_cache, head_cache = cache
        dy, grads = self.classifier.backward(dy, head_cache)
        dx, trunk_grads = self.features.backward(dy, trunk_cache, input_grad)
        return dx, grads | trunk_grads

    def predict(self, x):
        """Scores (N, K) as at test time; keeps nothing for backward, so a large batch needs little memory."""
        self._check_x(x)
        return self.classifier.predict(self.features.predict(x))

    def kept(self, cache):
        """{name: (layer, [what it kept of each piece of the batch])} of a forward call, in order."""
        trunk_cache, head_cache = cache
        return self.features.kept(trunk_cache) | self.classifier.kept(head_cache)

    def out_shape(self, in_shape):
        return self.classifier.out_shape(self.features.out_shape(in_shape))

    def multiply_adds(self, in_shape):
        return self.features.multiply_adds(in_shape) + self.classifier.multiply_adds(self.features.out_shape(in_shape))

    def shapes(self):
        """(name, layer, input shape, output shape) for each layer of trunk and head, without the batch axis."""
        yield from self.features.shapes(self.in_shape)
        yield from self.classifier.shapes(self.features.out_shape(self.in_shape))

    def _check_x(self, x):
        self._check_float(x, "NHWC")
        if tuple(x.shape[1:]) != self.in_shape:
            raise ValueError(f"{self.label}: x.shape = {x.shape}, expected (N, {', '.join(map(str, self.in_shape))})")
        if len(x) == 0:
            raise ValueError(f"{self.label}: x holds no picture")


def _piece_size(pictures):
    """Of how many pictures a piece is, where there are so many altogether; at least 1."""
    return max(1, min(PIECE_PICTURES, -(-pictures // PIECES)))


def _join(arrays):
    """The pieces of a batch as one array; a single piece as it is."""
    return arrays[0] if len(arrays) == 1 else array_module(arrays[0]).concatenate(arrays)

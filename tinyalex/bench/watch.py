"""Each layer's calls, forward and backward, between two marks of whoever watches."""

import threading
from collections import defaultdict

from tinyalex.layers import Layer
from tinyalex.layers.bias_relu import BiasReLU


class LayerWatch:
    """Notes each layer's forward and backward inside a `with` block: spans[name, way] = [(mark before, mark after), …].

    A subclass says what a mark is (`_mark`). Calls may come from several threads.
    """

    def __init__(self, network):
        self.lock, self.spans = threading.Lock(), defaultdict(list)
        # Wraps the classes, not the layers, since a network may work with copies (`Layer.for_batch`, `BiasReLU`)
        kinds = {type(layer) for _, layer, _, _ in network.shapes()} | {BiasReLU}
        self.originals = [(kind, *self._defined(kind, way)) for kind in kinds for way in ("forward", "backward")]

    @staticmethod
    def _defined(kind, way):
        """(way, name, function) of the method that a kind of layer defines: `way` itself or its piece, a generator."""
        piece = f"{way}_piece"
        name = way if getattr(kind, piece) is getattr(Layer, piece) else piece
        return way, name, getattr(kind, name)

    def __enter__(self):
        self.inherited = [(kind, name) for kind, _, name, _ in self.originals if name not in vars(kind)]
        for kind, way, name, function in self.originals:
            setattr(kind, name, (self._watched if name == way else self._watched_piece)(way, function))
        return self

    def __exit__(self, *error):
        for kind, _, name, function in self.originals:
            setattr(kind, name, function)
        for kind, name in self.inherited:
            delattr(kind, name)

    def _watched(self, way, function):
        def call(layer, *args, **options):
            start = self._mark()
            result = function(layer, *args, **options)
            self._note(layer, way, start)
            return result

        return call

    def _watched_piece(self, way, function):
        """The same for a generator; what happens while it waits for other pieces does not count."""

        def call(layer, *args):
            piece, answer = function(layer, *args), None
            while True:
                start = self._mark()
                try:
                    sums = piece.send(answer)
                except StopIteration as stop:
                    return stop.value
                finally:
                    self._note(layer, way, start)
                answer = yield sums

        return call

    def _note(self, layer, way, start):
        span = start, self._mark()
        with self.lock:
            self.spans[layer.name, way].append(span)

    def _mark(self):
        raise NotImplementedError

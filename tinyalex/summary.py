"""What a network is made of, layer by layer: shapes, parameters, work, and the memory that training keeps.

Parameters and memory are counted on the arrays themselves, shapes and multiply-adds follow from the layers' rules; the
rules are held against what a real forward pass produced.
"""

from dataclasses import dataclass

from tinyalex.backend import array_module, random_stream


@dataclass(frozen=True)
class Row:
    """One layer. activation_bytes: what training keeps for backward, a picture, not counting what an earlier layer keeps."""

    name: str
    layer: str
    out_shape: tuple
    parameters: int
    multiply_adds: int
    activation_bytes: int


def summarise(network):
    """A `Row` for each layer of a network, measured with one picture of noise.

    Raises AssertionError if a layer's out_shape or parameters are not those of the arrays: a fault in the layer.
    """
    params = next(iter(network.params.values()))
    x = array_module(params).asarray(random_stream(0).random((1, *network.in_shape), dtype="float32"))
    rows, kept, alive = [], {_buffer(x)}, []  # alive: a freed array's identity could be handed out again
    for name, layer, in_shape, out_shape in network.shapes():
        y, cache = layer.forward(x, train=True, rng=random_stream(0))
        alive += [x, y, cache]
        assert y.shape[1:] == out_shape, f"{layer.label}: out_shape says {out_shape}, forward gave {y.shape[1:]}"
        new = {_buffer(array): array.nbytes for array in _arrays(cache)}
        size = sum(nbytes for buffer, nbytes in new.items() if buffer not in kept)
        kept |= new.keys()
        parameters = sum(p.size for p in layer.params.values())
        rows.append(Row(name, str(layer), out_shape, parameters, layer.multiply_adds(in_shape), size))
        x = y
    total = sum(p.size for p in network.params.values())
    assert sum(row.parameters for row in rows) == total, "the layers' parameters are not the network's"
    return rows


def _arrays(tree):
    """Every array in a cache of nested tuples, lists and dicts."""
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    if isinstance(tree, (tuple, list)):
        return [array for part in tree for array in _arrays(part)]
    return [tree] if hasattr(tree, "nbytes") and getattr(tree, "ndim", 0) > 0 else []


def _buffer(array):
    """What identifies the memory under an array, the same for all views of it."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return id(array)

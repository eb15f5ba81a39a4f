"""A network layer by layer: shapes, parameters, work, and the memory that training keeps.

Parameters and memory are counted on the arrays themselves; shapes and multiply-adds follow from the layers' rules,
which are held against a real forward pass.
"""

from dataclasses import dataclass

from tinyalex.backend import array_module, random_stream
from tinyalex.network import Network


@dataclass(frozen=True)
class Row:
    """One simple layer.

    parameters: numbers that are learnt;  state: numbers that are saved but not learnt
    activation_bytes: what training keeps for backward, per picture, except what an earlier layer keeps
    prepared_bytes: what the layer computes from its parameters once a batch
    """

    name: str
    layer: str
    out_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    activation_bytes: int
    state: int = 0
    prepared_bytes: int = 0


def summarise(network: Network) -> list[Row]:
    """A `Row` for each simple layer of a network, measured with two pictures of noise: one alone has no variance.

    Raises AssertionError if a layer's out_shape or parameters do not fit its arrays: a fault in the layer.
    """
    xp = array_module(next(iter(network.params.values())))
    x = xp.asarray(random_stream(0).random((2, *network.in_shape), dtype="float32"))
    _, cache = network.forward(x, train=True, rng=random_stream(0))
    caches, seen, rows = network.kept(cache), {_buffer(x)}, []
    for name, layer, in_shape, out_shape in network.shapes():
        y = layer.predict(xp.zeros((1, *in_shape), x.dtype))
        assert y.shape[1:] == out_shape, f"{layer.label}: out_shape says {out_shape}, forward gave {y.shape[1:]}"
        _, kept = caches.get(name, (layer, []))  # a fixed layer keeps nothing
        new = {_buffer(array): array.nbytes for array in _arrays(kept)}
        size = sum(nbytes for buffer, nbytes in new.items() if buffer not in seen) // len(x)
        seen |= new.keys()
        parameters, state = (sum(a.size for a in arrays.values()) for arrays in (layer.params, layer.state))
        counts = parameters, layer.multiply_adds(in_shape), size, state, layer.prepared_bytes(in_shape)
        rows.append(Row(name, str(layer), out_shape, *counts))
    total = sum(p.size for p in network.params.values())
    assert sum(row.parameters for row in rows) == total, "the layers' parameters are not the network's"
    return rows


def _arrays(tree):
    """Every array in a cache of nested tuples, lists and dicts; no vectors, which are per channel, not per picture."""
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    if isinstance(tree, (tuple, list)):
        return [array for part in tree for array in _arrays(part)]
    return [tree] if hasattr(tree, "nbytes") and getattr(tree, "ndim", 0) > 1 else []


def _buffer(array):
    """An identity of the memory under an array, the same for all views of it."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return id(array)

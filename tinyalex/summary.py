"""What a network is made of, layer by layer: shapes, parameters, work, and the memory that training keeps.

Parameters and memory are counted on the arrays themselves, shapes and multiply-adds follow from the layers' rules; the
rules are held against what a real forward pass produced.
"""

from dataclasses import dataclass

from tinyalex.backend import array_module, memory_available, random_stream
from tinyalex.errors import UserError

WORKSPACE_BYTES = 256 << 20  # columns, pieces under way, batches prepared ahead: on the safe side


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


def training_bytes(rows, batch, in_shape, held=None):
    """An estimate of the memory that training takes: weights, velocity, gradients, activations, input, workspace.

    held: how many of the parameters a worker has, if not all
    """
    parameters = sum(row.parameters for row in rows) if held is None else held
    activations = sum(row.activation_bytes for row in rows)
    picture = 4 * in_shape[0] * in_shape[1] * in_shape[2]
    # 3: weights, velocity, gradients; 1 more for gradients of pieces and the copy that a checkpoint is made from
    return 4 * parameters * 4 + batch * (activations + 4 * picture) + WORKSPACE_BYTES


def check_memory(network, batch, xp, team=None, held=None):
    """Bytes that training is expected to take, of one worker; UserError with both figures where they are not there.

    team: the workers, each of whom has its share of the pictures or of their maps;  held: see `training_bytes`
    """
    rows, (workers, here) = summarise(network), (team.size, team.local_size) if team else (1, 1)

    def needed(batch):
        return here * training_bytes(rows, -(-batch // workers), network.in_shape, held)

    available = memory_available(xp)
    if available is not None and needed(batch) > available:
        smaller = batch
        while smaller > 1 and needed(smaller) > available:
            smaller //= 2
        hint = f"--batch {smaller} would fit" if needed(smaller) <= available else "no batch fits; take a smaller --model"
        whom = f" by {here} workers here" if here > 1 else ""
        raise UserError(
            f"--batch {batch}: training {network.name}{whom} needs about {needed(batch) / 1e9:.2f} GB, "
            f"{available / 1e9:.2f} GB are free; {hint}"
        )
    return needed(batch) // here

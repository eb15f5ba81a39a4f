"""How much memory training takes, known before it begins."""

from types import ModuleType

from tinyalex.backend import memory_available
from tinyalex.errors import UserError
from tinyalex.layers.base import Shape
from tinyalex.network import Network
from tinyalex.summary import Row, summarise
from tinyalex.terminal import bytes_text

WORKSPACE_BYTES = 256 << 20  # columns, pieces under way, batches prepared ahead: on the safe side


def training_bytes(rows: list[Row], batch: int, in_shape: Shape, held: int | None = None) -> int:
    """An estimate of the bytes that training takes: weights, velocity, gradients, activations, input, workspace.

    held: how many of the parameters one worker has, if not all
    """
    parameters = sum(row.parameters for row in rows) if held is None else held
    activations = sum(row.activation_bytes for row in rows)
    picture = 4 * in_shape[0] * in_shape[1] * in_shape[2]
    # 3: weights, velocity, gradients; 1 more for gradients of pieces and the copy that a checkpoint is made from
    return 4 * parameters * 4 + batch * (activations + 4 * picture) + WORKSPACE_BYTES


def check_memory(
    network: Network, batch: int, xp: ModuleType, workers: int = 1, here: int = 1, held: int | None = None
) -> int:
    """Bytes that one worker is expected to take for training. UserError with both figures if they are not available.

    workers: how many divide the batch's pictures or maps;  here: how many of them use this memory
    held: see `training_bytes`
    """
    rows = summarise(network)

    def needed(batch):
        return here * training_bytes(rows, -(-batch // workers), network.in_shape, held)

    available = memory_available(xp)
    if available is not None and needed(batch) > available:
        smaller = batch
        while smaller > 1 and needed(smaller) > available:
            smaller //= 2
        fits = needed(smaller) <= available
        hint = f"a batch of {smaller} would fit" if fits else "no batch fits; take a smaller model"
        whom = f" by {here} workers here" if here > 1 else ""
        raise UserError(
            f"found {batch}: training {network.name}{whom} needs about {bytes_text(needed(batch))}, "
            f"{bytes_text(available)} are free; {hint}",
            "batch",
        )
    return needed(batch) // here

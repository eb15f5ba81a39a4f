"""How much memory training takes, known before it begins."""

from tinyalex.backend import memory_available
from tinyalex.errors import UserError
from tinyalex.summary import summarise

WORKSPACE_BYTES = 256 << 20  # columns, pieces under way, batches prepared ahead: on the safe side


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
        hint = (
            f"--batch {smaller} would fit" if needed(smaller) <= available else "no batch fits; take a smaller --model"
        )
        whom = f" by {here} workers here" if here > 1 else ""
        raise UserError(
            f"--batch {batch}: training {network.name}{whom} needs about {needed(batch) / 1e9:.2f} GB, "
            f"{available / 1e9:.2f} GB are free; {hint}"
        )
    return needed(batch) // here

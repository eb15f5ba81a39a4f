"""Settings far from those that a network is known to learn with, where the run has not learnt."""

from tinyalex.diagnosis import limits
from tinyalex.diagnosis.fault import Fault


def momentum_too_high(patient):
    """Whether steps are kept for so long that they add up to far more than the model's own."""
    config, own = patient.config, patient.config.find_model()
    steps, usual = config.lr / (1 - config.momentum), own.lr / 0.1
    if config.momentum <= limits.MOMENTUM or steps <= limits.HIGH_FACTOR * usual:
        return None
    return Fault(
        "the momentum is too high",
        f"with --momentum {config.momentum:g} steps add up to {1 / (1 - config.momentum):,.0f} times their size, "
        f"at 0.9 to 10 times; a rate of {config.lr:g} then acts as {config.lr / (1 - config.momentum) * 0.1:.2g}",
        patient.again(momentum=0.9),
    )


def decay_too_high(patient):
    """Whether decay takes weights away faster than a network learns them."""
    config, own = patient.config, patient.config.find_model()
    pull = min(config.lr, own.lr) * config.weight_decay / (1 - config.momentum)
    if pull * limits.DECAY_STEPS <= 1:
        return None
    usual = own.recipe.get("weight_decay", 0.0005)
    return Fault(
        "the weight decay is too high",
        f"--weight-decay {config.weight_decay:g} alone takes 63 % of every weight in {1 / pull:,.0f} steps "
        f"({1 / pull / patient.steps:.2g} epochs); {own.name}'s own is {usual:g}",
        patient.again(weight_decay=usual),
    )


def batch_too_large(patient):
    """Whether the batches are so large that the run has few updates."""
    config = patient.config
    updates = patient.steps * config.epochs
    if patient.steps > limits.FEW_STEPS or updates >= limits.FEW_UPDATES:
        return None
    N = len(patient.data.train)
    smaller = max(8, min(32, N // 16))
    if smaller >= config.batch:
        return None
    return Fault(
        "the batch is too large for the data",
        f"{N:,} training pictures in batches of {config.batch:,} are {patient.steps} updates an epoch, "
        f"{updates} in {config.epochs} epochs",
        patient.again(batch=smaller),
    )


def rate_falls_too_early(patient):
    """Whether the rate was nearly 0 for most of the run, before the network had learnt."""
    config = patient.config
    still = [line for line in patient.epochs if line["lr"] < limits.RATE_GONE * config.lr]
    if config.schedule.startswith("cosine") or len(still) < max(3, len(patient.epochs) / 2):
        return None
    first = still[0]
    if patient.has_fallen_to(limits.LEARNT_ENOUGH, first["train_loss"]):
        return None
    return Fault(
        "the rate falls too early",
        f"with --schedule {config.schedule} it is below {limits.RATE_GONE:.0%} of {config.lr:g} from epoch "
        f"{first['epoch']} on, where the training loss was {first['train_loss']:.3g}; at the end it is "
        f"{patient.epochs[-1]['train_loss']:.3g}",
        patient.again(schedule="cosine:1"),
    )

"""A range test: which learning rates make the loss fall, and which are too high.

From its first weights the network takes a few hundred steps, each at a slightly higher rate, over the same few batches:
what is memorised shows in the loss at once, where new pictures would leave it at ln K for hundreds of steps. The loss
begins to fall, falls faster, and climbs when the steps overshoot. A quarter of the rate at its lowest point is a rate
to begin with: in 18 tests of small networks with ReLUs it was within a factor of 3.3 of their recipes' rate, on
average of 1.6. A tenth, as often advised, was too low, by up to 8; the steepest point and the middle of the longest
descent ("valley") came no nearer, and moved more from seed to seed. Source: Smith, Cyclical Learning Rates for Training
Neural Networks, WACV 2017, §3.3.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from tinyalex.backend import random_stream
from tinyalex.errors import UserError
from tinyalex.terminal import progress_bar
from tinyalex.training.loss import NotFinite
from tinyalex.training.step import training_step
from tinyalex.training.trainer import Trainer

LOWEST, HIGHEST = 1e-5, 10.0
STEPS = 240  # 40 to each factor of 10
BATCHES = 4  # enough for every class of the built-in pictures, few enough to memorise
SMOOTH = 0.9  # weight of the past in the mean of the losses
DIVERGED = 1.5  # times the first loss: the test ends here
FALL = 0.01  # of the first loss, at least, or nothing was learnt
BY_HEART = 0.05  # of the first loss: the pictures are memorised, and the loss lies flat at every higher rate
BELOW_LOWEST_POINT = 4


@dataclass(frozen=True)
class RangeTest:
    """The rate and the loss of each step, the losses smoothed, and the suggested rate; None if the loss never fell."""

    rates: list[float]
    losses: list[float]
    smooth: list[float]
    suggestion: float | None


def find_rate(trainer: Trainer, steps: int = STEPS, low: float = LOWEST, high: float = HIGHEST) -> RangeTest:
    """Run a range test with a trainer's network, settings and pictures. It writes nothing.

    trainer: a fresh one; its weights, velocity and state are the same afterwards, also after an error
    steps: at most this many, from the rate `low` to `high`; fewer once the loss has diverged
    UserError if the loss of the very first step is not a number.
    """
    arrays = [trainer.network.params, trainer.network.state, trainer.optimiser.velocity]
    kept = [{name: array.copy() for name, array in group.items()} for group in arrays]
    try:
        rates, losses = _rise(trainer, steps, low, high)
    finally:
        for group, before in zip(arrays, kept):
            for name, array in group.items():
                array[...] = before[name]
    if not losses:
        raise UserError("the loss of the first step is not a number, so no rate can be found")
    smooth = smoothed(losses)
    return RangeTest(rates, losses, smooth, suggest(rates, smooth))


def _rise(trainer: Trainer, steps: int, low: float, high: float) -> tuple[list[float], list[float]]:
    """(rates, losses) of the steps up to the one at which the loss diverges."""
    rates: list[float] = []
    losses: list[float] = []
    trainer.set_factors(0)
    with progress_bar(steps, "find a rate", unit="steps", quiet=trainer.quiet) as bar:
        for step, (x, labels) in enumerate(_few_batches(trainer, steps)):
            rate = low * (high / low) ** (step / max(1, steps - 1))
            rng = random_stream(trainer.config.seed, "find-lr", step, xp=trainer.xp)
            try:
                training_step(trainer.network, trainer.loss, trainer.optimiser, x, labels, rng, rate)
                loss_sum, _, pictures = trainer.loss.take()
            except NotFinite:
                trainer.loss.sums = 0.0, 0, 0
                break
            rates.append(rate)
            losses.append(loss_sum / pictures)
            bar.update(1)
            if smoothed(losses)[-1] > DIVERGED * losses[0]:
                break
    return rates, losses


def _few_batches(trainer: Trainer, steps: int) -> Iterator[tuple[Any, Any]]:
    """The first full batches of the first epoch, over and over: (x, labels) for each of `steps` steps."""
    full = max(1, len(trainer.dataset.train) // trainer.config.batch)
    first = islice(trainer.loader.epoch(0), min(BATCHES, full))
    return islice(cycle([(x, labels) for _, x, labels in first]), steps)


def smoothed(losses: list[float]) -> list[float]:
    """The running mean of the losses, each weighing SMOOTH of the next; without a pull towards 0 at the start."""
    mean, found = 0.0, []
    for count, loss in enumerate(losses, 1):
        mean = SMOOTH * mean + (1 - SMOOTH) * loss
        found.append(mean / (1 - SMOOTH**count))
    return found


def lowest_point(smooth: list[float]) -> int:
    """The step with the lowest smoothed loss; or the first one below BY_HEART, after which no rate shows any more."""
    enough = max(min(smooth), BY_HEART * smooth[0])
    return next(step for step, loss in enumerate(smooth) if loss <= enough)


def suggest(rates: list[float], smooth: list[float]) -> float | None:
    """A quarter of the rate at the lowest point, to two digits; None if the loss never fell by FALL."""
    lowest = lowest_point(smooth)
    if smooth[lowest] > (1 - FALL) * smooth[0]:
        return None
    rate = rates[lowest] / BELOW_LOWEST_POINT
    return round(rate, 1 - math.floor(math.log10(rate)))

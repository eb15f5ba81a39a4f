"""Short trials: a sweep of the learning rate from the first weights, with the run's settings, and with other ones."""

from dataclasses import replace

from tinyalex.backend import random_stream
from tinyalex.diagnosis import limits
from tinyalex.diagnosis.fault import Fault
from tinyalex.errors import UserError
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder
from tinyalex.training.health import measure_health, out_of_range, sentence
from tinyalex.training.loss import NotFinite
from tinyalex.training.rates import find_rate, lowest_point
from tinyalex.training.step import training_step
from tinyalex.training.trainer import Trainer


def beginning(patient, **changes):
    """A `Trainer` with the first weights of the run, perhaps with other settings; it writes nothing."""
    batch = min(patient.config.batch, limits.SWEEP_BATCH)
    config = replace(patient.config, batch=batch, **changes)
    trainer = Trainer(RunFolder(""), config, patient.data, patient.xp, patient.quiet)
    if config.start_from:
        trainer.begin(patient.started_from)
    return trainer


class Sweep:
    """A range test of a run's beginning, longer if a short one finds no rate. changes: other settings

    found: None for a network that takes too long or has no room, and without a loss to begin with
    """

    def __init__(self, patient, **changes):
        self.found = None
        try:
            trainer = beginning(patient, **changes)
            work = trainer.network.multiply_adds(trainer.network.in_shape)
            for steps in limits.SWEEP_STEPS:
                if not self.rate:
                    self.found = None
                    if steps * work <= limits.SWEEP_WORK:
                        self.found = find_rate(trainer, steps, limits.SWEEP_FROM)
        except UserError:
            self.found = None

    @property
    def rate(self):
        """The suggested rate; None if it is unknown, or if no rate helped."""
        return self.found.suggestion if self.found else None

    @property
    def helpless(self):
        """Whether the loss fell at no rate."""
        return self.found is not None and self.found.suggestion is None

    def __str__(self):
        smooth = self.found.smooth
        lowest = lowest_point(smooth)
        return f"from {smooth[0]:.3g} to {smooth[lowest]:.3g} at a rate of {self.found.rates[lowest]:.2g}"


def small_start(patient):
    """Whether signals die in the first step from the run's first weights, but not from its model's own."""
    config, own = patient.config, patient.config.find_model()
    usual = Config.for_model(own, config.data)
    start = {"init": usual.init, "bias_init": usual.bias_init}
    if (config.init, config.bias_init) == (usual.init, usual.bias_init):
        return None
    found = _lost_signals(patient)
    lost = next((what for what in ("dead", "small output", "small gradient") if found.get(what)), None)
    if lost is None or _lost_signals(patient, **start).get(lost):
        return None
    return Fault(
        "the first weights are too small" if config.bias_init >= 0 else "the first biases are too low",
        f"in the first step from --init {config.init} --bias-init {config.bias_init:g}, "
        f"{sentence(lost, found[lost], config.lr).split(';')[0]}; not so from {own.name}'s own",
        patient.again(**start),
    )


def _lost_signals(patient, **changes):
    """The layers out of range in the first step of a run, as `out_of_range` has them; {} if it cannot be taken."""
    try:
        trainer = beginning(patient, **changes)
        trainer.set_factors(0)
        _, x, labels = next(iter(trainer.loader.epoch(0)))
        rng = random_stream(trainer.config.seed, "doctor", xp=trainer.xp)
        cache, grads = training_step(
            trainer.network, trainer.loss, trainer.optimiser, x, labels, rng, trainer.config.lr
        )
    except (UserError, NotFinite):
        return {}
    health = measure_health(trainer.network, cache, grads, trainer.optimiser.velocity)
    return out_of_range(health, dict.fromkeys(health["update_ratio"], 1.0))


def rate_too_high(patient):
    """Whether the run's rate lies beyond those at which the loss falls."""
    config, own = patient.config, patient.config.find_model()
    rate = patient.sweep.rate
    known = max(rate or 0, own.lr)
    if config.lr <= limits.HIGH_FACTOR * known or patient.sweep.helpless:
        if not patient.diverged:
            return None
    slower = min(config.lr / 10, min(rate or own.lr, own.lr))
    ended = f"the run ended at {patient.diverged.split('. ')[0]}; " if patient.diverged else ""
    swept = f"in a sweep the loss falls {patient.sweep}" if rate else f"{config.model}'s own rate is {own.lr:g}"
    return Fault(
        "the learning rate is too high", f"{ended}the rate is {config.lr:g}; {swept}", patient.again(lr=slower)
    )


def rate_too_low(patient):
    """Whether the loss falls clearly only at rates far above the run's."""
    config, own, rate = patient.config, patient.config.find_model(), patient.sweep.rate
    known = min(rate or own.lr, own.lr)
    if config.lr * limits.RATE_FACTOR >= known or patient.sweep.helpless:
        return None
    swept = f"in a sweep the loss falls {patient.sweep}" if rate else f"{config.model}'s own rate is {own.lr:g}"
    return Fault("the learning rate is too low", f"the rate is {config.lr:g}; {swept}", patient.again(lr=known))


def learns_at_no_rate(patient):
    """Whether the first steps lower the loss at no rate, for a reason that no other diagnosis finds."""
    if not patient.sweep.helpless or patient.config.find_model().init != "he":
        return None
    smooth = patient.sweep.found.smooth
    return Fault(
        "the network learns at no rate",
        f"in a sweep from {patient.sweep.found.rates[0]:.0e} to {patient.sweep.found.rates[-1]:.2g} over the same few "
        f"batches the loss stays at {min(smooth):.3g} or above; it begins at {smooth[0]:.3g}",
        "look at a batch with `train --show-batch batch.png`, then try another model, or one with +bn",
    )

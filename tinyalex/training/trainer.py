"""The loop: batches through the network and back, an update, and everything needed to stop and resume.

A run that is killed at any moment and resumed ends with the same weights, bit for bit on one CPU: random streams are
keyed by (seed, purpose, epoch, step), and a checkpoint holds everything else that the next step depends on.
"""

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from types import ModuleType
from typing import Any

from tinyalex.backend import allow_tf32, device_name, random_stream, to_device
from tinyalex.data.augment import View
from tinyalex.data.dataset import Dataset
from tinyalex.data.loader import TrainingLoader
from tinyalex.errors import UserError
from tinyalex.optim import SGD, initialise
from tinyalex.runs.checkpoint import copy_into
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.trained import begin_with
from tinyalex.terminal import progress_bar, say, stop_signals
from tinyalex.training.average import Average
from tinyalex.training.checks import check_fit
from tinyalex.training.freezing import freeze, head_of, layers_to_start_with
from tinyalex.training.health import Watch, measure_health
from tinyalex.training.loss import READ_EVERY, NotFinite
from tinyalex.training.memory import check_memory
from tinyalex.training.progress import Progress
from tinyalex.training.record import Record
from tinyalex.training.schedules import Factors, Schedule, bias_factors
from tinyalex.training.step import training_step
from tinyalex.training.whole import Whole

LOG_EVERY = READ_EVERY  # steps of a run between lines in metrics.jsonl, fewer in short epochs
TOP_ERRORS = {1: "val_top1_error", 5: "val_top5_error"}  # in an epoch's line; the second only if it says anything
SAVE_SECONDS = 300  # in long epochs, a sudden end loses at most this much work


class Diverged(UserError):
    """The loss is no longer finite."""

    everywhere = True  # every process sees the same loss


class Stopped(Exception):
    """The run was asked to stop, and has saved where it stands."""


class Trainer:
    """One run: `train()` takes it from where it stands to its last epoch.

    folder: a `RunFolder`;  config: a `Config`;  dataset: a `Dataset`;  xp: the array module of the device
    whole: network, label smoothing → what is trained, with the interface of `tinyalex.training.whole.Whole`
    """

    def __init__(
        self,
        folder: RunFolder,
        config: Config,
        dataset: Dataset,
        xp: ModuleType,
        quiet: bool = False,
        whole: Callable[[Any, float], Whole] = Whole,
    ) -> None:
        self.folder, self.config, self.dataset, self.xp, self.quiet = folder, config, dataset, xp, quiet
        model = config.find_model()
        check_fit(dataset, model)
        network = self._all_layers = model.build(len(dataset.class_ids))
        initialise(network, config.init, config.seed, model.input_rms, config.bias_init)
        self.whole = whole(network, config.label_smoothing)
        if config.freeze and self.whole.divides_layers:
            raise UserError("found layers divided among workers, expected the form data for frozen ones", "parallel")
        self.network, self.loss = self.whole.network, self.whole.loss
        freeze(network, "" if config.thaw else config.freeze)  # thawed, all layers keep what they need
        mixing = {"mixup": config.mixup, "cutmix": config.cutmix}
        averaged, mixed = config.ema > 0, any(mixing.values())
        self.memory_bytes = check_memory(
            network, config.batch, xp, averaged=averaged, mixed=mixed, **self.whole.memory()
        )
        allow_tf32(config.tf32, xp)
        self.network.map_arrays(lambda a: to_device(a, xp))
        self.view = View.of(dataset, model).to(xp)
        self.factors = Factors(config.layer_lr, config.bias_lr, config.head_lr, self.network.params, head_of(network))
        decays = bias_factors(self.network.params, float(config.bias_decay))
        self.optimiser = SGD(self.network.params, config.momentum, config.weight_decay, decay_factors=decays)
        self.average = Average(self.network, config.ema)
        self.schedule = Schedule(config.schedule, config.lr, config.epochs)
        augment = {"crops": config.crops, "mirror": config.mirror, "color": config.color, "run": config.crop_run}
        self.loader = TrainingLoader(
            *(dataset.train, self.view, config.batch, config.seed, xp, augment),
            reserve=self.memory_bytes,
            choose=self.whole.choose,
            mixing=mixing,
        )
        self.log_every = min(LOG_EVERY, max(1, self.loader.steps - 1))  # not always at an epoch's last, smaller batch
        self.watch = Watch(config.lr)
        self.progress = Progress()
        self.images_before = 0  # of the run, before this process took it up
        self.record = Record(folder, config, dataset, self.view)
        self.at: tuple[int, Any] = (0, None)  # the step under way and its pictures, in case its loss is not finite

    # ------------------------------------------------------------------------------------------ going on

    def begin(self, start_from: str = "") -> None:
        """Take the first weights from another run, if the configuration names one. start_from: where that is now"""
        if self.config.start_from:
            path = start_from or self.config.start_from
            layers = layers_to_start_with(self._all_layers, self.config.start_up_to)
            begin_with(self.network, path, self.dataset.class_ids, self.whole.own, self.quiet, layers)

    def resume(self) -> None:
        """Take up the last checkpoint; a run that ended before its first checkpoint starts from its configuration."""
        if found := self.record.last():
            checkpoint, progress = found
            own, where = self.whole.own, self.folder.last
            with self.average.in_place():  # as when it was saved
                copy_into(self.network.params, own(checkpoint.params), where)
                copy_into(self.network.state, own(checkpoint.state), where)
                copy_into(self.average.arrays, own(checkpoint.trained), where)
            copy_into(self.optimiser.velocity, own(checkpoint.velocity), where)
            self._go_on_after(progress)
        else:
            self.begin(self.record.start_from())
        self.images_before = self.progress.images
        with self.folder.held():
            self.record.renew_settings()
            self.folder.forget_metrics_after(self._total_step(), self.progress.epoch)
            if not self.finished():
                self.folder.forget_result()
        self.watch = Watch(self.config.lr, self.folder.read_metrics("warning"))

    def _go_on_after(self, progress):
        """UserError if more epochs are done than the run is to have, or more steps than an epoch has."""
        seen = min(progress.step * self.config.batch, len(self.dataset.train))
        if progress.step > self.loader.steps or progress.seen != seen:
            found = f"{progress.seen} pictures in {progress.step} steps of an epoch"
            raise UserError(f"{self.folder.last}: state: found {found}, which this run cannot have")
        begun = progress.epoch + (progress.step > 0)
        if self.config.epochs < begun:
            raise UserError(f"found {self.config.epochs}, expected at least the {begun} begun already", "epochs")
        self.progress = progress
        changed = self.config.epochs != self.folder.about()["config"]["epochs"]
        if changed and progress.epoch < self.config.epochs and (why := self.ended()):
            raise UserError(f"found {self.config.epochs}, but the run has ended: {why}", "epochs")

    def write_settings(self, command: str) -> None:
        """Make the folder of a new run, with config.json in it. command: what the person typed"""
        self.record.write_settings(command, device_name(self.xp))

    def train(self, stop: Any = None) -> dict[str, Any]:
        """Run to the end; returns the result that is also written to result.json. `Stopped` after a signal.

        stop: from `stop_signals`, if the caller has set it up
        """
        goes_on = not self.finished()
        signals = stop_signals(self.quiet) if stop is None else nullcontext(stop)
        with self.folder.held(), signals as stop, self._bar() as bar:
            while not self.finished():
                try:
                    self._train_epoch(stop, bar)
                    with bar.resting():  # the rate is that of training
                        self._finish_epoch()
                except NotFinite as error:
                    self._refuse_loss(error)
                (asked,) = self.whole.anyone(stop.asked)
                if asked and not self.finished():
                    raise Stopped
        if goes_on and self.progress.epoch < self.config.epochs:
            say(f"ended early: {self.ended()}", self.quiet)
        result = self.result()
        self.folder.write_json("result.json", result)
        return result

    def finished(self) -> bool:
        """Whether no epoch is left to train."""
        return bool(self.ended())

    def ended(self) -> str:
        """Why no epoch is left to train, in words; "" if one is."""
        return self.progress.ended(self.config)

    def _bar(self):
        images = len(self.dataset.train)
        done = self.progress.epoch * images + self.progress.seen
        label = f"epoch {self.progress.epoch + 1}/{self.config.epochs}"
        return progress_bar(self.config.epochs * images, label, quiet=self.quiet, initial=done)

    # ------------------------------------------------------------------------------------------ one epoch

    def _train_epoch(self, stop, bar):
        progress, epoch = self.progress, self.progress.epoch
        bar.set_description(f"epoch {epoch + 1}/{self.config.epochs}")
        started = saved = time.perf_counter()
        self.set_factors(epoch)
        for step, x, labels in self.loader.epoch(epoch, progress.step, color=self._color(epoch)):
            rng = random_stream(self.config.seed, "network", epoch, step, xp=self.xp)
            rng, self.at = self.whole.draws(rng, len(labels)), (step, x)
            cache, grads = training_step(self.network, self.loss, self.optimiser, x, labels, rng, self._lr(step))
            self.average.take(self._total_step())
            progress.step = step + 1
            now = time.perf_counter()
            progress.seconds += now - started
            started = now
            bar.update(len(labels))
            if self._total_step() % self.log_every == 0:
                self._log_step(bar, measure_health(self.network, cache, grads, self.optimiser.velocity))
            del cache, grads  # or they would stay in memory beside the next step's
            asked, due = self.whole.anyone(stop.asked, now - saved > SAVE_SECONDS)
            if asked or due:
                self._save(self.folder.last)
                saved = time.perf_counter()
            if asked:
                raise Stopped
        self.progress.take(*self.loss.take())

    def _lr(self, step):
        errors = [line["val_top1_error"] for line in self.progress.history]
        return self.schedule.rate(self.progress.epoch + step / self.loader.steps, errors)

    def set_factors(self, epoch):
        """Which parameters learn in an epoch, and the factor on the rate of each: the biases' times its layer's."""
        frozen = not self.config.thaw or epoch < self.config.thaw
        self.optimiser.fixed = freeze(self._all_layers, self.config.freeze if frozen else "")
        self.optimiser.lr_factors = self.factors.at(epoch)

    def _color(self, epoch):
        """Whether colours are shifted in an epoch."""
        return self.config.color and (self.config.color_epochs == 0 or epoch < self.config.color_epochs)

    def _refuse_loss(self, error):
        step, x = self.at
        where = error.where or self.whole.first_not_finite(x)
        # a device tells of the loss some steps late: by then, what began it has spread
        began = f"; {'by now it is' if error.step else 'it began'} in {where}" if where else ""
        kept = f"the last good checkpoint is {self.folder.last}" if self.folder.last.exists() else "no checkpoint yet"
        text = (
            f"epoch {self.progress.epoch + 1}, step {step + 1 - error.step}: {error}{began}; {kept}. "
            f"Most often the rate is too high: try a rate of {self._lower_rate():g} in a new run"
        )
        self.folder.write_json("result.json", {"diverged": text})
        raise Diverged(text) from None

    def _lower_rate(self):
        """A rate to try instead: a tenth, but no more than the model's own."""
        return min(self.config.lr / 10, self.config.find_model().lr)

    def _finish_epoch(self):
        """Validate, log, and save; the epoch counts as done only after all three."""
        progress = self.progress
        with self.average.in_place():
            measured = self.whole.evaluate(self.dataset.val, self.view, self.xp, "validate", self.quiet)
            if not math.isfinite(measured.loss):
                pictures = self.dataset.val.gather(range(min(len(self.dataset.val), 128)))
                x = self.view.centre(to_device(pictures, self.xp))
                raise NotFinite(0, measured.loss, self.whole.first_not_finite(x))
        line = {
            "epoch": progress.epoch + 1,
            **progress.training_errors(),
            "val_loss": measured.loss,
            **{f"val_{name}": error for name, error in measured.errors().items()},
            "lr": self._lr(self.loader.steps - 1),
        }
        progress.finish_epoch(line)
        # logged before it is saved: a run killed in between drops the line and writes it again
        self.folder.log(kind="epoch", step=self._total_step(), seconds=progress.seconds, **line)
        if line is self.progress.best():
            self._save(self.folder.best)
        self._save(self.folder.last)
        top5 = f", top-5 {line['val_top5_error']:6.1%}" if "val_top5_error" in line else ""
        say(
            f"epoch {line['epoch']:>3}/{self.config.epochs}  loss {line['train_loss']:.3f}  "
            f"wrong {line['train_top1_error']:6.1%} | val {line['val_loss']:.3f}  "
            f"wrong {line['val_top1_error']:6.1%}{top5}",
            self.quiet,
        )

    # ------------------------------------------------------------------------------------------ bookkeeping

    def result(self) -> dict[str, Any]:
        """The run's final numbers; errors are fractions, of the best epoch."""
        best, last = self.progress.best(), self.progress.history[-1]
        return self.whole.report(self.progress.images - self.images_before) | {
            "run": str(self.folder.path),
            "model": self.config.model,
            "data": self.config.data,
            **{key.removeprefix("val_"): best[key] for key in TOP_ERRORS.values() if key in best},
            "best_epoch": best["epoch"],
            **{key.replace("val_", "last_"): last[key] for key in TOP_ERRORS.values() if key in last},
            "epochs": self.progress.epoch,
            "seconds": self.progress.seconds,
            "images_per_s": self.progress.images / max(self.progress.seconds, 1e-9),
            "device": device_name(self.xp),
            "memory_estimate_bytes": self.memory_bytes,
        }

    def _total_step(self):
        return self.progress.epoch * self.loader.steps + self.progress.step

    def _log_step(self, bar, health):
        self.progress.take(*self.loss.take())
        loss = self.progress.training_errors()["train_loss"]
        bar.set_postfix_str(f"loss {loss:.3f}")
        where, lr = {"step": self._total_step(), "epoch": self.progress.epoch + 1}, self._lr(self.progress.step - 1)
        self.folder.log(kind="step", **where, mean_loss=loss, lr=lr, health=health)
        for warning in self.watch.look(health, lr, self.optimiser.lr_factors):
            say(f"epoch {where['epoch']}, step {self.progress.step}: {warning['text']}", self.quiet)
            self.folder.log(kind="warning", **where, **warning)

    def _save(self, path):
        self.progress.take(*self.loss.take())
        with self.average.in_place():  # whoever reads `params` and `state` gets the average
            groups = self.network.params, self.optimiser.velocity, self.network.state, self.average.arrays
            self.record.save(path, self.progress, *map(self.whole.joined, groups))


def go_on(
    folder: RunFolder,
    dataset: Dataset,
    xp: ModuleType,
    quiet: bool = False,
    whole: Callable[[Any, float], Whole] = Whole,
    epochs: int | None = None,
) -> Trainer:
    """A `Trainer` that continues the run in `folder`. UserError if the run began with other data, or diverged.

    epochs: of the whole run, if not those it was to have
    """
    if ended := folder.diverged():
        raise UserError(f"{folder.path}: would end as before, at {ended}")
    config = folder.settings(epochs)
    if dataset.fingerprint != folder.about().get("fingerprint"):
        raise UserError(f"{folder.path}: began with data different from {dataset.name} (the fingerprints differ)")
    trainer = Trainer(folder, config, dataset, xp, quiet, whole)
    trainer.resume()
    return trainer


def start(
    folder: RunFolder, config: Config, dataset: Dataset, xp: ModuleType, command: str, quiet: bool = False
) -> Trainer:
    """A `Trainer` for a new run; its config.json is written once everything else has been found right."""
    trainer = Trainer(folder, config, dataset, xp, quiet)
    trainer.begin()
    trainer.write_settings(command)
    return trainer

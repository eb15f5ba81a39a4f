"""The loop: batches through the network and back, an update, and everything needed to stop and go on.

A run that is killed at any moment and resumed ends with the same weights, bit for bit on one CPU: random streams are
keyed by (seed, purpose, epoch, step), and a checkpoint holds all else that the next step depends on.
"""

import math
import time
from contextlib import nullcontext

from tinyalex.backend import device_name, is_host, random_stream, to_device, to_host
from tinyalex.data.augment import ARRAYS, View
from tinyalex.data.loader import TrainingLoader
from tinyalex.errors import UserError
from tinyalex.evaluation import evaluate
from tinyalex.models import find_model
from tinyalex.optim import SGD, LayerRates, Schedule, bias_factors, initialise
from tinyalex.parallel import Alone, split_network
from tinyalex.runs.checkpoint import Checkpoint, copy_into, load_checkpoint, save_checkpoint
from tinyalex.runs.folder import Bystander, begin_with, versions
from tinyalex.terminal import progress_bar, say, stop_signals
from tinyalex.training.checks import check_fit, first_not_finite
from tinyalex.training.health import Watch, measure
from tinyalex.training.loss import BatchLoss
from tinyalex.training.memory import check_memory

LOG_EVERY = 20  # steps between lines in metrics.jsonl; on a device also between looks at the loss
TRAINING = ("forward", "backward", "gradients")  # the last words of what a team counts in training steps
SAVE_SECONDS = 300  # within long epochs, at most this much work is lost to a sudden end


class Diverged(UserError):
    """The loss is not a number any more."""

    everywhere = True  # the loss is everybody's


class Stopped(Exception):
    """The run was asked to stop, and has saved where it stands."""


class Trainer:
    """One run: `train()` takes it from where it stands to its last epoch.

    folder: a `RunFolder`;  config: a `Config`;  dataset: a `Dataset`;  xp: the array module of the device
    team, form: of workers that make the run together, each with a Trainer of its own (see `tinyalex.parallel`); all call
        the same methods in the same order, and the first alone writes and speaks
    """

    def __init__(self, folder, config, dataset, xp, quiet=False, team=None, form=None):
        self.team, self.form = team or Alone(), form
        self.leads = self.team.rank == 0
        self.folder, self.quiet = folder if self.leads else Bystander(folder.path), quiet or not self.leads
        self.config, self.dataset, self.xp = config, dataset, xp
        model = find_model(config.model)
        check_fit(dataset, model)
        network = model.build(len(dataset.class_ids))
        initialise(network, config.init, config.seed, model.input_rms, config.bias_init)
        self.network = split_network(form, network, self.team) if form else network
        held = sum(p.size for p in self.network.params.values())
        self.memory_bytes = check_memory(network, config.batch, xp, self.team, held)
        self.network.map_params(lambda p: to_device(p, xp))
        self.view = View.of(dataset, model).to(xp)
        factors = bias_factors(self.network.params, config.bias_lr, float(config.bias_decay))
        self.optimiser = SGD(self.network.params, config.momentum, config.weight_decay, *factors)
        self.schedule = Schedule(config.schedule, config.lr, config.epochs)
        layers = dict.fromkeys(name.rpartition(".")[0] for name in self.network.params)
        self.layer_rates = LayerRates(config.layer_lr, layers)
        self.loss, self.watch = BatchLoss(self.network, self.team), Watch(config.lr)
        augment = {"crops": config.crops, "mirror": config.mirror, "color": config.color, "run": config.crop_run}
        self.loader = TrainingLoader(
            dataset.train, self.view, config.batch, config.seed, xp, augment, self.memory_bytes, self.network.share
        )
        self.state = {"epoch": 0, "step": 0, "seconds": 0.0, "images": 0, "history": []} | _fresh_sums()

    # ------------------------------------------------------------------------------------------ going on

    def begin(self):
        """Take the first weights from another run, where the configuration names one."""
        if self.config.start_from:
            begin_with(self.network, self.config.start_from, self.dataset.class_ids)

    def resume(self):
        """Take up the last checkpoint; a run that was ended before its first one starts from its configuration."""
        if self.folder.last.exists():
            try:
                checkpoint = load_checkpoint(self.folder.last)
            except UserError as error:
                raise UserError(f"{error}; without that file --resume begins the run anew") from error
            copy_into(self.network.params, self.network.part(checkpoint.params), self.folder.last)
            copy_into(self.optimiser.velocity, self.network.part(checkpoint.velocity), self.folder.last)
            self.state = checkpoint.info["state"]
        else:
            self.begin()
        self.folder.make()
        self.folder.forget_metrics_after(self._total_step(), self.state["epoch"])
        self.watch = Watch(self.config.lr, self.folder.read_metrics("warning"))

    def train(self, stop=None):
        """Run to the end; returns the result that is also written to result.json. `Stopped` after a signal.

        stop: from `stop_signals`, where someone else has set it up
        """
        self.begun_at = self.state["images"]
        with stop_signals(self.quiet) if stop is None else nullcontext(stop) as stop, self._bar() as bar:
            while not self.finished():
                self._train_epoch(stop, bar)
                self._finish_epoch()
                if self.team.totals([stop.asked])[0] and not self.finished():
                    raise Stopped
        result = self.result()
        self.folder.write_json("result.json", result)
        return result

    def finished(self):
        """Whether the run has had its last epoch, or one whose training error is as low as it should become."""
        history = self.state["history"]
        low_enough = bool(history) and history[-1]["train_top1_error"] <= self.config.until_error
        return self.state["epoch"] >= self.config.epochs or (self.config.until_error > 0 and low_enough)

    def _bar(self):
        images = len(self.dataset.train)
        done = self.state["epoch"] * images + self.state["seen"]
        label = f"epoch {self.state['epoch'] + 1}/{self.config.epochs}"
        return progress_bar(self.config.epochs * images, label, quiet=self.quiet, initial=done)

    # ------------------------------------------------------------------------------------------ one epoch

    def _train_epoch(self, stop, bar):
        state = self.state
        bar.set_description(f"epoch {state['epoch'] + 1}/{self.config.epochs}")
        started = saved = time.perf_counter()
        self._set_layer_rates(state["epoch"])
        for step, x, labels in self.loader.epoch(state["epoch"], state["step"], color=self._color(state["epoch"])):
            health = self._step(step, x, labels)
            state["step"] = step + 1
            now = time.perf_counter()
            state["seconds"] += now - started
            started = now
            bar.update(len(labels))
            if state["step"] % LOG_EVERY == 0:
                self._log_step(bar, health)
            asked, due = self.team.totals([stop.asked, now - saved > SAVE_SECONDS])
            if asked or due:
                self._save(self.folder.last)
                saved = time.perf_counter()
            if asked:
                raise Stopped
        self._settle()

    def _step(self, step, x, labels):
        """Forward, backward, update; what it says of the layers, if it is a step that is logged."""
        epoch, seed = self.state["epoch"], self.config.seed
        rng, share = random_stream(seed, "network", epoch, step, xp=self.xp), self.network.share(len(labels))
        scores, cache = self.network.forward(x, train=True, rng=rng, share=share)
        dscores = self.loss.backward(step, scores, labels, share)
        if is_host(scores) or len(self.loss.pending) == LOG_EVERY:
            self._settle(x)  # on a device rarely: looking at a number waits for all work before it
        _, grads = self.network.backward(dscores, cache, input_grad=False)
        self.optimiser.step(grads, self._lr(step))
        if self.leads and (step + 1) % LOG_EVERY == 0:
            return measure(self.network, cache, grads, self.optimiser.velocity)

    def _lr(self, step):
        errors = [line["val_top1_error"] for line in self.state["history"]]
        return self.schedule.rate(self.state["epoch"] + step / self.loader.steps, errors)

    def _set_layer_rates(self, epoch):
        """The factors on the rates of single parameters in an epoch: that of biases times that of the layer."""
        factors, _ = bias_factors(self.network.params, self.config.bias_lr, 1.0)
        for layer, factor in self.layer_rates.at(epoch).items():
            own = [name for name in self.network.params if name.rpartition(".")[0] == layer]
            factors |= {name: factor * factors.get(name, 1.0) for name in own}
        self.optimiser.lr_factors = factors

    def _color(self, epoch):
        """Whether the pictures' colours are shifted in an epoch."""
        return self.config.color and (self.config.color_epochs == 0 or epoch < self.config.color_epochs)

    def _settle(self, x=None):
        """Take the pending losses into the epoch's sums; UserError at the first that is not finite."""
        for step, loss_sum, wrong, pictures in self.loss.settle():
            if not math.isfinite(loss_sum):
                self._refuse_loss(step, loss_sum / pictures, x)
            self.state["loss_sum"] += loss_sum
            self.state["wrong"] += wrong
            self.state["seen"] += pictures
            self.state["images"] += pictures

    def _refuse_loss(self, step, loss, x):
        where = "" if x is None or self.form else f"; it began in {first_not_finite(self.network, x)}"
        kept = f"the last good checkpoint is {self.folder.last}" if self.folder.last.exists() else "no checkpoint yet"
        raise Diverged(
            f"epoch {self.state['epoch'] + 1}, step {step + 1}: the loss is {loss}{where}; {kept}. "
            f"Most often the rate is too high: try --lr {self.config.lr / 10:g}"
        )

    def _finish_epoch(self):
        """Validate, log, and save; the epoch counts as done only when all three are."""
        state, seen = self.state, self.state["seen"]
        measured = evaluate(self.network, self.dataset.val, self.view, self.xp, label="validate", quiet=self.quiet)
        if not math.isfinite(measured.loss):
            pictures = to_device(self.dataset.val.gather(range(min(len(self.dataset.val), 128))), self.xp)
            self._refuse_loss(state["step"] - 1, measured.loss, self.view.centre(pictures))
        line = {
            "epoch": state["epoch"] + 1,
            "train_loss": state["loss_sum"] / seen,
            "train_top1_error": state["wrong"] / seen,
            "val_loss": measured.loss,
            "val_top1_error": measured.top1_error,
            "val_top5_error": measured.top5_error,
            "lr": self._lr(self.loader.steps - 1),
        }
        state["history"].append(line)
        state.update({"epoch": state["epoch"] + 1, "step": 0} | _fresh_sums())
        # logged before it is saved: a run killed in between drops the line and writes it again
        self.folder.log(kind="epoch", step=self._total_step(), seconds=state["seconds"], **line)
        if line is self.best():
            self._save(self.folder.best)
        self._save(self.folder.last)
        say(
            f"epoch {line['epoch']:>3}/{self.config.epochs}  loss {line['train_loss']:.3f}  "
            f"wrong {line['train_top1_error']:6.1%}  |  validation: loss {line['val_loss']:.3f}  "
            f"wrong: top-1 {line['val_top1_error']:6.1%}, top-5 {line['val_top5_error']:6.1%}",
            self.quiet,
        )

    # ------------------------------------------------------------------------------------------ bookkeeping

    def best(self):
        """The finished epoch with the lowest top-1 validation error, the earliest of equals."""
        return min(self.state["history"], key=lambda line: line["val_top1_error"])

    def result(self):
        """The run's final numbers; errors are fractions, of the best epoch."""
        best, last = self.best(), self.state["history"][-1]
        return self._parallel() | {
            "run": str(self.folder.path),
            "model": self.config.model,
            "data": self.config.data,
            "top1_error": best["val_top1_error"],
            "top5_error": best["val_top5_error"],
            "best_epoch": best["epoch"],
            "last_top1_error": last["val_top1_error"],
            "last_top5_error": last["val_top5_error"],
            "epochs": self.state["epoch"],
            "seconds": self.state["seconds"],
            "images_per_s": self.state["images"] / max(self.state["seconds"], 1e-9),
            "device": device_name(self.xp),
            "memory_estimate_bytes": self.memory_bytes,
        }

    def _parallel(self):
        """How a team did it, and the bytes that each worker sent to others for a picture of training, since it began."""
        pictures = max(self.state["images"] - self.begun_at, 1)
        sent = {label: count / pictures for label, count in self.team.sent.items() if label.endswith(TRAINING)}
        return {"parallel": self.form, "workers": self.team.size, "sent_per_picture": sent} if self.form else {}

    def _total_step(self):
        return self.state["epoch"] * self.loader.steps + self.state["step"]

    def _log_step(self, bar, health):
        self._settle()
        if not self.leads:
            return
        loss = self.state["loss_sum"] / self.state["seen"]
        bar.set_postfix_str(f"loss {loss:.3f}")
        where, lr = {"step": self._total_step(), "epoch": self.state["epoch"] + 1}, self._lr(self.state["step"] - 1)
        self.folder.log(kind="step", **where, mean_loss=loss, lr=lr, health=health)
        for warning in self.watch.look(health, lr, self.optimiser.lr_factors):
            say(f"epoch {where['epoch']}, step {self.state['step']}: {warning['text']}", self.quiet)
            self.folder.log(kind="warning", **where, **warning)

    def _save(self, path):
        self._settle()
        params, velocity = self.network.whole(self.network.params), self.network.whole(self.optimiser.velocity)
        if not self.leads:
            return
        info = {
            "model": self.config.model,
            "class_ids": list(self.dataset.class_ids),
            "class_names": list(self.dataset.class_names),
            "crop": self.view.crop,
            "scale": self.view.scale,
            "config": self.config.to_dict(),
            "fingerprint": self.dataset.fingerprint,
            "versions": versions(),
            "state": self.state,
        }
        arrays = to_host((params, velocity, {key: getattr(self.view, key) for key in ARRAYS}))
        save_checkpoint(path, Checkpoint(*arrays, info))


def start(folder, config, dataset, xp, command, quiet=False, team=None, form=None):
    """A `Trainer` for a new run, its config.json written; whatever is wrong, with any worker, is found before that."""
    team = team or Alone()

    def begun():
        trainer = Trainer(folder, config, dataset, xp, quiet, team, form)
        trainer.begin()
        return trainer

    def write():
        trainer.folder.make()
        settings = {"config": config.to_dict(), "fingerprint": dataset.fingerprint, "versions": versions()}
        trainer.folder.write_json("config.json", settings | {"command": command, "device": device_name(xp)})

    trainer = team.all_do(begun)
    team.all_do(write)
    return trainer


def go_on(folder, dataset, xp, quiet=False, team=None, form=None):
    """A `Trainer` that continues the run in `folder`; UserError if the data are not those that it began with."""
    config, fingerprint = folder.settings()
    if dataset.fingerprint != fingerprint:
        raise UserError(f"{folder.path}: was begun with other data than {dataset.name} (the fingerprints differ)")
    trainer = Trainer(folder, config, dataset, xp, quiet, team, form)
    trainer.resume()
    return trainer


def _fresh_sums():
    """What an epoch adds up: loss × pictures, wrong answers, pictures seen."""
    return {"loss_sum": 0.0, "wrong": 0, "seen": 0}

"""The course of the losses: too much learnt by heart, too little learnt, or not yet at the end."""

import math

from tinyalex.diagnosis import limits
from tinyalex.diagnosis.fault import Fault
from tinyalex.lines import command


def overfitting(patient):
    """Whether the validation loss has risen while the training error went on falling."""
    if len(patient.epochs) < 3:
        return None
    last, best = patient.epochs[-1], min(patient.epochs, key=lambda line: line["val_loss"])
    if last["val_loss"] < limits.RISE * best["val_loss"] or best is last:
        return None
    wrong, known = last["val_top1_error"], last["train_top1_error"]
    if known > limits.GAP * wrong or wrong - known <= limits.GAP_FOR_SURE * _deviation(wrong, patient):
        return None
    config = patient.config
    unused = {name: True for name in ("crops", "mirror", "color") if not getattr(config, name)}
    return Fault(
        "overfitting",
        f"since epoch {best['epoch']} the validation loss rose from {best['val_loss']:.3g} to {last['val_loss']:.3g}; "
        f"the training error is {last['train_top1_error']:.1%}, the validation error {last['val_top1_error']:.1%}",
        f"use the whole augmentation: {patient.again(**unused)}"
        if unused
        else "more pictures, a smaller model, or an end at the best epoch, as with --patience 3",
        blocks=False,
    )


def underfitting(patient):
    """Whether the run has come to rest, and knows less than simple measures of the pictures do."""
    if still_learning(patient) or len(patient.epochs) * patient.steps < limits.ENOUGH_UPDATES:
        return None
    last, trial = patient.epochs[-1], patient.labels
    right, told = 1 - last["val_top1_error"], trial.told
    if not told.something or told.share - right < limits.GAP_FOR_SURE * math.sqrt(right * (1 - right) / told.N):
        return None
    return Fault(
        "underfitting",
        f"the training loss has come to rest at {last['train_loss']:.3g} (start: {patient.start_loss:.3g}); "
        f"{1 - last['val_top1_error']:.0%} of the validation answers are right, where a linear classifier on simple "
        f"measures of the pictures gets {trial.told.share:.0%}",
        "a larger model, fewer restraints (dropout, weight decay), or more epochs",
    )


def _deviation(share, patient):
    """The standard error of a share of the validation pictures; 0 if they are not at hand."""
    return math.sqrt(share * (1 - share) / len(patient.data.val)) if patient.dataset else 0.0


def still_learning(patient):
    """Whether the training loss was still falling, or the run has had few updates."""
    if not patient.epochs:
        return False
    losses = [patient.above_lowest(line["train_loss"]) for line in patient.epochs]
    if len(losses) * patient.steps < limits.ENOUGH_UPDATES or len(losses) < 4:
        return True
    return losses[-1] < (1 - limits.FALLING) ** 3 * losses[-4]


def train_on(patient):
    """The command that continues a run: to its end, or if it is there, for three times its epochs.

    "" if it cannot be continued: it has no checkpoint, diverged, or ended before its last epoch
    """
    if patient.folder is None or not patient.folder.last.exists() or patient.diverged:
        return ""
    words, done = ["train", "--resume", patient.folder.path], len(patient.epochs) >= patient.config.epochs
    if not done and patient.folder.result.exists():
        return ""
    return command(*words, *(["--epochs", 3 * patient.config.epochs] if done else []))

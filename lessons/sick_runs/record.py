"""Train one healthy net and five sick ones, and keep their logs for lesson 14.

    python lessons/sick_runs/record.py           all six, about ten minutes on two cores
    python lessons/sick_runs/record.py healthy   one of them

Each run is alexnet-small on the built-in set with one recipe; five recipes have one mistake each. A log holds what a
trainer would have logged, and nothing about the recipe. To diagnose the runs by their curves, read no further.
"""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tinyalex.backend import random_stream
from tinyalex.data.augment import View
from tinyalex.data.builtin import load_builtin
from tinyalex.data.dataset import Split
from tinyalex.evaluation import probabilities, ranks
from tinyalex.layers import SoftmaxCrossEntropy
from tinyalex.models import find_model
from tinyalex.optim import SGD, initialise

FOLDER = Path(__file__).resolve().parent
MODEL, TRAIN_PER_CLASS, VAL_PER_CLASS, BATCH, EPOCHS, SEED = "alexnet-small", 150, 20, 50, 12, 0


@dataclass(frozen=True)
class Recipe:
    """The settings of a run; in a sick run, every field but one has its healthy value."""

    lr: float = 0.01
    shuffle: bool = True
    val_label_shift: int = 0
    val_mean: bool = True


RECIPES = {
    "healthy": Recipe(),
    "amber": Recipe(val_mean=False),
    "birch": Recipe(lr=0.00002),
    "cedar": Recipe(shuffle=False),
    "dusk": Recipe(val_label_shift=1),
    "ember": Recipe(lr=0.1),
}


def record(recipe, dataset):
    """{"step_losses": [...], "epochs": [...]} of one run."""
    model, K = find_model(MODEL), len(dataset.class_ids)
    network, loss = model.build(K), SoftmaxCrossEntropy()
    initialise(network, model.init, SEED, model.input_rms)
    optimiser, view = SGD(network.params), View.of(dataset, model)
    val_view = view if recipe.val_mean else replace(view, mean=np.zeros_like(view.mean))
    val = Split(dataset.val.shards, (dataset.val.labels + recipe.val_label_shift) % K)
    by_class = np.argsort(dataset.train.labels, kind="stable")  # the order of class folders
    step_losses, epochs = [], []
    for epoch in range(EPOCHS):
        order = by_class
        if recipe.shuffle:
            order = random_stream(SEED, "order", epoch).permutation(len(by_class))
        losses, wrong, ratio = [], 0, float("nan")
        for step in range(len(order) // BATCH):
            indices = order[step * BATCH : (step + 1) * BATCH]
            labels = dataset.train.labels[indices]
            x = view.random(dataset.train.gather(indices), random_stream(SEED, "augment", epoch, step))
            logits, cache = network.forward(x, train=True, rng=random_stream(SEED, "network", epoch, step))
            value, loss_cache = loss.forward(logits, labels)
            losses.append(float(value))
            wrong += int((logits.argmax(axis=1) != labels).sum())
            _, grads = network.backward(loss.backward(loss_cache), cache, input_grad=False)
            optimiser.step(grads, recipe.lr)
            ratio = update_ratio(optimiser)
        line = {"epoch": epoch + 1, "train_loss": np.mean(losses), "train_top1_error": wrong / (len(losses) * BATCH)}
        epochs.append(line | validate(network, val, val_view) | {"update_to_weight": ratio})
        step_losses += losses
        print("  ".join(f"{key} {number(value)}" for key, value in epochs[-1].items()), flush=True)
    epochs = [{key: number(value) for key, value in line.items()} for line in epochs]
    return {"step_losses": [number(value) for value in step_losses], "epochs": epochs}


def update_ratio(optimiser):
    """The median over the layers' weights of ‖last update‖ / ‖weight‖."""
    names = [name for name in optimiser.params if name.endswith(".weight")]
    return np.median([np.linalg.norm(optimiser.velocity[n]) / np.linalg.norm(optimiser.params[n]) for n in names])


def validate(network, val, view):
    """Loss, errors, and the share of the pictures that get the most frequent answer."""
    p = probabilities(network, val.gather(range(len(val))), view).astype(np.float64)
    rank, answers = ranks(p, val.labels), p.argmax(axis=1)
    right = np.maximum(p[np.arange(len(p)), val.labels], np.finfo(np.float32).tiny)
    return {
        "val_loss": -np.log(right).mean(),
        "val_top1_error": (rank >= 1).mean(),
        "val_top5_error": (rank >= 5).mean(),
        "val_most_frequent_answer": np.bincount(answers).max() / len(answers),
    }


def number(value):
    """The value rounded to four digits; None (null in JSON) if it is not finite."""
    return float(f"{value:.4g}") if np.isfinite(value) else None


def main(*names):
    dataset = load_builtin(train_per_class=TRAIN_PER_CLASS, val_per_class=VAL_PER_CLASS)
    for name in names or RECIPES:
        print(name, flush=True)
        log = record(RECIPES[name], dataset)
        (FOLDER / f"{name}.json").write_text(json.dumps(log) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

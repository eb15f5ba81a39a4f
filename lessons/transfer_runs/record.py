"""Train on few pictures of new classes, from scratch and from the net of lesson 15, and keep the errors for lesson 20.

    python lessons/transfer_runs/record.py        about four minutes on two free cores

The pictures are the built-in set's held-out classes; the nets are alexnet-mini. runs.json: {"from scratch": {pictures
of each class: [test error of each seed]}, "fine-tuned": …}. A seed decides which pictures are drawn, and the first
weights. Fine-tuning begins with lessons/trained/mini.safetensors under a new head; each layer learns FACTOR times as
fast as the one below it.
"""

import json
from pathlib import Path

import numpy as np

from tinyalex.composite import layer_of
from tinyalex.data.builtin import load_builtin
from tinyalex.layers import SoftmaxCrossEntropy
from tinyalex.models import find_model
from tinyalex.optim import SGD, initialise
from tinyalex.runs.trained import load_network

HERE = Path(__file__).resolve().parent
MODEL, HEAD, FACTOR = "alexnet-mini", "fc8", 2.5
SIZES = {"fine-tuned": (5, 10, 25, 50), "from scratch": (5, 10, 25)}  # pictures of each class
SEEDS, BATCH = 3, 40
TRAIN_PER_CLASS, VAL_PER_CLASS, TO_CHOOSE = 50, 75, 200  # the first 200 validation pictures are for choices
STEPS, RATES = {"from scratch": 240, "fine-tuned": 60}, {"from scratch": 0.02, "fine-tuned": 0.01}


def drawn(labels, n, seed):
    """The first n pictures of each class, in an order that the seed decides."""
    order = np.random.default_rng(seed).permutation(len(labels))
    return np.concatenate([order[labels[order] == c][:n] for c in range(labels.max() + 1)])


def factors(network):
    """{parameter: factor on the rate}: 1 at the head, divided by FACTOR from layer to layer."""
    layers = list(dict.fromkeys(map(layer_of, network.params)))
    return {name: FACTOR ** (layers.index(layer_of(name)) - len(layers) + 1) for name in network.params}


def error(start, dataset, source, view, n, seed):
    """The error on the test pictures after training on n pictures of each class."""
    model = find_model(MODEL)
    network, loss, rng = model.build(len(dataset.class_ids)), SoftmaxCrossEntropy(), np.random.default_rng(seed)
    initialise(network, "he", seed, model.input_rms)
    fine = start == "fine-tuned"
    for name, array in source.params.items() if fine else ():
        if layer_of(name) != HEAD:
            network.params[name][...] = array
    optimiser = SGD(network.params, lr_factors=factors(network) if fine else None)
    few = drawn(dataset.train.labels, n, seed)
    for step in range(STEPS[start]):
        batch = rng.choice(few, min(BATCH, len(few)), replace=False)
        x = view.random(dataset.train.gather(batch), rng)
        scores, cache = network.forward(x, train=True, rng=rng)
        _, loss_cache = loss.forward(scores, dataset.train.labels[batch])
        grads = network.backward(loss.backward(loss_cache), cache, input_grad=False)[1]
        optimiser.step(grads, RATES[start] * (1 if step < 0.75 * STEPS[start] else 0.1))
    test = np.arange(TO_CHOOSE, len(dataset.val))
    scores = network.predict(view.centre(dataset.val.gather(test)))
    return float((scores.argmax(axis=1) != dataset.val.labels[test]).mean())


def main():
    dataset = load_builtin(train_per_class=TRAIN_PER_CLASS, val_per_class=VAL_PER_CLASS, held_out=True)
    source, view, _, _ = load_network(HERE.parent / "trained" / "mini.safetensors", np)
    runs = {}
    for start, sizes in SIZES.items():
        runs[start] = {}
        for n in sizes:
            runs[start][n] = [error(start, dataset, source, view, n, seed) for seed in range(SEEDS)]
            print(f"{start}, {n} of each class: {', '.join(f'{e:.1%}' for e in runs[start][n])}", flush=True)
    (HERE / "runs.json").write_text(json.dumps(runs) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Train the small net that lesson 15 looks into, and keep it in half precision beside this file.

    python lessons/trained/record.py        about a minute on two cores

It is alexnet-mini on the built-in set with the model's own settings except the number of epochs: after ten, the net is
good and still makes mistakes to look at. mini.safetensors is a checkpoint like any other, so `tinyalex inspect`,
`evaluate` and `predict` take it too; but it lacks the optimiser's velocity, so training cannot resume from it.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tinyalex.data.builtin import load_builtin
from tinyalex.evaluation import evaluate
from tinyalex.models import find_model
from tinyalex.runs.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.trained import load_network
from tinyalex.training.trainer import start

FILE = Path(__file__).resolve().parent / "mini.safetensors"
MODEL, EPOCHS, SEED = "alexnet-mini", 10, 0


def halved(checkpoint):
    """The checkpoint with float16 weights, without velocity, and without facts about the machine that trained it."""
    params = {name: array.astype(np.float16) for name, array in checkpoint.params.items()}
    progress, versions = checkpoint.info["state"], checkpoint.info["versions"]
    kept = {
        "state": {"epoch": progress["epoch"], "history": progress["history"]},
        "versions": {name: versions[name] for name in ("tinyalex", "numpy")},
    }
    return Checkpoint(params, {}, checkpoint.view, checkpoint.info | kept, checkpoint.state)


def main():
    dataset = load_builtin(quiet=False)
    config = Config.for_model(find_model(MODEL), "builtin", epochs=EPOCHS, seed=SEED)
    with TemporaryDirectory() as place:
        folder = RunFolder(Path(place) / "run")
        start(folder, config, dataset, np, "lessons/trained/record.py").train()
        save_checkpoint(FILE, halved(load_checkpoint(folder.best)))
        for path in folder.best, FILE:
            network, view, _, _ = load_network(path, np)
            error = evaluate(network, dataset.val, view, np, quiet=True).top1_error
            size = path.stat().st_size / 1e6
            print(f"{path.name}: {size:.2f} MB, {error:.1%} of {len(dataset.val):,} validation pictures wrong")


if __name__ == "__main__":
    sys.exit(main())

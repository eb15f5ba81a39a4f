"""Keep the training losses and gradient norms of claim C18's runs beside this file, for lesson 19.

    python -m tinyalex experiment C18 --data data/tiny10                 more than an hour on two busy cores
    python lessons/depth_runs/record.py runs/experiments-quick/runs      a second

The nets are resnet-mini with 20 and with 44 layers, with shortcuts ("residual-20") and without ("plain-20");
data/tiny10 holds ten classes of Tiny ImageNet. runs.json: {"plain-20": [run of each seed]}. A run has "losses", the
mean training loss of each epoch, and "gradients", {step: norm for each convolution, in order}.
"""

import json
import re
import sys
from pathlib import Path

from tinyalex.runs.folder import RunFolder

FILE = Path(__file__).resolve().parent / "runs.json"
DEPTHS, KINDS = (20, 44), {"plain": "+no-skip", "residual": ""}
MODELS = {f"{kind}-{n}": f"resnet-mini+depth-{n}{variation}" for n in DEPTHS for kind, variation in KINDS.items()}
EARLY, LATE = 20, 940  # the first logged step and the last


def record(run):
    """The losses and gradients of one run. run: a `RunFolder`"""
    norms = {line["step"]: line["health"]["gradient_norm"] for line in run.read_metrics("step")}
    return {
        "losses": [digits(line["train_loss"]) for line in run.read_metrics("epoch")],
        "gradients": {step: [digits(v) for name, v in norms[step].items() if is_conv(name)] for step in (EARLY, LATE)},
    }


def is_conv(name):
    return re.search(r"(^|\.)conv\d", name)


def digits(value):
    return float(f"{value:.4g}")


def main(folder):
    found = [RunFolder(file.parent) for file in sorted(Path(folder).rglob("result.json"))]  # the finished ones
    runs = {
        name: [record(run) for run in found if run.read_result()["model"] == model] for name, model in MODELS.items()
    }
    FILE.write_text(json.dumps(runs) + "\n", encoding="utf-8")
    for name, group in runs.items():
        print(f"{name}: training loss of the last epoch {', '.join(str(run['losses'][-1]) for run in group)}")


if __name__ == "__main__":
    main(*sys.argv[1:])

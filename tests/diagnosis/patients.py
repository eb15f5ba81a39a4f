"""Healthy and sick patients for the doctor, made as a user would make them, and what the doctor says of each.

    python tests/diagnosis/patients.py                  all, with the seeds on which the bounds were chosen
    python tests/diagnosis/patients.py --fresh 7        the same from other seeds, pictures and models
    python tests/diagnosis/patients.py --only shuffled  those whose name matches it

Runs are kept in --scratch, so a second call only asks the doctor again. Pictures of Tiny ImageNet are used where they
are at hand; without them those patients are left out. An hour on two cores.
"""

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.diagnosis.spoilt import (
    Pictures,
    a_few_twins,
    a_row_off,
    blurred,
    four_classes,
    from_one,
    grey,
    half_wrong,
    leaked,
    of_val,
    one_class,
    other_order,
    recompressed,
    scaled,
    shuffle,
    shuffle_both,
    some_black,
    two_classes,
    two_labels,
    uneven,
    without,
)
from tinyalex.backend import set_thread_count
from tinyalex.cli import main as tinyalex
from tinyalex.data import open_dataset
from tinyalex.data.builtin import load_builtin
from tinyalex.runs.checkpoint import load_checkpoint, save_checkpoint
from tinyalex.runs.folder import RunFolder
from tinyalex.training.settings import choose_settings
from tinyalex.training.trainer import Diverged, start

ROOT = Path(__file__).resolve().parents[2]
REAL = Path(os.environ.get("TINYALEX_REAL_DATA", ROOT.parent / "shared" / "data"))


@dataclass(frozen=True)
class Ward:
    """What the patients of one seed are made from. builtin: `Pictures`;  real: those of Tiny ImageNet, or None"""

    folder: Path
    seed: int
    builtin: Pictures
    real: Pictures | None

    @property
    def model(self):
        return ("alexnet-mini", "vgg-mini", "alexnet-mini+no-lrn")[self.seed % 3]

    def rng(self):
        return np.random.default_rng([self.seed, 77])

    def healthy(self, which):
        """The name of a sound data set: "builtin" or "real"."""
        path = self.folder / "data" / which
        return path if path.exists() else getattr(self, which).write(path)


@dataclass(frozen=True)
class Patient:
    """make: (ward, folder) → arguments of `tinyalex doctor`;  cause: a pattern of the first cause, None: healthy"""

    name: str
    make: Callable
    cause: str | None = None
    real: bool = False


def train(ward, folder, data, model, **settings):
    """A run folder by the trainer, which may diverge; the arguments that show it to the doctor."""
    config = choose_settings(str(data), model, seed=ward.seed, **settings)
    with contextlib.suppress(Diverged):
        start(RunFolder.fresh(folder / "run"), config, open_dataset(data), np, "test", quiet=True).train()
    return [folder / "run"]


def healthy(model, which, **settings):
    return lambda ward, folder: train(ward, folder, ward.healthy(which), model, **settings)


def sick_settings(which="builtin", model=None, **settings):
    return lambda ward, folder: train(ward, folder, ward.healthy(which), model or ward.model, **settings)


@dataclass(frozen=True)
class sick_data:  # noqa: N801, in the table it reads as the functions beside it
    """Pictures put through `spoil(pictures, rng)`; trained for `epochs`, or only shown with a model.

    mean: what to write in place of the mean picture
    """

    spoil: Callable
    which: str = "builtin"
    epochs: int = 0
    mean: float | None = None

    def __call__(self, ward, folder):
        data = self.spoil(getattr(ward, self.which), ward.rng()).write(folder / "data", self.mean)
        if self.epochs:
            return train(ward, folder, data, ward.model, epochs=self.epochs, batch=32)
        return ["--data", data, "--model", ward.model]


# ---------------------------------------------------------------------------------------------- the sick


def on_random_features(ward, folder):
    """A head that has learnt all it can from a body that never learnt."""
    (first,) = train(ward, folder / "first", ward.healthy("builtin"), "alexnet-mini", epochs=1, lr=1e-9)
    rest = {"freeze": "body", "start_from": str(first), "epochs": 40, "batch": 32}
    return train(ward, folder, ward.healthy("builtin"), "alexnet-mini", **rest)


def broken_weights(ward, folder):
    """A checkpoint with a NaN, as after a damaged conversion."""
    (run,) = train(ward, folder, ward.healthy("builtin"), ward.model, epochs=1)
    found = load_checkpoint(run / "best.safetensors")
    name = next(iter(found.params))
    found.params[name].reshape(-1)[3] = np.nan
    save_checkpoint(run / "best.safetensors", found)
    return [run]


def overfitted(ward, folder):
    data = ward.builtin.some(train=80).write(folder / "data")
    plain = {"crops": False, "mirror": False, "color": False, "weight_decay": 0.0}
    return train(
        ward, folder, data, "alexnet-mini+no-dropout", epochs=60, batch=16, lr=0.008, schedule="constant", **plain
    )


SICK = (
    Patient("labels of training shuffled", sick_data(shuffle("train"), epochs=2), "training labels are shuffled"),
    Patient("labels of validation shuffled", sick_data(shuffle("val"), epochs=2), "validation labels are shuffled"),
    Patient("labels of both shuffled", sick_data(shuffle_both), "shuffled, in both parts"),
    Patient(
        "labels of real training shuffled", sick_data(shuffle("train"), "real"), "training labels are shuffled", True
    ),
    Patient("labels a row off", sick_data(a_row_off), "training labels are shifted by one picture"),
    Patient("labels from one", sick_data(from_one, epochs=2), "shifted by one class"),
    Patient("labels from one, real", sick_data(from_one, "real"), "shifted by one class", True),
    Patient("classes in another order", sick_data(other_order), "another order"),
    Patient("labels mostly wrong", sick_data(half_wrong, "real"), "part of the training labels is wrong", True),
    Patient("one class", sick_data(one_class, epochs=2), "all of one class"),
    Patient("a class missing from training", sick_data(without("train", [2, 3])), "missing from the training"),
    Patient("a class missing from validation", sick_data(without("val", [0])), "missing from the validation"),
    Patient("validation scaled", sick_data(scaled("val"), epochs=2), "prepared differently"),
    Patient("scaled twice", sick_data(scaled("train", "val")), "scaled twice"),
    Patient("no mean", sick_data(lambda data, rng: data, epochs=2, mean=0), "not centred"),
    Patient("BGR", sick_data(of_val(lambda p: p[..., ::-1]), "real"), "red and blue are exchanged", True),
    Patient("upside down", sick_data(of_val(lambda p: p[:, ::-1]), "real"), "upside down", True),
    Patient("negative", sick_data(of_val(lambda p: 255 - p), "real"), "dark and light", True),
    Patient("darker", sick_data(of_val(lambda p: (p * 0.5).astype(np.uint8))), "prepared differently"),
    Patient("blurred", sick_data(of_val(blurred), "real"), "prepared differently", True),
    Patient("shared pictures", sick_data(leaked(lambda p: p)), "share pictures"),
    Patient("shared pictures, altered", sick_data(leaked(recompressed), "real"), "share pictures, altered", True),
    Patient("some black", sick_data(some_black), "black or of one colour"),
    Patient("two labels", sick_data(two_labels), "different labels"),
    Patient("rate too low", sick_settings(lr=2e-5, epochs=4), "rate is too low"),
    Patient("rate too low, real", sick_settings("real", lr=1e-4, epochs=3), "rate is too low", True),
    Patient("rate too high", sick_settings(lr=0.6, epochs=2), "rate is too high"),
    Patient("diverged", sick_settings(lr=20.0, epochs=2), "rate is too high"),
    Patient(
        "paper's start", sick_settings(model="alexnet-mini", init="paper", epochs=4), "first weights are too small"
    ),
    Patient(
        "biases far below", sick_settings(model="alexnet-mini", bias_init=-10.0, epochs=2), "biases are too low|dead"
    ),
    Patient("body frozen", sick_settings(freeze="body", epochs=3), "frozen"),
    Patient("one layer frozen", sick_settings(model="alexnet-mini", layer_lr="conv2:0:0", epochs=3), "frozen"),
    Patient("head frozen", sick_settings(head_lr=0.0, epochs=3), "frozen"),
    Patient("weight decay", sick_settings(weight_decay=0.5, epochs=4), "weight decay is too high"),
    Patient("momentum", sick_settings(momentum=0.999, epochs=3), "momentum is too high"),
    Patient("whole set a batch", sick_settings(batch=640, epochs=3), "batch is too large"),
    Patient(
        "rate falls early", sick_settings("builtin", "alexnet-mini", schedule="steps:1,2", epochs=8), "falls too early"
    ),
    Patient("overfitting", overfitted, "overfitting"),
    Patient("underfitting", on_random_features, "underfitting"),
    Patient("NaN", broken_weights, "not numbers"),
)


# ---------------------------------------------------------------------------------------------- the healthy


def shown(which, model, change=lambda data, rng: data):
    """Sound pictures and a model, before a run."""
    return lambda ward, folder: [
        *("--data", change(getattr(ward, which), ward.rng()).write(folder / "data"), "--model", model)
    ]


def with_change(which, model, change, **settings):
    def make(ward, folder):
        data = change(getattr(ward, which), ward.rng()).write(folder / "data")
        return train(ward, folder, data, model, **settings)

    return make


def fine_tuned(**settings):
    def make(ward, folder):
        (first,) = train(ward, folder / "first", ward.healthy("builtin"), "alexnet-mini+bn", epochs=3)
        data = four_classes(ward.builtin, None).write(folder / "data")
        return train(ward, folder, data, "alexnet-mini+bn", start_from=str(first), **settings)

    return make


def stopped(ward, folder):
    """A run whose machine was switched off in its third epoch."""
    (run,) = train(ward, folder, ward.healthy("builtin"), "alexnet-mini", epochs=2)
    config = json.loads((run / "config.json").read_text())
    config["config"]["epochs"] = 30
    (run / "config.json").write_text(json.dumps(config))
    (run / "result.json").unlink()
    return [run]


def lessons_net(ward, folder):
    return [ROOT / "lessons" / "trained" / "mini.safetensors"]


HEALTHY = (
    Patient("mini, 1 epoch", healthy("alexnet-mini", "builtin", epochs=1)),
    Patient("mini, 2 epochs", healthy("alexnet-mini", "builtin", epochs=2)),
    Patient("mini, 6 epochs", healthy("alexnet-mini", "builtin", epochs=6, batch=32)),
    Patient(
        "mini, constant rate", healthy("alexnet-mini", "builtin", epochs=4, batch=32, schedule="constant", lr=0.01)
    ),
    Patient("mini+tanh", healthy("alexnet-mini+tanh", "builtin", epochs=3)),
    Patient("mini+no-dropout", healthy("alexnet-mini+no-dropout", "builtin", epochs=4)),
    Patient("mini+four-layer", healthy("alexnet-mini+four-layer", "builtin", epochs=4)),
    Patient("mini, twice its rate", healthy("alexnet-mini", "builtin", epochs=3, lr=0.04)),
    Patient("mini, a third of its rate", healthy("alexnet-mini", "builtin", epochs=3, lr=0.007)),
    Patient("small", healthy("alexnet-small", "builtin", epochs=2)),
    Patient("vgg-mini", healthy("vgg-mini", "builtin", epochs=2)),
    Patient("resnet-mini", healthy("resnet-mini", "builtin", epochs=3)),
    Patient("uneven classes", with_change("builtin", "alexnet-mini", uneven, epochs=3, batch=32)),
    Patient("grey pictures", with_change("builtin", "vgg-mini", grey, epochs=2, batch=32)),
    Patient("four classes", with_change("builtin", "alexnet-mini", four_classes, epochs=6, batch=16)),
    Patient("frozen after a start", fine_tuned(freeze="body", epochs=4, batch=16)),
    Patient("fine-tuned", fine_tuned(epochs=3, batch=16, lr=0.005)),
    Patient("switched off", stopped),
    Patient("the lessons' net", lessons_net),
    Patient("before a run", shown("builtin", "alexnet-mini")),
    Patient("before a run, resnet", shown("builtin", "resnet-mini", four_classes)),
    Patient("real, 1 epoch", healthy("alexnet-mini", "real", epochs=1), real=True),
    Patient("real, 3 epochs", healthy("alexnet-mini", "real", epochs=3), real=True),
    Patient("real, 5 epochs", healthy("alexnet-mini+bn", "real", epochs=5, batch=32), real=True),
    Patient("real, vgg-mini", healthy("vgg-mini", "real", epochs=3, batch=32), real=True),
    Patient("real, resnet-mini", healthy("resnet-mini", "real", epochs=3), real=True),
    Patient("real, mini+no-lrn", healthy("alexnet-mini+no-lrn", "real", epochs=2, mirror=False), real=True),
    Patient("real, two classes", with_change("real", "alexnet-mini", two_classes, epochs=4, batch=16), real=True),
    Patient("real, a few twins", with_change("real", "alexnet-mini", a_few_twins, epochs=2), real=True),
    Patient("real, before a run", shown("real", "vgg-mini", uneven), real=True),
    Patient("real, plateau", healthy("alexnet-mini", "real", epochs=4, batch=32, schedule="plateau:2"), real=True),
)


# ---------------------------------------------------------------------------------------------- the round


def ward_of(folder, seed, train_per_class=32, val_per_class=10, real=True):
    """The pictures of a seed: drawn ones, and those of Tiny ImageNet if they are at hand and wanted."""
    drawn = load_builtin(1000 + seed, train_per_class, val_per_class)
    pictures = [(split.gather(range(len(split))), split.labels) for split in (drawn.train, drawn.val)]
    return Ward(folder, seed, Pictures(*pictures, drawn.class_names), _real(folder, seed) if real else None)


def _real(folder, seed):
    file, data = REAL / "tiny-imagenet-10.zip", folder / "tiny10"
    if not file.exists():
        return None
    if not data.exists() and tinyalex(["prepare", str(file), str(data), "--json"]):
        return None
    found, rng = open_dataset(data), np.random.default_rng(seed)
    rows = rng.choice(len(found.train), 800, replace=False)
    val = rng.choice(len(found.val), 300, replace=False)
    parts = [(split.gather(r), split.labels[r]) for split, r in ((found.train, rows), (found.val, val))]
    return Pictures(*parts, found.class_names)


def ask(patient, ward):
    """(what the doctor says, as JSON values; the seconds it took). The patient is made if its folder is not there."""
    folder = ward.folder / f"{ward.seed}" / patient.name.replace(" ", "-").replace(",", "").replace("'", "")
    made = folder / "arguments.json"
    if not made.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        arguments = list(map(str, patient.make(ward, folder)))
        made.write_text(json.dumps(arguments))
    started, out = time.perf_counter(), io.StringIO()
    with contextlib.redirect_stdout(out):
        code = tinyalex(["doctor", *json.loads(made.read_text()), "--json"])
    assert code == 0, f"{patient.name}: exit code {code}"
    return json.loads(out.getvalue()), time.perf_counter() - started


def is_right(patient, said):
    """Whether the first cause is the planted one; of a healthy patient, whether there is none."""
    causes = [fault["cause"] for fault in said["faults"]]
    return not causes if patient.cause is None else bool(causes and re.search(patient.cause, causes[0]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fresh", type=int, default=0, metavar="SEED")
    parser.add_argument("--only", default="")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "tinyalex-patients")
    parser.add_argument("--threads", type=int, default=None, metavar="N")
    args = parser.parse_args()
    if args.threads:
        set_thread_count(args.threads)
    ward, counts = ward_of(args.scratch, args.fresh), {"sick": [], "healthy": []}
    for kind, patients in (("sick", SICK), ("healthy", HEALTHY)):
        for patient in patients:
            if not re.search(args.only, f"{kind} {patient.name}") or patient.real and ward.real is None:
                continue
            said, seconds = ask(patient, ward)
            right = is_right(patient, said)
            counts[kind].append((right, seconds))
            causes = "; ".join(fault["cause"] for fault in said["faults"]) or "no fault"
            print(f"{'   ' if right else 'NO '}{patient.name:36} {seconds:5.1f} s  {causes}", flush=True)
            if not right:
                for fault in said["faults"]:
                    print(f"       {fault['evidence']}")
    for kind, rows in counts.items():
        if rows:
            print(
                f"{kind}: {sum(right for right, _ in rows)} of {len(rows)}; the slowest {max(s for _, s in rows):.0f} s"
            )


if __name__ == "__main__":
    sys.exit(main())

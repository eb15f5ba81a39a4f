"""The doctor on a handful of patients, small enough for seconds; `patients.py` has them all.

Then what it says where there is nothing to examine, and its arithmetic by hand.
"""

import json
import math
import shutil
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.diagnosis import patients
from tests.diagnosis.patients import HEALTHY, SICK, ask, is_right, train, ward_of
from tests.tiny_runs import train_mini
from tests.training.test_training import write_easy
from tinyalex.cli import main
from tinyalex.data.dataset import Split
from tinyalex.diagnosis import course, limits, pictures, settings
from tinyalex.diagnosis.examine import DIAGNOSES
from tinyalex.diagnosis.labels import Told, _matched, shuffled
from tinyalex.diagnosis.measures import answers, measures, shrunk
from tinyalex.diagnosis.patient import Patient
from tinyalex.diagnosis.pictures import Scan
from tinyalex.lines import command
from tinyalex.models import find_model
from tinyalex.runs.config import Config


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    return ward_of(tmp_path_factory.mktemp("ward"), 0, train_per_class=16, val_per_class=10, real=False)


@pytest.fixture(autouse=True)
def shorter_sweeps(monkeypatch):
    monkeypatch.setattr(limits, "SWEEP_STEPS", (40, 60))


QUICK = (
    *("labels of training shuffled", "labels from one", "classes in another order"),
    *("scaled twice", "no mean", "darker"),
)


@pytest.mark.parametrize("name", QUICK)
def test_spoilt_pictures_are_told_before_a_run(ward, name):
    (patient,) = [patient for patient in SICK if patient.name == name]
    data, spoilt = ward.folder / name, patient.make
    spoilt.spoil(ward.builtin, ward.rng()).write(data, spoilt.mean)
    shown = patients.Patient(name, lambda *_: ["--data", data, "--model", "resnet-mini"], patient.cause)
    said, _ = ask(shown, ward)
    assert is_right(shown, said), said
    assert said["checked"] and all(fault["evidence"] and fault["try"] for fault in said["faults"])


def short(make, cause=None):
    return patients.Patient(f"short {cause}", make, cause)


def trained(model, **chosen):
    return lambda ward, folder: train(ward, folder, ward.healthy("builtin"), model, **{"epochs": 1} | chosen)


@pytest.mark.parametrize(
    "patient",
    [
        short(trained("alexnet-mini", freeze="body"), "frozen"),
        short(trained("alexnet-mini", init="paper"), "first weights are too small"),
        short(trained("resnet-mini", lr=1e-5), "rate is too low"),
    ],
    ids=lambda patient: patient.cause,
)
def test_wrong_settings_are_told(ward, patient):
    said, _ = ask(patient, ward)
    assert is_right(patient, said), said


def test_a_healthy_young_run(ward):
    said, _ = ask(short(trained("resnet-mini")), ward)
    assert said["faults"] == [] and "still learning" in said["notes"][0] and "--resume" in said["notes"][0]
    assert len(said["checked"]) > 20


@pytest.mark.real_data
def test_mirrored_training_pictures_in_validation_do_not_make_validation_mirrored(tmp_path, real_data):
    """Changed back, they are told from memory; that says nothing of how validation was prepared."""
    (patient,) = [patient for patient in SICK if patient.name == "shared pictures, altered"]
    said, _ = ask(patient, ward_of(tmp_path, 9))
    causes = [fault["cause"] for fault in said["faults"]]
    assert any("share pictures, altered" in cause for cause in causes) and "mirrored" not in str(causes), causes


def test_the_long_round_is_as_long_as_promised():
    assert len(SICK) >= 30 and len(HEALTHY) >= 30 and len(DIAGNOSES) >= 25
    assert len({patient.name for patient in (*SICK, *HEALTHY)}) == len(SICK) + len(HEALTHY)


# ---------------------------------------------------------------------------------------------- little to examine


def call(capsys, *arguments):
    code = main(["doctor", *map(str, arguments)])
    return code, *capsys.readouterr()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return train_mini(folder / "run", write_easy(folder / "data", 48, 30), "resnet-mini")


@pytest.mark.parametrize(
    "arguments, word",
    [
        ("", "expected a RUN, or --data and --model"),
        ("RUN --model resnet-mini", "--model: a run has its model"),
        ("nowhere", "nowhere"),
        ("--data nowhere --model resnet-mini", "nowhere"),
        ("--data DATA --model resnet-mni", "did you mean resnet-mini?"),
        ("--data DATA --model alexnet-32", "32"),
        ("DATA", "DATA"),
        ("RUN --data builtin", "classes"),
    ],
)
def test_a_mistake_is_one_line(run, capsys, arguments, word):
    given = arguments.replace("RUN", str(run)).replace("DATA", str(run.parent / "data")).split()
    code, out, err = call(capsys, *given)
    assert (code, out, err.count("\n")) == (2, "", 1) and word.replace("DATA", str(run.parent / "data")) in err


def test_a_run_whose_pictures_are_gone(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["config"]["data"], config["places"] = "gone", {}
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    code, out, _ = call(capsys, tmp_path / "run", "--json")
    said = json.loads(out)
    assert code == 0 and said["data"] is None and "not at hand" in said["notes"][0]
    assert said["checked"] == ["numbers in the weights", "frozen layers", "overfitting"]
    code, out, _ = call(capsys, tmp_path / "run", "--data", run.parent / "data", "--json")
    assert code == 0 and len(json.loads(out)["checked"]) > 15


def test_a_run_before_its_first_epoch(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("*.safetensors", "metrics.jsonl", "result*"))
    code, out, _ = call(capsys, tmp_path / "run", "--json")
    said = json.loads(out)
    assert code == 0 and said["notes"] == ["no epoch is finished yet"]


def test_what_a_person_reads(run, capsys):
    code, out, _ = call(capsys, run.parent / "run" / "best.safetensors")
    assert code == 0 and "Checked in" in out


# ---------------------------------------------------------------------------------------------- by hand


def test_told_by_hand():
    told = Told.of(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2)
    assert (told.hits, told.N, told.chance) == (3, 4, 0.5 * 0.25 + 0.5 * 0.75)
    assert told.beyond == pytest.approx((3 - 2) / 1.0) and told.nothing and not told.something


def test_a_class_that_dominates_leaves_too_little_to_call_labels_shuffled():
    """81 % by chance and 81 % told: so it looks, whether labels follow the pictures or not."""
    assert Told(18, 88, 0.2).nothing and not Told(40, 88, 0.2).nothing
    assert not Told(71, 88, 0.81).nothing and not Told(71, 88, 0.81).something


def test_classes_are_matched_on_one_half_and_judged_on_the_other():
    labels = np.tile([0, 1, 2], 20)
    assert _matched((labels + 1) % 3, labels, 3).share == 1
    given = np.random.default_rng(0).integers(0, 3, 6000)
    assert _matched(given, np.random.default_rng(1).integers(0, 3, 6000), 3).nothing


def test_measures_tell_what_pixels_do_not():
    rng = np.random.default_rng(0)
    rows = np.sin(np.arange(64) * 0.8)[:, None, None] * np.ones((64, 64, 3)) * 60 + 128
    pictures = np.stack([rows if k % 2 else rows.swapaxes(0, 1) for k in range(80)]) + rng.normal(
        0, 40, (80, 64, 64, 3)
    )
    found = measures(np.clip(pictures, 0, 255).astype(np.uint8))
    assert found.shape == (80, 320) and np.isfinite(found).all()
    labels = np.arange(80) % 2
    assert (answers(found[:40], labels[:40], found[40:], 2) == labels[40:]).all()


def test_shrunk_by_hand():
    maps = np.arange(20, dtype=np.uint8).reshape(1, 4, 5)
    assert shrunk(maps, 2).tolist() == [[[3, 5], [13, 15]]]


def of_course(*lines, model="alexnet-mini", **chosen):
    """A patient whose log has these epochs: (training loss, its error, validation loss, its error)."""
    keys = ("train_loss", "train_top1_error", "val_loss", "val_top1_error")
    log = [dict(zip(keys, line)) | {"kind": "epoch", "epoch": n, "lr": 0.01} for n, line in enumerate(lines, 1)]
    config = Config.for_model(find_model(model), "builtin", **chosen)
    data: Any = SimpleNamespace(train=range(4000), val=range(1000), class_ids=range(20))
    return Patient(config, data, np, log=tuple(log))


def test_overfitting_by_hand():
    rising = [(2.0, 0.6, 2.0, 0.6), (1.0, 0.4, 1.5, 0.5), (0.3, 0.1, 1.9, 0.5)]
    fault = course.overfitting(of_course(*rising))
    assert "from 1.5 to 1.9" in fault.evidence and "--patience" in fault.advice
    assert "--no-crops" not in course.overfitting(of_course(*rising, crops=False)).advice
    flat = [*rising[:2], (0.3, 0.1, 1.5 * limits.RISE - 0.01, 0.5)]
    assert course.overfitting(of_course(*flat)) is None
    careless = [*rising[:2], (0.9, 0.3, 1.9, 0.5)]  # wrong in training too
    assert course.overfitting(of_course(*careless)) is None


def test_a_handful_of_wrong_answers_is_no_overfitting():
    """None wrong of 1,000, and three: the loss doubles, but nothing is lost; with ten it is told."""
    for wrong, told in ((0.0, False), (0.003, False), (0.01, True)):
        lines = [(0.5, 0.1, 0.4, 0.1), (0.01, 0.0, 1e-4, wrong), (0.001, 0.0, 2e-4, wrong)]
        assert (course.overfitting(of_course(*lines)) is not None) == told


def test_underfitting_only_for_sure():
    """600 right of 1,000 are not clearly fewer than 620, but than 640: two standard errors are 31."""
    rest = [(1.5, 0.5, 1.5, 0.4)] * 9
    for told, fault in ((0.62, False), (0.64, True)):
        patient = of_course(*rest)
        known: Any = {"labels": SimpleNamespace(told=Told(round(1000 * told), 1000, 0.05)), "start_loss": math.log(20)}
        patient.__dict__.update(known)
        assert (course.underfitting(patient) is not None) == fault


@pytest.mark.parametrize(
    ("done", "ended", "expected"),
    [(3, True, "train --resume {} --epochs 9"), (2, False, "train --resume {}"), (2, True, "")],
)
def test_the_command_that_trains_on(tmp_path, done, ended, expected):
    """After the last epoch; in a run that was stopped; and in one that --patience ended, which nothing continues."""
    lines = [(2.0, 0.6, 2.0, 0.6)] * done
    folder: Any = SimpleNamespace(path=tmp_path, last=tmp_path / "last.safetensors", result=tmp_path / "result.json")
    folder.last.touch()
    if ended:
        folder.result.touch()
    patient = replace(of_course(*lines, epochs=3), folder=folder)
    assert course.train_on(patient) == (expected and command(*expected.format(tmp_path).split()))


@pytest.mark.parametrize(
    ("chosen", "changes", "without", "with_"),
    [
        ({"model": "resnet-mini", "bias_init": 1.0}, {"lr": 0.1}, "--bias-init", "--lr 0.1"),
        ({"crop_run": 16}, {"batch": 8}, "--crop-run", "--batch 8"),
        ({"model": "alexnet-small", "epochs": 30}, {"lr": 0.1}, "--lr-", "--epochs 30"),
        ({"model": "alexnet-small", "epochs": 15}, {"lr": 0.1}, "--epochs", "--lr 0.1"),
    ],
)
def test_advised_commands_are_accepted_and_train_the_same(chosen, changes, without, with_):
    advised = of_course(**chosen).again(**changes)
    assert without not in advised and with_ in advised


def test_a_start_is_advised_where_it_is_now(monkeypatch):
    monkeypatch.setattr(Patient, "started_from", property(lambda patient: "moved/run"))
    assert "--start-from moved/run" in of_course(start_from="runs/first").again()


def test_equal_training_pictures_are_tried_once():
    """Of 300 pictures in ten copies each, shuffled labels and a tenth of 3,000: none is learnt by heart."""
    rng = np.random.default_rng(0)
    own = rng.integers(0, 256, (30, 8, 8, 3), dtype=np.uint8)
    pictures = np.repeat(own, 10, axis=0)
    split: Any = Split((pictures,), np.repeat(rng.integers(0, 3, 30), 10))
    data: Any = SimpleNamespace(train=split, val=split, class_ids=range(3))
    patient = Patient(Config.for_model(find_model("alexnet-mini"), "builtin"), data, np)
    assert len(patient.rows["train"]) == 30 == len(np.unique(patient.rows["train"] // 10))
    assert len(patient.rows["val"]) == 300


def test_two_pictures_of_a_class_do_not_show_that_labels_are_shuffled():
    """2 of 2,000 told, as by chance: of 1,000 classes that means nothing, of 200 it does."""
    for K, told in ((1000, False), (200, True)):
        trial: Any = SimpleNamespace(enough=True, within=lambda split, moved: Told(2, 2000, 1 / K))
        trial.train = trial.val = trial.told = Told(2, 2000, 1 / K)
        patient: Any = SimpleNamespace(labels=trial, K=K, has_learnt=False)
        assert (shuffled(patient) is not None) == told


def test_pictures_alike_are_looked_for_in_all_classes(monkeypatch):
    """Rows stand class by class: of 3,000, the thousand that are compared come from everywhere."""
    scan = Scan.__new__(Scan)
    scan.flat = {name: np.zeros(3000, bool) for name in ("train", "val")}
    scan.thumbnails = {name: np.random.default_rng(1).uniform(0, 255, (3000, 48)) for name in ("train", "val")}
    scan.patient = SimpleNamespace(scanned={"val": np.arange(3000)})
    rows, count = scan.alike
    assert count == 1000 == len(rows) and np.bincount(rows // 1000, minlength=3).min() > 280, "all are alike here"


def test_still_learning_by_hand():
    falling = [(loss, 0.5, 2.0, 0.5) for loss in (2.0, 1.9, 1.8, 1.7, 1.6, 1.5, 1.4, 1.3, 1.2)]
    assert course.still_learning(of_course(*falling))
    assert course.still_learning(of_course(*falling[:2]))
    rest = [*falling[:5], *[(1.6, 0.5, 2.0, 0.5)] * 6]
    assert not course.still_learning(of_course(*rest))


def mean_entropy_of_boxes(points=60):
    """Of −p ln p − q ln q, where q is the part in the unit square of a box of area 0..1 with its centre anywhere."""
    middles = (np.arange(points) + 0.5) / points
    half = np.sqrt(middles)[:, None] / 2
    inside = np.minimum(middles + half, 1) - np.maximum(middles - half, 0)  # of a side, for each area and centre
    q = np.clip(inside[:, :, None] * inside[:, None, :], 1e-9, 1 - 1e-9)
    return float(-(q * np.log(q) + (1 - q) * np.log(1 - q)).mean())


CUT = mean_entropy_of_boxes()


@pytest.mark.parametrize(
    ("chosen", "lowest", "within"),
    [
        ({}, 0.0, 1e-12),
        ({"label_smoothing": 0.1}, -0.905 * math.log(0.905) - 0.095 * math.log(0.005), 1e-12),
        ({"mixup": 1.0}, 0.95 * 0.5, 0.02),  # mean of −p ln p − q ln q over p from 0 to 1; 1 of 20 is of one class
        ({"mixup": 1e5}, 0.95 * math.log(2), 1e-4),  # half and half
        ({"cutmix": 1.0}, 0.95 * CUT, 0.03),
    ],
)
def test_the_lowest_loss_by_hand(chosen, lowest, within):
    assert of_course(**chosen).lowest_loss == pytest.approx(lowest, abs=within)


def test_a_loss_near_its_lowest_is_still_learning_if_what_is_left_shrinks():
    smooth = of_course(label_smoothing=0.1).lowest_loss
    losses = [(smooth + left, 0.5, 2.0, 0.5) for left in (1, 0.5, 0.1, 0.05, 0.01, 0.004, 0.003, 0.002, 0.001)]
    assert course.still_learning(of_course(*losses, label_smoothing=0.1))


def test_decay_and_momentum_by_hand():
    patient = of_course(weight_decay=0.05)
    assert "in 100 steps" in settings.decay_too_high(patient).evidence  # 0.1 / (0.02 · 0.05)
    assert settings.decay_too_high(of_course(weight_decay=0.01)) is None
    assert settings.momentum_too_high(of_course(momentum=0.98)).advice.endswith("--momentum 0.9")
    assert settings.momentum_too_high(of_course(momentum=0.98, lr=0.004)) is None


def test_underfitting_by_hand():
    at_rest = of_course(*[(2.6, 0.9, 2.6, 0.7)] * 12)
    vars(at_rest)["labels"] = SimpleNamespace(told=Told(180, 600, 0.05))
    vars(at_rest)["start_loss"] = 3.0
    assert course.underfitting(at_rest) is None  # 30 % right, by both
    vars(at_rest)["labels"] = SimpleNamespace(told=Told(240, 600, 0.05))
    assert "30% of the validation answers" in course.underfitting(at_rest).evidence


@pytest.mark.parametrize("read, told", [(1000, False), (100, True)])
def test_of_many_training_pictures_some_are_read_and_shares_are_scaled(read, told):
    """Ten of 1,000 are 1 %; if a tenth of the training pictures was read, 10 % of all."""
    pairs, rows = [(str(n), str(n)) for n in range(10)], {"train": np.arange(read), "val": np.arange(1000)}
    scan = SimpleNamespace(twins=(pairs, pairs), alike=(np.arange(25), 1000))
    patient = SimpleNamespace(scan=scan, scanned=rows, split=lambda name: np.arange(1000), share_read=read / 1000)
    faults = [
        look(patient) for look in (pictures.in_both_parts, pictures.alike_in_both_parts, pictures.under_two_labels)
    ]
    found = [bool(fault) for fault in faults]
    assert found == [told, told, told or 10 / read > limits.TWO_LABELS_SHARE]
    if told:
        assert "equal to a training picture of the 100 read of 1,000, such as" in faults[0].evidence

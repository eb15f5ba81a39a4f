"""The reference of a checkpoint: what it holds, against other ways to compute it, and that no other is taken for it."""

import json

import numpy as np
import pytest

from tests.checks import refused
from tests.monitoring.test_log import request
from tests.tiny_runs import answering, train_mini
from tests.training.test_training import write_easy
from tinyalex.calibration import Calibration
from tinyalex.cli import main
from tinyalex.data import open_dataset
from tinyalex.errors import UserError
from tinyalex.evaluation import class_probabilities
from tinyalex.inspection.features import features_of, last_features
from tinyalex.monitoring import reference as module
from tinyalex.monitoring.pictures import picture_statistics
from tinyalex.monitoring.reference import (
    QUANTILES,
    columns_of,
    entropies,
    find_reference,
    layer_sizes,
    make_reference,
    novelties,
    reference_file,
    save_reference,
    training_features,
)
from tinyalex.monitoring.window import Window
from tinyalex.runs.calibrated import checkpoint_hash, find_calibration
from tinyalex.runs.trained import open_run
from tinyalex.statistics import Interval

NOTHING = Interval(0.1, 0.0, 0.2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(run, data set) of 48 pixels, 30 validation pictures for each of its classes."""
    folder = tmp_path_factory.mktemp("reference")
    data = write_easy(folder / "data", 48, 30)
    return open_run(train_mini(folder / "run", data), np), open_dataset(str(data))


@pytest.fixture(scope="module")
def made(trained):
    return make_reference(*trained, quiet=True)


def test_it_holds_what_the_network_says_of_each_validation_picture(trained, made, monkeypatch):
    run, data = trained
    found = columns_of(made)
    p = class_probabilities(run.network, data.val, run.view, np, quiet=True).astype(np.float64)
    assert found["label"].tolist() == p.argmax(axis=1).tolist()
    assert found["confidence"] == pytest.approx(p.max(axis=1), rel=1e-4)
    assert found["entropy"] == pytest.approx(-(p * np.log(p)).sum(axis=1), rel=1e-3), "with so few classes, of all"
    greys = data.val.gather(np.arange(len(data.val))) @ np.array([0.299, 0.587, 0.114])
    assert found["brightness"] == pytest.approx(greys.mean(axis=(1, 2)), rel=1e-4)
    monkeypatch.setattr(module, "PICTURES_AT_ONCE", 7)
    again = columns_of(make_reference(run, data, quiet=True))
    assert all(again[name] == pytest.approx(found[name], rel=1e-3, abs=1e-4) for name in found), "batches matter"


def test_a_log_of_the_same_pictures_has_the_same_columns(trained, made):
    """Rounded alike, or confidences close below 1 would differ in every comparison."""
    run, data = trained
    pictures, training = data.val.gather(np.arange(len(data.val))), training_features(run, data, quiet=True)
    p = class_probabilities(run.network, data.val, run.view, np, quiet=True).astype(np.float64)
    statistics, novelty = picture_statistics(pictures), novelties(run, pictures, training)
    requests = []
    for n, row in enumerate(p):
        order = np.argsort(-row, kind="stable")[:5]
        own = {name: float(values[n]) for name, values in statistics.items()} | {"novelty": float(novelty[n])}
        top = tuple((int(k), float(row[k])) for k in order)
        requests.append(request(n, **own, label=int(order[0]), confidence=top[0][1], top=top))
    found, expected = Window(requests, [None] * len(p), {}).columns(), columns_of(made)
    assert found.keys() == expected.keys()
    assert all(found[name] == pytest.approx(expected[name], rel=2e-4, abs=1e-4) for name in found)
    for name in ("brightness", "confidence"):
        assert np.mean(found[name] == expected[name]) > 0.95, "the digits are others"


def test_scores_are_calibrated_with_a_calibration(trained):
    run, data = trained
    calibration = Calibration(2.0, 0.5, 0.1, 0.95, "centre crop", 30, NOTHING, NOTHING, checkpoint_hash(run.file))
    made = make_reference(run, data, calibration, quiet=True)
    p = class_probabilities(run.network, data.val, run.view, np, quiet=True)
    assert columns_of(made)["confidence"] == pytest.approx(calibration.probabilities(p).max(axis=1), rel=1e-4)
    assert (made["temperature"], made["view"]) == (2.0, "centre crop")
    assert make_reference(run, data, calibration, p, quiet=True) == made, "known probabilities are not computed again"


def test_entropies():
    assert entropies(np.array([[1.0, 0, 0, 0, 0]]))[0] == 0
    assert entropies(np.full((1, 5), 0.2))[0] == pytest.approx(np.log(5))
    assert entropies(np.full((1, 5), 0.1))[0] == pytest.approx(-0.5 * np.log(0.1) - 0.5 * np.log(0.5)), "with the rest"


def test_novelty_is_the_distance_of_directions_to_the_nearest_training_picture(trained):
    run, data = trained
    training, pictures = training_features(run, data, quiet=True), data.val.gather([0, 5, 9])
    layer = last_features(run.network)[1]
    rows = {
        name: features_of(run.network, split, run.view, np, layer)
        for name, split in vars(data).items()
        if name in ("train", "val")
    }
    directions = {name: values / np.linalg.norm(values, axis=1, keepdims=True) for name, values in rows.items()}
    expected = [np.linalg.norm(directions["train"] - directions["val"][row], axis=1).min() for row in (0, 5, 9)]
    assert novelties(run, pictures, training) == pytest.approx(expected, abs=1e-3)
    assert novelties(run, data.train.gather([3]), training) == pytest.approx([0], abs=1e-3)
    noise = np.random.default_rng(0).integers(0, 256, (1, *pictures.shape[1:]), np.uint8)
    assert novelties(run, noise, training) > max(expected)


def test_layers_sizes_are_of_single_pictures(trained, made):
    run, data = trained
    sizes, alone = layer_sizes(run, data.val.gather([0, 1])), layer_sizes(run, data.val.gather([1]))
    assert all(sizes[name][1] == pytest.approx(alone[name][0], rel=1e-5) for name in sizes)
    layer = last_features(run.network)[1]
    y = features_of(run.network, data.val, run.view, np, layer, [1])
    assert alone[layer][0] == pytest.approx(np.sqrt(np.mean(y**2)), rel=1e-5)
    everything = layer_sizes(run, data.val.gather(np.arange(len(data.val))))
    assert made["layers"].keys() == sizes.keys()
    for name, values in made["layers"].items():
        assert values == pytest.approx(np.quantile(everything[name], QUANTILES), rel=1e-3)


def test_a_reference_is_found_only_by_its_checkpoint(trained, made, tmp_path, capsys):
    run, _ = trained
    assert find_reference(run) is None
    file = save_reference(run, made)
    assert file == run.file.with_name("best.reference.json") and find_reference(run) == made
    other = open_run(answering(run.path, tmp_path / "best.safetensors", 0), np)
    reference_file(other.file).write_text(file.read_text())
    assert find_reference(other) is None and "another best.safetensors" in capsys.readouterr().err
    file.unlink()


def test_calibrate_writes_it(trained, capsys):
    run, data = trained
    assert main(["calibrate", str(run.path), "--risk", "1", "--json"]) == 0
    result, calibration, found = json.loads(capsys.readouterr().out), find_calibration(run), find_reference(run)
    assert found == make_reference(run, data, calibration, quiet=True)
    assert found["temperature"] == calibration.temperature
    assert result["reference"] == str(reference_file(run.file))
    for file in run.file.parent.glob("best.*.*"):
        file.unlink()


@pytest.mark.parametrize(
    "damage, words",
    [
        (lambda made: made | {"columns": made["columns"] | {"contrast": made["columns"]["contrast"][1:]}}, "lengths"),
        (lambda made: made | {"columns": {}}, "columns.brightness"),
        (lambda made: made | {"labels": [0.5]}, "labels[0]"),
        (lambda made: made | {"checkpoint": "x"}, "checkpoint"),
        (lambda made: [], "a list of 0"),
    ],
)
def test_a_damaged_file_is_told_in_one_line(trained, made, damage, words):
    run, _ = trained
    file = reference_file(run.file)
    file.write_text(json.dumps(damage(made)))
    try:
        refused(lambda: find_reference(run), file, words, error=UserError)
    finally:
        file.unlink()

"""Settings that change a run from within: where it starts, which layers learn how fast, what it sees, when it ends."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.checks import refused
from tests.runs.test_resume import EVERY_STEP, NEVER, Killed, assert_same, bits, dying
from tests.training.test_training import CLASSES, easy_dataset, tree
from tinyalex.data.loader import TrainingLoader
from tinyalex.data.part import take_parts
from tinyalex.errors import UserError
from tinyalex.models import find_model
from tinyalex.optim import initialise
from tinyalex.runs.checkpoint import load_checkpoint
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.trained import begin_with
from tinyalex.standin import xp as device
from tinyalex.training import trainer as training
from tinyalex.training.progress import Progress

TRAIN, VAL, STEPS = 24, 8, 3  # batches of 8


def start(path, dataset=None, model="alexnet-mini", **chosen):
    chosen = {"epochs": 2, "batch": 8, "lr": 0.01, "schedule": "constant"} | chosen
    config = Config.for_model(find_model(model), "easy", **chosen)
    return training.start(
        RunFolder.fresh(path, model), config, dataset or easy_dataset(TRAIN, VAL), np, "test", quiet=True
    )


def weights(trainer):
    return {name: p.copy() for name, p in trainer.network.params.items()}


def assert_alike(found, expected, names):
    for name in names:
        np.testing.assert_array_equal(found[name], expected[name], name)


def moved(before, after):
    """The layers of which some parameter differs."""
    return {name.split(".")[0] for name in before if (before[name] != after[name]).any()}


# ---------------------------------------------------------------------------------------------- --start-from


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A finished run on the four classes of the easy set."""
    trainer = start(tmp_path_factory.mktemp("runs") / "source", seed=5)
    trainer.train()
    return trainer.folder


def test_all_weights_for_the_same_classes(source, tmp_path):
    trainer, best = start(tmp_path / "run", start_from=str(source.path)), load_checkpoint(source.best).params
    assert_alike(weights(trainer), best, best)
    assert not any(v.any() for v in trainer.optimiser.velocity.values()), "begins at rest"


def test_from_a_single_file(source, tmp_path):
    trainer = start(tmp_path / "run", start_from=str(source.last))
    assert_alike(weights(trainer), load_checkpoint(source.last).params, trainer.network.params)


@pytest.mark.parametrize("class_ids", [CLASSES[:2], ("cat", "dog", "hen", "pig"), CLASSES[::-1]])
def test_a_fresh_last_layer_for_other_classes(source, tmp_path, class_ids):
    """Fewer, others, and the same in another order."""
    dataset = take_parts(easy_dataset(TRAIN, VAL), ["first-half"] if len(class_ids) == 2 else [])
    dataset = replace(dataset, class_ids=class_ids)
    trainer = start(tmp_path / "run", dataset, start_from=str(source.path), seed=3)
    fresh, best = start(tmp_path / "fresh", dataset, seed=3), load_checkpoint(source.best).params
    last = ["fc8.weight", "fc8.bias"]
    assert_alike(weights(trainer), weights(fresh), last)
    assert_alike(weights(trainer), best, best.keys() - set(last))


@pytest.mark.parametrize("up_to, taken", [("conv3", 3), ("pool5", 5), ("body", 7), ("fc8", 8)])
@pytest.mark.parametrize("class_ids", [CLASSES, CLASSES[::-1]])
def test_some_layers_from_there_and_the_others_anew(source, tmp_path, up_to, taken, class_ids):
    """The head of other classes is never taken."""
    dataset, best = replace(easy_dataset(TRAIN, VAL), class_ids=class_ids), load_checkpoint(source.best).params
    trainer = start(tmp_path / "run", dataset, start_from=str(source.path), start_up_to=up_to, seed=3)
    fresh = weights(start(tmp_path / "fresh", dataset, seed=3))
    layers = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    kept = layers[: taken if class_ids == CLASSES else min(taken, 7)]
    from_there = {name for name in best if name.split(".")[0] in kept}
    assert_alike(weights(trainer), best, from_there)
    assert_alike(weights(trainer), fresh, fresh.keys() - from_there)


def test_blocks_from_there_with_their_statistics(tmp_path):
    first = start(tmp_path / "first", model="resnet-mini", epochs=1)
    first.train()
    given = {"model": "resnet-mini", "start_from": str(first.folder.path), "start_up_to": "block2_1", "seed": 1}
    trainer, fresh = start(tmp_path / "run", **given), start(tmp_path / "fresh", model="resnet-mini", seed=1)
    for own, there, new in zip(*((t.network.params, t.network.state) for t in (trainer, first, fresh))):
        taken = {
            name
            for name in own
            if name.split(".")[0] in ("conv1", "bn1", "block1_1", "block1_2", "block1_3", "block2_1")
        }
        assert 0 < len(taken) < len(own)
        assert_alike(own, there, taken)
        assert_alike(own, new, own.keys() - taken)


def test_a_network_that_differs_only_behind_can_be_started_from(source, tmp_path):
    given = {"model": "alexnet-mini+no-conv4", "start_from": str(source.path)}
    trainer, best = start(tmp_path / "run", start_up_to="conv3", **given), load_checkpoint(source.best).params
    assert_alike(weights(trainer), best, [name for name in best if name.startswith(("conv1", "conv2", "conv3"))])
    larger = given | {"model": "alexnet-small"}
    refused(lambda: start(tmp_path / "bad", start_up_to="conv1", **larger), "conv1.weight has shape", error=UserError)
    refused(
        lambda: start(tmp_path / "bad", start_up_to="conv9", **given), "start_up_to: found", "'conv9'", error=UserError
    )


@pytest.mark.parametrize(
    "model, words",
    [
        ("alexnet-small", ["conv1.weight has shape (5, 5, 3, 24)", "expected (5, 5, 3, 48)"]),
        ("alexnet-mini+no-conv4", ["unknown conv4.bias, conv4.weight"]),
    ],
)
@pytest.mark.parametrize("parts", [[], ["second-half"]])
def test_another_network_is_refused(source, tmp_path, model, words, parts):
    dataset = take_parts(easy_dataset(TRAIN, VAL), parts)
    path, start_from = tmp_path / "run", str(source.path)
    refused(lambda: start(path, dataset, model, start_from=start_from), source.best, *words, error=UserError)
    assert tree(tmp_path / "run") is None


def test_nothing_to_start_from(source, tmp_path):
    for path, words in [(tmp_path / "none", "not found"), (tmp_path, "no config.json")]:
        refused(lambda: start(tmp_path / "run", start_from=str(path)), path, words, error=UserError)
    assert tree(tmp_path / "run") is None


def test_onto_the_device(source):
    network = find_model("alexnet-mini").build(4)
    network.map_arrays(device.asarray)
    begin_with(network, source.path, easy_dataset(TRAIN, VAL).class_ids, part=lambda arrays: arrays)
    best = load_checkpoint(source.best).params
    assert_alike({name: p.get() for name, p in network.params.items()}, best, best)


@pytest.mark.parametrize("call, save_seconds", [(2, NEVER), (STEPS + 2, NEVER), (2, EVERY_STEP)])
def test_a_start_that_is_interrupted(source, tmp_path, monkeypatch, call, save_seconds):
    """Before its first checkpoint the run begins once more where it began; after it, the other run is not needed."""
    first, chosen = tmp_path / "first", {"start_from": str(tmp_path / "first"), "layer_lr": "conv1:0:0"}
    shutil.copytree(source.path, first)
    alone = start(tmp_path / "alone", **chosen)
    alone.train()
    monkeypatch.setattr(training, "SAVE_SECONDS", save_seconds)
    trainer = start(tmp_path / "run", **chosen)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training, "training_step", dying(training.training_step, call, False))
        trainer.train()
    if trainer.folder.last.exists():
        shutil.rmtree(first)
    training.go_on(trainer.folder, easy_dataset(TRAIN, VAL), np, quiet=True).train()
    assert_same(trainer.folder.path, bits(alone.folder.path))


# ---------------------------------------------------------------------------------------------- --layer-lr


def test_a_layer_without_a_rate_keeps_its_weights(tmp_path):
    trainer = start(tmp_path / "run", layer_lr="conv1:0:0,fc8:0:0.5")
    before = weights(trainer)
    trainer.train()
    assert moved(before, weights(trainer)) == {"conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"}
    assert_alike(weights(trainer), before, ["conv1.weight", "conv1.bias"])  # to the bit: no decay either


def test_a_factor_is_a_factor_on_the_step(tmp_path):
    """One update each, from the same weights with the same gradient."""
    steps = []
    for number, layer_lr in enumerate(("", "fc7:0:0.25,conv3:0:3")):
        trainer = start(tmp_path / str(number), layer_lr=layer_lr, batch=TRAIN, epochs=1, bias_lr=2.0)
        before = weights(trainer)
        trainer.train()
        steps.append({name: p - before[name] for name, p in trainer.network.params.items()})
    for name in steps[0]:
        factor = {"fc7": 0.25, "conv3": 3.0}.get(name.split(".")[0], 1.0)
        np.testing.assert_allclose(steps[1][name], factor * steps[0][name], rtol=1e-3, atol=1e-7, err_msg=name)


def test_factors_of_layers_and_of_biases_multiply(tmp_path):
    trainer = start(tmp_path / "run", layer_lr="fc7:0:0.5,fc7:1:0", bias_lr=4.0)
    for epoch, factor in ((0, 0.5), (1, 0.0), (0, 0.5)):
        trainer.set_factors(epoch)
        factors = trainer.optimiser.lr_factors
        assert (factors["fc7.weight"], factors["fc7.bias"], factors["fc6.bias"]) == (factor, 4 * factor, 4.0)
        assert "fc6.weight" not in factors


def test_a_layer_stops_when_its_epoch_comes(tmp_path):
    trainer, seen = start(tmp_path / "run", layer_lr="conv2:1:0", momentum=0.0, epochs=3), []
    finish, before = trainer._finish_epoch, weights(trainer)
    trainer._finish_epoch = lambda: (seen.append(weights(trainer)), finish())
    trainer.train()
    assert "conv2" in moved(before, seen[0]) and moved(seen[0], seen[1]) == moved(seen[1], seen[2])
    assert moved(seen[1], seen[2]) == {"conv1", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"}


@pytest.mark.parametrize(
    "call, after, save_seconds",
    [
        (STEPS, True, EVERY_STEP),
        (STEPS + 1, False, EVERY_STEP),
        (STEPS + 2, True, EVERY_STEP),
        (STEPS + 2, False, NEVER),
    ],
)
def test_resumed_across_the_epoch_of_the_change(tmp_path, monkeypatch, call, after, save_seconds):
    """And of the colours, which end with the same epoch: bit for bit, wherever the run was killed."""
    chosen = {"layer_lr": "conv1:1:0.1,fc8:1:0", "color_epochs": 1, "bias_lr": 2.0, "crop_run": 4}
    chosen |= {"label_smoothing": 0.1, "mixup": 0.4, "cutmix": 1.0}
    alone = start(tmp_path / "alone", **chosen)
    alone.train()
    monkeypatch.setattr(training, "SAVE_SECONDS", save_seconds)
    trainer = start(tmp_path / "run", **chosen)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training, "training_step", dying(training.training_step, call, after))
        trainer.train()
    training.go_on(trainer.folder, easy_dataset(TRAIN, VAL), np, quiet=True).train()
    assert_same(trainer.folder.path, bits(alone.folder.path))


def test_the_change_makes_a_difference(tmp_path):
    """Else the test before this one could not fail."""
    plain = start(tmp_path / "plain")
    plain.train()
    for number, chosen in enumerate(
        (
            {"layer_lr": "conv1:1:0.1"},
            {"color_epochs": 1},
            {"crop_run": 4},
            {"bias_lr": 2.0},
            {"label_smoothing": 0.1},
            {"mixup": 0.4},
            {"cutmix": 1.0},
        )
    ):
        trainer = start(tmp_path / str(number), **chosen)
        trainer.train()
        assert moved(weights(plain), weights(trainer)), chosen


# ---------------------------------------------------------------------------------------------- what it sees


@pytest.mark.parametrize(
    "chosen, expected",
    [
        ({}, [True] * 3),
        ({"color_epochs": 2}, [True, True, False]),
        ({"color_epochs": 9}, [True] * 3),
        ({"color": False, "color_epochs": 2}, [False] * 3),
    ],
)
def test_colours_end_after_some_epochs(tmp_path, monkeypatch, chosen, expected):
    asked, epoch = [], TrainingLoader.epoch
    monkeypatch.setattr(
        TrainingLoader, "epoch", lambda *args, **changes: asked.append(changes) or epoch(*args, **changes)
    )
    start(tmp_path / "run", epochs=3, **chosen).train()
    assert asked == [{"color": shifted} for shifted in expected]


def test_without_colours_the_pictures_are_those_of_a_run_that_never_had_any(tmp_path):
    ends, never = start(tmp_path / "ends", color_epochs=1).loader, start(tmp_path / "never", color=False).loader
    for (_, x, _), (_, y, _), (_, z, _) in zip(ends.epoch(1, color=False), never.epoch(1), ends.epoch(1)):
        np.testing.assert_array_equal(x, y)
        assert (x != z).any()


def test_runs_of_pictures_reach_the_loader(tmp_path):
    assert start(tmp_path / "run", crop_run=4).loader.augment == {
        "crops": True,
        "mirror": True,
        "color": True,
        "run": 4,
    }


# ---------------------------------------------------------------------------------------------- --bias-init


@pytest.mark.parametrize(
    "chosen, first",
    [({}, 0.0), ({"bias_init": 0.5}, 0.5), ({"init": "paper"}, 1.0), ({"init": "paper", "bias_init": 0.0}, 0.0)],
)
def test_first_biases(tmp_path, chosen, first):
    trainer = start(tmp_path / "run", seed=3, **chosen)
    expected = find_model("alexnet-mini").build(4)
    initialise(expected, chosen.get("init", "he"), 3, find_model("alexnet-mini").input_rms, first)
    assert_alike(trainer.network.params, expected.params, expected.params)
    assert (trainer.network.params["fc7.bias"] == first).all() and trainer.config.bias_init == first


# ---------------------------------------------------------------------------------------------- --until-error


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    """The training error of each of four epochs."""
    trainer = start(tmp_path_factory.mktemp("runs") / "whole", epochs=4, lr=0.03)
    assert trainer.train()["epochs"] == 4
    return [line["train_top1_error"] for line in trainer.folder.read_metrics("epoch")]


def test_ends_with_the_first_epoch_that_is_good_enough(errors, tmp_path):
    for number, enough in enumerate({*errors, max(errors) + 0.01, min(errors) - 0.01} - {0.0}):
        first = next((epoch for epoch, error in enumerate(errors, 1) if error <= enough), 4)
        trainer = start(tmp_path / str(number), epochs=4, lr=0.03, until_error=enough)
        assert not trainer.finished(), "before it began"
        result = trainer.train()
        assert result["epochs"] == first and trainer.finished(), (enough, errors)
        assert [line["train_top1_error"] for line in trainer.folder.read_metrics("epoch")] == errors[:first]


def test_a_run_that_ended_early_has_ended(tmp_path):
    trainer = start(tmp_path / "run", until_error=0.999)
    trainer.train()
    before = bits(trainer.folder.path)
    again = training.go_on(trainer.folder, easy_dataset(TRAIN, VAL), np, quiet=True)
    assert again.finished() and again.train()["epochs"] == 1
    assert_same(trainer.folder.path, before)


def test_no_error_is_low_enough_where_none_was_asked_for(tmp_path):
    trainer = start(tmp_path / "run")
    trainer.progress = Progress(epoch=1, history=[{"train_top1_error": 0.0}])
    assert not trainer.finished()


# ---------------------------------------------------------------------------------------------- --patience


@pytest.mark.parametrize(
    "errors, patience, ends",
    [
        ([0.5, 0.6], 1, True),
        ([0.5, 0.5], 1, True),  # as good is not better
        ([0.5, 0.4], 1, False),
        ([0.5, 0.6, 0.55, 0.51], 3, True),
        ([0.5, 0.6, 0.55], 3, False),
        ([0.6, 0.5, 0.55, 0.4, 0.6], 2, False),
        ([0.5, 0.6, 0.7, 0.8], 0, False),
        ([], 1, False),
    ],
)
def test_patience_counts_epochs_without_a_better_one(tmp_path, errors, patience, ends):
    trainer = start(tmp_path / "run", epochs=9, patience=patience)
    lines = [{"epoch": n, "train_top1_error": 0.9, "val_top1_error": error} for n, error in enumerate(errors, 1)]
    trainer.progress = Progress(epoch=len(errors), history=lines)
    assert trainer.finished() == ends and ("without a lower top-1" in trainer.ended()) == ends


def test_a_run_that_learns_nothing_ends_early_and_says_why(tmp_path, capsys):
    trainer = start(tmp_path / "run", epochs=5, patience=2, lr=1e-9)
    trainer.quiet = False
    assert trainer.train()["epochs"] == 3 == len(trainer.folder.read_metrics("epoch"))
    assert "ended early: 2 epochs without a lower top-1 validation error" in capsys.readouterr().err


def test_runs_of_versions_without_patience_load():
    values = Config.for_model(find_model("alexnet-mini"), "easy").to_dict()
    del values["patience"]
    assert Config.from_dict(values, "config.json").patience == 0

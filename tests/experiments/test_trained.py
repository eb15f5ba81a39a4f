"""Numbers read off runs, against counting by hand."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.tiny_runs import train_mini
from tests.training.test_training import write_easy
from tinyalex.data import Split, open_dataset
from tinyalex.evaluation import evaluate, probabilities
from tinyalex.experiments import trained as numbers
from tinyalex.experiments.trained import Trained
from tinyalex.inspection.features import activations
from tinyalex.inspection.linear import linear_answers
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.trained import load_network
from tinyalex.training.trainer import Trainer


def with_history(*train_errors, val=None):
    lines = [{"train_top1_error": t, "val_top1_error": v} for t, v in zip(train_errors, val or train_errors)]
    return SimpleNamespace(history=lines, diverged=False)


@pytest.mark.parametrize(
    "errors, epochs",
    [
        ((0.5, 0.25), 2.0),
        ((0.5, 0.35, 0.15), 2.5),
        ((0.25, 0.1), 1.0),
        ((0.5, 0.3, 0.2, 0.1), 2.5),
        ((0.2,), 0.9375),
        ((0.9, 0.8), math.inf),
        ((), math.inf),
    ],
)
def test_epochs_to_an_error(errors, epochs):
    assert numbers.epochs_to(with_history(*errors), 0.25) == pytest.approx(epochs)


def test_a_diverged_run_never_gets_there():
    run = with_history(0.5, 0.1)
    run.diverged = True
    assert numbers.epochs_to(run, 0.25) == math.inf


@pytest.mark.parametrize("errors, epoch", [((0.5, 0.31, 0.30, 0.29), 2), ((0.5, 0.311, 0.29, 0.4), 3), ((0.2,), 1)])
def test_epochs_to_converge(errors, epoch):
    assert numbers.epochs_to_converge(with_history(*errors)) == epoch


def test_the_early_loss_averages_all_epochs():
    run = SimpleNamespace(history=[{"train_loss": loss} for loss in (3.0, 2.0, 0.4)])
    assert numbers.early_loss(run) == pytest.approx(1.8)


def test_the_training_loss_is_the_last_epochs():
    assert numbers.training_loss(SimpleNamespace(history=[{"train_loss": 3.0}, {"train_loss": 0.4}])) == 0.4


def test_a_diverged_run_guesses():
    dataset = SimpleNamespace(class_ids="abcde")
    run = SimpleNamespace(diverged=True, dataset=dataset, errors={"top1_error": 0.1})
    assert numbers.top1_or_chance(run) == pytest.approx(0.8)
    run.diverged = False
    assert numbers.top1_or_chance(run) == 0.1


@pytest.mark.parametrize(
    "layers, epoch, norm", [("b1_", 1, 5.0), ("b1_", -1, 2.0), (r"b\d", -1, 10**0.5), ("x", 1, None)]
)
def test_gradient_norms_of_some_layers_in_one_epoch(layers, epoch, norm):
    """Root mean squares: of 1 and 7 in the first epoch; of 2 alone, and of 2 and 4 with other layers, in the last."""
    lines = [(1, {"b1_x": 1.0, "b2_x": 9.0}), (1, {"b1_x": 7.0, "total": 9.0}), (2, {"b1_x": 2.0, "b2_x": 4.0})]
    steps = [{"epoch": number, "health": {"gradient_norm": norms}} for number, norms in lines]
    found = numbers.gradient_norm(SimpleNamespace(history=[{}, {}], steps=steps), layers, epoch)
    assert math.isnan(found) if norm is None else found == pytest.approx(norm)


def test_gradient_norms_of_a_run(runs):
    """Every epoch has a logged step, and norms at the front and the back of the network."""
    _, (one, _) = runs
    for epoch in range(1, len(one.history) + 1):
        assert numbers.gradient_norm(one, "conv1", epoch) > 0 and numbers.gradient_norm(one, "fc8", epoch) > 0
    assert numbers.gradient_norm(one, "fc8", -1) == numbers.gradient_norm(one, "fc8", len(one.history))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """(dataset, two `Trained` that differ only in their seed)."""
    folder = tmp_path_factory.mktemp("trained")
    data = write_easy(folder / "data", 48, 30)
    dataset = open_dataset(data)
    return dataset, [Trained(train_mini(folder / f"run{seed}", data, seed=seed), dataset, np) for seed in (0, 1)]


def test_errors_are_the_last_epochs(runs):
    dataset, (one, _) = runs
    network, view, _, _ = load_network(one.folder.last, np)
    at_last = evaluate(network, dataset.val, view, np, quiet=True)
    assert numbers.top1(one) == pytest.approx(at_last.top1_error)
    on_training = evaluate(network, dataset.train, view, np, quiet=True).top1_error
    assert numbers.training_error(one) == on_training
    assert numbers.overfitting(one) == pytest.approx(at_last.top1_error - on_training)
    ten = probabilities(network, dataset.val.gather(range(30)), view, ten_crop=True)
    assert numbers.ten_crop_error(one) == pytest.approx((ten.argmax(axis=1) != dataset.val.labels).mean())


def test_top_5_of_few_classes_is_no_number(runs):
    dataset, (one, _) = runs
    for quantity in (
        numbers.top5,
        lambda run: numbers.ten_crop_error(run, 5),
        lambda run: numbers.ensemble_error([run], 5),
    ):
        assert math.isnan(quantity(one))
    six, last = replace(dataset, class_ids=tuple("abcdef")), {"val_top1_error": 0.5, "val_top5_error": 0.25}
    run = Trained(one.folder.path, six, np)
    run.history = [last]
    assert numbers.top5(run) == 0.25
    for quantity, k in ((numbers.ten_crop_error, 5), (lambda run, k: numbers.ensemble_error([run], k), 5)):
        p, few = np.eye(6)[[0, 1, 2]] - np.eye(6)[[3, 4, 5]], SimpleNamespace(labels=np.arange(3, 6))
        assert quantity(SimpleNamespace(ten_crops=p, probabilities=p, judged=few), k) == 1, "the last of six"


def test_errors_of_more_pictures_than_validation_has(runs):
    """Of validation's and of those that training left out, each picture counting once."""
    dataset, (one, _) = runs
    left = dataset.train.gather(range(10))
    judged = Split((*dataset.val.shards, left), np.concatenate([dataset.val.labels, dataset.train.labels[:10]]))
    more = Trained(one.folder.path, dataset, np, judged)
    network, view, _, _ = load_network(one.folder.last, np)
    pictures = np.concatenate([dataset.val.gather(range(len(dataset.val))), left])
    for ten, error in ((False, numbers.top1(more)), (True, numbers.ten_crop_error(more))):
        p = probabilities(network, pictures, view, ten_crop=ten)
        assert error == pytest.approx((p.argmax(axis=1) != judged.labels).mean())
    assert numbers.overfitting(more) == numbers.top1(more) - one.training_error
    assert numbers.ensemble_error([more]) == numbers.top1(more) and more.history == one.history


def test_the_ensemble_averages_probabilities(runs):
    dataset, pair = runs
    averaged = (pair[0].probabilities + pair[1].probabilities) / 2
    assert numbers.ensemble_error(pair) == pytest.approx((averaged.argmax(axis=1) != dataset.val.labels).mean())
    # the nets differ in their scores, so averaging their answers, or taking one of them, would give another number
    assert np.abs(pair[0].probabilities - pair[1].probabilities).max() > 1e-3


@pytest.mark.parametrize("space", ["pixels", "fc7"])
def test_purity_by_loops(runs, space):
    """With labels unrelated to the pictures; otherwise all neighbours would share a class in both spaces."""
    dataset, (one, _) = runs
    labels = np.random.default_rng(0).permutation(dataset.val.labels)
    network, view, _, _ = load_network(one.folder.last, np)

    def points(split):
        pictures = split.gather(range(len(split)))
        x = pictures if space == "pixels" else activations(network, view.centre(pictures))["relu7"]
        return x.astype(float).reshape(len(split), -1)

    train, shares = points(dataset.train), []
    for x, label in zip(points(dataset.val), labels):
        order = np.argsort(((train - x) ** 2).sum(axis=1), kind="stable")[:6]
        shares.append((dataset.train.labels[order] == label).mean())
    shuffled = replace(dataset, val=Split(dataset.val.shards, labels))
    assert 0 < np.mean(shares) < 1
    assert Trained(one.folder.path, shuffled, np).purity(space) == pytest.approx(np.mean(shares))


def test_purity_without_fc7_and_with_few_pictures(tmp_path):
    data = write_easy(tmp_path / "data", 5, 8)
    run = train_mini(tmp_path / "run", data, "alexnet-mini+four-layer")
    few = Trained(run, open_dataset(data), np)
    assert few.purity("fc7") == few.purity("pixels") == pytest.approx(0.25), "all five pictures are neighbours"


@pytest.mark.parametrize("layer", ["pool1", "relu7"])
def test_linear_errors_on_other_pictures(runs, tmp_path, layer):
    """By the network's weights, and by those with which its run began; each worked out once."""
    dataset, (one, _) = runs
    few = open_dataset(write_easy(tmp_path / "data", 20, 40))
    network, view, _, _ = load_network(one.folder.last, np)
    config = one.folder.settings()
    untrained = Trainer(RunFolder(tmp_path / "none"), config, dataset, np, quiet=True).network
    for net, random in ((network, False), (untrained, True)):
        x, queries = (
            activations(net, view.centre(split.gather(range(len(split)))))[layer].reshape(len(split), -1)
            for split in (few.train, few.val)
        )
        wrong = linear_answers(x, few.train.labels, queries, len(few.class_ids)) != few.val.labels
        assert one.linear_error(few, layer, random) == pytest.approx(wrong.mean())
    assert one.linear_error(few, layer) != one.linear_error(few, layer, True) or layer == "pool1"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbers, "features_of", None)
        assert one.linear_error(few, layer) == one.linear_error(open_dataset(few.name), layer)


def test_first_weights_are_of_the_runs_own_seed(runs):
    _, (one, other) = runs
    first = [numbers._first(run.folder.last, np)[0].params["conv1.weight"] for run in (one, other)]
    assert (first[0] != first[1]).any()
    assert (first[0] != load_network(one.folder.last, np)[0].params["conv1.weight"]).any()


def test_towers_that_share_out_colour(runs, monkeypatch):
    """Grey kernels in the first half, coloured ones in the second: as far apart as possible, unlike random halves."""
    _, (one, _) = runs
    weight = np.ones((3, 3, 3, 8), np.float32)
    weight[:, :, 0, 4:], weight[:, :, 1, 4:], weight[:, :, 2, 4:] = 1, -1, 0
    fake = SimpleNamespace(params={"conv1.weight": weight})
    monkeypatch.setattr(numbers, "_load", lambda file, xp: (fake, None))
    one.__dict__.pop("tower_colour", None)
    apart, by_chance = one.tower_colour
    # over the 70 halves of 4 and 4 kernels: E|difference| = Σ C(4, k)² |2k − 4| / 4 / 70
    expected = sum(math.comb(4, k) ** 2 * abs(2 * k - 4) / 4 for k in range(5)) / 70
    assert apart == pytest.approx(1) and by_chance == pytest.approx(expected, abs=0.03)
    one.__dict__.pop("tower_colour")

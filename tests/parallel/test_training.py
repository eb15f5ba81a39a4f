"""A run by several workers, as threads: each reads its own pictures, one writes, and it ends where one process does."""

import threading
from collections import Counter
from functools import partial

import numpy as np
import pytest

from tests.checks import agree, agree_all, edited
from tests.training.test_training import config, easy_dataset
from tinyalex.backend import random_stream
from tinyalex.data.augment import View
from tinyalex.data.dataset import Split
from tinyalex.errors import UserError
from tinyalex.models import find_model
from tinyalex.parallel import run_threads, split_network
from tinyalex.parallel.part import Part, class_probabilities, folder_of
from tinyalex.parallel.shares import Share, SharedDraws, shares
from tinyalex.runs.checkpoint import load_checkpoint
from tinyalex.runs.folder import RunFolder
from tinyalex.summary import summarise
from tinyalex.training import trainer as training
from tinyalex.training.memory import training_bytes
from tinyalex.training.whole import Whole

MODEL = "alexnet-mini+two-towers"


def settings(**chosen):
    return config(batch=16, **chosen).to_dict() | {"model": MODEL}


def trained(path, dataset, form=None, size=1, **chosen):
    """Runs a run to its end; what every worker's trainer and result were."""

    def work(team):
        trainer = begun(path, dataset, form, team, **chosen)
        return trainer, trainer.train()

    return run_threads(size, work)


def begun(path, dataset, form, team, **chosen):
    """A worker's trainer of a new run; a UserError on any worker is raised on all, before anything is written."""

    def prepare():
        trainer = training.Trainer(
            folder_of(path, team), type(config())(**settings(**chosen)), dataset, np, True, whole_of(form, team)
        )
        trainer.begin()
        return trainer

    trainer = team.all_do(prepare)
    trainer.write_settings("test")
    return trainer


def whole_of(form, team):
    return partial(Part, form, team) if form else Whole


class Reading(Split):
    """A split that remembers who has read what."""

    def gather(self, indices):
        READ.append((threading.current_thread().name, list(indices)))
        return super().gather(indices)


READ = []


@pytest.mark.parametrize("form, size", [("data", 3), ("hybrid", 2), ("towers", 2)])
def test_the_same_run(form, size, tmp_path):
    dataset = easy_dataset(36, 10)  # batches of 16, 16 and 4
    ((alone, expected),) = trained(tmp_path / "alone", dataset)
    answers = trained(tmp_path / "team", dataset, form, size)
    for trainer, result in answers:
        assert (result["parallel"], result["workers"]) == (form, size)
        assert not {
            label for label in result["sent_per_picture"] if not label.endswith(("gradients", "forward", "backward"))
        }
        for ours, theirs in zip(trainer.progress.history, alone.progress.history, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-3)
    assert [trainer.folder.path for trainer, _ in answers] == [tmp_path / "team"] * size
    found, right = (load_checkpoint(tmp_path / name / "last.safetensors") for name in ("team", "alone"))
    for params, others in ((found.params, right.params), (found.velocity, right.velocity)):
        for name, p in others.items():
            agree(params[name] / np.abs(p).max(), p / np.abs(p).max(), name, rtol=0, atol=2e-4)
    steps, epochs = (
        [line["kind"] for line in RunFolder(tmp_path / "team").read_metrics(kind)] for kind in ("step", "epoch")
    )
    assert len(epochs) == 2 and len(steps) == 3  # written once, after every second step


@pytest.mark.parametrize("form, size", [("data", 3), ("hybrid", 2), ("towers", 2)])
def test_the_same_run_whatever_the_settings(form, size, tmp_path):
    dataset = easy_dataset(36, 10)
    chosen = dict(
        crop_run=4,
        bias_lr=2.0,
        bias_decay=False,
        weight_decay=0.1,
        momentum=0.8,
        layer_lr="conv1:0:0.1,fc6:0:3",
        init="paper",
        bias_init=1.0,
        lr=0.02,
        schedule="plateau:1",
        until_error=0.99,
        label_smoothing=0.2,
        mixup=0.4,
        cutmix=1.0,
        ema=0.7,
    )
    trained(tmp_path / "alone", dataset, **chosen), trained(tmp_path / "team", dataset, form, size, **chosen)
    found, right = (load_checkpoint(tmp_path / name / "last.safetensors") for name in ("team", "alone"))
    assert found.info["state"]["epoch"] == right.info["state"]["epoch"] == 1  # not the second one
    for params, others in ((found.params, right.params), (found.velocity, right.velocity)):
        for name, p in others.items():
            agree(params[name] / np.abs(p).max(), p / np.abs(p).max(), name, rtol=0, atol=1e-4)


@pytest.mark.parametrize("form, size", [("data", 3), ("hybrid", 2), ("towers", 2)])
def test_what_a_worker_takes(form, size, tmp_path):
    dataset, model = easy_dataset(36, 10), find_model(MODEL)
    rows = summarise(model.build(4))

    def work(team):
        trainer = begun(tmp_path / "run", dataset, form, team)
        return trainer.memory_bytes, sum(p.size for p in trainer.network.params.values()), team.local_size

    for estimate, held, together in run_threads(size, work):
        assert estimate == training_bytes(rows, -(-16 // size), (56, 56, 3), held) and together == size


def test_nothing_is_read_twice(tmp_path):
    dataset = easy_dataset(36, 10)
    object.__setattr__(dataset, "train", Reading(dataset.train.shards, dataset.train.labels))
    READ.clear()
    trained(tmp_path / "run", dataset, "data", 3, epochs=1)
    indices = [index for _, some in READ for index in some]
    assert sorted(indices) == list(range(36))
    assert sorted(len(some) for _, some in READ) == sorted([6, 5, 5] * 2 + [2, 1, 1])


@pytest.mark.parametrize(
    "before, after", [(("data", 3), ("towers", 2)), (("towers", 2), ("data", 1)), (("hybrid", 2), (None, 1))]
)
def test_taken_up_by_others(before, after, tmp_path, monkeypatch):
    """Stopped within an epoch by one team, resumed by another: an ordinary checkpoint lies between them."""
    dataset = easy_dataset(36, 10)
    ((alone, _),) = trained(tmp_path / "alone", dataset)
    step, taken = training.training_step, Counter()

    def and_stop(*given):
        taken[threading.current_thread().name] += 1
        stop.asked = taken[threading.current_thread().name] == 2
        return step(*given)

    class stop:
        asked = False

    def begin(team):
        trainer = begun(tmp_path / "run", dataset, before[0], team)
        with pytest.raises(training.Stopped):
            trainer.train(stop)

    with monkeypatch.context() as patch:
        patch.setattr(training, "training_step", and_stop)
        run_threads(before[1], begin)
    kept = load_checkpoint(tmp_path / "run" / "last.safetensors")
    assert kept.info["state"]["step"] == 2 and {n: p.shape for n, p in kept.params.items()} == {
        n: p.shape for n, p in find_model(MODEL).build(4).params.items()
    }

    def go_on(team):
        return training.go_on(folder_of(tmp_path / "run", team), dataset, np, True, whole_of(after[0], team)).train()

    run_threads(after[1], go_on)
    found, right = (load_checkpoint(tmp_path / name / "last.safetensors") for name in ("run", "alone"))
    for name, p in right.params.items():
        agree(found.params[name] / np.abs(p).max(), p / np.abs(p).max(), name, rtol=0, atol=2e-4)


def test_start_from_by_a_team(tmp_path):
    dataset = easy_dataset(36, 10)
    trained(tmp_path / "source", dataset, epochs=1)

    def work(team):
        trainer = begun(tmp_path / "run", dataset, "towers", team, start_from=str(tmp_path / "source"))
        return trainer.network.joined(trainer.network.params)

    expected = load_checkpoint(tmp_path / "source" / "best.safetensors").params
    for params in run_threads(2, work):
        agree_all(params, expected, "begun with", exact=True)


def test_nothing_is_written_where_one_cannot_begin(tmp_path, monkeypatch):
    """The last worker's memory is too small."""
    monkeypatch.setattr(
        "tinyalex.training.memory.memory_available",
        lambda xp: 0 if threading.current_thread().name == "tinyalex-2" else None,
    )
    with pytest.raises(UserError, match="batch: rank 2 of 3: found 16: training"):
        trained(tmp_path / "run", easy_dataset(36, 10), "data", 3)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("form, size", [("data", 3), ("hybrid", 3), ("towers", 2)])
@pytest.mark.parametrize("ten_crop", [False, True])
def test_evaluation_is_shared_out(form, size, ten_crop, monkeypatch):
    from tinyalex import evaluation

    monkeypatch.setattr(
        evaluation, "PICTURES_AT_ONCE", 40
    )  # 4 or 40 a worker: the last batch leaves some without a picture
    dataset, model = easy_dataset(16, 13), find_model(MODEL)
    network, view = model.build(4), View.of(dataset, model)
    expected = evaluation.class_probabilities(network, dataset.val, view, np, ten_crop, quiet=True)
    looks = Reading(dataset.val.shards, dataset.val.labels)
    READ.clear()

    def work(team):
        return class_probabilities(split_network(form, network, team), looks, view, np, ten_crop, quiet=True)

    for p in run_threads(size, work):
        agree(p, expected, "probabilities", rtol=1e-4, atol=1e-6)
    assert sorted(index for _, some in READ for index in some) == sorted(
        list(range(13)) * (2 if form == "towers" else 1)
    )


# ---------------------------------------------------------------------------------------------- shares


def test_shares():
    assert [len(share) for share in shares(7, 3)] == [3, 2, 2] and [len(share) for share in shares(2, 3)] == [1, 1, 0]
    for count in range(20):
        for workers in (1, 2, 3, 4, 7):
            runs = shares(count, workers)
            assert [i for share in runs for i in range(share.start, share.stop)] == list(range(count))
            assert max(map(len, runs)) - min(map(len, runs)) <= 1 and sorted(map(len, runs))[::-1] == list(
                map(len, runs)
            )


@pytest.mark.parametrize("axis, shape", [(0, (3, 5)), (1, (4, 3))])
def test_draws_are_those_of_the_whole(axis, shape):
    share = Share(2, 5, 9)
    draws = SharedDraws(random_stream(1), share, axis)
    rng, whole = random_stream(1), tuple(9 if a == axis else n for a, n in enumerate(shape))
    for _ in range(2):
        expected = rng.random(whole, dtype=np.float32)[(slice(None),) * axis + (share.run,)]
        agree(draws.random(shape, np.float32), expected, "draws", exact=True)


@pytest.mark.parametrize("run", [1, 4])
def test_pictures_are_seen_as_among_all(run):
    view = View.of(easy_dataset(16, 4), find_model(MODEL))
    pictures = np.random.default_rng(0).integers(0, 256, (10, 64, 64, 3), np.uint8)
    whole, looks = (
        view.random(pictures, np.random.default_rng(1), run=run),
        view.draw(10, np.random.default_rng(1), run=run),
    )

    def check(part_of):
        parts = [view.apply(pictures[share.run], part_of(looks, share)) for share in shares(10, 3)]
        agree(np.concatenate(parts), whole, "pictures", exact=True)

    check(lambda looks, share: looks[share.run])
    with pytest.raises(AssertionError):
        check(lambda looks, share: looks[: len(share)])  # every worker the first ones
    everything = edited(SharedDraws, "self.share.run", "slice(None)")(random_stream(1), Share(0, 2, 4), 0)
    assert everything.random((2, 3), np.float32).shape == (4, 3)

"""The range test finds a rate that trains, and leaves no trace; the first batch is drawn as the network sees it."""

import json
import math
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.checks import refused
from tests.test_cli import call, json_of
from tests.training.test_training import easy_dataset, start, write_easy
from tinyalex import plots
from tinyalex.commands import rehearsal
from tinyalex.data import open_dataset
from tinyalex.data.augment import View
from tinyalex.data.mixing import MixedLabels
from tinyalex.errors import UserError
from tinyalex.inspection.galleries import words
from tinyalex.models import find_model
from tinyalex.runs.folder import RunFolder
from tinyalex.training.rates import find_rate, smoothed, suggest
from tinyalex.training.settings import choose_settings
from tinyalex.training.trainer import Trainer


def fresh(dataset=None, **chosen):
    settings = {"model": "alexnet-mini", "batch": 8} | chosen
    return Trainer(RunFolder("nowhere"), choose_settings("easy", **settings), dataset or easy_dataset(), np, quiet=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_easy(tmp_path_factory.mktemp("data") / "easy", 40, 12)


# ---------------------------------------------------------------------------------------------- the numbers


def test_smoothed():
    """By the definition: weights 0.9 to the power of the age, which add up to 1."""
    losses = [3.0, 1.0, 2.0, 5.0]
    for count, found in enumerate(smoothed(losses), 1):
        weights = [0.9**age for age in reversed(range(count))]
        assert found == pytest.approx(sum(w * x for w, x in zip(weights, losses)) / sum(weights))


@pytest.mark.parametrize(
    "smooth, suggestion",
    [
        ([3.0, 2.9, 2.5, 2.7, 9.0], 0.025),  # a quarter of the third rate
        ([3.0, 2.9, 2.5, 2.7, 2.4], 2.5),
        ([3.0, 2.99, 2.98, 3.2, 9.0], None),  # less than 1 % below its start
        ([3.0], None),
        ([3.0, 3.1, 3.2], None),
    ],
)
def test_suggest(smooth, suggestion):
    assert suggest([0.001, 0.01, 0.1, 1.0, 10.0][: len(smooth)], smooth) == suggestion


def test_two_digits():
    assert suggest([0.1, 0.123456], [3.0, 1.0]) == 0.031 and suggest([0.1, 9.876], [3.0, 1.0]) == 2.5


def test_pictures_known_by_heart_tell_nothing_of_higher_rates():
    """The loss lies flat near 0 from the third rate on; its very lowest point is chance."""
    assert suggest([0.001, 0.004, 0.02, 0.2, 0.9], [0.7, 0.5, 0.03, 0.002, 0.001]) == 0.005
    assert suggest([0.001, 0.004, 0.02, 0.2, 0.9], [0.7, 0.5, 0.04, 0.03, 0.6]) == 0.05


# ---------------------------------------------------------------------------------------------- the test


def test_find_rate():
    """The loss falls, then diverges; the test has ended there, long before the highest rate."""
    found = find_rate(fresh(), steps=120)
    assert len(found.rates) == len(found.losses) == len(found.smooth) < 120 and math.isfinite(found.losses[-1])
    ratios = np.diff(np.log(found.rates))
    assert found.rates[0] == pytest.approx(1e-5) and ratios == pytest.approx(np.full(len(ratios), ratios[0]))
    assert found.losses[0] == pytest.approx(math.log(4), rel=0.1) and min(found.smooth) < 0.9 * found.smooth[0]
    assert 0.02 / 10 < found.suggestion < 0.02 * 5


def test_the_suggestion_trains(tmp_path):
    rate = find_rate(fresh(model="alexnet-small"), steps=120).suggestion
    trainer = start(tmp_path / "run", lr=rate, epochs=8)
    trainer.train()
    losses = [line["train_loss"] for line in trainer.folder.read_metrics("epoch")]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("high", [10.0, 1e6])
def test_nothing_is_changed(tmp_path, monkeypatch, high):
    """Also if the loss becomes infinite on the way."""
    monkeypatch.chdir(tmp_path)
    trainer, untouched = fresh(), fresh()
    found = find_rate(trainer, steps=20, high=high)
    assert not list(tmp_path.iterdir()) and all(map(math.isfinite, found.losses))
    for group in (lambda t: t.network.params, lambda t: t.network.state, lambda t: t.optimiser.velocity):
        for name, array in group(trainer).items():
            np.testing.assert_array_equal(array, group(untouched)[name])
    assert trainer.loss.take() == (0.0, 0, 0) and trainer.progress == untouched.progress
    assert find_rate(trainer, steps=20, high=high) == found


def test_a_loss_that_never_was_a_number():
    trainer = fresh()
    next(iter(trainer.network.params.values()))[...] = np.nan
    refused(lambda: find_rate(trainer, steps=5), "first step", error=UserError)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["alexnet-mini", "alexnet-mini+no-dropout"])
def test_on_the_built_in_pictures(model):
    """Near the rate that alexnet-mini is known to train well with. Without dropout the loss is lowest much earlier."""
    trainer = fresh(open_dataset("builtin", quiet=True), model=model, batch=64)
    assert 1 / 4 < find_rate(trainer).suggestion / find_model("alexnet-mini").lr < 4


# ---------------------------------------------------------------------------------------------- the first batch


def test_the_first_batch_is_what_the_first_step_sees():
    """Pixels back from the network's input: cropped, mirrored and shifted as drawn for it."""
    trainer = fresh(color=False)
    pictures, labels = trainer.loader.first_batch()
    _, x, expected_labels = next(trainer.loader.epoch(0))
    np.testing.assert_array_equal(labels, expected_labels)
    dataset, (tops, lefts) = trainer.dataset, ([], [])
    places = [(top, left, flip) for top in range(9) for left in range(9) for flip in (1, -1)]
    for picture, seen in zip(pictures, x):
        originals = [
            (n, top, left, flip)
            for n in range(48)
            for top, left, flip in places
            if (dataset.train.shards[0][n, top : top + 56, left : left + 56][0, ::flip][:3] == picture[0, :3]).all()
        ]
        ((n, top, left, flip),) = originals
        crop = np.s_[top : top + 56, left : left + 56]
        np.testing.assert_array_equal(picture, dataset.train.shards[0][n][crop][:, ::flip])
        mean = dataset.mean[crop][:, ::flip]
        np.testing.assert_allclose(seen, (picture - mean) / 16, atol=1e-4)
        tops.append(top), lefts.append(left)
    assert len(set(tops)) > 1 and len(set(lefts)) > 1


def test_shifted_colours_are_cut_to_a_byte():
    dataset = easy_dataset()
    view = View.of(dataset, find_model("alexnet-mini"))
    looks = view.draw(4, np.random.default_rng(0), color=True)
    looks.alphas[:] = [[9, 0, 0], [-9, 0, 0], [0.1, 0, 0], [0, 0, 0]]
    source = dataset.train.gather(range(4))
    x = view.apply(source, looks)
    found = view.pictures(x, looks)
    assert found.dtype == np.uint8 and {found[0].max(), found[0].min()} & {0, 255}
    plain = view.pictures(view.apply(source, looks), looks)
    np.testing.assert_array_equal(plain, found)


# ---------------------------------------------------------------------------------------------- the commands


@pytest.mark.parametrize("share, expected", [(0.5, "cat + dog"), (0.7, "cat + dog"), (0.3, "dog + cat")])
def test_of_mixed_pictures_the_class_that_counts_comes_first(share, expected):
    labels = MixedLabels(np.array([0, 2]), np.array([1, 0]), share)
    assert rehearsal._names(labels, ["cat, tabby", "dog, hound", "cow"])[0] == expected


@pytest.mark.parametrize("color", [(), ("--no-color",), ("--mixup", 0.4)])
def test_show_batch(data, tmp_path, monkeypatch, capsys, color):
    monkeypatch.chdir(tmp_path)
    options = "train", "--data", data, "--model", "alexnet-mini", "--batch", 8, "--show-batch", "b.png", *color
    result = json_of(capsys, *options)
    assert result["picture"] == "b.png" and len(result["labels"]) == 8 and result["batch"] == 8
    assert all((" + " in name) == ("--mixup" in color) for name in result["labels"])
    assert [file.name for file in tmp_path.iterdir()] == ["b.png"], "a run was made"
    with Image.open("b.png") as picture:
        assert picture.format == "PNG" and picture.width > 300
    code, out, _ = call(capsys, *options)
    assert code == 0 and "b.png" in out and "8 pictures" in out and "no run was made" in out


ODD = "$x$ \\frac$ \udcff\x1b"  # no formula, no text, no colour: matplotlib refuses each, or draws something else


def test_show_batch_of_odd_names(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(data, ODD)
    meta = json.loads((tmp_path / ODD / "meta.json").read_text())
    (tmp_path / ODD / "meta.json").write_text(json.dumps(meta | {"class_names": [ODD] * len(meta["class_names"])}))
    code, _, err = call(
        capsys, "train", "--data", ODD, "--model", "alexnet-mini", "--batch", 8, "--show-batch", "b.png"
    )
    assert (code, err) == (0, "")


def test_titles_are_drawn_as_they_are(tmp_path):
    figure = plots.batch(np.zeros((1, 8, 8, 3), np.uint8), [words(ODD)], f"{ODD}\nof {ODD}")
    plots.save(figure, tmp_path / "a.png")
    drawn = r"\$x\$ \frac\$ \udcff\x1b"
    assert [text.get_text() for text in figure.findobj(plots.Text) if text.get_text()] == [
        drawn,
        f"{drawn}\nof {drawn}",
    ]


def test_find_lr(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tinyalex.training.rates.find_rate.__defaults__", (60, 1e-5, 10.0))
    options = "train", "--data", data, "--model", "alexnet-mini", "--batch", 8, "--find-lr"
    result = json_of(capsys, *options)
    assert result["suggestion"] > 0 and len(result["rates"]) == len(result["losses"]) and result["recipe_lr"] == 0.02
    assert [file.name for file in tmp_path.iterdir()] == ["find-lr.png"], "a run was made"
    code, out, _ = call(capsys, *options, "curve.png")
    assert code == 0 and f"a quarter of that: --lr {result['suggestion']:g}" in out and "curve.png" in out
    assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize(
    "arguments, word",
    [
        ("--show-batch b.txt", "--show-batch: found b.txt, expected a name that ends in .png"),
        ("--show-batch no/b.png", "--show-batch: no/b.png cannot be written, expected a file in an existing folder"),
        ("--find-lr x.png --out run", "--find-lr: makes no run, so --out cannot be used with it"),
        ("--find-lr --resume run", "--resume cannot"),
        ("--find-lr --parallel data", "--parallel cannot"),
        ("--show-batch b.png --find-lr", "--find-lr cannot"),
        ("--show-batch b.png --lr -1", "--lr: found -1"),
        ("--find-lr --data nowhere", "nowhere"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, monkeypatch, capsys, arguments, word):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, "train", *arguments.split())
    assert code == 2 and out == "" and err.count("\n") == 1 and word in err, err
    assert not list(tmp_path.iterdir())

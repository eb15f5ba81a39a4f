"""Mixed pictures and labels against loops: values, draws, every worker's part, the device, and planted mistakes."""

import math

import numpy as np
import pytest

from tests.checks import agree, edited, host
from tests.test_loader import BATCH, numbered, view
from tinyalex.backend import random_stream
from tinyalex.data import loader as loader_module
from tinyalex.data import mixing
from tinyalex.data.dataset import Split
from tinyalex.data.loader import TrainingLoader
from tinyalex.data.mixing import Mix, MixedLabels, draw_mix
from tinyalex.standin import xp as device

N, T = 5, 6
WAYS = [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}]


def mixed_by_loops(x, mix):
    """Pixel by pixel: the weighted mean, or the picture that shows there."""
    y = np.empty_like(x)
    for n, row, column in np.ndindex(x.shape[:3]):
        own, partner = x[n, row, column], x[mix.partners[n], row, column]
        if mix.box is None:
            y[n, row, column] = mix.share * own + (1 - mix.share) * partner
        else:
            rows, columns = mix.box
            inside = rows.start <= row < rows.stop and columns.start <= column < columns.stop
            y[n, row, column] = partner if inside else own
    return y


def pictures(seed=0):
    return np.random.default_rng(seed).standard_normal((N, T, T, 3))


def some_mixes(draw=draw_mix):
    """Mixes of every way, many of each."""
    return [draw(N, T, np.random.default_rng([seed, *map(len, way)]), **way) for way in WAYS for seed in range(40)]


def check_mix(mix_class):
    for mix in some_mixes():
        x, mix = pictures(), mix_class(**vars(mix))
        agree(mix.into(x.copy(), x[mix.partners]), mixed_by_loops(x, mix), "against the loops", rtol=1e-12)
        on_device = mix.into(device.asarray(x), device.asarray(x[mix.partners]))
        agree(on_device, mixed_by_loops(x, mix), "on the device", rtol=1e-12)
        assert mix.into(x.astype("float32"), x.astype("float32")).dtype == np.float32
        labels = np.array([7, 3, 3, 0, 1])
        for of in (labels, device.asarray(labels)):
            agree(mix.labels(of).labels, labels, "own labels", exact=True)
            agree(mix.labels(of).partners, labels[mix.partners], "the partners' labels", exact=True)
        assert mix.labels(labels).share == mix.share


def test_pictures_and_labels():
    check_mix(Mix)


@pytest.mark.parametrize(
    "old, new",
    [
        ("partners *= 1 - self.share", "partners *= self.share"),
        ("x *= self.share", "x *= 1 - self.share"),
        ("x[:, rows, columns] = partners[:, rows, columns]", "x[:, columns, rows] = partners[:, columns, rows]"),
        ("x[:, rows, columns] = partners[:, rows, columns]", "x[:, rows] = partners[:, rows]"),
        ("asarray(self.partners)], self.share", "asarray(self.partners)], 1 - self.share"),
        ("MixedLabels(labels, labels[", "MixedLabels(labels[::-1], labels["),
    ],
)
def test_teeth(old, new):
    with pytest.raises(AssertionError):
        check_mix(edited(Mix, old, new))


# ---------------------------------------------------------------------------------------------- the draws


def check_draws(draw):
    """Shares of Beta(α, α), partners in any order, boxes whose pixels are counted."""
    assert draw(N, T, np.random.default_rng(0)) is None, "mixed without being asked"
    assert all(some_mixes(draw)), "not mixed"
    for mix in some_mixes(draw):
        assert sorted(mix.partners) == list(range(N)) and 0 <= mix.share <= 1
        if mix.box:
            inside = np.zeros((T, T))
            inside[mix.box] = 1
            assert math.isclose(mix.share, 1 - inside.mean(), abs_tol=1e-12), "the share is not that of the pixels"
            assert all(0 <= run.start <= run.stop <= T for run in mix.box)
    for alpha in (0.2, 1.0, 5.0):
        shares = [draw(N, 64, np.random.default_rng(seed), mixup=alpha).share for seed in range(2000)]
        variance = 1 / (4 * (2 * alpha + 1))  # of Beta(α, α)
        assert abs(np.mean(shares) - 0.5) < 5 * math.sqrt(variance / 2000)
        assert abs(np.var(shares) / variance - 1) < 0.1
    _check_boxes([draw(N, 64, np.random.default_rng(seed), cutmix=1.0) for seed in range(2000)])
    both = [draw(N, 64, np.random.default_rng(seed), mixup=1.0, cutmix=1.0).box is None for seed in range(2000)]
    assert abs(np.mean(both) - 0.5) < 5 * math.sqrt(0.25 / 2000), "not each way for half of the batches"


def _check_boxes(mixes):
    """Seen from their middle, whole boxes are squares of an area of 1 − Beta(1, 1), and centres lie anywhere."""
    sides = np.array([[run.stop - run.start for run in mix.box] for mix in mixes])
    starts = np.array([[run.start for run in mix.box] for mix in mixes])
    whole = ((starts > 0) & (starts + sides < 64)).all(axis=1)
    assert whole.sum() > 200 and (sides[whole, 0] == sides[whole, 1]).all(), "whole boxes that are no squares"
    for axis in (0, 1):
        cut_off = (starts[:, axis] == 0).mean(), (starts + sides == 64)[:, axis].mean()
        assert all(0.3 < share < 0.7 for share in cut_off), "boxes rarely reach an edge, or always"
    # P(a corner pixel shows the partner): its centre lies within half a side in both axes, E[(s/2)²] = E[1 − λ]/4 = 1/8
    corner = np.mean(
        [mix.box[0].start == 0 and mix.box[1].start == 0 and sides[n].all() for n, mix in enumerate(mixes)]
    )
    assert abs(corner - 1 / 8) < 0.03, corner


def test_draws():
    check_draws(draw_mix)


@pytest.mark.parametrize(
    "old, new",
    [
        ("not (mixup or cutmix)", "not mixup"),
        ("[cutmix if by_box else mixup] * 2", "(cutmix if by_box else mixup), 1"),
        ("[cutmix if by_box else mixup] * 2", "[1] * 2"),
        ("rng.permutation(N)", "rng.integers(0, N, N)"),
        ("math.sqrt(1 - share)", "(1 - share)"),
        ("- side // 2", ""),
        ("rng.integers(0, T, 2)", "rng.integers(0, T)"),
        ("return Mix(partners, kept,", "return Mix(partners, share,"),
        ("rng.random() < 0.5", "rng.random() < 0.7"),
        ("(bottom - top) * (right - left)", "(bottom - top) ** 2"),
    ],
)
def test_teeth_of_the_draws(old, new):
    with pytest.raises((AssertionError, TypeError)):
        check_draws(edited(draw_mix, old, new))


# ---------------------------------------------------------------------------------------------- batches


def make(xp=np, mixing=None, **options):
    return TrainingLoader(numbered(), view(3).to(xp), BATCH, 0, xp, mixing=mixing, **options)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("xp, available", [(np, None), (device, None), (device, 10_000)])
def test_batches_are_those_without_mixing_but_mixed(monkeypatch, way, xp, available):
    monkeypatch.setattr(loader_module, "memory_available", lambda xp: available)
    for (step, x, labels), (_, plain, own) in zip(make(xp, way).epoch(1, 1), make(xp).epoch(1, 1), strict=True):
        mix = draw_mix(len(own), 3, random_stream(0, "mix", 1, step), **way)
        agree(x, mixed_by_loops(host(plain), mix), "pictures", rtol=1e-5, atol=1e-4)
        assert isinstance(labels, MixedLabels) and labels.share == mix.share and len(labels) == len(own)
        agree(labels.labels, own, "labels", exact=True)
        agree(labels.partners, host(own)[mix.partners], "the partners' labels", exact=True)


def test_a_picture_is_read_once_though_it_is_a_partner_too(monkeypatch):
    loader, read, gather = make(mixing={"mixup": 0.4}), [], Split.gather
    monkeypatch.setattr(Split, "gather", lambda split, indices: read.extend(indices) or gather(split, indices))
    assert len(list(loader.epoch(0))) == loader.steps
    assert sorted(read) == list(range(len(loader.split)))


def test_every_step_is_mixed_otherwise():
    shares = [[labels.share for _, _, labels in make(mixing={"mixup": 1.0}).epoch(epoch)] for epoch in (0, 1)]
    assert len({share for epoch in shares for share in epoch}) == 10


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("xp", [np, device])
def test_a_worker_mixes_its_part_as_one_alone_does(monkeypatch, way, xp):
    """Partners may be pictures of another worker."""
    monkeypatch.setattr(loader_module, "memory_available", lambda xp: None)
    part = make(xp, way, choose=lambda pictures: slice(1, 3))
    for (_, x, labels), (_, whole, of_all) in zip(part.epoch(2), make(xp, way).epoch(2), strict=True):
        agree(x, whole[1:3], "the pictures chosen", rtol=1e-6, atol=1e-4)
        assert len(labels) == len(of_all) == len(host(whole))
        agree(labels[1:3].partners, of_all.partners[1:3], "labels of a part", exact=True)


@pytest.mark.parametrize("way", WAYS)
def test_the_first_batch_is_shown_mixed(way):
    pictures, labels = make(mixing=way, augment={"color": False}).first_batch()
    _, x, expected = next(make(mixing=way, augment={"color": False}).epoch(0))
    agree(pictures.astype(float), np.rint(x), "pictures", atol=0.51)  # a half may be rounded either way
    assert pictures.dtype == np.uint8 and labels.share == expected.share
    agree(labels.partners, expected.partners, "labels", exact=True)


def test_the_larger_share():
    own, partners = np.array([1, 2]), np.array([2, 0])
    found = [MixedLabels(own, partners, share).larger.tolist() for share in (1.0, 0.5, 0.49)]
    assert found == [[1, 2], [1, 2], [2, 0]]


def test_nothing_is_drawn_without_mixing(monkeypatch):
    """So that runs of earlier versions are the same, bit for bit."""
    monkeypatch.setattr(mixing, "Mix", None)
    assert all(isinstance(labels, np.ndarray) for _, _, labels in make(mixing={"mixup": 0.0, "cutmix": 0.0}).epoch(0))

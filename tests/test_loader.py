"""Batches: every picture once an epoch with its own label, in an order that depends on nothing but seed and epoch."""

import threading

import numpy as np
import pytest

from tests.checks import agree, edited, host
from tinyalex.data import loader as loader_module
from tinyalex.data.augment import View
from tinyalex.data.dataset import Split
from tinyalex.data.loader import TrainingLoader
from tinyalex.standin import DeviceArray
from tinyalex.standin import xp as device

COUNT, BATCH, SIDE = 23, 5, 4
NOTHING = {"crops": False, "mirror": False, "color": False}


def numbered(lengths=(10, 1, 12)):
    """A split in shards whose picture i is filled with i and labelled 100 + i."""
    whole = np.repeat(np.arange(COUNT, dtype=np.uint8), SIDE * SIDE * 3).reshape(COUNT, SIDE, SIDE, 3)
    return Split(tuple(np.split(whole, np.cumsum(lengths)[:-1])), 100 + np.arange(COUNT))


def view(crop=SIDE):
    return View(crop, 1.0, np.zeros((SIDE, SIDE, 3), np.float32), np.ones(3, np.float32), np.eye(3, dtype=np.float32))


def make(loader_class=TrainingLoader, split=None, seed=0, xp=np, augment=NOTHING, crop=SIDE):
    return loader_class(split or numbered(), view(crop).to(xp), BATCH, seed, xp, augment)


def batches(loader, epoch=0, first_step=0):
    return [(step, x.copy(), labels.copy()) for step, x, labels in loader.epoch(epoch, first_step)]


def numbers(loader, epoch=0):
    """The pictures' numbers in the order in which they came."""
    return [int(n) for _, x, _ in batches(loader, epoch) for n in x[:, 0, 0, 0]]


def data_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("tinyalex-data")]


def check_epoch(loader_class):
    loader = make(loader_class)
    assert loader.steps == 5
    found = batches(loader)
    assert [step for step, _, _ in found] == [0, 1, 2, 3, 4]
    assert [len(x) for _, x, _ in found] == [5, 5, 5, 5, 3], "the last batch is what is left"
    for _, x, labels in found:
        assert x.dtype == np.float32 and labels.dtype == np.int64
        assert (x == x[:, :1, :1, :1]).all() and (labels == 100 + x[:, 0, 0, 0]).all(), "a label left its picture"
    assert sorted(numbers(loader)) == list(range(COUNT)), "not every picture once"
    assert numbers(loader) == numbers(make(loader_class)), "the order depends on more than the seed"
    orders = [numbers(loader, 0), numbers(loader, 1), numbers(make(loader_class, seed=1)), list(range(COUNT))]
    assert len(set(map(tuple, orders))) == 4, "two epochs or two seeds share an order"
    for first_step in (1, 3, 4, 5):
        same_batches(batches(loader, 2)[first_step:], batches(loader, 2, first_step))


def same_batches(found, expected):
    assert [step for step, _, _ in found] == [step for step, _, _ in expected]
    for (_, x, labels), (_, other_x, other_labels) in zip(found, expected):
        np.testing.assert_array_equal(x, other_x)
        np.testing.assert_array_equal(labels, other_labels)


def test_an_epoch():
    check_epoch(TrainingLoader)


@pytest.mark.parametrize(
    "old, new",
    [
        ('random_stream(self.seed, "order", epoch)', 'random_stream(self.seed, "order")'),
        ('random_stream(self.seed, "order", epoch)', 'random_stream("order", epoch)'),
        (".permutation(len(self.split))", ".integers(0, len(self.split), len(self.split))"),
        ("self.split.labels[indices]", "self.split.labels[step * self.batch : (step + 1) * self.batch]"),
        ("self.split.labels[indices]", "self.split.labels[sorted(indices)]"),
        ("-(-len(self.split) // self.batch)", "len(self.split) // self.batch"),
        ("range(first_step, self.steps)", "range(self.steps)"),
        ("step * self.batch :", "(step - first_step) * self.batch :"),
    ],
)
def test_teeth(old, new):
    with pytest.raises(AssertionError):
        check_epoch(edited(TrainingLoader, old, new))


def test_augmentation_depends_on_seed_epoch_and_step_alone():
    def epoch(seed=0, number=0, first_step=0):
        return batches(make(augment={}, crop=3, seed=seed), number, first_step)

    same_batches(epoch(), epoch())
    same_batches(epoch()[2:], epoch(first_step=2))
    colors = [np.float32([x[0].ravel()[:3] for _, x, _ in epoch(*key)]) for key in ((0, 0), (0, 1), (1, 0))]
    fractions = [np.modf(c)[0].round(4) for c in colors]  # of the colour shift: the pictures are whole numbers
    assert all(len(set(map(tuple, f))) == 5 for f in fractions), "two steps share their shifts"
    assert (fractions[0] != fractions[1]).any() and (fractions[0] != fractions[2]).any()


class Broken(Split):
    def gather(self, indices):
        if len(indices) == 3:  # the last batch
            raise OSError("the disk is gone")
        return super().gather(indices)


def test_an_error_in_the_background_surfaces():
    loader, seen = make(split=Broken(numbered().shards, numbered().labels)), []
    with pytest.raises(OSError, match="the disk is gone"):
        for step, _, _ in loader.epoch(0):
            seen.append(step)
    assert seen == [0, 1, 2, 3], "batches before the error are lost"
    assert not data_threads()


def test_leaving_early_leaves_no_thread():
    for _ in range(2):
        epoch = make().epoch(0)
        next(epoch)
        assert data_threads()
        epoch.close()
        assert not data_threads()


def test_batches_are_the_networks_own():
    """A batch is not a buffer that a later one overwrites, and no view of the split."""
    loader = make()
    kept = list(loader.epoch(0))
    same_batches(kept, batches(loader))
    for _, x, _ in kept:
        x += 1
    same_batches(batches(make()), batches(loader))


@pytest.mark.parametrize("xp, available", [(np, None), (device, None), (device, 10_000)])
def test_a_part_of_each_batch_can_be_chosen(monkeypatch, xp, available):
    """Only those pictures are read and looked at, as in the whole batch; the labels are those of the whole batch."""
    monkeypatch.setattr(loader_module, "memory_available", lambda xp: available)

    def loader(**options):
        return TrainingLoader(numbered(), view(3).to(xp), BATCH, 0, xp, **options)

    part = loader(choose=lambda pictures: slice(1, 3))
    for (step, x, labels), (other_step, whole, all_labels) in zip(part.epoch(2), loader().epoch(2), strict=True):
        assert step == other_step and x.shape[0] == 2
        agree(x, whole[1:3], "the pictures chosen", rtol=1e-6, atol=1e-4)
        agree(labels, all_labels, "labels", exact=True)


def test_changes_hold_for_one_epoch():
    loader = make(augment={"crops": False, "mirror": False})
    plain, shifted = list(loader.epoch(0, color=False)), list(loader.epoch(0))
    same_batches(plain, batches(make()))
    assert all((x != other).any() for (_, x, _), (_, other, _) in zip(plain, shifted))


@pytest.mark.parametrize("free", [0, 1, 3_000])
@pytest.mark.parametrize("options", [{}, {"reserve": 0}, {"reserve": 1_000}], ids=str)
@pytest.mark.parametrize("at_once", [4, 1024])
def test_memory_is_kept_for_training(monkeypatch, free, options, at_once):
    """The split moves if it fits beside the reserve, with the pictures that move at once: to the byte."""
    monkeypatch.setattr(loader_module, "MOVED_AT_ONCE", at_once)
    needed = (COUNT + min(COUNT, at_once)) * SIDE * SIDE * 3 + options.get("reserve", 0)
    for available, resident in ((needed + free, True), (needed - 1 - free, False)):
        monkeypatch.setattr(loader_module, "memory_available", lambda xp: available)
        loader = TrainingLoader(numbered(), view().to(device), BATCH, 0, device, **options)
        assert (loader.resident is not None) == resident


@pytest.mark.parametrize("xp", [np, device])
def test_the_first_batch_is_shown_as_the_network_gets_it(monkeypatch, xp):
    monkeypatch.setattr(loader_module, "memory_available", lambda xp: None)
    loader = make(xp=xp, augment={}, crop=3)
    pictures, labels = loader.first_batch()
    _, x, expected = next(loader.epoch(0))
    agree(pictures, np.clip(np.rint(host(x)), 0, 255), "pictures", exact=True)
    agree(labels, host(expected), "labels", exact=True)
    assert isinstance(pictures, np.ndarray) and pictures.dtype == np.uint8


@pytest.mark.parametrize("available, resident", [(None, False), (10_000, True), (1_000, False)])
def test_the_device_gets_the_same_batches(monkeypatch, available, resident):
    """Whether the pictures live there or travel batch by batch."""
    monkeypatch.setattr(loader_module, "MOVED_AT_ONCE", 4)
    monkeypatch.setattr(loader_module, "memory_available", lambda xp: available)
    there, here = (make(xp=xp, augment={}, crop=3) for xp in (device, np))
    assert (there.resident is not None) == resident
    found = batches(there, 1, 1)
    assert all(isinstance(a, DeviceArray) for _, *arrays in found for a in arrays)
    for (step, x, labels), (other_step, other_x, other_labels) in zip(found, batches(here, 1, 1), strict=True):
        assert step == other_step
        np.testing.assert_allclose(x.get(), other_x, rtol=1e-5, atol=1e-4)
        np.testing.assert_array_equal(labels.get(), other_labels)

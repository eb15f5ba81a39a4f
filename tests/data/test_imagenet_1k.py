"""ImageNet-1k in Hugging Face's compressed tars: labels from the names, any number of workers, every loss listed."""

import tarfile

import numpy as np
import pytest

from tests.data import sources
from tests.data.sources import WNIDS, write
from tests.data.test_prepare import refused as refused_by_prepare
from tests.data.test_readers import contents
from tests.data.test_readers_refuse import refused
from tinyalex.data import convert
from tinyalex.data.pictures import decode_picture
from tinyalex.data.prepare import prepare
from tinyalex.data.prepared import open_prepared
from tinyalex.data.readers import imagenet_1k, read_source

FOX, TENCH, SETTER = WNIDS


@pytest.mark.parametrize("start", ["", "data"])
def test_classes_labels_and_order(tmp_path, start):
    root = sources.imagenet_1k(tmp_path / "imagenet-1k")
    source = read_source(root / start)
    assert (source.format, source.size, source.expected) == ("imagenet-1k", 256, 15)
    assert source.class_ids == (TENCH, SETTER, FOX)
    assert source.class_names == (source.class_ids if start else ("tench", SETTER, "kit fox, fox's kin"))
    pictures, labels, names = contents(source.train, 16)
    assert labels == [source.class_ids.index(name[-14:-5]) for name in names] and len(set(names)) == 12
    first = tmp_path / "imagenet-1k-0" / names[0]
    np.testing.assert_array_equal(pictures[0], decode_picture(first.read_bytes(), 16))
    _pictures, labels, names = contents(source.val)
    assert labels == [2, 0, 1] and names[0] == f"ILSVRC2012_val_00000001_{FOX}.JPEG" and source.left_out == ()


def test_any_number_of_workers_gives_the_same(tmp_path, monkeypatch):
    root = sources.imagenet_1k(tmp_path / "set")
    monkeypatch.setattr(convert, "CHUNK_BYTES", 2 * 16 * 16 * 3)  # two pictures per task
    reports = [prepare(root, tmp_path / f"out{n}", size=16, workers=n, quiet=True) for n in (1, 2, 3)]
    assert len({report.fingerprint for report in reports}) == 1 and reports[0].skipped == []


def test_no_tar_is_unpacked_more_than_once_by_a_worker(tmp_path, monkeypatch):
    """To go back in a compressed tar is to unpack it from its beginning: an hour for ImageNet's."""
    root, places = sources.imagenet_1k(tmp_path / "set"), []
    read_at = imagenet_1k.read_at
    monkeypatch.setattr(
        imagenet_1k, "read_at", lambda file, *place: places.append((file, place)) or read_at(file, *place)
    )
    monkeypatch.setattr(convert, "CHUNK_BYTES", 2 * 16 * 16 * 3)
    prepare(root, tmp_path / "out", size=16, workers=1, quiet=True)
    files = list(dict.fromkeys(file for file, _place in places))
    assert len(places) == 15 and len(files) == 3
    assert places == sorted(places, key=lambda one: (files.index(one[0]), one[1]))


def test_what_is_in_neither_part_is_listed(tmp_path):
    root = sources.imagenet_1k(tmp_path / "set")
    write(tmp_path / "set-val" / "ILSVRC2012_val_00000009_n99999999.JPEG", "x")
    write(tmp_path / "set-0" / "notes.txt", "x")
    sources.tarred(tmp_path / "set-val", root / "data/val_images.tar.gz", mode="w:gz")
    sources.tarred(tmp_path / "set-0", root / "data/train_images_0.tar.gz", "below/", mode="w:gz")
    write(root / "data/test_images.tar.gz", "never opened")
    report = prepare(root, tmp_path / "out", size=16, quiet=True)
    assert (report.train_images, report.val_images) == (12, 3)
    assert report.left_out == [
        ("test_images.tar.gz", "pictures without labels"),
        ("train_images_0.tar.gz/below/notes.txt", "without a class in its name"),
        ("val_images.tar.gz/ILSVRC2012_val_00000009_n99999999.JPEG", "of a class without training pictures"),
    ]


def test_some_of_the_tars(tmp_path):
    root = sources.imagenet_1k(tmp_path / "set", tars=3)
    (root / "data/val_images.tar.gz").unlink()
    refused_by_prepare(root, tmp_path / "out", "val_share: set has no validation part")
    prepare(root, tmp_path / "out", size=16, val_share=0.5, quiet=True)
    data = open_prepared(tmp_path / "out")
    assert np.bincount(data.train.labels).tolist() == np.bincount(data.val.labels).tolist() == [3, 3, 3]
    (root / "data/train_images_1.tar.gz").unlink()
    refused(root, "train_images_1.tar.gz: missing; expected the training tars from 0 on, without a gap")
    (root / "data/train_images_2.tar.gz").unlink()
    assert len(read_source(root).train) == 1
    tar = root / "data/train_images_0.tar.gz"
    write(tar, tar.read_bytes()[:-200])
    refused(root, "train_images_0.tar.gz: not a readable tar; was the download cut short?")
    with tarfile.open(tar, "w:gz"):
        pass
    refused(root, "0 classes to train on, expected two or more")
    tar.unlink()
    write(root / "data/val_images.tar.gz", "")
    refused(root, "train_images_0.tar.gz: missing")

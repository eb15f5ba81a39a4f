"""Pictures in both parts are found, whatever their names, formats and classes, and kept, dropped or refused."""

import json

import numpy as np
import pytest

from tests.data import sources
from tests.data.sources import encoded, picture, write
from tests.data.test_prepare import refused
from tests.data.test_validation_part import flat, prepared
from tests.test_cli import call
from tinyalex.data import convert
from tinyalex.data.prepare import prepare
from tinyalex.data.prepared import open_prepared


def with_duplicates(root):
    """Class folders of 20 training pictures: one is in val with the same bytes, one with the same pixels elsewhere."""
    for part, names, first in (("train", ("cat", "dog"), 0), ("val", ("cat", "dog"), 500)):
        for label, name in enumerate(names):
            for i in range(10):
                write(root / part / name / f"{i}.png", encoded(picture(first + 100 * label + i), "PNG"))
    write(root / "val/cat/copy.png", (root / "train/cat/3.png").read_bytes())
    write(root / "val/cat/other.bmp", encoded(picture(104), "BMP"))  # the dog's fifth
    return root


PAIRS = [("train/cat/3.png", "val/cat/copy.png"), ("train/dog/4.png", "val/cat/other.bmp")]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("choice", [None, "keep", "drop"])
def test_they_are_found_and_counted(tmp_path, monkeypatch, workers, choice):
    monkeypatch.setattr(convert, "CHUNK_BYTES", 3 * 16 * 16 * 3)  # three pictures per task
    root = with_duplicates(tmp_path / "pets")
    report = prepare(root, tmp_path / "out", size=16, workers=workers, duplicates=choice, quiet=True)
    data = open_prepared(tmp_path / "out")
    assert report.duplicates == PAIRS and report.duplicates_dropped == (choice == "drop")
    assert (tmp_path / "out/duplicates.txt").read_text() == "".join(f"{a}\t{b}\n" for a, b in PAIRS)
    assert np.bincount(data.train.labels).tolist() == ([9, 9] if choice == "drop" else [10, 10])
    assert report.train_images == len(data.train) and len(data.val) == 22
    meta = json.loads((tmp_path / "out/meta.json").read_text())
    assert meta["source"]["duplicates"] == {choice or "keep": 2}
    pictures = data.train.gather(range(len(data.train)))
    np.testing.assert_allclose(data.mean, pictures.mean(0), rtol=1e-6)  # of what is left
    both = {one.tobytes() for one in pictures} & {one.tobytes() for one in data.val.gather(range(22))}
    assert len(both) == (0 if choice == "drop" else 2)


def test_refused(tmp_path):
    root = with_duplicates(tmp_path / "pets")
    refused(root, tmp_path / "out", f"duplicates: {PAIRS[0][0]} is also a validation picture, ", duplicates="refuse")
    refused(root, tmp_path / "out", "duplicates: found 'ignore', expected keep, drop, refuse", duplicates="ignore")


def test_arrays_have_numbers_for_names(tmp_path):
    root = sources.cifar10(tmp_path / "cifar")
    data = sources.planes(4, 32, 5)
    data[2] = sources.planes(4, 32, 1)[3]  # the test batch has the second batch's last
    sources.save_batch(root / "test_batch", {"data": data, "labels": [3, 0, 2, 1]})
    report = prepare(root, tmp_path / "out", quiet=True)
    assert report.duplicates == [("train picture 8", "val picture 3")]


def test_copies_never_end_up_on_both_sides_of_a_share(tmp_path):
    root = flat(tmp_path / "photos", cat=12, dog=12)
    for i in range(12):
        write(root / f"cat/{i} (1).png", (root / f"cat/{i}.png").read_bytes())
    report, data = prepared(root, tmp_path / "out", val_share=0.5)
    assert report.duplicates and report.duplicates_dropped
    train, val = ({one.tobytes() for one in split.gather(range(len(split)))} for split in (data.train, data.val))
    assert not train & val and len(train | val) == 24


def test_a_class_that_loses_all_its_pictures(tmp_path):
    root = sources.class_folders(tmp_path / "pets", val=0)
    for part in ("train", "val"):
        for i in range(3):
            write(root / part / "eel" / f"{i}.png", encoded(picture(900 + i), "PNG"))
    write(root / "val/cat/x.png", encoded(picture(990), "PNG"))
    refused(
        root,
        tmp_path / "out",
        "class 'eel' has no training pictures that can be read and are not validation",
        duplicates="drop",
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_repeats_in_training_are_counted_and_kept(tmp_path, monkeypatch, capsys, workers):
    monkeypatch.setattr(convert, "CHUNK_BYTES", 3 * 16 * 16 * 3)  # three pictures per task
    root = with_duplicates(tmp_path / "pets")
    write(root / "train/cat/4 (1).png", (root / "train/cat/4.png").read_bytes())
    write(root / "train/cat/4 (2).bmp", encoded(picture(4), "BMP"))
    write(root / "train/dog/a cat.png", (root / "train/cat/7.png").read_bytes())
    code, out, _err = call(capsys, "prepare", root, tmp_path / "out", "--size", 16, "--workers", workers)
    assert code == 0 and "3 training pictures" not in out
    said = (
        "1 under another label (train/dog/a cat.png = train/cat/7.png); 2 under the same label (train/cat/4 (2).bmp ="
    )
    assert said in " ".join(out.split())
    rows = [("dog/a cat.png", "cat/7.png"), ("cat/4 (2).bmp", "cat/4 (1).png"), ("cat/4.png", "cat/4 (1).png")]
    listed = "".join(f"train/{again}\ttrain/{first}\n" for again, first in rows)
    assert (tmp_path / "out/repeats.txt").read_text() == listed
    meta = json.loads((tmp_path / "out/meta.json").read_text())
    assert meta["source"]["repeats"] == {"same label": 2, "other label": 1}
    assert len(open_prepared(tmp_path / "out").train) == 23


def test_repeats_are_counted_among_what_is_kept(tmp_path):
    root = with_duplicates(tmp_path / "pets")
    write(root / "train/cat/3 (1).png", (root / "train/cat/3.png").read_bytes())  # in validation, too
    for choice, count in (("keep", 1), ("drop", 0)):
        report = prepare(root, tmp_path / choice, size=16, duplicates=choice, quiet=True)
        assert (len(report.repeats), report.relabelled) == (count, [])
    assert not (tmp_path / "drop/repeats.txt").exists()


def test_repeats_of_arrays_have_numbers(tmp_path):
    root = sources.cifar10(tmp_path / "cifar")
    data = sources.planes(4, 32, 4)
    data[1], data[2] = sources.planes(4, 32, 1)[0], data[0]  # labels 3, 0, 2, 1 in each batch
    sources.save_batch(root / "data_batch_5", {"data": data, "labels": [3, 0, 3, 1]})
    report = prepare(root, tmp_path / "out", quiet=True)
    assert report.repeats == [("train picture 19", "train picture 17")]
    assert report.relabelled == [("train picture 18", "train picture 5")]


def test_classes_without_validation_pictures_are_named(tmp_path, capsys):
    names = [f"class{i}" for i in range(6)]
    root = sources.class_folders(tmp_path / "pets", names, train=1, val=1)
    for name in names[:4]:
        next((root / "val" / name).iterdir()).unlink()
    code, out, _err = call(capsys, "prepare", root, tmp_path / "out")
    assert code == 0 and "Classes without validation pictures: 4 of 6 (class0, class1, class2, …)" in out
    assert prepare(root, tmp_path / "two", quiet=True, classes=2 + 3).unvalidated == names[:4]
    write(root / "val/class0/a.png", encoded(picture(77), "PNG"))
    assert "without" not in call(capsys, "prepare", root / "train", tmp_path / "three", "--val-share", 0.5)[1]

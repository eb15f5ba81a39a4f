"""Own photographs: which folder is the validation part, and a share of each class set aside where there is none."""

import json
import shutil

import numpy as np
import pytest

from tests.data import sources
from tests.data.sources import write
from tests.data.test_prepare import refused
from tinyalex.data.prepare import prepare
from tinyalex.data.prepared import open_prepared
from tinyalex.data.readers import read_source


def flat(root, **counts):
    """A folder per class with this many different pictures, and no parts."""
    for label, (name, count) in enumerate(counts.items()):
        for i in range(count):
            write(root / name / f"{i}.png", sources.encoded(sources.picture(100 * label + i), "PNG"))
    return root


def origin(folder):
    return json.loads((folder / "meta.json").read_text())["source"]


def prepared(source, out, **options):
    report = prepare(source, out, quiet=True, workers=1, **options)
    return report, open_prepared(out)


@pytest.mark.parametrize("name", ["val", "valid", "validation", "test", "Val", "TEST", "dev"])
def test_names_of_the_validation_part(tmp_path, name):
    root = sources.class_folders(tmp_path / "pets")
    (root / "val").rename(root / "parts"), (root / "parts").rename(root / name)
    (root / "train").rename(root / "Train")
    report, data = prepared(root, tmp_path / "out")
    assert (len(data.train), len(data.val), report.left_out) == (6, 4, [])
    assert report.validation == ("" if name == "val" else f"{name}/")
    assert origin(tmp_path / "out").get("validation", "val/") == f"{name}/"


def test_of_several_validation_parts_one_is_read_and_the_others_are_counted(tmp_path):
    root = sources.class_folders(tmp_path / "pets")
    for name in ("test", "valid"):
        shutil.copytree(root / "val", root / name)
    report, data = prepared(root, tmp_path / "out")
    assert len(data.val) == 4 and report.validation == ""
    beside = "4 pictures beside val/, which is read"
    assert report.left_out == [("test/", beside), ("valid/", beside)]
    assert beside in (tmp_path / "out/skipped.txt").read_text()
    shutil.rmtree(root / "val")
    report = prepare(root, tmp_path / "again", quiet=True)
    assert report.validation == "valid/" and report.left_out == [("test/", "4 pictures beside valid/, which is read")]


def test_of_two_training_parts_one_is_read(tmp_path):
    root = sources.class_folders(tmp_path / "pets")
    shutil.copytree(root / "train", root / "training")
    report, data = prepared(root, tmp_path / "out")
    assert len(data.train) == 6 and report.left_out == [("training/", "6 pictures beside train/, which is read")]


def test_test_pictures_without_classes_are_no_validation_part(tmp_path):
    root = sources.class_folders(tmp_path / "pets")
    (root / "val").rename(root / "test")
    for i, file in enumerate(sorted((root / "test").glob("*/*"))):
        file.rename(root / "test" / f"{i}{file.suffix}")
    shutil.rmtree(root / "test/cat"), shutil.rmtree(root / "test/dog")
    refused(root, tmp_path / "out", "val_share: pets has no validation part", "such as 0.2")
    report, data = prepared(root, tmp_path / "out", val_share=0.3)
    assert (len(data.train), len(data.val)) == (4, 2)
    assert report.left_out == [("test/", "4 pictures outside the training and validation pictures")]
    (root / "test").rename(root / "val")
    refused(root, tmp_path / "other", "val: files, but no folders: 4; expected val/<class>/ with pictures")


@pytest.mark.parametrize("packed", [False, True])
def test_a_share_of_each_class(tmp_path, packed):
    path = root = flat(tmp_path / "photos", cat=20, dog=10, eel=2)
    if packed:
        path = sources.zipped(root, tmp_path / "photos.zip", "photos/")
    refused(
        path,
        tmp_path / "out",
        f"val_share: {path.name} has no validation part; expected the share of each class to set aside, such as 0.2",
    )
    report, data = prepared(path, tmp_path / "out", val_share=0.2)
    assert data.class_ids == ("cat", "dog", "eel")
    assert np.bincount(data.train.labels).tolist() == [16, 8, 1] and np.bincount(data.val.labels).tolist() == [4, 2, 1]
    assert {key: origin(tmp_path / "out")[key] for key in ("val_share", "seed")} == {"val_share": 0.2, "seed": 0}
    assert report.validation == "a share of 0.2 of each class, at least one: 7 of 32 pictures"
    pictures = {one.tobytes() for split in (data.train, data.val) for one in split.gather(range(len(split)))}
    assert len(pictures) == 32, "every picture is in one part"


def test_the_share_follows_the_seed_and_hardly_the_other_pictures(tmp_path):
    def aside(out, **options):
        _report, data = prepared(tmp_path / "photos", tmp_path / out, val_share=0.25, **options)
        return {one.tobytes() for one in data.val.gather(range(len(data.val)))}

    flat(tmp_path / "photos", cat=20, dog=20)
    first = aside("a")
    assert aside("b") == first != aside("c", seed=1)
    write(tmp_path / "photos/cat/new.png", sources.encoded(sources.picture(999), "PNG"))
    assert len(aside("d") & first) >= 9
    assert len(aside("e", per_class=3) & first) >= 9, "parts do not depend on how many pictures are trained on"


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 20, float("nan")])
def test_shares_out_of_range(tmp_path, share):
    refused(
        tmp_path, tmp_path / "out", f"val_share: found {share:g}, expected a share between 0 and 1", val_share=share
    )


def test_shares_that_cannot_be_taken(tmp_path):
    root = flat(tmp_path / "photos", cat=3, dog=1)
    refused(root, tmp_path / "out", "class 'dog' has 1 picture, expected two or more", val_share=0.5)
    write(root / "dog/bad.png", "not a picture")
    refused(root, tmp_path / "out", "class 'dog' has no", "pictures that can be read", val_share=0.5)
    parts = sources.class_folders(tmp_path / "pets")
    refused(
        parts, tmp_path / "out", "found 0.2, but pets has a validation part", "training pictures alone", val_share=0.2
    )
    report, data = prepared(parts / "train", tmp_path / "out", val_share=0.2)  # as the line says
    assert report.validation and (len(data.train), len(data.val)) == (4, 2)
    cifar = sources.cifar10(tmp_path / "cifar")
    refused(cifar, tmp_path / "none", "cifar has a validation part", val_share=0.2)


def test_a_share_below_one_picture_takes_one_and_says_so(tmp_path):
    report, data = prepared(
        flat(tmp_path / "photos", cat=10, dog=10, eel=10), tmp_path / "out", val_share=0.001, classes=2
    )
    assert len(data.val) == 2 and report.validation == "a share of 0.001 of each class, at least one: 2 of 20 pictures"


def test_only_folders_with_pictures_are_taken_for_classes(tmp_path):
    for name in ("docs", "code"):
        write(tmp_path / "project" / name / "notes.txt", "x")
    refused(tmp_path / "project", tmp_path / "out", "no data set found here")
    assert read_source(flat(tmp_path / "photos", cat=1, dog=1)).class_ids == ("cat", "dog")


def test_pictures_of_one_class_only(tmp_path):
    """One line says what is missing, not what all other formats look like."""
    expected = "expected a folder of pictures for each of two or more classes"
    one, none = flat(tmp_path / "one/top", cat=3), flat(tmp_path / "none", top=3) / "top"
    cat = "pictures of one class only, 'cat'"
    for path, what in (
        (one, cat),
        (one.parent, cat),
        (sources.zipped(one.parent, tmp_path / "one.zip"), cat),
        (none, "pictures, but not in folders"),
        (none.parent, "pictures of one class only, 'top'"),
    ):
        refused(path, tmp_path / "out", f"{path}: {what}; {expected}", val_share=0.2)
    (one / "dog").mkdir()
    refused(one, tmp_path / "out", cat, val_share=0.2)

"""A faulty source gives one line that names the file; labels are never guessed."""

import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from tests.data import sources
from tests.data.sources import WNIDS, write
from tinyalex.data.readers import ilsvrc2012_labels, read_source
from tinyalex.errors import UserError


def refused(path, *parts):
    """Read all labels of a source and expect a one-line UserError that contains `parts`."""
    with pytest.raises(UserError) as raised:
        source = read_source(path)
        for chunk in [*source.train, *source.val]:
            assert len(chunk.labels)
    message = str(raised.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message


def test_nothing_there(tmp_path):
    refused(tmp_path / "nowhere", "nowhere: no such file or folder")
    refused(tmp_path, "no data set found here; expected tiny-imagenet")
    write(tmp_path / "done" / "meta.json", "{}")
    refused(tmp_path / "done", "already prepared")
    refused(write(tmp_path / "notes.txt", "x"), "expected a folder, a .zip")


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_files_that_are_not_archives(tmp_path, name):
    refused(write(tmp_path / name, ""), name, "the file is empty")
    refused(write(tmp_path / name, b"<html>404</html>"), name, "not a readable", "cut short")


def test_archives_cut_short(tmp_path):
    root = sources.tiny_imagenet(tmp_path / "tiny", 1, 1)
    for path in (
        sources.zipped(root, tmp_path / "a.zip"),
        sources.tarred(root, tmp_path / "a.tar"),
        sources.tarred(root, tmp_path / "a.tar.gz", mode="w:gz"),
    ):
        write(path, path.read_bytes()[: path.stat().st_size // 2])
        refused(path, path.name, "cut short")


def test_archives_with_other_contents(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(tmp_path / "a.zip", "no data set found")
    refused(tmp_path, "no data set found here or in its archives; expected")
    with zipfile.ZipFile(tmp_path / "none.zip", "w"):
        pass
    refused(tmp_path / "none.zip", "no data set found")
    packed = sources.tarred(sources.class_folders(tmp_path / "pets"), tmp_path / "pets.tar.gz", mode="w:gz")
    refused(packed, "unpack it first")


def test_a_damaged_archive_beside_a_good_one(tmp_path):
    here = tmp_path / "downloads"
    write(here / "a.zip", "")
    sources.zipped(sources.class_folders(tmp_path / "pets"), here / "pets.zip")
    assert read_source(here).expected == 10
    (here / "pets.zip").unlink()
    refused(here, "nor in its archives", "a.zip: the file is empty")


def test_zips_with_unsupported_compression(tmp_path):
    root = sources.tiny_imagenet(tmp_path / "tiny", 1, 1)
    refused(sources.zipped(root, tmp_path / "a.zip", method=zipfile.ZIP_LZMA), "unusual way")


@pytest.mark.parametrize(
    "damage, parts",
    [
        (
            lambda root: (root / "wnids.txt").unlink(),
            ["wnids.txt: missing; expected a text file, with a line for each entry"],
        ),
        (lambda root: (root / "val/val_annotations.txt").unlink(), ["val_annotations.txt: missing"]),
        (lambda root: (root / "val/images/val_1.JPEG").unlink(), ["val_1.JPEG is listed but not in val/images"]),
        (lambda root: write(root / "val/images/x.JPEG", "x"), ["x.JPEG is in val/images but not listed"]),
        (lambda root: write(root / "val/val_annotations.txt", "val_0.JPEG\tn99999999"), ["n99999999", "wnids.txt"]),
        (lambda root: write(root / "val/val_annotations.txt", "val_0.JPEG n1"), ["after a tab"]),
        (lambda root: write(root / "val/val_annotations.txt", f"a\t{WNIDS[0]}\n" * 2), ["listed twice"]),
        (lambda root: write(root / "wnids.txt", f"{WNIDS[0]}\n" * 2), ["a class is listed twice"]),
        (lambda root: write(root / "wnids.txt", WNIDS[0]), [f"train/{min(WNIDS[1:])}", "not in wnids.txt"]),
        (lambda root: write(root / "wnids.txt", b"\xff\xfe"), ["wnids.txt: expected text"]),
    ],
)
def test_tiny_imagenet(tmp_path, damage, parts):
    root = sources.tiny_imagenet(tmp_path / "tiny", 1, 2)
    damage(root)
    refused(root, *parts)


def test_class_folders(tmp_path):
    refused(sources.class_folders(tmp_path / "a", ["cat"]), "only the class 'cat'", "two or more")
    odd = sources.class_folders(tmp_path / "c")
    (odd / "val/dog").rename(odd / "val/dgo")
    refused(odd, "val/dgo: there is no such class in train")
    only = sources.class_folders(tmp_path / "d", train=0)
    said = "val: only validation pictures; expected train/<class>/ beside it, or this folder by itself, unpacked"
    refused(only, f"{only}/{said}")
    refused(sources.zipped(only, tmp_path / "d.zip", "d/"), f"d.zip: d/{said}")
    (only / "train").mkdir()
    refused(only, "train: no class")


@pytest.mark.parametrize(
    "content, parts",
    [
        ({"data": sources.planes(2, 32), "labels": [0, 4]}, ["label 4 is out of range, expected 0 to 3"]),
        ({"data": sources.planes(2, 32), "labels": [0, -1]}, ["label -1 is out of range"]),
        ({"data": sources.planes(2, 32), "labels": [0]}, ["one integer for each of 2 pictures"]),
        ({"data": sources.planes(2, 32), "labels": [0, 0.5]}, ["a float among the labels"]),
        ({"data": sources.planes(2, 32).astype(np.float32), "labels": [0, 0]}, ["pictures are float32"]),
        ({"data": np.zeros((2, 3071), np.uint8), "labels": [0, 0]}, ["(2, 3071)", "3·S·S"]),
        ({"data": [1, 2], "labels": [0, 0]}, ["pictures are"]),
        ({"data": [[1], [2, 3]], "labels": [0, 0]}, ["pictures are a list, expected an array"]),
        ({"data": sources.planes(2, 32), "labels": np.zeros(2)}, ["labels are float64"]),
        ({"data": sources.planes(2, 32), "labels": [[0], [0, 1]]}, ["a list among the labels"]),
        ({"data": sources.planes(2, 32), "labels": {0: 1}}, ["a dict among the labels"]),
        ({"data": sources.planes(2, 32), "labels": 10**30}, ["labels are object ()"]),
        ({"data": sources.planes(2, 64), "labels": [0, 0]}, ["pictures of side 64, expected 32"]),
        ({"labels": [0]}, ["expected 'data' and 'labels'"]),
        (["data"], ["expected a dict, found a list"]),
    ],
)
def test_cifar_batches(tmp_path, content, parts):
    root = sources.cifar10(tmp_path / "cifar")
    write(root / "data_batch_3", pickle.dumps(content))
    refused(root, "data_batch_3: ", *parts)


def test_cifar_files(tmp_path):
    root = sources.cifar10(tmp_path / "cifar")
    whole = (root / "data_batch_2").read_bytes()
    write(root / "data_batch_2", whole[:1000])
    refused(root, "data_batch_2: not a readable pickle", "cut short")
    (root / "data_batch_2").unlink()
    refused(root, "data_batch_2: missing")
    write(root / "data_batch_2", whole)
    for names in ([], ["a", "a"], None, [["a"], ["b"]], [1, 2]):
        write(root / "batches.meta", pickle.dumps({"label_names": names}))
        refused(root, "batches.meta", "class names")


def test_imagenet_batches(tmp_path):
    root = sources.imagenet_batches(tmp_path / "set", batches=3)
    good = {"data": sources.planes(3, 8), "labels": [1, 2, 3]}
    for labels, wrong in (([0, 1, 2], 0), ([1, 2, 4], 4)):  # labels begin at 1
        sources.save_batch(root / "train_data_batch_2", good | {"labels": labels})
        refused(root, f"train_data_batch_2: label {wrong} is out of range, expected 1 to 3")
    sources.save_batch(root / "train_data_batch_2", {"data": sources.planes(3, 16), "labels": [1, 2, 3]})
    refused(root, "train_data_batch_2: pictures of side 16, expected 8")
    (root / "train_data_batch_2").unlink()
    refused(root, "train_data_batch_2: missing")
    sources.save_batch(root / "train_data_batch_2", good)
    sources.save_batch(root / "train_data_batch_1", good | {"labels": [1, [2], [3, 3]]})
    refused(root, "train_data_batch_1: a list among the labels")
    sources.save_batch(root / "train_data_batch_1", good)
    sources.save_batch(root / "again" / "train_data_batch_2", good, "npz")
    refused(root, "the same batch is also at")
    (root / "again/train_data_batch_2.npz").unlink()
    (root / "val_data").unlink()
    assert read_source(root).val == [] and read_source(root).elsewhere.startswith("val_data; the parts are downloads")


def test_imagenet_npz(tmp_path):
    root = sources.imagenet_batches(tmp_path / "set", form="npz")
    write(root / "val_data.npz", (root / "val_data.npz").read_bytes()[:200])
    refused(root, "val_data.npz: not a readable .npz")
    sources.save_batch(root / "val_data", {"data": np.array([{}]), "labels": [1]}, "npz")
    refused(root, "val_data.npz: not a readable .npz")
    sources.save_batch(root / "val_data", {"labels": [1]}, "npz")
    refused(root, "val_data.npz: expected a dict with 'data' and 'labels'")


@pytest.mark.parametrize("text", ["n1 one", "n1 1 a\nn2 3 b", "n1 1 a\nn1 2 b", "n1"])
def test_imagenet_class_maps(tmp_path, text):
    root = sources.imagenet_batches(tmp_path / "set")
    write(root / "map_clsloc.txt", text)
    refused(root, "map_clsloc.txt")


def without_labels(tmp_path):
    return sources.ilsvrc2012(tmp_path / "ilsvrc", labels=None)


def test_ilsvrc_needs_labels(tmp_path):
    refused(without_labels(tmp_path), "ILSVRC2012_validation_ground_truth.txt: missing")


@pytest.mark.parametrize(
    "files, parts",
    [
        ({"ILSVRC2012_validation_ground_truth.txt": "1\n2\n3"}, ["do not follow the sorted", "add map_clsloc.txt"]),
        # the well-known lists are sorted: read as the order of the numbers, they would mislabel nearly everything
        (
            {"ILSVRC2012_validation_ground_truth.txt": "1\n2\n3", "synsets.txt": "\n".join(sorted(WNIDS))},
            ["add map_clsloc.txt"],
        ),
        ({"ILSVRC2012_validation_ground_truth.txt": "1\n2\n0", "synsets.txt": "\n".join(WNIDS)}, ["label 0 is out"]),
        ({"ILSVRC2012_validation_ground_truth.txt": "1\n2\n4", "synsets.txt": "\n".join(WNIDS)}, ["label 4 is out"]),
        (
            {"ILSVRC2012_validation_ground_truth.txt": "1\n2", "synsets.txt": "\n".join(WNIDS)},
            ["2 labels, none for ILSVRC2012_val_00000003"],
        ),
        ({"ILSVRC2012_validation_ground_truth.txt": "1\n2\ncat"}, ["'cat'", "one number"]),
        ({"ILSVRC2012_validation_ground_truth.txt": "1\n2\n3", "synsets.txt": "cat\ndog"}, ["synsets.txt: expected"]),
        (
            {"imagenet_2012_validation_synset_labels.txt": "n99999999\n" * 3},
            ["all 3 pictures are of a class without training pictures"],
        ),
        ({"LOC_val_solution.csv": "ImageId,P\nILSVRC2012_val_00000001,cat 1"}, ["WordNet id"]),
    ],
)
def test_uncertain_ilsvrc_labels(tmp_path, files, parts):
    root = without_labels(tmp_path)
    for name, text in files.items():
        write(root / name, text)
    refused(root, *parts)


def test_the_first_labels_of_the_full_validation_set_are_checked(tmp_path, monkeypatch):
    root = sources.ilsvrc2012(tmp_path / "ilsvrc")
    monkeypatch.setattr(ilsvrc2012_labels, "FULL_COUNT", 3)
    for known, number, wnid in (([WNIDS[1], WNIDS[0]], 1, WNIDS[0]), ([WNIDS[0], WNIDS[2]], 2, WNIDS[1])):
        monkeypatch.setattr(ilsvrc2012_labels, "FIRST_WNIDS", known)
        refused(root, f"0000000{number} is labelled {wnid} but known to be {known[number - 1]}: ", "something else")
    monkeypatch.setattr(ilsvrc2012_labels, "FIRST_WNIDS", [WNIDS[0], WNIDS[1]])
    assert read_source(root).expected == 9


def test_ilsvrc_tars(tmp_path):
    root = sources.ilsvrc2012(tmp_path / "ilsvrc")
    val, train = root / "ILSVRC2012_img_val.tar", root / "ILSVRC2012_img_train.tar"
    refused(val, "give the folder")
    refused(train, "give the folder")
    whole = train.read_bytes()
    write(train, whole[:11_000])
    refused(root, "ILSVRC2012_img_train.tar", "cut short")
    train.unlink()
    refused(root, "0 classes to train on")
    write(train, whole)
    val.unlink()
    refused(root, "val: missing, or without pictures", "ILSVRC2012_img_val.tar")
    sources.tarred(sources.class_folders(tmp_path / "pets"), val)
    refused(root, "expected ILSVRC2012_val_00000001.JPEG")


def test_ilsvrc_damage_inside_a_class(tmp_path):
    root = sources.ilsvrc2012(tmp_path / "ilsvrc")
    train = root / "ILSVRC2012_img_train.tar"
    with tarfile.open(train) as archive:
        start = archive.getmembers()[1].offset_data
    data = bytearray(train.read_bytes())
    data[start : start + 512] = b"\xff" * 512  # the first header inside
    write(train, bytes(data))
    refused(root, f"not a readable tar at byte {start:,};")

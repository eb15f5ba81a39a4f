"""Data sets in every form in which they are handed out: zips, binary files, other arrays; and folders of them."""

import zipfile

import numpy as np
import pytest

from tests.data import sources
from tests.data.sources import write
from tests.data.test_prepare import refused as refused_by_prepare
from tests.data.test_readers import contents, same
from tests.data.test_readers_refuse import refused
from tinyalex.data.prepare import prepare
from tinyalex.data.prepared import open_prepared
from tinyalex.data.readers import read_source
from tinyalex.errors import UserError


def imagenet_zips(root, **options):
    """ImageNet batches as two zips, as they are downloaded, each with a folder; returns (their folder, the batches)."""
    batches = sources.imagenet_batches(root / "batches", **options)
    for part in ("train", "val"):
        folder = root / part
        for file in batches.glob(f"{part}_data*"):
            write(folder / file.name, file.read_bytes())
        (root / "zips").mkdir(exist_ok=True)
        sources.zipped(folder, root / "zips" / f"Imagenet8_{part}.zip", f"{part}/", zipfile.ZIP_DEFLATED)
    write(root / "zips" / "map_clsloc.txt", (batches / "map_clsloc.txt").read_bytes())
    return root / "zips", batches


@pytest.mark.parametrize("form", ["pickle", "npz"])
@pytest.mark.parametrize("named", [False, True])
def test_imagenet_as_two_zips(tmp_path, form, named):
    zips, batches = imagenet_zips(tmp_path, form=form)
    source, plain = read_source(list(zips.iterdir()) if named else zips), read_source(batches)
    assert (source.format, source.size, source.expected) == ("imagenet-batches", 8, 9)
    assert source.class_ids == plain.class_ids
    same(source.train, plain.train)
    same(source.val, plain.val)


def test_one_imagenet_zip_says_what_else_is_needed(tmp_path):
    zips, _batches = imagenet_zips(tmp_path)
    told = "or val_data; the parts are downloads of their own: name all of them, or the folder"
    refused_by_prepare(zips / "Imagenet8_train.zip", tmp_path / "out", "has no validation part", "such as 0.2", told)
    refused(zips / "Imagenet8_val.zip", "train_data_batch_1: missing", "name all of them, or the folder")
    damaged = zips / "Imagenet8_val.zip"
    write(damaged, damaged.read_bytes()[:-30])
    refused(zips, "Imagenet8_val.zip: not a readable zip")
    damaged.unlink()
    refused_by_prepare(zips, tmp_path / "out", "has no validation part", told)


@pytest.mark.parametrize("form", ["pickle", "npz"])
def test_a_share_of_imagenet_without_its_validation_part(tmp_path, form):
    """Exactly the share of each class, over all batches; every picture in one part; the next seed takes others."""
    root, labels = tmp_path / "batches", [1, 2, 3] * 4
    for i in (1, 2, 3):
        sources.save_batch(root / f"train_data_batch_{i}", {"data": sources.planes(12, 8, i), "labels": labels}, form)
    write(root / "map_clsloc.txt", "".join(f"{wnid} {i} name_{i}\n" for i, wnid in enumerate(sources.WNIDS, 1)))
    sets = []
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        report = prepare(root, tmp_path / out, val_share=0.25, seed=seed, quiet=True)
        data = open_prepared(report.path)
        assert np.bincount(data.train.labels).tolist() == [9] * 3 and np.bincount(data.val.labels).tolist() == [3] * 3
        train, val = ({one.tobytes() for one in split.gather(range(len(split)))} for split in (data.train, data.val))
        assert len(train | val) == 36 and not train & val
        sets.append(val)
        for picture, label in zip(data.val.gather(range(9)), data.val.labels):
            rows = sources.planes(12, 8, 1), sources.planes(12, 8, 2), sources.planes(12, 8, 3)
            plane = picture.transpose(2, 0, 1).reshape(-1)
            (row,) = np.flatnonzero((np.concatenate(rows) == plane).all(axis=1))
            assert label == row % 3
    assert sets[0] == sets[1] != sets[2]
    assert report.validation == "a share of 0.25 of each class, at least one: 9 of 36 pictures"


def test_unpacked_batches_come_before_their_zips(tmp_path):
    zips, _batches = imagenet_zips(tmp_path)
    other = {"data": sources.planes(3, 8, seed=99), "labels": [1, 2, 3]}
    sources.save_batch(zips / "train_data_batch_2", other)
    second = contents(read_source(zips).train)[0][3:]
    np.testing.assert_array_equal(second[:, :, :, 0].reshape(3, 64), other["data"][:, :64])
    sources.zipped(tmp_path / "val", zips / "again.zip")
    refused(zips, "the same batch is also at")


@pytest.mark.parametrize("form", ["pickle", "npz"])
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("axes", ["N3SS", "NSS3"])
def test_labels_from_0_and_other_axes(tmp_path, form, first, axes):
    plain = sources.imagenet_batches(tmp_path / "plain")
    for i, name in enumerate(("train_data_batch_1", "train_data_batch_2", "val_data")):
        data = sources.planes(3, 8, i).reshape(3, 3, 8, 8)
        data = data.transpose(0, 2, 3, 1) if axes == "NSS3" else data
        content = {"data": data, "labels": np.arange(first, first + 3)[:, None]}
        sources.save_batch(tmp_path / "other" / name, content, form)
    write(tmp_path / "other/map_clsloc.txt", (plain / "map_clsloc.txt").read_bytes())
    one, other = read_source(plain), read_source(tmp_path / "other")
    same(one.train, other.train)
    same(one.val, other.val)


def test_labels_never_change_their_beginning(tmp_path):
    root = sources.imagenet_batches(tmp_path / "set")
    sources.save_batch(root / "train_data_batch_1", {"data": sources.planes(3, 8), "labels": [0, 1, 2]})
    refused(root, "train_data_batch_2: label 3 is out of range, expected 0 to 2")
    sources.save_batch(root / "train_data_batch_1", {"data": sources.planes(3, 8), "labels": [0, 1, 3]})
    refused(root, "train_data_batch_1: label 0 is out of range, expected 1 to 3")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("hundred", [False, True])
@pytest.mark.parametrize("labels", [None, "fine", "coarse"])
def test_cifar_in_binary_is_the_same(tmp_path, packed, hundred, labels):
    if labels and not hundred:
        pytest.skip("CIFAR-10 has one kind of labels")
    pickled = (sources.cifar100 if hundred else sources.cifar10)(tmp_path / "pickled")
    path = binary = sources.binary(tmp_path / "binary", pickled, hundred)
    if packed:
        path = sources.tarred(binary, tmp_path / "cifar-binary.tar.gz", "cifar-batches-bin/", "w:gz")
    one, other = read_source(pickled, labels=labels), read_source(path, labels=labels)
    assert one.class_ids == other.class_ids and one.expected == other.expected
    same(one.train, other.train)
    same(one.val, other.val)


def test_coarse_labels_on_request(tmp_path):
    source = read_source(sources.cifar100(tmp_path / "cifar"), labels="coarse")
    assert source.class_ids == ("animals", "fruit")
    assert contents(source.train)[1] == [0, 0, 1, 0, 0, 1] and contents(source.val)[1] == [0, 0, 1]


@pytest.mark.parametrize("make", [sources.cifar10, sources.class_folders])
def test_labels_that_are_not_there(tmp_path, make):
    with pytest.raises(UserError, match="labels: found 'coarse'.* one label each"):
        read_source(make(tmp_path / "set"), labels="coarse")
    with pytest.raises(UserError, match="labels: found 'rough', expected fine or coarse"):
        read_source(sources.cifar100(tmp_path / "hundred"), labels="rough")


def test_binary_files_that_are_cut_short(tmp_path):
    root = sources.binary(tmp_path / "binary", sources.cifar10(tmp_path / "pickled"))
    write(root / "data_batch_2.bin", (root / "data_batch_2.bin").read_bytes()[:-1])
    refused(root, "data_batch_2.bin: 12,291 bytes, expected rows of 3,073")
    (root / "batches.meta.txt").unlink()
    refused(root, "batches.meta.txt: missing")


def test_a_folder_with_one_data_set_in_it(tmp_path):
    root = sources.tiny_imagenet(tmp_path / "tiny")
    folder = write(tmp_path / "here/notes.txt", "x").parent
    sources.zipped(root, folder / "a.zip", "tiny/")
    with zipfile.ZipFile(folder / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert read_source(folder).format == "tiny-imagenet"
    sources.tarred(sources.cifar10(tmp_path / "cifar"), folder / "c.tar.gz", mode="w:gz")
    refused(folder, "holds several data sets; name one of a.zip, c.tar.gz")
    assert [read_source(folder / name).format for name in ("a.zip", "c.tar.gz")] == ["tiny-imagenet", "cifar"]
    assert read_source(folder, "cifar").format == "cifar"
    sources.cifar10(folder / "batches"), write(folder / "empty/notes.txt", "x")
    refused(folder, "holds several data sets; name one of batches, a.zip, c.tar.gz")


def test_advice_never_leads_in_a_circle(tmp_path):
    """Whatever a line says to name instead can be read, or says something else."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    for path in (tmp_path, tmp_path / "a.zip"):
        with pytest.raises(UserError, match="no data set found") as raised:
            read_source(path)
        assert "name" not in str(raised.value).replace(str(tmp_path), "")
    write(tmp_path / "a.zip", b"PK\3\4")
    refused(tmp_path, "a.zip: not a readable zip")


def test_sources_named_one_by_one(tmp_path):
    root = sources.class_folders(tmp_path / "pets")
    write(root / "meta.json", "{}")
    source = read_source([root / "train", root / "val"])
    same(source.train, read_source(root).train)
    with pytest.raises(UserError, match="no such file or folder"):
        read_source([root / "train", root / "vla"])
    with pytest.raises(UserError, match="expected sources in one folder"):
        read_source([root / "train", root / "train/cat"])

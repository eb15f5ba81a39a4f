"""Each format read from tiny sources: classes, labels and order are exactly the source's."""

import pickle
import zipfile

import numpy as np
import pytest

from tests.data import sources
from tests.data.sources import WNIDS, write
from tinyalex.data.pictures import decode_picture
from tinyalex.data.readers import READERS, read_source
from tinyalex.errors import UserError


def contents(chunks, size=8):
    """Pictures, labels and names of all chunks together."""
    chunks = list(chunks)
    pictures = np.concatenate([chunk.pictures(size)[0] for chunk in chunks])
    names = [name for chunk in chunks for name in getattr(chunk, "names", [])]
    return pictures, np.concatenate([chunk.labels for chunk in chunks]).tolist(), names


def same(one, other):
    for a, b in zip(contents(one), contents(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("packed", ["folder", "zip", "deflated", "below a folder", "in a tar"])
def test_tiny_imagenet(tmp_path, packed):
    root = sources.tiny_imagenet(tmp_path / "set" / "tiny" if packed == "below a folder" else tmp_path / "set")
    path = {
        "folder": lambda: root,
        "below a folder": lambda: root.parent,
        "zip": lambda: sources.zipped(root, tmp_path / "a.zip", "tiny-imagenet-200/"),
        "deflated": lambda: sources.zipped(root, tmp_path / "a.zip", method=zipfile.ZIP_DEFLATED),
        "in a tar": lambda: sources.tarred(root, tmp_path / "a.tar", "./tiny/"),
    }[packed]()
    source = read_source(path)
    assert (source.format, source.size, source.expected) == ("tiny-imagenet", 64, 13)
    assert source.class_ids == WNIDS
    assert source.class_names == ("kit fox, Vulpes macrotis", "tench", WNIDS[2])
    pictures, labels, names = contents(source.train, 64)
    assert labels == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert names[4] == f"train/{WNIDS[1]}/images/{WNIDS[1]}_1.JPEG"
    np.testing.assert_array_equal(pictures[4], decode_picture((root / names[4]).read_bytes(), 64))
    assert contents(source.val)[1] == [0, 1, 2, 0]


def test_class_folders(tmp_path):
    root = sources.class_folders(tmp_path / "pets")
    write(root / "train/cat/.hidden", "x")
    source = read_source(root)
    assert (source.format, source.size, source.class_ids) == ("class-folders", 64, ("cat", "dog"))
    _pictures, labels, names = contents(source.train)
    assert labels == [0, 0, 0, 1, 1, 1]
    assert names[:3] == ["train/cat/0a.jpg", "train/cat/1b.png", "train/cat/2c.gif"]
    same(source.val, read_source(sources.zipped(root, tmp_path / "pets.zip")).val)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("packed", [False, True])
def test_cifar10(tmp_path, protocol, packed):
    path = root = sources.cifar10(tmp_path / "cifar", protocol)
    if packed:
        path = sources.tarred(root, tmp_path / "cifar-10-python.tar.gz", "cifar-10-batches-py/", "w:gz")
    source = read_source(path)
    assert (source.format, source.size, source.expected) == ("cifar", 32, 24)
    assert source.class_names == ("airplane", "automobile", "bird", "cat")
    pictures, labels, _names = contents(source.train, 32)
    assert labels == [3, 0, 2, 1] * 5
    third_batch = sources.planes(4, 32, 2)
    np.testing.assert_array_equal(pictures[8, :, :, 1], third_batch[0, 1024:2048].reshape(32, 32))  # its green plane
    assert contents(source.val)[1] == [3, 0, 2, 1]


def test_cifar100(tmp_path):
    source = read_source(sources.cifar100(tmp_path / "cifar"))
    assert source.class_ids == ("apple", "bear", "crab")
    assert contents(source.train)[1] == [2, 1, 0, 2, 1, 0] and contents(source.val)[1] == [2, 1, 0]


@pytest.mark.parametrize("form", ["pickle", "npz"])
def test_imagenet_batches(tmp_path, form):
    source = read_source(sources.imagenet_batches(tmp_path / "set", 8, form))
    assert (source.format, source.size, source.expected) == ("imagenet-batches", 8, 9)
    assert source.class_ids == WNIDS and source.class_names[0] == "name 1"
    pictures, labels, _names = contents(source.train, 8)
    assert labels == [0, 1, 2, 0, 1, 2]
    second_batch = sources.planes(3, 8, 1)
    np.testing.assert_array_equal(pictures[5, :, :, 2], second_batch[2, 128:].reshape(8, 8))
    assert contents(source.val)[1] == [0, 1, 2]


def test_imagenet_batches_resized_and_in_two_folders(tmp_path):
    root = sources.imagenet_batches(tmp_path / "set", 16)
    write(root / "part2" / "train_data_batch_2", (root / "train_data_batch_2").read_bytes())
    (root / "train_data_batch_2").unlink()
    source = read_source(root)
    assert source.size == 16 and contents(source.train, 8)[0].shape == (6, 8, 8, 3)


def test_imagenet_batches_without_a_map_have_the_thousand_published_classes(tmp_path):
    source = read_source(sources.imagenet_batches(tmp_path / "set", 8, batches=1, named=False))
    assert len(source.class_ids) == 1000 and source.class_names[999] == "class 1000"
    assert contents(source.train)[1] == list(range(1000))


@pytest.mark.parametrize("labels", ["numbers", "wnids", "solution"])
@pytest.mark.parametrize("nested", [True, False])
def test_ilsvrc2012(tmp_path, labels, nested):
    source = read_source(sources.ilsvrc2012(tmp_path / "ilsvrc", labels=labels, nested=nested))
    assert (source.format, source.size, source.expected) == ("ilsvrc2012", 256, 9)
    assert source.class_ids == tuple(sorted(WNIDS))
    assert source.class_names[:2] == ("tench, Tinca tinca", "setter")
    pictures, numbers, names = contents(source.train, 16)
    assert numbers == [0, 0, 1, 1, 2, 2]
    assert names[4] == f"{WNIDS[0]}_0.JPEG"  # the kit fox comes first by number, last by WordNet id
    fox = decode_picture(sources.encoded(sources.picture(0, (40, 30))), 16)
    np.testing.assert_array_equal(pictures[4], fox)
    # val 1 to 3 are numbered 1, 2, 3, which are the fox, the tench and the setter
    assert contents(source.val)[1] == [2, 0, 1]


def test_ilsvrc2012_with_the_order_of_numbers_as_a_list(tmp_path):
    root = sources.ilsvrc2012(tmp_path / "ilsvrc")
    (root / "map_clsloc.txt").unlink()
    write(root / "synsets.txt", "\n".join(WNIDS))
    assert contents(read_source(root).val)[1] == [2, 0, 1]


def test_a_named_format_is_not_guessed(tmp_path):
    root = sources.class_folders(tmp_path / "pets")
    assert read_source(root, "class-folders").format == "class-folders"
    with pytest.raises(UserError, match="no data set found here; expected cifar"):
        read_source(root, "cifar")


@pytest.mark.parametrize(
    "asked, near", [("tinyimagenet", "tiny-imagenet"), ("cifar10", "cifar"), ("ilsvrc", "ilsvrc2012")]
)
def test_an_unknown_format_suggests_the_nearest(tmp_path, asked, near):
    with pytest.raises(UserError, match=rf"\(did you mean {near}\?\)"):
        read_source(tmp_path, asked)


def test_every_reader_describes_itself():
    for name, reader in READERS.items():
        assert reader.NAME == name and reader.EXPECTS and reader.__doc__


def test_a_file_chunk_pickles_small(tmp_path):
    root = sources.tiny_imagenet(tmp_path / "tiny")
    for path in (root, sources.zipped(root, tmp_path / "a.zip")):
        chunk = read_source(path).train[0].take(np.arange(2))
        again = pickle.loads(pickle.dumps(chunk))
        assert len(pickle.dumps(chunk)) < 1200
        same([chunk], [again])

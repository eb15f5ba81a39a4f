"""Tiny ImageNet as scripts leave it, with its validation pictures sorted into classes."""

import pytest

from tests.data import sources
from tests.data.sources import WNIDS, encoded, picture, write
from tests.data.test_readers import contents
from tests.data.test_readers_refuse import refused
from tinyalex.data.prepare import prepare
from tinyalex.data.readers import read_source

FOX, TENCH, SETTER = WNIDS


def sorted_tiny(root, images, keep_list, leave=0):
    """Tiny ImageNet after a script that sorts val, with images/ or without, all but the first `leave` pictures."""
    rows = [line.split("\t") for line in (root / "val/val_annotations.txt").read_text().splitlines()]
    for file, wnid, *_box in rows[leave:]:
        target = root / "val" / wnid / ("images" if images else "") / file
        target.parent.mkdir(parents=True, exist_ok=True)
        (root / "val/images" / file).rename(target)
    if not leave:
        (root / "val/images").rmdir()
    if not keep_list:
        (root / "val/val_annotations.txt").unlink()
    return root


@pytest.mark.parametrize("leave", [0, 1])
@pytest.mark.parametrize("images", [True, False])
def test_sorted_tiny_imagenet_with_its_list_is_the_published_one(tmp_path, images, leave):
    published = prepare(sources.tiny_imagenet(tmp_path / "tiny"), tmp_path / "one", quiet=True)
    root = sorted_tiny(sources.tiny_imagenet(tmp_path / "sorted"), images, True, leave)
    assert prepare(root, tmp_path / "two", quiet=True).fingerprint == published.fingerprint


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("images", [True, False])
def test_sorted_tiny_imagenet_without_its_list(tmp_path, images, packed):
    root = path = sorted_tiny(sources.tiny_imagenet(tmp_path / "tiny"), images, False)
    write(root / f"train/{FOX}/{FOX}_boxes.txt", "x")
    if packed:
        path = sources.zipped(root, tmp_path / "tiny.zip", "tiny/")
    source = read_source(path)
    assert (source.format, source.left_out) == ("tiny-imagenet", ())
    assert contents(source.val)[1] == [0, 0, 1, 2]  # pictures 0 and 3 are foxes
    assert [file.rpartition("/")[2] for file in contents(source.val)[2]] == [f"val_{i}.JPEG" for i in (0, 3, 1, 2)]


def test_flat_and_sorted_tiny_imagenet_without_its_list(tmp_path):
    root = sorted_tiny(sources.tiny_imagenet(tmp_path / "tiny"), False, False, leave=1)
    write(root / "test/images/test_0.JPEG", encoded(picture(0)))
    source = read_source(root)
    assert contents(source.val)[1] == [0, 1, 2]
    no_list = "in no folder of a class, and val/val_annotations.txt is missing"
    outside = "1 picture outside the training and validation pictures"
    assert source.left_out == (("test/", outside), ("val/images/", f"1 picture {no_list}"))


@pytest.mark.parametrize("keep_list", [True, False])
@pytest.mark.parametrize("images", [True, False])
@pytest.mark.parametrize("copied", [2, 4])
def test_copied_instead_of_moved(tmp_path, images, keep_list, copied):
    """Scripts that copy pictures into folders of classes leave val/images: each picture counts once."""
    root = sources.tiny_imagenet(tmp_path / "tiny")
    flat = {file.name: file.read_bytes() for file in (root / "val/images").iterdir()}
    sorted_tiny(root, images, keep_list, leave=4 - copied)
    for name, content in flat.items():
        write(root / "val/images" / name, content)
    source = read_source(root)
    twice, no_label = "also in a folder of a class", "in no folder of a class, and val/val_annotations.txt is missing"
    assert contents(source.val)[1] == ([0, 1, 2, 0] if keep_list else {4: [0, 0, 1, 2], 2: [0, 2]}[copied])
    if copied == 4:
        assert source.left_out == (("val/images/", f"4 pictures {twice}"),)
    elif keep_list:
        assert source.left_out == tuple((f"val/images/val_{i}.JPEG", twice) for i in (2, 3))
    else:
        assert source.left_out == (("val/images/", f"4 pictures {twice}, or {no_label}"),)


def test_sorted_tiny_imagenet_against_its_list(tmp_path):
    root = sorted_tiny(sources.tiny_imagenet(tmp_path / "tiny"), False, True)
    (root / "val" / FOX / "val_0.JPEG").rename(root / "val" / TENCH / "val_0.JPEG")
    refused(root, "val_0.JPEG: val/val_annotations.txt lists it in another class")
    (root / "val" / SETTER).rename(root / "val/n99999999")
    refused(root, "val/n99999999: this class is not in wnids.txt")

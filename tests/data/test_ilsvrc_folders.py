"""ILSVRC-2012 in folders, as Kaggle, Caffe and the devkit describe it: right labels, and every loss listed."""

import base64
import os

import pytest

from tests.data import sources
from tests.data.sources import WNIDS, encoded, picture, write
from tests.data.test_readers import contents, same
from tests.data.test_readers_refuse import refused
from tinyalex.data.prepare import prepare
from tinyalex.data.readers import read_source
from tinyalex.data.readers.matfile import mat_table
from tinyalex.errors import UserError

FOX, TENCH, SETTER = WNIDS  # numbered 1, 2, 3 by ILSVRC; sorted: tench, setter, fox
OF_VAL = [FOX, TENCH, SETTER, TENCH]
KAGGLE = "ILSVRC/Data/CLS-LOC"

# Written by SciPy: a table of the three classes, and of "entity" above them, with the devkit's fields
META = """
TUFUTEFCIDUuMCBNQVQtZmlsZSBQbGF0Zm9ybTogcG9zaXgsIENyZWF0ZWQgb246IFN1biBOb3YgMjkgMDg6MTQ6MDEgMjAyNgAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABSU0PAAAApwEAAHic7ZTRTsIwFIbLgggxIeCVXpg08ZaLbaLDK0nURBJjiBr0blmg
bI2jM2uJ8gY+gA/qI9hCN0ozMmC3nOWwnUP+r93Zn9YBAGYNgAq/V3kaYBEHsi7zLMk85ElnhCJG+f9l0JT9H569x5fB861tWrbbuxOAt6fFPY2vKB5R
teGHEV1pkOnEHQY4HMWIzBsrRcIgiLkBwn7ApITFHiYunng+oqDOmx2wfJ+K9j4lJUXUZH8RfzdC31X05Qx9TdE3ZE1M27Kunc617AvOQw7nROOI+gMz
OI6+W3AwDT8RhRNvGEcMU8F7z+GdazxRe3A+ZhiN4Tp0ul9T4ddy5mbIJ12nzzsJdd6Jruh32lnf/+0WWx90d/eJ1W6bzlVbmUOeT441jqgZIsOgBV8x
GXqQid8lr5/DO9N4olZ8kone+2Ob9asF/GFbpulcXCpzyOPUNY6o74kfYhpAflgzFG/mi1ONI2rFFzoy3d/eF5uu3yjgCx6W0zbXzCGLU9E4okaEYTbb
7NxpanpRK35IUOl+tvWBkaE7ytAZiq7ML6EseH4X1v8DZa+CJg==
"""


def name(number, ending="JPEG"):
    return f"ILSVRC2012_val_{number:08d}.{ending}"


def extracted(root, inside="", labels=None, sort=(), ending="JPEG"):
    """ILSVRC-2012 in folders: two training pictures of each class, four validation pictures, those in `sort` sorted."""
    for label, wnid in enumerate(WNIDS):
        for i in range(2):
            write(root / inside / "train" / wnid / f"{wnid}_{i}.JPEG", encoded(picture(10 * label + i, (40, 30))))
    for number, wnid in enumerate(OF_VAL, 1):
        folder = wnid if number in sort else ""
        kind = "PNG" if ending == "png" else "JPEG"
        write(root / inside / "val" / folder / name(number, ending), encoded(picture(500 + number, (30, 40)), kind))
    for file, text in LABELS[labels].items():
        write(root / file, text)
    return root


SOLUTION = "ImageId,PredictionString\n" + "".join(
    f"ILSVRC2012_val_{number:08d},{wnid} 1 2 3 4 \n" for number, wnid in reversed([*enumerate(OF_VAL, 1)])
)
CAFFE = "".join(f"{name(number)} {sorted(WNIDS).index(wnid)}\n" for number, wnid in enumerate(OF_VAL, 1))
SYNSET_WORDS = f"{TENCH} tench, Tinca tinca\n{SETTER} English setter\n{FOX} kit fox, Vulpes macrotis\n"
TRUTH = "1\n2\n3\n2\n"
LABELS = {
    None: {},
    "Kaggle": {"LOC_val_solution.csv": SOLUTION, "LOC_synset_mapping.txt": SYNSET_WORDS},
    "Caffe": {"val.txt": CAFFE, "synset_words.txt": SYNSET_WORDS},
    "Caffe in its folder": {"caffe_ilsvrc12/val.txt": CAFFE, "caffe_ilsvrc12/synset_words.txt": SYNSET_WORDS},
    "Caffe in val": {"val/val.txt": CAFFE},
    "devkit": {
        "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt": TRUTH,
        "ILSVRC2012_devkit_t12/data/meta.mat": base64.b64decode(META),
    },
    "devkit's files": {"ILSVRC2012_validation_ground_truth.txt": TRUTH, "meta.mat": base64.b64decode(META)},
}
NAMED = set(LABELS) - {None, "Caffe in val"}


@pytest.mark.parametrize("ending", ["JPEG", "png"])
@pytest.mark.parametrize("labels", [key for key in LABELS if key])
def test_extracted_ilsvrc_with_a_flat_val(tmp_path, labels, ending):
    source = read_source(extracted(tmp_path / "set", labels=labels, ending=ending))
    assert (source.format, source.size, source.expected) == ("ilsvrc2012", 256, 10)
    assert source.class_ids == (TENCH, SETTER, FOX)
    words = ("tench, Tinca tinca", "English setter", "kit fox, Vulpes macrotis")
    assert source.class_names == (words if labels in NAMED else source.class_ids)
    assert contents(source.train)[1] == [0, 0, 1, 1, 2, 2]
    _pictures, numbers, names = contents(source.val)
    assert numbers == [2, 0, 1, 0] and names == [f"val/{name(i, ending)}" for i in (1, 2, 3, 4)]
    assert source.left_out == (), "a list that is read is not left out, wherever it stands"


@pytest.mark.parametrize("start", ["", "ILSVRC", "ILSVRC/Data", KAGGLE])
def test_kaggles_folders_wherever_one_starts(tmp_path, start):
    root = extracted(tmp_path / "kaggle", KAGGLE, "Kaggle")
    write(root / KAGGLE / "test/ILSVRC2012_test_00000001.JPEG", encoded(picture(0)))
    numbers = "".join(f"ILSVRC2012_val_{i:08d} {i}\n" for i in (1, 2, 3, 4))  # not labels
    write(root / "ILSVRC/ImageSets/CLS-LOC/val.txt", numbers)
    write(root / "ILSVRC/Annotations/CLS-LOC/val/x.xml", "<annotation/>")
    source = read_source(root / start)
    assert source.format == "ilsvrc2012" and source.class_names[0] == "tench, Tinca tinca"
    assert contents(source.val)[1] == [2, 0, 1, 0]
    assert source.left_out == (("test/", "1 picture outside the training and validation pictures"),)


def test_kaggles_zip(tmp_path):
    root = extracted(tmp_path / "kaggle", KAGGLE, "Kaggle")
    source = read_source(sources.zipped(root, tmp_path / "imagenet-object-localization-challenge.zip"))
    same(source.val, read_source(root).val)
    assert source.format == "ilsvrc2012" and contents(source.train)[1] == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("labels", ["Kaggle", "Caffe", "devkit"])
@pytest.mark.parametrize("sort", [(2, 4), (1, 2, 3, 4)])
def test_pictures_and_labels_do_not_depend_on_how_much_of_val_is_sorted(tmp_path, labels, sort):
    flat = prepare(extracted(tmp_path / "flat", labels=labels), tmp_path / "one", size=16, quiet=True)
    mixed = prepare(extracted(tmp_path / "mixed", labels=labels, sort=sort), tmp_path / "two", size=16, quiet=True)
    assert mixed.fingerprint == flat.fingerprint and mixed.left_out == flat.left_out == []


def test_tars_and_folders_go_together(tmp_path):
    folders = extracted(tmp_path / "folders", labels="devkit")
    whole = read_source(folders)
    tars = sources.ilsvrc2012(tmp_path / "tars", val=4, labels=None)
    (tars / "ILSVRC2012_img_train.tar").unlink()
    (folders / "train").rename(tars / "train")
    (folders / "ILSVRC2012_devkit_t12").rename(tmp_path / "ILSVRC2012_devkit_t12")
    sources.tarred(
        tmp_path / "ILSVRC2012_devkit_t12", tars / "ILSVRC2012_devkit_t12.tar.gz", "ILSVRC2012_devkit_t12/", "w:gz"
    )
    source = read_source(tars)
    assert source.class_ids == whole.class_ids and contents(source.train)[1] == [0, 0, 1, 1, 2, 2]
    assert contents(source.val)[1] == [2, 0, 1, 0]
    (tars / "ILSVRC2012_img_val.tar").unlink()
    (folders / "val").rename(tars / "val")
    assert contents(read_source(tars).val)[1] == [2, 0, 1, 0]


@pytest.mark.parametrize("sort", [(), (2,)])
def test_pictures_of_val_that_cannot_be_used_are_listed(tmp_path, sort):
    root = extracted(tmp_path / "set", labels="Kaggle", sort=sort)
    write(root / "LOC_val_solution.csv", SOLUTION.replace("00000003", "00000009"))
    write(root / "val/notes.txt", "mine")
    write(root / "val/.DS_Store", "x")
    write(root / "val/selfie.jpg", encoded(picture(3)))
    os.symlink("nowhere", root / "val/link.JPEG")
    os.symlink("..", root / "train" / "up")
    for file in (root / "train" / FOX).iterdir():
        file.unlink()
    (root / "train" / FOX).rmdir()
    report = prepare(root, tmp_path / "out", size=16, quiet=True)
    assert (report.train_images, report.val_images, report.skipped) == (4, 2, [])
    assert report.left_out == [
        ("LOC_val_solution.csv", "pictures labelled there but missing here: 1"),
        ("val/ILSVRC2012_val_00000001.JPEG", "of a class without training pictures"),
        ("val/ILSVRC2012_val_00000003.JPEG", "without a label"),
        ("val/notes.txt", "not a picture, by its name"),
        ("val/selfie.jpg", "without a label"),
        ("train/up", "a link to a folder above"),
        ("val/.DS_Store", "hidden"),
        ("val/link.JPEG", "a link to nothing"),
    ]
    listed = (tmp_path / "out/skipped.txt").read_text().splitlines()
    assert listed == ["\t".join(row) for row in report.left_out]


def test_sorted_and_flat_without_any_label_file(tmp_path):
    root = extracted(tmp_path / "set", sort=(1, 2, 4))
    source = read_source(root)
    assert contents(source.val)[1] == [2, 0, 0]
    assert source.left_out == ((f"val/{name(3)}", "without a label"),)


def test_extracted_ilsvrc_needs_certain_labels(tmp_path):
    refused(extracted(tmp_path / "a"), "missing; expected the labels", "LOC_val_solution.csv", "val.txt", "meta.mat")
    root = extracted(tmp_path / "b", labels="Caffe")
    write(root / "val.txt", f"{name(1)} 7\n")
    refused(root, "val.txt: numbers from 7 to 7; expected 8 sorted classes, in train or in synset_words.txt")
    write(root / "val.txt", "".join(f"{name(5 - i)} {i}\n" for i in (1, 2, 3)))
    refused(root, "val.txt: numbers from 1 to 3, expected 0 to 2: Caffe's list counts the sorted classes from 0")
    write(root / "val.txt", f"{name(1)} 7\n")
    write(root / "synset_words.txt", "".join(f"n0000000{i} x\n" for i in range(9)))
    refused(root, "all 4 pictures are of a class without training pictures, or without a label")
    write(root / "val.txt", CAFFE)  # numbers of these three classes, or of the first of nine?
    refused(root, "val.txt: numbers from 0 to 2; expected 3 sorted classes", "one and the same order")
    write(root / "val.txt", f"{name(1)} 1\n{name(2)} cat\n")
    refused(root, "val.txt", "expected a picture, a space and its class")
    root = extracted(tmp_path / "c", labels="devkit's files")
    for damage in (b"", b"MATLAB 7.3 MAT-file, HDF5", base64.b64decode(META)[:400]):
        write(root / "meta.mat", damage)
        refused(root, "meta.mat: not a readable .mat file")


def test_a_picture_that_was_copied_into_its_class_counts_once(tmp_path):
    root = extracted(tmp_path / "set", labels="Kaggle")
    write(root / "val" / TENCH / name(2), (root / "val" / name(2)).read_bytes())
    source = read_source(root)
    assert contents(source.val)[1] == [2, 0, 1, 0]
    assert source.left_out == ((f"val/{name(2)}", "also in a folder of a class"),)


def test_a_list_without_labels_is_not_caffes(tmp_path):
    root = extracted(tmp_path / "set", labels="devkit")
    write(root / "val.txt", "".join(f"val/{name(i)}\n" for i in (1, 2, 3, 4)))
    assert contents(read_source(root).val)[1] == [2, 0, 1, 0]


def test_the_devkits_table():
    rows = mat_table(base64.b64decode(META), "meta.mat")
    assert [row["WNID"] for row in rows] == [FOX, TENCH, SETTER, "n00001740"]
    assert [row["ILSVRC2012_ID"].tolist() for row in rows] == [[1], [2], [3], [4]]
    assert rows[0]["words"] == "kit fox, Vulpes macrotis" and rows[3]["children"].tolist() == [1, 2]
    with pytest.raises(UserError, match="meta.mat: contains no table; expected one"):
        mat_table(bytes(126) + b"IM", "meta.mat")

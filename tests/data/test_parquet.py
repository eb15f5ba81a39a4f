"""Hugging Face's parquet files: parts, classes and pictures as the files say, and a line for whatever they lack."""

import json
import sys

import numpy as np
import pytest

from tests.data import sources
from tests.data.sources import encoded, picture, write
from tests.data.test_prepare import refused
from tests.data.test_readers import contents
from tests.data.test_validation_part import prepared
from tinyalex.data.pictures import decode_picture
from tinyalex.data.prepare import prepare
from tinyalex.data.readers import parquet as reader
from tinyalex.data.readers import read_source
from tinyalex.data.readers.folder import Folder
from tinyalex.errors import UserError

try:
    import pyarrow
    import pyarrow.parquet
except ImportError:
    pyarrow = None

needs_pyarrow = [pytest.mark.parquet, pytest.mark.skipif(pyarrow is None, reason="pyarrow is not installed")]
NAMES = ["cat", "dog"]


def parquet(path, labels, first=0, names=NAMES, plain=False, group=2, **columns):
    """A file of small pictures with these labels, two in a row group."""
    data = [encoded(picture(first + i), "PNG") for i in range(len(labels))]
    pictures = data if plain else [{"bytes": one, "path": f"{i}.png"} for i, one in enumerate(data)]
    table = pyarrow.table({"image": pictures, "label": labels} | columns)
    if names:
        features = {"label": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, path, row_group_size=group)
    return path


def two_parts(root, **options):
    parquet(root / "data/train-00000-of-00002.parquet", [0, 1, 0], 0, **options)
    parquet(root / "data/train-00001-of-00002.parquet", [1, 1], 10, **options)
    parquet(root / "data/validation-00000-of-00001.parquet", [1, 0], 500, **options)
    return root


class TestWithPyarrow:
    pytestmark = needs_pyarrow

    @pytest.mark.parametrize("plain", [False, True])
    def test_parts_classes_and_pictures(self, tmp_path, plain):
        source = read_source(two_parts(tmp_path / "pets", plain=plain))
        assert (source.format, source.size, source.expected) == ("parquet", 64, 7)
        assert source.class_ids == source.class_names == ("cat", "dog")
        pictures, labels, names = contents(source.train, 16)
        assert labels == [0, 1, 0, 1, 1] and names[4] == "data/train-00001-of-00002.parquet, row 1"
        for i, seed in enumerate((0, 1, 2, 10, 11)):
            np.testing.assert_array_equal(pictures[i], decode_picture(encoded(picture(seed), "PNG"), 16))
        assert contents(source.val)[1] == [1, 0]

    @pytest.mark.parametrize("workers", [1, 2])
    def test_prepared(self, tmp_path, workers):
        report = prepare(two_parts(tmp_path / "pets"), tmp_path / "out", size=16, workers=workers, quiet=True)
        assert (report.train_images, report.val_images, report.skipped) == (5, 2, [])

    def test_folders_for_parts_and_files_named_one_by_one(self, tmp_path):
        root = tmp_path / "pets/default"
        train = parquet(root / "train/0000.parquet", [0, 1])
        parquet(root / "test/0000.parquet", [0, 1], 500), parquet(root / "validation/0000.parquet", [1], 600)
        source = read_source(root.parent)
        assert source.expected == 3
        assert source.left_out == (("default/test/0000.parquet", "beside validation, which is read"),)
        (root / "validation/0000.parquet").unlink()
        assert read_source(root.parent).validation == "test"
        refused(train, tmp_path / "out", "has no validation part")
        report, data = prepared(parquet(tmp_path / "a.parquet", [0, 1] * 4), tmp_path / "out", val_share=0.25)
        assert (len(data.train), len(data.val)) == (6, 2)
        beside = [parquet(tmp_path / "b" / name, [0, 1], 9) for name in ("train.parquet", "test.parquet", "x.parquet")]
        assert read_source(beside[:2]).expected == 4

    def test_several_data_sets_are_never_mixed(self, tmp_path):
        two_parts(tmp_path / "hub/pets"), parquet(tmp_path / "hub/more/train/0.parquet", [0, 1])
        refused(tmp_path / "hub", tmp_path / "out", "holds several data sets; name one of more, pets")
        assert read_source(tmp_path / "hub/more").expected == 2

    @pytest.mark.parametrize("labels, ids", [(["b", "a", "b"], ("a", "b")), ([7, 3, 7], ("3", "7"))])
    def test_classes_without_names(self, tmp_path, labels, ids):
        parquet(tmp_path / "pets/train.parquet", labels, names=None)
        source = read_source(tmp_path / "pets")
        assert source.class_ids == ids and contents(source.train)[1] == [1, 0, 1]

    def test_another_column_of_labels(self, tmp_path):
        parquet(tmp_path / "pets/train.parquet", [0, 1], coarse_label=["pet", "animal"])
        source = read_source(tmp_path / "pets", labels="coarse_label")
        assert source.class_ids == ("animal", "pet") and contents(source.train)[1] == [1, 0]
        with pytest.raises(
            UserError, match="labels: found 'fine', expected a column of .*: image, label, coarse_label"
        ):
            read_source(tmp_path / "pets", labels="fine")

    def test_what_cannot_be_read(self, tmp_path):
        root = two_parts(tmp_path / "pets")
        file = parquet(root / "data/train-00000-of-00002.parquet", [0, 1, -1])
        refused(root, tmp_path / "out", "the label of row 2 is -1, expected 0 to 1")
        parquet(file, [0, 1, None])
        refused(root, tmp_path / "out", "the label of row 2 is None, expected one for each picture")
        write(file, file.read_bytes()[:-50])
        refused(root, tmp_path / "out", "train-00000-of-00002.parquet: not a readable parquet file")
        pyarrow.parquet.write_table(pyarrow.table({"text": ["a"], "label": [0]}), file)
        refused(root, tmp_path / "out", "no column of pictures; the columns are text, label")
        pyarrow.parquet.write_table(pyarrow.table({"image": [b"a"], "kind": [0]}), file)
        refused(root, tmp_path / "out", "labels: ", "has no column 'label'; expected one of image, kind")

    @pytest.mark.parametrize(
        "labels", [[[0], [1]], [{"a": 0}, {"a": 1}], [0.5, 1.0], [b"a", b"b"], [None, None]], ids=lambda v: repr(v[0])
    )
    @pytest.mark.parametrize("names", [NAMES, None])
    def test_labels_that_are_neither_numbers_nor_words(self, tmp_path, labels, names):
        parquet(tmp_path / "pets/train.parquet", labels, names=names)
        refused(
            tmp_path / "pets",
            tmp_path / "out",
            "train.parquet: ",
            "single values" if labels[0] in ([0], {"a": 0}) else "expected whole numbers or words",
        )

    def test_labels_of_two_kinds(self, tmp_path):
        parquet(tmp_path / "pets/train.parquet", [0, 1], names=None)
        parquet(tmp_path / "pets/validation.parquet", ["a", "b"], 9, names=None)
        refused(tmp_path / "pets", tmp_path / "out", "labels are whole numbers in some files and words in others")

    @pytest.mark.parametrize("column", ["image.bytes", "label"])
    def test_every_file_has_the_columns_of_the_first(self, tmp_path, column):
        root = two_parts(tmp_path / "pets")
        file = root / "data/validation-00000-of-00001.parquet"
        table = pyarrow.parquet.read_table(file).drop_columns([column.partition(".")[0]])
        pyarrow.parquet.write_table(table, file)
        refused(root, tmp_path / "out", f"{file.name}: no column '{column}' of single values")

    @pytest.mark.parametrize("form", ["plain", "struct", "large", "uncompressed", "plain pages"])
    def test_forms_of_columns(self, tmp_path, form):
        file = parquet(tmp_path / "pets/train.parquet", ["b", "a", "b"], names=None, plain=form != "struct")
        table = pyarrow.parquet.read_table(file)
        if form == "large":
            kinds = {"image": pyarrow.large_binary(), "label": pyarrow.large_string()}
            table = table.cast(pyarrow.schema(kinds))
        options = {"compression": "none" if form == "uncompressed" else "zstd", "use_dictionary": form != "plain pages"}
        pyarrow.parquet.write_table(table, file, row_group_size=2, **options)
        source = read_source(tmp_path / "pets")
        pictures, labels, _names = contents(source.train, 16)
        assert source.class_ids == ("a", "b") and labels == [1, 0, 1]
        for i in range(3):
            np.testing.assert_array_equal(pictures[i], decode_picture(encoded(picture(i), "PNG"), 16))

    def test_sizes_are_judged_before_anything_is_read(self, tmp_path, monkeypatch):
        root = two_parts(tmp_path / "pets")
        monkeypatch.setattr(reader, "_labels", None)
        with monkeypatch.context() as limits:
            limits.setattr(reader, "MOST_ROWS", 2)
            refused(root, tmp_path / "out", "train-00000-of-00002.parquet: 3 rows, expected at most 2 in a file")
        monkeypatch.setattr(reader, "MOST_AT_ONCE", 1000)
        refused(root, tmp_path / "out", " bytes of 'image.bytes' in a row group, expected at most 1,000")

    def test_equal_values_are_in_memory_once(self, tmp_path):
        """A thousand pictures and labels of 100,000 bytes in a file of a few kB would be 200 MB."""
        pictures = pyarrow.DictionaryArray.from_arrays([0] * 1000, [bytes(100_000)])
        labels = pyarrow.DictionaryArray.from_arrays([0] * 1000, ["a" * 100_000])
        file = tmp_path / "train.parquet"
        pyarrow.parquet.write_table(pyarrow.table({"image": pictures, "label": labels}), file)
        assert file.stat().st_size < 30_000
        values, _rows = reader._labels(Folder(tmp_path), file.name, "label")
        assert len(values) == 1000 and len(set(map(id, values))) == 1
        assert reader._row_group(file, "image", 0).nbytes < 200_000

    def test_a_row_without_a_picture_is_skipped(self, tmp_path):
        file = two_parts(tmp_path / "pets") / "data/train-00000-of-00002.parquet"
        table = {"image": [b"", encoded(picture(5)), encoded(picture(6))], "label": [0, 0, 1]}
        pyarrow.parquet.write_table(pyarrow.table(table), file)
        (file.parent / "train-00001-of-00002.parquet").unlink()
        parquet(file.parent / "validation-00000-of-00001.parquet", [0, 1], 500, plain=True, names=None)
        report, _data = prepared(tmp_path / "pets", tmp_path / "out")
        assert report.skipped == [("data/train-00000-of-00002.parquet, row 0", "holds no picture")]


def test_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    write(tmp_path / "pets/train-00000-of-00001.parquet", "PAR1")
    refused(tmp_path / "pets", tmp_path / "out", "read through pyarrow; install it with: pip install pyarrow")
    assert sources.class_folders(tmp_path / "plain") and read_source(tmp_path / "plain").format == "class-folders"

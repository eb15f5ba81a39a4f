"""Hugging Face's parquet files, read through pyarrow, which is optional: a folder of them, or files named one by one.

    train-00000-of-00002.parquet, validation-00000-of-00001.parquet      or in data/; or train/0000.parquet and so on

A picture is a column of bytes, or of structs with `bytes`. Labels are numbers, whose names are in the file's
"huggingface" metadata, or words. The part of a file is in its name or its folder's; files without one are training
pictures. The labels are read in advance, the pictures by the workers.
"""

import contextlib
import functools
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyalex.data.pictures import PictureError
from tinyalex.data.readers.folder import Folder
from tinyalex.data.readers.parts import TRAIN_NAMES, VAL_NAMES, parts_among
from tinyalex.data.readers.source import FileChunk, Source
from tinyalex.data.readers.storage import MOST_AT_ONCE
from tinyalex.errors import UserError
from tinyalex.files import reason
from tinyalex.schema import each, parse_json, record, text

NAME = "parquet"
EXPECTS = "train-….parquet and validation-….parquet with pictures and labels"
LABELS = "the name of a column"
SIZE = 64
USUAL_LABELS = ("label", "labels", "fine_label")
LABEL_TYPES = r"u?int\d+|bool|(large_)?string|dictionary<values=(large_)?string,.*"
MOST_ROWS = 2_000_000  # in a file; larger sets are published in several


@dataclass(frozen=True)
class ParquetAccess:
    """The pictures of a file; place: row group, and row in it. A row group is in memory at a time.

    column: the one of bytes, "image" or "image.bytes"
    """

    path: Path
    column: str

    @contextlib.contextmanager
    def opened(self):
        """A reading function."""
        yield self._read

    def _read(self, _name, place):
        group, row = map(int, place)
        value = _row_group(self.path, self.column, group)[row].as_py()
        data = value.get("bytes") if isinstance(value, dict) else value
        if not data:
            raise PictureError("holds no picture")
        return data


@functools.lru_cache(maxsize=1)  # a row group, 100 MB perhaps, has the pictures of many tasks
def _row_group(path, column, group):
    with _opened(path, column) as file:
        return file.read_row_group(group, columns=[column]).column(0)


def recognises(storage):
    """Whether there are parquet files here or up to two folders down, in one folder or in a folder for each part."""
    return isinstance(storage, Folder) and len({_home(name) for name in _files(storage)}) == 1


def read(storage, labels=None):
    """The Source. Raises UserError without pyarrow, or if a file is damaged or lacks pictures or labels.

    labels: the name of their column; None: "label", "labels" or "fine_label", or the only one with named classes
    """
    files = _files(storage)
    schema = _schema(storage, files[0])
    picture, label = _picture_column(storage, schema, files[0]), _label_column(storage, schema, files[0], labels)
    train, val, left_out = _parts(storage, files)
    for name in (*train, *val):
        _check(storage.where(name), (picture, label))
    values = {name: _labels(storage, name, label) for name in (*train, *val)}
    names = _class_names(schema, label) or _found(storage, values)
    part = _part(val[0]) if val else None
    train, val = ([_chunk(storage, name, picture, *values[name], names) for name in part] for part in (train, val))
    names, count = tuple(map(str, names)), sum(map(len, [*train, *val]))
    ids = names if len(set(names)) == len(names) else tuple(map(str, range(len(names))))  # ImageNet has two cranes
    source = Source(NAME, storage.name, SIZE, ids, names, train, val, count, left_out)
    return source if part in (None, "val", "validation") else source.validated_on(part)


def _parts(storage, files):
    """(the training files, the validation files, (name, reason) of the others)."""
    part_of = {name: _part(name) for name in files}
    train, val, _others = parts_among(set(part_of.values()) - {None})
    chosen = (
        [name for name in files if part_of[name] in (train, None)],
        [n for n in files if val and part_of[n] == val],
    )
    if not chosen[0]:
        raise UserError(f"{storage.path}: files of the part {val} only; expected {EXPECTS}")
    rest = [name for name in files if name not in chosen[0] + chosen[1]]
    return *chosen, tuple((name, f"beside {val}, which is read") for name in rest)


def _files(storage, at="", depth=2):
    """Names of the parquet files in a folder and its folders, sorted."""
    found = [posixpath.join(at, name) for name in storage.files(at) if name.endswith(".parquet")]
    if depth:
        for folder in storage.folders(at):
            found += _files(storage, posixpath.join(at, folder), depth - 1)
    return found


def _home(name):
    """The folder of a file's data set: its own, or the one above if its own is named for a part."""
    folder = posixpath.dirname(name)
    return posixpath.dirname(folder) if posixpath.basename(folder).lower() in TRAIN_NAMES + VAL_NAMES else folder


def _part(name):
    """The name of the part that a file belongs to, from its own or its folder's; None if there is none."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((word for word in words if word in TRAIN_NAMES + VAL_NAMES), None)


@contextlib.contextmanager
def _opened(path, column=None):
    """An open ParquetFile. Raises UserError without pyarrow or if the file is damaged.

    column: the one to be read; of equal values in it, bytes or words, one is in memory
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(
            f"{path}: parquet files are read through pyarrow; install it with: pip install pyarrow"
        ) from None
    try:
        with pyarrow.parquet.ParquetFile(path, read_dictionary=[column] if column else None) as file:
            yield file
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a readable parquet file ({reason(error)}); was the download cut short?") from None


def _check(path, columns):
    """UserError if a file has too many rows, or too much in a column to be read, or lacks it."""
    with _opened(path) as file:
        about, schema = file.metadata, file.schema
        if about.num_rows > MOST_ROWS:
            raise UserError(f"{path}: {about.num_rows:,} rows, expected at most {MOST_ROWS:,} in a file")
        paths = [schema.column(i).path for i in range(len(schema))]
        for column in columns:
            if column not in paths:
                raise UserError(f"{path}: no column '{column}' of single values; the columns are {', '.join(paths)}")
            for group in map(about.row_group, range(about.num_row_groups)):
                size = group.column(paths.index(column)).total_uncompressed_size
                if size > MOST_AT_ONCE:
                    found = f"{size:,} bytes of '{column}' in a row group"
                    raise UserError(f"{path}: {found}, expected at most {MOST_AT_ONCE:,}")


def _schema(storage, name):
    with _opened(storage.where(name)) as file:
        return file.schema_arrow


def _picture_column(storage, schema, name):
    """The name of the first column of bytes, "image", or of structs with `bytes`, "image.bytes"."""
    for field in schema:
        columns = {field.name: field.type}
        if str(field.type).startswith("struct"):
            columns = {f"{field.name}.bytes": inner.type for inner in field.type if inner.name == "bytes"}
        for column, kind in columns.items():
            if str(kind) in ("binary", "large_binary"):
                return column
    raise UserError(f"{storage.where(name)}: no column of pictures; the columns are {', '.join(schema.names)}")


def _label_column(storage, schema, name, wanted):
    """The name of the column of labels."""
    if wanted is not None:
        if wanted not in schema.names:
            raise UserError(
                f"found {wanted!r}, expected a column of {storage.where(name)}: {', '.join(schema.names)}", "labels"
            )
        return wanted
    named = [column for column in schema.names if _class_names(schema, column)]
    usual = [column for column in USUAL_LABELS if column in schema.names]
    if not usual and len(named) != 1:
        raise UserError(
            f"{storage.where(name)} has no column 'label'; expected one of {', '.join(schema.names)}", "labels"
        )
    return (usual or named)[0]


def _class_names(schema, column):
    """The names of the classes of a column, in label order, or None if the file does not say them."""
    try:
        features = record({column: record(names=each(text(), least=1))})
        about = parse_json(schema.metadata[b"huggingface"], record(info=record(features=features)), "huggingface")
        return tuple(about["info"]["features"][column]["names"])
    except (UserError, KeyError, TypeError):  # TypeError: no metadata at all
        return None


def _labels(storage, name, column):
    """The labels of a file as (list of numbers or words, list of the rows in each row group)."""
    with _opened(storage.where(name), column) as file:
        found = file.read(columns=[column]).column(0)
        if not re.fullmatch(LABEL_TYPES, str(found.type)):
            raise UserError(f"{storage.where(name)}: labels of type {found.type}, expected whole numbers or words")
        values = []
        for part in found.dictionary_encode().chunks:
            words = part.dictionary.to_pylist()
            values += [None if i is None else words[i] for i in part.indices.to_pylist()]
        return values, [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]


def _found(storage, values):
    """The classes of labels without names: all that occur, sorted. values: {file: what `_labels` returns}"""
    values = {value for in_file, _rows in values.values() for value in in_file} - {None}
    if len({type(value) for value in values}) > 1:
        raise UserError(f"{storage.path}: the labels are whole numbers in some files and words in others")
    return tuple(sorted(values))


def _chunk(storage, name, picture, values, rows, names):
    """The pictures of one file. values, rows: what `_labels` returns;  names: of the classes"""
    numbered = isinstance(next(iter(values), None), int) and not isinstance(names[0], int)
    label_of = {value: label for label, value in enumerate(range(len(names)) if numbered else names)}
    for row, value in enumerate(values):
        if value not in label_of:
            expected = "expected one for each picture" if value is None else f"expected 0 to {len(names) - 1}"
            raise UserError(f"{storage.where(name)}: the label of row {row} is {value}, {expected}")
    places = [(group, row) for group, count in enumerate(rows) for row in range(count)]
    labels = np.array([label_of[value] for value in values], np.int64)
    access = ParquetAccess(Path(storage.where(name)), picture)
    return FileChunk(
        access, [f"{name}, row {i}" for i in range(len(values))], np.array(places, np.int64).reshape(-1, 2), labels
    )

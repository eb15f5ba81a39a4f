"""The one prepared format on disk: written as a stream, opened memory-mapped.

    <name>/meta.json               format and version, classes, shards, colour statistics, source, fingerprint
    <name>/mean.npy                the mean training picture, float32 (S, S, 3)
    <name>/<split>-labels.npy      int64 (N,)
    <name>/<split>-00000.npy, …    uint8 (n, S, S, 3), at most 256 MiB each
    <name>/skipped.txt             pictures and files left out, "name, tab, reason"; only if there were any
    <name>/duplicates.txt          pictures in both parts, "training picture, tab, validation picture"; only if any
    <name>/repeats.txt             training pictures with equal pixels, "picture, tab, earlier picture"; only if any

N pictures, n of them in a shard, S the side in pixels, K classes. Pictures keep the order of the source: the loader
shuffles. The folder is written under a temporary name beside its final one, `.<name>.partial`, and renamed once
complete, so a folder under its final name is always whole.
"""

import contextlib
import hashlib
import json
import math
import os
import shutil
from pathlib import Path

import numpy as np

from tinyalex.data.dataset import CLASSES, Dataset, Split, check_classes
from tinyalex.errors import UserError
from tinyalex.files import behind, is_disk_full, kind_of, open_regular, reason, target
from tinyalex.lines import harmless
from tinyalex.locks import scratch
from tinyalex.schema import each, judge, like, number, one_of, read_json, record, text, whole

FORMAT, VERSION = "tinyalex-prepared", 1
SPLITS = ("train", "val")
META, MEAN, SKIPPED, DUPLICATES, REPEATS = "meta.json", "mean.npy", "skipped.txt", "duplicates.txt", "repeats.txt"
SHARD_BYTES = 256 * 2**20
LARGEST_SIDE = 2**16  # of a picture, in pixels
NEAR_ONE = number(-1e6, 1e6)  # a statistic of pixels scaled to 0..1
SHARDS = {
    split: each(
        record(file=like(rf"{split}-\d{{5,9}}\.npy", f'"{split}-00000.npy" or the like'), count=whole(), bytes=whole())
    )
    for split in SPLITS
}
META_KIND = record(
    CLASSES,
    size=whole(1, LARGEST_SIDE),
    splits=record(SHARDS),
    color_eigenvalues=each(NEAR_ONE, 3, 3),
    color_eigenvectors=each(each(NEAR_ONE, 3, 3), 3, 3),
    fingerprint=text(),
)


def labels_file(split):
    """The name of a split's label file."""
    return f"{split}-labels.npy"


def open_prepared(path):
    """Open a prepared folder as a Dataset whose pictures stay on disk until they are used.

    Raises UserError, naming the file, if anything is missing, cut short or at odds with meta.json.
    """
    path = Path(path)
    meta = _read_meta(path)
    size, class_ids = meta["size"], tuple(meta["class_ids"])
    train, val = (_open_split(path, split, meta["splits"][split], size, len(class_ids)) for split in SPLITS)
    return Dataset(
        name=str(path),
        size=size,
        class_ids=class_ids,
        class_names=tuple(meta["class_names"]),
        mean=_load(path / MEAN, np.float32, (size, size, 3)),
        color_eigenvalues=np.array(meta["color_eigenvalues"], np.float32),
        color_eigenvectors=np.array(meta["color_eigenvectors"], np.float32),
        train=train,
        val=val,
        fingerprint=meta["fingerprint"],
    )


def prepared_fingerprint(path):
    """The fingerprint of a prepared folder. UserError unless it is one."""
    return _read_meta(Path(path))["fingerprint"]


def _read_meta(path):
    file = path / META
    if not path.is_dir():
        raise UserError(f"{path}: {kind_of(path) or 'no such folder'}, expected a prepared data set")
    if not file.is_file():
        raise UserError(f"{file}: {kind_of(file) or 'missing'}, so this is not a prepared data set")
    meta = read_json(file, record(format=one_of(FORMAT), version=one_of(VERSION)))
    check_classes(judge(meta, META_KIND, file), file)
    return meta


def _open_split(path, split, shards, size, class_count):
    arrays = []
    for shard in shards:
        file, shape = path / shard["file"], (shard["count"], size, size, 3)
        found = file.stat().st_size if file.is_file() else None
        if found not in (None, shard["bytes"]):
            raise UserError(f"{file}: {found:,} bytes, expected {shard['bytes']:,}: it was cut short or changed")
        arrays.append(_load(file, np.uint8, shape, mapped=True))
    labels = _load(path / labels_file(split), np.int64, (sum(map(len, arrays)),))
    if len(labels) == 0:
        raise UserError(f"{path / labels_file(split)}: no pictures")
    if labels.min() < 0 or labels.max() >= class_count:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise UserError(f"{path / labels_file(split)}: label {wrong} is out of range, expected 0 to {class_count - 1}")
    return Split(tuple(arrays), labels)


def _load(file, dtype, shape, mapped=False):
    """The array in a .npy file, judged by its header and length before it is read. UserError unless it is this one.

    mapped: whether it stays on disk until it is used
    """
    if not file.is_file():
        raise UserError(f"{file}: {kind_of(file) or 'missing'}; the prepared data set is incomplete")
    try:
        with open_regular(file) as opened:
            np.lib.format.read_magic(opened)
            found = np.lib.format.read_array_header_1_0(opened, 1000)  # shape, whether by columns, type
            start, length = opened.tell(), os.fstat(opened.fileno()).st_size
    except Exception as error:  # NumPy raises nearly anything on a damaged header
        raise UserError(f"{file}: not a readable .npy file ({reason(error)[:80]})") from None
    if found != (shape, False, dtype):
        words = f"{str(found[2])[:80]} {str(found[0])[:80]}{' by columns' if found[1] else ''}"
        raise UserError(f"{file}: {words}, expected {np.dtype(dtype)} {shape}")
    if (expected := start + math.prod(shape) * np.dtype(dtype).itemsize) != length:
        raise UserError(f"{file}: {length:,} bytes, expected {expected:,}: it was cut short or changed")
    if mapped:
        return np.memmap(file, dtype, "r", start, shape)
    return np.fromfile(file, dtype, offset=start).reshape(shape)


class PreparedWriter:
    """Writes a prepared set batch by batch; the pictures of only one batch are in memory.

    Use it as a context manager: `add` batches, then `finish`. Left without `finish`, by an error or Ctrl-C, it removes
    everything it wrote. Raises UserError if the target is not empty or the disk is full.
    """

    def __init__(self, path, size, class_ids, class_names, shard_bytes=SHARD_BYTES):
        self.path, self.size = target(path), size
        self.class_ids, self.class_names = list(class_ids), list(class_names)
        check_classes({"class_ids": self.class_ids, "class_names": self.class_names}, self.path)
        self.shard_length = max(1, shard_bytes // (size * size * 3))
        self.shards = {split: [] for split in SPLITS}
        self.labels = {split: [] for split in SPLITS}
        self.digests = {split: hashlib.sha256() for split in SPLITS}
        self.folder = self.file = self.shard = None  # the file being written and its entry in `shards`
        self.header_bytes = 0
        self.scratch = contextlib.ExitStack()
        check_target(self.path)

    def __enter__(self):
        with _disk_errors(self.path):
            self.folder = self.scratch.enter_context(scratch(self.path))
            check_target(self.path)  # again: another process may have written it in the meantime
        return self

    def __exit__(self, *_exception):
        with contextlib.suppress(OSError):  # on a full disk closing fails like the write before it
            if self.file:
                self.file.close()
        self.scratch.close()

    def check_space(self, count):
        """Raise UserError if `count` pictures do not fit on the disk."""
        needed, free = count * self.size * self.size * 3, shutil.disk_usage(self.folder).free
        if needed > free:
            raise UserError(
                f"{self.path}: {needed / 1e6:,.0f} MB are needed for {count:,} pictures, {free / 1e6:,.0f} MB are free"
            )

    def add(self, split, pictures, labels):
        """Append uint8 pictures (N, S, S, 3) and their labels (N,) to a split; complete one split, then the other."""
        self.digests[split].update(np.ascontiguousarray(pictures))
        self.labels[split].append(np.asarray(labels, np.int64))
        with _disk_errors(self.path):
            while len(pictures):
                if not self.shards[split] or self.shard["count"] == self.shard_length:
                    self._next_shard(split)
                part = pictures[: self.shard_length - self.shard["count"]]
                self.file.write(np.ascontiguousarray(part))
                self.shard["count"] += len(part)
                pictures = pictures[len(part) :]

    def finish(self, statistics, source, lists=None):
        """Write the remaining files and give the folder its final name; returns (fingerprint, bytes on disk).

        statistics: ColorStatistics of the training pictures; source: dict of their origin, for meta.json;
        lists: {file: pairs of texts} for SKIPPED, DUPLICATES and REPEATS
        """
        with _disk_errors(self.path):
            self._close_shard()
            for split in SPLITS:
                np.save(self.folder / labels_file(split), self._labels(split))
            np.save(self.folder / MEAN, statistics.mean())
            for name, pairs in (lists := lists or {}).items():
                if pairs:
                    lines = "".join("\t".join(map(harmless, pair)) + "\n" for pair in pairs)
                    (self.folder / name).write_text(lines, encoding="utf-8", errors="backslashreplace")
            meta = self._meta(statistics, source, len(lists.get(SKIPPED, ())))
            (self.folder / META).write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
            total = sum(file.stat().st_size for file in self.folder.iterdir())
            place = behind(self.path)
            if place.is_dir():
                place.rmdir()  # empty, or this raises
            os.rename(self.folder, place)
        return meta["fingerprint"], total

    def _meta(self, statistics, source, skipped):
        values, vectors = statistics.principal_components()
        meta = {"format": FORMAT, "version": VERSION, "size": self.size}
        meta |= {"class_ids": self.class_ids, "class_names": self.class_names, "splits": self.shards}
        meta |= {"color_eigenvalues": values.tolist(), "color_eigenvectors": vectors.tolist()}
        return meta | {"source": source, "skipped": skipped, "fingerprint": self._fingerprint()}

    def _fingerprint(self):
        """SHA-256 over sizes, classes, pictures and labels, whatever the batches and shards."""
        content = [self.size, self.class_ids, self.class_names]
        for split in SPLITS:
            labels = self._labels(split)
            content += [len(labels), self.digests[split].hexdigest(), hashlib.sha256(labels.astype("<i8")).hexdigest()]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def _labels(self, split):
        return np.concatenate([np.zeros(0, np.int64), *self.labels[split]])

    def _next_shard(self, split):
        self._close_shard()
        name = f"{split}-{len(self.shards[split]):05d}.npy"
        self.shard = {"file": name, "count": 0}
        self.shards[split].append(self.shard)
        self.file = (self.folder / name).open("wb")
        self._write_header(0)

    def _close_shard(self):
        """Write the number of pictures into the header: NumPy pads it, so its length stays the same."""
        if self.file:
            self.shard["bytes"] = self.file.tell()
            self.file.seek(0)
            self._write_header(self.shard["count"])
            self.file.close()
            self.file = None

    def _write_header(self, count):
        shape = (count, self.size, self.size, 3)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self.file, header)
        self.header_bytes = self.header_bytes or self.file.tell()
        assert self.file.tell() == self.header_bytes, "a shard's header changed its length"


def check_target(path):
    """Raise UserError if `path` is a file or a folder that is not empty: nothing is ever overwritten."""
    if path.exists() and not path.is_dir():
        raise UserError(f"{path}: {kind_of(path)} is in the way")
    if path.is_dir() and any(path.iterdir()):
        raise UserError(f"{path}: exists and is not empty; choose another name or remove it")
    if path.is_dir() and (os.path.ismount(behind(path)) or path.samefile(".")):  # at the end it is replaced
        kind = "the current folder" if path.samefile(".") else "where a disk is mounted"
        raise UserError(f"{path}: is {kind}, expected the name of a new folder")


@contextlib.contextmanager
def _disk_errors(path):
    """Turn an error of the disk into a UserError."""
    try:
        yield
    except OSError as error:
        file = "" if is_disk_full(error) else f" ({error.filename})"
        raise UserError(f"{path}: cannot be written: {reason(error)}{file}") from error

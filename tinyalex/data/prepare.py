"""Convert a data set from any known format to the prepared one, on all cores and in bounded memory.

Chunks of undecoded pictures go to worker processes, which return pixels and statistics; the main process writes and
hashes them in source order, validation first, so the result does not depend on the number of workers. Nothing is
shuffled. Memory holds the list of files (about 200 bytes each), digests of all pictures and a few chunks of CHUNK_BYTES
per worker. Formats that store arrays take one file at a time instead; the main process rearranges them, which is faster
than sending them to workers.
"""

import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tinyalex.backend import MOST_THREADS, cores
from tinyalex.data.dataset import ColorStatistics
from tinyalex.data.duplicates import CHOICES, Duplicates, digests
from tinyalex.data.pool import in_processes
from tinyalex.data.prepared import DUPLICATES, REPEATS, SKIPPED, PreparedWriter, check_target
from tinyalex.data.readers import read_source
from tinyalex.data.readers.parts import with_validation
from tinyalex.data.selection import Selection, chosen_classes
from tinyalex.errors import UserError
from tinyalex.files import target
from tinyalex.terminal import progress_bar

CHUNK_BYTES, CHUNK_PICTURES = 4 * 2**20, 128  # the most pixels, in bytes, and the most pictures in one task
SIDES = 8, 1024  # the smallest and largest side of prepared pictures, in pixels
POOL_WORTH = 1.0  # seconds of remaining work that justify the 0.3 s for starting processes


@dataclass(frozen=True)
class PreparedReport:
    """The result of `prepare`: counts of pictures, wall time, bytes on disk.

    skipped: (name, reason) for each picture that cannot be read; left_out: the same for files and folders of the source
    that are no part of train or val
    duplicates: (training picture, validation picture) with equal pixels
    duplicates_dropped: whether these training pictures are left out
    repeats, relabelled: (training picture, an earlier one with equal pixels) under the same label, under another one
    unvalidated: ids of the classes without validation pictures
    validation: where the validation pictures come from, in words, if that is worth saying
    """

    path: Path
    format: str
    size: int
    classes: int
    train_images: int
    val_images: int
    skipped: list
    left_out: list
    duplicates: list
    duplicates_dropped: bool
    repeats: list
    relabelled: list
    unvalidated: list
    validation: str
    seconds: float
    images_per_s: float
    fingerprint: str
    bytes: int


def prepare(
    source,
    out,
    *,
    format=None,
    labels=None,
    val_share=None,
    seed=0,
    duplicates=None,
    size=None,
    classes=None,
    per_class=None,
    strict=False,
    workers=None,
    quiet=False,
):
    """Prepare the data set at `source` into the new folder `out`; returns a PreparedReport.

    source: a folder or archive in one of the formats of readers/, or a list of several that belong together
    format: the format's name, instead of recognising it
    labels: which labels, where there are several kinds: "fine" or "coarse" of CIFAR-100, or a column of parquet files
    val_share: the share of each class's pictures to validate on, between 0 and 1, if the source has no validation part;
        seed: which ones these are
    duplicates: "keep", "drop" or "refuse" training pictures that are also validation pictures; by default they are
        kept, but dropped with `val_share`
    size: side in pixels; None for the format's own: 64 for Tiny ImageNet and class folders, 32 for CIFAR, 256 for
        ILSVRC-2012, the stored side for ImageNet batches
    classes: None for all, the number of first classes to keep, or a text file of class ids (selection.py)
    per_class: the most training pictures of each class, the first in source order
    strict: fail at the first unreadable picture instead of skipping and reporting it
    workers: processes; None for one per core, or none at all if the work is too small for them
    quiet: no progress bar
    Raises UserError for a mistake in the arguments or the source, and then leaves nothing behind.
    """
    started = time.perf_counter()
    out = target(out)
    _check_arguments(size, per_class, workers, val_share, seed, duplicates)
    _check_apart(out, source)
    check_target(out)
    found = read_source(source, format, labels)
    chosen, size = chosen_classes(found, classes), size or _side(found)
    found = with_validation(found, val_share, seed, chosen)
    both = Duplicates(duplicates or ("keep" if val_share is None else "drop"))
    ids, names = ([of_all[i] for i in chosen] for of_all in (found.class_ids, found.class_names))
    length = max(1, min(CHUNK_PICTURES, CHUNK_BYTES // (size * size * 3)))
    tasks, expected = _tasks(found, chosen, per_class, length), found.expected
    in_files = isinstance(found.train, list)
    if in_files:  # labels are known: count and check them before hours of decoding
        tasks = list(tasks)
        _check_counts(_count((task.split, task.labels) for task in tasks), ids, found.name)
        expected = sum(len(task.labels) for task in tasks)
    with PreparedWriter(out, size, ids, names) as writer:
        writer.check_space(expected if in_files else 0)
        results = _converted(tasks, size, workers if in_files else 1, expected)
        with contextlib.closing(results), progress_bar(expected, "preparing", quiet=quiet) as bar:
            statistics, skipped = _write_all(results, writer, both, strict, bar)
        counts = _count((split, labels) for split in writer.labels for labels in writer.labels[split])
        dropped = both.choice == "drop" and bool(both.found)
        unvalidated = _check_counts(counts, ids, found.name, val_share is not None, dropped)
        origin = {"name": found.name, "format": found.format} | ({"labels": labels} if labels else {}) | found.details
        repeats, relabelled = both.repeats()
        origin |= {"duplicates": {both.choice: len(both.found)}} if both.found else {}
        origin |= (
            {"repeats": {"same label": len(repeats), "other label": len(relabelled)}} if repeats + relabelled else {}
        )
        lists = {SKIPPED: [*skipped, *found.left_out], DUPLICATES: both.found, REPEATS: [*relabelled, *repeats]}
        fingerprint, total_bytes = writer.finish(statistics, origin, lists)
    seconds, train, val = time.perf_counter() - started, counts["train"].total(), counts["val"].total()
    return PreparedReport(
        path=out,
        format=found.format,
        size=size,
        classes=len(ids),
        train_images=train,
        val_images=val,
        skipped=skipped,
        left_out=list(found.left_out),
        duplicates=both.found,
        duplicates_dropped=dropped,
        repeats=repeats,
        relabelled=relabelled,
        unvalidated=unvalidated,
        validation=found.validation,
        seconds=seconds,
        images_per_s=(train + val) / seconds,
        fingerprint=fingerprint,
        bytes=total_bytes,
    )


def _check_arguments(size, per_class, workers, val_share, seed, duplicates):
    """Raise UserError, before anything is read, if a number is out of range or a word unknown."""
    if val_share is not None and not 0 < val_share < 1:
        raise UserError(f"found {val_share:g}, expected a share between 0 and 1, such as 0.2", "val_share")
    if duplicates not in (None, *CHOICES):
        raise UserError(f"found {duplicates!r}, expected {', '.join(CHOICES)}", "duplicates")
    limits = {"size": (size, *SIDES), "per_class": (per_class, 1, None), "workers": (workers, 1, MOST_THREADS)}
    limits |= {"seed": (seed, 0, None)}
    for name, (value, low, high) in limits.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and low <= value <= (high or value)):
            raise UserError(
                f"found {value!r}, expected a whole number, {low} {f'to {high}' if high else 'or more'}", name
            )


def _check_apart(out, source):
    """Raise UserError if the folder to write would be part of the source, which the next `prepare` would then read."""
    for folder in [source] if isinstance(source, (str, Path)) else source:
        if out.resolve().is_relative_to(Path(folder).resolve()):
            raise UserError(f"found {out}, which is in the source, {folder}; expected a folder outside it", "out")


def _side(found):
    """The side of a source's own pictures. Raises UserError if pictures of that side are not prepared."""
    low, high = SIDES
    if not low <= found.size <= high:
        raise UserError(f"{found.name} has pictures of side {found.size:,}; give another, from {low} to {high}", "size")
    return found.size


@dataclass(frozen=True)
class _Task:
    """A chunk of a split, and the new labels of its pictures."""

    split: str
    chunk: object
    labels: np.ndarray


@dataclass(frozen=True)
class _Result:
    """A finished task: uint8 (n, S, S, 3), labels (n,), (name, reason) of the others, ColorStatistics (train only).

    names: n strings, or None if the source has none; digests: of the n pictures, as duplicates.py has them
    """

    split: str
    pictures: np.ndarray
    labels: np.ndarray
    skipped: list
    statistics: ColorStatistics | None
    names: list | None
    digests: list


def _tasks(source, chosen, per_class, length):
    """Yield the chosen pictures in order, as tasks of at most `length` pictures, val before train."""
    for split, chunks, most in (("val", source.val, None), ("train", source.train, per_class)):
        selection = Selection(chosen, len(source.class_ids), most)
        for chunk in chunks:
            for piece, labels in selection.pieces(chunk, length):
                yield _Task(split, piece, labels)
            del chunk  # up to 1.6 GB, and the next one is about to be loaded


def _convert(task, size):
    """Do one task: read, decode, sum up the statistics."""
    pictures, kept, skipped = task.chunk.pictures(size)
    statistics = _statistics(pictures, size) if task.split == "train" else None
    names = [task.chunk.names[i] for i in kept] if hasattr(task.chunk, "names") else None
    return _Result(task.split, pictures, task.labels[kept], skipped, statistics, names, digests(pictures))


def _statistics(pictures, size):
    statistics = ColorStatistics(size)
    statistics.add(pictures)
    return statistics


def _write_all(results, writer, both, strict, bar):
    """Write results as they arrive, without what `both`, the Duplicates, drops.

    Returns the merged ColorStatistics and the list of skipped pictures, train before val.
    """
    statistics, skipped = ColorStatistics(writer.size), {"train": [], "val": []}
    for result in results:
        if strict and result.skipped:
            raise UserError("{}: {}".format(*result.skipped[0]))
        kept = both.kept(result.split, result.names, result.labels, result.digests)
        pictures, labels = (
            (result.pictures, result.labels) if kept.all() else (result.pictures[kept], result.labels[kept])
        )
        writer.add(result.split, pictures, labels)
        if result.statistics:
            statistics.merge(result.statistics if kept.all() else _statistics(pictures, writer.size))
        skipped[result.split] += result.skipped
        bar.update(len(result.labels) + len(result.skipped))
    return statistics, [*skipped["train"], *skipped["val"]]


def _count(pairs):
    """Count pictures per split and class. pairs: (split, labels), …"""
    counts = {"train": Counter(), "val": Counter()}
    for split, labels in pairs:
        counts[split].update(labels.tolist())
    return counts


def _check_counts(counts, class_ids, name, each=False, dropped=False):
    """The ids of the classes without validation pictures; UserError for one without training pictures.

    each: whether every class needs a validation picture, too;  dropped: whether duplicates were left out of training
    """
    empty = [class_id for label, class_id in enumerate(class_ids) if not counts["train"][label]]
    if empty:
        unique = " and are not validation pictures, too" if dropped else ""
        more = f" (one of {len(empty)} such classes)" if len(empty) > 1 else ""
        raise UserError(f"{name}: class '{empty[0]}' has no training pictures that can be read{unique}{more}")
    unseen = [class_id for label, class_id in enumerate(class_ids) if not counts["val"][label]]
    if each and unseen:
        raise UserError(f"{name}: class '{unseen[0]}' has no validation pictures that can be read")
    if not counts["val"]:
        raise UserError(f"{name}: no validation pictures that can be read")
    return unseen


def _converted(tasks, size, workers, expected):
    """Yield the results of all tasks, in order. With `workers` None, processes start only if they save time."""
    tasks = iter(tasks)
    if workers is None:
        workers, spent, done = len(cores()), 0.0, 0
        for task in tasks:
            began = time.perf_counter()
            result = _convert(task, size)
            spent, done = spent + time.perf_counter() - began, done + len(task.labels)
            yield result
            if workers > 1 and spent / done * (expected - done) > POOL_WORTH:
                break
        else:
            return
    if workers == 1:
        yield from (_convert(task, size) for task in tasks)
    else:
        yield from in_processes(partial(_convert, size=size), tasks, workers)
